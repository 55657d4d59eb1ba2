//! Work that is done when the site is built: a release runs it once, and its memory as it is then is what every page begins with
//! (`assets/hooks/pack.mjs`, `xtask/split`). So what is given back must not leave its bytes behind, and what only the rest of
//! the program reads must stand apart, to travel with it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use giljabi::api::schema;
use wasm_bindgen::prelude::*;

/// So many bytes may stand apart.
const APART: usize = 512 * 1024;

/// A place apart from everything that the allocator writes to. Zeros that nobody filled weigh nothing.
#[repr(align(16))]
struct Place(UnsafeCell<[u8; APART]>);

// SAFETY: the page's program has one thread.
unsafe impl Sync for Place {}

static PLACE: Place = Place(UnsafeCell::new([0; APART]));
/// How many bytes of it are taken.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// Whether work is done ahead, and whether what it allocates is to stand apart.
static AHEAD: AtomicBool = AtomicBool::new(false);
static ASIDE: AtomicBool = AtomicBool::new(false);

/// Work is done ahead while this lives.
pub struct Ahead(());

pub fn begin() -> Ahead {
    AHEAD.store(true, Relaxed);
    Ahead(())
}

impl Drop for Ahead {
    fn drop(&mut self) {
        AHEAD.store(false, Relaxed);
    }
}

/// Does what makes something that stays for ever and that only functions of the rest read. What it allocates stands apart.
pub fn apart(make: impl FnOnce()) {
    ASIDE.store(true, Relaxed);
    make();
    ASIDE.store(false, Relaxed);
}

/// Where in memory that is, and what it was made from: of each the first address and the one behind it.
#[wasm_bindgen(js_name = "apart")]
pub fn places_apart() -> Vec<u32> {
    let from = PLACE.0.get() as usize;
    let text = schema::table().as_bytes().as_ptr_range();
    [from, from + TAKEN.load(Relaxed), text.start as usize, text.end as usize].map(|at| at as u32).to_vec()
}

/// The system's allocator, but for work that is done ahead.
struct Tidy;

#[global_allocator]
static TIDY: Tidy = Tidy;

impl Tidy {
    /// A block of the place apart, for ever.
    fn aside(layout: Layout) -> *mut u8 {
        let from = TAKEN.load(Relaxed).next_multiple_of(layout.align());
        if layout.align() > align_of::<Place>() || layout.size() > APART - from {
            return std::ptr::null_mut();
        }
        TAKEN.store(from + layout.size(), Relaxed);
        // SAFETY: the sum is within the place, as was just looked at.
        unsafe { PLACE.0.get().cast::<u8>().add(from) }
    }

    fn is_aside(block: *mut u8) -> bool {
        (block as usize).wrapping_sub(PLACE.0.get() as usize) < APART
    }
}

// SAFETY: everything is the system's allocator's but the blocks of the place apart, which are given once and overlap nothing;
// a block is only written to while it is its owner's.
unsafe impl GlobalAlloc for Tidy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ASIDE.load(Relaxed) {
            return Tidy::aside(layout);
        }
        // SAFETY: the caller's word for the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if ASIDE.load(Relaxed) {
            // Nothing has stood there before.
            return Tidy::aside(layout);
        }
        // SAFETY: the caller's word for the system's allocator.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !AHEAD.load(Relaxed) {
            // SAFETY: the caller's word. What stands apart is never given back once the work is done.
            return unsafe { System.dealloc(block, layout) };
        }
        // SAFETY: the block is the caller's until it is given back.
        unsafe { block.write_bytes(0, layout.size()) };
        if !Tidy::is_aside(block) {
            // SAFETY: the caller's word.
            unsafe { System.dealloc(block, layout) };
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
