//! What leaves the product: a trace as text and as JSON, for terminals, scripts and other programs.

mod json;
mod text;

pub use json::trace as trace_json;
pub use text::{place_name, trace as trace_text};

use crate::api::object::FieldRef;

/// Finds the line of the learner's text behind a field, as `file:line:column`; `None` when no file has it.
pub type Locate<'a> = &'a dyn Fn(&FieldRef) -> Option<String>;
