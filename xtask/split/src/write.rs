//! Writes the parts of a split module.
//!
//! The first part owns memory, table and globals. What a later part needs of them, and of the functions of the parts before it, it
//! imports from their exports. A part reaches a function of a later part only through the table: in its slot stands a stand-in of
//! the first part that has the later part loaded and then calls the slot again, until that part, when it is instantiated, puts the
//! function itself there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use anyhow::{Context, Result, bail};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, ImportSection, MemorySection, RawSection, SectionId, StartSection,
    TableSection,
};
use wasmparser::{BinaryReader, ExternalKind, FunctionBody, Operator};

use crate::data::{Parted, Run};
use crate::module::Module;
use crate::names::{self, Names};
use crate::order;
use crate::reach;
use crate::strands;

/// How many parts there are: what makes the page around the map, the map and the first request on it, the panels, and the rest.
pub const PARTS: usize = 4;
/// Where the stand-ins look for the functions that load the later parts: `assets/boot.js` gives them to the first part.
const WAIT: (&str, [&str; PARTS - 1]) = ("rest", ["second", "third", "wait"]);
/// Where a later part finds the exports of the parts before it.
const BEFORE: [&str; PARTS - 1] = ["f", "s", "t"];

/// The parts of a module.
pub struct Parts {
    pub parts: [Vec<u8>; PARTS],
    /// The imports that wasm-bindgen's script gives: their names there, and here.
    pub imports: Vec<(String, String)>,
}

/// What the parts have in common.
struct Plan<'m, 'a> {
    module: &'m Module<'a>,
    /// The part that holds each function.
    part_of: &'m [usize],
    /// The functions of each part, in the order in which they are written.
    functions: [Vec<u32>; PARTS],
    /// The slot of the table through which a function is called.
    slot: HashMap<u32, u32>,
    /// The functions of the later parts that stand in the table.
    in_table: BTreeMap<u32, u32>,
    /// Those slots of them that may be met before the last part is there, and so want a stand-in.
    met: BTreeSet<u32>,
    table_size: u32,
    /// What later parts call of a part (and, of the first, of the page), with the short names of these exports.
    lent: [Vec<(u32, String)>; PARTS - 1],
    /// The names under which tables, memory and globals are lent.
    names: Names,
}

impl<'m, 'a> Plan<'m, 'a> {
    fn new(module: &'m Module<'a>, part_of: &'m [usize], data: &Parted) -> Result<Self> {
        let imported = module.imported_functions;
        let strands = |f: &u32| strands::of_function(module.bytes, module.functions[*f as usize].body.clone());
        let mut functions: [Vec<u32>; PARTS] = Default::default();
        for (part, functions) in functions.iter_mut().enumerate() {
            let own: Vec<u32> =
                (imported..module.functions.len() as u32).filter(|f| part_of[*f as usize] == part).collect();
            let bodies = own.iter().map(strands).collect::<Result<Vec<_>>>()?;
            *functions = order::like_beside_like(&bodies).into_iter().map(|at| own[at]).collect();
        }
        let mut called: [BTreeSet<u32>; PARTS] = Default::default();
        for (own, into) in functions.iter().zip(&mut called) {
            for function in own {
                calls(module, *function, into)?;
            }
        }
        let part = |f: &u32| part_of[*f as usize];
        let mut slot = HashMap::new();
        let mut in_table = BTreeMap::new();
        for segment in &module.elements {
            for (index, function) in (segment.offset..).zip(&segment.functions) {
                if part(function) > 0 {
                    slot.entry(*function).or_insert(index);
                    in_table.insert(index, *function);
                }
            }
        }
        let mut table_size = module.tables[module.table as usize].initial as u32;
        let exported = module.exports.iter().filter(|e| e.kind == ExternalKind::Func).map(|e| e.index);
        let ahead = (0..).zip(&called).flat_map(|(own, called)| called.iter().copied().filter(move |f| part(f) > own));
        let mut met = reach::numbers(module, part_of, data)?;
        met.retain(|number| in_table.contains_key(number));
        for function in ahead.chain(exported.chain(module.start).filter(|f| part(f) > 0)) {
            met.insert(*slot.entry(function).or_insert_with(|| {
                in_table.insert(table_size, function);
                table_size += 1;
                table_size - 1
            }));
        }
        let mut names = Names::new(module);
        let lent = std::array::from_fn(|own| {
            let later: BTreeSet<u32> = called[own + 1..].iter().flatten().copied().filter(|f| part(f) == own).collect();
            // In the order in which they stand, those of the page first.
            let page = (0..imported).filter(|_| own == 0);
            let all = page.chain(functions[own].iter().copied());
            all.filter(|function| later.contains(function)).map(|f| (f, names.next())).collect()
        });
        Ok(Plan { module, part_of, functions, slot, in_table, met, table_size, lent, names })
    }

