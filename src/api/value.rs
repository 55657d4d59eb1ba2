//! A JSON value as Kubernetes keeps it: maps sorted by key (Go prints maps sorted), integers told apart from floats,
//! subtrees shared so that a pod made from a template costs a few pointers.

use crate::arrange::Arrange;
use crate::later::Later;
use ecow::EcoVec;
use smol_str::SmolStr;
use std::sync::Arc;

#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(SmolStr),
    List(Arc<Vec<Value>>),
    Map(Map),
}

impl PartialEq<Later<Value>> for Value {
    fn eq(&self, other: &Later<Value>) -> bool {
        *self == **other
    }
}

impl PartialEq for Value {
    /// Shared subtrees are equal without being looked at: most comparisons are of an object with its next version.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b) || a == b,
            (Value::Map(a), Value::Map(b)) => a == b,
            _ => false,
        }
    }
}

/// Maps of objects have few keys of many lengths: looking at each key's length is quicker there than halving, which must
/// compare letters every time.
const FEW: usize = 16;

/// A map with its entries sorted by key. Keys are unique. Cheap to clone: the entries are shared until one of both is changed.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: EcoVec<(SmolStr, Value)>,
}

impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.is_same(other) || self.entries == other.entries
    }
}

impl Map {
    pub fn new() -> Map {
        Map::default()
    }

    /// An empty map with room for so many entries.
    pub fn with_capacity(entries: usize) -> Map {
        Map { entries: EcoVec::with_capacity(entries) }
    }

    /// Whether both are the same piece of memory.
    fn is_same(&self, other: &Map) -> bool {
        self.entries.as_ptr() == other.entries.as_ptr() && self.entries.len() == other.entries.len()
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        if self.entries.len() > FEW {
            return self.find(key).ok().map(|i| &self.entries[i].1);
        }
        // As `place` does it: this is what the program does most of all.
        for (k, value) in self.entries.as_slice() {
            if k.len() == key.len() && k.as_str() == key {
                return Some(value);
            }
        }
        None
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.place(key).map(|i| &mut self.entries.make_mut()[i].1)
    }

    /// Sets `key`; gives back what was there.
    pub fn insert(&mut self, key: impl Into<SmolStr>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        // Maps are mostly built in order.
        if self.entries.last().is_none_or(|(last, _)| last.as_str() < key.as_str()) {
            self.entries.push((key, value));
            return None;
        }
        match self.find(&key) {
            Ok(i) => Some(std::mem::replace(&mut self.entries.make_mut()[i].1, value)),
            Err(i) => {
                self.entries.insert(i, (key, value));
                None
            }
        }
    }

    /// Appends the next entry in order; for maps that are built often, from names that are known to be sorted.
    pub fn push(&mut self, key: &'static str, value: impl Into<Value>) {
        debug_assert!(self.entries.last().is_none_or(|(last, _)| last.as_str() < key), "{key} is not the next one");
        self.entries.push((SmolStr::new_static(key), value.into()));
    }

    /// The value of `key`, made `Null` first when it is missing.
    pub fn entry(&mut self, key: &str) -> &mut Value {
        let i = self.place(key).unwrap_or_else(|| {
            let i = self.find(key).unwrap_or_else(|i| i);
            self.entries.insert(i, (key.into(), Value::Null));
            i
        });
        &mut self.entries.make_mut()[i].1
    }

    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.place(key).map(|i| self.entries.remove(i).1)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.entries.retain(|(k, v)| keep(k, v));
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&SmolStr, &Value)> + ExactSizeIterator {
        self.entries.iter().map(|(k, v)| (k, v))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&SmolStr, &mut Value)> {
        self.entries.make_mut().iter_mut().map(|(k, v)| (&*k, v))
    }

    pub fn keys(&self) -> impl Iterator<Item = &SmolStr> {
        self.entries.iter().map(|(k, _)| k)
    }

    /// Where a key stands.
    fn place(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|(k, _)| k.len() == key.len() && k.as_str() == key);
        }
        self.find(key).ok()
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|(k, _)| k.as_str().cmp(key))
    }
}

impl FromIterator<(SmolStr, Value)> for Map {
    /// The last entry of a key wins, as in JSON.
    fn from_iter<I: IntoIterator<Item = (SmolStr, Value)>>(iter: I) -> Map {
        let mut entries: Vec<(SmolStr, Value)> = iter.into_iter().collect();
        // Stable, so that equal keys keep their order; sorting once is what keeps a map of many keys cheap.
        entries.arrange_by(|a, b| a.0.cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|later, kept| later.0 == kept.0);
        entries.reverse();
        Map { entries: entries.into() }
    }
}

