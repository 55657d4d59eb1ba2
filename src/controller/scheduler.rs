//! `default-scheduler`: binds pods to nodes.
//!
//! Upstream: `pkg/scheduler` with its default plugins. Filters: unschedulable nodes, taints, node selector and required node
//! affinity, host ports, required pod (anti-)affinity, hard topology spread, the node's number of pods, and CPU and memory
//! where a pod asks for them. Score: spread the pods of one owner, then all pods. Left out: preferences, preemption, volumes.

use super::selector::holds;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use super::{conditions, pods};
use crate::api::object::{Object, ObjectKey};
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::api::view::{Node, Pod};
use crate::apiserver::store::{Event, Store};
use smol_str::{SmolStr, format_smolstr};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

pub const NAME: &str = "default-scheduler";

pub struct Scheduler;

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        if !settings.run_pods {
            return;
        }
        let after = settings.latencies.scheduler;
        match event.key.kind.as_str() {
            "Pod" => {
                let bound = |o: &Option<Arc<Object>>| {
                    o.as_ref().and_then(|o| o.view().pod()).is_some_and(|p| !p.node_name.is_empty())
                };
                if event.old.is_none() && !bound(&event.new) {
                    enqueue(event.key.clone(), after);
                } else if event.new.is_none() && bound(&event.old) {
                    // Room has been made.
                    for key in index.unscheduled() {
                        enqueue(key.clone(), after);
                    }
                }
            }
            "Node" => {
                let facts = |o: &Option<Arc<Object>>| {
                    let o = o.as_ref()?;
                    let node = o.view().node()?;
                    let labels = o.value.at(&["metadata", "labels"]).cloned();
                    Some((
                        node.taints.clone(),
                        node.unschedulable,
                        labels,
                        o.value.at(&["status", "allocatable"]).cloned(),
                    ))
                };
                if facts(&event.old) != facts(&event.new) {
                    for key in index.unscheduled() {
                        enqueue(key.clone(), after);
                    }
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(pod) = context.store.get(key).cloned() else { return result };
        let Some(view) = pod.view().pod() else { return result };
        let ours = matches!(pod.value.str_at(&["spec", "schedulerName"]), "" | "default-scheduler");
        if !view.node_name.is_empty() || view.terminating || !ours || !pods::is_active(view) {
            return result;
        }
        if !pod.value.items_at(&["spec", "schedulingGates"]).is_empty() {
            let mut value = pod.value.clone();
            let message = "Scheduling is blocked due to non-empty scheduling gates";
            conditions::set_pod(&mut value, "PodScheduled", "False", "SchedulingGated", message, context.now);
            if value != pod.value {
                result.update(&pod, value, key.field("spec.schedulingGates"));
            }
            return result;
        }
        if is_simple(&pod, view) {
            bind_alike(&pod, context, &mut result);
            if !result.writes.is_empty() {
                return result;
            }
        }
        match choose(&pod, view, context) {
            Ok(node) => {
                let message = format_smolstr!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
                context.recorder.say(&pod, "", false, "Scheduled", message, NAME, "", context.now);
                let mut value = pod.value.clone();
                // The admission plugin PodTopologyLabels acts on the binding.
                let bound = context.store.get(&ObjectKey::new("Node", "", node.clone()));
                for label in ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] {
                    if let Some(zone) = bound.and_then(|n| n.label(label)) {
                        value.set_at(&["metadata", "labels", label], zone);
                    }
                }
                value.set_at(&["spec", "nodeName"], node);
                conditions::set_pod(&mut value, "PodScheduled", "True", "", "", context.now);
                result.update(&pod, value, key.field("spec.nodeName"));
            }
            Err(message) => {
                context.recorder.say(&pod, "", true, "FailedScheduling", message.clone(), NAME, "", context.now);
                let mut value = pod.value.clone();
                conditions::set_pod(&mut value, "PodScheduled", "False", "Unschedulable", &message, context.now);
                if value != pod.value {
                    result.update(&pod, value, key.field("spec"));
                }
            }
        }
        result
    }
}

