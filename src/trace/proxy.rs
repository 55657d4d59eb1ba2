//! An HTTP proxy on the way: what an ingress controller or a gateway does with a request. It ends the client's connection,
//! looks at host and path, and opens a connection of its own straight to a pod, past Service address and kube-proxy rules.

use super::converse::{Line, Said, Stop};
use super::diagnose::Verdict;
use super::outcome::CauseOfFailure;
use super::request::Scheme;
use super::run::{Opened, Run, Spot};
use super::serve::{Server, Socket};
use super::step::{Candidate, Direction, Exchange, StepKind};
use super::tape::Mark;
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::api::view::ServiceType;
use crate::arrange::Arrange;
use crate::network::dns::message::reverse_name;
use crate::network::dns::{Outside, Question, RecordType, Server as DnsServer};
use crate::network::http::{Act, Ask, Backend, BackendPort, Decision, HeaderChange, Mirror, change_headers};
use crate::network::packet::{Packet, Segment};
use crate::network::tls::{Certificate, Issuer};
use crate::network::{gateway, ingress};
use crate::runtime::image::{App, base_name};
use crate::runtime::{AppReply, Listener};
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

/// Why a proxy has no answer of a backend.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ProxyStop {
    /// No rule takes the request.
    NoRoute {
        host: SmolStr,
        path: SmolStr,
    },
    /// The rule's Service does not exist (or may not be used).
    NoService {
        route: ObjectKey,
        service: SmolStr,
        because: FieldRef,
    },
    NoPort {
        route: ObjectKey,
        service: ObjectKey,
        port: SmolStr,
        because: FieldRef,
    },
    NoEndpoints {
        route: ObjectKey,
        service: ObjectKey,
        port: usize,
        because: FieldRef,
    },
    /// The source is not one of those that may come.
    Forbidden {
        route: ObjectKey,
        source: IpAddr,
        because: FieldRef,
    },
    /// The backend's answer takes longer than the rule gives it.
    TooSlow {
        route: ObjectKey,
        service: ObjectKey,
        wait: Duration,
        because: FieldRef,
    },
    /// No endpoint takes the connection, or none answers.
    Backend(Box<Stop>),
}

impl ProxyStop {
    pub fn diagnose(&self, run: &Run<'_, '_>) -> Verdict {
        match self {
            ProxyStop::NoRoute { host, path } => {
                let mut because: Vec<FieldRef> = Vec::new();
                for kind in ["Ingress", "HTTPRoute", "GRPCRoute"] {
                    because.extend(run.world.store.list(kind).map(|o| o.key.field("spec.rules")));
                }
                (CauseOfFailure::NoRouteMatches { host: host.clone(), path: path.clone() }, because)
            }
            ProxyStop::NoService { route, service, because } => {
                let cause = CauseOfFailure::BackendMissing { route: route.clone(), service: service.clone() };
                (cause, vec![because.clone()])
            }
            ProxyStop::NoPort { route, service, port, because } => {
                let cause = CauseOfFailure::BackendPortMissing {
                    route: route.clone(),
                    service: service.clone(),
                    port: port.clone(),
                };
                (cause, vec![because.clone(), service.field("spec.ports")])
            }
            ProxyStop::NoEndpoints { route, service, port, because } => {
                let cause = CauseOfFailure::BackendWithoutEndpoints { route: route.clone(), service: service.clone() };
                let mut fields = super::diagnose::why_no_endpoints(run, service, *port);
                fields.push(because.clone());
                (cause, fields)
            }
            ProxyStop::Forbidden { route, source, because } => {
                let cause = CauseOfFailure::IngressKeepsOut { route: route.clone(), source: *source };
                (cause, vec![because.clone()])
            }
            ProxyStop::TooSlow { route, service, wait, because } => {
                let (route, service) = (route.clone(), service.clone());
                (CauseOfFailure::BackendTooSlow { route, service, wait: *wait }, vec![because.clone()])
            }
            ProxyStop::Backend(stop) => super::diagnose::diagnose_backend(run, stop),
        }
    }
}

/// How long a proxy takes over a request.
const PROXY: Duration = Duration::micros(350);
/// How long nginx waits for a backend to connect, and to answer.
const PATIENCE: Duration = Duration::secs(60);
/// A proxy that leads to a proxy that leads to a proxy: no further.
const LONGEST_CHAIN: u16 = 4;

