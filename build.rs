//! Splits the field reference (`assets/fields.tsv`) in two: what decoding needs, which is always compiled in, and the
//! sentences for the reader, which the browser fetches when somebody first asks for one. Packs the folder `lessons/` into
//! three texts: the lessons, and the words of each language (`assets/hooks/lessons.mjs` packs the same for the browser).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const TABLE: &str = "assets/fields.tsv";
const LESSONS: &str = "lessons";
/// Set by a release (xtask/src/main.rs).
const RELOCATIONS: &str = "GILJABI_RELOCATIONS";

fn main() {
    println!("cargo:rerun-if-changed={TABLE}");
    println!("cargo:rerun-if-changed=build.rs");
    let text = fs::read_to_string(TABLE).unwrap_or_else(|e| panic!("{TABLE}: {e}"));
    let (schema, help) = split(&text);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("fields.schema.tsv"), schema).expect("writing the schema part");
    fs::write(out.join("fields.help.tsv"), help).expect("writing the sentence part");

    // What says which function needs which data, for the program that splits a release (xtask/split).
    println!("cargo:rerun-if-env-changed={RELOCATIONS}");
    if env::var_os(RELOCATIONS).is_some() {
        println!("cargo:rustc-link-arg-bin=giljabi-app=--emit-relocs");
    }

    println!("cargo:rerun-if-changed={LESSONS}");
    let mut packs = [String::new(), String::new(), String::new()];
    pack(Path::new(LESSONS), "", &mut packs);
    for (pack, name) in packs.iter().zip(["course", "ko", "en"]) {
        fs::write(out.join(format!("lessons.{name}.txt")), pack).expect("writing the lessons");
    }
}

/// Puts every file of a folder behind a line `=== path` into the pack that it belongs to.
fn pack(folder: &Path, prefix: &str, packs: &mut [String; 3]) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("reading a folder").path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|n| n.to_str()).expect("a file name in UTF-8");
        if path.is_dir() {
            pack(&path, &format!("{prefix}{name}/"), packs);
            continue;
        }
        let to = match name {
            "README.md" => continue,
            "ko.md" => 1,
            "en.md" => 2,
            _ => 0,
        };
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let end = if text.ends_with('\n') { "" } else { "\n" };
        write!(packs[to], "=== {prefix}{name}\n{text}{end}").expect("writing to a string");
    }
}

/// The schema part names a type once (`>ServiceSpec`) and drops empty columns at the end of a row; the sentence part
/// keeps the two key columns and the two sentences, the
/// key of a kind being its group/version and its name.
fn split(text: &str) -> (String, String) {
    let (mut schema, mut help) = (String::new(), String::new());
    let mut current = "";
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(row) = line.strip_prefix("@kind\t") {
            let mut rest = row.rsplitn(3, '\t');
            let (Some(ko), Some(en), Some(facts)) = (rest.next(), rest.next(), rest.next()) else {
                panic!("{TABLE}:{}: a @kind row ends with two sentences", index + 1);
            };
            let names: Vec<&str> = facts.splitn(3, '\t').take(2).collect();
            writeln!(schema, "@kind\t{facts}").expect("writing to a string");
            writeln!(help, "{}\t{en}\t{ko}", names.join("\t")).expect("writing to a string");
            continue;
        }
        if line.starts_with('@') {
            writeln!(schema, "{line}").expect("writing to a string");
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        let [kind, field, ty, flags, default, since, en, ko] = columns[..] else {
            panic!("{TABLE}:{}: a field row has 8 columns, this one {}", index + 1, columns.len());
        };
        if kind != current {
            writeln!(schema, ">{kind}").expect("writing to a string");
            current = kind;
        }
        let row = [field, ty, flags, default, since].join("\t");
        let mut row = row.as_str();
        while let Some(shorter) = row.strip_suffix("\t-") {
            row = shorter;
        }
        writeln!(schema, "{row}").expect("writing to a string");
        if en != "-" || ko != "-" {
            writeln!(help, "{kind}\t{field}\t{en}\t{ko}").expect("writing to a string");
        }
    }
    (schema, help)
}
