//! Every message that the screen asks for is in a table, and every message of the screen's table is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn sources(folder: &Path, out: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// The literals of the source that are shaped like a message's id: `area.name`.
fn asked_for(source: &str) -> BTreeSet<&str> {
    let shaped = |s: &&str| {
        let word =
            |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        s.split_once('.').is_some_and(|(area, name)| word(area) && word(name))
    };
    source.split('"').filter(shaped).collect()
}

#[test]
fn the_screen_says_only_what_its_table_has_and_all_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut source = String::new();
    sources(&root.join("src/app"), &mut source);
    let asked = asked_for(&source);
    let rows: Vec<_> = giljabi::locale::rows().collect();
    let known: BTreeSet<&str> = rows.iter().map(|(_, id, _, _)| *id).collect();
    let own: BTreeSet<&str> =
        rows.iter().filter(|(area, ..)| ["app", "lessons", "screen"].contains(area)).map(|(_, id, _, _)| *id).collect();
    let areas: BTreeSet<&str> = own.iter().filter_map(|id| id.split_once('.')).map(|(area, _)| area).collect();
    let missing: Vec<_> = asked
        .iter()
        .filter(|id| id.split_once('.').is_some_and(|(area, _)| areas.contains(area)) && !known.contains(*id))
        .collect();
    assert!(missing.is_empty(), "asked for, and in no table: {missing:?}");
    let unused: Vec<_> = own.iter().filter(|id| !asked.contains(*id)).collect();
    assert!(unused.is_empty(), "in the table, and never asked for: {unused:?}");
    assert!(asked.len() > 100, "the scan sees the messages");
}
