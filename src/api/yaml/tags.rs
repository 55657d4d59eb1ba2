//! A tag that ends at a comma inside `[…]` or `{…}`: `[!a, b]`. The port of libyaml that reads for us stops the whole program
//! there (it has a `panic!` where libyaml goes on and goyaml refuses), so such a tag is found before it reads.
//!
//! Only a reader can tell a tag from an exclamation mark in a text or a comment. So whatever looks like such a tag is made into
//! letters, and the copy is read: where a plain scalar begins at such a place, a tag stood there. That changes nothing about what
//! is a text, a comment or a structure, but for one case: commas and brackets within `!<…>` are structure unless a tag begins there.
//! Then it is first taken for a tag, and the copy is read anew when it turns out to be none.

use super::read::{Error, Offsets, Source, error, parser_of, syntax_error};
use crate::arrange::Arrange;
use crate::text::Span;
use libyaml_safer::{EventData, Parser, ScalarStyle};

/// How often a copy is read anew; who writes more of `!<…,…>,` in one text is refused.
const MOST_TURNS: usize = 16;

/// The look at a copy of a document in which such tags are letters.
pub(super) struct Look {
    parser: Parser<Source>,
    places: Vec<Place>,
    /// The places, by their start, that are known to be part of a text though they hold what could be structure.
    texts: Vec<usize>,
    /// How many bytes the document has, and how many of them are no part of the copy.
    length: usize,
    dropped: usize,
    /// Where the last event ended.
    pub at: usize,
}

impl Look {
    /// `None`: nothing in the document looks like such a tag, so all of it can be read.
    pub fn new(source: &str) -> Option<Look> {
        Look::knowing(source, Vec::new())
    }

    fn knowing(source: &str, texts: Vec<usize>) -> Option<Look> {
        let (copy, places) = masked(source, &texts)?;
        let (length, dropped) = (source.len(), source.len() - copy.len());
        Some(Look { parser: parser_of(&copy), places, texts, length, dropped, at: 0 })
    }

