//! `statefulset-controller`: pods with numbers and names that stay theirs.
//!
//! Upstream: `pkg/controller/statefulset`, with the gate `MaxUnavailableStatefulSet` off as v1.36 has it: pods give way one by
//! one. Each pod has claims of its own, which outlive it. Left out: `persistentVolumeClaimRetentionPolicy`.

use super::pods::{self, PodMaker};
use super::selector::Selector;
use super::template_hash::revision_hash;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings, revisions};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::api::view::PodPhase;
use crate::apiserver::store::{Event, Store};
use crate::arrange::map_of;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "statefulset-controller";
const KIND: &str = "StatefulSet";
const CLAIM: &str = "PersistentVolumeClaim";
pub(super) const REVISION_HASH: &str = "controller-revision-hash";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

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
        if !set.is_terminating() {
            let selector = Selector::of(&set);
            pods::claim(&set, &selector, context, &mut result, |pod| ordinal(&set, pod).is_some());
        }
        let mut run = Run::new(&set, context, &mut result);
        result.looked += run.members.len();
        let replaced = !set.is_terminating() && run.sync(context, &mut result);
        run.status(replaced, context, &mut result);
        run.forget_old(context, &mut result);
        result
    }
}

/// The number of a pod of the set: the digits behind the set's name. What has another sign there is somebody else's.
fn ordinal(set: &Object, pod: &Object) -> Option<i64> {
    let digits = pod.name().strip_prefix(set.name().as_str())?.strip_prefix('-')?;
    digits.parse::<u32>().ok().filter(|_| !digits.starts_with('+')).map(i64::from)
}

struct Run {
    set: Arc<Object>,
    first: i64,
    replicas: i64,
    ordered: bool,
    min_ready: Duration,
    members: BTreeMap<i64, Arc<Object>>,
    /// The revision's name that pods should have in the end, and the one that most have now.
    update: SmolStr,
    current: SmolStr,
}

impl Run {
    fn new(set: &Arc<Object>, context: &Context, result: &mut Reconcile) -> Run {
        let template = set.value.at(&["spec", "template"]).cloned().unwrap_or_default();
        let update = format_smolstr!("{}-{}", set.name(), revision_hash(&template));
        let recorded = SmolStr::from(set.value.str_at(&["status", "currentRevision"]));
        let members = pods::owned(context.store, set);
        let revisions = revisions::of(context.store, set);
        let labels = set.value.at(&["spec", "template", "metadata", "labels"]).cloned().unwrap_or_default();
        revisions::keep(set, &update, labels, template, &revisions, result);
        Run {
            set: set.clone(),
            first: pods::number(set, &["spec", "ordinals", "start"], 0),
            replicas: pods::number(set, &["spec", "replicas"], 1),
            ordered: set.value.str_at(&["spec", "podManagementPolicy"]) != "Parallel",
            min_ready: Duration::secs(pods::number(set, &["spec", "minReadySeconds"], 0).max(0) as u64),
            members: map_of(members.into_iter().filter_map(|p| Some((ordinal(set, p)?, p.clone())))),
            current: if revisions.iter().any(|r| r.name() == &recorded) { recorded } else { update.clone() },
            update,
        }
    }

    fn partition(&self) -> i64 {
        pods::number(&self.set, &["spec", "updateStrategy", "rollingUpdate", "partition"], 0)
    }

    /// Runs, is ready, and has been so for `minReadySeconds`; asks for another look when it will have been.
    fn is_available(&self, pod: &Arc<Object>, context: &Context, result: &mut Reconcile) -> bool {
        if !pod.view().pod().is_some_and(|p| p.phase == PodPhase::Running && p.is_ready()) {
            return false;
        }
        if self.min_ready == Duration::ZERO {
            return true;
        }
        let due = pods::ready_since(pod).unwrap_or(context.now) + self.min_ready;
        if due > context.now {
            result.again(due);
        }
        due <= context.now
    }

