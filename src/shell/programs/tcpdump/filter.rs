//! The expression behind tcpdump's options: which packets are looked for (`pcap-filter`). Left out: offsets into packets
//! (`tcp[13]`), link-layer addresses, gateways.

use super::show::Packet;
use ipnet::IpNet;
use std::net::IpAddr;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    All,
    Protocol(u8),
    /// `true`: version 6.
    Version(bool),
    Host(Side, IpAddr),
    Net(Side, IpNet),
    Ports(Side, u16, u16),
    Not(Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

/// Which end of a packet is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Either,
    Source,
    Destination,
}

impl Side {
    fn holds(self, source: bool, destination: bool) -> bool {
        match self {
            Side::Either => source || destination,
            Side::Source => source,
            Side::Destination => destination,
        }
    }
}

/// Names of ports that people filter by.
pub const SERVICES: [(&str, u16); 8] = [
    ("http", 80),
    ("https", 443),
    ("domain", 53),
    ("ssh", 22),
    ("http-alt", 8080),
    ("postgresql", 5_432),
    ("mysql", 3_306),
    ("redis", 6_379),
];

const SYNTAX: &str = "can't parse filter expression: syntax error";

impl Filter {
    /// Reads an expression.
    pub fn read(text: &str) -> Result<Filter, String> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('!', " ! ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        if words.is_empty() {
            return Ok(Filter::All);
        }
        let mut reader = Reader { words: &words, at: 0, depth: 0 };
        let filter = reader.or()?;
        if reader.at < words.len() { Err(SYNTAX.to_string()) } else { Ok(filter) }
    }

    pub fn takes(&self, packet: &Packet) -> bool {
        match self {
            Filter::All => true,
            Filter::Protocol(number) => packet.protocol == *number,
            Filter::Version(six) => packet.src.is_ipv6() == *six,
            Filter::Host(side, ip) => side.holds(packet.src == *ip, packet.dst == *ip),
            Filter::Net(side, net) => side.holds(net.contains(&packet.src), net.contains(&packet.dst)),
            Filter::Ports(side, from, to) => {
                let within = |port: Option<u16>| port.is_some_and(|p| (*from..=*to).contains(&p));
                side.holds(within(packet.ports.map(|p| p.0)), within(packet.ports.map(|p| p.1)))
            }
            Filter::Not(inner) => !inner.takes(packet),
            Filter::And(a, b) => a.takes(packet) && b.takes(packet),
            Filter::Or(a, b) => a.takes(packet) || b.takes(packet),
        }
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> &'a str {
        self.words.get(self.at).copied().unwrap_or("")
    }

    fn next(&mut self) -> &'a str {
        let word = self.peek();
        self.at += 1;
        word
    }

    fn or(&mut self) -> Result<Filter, String> {
        let mut left = self.and()?;
        while matches!(self.peek(), "or" | "||") {
            self.at += 1;
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, String> {
        let mut left = self.not()?;
        while matches!(self.peek(), "and" | "&&") {
            self.at += 1;
            left = Filter::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Filter, String> {
        self.depth += 1;
        if self.depth > 64 {
            return Err(SYNTAX.to_string());
        }
        let found = match self.peek() {
            "not" | "!" => {
                self.at += 1;
                Filter::Not(Box::new(self.not()?))
            }
            "(" => {
                self.at += 1;
                let inner = self.or()?;
                if self.next() != ")" {
                    return Err(SYNTAX.to_string());
                }
                inner
            }
            _ => self.primitive()?,
        };
        self.depth -= 1;
        Ok(found)
    }

    /// `[protocol] [src|dst] [host|net|port|portrange] name`.
    fn primitive(&mut self) -> Result<Filter, String> {
        let protocol = match self.peek() {
            "tcp" => Some(Filter::Protocol(6)),
            "udp" => Some(Filter::Protocol(17)),
            "icmp" => Some(Filter::Protocol(1)),
            "icmp6" => Some(Filter::Protocol(58)),
            "ip" => Some(Filter::Version(false)),
            "ip6" => Some(Filter::Version(true)),
            _ => None,
        };
        if protocol.is_some() {
            self.at += 1;
            if matches!(self.peek(), "" | "and" | "&&" | "or" | "||" | ")") {
                return protocol.ok_or_else(|| SYNTAX.to_string());
            }
        }
        let side = match self.peek() {
            "src" => Side::Source,
            "dst" => Side::Destination,
            _ => Side::Either,
        };
        if side != Side::Either {
            self.at += 1;
        }
        let kind = self.peek();
        let found = match kind {
            "port" => {
                self.at += 1;
                let port = port(self.next())?;
                Filter::Ports(side, port, port)
            }
            "portrange" => {
                self.at += 1;
                let (from, to) = self.next().split_once('-').ok_or(SYNTAX)?;
                Filter::Ports(side, port(from)?, port(to)?)
            }
            "net" => {
                self.at += 1;
                Filter::Net(side, self.next().parse().map_err(|_| SYNTAX.to_string())?)
            }
            _ => {
                if kind == "host" {
                    self.at += 1;
                } else if side == Side::Either && protocol.is_none() && kind.parse::<IpAddr>().is_err() {
                    return Err(SYNTAX.to_string());
                }
                let name = self.next();
                if name.is_empty() {
                    return Err(SYNTAX.to_string());
                }
                Filter::Host(side, name.parse().map_err(|_| format!("unknown host '{name}'"))?)
            }
        };
        Ok(match protocol {
            Some(protocol) => Filter::And(Box::new(protocol), Box::new(found)),
            None => found,
        })
    }
}

fn port(word: &str) -> Result<u16, String> {
    let named = SERVICES.iter().find(|(name, _)| *name == word).map(|(_, port)| *port);
    named.or_else(|| word.parse().ok()).ok_or_else(|| format!("unknown port '{word}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet() -> Packet {
        // 10.244.0.3:36000 → 10.96.0.10:80, a SYN.
        let mut bytes = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 244, 0, 3, 10, 96, 0, 10];
        bytes.extend([0x8c, 0xa0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2, 0xfa, 0xf0, 0, 0, 0, 0]);
        Packet::read(&bytes).unwrap()
    }

    #[test]
    fn expressions_choose_packets() {
        for (text, takes) in [
            ("", true),
            ("tcp port 80", true),
            ("udp port 80", false),
            ("port http and host 10.96.0.10", true),
            ("dst port 80 and not src 10.244.0.4", true),
            ("src port 80 or (udp and port 53)", false),
            ("net 10.244.0.0/16", true),
            ("dst net 10.244.0.0/16", false),
            ("portrange 1-100", true),
            ("ip6", false),
        ] {
            assert_eq!(Filter::read(text).map(|f| f.takes(&packet())), Ok(takes), "{text}");
        }
        for text in ["port", "and", "(tcp", "tcp)", "host web", "port zzz", "nonsense"] {
            assert!(Filter::read(text).is_err(), "{text}");
        }
    }
}
