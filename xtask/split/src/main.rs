//! `giljabi-split`: splits the app's WASM in four: what draws the page around the map, what else the page needs before it can send
//! its first request and show its way on the map, what draws the panels, and the rest.
//!
//!     giljabi-split split app.wasm --list assets/first.txt --first first.wasm --second second.wasm --third third.wasm \
//!         --rest rest.wasm --imports imports.txt --report functions.tsv [--linked linked.wasm] [--memory memory.bin [--apart 1-2,5-7]]
//!     giljabi-split record app.wasm --out recorder.wasm --report functions.tsv [--memory memory.bin]
//!
//! Beside each part, under its name and `.strands`, stands the same in the form that compresses best (`strands/`).
//!
//! With `--memory` the program begins with that memory, which it had after it ran ahead; what stands there between the
//! addresses of `--apart` only the rest reads.
//!
//! What the first three parts hold is said by a recording of a real start of the page: which functions ran, and which stretches of
//! them, before the map was filled, until the first request had arrived on it, and after that. A function is known by its name there, and its stretches by the shape of its
//! instructions, so that the list stays of use while the program changes: a name that is gone does no harm, a function that has
//! changed is taken whole, one that is new goes with its caller, and everything else is in the rest, which the page loads by itself
//! and, should it be called earlier, waits for.

mod ahead;
mod body;
mod data;
mod linked;
mod liveness;
mod module;
mod names;
mod order;
mod outline;
mod reach;
mod record;
mod strands;
mod types;
mod write;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;

use anyhow::{Context, Result, bail};

use module::{Function, Module};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let input = args.next().context("the WASM to read is missing")?;
    let rest: Vec<String> = args.collect();
    let option = |name: &str| -> Result<&str> {
        let at = rest.iter().position(|word| word == name).with_context(|| format!("{name} is missing"))?;
        Ok(rest.get(at + 1).with_context(|| format!("{name} wants a file"))?)
    };
    let apart = option("--apart").map_or(Ok(Vec::new()), ranges)?;
    let mut bytes = fs::read(&input).with_context(|| input.clone())?;
    if let Ok(path) = option("--memory") {
        let memory = fs::read(path).with_context(|| path.to_string())?;
        bytes = ahead::with_memory(&Module::read(&bytes)?, &memory, &apart)?;
    }
    let module = Module::read(&bytes).with_context(|| input.clone())?;
    match command.as_str() {
        "split" => {
            let list = List::read(&fs::read_to_string(option("--list")?)?)?;
            let outlined = outline::outline(&module, &list.stretches(&module)?)?;
            let mut whole = Module::read(&outlined.bytes)?;
            let names = module.functions.iter().map(|function| function.name.clone());
            let parents = outlined.parents.iter().map(|parent| module.functions[*parent as usize].name.clone());
            for (function, name) in whole.functions.iter_mut().zip(names.chain(parents)) {
                function.name = name;
            }
            let part_of = list.parts(&whole, module.functions.len())?;
            let linked = match option("--linked") {
                Ok(path) => linked::Linked::read(&fs::read(path).with_context(|| path.to_string())?)?,
                Err(_) => None,
            };
            let data = match &linked {
                Some(linked) => data::Parted::new(&whole, &part_of, linked, &apart)?,
                None => data::Parted::not(&whole),
            };
            let parts = write::split(&whole, &part_of, &data)?;
            for (part, name) in parts.parts.iter().zip(PARTS) {
                let part = types::pruned(part)?;
                wasmparser::Validator::new()
                    .validate_all(&part)
                    .context("the splitter wrote a module that is not valid")?;
                let path = option(&format!("--{name}"))?;
                fs::write(path, &part)?;
                fs::write(format!("{path}.strands"), strands::stranded(&part)?)?;
            }
            let imports: String = parts.imports.iter().map(|(long, short)| format!("{long} {short}\n")).collect();
            fs::write(option("--imports")?, imports)?;
            let part = |index: usize| PARTS[part_of[index]].to_string();
            fs::write(option("--report")?, report(&whole, part)?)?;
        }
        "record" => {
            let recorder = record::recorder(&module)?;
            fs::write(option("--out")?, &recorder.bytes)?;
            let marks = |index: usize| {
                let function = &module.functions[index];
                let (start, count) = recorder.marks[index - module.imported_functions as usize];
                format!("{start} {count} {} {}", key(function), shape(&module, function))
            };
            fs::write(option("--report")?, report(&module, marks)?)?;
        }
        other => bail!("no such command: {other}"),
    }
    Ok(())
}

