//! Why a cluster does not come to rest: who makes something again and again, and who takes it away.
//!
//! Upstream has no word for it: a real cluster goes round until somebody looks. Here a run until rest is cut off, and what the
//! last writes have in common is told.

use super::{Cluster, controller_name};
use crate::api::object::FieldRef;
use crate::apiserver::store::{Cause, Event};
use crate::locale::Message;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// So many of the last writes are looked at.
const LOOKED_AT: u64 = 2_000;
/// What has happened less often than this among them is no round.
const OFTEN: usize = 10;

/// What keeps a cluster from resting.
#[derive(Clone, Debug, PartialEq)]
pub struct Restless {
    pub message: Message,
    /// The fields behind it, the most telling one first.
    pub fields: Vec<FieldRef>,
}

/// How often somebody did something to objects of a kind, and the field that made them do it last.
type Deeds<'a> = BTreeMap<(&'a SmolStr, &'static str), (usize, &'a FieldRef)>;

impl Cluster {
    /// What keeps the cluster from resting; `None` unless the last run until rest was cut off.
    pub fn why_restless(&self) -> Option<Restless> {
        if !self.restless {
            return None;
        }
        let (mut made, mut taken) = (Deeds::new(), Deeds::new());
        for event in self.store.events_since(self.store.revision().saturating_sub(LOOKED_AT)) {
            let Cause::Controller { name, saw } = &event.cause else { continue };
            let deeds = match () {
                _ if event.old.is_none() => &mut made,
                _ if begins_to_go(event) => &mut taken,
                _ => continue,
            };
            let deed = deeds.entry((&event.key.kind, name)).or_insert((0, saw));
            *deed = (deed.0 + 1, saw);
        }
        let most = |deeds: &Deeds, kind: Option<&SmolStr>| {
            let often =
                deeds.iter().filter(|((k, _), (count, _))| *count >= OFTEN && kind.is_none_or(|kind| *k == kind));
            let most = often.max_by_key(|(_, (count, _))| *count);
            most.map(|((kind, name), (_, saw))| ((*kind).clone(), *name, FieldRef::clone(saw)))
        };
        if let Some((kind, maker, wish)) = most(&made, None)
            && let Some((_, taker, reason)) = most(&taken, Some(&kind))
        {
            let message = Message::new("restless-round")
                .with("maker", maker)
                .with("kind", &kind)
                .with("wish", &wish)
                .with("taker", taker)
                .with("reason", &reason);
            return Some(Restless { message, fields: vec![wish, reason] });
        }
        let due = self.queue.waiting().next()?;
        let message =
            Message::new("restless-busy").with("who", controller_name(due.controller)).with("object", &due.key);
        Some(Restless { message, fields: vec![due.key.field("")] })
    }
}

/// Whether with this write an object begins to go: it is gone at once, or is marked for it.
fn begins_to_go(event: &Event) -> bool {
    let was_going = event.old.as_ref().is_some_and(|old| old.is_terminating());
    !was_going && event.new.as_ref().is_none_or(|new| new.is_terminating())
}