    /// Takes the steps that may be taken now: one at a time when ordered. True: one of them deletes a pod for a newer one.
    fn sync(&mut self, context: &mut Context, result: &mut Reconcile) -> bool {
        let wanted = self.first..self.first + self.replicas;
        // What is to go, the highest number first.
        let surplus: Vec<Arc<Object>> =
            self.members.iter().rev().filter(|(n, _)| !wanted.contains(n)).map(|(_, p)| p.clone()).collect();
        for number in wanted.clone() {
            let Some(pod) = self.members.get(&number).cloned() else {
                self.create(number, context, result);
                if self.ordered {
                    return false;
                }
                continue;
            };
            let Some(view) = pod.view().pod() else { continue };
            if matches!(view.phase, PodPhase::Failed | PodPhase::Succeeded) {
                if !view.terminating {
                    self.delete(&pod, "spec.replicas", context, result);
                }
                if self.ordered {
                    return false;
                }
            } else if self.ordered && (view.terminating || !self.is_available(&pod, context, result)) {
                return false;
            } else {
                self.keep_identity(&pod, number, context, result);
            }
        }
        // All that stay are available by now, when ordered: the lowest unavailable one is among those that go.
        let unavailable =
            surplus.iter().rev().find(|p| p.is_terminating() || !self.is_available(p, context, result)).cloned();
        for pod in &surplus {
            if pod.is_terminating() {
                if self.ordered {
                    return false;
                }
                continue;
            }
            let first = unavailable.as_ref().is_some_and(|p| p.key == pod.key);
            if self.ordered && !first && !self.is_available(pod, context, result) {
                return false;
            }
            self.delete(pod, "spec.replicas", context, result);
            if self.ordered {
                return false;
            }
        }
        self.set.value.str_at(&["spec", "updateStrategy", "type"]) != "OnDelete" && self.roll(wanted, context, result)
    }

    /// Makes the highest pod that is not of the newest template give way to one that is, unless a pod above it is not available
    /// yet. A pod that is broken itself holds nothing up: it gives way like any other.
    fn roll(&self, wanted: std::ops::Range<i64>, context: &mut Context, result: &mut Reconcile) -> bool {
        for number in wanted.rev().take_while(|n| n - self.first >= self.partition()) {
            // It is only now being made, of the newest template.
            let Some(pod) = self.members.get(&number).cloned() else { return false };
            if pod.is_terminating() {
                return false;
            }
            if pod.label(REVISION_HASH) != Some(&self.update) {
                self.delete(&pod, "spec.template", context, result);
                return true;
            }
            if !self.is_available(&pod, context, result) {
                return false;
            }
        }
        false
    }

    /// Gives a pod the label of its name back, by which Services choose one pod of the set.
    fn keep_identity(&self, pod: &Arc<Object>, number: i64, context: &mut Context, result: &mut Reconcile) {
        if pod.label(POD_NAME) == Some(pod.name()) {
            return;
        }
        let mut value = pod.value.clone();
        value.set_at(&["metadata", "labels", POD_NAME], pod.name());
        value.set_at(&["metadata", "labels", POD_INDEX], format_smolstr!("{number}"));
        let message = format_smolstr!("update Pod {} in StatefulSet {} successful", pod.name(), self.set.name());
        context.recorder.say(&self.set, "", false, "SuccessfulUpdate", message, NAME, "", context.now);
        result.update(pod, value, pod.key.field("metadata.labels"));
    }

    fn create(&self, number: i64, context: &mut Context, result: &mut Reconcile) {
        let rolls = self.set.value.str_at(&["spec", "updateStrategy", "type"]) != "OnDelete";
        let old = rolls && number - self.first < self.partition() && self.current != self.update;
        let revision = if old { &self.current } else { &self.update };
        let key = ObjectKey::new("ControllerRevision", self.set.namespace().clone(), revision.clone());
        let kept = context.store.get(&key).and_then(|r| r.value.at(&["data", "spec", "template"]).cloned());
        let template = kept.filter(|_| old).or_else(|| self.set.value.at(&["spec", "template"]).cloned());
        let name = format_smolstr!("{}-{number}", self.set.name());
        let mut maker = PodMaker::new(&self.set, &template.unwrap_or_default(), context);
        if let Some(answer) = maker.refusal(&name, context, result) {
            let set = self.set.name();
            let message = format_smolstr!("create Pod {name} in StatefulSet {set} failed error: {answer}");
            context.recorder.say(&self.set, "", true, pods::FAILED_CREATE, message, NAME, "", context.now);
            return;
        }
        let volumes = self.claim_storage(number, &name, context, result);
        maker.label(REVISION_HASH, revision);
        maker.label(POD_NAME, &name);
        maker.label(POD_INDEX, &number.to_string());
        let pod = maker.pod(&name, true, |pod| {
            pod.set_at(&["spec", "hostname"], &name);
            let service = self.set.value.str_at(&["spec", "serviceName"]);
            if !service.is_empty() {
                pod.set_at(&["spec", "subdomain"], service);
            }
            if !volumes.is_empty() {
                let is_claimed = |other: &Value| volumes.iter().any(|v| v.text("name") == other.text("name"));
                let others = pod.items_at(&["spec", "volumes"]).iter().filter(|v| !is_claimed(v)).cloned();
                let all = volumes.iter().cloned().chain(others.collect::<Vec<_>>()).collect::<Vec<_>>();
                pod.set_at(&["spec", "volumes"], all);
            }
        });
        let message = format_smolstr!("create Pod {name} in StatefulSet {} successful", self.set.name());
        context.recorder.say(&self.set, "", false, "SuccessfulCreate", message, NAME, "", context.now);
        result.create("Pod", pod, self.set.key.field("spec.replicas"));
    }

