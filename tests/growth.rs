//! How work grows with the size of the world: counted, not timed, so that a busy machine says the same as an idle one. What is
//! counted are the bytes that the work asks the allocator for; nearly everything here that takes time takes memory on its way.

#[path = "workload/mod.rs"]
#[expect(dead_code, reason = "a series of requests learns first, and is measured in benches")]
mod workload;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which notes what a thread asks of it.
struct Counting;

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter left, and nobody asks for it.
        let _ = ASKED.try_with(|asked| asked.set(asked.get() + layout.size() as u64));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that some work asks for.
fn cost(work: impl FnOnce()) -> f64 {
    let before = ASKED.get();
    work();
    (ASKED.get() - before) as f64
}

/// The exponent between the costs at two sizes.
fn exponent(sizes: (usize, usize), cost: impl Fn(usize) -> f64) -> f64 {
    let (few, many) = (cost(sizes.0), cost(sizes.1));
    let found = (many.max(1.0) / few.max(1.0)).ln() / (sizes.1 as f64 / sizes.0 as f64).ln();
    println!("{few:>14.0} at {:>5}, {many:>14.0} at {:>5}: exponent {found:.2}", sizes.0, sizes.1);
    found
}

const SIZES: (usize, usize) = (30, 1_000);

#[test]
fn reading_grows_with_the_text() {
    let found = exponent(SIZES, |count| {
        let text = workload::services(count);
        cost(|| workload::read(&text))
    });
    assert!(found <= 1.05, "{found:.2}");
}

#[test]
fn applying_and_settling_grow_with_the_pods() {
    let found = exponent(SIZES, |pods| {
        let mut workspace = workload::boot(SIZES.1);
        cost(|| workload::deploy(&mut workspace, pods, 80))
    });
    assert!(found <= 1.1, "{found:.2}");
}

#[test]
fn an_edit_of_one_field_hardly_grows() {
    let found = exponent(SIZES, |pods| {
        let mut workspace = workload::boot(SIZES.1);
        workload::deploy(&mut workspace, pods, 80);
        cost(|| workload::deploy(&mut workspace, pods, 81))
    });
    assert!(found <= 1.0, "{found:.2}");
}

#[test]
fn rules_grow_with_the_services_and_a_flip_does_not() {
    let all = exponent(SIZES, |services| {
        let store = workload::store(services);
        cost(|| drop(workload::rules(&store)))
    });
    assert!(all <= 1.1, "{all:.2}");
    let flip = exponent(SIZES, |services| {
        let mut store = workload::store(services);
        let mut proxies = workload::rules(&store);
        cost(|| workload::flip(&mut store, &mut proxies, false))
    });
    assert!(flip <= 0.1, "{flip:.2}");
}

#[test]
fn a_request_hardly_grows_with_the_endpoints_and_a_matrix_grows_with_its_cells() {
    let ask = |how: workload::How| {
        exponent(SIZES, |pods| {
            let mut workspace = workload::boot(SIZES.1);
            workload::deploy(&mut workspace, pods, 80);
            // What is made when it is first looked at is not the request's.
            workload::ask(&mut workspace, workload::DOORS[0], 5, how);
            cost(|| workload::ask(&mut workspace, workload::DOORS[0], 20, how))
        })
    };
    let untraced = ask(workload::How::Counted);
    assert!(untraced <= 0.1, "{untraced:.2}");
    let traced = ask(workload::How::Told);
    assert!(traced <= 1.05, "{traced:.2}");
    let matrix = exponent(SIZES, |pods| {
        let mut workspace = workload::boot(SIZES.1);
        workload::deploy(&mut workspace, pods, 80);
        workload::matrix(&mut workspace);
        cost(|| workload::matrix(&mut workspace))
    });
    assert!(matrix <= 1.1, "{matrix:.2}");
}
