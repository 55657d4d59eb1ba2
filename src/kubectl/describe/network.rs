//! Services, Endpoints, EndpointSlices, Ingresses and their classes.

use super::events::events;
use super::{Sheet, View, in_namespace, metadata};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::kubectl::output::columns::format_labels;
use crate::kubectl::output::{host_port, load_balancer, plain};
use std::sync::Arc;

fn joined(list: &[Value], divider: &str) -> String {
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(divider)
}

fn slices<'a>(view: &'a View, namespace: &'a str, service: &str) -> Vec<&'a Arc<Object>> {
    in_namespace(view, "EndpointSlice", namespace)
        .filter(|s| s.label("kubernetes.io/service-name") == Some(service))
        .collect()
}

/// The ready addresses of a Service's port, at most three (upstream `formatEndpointSlices`).
fn format_slices(slices: &[&Arc<Object>], port_name: &str) -> String {
    if slices.is_empty() {
        return "<none>".to_string();
    }
    const MOST: usize = 3;
    let (mut list, mut more, mut count) = (Vec::new(), false, 0);
    let ready = |e: &Value| e.at(&["conditions", "ready"]).and_then(Value::as_bool) != Some(false);
    let address = |e: &Value| e.items("addresses").first().and_then(Value::as_str).unwrap_or("").to_string();
    for slice in slices {
        let ports = slice.value.items("ports");
        let shown: Vec<Option<i64>> = if ports.is_empty() {
            vec![None]
        } else {
            ports.iter().filter(|p| p.text("name") == port_name).map(|p| Some(p.int("port"))).collect()
        };
        for port in shown {
            for endpoint in slice.value.items("endpoints") {
                if list.len() == MOST {
                    more = true;
                }
                if !ready(endpoint) {
                    continue;
                }
                if !more {
                    let ip = address(endpoint);
                    list.push(port.map_or(ip.clone(), |p| host_port(&ip, p)));
                }
                count += 1;
            }
        }
    }
    let text = list.join(",");
    if more { format!("{text} + {} more...", count - MOST as i64) } else { text }
}

