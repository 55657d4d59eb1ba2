//! The strands of code, and of the stand-ins that follow it.

use std::ops::{Range, RangeInclusive};

use anyhow::{Result, bail, ensure};
use wasm_encoder::{Encode, Function};
use wasmparser::{BinaryReader, FuncType, FunctionBody};

use super::{folded, number};

/// The strands of code. Their order is that of `assets/strands.js`.
const INSTRUCTIONS: usize = 0;
const LOCALS: usize = 1;
const CALLS: usize = 2;
const OFFSETS: usize = 3;
/// Offsets of accesses of 128 bits: to move something is to read and write at equal ones.
const VECTORS: usize = 4;
const NUMBERS: usize = 5;
const BLOCKS: usize = 6;
/// What follows an instruction as it is, behind its length.
const RAW: usize = 7;
const SIGNATURES: usize = 8;
/// The locals that functions declare.
const DECLARED: usize = 9;
/// Constants of four, eight or sixteen bytes.
const WIDE: usize = 10;
/// Small and large constants, each in a strand of its own for each instruction that may follow: what is added is of another kind
/// than what is compared.
const SMALL: usize = 11;
const LARGE: usize = SMALL + 256;
const STRANDS: usize = LARGE + 256;

/// Instructions that are none of WASM's: an access to memory whose alignment is not that of its width, a constant that is an
/// address or another large number, what reads, writes and is 128 bits, and a copy within memory.
const ODD: u8 = 0xd3;
const LARGE_CONST: u8 = 0xea;
const VECTOR_LOAD: u8 = 0xeb;
const VECTOR_STORE: u8 = 0xec;
const VECTOR_CONST: u8 = 0xed;
const MEMORY_COPY: u8 = 0xee;
/// What follows the first byte of a copy within the one memory.
const COPY: [u8; 3] = [0x0a, 0, 0];
/// From the first to the last access to memory.
const ACCESS: RangeInclusive<u8> = 0x28..=0x3e;
/// The logarithms of their widths.
const WIDTHS: &[u8; 23] =
    b"\x02\x03\x02\x03\x00\x00\x01\x01\x00\x00\x01\x01\x02\x02\x02\x03\x02\x03\x00\x01\x00\x01\x02";
/// What a constant is to be among the small ones.
const SMALL_CONST: Range<i64> = -128..1024;

/// The functions of a module.
pub struct Code {
    pub functions: u32,
    /// Where the first begins with its size, and the last ends. The sizes are not written: the instructions say where each ends.
    pub range: Range<usize>,
    pub strands: Vec<Vec<u8>>,
    pub stand_ins: u32,
    pub stand_in_range: Range<usize>,
    /// Whom they call first, as a distance from the least of these numbers, which stands ahead; how many parameters a type has; their
    /// types; and how far the slot of each is from the one before it.
    pub stand_in_strands: [Vec<u8>; 4],
}

/// What the strands hold of a function, one after the other: functions that resemble each other there compress well side by side.
pub fn of_function(module: &[u8], body: Range<usize>) -> Result<Vec<u8>> {
    let mut code = Code::nothing();
    code.add(module, &FunctionBody::new(BinaryReader::new(&module[body.clone()], body.start)))?;
    Ok(code.strands.concat())
}

impl Code {
    fn nothing() -> Code {
        Code {
            functions: 0,
            range: 0..0,
            strands: vec![Vec::new(); STRANDS],
            stand_ins: 0,
            stand_in_range: 0..0,
            stand_in_strands: Default::default(),
        }
    }

    /// The code of the functions with these bodies and types.
    pub fn of(module: &[u8], bodies: &[FunctionBody], functions: &[u32], types: &[FuncType]) -> Result<Code> {
        let starts = bodies.iter().map(|body| size_before(module, body.range())).collect::<Result<Vec<_>>>()?;
        let end = bodies.last().map_or(0, |body| body.range().end);
        let known: Vec<Option<StandIn>> =
            bodies.iter().zip(functions).map(|(body, ty)| StandIn::of(&module[body.range()], *ty, types)).collect();
        let own = known.iter().rposition(Option::is_none).map_or(0, |last| last + 1);
        let between = starts.get(own).copied().unwrap_or(end);
        let mut code = Code {
            functions: own as u32,
            range: starts.first().copied().unwrap_or(end)..between,
            stand_ins: (bodies.len() - own) as u32,
            stand_in_range: between..end,
            ..Code::nothing()
        };
        for body in &bodies[..own] {
            code.add(module, body)?;
        }
        let stand_ins: Vec<StandIn> = known.into_iter().skip(own).flatten().collect();
        if let Some(least) = stand_ins.iter().map(|stand_in| stand_in.wait).min() {
            let [waits, parameters, of_types, slots] = &mut code.stand_in_strands;
            number(least.into(), waits);
            parameters.extend(types.iter().map(|ty| ty.params().len() as u8));
            let mut before = 0;
            for StandIn { wait, ty, slot } in stand_ins {
                number((wait - least).into(), waits);
                number(ty.into(), of_types);
                number(folded(i64::from(slot) - before), slots);
                before = slot.into();
            }
        }
        Ok(code)
    }

