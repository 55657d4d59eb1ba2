//! What the rules of one service port on one node are made from.

use super::endpoints::{Endpoint, EndpointList};
use super::service_port::ServicePort;
use super::settings::{Family, Mode, Place};
use super::topology::{Selection, select};
use crate::network::netfilter::Scheduler;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// A service port and its endpoints: the same for all nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct PortState {
    pub port: ServicePort,
    pub endpoints: EndpointList,
}

/// A service port on a node. Equal inputs make equal rules, so nodes share them.
#[derive(Clone, Debug)]
pub struct ChunkInput {
    pub state: Arc<PortState>,
    pub selection: Arc<Selection>,
    pub masquerade_all: bool,
    pub local_cidr: Option<IpNet>,
    /// The place of the source range that admits the node itself.
    allows_node: Option<usize>,
    /// Only for the modes whose rules name the node: the endpoints on it, and the addresses that serve its NodePorts.
    pub here: Option<Here>,
    pub scheduler: Scheduler,
}

/// What ipvs mode writes of the node itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Here {
    pub endpoints: Vec<u16>,
    pub node_port_ips: Vec<IpAddr>,
    /// Addresses of the node's interfaces, which must not be bound a second time.
    pub own_ips: Vec<IpAddr>,
}

impl Here {
    fn new(state: &PortState, place: &Place) -> Here {
        let is_here =
            |e: &&(usize, &Arc<Endpoint>)| !place.node.name.is_empty() && e.1.view().node_name == place.node.name;
        let serves = |ip: &IpAddr| Family::of(ip) == place.family && !ip.is_loopback();
        Here {
            endpoints: state.endpoints.iter().enumerate().filter(|e| is_here(&e)).map(|(i, _)| i as u16).collect(),
            node_port_ips: place.node_port_ips().into_iter().filter(serves).collect(),
            own_ips: place.node.ips.iter().copied().filter(serves).collect(),
        }
    }
}

impl ChunkInput {
    /// `selection`: what every node chooses, where that is the same.
    pub fn new(state: Arc<PortState>, place: &Place, selection: Option<&Arc<Selection>>) -> ChunkInput {
        let port = &state.port;
        let here = (place.settings.mode == Mode::Ipvs).then(|| Here::new(&state, place));
        let allows_node = place.node.ip(place.family).and_then(|ip| {
            let range = port.source_ranges.iter().find(|r| r.value.contains(&ip));
            range.filter(|_| !port.load_balancer_ips.is_empty()).map(|r| r.index)
        });
        ChunkInput {
            selection: selection.cloned().unwrap_or_else(|| Arc::new(select(port, &state.endpoints, &place.node))),
            masquerade_all: place.settings.masquerade_all,
            local_cidr: place.local_cidr(),
            allows_node,
            here,
            scheduler: place.settings.scheduler,
            state,
        }
    }

    /// Whether the same rules come out of another node's input.
    pub fn same(&self, other: &ChunkInput) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
            && self.selection == other.selection
            && self.masquerade_all == other.masquerade_all
            && self.local_cidr == other.local_cidr
            && self.allows_node == other.allows_node
            && self.here == other.here
            && self.scheduler == other.scheduler
    }

    pub fn endpoint(&self, place: u16) -> &Endpoint {
        &self.state.endpoints[usize::from(place)]
    }

    /// Whether traffic to the ClusterIP has a rule that masquerades it.
    pub fn masquerades_internal(&self) -> bool {
        self.masquerade_all || self.local_cidr.is_some()
    }

    /// The source range, by its place in the field, that admits the node itself.
    pub fn allows_node(&self) -> Option<usize> {
        self.allows_node
    }
}
