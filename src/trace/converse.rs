//! What client and server say to each other once a connection stands: TLS, one request, one answer.

use super::outcome::Response;
use super::request::{Request, Scheme};
use super::run::{Opened, Run, Spot};
use super::serve::{Server, Socket};
use super::step::{Exchange, StepKind};
use super::transit::Fate;
use crate::api::object::ObjectKey;
use crate::api::time::Duration;
use crate::network::client::PortForward;
use crate::network::packet::{Packet, Segment};
use crate::network::tls::{self, Certificate, Distrust};
use crate::runtime::image::{App, Wire};
use crate::runtime::{AppReply, AppRequest, Ending};
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

/// Why a request got no answer, or not the one that was hoped for: facts for the diagnosis.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Stop {
    /// Nobody listens on the port of the machine that was reached.
    Refused { spot: Spot, packet: Packet },
    /// The packet ended on its way.
    Way(Fate),
    /// The answer got lost on its way back.
    ReplyLost,
    /// The program takes the connection and says nothing.
    Hang(Option<ObjectKey>),
    /// The program closes the connection without a word.
    Closed(Option<ObjectKey>),
    /// The server speaks TLS and the client does not, or the other way round.
    Scheme { pod: Option<ObjectKey>, port: u16, expects_tls: bool },
    /// What listens does not speak the client's protocol at all.
    NotHttp { pod: Option<ObjectKey>, port: u16 },
    /// The client does not trust the certificate.
    Distrusted {
        certificate: Certificate,
        distrust: Distrust,
        /// The Ingress or Gateway and its Secret that should have given another one.
        missing: Option<(ObjectKey, SmolStr)>,
    },
    /// The answer was ready when nobody waited for it any more.
    Late(Option<ObjectKey>),
    /// An HTTP error that a program of its own made.
    Application { pod: Option<ObjectKey>, status: u16 },
    /// An HTTP error that a proxy made for lack of a backend.
    Proxy(super::proxy::ProxyStop),
    /// A port-forward reaches its pod, and nobody listens there.
    ForwardRefused(PortForward),
}

/// How a conversation ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Answer { response: Response, stop: Option<Stop> },
    Nothing(Stop),
}

/// A request as it goes over the wire.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub scheme: Scheme,
    pub method: SmolStr,
    /// The `Host` header.
    pub host: SmolStr,
    /// The name in TLS' server name indication; empty for an address.
    pub server_name: SmolStr,
    pub path: SmolStr,
    pub headers: Vec<(SmolStr, SmolStr)>,
    /// Do not check certificates.
    pub insecure: bool,
}

