//! `default-scheduler`: binds pods to nodes.
//!
//! Upstream: `pkg/scheduler` with its default plugins. [`demands`] has the filters and what a pod would rather have; among the
//! nodes that remain, the pods of one owner are spread, then all pods. The scores of upstream's plugins are added with weights;
//! here they are asked one after the other, the weightiest first. A claim for a volume has to be there, and
//! counts as bound then. Left out: preemption, devices, where volumes can be had.

mod claims;
mod demands;
mod resources;

pub use claims::missing_claims;
pub(super) use demands::{anti_affinity, tolerates};
pub(super) use resources::Requests;

pub(super) use self::demands::most_pods;
use self::demands::{Demands, is_simple};
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use super::{conditions, pods};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::Pod;
use crate::apiserver::store::{Event, Store};
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

pub const NAME: &str = "default-scheduler";

pub struct Scheduler;

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        if !settings.run_pods {
            return;
        }
        let after = settings.latencies.scheduler;
        match event.key.kind.as_str() {
            "Pod" => {
                let bound = |o: &Option<Arc<Object>>| {
                    o.as_ref().and_then(|o| o.view().pod()).is_some_and(|p| !p.node_name.is_empty())
                };
                fn labels(o: &Option<Arc<Object>>) -> Option<&crate::api::value::Value> {
                    o.as_ref()?.labels()
                }
                if event.old.is_none() && !bound(&event.new) {
                    enqueue(event.key.clone(), after);
                } else if event.new.is_none() && bound(&event.old) {
                    // Room has been made.
                    for key in index.unscheduled() {
                        enqueue(key.clone(), after);
                    }
                } else if bound(&event.new) && (!bound(&event.old) || labels(&event.old) != labels(&event.new)) {
                    // Somebody may have waited for this one's company.
                    for key in index.refused() {
                        enqueue(key.clone(), after);
                    }
                }
            }
            "PersistentVolumeClaim" if event.new.is_some() => {
                for key in index.refused().filter(|key| key.namespace == event.key.namespace) {
                    enqueue(key.clone(), after);
                }
            }
            "Node" => {
                let facts = |o: &Option<Arc<Object>>| {
                    let o = o.as_ref()?;
                    let node = o.view().node()?;
                    let labels = o.value.at(&["metadata", "labels"]).cloned();
                    Some((
                        node.taints.clone(),
                        node.unschedulable,
                        labels,
                        o.value.at(&["status", "allocatable"]).cloned(),
                    ))
                };
                if facts(&event.old) != facts(&event.new) {
                    for key in index.unscheduled() {
                        enqueue(key.clone(), after);
                    }
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(pod) = context.store.get(key).cloned() else { return result };
        let Some(view) = pod.view().pod() else { return result };
        let ours = matches!(pod.value.str_at(&["spec", "schedulerName"]), "" | "default-scheduler");
        if !view.node_name.is_empty() || view.terminating || !ours || !pods::is_active(view) {
            return result;
        }
        if !pod.value.items_at(&["spec", "schedulingGates"]).is_empty() {
            let mut value = pod.value.clone();
            let message = "Scheduling is blocked due to non-empty scheduling gates";
            conditions::set_pod(&mut value, "PodScheduled", "False", "SchedulingGated", message, context.now);
            if value != pod.value {
                result.update(&pod, value, key.field("spec.schedulingGates"));
            }
            return result;
        }
        if let Some(claim) = missing_claims(context.store, &pod).next() {
            refuse(&pod, claims::why_not(context.store, &claim), context, &mut result);
            return result;
        }
        if is_simple(&pod, view, context) {
            bind_alike(&pod, context, &mut result);
            if !result.writes.is_empty() {
                return result;
            }
        }
        match choose(&pod, view, context, &mut result) {
            Ok(node) => bind(&pod, &node, &mut Vec::new(), context, &mut result),
            Err(message) => refuse(&pod, message, context, &mut result),
        }
        result
    }
}

/// Says that there is no node for a pod.
fn refuse(pod: &Arc<Object>, message: String, context: &mut Context, result: &mut Reconcile) {
    context.recorder.say(pod, "", true, "FailedScheduling", message.clone(), NAME, "", context.now);
    let mut value = pod.value.clone();
    conditions::set_pod(&mut value, "PodScheduled", "False", "Unschedulable", &message, context.now);
    if value != pod.value {
        result.update(pod, value, pod.key.field("spec"));
    }
}

/// The parts of a pod that a binding changes, and what its condition takes from the pod.
const BOUND: [&[&str]; 4] = [&["metadata", "labels"], &["spec"], &["status"], &["metadata", "generation"]];

/// What became of these parts of a pod that was bound to a node. Pods of one template share them, and those on one node share
/// what comes of them.
struct Bound {
    node: SmolStr,
    before: [Value; 4],
    after: [Value; 4],
}

fn bind(pod: &Arc<Object>, node: &SmolStr, known: &mut Vec<Bound>, context: &mut Context, result: &mut Reconcile) {
    let key = &pod.key;
    let message = format_smolstr!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
    context.recorder.say(pod, "", false, "Scheduled", message, NAME, "", context.now);
    let parts = |pod: &Value| BOUND.map(|part| pod.at(part).cloned().unwrap_or_default());
    let before = parts(&pod.value);
    let is_same = |bound: &&Bound| bound.node == *node && bound.before.iter().zip(&before).all(|(a, b)| a.is_same(b));
    let mut value = pod.value.clone();
    if let Some(bound) = known.iter().find(is_same) {
        for (i, part) in BOUND.iter().enumerate().filter(|(i, _)| !bound.after[*i].is_same(&before[*i])) {
            value.set_at(part, bound.after[i].clone());
        }
        result.update(pod, value, key.field("spec.nodeName"));
        return;
    }
    // The admission plugin PodTopologyLabels acts on the binding.
    if let Some(bound) = context.store.node(node) {
        for label in ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] {
            if let Some(zone) = bound.label(label) {
                value.set_at(&["metadata", "labels", label], zone);
            }
        }
    }
    value.set_at(&["spec", "nodeName"], node);
    conditions::set_pod(&mut value, "PodScheduled", "True", "", "", context.now);
    // Nodes of one zone give the same labels.
    let alike = known.iter().map(|b| &b.after[0]).find(|labels| value.at(BOUND[0]) == Some(labels)).cloned();
    if let Some(labels) = alike {
        value.set_at(BOUND[0], labels);
    }
    known.push(Bound { node: node.clone(), before, after: parts(&value) });
    result.update(pod, value, key.field("spec.nodeName"));
}

