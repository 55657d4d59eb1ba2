//! Writes a module so that it compresses: not instruction after instruction, but strand beside strand.
//!
//! What stands side by side in WASM's code is of different kinds: an instruction, the local that it is about, an offset, an address.
//! A compressor that meets them mixed learns little of each. So the code is written as some strands, each of which holds one kind,
//! and `assets/strands.js` plies them together again. Everything outside the code stays as it is.
//!
//! The file is a row of pieces. `1 length bytes` are bytes as they are. `2 functions size lengths strands` are so many functions,
//! which take so many bytes when they are plied, with the length of each strand ahead of all strands. Numbers are LEB128. A module
//! itself begins with a zero, so nobody takes one for the other.

use anyhow::{Result, bail, ensure};
use wasmparser::{Parser, Payload};

/// The strands. Their order is that of `assets/strands.js`.
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
const ACCESS: std::ops::RangeInclusive<u8> = 0x28..=0x3e;
/// The logarithms of their widths.
const WIDTHS: &[u8; 23] =
    b"\x02\x03\x02\x03\x00\x00\x01\x01\x00\x00\x01\x01\x02\x02\x02\x03\x02\x03\x00\x01\x00\x01\x02";
/// What a constant is to be among the small ones.
const SMALL_CONST: std::ops::Range<i64> = -128..1024;

/// The module, its code in strands.
pub fn stranded(module: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut code = Code::default();
    let mut copied = 0;
    for payload in Parser::new(0).parse_all(module) {
        let Payload::CodeSectionEntry(body) = payload? else { continue };
        let range = body.range();
        if code.functions == 0 {
            as_they_are(&module[..size_before(module, range.start, range.len())?], &mut out);
        }
        code.add(module, &body)?;
        copied = range.end;
    }
    if code.functions > 0 {
        code.write(&mut out);
    }
    as_they_are(&module[copied..], &mut out);
    Ok(out)
}

/// Where the number stands that tells the size of the function which begins at `start`.
fn size_before(module: &[u8], start: usize, size: usize) -> Result<usize> {
    let mut told = Vec::new();
    number(size as u64, &mut told);
    let at = start - told.len();
    ensure!(module[at..start] == told[..], "the size of a function is not as short as it can be");
    Ok(at)
}

fn as_they_are(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        out.push(1);
        number(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
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
    functions: usize,
    /// Their bytes in the module, with their sizes. Only the sum is written: where each ends its instructions say.
    size: usize,
    strands: [Vec<u8>; STRANDS],
}

impl Code {
    fn add(&mut self, module: &[u8], body: &wasmparser::FunctionBody) -> Result<()> {
        let range = body.range();
        self.functions += 1;
        self.size += range.end - size_before(module, range.start, range.len())?;
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

    fn write(self, out: &mut Vec<u8>) {
        out.push(2);
        let lengths = self.strands.iter().map(Vec::len);
        for value in [self.functions, self.size].into_iter().chain(lengths) {
            number(value as u64, out);
        }
        out.extend(self.strands.into_iter().flatten());
    }
}

/// A signed number in LEB128.
fn signed(bytes: &[u8]) -> i64 {
    let bits = bytes.len() as u32 * 7;
    let value = bytes.iter().rev().fold(0_i64, |value, byte| value << 7 | i64::from(byte & 0x7f));
    value << (64 - bits) >> (64 - bits)
}
