//! Flows of UDP Services that conntrack would keep sending to endpoints that no longer serve. TCP needs no such care: its
//! connections end with the pod.
//!
//! Upstream: `CleanStaleEntries` of `pkg/proxy/conntrack/cleanup.go`.

use super::input::PortState;
use crate::api::view::Protocol;
use crate::arrange::set_of;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// The UDP service ports that a sync changed, and where their flows may still lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaleUdp {
    by_address: BTreeMap<SocketAddr, BTreeSet<IpAddr>>,
    by_node_port: BTreeMap<u16, BTreeSet<IpAddr>>,
}

impl StaleUdp {
    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty() && self.by_node_port.is_empty()
    }

    pub(super) fn add(&mut self, state: &PortState) {
        let port = &state.port;
        if port.name.protocol != Protocol::Udp {
            return;
        }
        // Traffic policies and topology do not count: what changes for new flows leaves old ones alone.
        let serving: BTreeSet<IpAddr> =
            set_of(state.endpoints.iter().filter(|e| e.view().serving).map(|e| e.address().ip()));
        // With nowhere else to go, flows stay as they are.
        if serving.is_empty() {
            return;
        }
        let outside = port.external_ips.iter().chain(&port.load_balancer_ips).map(|ip| ip.value);
        for ip in [port.cluster_ip].into_iter().chain(outside) {
            self.by_address.entry(SocketAddr::new(ip, port.port)).or_default().extend(&serving);
        }
        if port.node_port != 0 {
            self.by_node_port.entry(port.node_port).or_default().extend(&serving);
        }
    }

    /// Whether a UDP flow to `destination` that is answered from `source` must be forgotten: it goes to a changed Service,
    /// and what answers is no endpoint of it that serves. Also so when it was never translated, because there was no endpoint
    /// when it began. Only addresses are compared, no ports.
    pub fn is_stale(&self, destination: &SocketAddr, source: &SocketAddr) -> bool {
        let by_address = self.by_address.get(destination);
        let by_node_port = self.by_node_port.get(&destination.port());
        by_address.into_iter().chain(by_node_port).any(|serving| !serving.contains(&source.ip()))
    }
}
