//! What a pod asks of a node: what it must have (the scheduler's filters) and what it would rather have (its scores).

use crate::api::object::{Object, ObjectKey};
use crate::api::quantity::Quantity;
use crate::api::value::Value;
use crate::api::view::{Node, Pod};
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use crate::controller::selector::holds;
use crate::controller::{Context, pods};
use smol_str::SmolStr;
use std::collections::BTreeMap;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// Whether nothing about the pod depends on which other pods a node has, but their number.
pub(super) fn is_simple(pod: &Object, view: &Pod, context: &Context) -> bool {
    let spec = pod.value.get("spec");
    ["affinity", "topologySpreadConstraints"].iter().all(|field| spec.and_then(|s| s.get(field)).is_none())
        && host_ports(view).is_empty()
        && requests(&pod.value) == (0, 0)
        && context.index.averse().next().is_none()
}

/// How many pods a node takes.
pub(super) fn most_pods(node: &Object) -> usize {
    node.value.str_at(&["status", "allocatable", "pods"]).parse().unwrap_or(110)
}

/// Why a node will not do.
pub(super) struct Refusal {
    pub reason: String,
    /// It would not do either if pods went from it.
    pub whoever_goes: bool,
}

fn never(reason: impl Into<String>) -> Option<Refusal> {
    Some(Refusal { reason: reason.into(), whoever_goes: true })
}

fn full(reason: &str) -> Option<Refusal> {
    Some(Refusal { reason: reason.into(), whoever_goes: false })
}

/// Pods by the value that their nodes have for a label.
type Domains = BTreeMap<SmolStr, usize>;

/// A required term of pod (anti-)affinity.
struct Term<'a> {
    wanted: bool,
    key: &'a str,
    counts: Domains,
    /// The pod itself matches: the first of its kind may go anywhere.
    own: bool,
}

/// A topology spread constraint.
struct Spread<'a> {
    key: &'a str,
    hard: bool,
    skew: usize,
    least: usize,
    /// The pod itself counts.
    own: usize,
    counts: Domains,
}

