//! What the product has to say about a text: where, what the API server says (verbatim), and what we say about it.

use crate::locale::Message;
use crate::text::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The API server (or kubectl) refuses it.
    Error,
    /// The API server accepts it with a warning, or it cannot do what it seems to want.
    Warning,
    /// A real cluster keeps silent; we do not.
    Hint,
}

/// A change of the text that certainly mends a diagnostic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    pub title: Message,
    /// Replacements in the diagnostic's file, in order, not overlapping.
    pub edits: Vec<(Span, String)>,
}

/// One thing to say about one place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The file (an editor tab or a path) that `span` counts in.
    pub file: String,
    pub span: Span,
    /// The object it is about as `kind/name`, empty when the text does not get that far.
    pub object: String,
    /// The field path, e.g. `spec.ports[1].targetPort`; empty when there is none.
    pub field: String,
    /// The real tool's own words, verbatim; empty for what a real cluster keeps silent about.
    pub verbatim: String,
    /// Our explanation, which says what to do.
    pub explanation: Option<Message>,
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    pub fn new(severity: Severity, file: &str, span: Span, verbatim: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity,
            file: file.to_string(),
            span,
            object: String::new(),
            field: String::new(),
            verbatim: verbatim.into(),
            explanation: None,
            fixes: Vec::new(),
        }
    }

    pub fn explain(mut self, message: Message) -> Diagnostic {
        self.explanation = Some(message);
        self
    }

    pub fn about(mut self, object: impl Into<String>, field: impl Into<String>) -> Diagnostic {
        self.object = object.into();
        self.field = field.into();
        self
    }

    pub fn fix(mut self, fix: Fix) -> Diagnostic {
        self.fixes.push(fix);
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