impl Line {
    pub fn of(request: &Request) -> Line {
        let url = &request.to;
        let named = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let host = match named {
            Some((_, value)) => value.clone(),
            None if url.port == url.scheme.default_port() => url.host.clone(),
            None => format_smolstr!("{}:{}", url.host, url.port),
        };
        let literal = url.host.parse::<IpAddr>().is_ok();
        let grpc = url.scheme == Scheme::Grpc;
        let own: &[(&str, &str)] = if grpc {
            &[("User-Agent", "grpc-go/1.76.0"), ("Content-Type", "application/grpc"), ("TE", "trailers")]
        } else {
            &[("User-Agent", "curl/8.17.0"), ("Accept", "*/*")]
        };
        let mut headers: Vec<(SmolStr, SmolStr)> = own.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            headers.retain(|(old, _)| !old.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        Line {
            scheme: url.scheme,
            // Every call of gRPC is a POST; without a method of a service it asks for the server's health.
            method: if grpc { "POST".into() } else { request.method.clone() },
            host,
            server_name: if literal { SmolStr::default() } else { url.host.clone() },
            path: if grpc && url.path == "/" { "/grpc.health.v1.Health/Check".into() } else { url.path.clone() },
            headers,
            insecure: request.insecure,
        }
    }
}

/// Round trips of a TLS 1.3 handshake, with the server's signature.
const HANDSHAKE: Duration = Duration::millis(2);
/// A connection's own handshake, and a request on top of it.
const ROUND_TRIP: Duration = Duration::micros(240);

impl Run<'_, '_> {
    /// Talks to the server that `packet` has reached at `spot`.
    pub(super) fn converse(&mut self, spot: &Spot, packet: &Packet, socket: &Socket, line: &Line) -> Said {
        self.log.spend(ROUND_TRIP);
        let pod = socket.pod.clone();
        if let Server::Forward(forward) = &socket.server {
            let forward = forward.clone();
            return self.through_forward(&forward, line);
        }
        match line.scheme {
            Scheme::Tcp => return self.banner(spot, packet, socket),
            Scheme::Udp | Scheme::Ping => return self.datagram(spot, packet, socket),
            Scheme::Http | Scheme::Https | Scheme::Grpc => {}
        }
        // This project's demo server tells TLS from plain HTTP by the first byte, and speaks both.
        let either = matches!(&socket.server, Server::Program(l) if l.app == App::Echo) && socket.wire == Wire::Https;
        let fits = match (line.scheme, socket.wire) {
            (Scheme::Http, Wire::Http) | (Scheme::Https, Wire::Https) | (Scheme::Grpc, Wire::Grpc) => true,
            (Scheme::Http, Wire::Https) => either,
            // A gateway takes HTTP/2 at the same port.
            (Scheme::Grpc, Wire::Http) => matches!(&socket.server, Server::Program(l) if l.app == App::Ingress),
            _ => false,
        };
        if !fits {
            return self.misunderstood(spot, packet, socket, line);
        }
        if line.scheme == Scheme::Https
            && matches!(&socket.server, Server::Program(l) if l.app == App::Ingress)
            && let Some(said) = self.pass_tls_through(spot, packet, socket, line)
        {
            return said;
        }
        if line.scheme == Scheme::Https
            && let Err(stop) = self.handshake(packet, socket, line)
        {
            self.back(spot, packet, Segment::Data);
            return Said::Nothing(*stop);
        }
        self.log.step(|| {
            let kind = StepKind::HttpRequest {
                method: line.method.clone(),
                host: line.host.clone(),
                path: line.path.clone(),
                headers: line.headers.clone(),
            };
            (kind, Vec::new())
        });
        if matches!(&socket.server, Server::Program(l) if l.app == App::Ingress) {
            return self.through_proxy(spot, packet, socket, line);
        }
        let request = AppRequest {
            method: &line.method,
            host: &line.host,
            path: &line.path,
            headers: &line.headers,
            peer: packet.src,
            local: packet.dst,
        };
        let reply = self.answer(socket, &request);
        self.log.spend(reply.latency);
        match reply.ending {
            Ending::Hang => return Said::Nothing(Stop::Hang(pod)),
            Ending::Close => {
                self.back(spot, packet, Segment::Fin);
                return Said::Nothing(Stop::Closed(pod));
            }
            Ending::Complete => {}
        }
        if let Some(deadline) = self.deadline.filter(|deadline| self.log.clock > *deadline) {
            self.log.clock = deadline;
            return Said::Nothing(Stop::Late(pod));
        }
        let stop = (reply.status >= 400).then(|| Stop::Application { pod: pod.clone(), status: reply.status });
        self.respond(spot, packet, pod, reply, stop)
    }

    /// Sends an HTTP answer back to the client.
    pub(super) fn respond(
        &mut self,
        spot: &Spot,
        packet: &Packet,
        pod: Option<ObjectKey>,
        reply: AppReply,
        stop: Option<Stop>,
    ) -> Said {
        self.log.step(|| {
            let kind = StepKind::HttpResponse {
                status: reply.status,
                body: reply.body.clone(),
                headers: reply.headers.clone(),
            };
            (kind, pod.iter().map(|p| p.field("spec.containers")).collect())
        });
        let seen_source = Some(packet.src);
        if self.back(spot, packet, Segment::Data).is_none() {
            return Said::Nothing(Stop::ReplyLost);
        }
        let response = Response { status: reply.status, headers: reply.headers, body: reply.body, pod, seen_source };
        Said::Answer { response, stop }
    }

    /// TLS: the server shows a certificate, the client looks whether it trusts it.
    fn handshake(&mut self, packet: &Packet, socket: &Socket, line: &Line) -> Result<(), Box<Stop>> {
        self.log.spend(HANDSHAKE);
        let host = if line.server_name.is_empty() { line.host.as_str() } else { line.server_name.as_str() };
        let (certificate, because, missing) = self.certificate(packet, socket, &line.server_name);
        let distrust = tls::check(&certificate, host).filter(|_| !line.insecure);
        self.log.step(|| {
            let kind = StepKind::Tls {
                server_name: line.server_name.clone(),
                certificate: certificate.summary(),
                problem: distrust.map(|d| d.words(host)),
            };
            (kind, because)
        });
        match distrust {
            Some(distrust) => Err(Box::new(Stop::Distrusted { certificate, distrust, missing })),
            None => Ok(()),
        }
    }

