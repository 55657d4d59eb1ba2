//! `v1.Service` (`ValidateService` and `ValidateServiceUpdate` of `pkg/apis/core/validation`).

use super::{Errors, ip, label_selector, names};
use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::defaulting::service::is_externally_accessible;
use crate::apiserver::status::CauseReason;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The protocols of ports.
pub(super) const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const TYPES: &[&str] = &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const FAMILIES: &[&str] = &["IPv4", "IPv6"];
const FAMILY_POLICIES: &[&str] = &["PreferDualStack", "RequireDualStack", "SingleStack"];
const DISTRIBUTIONS: &[&str] = &["PreferClose", "PreferSameZone", "PreferSameNode"];
const POLICIES: &[&str] = &["Cluster", "Local"];
/// The longest affinity, in seconds: a day.
const AFFINITY_MAX: i64 = 86_400;
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const TOPOLOGY_HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";

/// `clusterIPs: [None]`.
fn is_headless(spec: &Value) -> bool {
    matches!(spec.items("clusterIPs"), [ip] if ip.as_str() == Some("None"))
}

/// A new Service, allocated values included, without its metadata.
pub fn validate_service(errors: &mut Errors, service: &Value) {
    validate_content(errors, service, None);
}

/// A changed Service, without its metadata.
pub fn validate_service_update(errors: &mut Errors, new: &Value, old: &Value) {
    let null = Value::Null;
    let (new_spec, old_spec) = (new.get("spec").unwrap_or(&null), old.get("spec").unwrap_or(&null));
    validate_kept_ips(errors, new_spec, old_spec);
    validate_kept_families(errors, new_spec, old_spec);
    validate_class(errors, new_spec, Some(old_spec));
    if needs_health_check(old_spec)
        && needs_health_check(new_spec)
        && new_spec.int("healthCheckNodePort") != old_spec.int("healthCheckNodePort")
    {
        let spec = Path::root("spec");
        errors.forbidden(&spec.child("healthCheckNodePort"), "field is immutable");
    }
    validate_content(errors, new, Some(old));
}

/// A load balancer that sends only to nodes with endpoints, and asks them on this port.
pub fn needs_health_check(spec: &Value) -> bool {
    spec.text("type") == "LoadBalancer" && spec.text("externalTrafficPolicy") == "Local"
}

fn validate_content(errors: &mut Errors, service: &Value, old: Option<&Value>) {
    let null = Value::Null;
    let meta_path = Path::root("metadata");
    let annotation = |key: &str| service.at(&["metadata", "annotations", key]).and_then(Value::as_str);
    if let (Some(mode), Some(hints)) = (annotation(TOPOLOGY_MODE), annotation(TOPOLOGY_HINTS))
        && mode != hints
    {
        let annotations = meta_path.child("annotations");
        let reason = format!("must match annotations[{TOPOLOGY_HINTS}] when both are specified");
        errors.invalid(&annotations.key(TOPOLOGY_MODE), &mode.into(), &reason);
    }
    let spec = service.get("spec").unwrap_or(&null);
    let path = Path::root("spec");
    let ports_path = path.child("ports");
    let (type_, ports) = (spec.text("type"), spec.items("ports"));
    let headless = is_headless(spec);
    if ports.is_empty() && !headless && type_ != "ExternalName" {
        errors.required(&ports_path, "");
    }
    let cluster_ips = path.child("clusterIPs");
    match type_ {
        "LoadBalancer" | "NodePort" if headless => {
            let reason = format!("may not be set to 'None' for {type_} services");
            errors.invalid(&cluster_ips.index(0), &"None".into(), &reason);
        }
        "ExternalName" => validate_external_name(errors, spec, &path),
        _ => {}
    }
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        validate_port(errors, port, ports.len() > 1, &mut seen, &ports_path.index(i));
    }
    label_selector::validate_labels(errors, &path.child("selector"), spec.field("selector"));
    validate_affinity(errors, spec, &path);
    validate_cluster_ips(errors, spec);
    let external = path.child("externalIPs");
    for (i, address) in spec.items("externalIPs").iter().enumerate() {
        let text = address.as_str().unwrap_or("");
        let before = errors.0.len();
        let kept = old.is_some_and(|o| o.items_at(&["spec", "externalIPs"]).contains(address));
        if !kept {
            ip::validate_legacy_ip(errors, &external.index(i), text);
        }
        if errors.0.len() == before {
            validate_ordinary_ip(errors, &external.index(i), text);
        }
    }
    match type_ {
        "" => errors.required(&path.child("type"), ""),
        known if TYPES.contains(&known) => {}
        other => errors.not_supported(&path.child("type"), &other.into(), TYPES),
    }
    if type_ == "ClusterIP" {
        for (i, _) in ports.iter().enumerate().filter(|(_, p)| p.int("nodePort") != 0) {
            let port = ports_path.index(i);
            errors.forbidden(&port.child("nodePort"), "may not be used when `type` is 'ClusterIP'");
        }
    }
    validate_distinct_ports(errors, ports, &ports_path);
    validate_source_ranges(errors, spec, annotation(SOURCE_RANGES), old, &path);
    if type_ != "LoadBalancer" && spec.field("allocateLoadBalancerNodePorts").is_some() {
        let at = path.child("allocateLoadBalancerNodePorts");
        errors.forbidden(&at, "may only be used when `type` is 'LoadBalancer'");
    }
    validate_class(errors, spec, None);
    validate_policies(errors, spec, &path);
}

