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

/// The same with folders in folders, as repositories have them.
pub fn read_deep(names: &[String]) -> Result<Vec<File>, Usage> {
    let mut plain = Vec::new();
    for name in names {
        if Path::new(name).is_dir() {
            let mut paths = Vec::new();
            gather(Path::new(name), 0, &mut paths)?;
            paths.sort();
            plain.extend(paths.into_iter().map(|p| p.display().to_string()));
        } else {
            plain.push(name.clone());
        }
    }
    if plain.is_empty() && !names.is_empty() {
        return Err(Usage(format!("{}: there is no .yaml, .yml or .json in it", names.join(", "))));
    }
    read(&plain)
}

/// How deep folders are looked through.
const DEEPEST: usize = 16;

fn gather(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), Usage> {
    let entries = std::fs::read_dir(folder).map_err(|e| Usage(format!("{}: {e}", folder.display())))?;
    for path in entries.filter_map(|entry| entry.ok().map(|e| e.path())) {
        // A link could lead round in a circle; what is hidden is no manifest.
        let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if path.is_dir() && !path.is_symlink() && !hidden && depth < DEEPEST {
            gather(&path, depth + 1, paths)?;
        } else if is_manifest(&path) {
            paths.push(path);
        }
    }
    Ok(())
}

fn is_manifest(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|e| ["yaml", "yml", "json"].iter().any(|known| e == *known))
}

fn read_one(path: &Path) -> Result<File, Usage> {
    let bytes = std::fs::read(path).map_err(|e| Usage(format!("{}: {e}", path.display())))?;
    let text = giljabi::text::decode(bytes);
    Ok(File { name: path.display().to_string().into(), text })
}

/// What kubectl takes from a folder: `.yaml`, `.yml` and `.json`, sorted by name, not from folders within.
fn manifests_in(folder: &Path) -> Result<Vec<PathBuf>, Usage> {
    let entries = std::fs::read_dir(folder).map_err(|e| Usage(format!("{}: {e}", folder.display())))?;
    let mut paths: Vec<PathBuf> =
        entries.filter_map(|entry| entry.ok().map(|e| e.path())).filter(|path| is_manifest(path)).collect();
    paths.sort();
    Ok(paths)
}
