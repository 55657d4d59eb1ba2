//! Text ranges. Three ways to count meet here: Rust slices count bytes, YAML markers count characters, CodeMirror counts
//! UTF-16 units, and Korean text makes all three differ. A [`Span`] is always in bytes; [`LineIndex`] turns it into the rest.

use std::borrow::Cow;

/// A file's bytes as text: UTF-8, or UTF-16 with its byte order mark, which is what a redirection on Windows may leave.
pub fn decode(bytes: Vec<u8>) -> String {
    let unit = match bytes.get(..2) {
        Some([0xff, 0xfe]) => u16::from_le_bytes,
        Some([0xfe, 0xff]) => u16::from_be_bytes,
        _ => return String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
    };
    let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units)
}

/// A half-open range of bytes in one text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end.max(start) as u32 }
    }

    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Moves it some bytes on, or back.
    pub fn shift(&mut self, by: i64) {
        let moved = |place: u32| u32::try_from(i64::from(place) + by).unwrap_or(0);
        (self.start, self.end) = (moved(self.start), moved(self.end));
    }

    /// The smallest span that covers both.
    pub fn cover(self, other: Span) -> Span {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub fn contains(self, offset: usize) -> bool {
        (self.start as usize..=self.end as usize).contains(&offset)
    }

    /// The text that the span covers; empty when it does not fit `text`.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// A place as people and editors name it: both counted from one, the column in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    pub line: u32,
    pub column: u32,
}

/// Where the lines of a text begin; built once per text.
#[derive(Clone, Debug, Default)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    pub fn new(text: &str) -> LineIndex {
        let mut starts = vec![0];
        starts.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1));
        LineIndex { starts }
    }

    pub fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// The line (from zero) that holds the byte `offset`.
    pub fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= offset).saturating_sub(1)
    }

    /// The span of a line counted from zero, without its line end.
    pub fn line_span(&self, line: usize, text: &str) -> Span {
        let start = self.starts.get(line).map_or(text.len(), |s| *s as usize);
        let end = self.starts.get(line + 1).map_or(text.len(), |s| *s as usize);
        let slice = text.get(start..end).unwrap_or("");
        Span::new(start, start + slice.trim_end_matches(['\n', '\r']).len())
    }

    /// Line and column, both from one, the column in characters.
    pub fn line_column(&self, offset: usize, text: &str) -> LineColumn {
        let line = self.line_of(offset);
        let start = self.starts.get(line).map_or(0, |s| *s as usize);
        let column = text.get(start..offset.min(text.len())).map_or(0, |s| s.chars().count());
        LineColumn { line: line as u32 + 1, column: column as u32 + 1 }
    }
}

/// Whether a character does something to the text around it without being seen: bidirectional controls, zero widths, fillers,
/// tags, and what moves a terminal's cursor.
pub fn is_unseen(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text with everything unseen written out as `⟨U+202E⟩`, so that nothing can look like something else.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if is_unseen(c) => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text for XML, in content and in attributes in double quotes. What XML cannot hold becomes U+FFFD.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The UTF-16 offset of a byte offset, as CodeMirror and the DOM count.
pub fn utf16_offset(text: &str, byte: usize) -> usize {
    let mut end = byte.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].chars().map(char::len_utf16).sum()
}

/// The byte offset of a UTF-16 offset; the text's length when it lies behind the end.
pub fn byte_offset(text: &str, utf16: usize) -> usize {
    let mut seen = 0;
    for (byte, c) in text.char_indices() {
        if seen >= utf16 {
            return byte;
        }
        seen += c.len_utf16();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_by_their_mark() {
        let utf16 = |order: fn(u16) -> [u8; 2]| {
            let units = std::iter::once('\u{feff}').chain("kind: 길".chars()).map(|c| order(c as u16));
            units.flatten().collect::<Vec<u8>>()
        };
        assert_eq!(decode(utf16(u16::to_le_bytes)), "kind: 길");
        assert_eq!(decode(utf16(u16::to_be_bytes)), "kind: 길");
        assert_eq!(decode("kind: 길".into()), "kind: 길");
        assert_eq!(decode(vec![b'a', 0xff]), "a\u{fffd}");
    }

    #[test]
    fn korean_text_is_counted_three_ways() {
        let text = "이름: 길😀\nport: 80";
        let at = text.find("port").unwrap();
        assert_eq!(LineIndex::new(text).line_column(at + 6, text), LineColumn { line: 2, column: 7 });
        assert_eq!(utf16_offset(text, at), 8);
        assert_eq!(byte_offset(text, 8), at);
    }
}
