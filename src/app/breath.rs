//! Long work in pieces: between two of them the browser draws, and listens to the person.

use wasm_bindgen::prelude::*;

use super::player::now;

#[wasm_bindgen(module = "/src/app/breath.js")]
extern "C" {
    /// Goes on in a task of its own, soon.
    pub async fn breathe();
}

#[wasm_bindgen(module = "/src/app/drawable.js")]
extern "C" {
    /// Goes on when the part of the program that draws the map is there.
    pub async fn drawable();
    /// Goes on when the part that draws the panels is there.
    pub async fn panelled();
}

/// A piece may take so many milliseconds, and the step in which that time runs out is the last of it.
const PIECE: f64 = 6.0;

/// Measures the pieces of some work.
pub struct Breath {
    since: f64,
}

impl Breath {
    pub fn new() -> Breath {
        Breath { since: now() }
    }

    /// Called between two steps: goes on at once while the piece is short, else after a breath.
    pub async fn take(&mut self) {
        if now() - self.since >= PIECE {
            breathe().await;
            self.since = now();
        }
    }
}