impl Run<'_, '_> {
    pub(super) fn through_proxy(&mut self, spot: &Spot, packet: &Packet, socket: &Socket, line: &Line) -> Said {
        self.log.spend(PROXY);
        let host = line.host.split(':').next().unwrap_or(&line.host).to_string();
        let (path, query) = line.path.split_once('?').unwrap_or((&line.path, ""));
        let ask = Ask {
            host: &host,
            path,
            query,
            method: &line.method,
            headers: &line.headers,
            tls: line.scheme == Scheme::Https,
            grpc: line.scheme == Scheme::Grpc,
            port: packet.dst.port(),
            source: Some(packet.src.ip()),
        };
        let decision = controllers(self, socket).into_iter().find_map(|controller| {
            let store = self.world.store;
            gateway::decide(store, controller, &ask).or_else(|| ingress::decide(store, controller, &ask))
        });
        let pod = socket.pod.clone();
        let Some(decision) = decision else {
            let stop = Stop::Proxy(ProxyStop::NoRoute { host: host.into(), path: path.into() });
            return self.respond(spot, packet, pod, page(404, "Not Found"), Some(stop));
        };
        match &decision.act {
            Act::Redirect { status, location } => {
                self.log.step(|| routed_step(&decision, location.clone(), None));
                let reason = super::curl::reason(*status);
                let mut reply = page(*status, reason);
                reply.headers.push(("Location".into(), location.clone()));
                self.respond(spot, packet, pod, reply, None)
            }
            Act::Answer { status, headers } => {
                self.log.step(|| routed_step(&decision, format_smolstr!("{status}"), None));
                let reply = AppReply { status: *status, headers: headers.clone(), ..AppReply::default() };
                self.respond(spot, packet, pod, reply, None)
            }
            Act::Forbid { source, because } => {
                self.log.step(|| routed_step(&decision, "403".into(), None));
                let (route, source, because) = (decision.route.clone(), *source, because.clone());
                let stop = Stop::Proxy(ProxyStop::Forbidden { route, source, because });
                self.respond(spot, packet, pod, page(403, "Forbidden"), Some(stop))
            }
            Act::Forward { .. } => self.forward(spot, packet, socket, line, &decision),
        }
    }

    /// Passes a TLS connection on as it is, when the controller is to look for its server name. `None`: it ends here.
    pub(super) fn pass_tls_through(
        &mut self,
        spot: &Spot,
        packet: &Packet,
        socket: &Socket,
        line: &Line,
    ) -> Option<Said> {
        let pod = self.world.store.get(socket.pod.as_ref()?)?;
        let told = |container: &Value| {
            let words = container.items_at(&["args"]).iter().chain(container.items_at(&["command"]));
            words
                .filter_map(Value::as_str)
                .any(|w| matches!(w, "--enable-ssl-passthrough" | "--enable-ssl-passthrough=true"))
        };
        if !pod.value.items_at(&["spec", "containers"]).iter().any(told) {
            return None;
        }
        let store = self.world.store;
        let decision =
            controllers(self, socket).into_iter().find_map(|c| ingress::passthrough(store, c, &line.server_name))?;
        let Act::Forward { backends, .. } = &decision.act else { return None };
        let backend = backends.first()?;
        self.log.spend(PROXY);
        self.log.step(|| routed_step(&decision, format_smolstr!("{}:{}", backend.service.name, backend.port), None));
        let to = match self.endpoints(&decision.route, backend) {
            Ok(endpoints) => endpoints[0],
            // The controller closes a connection that it cannot pass on.
            Err(stop) => return Some(Said::Nothing(Stop::Proxy(stop))),
        };
        let outer = self.log.exchange;
        let depth = if let Exchange::Backend(n) = outer { n + 1 } else { 0 };
        if depth >= LONGEST_CHAIN {
            return Some(Said::Nothing(Stop::ReplyLost));
        }
        self.log.exchange = Exchange::Backend(depth);
        let said = self.ask_backend(spot, to, line);
        self.log.exchange = outer;
        self.log.direction = Direction::Request;
        self.stay(spot, Some(*packet));
        Some(match said {
            // What is inside the encryption stays as it is.
            Said::Answer { .. } if self.back(spot, packet, Segment::Data).is_none() => Said::Nothing(Stop::ReplyLost),
            Said::Nothing(stop @ (Stop::Distrusted { .. } | Stop::Scheme { .. })) => {
                self.back(spot, packet, Segment::Data);
                Said::Nothing(stop)
            }
            said => said,
        })
    }

