//! The end of a way: what all requests that take it have in common, and the single request that took it.

use super::Still;
use super::tree::{Sockets, effects};
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::apiserver::write::Random;
use crate::network::client::EphemeralPorts;
use crate::network::conntrack::{FlowState, Tuple};
use crate::network::netfilter::{Memory, VirtualServer};
use crate::network::packet::{Packet, Segment};
use crate::trace::Trace;
use crate::trace::outcome::Outcome;
use crate::trace::run::World;
use crate::trace::send::send;
use crate::trace::step::{Direction, Exchange, Hop, Place};
use crate::trace::tape::{Mark, Tape};
use crate::trace::why::cause_name;
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// One end of a connection: the same for all requests, or the socket that each one took as its so-many-th.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Fixed(SocketAddr),
    Taken(u8),
}

impl End {
    pub fn of(socket: SocketAddr, taken: &[SocketAddr]) -> End {
        taken.iter().position(|t| *t == socket).map_or(End::Fixed(socket), |i| End::Taken(i as u8))
    }

    pub fn at(self, taken: &[SocketAddr]) -> SocketAddr {
        match self {
            End::Fixed(socket) => socket,
            End::Taken(i) => taken[usize::from(i)],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ends {
    src: End,
    dst: End,
    protocol: Protocol,
}

impl Ends {
    fn of(tuple: &Tuple, taken: &[SocketAddr]) -> Ends {
        Ends { src: End::of(tuple.src, taken), dst: End::of(tuple.dst, taken), protocol: tuple.protocol }
    }

    pub fn at(&self, taken: &[SocketAddr]) -> Tuple {
        Tuple { src: self.src.at(taken), dst: self.dst.at(taken), protocol: self.protocol }
    }

    /// A fixed end with the port of a taken socket: it may come from there.
    fn is_mixed(&self, taken: &[SocketAddr]) -> bool {
        [self.src, self.dst]
            .iter()
            .any(|end| matches!(end, End::Fixed(s) if taken.iter().any(|t| t.port() == s.port())))
    }
}

/// A flow as a request leaves it behind.
#[derive(Clone, Debug)]
pub struct Made {
    pub original: Ends,
    pub reply: Ends,
    pub state: FlowState,
    /// From the request's beginning on.
    pub lasts: Duration,
}

/// What a request does to the memory of a kernel.
#[derive(Clone, Debug)]
pub enum Effect {
    Recalled { list: SmolStr, source: IpAddr, seconds: u32, found: bool },
    Listed { list: SmolStr, source: IpAddr },
    Given { server: Arc<VirtualServer>, client: IpAddr, to: (usize, bool) },
}

impl Effect {
    pub fn happen(&self, memory: &mut Memory, now: Time) {
        match self {
            // Asking reaps what is too old.
            Effect::Recalled { list, source, seconds, .. } => {
                memory.remembers(list, source, *seconds, now);
            }
            Effect::Listed { list, source } => memory.remember(list, *source, now),
            Effect::Given { server, client, to } => memory.give(server, *client, *to, now),
        }
    }

    /// Lets a memory that is empty otherwise answer as it answered then.
    fn foresee(&self, memory: &mut Memory, now: Time) {
        match self {
            Effect::Recalled { list, source, found: true, .. } => memory.remember(list, *source, now),
            Effect::Given { server, client, to } => memory.foresee(server, *client, *to, now),
            Effect::Recalled { .. } | Effect::Listed { .. } => {}
        }
    }
}

/// What a request meets and leaves in one kernel.
#[derive(Clone, Debug)]
pub struct Visit {
    pub kernel: SmolStr,
    /// Tuples that conntrack must not know, besides those of the flows.
    pub free: Vec<Ends>,
    pub flows: Vec<Made>,
    /// With the time since the request began.
    pub effects: Vec<(Effect, Duration)>,
}

#[derive(Clone, Debug)]
struct Halt {
    exchange: Exchange,
    direction: Direction,
    at: Place,
    packet: Option<Shape>,
}

/// A packet but for the sockets that each request took.
#[derive(Clone, Copy, Debug)]
struct Shape {
    ends: Ends,
    segment: Segment,
    ttl: u8,
    mark: u32,
}

/// A socket that each request takes for itself.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Taken {
    ip: IpAddr,
    /// Its port is the address's next one; else it is drawn.
    in_turn: bool,
}

/// What all requests have in common that take one way.
#[derive(Debug)]
pub struct Leaf {
    /// Of the first of them: where it holds sockets, they are that one's.
    outcome: Outcome,
    pub took: Duration,
    /// The node of the pod that answers.
    node: Option<SmolStr>,
    pub visits: Vec<Visit>,
    pub fixed: Vec<SocketAddr>,
    /// The sockets that each request takes, in order.
    taken: Vec<Taken>,
    halts: Vec<Halt>,
}

impl Leaf {
    /// `None`: one cannot tell what was drawn from what was not.
    pub fn new(trace: &Trace, tape: &Tape, taken: &Sockets, world: &World<'_>) -> Option<Leaf> {
        let twice = |(i, socket): (usize, &SocketAddr)| taken[..i].contains(socket) || tape.fixed.contains(socket);
        if taken.iter().enumerate().any(twice) || taken.len() > 200 {
            return None;
        }
        let mut visits: Vec<Visit> = Vec::new();
        fn visit<'v>(visits: &'v mut Vec<Visit>, kernel: &SmolStr) -> &'v mut Visit {
            let place = visits.iter().position(|v| v.kernel == *kernel).unwrap_or_else(|| {
                let (free, flows, effects) = Default::default();
                visits.push(Visit { kernel: kernel.clone(), free, flows, effects });
                visits.len() - 1
            });
            &mut visits[place]
        }
        for (kernel, tuple) in &tape.unknown {
            visit(&mut visits, kernel).free.push(Ends::of(tuple, taken));
        }
        for (kernel, original, reply) in &tape.flows {
            let flow = world.network.kernel(kernel)?.conntrack.flow(original).filter(|f| f.reply == *reply)?;
            let made = Made {
                original: Ends::of(original, taken),
                reply: Ends::of(reply, taken),
                state: flow.state,
                lasts: flow.expires.since(world.now),
            };
            let visit = visit(&mut visits, kernel);
            visit.free.push(made.reply);
            visit.flows.push(made);
        }
        if visits.iter().flat_map(|v| &v.free).any(|ends| ends.is_mixed(taken)) {
            return None;
        }
        for Visit { free, flows, .. } in &mut visits {
            free.retain(|ends| !flows.iter().any(|made| *ends == made.original || *ends == made.reply));
        }
        for (kernel, effect, at) in effects(tape) {
            visit(&mut visits, kernel).effects.push((effect, at));
        }
        let sockets = tape.marks.iter().filter_map(|mark| match mark {
            Mark::Port { ip, .. } => Some(Taken { ip: *ip, in_turn: true }),
            Mark::Masked { ip, .. } => Some(Taken { ip: *ip, in_turn: false }),
            _ => None,
        });
        let halt = |hop: &Hop| Halt {
            exchange: hop.exchange,
            direction: hop.direction,
            at: hop.at.clone(),
            packet: hop.packet.map(|p| Shape {
                ends: Ends::of(&Tuple::of(&p), taken),
                segment: p.segment,
                ttl: p.ttl,
                mark: p.mark,
            }),
        };
        Some(Leaf {
            outcome: trace.outcome.clone(),
            took: trace.ended.since(trace.started),
            node: answering_node(&trace.outcome, world),
            visits,
            fixed: tape.fixed.clone(),
            taken: sockets.collect(),
            halts: trace.hops.iter().map(halt).collect(),
        })
    }

