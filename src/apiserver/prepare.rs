//! What the API server itself writes into a new or changed workload, just before validation (`PrepareForCreate` and
//! `PrepareForUpdate` of the strategies under `pkg/registry`).

use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::defaulting::{each, within};
use crate::value;
use smol_str::{SmolStr, format_smolstr};

/// A new pod waits, and has its class of service for good.
pub fn prepare_pod(pod: &mut Value) {
    let spec = pod.get("spec").cloned().unwrap_or(Value::Null);
    let mut status = value!({ "phase": "Pending", "qosClass": (quality_of_service(&spec)) });
    if !spec.items("schedulingGates").is_empty() {
        let condition = value!({
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates"
        });
        status.map_mut().insert("conditions", vec![condition]);
    }
    pod.map_mut().insert("status", status);
    let labels = pod.at(&["metadata", "labels"]).cloned().unwrap_or_default();
    merge_label_keys(pod.map_mut().entry("spec"), &|key| labels.get(key).and_then(Value::as_str));
}

/// Where a selector of other pods asks for (or shuns) the values that this pod's own labels have, the values are written
/// into it (`applyMatchLabelKeysAndMismatchLabelKeys` and what does the same for spreading).
pub fn merge_label_keys<'a>(spec: &mut Value, label: &dyn Fn(&str) -> Option<&'a str>) {
    for kind in ["podAffinity", "podAntiAffinity"] {
        if spec.at(&["affinity", kind]).is_none() {
            continue;
        }
        let affinity = spec.map_mut().entry("affinity").map_mut().entry(kind);
        each(affinity, "requiredDuringSchedulingIgnoredDuringExecution", |term| merge_into(term, label));
        each(affinity, "preferredDuringSchedulingIgnoredDuringExecution", |weighted| {
            within(weighted, "podAffinityTerm", |term| merge_into(term, label));
        });
    }
    each(spec, "topologySpreadConstraints", |constraint| merge_into(constraint, label));
}

fn merge_into<'a>(term: &mut Value, label: &dyn Fn(&str) -> Option<&'a str>) {
    let mut added: Vec<Value> = Vec::new();
    for (list, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in term.items(list).iter().filter_map(Value::as_str) {
            if let Some(value) = label(key) {
                added.push(value!({ "key": key, "operator": operator, "values": [value] }));
            }
        }
    }
    if !added.is_empty() {
        within(term, "labelSelector", |selector| {
            selector.map_mut().entry("matchExpressions").list_mut().extend(added);
        });
    }
}

/// The class of service that a pod's requests and limits amount to (`pkg/apis/core/helper/qos`).
pub fn quality_of_service(spec: &Value) -> &'static str {
    let all = ["containers", "initContainers"];
    let containers: Vec<&Value> = all.iter().flat_map(|list| spec.items(list)).collect();
    let own = spec.field("resources").filter(|r| r.field("requests").or(r.field("limits")).is_some());
    let parts: Vec<&Value> = match own {
        Some(resources) => vec![resources],
        None => containers.iter().filter_map(|c| c.field("resources")).collect(),
    };
    let amount = |part: &Value, list: &str, name: &str| {
        part.at(&[list, name]).map(Quantity::from_value).filter(|q| *q > Quantity::ZERO)
    };
    let mut any = false;
    let mut guaranteed = own.is_some() || parts.len() == containers.len();
    for part in parts {
        for name in ["cpu", "memory"] {
            let (request, limit) = (amount(part, "requests", name), amount(part, "limits", name));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && request == limit;
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

/// A new Job selects its pods by its own uid, which its template bears as a label. The uid must be there.
pub fn prepare_job(job: &mut Value) {
    let (uid, name): (SmolStr, SmolStr) =
        (job.str_at(&["metadata", "uid"]).into(), job.str_at(&["metadata", "name"]).into());
    job.map_mut().remove("status");
    if job.get("spec").is_some_and(|s| s.flag("manualSelector")) {
        return label_like_template(job);
    }
    let labels_path = ["spec", "template", "metadata", "labels"];
    for (label, value) in [
        ("controller-uid", &uid),
        ("job-name", &name),
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
    ] {
        let labels = job.at(&labels_path).cloned().unwrap_or_else(Value::map);
        if labels.get(label).is_none() {
            let mut labels = labels;
            labels.map_mut().insert(label, value);
            job.set_at(&labels_path, labels);
        }
    }
    // A selector that was written stays, and fails validation unless it is the one that would have been made.
    let key = "batch.kubernetes.io/controller-uid";
    if job.at(&["spec", "selector", "matchLabels", key]).is_none() {
        job.set_at(&["spec", "selector", "matchLabels", key], uid);
    }
    label_like_template(job);
}

/// A Job without labels bears those of its template.
pub fn label_like_template(job: &mut Value) {
    let empty = |value: Option<&Value>| value.and_then(Value::as_map).is_none_or(|m| m.is_empty());
    let labels = job.at(&["spec", "template", "metadata", "labels"]).cloned();
    if empty(job.at(&["metadata", "labels"])) && !empty(labels.as_ref()) {
        job.set_at(&["metadata", "labels"], labels.unwrap_or_default());
    }
}

/// The annotation that counts a DaemonSet's templates.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

pub fn prepare_daemon_set(set: &mut Value) {
    set.map_mut().remove("status");
    set.set_at(&["metadata", "annotations", TEMPLATE_GENERATION], "1");
}

pub fn prepare_daemon_set_update(new: &mut Value, old: &Value) {
    match old.get("status") {
        Some(status) => drop(new.map_mut().insert("status", status.clone())),
        None => drop(new.map_mut().remove("status")),
    }
    let count = old.str_at(&["metadata", "annotations", TEMPLATE_GENERATION]).parse::<i64>().unwrap_or(1);
    let changed = new.at(&["spec", "template"]) != old.at(&["spec", "template"]);
    let count = count + i64::from(changed);
    new.set_at(&["metadata", "annotations", TEMPLATE_GENERATION], format_smolstr!("{count}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_service_follows_from_requests_and_limits() {
        let pod = |resources: Value| value!({ "containers": [{ "name": "a", "resources": resources }] });
        let amounts = || value!({ "cpu": "1", "memory": "1Gi" });
        assert_eq!(quality_of_service(&pod(value!({}))), "BestEffort");
        assert_eq!(quality_of_service(&pod(value!({ "requests": { "cpu": "1" } }))), "Burstable");
        let both = value!({ "requests": (amounts()), "limits": (amounts()) });
        assert_eq!(quality_of_service(&pod(both)), "Guaranteed");
    }

    #[test]
    fn a_job_selects_what_it_makes() {
        let mut job = value!({ "metadata": { "name": "pi", "uid": "u-1" }, "spec": { "template": { "spec": {} } } });
        prepare_job(&mut job);
        let key = "batch.kubernetes.io/controller-uid";
        assert_eq!(job.str_at(&["spec", "selector", "matchLabels", key]), "u-1");
        assert_eq!(job.str_at(&["spec", "template", "metadata", "labels", "job-name"]), "pi");
        assert_eq!(job.str_at(&["metadata", "labels", "controller-uid"]), "u-1");
    }
}
