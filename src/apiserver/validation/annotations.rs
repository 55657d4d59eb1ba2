//! Annotations (apimachinery `ValidateAnnotations`) and the few that pods are checked for.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::pod::each_container;
use crate::apiserver::validation::volume::validate_descending_path;
use crate::apiserver::validation::{Errors, names};

/// What said, before fields did, how the kernel confines a pod and its containers.
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR_CONTAINER: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Most bytes of all annotations of an object, keys and values together.
const TOTAL_MAX: usize = 256 * 1024;

/// A map of annotations: keys like those of labels in any case, values of any text.
pub fn validate_annotations(errors: &mut Errors, path: &Path, annotations: Option<&Value>) {
    let Some(map) = annotations.and_then(Value::as_map) else { return };
    for key in map.keys() {
        errors.invalid_each(path, &Value::from(key), names::is_qualified_name(&key.to_lowercase()));
    }
    let total: usize = map.iter().map(|(k, v)| k.len() + v.as_str().unwrap_or("").len()).sum();
    if total > TOTAL_MAX {
        errors.too_long(path, TOTAL_MAX);
    }
}

/// Annotations that say something about a pod (upstream `ValidatePodSpecificAnnotations`).
pub fn validate_pod_annotations(errors: &mut Errors, path: &Path, annotations: Option<&Value>, spec: &Value) {
    let Some(map) = annotations.and_then(Value::as_map) else { return };
    let mirror = "kubernetes.io/config.mirror";
    if let Some(value) = map.get(mirror)
        && spec.text("nodeName").is_empty()
    {
        let detail = "must set spec.nodeName if mirror pod annotation is set";
        errors.invalid(&path.key(mirror), value, detail);
    }
    let cost = "controller.kubernetes.io/pod-deletion-cost";
    if let Some(value) = map.get(cost).and_then(Value::as_str)
        && !is_deletion_cost(value)
    {
        errors.invalid(&path.key(cost), &Value::from(value), "must be a 32bit integer");
    }
    if let Some(value) = map.get(SECCOMP_POD).and_then(Value::as_str) {
        validate_seccomp(errors, &path.child(SECCOMP_POD), value);
    }
    for (key, value) in map.iter() {
        if key.starts_with(SECCOMP_CONTAINER) {
            validate_seccomp(errors, &path.child(key), value.as_str().unwrap_or(""));
        }
    }
    for (key, value) in map.iter() {
        let Some(container) = key.strip_prefix(APP_ARMOR_CONTAINER) else { continue };
        let named = |list: &str| spec.items(list).iter().any(|c| c.text("name") == container);
        if !["containers", "initContainers", "ephemeralContainers"].into_iter().any(named) {
            errors.invalid(&path.key(key), &Value::from(container), "container not found");
        }
        let profile = value.as_str().unwrap_or("");
        if !matches!(profile, "" | "runtime/default" | "unconfined") && !profile.starts_with("localhost/") {
            let detail = format!("invalid AppArmor profile name: {}", crate::api::json::quote(profile));
            errors.invalid(&path.key(key), value, &detail);
        }
    }
}

/// Where a profile is both annotated, as it was once, and a field, the two say the same (upstream
/// `validateSeccompAnnotationsAndFields`, `validateAppArmorAnnotationsAndFieldsMatchOnCreate`).
pub fn validate_profiles_match(errors: &mut Errors, path: &Path, annotations: Option<&Value>, spec: &Value) {
    let Some(map) = annotations.and_then(Value::as_map).filter(|m| !m.is_empty()) else { return };
    let annotated = |key: &str| map.get(key).and_then(Value::as_str);
    let of_pod = |field: &str| spec.at(&["securityContext", field]).filter(|p| !p.is_null());
    if let (Some(profile), Some(text)) = (of_pod("seccompProfile"), annotated(SECCOMP_POD)) {
        let path = path.child("securityContext");
        validate_profile_matches(errors, &path.child("seccompProfile"), "seccomp", profile, text);
    }
    let mut each = |prefix: &str, field: &str, what: &str, inherited: Option<&Value>| {
        each_container(path, spec, |path, container| {
            let own = container.at(&["securityContext", field]).filter(|p| !p.is_null()).or(inherited);
            if let (Some(profile), Some(text)) = (own, annotated(&format!("{prefix}{}", container.text("name")))) {
                let path = path.child("securityContext");
                validate_profile_matches(errors, &path.child(field), what, profile, text);
            }
        });
    };
    each(SECCOMP_CONTAINER, "seccompProfile", "seccomp", None);
    if spec.str_at(&["os", "name"]) != "windows" {
        each(APP_ARMOR_CONTAINER, "appArmorProfile", "apparmor", of_pod("appArmorProfile"));
    }
}

fn validate_profile_matches(errors: &mut Errors, path: &Path, what: &str, profile: &Value, annotation: &str) {
    let docker = what == "seccomp" && annotation == "docker/default";
    let (same_type, file) = match profile.text("type") {
        "Unconfined" => (annotation == "unconfined", None),
        "RuntimeDefault" => (annotation == "runtime/default" || docker, None),
        "Localhost" => (annotation.starts_with("localhost/"), annotation.strip_prefix("localhost/")),
        _ => return,
    };
    if !same_type {
        errors.forbidden(&path.child("type"), &format!("{what} type in annotation and field must match"));
    } else if file.is_some() && file != profile.field("localhostProfile").and_then(Value::as_str) {
        let detail = format!("{what} profile in annotation and field must match");
        errors.forbidden(&path.child("localhostProfile"), &detail);
    }
}

/// A number as Go writes it: no plus, no leading zeros.
fn is_deletion_cost(value: &str) -> bool {
    value.parse::<i32>().is_ok_and(|n| n.to_string() == value)
}

fn validate_seccomp(errors: &mut Errors, path: &Path, profile: &str) {
    match profile {
        "runtime/default" | "docker/default" | "unconfined" => {}
        _ => match profile.strip_prefix("localhost/") {
            Some(file) => validate_descending_path(errors, path, file),
            None => errors.invalid(path, &Value::from(profile), "must be a valid seccomp profile"),
        },
    }
}
