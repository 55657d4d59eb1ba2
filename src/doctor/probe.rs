//! Who asks: a copy of the cluster with a pod of the doctor's own in each namespace.

use super::Stand;
use crate::api::object::ObjectKey;
use crate::cluster::Cluster;
use crate::trace::{Client, Request, Scheme, Trace, Url};
use crate::value;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What the doctor's pods are called. The name is a label of DNS that nobody will have given away.
const NAME: &str = "giljabi-doctor-visitor";

/// An address of the world outside that nobody in it has.
const OUTSIDE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 77));

pub struct Probe {
    pub stand: Arc<Stand>,
    /// The copy; the cluster that was read stays as it is.
    pub cluster: Cluster,
    visitors: BTreeMap<SmolStr, Option<ObjectKey>>,
}

impl Probe {
    pub fn new(stand: Arc<Stand>) -> Probe {
        Probe { cluster: stand.workspace.cluster().clone(), stand, visitors: BTreeMap::new() }
    }

    /// The client that asks in a namespace: a pod of it, or where no pod can be put, a node.
    pub fn visitor(&mut self, namespace: &SmolStr) -> Client {
        let cluster = &mut self.cluster;
        let put = self.visitors.entry(namespace.clone()).or_insert_with(|| {
            let template = value!({
                "metadata": { "labels": {} },
                "spec": { "containers": [{ "name": "visitor", "image": "busybox", "command": ["sleep", "infinity"] }] }
            });
            cluster.put_pod(&ObjectKey::new("Pod", namespace.clone(), NAME), &template)
        });
        match put {
            Some(key) => Client::Pod { namespace: key.namespace.clone(), name: key.name.clone(), container: "".into() },
            None => {
                Client::Node { name: cluster.store().list("Node").next().map(|n| n.name().clone()).unwrap_or_default() }
            }
        }
    }

    /// Somebody on the internet.
    pub fn outsider(&self) -> Client {
        Client::Outside { ip: OUTSIDE }
    }

    /// Connects and tells how it went.
    pub fn connect(&mut self, from: Client, scheme: Scheme, host: impl Into<SmolStr>, port: u16) -> Trace {
        let url = Url { scheme, host: host.into(), port, path: "/".into() };
        self.cluster.send(&Request::get(from, url))
    }
}
