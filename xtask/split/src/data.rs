//! Which of a module's data each part holds: what its functions refer to, and what that refers to in turn, unless an earlier part
//! has it. The data of a later part stand at their addresses from when it is loaded, and until then nobody has a pointer to them.
//!
//! Who refers to what is said by the linker, in the relocations of the module that it wrote: there an address still belongs to
//! a piece of data, even where it points before or behind it. wasm-bindgen and wasm-opt rewrite code and leave data where they
//! are, so a number in a rewritten function refers to what that number referred to anywhere in the linker's module; and one
//! that stood nowhere there (wasm-opt adds an offset to an address now and then) to what lies at it or right behind it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{KnownCustom, Linking, Operator, Parser, Payload, RelocationType, SymbolInfo};

use crate::module::{Data, Module};
use crate::write::{PARTS, parsed};

/// The last part, which holds what no other needs.
const REST: usize = PARTS - 1;

/// How far before a piece of data a number may lie that means it, though the linker never wrote that number.
const BEFORE: u32 = 64;
/// So few bytes between two pieces of a part go with them: a run of its own costs about as much, in both parts.
const GAP: usize = 32;

/// Bytes of the module and the address at which they stand in memory.
pub type Run = (u32, Range<usize>);

/// The data of the parts.
pub struct Parted {
    pub parts: [Vec<Run>; PARTS],
}

impl Parted {
    /// Everything in the first part.
    pub fn not(module: &Module) -> Parted {
        let mut parts: [Vec<Run>; PARTS] = Default::default();
        parts[0] = module.data.iter().map(|data| (data.offset, data.bytes.clone())).collect();
        Parted { parts }
    }

    pub fn new(module: &Module, part_of: &[usize], linked: &Linked, apart: &[Range<u32>]) -> Result<Parted> {
        let is_apart = |address: &u32| apart.iter().any(|range| range.contains(address));
        // Where nobody but the rest reads, what looks like a pointer is a number or was left behind.
        let at_hand = |piece: &usize| !is_apart(&linked.pieces[*piece].start);
        let unnamed = module.data.iter().filter(|data| !linked.names(data) && !is_apart(&data.offset));
        let pointed = unnamed.flat_map(|data| linked.pointed(&module.bytes[data.bytes.clone()]));
        let pointed: BTreeSet<usize> = pointed.filter(at_hand).collect();
        let mut needed: Vec<BTreeSet<usize>> = Vec::new();
        for part in 0..REST {
            let mut pieces = linked.referred(module, part_of, part)?;
            pieces.extend(&pointed);
            needed.push(linked.closed(module, pieces, at_hand));
        }
        let mut parts: [Vec<Run>; PARTS] = Default::default();
        for data in &module.data {
            let length = data.bytes.len();
            // What stands apart is a piece of the first part's allocator, which does not read it.
            if is_apart(&data.offset) || !linked.names(data) {
                let part = if is_apart(&data.offset) { REST } else { 0 };
                parts[part].push((data.offset, data.bytes.clone()));
                continue;
            }
            let mut part = vec![REST; length];
            let mut known = vec![false; length];
            for (number, piece) in linked.pieces.iter().enumerate() {
                let from = piece.start.clamp(data.offset, data.offset + length as u32) - data.offset;
                let to = piece.end.clamp(data.offset, data.offset + length as u32) - data.offset;
                known[from as usize..to as usize].fill(true);
                if let Some(first) = needed.iter().position(|needed| needed.contains(&number)) {
                    part[from as usize..to as usize].fill(first);
                }
            }
            let bytes = &module.bytes[data.bytes.clone()];
            // What the linker has no name for stays, unless it is nothing but padding.
            for at in (0..length).filter(|at| !known[*at] && bytes[*at] != 0) {
                part[at] = 0;
            }
            for own in 0..REST {
                fill_gaps(&mut part, own);
            }
            let mut from = 0;
            for run in part.chunk_by(|a, b| a == b) {
                let start = data.bytes.start + from;
                parts[run[0]].push((data.offset + from as u32, start..start + run.len()));
                from += run.len();
            }
        }
        Ok(Parted { parts })
    }
}

