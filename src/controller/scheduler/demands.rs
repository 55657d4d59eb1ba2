//! What a pod asks of a node: what it must have (the scheduler's filters) and what it would rather have (its scores).

use super::resources::Requests;
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::{Node, Pod, Taint};
use crate::apiserver::store::Store;
use crate::arrange::{Arrange, map_of};
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
        && Requests::of(&pod.value).is_nothing()
        && context.index.averse().next().is_none()
}

/// How many pods a node takes.
pub(in crate::controller) fn most_pods(node: &Object) -> usize {
    node.value.str_at(&["status", "allocatable", "pods"]).parse().unwrap_or(110)
}

/// Why a node will not do.
pub(super) struct Refusal {
    pub reasons: Vec<SmolStr>,
    /// It would not do either if pods went from it.
    pub whoever_goes: bool,
}

fn never(reason: &'static str) -> Option<Refusal> {
    Some(Refusal { reasons: vec![SmolStr::new_static(reason)], whoever_goes: true })
}

fn full(reason: &'static str) -> Option<Refusal> {
    Some(Refusal { reasons: vec![SmolStr::new_static(reason)], whoever_goes: false })
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
    host_ports: Vec<HostPort<'a>>,
    requests: Requests,
    terms: Vec<Term<'a>>,
    /// Preferred terms of pod affinity (weights above 0) and anti-affinity (below).
    wishes: Vec<(i64, &'a str, Domains)>,
    spreads: Vec<Spread<'a>>,
    /// Topology keys and values of nodes that running pods want to be free of pods like this one.
    shunned: Vec<(SmolStr, SmolStr)>,
}

impl<'a> Demands<'a> {
    pub fn of(pod: &'a Object, view: &'a Pod, context: &Context) -> Demands<'a> {
        let store = context.store;
        let spec = pod.value.get("spec").unwrap_or(&Value::Null);
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
            requests: Requests::of(&pod.value),
            terms,
            wishes,
            spreads: Vec::new(),
            shunned: shunned(pod, context),
        };
        let constraints = spec.items_at(&["topologySpreadConstraints"]);
        demands.spreads = constraints.iter().map(|c| demands.spread(pod, c, constraints, store)).collect();
        demands
    }

    fn spread(&self, pod: &Object, constraint: &'a Value, all: &[Value], store: &Store) -> Spread<'a> {
        let key = constraint.str_at(&["topologyKey"]);
        let strictness = |c: &Value| c.text("whenUnsatisfiable") == "ScheduleAnyway";
        // Nodes where the pod cannot go do not count, nor do those that lack the label of another constraint.
        let counts_node = |object: &Object| {
            let Some(node) = object.view().node() else { return false };
            let mut alike = all.iter().filter(|c| strictness(c) == strictness(constraint));
            alike.all(|c| object.label(c.text("topologyKey")).is_some())
                && (constraint.text("nodeAffinityPolicy") == "Ignore" || self.selects(object))
                && (constraint.text("nodeTaintsPolicy") != "Honor" || self.repelled_by(node).is_none())
        };
        // Pods of another revision do not count where `matchLabelKeys` says so.
        let alike = |other: &Object| {
            let keys = constraint.items_at(&["matchLabelKeys"]).iter().filter_map(Value::as_str);
            keys.filter(|key| pod.label(key).is_some()).all(|key| other.label(key) == pod.label(key))
        };
        // Domains without such pods count as well, if the pod may go there.
        let nodes = store.list("Node").filter(|n| counts_node(n));
        let mut known: Domains = map_of(nodes.filter_map(|n| Some((SmolStr::from(n.label(key)?), 0))));
        count(pod.namespace(), constraint.get("labelSelector"), key, store, alike, counts_node, &mut known);
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
        if self.repelled_by(node).is_some_and(|taint| taint.key != UNSCHEDULABLE) {
            return never("node(s) had untolerated taint(s)");
        }
        if !self.selects(object) {
            return never("node(s) didn't match Pod's node affinity/selector");
        }
        if !self.host_ports.is_empty() {
            let others = context.index.on_node(object.name()).filter_map(|key| context.store.get(key));
            let taken = others
                .filter(|o| o.key != pod.key)
                .filter_map(|o| o.view().pod())
                .any(|other| host_ports(other).iter().any(|p| self.host_ports.iter().any(|own| own.collides(p))));
            if taken {
                return full("node(s) didn't have free ports for the requested pod ports");
            }
        }
        // Of resources all that is lacking is told, not only the first.
        let (mut reasons, whoever_goes) = self.requests.lacking(object, context.index.requested(object.name()));
        if pods >= most_pods(object) {
            reasons.insert(0, SmolStr::new_static("Too many pods"));
        }
        if !reasons.is_empty() {
            return Some(Refusal { reasons, whoever_goes });
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

    /// The first taint that keeps the pod away.
    fn repelled_by<'n>(&self, node: &'n Node) -> Option<&'n Taint> {
        let hard = |effect: &str| matches!(effect, "NoSchedule" | "NoExecute");
        node.taints.iter().find(|t| hard(&t.effect) && !self.tolerates(&t.key, &t.value, &t.effect))
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
        count(&namespace, term.get("labelSelector"), key, store, |_| true, |_| true, &mut counts);
    }
    counts
}

/// Counts the pods of a namespace that match a selector and are `alike`, by the domains of the nodes that count.
fn count(
    namespace: &SmolStr,
    selector: Option<&Value>,
    key: &str,
    store: &Store,
    alike: impl Fn(&Object) -> bool,
    counts_node: impl Fn(&Object) -> bool,
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
        let node = store.node(&view.node_name);
        if let Some(domain) = node.filter(|n| counts_node(n)).and_then(|n| n.label(key)) {
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

/// A port of the node that a pod takes for itself.
struct HostPort<'a> {
    number: i64,
    protocol: &'a str,
    address: &'a str,
}

impl HostPort<'_> {
    /// Whether both cannot be had at once: without an address of its own, a port is taken at all of them.
    fn collides(&self, other: &HostPort) -> bool {
        let anywhere = |address: &str| matches!(address, "" | "0.0.0.0");
        self.number == other.number
            && self.protocol == other.protocol
            && (anywhere(self.address) || anywhere(other.address) || self.address == other.address)
    }
}

fn host_ports(pod: &Pod) -> Vec<HostPort<'_>> {
    let lists = pod.containers.iter().filter(|c| c.ports.iter().any(|p| p.host_port != 0));
    lists
        .flat_map(|c| c.value.items("ports"))
        .filter(|p| p.int("hostPort") != 0)
        .map(|p| HostPort {
            number: p.int("hostPort"),
            protocol: if p.text("protocol").is_empty() { "TCP" } else { p.text("protocol") },
            address: p.text("hostIP"),
        })
        .collect()
}
