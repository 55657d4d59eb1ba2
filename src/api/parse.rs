//! YAML text → manifests: values as Kubernetes reads them, and where every key and value stands in the text.

use crate::api::path::{FieldPath, Segment};
use crate::api::value::Value;
use crate::api::yaml;
use crate::diagnostic::{Diagnostic, Severity};
use crate::locale::Message;
use crate::text::{LineIndex, Span};
use smol_str::SmolStr;

/// The longest text that is read. A cluster refuses a single object at 3 MiB.
pub const MAX_TEXT: usize = 4 << 20;

/// Reads a file. Every document is read for itself: one that cannot be read gives a diagnostic, and the others still count.
/// A document without content is left out.
pub fn parse(file: &str, text: &str) -> (Vec<Manifest>, Vec<Diagnostic>) {
    parse_up_to(MAX_TEXT, file, text)
}

/// The same with another limit in bytes: what a whole cluster prints of itself is longer than what anybody edits.
pub fn parse_up_to(most: usize, file: &str, text: &str) -> (Vec<Manifest>, Vec<Diagnostic>) {
    let mut parsing = Parsing::new(most, file, text);
    while !parsing.go_on(text, usize::MAX) {}
    (parsing.manifests, parsing.diagnostics)
}

/// A file that is read in pieces.
pub struct Parsing {
    file: SmolStr,
    parts: std::vec::IntoIter<(usize, yaml::Part)>,
    /// The document that is being read: its place in the file and its range.
    now: Option<(usize, Span, yaml::Pieces)>,
    /// Where the last document ended.
    done: usize,
    lines: std::cell::OnceCell<LineIndex>,
    pub manifests: Vec<Manifest>,
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsing {
    pub fn new(most: usize, file: &str, text: &str) -> Parsing {
        let mut diagnostics = Vec::new();
        let mut parts = Vec::new();
        if text.len() > most {
            let size = format!("{:.1}", text.len() as f64 / f64::from(1 << 20));
            let message = Message::new("yaml-too-long").with("size", size).with("limit", most >> 20);
            let first = text.find('\n').unwrap_or(text.len()).min(80);
            let mark = Span::new(0, (0..=first).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0));
            diagnostics.push(Diagnostic::new(Severity::Error, file, mark, "").explain(message));
        } else {
            parts = yaml::split(text);
        }
        let parts = parts.into_iter().enumerate().collect::<Vec<_>>().into_iter();
        let lines = std::cell::OnceCell::new();
        Parsing { file: file.into(), parts, now: None, done: 0, lines, manifests: Vec::new(), diagnostics }
    }

    /// Leaves documents out, by their places in the file.
    pub fn leave_out(&mut self, is_out: impl Fn(usize) -> bool) {
        let parts: Vec<_> = self.parts.by_ref().filter(|(index, _)| !is_out(*index)).collect();
        self.parts = parts.into_iter();
    }

    /// Reads on, so many events of a document at most. `true`: everything is read. `text` is the one that it began with.
    pub fn go_on(&mut self, text: &str, events: usize) -> bool {
        let Some((index, span, pieces)) = &mut self.now else {
            let Some((index, part)) = self.parts.next() else { return true };
            self.now = Some((index, part.span, yaml::Pieces::new(text, part.span)));
            return false;
        };
        let (index, span) = (*index, *span);
        match pieces.go_on(text, events) {
            Ok(None) => return false,
            Ok(Some(reading)) => self.take(text, index, span, reading),
            Err(error) => {
                let file = &self.file;
                let verbatim = format!("error: error parsing {file}: error converting YAML to JSON: {}", error.message);
                let mut diagnostic = Diagnostic::new(Severity::Error, file, error.span, verbatim);
                diagnostic.explanation = explain(&error.message, error.span.of(text));
                self.diagnostics.push(diagnostic);
            }
        }
        self.now = None;
        self.done = span.end as usize;
        false
    }

    fn take(&mut self, text: &str, index: usize, span: Span, reading: yaml::Reading) {
        for duplicate in &reading.duplicates {
            let lines = self.lines.get_or_init(|| LineIndex::new(text));
            let line = lines.line_of(duplicate.first.start as usize) + 1;
            let message = Message::new("yaml-duplicate-key").with("key", &duplicate.key).with("line", line);
            let warning = Diagnostic::new(Severity::Warning, &self.file, duplicate.second, "").explain(message);
            self.diagnostics.push(warning);
        }
        if !reading.value.is_null() {
            let (node, value) = (reading.node, reading.value);
            self.manifests.push(Manifest { file: self.file.clone(), index, span, node, value });
        }
    }