    /// Chooses a backend and an endpoint of it, and asks there.
    fn forward(&mut self, spot: &Spot, packet: &Packet, socket: &Socket, line: &Line, decision: &Decision) -> Said {
        let pod = socket.pod.clone();
        let Act::Forward { backends, path, host, request, response, mirrors, cookie, tls, patience } = &decision.act
        else {
            return self.respond(spot, packet, pod, page(500, "Internal Server Error"), None);
        };
        let route = &decision.route;
        let Some(backend) = self.weighted(backends) else {
            let because = decision.because.first().cloned().unwrap_or_default();
            let stop = ProxyStop::NoService { route: route.clone(), service: SmolStr::default(), because };
            return self.respond(spot, packet, pod, page(500, "Internal Server Error"), Some(Stop::Proxy(stop)));
        };
        let shown = format_smolstr!("{}:{}", backend.service.name, backend.port);
        self.log.step(|| routed_step(decision, shown, path.clone()));
        let endpoints = match self.endpoints(route, &backend) {
            Ok(endpoints) => endpoints,
            Err(stop) => {
                // An Ingress whose Service is missing and one without endpoints look the same from outside; the Gateway API
                // asks for 500 where a reference is wrong.
                let wrong = !matches!(stop, ProxyStop::NoEndpoints { .. }) && route.kind != "Ingress";
                let reply = if wrong {
                    page(500, "Internal Server Error")
                } else {
                    page(503, "Service Temporarily Unavailable")
                };
                return self.respond(spot, packet, pod, reply, Some(Stop::Proxy(stop)));
            }
        };
        let (chosen, new_cookie) = self.choose(&endpoints, cookie.as_ref(), line, &backend);
        let mut headers = forwarded_headers(line, packet, request);
        change_headers(&mut headers, &backend.request);
        let query = line.path.split_once('?').map_or(String::new(), |(_, q)| format!("?{q}"));
        let onward = Line {
            scheme: match line.scheme {
                Scheme::Grpc => Scheme::Grpc,
                _ if *tls => Scheme::Https,
                _ => Scheme::Http,
            },
            host: host.clone().unwrap_or_else(|| line.host.clone()),
            server_name: SmolStr::default(),
            path: path.as_ref().map_or_else(|| line.path.clone(), |p| format_smolstr!("{p}{query}")),
            headers,
            insecure: true,
            ..line.clone()
        };
        let outer = self.log.exchange;
        let about = (self.log.about.clone(), std::mem::take(&mut self.log.translated));
        if self.log.on {
            self.log.about = vec![backend.because.clone()];
        }
        let depth = if let Exchange::Backend(n) = outer { n + 1 } else { 0 };
        if depth >= LONGEST_CHAIN {
            return self.respond(spot, packet, pod, page(502, "Bad Gateway"), None);
        }
        self.log.exchange = Exchange::Backend(depth);
        for mirror in mirrors.iter().chain(&backend.mirrors) {
            self.mirror(spot, packet, route, mirror, &onward);
        }
        let mut said = Said::Nothing(Stop::ReplyLost);
        let wait = patience.as_ref().map_or(PATIENCE, |p| p.wait);
        let (limit, outer_deadline) = (self.log.clock + wait, self.deadline);
        self.deadline = Some(outer_deadline.map_or(limit, |at| at.min(limit)));
        // A backend that does not take the connection is passed over for the next one, at most two times.
        for turn in 0..endpoints.len().min(3) {
            let to = endpoints[(chosen + turn) % endpoints.len()];
            said = self.ask_backend(spot, to, &onward);
            if !matches!(said, Said::Nothing(Stop::Refused { .. } | Stop::Way(_))) {
                break;
            }
        }
        self.deadline = outer_deadline;
        self.log.exchange = outer;
        (self.log.about, self.log.translated) = about;
        self.log.direction = Direction::Request;
        self.stay(spot, Some(*packet));
        match said {
            // Whoever asked the proxy is gone as well.
            Said::Nothing(stop @ (Stop::Late(_) | Stop::Hang(_))) if outer_deadline.is_some_and(|at| at <= limit) => {
                Said::Nothing(stop)
            }
            Said::Nothing(Stop::Late(_)) => {
                let because = patience.as_ref().map_or_else(|| backend.because.clone(), |p| p.because.clone());
                let (route, service) = (route.clone(), backend.service.clone());
                let stop = ProxyStop::TooSlow { route, service, wait, because };
                self.respond(spot, packet, pod, page(504, "Gateway Time-out"), Some(Stop::Proxy(stop)))
            }
            Said::Answer { response: answer, stop } => {
                let mut headers = answer.headers;
                change_headers(&mut headers, response);
                change_headers(&mut headers, &backend.response);
                if let Some(cookie) = new_cookie {
                    headers.push(("Set-Cookie".into(), cookie));
                }
                let reply = AppReply { status: answer.status, headers, body: answer.body, ..AppReply::default() };
                match self.respond(spot, packet, answer.pod, reply, stop) {
                    Said::Answer { response, stop } => {
                        // What the last server saw as its client is what the learner wants to know.
                        let response = super::outcome::Response { seen_source: answer.seen_source, ..response };
                        Said::Answer { response, stop }
                    }
                    nothing => nothing,
                }
            }
            Said::Nothing(stop) => {
                let timed_out = matches!(stop, Stop::Hang(_) | Stop::ReplyLost)
                    || matches!(&stop, Stop::Way(fate) if !matches!(fate, super::transit::Fate::Rejected { .. } | super::transit::Fate::HostUnreachable { .. }));
                let reply = if timed_out {
                    self.log.clock = limit;
                    page(504, "Gateway Time-out")
                } else {
                    page(502, "Bad Gateway")
                };
                self.respond(spot, packet, pod, reply, Some(Stop::Proxy(ProxyStop::Backend(Box::new(stop)))))
            }
        }
    }

