//! The interpreter: from the client's first thought to the last byte of the answer.

use super::Trace;
use super::converse::{Line, Said, Stop};
use super::diagnose::{Dialled, diagnose, diagnose_lookup, no_family};
use super::outcome::{CauseOfFailure, Failure, Outcome, Response, Symptom};
use super::request::{Client, Request, Scheme};
use super::resolve::Resolved;
use super::run::{Opened, Run, Spot, World};
use super::step::{Direction, Exchange, StepKind};
use super::tape::Tape;
use super::transit::{Fate, wire};
use crate::api::object::ObjectKey;
use crate::api::time::Duration;
use crate::api::view::Protocol;
use crate::network::client::{KEEP_ALIVE, OpenConnection};
use crate::network::packet::{Packet, Segment};
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

/// How long the kernel tries to connect: six retries of a SYN.
const SYN_PATIENCE: Duration = Duration::secs(131);
/// How long a client without `--max-time` waits here for an answer that never comes.
const ANSWER_PATIENCE: Duration = Duration::secs(60);
/// How long one waits for the answer to a datagram, as dig and most resolvers do; a bare `nc -u` would wait for ever.
const DATAGRAM_PATIENCE: Duration = Duration::secs(5);

/// Sends a request and tells everything that happens.
pub fn send(world: &mut World<'_>, request: &Request) -> Trace {
    let started = world.now;
    let (outcome, clock, run) = interpret(world, request, true, None);
    Trace { request: request.clone(), started, ended: started + clock, hops: run, outcome }
}

/// The same without the telling: only how it ends, and when. What the network remembers afterwards is the same.
pub fn send_quietly(world: &mut World<'_>, request: &Request) -> (Outcome, Duration) {
    let (outcome, clock, _) = interpret(world, request, false, None);
    (outcome, clock)
}

/// The same as [`send_quietly`], with a tape of what the next request may meet differently; of the hops, if wanted, only where they are.
pub(super) fn send_taped(world: &mut World<'_>, request: &Request, places: bool) -> (Trace, Tape) {
    let started = world.now;
    let mut run = Run::new(world, &request.from, false);
    run.log.places = places;
    run.log.tape = Some(Box::default());
    let outcome = run.perform(request);
    let ended = started + run.log.clock;
    let tape = run.log.tape.take().map(|tape| *tape).unwrap_or_default();
    (Trace { request: request.clone(), started, ended, hops: run.log.finish(), outcome }, tape)
}

/// `through`: the node that a load balancer is to choose, whatever it would have chosen.
pub(super) fn interpret(
    world: &mut World<'_>,
    request: &Request,
    record: bool,
    through: Option<SmolStr>,
) -> (Outcome, Duration, Vec<super::Hop>) {
    let mut run = Run::new(world, &request.from, record);
    run.through = through;
    let outcome = run.perform(request);
    let clock = run.log.clock;
    (outcome, clock, run.log.finish())
}

impl Run<'_, '_> {
    fn perform(&mut self, request: &Request) -> Outcome {
        if let Some(failure) = self.client_cannot_run(&request.from) {
            return Outcome::Failed(failure);
        }
        self.deadline = request.max_time_secs.map(|s| Duration::secs(s.into()));
        let url = &request.to;
        self.enter(&self.home.clone(), None);
        let line = Line::of(request);
        let keeps = request.keep_alive || url.scheme == Scheme::Grpc;
        let key = format_smolstr!("{}://{}:{}", url.scheme.name(), url.host, url.port);
        if keeps {
            self.log.spoil();
        }
        if keeps && let Some(outcome) = self.reuse(request, &line, &key) {
            return outcome;
        }
        let addresses = match (request.resolve, url.host.parse::<IpAddr>()) {
            (Some(address), _) => vec![address],
            (None, Ok(address)) => vec![address],
            (None, Err(_)) => match self.resolve(&url.host) {
                Resolved::Addresses(addresses) => addresses,
                Resolved::Failed { lookup, asked, trouble } => {
                    return Outcome::Failed(diagnose_lookup(self, request, lookup, &asked, trouble));
                }
            },
        };
        self.log.exchange = Exchange::Connection;
        let mut last = None;
        for address in addresses {
            match self.attempt(request, &line, address, keeps.then_some(&key)) {
                Ok(outcome) => return outcome,
                // curl tries the next address of the name only when it could not connect.
                Err(failure) => last = Some(failure),
            }
        }
        match last {
            Some(failure) => Outcome::Failed(failure),
            None => Outcome::Failed(Failure {
                symptom: Symptom::CouldNotResolve { host: url.host.clone() },
                cause: CauseOfFailure::NoSuchName { name: url.host.clone() },
                because: Vec::new(),
            }),
        }
    }

