//! How `kubectl apply` finds the patch that it sends, from three objects: the one applied last, the new one, and the live
//! one (`strategicpatch.CreateThreeWayMergePatch`, `jsonmergepatch.CreateThreeWayJSONMergePatch`).

use super::PatchError;
use super::strategic::{DELETE_FROM, DIRECTIVE, Options, Place, RETAIN_KEYS, SET_ORDER, identity, merge_map, sort_by};
use crate::api::schema::{StructId, schema};
use crate::api::value::{Map, Value};
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};

/// The strategic merge patch: what was removed since the last apply, and what differs from the live object.
pub fn strategic_three_way(
    root: StructId,
    original: &Value,
    modified: &Value,
    current: &Value,
) -> Result<Value, PatchError> {
    let place = Place::Struct(schema().at(root));
    let map = |value: &Value| value.as_map().cloned().unwrap_or_default();
    let (original, modified, current) = (map(original), map(modified), map(current));
    let delta = diff_maps(&current, &modified, place, Only { changes: true, deletions: false, retain: false })?;
    let deletions = diff_maps(&original, &modified, place, Only { changes: false, deletions: true, retain: false })?;
    let options = Options { parallel_lists: false, ignore_nulls: false };
    Ok(merge_map(deletions, &delta, place, options)?.into())
}

/// The JSON merge patch, for kinds without a schema.
pub fn merge_three_way(original: &Value, modified: &Value, current: &Value) -> Value {
    let changes = only_nulls(&merge_diff(current, modified), false).unwrap_or_else(Value::map);
    let deletions = only_nulls(&merge_diff(original, modified), true).unwrap_or_else(Value::map);
    // Both are patches: nulls must survive.
    combine(&deletions, &changes)
}

fn combine(a: &Value, b: &Value) -> Value {
    let (Some(_), Some(changes)) = (a.as_map(), b.as_map()) else { return b.clone() };
    let mut merged = a.clone();
    for (key, change) in changes.iter() {
        let combined = a.get(key).map_or_else(|| change.clone(), |before| combine(before, change));
        merged.map_mut().insert(key.clone(), combined);
    }
    merged
}

