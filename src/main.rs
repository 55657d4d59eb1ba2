//! The browser app of Giljabi: Leptos components over the library. Built for wasm32 by trunk with the feature `app`.

mod app;

/// Nothing: `app::begin` starts the page.
fn main() {}
