//! Which of a module's data each part holds: what its functions refer to, and what that refers to in turn, unless an earlier part
//! has it. The data of a later part stand at their addresses from when it is loaded, and until then nobody has a pointer to them.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Result;

use crate::linked::Linked;
use crate::module::Module;
use crate::write::PARTS;

/// The last part, which holds what no other needs.
const REST: usize = PARTS - 1;
/// So few bytes between two pieces of a part go with them: a run of its own costs about as much as they do.
const GAP: usize = 8;

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::linked::BEFORE;
    use wasm_encoder::{CodeSection, DataSection, Function, FunctionSection, MemorySection, MemoryType, TypeSection};

    /// Where the data begin: four pieces, each of one letter and longer than a gap that is filled.
    const AT: u32 = 1024;
    const PIECE: u32 = 64;

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
        let [first, second, third, rest] = all(left, apart, &first, meant, refers);
        assert_eq!([second, third], ["", ""]);
        (first, rest)
    }

    /// The bytes of all parts, when functions with these numbers are in these parts.
    fn all(
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
    fn a_later_part_holds_what_it_means_and_no_earlier_one_does() {
        let meant = [(AT, 0), (AT + PIECE, 1)];
        for later in [1, 2] {
            // What both refer to is in the first.
            let parts = all(&[], &[], &[(AT, 0), (AT + PIECE, later)], &meant, &[(0, 3), (1, 3)]);
            let mut expected = [pieces("ad"), String::new(), String::new(), pieces("c")];
            expected[later] = pieces("b");
            assert_eq!(parts, expected);
        }
        // What the second and the third refer to is in the second.
        let parts = all(&[], &[], &[(AT, 1), (AT + PIECE, 2)], &meant, &[(0, 3), (1, 3)]);
        assert_eq!(parts, [String::new(), pieces("ad"), pieces("b"), pieces("c")]);
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
