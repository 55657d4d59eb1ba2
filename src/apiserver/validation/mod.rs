//! Validation: what the API server refuses, in its words and its order (`pkg/apis/*/validation` of Kubernetes).
//!
//! One file a subject. Each works on the defaulted value and a borrowed [`Path`], and reports into [`Errors`].

pub mod annotations;
pub mod claim;
pub mod config;
pub mod container;
pub mod cron;
pub mod endpoints;
pub mod env;
pub mod ingress;
pub mod internal;
pub mod ip;
pub mod job;
mod job_policy;
pub mod label_selector;
pub mod names;
pub mod namespace;
pub mod node;
pub mod object_meta;
pub mod pod;
pub mod pod_update;
pub mod policy;
pub mod probe;
pub mod resources;
pub mod scheduling;
pub mod security_context;
pub mod service;
pub mod stateful_set;
pub mod unified_diff;
pub mod volume;
pub mod volume_source;
pub mod windows;
pub mod workload;

use crate::api::json;
use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::status::{Cause, CauseReason};

/// The errors of one object, in the order found (apimachinery `field.ErrorList`).
#[derive(Clone, Debug, Default)]
pub struct Errors(pub Vec<Cause>);

impl Errors {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn required(&mut self, path: &Path, detail: &str) {
        self.push(CauseReason::Required, path, with_detail("Required value", detail));
    }

    pub fn invalid(&mut self, path: &Path, value: &Value, detail: &str) {
        self.push(CauseReason::Invalid, path, with_detail(&format!("Invalid value: {}", shown(value)), detail));
    }

    /// One error for every reason against the value.
    pub fn invalid_each(&mut self, path: &Path, value: &Value, reasons: Vec<String>) {
        for reason in reasons {
            self.invalid(path, value, &reason);
        }
    }

    /// Like [`Errors::invalid`], with the value printed already: a Go struct.
    pub fn invalid_shown(&mut self, path: &Path, shown: &str, detail: &str) {
        self.push(CauseReason::Invalid, path, with_detail(&format!("Invalid value: {shown}"), detail));
    }

    /// A number that must not be negative (upstream `ValidateNonnegativeField`).
    pub fn non_negative(&mut self, path: &Path, number: i64) {
        if number < 0 {
            self.invalid(path, &Value::Int(number), "must be greater than or equal to 0");
        }
    }

    pub fn duplicate(&mut self, path: &Path, value: &Value) {
        self.push(CauseReason::Duplicate, path, format!("Duplicate value: {}", shown(value)));
    }

    pub fn forbidden(&mut self, path: &Path, detail: &str) {
        self.push(CauseReason::Forbidden, path, with_detail("Forbidden", detail));
    }

    pub fn not_found(&mut self, path: &Path, value: &Value) {
        self.push(CauseReason::NotFound, path, format!("Not found: {}", shown(value)));
    }

    /// `supported` sorted as upstream passes it.
    pub fn not_supported(&mut self, path: &Path, value: &Value, supported: &[&str]) {
        let detail = match supported {
            [] => String::new(),
            _ => {
                let quoted: Vec<String> = supported.iter().map(|s| json::quote(s)).collect();
                format!(": supported values: {}", quoted.join(", "))
            }
        };
        self.push(CauseReason::NotSupported, path, format!("Unsupported value: {}{detail}", shown(value)));
    }

    pub fn too_long(&mut self, path: &Path, max: usize) {
        self.push(CauseReason::TooLong, path, format!("Too long: may not be more than {max} bytes"));
    }

    /// A list with more than `max` items. Says whether it has.
    pub fn too_many(&mut self, path: &Path, count: usize, max: usize) -> bool {
        if count > max {
            let message = format!("Too many: {count}: must have at most {max} items");
            self.push(CauseReason::TooMany, path, message);
        }
        count > max
    }

    pub fn push(&mut self, reason: CauseReason, path: &Path, message: String) {
        self.0.push(Cause { reason, field: path.own(), message });
    }
}

fn with_detail(head: &str, detail: &str) -> String {
    if detail.is_empty() { head.to_string() } else { format!("{head}: {detail}") }
}

/// A bad value as `field.Error` prints it: strings quoted as Go quotes them, numbers bare, anything else as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => json::quote(text),
        other => json::to_string(other),
    }
}
