//! Which Service the client meant, and by which of its doors.

use super::{Dialled, Verdict};
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::view::{Protocol, Service, TargetPort};
use crate::network::dns::message::{bare, is_under};
use crate::network::netfilter::PortName;
use crate::trace::outcome::CauseOfFailure;
use crate::trace::request::Scheme;
use crate::trace::run::{Run, Spot};
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

/// The door of a Service that was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    ClusterIp,
    ExternalIp,
    LoadBalancer,
    NodePort,
    /// By its name alone: DNS led straight to the endpoints, or to an outside name.
    Headless,
}

/// The Service that was meant.
pub struct Meant {
    pub key: ObjectKey,
    pub door: Door,
    /// The place in `spec.ports` of the port that was dialled, if the Service has it.
    pub port: Option<usize>,
}

impl Meant {
    pub fn find(run: &Run<'_, '_>, dialled: &Dialled) -> Option<Meant> {
        let (ip, number) = (dialled.to.ip(), dialled.to.port());
        let protocol = protocol(dialled.scheme);
        let at_node = run.world.network.routes.node_at(&ip).is_some() || ip.is_loopback();
        let services = &run.world.network.services;
        let view = |key: &ObjectKey| run.world.store.get(key).and_then(|o| o.view().service());
        for key in services.at(&ip) {
            let Some(service) = view(key) else { continue };
            let door = if service.cluster_ips.contains(&ip) {
                Door::ClusterIp
            } else if service.external_ips.iter().any(|e| e.parse() == Ok(ip)) {
                Door::ExternalIp
            } else if service.load_balancer.iter().any(|p| p.ip == Some(ip)) {
                Door::LoadBalancer
            } else {
                continue;
            };
            let port = service.ports.iter().position(|p| p.port == number && p.protocol == protocol);
            return Some(Meant { key: key.clone(), door, port });
        }
        if at_node {
            for key in services.at_node_port(number) {
                let Some(service) = view(key) else { continue };
                let found = service.ports.iter().position(|p| p.node_port == number && p.protocol == protocol);
                if let Some(port) = found {
                    return Some(Meant { key: key.clone(), door: Door::NodePort, port: Some(port) });
                }
            }
        }
        let key = service_named(run, &dialled.host)?;
        let service = run.world.store.get(&key)?.view().service()?;
        if service.cluster_ip().is_some() {
            return None;
        }
        let port = service.ports.iter().position(|p| p.port == number && p.protocol == protocol);
        Some(Meant { key, door: Door::Headless, port })
    }

    /// The Service whose rules took a packet.
    pub fn of_rule(run: &Run<'_, '_>, name: &PortName) -> Option<Meant> {
        let key = ObjectKey::new("Service", name.namespace.clone(), name.service.clone());
        let service = run.world.store.get(&key)?.view().service()?;
        let port = service.ports.iter().position(|p| p.name == name.port && p.protocol == name.protocol);
        Some(Meant { key, door: Door::ClusterIp, port })
    }

