//! Volumes, claims, storage classes.

use super::{Columns, aged, name};
use crate::api::object::Object;
use crate::api::value::Value;

pub const COLUMNS: &[Columns] = &[
    Columns {
        kind: "PersistentVolume",
        headers: "Name,Capacity,Access Modes,Reclaim Policy,Status,Claim,StorageClass,VolumeAttributesClass,Reason,Age|VolumeMode",
        cells: |o, now| {
            let spec = o.value.get("spec").unwrap_or(&Value::Null);
            let claim =
                spec.get("claimRef").map_or(String::new(), |c| format!("{}/{}", c.text("namespace"), c.text("name")));
            vec![
                name(o),
                spec.str_at(&["capacity", "storage"]).to_string(),
                modes(spec.items("accessModes")),
                spec.text("persistentVolumeReclaimPolicy").to_string(),
                phase(o),
                claim,
                spec.text("storageClassName").to_string(),
                unset(spec.text("volumeAttributesClassName")),
                o.value.str_at(&["status", "reason"]).to_string(),
                aged(o, now),
                unset(spec.text("volumeMode")),
            ]
        },
    },
    Columns {
        kind: "PersistentVolumeClaim",
        headers: "Name,Status,Volume,Capacity,Access Modes,StorageClass,VolumeAttributesClass,Age|VolumeMode",
        cells: |o, now| {
            let spec = o.value.get("spec").unwrap_or(&Value::Null);
            let bound = !spec.text("volumeName").is_empty();
            let status = o.value.get("status").unwrap_or(&Value::Null);
            vec![
                name(o),
                phase(o),
                spec.text("volumeName").to_string(),
                if bound { status.str_at(&["capacity", "storage"]).to_string() } else { String::new() },
                if bound { modes(status.items("accessModes")) } else { String::new() },
                spec.text("storageClassName").to_string(),
                unset(spec.text("volumeAttributesClassName")),
                aged(o, now),
                unset(spec.text("volumeMode")),
            ]
        },
    },
    Columns {
        kind: "StorageClass",
        headers: "Name,Provisioner,ReclaimPolicy,VolumeBindingMode,AllowVolumeExpansion,Age",
        cells: |o, now| {
            let default = o.annotation("storageclass.kubernetes.io/is-default-class") == Some("true");
            vec![
                if default { format!("{} (default)", o.name()) } else { name(o) },
                o.value.text("provisioner").to_string(),
                match o.value.text("reclaimPolicy") {
                    "" => "Delete".to_string(),
                    policy => policy.to_string(),
                },
                match o.value.text("volumeBindingMode") {
                    "" => "Immediate".to_string(),
                    mode => mode.to_string(),
                },
                o.value.flag("allowVolumeExpansion").to_string(),
                aged(o, now),
            ]
        },
    },
];

fn unset(text: &str) -> String {
    if text.is_empty() { "<unset>".to_string() } else { text.to_string() }
}

fn phase(object: &Object) -> String {
    if object.is_terminating() {
        "Terminating".to_string()
    } else {
        object.value.str_at(&["status", "phase"]).to_string()
    }
}

/// Access modes in their short forms, in upstream's order.
fn modes(modes: &[Value]) -> String {
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")]
        .into_iter()
        .filter(|(long, _)| modes.iter().any(|m| m.as_str() == Some(long)))
        .map(|(_, short)| short)
        .collect::<Vec<_>>()
        .join(",")
}
