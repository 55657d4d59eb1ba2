//! What the linker says of a module's data: which pieces there are, and who refers to which.
//!
//! It says so in the relocations of the module that it wrote: there an address still belongs to a piece of data, even where it points
//! before or behind it. wasm-bindgen and wasm-opt rewrite code and leave data where they are, so a number in a rewritten function
//! refers to what that number referred to anywhere in the linker's module; and one that stood nowhere there (wasm-opt adds an offset
//! to an address now and then) to what lies at it or right behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{KnownCustom, Linking, Operator, Parser, Payload, RelocationType, SymbolInfo};

use crate::module::{Data, Module};
use crate::write::parsed;

/// How far before a piece of data a number may lie that means it, though the linker never wrote that number.
pub const BEFORE: u32 = 64;

/// What the linker says of the data.
pub struct Linked {
    /// The addresses of each piece of data, in order and apart from each other.
    pub pieces: Vec<Range<u32>>,
    /// Which pieces a number refers to.
    pub meant: BTreeMap<u32, BTreeSet<usize>>,
    /// Which pieces a piece refers to.
    pub refers: Vec<BTreeSet<usize>>,
    /// The data themselves, at their addresses.
    pub data: Vec<(u32, Vec<u8>)>,
}

/// A relocation: where in its section a number stands, whose address it is, and the number.
struct Relocation {
    at: usize,
    symbol: usize,
    value: u32,
}