    /// The body of a function of a part, in which `place` says where the functions stand that the part can call by number.
    fn body(&self, part: usize, function: u32, place: &HashMap<u32, u32>) -> Result<Vec<u8>> {
        body(self.module, function, |callee, sink| {
            if self.part_of[callee as usize] > part {
                sink.i32_const(self.slot[&callee] as i32);
                sink.call_indirect(self.module.table, self.module.functions[callee as usize].ty);
            } else {
                sink.call(place[&callee]);
            }
        })
    }

    fn raw(&self, into: &mut wasm_encoder::Module, id: SectionId, range: &Option<Range<usize>>) {
        if let Some(range) = range {
            into.section(&RawSection { id: id as u8, data: &self.module.bytes[range.clone()] });
        }
    }

    fn table_type(&self, index: usize) -> Result<wasm_encoder::TableType> {
        let mut ty = RoundtripReencoder.table_type(self.module.tables[index])?;
        if index == self.module.table as usize {
            ty.minimum = self.table_size.into();
            ty.maximum = ty.maximum.map(|most| most.max(ty.minimum));
        }
        Ok(ty)
    }
}

/// Splits a module; `part_of` says of each function which part holds it.
pub fn split(module: &Module, part_of: &[usize], data: &Parted) -> Result<Parts> {
    let mut plan = Plan::new(module, part_of, data)?;
    let lent = Lent::new(&mut plan);
    let imports = names::short_imports(module);
    let mut parts: [Vec<u8>; PARTS] = Default::default();
    for (part, (into, own)) in parts.iter_mut().zip(&data.parts).enumerate() {
        *into = match part {
            0 => first_part(&plan, &lent, &imports, own)?,
            later => later_part(&plan, &lent, later, own)?,
        };
    }
    Ok(Parts { parts, imports })
}

/// The names under which the first part exports what is no function.
struct Lent {
    tables: Vec<String>,
    memory: String,
    globals: Vec<String>,
}

impl Lent {
    fn new(plan: &mut Plan) -> Self {
        let tables = plan.module.tables.iter().map(|_| plan.names.next()).collect();
        let memory = plan.names.next();
        let globals = plan.module.global_types.iter().map(|_| plan.names.next()).collect();
        Lent { tables, memory, globals }
    }
}

