//! The rules of one node and one address family: fixed chains that kube-proxy always writes, and one chunk for each service
//! port.
//!
//! A chunk is shared by all nodes for which it would be the same, is replaced as a whole when its service port changes, and
//! makes its rules when somebody first asks for them. A fixed chain that collects rules of all service ports (`KUBE-SERVICES`,
//! a verdict map of nftables, an ipset) does not hold them: it names a [`Space`], and each chunk says what it puts there. So a
//! change costs what its chunk costs, and a packet finds its rules by destination instead of trying thousands of others; that
//! this comes out the same as trying them all is tested.

use super::rule::{Because, Chain, ChainRef, Peer, Rule, SetKey, Space, Table};
use crate::api::view::Protocol;
use crate::arrange::Arrange;
use imbl::OrdMap;
use smol_str::SmolStr;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};

/// A port of a Service: what kube-proxy calls ServicePortName.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortName {
    pub namespace: SmolStr,
    pub service: SmolStr,
    /// The port's name; empty when it has none.
    pub port: SmolStr,
    pub protocol: Protocol,
}

impl fmt::Display for PortName {
    /// `default/web:http`, or `default/web` for a port without a name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.service)?;
        if self.port.is_empty() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Where a rule of a chunk applies: what a packet's destination must be for it to match. `None`: any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub space: Space,
    pub ip: Option<IpAddr>,
    pub port: Option<(Protocol, u16)>,
}

/// What a chunk puts into a space.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub space: Space,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A rule of a collecting chain, or an element of a verdict map.
    Rule(Rule),
    /// A member of an address set or ipset.
    Member(Member),
    /// A virtual server of ipvs.
    Server(VirtualServer),
}

/// A member of a set. Fields that the set's type does not have are `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub ip: Option<IpAddr>,
    pub port: Option<(Protocol, u16)>,
    pub source: Option<Peer>,
}

/// A virtual server of ipvs and the real servers behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualServer {
    pub ip: IpAddr,
    pub port: u16,
    pub protocol: Protocol,
    pub scheduler: Scheduler,
    /// Seconds for which a client stays with its real server.
    pub persistent: Option<u32>,
    pub real: Vec<RealServer>,
    pub because: Because,
}

impl VirtualServer {
    /// What names it: address, port and protocol.
    pub fn key(&self) -> (SocketAddr, Protocol) {
        (SocketAddr::new(self.ip, self.port), self.protocol)
    }

    /// Whether this is the virtual server of a destination.
    pub fn at(&self, destination: &SocketAddr, protocol: Protocol) -> bool {
        self.ip == destination.ip() && self.port == destination.port() && self.protocol == protocol
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct RealServer {
    pub ip: IpAddr,
    pub port: u16,
    pub weight: u32,
    pub because: Because,
}

impl RealServer {
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

/// How ipvs chooses a real server. kube-proxy gives all of them the weight 1, so weighted round robin turns as plain round robin
/// does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheduler {
    /// Round robin.
    #[default]
    RoundRobin,
    WeightedRoundRobin,
    /// Least connections, an active one counting as 256 inactive ones.
    LeastConnection,
    WeightedLeastConnection,
    /// Shortest expected delay: the fewest active connections, with the new one.
    ShortestExpectedDelay,
    /// The first that is idle, else by shortest expected delay.
    NeverQueue,
    /// By hash of the destination address: always the same one for a virtual server.
    DestinationHash,
    /// By hash of the source address.
    SourceHash,
    /// By hash of source address and source port: kube-proxy always sets `mh-port`, and never `mh-fallback`.
    Maglev,
    /// The one that the virtual server has, until it is overloaded and another one is idle.
    Locality,
    /// The least loaded of those that the virtual server has; one more when it is overloaded and another one is idle.
    LocalityReplicated,
    /// The first of those that weigh the most.
    Failover,
    /// The same, but for those that have more active connections than they weigh.
    Overflow,
}

impl Scheduler {
    /// By the names of kernel modules, `ip_vs_NAME`, as `--ipvs-scheduler` takes them.
    pub const ALL: [(&'static str, Scheduler); 13] = [
        ("rr", Scheduler::RoundRobin),
        ("wrr", Scheduler::WeightedRoundRobin),
        ("lc", Scheduler::LeastConnection),
        ("wlc", Scheduler::WeightedLeastConnection),
        ("sed", Scheduler::ShortestExpectedDelay),
        ("nq", Scheduler::NeverQueue),
        ("dh", Scheduler::DestinationHash),
        ("sh", Scheduler::SourceHash),
        ("mh", Scheduler::Maglev),
        ("lblc", Scheduler::Locality),
        ("lblcr", Scheduler::LocalityReplicated),
        ("fo", Scheduler::Failover),
        ("ovf", Scheduler::Overflow),
    ];

    pub fn name(self) -> &'static str {
        Scheduler::ALL.iter().find(|(_, scheduler)| *scheduler == self).map_or("", |(name, _)| name)
    }

    /// Nothing means `rr`, kube-proxy's default.
    pub fn read(name: &str) -> Option<Scheduler> {
        match name {
            "" => Some(Scheduler::default()),
            name => Scheduler::ALL.iter().find(|(n, _)| *n == name).map(|(_, scheduler)| *scheduler),
        }
    }

    /// Whether the real servers take turns.
    pub fn takes_turns(self) -> bool {
        matches!(self, Scheduler::RoundRobin | Scheduler::WeightedRoundRobin)
    }

    /// Whether it is always the same real server for a client.
    pub fn is_fixed(self) -> bool {
        matches!(self, Scheduler::DestinationHash | Scheduler::SourceHash | Scheduler::Failover)
    }

    /// Whether it is by the real server that the virtual server had before.
    pub fn by_locality(self) -> bool {
        matches!(self, Scheduler::Locality | Scheduler::LocalityReplicated)
    }
}

/// All that a service port contributes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Its own chains, in the order in which kube-proxy creates them.
    pub chains: Vec<Chain>,
    pub entries: Vec<Entry>,
    /// The chain whose first rule is written before those of all other chains.
    pub first: Option<u16>,
}

type Make = Box<dyn FnOnce() -> Rules + Send>;

/// The rules of one service port.
pub struct Chunk {
    pub name: PortName,
    /// Where its entries apply.
    pub keys: Vec<Key>,
    rules: LazyLock<Rules, Make>,
}

impl Chunk {
    /// `make` is called once, when the rules are first asked for.
    pub fn new(name: PortName, keys: Vec<Key>, make: impl FnOnce() -> Rules + Send + 'static) -> Chunk {
        Chunk { name, keys, rules: LazyLock::new(Box::new(make)) }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn entries(&self, space: Space) -> impl Iterator<Item = &Content> {
        self.rules().entries.iter().filter(move |e| e.space == space).map(|e| &e.content)
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("name", &self.name).field("rules", self.rules()).finish()
    }
}

/// Where the kernel hands a packet to the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

/// A part of a fixed chain.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Rule(Rule),
    /// A rule about a set that is written only when the set has members.
    IfAny(Space, Rule),
    /// Here stand the rules that service ports put into this space.
    Collected(Space),
}

/// A chain that is there whatever the Services say.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedChain {
    pub name: SmolStr,
    pub table: Table,
    /// A chain of the kernel's hook itself (`PREROUTING`), not one that kube-proxy made.
    pub builtin: Option<BaseHook>,
    pub parts: Vec<Part>,
}

