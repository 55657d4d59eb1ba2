//! `deployment-controller`: rolls a template out by growing a new ReplicaSet and shrinking the old ones.
//!
//! Upstream: `pkg/controller/deployment`. Left out: collision counts.

use super::replicaset::{FAILURE, replicas};
use super::selector::Selector;
use super::template_hash::template_hash;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings, Write};
use super::{conditions, pods};
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::time::{self, Duration, Time};
use crate::api::value::Value;
use crate::apiserver::store::{Event, Store};
use crate::apiserver::write::controller_reference;
use crate::arrange::Arrange;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

pub const NAME: &str = "deployment-controller";
pub const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";

/// What `progressDeadlineSeconds` says when there is to be none.
const NO_DEADLINE: i64 = i32::MAX as i64;

pub struct DeploymentController;

impl Controller for DeploymentController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        match event.key.kind.as_str() {
            "Deployment" => enqueue(event.key.clone(), after),
            "ReplicaSet" => {
                for set in [&event.old, &event.new].into_iter().flatten() {
                    if let Some((owner, _)) = set.controller().filter(|(owner, _)| owner.kind == "Deployment") {
                        enqueue(owner, after);
                    }
                }
                // Nobody manages it: a Deployment may adopt it.
                if let Some(orphan) = event.new.as_ref().filter(|s| s.controller_ref().is_none()) {
                    for deployment in store.list_in("Deployment", &event.key.namespace) {
                        if Selector::of(deployment).matches(orphan) {
                            enqueue(deployment.key.clone(), after);
                        }
                    }
                }
            }
            // Recreate waits for the last old pod to go.
            "Pod" if event.new.is_none() => {
                let Some((set, _)) = event.old.as_ref().and_then(|p| p.controller()) else { return };
                if set.kind == "ReplicaSet"
                    && let Some((name, _)) = set.name.rsplit_once('-')
                {
                    enqueue(ObjectKey::new("Deployment", event.key.namespace.clone(), name), after);
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(deployment) = context.store.get(key).cloned() else { return result };
        if deployment.is_terminating() {
            return result;
        }
        claim_sets(&deployment, context, &mut result);
        if !result.writes.is_empty() {
            return result;
        }
        let mut rollout = Rollout::new(&deployment, context);
        let paused = deployment.value.at(&["spec", "paused"]).and_then(Value::as_bool) == Some(true);
        let mut deployment_value = deployment.value.clone();
        // A Deployment that is scaled is scaled first; a new template comes after that.
        if rollout.new.is_some() || !(paused || rollout.is_scaling()) {
            rollout.adopt_template(&mut deployment_value, context, &mut result);
        }
        if result.writes.is_empty() {
            if paused || rollout.is_scaling() {
                rollout.scale(context, &mut result);
            } else if deployment.value.str_at(&["spec", "strategy", "type"]) == "Recreate" {
                rollout.recreate(context, &mut result);
            } else {
                rollout.roll(context, &mut result);
            }
        }
        if paused || rollout.is_complete() {
            rollout.forget_old(&mut result);
        }
        rollout.status(&mut deployment_value, paused, context, &mut result);
        if deployment_value != deployment.value {
            result.update(&deployment, deployment_value, key.field("spec.template"));
        }
        result
    }
}

/// A Deployment with its sets.
struct Rollout {
    deployment: Arc<Object>,
    wanted: i64,
    surge: i64,
    unavailable: i64,
    /// The set of the present template, and what it is told to have.
    new: Option<Arc<Object>>,
    /// The sets of other templates, oldest first.
    old: Vec<Arc<Object>>,
}

impl Rollout {
    fn new(deployment: &Arc<Object>, context: &Context) -> Rollout {
        let wanted = pods::number(deployment, &["spec", "replicas"], 1);
        let rolling = |field: &str| deployment.value.at(&["spec", "strategy", "rollingUpdate", field]);
        let surge = scaled(rolling("maxSurge"), wanted, true);
        let mut unavailable = scaled(rolling("maxUnavailable"), wanted, false);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        unavailable = unavailable.min(wanted);
        let selector = Selector::of(deployment);
        let mut sets: Vec<Arc<Object>> = context
            .store
            .owned_by(deployment.uid())
            .filter(|o| o.key.kind == "ReplicaSet" && !o.is_terminating() && selector.matches(o))
            .cloned()
            .collect();
        sets.arrange_by_key(|s| (s.value.str_at(&["metadata", "creationTimestamp"]).to_string(), s.name().clone()));
        let template = deployment.value.at(&["spec", "template"]).cloned().unwrap_or_default();
        let at = sets.iter().position(|s| same_template(s, &template));
        let new = at.map(|at| sets.remove(at));
        Rollout { deployment: deployment.clone(), wanted, surge, unavailable, new, old: sets }
    }

