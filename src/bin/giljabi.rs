//! The native command of Giljabi, for scripts, teachers and tests. It only calls the library.

fn main() {}
