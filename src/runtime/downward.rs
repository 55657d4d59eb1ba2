//! The downward API: what a pod knows of itself, as variables and as files.
//!
//! Upstream: `pkg/fieldpath` and `pkg/api/v1/resource` (ExtractContainerResourceValue).

use crate::api::object::{Object, ObjectKey};
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::apiserver::store::Store;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// A field as a file has it: labels and annotations may stand there all together.
pub fn field(pod: &Object, path: &str, node_ip: Option<IpAddr>) -> SmolStr {
    match path {
        "metadata.labels" | "metadata.annotations" => {
            let entries = pod.value.get("metadata").into_iter().flat_map(|m| m.entries(&path["metadata.".len()..]));
            let lines = entries
                .map(|(key, value)| format!("{key}={}", crate::api::json::quote(value.as_str().unwrap_or_default())));
            lines.collect::<Vec<_>>().join("\n").into()
        }
        _ => super::env::field_of(pod, path, &[], node_ip),
    }
}

/// A request or a limit of a container, in units of the divisor, rounded up. `own`: the container that asks.
pub fn resource(store: &Store, pod: &Object, own: &str, asked: &Value) -> SmolStr {
    let name = match asked.text("containerName") {
        "" => own,
        name => name,
    };
    let lists = ["containers", "initContainers"];
    let mut all = lists.iter().flat_map(|list| pod.value.items_at(&["spec", list]));
    let container = all.find(|c| c.text("name") == name);
    let (kind, resource) = asked.text("resource").split_once('.').unwrap_or_default();
    let told = container.and_then(|c| c.at(&["resources", kind])?.get(resource)).map(Quantity::from_value);
    // Who has no limit may take all that the node has.
    let node = || {
        let node = store.get(&ObjectKey::new("Node", "", pod.value.str_at(&["spec", "nodeName"])))?;
        node.value.at(&["status", "allocatable"])?.get(resource).map(Quantity::from_value)
    };
    let amount = told.or_else(|| (kind == "limits").then(node)?);
    let divisor = asked.get("divisor").map(Quantity::from_value).filter(|d| !d.is_zero());
    let of = |quantity: &Quantity| if resource == "cpu" { quantity.millis() } else { quantity.units() };
    let divisor = divisor.map_or(if resource == "cpu" { 1_000 } else { 1 }, |d| of(&d)).max(1);
    let amount = amount.map_or(0, |a| of(&a));
    format_smolstr!("{}", (amount + divisor - 1).div_euclid(divisor))
}