fn first_part(plan: &Plan, lent: &Lent, short: &[(String, String)], data: &[Run]) -> Result<Vec<u8>> {
    let module = plan.module;
    let mut out = wasm_encoder::Module::new();
    plan.raw(&mut out, SectionId::Type, &module.types);

    let nothing = type_without_anything(module)?;
    let mut imports = names::imports_of(module, short)?;
    for name in WAIT.1 {
        imports.import(WAIT.0, name, EntityType::Function(nothing));
    }
    out.section(&imports);
    let wait = |function: u32| module.imported_functions + plan.part_of[function as usize] as u32 - 1;
    let own = module.imported_functions + WAIT.1.len() as u32;

    // Where each function of the module stands now: its own place, or that of its stand-in.
    let mut place: HashMap<u32, u32> = (0..module.imported_functions).map(|f| (f, f)).collect();
    let mut functions = FunctionSection::new();
    // In the order of their slots: so both the slots and the numbers in them go up by one, which compresses best.
    let mut standing_in: Vec<u32> = plan.met.iter().map(|slot| plan.in_table[slot]).collect();
    let mut known = BTreeSet::new();
    standing_in.retain(|function| known.insert(*function));
    for (index, function) in (own..).zip(plan.functions[0].iter().chain(&standing_in)) {
        place.insert(*function, index);
        functions.function(module.functions[*function as usize].ty);
    }
    out.section(&functions);

    let mut tables = TableSection::new();
    for index in 0..module.tables.len() {
        tables.table(plan.table_type(index)?);
    }
    out.section(&tables);
    out.section(MemorySection::new().memory(RoundtripReencoder.memory_type(module.memory)?));
    plan.raw(&mut out, SectionId::Global, &module.globals);

    let mut exports = ExportSection::new();
    for export in &module.exports {
        let index = if export.kind == ExternalKind::Func { place[&export.index] } else { export.index };
        exports.export(&export.name, RoundtripReencoder.export_kind(export.kind)?, index);
    }
    for (function, name) in &plan.lent[0] {
        exports.export(name, ExportKind::Func, place[function]);
    }
    for (index, name) in (0..).zip(&lent.tables) {
        exports.export(name, ExportKind::Table, index);
    }
    exports.export(&lent.memory, ExportKind::Memory, 0);
    for (index, name) in (0..).zip(&lent.globals) {
        exports.export(name, ExportKind::Global, index);
    }
    out.section(&exports);
    if let Some(start) = module.start {
        out.section(&StartSection { function_index: place[&start] });
    }

    let mut elements = ElementSection::new();
    let own = module.elements.iter().flat_map(|segment| (segment.offset..).zip(segment.functions.iter().copied()));
    let own = own.filter(|(_, function)| plan.part_of[*function as usize] == 0);
    let filled: BTreeMap<u32, u32> = own.chain(plan.met.iter().map(|slot| (*slot, plan.in_table[slot]))).collect();
    fill(&mut elements, module.table, &filled, &place);
    out.section(&elements);

    count_data(module, &mut out, data);
    let mut code = CodeSection::new();
    for function in &plan.functions[0] {
        code.raw(&plan.body(0, *function, &place)?);
    }
    for function in &standing_in {
        let ty = module.functions[*function as usize].ty;
        let mut stand_in = Function::new([]);
        let mut sink = stand_in.instructions();
        sink.call(wait(*function));
        for parameter in 0..module.signatures[ty as usize].0.len() as u32 {
            sink.local_get(parameter);
        }
        sink.i32_const(plan.slot[function] as i32);
        sink.call_indirect(module.table, ty).end();
        code.function(&stand_in);
    }
    out.section(&code);
    write_data(module, &mut out, data);
    features(module, &mut out);
    Ok(out.finish())
}

fn later_part(plan: &Plan, lent: &Lent, part: usize, data: &[Run]) -> Result<Vec<u8>> {
    let module = plan.module;
    let mut out = wasm_encoder::Module::new();
    plan.raw(&mut out, SectionId::Type, &module.types);
    let mut imports = ImportSection::new();
    let mut place = HashMap::new();
    let mut called = BTreeSet::new();
    for function in &plan.functions[part] {
        calls(module, *function, &mut called)?;
    }
    for (from, lent) in BEFORE.iter().zip(&plan.lent[..part]) {
        for (function, name) in lent.iter().filter(|(function, _)| called.contains(function)) {
            place.insert(*function, place.len() as u32);
            imports.import(from, name, EntityType::Function(module.functions[*function as usize].ty));
        }
    }
    let imported = place.len() as u32;
    let [first, ..] = BEFORE;
    for (index, name) in lent.tables.iter().enumerate() {
        imports.import(first, name, plan.table_type(index)?);
    }
    imports.import(first, &lent.memory, RoundtripReencoder.memory_type(module.memory)?);
    for (ty, name) in module.global_types.iter().zip(&lent.globals) {
        imports.import(first, name, RoundtripReencoder.global_type(*ty)?);
    }
    out.section(&imports);
    let mut functions = FunctionSection::new();
    for (index, function) in (imported..).zip(&plan.functions[part]) {
        place.insert(*function, index);
        functions.function(module.functions[*function as usize].ty);
    }
    out.section(&functions);
    if let Some(lent) = plan.lent.get(part) {
        let mut exports = ExportSection::new();
        for (function, name) in lent {
            exports.export(name, ExportKind::Func, place[function]);
        }
        out.section(&exports);
    }
    let mut elements = ElementSection::new();
    let own: BTreeMap<u32, u32> =
        plan.in_table.iter().filter(|(_, f)| plan.part_of[**f as usize] == part).map(|(s, f)| (*s, *f)).collect();
    fill(&mut elements, module.table, &own, &place);
    out.section(&elements);
    count_data(module, &mut out, data);
    let mut code = CodeSection::new();
    for function in &plan.functions[part] {
        code.raw(&plan.body(part, *function, &place)?);
    }
    out.section(&code);
    write_data(module, &mut out, data);
    features(module, &mut out);
    Ok(out.finish())
}

