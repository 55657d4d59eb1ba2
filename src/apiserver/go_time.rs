//! Times as Go's `time.Parse` reads them, since the API server reads RFC 3339 with it: which texts it takes, and in which words
//! it refuses the others.

/// The layouts of `metav1.Time` and `metav1.MicroTime`.
const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
const RFC3339_MICRO: &str = "2006-01-02T15:04:05.000000Z07:00";

/// Reads a text from left to right.
struct Reader<'a> {
    text: &'a str,
    layout: &'static str,
    rest: &'a [u8],
}

/// Whether a text is a time; the error is Go's.
pub fn parse(text: &str, micro: bool) -> Result<(), String> {
    let layout = if micro { RFC3339_MICRO } else { RFC3339 };
    let mut reader = Reader { text, layout, rest: text.as_bytes() };
    let year = reader.year()?;
    reader.skip(b'-')?;
    let month = reader.number("01", true)?;
    if !(1..=12).contains(&month) {
        return Err(reader.out_of_range("month"));
    }
    reader.skip(b'-')?;
    // How long the month is is asked at the end.
    let day = reader.number("02", true)?;
    reader.skip(b'T')?;
    // One digit does for the hour.
    if reader.number("15", false)? > 23 {
        return Err(reader.out_of_range("hour"));
    }
    reader.skip(b':')?;
    if reader.number("04", true)? > 59 {
        return Err(reader.out_of_range("minute"));
    }
    reader.skip(b':')?;
    if reader.number("05", true)? > 59 {
        return Err(reader.out_of_range("second"));
    }
    reader.fraction(micro)?;
    reader.zone()?;
    if !reader.rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quote(text.as_bytes()), quote(reader.rest)));
    }
    if !(1..=days_in(month, year)).contains(&day) {
        return Err(reader.out_of_range("day"));
    }
    Ok(())
}

