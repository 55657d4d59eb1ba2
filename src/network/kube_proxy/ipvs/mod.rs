//! ipvs mode: a virtual server for every address and port of a service port, bound to a dummy interface so that packets to it
//! are for the node itself; a handful of iptables rules with ipsets, the same however many Services there are.
//!
//! Upstream: `pkg/proxy/ipvs`. What differs from iptables mode for packets: under the policy Local a node without endpoints of
//! its own sends to all of them; a virtual server without real ones refuses; an address of a Service answers on no other port.
//! Removal of real servers is graceful: what is open goes on by conntrack, and `ipvsadm` still lists them, with weight 0.

mod frame;

pub use frame::frame;

use super::endpoints::Endpoint;
use super::input::ChunkInput;
use crate::api::view::Protocol;
use crate::network::netfilter::{
    Because, Content, Entry, Key, Match, Member, Peer, RealServer, Rule, Rules, Space, Target, VirtualServer,
};
use frame::{
    BOUND, CLUSTER_IP, EXTERNAL_IP, EXTERNAL_IP_LOCAL, HEALTH_CHECK, LOAD_BALANCER, LOAD_BALANCER_FW,
    LOAD_BALANCER_LOCAL, LOOP_BACK, NODE_PORT_LOCAL_SCTP, NODE_PORT_LOCAL_TCP, NODE_PORT_LOCAL_UDP, NODE_PORT_SCTP,
    NODE_PORT_TCP, NODE_PORT_UDP, OUT_FILTER, SERVERS, SOURCE_CIDR, SOURCE_IP,
};
use std::net::IpAddr;

/// Where the entries of a service port apply.
pub fn keys(input: &ChunkInput) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for entry in entries(input) {
        let key = match &entry.content {
            Content::Member(member) => Key { space: entry.space, ip: member.ip, port: member.port },
            Content::Server(server) => {
                Key { space: entry.space, ip: Some(server.ip), port: Some((server.protocol, server.port)) }
            }
            // A rule of the out filter is kept by the virtual server that it is about.
            Content::Rule(rule) => {
                let of = rule.matches.iter().find_map(|m| match m {
                    Match::Virtual { ip, protocol, port } => Some((*ip, (*protocol, *port))),
                    _ => None,
                });
                Key { space: entry.space, ip: of.map(|o| o.0), port: of.map(|o| o.1) }
            }
        };
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// The members and virtual servers of a service port.
pub fn rules(input: &ChunkInput) -> Rules {
    Rules { chains: Vec::new(), entries: entries(input), first: None }
}

fn entries(input: &ChunkInput) -> Vec<Entry> {
    let mut build = Build { input, entries: Vec::new() };
    build.all();
    build.entries
}

struct Build<'a> {
    input: &'a ChunkInput,
    entries: Vec<Entry>,
}

