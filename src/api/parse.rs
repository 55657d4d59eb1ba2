//! YAML text → manifests: values as Kubernetes reads them, and where every key and value stands in the text.

use crate::api::path::{FieldPath, Segment};
use crate::api::value::Value;
use crate::text::Span;
use smol_str::SmolStr;

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
