//! Network policies, disruption budgets and autoscalers (`pkg/apis/networking/validation`, `…/policy/validation`,
//! `…/autoscaling/validation`), without their metadata. Policies and autoscalers are kept and printed, not played.
//!
//! Left out: the metrics and behaviours of an autoscaler.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::ip::{Cidr, validate_legacy_cidr};
use crate::apiserver::validation::label_selector::validate_label_selector;
use crate::apiserver::validation::workload::{validate_at_most_all, validate_int_or_percent};
use crate::apiserver::validation::{Errors, names};

pub fn validate_network_policy(errors: &mut Errors, policy: &Value) {
    let path = Path::root("spec");
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    validate_label_selector(errors, &path.child("podSelector"), spec.field("podSelector"));
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        let rules_path = path.child(rules);
        for (i, rule) in spec.items(rules).iter().enumerate() {
            let at = rules_path.index(i);
            let ports = at.child("ports");
            for (j, port) in rule.items("ports").iter().enumerate() {
                validate_policy_port(errors, &ports.index(j), port);
            }
            let peers_path = at.child(peers);
            for (j, peer) in rule.items(peers).iter().enumerate() {
                validate_peer(errors, &peers_path.index(j), peer);
            }
        }
    }
    let types = spec.items("policyTypes");
    let types_path = path.child("policyTypes");
    if types.len() > 2 {
        let shown = Value::list(types.to_vec());
        errors.invalid(&types_path, &shown, "may not specify more than two policyTypes");
        return;
    }
    for (i, kind) in types.iter().enumerate() {
        if !matches!(kind.as_str(), Some("Ingress" | "Egress")) {
            errors.not_supported(&types_path.index(i), kind, &["Ingress", "Egress"]);
        }
    }
}

fn validate_policy_port(errors: &mut Errors, path: &Path, port: &Value) {
    let protocol = port.text("protocol");
    if port.field("protocol").is_some() && !matches!(protocol, "TCP" | "UDP" | "SCTP") {
        errors.not_supported(&path.child("protocol"), &Value::from(protocol), &["TCP", "UDP", "SCTP"]);
    }
    let (port_path, end_path) = (path.child("port"), path.child("endPort"));
    let end = port.field("endPort");
    match port.field("port") {
        None => {
            if let Some(end) = end {
                errors.invalid(&end_path, end, "may not be specified when `port` is not specified");
            }
        }
        Some(Value::String(name)) => {
            if let Some(end) = end {
                errors.invalid(&end_path, end, "may not be specified when `port` is non-numeric");
            }
            errors.invalid_each(&port_path, &Value::from(name), names::is_valid_port_name(name));
        }
        Some(number) => {
            let first = number.as_i64().unwrap_or(0);
            errors.invalid_each(&port_path, number, names::is_valid_port_num(first));
            if let Some(end) = end {
                let last = end.as_i64().unwrap_or(0);
                if last < first {
                    errors.invalid(&end_path, end, "must be greater than or equal to `port`");
                }
                errors.invalid_each(&end_path, end, names::is_valid_port_num(last));
            }
        }
    }
}

fn validate_peer(errors: &mut Errors, path: &Path, peer: &Value) {
    let mut count = 0;
    for selector in ["podSelector", "namespaceSelector"] {
        if let Some(value) = peer.field(selector) {
            count += 1;
            validate_label_selector(errors, &path.child(selector), Some(value));
        }
    }
    if let Some(block) = peer.field("ipBlock") {
        count += 1;
        validate_ip_block(errors, &path.child("ipBlock"), block);
        if count > 1 {
            errors.forbidden(path, "may not specify both ipBlock and another peer");
        }
    }
    if count == 0 {
        errors.required(path, "must specify a peer");
    }
}

fn validate_ip_block(errors: &mut Errors, path: &Path, block: &Value) {
    let range = block.text("cidr");
    if range.is_empty() {
        errors.required(&path.child("cidr"), "");
        return;
    }
    validate_legacy_cidr(errors, &path.child("cidr"), range);
    let Some(whole) = Cidr::parse_sloppy(range) else { return };
    let excepts = path.child("except");
    for (i, except) in block.items("except").iter().enumerate() {
        let at = excepts.index(i);
        let text = except.as_str().unwrap_or("");
        validate_legacy_cidr(errors, &at, text);
        let Some(part) = Cidr::parse_sloppy(text) else { continue };
        let inside = Cidr { address: part.address, prefix: whole.prefix };
        let same_family = part.address.is_ipv4() == whole.address.is_ipv4();
        if !same_family || inside.network() != whole.network() || whole.prefix >= part.prefix {
            errors.invalid(&at, except, "must be a strict subset of `cidr`");
        }
    }
}

pub fn validate_disruption_budget(errors: &mut Errors, budget: &Value) {
    let path = Path::root("spec");
    let spec = budget.get("spec").unwrap_or(&Value::Null);
    if spec.field("minAvailable").is_some() && spec.field("maxUnavailable").is_some() {
        let shown = crate::apiserver::validation::internal::compact("PodDisruptionBudgetSpec", spec);
        errors.invalid_shown(&path, &shown, "minAvailable and maxUnavailable cannot be both set");
    }
    for field in ["minAvailable", "maxUnavailable"] {
        if let Some(value) = spec.field(field) {
            validate_int_or_percent(errors, &path.child(field), value);
            validate_at_most_all(errors, &path.child(field), value);
        }
    }
    validate_label_selector(errors, &path.child("selector"), spec.field("selector"));
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    if let Some(policy) =
        spec.field("unhealthyPodEvictionPolicy").filter(|p| !policies.contains(&p.as_str().unwrap_or("")))
    {
        errors.not_supported(&path.child("unhealthyPodEvictionPolicy"), policy, &policies);
    }
}

pub fn validate_autoscaler(errors: &mut Errors, autoscaler: &Value) {
    let path = Path::root("spec");
    let spec = autoscaler.get("spec").unwrap_or(&Value::Null);
    let (least, most) = (spec.int("minReplicas"), spec.int("maxReplicas"));
    if spec.field("minReplicas").is_some() && least < 1 {
        let detail = "must be greater than or equal to 1";
        errors.invalid(&path.child("minReplicas"), &Value::Int(least), detail);
    }
    if most < 1 {
        errors.invalid(&path.child("maxReplicas"), &Value::Int(most), "must be greater than 0");
    }
    if spec.field("minReplicas").is_some() && most < least {
        let detail = "must be greater than or equal to `minReplicas`";
        errors.invalid(&path.child("maxReplicas"), &Value::Int(most), detail);
    }
    let target = path.child("scaleTargetRef");
    let reference = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
    for field in ["kind", "name"] {
        let text = reference.text(field);
        if text.is_empty() {
            errors.required(&target.child(field), "");
        } else {
            errors.invalid_each(&target.child(field), &Value::from(text), names::is_path_segment_name(text));
        }
    }
}
