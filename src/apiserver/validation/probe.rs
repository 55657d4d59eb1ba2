//! Probes and lifecycle hooks of containers (`pkg/apis/core/validation`: `validateProbe`, `validateHandler`).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::{Errors, names};

/// The three probes of a container.
pub fn validate_probes(errors: &mut Errors, path: &Path, container: &Value, grace: Option<i64>) {
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.field(name) else { continue };
        let path = path.child(name);
        validate_probe(errors, &path, probe, grace);
        if name == "readinessProbe" {
            if let Some(seconds) = probe.field("terminationGracePeriodSeconds") {
                let detail = "must not be set for readinessProbes";
                errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, detail);
            }
        } else if probe.int("successThreshold") != 1 {
            let value = Value::Int(probe.int("successThreshold"));
            errors.invalid(&path.child("successThreshold"), &value, "must be 1");
        }
    }
}

fn validate_probe(errors: &mut Errors, path: &Path, probe: &Value, grace: Option<i64>) {
    validate_handler(errors, path, probe, grace, true);
    for field in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        errors.non_negative(&path.child(field), probe.int(field));
    }
    if let Some(seconds) = probe.field("terminationGracePeriodSeconds").filter(|s| s.as_i64().unwrap_or(0) <= 0) {
        errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, "must be greater than 0");
    }
}

/// The hooks of a container.
pub fn validate_lifecycle(errors: &mut Errors, path: &Path, lifecycle: &Value, grace: Option<i64>) {
    for hook in ["postStart", "preStop"] {
        if let Some(handler) = lifecycle.field(hook) {
            validate_handler(errors, &path.child(hook), handler, grace, false);
        }
    }
}

/// What a probe or a hook does: exactly one thing.
fn validate_handler(errors: &mut Errors, path: &Path, handler: &Value, grace: Option<i64>, probe: bool) {
    let mut count = 0;
    for name in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        // Hooks know no gRPC, probes no sleep.
        if name == if probe { "sleep" } else { "grpc" } {
            continue;
        }
        let Some(action) = handler.field(name) else { continue };
        let path = path.child(name);
        if count > 0 {
            errors.forbidden(&path, "may not specify more than 1 handler type");
            continue;
        }
        count += 1;
        match name {
            "exec" => {
                if action.items("command").is_empty() {
                    errors.required(&path.child("command"), "");
                }
            }
            "httpGet" => validate_http_get(errors, &path, action),
            "tcpSocket" => validate_port(errors, &path.child("port"), action.get("port").unwrap_or(&Value::Int(0))),
            "grpc" => validate_port(errors, &path.child("port"), &Value::Int(action.int("port"))),
            _ => {
                let seconds = action.int("seconds");
                if let Some(grace) = grace.filter(|g| seconds < 0 || seconds > *g) {
                    let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
                    errors.invalid(&path, &Value::Int(seconds), &detail);
                }
            }
        }
    }
    if count == 0 {
        errors.required(path, "must specify a handler type");
    }
}

fn validate_http_get(errors: &mut Errors, path: &Path, action: &Value) {
    if action.text("path").is_empty() {
        errors.required(&path.child("path"), "");
    }
    validate_port(errors, &path.child("port"), action.get("port").unwrap_or(&Value::Int(0)));
    let scheme = action.text("scheme");
    if !matches!(scheme, "HTTP" | "HTTPS") {
        errors.not_supported(&path.child("scheme"), &Value::from(scheme), &["HTTP", "HTTPS"]);
    }
    for header in action.items("httpHeaders") {
        let name = header.text("name");
        errors.invalid_each(&path.child("httpHeaders"), &Value::from(name), names::is_http_header_name(name));
    }
}

/// A port by number or by name (upstream `ValidatePortNumOrName`).
pub fn validate_port(errors: &mut Errors, path: &Path, port: &Value) {
    let reasons = match port {
        Value::String(name) => names::is_valid_port_name(name),
        number => names::is_valid_port_num(number.as_i64().unwrap_or(0)),
    };
    errors.invalid_each(path, port, reasons);
}
