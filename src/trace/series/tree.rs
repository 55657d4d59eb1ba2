//! All ways that requests of a series have taken so far, as a tree: at each node something is drawn or asked, and what comes of
//! it leads to the next.

use super::leaf::{Effect, End, Leaf};
use super::{Sent, Still};
use crate::api::time::Duration;
use crate::api::view::Protocol;
use crate::apiserver::write::Random;
use crate::network::Kernel;
use crate::network::client::EphemeralPorts;
use crate::network::conntrack::{Flow, Room};
use crate::network::load_balancer::flow_hash;
use crate::network::netfilter::{Lot, Probability, VirtualServer};
use crate::trace::Trace;
use crate::trace::balance::share;
use crate::trace::kernel::masked_port;
use crate::trace::proxy::by_weight;
use crate::trace::run::World;
use crate::trace::tape::{Mark, Tape};
use smallvec::SmallVec;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// What decides about the way from here on.
#[derive(Clone, Debug, PartialEq)]
enum Ask {
    Port(IpAddr),
    Masked {
        kernel: SmolStr,
        ip: IpAddr,
        to: End,
        protocol: Protocol,
        begun: bool,
    },
    Below(u64),
    Weighted(Vec<u64>),
    Share(f64),
    Hashed {
        src: End,
        dst: End,
        of: u32,
    },
    /// Lots one after the other until one is below its threshold: 0 when none is, else how many were drawn.
    /// One in so many matches first, then one in one less.
    Chances(u32),
    OneOf(u32),
    Recalled {
        kernel: SmolStr,
        list: SmolStr,
        source: IpAddr,
        seconds: u32,
        at: Duration,
    },
    Given {
        kernel: SmolStr,
        server: Arc<VirtualServer>,
        client: IpAddr,
        ahead: usize,
        at: Duration,
    },
}

#[derive(Clone, Debug)]
struct Node {
    ask: Ask,
    /// By what came of it, in order.
    next: Vec<(u32, Link)>,
    /// Of lots one after the other.
    thresholds: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    /// Nobody has gone there yet.
    Unknown,
    Node(u32),
    Leaf(u32),
    /// Requests part there for a reason that is not known: the interpreter runs.
    Shut,
}

#[derive(Clone, Debug)]
pub struct Tree {
    root: Link,
    nodes: Vec<Node>,
    leaves: Vec<Arc<Leaf>>,
}

/// As many ways as are kept.
const MOST: usize = 4_096;

/// The ports that a request takes itself; a few, or it goes through proxies.
pub(super) type Sockets = SmallVec<[SocketAddr; 4]>;

/// A request at the end of its way; nothing is changed yet.
#[derive(Clone, Debug)]
pub struct Walked {
    pub leaf: u32,
    /// The source before the first lot was drawn.
    before: Random,
    after: Random,
    sockets: Sockets,
    ports: SmallVec<[(IpAddr, u16); 3]>,
    /// For the flows of all visits, in order.
    rooms: SmallVec<[Room; 6]>,
}

impl Default for Walked {
    fn default() -> Walked {
        let (sockets, ports, rooms) = Default::default();
        Walked { leaf: 0, before: Random::new(0), after: Random::new(0), sockets, ports, rooms }
    }
}

/// Where a walk came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Came {
    /// To the end of a way.
    Through,
    /// To where nobody has gone yet.
    Astray,
    /// To where something is in this request's way that was in no other's: nothing can be learnt from it.
    Blocked,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { root: Link::Unknown, nodes: Vec::new(), leaves: Vec::new() }
    }
}

impl Tree {
    pub fn leaf(&self, place: u32) -> Option<&Leaf> {
        self.leaves.get(place as usize).map(|leaf| &**leaf)
    }

    /// Walks a request to the end of its way, as far as it is known. Nothing happens yet; where it does not come through, the
    /// interpreter has to run.
    pub fn walk(&self, world: &World<'_>, walked: &mut Walked) -> Came {
        match self.find(world, walked) {
            Some(came) => came,
            None => Came::Astray,
        }
    }

