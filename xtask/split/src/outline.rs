//! Takes out of the functions that run before the first request the stretches that do not run: each becomes a function of its
//! own, which the split then puts into the rest.
//!
//! Such a function gets the locals that the stretch reads and gives back those that it writes and that are read later. Where
//! the stretch has more than one way out, a number says which was taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Result, bail};
use wasm_encoder::{
    BlockType, CodeSection, Encode, Function, FunctionSection, InstructionSink, RawSection, SectionId, ValType,
};
use wasmparser::Operator;

use crate::body::{self, Body, Node, Seq};
use crate::liveness::{Liveness, Locals, liveness};
use crate::module::Module;

/// What a call costs more than the locals that it passes: a stretch must be longer by this to be worth it.
const COST: usize = 8;

/// A module with more functions than before, behind those that it had.
pub struct Outlined {
    pub bytes: Vec<u8>,
    /// For each function that is new, the function that it was taken from.
    pub parents: Vec<u32>,
}

/// Where the control goes when it leaves a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    /// To the instruction behind the stretch.
    On,
    /// To a block around the stretch, counted from the innermost.
    To(u32),
    Return,
}

/// A stretch to take out: whole nodes of one sequence.
struct Region {
    first: usize,
    last: usize,
    exits: Vec<Exit>,
    /// The result of a `return` inside.
    returns: Option<ValType>,
    ins: Vec<u32>,
    outs: Vec<u32>,
    signature: (Vec<ValType>, Vec<ValType>),
}

/// `seen` holds for each function which of its stretches ran, if that is known and any did.
pub fn outline(module: &Module, seen: &HashMap<u32, Vec<bool>>) -> Result<Outlined> {
    let mut types = Types::new(module);
    // The function that loads the rest has this type, and a module may be without one.
    types.index(&(Vec::new(), Vec::new()));
    let (mut code, mut functions) = (CodeSection::new(), FunctionSection::new());
    let (mut more, mut parents) = (Vec::new(), Vec::new());
    for function in &module.functions[module.imported_functions as usize..] {
        functions.function(function.ty);
    }
    let first_new = module.functions.len() as u32;
    body::read_all(module, |index, body| {
        let regions = seen.get(&index).filter(|ran| ran.len() == body.stretches).map(|ran| find(&body, ran));
        let regions = regions.unwrap_or_default();
        if regions.is_empty() {
            code.raw(&module.bytes[module.functions[index as usize].body.clone()]);
            return Ok(());
        }
        let callee = first_new + parents.len() as u32;
        code.function(&remainder(module, &body, &regions, callee)?);
        for region in &regions {
            functions.function(types.index(&region.signature));
            more.push(taken_out(module, &body, region)?);
            parents.push(index);
        }
        Ok(())
    })?;
    for function in &more {
        code.function(function);
    }
    let mut out = wasm_encoder::Module::new();
    for (id, range) in &module.sections {
        let data = &module.bytes[range.clone()];
        if *id == SectionId::Type as u8 {
            out.section(&RawSection { id: *id, data: &types.section(data) });
        } else if *id == SectionId::Function as u8 {
            out.section(&functions);
        } else if *id == SectionId::Code as u8 {
            out.section(&code);
        } else {
            out.section(&RawSection { id: *id, data });
        }
    }
    Ok(Outlined { bytes: out.finish(), parents })
}

/// The types of a module and those that we add.
struct Types {
    known: HashMap<(Vec<ValType>, Vec<ValType>), u32>,
    had: u32,
    added: Vec<(Vec<ValType>, Vec<ValType>)>,
}

impl Types {
    fn new(module: &Module) -> Self {
        let known = module.signatures.iter().cloned().zip(0..).collect();
        Types { known, had: module.signatures.len() as u32, added: Vec::new() }
    }

    fn index(&mut self, signature: &(Vec<ValType>, Vec<ValType>)) -> u32 {
        if let Some(index) = self.known.get(signature) {
            return *index;
        }
        let index = self.had + self.added.len() as u32;
        self.added.push(signature.clone());
        self.known.insert(signature.clone(), index);
        index
    }

    fn section(&self, had: &[u8]) -> Vec<u8> {
        // Its first number is how many there are.
        let start = 1 + had.iter().take_while(|byte| **byte >= 0x80).count();
        let mut data = Vec::new();
        (self.had + self.added.len() as u32).encode(&mut data);
        data.extend_from_slice(&had[start..]);
        for (params, results) in &self.added {
            data.push(0x60);
            params.as_slice().encode(&mut data);
            results.as_slice().encode(&mut data);
        }
        data
    }
}

/// The regions of a function that are worth taking out.
fn find(body: &Body, ran: &[bool]) -> Vec<Region> {
    if ran.iter().all(|ran| *ran) {
        return Vec::new();
    }
    let mut finder = Finder { body, ran, live: liveness(body), regions: Vec::new(), labels: Vec::new() };
    finder.sequence(&body.tree, body.ops.len() - 1);
    finder.regions.sort_by_key(|region| region.first);
    finder.regions
}

