//! The types of functions that a part has no function of are no part of it.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use anyhow::Result;
use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{Module, TypeSection};
use wasmparser::{Parser, TypeSectionReader};

/// The module with those types alone that something in it is of, in their order.
pub fn pruned(module: &[u8]) -> Result<Vec<u8>> {
    let mut met = Met::default();
    met.parse_core_module(&mut Module::new(), Parser::new(0), module)?;
    let mut numbered = Numbered((0..).zip(met.0).map(|(new, old)| (old, new)).collect());
    let mut out = Module::new();
    numbered.parse_core_module(&mut out, Parser::new(0), module)?;
    Ok(out.finish())
}

/// The types that are met on the way through a module.
#[derive(Default)]
struct Met(BTreeSet<u32>);

impl Reencode for Met {
    type Error = Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, Error<Infallible>> {
        self.0.insert(ty);
        Ok(ty)
    }
}

/// The number that each type has now.
struct Numbered(BTreeMap<u32, u32>);

impl Reencode for Numbered {
    type Error = Infallible;

    fn type_index(&mut self, ty: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.0[&ty])
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for (number, group) in (0..).zip(section) {
            let group = group?;
            if self.0.contains_key(&number) {
                self.parse_recursive_type_group(types.ty(), group)?;
            }
        }
        Ok(())
    }
}
