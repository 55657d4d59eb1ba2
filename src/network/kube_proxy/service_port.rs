//! A port of a Service, as kube-proxy keeps it: what of the Service concerns one address family.
//!
//! Upstream: `pkg/proxy/serviceport.go`, `pkg/proxy/servicechangetracker.go`.

use super::settings::Family;
use crate::api::object::{Object, ObjectKey};
use crate::api::view::{Service, ServiceType};
use crate::network::netfilter::{Because, PortName};
use ipnet::IpNet;
use smol_str::{SmolStr, ToSmolStr};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// An address of a Service, and its place in the field that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub index: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    pub name: PortName,
    /// `default/web:http`: how rules call it.
    pub label: SmolStr,
    pub object: Arc<ObjectKey>,
    /// Its place in `spec.ports`.
    pub index: usize,
    pub cluster_ip: IpAddr,
    pub port: u16,
    /// 0: none.
    pub node_port: u16,
    pub external_ips: Vec<At<IpAddr>>,
    /// Addresses of the load balancer whose traffic keeps them as its destination (`ipMode: VIP`).
    pub load_balancer_ips: Vec<At<IpAddr>>,
    pub source_ranges: Vec<At<IpNet>>,
    /// `sessionAffinity: ClientIP` and its timeout.
    pub affinity_seconds: Option<u32>,
    /// 0: none.
    pub health_check_node_port: u16,
    pub external_local: bool,
    pub internal_local: bool,
}

/// Services that another proxy serves bear this label; kube-proxy does not see them, nor their slices.
pub const SERVICE_PROXY_NAME: &str = "service.kubernetes.io/service-proxy-name";
/// Headless Services and their slices may bear this label, and then kube-proxy does not see them.
pub const HEADLESS: &str = "service.kubernetes.io/headless";

/// Whether kube-proxy watches an object at all.
pub fn watched(object: &Object) -> bool {
    object.label(SERVICE_PROXY_NAME).is_none() && object.label(HEADLESS).is_none()
}

/// The ports of a Service in one family. None for headless and ExternalName Services, and for a family without ClusterIP.
pub fn read(object: &Object, family: Family) -> Vec<ServicePort> {
    let Some(service) = object.view().service() else { return Vec::new() };
    if service.headless || service.type_ == ServiceType::ExternalName {
        return Vec::new();
    }
    let cluster_ip = service.cluster_ips.iter().copied().find(|ip| Family::of(ip) == family);
    let Some(cluster_ip) = cluster_ip else { return Vec::new() };
    let key = Arc::new(object.key.clone());
    let external_local = service.external_local && has_outside_door(service);
    let of_family = |ips: Vec<At<IpAddr>>| ips.into_iter().filter(|ip| Family::of(&ip.value) == family).collect();
    let external_ips: Vec<At<IpAddr>> = of_family(sloppy_ips(&service.external_ips));
    let load_balancer_ips: Vec<At<IpAddr>> = of_family(
        service
            .load_balancer
            .iter()
            .enumerate()
            .filter(|(_, point)| matches!(point.ip_mode.as_str(), "" | "VIP"))
            .filter_map(|(index, point)| Some(At { value: point.ip?, index }))
            .collect(),
    );
    let mut source_ranges: Vec<At<IpNet>> = service
        .load_balancer_source_ranges
        .iter()
        .enumerate()
        .filter_map(|(index, text)| Some(At { value: text.trim().parse::<IpNet>().ok()?.trunc(), index }))
        .filter(|range| Family::of_net(&range.value) == family)
        .collect();
    // A range of everything is no restriction.
    if source_ranges.iter().any(|range| range.value.prefix_len() == 0) {
        source_ranges.clear();
    }
    let needs_health_check = service.type_ == ServiceType::LoadBalancer && external_local;
    service
        .ports
        .iter()
        .enumerate()
        .map(|(index, port)| {
            let name = PortName {
                namespace: object.key.namespace.clone(),
                service: object.key.name.clone(),
                port: port.name.clone(),
                protocol: port.protocol,
            };
            ServicePort {
                label: name.to_smolstr(),
                name,
                object: key.clone(),
                index,
                cluster_ip,
                port: port.port,
                node_port: port.node_port,
                external_ips: external_ips.clone(),
                load_balancer_ips: load_balancer_ips.clone(),
                source_ranges: source_ranges.clone(),
                affinity_seconds: service.affinity_seconds,
                health_check_node_port: if needs_health_check { service.health_check_node_port } else { 0 },
                external_local,
                internal_local: service.internal_local,
            }
        })
        .collect()
}

fn has_outside_door(service: &Service) -> bool {
    match service.type_ {
        ServiceType::NodePort | ServiceType::LoadBalancer => true,
        ServiceType::ClusterIp => !service.external_ips.is_empty(),
        ServiceType::ExternalName => false,
    }
}

/// Addresses as Go's ParseIPSloppy reads them: IPv4 parts may have leading zeros. What is no address is left out.
fn sloppy_ips(texts: &[SmolStr]) -> Vec<At<IpAddr>> {
    let read = |text: &SmolStr| -> Option<IpAddr> {
        text.parse().ok().or_else(|| {
            let mut parts = [0_u8; 4];
            let mut split = text.split('.');
            for part in &mut parts {
                *part = split.next().filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
            }
            split.next().is_none().then(|| Ipv4Addr::from(parts).into())
        })
    };
    texts.iter().enumerate().filter_map(|(index, text)| Some(At { value: read(text)?, index })).collect()
}

impl ServicePort {
    /// Whether anything but the ClusterIP leads to it.
    pub fn externally_accessible(&self) -> bool {
        self.node_port != 0 || !self.load_balancer_ips.is_empty() || !self.external_ips.is_empty()
    }

    /// Whether it ever sends traffic by the policy `Cluster`. Also under `externalTrafficPolicy: Local`, because traffic from
    /// the node's own pods to an outside address is short-circuited.
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_local || self.externally_accessible()
    }

    /// Whether it ever sends traffic by the policy `Local`.
    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_local || (self.external_local && self.externally_accessible())
    }

    /// A field of the Service.
    pub fn field(&self, path: &'static str) -> Because {
        Because::field_of(&self.object, path)
    }

    /// A field of this port.
    pub fn port_field(&self, rest: &'static str) -> Because {
        Because::item_of(&self.object, "spec.ports", self.index, rest)
    }
}