/// The names of the parts.
const PARTS: [&str; write::PARTS] = ["first", "second", "third", "rest"];

/// Ranges as `1-2,5-7`.
fn ranges(words: &str) -> Result<Vec<Range<u32>>> {
    let range = |word: &str| -> Result<Range<u32>> {
        let (from, until) = word.split_once('-').with_context(|| format!("not two addresses: {word}"))?;
        Ok(from.parse()?..until.parse()?)
    };
    words.split(',').map(range).collect()
}

/// A recording: a line a function that ran, `name shape stretches`, the first two as sums (see `sum`), the last a digit for each
/// stretch: 1 when it ran before the map was filled, 2 when until the first request had arrived on the map, 3 when after that, 0 when
/// it did not; or one digit and a `+` when it is the same for all of them. And a line of the functions that were there and did not
/// run.
struct List {
    /// In which part each name is.
    names: HashMap<String, usize>,
    /// The first letters of their sums.
    idle: HashSet<String>,
    stretches: HashMap<(String, String), Vec<bool>>,
}

impl List {
    fn read(text: &str) -> Result<Self> {
        let mut list = List { names: HashMap::new(), idle: HashSet::new(), stretches: HashMap::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(idle) = line.strip_prefix("- ") {
                list.idle.extend(idle.as_bytes().chunks(IDLE).map(|sum| String::from_utf8_lossy(sum).into_owned()));
                continue;
            }
            let words: Vec<&str> = line.split(' ').collect();
            let [name, shape, stretches] = words[..] else { bail!("a line of the list has three words, not: {line}") };
            // A function begins with its first stretch.
            let digit = stretches.chars().next().and_then(|digit| digit.to_digit(10));
            let part = match digit {
                Some(digit @ 1..) if (digit as usize) < write::PARTS => digit as usize - 1,
                _ => bail!("a function that ran begins with the number of a part, not: {line}"),
            };
            let first = list.names.entry(name.into()).or_insert(part);
            *first = part.min(*first);
            if !stretches.ends_with('+') {
                let ran = stretches.bytes().map(|byte| byte != b'0').collect();
                list.stretches.insert((name.into(), shape.into()), ran);
            }
        }
        Ok(list)
    }

    /// The part of each function, of a module whose functions from `outlined` on were taken out of others. Those that ran are where
    /// they ran first, those that are new since the recording with who calls them, and all others are in the rest.
    fn parts(&self, module: &Module, outlined: usize) -> Result<Vec<usize>> {
        let keys: Vec<String> = module.functions.iter().map(key).collect();
        let of_module = |index: usize| index >= module.imported_functions as usize && index < outlined;
        let mut part_of = vec![write::PARTS - 1; keys.len()];
        part_of[..module.imported_functions as usize].fill(0);
        for index in (0..keys.len()).filter(|index| of_module(*index)) {
            part_of[index] = self.names.get(&keys[index]).copied().unwrap_or(part_of[index]);
        }
        for part in 0..write::PARTS - 1 {
            let mut open: Vec<u32> =
                (0..keys.len()).filter(|i| of_module(*i) && part_of[*i] == part).map(|i| i as u32).collect();
            while let Some(function) = open.pop() {
                let mut called = BTreeSet::new();
                write::calls(module, function, &mut called)?;
                for callee in called {
                    let at = callee as usize;
                    let known = self.names.contains_key(&keys[at]) || self.idle.contains(&keys[at][..IDLE]);
                    if of_module(at) && !known && part_of[at] > part {
                        part_of[at] = part;
                        open.push(callee);
                    }
                }
            }
        }
        Ok(part_of)
    }

