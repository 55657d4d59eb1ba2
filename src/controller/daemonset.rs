//! `daemonset-controller`: one pod on every node that fits.
//!
//! Upstream: `pkg/controller/daemon`. Left out: surge updates.

use super::deployment::scaled;
use super::pods::{self, PodMaker};
use super::scheduler::tolerates;
use super::selector::{Selector, holds};
use super::statefulset::REVISION_HASH;
use super::template_hash::template_hash;
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings, revisions};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::{Event, Store};
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
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
        let mut maker = None;
        for node in &nodes {
            let there = by_node.get(node.name()).map_or(&[][..], Vec::as_slice);
            let (live, finished): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) =
                there.iter().filter(|p| !p.is_terminating()).partition(|p| p.view().pod().is_some_and(pods::is_active));
            for pod in finished {
                delete(&set, pod, context, &mut result);
            }
            for pod in live.iter().skip(1) {
                delete(&set, pod, context, &mut result);
            }
            if there.is_empty() {
                let maker = maker.get_or_insert_with(|| {
                    let mut maker = PodMaker::new(&set, &template(&set), context);
                    maker.label(REVISION_HASH, &hash);
                    maker
                });
                create(&set, node, maker, context, &mut result);
            }
        }
        for (name, there) in &by_node {
            if !nodes.iter().any(|n| n.name() == name) {
                for pod in there.iter().filter(|p| !p.is_terminating()) {
                    delete(&set, pod, context, &mut result);
                }
            }
        }
        roll(&set, &hash, &nodes, &by_node, context, &mut result);
        status(&set, &hash, &nodes, &by_node, &mut result);
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

/// Deletes pods of an older template, as many at a time as may be unavailable.
fn roll(
    set: &Arc<Object>,
    hash: &SmolStr,
    nodes: &[Arc<Object>],
    by_node: &BTreeMap<SmolStr, Vec<Arc<Object>>>,
    context: &mut Context,
    result: &mut Reconcile,
) {
    if set.value.str_at(&["spec", "updateStrategy", "type"]) == "OnDelete" {
        return;
    }
    let allowed = set.value.at(&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"]);
    let allowed = scaled(allowed, nodes.len() as i64, true).max(1);
    let is_ready = |p: &Arc<Object>| !p.is_terminating() && p.view().pod().is_some_and(|p| p.is_ready());
    let up = nodes.iter().filter(|n| by_node.get(n.name()).is_some_and(|list| list.iter().any(is_ready))).count();
    let mut room = allowed - (nodes.len() - up) as i64;
    for pod in by_node.values().flatten().filter(|p| !p.is_terminating() && p.label(REVISION_HASH) != Some(hash)) {
        if !is_ready(pod) {
            delete(set, pod, context, result);
        } else if room > 0 {
            room -= 1;
            delete(set, pod, context, result);
        }
    }
}

fn status(
    set: &Arc<Object>,
    hash: &SmolStr,
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
    let desired = nodes.len() as i64;
    let astray = by_node.iter().filter(|(name, _)| !nodes.iter().any(|n| n.name() == *name)).count() as i64;
    let mut value = set.value.clone();
    pods::set_counts(
        &mut value,
        &[
            ("numberAvailable", ready),
            ("numberUnavailable", desired - ready),
            ("updatedNumberScheduled", on(&|p| bound(p) && p.label(REVISION_HASH) == Some(hash))),
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
