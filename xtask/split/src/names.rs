//! Short names: of what one part of a split module lends to another, and of what wasm-bindgen's script gives.

use std::collections::HashSet;

use anyhow::{Result, bail};
use wasm_encoder::{EntityType, ImportSection};
use wasmparser::TypeRef;

use crate::module::Module;

/// Names of one or two letters for exports, unlike those that the module has.
pub struct Names {
    taken: HashSet<String>,
    given: u32,
}

impl Names {
    pub fn new(module: &Module) -> Self {
        Names { taken: module.exports.iter().map(|e| e.name.clone()).collect(), given: 0 }
    }

    pub fn next(&mut self) -> String {
        loop {
            let name = name_of(self.given);
            self.given += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The names in their order: a to Z, aa to ZZ and so on.
fn name_of(mut number: u32) -> String {
    let mut name = String::new();
    loop {
        name.insert(0, LETTERS[number as usize % LETTERS.len()] as char);
        number /= LETTERS.len() as u32;
        if number == 0 {
            return name;
        }
        number -= 1;
    }
}

/// The place of a short name among all, from one on. None: it is none of them.
pub fn numbered(name: &str) -> Option<u32> {
    let letter = |byte: u8| LETTERS.iter().position(|letter| *letter == byte).map(|at| at as u32 + 1);
    let short = (1..4).contains(&name.len());
    short.then(|| name.bytes().try_fold(0, |number, byte| Some(number * LETTERS.len() as u32 + letter(byte)?)))?
}

/// The imports, those from wasm-bindgen's script under short names.
pub fn imports_of(module: &Module, short: &[(String, String)]) -> Result<ImportSection> {
    let mut imports = ImportSection::new();
    let mut short = short.iter();
    for import in &module.imports {
        let TypeRef::Func(ty) = import.ty else { bail!("an import that is no function") };
        let name = if is_glue(import) { short.next().map(|(_, name)| name.as_str()) } else { None };
        imports.import(import.module, name.unwrap_or(import.name), EntityType::Function(ty));
    }
    Ok(imports)
}

/// Whether wasm-bindgen's script itself gives an import: under a name that carries a sum, which nothing can compress.
fn is_glue(import: &wasmparser::Import) -> bool {
    import.module.starts_with("./") && import.module.ends_with("_bg.js")
}

/// For each import that wasm-bindgen's script gives, its name there and the short one that it shall have.
pub fn short_imports(module: &Module) -> Vec<(String, String)> {
    let mut names = Names { taken: HashSet::new(), given: 0 };
    let glue = module.imports.iter().filter(|import| is_glue(import));
    glue.map(|import| (import.name.to_string(), names.next())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted() {
        for number in 0..5_000 {
            assert_eq!(numbered(&name_of(number)), Some(number + 1));
        }
        assert_eq!([numbered(""), numbered("memory"), numbered("a1"), numbered("_")], [None; 4]);
    }
}
