//! YAML as Kubernetes reads and prints it.
//!
//! kubectl and the API server read YAML with `sigs.k8s.io/yaml`: goyaml v2 (a port of libyaml, hence YAML 1.1 with its
//! `y`, `on` and octal numbers) and then JSON. So the events come from a port of the same libyaml, which keeps the words
//! and the line numbers of its errors, and everything above the events follows goyaml's decoder. Left out: `!!binary`
//! content that is not UTF-8, and the order in which Go would walk equal keys of different types.

mod document;
mod print;
mod read;
mod scalar;
mod tags;

pub use document::{Part, split};
pub use print::print;
pub use read::{Duplicate, Error, Pieces, Reading, read};
pub use scalar::resolve_plain;
