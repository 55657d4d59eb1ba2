//! Load balancers before the cluster: whose address it is, which nodes it sends to.
//!
//! Two shapes. An address in the nodes' own network is announced by one of the nodes (MetalLB in layer 2 mode): all traffic
//! enters there. Any other address belongs to a cloud's balancer, which chooses a healthy node for each connection. With
//! `ipMode: VIP` packets keep their destination and the node's rules know it; with `ipMode: Proxy` the balancer opens a
//! connection of its own to the NodePort. Left out: health checks' delay (a node counts as soon as it has an endpoint).

use super::route::{LEARNER, NodeRoutes, Routes};
use crate::api::object::{Object, ObjectKey};
use crate::api::view::{IngressPoint, Service, ServiceType};
use crate::apiserver::store::Store;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The Service that has `ip` from its load balancer, and the entry that says so.
pub fn service_at(store: &Store, ip: IpAddr) -> Option<(&Arc<Object>, &Service, &IngressPoint)> {
    store.list("Service").find_map(|object| {
        let service = object.view().service().filter(|s| s.type_ == ServiceType::LoadBalancer)?;
        let point = service.load_balancer.iter().find(|p| p.ip == Some(ip))?;
        Some((object, service, point))
    })
}

/// Whether the address is announced by a node of the nodes' own network.
pub fn is_announced(ip: IpAddr) -> bool {
    match (ip, LEARNER) {
        (IpAddr::V4(ip), IpAddr::V4(own)) => ip.octets()[..3] == own.octets()[..3],
        _ => false,
    }
}

/// The nodes that may get traffic of a Service: with `externalTrafficPolicy: Local` those that have a ready endpoint, else all.
pub fn nodes<'a>(
    store: &Store,
    routes: &'a Routes,
    key: &ObjectKey,
    service: &Service,
    is_up: impl Fn(&str) -> bool,
) -> Vec<&'a NodeRoutes> {
    const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
    let healthy = |node: &&NodeRoutes| {
        let object = store.node(&node.name);
        let ready =
            object.is_some_and(|o| o.view().node().is_some_and(|n| n.is_ready()) && o.label(EXCLUDED).is_none());
        ready && is_up(&node.name) && (!service.external_local || has_endpoint(store, key, &node.name))
    };
    routes.nodes().iter().filter(healthy).collect()
}

fn has_endpoint(store: &Store, key: &ObjectKey, node: &SmolStr) -> bool {
    let selector = [("kubernetes.io/service-name".into(), key.name.clone())];
    store
        .select("EndpointSlice", &key.namespace, &selector)
        .filter_map(|o| o.view().endpoint_slice())
        .flat_map(|slice| &slice.endpoints)
        .any(|e| e.ready && e.node_name == *node)
}

/// A number in `[0, 1)` that is the same for all packets of a connection: what a balancer hashes.
pub fn flow_hash(src: SocketAddr, dst: SocketAddr) -> f64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut mix = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for side in [src, dst] {
        match side.ip() {
            IpAddr::V4(ip) => mix(&ip.octets()),
            IpAddr::V6(ip) => mix(&ip.octets()),
        }
        mix(&side.port().to_be_bytes());
    }
    // The upper bits of FNV are poorly mixed for inputs that differ in their last byte only.
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}
