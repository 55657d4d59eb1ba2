//! One document's events → its value and the place of everything in it.
//!
//! Nothing here recurses: containers under construction wait on a stack of at most [`MAX_DEPTH`]. Aliases share what they
//! stand for and are counted against goyaml's budget, so an alias bomb costs what its text costs.

use super::scalar::resolve_plain;
use super::tags;
use crate::api::parse::{Content, Entry, Node};
use crate::api::value::{Map, Value};
use crate::arrange::Arrange;
use crate::text::Span;
use libyaml_safer::{Encoding, ErrorKind, Event, EventData, Mark, Parser, ScalarStyle};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::HashMap;
use std::io::Cursor;

/// How deep lists and maps may nest. The real reader stops at 10,000; no manifest comes near either.
pub const MAX_DEPTH: usize = 500;

/// A document that could be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// `Null` for a document without content.
    pub value: Value,
    pub node: Node,
    /// Keys that stand twice in one mapping, in the order of the text; in `value` the last one wins.
    pub duplicates: Vec<Duplicate>,
}

/// A key that its mapping already has.
#[derive(Clone, Debug, PartialEq)]
pub struct Duplicate {
    pub key: SmolStr,
    pub first: Span,
    pub second: Span,
    /// The line of the second one's value within the document, from one.
    pub line: usize,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// goyaml's words: `yaml: line 4: found character that cannot start any token`.
    pub message: String,
    /// Where it stands in the text.
    pub span: Span,
}

/// Reads the document `part` of `text`. Spans count in `text`.
pub fn read(text: &str, part: Span) -> Result<Reading, Error> {
    let mut pieces = Pieces::new(text, part);
    loop {
        if let Some(reading) = pieces.go_on(text, usize::MAX)? {
            return Ok(reading);
        }
    }
}

/// What a parser reads from: a copy of its own, so that it can be put aside between two pieces.
pub(super) type Source = Cursor<Vec<u8>>;

/// A parser of some text, whose last line ends even if nothing says so: kubectl takes a text apart by lines and ends each.
pub(super) fn parser_of(source: &str) -> Parser<Source> {
    let mut bytes = source.as_bytes().to_vec();
    if !source.ends_with('\n') {
        bytes.push(b'\n');
    }
    let mut parser = Parser::new();
    // Left to find it out, it takes the first byte of many a character (a fullwidth digit, say) for a broken byte order mark.
    parser.set_encoding(Encoding::Utf8);
    parser.set_input(Cursor::new(bytes));
    parser
}

/// A document that is read in pieces: one of many megabytes takes longer than a page may be held.
pub struct Pieces {
    part: Span,
    offsets: Offsets,
    stage: Stage,
    /// Whether it is gone through twice.
    twice: bool,
}

/// How far it is.
enum Stage {
    /// Looking for what the parser cannot take.
    Look(Box<tags::Look>),
    Read(Box<(Parser<Source>, Builder)>),
}

impl Pieces {
    pub fn new(text: &str, part: Span) -> Pieces {
        let source = part.of(text);
        let offsets = Offsets::new(source, part.start as usize);
        let stage = match tags::Look::new(source) {
            Some(look) => Stage::Look(Box::new(look)),
            None => Stage::begin(source, offsets),
        };
        Pieces { part, offsets, twice: matches!(stage, Stage::Look(_)), stage }
    }

    /// Reads so many events on; a document that is done is given once. `text` is the one that it began with.
    pub fn go_on(&mut self, text: &str, events: usize) -> Result<Option<Reading>, Error> {
        for _ in 0..events {
            match &mut self.stage {
                Stage::Look(look) => {
                    if let Some(length) = look.go_on(text, self.part, self.offsets)? {
                        let source = &self.part.of(text)[..length];
                        // The end of the last line, which the parser is given, is no place in the text.
                        self.offsets = Offsets::new(source, self.part.start as usize);
                        self.stage = Stage::begin(source, self.offsets);
                    }
                }
                Stage::Read(reading) => {
                    let (parser, builder) = &mut **reading;
                    let event = parser.parse().map_err(|e| syntax_error(&e, self.offsets, text))?;
                    if builder.take(event)? {
                        return Ok(Some(builder.finish()));
                    }
                }
            }
        }
        Ok(None)
    }

    /// How far it is, as a place in the text.
    pub fn at(&self) -> usize {
        let (start, whole) = (self.part.start as usize, self.part.len());
        match &self.stage {
            Stage::Look(look) => start + look.at.saturating_sub(start) / 2,
            Stage::Read(reading) if self.twice => start + (whole + reading.1.at.saturating_sub(start)) / 2,
            Stage::Read(reading) => reading.1.at,
        }
    }
}

