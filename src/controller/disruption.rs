//! `disruption-controller`: how many of the pods that a PodDisruptionBudget speaks of may be evicted now.
//!
//! Upstream: `pkg/controller/disruption`.

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings, conditions};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::eviction::selects;
use crate::apiserver::store::{Event, Store};
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;

const NAME: &str = "disruption-controller";
/// Who its events come from.
const COMPONENT: &str = "controllermanager";
const KIND: &str = "PodDisruptionBudget";

pub struct DisruptionController;

impl Controller for DisruptionController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        if event.key.kind == KIND {
            return enqueue(event.key.clone(), after);
        }
        if event.key.kind != "Pod" {
            return;
        }
        for name in index.budgets(&event.key.namespace) {
            let Some(budget) = store.get(&ObjectKey::new(KIND, event.key.namespace.clone(), name.clone())) else {
                continue;
            };
            if [&event.old, &event.new].into_iter().flatten().any(|pod| selects(budget, pod)) {
                enqueue(budget.key.clone(), after);
            }
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(budget) = context.store.get(key).cloned() else { return result };
        let pods: Vec<Arc<Object>> =
            context.store.list_in("Pod", budget.namespace()).filter(|pod| selects(&budget, pod)).cloned().collect();
        result.looked += pods.len();
        let mut value = budget.value.clone();
        let mut told: Vec<(bool, &'static str, SmolStr)> = Vec::new();
        if pods.is_empty() {
            told.push((false, "NoPods", "No matching pods found".into()));
        }
        match expect(&budget, &pods, context.store) {
            Ok(Expected { count, desired, unmanaged }) => {
                if unmanaged {
                    told.push((true, "UnmanagedPods", unmanaged_message(&budget)));
                }
                let healthy = |p: &&Arc<Object>| !p.is_terminating() && p.view().pod().is_some_and(|p| p.is_ready());
                let healthy = pods.iter().filter(healthy).count() as i64;
                let allowed = if count > 0 { (healthy - desired).max(0) } else { 0 };
                let generation = budget.value.at(&["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(1);
                for (field, number) in [
                    ("currentHealthy", healthy),
                    ("desiredHealthy", desired),
                    ("disruptionsAllowed", allowed),
                    ("expectedPods", count),
                    ("observedGeneration", generation),
                ] {
                    value.set_at(&["status", field], number);
                }
                let (status, reason) =
                    if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
                set_allowed(&mut value, status, reason, "", context);
            }
            Err(problem) => {
                let message = format_smolstr!("Failed to calculate the number of expected pods: {problem}");
                told.push((true, "CalculateExpectedPodCountFailed", message));
                value.set_at(&["status", "disruptionsAllowed"], 0);
                set_allowed(&mut value, "False", "SyncFailed", &problem, context);
            }
        }
        if value.get("status") != budget.value.get("status") {
            let now = context.now;
            for (warning, reason, message) in told {
                context.recorder.say(&budget, "spec.selector", warning, reason, message, COMPONENT, "", now);
            }
            let bound = if budget.value.at(&["spec", "maxUnavailable"]).is_some() { "max" } else { "min" };
            let field = if bound == "max" { "spec.maxUnavailable" } else { "spec.minAvailable" };
            result.update(&budget, value, key.field(field));
        }
        result
    }
}

/// What a budget asks for.
struct Expected {
    count: i64,
    desired: i64,
    /// Pods were found that nobody manages, so that a share of them cannot be told.
    unmanaged: bool,
}

fn expect(budget: &Object, pods: &[Arc<Object>], store: &Store) -> Result<Expected, String> {
    let spec = budget.value.get("spec").unwrap_or(&Value::Null);
    if let Some(bound) = spec.field("maxUnavailable") {
        let (count, unmanaged) = scale(pods, store)?;
        return Ok(Expected { count, desired: (count - share(bound, count)).max(0), unmanaged });
    }
    match spec.field("minAvailable") {
        None => Ok(Expected { count: 0, desired: 0, unmanaged: false }),
        Some(Value::Int(least)) => Ok(Expected { count: pods.len() as i64, desired: *least, unmanaged: false }),
        Some(bound) => {
            let (count, unmanaged) = scale(pods, store)?;
            Ok(Expected { count, desired: share(bound, count), unmanaged })
        }
    }
}

/// A number, or a percentage of all, rounded up.
fn share(bound: &Value, all: i64) -> i64 {
    super::deployment::scaled(Some(bound), all, true)
}

/// The replicas of all who manage the pods, and whether some pods have nobody.
fn scale(pods: &[Arc<Object>], store: &Store) -> Result<(i64, bool), String> {
    let mut sets: BTreeMap<SmolStr, i64> = BTreeMap::new();
    let mut unmanaged = false;
    for pod in pods {
        let Some((mut owner, mut uid)) = pod.controller() else {
            unmanaged = true;
            continue;
        };
        // A ReplicaSet of a Deployment has the Deployment's scale.
        if owner.kind == "ReplicaSet"
            && let Some((above, its)) = store.get(&owner).and_then(|set| set.controller())
            && above.kind == "Deployment"
        {
            (owner, uid) = (above, its);
        }
        match owner.kind.as_str() {
            "DaemonSet" => return Err("daemonsets.apps does not implement the scale subresource".into()),
            "Job" => return Err("jobs.batch does not implement the scale subresource".into()),
            _ => {}
        }
        let Some(set) = store.get(&owner) else {
            return Err(format!("found no controllers for pod {}", crate::api::json::quote(pod.name())));
        };
        sets.insert(uid, super::replicaset::replicas(set));
    }
    Ok((sets.values().sum(), unmanaged))
}

/// The event about pods that nobody manages shows the selector as Go prints it.
fn unmanaged_message(budget: &Object) -> SmolStr {
    let selector = budget.value.at(&["spec", "selector"]).unwrap_or(&Value::Null);
    let pairs = selector.get("matchLabels").and_then(Value::as_map).into_iter().flat_map(|map| map.iter());
    let pairs: String = pairs.map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or(""))).collect();
    let requirement = |e: &Value| {
        let values: Vec<&str> = e.items("values").iter().filter_map(Value::as_str).collect();
        let (key, operator) = (e.text("key"), e.text("operator"));
        format!("LabelSelectorRequirement{{Key:{key},Operator:{operator},Values:[{}],}},", values.join(" "))
    };
    let expressions: String = selector.items("matchExpressions").iter().map(requirement).collect();
    format_smolstr!(
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{{MatchLabels:map[string]string{{{pairs}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value."
    )
}

/// The condition `DisruptionAllowed`, which changes its time with its status only.
fn set_allowed(budget: &mut Value, status: &str, reason: &str, message: &str, context: &Context) {
    let old = conditions::find(budget, "DisruptionAllowed").filter(|c| c.text("status") == status);
    let since = old.map_or_else(|| context.now.text(), |c| c.text("lastTransitionTime").into());
    let generation = budget.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or(0);
    let condition = value!({
        "lastTransitionTime": since, "message": message, "observedGeneration": generation, "reason": reason,
        "status": status, "type": "DisruptionAllowed"
    });
    budget.set_at(&["status", "conditions"], value!([condition]));
}