    /// Sends a copy of a request to a mirror. It costs the client no time, and what comes back is thrown away.
    fn mirror(&mut self, spot: &Spot, packet: &Packet, route: &ObjectKey, mirror: &Mirror, line: &Line) {
        let (upper, lower) = mirror.share;
        if upper < lower && self.draw(f64::from(lower)).1 >= upper {
            return;
        }
        let Ok(endpoints) = self.endpoints(route, &mirror.to) else { return };
        let to = endpoints[self.below(endpoints.len() as u64) as usize];
        let clock = self.log.clock;
        self.log.direction = Direction::Request;
        self.stay(spot, Some(*packet));
        let service = mirror.to.service.clone();
        self.log.step(|| (StepKind::Mirrored { service, to }, vec![mirror.to.because.clone()]));
        let mut line = line.clone();
        change_headers(&mut line.headers, &mirror.to.request);
        self.ask_backend(spot, to, &line);
        self.log.clock = clock;
    }

    /// One backend by weight.
    fn weighted(&mut self, backends: &[Backend]) -> Option<Backend> {
        let weights: Vec<u64> = backends.iter().map(|b| u64::from(b.weight)).collect();
        let lot = self.world.random.below(weights.iter().sum());
        let place = by_weight(&weights, lot)?;
        self.log.note(|tape| tape.marks.push(Mark::Weighted { weights, chosen: place as u32 }));
        backends.get(place).cloned()
    }

