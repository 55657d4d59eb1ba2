//! Defaults of a pod's volumes (`pkg/apis/core/v1/defaults.go`: `SetDefaults_Volume`, `_SecretVolumeSource` …).

use super::pod::default_divisor;
use super::{each, fill, fill_text, within};
use crate::api::image;
use crate::api::value::Value;

/// `0644`.
const MODE: i64 = 0o644;

/// A volume; without a source it is an `emptyDir`.
pub fn default_volume(volume: &mut Value) {
    let has_source = volume.as_map().is_some_and(|m| m.iter().any(|(k, v)| k != "name" && !v.is_null()));
    if !has_source {
        volume.map_mut().insert("emptyDir", Value::map());
    }
    for source in ["secret", "configMap"] {
        within(volume, source, |s| fill(s, "defaultMode", MODE));
    }
    within(volume, "downwardAPI", |source| {
        fill(source, "defaultMode", MODE);
        each(source, "items", default_downward_item);
    });
    within(volume, "projected", |projected| {
        fill(projected, "defaultMode", MODE);
        each(projected, "sources", |source| {
            within(source, "serviceAccountToken", |token| fill(token, "expirationSeconds", 3600));
            within(source, "downwardAPI", |downward| each(downward, "items", default_downward_item));
        });
    });
    within(volume, "hostPath", |source| fill(source, "type", ""));
    within(volume, "iscsi", |source| fill_text(source, "iscsiInterface", "default"));
    within(volume, "rbd", |source| {
        fill_text(source, "pool", "rbd");
        fill_text(source, "user", "admin");
        fill_text(source, "keyring", "/etc/ceph/keyring");
    });
    within(volume, "azureDisk", |source| {
        fill(source, "cachingMode", "ReadWrite");
        fill(source, "kind", "Shared");
        fill(source, "fsType", "ext4");
        fill(source, "readOnly", false);
    });
    within(volume, "scaleIO", |source| {
        fill_text(source, "storageMode", "ThinProvisioned");
        fill_text(source, "fsType", "xfs");
    });
    within(volume, "ephemeral", |source| {
        within(source, "volumeClaimTemplate", |template| default_claim_spec(template.map_mut().entry("spec")));
    });
    within(volume, "image", |source| {
        let latest = image::tag(source.text("reference")) == Some("latest");
        fill_text(source, "pullPolicy", if latest { "Always" } else { "IfNotPresent" });
    });
}

fn default_downward_item(item: &mut Value) {
    within(item, "fieldRef", default_object_field_ref);
    within(item, "resourceFieldRef", default_divisor);
}

/// A reference to a field of the pod itself.
pub(super) fn default_object_field_ref(reference: &mut Value) {
    fill_text(reference, "apiVersion", "v1");
}

/// The spec of a `PersistentVolumeClaim`, also inside a claim template.
pub fn default_claim_spec(spec: &mut Value) {
    fill(spec, "volumeMode", "Filesystem");
}
