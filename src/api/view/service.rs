//! `v1.Service` as kube-proxy, DNS and the endpoint controllers read it.

use super::{pairs, port, text, texts};
use crate::api::value::Value;
use smol_str::SmolStr;
use std::fmt;
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    #[default]
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// Reads `TCP`, `UDP`, `SCTP`; anything else is the default, TCP.
    pub fn read(name: &str) -> Protocol {
        match name {
            "UDP" => Protocol::Udp,
            "SCTP" => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }

    /// `TCP`, as manifests write it.
    pub fn upper(self) -> &'static str {
        match self {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
            Protocol::Sctp => "SCTP",
        }
    }

    /// `tcp`, as rules write it.
    pub fn lower(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.upper())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServiceType {
    #[default]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

impl ServiceType {
    pub fn name(self) -> &'static str {
        match self {
            ServiceType::ClusterIp => "ClusterIP",
            ServiceType::NodePort => "NodePort",
            ServiceType::LoadBalancer => "LoadBalancer",
            ServiceType::ExternalName => "ExternalName",
        }
    }
}

/// `targetPort`: a number, or the name of a container port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    Number(u16),
    Name(SmolStr),
}

impl fmt::Display for TargetPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetPort::Number(n) => n.fmt(f),
            TargetPort::Name(name) => name.fmt(f),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Empty when unnamed.
    pub name: SmolStr,
    pub protocol: Protocol,
    pub port: u16,
    pub target_port: TargetPort,
    /// 0 when none is allocated.
    pub node_port: u16,
    pub app_protocol: SmolStr,
}

/// One entry of `status.loadBalancer.ingress`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IngressPoint {
    pub ip: Option<IpAddr>,
    pub hostname: SmolStr,
    /// `VIP` (kube-proxy short-cuts it) or `Proxy`.
    pub ip_mode: SmolStr,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    pub type_: ServiceType,
    /// None of them when headless, ExternalName or not yet allocated.
    pub cluster_ips: Vec<IpAddr>,
    /// `clusterIP: None`.
    pub headless: bool,
    pub external_name: SmolStr,
    /// Sorted by key; empty when the Service has no selector.
    pub selector: Vec<(SmolStr, SmolStr)>,
    pub ports: Vec<ServicePort>,
    pub external_ips: Vec<SmolStr>,
    /// The timeout in seconds when `sessionAffinity: ClientIP`.
    pub affinity_seconds: Option<u32>,
    /// `externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// `internalTrafficPolicy: Local`.
    pub internal_local: bool,
    pub health_check_node_port: u16,
    pub publish_not_ready: bool,
    pub load_balancer_source_ranges: Vec<SmolStr>,
    pub load_balancer_class: SmolStr,
    pub load_balancer: Vec<IngressPoint>,
    pub ip_families: Vec<SmolStr>,
    pub traffic_distribution: SmolStr,
}

impl Service {
    pub(super) fn read(value: &Value) -> Service {
        let spec = |field| text(value, &["spec", field]);
        let headless = spec("clusterIP") == "None";
        let mut ips = texts(value, &["spec", "clusterIPs"]);
        if ips.is_empty() {
            ips.push(spec("clusterIP"));
        }
        Service {
            type_: match spec("type").as_str() {
                "NodePort" => ServiceType::NodePort,
                "LoadBalancer" => ServiceType::LoadBalancer,
                "ExternalName" => ServiceType::ExternalName,
                _ => ServiceType::ClusterIp,
            },
            cluster_ips: ips.iter().filter_map(|ip| ip.parse().ok()).collect(),
            headless,
            external_name: spec("externalName"),
            selector: pairs(value, &["spec", "selector"]),
            ports: value.items_at(&["spec", "ports"]).iter().map(read_port).collect(),
            external_ips: texts(value, &["spec", "externalIPs"]),
            affinity_seconds: (spec("sessionAffinity") == "ClientIP").then(|| {
                let timeout = value.at(&["spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds"]);
                timeout.and_then(Value::as_i64).and_then(|s| u32::try_from(s).ok()).unwrap_or(10_800)
            }),
            external_local: spec("externalTrafficPolicy") == "Local",
            internal_local: spec("internalTrafficPolicy") == "Local",
            health_check_node_port: port(value, &["spec", "healthCheckNodePort"]),
            publish_not_ready: value.at(&["spec", "publishNotReadyAddresses"]).and_then(Value::as_bool) == Some(true),
            load_balancer_source_ranges: texts(value, &["spec", "loadBalancerSourceRanges"]),
            load_balancer_class: spec("loadBalancerClass"),
            load_balancer: value
                .items_at(&["status", "loadBalancer", "ingress"])
                .iter()
                .map(|point| IngressPoint {
                    ip: point.str_at(&["ip"]).parse().ok(),
                    hostname: text(point, &["hostname"]),
                    ip_mode: text(point, &["ipMode"]),
                })
                .collect(),
            ip_families: texts(value, &["spec", "ipFamilies"]),
            traffic_distribution: spec("trafficDistribution"),
        }
    }

    /// The first ClusterIP, unless headless or ExternalName.
    pub fn cluster_ip(&self) -> Option<IpAddr> {
        self.cluster_ips.first().copied()
    }
}

fn read_port(value: &Value) -> ServicePort {
    let number = port(value, &["port"]);
    ServicePort {
        name: text(value, &["name"]),
        protocol: Protocol::read(value.str_at(&["protocol"])),
        port: number,
        target_port: match value.get("targetPort") {
            Some(Value::String(name)) => TargetPort::Name(name.clone()),
            Some(Value::Int(n)) if *n > 0 => TargetPort::Number(u16::try_from(*n).unwrap_or(0)),
            _ => TargetPort::Number(number),
        },
        node_port: port(value, &["nodePort"]),
        app_protocol: text(value, &["appProtocol"]),
    }
}
