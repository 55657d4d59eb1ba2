//! Writes a module so that it compresses: not instruction after instruction, but strand beside strand.
//!
//! What stands side by side in WASM's code is of different kinds: an instruction, the local that it is about, an offset, an address.
//! A compressor that meets them mixed learns little of each. So the code is written as some strands, each of which holds one kind,
//! and `assets/strands.js` plies them together again. So are the thousands of imports, exports, elements and pieces of data; and of a
//! stand-in (`write.rs`) stands no more than what tells it from the others. Everything else stays as it is.
//!
//! The file is a row of pieces. `1 length bytes` are bytes as they are. `kind count size lengths strands` are so many functions (2),
//! exports (3), segments of elements (4) or of data (5), stand-ins (6) or imports (7), which take so many bytes when they are plied,
//! with the length of each strand ahead of all strands. Behind the last piece stands an 8. Numbers are LEB128. A module itself begins
//! with a zero, so nobody takes one for the other.

mod code;
mod tables;

use std::ops::Range;

use anyhow::Result;
use wasmparser::{FuncType, Parser, Payload};

use code::Code;
pub use code::of_function;

/// The kinds of pieces.
const AS_IT_IS: u8 = 1;
const CODE: u8 = 2;
const EXPORTS: u8 = 3;
const ELEMENTS: u8 = 4;
const DATA: u8 = 5;
const STAND_INS: u8 = 6;
const IMPORTS: u8 = 7;
/// Behind the last piece.
const END: u8 = 8;

/// The module, its code in strands.
pub fn stranded(module: &[u8]) -> Result<Vec<u8>> {
    let mut out = Out { module, copied: 0, bytes: Vec::new() };
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(section) => {
                types = section.into_iter_err_on_gc_types().collect::<wasmparser::Result<Vec<FuncType>>>()?;
            }
            Payload::ImportSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.piece(IMPORTS, section.count(), start..end, &tables::imports(module, section)?);
            }
            Payload::FunctionSection(section) => {
                functions = section.into_iter().collect::<wasmparser::Result<Vec<u32>>>()?;
            }
            Payload::CodeSectionEntry(body) => bodies.push(body),
            Payload::ExportSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.piece(EXPORTS, section.count(), start..end, &tables::exports(section)?);
            }
            Payload::ElementSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.piece(ELEMENTS, section.count(), start..end, &tables::elements(section)?);
            }
            Payload::DataSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.code(Code::of(module, &std::mem::take(&mut bodies), &functions, &types)?);
                out.piece(DATA, section.count(), start..end, &tables::data(section)?);
            }
            _ => {}
        }
    }
    out.code(Code::of(module, &bodies, &functions, &types)?);
    out.as_they_are(module.len());
    out.bytes.push(END);
    Ok(out.bytes)
}

/// What is written, of what.
struct Out<'m> {
    module: &'m [u8],
    /// So much of the module is written.
    copied: usize,
    bytes: Vec<u8>,
}

impl Out<'_> {
    fn as_they_are(&mut self, until: usize) {
        let bytes = &self.module[self.copied..until];
        if !bytes.is_empty() {
            self.bytes.push(AS_IT_IS);
            number(bytes.len() as u64, &mut self.bytes);
            self.bytes.extend_from_slice(bytes);
        }
        self.copied = until;
    }

    /// Strands in the place of a range of the module, which holds so many functions or whatever it is.
    fn piece(&mut self, kind: u8, count: u32, range: Range<usize>, strands: &[Vec<u8>]) {
        if count == 0 {
            return;
        }
        self.as_they_are(range.start);
        self.copied = range.end;
        self.bytes.push(kind);
        let lengths = strands.iter().map(Vec::len);
        for value in [count as usize, range.len()].into_iter().chain(lengths) {
            number(value as u64, &mut self.bytes);
        }
        self.bytes.extend(strands.iter().flatten());
    }

    fn code(&mut self, code: Code) {
        self.piece(CODE, code.functions, code.range, &code.strands);
        self.piece(STAND_INS, code.stand_ins, code.stand_in_range, &code.stand_in_strands);
    }
}

/// A step up or down as a number: 0, -1, 1, -2 and so on.
fn folded(step: i64) -> u64 {
    (step << 1 ^ step >> 63) as u64
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