/// Which part holds each byte, with the short gaps between the bytes of a part filled where later parts stand.
fn fill_gaps(part: &mut [usize], own: usize) {
    let mut last: Option<usize> = None;
    for at in 0..part.len() {
        if part[at] < own {
            last = None;
        } else if part[at] == own {
            if let Some(last) = last.filter(|last| at - last - 1 <= GAP) {
                part[last + 1..at].fill(own);
            }
            last = Some(at);
        }
    }
}

/// What the linker says of the data.
pub struct Linked {
    /// The addresses of each piece of data, in order and apart from each other.
    pieces: Vec<Range<u32>>,
    /// Which pieces a number refers to.
    meant: BTreeMap<u32, BTreeSet<usize>>,
    /// Which pieces a piece refers to.
    refers: Vec<BTreeSet<usize>>,
    /// The data themselves, at their addresses.
    data: Vec<(u32, Vec<u8>)>,
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
    fn referred(&self, module: &Module, part_of: &[usize], part: usize) -> Result<BTreeSet<usize>> {
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
    fn closed(&self, module: &Module, mut found: BTreeSet<usize>, at_hand: impl Fn(&usize) -> bool) -> BTreeSet<usize> {
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
    fn names(&self, data: &Data) -> bool {
        let from = self.pieces.partition_point(|piece| piece.end <= data.offset);
        self.pieces.get(from).is_some_and(|piece| piece.start < data.offset + data.bytes.len() as u32)
    }

    /// The pieces at whose addresses numbers among some bytes are. Not every such number is a pointer; a piece too many does no harm.
    fn pointed(&self, bytes: &[u8]) -> impl Iterator<Item = usize> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CodeSection, DataSection, Function, FunctionSection, MemorySection, MemoryType, TypeSection};

    /// Where the data begin: four pieces, each of one letter and longer than a gap that is filled.
    const AT: u32 = 1024;
    const PIECE: u32 = 2 * GAP as u32;

    /// The bytes of the pieces with these letters.
    fn pieces(letters: &str) -> String {
        letters.chars().flat_map(|letter| std::iter::repeat_n(letter, PIECE as usize)).collect()
    }

    /// A module with a function for each number, which does nothing with it.
    fn module(numbers: &[u32]) -> Vec<u8> {
        let mut out = wasm_encoder::Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for number in numbers {
            functions.function(0);
            let mut body = Function::new([]);
            body.instructions().i32_const(*number as i32).drop().end();
            code.function(&body);
        }
        let memory = MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None };
        let mut data = DataSection::new();
        data.active(0, &wasm_encoder::ConstExpr::i32_const(AT as i32), pieces("abcd").into_bytes());
        out.section(&types)
            .section(&functions)
            .section(MemorySection::new().memory(memory))
            .section(&code)
            .section(&data);
        out.finish()
    }

    /// The bytes of the first part and of the rest, when the functions with these numbers are in the first and one with `AT` is in
    /// the rest.
    fn parted(numbers: &[u32], meant: &[(u32, usize)], refers: &[(usize, usize)]) -> (String, String) {
        parted_after(&[], &[], numbers, meant, refers)
    }

    /// The same of a program that ran ahead and left these words at these addresses.
    fn parted_after(
        left: &[(u32, u32)],
        apart: &[Range<u32>],
        numbers: &[u32],
        meant: &[(u32, usize)],
        refers: &[(usize, usize)],
    ) -> (String, String) {
        let first: Vec<(u32, usize)> = numbers.iter().map(|number| (*number, 0)).collect();
        let [first, second, rest] = three(left, apart, &first, meant, refers);
        assert_eq!(second, "");
        (first, rest)
    }

