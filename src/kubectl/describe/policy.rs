//! Network policies, autoscalers, disruption budgets.

use super::events::events;
use super::{Sheet, View, metadata};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::kubectl::output::age::rfc1123;
use crate::kubectl::output::{format_selector, plain};

pub fn network_policy(sheet: &mut Sheet, object: &Object, _: &View) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.field(0, "Created on", go_time(object.value.str_at(&["metadata", "creationTimestamp"])));
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    sheet.line(0, "Spec:");
    let selector = format_selector(spec.get("podSelector"));
    let pods = if selector.is_empty() {
        "<none> (Allowing the specific traffic to all pods in this namespace)".to_string()
    } else {
        selector
    };
    sheet.line(0, format!("  PodSelector:     {pods}"));
    let types: Vec<&str> = spec.items("policyTypes").iter().filter_map(Value::as_str).collect();
    for (type_, field, title, peers, whom, none) in [
        ("Ingress", "ingress", "Allowing ingress traffic:", "from", "From", "Not affecting ingress traffic"),
        ("Egress", "egress", "Allowing egress traffic:", "to", "To", "Not affecting egress traffic"),
    ] {
        if !types.contains(&type_) {
            sheet.line(1, none);
            continue;
        }
        sheet.line(1, title);
        rules(sheet, spec.items(field), peers, whom);
    }
    sheet.line(1, format!("Policy Types: {}", types.join(", ")));
}

/// A time stamp as Go prints a time: `2026-01-01 00:00:05 +0000 UTC`.
fn go_time(stamp: &str) -> String {
    format!("{} +0000 UTC", stamp.trim_end_matches('Z').replace('T', " "))
}

fn rules(sheet: &mut Sheet, rules: &[Value], peers: &str, whom: &str) {
    if rules.is_empty() {
        let direction = if whom == "From" { "ingress" } else { "egress" };
        sheet.line(2, format!("<none> (Selected pods are isolated for {direction} connectivity)"));
        return;
    }
    for (i, rule) in rules.iter().enumerate() {
        let ports = rule.items("ports");
        if ports.is_empty() {
            sheet.line(2, "To Port: <any> (traffic allowed to all ports)");
        }
        for port in ports {
            let protocol = if port.text("protocol").is_empty() { "TCP" } else { port.text("protocol") };
            let number = port.get("port").map_or(String::new(), plain);
            match port.field("endPort") {
                Some(end) => sheet.line(2, format!("To Port Range: {number}-{}/{protocol}", plain(end))),
                None => sheet.line(2, format!("To Port: {number}/{protocol}")),
            }
        }
        let items = rule.items(peers);
        if items.is_empty() {
            sheet.line(
                2,
                format!(
                    "{whom}: <any> (traffic not restricted by {})",
                    if whom == "From" { "source" } else { "destination" }
                ),
            );
        }
        for item in items {
            sheet.line(2, format!("{whom}:"));
            if let Some(block) = item.field("ipBlock") {
                sheet.line(3, "IPBlock:");
                sheet.line(4, format!("CIDR: {}", block.text("cidr")));
                let except: Vec<&str> = block.items("except").iter().filter_map(Value::as_str).collect();
                sheet.line(4, format!("Except: {}", except.join(", ")));
            }
            for (field, title) in [("namespaceSelector", "NamespaceSelector"), ("podSelector", "PodSelector")] {
                if item.field(field).is_some() {
                    let text = format_selector(item.get(field));
                    sheet.line(3, format!("{title}: {}", if text.is_empty() { "<none>" } else { &text }));
                }
            }
        }
        if i + 1 < rules.len() {
            sheet.line(2, "----------");
        }
    }
}

pub fn autoscaler(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    let status = object.value.get("status").unwrap_or(&Value::Null);
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "CreationTimestamp", rfc1123(object.value.str_at(&["metadata", "creationTimestamp"])));
    let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
    sheet.field(0, "Reference", format!("{}/{}", target.text("kind"), target.text("name")));
    sheet.line(0, "Metrics:\t( current / target )");
    for metric in spec.items("metrics") {
        let resource = metric.get("resource").unwrap_or(&Value::Null);
        let target = resource.get("target").unwrap_or(&Value::Null);
        let goal = match target.field("averageUtilization") {
            Some(percent) => format!("{}%", plain(percent)),
            None => target.field("averageValue").map_or("<auto>".to_string(), plain),
        };
        let of = if target.field("averageUtilization").is_some() { "  (as a percentage of request)" } else { "" };
        sheet.line(1, format!("resource {} on pods{of}:\t<unknown> / {goal}", resource.text("name")));
    }
    sheet.field(0, "Min replicas", spec.field("minReplicas").map_or("<unset>".to_string(), plain));
    sheet.field(0, "Max replicas", spec.int("maxReplicas"));
    sheet.field(
        0,
        &format!("{} pods", target.text("kind")),
        format!("{} current / {} desired", status.int("currentReplicas"), status.int("desiredReplicas")),
    );
    let conditions = status.items("conditions");
    if !conditions.is_empty() {
        sheet.line(0, "Conditions:");
        sheet.line(1, "Type\tStatus\tReason\tMessage");
        sheet.line(1, "----\t------\t------\t-------");
        for c in conditions {
            sheet.line(1, [c.text("type"), c.text("status"), c.text("reason"), c.text("message")].join("\t"));
        }
    }
    events(sheet, object, view);
}

pub fn disruption_budget(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    let status = object.value.get("status").unwrap_or(&Value::Null);
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    if let Some(bound) = spec.field("minAvailable") {
        sheet.field(0, "Min available", plain(bound));
    } else if let Some(bound) = spec.field("maxUnavailable") {
        sheet.field(0, "Max unavailable", plain(bound));
    }
    let selector = format_selector(spec.get("selector"));
    sheet.field(0, "Selector", if selector.is_empty() { "<unset>" } else { &selector });
    sheet.line(0, "Status:");
    for (field, title) in [
        ("disruptionsAllowed", "Allowed disruptions"),
        ("currentHealthy", "Current"),
        ("desiredHealthy", "Desired"),
        ("expectedPods", "Total"),
    ] {
        sheet.field(2, title, status.int(field));
    }
    events(sheet, object, view);
}
