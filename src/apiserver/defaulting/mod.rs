//! Defaulting: what the API server fills in before anything looks at an object (`pkg/apis/*/v1/defaults.go` of Kubernetes).
//!
//! One file a subject. Each function takes a decoded object or a part of it and fills in what is missing; what is written is
//! never changed. Defaults that would not be printed (an empty map that is left out) are not filled in.

pub mod autoscaling;
pub mod core;
pub mod networking;
pub mod pod;
pub mod rbac;
pub mod service;
pub mod volume;
pub mod workload;

use crate::api::value::Value;

/// Sets `key` when it is missing or null. For Go pointers, lists and maps: an empty string that is written stays.
pub(crate) fn fill(value: &mut Value, key: &str, default: impl Into<Value>) {
    if value.field(key).is_none() {
        value.map_mut().insert(key, default);
    }
}

/// Sets `key` when it is missing, null or empty. For Go strings.
pub(crate) fn fill_text(value: &mut Value, key: &str, default: &str) {
    if value.text(key).is_empty() {
        value.map_mut().insert(key, default);
    }
}

/// Sets `key` when it is missing, null or 0. For Go numbers.
pub(crate) fn fill_number(value: &mut Value, key: &str, default: i64) {
    if value.int(key) == 0 {
        value.map_mut().insert(key, default);
    }
}

/// Works on what is at `key`, if something is.
pub(crate) fn within(value: &mut Value, key: &str, act: impl FnOnce(&mut Value)) {
    if value.field(key).is_some() {
        act(value.map_mut().entry(key));
    }
}

/// Works on every item of the list at `key`.
pub(crate) fn each(value: &mut Value, key: &str, act: impl FnMut(&mut Value)) {
    if !value.items(key).is_empty() {
        value.map_mut().entry(key).list_mut().iter_mut().for_each(act);
    }
}
