//! Field paths as the API server prints them: `spec.ports[1].targetPort`, `metadata.labels[app]`
//! (apimachinery, `pkg/util/validation/field/path.go`).

use smol_str::{SmolStr, ToSmolStr};
use std::fmt;

/// A path under construction: a borrowed chain, so that validation of a valid object allocates nothing.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// A named field of a struct.
    Field(&'a str),
    /// An item of a list, from zero.
    Index(usize),
    /// A key of a map such as labels.
    Key(&'a str),
}

impl<'a> Path<'a> {
    pub fn root(field: &'a str) -> Path<'a> {
        Path { parent: None, segment: Segment::Field(field) }
    }

    pub fn child(&'a self, field: &'a str) -> Path<'a> {
        Path { parent: Some(self), segment: Segment::Field(field) }
    }

    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), segment: Segment::Index(index) }
    }

    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), segment: Segment::Key(key) }
    }

    pub fn own(&self) -> FieldPath {
        FieldPath(self.to_smolstr())
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Field(name) if self.parent.is_some() => write!(f, ".{name}"),
            Segment::Field(name) => f.write_str(name),
            Segment::Index(i) => write!(f, "[{i}]"),
            Segment::Key(key) => write!(f, "[{key}]"),
        }
    }
}

/// A path that is kept: its printed form. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(pub SmolStr);

impl FieldPath {
    pub fn new(path: impl Into<SmolStr>) -> FieldPath {
        FieldPath(path.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps of the path. What stands in brackets is an index when it is a number, else a key (which may hold dots).
    pub fn segments(&self) -> Vec<Segment<'_>> {
        let mut segments = Vec::new();
        let mut rest = self.0.as_str();
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let close = inner.find(']').unwrap_or(inner.len());
                let text = &inner[..close];
                segments.push(text.parse().map_or(Segment::Key(text), Segment::Index));
                rest = inner.get(close + 1..).unwrap_or("");
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 {
                    break;
                }
                segments.push(Segment::Field(&rest[..end]));
                rest = &rest[end..];
            }
        }
        segments
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for FieldPath {
    fn from(path: &str) -> FieldPath {
        FieldPath(path.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_and_parses_back() {
        let (spec, labels) = (Path::root("spec"), Path::root("metadata"));
        let ports = spec.child("ports");
        let port = ports.index(1);
        assert_eq!(port.child("targetPort").own().as_str(), "spec.ports[1].targetPort");
        let labels = labels.child("labels");
        let key = labels.key("app.kubernetes.io/name").own();
        assert_eq!(
            key.segments(),
            [Segment::Field("metadata"), Segment::Field("labels"), Segment::Key("app.kubernetes.io/name")]
        );
    }
}
