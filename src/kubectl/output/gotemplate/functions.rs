//! The functions of templates: those that compare, print and index.

use super::run::{go_type, show, truth};
use crate::api::json;
use crate::api::value::Value;
use data_encoding::BASE64;

pub const FUNCTIONS: [&str; 18] = [
    "and",
    "or",
    "not",
    "len",
    "index",
    "print",
    "printf",
    "println",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "exists",
    "base64decode",
    "html",
    "urlquery",
];

pub fn call(name: &str, arguments: &[Option<Value>]) -> Result<Option<Value>, String> {
    let first = arguments.first().cloned().flatten();
    let missing = || format!("wrong number of args for {name}: want at least 1 got 0");
    let value = match name {
        "and" => arguments.iter().find(|a| !truth(a)).or(arguments.last()).ok_or_else(missing)?.clone(),
        "or" => arguments.iter().find(|a| truth(a)).or(arguments.last()).ok_or_else(missing)?.clone(),
        "not" => Some(Value::Bool(!truth(&first))),
        "len" => match first {
            Some(Value::String(s)) => Some(Value::Int(s.len() as i64)),
            Some(Value::List(l)) => Some(Value::Int(l.len() as i64)),
            Some(Value::Map(m)) => Some(Value::Int(m.len() as i64)),
            _ => return Err("error calling len: len of nil pointer".to_string()),
        },
        "index" => {
            let mut at = first;
            for key in arguments.get(1..).unwrap_or(&[]) {
                at = match (at, key) {
                    (Some(Value::Map(map)), Some(Value::String(key))) => map.get(key).cloned(),
                    (Some(Value::List(list)), Some(Value::Int(i))) => {
                        let item = usize::try_from(*i).ok().and_then(|i| list.get(i)).cloned();
                        if item.is_none() {
                            return Err(format!("error calling index: index out of range: {i}"));
                        }
                        item
                    }
                    (None | Some(Value::Null), _) => {
                        return Err("error calling index: index of untyped nil".to_string());
                    }
                    (Some(other), _) => {
                        return Err(format!("error calling index: can't index item of type {}", go_type(&other)));
                    }
                };
            }
            at
        }
        "exists" => {
            let mut at = first;
            for key in arguments.get(1..).unwrap_or(&[]) {
                at = match (at, key) {
                    (Some(Value::Map(map)), Some(Value::String(key))) => map.get(key).cloned(),
                    (Some(Value::List(list)), Some(Value::Int(i))) => {
                        usize::try_from(*i).ok().and_then(|i| list.get(i)).cloned()
                    }
                    _ => None,
                };
            }
            Some(Value::Bool(at.is_some()))
        }
        "print" | "println" => {
            let texts: Vec<String> = arguments.iter().map(|a| a.as_ref().map_or("<nil>".to_string(), show)).collect();
            let text = if name == "println" { texts.join(" ") + "\n" } else { texts.concat() };
            Some(Value::from(text))
        }
        "printf" => {
            Some(Value::from(format_go(&first.map_or(String::new(), |f| show(&f)), arguments.get(1..).unwrap_or(&[]))))
        }
        "base64decode" => {
            let text = first.map_or(String::new(), |f| show(&f));
            let bytes = BASE64
                .decode(text.as_bytes())
                .map_err(|_| "error calling base64decode: illegal base64 data".to_string())?;
            Some(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "html" => Some(Value::from(
            show(&first.unwrap_or(Value::Null)).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        )),
        "urlquery" => {
            let text = show(&first.unwrap_or(Value::Null));
            let quoted: String = text
                .bytes()
                .map(|b| match b {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => (b as char).to_string(),
                    b' ' => "+".to_string(),
                    b => format!("%{b:02X}"),
                })
                .collect();
            Some(Value::from(quoted))
        }
        _ => Some(Value::Bool(compare(name, arguments)?)),
    };
    Ok(value)
}

fn compare(name: &str, arguments: &[Option<Value>]) -> Result<bool, String> {
    use std::cmp::Ordering;
    let (Some(a), Some(_)) = (arguments.first(), arguments.get(1)) else {
        return Err(format!("error calling {name}: missing argument for comparison"));
    };
    let order = |a: &Option<Value>, b: &Option<Value>| -> Result<Option<Ordering>, String> {
        Ok(match (a, b) {
            (Some(Value::String(a)), Some(Value::String(b))) => Some(a.cmp(b)),
            (Some(Value::Bool(a)), Some(Value::Bool(b))) => Some(a.cmp(b)),
            (Some(Value::Int(a)), Some(Value::Int(b))) => Some(a.cmp(b)),
            (Some(Value::Float(a)), Some(Value::Float(b))) => a.partial_cmp(b),
            (None | Some(Value::Null), None | Some(Value::Null)) => Some(Ordering::Equal),
            (None | Some(Value::Null), _) | (_, None | Some(Value::Null)) if matches!(name, "eq" | "ne") => None,
            _ => return Err(format!("error calling {name}: incompatible types for comparison")),
        })
    };
    if name == "eq" {
        for b in &arguments[1..] {
            if order(a, b)? == Some(Ordering::Equal) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let order = order(a, &arguments[1])?;
    Ok(match name {
        "ne" => order != Some(Ordering::Equal),
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// Go's `Sprintf` with `%s %d %v %q %t %%` and widths.
fn format_go(format: &str, arguments: &[Option<Value>]) -> String {
    let mut out = String::new();
    let mut next = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut width = String::new();
        while let Some(&d) = chars.peek() {
            if d.is_ascii_digit() || d == '-' {
                width.push(d);
                chars.next();
            } else {
                break;
            }
        }
        let verb = chars.next().unwrap_or('%');
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(argument) = next.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let value = argument.clone().unwrap_or(Value::Null);
        let text = match verb {
            'q' => json::quote(&show(&value)),
            _ => show(&value),
        };
        // A width is bounded: a template of the learner's cannot ask for gigabytes.
        let size = width.trim_start_matches('-').parse::<usize>().unwrap_or(0).min(1_000);
        let padded = if width.starts_with('-') { format!("{text:<size$}") } else { format!("{text:>size$}") };
        out.push_str(&padded);
    }
    out
}
