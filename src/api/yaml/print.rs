//! YAML as `kubectl get -o yaml` prints it: goyaml v2's encoder and emitter with their defaults (two spaces, lists not
//! indented, lines folded after 80 columns).

use super::scalar::resolve_plain;
use crate::api::value::{Map, Value};
use smol_str::SmolStr;

/// Where the emitter starts to look for a space to fold at.
const BEST_WIDTH: usize = 80;
/// Longer keys are written behind `? `.
const LONGEST_SIMPLE_KEY: usize = 128;

/// The document of a value, with its line end.
pub fn print(value: &Value) -> String {
    let mut out = Out { text: String::new() };
    match value {
        Value::Map(map) if !map.is_empty() => out.map(map, 0),
        Value::List(items) if !items.is_empty() => out.list(items, 0),
        scalar => {
            out.scalar(scalar, 2, false);
            out.text.push('\n');
        }
    }
    out.text
}

struct Out {
    text: String,
}

impl Out {
    /// The entries of a block mapping; the first one stands where the text ends, the others on lines of their own.
    fn map(&mut self, map: &Map, indent: usize) {
        for (i, (key, value)) in in_order(map.iter().collect()).into_iter().enumerate() {
            if i > 0 {
                self.pad(indent);
            }
            let simple = key.len() <= LONGEST_SIMPLE_KEY && !key.contains('\n');
            if !simple {
                self.text.push_str("? ");
            }
            self.string(key, indent + 2, simple);
            if !simple {
                self.text.push('\n');
                self.pad(indent);
            }
            self.text.push(':');
            match value {
                Value::Map(inner) if !inner.is_empty() => {
                    self.text.push('\n');
                    self.pad(indent + 2);
                    self.map(inner, indent + 2);
                }
                Value::List(items) if !items.is_empty() => {
                    self.text.push('\n');
                    self.pad(indent);
                    self.list(items, indent);
                }
                scalar => {
                    self.text.push(' ');
                    self.scalar(scalar, indent + 2, false);
                    self.text.push('\n');
                }
            }
        }
    }

    fn list(&mut self, items: &[Value], indent: usize) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.pad(indent);
            }
            self.text.push_str("- ");
            match item {
                Value::Map(inner) if !inner.is_empty() => self.map(inner, indent + 2),
                Value::List(inner) if !inner.is_empty() => self.list(inner, indent + 2),
                scalar => {
                    self.scalar(scalar, indent + 2, false);
                    self.text.push('\n');
                }
            }
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize, simple_key: bool) {
        match value {
            Value::String(s) => self.string(s, indent, simple_key),
            Value::Float(f) => {
                let text = match *f {
                    f if f.is_nan() => ".nan".to_string(),
                    f if f.is_infinite() => if f > 0.0 { ".inf" } else { "-.inf" }.to_string(),
                    f => crate::api::json::to_string(&Value::Float(f)),
                };
                self.text.push_str(&text);
            }
            other => self.text.push_str(&crate::api::json::to_string(other)),
        }
    }

    /// A string in the style that the encoder asks for, or the one that the emitter falls back to.
    fn string(&mut self, s: &str, indent: usize, simple_key: bool) {
        let allowed = Allowed::of(s);
        if s.contains('\n') && !simple_key && allowed.block {
            return self.literal(s, indent);
        }
        // Text that would be read back as something else is quoted; so is what goyaml before 1.2 took for base 60.
        let plain =
            !s.contains('\n') && matches!(resolve_plain(s), Value::String(_)) && !looks_like_time(s) && !is_base_60(s);
        if plain && allowed.plain {
            self.folded(s, indent, simple_key, false);
        } else if plain && allowed.single {
            self.text.push('\'');
            self.folded(s, indent, simple_key, true);
            self.text.push('\'');
        } else {
            self.double(s, indent, simple_key);
        }
    }

    /// Plain or single-quoted text, folded at spaces.
    fn folded(&mut self, s: &str, indent: usize, simple_key: bool, quoted: bool) {
        let mut spaces = false;
        let mut column = self.column();
        let mut chars = s.chars().enumerate().peekable();
        while let Some((i, c)) = chars.next() {
            if c == ' ' {
                let next_is_space = chars.peek().is_some_and(|(_, n)| *n == ' ');
                let inside = !quoted || (i > 0 && chars.peek().is_some());
                if !simple_key && !spaces && column > BEST_WIDTH && inside && !next_is_space {
                    self.text.push('\n');
                    self.pad(indent);
                    column = indent;
                } else {
                    self.text.push(' ');
                    column += 1;
                }
                spaces = true;
                continue;
            }
            if quoted && c == '\'' {
                self.text.push('\'');
                column += 1;
            }
            self.text.push(c);
            column += 1;
            spaces = false;
        }
    }

    fn double(&mut self, s: &str, indent: usize, simple_key: bool) {
        use std::fmt::Write;
        self.text.push('"');
        let mut spaces = false;
        let mut chars = s.chars().enumerate().peekable();
        while let Some((i, c)) = chars.next() {
            if c == ' ' {
                if !simple_key && !spaces && i > 0 && chars.peek().is_some() && self.column() > BEST_WIDTH {
                    self.text.push('\n');
                    self.pad(indent);
                    if chars.peek().is_some_and(|(_, n)| *n == ' ') {
                        self.text.push('\\');
                    }
                } else {
                    self.text.push(' ');
                }
                spaces = true;
                continue;
            }
            spaces = false;
            let _ = match c {
                '\0' => self.text.write_str("\\0"),
                '\x07' => self.text.write_str("\\a"),
                '\x08' => self.text.write_str("\\b"),
                '\t' => self.text.write_str("\\t"),
                '\n' => self.text.write_str("\\n"),
                '\x0b' => self.text.write_str("\\v"),
                '\x0c' => self.text.write_str("\\f"),
                '\r' => self.text.write_str("\\r"),
                '\x1b' => self.text.write_str("\\e"),
                '"' => self.text.write_str("\\\""),
                '\\' => self.text.write_str("\\\\"),
                '\u{85}' => self.text.write_str("\\N"),
                '\u{a0}' => self.text.write_str("\\_"),
                '\u{2028}' => self.text.write_str("\\L"),
                '\u{2029}' => self.text.write_str("\\P"),
                c if is_printable(c) => self.text.write_char(c),
                c if (c as u32) <= 0xff => write!(self.text, "\\x{:02X}", c as u32),
                c if (c as u32) <= 0xffff => write!(self.text, "\\u{:04X}", c as u32),
                c => write!(self.text, "\\U{:08X}", c as u32),
            };
        }
        self.text.push('"');
    }

    /// `|` with its hints, then the lines as they are.
    fn literal(&mut self, s: &str, indent: usize) {
        self.text.push('|');
        if s.starts_with([' ', '\n']) {
            self.text.push('2');
        }
        match s.strip_suffix('\n') {
            None => self.text.push('-'),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.text.push('+'),
            Some(_) => {}
        }
        for line in s.strip_suffix('\n').unwrap_or(s).split('\n') {
            self.text.push('\n');
            if !line.is_empty() {
                self.pad(indent);
                self.text.push_str(line);
            }
        }
    }

    fn pad(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    fn column(&self) -> usize {
        let start = self.text.rfind('\n').map_or(0, |i| i + 1);
        self.text[start..].chars().count()
    }
}