impl FixedChain {
    /// A chain of the kernel's hook itself.
    pub fn base(name: &'static str, table: Table, hook: Hook, priority: i16, parts: Vec<Part>) -> FixedChain {
        FixedChain { name: SmolStr::new_static(name), table, builtin: Some(BaseHook { hook, priority }), parts }
    }

    /// A chain that kube-proxy makes.
    pub fn made(name: &'static str, table: Table, parts: Vec<Part>) -> FixedChain {
        FixedChain { name: SmolStr::new_static(name), table, builtin: None, parts }
    }
}

/// Where a base chain hangs, and its priority (lower runs first).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseHook {
    pub hook: Hook,
    pub priority: i16,
}

/// What a space is, for printing it and for asking it.
#[derive(Clone, Debug, PartialEq)]
pub struct SpaceInfo {
    pub name: SmolStr,
    pub kind: SpaceKind,
    pub comment: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceKind {
    /// Rules of a fixed chain.
    Chain,
    /// A verdict map of nftables, by its key: address, protocol and port, or without the address.
    Map(SetKey),
    /// A set of addresses of nftables.
    Set,
    /// An ipset, and how it is asked.
    IpSet(SetKey),
    /// The virtual servers of ipvs.
    Servers,
    /// The addresses that ipvs binds to its dummy interface.
    Bound,
}

/// The tool that lists the rules of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    Iptables,
    Nft,
}

/// A station of [`Program::explore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A fixed chain, by its place; when `last`, a packet whose way ends there is asked no further.
    Chain { chain: u8, last: bool },
    /// A fixed chain that only packets to the node itself meet.
    Input { chain: u8 },
    /// The virtual servers of ipvs.
    Servers,
    /// A fixed chain that every possible destination is asked about.
    Leave { chain: u8 },
}

/// The fixed part of a program: shared by all nodes with the same settings.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub chains: Vec<FixedChain>,
    pub spaces: Vec<SpaceInfo>,
    /// Members of sets that come from the node, not from a Service (nftables' `nodeport-ips`).
    pub members: Vec<(Space, IpAddr)>,
    pub syntax: Syntax,
    /// Of IPv6.
    pub v6: bool,
    /// The chains that decide about a packet, as [`Program::explore`] asks them.
    pub survey: Vec<Stage>,
    /// Places of base chains in `chains`, by hook, in the order in which the kernel runs them.
    hooks: [Vec<u8>; 5],
    servers: Option<Space>,
    bound: Option<Space>,
}