    /// The bytes of all parts, when functions with these numbers are in these parts.
    fn three(
        left: &[(u32, u32)],
        apart: &[Range<u32>],
        functions: &[(u32, usize)],
        meant: &[(u32, usize)],
        refers: &[(usize, usize)],
    ) -> [String; PARTS] {
        let (numbers, mut part_of): (Vec<u32>, Vec<usize>) = functions.iter().copied().unzip();
        let mut bytes = module(&[&numbers[..], &[AT]].concat());
        if !left.is_empty() {
            let mut memory = vec![0; 65_536];
            memory[AT as usize..(AT + 4 * PIECE) as usize].copy_from_slice(pieces("abcd").as_bytes());
            for (at, word) in left {
                memory[*at as usize..*at as usize + 4].copy_from_slice(&word.to_le_bytes());
            }
            bytes =
                crate::ahead::with_memory(&Module::read(&bytes).expect("a module"), &memory, apart).expect("a module");
        }
        let module = Module::read(&bytes).expect("a module");
        let mut linked = Linked {
            pieces: (0..4).map(|i| AT + PIECE * i..AT + PIECE * (i + 1)).collect(),
            meant: BTreeMap::new(),
            refers: vec![BTreeSet::new(); 4],
            data: vec![(AT, pieces("abcd").into_bytes())],
        };
        for (number, piece) in meant {
            linked.meant.entry(*number).or_default().insert(*piece);
        }
        for (from, to) in refers {
            linked.refers[*from].insert(*to);
        }
        part_of.push(REST);
        let parted = Parted::new(&module, &part_of, &linked, apart).expect("a split");
        let text = |runs: &[Run]| -> String {
            runs.iter().map(|(_, bytes)| String::from_utf8_lossy(&module.bytes[bytes.clone()]).into_owned()).collect()
        };
        parted.parts.map(|runs| text(&runs))
    }

    #[test]
    fn the_second_part_holds_what_it_means_and_the_first_does_not() {
        let functions = [(AT, 0), (AT + PIECE, 1)];
        let meant = [(AT, 0), (AT + PIECE, 1)];
        // What both refer to is in the first.
        let parts = three(&[], &[], &functions, &meant, &[(0, 3), (1, 3)]);
        assert_eq!(parts, [pieces("ad"), pieces("b"), pieces("c")]);
    }

    #[test]
    fn the_first_part_holds_what_its_functions_mean_and_what_that_refers_to() {
        let (first, rest) = parted(&[AT], &[(AT, 0)], &[(0, 3)]);
        assert_eq!((first, rest), (pieces("ad"), pieces("bc")));
    }

    #[test]
    fn a_number_before_a_piece_is_the_pieces_when_the_linker_says_so() {
        // A whole piece before the third one, which is where the second begins.
        let (first, _) = parted(&[AT + PIECE], &[(AT + PIECE, 2)], &[]);
        assert_eq!(first, pieces("bc"));
    }

    #[test]
    fn a_number_that_the_linker_never_wrote_means_what_is_there_and_right_behind() {
        let (first, rest) = parted(&[AT + 2 * PIECE + BEFORE / 2], &[], &[]);
        assert_eq!((first, rest), (pieces("cd"), pieces("ab")));
    }

    /// What stands in memory since the program ran ahead begins here.
    const HEAP: u32 = AT + 4 * PIECE + 1000;

    #[test]
    fn what_ran_ahead_and_what_it_points_to_is_in_the_first_part() {
        // Into the middle of the third piece.
        let (first, rest) = parted_after(&[(HEAP, AT + 2 * PIECE + 5)], &[], &[7], &[], &[]);
        let pointer = String::from_utf8_lossy(&(AT + 2 * PIECE + 5).to_le_bytes()).into_owned();
        assert_eq!((first, rest), (pieces("c") + &pointer, pieces("abd")));
    }

    #[test]
    fn a_piece_of_the_first_part_that_was_written_to_points_as_well() {
        let written = (AT + 8, AT + 3 * PIECE);
        let (_, rest) = parted_after(&[written], &[], &[AT], &[(AT, 0)], &[]);
        assert_eq!(rest, pieces("bc"));
    }

    #[test]
    fn what_stands_apart_is_in_the_rest_and_points_to_nothing_of_the_first_part() {
        let apart = [HEAP..HEAP + 100, AT + PIECE..AT + 2 * PIECE];
        // Apart stands a pointer to the third piece; elsewhere one to the second, which only the rest reads.
        let left = [(HEAP, AT + 2 * PIECE), (HEAP + 500, AT + PIECE)];
        let (first, rest) = parted_after(&left, &apart, &[7], &[], &[]);
        let word = |number: u32| String::from_utf8_lossy(&number.to_le_bytes()).into_owned();
        assert_eq!((first, rest), (word(AT + PIECE), pieces("abcd") + &word(AT + 2 * PIECE)));
    }

    #[test]
    fn every_byte_is_in_one_part_and_no_number_means_nothing() {
        assert_eq!(parted(&[7], &[], &[]), (String::new(), pieces("abcd")));
    }
}
