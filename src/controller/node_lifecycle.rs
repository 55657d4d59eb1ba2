//! `node-lifecycle-controller`: notices silent nodes, taints them, and evicts their pods in time; and clears up after nodes
//! that have been deleted.
//!
//! Upstream: `pkg/controller/nodelifecycle`, `pkg/controller/tainteviction`, `pkg/controller/podgc`. Heartbeats (leases) are not
//! written: a node is silent from the moment at which its power is gone.

use super::conditions;
use super::scheduler::tolerates;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{self, Duration, Time};
use crate::api::value::Value;
use crate::apiserver::store::{Event, Store};
use crate::value;
use smol_str::format_smolstr;
use std::sync::Arc;

pub const NAME: &str = "node-lifecycle-controller";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// How long a node must be missing before its pods are cleared up.
const QUARANTINE: Duration = Duration::secs(40);
const SILENT: &str = "Kubelet stopped posting node status.";

pub struct NodeLifecycleController;

impl Controller for NodeLifecycleController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        match event.key.kind.as_str() {
            "Node" => enqueue(event.key.clone(), after),
            "Pod" => {
                // A pod comes to a node that evicts.
                let node = |o: &Option<Arc<Object>>| o.as_ref()?.view().pod().map(|p| p.node_name.clone());
                let Some(name) = node(&event.new).filter(|n| !n.is_empty()) else { return };
                if node(&event.old).as_ref() == Some(&name) {
                    return;
                }
                let evicts = store
                    .node(&name)
                    .and_then(|n| n.view().node())
                    .is_none_or(|n| n.taints.iter().any(|t| t.effect == "NoExecute"));
                if evicts && settings.run_pods {
                    enqueue(ObjectKey::new("Node", "", name), after);
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        if !context.settings.run_pods {
            return result;
        }
        let Some(node) = context.store.get(key).cloned() else {
            // What is bound to it is lost, unless the node comes soon.
            let first_missed = *context.memory.missing.entry(key.name.clone()).or_insert(context.now);
            if context.now < first_missed + QUARANTINE {
                result.again(first_missed + QUARANTINE);
                return result;
            }
            context.memory.missing.remove(&key.name);
            for pod in context.index.on_node(&key.name) {
                result.purge(pod.clone(), key.field("metadata.name"));
            }
            return result;
        };
        context.memory.missing.remove(&key.name);
        match context.runtime.down_since(&key.name) {
            Some(since) => {
                let due = since + context.settings.latencies.node_grace;
                if due > context.now { result.again(due) } else { self.lost(&node, context, &mut result) }
            }
            None => self.found(&node, context, &mut result),
        }
        evict(&node, context, &mut result);
        result
    }
}

impl NodeLifecycleController {
    /// The node has been silent for too long.
    fn lost(&self, node: &Arc<Object>, context: &mut Context, result: &mut Reconcile) {
        let now = context.now;
        let mut value = node.value.clone();
        for type_ in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
            set_condition(&mut value, type_, "Unknown", "NodeStatusUnknown", SILENT, now);
        }
        let mut taints = value.items_at(&["spec", "taints"]).to_vec();
        for effect in ["NoSchedule", "NoExecute"] {
            if !taints.iter().any(|t| t.str_at(&["key"]) == UNREACHABLE && t.str_at(&["effect"]) == effect) {
                taints.push(value!({ "effect": effect, "key": UNREACHABLE, "timeAdded": (now.text()) }));
            }
        }
        value.set_at(&["spec", "taints"], taints);
        if value == node.value {
            return;
        }
        let message = format_smolstr!("Node {} status is now: NodeNotReady", node.name());
        context.recorder.say(node, "", false, "NodeNotReady", message, "node-controller", "", now);
        result.update(node, value, node.key.field("status.conditions"));
        // Its pods cannot be ready any more, as far as anybody can tell.
        for key in context.index.on_node(node.name()) {
            let Some(pod) = context.store.get(key).filter(|p| p.view().pod().is_some_and(|p| p.is_ready())) else {
                continue;
            };
            let mut value = pod.value.clone();
            conditions::set_pod(&mut value, "Ready", "False", "", "", now);
            context.recorder.say(pod, "", true, "NodeNotReady", "Node is not ready", "node-controller", "", now);
            result.update(pod, value, node.key.field("status.conditions"));
        }
    }

