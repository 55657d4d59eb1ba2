//! Long work in pieces: between two of them the browser draws, and listens to the person.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Waker};
use std::time::Duration;

use any_spawner::{CustomExecutor, Executor, PinnedFuture, PinnedLocalFuture};
use leptos::prelude::{document, request_animation_frame, set_timeout};
use wasm_bindgen::prelude::*;

use super::player::now;

#[wasm_bindgen(module = "/src/app/breath.js")]
extern "C" {
    /// Goes on in a task of its own, soon.
    pub async fn breathe();
    /// The same between two pieces of the start; at once where everything is at hand and the piece was short.
    async fn between();
}

#[wasm_bindgen(module = "/src/app/drawable.js")]
extern "C" {
    /// Goes on when the part of the program that draws the map is there.
    pub async fn drawable();
    /// Goes on when the part that draws the panels is there.
    pub async fn panelled();
    /// Goes on when the whole program is there.
    pub async fn whole();
}

/// Does something when the browser has painted what stands there now; soon where nobody sees the page and nothing is painted.
pub fn after_paint(run: impl FnOnce() + 'static) {
    let soon = move || set_timeout(run, Duration::ZERO);
    if document().hidden() { soon() } else { request_animation_frame(soon) }
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

thread_local! {
    /// Since when the running piece of the start runs, while the page starts.
    static STARTING: Cell<Option<f64>> = const { Cell::new(None) };
    /// What pieces of the start have spawned, and has not begun.
    static SPAWNED: RefCell<VecDeque<PinnedLocalFuture<()>>> = const { RefCell::new(VecDeque::new()) };
    /// Whether somebody begins it.
    static BEGINNING: Cell<bool> = const { Cell::new(false) };
}

/// The next piece of the start, when all has begun that those before it spawned.
pub async fn next_piece() {
    between().await;
    while BEGINNING.get() {
        breathe().await;
    }
    STARTING.set(Some(now()));
}

/// The page has started.
pub fn started() {
    STARTING.set(None);
}

/// Has what a piece of the start spawns, the first runs of effects above all, begin in further pieces when that one has been long
/// enough.
pub fn pace() {
    // Nobody else has chosen an executor yet.
    let _ = Executor::init_custom_executor(Paced);
}

struct Paced;

impl CustomExecutor for Paced {
    fn spawn(&self, work: PinnedFuture<()>) {
        self.spawn_local(work);
    }

    fn spawn_local(&self, work: PinnedLocalFuture<()>) {
        if STARTING.get().is_none() && !BEGINNING.get() {
            wasm_bindgen_futures::spawn_local(work);
            return;
        }
        SPAWNED.with_borrow_mut(|spawned| spawned.push_back(work));
        if !BEGINNING.replace(true) {
            wasm_bindgen_futures::spawn_local(begin());
        }
    }

    fn poll_local(&self) {}
}

/// Begins what was spawned, one after the other, in pieces with a breath between two of them: the page has hundreds of effects, and
/// their first runs are short.
async fn begin() {
    while let Some(mut work) = SPAWNED.with_borrow_mut(VecDeque::pop_front) {
        if STARTING.get().is_some_and(|since| now() - since >= PIECE) {
            between().await;
            // The mark of a page that has started does not come back: with it everything would wait again.
            if STARTING.get().is_some() {
                STARTING.set(Some(now()));
            }
        }
        // Whoever runs it from here on asks it again, and then it learns whom to wake.
        if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            wasm_bindgen_futures::spawn_local(work);
        }
    }
    BEGINNING.set(false);
}
