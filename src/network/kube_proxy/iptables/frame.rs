//! The chains of iptables mode that stand whatever the Services say: kube-proxy's own, and its jumps in the built-in ones.

use super::super::settings::{Family, Place};
use super::{EXTERNAL_SERVICES, FILTER_SERVICES, FIREWALL, HEALTH_CHECKS, NODE_PORTS, SERVICES};
use crate::network::netfilter::{
    Because, ChainRef, CtStates, FixedChain, Frame, Hook, Match, Part, Peer, Rule, Side, SpaceInfo, SpaceKind, Stage,
    Syntax, Table, Target,
};
use smol_str::SmolStr;

const SPACES: [&str; 6] = [
    "KUBE-SERVICES",
    "KUBE-NODEPORTS",
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-NODEPORTS",
    "KUBE-PROXY-FIREWALL",
];

/// Places of chains in the frame.
const EXTERNAL: u8 = 3;
const KUBELET_FIREWALL: u8 = 4;
const FORWARD: u8 = 5;
const FILTER_NODEPORTS: u8 = 6;
const PROXY_FIREWALL: u8 = 7;
const FILTER: u8 = 8;
const NAT_PREROUTING: u8 = 9;
const MARK_MASQ: u8 = 13;
const NODEPORTS: u8 = 14;
const POSTROUTING: u8 = 15;
const NAT: u8 = 16;

pub(super) const MARK: ChainRef = ChainRef::Fixed(MARK_MASQ);

fn comment(text: &'static str) -> Match {
    Match::Comment(SmolStr::new_static(text))
}

/// A rule of a built-in chain that leads to one of kube-proxy's.
fn jump(states: Option<CtStates>, text: &'static str, to: u8) -> Part {
    let state = states.map(|states| Match::Ct { states, not: false });
    let text = (!text.is_empty()).then(|| comment(text));
    let matches = state.into_iter().chain(text);
    Part::Rule(Rule::new(matches, Target::Jump(ChainRef::Fixed(to)), Because::setting("mode")))
}

/// The chains that stand whatever the Services say.
pub fn frame(place: &Place) -> Frame {
    let (builtin, made) = (FixedChain::base, FixedChain::made);
    let new = Some(CtStates::NEW);
    let (portals, outside) = ("kubernetes service portals", "kubernetes externally-visible service portals");
    let (firewall, health) = ("kubernetes load balancer firewall", "kubernetes health check service ports");
    let forwarding = "kubernetes forwarding rules";
    let chains = vec![
        builtin(
            "INPUT",
            Table::Filter,
            Hook::Input,
            0,
            vec![
                jump(None, "", KUBELET_FIREWALL),
                jump(new, firewall, PROXY_FIREWALL),
                jump(None, health, FILTER_NODEPORTS),
                jump(new, outside, EXTERNAL),
            ],
        ),
        builtin(
            "FORWARD",
            Table::Filter,
            Hook::Forward,
            0,
            vec![
                jump(new, firewall, PROXY_FIREWALL),
                jump(None, forwarding, FORWARD),
                jump(new, portals, FILTER),
                jump(new, outside, EXTERNAL),
            ],
        ),
        builtin(
            "OUTPUT",
            Table::Filter,
            Hook::Output,
            0,
            vec![jump(None, "", KUBELET_FIREWALL), jump(new, firewall, PROXY_FIREWALL), jump(new, portals, FILTER)],
        ),
        made("KUBE-EXTERNAL-SERVICES", Table::Filter, vec![Part::Collected(EXTERNAL_SERVICES)]),
        made("KUBE-FIREWALL", Table::Filter, kubelet_firewall(place)),
        made("KUBE-FORWARD", Table::Filter, forward_rules(place)),
        made("KUBE-NODEPORTS", Table::Filter, vec![Part::Collected(HEALTH_CHECKS)]),
        made("KUBE-PROXY-FIREWALL", Table::Filter, vec![Part::Collected(FIREWALL)]),
        made("KUBE-SERVICES", Table::Filter, vec![Part::Collected(FILTER_SERVICES)]),
        builtin("PREROUTING", Table::Nat, Hook::Prerouting, -100, vec![jump(None, portals, NAT)]),
        builtin("INPUT", Table::Nat, Hook::Input, 100, vec![]),
        builtin("OUTPUT", Table::Nat, Hook::Output, -100, vec![jump(None, portals, NAT)]),
        builtin(
            "POSTROUTING",
            Table::Nat,
            Hook::Postrouting,
            100,
            vec![jump(None, "kubernetes postrouting rules", POSTROUTING)],
        ),
        made("KUBE-MARK-MASQ", Table::Nat, vec![mark_rule(place)]),
        made("KUBE-NODEPORTS", Table::Nat, vec![Part::Collected(NODE_PORTS)]),
        made("KUBE-POSTROUTING", Table::Nat, postrouting_rules(place)),
        made("KUBE-SERVICES", Table::Nat, node_ports_tail(place)),
    ];
    let spaces = SPACES
        .iter()
        .map(|name| SpaceInfo { name: SmolStr::new_static(name), kind: SpaceKind::Chain, comment: "" })
        .collect();
    let survey = [NAT_PREROUTING, FILTER, EXTERNAL, FILTER_NODEPORTS, PROXY_FIREWALL]
        .map(|chain| Stage::Chain { chain, last: false })
        .to_vec();
    Frame::new(Syntax::Iptables, place.family == Family::V6, chains, spaces, survey)
}

