//! A tag that ends at a comma inside `[…]` or `{…}`: `[!a, b]`. The port of libyaml that reads for us stops the whole program
//! there (it has a `panic!` where libyaml goes on and goyaml refuses), so such a tag is found before it reads.
//!
//! Only a reader can tell a tag from an exclamation mark in a text or a comment. So whatever looks like such a tag is made into
//! letters, which changes nothing about what is a text, a comment or a structure, and the copy is read: where a plain scalar
//! begins at such a place, a tag stood there.

use super::read::{Error, Offsets, Source, error, parser_of, syntax_error};
use crate::text::Span;
use libyaml_safer::{EventData, Parser, ScalarStyle};

/// The look at a copy of a document in which such tags are letters.
pub(super) struct Look {
    parser: Parser<Source>,
    places: Vec<Place>,
    /// How many bytes the document has, and how many of them are no part of the copy.
    length: usize,
    dropped: usize,
    /// Where the last event ended.
    pub at: usize,
}

impl Look {
    /// `None`: nothing in the document looks like such a tag, so all of it can be read.
    pub fn new(source: &str) -> Option<Look> {
        let (copy, places) = masked(source)?;
        let (length, dropped) = (source.len(), source.len() - copy.len());
        Some(Look { parser: parser_of(&copy), places, length, dropped, at: 0 })
    }

    /// Looks at the next event. At the end: how many bytes of the document can be read, which is up to where it ends, because the
    /// scanner looks ahead beyond it. Or the error that goyaml has for the first such tag, or for what is wrong before.
    pub fn go_on(&mut self, text: &str, part: Span, offsets: Offsets) -> Result<Option<usize>, Error> {
        // What comes before is wrong; after it nobody reads on.
        let event = self.parser.parse().map_err(|e| syntax_error(&e, offsets, text))?;
        let shift = part.start as usize + self.dropped;
        self.at = offsets.span(event.start_mark, event.end_mark).end as usize;
        // An anchor's name runs on through the letters; the parser ends it at the sign, where goyaml has an error of its own.
        let start = offsets.span(event.start_mark, event.end_mark).start as usize;
        let rest = text.get(start..).filter(|rest| rest.starts_with(['&', '*'])).unwrap_or("");
        let end = start + rest.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(rest.len());
        let glued = self.places.partition_point(|p| p.start + shift < start);
        if let Some(place) = self.places.get(glued).filter(|p| p.start + shift < end) {
            return Err(complaint(text, part, place.start + shift, ANCHOR));
        }
        match event.data {
            EventData::StreamEnd => return Ok(Some(self.length)),
            EventData::DocumentEnd { .. } => {
                let end = offsets.span(event.start_mark, event.end_mark).end as usize;
                return Ok(Some(end.saturating_sub(part.start as usize).min(self.length)));
            }
            EventData::Scalar { style: ScalarStyle::Plain, .. } => {
                let span = offsets.span(event.start_mark, event.end_mark);
                let (start, end) = (span.start as usize, span.end as usize);
                // Anchors and other tags of the node may stand before.
                let begins = |place: &&Place| {
                    let before = text.get(start..place.start + shift).unwrap_or("x");
                    place.start + shift < end && before.split_whitespace().all(|word| word.starts_with(['&', '!']))
                };
                // Events come in the order of the text, and so do places: the ones before are done with.
                let done = self.places.partition_point(|p| p.start + shift < start);
                if let Some(place) = self.places[done..].iter().take_while(|p| p.start + shift < end).find(begins) {
                    return Err(complaint(text, part, place.comma + shift, TAG));
                }
            }
            _ => {}
        }
        Ok(None)
    }
}

/// goyaml's words for what stands behind a tag and behind an anchor.
const TAG: &str = "did not find expected whitespace or line break";
const ANCHOR: &str = "did not find expected alphabetic or numeric character";

fn complaint(text: &str, part: Span, comma: usize, words: &str) -> Error {
    let line = text.get(part.start as usize..comma).unwrap_or("").bytes().filter(|b| *b == b'\n').count();
    let rest = text.get(comma..).unwrap_or("");
    let end = comma + rest.find(['\n', '\r']).unwrap_or(rest.len());
    let place = if line == 0 { String::new() } else { format!("line {}: ", line + 1) };
    error(format!("{place}{words}"), Span::new(comma, end))
}

/// Where something like a tag begins, and the comma behind it.
struct Place {
    start: usize,
    comma: usize,
}

