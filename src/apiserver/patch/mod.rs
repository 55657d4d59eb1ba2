//! Patches: how a change is applied to an object (apiserver `endpoints/handlers/patch.go`), and how `kubectl apply` works
//! out the change that it sends. Everything here turns values into values; the server decides what becomes of them.

mod diff;
mod json;
mod strategic;

pub use diff::{merge_three_way, strategic_three_way};
pub use json::json;
pub use strategic::strategic;

use crate::api::value::Value;
use crate::apiserver::status::Status;

/// Why a patch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// The patch itself makes no sense: 400.
    Malformed(String),
    /// It does not fit the object: 422. The server keeps the reason to itself.
    Unfit(String),
    /// More operations than the server takes: 413.
    TooLarge(String),
    /// Something that the server did not foresee: 500, in the words of the merge.
    Unforeseen(String),
}

impl PatchError {
    /// The API server's answer.
    pub fn status(self) -> Status {
        match self {
            PatchError::Malformed(message) => Status::bad_request(message),
            PatchError::Unfit(_) => Status {
                code: 422,
                reason: "Invalid",
                message: "the server rejected our request due to an error in our request".into(),
                ..Status::default()
            },
            PatchError::TooLarge(message) => {
                Status { code: 413, reason: "RequestEntityTooLarge", message, ..Status::default() }
            }
            PatchError::Unforeseen(message) => Status::unknown(message),
        }
    }

    /// What is wrong, as the merge itself tells it.
    pub fn words(&self) -> &str {
        match self {
            PatchError::Malformed(words)
            | PatchError::Unfit(words)
            | PatchError::TooLarge(words)
            | PatchError::Unforeseen(words) => words,
        }
    }
}

/// RFC 7386: null removes, objects are merged, anything else is replaced.
pub fn merge(target: &Value, patch: &Value) -> Value {
    let Some(changes) = patch.as_map() else { return patch.clone() };
    let mut merged = match target {
        Value::Map(_) => target.clone(),
        _ => Value::map(),
    };
    for (key, change) in changes.iter() {
        if change.is_null() {
            merged.map_mut().remove(key);
        } else {
            let before = merged.get(key).cloned().unwrap_or_default();
            merged.map_mut().insert(key.clone(), merge(&before, change));
        }
    }
    merged
}

/// A map as Go prints it with `%v`: `map[spec:map[replicas:3]]`.
pub fn go_map(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let parts: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", go_map(v))).collect();
            format!("map[{}]", parts.join(" "))
        }
        Value::List(items) => format!("[{}]", items.iter().map(go_map).collect::<Vec<_>>().join(" ")),
        Value::String(s) => s.to_string(),
        Value::Null => "<nil>".into(),
        other => crate::api::json::to_string(other),
    }
}
