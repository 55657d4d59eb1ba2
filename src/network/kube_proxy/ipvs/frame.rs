//! The chains and ipsets of ipvs mode that stand whatever the Services say.

use super::super::iptables::{forward_rules, mark_rule, postrouting_rules};
use super::super::settings::{Family, Place};
use crate::api::view::Protocol;
use crate::network::netfilter::{
    Because, ChainRef, CtStates, FixedChain, Frame, Hook, Match, Part, Peer, Rule, SetKey, Side, Space, SpaceInfo,
    SpaceKind, Stage, Syntax, Table, Target,
};
use smol_str::SmolStr;

/// The ipsets, and the two tables beside them, in the order in which kube-proxy makes them.
const SETS: [(&str, SpaceKind, &str); 18] = [
    (
        "KUBE-LOOP-BACK",
        SpaceKind::IpSet(SetKey::IpPortSource),
        "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
    ),
    (
        "KUBE-CLUSTER-IP",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes service cluster ip + port for masquerade purpose",
    ),
    (
        "KUBE-EXTERNAL-IP",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes service external ip + port for masquerade and filter purpose",
    ),
    (
        "KUBE-EXTERNAL-IP-LOCAL",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes service external ip + port with externalTrafficPolicy=local",
    ),
    ("KUBE-LOAD-BALANCER", SpaceKind::IpSet(SetKey::IpPort), "Kubernetes service lb portal"),
    (
        "KUBE-LOAD-BALANCER-FW",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes service load balancer ip + port for load balancer with sourceRange",
    ),
    (
        "KUBE-LOAD-BALANCER-LOCAL",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
    ),
    (
        "KUBE-LOAD-BALANCER-SOURCE-IP",
        SpaceKind::IpSet(SetKey::IpPortSource),
        "Kubernetes service load balancer ip + port + source IP for packet filter purpose",
    ),
    (
        "KUBE-LOAD-BALANCER-SOURCE-CIDR",
        SpaceKind::IpSet(SetKey::IpPortSource),
        "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
    ),
    ("KUBE-NODE-PORT-TCP", SpaceKind::IpSet(SetKey::Port), "Kubernetes nodeport TCP port for masquerade purpose"),
    (
        "KUBE-NODE-PORT-LOCAL-TCP",
        SpaceKind::IpSet(SetKey::Port),
        "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
    ),
    ("KUBE-NODE-PORT-UDP", SpaceKind::IpSet(SetKey::Port), "Kubernetes nodeport UDP port for masquerade purpose"),
    (
        "KUBE-NODE-PORT-LOCAL-UDP",
        SpaceKind::IpSet(SetKey::Port),
        "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
    ),
    (
        "KUBE-NODE-PORT-SCTP-HASH",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
    ),
    (
        "KUBE-NODE-PORT-LOCAL-SCTP-HASH",
        SpaceKind::IpSet(SetKey::IpPort),
        "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
    ),
    ("KUBE-HEALTH-CHECK-NODE-PORT", SpaceKind::IpSet(SetKey::Port), "Kubernetes health check node port"),
    // The addresses bound to the dummy interface are also an ipset, under this name.
    ("KUBE-IPVS-IPS", SpaceKind::Bound, ""),
    ("ipvs", SpaceKind::Servers, ""),
];

pub(super) const LOOP_BACK: Space = Space(0);
pub(super) const CLUSTER_IP: Space = Space(1);
pub(super) const EXTERNAL_IP: Space = Space(2);
pub(super) const EXTERNAL_IP_LOCAL: Space = Space(3);
pub(super) const LOAD_BALANCER: Space = Space(4);
pub(super) const LOAD_BALANCER_FW: Space = Space(5);
pub(super) const LOAD_BALANCER_LOCAL: Space = Space(6);
pub(super) const SOURCE_IP: Space = Space(7);
pub(super) const SOURCE_CIDR: Space = Space(8);
pub(super) const NODE_PORT_TCP: Space = Space(9);
pub(super) const NODE_PORT_LOCAL_TCP: Space = Space(10);
pub(super) const NODE_PORT_UDP: Space = Space(11);
pub(super) const NODE_PORT_LOCAL_UDP: Space = Space(12);
pub(super) const NODE_PORT_SCTP: Space = Space(13);
pub(super) const NODE_PORT_LOCAL_SCTP: Space = Space(14);
pub(super) const HEALTH_CHECK: Space = Space(15);
pub(super) const BOUND: Space = Space(16);
pub(super) const SERVERS: Space = Space(17);
/// filter `KUBE-IPVS-OUT-FILTER`: rules of load balancers that nodes may not use.
pub(super) const OUT_FILTER: Space = Space(18);

