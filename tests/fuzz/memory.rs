//! Counts what is allocated, so that an input that wants without bound is noticed before the machine is out of memory: who wants
//! more than [`END`] gets nothing, which ends the process, and its last batch is on disk.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Counted;

/// What the thread may hold at most. Far more than an input may take, so that most are told of after they have run.
const END: isize = 2 << 30;

/// Whether so much more may be given.
fn fits(size: usize) -> bool {
    NOW.try_with(|now| now.get().saturating_add_unsigned(size) < END).unwrap_or(true)
}

thread_local! {
    /// What the thread holds. What it frees for another one may take it below zero.
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn add(bytes: isize) {
    // A thread that ends has no counters any more, and nobody asks for them.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
    });
}

// SAFETY: every call is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !fits(layout.size()) {
            return std::ptr::null_mut();
        }
        add(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !fits(layout.size()) {
            return std::ptr::null_mut();
        }
        add(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !fits(size) {
            return std::ptr::null_mut();
        }
        // Both are held while the one is copied to the other.
        add(size as isize);
        add(-(layout.size() as isize));
        unsafe { System.realloc(place, layout, size) }
    }
}

/// Begins to measure: from here on [`peak`] tells of what comes on top of what there is.
pub fn begin() -> isize {
    let now = NOW.with(Cell::get);
    PEAK.with(|peak| peak.set(now));
    now
}

/// The most that this thread has held since [`begin`] gave `start`.
pub fn peak(start: isize) -> usize {
    usize::try_from(PEAK.with(Cell::get) - start).unwrap_or(0)
}
