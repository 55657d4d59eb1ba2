//! Pods as controllers make, own and count them.
//!
//! Upstream: `pkg/controller/controller_utils.go` and `controller_ref_manager.go`.

use super::selector::Selector;
use super::{Context, Enqueue, Index, Reconcile};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{self, Duration, Time};
use crate::api::value::{Map, Value};
use crate::api::view::{Pod, PodPhase};
use crate::apiserver::admission;
use crate::apiserver::prepare::{merge_label_keys, quality_of_service};
use crate::apiserver::status::Status;
use crate::apiserver::store::{Event, Store};
use crate::apiserver::write::controller_reference;
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// Makes pods of one template for one owner. What they have in common is built once and shared.
pub struct PodMaker {
    owner: Arc<Object>,
    labels: Value,
    annotations: Option<Value>,
    owners: Value,
    spec: Value,
    status: Value,
    /// Why the API server refuses them.
    objection: Option<String>,
}

/// The reason of events and conditions about pods that the API server refuses.
pub const FAILED_CREATE: &str = "FailedCreate";
/// The first pause after pods were refused; each is twice as long as the last.
const FIRST_PAUSE: Duration = Duration::millis(5);
const LONGEST_PAUSE: Duration = Duration::secs(1_000);
/// So often a refused pod is something that will come right in a moment; from then on nobody waits for it.
const HOPEFUL: u32 = 10;

impl PodMaker {
    pub fn new(owner: &Arc<Object>, template: &Value, context: &mut Context) -> PodMaker {
        let mut spec = template.get("spec").cloned().unwrap_or_default();
        let objection = admission::objection(context.store, owner.namespace(), &spec);
        if objection.is_none() && !context.memory.refused.is_empty() {
            context.memory.refused.remove(owner.uid());
        }
        admission::pod::admit(context.store, &mut spec, &context.random.suffix(5));
        merge_label_keys(&mut spec, &|key| template.at(&["metadata", "labels", key]).and_then(Value::as_str));
        let mut status = Map::new();
        status.insert("phase", "Pending");
        status.insert("qosClass", quality_of_service(&spec));
        PodMaker {
            owner: owner.clone(),
            labels: template.at(&["metadata", "labels"]).cloned().unwrap_or_else(Value::map),
            annotations: template.at(&["metadata", "annotations"]).cloned(),
            owners: Value::list(vec![controller_reference(owner)]),
            spec,
            status: status.into(),
            objection,
        }
    }

    /// What the API server answers when it refuses a pod of this name; tried again after a while that doubles each time.
    pub fn refusal(&self, name: &str, context: &mut Context, result: &mut Reconcile) -> Option<SmolStr> {
        let status = Status::forbidden("", "pods", name, self.objection.as_deref()?);
        let times = context.memory.refused.get(self.owner.uid()).copied().unwrap_or(0);
        context.memory.refused.insert(self.owner.uid().clone(), times.saturating_add(1));
        let pause = Duration(FIRST_PAUSE.0 << times.min(30)).min(LONGEST_PAUSE);
        if times < HOPEFUL {
            result.again(context.now + pause);
        } else {
            result.again_standing(context.now + pause);
        }
        Some(status.message.into())
    }

    /// The same for pods with generated names, told as an event of their owner.
    pub fn told_refusal(
        &self,
        component: &'static str,
        context: &mut Context,
        result: &mut Reconcile,
    ) -> Option<SmolStr> {
        let answer = self.refusal(&format!("{}-", self.owner.name()), context, result)?;
        let message = format_smolstr!("Error creating: {answer}");
        context.recorder.say(&self.owner, "", true, FAILED_CREATE, message, component, "", context.now);
        Some(answer)
    }

    /// A label for all pods made from now on.
    pub fn label(&mut self, key: &str, value: &str) {
        merge_label_keys(&mut self.spec, &|asked| (asked == key).then_some(value));
        self.labels.map_mut().insert(key, value);
    }

    /// A free name: the owner's, with a random end.
    pub fn free_name(&self, context: &mut Context) -> SmolStr {
        self.free_name_after("", context)
    }

    /// The same, with something between the two.
    pub fn free_name_after(&self, infix: &str, context: &mut Context) -> SmolStr {
        loop {
            let name = format_smolstr!("{}{infix}-{}", self.owner.name(), context.random.suffix(5));
            let key = ObjectKey::new("Pod", self.owner.namespace().clone(), name.clone());
            if context.store.get(&key).is_none() {
                return name;
            }
        }
    }

    /// A pod of this name; `change` sets what is its own.
    pub fn pod(&self, name: &str, generated: bool, change: impl FnOnce(&mut Value)) -> Value {
        // With room for what the API server adds.
        let mut meta = Map::with_capacity(10);
        if let Some(annotations) = &self.annotations {
            meta.push("annotations", annotations.clone());
        }
        if generated {
            meta.push("generateName", format_smolstr!("{}-", self.owner.name()));
        }
        meta.push("labels", self.labels.clone());
        meta.push("name", name);
        meta.push("namespace", self.owner.namespace());
        meta.push("ownerReferences", self.owners.clone());
        let mut pod = Map::with_capacity(5);
        pod.push("apiVersion", SmolStr::new_static("v1"));
        pod.push("kind", SmolStr::new_static("Pod"));
        pod.push("metadata", meta);
        pod.push("spec", self.spec.clone());
        pod.push("status", self.status.clone());
        let mut pod = Value::from(pod);
        change(&mut pod);
        pod
    }
}

/// Whether a pod counts among its owner's: neither finished nor being deleted.
pub fn is_active(pod: &Pod) -> bool {
    !pod.terminating && !matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
}

