//! Why a request failed: the objects are looked at after the rules have decided. The diagnosis explains the way that the
//! packet went; it never changes it.

mod endpoints;
mod lookup;
mod service;

pub(super) use lookup::diagnose_lookup;

use super::converse::Stop;
use super::outcome::CauseOfFailure;
use super::request::Scheme;
use super::run::{Run, Spot};
use super::transit::{Fate, Lost};
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::view::{Protocol, ServiceType};
use crate::network::netfilter::{Content, PortName};
use crate::network::packet::Packet;
use crate::network::route::node_key;
use crate::network::tls::Distrust;
pub(super) use service::{Door, Meant};
use smol_str::{SmolStr, format_smolstr};
use std::net::SocketAddr;

/// What the client tried to reach.
pub(super) struct Dialled {
    pub to: SocketAddr,
    /// The host of the URL, as typed.
    pub host: SmolStr,
    pub from: Spot,
    pub scheme: Scheme,
}

/// A cause and the fields to look at, the one to mend first.
pub(super) type Verdict = (CauseOfFailure, Vec<FieldRef>);

/// What is wrong.
pub(super) fn diagnose(run: &Run<'_, '_>, dialled: &Dialled, stop: &Stop) -> Verdict {
    let meant = Meant::find(run, dialled);
    if dialled.scheme == Scheme::Ping
        && let Some(meant) = meant.as_ref().filter(|m| m.door == Door::ClusterIp)
        && !matches!(dialled.from, Spot::Learner | Spot::Outside(_))
    {
        return (CauseOfFailure::PingToVip { service: meant.key.clone() }, vec![meant.key.field("spec.ports")]);
    }
    match stop {
        Stop::Refused { spot, packet } => refused(run, dialled, meant.as_ref(), spot, packet),
        Stop::Way(fate) => on_the_way(run, dialled, meant.as_ref(), fate),
        Stop::ReplyLost => {
            let service = meant.as_ref().and_then(|m| Some((m, m.service(run)?)));
            let local =
                service.filter(|(m, s)| s.external_local && !matches!(m.door, Door::ClusterIp | Door::Headless));
            let because = local.map(|(m, _)| m.key.field("spec.externalTrafficPolicy"));
            (CauseOfFailure::AnswerLost, because.into_iter().collect())
        }
        Stop::Hang(pod) => match pod {
            Some(pod) => (CauseOfFailure::ApplicationHangs { pod: pod.clone() }, vec![pod.field("spec.containers")]),
            None => (CauseOfFailure::NobodyHasAddress { address: dialled.to }, Vec::new()),
        },
        Stop::Late(pod) => match pod {
            Some(pod) => (CauseOfFailure::AnswerTooLate { pod: pod.clone() }, vec![pod.field("spec.containers")]),
            None => (CauseOfFailure::NobodyHasAddress { address: dialled.to }, Vec::new()),
        },
        Stop::Closed(pod) => match pod {
            Some(pod) => (CauseOfFailure::ApplicationCloses { pod: pod.clone() }, vec![pod.field("spec.containers")]),
            None => (CauseOfFailure::NobodyHasAddress { address: dialled.to }, Vec::new()),
        },
        Stop::Scheme { pod, port, expects_tls } => {
            let because = port_fields(run, meant.as_ref(), pod.as_ref(), *port);
            (CauseOfFailure::WrongScheme { pod: pod.clone(), port: *port, expects_tls: *expects_tls }, because)
        }
        Stop::NotHttp { pod, port } => {
            let because = port_fields(run, meant.as_ref(), pod.as_ref(), *port);
            (CauseOfFailure::NotHttp { pod: pod.clone(), port: *port }, because)
        }
        Stop::Distrusted { missing: Some((route, secret)), .. } => {
            let because = vec![route.field("spec.tls")];
            (CauseOfFailure::TlsSecretMissing { ingress: route.clone(), secret: secret.clone() }, because)
        }
        Stop::Distrusted { certificate, distrust, .. } => {
            if *distrust == Distrust::OtherName
                && let Some((service, target)) = external_name(run, meant.as_ref())
            {
                let because = vec![service.field("spec.externalName")];
                return (CauseOfFailure::ExternalHostMismatch { service, target }, because);
            }
            let because = certificate.secret.iter().map(|s| s.field("data[tls.crt]")).collect();
            (CauseOfFailure::CertificateNotTrusted { names: certificate.names.clone() }, because)
        }
        Stop::Application { pod: Some(pod), status } => {
            let because = vec![pod.field("spec.containers")];
            (CauseOfFailure::ApplicationError { pod: pod.clone(), status: *status }, because)
        }
        Stop::Application { pod: None, status } => match external_name(run, meant.as_ref()) {
            Some((service, target)) => {
                let because = vec![service.field("spec.externalName")];
                (CauseOfFailure::ExternalHostMismatch { service, target }, because)
            }
            None => (CauseOfFailure::OutsideError { host: dialled.host.clone(), status: *status }, Vec::new()),
        },
        Stop::Proxy(stop) => stop.diagnose(run),
        Stop::ForwardRefused(forward) => {
            let port = (forward.pod_port, Protocol::Tcp);
            nothing_listens(run, &forward.pod, port, vec![forward.named.field("")])
        }
    }
}

