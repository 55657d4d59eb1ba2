//! `daemonset-controller`: one pod on every node that fits.
//!
//! Upstream: `pkg/controller/daemon`. Left out: the back-off before a failed pod is replaced.

use super::deployment::scaled;
use super::pods::{self, PodMaker};
use super::scheduler::tolerates;
use super::selector::{Selector, holds};
use super::statefulset::REVISION_HASH;
use super::template_hash::template_hash;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings, revisions};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::apiserver::store::{Event, Store};
use crate::arrange::Arrange;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NAME: &str = "daemonset-controller";
const KIND: &str = "DaemonSet";

pub struct DaemonSetController;

impl Controller for DaemonSetController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        match event.key.kind.as_str() {
            KIND => enqueue(event.key.clone(), after),
            "Node" => {
                for set in store.list(KIND) {
                    enqueue(set.key.clone(), after);
                }
            }
            _ => pods::tell_owner(event, KIND, store, index, after, enqueue),
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(set) = context.store.get(key).cloned() else { return result };
        if set.is_terminating() {
            return result;
        }
        let selector = Selector::of(&set);
        pods::claim(&set, &selector, context, &mut result, |_| true);
        let present = set.value.at(&["spec", "template"]).cloned().unwrap_or_default();
        let hash = template_hash(&present);
        let name = |hash: &str| format_smolstr!("{}-{hash}", set.name());
        let kept = revisions::of(context.store, &set);
        let mut labels = present.at(&["metadata", "labels"]).cloned().unwrap_or_default();
        labels.map_mut().insert(REVISION_HASH, &hash);
        revisions::keep(&set, &name(&hash), labels, present, &kept, &mut result);
        let nodes: Vec<Arc<Object>> = context.store.list("Node").filter(|n| fits(&set, n)).cloned().collect();
        let mut by_node: BTreeMap<SmolStr, Vec<Arc<Object>>> = BTreeMap::new();
        for pod in pods::owned(context.store, &set) {
            by_node.entry(target(pod)).or_default().push(pod.clone());
        }
        result.looked += nodes.len() + by_node.values().map(Vec::len).sum::<usize>();
        let update = Update::of(&set, &hash, nodes.len() as i64, context, &mut result);
        let mut plan = Plan::default();
        for node in &nodes {
            let there = by_node.get(node.name()).map_or(&[][..], Vec::as_slice);
            plan.keep_one(node, there, &update);
        }
        for (_, there) in by_node.iter().filter(|(name, _)| !nodes.iter().any(|n| n.name() == *name)) {
            plan.delete.extend(there.iter().filter(|p| !p.is_terminating()).cloned());
        }
        // The next template comes only where each node has what it should have of the present one.
        if plan.create.is_empty() && plan.delete.is_empty() && set.value.str_at(UPDATE_TYPE) != "OnDelete" {
            update.roll(&nodes, &by_node, &mut plan);
        }
        for pod in &plan.delete {
            delete(&set, pod, context, &mut result);
        }
        if !plan.create.is_empty() {
            let mut maker = PodMaker::new(&set, &template(&set), context);
            maker.label(REVISION_HASH, &hash);
            let refused = maker.told_refusal(NAME, context, &mut result).is_some();
            for node in plan.create.iter().filter(|_| !refused) {
                create(&set, node, &maker, context, &mut result);
            }
        }
        status(&set, &update, &nodes, &by_node, &mut result);
        let borne = |r: &Object| {
            by_node.values().flatten().any(|p| p.label(REVISION_HASH).map(name).as_ref() == Some(r.name()))
        };
        revisions::forget(&set, kept, |r| *r.name() == name(&hash) || borne(r), &mut result);
        result
    }
}

/// The node that a pod of the set is for.
fn target(pod: &Object) -> SmolStr {
    if let Some(view) = pod.view().pod().filter(|p| !p.node_name.is_empty()) {
        return view.node_name.clone();
    }
    let terms = pod.value.items_at(&[
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ]);
    let field = terms.first().and_then(|t| t.items_at(&["matchFields"]).first());
    field.and_then(|f| f.items_at(&["values"]).first()?.as_smol()).unwrap_or_default()
}

/// The template with the tolerations that every daemon has.
fn template(set: &Object) -> Value {
    let mut template = set.value.at(&["spec", "template"]).cloned().unwrap_or_default();
    let mut tolerations = template.items_at(&["spec", "tolerations"]).to_vec();
    for (key, effect) in [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ] {
        let key = format_smolstr!("node.kubernetes.io/{key}");
        tolerations.push(value!({ "effect": effect, "key": key, "operator": "Exists" }));
    }
    template.set_at(&["spec", "tolerations"], tolerations);
    template
}

