//! Conditions in `status.conditions`, with the times that tell when each last changed.

use crate::api::time::Time;
use crate::api::value::{Map, Value};

/// The condition of this type.
pub fn find<'a>(object: &'a Value, type_: &str) -> Option<&'a Value> {
    object.items_at(&["status", "conditions"]).iter().find(|c| c.str_at(&["type"]) == type_)
}

/// Sets a condition; nothing changes when it says so already. `lastTransitionTime` moves only when the status does.
pub fn set(object: &mut Value, type_: &str, status: &str, reason: &str, message: &str, now: Time) {
    let old = find(object, type_);
    if old.is_some_and(|c| {
        c.str_at(&["status"]) == status && c.str_at(&["reason"]) == reason && c.str_at(&["message"]) == message
    }) {
        return;
    }
    let text = now.text();
    let since = old
        .filter(|c| c.str_at(&["status"]) == status)
        .and_then(|c| c.get("lastTransitionTime").and_then(Value::as_smol))
        .unwrap_or_else(|| text.clone());
    let mut condition = Map::new();
    condition.insert("lastTransitionTime", since);
    condition.insert("lastUpdateTime", text);
    condition.insert("message", message);
    condition.insert("reason", reason);
    condition.insert("status", status);
    condition.insert("type", type_);
    // What was set last stands last.
    let mut list = object.items_at(&["status", "conditions"]).to_vec();
    list.retain(|c| c.str_at(&["type"]) != type_);
    list.push(condition.into());
    object.set_at(&["status", "conditions"], list);
}

/// Takes a condition away.
pub fn remove(object: &mut Value, type_: &str) {
    if find(object, type_).is_none() {
        return;
    }
    let mut list = object.items_at(&["status", "conditions"]).to_vec();
    list.retain(|c| c.str_at(&["type"]) != type_);
    if list.is_empty() {
        object.remove_at(&["status", "conditions"]);
    } else {
        object.set_at(&["status", "conditions"], list);
    }
}

/// Moves a condition's `lastUpdateTime` to now.
pub fn touch(object: &mut Value, type_: &str, now: Time) {
    let mut list = object.items_at(&["status", "conditions"]).to_vec();
    if let Some(condition) = list.iter_mut().find(|c| c.str_at(&["type"]) == type_) {
        condition.set_at(&["lastUpdateTime"], now.text());
        object.set_at(&["status", "conditions"], list);
    }
}

/// Sets a condition of a pod, which has `lastProbeTime` instead of `lastUpdateTime`.
pub fn set_pod(pod: &mut Value, type_: &str, status: &str, reason: &str, message: &str, now: Time) {
    let old = find(pod, type_);
    let same = |field: &str, text: &str| old.is_some_and(|c| c.str_at(&[field]) == text);
    if same("status", status) && same("reason", reason) && same("message", message) {
        return;
    }
    let since = old
        .filter(|c| c.str_at(&["status"]) == status)
        .and_then(|c| c.get("lastTransitionTime").and_then(Value::as_smol))
        .unwrap_or_else(|| now.text());
    let mut condition = Map::new();
    condition.insert("lastProbeTime", Value::Null);
    condition.insert("lastTransitionTime", since);
    if !message.is_empty() {
        condition.insert("message", message);
    }
    condition.insert("observedGeneration", pod.at(&["metadata", "generation"]).cloned().unwrap_or(Value::Int(1)));
    if !reason.is_empty() {
        condition.insert("reason", reason);
    }
    condition.insert("status", status);
    condition.insert("type", type_);
    let mut list = pod.items_at(&["status", "conditions"]).to_vec();
    match list.iter_mut().find(|c| c.str_at(&["type"]) == type_) {
        Some(place) => *place = condition.into(),
        None => list.push(condition.into()),
    }
    pod.set_at(&["status", "conditions"], list);
}
