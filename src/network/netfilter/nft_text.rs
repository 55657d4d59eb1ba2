//! A program of nftables as `nft list ruleset` prints it.

use super::program::{BaseHook, Chunk, Content, FixedChain, Hook, Part, Program, SpaceKind};
use super::rule::{ChainRef, Match, Peer, Rule, SetKey, Side, Space, Table, Target};
use crate::arrange::set_of;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::SocketAddr;

/// The name of kube-proxy's table.
pub const TABLE: &str = "kube-proxy";

/// Where the elements of a set go on in the next line.
const NEXT_LINE: &str = ",\n\t\t\t     ";

/// The whole table. Elements are sorted; the kernel keeps them in no order that could be told beforehand.
pub fn list(program: &Program) -> String {
    let printer = Printer { program };
    let mut out = String::new();
    put(&mut out, format_args!("table {} {TABLE} {{\n\tcomment \"rules for kube-proxy\"\n", printer.ip()));
    let first = out.len();
    for place in 0..program.frame.spaces.len() {
        printer.space(&mut out, Space(place as u8));
    }
    // A blank line stands between parts, not before the first.
    if out[first..].starts_with('\n') {
        out.remove(first);
    }
    printer.affinity_sets(&mut out);
    for chain in &program.frame.chains {
        printer.fixed_chain(&mut out, chain);
    }
    for chunk in program.chunks() {
        for chain in &chunk.rules().chains {
            put(&mut out, format_args!("\n\tchain {} {{\n", chain.name));
            for rule in &chain.rules {
                out.push_str("\t\t");
                printer.rule(&mut out, rule, Some(chunk));
                out.push('\n');
            }
            out.push_str("\t}\n");
        }
    }
    out.push_str("}\n");
    out
}

/// One rule or element as `nft` writes it, without its chain.
pub fn rule_text(program: &Program, rule: &Rule, chunk: Option<&Chunk>) -> String {
    let mut out = String::new();
    Printer { program }.rule(&mut out, rule, chunk);
    out
}

/// An element as it stands in the list of its map.
pub fn element_text(program: &Program, rule: &Rule, chunk: &Chunk) -> String {
    Printer { program }.element(rule, chunk)
}

struct Printer<'p> {
    program: &'p Program,
}