pub fn service(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "Selector", format_labels(spec.get("selector")));
    sheet.field(0, "Type", spec.text("type"));
    if spec.get("ipFamilyPolicy").is_some() {
        sheet.field(0, "IP Family Policy", spec.text("ipFamilyPolicy"));
    }
    let or_none = |list: &[Value]| if list.is_empty() { "<none>".to_string() } else { joined(list, ",") };
    sheet.field(0, "IP Families", or_none(spec.items("ipFamilies")));
    sheet.field(0, "IP", spec.text("clusterIP"));
    sheet.field(0, "IPs", or_none(spec.items("clusterIPs")));
    if !spec.items("externalIPs").is_empty() {
        sheet.field(0, "External IPs", joined(spec.items("externalIPs"), ","));
    }
    if !spec.text("loadBalancerIP").is_empty() {
        sheet.field(0, "Desired LoadBalancer IP", spec.text("loadBalancerIP"));
    }
    if !spec.text("externalName").is_empty() {
        sheet.field(0, "External Name", spec.text("externalName"));
    }
    let points = object.value.items_at(&["status", "loadBalancer", "ingress"]);
    if !points.is_empty() {
        let one = |p: &Value| match (p.text("ip"), p.text("ipMode")) {
            ("", _) => p.text("hostname").to_string(),
            (ip, "") => ip.to_string(),
            (ip, mode) => format!("{ip} ({mode})"),
        };
        sheet.field(0, "LoadBalancer Ingress", points.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    let slices = slices(view, object.namespace(), object.name());
    for port in spec.items("ports") {
        let name = if port.text("name").is_empty() { "<unset>" } else { port.text("name") };
        let protocol = port.text("protocol");
        sheet.line(0, format!("Port:\t{name}\t{}/{protocol}", port.int("port")));
        sheet.field(0, "TargetPort", format!("{}/{protocol}", port.get("targetPort").map_or("0".to_string(), plain)));
        if !port.text("appProtocol").is_empty() {
            sheet.field(0, "AppProtocol", port.text("appProtocol"));
        }
        if port.int("nodePort") != 0 {
            sheet.line(0, format!("NodePort:\t{name}\t{}/{protocol}", port.int("nodePort")));
        }
        sheet.field(0, "Endpoints", format_slices(&slices, port.text("name")));
    }
    sheet.field(0, "Session Affinity", spec.text("sessionAffinity"));
    for (field, title) in
        [("externalTrafficPolicy", "External Traffic Policy"), ("internalTrafficPolicy", "Internal Traffic Policy")]
    {
        if !spec.text(field).is_empty() {
            sheet.field(0, title, spec.text(field));
        }
    }
    if spec.int("healthCheckNodePort") != 0 {
        sheet.field(0, "HealthCheck NodePort", spec.int("healthCheckNodePort"));
    }
    if !spec.items("loadBalancerSourceRanges").is_empty() {
        sheet.field(0, "LoadBalancer Source Ranges", joined(spec.items("loadBalancerSourceRanges"), ","));
    }
    if !spec.text("trafficDistribution").is_empty() {
        sheet.field(0, "Traffic Distribution", spec.text("trafficDistribution"));
    }
    events(sheet, object, view);
}

pub fn endpoints(sheet: &mut Sheet, object: &Object, view: &View) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.line(0, "Subsets:");
    for subset in object.value.items("subsets") {
        for (field, title) in [("addresses", "Addresses"), ("notReadyAddresses", "NotReadyAddresses")] {
            let ips: Vec<&str> = subset.items(field).iter().map(|a| a.text("ip")).collect();
            sheet.field(1, title, if ips.is_empty() { "<none>".to_string() } else { ips.join(",") });
        }
        if !subset.items("ports").is_empty() {
            sheet.line(1, "Ports:");
            sheet.line(2, "Name\tPort\tProtocol");
            sheet.line(2, "----\t----\t--------");
            for port in subset.items("ports") {
                let name = if port.text("name").is_empty() { "<unset>" } else { port.text("name") };
                sheet.line(2, format!("{name}\t{}\t{}", port.int("port"), port.text("protocol")));
            }
        }
        sheet.line(0, "");
    }
    events(sheet, object, view);
}

pub fn endpoint_slice(sheet: &mut Sheet, object: &Object, view: &View) {
    let unset = |text: &str| if text.is_empty() { "<unset>".to_string() } else { text.to_string() };
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "AddressType", object.value.text("addressType"));
    if object.value.items("ports").is_empty() {
        sheet.line(0, "Ports: <unset>");
    } else {
        sheet.line(0, "Ports:");
        sheet.line(1, "Name\tPort\tProtocol");
        sheet.line(1, "----\t----\t--------");
        for port in object.value.items("ports") {
            let number = port.field("port").map_or("<unset>".to_string(), plain);
            sheet.line(1, format!("{}\t{number}\t{}", unset(port.text("name")), port.text("protocol")));
        }
    }
    let endpoints = object.value.items("endpoints");
    sheet.line(0, if endpoints.is_empty() { "Endpoints: <none>" } else { "Endpoints:" });
    for endpoint in endpoints {
        let addresses = joined(endpoint.items("addresses"), ", ");
        sheet.field(1, "- Addresses", if addresses.is_empty() { "<none>".to_string() } else { addresses });
        sheet.line(2, "Conditions:");
        sheet.field(3, "Ready", endpoint.at(&["conditions", "ready"]).map_or("<unset>".to_string(), plain));
        sheet.field(2, "Hostname", unset(endpoint.text("hostname")));
        if let Some(target) = endpoint.field("targetRef") {
            sheet.field(2, "TargetRef", format!("{}/{}", target.text("kind"), target.text("name")));
        }
        sheet.field(2, "NodeName", unset(endpoint.text("nodeName")));
        sheet.field(2, "Zone", unset(endpoint.text("zone")));
    }
    events(sheet, object, view);
}

