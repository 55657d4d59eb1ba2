//! Giljabi's core: a Kubernetes cluster small enough for a browser tab, whose every packet can be followed.
//!
//! The core is pure. It has no clock (time is an argument), no randomness but a seeded one, no file, no thread and no
//! browser; two front doors call it: the Leptos app (`src/main.rs`, feature `app`) and the native command
//! (`src/bin/giljabi.rs`). `ARCHITECTURE.md` draws the house and its import table, which `tests/layering.rs` keeps true.

pub mod api;
pub mod apiserver;
pub mod arrange;
pub mod cluster;
#[cfg(any(target_arch = "wasm32", test))]
mod compare;
pub mod controller;
pub mod diagnostic;
pub mod doctor;
pub mod export;
pub mod kubectl;
pub mod later;
pub mod lesson;
pub mod locale;
pub mod map;
pub mod network;
pub mod runtime;
pub mod shell;
pub mod text;
pub mod trace;
pub mod workspace;
