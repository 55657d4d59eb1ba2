//! Claims to storage: PersistentVolumeClaims and the templates that make them (`pkg/apis/core/validation`:
//! `ValidatePersistentVolumeClaimSpec`, `…Update`, `…Template`).
//!
//! Left out: where data comes from in another namespace, and status writes.

use crate::api::path::Path;
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::validation::annotations::validate_annotations;
use crate::apiserver::validation::label_selector::{validate_label_selector, validate_labels};
use crate::apiserver::validation::resources::validate_positive;
use crate::apiserver::validation::{Errors, internal, names, unified_diff};

pub(super) const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// A `PersistentVolumeClaim` on creation.
pub fn validate_claim(errors: &mut Errors, claim: &Value) {
    validate_claim_spec(errors, &Path::root("spec"), claim.get("spec").unwrap_or(&Value::Null));
}

/// A template for a claim: metadata with labels and annotations alone, and a spec.
pub fn validate_claim_template(errors: &mut Errors, path: &Path, template: &Value) {
    let meta_path = path.child("metadata");
    let meta = template.get("metadata").unwrap_or(&Value::Null);
    validate_annotations(errors, &meta_path.child("annotations"), meta.get("annotations"));
    validate_labels(errors, &meta_path.child("labels"), meta.get("labels"));
    for key in meta.as_map().into_iter().flat_map(|m| m.keys()) {
        if !matches!(key.as_str(), "labels" | "annotations" | "creationTimestamp") {
            errors.forbidden(&meta_path.child(key), "cannot be set");
        }
    }
    validate_claim_spec(errors, &path.child("spec"), template.get("spec").unwrap_or(&Value::Null));
}

/// The spec of a claim.
pub fn validate_claim_spec(errors: &mut Errors, path: &Path, spec: &Value) {
    let modes_path = path.child("accessModes");
    if spec.items("accessModes").is_empty() {
        errors.required(&modes_path, "at least 1 access mode is required");
    }
    validate_label_selector(errors, &path.child("selector"), spec.field("selector"));
    validate_access_modes(errors, &modes_path, spec);
    let resources = path.child("resources");
    let storage_path = resources.key("storage");
    match spec.at(&["resources", "requests", "storage"]) {
        None => errors.required(&storage_path, ""),
        Some(storage) => validate_positive(errors, &storage_path, storage),
    }
    for class in ["storageClassName", "volumeAttributesClassName"] {
        let name = spec.text(class);
        if class == "volumeAttributesClassName" {
            validate_mode_and_source(errors, path, spec);
        }
        if !name.is_empty() {
            errors.invalid_each(&path.child(class), &Value::from(name), names::is_dns1123_subdomain(name));
        }
    }
}

pub(super) fn validate_access_modes(errors: &mut Errors, path: &Path, spec: &Value) {
    let (mut one_pod, mut others) = (false, false);
    for mode in spec.items("accessModes") {
        let name = mode.as_str().unwrap_or("");
        if !ACCESS_MODES.contains(&name) {
            errors.not_supported(path, mode, &ACCESS_MODES);
        } else if name == "ReadWriteOncePod" {
            one_pod = true;
        } else {
            others = true;
        }
    }
    if one_pod && others {
        errors.forbidden(path, "may not use ReadWriteOncePod with other access modes");
    }
}

fn validate_mode_and_source(errors: &mut Errors, path: &Path, spec: &Value) {
    let modes = ["Block", "Filesystem"];
    if let Some(mode) = spec.field("volumeMode").filter(|m| !modes.contains(&m.as_str().unwrap_or(""))) {
        errors.not_supported(&path.child("volumeMode"), mode, &modes);
    }
    for field in ["dataSource", "dataSourceRef"] {
        let Some(source) = spec.field(field) else { continue };
        let at = path.child(field);
        for required in ["name", "kind"] {
            if source.text(required).is_empty() {
                errors.required(&at.child(required), "");
            }
        }
        let (group, kind) = (source.text("apiGroup"), source.text("kind"));
        if group.is_empty() && kind != "PersistentVolumeClaim" {
            let detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            errors.invalid(&at, &Value::from(kind), detail);
        }
        if !group.is_empty() {
            errors.invalid_each(&at.child("apiGroup"), &Value::from(group), names::is_dns1123_subdomain(group));
        }
    }
}

/// A change to a claim: little of its spec may change.
pub fn validate_claim_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_claim(errors, new);
    let (new_spec, old_spec) = (new.get("spec").unwrap_or(&Value::Null), old.get("spec").unwrap_or(&Value::Null));
    let (mut changed, mut kept) = (new_spec.clone(), old_spec.clone());
    let copy = |from: &Value, to: &mut Value, keys: &[&str]| match from.at(keys) {
        Some(value) => to.set_at(keys, value.clone()),
        None => drop(to.remove_at(keys)),
    };
    if old_spec.text("volumeName").is_empty() {
        copy(new_spec, &mut kept, &["volumeName"]);
    }
    if old_spec.field("storageClassName").is_none() {
        copy(new_spec, &mut kept, &["storageClassName"]);
    }
    if new.str_at(&["status", "phase"]) == "Bound" {
        copy(old_spec, &mut changed, &["resources", "requests", "storage"]);
        if new_spec.field("volumeAttributesClassName").is_some() {
            copy(old_spec, &mut changed, &["volumeAttributesClassName"]);
        }
    }
    if changed != kept {
        let print = |spec: &Value| internal::pretty("PersistentVolumeClaimSpec", spec);
        let detail = format!(
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n{}",
            unified_diff::unified_diff(&print(&kept), &print(&changed))
        );
        errors.forbidden(&Path::root("spec"), &detail);
    }
    let size = |object: &Value, keys: &[&str]| object.at(keys).map_or(Quantity::ZERO, Quantity::from_value);
    let requested = ["resources", "requests", "storage"];
    if size(new_spec, &requested) < size(old_spec, &requested)
        && size(new_spec, &requested) <= size(old, &["status", "capacity", "storage"])
    {
        let spec = Path::root("spec");
        let resources = spec.child("resources");
        let requests = resources.child("requests");
        errors.forbidden(&requests.child("storage"), "field can not be less than status.capacity");
    }
}
