//! Connection tracking of one node (nf_conntrack with nf_nat): the first packet of a connection decides where it goes, all
//! others follow it, and replies are translated back. Nothing else in the kernel remembers.
//!
//! Left out: expectations and helpers, zones, early drop. Timeouts are the kernel's defaults.

use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::arrange::Arrange;
use crate::network::packet::{Packet, Segment};
use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, Vector};
use std::hash::{BuildHasherDefault, Hasher};
use std::net::SocketAddr;

/// One direction of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub protocol: Protocol,
}

impl Tuple {
    pub fn of(packet: &Packet) -> Tuple {
        Tuple { src: packet.src, dst: packet.dst, protocol: packet.protocol }
    }

    pub fn inverted(self) -> Tuple {
        Tuple { src: self.dst, dst: self.src, ..self }
    }
}

/// What TCP has come to, as far as timeouts depend on it. UDP is told by whether a reply was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowState {
    SynSent,
    Established,
    TimeWait,
    /// A RST went by.
    Closed,
    UdpNew,
    UdpReplied,
    Icmp,
}

impl FlowState {
    /// As `conntrack -L` prints it; empty for UDP and ICMP.
    pub fn name(self) -> &'static str {
        match self {
            FlowState::SynSent => "SYN_SENT",
            FlowState::Established => "ESTABLISHED",
            FlowState::TimeWait => "TIME_WAIT",
            FlowState::Closed => "CLOSE",
            FlowState::UdpNew | FlowState::UdpReplied | FlowState::Icmp => "",
        }
    }

    /// How long an entry lives without packets.
    pub fn timeout(self) -> Duration {
        Duration::secs(match self {
            FlowState::SynSent | FlowState::TimeWait => 120,
            // kube-proxy lowers the kernel's five days (conntrack.tcpEstablishedTimeout).
            FlowState::Established => 86_400,
            FlowState::Closed => 10,
            FlowState::UdpNew => 30,
            FlowState::UdpReplied => 120,
            FlowState::Icmp => 30,
        })
    }

    fn is_over(self) -> bool {
        matches!(self, FlowState::TimeWait | FlowState::Closed)
    }
}

/// A tracked flow: as it began, and as the replies to it look before they are translated back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub original: Tuple,
    pub reply: Tuple,
    pub state: FlowState,
    pub expires: Time,
}

impl Flow {
    pub fn is_dnat(&self) -> bool {
        self.original.dst != self.reply.src
    }

    pub fn is_snat(&self) -> bool {
        self.original.src != self.reply.dst
    }
}

/// Which way a packet goes in its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Original,
    Reply,
}

/// What a tuple stands for.
#[derive(Clone, Copy, Debug)]
enum Entry {
    /// The original tuple of a flow.
    Flow(Flow),
    /// The replies to the flow with this original tuple.
    Replies(Tuple),
}

/// All flows that a node knows. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {
    /// Two for each flow, but for one that answers itself.
    entries: GenericHashMap<Tuple, Entry, BuildHasherDefault<TupleHasher>, DefaultSharedPtr>,
    flows: usize,
    /// Original tuples in the order in which their flows began, some of them forgotten since.
    begun: Vector<Tuple>,
}

/// A hash for tuples: multiply and rotate, the same in every run.
#[derive(Clone, Copy, Debug, Default)]
pub struct TupleHasher(u64);

impl Hasher for TupleHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        // The map goes by the low bits first, and multiplying has stirred the high ones.
        self.0.rotate_left(26)
    }
}

/// Flows that a node keeps at most (a small `nf_conntrack_max`): when it is full, what expires first makes room.
const ROOM: usize = 16_384;

impl Conntrack {
    /// The flow that a packet belongs to. One that has expired, or has ended and is begun anew, is forgotten.
    pub fn find(&mut self, packet: &Packet, now: Time) -> Option<(Flow, Way)> {
        let (flow, way) = match *self.entries.get(&Tuple::of(packet))? {
            Entry::Flow(flow) => (flow, Way::Original),
            Entry::Replies(original) => (*self.flow(&original)?, Way::Reply),
        };
        let begins_anew = packet.segment == Segment::Syn && way == Way::Original && flow.state.is_over();
        if flow.expires < now || begins_anew {
            self.forget(&flow.original);
            return None;
        }
        Some((flow, way))
    }

    fn flow(&self, original: &Tuple) -> Option<&Flow> {
        match self.entries.get(original) {
            Some(Entry::Flow(flow)) => Some(flow),
            _ => None,
        }
    }

