//! Containers (`pkg/apis/core/validation`: `validateContainers`, `validateInitContainers`, `validateContainerCommon`).
//!
//! Left out: ephemeral containers, which a pod cannot be created with.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::env::{validate_env, validate_env_from};
use crate::apiserver::validation::probe::{validate_lifecycle, validate_probes};
use crate::apiserver::validation::resources::{Owner, validate_resources};
use crate::apiserver::validation::security_context::validate_security_context;
use crate::apiserver::validation::volume::{Volumes, validate_devices, validate_mounts};
use crate::apiserver::validation::{Errors, names};
use crate::arrange::set_of;
use std::collections::BTreeSet;

/// Most restart rules of a container, and exit codes of a rule.
const RESTART_RULES_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;

/// What a container needs to know of its pod.
pub struct PodScope<'a> {
    pub volumes: &'a Volumes<'a>,
    /// The pod's names for its resource claims.
    pub claims: &'a BTreeSet<&'a str>,
    pub grace: Option<i64>,
    pub restart_policy: &'a str,
    pub host_users: bool,
}

/// The `containers` of a pod.
pub fn validate_containers(errors: &mut Errors, path: &Path, containers: &[Value], scope: &PodScope) {
    if containers.is_empty() {
        errors.required(path, "");
        return;
    }
    let mut seen = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        let path = path.index(i);
        validate_common(errors, &path, container, scope);
        let name = container.text("name");
        if !seen.insert(name) {
            errors.duplicate(&path.child("name"), &Value::from(name));
        }
        if let Some(lifecycle) = container.field("lifecycle") {
            validate_lifecycle(errors, &path.child("lifecycle"), lifecycle, scope.grace);
        }
        validate_probes(errors, &path, container, scope.grace);
        validate_restart_policy(errors, &path, container, false);
    }
    validate_host_ports(errors, path, containers);
}

/// A container's own restart policy and rules.
fn validate_restart_policy(errors: &mut Errors, path: &Path, container: &Value, init: bool) {
    let policies = ["Always", "Never", "OnFailure"];
    let rules = container.items("restartPolicyRules");
    match container.field("restartPolicy") {
        None if rules.is_empty() => return,
        None => {
            errors.required(&path.child("restartPolicy"), "must specify restartPolicy when restart rules are used");
            if init {
                return;
            }
        }
        Some(policy) if !policies.contains(&policy.as_str().unwrap_or("")) => {
            errors.not_supported(&path.child("restartPolicy"), policy, &policies);
        }
        Some(_) => {}
    }
    let path = path.child("restartPolicyRules");
    errors.too_many(&path, rules.len(), RESTART_RULES_MAX);
    for (i, rule) in rules.iter().enumerate() {
        validate_restart_rule(errors, &path.index(i), rule);
    }
}

/// What a container's exit code leads to.
fn validate_restart_rule(errors: &mut Errors, path: &Path, rule: &Value) {
    let (action, actions) = (rule.text("action"), ["Restart", "RestartAllContainers"]);
    if !actions.contains(&action) {
        errors.not_supported(&path.child("action"), &Value::from(action), &actions);
    }
    let path = path.child("exitCodes");
    let Some(codes) = rule.field("exitCodes") else {
        return errors.required(&path, "must be specified");
    };
    let (operator, operators) = (codes.text("operator"), ["In", "NotIn"]);
    if !operators.contains(&operator) {
        errors.not_supported(&path.child("operator"), &Value::from(operator), &operators);
    }
    errors.too_many(&path.child("values"), codes.items("values").len(), EXIT_CODES_MAX);
}

/// The `initContainers` of a pod, among them its sidecars.
pub fn validate_init_containers(errors: &mut Errors, path: &Path, spec: &Value, scope: &PodScope) {
    let mut seen: BTreeSet<&str> = set_of(spec.items("containers").iter().map(|c| c.text("name")));
    for (i, container) in spec.items("initContainers").iter().enumerate() {
        let at = path.index(i);
        validate_common(errors, &at, container, scope);
        let sidecar = container.text("restartPolicy") == "Always";
        validate_restart_policy(errors, &at, container, true);
        let name = container.text("name");
        if seen.contains(name) {
            errors.duplicate(&at.child("name"), &Value::from(name));
        } else if !name.is_empty() {
            seen.insert(name);
        }
        // They run one by one: only a container's own ports can meet. Upstream counts each from zero.
        validate_host_ports(errors, path, std::slice::from_ref(container));
        if sidecar {
            if let Some(lifecycle) = container.field("lifecycle") {
                validate_lifecycle(errors, &at.child("lifecycle"), lifecycle, scope.grace);
            }
            validate_probes(errors, &at, container, scope.grace);
        } else {
            for field in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
                if container.field(field).is_some() {
                    let detail = "may not be set for init containers without restartPolicy=Always";
                    errors.forbidden(&at.child(field), detail);
                }
            }
            let policies = at.child("resizePolicy");
            for (j, policy) in container.items("resizePolicy").iter().enumerate() {
                if policy.text("restartPolicy") == "RestartContainer" {
                    let detail = "must not be set to 'RestartContainer' for non-sidecar initContainers";
                    let policy_path = policies.index(j);
                    errors.invalid(&policy_path.child("restartPolicy"), &"RestartContainer".into(), detail);
                }
            }
        }
    }
}

