//! A node's rules as its administrator would list them: with the tools of the mode.

use super::{FamilyTables, Mode};
use crate::api::object::FieldRef;
use crate::api::time::Time;
use crate::network::conntrack::Conntrack;
use crate::network::netfilter::iptables_text::{Manner, Printer};
use crate::network::netfilter::{
    Because, Chunk, Content, Member, Part, Rule, SpaceKind, Syntax, VirtualServer, ipvs_text, nft_text,
};
use std::collections::{BTreeMap, BTreeSet};

/// What one tool prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The command that prints it.
    pub command: &'static str,
    pub text: String,
}

impl Listing {
    /// Its lines, each with the words by which [`FamilyTables::origins`] knows it; what only frames others has none.
    pub fn lines(&self) -> Vec<(&str, Option<String>)> {
        let tool = self.command.split(' ').next().unwrap_or("");
        // The virtual server, or the set, that the lines below belong to.
        let mut of = "";
        let key = |line: &'_ str, of: &str| match tool {
            "ipvsadm" if line.starts_with("  ->") && !of.is_empty() => Some(format!("{of}\n{line}")),
            "ipvsadm" => ["TCP ", "UDP ", "SCTP"].iter().any(|p| line.starts_with(p)).then(|| line.to_string()),
            "ipset" => (!of.is_empty() && !line.is_empty() && !line.contains(": ") && !line.ends_with(':'))
                .then(|| format!("{of}\n{line}")),
            "nft" if of == "chain" => Some(line.trim().to_string()),
            "nft" if of == "map" => {
                let element = line.trim();
                let element = element.strip_prefix("elements = {").unwrap_or(element).trim_end_matches('}').trim();
                element.contains(" : ").then(|| element.trim_end_matches(',').to_string())
            }
            "nft" => None,
            _ => line.starts_with("-A ").then(|| line.to_string()),
        };
        let line = |line| {
            match tool {
                "ipset" => of = if let Some(name) = str::strip_prefix(line, "Name: ") { name } else { of },
                // An element's own braces are closed in its line.
                "nft" if line.ends_with('{') => {
                    of = if line.trim_start().starts_with("chain ") { "chain" } else { "map" };
                }
                "nft" if line.trim() == "}" => of = "",
                "ipvsadm" if !line.starts_with(' ') => of = if key(line, "").is_some() { line } else { "" },
                _ => {}
            }
            (line, key(line, of))
        };
        self.text.lines().map(line).collect()
    }
}

impl FamilyTables {
    /// `ipvsadm -Ln` with the connections that the node's kernel knows. `None`: not in this mode.
    pub fn virtual_servers(&self, flows: &Conntrack, now: Time) -> Option<String> {
        (self.place.settings.mode == Mode::Ipvs).then(|| ipvs_text::servers(&self.program, Some((flows, now))))
    }

    /// What the tools of the mode print on the node. The first of iptables and ipvs mode is a file that `iptables-restore`
    /// takes (`ip6tables-restore` for IPv6), the one of nftables mode one that `nft -f` takes.
    pub fn listings(&self) -> Vec<Listing> {
        let mut listings = Vec::new();
        if let Some(text) = self.iptables_save() {
            let command = if self.program.frame.v6 { "ip6tables-save" } else { "iptables-save" };
            listings.push(Listing { command, text });
        }
        match self.place.settings.mode {
            Mode::Iptables => {}
            Mode::Ipvs => {
                listings.push(Listing { command: "ipset list", text: ipvs_text::sets(&self.program) });
                listings.push(Listing { command: "ipvsadm -Ln", text: ipvs_text::servers(&self.program, None) });
            }
            Mode::Nftables => {
                let command = if self.program.frame.v6 {
                    "nft list table ip6 kube-proxy"
                } else {
                    "nft list table ip kube-proxy"
                };
                listings.push(Listing { command, text: nft_text::list(&self.program) });
            }
        }
        listings
    }

    /// The fields that lines of [`FamilyTables::listings`] stand for, of those in `wanted`: rules, elements of nftables' maps
    /// (each without what is around it), virtual servers, and real servers as the line of the virtual one, a line end, and their
    /// own; members of ipset's sets likewise behind the set's name. Of lines that stand there twice, the first.
    pub fn origins(&self, wanted: &BTreeSet<String>) -> BTreeMap<String, FieldRef> {
        let program = &self.program;
        let mut found = BTreeMap::new();
        let mut note = |text: String, because: &Because| {
            if wanted.contains(&text) {
                found.entry(text).or_insert_with(|| because.field());
            }
        };
        for chain in &program.frame.chains {
            for part in &chain.parts {
                if let Part::Rule(rule) | Part::IfAny(_, rule) = part {
                    note(self.line(&chain.name, rule, None), &rule.because);
                }
            }
        }
        for chunk in program.chunks() {
            for chain in &chunk.rules().chains {
                for rule in &chain.rules {
                    note(self.line(&chain.name, rule, Some(chunk)), &rule.because);
                }
            }
            for entry in &chunk.rules().entries {
                let space = program.frame.space(entry.space);
                match &entry.content {
                    Content::Rule(rule) if matches!(space.kind, SpaceKind::Map(_)) => {
                        note(nft_text::element_text(program, rule, chunk), &rule.because);
                    }
                    Content::Rule(rule) => note(self.line(&space.name, rule, Some(chunk)), &rule.because),
                    Content::Server(server) => {
                        let head = ipvs_text::server_text(server);
                        for real in &server.real {
                            note(format!("{head}{}", ipvs_text::real_text(real).trim_end_matches('\n')), &real.because);
                        }
                        note(head.trim_end().to_string(), &server.because);
                    }
                    Content::Member(member) => {
                        if let Some(because) = behind(chunk, member) {
                            note(format!("{}\n{}", space.name, ipvs_text::member_text(member, space.kind)), because);
                        }
                    }
                }
            }
        }
        found
    }

    /// A rule as its tool lists it.
    fn line(&self, chain: &str, rule: &Rule, chunk: Option<&Chunk>) -> String {
        if self.program.frame.syntax == Syntax::Nft {
            return nft_text::rule_text(&self.program, rule, chunk);
        }
        let mut out = String::new();
        Printer { program: &self.program, manner: Manner::Save, large: self.last.large }
            .rule(&mut out, chain, rule, chunk);
        out
    }
}

/// What a set's member was written for: as the virtual server of the same address, or port, that came with it, or its real server
/// of that address, else as what came with it first.
fn behind<'a>(chunk: &'a Chunk, member: &Member) -> Option<&'a Because> {
    let servers = || {
        chunk.rules().entries.iter().filter_map(|entry| match &entry.content {
            Content::Server(server) => Some(server),
            _ => None,
        })
    };
    let real = || servers().flat_map(|s| &s.real).find(|real| Some(real.address().ip()) == member.ip);
    let same = |server: &&VirtualServer| match (member.ip, member.port) {
        (Some(ip), _) => server.ip == ip,
        (None, Some((_, port))) => server.port == port,
        (None, None) => false,
    };
    let rule = || chunk.rules().chains.iter().flat_map(|chain| &chain.rules).next();
    servers()
        .find(same)
        .map(|server| &server.because)
        .or_else(|| real().map(|real| &real.because))
        .or_else(|| servers().next().map(|server| &server.because))
        .or_else(|| rule().map(|rule| &rule.because))
}
