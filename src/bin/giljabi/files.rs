//! Reading the manifests that `-f` names.

use crate::arguments::Usage;
use giljabi::workspace::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The files behind `-f`: files as named, folders with the manifests in them (by name), `-` for standard input.
pub fn read(names: &[String]) -> Result<Vec<File>, Usage> {
    if names.is_empty() {
        return Err(Usage("no files: say which with -f FILE…".into()));
    }
    let mut files = Vec::new();
    for name in names {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|e| Usage(format!("standard input: {e}")))?;
            files.push(File { name: "STDIN".into(), text });
        } else if Path::new(name).is_dir() {
            for path in manifests_in(Path::new(name))? {
                files.push(read_one(&path)?);
            }
        } else {
            files.push(read_one(Path::new(name))?);
        }
    }
    Ok(files)
}

fn read_one(path: &Path) -> Result<File, Usage> {
    let text = std::fs::read_to_string(path).map_err(|e| Usage(format!("{}: {e}", path.display())))?;
    Ok(File { name: path.display().to_string().into(), text })
}

/// What kubectl takes from a folder: `.yaml`, `.yml` and `.json`, sorted by name, not from folders within.
fn manifests_in(folder: &Path) -> Result<Vec<PathBuf>, Usage> {
    let entries = std::fs::read_dir(folder).map_err(|e| Usage(format!("{}: {e}", folder.display())))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known)))
        .collect();
    paths.sort();
    Ok(paths)
}
