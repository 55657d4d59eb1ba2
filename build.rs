//! Splits the field reference (`assets/fields.tsv`) in two: what decoding needs, which is always compiled in, and the
//! sentences for the reader, which the browser fetches when somebody first asks for one.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

const TABLE: &str = "assets/fields.tsv";

fn main() {
    println!("cargo:rerun-if-changed={TABLE}");
    println!("cargo:rerun-if-changed=build.rs");
    let text = fs::read_to_string(TABLE).unwrap_or_else(|e| panic!("{TABLE}: {e}"));
    let (schema, help) = split(&text);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("fields.schema.tsv"), schema).expect("writing the schema part");
    fs::write(out.join("fields.help.tsv"), help).expect("writing the sentence part");
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
