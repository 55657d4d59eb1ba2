//! A program that has begun already: its memory as it was after it ran ahead, when the site was built, put into the module in the
//! place of the memory that a start from nothing has. What stands apart there (`src/app/ahead.rs`) goes with the rest.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{ConstExpr, CustomSection, DataCountSection, DataSection, MemorySection, RawSection, SectionId};
use wasmparser::{Parser, Payload};

use crate::module::Module;

/// So many zeros end a run of memory: to begin another one costs less than they do.
const ZEROS: usize = 40;
const PAGE: usize = 65_536;
const WORD: usize = 4;

/// The module with `memory` in it. What lies below the first of its data is the stack, on which nothing stands any more. A run
/// of memory does not go over a border of `apart`.
pub fn with_memory(module: &Module, memory: &[u8], apart: &[Range<u32>]) -> Result<Vec<u8>> {
    ensure!(memory.len().is_multiple_of(PAGE), "memory comes in pages");
    let below = module.data.iter().map(|data| data.offset as usize).min().context("a module without data")?;
    let mut runs: Vec<Range<usize>> = Vec::new();
    // The module's own runs keep their borders, which say what the linker knows.
    let mut from = below;
    for data in &module.data {
        let start = data.offset as usize;
        ensure!(from <= start, "data that are not in order");
        runs.extend(other_than_zero(memory, from..start));
        from = start + data.bytes.len();
        runs.push(start..from);
    }
    let borders = apart.iter().flat_map(|range| [range.start as usize, range.end as usize]);
    let mut borders: Vec<usize> = borders.filter(|border| (from..memory.len()).contains(border)).collect();
    borders.push(memory.len());
    borders.sort_unstable();
    for border in borders {
        runs.extend(other_than_zero(memory, from..border));
        from = border;
    }

    let mut data = DataSection::new();
    for run in &runs {
        data.active(0, &ConstExpr::i32_const(run.start as i32), memory[run.clone()].iter().copied());
    }
    let mut memories = MemorySection::new();
    let mut ty = RoundtripReencoder.memory_type(module.memory)?;
    ty.minimum = (memory.len() / PAGE) as u64;
    memories.memory(ty);

    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module.bytes) {
        let payload = payload?;
        if let Payload::CustomSection(section) = &payload {
            out.section(&CustomSection { name: section.name().into(), data: section.data().into() });
            continue;
        }
        let Some((id, range)) = payload.as_section() else { continue };
        if id == SectionId::Memory as u8 {
            out.section(&memories);
        } else if id == SectionId::DataCount as u8 {
            out.section(&DataCountSection { count: runs.len() as u32 });
        } else if id == SectionId::Data as u8 {
            out.section(&data);
        } else {
            out.section(&RawSection { id, data: &module.bytes[range] });
        }
    }
    Ok(out.finish())
}

/// The stretches of memory in which something stands, in whole words: a pointer is in one piece.
fn other_than_zero(memory: &[u8], within: Range<usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let Range { start, end } = within;
    for at in within.filter(|at| memory[*at] != 0) {
        let word = (at - at % WORD).max(start);
        let behind = (word + WORD).min(end);
        match runs.last_mut() {
            Some(last) if word < last.end + ZEROS => last.end = behind,
            _ => runs.push(word..behind),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{CodeSection, Function, FunctionSection, MemoryType, TypeSection};

    /// Where the module's own data stand.
    const AT: u32 = 1024;

    /// A module with four bytes of data and a function that does nothing.
    fn module() -> Vec<u8> {
        let mut out = wasm_encoder::Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut memories, mut code) =
            (FunctionSection::new(), MemorySection::new(), CodeSection::new());
        functions.function(0);
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut body = Function::new([]);
        body.instructions().end();
        code.function(&body);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(AT as i32), *b"abcd");
        out.section(&types).section(&functions).section(&memories).section(&code).section(&data);
        out.finish()
    }

    /// The runs of a memory in which these texts stand, and how many pages it begins with.
    fn runs(texts: &[(usize, &str)], apart: &[Range<u32>]) -> (Vec<(u32, String)>, u64) {
        let mut memory = vec![0; 2 * PAGE];
        for (at, text) in texts {
            memory[*at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        let bytes = module();
        let began =
            with_memory(&Module::read(&bytes).expect("a module"), &memory, apart).expect("a module with memory");
        wasmparser::Validator::new().validate_all(&began).expect("a valid module");
        let began = Module::read(&began).expect("what was written can be read");
        let text = |data: &crate::module::Data| String::from_utf8_lossy(&began.bytes[data.bytes.clone()]).into_owned();
        (began.data.iter().map(|data| (data.offset, text(data))).collect(), began.memory.initial)
    }

    #[test]
    fn memory_is_there_in_whole_words_but_for_the_stack() {
        let (runs, pages) = runs(&[(100, "stack"), (1024, "abXd"), (2001, "heap"), (PAGE + 4, "more")], &[]);
        assert_eq!(pages, 2);
        let expected = [(1024, "abXd"), (2000, "\0heap\0\0\0"), (PAGE as u32 + 4, "more")];
        assert_eq!(runs, expected.map(|(at, text)| (at, text.to_string())));
    }

    #[test]
    fn a_few_zeros_do_not_end_a_run_and_a_border_does() {
        let texts = [(2000, "one.two."), (2000 + 8 + ZEROS - 4, "far."), (3000, "away")];
        let far = format!("one.two.{}far.", "\0".repeat(ZEROS - 4));
        assert_eq!(runs(&texts, &[]).0[1..], [(2000, far.clone()), (3000, "away".to_string())]);
        let split = &runs(&texts, std::slice::from_ref(&(2004..2008))).0[1..];
        assert_eq!(split[..2], [(2000, "one.".to_string()), (2004, "two.".to_string())]);
        assert_eq!(split[2].1, "far.");
    }
}