impl Build<'_> {
    fn member(&mut self, space: Space, ip: Option<IpAddr>, port: Option<u16>, source: Option<Peer>) {
        let port = port.map(|number| (self.input.state.port.name.protocol, number));
        self.entries.push(Entry { space, content: Content::Member(Member { ip, port, source }) });
    }

    fn server(&mut self, ip: IpAddr, number: u16, local_only: bool, because: Because) {
        let (port, selection) = (&self.input.state.port, &self.input.selection);
        // Without an endpoint here, the policy Local sends to all of them.
        let local = local_only && !selection.local.is_empty();
        let chosen = if local { &selection.local } else { &selection.cluster };
        let real = |endpoint: &Endpoint| RealServer {
            ip: endpoint.ip,
            port: endpoint.port,
            weight: 1,
            because: endpoint.because(),
        };
        let server = VirtualServer {
            ip,
            port: number,
            protocol: port.name.protocol,
            scheduler: self.input.scheduler,
            persistent: port.affinity_seconds,
            real: chosen.iter().map(|i| real(self.input.endpoint(*i))).collect(),
            because,
        };
        self.entries.push(Entry { space: SERVERS, content: Content::Server(server) });
    }

    fn all(&mut self) {
        let state = self.input.state.clone();
        let port = &state.port;
        let here = self.input.here.clone().unwrap_or_default();
        for i in &here.endpoints {
            let (ip, number) = (state.endpoints[usize::from(*i)].ip, state.endpoints[usize::from(*i)].port);
            self.member(LOOP_BACK, Some(ip), Some(number), Some(Peer::Ip(ip)));
        }
        let cluster_ip = port.cluster_ip;
        self.member(CLUSTER_IP, Some(cluster_ip), Some(port.port), None);
        self.member(BOUND, Some(cluster_ip), None, None);
        let because = port.port_field("port");
        self.server(cluster_ip, port.port, port.internal_local, because);

        for ip in &port.external_ips {
            let set = if port.external_local { EXTERNAL_IP_LOCAL } else { EXTERNAL_IP };
            self.member(set, Some(ip.value), Some(port.port), None);
            self.bind(ip.value, &here.own_ips);
            let because = Because::item_of(&port.object, "spec.externalIPs", ip.index, "");
            self.server(ip.value, port.port, port.external_local, because);
        }
        for ip in &port.load_balancer_ips {
            self.member(LOAD_BALANCER, Some(ip.value), Some(port.port), None);
            if port.external_local {
                self.member(LOAD_BALANCER_LOCAL, Some(ip.value), Some(port.port), None);
            }
            self.source_ranges(ip.value);
            self.bind(ip.value, &here.own_ips);
            let because = Because::item_of(&port.object, "status.loadBalancer.ingress", ip.index, "ip");
            self.server(ip.value, port.port, port.external_local, because);
        }
        if port.node_port != 0 && !here.node_port_ips.is_empty() {
            self.node_port(&here.node_port_ips);
        }
        if port.health_check_node_port != 0 {
            let member = Member { ip: None, port: Some((Protocol::Tcp, port.health_check_node_port)), source: None };
            self.entries.push(Entry { space: HEALTH_CHECK, content: Content::Member(member) });
        }
    }

    fn bind(&mut self, ip: IpAddr, own: &[IpAddr]) {
        if !own.contains(&ip) {
            self.member(BOUND, Some(ip), None, None);
        }
    }

    fn source_ranges(&mut self, ip: IpAddr) {
        let port = &self.input.state.port;
        if port.source_ranges.is_empty() {
            return;
        }
        self.member(LOAD_BALANCER_FW, Some(ip), Some(port.port), None);
        for range in &port.source_ranges {
            self.member(SOURCE_CIDR, Some(ip), Some(port.port), Some(Peer::Net(range.value)));
        }
        if self.input.allows_node().is_some() {
            self.member(SOURCE_IP, Some(ip), Some(port.port), Some(Peer::Ip(ip)));
            return;
        }
        // The node's own requests carry the bound address as their source, which no range can tell: they get a rule.
        let matches = vec![
            Match::Source { peer: Peer::Ip(ip), not: false },
            Match::Virtual { ip, protocol: port.name.protocol, port: port.port },
        ];
        let rule = Rule::new(matches, Target::Drop, port.field("spec.loadBalancerSourceRanges"));
        self.entries.push(Entry { space: OUT_FILTER, content: Content::Rule(rule) });
    }

    fn node_port(&mut self, ips: &[IpAddr]) {
        let port = &self.input.state.port;
        let number = port.node_port;
        let (all, local) = match port.name.protocol {
            Protocol::Tcp => (NODE_PORT_TCP, NODE_PORT_LOCAL_TCP),
            Protocol::Udp => (NODE_PORT_UDP, NODE_PORT_LOCAL_UDP),
            Protocol::Sctp => (NODE_PORT_SCTP, NODE_PORT_LOCAL_SCTP),
        };
        for set in [Some(all), port.external_local.then_some(local)].into_iter().flatten() {
            if port.name.protocol == Protocol::Sctp {
                ips.iter().for_each(|ip| self.member(set, Some(*ip), Some(number), None));
            } else {
                self.member(set, None, Some(number), None);
            }
        }
        for ip in ips {
            self.server(*ip, number, port.external_local, port.port_field("nodePort"));
        }
    }
}
