//! Typed readings of stored objects, for the hot paths: controllers, kube-proxy, DNS, the map. A view is decoded once an
//! object and only read; what it says is what the defaulted object says.

mod endpoints;
mod pod;
mod service;

pub use endpoints::{Endpoint, EndpointPort, EndpointSlice, Endpoints, Subset};
pub use pod::{Condition, Container, ContainerPort, ContainerStatus, Node, Pod, PodPhase, Taint};
pub use service::{IngressPoint, Protocol, Service, ServicePort, ServiceType, TargetPort};

use crate::api::value::Value;
use smol_str::SmolStr;

/// The typed reading of an object, by kind.
#[derive(Debug)]
pub enum View {
    Service(Service),
    Endpoints(Endpoints),
    EndpointSlice(EndpointSlice),
    Pod(Pod),
    Node(Node),
    /// Kinds that are read field by field.
    Other,
}

impl View {
    pub(crate) fn read(kind: &str, value: &Value) -> View {
        match kind {
            "Service" => View::Service(Service::read(value)),
            "Endpoints" => View::Endpoints(Endpoints::read(value)),
            "EndpointSlice" => View::EndpointSlice(EndpointSlice::read(value)),
            "Pod" => View::Pod(Pod::read(value)),
            "Node" => View::Node(Node::read(value)),
            _ => View::Other,
        }
    }

    /// The reading of the next version of an object: only what has changed is read. `None`: read it whole.
    pub(crate) fn next(&self, old: &Value, new: &Value) -> Option<View> {
        match self {
            View::Pod(pod) => Some(View::Pod(pod.next(old, new))),
            View::EndpointSlice(slice) => Some(View::EndpointSlice(slice.next(old, new))),
            _ => None,
        }
    }

    pub fn service(&self) -> Option<&Service> {
        if let View::Service(s) = self { Some(s) } else { None }
    }

    pub fn endpoints(&self) -> Option<&Endpoints> {
        if let View::Endpoints(e) = self { Some(e) } else { None }
    }

    pub fn endpoint_slice(&self) -> Option<&EndpointSlice> {
        if let View::EndpointSlice(e) = self { Some(e) } else { None }
    }

    pub fn pod(&self) -> Option<&Pod> {
        if let View::Pod(p) = self { Some(p) } else { None }
    }

    pub fn node(&self) -> Option<&Node> {
        if let View::Node(n) = self { Some(n) } else { None }
    }
}

/// The string at `keys`, cheap to clone; empty when missing.
fn text(value: &Value, keys: &[&str]) -> SmolStr {
    value.at(keys).and_then(Value::as_smol).unwrap_or_default()
}

/// The strings of the list at `keys`.
fn texts(value: &Value, keys: &[&str]) -> Vec<SmolStr> {
    value.items_at(keys).iter().filter_map(Value::as_smol).collect()
}

/// The string-to-string map at `keys`, sorted by key.
fn pairs(value: &Value, keys: &[&str]) -> Vec<(SmolStr, SmolStr)> {
    let Some(map) = value.at(keys).and_then(Value::as_map) else { return Vec::new() };
    map.iter().filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))).collect()
}

/// A port number at `keys`; 0 when missing or out of range.
fn port(value: &Value, keys: &[&str]) -> u16 {
    value.at(keys).and_then(Value::as_i64).and_then(|n| u16::try_from(n).ok()).unwrap_or(0)
}
