//! An object of the cluster: its key, its content, and the typed views that controllers and the network read.

use super::place::Place;
use crate::api::path::FieldPath;
use crate::api::time::Time;
use crate::api::value::Value;
use crate::api::view::View;
use crate::later::Later;
use smol_str::SmolStr;
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What tells one object from all others. Ordered by kind, then namespace, then name, so that a store can be walked by kind
/// and namespace. Never changed: another key is a new one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObjectKey {
    place: Place,
    /// The kind's name (`Service`). A kind of a custom resource that shares its name with a built-in one is written
    /// `Kind.group`.
    pub kind: SmolStr,
    /// Empty for objects of the whole cluster.
    pub namespace: SmolStr,
    pub name: SmolStr,
}

impl ObjectKey {
    pub fn new(kind: impl Into<SmolStr>, namespace: impl Into<SmolStr>, name: impl Into<SmolStr>) -> ObjectKey {
        let (kind, namespace) = (kind.into(), namespace.into());
        ObjectKey { place: Place::of(&kind, &namespace), kind, namespace, name: name.into() }
    }

    /// The key of another object of the same kind and namespace.
    pub fn beside(&self, name: impl Into<SmolStr>) -> ObjectKey {
        let ObjectKey { place, kind, namespace, .. } = self;
        ObjectKey { place: *place, kind: kind.clone(), namespace: namespace.clone(), name: name.into() }
    }

    pub fn field(&self, path: impl Into<FieldPath>) -> FieldRef {
        FieldRef { object: self.clone(), path: path.into() }
    }
}

impl Ord for ObjectKey {
    fn cmp(&self, other: &ObjectKey) -> Ordering {
        debug_assert!(self.place == Place::of(&self.kind, &self.namespace), "the key {self:?} was changed");
        let order = self.place.order(other.place).unwrap_or_else(|| {
            let kinds = self.kind.as_str().cmp(other.kind.as_str());
            kinds.then_with(|| self.namespace.as_str().cmp(other.namespace.as_str()))
        });
        if order != Ordering::Equal {
            return order;
        }
        self.name.as_str().cmp(other.name.as_str())
    }
}

impl PartialOrd for ObjectKey {
    fn partial_cmp(&self, other: &ObjectKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ObjectKey {
    /// `service/kimho`, or `service/kimho (shop)` outside the namespace default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.to_ascii_lowercase(), self.name)?;
        if !self.namespace.is_empty() && self.namespace != "default" {
            write!(f, " ({})", self.namespace)?;
        }
        Ok(())
    }
}

/// A field of an object: what every rule, hop, answer and diagnostic names as its cause.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldRef {
    pub object: ObjectKey,
    pub path: FieldPath,
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { self.object.fmt(f) } else { write!(f, "{} {}", self.object, self.path) }
    }
}

/// A stored object. Never changed: a write makes a new one. Cheap to clone behind its [`Arc`].
#[derive(Debug)]
pub struct Object {
    pub key: ObjectKey,
    /// The whole object with `apiVersion`, `kind` and `metadata`, defaulted and valid.
    pub value: Later<Value>,
    /// `metadata.resourceVersion` as a number.
    pub revision: u64,
    meta: Meta,
    view: OnceLock<View>,
    owner: OnceLock<Option<Arc<(ObjectKey, SmolStr)>>>,
    /// What the store knows of its beginning; every version has the same one.
    pub(crate) origin: OnceLock<Arc<Origin>>,
}

/// What of an object's metadata everybody asks for, at every write.
#[derive(Clone, Debug, Default)]
struct Meta {
    uid: SmolStr,
    labels: Option<Value>,
    owners: Option<Value>,
    terminating: bool,
}

impl Meta {
    fn read(value: &Value) -> Meta {
        let Some(meta) = value.get("metadata") else { return Meta::default() };
        Meta {
            uid: meta.get("uid").and_then(Value::as_smol).unwrap_or_default(),
            labels: meta.get("labels").cloned(),
            owners: meta.get("ownerReferences").cloned(),
            terminating: meta.get("deletionTimestamp").is_some(),
        }
    }
}

/// How an object came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub revision: u64,
    pub at: Time,
    pub cause: Cause,
}

/// Who made a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The cluster as it was installed.
    Bootstrap,
    /// A person: an edit, a command, a lesson.
    User,
    /// A controller (the scheduler and the kubelets count), and the field that made it act.
    Controller { name: &'static str, saw: Arc<FieldRef> },
}

