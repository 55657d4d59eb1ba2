//! The endpoints of a service port, put together from all slices of its Service.
//!
//! Upstream: `pkg/proxy/endpointslicecache.go`.

use super::settings::Family;
use crate::api::digits;
use crate::api::object::{Object, ObjectKey};
use crate::api::view;
use crate::arrange::map_of;
use crate::network::netfilter::{Because, PortName};
use imbl::Vector;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// An endpoint of a service port: an address and port, and where it stands in which slice.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub ip: IpAddr,
    pub port: u16,
    /// `10.244.1.11:8080`: how rules call it, and what they are ordered by.
    pub text: SmolStr,
    view: Arc<view::Endpoint>,
    key: Arc<ObjectKey>,
    index: u16,
}

impl Endpoint {
    /// The rest of what the slice says of it.
    pub fn view(&self) -> &view::Endpoint {
        &self.view
    }

    /// Its place in the slice.
    pub fn because(&self) -> Because {
        Because::item_of(&self.key, "endpoints", usize::from(self.index), "")
    }

    /// Whether it stands in this slice.
    pub fn is_of(&self, slice: &ObjectKey) -> bool {
        *self.key == *slice
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

impl Endpoint {
    /// Whether kube-proxy sees no difference: it does not keep which pod an endpoint is, nor its place in the slice.
    pub fn same_to_proxy(&self, other: &Endpoint) -> bool {
        let (a, b) = (self.view(), other.view());
        self.text == other.text
            && (a.ready, a.serving, a.terminating) == (b.ready, b.serving, b.terminating)
            && (&a.node_name, &a.zone) == (&b.node_name, &b.zone)
            && (&a.zone_hints, &a.node_hints) == (&b.zone_hints, &b.node_hints)
    }
}

impl PartialEq for Endpoint {
    /// Equal for the rules that it makes: also when another revision of the slice says the same.
    fn eq(&self, other: &Endpoint) -> bool {
        self.ip == other.ip
            && self.port == other.port
            && self.index == other.index
            && self.key == other.key
            && self.view == other.view
    }
}

impl Eq for Endpoint {}

/// The endpoints of a service port, ordered by their texts. A copy of which one is exchanged shares the others.
pub type EndpointList = Vector<Arc<Endpoint>>;

/// More endpoints than this a service port are left out: rules number them with sixteen bits.
pub const MOST_ENDPOINTS: usize = 60_000;

/// The endpoints of every port of a Service.
#[derive(Default)]
pub struct Gathered {
    pub ports: BTreeMap<PortName, Vec<Arc<Endpoint>>>,
    /// An address stands more than once for a port.
    pub shadowed: bool,
}

/// The endpoints of every port of a Service in one family, each list ordered by its text.
///
/// Slices of the other family, ports without a number and addresses that are none are left out. Where one address stands more
/// than once for a port, one that does not terminate goes before one that does. Endpoints at the places of their slice that are
/// `skipped` are taken for missing.
pub fn gather<'a>(
    namespace: &SmolStr,
    service: &SmolStr,
    slices: impl Iterator<Item = &'a Arc<Object>>,
    family: Family,
    skipped: impl Fn(usize) -> bool,
) -> Gathered {
    let mut ports: BTreeMap<PortName, BTreeMap<SmolStr, Endpoint>> = BTreeMap::new();
    let mut shadowed = false;
    for object in slices {
        let Some(slice) = object.view().endpoint_slice() else { continue };
        if slice.address_type != family.address_type() {
            continue;
        }
        let key = Arc::new(object.key.clone());
        for port in &slice.ports {
            let Some(number) = port.port.filter(|n| *n != 0) else { continue };
            let name = PortName {
                namespace: namespace.clone(),
                service: service.clone(),
                port: port.name.clone(),
                protocol: port.protocol,
            };
            let list = ports.entry(name).or_default();
            for (index, view) in slice.endpoints.iter().enumerate().filter(|(index, _)| !skipped(*index)) {
                let Some(ip) = view.addresses.first().and_then(|a| a.parse::<IpAddr>().ok()) else { continue };
                let Ok(index) = u16::try_from(index) else { break };
                if Family::of(&ip) != family {
                    continue;
                }
                let text = digits::socket(&ip, number);
                if view.terminating && list.contains_key(&text) {
                    shadowed = true;
                    continue;
                }
                let endpoint =
                    Endpoint { ip, port: number, text: text.clone(), view: view.clone(), key: key.clone(), index };
                shadowed |= list.insert(text, endpoint).is_some();
            }
        }
    }
    let cut = |list: BTreeMap<SmolStr, Endpoint>| list.into_values().take(MOST_ENDPOINTS).map(Arc::new).collect();
    Gathered { ports: map_of(ports.into_iter().map(|(name, list)| (name, cut(list)))), shadowed }
}
