//! Deployments, ReplicaSets, ReplicationControllers and DaemonSets (`pkg/apis/apps/validation`,
//! `pkg/apis/core/validation`: `ValidateReplicationControllerSpec`), without their metadata.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::status::CauseReason;
use crate::apiserver::validation::label_selector::{as_selector, is_empty, matches, validate_label_selector};
use crate::apiserver::validation::pod::validate_pod_template;
use crate::apiserver::validation::{Errors, internal, names};

fn spec_of(object: &Value) -> &Value {
    object.get("spec").unwrap_or(&Value::Null)
}

pub fn validate_deployment(errors: &mut Errors, deployment: &Value) {
    let (path, spec) = (Path::root("spec"), spec_of(deployment));
    errors.non_negative(&path.child("replicas"), spec.int("replicas"));
    validate_selector(errors, &path, spec, "empty selector is invalid for deployment", true);
    validate_template(errors, &path, spec, "invalid label selector", "ReplicaSet");
    validate_strategy(errors, &path.child("strategy"), spec.get("strategy").unwrap_or(&Value::Null));
    errors.non_negative(&path.child("minReadySeconds"), spec.int("minReadySeconds"));
    errors.non_negative(&path.child("revisionHistoryLimit"), spec.int("revisionHistoryLimit"));
    if let Some(deadline) = spec.field("progressDeadlineSeconds") {
        let at = path.child("progressDeadlineSeconds");
        let seconds = deadline.as_i64().unwrap_or(0);
        errors.non_negative(&at, seconds);
        if seconds <= spec.int("minReadySeconds") {
            errors.invalid(&at, deadline, "must be greater than minReadySeconds");
        }
    }
}

pub fn validate_deployment_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_deployment(errors, new);
    validate_immutable_selector(errors, new, old);
}

pub fn validate_replica_set(errors: &mut Errors, set: &Value) {
    let (path, spec) = (Path::root("spec"), spec_of(set));
    errors.non_negative(&path.child("replicas"), spec.int("replicas"));
    errors.non_negative(&path.child("minReadySeconds"), spec.int("minReadySeconds"));
    validate_selector(errors, &path, spec, "empty selector is invalid for deployment", true);
    validate_template(errors, &path, spec, "invalid label selector", "ReplicaSet");
}

pub fn validate_replica_set_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_replica_set(errors, new);
    validate_immutable_selector(errors, new, old);
}

/// What a workload selects is settled once and for all (the kinds' strategies).
pub(super) fn validate_immutable_selector(errors: &mut Errors, new: &Value, old: &Value) {
    let selector = |object: &Value| spec_of(object).field("selector").cloned().unwrap_or(Value::Null);
    if selector(new) != selector(old) {
        errors.invalid(&Path::root("spec").child("selector"), &selector(new), "field is immutable");
    }
}

/// The selector itself. Some kinds report a missing one only through their template.
pub(super) fn validate_selector(errors: &mut Errors, path: &Path, spec: &Value, empty: &str, required: bool) {
    let path = path.child("selector");
    match spec.field("selector") {
        None if required => errors.required(&path, ""),
        None => {}
        Some(selector) => {
            validate_label_selector(errors, &path, Some(selector));
            if is_empty(selector) {
                errors.invalid(&path, selector, empty);
            }
        }
    }
}

/// Whether a selector selects the labels of a template; a missing one selects nothing.
pub(super) fn validate_match(errors: &mut Errors, path: &Path, selector: Option<&Value>, template: &Value) {
    let labels = template.at(&["metadata", "labels"]);
    if !selector.is_some_and(is_empty) && !matches(selector, labels) {
        let meta = path.child("metadata");
        let detail = "`selector` does not match template `labels`";
        errors.invalid(&meta.child("labels"), labels.unwrap_or(&Value::Null), detail);
    }
}

