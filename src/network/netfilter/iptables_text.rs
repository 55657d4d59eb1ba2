//! Rules in the syntax of iptables: as kube-proxy hands them to `iptables-restore`, and as `iptables-save` prints them.

use super::program::{Chunk, Content, FixedChain, Part, Program};
use super::rule::{ChainRef, CtStates, Match, Peer, Probability, Rule, Side, Table, Target};
use crate::arrange::Arrange;
use std::fmt::Write;

/// Whose way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// The input of `iptables-restore`, as kube-proxy writes it: ten decimals, single addresses bare, quotes where a comment
    /// has spaces.
    Restore,
    /// The same as kube-proxy's own test tools print them: every comment in quotes, no policies.
    Dump,
    /// `iptables-save`: addresses and protocol first, prefix lengths, eleven decimals of what the kernel keeps.
    Save,
}

/// Writes rules of one program.
#[derive(Clone, Copy)]
pub struct Printer<'p> {
    pub program: &'p Program,
    pub manner: Manner,
    /// Comments of endpoints are left out.
    pub large: bool,
}

impl Printer<'_> {
    /// One line, `-A CHAIN …`, without its line end. `chunk` is the service port whose rule it is.
    pub fn rule(&self, out: &mut String, chain: &str, rule: &Rule, chunk: Option<&Chunk>) {
        out.push_str("-A ");
        out.push_str(chain);
        if self.manner == Manner::Save {
            self.save_head(out, rule);
        }
        for condition in &rule.matches {
            self.condition(out, condition);
        }
        self.target(out, &rule.target, chunk);
    }

    fn save_head(&self, out: &mut String, rule: &Rule) {
        let mut address = |not: bool, option: &str, peer: &Peer| {
            out.push_str(if not { " ! " } else { " " });
            put(out, format_args!("{option} {}", peer.net()));
        };
        for condition in &rule.matches {
            if let Match::Source { peer, not } = condition {
                address(*not, "-s", peer);
            }
        }
        for condition in &rule.matches {
            if let Match::Destination { peer, not } = condition {
                address(*not, "-d", peer);
            }
        }
        for condition in &rule.matches {
            if let Match::Protocol(protocol) | Match::Layer4(protocol) = condition {
                out.push_str(" -p ");
                out.push_str(protocol.lower());
            }
        }
    }

    fn condition(&self, out: &mut String, condition: &Match) {
        let save = self.manner == Manner::Save;
        match condition {
            Match::EndpointComment(_) if self.large => {}
            Match::Comment(text) | Match::EndpointComment(text) => {
                let quote = self.manner != Manner::Restore || text.contains(' ');
                let mark = if quote { "\"" } else { "" };
                for part in [" -m comment --comment ", mark, text, mark] {
                    out.push_str(part);
                }
            }
            Match::Protocol(protocol) => {
                out.push_str(" -m ");
                out.push_str(protocol.lower());
                if !save {
                    out.push_str(" -p ");
                    out.push_str(protocol.lower());
                }
            }
            Match::Layer4(protocol) => {
                if !save {
                    out.push_str(" -p ");
                    out.push_str(protocol.lower());
                }
            }
            Match::Source { .. } | Match::Destination { .. } if save => {}
            Match::Source { peer, not } => put(out, format_args!("{} -s {peer}", bang(*not))),
            Match::Destination { peer, not } => put(out, format_args!("{} -d {peer}", bang(*not))),
            // nftables alone writes these; as iptables would, one alternative at a time, they cannot stand in one rule.
            Match::SourceIn { .. } | Match::DestinationIn { .. } => {}
            Match::DestinationPort(port) => put(out, format_args!(" --dport {port}")),
            Match::Local { side, not } => {
                let side = if *side == Side::Source { "src" } else { "dst" };
                put(out, format_args!(" -m addrtype{} --{side}-type LOCAL", bang(*not)));
            }
            Match::Mark { mask, not } => put(out, format_args!(" -m mark{} --mark {mask:#x}/{mask:#x}", bang(*not))),
            Match::Ct { states, not } => {
                put(out, format_args!(" -m conntrack{} --ctstate ", bang(*not)));
                state_names(out, *states);
            }
            Match::Random(probability) => self.probability(out, *probability),
            Match::Remembered { list, seconds } if save => {
                put(out, format_args!(" -m recent --rcheck --seconds {seconds} --reap --name {list}"));
                self.recent_tail(out);
            }
            Match::Remembered { list, seconds } => {
                put(out, format_args!(" -m recent --name {list} --rcheck --seconds {seconds} --reap"));
            }
            Match::Remember { list, .. } if save => {
                put(out, format_args!(" -m recent --set --name {list}"));
                self.recent_tail(out);
            }
            Match::Remember { list, .. } => put(out, format_args!(" -m recent --name {list} --set")),
            Match::InSet { set, key } => {
                let name = &self.program.frame.space(*set).name;
                put(out, format_args!(" -m set --match-set {name} {}", key.directions()));
            }
            Match::Virtual { ip, protocol, port } => {
                let protocol = protocol.lower();
                if save {
                    put(out, format_args!(" -m ipvs --vproto {} --vaddr {ip}", protocol_number(protocol)));
                    put(out, format_args!(" --vport {port}"));
                } else {
                    put(out, format_args!(" -m ipvs --vaddr {ip} --vproto {protocol} --vport {port}"));
                }
            }
            Match::NotBridged => out.push_str(" -m physdev ! --physdev-is-in"),
        }
    }

    fn probability(&self, out: &mut String, probability: Probability) {
        out.push_str(" -m statistic --mode random --probability ");
        if self.manner == Manner::Save {
            put(out, format_args!("{:.11}", f64::from(probability.threshold()) / 2_147_483_648.0));
        } else {
            put(out, format_args!("{:.10}", probability.value()));
        }
    }

    fn recent_tail(&self, out: &mut String) {
        let mask = if self.is_v6() { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" } else { "255.255.255.255" };
        put(out, format_args!(" --mask {mask} --rsource"));
    }

    fn is_v6(&self) -> bool {
        self.program.frame.v6
    }

    fn target(&self, out: &mut String, target: &Target, chunk: Option<&Chunk>) {
        let save = self.manner == Manner::Save;
        let name = |to: &ChainRef| self.program.chain_name(*to, chunk);
        match target {
            // The last two are statements of nftables.
            Target::Continue | Target::Verdicts { .. } | Target::OneOf(_) => {}
            Target::Jump(to) => {
                out.push_str(" -j ");
                out.push_str(name(to));
            }
            Target::Goto(to) => {
                out.push_str(" -g ");
                out.push_str(name(to));
            }
            Target::Return => out.push_str(" -j RETURN"),
            Target::Accept => out.push_str(" -j ACCEPT"),
            Target::Drop => out.push_str(" -j DROP"),
            Target::Reject if save && self.is_v6() => out.push_str(" -j REJECT --reject-with icmp6-port-unreachable"),
            Target::Reject if save => out.push_str(" -j REJECT --reject-with icmp-port-unreachable"),
            Target::Reject => out.push_str(" -j REJECT"),
            Target::OrMark(mark) if save => put(out, format_args!(" -j MARK --set-xmark {mark:#x}/{mark:#x}")),
            Target::OrMark(mark) => put(out, format_args!(" -j MARK --or-mark {mark:#x}")),
            Target::XorMark(mark) if save => put(out, format_args!(" -j MARK --set-xmark {mark:#x}/0x0")),
            Target::XorMark(mark) => put(out, format_args!(" -j MARK --xor-mark {mark:#x}")),
            Target::Dnat { ip, port } => {
                let to = std::net::SocketAddr::new(*ip, *port);
                put(out, format_args!(" -j DNAT --to-destination {to}"));
            }
            Target::Masquerade { random_fully } => {
                out.push_str(" -j MASQUERADE");
                if *random_fully {
                    out.push_str(" --random-fully");
                }
            }
        }
    }

    /// The rules of a fixed chain, those of service ports in their place.
    pub fn fixed_chain(&self, out: &mut String, chain: &FixedChain) {
        for part in &chain.parts {
            match part {
                Part::IfAny(set, _) if self.program.is_empty(*set) => {}
                Part::Rule(rule) | Part::IfAny(_, rule) => {
                    self.rule(out, &chain.name, rule, None);
                    out.push('\n');
                }
                Part::Collected(space) => {
                    for (chunk, content) in self.program.entries(*space) {
                        if let Content::Rule(rule) = content {
                            self.rule(out, &chain.name, rule, Some(chunk));
                            out.push('\n');
                        }
                    }
                }
            }
        }
    }

    /// A whole table: chains first (built-in ones in the kernel's order, the others by name), then their rules, without the
    /// lines around it. `iptables-save` prints counters too; they are left out unless `counters`.
    pub fn table(&self, out: &mut String, table: Table, counters: bool) {
        let tail = if counters { " [0:0]\n" } else { "\n" };
        let builtin: Vec<&FixedChain> =
            self.program.frame.chains.iter().filter(|c| c.table == table && c.builtin.is_some()).collect();
        let mut made: Vec<(&str, Made<'_>)> = self
            .program
            .frame
            .chains
            .iter()
            .filter(|c| c.table == table && c.builtin.is_none())
            .map(|c| (c.name.as_str(), Made::Fixed(c)))
            .collect();
        if table == Table::Nat {
            for chunk in self.program.chunks() {
                let chains = chunk.rules().chains.iter().enumerate();
                made.extend(chains.map(|(i, chain)| (chain.name.as_str(), Made::Own(chunk, i))));
            }
        }
        made.arrange_by_key(|(name, _)| *name);
        for chain in &builtin {
            let policy = if self.manner == Manner::Save { "ACCEPT" } else { "-" };
            put(out, format_args!(":{} {policy}{tail}", chain.name));
        }
        for (name, _) in &made {
            put(out, format_args!(":{name} -{tail}"));
        }
        for chain in builtin {
            self.fixed_chain(out, chain);
        }
        for (_, chain) in made {
            match chain {
                Made::Fixed(chain) => self.fixed_chain(out, chain),
                Made::Own(chunk, i) => self.own_chain(out, chunk, i, 0),
            }
        }
    }

    /// The rules of a service port's own chain from the place `from` on.
    pub fn own_chain(&self, out: &mut String, chunk: &Chunk, place: usize, from: usize) {
        let Some(chain) = chunk.rules().chains.get(place) else { return };
        for rule in chain.rules.iter().skip(from) {
            self.rule(out, &chain.name, rule, Some(chunk));
            out.push('\n');
        }
    }
}

enum Made<'p> {
    Fixed(&'p FixedChain),
    Own(&'p Chunk, usize),
}

/// What `iptables-save` prints of a program: both tables, as a file that `iptables-restore` takes.
pub fn save(program: &Program, large: bool) -> String {
    let printer = Printer { program, manner: Manner::Save, large };
    let mut out = String::new();
    for table in [Table::Filter, Table::Nat] {
        put(&mut out, format_args!("*{}\n", table.name()));
        printer.table(&mut out, table, true);
        out.push_str("COMMIT\n");
    }
    out
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(arguments);
}

fn bang(not: bool) -> &'static str {
    if not { " !" } else { "" }
}

fn state_names(out: &mut String, states: CtStates) {
    for (i, name) in states.names().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(name);
    }
}

/// `iptables-save` prints the protocol of a virtual server as a number.
fn protocol_number(protocol: &str) -> u8 {
    match protocol {
        "udp" => 17,
        "sctp" => 132,
        _ => 6,
    }
}