struct Finder<'b, 'a> {
    body: &'b Body<'a>,
    ran: &'b [bool],
    live: Liveness,
    regions: Vec<Region>,
    /// The blocks around, by their first instructions.
    labels: Vec<usize>,
}

impl Finder<'_, '_> {
    fn cold(&self, node: &Node) -> bool {
        !self.ran[self.body.ops[node.first()].stretch]
    }

    fn sequence(&mut self, seq: &Seq, terminator: usize) {
        let mut at = 0;
        while at < seq.len() {
            let mut taken = 0;
            if self.cold(&seq[at]) && self.body.ops[seq[at].first()].boundary {
                let run = seq[at..].iter().take_while(|node| self.cold(node)).count();
                // The longest run behind which nothing lies on the stack.
                let ends = (1..=run).rev().find(|length| {
                    let behind = seq.get(at + length).map_or(terminator, Node::first);
                    self.body.ops[behind].boundary
                });
                if let Some(length) = ends
                    && let Some(region) = self.region(&seq[at..at + length])
                {
                    self.regions.push(region);
                    taken = length;
                }
            }
            if taken == 0 {
                if let Node::Block { start, body, other, end } = &seq[at] {
                    self.labels.push(*start);
                    self.sequence(body, other.as_ref().map_or(*end, |(otherwise, _)| *otherwise));
                    if let Some((_, seq)) = other {
                        self.sequence(seq, *end);
                    }
                    self.labels.pop();
                }
                taken = 1;
            }
            at += taken;
        }
    }

    fn region(&self, nodes: &[Node]) -> Option<Region> {
        let (first, last) = (nodes.first()?.first(), nodes.last()?.last());
        let ops = &self.body.ops;
        let (mut depth, mut exits) = (0, BTreeSet::new());
        let (mut read, mut written) = (Locals::new(), Locals::new());
        let mut returns = false;
        for op in &ops[first..=last] {
            let mut branch = |relative: u32| -> Option<()> {
                let Some(outer) = relative.checked_sub(depth) else { return Some(()) };
                match self.labels.len().checked_sub(1 + outer as usize) {
                    Some(label) => self.body.plain.contains(&self.labels[label]).then(|| {
                        exits.insert(Exit::To(outer));
                    }),
                    None => self.body.results.is_empty().then(|| {
                        exits.insert(Exit::Return);
                    }),
                }
            };
            match &op.operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                Operator::End => depth -= 1,
                Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => branch(*relative_depth)?,
                Operator::BrTable { targets } => {
                    for target in targets.targets().flatten().chain([targets.default()]) {
                        branch(target)?;
                    }
                }
                Operator::Return => {
                    if self.body.results.len() > 1 {
                        return None;
                    }
                    returns = true;
                    exits.insert(Exit::Return);
                }
                Operator::LocalGet { local_index } => {
                    read.insert(*local_index);
                }
                Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                    written.insert(*local_index);
                }
                _ => {}
            }
        }
        if ops[last + 1].reachable {
            exits.insert(Exit::On);
        }
        let mut later = Locals::new();
        for exit in &exits {
            match exit {
                Exit::On => later.extend(&self.live.before[&(last + 1)]),
                Exit::To(outer) => {
                    later.extend(&self.live.arriving[&self.labels[self.labels.len() - 1 - *outer as usize]])
                }
                Exit::Return => {}
            }
        }
        let before = &self.live.before[&first];
        let ins: Vec<u32> = read.union(&written).copied().filter(|local| before.contains(local)).collect();
        let outs: Vec<u32> = written.intersection(&later).copied().collect();
        let size = ops[last].end - ops[first].start;
        if size < COST + 4 * ins.len() + 2 * outs.len() + 6 * exits.len() {
            return None;
        }
        let ty = |local: &u32| self.body.locals[*local as usize];
        let returns = returns.then(|| self.body.results.first().copied()).flatten();
        let mut results = Vec::new();
        results.extend((exits.len() > 1).then_some(ValType::I32));
        results.extend(returns);
        results.extend(outs.iter().map(ty));
        let signature = (ins.iter().map(ty).collect(), results);
        Some(Region { first, last, exits: exits.into_iter().collect(), returns, ins, outs, signature })
    }
}

/// What is left of a function.
fn remainder(module: &Module, body: &Body, regions: &[Region], first_callee: u32) -> Result<Function> {
    let mut locals = body.locals[body.parameters..].to_vec();
    let way = body.locals.len() as u32;
    locals.push(ValType::I32);
    let result = way + 1;
    locals.extend(body.results.first());
    let mut function = Function::new_with_locals_types(locals);
    let (mut copied, mut callee) = (body.ops[0].start, first_callee);
    for region in regions {
        function.raw(module.bytes[copied..body.ops[region.first].start].iter().copied());
        let mut sink = function.instructions();
        for local in &region.ins {
            sink.local_get(*local);
        }
        sink.call(callee);
        for local in region.outs.iter().rev() {
            sink.local_set(*local);
        }
        if region.returns.is_some() {
            sink.local_set(result);
        }
        leave(region, &mut sink, way, result);
        copied = body.ops[region.last].end;
        callee += 1;
    }
    function.raw(module.bytes[copied..body.ops.last().map_or(copied, |op| op.end)].iter().copied());
    Ok(function)
}

