//! ControllerRevisions: the templates that a StatefulSet or a DaemonSet has had, each under the name that its hash gives it.
//!
//! Upstream: `pkg/controller/history`. Left out: collisions of names.

use super::{Reconcile, pods};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::apiserver::store::Store;
use crate::apiserver::write::controller_reference;
use crate::arrange::Arrange;
use crate::value;
use smol_str::SmolStr;
use std::sync::Arc;

const KIND: &str = "ControllerRevision";

/// The revisions of a set, oldest first.
pub(super) fn of(store: &Store, set: &Object) -> Vec<Arc<Object>> {
    let mut list: Vec<Arc<Object>> = store.owned_by(set.uid()).filter(|o| o.key.kind == KIND).cloned().collect();
    list.arrange_by_key(|r| (number(r), r.name().clone()));
    list
}

/// The number of a revision.
pub(super) fn number(revision: &Object) -> i64 {
    pods::number(revision, &["revision"], 0)
}

/// Writes the present template down as the newest revision, or makes an earlier one of the same template the newest again.
pub(super) fn keep(
    set: &Object,
    name: &SmolStr,
    labels: Value,
    template: Value,
    kept: &[Arc<Object>],
    result: &mut Reconcile,
) {
    let newest = kept.last().map_or(0, |r| number(r));
    match kept.iter().find(|r| r.name() == name) {
        None => {
            let revision = value!({
                "apiVersion": "apps/v1",
                "kind": KIND,
                "metadata": {
                    "name": name,
                    "namespace": (set.namespace()),
                    "labels": labels,
                    "ownerReferences": [(controller_reference(set))]
                },
                "data": { "spec": { "template": template } },
                "revision": (newest + 1)
            });
            result.create(KIND, revision, set.key.field("spec.template"));
        }
        Some(revision) if number(revision) < newest => {
            let mut value = revision.value.clone();
            value.set_at(&["revision"], newest + 1);
            result.update(revision, value, set.key.field("spec.template"));
        }
        Some(_) => {}
    }
}

/// Forgets the oldest revisions beyond `revisionHistoryLimit`, but for those that are `alive`.
pub(super) fn forget(set: &Object, kept: Vec<Arc<Object>>, alive: impl Fn(&Object) -> bool, result: &mut Reconcile) {
    let limit = pods::number(set, &["spec", "revisionHistoryLimit"], 10).max(0) as usize;
    let old: Vec<Arc<Object>> = kept.into_iter().filter(|r| !alive(r)).collect();
    for revision in old.iter().take(old.len().saturating_sub(limit)) {
        result.delete(revision.key.clone(), set.key.field("spec.revisionHistoryLimit"));
    }
}