fn validate_external_name(errors: &mut Errors, spec: &Value, path: &Path) {
    const NOT_SET: &str = "may not be set for ExternalName services";
    if !spec.items("clusterIPs").is_empty() {
        errors.forbidden(&path.child("clusterIPs"), NOT_SET);
    }
    if !spec.items("ipFamilies").is_empty() {
        errors.forbidden(&path.child("ipFamilies"), NOT_SET);
    }
    if spec.field("ipFamilyPolicy").is_some() {
        errors.forbidden(&path.child("ipFamilyPolicy"), NOT_SET);
    }
    let name = spec.text("externalName");
    let (at, name) = (path.child("externalName"), name.strip_suffix('.').unwrap_or(name));
    if name.is_empty() {
        errors.required(&at, "");
    } else {
        errors.invalid_each(&at, &name.into(), names::is_dns1123_subdomain(name));
    }
}

fn validate_port<'a>(errors: &mut Errors, port: &'a Value, named: bool, seen: &mut BTreeSet<&'a str>, path: &Path) {
    let name = port.text("name");
    if name.is_empty() {
        if named {
            errors.required(&path.child("name"), "");
        }
    } else {
        errors.invalid_each(&path.child("name"), &name.into(), names::is_dns1123_label(name));
        if !seen.insert(name) {
            errors.duplicate(&path.child("name"), &name.into());
        }
    }
    let number = port.int("port");
    errors.invalid_each(&path.child("port"), &number.into(), names::is_valid_port_num(number));
    validate_protocol(errors, port.text("protocol"), &path.child("protocol"));
    let target = port.get("targetPort").unwrap_or(&Value::Null);
    let reasons = match target {
        Value::String(name) => names::is_valid_port_name(name),
        other => names::is_valid_port_num(other.as_i64().unwrap_or(0)),
    };
    errors.invalid_each(&path.child("targetPort"), target, reasons);
    validate_app_protocol(errors, port, path);
}

pub(super) fn validate_protocol(errors: &mut Errors, protocol: &str, path: &Path) {
    if protocol.is_empty() {
        errors.required(path, "");
    } else if !PROTOCOLS.contains(&protocol) {
        errors.not_supported(path, &protocol.into(), PROTOCOLS);
    }
}

pub(super) fn validate_app_protocol(errors: &mut Errors, port: &Value, path: &Path) {
    if let Some(protocol) = port.field("appProtocol") {
        let reasons = names::is_qualified_name(protocol.as_str().unwrap_or(""));
        errors.invalid_each(&path.child("appProtocol"), protocol, reasons);
    }
}

fn validate_affinity(errors: &mut Errors, spec: &Value, path: &Path) {
    let affinity = spec.text("sessionAffinity");
    match affinity {
        "" => errors.required(&path.child("sessionAffinity"), ""),
        "ClientIP" | "None" => {}
        other => errors.not_supported(&path.child("sessionAffinity"), &other.into(), &["ClientIP", "None"]),
    }
    let (at, config) = (path.child("sessionAffinityConfig"), spec.field("sessionAffinityConfig"));
    match (affinity, config) {
        ("ClientIP", config) => {
            let client = at.child("clientIP");
            let timeout_path = client.child("timeoutSeconds");
            let missing = "when session affinity type is ClientIP";
            let Some(config) = config else { return errors.required(&at, missing) };
            let Some(config) = config.field("clientIP") else { return errors.required(&client, missing) };
            let Some(timeout) = config.field("timeoutSeconds") else {
                return errors.required(&timeout_path, missing);
            };
            if !(1..=AFFINITY_MAX).contains(&timeout.as_i64().unwrap_or(0)) {
                let reason = format!("must be greater than 0 and less than {AFFINITY_MAX}");
                errors.invalid(&timeout_path, timeout, &reason);
            }
        }
        ("None", Some(_)) => errors.forbidden(&at, "must not be set when session affinity is None"),
        _ => {}
    }
}

