//! A packet's bytes, read and told in tcpdump's words.

use super::filter::SERVICES;
use crate::api::time::{EPOCH_SECS, Time};
use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;

/// What the headers of a packet say.
#[derive(Clone, Debug)]
pub struct Packet {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub protocol: u8,
    /// Of TCP and UDP.
    pub ports: Option<(u16, u16)>,
    /// Where the transport's header begins, and where what it carries begins.
    transport: usize,
    payload: usize,
    ttl: u8,
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes.get(at).copied().unwrap_or(0), bytes.get(at + 1).copied().unwrap_or(0)])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(word(bytes, at)) << 16 | u32::from(word(bytes, at + 2))
}

impl Packet {
    /// Reads an IP packet.
    pub fn read(bytes: &[u8]) -> Option<Packet> {
        let (src, dst, protocol, ttl, transport): (IpAddr, IpAddr, u8, u8, usize) = match bytes.first()? >> 4 {
            4 => {
                let ip = |at: usize| <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok().map(IpAddr::from);
                (ip(12)?, ip(16)?, *bytes.get(9)?, *bytes.get(8)?, usize::from(bytes[0] & 15) * 4)
            }
            6 => {
                let ip = |at: usize| <[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok().map(IpAddr::from);
                (ip(8)?, ip(24)?, *bytes.get(6)?, *bytes.get(7)?, 40)
            }
            _ => return None,
        };
        let payload = match protocol {
            6 => transport + usize::from(bytes.get(transport + 12)? >> 4) * 4,
            17 => transport + 8,
            _ => transport,
        };
        let ports = matches!(protocol, 6 | 17).then(|| (word(bytes, transport), word(bytes, transport + 2)));
        Some(Packet { src, dst, protocol, ports, transport, payload, ttl })
    }
}

/// How packets are told, and what is remembered of connections.
#[derive(Clone, Debug, Default)]
pub struct Show {
    /// `-n`.
    pub numbers: bool,
    /// `-v`.
    pub verbose: bool,
    /// `-A`.
    pub ascii: bool,
    /// `-X`.
    pub hex: bool,
    /// `-t`.
    pub no_time: bool,
    /// `-S`.
    pub absolute: bool,
    /// The device is named: `-i any`.
    pub device: bool,
    /// What each direction of a connection counts from.
    first: HashMap<(IpAddr, u16, IpAddr, u16), u32>,
}

impl Show {
    /// Writes a packet's line.
    pub fn packet(&mut self, out: &mut String, at: Time, packet: &Packet, bytes: &[u8], device: (&str, &str)) {
        if !self.no_time {
            let seconds = (EPOCH_SECS + at.0 / 1_000_000) % 86_400;
            let _ = write!(
                out,
                "{:02}:{:02}:{:02}.{:06} ",
                seconds / 3_600,
                seconds / 60 % 60,
                seconds % 60,
                at.0 % 1_000_000
            );
        }
        if self.device {
            let _ = write!(out, "{:<5} {:<3} ", device.0, device.1);
        }
        out.push_str(if packet.src.is_ipv6() { "IP6 " } else { "IP " });
        if self.verbose && packet.src.is_ipv4() {
            let protocol = match packet.protocol {
                1 => "ICMP",
                6 => "TCP",
                _ => "UDP",
            };
            let _ = write!(
                out,
                "(tos 0x0, ttl {}, id 0, offset 0, flags [DF], proto {protocol} ({}), length {})\n    ",
                packet.ttl,
                packet.protocol,
                bytes.len()
            );
        }
        let (from, to) = match packet.ports {
            Some((from, to)) => {
                (format!("{}.{}", packet.src, self.port(from)), format!("{}.{}", packet.dst, self.port(to)))
            }
            None => (packet.src.to_string(), packet.dst.to_string()),
        };
        let _ = write!(out, "{from} > {to}: ");
        match packet.protocol {
            6 => self.tcp(out, packet, bytes),
            17 => udp(out, packet, bytes),
            _ => self.icmp(out, packet, bytes),
        }
        out.push('\n');
        if self.ascii {
            ascii(out, bytes);
        }
        if self.hex {
            hex(out, bytes);
        }
    }

