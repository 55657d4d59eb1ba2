//! Connection tracking of one node (nf_conntrack with nf_nat): the first packet of a connection decides where it goes, all
//! others follow it, and replies are translated back. Nothing else in the kernel remembers.
//!
//! Left out: expectations and helpers, zones, early drop. Timeouts are the kernel's defaults.

use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::arrange::Arrange;
use crate::network::packet::{Packet, Segment};
use hashbrown::HashTable;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

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

    /// Both ends have spoken and mean to go on: the kernel gives up such an entry last (`IPS_ASSURED`).
    fn is_assured(self) -> bool {
        self == FlowState::Established
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

/// Where a flow can be taken down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Room {
    hashes: Hashes,
    makes_way: bool,
}

impl Room {
    /// Whether an ended connection between the same sockets makes way.
    pub fn makes_way(&self) -> bool {
        self.makes_way
    }
}

/// All flows that a node knows. Cheap to clone: copies share one table until a packet changes one of them.
#[derive(Clone, Debug, Default)]
pub struct Conntrack {
    table: Arc<Table>,
}

/// Flows in slots, found by both of their tuples.
#[derive(Clone, Debug, Default)]
struct Table {
    /// Two for each flow, but for one that answers itself.
    index: HashTable<Place>,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// Slots in the order in which their flows began, with the number that tells a slot's flow from an earlier one's.
    begun: VecDeque<(u32, u64)>,
    /// Flows begun so far.
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    flow: Flow,
    number: u64,
    hashes: Hashes,
}

/// Those of a flow's original and of its reply.
type Hashes = [u64; 2];

/// Where a tuple's flow lies, and which of its tuples it is: twice the slot, and one more for the reply.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place(u32);

impl Place {
    fn new(slot: u32, way: Way) -> Place {
        Place(slot << 1 | u32::from(way == Way::Reply))
    }

    fn slot(self) -> u32 {
        self.0 >> 1
    }

    fn way(self) -> Way {
        if self.0 & 1 == 0 { Way::Original } else { Way::Reply }
    }
}

/// A hash of tuples: multiply and rotate, the same in every run.
fn hash(tuple: &Tuple) -> u64 {
    fn mix(hash: u64, word: u64) -> u64 {
        (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
    }
    fn side(hash: u64, side: &SocketAddr) -> u64 {
        match side {
            SocketAddr::V4(v4) => mix(hash, u64::from(v4.ip().to_bits()) << 16 | u64::from(v4.port())),
            SocketAddr::V6(v6) => {
                let bits = v6.ip().to_bits();
                mix(mix(hash, (bits >> 64) as u64), bits as u64 ^ u64::from(v6.port()) << 48)
            }
        }
    }
    let hash = side(side(tuple.protocol as u64, &tuple.src), &tuple.dst);
    // The table goes by the low bits, and multiplying has stirred the high ones.
    hash ^ hash >> 32
}

impl Table {
    fn flow(&self, place: Place) -> Option<&Flow> {
        self.slots.get(place.slot() as usize)?.as_ref().map(|s| &s.flow)
    }

    fn find(&self, tuple: &Tuple) -> Option<Place> {
        self.find_hashed(hash(tuple), tuple)
    }

    fn find_hashed(&self, hash: u64, tuple: &Tuple) -> Option<Place> {
        let is = |place: &Place| match (self.flow(*place), place.way()) {
            (Some(flow), Way::Original) => flow.original == *tuple,
            (Some(flow), Way::Reply) => flow.reply == *tuple,
            (None, _) => false,
        };
        self.index.find(hash, is).copied()
    }

    fn point(&mut self, hash: u64, place: Place) {
        let Table { index, slots, .. } = self;
        let hasher = |place: &Place| {
            slots.get(place.slot() as usize).and_then(|s| s.as_ref()).map_or(0, |s| s.hashes[(place.0 & 1) as usize])
        };
        index.insert_unique(hash, place, hasher);
    }

    fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// `flow`: one whose tuples are free.
    fn insert(&mut self, flow: &Flow, hashes: Hashes) {
        if self.len() >= ROOM {
            self.make_room();
        }
        self.count += 1;
        let number = self.count;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(Slot { flow: *flow, number, hashes });
                slot
            }
            None => {
                self.slots.push(Some(Slot { flow: *flow, number, hashes }));
                self.slots.len() as u32 - 1
            }
        };
        self.point(hashes[0], Place::new(slot, Way::Original));
        if flow.reply != flow.original {
            self.point(hashes[1], Place::new(slot, Way::Reply));
        }
        self.begun.push_back((slot, number));
        // Flows that went out of turn leave their places behind.
        if self.begun.len() > 2 * self.len() + 64 {
            let slots = &self.slots;
            self.begun.retain(|(slot, number)| slots[*slot as usize].as_ref().is_some_and(|s| s.number == *number));
        }
    }

    fn remove(&mut self, slot: u32) {
        let Some(Some(Slot { hashes, .. })) = self.slots.get(slot as usize) else { return };
        for (hash, way) in [(hashes[0], Way::Original), (hashes[1], Way::Reply)] {
            if let Ok(found) = self.index.find_entry(hash, |place| *place == Place::new(slot, way)) {
                found.remove();
            }
        }
        self.slots[slot as usize] = None;
        self.free.push(slot);
    }

    /// Forgets the oldest flow that is not assured; when many are, the oldest of all (`early_drop`).
    fn make_room(&mut self) {
        for turn in 0..64 {
            let Some((slot, number)) = self.begun.pop_front() else { return };
            let Some(found) = self.slots[slot as usize].as_ref().filter(|s| s.number == number) else { continue };
            if !found.flow.state.is_assured() || turn == 63 {
                self.remove(slot);
                return;
            }
            self.begun.push_back((slot, number));
        }
    }
}