impl Stage {
    fn begin(source: &str, offsets: Offsets) -> Stage {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        Stage::Read(Box::new((parser_of(source), Builder::new(offsets))))
    }
}

pub(super) fn error(message: String, span: Span) -> Error {
    Error { message: format!("yaml: {message}"), span }
}

/// goyaml's `parser.fail`: scanner errors name the line they are in, parser errors the one before.
pub(super) fn syntax_error(e: &libyaml_safer::Error, offsets: Offsets, text: &str) -> Error {
    let problem = e.problem_mark().unwrap_or_default();
    let context = e.context_mark().unwrap_or_default();
    let line = match problem.line {
        0 => context.line,
        line if e.kind() == ErrorKind::Scanner => line + 1,
        line => line,
    };
    let place = if line == 0 { String::new() } else { format!("line {line}: ") };
    let start = offsets.byte(problem);
    let rest = text.get(start..).unwrap_or("");
    let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
    let span = if length > 0 {
        Span::new(start, start + length)
    } else {
        // At the end of a line or of the text: the last word before it.
        let before = text.get(..start).unwrap_or("").trim_end();
        Span::new(before.rfind('\n').map_or(0, |i| i + 1), before.len())
    };
    let problem = match e.problem() {
        "" => "unknown problem parsing YAML content",
        words => words,
    };
    error(format!("{place}{problem}"), span)
}

/// A scalar's value by its tag; plain ones without a tag mean what they look like.
fn scalar(text: String, tag: Option<&str>, implicit: bool) -> Result<Value, String> {
    let Some(tag) = tag.filter(|t| *t != "!") else {
        return Ok(if implicit { resolve_plain(&text) } else { text.into() });
    };
    let Some(name) = tag.strip_prefix("tag:yaml.org,2002:") else { return Ok(text.into()) };
    let value = resolve_plain(&text);
    let fits = match name {
        "str" => return Ok(text.into()),
        "binary" => {
            let bytes = data_encoding::BASE64.decode(text.as_bytes());
            let bytes = bytes.map_err(|_| "!!binary value contains invalid base64 data".to_string())?;
            return Ok(String::from_utf8_lossy(&bytes).into_owned().into());
        }
        "bool" => matches!(value, Value::Bool(_)),
        "null" => value.is_null(),
        "int" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Int(_) | Value::Float(_)),
        "timestamp" => return Ok(text.into()),
        _ => return Ok(text.into()),
    };
    let found = match value {
        Value::Null => "!!null",
        Value::Bool(_) => "!!bool",
        Value::Int(_) => "!!int",
        Value::Float(_) => "!!float",
        _ => "!!str",
    };
    if fits { Ok(value) } else { Err(format!("cannot decode {found} `{text}` as a !!{name}")) }
}

/// Offsets in one document → offsets in the whole text.
#[derive(Clone, Copy)]
pub(super) struct Offsets {
    base: usize,
    length: usize,
}

impl Offsets {
    fn new(source: &str, base: usize) -> Offsets {
        // A byte order mark is dropped before anything is counted.
        let mark = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Offsets { base: base + mark, length: source.len() - mark }
    }

    /// This port of libyaml counts bytes, unlike the original.
    fn byte(&self, mark: Mark) -> usize {
        self.base + (mark.index as usize).min(self.length)
    }

    pub(super) fn span(&self, start: Mark, end: Mark) -> Span {
        Span::new(self.byte(start), self.byte(end))
    }
}

/// What an anchor stands for.
struct Anchored {
    value: Value,
    /// Nodes in it, aliases counted out.
    count: u64,
}

/// A mapping's key that waits for its value.
struct Key {
    text: SmolStr,
    span: Span,
    /// `<<`: its value is merged in.
    merge: bool,
}

/// A list or map under construction.
struct Frame {
    map: bool,
    anchor: Option<String>,
    start: Span,
    line: usize,
    /// Nodes so far.
    count: u64,
    items: Vec<Value>,
    nodes: Vec<Node>,
    /// Key, value and, unless merged in, the index into `entries` with the line of the value.
    pairs: Vec<(SmolStr, Value, Option<(usize, usize)>)>,
    entries: Vec<Entry>,
    key: Option<Key>,
    /// The end of the last part: where a block ends, whatever blank lines follow.
    end: u32,
}

struct Builder {
    offsets: Offsets,
    /// Where the last event ended.
    at: usize,
    frames: Vec<Frame>,
    /// Anchors by name; `None` while what they name is under construction.
    anchors: HashMap<String, Option<Anchored>>,
    reading: Reading,
    decoded: u64,
    aliased: u64,
}

