//! Which pods belong to which Service, and when a change of one concerns the other. Shared by the endpoint controllers.
//!
//! Upstream: `endpointslice/util/controller_utils.go` and `trigger_time_tracker.go`.

use super::{Context, Index};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{self, Time};
use crate::api::value::Value;
use crate::api::view::{Pod, PodPhase, Service};
use crate::apiserver::store::{Event, Store};
use crate::arrange::{Arrange, set_of};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whether a pod may stand in endpoints at all: not finished, with an address, and not being deleted unless that is asked for.
pub fn is_eligible(pod: &Pod, terminating_too: bool) -> bool {
    !matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
        && !pod.ips.is_empty()
        && (terminating_too || !pod.terminating)
}

/// Whether the endpoint bears the pod's host name: the Service is the pod's `subdomain`.
pub fn bears_hostname(pod: &Pod, service: &Object) -> bool {
    !pod.hostname.is_empty() && pod.subdomain == service.key.name
}

/// The keys of the Services that select the pod.
pub fn services_of(pod: &Object, store: &Store, index: &Index) -> Vec<ObjectKey> {
    let mut keys: Vec<ObjectKey> = index
        .services_of(pod)
        .map(|name| ObjectKey::new("Service", pod.key.namespace.clone(), name.clone()))
        .filter(|key| store.get(key).is_some_and(|s| s.view().service().is_some_and(|s| selects(s, pod))))
        .collect();
    keys.arrange();
    keys.dedup();
    keys
}

/// Whether the Service's selector matches the object's labels. An empty selector matches nothing.
pub fn selects(service: &Service, object: &Object) -> bool {
    !service.selector.is_empty() && service.selector.iter().all(|(k, v)| object.label(k) == Some(v))
}

/// The Services that must look again because a pod changed; `services_of` tells those of a pod.
pub fn services_to_update(
    event: &Event,
    index: &mut Index,
    services_of: impl Fn(&mut Index, &Object) -> Vec<ObjectKey>,
) -> Vec<ObjectKey> {
    let (old, new) = match (&event.old, &event.new) {
        (Some(old), Some(new)) => (old, new),
        (Some(pod), None) | (None, Some(pod)) => return services_of(index, pod),
        (None, None) => return Vec::new(),
    };
    let (Some(before), Some(after)) = (old.view().pod(), new.view().pod()) else { return Vec::new() };
    let relabelled = index.selectors_tell_apart(old, new)
        || before.hostname != after.hostname
        || before.subdomain != after.subdomain;
    let finished = |p: &Pod| matches!(p.phase, PodPhase::Succeeded | PodPhase::Failed);
    let changed = before.terminating != after.terminating
        || before.is_ready() != after.is_ready()
        || before.ips != after.ips
        || finished(before) != finished(after);
    if !relabelled && !changed {
        return Vec::new();
    }
    let mut keys = services_of(index, new);
    if relabelled {
        let earlier = services_of(index, old);
        if changed {
            keys.extend(earlier);
        } else {
            // Only those that gained or lost the pod.
            let lost: Vec<ObjectKey> = earlier.iter().filter(|k| !keys.contains(k)).cloned().collect();
            keys.retain(|k| !earlier.contains(k));
            keys.extend(lost);
        }
        keys.arrange();
        keys.dedup();
    }
    keys
}

/// Whether a Service asks for the same endpoints as before it was written: the numbers of its own ports, its session affinity and
/// what else kube-proxy alone looks at are nothing to them.
pub fn asks_the_same(before: &Object, now: &Object) -> bool {
    fn asked(service: &Service) -> impl PartialEq {
        let ports = service.ports.iter().map(|p| (&p.name, p.protocol, &p.target_port, &p.app_protocol));
        (
            (service.type_, &service.selector, ports.collect::<Vec<_>>(), service.publish_not_ready),
            (service.headless, &service.cluster_ips, &service.ip_families, &service.traffic_distribution),
        )
    }
    before.revision == now.revision
        || before.uid() == now.uid()
            && before.is_terminating() == now.is_terminating()
            && before.value.at(&["metadata", "labels"]) == now.value.at(&["metadata", "labels"])
            && before.view().service().zip(now.view().service()).is_some_and(|(old, new)| asked(old) == asked(new))
}

/// The names of the pods of a namespace that changed after `revision`; `None` when so many writes have happened that looking
/// at every pod is no more work.
pub fn changed_pods(store: &Store, namespace: &str, revision: u64, members: usize) -> Option<BTreeSet<SmolStr>> {
    let writes = store.revision().saturating_sub(revision) as usize;
    if writes > 64 + 20 * members || !store.remembers(revision) {
        return None;
    }
    let of_namespace = |e: &&Event| e.key.kind == "Pod" && e.key.namespace == namespace;
    Some(set_of(store.events_since(revision).filter(of_namespace).map(|e| e.key.name.clone())))
}

/// The annotation that says since when the change is known that a write carries out.
pub const TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// When the earliest change happened that this look has to carry out: the Service's creation at the first look, later the
/// earliest change of a pod's readiness; `None` when neither has changed.
pub fn trigger_time(
    who: &'static str,
    service: &Arc<Object>,
    pods: &[&Arc<Object>],
    context: &mut Context,
) -> Option<Time> {
    let key = (who, service.key.clone());
    let known = context.memory.triggers.get(&key).copied();
    let created = time::parse(service.value.str_at(&["metadata", "creationTimestamp"]));
    let now_known = super::memory::Trigger { service: created, revision: context.store.revision() };
    context.memory.triggers.insert(key, now_known);
    let Some(known) = known.filter(|k| k.service == created) else { return created };
    pods.iter().filter(|p| p.revision > known.revision).filter_map(|p| ready_since(p)).min()
}

fn ready_since(pod: &Object) -> Option<Time> {
    let conditions = pod.value.items_at(&["status", "conditions"]);
    let ready = conditions.iter().find(|c| c.str_at(&["type"]) == "Ready")?;
    time::parse(ready.str_at(&["lastTransitionTime"]))
}

/// Sets or clears the trigger time among an object's annotations; a map that becomes empty goes.
pub fn annotate(value: &mut Value, time: Option<Time>) {
    match time {
        Some(time) => value.set_at(&["metadata", "annotations", TRIGGER_TIME], SmolStr::from(time.to_string())),
        None => {
            value.remove_at(&["metadata", "annotations", TRIGGER_TIME]);
            drop_empty(value, "annotations");
        }
    }
}

/// Removes `metadata.<field>` when it is an empty map.
pub fn drop_empty(value: &mut Value, field: &str) {
    let empty = value.at(&["metadata", field]).and_then(Value::as_map).is_some_and(|m| m.is_empty());
    if empty {
        value.remove_at(&["metadata", field]);
    }
}
