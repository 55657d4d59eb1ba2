//! `v1.Endpoints` and `discovery.k8s.io/v1.EndpointSlice`.

use super::{Protocol, port, text, texts};
use crate::api::object::ObjectKey;
use crate::api::value::Value;
use smol_str::SmolStr;
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPort {
    /// Empty when unnamed.
    pub name: SmolStr,
    pub protocol: Protocol,
    /// `None`: the slice names no port (no selected pod has it, or all ports are meant).
    pub port: Option<u16>,
    pub app_protocol: SmolStr,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    pub addresses: Vec<SmolStr>,
    /// A missing condition counts as true (serving follows ready).
    pub ready: bool,
    pub serving: bool,
    pub terminating: bool,
    pub node_name: SmolStr,
    pub zone: SmolStr,
    pub hostname: SmolStr,
    /// The pod behind it, when there is one.
    pub target: Option<ObjectKey>,
    pub zone_hints: Vec<SmolStr>,
    pub node_hints: Vec<SmolStr>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// The label `kubernetes.io/service-name`.
    pub service: SmolStr,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: SmolStr,
    /// Shared with those who keep one of them for longer than the slice's revision lasts.
    pub endpoints: Vec<Arc<Endpoint>>,
    pub ports: Vec<EndpointPort>,
}

/// One subset of an Endpoints object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subset {
    pub ready: Vec<Endpoint>,
    pub not_ready: Vec<Endpoint>,
    pub ports: Vec<EndpointPort>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    pub subsets: Vec<Subset>,
}

impl EndpointSlice {
    pub(super) fn read(value: &Value) -> EndpointSlice {
        EndpointSlice::read_with(value, |_| None)
    }

    /// The reading of the next version of a slice, which shares the endpoints that stand where they stood.
    pub(super) fn next(&self, old: &Value, new: &Value) -> EndpointSlice {
        let before = old.items_at(&["endpoints"]);
        let now = new.items_at(&["endpoints"]);
        EndpointSlice::read_with(new, |place| {
            before.get(place)?.is_same(&now[place]).then(|| self.endpoints.get(place).cloned())?
        })
    }

    fn read_with(value: &Value, kept: impl Fn(usize) -> Option<Arc<Endpoint>>) -> EndpointSlice {
        let endpoints = value.items_at(&["endpoints"]).iter().enumerate();
        EndpointSlice {
            service: text(value, &["metadata", "labels", "kubernetes.io/service-name"]),
            address_type: text(value, &["addressType"]),
            endpoints: endpoints
                .map(|(place, endpoint)| kept(place).unwrap_or_else(|| Arc::new(slice_endpoint(endpoint))))
                .collect(),
            ports: value.items_at(&["ports"]).iter().map(endpoint_port).collect(),
        }
    }
}

impl Endpoints {
    pub(super) fn read(value: &Value) -> Endpoints {
        let addresses = |subset: &Value, field, ready| {
            subset.items_at(&[field]).iter().map(|a| address(a, ready)).collect::<Vec<_>>()
        };
        Endpoints {
            subsets: value
                .items_at(&["subsets"])
                .iter()
                .map(|subset| Subset {
                    ready: addresses(subset, "addresses", true),
                    not_ready: addresses(subset, "notReadyAddresses", false),
                    ports: subset.items_at(&["ports"]).iter().map(endpoint_port).collect(),
                })
                .collect(),
        }
    }
}

fn endpoint_port(value: &Value) -> EndpointPort {
    EndpointPort {
        name: text(value, &["name"]),
        protocol: Protocol::read(value.str_at(&["protocol"])),
        port: value.get("port").map(|_| port(value, &["port"])),
        app_protocol: text(value, &["appProtocol"]),
    }
}

fn target(value: &Value) -> Option<ObjectKey> {
    let target = value.get("targetRef")?;
    Some(ObjectKey::new(text(target, &["kind"]), text(target, &["namespace"]), text(target, &["name"])))
}

fn slice_endpoint(value: &Value) -> Endpoint {
    let condition = |name| value.at(&["conditions", name]).and_then(Value::as_bool);
    let ready = condition("ready").unwrap_or(true);
    let hints = |field: &str| value.items_at(&["hints", field]).iter().map(|h| text(h, &["name"])).collect();
    Endpoint {
        addresses: texts(value, &["addresses"]),
        ready,
        serving: condition("serving").unwrap_or(ready),
        terminating: condition("terminating").unwrap_or(false),
        node_name: text(value, &["nodeName"]),
        zone: text(value, &["zone"]),
        hostname: text(value, &["hostname"]),
        target: target(value),
        zone_hints: hints("forZones"),
        node_hints: hints("forNodes"),
    }
}

fn address(value: &Value, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![text(value, &["ip"])],
        ready,
        serving: ready,
        node_name: text(value, &["nodeName"]),
        hostname: text(value, &["hostname"]),
        target: target(value),
        ..Endpoint::default()
    }
}
