//! Environment variables of containers and where their values come from (`pkg/apis/core/validation`: `ValidateEnv`,
//! `ValidateEnvFrom`).

use crate::api::path::Path;
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::validation::pod::each_container;
use crate::apiserver::validation::volume::validate_local_path;
use crate::apiserver::validation::{Errors, names};

/// What a variable may take from its pod.
const ENV_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// What a file of the downward API may take from its pod.
pub const VOLUME_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// The fields of a pod that can be asked for at all (`pkg/apis/core/pods`).
const KNOWN_FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.serviceAccountName",
    "spec.schedulerName",
    "status.phase",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The `env` of a container.
pub fn validate_env(errors: &mut Errors, path: &Path, container: &Value) {
    for (i, variable) in container.items("env").iter().enumerate() {
        let path = path.index(i);
        let name = variable.text("name");
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else {
            errors.invalid_each(&path.child("name"), &Value::from(name), names::is_env_var_name(name));
        }
        if let Some(source) = variable.field("valueFrom") {
            validate_value_from(errors, &path.child("valueFrom"), source, variable.text("value"));
        }
    }
}

fn validate_value_from(errors: &mut Errors, path: &Path, source: &Value, value: &str) {
    let mut count = 0;
    let mut part = |name| source.field(name).inspect(|_| count += 1);
    if let Some(reference) = part("fieldRef") {
        validate_object_field(errors, &path.child("fieldRef"), reference, &ENV_FIELDS);
    }
    if let Some(reference) = part("resourceFieldRef") {
        validate_resource_field(errors, &path.child("resourceFieldRef"), reference, false);
    }
    for kind in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(reference) = part(kind) {
            validate_key_selector(errors, &path.child(kind), reference);
        }
    }
    if let Some(reference) = part("fileKeyRef") {
        validate_file_key(errors, &path.child("fileKeyRef"), reference);
    }
    let nothing = Value::from("");
    if count == 0 {
        let detail =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        errors.invalid(path, &nothing, detail);
    } else if !value.is_empty() {
        errors.invalid(path, &nothing, "may not be specified when `value` is not empty");
    } else if count > 1 {
        errors.invalid(path, &nothing, "may not have more than one field specified at a time");
    }
}

fn validate_key_selector(errors: &mut Errors, path: &Path, reference: &Value) {
    let (name, key) = (reference.text("name"), reference.text("key"));
    errors.invalid_each(&path.child("name"), &Value::from(name), names::is_dns1123_subdomain(name));
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), &Value::from(key), names::is_config_map_key(key));
    }
}

fn validate_file_key(errors: &mut Errors, path: &Path, reference: &Value) {
    let (key, volume, file) = (reference.text("key"), reference.text("volumeName"), reference.text("path"));
    if key.is_empty() {
        errors.required(&path.child("key"), "");
    } else {
        errors.invalid_each(&path.child("key"), &Value::from(key), names::is_env_var_name(key));
    }
    if volume.is_empty() {
        errors.required(&path.child("volumeName"), "");
    } else {
        errors.invalid_each(&path.child("volumeName"), &Value::from(volume), names::is_dns1123_label(volume));
    }
    if file.is_empty() {
        errors.required(&path.child("path"), "");
    } else {
        validate_local_path(errors, &path.child("path"), file);
    }
}

/// A variable out of a file needs a volume that the container can write (upstream `validateFileKeyRefVolumes`).
pub fn validate_file_volumes(errors: &mut Errors, path: &Path, spec: &Value) {
    each_container(path, spec, |path, container| {
        let path = path.child("env");
        for (i, variable) in container.items("env").iter().enumerate() {
            let Some(file) = variable.at(&["valueFrom", "fileKeyRef"]).filter(|f| !f.is_null()) else { continue };
            let at = path.index(i);
            let (at, name) = (at.child("valueFrom"), file.text("volumeName"));
            let at = at.child("fileKeyRef");
            let at = at.child("volumeName");
            match spec.items("volumes").iter().rev().find(|v| v.text("name") == name) {
                None => errors.not_found(&at, &name.into()),
                Some(volume) if volume.field("emptyDir").is_none() => {
                    errors.invalid(&at, &name.into(), "referenced volume must be of type emptyDir");
                }
                Some(_) => {}
            }
        }
    });
}