    /// Makes the claims of a pod that are not there yet, and gives the volumes that use them.
    fn claim_storage(&self, number: i64, pod: &str, context: &mut Context, result: &mut Reconcile) -> Vec<Value> {
        let (set, namespace) = (&self.set, self.set.namespace());
        let mut volumes = Vec::new();
        for (i, template) in set.value.items_at(&["spec", "volumeClaimTemplates"]).iter().enumerate() {
            let volume = template.str_at(&["metadata", "name"]);
            let name = format_smolstr!("{volume}-{}-{number}", set.name());
            volumes.push(value!({ "name": volume, "persistentVolumeClaim": { "claimName": (&name) } }));
            if context.store.get(&ObjectKey::new(CLAIM, namespace.clone(), name.clone())).is_some() {
                continue;
            }
            let mut claim = template.clone();
            claim.set_at(&["apiVersion"], "v1");
            claim.set_at(&["kind"], CLAIM);
            claim.set_at(&["metadata", "name"], &name);
            claim.set_at(&["metadata", "namespace"], namespace);
            let selector = set.value.at(&["spec", "selector"]);
            for (key, label) in selector.into_iter().flat_map(|selector| selector.entries("matchLabels")) {
                claim.set_at(&["metadata", "labels", key], label.clone());
            }
            let message = format_smolstr!("create Claim {name} Pod {pod} in StatefulSet {} success", set.name());
            context.recorder.say(set, "", false, "SuccessfulCreate", message, NAME, "", context.now);
            result.create(CLAIM, claim, set.key.field(format!("spec.volumeClaimTemplates[{i}]").as_str()));
        }
        volumes
    }

    fn delete(&self, pod: &Arc<Object>, saw: &str, context: &mut Context, result: &mut Reconcile) {
        let message = format_smolstr!("delete Pod {} in StatefulSet {} successful", pod.name(), self.set.name());
        context.recorder.say(&self.set, "", false, "SuccessfulDelete", message, NAME, "", context.now);
        result.delete(pod.key.clone(), self.set.key.field(saw));
    }

    /// `replaced`: a pod of an older template goes in this very look, and is counted no more.
    fn status(&self, replaced: bool, context: &Context, result: &mut Reconcile) {
        let all = || self.members.values();
        let ready = all()
            .filter(|p| p.view().pod().is_some_and(|p| p.phase == PodPhase::Running && p.is_ready()))
            .count() as i64;
        let available = all().filter(|p| self.is_available(p, context, result)).count() as i64;
        let of = |revision: &SmolStr| {
            all().filter(|p| !p.is_terminating() && p.label(REVISION_HASH) == Some(revision)).count() as i64
        };
        let (updated, count) = (of(&self.update), self.members.len() as i64);
        let done = updated == self.replicas && ready == self.replicas && count == self.replicas;
        let rolls = self.set.value.str_at(&["spec", "updateStrategy", "type"]) != "OnDelete";
        let current = if done && rolls { &self.update } else { &self.current };
        let mut value = self.set.value.clone();
        pods::set_counts(
            &mut value,
            &[
                ("currentReplicas", (of(current) - i64::from(replaced)).max(0)),
                ("readyReplicas", ready),
                ("updatedReplicas", updated),
            ],
        );
        value.set_at(&["status", "availableReplicas"], available);
        value.set_at(&["status", "collisionCount"], 0);
        value.set_at(&["status", "currentRevision"], current);
        value.set_at(&["status", "observedGeneration"], pods::number(&self.set, &["metadata", "generation"], 1));
        value.set_at(&["status", "replicas"], count);
        value.set_at(&["status", "updateRevision"], &self.update);
        if value != self.set.value {
            result.update(&self.set, value, self.set.key.field("spec.replicas"));
        }
    }

    /// Forgets old revisions that no pod bears.
    fn forget_old(&self, context: &Context, result: &mut Reconcile) {
        let alive = |r: &Object| {
            *r.name() == self.update
                || *r.name() == self.current
                || self.members.values().any(|p| p.label(REVISION_HASH) == Some(r.name()))
        };
        revisions::forget(&self.set, revisions::of(context.store, &self.set), alive, result);
    }
}
