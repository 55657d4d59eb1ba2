//! JSON as Go's encoding/json writes it: sorted keys, `<`, `>`, `&` and the two line separators escaped.

use crate::api::value::Value;
use std::fmt::Write;

/// Compact JSON, as in the last-applied annotation (without its line end).
pub fn to_string(value: &Value) -> String {
    let mut writer = Writer::new(None);
    writer.value(value);
    writer.out
}

/// Indented JSON, as `kubectl get -o json` prints it (four spaces a level, no line end).
pub fn to_string_pretty(value: &Value, indent: usize) -> String {
    let mut writer = Writer::new(Some(indent));
    writer.value(value);
    writer.out
}

/// Writes JSON piece by piece, for what is no [`Value`]: in one line, or with every entry on a line of its own.
pub struct Writer {
    pub out: String,
    indent: Option<usize>,
    depth: usize,
    /// Whether the innermost list or map has nothing yet.
    empty: bool,
}

impl Writer {
    pub fn new(indent: Option<usize>) -> Writer {
        Writer { out: String::new(), indent, depth: 0, empty: true }
    }

    /// Begins a list or a map.
    pub fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.depth += 1;
        self.empty = true;
    }

    /// Ends it.
    pub fn close(&mut self, bracket: char) {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line();
        }
        self.out.push(bracket);
        self.empty = false;
    }

    /// Makes room for the next item of a list.
    pub fn item(&mut self) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.line();
    }

    /// Makes room for the next entry of a map and writes its key.
    pub fn key(&mut self, key: &str) {
        self.item();
        write_string(&mut self.out, key);
        self.out.push_str(if self.indent.is_some() { ": " } else { ":" });
    }

    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Int(i) => {
                let _ = write!(self.out, "{i}");
            }
            Value::Float(f) => write_float(&mut self.out, *f),
            Value::String(s) => write_string(&mut self.out, s),
            Value::List(items) => {
                self.open('[');
                for item in items.iter() {
                    self.item();
                    self.value(item);
                }
                self.close(']');
            }
            Value::Map(map) => {
                self.open('{');
                for (key, item) in map.iter() {
                    self.key(key);
                    self.value(item);
                }
                self.close('}');
            }
        }
    }

    fn line(&mut self) {
        if let Some(width) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', width * self.depth));
        }
    }
}

/// A float as Go prints it: shortest form, exponent beyond 1e21 and below 1e-6.
pub fn write_float(out: &mut String, f: f64) {
    let magnitude = f.abs();
    let _ = if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{f:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
        write!(out, "{digits}e{sign}{exponent:0>2}")
    } else {
        write!(out, "{f}")
    };
}

/// A string as Go's `%q` quotes it: printable characters as they are, `<` and `&` too.
pub fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            ' '..='~' => out.push(c),
            '\0'..='\u{7f}' => {
                let _ = write!(out, "\\x{:02x}", c as u32);
            }
            // What Rust prints bare is what Go calls printable (spaces other than U+0020 and format characters are not).
            c if c.is_alphanumeric() || c.escape_debug().len() == 1 => out.push(c),
            c if (c as u32) < 0x10000 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => {
                let _ = write!(out, "\\U{:08x}", c as u32);
            }
        }
    }
    out.push('"');
    out
}

/// A JSON string with Go's escapes.
pub fn write_string(out: &mut String, s: &str) {
    out.push('"');
    for c in s.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