impl PartialEq for Object {
    /// The same object at the same revision with the same content.
    fn eq(&self, other: &Object) -> bool {
        // States share most objects: one is compared with itself more often than with another.
        std::ptr::eq(self, other)
            || self.revision == other.revision && self.key == other.key && self.value == other.value
    }
}

impl Object {
    /// Wraps content that the API server has checked. `kind` is the key's kind (see [`ObjectKey::kind`]).
    pub fn new(kind: impl Into<SmolStr>, value: Value) -> Arc<Object> {
        let text = |field: &str| value.at(&["metadata", field]).and_then(Value::as_smol).unwrap_or_default();
        let key = ObjectKey::new(kind, text("namespace"), text("name"));
        let revision = value.str_at(&["metadata", "resourceVersion"]).parse().unwrap_or(0);
        Arc::new(Object {
            key,
            meta: Meta::read(&value),
            value: value.into(),
            revision,
            view: OnceLock::new(),
            owner: OnceLock::new(),
            origin: OnceLock::new(),
        })
    }

    /// The same as [`Object::new`] for the next version of `old`. What both versions share is not read twice; with `same_meta`
    /// that is all metadata but version and generation.
    pub fn next(old: &Object, value: Value, revision: u64, same_meta: bool) -> Arc<Object> {
        let view = OnceLock::new();
        if let Some(next) = old.view.get().and_then(|before| before.next(&old.value, &value)) {
            let _ = view.set(next);
        }
        let meta = if same_meta { old.meta.clone() } else { Meta::read(&value) };
        let owner = if meta.owners == old.meta.owners { old.owner.clone() } else { OnceLock::new() };
        let (key, value) = (old.key.clone(), value.into());
        Arc::new(Object { key, meta, value, revision, view, owner, origin: OnceLock::new() })
    }

    /// The same object, whose content is what `find` finds at a place.
    pub fn without_value(&self, find: fn(usize) -> &'static Value, place: usize) -> Arc<Object> {
        let value = Later::away(find, place);
        // What was read of it will be wanted again.
        let view = self.view.get().map(|_| View::read(&self.key.kind, &self.value));
        let (key, meta, revision) = (self.key.clone(), self.meta.clone(), self.revision);
        let (owner, origin) = (self.owner.clone(), self.origin.clone());
        Arc::new(Object {
            key,
            value,
            revision,
            meta,
            view: view.map_or_else(OnceLock::new, OnceLock::from),
            owner,
            origin,
        })
    }

    /// The typed reading of the content, decoded at the first call.
    pub fn view(&self) -> &View {
        self.view.get_or_init(|| View::read(&self.key.kind, &self.value))
    }

    /// How the object came to be; `None` as long as no store has taken it in.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.get().map(Arc::as_ref)
    }

    pub fn name(&self) -> &SmolStr {
        &self.key.name
    }

    pub fn namespace(&self) -> &SmolStr {
        &self.key.namespace
    }

    /// `metadata.uid`; empty when there is none.
    pub fn uid(&self) -> &SmolStr {
        &self.meta.uid
    }

    /// `metadata.labels`.
    pub fn labels(&self) -> Option<&Value> {
        self.meta.labels.as_ref()
    }

    /// `metadata.ownerReferences`.
    pub fn owner_references(&self) -> Option<&Value> {
        self.meta.owners.as_ref()
    }

    /// The value of a label; `None` when the object does not bear it.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels()?.get(key)?.as_str()
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value.at(&["metadata", "annotations"])?.get(key)?.as_str()
    }

    /// Whether deletion has begun (`metadata.deletionTimestamp` is set).
    pub fn is_terminating(&self) -> bool {
        self.meta.terminating
    }

    /// The owner that manages this object (`ownerReferences` with `controller: true`), as key and uid.
    pub fn controller(&self) -> Option<(ObjectKey, SmolStr)> {
        self.controller_ref().cloned()
    }

    /// The same, lent; read once an object.
    pub fn controller_ref(&self) -> Option<&(ObjectKey, SmolStr)> {
        self.owner.get_or_init(|| self.read_controller().map(Arc::new)).as_deref()
    }

    fn read_controller(&self) -> Option<(ObjectKey, SmolStr)> {
        let owners = self.owner_references()?.as_list()?;
        let owner = owners.iter().find(|o| o.get("controller").and_then(Value::as_bool) == Some(true))?;
        let text = |field: &str| owner.get(field).and_then(Value::as_smol).unwrap_or_default();
        Some((ObjectKey::new(text("kind"), self.key.namespace.clone(), text("name")), text("uid")))
    }
}
