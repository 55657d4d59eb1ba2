//! Pods and pod templates (`pkg/apis/core/validation`: `ValidatePodSpec`, `ValidatePodCreate`, `ValidatePodTemplateSpec`).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::annotations::{
    validate_annotations, validate_pod_annotations, validate_profiles_match,
};
use crate::apiserver::validation::container::{PodScope, validate_containers, validate_init_containers};
use crate::apiserver::validation::env::validate_file_volumes;
use crate::apiserver::validation::ip::validate_legacy_ip;
use crate::apiserver::validation::label_selector::validate_labels;
use crate::apiserver::validation::resources::{validate_amount, validate_pod_resources};
use crate::apiserver::validation::scheduling::{
    validate_affinity, validate_readiness_gates, validate_scheduling_gates, validate_spread, validate_tolerations,
};
use crate::apiserver::validation::security_context::{validate_os, validate_pod_security_context};
use crate::apiserver::validation::volume::validate_volumes;
use crate::apiserver::validation::windows::validate_host_process;
use crate::apiserver::validation::{Errors, internal, names};
use crate::arrange::set_of;
use std::collections::BTreeSet;

/// Whether a spec is a pod's own or a template's, which some rules tell apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The spec of the pod with this name.
    Pod(&'a str),
    Template,
}

/// A `Pod` on creation, without its metadata.
pub fn validate_pod(errors: &mut Errors, pod: &Value) {
    validate_pod_content(errors, pod);
    let spec_path = Path::root("spec");
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    if !spec.items("ephemeralContainers").is_empty() {
        errors.forbidden(&spec_path.child("ephemeralContainers"), "cannot be set on create");
    }
    if !spec.text("nodeName").is_empty() && !spec.items("schedulingGates").is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.forbidden(&spec_path.child("nodeName"), detail);
    }
    validate_profiles_match(errors, &spec_path, pod.at(&["metadata", "annotations"]), spec);
}

/// What a pod is held to on creation and at every change (upstream `validatePodMetadataAndSpec`).
pub(super) fn validate_pod_content(errors: &mut Errors, pod: &Value) {
    let (meta_path, spec_path) = (Path::root("metadata"), Path::root("spec"));
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let annotations = pod.at(&["metadata", "annotations"]);
    validate_pod_annotations(errors, &meta_path.child("annotations"), annotations, spec);
    validate_pod_spec(errors, &spec_path, spec, Place::Pod(pod.str_at(&["metadata", "name"])), &[]);
    if spec.text("serviceAccountName").is_empty() {
        let volumes = spec_path.child("volumes");
        for (i, volume) in spec.items("volumes").iter().enumerate() {
            let volume_path = volumes.index(i);
            let projected = volume_path.child("projected");
            let sources = projected.child("sources");
            let all = volume.get("projected").map_or(&[][..], |p| p.items("sources"));
            for (j, _) in all.iter().enumerate().filter(|(_, s)| s.field("serviceAccountToken").is_some()) {
                let detail = "must not be specified when serviceAccountName is not set";
                errors.forbidden(&sources.index(j).child("serviceAccountToken"), detail);
            }
        }
    }
    for list in ["containers", "initContainers"] {
        let list_path = spec_path.child(list);
        for (i, container) in spec.items(list).iter().enumerate() {
            validate_image_spaces(errors, &list_path.index(i), container);
        }
    }
}

pub(super) fn validate_image_spaces(errors: &mut Errors, path: &Path, container: &Value) {
    let image = container.text("image");
    if image.trim() != image {
        let detail = "must not have leading or trailing whitespace";
        errors.invalid(&path.child("image"), &Value::from(image), detail);
    }
}

/// The `template` of a workload. `claims` are the templates of a StatefulSet, which its pods get as volumes.
pub fn validate_pod_template(errors: &mut Errors, path: &Path, template: &Value, claims: &[Value]) {
    let (meta, spec) = (template.get("metadata").unwrap_or(&Value::Null), template.get("spec").unwrap_or(&Value::Null));
    // Upstream leaves `metadata` out of these three paths.
    validate_labels(errors, &path.child("labels"), meta.get("labels"));
    validate_annotations(errors, &path.child("annotations"), meta.get("annotations"));
    validate_pod_annotations(errors, &path.child("annotations"), meta.get("annotations"), spec);
    let spec_path = path.child("spec");
    validate_pod_spec(errors, &spec_path, spec, Place::Template, claims);
    validate_profiles_match(errors, &spec_path, meta.get("annotations"), spec);
    if !spec.items("ephemeralContainers").is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.forbidden(&spec_path.child("ephemeralContainers"), detail);
    }
}