    fn port(&self, port: u16) -> String {
        let named = SERVICES.iter().find(|(_, p)| *p == port && !self.numbers);
        named.map_or_else(|| port.to_string(), |(name, _)| (*name).to_string())
    }

    fn tcp(&mut self, out: &mut String, packet: &Packet, bytes: &[u8]) {
        let (from, to) = packet.ports.unwrap_or_default();
        let flags = bytes.get(packet.transport + 13).copied().unwrap_or(0);
        let (syn, fin, rst, push, ack) =
            (flags & 2 != 0, flags & 1 != 0, flags & 4 != 0, flags & 8 != 0, flags & 16 != 0);
        let mut letters = String::new();
        for (set, letter) in [(fin, 'F'), (syn, 'S'), (rst, 'R'), (push, 'P'), (ack, '.')] {
            if set {
                letters.push(letter);
            }
        }
        let (sequence, acknowledged) = (long(bytes, packet.transport + 4), long(bytes, packet.transport + 8));
        let length = bytes.len().saturating_sub(packet.payload);
        let key = (packet.src, from, packet.dst, to);
        let back = (packet.dst, to, packet.src, from);
        // Numbers count from the first packet of the connection that says both; that one is told as it is.
        let known = self.first.get(&key).copied().zip(self.first.get(&back).copied()).filter(|_| ack && !syn);
        if ack && known.is_none() {
            self.first.insert(key, sequence);
            self.first.insert(back, acknowledged.wrapping_sub(1));
        }
        let relative = |number: u32, first: Option<u32>| match first {
            Some(first) if !self.absolute => number.wrapping_sub(first),
            _ => number,
        };
        let _ = write!(out, "Flags [{letters}]");
        let start = relative(sequence, known.map(|k| k.0));
        if length > 0 {
            let _ = write!(out, ", seq {start}:{}", start.wrapping_add(length as u32));
        } else if syn || fin || rst {
            let _ = write!(out, ", seq {start}");
        }
        if ack {
            let _ = write!(out, ", ack {}", relative(acknowledged, known.map(|k| k.1)));
        }
        let _ = write!(out, ", win {}, length {length}", word(bytes, packet.transport + 14));
        let http = [80, 8_080, 3_128].iter().any(|p| *p == from || *p == to);
        if http && length > 0 {
            let text = String::from_utf8_lossy(&bytes[packet.payload..]);
            let _ = write!(out, ": HTTP: {}", text.lines().next().unwrap_or(""));
        }
    }

