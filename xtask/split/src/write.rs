//! Writes the two parts of a split module.
//!
//! The first part owns memory, table and globals. What the rest needs of them, and of the first part's functions, it imports
//! from the first part's exports. The first part reaches a function of the rest only through the table: in its slot stands
//! a stand-in that has the rest loaded and then calls the slot again, until the rest, when it is instantiated, puts the
//! function itself there.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use anyhow::{Context, Result, bail};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, ImportSection, MemorySection, RawSection, SectionId, StartSection,
    TableSection,
};
use wasmparser::{BinaryReader, ExternalKind, FunctionBody, Operator, TypeRef};

use crate::data::{Parted, Run};
use crate::module::Module;

/// Where the stand-ins look for the function that loads the rest: `assets/hooks/split.mjs` gives it to the first part.
const WAIT: (&str, &str) = ("rest", "wait");
/// Where the rest finds the first part's exports.
const FIRST: &str = "f";

/// The two parts of a module.
pub struct Parts {
    pub first: Vec<u8>,
    pub rest: Vec<u8>,
    /// The imports that wasm-bindgen's script gives: their names there, and here.
    pub imports: Vec<(String, String)>,
}

/// What the two parts have in common.
struct Plan<'m, 'a> {
    module: &'m Module<'a>,
    is_first: &'m [bool],
    /// The functions of each part, in the order in which they are written.
    first: Vec<u32>,
    rest: Vec<u32>,
    /// The slot of the table through which a function is called.
    slot: HashMap<u32, u32>,
    /// The functions of the rest that stand in the table.
    in_table: BTreeMap<u32, u32>,
    table_size: u32,
    /// What the rest calls of the first part and of the page, with the short names of these exports.
    lent: BTreeMap<u32, String>,
    /// The names under which tables, memory and globals are lent.
    names: Names,
}

impl<'m, 'a> Plan<'m, 'a> {
    fn new(module: &'m Module<'a>, is_first: &'m [bool]) -> Result<Self> {
        let imported = module.imported_functions;
        let mut first: Vec<u32> = (imported..module.functions.len() as u32).filter(|f| is_first[*f as usize]).collect();
        let rest: Vec<u32> = (imported..module.functions.len() as u32).filter(|f| !is_first[*f as usize]).collect();
        // What resembles each other compresses better side by side: bodies that begin alike, or, of the many and long
        // functions of the rest, those of one module.
        let body = |f: &u32| &module.bytes[module.functions[*f as usize].body.clone()];
        let name = |f: &u32| module.functions[*f as usize].name.as_str();
        first.sort_by(|a, b| body(a).cmp(body(b)));
        let (mut short, mut long): (Vec<u32>, Vec<u32>) = rest.into_iter().partition(|f| body(f).len() < 200);
        short.sort_by(|a, b| body(a).cmp(body(b)));
        long.sort_by(|a, b| (name(a), *a).cmp(&(name(b), *b)));
        let rest = [long, short].concat();

        let (mut from_first, mut from_rest) = (BTreeSet::new(), BTreeSet::new());
        for (caller, into) in [(&first, &mut from_first), (&rest, &mut from_rest)] {
            for function in caller {
                calls(module, *function, into)?;
            }
        }
        let cold = |f: &u32| *f >= imported && !is_first[*f as usize];
        let mut slot = HashMap::new();
        let mut in_table = BTreeMap::new();
        for segment in &module.elements {
            for (index, function) in (segment.offset..).zip(&segment.functions) {
                if cold(function) {
                    slot.entry(*function).or_insert(index);
                    in_table.insert(index, *function);
                }
            }
        }
        let mut table_size = module.tables[module.table as usize].initial as u32;
        let exported = module.exports.iter().filter(|e| e.kind == ExternalKind::Func).map(|e| e.index);
        for function in from_first.iter().copied().chain(exported).chain(module.start).filter(cold) {
            if let std::collections::hash_map::Entry::Vacant(entry) = slot.entry(function) {
                entry.insert(table_size);
                in_table.insert(table_size, function);
                table_size += 1;
            }
        }
        let mut names = Names::new(module);
        let lent = from_rest.into_iter().filter(|f| !cold(f)).map(|f| (f, names.next())).collect();
        Ok(Plan { module, is_first, first, rest, slot, in_table, table_size, lent, names })
    }

