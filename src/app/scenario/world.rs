//! The cluster that the files of free play run in: how many nodes, how kube-proxy writes its rules, who gives load balancers
//! their addresses, what is installed.

use giljabi::api::object::ObjectKey;
use giljabi::apiserver::store::Store;
use giljabi::cluster::addons::Addon;
use giljabi::cluster::{Cluster, LoadBalancerProvider, NodeSettings, ProxyMode, Settings};
use giljabi::network::netfilter::Scheduler;
use giljabi::workspace::Workspace;
use smol_str::SmolStr;
use std::net::IpAddr;

/// What is chosen before the first file is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct World {
    pub nodes: usize,
    pub proxy: ProxyMode,
    /// How ipvs picks a real server, by its kernel module's name; empty: `rr`, kube-proxy's default.
    pub scheduler: &'static str,
    pub balancer: LoadBalancerProvider,
    /// Which of [`Addon::ALL`] are installed.
    pub addons: [bool; Addon::ALL.len()],
    /// A name that the learner's computer finds in `/etc/hosts`: it leads to the first proxy's load balancer.
    pub host: Option<&'static str>,
}

/// The choices and their words in what the browser keeps.
pub const MODES: [ProxyMode; 3] = [ProxyMode::Iptables, ProxyMode::Ipvs, ProxyMode::Nftables];
pub const BALANCERS: [(LoadBalancerProvider, &str); 4] = [
    (LoadBalancerProvider::None, "none"),
    (LoadBalancerProvider::Cloud, "cloud"),
    (LoadBalancerProvider::MetalLb, "metallb"),
    (LoadBalancerProvider::Tunnel, "tunnel"),
];
/// As many nodes as the map shows well, and a kubelet of each holds 110 pods.
pub const MOST_NODES: usize = 20;

impl World {
    /// Makes the cluster, with what is installed running, and no file yet.
    pub fn open(&self) -> Workspace {
        let mut workspace = self.installed();
        workspace.cluster_mut().run_until_settled();
        self.furnish(&mut workspace);
        workspace.cluster_mut().run_until_settled();
        workspace
    }

    /// Makes the cluster, in which nothing has run yet.
    pub fn installed(&self) -> Workspace {
        let cluster = Cluster::installed(Settings {
            nodes: (0..self.nodes.clamp(1, MOST_NODES)).map(NodeSettings::numbered).collect(),
            proxy_mode: self.proxy,
            ipvs_scheduler: SmolStr::new_static(self.scheduler),
            load_balancer: self.balancer,
            ..Settings::default()
        });
        Workspace::of(cluster)
    }

    /// Installs what is chosen in a cluster that is at rest.
    pub fn furnish(&self, workspace: &mut Workspace) {
        let cluster = workspace.cluster_mut();
        for (addon, _) in Addon::ALL.into_iter().zip(self.addons).filter(|(_, wanted)| *wanted) {
            // The manifests come with the program; a refusal leaves a cluster without the add-on, as it would in earnest.
            let _ = cluster.install(addon);
        }
        // MetalLB makes itself the provider; what was chosen stands.
        cluster.set_load_balancer(self.balancer);
    }

    /// What can only be done once the load balancers have their addresses.
    pub fn finish(&self, workspace: &mut Workspace) {
        let Some(host) = self.host else { return };
        let Some(address) = proxy_address(workspace.cluster().store()) else { return };
        let hosts = &mut workspace.cluster_mut().network_mut().computer.hosts;
        hosts.retain(|(_, name)| name != host);
        hosts.push((address, SmolStr::new_static(host)));
    }

    /// In one line, for the browser's memory and for links.
    pub fn to_words(self) -> String {
        let balancer = BALANCERS.iter().find(|(b, _)| *b == self.balancer).map_or("none", |(_, word)| *word);
        let addons: String = self.addons.iter().map(|on| if *on { '1' } else { '0' }).collect();
        format!("{} {} {balancer} {addons} {}", self.nodes, self.proxy.name(), self.scheduler)
    }

    /// The choices that [`to_words`](World::to_words) wrote; what cannot be read stays as it is here.
    pub fn with_words(mut self, words: &str) -> World {
        let mut words = words.split(' ');
        let mut next = || words.next().unwrap_or_default();
        if let Ok(nodes) = next().parse::<usize>() {
            self.nodes = nodes.clamp(1, MOST_NODES);
        }
        let mode = next();
        self.proxy = MODES.into_iter().find(|m| m.name() == mode).unwrap_or(self.proxy);
        let balancer = next();
        self.balancer = BALANCERS.iter().find(|(_, word)| *word == balancer).map_or(self.balancer, |(b, _)| *b);
        for (on, letter) in self.addons.iter_mut().zip(next().chars()) {
            *on = letter == '1';
        }
        let scheduler = next();
        self.scheduler = Scheduler::ALL.iter().find(|(name, _)| *name == scheduler).map_or("", |(name, _)| *name);
        self
    }
}

/// The external address of the first ingress controller or gateway.
fn proxy_address(store: &Store) -> Option<IpAddr> {
    let is_proxy = |key: &ObjectKey| key.namespace.contains("ingress") || key.namespace.contains("gateway");
    let services = store.list("Service").filter(|o| is_proxy(&o.key));
    services.filter_map(|o| o.view().service()?.load_balancer.first()?.ip).next()
}