/// Flows that a node keeps at most (a small `nf_conntrack_max`).
const ROOM: usize = 4_096;

impl Conntrack {
    /// The flow that a packet belongs to. One that has expired, or has ended and is begun anew, is forgotten.
    pub fn find(&mut self, packet: &Packet, now: Time) -> Option<(Flow, Way)> {
        let place = self.table.find(&Tuple::of(packet))?;
        let flow = *self.table.flow(place)?;
        let begins_anew = packet.segment == Segment::Syn && place.way() == Way::Original && flow.state.is_over();
        if flow.expires < now || begins_anew {
            Arc::make_mut(&mut self.table).remove(place.slot());
            return None;
        }
        Some((flow, place.way()))
    }

    /// The flow that began with this tuple, as it stands.
    pub fn flow(&self, original: &Tuple) -> Option<&Flow> {
        let place = self.table.find(original).filter(|p| p.way() == Way::Original)?;
        self.table.flow(place)
    }

    /// Takes a new flow down. `None`: its reply tuple is taken by another flow (the source port must change first).
    pub fn confirm(&mut self, original: Tuple, reply: Tuple, state: FlowState, now: Time) -> Option<Flow> {
        let taken = self.table.find(&reply).and_then(|place| self.table.flow(place));
        if taken.is_some_and(|other| other.original != original) {
            return None;
        }
        let flow = Flow { original, reply, state, expires: now + state.timeout() };
        if let Some(place) = self.table.find(&original) {
            Arc::make_mut(&mut self.table).remove(place.slot());
        }
        Arc::make_mut(&mut self.table).insert(&flow, [hash(&original), hash(&reply)]);
        Some(flow)
    }

    /// Whether a TCP connection or an exchange of datagrams could begin a flow with these tuples: both are free, or have an
    /// ended connection between the same sockets alone, which makes way. `None`: another flow has one of them.
    pub fn room(&self, original: &Tuple, reply: &Tuple) -> Option<Room> {
        let hashes = [hash(original), hash(reply)];
        let ended = match self.table.find_hashed(hashes[0], original) {
            None => None,
            Some(place) => {
                let over = original.protocol == Protocol::Tcp && self.table.flow(place)?.state.is_over();
                Some(place.slot()).filter(|_| over && place.way() == Way::Original).map(Some)?
            }
        };
        match self.table.find_hashed(hashes[1], reply) {
            Some(place) if Some(place.slot()) != ended => None,
            _ => Some(Room { hashes, makes_way: ended.is_some() }),
        }
    }

