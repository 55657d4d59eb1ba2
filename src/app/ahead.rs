//! Work that is done when the site is built: a release runs it once, and its memory as it is then is what every page begins with
//! (`assets/hooks/pack.mjs`, `xtask/split`). So neither what is given back nor the allocator's own notes may leave their bytes
//! behind, and what only the rest of the program reads must stand apart, to travel with it.

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

/// So many bytes may be given to the work that is done ahead, of which those that are never used are zeros. What it wants more is the
/// system's.
const ROOM: usize = 640 * 1024;
/// Blocks come in multiples of so many bytes, up to [`LARGEST`].
const STEP: usize = 8;
const LARGEST: usize = 16 * 1024;

/// The room of the work that is done ahead: a block of the system's allocator which is never given back, and neither is what stands
/// in it. Where it begins, where nothing has stood yet, and where it ends.
static ROOM_FROM: AtomicUsize = AtomicUsize::new(0);
static ROOM_NEXT: AtomicUsize = AtomicUsize::new(0);
static ROOM_END: AtomicUsize = AtomicUsize::new(0);
/// The block of each size that was given back last; in it stands which one was before it.
static FREE: [AtomicUsize; LARGEST / STEP + 1] = [const { AtomicUsize::new(0) }; LARGEST / STEP + 1];

/// Work is done ahead while this lives.
pub struct Ahead(());

pub fn begin() -> Ahead {
    // SAFETY: it wants some bytes, and the steps are a power of two.
    let room = unsafe { System.alloc_zeroed(Layout::from_size_align_unchecked(ROOM, STEP)) } as usize;
    if room > 0 {
        ROOM_FROM.store(room, Relaxed);
        ROOM_NEXT.store(room, Relaxed);
        ROOM_END.store(room + ROOM, Relaxed);
    }
    AHEAD.store(true, Relaxed);
    Ahead(())
}

impl Drop for Ahead {
    fn drop(&mut self) {
        AHEAD.store(false, Relaxed);
        // What was given back is not used again, so nobody need find it.
        for first in &FREE {
            let mut block = first.swap(0, Relaxed);
            while block > 0 {
                // SAFETY: the blocks of the list are nobody's, and hold where the next one is.
                block = unsafe { (block as *mut usize).replace(0) };
            }
        }
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

    /// A block of the room, full of zeros, while work is done ahead. None: it has no such block.
    fn within(layout: Layout) -> Option<*mut u8> {
        let size = layout.size().next_multiple_of(STEP);
        if !AHEAD.load(Relaxed) || layout.align() > STEP || size > LARGEST {
            return None;
        }
        let free = &FREE[size / STEP];
        let block = free.load(Relaxed);
        if block > 0 {
            // SAFETY: the blocks of the list are nobody's, and hold where the next one is.
            free.store(unsafe { (block as *mut usize).replace(0) }, Relaxed);
            return Some(block as *mut u8);
        }
        let next = ROOM_NEXT.load(Relaxed);
        (size <= ROOM_END.load(Relaxed) - next).then(|| {
            ROOM_NEXT.store(next + size, Relaxed);
            next as *mut u8
        })
    }

    fn is_within(block: *mut u8) -> bool {
        (ROOM_FROM.load(Relaxed)..ROOM_END.load(Relaxed)).contains(&(block as usize))
    }

    fn is_aside(block: *mut u8) -> bool {
        (block as usize).wrapping_sub(PLACE.0.get() as usize) < APART
    }
}

// SAFETY: everything is the system's allocator's but the blocks of the place apart, which are given once and overlap nothing, and
// those of the room, which are given again only once they were given back; a block is only written to while it is its owner's.
unsafe impl GlobalAlloc for Tidy {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ASIDE.load(Relaxed) {
            return Tidy::aside(layout);
        }
        // SAFETY: the caller's word for the system's allocator.
        Tidy::within(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if ASIDE.load(Relaxed) {
            // Nothing has stood there before.
            return Tidy::aside(layout);
        }
        // SAFETY: the caller's word for the system's allocator.
        Tidy::within(layout).unwrap_or_else(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let within = Tidy::is_within(block);
        if AHEAD.load(Relaxed) {
            // SAFETY: the block is the caller's until it is given back.
            unsafe { block.write_bytes(0, layout.size()) };
            if within {
                let free = &FREE[layout.size().div_ceil(STEP)];
                // SAFETY: a block of the room holds a word, and is nobody's from now on.
                unsafe { (block as *mut usize).write(free.swap(block as usize, Relaxed)) };
            }
        }
        if !within && !Tidy::is_aside(block) {
            // SAFETY: the caller's word.
            unsafe { System.dealloc(block, layout) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's word; the layout of the new block is the old one's with another size.
        unsafe {
            if !AHEAD.load(Relaxed) && !Tidy::is_within(block) {
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
