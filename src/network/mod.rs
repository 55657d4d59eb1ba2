//! The network: what turns objects into the way of a packet. Per-node programs are derived from the store (kube-proxy rules,
//! routes, the DNS zone, ingress tables); `trace` runs packets through them.

pub mod client;
pub mod conntrack;
pub mod dns;
pub mod gateway;
pub mod http;
pub mod ingress;
pub mod kube_proxy;
pub mod load_balancer;
pub mod netfilter;
pub mod packet;
pub mod pattern;
pub mod route;
pub mod services;
pub mod tls;

use crate::api::object::Object;
use crate::api::view::Protocol;
use crate::apiserver::store::Store;
use crate::later::{Later, Part, Twin};
use client::{Computer, DnsCache, EphemeralPorts, OpenConnection};
use conntrack::Conntrack;
use dns::corefile::Corefile;
use imbl::OrdMap;
use ipnet::IpNet;
use kube_proxy::KubeProxies;
use netfilter::Memory;
use route::Routes;
use services::Services;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

/// What of the network is decided when the cluster is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The networks that ClusterIPs come from.
    pub service_networks: Vec<IpNet>,
    /// The kubelets' `clusterDomain`.
    pub domain: SmolStr,
    /// The kubelets' `clusterDNS`.
    pub cluster_dns: Vec<IpAddr>,
    /// The name server of nodes and of pods with `dnsPolicy: Default`.
    pub upstream_dns: IpAddr,
    pub proxy: kube_proxy::Settings,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            service_networks: "10.96.0.0/12".parse().into_iter().collect(),
            domain: "cluster.local".into(),
            cluster_dns: vec![IpAddr::from([10, 96, 0, 10])],
            upstream_dns: route::LEARNER,
            proxy: kube_proxy::Settings::default(),
        }
    }
}

/// What the kernel of a node remembers.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    pub conntrack: Conntrack,
    pub memory: Memory,
}

/// What a packet meets on a node.
pub struct OnNode<'a> {
    pub routes: &'a Routes,
    pub here: &'a route::NodeRoutes,
    /// `None`: kube-proxy has not come up on the node yet.
    pub program: Option<&'a netfilter::Program>,
    pub kernel: &'a mut Kernel,
}

/// The whole network at one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network {
    pub config: Config,
    /// The kube-proxies of all nodes, with the rules that they wrote.
    pub proxy: KubeProxies,
    pub routes: Routes,
    pub services: Services,
    pub corefile: Corefile,
    /// The ConfigMap that the Corefile was read from.
    corefile_map: Option<Later<Arc<Object>>>,
    pub computer: Computer,
    pub ports: EphemeralPorts,
    pub dns_cache: DnsCache,
    kernels: OrdMap<SmolStr, Kernel>,
    /// Another one after each [`Network::sync`]: what was derived then is the same as long as this is.
    derived: Arc<()>,
    /// Connections that clients keep open, by client and the URL's origin.
    connections: OrdMap<(SmolStr, SmolStr), OpenConnection>,
}

impl<W: Twin<Network>> Twin<Services> for Part<W> {
    fn get() -> &'static Services {
        &W::get().services
    }
}

impl Network {
    /// Leaves what only another ConfigMap is compared with to the network's twin.
    pub fn leave<W: Twin<Network>>(&mut self) {
        let find = |_| W::get().corefile_map.as_deref().expect("twins have read the same Corefile");
        self.corefile_map = self.corefile_map.as_ref().map(|_| Later::away(find, 0));
        self.services.leave::<Part<W>>();
    }

    pub fn new(config: Config) -> Network {
        Network {
            proxy: KubeProxies::new(config.proxy.clone()),
            config,
            routes: Routes::default(),
            services: Services::default(),
            corefile: Corefile::default(),
            corefile_map: None,
            computer: Computer::default(),
            ports: EphemeralPorts::default(),
            dns_cache: DnsCache::default(),
            kernels: OrdMap::new(),
            derived: Arc::new(()),
            connections: OrdMap::new(),
        }
    }

