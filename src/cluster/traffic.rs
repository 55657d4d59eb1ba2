//! Requests through the cluster, and the moment at which the nodes' rules learn of a change.
//!
//! kube-proxy stands in the event queue like a controller: a change of what it watches makes it due a little later
//! (`Latencies::proxy_sync`), and until then packets still go the old way. Left out: nodes that learn at different moments.

use super::{Cluster, ControllerId, LoadBalancerProvider, ProxyMode, Settings};
use crate::api::object::ObjectKey;
use crate::api::time::Duration;
use crate::apiserver::store::Event;
use crate::network::kube_proxy::{self, DetectLocal};
use crate::network::netfilter::Scheduler;
use crate::network::{Config, Network};
use crate::trace::many::Many;
use crate::trace::{self, Outcome, Request, Trace, World};
use std::net::IpAddr;

/// kube-proxy's place in the queue, behind all controllers.
pub(super) const PROXY: ControllerId = 31;

/// What it is due for: all nodes at once.
pub(super) fn proxy_key() -> ObjectKey {
    ObjectKey::new("Node", "", "*")
}

/// Whether the network is derived from objects such as the event's.
pub(super) fn concerns_network(event: &Event) -> bool {
    match event.key.kind.as_str() {
        "Service" | "EndpointSlice" => true,
        // A node's heartbeat is no news to its routes.
        "Node" => match (&event.old, &event.new) {
            (Some(old), Some(new)) => old.view().node() != new.view().node(),
            _ => true,
        },
        "ConfigMap" => event.key.namespace == "kube-system",
        _ => false,
    }
}

/// The network of a cluster that is set up so.
pub(super) fn network(settings: &Settings) -> Network {
    let pod_networks = settings.nodes.iter().flat_map(|n| &n.pod_cidrs);
    let service_networks: Vec<_> = settings.service_cidr.split(',').filter_map(|net| net.trim().parse().ok()).collect();
    Network::new(Config {
        domain: settings.cluster_domain.clone(),
        cluster_dns: vec![settings.dns_ip],
        upstream_dns: settings.upstream_dns,
        proxy: kube_proxy::Settings {
            mode: match settings.proxy_mode {
                ProxyMode::Iptables => kube_proxy::Mode::Iptables,
                ProxyMode::Ipvs => kube_proxy::Mode::Ipvs,
                ProxyMode::Nftables => kube_proxy::Mode::Nftables,
            },
            detect_local: DetectLocal::Cluster(supernets(pod_networks.filter_map(|net| net.parse().ok()))),
            scheduler: Scheduler::read(&settings.ipvs_scheduler).unwrap_or_default(),
            service_cidrs: service_networks.clone(),
            ..kube_proxy::Settings::default()
        },
        service_networks,
    })
}

/// The cluster's pod networks as `clusterCIDR` has them: one network a family that covers all nodes' own. Single addresses
/// and link-local networks, which a cluster that was pasted may have as well, are nobody's plan of a network: with them, the
/// cover could hold the whole internet, and clients from outside would be taken for pods.
fn supernets(networks: impl Iterator<Item = ipnet::IpNet>) -> Vec<ipnet::IpNet> {
    let planned = |net: &ipnet::IpNet| {
        let local = match net.network() {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        net.prefix_len() < net.max_prefix_len() && !local
    };
    let mut covers: Vec<ipnet::IpNet> = Vec::new();
    for net in networks.filter(planned) {
        match covers.iter_mut().find(|c| c.network().is_ipv4() == net.network().is_ipv4()) {
            None => covers.push(wide(net)),
            Some(cover) => {
                while !cover.contains(&net) {
                    let Some(wider) = cover.supernet() else { break };
                    *cover = wider;
                }
            }
        }
    }
    covers
}

/// kubeadm and minikube give a cluster a /16 and each node a part of it.
fn wide(net: ipnet::IpNet) -> ipnet::IpNet {
    let length = net.prefix_len().min(if net.network().is_ipv4() { 16 } else { 56 });
    ipnet::IpNet::new(net.network(), length).map_or(net, |n| n.trunc())
}

impl Cluster {
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to change what is not in the store: the learner's `/etc/hosts`, a conntrack table that is flushed.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Lets every kube-proxy see the store now, as when its sync comes round.
    pub(super) fn sync_network(&mut self) {
        self.network.sync(&self.store);
    }

    /// Sends a request through the network as it is at this moment. The clock stands still meanwhile; the trace tells how
    /// long it would have taken.
    pub fn send(&mut self, request: &Request) -> Trace {
        trace::send(&mut self.world(), request)
    }

    /// The same without the telling, for many requests.
    pub fn send_quietly(&mut self, request: &Request) -> (Outcome, Duration) {
        trace::send_quietly(&mut self.world(), request)
    }

    /// Sends requests at a steady pace while the cluster's time goes on: one, then `every` later the next, for `time` or until
    /// all are sent. What failed, and when, is in the tally.
    pub fn load(&mut self, many: &mut Many, every: Duration, time: Duration) {
        let end = self.now + time;
        while self.now < end && !many.is_done() {
            many.run(&mut self.world(), 1);
            self.run_for(every.max(Duration::micros(1)));
        }
    }

    /// What requests meet at this moment.
    pub fn world(&mut self) -> World<'_> {
        self.network.computer.tunnel = self.settings.load_balancer == LoadBalancerProvider::Tunnel;
        World {
            store: &self.store,
            network: &mut self.network,
            runtime: &mut self.runtime,
            random: &mut self.random,
            now: self.now,
        }
    }
}
