//! The server end: who listens on a machine, and what it answers.

use super::run::{Run, Spot};
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::Duration;
use crate::api::view::{Protocol, ServiceType};
use crate::network::client::PortForward;
use crate::network::dns::Outside;
use crate::network::packet::Packet;
use crate::network::route::node_key;
use crate::runtime::image::{App, Wire};
use crate::runtime::{AppReply, AppRequest, Ending, Listener};
use smol_str::{SmolStr, format_smolstr};

/// A listening socket that a packet has reached.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Socket {
    pub pod: Option<ObjectKey>,
    pub process: SmolStr,
    pub wire: Wire,
    pub server: Server,
    /// The fields that make it listen.
    pub because: Vec<FieldRef>,
}

/// What stands behind a socket.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Server {
    Program(Listener),
    /// kube-apiserver on its node.
    ControlPlane,
    /// kubelet's own API.
    Kubelet,
    /// kube-proxy's answer to load balancers (`healthCheckNodePort`).
    HealthCheck {
        service: ObjectKey,
        local_endpoints: usize,
    },
    /// `kubectl port-forward` on the learner's computer.
    Forward(PortForward),
    /// The resolver of the learner's computer and of the nodes' network.
    Resolver,
    /// A web server of the outside world, and the names that it serves (none: any).
    Web(Vec<SmolStr>),
    /// Another server of the outside world.
    Other,
}

impl Run<'_, '_> {
    /// Who listens where a packet has arrived.
    pub(super) fn socket(&self, spot: &Spot, packet: &Packet) -> Option<Socket> {
        let (port, protocol) = (packet.dst.port(), packet.protocol);
        match spot {
            Spot::Pod(pod) => self.pod_socket(pod, packet),
            Spot::Node(node) => self.node_socket(node, packet),
            Spot::Learner if port == 53 && protocol == Protocol::Udp => Some(Socket {
                pod: None,
                process: "dnsmasq".into(),
                wire: Wire::Udp,
                server: Server::Resolver,
                because: Vec::new(),
            }),
            Spot::Learner => {
                let forward = self.world.network.computer.forwards.iter().find(|f| f.local_port == port)?;
                packet.dst.ip().is_loopback().then(|| Socket {
                    pod: None,
                    process: "kubectl port-forward".into(),
                    wire: Wire::Tcp,
                    server: Server::Forward(forward.clone()),
                    because: vec![forward.named.field("")],
                })
            }
            Spot::Outside(ip) => {
                let host = Outside::built_in().host(*ip)?;
                if protocol != Protocol::Tcp || !host.ports.contains(&port) {
                    return None;
                }
                let (wire, server) = match port {
                    80 | 8080 => (Wire::Http, Server::Web(host.serves.clone())),
                    443 => (Wire::Https, Server::Web(host.serves.clone())),
                    _ => (Wire::Tcp, Server::Other),
                };
                Some(Socket { pod: None, process: "server".into(), wire, server, because: Vec::new() })
            }
        }
    }

    fn pod_socket(&self, pod: &ObjectKey, packet: &Packet) -> Option<Socket> {
        let localhost = packet.dst.ip().is_loopback();
        let now = self.now();
        let (port, protocol) = (packet.dst.port(), packet.protocol);
        let listener = self.world.runtime.listener(pod, port, protocol, localhost, now)?;
        let because = if self.log.on { self.listens_because(pod, &listener) } else { Vec::new() };
        Some(Socket {
            pod: Some(pod.clone()),
            process: listener.process.clone(),
            wire: listener.wire,
            server: Server::Program(listener),
            because,
        })
    }

    /// The container, and its declared port where it declares the one it listens on.
    fn listens_because(&self, pod: &ObjectKey, listener: &Listener) -> Vec<FieldRef> {
        let view = self.world.store.get(pod).and_then(|o| o.view().pod());
        let Some((i, container)) =
            view.and_then(|p| p.containers.iter().enumerate().find(|(_, c)| c.name == listener.container))
        else {
            return vec![pod.field("spec.containers")];
        };
        let declared =
            container.ports.iter().position(|p| p.number == listener.port && p.protocol == listener.protocol);
        let path = match declared {
            Some(j) => format_smolstr!("spec.containers[{i}].ports[{j}].containerPort"),
            None => format_smolstr!("spec.containers[{i}].image"),
        };
        vec![pod.field(path.as_str())]
    }

    /// The fields to look at when nobody listens on a port of a machine.
    pub(super) fn why_nobody_listens(&self, spot: &Spot, port: u16) -> Vec<FieldRef> {
        let Spot::Pod(pod) = spot else { return Vec::new() };
        let Some(view) = self.world.store.get(pod).and_then(|o| o.view().pod()) else { return Vec::new() };
        for (i, container) in view.containers.iter().enumerate() {
            if let Some(j) = container.ports.iter().position(|p| p.number == port) {
                let path = format_smolstr!("spec.containers[{i}].ports[{j}].containerPort");
                return vec![
                    pod.field(path.as_str()),
                    pod.field(format_smolstr!("spec.containers[{i}].image").as_str()),
                ];
            }
        }
        vec![pod.field("spec.containers[0].image")]
    }

