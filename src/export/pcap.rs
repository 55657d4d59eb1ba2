//! A trace as capture files, one a point where somebody could have run tcpdump: each pod, each machine, and each node's kernel
//! before and after translation. Classic pcap with raw IP packets; Wireshark and tshark open them.
//!
//! A trace tells of one packet each way; here the whole conversation is laid out: handshake, request, answer, farewell, each
//! with real lengths, sequence numbers and checksums. Left out: TLS' own messages (its records hold zeros) and retransmissions.

mod dns;
mod packet;

use crate::api::time::{Duration, EPOCH_SECS, Time};
use crate::arrange::Arrange;
use crate::network::dns::RecordType;
use crate::network::packet::{Packet, Segment};
use crate::runtime::serve;
use crate::trace::{Direction, Exchange, Hop, Place, StepKind, Trace};
use packet::{Flags, bytes};
use std::collections::BTreeMap;

/// A capture: the name of its point (fit for a file name), and the file's bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    pub point: String,
    pub bytes: Vec<u8>,
}

/// A packet at a point: when, and its bytes.
pub type Seen = (Time, Vec<u8>);

/// The captures of a trace, ordered by their points.
pub fn captures(trace: &Trace) -> Vec<Capture> {
    packets(trace).into_iter().map(|(point, seen)| Capture { point, bytes: file(&seen) }).collect()
}

/// The packets of a trace at each point, in the order of time.
pub fn packets(trace: &Trace) -> BTreeMap<String, Vec<Seen>> {
    let mut points: BTreeMap<String, Vec<Seen>> = BTreeMap::new();
    for group in conversations(&trace.hops) {
        conversation(trace.started, group, &mut points);
    }
    points.values_mut().for_each(|seen| seen.arrange_by_key(|(at, _)| *at));
    points
}

/// The packets that a hop sees, as bytes, in their order: those that come in its direction, at each point that it has (a kernel
/// has two, before and after translation).
pub fn packets_at(trace: &Trace, hop: usize) -> Vec<Capture> {
    let Some(hop) = trace.hops.get(hop) else { return Vec::new() };
    let groups = conversations(&trace.hops);
    let Some(group) = groups.into_iter().find(|group| group.iter().any(|h| std::ptr::eq(*h, hop))) else {
        return Vec::new();
    };
    let mut points = BTreeMap::new();
    conversation(trace.started, group, &mut points);
    let mut packets = Vec::new();
    for sight in sights(std::iter::once(&hop)) {
        let from = source_bytes(sight.packet.src.ip());
        let start = if from.len() == 4 { 12 } else { 8 };
        let mut seen: Vec<&Seen> = points.get(&sight.point).into_iter().flatten().collect();
        seen.arrange_by_key(|(at, _)| *at);
        let own = seen.into_iter().filter(|(_, bytes)| bytes.get(start..start + from.len()) == Some(from.as_slice()));
        packets.extend(own.map(|(_, bytes)| Capture { point: sight.point.clone(), bytes: bytes.clone() }));
    }
    packets
}

fn source_bytes(ip: std::net::IpAddr) -> Vec<u8> {
    match ip {
        std::net::IpAddr::V4(ip) => ip.octets().to_vec(),
        std::net::IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

/// The packets of a capture file that [`file`] wrote; `None` when it is anything else.
pub fn read(bytes: &[u8]) -> Option<Vec<Seen>> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if word(0)? != 0xa1b2_c3d4 || word(20)? != 101 {
        return None;
    }
    let (mut packets, mut at) = (Vec::new(), 24);
    while at < bytes.len() {
        let micros = (u64::from(word(at)?).checked_sub(EPOCH_SECS)?) * 1_000_000 + u64::from(word(at + 4)?);
        let length = word(at + 8)? as usize;
        packets.push((Time(micros), bytes.get(at + 16..at + 16 + length)?.to_vec()));
        at += 16 + length;
    }
    Some(packets)
}

/// A capture file of these packets.
pub fn file(seen: &[Seen]) -> Vec<u8> {
    let mut out = Vec::new();
    // Magic of microseconds, version 2.4, no time zone, snap length, LINKTYPE_RAW.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        out.extend(word.to_le_bytes());
    }
    for (at, bytes) in seen {
        let seconds = EPOCH_SECS + at.0 / 1_000_000;
        for word in [seconds as u32, (at.0 % 1_000_000) as u32, bytes.len() as u32, bytes.len() as u32] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
    }
    out
}

