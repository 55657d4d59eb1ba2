//! Strategic merge patches (apimachinery `util/strategicpatch`): lists are merged by the keys that the schema names, and
//! directives (`$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`) say the rest.

use super::PatchError;
use crate::api::schema::{FieldType, Patch, Shape, Struct, StructId, schema};
use crate::api::value::{Map, Value};
use smol_str::SmolStr;

pub(super) const DIRECTIVE: &str = "$patch";
pub(super) const RETAIN_KEYS: &str = "$retainKeys";
pub(super) const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
pub(super) const SET_ORDER: &str = "$setElementOrder/";

/// Applies a strategic merge patch to an object of the kind behind `root`.
pub fn strategic(root: StructId, target: &Value, patch: &Value) -> Result<Value, PatchError> {
    let Some(changes) = patch.as_map() else {
        return Err(PatchError::Malformed(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            patch.json_type()
        )));
    };
    let options = Options { parallel_lists: true, ignore_nulls: true };
    let original = target.as_map().cloned().unwrap_or_default();
    Ok(merge_map(original, changes, Place::Struct(schema().at(root)), options)?.into())
}

/// Where in the schema a value stands.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Struct(&'static Struct),
    /// A map with free keys.
    Map(&'static FieldType),
    /// Nothing is known of it.
    Unknown,
}

impl Place {
    fn of(ty: &'static FieldType) -> Place {
        match &ty.shape {
            Shape::Struct(id) => Place::Struct(schema().at(*id)),
            Shape::Map(element) => Place::Map(element),
            Shape::List(element) => Place::of(element),
            _ => Place::Unknown,
        }
    }

    /// The place of a field's value (of a list: of its elements), and how it is patched.
    pub(super) fn field(self, key: &str) -> (Place, Patch) {
        match self {
            Place::Struct(structure) => match structure.field(key) {
                Some(field) => (Place::of(&field.ty), field.patch),
                None => (Place::Unknown, Patch::default()),
            },
            Place::Map(element) => (Place::of(element), Patch::default()),
            Place::Unknown => (Place::Unknown, Patch::default()),
        }
    }
}

/// `strategicpatch.MergeOptions`.
#[derive(Clone, Copy)]
pub(super) struct Options {
    /// Whether directives about lists are carried out, or kept for who carries them out later.
    pub parallel_lists: bool,
    /// Whether a null for what is not there is forgotten.
    pub ignore_nulls: bool,
}

/// What the patch of a list does to the words of an error: upstream prints Go's map.
fn no_merge_key(item: &Value, key: &str) -> PatchError {
    PatchError::Unforeseen(format!("map: {} does not contain declared merge key: {key}", super::go_map(item)))
}

fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Float(_) => 2,
        Value::String(_) => 3,
        Value::List(_) => 4,
        Value::Map(_) => 5,
    }
}

/// Directives make sense only where there is something to patch; elsewhere what bears one goes.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Map(map) if map.contains_key(DIRECTIVE) => None,
        Value::Map(map) => {
            let kept = map.iter().filter_map(|(k, v)| Some((k.clone(), without_directives(v)?)));
            Some(kept.collect::<Map>().into())
        }
        Value::List(items) => Some(Value::list(items.iter().filter_map(without_directives).collect())),
        other => Some(other.clone()),
    }
}

/// `mergeMap`.
pub(super) fn merge_map(mut original: Map, patch: &Map, place: Place, options: Options) -> Result<Map, PatchError> {
    let mut patch = patch.clone();
    if let Some(directive) = patch.get(DIRECTIVE).cloned() {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(DIRECTIVE);
                Ok(patch)
            }
            Some("delete") => Ok(Map::new()),
            _ => Err(PatchError::Unforeseen(format!(
                "unknown patch type: {} in map: {}",
                super::go_map(&directive),
                super::go_map(&patch.into())
            ))),
        };
    }
    retain_keys(&mut original, &mut patch, options)?;
    set_order(&mut original, &mut patch, place, options)?;
    for (key, change) in patch.iter() {
        let mut key = key.as_str();
        let mut deletes = false;
        if let Some(list) = key.strip_prefix(DELETE_FROM) {
            if !options.parallel_lists {
                original.insert(key, change.clone());
                continue;
            }
            (key, deletes) = (list, true);
        }
        if change.is_null() {
            original.remove(key);
            if options.ignore_nulls {
                continue;
            }
        }
        let before = original.get(key).filter(|before| kind_of(before) == kind_of(change)).cloned();
        let Some(before) = before else {
            if !deletes {
                let change = if options.ignore_nulls { change.without_nulls() } else { change.clone() };
                match without_directives(&change) {
                    Some(kept) => drop(original.insert(key, kept)),
                    None => drop(original.remove(key)),
                }
            }
            continue;
        };
        let (inner, strategy) = place.field(key);
        let merged = match (&before, change) {
            (Value::Map(_), Value::Map(_)) if strategy.replace => change.clone(),
            (Value::Map(before), Value::Map(change)) => merge_map(before.clone(), change, inner, options)?.into(),
            (Value::List(before), Value::List(change)) if strategy.merge || deletes => {
                let key = strategy.merge_key.unwrap_or("");
                Value::list(merge_list((**before).clone(), change, inner, key, options, deletes)?)
            }
            _ => change.clone(),
        };
        original.insert(key, merged);
    }
    Ok(original)
}

