//! From a field of an object to a line of the learner's text.
//!
//! Most objects that rules and hops name were not written by the learner: pods were made by a ReplicaSet from a template,
//! slices by a controller from a Service. The way back follows owner references until an object is reached that a file has,
//! and turns the path into the one that caused it: a pod's `spec.containers[0]` is its Deployment's
//! `spec.template.spec.containers[0]`.

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::parse::Manifest;
use crate::api::path::FieldPath;
use crate::api::schema::schema;
use crate::apiserver::store::Store;
use crate::text::Span;
use smol_str::{SmolStr, format_smolstr};
use std::collections::HashMap;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub file: SmolStr,
    /// What to point at: the value, or the key of a whole block.
    pub span: Span,
    /// The object that the text describes; not the one asked for when the way led over an owner.
    pub object: ObjectKey,
    pub path: FieldPath,
    /// Whether the text has the very field; otherwise the span is its nearest part that exists (the field was defaulted).
    pub exact: bool,
}

/// The manifests of all files, by the object that each describes.
#[derive(Clone, Debug, Default)]
pub struct Written {
    by_key: HashMap<ObjectKey, (SmolStr, usize)>,
}

impl Written {
    /// What each file's manifests describe, in their order. Of two manifests of one object the later counts, as with apply.
    pub fn new<'a>(files: impl Iterator<Item = (&'a SmolStr, &'a [ObjectKey])>) -> Written {
        let mut by_key = HashMap::new();
        for (file, keys) in files {
            for (i, key) in keys.iter().enumerate() {
                by_key.insert(key.clone(), (file.clone(), i));
            }
        }
        Written { by_key }
    }

    /// The file and the place among its manifests that describes the object.
    pub fn get(&self, key: &ObjectKey) -> Option<(&SmolStr, usize)> {
        self.by_key.get(key).map(|(file, i)| (file, *i))
    }
}

/// The key of the object that a manifest describes, as the store would have it (the namespace defaulted).
pub fn key_of(manifest: &Manifest) -> ObjectKey {
    let value = &manifest.value;
    let kind = value.str_at(&["kind"]);
    let namespaced = schema().kind(value.str_at(&["apiVersion"]), kind).is_none_or(|k| k.namespaced);
    let namespace = match value.str_at(&["metadata", "namespace"]) {
        _ if !namespaced => "",
        "" => "default",
        given => given,
    };
    ObjectKey::new(kind, namespace, value.str_at(&["metadata", "name"]))
}

/// How many owners are followed at most: pod, ReplicaSet, Deployment and room for custom ones.
const MAX_OWNERS: usize = 6;

/// Follows owners from `field` to an object that the learner wrote. Gives that object and the path there.
pub fn origin(written: &Written, store: &Store, field: &FieldRef) -> Option<FieldRef> {
    let mut at = field.clone();
    for _ in 0..MAX_OWNERS {
        if written.get(&at.object).is_some() {
            return Some(at);
        }
        at = step_up(store, &at)?;
    }
    None
}

/// The field of the owner that made this field so.
fn step_up(store: &Store, at: &FieldRef) -> Option<FieldRef> {
    let object = &at.object;
    if object.kind == "Endpoints" {
        let service = ObjectKey::new("Service", object.namespace.clone(), object.name.clone());
        return Some(service.field(FieldPath::from("spec.selector")));
    }
    // Nobody makes these from a template.
    if matches!(object.kind.as_str(), "ConfigMap" | "Namespace" | "Node" | "Service") {
        return None;
    }
    let stored = store.get(object)?;
    if object.kind == "EndpointSlice" {
        let name = stored.label("kubernetes.io/service-name")?;
        let service = ObjectKey::new("Service", object.namespace.clone(), name);
        let path = if at.path.as_str().starts_with("ports") { "spec.ports" } else { "spec.selector" };
        return Some(service.field(FieldPath::from(path)));
    }
    let (owner, _) = stored.controller()?;
    let template_of_owner = !matches!(object.kind.as_str(), "ReplicaSet" | "Job");
    let path = match at.path.as_str() {
        "" => SmolStr::default(),
        "metadata.name" => "metadata.name".into(),
        path if template_of_owner => format_smolstr!("spec.template.{path}"),
        // A ReplicaSet has the same shape as its Deployment.
        path => path.into(),
    };
    Some(FieldRef { object: owner, path: FieldPath(path) })
}
