//! Who has which address, and which way a packet takes to it: the pod network of each node, the routes between nodes, and
//! what lies outside.
//!
//! Modelled is a plain routed pod network (a bridge on every node, a route to every other node's pod network, masquerade for
//! what leaves the cluster), as kindnet and flannel's host-gw make it. Nodes and the learner's computer share one network.
//! Left out: overlays, network policies, MTU.

use crate::api::object::ObjectKey;
use crate::apiserver::store::Store;
use crate::network::netfilter::LocalAddresses;
use ipnet::IpNet;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// The learner's own computer in the nodes' network: the host side of that network's bridge.
pub const LEARNER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 168, 49, 1));

/// A node as the routes see it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRoutes {
    pub name: SmolStr,
    pub addresses: Vec<IpAddr>,
    pub pod_networks: Vec<IpNet>,
    /// The addresses of its bridge, one a pod network: the pods' gateway.
    pub gateways: Vec<IpAddr>,
    /// All of its own addresses, as the packet filters ask for them.
    pub local: LocalAddresses,
}

impl NodeRoutes {
    /// The node's own address of a family.
    pub fn address(&self, v4: bool) -> Option<IpAddr> {
        self.addresses.iter().copied().find(|a| a.is_ipv4() == v4)
    }

    /// The bridge's address of a family.
    pub fn gateway(&self, v4: bool) -> Option<IpAddr> {
        self.gateways.iter().copied().find(|a| a.is_ipv4() == v4)
    }

    pub fn has_pod_address(&self, ip: &IpAddr) -> bool {
        self.pod_networks.iter().any(|n| n.contains(ip))
    }

    pub fn is_own(&self, ip: &IpAddr) -> bool {
        ip.is_loopback() || self.addresses.contains(ip) || self.gateways.contains(ip)
    }
}

/// Where an address leads, seen from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The node itself.
    Own,
    /// Its own pod network.
    LocalPods,
    /// Another node, or its pod network.
    Node { name: SmolStr, pods: bool },
    /// The nodes' own network: the learner's computer.
    Neighbour,
    /// The default route.
    Outside,
}

/// The routes of all nodes, derived from Node objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Routes {
    nodes: Vec<NodeRoutes>,
}

impl Routes {
    pub fn derive(store: &Store) -> Routes {
        let nodes = store.list("Node").filter_map(|object| {
            let node = object.view().node()?;
            let pod_networks: Vec<IpNet> = node.pod_cidrs.iter().filter_map(|c| c.parse().ok()).collect();
            // A network of one address is a route to one pod, as some network plugins have them; no bridge stands in it.
            let wide = pod_networks.iter().filter(|n| n.prefix_len() < n.max_prefix_len());
            let gateways: Vec<IpAddr> = wide.filter_map(|n| n.hosts().next()).collect();
            Some(NodeRoutes {
                local: LocalAddresses::new(node.internal_ips.iter().chain(&gateways).copied()),
                name: object.name().clone(),
                addresses: node.internal_ips.clone(),
                pod_networks,
                gateways,
            })
        });
        Routes { nodes: nodes.collect() }
    }

    pub fn nodes(&self) -> &[NodeRoutes] {
        &self.nodes
    }

    pub fn node(&self, name: &str) -> Option<&NodeRoutes> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// The node that has an address for its own.
    pub fn node_at(&self, ip: &IpAddr) -> Option<&NodeRoutes> {
        self.nodes.iter().find(|n| n.addresses.contains(ip))
    }

    /// The node whose pod network holds an address.
    pub fn pod_node(&self, ip: &IpAddr) -> Option<&NodeRoutes> {
        self.nodes.iter().find(|n| n.has_pod_address(ip))
    }

    pub fn is_pod_address(&self, ip: &IpAddr) -> bool {
        self.pod_node(ip).is_some()
    }

    /// Where `from` sends a packet for `ip`.
    pub fn destination(&self, from: &NodeRoutes, ip: &IpAddr) -> Destination {
        if from.is_own(ip) {
            return Destination::Own;
        }
        if from.has_pod_address(ip) {
            return Destination::LocalPods;
        }
        if let Some(node) = self.pod_node(ip) {
            return Destination::Node { name: node.name.clone(), pods: true };
        }
        if let Some(node) = self.node_at(ip) {
            return Destination::Node { name: node.name.clone(), pods: false };
        }
        if *ip == LEARNER { Destination::Neighbour } else { Destination::Outside }
    }

    /// The line of `ip route` that decides.
    pub fn line(&self, from: &NodeRoutes, ip: &IpAddr) -> SmolStr {
        let network = |node: &NodeRoutes| node.pod_networks.iter().find(|n| n.contains(ip)).copied();
        match self.destination(from, ip) {
            Destination::Own => format_smolstr!("local {ip} dev {}", if ip.is_loopback() { "lo" } else { "eth0" }),
            Destination::LocalPods => match network(from) {
                Some(net) => format_smolstr!("{net} dev cni0 proto kernel scope link"),
                None => format_smolstr!("{ip} dev cni0 scope link"),
            },
            Destination::Node { name, pods: true } => {
                let node = self.node(&name);
                match (node.and_then(network), node.and_then(|n| n.address(ip.is_ipv4()))) {
                    (Some(net), Some(via)) => format_smolstr!("{net} via {via} dev eth0"),
                    _ => format_smolstr!("{ip} dev eth0"),
                }
            }
            Destination::Node { .. } | Destination::Neighbour => match LEARNER {
                IpAddr::V4(v4) if ip.is_ipv4() => {
                    let [a, b, c, _] = v4.octets();
                    format_smolstr!("{a}.{b}.{c}.0/24 dev eth0 proto kernel scope link")
                }
                _ => format_smolstr!("{ip} dev eth0 scope link"),
            },
            Destination::Outside => format_smolstr!("default via {LEARNER} dev eth0"),
        }
    }
}

/// A node's key.
pub fn node_key(name: &str) -> ObjectKey {
    ObjectKey::new("Node", "", name)
}
