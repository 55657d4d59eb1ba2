//! Which slots of the function table may be called before the last part is there: those whose numbers stand in the functions or
//! in the data of the parts before it. Not every such number means a slot; a stand-in too many does no harm.

use std::collections::BTreeSet;

use anyhow::Result;
use wasmparser::Operator;

use crate::data::Parted;
use crate::module::Module;
use crate::write::{PARTS, parsed};

/// The numbers in the functions and the data of all parts but the last.
pub fn numbers(module: &Module, part_of: &[usize], data: &Parted) -> Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for function in module.imported_functions..module.functions.len() as u32 {
        if part_of[function as usize] == PARTS - 1 {
            continue;
        }
        let mut operators = parsed(module, function).get_operators_reader()?;
        while !operators.eof() {
            if let Operator::I32Const { value } = operators.read()? {
                found.insert(value as u32);
            }
        }
    }
    for (address, bytes) in data.parts[..PARTS - 1].iter().flatten() {
        // The table's numbers stand at addresses that are multiples of four.
        let before = (address.next_multiple_of(4) - address) as usize;
        let words = module.bytes[bytes.clone()].get(before..).unwrap_or_default().chunks_exact(4);
        found.extend(words.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
    }
    Ok(found)
}
