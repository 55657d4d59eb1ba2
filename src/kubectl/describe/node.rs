//! Nodes: conditions, capacity, and the pods that run there with what they ask for.

use super::events::events;
use super::{Sheet, View, metadata, or_none};
use crate::api::object::{Object, ObjectKey};
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::output::age::{age, rfc1123};
use crate::kubectl::output::{node_roles, plain};

pub fn node(sheet: &mut Sheet, object: &Object, view: &View) {
    let node = &object.value;
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Roles", or_none(&node_roles(object).join(",")));
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "CreationTimestamp", rfc1123(node.str_at(&["metadata", "creationTimestamp"])));
    taints(sheet, node.items_at(&["spec", "taints"]));
    sheet.field(0, "Unschedulable", node.at(&["spec", "unschedulable"]).and_then(Value::as_bool) == Some(true));
    match view.store().get(&ObjectKey::new("Lease", "kube-node-lease", object.name().clone())) {
        Some(lease) => {
            let spec = lease.value.get("spec").unwrap_or(&Value::Null);
            let time = |field: &str| match spec.text(field) {
                "" => "<unset>".to_string(),
                stamp => rfc1123(stamp),
            };
            sheet.line(0, "Lease:");
            sheet.field(
                1,
                "HolderIdentity",
                match spec.text("holderIdentity") {
                    "" => "<unset>",
                    holder => holder,
                },
            );
            sheet.field(1, "AcquireTime", time("acquireTime"));
            sheet.field(1, "RenewTime", time("renewTime"));
        }
        None => sheet.field(
            0,
            "Lease",
            format!("Failed to get lease: leases.coordination.k8s.io \"{}\" not found", object.name()),
        ),
    }
    let conditions = node.items_at(&["status", "conditions"]);
    if !conditions.is_empty() {
        sheet.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage");
        sheet.line(1, "----\t------\t-----------------\t------------------\t------\t-------");
        for c in conditions {
            sheet.line(
                1,
                format!(
                    "{} \t{} \t{} \t{} \t{} \t{}",
                    c.text("type"),
                    c.text("status"),
                    rfc1123(c.text("lastHeartbeatTime")),
                    rfc1123(c.text("lastTransitionTime")),
                    c.text("reason"),
                    c.text("message")
                ),
            );
        }
    }
    sheet.line(0, "Addresses:");
    for address in node.items_at(&["status", "addresses"]) {
        sheet.field(1, address.text("type"), address.text("address"));
    }
    let status = node.get("status").unwrap_or(&Value::Null);
    for (field, title) in [("capacity", "Capacity:"), ("allocatable", "Allocatable:")] {
        if status.field(field).is_some() {
            sheet.line(0, title);
            for (name, quantity) in status.entries(field) {
                sheet.field(1, name, plain(quantity));
            }
        }
    }
    sheet.line(0, "System Info:");
    for (field, title) in [
        ("machineID", "Machine ID"),
        ("systemUUID", "System UUID"),
        ("bootID", "Boot ID"),
        ("kernelVersion", "Kernel Version"),
        ("osImage", "OS Image"),
        ("operatingSystem", "Operating System"),
        ("architecture", "Architecture"),
        ("containerRuntimeVersion", "Container Runtime Version"),
        ("kubeletVersion", "Kubelet Version"),
    ] {
        sheet.field(1, title, node.str_at(&["status", "nodeInfo", field]));
    }
    let cidrs: Vec<&str> = node.items_at(&["spec", "podCIDRs"]).iter().filter_map(Value::as_str).collect();
    if !node.str_at(&["spec", "podCIDR"]).is_empty() {
        sheet.field(0, "PodCIDR", node.str_at(&["spec", "podCIDR"]));
    }
    if !cidrs.is_empty() {
        sheet.field(0, "PodCIDRs", cidrs.join(","));
    }
    if !node.str_at(&["spec", "providerID"]).is_empty() {
        sheet.field(0, "ProviderID", node.str_at(&["spec", "providerID"]));
    }
    pods(sheet, object, view);
    events(sheet, object, view);
}

