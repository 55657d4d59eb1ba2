//! Which Services an address or a node port may be meant for. Kept along with the store, a change at a time, so that who asks
//! looks at some Services and not at all of them.

use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::{Change, Store};
use crate::later::{Later, Twin};
use imbl::{OrdMap, OrdSet};
use std::net::IpAddr;
use std::sync::Arc;

/// The Services by what clients dial. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// The store that this is about, without its events: a snapshot that is kept for long would hold on to all of them.
    seen: Later<Arc<Store>>,
    by_address: OrdMap<IpAddr, OrdSet<ObjectKey>>,
    by_node_port: OrdMap<u16, OrdSet<ObjectKey>>,
}

impl Services {
    /// Leaves what only a change is compared with to a twin.
    pub fn leave<W: Twin<Services>>(&mut self) {
        self.seen = Later::away(|_| &W::get().seen, 0);
    }

    /// Takes in what has changed since the last time.
    pub fn sync(&mut self, store: &Store) {
        let before = std::mem::replace(&mut self.seen, Arc::new(store.without_events()).into());
        for change in before.changes_to(store) {
            let (old, new) = match change {
                Change::Added(new) => (None, Some(new)),
                Change::Removed(old) => (Some(old), None),
                Change::Changed(old, new) => (Some(old), Some(new)),
            };
            if let Some(old) = old.filter(|o| o.key.kind == "Service") {
                addresses(old).for_each(|ip| take(&mut self.by_address, &ip, &old.key));
                node_ports(old).for_each(|port| take(&mut self.by_node_port, &port, &old.key));
            }
            if let Some(new) = new.filter(|o| o.key.kind == "Service") {
                for ip in addresses(new) {
                    self.by_address.entry(ip).or_default().insert(new.key.clone());
                }
                for port in node_ports(new) {
                    self.by_node_port.entry(port).or_default().insert(new.key.clone());
                }
            }
        }
    }

    /// Those that have the address, as a ClusterIP, an external one or a load balancer's; by name.
    pub fn at(&self, ip: &IpAddr) -> impl Iterator<Item = &ObjectKey> {
        self.by_address.get(ip).into_iter().flatten()
    }

    /// Those that have the node port, whatever the protocol; by name.
    pub fn at_node_port(&self, port: u16) -> impl Iterator<Item = &ObjectKey> {
        self.by_node_port.get(&port).into_iter().flatten()
    }
}

fn addresses(object: &Object) -> impl Iterator<Item = IpAddr> + '_ {
    object.view().service().into_iter().flat_map(|service| {
        let external = service.external_ips.iter().filter_map(|ip| ip.parse().ok());
        let balancers = service.load_balancer.iter().filter_map(|point| point.ip);
        service.cluster_ips.iter().copied().chain(external).chain(balancers)
    })
}

fn node_ports(object: &Object) -> impl Iterator<Item = u16> + '_ {
    object.view().service().into_iter().flat_map(|s| s.ports.iter().map(|p| p.node_port).filter(|port| *port != 0))
}

/// Forgets that something leads to a Service.
fn take<K: Ord + Clone>(map: &mut OrdMap<K, OrdSet<ObjectKey>>, key: &K, service: &ObjectKey) {
    if let Some(set) = map.get_mut(key) {
        set.remove(service);
        if set.is_empty() {
            map.remove(key);
        }
    }
}