/// What a pod asks of a node, read once.
pub(super) struct Demands<'a> {
    selector: Option<&'a Value>,
    affinity: &'a [Value],
    preferred: &'a [Value],
    tolerations: &'a [Value],
    host_ports: Vec<(u16, &'static str)>,
    cpu: i64,
    memory: i64,
    terms: Vec<Term<'a>>,
    /// Preferred terms of pod affinity (weights above 0) and anti-affinity (below).
    wishes: Vec<(i64, &'a str, Domains)>,
    spreads: Vec<Spread<'a>>,
    /// Topology keys and values of nodes that running pods want to be free of pods like this one.
    shunned: Vec<(SmolStr, SmolStr)>,
}

impl<'a> Demands<'a> {
    pub fn of(pod: &'a Object, view: &Pod, context: &Context) -> Demands<'a> {
        let store = context.store;
        let spec = pod.value.get("spec").unwrap_or(&Value::Null);
        let (cpu, memory) = requests(&pod.value);
        let affinity = |kind: &str, field: &str| spec.get("affinity").and_then(|a| a.at(&[kind, field]));
        let list = |kind: &str, field: &str| affinity(kind, field).and_then(Value::as_list).unwrap_or(&[]);
        let mut terms = Vec::new();
        let mut wishes = Vec::new();
        for (kind, wanted) in [("podAffinity", true), ("podAntiAffinity", false)] {
            for term in list(kind, REQUIRED) {
                let (key, counts) = (term.str_at(&["topologyKey"]), domains(pod, term, store));
                terms.push(Term { wanted, key, counts, own: concerns(pod, term, pod, store) });
            }
            for wish in list(kind, PREFERRED) {
                let Some(term) = wish.get("podAffinityTerm") else { continue };
                let weight = if wanted { wish.int("weight") } else { -wish.int("weight") };
                wishes.push((weight, term.str_at(&["topologyKey"]), domains(pod, term, store)));
            }
        }
        let mut demands = Demands {
            selector: spec.get("nodeSelector"),
            affinity: affinity("nodeAffinity", REQUIRED).map_or(&[], |a| a.items_at(&["nodeSelectorTerms"])),
            preferred: list("nodeAffinity", PREFERRED),
            tolerations: spec.items_at(&["tolerations"]),
            host_ports: host_ports(view),
            cpu,
            memory,
            terms,
            wishes,
            spreads: Vec::new(),
            shunned: shunned(pod, context),
        };
        let constraints = spec.items_at(&["topologySpreadConstraints"]);
        demands.spreads = constraints.iter().map(|c| demands.spread(pod, c, store)).collect();
        demands
    }

    fn spread(&self, pod: &Object, constraint: &'a Value, store: &Store) -> Spread<'a> {
        let key = constraint.str_at(&["topologyKey"]);
        // Pods of another revision do not count where `matchLabelKeys` says so.
        let alike = |other: &Object| {
            let keys = constraint.items_at(&["matchLabelKeys"]).iter().filter_map(Value::as_str);
            keys.filter(|key| pod.label(key).is_some()).all(|key| other.label(key) == pod.label(key))
        };
        let mut counts = counted(pod, constraint.get("labelSelector"), key, store, alike);
        // Domains without such pods count as well, if the pod may go there.
        let mut known = Domains::new();
        for node in store.list("Node").filter(|n| self.selects(n)) {
            if let Some(domain) = node.label(key) {
                let count = counts.remove(domain).unwrap_or(0);
                known.entry(domain.into()).or_insert(count);
            }
        }
        let few = (known.len() as i64) < constraint.get("minDomains").and_then(Value::as_i64).unwrap_or(0);
        let selector = constraint.get("labelSelector");
        Spread {
            key,
            hard: constraint.str_at(&["whenUnsatisfiable"]) != "ScheduleAnyway",
            skew: constraint.get("maxSkew").and_then(Value::as_i64).unwrap_or(1).max(1) as usize,
            least: if few { 0 } else { known.values().min().copied().unwrap_or(0) },
            own: usize::from(selector.is_some_and(|s| matches(s, pod))),
            counts: known,
        }
    }

    /// Whether the node has the labels that node selector and required node affinity ask for.
    fn selects(&self, node: &Object) -> bool {
        let labels = self.selector.and_then(Value::as_map);
        labels.is_none_or(|map| map.iter().all(|(k, v)| node.label(k) == v.as_str()))
            && (self.affinity.is_empty() || self.affinity.iter().any(|term| fits(term, node)))
    }

    /// Why the node will not do; `None`: it will.
    pub fn refuse(
        &self,
        pod: &Object,
        object: &Object,
        node: &Node,
        pods: usize,
        context: &Context,
    ) -> Option<Refusal> {
        if node.unschedulable && !self.tolerates(UNSCHEDULABLE, "", "NoSchedule") {
            return never("node(s) were unschedulable");
        }
        let hard = |effect: &str| matches!(effect, "NoSchedule" | "NoExecute");
        let taint = node.taints.iter().find(|t| hard(&t.effect) && !self.tolerates(&t.key, &t.value, &t.effect));
        if let Some(taint) = taint.filter(|t| t.key != UNSCHEDULABLE) {
            return never(format!("node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value));
        }
        if !self.selects(object) {
            return never("node(s) didn't match Pod's node affinity/selector");
        }
        if !self.host_ports.is_empty() {
            let others = context.index.on_node(object.name()).filter_map(|key| context.store.get(key));
            let taken = others
                .filter(|o| o.key != pod.key)
                .filter_map(|o| o.view().pod())
                .any(|other| host_ports(other).iter().any(|p| self.host_ports.contains(p)));
            if taken {
                return full("node(s) didn't have free ports for the requested pod ports");
            }
        }
        if pods >= most_pods(object) {
            return full("Too many pods");
        }
        if self.cpu > 0 || self.memory > 0 {
            let amount =
                |resource: &str| object.value.at(&["status", "allocatable", resource]).map(Quantity::from_value);
            let (cpu, memory) = context.index.requested(object.name());
            if amount("cpu").is_some_and(|a| cpu + self.cpu > a.millis()) {
                return full("Insufficient cpu");
            }
            if amount("memory").is_some_and(|a| memory + self.memory > a.units()) {
                return full("Insufficient memory");
            }
        }
        for spread in self.spreads.iter().filter(|s| s.hard) {
            let Some(domain) = object.label(spread.key) else {
                return never("node(s) didn't match pod topology spread constraints (missing required label)");
            };
            if spread.counts.get(domain).copied().unwrap_or(0) + spread.own > spread.least + spread.skew {
                return full("node(s) didn't match pod topology spread constraints");
            }
        }
        let here =
            |term: &Term| object.label(term.key).and_then(|domain| term.counts.get(domain)).copied().unwrap_or(0);
        let lonely = self.terms.iter().filter(|t| t.wanted).all(|t| t.counts.is_empty() && t.own);
        if self.terms.iter().any(|t| t.wanted && (object.label(t.key).is_none() || (here(t) == 0 && !lonely))) {
            return never("node(s) didn't match pod affinity rules");
        }
        if self.terms.iter().any(|t| !t.wanted && here(t) > 0) {
            return full("node(s) didn't match pod anti-affinity rules");
        }
        if self.shunned.iter().any(|(key, domain)| object.label(key) == Some(domain)) {
            return full("node(s) didn't satisfy existing pods anti-affinity rules");
        }
        None
    }

    /// How many taints of the softer kind the pod does not tolerate.
    pub fn untolerated(&self, node: &Node) -> usize {
        let soft = node.taints.iter().filter(|t| t.effect == "PreferNoSchedule");
        soft.filter(|t| !self.tolerates(&t.key, &t.value, &t.effect)).count()
    }

    /// How much the pod would like the node: the weights of the preferences that it meets.
    pub fn preference(&self, node: &Object) -> i64 {
        let of_nodes = self.preferred.iter().filter(|p| p.get("preference").is_some_and(|term| fits(term, node)));
        let of_pods = self.wishes.iter().map(|(weight, key, counts)| {
            let count = node.label(key).and_then(|domain| counts.get(domain)).copied().unwrap_or(0);
            weight * count as i64
        });
        of_nodes.map(|p| p.int("weight")).sum::<i64>() + of_pods.sum::<i64>()
    }

    /// How many pods of its soft spread constraints stand where the node is.
    pub fn crowding(&self, node: &Object) -> usize {
        let soft = self.spreads.iter().filter(|s| !s.hard);
        soft.map(|s| node.label(s.key).and_then(|domain| s.counts.get(domain)).copied().unwrap_or(0)).sum()
    }

    fn tolerates(&self, key: &str, value: &str, effect: &str) -> bool {
        self.tolerations.iter().any(|t| tolerates(t, key, value, effect))
    }
}

/// Whether a toleration covers a taint.
pub(crate) fn tolerates(toleration: &Value, key: &str, value: &str, effect: &str) -> bool {
    let own = |field| toleration.str_at(&[field]);
    (own("effect").is_empty() || own("effect") == effect)
        && (own("key").is_empty() && own("operator") == "Exists" || own("key") == key)
        && (own("operator") == "Exists" || own("value") == value)
}

/// Whether a node matches a node selector term. A term that says nothing matches nothing.
fn fits(term: &Value, node: &Object) -> bool {
    let (labels, fields) = (term.items_at(&["matchExpressions"]), term.items_at(&["matchFields"]));
    !(labels.is_empty() && fields.is_empty())
        && labels.iter().all(|e| holds(e, |key| node.label(key)))
        && fields.iter().all(|e| holds(e, |_| Some(node.name())))
}

/// Whether a label selector (`{}` matches everything) matches an object.
fn matches(selector: &Value, object: &Object) -> bool {
    let labels = selector.get("matchLabels").and_then(Value::as_map);
    labels.is_none_or(|map| map.iter().all(|(k, v)| object.label(k) == v.as_str()))
        && selector.items_at(&["matchExpressions"]).iter().all(|e| holds(e, |key| object.label(key)))
}

/// The namespaces that a term of `owner` looks at.
fn namespaces(owner: &Object, term: &Value, store: &Store) -> Vec<SmolStr> {
    let mut list: Vec<SmolStr> = term.items_at(&["namespaces"]).iter().filter_map(Value::as_smol).collect();
    match term.get("namespaceSelector") {
        Some(selector) => {
            list.extend(store.list("Namespace").filter(|n| matches(selector, n)).map(|n| n.name().clone()));
        }
        None if list.is_empty() => list.push(owner.namespace().clone()),
        None => {}
    }
    list.arrange();
    list.dedup();
    list
}

/// Whether a term of `owner` is about a pod.
fn concerns(owner: &Object, term: &Value, pod: &Object, store: &Store) -> bool {
    term.get("labelSelector").is_some_and(|s| matches(s, pod))
        && namespaces(owner, term, store).contains(pod.namespace())
}

/// How many pods a term of pod (anti-)affinity is about, by domain.
fn domains(pod: &Object, term: &Value, store: &Store) -> Domains {
    let mut counts = Domains::new();
    let key = term.str_at(&["topologyKey"]);
    for namespace in namespaces(pod, term, store) {
        count(&namespace, term.get("labelSelector"), key, store, |_| true, &mut counts);
    }
    counts
}

/// How many pods of the pod's namespace match a selector (and are `alike`), by domain.
fn counted(
    pod: &Object,
    selector: Option<&Value>,
    key: &str,
    store: &Store,
    alike: impl Fn(&Object) -> bool,
) -> Domains {
    let mut counts = Domains::new();
    count(pod.namespace(), selector, key, store, alike, &mut counts);
    counts
}

fn count(
    namespace: &SmolStr,
    selector: Option<&Value>,
    key: &str,
    store: &Store,
    alike: impl Fn(&Object) -> bool,
    counts: &mut Domains,
) {
    let Some(selector) = selector else { return };
    let labels = selector.get("matchLabels").and_then(Value::as_map);
    let pairs: Vec<(SmolStr, SmolStr)> =
        labels.into_iter().flat_map(|m| m.iter()).filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))).collect();
    let expressions = selector.items_at(&["matchExpressions"]);
    for other in store.select("Pod", namespace, &pairs) {
        let Some(view) = other.view().pod().filter(|p| pods::is_active(p) && !p.node_name.is_empty()) else { continue };
        if !expressions.iter().all(|e| holds(e, |key| other.label(key))) || !alike(other) {
            continue;
        }
        let node = store.get(&ObjectKey::new("Node", "", view.node_name.clone()));
        if let Some(domain) = node.and_then(|n| n.label(key)) {
            *counts.entry(domain.into()).or_default() += 1;
        }
    }
}

/// Where pods run that do not want one like this beside them.
fn shunned(pod: &Object, context: &Context) -> Vec<(SmolStr, SmolStr)> {
    let store = context.store;
    let mut list = Vec::new();
    for other in context.index.averse().filter_map(|key| store.get(key)) {
        let Some(node) = other.view().pod().map(|p| ObjectKey::new("Node", "", p.node_name.clone())) else { continue };
        let Some(node) = store.get(&node) else { continue };
        for term in anti_affinity(other) {
            let key = term.str_at(&["topologyKey"]);
            if let Some(domain) = node.label(key).filter(|_| concerns(other, term, pod, store)) {
                list.push((SmolStr::from(key), SmolStr::from(domain)));
            }
        }
    }
    list.arrange();
    list.dedup();
    list
}

/// The required terms of a pod's anti-affinity.
pub(crate) fn anti_affinity(pod: &Object) -> &[Value] {
    let affinity = pod.value.get("spec").and_then(|s| s.get("affinity"));
    affinity.map_or(&[], |a| a.items_at(&["podAntiAffinity", REQUIRED]))
}

fn host_ports(pod: &Pod) -> Vec<(u16, &'static str)> {
    let ports = pod.containers.iter().flat_map(|c| &c.ports);
    ports.filter(|p| p.host_port != 0).map(|p| (p.host_port, p.protocol.upper())).collect()
}

/// Thousandths of a CPU and bytes of memory that a pod's containers ask for together.
pub(crate) fn requests(pod: &Value) -> (i64, i64) {
    let (mut cpu, mut memory) = (0, 0);
    for container in pod.items_at(&["spec", "containers"]) {
        let Some(requests) = container.at(&["resources", "requests"]) else { continue };
        cpu += requests.get("cpu").map_or(0, |q| Quantity::from_value(q).millis());
        memory += requests.get("memory").map_or(0, |q| Quantity::from_value(q).units());
    }
    (cpu, memory)
}
