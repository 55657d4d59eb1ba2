//! Defaults of role bindings (`pkg/apis/rbac/v1/defaults.go`): the API groups of what they name.

use super::{each, fill_text};
use crate::api::value::Value;

const GROUP: &str = "rbac.authorization.k8s.io";

/// A `RoleBinding` or `ClusterRoleBinding`.
pub fn default_role_binding(binding: &mut Value) {
    fill_text(binding.map_mut().entry("roleRef"), "apiGroup", GROUP);
    each(binding, "subjects", |subject| {
        if matches!(subject.text("kind"), "User" | "Group") {
            fill_text(subject, "apiGroup", GROUP);
        }
    });
}
