//! nftables mode: one table with verdict maps. The destination leads by one look into a map to the chain of a service port,
//! and that one by a numbered choice to the chain of an endpoint.
//!
//! Upstream: `pkg/proxy/nftables/proxier.go`. What differs from iptables mode for packets: NodePorts are served on the node's
//! own addresses only unless configured otherwise, and never on loopback; a port that a ClusterIP does not have is refused.

use super::endpoints::Endpoint;
use super::input::ChunkInput;
use super::names::{nft_endpoint, nft_port};
use super::plan::{Plan, outside_ips};
use super::service_port::ServicePort;
use super::settings::{Family, Place};
use crate::network::netfilter::{
    Because, Chain, ChainRef, Content, CtStates, Entry, FixedChain, Frame, Hook, Key, Match, Member, Part, Peer, Rule,
    Rules, SetKey, Side, Space, SpaceInfo, SpaceKind, Stage, Syntax, Table, Target,
};
use smol_str::SmolStr;
use std::net::IpAddr;

pub const CLUSTER_IPS: Space = Space(0);
pub const NODE_PORT_IPS: Space = Space(1);
pub const NO_ENDPOINT_SERVICES: Space = Space(2);
pub const NO_ENDPOINT_NODE_PORTS: Space = Space(3);
pub const FIREWALL_IPS: Space = Space(4);
pub const SERVICE_IPS: Space = Space(5);
pub const SERVICE_NODE_PORTS: Space = Space(6);

/// Places of chains in the frame.
const NODE_PORT_CHECK: u8 = 8;
const ENDPOINTS_CHECK: u8 = 9;
const FIREWALL_CHECK: u8 = 10;
const SERVICES: u8 = 11;
const MASQUERADING: u8 = 12;
const CLUSTER_IPS_CHECK: u8 = 13;
const MARK: u8 = 14;
const REJECT: u8 = 15;

fn set(name: &'static str, kind: SpaceKind, comment: &'static str) -> SpaceInfo {
    SpaceInfo { name: SmolStr::new_static(name), kind, comment }
}

fn rule(matches: Vec<Match>, target: Target, because: &'static str) -> Part {
    Part::Rule(Rule::new(matches, target, Because::setting(because)))
}

fn jump(new_only: bool, to: u8) -> Part {
    let state = new_only.then_some(Match::Ct { states: CtStates::NEW, not: false });
    rule(state.into_iter().collect(), Target::Jump(ChainRef::Fixed(to)), "mode")
}

fn comment(text: &'static str) -> Match {
    Match::Comment(SmolStr::new_static(text))
}

