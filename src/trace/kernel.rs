//! A packet's way through the kernel of a node: conntrack, the rules of each hook, the routing decision between them.
//!
//! The order is netfilter's: conntrack finds or begins the flow; PREROUTING (or OUTPUT for the node's own packets) may change
//! the destination; the routing decision follows; INPUT or FORWARD filter; POSTROUTING changes the source; conntrack confirms
//! what the rules have decided. Replies are translated by conntrack alone.

use super::record::Recorder;
use super::rules;
use super::step::StepKind;
use super::tape::Mark;
use crate::api::object::FieldRef;
use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::apiserver::store::Store;
use crate::network::conntrack::{Conntrack, Tuple, Way, first_state};
use crate::network::netfilter::{Context, CtState, Hit, Hook, Key, Lot, Passage, Program, Target, Verdict};
use crate::network::packet::{Packet, Segment};
use crate::network::route::{Destination, NodeRoutes, node_key};
use crate::network::{Network, OnNode};
use crate::runtime::Runtime;
use fastrand::Rng;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};

/// Where a packet comes from, seen from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From a wire: another machine, or a pod of this node.
    Wire,
    /// From a process in the host's network.
    Own,
}

/// Where it goes on to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Onward {
    /// To a process in the host's network.
    Own,
    LocalPods,
    Node(SmolStr),
    Neighbour,
    Outside,
    Dropped,
    Rejected,
}

/// What the kernel made of a packet.
pub(super) struct Passed {
    pub onward: Onward,
    pub packet: Packet,
    /// The field behind the rule that changed the destination, dropped or rejected.
    pub because: Option<FieldRef>,
    /// The Service port whose rules took the packet.
    pub owner: Option<crate::network::netfilter::PortName>,
    /// The flow that began here.
    pub began: Option<Tuple>,
}

/// How long a kernel takes over a packet.
const KERNEL: Duration = Duration::micros(9);

/// What surrounds a kernel while a packet passes.
pub(super) struct Surroundings<'a> {
    pub store: &'a Store,
    pub network: &'a mut Network,
    pub runtime: &'a Runtime,
    pub log: &'a mut Recorder,
    pub rng: &'a mut Rng,
    /// When the request began.
    pub started: Time,
}

