//! The API server: strict decoding → defaulting → admission → validation → allocation → store.

pub mod decode;
pub mod defaulting;
pub mod pod_admission;
pub mod prepare;
pub mod status;
pub mod store;
pub mod validation;
pub mod warning;
pub mod write;