impl Linked {
    /// Reads the module that the linker wrote with `--emit-relocs`. `None`: it was called without.
    pub fn read(bytes: &[u8]) -> Result<Option<Linked>> {
        let mut segments: Vec<(u32, Range<usize>)> = Vec::new();
        let mut sections: Vec<Range<usize>> = Vec::new();
        let mut symbols: Vec<Option<Range<u32>>> = Vec::new();
        let mut entries = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            sections.extend(payload.as_section().map(|(_, range)| range));
            match payload {
                Payload::DataSection(section) => {
                    for data in section {
                        let data = data?;
                        let wasmparser::DataKind::Active { offset_expr, .. } = data.kind else { bail!("passive data") };
                        let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                            bail!("data at no constant address")
                        };
                        segments.push((value as u32, data.range.end - data.data.len()..data.range.end));
                    }
                }
                Payload::CustomSection(section) => match section.as_known() {
                    KnownCustom::Linking(linking) => {
                        for part in linking.subsections() {
                            let Linking::SymbolTable(table) = part? else { continue };
                            for symbol in table {
                                symbols.push(match symbol? {
                                    SymbolInfo::Data { symbol: Some(data), .. } => {
                                        // What begins with nothing but zeros stands in no segment.
                                        segments
                                            .get(data.index as usize)
                                            .map(|(start, _)| start + data.offset..start + data.offset + data.size)
                                    }
                                    _ => None,
                                });
                            }
                        }
                    }
                    KnownCustom::Reloc(relocations) => {
                        let section = relocations.section_index() as usize;
                        for entry in relocations.entries() {
                            entries.push((section, entry?));
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        if symbols.is_empty() || entries.is_empty() {
            return Ok(None);
        }
        let mut code = Vec::new();
        let mut data = Vec::new();
        for (section, entry) in entries {
            if !matches!(
                entry.ty,
                RelocationType::MemoryAddrLeb | RelocationType::MemoryAddrSleb | RelocationType::MemoryAddrI32
            ) {
                continue;
            }
            let Some(range) = symbols.get(entry.index as usize).context("a relocation of no symbol")? else { continue };
            let value = (i64::from(range.start) + entry.addend) as u32;
            let at = sections.get(section).context("a relocation of no section")?.start + entry.offset as usize;
            let relocation = Relocation { at, symbol: entry.index as usize, value };
            // The linker's own word that all of this is understood as it means it.
            let field = bytes.get(at..at + 5).context("a relocation of no byte")?;
            if matches!(entry.ty, RelocationType::MemoryAddrI32) {
                ensure!(field[..4] == value.to_le_bytes(), "a relocation that does not stand where it is said to");
                data.push(relocation);
            } else {
                ensure!(padded(field) == value, "a relocation that does not stand where it is said to");
                code.push(relocation);
            }
        }
        let pieces = apart(symbols.iter().flatten().filter(|range| !range.is_empty()).cloned().collect());
        let holding = |address: u32| pieces.partition_point(|piece| piece.end <= address);
        let of_symbol = |symbol: usize| -> BTreeSet<usize> {
            let range = symbols[symbol].clone().unwrap_or_default();
            let number = holding(range.start);
            pieces.get(number).is_some_and(|piece| piece.start <= range.start).then_some(number).into_iter().collect()
        };
        let mut meant: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        for Relocation { symbol, value, .. } in code {
            meant.entry(value).or_default().extend(of_symbol(symbol));
        }
        let mut refers = vec![BTreeSet::new(); pieces.len()];
        for Relocation { at, symbol, .. } in data {
            let (start, range) = segments.iter().find(|(_, range)| range.contains(&at)).context("a pointer outside")?;
            let address = start + (at - range.start) as u32;
            let number = holding(address);
            ensure!(
                pieces.get(number).is_some_and(|piece| piece.contains(&address)),
                "a pointer that belongs to nothing"
            );
            refers[number].extend(of_symbol(symbol));
        }
        let data = segments.into_iter().map(|(start, range)| (start, bytes[range].to_vec())).collect();
        Ok(Some(Linked { pieces, meant, refers, data }))
    }

    /// The pieces that the numbers in the functions up to a part refer to.
    pub fn referred(&self, module: &Module, part_of: &[usize], part: usize) -> Result<BTreeSet<usize>> {
        let mut found = BTreeSet::new();
        let mut note = |number: u32| {
            let meant = self.meant.get(&number);
            found.extend(meant.into_iter().flatten());
            let before = if meant.is_some() { 0 } else { BEFORE };
            let from = self.pieces.partition_point(|piece| piece.end <= number);
            let near = self.pieces[from..].iter().take_while(|piece| piece.start <= number.saturating_add(before));
            found.extend(from..from + near.count());
        };
        for index in (module.imported_functions..module.functions.len() as u32).filter(|i| part_of[*i as usize] <= part)
        {
            let mut operators = parsed(module, index).get_operators_reader()?;
            while !operators.eof() {
                let operator = operators.read()?;
                match operator {
                    Operator::I32Const { value } => note(value as u32),
                    // An address may stand in the instruction itself.
                    other => {
                        if let Some(offset) = offset_of(&other) {
                            note(offset);
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    /// Some pieces, and all that they refer to: what the linker says, and what was written into them
    /// when the program ran ahead.
    pub fn closed(
        &self,
        module: &Module,
        mut found: BTreeSet<usize>,
        at_hand: impl Fn(&usize) -> bool,
    ) -> BTreeSet<usize> {
        let mut open: Vec<usize> = found.iter().copied().collect();
        while let Some(piece) = open.pop() {
            open.extend(self.refers[piece].iter().filter(|other| found.insert(**other)));
            if !at_hand(&piece) {
                continue;
            }
            let range = &self.pieces[piece];
            let from = module.data.partition_point(|data| data.offset + data.bytes.len() as u32 <= range.start);
            for data in module.data[from..].iter().take_while(|data| data.offset < range.end) {
                // Pointers stand at addresses that are multiples of four.
                let start = range.start.max(data.offset).next_multiple_of(4);
                let end = range.end.min(data.offset + data.bytes.len() as u32);
                let word = |address: u32| &module.bytes[data.bytes.start + (address - data.offset) as usize..][..4];
                let written = (start..end.saturating_sub(3)).step_by(4).filter(|at| self.word(*at) != Some(word(*at)));
                let pointed = written.flat_map(|at| self.pointed(word(at))).filter(&at_hand);
                open.extend(pointed.filter(|other| found.insert(*other)));
            }
        }
        found
    }

    /// The four bytes that the linker put at an address.
    fn word(&self, address: u32) -> Option<&[u8]> {
        let holds = |(start, bytes): &&(u32, Vec<u8>)| (*start..start + bytes.len() as u32).contains(&address);
        let (start, bytes) = self.data.iter().find(holds)?;
        bytes.get((address - start) as usize..)?.get(..4)
    }

    /// Whether the linker has a name for something in these data. It has none for what came into memory when the program ran ahead.
    pub fn names(&self, data: &Data) -> bool {
        let from = self.pieces.partition_point(|piece| piece.end <= data.offset);
        self.pieces.get(from).is_some_and(|piece| piece.start < data.offset + data.bytes.len() as u32)
    }

    /// The pieces at whose addresses numbers among some bytes are. Not every such number is a pointer; a piece too many does no harm.
    pub fn pointed(&self, bytes: &[u8]) -> impl Iterator<Item = usize> {
        let words = bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        words.filter_map(|address| {
            let number = self.pieces.partition_point(|piece| piece.end <= address);
            self.pieces.get(number).is_some_and(|piece| piece.start <= address).then_some(number)
        })
    }
}

/// A number of five bytes, as the linker writes those that it may have to change.
fn padded(field: &[u8]) -> u32 {
    field.iter().enumerate().fold(0_u64, |sum, (i, byte)| sum | u64::from(byte & 0x7f) << (7 * i)) as u32
}

/// Ranges that touch nobody else's bytes: what overlaps is one.
fn apart(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// The offset of an instruction that reads or writes memory. Those of threads, which the app is compiled without, are not among
/// them.
fn offset_of(operator: &Operator) -> Option<u32> {
    use Operator::*;
    match operator {
        I32Load { memarg }
        | I64Load { memarg }
        | F32Load { memarg }
        | F64Load { memarg }
        | I32Load8S { memarg }
        | I32Load8U { memarg }
        | I32Load16S { memarg }
        | I32Load16U { memarg }
        | I64Load8S { memarg }
        | I64Load8U { memarg }
        | I64Load16S { memarg }
        | I64Load16U { memarg }
        | I64Load32S { memarg }
        | I64Load32U { memarg }
        | I32Store { memarg }
        | I64Store { memarg }
        | F32Store { memarg }
        | F64Store { memarg }
        | I32Store8 { memarg }
        | I32Store16 { memarg }
        | I64Store8 { memarg }
        | I64Store16 { memarg }
        | I64Store32 { memarg }
        | V128Load { memarg }
        | V128Load8x8S { memarg }
        | V128Load8x8U { memarg }
        | V128Load16x4S { memarg }
        | V128Load16x4U { memarg }
        | V128Load32x2S { memarg }
        | V128Load32x2U { memarg }
        | V128Load8Splat { memarg }
        | V128Load16Splat { memarg }
        | V128Load32Splat { memarg }
        | V128Load64Splat { memarg }
        | V128Load32Zero { memarg }
        | V128Load64Zero { memarg }
        | V128Store { memarg }
        | V128Load8Lane { memarg, .. }
        | V128Load16Lane { memarg, .. }
        | V128Load32Lane { memarg, .. }
        | V128Load64Lane { memarg, .. }
        | V128Store8Lane { memarg, .. }
        | V128Store16Lane { memarg, .. }
        | V128Store32Lane { memarg, .. }
        | V128Store64Lane { memarg, .. } => Some(memarg.offset as u32),
        _ => None,
    }
}
