//! The eviction subresource of pods (`pkg/registry/core/pod/storage/eviction.go`): a deletion that disruption budgets may refuse.
//!
//! Left out: the list of pods that are about to go, which bridges the time between the answer and the deletion: here both are one.

use crate::api::object::Object;
use crate::api::value::Value;
use crate::apiserver::server::Context;
use crate::apiserver::status::Status;
use crate::apiserver::validation::label_selector::matches;
use crate::value;
use std::sync::Arc;

/// Whether a budget speaks of a pod. An empty selector means every pod of the namespace, none at all means no pod.
pub fn selects(budget: &Object, pod: &Object) -> bool {
    matches(budget.value.at(&["spec", "selector"]), pod.value.at(&["metadata", "labels"]))
}

/// Whether a pod may be evicted now. If a budget has to pay for it, it has one disruption less from here on.
pub fn permit(context: &mut Context, pod: &Object, dry_run: bool) -> Result<(), Status> {
    // What has ended, has not begun or goes anyway disrupts nothing.
    let phase = pod.value.str_at(&["status", "phase"]);
    if pod.is_terminating() || matches!(phase, "Succeeded" | "Failed" | "Pending") {
        return Ok(());
    }
    let budgets = context.store.list_in("PodDisruptionBudget", pod.namespace()).filter(|b| selects(b, pod));
    let budgets: Vec<Arc<Object>> = budgets.cloned().collect();
    let [budget] = &budgets[..] else {
        return match budgets.len() {
            0 => Ok(()),
            _ => Err(Status::unknown(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            )),
        };
    };
    let number = |field: &str| budget.value.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0);
    let ready = pod.view().pod().is_some_and(|p| p.is_ready());
    let (healthy, desired) = (number("currentHealthy"), number("desiredHealthy"));
    let always = budget.value.str_at(&["spec", "unhealthyPodEvictionPolicy"]) == "AlwaysAllow";
    if !ready && (always || (healthy >= desired && desired > 0)) {
        return Ok(());
    }
    let generation = budget.value.at(&["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0);
    let allowed = number("disruptionsAllowed");
    if number("observedGeneration") < generation || allowed <= 0 {
        return Err(Status::too_many_requests("Cannot evict pod as it would violate the pod's disruption budget."));
    }
    if !dry_run {
        let mut value = budget.value.clone();
        value.set_at(&["status", "disruptionsAllowed"], allowed - 1);
        context.writer().update(budget, value);
    }
    Ok(())
}

/// Writes into a pod's status why it goes: who reads it can tell a disruption from a failure.
pub fn mark(context: &mut Context, pod: &Arc<Object>) {
    let mut list = pod.value.items_at(&["status", "conditions"]).to_vec();
    if list.iter().any(|c| c.text("type") == "DisruptionTarget" && c.text("status") == "True") {
        return;
    }
    list.retain(|c| c.text("type") != "DisruptionTarget");
    list.push(value!({
        "lastProbeTime": (Value::Null),
        "lastTransitionTime": (context.now.text()),
        "message": "Eviction API: evicting",
        "observedGeneration": (pod.value.at(&["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(1)),
        "reason": "EvictionByEvictionAPI",
        "status": "True",
        "type": "DisruptionTarget"
    }));
    let mut value = pod.value.clone();
    value.set_at(&["status", "conditions"], list);
    context.writer().update(pod, value);
}
