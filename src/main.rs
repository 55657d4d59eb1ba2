//! The browser app of Giljabi: Leptos components over the library. Built for wasm32 by trunk with the feature `app`.

mod app;

fn main() {
    app::start();
}