fn fits(set: &Object, node: &Object) -> bool {
    let Some(view) = node.view().node() else { return false };
    let template = template(set);
    let selector = template.at(&["spec", "nodeSelector"]).and_then(Value::as_map);
    let selected = selector.is_none_or(|map| map.iter().all(|(k, v)| node.label(k) == v.as_str()));
    let terms = template.items_at(&[
        "spec",
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ]);
    let affine = terms.is_empty()
        || terms.iter().any(|t| t.items_at(&["matchExpressions"]).iter().all(|e| holds(e, |key| node.label(key))));
    let tolerations = template.items_at(&["spec", "tolerations"]);
    let tolerated = view
        .taints
        .iter()
        .filter(|t| t.effect != "PreferNoSchedule")
        .all(|t| tolerations.iter().any(|own| tolerates(own, &t.key, &t.value, &t.effect)));
    selected && affine && tolerated
}

fn create(set: &Arc<Object>, node: &Object, maker: &PodMaker, context: &mut Context, result: &mut Reconcile) {
    let name = maker.free_name(context);
    let pod = maker.pod(&name, true, |pod| {
        let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
        let field = value!([{ "key": "metadata.name", "operator": "In", "values": [(node.name())] }]);
        let mut terms: Vec<Value> = pod.at(&path).map_or(&[][..], |v| v.items_at(&["nodeSelectorTerms"])).to_vec();
        if terms.is_empty() {
            terms.push(Value::map());
        }
        for term in &mut terms {
            term.set_at(&["matchFields"], field.clone());
        }
        pod.set_at(&[path[0], path[1], path[2], path[3], "nodeSelectorTerms"], terms);
    });
    let message = format_smolstr!("Created pod: {name}");
    context.recorder.say(set, "", false, "SuccessfulCreate", message, NAME, "", context.now);
    result.create("Pod", pod, node.key.field("metadata.name"));
}

fn delete(set: &Arc<Object>, pod: &Object, context: &mut Context, result: &mut Reconcile) {
    let message = format_smolstr!("Deleted pod: {}", pod.name());
    context.recorder.say(set, "", false, "SuccessfulDelete", message, NAME, "", context.now);
    result.delete(pod.key.clone(), set.key.field("spec.template"));
}

const UPDATE_TYPE: &[&str] = &["spec", "updateStrategy", "type"];

/// The pods that a look deletes, and the nodes that get one.
#[derive(Default)]
struct Plan {
    delete: Vec<Arc<Object>>,
    create: Vec<Arc<Object>>,
}

/// How a set goes over to its present template.
struct Update<'a> {
    hash: &'a SmolStr,
    max_surge: i64,
    max_unavailable: i64,
    /// The pods that have been ready long enough, by name.
    available: BTreeSet<SmolStr>,
}

impl<'a> Update<'a> {
    fn of(set: &Object, hash: &'a SmolStr, nodes: i64, context: &Context, result: &mut Reconcile) -> Update<'a> {
        let at = |field| set.value.at(&["spec", "updateStrategy", "rollingUpdate", field]);
        let max_surge = at("maxSurge").map_or(0, |v| scaled(Some(v), nodes, true));
        let max_unavailable = scaled(at("maxUnavailable"), nodes, true);
        let wait = Duration::secs(pods::number(set, &["spec", "minReadySeconds"], 0).max(0) as u64);
        let mut available = BTreeSet::new();
        for pod in pods::owned(context.store, set) {
            let live = pod.view().pod().is_some_and(|p| pods::is_active(p) && p.is_ready());
            let Some(since) = pods::ready_since(pod).filter(|_| live) else { continue };
            if since + wait <= context.now {
                available.insert(pod.name().clone());
            } else {
                result.again(since + wait);
            }
        }
        // A percentage of few nodes may round to nothing on both sides.
        let max_unavailable = if max_surge == 0 { max_unavailable.max(1) } else { max_unavailable };
        Update { hash, max_surge, max_unavailable, available }
    }

    fn is_new(&self, pod: &Object) -> bool {
        pod.label(REVISION_HASH) == Some(self.hash)
    }

    fn is_available(&self, pod: &Object) -> bool {
        self.available.contains(pod.name())
    }

    /// The pod of the present template and the one of an older; `None` when there are several of one.
    fn pair<'p>(&self, there: &'p [Arc<Object>]) -> Option<(Option<&'p Arc<Object>>, Option<&'p Arc<Object>>)> {
        let (new, old): (Vec<_>, Vec<_>) = there.iter().filter(|p| !p.is_terminating()).partition(|p| self.is_new(p));
        (new.len() <= 1 && old.len() <= 1).then(|| (new.first().copied(), old.first().copied()))
    }

