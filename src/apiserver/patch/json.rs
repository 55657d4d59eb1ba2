//! RFC 6902: a list of operations (`evanphx/json-patch`, which the API server uses).

use super::PatchError;
use crate::api::value::Value;
use smol_str::SmolStr;

/// As many operations does the API server take.
const MOST_OPERATIONS: usize = 10_000;

/// Applies the operations in order.
pub fn json(target: &Value, patch: &Value) -> Result<Value, PatchError> {
    let malformed = |why: &str| Err(PatchError::Malformed(format!("error decoding patch: {why}")));
    let Some(operations) = patch.as_list() else {
        return malformed(&format!(
            "json: cannot unmarshal {} into Go value of type []handlers.jsonPatchOp",
            patch.json_type()
        ));
    };
    if operations.len() > MOST_OPERATIONS {
        let why =
            format!("The allowed maximum operations in a JSON patch is {MOST_OPERATIONS}, got {}", operations.len());
        return Err(PatchError::TooLarge(why));
    }
    for operation in operations {
        let type_ = operation.json_type();
        if !matches!(type_, "object" | "null") {
            return malformed(&format!("json: cannot unmarshal {type_} into Go value of type handlers.jsonPatchOp"));
        }
        for (field, value) in operation.as_map().into_iter().flat_map(|fields| fields.iter()) {
            let type_ = value.json_type();
            if matches!(field.as_str(), "op" | "path" | "from") && !matches!(type_, "string" | "null") {
                let why =
                    format!("json: cannot unmarshal {type_} into Go struct field jsonPatchOp.{field} of type string");
                return malformed(&why);
            }
        }
    }
    let mut result = target.clone();
    for operation in operations {
        let (name, path) = (operation.text("op"), operation.text("path"));
        let steps = pointer(path);
        // The whole can be compared and replaced by what can hold something, and nothing else.
        let whole = operation.field("path").is_some() && path.is_empty();
        let holds = || matches!(operation.get("value"), Some(Value::Map(_) | Value::List(_)));
        if steps.is_empty() && !(whole && (name == "test" || name == "replace" && holds())) {
            return unfit(format!("{name} operation does not apply: doc is missing path: \"{path}\": missing value"));
        }
        let value = operation.get("value").cloned().unwrap_or_default();
        match name {
            "add" => add(&mut result, &steps, value, path)?,
            "remove" => drop(remove(&mut result, &steps, path, "remove")?),
            "replace" => {
                if find(&result, &steps).is_none() {
                    return unfit(format!(
                        "replace operation does not apply: doc is missing key: {path}: missing value"
                    ));
                }
                set(&mut result, &steps, value);
            }
            "test" => {
                if find(&result, &steps).unwrap_or(&Value::Null) != &value {
                    return unfit(format!("testing value {path} failed: test failed"));
                }
            }
            "move" | "copy" => {
                let from = operation.text("from");
                let source = pointer(from);
                let Some(moved) = find(&result, &source).filter(|_| !source.is_empty()).cloned() else {
                    return unfit(format!(
                        "{name} operation does not apply: doc is missing from path: {from}: missing value"
                    ));
                };
                if name == "move" {
                    remove(&mut result, &source, from, "move")?;
                }
                add(&mut result, &steps, moved, path)?;
            }
            other => return unfit(format!("Unexpected kind: {other}")),
        }
    }
    Ok(result)
}

fn unfit<T>(why: String) -> Result<T, PatchError> {
    Err(PatchError::Unfit(why))
}

/// The steps of a JSON pointer.
fn pointer(path: &str) -> Vec<SmolStr> {
    path.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~").into()).collect()
}

fn index(step: &str, length: usize) -> Option<usize> {
    match step.strip_prefix('-') {
        Some(back) => length.checked_sub(back.parse().ok()?),
        None => step.parse().ok(),
    }
}

fn find<'a>(value: &'a Value, steps: &[SmolStr]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |at, step| match at {
        Value::Map(map) => map.get(step),
        Value::List(items) => items.get(index(step, items.len())?),
        _ => None,
    })
}

