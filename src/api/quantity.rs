//! Amounts with a suffix: `100m`, `64Mi`, `1e3` (apimachinery `pkg/api/resource`).
//!
//! A quantity is kept in billionths, the finest that the real one keeps; what is finer is rounded away from zero. Left out:
//! amounts beyond 10²⁹, which the real one keeps in arbitrary precision and nobody writes; they are capped there.

use crate::api::value::Value;
use smol_str::{SmolStr, ToSmolStr, format_smolstr};
use std::cmp::Ordering;

const NANO: i128 = 1_000_000_000;
/// The largest amount of a binary quantity: 2⁶³ − 1.
const BINARY_MAX: i128 = i64::MAX as i128 * NANO;
const LARGEST: i128 = 100_000_000_000_000_000_000_000_000_000 * NANO / 10;

/// Why a text is no quantity, in the real words.
pub const WRONG_FORMAT: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const WRONG_NUMBER: &str = "unable to parse numeric part of quantity";
const WRONG_SUFFIX: &str = "unable to parse quantity's suffix";

/// How a quantity is written again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `12e6`
    DecimalExponent,
    /// `12Mi`
    BinarySi,
    /// `12M`
    DecimalSi,
}

/// An amount.
#[derive(Clone, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
    /// The text as it was written, where the real one keeps it.
    written: Option<SmolStr>,
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.nanos == other.nanos
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.nanos.cmp(&other.nanos))
    }
}

/// The parts of a quantity's text.
struct Parts<'a> {
    negative: bool,
    /// Digits before the point, without leading zeros; "0" when there are none.
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

impl Quantity {
    pub const ZERO: Quantity = Quantity { nanos: 0, format: Format::DecimalSi, written: None };

