//! IP addresses and CIDR ranges, as apimachinery `util/validation/ip.go` checks them with strict validation on (v1.36).
//!
//! Old fields take addresses that are valid but not canonical (`FE80:0::1`) and warn about them; new fields refuse them. What
//! older releases took and newer ones refuse (leading zeros, IPv4 inside IPv6) is told apart from what was never an address.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::Errors;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as the oldest parser read it: zeros may lead (`010.1.2.3` is 10.1.2.3). No zone.
pub fn parse_sloppy(text: &str) -> Option<IpAddr> {
    if !text.contains(':') {
        return v4_sloppy(text).map(IpAddr::V4);
    }
    let mut canonical = String::with_capacity(text.len());
    for (i, group) in text.split(':').enumerate() {
        if i > 0 {
            canonical.push(':');
        }
        if group.contains('.') {
            let _ = write!(canonical, "{}", v4_sloppy(group)?);
        } else {
            let digits = group.trim_start_matches('0');
            canonical.push_str(if digits.is_empty() && !group.is_empty() { "0" } else { digits });
        }
    }
    canonical.parse().ok().map(IpAddr::V6)
}

fn v4_sloppy(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let digits = parts.next()?;
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        *octet = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    }
    parts.next().is_none().then(|| octets.into())
}

/// An address as Go's `net.IP` prints it: IPv4 inside IPv6 is shown as IPv4.
pub fn canonical(address: IpAddr) -> String {
    address.to_canonical().to_string()
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

fn check(errors: &mut Errors, path: &Path, text: &str) -> Option<IpAddr> {
    let bad = |errors: &mut Errors, detail: &str| errors.invalid(path, &Value::from(text), detail);
    let Some(address) = parse_sloppy(text) else {
        bad(errors, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        return None;
    };
    match text.parse::<IpAddr>() {
        Err(_) => bad(errors, "must not have leading 0s"),
        Ok(strict) if is_mapped(strict) => bad(errors, "must not be an IPv4-mapped IPv6 address"),
        Ok(_) => return Some(address),
    }
    None
}

/// An address in a field that is older than strict validation (upstream `IsValidIPForLegacyField`).
pub fn validate_legacy_ip(errors: &mut Errors, path: &Path, text: &str) {
    check(errors, path, text);
}

/// An address in a newer field: canonical as well (upstream `IsValidIP`).
pub fn validate_ip(errors: &mut Errors, path: &Path, text: &str) {
    if let Some(address) = check(errors, path, text) {
        let canonical = canonical(address);
        if canonical != text {
            errors.invalid(path, &Value::from(text), &format!("must be in canonical form (\"{canonical}\")"));
        }
    }
}

/// Warnings about an address of an old field that is valid but unusual (upstream `GetWarningsForIP`).
pub fn warn_ip(warnings: &mut Vec<String>, path: &Path, text: &str) {
    let Some(address) = parse_sloppy(text) else { return };
    match text.parse::<IpAddr>() {
        Ok(strict) if !is_mapped(strict) => {
            let canonical = strict.to_string();
            if strict.is_ipv6() && canonical != text {
                warnings.push(format!(
                    "{path}: IPv6 address \"{text}\" should be in RFC 5952 canonical format (\"{canonical}\")"
                ));
            }
        }
        _ => warnings
            .push(format!("{path}: non-standard IP address \"{text}\" is invalid: use \"{}\"", canonical(address))),
    }
}

/// An address with a prefix length. The address keeps the bits beyond the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    /// In bits: up to 32 for IPv4, 128 for IPv6 (also for IPv4 inside IPv6).
    pub prefix: u8,
}

impl Cidr {
    /// As the oldest parser read it (upstream `ParseCIDRSloppy`).
    pub fn parse_sloppy(text: &str) -> Option<Cidr> {
        let (address, bits) = text.split_once('/')?;
        let address = parse_sloppy(address)?;
        if bits.is_empty() || !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = bits.trim_start_matches('0');
        let prefix = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        (prefix <= if address.is_ipv4() { 32 } else { 128 }).then_some(Cidr { address, prefix })
    }

    /// Whether the text is written as newer parsers want it: no leading zeros anywhere.
    fn is_strict(text: &str) -> bool {
        text.split_once('/')
            .is_some_and(|(address, bits)| address.parse::<IpAddr>().is_ok() && (bits == "0" || !bits.starts_with('0')))
    }

    /// The first address of the range.
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from(u32::from(v4) & mask))
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(v6) & mask))
            }
        }
    }

    /// The range as Go's `net.IPNet` prints it.
    fn canonical(self) -> String {
        let network = self.network();
        let shorter = if is_mapped(network) { 96 } else { 0 };
        format!("{}/{}", canonical(network), self.prefix.saturating_sub(shorter))
    }
}

