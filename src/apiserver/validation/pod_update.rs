//! Changes to a pod: little of it may change, and the refusal prints the rest as a diff (`pkg/apis/core/validation`:
//! `ValidatePodUpdate`).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::pod::{validate_image_spaces, validate_pod_content};
use crate::apiserver::validation::scheduling::validate_tolerations;
use crate::apiserver::validation::{Errors, internal, names, unified_diff};

const UPDATABLE: &str = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,\
                         `spec.tolerations` (only additions to existing tolerations),\
                         `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// A change to a pod, without its metadata.
pub fn validate_pod_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_pod_content(errors, new);
    validate_mirror(errors, new, old);
    let path = Path::root("spec");
    let (new, old) = (new.get("spec").unwrap_or(&Value::Null), old.get("spec").unwrap_or(&Value::Null));
    for list in ["containers", "initContainers"] {
        let list_path = path.child(list);
        if new.items(list).len() != old.items(list).len() {
            errors.forbidden(&list_path, "pod updates may not add or remove containers");
            return;
        }
        for (i, container) in new.items(list).iter().enumerate() {
            let at = list_path.index(i);
            if container.text("image").is_empty() {
                errors.required(&at.child("image"), "");
            }
            validate_image_spaces(errors, &at, container);
        }
    }
    let deadline_path = path.child("activeDeadlineSeconds");
    match (new.field("activeDeadlineSeconds"), old.field("activeDeadlineSeconds")) {
        (Some(deadline), before) => {
            let seconds = deadline.as_i64().unwrap_or(0);
            let reasons = names::is_in_range(seconds, 0, i64::from(i32::MAX));
            if !reasons.is_empty() {
                errors.invalid_each(&deadline_path, deadline, reasons);
                return;
            }
            if before.and_then(Value::as_i64).is_some_and(|before| before < seconds) {
                errors.invalid(&deadline_path, deadline, "must be less than or equal to previous value");
                return;
            }
        }
        (None, Some(_)) => {
            errors.invalid(&deadline_path, &Value::Null, "must not update from a positive integer to nil value");
        }
        (None, None) => {}
    }
    validate_added_tolerations(errors, &path.child("tolerations"), new, old);
    validate_deleted_gates(errors, &path.child("schedulingGates"), new, old);
    let allowed = with_updatable_fields(errors, &path, new, old);
    if allowed != *old {
        let print = |spec: &Value| internal::pretty("PodSpec", spec);
        let diff = unified_diff::unified_diff(&print(old), &print(&allowed));
        errors.forbidden(&path, &format!("pod updates may not change fields other than {UPDATABLE}\n{diff}"));
    }
}

/// The new spec with what may change as it was.
fn with_updatable_fields(errors: &mut Errors, path: &Path, new: &Value, old: &Value) -> Value {
    let mut spec = new.clone();
    let map = spec.map_mut();
    for list in ["containers", "initContainers"] {
        if new.items(list).is_empty() {
            continue;
        }
        for (container, before) in map.entry(list).list_mut().iter_mut().zip(old.items(list)) {
            container.map_mut().insert("image", before.text("image"));
        }
    }
    for field in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        match old.field(field) {
            Some(before) => drop(map.insert(field, before.clone())),
            None => drop(map.remove(field)),
        }
    }
    if old.int("terminationGracePeriodSeconds") < 0 && new.int("terminationGracePeriodSeconds") == 1 {
        map.insert("terminationGracePeriodSeconds", old.int("terminationGracePeriodSeconds"));
    }
    // A pod that still waits at its gates may be sent to fewer nodes.
    if !old.items("schedulingGates").is_empty() && new.get("nodeSelector") != old.get("nodeSelector") {
        let kept = old.entries("nodeSelector").all(|(k, v)| new.at(&["nodeSelector", k]) == Some(v));
        if !kept {
            let shown = new.get("nodeSelector").unwrap_or(&Value::Null);
            let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
            errors.invalid(&path.child("nodeSelector"), shown, detail);
        }
        match old.get("nodeSelector") {
            Some(before) => drop(map.insert("nodeSelector", before.clone())),
            None => drop(map.remove("nodeSelector")),
        }
    }
    if !old.items("schedulingGates").is_empty() {
        narrow_affinity(errors, path, &mut spec, old);
    }
    spec
}

/// The node affinity of a pod at its gates may get narrower; it is compared no further.
fn narrow_affinity(errors: &mut Errors, path: &Path, spec: &mut Value, old: &Value) {
    let node_affinity = |spec: &Value| spec.at(&["affinity", "nodeAffinity"]).filter(|a| !a.is_null()).cloned();
    let (before, after) = (node_affinity(old), node_affinity(spec));
    if before == after {
        return;
    }
    let affinity_path = path.child("affinity");
    validate_narrower(errors, &affinity_path.child("nodeAffinity"), after.as_ref(), before.as_ref());
    let had_affinity = old.field("affinity").is_some();
    match before {
        Some(before) => spec.set_at(&["affinity", "nodeAffinity"], before),
        None => drop(spec.remove_at(&["affinity", "nodeAffinity"])),
    }
    let empty = spec.field("affinity").and_then(Value::as_map).is_some_and(|m| m.is_empty());
    if empty && !had_affinity {
        spec.map_mut().remove("affinity");
    }
}

/// Terms and requirements may be added where there are none, and requirements to terms that stay (upstream
/// `validateNodeAffinityMutation`).
fn validate_narrower(errors: &mut Errors, path: &Path, new: Option<&Value>, old: Option<&Value>) {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let terms = |affinity: Option<&Value>| -> Vec<Value> {
        affinity.map_or(Vec::new(), |a| a.items_at(&[REQUIRED, "nodeSelectorTerms"]).to_vec())
    };
    let (after, before) = (terms(new), terms(old));
    let path = path.child(REQUIRED);
    let path = path.child("nodeSelectorTerms");
    if before.is_empty() {
        return;
    }
    if before.len() != after.len() {
        let shown: Vec<String> = after.iter().map(|t| internal::compact("NodeSelectorTerm", t)).collect();
        let shown = if after.is_empty() { "null".into() } else { format!("[{}]", shown.join(",")) };
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        return errors.invalid_shown(&path, &shown, detail);
    }
    for (i, (after, before)) in after.iter().zip(&before).enumerate() {
        let lists = ["matchExpressions", "matchFields"];
        let was_empty = lists.iter().all(|list| before.items(list).is_empty());
        let is_empty = lists.iter().all(|list| after.items(list).is_empty());
        let kept = lists.iter().all(|list| after.items(list).starts_with(before.items(list)));
        if !kept || was_empty && !is_empty {
            let shown = internal::compact("NodeSelectorTerm", after);
            errors.invalid_shown(&path.index(i), &shown, "only additions are allowed (no mutations or deletions)");
        }
    }
}

/// Tolerations may be added; those that are there may change their seconds alone.
fn validate_added_tolerations(errors: &mut Errors, path: &Path, new: &Value, old: &Value) {
    let without_seconds = |toleration: &Value| {
        let mut toleration = toleration.clone();
        toleration.map_mut().remove("tolerationSeconds");
        toleration
    };
    let new = new.items("tolerations");
    let kept = old.items("tolerations").iter().map(without_seconds);
    for before in kept {
        if !new.iter().any(|t| without_seconds(t) == before) {
            errors.forbidden(path, "existing toleration can not be modified except its tolerationSeconds");
            return;
        }
    }
    validate_tolerations(errors, path, new);
}

/// Gates may be taken away, not added.
fn validate_deleted_gates(errors: &mut Errors, path: &Path, new: &Value, old: &Value) {
    for (i, gate) in new.items("schedulingGates").iter().enumerate() {
        let name = gate.text("name");
        if !old.items("schedulingGates").iter().any(|g| g.text("name") == name) {
            let detail = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errors.forbidden(&path.index(i).child("name"), &detail);
        }
    }
}

/// Annotations that a pod keeps for life.
fn validate_mirror(errors: &mut Errors, new: &Value, old: &Value) {
    let key = "kubernetes.io/config.mirror";
    let annotation = |pod: &Value| pod.at(&["metadata", "annotations"]).and_then(|a| a.get(key)).cloned();
    let meta = Path::root("metadata");
    let annotations = meta.child("annotations");
    match (annotation(old), annotation(new)) {
        (None, Some(_)) => errors.forbidden(&annotations.key(key), "may not add mirror pod annotation"),
        (Some(before), after) if after.as_ref() != Some(&before) => {
            errors.forbidden(&annotations.key(key), "may not remove or update mirror pod annotation");
        }
        _ => {}
    }
}