    fn icmp(&self, out: &mut String, packet: &Packet, bytes: &[u8]) {
        let at = packet.transport;
        let (kind, code) = (bytes.get(at).copied().unwrap_or(0), bytes.get(at + 1).copied().unwrap_or(0));
        let length = bytes.len().saturating_sub(at);
        let six = packet.src.is_ipv6();
        let name = if six { "ICMP6" } else { "ICMP" };
        let about = bytes.get(at + 8..).and_then(Packet::read);
        let words = match (kind, code, about) {
            (8 | 128, ..) => {
                format!("echo request, id {}, seq {}", word(bytes, at + 4), word(bytes, at + 6))
            }
            (0 | 129, ..) => format!("echo reply, id {}, seq {}", word(bytes, at + 4), word(bytes, at + 6)),
            (3, 3, Some(about)) | (1, 4, Some(about)) => {
                let protocol = if about.protocol == 6 { "tcp" } else { "udp" };
                let port = about.ports.map_or(0, |p| p.1);
                format!("{} {protocol} port {} unreachable", about.dst, self.port(port))
            }
            (_, _, Some(about)) => format!("host {} unreachable", about.dst),
            _ => format!("type {kind}, code {code}"),
        };
        let divider = if six { "," } else { "" };
        let _ = write!(out, "{name}{divider} {words}, length {length}");
    }
}

fn udp(out: &mut String, packet: &Packet, bytes: &[u8]) {
    let (from, to) = packet.ports.unwrap_or_default();
    let payload = bytes.get(packet.payload..).unwrap_or(&[]);
    if from != 53 && to != 53 || payload.len() < 12 {
        let _ = write!(out, "UDP, length {}", payload.len());
        return;
    }
    let (id, flags) = (word(payload, 0), word(payload, 2));
    let (name, mut at) = name(payload, 12);
    let kind = word(payload, at);
    at += 4;
    let _ = write!(out, "{id}");
    if flags & 0x8000 == 0 {
        let _ = write!(out, "+ {}? {name} ({})", kind_name(kind), payload.len());
        return;
    }
    match flags & 15 {
        0 => {}
        2 => out.push_str(" ServFail"),
        3 => out.push_str(" NXDomain"),
        _ => out.push_str(" Refused"),
    }
    if flags & 0x0400 != 0 {
        out.push('*');
    }
    if flags & 0x0080 == 0 {
        out.push('-');
    }
    let answers = word(payload, 6);
    let _ = write!(out, " {answers}/{}/{}", word(payload, 8), word(payload, 10));
    for i in 0..answers {
        let (_, start) = self::name(payload, at);
        let (kind, length) = (word(payload, start), usize::from(word(payload, start + 8)));
        let data = start + 10;
        let shown = match (kind, length) {
            (1, 4) => <[u8; 4]>::try_from(&payload[data..data + 4]).map(|o| IpAddr::from(o).to_string()),
            (28, 16) => <[u8; 16]>::try_from(&payload[data..data + 16]).map(|o| IpAddr::from(o).to_string()),
            (33, _) => Ok(format!("{}:{}", self::name(payload, data + 6).0, word(payload, data + 4))),
            _ => Ok(self::name(payload, data).0),
        };
        let divider = if i == 0 { " " } else { ", " };
        let _ = write!(out, "{divider}{} {}", kind_name(kind), shown.unwrap_or_default());
        at = data + length;
        if at >= payload.len() {
            break;
        }
    }
    let _ = write!(out, " ({})", payload.len());
}

/// A name in a message, and where it ends.
fn name(bytes: &[u8], mut at: usize) -> (String, usize) {
    let mut name = String::new();
    while let Some(length) = bytes.get(at).copied().filter(|l| *l > 0 && *l < 64) {
        let end = at + 1 + usize::from(length);
        name.push_str(&String::from_utf8_lossy(bytes.get(at + 1..end).unwrap_or(&[])));
        name.push('.');
        at = end;
    }
    (name, at + 1)
}

fn kind_name(kind: u16) -> String {
    match kind {
        1 => "A".to_string(),
        2 => "NS".to_string(),
        5 => "CNAME".to_string(),
        6 => "SOA".to_string(),
        12 => "PTR".to_string(),
        15 => "MX".to_string(),
        16 => "TXT".to_string(),
        28 => "AAAA".to_string(),
        33 => "SRV".to_string(),
        other => format!("Type{other}"),
    }
}

/// The packet as characters (`-A`).
fn ascii(out: &mut String, bytes: &[u8]) {
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' if bytes.get(i + 1) == Some(&b'\n') => {}
            b'\n' | b'\t' | b' ' | 0x21..=0x7e => out.push(char::from(*byte)),
            _ => out.push('.'),
        }
    }
    out.push('\n');
}

/// The packet in hexadecimal digits and characters (`-X`).
fn hex(out: &mut String, bytes: &[u8]) {
    for (i, row) in bytes.chunks(16).enumerate() {
        let digits: Vec<String> =
            row.chunks(2).map(|pair| pair.iter().map(|b| format!("{b:02x}")).collect::<String>()).collect();
        let text: String = row.iter().map(|b| if (0x21..=0x7e).contains(b) { char::from(*b) } else { '.' }).collect();
        let _ = writeln!(out, "\t0x{:04x}:  {:<39}  {text}", i * 16, digits.join(" "));
    }
}