/// What is wrong with the connection of a proxy to its backend.
pub(super) fn diagnose_backend(run: &Run<'_, '_>, stop: &Stop) -> Verdict {
    let to = match stop {
        Stop::Refused { packet, .. } | Stop::Way(Fate::HostUnreachable { packet, .. }) => packet.dst,
        _ => SocketAddr::from(([0, 0, 0, 0], 0)),
    };
    let dialled = Dialled { to, host: SmolStr::default(), from: run.home.clone(), scheme: Scheme::Http };
    if let Stop::Way(Fate::HostUnreachable { packet, .. }) = stop {
        return (CauseOfFailure::StaleEndpoint { pod: SmolStr::default(), address: packet.dst }, Vec::new());
    }
    diagnose(run, &dialled, stop)
}

/// The fields behind a Service port without endpoints.
pub(super) fn why_no_endpoints(run: &Run<'_, '_>, service: &ObjectKey, port: usize) -> Vec<FieldRef> {
    let meant = Meant { key: service.clone(), door: Door::ClusterIp, port: Some(port) };
    endpoints::missing(run, &meant, port).map(|(_, because)| because).unwrap_or_default()
}

/// The Service and its target, when an ExternalName was dialled.
fn external_name(run: &Run<'_, '_>, meant: Option<&Meant>) -> Option<(ObjectKey, SmolStr)> {
    let service = meant?.service(run)?;
    (service.type_ == ServiceType::ExternalName)
        .then(|| (meant.map(|m| m.key.clone()), service.external_name.clone()))
        .and_then(|(key, target)| Some((key?, target)))
}

/// Service port, then container port: what led to a port of a pod.
fn port_fields(run: &Run<'_, '_>, meant: Option<&Meant>, pod: Option<&ObjectKey>, port: u16) -> Vec<FieldRef> {
    let mut fields: Vec<FieldRef> = Vec::new();
    if let Some((meant, i)) = meant.and_then(|m| Some((m, m.port?))) {
        fields.push(meant.key.field(format_smolstr!("spec.ports[{i}].targetPort").as_str()));
    }
    if let Some(pod) = pod {
        fields.extend(run.why_nobody_listens(&Spot::Pod(pod.clone()), port));
    }
    fields
}

fn refused(run: &Run<'_, '_>, dialled: &Dialled, meant: Option<&Meant>, spot: &Spot, packet: &Packet) -> Verdict {
    let port = packet.dst.port();
    match spot {
        Spot::Pod(pod) => {
            if let Some(meant) = meant.filter(|m| m.door == Door::Headless)
                && let Some((right, i)) = meant.headless_target(run, pod, port)
            {
                let because = vec![
                    meant.key.field("spec.clusterIP"),
                    meant.key.field(format_smolstr!("spec.ports[{i}].targetPort").as_str()),
                ];
                let service = meant.key.clone();
                return (CauseOfFailure::HeadlessPortNotTranslated { service, port, right }, because);
            }
            let (cause, mut because) =
                nothing_listens(run, pod, (port, packet.protocol), port_fields(run, meant, None, port));
            if matches!(cause, CauseOfFailure::ListensByOtherProtocol { .. })
                && let Some((meant, i)) = meant.and_then(|m| Some((m, m.port?)))
            {
                because.insert(0, meant.key.field(format_smolstr!("spec.ports[{i}].protocol").as_str()));
            }
            (cause, because)
        }
        Spot::Node(node) => {
            if let Some(meant) = meant
                && meant.port.is_none()
            {
                return meant.lacks_port(run, dialled);
            }
            if let Some(ingress) = lookup::ingress_for(run, &dialled.host) {
                let cause = CauseOfFailure::NoIngressController { ingress: ingress.object.clone() };
                return (cause, vec![ingress.object.field("spec.ingressClassName"), ingress]);
            }
            let because = meant.map(|m| m.key.field("spec.ports")).into_iter().collect();
            (CauseOfFailure::NodePortClosed { node: node.clone(), port }, because)
        }
        Spot::Learner => (CauseOfFailure::NothingOnComputer { port }, Vec::new()),
        Spot::Outside(_) => {
            let because = meant.map(|m| m.manual_endpoint_field(run, &packet.dst)).into_iter().flatten().collect();
            (CauseOfFailure::OutsideRefuses { address: packet.dst }, because)
        }
    }
}