    /// A pod that does not run sends nothing.
    fn client_cannot_run(&self, client: &Client) -> Option<Failure> {
        let (key, runs, name) = match client {
            Client::Pod { namespace, name, container } => {
                let key = ObjectKey::new("Pod", namespace.clone(), name.clone());
                let sandbox = self.world.runtime.get(&key);
                let runs = sandbox.is_some_and(|s| {
                    self.world.runtime.is_up(&s.node) && s.container(container).is_some_and(|c| c.is_running())
                });
                (key, runs, name.clone())
            }
            Client::Node { name } => {
                let known = self.world.network.routes.node(name).is_some();
                let runs = known && self.world.runtime.is_up(name);
                (ObjectKey::new("Node", "", name.clone()), runs, name.clone())
            }
            Client::Learner | Client::Outside { .. } => return None,
        };
        let path = if key.kind == "Pod" { "status.phase" } else { "status.conditions" };
        (!runs).then(|| Failure {
            symptom: Symptom::ClientCannotRun { client: name.clone() },
            cause: CauseOfFailure::ClientNotRunning { client: name },
            because: vec![key.field(path)],
        })
    }

    /// Opens a connection to one address and asks. `Err`: it could not be opened.
    fn attempt(
        &mut self,
        request: &Request,
        line: &Line,
        address: IpAddr,
        keep: Option<&SmolStr>,
    ) -> Result<Outcome, Failure> {
        let url = &request.to;
        let home = self.home.clone();
        let to = SocketAddr::new(address, if url.scheme == Scheme::Ping { 0 } else { url.port });
        let dialled = Dialled { to, host: url.host.clone(), from: home.clone(), scheme: url.scheme };
        let Some(src) = self.source(&home, address) else {
            let symptom = Symptom::NoRoute { host: url.host.clone(), port: url.port };
            let (cause, because) = no_family(self, &dialled);
            return Err(Failure { symptom, cause, because });
        };
        let (protocol, segment) = match url.scheme {
            Scheme::Udp => (Protocol::Udp, Segment::Datagram),
            Scheme::Ping => (Protocol::Tcp, Segment::EchoRequest),
            _ => (Protocol::Tcp, Segment::Syn),
        };
        let src = if url.scheme == Scheme::Ping { SocketAddr::new(src.ip(), 0) } else { src };
        let packet = Packet { src, dst: to, protocol, segment, mark: 0, ttl: 64 };
        self.about(&dialled);
        self.log.direction = Direction::Request;
        self.enter(&home, Some(packet));
        self.log.step(|| (StepKind::Connect { packet }, Vec::new()));
        if url.scheme == Scheme::Ping {
            return self.ping(request, &dialled, packet);
        }
        let flows = self.flows.len();
        let said = match self.open(&home, packet) {
            Opened::At { spot, packet: arrived, socket } => {
                let said = self.converse(&spot, &arrived, &socket, line);
                if let Some(key) = keep.filter(|_| matches!(said, Said::Answer { .. })) {
                    let idle_until = self.now() + KEEP_ALIVE;
                    let open = OpenConnection { local: src, dialled: to, idle_until };
                    let client = self.client_name();
                    self.world.network.keep_open(&client, key, open);
                    self.flows.truncate(flows);
                }
                said
            }
            Opened::Refused { spot, packet: arrived } => {
                let segment = if protocol == Protocol::Tcp { Segment::Rst } else { Segment::PortUnreachable };
                self.back(&spot, &arrived, segment);
                Said::Nothing(Stop::Refused { spot, packet: arrived })
            }
            Opened::Ended(fate) => {
                self.give_up(request, &fate, &packet);
                Said::Nothing(Stop::Way(fate))
            }
        };
        self.close_flows();
        let connected = !matches!(said, Said::Nothing(Stop::Refused { .. } | Stop::Way(_)));
        let outcome = self.conclude(request, &dialled, said);
        match outcome {
            Outcome::Failed(failure) if !connected => Err(failure),
            outcome => Ok(outcome),
        }
    }

