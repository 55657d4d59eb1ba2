//! iptables mode: `KUBE-SERVICES` leads by destination to the chain of a service port, that one by lot to the chain of an
//! endpoint, which translates the destination.
//!
//! Upstream: `pkg/proxy/iptables/proxier.go`. Left out: counters of nfacct, and the sysctl that spares the rule against
//! INVALID packets.

mod frame;

pub use frame::frame;
pub(super) use frame::{forward_rules, mark_rule, postrouting_rules};

use super::endpoints::Endpoint;
use super::input::ChunkInput;
use super::names::{PortChains, endpoint_chain};
use super::plan::{Plan, outside_ips};
use super::service_port::ServicePort;
use crate::api::view::Protocol;
use crate::network::netfilter::{
    Because, Chain, ChainRef, Content, Entry, Key, Match, Peer, Probability, Rule, Rules, Side, Space, Target,
};
use frame::MARK;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

/// nat `KUBE-SERVICES`
pub const SERVICES: Space = Space(0);
/// nat `KUBE-NODEPORTS`
pub const NODE_PORTS: Space = Space(1);
/// filter `KUBE-SERVICES`
pub const FILTER_SERVICES: Space = Space(2);
/// filter `KUBE-EXTERNAL-SERVICES`
pub const EXTERNAL_SERVICES: Space = Space(3);
/// filter `KUBE-NODEPORTS`
pub const HEALTH_CHECKS: Space = Space(4);
/// filter `KUBE-PROXY-FIREWALL`
pub const FIREWALL: Space = Space(5);

/// Where the rules of a service port apply.
pub fn keys(input: &ChunkInput) -> Vec<Key> {
    let plan = Plan::new(input);
    let port = plan.port;
    let protocol = port.name.protocol;
    let mut keys = Vec::new();
    let mut key = |space, ip: Option<IpAddr>, number: u16| keys.push(Key { space, ip, port: Some((protocol, number)) });
    key(if plan.has_internal { SERVICES } else { FILTER_SERVICES }, Some(port.cluster_ip), port.port);
    for (ip, balanced) in outside_ips(port) {
        if plan.has_any {
            key(SERVICES, Some(ip), port.port);
        }
        if !plan.has_external {
            key(EXTERNAL_SERVICES, Some(ip), port.port);
        }
        if balanced && plan.uses_firewall {
            key(FIREWALL, Some(ip), port.port);
        }
    }
    if port.node_port != 0 {
        if plan.has_any {
            key(NODE_PORTS, None, port.node_port);
        }
        if !plan.has_external {
            key(EXTERNAL_SERVICES, None, port.node_port);
        }
    }
    if port.health_check_node_port != 0 {
        let port = Some((Protocol::Tcp, port.health_check_node_port));
        keys.push(Key { space: HEALTH_CHECKS, ip: None, port });
    }
    keys
}

/// The rules of a service port.
pub fn rules(input: &ChunkInput) -> Rules {
    let plan = Plan::new(input);
    let mut build = Build { input, entries: Vec::new(), chains: Vec::new() };
    let targets = build.chains(&plan);
    build.entries(&plan, &targets);
    let first = targets.internal(&plan).filter(|_| plan.has_internal && input.masquerades_internal());
    Rules { chains: build.chains, entries: build.entries, first }
}

/// The chains that a service port has, as places in its own list.
#[derive(Default)]
struct Own {
    external: Option<u16>,
    firewall: Option<u16>,
    cluster: Option<u16>,
    local: Option<u16>,
}

impl Own {
    fn internal(&self, plan: &Plan<'_>) -> Option<u16> {
        if plan.port.internal_local { self.local } else { self.cluster }
    }
}

struct Build<'a> {
    input: &'a ChunkInput,
    entries: Vec<Entry>,
    chains: Vec<Chain>,
}

fn own(chain: Option<u16>) -> Target {
    // A rule is only written when the chain that it names is there.
    chain.map_or(Target::Continue, |i| Target::Jump(ChainRef::Own(i)))
}

