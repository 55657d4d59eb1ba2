//! The bytes of IP packets.

use crate::api::view::Protocol;
use crate::network::packet::{Packet, Segment};
use std::net::IpAddr;

/// TCP flags that occur here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    pub syn: bool,
    pub ack: bool,
    pub psh: bool,
    pub fin: bool,
    pub rst: bool,
}

impl Flags {
    const NONE: Flags = Flags { syn: false, ack: false, psh: false, fin: false, rst: false };
    pub const SYN: Flags = Flags { syn: true, ..Flags::NONE };
    pub const SYN_ACK: Flags = Flags { syn: true, ack: true, ..Flags::NONE };
    pub const ACK: Flags = Flags { ack: true, ..Flags::NONE };
    pub const PSH_ACK: Flags = Flags { psh: true, ack: true, ..Flags::NONE };
    pub const FIN_ACK: Flags = Flags { fin: true, ack: true, ..Flags::NONE };
    pub const RST: Flags = Flags { rst: true, ack: true, ..Flags::NONE };

    fn byte(self) -> u8 {
        u8::from(self.fin)
            | u8::from(self.syn) << 1
            | u8::from(self.rst) << 2
            | u8::from(self.psh) << 3
            | u8::from(self.ack) << 4
    }
}

/// A packet with its payload; `numbers` are TCP's sequence and acknowledgement numbers.
pub fn bytes(packet: &Packet, flags: Flags, numbers: (u32, u32), payload: &[u8]) -> Vec<u8> {
    let (protocol, segment) = match packet.segment {
        Segment::EchoRequest | Segment::EchoReply => echo(packet),
        _ if packet.protocol == Protocol::Tcp => (6, tcp(packet, flags, numbers, payload)),
        _ => (17, udp(packet, payload)),
    };
    ip(packet, protocol, segment)
}

/// An ICMP "destination unreachable" about another packet, of which it carries the beginning.
pub fn icmp_error(packet: &Packet, about: &[u8]) -> Vec<u8> {
    let port = packet.segment == Segment::PortUnreachable;
    let v4 = packet.src.is_ipv4();
    let (kind, code) = match (v4, port) {
        (true, true) => (3, 3),
        (true, false) => (3, 1),
        (false, true) => (1, 4),
        (false, false) => (1, 3),
    };
    let mut body = vec![kind, code, 0, 0, 0, 0, 0, 0];
    body.extend(&about[..about.len().min(if v4 { 28 } else { 48 })]);
    finish_icmp(packet, &mut body);
    ip(packet, if v4 { 1 } else { 58 }, body)
}

fn echo(packet: &Packet) -> (u8, Vec<u8>) {
    let v4 = packet.src.is_ipv4();
    let request = packet.segment == Segment::EchoRequest;
    let kind = match (v4, request) {
        (true, true) => 8,
        (true, false) => 0,
        (false, true) => 128,
        (false, false) => 129,
    };
    let mut body = vec![kind, 0, 0, 0, 0, 7, 0, 1];
    body.extend(0x10_u8..0x48);
    finish_icmp(packet, &mut body);
    (if v4 { 1 } else { 58 }, body)
}

fn finish_icmp(packet: &Packet, body: &mut [u8]) {
    let start = if packet.src.is_ipv4() { 0 } else { pseudo(packet, 58, body.len()) };
    let sum = checksum(start, body);
    body[2..4].copy_from_slice(&sum.to_be_bytes());
}

fn tcp(packet: &Packet, flags: Flags, (sequence, acknowledged): (u32, u32), payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + payload.len());
    segment.extend(packet.src.port().to_be_bytes());
    segment.extend(packet.dst.port().to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    segment.extend([0x50, flags.byte(), 0xfa, 0xf0, 0, 0, 0, 0]);
    segment.extend(payload);
    let sum = checksum(pseudo(packet, 6, segment.len()), &segment);
    segment[16..18].copy_from_slice(&sum.to_be_bytes());
    segment
}

fn udp(packet: &Packet, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(8 + payload.len());
    datagram.extend(packet.src.port().to_be_bytes());
    datagram.extend(packet.dst.port().to_be_bytes());
    datagram.extend(((8 + payload.len()) as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let sum = checksum(pseudo(packet, 17, datagram.len()), &datagram);
    // Zero would mean "no checksum".
    let sum = if sum == 0 { 0xffff } else { sum };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

fn ip(packet: &Packet, protocol: u8, body: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(40 + body.len());
    match (packet.src.ip(), packet.dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            out.extend([0x45, 0]);
            out.extend(((20 + body.len()) as u16).to_be_bytes());
            out.extend([0, 0, 0x40, 0, packet.ttl, protocol, 0, 0]);
            out.extend(src.octets());
            out.extend(dst.octets());
            let sum = checksum(0, &out);
            out[10..12].copy_from_slice(&sum.to_be_bytes());
        }
        (src, dst) => {
            let octets = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            out.extend([0x60, 0, 0, 0]);
            out.extend((body.len() as u16).to_be_bytes());
            out.extend([protocol, packet.ttl]);
            out.extend(octets(src));
            out.extend(octets(dst));
        }
    }
    out.extend(body);
    out
}

/// The sum over the pseudo header.
fn pseudo(packet: &Packet, protocol: u8, length: usize) -> u32 {
    let mut sum = u32::from(protocol) + length as u32;
    let mut add = |octets: &[u8]| {
        for pair in octets.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
    };
    for side in [packet.src.ip(), packet.dst.ip()] {
        match side {
            IpAddr::V4(ip) => add(&ip.octets()),
            IpAddr::V6(ip) => add(&ip.octets()),
        }
    }
    sum
}

/// The internet checksum, begun with `start`.
fn checksum(start: u32, bytes: &[u8]) -> u16 {
    let mut sum = u64::from(start);
    for pair in bytes.chunks(2) {
        sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
