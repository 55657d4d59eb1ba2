//! Ingresses and their classes (`pkg/apis/networking/validation`), without their metadata.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::job::{http_path_error, is_http_path};
use crate::apiserver::validation::{Errors, ip, names};

/// The annotation that named the class before `ingressClassName` did.
pub const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// An Ingress on creation.
pub fn validate_ingress(errors: &mut Errors, ingress: &Value) {
    validate_spec(errors, ingress, false);
    let annotation = ingress.at(&["metadata", "annotations"]).and_then(|a| a.get(CLASS_ANNOTATION));
    let class = ingress.at(&["spec", "ingressClassName"]);
    if let (Some(annotation), Some(class)) = (annotation, class)
        && annotation != class
    {
        // Upstream leaves `metadata` out of this path.
        let path = Path::root("annotations");
        errors.invalid(
            &path.child(CLASS_ANNOTATION),
            annotation,
            "must match `ingressClassName` when both are specified",
        );
    }
}

/// A change to an Ingress. What an old one got away with, it may keep.
pub fn validate_ingress_update(errors: &mut Errors, new: &Value, old: &Value) {
    let bad_secret = |tls: &Value| {
        let name = tls.text("secretName");
        !name.is_empty() && !names::is_dns1123_subdomain(name).is_empty()
    };
    let allow_bad_secret = old.get("spec").is_some_and(|s| s.items("tls").iter().any(bad_secret));
    validate_spec(errors, new, allow_bad_secret);
}

fn validate_spec(errors: &mut Errors, ingress: &Value, allow_bad_secret: bool) {
    let path = Path::root("spec");
    let spec = ingress.get("spec").unwrap_or(&Value::Null);
    let rules = spec.items("rules");
    if rules.is_empty() && spec.field("defaultBackend").is_none() {
        let shown = spec.get("rules").unwrap_or(&Value::Null);
        errors.invalid(&path, shown, "either `defaultBackend` or `rules` must be specified");
    }
    if let Some(backend) = spec.field("defaultBackend") {
        validate_backend(errors, &path.child("defaultBackend"), backend);
    }
    let rules_path = path.child("rules");
    for (i, rule) in rules.iter().enumerate() {
        validate_rule(errors, &rules_path.index(i), rule);
    }
    let tls_path = path.child("tls");
    for (i, tls) in spec.items("tls").iter().enumerate() {
        let at = tls_path.index(i);
        let hosts = at.child("hosts");
        for (j, host) in tls.items("hosts").iter().enumerate() {
            errors.invalid_each(&hosts.index(j), host, host_reasons(host.as_str().unwrap_or("")));
        }
        let secret = tls.text("secretName");
        if !allow_bad_secret && !secret.is_empty() {
            errors.invalid_each(&at.child("secretName"), &Value::from(secret), names::is_dns1123_subdomain(secret));
        }
    }
    if let Some(class) = spec.field("ingressClassName") {
        let reasons = names::is_dns1123_subdomain(class.as_str().unwrap_or(""));
        errors.invalid_each(&path.child("ingressClassName"), class, reasons);
    }
}

fn host_reasons(host: &str) -> Vec<String> {
    if host.contains('*') { names::is_wildcard_dns1123_subdomain(host) } else { names::is_dns1123_subdomain(host) }
}

fn validate_rule(errors: &mut Errors, path: &Path, rule: &Value) {
    let host = rule.text("host");
    if !host.is_empty() {
        let at = path.child("host");
        if ip::parse_sloppy(host).is_some() {
            errors.invalid(&at, &Value::from(host), "must be a DNS name, not an IP address");
        }
        errors.invalid_each(&at, &Value::from(host), host_reasons(host));
    }
    if let Some(http) = rule.field("http") {
        let http_path = path.child("http");
        let paths_path = http_path.child("paths");
        if http.items("paths").is_empty() {
            errors.required(&paths_path, "");
        }
        for (i, entry) in http.items("paths").iter().enumerate() {
            validate_path(errors, &paths_path.index(i), entry);
        }
    }
}

fn validate_path(errors: &mut Errors, path: &Path, entry: &Value) {
    let target = entry.text("path");
    let (at, value) = (path.child("path"), Value::from(target));
    let Some(kind) = entry.field("pathType") else {
        errors.required(&path.child("pathType"), "pathType must be specified");
        return;
    };
    match entry.text("pathType") {
        "Exact" | "Prefix" => {
            if !target.starts_with('/') {
                errors.invalid(&at, &value, "must be an absolute path");
            }
            for sequence in ["//", "/./", "/../", "%2f", "%2F"].into_iter().filter(|s| target.contains(s)) {
                errors.invalid(&at, &value, &format!("must not contain '{sequence}'"));
            }
            for end in ["/..", "/."].into_iter().filter(|s| target.ends_with(s)) {
                errors.invalid(&at, &value, &format!("cannot end with '{end}'"));
            }
        }
        "ImplementationSpecific" => {
            if !target.is_empty() && !target.starts_with('/') {
                errors.invalid(&at, &value, "must be an absolute path");
            }
        }
        _ => {
            let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
            errors.not_supported(&path.child("pathType"), kind, &kinds);
        }
    }
    validate_backend(errors, &path.child("backend"), entry.get("backend").unwrap_or(&Value::Null));
}

