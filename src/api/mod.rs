//! Object types, field paths, and YAML read as Kubernetes reads it.
//!
//! An object is a [`value::Value`]: a tree of JSON values with sorted keys and shared subtrees, as the API server itself
//! keeps unstructured content. Controllers and the network read it through the typed views of [`object::Object`], decoded
//! once and kept beside it. What fields exist is not written in Rust but in `assets/fields.tsv`.

pub mod digits;
pub mod image;
pub mod json;
pub mod object;
pub mod parse;
pub mod path;
mod place;
pub mod quantity;
pub mod schema;
pub mod time;
pub mod value;
pub mod view;
pub mod yaml;