    fn find(&self, world: &World<'_>, walked: &mut Walked) -> Option<Came> {
        let Walked { leaf, before, after: random, sockets, ports, rooms } = walked;
        *before = world.random.clone();
        *random = world.random.clone();
        sockets.clear();
        ports.clear();
        rooms.clear();
        let mut drawn_again = false;
        let mut link = self.root;
        let place = loop {
            let node = match link {
                Link::Node(place) => self.nodes.get(place as usize)?,
                Link::Leaf(place) => break place,
                Link::Unknown | Link::Shut => return None,
            };
            let came = match &node.ask {
                Ask::Port(ip) => {
                    let port = match ports.iter_mut().find(|(address, _)| address == ip) {
                        Some((_, last)) => {
                            *last = EphemeralPorts::after(*last);
                            *last
                        }
                        None => {
                            let port = EphemeralPorts::after(world.network.ports.last(ip)?);
                            ports.push((*ip, port));
                            port
                        }
                    };
                    sockets.push(SocketAddr::new(*ip, port));
                    0
                }
                Ask::Masked { kernel, ip, to, protocol, begun } => {
                    let conntrack = &world.network.kernel(kernel)?.conntrack;
                    let (port, first) = masked_port(conntrack, *ip, to.at(sockets), *protocol, random.generator())?;
                    let socket = SocketAddr::new(*ip, port);
                    drawn_again |= !first;
                    // What the request itself has taken stands in no table yet, and what its flows will displace still does.
                    if sockets.contains(&socket) || !first && *begun {
                        return Some(Came::Blocked);
                    }
                    sockets.push(socket);
                    0
                }
                Ask::Below(bound) => random.below(*bound) as usize,
                Ask::Weighted(weights) => by_weight(weights, random.below(weights.iter().sum()))?,
                Ask::Share(of) => (random.unit() * of) as usize,
                Ask::Hashed { src, dst, of } => share(flow_hash(src.at(sockets), dst.at(sockets)), *of as usize),
                Ask::Chances(_) => random.lots_until(&node.thresholds),
                Ask::OneOf(of) => ((u64::from(random.generator().u32(..)) * u64::from(*of)) >> 32) as usize,
                Ask::Recalled { kernel, list, source, seconds, at } => {
                    let kernel = world.network.kernel(kernel);
                    usize::from(kernel.is_some_and(|k| k.memory.has(list, source, *seconds, world.now + *at)))
                }
                Ask::Given { kernel, server, client, ahead, at } => {
                    let Kernel { memory, conntrack } = world.network.kernel(kernel)?;
                    let (place, persistent) =
                        memory.pick(server, SocketAddr::new(*client, 0), *ahead, conntrack, world.now + *at);
                    2 * place + usize::from(persistent)
                }
            };
            let known = node.next.binary_search_by_key(&(came as u32), |(came, _)| *came).ok()?;
            link = node.next[known].1;
        };
        *leaf = place;
        let way = self.leaf(place)?;
        if sockets.iter().any(|socket| way.fixed.contains(socket)) {
            return Some(Came::Blocked);
        }
        for visit in &way.visits {
            let conntrack = &world.network.kernel(&visit.kernel)?.conntrack;
            if !visit.free.iter().all(|ends| conntrack.is_free(&ends.at(sockets))) {
                return Some(Came::Blocked);
            }
            for made in &visit.flows {
                match conntrack.room(&made.original.at(sockets), &made.reply.at(sockets)) {
                    // A port that was refused for the sake of a flow that makes way would not have been.
                    Some(room) if !(room.makes_way() && drawn_again) => rooms.push(room),
                    _ => return Some(Came::Blocked),
                }
            }
        }
        Some(Came::Through)
    }

    /// Lets the world remember a request as it would remember any other.
    pub fn settle(&self, walked: &Walked, world: &mut World<'_>) {
        let Some(leaf) = self.leaf(walked.leaf) else { return };
        *world.random = walked.after.clone();
        for (ip, last) in &walked.ports {
            world.network.ports.set(*ip, *last);
        }
        let mut rooms = walked.rooms.iter();
        for visit in &leaf.visits {
            // The first request on the way has made it.
            let Some(kernel) = world.network.known_kernel_mut(&visit.kernel) else { continue };
            for (made, room) in visit.flows.iter().zip(&mut rooms) {
                let (original, reply) = (made.original.at(&walked.sockets), made.reply.at(&walked.sockets));
                let flow = Flow { original, reply, state: made.state, expires: world.now + made.lasts };
                kernel.conntrack.put(&flow, room);
            }
            for (effect, at) in &visit.effects {
                effect.happen(&mut kernel.memory, world.now + *at);
            }
        }
    }

    pub fn sent(&self, walked: &Walked, still: Arc<Still>) -> Sent {
        let leaf = self.leaves[walked.leaf as usize].clone();
        Sent::walked(leaf, still, walked.before.clone(), &walked.sockets)
    }

    /// Learns the way of a request. False: it is none that another request could be walked down.
    pub fn learn(&mut self, trace: &Trace, tape: Tape, world: &World<'_>) -> bool {
        if tape.spoiled || self.leaves.len() >= MOST {
            return false;
        }
        let Some((asks, sockets)) = asks(&tape) else { return false };
        let Some(leaf) = Leaf::new(trace, &tape, &sockets, world) else { return false };
        let mut from: Option<(usize, usize)> = None;
        for (ask, came) in asks {
            match self.enter(from, ask) {
                Some(place) => from = Some((place, came)),
                None => {
                    *self.link(from) = Link::Shut;
                    return false;
                }
            }
        }
        let place = self.leaves.len() as u32;
        let link = self.link(from);
        if *link != Link::Unknown {
            // Known, but something was in the way this time.
            return matches!(*link, Link::Leaf(_));
        }
        *link = Link::Leaf(place);
        self.leaves.push(Arc::new(leaf));
        true
    }