impl Value {
    /// The value without the nulls inside its maps, as a new object has none.
    pub fn without_nulls(&self) -> Value {
        match self {
            Value::Map(map) => {
                let kept = map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), v.without_nulls()));
                kept.collect::<Map>().into()
            }
            Value::List(items) => Value::list(items.iter().map(Value::without_nulls).collect()),
            other => other.clone(),
        }
    }

    /// Whether both are the same piece of memory, so that they are equal without being looked at. Scalars are compared.
    pub fn is_same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::List(a), Value::List(b)) => Arc::ptr_eq(a, b),
            (Value::Map(a), Value::Map(b)) => a.is_same(b),
            (Value::List(_) | Value::Map(_), _) | (_, Value::List(_) | Value::Map(_)) => false,
            (a, b) => a == b,
        }
    }

    /// An empty map.
    pub fn map() -> Value {
        Value::Map(Map::new())
    }

    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Arc::new(items))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(s) => Some(s),
            _ => None,
        }
    }

    pub fn as_smol(&self) -> Option<SmolStr> {
        match self {
            Value::String(s) => Some(s.clone()),
            _ => None,
        }
    }

    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(m) => Some(m),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(l) => Some(l),
            _ => None,
        }
    }

    /// The map to write into; shared content is copied first, anything that is not a map becomes an empty one.
    pub fn map_mut(&mut self) -> &mut Map {
        if !matches!(self, Value::Map(_)) {
            *self = Value::map();
        }
        match self {
            Value::Map(m) => m,
            _ => unreachable!("made a map above"),
        }
    }

    /// The list to write into; shared content is copied first, anything that is not a list becomes an empty one.
    pub fn list_mut(&mut self) -> &mut Vec<Value> {
        if !matches!(self, Value::List(_)) {
            *self = Value::list(Vec::new());
        }
        match self {
            Value::List(l) => Arc::make_mut(l),
            _ => unreachable!("made a list above"),
        }
    }

    /// A key of a map; `None` when this is no map or lacks it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// A key of a map that holds something: `null` counts as missing, as it does for Go.
    pub fn field(&self, key: &str) -> Option<&Value> {
        self.get(key).filter(|v| !v.is_null())
    }

    /// The string at `key`, or "".
    pub fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Value::as_str).unwrap_or("")
    }

    /// The whole number at `key`, or 0.
    pub fn int(&self, key: &str) -> i64 {
        self.get(key).and_then(Value::as_i64).unwrap_or(0)
    }

    /// The boolean at `key`, or false.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The items of the list at `key`; none when there is no list.
    pub fn items(&self, key: &str) -> &[Value] {
        self.get(key).and_then(Value::as_list).unwrap_or(&[])
    }

    /// The entries of the map at `key`, sorted; none when there is no map.
    pub fn entries(&self, key: &str) -> impl Iterator<Item = (&SmolStr, &Value)> {
        self.get(key).and_then(Value::as_map).into_iter().flat_map(Map::iter)
    }

    /// Walks keys of nested maps: `value.at(&["spec", "clusterIP"])`.
    pub fn at(&self, keys: &[&str]) -> Option<&Value> {
        keys.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The string at `keys`, or "".
    pub fn str_at(&self, keys: &[&str]) -> &str {
        self.at(keys).and_then(Value::as_str).unwrap_or("")
    }

    /// The items of the list at `keys`; none when there is no list.
    pub fn items_at(&self, keys: &[&str]) -> &[Value] {
        self.at(keys).and_then(Value::as_list).unwrap_or(&[])
    }

    /// Sets the value at `keys`, making maps on the way.
    pub fn set_at(&mut self, keys: &[&str], value: impl Into<Value>) {
        let mut at = self;
        for key in keys {
            at = at.map_mut().entry(key);
        }
        *at = value.into();
    }

    /// Removes the value at `keys`; gives back what was there.
    pub fn remove_at(&mut self, keys: &[&str]) -> Option<Value> {
        let (last, parents) = keys.split_last()?;
        self.at(parents)?.as_map()?.get(last)?;
        let mut at = self;
        for key in parents {
            at = at.map_mut().entry(key);
        }
        at.map_mut().remove(last)
    }

    /// Go's word for the JSON type, as `json: cannot unmarshal …` has it.
    pub fn json_type(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Float(_) => "number",
            Value::String(_) => "string",
            Value::List(_) => "array",
            Value::Map(_) => "object",
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::Bool(b)
    }
}
impl From<i64> for Value {
    fn from(i: i64) -> Value {
        Value::Int(i)
    }
}
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<i32> for Value {
    fn from(i: i32) -> Value {
        Value::Int(i.into())
    }
}
impl From<&str> for Value {
    fn from(s: &str) -> Value {
        Value::String(s.into())
    }
}
impl From<String> for Value {
    fn from(s: String) -> Value {
        Value::String(s.into())
    }
}
impl From<SmolStr> for Value {
    fn from(s: SmolStr) -> Value {
        Value::String(s)
    }
}
impl From<&SmolStr> for Value {
    fn from(s: &SmolStr) -> Value {
        Value::String(s.clone())
    }
}
impl From<Map> for Value {
    fn from(m: Map) -> Value {
        Value::Map(m)
    }
}
impl From<Vec<Value>> for Value {
    fn from(l: Vec<Value>) -> Value {
        Value::list(l)
    }
}

/// Builds a [`Value`]: `value!({ "name": name, "ports": [80, 443] })`.
#[macro_export]
macro_rules! value {
    (null) => { $crate::api::value::Value::Null };
    ([ $($item:tt),* $(,)? ]) => { $crate::api::value::Value::list(vec![ $( $crate::value!($item) ),* ]) };
    ({ $($key:literal : $item:tt),* $(,)? }) => {{
        #[allow(unused_mut)]
        let mut map = $crate::api::value::Map::new();
        $( map.insert($key, $crate::value!($item)); )*
        $crate::api::value::Value::from(map)
    }};
    ($other:expr) => { $crate::api::value::Value::from($other) };
}