impl Builder {
    fn new(offsets: Offsets) -> Builder {
        Builder {
            offsets,
            at: offsets.base,
            frames: Vec::new(),
            anchors: HashMap::new(),
            reading: Reading {
                node: Node { span: Span::new(offsets.base, offsets.base), ..Node::default() },
                ..Reading::default()
            },
            decoded: 0,
            aliased: 0,
        }
    }

    /// Takes the next event in. `true`: it was the last.
    fn take(&mut self, event: Event) -> Result<bool, Error> {
        let span = self.offsets.span(event.start_mark, event.end_mark);
        self.at = span.end as usize;
        let line = event.start_mark.line as usize + 1;
        match event.data {
            EventData::StreamStart { .. } | EventData::DocumentStart { .. } => {}
            EventData::StreamEnd | EventData::DocumentEnd { .. } => return Ok(true),
            EventData::Alias { anchor } => self.alias(&anchor, span, line)?,
            EventData::Scalar { anchor, tag, value, plain_implicit, style, .. } => {
                let plain = style == ScalarStyle::Plain;
                let value = scalar(value, tag.as_deref(), plain && plain_implicit).map_err(|m| error(m, span))?;
                self.scalar(value, plain, anchor, span, line)?;
            }
            EventData::SequenceStart { anchor, .. } => self.open(false, anchor, span, line)?,
            EventData::MappingStart { anchor, .. } => self.open(true, anchor, span, line)?,
            EventData::SequenceEnd | EventData::MappingEnd => self.close(span)?,
        }
        Ok(false)
    }

    /// What was read; nothing is left.
    fn finish(&mut self) -> Reading {
        let mut reading = std::mem::take(&mut self.reading);
        reading.duplicates.arrange_by_key(|d| d.second);
        if reading.value.is_null() && reading.node.span.is_empty() {
            let end = self.offsets.base + self.offsets.length;
            reading.node.span = Span::new(self.offsets.base, end);
        }
        reading
    }

    fn scalar(
        &mut self,
        value: Value,
        plain: bool,
        anchor: Option<String>,
        span: Span,
        line: usize,
    ) -> Result<(), Error> {
        self.decoded += 1;
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some(Anchored { value: value.clone(), count: 1 }));
        }
        let merge = plain && value.as_str() == Some("<<");
        self.add(value, Node { span, content: Content::Scalar }, 1, merge, line)
    }

    fn alias(&mut self, name: &str, span: Span, line: usize) -> Result<(), Error> {
        let (value, count) = match self.anchors.get(name) {
            Some(Some(anchored)) => (anchored.value.clone(), anchored.count),
            Some(None) => return Err(error(format!("anchor '{name}' value contains itself"), span)),
            None => return Err(error(format!("unknown anchor '{name}' referenced"), span)),
        };
        self.decoded = self.decoded.saturating_add(count + 1);
        self.aliased = self.aliased.saturating_add(count);
        if self.aliased > 100
            && self.decoded > 1000
            && self.aliased as f64 / self.decoded as f64 > allowed_alias_ratio(self.decoded)
        {
            return Err(error("document contains excessive aliasing".into(), span));
        }
        self.add(value, Node { span, content: Content::Scalar }, count.saturating_add(1), false, line)
    }

    fn open(&mut self, map: bool, anchor: Option<String>, span: Span, line: usize) -> Result<(), Error> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(error(format!("exceeded max depth of {MAX_DEPTH}"), span));
        }
        if let Some(anchor) = &anchor {
            self.anchors.insert(anchor.clone(), None);
        }
        self.decoded += 1;
        self.frames.push(Frame {
            map,
            anchor,
            start: span,
            line,
            count: 1,
            items: Vec::new(),
            nodes: Vec::new(),
            pairs: Vec::new(),
            entries: Vec::new(),
            key: None,
            end: span.end,
        });
        Ok(())
    }

    fn close(&mut self, span: Span) -> Result<(), Error> {
        let Some(mut frame) = self.frames.pop() else { return Ok(()) };
        // The end of a block is told only at the next token; `}` and `]` tell it themselves.
        let end = if span.is_empty() { frame.end } else { span.end };
        let whole = Span { start: frame.start.start, end: end.max(frame.start.start) };
        let (value, content) = if frame.map {
            (self.map(&mut frame), Content::Map(frame.entries))
        } else {
            (Value::list(frame.items), Content::List(frame.nodes))
        };
        if let Some(anchor) = frame.anchor {
            self.anchors.insert(anchor, Some(Anchored { value: value.clone(), count: frame.count }));
        }
        self.add(value, Node { span: whole, content }, frame.count, false, frame.line)
    }

    /// The mapping's value: sorted, the last of equal keys wins.
    fn map(&mut self, frame: &mut Frame) -> Value {
        let mut pairs = std::mem::take(&mut frame.pairs);
        pairs.arrange_by(|a, b| a.0.cmp(&b.0));
        let mut first: Option<usize> = None;
        for (i, (key, _, place)) in pairs.iter().enumerate() {
            let Some((entry, line)) = *place else { continue };
            match first.filter(|f| pairs[*f].0 == *key).and_then(|f| pairs[f].2) {
                Some((earlier, _)) => self.reading.duplicates.push(Duplicate {
                    key: key.clone(),
                    first: frame.entries[earlier].key_span,
                    second: frame.entries[entry].key_span,
                    line,
                }),
                None => first = Some(i),
            }
        }
        Map::from_iter(pairs.into_iter().map(|(key, value, _)| (key, value))).into()
    }

    /// Hands a finished node to what waits for it.
    fn add(&mut self, value: Value, node: Node, count: u64, merge: bool, line: usize) -> Result<(), Error> {
        let span = node.span;
        let Some(frame) = self.frames.last_mut() else {
            self.reading.value = value;
            self.reading.node = node;
            return Ok(());
        };
        frame.count = frame.count.saturating_add(count);
        frame.end = frame.end.max(span.end);
        if !frame.map {
            frame.items.push(value);
            frame.nodes.push(node);
            return Ok(());
        }
        let Some(key) = frame.key.take() else {
            frame.key = Some(Key { text: key_text(&value).map_err(|m| Error { message: m, span })?, span, merge });
            return Ok(());
        };
        if key.merge {
            merge_into(&mut frame.pairs, &value).map_err(|m| error(m, span))?;
        } else {
            frame.pairs.push((key.text.clone(), value, Some((frame.entries.len(), line))));
        }
        frame.entries.push(Entry { key: key.text, key_span: key.span, value: node });
        Ok(())
    }
}

