//! What a service port comes to on a node, before any back end writes it down. All back ends decide alike here.

use super::input::ChunkInput;
use super::service_port::ServicePort;
use std::net::IpAddr;

/// What a service port comes to on a node.
pub struct Plan<'a> {
    pub port: &'a ServicePort,
    /// It has a chain for the policy `Cluster`.
    pub uses_cluster: bool,
    /// It has a chain for the policy `Local`.
    pub uses_local: bool,
    /// There is a usable endpoint on some node.
    pub has_any: bool,
    /// Traffic to the ClusterIP has somewhere to go from here.
    pub has_internal: bool,
    /// Traffic from outside has somewhere to go from here.
    pub has_external: bool,
    /// It has a chain for traffic to its outside addresses. Also when there is no endpoint for it here, because traffic of
    /// the node and its pods is short-circuited to all endpoints.
    pub uses_external: bool,
    /// Source ranges guard its load balancer addresses.
    pub uses_firewall: bool,
}

impl<'a> Plan<'a> {
    pub fn new(input: &'a ChunkInput) -> Plan<'a> {
        let (port, selection) = (&input.state.port, &input.selection);
        let has_any = selection.has_any;
        let has_local = !selection.local.is_empty();
        Plan {
            port,
            uses_cluster: !selection.cluster.is_empty() && port.uses_cluster_endpoints(),
            uses_local: has_local && port.uses_local_endpoints(),
            has_any,
            has_internal: has_any && (!port.internal_local || has_local),
            has_external: has_any && (!port.external_local || has_local),
            uses_external: has_any && port.externally_accessible(),
            uses_firewall: has_any && !port.load_balancer_ips.is_empty() && !port.source_ranges.is_empty(),
        }
    }
}

/// External and load balancer addresses; the second says which they are.
pub fn outside_ips(port: &ServicePort) -> impl Iterator<Item = (IpAddr, bool)> {
    let external = port.external_ips.iter().map(|ip| (ip.value, false));
    external.chain(port.load_balancer_ips.iter().map(|ip| (ip.value, true)))
}
