//! What the health check servers of a node answer: for each load balancer Service of the external policy Local, whether the
//! node has ready endpoints of it.
//!
//! Upstream: `HealthCheckNodePorts` and `LocalReadyEndpoints` of `pkg/proxy`, `pkg/proxy/healthcheck/service_health.go`.

use super::KubeProxies;
use super::endpoints::gather;
use super::settings::Family;
use super::tracker::{ServiceName, slices_by_service};
use crate::apiserver::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The health checks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthChecks {
    /// The health check node port of each Service that has one.
    pub ports: BTreeMap<ServiceName, u16>,
    /// How many addresses of ready endpoints on this node each Service has; Services without any are left out. Load
    /// balancers take the node in when a Service with a health check has one or more.
    pub local_endpoints: BTreeMap<ServiceName, usize>,
}

impl KubeProxies {
    /// What the health check servers of a node go by. `store` is the one of the last sync.
    pub fn health_checks(&self, store: &Store, node: &str, family: Family) -> HealthChecks {
        let mut checks = HealthChecks::default();
        for (name, state) in self.tracker(family).into_iter().flat_map(|t| t.ports()) {
            if state.port.health_check_node_port != 0 {
                let service = (name.namespace.clone(), name.service.clone());
                checks.ports.insert(service, state.port.health_check_node_port);
            }
        }
        let mut local: BTreeMap<ServiceName, BTreeSet<IpAddr>> = BTreeMap::new();
        // Also Services without a ClusterIP count here; they just have no port to ask at.
        for (service, slices) in slices_by_service(store) {
            for endpoint in
                gather(&service.0, &service.1, slices.into_iter(), family, |_| false).ports.values().flatten()
            {
                if endpoint.view().ready && endpoint.view().node_name == node {
                    local.entry(service.clone()).or_default().insert(endpoint.ip);
                }
            }
        }
        checks.local_endpoints = local.into_iter().map(|(name, ips)| (name, ips.len())).collect();
        checks
    }
}