/// The hops of each conversation: runs of hops of one exchange. A connection that a proxy's own interrupts is one all the same.
fn conversations(hops: &[Hop]) -> Vec<Vec<&Hop>> {
    let mut groups: Vec<(Exchange, Vec<&Hop>)> = Vec::new();
    for hop in hops {
        let begins = hop.direction == Direction::Request
            && hop.steps.iter().any(|s| {
                matches!(
                    s.kind,
                    StepKind::Connect { .. } | StepKind::DnsQuery { .. } | StepKind::ConnectionReused { .. }
                )
            });
        let known = groups.iter_mut().rev().find(|(exchange, _)| *exchange == hop.exchange);
        match known {
            Some((_, group)) if !begins => group.push(hop),
            _ => groups.push((hop.exchange, vec![hop])),
        }
    }
    groups.into_iter().map(|(_, group)| group).filter(|g| g.iter().any(|h| h.packet.is_some())).collect()
}

/// A packet's headers at one capture point on its way.
struct Sight {
    point: String,
    packet: Packet,
    at: Duration,
}

fn sights<'h>(hops: impl Iterator<Item = &'h &'h Hop>) -> Vec<Sight> {
    let mut found: Vec<Sight> = Vec::new();
    for hop in hops {
        let Some(packet) = hop.packet else { continue };
        let at = hop.steps.first().map_or(Duration::ZERO, |s| s.at);
        let changed = hop.steps.iter().filter_map(|s| s.kind.change()).next_back().map(|(_, after)| *after);
        match &hop.at {
            Place::Kernel { node } => {
                found.push(Sight { point: format!("{node}-before-nat"), packet, at });
                let ended = hop.steps.iter().any(|s| {
                    matches!(s.kind, StepKind::Rejected { .. } | StepKind::Dropped { .. } | StepKind::Lost { .. })
                });
                if !ended {
                    let after = changed.unwrap_or(packet);
                    found.push(Sight {
                        point: format!("{node}-after-nat"),
                        packet: after,
                        at: at + Duration::micros(9),
                    });
                }
            }
            place => {
                let point = match place {
                    Place::Pod { pod, .. } => format!("pod-{}-{}", pod.namespace, pod.name),
                    Place::Node { node } => format!("{node}-host"),
                    Place::Learner => "computer".to_string(),
                    Place::LoadBalancer { service } => format!("load-balancer-{}", service.name),
                    Place::Outside { ip, .. } => format!("outside-{ip}").replace(':', "-"),
                    Place::Kernel { node } => node.to_string(),
                };
                if found.last().is_none_or(|s| s.point != point) {
                    found.push(Sight { point, packet, at });
                }
            }
        }
    }
    found
}

fn conversation(started: Time, hops: Vec<&Hop>, points: &mut BTreeMap<String, Vec<Seen>>) {
    let there = sights(hops.iter().filter(|h| h.direction == Direction::Request));
    let back = sights(hops.iter().filter(|h| h.direction == Direction::Reply));
    let Some(first) = there.first() else { return };
    let steps = || hops.iter().flat_map(|h| h.steps.iter());
    let answered = back.first().map(|s| s.packet.segment);
    let mut script: Script = Vec::new();
    let mut earliest = Vec::new();
    match first.packet.segment {
        Segment::Datagram => {
            let id = u32::from(first.packet.src.port());
            let questions: Vec<_> = steps()
                .filter_map(|s| match &s.kind {
                    StepKind::DnsQuery { name, kind, .. } => Some((name, *kind)),
                    _ => None,
                })
                .collect();
            let answer = |wanted: RecordType| {
                steps().find_map(|s| match &s.kind {
                    StepKind::DnsAnswer { kind, rcode, records, .. } if *kind == wanted => {
                        Some((*rcode, records.clone()))
                    }
                    _ => None,
                })
            };
            // Messages of one socket are told apart by their numbers.
            let numbered = || (id..).map(|id| id as u16).zip(&questions);
            script.extend(
                numbered().map(|(id, (name, kind))| (true, Flags::default(), dns::message(id, name, *kind, None))),
            );
            if questions.is_empty() {
                script.push((true, Flags::default(), b"hello".to_vec()));
            }
            if answered == Some(Segment::Datagram) {
                for (id, (name, kind)) in numbered() {
                    script.push((false, Flags::default(), dns::message(id, name, *kind, answer(*kind))));
                }
                if questions.is_empty() {
                    script.push((false, Flags::default(), b"hello".to_vec()));
                }
            }
        }
        Segment::EchoRequest => {
            script.push((true, Flags::default(), Vec::new()));
            if answered == Some(Segment::EchoReply) {
                script.push((false, Flags::default(), Vec::new()));
            }
        }
        segment => {
            let open = segment != Segment::Syn;
            if !open {
                script.push((true, Flags::SYN, Vec::new()));
            }
            match answered {
                Some(Segment::Rst) => script.push((false, Flags::RST, Vec::new())),
                Some(Segment::Data | Segment::SynAck | Segment::Fin) => {
                    earliest = tcp_talk(&mut script, &hops, open, answered);
                }
                _ => {}
            }
        }
    }
    // An ICMP refusal comes from a node, not from whom the packet was for.
    for hop in hops.iter().filter(|h| h.direction == Direction::Reply) {
        let icmp = hop.packet.filter(|p| matches!(p.segment, Segment::PortUnreachable | Segment::HostUnreachable));
        if let Some(icmp) = icmp {
            let at = hop.steps.first().map_or(Duration::ZERO, |s| s.at);
            for sight in sights([hop].into_iter()) {
                let about = bytes(&first.packet, Flags::SYN, (0, 0), &[]);
                points.entry(sight.point).or_default().push((started + at, packet::icmp_error(&icmp, &about)));
            }
        }
    }
    lay_out(started, &script, &earliest, [&there, &back], points);
}

