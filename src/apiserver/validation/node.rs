//! Nodes (`pkg/apis/core/validation`: `ValidateNode`, `ValidateNodeUpdate`), without their metadata.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::Errors;
use crate::apiserver::validation::ip::{Cidr, validate_cidr};
use crate::apiserver::validation::resources::validate_amount;
use crate::apiserver::validation::scheduling::validate_taints;
use crate::arrange::set_of;
use std::collections::BTreeSet;

pub fn validate_node(errors: &mut Errors, node: &Value) {
    let spec = node.get("spec").unwrap_or(&Value::Null);
    // Upstream reports taints under metadata.
    validate_taints(errors, &Path::root("metadata").child("taints"), spec.items("taints"));
    validate_node_amounts(errors, node);
    let spec_path = Path::root("spec");
    let path = spec_path.child("podCIDRs");
    let ranges = spec.items("podCIDRs");
    for (i, range) in ranges.iter().enumerate() {
        validate_cidr(errors, &path.index(i), range.as_str().unwrap_or(""));
    }
    if ranges.len() > 1 {
        let parsed: Vec<Cidr> = ranges.iter().filter_map(|r| Cidr::parse_sloppy(r.as_str()?)).collect();
        let families: BTreeSet<bool> = set_of(parsed.iter().map(|c| c.address.is_ipv4()));
        if families.len() < 2 || ranges.len() > 2 {
            let detail = "may specify no more than one CIDR for each IP family";
            errors.invalid(&path, &Value::list(ranges.to_vec()), detail);
        }
        for (i, range) in ranges.iter().enumerate() {
            if ranges[..i].contains(range) {
                errors.duplicate(&path.index(i), range);
            }
        }
    }
}

fn validate_node_amounts(errors: &mut Errors, node: &Value) {
    let status = Path::root("status");
    for list in ["capacity", "allocatable"] {
        let path = status.child(list);
        let amounts = node.at(&["status", list]).and_then(Value::as_map);
        for (name, amount) in amounts.into_iter().flat_map(|m| m.iter()) {
            validate_amount(errors, &path.child(name), name, amount);
        }
    }
}

pub fn validate_node_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_node_amounts(errors, new);
    let nothing = Value::Null;
    let (spec, before) = (new.get("spec").unwrap_or(&nothing), old.get("spec").unwrap_or(&nothing));
    let addresses = new.get("status").map_or(&[][..], |s| s.items("addresses"));
    let status = Path::root("status");
    let path = status.child("addresses");
    for (i, address) in addresses.iter().enumerate() {
        if addresses[..i].contains(address) {
            errors.duplicate(&path.index(i), address);
        }
    }
    let spec_path = Path::root("spec");
    if !before.items("podCIDRs").is_empty() && before.items("podCIDRs") != spec.items("podCIDRs") {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        errors.forbidden(&spec_path.child("podCIDRs"), detail);
    }
    if !before.text("providerID").is_empty() && before.text("providerID") != spec.text("providerID") {
        let detail = "node updates may not change providerID except from \"\" to valid";
        errors.forbidden(&spec_path.child("providerID"), detail);
    }
    validate_taints(errors, &Path::root("metadata").child("taints"), spec.items("taints"));
}
