//! A packet on its way through the filters, and what the node's kernel remembers between packets.

use super::program::{Scheduler, VirtualServer};
use super::rule::CtState;
use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::network::conntrack::{Conntrack, Flow, FlowState};
use crate::network::packet::Packet;
use fastrand::Rng;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A packet on its way through a node: its headers and what the kernel has noted beside them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    pub packet: Packet,
    /// The state of its connection before this packet.
    pub state: CtState,
    /// The destination of its connection is translated (by a rule of this walk or by an earlier packet).
    pub dnat: bool,
    /// The source is to become the address of the outgoing interface, which whoever routes the packet knows.
    pub masquerade: bool,
    /// The virtual server of ipvs that the packet was sent to, once ipvs has chosen a real one.
    pub virtual_server: Option<SocketAddr>,
}

impl Passage {
    /// A packet that begins a connection.
    pub fn new(packet: Packet) -> Passage {
        Passage { packet, state: CtState::New, dnat: false, masquerade: false, virtual_server: None }
    }
}

/// The addresses that are the node's own, besides those that a program adds (ipvs binds its virtual addresses).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalAddresses {
    addresses: Vec<IpAddr>,
}

impl LocalAddresses {
    /// Loopback counts always.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> LocalAddresses {
        LocalAddresses { addresses: addresses.into_iter().collect() }
    }

    pub fn contains(&self, ip: &IpAddr) -> bool {
        ip.is_loopback() || self.addresses.contains(ip)
    }

    pub fn iter(&self) -> impl Iterator<Item = &IpAddr> {
        self.addresses.iter()
    }
}

/// How many sources one list of `xt_recent` keeps (its parameter `ip_list_tot`): the one seen longest ago makes room.
const RECENT_LIST_LENGTH: usize = 100;

/// A virtual server: address, port and protocol.
pub type Server = (SocketAddr, Protocol);

/// What the kernel of a node remembers between packets besides conntrack: which client was sent where, and whose turn it is.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    lists: BTreeMap<SmolStr, Vec<(IpAddr, Time)>>,
    turns: BTreeMap<Server, u32>,
    persistent: BTreeMap<(Server, IpAddr), (SocketAddr, Time)>,
}

impl Memory {
    /// Whether `source` was put into `list` within the last `seconds`. Entries that are older are reaped.
    pub fn remembers(&mut self, list: &SmolStr, source: &IpAddr, seconds: u32, now: Time) -> bool {
        let Some(entries) = self.lists.get_mut(list) else { return false };
        entries.retain(|(_, seen)| now.since(*seen) <= Duration::secs(u64::from(seconds)));
        entries.iter().any(|(ip, _)| ip == source)
    }

    /// The same, with nothing reaped.
    pub fn has(&self, list: &SmolStr, source: &IpAddr, seconds: u32, now: Time) -> bool {
        let fresh = |seen: &Time| now.since(*seen) <= Duration::secs(u64::from(seconds));
        self.lists.get(list).is_some_and(|entries| entries.iter().any(|(ip, seen)| ip == source && fresh(seen)))
    }

    /// Puts `source` into `list`, or renews it there.
    pub fn remember(&mut self, list: &SmolStr, source: IpAddr, now: Time) {
        let entries = match self.lists.get_mut(list) {
            Some(entries) => entries,
            None => self.lists.entry(list.clone()).or_default(),
        };
        entries.retain(|(ip, _)| *ip != source);
        if entries.len() >= RECENT_LIST_LENGTH {
            entries.remove(0);
        }
        entries.push((source, now));
    }

    /// The real server for a client's next connection: its place, and whether persistence sends it there. `ahead`: connections
    /// that are given before it without having been noted here yet (taking turns alone can look ahead). `flows`: what the
    /// kernel knows of connections, for the schedulers that count them.
    pub fn pick(
        &self,
        server: &VirtualServer,
        client: IpAddr,
        ahead: usize,
        flows: &Conntrack,
        now: Time,
    ) -> (usize, bool) {
        let (key, among) = (server.key(), server.real.len().max(1));
        if let Some(seconds) = server.persistent
            && let Some((to, seen)) = self.persistent.get(&(key, client))
            && now.since(*seen) <= Duration::secs(u64::from(seconds))
            && let Some(place) = server.real.iter().position(|r| r.address() == *to)
        {
            return (place, true);
        }
        let place = match server.scheduler {
            Scheduler::RoundRobin | Scheduler::WeightedRoundRobin => {
                (self.turns.get(&key).copied().unwrap_or(0) as usize + ahead) % among
            }
            Scheduler::SourceHash => bucket(client) % among,
            Scheduler::DestinationHash => bucket(server.ip) % among,
            Scheduler::LeastConnection
            | Scheduler::WeightedLeastConnection
            | Scheduler::ShortestExpectedDelay
            | Scheduler::NeverQueue => least_loaded(server, &loads(server, flows, now)),
        };
        (place, false)
    }

