//! Which endpoints a service port may use on a node: readiness, termination, traffic policies, topology hints.
//!
//! Upstream: `CategorizeEndpoints` of `pkg/proxy/topology.go`.

use super::endpoints::{Endpoint, EndpointList};
use super::service_port::ServicePort;
use super::settings::NodeFacts;
use crate::arrange::Arrange;

/// The usable endpoints of a service port on a node, as places in its list of endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Selection {
    /// For the policy `Cluster`.
    pub cluster: Vec<u16>,
    /// For the policy `Local`.
    pub local: Vec<u16>,
    /// All that can be reached from this node: both of the above.
    pub reachable: Vec<u16>,
    /// Whether there is a usable endpoint on any node.
    pub has_any: bool,
}

/// How hints narrow the endpoints of the policy `Cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    Everywhere,
    SameNode,
    SameZone,
}

/// Chooses the endpoints of a service port on a node. Ready ones by default; where none is ready, those that terminate but
/// still serve, for `Cluster` and `Local` each on its own.
pub fn select(port: &ServicePort, endpoints: &EndpointList, node: &NodeFacts) -> Selection {
    let mut selection = Selection::default();
    if endpoints.is_empty() {
        return selection;
    }
    let pick = |wanted: &dyn Fn(&Endpoint) -> bool| -> Vec<u16> {
        endpoints.iter().enumerate().filter(|(_, e)| wanted(e)).map(|(i, _)| i as u16).collect()
    };
    let is_local = |e: &Endpoint| !node.name.is_empty() && e.view().node_name == node.name;
    let fallback = |e: &Endpoint| !e.view().ready && e.view().serving && e.view().terminating;

    let mut topology = Topology::Everywhere;
    if port.uses_cluster_endpoints() {
        topology = topology_of(endpoints, node);
        selection.cluster = pick(&|e| e.view().ready && available(e, topology, node));
        if selection.cluster.is_empty() {
            selection.cluster = pick(&|e| e.view().serving && e.view().terminating);
        }
        selection.has_any = !selection.cluster.is_empty();
    }
    if !port.uses_local_endpoints() {
        selection.reachable = selection.cluster.clone();
        return selection;
    }

    selection.has_any |= endpoints.iter().any(|e| e.view().ready || fallback(e));
    selection.local = pick(&|e| is_local(e) && e.view().ready);
    let mut local_terminating = false;
    if selection.local.is_empty() {
        selection.local = pick(&|e| is_local(e) && fallback(e));
        local_terminating = !selection.local.is_empty();
    }
    selection.reachable = if !port.uses_cluster_endpoints() {
        selection.local.clone()
    } else if topology == Topology::Everywhere && !local_terminating {
        selection.cluster.clone()
    } else {
        let mut both = [selection.cluster.as_slice(), selection.local.as_slice()].concat();
        both.arrange();
        both.dedup();
        both
    };
    selection
}

/// Whether every node would choose the same endpoints: nothing is local, and hints do not count.
pub fn is_same_everywhere(port: &ServicePort, endpoints: &EndpointList) -> bool {
    let ready = || endpoints.iter().map(|e| e.view()).filter(|e| e.ready);
    !port.uses_local_endpoints()
        && (ready().any(|e| e.node_hints.is_empty()) || ready().next().is_none())
        && (ready().any(|e| e.zone_hints.is_empty()) || ready().next().is_none())
}

/// Hints count only if every ready endpoint has one and at least one names this node, or else its zone.
pub fn topology_of(endpoints: &EndpointList, node: &NodeFacts) -> Topology {
    let (mut any, mut all_node, mut all_zone, mut this_node, mut this_zone) = (false, true, true, false, false);
    for view in endpoints.iter().map(|e| e.view()).filter(|e| e.ready) {
        if !all_node && !all_zone {
            return Topology::Everywhere;
        }
        any = true;
        all_node &= !view.node_hints.is_empty();
        all_zone &= !view.zone_hints.is_empty();
        this_node |= view.node_hints.contains(&node.name);
        this_zone |= view.zone_hints.contains(&node.zone);
    }
    match (any, all_node && this_node, all_zone && this_zone) {
        (true, true, _) => Topology::SameNode,
        (true, false, true) => Topology::SameZone,
        _ => Topology::Everywhere,
    }
}

fn available(endpoint: &Endpoint, topology: Topology, node: &NodeFacts) -> bool {
    match topology {
        Topology::Everywhere => true,
        Topology::SameNode => endpoint.view().node_hints.contains(&node.name),
        Topology::SameZone => endpoint.view().zone_hints.contains(&node.zone),
    }
}