    /// How the first request ended that took the way.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

fn answering_node(outcome: &Outcome, world: &World<'_>) -> Option<SmolStr> {
    let Outcome::Answered { response, .. } = outcome else { return None };
    world.runtime.get(response.pod.as_ref()?).map(|sandbox| sandbox.node.clone())
}

/// A request of a series that was sent.
#[derive(Clone, Debug)]
pub struct Sent(How);

#[derive(Clone, Debug)]
enum How {
    /// The interpreter ran.
    Told { trace: Arc<Trace>, node: Option<SmolStr> },
    /// It was walked down a way that was known.
    Walked { leaf: Arc<Leaf>, still: Arc<Still>, lots: Random, ports: SmallVec<[u16; 8]> },
}

/// A stay of a request at a place: a hop without its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop<'s> {
    pub exchange: Exchange,
    pub direction: Direction,
    pub at: &'s Place,
    pub packet: Option<Packet>,
}

impl Sent {
    pub(super) fn told(trace: Trace, world: &World<'_>) -> Sent {
        let node = answering_node(&trace.outcome, world);
        Sent(How::Told { trace: Arc::new(trace), node })
    }

    pub(super) fn walked(leaf: Arc<Leaf>, still: Arc<Still>, lots: Random, taken: &Sockets) -> Sent {
        let ports = taken.iter().map(SocketAddr::port).collect();
        Sent(How::Walked { leaf, still, lots, ports })
    }

