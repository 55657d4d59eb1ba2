//! The YAML editor: CodeMirror 6, behind the bridge of the package `giljabi-editor`.

pub mod assist;
pub mod draft;
pub mod pane;
pub mod problems;
