//! What a scalar means: goyaml v2's `resolve`, which is YAML 1.1 without base-60 numbers.

use crate::api::value::Value;

/// The meaning of a plain scalar without a tag.
pub fn resolve_plain(text: &str) -> Value {
    let Some(first) = text.bytes().next() else { return Value::Null };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => match text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Value::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Value::Bool(false),
            "~" | "null" | "Null" | "NULL" => Value::Null,
            _ => text.into(),
        },
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Value::Float(f64::INFINITY),
            _ => go_float(text).map_or_else(|| text.into(), json_number),
        },
        b'+' | b'-' | b'0'..=b'9' => number(text).unwrap_or_else(|| text.into()),
        _ => text.into(),
    }
}

fn number(text: &str) -> Option<Value> {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Some(Value::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Value::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let plain: std::borrow::Cow<str> = if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    if is_timestamp(text) {
        return None;
    }
    integer(&plain).or_else(|| is_float(&plain).then(|| go_float(&plain)).flatten().map(json_number))
}

/// `strconv.ParseInt(s, 0, 64)`, then `ParseUint`: `0x`, `0o`, `0b` and a leading zero choose the base.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some(_) if digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // A second sign would pass Rust's parser.
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, base).ok()?);
    let value = if negative { -magnitude } else { magnitude };
    match i64::try_from(value) {
        Ok(value) => Some(Value::Int(value)),
        // Only an unsigned number without a sign is read beyond 64 signed bits.
        Err(_) if !text.starts_with(['-', '+']) => Some(Value::Float(value as f64)),
        Err(_) => None,
    }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(rest);
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let count = digits(fraction);
        if whole == 0 && count == 0 {
            return false;
        }
        rest = &fraction[count..];
    } else if whole == 0 {
        return false;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

/// `strconv.ParseFloat` for what plain scalars hold: out of range is an error there.
fn go_float(text: &str) -> Option<f64> {
    if !is_float(text) {
        return None;
    }
    text.parse::<f64>().ok().filter(|f| f.is_finite())
}

/// A float on its way through JSON: without a fraction it comes out as an integer.
fn json_number(f: f64) -> Value {
    // As many digits as tell it from its neighbours, and zeros behind them.
    let whole = Some(f).filter(|f| f.fract() == 0.0 && f.abs() < 1e19).and_then(|f| f.to_string().parse().ok());
    whole.map_or(Value::Float(f), Value::Int)
}

/// Whether goyaml takes the text for a time, which then stays a string: `2026-01-01`, `2026-01-01T00:00:00Z`,
/// `2026-1-1 0:00:00`.
fn is_timestamp(text: &str) -> bool {
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    if digits(text) != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    let rest = &text[5..];
    let month = digits(rest);
    (1..=2).contains(&month) && rest.as_bytes().get(month) == Some(&b'-') && digits(&rest[month + 1..]) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_yaml_1_1_says() {
        for (text, value) in [
            ("80", Value::Int(80)),
            ("080", Value::Int(80)),
            ("08", Value::Int(8)),
            ("017", Value::Int(15)),
            ("0o17", Value::Int(15)),
            ("0x50", Value::Int(80)),
            ("0b11", Value::Int(3)),
            ("+80", Value::Int(80)),
            ("80.0", Value::Int(80)),
            ("8e1", Value::Int(80)),
            ("1_000", Value::Int(1000)),
            ("1.5", Value::Float(1.5)),
            ("1.", Value::Int(1)),
            (".5", Value::Float(0.5)),
            ("22:22", "22:22".into()),
            ("1.2.3", "1.2.3".into()),
            ("-", "-".into()),
            ("2026-01-01", "2026-01-01".into()),
            ("0x", "0x".into()),
            ("--1", "--1".into()),
            ("y", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("yEs", "yEs".into()),
            ("~", Value::Null),
            ("", Value::Null),
            ("nul", "nul".into()),
            ("1e400", "1e400".into()),
        ] {
            assert_eq!(resolve_plain(text), value, "{text}");
        }
    }
}
