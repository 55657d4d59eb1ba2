//! What a pod asks of the scheduler: affinities, tolerations, spreading, gates (`pkg/apis/core/validation`: `validateAffinity`,
//! `ValidateTolerations`, `validateTopologySpreadConstraints` …).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::status::CauseReason;
use crate::apiserver::validation::label_selector::{validate_label_name, validate_label_selector};
use crate::apiserver::validation::{Errors, names};
use crate::arrange::set_of;
use std::collections::BTreeSet;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const TAINT_EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// `affinity` of a pod.
pub fn validate_affinity(errors: &mut Errors, path: &Path, affinity: Option<&Value>) {
    let Some(affinity) = affinity else { return };
    if let Some(node) = affinity.field("nodeAffinity") {
        validate_node_affinity(errors, &path.child("nodeAffinity"), node);
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = affinity.field(kind) else { continue };
        let path = path.child(kind);
        let required = path.child(REQUIRED);
        for (i, term) in affinity.items(REQUIRED).iter().enumerate() {
            validate_pod_affinity_term(errors, &required.index(i), term);
        }
        let preferred = path.child(PREFERRED);
        for (i, weighted) in affinity.items(PREFERRED).iter().enumerate() {
            let path = preferred.index(i);
            validate_weight(errors, &path, weighted);
            let term = weighted.get("podAffinityTerm").unwrap_or(&Value::Null);
            validate_pod_affinity_term(errors, &path.child("podAffinityTerm"), term);
        }
    }
}

fn validate_weight(errors: &mut Errors, path: &Path, weighted: &Value) {
    let weight = weighted.int("weight");
    if !(1..=100).contains(&weight) {
        errors.invalid(&path.child("weight"), &Value::Int(weight), "must be in the range 1-100");
    }
}

fn validate_node_affinity(errors: &mut Errors, path: &Path, affinity: &Value) {
    if let Some(required) = affinity.field(REQUIRED) {
        validate_node_selector(errors, &path.child(REQUIRED), required);
    }
    let preferred = path.child(PREFERRED);
    for (i, term) in affinity.items(PREFERRED).iter().enumerate() {
        let path = preferred.index(i);
        validate_weight(errors, &path, term);
        let preference = term.get("preference").unwrap_or(&Value::Null);
        validate_node_selector_term(errors, &path.child("preference"), preference, false);
    }
}

/// A `NodeSelector`: at least one term.
pub fn validate_node_selector(errors: &mut Errors, path: &Path, selector: &Value) {
    let path = path.child("nodeSelectorTerms");
    let terms = selector.items("nodeSelectorTerms");
    if terms.is_empty() {
        errors.required(&path, "must have at least one node selector term");
    }
    for (i, term) in terms.iter().enumerate() {
        validate_node_selector_term(errors, &path.index(i), term, true);
    }
}

fn validate_node_selector_term(errors: &mut Errors, path: &Path, term: &Value, check_values: bool) {
    let expressions = path.child("matchExpressions");
    for (i, requirement) in term.items("matchExpressions").iter().enumerate() {
        validate_node_requirement(errors, &expressions.index(i), requirement, check_values);
    }
    let fields = path.child("matchFields");
    for (i, requirement) in term.items("matchFields").iter().enumerate() {
        validate_node_field_requirement(errors, &fields.index(i), requirement);
    }
}

