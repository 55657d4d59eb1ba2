//! The terminal: a shell on four places (the learner's computer, a container, a node, a script), and its programs.
//!
//! What runs is stepped by the host as simulated time goes by ([`terminal::Terminal::step`]), so a loop without end, a watch
//! or a ping never holds the page, and Ctrl-C always works. A request made here is the same [`crate::trace::Trace`] as one
//! from the map; it comes out beside the text. Left out: real processes; a line in the background (`&`) is one more machine that
//! is stepped.

mod arithmetic;
mod braces;
mod builtins;
mod compile;
mod condition;
pub mod display;
mod env;
mod expand;
pub mod explain;
mod jobs;
mod lex;
pub mod links;
mod machine;
mod parse;
mod pattern;
mod prepare;
mod programs;
pub mod script;
pub mod terminal;
mod world;

pub use env::Place;
pub use world::{Computer, Event};
