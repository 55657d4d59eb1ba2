//! What has no describer of its own: every field, with its name in words (upstream `printUnstructuredContent`).

use super::events::events;
use super::{Sheet, View, metadata};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::kubectl::output::gotemplate::show;

/// How deep fields are printed.
const DEEPEST: usize = 64;

pub fn generic(sheet: &mut Sheet, object: &Object, view: &View) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    fields(sheet, 0, &object.value, "");
    events(sheet, object, view);
}

const SKIPPED: [&str; 5] =
    [".metadata.managedFields", ".metadata.name", ".metadata.namespace", ".metadata.labels", ".metadata.annotations"];

fn fields(sheet: &mut Sheet, level: usize, content: &Value, prefix: &str) {
    let Some(map) = content.as_map().filter(|_| level < DEEPEST) else { return };
    for (name, value) in map.iter() {
        let path = format!("{prefix}.{name}");
        if SKIPPED.contains(&path.as_str()) {
            continue;
        }
        match value {
            Value::Map(_) => {
                sheet.line(level, format!("{}:", label(name)));
                fields(sheet, level + 1, value, &path);
            }
            Value::List(items) => {
                sheet.line(level, format!("{}:", label(name)));
                for item in items.iter() {
                    match item {
                        Value::Map(_) => fields(sheet, level + 1, item, &path),
                        other => sheet.line(level + 1, show(other)),
                    }
                }
            }
            other => sheet.line(level, format!("{}:\t{}", label(name), show(other))),
        }
    }
}

/// `apiVersion` → `API Version`, `creationTimestamp` → `Creation Timestamp`.
fn label(field: &str) -> String {
    if field.chars().any(|c| !c.is_alphabetic() && c != '-') {
        return field.to_string();
    }
    let chars: Vec<char> = field.chars().collect();
    let mut parts: Vec<String> = Vec::new();
    let mut part = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let new_word = i > 0
            && c.is_uppercase()
            && (!chars[i - 1].is_uppercase() || chars.get(i + 1).is_some_and(|n| n.is_lowercase()));
        if new_word {
            parts.push(std::mem::take(&mut part));
        }
        part.push(c);
    }
    parts.push(part);
    let word = |part: String| {
        let upper = part.to_uppercase();
        if ["API", "URL", "UID", "GUID"].contains(&upper.as_str()) {
            return upper;
        }
        if part.chars().all(|c| !c.is_uppercase()) {
            let mut chars = part.chars();
            return chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect());
        }
        part
    };
    parts.into_iter().map(word).collect::<Vec<_>>().join(" ")
}
