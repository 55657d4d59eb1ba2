//! How kube-proxy is set up on a node: the fields of its configuration that decide about rules, and what it knows of its node.

use crate::api::view::Node;
use crate::network::netfilter::Scheduler;
use ipnet::IpNet;
use smol_str::SmolStr;
use std::net::IpAddr;

/// Which of the kernel's filters kube-proxy writes (`mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    #[default]
    Iptables,
    Ipvs,
    Nftables,
}

/// How traffic of pods of this node is told from other traffic (`detectLocalMode`). The two modes that look at interfaces are
/// left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DetectLocal {
    /// By the networks of all pods (`clusterCIDR`). Without one of the family there is no detection.
    Cluster(Vec<IpNet>),
    /// By the network of the node's own pods (`spec.podCIDRs`).
    Node,
    #[default]
    Off,
}

/// An entry of `nodePortAddresses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePortAddress {
    Net(IpNet),
    /// The node's own addresses (`primary`).
    Primary,
}

/// kube-proxy's configuration, as far as rules depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub mode: Mode,
    /// `iptables.masqueradeBit`: the bit of the packet mark that asks for SNAT.
    pub masquerade_bit: u8,
    /// `masqueradeAll`
    pub masquerade_all: bool,
    pub detect_local: DetectLocal,
    /// `nodePortAddresses`. Empty: all addresses, except in nftables mode, where it means `primary`.
    pub node_port_addresses: Vec<NodePortAddress>,
    /// `iptables.localhostNodePorts`
    pub localhost_node_ports: bool,
    /// `ipvs.scheduler`
    pub scheduler: Scheduler,
    /// The networks of virtual addresses (ServiceCIDR objects), which nftables mode guards.
    pub service_cidrs: Vec<IpNet>,
    /// kube-proxy's watch leaves out Services that another proxy serves, and headless ones that say so by label. Whoever
    /// drives its rule writer without that watch, as the recorded facts were made, hands them over too.
    pub unfiltered: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            mode: Mode::default(),
            masquerade_bit: 14,
            masquerade_all: false,
            detect_local: DetectLocal::default(),
            node_port_addresses: Vec::new(),
            localhost_node_ports: true,
            scheduler: Scheduler::default(),
            service_cidrs: Vec::new(),
            unfiltered: false,
        }
    }
}

impl Settings {
    pub fn mark(&self) -> u32 {
        1_u32.checked_shl(u32::from(self.masquerade_bit)).unwrap_or(1 << 14)
    }
}

/// An address family. Each has its own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub fn of(ip: &IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    pub fn of_net(net: &IpNet) -> Family {
        Family::of(&net.addr())
    }

    /// `addressType` of EndpointSlices.
    pub fn address_type(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    pub fn loopback(self) -> IpAddr {
        match self {
            Family::V4 => IpAddr::from([127, 0, 0, 1]),
            Family::V6 => std::net::Ipv6Addr::LOCALHOST.into(),
        }
    }

    /// The network of loopback addresses.
    pub fn loopback_net(self) -> IpNet {
        match self {
            Family::V4 => IpNet::new_assert(IpAddr::from([127, 0, 0, 0]), 8),
            Family::V6 => IpNet::from(self.loopback()),
        }
    }
}

/// The node as its kube-proxy knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    pub name: SmolStr,
    /// Addresses of the node, the first of each family its own.
    pub ips: Vec<IpAddr>,
    /// The label `topology.kubernetes.io/zone`; empty when it has none.
    pub zone: SmolStr,
    pub pod_cidrs: Vec<IpNet>,
}

impl NodeFacts {
    pub fn read(name: &SmolStr, node: &Node) -> NodeFacts {
        NodeFacts {
            name: name.clone(),
            ips: node.internal_ips.clone(),
            zone: node.zone.clone(),
            pod_cidrs: node.pod_cidrs.iter().filter_map(|c| c.parse().ok()).collect(),
        }
    }

    pub fn ip(&self, family: Family) -> Option<IpAddr> {
        self.ips.iter().copied().find(|ip| Family::of(ip) == family)
    }
}

/// What the rules of one family on one node are made from, besides Services and endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub family: Family,
    pub settings: Settings,
    pub node: NodeFacts,
}

impl Place {
    /// The network whose traffic counts as that of pods here; `None` without detection.
    pub fn local_cidr(&self) -> Option<IpNet> {
        let nets = match &self.settings.detect_local {
            DetectLocal::Cluster(nets) => nets,
            DetectLocal::Node => &self.node.pod_cidrs,
            DetectLocal::Off => return None,
        };
        nets.iter().copied().find(|net| Family::of_net(net) == self.family)
    }

    /// The entries of `nodePortAddresses` that concern this family.
    fn node_port_nets(&self) -> Vec<IpNet> {
        let primary = || self.node.ip(self.family).map(IpNet::from);
        let given = &self.settings.node_port_addresses;
        if given.is_empty() && self.settings.mode == Mode::Nftables {
            return primary().into_iter().collect();
        }
        given
            .iter()
            .filter_map(|a| match a {
                NodePortAddress::Net(net) => Some(net.trunc()),
                NodePortAddress::Primary => primary(),
            })
            .filter(|net| Family::of_net(net) == self.family)
            .collect()
    }

    /// Whether NodePorts are served on every address. Also so when no entry is of this family.
    pub fn all_node_ports(&self) -> bool {
        let nets = self.node_port_nets();
        nets.is_empty() || nets.iter().any(|net| net.prefix_len() == 0)
    }

    /// The addresses on which NodePorts are served, loopback included where it is meant.
    pub fn node_port_ips(&self) -> Vec<IpAddr> {
        let nets = self.node_port_nets();
        let own = self.node.ips.iter().copied().filter(|ip| Family::of(ip) == self.family);
        own.chain([self.family.loopback()])
            .filter(|ip| nets.is_empty() || nets.iter().any(|net| net.contains(ip)))
            .collect()
    }

    /// Whether NodePorts work on 127.0.0.1 (iptables mode, IPv4).
    pub fn localhost_node_ports(&self) -> bool {
        let nets = self.node_port_nets();
        self.family == Family::V4
            && self.settings.localhost_node_ports
            && (nets.is_empty()
                || nets.iter().any(|net| net.addr().is_loopback() || net.contains(&self.family.loopback())))
    }
}