/// goyaml's budget: the share of a document that aliases may make up.
fn allowed_alias_ratio(decoded: u64) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    0.99 - 0.89 * ((decoded as f64 - LOW) / (HIGH - LOW)).clamp(0.0, 1.0)
}

fn merge_into(pairs: &mut Vec<(SmolStr, Value, Option<(usize, usize)>)>, value: &Value) -> Result<(), String> {
    let mut merge = |value: &Value| {
        let map = value.as_map().ok_or("map merge requires map or sequence of maps as the value")?;
        pairs.extend(map.iter().map(|(k, v)| (k.clone(), v.clone(), None)));
        Ok(())
    };
    match value {
        // Earlier maps win over later ones.
        Value::List(maps) => maps.iter().rev().try_for_each(merge),
        value => merge(value),
    }
}

/// A key as JSON has it.
fn key_text(value: &Value) -> Result<SmolStr, String> {
    Ok(match value {
        Value::String(s) => s.clone(),
        Value::Int(i) => i.to_smolstr(),
        Value::Bool(b) => b.to_smolstr(),
        Value::Float(f) if f.is_nan() => ".nan".into(),
        Value::Float(f) if f.is_infinite() => if *f > 0.0 { ".inf" } else { "-.inf" }.into(),
        Value::Float(f) => {
            let mut out = String::new();
            crate::api::json::write_float(&mut out, f64::from(*f as f32));
            out.into()
        }
        Value::Null => return Err("unsupported map key of type: %!s(<nil>), key: <nil>".into()),
        Value::List(_) | Value::Map(_) => {
            let mut out = String::from("yaml: invalid map key: ");
            go_syntax(&mut out, value, 0);
            return Err(out);
        }
    })
}

/// A value as Go's `%#v` prints it, as far as an error message needs it.
fn go_syntax(out: &mut String, value: &Value, depth: usize) {
    // Deeper or longer than anyone reads: a template's braces are one level.
    if depth > 4 || out.len() > 400 {
        out.push('…');
        return;
    }
    match value {
        Value::Null => out.push_str("interface {}(nil)"),
        Value::List(items) => {
            out.push_str("[]interface {}{");
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                go_syntax(out, item, depth + 1);
            }
            out.push('}');
        }
        Value::Map(map) => {
            out.push_str("map[interface {}]interface {}{");
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                crate::api::json::write_string(out, key);
                out.push(':');
                go_syntax(out, item, depth + 1);
            }
            out.push('}');
        }
        scalar => out.push_str(&crate::api::json::to_string(scalar)),
    }
}
