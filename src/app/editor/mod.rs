//! The YAML editor: CodeMirror 6, loaded when it is first needed.

#![allow(dead_code, reason = "a bridge offers what the editor can do, whether the page asks for it today or not")]

pub mod assist;
pub mod bridge;
pub mod draft;
pub mod exchange;
pub mod pane;
pub mod phrases;
pub mod problems;
#[cfg(test)]
mod tests;
