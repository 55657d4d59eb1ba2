//! Metadata of every object (apimachinery `api/validation/objectmeta.go`, and what `pkg/apis/core/validation` adds for
//! finalizers of built-in kinds). Left out: managedFields, which this server does not keep.

use super::annotations::validate_annotations;
use super::names::{self, NameCheck};
use super::{Errors, label_selector};
use crate::api::json;
use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::status::CauseReason;

/// Metadata of a new object.
pub fn validate_object_meta(errors: &mut Errors, meta: &Value, namespaced: bool, check: NameCheck, path: &Path) {
    let (name, prefix, namespace) = (meta.text("name"), meta.text("generateName"), meta.text("namespace"));
    if !prefix.is_empty() {
        errors.invalid_each(&path.child("generateName"), &prefix.into(), names::is_valid_prefix(prefix, check));
    }
    if name.is_empty() {
        errors.required(&path.child("name"), "name or generateName is required");
    } else {
        errors.invalid_each(&path.child("name"), &name.into(), check(name));
    }
    let at = path.child("namespace");
    match (namespaced, namespace) {
        (true, "") => errors.required(&at, ""),
        (true, namespace) => errors.invalid_each(&at, &namespace.into(), names::is_dns1123_label(namespace)),
        (false, "") => {}
        (false, _) => errors.forbidden(&at, "not allowed on this type"),
    }
    if meta.int("generation") < 0 {
        let at = path.child("generation");
        errors.invalid(&at, &meta.int("generation").into(), "must be greater than or equal to 0");
    }
    validate_common(errors, meta, path);
    let at = path.child("finalizers");
    for finalizer in meta.items("finalizers") {
        errors.invalid_each(&at, finalizer, names::is_qualified_name(finalizer.as_str().unwrap_or("")));
    }
    let has = |name: &str| meta.items("finalizers").iter().any(|f| f.as_str() == Some(name));
    if has("orphan") && has("foregroundDeletion") {
        let reason = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.invalid(&at, &Value::list(meta.items("finalizers").to_vec()), reason);
    }
    validate_finalizer_names(errors, meta, path);
}

/// The finalizers of built-in kinds are Kubernetes' own, or have a domain (`ValidateFinalizerName` of the core group).
fn validate_finalizer_names(errors: &mut Errors, meta: &Value, path: &Path) {
    let at = path.child("finalizers");
    for (i, finalizer) in meta.items("finalizers").iter().enumerate() {
        let text = finalizer.as_str().unwrap_or("");
        if !text.contains('/') && !matches!(text, "kubernetes" | "orphan" | "foregroundDeletion") {
            let reason = "name is neither a standard finalizer name nor is it fully qualified";
            errors.invalid(&at.index(i), finalizer, reason);
        }
    }
}

/// Metadata of a change as the kinds' own rules look at it once more: what the server's common check found is found again.
pub fn validate_object_meta_update(errors: &mut Errors, new: &Value, old: &Value, path: &Path) {
    validate_common_update(errors, new, old, path);
    validate_finalizer_names(errors, new, path);
}

/// Metadata of a change, whatever the kind (`ValidateObjectMetaAccessorUpdate`).
pub fn validate_common_update(errors: &mut Errors, new: &Value, old: &Value, path: &Path) {
    if old.field("deletionTimestamp").is_some() {
        let added = |f: &&Value| !old.items("finalizers").contains(f);
        let new: Vec<Value> = new.items("finalizers").iter().filter(added).cloned().collect();
        if !new.is_empty() {
            let names: Vec<&str> = new.iter().filter_map(Value::as_str).collect();
            let detail = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers [{}]",
                names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>().join(" ")
            );
            errors.forbidden(&path.child("finalizers"), &detail);
        }
    }
    for key in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let given = new.field(key);
        if given.is_some() && given != old.field(key) {
            errors.invalid(&path.child(key), given.unwrap_or(&Value::Null), "field is immutable");
        }
    }
    validate_common(errors, new, path);
}

/// What new and changed metadata have in common.
fn validate_common(errors: &mut Errors, meta: &Value, path: &Path) {
    label_selector::validate_labels(errors, &path.child("labels"), meta.field("labels"));
    validate_annotations(errors, &path.child("annotations"), meta.field("annotations"));
    validate_owners(errors, meta, &path.child("ownerReferences"));
}

fn validate_owners(errors: &mut Errors, meta: &Value, path: &Path) {
    let owners = meta.items("ownerReferences");
    let mut controller: Option<String> = None;
    for owner in owners {
        let api_version = owner.text("apiVersion");
        // Two slashes make no version at all.
        let (group, version) = match api_version.split_once('/') {
            Some((_, rest)) if rest.contains('/') => ("", ""),
            Some(parts) => parts,
            None => ("", api_version),
        };
        if version.is_empty() {
            errors.invalid(&path.child("apiVersion"), &api_version.into(), "version must not be empty");
        }
        for key in ["kind", "name", "uid"] {
            if owner.text(key).is_empty() {
                errors.invalid(&path.child(key), &"".into(), "must not be empty");
            }
        }
        if (group, version, owner.text("kind")) == ("", "v1", "Event") {
            let reason = format!("{group}/{version}, Kind={} is disallowed from being an owner", owner.text("kind"));
            errors.push(CauseReason::Invalid, path, format!("Invalid value: {}: {reason}", shown_owner(owner)));
        }
        if owner.flag("controller") {
            let name = format!("{}/{}", owner.text("kind"), owner.text("name"));
            match &controller {
                Some(first) => {
                    let reason = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                    );
                    let all: Vec<String> = owners.iter().map(shown_owner).collect();
                    let message = format!("Invalid value: [{}]: {reason}", all.join(","));
                    errors.push(CauseReason::Invalid, path, message);
                }
                None => controller = Some(name),
            }
        }
    }
}

/// An owner reference as Go prints it, in the order of the struct.
fn shown_owner(owner: &Value) -> String {
    let fields = ["apiVersion", "kind", "name", "uid"].map(|key| format!("{key:?}:{}", json::quote(owner.text(key))));
    let mut shown = fields.join(",");
    for key in ["controller", "blockOwnerDeletion"] {
        if let Some(flag) = owner.field(key) {
            shown.push_str(&format!(",{key:?}:{}", json::to_string(flag)));
        }
    }
    format!("{{{shown}}}")
}
