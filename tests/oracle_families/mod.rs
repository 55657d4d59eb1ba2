//! The families of recorded facts: one file a family, one row here.

mod dns;
mod endpoints;
mod env;
mod kubectl_output;
mod kubeproxy;
mod kubeproxy_case;
mod steps;
mod tokens;
mod validation;
mod world;

use crate::{Difference, Facts};
use serde_json::Value as Json;

/// A family of facts and how one of its cases is run through the model.
pub struct Family {
    /// As the files name it in `family`.
    pub name: &'static str,
    /// Whether every case must agree, or the test fails.
    pub required: bool,
    /// Runs a case; no difference means that it agrees.
    pub run: fn(&Facts, &Json) -> Vec<Difference>,
}

/// The families that are modelled.
pub const FAMILIES: &[Family] = &[
    Family { name: "endpoints", required: true, run: endpoints::run },
    Family { name: "endpoints-fuzz", required: true, run: endpoints::run },
    Family { name: "env", required: true, run: env::run },
    Family { name: "defaulting", required: true, run: steps::run },
    Family { name: "update-fuzz", required: true, run: steps::run },
    Family { name: "validation", required: true, run: validation::run },
    Family { name: "validation-fuzz", required: true, run: validation::run_fuzz },
    Family { name: "kubectl-output", required: false, run: kubectl_output::run },
    Family { name: "dns", required: true, run: dns::dns },
    Family { name: "kubeproxy-iptables", required: true, run: kubeproxy::iptables },
    Family { name: "kubeproxy-fuzz", required: true, run: kubeproxy::fuzz },
];