fn count_data(module: &Module, out: &mut wasm_encoder::Module, data: &[Run]) {
    if module.data_count {
        out.section(&DataCountSection { count: data.len() as u32 });
    }
}

fn write_data(module: &Module, out: &mut wasm_encoder::Module, data: &[Run]) {
    let mut section = DataSection::new();
    for (address, bytes) in data {
        section.active(0, &ConstExpr::i32_const(*address as i32), module.bytes[bytes.clone()].iter().copied());
    }
    out.section(&section);
}

fn type_without_anything(module: &Module) -> Result<u32> {
    let found = module.signatures.iter().position(|(params, results)| params.is_empty() && results.is_empty());
    Ok(found.context("no function without parameters and results")? as u32)
}

/// Puts functions into slots of the table.
fn fill(elements: &mut ElementSection, table: u32, slots: &BTreeMap<u32, u32>, place: &HashMap<u32, u32>) {
    let table = (table != 0).then_some(table);
    for (offset, run) in runs(slots) {
        let functions: Vec<u32> = run.iter().map(|function| place[function]).collect();
        elements.active(table, &ConstExpr::i32_const(offset as i32), Elements::Functions(functions.into()));
    }
}

/// The slots that follow each other without a gap.
fn runs(slots: &BTreeMap<u32, u32>) -> Vec<(u32, Vec<u32>)> {
    let mut runs: Vec<(u32, Vec<u32>)> = Vec::new();
    for (slot, function) in slots {
        match runs.last_mut() {
            Some((offset, run)) if *offset + run.len() as u32 == *slot => run.push(*function),
            _ => runs.push((*slot, vec![*function])),
        }
    }
    runs
}

fn features(module: &Module, out: &mut wasm_encoder::Module) {
    if let Some(range) = &module.features {
        let data = (&module.bytes[range.clone()]).into();
        out.section(&wasm_encoder::CustomSection { name: "target_features".into(), data });
    }
}

pub fn parsed<'a>(module: &Module<'a>, function: u32) -> FunctionBody<'a> {
    let range = module.functions[function as usize].body.clone();
    FunctionBody::new(BinaryReader::new(&module.bytes[range.clone()], range.start))
}

/// Collects whom a function calls by number.
pub fn calls(module: &Module, function: u32, into: &mut BTreeSet<u32>) -> Result<()> {
    let mut operators = parsed(module, function).get_operators_reader()?;
    while !operators.eof() {
        match operators.read()? {
            Operator::Call { function_index } => {
                into.insert(function_index);
            }
            Operator::RefFunc { .. } | Operator::ReturnCall { .. } => {
                bail!("{}: an instruction that the splitter does not know", module.functions[function as usize].name)
            }
            _ => {}
        }
    }
    Ok(())
}

type Sink<'s> = wasm_encoder::InstructionSink<'s>;

/// A function's body with its calls written anew.
fn body(module: &Module, function: u32, call: impl Fn(u32, &mut Sink)) -> Result<Vec<u8>> {
    let parsed = parsed(module, function);
    let mut operators = parsed.get_operators_reader()?;
    let mut copied = parsed.range().start;
    let mut out = Vec::new();
    while !operators.eof() {
        let at = operators.original_position();
        if let Operator::Call { function_index } = operators.read()? {
            out.extend_from_slice(&module.bytes[copied..at]);
            call(function_index, &mut Sink::new(&mut out));
            copied = operators.original_position();
        }
    }
    out.extend_from_slice(&module.bytes[copied..module.functions[function as usize].body.end]);
    Ok(out)
}