/// The styles that the emitter's analysis allows outside flow context (`yaml_emitter_analyze_scalar`).
struct Allowed {
    plain: bool,
    single: bool,
    block: bool,
}

impl Allowed {
    fn of(s: &str) -> Allowed {
        let chars: Vec<char> = s.chars().collect();
        let mut plain = !s.is_empty() && !s.starts_with("---") && !s.starts_with("...");
        let (mut single, mut block) = (true, true);
        let blank = |c: Option<&char>| c.is_none_or(|c| matches!(c, ' ' | '\t' | '\n' | '\r'));
        for (i, &c) in chars.iter().enumerate() {
            let (before, after) = (i.checked_sub(1).map(|p| chars[p]), chars.get(i + 1));
            let preceded = before.is_some_and(|b| matches!(b, ' ' | '\t' | '\n' | '\r'));
            let indicator = match c {
                '#' => i == 0 || preceded,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => i == 0,
                '-' | '?' if i == 0 => blank(after),
                ':' => blank(after),
                _ => false,
            };
            let space_at_edge = c == ' ' && (i == 0 || after.is_none());
            plain &= !indicator && !space_at_edge && c != '\n';
            if c == ' ' {
                block &= after.is_some();
                // A space before a line break, or behind one.
                if after == Some(&'\n') {
                    (plain, single, block) = (false, false, false);
                }
                single &= before != Some('\n');
            } else if c != '\n' && (!is_printable(c) || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')) {
                (plain, single, block) = (false, false, false);
            }
        }
        Allowed { plain, single, block }
    }
}

/// libyaml's printable characters; a tab is none.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && c != '\u{feff}'
}