    /// Reads a quantity; the error is upstream's.
    pub fn parse(text: &str) -> Result<Quantity, &'static str> {
        if text.is_empty() {
            return Err(WRONG_FORMAT);
        }
        let parts = split(text)?;
        let (base, exponent, format) = interpret(parts.suffix).ok_or(WRONG_SUFFIX)?;
        // A number as the real one reads it needs a digit somewhere; `.` alone has none.
        if parts.whole == "0" && parts.fraction.is_empty() && !text.contains('0') {
            return Err(WRONG_NUMBER);
        }
        let written = keeps_its_text(&parts, exponent, format).then(|| text.to_smolstr());
        let mut nanos = match base {
            2 => binary(&parts, exponent),
            _ => decimal(&parts, exponent),
        };
        let mut format = format;
        if format == Format::BinarySi {
            nanos = nanos.min(BINARY_MAX);
            if nanos > 0 && nanos < NANO {
                format = Format::DecimalSi;
            }
        }
        let nanos = if parts.negative { -nanos } else { nanos };
        Ok(Quantity { nanos, format, written })
    }

    /// A quantity in a stored object: text, or a bare number. Zero when it is neither.
    pub fn from_value(value: &Value) -> Quantity {
        match value {
            Value::String(text) => Quantity::parse(text).unwrap_or(Quantity::ZERO),
            Value::Int(number) => Quantity { nanos: i128::from(*number) * NANO, ..Quantity::ZERO },
            Value::Float(number) => Quantity::parse(&format_smolstr!("{number}")).unwrap_or(Quantity::ZERO),
            _ => Quantity::ZERO,
        }
    }

    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    pub fn is_negative(&self) -> bool {
        self.nanos < 0
    }

    /// Whether it is a whole number of units.
    pub fn is_whole(&self) -> bool {
        // The real check looks at thousandths, rounded away from zero.
        self.rounded(1_000_000) % NANO == 0
    }

    /// In whole units, rounded away from zero.
    pub fn units(&self) -> i64 {
        i64::try_from(self.rounded(NANO) / NANO).unwrap_or(if self.nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// In thousandths, rounded away from zero.
    pub fn millis(&self) -> i64 {
        i64::try_from(self.rounded(1_000_000) / 1_000_000).unwrap_or(if self.nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// The same amount, with nothing finer than thousandths: what defaulting does to every resource of a pod.
    pub fn round_up_to_millis(self) -> Quantity {
        let nanos = self.rounded(1_000_000);
        if nanos == self.nanos { self } else { Quantity { nanos, written: None, ..self } }
    }

    /// The sum, written in the way of the left side (in that of the right when the left is zero).
    pub fn plus(&self, other: &Quantity) -> Quantity {
        let format = if self.is_zero() { other.format } else { self.format };
        Quantity { nanos: self.nanos.saturating_add(other.nanos), format, written: None }
    }

    fn rounded(&self, step: i128) -> i128 {
        let rest = self.nanos % step;
        if rest == 0 { self.nanos } else { self.nanos - rest + step * self.nanos.signum() }
    }

    /// The text that the API server gives back.
    pub fn canonical(&self) -> SmolStr {
        if let Some(written) = &self.written {
            return written.clone();
        }
        if self.is_zero() {
            return "0".into();
        }
        let fits_binary = self.nanos.abs() >= 1024 * NANO && self.nanos % NANO == 0;
        if self.format == Format::BinarySi && fits_binary {
            let (mut number, mut power) = (self.nanos / NANO, 0);
            while number % 1024 == 0 && power < 6 {
                number /= 1024;
                power += 1;
            }
            return format_smolstr!("{number}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][power]);
        }
        let (mut number, mut exponent) = (self.nanos, -9);
        while number % 10 == 0 {
            number /= 10;
            exponent += 1;
        }
        // The exponent becomes a multiple of three; beyond the largest suffix the number grows instead.
        let most = if self.format == Format::DecimalExponent { i32::MAX } else { 18 };
        while exponent % 3 != 0 || exponent > most {
            number *= 10;
            exponent -= 1;
        }
        match self.format {
            Format::DecimalExponent if exponent == 0 => format_smolstr!("{number}"),
            Format::DecimalExponent => format_smolstr!("{number}e{exponent}"),
            _ => {
                let suffix = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
                let at = usize::try_from(exponent / 3 + 3).unwrap_or(3);
                format_smolstr!("{number}{}", suffix.get(at).unwrap_or(&""))
            }
        }
    }
}

fn split(text: &str) -> Result<Parts<'_>, &'static str> {
    let (negative, rest) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let trimmed = rest.trim_start_matches('0');
    let digits = |s: &str| s.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, mut rest) = trimmed.split_at(digits(trimmed));
    let whole = if whole.is_empty() { "0" } else { whole };
    let mut fraction = "";
    if let Some(after) = rest.strip_prefix('.') {
        (fraction, rest) = after.split_at(digits(after));
    }
    let letters = rest.bytes().take_while(|b| b"eEinumkKMGTP".contains(b)).count();
    let exponent = &rest[letters..];
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if !exponent.bytes().all(|b| b.is_ascii_digit()) {
        return Err(WRONG_FORMAT);
    }
    Ok(Parts { negative, whole, fraction, suffix: rest })
}

/// Base, exponent and format of a suffix.
fn interpret(suffix: &str) -> Option<(u8, i32, Format)> {
    let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
    if let Some(at) = decimal.iter().position(|s| *s == suffix) {
        return Some((10, 3 * (at as i32 - 3), Format::DecimalSi));
    }
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    if let Some(at) = binary.iter().position(|s| *s == suffix) {
        return Some((2, 10 * (at as i32 + 1), Format::BinarySi));
    }
    let exponent = suffix.strip_prefix(['e', 'E'])?;
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let exponent = i32::try_from(exponent.clamp(-1_000, 1_000)).ok()?;
    Some((10, exponent, Format::DecimalExponent))
}

/// Whether the real one keeps the text because it takes it for canonical.
fn keeps_its_text(parts: &Parts, exponent: i32, format: Format) -> bool {
    let shifted = || parts.whole.bytes().chain(parts.fraction.bytes());
    let count = parts.whole.len() + parts.fraction.len();
    if format == Format::BinarySi {
        let precision = 14 - count as i64 - i64::from(exponent * 3 / 10);
        let last_bits = parts.whole.parse::<u64>().unwrap_or(0) & 7;
        return parts.fraction.is_empty() && precision >= 0 && last_bits != 0;
    }
    let scale = exponent - parts.fraction.len() as i32;
    let ends_in_zeros = count >= 3 && shifted().skip(count - 3).all(|b| b == b'0');
    count <= 18 && scale >= -9 && scale % 3 == 0 && !ends_in_zeros && shifted().next() != Some(b'0')
}

/// The digits as a number, capped.
fn number(digits: impl Iterator<Item = u8>) -> i128 {
    digits.fold(0, |n: i128, d| (n.saturating_mul(10).saturating_add(i128::from(d - b'0'))).min(LARGEST))
}

/// The amount in billionths, rounded up, of a decimal quantity.
fn decimal(parts: &Parts, exponent: i32) -> i128 {
    let shift = exponent + 9 - parts.fraction.len() as i32;
    let digits = parts.whole.bytes().chain(parts.fraction.bytes());
    if shift >= 0 {
        let mut amount = number(digits);
        for _ in 0..shift {
            amount = amount.saturating_mul(10).min(LARGEST);
        }
        return amount;
    }
    let count = parts.whole.len() + parts.fraction.len();
    let kept = count.saturating_sub(shift.unsigned_abs() as usize);
    let rest = digits.clone().skip(kept).any(|d| d != b'0');
    number(digits.take(kept)) + i128::from(rest)
}

/// The amount in billionths, rounded up, of a binary quantity.
fn binary(parts: &Parts, exponent: i32) -> i128 {
    let unit = 1_i128 << exponent;
    let whole = number(parts.whole.bytes()).saturating_mul(unit).min(LARGEST / NANO).saturating_mul(NANO);
    // Enough digits of the fraction for 2⁶⁰ in billionths.
    let digits = parts.fraction.len().min(17);
    let rest = parts.fraction.bytes().skip(17).any(|d| d != b'0');
    let scale = 10_i128.pow(digits as u32);
    let fraction = number(parts.fraction.bytes().take(17)) + i128::from(rest);
    // In two steps, so that nothing overflows: units of 2^exponent first, then billionths.
    let units = fraction * unit;
    let nanos = (units / scale) * NANO + ((units % scale) * NANO + scale - 1) / scale;
    whole.saturating_add(nanos).min(LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_come_back_in_their_canonical_form() {
        for (text, canonical) in [
            ("0.5", "500m"),
            ("64Mi", "64Mi"),
            ("1000m", "1"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Ki", "512"),
            ("2000", "2k"),
            ("1e3", "1e3"),
            ("100m", "100m"),
            ("0", "0"),
            ("0m", "0"),
            ("1500m", "1500m"),
            ("-5", "-5"),
            ("0.0000000001", "1n"),
            ("123456789Ki", "123456789Ki"),
            ("16Ei", "9223372036854775807"),
        ] {
            assert_eq!(Quantity::parse(text).map(|q| q.canonical()), Ok(canonical.into()), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity_says_so() {
        for bad in ["", "1 Gi", "1Gb", "x", "1e", "1mm", "--1", "1.2.3", "."] {
            assert!(Quantity::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_compare_across_suffixes() {
        let parse = |text| Quantity::parse(text).unwrap_or(Quantity::ZERO);
        assert!(parse("1Gi") > parse("1G"));
        assert_eq!(parse("0.1"), parse("100m"));
        assert!(!parse("1500m").is_whole());
        assert_eq!(parse("1500m").units(), 2);
        assert_eq!(parse("1u").round_up_to_millis().canonical(), "1m");
    }
}
