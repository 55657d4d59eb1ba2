//! What a cluster is made of and how slow its parts are. Every latency is realistic by default and can be set, so that the
//! moments between "the pod died" and "the rules know" can be stretched until they are seen.

use crate::api::time::Duration;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// A node as it joins the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSettings {
    pub name: SmolStr,
    pub ip: IpAddr,
    /// The label `topology.kubernetes.io/zone`; empty: no label.
    pub zone: SmolStr,
    /// The pod networks of the node, one a family.
    pub pod_cidrs: Vec<SmolStr>,
    /// Further labels.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// The kubelet's `maxPods` (its own default is 110).
    pub max_pods: u32,
    /// Whole CPUs.
    pub cpus: u32,
    /// Gibibytes.
    pub memory_gib: u32,
}

impl NodeSettings {
    /// The `index`-th node (from 0): `node-1` with 192.168.49.2 in zone-a, and so on; zones go round by three.
    pub fn numbered(index: usize) -> NodeSettings {
        let (high, low) = ((index + 2) / 256, (index + 2) % 256);
        NodeSettings {
            name: format_smolstr!("node-{}", index + 1),
            ip: format!("192.168.{}.{}", (49 + high).min(255), low).parse().unwrap_or(IpAddr::from([192, 168, 49, 2])),
            zone: format_smolstr!("zone-{}", ["a", "b", "c"][index % 3]),
            pod_cidrs: vec![format_smolstr!("10.{}.{}.0/24", 244 - (index / 256).min(100), index % 256)],
            labels: Vec::new(),
            max_pods: 110,
            cpus: 4,
            memory_gib: 8,
        }
    }
}

/// How kube-proxy writes its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProxyMode {
    #[default]
    Iptables,
    Ipvs,
    Nftables,
}

impl ProxyMode {
    /// The word of `KubeProxyConfiguration.mode`.
    pub fn name(self) -> &'static str {
        match self {
            ProxyMode::Iptables => "iptables",
            ProxyMode::Ipvs => "ipvs",
            ProxyMode::Nftables => "nftables",
        }
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latencies {
    /// From a watch event to a controller's look at it.
    pub controller: Duration,
    /// From a pod without node to its binding.
    pub scheduler: Duration,
    /// From the binding until the kubelet has made the sandbox and the containers run, with the image on the node.
    pub pod_start: Duration,
    /// The spread of `pod_start`: up to this much more, drawn from the seed.
    pub pod_start_jitter: Duration,
    /// Pulling an image that the node does not have yet.
    pub image_pull: Duration,
    /// From a pod's change until Endpoints and EndpointSlices say so.
    pub endpoints: Duration,
    /// kube-proxy's `minSyncPeriod`: from a change of Services or slices until the rules on a node say so.
    pub proxy_sync: Duration,
    /// How long a DNS answer may be kept (CoreDNS's `ttl 30` of the kubernetes plugin).
    pub dns_ttl: Duration,
    /// How often a load balancer asks the nodes whether they are healthy.
    pub load_balancer_check: Duration,
    /// How long a load balancer takes to get its address.
    pub load_balancer_provision: Duration,
    /// How long without a heartbeat until a node counts as unreachable (`--node-monitor-grace-period`).
    pub node_grace: Duration,
    /// How long a program that heeds SIGTERM takes to end.
    pub stop: Duration,
    /// How often a kubelet looks at a pod by itself (`syncFrequency`; up to half as long again): from a change of a ConfigMap
    /// until it is in the files of containers, at most.
    pub kubelet_sync: Duration,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies {
            controller: Duration::millis(10),
            scheduler: Duration::millis(10),
            pod_start: Duration::millis(1_200),
            pod_start_jitter: Duration::millis(600),
            image_pull: Duration::millis(1_500),
            endpoints: Duration::millis(100),
            proxy_sync: Duration::millis(1_000),
            dns_ttl: Duration::secs(30),
            load_balancer_check: Duration::secs(10),
            load_balancer_provision: Duration::secs(5),
            node_grace: Duration::secs(50),
            stop: Duration::millis(300),
            kubelet_sync: Duration::secs(60),
        }
    }
}

impl Latencies {
    /// As fast as order allows: for tests, and for who wants the end state alone.
    pub fn none() -> Latencies {
        Latencies {
            controller: Duration::micros(1),
            scheduler: Duration::micros(1),
            pod_start: Duration::micros(1),
            pod_start_jitter: Duration::ZERO,
            image_pull: Duration::ZERO,
            endpoints: Duration::micros(1),
            proxy_sync: Duration::micros(1),
            load_balancer_provision: Duration::micros(1),
            stop: Duration::micros(1),
            kubelet_sync: Duration::micros(1),
            ..Latencies::default()
        }
    }
}

/// Who gives Services of type LoadBalancer their address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LoadBalancerProvider {
    /// A bare cluster: `<pending>` for ever.
    #[default]
    None,
    /// A cloud controller: an address of the outside world, `ipMode: VIP`, health checks of the nodes.
    Cloud,
    /// MetalLB's shape: an address of the nodes' own network.
    MetalLb,
    /// `minikube tunnel`: the Service's own ClusterIP becomes its external address.
    Tunnel,
}

/// A cluster before its first moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub nodes: Vec<NodeSettings>,
    pub service_cidr: SmolStr,
    /// The ClusterIP of the Service `kube-dns`.
    pub dns_ip: IpAddr,
    /// `clusterDomain` of the kubelets and of CoreDNS.
    pub cluster_domain: SmolStr,
    /// The name server that nodes, and pods with dnsPolicy Default, use.
    pub upstream_dns: IpAddr,
    pub proxy_mode: ProxyMode,
    /// `KubeProxyConfiguration.ipvs.scheduler`; empty: its default, `rr`.
    pub ipvs_scheduler: SmolStr,
    pub seed: u64,
    pub latencies: Latencies,
    pub load_balancer: LoadBalancerProvider,
    /// Whether scheduler and kubelets work. Off where pods bring their status with them: a pasted cluster, recorded facts.
    pub run_pods: bool,
    /// Whether the controllers work that make, move and remove objects of others. Off in a cluster that stands as it stood
    /// elsewhere: there only endpoints and rules follow what changes.
    pub workloads: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            nodes: (0..3).map(NodeSettings::numbered).collect(),
            service_cidr: "10.96.0.0/12".into(),
            dns_ip: IpAddr::from([10, 96, 0, 10]),
            cluster_domain: "cluster.local".into(),
            upstream_dns: IpAddr::from([192, 168, 49, 1]),
            proxy_mode: ProxyMode::Iptables,
            ipvs_scheduler: SmolStr::default(),
            seed: 1,
            latencies: Latencies::default(),
            load_balancer: LoadBalancerProvider::None,
            run_pods: true,
            workloads: true,
        }
    }
}

impl Settings {
    /// Settings with `count` numbered nodes.
    pub fn with_nodes(count: usize) -> Settings {
        Settings { nodes: (0..count).map(NodeSettings::numbered).collect(), ..Settings::default() }
    }
}