fn bind(pod: &Arc<Object>, node: &SmolStr, context: &mut Context, result: &mut Reconcile) {
    let key = &pod.key;
    let message = format_smolstr!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
    context.recorder.say(pod, "", false, "Scheduled", message, NAME, "", context.now);
    let mut value = pod.value.clone();
    value.set_at(&["spec", "nodeName"], node);
    conditions::set_pod(&mut value, "PodScheduled", "True", "", "", context.now);
    result.update(pod, value, key.field("spec.nodeName"));
}

/// Whether nothing about the pod depends on which other pods a node has, but their number.
fn is_simple(pod: &Object, view: &Pod) -> bool {
    let spec = |field: &str| pod.value.at(&["spec", field]);
    spec("affinity").is_none()
        && spec("topologySpreadConstraints").is_none()
        && host_ports(view).is_empty()
        && requests(&pod.value) == (0, 0)
}

/// The most pods that are bound in one look.
const BATCH: usize = 500;

/// Binds a simple pod together with its waiting siblings of the same template: the nodes are looked at once for all of them,
/// and each pod goes where it would have gone by itself.
fn bind_alike(pod: &Arc<Object>, context: &mut Context, result: &mut Reconcile) {
    let (Some(view), Some((_, owner))) = (pod.view().pod(), pod.controller_ref()) else { return };
    let store = context.store;
    let alike = |other: &&Arc<Object>| {
        other.value.get("spec") == pod.value.get("spec") && other.controller_ref().is_some_and(|(_, uid)| uid == owner)
    };
    let siblings: Vec<Arc<Object>> = context
        .index
        .unscheduled_from(&pod.key)
        .take(4 * BATCH)
        .filter_map(|key| store.get(key))
        .filter(alike)
        .take(BATCH)
        .cloned()
        .collect();
    let demands = Demands::of(pod, view, store);
    let mut nodes: BinaryHeap<Reverse<(u32, usize, &SmolStr, usize)>> = BinaryHeap::new();
    for object in store.list("Node") {
        let Some(node) = object.view().node() else { continue };
        let total = context.index.count_on_node(object.name());
        if demands.refuse(pod, object, node, total, context).is_none() {
            let spread = context.index.spread(owner, object.name());
            nodes.push(Reverse((spread, total, object.name(), most_pods(object))));
        }
    }
    for sibling in siblings {
        let Some(Reverse((spread, total, name, most))) = nodes.pop() else { return };
        bind(&sibling, name, context, result);
        if total + 1 < most {
            nodes.push(Reverse((spread + 1, total + 1, name, most)));
        }
    }
}

/// How many pods a node takes.
fn most_pods(node: &Object) -> usize {
    node.value.str_at(&["status", "allocatable", "pods"]).parse().unwrap_or(110)
}

/// The best node, or the scheduler's words for why there is none.
fn choose(pod: &Arc<Object>, view: &Pod, context: &Context) -> Result<SmolStr, String> {
    let owner = pod.controller().map(|(_, uid)| uid).unwrap_or_default();
    let demands = Demands::of(pod, view, context.store);
    let mut best: Option<(u32, usize, &SmolStr)> = None;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut nodes = 0;
    for object in context.store.list("Node") {
        let Some(node) = object.view().node() else { continue };
        nodes += 1;
        let total = context.index.count_on_node(object.name());
        if let Some(reason) = demands.refuse(pod, object, node, total, context) {
            *reasons.entry(reason).or_default() += 1;
            continue;
        }
        let score = (context.index.spread(&owner, object.name()), total, object.name());
        if best.as_ref().is_none_or(|b| score < *b) {
            best = Some(score);
        }
    }
    match best {
        Some((_, _, name)) => Ok(name.clone()),
        None if nodes == 0 => Err("no nodes available to schedule pods".into()),
        None => {
            let mut list: Vec<String> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
            list.sort();
            Err(format!(
                "0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling.",
                list.join(", ")
            ))
        }
    }
}

