//! Leptos's generic pieces, compiled once for all who use them: what differs from one to the next stands behind a pointer. The page
//! has hundreds of them, and each would be some kilobyte of the program and some functions to compile at its start.

use leptos::prelude::*;

/// Runs at once and then whenever something has changed that it read.
pub fn effect(run: impl FnMut() + 'static) {
    fn of(run: Box<dyn FnMut()>) {
        Effect::new(run);
    }
    of(Box::new(run));
}

/// What a condition is, whatever it is made of.
pub struct Condition(Box<dyn Fn() -> bool + Send + Sync>);

impl<F: Fn() -> bool + Send + Sync + 'static> From<F> for Condition {
    fn from(holds: F) -> Self {
        Condition(Box::new(holds))
    }
}

/// Shows its children while a condition holds, and something else or nothing while it does not. Both are made anew when the
/// condition changes, and only then.
#[component]
pub fn Show(#[prop(into)] when: Condition, children: ChildrenFn, #[prop(optional, into)] fallback: ViewFn) -> AnyView {
    let holds = ArcMemo::new(move |_| (when.0)());
    let shown = move || match holds.get() {
        true => children(),
        false => fallback.run(),
    };
    shown.into_any()
}

/// What is there as soon as a condition holds.
pub fn once(holds: Memo<bool>, part: Box<dyn Fn() -> AnyView + Send + Sync>) -> AnyView {
    let shown = move || holds.get().then(&part);
    shown.into_any()
}