/// Places of chains in the frame.
const FORWARD: u8 = 3;
const IPVS_FILTER: u8 = 4;
const IPVS_OUT_FILTER: u8 = 5;
const FILTER_NODE_PORT: u8 = 6;
const PROXY_FIREWALL: u8 = 7;
const SOURCE_RANGES: u8 = 8;
const LOAD_BALANCERS: u8 = 13;
const MARK_MASQ: u8 = 14;
const NODE_PORT: u8 = 15;
const POSTROUTING: u8 = 16;
const SERVICES: u8 = 17;

/// Sets of both families live side by side: those of IPv6 have another prefix. The kernel's limit is 31 characters.
fn set_name(name: &'static str, family: Family) -> SmolStr {
    match (family, name.strip_prefix("KUBE-")) {
        (Family::V6, Some(rest)) => {
            let name = format!("KUBE-6-{rest}");
            SmolStr::new(name.get(..31).unwrap_or(&name))
        }
        _ => SmolStr::new_static(name),
    }
}

fn comment(text: &'static str) -> Match {
    Match::Comment(SmolStr::new_static(text))
}

fn part(matches: Vec<Match>, target: Target) -> Part {
    Part::Rule(Rule::new(matches, target, Because::setting("mode")))
}

fn jump(text: &'static str, to: u8) -> Part {
    part(vec![comment(text)], Target::Jump(ChainRef::Fixed(to)))
}

/// A rule about a set, with the set's comment. kube-proxy writes it only when the set has members.
fn about(set: Space, protocol: Option<Protocol>, target: Target) -> Part {
    let (_, kind, text) = SETS[usize::from(set.0)];
    let key = match kind {
        SpaceKind::IpSet(key) => key,
        _ => SetKey::Ip,
    };
    let mut matches: Vec<Match> = protocol.map(Match::Layer4).into_iter().collect();
    matches.extend([comment(text), Match::InSet { set, key }]);
    if_any(set, matches, target)
}

fn if_any(set: Space, matches: Vec<Match>, target: Target) -> Part {
    Part::IfAny(set, Rule::new(matches, target, Because::setting("mode")))
}

/// The chains and sets that stand whatever the Services say.
pub fn frame(place: &Place) -> Frame {
    let (base, made) = (FixedChain::base, FixedChain::made);
    let (filter, nat) = (Table::Filter, Table::Nat);
    let (access, firewall) = ("kubernetes ipvs access filter", "kube-proxy firewall rules");
    let portals = "kubernetes service portals";
    let mark = Target::Jump(ChainRef::Fixed(MARK_MASQ));
    let chains = vec![
        base(
            "INPUT",
            filter,
            Hook::Input,
            0,
            vec![
                jump(access, IPVS_FILTER),
                jump(firewall, PROXY_FIREWALL),
                jump("kubernetes health check rules", FILTER_NODE_PORT),
            ],
        ),
        base(
            "FORWARD",
            filter,
            Hook::Forward,
            0,
            vec![jump(firewall, PROXY_FIREWALL), jump("kubernetes forwarding rules", FORWARD)],
        ),
        base("OUTPUT", filter, Hook::Output, 0, vec![jump(access, IPVS_OUT_FILTER)]),
        // ipvs mode has no rule against INVALID packets.
        made("KUBE-FORWARD", filter, forward_rules(place).split_off(1)),
        made(
            "KUBE-IPVS-FILTER",
            filter,
            vec![
                returns(LOAD_BALANCER),
                returns(CLUSTER_IP),
                returns(EXTERNAL_IP),
                returns(EXTERNAL_IP_LOCAL),
                returns(HEALTH_CHECK),
                part(
                    vec![Match::Ct { states: CtStates::NEW, not: false }, Match::InSet { set: BOUND, key: SetKey::Ip }],
                    Target::Reject,
                ),
            ],
        ),
        made("KUBE-IPVS-OUT-FILTER", filter, vec![Part::Collected(OUT_FILTER)]),
        made("KUBE-NODE-PORT", filter, vec![health_checks()]),
        made(
            "KUBE-PROXY-FIREWALL",
            filter,
            vec![about(LOAD_BALANCER_FW, None, Target::Jump(ChainRef::Fixed(SOURCE_RANGES)))],
        ),
        made(
            "KUBE-SOURCE-RANGES-FIREWALL",
            filter,
            vec![
                about(SOURCE_CIDR, None, Target::Return),
                about(SOURCE_IP, None, Target::Return),
                part(vec![], Target::Drop),
            ],
        ),
        base("PREROUTING", nat, Hook::Prerouting, -100, vec![jump(portals, SERVICES)]),
        base("INPUT", nat, Hook::Input, 100, vec![]),
        base("OUTPUT", nat, Hook::Output, -100, vec![jump(portals, SERVICES)]),
        base("POSTROUTING", nat, Hook::Postrouting, 100, vec![jump("kubernetes postrouting rules", POSTROUTING)]),
        made(
            "KUBE-LOAD-BALANCER",
            nat,
            vec![about(LOAD_BALANCER_LOCAL, None, Target::Return), part(vec![], mark.clone())],
        ),
        made("KUBE-MARK-MASQ", nat, vec![mark_rule(place)]),
        made(
            "KUBE-NODE-PORT",
            nat,
            vec![
                about(NODE_PORT_LOCAL_TCP, Some(Protocol::Tcp), Target::Return),
                about(NODE_PORT_TCP, Some(Protocol::Tcp), mark.clone()),
                about(NODE_PORT_LOCAL_UDP, Some(Protocol::Udp), Target::Return),
                about(NODE_PORT_UDP, Some(Protocol::Udp), mark.clone()),
                about(NODE_PORT_LOCAL_SCTP, Some(Protocol::Sctp), Target::Return),
                about(NODE_PORT_SCTP, Some(Protocol::Sctp), mark.clone()),
            ],
        ),
        made("KUBE-POSTROUTING", nat, {
            let hairpin = about(LOOP_BACK, None, Target::Masquerade { random_fully: false });
            [hairpin].into_iter().chain(postrouting_rules(place)).collect()
        }),
        made("KUBE-SERVICES", nat, services(place, &mark)),
    ];
    let mut spaces: Vec<SpaceInfo> = SETS
        .iter()
        .map(|(name, kind, comment)| SpaceInfo { name: set_name(name, place.family), kind: *kind, comment })
        .collect();
    spaces.push(SpaceInfo { name: SmolStr::new_static("KUBE-IPVS-OUT-FILTER"), kind: SpaceKind::Chain, comment: "" });
    let chain = |chain, last| Stage::Chain { chain, last };
    let survey = vec![
        chain(SERVICES, false),
        Stage::Input { chain: IPVS_FILTER },
        chain(PROXY_FIREWALL, true),
        Stage::Input { chain: FILTER_NODE_PORT },
        Stage::Servers,
        chain(IPVS_OUT_FILTER, true),
        Stage::Leave { chain: POSTROUTING },
    ];
    Frame::new(Syntax::Iptables, place.family == Family::V6, chains, spaces, survey)
}

