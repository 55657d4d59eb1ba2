//! DNS questions, records and answers, as far as their content is shown: no wire format.

use crate::api::object::FieldRef;
use smol_str::{SmolStr, format_smolstr};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Record types that are asked for here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordType {
    #[default]
    A,
    Aaaa,
    Cname,
    Srv,
    Ptr,
    Txt,
    Ns,
    Soa,
    Mx,
    /// A zone transfer (AXFR, IXFR): always refused here.
    Transfer,
    /// Any other type: CoreDNS tells only whether the name exists.
    Other,
}

impl RecordType {
    pub fn name(self) -> &'static str {
        match self {
            RecordType::A => "A",
            RecordType::Aaaa => "AAAA",
            RecordType::Cname => "CNAME",
            RecordType::Srv => "SRV",
            RecordType::Ptr => "PTR",
            RecordType::Txt => "TXT",
            RecordType::Ns => "NS",
            RecordType::Soa => "SOA",
            RecordType::Mx => "MX",
            RecordType::Transfer => "AXFR",
            RecordType::Other => "ANY",
        }
    }

    /// Reads `A`, `aaaa`, `ANY` …; `None`: no record type.
    pub fn read(text: &str) -> Option<RecordType> {
        Some(match text.to_ascii_uppercase().as_str() {
            "A" => RecordType::A,
            "AAAA" => RecordType::Aaaa,
            "CNAME" => RecordType::Cname,
            "SRV" => RecordType::Srv,
            "PTR" => RecordType::Ptr,
            "TXT" => RecordType::Txt,
            "NS" => RecordType::Ns,
            "SOA" => RecordType::Soa,
            "MX" => RecordType::Mx,
            "AXFR" | "IXFR" => RecordType::Transfer,
            "ANY" | "CAA" | "HTTPS" | "SVCB" | "NAPTR" | "DS" | "DNSKEY" | "HINFO" => RecordType::Other,
            _ => return None,
        })
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// DNS response codes that occur here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rcode {
    #[default]
    NoError,
    NxDomain,
    ServFail,
    Refused,
}

impl Rcode {
    pub fn name(self) -> &'static str {
        match self {
            Rcode::NoError => "NOERROR",
            Rcode::NxDomain => "NXDOMAIN",
            Rcode::ServFail => "SERVFAIL",
            Rcode::Refused => "REFUSED",
        }
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A resource record of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsRecord {
    /// Fully qualified, with the last dot.
    pub name: SmolStr,
    pub kind: RecordType,
    /// Seconds.
    pub ttl: u32,
    /// As zone files write it.
    pub data: SmolStr,
}

impl DnsRecord {
    /// The address of an A or AAAA record.
    pub fn address(&self) -> Option<IpAddr> {
        matches!(self.kind, RecordType::A | RecordType::Aaaa).then(|| self.data.parse().ok())?
    }
}

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// Fully qualified, with the last dot, in the case that the client wrote.
    pub name: SmolStr,
    pub kind: RecordType,
}

impl Question {
    pub fn new(name: &str, kind: RecordType) -> Question {
        Question { name: fqdn(name), kind }
    }
}

/// What a server answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    pub rcode: Rcode,
    /// The AA bit.
    pub authoritative: bool,
    /// The RA bit: CoreDNS' kubernetes plugin leaves it out, what is forwarded has it.
    pub recursion: bool,
    pub answer: Vec<DnsRecord>,
    pub additional: Vec<DnsRecord>,
    pub authority: Vec<DnsRecord>,
    /// The fields behind the answer.
    pub because: Vec<FieldRef>,
    /// The names that the server looked up at its upstream on the way, in order.
    pub forwarded: Vec<Question>,
}

impl Answer {
    pub fn failed(rcode: Rcode) -> Answer {
        Answer { rcode, recursion: true, ..Answer::default() }
    }

    /// Addresses of the asked family, in the order of the answer.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.answer.iter().filter_map(DnsRecord::address)
    }
}

/// The name with a dot at its end.
pub fn fqdn(name: &str) -> SmolStr {
    if name.ends_with('.') { name.into() } else { format_smolstr!("{name}.") }
}

/// The name without a dot at its end, as most tools print it.
pub fn bare(name: &str) -> &str {
    if name == "." { name } else { name.strip_suffix('.').unwrap_or(name) }
}

/// Whether `name` is `zone` or lies below it. Both fully qualified; case does not matter.
pub fn is_under(name: &str, zone: &str) -> bool {
    let (name, zone) = (name.as_bytes(), zone.as_bytes());
    if zone == b"." {
        return true;
    }
    let Some(split) = name.len().checked_sub(zone.len()) else { return false };
    name[split..].eq_ignore_ascii_case(zone) && (split == 0 || name[split - 1] == b'.')
}

/// Whether a resolver sends the name at all: labels of 1 to 63 bytes, 253 in all.
pub fn is_sendable(name: &str) -> bool {
    let name = bare(name);
    name.len() <= 253 && (name == "." || name.split('.').all(|label| (1..=63).contains(&label.len())))
}

/// The name under which an address is looked up backwards.
pub fn reverse_name(address: IpAddr) -> SmolStr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format_smolstr!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(v6) => {
            let mut name = String::with_capacity(74);
            for byte in v6.octets().iter().rev() {
                for nibble in [byte & 15, byte >> 4] {
                    name.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
                    name.push('.');
                }
            }
            name.push_str("ip6.arpa.");
            name.into()
        }
    }
}

/// The address of a reverse name; `None` when it is none, or not a whole one.
pub fn reverse_address(name: &str) -> Option<IpAddr> {
    let name = name.to_ascii_lowercase();
    if let Some(labels) = name.strip_suffix(".in-addr.arpa.") {
        let mut parts: Vec<&str> = labels.split('.').collect();
        parts.reverse();
        return parts.join(".").parse().ok().map(IpAddr::V4);
    }
    let labels = name.strip_suffix(".ip6.arpa.")?;
    let mut bits: u128 = 0;
    let mut count = 0;
    for label in labels.split('.').rev() {
        let mut chars = label.chars();
        let nibble = chars.next()?.to_digit(16)?;
        if chars.next().is_some() || count == 32 {
            return None;
        }
        bits = bits << 4 | u128::from(nibble);
        count += 1;
    }
    (count == 32).then(|| IpAddr::V6(Ipv6Addr::from(bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverse_names_go_both_ways() {
        for text in ["10.96.0.1", "2001:db8::54"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(reverse_address(&reverse_name(address)), Some(address));
        }
        assert_eq!(reverse_address("96.10.in-addr.arpa."), None);
        assert!(is_under("A.cluster.LOCAL.", "cluster.local."));
        assert!(!is_under("mycluster.local.", "cluster.local."));
    }
}