    fn is_cold(&self, function: u32) -> bool {
        function >= self.module.imported_functions && !self.is_first[function as usize]
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

/// Names of one or two letters for exports, unlike those that the module has.
struct Names {
    taken: HashSet<String>,
    given: u32,
}

impl Names {
    fn new(module: &Module) -> Self {
        Names { taken: module.exports.iter().map(|e| e.name.clone()).collect(), given: 0 }
    }

    fn next(&mut self) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        loop {
            let (mut number, mut name) = (self.given, String::new());
            self.given += 1;
            loop {
                name.insert(0, LETTERS[number as usize % LETTERS.len()] as char);
                number /= LETTERS.len() as u32;
                if number == 0 {
                    break;
                }
                number -= 1;
            }
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// Splits a module in two; `is_first` says of each function whether the first part holds it.
pub fn split(module: &Module, is_first: &[bool], data: &Parted) -> Result<Parts> {
    let mut plan = Plan::new(module, is_first)?;
    let lent = Lent::new(&mut plan);
    let imports = short_imports(module);
    Ok(Parts {
        first: first_part(&plan, &lent, &imports, &data.first)?,
        rest: rest_part(&plan, &lent, &data.rest)?,
        imports,
    })
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
    let mut imports = imports_of(module, short)?;
    let wait = module.imported_functions;
    imports.import(WAIT.0, WAIT.1, EntityType::Function(nothing));
    out.section(&imports);

    // Where each function of the module stands now: its own place, or that of its stand-in.
    let mut place: HashMap<u32, u32> = (0..module.imported_functions).map(|f| (f, f)).collect();
    let mut functions = FunctionSection::new();
    let standing_in: BTreeSet<u32> = plan.in_table.values().copied().collect();
    for (index, function) in (wait + 1..).zip(plan.first.iter().chain(&standing_in)) {
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
    for (function, name) in &plan.lent {
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
    for segment in &module.elements {
        let functions: Vec<u32> = segment.functions.iter().map(|f| place[f]).collect();
        active(&mut elements, module.table, segment.offset, functions);
    }
    let grown = module.tables[module.table as usize].initial as u32;
    let more: Vec<u32> = plan.in_table.range(grown..).map(|(_, function)| place[function]).collect();
    active(&mut elements, module.table, grown, more);
    out.section(&elements);

    count_data(module, &mut out, data);
    let mut code = CodeSection::new();
    for function in &plan.first {
        code.raw(&body(module, *function, |callee, sink| {
            if plan.is_cold(callee) {
                sink.i32_const(plan.slot[&callee] as i32);
                sink.call_indirect(module.table, module.functions[callee as usize].ty);
            } else {
                sink.call(place[&callee]);
            }
        })?);
    }
    for function in &standing_in {
        let ty = module.functions[*function as usize].ty;
        let mut stand_in = Function::new([]);
        let mut sink = stand_in.instructions();
        sink.call(wait);
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

fn rest_part(plan: &Plan, lent: &Lent, data: &[Run]) -> Result<Vec<u8>> {
    let module = plan.module;
    let mut out = wasm_encoder::Module::new();
    plan.raw(&mut out, SectionId::Type, &module.types);
    let mut imports = ImportSection::new();
    let mut place = HashMap::new();
    for (index, (function, name)) in (0..).zip(&plan.lent) {
        place.insert(*function, index);
        imports.import(FIRST, name, EntityType::Function(module.functions[*function as usize].ty));
    }
    for (index, name) in lent.tables.iter().enumerate() {
        imports.import(FIRST, name, plan.table_type(index)?);
    }
    imports.import(FIRST, &lent.memory, RoundtripReencoder.memory_type(module.memory)?);
    for (ty, name) in module.global_types.iter().zip(&lent.globals) {
        imports.import(FIRST, name, RoundtripReencoder.global_type(*ty)?);
    }
    out.section(&imports);
    let mut functions = FunctionSection::new();
    for (index, function) in (plan.lent.len() as u32..).zip(&plan.rest) {
        place.insert(*function, index);
        functions.function(module.functions[*function as usize].ty);
    }
    out.section(&functions);
    let mut elements = ElementSection::new();
    for (offset, run) in runs(&plan.in_table) {
        active(&mut elements, module.table, offset, run.iter().map(|f| place[f]).collect());
    }
    out.section(&elements);
    count_data(module, &mut out, data);
    let mut code = CodeSection::new();
    for function in &plan.rest {
        code.raw(&body(module, *function, |callee, sink| {
            sink.call(place[&callee]);
        })?);
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

/// The imports, those from wasm-bindgen's script under short names.
fn imports_of(module: &Module, short: &[(String, String)]) -> Result<ImportSection> {
    let mut imports = ImportSection::new();
    let mut short = short.iter();
    for import in &module.imports {
        let TypeRef::Func(ty) = import.ty else { bail!("an import that is no function") };
        let name = if is_glue(import) { short.next().map(|(_, name)| name.as_str()) } else { None };
        imports.import(import.module, name.unwrap_or(import.name), EntityType::Function(ty));
    }
    Ok(imports)
}

/// Whether wasm-bindgen's script itself gives an import: under a name that carries a sum, which nothing can compress.
fn is_glue(import: &wasmparser::Import) -> bool {
    import.module.starts_with("./") && import.module.ends_with("_bg.js")
}

/// For each import that wasm-bindgen's script gives, its name there and the short one that it shall have.
fn short_imports(module: &Module) -> Vec<(String, String)> {
    let mut names = Names { taken: HashSet::new(), given: 0 };
    let glue = module.imports.iter().filter(|import| is_glue(import));
    glue.map(|import| (import.name.to_string(), names.next())).collect()
}

fn active(elements: &mut ElementSection, table: u32, offset: u32, functions: Vec<u32>) {
    if !functions.is_empty() {
        let table = (table != 0).then_some(table);
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