/// The most pods that are bound in one look.
const BATCH: usize = 500;

/// Binds a simple pod together with its waiting siblings of the same template: the nodes are looked at once for all of them,
/// and each pod goes where it would have gone by itself.
fn bind_alike(pod: &Arc<Object>, context: &mut Context, result: &mut Reconcile) {
    let (Some(view), Some((set, owner))) = (pod.view().pod(), pod.controller_ref()) else { return };
    let (store, demands) = (context.store, Demands::of(pod, view, context));
    // What would rather not have the pod comes last; then who has few pods of the owner, then who has few pods.
    let mut nodes: BinaryHeap<Reverse<(usize, u32, usize, &SmolStr, usize)>> = BinaryHeap::new();
    for object in store.list("Node") {
        let Some(node) = object.view().node() else { continue };
        result.looked += 1;
        let total = context.index.count_on_node(object.name());
        if demands.refuse(pod, object, node, total, context).is_none() {
            let spread = context.index.spread(owner, object.name());
            let aversion = demands.untolerated(node);
            nodes.push(Reverse((aversion, spread, total, object.name(), most_pods(object))));
        }
    }
    // Where no node takes one of them, nobody has to look for the others.
    if nodes.is_empty() {
        return;
    }
    // Pods are named after their set, so those of one set stand together.
    let family = format_smolstr!("{}-", set.name);
    // Pods that were made together share their spec: what is not alike is found out once for all of them.
    let mut unlike: Option<Value> = None;
    let alike = |other: &&Arc<Object>| {
        let spec = other.value.get("spec");
        if unlike.as_ref().is_some_and(|known| spec.is_some_and(|spec| spec.is_same(known))) {
            return false;
        }
        let same = spec == pod.value.get("spec");
        if !same {
            unlike = spec.cloned();
        }
        same && other.controller_ref().is_some_and(|(_, uid)| uid == owner)
    };
    let siblings: Vec<Arc<Object>> = context
        .index
        .unscheduled_from(&pod.key)
        .take_while(|key| key.namespace == pod.key.namespace && key.name.starts_with(family.as_str()))
        .filter_map(|key| store.get(key))
        .filter(alike)
        .take(BATCH)
        .cloned()
        .collect();
    result.looked += siblings.len();
    let mut known = Vec::new();
    for sibling in siblings {
        let Some(Reverse((aversion, spread, total, name, most))) = nodes.pop() else { return };
        bind(&sibling, name, &mut known, context, result);
        if total + 1 < most {
            nodes.push(Reverse((aversion, spread + 1, total + 1, name, most)));
        }
    }
}

/// The best node, or the scheduler's words for why there is none.
fn choose(pod: &Arc<Object>, view: &Pod, context: &Context, result: &mut Reconcile) -> Result<SmolStr, String> {
    let owner = pod.controller_ref().map(|(_, uid)| uid.clone()).unwrap_or_default();
    let demands = Demands::of(pod, view, context);
    let mut best = None;
    let mut reasons: BTreeMap<SmolStr, usize> = BTreeMap::new();
    let (mut nodes, mut hopeless) = (0, 0);
    for object in context.store.list("Node") {
        let Some(node) = object.view().node() else { continue };
        nodes += 1;
        let total = context.index.count_on_node(object.name());
        if let Some(refusal) = demands.refuse(pod, object, node, total, context) {
            hopeless += usize::from(refusal.whoever_goes);
            for reason in refusal.reasons {
                *reasons.entry(reason).or_default() += 1;
            }
            continue;
        }
        let wish = Reverse(demands.preference(object));
        let spread = context.index.spread(&owner, object.name());
        let score = (demands.untolerated(node), wish, demands.crowding(object), spread, total, object.name());
        if best.as_ref().is_none_or(|b| score < *b) {
            best = Some(score);
        }
    }
    result.looked += nodes;
    match best {
        Some((.., name)) => Ok(name.clone()),
        None if nodes == 0 => Err("no nodes available to schedule pods".into()),
        None => Err(why_nowhere(nodes, hopeless, &reasons)),
    }
}

/// What the event FailedScheduling says: `hopeless` nodes would not do even if pods went from them.
fn why_nowhere(nodes: usize, hopeless: usize, reasons: &BTreeMap<SmolStr, usize>) -> String {
    let told = |reasons: &mut dyn Iterator<Item = (usize, &str)>| {
        let mut list: Vec<String> = reasons.map(|(count, reason)| format!("{count} {reason}")).collect();
        list.arrange();
        list.join(", ")
    };
    let filtered = told(&mut reasons.iter().map(|(reason, count)| (*count, reason.as_str())));
    let preemption = [
        (hopeless, "Preemption is not helpful for scheduling"),
        (nodes - hopeless, "No preemption victims found for incoming pod"),
    ];
    let preempted = told(&mut preemption.into_iter().filter(|(count, _)| *count > 0));
    format!(
        "0/{nodes} nodes are available: {filtered}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: {preempted}."
    )
}