impl Printer<'_> {
    fn ip(&self) -> &'static str {
        if self.program.frame.v6 { "ip6" } else { "ip" }
    }

    fn address_type(&self) -> &'static str {
        if self.program.frame.v6 { "ipv6_addr" } else { "ipv4_addr" }
    }

    fn space(&self, out: &mut String, space: Space) {
        let info = self.program.frame.space(space);
        let address = self.address_type();
        let (word, key) = match info.kind {
            SpaceKind::Map(SetKey::Port) => ("map", "inet_proto . inet_service : verdict".to_string()),
            SpaceKind::Map(_) => ("map", format!("{address} . inet_proto . inet_service : verdict")),
            _ => ("set", address.to_string()),
        };
        let elements = match info.kind {
            SpaceKind::Map(_) => self.map_elements(space),
            _ => self.set_elements(space),
        };
        // The set of NodePort addresses is there only when they are limited.
        if info.kind == SpaceKind::Set && !self.is_asked(space) {
            return;
        }
        put(out, format_args!("\n\t{word} {} {{\n\t\ttype {key}\n", info.name));
        put(out, format_args!("\t\tcomment \"{}\"\n", info.comment));
        if !elements.is_empty() {
            put(out, format_args!("\t\telements = {{ {elements} }}\n"));
        }
        out.push_str("\t}\n");
    }

    /// Whether a rule of a fixed chain asks a set.
    fn is_asked(&self, space: Space) -> bool {
        self.program.frame.chains.iter().flat_map(|c| &c.parts).any(|part| match part {
            Part::Rule(rule) | Part::IfAny(_, rule) => {
                rule.matches.iter().any(|m| matches!(m, Match::InSet { set, .. } if *set == space))
            }
            Part::Collected(_) => false,
        })
    }

    /// One a line.
    fn map_elements(&self, space: Space) -> String {
        let mut elements: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for (chunk, content) in self.program.entries(space) {
            let Content::Rule(rule) = content else { continue };
            let mut key = String::new();
            self.element_key(&mut key, rule);
            // The first service port that claims a key has it.
            elements.entry(key.into_bytes()).or_insert_with(|| self.element(rule, chunk));
        }
        elements.into_values().collect::<Vec<_>>().join(NEXT_LINE)
    }

    fn element(&self, rule: &Rule, chunk: &Chunk) -> String {
        let mut text = String::new();
        self.element_key(&mut text, rule);
        if let Some(comment) = rule.comment() {
            put(&mut text, format_args!(" comment \"{comment}\""));
        }
        text.push_str(" :");
        self.verdict(&mut text, &rule.target, Some(chunk));
        text
    }

    fn element_key(&self, out: &mut String, rule: &Rule) {
        let mut parts = 0;
        for condition in &rule.matches {
            let text = match condition {
                Match::Destination { peer, .. } => peer.to_string(),
                Match::Protocol(protocol) => protocol.lower().to_string(),
                Match::DestinationPort(port) => port.to_string(),
                _ => continue,
            };
            if parts > 0 {
                out.push_str(" . ");
            }
            parts += 1;
            out.push_str(&text);
        }
    }

    /// Two a line, IPv6 addresses one.
    fn set_elements(&self, space: Space) -> String {
        let members = self.program.entries(space).filter_map(|(_, content)| match content {
            Content::Member(member) => member.ip,
            _ => None,
        });
        let own = self.program.frame.members.iter().filter(|(s, _)| *s == space).map(|(_, ip)| *ip);
        let ips: BTreeSet<_> = set_of(members.chain(own));
        let mut out = String::new();
        for (i, ip) in ips.into_iter().enumerate() {
            match (i, i % 2) {
                (0, _) => {}
                (_, 1) if !self.program.frame.v6 => out.push_str(", "),
                _ => out.push_str(NEXT_LINE),
            }
            put(&mut out, format_args!("{ip}"));
        }
        out
    }

    fn affinity_sets(&self, out: &mut String) {
        for chunk in self.program.chunks() {
            for rule in chunk.rules().chains.iter().flat_map(|c| &c.rules) {
                for condition in &rule.matches {
                    let Match::Remember { list, seconds } = condition else { continue };
                    put(out, format_args!("\n\tset {list} {{\n\t\ttype {}\n\t\tsize 65535\n", self.address_type()));
                    put(out, format_args!("\t\tflags dynamic,timeout\n\t\ttimeout {}\n\t}}\n", span(*seconds)));
                }
            }
        }
    }

    fn fixed_chain(&self, out: &mut String, chain: &FixedChain) {
        put(out, format_args!("\n\tchain {} {{\n", chain.name));
        if chain.name == "reject-chain" {
            out.push_str("\t\tcomment \"helper for @no-endpoint-services / @no-endpoint-nodeports\"\n");
        }
        if let Some(base) = chain.builtin {
            let kind = if chain.table == Table::Nat { "nat" } else { "filter" };
            let (hook, priority) = (hook_name(base.hook), priority(base));
            put(out, format_args!("\t\ttype {kind} hook {hook} priority {priority}; policy accept;\n"));
        }
        for part in &chain.parts {
            if let Part::Rule(rule) = part {
                out.push_str("\t\t");
                self.rule(out, rule, None);
                out.push('\n');
            }
        }
        out.push_str("\t}\n");
    }

    /// A rule without indentation and line end.
    fn rule(&self, out: &mut String, rule: &Rule, chunk: Option<&Chunk>) {
        let start = out.len();
        let mut protocol = None;
        for condition in &rule.matches {
            if let Some(name) = protocol.take()
                && !matches!(condition, Match::DestinationPort(_))
            {
                put(out, format_args!(" meta l4proto {name}"));
            }
            if let Match::Protocol(p) | Match::Layer4(p) = condition {
                protocol = Some(p.lower());
                continue;
            }
            self.condition(out, condition, rule);
        }
        if let Some(name) = protocol {
            put(out, format_args!(" meta l4proto {name}"));
        }
        self.verdict(out, &rule.target, chunk);
        if let Some(comment) = rule.comment() {
            put(out, format_args!(" comment \"{comment}\""));
        }
        // Every part begins with a space.
        if out[start..].starts_with(' ') {
            out.remove(start);
        }
    }

    fn condition(&self, out: &mut String, condition: &Match, rule: &Rule) {
        let ip = self.ip();
        let unequal = |not: bool| if not { "!= " } else { "" };
        match condition {
            // Comments come last; the others are told by iptables and ipvs alone.
            Match::Comment(_)
            | Match::EndpointComment(_)
            | Match::Protocol(_)
            | Match::Layer4(_)
            | Match::Random(_)
            | Match::Virtual { .. }
            | Match::NotBridged => {}
            Match::Source { peer, not } => put(out, format_args!(" {ip} saddr {}{peer}", unequal(*not))),
            Match::Destination { peer, not } => put(out, format_args!(" {ip} daddr {}{peer}", unequal(*not))),
            Match::SourceIn { peers, not } => put(out, format_args!(" {ip} saddr {}{}", unequal(*not), several(peers))),
            Match::DestinationIn { peers } => put(out, format_args!(" {ip} daddr {}", several(peers))),
            Match::DestinationPort(port) => {
                let protocol = rule.matches.iter().find_map(|m| match m {
                    Match::Protocol(p) => Some(p.lower()),
                    _ => None,
                });
                put(out, format_args!(" {} dport {port}", protocol.unwrap_or("th")));
            }
            Match::Local { side, not } => {
                let side = if *side == Side::Source { "saddr" } else { "daddr" };
                put(out, format_args!(" fib {side} type {}local", unequal(*not)));
            }
            Match::Mark { mask, not } => {
                let wanted = if *not { 0 } else { *mask };
                put(out, format_args!(" meta mark & {mask:#010x} == {wanted:#010x}"));
            }
            Match::Ct { states, not } => {
                let names = states.names().map(str::to_lowercase).collect::<Vec<_>>().join(",");
                put(out, format_args!(" ct state {}{names}", unequal(*not)));
            }
            Match::Remembered { list, .. } => put(out, format_args!(" {ip} saddr @{list}")),
            Match::Remember { list, .. } => put(out, format_args!(" update @{list} {{ {ip} saddr }}")),
            Match::InSet { set, .. } => {
                put(out, format_args!(" {ip} daddr @{}", self.program.frame.space(*set).name));
            }
        }
    }

    fn verdict(&self, out: &mut String, target: &Target, chunk: Option<&Chunk>) {
        match target {
            Target::Continue => {}
            Target::Jump(to) => put(out, format_args!(" jump {}", self.name(*to, chunk))),
            Target::Goto(to) => put(out, format_args!(" goto {}", self.name(*to, chunk))),
            Target::Return => out.push_str(" return"),
            Target::Accept => out.push_str(" accept"),
            Target::Drop => out.push_str(" drop"),
            Target::Reject => out.push_str(" reject"),
            Target::OrMark(mark) => put(out, format_args!(" meta mark set meta mark | {mark:#010x}")),
            Target::XorMark(mark) => put(out, format_args!(" meta mark set meta mark ^ {mark:#010x}")),
            Target::Dnat { ip, port } => put(out, format_args!(" dnat to {}", SocketAddr::new(*ip, *port))),
            Target::Masquerade { random_fully: true } => out.push_str(" masquerade fully-random"),
            Target::Masquerade { random_fully: false } => out.push_str(" masquerade"),
            Target::Verdicts { map } => {
                let info = self.program.frame.space(*map);
                if info.kind != SpaceKind::Map(SetKey::Port) {
                    put(out, format_args!(" {} daddr .", self.ip()));
                }
                put(out, format_args!(" meta l4proto . th dport vmap @{}", info.name));
            }
            Target::OneOf(chains) => {
                put(out, format_args!(" numgen random mod {} vmap {{", chains.len()));
                for (i, to) in chains.iter().enumerate() {
                    let comma = if i == 0 { "" } else { "," };
                    put(out, format_args!("{comma} {i} : goto {}", self.name(*to, chunk)));
                }
                out.push_str(" }");
            }
        }
    }

    fn name<'a>(&'a self, to: ChainRef, chunk: Option<&'a Chunk>) -> &'a str {
        self.program.chain_name(to, chunk)
    }
}

/// An anonymous set; nft turns one of a single element into that element.
fn several(peers: &[Peer]) -> String {
    match peers {
        [one] => one.to_string(),
        many => format!("{{ {} }}", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
    }
}

/// The priority by the name that nft has for it at that hook.
fn priority(base: BaseHook) -> String {
    match (base.hook, base.priority) {
        (_, 0) => "filter".to_string(),
        (Hook::Prerouting, -100) => "dstnat".to_string(),
        (Hook::Prerouting, -110) => "dstnat - 10".to_string(),
        (Hook::Postrouting, 100) => "srcnat".to_string(),
        (_, other) => other.to_string(),
    }
}

/// A time span as nft prints it: `3h`, `1m30s`.
fn span(seconds: u32) -> String {
    let mut out = String::new();
    let mut rest = seconds;
    for (unit, size) in [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] {
        if rest >= size {
            put(&mut out, format_args!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if out.is_empty() { "0s".to_string() } else { out }
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(arguments);
}