    /// Looks at the next event. At the end: how many bytes of the document can be read, which is up to where it ends, because the
    /// scanner looks ahead beyond it. Or the error that goyaml has for the first such tag, or for what is wrong before.
    pub fn go_on(&mut self, text: &str, part: Span, offsets: Offsets) -> Result<Option<usize>, Error> {
        let shift = part.start as usize + self.dropped;
        let event = match self.parser.parse() {
            Ok(event) => event,
            Err(e) => {
                let error = syntax_error(&e, offsets, text);
                let at = error.span.start as usize;
                // Where the parser has no room for a text, it has none for the tag either; but the scanner comes to that one
                // first. And what is wrong behind structure that may be none is not known to be wrong.
                let guilty =
                    |p: &&Place| p.start + shift == at || p.wide && (self.at..=at).contains(&(p.start + shift));
                let place = self.places.iter().find(guilty);
                return Err(place.map_or(error, |place| complaint(text, part, place.comma + shift, TAG)));
            }
        };
        let span = offsets.span(event.start_mark, event.end_mark);
        let (start, end) = (span.start as usize, span.end as usize);
        self.at = end;
        // Events come in the order of the text, and so do places: the ones before are done with.
        let places = &self.places[self.places.partition_point(|p| p.start + shift < start)..];
        // An anchor's name runs on through the letters; the parser ends it at the sign, where goyaml has an error of its own.
        let rest = text.get(start..).filter(|rest| rest.starts_with(['&', '*'])).unwrap_or("");
        let name = start + rest.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(rest.len());
        if let Some(place) = places.first().filter(|p| p.start + shift < name) {
            return Err(complaint(text, part, place.start + shift, ANCHOR));
        }
        match event.data {
            EventData::StreamEnd => return Ok(Some(self.length)),
            EventData::DocumentEnd { .. } => return Ok(Some(end.saturating_sub(part.start as usize).min(self.length))),
            EventData::Scalar { style: ScalarStyle::Plain, .. } => {
                let within = || places.iter().take_while(|p| p.start + shift < end);
                // Anchors and other tags of the node may stand before.
                let begins = |place: &&Place| {
                    let before = text.get(start..place.start + shift).unwrap_or("x");
                    before.split_whitespace().all(|word| word.starts_with(['&', '!']))
                };
                if let Some(place) = within().find(begins) {
                    return Err(complaint(text, part, place.comma + shift, TAG));
                }
                if let Some(place) = within().find(|p| p.wide) {
                    if self.texts.len() == MOST_TURNS {
                        return Err(complaint(text, part, place.comma + shift, TAG));
                    }
                    let mut texts = std::mem::take(&mut self.texts);
                    texts.push(place.start);
                    if let Some(look) = Look::knowing(part.of(text), texts) {
                        *self = look;
                    }
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
    /// Whether letters stand for what is structure unless a tag begins here.
    wide: bool,
}

/// A copy in which everything like such a tag is letters, of `texts` the first sign alone; `None` when there is nothing like it.
fn masked(source: &str, texts: &[usize]) -> Option<(String, Vec<Place>)> {
    let mut copy = source.strip_prefix('\u{feff}').unwrap_or(source).as_bytes().to_vec();
    let mut places = Vec::new();
    // Letters may lengthen what looks like a tag before them (`!!<[]>,`), which then reaches the comma, too.
    loop {
        let known = places.len();
        mask(&mut copy, texts, &mut places);
        if places.len() == known {
            break;
        }
    }
    places.arrange_by_key(|place| place.start);
    // Letters stand in the place of signs of one byte each.
    (!places.is_empty()).then(|| (String::from_utf8_lossy(&copy).into_owned(), places))
}

fn mask(copy: &mut [u8], texts: &[usize], places: &mut Vec<Place>) {
    // Where the run of a tag's signs ends that was looked at last: a sign within it ends where it ends.
    let (mut at, mut end) = (0, 0);
    while let Some(start) = copy[at..].iter().position(|b| *b == b'!').map(|i| at + i) {
        at = start + 1;
        if let Some(close) = verbatim(copy, start) {
            let wide = copy[start..close].iter().any(|b| b",[]".contains(b)) && !texts.contains(&start);
            if wide {
                at = close + 1;
            }
            copy[start..at].fill(b'x');
            places.push(Place { start, comma: close + 1, wide });
            continue;
        }
        if end < at {
            end = at + copy[at..].iter().position(|b| !is_of_tag(*b)).unwrap_or(copy.len() - at);
        }
        if copy.get(end) == Some(&b',') {
            copy[start] = b'x';
            places.push(Place { start, comma: end, wide: false });
        }
    }
}

/// Where the `>` of `!<…>,` stands that may begin at `start`.
fn verbatim(source: &[u8], start: usize) -> Option<usize> {
    let inside = source[start..].strip_prefix(b"!<")?;
    let length = inside.iter().position(|b| !is_of_tag(*b) && !b",[]".contains(b))?;
    inside[length..].starts_with(b">,").then_some(start + 2 + length)
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
            "[{\"a\",\"b\"!<:>,\": \n\"b",
            "{\"a\":!<b>,}",
            "[\"a\":!<[,]>,]",
            "[[]!<b>,]",
            "[[\"a\"]!<*]',3,o>,o>]",
            "[a !<x,y>,b, !<x,y>,c, d]",
            "{!!<[!>,",
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
            ("[a !<x,y>,b, c !<z,w>,d]", r#"["a !<x","y>","b","c !<z","w>","d"]"#),
            ("[a !<!x,y>,b] # !<[],>,", r#"["a !<!x","y>","b"]"#),
            ("a: \"b !<[>,c\" # !<[>,", r#"{"a":"b !<[>,c"}"#),
            ("[a\n !b, c]", r#"["a !b","c"]"#),
            ("\u{feff}[a!, !!str 1]", r#"["a!","1"]"#),
        ] {
            let value = crate::api::yaml::read(json, Span::new(0, json.len())).unwrap().value;
            let found = read(text, Span::new(0, text.len())).map(|r| r.value);
            assert_eq!(found, Ok(value), "{text}");
        }
    }

    #[test]
    fn no_text_of_signs_ends_the_program() {
        const SIGNS: &[u8] = b"[[]]{},,,:!!!<<>>\"'xa&*?-# \n|";
        let mut state = 7_u64;
        let mut lot = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for _ in 0..20_000 {
            let length = 4 + lot(20);
            let text: String = (0..length).map(|_| char::from(SIGNS[lot(SIGNS.len())])).collect();
            // Refused or not, it is answered.
            let answer = std::panic::catch_unwind(|| drop(tried(&text)));
            assert!(answer.is_ok(), "{text:?}");
        }
    }
}