    pub fn service<'a>(&self, run: &'a Run<'_, '_>) -> Option<&'a Service> {
        run.world.store.get(&self.key)?.view().service()
    }

    /// The dialled port is none of the Service's.
    pub fn lacks_port(&self, run: &Run<'_, '_>, dialled: &Dialled) -> Verdict {
        let number = dialled.to.port();
        let service = self.key.clone();
        let Some(view) = self.service(run) else {
            return (CauseOfFailure::ServiceLacksPort { service, port: number }, Vec::new());
        };
        if let Some(i) = view.ports.iter().position(|p| p.port == number) {
            let because = vec![self.key.field(format_smolstr!("spec.ports[{i}].protocol").as_str())];
            return (CauseOfFailure::WrongProtocol { service, port: number }, because);
        }
        let target = view.ports.iter().enumerate().find(|(_, p)| self.target_numbers(run, p).contains(&number));
        if let Some((i, port)) = target {
            let because = vec![
                self.key.field(format_smolstr!("spec.ports[{i}].port").as_str()),
                self.key.field(format_smolstr!("spec.ports[{i}].targetPort").as_str()),
            ];
            return (CauseOfFailure::DialledTargetPort { service, port: number, right: port.port }, because);
        }
        (CauseOfFailure::ServiceLacksPort { service, port: number }, vec![self.key.field("spec.ports")])
    }

    /// The numbers that a port's targetPort means in the pods behind the Service.
    fn target_numbers(&self, run: &Run<'_, '_>, port: &crate::api::view::ServicePort) -> Vec<u16> {
        match &port.target_port {
            TargetPort::Number(number) => vec![*number],
            TargetPort::Name(name) => {
                self.pods(run).filter_map(|pod| pod.view().pod()?.named_port(name, port.protocol)).collect()
            }
        }
    }

    /// The pods that the selector matches.
    pub fn pods<'a>(
        &'a self,
        run: &'a Run<'_, '_>,
    ) -> Box<dyn Iterator<Item = &'a std::sync::Arc<crate::api::object::Object>> + 'a> {
        match self.service(run) {
            Some(service) if !service.selector.is_empty() => {
                Box::new(run.world.store.select("Pod", &self.key.namespace, &service.selector))
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    /// For a headless Service: the port of the pod that should have been dialled, and the place of its Service port.
    pub fn headless_target(&self, run: &Run<'_, '_>, pod: &ObjectKey, dialled: u16) -> Option<(u16, usize)> {
        let service = self.service(run).filter(|s| s.headless)?;
        let pod = run.world.store.get(pod)?.view().pod()?;
        service.ports.iter().enumerate().find_map(|(i, port)| {
            let right = match &port.target_port {
                TargetPort::Number(number) => *number,
                TargetPort::Name(name) => pod.named_port(name, port.protocol)?,
            };
            (port.port == dialled && right != dialled).then_some((right, i))
        })
    }

    /// The place that names an endpoint's address: in hand-written Endpoints, else in the EndpointSlice.
    pub fn manual_endpoint_field(&self, run: &Run<'_, '_>, address: &SocketAddr) -> Option<FieldRef> {
        let key = ObjectKey::new("Endpoints", self.key.namespace.clone(), self.key.name.clone());
        let by_hand = self.service(run).is_none_or(|s| s.selector.is_empty());
        if by_hand && let Some(endpoints) = run.world.store.get(&key).and_then(|o| o.view().endpoints()) {
            for (i, subset) in endpoints.subsets.iter().enumerate() {
                let found = subset.ready.iter().position(|e| e.addresses.iter().any(|a| a.parse() == Ok(address.ip())));
                if let Some(j) = found {
                    return Some(key.field(format_smolstr!("subsets[{i}].addresses[{j}].ip").as_str()));
                }
            }
        }
        let selector = [("kubernetes.io/service-name".into(), self.key.name.clone())];
        run.world.store.select("EndpointSlice", &self.key.namespace, &selector).find_map(|object| {
            let slice = object.view().endpoint_slice()?;
            let i = slice.endpoints.iter().position(|e| e.addresses.iter().any(|a| a.parse() == Ok(address.ip())))?;
            Some(object.key.field(format_smolstr!("endpoints[{i}].addresses").as_str()))
        })
    }

    /// The name of the pod that an endpoint address belonged to.
    pub fn pod_of_address(&self, run: &Run<'_, '_>, ip: IpAddr) -> SmolStr {
        let selector = [("kubernetes.io/service-name".into(), self.key.name.clone())];
        let mut slices = run.world.store.select("EndpointSlice", &self.key.namespace, &selector);
        let found = slices.find_map(|object| {
            let slice = object.view().endpoint_slice()?;
            let endpoint = slice.endpoints.iter().find(|e| e.addresses.iter().any(|a| a.parse() == Ok(ip)))?;
            endpoint.target.as_ref().map(|t| t.name.clone())
        });
        found.unwrap_or_default()
    }
}

pub fn protocol(scheme: Scheme) -> Protocol {
    if scheme == Scheme::Udp { Protocol::Udp } else { Protocol::Tcp }
}

/// The Service that a name means to the client: `name`, `name.namespace`, up to the fully qualified one.
pub fn service_named(run: &Run<'_, '_>, host: &str) -> Option<ObjectKey> {
    let domain = run.world.network.config.domain.as_str();
    let host = bare(host).to_ascii_lowercase();
    let below = if is_under(&host, domain) { host[..host.len() - domain.len()].trim_end_matches('.') } else { &host };
    let below = below.strip_suffix(".svc").unwrap_or(below);
    let own = match &run.home {
        Spot::Pod(pod) => pod.namespace.clone(),
        _ => "default".into(),
    };
    let labels: Vec<&str> = below.split('.').collect();
    let candidates: Vec<(SmolStr, SmolStr)> = match labels[..] {
        [name] => vec![(own, name.into())],
        [name, namespace] => vec![(namespace.into(), name.into()), (own, namespace.into())],
        [_, name, namespace] => vec![(namespace.into(), name.into())],
        _ => Vec::new(),
    };
    candidates
        .into_iter()
        .map(|(namespace, name)| ObjectKey::new("Service", namespace, name))
        .find(|key| run.world.store.get(key).is_some())
}
