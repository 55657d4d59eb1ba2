//! KYAML (`-o kyaml`): YAML in flow style, every text in double quotes, so that no value is taken for another type.

use crate::api::json;
use crate::api::value::Value;

/// An object as a document.
pub fn print(object: &Value) -> String {
    let mut out = String::from("---\n");
    write(&mut out, object, 0);
    out.push('\n');
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Map(map) if map.is_empty() => out.push_str("{}"),
        Value::Map(map) => {
            out.push_str("{\n");
            for (key, inner) in map.iter() {
                indent(out, depth + 1);
                out.push_str(&if is_plain(key) { key.to_string() } else { json::quote(key) });
                out.push_str(": ");
                write(out, inner, depth + 1);
                out.push_str(",\n");
            }
            indent(out, depth);
            out.push('}');
        }
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        // Braces share the lines of their brackets.
        Value::List(items) if items.iter().all(|i| matches!(i, Value::Map(m) if !m.is_empty())) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                write(out, item, depth);
            }
            out.push(']');
        }
        Value::List(items) => {
            out.push_str("[\n");
            for item in items.iter() {
                indent(out, depth + 1);
                write(out, item, depth + 1);
                out.push_str(",\n");
            }
            indent(out, depth);
            out.push(']');
        }
        Value::String(text) => out.push_str(&json::quote(text)),
        other => out.push_str(&json::to_string(other)),
    }
}

/// Whether a key needs no quotes: a word that YAML cannot take for anything but a text.
fn is_plain(key: &str) -> bool {
    let mut chars = key.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let word = begins && chars.all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let lower = key.to_ascii_lowercase();
    word && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_quoted_and_braces_share_lines() {
        let value = crate::value!({ "kind": "X", "labels": { "no": "yes", "a.b/c": "1" }, "ports": [{ "port": 80 }, { "port": 81 }], "args": ["a"], "empty": {} });
        let expected = "---\n{\n  kind: \"X\",\n  labels: {\n    \"no\": \"yes\",\n    a.b/c: \"1\",\n  },\n  ports: [{\n    port: 80,\n  }, {\n    port: 81,\n  }],\n  args: [\n    \"a\",\n  ],\n  empty: {},\n}\n";
        let printed = super::print(&value);
        for line in expected.lines() {
            assert!(printed.contains(line), "{line}\n{printed}");
        }
    }
}
