//! What a single condition says about a packet, as far as it depends on nothing that came before.

use super::passage::{LocalAddresses, Passage};
use super::program::{Chunk, Content, Key, Program};
use super::rule::{Match, SetKey, Side, Space};
use crate::api::view::Protocol;
use std::net::IpAddr;

/// How chunks are found: by the packet's destination, or by trying all of them (what the kernel does; for tests).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    Indexed,
    Linear,
}

/// The program and the node's addresses.
#[derive(Clone, Copy)]
pub(super) struct Ask<'p, 'c> {
    pub program: &'p Program,
    pub local: &'c LocalAddresses,
    pub search: Search,
}

impl<'p> Ask<'p, '_> {
    /// Whether a condition holds; `None` when that depends on chance, on memory, or on what earlier packets did.
    pub fn holds(&self, condition: &Match, passage: &Passage) -> Option<bool> {
        let packet = &passage.packet;
        Some(match condition {
            Match::Comment(_) | Match::EndpointComment(_) | Match::NotBridged => true,
            Match::Protocol(protocol) | Match::Layer4(protocol) => packet.protocol == *protocol && !packet.is_icmp(),
            Match::Source { peer, not } => peer.contains(&packet.src.ip()) != *not,
            Match::Destination { peer, not } => peer.contains(&packet.dst.ip()) != *not,
            Match::SourceIn { peers, not } => peers.iter().any(|p| p.contains(&packet.src.ip())) != *not,
            Match::DestinationIn { peers } => peers.iter().any(|p| p.contains(&packet.dst.ip())),
            Match::DestinationPort(port) => packet.dst.port() == *port,
            Match::Local { side: Side::Source, not } => self.is_local(&packet.src.ip()) != *not,
            Match::Local { side: Side::Destination, not } => self.is_local(&packet.dst.ip()) != *not,
            Match::InSet { set, key } => self.in_set(*set, *key, passage),
            Match::Virtual { ip, protocol, port } => {
                packet.protocol == *protocol
                    && passage.virtual_server.is_some_and(|vs| vs.ip() == *ip && vs.port() == *port)
            }
            Match::Mark { .. }
            | Match::Ct { .. }
            | Match::Random(_)
            | Match::Remembered { .. }
            | Match::Remember { .. } => {
                return None;
            }
        })
    }

    pub fn is_local(&self, ip: &IpAddr) -> bool {
        self.local.contains(ip)
            || self.program.frame.bound().is_some_and(|space| self.has_member(space, *ip, None, &|_| true))
    }

    fn in_set(&self, set: Space, key: SetKey, passage: &Passage) -> bool {
        let packet = &passage.packet;
        if packet.is_icmp() && key != SetKey::Ip {
            return false;
        }
        let port = Some((packet.protocol, packet.dst.port()));
        match key {
            SetKey::Ip => {
                let ip = packet.dst.ip();
                self.program.frame.members.contains(&(set, ip)) || self.has_member(set, ip, None, &|_| true)
            }
            SetKey::Port => self.find(set, None, port, |content| matches!(content, Content::Member(_))),
            SetKey::IpPort => self.has_member(set, packet.dst.ip(), port, &|_| true),
            SetKey::SourceIpPort => self.has_member(set, packet.src.ip(), port, &|_| true),
            SetKey::IpPortSource => self.has_member(set, packet.dst.ip(), port, &|ip| ip.contains(&packet.src.ip())),
        }
    }

    fn has_member(
        &self,
        set: Space,
        ip: IpAddr,
        port: Option<(Protocol, u16)>,
        source: &dyn Fn(&super::rule::Peer) -> bool,
    ) -> bool {
        self.find(set, Some(ip), port, |content| match content {
            Content::Member(m) => m.ip == Some(ip) && m.port == port && m.source.as_ref().is_none_or(source),
            _ => false,
        })
    }

    fn find(
        &self,
        space: Space,
        ip: Option<IpAddr>,
        port: Option<(Protocol, u16)>,
        is: impl Fn(&Content) -> bool,
    ) -> bool {
        match self.search {
            Search::Indexed => {
                self.program.at(&Key { space, ip, port }).iter().any(|chunk| chunk.entries(space).any(&is))
            }
            Search::Linear => self.program.entries(space).any(|(_, content)| match content {
                Content::Member(m) if ip.is_none() => m.port == port,
                content => is(content),
            }),
        }
    }

    /// The chunks whose entries in a space may match the packet, ordered by name: those for its destination and those for
    /// its port at any address.
    pub fn candidates(&self, space: Space, passage: &Passage) -> Candidates<'p> {
        match self.search {
            Search::Linear => Candidates::All(Box::new(self.program.chunks().map(|c| &**c))),
            Search::Indexed => {
                // What ipvs has sent on is still looked up by its virtual server.
                let to = passage.virtual_server.unwrap_or(passage.packet.dst);
                let port = Some((passage.packet.protocol, to.port()));
                let exact = self.program.at(&Key { space, ip: Some(to.ip()), port });
                let any = self.program.at(&Key { space, ip: None, port });
                Candidates::Two(exact, any)
            }
        }
    }
}

/// An iterator over chunks that does not allocate in the indexed search.
pub(super) enum Candidates<'p> {
    All(Box<dyn Iterator<Item = &'p Chunk> + 'p>),
    /// Two lists ordered by name, merged.
    Two(&'p [std::sync::Arc<Chunk>], &'p [std::sync::Arc<Chunk>]),
}

impl<'p> Iterator for Candidates<'p> {
    type Item = &'p Chunk;

    fn next(&mut self) -> Option<&'p Chunk> {
        match self {
            Candidates::All(all) => all.next(),
            Candidates::Two(a, b) => {
                let (from_a, from_b) = match (a.first(), b.first()) {
                    (None, None) => return None,
                    (Some(_), None) => (true, false),
                    (None, Some(_)) => (false, true),
                    (Some(x), Some(y)) => (x.name <= y.name, y.name <= x.name),
                };
                let first = if from_a { &a[0] } else { &b[0] };
                if from_a {
                    *a = &a[1..];
                }
                if from_b {
                    *b = &b[1..];
                }
                Some(first)
            }
        }
    }
}