    /// Notes that a connection was given to the real server at `place`.
    pub fn give(&mut self, server: &VirtualServer, client: IpAddr, (place, persistent): (usize, bool), now: Time) {
        let Some(real) = server.real.get(place) else { return };
        let key = server.key();
        if !persistent && server.scheduler.takes_turns() {
            self.turns.insert(key, ((place + 1) % server.real.len()) as u32);
        }
        if server.persistent.is_some() {
            self.persistent.insert((key, client), (real.address(), now));
        }
    }

    /// Brings about that the next connection of `client` is given to `place`, by persistence or not.
    pub fn foresee(&mut self, server: &VirtualServer, client: IpAddr, (place, persistent): (usize, bool), now: Time) {
        if persistent {
            self.give(server, client, (place, true), now);
        } else {
            self.turns.insert(server.key(), place as u32);
        }
    }
}

/// The connections of a real server, as ipvs counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// TCP connections that are open or being opened.
    pub active: u64,
    /// Those that have ended and are not forgotten yet, and all of UDP.
    pub inactive: u64,
}

impl Load {
    pub fn add(&mut self, flow: &Flow) {
        if matches!(flow.state, FlowState::SynSent | FlowState::Established) {
            self.active += 1;
        } else {
            self.inactive += 1;
        }
    }
}

/// The loads of a virtual server's real ones, in their order.
fn loads(server: &VirtualServer, flows: &Conntrack, now: Time) -> Vec<Load> {
    let mut loads = vec![Load::default(); server.real.len()];
    for flow in flows.through(server.key(), now) {
        if let Some(place) = server.real.iter().position(|r| r.address() == flow.reply.src) {
            loads[place].add(flow);
        }
    }
    loads
}

/// The place of the real server whose load is the least for its weight; of equals the first (`ip_vs_lc`, `_wlc`, `_sed`, `_nq`).
fn least_loaded(server: &VirtualServer, loads: &[Load]) -> usize {
    if server.scheduler == Scheduler::NeverQueue
        && let Some(idle) = loads.iter().position(|load| load.active == 0)
    {
        return idle;
    }
    let overhead = |load: &Load| match server.scheduler {
        Scheduler::LeastConnection | Scheduler::WeightedLeastConnection => (load.active << 8) + load.inactive,
        _ => load.active + 1,
    };
    let weight = |place: usize| match server.scheduler {
        Scheduler::LeastConnection => 1,
        _ => u64::from(server.real[place].weight),
    };
    let mut least = 0;
    for place in 1..loads.len() {
        if overhead(&loads[least]) * weight(place) > overhead(&loads[place]) * weight(least) {
            least = place;
        }
    }
    least
}

/// The bucket, of 256, of an address (`ip_vs_sh`, `ip_vs_dh`).
fn bucket(address: IpAddr) -> usize {
    let folded = match address {
        IpAddr::V4(ip) => u32::from(ip),
        IpAddr::V6(ip) => {
            ip.octets().chunks_exact(4).fold(0, |acc, c| acc ^ u32::from_be_bytes([c[0], c[1], c[2], c[3]]))
        }
    };
    (folded.wrapping_mul(0x61c8_8647) >> 24) as usize
}

/// What decided about a packet besides the rules and its headers: another packet like it may meet something else.
#[derive(Clone, Debug, PartialEq)]
pub enum Lot {
    /// Rules that match once in `first` times, once in one less, and so on, drew so many lots; the last one matched, or none.
    Chances { first: u32, drawn: u32, taken: bool },
    /// One of so many chains was drawn.
    OneOf { of: u32, chosen: u32 },
    /// A list was asked whether it has the source.
    Recalled { list: SmolStr, source: IpAddr, seconds: u32, found: bool },
    /// The source was put into a list.
    Listed { list: SmolStr, source: IpAddr },
    /// A virtual server chose a real one, by persistence or not.
    Given { server: Arc<VirtualServer>, client: IpAddr, place: usize, persistent: bool },
}

/// All that a packet's way through the rules depends on besides the rules and the packet.
pub struct Context<'a> {
    pub local: &'a LocalAddresses,
    pub memory: &'a mut Memory,
    pub rng: &'a mut Rng,
    /// The connections that the node's kernel knows.
    pub flows: &'a Conntrack,
    pub now: Time,
    /// Whether the trail notes lots that were drawn in vain, too. There are as many as endpoints.
    pub misses: bool,
    /// Where to note what was decided by chance or memory, for who wants to know.
    pub lots: Option<&'a mut Vec<Lot>>,
}
