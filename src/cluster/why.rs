//! Why things are as they are: chains of links, each with its object and field, in both languages.
//!
//! The answers come from what controllers left behind (owner references, the causes of writes, conditions, events) and from
//! the same rules that the controllers follow; nothing is remembered for the explanation's sake.

use super::Cluster;
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::{Pod, PodPhase, ServiceType, TargetPort};
use crate::apiserver::store::Cause;
use crate::controller::membership;
use crate::locale::Message;
use crate::runtime::probe::ProbeKind;
use crate::runtime::volumes::{self, Content, Failure, Volume};
use smol_str::SmolStr;
use std::sync::Arc;

/// One link of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub message: Message,
    /// The field that it rests on.
    pub at: FieldRef,
}

fn link(id: &'static str, at: FieldRef) -> Link {
    Link { message: Message::new(id).with("object", at.object.to_string()), at }
}

impl Link {
    fn with(mut self, name: &'static str, value: impl ToString) -> Link {
        self.message = self.message.with(name, value);
        self
    }
}

/// A chain longer than this has a ring of owners in it.
const LONGEST: usize = 16;

impl Cluster {
    /// Why an object exists: from the object up to who asked for it.
    pub fn why_exists(&self, key: &ObjectKey) -> Vec<Link> {
        let mut chain = Vec::new();
        let mut at = key.clone();
        while chain.len() < LONGEST {
            let Some(object) = self.store.get(&at) else {
                chain.push(link("why.gone", at.field("")));
                break;
            };
            match (object.controller(), object.origin().map(|origin| &origin.cause)) {
                (Some((owner, _)), cause) => {
                    let by = match cause {
                        Some(Cause::Controller { name, .. }) => name,
                        _ => "controller",
                    };
                    let wish = match owner.kind.as_str() {
                        "ReplicaSet" | "ReplicationController" | "StatefulSet" => "spec.replicas",
                        "Deployment" | "DaemonSet" | "Job" => "spec.template",
                        "Service" => "spec.selector",
                        "CronJob" => "spec.schedule",
                        _ => "",
                    };
                    let id = match (owner.kind.as_str(), wish) {
                        ("ReplicaSet" | "ReplicationController" | "StatefulSet", _) => "why.replica",
                        ("Deployment", _) => "why.template",
                        ("DaemonSet", _) => "why.daemon",
                        ("Service", _) => "why.selector",
                        _ => "why.owned",
                    };
                    let replicas = self.store.get(&owner).and_then(|o| o.value.at(&["spec", "replicas"])?.as_i64());
                    let mut next = link(id, owner.field(wish)).with("it", &at).with("by", by);
                    if id == "why.replica" {
                        next = next.with("count", replicas.unwrap_or(1));
                    }
                    chain.push(next);
                    at = owner;
                }
                (None, Some(Cause::Controller { name, saw })) => {
                    let saw = FieldRef::clone(saw);
                    let seen = saw.object.clone();
                    chain.push(link("why.made_by", saw).with("it", &at).with("by", name));
                    if seen == at {
                        break;
                    }
                    at = seen;
                }
                (None, Some(Cause::Bootstrap)) => {
                    chain.push(link("why.installed", at.field("")));
                    break;
                }
                (None, _) => {
                    chain.push(link("why.written", at.field("")));
                    break;
                }
            }
        }
        chain
    }

