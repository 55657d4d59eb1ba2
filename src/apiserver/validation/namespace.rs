//! `v1.Namespace` (`ValidateNamespace`). Its `spec.finalizers` and `status` belong to the namespace controller.

use super::{Errors, names};
use crate::api::path::Path;
use crate::api::value::Value;

pub fn validate_namespace(errors: &mut Errors, namespace: &Value) {
    let spec = Path::root("spec");
    let at = spec.child("finalizers");
    for finalizer in namespace.items_at(&["spec", "finalizers"]) {
        let text = finalizer.as_str().unwrap_or("");
        errors.invalid_each(&at, finalizer, names::is_qualified_name(text));
    }
}
