//! An HTTP proxy on the way: what an ingress controller or a gateway does with a request. It ends the client's connection,
//! looks at host and path, and opens a connection of its own straight to a pod, past Service address and kube-proxy rules.

mod backend;
mod certificate;
mod stop;

pub(super) use backend::by_weight;
pub(super) use stop::ProxyStop;

use super::converse::{Line, Said, Stop};
use super::request::Scheme;
use super::run::{Run, Spot};
use super::serve::Socket;
use super::step::{Direction, Exchange, StepKind};
use crate::api::object::FieldRef;
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::network::http::{Act, Ask, Decision, HeaderChange, change_headers};
use crate::network::packet::{Packet, Segment};
use crate::network::{gateway, ingress};
use crate::runtime::AppReply;
use crate::runtime::image::base_name;
use smol_str::{SmolStr, format_smolstr};

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
                let reason = crate::runtime::serve::reason(*status);
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
