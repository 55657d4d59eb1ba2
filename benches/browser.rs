//! The work that `cargo xtask bench` measures in the browser, beside the same work of another simulator of Kubernetes: a module
//! whose `main` does the one job that its host (benches/suite.mjs) names. It takes no time of its own: the host has the clock.

#[path = "../tests/workload/mod.rs"]
#[expect(dead_code, reason = "the rest of the work is measured natively alone")]
mod workload;

use giljabi::workspace::Workspace;
use std::cell::RefCell;

#[link(wasm_import_module = "machine")]
unsafe extern "C" {
    /// Which job is wanted.
    safe fn job() -> u32;
    /// How much of it.
    safe fn amount() -> u32;
}

thread_local! {
    static WORKSPACE: RefCell<Option<Workspace>> = const { RefCell::new(None) };
}

/// Jobs as benches/suite.mjs numbers them. From 10 on: requests by a door (the ones), counted, traced or told (the tens).
fn main() {
    let amount = amount();
    WORKSPACE.with_borrow_mut(|kept| match (job(), kept) {
        (0, kept) => *kept = Some(workload::boot(amount as usize)),
        (1, Some(workspace)) => workload::deploy(workspace, amount as usize, 80),
        (2, Some(workspace)) => workload::deploy(workspace, amount as usize, 81),
        (3, Some(workspace)) => workload::matrix(workspace),
        (job @ 10..40, Some(workspace)) => {
            let how = [workload::How::Counted, workload::How::Traced, workload::How::Told][(job / 10 - 1) as usize];
            workload::ask(workspace, workload::DOORS[(job % 10) as usize], amount.into(), how);
        }
        (job, _) => panic!("no job {job}"),
    });
}