impl Frame {
    pub fn new(syntax: Syntax, v6: bool, chains: Vec<FixedChain>, spaces: Vec<SpaceInfo>, survey: Vec<Stage>) -> Frame {
        let hooks = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting].map(|hook| {
            let base = |i: u8| chains[usize::from(i)].builtin.filter(|b| b.hook == hook);
            let mut places: Vec<u8> = (0..chains.len() as u8).filter(|i| base(*i).is_some()).collect();
            places.arrange_by_key(|i| base(*i).map(|b| b.priority));
            places
        });
        let find = |kind| spaces.iter().position(|s: &SpaceInfo| s.kind == kind).map(|i| Space(i as u8));
        let (servers, bound) = (find(SpaceKind::Servers), find(SpaceKind::Bound));
        Frame { chains, spaces, members: Vec::new(), syntax, v6, survey, hooks, servers, bound }
    }

    /// The base chains of a hook, in the order in which the kernel runs them.
    pub fn hooked(&self, hook: Hook) -> impl Iterator<Item = &FixedChain> {
        self.hooks[hook as usize].iter().map(|i| &self.chains[usize::from(*i)])
    }

    pub fn chain(&self, name: &str, table: Table) -> Option<&FixedChain> {
        self.chains.iter().find(|c| c.name == name && c.table == table)
    }

    pub fn space(&self, space: Space) -> &SpaceInfo {
        &self.spaces[usize::from(space.0)]
    }

    /// The virtual servers, when the program is one of ipvs.
    pub fn servers(&self) -> Option<Space> {
        self.servers
    }

    /// The addresses bound to the dummy interface, when the program is one of ipvs.
    pub fn bound(&self) -> Option<Space> {
        self.bound
    }
}

/// The rules of one node for one address family. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Program {
    pub frame: Arc<Frame>,
    chunks: OrdMap<PortName, Arc<Chunk>>,
    /// Chunks by what they apply to, ordered by name.
    index: OrdMap<Key, Vec<Arc<Chunk>>>,
}

impl Program {
    pub fn new(frame: Arc<Frame>) -> Program {
        Program { frame, chunks: OrdMap::new(), index: OrdMap::new() }
    }

    /// Puts the chunk of a service port in place of the one it had.
    pub fn put(&mut self, chunk: Arc<Chunk>) {
        if let Some(old) = self.chunks.insert(chunk.name.clone(), chunk.clone()) {
            if old.keys == chunk.keys {
                for key in &old.keys {
                    for slot in self.index.get_mut(key).into_iter().flatten() {
                        if slot.name == chunk.name {
                            *slot = chunk.clone();
                        }
                    }
                }
                return;
            }
            self.unindex(&old);
        }
        for key in &chunk.keys {
            let slots = self.index.entry(*key).or_default();
            if let Err(at) = slots.binary_search_by(|c| c.name.cmp(&chunk.name)) {
                slots.insert(at, chunk.clone());
            }
        }
    }

    pub fn remove(&mut self, name: &PortName) -> Option<Arc<Chunk>> {
        let old = self.chunks.remove(name)?;
        self.unindex(&old);
        Some(old)
    }

    fn unindex(&mut self, chunk: &Chunk) {
        for key in &chunk.keys {
            if let Some(slots) = self.index.get_mut(key) {
                slots.retain(|c| c.name != chunk.name);
                if slots.is_empty() {
                    self.index.remove(key);
                }
            }
        }
    }

    pub fn get(&self, name: &PortName) -> Option<&Arc<Chunk>> {
        self.chunks.get(name)
    }

    /// The name of a chain that a rule of `chunk` leads to.
    pub fn chain_name<'a>(&'a self, to: ChainRef, chunk: Option<&'a Chunk>) -> &'a str {
        match to {
            ChainRef::Fixed(i) => self.frame.chains.get(usize::from(i)).map_or("", |c| &c.name),
            ChainRef::Own(i) => chunk.and_then(|c| c.rules().chains.get(usize::from(i))).map_or("", |c| &c.name),
        }
    }

    /// All chunks, ordered by the names of their service ports.
    pub fn chunks(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        self.chunks.values()
    }

    /// The entries that all service ports put into a space, with their chunks.
    pub fn entries(&self, space: Space) -> impl Iterator<Item = (&Chunk, &Content)> {
        self.chunks().flat_map(move |c| c.entries(space).map(move |e| (&**c, e)))
    }

    /// Whether no service port puts anything into a space. Asks keys alone, so no rules are made.
    pub fn is_empty(&self, space: Space) -> bool {
        let first = Key { space, ip: None, port: None };
        self.index.range(first..).next().is_none_or(|(key, _)| key.space != space)
    }

    /// The chunks that have an entry in `space` for exactly this destination, ordered by name.
    pub fn at(&self, key: &Key) -> &[Arc<Chunk>] {
        self.index.get(key).map_or(&[], Vec::as_slice)
    }
}