/// `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` among themselves
/// (`ValidateServiceClusterIPsRelatedFields`); the allocators ask this, too, before they allocate.
pub fn validate_cluster_ips(errors: &mut Errors, spec: &Value) {
    if spec.text("type") == "ExternalName" {
        return;
    }
    let path = Path::root("spec");
    let (at, families_path) = (path.child("clusterIPs"), path.child("ipFamilies"));
    let (ips, families) = (spec.items("clusterIPs"), spec.items("ipFamilies"));
    let whole = Value::list(ips.to_vec());
    match (spec.text("clusterIP"), ips.first()) {
        ("", Some(_)) => errors.invalid(&at, &whole, "must be empty when `clusterIP` is not specified"),
        ("", None) => {}
        (_, None) => errors.required(&at, ""),
        (ip, Some(first)) if first.as_str() != Some(ip) => {
            errors.invalid(&at, &whole, "first value must match `clusterIP`");
        }
        _ => {}
    }
    for (i, family) in families.iter().enumerate() {
        if !FAMILIES.contains(&family.as_str().unwrap_or("")) {
            errors.not_supported(&families_path.index(i), family, FAMILIES);
        }
        if families[..i].contains(family) {
            errors.duplicate(&families_path.index(i), family);
        }
    }
    if let Some(policy) = spec.field("ipFamilyPolicy")
        && !FAMILY_POLICIES.contains(&policy.as_str().unwrap_or(""))
    {
        errors.not_supported(&path.child("ipFamilyPolicy"), policy, FAMILY_POLICIES);
    }
    let mut bad = false;
    for (i, address) in ips.iter().enumerate() {
        let text = address.as_str().unwrap_or("");
        if i == 0 && text == "None" {
            if ips.len() > 1 {
                bad = true;
                errors.invalid(&at, &whole, "'None' must be the first and only value");
            }
            continue;
        }
        let before = errors.0.len();
        ip::validate_legacy_ip(errors, &at.index(i), text);
        bad |= errors.0.len() > before;
    }
    if ips.len() > 2 {
        errors.invalid(&at, &whole, "may only hold up to 2 values");
    }
    if bad {
        return;
    }
    let is_v6 = |v: &Value| ip::parse_sloppy(v.as_str().unwrap_or("")).is_some_and(|ip| ip.is_ipv6());
    if ips.len() > 1 && ips.iter().map(is_v6).all(|v6| v6 == is_v6(&ips[0])) {
        errors.invalid(&at, &whole, "may specify no more than one IP for each IP family");
    }
    if is_headless(spec) {
        return;
    }
    for (i, (address, family)) in ips.iter().zip(families).enumerate() {
        let family = family.as_str().unwrap_or("");
        if FAMILIES.contains(&family) && is_v6(address) != (family == "IPv6") {
            let reason = format!("expected an {family} value as indicated by `ipFamilies[{i}]`");
            errors.invalid(&at.index(i), address, &reason);
        }
    }
}