    fn add(&mut self, module: &[u8], body: &FunctionBody) -> Result<()> {
        let range = body.range();
        let mut operators = body.get_operators_reader()?;
        let mut at = operators.original_position();
        self.strands[DECLARED].extend_from_slice(&module[range.start..at]);
        // The strand in which what follows the last instruction is to stand, when that depends on the next one.
        let mut constant: Option<(usize, &[u8])> = None;
        while !operators.eof() {
            operators.read()?;
            let end = operators.original_position();
            let (code, strand, rest) = self.instruction(&module[at..end])?;
            if let Some((strand, bytes)) = constant.take() {
                self.strands[strand + usize::from(code)].extend_from_slice(bytes);
            }
            self.strands[INSTRUCTIONS].push(code);
            if strand >= SMALL {
                constant = Some((strand, rest));
            } else {
                self.strands[strand].extend_from_slice(rest);
            }
            at = end;
        }
        Ok(())
    }

    /// As what an instruction is written, what follows it there, and in which strand.
    fn instruction<'m>(&mut self, bytes: &'m [u8]) -> Result<(u8, usize, &'m [u8])> {
        let (mut code, mut rest) = (bytes[0], &bytes[1..]);
        let strand = match code {
            0x02..=0x04 => BLOCKS,
            0x0c | 0x0d | 0x23..=0x26 | 0x3f | 0x40 | 0xd0 | 0xd2 => NUMBERS,
            0x10 => CALLS,
            0x11 => SIGNATURES,
            0x20..=0x22 => LOCALS,
            0xfd if matches!(rest[0], 0x00 | 0x0b) => {
                ensure!(rest[1] < 0x40, "an access to another memory than the first");
                self.strands[NUMBERS].push(rest[1]);
                code = if rest[0] == 0 { VECTOR_LOAD } else { VECTOR_STORE };
                rest = &rest[2..];
                VECTORS
            }
            0x43 | 0x44 => WIDE,
            0xfd if rest[0] == 0x0c => {
                code = VECTOR_CONST;
                rest = &rest[1..];
                WIDE
            }
            0xfc if rest == COPY => {
                code = MEMORY_COPY;
                rest = &[];
                INSTRUCTIONS
            }
            0x0e | 0x1c | 0xfc | 0xfd => {
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
        Ok((code, strand, rest))
    }
}

/// What tells a stand-in from the others: it calls somebody who has a later part loaded, and then whoever is in its slot, with its own
/// parameters.
struct StandIn {
    wait: u32,
    ty: u32,
    slot: u32,
}

impl StandIn {
    /// The stand-in that a function of this type is, if it is one.
    fn of(body: &[u8], ty: u32, types: &[FuncType]) -> Option<StandIn> {
        let parameters = types.get(ty as usize)?.params().len();
        // No locals, a call, each parameter, and the slot.
        let [0, 0x10, rest @ ..] = body else { return None };
        let mut reader = BinaryReader::new(rest, 0);
        let wait = reader.read_var_u32().ok()?;
        let slot = rest.get(reader.current_position() + 2 * parameters + 1..)?;
        let slot = u32::try_from(BinaryReader::new(slot, 0).read_var_i32().ok()?).ok()?;
        let stand_in = StandIn { wait, ty, slot };
        (parameters < 0x80 && stand_in.body(parameters as u32) == body).then_some(stand_in)
    }

    fn body(&self, parameters: u32) -> Vec<u8> {
        let mut function = Function::new([]);
        let mut sink = function.instructions();
        sink.call(self.wait);
        for parameter in 0..parameters {
            sink.local_get(parameter);
        }
        sink.i32_const(self.slot as i32).call_indirect(0, self.ty).end();
        let mut sized = Vec::new();
        function.encode(&mut sized);
        // Its size takes one byte, or two.
        let size = if sized[0] < 0x80 { 1 } else { 2 };
        sized.split_off(size)
    }
}

/// Where the number stands that tells the size of the function whose body this is.
fn size_before(module: &[u8], body: Range<usize>) -> Result<usize> {
    let mut told = Vec::new();
    number(body.len() as u64, &mut told);
    let at = body.start - told.len();
    ensure!(module[at..body.start] == told[..], "the size of a function is not as short as it can be");
    Ok(at)
}

/// A signed number in LEB128.
fn signed(bytes: &[u8]) -> i64 {
    let bits = bytes.len() as u32 * 7;
    let value = bytes.iter().rev().fold(0_i64, |value, byte| value << 7 | i64::from(byte & 0x7f));
    value << (64 - bits) >> (64 - bits)
}
