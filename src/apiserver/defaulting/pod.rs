//! Defaults of pods and of pod templates (`pkg/apis/core/v1/defaults.go`: `SetDefaults_PodSpec`, `_Container`, `_Probe` …, and
//! `SetDefaults_Pod` for what only a real pod gets).
//!
//! What belongs to features that v1.36 keeps off unless somebody turns them on is taken away here, too
//! (`pkg/api/pod`: `dropDisabledFields`). Left out: huge pages as pod-level resources.

use super::volume::{default_object_field_ref, default_volume};
use super::{each, fill, fill_number, fill_text, within};
use crate::api::image;
use crate::api::quantity::Quantity;
use crate::api::value::{Map, Value};
use smol_str::SmolStr;

/// A `Pod`.
pub fn default_pod(pod: &mut Value) {
    let spec = pod.map_mut().entry("spec");
    default_pod_spec(spec);
    for list in ["containers", "initContainers"] {
        each(spec, list, requests_from_limits);
    }
    default_pod_resources(spec);
    fill(spec, "enableServiceLinks", true);
    if spec.flag("hostNetwork") {
        for list in ["containers", "initContainers"] {
            each(spec, list, |container| {
                each(container, "ports", |port| {
                    let number = port.int("containerPort");
                    if number != 0 {
                        fill_number(port, "hostPort", number);
                    }
                });
            });
        }
    }
}

/// A pod template: the `template` of a workload.
pub fn default_pod_template(template: &mut Value) {
    default_pod_spec(template.map_mut().entry("spec"));
}

