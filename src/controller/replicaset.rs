//! `replicaset-controller` and `replication-controller`: as many pods as `replicas` says, whoever made them.
//!
//! Upstream: `pkg/controller/replicaset` (ReplicationControllers are the same code there, too). Left out: slow-start batches
//! and expectations, which guard against slow API servers.

use super::conditions;
use super::pods::{self, PodMaker};
use super::selector::Selector;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::{Event, Store};
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// The most pods that one look makes or deletes.
const BURST: i64 = 500;
/// The condition of sets whose pods cannot be made.
pub(super) const FAILURE: &str = "ReplicaFailure";

pub struct ReplicaSetController {
    pub name: &'static str,
    pub kind: &'static str,
}

impl Controller for ReplicaSetController {
    fn name(&self) -> &'static str {
        self.name
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        if event.key.kind == self.kind {
            enqueue(event.key.clone(), after);
        } else {
            pods::tell_owner(event, self.kind, store, index, after, enqueue);
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(set) = context.store.get(key).cloned() else { return result };
        let counts = context.index.counts(set.uid());
        let mut active = i64::from(counts.active);
        let mut refused = None;
        if !set.is_terminating() {
            let selector = Selector::of(&set);
            let (gained, lost) = pods::claim(&set, &selector, context, &mut result, |_| true);
            active += i64::from(gained) - i64::from(lost);
            let wanted = pods::number(&set, &["spec", "replicas"], 1);
            if active < wanted {
                refused = self.create(&set, (wanted - active).min(BURST), context, &mut result);
            } else if active > wanted {
                self.delete(&set, (active - wanted).min(BURST), context, &mut result);
            }
            if (wanted - active).abs() > BURST {
                result.again(context.now + context.settings.latencies.controller);
            }
        }
        let min_ready = pods::number(&set, &["spec", "minReadySeconds"], 0);
        let available = pods::available(&set, counts.ready, min_ready, context, &mut result);
        let mut value = set.value.clone();
        tell_failure(&mut value, refused, context);
        pods::set_counts(
            &mut value,
            &[
                ("availableReplicas", available.into()),
                ("fullyLabeledReplicas", active),
                ("readyReplicas", counts.ready.into()),
                ("terminatingReplicas", counts.terminating.into()),
            ],
        );
        value.set_at(&["status", "replicas"], active);
        value.set_at(&["status", "observedGeneration"], pods::number(&set, &["metadata", "generation"], 1));
        if value.get("status") != set.value.get("status") {
            result.update(&set, value, set.key.field("spec.replicas"));
        }
        result
    }
}

impl ReplicaSetController {
    /// Gives back the API server's answer when it refuses the pods.
    fn create(&self, set: &Arc<Object>, count: i64, context: &mut Context, result: &mut Reconcile) -> Option<SmolStr> {
        let template = set.value.at(&["spec", "template"])?;
        let maker = PodMaker::new(set, template, context);
        if let Some(answer) = maker.told_refusal(self.name, context, result) {
            return Some(answer);
        }
        let now = context.now;
        for _ in 0..count {
            let name = maker.free_name(context);
            let message = format_smolstr!("Created pod: {name}");
            context.recorder.say(set, "", false, "SuccessfulCreate", message, self.name, "", now);
            result.create("Pod", maker.pod(&name, true, |_| {}), set.key.field("spec.replicas"));
        }
        None
    }

    fn delete(&self, set: &Arc<Object>, count: i64, context: &mut Context, result: &mut Reconcile) {
        let mut active: Vec<&Arc<Object>> = pods::owned(context.store, set);
        active.retain(|p| p.view().pod().is_some_and(pods::is_active));
        result.looked += active.len();
        pods::sort_for_deletion(&mut active, set, context.index);
        for pod in active.into_iter().take(usize::try_from(count).unwrap_or(0)) {
            let message = format_smolstr!("Deleted pod: {}", pod.name());
            context.recorder.say(set, "", false, "SuccessfulDelete", message, self.name, "", context.now);
            result.delete(pod.key.clone(), set.key.field("spec.replicas"));
        }
    }
}

/// Sets the condition that pods cannot be made, which keeps its first words, or takes it away.
fn tell_failure(set: &mut Value, refused: Option<SmolStr>, context: &Context) {
    let Some(message) = refused else { return conditions::remove(set, FAILURE) };
    if conditions::find(set, FAILURE).is_some() {
        return;
    }
    let mut list = set.items_at(&["status", "conditions"]).to_vec();
    list.push(value!({
        "lastTransitionTime": (context.now.text()),
        "message": message,
        "reason": (pods::FAILED_CREATE),
        "status": "True",
        "type": FAILURE
    }));
    set.set_at(&["status", "conditions"], list);
}

/// The replicas that a set is told to have.
pub(super) fn replicas(set: &Object) -> i64 {
    set.value.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1)
}
