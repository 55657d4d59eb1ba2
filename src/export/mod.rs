//! What leaves the product: a trace as text and JSON for terminals, scripts and other programs, as a Mermaid diagram and a
//! drawing for documents, and as captures that Wireshark opens.

mod json;
mod mermaid;
pub mod pcap;
mod svg;
mod text;

pub use json::trace as trace_json;
pub use mermaid::trace as trace_mermaid;
pub use pcap::{Capture, captures as trace_captures, packets_at as trace_packets};
pub use svg::trace as trace_svg;
pub use text::{place_name, trace as trace_text};

use crate::api::object::FieldRef;

/// Finds the line of the learner's text behind a field, as `file:line:column`; `None` when no file has it.
pub type Locate<'a> = &'a dyn Fn(&FieldRef) -> Option<String>;