/// The `envFrom` of a container.
pub fn validate_env_from(errors: &mut Errors, path: &Path, container: &Value) {
    for (i, source) in container.items("envFrom").iter().enumerate() {
        let at = path.index(i);
        let prefix = source.text("prefix");
        if !prefix.is_empty() {
            errors.invalid_each(&at.child("prefix"), &Value::from(prefix), names::is_env_var_name(prefix));
        }
        let mut count = 0;
        for kind in ["configMapRef", "secretRef"] {
            let Some(reference) = source.field(kind) else { continue };
            count += 1;
            let name = reference.text("name");
            let kind_path = at.child(kind);
            let name_path = kind_path.child("name");
            if name.is_empty() {
                errors.required(&name_path, "");
            } else {
                // Checked as a prefix, so that a dash may end it.
                let reasons = names::is_valid_prefix(name, names::is_dns1123_subdomain);
                errors.invalid_each(&name_path, &Value::from(name), reasons);
            }
        }
        // Upstream reports these two at the list, not at the item.
        if count == 0 {
            errors.invalid(path, &Value::from(""), "must specify one of: `configMapRef` or `secretRef`");
        } else if count > 1 {
            errors.invalid(path, &Value::from(""), "may not have more than one field specified at a time");
        }
    }
}

/// `metadata.labels['app']` → `metadata.labels` and `app`.
fn split_subscript(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix("']")?.split_once("['").filter(|(field, _)| !field.is_empty())
}

/// A reference to a field of the pod itself.
pub fn validate_object_field(errors: &mut Errors, path: &Path, reference: &Value, supported: &[&str]) {
    let (version, field) = (reference.text("apiVersion"), reference.text("fieldPath"));
    let field_path = path.child("fieldPath");
    if version.is_empty() {
        errors.required(&path.child("apiVersion"), "");
        return;
    }
    if field.is_empty() {
        errors.required(&field_path, "");
        return;
    }
    let converted = match (version, split_subscript(field), field) {
        ("v1", Some((map, key)), _) if matches!(map, "metadata.annotations" | "metadata.labels") => {
            let reasons = match map {
                "metadata.labels" => names::is_qualified_name(key),
                _ => names::is_qualified_name(&key.to_lowercase()),
            };
            let shown = if map == "metadata.labels" { key.to_string() } else { key.to_lowercase() };
            errors.invalid_each(path, &Value::from(shown), reasons);
            return;
        }
        ("v1", Some(_), _) => Err(format!("field label does not support subscript: {field}")),
        ("v1", None, "spec.host") => Ok("spec.nodeName"),
        ("v1", None, field) if KNOWN_FIELDS.contains(&field) => Ok(field),
        ("v1", None, _) => Err(format!("field label not supported: {field}")),
        _ => Err(format!("unsupported pod version: {version}")),
    };
    match converted {
        Err(problem) => {
            let detail = format!("error converting fieldPath: {problem}");
            errors.invalid(&field_path, &Value::from(field), &detail);
        }
        Ok(field) if !supported.contains(&field) => errors.not_supported(&field_path, &Value::from(field), supported),
        Ok(_) => {}
    }
}

/// A reference to a container's requests or limits.
pub fn validate_resource_field(errors: &mut Errors, path: &Path, reference: &Value, volume: bool) {
    let resources = [
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    let resource = reference.text("resource");
    let huge = resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-");
    if volume && reference.text("containerName").is_empty() {
        errors.required(&path.child("containerName"), "");
    } else if resource.is_empty() {
        errors.required(&path.child("resource"), "");
    } else if !resources.contains(&resource) && !huge {
        errors.not_supported(&path.child("resource"), &Value::from(resource), &resources);
    }
    validate_divisor(errors, &path.child("divisor"), resource, huge, reference);
}

fn validate_divisor(errors: &mut Errors, path: &Path, resource: &str, huge: bool, reference: &Value) {
    let divisor = reference.get("divisor").map_or(Quantity::ZERO, Quantity::from_value);
    if divisor.is_zero() {
        return;
    }
    let written = divisor.canonical();
    let sizes = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];
    let kind = match resource {
        "limits.cpu" | "requests.cpu" => {
            if !["1m", "1"].contains(&written.as_str()) {
                let detail = "only divisor's values 1m and 1 are supported with the cpu resource";
                errors.invalid(path, &Value::from(resource), detail);
            }
            return;
        }
        "limits.memory" | "requests.memory" => "memory",
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
        _ if huge => "hugepages",
        _ => return,
    };
    if !sizes.contains(&written.as_str()) {
        let detail = format!("only divisor's values {} are supported with the {kind} resource", sizes.join(", "));
        errors.invalid(path, &Value::from(resource), &detail);
    }
}