/// A pod's spec.
pub fn validate_pod_spec(errors: &mut Errors, path: &Path, spec: &Value, place: Place, claim_templates: &[Value]) {
    let pod_name = if let Place::Pod(name) = place { name } else { "" };
    let grace = spec.field("terminationGracePeriodSeconds").and_then(Value::as_i64);
    let mut volumes = validate_volumes(errors, &path.child("volumes"), spec.items("volumes"), pod_name);
    let claimed = Value::map();
    for template in claim_templates {
        volumes.insert(template.str_at(&["metadata", "name"]).into(), &claimed);
    }
    let claims: BTreeSet<&str> =
        set_of(spec.items("resourceClaims").iter().map(|c| c.text("name")).filter(|n| !n.is_empty()));
    validate_resource_claims(errors, &path.child("resourceClaims"), spec.items("resourceClaims"));
    let scope = PodScope {
        volumes: &volumes,
        claims: &claims,
        grace,
        restart_policy: spec.text("restartPolicy"),
        host_users: spec.field("hostUsers").is_none() || spec.flag("hostUsers"),
    };
    validate_containers(errors, &path.child("containers"), spec.items("containers"), &scope);
    validate_init_containers(errors, &path.child("initContainers"), spec, &scope);
    validate_pod_resources(errors, &path.child("resources"), spec, &claims);
    validate_host_network_ports(errors, &path.child("containers"), spec, place);
    one_of(errors, &path.child("restartPolicy"), spec.text("restartPolicy"), &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    one_of(errors, &path.child("dnsPolicy"), spec.text("dnsPolicy"), &policies);
    validate_labels(errors, &path.child("nodeSelector"), spec.get("nodeSelector"));
    validate_pod_security_context(errors, &path.child("securityContext"), spec);
    validate_affinity(errors, &path.child("affinity"), spec.field("affinity"));
    validate_dns_config(errors, &path.child("dnsConfig"), spec);
    validate_readiness_gates(errors, &path.child("readinessGates"), spec.items("readinessGates"));
    validate_scheduling_gates(errors, &path.child("schedulingGates"), spec.items("schedulingGates"));
    validate_spread(errors, &path.child("topologySpreadConstraints"), spec.items("topologySpreadConstraints"));
    validate_host_process(errors, path, spec);
    if spec.field("hostUsers").is_some() && !spec.flag("hostUsers") {
        const WHEN: &str = "when `hostUsers` is false";
        for (field, printed) in [("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")] {
            if spec.flag(field) {
                errors.forbidden(&path.child(printed), WHEN);
            }
        }
        each_container(path, spec, |path, container| {
            if !container.items("volumeDevices").is_empty() {
                errors.forbidden(&path.child("volumeDevices"), WHEN);
            }
        });
    }
    validate_hostname_override(errors, path, spec);
    for field in ["serviceAccountName", "nodeName"] {
        let name = spec.text(field);
        if !name.is_empty() {
            errors.invalid_each(&path.child(field), &Value::from(name), names::is_dns1123_subdomain(name));
        }
    }
    if let Some(deadline) = spec.field("activeDeadlineSeconds") {
        let reasons = names::is_in_range(deadline.as_i64().unwrap_or(0), 1, i64::from(i32::MAX));
        errors.invalid_each(&path.child("activeDeadlineSeconds"), deadline, reasons);
    }
    for field in ["hostname", "subdomain"] {
        let name = spec.text(field);
        if !name.is_empty() {
            errors.invalid_each(&path.child(field), &Value::from(name), names::is_dns1123_label(name));
        }
    }
    validate_tolerations(errors, &path.child("tolerations"), spec.items("tolerations"));
    let aliases = path.child("hostAliases");
    for (i, alias) in spec.items("hostAliases").iter().enumerate() {
        let at = aliases.index(i);
        validate_legacy_ip(errors, &at.child("ip"), alias.text("ip"));
        let hosts = at.child("hostnames");
        for (j, host) in alias.items("hostnames").iter().enumerate() {
            errors.invalid_each(&hosts.index(j), host, names::is_dns1123_subdomain(host.as_str().unwrap_or("")));
        }
    }
    for field in ["priorityClassName", "runtimeClassName"] {
        let Some(name) = spec.field(field).and_then(Value::as_str) else { continue };
        errors.invalid_each(&path.child(field), &Value::from(name), names::is_dns1123_subdomain(name));
    }
    if spec.field("preemptionPolicy").is_some() {
        let policies = ["PreemptLowerPriority", "Never"];
        one_of(errors, &path.child("preemptionPolicy"), spec.text("preemptionPolicy"), &policies);
    }
    let overhead = path.child("overhead");
    for (name, amount) in spec.entries("overhead") {
        validate_amount(errors, &overhead.key(name), name, amount);
    }
    validate_os(errors, path, spec);
    validate_file_volumes(errors, path, spec);
}

/// Every container with its path, in the order that upstream visits them.
pub(super) fn each_container(path: &Path, spec: &Value, mut look: impl FnMut(&Path, &Value)) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let path = path.child(list);
        for (i, container) in spec.items(list).iter().enumerate() {
            look(&path.index(i), container);
        }
    }
}