/// The merge patch that turns `from` into `to`.
fn merge_diff(from: &Value, to: &Value) -> Value {
    let (Some(before), Some(after)) = (from.as_map(), to.as_map()) else { return to.clone() };
    let mut patch = Map::new();
    for (key, value) in after.iter() {
        match before.get(key) {
            Some(old) if old == value => {}
            Some(old @ Value::Map(_)) if value.as_map().is_some() => {
                let inner = merge_diff(old, value);
                if inner.as_map().is_some_and(|m| !m.is_empty()) {
                    patch.insert(key.clone(), inner);
                }
            }
            _ => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    for key in before.keys().filter(|k| !after.contains_key(k)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch.into()
}

/// The nulls of a merge patch alone, or everything but them.
fn only_nulls(patch: &Value, nulls: bool) -> Option<Value> {
    match patch {
        Value::Null => nulls.then_some(Value::Null),
        Value::Map(map) => {
            let kept: Map = map.iter().filter_map(|(k, v)| Some((k.clone(), only_nulls(v, nulls)?))).collect();
            (!kept.is_empty() || (map.is_empty() && !nulls)).then(|| kept.into())
        }
        other => (!nulls).then(|| other.clone()),
    }
}

/// Which differences count (`strategicpatch.DiffOptions`).
#[derive(Clone, Copy)]
struct Only {
    changes: bool,
    deletions: bool,
    /// Whether to say which keys are to stay.
    retain: bool,
}

/// `diffMaps`.
fn diff_maps(original: &Map, modified: &Map, place: Place, only: Only) -> Result<Map, PatchError> {
    let mut patch = Map::new();
    let mut retained: Vec<Value> = Vec::new();
    for (key, after) in modified.iter() {
        if only.retain && !after.is_null() {
            retained.push(key.into());
        }
        let (inner, strategy) = place.field(key);
        let within = Only { retain: strategy.retain_keys, ..only };
        match (original.get(key), after) {
            (Some(Value::Map(before)), Value::Map(after_map)) => {
                if strategy.replace {
                    if only.changes {
                        patch.insert(key.clone(), after.clone());
                    }
                } else {
                    let changes = diff_maps(before, after_map, inner, within)?;
                    if !changes.is_empty() {
                        patch.insert(key.clone(), changes);
                    }
                }
            }
            (Some(Value::List(before)), Value::List(after_list)) if strategy.merge => {
                let merge_key = strategy.merge_key.unwrap_or("");
                diff_lists(&mut patch, key, before, after_list, inner, merge_key, within)?;
            }
            (Some(before), after) if same(before, after) => {}
            _ if only.changes => drop(patch.insert(key.clone(), after.clone())),
            _ => {}
        }
    }
    if only.deletions {
        for key in original.keys().filter(|k| !modified.contains_key(k)) {
            patch.insert(key.clone(), Value::Null);
        }
    }
    let has_more = original.keys().any(|k| !modified.contains_key(k));
    if !retained.is_empty() && (!patch.is_empty() || has_more) {
        patch.insert(RETAIN_KEYS, Value::list(retained));
    }
    Ok(patch)
}

/// Equal, with whole numbers and floats compared by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(i), Value::Float(f)) | (Value::Float(f), Value::Int(i)) => *i as f64 == *f,
        _ => a == b,
    }
}

/// `diffLists`, with its result put into the patch.
fn diff_lists(
    patch: &mut Map,
    key: &SmolStr,
    original: &[Value],
    modified: &[Value],
    place: Place,
    merge_key: &str,
    only: Only,
) -> Result<(), PatchError> {
    if original.is_empty() {
        if !modified.is_empty() && only.changes {
            patch.insert(key.clone(), Value::list(modified.to_vec()));
        }
        return Ok(());
    }
    let maps = original.iter().chain(modified).any(|item| item.as_map().is_some());
    let order = format_smolstr!("{SET_ORDER}{key}");
    if maps {
        let (changes, deleted) = diff_lists_of_maps(original, modified, place, merge_key, only)?;
        let mut list = sort_by(changes, modified, merge_key);
        list.extend(deleted);
        let same_order = original.len() == modified.len()
            && original.iter().zip(modified).all(|(a, b)| identity(a, merge_key) == identity(b, merge_key));
        let ordered = (only.changes && (!list.is_empty() || !same_order)) || (only.deletions && !list.is_empty());
        if !list.is_empty() {
            patch.insert(key.clone(), Value::list(list));
        }
        if ordered && !modified.is_empty() {
            let identities = modified.iter().map(|item| {
                let mut only_key = Map::new();
                only_key.insert(merge_key, identity(item, merge_key).clone());
                Value::from(only_key)
            });
            patch.insert(order, Value::list(identities.collect()));
        }
        return Ok(());
    }
    let added: Vec<Value> = modified.iter().filter(|item| !original.contains(item)).cloned().collect();
    // Upstream sorts the old list in place, and compares what it has become: an unsorted list is always put into order.
    let mut original = original.to_vec();
    original.arrange_by_key(super::go_map);
    let mut deleted: Vec<Value> = original.iter().filter(|item| !modified.contains(item)).cloned().collect();
    deleted.dedup();
    let ordered = (only.deletions && !deleted.is_empty()) || (only.changes && original != modified);
    if only.changes && !added.is_empty() {
        patch.insert(key.clone(), Value::list(added));
    }
    if only.deletions && !deleted.is_empty() {
        patch.insert(format_smolstr!("{DELETE_FROM}{key}"), Value::list(deleted));
    }
    if ordered && !modified.is_empty() {
        patch.insert(order, Value::list(modified.to_vec()));
    }
    Ok(())
}

/// Changes and additions, and deletions.
fn diff_lists_of_maps(
    original: &[Value],
    modified: &[Value],
    place: Place,
    merge_key: &str,
    only: Only,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let sorted = |list: &[Value]| -> Result<Vec<(String, Value)>, PatchError> {
        let mut keyed = Vec::with_capacity(list.len());
        for item in list {
            let Some(id) = item.get(merge_key) else {
                return Err(PatchError::Unforeseen(format!(
                    "map: {} does not contain declared merge key: {merge_key}",
                    super::go_map(item)
                )));
            };
            keyed.push((super::go_map(id), item.clone()));
        }
        // Upstream's comparison says that equal keys are in order either way, which turns their order round.
        keyed.reverse();
        keyed.arrange_by(|a, b| a.0.cmp(&b.0));
        Ok(keyed)
    };
    let (before, after) = (sorted(original)?, sorted(modified)?);
    let (mut i, mut j) = (0, 0);
    let (mut changes, mut deletions) = (Vec::new(), Vec::new());
    loop {
        let order = match (before.get(i), after.get(j)) {
            (None, None) => return Ok((changes, deletions)),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.0.cmp(&b.0),
        };
        match order {
            std::cmp::Ordering::Equal => {
                if let (Some(a), Some(b)) = (before[i].1.as_map(), after[j].1.as_map()) {
                    let mut change = diff_maps(a, b, place, only)?;
                    if !change.is_empty() {
                        change.insert(merge_key, identity(&after[j].1, merge_key).clone());
                        changes.push(change.into());
                    }
                }
                (i, j) = (i + 1, j + 1);
            }
            std::cmp::Ordering::Greater => {
                if only.changes {
                    changes.push(after[j].1.clone());
                }
                j += 1;
            }
            std::cmp::Ordering::Less => {
                if only.deletions {
                    let mut doomed = Value::map();
                    doomed.map_mut().insert(DIRECTIVE, "delete");
                    doomed.map_mut().insert(merge_key, identity(&before[i].1, merge_key).clone());
                    deletions.push(doomed);
                }
                i += 1;
            }
        }
    }
}
