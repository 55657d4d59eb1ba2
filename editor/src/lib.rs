//! The bridge between the app and its YAML editor, CodeMirror 6, whose bundle (`assets/editor`) is loaded when it is first needed.

mod bridge;
mod exchange;
mod phrases;

pub use bridge::{Editor, load_sentences, when_seen};
pub use exchange::{
    Action, Completion, Completions, GutterLine, Highlight, HighlightPlace, Hover, Lint, Mark, Options, Severity,
};
pub use phrases::KOREAN;