/// A copy in which everything like such a tag is letters; `None` when there is nothing like it.
fn masked(source: &str) -> Option<(String, Vec<Place>)> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let mut bytes = source.as_bytes().to_vec();
    let mut places = Vec::new();
    let mut at = 0;
    while let Some(start) = source.as_bytes()[at..].iter().position(|b| *b == b'!').map(|i| at + i) {
        let run = |from: usize, more: &[u8]| {
            let rest = &source.as_bytes()[from..];
            from + rest.iter().position(|b| !is_of_tag(*b) && !more.contains(b)).unwrap_or(rest.len())
        };
        // Only where a node begins can it be a tag; behind a letter it is part of a text, and what follows counts for itself.
        let before = start.checked_sub(1).map(|i| source.as_bytes()[i]);
        let begins = before.is_none_or(|b| b.is_ascii_whitespace() || b",[{".contains(&b));
        let verbatim = begins && source.as_bytes().get(start + 1) == Some(&b'<');
        let (masked, end) = if verbatim {
            let close = run(start + 2, b",[]");
            let closed = source.as_bytes().get(close) == Some(&b'>');
            (start..close + usize::from(closed), if closed { close + 1 } else { close })
        } else {
            (start..start + 1, run(start + 1, b""))
        };
        if source.as_bytes().get(end) == Some(&b',') {
            bytes[masked].fill(b'x');
            places.push(Place { start, comma: end });
        }
        at = end.max(start + 1);
    }
    // Letters stand in the place of signs of one byte each.
    (!places.is_empty()).then(|| (String::from_utf8_lossy(&bytes).into_owned(), places))
}

/// What a tag may hold outside of `<…>`.
fn is_of_tag(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_;/?:@&=+$.%!~*'()".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use crate::text::Span;

    fn tried(text: &str) -> Result<String, String> {
        let reading = read(text, Span::new(0, text.len()));
        reading.map(|r| crate::api::json::to_string(&r.value)).map_err(|e| e.message)
    }

    #[test]
    fn a_tag_before_a_comma_is_refused_as_goyaml_refuses_it() {
        let refused = "did not find expected whitespace or line break";
        for text in [
            "[!a,b]",
            "[a, !b, c]",
            "{a: !b,}",
            "[!!int,]",
            "[&x !a,b]",
            "[!<tag:yaml.org,2002:str>,b]",
            "[!,]",
            "[a!<,!,",
        ] {
            assert_eq!(tried(text), Err(format!("yaml: {refused}")), "{text}");
        }
        let anchor = "did not find expected alphabetic or numeric character";
        assert_eq!(tried("[&x!,b]"), Err(format!("yaml: {anchor}")));
        assert_eq!(tried("a: 1\nb: [x,\n  !y,z]\n"), Err(format!("yaml: line 3: {refused}")));
        // What is wrong before it is told first, whatever comes behind.
        assert!(tried("{{{{]  !1,__proto_").is_err());
        // Behind the document's end nothing counts, though the scanner looks there.
        assert_eq!(tried("{} {{{{]  !14_,"), Ok("{}".to_string()));
        // Nor does what is told of a text that ends there reach into what stands behind.
        let text = "  ? ? ''\n 길!,";
        let error = read(text, Span::new(0, text.len())).expect_err("a mapping as a key");
        assert!(text.is_char_boundary(error.span.end as usize), "{error:?}");
    }

    #[test]
    fn an_exclamation_mark_that_is_no_tag_is_left_alone() {
        for (text, json) in [
            ("a: hello!, you", r#"{"a":"hello!, you"}"#),
            ("[hello!, you]", r#"["hello!","you"]"#),
            ("a: \"!b, c\" # !d,\nb: '!e,'", r#"{"a":"!b, c","b":"!e,"}"#),
            ("a: |\n  [!b, c]", r#"{"a":"[!b, c]\n"}"#),
            ("a: |\n  [!b, c]\n", r#"{"a":"[!b, c]\n"}"#),
            ("{a!, c: d!,e: f}", r#"{"a!":null,"c":"d!","e":"f"}"#),
            ("[a\n !b, c]", r#"["a !b","c"]"#),
            ("\u{feff}[a!, !!str 1]", r#"["a!","1"]"#),
        ] {
            let value = crate::api::yaml::read(json, Span::new(0, json.len())).unwrap().value;
            let found = read(text, Span::new(0, text.len())).map(|r| r.value);
            assert_eq!(found, Ok(value), "{text}");
        }
    }
}
