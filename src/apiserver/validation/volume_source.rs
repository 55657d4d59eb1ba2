//! What a volume is made of: exactly one source, each with its own rules (`pkg/apis/core/validation`: `validateVolumeSource`).
//!
//! Left out: the formats of iSCSI names and of Quobyte registries.

use crate::api::path::Path;
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::validation::claim::validate_claim_template;
use crate::apiserver::validation::env::{VOLUME_FIELDS, validate_object_field, validate_resource_field};
use crate::apiserver::validation::label_selector::validate_label_selector;
use crate::apiserver::validation::volume::{validate_descending_path, validate_local_path, validate_no_backsteps};
use crate::apiserver::validation::{Errors, internal, names};
use std::collections::BTreeSet;

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// The sources in the order in which upstream looks at them; the second name is the one in the path of "more than 1 volume
/// type" where upstream spells it differently.
const SOURCES: [(&str, &str); 30] = [
    ("emptyDir", "emptyDir"),
    ("hostPath", "hostPath"),
    ("gitRepo", "gitRepo"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    ("downwardAPI", "downwarAPI"),
    ("fc", "fc"),
    ("flexVolume", "flexVolume"),
    ("configMap", "configMap"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
];

/// The source of `volume`.
pub fn validate_source(errors: &mut Errors, path: &Path, volume: &Value, pod_name: &str) {
    let mut count = 0;
    for (name, spelt) in SOURCES {
        let Some(source) = volume.field(name) else { continue };
        if count > 0 {
            errors.forbidden(&path.child(spelt), "may not specify more than 1 volume type");
            continue;
        }
        count += 1;
        let at = path.child(if name == "gcePersistentDisk" { "persistentDisk" } else { name });
        validate_one(errors, &at, name, source);
        if name == "ephemeral" && !pod_name.is_empty() && !volume.text("name").is_empty() {
            let claim = format!("{pod_name}-{}", volume.text("name"));
            for reason in names::is_dns1123_subdomain(&claim) {
                let detail = format!("PVC name {}: {reason}", crate::api::json::quote(&claim));
                errors.invalid(&path.child("name"), &Value::from(volume.text("name")), &detail);
            }
        }
    }
    if count == 0 {
        errors.required(path, "must specify a volume type");
    }
}

fn require(errors: &mut Errors, path: &Path, source: &Value, fields: &[&str]) {
    for field in fields {
        if source.text(field).is_empty() {
            errors.required(&path.child(field), "");
        }
    }
}

fn validate_one(errors: &mut Errors, path: &Path, name: &str, source: &Value) {
    match name {
        "emptyDir" if source.field("sizeLimit").is_some_and(|v| Quantity::from_value(v).is_negative()) => {
            errors.forbidden(&path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity");
        }
        "hostPath" => validate_host_path(errors, path, source),
        "gitRepo" => {
            require(errors, path, source, &["repository"]);
            validate_descending_path(errors, &path.child("directory"), source.text("directory"));
        }
        "gcePersistentDisk" | "awsElasticBlockStore" => {
            require(errors, path, source, &[if name == "gcePersistentDisk" { "pdName" } else { "volumeID" }]);
            let partition = source.int("partition");
            if !(0..=255).contains(&partition) {
                errors.invalid(&path.child("partition"), &Value::Int(partition), &names::range_error(1, 255));
            }
        }
        "secret" => {
            require(errors, path, source, &["secretName"]);
            validate_keys(errors, path, source);
        }
        "configMap" => {
            require(errors, path, source, &["name"]);
            validate_keys(errors, path, source);
        }
        "nfs" => {
            require(errors, path, source, &["server", "path"]);
            if !source.text("path").starts_with('/') {
                errors.invalid(&path.child("path"), &Value::from(source.text("path")), "must be an absolute path");
            }
        }
        "iscsi" => validate_iscsi(errors, path, source),
        "glusterfs" => require(errors, path, source, &["endpoints", "path"]),
        "flocker" => match (source.text("datasetName"), source.text("datasetUUID")) {
            ("", "") => errors.required(path, "one of datasetName and datasetUUID is required"),
            (name, uuid) => {
                if !name.is_empty() && !uuid.is_empty() {
                    let detail = "datasetName and datasetUUID can not be specified simultaneously";
                    errors.invalid(path, &Value::from("resource"), detail);
                }
                if name.contains('/') {
                    errors.invalid(&path.child("datasetName"), &Value::from(name), "must not contain '/'");
                }
            }
        },
        "persistentVolumeClaim" => require(errors, path, source, &["claimName"]),
        "rbd" => {
            if source.items("monitors").is_empty() {
                errors.required(&path.child("monitors"), "");
            }
            require(errors, path, source, &["image"]);
        }
        "cinder" => {
            require(errors, path, source, &["volumeID"]);
            if source.field("secretRef").is_some_and(|s| s.text("name").is_empty()) {
                errors.required(&path.child("secretRef").child("name"), "");
            }
        }
        "cephfs" if source.items("monitors").is_empty() => errors.required(&path.child("monitors"), ""),
        "quobyte" => {
            if source.text("registry").is_empty() {
                let detail = "must be a host:port pair or multiple pairs separated by commas";
                errors.required(&path.child("registry"), detail);
            }
            require(errors, path, source, &["volume"]);
        }
        "downwardAPI" => {
            validate_mode(errors, path, source, "defaultMode");
            for item in source.items("items") {
                validate_downward_file(errors, path, item);
            }
        }
        "fc" => validate_fc(errors, path, source),
        "flexVolume" => validate_flex(errors, path, source),
        "azureFile" => require(errors, path, source, &["secretName", "shareName"]),
        "vsphereVolume" => require(errors, path, source, &["volumePath"]),
        "photonPersistentDisk" => require(errors, path, source, &["pdID"]),
        "portworxVolume" => require(errors, path, source, &["volumeID"]),
        "azureDisk" => validate_azure_disk(errors, path, source),
        "storageos" => {
            require(errors, path, source, &["volumeName"]);
            let namespace = source.text("volumeNamespace");
            if !namespace.is_empty() {
                let reasons = names::is_dns1123_label(namespace);
                errors.invalid_each(&path.child("volumeNamespace"), &Value::from(namespace), reasons);
            }
        }
        "projected" => validate_projected(errors, path, source),
        "scaleIO" => {
            require(errors, path, source, &["gateway", "system"]);
            if source.field("sslEnabled").is_some() && source.get("secretRef").is_none() {
                errors.required(&path.child("secretRef"), "");
            }
            require(errors, path, source, &["volumeName"]);
        }
        "csi" => {
            let driver = source.text("driver");
            require(errors, path, source, &["driver"]);
            if driver.len() > 63 {
                errors.too_long(&path.child("driver"), 63);
            }
            let reasons = names::is_dns1123_subdomain(&driver.to_lowercase());
            errors.invalid_each(&path.child("driver"), &Value::from(driver), reasons);
        }
        "ephemeral" => match source.field("volumeClaimTemplate") {
            None => errors.required(&path.child("volumeClaimTemplate"), ""),
            Some(template) => validate_claim_template(errors, &path.child("volumeClaimTemplate"), template),
        },
        "image" => {
            require(errors, path, source, &["reference"]);
            let policy = source.text("pullPolicy");
            let policies = ["Always", "IfNotPresent", "Never"];
            if !policies.contains(&policy) {
                errors.not_supported(&path.child("pullPolicy"), &Value::from(policy), &policies);
            }
        }
        _ => {}
    }
}

fn validate_host_path(errors: &mut Errors, path: &Path, source: &Value) {
    let target = source.text("path");
    if target.is_empty() {
        errors.required(&path.child("path"), "");
        return;
    }
    validate_no_backsteps(errors, &path.child("path"), target);
    let types = ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    if let Some(kind) = source.field("type").filter(|t| !types.contains(&t.as_str().unwrap_or(""))) {
        errors.not_supported(&path.child("type"), kind, &types);
    }
}

fn validate_iscsi(errors: &mut Errors, path: &Path, source: &Value) {
    require(errors, path, source, &["targetPortal", "iqn"]);
    let iqn = source.text("iqn");
    if !iqn.is_empty() && !["iqn", "eui", "naa"].iter().any(|p| iqn.starts_with(p)) {
        errors.invalid(&path.child("iqn"), &Value::from(iqn), "must be valid format starting with iqn, eui, or naa");
    }
    let lun = source.int("lun");
    if !(0..=255).contains(&lun) {
        errors.invalid(&path.child("lun"), &Value::Int(lun), &names::range_error(0, 255));
    }
    let authenticates = source.flag("chapAuthDiscovery") || source.flag("chapAuthSession");
    if authenticates && source.field("secretRef").is_none() {
        errors.required(&path.child("secretRef"), "");
    }
}

fn validate_fc(errors: &mut Errors, path: &Path, source: &Value) {
    let (targets, ids) = (source.items("targetWWNs"), source.items("wwids"));
    let at = path.child("targetWWNs");
    if targets.is_empty() && ids.is_empty() {
        errors.required(&at, "must specify either targetWWNs or wwids, but not both");
    }
    if !targets.is_empty() && !ids.is_empty() {
        let shown = Value::list(targets.to_vec());
        errors.invalid(&at, &shown, "targetWWNs and wwids can not be specified simultaneously");
    }
    if !targets.is_empty() {
        match source.field("lun").and_then(Value::as_i64) {
            None => errors.required(&path.child("lun"), "lun is required if targetWWNs is specified"),
            Some(lun) if !(0..=255).contains(&lun) => {
                errors.invalid(&path.child("lun"), &Value::Int(lun), &names::range_error(0, 255));
            }
            Some(_) => {}
        }
    }
}

fn validate_flex(errors: &mut Errors, path: &Path, source: &Value) {
    require(errors, path, source, &["driver"]);
    let options = path.child("options");
    for (key, _) in source.entries("options") {
        let namespace = key.split_once('/').map_or(key.as_str(), |(namespace, _)| namespace);
        let dotted = format!(".{}", namespace.to_lowercase());
        if dotted.ends_with(".kubernetes.io") || dotted.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            errors.invalid(&options.key(key), &Value::from(key), detail);
        }
    }
}

fn validate_azure_disk(errors: &mut Errors, path: &Path, source: &Value) {
    require(errors, path, source, &["diskName", "diskURI"]);
    let (uri, kind) = (source.text("diskURI"), source.text("kind"));
    for (field, values) in
        [("cachingMode", ["None", "ReadOnly", "ReadWrite"]), ("kind", ["Dedicated", "Managed", "Shared"])]
    {
        if let Some(value) = source.field(field).filter(|v| !values.contains(&v.as_str().unwrap_or(""))) {
            errors.not_supported(&path.child(field), value, &values);
        }
    }
    let at = path.child("diskURI");
    if kind == "Managed" && !uri.starts_with("/subscriptions/") {
        let form = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
        errors.not_supported(&at, &Value::from(uri), &[form]);
    }
    if kind != "Managed" && source.field("kind").is_some() && !uri.starts_with("https://") {
        let form = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
        errors.not_supported(&at, &Value::from(uri), &[form]);
    }
}

fn validate_mode(errors: &mut Errors, path: &Path, source: &Value, field: &str) {
    if let Some(mode) = source.field(field).filter(|m| !(0..=0o777).contains(&m.as_i64().unwrap_or(0))) {
        errors.invalid(&path.child(field), mode, MODE);
    }
}

/// `defaultMode` and `items` of a Secret or ConfigMap volume.
fn validate_keys(errors: &mut Errors, path: &Path, source: &Value) {
    validate_mode(errors, path, source, "defaultMode");
    let items = path.child("items");
    for (i, item) in source.items("items").iter().enumerate() {
        validate_key_to_path(errors, &items.index(i), item);
    }
}

fn validate_key_to_path(errors: &mut Errors, path: &Path, item: &Value) {
    require(errors, path, item, &["key", "path"]);
    validate_local_path(errors, &path.child("path"), item.text("path"));
    validate_mode(errors, path, item, "mode");
}

/// A file of the downward API. Upstream reports it at the volume, without the file's index.
fn validate_downward_file(errors: &mut Errors, path: &Path, file: &Value) {
    require(errors, path, file, &["path"]);
    validate_local_path(errors, &path.child("path"), file.text("path"));
    match (file.field("fieldRef"), file.field("resourceFieldRef")) {
        (Some(field), resource) => {
            validate_object_field(errors, &path.child("fieldRef"), field, &VOLUME_FIELDS);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.invalid(path, &Value::from("resource"), detail);
            }
        }
        (None, Some(resource)) => {
            validate_resource_field(errors, &path.child("resourceFieldRef"), resource, true);
        }
        (None, None) => errors.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    validate_mode(errors, path, file, "mode");
}

fn validate_projected(errors: &mut Errors, path: &Path, projected: &Value) {
    validate_mode(errors, path, projected, "defaultMode");
    let sources = path.child("sources");
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    let claim = |errors: &mut Errors, target: &'_ str, shown: &str, paths: &BTreeSet<&str>| {
        if !target.is_empty() && paths.contains(target) {
            errors.invalid(path, &Value::from(shown), "conflicting duplicate paths");
        }
    };
    for (i, source) in projected.items("sources").iter().enumerate() {
        let at = sources.index(i);
        let mut count = 0;
        for name in ["secret", "configMap"] {
            let Some(part) = source.field(name) else { continue };
            count += 1;
            let at = at.child(name);
            require(errors, &at, part, &["name"]);
            let items = at.child("items");
            for (j, item) in part.items("items").iter().enumerate() {
                validate_key_to_path(errors, &items.index(j), item);
                claim(errors, item.text("path"), part.text("name"), &paths);
                paths.insert(item.text("path"));
            }
        }
        if let Some(downward) = source.field("downwardAPI") {
            count += 1;
            for item in downward.items("items") {
                validate_downward_file(errors, &at.child("downwardAPI"), item);
                claim(errors, item.text("path"), item.text("path"), &paths);
                paths.insert(item.text("path"));
            }
        }
        if let Some(token) = source.field("serviceAccountToken") {
            count += 1;
            let token_path = at.child("serviceAccountToken");
            let seconds = token.int("expirationSeconds");
            let seconds_path = token_path.child("expirationSeconds");
            if seconds < 600 {
                let detail = "may not specify a duration less than 10 minutes";
                errors.invalid(&seconds_path, &Value::Int(seconds), detail);
            }
            if seconds > 1 << 32 {
                let detail = "may not specify a duration larger than 2^32 seconds";
                errors.invalid(&seconds_path, &Value::Int(seconds), detail);
            }
            if token.text("path").is_empty() {
                errors.required(&path.child("path"), "");
            } else {
                validate_local_path(errors, &path.child("path"), token.text("path"));
            }
        }
        if let Some(bundle) = source.field("clusterTrustBundle") {
            count += 1;
            validate_trust_bundle(errors, &at.child("clusterTrustBundle"), bundle);
            claim(errors, bundle.text("path"), bundle.text("path"), &paths);
            paths.insert(bundle.text("path"));
        }
        if source.field("podCertificate").is_some() {
            count += 1;
        }
        if count > 1 {
            errors.forbidden(&at, "may not specify more than 1 volume type per source");
        }
    }
}

fn validate_trust_bundle(errors: &mut Errors, path: &Path, bundle: &Value) {
    match (bundle.field("name"), bundle.field("signerName")) {
        (Some(_), Some(_)) => {
            let shown = internal::compact("ClusterTrustBundleProjection", bundle);
            errors.invalid_shown(path, &shown, "only one of name and signerName may be used");
        }
        (Some(_), None) => {
            if bundle.text("name").is_empty() {
                errors.required(&path.child("name"), "must be a valid object name");
            }
            if let Some(selector) = bundle.field("labelSelector") {
                let detail = "labelSelector must be unset if name is specified";
                errors.invalid(&path.child("labelSelector"), selector, detail);
            }
        }
        (None, Some(_)) => {
            if bundle.text("signerName").is_empty() {
                errors.required(&path.child("signerName"), "must be a valid signer name");
            }
            validate_label_selector(errors, &path.child("labelSelector"), bundle.field("labelSelector"));
        }
        (None, None) => errors.required(path, "either name or signerName must be specified"),
    }
    require(errors, path, bundle, &["path"]);
    validate_local_path(errors, &path.child("path"), bundle.text("path"));
}
