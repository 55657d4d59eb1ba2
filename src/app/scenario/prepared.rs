//! The cluster of the first visit, made when the site is built and not when it is opened: a release runs [`prepare`] once, and its
//! memory as it is then is what the page begins with (`assets/hooks/pack.mjs`, `xtask/split`). A build that nobody prepared makes
//! everything when it is opened.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use giljabi::workspace::Workspace;
use wasm_bindgen::prelude::*;

use super::table::{SCENARIOS, Scenario};
use super::world::World;

/// What is made ahead.
struct Prepared {
    /// The first scenario's world, with what is installed running, and no file yet.
    installed: Workspace,
    /// The same with the first scenario's files applied.
    opened: Workspace,
}

thread_local! {
    static PREPARED: RefCell<Option<Prepared>> = const { RefCell::new(None) };
}

/// Makes the cluster of the first visit and lays it ready. Nothing of a browser is there when it runs.
#[wasm_bindgen(js_name = "prepare")]
pub fn prepare() {
    AHEAD.store(true, Relaxed);
    let first = &SCENARIOS[0];
    let installed = first.world.open();
    let mut opened = installed.clone();
    opened.set_files(super::files(first));
    first.world.finish(&mut opened);
    PREPARED.set(Some(Prepared { installed, opened }));
    AHEAD.store(false, Relaxed);
}

/// The world with what is installed running, if it was made ahead.
pub fn installed(world: World) -> Option<Workspace> {
    (world == SCENARIOS[0].world).then(|| PREPARED.with_borrow(|made| made.as_ref().map(|made| made.installed.clone())))?
}

/// The scenario in its world with its files, if it was made ahead.
pub fn opened(scenario: &Scenario, world: World) -> Option<Workspace> {
    let is_first = scenario.id == SCENARIOS[0].id && world == scenario.world;
    is_first.then(|| PREPARED.with_borrow(|made| made.as_ref().map(|made| made.opened.clone())))?
}

/// The allocator, which leaves nothing behind in what it gives back while the cluster is made ahead: what was written there
/// would travel to every visitor.
struct Tidy;

static AHEAD: AtomicBool = AtomicBool::new(false);

#[global_allocator]
static TIDY: Tidy = Tidy;

// SAFETY: everything is the system's allocator's; a block is only written to before it is given back, in its whole size.
unsafe impl GlobalAlloc for Tidy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word for the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word for the system's allocator.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's until it is given back.
        unsafe {
            if AHEAD.load(Relaxed) {
                block.write_bytes(0, layout.size());
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's word; the layout of the new block is the old one's with another size.
        unsafe {
            if !AHEAD.load(Relaxed) {
                return System.realloc(block, layout, size);
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
