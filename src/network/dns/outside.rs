//! The made-up world outside the cluster: names that the upstream DNS servers know, and the hosts behind them.
//!
//! There is no internet here. `assets/outside.tsv` lists a few names with their addresses, and what answers there, so that
//! ExternalName, egress and manual endpoints have somewhere to go. Whatever else is asked does not exist.

use super::message::*;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;
use std::sync::OnceLock;

/// Names and hosts outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outside {
    records: Vec<DnsRecord>,
    hosts: Vec<OutsideHost>,
}

/// A machine outside the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct OutsideHost {
    pub address: IpAddr,
    /// Open TCP ports; 443 speaks TLS, the rest what their number promises.
    pub ports: Vec<u16>,
    /// The virtual hosts that its web server knows; empty: any.
    pub serves: Vec<SmolStr>,
}

impl Outside {
    /// The world that comes with the product.
    pub fn built_in() -> &'static Outside {
        static WORLD: OnceLock<Outside> = OnceLock::new();
        WORLD.get_or_init(|| Outside::read(include_str!("../../../assets/outside.tsv")))
    }

    /// Reads rows of `name <TAB> type <TAB> ttl <TAB> data` and `address <TAB> HOST <TAB> ports <TAB> names`. Lines that begin
    /// with `#`, and those that are neither, are left out.
    pub fn read(table: &str) -> Outside {
        let mut world = Outside::default();
        for line in table.lines().filter(|l| !l.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [name, kind, third, fourth] = columns[..] else { continue };
            if kind == "HOST" {
                let Ok(address) = name.parse() else { continue };
                let list = |text: &str| text.split(',').map(str::trim).map(SmolStr::from).collect::<Vec<_>>();
                let ports = list(third).iter().filter_map(|p| p.parse().ok()).collect();
                let serves = if fourth == "*" { Vec::new() } else { list(fourth) };
                world.hosts.push(OutsideHost { address, ports, serves });
            } else if let (Some(kind), Ok(ttl)) = (RecordType::read(kind), third.parse()) {
                world.records.push(DnsRecord { name: fqdn(name), kind, ttl, data: fourth.into() });
            }
        }
        world
    }

    pub fn host(&self, address: IpAddr) -> Option<&OutsideHost> {
        self.hosts.iter().find(|h| h.address == address)
    }

    /// The name that has this address, if one has.
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.records.iter().find(|r| r.address() == Some(address)).map(|r| bare(&r.name))
    }

    /// What the outside resolver answers, aliases followed.
    pub fn answer(&self, question: &Question) -> Answer {
        let mut name = question.name.clone();
        let mut answer = Answer { recursion: true, ..Answer::default() };
        // An alias may point at an alias, but not for ever.
        for _ in 0..8 {
            let mut known = false;
            let mut alias = None;
            for record in self.records.iter().filter(|r| r.name.eq_ignore_ascii_case(&name)) {
                known |= record.kind != RecordType::Soa;
                if record.kind == question.kind {
                    answer.answer.push(record.clone());
                } else if record.kind == RecordType::Cname {
                    alias = Some(record.clone());
                }
            }
            let below = format_smolstr!(".{name}");
            known |= self.records.iter().any(|r| r.name.ends_with(below.as_str()));
            if let Some(alias) = alias {
                name = alias.data.clone();
                answer.answer.push(alias);
                continue;
            }
            if !known {
                answer.rcode = Rcode::NxDomain;
            }
            if !answer.answer.iter().any(|r| r.kind == question.kind) {
                answer.authority.extend(self.authority(&name));
            }
            return answer;
        }
        Answer::failed(Rcode::ServFail)
    }

    /// The SOA record of the zone that a name belongs to.
    fn authority(&self, name: &str) -> Option<DnsRecord> {
        let zones = self.records.iter().filter(|r| r.kind == RecordType::Soa && is_under(name, &r.name));
        zones.max_by_key(|r| r.name.len()).cloned()
    }
}