fn find_mut<'a>(value: &'a mut Value, steps: &[SmolStr]) -> Option<&'a mut Value> {
    let Some((step, rest)) = steps.split_first() else { return Some(value) };
    let next = match value {
        Value::Map(_) => value.map_mut().get_mut(step)?,
        Value::List(items) => {
            let at = index(step, items.len())?;
            value.list_mut().get_mut(at)?
        }
        _ => return None,
    };
    find_mut(next, rest)
}

fn set(value: &mut Value, steps: &[SmolStr], new: Value) {
    if let Some(place) = find_mut(value, steps) {
        *place = new;
    }
}

fn add(value: &mut Value, steps: &[SmolStr], new: Value, path: &str) -> Result<(), PatchError> {
    let Some((last, parents)) = steps.split_last() else {
        *value = new;
        return Ok(());
    };
    let Some(parent) = find_mut(value, parents) else {
        return unfit(format!("add operation does not apply: doc is missing path: \"{path}\": missing value"));
    };
    match parent {
        Value::List(items) => {
            let length = items.len();
            let at = if last == "-" { Some(length) } else { index(last, length) };
            match at.filter(|at| *at <= length) {
                Some(at) => parent.list_mut().insert(at, new),
                None => return unfit(format!("Unable to access invalid index: {last}: invalid index referenced")),
            }
        }
        Value::Map(_) => drop(parent.map_mut().insert(last.clone(), new)),
        _ => return unfit(format!("add operation does not apply: doc is missing path: \"{path}\": missing value")),
    }
    Ok(())
}

fn remove(value: &mut Value, steps: &[SmolStr], path: &str, name: &str) -> Result<Value, PatchError> {
    let missing = || {
        PatchError::Unfit(format!("{name} operation does not apply: doc is missing path: \"{path}\": missing value"))
    };
    let (last, parents) = steps.split_last().ok_or_else(missing)?;
    match find_mut(value, parents).ok_or_else(missing)? {
        parent @ Value::Map(_) => parent.map_mut().remove(last).ok_or_else(|| {
            PatchError::Unfit(format!(
                "{name} operation does not apply: Unable to remove nonexistent key: {last}: missing value"
            ))
        }),
        parent @ Value::List(_) => {
            let items = parent.list_mut();
            let at = index(last, items.len()).filter(|at| *at < items.len());
            at.map(|at| items.remove(at)).ok_or_else(|| {
                PatchError::Unfit(format!("Unable to access invalid index: {last}: invalid index referenced"))
            })
        }
        _ => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn operations_apply_in_order_or_tell_why_not() {
        let object = value!({ "a": [1, 2], "b": { "x/y": 1 } });
        let patch = value!([
            { "op": "add", "path": "/a/-", "value": 3 },
            { "op": "remove", "path": "/a/0" },
            { "op": "replace", "path": "/b/x~1y", "value": 5 },
            { "op": "copy", "from": "/b", "path": "/c" }
        ]);
        assert_eq!(json(&object, &patch), Ok(value!({ "a": [2, 3], "b": { "x/y": 5 }, "c": { "x/y": 5 } })));
        for wrong in [
            value!([{ "op": "remove", "path": "/nope" }]),
            value!([{ "op": "replace", "path": "/a/7", "value": 1 }]),
            value!([{ "op": "add", "path": "/a/9", "value": 1 }]),
            value!([{ "op": "test", "path": "/a/0", "value": 9 }]),
            value!({ "op": "add" }),
            value!([{ "op": "add", "value": 1 }]),
            value!([{ "op": "add", "path": "a", "value": 1 }]),
            value!([{ "op": "add", "path": 5, "value": 1 }]),
            value!([{ "op": "replace", "path": "", "value": 1 }]),
            value!([{ "op": "copy", "from": "", "path": "/c" }]),
            value!(["add"]),
        ] {
            assert!(json(&object, &wrong).is_err(), "{wrong:?}");
        }
    }
}
