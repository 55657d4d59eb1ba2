//! The texts of iptables mode: what kube-proxy hands to `iptables-restore`, whole or only what changed, and what the tables
//! then are.

use super::iptables::{NODE_PORTS, SERVICES};
use super::{FamilyTables, Mode};
use crate::arrange::set_of;
use crate::network::netfilter::iptables_text::{Manner, Printer, save};
use crate::network::netfilter::{Chunk, Content, FixedChain, Part, Program, Table};
use std::collections::BTreeSet;

/// The input of `iptables-restore --noflush --counters`, by table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreInput {
    /// Lines of chains, then of rules, each with its line end.
    pub filter: String,
    pub nat: String,
}

impl RestoreInput {
    /// Both tables as one file.
    pub fn text(&self) -> String {
        format!("*filter\n{}COMMIT\n*nat\n{}COMMIT\n", self.filter, self.nat)
    }
}

/// The fixed chains in the order in which kube-proxy writes their lines.
const FILTER_CHAINS: [&str; 5] =
    ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-FORWARD", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL"];
const NAT_CHAINS: [&str; 4] = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"];

impl FamilyTables {
    /// What the last sync handed to `iptables-restore`: all rules after a full one, else the collecting chains and the chains
    /// of changed Services. Chains that are not used any more are removed.
    pub fn restore_input(&self) -> RestoreInput {
        self.write_input(self.last.full, &self.stale_chains())
    }

    /// What a full sync on a node without such rules hands over.
    pub fn full_input(&self) -> RestoreInput {
        self.write_input(true, &BTreeSet::new())
    }

    fn write_input(&self, full: bool, stale: &BTreeSet<String>) -> RestoreInput {
        let program = &self.program;
        let printer = Printer { program, manner: Manner::Restore, large: self.last.large };
        let (mut filter, mut nat) = (String::new(), String::new());
        let (mut filter_rules, mut nat_rules) = (String::new(), String::new());

        FILTER_CHAINS.iter().for_each(|name| chain_line(&mut filter, name));
        NAT_CHAINS.iter().for_each(|name| chain_line(&mut nat, name));
        let chain = |name: &str, table| program.frame.chain(name, table);
        for name in ["KUBE-POSTROUTING", "KUBE-MARK-MASQ"] {
            chain(name, Table::Nat).into_iter().for_each(|c| printer.fixed_chain(&mut nat_rules, c));
        }
        if let Some(firewall) = chain("KUBE-FIREWALL", Table::Filter).filter(|c| !c.parts.is_empty()) {
            chain_line(&mut filter, &firewall.name);
            printer.fixed_chain(&mut filter_rules, firewall);
        }
        for chunk in program.chunks() {
            for entry in &chunk.rules().entries {
                let Content::Rule(rule) = &entry.content else { continue };
                let out =
                    if [SERVICES, NODE_PORTS].contains(&entry.space) { &mut nat_rules } else { &mut filter_rules };
                printer.rule(out, &program.frame.space(entry.space).name, rule, Some(chunk));
                out.push('\n');
            }
            let service = (chunk.name.namespace.clone(), chunk.name.service.clone());
            if full || self.last.services.contains(&service) {
                write_chunk(printer, chunk, &mut nat, &mut nat_rules);
            }
        }
        for stale in stale {
            chain_line(&mut nat, stale);
            nat_rules.push_str("-X ");
            nat_rules.push_str(stale);
            nat_rules.push('\n');
        }
        let tail = |chain: Option<&FixedChain>, out: &mut String| {
            for part in chain.into_iter().flat_map(|c| &c.parts) {
                if let Part::Rule(rule) = part {
                    printer.rule(out, chain.map_or("", |c| &c.name), rule, None);
                    out.push('\n');
                }
            }
        };
        tail(chain("KUBE-SERVICES", Table::Nat), &mut nat_rules);
        tail(chain("KUBE-FORWARD", Table::Filter), &mut filter_rules);
        filter.push_str(&filter_rules);
        nat.push_str(&nat_rules);
        RestoreInput { filter, nat }
    }

    /// Chains of service ports and endpoints that the rules before the last sync had and that are not used now.
    fn stale_chains(&self) -> BTreeSet<String> {
        let Some(previous) = &self.last.previous else { return BTreeSet::new() };
        let full = self.last.full;
        // What did not change has the same chains; a chunk that is the same object need not be looked into.
        let changed = |chunk: &Chunk, other: &Program| {
            (full || self.last.services.contains(&(chunk.name.namespace.clone(), chunk.name.service.clone())))
                && other.get(&chunk.name).is_none_or(|o| !std::ptr::eq(&**o, chunk))
        };
        let names = |program: &Program, other: &Program| -> BTreeSet<String> {
            let chunks = program.chunks().filter(|c| changed(c, other));
            set_of(chunks.flat_map(|c| c.rules().chains.iter().map(|c| c.name.to_string()).collect::<Vec<_>>()))
        };
        let now = names(&self.program, previous);
        set_of(names(previous, &self.program).difference(&now).cloned())
    }

    /// The tables with kube-proxy's jumps in the built-in chains, written as in [`FamilyTables::restore_input`].
    pub fn dump(&self, table: Table) -> String {
        let mut out = String::new();
        let printer = Printer { program: &self.program, manner: Manner::Dump, large: self.last.large };
        printer.table(&mut out, table, false);
        out
    }

    /// What `iptables-save` prints on the node, both tables. Also ipvs mode has such tables.
    pub fn iptables_save(&self) -> Option<String> {
        (self.place.settings.mode != Mode::Nftables).then(|| save(&self.program, self.last.large))
    }
}

fn chain_line(out: &mut String, name: &str) {
    out.push(':');
    out.push_str(name);
    out.push_str(" - [0:0]\n");
}

fn write_chunk(printer: Printer<'_>, chunk: &Chunk, chains: &mut String, rules: &mut String) {
    let own = chunk.rules();
    let first = own.first.map(usize::from);
    if let Some(chain) = first.and_then(|place| own.chains.get(place))
        && let Some(rule) = chain.rules.first()
    {
        printer.rule(rules, &chain.name, rule, Some(chunk));
        rules.push('\n');
    }
    for (place, chain) in own.chains.iter().enumerate() {
        chain_line(chains, &chain.name);
        printer.own_chain(rules, chunk, place, usize::from(first == Some(place)));
    }
}