    /// What the client sees and feels when its packet ends on the way.
    fn give_up(&mut self, request: &Request, fate: &Fate, packet: &Packet) {
        let home = self.home.clone();
        match fate {
            Fate::Rejected { .. } => {
                let with = match self.last_reject.take() {
                    Some(with) => with,
                    None => packet.reply(Segment::PortUnreachable),
                };
                self.told_by_icmp(&home, with);
            }
            Fate::HostUnreachable { node, .. } => {
                let mut with = packet.reply(Segment::HostUnreachable);
                let own = self.world.network.routes.node(node).and_then(|n| n.address(with.dst.is_ipv4()));
                with.src.set_ip(own.unwrap_or(with.src.ip()));
                self.told_by_icmp(&home, with);
            }
            Fate::Dropped { .. } | Fate::Lost(_) => {
                let udp = request.to.scheme == Scheme::Udp;
                let after = if udp { answer_patience(request) } else { connect_patience(request) };
                self.time_out(&home, after, Vec::new());
            }
            Fate::Arrived { .. } => {}
        }
    }

    /// Uses a connection that is still open. `None`: there is none, or it turned out dead and a new one is wanted.
    fn reuse(&mut self, request: &Request, line: &Line, key: &SmolStr) -> Option<Outcome> {
        let client = self.client_name();
        let open = self.world.network.open_connection(&client, key)?.clone();
        if open.idle_until < self.now() {
            self.world.network.close(&client, key);
            return None;
        }
        let home = self.home.clone();
        let packet = Packet {
            src: open.local,
            dst: open.dialled,
            protocol: Protocol::Tcp,
            segment: Segment::Data,
            mark: 0,
            ttl: 64,
        };
        self.log.exchange = Exchange::Connection;
        let dialled =
            Dialled { to: open.dialled, host: request.to.host.clone(), from: home.clone(), scheme: request.to.scheme };
        self.about(&dialled);
        self.enter(&home, Some(packet));
        self.log.step(|| (StepKind::ConnectionReused { packet }, Vec::new()));
        match self.open(&home, packet) {
            Opened::At { spot, packet: arrived, socket } => {
                let said = self.converse(&spot, &arrived, &socket, line);
                let idle_until = self.now() + KEEP_ALIVE;
                self.world.network.keep_open(&client, key, OpenConnection { idle_until, ..open });
                self.flows.clear();
                Some(self.conclude(request, &dialled, said))
            }
            ended => {
                // The other end is gone. The client notices and begins anew.
                if let Opened::Refused { spot, packet: arrived } = ended {
                    self.back(&spot, &arrived, Segment::Rst);
                }
                self.world.network.close(&client, key);
                self.close_flows();
                self.log.direction = Direction::Request;
                None
            }
        }
    }

    fn ping(&mut self, request: &Request, dialled: &Dialled, packet: Packet) -> Result<Outcome, Failure> {
        let home = self.home.clone();
        self.dialled = Some(packet.dst);
        match self.transit(&home, packet) {
            Fate::Arrived { spot, packet: arrived } => {
                self.stay(&spot, Some(arrived));
                let pod = if let Spot::Pod(pod) = &spot { Some(pod.clone()) } else { None };
                self.log.step(|| (StepKind::Answered { text: "echo reply".into() }, Vec::new()));
                let response = Response { pod, seen_source: Some(arrived.src), ..Response::default() };
                match self.back(&spot, &arrived, Segment::EchoReply) {
                    Some(_) => Ok(Outcome::Answered { response, cause: None }),
                    None => Ok(self.conclude(request, dialled, Said::Nothing(Stop::ReplyLost))),
                }
            }
            fate => {
                match &fate {
                    Fate::Rejected { .. } | Fate::HostUnreachable { .. } => self.give_up(request, &fate, &packet),
                    _ => self.time_out(&home, Duration::secs(10), Vec::new()),
                }
                Ok(self.conclude(request, dialled, Said::Nothing(Stop::Way(fate))))
            }
        }
    }

