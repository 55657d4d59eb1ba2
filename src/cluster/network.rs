//! The cluster's network: set up with the cluster, kept up to date by the kube-proxies' turns, and what requests go through.

use super::{Cluster, LoadBalancerProvider, ProxyMode, Settings};
use crate::api::time::Duration;
use crate::network::kube_proxy::{self, DetectLocal, Mode};
use crate::network::{Config, Network};
use crate::trace::{Outcome, Request, Trace, World, send, send_quietly};
use ipnet::IpNet;

/// The network of a new cluster.
pub(super) fn set_up(settings: &Settings) -> Network {
    let service_networks: Vec<IpNet> = settings.service_cidr.split(',').filter_map(|c| c.trim().parse().ok()).collect();
    let pods: IpNet = IpNet::new_assert([10, 244, 0, 0].into(), 16);
    let inside = |c: &smol_str::SmolStr| c.parse::<IpNet>().is_ok_and(|n| pods.contains(&n));
    let common = settings.nodes.iter().flat_map(|n| &n.pod_cidrs).all(inside);
    Network::new(Config {
        proxy: kube_proxy::Settings {
            mode: match settings.proxy_mode {
                ProxyMode::Iptables => Mode::Iptables,
                ProxyMode::Ipvs => Mode::Ipvs,
                ProxyMode::Nftables => Mode::Nftables,
            },
            detect_local: if common { DetectLocal::Cluster(vec![pods]) } else { DetectLocal::Node },
            service_cidrs: service_networks.clone(),
            ..kube_proxy::Settings::default()
        },
        service_networks,
        domain: settings.cluster_domain.clone(),
        cluster_dns: vec![settings.dns_ip],
        upstream_dns: settings.upstream_dns,
    })
}

impl Cluster {
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to set up the learner's computer (hosts file, port-forwards) or to look into a kernel's tables.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Sends a request at the present moment and tells everything that happens. The cluster's clock does not move: a request
    /// takes milliseconds, and what it waited for in vain is told in the trace.
    pub fn send(&mut self, request: &Request) -> Trace {
        send(&mut self.world(), request)
    }

    /// Sends a request without the telling: how it ends, and how long it takes.
    pub fn send_quietly(&mut self, request: &Request) -> (Outcome, Duration) {
        send_quietly(&mut self.world(), request)
    }

    /// What requests meet, at the present moment.
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
