//! `benches/control.rs` for the browser's engine; `benches/control.mjs` builds and runs it. An example and no bench, because
//! cargo builds the native command beside every bench, and that needs an operating system.

#[path = "../control.rs"]
mod control;

fn main() {
    control::main();
}