/// What a pod's spec and a template's spec have in common.
pub fn default_pod_spec(spec: &mut Value) {
    adopt_service_account(spec);
    if spec.field("schedulingGroup").is_some() {
        spec.map_mut().remove("schedulingGroup");
    }
    fill_text(spec, "dnsPolicy", "ClusterFirst");
    fill_text(spec, "restartPolicy", "Always");
    fill(spec, "securityContext", Value::map());
    fill(spec, "terminationGracePeriodSeconds", 30);
    fill_text(spec, "schedulerName", "default-scheduler");
    each(spec, "volumes", default_volume);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        each(spec, list, default_container);
    }
    within(spec, "resources", round_resources);
    if spec.field("overhead").is_some() {
        round_list(spec.map_mut().entry("overhead"));
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`; both are kept equal (`pkg/apis/core/v1/conversion.go`).
fn adopt_service_account(spec: &mut Value) {
    if spec.text("serviceAccountName").is_empty() {
        let old: SmolStr = spec.text("serviceAccount").into();
        if !old.is_empty() {
            spec.map_mut().insert("serviceAccountName", old);
        }
    } else {
        let name: SmolStr = spec.text("serviceAccountName").into();
        spec.map_mut().insert("serviceAccount", name);
    }
}

fn default_container(container: &mut Value) {
    let latest = image::tag(container.text("image")) == Some("latest");
    fill_text(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    fill_text(container, "terminationMessagePath", "/dev/termination-log");
    fill_text(container, "terminationMessagePolicy", "File");
    fill(container, "resources", Value::map());
    within(container, "resources", round_resources);
    each(container, "ports", |port| fill_text(port, "protocol", "TCP"));
    each(container, "env", |variable| within(variable, "valueFrom", default_env_source));
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        within(container, probe, default_probe);
    }
    if container.at(&["lifecycle", "stopSignal"]).is_some() {
        let lifecycle = container.map_mut().entry("lifecycle").map_mut();
        lifecycle.remove("stopSignal");
        if lifecycle.is_empty() {
            container.map_mut().remove("lifecycle");
        }
    }
    within(container, "lifecycle", |lifecycle| {
        for hook in ["postStart", "preStop"] {
            within(lifecycle, hook, |handler| within(handler, "httpGet", default_http_get));
        }
    });
}

fn default_env_source(source: &mut Value) {
    within(source, "fieldRef", default_object_field_ref);
    within(source, "resourceFieldRef", default_divisor);
    within(source, "fileKeyRef", |file| fill(file, "optional", false));
}

/// A missing divisor is printed as zero.
pub(super) fn default_divisor(reference: &mut Value) {
    fill(reference, "divisor", "0");
}

fn default_probe(probe: &mut Value) {
    fill_number(probe, "timeoutSeconds", 1);
    fill_number(probe, "periodSeconds", 10);
    fill_number(probe, "successThreshold", 1);
    fill_number(probe, "failureThreshold", 3);
    within(probe, "httpGet", default_http_get);
    within(probe, "grpc", |grpc| fill(grpc, "service", ""));
}

fn default_http_get(action: &mut Value) {
    fill_text(action, "path", "/");
    fill_text(action, "scheme", "HTTP");
}

fn round_resources(resources: &mut Value) {
    for list in ["limits", "requests"] {
        if resources.field(list).is_some() {
            round_list(resources.map_mut().entry(list));
        }
    }
}

/// Every amount of a resource list is rounded up to thousandths (`SetDefaults_ResourceList`).
pub(super) fn round_list(list: &mut Value) {
    let exact = |v: &Value| Quantity::from_value(v).round_up_to_millis().canonical();
    let changed: Vec<(SmolStr, SmolStr)> = list
        .as_map()
        .into_iter()
        .flat_map(Map::iter)
        .filter(|(_, v)| v.as_str() != Some(exact(v).as_str()))
        .map(|(k, v)| (k.clone(), exact(v)))
        .collect();
    for (name, amount) in changed {
        list.map_mut().insert(name, amount);
    }
}

/// A limit without a request is a request.
fn requests_from_limits(container: &mut Value) {
    let Some(limits) = container.at(&["resources", "limits"]).and_then(Value::as_map).cloned() else { return };
    for (name, amount) in limits.iter() {
        if container.at(&["resources", "requests", name]).is_none() {
            container.set_at(&["resources", "requests", name], amount.clone());
        }
    }
}

/// Requests of the pod as a whole: those of its containers, else its limits (`defaultPodRequests`).
fn default_pod_resources(spec: &mut Value) {
    let Some(limits) = spec.at(&["resources", "limits"]).and_then(Value::as_map).cloned() else { return };
    for name in ["cpu", "memory"] {
        if spec.at(&["resources", "requests", name]).is_some() {
            continue;
        }
        let total = container_requests(spec, name);
        if let Some(amount) = total.map(|q| Value::from(q.canonical())).or_else(|| limits.get(name).cloned()) {
            spec.set_at(&["resources", "requests", name], amount);
        }
    }
}

/// What the containers of a pod request together: the running ones with their sidecars, or the hungriest moment of the init
/// containers when that is more (component-helpers `AggregateContainerRequests`).
pub fn container_requests(spec: &Value, name: &str) -> Option<Quantity> {
    let request = |c: &Value| c.at(&["resources", "requests", name]).map(Quantity::from_value);
    let mut running: Option<Quantity> = None;
    let add = |sum: Option<Quantity>, more: Quantity| Some(sum.map_or(more.clone(), |s| s.plus(&more)));
    for amount in spec.items("containers").iter().filter_map(request) {
        running = add(running, amount);
    }
    let (mut sidecars, mut peak): (Option<Quantity>, Option<Quantity>) = (None, None);
    for container in spec.items("initContainers") {
        let Some(amount) = request(container) else { continue };
        let together;
        if container.text("restartPolicy") == "Always" {
            running = add(running, amount.clone());
            sidecars = add(sidecars, amount);
            together = sidecars.clone();
        } else {
            together = add(sidecars.clone(), amount);
        }
        peak = match (peak, together) {
            (Some(a), Some(b)) => Some(if b > a { b } else { a }),
            (a, b) => a.or(b),
        };
    }
    match (running, peak) {
        (Some(a), Some(b)) => Some(if b > a { b } else { a }),
        (a, b) => a.or(b),
    }
}
