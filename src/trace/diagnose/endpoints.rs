//! Why a Service port has no endpoint that could be used.

use super::Verdict;
use super::service::Meant;
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::view::{PodPhase, TargetPort};
use crate::arrange::Arrange;
use crate::trace::outcome::CauseOfFailure;
use crate::trace::run::Run;
use smol_str::{SmolStr, format_smolstr};

/// What keeps port `i` of the Service from having an endpoint; `None` when it has one.
pub fn missing(run: &Run<'_, '_>, meant: &Meant, i: usize) -> Option<Verdict> {
    let service = meant.service(run)?;
    let port = service.ports.get(i)?;
    let key = &meant.key;
    if has_endpoint(run, key, &port.name, port.protocol) {
        return None;
    }
    if service.selector.is_empty() {
        return Some(without_selector(run, key, i, &port.name));
    }
    let pods: Vec<_> = meant.pods(run).collect();
    if pods.is_empty() {
        let mut because = vec![key.field("spec.selector")];
        because.extend(near_miss(run, key, &service.selector));
        return Some((CauseOfFailure::SelectorMatchesNothing { service: key.clone() }, because));
    }
    let usable = |o: &&&std::sync::Arc<crate::api::object::Object>| {
        o.view().pod().is_some_and(|p| {
            p.ip.is_some()
                && !p.terminating
                && !matches!(p.phase, PodPhase::Succeeded | PodPhase::Failed)
                && (p.is_ready() || service.publish_not_ready)
        })
    };
    let ready: Vec<_> = pods.iter().filter(usable).collect();
    if ready.is_empty() {
        let not_ready: Vec<ObjectKey> = pods.iter().map(|p| p.key.clone()).collect();
        let because = not_ready.iter().flat_map(|pod| why_not_ready(run, pod)).collect();
        return Some((CauseOfFailure::NoReadyPod { service: key.clone(), not_ready }, because));
    }
    if let TargetPort::Name(name) = &port.target_port
        && ready.iter().all(|o| o.view().pod().is_none_or(|p| p.named_port(name, port.protocol).is_none()))
    {
        let mut names: Vec<SmolStr> = Vec::new();
        let mut because: Vec<FieldRef> = vec![key.field(format_smolstr!("spec.ports[{i}].targetPort").as_str())];
        for object in &ready {
            let Some(pod) = object.view().pod() else { continue };
            for (c, container) in pod.containers.iter().enumerate() {
                names.extend(container.ports.iter().filter(|p| !p.name.is_empty()).map(|p| p.name.clone()));
                because.push(object.key.field(format_smolstr!("spec.containers[{c}].ports").as_str()));
            }
        }
        names.arrange();
        names.dedup();
        let pods = ready.iter().map(|o| o.key.clone()).collect();
        return Some((CauseOfFailure::NoPodHasPort { service: key.clone(), port: name.clone(), pods, names }, because));
    }
    // Pods are ready and have the port: the endpoint controller has not said so yet.
    let cause = CauseOfFailure::EndpointsBehind { service: key.clone() };
    Some((cause, vec![key.field("spec.selector")]))
}

/// Whether any slice has a usable endpoint for the port.
fn has_endpoint(run: &Run<'_, '_>, key: &ObjectKey, port: &str, protocol: crate::api::view::Protocol) -> bool {
    let selector = [("kubernetes.io/service-name".into(), key.name.clone())];
    let mut slices = run.world.store.select("EndpointSlice", &key.namespace, &selector);
    slices.any(|object| {
        object.view().endpoint_slice().is_some_and(|slice| {
            slice.ports.iter().any(|p| p.name == port && p.protocol == protocol && p.port.is_some())
                && slice.endpoints.iter().any(|e| e.ready || (e.serving && e.terminating))
        })
    })
}

fn without_selector(run: &Run<'_, '_>, key: &ObjectKey, i: usize, port: &SmolStr) -> Verdict {
    let endpoints = ObjectKey::new("Endpoints", key.namespace.clone(), key.name.clone());
    let selector = [("kubernetes.io/service-name".into(), key.name.clone())];
    let slice = run.world.store.select("EndpointSlice", &key.namespace, &selector).next();
    let own = format_smolstr!("spec.ports[{i}].name");
    let written = run.world.store.get(&endpoints).map(|o| (o.key.field("subsets[0].ports"), has_addresses(o)));
    let sliced = || slice.map(|o| (o.key.field("ports"), has_addresses(o)));
    match written.or_else(sliced) {
        Some((field, true)) => (
            CauseOfFailure::EndpointPortNameMismatch { service: key.clone(), port: port.clone() },
            vec![field, key.field(own.as_str())],
        ),
        Some((field, false)) => {
            (CauseOfFailure::NoManualEndpoints { service: key.clone() }, vec![field, key.field("spec.selector")])
        }
        None => (CauseOfFailure::NoManualEndpoints { service: key.clone() }, vec![key.field("spec.selector")]),
    }
}

fn has_addresses(object: &crate::api::object::Object) -> bool {
    match (object.view().endpoints(), object.view().endpoint_slice()) {
        (Some(endpoints), _) => endpoints.subsets.iter().any(|s| !s.ready.is_empty()),
        (_, Some(slice)) => slice.endpoints.iter().any(|e| e.ready),
        _ => false,
    }
}

/// Labels of pods that come close to a selector: a key that they share with another value, or a value that is nearly right.
fn near_miss(run: &Run<'_, '_>, key: &ObjectKey, selector: &[(SmolStr, SmolStr)]) -> Vec<FieldRef> {
    let pods = run.world.store.list_in("Pod", &key.namespace);
    let mut found: Vec<(usize, FieldRef)> = pods
        .filter_map(|pod| {
            let (label, distance) = selector
                .iter()
                .filter_map(|(k, v)| Some((k, super::lookup::distance(pod.label(k)?, v))))
                .min_by_key(|(_, distance)| *distance)?;
            Some((distance, pod.key.field(format_smolstr!("metadata.labels[{label}]").as_str())))
        })
        .collect();
    found.arrange();
    found.truncate(3);
    found.into_iter().map(|(_, field)| field).collect()
}

/// The field behind a pod that is not ready.
fn why_not_ready(run: &Run<'_, '_>, key: &ObjectKey) -> Vec<FieldRef> {
    let Some(object) = run.world.store.get(key) else { return Vec::new() };
    let Some(pod) = object.view().pod() else { return Vec::new() };
    if pod.terminating {
        return vec![key.field("metadata.deletionTimestamp")];
    }
    if pod.node_name.is_empty() {
        return vec![key.field("spec.nodeName")];
    }
    for (i, container) in pod.containers.iter().enumerate() {
        let status = pod.statuses().find(|s| s.name == container.name);
        let running = status.as_ref().is_none_or(|s| s.state == "running");
        if !running {
            return vec![key.field(format_smolstr!("spec.containers[{i}].image").as_str())];
        }
        if container.value.get("readinessProbe").is_some() && status.is_some_and(|s| !s.ready) {
            return vec![key.field(format_smolstr!("spec.containers[{i}].readinessProbe").as_str())];
        }
    }
    vec![key.field("status.conditions")]
}
