//! Which pods are marked: the one that a request is at, and those that are lit. Each pod looks at a signal of its own, because
//! thousands of pods that look at one signal cost as many steps each when it changes.

use giljabi::api::object::ObjectKey;
use giljabi::trace::Place;
use leptos::prelude::*;
use std::collections::HashMap;

use crate::app::erased::effect;
use crate::app::session::Session;

/// The marks of a pod.
#[derive(Clone, Copy)]
pub struct Mark {
    /// The playhead is at one of its hops.
    pub here: RwSignal<bool>,
    pub lit: RwSignal<bool>,
}

/// The marks of all pods that are drawn.
#[derive(Clone, Copy)]
pub struct Marks(StoredValue<HashMap<ObjectKey, Mark>>);

impl Marks {
    /// Marks that follow what a session shows.
    pub fn follow(s: Session) -> Marks {
        let marks = Marks(StoredValue::new(HashMap::new()));
        effect(move || {
            let (here, lit) = (at(s), lit(s));
            marks.0.update_value(|all| {
                // Who was drawn anew has another mark, and who is gone has none.
                all.retain(|pod, mark| put(mark.here, here.as_ref() == Some(pod)) && put(mark.lit, lit(pod)));
            });
        });
        marks
    }

    /// The mark of a pod that is being drawn.
    pub fn of(self, s: Session, pod: &ObjectKey) -> Mark {
        let (here, lit) = untrack(|| (at(s).as_ref() == Some(pod), lit(s)(pod)));
        let mark = Mark { here: RwSignal::new(here), lit: RwSignal::new(lit) };
        self.0.update_value(|all| {
            all.insert(pod.clone(), mark);
        });
        mark
    }
}

/// Sets a mark where it changes. False: it is gone.
fn put(mark: RwSignal<bool>, value: bool) -> bool {
    match mark.try_get_untracked() {
        Some(now) if now != value => mark.try_set(value).is_none(),
        Some(_) => true,
        None => false,
    }
}

/// The pod that the request is at.
fn at(s: Session) -> Option<ObjectKey> {
    let hop = s.player.hop.get()?;
    match s.sent.read().as_ref()?.trace.hops.get(hop).map(|hop| &hop.at) {
        Some(Place::Pod { pod, .. }) => Some(pod.clone()),
        _ => None,
    }
}

/// Tells which pods are lit.
fn lit(s: Session) -> impl Fn(&ObjectKey) -> bool {
    let lit = s.lit.get();
    move |key| lit.objects.contains(key) || lit.places.iter().any(|p| matches!(p, Place::Pod { pod, .. } if pod == key))
}