/// The template of a kind that keeps its pods running for ever.
fn validate_template(errors: &mut Errors, path: &Path, spec: &Value, unusable: &str, kind: &str) {
    let selector = spec.field("selector");
    if let Some(selector) = selector.filter(|s| as_selector(s).is_err()) {
        errors.invalid(&path.child("selector"), selector, unusable);
        return;
    }
    let path = path.child("template");
    let template = spec.get("template").unwrap_or(&Value::Null);
    validate_match(errors, &path, selector, template);
    validate_pod_template(errors, &path, template, &[]);
    validate_always_running(errors, &path, template, kind);
}

/// Such pods are restarted always and have no deadline.
pub(super) fn validate_always_running(errors: &mut Errors, path: &Path, template: &Value, kind: &str) {
    let spec = template.get("spec").unwrap_or(&Value::Null);
    let path = path.child("spec");
    let policy = spec.text("restartPolicy");
    if policy != "Always" {
        errors.not_supported(&path.child("restartPolicy"), &Value::from(policy), &["Always"]);
    }
    if spec.field("activeDeadlineSeconds").is_some() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        errors.forbidden(&path.child("activeDeadlineSeconds"), &detail);
    }
}

fn validate_strategy(errors: &mut Errors, path: &Path, strategy: &Value) {
    let rolling_path = path.child("rollingUpdate");
    match (strategy.text("type"), strategy.field("rollingUpdate")) {
        ("Recreate", None) => {}
        ("Recreate", Some(_)) => {
            errors.forbidden(&rolling_path, "may not be specified when strategy `type` is 'Recreate'");
        }
        ("RollingUpdate", None) => {
            errors.required(&rolling_path, "this should be defaulted and never be nil");
        }
        ("RollingUpdate", Some(rolling)) => {
            let nothing = Value::Int(0);
            let unavailable = rolling.field("maxUnavailable").unwrap_or(&nothing);
            let surge = rolling.field("maxSurge").unwrap_or(&nothing);
            let at = rolling_path.child("maxUnavailable");
            validate_int_or_percent(errors, &at, unavailable);
            validate_int_or_percent(errors, &rolling_path.child("maxSurge"), surge);
            if int_or_percent(unavailable) == 0 && int_or_percent(surge) == 0 {
                errors.invalid(&at, unavailable, "may not be 0 when `maxSurge` is 0");
            }
            validate_at_most_all(errors, &at, unavailable);
        }
        _ => {
            let shown = internal::compact("DeploymentStrategy", strategy);
            unsupported_struct(errors, path, &shown, &["Recreate", "RollingUpdate"]);
        }
    }
}

/// A struct whose type no one knows: upstream prints all of it.
fn unsupported_struct(errors: &mut Errors, path: &Path, shown: &str, supported: &[&str]) {
    let quoted: Vec<String> = supported.iter().map(|s| format!("\"{s}\"")).collect();
    let message = format!("Unsupported value: {shown}: supported values: {}", quoted.join(", "));
    errors.push(CauseReason::NotSupported, path, message);
}

/// A number that is not negative, or a percentage (upstream `ValidatePositiveIntOrPercent`).
pub(super) fn validate_int_or_percent(errors: &mut Errors, path: &Path, value: &Value) {
    match value {
        Value::String(text) => errors.invalid_each(path, value, names::is_valid_percent(text)),
        number => errors.non_negative(path, number.as_i64().unwrap_or(0)),
    }
}

fn percent(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    if names::is_valid_percent(text).is_empty() { text.trim_end_matches('%').parse().ok() } else { None }
}

/// The number, or the number before the percent sign; 0 for any other text.
pub(super) fn int_or_percent(value: &Value) -> i64 {
    let number = || value.as_str().map_or_else(|| value.as_i64().unwrap_or(0), |text| text.parse().unwrap_or(0));
    percent(value).unwrap_or_else(number)
}

/// Not more than all of them.
pub(super) fn validate_at_most_all(errors: &mut Errors, path: &Path, value: &Value) {
    if percent(value).is_some_and(|p| p > 100) {
        errors.invalid(path, value, "must not be greater than 100%");
    }
}