/// An address that a packet may be sent to (`ValidateNonSpecialIP`).
pub(super) fn validate_ordinary_ip(errors: &mut Errors, path: &Path, text: &str) {
    let value = Value::from(text);
    let Some(address) = ip::parse_sloppy(text) else {
        return errors.invalid(path, &value, "must be a valid IP address");
    };
    let address = address.to_canonical();
    if address.is_unspecified() {
        errors.invalid(path, &value, &format!("may not be unspecified ({text})"));
    }
    if address.is_loopback() {
        errors.invalid(path, &value, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let (local, local_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    if local {
        errors.invalid(path, &value, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if local_multicast {
        errors.invalid(path, &value, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

/// No two ports with one protocol and number, nor with one protocol and node port.
fn validate_distinct_ports(errors: &mut Errors, ports: &[Value], path: &Path) {
    let mut seen: BTreeSet<(&str, i64)> = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let number = port.int("nodePort");
        if number != 0 && !seen.insert((port.text("protocol"), number)) {
            let at = path.index(i);
            errors.duplicate(&at.child("nodePort"), &number.into());
        }
    }
    seen.clear();
    for (i, port) in ports.iter().enumerate() {
        if seen.insert((port.text("protocol"), port.int("port"))) {
            continue;
        }
        // The bad value is shown as the internal Go type prints it.
        let (protocol, number) = (Value::from(port.text("protocol")), port.int("port"));
        let shown = format!(
            "{{\"Name\":\"\",\"Protocol\":{},\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}",
            super::shown(&protocol)
        );
        errors.push(CauseReason::Duplicate, &path.index(i), format!("Duplicate value: {shown}"));
    }
}

fn validate_source_ranges(
    errors: &mut Errors,
    spec: &Value,
    annotation: Option<&str>,
    old: Option<&Value>,
    path: &Path,
) {
    const ONLY: &str = "may only be used when `type` is 'LoadBalancer'";
    let balanced = spec.text("type") == "LoadBalancer";
    let ranges = spec.items("loadBalancerSourceRanges");
    let at = path.child("LoadBalancerSourceRanges");
    if !ranges.is_empty() {
        if !balanced {
            errors.forbidden(&at, ONLY);
        }
        let before = old.map_or(&[][..], |o| o.items_at(&["spec", "loadBalancerSourceRanges"]));
        let trimmed = |range: &Value| range.as_str().unwrap_or("").trim().to_string();
        for (i, range) in ranges.iter().map(trimmed).enumerate() {
            if !before.iter().any(|kept| trimmed(kept) == range) {
                ip::validate_legacy_cidr(errors, &at.index(i), &range);
            }
        }
        return;
    }
    let Some(text) = annotation else { return };
    let (meta, annotations) = (Path::root("metadata"), "annotations");
    let annotations = meta.child(annotations);
    let at = annotations.key(SOURCE_RANGES);
    if !balanced {
        errors.forbidden(&at, ONLY);
    }
    let before = old.and_then(|o| o.at(&["metadata", "annotations", SOURCE_RANGES])).and_then(Value::as_str);
    if before != Some(text) && !text.trim().is_empty() {
        text.trim().split(',').for_each(|range| ip::validate_legacy_cidr(errors, &at, range.trim()));
    }
}

fn validate_class(errors: &mut Errors, spec: &Value, old: Option<&Value>) {
    let path = Path::root("spec");
    let (at, class) = (path.child("loadBalancerClass"), spec.field("loadBalancerClass"));
    let balanced = spec.text("type") == "LoadBalancer";
    if let Some(old) = old
        && balanced
        && old.text("type") == "LoadBalancer"
        && old.field("loadBalancerClass") != class
    {
        errors.invalid(&at, class.unwrap_or(&Value::Null), "may not change once set");
    }
    match class {
        Some(class) if balanced => {
            errors.invalid_each(&at, class, names::is_qualified_name(class.as_str().unwrap_or("")));
        }
        Some(_) => errors.forbidden(&at, "may only be used when `type` is 'LoadBalancer'"),
        None => {}
    }
}

fn validate_policies(errors: &mut Errors, spec: &Value, path: &Path) {
    let (at, external) = (path.child("externalTrafficPolicy"), spec.text("externalTrafficPolicy"));
    match (is_externally_accessible(spec), external) {
        (false, "") => {}
        (false, policy) => errors.invalid(&at, &policy.into(), "may only be set for externally-accessible services"),
        (true, "") => errors.required(&at, ""),
        (true, policy) if POLICIES.contains(&policy) => {}
        (true, policy) => errors.not_supported(&at, &policy.into(), POLICIES),
    }
    let (at, port) = (path.child("healthCheckNodePort"), spec.int("healthCheckNodePort"));
    match (needs_health_check(spec), port) {
        (false, 0) => {}
        (false, port) => errors.invalid(
            &at,
            &port.into(),
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
        (true, 0) => errors.required(&at, ""),
        (true, port) => errors.invalid_each(&at, &port.into(), names::is_valid_port_num(port)),
    }
    let at = path.child("internalTrafficPolicy");
    match spec.field("internalTrafficPolicy") {
        None if matches!(spec.text("type"), "ClusterIP" | "NodePort" | "LoadBalancer") => errors.required(&at, ""),
        Some(policy) if !POLICIES.contains(&policy.as_str().unwrap_or("")) => {
            errors.not_supported(&at, policy, POLICIES);
        }
        _ => {}
    }
    if let Some(distribution) = spec.field("trafficDistribution")
        && !DISTRIBUTIONS.contains(&distribution.as_str().unwrap_or(""))
    {
        errors.not_supported(&path.child("trafficDistribution"), distribution, DISTRIBUTIONS);
    }
}

/// The primary address stays, the secondary one may come and go (`validateUpgradeDowngradeClusterIPs`).
fn validate_kept_ips(errors: &mut Errors, new: &Value, old: &Value) {
    if new.text("type") == "ExternalName" || old.text("type") == "ExternalName" {
        return;
    }
    if is_headless(new) && is_headless(old) {
        return;
    }
    let spec = Path::root("spec");
    let (at, before, after) = (spec.child("clusterIPs"), old.items("clusterIPs"), new.items("clusterIPs"));
    let whole = Value::list(after.to_vec());
    const ONCE: &str = "may not change once set";
    if before.len() == after.len() {
        for (i, _) in before.iter().zip(after).enumerate().filter(|(_, (b, a))| b != a) {
            errors.invalid(&at.index(i), &whole, ONCE);
        }
        return;
    }
    match (before.first(), after.first()) {
        (Some(_), None) => errors.invalid(&at.index(0), &Value::Null, "primary clusterIP can not be unset"),
        (Some(before), Some(after)) if before != after => errors.invalid(&at.index(0), &whole, ONCE),
        _ => {}
    }
    if before.len() > 1 && after.len() == 1 {
        validate_release(errors, new, "must be set to 'SingleStack' when releasing the secondary clusterIP");
    }
}

fn validate_kept_families(errors: &mut Errors, new: &Value, old: &Value) {
    if new.text("type") == "ExternalName" || old.text("type") == "ExternalName" {
        return;
    }
    // A headless Service may change its families; from or to headless is told elsewhere.
    if is_headless(new) || is_headless(old) {
        return;
    }
    let spec = Path::root("spec");
    let (at, before, after) = (spec.child("ipFamilies"), old.items("ipFamilies"), new.items("ipFamilies"));
    let whole = Value::list(after.to_vec());
    const ONCE: &str = "may not change once set";
    if before.len() == after.len() {
        for _ in before.iter().zip(after).filter(|(b, a)| b != a) {
            errors.invalid(&at.index(0), &whole, ONCE);
        }
        return;
    }
    match (before.first(), after.first()) {
        (Some(_), None) => errors.invalid(&at.index(0), &Value::Null, "primary ipFamily can not be unset"),
        (Some(before), Some(after)) if before != after => {
            errors.invalid(&at.index(0), &Value::list(new.items("clusterIPs").to_vec()), ONCE);
        }
        _ => {}
    }
    if before.len() > 1 && after.len() == 1 {
        validate_release(errors, new, "must be set to 'SingleStack' when releasing the secondary ipFamily");
    }
}

fn validate_release(errors: &mut Errors, spec: &Value, reason: &str) {
    if spec.text("ipFamilyPolicy") != "SingleStack" {
        let path = Path::root("spec");
        errors.invalid(&path.child("ipFamilyPolicy"), spec.get("ipFamilyPolicy").unwrap_or(&Value::Null), reason);
    }
}

/// What the API server accepts and yet warns about (`GetWarningsForService`).
pub fn warn_service(warnings: &mut Vec<String>, service: &Value) {
    let (null, path) = (Value::Null, Path::root("spec"));
    let spec = service.get("spec").unwrap_or(&null);
    if service.at(&["metadata", "annotations", TOPOLOGY_HINTS]).is_some() {
        warnings.push(format!("annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead"));
    }
    let ip_at = |warnings: &mut Vec<String>, field: &str| {
        for (i, address) in spec.items(field).iter().enumerate() {
            ip::warn_ip(warnings, &path.child(field).index(i), address.as_str().unwrap_or(""));
        }
    };
    if !matches!(spec.text("clusterIP"), "" | "None") {
        ip_at(warnings, "clusterIPs");
    }
    let type_ = spec.text("type");
    let headless = type_ == "ClusterIP" && spec.text("clusterIP") == "None";
    let external_ips = !spec.items("externalIPs").is_empty();
    if headless {
        if !spec.text("loadBalancerIP").is_empty() {
            warnings.push("spec.loadBalancerIP is ignored for headless services".into());
        }
        if external_ips {
            warnings.push("spec.externalIPs is ignored for headless services".into());
        }
        if spec.text("sessionAffinity") != "None" {
            warnings.push("spec.SessionAffinity is ignored for headless services".into());
        }
    }
    ip_at(warnings, "externalIPs");
    if external_ips && !headless && type_ != "ExternalName" {
        warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".into());
    }
    if !spec.text("loadBalancerIP").is_empty() {
        ip::warn_ip(warnings, &path.child("loadBalancerIP"), spec.text("loadBalancerIP"));
    }
    let ranges = path.child("loadBalancerSourceRanges");
    for (i, range) in spec.items("loadBalancerSourceRanges").iter().enumerate() {
        ip::warn_cidr(warnings, &ranges.index(i), range.as_str().unwrap_or(""));
    }
    if type_ == "ExternalName" && external_ips {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".into());
    }
    if type_ != "ExternalName" && !spec.text("externalName").is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".into());
    }
    if spec.text("trafficDistribution") == "PreferClose" {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".into());
    }
}
