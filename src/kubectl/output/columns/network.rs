//! Services, Endpoints, EndpointSlices, Ingresses and their classes, network policies, Gateway API's kinds by their CRDs.

use super::{Columns, aged, format_labels, format_selector, name, or_none};
use crate::api::value::Value;
use crate::arrange::Arrange;

pub const COLUMNS: &[Columns] = &[
    Columns {
        kind: "Service",
        headers: "Name,Type,Cluster-IP,External-IP,Port(s),Age|Selector",
        cells: |o, now| {
            vec![
                name(o),
                o.value.str_at(&["spec", "type"]).to_string(),
                or_none(o.value.str_at(&["spec", "clusterIP"])),
                external_ip(&o.value),
                ports(o.value.items_at(&["spec", "ports"])),
                aged(o, now),
                format_labels(o.value.at(&["spec", "selector"])),
            ]
        },
    },
    Columns {
        kind: "Endpoints",
        headers: "Name,Endpoints,Age",
        cells: |o, now| vec![name(o), endpoints(o.value.items("subsets")), aged(o, now)],
    },
    Columns {
        kind: "EndpointSlice",
        headers: "Name,AddressType,Ports,Endpoints,Age",
        cells: |o, now| {
            vec![
                name(o),
                o.value.text("addressType").to_string(),
                slice_ports(o.value.items("ports")),
                slice_endpoints(o.value.items("endpoints")),
                aged(o, now),
            ]
        },
    },
    Columns {
        kind: "Ingress",
        headers: "Name,Class,Hosts,Address,Ports,Age",
        cells: |o, now| {
            let tls = !o.value.items_at(&["spec", "tls"]).is_empty();
            vec![
                name(o),
                o.value.at(&["spec", "ingressClassName"]).and_then(Value::as_str).unwrap_or("<none>").to_string(),
                hosts(o.value.items_at(&["spec", "rules"])),
                load_balancer(&o.value),
                if tls { "80, 443" } else { "80" }.to_string(),
                aged(o, now),
            ]
        },
    },
    Columns {
        kind: "IngressClass",
        headers: "Name,Controller,Parameters,Age",
        cells: |o, now| {
            let default = o.annotation("ingressclass.kubernetes.io/is-default-class") == Some("true");
            let parameters = o.value.at(&["spec", "parameters"]);
            vec![
                if default { format!("{} (default)", o.name()) } else { name(o) },
                o.value.str_at(&["spec", "controller"]).to_string(),
                parameters.map_or("<none>".to_string(), |p| {
                    let group = p.text("apiGroup");
                    let kind = if group.is_empty() {
                        p.text("kind").to_string()
                    } else {
                        format!("{}.{group}", p.text("kind"))
                    };
                    format!("{kind}/{}", p.text("name"))
                }),
                aged(o, now),
            ]
        },
    },
    Columns {
        kind: "NetworkPolicy",
        headers: "Name,Pod-Selector,Age",
        cells: |o, now| {
            let selector = format_selector(o.value.at(&["spec", "podSelector"]));
            vec![name(o), or_none(&selector), aged(o, now)]
        },
    },
    Columns {
        kind: "IPAddress",
        headers: "Name,ParentRef,Age",
        cells: |o, now| {
            let parent = o.value.at(&["spec", "parentRef"]).unwrap_or(&Value::Null);
            let group = parent.text("group");
            let resource = if group.is_empty() {
                parent.text("resource").to_string()
            } else {
                format!("{}.{group}", parent.text("resource"))
            };
            let text = match parent.text("namespace") {
                "" => format!("{resource}/{}", parent.text("name")),
                namespace => format!("{resource}/{namespace}/{}", parent.text("name")),
            };
            vec![name(o), text, aged(o, now)]
        },
    },
    Columns {
        kind: "ServiceCIDR",
        headers: "Name,CIDRs,Age",
        cells: |o, now| {
            let cidrs: Vec<&str> = o.value.items_at(&["spec", "cidrs"]).iter().filter_map(Value::as_str).collect();
            vec![name(o), cidrs.join(","), aged(o, now)]
        },
    },
];

fn external_ip(service: &Value) -> String {
    let externals: Vec<&str> = service.items_at(&["spec", "externalIPs"]).iter().filter_map(Value::as_str).collect();
    match service.str_at(&["spec", "type"]) {
        "ExternalName" => service.str_at(&["spec", "externalName"]).to_string(),
        "LoadBalancer" => {
            let mut given: Vec<&str> = points(service);
            if given.is_empty() && externals.is_empty() {
                return "<pending>".to_string();
            }
            given.extend(externals);
            given.join(",")
        }
        _ if externals.is_empty() => "<none>".to_string(),
        _ => externals.join(","),
    }
}

fn points(object: &Value) -> Vec<&str> {
    let mut points: Vec<&str> = object
        .items_at(&["status", "loadBalancer", "ingress"])
        .iter()
        .map(|i| if i.text("ip").is_empty() { i.text("hostname") } else { i.text("ip") })
        .filter(|p| !p.is_empty())
        .collect();
    points.arrange();
    points.dedup();
    points
}

/// The addresses of a load balancer's status, sorted.
pub fn load_balancer(object: &Value) -> String {
    points(object).join(",")
}

fn ports(ports: &[Value]) -> String {
    if ports.is_empty() {
        return "<none>".to_string();
    }
    let one = |p: &Value| match p.int("nodePort") {
        0 => format!("{}/{}", p.int("port"), p.text("protocol")),
        node => format!("{}:{node}/{}", p.int("port"), p.text("protocol")),
    };
    ports.iter().map(one).collect::<Vec<_>>().join(",")
}

/// At most three, then how many more.
fn clipped(items: Vec<String>, shown: usize) -> String {
    let more = items.len().saturating_sub(shown);
    let text = items.iter().take(shown).map(String::as_str).collect::<Vec<_>>().join(",");
    if more > 0 { format!("{text} + {more} more...") } else { text }
}

fn endpoints(subsets: &[Value]) -> String {
    if subsets.is_empty() {
        return "<none>".to_string();
    }
    let mut all = Vec::new();
    for subset in subsets {
        let addresses = subset.items("addresses").iter().map(|a| a.text("ip"));
        if subset.items("ports").is_empty() {
            all.extend(addresses.map(str::to_string));
            continue;
        }
        for port in subset.items("ports") {
            for address in subset.items("addresses") {
                all.push(host_port(address.text("ip"), port.int("port")));
            }
        }
    }
    clipped(all, 3)
}

/// Address and port, an IPv6 address in brackets.
pub fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") }
}

fn slice_ports(ports: &[Value]) -> String {
    if ports.is_empty() {
        return "<unset>".to_string();
    }
    let one = |p: &Value| match p.field("port").and_then(Value::as_i64) {
        Some(port) => port.to_string(),
        None if !p.text("name").is_empty() => p.text("name").to_string(),
        None => "*".to_string(),
    };
    clipped(ports.iter().map(one).collect(), 3)
}

fn slice_endpoints(endpoints: &[Value]) -> String {
    if endpoints.is_empty() {
        return "<unset>".to_string();
    }
    let all = endpoints.iter().flat_map(|e| e.items("addresses")).filter_map(Value::as_str).map(str::to_string);
    clipped(all.collect(), 3)
}

fn hosts(rules: &[Value]) -> String {
    let all: Vec<String> = rules.iter().map(|r| r.text("host")).filter(|h| !h.is_empty()).map(str::to_string).collect();
    if all.is_empty() { "*".to_string() } else { clipped(all, 3) }
}