fn returns(set: Space) -> Part {
    let SpaceKind::IpSet(key) = SETS[usize::from(set.0)].1 else { return part(vec![], Target::Continue) };
    part(vec![Match::InSet { set, key }], Target::Return)
}

fn health_checks() -> Part {
    let (_, _, text) = SETS[usize::from(HEALTH_CHECK.0)];
    part(vec![comment(text), Match::InSet { set: HEALTH_CHECK, key: SetKey::Port }], Target::Accept)
}

fn services(place: &Place, mark: &Target) -> Vec<Part> {
    let loopback = Match::Source { peer: Peer::Net(place.family.loopback_net()), not: false };
    let local = |side, not| Match::Local { side, not };
    let text = |set: Space| comment(SETS[usize::from(set.0)].2);
    let asked = |set: Space| vec![text(set), Match::InSet { set, key: SetKey::IpPort }];
    let with = |set: Space, more: Vec<Match>| asked(set).into_iter().chain(more).collect::<Vec<_>>();

    let mut parts = vec![
        part(vec![loopback], Target::Return),
        about(LOAD_BALANCER, None, Target::Jump(ChainRef::Fixed(LOAD_BALANCERS))),
    ];
    parts.push(if place.settings.masquerade_all {
        if_any(CLUSTER_IP, asked(CLUSTER_IP), mark.clone())
    } else if let Some(net) = place.local_cidr() {
        let from_elsewhere = vec![Match::Source { peer: Peer::Net(net), not: true }];
        if_any(CLUSTER_IP, with(CLUSTER_IP, from_elsewhere), mark.clone())
    } else {
        // The node's own packets to a ClusterIP carry a bound address as their source.
        let asked = vec![text(CLUSTER_IP), Match::InSet { set: CLUSTER_IP, key: SetKey::SourceIpPort }];
        if_any(CLUSTER_IP, asked, mark.clone())
    });
    parts.push(if_any(EXTERNAL_IP, asked(EXTERNAL_IP), mark.clone()));
    for set in [EXTERNAL_IP, EXTERNAL_IP_LOCAL] {
        let from_outside = vec![Match::NotBridged, local(Side::Source, true)];
        parts.push(if_any(set, with(set, from_outside), Target::Accept));
        parts.push(if_any(set, with(set, vec![local(Side::Destination, false)]), Target::Accept));
    }
    parts.push(part(vec![local(Side::Destination, false)], Target::Jump(ChainRef::Fixed(NODE_PORT))));
    for set in [CLUSTER_IP, LOAD_BALANCER] {
        parts.push(if_any(set, vec![Match::InSet { set, key: SetKey::IpPort }], Target::Accept));
    }
    parts
}
