//! The cluster of the first visit, made when the site is built and not when it is opened: a release runs [`prepare`] once, and its
//! memory as it is then is what the page begins with (`assets/hooks/pack.mjs`, `xtask/split`). A build that nobody prepared makes
//! everything when it is opened.

use std::cell::{Cell, RefCell};
use std::sync::OnceLock;

use giljabi::api::schema::schema;
use giljabi::later::Twin;
use giljabi::workspace::Workspace;
use wasm_bindgen::prelude::*;

use super::super::ahead;
use super::super::breath::Breath;
use super::table::{SCENARIOS, Scenario};
use super::world::World;

thread_local! {
    /// The first scenario's world with its files applied, if it was made ahead.
    static OPENED: RefCell<Option<Workspace>> = const { RefCell::new(None) };
    /// Whether the page has opened it.
    static USED: Cell<bool> = const { Cell::new(false) };
}

/// The same workspace, made on the page.
static MADE: OnceLock<Workspace> = OnceLock::new();

/// Makes the cluster of the first visit and lays it ready, without what nobody reads who only looks at it: that is about half of it,
/// and is made again on the page ([`recall`]). Nothing of a browser is there when it runs.
#[wasm_bindgen(js_name = "prepare")]
pub fn prepare() {
    let _tidy = ahead::begin();
    ahead::apart(|| _ = schema());
    let mut opened = make();
    opened.leave::<Made>();
    OPENED.set(Some(opened));
}

/// Leads to [`MADE`].
struct Made;

impl Twin<Workspace> for Made {
    fn get() -> &'static Workspace {
        MADE.get_or_init(make)
    }
}

/// Makes what was left to the twin before anybody asks for it, in small pieces, if the page has opened what was made ahead.
pub fn recall() {
    if !USED.get() {
        return;
    }
    leptos::task::spawn_local(async {
        let (first, mut breath) = (&SCENARIOS[0], Breath::new());
        let mut workspace = super::installed(first.world, &mut breath).await;
        let mut work = workspace.begin(super::files(first));
        while !workspace.go_on(&mut work) {
            breath.take().await;
        }
        first.world.finish(&mut workspace);
        // Who asked for it meanwhile has made the same at once.
        let _ = MADE.set(workspace);
    });
}

/// The same each time.
fn make() -> Workspace {
    let first = &SCENARIOS[0];
    let mut workspace = first.world.open();
    workspace.set_files(super::files(first));
    first.world.finish(&mut workspace);
    workspace
}

/// The scenario in its world with its files, if it was made ahead.
pub fn opened(scenario: &Scenario, world: World) -> Option<Workspace> {
    let is_first = scenario.id == SCENARIOS[0].id && world == scenario.world;
    let opened = is_first.then(|| OPENED.with_borrow(Clone::clone))?;
    USED.set(opened.is_some());
    opened
}