    fn conclude(&mut self, request: &Request, dialled: &Dialled, said: Said) -> Outcome {
        match said {
            Said::Answer { response, stop } => {
                let cause = stop.map(|stop| {
                    let (cause, because) = diagnose(self, dialled, &stop);
                    Failure { symptom: Symptom::HttpError { status: response.status }, cause, because }
                });
                Outcome::Answered { response, cause }
            }
            Said::Nothing(stop) => {
                let symptom = self.symptom(request, dialled, &stop);
                let (cause, because) = diagnose(self, dialled, &stop);
                Outcome::Failed(Failure { symptom, cause, because })
            }
        }
    }

    fn symptom(&mut self, request: &Request, dialled: &Dialled, stop: &Stop) -> Symptom {
        let (host, port) = (request.to.host.clone(), dialled.to.port());
        if dialled.scheme == Scheme::Ping {
            return Symptom::NoEcho;
        }
        match stop {
            Stop::Refused { .. } | Stop::Way(Fate::Rejected { .. }) => Symptom::ConnectionRefused { host, port },
            Stop::Way(Fate::HostUnreachable { .. }) => Symptom::NoRoute { host, port },
            Stop::Way(_) if dialled.scheme == Scheme::Udp => Symptom::NoDatagram { after: answer_patience(request) },
            Stop::Way(_) => Symptom::ConnectTimedOut { host, port, after: connect_patience(request) },
            // Not even the answer to the SYN came through.
            Stop::ReplyLost if dialled.scheme != Scheme::Udp && self.log.exchange == Exchange::Connection => {
                let after = connect_patience(request);
                let home = self.home.clone();
                self.time_out(&home, after, Vec::new());
                Symptom::ConnectTimedOut { host, port, after }
            }
            Stop::Late(_) | Stop::Hang(_) | Stop::ReplyLost => {
                let after = answer_patience(request);
                if matches!(stop, Stop::Late(_)) {
                    // It has waited already.
                    self.log.clock = Duration(self.log.clock.0.saturating_sub(after.0));
                }
                let home = self.home.clone();
                self.time_out(&home, after, Vec::new());
                if dialled.scheme == Scheme::Udp { Symptom::NoDatagram { after } } else { Symptom::NoAnswer { after } }
            }
            Stop::Closed(_) | Stop::ForwardRefused(_) | Stop::Application { .. } | Stop::Proxy(_) => {
                Symptom::EmptyReply
            }
            Stop::Scheme { .. } => {
                Symptom::Tls { problem: "TLS connect error: error:0A00010B:SSL routines::wrong version number".into() }
            }
            Stop::NotHttp { .. } if dialled.scheme == Scheme::Https => {
                Symptom::Tls { problem: "TLS connect error: error:0A00010B:SSL routines::wrong version number".into() }
            }
            Stop::NotHttp { .. } => Symptom::NotHttp,
            Stop::Distrusted { distrust, .. } => Symptom::Tls { problem: distrust.words(&host) },
        }
    }
}

/// How long a client waits for an answer.
fn answer_patience(request: &Request) -> Duration {
    let usual = if request.to.scheme == Scheme::Udp { DATAGRAM_PATIENCE } else { ANSWER_PATIENCE };
    request.max_time_secs.map_or(usual, |s| Duration::secs(s.into()))
}

/// How long a client waits for a connection.
fn connect_patience(request: &Request) -> Duration {
    let asked = [request.connect_timeout_secs, request.max_time_secs].into_iter().flatten().min();
    asked.map_or(SYN_PATIENCE, |s| Duration::secs(s.into())) + wire::VETH
}
