//! Writes a module so that it compresses: not instruction after instruction, but strand beside strand.
//!
//! What stands side by side in WASM's code is of different kinds: an instruction, the local that it is about, an offset, an address.
//! A compressor that meets them mixed learns little of each. So the code is written as some strands, each of which holds one kind,
//! and `assets/strands.js` plies them together again. So are the thousands of exports, elements and pieces of data. Everything else
//! stays as it is.
//!
//! The file is a row of pieces. `1 length bytes` are bytes as they are. `kind count size lengths strands` are so many functions (2),
//! exports (3), segments of elements (4) or of data (5), which take so many bytes when they are plied, with the length of each
//! strand ahead of all strands. Numbers are LEB128. A module itself begins with a zero, so nobody takes one for the other.

use std::ops::{Range, RangeInclusive};

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{DataKind, ElementItems, ElementKind, ExternalKind, Operator, Parser, Payload};

/// The kinds of pieces.
const AS_IT_IS: u8 = 1;
const CODE: u8 = 2;
const EXPORTS: u8 = 3;
const ELEMENTS: u8 = 4;
const DATA: u8 = 5;

/// The strands of code. Their order is that of `assets/strands.js`.
const INSTRUCTIONS: usize = 0;
const LOCALS: usize = 1;
const CALLS: usize = 2;
const SMALL: usize = 3;
const LARGE: usize = 4;
const OFFSETS: usize = 5;
const NUMBERS: usize = 6;
const BLOCKS: usize = 7;
/// What follows an instruction as it is, behind its length.
const RAW: usize = 8;
const SIGNATURES: usize = 9;
/// The locals that functions declare.
const DECLARED: usize = 10;
const STRANDS: usize = 11;

/// Instructions that are none of WASM's: an access to memory whose alignment is not that of its width, and a constant that is an
/// address or another large number.
const ODD: u8 = 0xd3;
const LARGE_CONST: u8 = 0xea;
/// From the first to the last access to memory.
const ACCESS: RangeInclusive<u8> = 0x28..=0x3e;
/// The logarithms of their widths.
const WIDTHS: &[u8; 23] =
    b"\x02\x03\x02\x03\x00\x00\x01\x01\x00\x00\x01\x01\x02\x02\x02\x03\x02\x03\x00\x01\x00\x01\x02";
/// What a constant is to be among the small ones.
const SMALL_CONST: Range<i64> = -128..1024;

/// The module, its code in strands.
pub fn stranded(module: &[u8]) -> Result<Vec<u8>> {
    let mut out = Out { module, copied: 0, bytes: Vec::new() };
    let mut code = Code::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let start = size_before(module, range.start, range.len())?;
                code.from.get_or_insert(start);
                code.until = range.end;
                code.add(module, &body)?;
            }
            Payload::ExportSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.piece(EXPORTS, section.count(), start..end, &exports(section)?);
            }
            Payload::ElementSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.piece(ELEMENTS, section.count(), start..end, &elements(section)?);
            }
            Payload::DataSection(section) => {
                let (start, end) = (section.original_position(), section.range().end);
                out.code(std::mem::take(&mut code));
                out.piece(DATA, section.count(), start..end, &data(section)?);
            }
            _ => {}
        }
    }
    out.code(code);
    out.as_they_are(module.len());
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
        if let Some(from) = code.from {
            self.piece(CODE, code.functions, from..code.until, &code.strands);
        }
    }
}

/// Names, kinds, and how far each number is from the one before it.
fn exports(section: wasmparser::ExportSectionReader) -> Result<[Vec<u8>; 3]> {
    let [mut names, mut kinds, mut numbers] = [const { Vec::new() }; 3];
    let mut before = 0;
    for export in section {
        let export = export?;
        number(export.name.len() as u64, &mut names);
        names.extend_from_slice(export.name.as_bytes());
        kinds.push(match export.kind {
            ExternalKind::Func => 0,
            ExternalKind::Table => 1,
            ExternalKind::Memory => 2,
            ExternalKind::Global => 3,
            _ => bail!("an export that the strands do not know: {}", export.name),
        });
        let step = i64::from(export.index) - before;
        number((step << 1 ^ step >> 63) as u64, &mut numbers);
        before = export.index.into();
    }
    Ok([names, kinds, numbers])
}