impl Build<'_> {
    fn chains(&mut self, plan: &Plan<'_>) -> Own {
        let (port, selection) = (plan.port, &self.input.selection);
        let names = PortChains::new(port);
        let mut place = 0;
        let mut next = |used: bool| {
            used.then(|| {
                place += 1;
                place - 1
            })
        };
        let own = Own {
            external: next(plan.uses_external),
            firewall: next(plan.uses_firewall),
            cluster: next(plan.uses_cluster),
            local: next(plan.uses_local),
        };
        let endpoints_at = place;
        let masquerade = plan.has_internal.then(|| self.internal_masquerade(port)).flatten();
        let mut add = |name: SmolStr, rules: Vec<Rule>| self.chains.push(Chain { name, rules });
        if own.external.is_some() {
            add(names.external(), external_rules(self.input, plan, &own));
        }
        if own.firewall.is_some() {
            add(names.firewall(), firewall_rules(self.input, &own));
        }
        let endpoint_names: Vec<SmolStr> =
            selection.reachable.iter().map(|i| endpoint_chain(port, self.input.endpoint(*i))).collect();
        let targets = |wanted: &[u16]| -> Vec<(&Endpoint, u16, SmolStr)> {
            wanted
                .iter()
                .filter_map(|i| {
                    let at = selection.reachable.binary_search(i).ok()?;
                    Some((self.input.endpoint(*i), endpoints_at + at as u16, endpoint_names[at].clone()))
                })
                .collect()
        };
        let balance = |first: Option<Rule>, wanted: &[u16]| -> Vec<Rule> {
            first.into_iter().chain(balance_rules(port, &targets(wanted))).collect()
        };
        if own.cluster.is_some() {
            let first = masquerade.clone().filter(|_| !port.internal_local);
            add(names.cluster(), balance(first, &selection.cluster));
        }
        if own.local.is_some() {
            let first = masquerade.filter(|_| port.internal_local);
            add(names.local(), balance(first, &selection.local));
        }
        for (i, name) in selection.reachable.iter().zip(&endpoint_names) {
            add(name.clone(), endpoint_rules(port, self.input.endpoint(*i), name));
        }
        own
    }

    /// What comes from outside the pods' network to the ClusterIP is masqueraded, for the answer must come back through here.
    fn internal_masquerade(&self, port: &ServicePort) -> Option<Rule> {
        let (because, not_local) = if self.input.masquerade_all {
            (Because::setting("masqueradeAll"), None)
        } else {
            let peer = Peer::Net(self.input.local_cidr?);
            (Because::setting("clusterCIDR"), Some(Match::Source { peer, not: true }))
        };
        let matches = destination(format_smolstr!("{} cluster IP", port.label), port, port.cluster_ip);
        Some(Rule::new(matches.into_iter().chain(not_local), Target::Jump(MARK), because))
    }

    fn entries(&mut self, plan: &Plan<'_>, own_chains: &Own) {
        let port = plan.port;
        let label = &port.label;
        let (refuse, why) = if plan.has_any {
            (Target::Drop, format_smolstr!("{label} has no local endpoints"))
        } else {
            (Target::Reject, format_smolstr!("{label} has no endpoints"))
        };
        // No endpoint at all: the selector, or readiness; no local one: the policy.
        let because_none = |policy: &'static str| port.field(if plan.has_any { policy } else { "spec.selector" });
        let mut add = |space, matches: Vec<Match>, target, because| {
            self.entries.push(Entry { space, content: Content::Rule(Rule::new(matches, target, because)) });
        };

        let ip = port.cluster_ip;
        if plan.has_internal {
            let because = port.port_field("port");
            let matches = destination(format_smolstr!("{label} cluster IP"), port, ip);
            add(SERVICES, matches, own(own_chains.internal(plan)), because);
        } else {
            let because = because_none("spec.internalTrafficPolicy");
            add(FILTER_SERVICES, destination(why.clone(), port, ip), refuse.clone(), because);
        }
        for ip in &port.external_ips {
            if plan.has_any {
                let because = Because::item_of(&port.object, "spec.externalIPs", ip.index, "");
                let matches = destination(format_smolstr!("{label} external IP"), port, ip.value);
                add(SERVICES, matches, own(own_chains.external), because);
            }
            if !plan.has_external {
                let because = because_none("spec.externalTrafficPolicy");
                add(EXTERNAL_SERVICES, destination(why.clone(), port, ip.value), refuse.clone(), because);
            }
        }
        for ip in &port.load_balancer_ips {
            if plan.has_any {
                let because = Because::item_of(&port.object, "status.loadBalancer.ingress", ip.index, "ip");
                let matches = destination(format_smolstr!("{label} loadbalancer IP"), port, ip.value);
                add(SERVICES, matches, own(own_chains.firewall.or(own_chains.external)), because);
            }
            if plan.uses_firewall {
                let text = format_smolstr!("{label} traffic not accepted by {}", PortChains::new(port).firewall());
                let because = port.field("spec.loadBalancerSourceRanges");
                add(FIREWALL, destination(text, port, ip.value), Target::Drop, because);
            }
        }
        if !plan.has_external {
            for ip in &port.load_balancer_ips {
                let because = because_none("spec.externalTrafficPolicy");
                add(EXTERNAL_SERVICES, destination(why.clone(), port, ip.value), refuse.clone(), because);
            }
        }
        if port.node_port != 0 {
            let protocol = Match::Protocol(port.name.protocol);
            let number = Match::DestinationPort(port.node_port);
            if plan.has_any {
                let matches = vec![Match::Comment(label.clone()), protocol.clone(), number.clone()];
                add(NODE_PORTS, matches, own(own_chains.external), port.port_field("nodePort"));
            }
            if !plan.has_external {
                let local = Match::Local { side: Side::Destination, not: false };
                let matches = vec![Match::Comment(why), local, protocol, number];
                add(EXTERNAL_SERVICES, matches, refuse, because_none("spec.externalTrafficPolicy"));
            }
        }
        if port.health_check_node_port != 0 {
            let matches = vec![
                Match::Comment(format_smolstr!("{label} health check node port")),
                Match::Protocol(Protocol::Tcp),
                Match::DestinationPort(port.health_check_node_port),
            ];
            add(HEALTH_CHECKS, matches, Target::Accept, port.field("spec.healthCheckNodePort"));
        }
    }
}

