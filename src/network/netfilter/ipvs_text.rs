//! Virtual servers as `ipvsadm -Ln` prints them, and sets as `ipset list` does.

use super::program::{Content, Member, Program, RealServer, Scheduler, SpaceKind, VirtualServer};
use super::rule::{Match, Peer, SetKey, Space};
use crate::api::time::Time;
use crate::api::view::Protocol;
use crate::arrange::{Arrange, map_of, set_of};
use crate::network::conntrack::Conntrack;
use crate::network::netfilter::{Load, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;

/// The number of a protocol, by which ipvsadm sorts.
fn number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Sctp => 132,
    }
}

/// What `ipvsadm -Ln` prints, sorted as it sorts. `flows`: what the kernel knows of connections at a moment. A real server that
/// has gone while it had TCP connections stays, with weight 0, until the last of them is forgotten: kube-proxy removes it
/// gracefully (`pkg/proxy/ipvs/graceful_termination.go`).
pub fn servers(program: &Program, flows: Option<(&Conntrack, Time)>) -> String {
    let mut out = String::from("IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n");
    out.push_str("  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n");
    let Some(space) = program.frame.servers() else { return out };
    let mut servers: Vec<&VirtualServer> = program
        .entries(space)
        .filter_map(|(_, content)| match content {
            Content::Server(server) => Some(server),
            _ => None,
        })
        .collect();
    servers.arrange_by_key(|s| (number(s.protocol), s.ip, s.port));
    servers.dedup_by_key(|s| (s.protocol, s.ip, s.port));
    for server in servers {
        out.push_str(&server_text(server));
        let mut real: BTreeMap<SocketAddr, (u32, Load)> =
            map_of(server.real.iter().map(|r| (r.address(), (r.weight, Load::default()))));
        for flow in flows.into_iter().flat_map(|(flows, now)| flows.through(server.key(), now)) {
            match real.get_mut(&flow.reply.src) {
                Some((_, load)) => load.add(flow),
                None if server.protocol == Protocol::Udp => {}
                None => real.entry(flow.reply.src).or_default().1.add(flow),
            }
        }
        for (address, (weight, load)) in real {
            out.push_str(&line(address, weight, load));
        }
    }
    out
}

/// The line of a virtual server, with its line end.
pub fn server_text(server: &VirtualServer) -> String {
    let address = SocketAddr::new(server.ip, server.port);
    let mut out = format!("{:<4} {address} {}", server.protocol.upper(), server.scheduler.name());
    if server.scheduler == Scheduler::Maglev {
        out.push_str(" (mh-port)");
    }
    if let Some(seconds) = server.persistent {
        put(&mut out, format_args!(" persistent {seconds}"));
    }
    out.push('\n');
    out
}

/// The line of a real server, with its line end.
pub fn real_text(real: &RealServer) -> String {
    line(real.address(), real.weight, Load::default())
}

fn line(address: SocketAddr, weight: u32, Load { active, inactive }: Load) -> String {
    let address = address.to_string();
    format!("  -> {address:<28} Masq    {weight:<6} {active:<10} {inactive:<10}\n")
}

/// What `ipset list` prints, without what differs from one kernel to the next: hash seeds and sizes in memory.
pub fn sets(program: &Program) -> String {
    let mut out = String::new();
    for (place, info) in program.frame.spaces.iter().enumerate() {
        let Some(kind) = set_type(&info.name, info.kind) else { continue };
        let members = members(program, Space(place as u8), info.kind);
        if !out.is_empty() {
            out.push('\n');
        }
        let family = if program.frame.v6 { "inet6" } else { "inet" };
        let header = match kind {
            "bitmap:port" => "range 0-65535".to_string(),
            _ => format!("family {family} hashsize 1024 maxelem 65536 bucketsize 12"),
        };
        put(
            &mut out,
            format_args!("Name: {}\nType: {kind}\nRevision: {}\nHeader: {header}\n", info.name, revision(kind)),
        );
        put(&mut out, format_args!("References: {}\n", references(program, Space(place as u8))));
        put(&mut out, format_args!("Number of entries: {}\nMembers:\n", members.len()));
        for member in members {
            out.push_str(&member);
            out.push('\n');
        }
    }
    out
}

fn set_type(name: &str, kind: SpaceKind) -> Option<&'static str> {
    Some(match kind {
        SpaceKind::IpSet(SetKey::Port) => "bitmap:port",
        SpaceKind::IpSet(SetKey::IpPortSource) if name.ends_with("CIDR") => "hash:ip,port,net",
        SpaceKind::IpSet(SetKey::IpPortSource) => "hash:ip,port,ip",
        SpaceKind::IpSet(_) => "hash:ip,port",
        SpaceKind::Bound => "hash:ip",
        _ => return None,
    })
}

/// The revisions of the set types in kernels of these years.
fn revision(kind: &str) -> u8 {
    match kind {
        "bitmap:port" => 3,
        "hash:ip,port" => 7,
        "hash:ip,port,net" => 8,
        _ => 6,
    }
}

fn members(program: &Program, space: Space, kind: SpaceKind) -> BTreeSet<String> {
    set_of(program.entries(space).filter_map(|(_, content)| match content {
        Content::Member(member) => Some(member_text(member, kind)),
        _ => None,
    }))
}

/// A member of a set of this kind as `ipset` lists it.
pub fn member_text(member: &Member, kind: SpaceKind) -> String {
    let ip = member.ip.map(|ip| ip.to_string());
    let port = member.port.map(|(protocol, port)| match kind {
        SpaceKind::IpSet(SetKey::Port) => port.to_string(),
        _ => format!("{}:{port}", protocol.lower()),
    });
    let source = member.source.map(|peer| match peer {
        Peer::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        peer => peer.to_string(),
    });
    [ip, port, source].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// How many rules ask a set.
fn references(program: &Program, space: Space) -> usize {
    let parts = program.frame.chains.iter().flat_map(|c| &c.parts);
    parts
        .filter_map(|part| match part {
            Part::Rule(rule) => Some(rule),
            Part::IfAny(set, rule) => (!program.is_empty(*set)).then_some(rule),
            Part::Collected(_) => None,
        })
        .flat_map(|rule| &rule.matches)
        .filter(|condition| matches!(condition, Match::InSet { set, .. } if *set == space))
        .count()
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(arguments);
}
