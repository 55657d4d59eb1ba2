//! A packet on its way through the filters, and what the node's kernel remembers between packets.

use super::program::{RealServer, Scheduler, VirtualServer};
use super::rule::CtState;
use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::arrange::Arrange;
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
    kept: BTreeMap<Server, Kept>,
}

/// The real servers that a virtual server has had of late, for the schedulers by locality.
#[derive(Clone, Debug)]
struct Kept {
    /// The newest first.
    real: Vec<SocketAddr>,
    changed: Time,
    used: Time,
}

/// How long what is kept stands without being used, or being too much (`DEFAULT_EXPIRATION`).
const KEPT_FOR: Duration = Duration::secs(86_400);

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
        client: SocketAddr,
        ahead: usize,
        flows: &Conntrack,
        now: Time,
    ) -> (usize, bool) {
        let (key, among) = (server.key(), server.real.len().max(1));
        if let Some(seconds) = server.persistent
            && let Some((to, seen)) = self.persistent.get(&(key, client.ip()))
            && now.since(*seen) <= Duration::secs(u64::from(seconds))
            && let Some(place) = server.real.iter().position(|r| r.address() == *to)
        {
            return (place, true);
        }
        let place = match server.scheduler {
            Scheduler::RoundRobin | Scheduler::WeightedRoundRobin => {
                (self.turns.get(&key).copied().unwrap_or(0) as usize + ahead) % among
            }
            Scheduler::SourceHash => bucket(client.ip()) % among,
            Scheduler::DestinationHash => bucket(server.ip) % among,
            Scheduler::LeastConnection
            | Scheduler::WeightedLeastConnection
            | Scheduler::ShortestExpectedDelay
            | Scheduler::NeverQueue => least_loaded(server, &loads(server, flows, now), 0..among),
            Scheduler::Maglev => maglev(server, client, flows, now),
            Scheduler::Locality | Scheduler::LocalityReplicated => {
                let loads = loads(server, flows, now);
                let kept = self.kept.get(&key).filter(|kept| now.since(kept.used) <= KEPT_FOR);
                let places = kept.into_iter().flat_map(|kept| kept.places(server));
                // Overloaded: more than it weighs, while somebody has less than half of that (`is_overloaded`).
                let weight = |place: usize| u64::from(server.real[place].weight);
                let idle = || loads.iter().enumerate().any(|(place, load)| load.active * 2 < weight(place));
                let least = Some(least_loaded(server, &loads, places)).filter(|least| *least < among);
                least
                    .filter(|least| loads[*least].active <= weight(*least) || !idle())
                    .unwrap_or_else(|| least_loaded(server, &loads, 0..among))
            }
            Scheduler::Failover => 0,
            // Nowhere when all of them have more than they weigh.
            Scheduler::Overflow => {
                let free = |(load, real): (&Load, &RealServer)| load.active <= u64::from(real.weight);
                loads(server, flows, now).iter().zip(&server.real).position(free).unwrap_or(among)
            }
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

    /// Notes that a virtual server has the real one at `place`, by its scheduler (`ip_vs_lblc`, `ip_vs_lblcr`).
    pub fn keep(&mut self, server: &VirtualServer, place: usize, flows: &Conntrack, now: Time) {
        let Some(real) = server.real.get(place).map(RealServer::address) else { return };
        let fresh = || Kept { real: Vec::new(), changed: now, used: now };
        let kept = self.kept.entry(server.key()).or_insert_with(fresh);
        if now.since(kept.used) > KEPT_FOR {
            *kept = fresh();
        }
        kept.used = now;
        let known = kept.real.contains(&real);
        if server.scheduler == Scheduler::Locality {
            kept.real = vec![real];
        } else if kept.real.len() > 1 && now.since(kept.changed) > KEPT_FOR {
            let load = loads(server, flows, now);
            let heavy = |place: &usize| load[*place].overhead();
            // Of equals the first.
            if let Some(most) = kept.places(server).collect::<Vec<_>>().into_iter().rev().max_by_key(heavy) {
                kept.real.retain(|r| *r != server.real[most].address());
                kept.changed = now;
            }
        }
        if !known && server.scheduler == Scheduler::LocalityReplicated {
            kept.real.insert(0, real);
            kept.changed = now;
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
    /// An active connection counts as 256 inactive ones (`ip_vs_dest_conn_overhead`).
    fn overhead(&self) -> u64 {
        (self.active << 8) + self.inactive
    }

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

impl Kept {
    /// The places of those that are there still.
    fn places<'a>(&'a self, server: &'a VirtualServer) -> impl Iterator<Item = usize> + 'a {
        self.real.iter().filter_map(|kept| server.real.iter().position(|r| r.address() == *kept))
    }
}

/// The place, of some, of the real server whose load is the least for its weight; of equals the first (`ip_vs_lc`, `_wlc`,
/// `_sed`, `_nq`). Of none: beyond the last.
fn least_loaded(server: &VirtualServer, loads: &[Load], places: impl IntoIterator<Item = usize>) -> usize {
    if server.scheduler == Scheduler::NeverQueue
        && let Some(idle) = loads.iter().position(|load| load.active == 0)
    {
        return idle;
    }
    let overhead = |load: &Load| match server.scheduler {
        Scheduler::ShortestExpectedDelay | Scheduler::NeverQueue => load.active + 1,
        _ => load.overhead(),
    };
    let weight = |place: usize| match server.scheduler {
        Scheduler::LeastConnection => 1,
        _ => u64::from(server.real[place].weight),
    };
    let less = |least: usize, place: usize| {
        let better = overhead(&loads[least]) * weight(place) > overhead(&loads[place]) * weight(least);
        if better { place } else { least }
    };
    places.into_iter().reduce(less).unwrap_or(loads.len())
}

/// Slots of the table of `ip_vs_mh`, and the two secrets, which are the same in every kernel.
const MAGLEV_SLOTS: u32 = 4_093;
const MAGLEV_SECRETS: [u64; 2] = [2_654_435_761, 2_654_446_892];

/// The place of the real server that a client's socket comes to (`ip_vs_mh`). One that has gone is in the table, with the weight
/// that it had, while its TCP connections last: whoever comes to it comes nowhere, since kube-proxy asks for no fallback.
fn maglev(server: &VirtualServer, client: SocketAddr, flows: &Conntrack, now: Time) -> usize {
    let mut real: Vec<SocketAddr> = server.real.iter().map(RealServer::address).collect();
    if server.protocol != Protocol::Udp {
        for flow in flows.through(server.key(), now) {
            if !real.contains(&flow.reply.src) {
                real.push(flow.reply.src);
            }
        }
        real[server.real.len()..].arrange();
    }
    let hash = |socket: &SocketAddr, secret: usize, below: u32| {
        half_sip(u32::from(socket.port()).wrapping_add(folded(socket.ip())), MAGLEV_SECRETS[secret]) % below
    };
    let wanted = hash(&client, 0, MAGLEV_SLOTS);
    let mut taken = [false; MAGLEV_SLOTS as usize];
    let mut next: Vec<(u32, u32)> =
        real.iter().map(|r| (hash(r, 0, MAGLEV_SLOTS), hash(r, 1, MAGLEV_SLOTS - 1) + 1)).collect();
    // Each takes the next free slot in its own order, in turn: until the client's is taken.
    loop {
        for (place, (slot, skip)) in next.iter_mut().enumerate() {
            while taken[*slot as usize] {
                *slot = (*slot + *skip) % MAGLEV_SLOTS;
            }
            if *slot == wanted {
                return place;
            }
            taken[*slot as usize] = true;
        }
    }
}

/// SipHash-1-3 of one word, as kernels of 64 bits shorten it (`hsiphash_1u32`); both halves of the key are the same.
fn half_sip(word: u32, key: u64) -> u32 {
    let mut v = [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573]
        .map(|v: u64| v ^ key);
    let round = |v: &mut [u64; 4]| {
        for (a, b, turn) in [(0, 1, 13), (2, 3, 16), (0, 3, 21), (2, 1, 17)] {
            v[a] = v[a].wrapping_add(v[b]);
            v[b] = v[b].rotate_left(turn) ^ v[a];
            if b == 1 {
                v[a] = v[a].rotate_left(32);
            }
        }
    };
    let block = 4 << 56 | u64::from(word);
    v[3] ^= block;
    round(&mut v);
    v[0] ^= block;
    v[2] ^= 0xff;
    (0..3).for_each(|_| round(&mut v));
    (v[0] ^ v[1] ^ v[2] ^ v[3]) as u32
}

/// The bucket, of 256, of an address (`ip_vs_sh`, `ip_vs_dh`).
fn bucket(address: IpAddr) -> usize {
    (folded(address).wrapping_mul(0x61c8_8647) >> 24) as usize
}

fn folded(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(ip) => u32::from(ip),
        IpAddr::V6(ip) => {
            ip.octets().chunks_exact(4).fold(0, |acc, c| acc ^ u32::from_be_bytes([c[0], c[1], c[2], c[3]]))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hasher};

    #[test]
    fn the_hash_of_maglev_is_sip_1_3() {
        for word in [0, 1, 0xc0a8_0001, u32::MAX] {
            let mut hasher = DefaultHasher::new();
            hasher.write(&word.to_le_bytes());
            assert_eq!(half_sip(word, 0), hasher.finish() as u32);
        }
    }
}
