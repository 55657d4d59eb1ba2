//! `v1.Endpoints` (`pkg/apis/core/validation`) and `discovery.k8s.io/v1` EndpointSlice (`pkg/apis/discovery/validation`).

use super::service::{validate_app_protocol, validate_ordinary_ip, validate_protocol};
use super::{Errors, ip, names};
use crate::api::path::Path;
use crate::api::value::Value;
use crate::arrange::set_of;
use std::collections::BTreeSet;

/// Most endpoints of a slice, addresses of an endpoint, ports of a slice, hints of an endpoint.
const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const PORTS_MAX: usize = 20_000;
const HINTS_MAX: usize = 8;

pub fn validate_endpoints(errors: &mut Errors, endpoints: &Value) {
    validate_subsets(errors, endpoints);
}

/// Subsets that a change leaves as they are need not be valid by today's rules.
pub fn validate_endpoints_update(errors: &mut Errors, new: &Value, old: &Value) {
    if new.items("subsets") != old.items("subsets") {
        validate_subsets(errors, new);
    }
}

fn validate_subsets(errors: &mut Errors, endpoints: &Value) {
    let path = Path::root("subsets");
    for (i, subset) in endpoints.items("subsets").iter().enumerate() {
        let at = path.index(i);
        if subset.items("addresses").is_empty() && subset.items("notReadyAddresses").is_empty() {
            errors.required(&at, "must specify `addresses` or `notReadyAddresses`");
        }
        for list in ["addresses", "notReadyAddresses"] {
            let at = at.child(list);
            for (i, address) in subset.items(list).iter().enumerate() {
                validate_address(errors, address, &at.index(i));
            }
        }
        let (ports, at) = (subset.items("ports"), at.child("ports"));
        for (i, port) in ports.iter().enumerate() {
            validate_port(errors, port, ports.len() > 1, &at.index(i));
        }
    }
}

fn validate_address(errors: &mut Errors, address: &Value, path: &Path) {
    let text = address.text("ip");
    ip::validate_legacy_ip(errors, &path.child("ip"), text);
    let hostname = address.text("hostname");
    if !hostname.is_empty() {
        errors.invalid_each(&path.child("hostname"), &hostname.into(), names::is_dns1123_label(hostname));
    }
    validate_node_name(errors, address.field("nodeName"), &path.child("nodeName"));
    validate_ordinary_ip(errors, &path.child("ip"), text);
}

fn validate_node_name(errors: &mut Errors, name: Option<&Value>, path: &Path) {
    if let Some(name) = name {
        errors.invalid_each(path, name, names::is_dns1123_subdomain(name.as_str().unwrap_or("")));
    }
}

fn validate_port(errors: &mut Errors, port: &Value, named: bool, path: &Path) {
    let name = port.text("name");
    if !name.is_empty() {
        errors.invalid_each(&path.child("name"), &name.into(), names::is_dns1123_label(name));
    } else if named {
        errors.required(&path.child("name"), "");
    }
    let number = port.int("port");
    errors.invalid_each(&path.child("port"), &number.into(), names::is_valid_port_num(number));
    validate_protocol(errors, port.text("protocol"), &path.child("protocol"));
    validate_app_protocol(errors, port, path);
}

pub fn validate_endpoint_slice(errors: &mut Errors, slice: &Value) {
    validate_slice_content(errors, slice, None);
}

pub fn validate_endpoint_slice_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_slice_content(errors, new, Some(old));
    if new.text("addressType") != old.text("addressType") {
        errors.invalid(&Path::root("addressType"), &new.text("addressType").into(), "field is immutable");
    }
}

fn validate_slice_content(errors: &mut Errors, slice: &Value, old: Option<&Value>) {
    const TYPES: &[&str] = &["FQDN", "IPv4", "IPv6"];
    let kind = slice.text("addressType");
    match kind {
        "" => errors.required(&Path::root("addressType"), ""),
        known if TYPES.contains(&known) => {}
        other => errors.not_supported(&Path::root("addressType"), &other.into(), TYPES),
    }
    let (path, ports) = (Path::root("ports"), slice.items("ports"));
    let ports = if errors.too_many(&path, ports.len(), PORTS_MAX) { &[] } else { ports };
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let (at, name) = (path.index(i), port.text("name"));
        if !name.is_empty() {
            errors.invalid_each(&at.child("name"), &name.into(), names::is_dns1123_label(name));
        }
        if !seen.insert(name) {
            errors.duplicate(&at.child("name"), &name.into());
        }
        match port.field("protocol") {
            None => errors.required(&at.child("protocol"), ""),
            Some(protocol) => {
                let protocol = protocol.as_str().unwrap_or("");
                if !super::service::PROTOCOLS.contains(&protocol) {
                    errors.not_supported(&at.child("protocol"), &protocol.into(), super::service::PROTOCOLS);
                }
            }
        }
        validate_app_protocol(errors, port, &at);
    }
    let (path, endpoints) = (Path::root("endpoints"), slice.items("endpoints"));
    if errors.too_many(&path, endpoints.len(), ENDPOINTS_MAX) {
        return;
    }
    // Addresses that a change leaves as they are need not be valid by today's rules.
    let before = old.into_iter().flat_map(|old| old.items("endpoints")).flat_map(|e| e.items("addresses"));
    let before: BTreeSet<&str> = set_of(before.filter_map(Value::as_str));
    let known = |address: &Value| address.as_str().is_some_and(|a| before.contains(a));
    for (i, endpoint) in endpoints.iter().enumerate() {
        validate_endpoint(errors, endpoint, kind, &known, &path.index(i));
    }
}