fn validate_node_requirement(errors: &mut Errors, path: &Path, requirement: &Value, check_values: bool) {
    let values = requirement.items("values");
    let values_path = path.child("values");
    match requirement.text("operator") {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&values_path, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&values_path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "Gt" | "Lt" if values.len() != 1 => {
            errors.required(&values_path, "must be specified single value when `operator` is 'Lt' or 'Gt'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.invalid(&path.child("operator"), &Value::from(other), "not a valid selector operator"),
    }
    validate_label_name(errors, &path.child("key"), requirement.text("key"));
    if check_values {
        for (i, value) in values.iter().enumerate() {
            errors.invalid_each(&values_path.index(i), value, names::is_label_value(value.as_str().unwrap_or("")));
        }
    }
}

fn validate_node_field_requirement(errors: &mut Errors, path: &Path, requirement: &Value) {
    let values = requirement.items("values");
    let values_path = path.child("values");
    match requirement.text("operator") {
        "In" | "NotIn" => {
            if values.len() != 1 {
                let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.required(&values_path, detail);
            }
        }
        other => errors.invalid(&path.child("operator"), &Value::from(other), "not a valid selector operator"),
    }
    let key = requirement.text("key");
    if key != "metadata.name" {
        errors.invalid(&path.child("key"), &Value::from(key), "not a valid field selector key");
        return;
    }
    for (i, value) in values.iter().enumerate() {
        let reasons = names::is_dns1123_subdomain(value.as_str().unwrap_or(""));
        errors.invalid_each(&values_path.index(i), value, reasons);
    }
}

fn validate_pod_affinity_term(errors: &mut Errors, path: &Path, term: &Value) {
    let selector = term.field("labelSelector");
    validate_label_selector(errors, &path.child("labelSelector"), selector);
    validate_label_selector(errors, &path.child("namespaceSelector"), term.field("namespaceSelector"));
    for namespace in term.items("namespaces") {
        let reasons = names::is_dns1123_label(namespace.as_str().unwrap_or(""));
        errors.invalid_each(&path.child("namespace"), namespace, reasons);
    }
    validate_label_keys(errors, path, term);
    let topology = term.text("topologyKey");
    if topology.is_empty() {
        errors.required(&path.child("topologyKey"), "can not be empty");
    }
    validate_label_name(errors, &path.child("topologyKey"), topology);
}

/// `tolerations` of a pod.
pub fn validate_tolerations(errors: &mut Errors, path: &Path, tolerations: &[Value]) {
    for (i, toleration) in tolerations.iter().enumerate() {
        let path = path.index(i);
        let (key, operator) = (toleration.text("key"), toleration.text("operator"));
        let (value, effect) = (toleration.text("value"), toleration.text("effect"));
        let operator_path = path.child("operator");
        if !key.is_empty() {
            validate_label_name(errors, &path.child("key"), key);
        }
        if key.is_empty() && operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.invalid(&operator_path, &Value::from(operator), detail);
        }
        if toleration.field("tolerationSeconds").is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.invalid(&path.child("effect"), &Value::from(effect), detail);
        }
        match operator {
            "Equal" | "" => {
                let reasons = names::is_label_value(value);
                if !reasons.is_empty() {
                    errors.invalid(&operator_path, &Value::from(value), &reasons.join(";"));
                }
            }
            "Exists" => {
                if !value.is_empty() {
                    let detail = "value must be empty when `operator` is 'Exists'";
                    errors.invalid_shown(&operator_path, &super::internal::compact("Toleration", toleration), detail);
                }
            }
            // They compare numbers where an alpha feature lets them.
            "Lt" | "Gt" => {
                errors.not_supported(&operator_path, &Value::from(operator), &["Equal", "Exists", "Lt", "Gt"]);
            }
            _ => errors.not_supported(&operator_path, &Value::from(operator), &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            validate_taint_effect(errors, &path.child("effect"), effect);
        }
    }
}

fn validate_taint_effect(errors: &mut Errors, path: &Path, effect: &str) {
    if !TAINT_EFFECTS.contains(&effect) {
        errors.not_supported(path, &Value::from(effect), &TAINT_EFFECTS);
    }
}

/// `taints` of a node.
pub fn validate_taints(errors: &mut Errors, path: &Path, taints: &[Value]) {
    let mut seen = BTreeSet::new();
    for (i, taint) in taints.iter().enumerate() {
        let at = path.index(i);
        let (key, value, effect) = (taint.text("key"), taint.text("value"), taint.text("effect"));
        validate_label_name(errors, &at.child("key"), key);
        let reasons = names::is_label_value(value);
        if !reasons.is_empty() {
            errors.invalid(&at.child("value"), &Value::from(value), &reasons.join(";"));
        }
        if effect.is_empty() {
            errors.required(&at.child("effect"), "");
        } else {
            validate_taint_effect(errors, &at.child("effect"), effect);
        }
        if !seen.insert((effect, key)) {
            let shown = super::internal::compact("Taint", taint);
            let message = format!("Duplicate value: {shown}: taints must be unique by key and effect pair");
            errors.push(CauseReason::Duplicate, &at, message);
        }
    }
}

/// `topologySpreadConstraints` of a pod.
pub fn validate_spread(errors: &mut Errors, path: &Path, constraints: &[Value]) {
    for (i, constraint) in constraints.iter().enumerate() {
        let path = path.index(i);
        let (topology, action) = (constraint.text("topologyKey"), constraint.text("whenUnsatisfiable"));
        let skew = constraint.int("maxSkew");
        if skew <= 0 {
            errors.invalid(&path.child("maxSkew"), &Value::Int(skew), "must be greater than zero");
        }
        if topology.is_empty() {
            errors.required(&path.child("topologyKey"), "can not be empty");
        }
        if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
            let actions = ["DoNotSchedule", "ScheduleAnyway"];
            errors.not_supported(&path.child("whenUnsatisfiable"), &Value::from(action), &actions);
        }
        let same = |c: &Value| c.text("topologyKey") == topology && c.text("whenUnsatisfiable") == action;
        if constraints[i + 1..].iter().any(same) {
            let pair = format!("{{{topology}, {action}}}");
            errors.duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), &Value::from(pair));
        }
        if let Some(domains) = constraint.field("minDomains") {
            let path = path.child("minDomains");
            if domains.as_i64().unwrap_or(0) <= 0 {
                errors.invalid(&path, domains, "must be greater than zero");
            }
            if action != "DoNotSchedule" {
                let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                errors.invalid(&path, domains, &detail);
            }
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            let values = ["Honor", "Ignore"];
            if let Some(v) = constraint.field(policy).filter(|v| !values.contains(&v.as_str().unwrap_or(""))) {
                errors.not_supported(&path.child(policy), v, &values);
            }
        }
        validate_label_keys(errors, &path, constraint);
        validate_label_selector(errors, &path.child("labelSelector"), constraint.field("labelSelector"));
    }
}