impl Reader<'_> {
    fn bad(&self, element: &str) -> String {
        let (text, layout) = (quote(self.text.as_bytes()), self.layout);
        format!("parsing time {text} as \"{layout}\": cannot parse {} as \"{element}\"", quote(self.rest))
    }

    fn out_of_range(&self, what: &str) -> String {
        format!("parsing time {}: {what} out of range", quote(self.text.as_bytes()))
    }

    fn is_digit(&self, at: usize) -> bool {
        self.rest.get(at).is_some_and(u8::is_ascii_digit)
    }

    fn digit(&self, at: usize) -> u32 {
        self.rest.get(at).map_or(0, |b| u32::from(b.wrapping_sub(b'0')))
    }

    fn skip(&mut self, sign: u8) -> Result<(), String> {
        match self.rest.split_first() {
            Some((first, rest)) if *first == sign => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(self.bad(&char::from(sign).to_string())),
        }
    }

    fn year(&mut self) -> Result<u32, String> {
        if !(0..4).all(|at| self.is_digit(at)) {
            return Err(self.bad("2006"));
        }
        let year = (0..4).fold(0, |year, at| year * 10 + self.digit(at));
        self.rest = &self.rest[4..];
        Ok(year)
    }

    /// Two digits; one will do unless `fixed`.
    fn number(&mut self, element: &str, fixed: bool) -> Result<u32, String> {
        if !self.is_digit(0) || (fixed && !self.is_digit(1)) {
            return Err(self.bad(element));
        }
        let (number, length) =
            if self.is_digit(1) { (self.digit(0) * 10 + self.digit(1), 2) } else { (self.digit(0), 1) };
        self.rest = &self.rest[length..];
        Ok(number)
    }

    /// Parts of a second: any number of digits where none are asked for, else just as many.
    fn fraction(&mut self, micro: bool) -> Result<(), String> {
        const MICRO: usize = 7;
        let begins = self.rest.first().is_some_and(|b| matches!(b, b'.' | b','));
        if micro {
            if !begins || !(1..MICRO).all(|at| self.is_digit(at)) {
                return Err(self.bad(".000000"));
            }
            self.rest = &self.rest[MICRO..];
        } else if begins && self.is_digit(1) {
            let digits = self.rest[1..].iter().take_while(|b| b.is_ascii_digit()).count();
            self.rest = &self.rest[1 + digits..];
        }
        Ok(())
    }

    /// `Z` or `+09:00`.
    fn zone(&mut self) -> Result<(), String> {
        if self.rest.first() == Some(&b'Z') {
            self.rest = &self.rest[1..];
            return Ok(());
        }
        let shaped = self.rest.len() >= 6
            && self.rest[3] == b':'
            && [1, 2, 4, 5].into_iter().all(|at| self.is_digit(at))
            && matches!(self.rest[0], b'+' | b'-');
        if !shaped {
            return Err(self.bad("Z07:00"));
        }
        let (hours, minutes) = (self.digit(1) * 10 + self.digit(2), self.digit(4) * 10 + self.digit(5));
        if hours > 24 {
            return Err(self.out_of_range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(self.out_of_range("time zone offset minute"));
        }
        self.rest = &self.rest[6..];
        Ok(())
    }
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A text in quotes as Go's package `time` writes it: bytes beyond ASCII, and control characters, in hexadecimal.
fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for &byte in text {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'\x7f' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_is_taken() {
        for fine in [
            "2026-01-01T00:00:00Z",
            "2024-02-29T23:59:59+09:00",
            "2026-01-01T5:04:05Z",
            "2026-01-01T00:00:00.123456789123Z",
            "2026-01-01T00:00:00,5-24:60",
        ] {
            assert_eq!(parse(fine, false), Ok(()), "{fine}");
        }
        assert_eq!(parse("2026-01-01T00:00:00.000001Z", true), Ok(()));
    }

    #[test]
    fn refusals_are_in_the_words_of_go() {
        let as_ = "as \"2006-01-02T15:04:05Z07:00\": cannot parse";
        for (text, words) in [
            ("yesterday", format!("\"yesterday\" {as_} \"yesterday\" as \"2006\"")),
            ("", format!("\"\" {as_} \"\" as \"2006\"")),
            ("2026", format!("\"2026\" {as_} \"\" as \"-\"")),
            ("2026-1-01", format!("\"2026-1-01\" {as_} \"1-01\" as \"01\"")),
            ("2026-01-01 00:00:00Z", format!("\"2026-01-01 00:00:00Z\" {as_} \" 00:00:00Z\" as \"T\"")),
            ("2026-01-01T00:00:00", format!("\"2026-01-01T00:00:00\" {as_} \"\" as \"Z07:00\"")),
            ("2026-01-01T00:00:00+0900", format!("\"2026-01-01T00:00:00+0900\" {as_} \"+0900\" as \"Z07:00\"")),
            // Bytes, not characters: 어 is three of them.
            ("어", format!("\"\\xec\\x96\\xb4\" {as_} \"\\xec\\x96\\xb4\" as \"2006\"")),
            ("2026-01-\t\"\\", format!("\"2026-01-\\x09\\\"\\\\\" {as_} \"\\x09\\\"\\\\\" as \"02\"")),
            ("2026-01-01T00:00:00Zx", "\"2026-01-01T00:00:00Zx\": extra text: \"x\"".to_string()),
            ("2026-13-xx", "\"2026-13-xx\": month out of range".to_string()),
            ("2026-02-30T00:00:00Z", "\"2026-02-30T00:00:00Z\": day out of range".to_string()),
            ("2026-01-01T24:00:00Z", "\"2026-01-01T24:00:00Z\": hour out of range".to_string()),
            (
                "2026-01-01T00:00:00+25:00",
                "\"2026-01-01T00:00:00+25:00\": time zone offset hour out of range".to_string(),
            ),
        ] {
            assert_eq!(parse(text, false), Err(format!("parsing time {words}")));
        }
        let micro = "parsing time \"2026-01-01T00:00:00Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\"";
        assert_eq!(parse("2026-01-01T00:00:00Z", true), Err(micro.to_string()));
    }
}