    /// Lets every node's kube-proxy, the routes and CoreDNS see the store as it is now.
    pub fn sync(&mut self, store: &Store) {
        self.derived = Arc::new(());
        self.routes = Routes::derive(store);
        self.services.sync(store);
        let map = dns::server::corefile_map(store);
        if map.map(Arc::as_ptr) != self.corefile_map.as_deref().map(Arc::as_ptr) {
            self.corefile = dns::server::corefile(map);
            self.corefile_map = map.cloned().map(Later::from);
        }
        let stale = self.proxy.sync(store);
        if !stale.is_empty() {
            let names: Vec<SmolStr> = self.kernels.keys().cloned().collect();
            for name in names {
                let conntrack = &mut self.kernel_mut(&name).conntrack;
                conntrack.forget_where(|flow| {
                    flow.original.protocol == Protocol::Udp && stale.is_stale(&flow.original.dst, &flow.reply.src)
                });
            }
        }
        let is_gone = |name: &&SmolStr| !name.contains('/') && self.routes.node(name).is_none();
        let gone: Vec<SmolStr> = self.kernels.keys().filter(is_gone).cloned().collect();
        for name in gone {
            self.kernels.remove(&name);
        }
    }

    /// Whether packets meet the same rules, routes and names in both, whatever the kernels remember. The configuration is
    /// the same then, too, since it never changes.
    pub fn is_derived_as(&self, other: &Network) -> bool {
        Arc::ptr_eq(&self.derived, &other.derived) && self.computer == other.computer
    }

    /// Takes over what clients and kernels remember in `other`, but for flows and open connections.
    pub fn take_memories(&mut self, other: &Network) {
        self.ports = other.ports.clone();
        self.dns_cache = other.dns_cache.clone();
        self.connections = other.connections.clone();
        for (name, kernel) in &other.kernels {
            self.kernel_mut(name).memory = kernel.memory.clone();
        }
    }

    /// Forgets the oldest flows of each node, so that at most `count` are left.
    pub fn keep_latest_flows(&mut self, count: usize) {
        let names: Vec<SmolStr> = self.kernels.keys().cloned().collect();
        for name in names {
            self.kernel_mut(&name).conntrack.keep_latest(count);
        }
    }

    /// Forgets every flow and open connection, and what clients were sent where.
    pub fn forget_flows(&mut self) {
        self.kernels.clear();
        self.connections.clear();
    }

    pub fn kernel(&self, node: &str) -> Option<&Kernel> {
        self.kernels.get(node)
    }

    /// The kernel of a node that packets have passed before.
    pub fn known_kernel_mut(&mut self, node: &str) -> Option<&mut Kernel> {
        self.kernels.get_mut(node)
    }

    /// The kernel of a node, to pass a packet through.
    pub fn kernel_mut(&mut self, node: &str) -> &mut Kernel {
        self.kernels.entry(node.into()).or_default()
    }

    /// What a packet meets on a node: its routes, its rules of one family, and what its kernel remembers. `None`: there is no
    /// such node.
    pub fn on_node(&mut self, node: &str, v4: bool) -> Option<OnNode<'_>> {
        let Network { routes, proxy, kernels, .. } = self;
        let here = routes.node(node)?;
        let kernel = kernels.entry(here.name.clone()).or_default();
        Some(OnNode { routes, here, program: program_of(proxy, node, v4), kernel })
    }

    /// The rules of one family on a node.
    pub fn program(&self, node: &str, v4: bool) -> Option<&netfilter::Program> {
        program_of(&self.proxy, node, v4)
    }

    pub fn is_service_address(&self, ip: &IpAddr) -> bool {
        self.config.service_networks.iter().any(|n| n.contains(ip))
    }

    /// A connection that `client` still has open to `origin`.
    pub fn open_connection(&self, client: &str, origin: &str) -> Option<&OpenConnection> {
        self.connections.get(&(client.into(), origin.into()))
    }

    pub fn keep_open(&mut self, client: &str, origin: &str, connection: OpenConnection) {
        self.connections.insert((client.into(), origin.into()), connection);
    }

    pub fn close(&mut self, client: &str, origin: &str) {
        self.connections.remove(&(client.into(), origin.into()));
    }
}

fn program_of<'a>(proxy: &'a KubeProxies, node: &str, v4: bool) -> Option<&'a netfilter::Program> {
    proxy.node(node)?.program(if v4 { kube_proxy::Family::V4 } else { kube_proxy::Family::V6 })
}