/// Keys whose values the pod itself has. A new pod's selector asks for these values by the time it is looked at
/// ([`merge_label_keys`](crate::apiserver::prepare::merge_label_keys)): what stands there twice was written by hand as well.
fn validate_label_keys(errors: &mut Errors, path: &Path, of: &Value) {
    let (selector, keys) = (of.field("labelSelector"), of.items("matchLabelKeys"));
    for list in ["matchLabelKeys", "mismatchLabelKeys"] {
        let (path, keys) = (path.child(list), of.items(list));
        if selector.is_none() && !keys.is_empty() {
            errors.forbidden(&path, "must not be specified when labelSelector is not set");
            continue;
        }
        for (i, key) in keys.iter().enumerate() {
            validate_label_name(errors, &path.index(i), key.as_str().unwrap_or(""));
        }
    }
    if let Some(selector) = selector {
        let mut seen: BTreeSet<&str> = set_of(selector.entries("matchLabels").map(|(key, _)| key.as_str()));
        for expression in selector.items("matchExpressions") {
            let key = expression.text("key");
            let place = keys.iter().rposition(|k| k.as_str() == Some(key));
            if let Some(i) = place.filter(|_| seen.contains(key)) {
                // Upstream leaves the list out of this path.
                errors.invalid(&path.index(i), &key.into(), "exists in both matchLabelKeys and labelSelector");
            }
            seen.insert(key);
        }
    }
    let path = path.child("matchLabelKeys");
    for (i, key) in keys.iter().enumerate().filter(|(_, key)| of.items("mismatchLabelKeys").contains(key)) {
        errors.invalid(&path.index(i), key, "exists in both matchLabelKeys and mismatchLabelKeys");
    }
}

/// `readinessGates` of a pod.
pub fn validate_readiness_gates(errors: &mut Errors, path: &Path, gates: &[Value]) {
    for (i, gate) in gates.iter().enumerate() {
        let gate_path = path.index(i);
        let name = gate.text("conditionType");
        let reasons = names::is_qualified_name(name);
        errors.invalid_each(&gate_path.child("conditionType"), &Value::from(name), reasons);
    }
}

/// `schedulingGates` of a pod.
pub fn validate_scheduling_gates(errors: &mut Errors, path: &Path, gates: &[Value]) {
    let mut seen = BTreeSet::new();
    for (i, gate) in gates.iter().enumerate() {
        let path = path.index(i);
        let name = gate.text("name");
        errors.invalid_each(&path, &Value::from(name), names::is_qualified_name(name));
        if !seen.insert(name) {
            errors.duplicate(&path, &Value::from(name));
        }
    }
}
