//! What a kubelet asks before it takes a pod, which the scheduler has asked of those that it bound.
//!
//! Upstream: `pkg/kubelet/lifecycle/predicate.go` and `rejectPod`. Left out: requests, affinity, taints.

use super::NAME;
use crate::api::object::Object;
use crate::api::value::{Map, Value};
use crate::controller::scheduler::most_pods;
use crate::controller::{Context, Reconcile};
use smol_str::format_smolstr;
use std::sync::Arc;

/// Refuses a pod that is new to a node that has as many as it takes: the pod has failed then.
pub(super) fn refuses(pod: &Arc<Object>, node: &Object, context: &mut Context, result: &mut Reconcile) -> bool {
    let name = &node.key.name;
    // Those that wait for an answer count among these; few nodes are ever so full that it matters.
    let most = most_pods(node);
    if context.index.count_on_node(name) <= most {
        return false;
    }
    let used = context.index.on_node(name).filter(|key| **key != pod.key && context.runtime.get(key).is_some()).count();
    if used < most {
        return false;
    }
    let why = format_smolstr!("Node didn't have enough resource: pods, requested: 1, used: {used}, capacity: {most}");
    context.recorder.say(pod, "", true, REASON, why.clone(), NAME, name.clone(), context.now);
    let old = pod.value.get("status");
    let kept = |field: &str| old.and_then(|s| s.get(field)).cloned();
    let mut status = Map::with_capacity(6);
    status.push("message", format_smolstr!("Pod was rejected: {why}"));
    status.push("observedGeneration", super::status::generation(pod));
    status.push("phase", "Failed");
    status.push("qosClass", kept("qosClass").unwrap_or_else(|| "BestEffort".into()));
    status.push("reason", REASON);
    status.push("startTime", kept("startTime").unwrap_or_else(|| context.now.text().into()));
    let mut value = pod.value.clone();
    value.set_at(&["status"], Value::from(status));
    result.update(pod, value, pod.key.field("spec.nodeName"));
    true
}

const REASON: &str = "OutOfpods";