    /// Up to where the text is read.
    pub fn at(&self) -> usize {
        self.now.as_ref().map_or(self.done, |(_, _, pieces)| pieces.at())
    }
}

/// What a reader's words mean to who wrote the text.
fn explain(message: &str, marked: &str) -> Option<Message> {
    let id = if message.contains("tab character")
        || (message.contains("cannot start any token") && marked.starts_with('\t'))
    {
        "yaml-tab"
    } else if message.contains("cannot start any token") {
        "yaml-reserved"
    } else if message.contains("could not find expected ':'") {
        "yaml-colon"
    } else if message.contains("mapping values are not allowed") {
        "yaml-mapping"
    } else if message.contains("did not find expected key") || message.contains("did not find expected '-' indicator") {
        "yaml-indent"
    } else if message.contains("did not find expected ','") || message.contains("expected node content") {
        "yaml-bracket"
    } else if message.contains("unexpected end of stream") {
        "yaml-quote"
    } else if message.contains("unknown anchor") {
        "yaml-anchor"
    } else if message.contains("excessive aliasing") || message.contains("contains itself") {
        "yaml-alias"
    } else if message.contains("max depth") {
        "yaml-depth"
    } else if message.contains("invalid map key") {
        "yaml-key"
    } else {
        return None;
    };
    Some(Message::new(id))
}

/// One document of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The file (an editor tab or a path).
    pub file: SmolStr,
    /// Its place in the file, from zero.
    pub index: usize,
    /// The document's text range, without the `---` lines.
    pub span: Span,
    /// Where everything stands.
    pub node: Node,
    /// What it says.
    pub value: Value,
}

impl Manifest {
    /// The same some bytes further down in the file, or up.
    pub fn shift(&mut self, by: i64) {
        self.span.shift(by);
        self.node.shift(by);
    }

    /// The items of a `v1` List as manifests of their own, each with its own place in the text. The items of a list of one
    /// kind may leave kind and version to the list.
    pub fn items(mut self) -> Vec<Manifest> {
        let (version, kind) = (SmolStr::from(self.value.text("apiVersion")), self.value.text("kind"));
        let element = SmolStr::from(kind.strip_suffix("List").unwrap_or(""));
        let whole = |value: &Value| {
            let mut value = value.clone();
            let nameless =
                value.as_map().is_some() && value.text("kind").is_empty() && value.text("apiVersion").is_empty();
            if nameless && !element.is_empty() {
                value.map_mut().insert("apiVersion", version.clone());
                value.map_mut().insert("kind", element.clone());
            }
            value
        };
        let list = self.node.entry_mut("items").map(|e| std::mem::take(&mut e.value.content));
        let nodes = if let Some(Content::List(nodes)) = list { nodes } else { Vec::new() };
        let mut nodes = nodes.into_iter();
        let item = |value: &Value| {
            let node = nodes.next().unwrap_or_default();
            Manifest { file: self.file.clone(), index: self.index, span: node.span, node, value: whole(value) }
        };
        self.value.items_at(&["items"]).iter().map(item).collect()
    }
}

/// A YAML node: where it stands and where its parts stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    pub span: Span,
    pub content: Content,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Content {
    #[default]
    Scalar,
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: SmolStr,
    pub key_span: Span,
    pub value: Node,
}

/// Where a field path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The key of the last step, when it is a key.
    pub key: Option<Span>,
    pub value: Span,
    /// Whether the whole path exists; otherwise this is its deepest part that does.
    pub exact: bool,
}

impl Found {
    /// What to underline: the value, or the key when the value is a whole block or empty.
    pub fn mark(&self, text: &str) -> Span {
        match self.key {
            Some(key) if !self.exact || self.value.is_empty() || self.value.of(text).contains('\n') => key,
            _ => self.value,
        }
    }
}

