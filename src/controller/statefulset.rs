//! `statefulset-controller`: pods with numbers and names that stay theirs.
//!
//! Upstream: `pkg/controller/statefulset`. Left out: volume claims, `maxUnavailable`, trimming of old ControllerRevisions.

use super::deployment::template_hash;
use super::pods::{self, PodMaker};
use super::selector::Selector;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::view::PodPhase;
use crate::apiserver::store::{Event, Store};
use crate::apiserver::write::controller_reference;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "statefulset-controller";
const KIND: &str = "StatefulSet";
pub(super) const REVISION_HASH: &str = "controller-revision-hash";

pub struct StatefulSetController;

impl Controller for StatefulSetController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        if event.key.kind == KIND {
            enqueue(event.key.clone(), after);
        } else {
            pods::tell_owner(event, KIND, store, index, after, enqueue);
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(set) = context.store.get(key).cloned() else { return result };
        if set.is_terminating() {
            return result;
        }
        let selector = Selector::of(&set);
        pods::claim(&set, &selector, context, &mut result, |pod| ordinal(&set, pod).is_some());
        let mut run = Run::new(&set, context, &mut result);
        run.sync(context, &mut result);
        run.status(context, &mut result);
        result
    }
}

/// The number of a pod of the set: what follows the set's name.
fn ordinal(set: &Object, pod: &Object) -> Option<i64> {
    pod.name().strip_prefix(set.name().as_str())?.strip_prefix('-')?.parse().ok()
}

struct Run {
    set: Arc<Object>,
    first: i64,
    replicas: i64,
    ordered: bool,
    members: BTreeMap<i64, Arc<Object>>,
    /// The revision's name that pods should have in the end, and the one that most have now.
    update: SmolStr,
    current: SmolStr,
}