    /// Takes a new flow down. `None`: its reply tuple is taken by another flow (the source port must change first).
    pub fn confirm(&mut self, original: Tuple, reply: Tuple, state: FlowState, now: Time) -> Option<Flow> {
        match self.entries.get(&reply) {
            Some(Entry::Flow(other)) if other.original != original => return None,
            Some(Entry::Replies(other)) if *other != original => return None,
            _ => {}
        }
        if self.flows >= ROOM {
            self.make_room(now);
        }
        let flow = Flow { original, reply, state, expires: now + state.timeout() };
        if reply != original {
            self.entries.insert(reply, Entry::Replies(original));
        }
        if !matches!(self.entries.insert(original, Entry::Flow(flow)), Some(Entry::Flow(_))) {
            self.flows += 1;
        }
        self.begun.push_back(original);
        Some(flow)
    }

    /// Whether a reply tuple is still free.
    pub fn is_free(&self, reply: &Tuple) -> bool {
        !self.entries.contains_key(reply)
    }

    /// A packet of a flow went by: its state and timeout follow.
    pub fn touch(&mut self, original: &Tuple, segment: Segment, way: Way, now: Time) {
        let Some(Entry::Flow(flow)) = self.entries.get_mut(original) else { return };
        flow.state = match (flow.state, segment, way) {
            (_, Segment::Rst, _) => FlowState::Closed,
            (_, Segment::Fin, _) => FlowState::TimeWait,
            (FlowState::SynSent, _, Way::Reply) => FlowState::Established,
            (FlowState::UdpNew, _, Way::Reply) => FlowState::UdpReplied,
            (state, ..) => state,
        };
        flow.expires = now + flow.state.timeout();
    }

    /// Removes the flows for which `gone` is true (`conntrack -D`; kube-proxy does so for UDP when endpoints change).
    pub fn forget_where(&mut self, gone: impl Fn(&Flow) -> bool) -> usize {
        let doomed: Vec<Tuple> = self.all().filter(|f| gone(f)).map(|f| f.original).collect();
        for original in &doomed {
            self.forget(original);
        }
        let entries = &self.entries;
        self.begun.retain(|t| matches!(entries.get(t), Some(Entry::Flow(_))));
        doomed.len()
    }

    fn forget(&mut self, original: &Tuple) {
        if let Some(Entry::Flow(flow)) = self.entries.remove(original) {
            self.entries.remove(&flow.reply);
            self.flows -= 1;
        }
    }

    /// Forgets the oldest flow that is over; when many are open, the oldest of all.
    fn make_room(&mut self, now: Time) {
        for turn in 0..64 {
            let Some(oldest) = self.begun.pop_front() else { return };
            let Some(flow) = self.flow(&oldest) else { continue };
            if flow.state.is_over() || flow.expires < now || turn == 63 {
                self.forget(&oldest);
                return;
            }
            self.begun.push_back(oldest);
        }
    }

    /// All flows, in no order that means anything.
    fn all(&self) -> impl Iterator<Item = &Flow> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::Flow(flow) => Some(flow),
            Entry::Replies(_) => None,
        })
    }

    /// The flows that have not expired, ordered by their original tuple.
    pub fn iter(&self, now: Time) -> impl Iterator<Item = &Flow> {
        let mut flows: Vec<&Flow> = self.all().filter(|f| f.expires >= now).collect();
        flows.arrange_by_key(|f| f.original);
        flows.into_iter()
    }

    pub fn clear(&mut self) {
        *self = Conntrack::default();
    }
}

/// The state in which a flow begins with this packet.
pub fn first_state(packet: &Packet) -> FlowState {
    match packet.segment {
        Segment::Datagram => FlowState::UdpNew,
        Segment::EchoRequest => FlowState::Icmp,
        _ => FlowState::SynSent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_finds_its_flow_and_a_closed_one_is_begun_anew() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let syn = Packet::tcp_syn(at("10.244.1.2:40000"), at("10.96.0.9:80"));
        let mut table = Conntrack::default();
        let original = Tuple::of(&syn);
        let reply = Tuple { src: at("10.244.2.2:8080"), dst: at("10.244.1.2:40000"), protocol: Protocol::Tcp };
        assert!(table.find(&syn, Time(0)).is_none());
        table.confirm(original, reply, FlowState::SynSent, Time(0));
        let back = Packet { src: reply.src, dst: reply.dst, segment: Segment::SynAck, ..syn };
        let (flow, way) = table.find(&back, Time(0)).unwrap();
        assert_eq!((way, flow.original.dst), (Way::Reply, at("10.96.0.9:80")));
        table.touch(&original, Segment::Fin, Way::Original, Time(0));
        assert!(table.find(&syn, Time(1)).is_none(), "a SYN after the end begins a new flow");
        assert!(table.find(&back, Time(1)).is_none());
    }
}