    /// The endpoints of a backend: the addresses of ready pods, not the Service's own.
    fn endpoints(&mut self, route: &ObjectKey, backend: &Backend) -> Result<Vec<SocketAddr>, ProxyStop> {
        let key = &backend.service;
        let because = backend.because.clone();
        let service = self.world.store.get(key).and_then(|o| o.view().service()).filter(|_| !backend.refused);
        let Some(service) = service else {
            return Err(ProxyStop::NoService { route: route.clone(), service: key.name.clone(), because });
        };
        let place = service.ports.iter().position(|p| match &backend.port {
            BackendPort::Number(number) => p.port == *number,
            BackendPort::Name(name) => p.name == *name,
        });
        if service.type_ == ServiceType::ExternalName {
            let port = match (&backend.port, place) {
                (BackendPort::Number(number), _) => *number,
                (_, Some(i)) => service.ports[i].port,
                _ => 80,
            };
            let server = DnsServer {
                store: self.world.store,
                corefile: &self.world.network.corefile,
                outside: Outside::built_in(),
                own: &[],
            };
            let answer = server.answer(&Question::new(&service.external_name, RecordType::A));
            let found: Vec<SocketAddr> = answer.addresses().map(|ip| SocketAddr::new(ip, port)).collect();
            if found.is_empty() {
                return Err(ProxyStop::NoEndpoints { route: route.clone(), service: key.clone(), port: 0, because });
            }
            return Ok(found);
        }
        let Some(place) = place else {
            let port = format_smolstr!("{}", backend.port);
            return Err(ProxyStop::NoPort { route: route.clone(), service: key.clone(), port, because });
        };
        let port = &service.ports[place];
        if backend.by_service
            && let Some(ip) = service.cluster_ips.first()
        {
            return Ok(vec![SocketAddr::new(*ip, port.port)]);
        }
        let selector = [("kubernetes.io/service-name".into(), key.name.clone())];
        let mut found: Vec<SocketAddr> = Vec::new();
        for slice in self.world.store.select("EndpointSlice", &key.namespace, &selector) {
            let Some(slice) = slice.view().endpoint_slice() else { continue };
            let number =
                slice.ports.iter().find(|p| p.name == port.name && p.protocol == port.protocol).and_then(|p| p.port);
            let Some(number) = number else { continue };
            for endpoint in slice.endpoints.iter().filter(|e| e.ready) {
                found.extend(
                    endpoint.addresses.iter().filter_map(|a| a.parse().ok()).map(|ip| SocketAddr::new(ip, number)),
                );
            }
        }
        found.arrange();
        found.dedup();
        if found.is_empty() {
            return Err(ProxyStop::NoEndpoints { route: route.clone(), service: key.clone(), port: place, because });
        }
        Ok(found)
    }

    /// The endpoint for this request, and the cookie that is to keep it.
    fn choose(
        &mut self,
        endpoints: &[SocketAddr],
        cookie: Option<&SmolStr>,
        line: &Line,
        backend: &Backend,
    ) -> (usize, Option<SmolStr>) {
        let tag = |to: &SocketAddr| {
            reverse_name(to.ip())
                .bytes()
                .fold(u64::from(to.port()), |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
        };
        if let Some(name) = cookie {
            let sent = line.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("cookie"));
            let kept = sent
                .flat_map(|(_, v)| v.split(';'))
                .find_map(|pair| pair.trim().strip_prefix(name.as_str())?.strip_prefix('='));
            let place = kept.and_then(|value| endpoints.iter().position(|to| format!("{:016x}", tag(to)) == value));
            if let Some(place) = place {
                let to = endpoints[place];
                self.log.step(|| (StepKind::AffinityMatched { to, seconds_left: 0 }, vec![backend.because.clone()]));
                return (place, None);
            }
        }
        let (draw, chosen) = self.draw(endpoints.len() as f64);
        let chosen = (chosen as usize).min(endpoints.len() - 1);
        self.log.step(|| {
            let share = 1.0 / endpoints.len() as f64;
            let candidate = |to: &SocketAddr| Candidate {
                address: *to,
                pod: self.world.runtime.pod_at(to.ip()).cloned(),
                probability: share,
            };
            let kind = StepKind::Balanced {
                by: "round robin".into(),
                candidates: endpoints.iter().map(candidate).collect(),
                chosen,
                draws: vec![draw],
            };
            (kind, vec![backend.because.clone(), backend.service.field("spec.selector")])
        });
        let cookie = cookie.map(|name| format_smolstr!("{name}={:016x}; Path=/; HttpOnly", tag(&endpoints[chosen])));
        (chosen, cookie)
    }

    /// A connection of the proxy's own to an endpoint.
    fn ask_backend(&mut self, from: &Spot, to: SocketAddr, line: &Line) -> Said {
        let Some(src) = self.source(from, to.ip()) else { return Said::Nothing(Stop::ReplyLost) };
        let packet = Packet::tcp_syn(src, to);
        self.log.direction = Direction::Request;
        self.enter(from, Some(packet));
        self.log.step(|| (StepKind::Connect { packet }, Vec::new()));
        let outer = self.dialled;
        let said = match self.open(from, packet) {
            Opened::At { spot, packet, socket } => self.converse(&spot, &packet, &socket, line),
            Opened::Refused { spot, packet } => {
                self.back(&spot, &packet, Segment::Rst);
                Said::Nothing(Stop::Refused { spot, packet })
            }
            Opened::Ended(fate) => Said::Nothing(Stop::Way(fate)),
        };
        self.dialled = outer;
        said
    }

