//! Defaults of the core kinds that are neither pods nor network objects (`pkg/apis/core/v1/defaults.go`), of storage classes
//! and of priority classes.

use super::pod::round_list;
use super::volume::default_claim_spec;
use super::{each, fill, fill_text};
use crate::api::value::{Map, Value};
use data_encoding::BASE64;

/// `stringData` is a way to write `data`: it is moved there (`pkg/apis/core/v1/conversion.go`).
pub fn default_secret(secret: &mut Value) {
    fill_text(secret, "type", "Opaque");
    if let Some(plain) = secret.map_mut().remove("stringData")
        && let Some(plain) = plain.as_map().filter(|m| !m.is_empty())
    {
        let data = secret.map_mut().entry("data").map_mut();
        for (key, text) in plain.iter() {
            data.insert(key.clone(), BASE64.encode(text.as_str().unwrap_or("").as_bytes()));
        }
    }
}

pub fn default_persistent_volume(volume: &mut Value) {
    let spec = volume.map_mut().entry("spec");
    fill_text(spec, "persistentVolumeReclaimPolicy", "Retain");
    fill(spec, "volumeMode", "Filesystem");
    fill_text(volume.map_mut().entry("status"), "phase", "Pending");
}

pub fn default_persistent_volume_claim(claim: &mut Value) {
    default_claim_spec(claim.map_mut().entry("spec"));
    fill_text(claim.map_mut().entry("status"), "phase", "Pending");
}

/// A node that tells its capacity and nothing else can give all of it.
pub fn default_node(node: &mut Value) {
    if let Some(capacity) = node.at(&["status", "capacity"]).cloned()
        && node.at(&["status", "allocatable"]).is_none()
    {
        node.set_at(&["status", "allocatable"], capacity);
    }
    for list in ["capacity", "allocatable"] {
        if node.at(&["status", list]).is_some() {
            round_list(node.map_mut().entry("status").map_mut().entry(list));
        }
    }
}

/// Of a container's limits each follows from another: default from max, request from default or min.
pub fn default_limit_range(range: &mut Value) {
    let spec = range.map_mut().entry("spec");
    each(spec, "limits", |limit| {
        if limit.text("type") == "Container" {
            for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
                let amounts = limit.get(from).and_then(Value::as_map).cloned().unwrap_or_else(Map::new);
                for (name, amount) in amounts.iter() {
                    if limit.at(&[to, name]).is_none() {
                        limit.set_at(&[to, name], amount.clone());
                    }
                }
            }
        }
    });
}

pub fn default_storage_class(class: &mut Value) {
    fill(class, "reclaimPolicy", "Delete");
    fill(class, "volumeBindingMode", "Immediate");
}

pub fn default_priority_class(class: &mut Value) {
    fill(class, "preemptionPolicy", "PreemptLowerPriority");
}
