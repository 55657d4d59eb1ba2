//! A pod's volumes, and where containers mount them (`pkg/apis/core/validation`: `ValidateVolumes`, `ValidateVolumeMounts`,
//! `ValidateVolumeDevices`).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::volume_source::validate_source;
use crate::apiserver::validation::{Errors, names};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// The valid volumes of a pod by name.
pub type Volumes<'a> = BTreeMap<SmolStr, &'a Value>;

/// Validates the volumes and gives back the valid ones. `pod_name` is empty for a template.
pub fn validate_volumes<'a>(errors: &mut Errors, path: &Path, volumes: &'a [Value], pod_name: &str) -> Volumes<'a> {
    let mut valid = Volumes::new();
    for (i, volume) in volumes.iter().enumerate() {
        let path = path.index(i);
        let (name, name_path) = (volume.text("name"), path.child("name"));
        let before = errors.0.len();
        validate_source(errors, &path, volume, pod_name);
        if name.is_empty() {
            errors.required(&name_path, "");
        } else {
            errors.invalid_each(&name_path, &Value::from(name), names::is_dns1123_label(name));
        }
        if valid.contains_key(name) {
            errors.duplicate(&name_path, &Value::from(name));
        }
        if errors.0.len() == before {
            valid.insert(name.into(), volume);
        }
        let claim = volume.str_at(&["persistentVolumeClaim", "claimName"]);
        let created = |v: &Value| v.field("ephemeral").is_some() && format!("{pod_name}-{}", v.text("name")) == claim;
        if !claim.is_empty() && !pod_name.is_empty() && volumes.iter().any(created) {
            let path = path.child("persistentVolumeClaim");
            let detail = "must not reference a PVC that gets created for an ephemeral volume";
            errors.invalid(&path.child("claimName"), &Value::from(claim), detail);
        }
    }
    valid
}

/// The `volumeMounts` of a container.
pub fn validate_mounts(errors: &mut Errors, path: &Path, container: &Value, volumes: &Volumes) {
    let devices = container.items("volumeDevices");
    let mut seen = BTreeSet::new();
    for (i, mount) in container.items("volumeMounts").iter().enumerate() {
        let at = path.index(i);
        let (name, name_path) = (mount.text("name"), at.child("name"));
        let (point, point_path) = (mount.text("mountPath"), at.child("mountPath"));
        if name.is_empty() {
            errors.required(&name_path, "");
        }
        if !volumes.contains_key(name) {
            errors.not_found(&name_path, &Value::from(name));
        }
        if point.is_empty() {
            errors.required(&point_path, "");
        }
        if !seen.insert(point) {
            errors.invalid(&point_path, &Value::from(point), "must be unique");
        }
        if devices.iter().any(|d| d.text("name") == name) {
            errors.invalid(&name_path, &Value::from(name), "must not already exist in volumeDevices");
        }
        if devices.iter().any(|d| d.text("devicePath") == point) {
            let detail = "must not already exist as a path in volumeDevices";
            errors.invalid(&point_path, &Value::from(point), detail);
        }
        let (sub, expression) = (mount.text("subPath"), mount.text("subPathExpr"));
        // Upstream reports these two at the list, not at the item.
        if !sub.is_empty() {
            validate_descending_path(errors, &path.child("subPath"), sub);
        }
        if !expression.is_empty() {
            if !sub.is_empty() {
                let detail = "subPathExpr and subPath are mutually exclusive";
                errors.invalid(&at.child("subPathExpr"), &Value::from(expression), detail);
            }
            validate_descending_path(errors, &path.child("subPathExpr"), expression);
        }
        validate_propagation(errors, &path.child("mountPropagation"), mount, container);
        validate_recursive_read_only(errors, &path.child("recursiveReadOnly"), mount);
    }
}

fn validate_propagation(errors: &mut Errors, path: &Path, mount: &Value, container: &Value) {
    let Some(mode) = mount.field("mountPropagation") else { return };
    let modes = ["Bidirectional", "HostToContainer", "None"];
    if !modes.contains(&mount.text("mountPropagation")) {
        errors.not_supported(path, mode, &modes);
    }
    let privileged = container.get("securityContext").is_some_and(|s| s.flag("privileged"));
    if mount.text("mountPropagation") == "Bidirectional" && !privileged {
        errors.forbidden(path, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn validate_recursive_read_only(errors: &mut Errors, path: &Path, mount: &Value) {
    let Some(mode) = mount.field("recursiveReadOnly") else { return };
    match mount.text("recursiveReadOnly") {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.flag("readOnly") {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            if mount.field("mountPropagation").is_some() && mount.text("mountPropagation") != "None" {
                errors.forbidden(path, "may only be specified when mountPropagation is None or not specified");
            }
        }
        _ => errors.not_supported(path, mode, &["Disabled", "Enabled", "IfPossible"]),
    }
}

/// The `volumeDevices` of a container: raw block volumes.
pub fn validate_devices(errors: &mut Errors, path: &Path, container: &Value, volumes: &Volumes) {
    let mounts = container.items("volumeMounts");
    let (mut names_seen, mut paths_seen) = (BTreeSet::new(), BTreeSet::new());
    for (i, device) in container.items("volumeDevices").iter().enumerate() {
        let at = path.index(i);
        let (name, name_path) = (device.text("name"), at.child("name"));
        let (file, file_path) = (device.text("devicePath"), at.child("devicePath"));
        let volume = volumes.get(name);
        let bad_name = |errors: &mut Errors, detail: &str| errors.invalid(&name_path, &Value::from(name), detail);
        let bad_path = |errors: &mut Errors, detail: &str| errors.invalid(&file_path, &Value::from(file), detail);
        if name.is_empty() {
            errors.required(&name_path, "");
        }
        if names_seen.contains(name) {
            bad_name(errors, "must be unique");
        }
        let claimed = |v: &&Value| v.field("persistentVolumeClaim").or(v.field("ephemeral")).is_some();
        match volume {
            None => errors.not_found(&name_path, &Value::from(name)),
            Some(volume) if !claimed(volume) => {
                bad_name(
                    errors,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                );
            }
            Some(_) => {}
        }
        if file.is_empty() {
            errors.required(&file_path, "");
        }
        if paths_seen.contains(file) {
            bad_path(errors, "must be unique");
        }
        if has_backsteps(file) {
            bad_path(errors, "can not contain backsteps ('..')");
        } else {
            paths_seen.insert(file);
        }
        if mounts.iter().any(|m| m.text("name") == name) {
            bad_name(errors, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|m| m.text("mountPath") == file) {
            bad_path(errors, "must not already exist as a path in volumeMounts");
        }
        if !name.is_empty() {
            names_seen.insert(name);
        }
    }
}

fn has_backsteps(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

/// No `..` between the slashes.
pub fn validate_no_backsteps(errors: &mut Errors, path: &Path, target: &str) {
    if has_backsteps(target) {
        errors.invalid(path, &Value::from(target), "must not contain '..'");
    }
}

/// A relative path without `..`.
pub fn validate_descending_path(errors: &mut Errors, path: &Path, target: &str) {
    if target.starts_with('/') {
        errors.invalid(path, &Value::from(target), "must be a relative path");
    }
    validate_no_backsteps(errors, path, target);
}

/// A relative path without `..`, and whose first name does not begin with `..`.
pub fn validate_local_path(errors: &mut Errors, path: &Path, target: &str) {
    validate_descending_path(errors, path, target);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.invalid(path, &Value::from(target), "must not start with '..'");
    }
}