fn validate_backend(errors: &mut Errors, path: &Path, backend: &Value) {
    let nothing = Value::from("");
    match (backend.field("resource"), backend.field("service")) {
        (Some(_), Some(_)) => errors.invalid(path, &nothing, "cannot set both resource and service backends"),
        (Some(resource), None) => validate_reference(errors, &path.child("resource"), resource),
        (None, Some(service)) => {
            let service_path = path.child("service");
            let name = service.text("name");
            if name.is_empty() {
                errors.required(&service_path.child("name"), "");
            } else {
                errors.invalid_each(&service_path.child("name"), &Value::from(name), names::is_dns1123_label(name));
            }
            let port = service.get("port").unwrap_or(&Value::Null);
            let port_path = service_path.child("port");
            match (port.text("name"), port.int("number")) {
                ("", 0) => errors.required(path, "port name or number is required"),
                ("", number) => {
                    let reasons = names::is_valid_port_num(number);
                    errors.invalid_each(&port_path.child("number"), &Value::Int(number), reasons);
                }
                (name, 0) => {
                    let reasons = names::is_valid_port_name(name);
                    errors.invalid_each(&port_path.child("name"), &Value::from(name), reasons);
                }
                _ => errors.invalid(path, &nothing, "cannot set both port name & port number"),
            }
        }
        (None, None) => errors.invalid(path, &nothing, "resource or service backend is required"),
    }
}

/// A reference to an object by group, kind and name.
fn validate_reference(errors: &mut Errors, path: &Path, reference: &Value) {
    if let Some(group) = reference.field("apiGroup") {
        let reasons = names::is_dns1123_subdomain(group.as_str().unwrap_or(""));
        errors.invalid_each(&path.child("apiGroup"), group, reasons);
    }
    for field in ["kind", "name"] {
        let text = reference.text(field);
        if text.is_empty() {
            errors.required(&path.child(field), "");
        } else {
            errors.invalid_each(&path.child(field), &Value::from(text), names::is_path_segment_name(text));
        }
    }
}

pub fn validate_ingress_class(errors: &mut Errors, class: &Value) {
    let path = Path::root("spec");
    let spec = class.get("spec").unwrap_or(&Value::Null);
    let at = path.child("controller");
    let controller = spec.text("controller");
    if controller.is_empty() {
        errors.required(&at, "");
    } else {
        if controller.len() > 250 {
            errors.too_long(&at, 250);
        }
        match controller.split_once('/').filter(|(host, path)| !host.is_empty() && !path.is_empty()) {
            None => {
                let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
                errors.invalid(&at, &Value::from(controller), detail);
            }
            Some((host, rest)) => {
                errors.invalid_each(&at, &Value::from(host), names::is_dns1123_subdomain(host));
                if !is_http_path(rest) {
                    errors.invalid(&at, &Value::from(rest), &http_path_error());
                }
            }
        }
    }
    if let Some(parameters) = spec.field("parameters") {
        validate_parameters(errors, &path.child("parameters"), parameters);
    }
}

fn validate_parameters(errors: &mut Errors, path: &Path, parameters: &Value) {
    validate_reference(errors, path, parameters);
    let namespace = parameters.field("namespace");
    let namespace_path = path.child("namespace");
    match parameters.field("scope").map(|s| s.as_str().unwrap_or("")) {
        None => errors.required(&path.child("scope"), ""),
        Some("Namespace") => match namespace {
            None => errors.required(&namespace_path, "`parameters.scope` is set to 'Namespace'"),
            Some(name) => {
                let reasons = names::is_dns1123_label(name.as_str().unwrap_or(""));
                errors.invalid_each(&namespace_path, name, reasons);
            }
        },
        Some("Cluster") => {
            if namespace.is_some() {
                errors.forbidden(&namespace_path, "`parameters.scope` is set to 'Cluster'");
            }
        }
        Some(other) => {
            errors.not_supported(&path.child("scope"), &Value::from(other), &["Cluster", "Namespace"]);
        }
    }
}

/// A change to a class: its controller stays.
pub fn validate_ingress_class_update(errors: &mut Errors, new: &Value, old: &Value) {
    let controller = |class: &Value| Value::from(class.str_at(&["spec", "controller"]));
    if controller(new) != controller(old) {
        errors.invalid(&Path::root("spec").child("controller"), &controller(new), "field is immutable");
    }
    validate_ingress_class(errors, new);
}
