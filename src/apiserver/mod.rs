//! The API server: strict decoding → defaulting → admission → validation → allocation → store.

pub mod admission;
pub mod allocate;
pub mod client;
pub mod convert;
pub mod decode;
pub mod defaulting;
pub mod eviction;
pub mod go_time;
pub mod patch;
pub mod prepare;
pub mod request;
pub mod resource;
pub mod server;
pub mod status;
pub mod store;
pub mod strategy;
pub mod validation;
pub mod warning;
pub mod write;
