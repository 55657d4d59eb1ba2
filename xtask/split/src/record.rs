//! A module that records: each stretch of a function, when it runs, leaves a mark behind the memory that the module begins
//! with, in pages that nobody else is given.

use anyhow::Result;
use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{CodeSection, Encode, Instruction, MemArg, MemorySection, RawSection, SectionId};

use crate::body::{self, ends_stretch};
use crate::module::Module;

/// The module, and where in its memory the marks of each function begin, with their number.
pub struct Recorder {
    pub bytes: Vec<u8>,
    pub marks: Vec<(u32, u32)>,
}

pub fn recorder(module: &Module) -> Result<Recorder> {
    let mut code = CodeSection::new();
    let begin = u32::try_from(module.memory.initial * PAGE)?;
    let (mut marks, mut next) = (Vec::new(), begin);
    body::read_all(module, |index, body| {
        let (start, end) = (module.functions[index as usize].body.start, body.ops[0].start);
        let mut bytes = module.bytes[start..end].to_vec();
        marks.push((next, body.stretches as u32));
        mark(&mut next, &mut bytes);
        for (at, op) in body.ops.iter().enumerate() {
            bytes.extend_from_slice(&module.bytes[op.start..op.end]);
            if ends_stretch(&op.operator) && at + 1 < body.ops.len() {
                mark(&mut next, &mut bytes);
            }
        }
        code.raw(&bytes);
        Ok(())
    })?;
    let mut memory = RoundtripReencoder.memory_type(module.memory)?;
    memory.minimum += u64::from(next - begin).div_ceil(PAGE);
    memory.maximum = memory.maximum.map(|most| most.max(memory.minimum));
    let mut memories = MemorySection::new();
    memories.memory(memory);
    let mut out = wasm_encoder::Module::new();
    for (id, range) in &module.sections {
        if *id == SectionId::Memory as u8 {
            out.section(&memories);
        } else if *id == SectionId::Code as u8 {
            out.section(&code);
        } else {
            out.section(&RawSection { id: *id, data: &module.bytes[range.clone()] });
        }
    }
    Ok(Recorder { bytes: out.finish(), marks })
}

/// The bytes of a page of memory.
const PAGE: u64 = 65_536;

fn mark(next: &mut u32, into: &mut Vec<u8>) {
    let place = MemArg { offset: (*next).into(), align: 0, memory_index: 0 };
    for instruction in [Instruction::I32Const(0), Instruction::I32Const(1), Instruction::I32Store8(place)] {
        instruction.encode(into);
    }
    *next += 1;
}
