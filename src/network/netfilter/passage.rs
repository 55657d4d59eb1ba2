//! A packet on its way through the filters, and what the node's kernel remembers between packets.

use super::rule::CtState;
use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::network::packet::Packet;
use fastrand::Rng;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

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
    given: BTreeMap<(Server, SocketAddr), u64>,
    persistent: BTreeMap<(Server, IpAddr), (SocketAddr, Time)>,
}

impl Memory {
    /// Whether `source` was put into `list` within the last `seconds`. Entries that are older are reaped.
    pub fn remembers(&mut self, list: &SmolStr, source: &IpAddr, seconds: u32, now: Time) -> bool {
        let Some(entries) = self.lists.get_mut(list) else { return false };
        entries.retain(|(_, seen)| now.since(*seen) <= Duration::secs(u64::from(seconds)));
        entries.iter().any(|(ip, _)| ip == source)
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

    /// The next turn of a virtual server's round robin, below `among`.
    pub fn turn(&mut self, server: Server, among: usize) -> usize {
        let turn = self.turns.entry(server).or_insert(0);
        let at = *turn as usize % among.max(1);
        *turn = ((at + 1) % among.max(1)) as u32;
        at
    }

    /// How many connections of a virtual server a real one was given.
    pub fn given(&self, server: Server, real: SocketAddr) -> u64 {
        self.given.get(&(server, real)).copied().unwrap_or(0)
    }

    /// Counts a connection.
    pub fn give(&mut self, server: Server, real: SocketAddr) {
        *self.given.entry((server, real)).or_insert(0) += 1;
    }

    /// Where the persistence template of a virtual server sends `client`, unless it has expired.
    pub fn template(&self, server: Server, client: IpAddr, seconds: u32, now: Time) -> Option<SocketAddr> {
        let (to, seen) = self.persistent.get(&(server, client))?;
        (now.since(*seen) <= Duration::secs(u64::from(seconds))).then_some(*to)
    }

    /// Makes or renews a persistence template.
    pub fn keep_template(&mut self, server: Server, client: IpAddr, to: SocketAddr, now: Time) {
        self.persistent.insert((server, client), (to, now));
    }
}

/// All that a packet's way through the rules depends on besides the rules and the packet.
pub struct Context<'a> {
    pub local: &'a LocalAddresses,
    pub memory: &'a mut Memory,
    pub rng: &'a mut Rng,
    pub now: Time,
    /// Whether the trail notes lots that were drawn in vain, too. There are as many as endpoints.
    pub misses: bool,
}