pub fn validate_replication_controller(errors: &mut Errors, controller: &Value) {
    let (path, spec) = (Path::root("spec"), spec_of(controller));
    errors.non_negative(&path.child("minReadySeconds"), spec.int("minReadySeconds"));
    let selector = spec.get("selector").and_then(Value::as_map).filter(|m| !m.is_empty());
    if selector.is_none() {
        errors.required(&path.child("selector"), "");
    }
    errors.non_negative(&path.child("replicas"), spec.int("replicas"));
    let path = path.child("template");
    let Some(template) = spec.field("template") else {
        errors.required(&path, "");
        return;
    };
    let labels = template.at(&["metadata", "labels"]);
    let selects = selector.is_none_or(|s| s.iter().all(|(k, v)| labels.and_then(|l| l.get(k)) == Some(v)));
    if !selects {
        let meta = path.child("metadata");
        let detail = "`selector` does not match template `labels`";
        errors.invalid(&meta.child("labels"), labels.unwrap_or(&Value::Null), detail);
    }
    validate_pod_template(errors, &path, template, &[]);
    validate_always_running(errors, &path, template, "ReplicationController");
}

pub fn validate_replication_controller_update(errors: &mut Errors, new: &Value, _old: &Value) {
    validate_replication_controller(errors, new);
}

pub fn validate_daemon_set(errors: &mut Errors, set: &Value) {
    let (path, spec) = (Path::root("spec"), spec_of(set));
    let selector = spec.field("selector");
    let template = spec.get("template").unwrap_or(&Value::Null);
    let selector_path = path.child("selector");
    validate_label_selector(errors, &selector_path, selector);
    let template_path = path.child("template");
    let usable = selector.is_none_or(|s| as_selector(s).is_ok());
    if usable && !matches(selector, template.at(&["metadata", "labels"])) {
        validate_match(errors, &template_path, selector, template);
    }
    if let Some(selector) = selector.filter(|s| is_empty(s)) {
        errors.invalid(&selector_path, selector, "empty selector is invalid for daemonset");
    }
    validate_pod_template(errors, &template_path, template, &[]);
    validate_always_running(errors, &template_path, template, "DaemonSet");
    errors.non_negative(&path.child("minReadySeconds"), spec.int("minReadySeconds"));
    let strategy_path = path.child("updateStrategy");
    validate_daemon_strategy(errors, &strategy_path, spec.get("updateStrategy").unwrap_or(&Value::Null));
    errors.non_negative(&path.child("revisionHistoryLimit"), spec.int("revisionHistoryLimit"));
}

pub fn validate_daemon_set_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_daemon_set(errors, new);
    validate_immutable_selector(errors, new, old);
}

fn validate_daemon_strategy(errors: &mut Errors, path: &Path, strategy: &Value) {
    match strategy.text("type") {
        "OnDelete" => {}
        "RollingUpdate" => {
            let path = path.child("rollingUpdate");
            let Some(rolling) = strategy.field("rollingUpdate") else {
                errors.required(&path, "");
                return;
            };
            let nothing = Value::Int(0);
            let unavailable = rolling.field("maxUnavailable").unwrap_or(&nothing);
            let surge = rolling.field("maxSurge").unwrap_or(&nothing);
            let (unavailable_path, surge_path) = (path.child("maxUnavailable"), path.child("maxSurge"));
            validate_int_or_percent(errors, &unavailable_path, unavailable);
            validate_int_or_percent(errors, &surge_path, surge);
            validate_at_most_all(errors, &unavailable_path, unavailable);
            validate_at_most_all(errors, &surge_path, surge);
            match (int_or_percent(unavailable) != 0, int_or_percent(surge) != 0) {
                (true, true) => {
                    errors.invalid(&surge_path, surge, "may not be set when maxUnavailable is non-zero");
                }
                (false, false) => errors.required(&unavailable_path, "cannot be 0 when maxSurge is 0"),
                _ => {}
            }
        }
        _ => {
            let shown = internal::compact("DaemonSetUpdateStrategy", strategy);
            unsupported_struct(errors, path, &shown, &["RollingUpdate", "OnDelete"]);
        }
    }
}
