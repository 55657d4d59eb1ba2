//! When the kube-proxies look: `minSyncPeriod` after a change of a Service, an EndpointSlice or a Node. What they then write is
//! the network's; the cluster lets it see the store when this controller's turn comes.
//!
//! Upstream: the bounded-frequency runner of `pkg/proxy`. All nodes look at the same moment.

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::ObjectKey;
use crate::apiserver::store::{Event, Store};

pub struct KubeProxy;

/// The controller's name; the cluster knows it by that.
pub const NAME: &str = "kube-proxy";

impl Controller for KubeProxy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _store: &Store, _index: &Index, settings: &Settings, enqueue: Enqueue) {
        let concerns = match event.key.kind.as_str() {
            "Service" | "EndpointSlice" => true,
            // A heartbeat changes no rule.
            "Node" => match (&event.old, &event.new) {
                (Some(old), Some(new)) => old.view().node() != new.view().node(),
                _ => true,
            },
            // CoreDNS' own configuration.
            "ConfigMap" => event.key.namespace == "kube-system" && event.key.name == "coredns",
            _ => false,
        };
        if concerns {
            enqueue(ObjectKey::new("Node", "", ""), settings.latencies.proxy_sync);
        }
    }

    fn reconcile(&self, _key: &ObjectKey, _context: &mut Context) -> Reconcile {
        Reconcile::default()
    }
}