fn validate_common(errors: &mut Errors, path: &Path, container: &Value, scope: &PodScope) {
    let name = container.text("name");
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    } else {
        errors.invalid_each(&path.child("name"), &Value::from(name), names::is_dns1123_label(name));
    }
    if container.text("image").is_empty() {
        errors.required(&path.child("image"), "");
    }
    let policies = ["File", "FallbackToLogsOnError"];
    let policy = container.text("terminationMessagePolicy");
    if !policies.contains(&policy) {
        errors.not_supported(&path.child("terminationMessagePolicy"), &Value::from(policy), &policies);
    }
    validate_ports(errors, &path.child("ports"), container);
    validate_env(errors, &path.child("env"), container);
    validate_env_from(errors, &path.child("envFrom"), container);
    validate_mounts(errors, &path.child("volumeMounts"), container, scope.volumes);
    validate_devices(errors, &path.child("volumeDevices"), container, scope.volumes);
    let policies = ["Always", "IfNotPresent", "Never"];
    let policy = container.text("imagePullPolicy");
    if !policies.contains(&policy) {
        errors.not_supported(&path.child("imagePullPolicy"), &Value::from(policy), &policies);
    }
    if let Some(resources) = container.field("resources") {
        validate_resources(errors, &path.child("resources"), resources, scope.claims, Owner::Container);
    }
    validate_resize_policy(errors, &path.child("resizePolicy"), container, scope.restart_policy);
    if let Some(context) = container.field("securityContext") {
        validate_security_context(errors, &path.child("securityContext"), context, scope.host_users);
    }
}

fn validate_ports(errors: &mut Errors, path: &Path, container: &Value) {
    let mut seen = BTreeSet::new();
    for (i, port) in container.items("ports").iter().enumerate() {
        let path = path.index(i);
        let name = port.text("name");
        if !name.is_empty() {
            let reasons = names::is_valid_port_name(name);
            if !reasons.is_empty() {
                errors.invalid_each(&path.child("name"), &Value::from(name), reasons);
            } else if !seen.insert(name) {
                errors.duplicate(&path.child("name"), &Value::from(name));
            }
        }
        let number = port.int("containerPort");
        if number == 0 {
            errors.required(&path.child("containerPort"), "");
        } else {
            let reasons = names::is_valid_port_num(number);
            errors.invalid_each(&path.child("containerPort"), &Value::Int(number), reasons);
        }
        let host = port.int("hostPort");
        if host != 0 {
            errors.invalid_each(&path.child("hostPort"), &Value::Int(host), names::is_valid_port_num(host));
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        let protocol = port.text("protocol");
        if protocol.is_empty() {
            errors.required(&path.child("protocol"), "");
        } else if !protocols.contains(&protocol) {
            errors.not_supported(&path.child("protocol"), &Value::from(protocol), &protocols);
        }
    }
}

/// One host port serves one container.
fn validate_host_ports(errors: &mut Errors, path: &Path, containers: &[Value]) {
    let mut seen = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        let container_path = path.index(i);
        let ports_path = container_path.child("ports");
        for (j, port) in container.items("ports").iter().enumerate() {
            let host = port.int("hostPort");
            if host == 0 {
                continue;
            }
            let key = format!("{}/{}/{host}", port.text("protocol"), port.text("hostIP"));
            if seen.contains(&key) {
                errors.duplicate(&ports_path.index(j).child("hostPort"), &Value::from(key));
            } else {
                seen.insert(key);
            }
        }
    }
}

fn validate_resize_policy(errors: &mut Errors, path: &Path, container: &Value, restart_policy: &str) {
    let mut seen = BTreeSet::new();
    for (i, policy) in container.items("resizePolicy").iter().enumerate() {
        let (name, restart) = (policy.text("resourceName"), policy.text("restartPolicy"));
        if !seen.insert(name) {
            errors.duplicate(&path.index(i), &Value::from(name));
        }
        for (value, values) in [(name, ["cpu", "memory"]), (restart, ["NotRequired", "RestartContainer"])] {
            if value.is_empty() {
                errors.required(path, "");
            } else if !values.contains(&value) {
                errors.not_supported(path, &Value::from(value), &values);
            }
        }
        if restart_policy == "Never" && restart != "NotRequired" {
            let detail = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            errors.invalid(path, &Value::from(restart), detail);
        }
    }
}