/// What a pod asks of a node, read once.
struct Demands<'a> {
    selector: Option<&'a Value>,
    affinity: &'a [Value],
    tolerations: &'a [Value],
    host_ports: Vec<(u16, &'static str)>,
    cpu: i64,
    memory: i64,
    /// Required pod affinity (true) and anti-affinity terms: topology key and how many matching pods each domain has.
    terms: Vec<(bool, &'a str, BTreeMap<SmolStr, usize>)>,
    /// Hard spread constraints: topology key, greatest skew, pods by domain.
    spreads: Vec<(&'a str, usize, BTreeMap<SmolStr, usize>)>,
}

impl<'a> Demands<'a> {
    fn of(pod: &'a Object, view: &Pod, store: &Store) -> Demands<'a> {
        let spec = |path: &[&str]| pod.value.at(&[&["spec"], path].concat());
        let (cpu, memory) = requests(&pod.value);
        let terms = [("podAffinity", true), ("podAntiAffinity", false)].into_iter().flat_map(|(kind, wanted)| {
            pod.value
                .items_at(&["spec", "affinity", kind, "requiredDuringSchedulingIgnoredDuringExecution"])
                .iter()
                .map(move |term| (wanted, term))
        });
        let terms = terms
            .map(|(wanted, term)| {
                let key = term.str_at(&["topologyKey"]);
                (wanted, key, domains(pod, term.get("labelSelector"), key, store))
            })
            .collect();
        let spreads = pod
            .value
            .items_at(&["spec", "topologySpreadConstraints"])
            .iter()
            .filter(|c| c.str_at(&["whenUnsatisfiable"]) != "ScheduleAnyway")
            .map(|c| {
                let key = c.str_at(&["topologyKey"]);
                let skew = c.get("maxSkew").and_then(Value::as_i64).unwrap_or(1).max(1) as usize;
                let mut counts = domains(pod, c.get("labelSelector"), key, store);
                // Domains without such pods count as well.
                for node in store.list("Node") {
                    if let Some(domain) = node.label(key) {
                        counts.entry(domain.into()).or_default();
                    }
                }
                (key, skew, counts)
            })
            .collect();
        Demands {
            selector: spec(&["nodeSelector"]),
            affinity: pod.value.items_at(&[
                "spec",
                "affinity",
                "nodeAffinity",
                "requiredDuringSchedulingIgnoredDuringExecution",
                "nodeSelectorTerms",
            ]),
            tolerations: pod.value.items_at(&["spec", "tolerations"]),
            host_ports: host_ports(view),
            cpu,
            memory,
            terms,
            spreads,
        }
    }

    /// Why the node will not do; `None`: it will.
    fn refuse(&self, pod: &Object, object: &Object, node: &Node, pods: usize, context: &Context) -> Option<String> {
        let unschedulable_key = "node.kubernetes.io/unschedulable";
        if node.unschedulable && !self.tolerates(unschedulable_key, "", "NoSchedule") {
            return Some("node(s) were unschedulable".into());
        }
        let hard = |effect: &str| matches!(effect, "NoSchedule" | "NoExecute");
        let taint = node.taints.iter().find(|t| hard(&t.effect) && !self.tolerates(&t.key, &t.value, &t.effect));
        if let Some(taint) = taint.filter(|t| t.key != unschedulable_key) {
            return Some(format!("node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value));
        }
        let labels = self.selector.and_then(Value::as_map);
        let selected = labels.is_none_or(|map| map.iter().all(|(k, v)| object.label(k) == v.as_str()));
        let affine = self.affinity.is_empty()
            || self.affinity.iter().any(|term| {
                term.items_at(&["matchExpressions"]).iter().all(|e| holds(e, |key| object.label(key)))
                    && term.items_at(&["matchFields"]).iter().all(|e| holds(e, |_| Some(object.name())))
            });
        if !selected || !affine {
            return Some("node(s) didn't match Pod's node affinity/selector".into());
        }
        if pods >= most_pods(object) {
            return Some("Too many pods".into());
        }
        for (wanted, key, counts) in &self.terms {
            let here = object.label(key).and_then(|domain| counts.get(domain)).copied().unwrap_or(0);
            if *wanted && here == 0 && !counts.is_empty() {
                return Some("node(s) didn't match pod affinity rules".into());
            }
            if !*wanted && here > 0 {
                return Some("node(s) didn't match pod anti-affinity rules".into());
            }
        }
        for (key, skew, counts) in &self.spreads {
            let Some(domain) = object.label(key) else {
                return Some("node(s) didn't match pod topology spread constraints (missing required label)".into());
            };
            let least = counts.values().min().copied().unwrap_or(0);
            if counts.get(domain).copied().unwrap_or(0) + 1 > least + skew {
                return Some("node(s) didn't match pod topology spread constraints".into());
            }
        }
        if !self.host_ports.is_empty() {
            let others = context.index.on_node(object.name()).filter_map(|key| context.store.get(key));
            let taken = others
                .filter(|o| o.key != pod.key)
                .filter_map(|o| o.view().pod())
                .any(|other| host_ports(other).iter().any(|p| self.host_ports.contains(p)));
            if taken {
                return Some("node(s) didn't have free ports for the requested pod ports".into());
            }
        }
        if self.cpu > 0 || self.memory > 0 {
            let amount =
                |resource: &str| object.value.at(&["status", "allocatable", resource]).map(Quantity::from_value);
            let (mut cpu, mut memory) = (0, 0);
            for other in context.index.on_node(object.name()).filter_map(|key| context.store.get(key)) {
                let (c, m) = requests(&other.value);
                cpu += c;
                memory += m;
            }
            if amount("cpu").is_some_and(|a| cpu + self.cpu > a.millis()) {
                return Some("Insufficient cpu".into());
            }
            if amount("memory").is_some_and(|a| memory + self.memory > a.units()) {
                return Some("Insufficient memory".into());
            }
        }
        None
    }

    fn tolerates(&self, key: &str, value: &str, effect: &str) -> bool {
        self.tolerations.iter().any(|t| tolerates(t, key, value, effect))
    }
}

/// Whether a toleration covers a taint.
pub(super) fn tolerates(toleration: &Value, key: &str, value: &str, effect: &str) -> bool {
    let own = |field| toleration.str_at(&[field]);
    (own("effect").is_empty() || own("effect") == effect)
        && (own("key").is_empty() && own("operator") == "Exists" || own("key") == key)
        && (own("operator") == "Exists" || own("value") == value)
}

/// How many pods of the pod's namespace match a selector, by the value that their node's label `key` has.
fn domains(pod: &Object, selector: Option<&Value>, key: &str, store: &Store) -> BTreeMap<SmolStr, usize> {
    let mut counts = BTreeMap::new();
    let Some(selector) = selector else { return counts };
    let labels = selector.get("matchLabels").and_then(Value::as_map);
    let pairs: Vec<(SmolStr, SmolStr)> =
        labels.into_iter().flat_map(|m| m.iter()).filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))).collect();
    let expressions = selector.items_at(&["matchExpressions"]);
    for other in store.select("Pod", pod.namespace(), &pairs) {
        let Some(view) = other.view().pod().filter(|p| pods::is_active(p) && !p.node_name.is_empty()) else { continue };
        if !expressions.iter().all(|e| holds(e, |key| other.label(key))) {
            continue;
        }
        let node = store.get(&ObjectKey::new("Node", "", view.node_name.clone()));
        if let Some(domain) = node.and_then(|n| n.label(key)) {
            *counts.entry(domain.into()).or_default() += 1;
        }
    }
    counts
}

fn host_ports(pod: &Pod) -> Vec<(u16, &'static str)> {
    let ports = pod.containers.iter().flat_map(|c| &c.ports);
    ports.filter(|p| p.host_port != 0).map(|p| (p.host_port, p.protocol.upper())).collect()
}

/// Thousandths of a CPU and bytes of memory that a pod's containers ask for together.
fn requests(pod: &Value) -> (i64, i64) {
    let (mut cpu, mut memory) = (0, 0);
    for container in pod.items_at(&["spec", "containers"]) {
        let Some(requests) = container.at(&["resources", "requests"]) else { continue };
        cpu += requests.get("cpu").map_or(0, |q| Quantity::from_value(q).millis());
        memory += requests.get("memory").map_or(0, |q| Quantity::from_value(q).units());
    }
    (cpu, memory)
}