    /// The certificate that a server shows, the fields behind it, and the Secret that it should have had.
    pub(super) fn certificate(
        &self,
        packet: &Packet,
        socket: &Socket,
        server_name: &str,
    ) -> (Certificate, Vec<FieldRef>, Option<(ObjectKey, SmolStr)>) {
        match &socket.server {
            Server::Program(Listener { app: App::Ingress, .. }) => {
                let mut shown = (Certificate::of_controller(), Vec::new(), None);
                for controller in controllers(self, socket) {
                    let store = self.world.store;
                    let found = if gateway::is_open(store, controller, packet.dst.port()) {
                        gateway::certificate(store, controller, server_name, packet.dst.port())
                    } else {
                        ingress::certificate(store, controller, server_name)
                    };
                    if found.0.secret.is_some() {
                        return found;
                    }
                    if shown.2.is_none() {
                        shown = found;
                    }
                }
                shown
            }
            Server::ControlPlane | Server::Kubelet => {
                let names = [
                    "kubernetes",
                    "kubernetes.default",
                    "kubernetes.default.svc",
                    "kubernetes.default.svc.cluster.local",
                ];
                let names = names.into_iter().map(SmolStr::from).collect();
                (Certificate { names, issuer: Issuer::Cluster, secret: None }, Vec::new(), None)
            }
            Server::Web(names) if !names.is_empty() => (Certificate::trusted(names.clone()), Vec::new(), None),
            // The demo servers of pods have certificates of an authority that the images here trust, for any name.
            _ => (Certificate::trusted(vec!["*".into()]), Vec::new(), None),
        }
    }
}

/// The place in a list of weights that a lot below their sum falls on. `None`: all are 0.
pub(super) fn by_weight(weights: &[u64], mut lot: u64) -> Option<usize> {
    weights.iter().position(|weight| match lot.checked_sub(*weight) {
        Some(left) => {
            lot = left;
            false
        }
        None => true,
    })
}

/// The step of a rule that took the request.
fn routed_step(decision: &Decision, backend: SmolStr, rewritten: Option<SmolStr>) -> (StepKind, Vec<FieldRef>) {
    let kind = StepKind::HttpRouted { route: decision.route.clone(), rule: decision.rule.clone(), backend, rewritten };
    (kind, decision.because.clone())
}

/// The names under which the program of a pod serves Ingresses and Gateways.
fn controllers(run: &Run<'_, '_>, socket: &Socket) -> Vec<&'static str> {
    let Some(sandbox) = socket.pod.as_ref().and_then(|pod| run.world.runtime.get(pod)) else { return Vec::new() };
    let images = sandbox.containers.iter().map(|c| base_name(&c.image));
    let names = |image: &str| -> &'static [&'static str] {
        match image.rsplit('/').next().unwrap_or(image) {
            "traefik" => &["traefik.io/ingress-controller", "traefik.io/gateway-controller"],
            "nginx-gateway-fabric" | "nginx" => &["gateway.nginx.org/nginx-gateway-controller"],
            _ => &["k8s.io/ingress-nginx"],
        }
    };
    images.flat_map(|image| names(image).iter().copied()).collect()
}

/// The headers that the backend gets.
fn forwarded_headers(line: &Line, packet: &Packet, changes: &[HeaderChange]) -> Vec<(SmolStr, SmolStr)> {
    let client = format_smolstr!("{}", packet.src.ip());
    let scheme = line.scheme.name();
    let mut headers = line.headers.clone();
    // What a client says about itself is not believed.
    headers
        .retain(|(n, _)| !n.to_ascii_lowercase().starts_with("x-forwarded-") && !n.eq_ignore_ascii_case("x-real-ip"));
    for (name, value) in [
        ("X-Real-IP", client.as_str()),
        ("X-Forwarded-For", client.as_str()),
        ("X-Forwarded-Host", line.host.as_str()),
        ("X-Forwarded-Port", if scheme == "https" { "443" } else { "80" }),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Scheme", scheme),
    ] {
        headers.push((name.into(), value.into()));
    }
    change_headers(&mut headers, changes);
    headers
}

/// nginx' own page for a status.
fn page(status: u16, reason: &str) -> AppReply {
    let body = format_smolstr!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} \
         {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    let headers =
        vec![("Content-Type".into(), "text/html".into()), ("Content-Length".into(), format_smolstr!("{}", body.len()))];
    AppReply { status, headers, body, ..AppReply::default() }
}
