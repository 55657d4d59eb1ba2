//! `v1.Namespace` (`ValidateNamespace`). Its `spec.finalizers` and `status` belong to the namespace controller.

use super::object_meta::{validate_object_meta, validate_object_meta_update};
use super::{Errors, names};
use crate::api::path::Path;
use crate::api::value::Value;

pub fn validate_namespace(errors: &mut Errors, namespace: &Value) {
    let meta = namespace.get("metadata").unwrap_or(&Value::Null);
    validate_object_meta(errors, meta, false, names::is_dns1123_label, &Path::root("metadata"));
    let spec = Path::root("spec");
    let at = spec.child("finalizers");
    for finalizer in namespace.items_at(&["spec", "finalizers"]) {
        let text = finalizer.as_str().unwrap_or("");
        errors.invalid_each(&at, finalizer, names::is_qualified_name(text));
    }
}

pub fn validate_namespace_update(errors: &mut Errors, new: &Value, old: &Value) {
    let meta = |object: &Value| object.get("metadata").cloned().unwrap_or_default();
    validate_object_meta_update(errors, &meta(new), &meta(old), &Path::root("metadata"));
}