fn backend(view: &View, namespace: &str, backend: &Value) -> String {
    if let Some(service) = backend.field("service") {
        let port = service.get("port").unwrap_or(&Value::Null);
        let shown = match port.int("number") {
            0 => port.text("name").to_string(),
            number => number.to_string(),
        };
        let name = service.text("name");
        let text = format!("{name}:{shown}");
        let Some(target) = view.store().get(&ObjectKey::new("Service", namespace, name)) else {
            return format!("{text} (<error: services \"{name}\" not found>)");
        };
        let mut port_name = "";
        for candidate in target.value.items_at(&["spec", "ports"]) {
            let by_number = port.int("number") != 0 && port.int("number") == candidate.int("port");
            let by_name = !port.text("name").is_empty() && port.text("name") == candidate.text("name");
            if by_number || by_name {
                port_name = candidate.text("name");
            }
        }
        return format!("{text} ({})", format_slices(&slices(view, namespace, name), port_name));
    }
    match backend.field("resource") {
        Some(resource) => {
            let group = if resource.text("apiGroup").is_empty() { "<none>" } else { resource.text("apiGroup") };
            format!("APIGroup: {group}, Kind: {}, Name: {}", resource.text("kind"), resource.text("name"))
        }
        None => String::new(),
    }
}

pub fn ingress(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    let namespace = object.namespace().as_str();
    sheet.field(0, "Name", object.name());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.field(0, "Namespace", namespace);
    sheet.field(0, "Address", load_balancer(&object.value));
    sheet.field(0, "Ingress Class", spec.get("ingressClassName").and_then(Value::as_str).unwrap_or("<none>"));
    let default = spec.field("defaultBackend").map_or("<default>".to_string(), |b| backend(view, namespace, b));
    sheet.field(0, "Default backend", &default);
    let tls = spec.items("tls");
    if !tls.is_empty() {
        sheet.line(0, "TLS:");
        for entry in tls {
            let hosts = joined(entry.items("hosts"), ",");
            match entry.text("secretName") {
                "" => sheet.line(1, format!("SNI routes {hosts}")),
                secret => sheet.line(1, format!("{secret} terminates {hosts}")),
            }
        }
    }
    sheet.line(0, "Rules:\n  Host\tPath\tBackends");
    sheet.line(1, "----\t----\t--------");
    let mut rules = 0;
    for rule in spec.items("rules") {
        let Some(http) = rule.field("http") else { continue };
        rules += 1;
        sheet.line(1, format!("{}\t", if rule.text("host").is_empty() { "*" } else { rule.text("host") }));
        for path in http.items("paths") {
            let target = backend(view, namespace, path.get("backend").unwrap_or(&Value::Null));
            sheet.line(2, format!("\t{} \t{target}", path.text("path")));
        }
    }
    if rules == 0 {
        sheet.line(1, format!("*\t*\t{default}"));
    }
    sheet.annotations("Annotations", metadata(object, "annotations"));
    events(sheet, object, view);
}

pub fn ingress_class(sheet: &mut Sheet, object: &Object, view: &View) {
    sheet.field(0, "Name", object.name());
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
    sheet.field(0, "Controller", object.value.str_at(&["spec", "controller"]));
    if let Some(parameters) = object.value.at(&["spec", "parameters"]) {
        sheet.line(0, "Parameters:");
        if !parameters.text("apiGroup").is_empty() {
            sheet.field(1, "APIGroup", parameters.text("apiGroup"));
        }
        sheet.field(1, "Kind", parameters.text("kind"));
        sheet.field(1, "Name", parameters.text("name"));
    }
    events(sheet, object, view);
}