/// The chains, maps and sets that stand whatever the Services say.
pub fn frame(place: &Place) -> Frame {
    let (base, made) = (FixedChain::base, FixedChain::made);
    let (filter, nat) = (Table::Filter, Table::Nat);
    let chains = vec![
        base("filter-prerouting-pre-dnat", filter, Hook::Prerouting, -110, vec![jump(true, FIREWALL_CHECK)]),
        base("filter-output-pre-dnat", filter, Hook::Output, -110, vec![jump(true, FIREWALL_CHECK)]),
        base("filter-input", filter, Hook::Input, 0, vec![jump(true, NODE_PORT_CHECK), jump(true, ENDPOINTS_CHECK)]),
        base(
            "filter-forward",
            filter,
            Hook::Forward,
            0,
            vec![jump(true, ENDPOINTS_CHECK), jump(true, CLUSTER_IPS_CHECK)],
        ),
        base(
            "filter-output",
            filter,
            Hook::Output,
            0,
            vec![jump(true, ENDPOINTS_CHECK), jump(true, CLUSTER_IPS_CHECK)],
        ),
        base("nat-prerouting", nat, Hook::Prerouting, -100, vec![jump(false, SERVICES)]),
        base("nat-output", nat, Hook::Output, -100, vec![jump(false, SERVICES)]),
        base("nat-postrouting", nat, Hook::Postrouting, 100, vec![jump(false, MASQUERADING)]),
        made("nodeport-endpoints-check", filter, vec![node_ports(place, false)]),
        made(
            "service-endpoints-check",
            filter,
            vec![rule(vec![], Target::Verdicts { map: NO_ENDPOINT_SERVICES }, "mode")],
        ),
        made("firewall-check", filter, vec![rule(vec![], Target::Verdicts { map: FIREWALL_IPS }, "mode")]),
        made(
            "services",
            nat,
            vec![rule(vec![], Target::Verdicts { map: SERVICE_IPS }, "mode"), node_ports(place, true)],
        ),
        made("masquerading", nat, masquerading(place)),
        made("cluster-ips-check", filter, cluster_ips_check(place)),
        made(
            "mark-for-masquerade",
            nat,
            vec![rule(vec![], Target::OrMark(place.settings.mark()), "nftables.masqueradeBit")],
        ),
        made("reject-chain", filter, vec![rule(vec![], Target::Reject, "mode")]),
    ];
    let spaces = vec![
        set("cluster-ips", SpaceKind::Set, "Active ClusterIPs"),
        set("nodeport-ips", SpaceKind::Set, "IPs that accept NodePort traffic"),
        set(
            "no-endpoint-services",
            SpaceKind::Map(SetKey::IpPort),
            "vmap to drop or reject packets to services with no endpoints",
        ),
        set(
            "no-endpoint-nodeports",
            SpaceKind::Map(SetKey::Port),
            "vmap to drop or reject packets to service nodeports with no endpoints",
        ),
        set(
            "firewall-ips",
            SpaceKind::Map(SetKey::IpPort),
            "destinations that are subject to LoadBalancerSourceRanges",
        ),
        set("service-ips", SpaceKind::Map(SetKey::IpPort), "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        set("service-nodeports", SpaceKind::Map(SetKey::Port), "NodePort traffic"),
    ];
    let last = |chain| Stage::Chain { chain, last: true };
    let survey = vec![
        last(FIREWALL_CHECK),
        Stage::Chain { chain: SERVICES, last: false },
        Stage::Input { chain: NODE_PORT_CHECK },
        last(ENDPOINTS_CHECK),
        last(CLUSTER_IPS_CHECK),
    ];
    let mut frame = Frame::new(Syntax::Nft, place.family == Family::V6, chains, spaces, survey);
    if !place.all_node_ports() {
        let ips = place.node_port_ips().into_iter().filter(|ip| !ip.is_loopback());
        frame.members = ips.map(|ip| (NODE_PORT_IPS, ip)).collect();
    }
    frame
}

/// What leads to NodePorts, or refuses those without endpoints. Where all addresses serve them, loopback still does not.
fn node_ports(place: &Place, dispatch: bool) -> Part {
    let map = if dispatch { SERVICE_NODE_PORTS } else { NO_ENDPOINT_NODE_PORTS };
    let mut matches = Vec::new();
    if place.all_node_ports() {
        if dispatch {
            matches.push(Match::Local { side: Side::Destination, not: false });
        }
        let loopback = match place.family {
            Family::V4 => Peer::Net(place.family.loopback_net()),
            Family::V6 => Peer::Ip(place.family.loopback()),
        };
        matches.push(Match::Destination { peer: loopback, not: true });
    } else {
        matches.push(Match::InSet { set: NODE_PORT_IPS, key: SetKey::Ip });
    }
    rule(matches, Target::Verdicts { map }, "nodePortAddresses")
}

fn masquerading(place: &Place) -> Vec<Part> {
    let mask = place.settings.mark();
    let because = "nftables.masqueradeBit";
    vec![
        rule(vec![Match::Mark { mask, not: true }], Target::Return, because),
        rule(vec![], Target::XorMark(mask), because),
        rule(vec![], Target::Masquerade { random_fully: true }, because),
    ]
}

fn cluster_ips_check(place: &Place) -> Vec<Part> {
    let mut parts = vec![rule(
        vec![
            Match::InSet { set: CLUSTER_IPS, key: SetKey::Ip },
            comment("Reject traffic to invalid ports of ClusterIPs"),
        ],
        Target::Reject,
        "mode",
    )];
    let nets = place.settings.service_cidrs.iter().filter(|net| Family::of_net(net) == place.family);
    let peers: Vec<Peer> = nets.map(|net| Peer::Net(*net)).collect();
    if !peers.is_empty() {
        let text = comment("Drop traffic to unallocated ClusterIPs");
        let matches = vec![Match::DestinationIn { peers }, text];
        parts.push(rule(matches, Target::Drop, "mode"));
    }
    parts
}

/// Whether source ranges guard the load balancer's addresses; also when there are no endpoints.
fn guarded(port: &ServicePort) -> bool {
    !port.load_balancer_ips.is_empty() && !port.source_ranges.is_empty()
}

/// Where the entries of a service port apply.
pub fn keys(input: &ChunkInput) -> Vec<Key> {
    let plan = Plan::new(input);
    let port = plan.port;
    let protocol = port.name.protocol;
    let mut keys = vec![Key { space: CLUSTER_IPS, ip: Some(port.cluster_ip), port: None }];
    let mut key = |space, ip: Option<IpAddr>, number: u16| keys.push(Key { space, ip, port: Some((protocol, number)) });
    let internal = if plan.has_internal { SERVICE_IPS } else { NO_ENDPOINT_SERVICES };
    key(internal, Some(port.cluster_ip), port.port);
    for (ip, balanced) in outside_ips(port) {
        if plan.has_any {
            key(SERVICE_IPS, Some(ip), port.port);
        }
        if !plan.has_external {
            key(NO_ENDPOINT_SERVICES, Some(ip), port.port);
        }
        if balanced && guarded(port) {
            key(FIREWALL_IPS, Some(ip), port.port);
        }
    }
    if port.node_port != 0 {
        if plan.has_any {
            key(SERVICE_NODE_PORTS, None, port.node_port);
        }
        if !plan.has_external {
            key(NO_ENDPOINT_NODE_PORTS, None, port.node_port);
        }
    }
    keys
}

/// A service port's own chains, as places in its list.
struct Own {
    cluster: Option<u16>,
    local: Option<u16>,
    external: Option<u16>,
    firewall: Option<u16>,
    endpoints: u16,
}

impl Own {
    fn new(plan: &Plan<'_>) -> Own {
        let mut place = 0;
        let mut next = |used: bool| {
            used.then(|| {
                place += 1;
                place - 1
            })
        };
        let cluster = next(plan.uses_cluster);
        let local = next(plan.uses_local);
        let external = next(plan.uses_external);
        let firewall = next(guarded(plan.port));
        Own { cluster, local, external, firewall, endpoints: place }
    }
}

fn goto(chain: Option<u16>) -> Target {
    // A rule is only written when the chain that it names is there.
    chain.map_or(Target::Continue, |i| Target::Goto(ChainRef::Own(i)))
}

const MASQUERADE: Target = Target::Jump(ChainRef::Fixed(MARK));

/// The chains and elements of a service port.
pub fn rules(input: &ChunkInput) -> Rules {
    let plan = Plan::new(input);
    let own = Own::new(&plan);
    Rules { chains: chains(input, &plan, &own), entries: entries(&plan, &own), first: None }
}

fn entries(plan: &Plan<'_>, own: &Own) -> Vec<Entry> {
    let port = plan.port;
    let mut entries = Vec::new();
    let cluster_ip = Member { ip: Some(port.cluster_ip), port: None, source: None };
    entries.push(Entry { space: CLUSTER_IPS, content: Content::Member(cluster_ip) });
    let mut add = |space, ip: Option<IpAddr>, number: u16, target: Target, because: Because| {
        let mut matches = Vec::new();
        matches.extend(ip.map(|ip| Match::Destination { peer: Peer::Ip(ip), not: false }));
        matches.extend([Match::Protocol(port.name.protocol), Match::DestinationPort(number)]);
        if [NO_ENDPOINT_SERVICES, NO_ENDPOINT_NODE_PORTS].contains(&space) {
            matches.push(Match::Comment(port.label.clone()));
        }
        entries.push(Entry { space, content: Content::Rule(Rule::new(matches, target, because)) });
    };
    let refuse = || if plan.has_any { Target::Drop } else { Target::Goto(ChainRef::Fixed(REJECT)) };
    let because_none = |policy: &'static str| port.field(if plan.has_any { policy } else { "spec.selector" });
    let outside_policy = || because_none("spec.externalTrafficPolicy");

    let ip = port.cluster_ip;
    if plan.has_internal {
        let chain = if port.internal_local { own.local } else { own.cluster };
        let because = port.port_field("port");
        add(SERVICE_IPS, Some(ip), port.port, goto(chain), because);
    } else {
        let because = because_none("spec.internalTrafficPolicy");
        add(NO_ENDPOINT_SERVICES, Some(ip), port.port, refuse(), because);
    }
    let external = port.external_ips.iter().map(|ip| (ip, "spec.externalIPs", ""));
    let balanced = port.load_balancer_ips.iter().map(|ip| (ip, "status.loadBalancer.ingress", "ip"));
    for (ip, list, rest) in external.chain(balanced) {
        if plan.has_any {
            let because = Because::item_of(&port.object, list, ip.index, rest);
            add(SERVICE_IPS, Some(ip.value), port.port, goto(own.external), because);
        }
        if !plan.has_external {
            add(NO_ENDPOINT_SERVICES, Some(ip.value), port.port, refuse(), outside_policy());
        }
    }
    if guarded(port) {
        for ip in &port.load_balancer_ips {
            let because = port.field("spec.loadBalancerSourceRanges");
            add(FIREWALL_IPS, Some(ip.value), port.port, goto(own.firewall), because);
        }
    }
    if port.node_port != 0 {
        if plan.has_any {
            add(SERVICE_NODE_PORTS, None, port.node_port, goto(own.external), port.port_field("nodePort"));
        }
        if !plan.has_external {
            add(NO_ENDPOINT_NODE_PORTS, None, port.node_port, refuse(), outside_policy());
        }
    }
    entries
}

fn chains(input: &ChunkInput, plan: &Plan<'_>, own: &Own) -> Vec<Chain> {
    let port = plan.port;
    let base = nft_port(&port.name);
    let names: Vec<String> =
        input.selection.reachable.iter().map(|i| nft_endpoint(&port.name, input.endpoint(*i))).collect();
    let masquerade = internal_masquerade(input, plan);
    let mut chains = Vec::new();
    let mut add = |prefix: &str, base: &str, rules: Vec<Rule>| {
        chains.push(Chain { name: SmolStr::from(format!("{prefix}{base}")), rules });
    };
    let balance = |internal: bool, wanted: &[u16]| {
        let first = masquerade.clone().filter(|_| internal);
        first.into_iter().chain(balance_rules(input, own, &names, wanted)).collect()
    };
    if own.cluster.is_some() {
        add("service-", &base, balance(!port.internal_local, &input.selection.cluster));
    }
    if own.local.is_some() {
        add("local-", &base, balance(port.internal_local, &input.selection.local));
    }
    if own.external.is_some() {
        add("external-", &base, external_rules(input, plan, own));
    }
    if own.firewall.is_some() {
        add("firewall-", &base, vec![firewall_rule(input)]);
    }
    for (i, name) in input.selection.reachable.iter().zip(&names) {
        add("endpoint-", name, endpoint_rules(port, input.endpoint(*i), name));
    }
    chains
}

fn internal_masquerade(input: &ChunkInput, plan: &Plan<'_>) -> Option<Rule> {
    if !plan.has_internal || !input.masquerades_internal() {
        return None;
    }
    let port = plan.port;
    let mut matches = vec![
        Match::Destination { peer: Peer::Ip(port.cluster_ip), not: false },
        Match::Protocol(port.name.protocol),
        Match::DestinationPort(port.port),
    ];
    let mut because = Because::setting("masqueradeAll");
    if !input.masquerade_all {
        matches.extend(input.local_cidr.map(|net| Match::Source { peer: Peer::Net(net), not: true }));
        because = Because::setting("clusterCIDR");
    }
    Some(Rule::new(matches, MASQUERADE, because))
}

fn external_rules(input: &ChunkInput, plan: &Plan<'_>, own: &Own) -> Vec<Rule> {
    let port = plan.port;
    let policy = || port.field("spec.externalTrafficPolicy");
    let mut rules = Vec::new();
    if port.external_local {
        if let Some(net) = input.local_cidr {
            let matches =
                vec![Match::Source { peer: Peer::Net(net), not: false }, comment("short-circuit pod traffic")];
            rules.push(Rule::new(matches, goto(own.cluster), policy()));
        }
        let local = Match::Local { side: Side::Source, not: false };
        let matches = vec![local.clone(), comment("masquerade local traffic")];
        rules.push(Rule::new(matches, MASQUERADE, policy()));
        rules.push(Rule::new(vec![local, comment("short-circuit local traffic")], goto(own.cluster), policy()));
    } else {
        rules.push(Rule::new([], MASQUERADE, policy()));
    }
    if plan.has_external {
        let chain = if port.external_local { own.local } else { own.cluster };
        rules.push(Rule::new([], goto(chain), policy()));
    }
    rules
}

fn firewall_rule(input: &ChunkInput) -> Rule {
    let port = &input.state.port;
    let mut peers: Vec<Peer> = port.source_ranges.iter().map(|r| Peer::Net(r.value)).collect();
    if input.allows_node().is_some() {
        peers.extend(port.load_balancer_ips.iter().map(|ip| Peer::Ip(ip.value)));
    }
    let because = port.field("spec.loadBalancerSourceRanges");
    Rule::new(vec![Match::SourceIn { peers, not: true }], Target::Drop, because)
}

fn balance_rules(input: &ChunkInput, own: &Own, names: &[String], wanted: &[u16]) -> Vec<Rule> {
    let port = &input.state.port;
    let places: Vec<usize> = wanted.iter().filter_map(|i| input.selection.reachable.binary_search(i).ok()).collect();
    let chain = |place: &usize| ChainRef::Own(own.endpoints + *place as u16);
    let mut rules = Vec::new();
    if let Some(seconds) = port.affinity_seconds {
        rules.extend(places.iter().map(|place| {
            let list = SmolStr::from(format!("affinity-{}", names[*place]));
            let because = port.field("spec.sessionAffinity");
            Rule::new(vec![Match::Remembered { list, seconds }], Target::Goto(chain(place)), because)
        }));
    }
    let because = match wanted.first() {
        Some(first) => input.endpoint(*first).because().whole_list(),
        None => port.field("spec.selector"),
    };
    rules.push(Rule::new([], Target::OneOf(places.iter().map(chain).collect()), because));
    rules
}

fn endpoint_rules(port: &ServicePort, endpoint: &Endpoint, name: &str) -> Vec<Rule> {
    let hairpin = Match::Source { peer: Peer::Ip(endpoint.ip), not: false };
    let mut rules = vec![Rule::new(vec![hairpin], MASQUERADE, endpoint.because())];
    if let Some(seconds) = port.affinity_seconds {
        let list = SmolStr::from(format!("affinity-{name}"));
        let because = port.field("spec.sessionAffinity");
        rules.push(Rule::new(vec![Match::Remember { list, seconds }], Target::Continue, because));
    }
    let dnat = Target::Dnat { ip: endpoint.ip, port: endpoint.port };
    rules.push(Rule::new(vec![Match::Protocol(port.name.protocol)], dnat, port.port_field("targetPort")));
    rules
}
