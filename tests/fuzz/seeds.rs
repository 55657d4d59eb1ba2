//! What the mutations begin with: the project's own files, and what earlier runs kept.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Inputs that broke a target once.
pub fn found(target: &str) -> Vec<Vec<u8>> {
    kept(&PathBuf::from(ROOT).join("tests/fuzz/found").join(target))
}

/// The files of a folder, in order of their names. A folder that is not there has none.
pub fn kept(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

/// Every file under a folder of the project whose name ends so, in order.
pub fn under(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    gather(&PathBuf::from(ROOT).join(folder), ending, &mut paths);
    paths.sort();
    paths.iter().filter_map(|path| fs::read(path).ok()).collect()
}

fn gather(folder: &Path, ending: &str, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, ending, paths);
        } else if path.to_string_lossy().ends_with(ending) {
            paths.push(path);
        }
    }
}

/// The manifests of the recorded facts, every `step`th of them.
pub fn recorded(step: usize) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for file in ["validation.json", "validation-fuzz.json"] {
        let text = fs::read_to_string(format!("{ROOT}/tests/oracle/{file}")).unwrap_or_default();
        let facts: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let cases = facts["cases"].as_array().cloned().unwrap_or_default();
        all.extend(cases.iter().filter_map(|c| c["input"]["manifests"].as_str().map(|m| m.as_bytes().to_vec())));
    }
    all.into_iter().step_by(step).collect()
}

/// The manifests that the project ships or tests with.
pub fn manifests() -> Vec<Vec<u8>> {
    let mut all = under("assets", ".yaml");
    all.extend(under("tests/diagnostics", ".yaml"));
    all.extend(under("tests/golden", ".yaml"));
    all.extend(recorded(4));
    all
}

/// A name for some bytes.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