    /// Replaces pods of older templates (upstream `rollingUpdate`): the old one goes first, on so many nodes at a time, or, with
    /// a surge, when the new one beside it is available.
    fn roll(&self, nodes: &[Arc<Object>], by_node: &BTreeMap<SmolStr, Vec<Arc<Object>>>, plan: &mut Plan) {
        let surging = self.max_surge > 0;
        // How many nodes are under way, and what may be done at once or as room allows.
        let (mut busy, mut at_once, mut candidates) = (0, Vec::new(), Vec::new());
        for node in nodes {
            let there = by_node.get(node.name()).map_or(&[][..], Vec::as_slice);
            let Some((new, old)) = self.pair(there) else {
                busy += 1;
                continue;
            };
            match (new, old) {
                (None, Some(old)) if !self.is_available(old) => at_once.push((node, old)),
                (None, Some(old)) => candidates.push((node, old)),
                (Some(new), Some(old)) if surging && self.is_available(new) => plan.delete.push(old.clone()),
                (Some(new), None) if surging || self.is_available(new) => {}
                (None, None) if surging => {}
                _ => busy += 1,
            }
        }
        let room = (if surging { self.max_surge } else { self.max_unavailable } - busy).max(0) as usize;
        for (node, old) in at_once.into_iter().chain(candidates.into_iter().take(room)) {
            if surging {
                plan.create.push(node.clone());
            } else {
                plan.delete.push(old.clone());
            }
        }
    }
}

impl Plan {
    /// One pod on a node, the oldest; while a set surges, one of each template until the new one is available.
    fn keep_one(&mut self, node: &Arc<Object>, there: &[Arc<Object>], update: &Update) {
        if there.is_empty() {
            self.create.push(node.clone());
            return;
        }
        let (mut live, finished): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) =
            there.iter().filter(|p| !p.is_terminating()).partition(|p| p.view().pod().is_some_and(pods::is_active));
        self.delete.extend(finished.into_iter().cloned());
        live.arrange_by_key(|p| {
            let bound = p.view().pod().is_some_and(|p| !p.node_name.is_empty());
            (!bound, p.value.str_at(&["metadata", "creationTimestamp"]).to_string(), p.name().clone())
        });
        if update.max_surge == 0 {
            self.delete.extend(live.into_iter().skip(1).cloned());
            return;
        }
        let (new, old): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) = live.into_iter().partition(|p| update.is_new(p));
        let outlived = new.first().is_some_and(|p| update.is_available(p));
        self.delete.extend(new.into_iter().skip(1).cloned());
        self.delete.extend(old.into_iter().skip(usize::from(!outlived)).cloned());
    }
}

fn status(
    set: &Arc<Object>,
    update: &Update,
    nodes: &[Arc<Object>],
    by_node: &BTreeMap<SmolStr, Vec<Arc<Object>>>,
    result: &mut Reconcile,
) {
    let on = |wanted: &dyn Fn(&Arc<Object>) -> bool| {
        let has = |n: &&Arc<Object>| {
            by_node.get(n.name()).is_some_and(|list| list.iter().any(|p| !p.is_terminating() && wanted(p)))
        };
        nodes.iter().filter(has).count() as i64
    };
    let bound = |p: &Arc<Object>| p.view().pod().is_some_and(|p| !p.node_name.is_empty());
    let ready = on(&|p| p.view().pod().is_some_and(|p| p.is_ready()));
    let available = on(&|p| update.is_available(p));
    let desired = nodes.len() as i64;
    let astray = by_node.iter().filter(|(name, _)| !nodes.iter().any(|n| n.name() == *name)).count() as i64;
    let mut value = set.value.clone();
    pods::set_counts(
        &mut value,
        &[
            ("numberAvailable", available),
            ("numberUnavailable", desired - available),
            ("updatedNumberScheduled", on(&|p| bound(p) && update.is_new(p))),
            ("observedGeneration", pods::number(set, &["metadata", "generation"], 1)),
        ],
    );
    value.set_at(&["status", "currentNumberScheduled"], on(&|p| bound(p)));
    value.set_at(&["status", "desiredNumberScheduled"], desired);
    value.set_at(&["status", "numberMisscheduled"], astray);
    value.set_at(&["status", "numberReady"], ready);
    if value != set.value {
        result.update(set, value, set.key.field("spec.template"));
    }
}
