//! Recorded facts of a real cluster against the real code: every `*.json` of `tests/oracle`, or of the folder that
//! `ORACLE_DIR` names.
//!
//! `cargo test --release --test oracle -- --nocapture` prints one line a family, `<family>: <agreeing>/<cases>`, then the
//! ids that differ, each with what was expected and what came. `ORACLE_ONLY=family[,family]` runs some families only,
//! `ORACLE_CASE=part-of-an-id` some cases only.

#[path = "oracle_families/mod.rs"]
mod families;

use families::{FAMILIES, Family};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// How a case that differs is told: what the real cluster said, what this one says.
#[derive(Debug)]
pub struct Difference {
    pub expected: String,
    pub actual: String,
}

impl Difference {
    pub fn new(expected: impl Into<String>, actual: impl Into<String>) -> Difference {
        Difference { expected: expected.into(), actual: actual.into() }
    }
}

/// Collects the differences of one case.
#[derive(Default)]
pub struct Compare(pub Vec<Difference>);

impl Compare {
    /// Notes a difference unless the two are equal; `what` says which part is compared.
    pub fn same(&mut self, what: &str, expected: &Json, actual: &Json) {
        if expected != actual {
            let (expected, actual) = (expected.to_string(), actual.to_string());
            self.0.push(Difference::new(format!("{what}: {expected}"), format!("{what}: {actual}")));
        }
    }

    pub fn text(&mut self, what: &str, expected: &str, actual: &str) {
        if expected != actual {
            self.0.push(Difference::new(format!("{what}: {expected:?}"), format!("{what}: {actual:?}")));
        }
    }
}

/// One file of facts.
pub struct Facts {
    pub family: String,
    /// The whole file: some families keep what all their cases share beside `cases`.
    pub file: Json,
    pub cases: Vec<Json>,
}

fn read(folder: &Path) -> Vec<Facts> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let file: Json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
            let family = file["family"].as_str().unwrap_or(stem).to_string();
            let cases = file["cases"].as_array().cloned().unwrap_or_default();
            Facts { family, file, cases }
        })
        .collect()
}

/// Runs one case; a panic is a difference too, so that one case cannot hide the others.
fn run(family: &Family, facts: &Facts, case: &Json) -> Vec<Difference> {
    catch_unwind(AssertUnwindSafe(|| (family.run)(facts, case))).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic");
        vec![Difference::new("an answer", format!("panicked: {words}"))]
    })
}

#[test]
fn the_model_agrees_with_the_recorded_facts() {
    let folder = std::env::var_os("ORACLE_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle"), PathBuf::from);
    let only = std::env::var("ORACLE_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|o| o == name);
    let part = std::env::var("ORACLE_CASE").unwrap_or_default();

    let mut missed = Vec::new();
    let mut later = Vec::new();
    // A family may be spread over several files.
    let mut by_family: BTreeMap<String, Vec<Facts>> = BTreeMap::new();
    for facts in read(&folder).into_iter().filter(|f| !f.cases.is_empty() && wanted(&f.family)) {
        by_family.entry(facts.family.clone()).or_default().push(facts);
    }
    for (name, files) in &by_family {
        let total: usize = files.iter().map(|f| f.cases.len()).sum();
        let Some(family) = FAMILIES.iter().find(|f| f.name == *name) else {
            println!("{name}: 0/{total}");
            later.push(name.clone());
            continue;
        };
        let (mut agreeing, mut ran, mut report) = (0, 0, String::new());
        for facts in files {
            for case in &facts.cases {
                let id = case["id"].as_str().unwrap_or("(no id)");
                if !id.contains(&part) {
                    continue;
                }
                ran += 1;
                let differences = run(family, facts, case);
                if differences.is_empty() {
                    agreeing += 1;
                    continue;
                }
                let _ = writeln!(report, "  {id}");
                for difference in &differences {
                    let _ = writeln!(report, "    expected {}", difference.expected);
                    let _ = writeln!(report, "    actual   {}", difference.actual);
                }
            }
        }
        println!("{name}: {agreeing}/{ran}");
        print!("{report}");
        match (agreeing == ran, family.required) {
            (false, true) => missed.push(format!("{name}: {agreeing}/{ran}")),
            (false, false) => later.push(name.clone()),
            (true, _) => {}
        }
    }
    if !later.is_empty() {
        println!("not yet required: {}", later.join(", "));
    }
    assert!(missed.is_empty(), "required families differ: {}", missed.join(", "));
}