    fn node_socket(&self, node: &SmolStr, packet: &Packet) -> Option<Socket> {
        let localhost = packet.dst.ip().is_loopback();
        let (port, protocol) = (packet.dst.port(), packet.protocol);
        let hosted = self.world.runtime.iter().filter(|(_, s)| s.host_network && s.node == *node);
        for (pod, _) in hosted {
            if let Some(listener) = self.world.runtime.listener(pod, port, protocol, localhost, self.now()) {
                let because = if self.log.on { self.listens_because(pod, &listener) } else { Vec::new() };
                return Some(Socket {
                    pod: Some(pod.clone()),
                    process: listener.process.clone(),
                    wire: listener.wire,
                    server: Server::Program(listener),
                    because,
                });
            }
        }
        if protocol != Protocol::Tcp {
            return None;
        }
        let daemon = |process: &str, wire, server, because| {
            Some(Socket { pod: None, process: process.into(), wire, server, because })
        };
        if let Some((service, local_endpoints)) = self.health_check(node, port) {
            let because = vec![service.field("spec.healthCheckNodePort")];
            return daemon("kube-proxy", Wire::Http, Server::HealthCheck { service, local_endpoints }, because);
        }
        if port == 10_250 {
            return daemon(
                "kubelet",
                Wire::Https,
                Server::Kubelet,
                vec![node_key(node).field("status.daemonEndpoints")],
            );
        }
        let api = ObjectKey::new("Endpoints", "default", "kubernetes");
        let endpoints = self.world.store.get(&api)?.view().endpoints()?;
        let serves = endpoints.subsets.iter().any(|s| {
            s.ports.iter().any(|p| p.port == Some(port))
                && s.ready.iter().flat_map(|e| &e.addresses).any(|a| a.parse() == Ok(packet.dst.ip()))
        });
        if serves {
            daemon("kube-apiserver", Wire::Https, Server::ControlPlane, vec![api.field("subsets")])
        } else {
            None
        }
    }

    /// The Service whose `healthCheckNodePort` this is, and how many endpoints it has on the node.
    fn health_check(&self, node: &SmolStr, port: u16) -> Option<(ObjectKey, usize)> {
        let object = self.world.store.list("Service").find(|o| {
            let service = o.view().service();
            service.is_some_and(|s| s.health_check_node_port == port && s.type_ == ServiceType::LoadBalancer)
        })?;
        let selector = [("kubernetes.io/service-name".into(), object.name().clone())];
        let slices = self.world.store.select("EndpointSlice", object.namespace(), &selector);
        let local = slices
            .filter_map(|o| o.view().endpoint_slice())
            .flat_map(|s| &s.endpoints)
            .filter(|e| e.ready && e.node_name == *node);
        Some((object.key.clone(), local.count()))
    }

    /// Has the server behind a socket answer a request.
    pub(super) fn answer(&mut self, socket: &Socket, request: &AppRequest<'_>) -> AppReply {
        let page = |status: u16, kind: &str, body: SmolStr| AppReply {
            status,
            headers: vec![
                ("Content-Type".into(), kind.into()),
                ("Content-Length".into(), format_smolstr!("{}", body.len())),
            ],
            body,
            latency: Duration::millis(1),
            ending: Ending::Complete,
        };
        match &socket.server {
            Server::Program(listener) => match &socket.pod {
                Some(pod) => {
                    let runtime = &mut *self.world.runtime;
                    self.log.note(|tape| tape.spoiled |= runtime.get(pod).is_some_and(|s| s.counts(listener)));
                    runtime.serve(pod, listener, request)
                }
                None => AppReply { ending: Ending::Close, ..AppReply::default() },
            },
            Server::ControlPlane => page(
                403,
                "application/json",
                format_smolstr!(
                    "{{\n  \"kind\": \"Status\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {{}},\n  \"status\": \
                     \"Failure\",\n  \"message\": \"forbidden: User \\\"system:anonymous\\\" cannot {} path \
                     \\\"{}\\\"\",\n  \"reason\": \"Forbidden\",\n  \"details\": {{}},\n  \"code\": 403\n}}",
                    request.method.to_ascii_lowercase(),
                    request.path
                ),
            ),
            Server::Kubelet => page(401, "text/plain", "Unauthorized".into()),
            Server::HealthCheck { service, local_endpoints } => page(
                if *local_endpoints > 0 { 200 } else { 503 },
                "application/json",
                format_smolstr!(
                    "{{\"service\":{{\"namespace\":\"{}\",\"name\":\"{}\"}},\"localEndpoints\":{local_endpoints},\
                     \"serviceProxyHealthy\":true}}",
                    service.namespace,
                    service.name
                ),
            ),
            Server::Web(serves) => {
                let host = request.host.split(':').next().unwrap_or(request.host);
                if serves.is_empty() || serves.iter().any(|s| s.eq_ignore_ascii_case(host)) {
                    page(200, "text/html", format_smolstr!("<html><body><h1>{host}</h1></body></html>\n"))
                } else {
                    page(404, "text/html", format_smolstr!("no such host here: {host}\n"))
                }
            }
            Server::Forward(_) | Server::Resolver | Server::Other => {
                AppReply { latency: Duration::millis(1), ..AppReply::default() }
            }
        }
    }
}

/// What a program of this kind needs from the interpreter: it answers from the cluster's state, not from a page.
pub(super) fn is_dns(socket: &Socket) -> bool {
    matches!(&socket.server, Server::Program(l) if l.app == App::Dns) || socket.server == Server::Resolver
}