/// The conditions of a rule for traffic to one of a service port's addresses.
fn destination(text: SmolStr, port: &ServicePort, ip: IpAddr) -> Vec<Match> {
    vec![
        Match::Comment(text),
        Match::Protocol(port.name.protocol),
        Match::Destination { peer: Peer::Ip(ip), not: false },
        Match::DestinationPort(port.port),
    ]
}

fn external_rules(input: &ChunkInput, plan: &Plan<'_>, chains: &Own) -> Vec<Rule> {
    let port = plan.port;
    let label = &port.label;
    let policy = || port.field("spec.externalTrafficPolicy");
    let mut rules = Vec::new();
    if port.external_local {
        if let Some(net) = input.local_cidr {
            let text = format_smolstr!("pod traffic for {label} external destinations");
            let from_pods = Match::Source { peer: Peer::Net(net), not: false };
            rules.push(Rule::new(vec![Match::Comment(text), from_pods], own(chains.cluster), policy()));
        }
        let local = Match::Local { side: Side::Source, not: false };
        let text = format_smolstr!("masquerade LOCAL traffic for {label} external destinations");
        rules.push(Rule::new(vec![Match::Comment(text), local.clone()], Target::Jump(MARK), policy()));
        let text = format_smolstr!("route LOCAL traffic for {label} external destinations");
        rules.push(Rule::new(vec![Match::Comment(text), local], own(chains.cluster), policy()));
    } else {
        let text = format_smolstr!("masquerade traffic for {label} external destinations");
        rules.push(Rule::new(vec![Match::Comment(text)], Target::Jump(MARK), policy()));
    }
    if plan.has_external {
        let chain = if port.external_local { chains.local } else { chains.cluster };
        rules.push(Rule::new([], own(chain), policy()));
    }
    rules
}

fn firewall_rules(input: &ChunkInput, chains: &Own) -> Vec<Rule> {
    let port = &input.state.port;
    let text = Match::Comment(format_smolstr!("{} loadbalancer IP", port.label));
    let from = |peer: Peer, index: usize| {
        let because = Because::item_of(&port.object, "spec.loadBalancerSourceRanges", index, "");
        Rule::new(vec![text.clone(), Match::Source { peer, not: false }], own(chains.external), because)
    };
    let mut rules: Vec<Rule> = port.source_ranges.iter().map(|r| from(Peer::Net(r.value), r.index)).collect();
    // The node's own requests to the address may come with that address as their source.
    if let Some(range) = input.allows_node() {
        rules.extend(port.load_balancer_ips.iter().map(|ip| from(Peer::Ip(ip.value), range)));
    }
    let text = format_smolstr!("other traffic to {} will be dropped by KUBE-PROXY-FIREWALL", port.label);
    let because = port.field("spec.loadBalancerSourceRanges");
    rules.push(Rule::new(vec![Match::Comment(text)], Target::Continue, because));
    rules
}

/// First the endpoints that remember the client, then one by lot: with n left, the next is taken with a chance of 1/n.
fn balance_rules(port: &ServicePort, endpoints: &[(&Endpoint, u16, SmolStr)]) -> Vec<Rule> {
    let mut scratch = String::with_capacity(64);
    let mut text = |e: &Endpoint| {
        scratch.clear();
        [&port.label, " -> ", &e.text].into_iter().for_each(|part| scratch.push_str(part));
        Match::EndpointComment(SmolStr::new(&scratch))
    };
    let affinity = port.affinity_seconds;
    let mut rules = Vec::with_capacity(endpoints.len() * (1 + usize::from(affinity.is_some())));
    if let Some(seconds) = affinity {
        for (endpoint, chain, list) in endpoints {
            let remembered = Match::Remembered { list: list.clone(), seconds };
            let because = port.field("spec.sessionAffinity");
            rules.push(Rule::new([text(endpoint), remembered], own(Some(*chain)), because));
        }
    }
    for (i, (endpoint, chain, _)) in endpoints.iter().enumerate() {
        let left = endpoints.len() - i;
        let lot = (left > 1).then_some(Match::Random(Probability::one_of(left as u32)));
        let matches = [text(endpoint)].into_iter().chain(lot);
        rules.push(Rule::new(matches, own(Some(*chain)), endpoint.because()));
    }
    rules
}

fn endpoint_rules(port: &ServicePort, endpoint: &Endpoint, list: &SmolStr) -> Vec<Rule> {
    let text = Match::EndpointComment(port.label.clone());
    let hairpin = Match::Source { peer: Peer::Ip(endpoint.ip), not: false };
    let remember = port.affinity_seconds.map(|seconds| Match::Remember { list: list.clone(), seconds });
    let to = [text.clone()].into_iter().chain(remember).chain([Match::Protocol(port.name.protocol)]);
    let dnat = Target::Dnat { ip: endpoint.ip, port: endpoint.port };
    vec![
        Rule::new([text, hairpin], Target::Jump(MARK), endpoint.because()),
        Rule::new(to, dnat, port.port_field("targetPort")),
    ]
}
