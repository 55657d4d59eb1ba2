//! Which Services an address or a node port may be meant for. Kept along with the store, a change at a time, so that who asks
//! looks at some Services and not at all of them.

use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::{Change, Store};
use crate::later::{Later, Twin};
use imbl::{OrdMap, OrdSet};
use std::net::IpAddr;
use std::sync::Arc;

/// What leads a client to a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    /// A ClusterIP, an external address or a load balancer's.
    Address(IpAddr),
    NodePort(u16),
}

/// The Services by what clients dial. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// The store that this is about, without its events: a snapshot that is kept for long would hold on to all of them.
    seen: Later<Arc<Store>>,
    behind: OrdMap<Door, OrdSet<ObjectKey>>,
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
                doors(old).for_each(|door| self.close(door, &old.key));
            }
            if let Some(new) = new.filter(|o| o.key.kind == "Service") {
                for door in doors(new) {
                    self.behind.entry(door).or_default().insert(new.key.clone());
                }
            }
        }
    }

    /// Those that have the address, as a ClusterIP, an external one or a load balancer's; by name.
    pub fn at(&self, ip: &IpAddr) -> impl Iterator<Item = &ObjectKey> {
        self.behind.get(&Door::Address(*ip)).into_iter().flatten()
    }

    /// Those that have the node port, whatever the protocol; by name.
    pub fn at_node_port(&self, port: u16) -> impl Iterator<Item = &ObjectKey> {
        self.behind.get(&Door::NodePort(port)).into_iter().flatten()
    }

    /// Forgets that something leads to a Service.
    fn close(&mut self, door: Door, service: &ObjectKey) {
        if let Some(set) = self.behind.get_mut(&door) {
            set.remove(service);
            if set.is_empty() {
                self.behind.remove(&door);
            }
        }
    }
}

fn doors(object: &Object) -> impl Iterator<Item = Door> + '_ {
    object.view().service().into_iter().flat_map(|service| {
        let external = service.external_ips.iter().filter_map(|ip| ip.parse().ok());
        let balancers = service.load_balancer.iter().filter_map(|point| point.ip);
        let addresses = service.cluster_ips.iter().copied().chain(external).chain(balancers);
        let node_ports = service.ports.iter().map(|port| port.node_port).filter(|port| *port != 0);
        addresses.map(Door::Address).chain(node_ports.map(Door::NodePort))
    })
}
