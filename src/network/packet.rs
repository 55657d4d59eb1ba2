//! A packet as the network sees it: addresses, protocol, flags, mark. Payloads are told in words by the trace's steps.

use crate::api::view::Protocol;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What a packet says at layer 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    Syn,
    SynAck,
    Ack,
    /// Data of an open connection.
    Data,
    Fin,
    Rst,
    /// A UDP or SCTP datagram.
    Datagram,
    EchoRequest,
    EchoReply,
    /// ICMP destination unreachable, port unreachable: what `REJECT` answers.
    PortUnreachable,
    /// ICMP destination unreachable, host unreachable: nobody answers ARP.
    HostUnreachable,
}

impl Segment {
    /// The label on the map and in tcpdump's spirit: `SYN`, `SYN,ACK`, `ICMP port unreachable` …
    pub fn label(self) -> &'static str {
        match self {
            Segment::Syn => "SYN",
            Segment::SynAck => "SYN,ACK",
            Segment::Ack => "ACK",
            Segment::Data => "PSH,ACK",
            Segment::Fin => "FIN,ACK",
            Segment::Rst => "RST",
            Segment::Datagram => "UDP",
            Segment::EchoRequest => "ICMP echo request",
            Segment::EchoReply => "ICMP echo reply",
            Segment::PortUnreachable => "ICMP port unreachable",
            Segment::HostUnreachable => "ICMP host unreachable",
        }
    }
}

/// Headers of one packet. ICMP has ports 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packet {
    pub src: SocketAddr,
    pub dst: SocketAddr,
    pub protocol: Protocol,
    pub segment: Segment,
    /// The netfilter mark (kube-proxy's 0x4000: to be masqueraded).
    pub mark: u32,
    pub ttl: u8,
}

impl Packet {
    pub fn tcp_syn(src: SocketAddr, dst: SocketAddr) -> Packet {
        Packet { src, dst, protocol: Protocol::Tcp, segment: Segment::Syn, mark: 0, ttl: 64 }
    }

    pub fn is_icmp(&self) -> bool {
        matches!(
            self.segment,
            Segment::EchoRequest | Segment::EchoReply | Segment::PortUnreachable | Segment::HostUnreachable
        )
    }

    /// The same headers going back.
    pub fn reply(&self, segment: Segment) -> Packet {
        Packet { src: self.dst, dst: self.src, segment, mark: 0, ttl: 64, ..*self }
    }
}

impl fmt::Display for Packet {
    /// `10.244.0.9:41822 → 10.96.14.7:80 SYN`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_icmp() {
            return write!(f, "{} → {} {}", self.src.ip(), self.dst.ip(), self.segment.label());
        }
        write!(f, "{} → {} {}", self.src, self.dst, self.segment.label())
    }
}

/// `10.0.0.1:80`, or `[::1]:80`.
pub fn socket(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip, port)
}
