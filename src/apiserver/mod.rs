//! The API server: strict decoding → defaulting → admission → validation → allocation → store.

pub mod status;
pub mod store;
pub mod validation;
pub mod write;
