//! The cluster of the first visit, made when the site is built and not when it is opened: a release runs [`prepare`] once, and its
//! memory as it is then is what the page begins with (`assets/hooks/pack.mjs`, `xtask/split`). A build that nobody prepared makes
//! everything when it is opened.

use std::cell::RefCell;

use giljabi::api::schema::schema;
use giljabi::workspace::Workspace;
use wasm_bindgen::prelude::*;

use super::super::ahead;
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
    let _tidy = ahead::begin();
    ahead::apart(|| _ = schema());
    let first = &SCENARIOS[0];
    let installed = first.world.open();
    let mut opened = installed.clone();
    opened.set_files(super::files(first));
    first.world.finish(&mut opened);
    PREPARED.set(Some(Prepared { installed, opened }));
}

/// The world with what is installed running, if it was made ahead.
pub fn installed(world: World) -> Option<Workspace> {
    (world == SCENARIOS[0].world)
        .then(|| PREPARED.with_borrow(|made| made.as_ref().map(|made| made.installed.clone())))?
}

/// The scenario in its world with its files, if it was made ahead.
pub fn opened(scenario: &Scenario, world: World) -> Option<Workspace> {
    let is_first = scenario.id == SCENARIOS[0].id && world == scenario.world;
    is_first.then(|| PREPARED.with_borrow(|made| made.as_ref().map(|made| made.opened.clone())))?
}