/// Passes `packet` through the kernel of `node`. `None`: there is no such node.
pub(super) fn pass(around: Surroundings<'_>, node: &str, packet: Packet, source: Source) -> Option<Passed> {
    let Surroundings { store, network, runtime, log, rng, started } = around;
    let now = started + log.clock;
    let OnNode { routes, here, program, kernel } = network.on_node(node, packet.src.is_ipv4())?;
    log.spend(KERNEL);

    let mut passage = Passage::new(packet);
    let known = kernel.conntrack.find(&packet, now);
    match &known {
        Some((flow, _)) => log.note(|tape| tape.spoiled |= !tape.began(node, &flow.original)),
        None => log.note(|tape| {
            tape.unknown.push((node.into(), Tuple::of(&packet)));
            if begins_flow(packet.segment) {
                tape.fixed.push(packet.dst);
            }
        }),
    }
    if let Some((flow, way)) = &known {
        passage.state = CtState::Established;
        passage.dnat = flow.is_dnat();
        passage.packet.dst = match way {
            Way::Original => flow.reply.src,
            Way::Reply => flow.original.src,
        };
    } else if !begins_flow(packet.segment) {
        passage.state = CtState::Invalid;
    }

    let mut walker = Walk {
        program,
        here,
        log: &mut *log,
        store,
        runtime,
        rng,
        flows: &kernel.conntrack,
        now,
        at: now.since(started),
        because: None,
        owner: None,
        marked: None,
        trail: Vec::new(),
        lots: Vec::new(),
    };
    let mut walk = |hook: Hook, passage: &mut Passage, memory: &mut _| walker.hook(hook, passage, memory);
    let memory = &mut kernel.memory;

    let binds = |ip: &IpAddr| here.is_own(ip) || program.is_some_and(|p| binds_address(p, ip));
    let entry = if source == Source::Wire { Hook::Prerouting } else { Hook::Output };
    let mut verdict = walk(entry, &mut passage, memory);
    let mut own = false;
    if verdict == Verdict::Accept {
        own = binds(&passage.packet.dst.ip());
        let before = passage.packet.dst;
        if own && source == Source::Own {
            // Over the loopback: out and in again.
            verdict = walk(Hook::Postrouting, &mut passage, memory);
        }
        if verdict == Verdict::Accept && (own || source == Source::Wire) {
            verdict = walk(if own { Hook::Input } else { Hook::Forward }, &mut passage, memory);
        }
        // ipvs took it at INPUT: it leaves again.
        own = own && (passage.packet.dst == before || here.is_own(&passage.packet.dst.ip()));
        if verdict == Verdict::Accept && !own {
            verdict = walk(Hook::Postrouting, &mut passage, memory);
        }
    }
    let (because, owner, marked) = (walker.because, walker.owner, walker.marked);
    let stopped = |onward| {
        Some(Passed { onward, packet: passage.packet, because: because.clone(), owner: owner.clone(), began: None })
    };
    match verdict {
        Verdict::Drop => return stopped(Onward::Dropped),
        Verdict::Reject => return stopped(Onward::Rejected),
        Verdict::Accept => {}
    }

    let destination = if own { Destination::Own } else { routes.destination(here, &passage.packet.dst.ip()) };
    let mut after = passage.packet;
    after.mark = 0;
    let mut began = None;
    match known {
        Some((flow, way)) => {
            after.src = match way {
                Way::Original => flow.reply.dst,
                Way::Reply => flow.original.dst,
            };
            kernel.conntrack.touch(&flow.original, packet.segment, way, now);
            let changed = after.src != packet.src || after.dst != packet.dst;
            let (before, after) = (packet, after);
            match way {
                Way::Reply if changed => log.step(|| (StepKind::Translated { before, after }, Vec::new())),
                Way::Original if flow.is_dnat() => log.step(|| (StepKind::ConntrackHit { packet: after }, Vec::new())),
                _ => {}
            }
        }
        None if passage.state == CtState::New => {
            let leaves = leaves_cluster(routes, here, &after, &destination);
            if passage.masquerade || leaves {
                let before = after;
                let outgoing = match destination {
                    Destination::Own => None,
                    Destination::LocalPods => here.gateway(after.dst.is_ipv4()),
                    _ => here.address(after.dst.is_ipv4()),
                };
                if let Some(address) = outgoing.filter(|a| *a != after.src.ip()) {
                    if packet.is_icmp() {
                        after.src.set_ip(address);
                    } else {
                        let (to, protocol) = (after.dst, after.protocol);
                        let port = masked_port(&kernel.conntrack, address, to, protocol, rng);
                        let got = port.map_or(packet.src.port(), |(port, _)| port);
                        after.src = SocketAddr::new(address, got);
                        let kernel = here.name.clone();
                        log.note(|tape| {
                            tape.spoiled |= port.is_none();
                            let begun = tape.flows.iter().any(|(k, ..)| *k == kernel);
                            tape.marks.push(Mark::Masked { kernel, ip: address, to, protocol, begun, got });
                        });
                    }
                    log.step(|| {
                        let mut because: Vec<FieldRef> = marked.into_iter().collect();
                        if leaves && !passage.masquerade {
                            because.push(node_key(&here.name).field("spec.podCIDR"));
                        }
                        (StepKind::Snat { before, after }, because)
                    });
                }
            }
            let reply = Tuple { src: after.dst, dst: after.src, protocol: after.protocol };
            began = kernel.conntrack.confirm(Tuple::of(&packet), reply, first_state(&packet), now).map(|f| f.original);
            log.note(|tape| match began {
                Some(original) => {
                    tape.fixed.push(after.dst);
                    tape.flows.push((node.into(), original, reply));
                }
                None => tape.spoiled = true,
            });
        }
        None => {}
    }
    let onward = match destination {
        Destination::Own => Onward::Own,
        Destination::LocalPods => Onward::LocalPods,
        Destination::Node { name, .. } => Onward::Node(name),
        Destination::Neighbour => Onward::Neighbour,
        Destination::Outside => Onward::Outside,
    };
    if !matches!(onward, Onward::Own) {
        after.ttl = after.ttl.saturating_sub(1);
    }
    Some(Passed { onward, packet: after, because, owner, began })
}

/// Whether ipvs has bound an address to the node's dummy interface.
fn binds_address(program: &Program, ip: &IpAddr) -> bool {
    let key = |space| Key { space, ip: Some(*ip), port: None };
    program.frame.bound().is_some_and(|space| !program.at(&key(space)).is_empty())
}