/// A range in a field that is older than strict validation (upstream `IsValidCIDRForLegacyField`).
pub fn validate_legacy_cidr(errors: &mut Errors, path: &Path, text: &str) {
    check_cidr(errors, path, text);
}

/// A range in a newer field: canonical as well (upstream `IsValidCIDR`).
pub fn validate_cidr(errors: &mut Errors, path: &Path, text: &str) {
    if let Some(cidr) = check_cidr(errors, path, text) {
        let canonical = cidr.canonical();
        if canonical != text {
            errors.invalid(path, &Value::from(text), &format!("must be in canonical form (\"{canonical}\")"));
        }
    }
}

fn check_cidr(errors: &mut Errors, path: &Path, text: &str) -> Option<Cidr> {
    let bad = |errors: &mut Errors, detail: &str| errors.invalid(path, &Value::from(text), detail);
    let Some(cidr) = Cidr::parse_sloppy(text) else {
        bad(errors, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        return None;
    };
    if !Cidr::is_strict(text) {
        bad(errors, "must not have leading 0s in IP or prefix length");
    } else if is_mapped(cidr.address) {
        bad(errors, "must not have an IPv4-mapped IPv6 address");
    } else if cidr.network() != cidr.address {
        bad(errors, "must not have bits set beyond the prefix length");
    } else {
        return Some(cidr);
    }
    None
}

/// Warnings about a range of an old field that is valid but unusual (upstream `GetWarningsForCIDR`).
pub fn warn_cidr(warnings: &mut Vec<String>, path: &Path, text: &str) {
    let Some(cidr) = Cidr::parse_sloppy(text) else { return };
    let before = warnings.len();
    if cidr.network() != cidr.address {
        let length = if cidr.address.is_ipv4() { 32 } else { 128 };
        warnings.push(format!(
            "{path}: CIDR value \"{text}\" is ambiguous in this context (should be \"{}\" or \"{}/{length}\"?)",
            cidr.canonical(),
            canonical(cidr.address)
        ));
    }
    if !Cidr::is_strict(text) || is_mapped(cidr.address) {
        warnings.push(format!("{path}: non-standard CIDR value \"{text}\" is invalid: use \"{}\"", cidr.canonical()));
    }
    let canonical = format!("{}/{}", cidr.address, cidr.prefix);
    if warnings.len() == before && cidr.address.is_ipv6() && canonical != text {
        warnings.push(format!(
            "{path}: IPv6 CIDR value \"{text}\" should be in RFC 5952 canonical format (\"{canonical}\")"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(check: fn(&mut Errors, &Path, &str), text: &str) -> Vec<String> {
        let mut errors = Errors::default();
        check(&mut errors, &Path::root("ip"), text);
        errors.0.into_iter().map(|c| c.message).collect()
    }

    #[test]
    fn old_fields_take_what_new_ones_do_not() {
        for fine in ["10.9.8.7", "2001:db8::ffff", "FE80:0:0:0:0:0:0:0abc", "::"] {
            assert_eq!(refusals(validate_legacy_ip, fine), Vec::<String>::new(), "{fine}");
        }
        assert_eq!(
            refusals(validate_ip, "2001:DB8::1"),
            ["Invalid value: \"2001:DB8::1\": must be in canonical form (\"2001:db8::1\")"]
        );
        assert_eq!(
            refusals(validate_legacy_ip, "010.1.2.3")[0],
            "Invalid value: \"010.1.2.3\": must not have leading 0s"
        );
        assert!(refusals(validate_legacy_ip, "::ffff:1.2.3.4")[0].ends_with("IPv4-mapped IPv6 address"));
        for bad in ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "a.b.c.d", "1::2::3", "fe80::1%eth0", "1.2.3.+4"] {
            assert!(refusals(validate_legacy_ip, bad)[0].contains("must be a valid IP address"), "{bad}");
        }
    }

    #[test]
    fn ranges_have_no_bits_beyond_their_prefix() {
        assert_eq!(refusals(validate_cidr, "10.9.8.0/24").len(), 0);
        assert_eq!(refusals(validate_cidr, "0.0.0.0/0").len(), 0);
        assert_eq!(refusals(validate_cidr, "2001:db8::/64").len(), 0);
        assert!(
            refusals(validate_legacy_cidr, "10.9.8.7/24")[0]
                .ends_with("must not have bits set beyond the prefix length")
        );
        assert!(refusals(validate_legacy_cidr, "10.9.8.0/024")[0].contains("leading 0s"));
        assert!(refusals(validate_legacy_cidr, "10.9.8.0/33")[0].contains("must be a valid CIDR value"));
        let mut warnings = Vec::new();
        warn_cidr(&mut warnings, &Path::root("r"), "10.9.8.7/24");
        assert_eq!(
            warnings,
            [
                "r: CIDR value \"10.9.8.7/24\" is ambiguous in this context (should be \"10.9.8.0/24\" or \"10.9.8.7/32\"?)"
            ]
        );
    }
}