/// The pods that an owner manages, by name.
pub fn owned<'a>(store: &'a Store, owner: &Object) -> Vec<&'a Arc<Object>> {
    let uid = owner.uid();
    store
        .owned_by(uid)
        .filter(|o| o.key.kind == "Pod" && o.controller_ref().is_some_and(|(_, found)| found == uid))
        .collect()
}

/// Tells the pod's owner of `kind` about a change that it counts, and the sets that could adopt it when nobody manages it.
pub fn tell_owner(event: &Event, kind: &'static str, store: &Store, index: &Index, after: Duration, enqueue: Enqueue) {
    if event.key.kind != "Pod" {
        return;
    }
    let change = index.change();
    for owner in change.owners.iter().flatten().filter(|owner| owner.kind == kind) {
        enqueue(owner.clone(), after);
    }
    if let Some(orphan) = event.new.as_ref().filter(|_| change.orphan) {
        for set in store.list_in(kind, &event.key.namespace) {
            if Selector::of(set).matches(orphan) {
                enqueue(set.key.clone(), after);
            }
        }
    }
}

/// Adopts pods that match (and may be `member`s) and that nobody manages, lets go of relabelled ones that do not match any more. Gives back how many
/// active pods were gained and lost.
pub fn claim(
    owner: &Arc<Object>,
    selector: &Selector,
    context: &Context,
    result: &mut Reconcile,
    member: impl Fn(&Object) -> bool,
) -> (u32, u32) {
    let (mut gained, mut lost) = (0, 0);
    for name in context.index.orphans(owner.namespace()) {
        let key = ObjectKey::new("Pod", owner.namespace().clone(), name.clone());
        let Some(pod) = context.store.get(&key).filter(|p| selector.matches(p) && member(p)) else {
            continue;
        };
        let mut value = pod.value.clone();
        let mut owners = value.items_at(&["metadata", "ownerReferences"]).to_vec();
        owners.push(controller_reference(owner));
        value.set_at(&["metadata", "ownerReferences"], owners);
        result.update(pod, value, pod.key.field("metadata.labels"));
        gained += u32::from(pod.view().pod().is_some_and(is_active));
    }
    for key in context.index.relabelled(owner.uid()) {
        let Some(pod) = context.store.get(key) else { continue };
        let ours = pod.controller().is_some_and(|(_, uid)| uid == *owner.uid());
        if !ours || selector.matches(pod) || pod.is_terminating() {
            continue;
        }
        let mut value = pod.value.clone();
        let mut owners = value.items_at(&["metadata", "ownerReferences"]).to_vec();
        owners.retain(|o| o.str_at(&["uid"]) != owner.uid());
        if owners.is_empty() {
            value.remove_at(&["metadata", "ownerReferences"]);
        } else {
            value.set_at(&["metadata", "ownerReferences"], owners);
        }
        result.update(pod, value, pod.key.field("metadata.labels"));
        lost += u32::from(pod.view().pod().is_some_and(is_active));
    }
    (gained, lost)
}

/// When the pod became ready; `None` while it is not.
pub fn ready_since(pod: &Object) -> Option<Time> {
    let conditions = pod.value.items_at(&["status", "conditions"]);
    let ready = conditions.iter().find(|c| c.str_at(&["type"]) == "Ready" && c.str_at(&["status"]) == "True")?;
    Some(time::parse(ready.str_at(&["lastTransitionTime"])).unwrap_or_default())
}

/// How many of an owner's pods have been ready for `min_ready_seconds`; asks for another look when the next one will be.
pub fn available(owner: &Object, ready: u32, min_ready_seconds: i64, context: &Context, result: &mut Reconcile) -> u32 {
    if min_ready_seconds <= 0 {
        return ready;
    }
    let wait = Duration::secs(min_ready_seconds as u64);
    let mut count = 0;
    for pod in owned(context.store, owner) {
        let Some(since) = ready_since(pod).filter(|_| pod.view().pod().is_some_and(is_active)) else { continue };
        if since + wait <= context.now { count += 1 } else { result.again(since + wait) }
    }
    count
}

/// The pods to delete first when a set has too many: unbound before bound, pending before running, not ready before ready,
/// cheap before dear, crowded nodes before others, new before old.
pub fn sort_for_deletion(pods: &mut [&Arc<Object>], owner: &Object, index: &Index) {
    let uid = owner.uid().clone();
    pods.arrange_by_key(|object| {
        let pod = object.view().pod()?;
        let cost: i64 =
            object.annotation("controller.kubernetes.io/pod-deletion-cost").and_then(|c| c.parse().ok()).unwrap_or(0);
        let restarts: u32 = pod.statuses().map(|s| s.restarts).sum();
        let phase = match pod.phase {
            PodPhase::Pending => 0,
            PodPhase::Unknown => 1,
            _ => 2,
        };
        Some((
            !pod.node_name.is_empty(),
            phase,
            pod.is_ready(),
            cost,
            std::cmp::Reverse(index.spread(&uid, &pod.node_name)),
            std::cmp::Reverse(ready_since(object)),
            std::cmp::Reverse(restarts),
            std::cmp::Reverse(object.value.str_at(&["metadata", "creationTimestamp"]).to_string()),
            object.name().clone(),
        ))
    });
}

/// A number of a workload's spec.
pub fn number(object: &Object, path: &[&str], default: i64) -> i64 {
    object.value.at(path).and_then(Value::as_i64).unwrap_or(default)
}

/// Sets the fields of `status`, and leaves out those that are zero, as Go does.
pub fn set_counts(value: &mut Value, counts: &[(&str, i64)]) {
    for (field, count) in counts {
        if *count == 0 {
            value.remove_at(&["status", field]);
        } else {
            value.set_at(&["status", field], *count);
        }
    }
}