    /// The stretches of the functions that are still as they were when they were recorded.
    fn stretches(&self, module: &Module) -> Result<HashMap<u32, Vec<bool>>> {
        let mut found = HashMap::new();
        for (index, function) in (0..).zip(&module.functions).skip(module.imported_functions as usize) {
            let name = key(function);
            if self.names.contains_key(&name)
                && !goes_by_addresses(&function.name)
                && let Some(ran) = self.stretches.get(&(name, shape(module, function)))
            {
                found.insert(index, ran.clone());
            }
        }
        Ok(found)
    }
}

/// Which of the ways of a look-up runs depends on what falls together in the table. The standard library's hashes begin with
/// addresses, which are others in each build; and which block the allocator finds depends on what was given back before, which on a
/// slow machine is something else. So a recording says nothing of the next time.
fn goes_by_addresses(name: &str) -> bool {
    ["dlmalloc", "__rust_", "hashbrown", "HashMap<", "HashSet<", "indexmap"].iter().any(|word| name.contains(word))
}

/// How many letters of a sum the list has of a function that did not run.
const IDLE: usize = 6;

/// A line a function: its number, its bytes, what `more` says of it, its name.
fn report(module: &Module, more: impl Fn(usize) -> String) -> Result<String> {
    let mut text = String::new();
    for (index, function) in module.functions.iter().enumerate().skip(module.imported_functions as usize) {
        writeln!(text, "{index}\t{}\t{}\t{}", function.body.len(), more(index), plain(&function.name))?;
    }
    Ok(text)
}

/// What a function is known by: the sum of its plain name.
fn key(function: &Function) -> String {
    sum(plain(&function.name).bytes())
}

/// The sum of the instructions of a function without what they are about (addresses, numbers of functions and locals).
fn shape(module: &Module, function: &Function) -> String {
    let body = wasmparser::FunctionBody::new(wasmparser::BinaryReader::new(
        &module.bytes[function.body.clone()],
        function.body.start,
    ));
    let mut starts = Vec::new();
    if let Ok(mut operators) = body.get_operators_reader() {
        while !operators.eof() {
            starts.push(module.bytes[operators.original_position()]);
            if operators.read().is_err() {
                break;
            }
        }
    }
    sum(starts)
}

/// FNV-1a of some bytes, in hexadecimal.
fn sum(bytes: impl IntoIterator<Item = u8>) -> String {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let sum = bytes.into_iter().fold(start, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{:012x}", sum >> 16)
}

/// A function's name without what changes from build to build: the numbers of crates (`core[c5930c85a12de822]`) and of equal
/// names (`…[1]`, which wasm-bindgen appends).
fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some((head, tail)) = rest.split_once('[') {
        plain.push_str(head);
        match tail.split_once(']') {
            Some((number, after))
                if head.ends_with(|c: char| c.is_alphanumeric() || "_>})".contains(c))
                    && number.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                rest = after;
            }
            _ => {
                plain.push('[');
                rest = tail;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::{goes_by_addresses, plain};

    #[test]
    fn what_goes_by_addresses_is_known() {
        assert!(goes_by_addresses("<hashbrown[5e6]::raw::RawTableInner>::find_or_find_insert_index_inner"));
        assert!(goes_by_addresses("<std[a54]::collections::hash::map::HashMap<u8, u8>>::insert"));
        assert!(goes_by_addresses("<dlmalloc[1a2]::dlmalloc::Dlmalloc<dlmalloc[1a2]::sys::System>>::malloc"));
        assert!(goes_by_addresses("__rustc[5e6]::__rust_realloc"));
        assert!(!goes_by_addresses("<giljabi[531]::workspace::Workspace>::find_manifests"));
    }

    #[test]
    fn a_name_loses_its_numbers_and_keeps_its_types() {
        assert_eq!(plain("<[u8] as core[c5930c85a12de822]::fmt::Debug>::fmt"), "<[u8] as core::fmt::Debug>::fmt");
        assert_eq!(plain("core[c59]::slice::sort::<[u8; 4]>[12]"), "core::slice::sort::<[u8; 4]>");
        assert_eq!(plain("giljabi::text::{closure#0}[1]"), "giljabi::text::{closure#0}");
    }
}