    /// Client and server speak different protocols.
    fn misunderstood(&mut self, spot: &Spot, packet: &Packet, socket: &Socket, line: &Line) -> Said {
        let (pod, port) = (socket.pod.clone(), packet.dst.port());
        match (line.scheme, socket.wire) {
            (Scheme::Http, Wire::Https) => {
                let body: SmolStr = "Client sent an HTTP request to an HTTPS server.\n".into();
                let reply = AppReply { status: 400, body, ..AppReply::default() };
                let stop = Stop::Scheme { pod: pod.clone(), port, expects_tls: true };
                self.respond(spot, packet, pod, reply, Some(stop))
            }
            (Scheme::Https, Wire::Http) => {
                self.back(spot, packet, Segment::Data);
                Said::Nothing(Stop::Scheme { pod, port, expects_tls: false })
            }
            _ => {
                self.back(spot, packet, Segment::Fin);
                Said::Nothing(Stop::NotHttp { pod, port })
            }
        }
    }

    /// A bare TCP connection: whatever the server says first.
    fn banner(&mut self, spot: &Spot, packet: &Packet, socket: &Socket) -> Said {
        let text: SmolStr = match (&socket.server, socket.wire) {
            (Server::Program(l), Wire::Tcp) => match l.app {
                App::Tcp(banner) => banner.into(),
                _ => SmolStr::default(),
            },
            _ => SmolStr::default(),
        };
        self.log.step(|| (StepKind::Answered { text: text.clone() }, Vec::new()));
        self.say(spot, packet, socket, text, Segment::SynAck)
    }

    fn datagram(&mut self, spot: &Spot, packet: &Packet, socket: &Socket) -> Said {
        let request = AppRequest { method: "", host: "", path: "/", headers: &[], peer: packet.src, local: packet.dst };
        let reply = self.answer(socket, &request);
        self.log.spend(reply.latency);
        if reply.ending != Ending::Complete {
            return Said::Nothing(Stop::Hang(socket.pod.clone()));
        }
        self.log.step(|| (StepKind::Answered { text: reply.body.clone() }, Vec::new()));
        self.say(spot, packet, socket, reply.body, Segment::Datagram)
    }

    fn say(&mut self, spot: &Spot, packet: &Packet, socket: &Socket, body: SmolStr, segment: Segment) -> Said {
        if self.back(spot, packet, segment).is_none() {
            return Said::Nothing(Stop::ReplyLost);
        }
        let response = Response { body, pod: socket.pod.clone(), seen_source: Some(packet.src), ..Response::default() };
        Said::Answer { response, stop: None }
    }

    /// Through `kubectl port-forward`: past Service, rules and pod network, into the pod's own loopback.
    fn through_forward(&mut self, forward: &PortForward, line: &Line) -> Said {
        let to = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), forward.pod_port);
        let node = self.world.runtime.get(&forward.pod).map(|s| s.node.clone()).unwrap_or_default();
        self.log.step(|| {
            let kind = StepKind::Tunnelled {
                by: "kubectl port-forward".into(),
                through: vec!["kube-apiserver".into(), format_smolstr!("kubelet {node}")],
                to,
            };
            (kind, vec![forward.named.field("")])
        });
        self.log.spend(Duration::millis(4));
        let spot = Spot::Pod(forward.pod.clone());
        let packet = Packet::tcp_syn(SocketAddr::new(to.ip(), 45_678), to);
        let exchange = std::mem::replace(&mut self.log.exchange, Exchange::Backend(0));
        self.enter(&spot, Some(packet));
        let outer = self.dialled;
        let said = match self.open(&spot, packet) {
            Opened::At { spot, packet, socket } => self.converse(&spot, &packet, &socket, line),
            Opened::Refused { .. } | Opened::Ended(_) => Said::Nothing(Stop::ForwardRefused(forward.clone())),
        };
        self.log.exchange = exchange;
        self.dialled = outer;
        said
    }
}
