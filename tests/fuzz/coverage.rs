//! Which code an input reached, when the build counts it (`-Cpasses=sancov-module` with inline 8-bit counters).
//!
//! LLVM puts a counter byte behind every edge of the program and calls the functions below with the array's bounds before
//! `main`. Without those flags nobody calls them, and every input is as good as any other.

use std::ops::Range;
use std::sync::Mutex;

/// The arrays of counters: where each begins and how long it is.
static COUNTERS: Mutex<Vec<(usize, usize)>> = Mutex::new(Vec::new());

#[unsafe(no_mangle)]
pub extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    let mut counters = COUNTERS.lock().unwrap_or_else(|e| e.into_inner());
    let length = end as usize - start as usize;
    if length > 0 && !counters.iter().any(|(s, _)| *s == start as usize) {
        counters.push((start as usize, length));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn __sanitizer_cov_pcs_init(_start: *const usize, _end: *const usize) {}

/// What has been reached so far: a bit for each order of magnitude of each counter.
pub struct Coverage {
    seen: Vec<u8>,
    pub edges: usize,
}

impl Coverage {
    /// `None`: the build does not count.
    pub fn new() -> Option<Coverage> {
        let counters = COUNTERS.lock().unwrap_or_else(|e| e.into_inner());
        let length: usize = counters.iter().map(|(_, l)| l).sum();
        (length > 0).then(|| Coverage { seen: vec![0; length], edges: 0 })
    }

    /// Sets every counter to zero.
    pub fn clear(&self) {
        for (start, length) in COUNTERS.lock().unwrap_or_else(|e| e.into_inner()).iter() {
            // SAFETY: LLVM's own array, whose bounds it told us; only the thread that runs the target counts.
            unsafe { std::ptr::write_bytes(*start as *mut u8, 0, *length) };
        }
    }

    /// The edges that were reached and that none before has reached. Counts of several inputs add up, so only that is told.
    pub fn fresh(&self) -> Vec<usize> {
        let mut fresh = Vec::new();
        let mut offset = 0;
        for (start, length) in COUNTERS.lock().unwrap_or_else(|e| e.into_inner()).iter() {
            // SAFETY: LLVM's own array, whose bounds it told us; only the thread that runs the target counts.
            let counts = unsafe { std::slice::from_raw_parts(*start as *const u8, *length) };
            let seen = &self.seen[offset..offset + length];
            for part in reached(counts) {
                fresh.extend(part.filter(|i| counts[*i] > 0 && seen[*i] == 0).map(|i| offset + i));
            }
            offset += length;
        }
        fresh
    }

    /// Gives up on edges that no input of a batch reached when it ran alone: a table that grew, a clock. Else they would be new
    /// in every batch.
    pub fn give_up(&mut self, edges: &[usize]) {
        for edge in edges {
            if let Some(seen @ 0) = self.seen.get_mut(*edge) {
                *seen = u8::MAX;
            }
        }
    }

    /// Takes in what the last input reached. True when something of it is new.
    pub fn take(&mut self) -> bool {
        let mut new = false;
        let mut offset = 0;
        for (start, length) in COUNTERS.lock().unwrap_or_else(|e| e.into_inner()).iter() {
            // SAFETY: as above.
            let counts = unsafe { std::slice::from_raw_parts(*start as *const u8, *length) };
            let seen = &mut self.seen[offset..offset + length];
            for part in reached(counts) {
                let (counts, seen) = (&counts[part.clone()], &mut seen[part]);
                for (count, seen) in counts.iter().zip(seen).filter(|(count, _)| **count > 0) {
                    let bucket = bucket(*count);
                    if *seen & bucket == 0 {
                        self.edges += usize::from(*seen == 0);
                        *seen |= bucket;
                        new = true;
                    }
                }
            }
            offset += length;
        }
        new
    }
}

/// The stretches of the counters in which something was reached. An input reaches little of the program, and this very code is
/// counted, too: so whole pages are compared with nothing at once, by the C library.
fn reached(counts: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    const PAGE: usize = 2_048;
    const LINE: usize = 64;
    static NOTHING: [u8; PAGE] = [0; PAGE];
    let parts = |whole: Range<usize>, size: usize| {
        whole
            .clone()
            .step_by(size)
            .map(move |at| at..(at + size).min(whole.end))
            .filter(|part| counts[part.clone()] != NOTHING[..part.len()])
    };
    parts(0..counts.len(), PAGE).flat_map(move |page| parts(page, LINE))
}

/// The order of magnitude of a count, as a bit.
fn bucket(count: u8) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2 => 2,
        3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=31 => 32,
        32..=127 => 64,
        128.. => 128,
    }
}
