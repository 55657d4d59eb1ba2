//! Pods.

use super::events::events;
use super::template::{containers, resources, tolerations, topology_spread, volumes};
use super::{Sheet, View, controlled_by, metadata};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::kubectl::output::age::{rfc1123, since};

pub fn pod(sheet: &mut Sheet, object: &Object, view: &View) {
    let pod = &object.value;
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let status = pod.get("status").unwrap_or(&Value::Null);
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    if let Some(priority) = spec.field("priority").and_then(Value::as_i64) {
        sheet.field(0, "Priority", priority);
    }
    for (field, title) in [
        ("priorityClassName", "Priority Class Name"),
        ("runtimeClassName", "Runtime Class Name"),
        ("serviceAccountName", "Service Account"),
    ] {
        if !spec.text(field).is_empty() {
            sheet.field(0, title, spec.text(field));
        }
    }
    match spec.text("nodeName") {
        "" => sheet.field(0, "Node", "<none>"),
        node => sheet.field(0, "Node", format!("{node}/{}", status.text("hostIP"))),
    }
    if !status.text("startTime").is_empty() {
        sheet.field(0, "Start Time", rfc1123(status.text("startTime")));
    }
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    let deleted = pod.str_at(&["metadata", "deletionTimestamp"]);
    if !deleted.is_empty() && !matches!(status.text("phase"), "Failed" | "Succeeded") {
        sheet.field(0, "Status", format!("Terminating (lasts {})", since(deleted, view.now)));
        let grace = pod.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or(0);
        sheet.field(0, "Termination Grace Period", format!("{grace}s"));
    } else {
        sheet.field(0, "Status", status.text("phase"));
    }
    for (field, title) in [("reason", "Reason"), ("message", "Message")] {
        if !status.text(field).is_empty() {
            sheet.field(0, title, status.text(field));
        }
    }
    if let Some(profile) = spec.at(&["securityContext", "seccompProfile"]) {
        sheet.field(0, "SeccompProfile", profile.text("type"));
        if profile.text("type") == "Localhost" {
            sheet.field(0, "LocalhostProfile", profile.text("localhostProfile"));
        }
    }
    sheet.field(0, "IP", status.text("podIP"));
    if status.items("podIPs").is_empty() {
        sheet.field(0, "IPs", "<none>");
    } else {
        sheet.line(0, "IPs:");
        for ip in status.items("podIPs") {
            sheet.field(1, "IP", ip.text("ip"));
        }
    }
    controlled_by(sheet, object);
    if !status.text("nominatedNodeName").is_empty() {
        sheet.field(0, "NominatedNodeName", status.text("nominatedNodeName"));
    }
    if let Some(own) = spec.field("resources") {
        sheet.line(0, "Resources:");
        resources(sheet, own, 1);
    }
    if !spec.items("initContainers").is_empty() {
        let statuses = status.items("initContainerStatuses");
        containers(sheet, "Init Containers", spec.items("initContainers"), statuses, Some(pod), "");
    }
    containers(sheet, "Containers", spec.items("containers"), status.items("containerStatuses"), Some(pod), "");
    let gates = spec.items("readinessGates");
    if !gates.is_empty() {
        sheet.line(0, "Readiness Gates:\n  Type\tStatus");
        for gate in gates {
            let type_ = gate.text("conditionType");
            let condition = status.items("conditions").iter().find(|c| c.text("type") == type_);
            sheet.line(1, format!("{type_} \t{} ", condition.map_or("<none>", |c| c.text("status"))));
        }
    }
    if !status.items("conditions").is_empty() {
        sheet.line(0, "Conditions:\n  Type\tStatus");
        for condition in status.items("conditions") {
            sheet.line(1, format!("{} \t{} ", condition.text("type"), condition.text("status")));
        }
    }
    volumes(sheet, spec.items("volumes"), "");
    sheet.field(0, "QoS Class", quality(pod));
    sheet.pairs("Node-Selectors", spec.get("nodeSelector"));
    tolerations(sheet, "Tolerations", spec.items("tolerations"));
    topology_spread(sheet, spec.items("topologySpreadConstraints"), "");
    events(sheet, object, view);
}

/// The pod's QoS class: its status' word, else worked out from requests and limits.
fn quality(pod: &Value) -> String {
    let given = pod.str_at(&["status", "qosClass"]);
    if !given.is_empty() {
        return given.to_string();
    }
    let all: Vec<&Value> = ["containers", "initContainers"].iter().flat_map(|f| pod.items_at(&["spec", f])).collect();
    let of = |c: &Value, which: &str, resource: &str| c.at(&["resources", which, resource]).cloned();
    let any = all
        .iter()
        .any(|c| ["requests", "limits"].iter().any(|w| ["cpu", "memory"].iter().any(|r| of(c, w, r).is_some())));
    if !any {
        return "BestEffort".to_string();
    }
    let full = all.iter().all(|c| {
        ["cpu", "memory"].iter().all(|r| {
            let limit = of(c, "limits", r);
            limit.is_some() && of(c, "requests", r).is_none_or(|q| Some(q) == limit)
        })
    });
    if full { "Guaranteed" } else { "Burstable" }.to_string()
}