/// A date resolves to a string on the way in, but is quoted on the way out.
fn looks_like_time(s: &str) -> bool {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    if digits(s) != 4 || s.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let mut rest = &s[5..];
    let month = digits(rest);
    if !(1..=2).contains(&month) || rest.as_bytes().get(month) != Some(&b'-') {
        return false;
    }
    rest = &rest[month + 1..];
    let day = digits(rest);
    if !(1..=2).contains(&day) {
        return false;
    }
    rest = &rest[day..];
    // A date alone, or a time of day behind it.
    rest.is_empty() && month == 2 && day == 2
        || rest.strip_prefix(['T', 't', ' ']).is_some_and(|time| {
            let hour = digits(time);
            (1..=2).contains(&hour)
                && time[hour..].strip_prefix(':').is_some_and(|m| digits(m) == 2 && m[2..].starts_with(':'))
        })
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`
fn is_base_60(s: &str) -> bool {
    let rest = s.strip_prefix(['-', '+']).unwrap_or(s);
    let whole = rest.split_once('.').map_or(rest, |(whole, _)| whole);
    if rest.split_once('.').is_some_and(|(_, f)| !f.bytes().all(|b| b.is_ascii_digit() || b == b'_')) {
        return false;
    }
    let mut parts = whole.split(':');
    let head = parts.next().unwrap_or("");
    let mut count = 0;
    let sixties = parts.all(|p| {
        count += 1;
        matches!(p.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    head.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && head.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && sixties
        && count > 0
}

/// Sorts by goyaml's order, stably, by halves. The standard sort asks for an order without circles and ends the program where it
/// notices one. Where digits and other signs are mixed, goyaml's goes round in circles, and Go's sort takes it as it comes.
fn in_order<T>(mut entries: Vec<(&SmolStr, T)>) -> Vec<(&SmolStr, T)> {
    if entries.len() < 2 {
        return entries;
    }
    let right = in_order(entries.split_off(entries.len() / 2));
    let (mut left, mut right) = (in_order(entries).into_iter().peekable(), right.into_iter().peekable());
    let mut all = Vec::with_capacity(left.len() + right.len());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if comes_before(b.0, a.0) { &mut right } else { &mut left };
        all.extend(next.next());
    }
    all.extend(left);
    all.extend(right);
    all
}

/// goyaml's order of keys: letters after everything else, runs of digits by their number.
fn comes_before(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    for i in 0..a.len().min(b.len()) {
        let (x, y) = (a[i], b[i]);
        if x == y {
            digits = x.is_numeric();
            continue;
        }
        let (x_letter, y_letter) = (x.is_alphabetic(), y.is_alphabetic());
        if x_letter && y_letter {
            return x < y;
        }
        if x_letter || y_letter {
            // Within a number the shorter one comes first, otherwise letters come last.
            return if digits { x_letter } else { y_letter };
        }
        // Behind other digits a zero counts, too.
        let goes_on = || a[..i].iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
        let start = i64::from((x == '0' || y == '0') && goes_on());
        let number = |chars: &[char]| {
            let run = chars[i..].iter().take_while(|c| c.is_numeric());
            // A number that is too large runs over, as it does in Go.
            run.fold((0, start), |(length, number), c| {
                (length + 1, number.wrapping_mul(10).wrapping_add(i64::from(u32::from(*c)) - i64::from(b'0')))
            })
        };
        let ((x_length, x_number), (y_length, y_number)) = (number(&a), number(&b));
        return (x_number, x_length, x) < (y_number, y_length, y);
    }
    a.len() < b.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::yaml::read;
    use crate::text::Span;
    use crate::value;

    #[test]
    fn keys_stand_in_the_order_of_goyaml_whatever_they_are() {
        let sorted = ["-", "1", "2", "10", "109", "1005", "A", "a1", "a2", "a10", "a10b", "b"];
        let mut map = Map::new();
        sorted.iter().rev().for_each(|key| drop(map.insert(*key, 1)));
        let text = print(&Value::Map(map));
        let keys: Vec<&str> = text.lines().map(|l| l.trim_end_matches(": 1").trim_matches(['"', '\''])).collect();
        assert_eq!(keys, sorted);
        // Keys whose order goes round in a circle, more of them than a short sort takes.
        let mut map = Map::new();
        for i in 0..400_u64 {
            let n = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            map.insert(format!("{}{}", n % 97, ["", "x", ".els", "]", "9"][(n >> 40) as usize % 5]), 1);
            map.insert(format!("{n}{}", ["", ".", "x"][i as usize % 3]), 1);
        }
        let many = Value::Map(map);
        let text = print(&many);
        assert_eq!(read(&text, Span::new(0, text.len())).unwrap().value, many);
    }

    #[test]
    fn prints_as_kubectl_does_and_reads_back() {
        let object = value!({
            "apiVersion": "v1",
            "data": { "a": "true", "b": "80", "c": "", "d": "x: y", "e": "one\ntwo\n", "f": "tab\there", "g": "#no" },
            "list": [{ "name": "http", "port": 80 }, {}, [1, 2]],
            "none": null,
            "empty": [],
            "when": "2026-01-01T00:00:00Z",
            "time": "22:22",
            "이름": "길잡이"
        });
        let text = print(&object);
        let expected = "apiVersion: v1\ndata:\n  a: \"true\"\n  b: \"80\"\n  c: \"\"\n  d: 'x: y'\n  e: |\n    one\n    two\n  f: \"tab\\there\"\n  g: '#no'\nempty: []\nlist:\n- name: http\n  port: 80\n- {}\n- - 1\n  - 2\nnone: null\ntime: \"22:22\"\nwhen: \"2026-01-01T00:00:00Z\"\n이름: 길잡이\n";
        assert_eq!(text, expected);
        assert_eq!(read(&text, Span::new(0, text.len())).unwrap().value, object);
    }
}
