//! SARIF 2.1.0, as code hosts read it to put findings beside the lines.

use super::super::{Report, Severity};
use super::{object_name, sentences};
use crate::api::value::Value;
use crate::arrange::set_of;
use crate::locale::Lang;
use crate::value;
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// The report as a SARIF log. `version` is the program's own.
pub fn sarif(report: &Report, lang: Lang, version: &str) -> Value {
    let rules: BTreeSet<&SmolStr> = set_of(report.findings.iter().map(|f| &f.rule));
    let rules: Vec<Value> = rules.into_iter().map(|id| value!({ "id": id })).collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|f| {
            let level = match f.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Info => "note",
            };
            let mut location = Value::map();
            if let Some((file, line, column)) = &f.place {
                location.set_at(&["physicalLocation", "artifactLocation", "uri"], uri(file));
                location.set_at(&["physicalLocation", "region", "startLine"], i64::from(*line));
                location.set_at(&["physicalLocation", "region", "startColumn"], i64::from(*column));
            }
            let name = object_name(f);
            if !name.is_empty() {
                let logical = value!([{ "fullyQualifiedName": name, "kind": "object" }]);
                location.set_at(&["logicalLocations"], logical);
            }
            value!({
                "ruleId": (&f.rule),
                "level": level,
                "message": { "text": (sentences(f, lang).join("\n")) },
                "locations": [location]
            })
        })
        .collect();
    value!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "giljabi doctor", "version": version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results
        }]
    })
}

/// A path as a relative URI reference: what has a meaning there is escaped.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