    /// How it ended; sockets in it (in an echo's body, say) may be those of an earlier request on the same way.
    fn outcome(&self) -> &Outcome {
        match &self.0 {
            How::Told { trace, .. } => &trace.outcome,
            How::Walked { leaf, .. } => &leaf.outcome,
        }
    }

    /// Whether it was walked down a known way, so that its trace is still to be told.
    pub fn is_walked(&self) -> bool {
        matches!(self.0, How::Walked { .. })
    }

    pub fn is_success(&self) -> bool {
        self.outcome().is_success()
    }

    /// The HTTP status of the answer; 0 for protocols without one. `None`: no answer came.
    pub fn status(&self) -> Option<u16> {
        match self.outcome() {
            Outcome::Answered { response, .. } => Some(response.status),
            Outcome::Failed(_) => None,
        }
    }

    /// The pod that answered.
    pub fn pod(&self) -> Option<&ObjectKey> {
        match self.outcome() {
            Outcome::Answered { response, .. } => response.pod.as_ref(),
            Outcome::Failed(_) => None,
        }
    }

    /// Its node.
    pub fn node(&self) -> Option<&SmolStr> {
        match &self.0 {
            How::Told { node, .. } => node.as_ref(),
            How::Walked { leaf, .. } => leaf.node.as_ref(),
        }
    }

    /// The name of what is wrong, when something is.
    pub fn cause(&self) -> Option<&'static str> {
        self.outcome().failure().map(|failure| cause_name(&failure.cause))
    }

    pub fn took(&self) -> Duration {
        match &self.0 {
            How::Told { trace, .. } => trace.ended.since(trace.started),
            How::Walked { leaf, .. } => leaf.took,
        }
    }

    /// By which places it went, in order.
    pub fn stops(&self) -> impl Iterator<Item = Stop<'_>> {
        let count = match &self.0 {
            How::Told { trace, .. } => trace.hops.len(),
            How::Walked { leaf, .. } => leaf.halts.len(),
        };
        (0..count).map(|i| self.stop(i))
    }

    fn stop(&self, i: usize) -> Stop<'_> {
        match &self.0 {
            How::Told { trace, .. } => {
                let Hop { exchange, direction, at, packet, .. } = &trace.hops[i];
                Stop { exchange: *exchange, direction: *direction, at, packet: *packet }
            }
            How::Walked { leaf, ports, .. } => {
                let Halt { exchange, direction, at, packet } = &leaf.halts[i];
                let end = |end: &End| match end {
                    End::Fixed(socket) => *socket,
                    End::Taken(i) => SocketAddr::new(leaf.taken[usize::from(*i)].ip, ports[usize::from(*i)]),
                };
                let packet = packet.as_ref().map(|Shape { ends, segment, ttl, mark }| Packet {
                    src: end(&ends.src),
                    dst: end(&ends.dst),
                    protocol: ends.protocol,
                    segment: *segment,
                    mark: *mark,
                    ttl: *ttl,
                });
                Stop { exchange: *exchange, direction: *direction, at, packet }
            }
        }
    }

    /// The whole trace. The interpreter tells it, from the lots and ports that the request had.
    pub fn trace(&self) -> Trace {
        let (leaf, still, lots, ports) = match &self.0 {
            How::Told { trace, .. } => return (**trace).clone(),
            How::Walked { leaf, still, lots, ports } => (leaf, still, lots, ports),
        };
        let (mut network, mut runtime, mut random) = (still.network.clone(), still.runtime.clone(), lots.clone());
        for (i, (taken, port)) in leaf.taken.iter().zip(ports).enumerate() {
            // The first port of an address brings the others.
            if taken.in_turn && !leaf.taken[..i].contains(taken) {
                network.ports.set(taken.ip, EphemeralPorts::before(*port));
            }
        }
        for visit in &leaf.visits {
            let memory = &mut network.kernel_mut(&visit.kernel).memory;
            // Of several turns of one virtual server the first brings the others.
            for (effect, _) in visit.effects.iter().rev() {
                effect.foresee(memory, still.now);
            }
        }
        let mut world = World {
            store: &still.store,
            network: &mut network,
            runtime: &mut runtime,
            random: &mut random,
            now: still.now,
        };
        send(&mut world, &still.request)
    }
}