/// Goes where the stretch went; its number, if it has more than one way out, is on the stack.
fn leave(region: &Region, sink: &mut InstructionSink, way: u32, result: u32) {
    let go = |exit: Exit, sink: &mut InstructionSink| match exit {
        Exit::On => {}
        Exit::To(outer) => {
            sink.br(outer);
        }
        Exit::Return => {
            if region.returns.is_some() {
                sink.local_get(result);
            }
            sink.return_();
        }
    };
    match region.exits[..] {
        [] => {
            sink.unreachable();
        }
        [exit] => go(exit, sink),
        [Exit::On, Exit::To(outer)] => {
            sink.br_if(outer);
        }
        [ref exits @ .., last] => {
            sink.local_set(way);
            for (number, exit) in exits.iter().enumerate().filter(|(_, exit)| **exit != Exit::On) {
                sink.local_get(way).i32_const(number as i32).i32_eq();
                match exit {
                    Exit::To(outer) => {
                        sink.br_if(*outer);
                    }
                    _ => {
                        sink.if_(BlockType::Empty);
                        go(*exit, sink);
                        sink.end();
                    }
                }
            }
            if exits.contains(&Exit::On) {
                sink.local_get(way).i32_const(exits.len() as i32).i32_eq();
                match last {
                    Exit::To(outer) => {
                        sink.br_if(outer);
                    }
                    _ => {
                        sink.if_(BlockType::Empty);
                        go(last, sink);
                        sink.end();
                    }
                }
            } else {
                go(last, sink);
            }
        }
    }
}

/// The stretch as a function of its own.
fn taken_out(module: &Module, body: &Body, region: &Region) -> Result<Function> {
    let ops = &body.ops[region.first..=region.last];
    let mut place: BTreeMap<u32, u32> = region.ins.iter().copied().zip(0..).collect();
    let mut own = Vec::new();
    let mut local = |index: u32, own: &mut Vec<ValType>| -> u32 {
        let next = (region.ins.len() + own.len()) as u32;
        *place.entry(index).or_insert_with(|| {
            own.push(body.locals[index as usize]);
            next
        })
    };
    for op in ops {
        if let Operator::LocalGet { local_index }
        | Operator::LocalSet { local_index }
        | Operator::LocalTee { local_index } = op.operator
        {
            local(local_index, &mut own);
        }
    }
    let result = (region.ins.len() + own.len()) as u32;
    own.extend(region.returns);
    let place = place;
    let mut function = Function::new_with_locals_types(own);
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    let away: Vec<Exit> = region.exits.iter().copied().filter(|exit| *exit != Exit::On).collect();
    for _ in &away {
        sink.block(BlockType::Empty);
    }
    let position = |exit: Exit| away.iter().position(|each| *each == exit).unwrap_or_default() as u32;
    let mut depth = 0;
    for op in ops {
        let branch = |relative: u32| match relative.checked_sub(depth) {
            None => relative,
            Some(outer) if away.contains(&Exit::To(outer)) => depth + position(Exit::To(outer)),
            Some(_) => depth + position(Exit::Return),
        };
        let mut sink = InstructionSink::new(&mut code);
        match &op.operator {
            Operator::LocalGet { local_index } => {
                sink.local_get(place[local_index]);
            }
            Operator::LocalSet { local_index } => {
                sink.local_set(place[local_index]);
            }
            Operator::LocalTee { local_index } => {
                sink.local_tee(place[local_index]);
            }
            Operator::Br { relative_depth } => {
                sink.br(branch(*relative_depth));
            }
            Operator::BrIf { relative_depth } => {
                sink.br_if(branch(*relative_depth));
            }
            Operator::BrTable { targets } => {
                let all: Vec<u32> = targets.targets().map(|target| target.map(branch)).collect::<Result<_, _>>()?;
                sink.br_table(all, branch(targets.default()));
            }
            Operator::Return => {
                if region.returns.is_some() {
                    sink.local_set(result);
                }
                sink.br(depth + position(Exit::Return));
            }
            operator => {
                match operator {
                    Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                    Operator::End => depth -= 1,
                    Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => bail!("a tail call"),
                    _ => {}
                }
                code.extend_from_slice(&module.bytes[op.start..op.end]);
            }
        }
    }
    let mut sink = InstructionSink::new(&mut code);
    let give = |exit: Exit, sink: &mut InstructionSink| {
        if let (true, Some(number)) = (region.exits.len() > 1, region.exits.iter().position(|each| *each == exit)) {
            sink.i32_const(number as i32);
        }
        if region.returns.is_some() {
            sink.local_get(result);
        }
        for out in &region.outs {
            sink.local_get(place[out]);
        }
        sink.return_();
    };
    if region.exits.contains(&Exit::On) {
        give(Exit::On, &mut sink);
    }
    for exit in &away {
        sink.end();
        give(*exit, &mut sink);
    }
    if region.exits.is_empty() {
        sink.unreachable();
    }
    sink.end();
    function.raw(code);
    Ok(function)
}