/// `$retainKeys`: what it does not name goes.
fn retain_keys(original: &mut Map, patch: &mut Map, options: Options) -> Result<(), PatchError> {
    let Some(list) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    if !options.parallel_lists {
        original.insert(RETAIN_KEYS, list);
        return Ok(());
    }
    let bad = || PatchError::Malformed("invalid patch format of retainKeys".into());
    let names: Vec<&str> = list.as_list().ok_or_else(bad)?.iter().filter_map(Value::as_str).collect();
    let directive = |k: &str| k.starts_with(DELETE_FROM) || k.starts_with(SET_ORDER);
    if patch.iter().any(|(k, v)| !v.is_null() && !directive(k) && !names.contains(&k.as_str())) {
        return Err(bad());
    }
    original.retain(|key, _| names.contains(&key));
    Ok(())
}

/// `$setElementOrder/…`: lists that the patch puts into an order (`mergePatchIntoOriginal`).
fn set_order(original: &mut Map, patch: &mut Map, place: Place, options: Options) -> Result<(), PatchError> {
    let keys: Vec<SmolStr> = patch.keys().filter(|k| k.starts_with(SET_ORDER)).cloned().collect();
    for directive in keys {
        let Some(order) = patch.remove(&directive) else { continue };
        if !options.parallel_lists {
            original.insert(directive.clone(), order.clone());
        }
        let bad = || PatchError::Malformed("invalid patch format of setElementOrder list".into());
        let order = order.as_list().ok_or_else(bad)?;
        let key = &directive[SET_ORDER.len()..];
        let (inner, strategy) = place.field(key);
        let merge_key = strategy.merge_key.unwrap_or("");
        let list = |map: &Map| -> Result<Option<Vec<Value>>, PatchError> {
            map.get(key).map(|v| v.as_list().map(<[Value]>::to_vec).ok_or_else(bad)).transpose()
        };
        let (before, change) = (list(original)?, list(patch)?);
        in_order(change.as_deref().unwrap_or(&[]), order, merge_key)?;
        let merged = match (&before, &change) {
            (None, None) => continue,
            (Some(before), None) => before.clone(),
            (None, Some(change)) => change.iter().filter_map(without_directives).collect(),
            (Some(before), Some(change)) if strategy.merge => {
                merge_list(before.clone(), change, inner, merge_key, options, false)?
            }
            (Some(_), Some(change)) => change.clone(),
        };
        let (patched, others) = partition(merged, order, merge_key);
        let sorted = order_elements(patched, others, order, before.as_deref().unwrap_or(&[]), merge_key);
        original.insert(key, Value::list(sorted));
        patch.remove(key);
    }
    Ok(())
}

/// Whether lists have maps as their elements; all elements must be of one kind, and none a list (`sliceElementType`).
fn same_kind(original: &[Value], patch: &[Value]) -> Result<bool, PatchError> {
    let mut all = original.iter().chain(patch);
    let Some(first) = all.next() else { return Ok(false) };
    if first.as_list().is_some() {
        return Err(PatchError::Unfit("lists of lists are not supported".into()));
    }
    if all.any(|item| kind_of(item) != kind_of(first)) {
        let (original, patch) = (Value::list(original.to_vec()), Value::list(patch.to_vec()));
        return Err(PatchError::Unforeseen(format!(
            "list element types are not identical: [{} {}]",
            super::go_map(&original),
            super::go_map(&patch)
        )));
    }
    Ok(first.as_map().is_some())
}

/// The elements of a patch must stand in the order that it asks for (`validatePatchWithSetOrderList`).
fn in_order(patch: &[Value], order: &[Value], merge_key: &str) -> Result<(), PatchError> {
    if patch.is_empty() || order.is_empty() {
        return Ok(());
    }
    let mut wanted = patch.iter().filter(|item| item.get(DIRECTIVE).is_none()).peekable();
    for place in order {
        if wanted.peek().is_some_and(|item| identity(item, merge_key) == identity(place, merge_key)) {
            wanted.next();
        }
    }
    match wanted.peek() {
        None => Ok(()),
        Some(_) => Err(PatchError::Unforeseen(format!(
            "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
            super::go_map(&Value::list(patch.to_vec())),
            super::go_map(&Value::list(order.to_vec()))
        ))),
    }
}