fn nothing_listens(
    run: &Run<'_, '_>,
    pod: &ObjectKey,
    (port, asked): (u16, Protocol),
    mut because: Vec<FieldRef>,
) -> Verdict {
    let listeners = run.world.runtime.listeners(pod, run.now());
    because.extend(run.why_nobody_listens(&Spot::Pod(pod.clone()), port));
    if let Some(other) = listeners.iter().find(|l| l.port == port && l.protocol != asked)
        && !listeners.iter().any(|l| l.port == port && l.protocol == asked)
    {
        let (pod, listening) = (pod.clone(), other.protocol);
        return (CauseOfFailure::ListensByOtherProtocol { pod, port, listening, asked }, because);
    }
    if listeners.iter().any(|l| l.port == port && l.bind == crate::runtime::Bind::Localhost) {
        because.rotate_right(1);
        return (CauseOfFailure::ListensOnLocalhostOnly { pod: pod.clone(), port }, because);
    }
    let running = run.world.runtime.get(pod).is_some_and(|s| s.containers.iter().any(|c| c.is_running()));
    if !running {
        because.insert(0, pod.field("status.containerStatuses"));
        return (CauseOfFailure::ContainerNotRunning { pod: pod.clone(), port }, because);
    }
    let listening = listeners.iter().map(|l| l.port).collect();
    (CauseOfFailure::NothingListens { pod: pod.clone(), port, listening }, because)
}

fn on_the_way(run: &Run<'_, '_>, dialled: &Dialled, meant: Option<&Meant>, fate: &Fate) -> Verdict {
    match fate {
        Fate::Rejected { node, because, owner } | Fate::Dropped { node, because, owner } => {
            let dropped = matches!(fate, Fate::Dropped { .. });
            stopped_by_rule(run, dialled, meant, node, because.as_ref(), owner.as_ref(), dropped)
        }
        Fate::HostUnreachable { packet, .. } => nobody_there(run, dialled, meant, packet),
        Fate::Lost(lost) => match lost {
            Lost::NodeDown(node) => {
                (CauseOfFailure::NodeDown { node: node.clone() }, vec![node_key(node).field("status.conditions")])
            }
            Lost::NoHealthyNode(service) => {
                let because = vec![service.field("spec.externalTrafficPolicy"), service.field("spec.selector")];
                (CauseOfFailure::NoHealthyNode { service: service.clone() }, because)
            }
            Lost::NoListener(service) => {
                let cause = CauseOfFailure::ServiceLacksPort { service: service.clone(), port: dialled.to.port() };
                (cause, vec![service.field("spec.ports")])
            }
            Lost::SenderGone => (CauseOfFailure::ClientNotRunning { client: run.client_name() }, Vec::new()),
            Lost::NoRoute(packet) => no_route(run, dialled, meant, packet),
        },
        Fate::Arrived { packet, .. } => (CauseOfFailure::NobodyHasAddress { address: packet.dst }, Vec::new()),
    }
}

/// A rule refused or dropped the packet: why is it there?
fn stopped_by_rule(
    run: &Run<'_, '_>,
    dialled: &Dialled,
    meant: Option<&Meant>,
    node: &SmolStr,
    because: Option<&FieldRef>,
    owner: Option<&PortName>,
    dropped: bool,
) -> Verdict {
    let owned = owner.and_then(|name| Meant::of_rule(run, name));
    let fallback = || {
        let cause = CauseOfFailure::NobodyHasAddress { address: dialled.to };
        (cause, because.cloned().into_iter().collect())
    };
    let Some(meant) = owned.as_ref().or(meant) else {
        if run.world.network.is_service_address(&dialled.to.ip()) {
            return (CauseOfFailure::NoSuchVip { address: dialled.to }, because.cloned().into_iter().collect());
        }
        return fallback();
    };
    let Some(port) = meant.port else { return meant.lacks_port(run, dialled) };
    let field = because.map_or("", |b| b.path.as_str());
    if field.starts_with("spec.loadBalancerSourceRanges") {
        let source = run.source_address(&dialled.from, dialled.to.ip()).unwrap_or(dialled.to.ip());
        let cause = CauseOfFailure::SourceNotAllowed { service: meant.key.clone(), source: SocketAddr::new(source, 0) };
        return (cause, vec![meant.key.field("spec.loadBalancerSourceRanges")]);
    }
    if let Some(verdict) = endpoints::missing(run, meant, port) {
        return verdict;
    }
    let Some(service) = meant.service(run) else { return fallback() };
    if dropped && (service.internal_local || service.external_local) {
        let external = !(service.internal_local && matches!(meant.door, Door::ClusterIp));
        let policy = if external { "spec.externalTrafficPolicy" } else { "spec.internalTrafficPolicy" };
        let cause = CauseOfFailure::NoLocalEndpoint { service: meant.key.clone(), node: node.clone(), external };
        return (cause, vec![meant.key.field(policy)]);
    }
    if !dropped && let Some(scheduler) = owner.and_then(|owner| scheduler_of(run, node, dialled, owner)) {
        let cause = CauseOfFailure::SchedulerFindsNone { service: meant.key.clone(), scheduler };
        return (cause, because.cloned().into_iter().collect());
    }
    // The objects are fine now: the rules are older than they.
    let path = format_smolstr!("spec.ports[{port}]");
    (
        CauseOfFailure::RulesBehind { service: meant.key.clone(), node: node.clone() },
        vec![meant.key.field(path.as_str())],
    )
}