    /// Why a pod is not among the ready endpoints of a Service of its namespace; ends with [`Link`] `why.is_endpoint` when it
    /// is.
    pub fn why_not_endpoint(&self, pod: &ObjectKey, service: &ObjectKey) -> Vec<Link> {
        let mut chain = Vec::new();
        let (Some(object), Some(owner)) = (self.store.get(pod), self.store.get(service)) else {
            let missing = if self.store.get(pod).is_none() { pod } else { service };
            return vec![link("why.gone", missing.field(""))];
        };
        let (Some(view), Some(target)) = (object.view().pod(), owner.view().service()) else { return chain };
        if pod.namespace != service.namespace {
            chain.push(link("why.other_namespace", pod.field("metadata.namespace")).with("service", service));
            return chain;
        }
        if target.type_ == ServiceType::ExternalName {
            return vec![link("why.external_name", service.field("spec.type"))];
        }
        if target.selector.is_empty() {
            return vec![link("why.no_selector", service.field("spec.selector"))];
        }
        if let Some((key, value)) = target.selector.iter().find(|(k, v)| object.label(k) != Some(v)) {
            let has = object.label(key).map_or_else(|| "-".to_string(), |v| format!("{key}={v}"));
            chain.push(
                link("why.label_differs", pod.field(format!("metadata.labels[{key}]").as_str())).with("has", has),
            );
            chain.push(
                link("why.selector_asks", service.field("spec.selector")).with("label", format!("{key}={value}")),
            );
            return chain;
        }
        if matches!(view.phase, PodPhase::Succeeded | PodPhase::Failed) {
            return vec![link("why.finished", pod.field("status.phase"))];
        }
        if view.terminating && !target.publish_not_ready {
            return vec![link("why.terminating", pod.field("metadata.deletionTimestamp"))];
        }
        if view.ips.is_empty() {
            chain.push(link("why.no_address", pod.field("status.podIP")));
            chain.extend(self.why_not_running(object, view));
            return chain;
        }
        if !view.is_ready() && !target.publish_not_ready {
            chain.push(link("why.not_ready", pod.field("status.conditions")));
            chain.extend(self.why_not_ready(object, view));
            return chain;
        }
        let found = target.ports.iter().any(|port| match &port.target_port {
            TargetPort::Number(_) => true,
            TargetPort::Name(name) => view.named_port(name, port.protocol).is_some(),
        });
        if !found && !target.ports.is_empty() {
            let names: Vec<String> = target.ports.iter().map(|p| p.target_port.to_string()).collect();
            return vec![
                link("why.no_named_port", pod.field("spec.containers[0].ports")).with("port", names.join(", ")),
                link("why.port_asked", service.field("spec.ports[0].targetPort")).with("port", names.join(", ")),
            ];
        }
        if self.store.node(&view.node_name).is_none() {
            return vec![link("why.unknown_node", pod.field("spec.nodeName")).with("node", &view.node_name)];
        }
        if !self.is_ready_endpoint(pod, service) {
            return vec![link("why.not_yet", service.field("spec.selector"))];
        }
        vec![link("why.is_endpoint", service.field("spec.selector")).with("pod", pod)]
    }

    fn is_ready_endpoint(&self, pod: &ObjectKey, service: &ObjectKey) -> bool {
        let label = [("kubernetes.io/service-name".into(), service.name.clone())];
        self.store
            .select("EndpointSlice", &service.namespace, &label)
            .filter_map(|s| s.view().endpoint_slice())
            .any(|s| s.endpoints.iter().any(|e| e.ready && e.target.as_ref() == Some(pod)))
    }

    /// The Services that select a pod, and why it is not a ready endpoint of each.
    pub fn why_not_endpoints(&self, pod: &ObjectKey) -> Vec<(ObjectKey, Vec<Link>)> {
        let Some(object) = self.store.get(pod) else { return Vec::new() };
        let services = membership::services_of(object, &self.store, &self.index);
        services.into_iter().map(|s| (s.clone(), self.why_not_endpoint(pod, &s))).collect()
    }

    /// Why a pod without address does not run.
    fn why_not_running(&self, object: &Arc<Object>, view: &Pod) -> Vec<Link> {
        let pod = &object.key;
        if view.node_name.is_empty() {
            let condition = condition(object, "PodScheduled");
            let message = condition.map_or("", |c| c.str_at(&["message"]));
            let at = pod.field("spec.nodeName");
            if message.is_empty() {
                return vec![link("why.not_scheduled_yet", at)];
            }
            let mut chain = vec![link("why.unschedulable", at).with("message", message)];
            let volumes = object.value.items_at(&["spec", "volumes"]);
            chain.extend(volumes.iter().enumerate().find_map(|(i, volume)| {
                let name = volume.get("persistentVolumeClaim")?.text("claimName");
                let claim = ObjectKey::new("PersistentVolumeClaim", pod.namespace.clone(), name);
                let field = pod.field(format!("spec.volumes[{i}].persistentVolumeClaim.claimName").as_str());
                self.store.get(&claim).is_none().then(|| link("why.volume_wants", field).with("missing", claim))
            }));
            return chain;
        }
        if !self.runtime.is_up(&view.node_name) {
            return vec![link(
                "why.node_down",
                ObjectKey::new("Node", "", view.node_name.clone()).field("status.conditions"),
            )];
        }
        let waits = self.why_volumes_wait(object);
        if !waits.is_empty() {
            return waits;
        }
        vec![link("why.starting", pod.field("status.containerStatuses")).with("node", &view.node_name)]
    }

