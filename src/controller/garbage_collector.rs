//! `garbage-collector-controller`: deletes what has lost its owners, and finishes deletions that orphan or wait for dependents.
//!
//! Upstream: `pkg/controller/garbagecollector`. Left out: owners across namespaces (a mistake there, and only warned about).

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
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
                for owner in old.value.items_at(&["metadata", "ownerReferences"]) {
                    let key = owner_key(old, owner);
                    if store.get(&key).is_some_and(|o| has_finalizer(o, "foregroundDeletion")) {
                        enqueue(key, after);
                    }
                }
            }
            (None, Some(new))
                if !new.value.items_at(&["metadata", "ownerReferences"]).is_empty()
                // Made for an owner that has gone meanwhile?
                && owners_gone(new, store) =>
            {
                enqueue(new.key.clone(), after);
            }
            (Some(_), Some(new))
                if new.is_terminating()
                    && (has_finalizer(new, "orphan") || has_finalizer(new, "foregroundDeletion")) =>
            {
                enqueue(new.key.clone(), after);
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
            return result;
        }
        if owners_gone(object, store) {
            result.delete(key.clone(), key.field("metadata.ownerReferences"));
        }
        result
    }
}

fn owner_key(object: &Object, owner: &Value) -> ObjectKey {
    let kind = owner.str_at(&["kind"]);
    let namespace = if matches!(kind, "Node" | "Namespace") { "" } else { object.key.namespace.as_str() };
    ObjectKey::new(kind, namespace, owner.str_at(&["name"]))
}

/// Whether the object has owners and none of them is left.
fn owners_gone(object: &Object, store: &Store) -> bool {
    let owners = object.value.items_at(&["metadata", "ownerReferences"]);
    !owners.is_empty()
        && !owners
            .iter()
            .any(|o| store.get(&owner_key(object, o)).is_some_and(|found| found.uid() == o.str_at(&["uid"])))
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
            let mut value = dependent.value.clone();
            let kept: Vec<Value> = value
                .items_at(&["metadata", "ownerReferences"])
                .iter()
                .filter(|o| o.str_at(&["uid"]) != uid)
                .cloned()
                .collect();
            if kept.is_empty() {
                value.remove_at(&["metadata", "ownerReferences"]);
            } else {
                value.set_at(&["metadata", "ownerReferences"], kept);
            }
            result.update(dependent, value, saw.clone());
        }
        result.update(object, without("orphan"), saw);
    } else if has_finalizer(object, "foregroundDeletion") {
        let mut waiting = false;
        for dependent in store.owned_by(uid) {
            waiting |= dependent
                .value
                .items_at(&["metadata", "ownerReferences"])
                .iter()
                .any(|o| o.str_at(&["uid"]) == uid && o.flag("blockOwnerDeletion"));
            if !dependent.is_terminating() {
                result.delete(dependent.key.clone(), saw.clone());
            }
        }
        if !waiting {
            result.update(object, without("foregroundDeletion"), saw);
        }
    }
}