/// Who chooses among the real servers that a node has for a Service port.
fn scheduler_of(run: &Run<'_, '_>, node: &str, dialled: &Dialled, owner: &PortName) -> Option<&'static str> {
    let program = run.world.network.program(node, dialled.to.is_ipv4())?;
    let servers = program.frame.servers()?;
    program.get(owner)?.entries(servers).find_map(|content| match content {
        Content::Server(server) if !server.real.is_empty() => Some(server.scheduler.name()),
        _ => None,
    })
}

/// The client has no address of the family of what it dials.
pub(super) fn no_family(run: &Run<'_, '_>, dialled: &Dialled) -> Verdict {
    match Meant::find(run, dialled) {
        Some(meant) => {
            let because = vec![meant.key.field("spec.ipFamilies")];
            (CauseOfFailure::NoAddressOfFamily { service: meant.key }, because)
        }
        None => (CauseOfFailure::NobodyHasAddress { address: dialled.to }, Vec::new()),
    }
}

/// The address of a pod network that no pod has.
fn nobody_there(run: &Run<'_, '_>, dialled: &Dialled, meant: Option<&Meant>, packet: &Packet) -> Verdict {
    if packet.dst == dialled.to && meant.is_none() {
        return (CauseOfFailure::NobodyHasAddress { address: packet.dst }, Vec::new());
    }
    let because: Vec<FieldRef> =
        meant.map(|m| m.manual_endpoint_field(run, &packet.dst)).into_iter().flatten().collect();
    if meant.is_some_and(|m| m.service(run).is_some_and(|s| s.selector.is_empty())) {
        return (CauseOfFailure::NobodyHasAddress { address: packet.dst }, because);
    }
    let pod = meant.map(|m| m.pod_of_address(run, packet.dst.ip())).unwrap_or_default();
    (CauseOfFailure::StaleEndpoint { pod, address: packet.dst }, because)
}

/// Out by the default route: the address means nothing there.
fn no_route(run: &Run<'_, '_>, dialled: &Dialled, meant: Option<&Meant>, packet: &Packet) -> Verdict {
    let ip = packet.dst.ip();
    let outside = matches!(dialled.from, Spot::Learner | Spot::Outside(_));
    if run.world.network.is_service_address(&ip) {
        return match meant {
            Some(meant) if outside => {
                let because = vec![meant.key.field("spec.type"), meant.key.field("spec.clusterIP")];
                (CauseOfFailure::VipFromOutside { service: meant.key.clone() }, because)
            }
            Some(meant) => match meant.port {
                None => meant.lacks_port(run, dialled),
                Some(port) => endpoints::missing(run, meant, port).unwrap_or_else(|| {
                    let node = SmolStr::default();
                    let because = vec![meant.key.field(format_smolstr!("spec.ports[{port}]").as_str())];
                    (CauseOfFailure::RulesBehind { service: meant.key.clone(), node }, because)
                }),
            },
            None => (CauseOfFailure::NoSuchVip { address: packet.dst }, Vec::new()),
        };
    }
    if outside && run.world.network.routes.is_pod_address(&ip) {
        let pod = run.world.runtime.pod_at(ip).cloned();
        let because = pod.iter().map(|p| p.field("status.podIP")).collect();
        return (CauseOfFailure::PodFromOutside { pod }, because);
    }
    let because = meant.map(|m| m.manual_endpoint_field(run, &packet.dst)).into_iter().flatten().collect();
    (CauseOfFailure::NobodyHasAddress { address: packet.dst }, because)
}