impl Node {
    /// The entry of a mapping's key; the last of equal keys, which is the one that counts.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().rev().find(|e| e.key == key),
            _ => None,
        }
    }

    fn entry_mut(&mut self, key: &str) -> Option<&mut Entry> {
        match &mut self.content {
            Content::Map(entries) => entries.iter_mut().rev().find(|e| e.key == key),
            _ => None,
        }
    }

    /// Goes as deep as a text that could be read, which is not deep.
    fn shift(&mut self, by: i64) {
        self.span.shift(by);
        match &mut self.content {
            Content::Scalar => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.shift(by)),
            Content::Map(entries) => entries.iter_mut().for_each(|entry| {
                entry.key_span.shift(by);
                entry.value.shift(by);
            }),
        }
    }

    /// Follows `path` as far as the text has it.
    pub fn find(&self, path: &FieldPath) -> Found {
        let mut at = self;
        let mut found = Found { key: None, value: self.span, exact: true };
        for segment in path.segments() {
            let next = match (&at.content, segment) {
                (Content::Map(entries), Segment::Field(name) | Segment::Key(name)) => {
                    // The last of equal keys is the one that counts.
                    entries.iter().rev().find(|e| e.key == name).map(|e| (Some(e.key_span), &e.value))
                }
                (Content::Map(entries), Segment::Index(i)) => {
                    // A map key that looks like a number: `data[80]`.
                    let name = i.to_string();
                    entries.iter().rev().find(|e| e.key == name.as_str()).map(|e| (Some(e.key_span), &e.value))
                }
                (Content::List(items), Segment::Index(i)) => items.get(i).map(|n| (None, n)),
                _ => None,
            };
            let Some((key, node)) = next else { return Found { exact: false, ..found } };
            found = Found { key, value: node.span, exact: true };
            at = node;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    fn value_of(text: &str) -> Value {
        parse("f.yaml", text).0.remove(0).value
    }

    fn error_of(text: &str) -> String {
        let (_, diagnostics) = parse("f.yaml", text);
        let diagnostic = diagnostics.into_iter().find(Diagnostic::is_error).expect("an error");
        let head = "error: error parsing f.yaml: error converting YAML to JSON: yaml: ";
        diagnostic.verbatim.strip_prefix(head).unwrap_or(&diagnostic.verbatim).to_string()
    }

    #[test]
    fn a_broken_document_leaves_the_others() {
        let text = "\u{feff}kind: A\r\n---\r\n\tb: 1\r\n---\r\n# nothing\r\n---\r\n이름: 길\r\n";
        let (manifests, diagnostics) = parse("f.yaml", text);
        assert_eq!(manifests.iter().map(|m| m.index).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].span.of(text), "\tb: 1");
        assert_eq!(manifests[1].node.find(&"이름".into()).value.of(text), "길");
    }

    #[test]
    fn errors_have_the_words_of_goyaml() {
        for (text, words) in [
            ("a:\n\tb: 1\n", "line 2: found character that cannot start any token"),
            ("\ta: 1\n", "found character that cannot start any token"),
            ("a: 1\nb\nc: 1\n", "line 3: could not find expected ':'"),
            ("a: 1\n b: 2\n", "line 2: mapping values are not allowed in this context"),
            ("a:\n  b: 1\n c: 1\n", "line 2: did not find expected key"),
            ("a: {\n- b\n", "line 1: did not find expected node content"),
            ("a: *x\n", "unknown anchor 'x' referenced"),
            ("a: &x\n  b: *x\n", "anchor 'x' value contains itself"),
            ("a: {{ .Values.x }}\n", "invalid map key: map[interface {}]interface {}{\".Values.x\":interface {}(nil)}"),
        ] {
            assert_eq!(error_of(text), words, "{text}");
        }
    }

    #[test]
    fn merge_keys_aliases_and_duplicates() {
        let text = "base: &b {x: 1, y: 2}\nz:\n  <<: *b\n  x: 3\n80: k\non: v\na: 1\na: 2\n";
        let (manifests, diagnostics) = parse("f.yaml", text);
        assert_eq!(
            manifests[0].value,
            value!({ "base": { "x": 1, "true": 2 }, "z": { "x": 3, "true": 2 }, "80": "k", "true": "v", "a": 2 })
        );
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].span.start as usize, text.rfind("a: 2").unwrap());
        assert_eq!(value_of("a: |\n  x\r\n  y\r\nb: '1'\nc: !!str 1\n"), value!({ "a": "x\ny\n", "b": "1", "c": "1" }));
    }

    #[test]
    fn bombs_and_depths_cost_little() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..10 {
            let inner = vec![format!("*a{}", i - 1); 10].join(", ");
            bomb.push_str(&format!("a{i}: &a{i} [{inner}]\n"));
        }
        assert_eq!(error_of(&bomb), "document contains excessive aliasing");
        assert_eq!(error_of(&"[".repeat(20_000)), "exceeded max depth of 500");
        assert_eq!(error_of(&"- ".repeat(20_000)), "exceeded max depth of 500");
        let long = "a: b\n".repeat(1 << 20);
        assert!(parse("f.yaml", &long).1[0].explanation.is_some());
    }
}