fn one_of(errors: &mut Errors, path: &Path, value: &str, values: &[&str]) {
    if value.is_empty() {
        errors.required(path, "");
    } else if !values.contains(&value) {
        errors.not_supported(path, &Value::from(value), values);
    }
}

fn validate_hostname_override(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(name) = spec.field("hostnameOverride").and_then(Value::as_str) else { return };
    let at = path.child("hostnameOverride");
    if spec.flag("setHostnameAsFQDN") {
        errors.forbidden(&at, "may not be specified when setHostnameAsFQDN is true");
    }
    if spec.flag("hostNetwork") {
        errors.forbidden(&at, "may not be specified when hostNetwork is true");
    }
    if name.len() > 64 {
        errors.too_long(&at, 64);
    }
    errors.invalid_each(&at, &Value::from(name), names::is_dns1123_subdomain(name));
}

/// With the host's network a container's port is the host's.
fn validate_host_network_ports(errors: &mut Errors, path: &Path, spec: &Value, place: Place) {
    if !spec.flag("hostNetwork") {
        return;
    }
    for (i, container) in spec.items("containers").iter().enumerate() {
        let container_path = path.index(i);
        let ports = container_path.child("ports");
        for (j, port) in container.items("ports").iter().enumerate() {
            let (host, own) = (port.int("hostPort"), port.int("containerPort"));
            if (place != Place::Template || host != 0) && host != own {
                let detail = "must match `containerPort` when `hostNetwork` is true";
                errors.invalid(&ports.index(j).child("hostPort"), &Value::Int(host), detail);
            }
        }
    }
}

fn validate_dns_config(errors: &mut Errors, path: &Path, spec: &Value) {
    let none = spec.text("dnsPolicy") == "None";
    let Some(config) = spec.field("dnsConfig") else {
        if none {
            errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let servers = config.items("nameservers");
    let servers_path = path.child("nameservers");
    if none && servers.is_empty() {
        errors.required(&servers_path, "must provide at least one DNS nameserver when `dnsPolicy` is None");
        return;
    }
    if servers.len() > 3 {
        let shown = Value::list(servers.to_vec());
        errors.invalid(&servers_path, &shown, "must not have more than 3 nameservers");
    }
    for (i, server) in servers.iter().enumerate() {
        validate_legacy_ip(errors, &servers_path.index(i), server.as_str().unwrap_or(""));
    }
    let searches = config.items("searches");
    let searches_path = path.child("searches");
    if searches.len() > 32 {
        let shown = Value::list(searches.to_vec());
        errors.invalid(&searches_path, &shown, "must not have more than 32 search paths");
    }
    let length: usize = searches.iter().map(|s| s.as_str().unwrap_or("").len() + 1).sum();
    if length.saturating_sub(1) > 2048 {
        let detail = "must not have more than 2048 characters (including spaces) in the search list";
        errors.invalid(&searches_path, &Value::list(searches.to_vec()), detail);
    }
    for (i, search) in searches.iter().enumerate() {
        let name = search.as_str().unwrap_or("");
        if name != "." {
            let name = name.strip_suffix('.').unwrap_or(name);
            let reasons = names::is_dns1123_subdomain_with_underscore(name);
            errors.invalid_each(&searches_path.index(i), &Value::from(name), reasons);
        }
    }
    let options = path.child("options");
    for (i, option) in config.items("options").iter().enumerate() {
        if option.text("name").is_empty() {
            errors.required(&options.index(i), "must not be empty");
        }
    }
}

fn validate_resource_claims(errors: &mut Errors, path: &Path, claims: &[Value]) {
    let mut seen = BTreeSet::new();
    for (i, claim) in claims.iter().enumerate() {
        let path = path.index(i);
        let name = claim.text("name");
        if name.is_empty() {
            errors.required(&path.child("name"), "");
        } else if seen.contains(name) {
            errors.duplicate(&path.child("name"), &Value::from(name));
        } else {
            errors.invalid_each(&path.child("name"), &Value::from(name), names::is_dns1123_label(name));
            seen.insert(name);
        }
        let shown = || internal::compact("PodResourceClaim", claim);
        let (direct, template) = (claim.field("resourceClaimName"), claim.field("resourceClaimTemplateName"));
        if direct.is_some() && template.is_some() {
            let detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified";
            errors.invalid_shown(&path, &shown(), detail);
        }
        if direct.is_none() && template.is_none() {
            let detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            errors.invalid_shown(&path, &shown(), detail);
        }
        for (field, name) in [("resourceClaimName", direct), ("resourceClaimTemplateName", template)] {
            if let Some(name) = name {
                let reasons = names::is_dns1123_subdomain(name.as_str().unwrap_or(""));
                errors.invalid_each(&path.child(field), name, reasons);
            }
        }
    }
}