/// Whether a packet without a flow begins one.
fn begins_flow(segment: Segment) -> bool {
    matches!(segment, Segment::Syn | Segment::Datagram | Segment::EchoRequest)
}

/// What a pod sends out of the pod networks gets its node's address (the CNI's masquerade).
fn leaves_cluster(
    routes: &crate::network::route::Routes,
    here: &NodeRoutes,
    packet: &Packet,
    destination: &Destination,
) -> bool {
    let beyond = match destination {
        Destination::Own | Destination::LocalPods => false,
        Destination::Node { pods, .. } => !pods,
        Destination::Neighbour | Destination::Outside => true,
    };
    beyond && here.has_pod_address(&packet.src.ip()) && !routes.is_pod_address(&packet.dst.ip())
}

/// A source port of `address` with which replies from `to` are nobody else's, and whether it is the first one that was drawn.
/// `None`: none was found.
pub(super) fn masked_port(
    conntrack: &Conntrack,
    address: IpAddr,
    to: SocketAddr,
    protocol: Protocol,
    rng: &mut Rng,
) -> Option<(u16, bool)> {
    let mut reply = Tuple { src: to, dst: SocketAddr::new(address, 0), protocol };
    // `--random-fully`: any port from 1024 on; a taken one is drawn again.
    (0..64).find_map(|turn| {
        let port = rng.u16(1024..);
        reply.dst.set_port(port);
        conntrack.is_free(&reply).then_some((port, turn == 0))
    })
}

/// The walks of one packet through the hooks of one node.
struct Walk<'p, 'l> {
    program: Option<&'p Program>,
    here: &'p NodeRoutes,
    log: &'l mut Recorder,
    store: &'l Store,
    runtime: &'l Runtime,
    rng: &'l mut Rng,
    flows: &'l Conntrack,
    now: Time,
    /// The same since the request began.
    at: Duration,
    because: Option<FieldRef>,
    owner: Option<crate::network::netfilter::PortName>,
    /// The field behind the mark that asks for masquerade.
    marked: Option<FieldRef>,
    /// The trail of the hook before: only its room is used again.
    trail: Vec<Hit<'p>>,
    /// What the hook drew and asked, when there is a tape; kept for its room, too.
    lots: Vec<Lot>,
}

impl<'p> Walk<'p, '_> {
    fn hook(&mut self, hook: Hook, passage: &mut Passage, memory: &mut crate::network::netfilter::Memory) -> Verdict {
        let Some(program) = self.program else { return Verdict::Accept };
        let before = passage.packet;
        let mut trail = std::mem::take(&mut self.trail);
        trail.clear();
        let misses = self.log.on;
        let lots = self.log.tape.is_some().then_some(&mut self.lots);
        let (local, rng, flows, now) = (&self.here.local, &mut *self.rng, self.flows, self.now);
        let mut context = Context { local, memory, rng, flows, now, misses, lots };
        let verdict = program.walk(hook, passage, &mut context, &mut trail);
        if let Some(tape) = &mut self.log.tape {
            let (kernel, at) = (&self.here.name, self.at);
            tape.marks.extend(self.lots.drain(..).map(|lot| Mark::Lot { kernel: kernel.clone(), at, lot }));
        }
        for (i, hit) in trail.iter().enumerate().filter(|(_, h)| h.matched) {
            let decides = match hit.rule().map(|r| &r.target) {
                Some(Target::Dnat { .. }) | None => true,
                Some(Target::Drop | Target::Reject) => verdict != Verdict::Accept,
                Some(Target::OrMark(_)) => {
                    let asked = trail[..i].iter().rev().find(|h| h.matched && h.owner.is_some());
                    self.marked = asked.filter(|_| self.log.on).map(|h| h.because().field());
                    false
                }
                _ => false,
            };
            if decides && (self.log.on || verdict != Verdict::Accept) {
                self.because = Some(hit.because().field());
            }
            if hit.owner.is_some() && hit.table == crate::network::netfilter::Table::Nat || decides {
                self.owner = hit.owner.cloned().or(self.owner.take());
            }
        }
        if self.log.on {
            rules::record(self.log, self.store, self.runtime, program, &trail, before, passage.packet);
        } else if self.log.places && trail.iter().any(rules::tells) {
            self.log.happens();
        }
        self.trail = trail;
        verdict
    }
}
