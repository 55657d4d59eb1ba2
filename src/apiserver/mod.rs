//! The API server: strict decoding → defaulting → admission → validation → allocation → store.

pub mod defaulting;
pub mod status;
pub mod store;
pub mod validation;
pub mod write;