fn taints(sheet: &mut Sheet, taints: &[Value]) {
    let mut sorted: Vec<String> = Vec::new();
    let mut keyed: Vec<&Value> = taints.iter().collect();
    keyed.arrange_by_key(|t| format!("{},{}", t.text("effect"), t.text("key")));
    for taint in keyed {
        sorted.push(taint_text(taint));
    }
    sheet.part(0, "Taints:\t");
    if sorted.is_empty() {
        sheet.line(0, "<none>");
    }
    for (i, text) in sorted.iter().enumerate() {
        sheet.line(0, format!("{}{text}", if i > 0 { "\t" } else { "" }));
    }
}

/// `key=value:Effect`.
pub fn taint_text(taint: &Value) -> String {
    let (key, value, effect) = (taint.text("key"), taint.text("value"), taint.text("effect"));
    match (effect, value) {
        ("", "") => key.to_string(),
        ("", value) => format!("{key}={value}:"),
        (effect, "") => format!("{key}:{effect}"),
        (effect, value) => format!("{key}={value}:{effect}"),
    }
}

/// Nothing at all.
fn zero() -> Quantity {
    Quantity::from_value(&Value::from("0"))
}

/// What a pod's containers ask for (or are limited to), summed; an init container counts if it alone asks for more.
fn asked(pod: &Value, which: &str, resource: &str) -> Quantity {
    let of = |c: &Value| c.at(&["resources", which, resource]).map_or(zero(), Quantity::from_value);
    let mut sum = zero();
    for container in pod.items_at(&["spec", "containers"]) {
        sum = sum.plus(&of(container));
    }
    for container in pod.items_at(&["spec", "initContainers"]) {
        let one = of(container);
        if container.text("restartPolicy") == "Always" {
            sum = sum.plus(&one);
        } else if one.millis() > sum.millis() {
            sum = one;
        }
    }
    sum
}

fn percent(part: &Quantity, whole: &Quantity) -> i64 {
    let whole = whole.millis() as f64;
    if whole == 0.0 { 0 } else { (part.millis() as f64 / whole * 100.0) as i64 }
}

fn pods(sheet: &mut Sheet, node: &Object, view: &View) {
    let here: Vec<_> = view
        .store()
        .list("Pod")
        .filter(|p| p.value.str_at(&["spec", "nodeName"]) == node.name())
        .filter(|p| !matches!(p.value.str_at(&["status", "phase"]), "Succeeded" | "Failed"))
        .collect();
    let allocatable = |resource: &str| {
        let found = node.value.at(&["status", "allocatable", resource]);
        found.or(node.value.at(&["status", "capacity", resource])).map_or(zero(), Quantity::from_value)
    };
    let (cpu, memory, storage) = (allocatable("cpu"), allocatable("memory"), allocatable("ephemeral-storage"));
    sheet.line(0, format!("Non-terminated Pods:\t({} in total)", here.len()));
    sheet.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge");
    sheet.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---");
    let shown = |q: &Quantity, whole: &Quantity| format!("{} ({}%)", q.canonical(), percent(q, whole));
    let total =
        |which: &str, resource: &str| here.iter().fold(zero(), |sum, p| sum.plus(&asked(&p.value, which, resource)));
    for pod in &here {
        let cell = |which: &str, resource: &str, whole: &Quantity| shown(&asked(&pod.value, which, resource), whole);
        sheet.line(
            1,
            format!(
                "{}\t{}\t\t{}\t{}\t{}\t{}\t{}",
                pod.namespace(),
                pod.name(),
                cell("requests", "cpu", &cpu),
                cell("limits", "cpu", &cpu),
                cell("requests", "memory", &memory),
                cell("limits", "memory", &memory),
                age(&pod.value, view.now)
            ),
        );
    }
    sheet.line(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)");
    sheet.line(1, "Resource\tRequests\tLimits");
    sheet.line(1, "--------\t--------\t------");
    for (name, whole) in [("cpu", &cpu), ("memory", &memory), ("ephemeral-storage", &storage)] {
        let (requests, limits) = (total("requests", name), total("limits", name));
        sheet.line(1, format!("{name}\t{}\t{}", shown(&requests, whole), shown(&limits, whole)));
    }
}