    /// The volume that a pod waits for, and what is missing for it.
    fn why_volumes_wait(&self, object: &Object) -> Vec<Link> {
        let pod = &object.key;
        let Some((volume, content)) = self.waiting_volumes(object).into_iter().next() else { return Vec::new() };
        let field = |tail: &str| pod.field(format!("spec.volumes[{}]{tail}", volume.place).as_str());
        let Err(failure) = content else {
            return vec![link("why.volume_soon", field("")).with("volume", &volume.name)];
        };
        let mut chain =
            vec![link("why.volume_waits", field("")).with("volume", &volume.name).with("message", &failure.message)];
        for want in &failure.wants {
            let at = field(&format!(".{}", want.field));
            let missing = link(if want.key.is_empty() { "why.volume_wants" } else { "why.volume_wants_key" }, at);
            chain.push(missing.with("missing", &want.object).with("key", &want.key));
        }
        chain
    }

    /// The volumes that a pod waits for, each with what it would hold now, or why it could not.
    pub fn waiting_volumes(&self, pod: &Object) -> Vec<(&Volume, Result<Content, Failure>)> {
        let volumes = self.runtime.get(&pod.key).map_or(&[][..], |sandbox| &sandbox.volumes);
        let specs = pod.value.items_at(&["spec", "volumes"]);
        let waiting = volumes.iter().filter(|v| !v.mounted);
        waiting.filter_map(|v| Some((v, volumes::content(&self.store, pod, specs.get(v.place)?, None)))).collect()
    }

    /// Why a pod with an address is not ready.
    fn why_not_ready(&self, object: &Arc<Object>, view: &Pod) -> Vec<Link> {
        let pod = &object.key;
        if !self.runtime.is_up(&view.node_name) {
            let node = ObjectKey::new("Node", "", view.node_name.clone());
            return vec![link("why.node_down", node.field("status.conditions"))];
        }
        let Some(sandbox) = self.runtime.get(pod) else {
            return vec![link("why.status_says", pod.field("status.conditions"))];
        };
        for (list, containers) in [("initContainers", &sandbox.init_containers), ("containers", &sandbox.containers)] {
            for (i, container) in containers.iter().enumerate() {
                if container.is_ready() {
                    continue;
                }
                let field = |tail: &str| pod.field(format!("spec.{list}[{i}]{tail}").as_str());
                if !container.is_running() {
                    let statuses = object.value.items_at(&[
                        "status",
                        if list == "containers" { "containerStatuses" } else { "initContainerStatuses" },
                    ]);
                    let state =
                        statuses.iter().find(|s| s.str_at(&["name"]) == container.name).and_then(|s| s.get("state"));
                    let reason = |kind: &str| state.map_or("", |s| s.str_at(&[kind, "reason"]));
                    if list == "initContainers" && reason("terminated") == "Completed" {
                        continue;
                    }
                    let word = if reason("waiting").is_empty() { reason("terminated") } else { reason("waiting") };
                    return vec![
                        link("why.container_down", field("")).with("container", &container.name).with("reason", word),
                    ];
                }
                if list == "initContainers" && !container.is_sidecar() {
                    return vec![link("why.initializing", field("")).with("container", &container.name)];
                }
                let (id, name, probe) = if container.is_started() {
                    ("why.readiness_fails", ".readinessProbe", &container.probes.readiness)
                } else {
                    ("why.startup_pending", ".startupProbe", &container.probes.startup)
                };
                let Some(probe) = probe else { continue };
                let what = match &probe.kind {
                    ProbeKind::Exec(words) => words.join(" "),
                    ProbeKind::HttpGet { path, port, .. } => format!("GET :{port}{path}"),
                    ProbeKind::TcpSocket { port } => format!("TCP :{port}"),
                    ProbeKind::Grpc { port } => format!("gRPC :{port}"),
                };
                if probe.output.is_empty() && probe.last.is_none() {
                    return vec![link("why.probe_to_come", field(name)).with("probe", what)];
                }
                let output: SmolStr = probe.output.trim().into();
                let output = if output.is_empty() { "-".into() } else { output };
                return vec![link(id, field(name)).with("probe", what).with("output", output)];
            }
        }
        vec![link("why.status_says", pod.field("status.conditions"))]
    }
}

fn condition<'a>(object: &'a Object, type_: &str) -> Option<&'a Value> {
    object.value.items_at(&["status", "conditions"]).iter().find(|c| c.str_at(&["type"]) == type_)
}