/// What tells an element of a list from the others.
pub(super) fn identity<'a>(item: &'a Value, merge_key: &str) -> &'a Value {
    match item {
        Value::Map(map) if !merge_key.is_empty() => map.get(merge_key).unwrap_or(&Value::Null),
        other => other,
    }
}

fn position(list: &[Value], item: &Value, merge_key: &str) -> Option<usize> {
    let wanted = identity(item, merge_key);
    list.iter().position(|other| identity(other, merge_key) == wanted)
}

/// `mergeSlice`.
fn merge_list(
    original: Vec<Value>,
    patch: &[Value],
    place: Place,
    merge_key: &str,
    options: Options,
    deletes: bool,
) -> Result<Vec<Value>, PatchError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let maps = same_kind(&original, patch)?;
    if !maps {
        if options.parallel_lists && deletes {
            return Ok(original.into_iter().filter(|item| !patch.contains(item)).collect());
        }
        let mut merged: Vec<Value> = Vec::new();
        for item in original.iter().chain(patch) {
            if !merged.contains(item) {
                merged.push(item.clone());
            }
        }
        let (patched, others) = partition(merged, patch, "");
        return Ok(order_elements(patched, others, patch, &original, ""));
    }
    if merge_key.is_empty() {
        return Err(PatchError::Unforeseen("cannot merge lists without merge key".into()));
    }
    let (mut original, mut changes, mut replace) = (original, Vec::new(), false);
    for item in patch {
        match item.get(DIRECTIVE).map(|d| d.as_str().unwrap_or("")) {
            None => changes.push(item.clone()),
            Some("delete") => {
                let wanted = item.get(merge_key).ok_or_else(|| no_merge_key(item, merge_key))?;
                original.retain(|other| other.get(merge_key) != Some(wanted));
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(PatchError::Unforeseen("merging lists cannot yet be specified in the patch".into()));
            }
            Some(other) => {
                return Err(PatchError::Unforeseen(format!(
                    "unknown patch type: {other} in map: {}",
                    super::go_map(item)
                )));
            }
        }
    }
    if replace {
        (original, changes) = (changes, Vec::new());
    }
    let server_order = original.clone();
    for change in &changes {
        let Some(wanted) = change.get(merge_key) else { return Err(no_merge_key(change, merge_key)) };
        match original.iter().position(|other| other.get(merge_key) == Some(wanted)) {
            Some(at) => {
                let (Some(before), Some(change)) = (original[at].as_map(), change.as_map()) else { continue };
                original[at] = merge_map(before.clone(), change, place, options)?.into();
            }
            None => original.push(change.clone()),
        }
    }
    let (patched, others) = partition(original, &changes, merge_key);
    Ok(order_elements(patched, others, &changes, &server_order, merge_key))
}

/// Elements that `by` has, and the others.
fn partition(list: Vec<Value>, by: &[Value], merge_key: &str) -> (Vec<Value>, Vec<Value>) {
    list.into_iter().partition(|item| position(by, item, merge_key).is_some())
}

/// Elements of the patch in its order, the others in the server's, and both as far interleaved as the server had them
/// (`normalizeElementOrder`).
fn order_elements(
    patched: Vec<Value>,
    others: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    merge_key: &str,
) -> Vec<Value> {
    let right = sort_by(patched, patch_order, merge_key);
    let left = sort_by(others, server_order, merge_key);
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    let mut all = Vec::new();
    loop {
        let take_left = match (left.peek(), right.peek()) {
            (None, None) => return all,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(l), Some(r)) => {
                let place = |item| position(server_order, item, merge_key);
                matches!((place(l), place(r)), (Some(l), Some(r)) if l < r)
            }
        };
        all.extend(if take_left { left.next() } else { right.next() });
    }
}

/// `normalizeSliceOrder`: sorted by `order`; what is to be deleted goes to the end.
pub(super) fn sort_by(list: Vec<Value>, order: &[Value], merge_key: &str) -> Vec<Value> {
    let doomed = |item: &Value| item.get(DIRECTIVE).and_then(Value::as_str) == Some("delete");
    let (deleted, mut kept): (Vec<Value>, Vec<Value>) = list.into_iter().partition(doomed);
    // Upstream's comparison is no order for elements that `order` lacks, so the very algorithm matters.
    for i in 1..kept.len() {
        let mut j = i;
        while j > 0 {
            let places = (position(order, &kept[j], merge_key), position(order, &kept[j - 1], merge_key));
            if matches!(places, (Some(a), Some(b)) if a >= b) {
                break;
            }
            kept.swap(j, j - 1);
            j -= 1;
        }
    }
    kept.extend(deleted);
    kept
}