fn kubelet_firewall(place: &Place) -> Vec<Part> {
    if !place.localhost_node_ports() {
        return Vec::new();
    }
    let loopback = Peer::Net(place.family.loopback_net());
    let answers = CtStates::RELATED.or(CtStates::ESTABLISHED).or(CtStates::DNAT);
    vec![Part::Rule(Rule::new(
        vec![
            comment("block incoming localnet connections"),
            Match::Destination { peer: loopback, not: false },
            Match::Source { peer: loopback, not: true },
            Match::Ct { states: answers, not: true },
        ],
        Target::Drop,
        Because::setting("iptables.localhostNodePorts"),
    ))]
}

/// Traffic that was marked for SNAT, and what answers it, passes even where the policy of FORWARD is DROP.
pub(in super::super) fn forward_rules(place: &Place) -> Vec<Part> {
    let mask = place.settings.mark();
    let because = Because::setting("mode");
    let rule = |matches: Vec<Match>, target| Part::Rule(Rule::new(matches, target, because.clone()));
    vec![
        rule(vec![Match::Ct { states: CtStates::INVALID, not: false }], Target::Drop),
        rule(vec![comment("kubernetes forwarding rules"), Match::Mark { mask, not: false }], Target::Accept),
        rule(
            vec![
                comment("kubernetes forwarding conntrack rule"),
                Match::Ct { states: CtStates::RELATED.or(CtStates::ESTABLISHED), not: false },
            ],
            Target::Accept,
        ),
    ]
}

pub(in super::super) fn mark_rule(place: &Place) -> Part {
    let because = Because::setting("iptables.masqueradeBit");
    Part::Rule(Rule::new([], Target::OrMark(place.settings.mark()), because))
}

pub(in super::super) fn postrouting_rules(place: &Place) -> Vec<Part> {
    let mask = place.settings.mark();
    let because = Because::setting("iptables.masqueradeBit");
    let rule = |matches: Vec<Match>, target| Part::Rule(Rule::new(matches, target, because.clone()));
    vec![
        rule(vec![Match::Mark { mask, not: true }], Target::Return),
        // Cleared, lest the packet be masqueraded again when it passes the network stack once more.
        rule(vec![], Target::XorMark(mask)),
        rule(vec![comment("kubernetes service traffic requiring SNAT")], Target::Masquerade { random_fully: true }),
    ]
}

/// nat `KUBE-SERVICES`: after the rules of all service ports, what leads to the NodePorts.
fn node_ports_tail(place: &Place) -> Vec<Part> {
    let text = comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain");
    let target = Target::Jump(ChainRef::Fixed(NODEPORTS));
    let because = Because::setting("nodePortAddresses");
    let local = Match::Local { side: Side::Destination, not: false };
    let mut parts = vec![Part::Collected(SERVICES)];
    if place.all_node_ports() {
        let mut matches = vec![text, local];
        if place.family == Family::V6 || !place.localhost_node_ports() {
            matches.push(Match::Destination { peer: Peer::Net(place.family.loopback_net()), not: true });
        }
        parts.push(Part::Rule(Rule::new(matches, target, because)));
    } else {
        for ip in place.node_port_ips() {
            if ip.is_loopback() && !place.localhost_node_ports() {
                continue;
            }
            let matches = vec![text.clone(), Match::Destination { peer: Peer::Ip(ip), not: false }];
            parts.push(Part::Rule(Rule::new(matches, target.clone(), because.clone())));
        }
    }
    parts
}