    /// Where a way leads on from here.
    fn link(&mut self, from: Option<(usize, usize)>) -> &mut Link {
        let Some((node, came)) = from else { return &mut self.root };
        let next = &mut self.nodes[node].next;
        let came = came as u32;
        let place = next.binary_search_by_key(&came, |(came, _)| *came).unwrap_or_else(|place| {
            next.insert(place, (came, Link::Unknown));
            place
        });
        &mut next[place].1
    }

    /// The node that asks this, from here on. `None`: something else is asked there.
    fn enter(&mut self, from: Option<(usize, usize)>, ask: Ask) -> Option<usize> {
        let place = match *self.link(from) {
            Link::Node(place) => place as usize,
            Link::Unknown => {
                let place = self.nodes.len();
                let first = if let Ask::Chances(first) = &ask { *first } else { 0 };
                let thresholds = (2..=first).rev().map(|among| Probability::one_of(among).threshold()).collect();
                self.nodes.push(Node { ask, next: Vec::new(), thresholds });
                *self.link(from) = Link::Node(place as u32);
                return Some(place);
            }
            Link::Leaf(_) | Link::Shut => return None,
        };
        (self.nodes[place].ask == ask).then_some(place)
    }
}

/// What was asked on a tape and what came of it, and the sockets that were drawn. `None`: the same cannot be asked again.
fn asks(tape: &Tape) -> Option<(Vec<(Ask, usize)>, Sockets)> {
    let mut asks: Vec<(Ask, usize)> = Vec::new();
    let mut sockets = Sockets::new();
    let mut listed: Vec<(&SmolStr, &SmolStr)> = Vec::new();
    let mut given: Vec<(&SmolStr, &VirtualServer)> = Vec::new();
    for mark in &tape.marks {
        let (ask, came) = match mark {
            Mark::Port { ip, got } => {
                sockets.push(SocketAddr::new(*ip, *got));
                (Ask::Port(*ip), 0)
            }
            Mark::Masked { kernel, ip, to, protocol, begun, got } => {
                let (kernel, to) = (kernel.clone(), End::of(*to, &sockets));
                sockets.push(SocketAddr::new(*ip, *got));
                (Ask::Masked { kernel, ip: *ip, to, protocol: *protocol, begun: *begun }, 0)
            }
            Mark::Below { bound, got } => (Ask::Below(*bound), *got as usize),
            Mark::Weighted { weights, chosen } => (Ask::Weighted(weights.clone()), *chosen as usize),
            Mark::Share { of, got } => (Ask::Share(*of), *got as usize),
            Mark::Hashed { src, dst, of, chosen } => {
                let (src, dst) = (End::of(*src, &sockets), End::of(*dst, &sockets));
                (Ask::Hashed { src, dst, of: *of }, *chosen as usize)
            }
            Mark::Lot { kernel, at, lot } => match lot {
                Lot::Chances { first, drawn, taken } => {
                    // The last of a chain takes what is left without a lot.
                    if !taken && drawn + 1 != *first {
                        return None;
                    }
                    (Ask::Chances(*first), if *taken { *drawn as usize } else { 0 })
                }
                Lot::OneOf { of, chosen } => (Ask::OneOf(*of), *chosen as usize),
                Lot::Recalled { list, source, seconds, found } => {
                    if listed.contains(&(kernel, list)) {
                        return None;
                    }
                    let (kernel, list) = (kernel.clone(), list.clone());
                    let ask = Ask::Recalled { kernel, list, source: *source, seconds: *seconds, at: *at };
                    (ask, usize::from(*found))
                }
                Lot::Listed { list, .. } => {
                    listed.push((kernel, list));
                    continue;
                }
                Lot::Given { server, client, place, persistent } => {
                    let ahead = given.iter().filter(|(k, s)| *k == kernel && s.key() == server.key()).count();
                    let simple = server.scheduler.takes_turns() && server.persistent.is_none();
                    if !simple && (ahead > 0 || !server.scheduler.takes_turns() && !server.scheduler.is_fixed()) {
                        return None;
                    }
                    given.push((kernel, server));
                    let (kernel, server) = (kernel.clone(), server.clone());
                    let ask = Ask::Given { kernel, server, client: *client, ahead, at: *at };
                    (ask, 2 * place + usize::from(*persistent))
                }
            },
        };
        asks.push((ask, came));
    }
    Some((asks, sockets))
}

/// What the kernels' memories came to on a tape: by kernel, with the time since the request began.
pub(super) fn effects(tape: &Tape) -> impl Iterator<Item = (&SmolStr, Effect, Duration)> {
    tape.marks.iter().filter_map(|mark| {
        let Mark::Lot { kernel, at, lot } = mark else { return None };
        let effect = match lot {
            Lot::Recalled { list, source, seconds, found } => {
                Effect::Recalled { list: list.clone(), source: *source, seconds: *seconds, found: *found }
            }
            Lot::Listed { list, source } => Effect::Listed { list: list.clone(), source: *source },
            Lot::Given { server, client, place, persistent } => {
                Effect::Given { server: server.clone(), client: *client, to: (*place, *persistent) }
            }
            Lot::Chances { .. } | Lot::OneOf { .. } => return None,
        };
        Some((kernel, effect, *at))
    })
}