fn validate_endpoint(errors: &mut Errors, endpoint: &Value, kind: &str, known: &dyn Fn(&Value) -> bool, path: &Path) {
    let (at, addresses) = (path.child("addresses"), endpoint.items("addresses"));
    if addresses.is_empty() {
        errors.required(&at, "must contain at least 1 address");
    } else {
        errors.too_many(&at, addresses.len(), ADDRESSES_MAX);
    }
    for (i, address) in addresses.iter().enumerate() {
        let text = address.as_str().unwrap_or("");
        match kind {
            _ if known(address) => {}
            "IPv4" | "IPv6" => validate_slice_address(errors, text, kind, &at.index(i)),
            "FQDN" => validate_domain(errors, text, &at.index(i)),
            _ => {}
        }
    }
    validate_node_name(errors, endpoint.field("nodeName"), &path.child("nodeName"));
    if let Some(hostname) = endpoint.field("hostname") {
        errors.invalid_each(
            &path.child("hostname"),
            hostname,
            names::is_dns1123_label(hostname.as_str().unwrap_or("")),
        );
    }
    let hints = path.child("hints");
    for (list, check) in
        [("forZones", names::is_label_value as names::NameCheck), ("forNodes", names::is_dns1123_subdomain)]
    {
        let (at, items) = (hints.child(list), endpoint.items_at(&["hints", list]));
        if errors.too_many(&at, items.len(), HINTS_MAX) {
            continue;
        }
        for (i, item) in items.iter().enumerate() {
            let (at, name) = (at.index(i), item.text("name"));
            if items[..i].iter().any(|earlier| earlier.text("name") == name) {
                errors.duplicate(&at.child("name"), &name.into());
            }
            errors.invalid_each(&at.child("name"), &name.into(), check(name));
        }
    }
}

fn validate_slice_address(errors: &mut Errors, text: &str, kind: &str, path: &Path) {
    let before = errors.0.len();
    ip::validate_ip(errors, path, text);
    if errors.0.len() > before {
        return;
    }
    let v6 = ip::parse_sloppy(text).is_some_and(|ip| ip.is_ipv6());
    if v6 != (kind == "IPv6") {
        return errors.invalid(path, &text.into(), &format!("must be an {kind} address"));
    }
    validate_ordinary_ip(errors, path, text);
}

/// A domain of at least two parts (`IsFullyQualifiedDomainName`).
fn validate_domain(errors: &mut Errors, text: &str, path: &Path) {
    if text.is_empty() {
        return errors.required(path, "");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let reasons = names::is_dns1123_subdomain(name);
    if !reasons.is_empty() {
        return errors.invalid(path, &name.into(), &reasons.join(","));
    }
    if !name.contains('.') {
        return errors.invalid(path, &name.into(), "should be a domain with at least two segments separated by dots");
    }
    // Told of the first label alone.
    let bad = name.split('.').map(|label| (label, names::is_dns1123_label(label))).find(|(_, r)| !r.is_empty());
    if let Some((label, reasons)) = bad {
        errors.invalid(path, &label.into(), &reasons.join(","));
    }
}

/// What the API server accepts in a slice and yet warns about.
pub fn warn_endpoint_slice(warnings: &mut Vec<String>, slice: &Value) {
    if slice.text("addressType") == "FQDN" {
        warnings.push("spec.addressType: FQDN endpoints are deprecated".into());
    }
}

/// Addresses of old Endpoints that are valid but unusual.
pub fn warn_endpoints(warnings: &mut Vec<String>, endpoints: &Value) {
    let path = Path::root("subsets");
    for (i, subset) in endpoints.items("subsets").iter().enumerate() {
        for list in ["addresses", "notReadyAddresses"] {
            let at = path.index(i);
            let at = at.child(list);
            for (i, address) in subset.items(list).iter().enumerate() {
                let at = at.index(i);
                ip::warn_ip(warnings, &at.child("ip"), address.text("ip"));
            }
        }
    }
}
