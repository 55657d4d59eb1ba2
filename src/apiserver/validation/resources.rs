//! Requests and limits (`pkg/apis/core/validation`: `validateResourceRequirements`; `pkg/apis/core/helper`).

use crate::api::path::Path;
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::defaulting::pod::container_requests;
use crate::apiserver::status::CauseReason;
use crate::apiserver::validation::{Errors, names, shown};
use std::collections::BTreeSet;

/// Whose resources they are: what may be named differs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Container,
    Pod,
}

fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Resources that Kubernetes itself knows.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::is_qualified_name(&format!("requests.{name}")).is_empty()
}

fn is_overcommit_allowed(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn is_standard(name: &str) -> bool {
    const STANDARD: [&str; 20] = [
        "cpu",
        "memory",
        "ephemeral-storage",
        "requests.cpu",
        "requests.memory",
        "requests.ephemeral-storage",
        "limits.cpu",
        "limits.memory",
        "limits.ephemeral-storage",
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    ];
    STANDARD.contains(&name) || is_huge_page(name)
}

/// Counted things and extended resources come whole.
fn is_integer(name: &str) -> bool {
    const COUNTED: [&str; 9] = [
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ];
    COUNTED.contains(&name) || is_extended(name)
}

fn validate_name(errors: &mut Errors, path: &Path, name: &str, owner: Owner) {
    let value = Value::from(name);
    let before = errors.0.len();
    errors.invalid_each(path, &value, names::is_qualified_name(name));
    if errors.0.len() == before && !name.contains('/') && !is_standard(name) {
        errors.invalid(path, &value, "must be a standard resource type or fully qualified");
    }
    let fine_so_far = errors.0.len() == before;
    match owner {
        Owner::Container if !name.contains('/') => {
            if !matches!(name, "cpu" | "memory" | "ephemeral-storage") && !is_huge_page(name) {
                errors.invalid(path, &value, "must be a standard resource for containers");
            }
        }
        Owner::Container => {
            if !is_native(name) && !is_extended(name) {
                errors.invalid(path, &value, "doesn't follow extended resource name standard");
            }
        }
        Owner::Pod => {
            if fine_so_far && !matches!(name, "cpu" | "memory") && !is_huge_page(name) {
                errors.not_supported(path, &value, &["cpu", "memory"]);
            }
        }
    }
}

/// An amount of a resource: not negative, and whole where only whole ones make sense.
pub fn validate_amount(errors: &mut Errors, path: &Path, name: &str, amount: &Value) {
    let quantity = Quantity::from_value(amount);
    let value = Value::from(quantity.canonical());
    if quantity.is_negative() {
        errors.invalid(path, &value, "must be greater than or equal to 0");
    }
    if is_integer(name) && !quantity.is_whole() {
        errors.invalid(path, &value, "must be an integer");
    }
}

/// An amount that must be more than nothing.
pub fn validate_positive(errors: &mut Errors, path: &Path, amount: &Value) {
    let quantity = Quantity::from_value(amount);
    if quantity <= Quantity::ZERO {
        errors.invalid(path, &Value::from(quantity.canonical()), "must be greater than zero");
    }
}

/// `resources` of a container or a pod.
pub fn validate_resources(errors: &mut Errors, path: &Path, resources: &Value, claims: &BTreeSet<&str>, owner: Owner) {
    let (limits_path, requests_path) = (path.child("limits"), path.child("requests"));
    let (mut huge, mut compute) = (false, false);
    for (name, amount) in resources.entries("limits") {
        let at = limits_path.key(name);
        validate_name(errors, &at, name, owner);
        validate_amount(errors, &at, name, amount);
        huge |= validate_huge_page(errors, &at, name, amount);
        compute |= matches!(name.as_str(), "cpu" | "memory");
    }
    for (name, amount) in resources.entries("requests") {
        let at = requests_path.key(name);
        validate_name(errors, &at, name, owner);
        validate_amount(errors, &at, name, amount);
        let request = Quantity::from_value(amount);
        match resources.at(&["limits", name]).map(Quantity::from_value) {
            Some(limit) if request != limit && !is_overcommit_allowed(name) => {
                let detail = format!("must be equal to {name} limit of {}", limit.canonical());
                errors.invalid(&requests_path, &Value::from(request.canonical()), &detail);
            }
            Some(limit) if request > limit => {
                let detail = format!("must be less than or equal to {name} limit of {}", limit.canonical());
                errors.invalid(&requests_path, &Value::from(request.canonical()), &detail);
            }
            None if !is_overcommit_allowed(name) => {
                errors.required(&limits_path, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
        huge |= validate_huge_page(errors, &at, name, amount);
        compute |= matches!(name.as_str(), "cpu" | "memory");
    }
    if huge && !compute {
        errors.forbidden(path, "HugePages require cpu or memory");
    }
    validate_claim_names(errors, &path.child("claims"), resources, claims);
}

/// Huge pages come in whole pages. Says whether the resource is one.
fn validate_huge_page(errors: &mut Errors, path: &Path, name: &str, amount: &Value) -> bool {
    let Some(size) = name.strip_prefix("hugepages-") else { return false };
    let quantity = Quantity::from_value(amount);
    let size = Quantity::parse(size).unwrap_or(Quantity::ZERO);
    let whole_pages = size > Quantity::ZERO && size.is_whole() && quantity.units() % size.units() == 0;
    if !whole_pages {
        let detail = format!("{} is not positive integer multiple of {name}", quantity.canonical());
        errors.invalid(path, &Value::from(quantity.canonical()), &detail);
    }
    true
}

/// The resource claims that a container uses, by the names that its pod gives them.
fn validate_claim_names(errors: &mut Errors, path: &Path, resources: &Value, known: &BTreeSet<&str>) {
    let mut used: Vec<(&str, &str)> = Vec::new();
    for (i, claim) in resources.items("claims").iter().enumerate() {
        let at = path.index(i);
        let (name, request) = (claim.text("name"), claim.text("request"));
        if name.is_empty() {
            errors.required(&at, "");
            continue;
        }
        if used.contains(&(name, "")) || (request.is_empty() && used.iter().any(|(n, _)| *n == name)) {
            errors.duplicate(&at, &Value::from(name));
        } else {
            if !request.is_empty() {
                let reasons = names::is_dns1123_label(request);
                errors.invalid_each(&at.child("request"), &Value::from(request), reasons);
                if used.contains(&(name, request)) {
                    errors.duplicate(&at, &Value::from(format!("{name}/{request}")));
                }
            }
            used.push((name, request));
        }
        if !known.contains(name) {
            let known: Vec<&str> = known.iter().copied().collect();
            let end = if known.is_empty() { " which is empty".into() } else { format!(": {}", known.join(", ")) };
            let message = format!(
                "Not found: {}: must be one of the names in pod.spec.resourceClaims{end}",
                shown(&Value::from(name))
            );
            errors.push(CauseReason::NotFound, &at, message);
        }
    }
}

/// `resources` of a pod as a whole: enough for its containers together, and for each of them.
pub fn validate_pod_resources(errors: &mut Errors, path: &Path, spec: &Value, claims: &BTreeSet<&str>) {
    let Some(resources) = spec.field("resources") else { return };
    if resources.field("claims").is_some() {
        errors.forbidden(&path.child("claims"), "claims may not be set for Resources at pod-level");
    }
    validate_resources(errors, path, resources, claims, Owner::Pod);
    let requests = path.child("requests");
    for name in ["cpu", "memory"] {
        let own = resources.at(&["requests", name]).map(Quantity::from_value);
        let (Some(together), Some(own)) = (container_requests(spec, name), own) else { continue };
        if together > own {
            let detail =
                format!("must be greater than or equal to aggregate container requests of {}", together.canonical());
            errors.invalid(&requests.key(name), &Value::from(own.canonical()), &detail);
        }
    }
    let containers = path.child("containers");
    for (i, container) in spec.items("containers").iter().enumerate() {
        let limits = container.get("resources").unwrap_or(&Value::Null);
        for (name, amount) in limits.entries("limits") {
            let Some(most) = resources.at(&["limits", name]).map(Quantity::from_value) else { continue };
            let limit = Quantity::from_value(amount);
            if limit > most {
                let at = containers.index(i);
                let at = at.key(name);
                let detail = format!("must be less than or equal to pod limits of {}", most.canonical());
                errors.invalid(&at.child("limits"), &Value::from(limit.canonical()), &detail);
            }
        }
    }
}