/// The packets of a conversation: from the client or to it, flags, payload.
type Script = Vec<(bool, Flags, Vec<u8>)>;

/// Handshake, request, answer and farewell of a TCP connection that was answered. Gives the places in the script of what cannot
/// be earlier than the trace has it: an answer waits for what the server does meanwhile.
fn tcp_talk(script: &mut Script, hops: &[&Hop], open: bool, answered: Option<Segment>) -> Vec<(usize, Duration)> {
    let mut earliest = Vec::new();
    let steps = || hops.iter().flat_map(|h| h.steps.iter());
    if !open {
        script.push((false, Flags::SYN_ACK, Vec::new()));
        script.push((true, Flags::ACK, Vec::new()));
    }
    let encrypted = steps().any(|s| matches!(s.kind, StepKind::Tls { .. }));
    let wrap = |text: String| -> Vec<u8> {
        if !encrypted {
            return text.into_bytes();
        }
        // An application data record, its secret kept.
        let length = text.len().min(16_000) as u16;
        let mut record = vec![0x17, 0x03, 0x03];
        record.extend(length.to_be_bytes());
        record.resize(5 + usize::from(length), 0);
        record
    };
    for step in steps() {
        match &step.kind {
            StepKind::HttpRequest { method, host, path, headers } => {
                let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                text.push_str("\r\n");
                script.push((true, Flags::PSH_ACK, wrap(text)));
                script.push((false, Flags::ACK, Vec::new()));
            }
            StepKind::HttpResponse { status, body, headers } => {
                let mut text = format!("HTTP/1.1 {status} {}\r\n", serve::reason(*status));
                for (name, value) in headers {
                    text.push_str(&format!("{name}: {value}\r\n"));
                }
                if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-length")) {
                    text.push_str(&format!("Content-Length: {}\r\n", body.len()));
                }
                text.push_str("\r\n");
                text.push_str(body);
                earliest.push((script.len(), step.at));
                script.push((false, Flags::PSH_ACK, wrap(text)));
                script.push((true, Flags::ACK, Vec::new()));
            }
            StepKind::Answered { text } if !text.is_empty() => {
                script.push((false, Flags::PSH_ACK, text.to_string().into_bytes()));
                script.push((true, Flags::ACK, Vec::new()));
            }
            _ => {}
        }
    }
    let server_ends = answered == Some(Segment::Fin);
    script.push((!server_ends, Flags::FIN_ACK, Vec::new()));
    script.push((server_ends, Flags::FIN_ACK, Vec::new()));
    script.push((!server_ends, Flags::ACK, Vec::new()));
    earliest
}

/// Puts every packet of a script at every point on its way.
fn lay_out(
    started: Time,
    script: &[(bool, Flags, Vec<u8>)],
    earliest: &[(usize, Duration)],
    [there, back]: [&[Sight]; 2],
    points: &mut BTreeMap<String, Vec<Seen>>,
) {
    let begin = there.first().map_or(Duration::ZERO, |s| s.at);
    let mut clock = begin;
    // Next sequence number of client and server.
    let mut next = [1_000_u32, 5_000];
    for (i, (outward, flags, payload)) in script.iter().enumerate() {
        let way = if *outward { there } else { back };
        let Some(first) = way.first() else { continue };
        let floor = earliest.iter().find(|(place, _)| *place == i).map_or(Duration::ZERO, |(_, at)| *at);
        clock = clock.max(floor);
        let (own, other) = (usize::from(!*outward), usize::from(*outward));
        let numbers = (next[own], if flags.ack { next[other] } else { 0 });
        let mut latest = Duration::ZERO;
        for sight in way {
            let offset = Duration(sight.at.0.saturating_sub(first.at.0));
            latest = latest.max(offset);
            // The last place of a way back is where the client takes it: there the packet is already translated.
            let seen = bytes(&sight.packet, *flags, numbers, payload);
            points.entry(sight.point.clone()).or_default().push((started + clock + offset, seen));
        }
        let length = payload.len() as u32 + u32::from(flags.syn || flags.fin);
        next[own] = next[own].wrapping_add(length);
        // Who goes on speaking does not wait; the other end has to have heard it first.
        let goes_on = script.get(i + 1).is_some_and(|(next, ..)| next == outward);
        clock = clock + if goes_on { Duration::micros(2) } else { latest + Duration::micros(30) };
    }
}