    fn is_rolling(&self) -> bool {
        self.deployment.value.str_at(&["spec", "strategy", "type"]) != "Recreate"
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.old.iter().chain(&self.new)
    }

    fn saw(&self, path: &str) -> FieldRef {
        self.deployment.key.field(path)
    }

    /// Makes the set of the present template, or gives an old one of the same template the newest revision.
    fn adopt_template(&mut self, deployment: &mut Value, context: &mut Context, result: &mut Reconcile) {
        let newest = self.old.iter().map(|s| revision(s)).max().unwrap_or(0) + 1;
        if let Some(set) = &self.new {
            let mut value = set.value.clone();
            let min_ready = pods::number(&self.deployment, &["spec", "minReadySeconds"], 0);
            if min_ready > 0 {
                value.set_at(&["spec", "minReadySeconds"], min_ready);
            } else {
                value.remove_at(&["spec", "minReadySeconds"]);
            }
            let mut number = revision(set);
            if number < newest {
                if number > 0 {
                    let before = set.annotation(REVISION_HISTORY).unwrap_or("");
                    let history = if before.is_empty() { number.to_string() } else { format!("{before},{number}") };
                    value.set_at(&["metadata", "annotations", REVISION_HISTORY], history);
                }
                number = newest;
            }
            self.annotate(&mut value, number);
            if value != set.value {
                result.update(set, value, self.saw("spec.template"));
            }
            deployment.set_at(&["metadata", "annotations", REVISION], number.to_string());
            return;
        }
        let hash = template_hash(self.deployment.value.at(&["spec", "template"]).unwrap_or(&Value::Null));
        let name = format_smolstr!("{}-{hash}", self.deployment.name());
        let count = if self.is_rolling() {
            let current: i64 = self.old.iter().map(|s| replicas(s)).sum();
            (self.wanted + self.surge - current).clamp(0, self.wanted)
        } else if self.old.iter().all(|s| replicas(s) == 0 && pods_left(s, context) == 0) {
            self.wanted
        } else {
            return;
        };
        let mut template = self.deployment.value.at(&["spec", "template"]).cloned().unwrap_or_default();
        template.set_at(&["metadata", "labels", HASH], &hash);
        let labels = template.at(&["metadata", "labels"]).cloned().unwrap_or_default();
        let mut selector = self.deployment.value.at(&["spec", "selector"]).cloned().unwrap_or_default();
        selector.set_at(&["matchLabels", HASH], &hash);
        let mut value = value!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": (&name),
                "namespace": (self.deployment.namespace()),
                "labels": labels,
                "ownerReferences": [(controller_reference(&self.deployment))]
            },
            "spec": { "replicas": count, "selector": selector, "template": template },
            "status": { "replicas": 0 }
        });
        let min_ready = pods::number(&self.deployment, &["spec", "minReadySeconds"], 0);
        if min_ready > 0 {
            value.set_at(&["spec", "minReadySeconds"], min_ready);
        }
        self.annotate(&mut value, newest);
        deployment.set_at(&["metadata", "annotations", REVISION], newest.to_string());
        // A set of that name without our owner reference would stand in the way; a template cannot be rolled out then.
        let key = ObjectKey::new("ReplicaSet", self.deployment.namespace().clone(), name.clone());
        if context.store.get(&key).is_none() {
            result.create("ReplicaSet", value, self.saw("spec.template"));
            if self.deadline().is_some() {
                let message = format!("Created new replica set \"{name}\"");
                conditions::set(deployment, "Progressing", "True", "NewReplicaSetCreated", &message, context.now);
            }
            if count > 0 {
                self.say(context, format_smolstr!("Scaled up replica set {name} from 0 to {count}"));
            }
        }
    }

    /// Writes the Deployment's annotations and figures into a set's.
    fn annotate(&self, set: &mut Value, number: i64) {
        let own = self.deployment.value.at(&["metadata", "annotations"]).and_then(Value::as_map);
        for (key, value) in own.into_iter().flat_map(|m| m.iter()) {
            let skipped = [REVISION, REVISION_HISTORY, DESIRED, MAXIMUM, "deprecated.deployment.rollback.to"];
            if key != "kubectl.kubernetes.io/last-applied-configuration" && !skipped.contains(&key.as_str()) {
                set.set_at(&["metadata", "annotations", key], value.clone());
            }
        }
        set.set_at(&["metadata", "annotations", REVISION], number.to_string());
        if set.at(&["metadata", "annotations", DESIRED]).is_none() {
            self.figures(set);
        }
    }

    fn figures(&self, set: &mut Value) {
        let surge = if self.is_rolling() { self.surge } else { 0 };
        set.set_at(&["metadata", "annotations", DESIRED], self.wanted.to_string());
        set.set_at(&["metadata", "annotations", MAXIMUM], (self.wanted + surge).to_string());
    }

    /// Whether the Deployment itself was scaled since its sets last heard of it.
    fn is_scaling(&self) -> bool {
        let wanted = self.wanted.to_string();
        self.all().any(|s| replicas(s) > 0 && s.annotation(DESIRED).is_some_and(|d| d != wanted))
    }

    fn set_replicas(&self, set: &Arc<Object>, count: i64, context: &mut Context, result: &mut Reconcile) {
        let before = replicas(set);
        let mut value = set.value.clone();
        value.set_at(&["spec", "replicas"], count);
        self.figures(&mut value);
        if value == set.value {
            return;
        }
        result.update(set, value, self.saw("spec.replicas"));
        if before != count {
            let word = if count > before { "up" } else { "down" };
            self.say(context, format_smolstr!("Scaled {word} replica set {} from {before} to {count}", set.name()));
        }
    }

    fn say(&self, context: &mut Context, message: SmolStr) {
        let now = context.now;
        context.recorder.say(&self.deployment, "", false, "ScalingReplicaSet", message, NAME, "", now);
    }

    /// Scales without rolling: one live set takes it all; several share in proportion to their size.
    fn scale(&self, context: &mut Context, result: &mut Reconcile) {
        let live: Vec<&Arc<Object>> = self.all().filter(|s| replicas(s) > 0).collect();
        if live.len() <= 1 {
            let latest = live.first().copied().or(self.new.as_ref()).or(self.old.last());
            if let Some(set) = latest {
                self.set_replicas(set, self.wanted, context, result);
            }
            return;
        }
        if let Some(new) = &self.new
            && is_saturated(new, self.wanted)
        {
            for set in self.old.iter().filter(|s| replicas(s) > 0) {
                self.set_replicas(set, 0, context, result);
            }
            return;
        }
        if !self.is_rolling() {
            return;
        }
        let total: i64 = live.iter().map(|s| replicas(s)).sum();
        let allowed = if self.wanted > 0 { self.wanted + self.surge } else { 0 };
        let change = allowed - total;
        // The biggest first; of equals the newer when growing, the older when shrinking.
        let mut order: Vec<&Arc<Object>> = live;
        if change > 0 {
            order.reverse();
        }
        order.arrange_by_key(|s| std::cmp::Reverse(replicas(s)));
        let deployed = pods::number(&self.deployment, &["status", "replicas"], 0);
        let mut spread = 0;
        let mut sizes = Vec::with_capacity(order.len());
        for set in &order {
            let size = replicas(set);
            let before = set.annotation(MAXIMUM).and_then(|m| m.parse().ok()).unwrap_or(deployed).max(1);
            let share = if size == 0 || change == 0 {
                0
            } else {
                let share = (size as f64 * allowed as f64 / before as f64).round() as i64 - size;
                let left = change - spread;
                if change > 0 { share.min(left) } else { share.max(left) }
            };
            spread += share;
            sizes.push(size + share);
        }
        // What rounding leaves over goes to the first.
        if let Some(first) = sizes.first_mut() {
            *first = (*first + change - spread).max(0);
        }
        for (set, size) in order.into_iter().zip(sizes) {
            self.set_replicas(set, size, context, result);
        }
    }

    /// `Recreate`: all old pods go before the first new one comes.
    fn recreate(&self, context: &mut Context, result: &mut Reconcile) {
        let mut waits = false;
        for set in &self.old {
            if replicas(set) > 0 {
                self.set_replicas(set, 0, context, result);
                waits = true;
            }
            waits |= pods_left(set, context) > 0;
        }
        if let Some(new) = self.new.as_ref().filter(|_| !waits) {
            self.set_replicas(new, self.wanted, context, result);
        }
    }

    /// `RollingUpdate`: up within the surge, down within what may be unavailable.
    fn roll(&self, context: &mut Context, result: &mut Reconcile) {
        let Some(new) = &self.new else { return };
        let (size, all) = (replicas(new), self.all().map(|s| replicas(s)).sum::<i64>());
        if size > self.wanted {
            self.set_replicas(new, self.wanted, context, result);
            return;
        }
        if size < self.wanted {
            let room = (self.wanted + self.surge - all).max(0);
            let count = (size + room).min(self.wanted);
            if count > size {
                self.set_replicas(new, count, context, result);
                return;
            }
        }
        let at_least = self.wanted - self.unavailable;
        let mut may_go = all - at_least - (size - available(new));
        if may_go <= 0 {
            return;
        }
        // Unhealthy old pods first; they serve nobody.
        let mut sizes: Vec<i64> = self.old.iter().map(|s| replicas(s)).collect();
        for (set, size) in self.old.iter().zip(&mut sizes) {
            let cut = (*size - available(set)).clamp(0, may_go);
            *size -= cut;
            may_go -= cut;
        }
        let mut spare = self.all().map(|s| available(s)).sum::<i64>() - at_least;
        for size in &mut sizes {
            let cut = (*size).clamp(0, spare.max(0));
            *size -= cut;
            spare -= cut;
        }
        for (set, size) in self.old.iter().zip(sizes) {
            if size != replicas(set) {
                self.set_replicas(set, size, context, result);
            }
        }
    }

    /// Forgets the oldest sets beyond `revisionHistoryLimit`, if they are empty.
    fn forget_old(&self, result: &mut Reconcile) {
        let limit = pods::number(&self.deployment, &["spec", "revisionHistoryLimit"], 10).max(0) as usize;
        let mut old: Vec<&Arc<Object>> = self.old.iter().collect();
        old.arrange_by_key(|s| revision(s));
        let empty = |s: &Object| replicas(s) == 0 && pods::number(s, &["status", "replicas"], 0) == 0;
        for set in old.iter().take(old.len().saturating_sub(limit)).filter(|s| empty(s)) {
            result.delete(set.key.clone(), self.saw("spec.revisionHistoryLimit"));
        }
    }

    /// Whether the last status says that all pods are of the present template, and available.
    fn is_complete(&self) -> bool {
        let status = |field: &str| pods::number(&self.deployment, &["status", field], 0);
        ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|field| status(field) == self.wanted)
            && status("observedGeneration") >= pods::number(&self.deployment, &["metadata", "generation"], 1)
    }

    fn status(&self, deployment: &mut Value, paused: bool, context: &Context, result: &mut Reconcile) {
        let sum = |field: &str| self.all().map(|s| pods::number(s, &["status", field], 0)).sum::<i64>();
        let (total, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
        let updated = self.new.as_ref().map_or(0, |s| pods::number(s, &["status", "replicas"], 0));
        pods::set_counts(
            deployment,
            &[
                ("replicas", total),
                ("updatedReplicas", updated),
                ("readyReplicas", ready),
                ("availableReplicas", available),
                ("unavailableReplicas", (self.all().map(|s| replicas(s)).sum::<i64>() - available).max(0)),
                ("terminatingReplicas", sum("terminatingReplicas")),
                ("observedGeneration", pods::number(&self.deployment, &["metadata", "generation"], 1)),
            ],
        );
        let unavailable = if self.is_rolling() { self.unavailable } else { 0 };
        let now = context.now;
        let (status, reason, message) = if available >= self.wanted - unavailable {
            ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        } else {
            ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        };
        conditions::set(deployment, "Available", status, reason, message, now);
        self.progress(deployment, paused, [total, updated, ready, available], now, result);
        match self.new.iter().chain(&self.old).find_map(|s| conditions::find(&s.value, FAILURE)) {
            Some(failure) => {
                let since = time::parse(failure.text("lastTransitionTime")).unwrap_or(now);
                let (reason, message) = (failure.text("reason"), failure.text("message"));
                conditions::set(deployment, FAILURE, "True", reason, message, since);
            }
            None => conditions::remove(deployment, FAILURE),
        }
    }

    /// How long a rollout may stand still before it counts as failed.
    fn deadline(&self) -> Option<i64> {
        let deadline = pods::number(&self.deployment, &["spec", "progressDeadlineSeconds"], NO_DEADLINE);
        Some(deadline).filter(|d| *d != NO_DEADLINE)
    }

    /// The condition `Progressing`.
    fn progress(
        &self,
        deployment: &mut Value,
        paused: bool,
        [total, updated, ready, available]: [i64; 4],
        now: Time,
        result: &mut Reconcile,
    ) {
        let Some(deadline) = self.deadline() else {
            conditions::remove(deployment, "Progressing");
            return;
        };
        let reason = conditions::find(deployment, "Progressing").map_or("", |c| c.str_at(&["reason"])).to_string();
        if paused {
            // A lack of progress that was told is not covered up.
            if reason != "ProgressDeadlineExceeded" {
                conditions::set(deployment, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused", now);
            }
            return;
        }
        if reason == "DeploymentPaused" {
            conditions::set(deployment, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed", now);
        }
        let made = |w: &Write| matches!(w, Write::Create { kind: "ReplicaSet", .. });
        if self.is_scaling() || result.writes.iter().any(made) {
            return;
        }
        // A rollout that is over stays so, whatever its pods do later.
        if reason == "NewReplicaSetAvailable" && total == updated {
            return;
        }
        // With `Recreate` there is no new set as long as the old pods are not gone.
        let subject = match &self.new {
            Some(new) => format!("ReplicaSet \"{}\"", new.name()),
            None => format!("Deployment \"{}\"", self.deployment.name()),
        };
        let complete = updated == self.wanted && total == self.wanted && available == self.wanted;
        let before = self.deployment.value.get("status");
        let progressed = before.is_none_or(|b| {
            let old = |field: &str| b.get(field).and_then(Value::as_i64).unwrap_or(0);
            updated > old("updatedReplicas")
                || total - updated < old("replicas") - old("updatedReplicas")
                || ready > old("readyReplicas")
                || available > old("availableReplicas")
        });
        let progressing = format!("{subject} is progressing.");
        if complete {
            let message = format!("{subject} has successfully progressed.");
            conditions::set(deployment, "Progressing", "True", "NewReplicaSetAvailable", &message, now);
        } else if progressed {
            conditions::set(deployment, "Progressing", "True", "ReplicaSetUpdated", &progressing, now);
            conditions::touch(deployment, "Progressing", now);
        } else {
            let deadline = Duration::secs(deadline.max(0) as u64);
            let since = conditions::find(deployment, "Progressing")
                .filter(|c| c.str_at(&["reason"]) != "NewReplicaSetAvailable")
                .and_then(|c| time::parse(c.str_at(&["lastUpdateTime"])));
            match since {
                Some(since) if since + deadline <= now => {
                    let message = format!("{subject} has timed out progressing.");
                    let reason = "ProgressDeadlineExceeded";
                    conditions::set(deployment, "Progressing", "False", reason, &message, now);
                }
                Some(since) => result.again_standing(since + deadline),
                None => conditions::set(deployment, "Progressing", "True", "ReplicaSetUpdated", &progressing, now),
            }
        }
    }
}

/// Adopts sets that match and that nobody manages, and lets go of those that do not match any more.
fn claim_sets(deployment: &Arc<Object>, context: &Context, result: &mut Reconcile) {
    let selector = Selector::of(deployment);
    let saw = deployment.key.field("spec.selector");
    let orphans = context.index.orphan_sets(deployment.namespace());
    let orphans = orphans.filter_map(|name| {
        context.store.get(&ObjectKey::new("ReplicaSet", deployment.namespace().clone(), name.clone()))
    });
    let own = context.store.owned_by(deployment.uid()).filter(|o| o.key.kind == "ReplicaSet");
    for set in orphans.chain(own).filter(|s| !s.is_terminating()) {
        let mut owners = set.value.items_at(&["metadata", "ownerReferences"]).to_vec();
        match set.controller_ref() {
            None if selector.matches(set) => owners.push(controller_reference(deployment)),
            Some((_, uid)) if uid == deployment.uid() && !selector.matches(set) => {
                owners.retain(|o| o.str_at(&["uid"]) != deployment.uid());
            }
            _ => continue,
        }
        let mut value = set.value.clone();
        if owners.is_empty() {
            value.remove_at(&["metadata", "ownerReferences"]);
        } else {
            value.set_at(&["metadata", "ownerReferences"], owners);
        }
        result.update(set, value, saw.clone());
    }
}

fn revision(set: &Object) -> i64 {
    set.annotation(REVISION).and_then(|r| r.parse().ok()).unwrap_or(0)
}

fn available(set: &Object) -> i64 {
    pods::number(set, &["status", "availableReplicas"], 0)
}

fn pods_left(set: &Object, context: &Context) -> u32 {
    let counts = context.index.counts(set.uid());
    counts.active + counts.terminating
}

fn is_saturated(set: &Object, wanted: i64) -> bool {
    replicas(set) == wanted
        && set.annotation(DESIRED).and_then(|d| d.parse::<i64>().ok()) == Some(wanted)
        && available(set) == wanted
}

/// Whether the set's template is this one, the hash label aside.
fn same_template(set: &Object, template: &Value) -> bool {
    let mut own = set.value.at(&["spec", "template"]).cloned().unwrap_or_default();
    own.remove_at(&["metadata", "labels", HASH]);
    own.get("spec") == template.get("spec")
        && own.at(&["metadata", "labels"]) == template.at(&["metadata", "labels"])
        && own.at(&["metadata", "annotations"]) == template.at(&["metadata", "annotations"])
}

/// A number, or a percentage of `total` (rounded up for surge, down for what may be unavailable).
pub(super) fn scaled(value: Option<&Value>, total: i64, up: bool) -> i64 {
    match value {
        Some(Value::Int(n)) => (*n).max(0),
        Some(Value::String(s)) => {
            let percent: i64 = s.trim_end_matches('%').parse().unwrap_or(0).max(0);
            if up { (percent * total + 99) / 100 } else { percent * total / 100 }
        }
        _ => 0,
    }
}
