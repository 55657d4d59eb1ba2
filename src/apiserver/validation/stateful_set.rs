//! StatefulSets (`pkg/apis/apps/validation`: `ValidateStatefulSetSpec`, `ValidateStatefulSetUpdate`), without their metadata.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::claim::validate_claim_spec;
use crate::apiserver::validation::label_selector::as_selector;
use crate::apiserver::validation::pod::validate_pod_template;
use crate::apiserver::validation::workload::{validate_always_running, validate_match, validate_selector};
use crate::apiserver::validation::{Errors, internal, names};

pub fn validate_stateful_set(errors: &mut Errors, set: &Value) {
    validate_spec(errors, set, true);
}

/// `creates`: claim templates and the service's name are looked at only then; they cannot change.
fn validate_spec(errors: &mut Errors, set: &Value, creates: bool) {
    let path = Path::root("spec");
    let spec = set.get("spec").unwrap_or(&Value::Null);
    let management = spec.text("podManagementPolicy");
    if management.is_empty() {
        errors.required(&path.child("podManagementPolicy"), "");
    } else if !matches!(management, "OrderedReady" | "Parallel") {
        let detail = "must be 'OrderedReady' or 'Parallel'";
        errors.invalid(&path.child("podManagementPolicy"), &Value::from(management), detail);
    }
    validate_update_strategy(errors, &path.child("updateStrategy"), spec.get("updateStrategy").unwrap_or(&Value::Null));
    if let Some(retention) = spec.field("persistentVolumeClaimRetentionPolicy") {
        let path = path.child("persistentVolumeClaimRetentionPolicy");
        for when in ["whenDeleted", "whenScaled"] {
            let policy = retention.text(when);
            if !matches!(policy, "Retain" | "Delete") {
                errors.not_supported(&path.child(when), &Value::from(policy), &["Retain", "Delete"]);
            }
        }
    }
    let templates = spec.items("volumeClaimTemplates");
    if creates {
        let path = path.child("volumeClaimTemplates");
        for (i, template) in templates.iter().enumerate() {
            let claim = template.get("spec").unwrap_or(&Value::Null);
            validate_claim_spec(errors, &path.index(i).child("spec"), claim);
        }
    }
    errors.non_negative(&path.child("replicas"), spec.int("replicas"));
    errors.non_negative(&path.child("minReadySeconds"), spec.int("minReadySeconds"));
    if let Some(ordinals) = spec.field("ordinals") {
        errors.non_negative(&path.child("ordinals.start"), ordinals.int("start"));
    }
    let service = spec.text("serviceName");
    if creates && !service.is_empty() {
        errors.invalid_each(&path.child("serviceName"), &Value::from(service), names::is_dns1123_label(service));
    }
    validate_selector(errors, &path, spec, "empty selector is invalid for statefulset", true);
    let selector = spec.field("selector");
    let template = spec.get("template").unwrap_or(&Value::Null);
    let template_path = path.child("template");
    match selector.filter(|s| as_selector(s).is_err()) {
        Some(selector) => errors.invalid(&path.child("selector"), selector, ""),
        None => {
            validate_match(errors, &template_path, selector, template);
            // Each pod gets a host name and a subdomain of its own: the template's are not looked at.
            let mut pods = template.clone();
            for field in ["hostname", "subdomain"] {
                pods.remove_at(&["spec", field]);
            }
            validate_pod_template(errors, &template_path, &pods, templates);
        }
    }
    validate_always_running(errors, &template_path, template, "StatefulSet");
}

fn validate_update_strategy(errors: &mut Errors, path: &Path, strategy: &Value) {
    let rolling_path = path.child("rollingUpdate");
    match (strategy.text("type"), strategy.field("rollingUpdate")) {
        ("", _) => errors.required(path, ""),
        ("OnDelete", None) | ("RollingUpdate", None) => {}
        ("OnDelete", Some(rolling)) => {
            let shown = internal::compact("RollingUpdateStatefulSetStrategy", rolling);
            errors.invalid_shown(&rolling_path, &shown, "only allowed for updateStrategy 'RollingUpdate'");
        }
        ("RollingUpdate", Some(rolling)) => {
            errors.non_negative(&rolling_path.child("partition"), rolling.int("partition"));
        }
        _ => {
            let shown = internal::compact("StatefulSetUpdateStrategy", strategy);
            errors.invalid_shown(path, &shown, "must be 'RollingUpdate' or 'OnDelete'");
        }
    }
}

/// What may change.
const UPDATABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub fn validate_stateful_set_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_spec(errors, new, false);
    let fixed = |set: &Value| {
        let mut spec = set.get("spec").cloned().unwrap_or(Value::Null);
        spec.map_mut().retain(|key, _| !UPDATABLE.contains(&key));
        spec
    };
    if fixed(new) != fixed(old) {
        let quoted: Vec<String> = UPDATABLE.iter().map(|f| format!("'{f}'")).collect();
        let (last, first) = quoted.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
        let detail =
            format!("updates to statefulset spec for fields other than {} and {last} are forbidden", first.join(", "));
        errors.forbidden(&Path::root("spec"), &detail);
    }
}