    /// Takes a flow down as it has become, where there was [`Conntrack::room`] for it.
    pub fn put(&mut self, flow: &Flow, room: &Room) {
        let table = Arc::make_mut(&mut self.table);
        // It may have made room for another flow meanwhile.
        if room.makes_way
            && let Some(place) = table.find_hashed(room.hashes[0], &flow.original)
        {
            table.remove(place.slot());
        }
        table.insert(flow, room.hashes);
    }

    /// Whether no flow has this tuple, one way or the other.
    pub fn is_free(&self, tuple: &Tuple) -> bool {
        self.table.find(tuple).is_none()
    }

    /// A packet of a flow went by: its state and timeout follow.
    pub fn touch(&mut self, original: &Tuple, segment: Segment, way: Way, now: Time) {
        let Some(place) = self.table.find(original).filter(|p| p.way() == Way::Original) else { return };
        let Some(slot) = &mut Arc::make_mut(&mut self.table).slots[place.slot() as usize] else { return };
        let flow = &mut slot.flow;
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
        let doomed = |(i, slot): (usize, &Option<Slot>)| slot.filter(|s| gone(&s.flow)).map(|_| i as u32);
        let doomed: Vec<u32> = self.table.slots.iter().enumerate().filter_map(doomed).collect();
        if !doomed.is_empty() {
            let table = Arc::make_mut(&mut self.table);
            doomed.iter().for_each(|slot| table.remove(*slot));
        }
        doomed.len()
    }

    /// The flows that began to a virtual server, and have not expired.
    pub fn through(&self, (to, protocol): (SocketAddr, Protocol), now: Time) -> impl Iterator<Item = &Flow> {
        self.all().filter(move |f| f.original.dst == to && f.original.protocol == protocol && f.expires >= now)
    }

    /// All flows, in no order that means anything.
    fn all(&self) -> impl Iterator<Item = &Flow> {
        self.table.slots.iter().flatten().map(|slot| &slot.flow)
    }

    /// The flows that have not expired, ordered by their original tuple.
    pub fn iter(&self, now: Time) -> impl Iterator<Item = &Flow> {
        let mut flows: Vec<&Flow> = self.all().filter(|f| f.expires >= now).collect();
        flows.arrange_by_key(|f| f.original);
        flows.into_iter()
    }

    /// Forgets the oldest flows, so that at most `count` are left.
    pub fn keep_latest(&mut self, count: usize) {
        if self.table.len() <= count {
            return;
        }
        let mut latest: Vec<Slot> = self.table.slots.iter().flatten().copied().collect();
        latest.arrange_by_key(|slot| slot.number);
        let mut table = Table::default();
        latest[latest.len() - count..].iter().for_each(|slot| table.insert(&slot.flow, slot.hashes));
        self.table = Arc::new(table);
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
    use std::net::IpAddr;

    #[test]
    fn what_is_not_assured_makes_room_before_what_is_open() {
        let to = SocketAddr::from(([10, 96, 0, 9], 80));
        let tuple = |n: usize| {
            let src = SocketAddr::new(IpAddr::from([10, 244, (n / 60_000) as u8, 2]), (n % 60_000) as u16);
            Tuple { src, dst: to, protocol: Protocol::Tcp }
        };
        let mut table = Conntrack::default();
        for n in 0..ROOM + 100 {
            table.confirm(tuple(n), tuple(n).inverted(), FlowState::SynSent, Time(0));
            if n == 0 {
                table.touch(&tuple(0), Segment::SynAck, Way::Reply, Time(0));
            }
        }
        assert_eq!(table.iter(Time(0)).count(), ROOM);
        assert!(table.flow(&tuple(0)).is_some(), "an open connection stays");
        assert!(table.flow(&tuple(100)).is_none() && table.flow(&tuple(101)).is_some(), "the oldest others go");
        assert!(table.is_free(&tuple(5)) && table.is_free(&tuple(5).inverted()));
        let copy = table.clone();
        assert_eq!(table.forget_where(|f| f.original.src.port() % 2 == 0), ROOM / 2);
        assert_eq!((copy.iter(Time(0)).count(), table.iter(Time(0)).count()), (ROOM, ROOM / 2));
        assert!(copy.flow(&tuple(200)).is_some() && table.is_free(&tuple(200)), "copies are apart");
    }

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
