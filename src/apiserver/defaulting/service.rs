//! What the API server fills in for Services, Endpoints, EndpointSlices and Namespaces (`pkg/apis/core/v1/defaults.go`,
//! `pkg/apis/discovery/v1/defaults.go`). What an allocator chooses is filled in by `apiserver::allocate`.

use super::{each, fill, fill_text};
use crate::api::value::Value;
use crate::value;

/// The affinity timeout in seconds when none is written: three hours.
const AFFINITY_SECONDS: i64 = 10_800;

pub fn default_service(service: &mut Value) {
    let ingress_modes = service.str_at(&["spec", "type"]) == "LoadBalancer";
    let spec = service.map_mut().entry("spec");
    fill_text(spec, "sessionAffinity", "None");
    match spec.text("sessionAffinity") {
        "None" => drop(spec.map_mut().remove("sessionAffinityConfig")),
        "ClientIP" => {
            let path = ["sessionAffinityConfig", "clientIP", "timeoutSeconds"];
            if spec.at(&path).is_none_or(Value::is_null) {
                spec.set_at(&path[..1], value!({ "clientIP": { "timeoutSeconds": AFFINITY_SECONDS } }));
            }
        }
        _ => {}
    }
    fill_text(spec, "type", "ClusterIP");
    each(spec, "ports", |port| {
        fill_text(port, "protocol", "TCP");
        let target = port.get("targetPort");
        if target.is_none_or(|t| t.is_null() || t.as_i64() == Some(0) || t.as_str() == Some("")) {
            let number = port.int("port");
            port.map_mut().insert("targetPort", number);
        }
    });
    if is_externally_accessible(spec) {
        fill_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(spec.text("type"), "ClusterIP" | "NodePort" | "LoadBalancer") {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if spec.text("type") == "LoadBalancer" {
        fill(spec, "allocateLoadBalancerNodePorts", true);
    }
    if ingress_modes && !service.items_at(&["status", "loadBalancer", "ingress"]).is_empty() {
        let balancer = service.map_mut().entry("status").map_mut().entry("loadBalancer");
        each(balancer, "ingress", |point| {
            if !point.text("ip").is_empty() {
                fill(point, "ipMode", "VIP");
            }
        });
    }
}

/// Whether anything outside the cluster reaches the Service through a node (`ExternallyAccessible`).
pub fn is_externally_accessible(spec: &Value) -> bool {
    match spec.text("type") {
        "NodePort" | "LoadBalancer" => true,
        "ClusterIP" => !spec.items("externalIPs").is_empty(),
        _ => false,
    }
}

pub fn default_endpoints(endpoints: &mut Value) {
    each(endpoints, "subsets", |subset| each(subset, "ports", |port| fill_text(port, "protocol", "TCP")));
}

pub fn default_endpoint_slice(slice: &mut Value) {
    each(slice, "ports", |port| {
        fill(port, "name", "");
        fill(port, "protocol", "TCP");
    });
}

/// Every namespace bears its name as a label.
pub fn default_namespace(namespace: &mut Value) {
    let name = namespace.str_at(&["metadata", "name"]).to_string();
    if !name.is_empty() {
        namespace.set_at(&["metadata", "labels", "kubernetes.io/metadata.name"], name);
    }
}

/// Works on every port of a Service's spec.
pub fn each_port(spec: &mut Value, act: impl FnMut(&mut Value)) {
    each(spec, "ports", act);
}
