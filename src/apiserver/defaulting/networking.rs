//! Defaults of `networking.k8s.io/v1` (`pkg/apis/networking/v1/defaults.go`). An Ingress has none; its class is filled in by
//! admission ([`super::super::admission::ingress`]).

use super::{each, fill, within};
use crate::api::value::Value;
use crate::value;

pub fn default_ingress_class(class: &mut Value) {
    within(class, "spec", |spec| within(spec, "parameters", |parameters| fill(parameters, "scope", "Cluster")));
}

pub fn default_network_policy(policy: &mut Value) {
    let spec = policy.map_mut().entry("spec");
    for rules in ["ingress", "egress"] {
        each(spec, rules, |rule| each(rule, "ports", |port| fill(port, "protocol", "TCP")));
    }
    if spec.items("policyTypes").is_empty() {
        let both = !spec.items("egress").is_empty();
        let types = if both { value!(["Ingress", "Egress"]) } else { value!(["Ingress"]) };
        spec.map_mut().insert("policyTypes", types);
    }
}