impl Run {
    fn new(set: &Arc<Object>, context: &Context, result: &mut Reconcile) -> Run {
        let template = set.value.at(&["spec", "template"]).cloned().unwrap_or_default();
        let update = format_smolstr!("{}-{}", set.name(), template_hash(&template));
        let recorded = SmolStr::from(set.value.str_at(&["status", "currentRevision"]));
        let members = pods::owned(context.store, set);
        let key = ObjectKey::new("ControllerRevision", set.namespace().clone(), update.clone());
        if context.store.get(&key).is_none() {
            let number = 1 + context.store.owned_by(set.uid()).filter(|o| o.key.kind == "ControllerRevision").count();
            let labels = set.value.at(&["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
            let revision = value!({
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": (&update),
                    "namespace": (set.namespace()),
                    "labels": labels,
                    "ownerReferences": [(controller_reference(set))]
                },
                "data": { "spec": { "template": template } },
                "revision": (number as i64)
            });
            result.create("ControllerRevision", revision, set.key.field("spec.template"));
        }
        Run {
            set: set.clone(),
            first: pods::number(set, &["spec", "ordinals", "start"], 0),
            replicas: pods::number(set, &["spec", "replicas"], 1),
            ordered: set.value.str_at(&["spec", "podManagementPolicy"]) != "Parallel",
            members: members.into_iter().filter_map(|p| Some((ordinal(set, p)?, p.clone()))).collect(),
            current: if recorded.is_empty() { update.clone() } else { recorded },
            update,
        }
    }

    fn partition(&self) -> i64 {
        pods::number(&self.set, &["spec", "updateStrategy", "rollingUpdate", "partition"], 0)
    }

    /// Takes the steps that may be taken now: one at a time when ordered.
    fn sync(&mut self, context: &mut Context, result: &mut Reconcile) {
        let wanted = self.first..self.first + self.replicas;
        for number in wanted.clone() {
            let Some(pod) = self.members.get(&number).cloned() else {
                self.create(number, context, result);
                if self.ordered {
                    return;
                }
                continue;
            };
            let Some(view) = pod.view().pod() else { continue };
            if matches!(view.phase, PodPhase::Failed | PodPhase::Succeeded) && !view.terminating {
                self.delete(&pod, context, result);
                if self.ordered {
                    return;
                }
            } else if self.ordered && (view.terminating || !view.is_ready()) {
                return;
            }
        }
        let surplus: Vec<Arc<Object>> =
            self.members.iter().rev().filter(|(n, _)| !wanted.contains(n)).map(|(_, p)| p.clone()).collect();
        for pod in surplus {
            if !pod.is_terminating() {
                self.delete(&pod, context, result);
            }
            if self.ordered {
                return;
            }
        }
        if self.set.value.str_at(&["spec", "updateStrategy", "type"]) == "OnDelete" {
            return;
        }
        // The newest template, from the highest number down, one at a time.
        let partition = self.partition();
        let members: Vec<(i64, Arc<Object>)> = self.members.iter().rev().map(|(n, p)| (*n, p.clone())).collect();
        for (_, pod) in members.iter().filter(|(n, _)| wanted.contains(n) && *n >= partition) {
            if pod.label(REVISION_HASH) != Some(&self.update) && !pod.is_terminating() {
                self.delete(pod, context, result);
                return;
            }
            if pod.is_terminating() || !pod.view().pod().is_some_and(|p| p.is_ready()) {
                return;
            }
        }
    }

    fn create(&self, number: i64, context: &mut Context, result: &mut Reconcile) {
        let old = number < self.partition() && self.current != self.update;
        let revision = if old { &self.current } else { &self.update };
        let key = ObjectKey::new("ControllerRevision", self.set.namespace().clone(), revision.clone());
        let kept = context.store.get(&key).and_then(|r| r.value.at(&["data", "spec", "template"]).cloned());
        let template = kept.filter(|_| old).or_else(|| self.set.value.at(&["spec", "template"]).cloned());
        let name = format_smolstr!("{}-{number}", self.set.name());
        let mut maker = PodMaker::new(&self.set, &template.unwrap_or_default(), context);
        maker.label(REVISION_HASH, revision);
        maker.label("statefulset.kubernetes.io/pod-name", &name);
        maker.label("apps.kubernetes.io/pod-index", &number.to_string());
        let pod = maker.pod(&name, true, |pod| {
            pod.set_at(&["spec", "hostname"], &name);
            let service = self.set.value.str_at(&["spec", "serviceName"]);
            if !service.is_empty() {
                pod.set_at(&["spec", "subdomain"], service);
            }
        });
        let message = format_smolstr!("create Pod {name} in StatefulSet {} successful", self.set.name());
        context.recorder.say(&self.set, "", false, "SuccessfulCreate", message, NAME, "", context.now);
        result.create("Pod", pod, self.set.key.field("spec.replicas"));
    }

    fn delete(&self, pod: &Arc<Object>, context: &mut Context, result: &mut Reconcile) {
        let message = format_smolstr!("delete Pod {} in StatefulSet {} successful", pod.name(), self.set.name());
        context.recorder.say(&self.set, "", false, "SuccessfulDelete", message, NAME, "", context.now);
        result.delete(pod.key.clone(), self.set.key.field("spec.template"));
    }

    fn status(&self, context: &Context, result: &mut Reconcile) {
        let live = || self.members.values().filter(|p| p.view().pod().is_some_and(pods::is_active));
        let ready = live().filter(|p| p.view().pod().is_some_and(|p| p.is_ready())).count();
        let of = |revision: &SmolStr| live().filter(|p| p.label(REVISION_HASH) == Some(revision)).count() as i64;
        let min_ready = pods::number(&self.set, &["spec", "minReadySeconds"], 0);
        let available = pods::available(&self.set, ready as u32, min_ready, context, result);
        let updated = of(&self.update);
        let done = updated == self.replicas && ready as i64 == self.replicas;
        let current = if done { &self.update } else { &self.current };
        let mut value = self.set.value.clone();
        pods::set_counts(
            &mut value,
            &[("currentReplicas", of(current)), ("readyReplicas", ready as i64), ("updatedReplicas", updated)],
        );
        value.set_at(&["status", "availableReplicas"], i64::from(available));
        value.set_at(&["status", "collisionCount"], 0);
        value.set_at(&["status", "currentRevision"], current);
        value.set_at(&["status", "observedGeneration"], pods::number(&self.set, &["metadata", "generation"], 1));
        value.set_at(&["status", "replicas"], live().count() as i64);
        value.set_at(&["status", "updateRevision"], &self.update);
        if value != self.set.value {
            result.update(&self.set, value, self.set.key.field("spec.replicas"));
        }
    }
}