/// How far each segment is from the end of the one before it, how many functions it has, and their numbers, in two bytes.
fn elements(section: wasmparser::ElementSectionReader) -> Result<[Vec<u8>; 4]> {
    let [mut gaps, mut counts, mut low, mut high] = [const { Vec::new() }; 4];
    let mut end = 0;
    for segment in section {
        let segment = segment?;
        let (ElementKind::Active { table_index: None, offset_expr }, ElementItems::Functions(functions)) =
            (segment.kind, segment.items)
        else {
            bail!("elements that the strands do not know")
        };
        end = after_gap(&offset_expr, end, &mut gaps)?;
        number(functions.count().into(), &mut counts);
        end += functions.count();
        for function in functions {
            let [first, second] = u16::try_from(function?).context("more functions than two bytes tell")?.to_le_bytes();
            low.push(first);
            high.push(second);
        }
    }
    Ok([gaps, counts, low, high])
}

/// How far each segment is from the end of the one before it, its length, and its bytes.
fn data(section: wasmparser::DataSectionReader) -> Result<[Vec<u8>; 3]> {
    let [mut gaps, mut lengths, mut bytes] = [const { Vec::new() }; 3];
    let mut end = 0;
    for segment in section {
        let segment = segment?;
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
            bail!("data that the strands do not know")
        };
        end = after_gap(&offset_expr, end, &mut gaps)? + segment.data.len() as u32;
        number(segment.data.len() as u64, &mut lengths);
        bytes.extend_from_slice(segment.data);
    }
    Ok([gaps, lengths, bytes])
}

/// Where a segment begins, which is told as its distance from the end of the one before it.
fn after_gap(offset: &wasmparser::ConstExpr, end: u32, gaps: &mut Vec<u8>) -> Result<u32> {
    let Operator::I32Const { value } = offset.get_operators_reader().read()? else {
        bail!("a segment whose place is not a number")
    };
    let gap = (value as u32).checked_sub(end).context("segments that are not in the order of their places")?;
    number(gap.into(), gaps);
    Ok(value as u32)
}

/// Where the number stands that tells the size of the function which begins at `start`.
fn size_before(module: &[u8], start: usize, size: usize) -> Result<usize> {
    let mut told = Vec::new();
    number(size as u64, &mut told);
    let at = start - told.len();
    ensure!(module[at..start] == told[..], "the size of a function is not as short as it can be");
    Ok(at)
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The functions of a module.
#[derive(Default)]
struct Code {
    functions: u32,
    /// Where the first begins with its size, and the last ends. The sizes are not written: the instructions say where each ends.
    from: Option<usize>,
    until: usize,
    strands: [Vec<u8>; STRANDS],
}

impl Code {
    fn add(&mut self, module: &[u8], body: &wasmparser::FunctionBody) -> Result<()> {
        let range = body.range();
        self.functions += 1;
        let mut operators = body.get_operators_reader()?;
        let mut at = operators.original_position();
        self.strands[DECLARED].extend_from_slice(&module[range.start..at]);
        while !operators.eof() {
            operators.read()?;
            let end = operators.original_position();
            self.instruction(&module[at..end])?;
            at = end;
        }
        Ok(())
    }

    fn instruction(&mut self, bytes: &[u8]) -> Result<()> {
        let (mut code, mut rest) = (bytes[0], &bytes[1..]);
        let strand = match code {
            0x02..=0x04 => BLOCKS,
            0x0c | 0x0d | 0x23..=0x26 | 0x3f | 0x40 | 0xd0 | 0xd2 => NUMBERS,
            0x10 => CALLS,
            0x11 => SIGNATURES,
            0x20..=0x22 => LOCALS,
            0x0e | 0x1c | 0x43 | 0x44 | 0xfc | 0xfd => {
                number(rest.len() as u64, &mut self.strands[RAW]);
                RAW
            }
            0x41 if SMALL_CONST.contains(&signed(rest)) => SMALL,
            0x41 => {
                code = LARGE_CONST;
                LARGE
            }
            0x42 => INSTRUCTIONS,
            _ if ACCESS.contains(&code) => {
                ensure!(rest[0] < 0x40, "an access to another memory than the first");
                if rest[0] != WIDTHS[usize::from(code - ACCESS.start())] {
                    self.strands[NUMBERS].push(rest[0]);
                    code = code - ACCESS.start() + ODD;
                }
                rest = &rest[1..];
                OFFSETS
            }
            _ if rest.is_empty() && code < 0xc5 || code == 0xd1 => INSTRUCTIONS,
            _ => bail!("an instruction that the strands do not know: {bytes:x?}"),
        };
        self.strands[INSTRUCTIONS].push(code);
        self.strands[strand].extend_from_slice(rest);
        Ok(())
    }
}

/// A signed number in LEB128.
fn signed(bytes: &[u8]) -> i64 {
    let bits = bytes.len() as u32 * 7;
    let value = bytes.iter().rev().fold(0_i64, |value, byte| value << 7 | i64::from(byte & 0x7f));
    value << (64 - bits) >> (64 - bits)
}
