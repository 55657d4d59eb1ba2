//! `garbage-collector-controller`: deletes what has lost its owners, takes references to lost ones away where others are left,
//! and finishes deletions that orphan or wait for dependents.
//!
//! Upstream: `pkg/controller/garbagecollector`. Left out: owners across namespaces (a mistake there, and only warned about).

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::apiserver::resource;
use crate::apiserver::store::{Event, Store};
use std::sync::Arc;

pub const NAME: &str = "garbage-collector-controller";

pub struct GarbageCollector;

impl Controller for GarbageCollector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        match (&event.old, &event.new) {
            (Some(old), None) => {
                for dependent in store.owned_by(old.uid()) {
                    enqueue(dependent.key.clone(), after);
                }
                // The owner may have waited for this one.
                for owner in references(old) {
                    tell_waiting(&owner_key(old, owner), store, after, enqueue);
                }
            }
            // Made for an owner that has gone meanwhile, or never was?
            (None, Some(new)) if Owners::of(new, store).is_some_and(|o| !o.dangling.is_empty()) => {
                enqueue(new.key.clone(), after);
            }
            (Some(old), Some(new)) => {
                let differ = old.owner_references() != new.owner_references();
                let finishes =
                    || new.is_terminating() && (has_finalizer(new, "orphan") || has_finalizer(new, FOREGROUND));
                if differ || finishes() {
                    enqueue(new.key.clone(), after);
                }
                if differ {
                    let left = references(old).iter().filter(|o| !references(new).contains(o));
                    for owner in left {
                        tell_waiting(&owner_key(old, owner), store, after, enqueue);
                    }
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let store = context.store;
        let Some(object) = store.get(key) else { return result };
        if object.is_terminating() {
            finish(object, store, &mut result);
        } else {
            attend(object, store, &mut result);
        }
        result
    }
}

const REFERENCES: [&str; 2] = ["metadata", "ownerReferences"];
const FOREGROUND: &str = "foregroundDeletion";

fn references(object: &Object) -> &[Value] {
    object.owner_references().and_then(Value::as_list).unwrap_or(&[])
}

/// Puts an owner into the queue that waits for its dependents to go.
fn tell_waiting(owner: &ObjectKey, store: &Store, after: Duration, enqueue: Enqueue) {
    if store.get(owner).is_some_and(|o| has_finalizer(o, FOREGROUND)) {
        enqueue(owner.clone(), after);
    }
}

fn owner_key(object: &Object, owner: &Value) -> ObjectKey {
    let kind = owner.str_at(&["kind"]);
    let namespace = if matches!(kind, "Node" | "Namespace") { "" } else { object.key.namespace.as_str() };
    ObjectKey::new(kind, namespace, owner.str_at(&["name"]))
}

/// What an object's references to owners lead to (`classifyReferences`).
#[derive(Default)]
struct Owners<'a> {
    /// The owner is there, and is no reason for anything to go.
    solid: usize,
    /// By uid: there is no such owner.
    dangling: Vec<&'a str>,
    /// By uid: the owner is being deleted and waits for its dependents.
    waiting: Vec<&'a str>,
}

impl<'a> Owners<'a> {
    /// `None`: one of them is of a kind that nobody serves, or of one that cannot own this object. Nothing can be said then.
    fn of(object: &'a Object, store: &Store) -> Option<Owners<'a>> {
        let mut owners = Owners::default();
        for reference in references(object) {
            let uid = reference.str_at(&["uid"]);
            let mut found = store.get(&owner_key(object, reference)).filter(|o| o.uid() == uid);
            if found.is_none() {
                let kind = resource::find(store, reference.str_at(&["apiVersion"]), reference.str_at(&["kind"]))?;
                if kind.namespaced && object.key.namespace.is_empty() {
                    return None;
                }
                let key = kind.key(&object.key.namespace, reference.str_at(&["name"]));
                found = store.get(&key).filter(|o| o.uid() == uid);
            }
            match found {
                None => owners.dangling.push(uid),
                Some(owner) if owner.is_terminating() && has_finalizer(owner, FOREGROUND) => owners.waiting.push(uid),
                Some(_) => owners.solid += 1,
            }
        }
        Some(owners)
    }
}

/// Decides about an object by its owners: while one is left it stays, and its references to the others go; else it goes, after
/// its own dependents where an owner waits.
fn attend(object: &Arc<Object>, store: &Store, result: &mut Reconcile) {
    let Some(owners) = Owners::of(object, store).filter(|_| !references(object).is_empty()) else { return };
    let saw = object.key.field("metadata.ownerReferences");
    if owners.solid > 0 {
        let gone = [owners.dangling, owners.waiting].concat();
        if !gone.is_empty() {
            result.update(object, without_owners(object, &gone), saw);
        }
        return;
    }
    let mut dependents = store.owned_by(object.uid()).peekable();
    if !owners.waiting.is_empty() && dependents.peek().is_some() {
        let mut value = object.value.clone();
        // A circle of owners that wait for each other would never end.
        if dependents.any(|d| d.is_terminating() && has_finalizer(d, FOREGROUND)) {
            let free = |owner: &Value| {
                let mut owner = owner.clone();
                if owner.flag("blockOwnerDeletion") {
                    owner.set_at(&["blockOwnerDeletion"], false);
                }
                owner
            };
            value.set_at(&REFERENCES, references(object).iter().map(free).collect::<Vec<_>>());
        }
        let mut finalizers = value.items_at(&["metadata", "finalizers"]).to_vec();
        finalizers.push(FOREGROUND.into());
        value.set_at(&["metadata", "finalizers"], finalizers);
        result.update(object, value, saw.clone());
    }
    result.delete(object.key.clone(), saw);
}

/// The object without its references to these owners.
fn without_owners(object: &Object, uids: &[&str]) -> Value {
    let mut value = object.value.clone();
    let kept: Vec<Value> = references(object).iter().filter(|o| !uids.contains(&o.str_at(&["uid"]))).cloned().collect();
    if kept.is_empty() {
        value.remove_at(&REFERENCES);
    } else {
        value.set_at(&REFERENCES, kept);
    }
    value
}

fn has_finalizer(object: &Object, name: &str) -> bool {
    object.value.items_at(&["metadata", "finalizers"]).iter().any(|f| f.as_str() == Some(name))
}

/// Carries on a deletion that has begun: dependents are let go (orphan) or deleted first (foreground).
fn finish(object: &Arc<Object>, store: &Store, result: &mut Reconcile) {
    let saw = object.key.field("metadata.finalizers");
    let uid = object.uid();
    let without = |name: &str| {
        let mut value = object.value.clone();
        let kept: Vec<Value> =
            value.items_at(&["metadata", "finalizers"]).iter().filter(|f| f.as_str() != Some(name)).cloned().collect();
        if kept.is_empty() {
            value.remove_at(&["metadata", "finalizers"]);
        } else {
            value.set_at(&["metadata", "finalizers"], kept);
        }
        value
    };
    if has_finalizer(object, "orphan") {
        for dependent in store.owned_by(uid) {
            result.update(dependent, without_owners(dependent, &[uid]), saw.clone());
        }
        result.update(object, without("orphan"), saw);
    } else if has_finalizer(object, FOREGROUND) {
        let mut waiting = false;
        for dependent in store.owned_by(uid) {
            waiting |= references(dependent).iter().any(|o| o.str_at(&["uid"]) == uid && o.flag("blockOwnerDeletion"));
            if !dependent.is_terminating() {
                attend(dependent, store, result);
            }
        }
        if !waiting {
            result.update(object, without(FOREGROUND), saw);
        }
    }
}