    /// The node is heard of (again).
    fn found(&self, node: &Arc<Object>, context: &mut Context, result: &mut Reconcile) {
        let was_lost = node.value.items_at(&["spec", "taints"]).iter().any(|t| t.str_at(&["key"]) == UNREACHABLE);
        let now = context.now;
        let mut value = node.value.clone();
        if was_lost {
            for (type_, status, reason, message) in [
                ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ] {
                set_condition(&mut value, type_, status, reason, message, now);
            }
        }
        let mut taints = value.items_at(&["spec", "taints"]).to_vec();
        let mark = "node.kubernetes.io/unschedulable";
        taints.retain(|t| !matches!(t.str_at(&["key"]), UNREACHABLE) && t.str_at(&["key"]) != mark);
        // A cordoned node bears a taint that says so.
        if value.at(&["spec", "unschedulable"]).and_then(Value::as_bool) == Some(true) {
            let old = node.value.items_at(&["spec", "taints"]).iter().find(|t| t.str_at(&["key"]) == mark).cloned();
            let time = now.text();
            taints.push(old.unwrap_or_else(|| value!({ "effect": "NoSchedule", "key": mark, "timeAdded": time })));
        }
        if taints.is_empty() {
            value.remove_at(&["spec", "taints"]);
        } else {
            value.set_at(&["spec", "taints"], taints);
        }
        if value != node.value {
            if was_lost {
                let message = format_smolstr!("Node {} status is now: NodeReady", node.name());
                context.recorder.say(node, "", false, "NodeReady", message, "node-controller", "", now);
            }
            result.update(node, value, node.key.field("status.conditions"));
        }
    }
}

/// Deletes pods that do not tolerate a NoExecute taint, each in its time.
fn evict(node: &Arc<Object>, context: &mut Context, result: &mut Reconcile) {
    let taints: Vec<&Value> =
        node.value.items_at(&["spec", "taints"]).iter().filter(|t| t.str_at(&["effect"]) == "NoExecute").collect();
    if taints.is_empty() {
        context.memory.tainted.remove(node.name());
        return;
    }
    let first_seen = *context.memory.tainted.entry(node.name().clone()).or_insert(context.now);
    for key in context.index.on_node(node.name()) {
        let Some(pod) = context.store.get(key).filter(|p| !p.is_terminating()) else { continue };
        let due = taints.iter().filter_map(|taint| patience(pod, taint, first_seen)).min();
        match due {
            Some(due) if due <= context.now => {
                let message = format_smolstr!("Marking for deletion Pod {}/{}", key.namespace, key.name);
                let who = "taint-eviction-controller";
                context.recorder.say(pod, "", false, "TaintManagerEviction", message, who, "", context.now);
                result.delete(key.clone(), node.key.field("spec.taints"));
            }
            Some(due) => result.again(due),
            None => {}
        }
    }
}

/// Until when a pod stays in spite of a taint; `None`: for ever.
fn patience(pod: &Object, taint: &Value, first_seen: Time) -> Option<Time> {
    let (key, value) = (taint.str_at(&["key"]), taint.str_at(&["value"]));
    // A pod that came later has its own time.
    let bound = conditions::find(&pod.value, "PodScheduled").and_then(|c| time::parse(c.text("lastTransitionTime")));
    let came = bound.or_else(|| time::parse(pod.value.str_at(&["metadata", "creationTimestamp"]))).unwrap_or_default();
    let since = time::parse(taint.str_at(&["timeAdded"])).unwrap_or(first_seen).max(came);
    let tolerations = pod.value.items_at(&["spec", "tolerations"]);
    let mut matching = tolerations.iter().filter(|t| tolerates(t, key, value, "NoExecute")).peekable();
    if matching.peek().is_none() {
        return Some(since);
    }
    let seconds = matching.filter_map(|t| t.get("tolerationSeconds").and_then(Value::as_i64)).min()?;
    Some(since + Duration::secs(seconds.max(0) as u64))
}

/// Sets a condition of a node, which has `lastHeartbeatTime`.
fn set_condition(node: &mut Value, type_: &str, status: &str, reason: &str, message: &str, now: Time) {
    let mut list = node.items_at(&["status", "conditions"]).to_vec();
    let Some(condition) = list.iter_mut().find(|c| c.str_at(&["type"]) == type_) else { return };
    if condition.str_at(&["status"]) == status {
        return;
    }
    let text = now.text();
    condition.set_at(&["status"], status);
    condition.set_at(&["reason"], reason);
    condition.set_at(&["message"], message);
    condition.set_at(&["lastTransitionTime"], text);
    node.set_at(&["status", "conditions"], list);
}
