//! What controllers must find without looking at everything: informers' caches and their indexers. It follows the store event
//! by event.

use super::scheduler::{Requests, anti_affinity};
use super::selector::Selector;
use super::{conditions, membership};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::{Map, Value};
use crate::api::view::PodPhase;
use crate::apiserver::store::{Event, Store};
use crate::runtime::volumes::named_objects;
use imbl::{OrdMap, OrdSet};
use smol_str::SmolStr;
use std::sync::Arc;

/// How many pods of an owner are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Neither finished nor being deleted.
    pub active: u32,
    /// Active and ready.
    pub ready: u32,
    pub terminating: u32,
    pub succeeded: u32,
    pub failed: u32,
}

/// What the pod event that was observed last means to others, worked out once for all controllers.
#[derive(Clone, Debug, Default)]
pub struct PodChange {
    /// The owners before and after, if the pod changed in something that they count; else none.
    pub owners: [Option<ObjectKey>; 2],
    /// Nobody manages it, and somebody might.
    pub orphan: bool,
    /// The Services whose endpoints it changes.
    pub services: Vec<ObjectKey>,
}

/// The caches. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Pods by the uid of the owner that manages them.
    owners: OrdMap<SmolStr, PodCounts>,
    /// Pods of an owner whose labels changed: it must ask again whether they are its own.
    relabelled: OrdMap<SmolStr, OrdSet<ObjectKey>>,
    /// Pods by namespace that nobody manages.
    orphans: OrdMap<SmolStr, OrdSet<SmolStr>>,
    /// ReplicaSets by namespace that nobody manages.
    orphan_sets: OrdMap<SmolStr, OrdSet<SmolStr>>,
    /// Pods by namespace that are bound and do not run yet.
    pending: OrdMap<SmolStr, OrdSet<SmolStr>>,
    /// Pods by namespace that are bound and have volumes that name ConfigMaps or Secrets.
    mounting: OrdMap<SmolStr, OrdSet<SmolStr>>,
    /// Pods that wait for a node.
    unscheduled: OrdSet<ObjectKey>,
    /// Those among them that the scheduler has found no node for.
    refused: OrdSet<ObjectKey>,
    /// Pods bound to a node and not finished.
    on_node: OrdMap<SmolStr, OrdSet<ObjectKey>>,
    /// The same, counted by node and owner.
    spread: OrdMap<(SmolStr, SmolStr), u32>,
    /// What the pods of a node ask for together.
    requested: OrdMap<SmolStr, Requests>,
    /// Pods on nodes that want certain others to keep away (required anti-affinity).
    averse: OrdSet<ObjectKey>,
    /// Services by one pair of their selector: namespace, key, value.
    selectors: OrdMap<(SmolStr, SmolStr, SmolStr), OrdSet<SmolStr>>,
    /// The labels that selectors of Services ask for, by namespace, and how many ask.
    selector_keys: OrdMap<(SmolStr, SmolStr), u32>,
    change: PodChange,
    /// The Services that pods with these labels of a namespace belong to, for the labels that were seen last: pods of one
    /// template share them.
    matched: Arc<Vec<(SmolStr, Value, Vec<ObjectKey>)>>,
    /// PodDisruptionBudgets by namespace.
    budgets: OrdMap<SmolStr, OrdSet<SmolStr>>,
    /// The newest revision at which a Service changed: what freezes containers' environments together.
    services_revision: u64,
}

/// The share of a pod in the counts.
struct Share<'a> {
    owner: Option<&'a SmolStr>,
    counts: PodCounts,
    node: &'a SmolStr,
    finished: bool,
    terminating: bool,
    pending: bool,
}

impl Share<'_> {
    fn of(pod: &Object) -> Option<Share<'_>> {
        let view = pod.view().pod()?;
        let owner = pod.controller_ref().map(|(_, uid)| uid);
        let mut counts = PodCounts::default();
        let finished = matches!(view.phase, PodPhase::Succeeded | PodPhase::Failed);
        match view.phase {
            PodPhase::Succeeded => counts.succeeded = 1,
            PodPhase::Failed => counts.failed = 1,
            _ if view.terminating => counts.terminating = 1,
            _ => {
                counts.active = 1;
                counts.ready = u32::from(view.is_ready());
            }
        }
        Some(Share {
            owner,
            counts,
            node: &view.node_name,
            finished,
            terminating: view.terminating,
            pending: view.phase == PodPhase::Pending && !view.node_name.is_empty(),
        })
    }
}

impl Index {
    /// Takes a write in.
    pub fn observe(&mut self, event: &Event, store: &Store) {
        match event.key.kind.as_str() {
            "Pod" => {
                self.observe_pod(event, store);
                self.change = self.pod_change(event, store);
            }
            "ReplicaSet" => {
                let is_orphan = |set: &Option<Arc<Object>>| set.as_ref().is_some_and(|s| s.controller_ref().is_none());
                let (was, is) = (is_orphan(&event.old), is_orphan(&event.new));
                if was != is {
                    toggle(&mut self.orphan_sets, event.key.namespace.clone(), &event.key.name, is);
                }
            }
            "PodDisruptionBudget" if event.old.is_none() || event.new.is_none() => {
                toggle(&mut self.budgets, event.key.namespace.clone(), &event.key.name, event.new.is_some());
            }
            "Service" => {
                self.services_revision = event.revision;
                self.matched = Arc::default();
                for (object, there) in [(&event.old, false), (&event.new, true)] {
                    let Some(object) = object else { continue };
                    let selector = object.view().service().map_or(&[][..], |s| &s.selector);
                    for (key, _) in selector {
                        let count = self.selector_keys.entry((event.key.namespace.clone(), key.clone())).or_default();
                        *count = if there { *count + 1 } else { count.saturating_sub(1) };
                    }
                    let Some(pair) = selector.first() else { continue };
                    let key = (event.key.namespace.clone(), pair.0.clone(), pair.1.clone());
                    toggle(&mut self.selectors, key, &event.key.name, there);
                }
            }
            _ => {}
        }
    }

    fn observe_pod(&mut self, event: &Event, store: &Store) {
        let key = &event.key;
        let old = event.old.as_deref().and_then(Share::of);
        let new = event.new.as_deref().and_then(Share::of);
        let same_place = matches!((&old, &new), (Some(o), Some(n))
            if o.owner == n.owner && o.node == n.node && o.finished == n.finished && o.terminating == n.terminating);
        let was_pending = old.as_ref().is_some_and(|s| s.pending);
        let is_pending = new.as_ref().is_some_and(|s| s.pending);
        if was_pending != is_pending {
            toggle(&mut self.pending, key.namespace.clone(), &key.name, is_pending);
        }
        let is_refused = |share: &Option<Share<'_>>, object: &Option<Arc<Object>>| {
            share.as_ref().is_some_and(|s| s.node.is_empty() && !s.terminating)
                && object.as_ref().is_some_and(|o| {
                    conditions::find(&o.value, "PodScheduled").is_some_and(|c| c.text("status") == "False")
                })
        };
        if is_refused(&new, &event.new) {
            self.refused.insert(key.clone());
        } else if is_refused(&old, &event.old) {
            self.refused.remove(key);
        }
        if !same_place {
            for (share, object, there) in [(&old, &event.old, false), (&new, &event.new, true)] {
                let (Some(share), Some(object)) = (share, object) else { continue };
                if share.owner.is_none() && !share.terminating && !share.finished {
                    toggle(&mut self.orphans, key.namespace.clone(), &key.name, there);
                }
                if share.node.is_empty() {
                    if there && !share.terminating && !share.finished {
                        self.unscheduled.insert(key.clone());
                    } else {
                        self.unscheduled.remove(key);
                    }
                } else if !share.finished {
                    toggle(&mut self.on_node, share.node.clone(), key, there);
                    if named_objects(&object.value).next().is_some() {
                        toggle(&mut self.mounting, key.namespace.clone(), &key.name, there);
                    }
                    let requests = Requests::of(&object.value);
                    if !requests.is_nothing() {
                        let total = self.requested.entry(share.node.clone()).or_default();
                        total.add(&requests, if there { 1 } else { -1 });
                    }
                    if !anti_affinity(object).is_empty() {
                        if there {
                            self.averse.insert(key.clone())
                        } else {
                            self.averse.remove(key)
                        };
                    }
                    if let Some(owner) = share.owner {
                        let count = self.spread.entry((share.node.clone(), owner.clone())).or_insert(0);
                        *count = if there { *count + 1 } else { count.saturating_sub(1) };
                    }
                }
            }
        }
        if !matches!((&old, &new), (Some(o), Some(n)) if o.owner == n.owner && o.counts == n.counts) {
            for (share, there) in [(&old, false), (&new, true)] {
                let Some(Share { owner: Some(owner), counts, .. }) = share else { continue };
                let total = self.owners.entry((*owner).clone()).or_default();
                let add = |a: &mut u32, b: u32| *a = if there { *a + b } else { a.saturating_sub(b) };
                add(&mut total.active, counts.active);
                add(&mut total.ready, counts.ready);
                add(&mut total.terminating, counts.terminating);
                add(&mut total.succeeded, counts.succeeded);
                add(&mut total.failed, counts.failed);
                if *total == PodCounts::default() {
                    self.owners.remove(*owner);
                }
            }
        }
        if let Some(owner) = old.as_ref().and_then(|o| o.owner)
            && self.relabelled.contains_key(owner)
            && new.as_ref().and_then(|n| n.owner) != Some(owner)
        {
            toggle(&mut self.relabelled, owner.clone(), key, false);
        }
        if let (Some(before), Some(after)) = (&event.old, &event.new)
            && before.labels() != after.labels()
            && let Some((owner, uid)) = after.controller_ref()
        {
            // A label more that nobody asks for (a zone, at the binding) is no reason to ask again.
            let fits = store.get(owner).is_some_and(|o| Selector::of(o).matches(after));
            if !fits || self.relabelled.contains_key(uid) {
                toggle(&mut self.relabelled, uid.clone(), key, !fits);
            }
        }
    }

    /// The keys of the Services that select the pod. Looked up anew only for labels that are not known.
    fn services_matching(&mut self, pod: &Object, store: &Store) -> Vec<ObjectKey> {
        const KNOWN: usize = 8;
        let Some(labels) = pod.labels() else { return Vec::new() };
        let is_it = |known: &&(SmolStr, Value, _)| known.1.is_same(labels) && known.0 == *pod.namespace();
        if let Some((.., services)) = self.matched.iter().find(is_it) {
            return services.clone();
        }
        let services = membership::services_of(pod, store, self);
        let matched = Arc::make_mut(&mut self.matched);
        matched.truncate(KNOWN - 1);
        matched.insert(0, (pod.namespace().clone(), labels.clone(), services.clone()));
        services
    }

    fn pod_change(&mut self, event: &Event, store: &Store) -> PodChange {
        let mut change = PodChange {
            services: membership::services_to_update(event, self, |index, pod| index.services_matching(pod, store)),
            ..PodChange::default()
        };
        let facts = |object: &Option<Arc<Object>>| {
            let object = object.as_ref()?;
            let pod = object.view().pod()?;
            Some((pod.phase, pod.terminating, pod.is_ready()))
        };
        fn owner(object: &Option<Arc<Object>>) -> Option<&(ObjectKey, SmolStr)> {
            object.as_ref()?.controller_ref()
        }
        let (old, new) = (owner(&event.old), owner(&event.new));
        let relabelled = match (&event.old, &event.new) {
            (Some(a), Some(b)) => a.labels() != b.labels(),
            _ => false,
        };
        if old != new || relabelled || facts(&event.old) != facts(&event.new) {
            change.orphan = event.new.as_ref().is_some_and(|o| new.is_none() && !o.is_terminating());
            change.owners = [old, new].map(|owner| owner.map(|(key, _)| key.clone()));
        }
        change
    }

    /// What the pod event that was observed last means to others.
    pub fn change(&self) -> &PodChange {
        &self.change
    }

    pub fn counts(&self, owner: &str) -> PodCounts {
        self.owners.get(owner).copied().unwrap_or_default()
    }

    /// Pods of an owner that were relabelled while it managed them.
    pub fn relabelled(&self, owner: &str) -> impl Iterator<Item = &ObjectKey> {
        self.relabelled.get(owner).into_iter().flatten()
    }

    /// Pods of a namespace that are bound to a node and do not run yet, by name.
    pub fn pending(&self, namespace: &str) -> impl Iterator<Item = &SmolStr> {
        self.pending.get(namespace).into_iter().flatten()
    }

    /// Pods of a namespace on nodes whose volumes name ConfigMaps or Secrets, by name.
    pub fn mounting(&self, namespace: &str) -> impl Iterator<Item = &SmolStr> {
        self.mounting.get(namespace).into_iter().flatten()
    }

    /// Pods of a namespace that nobody manages, neither finished nor being deleted, by name.
    pub fn orphans(&self, namespace: &str) -> impl Iterator<Item = &SmolStr> {
        self.orphans.get(namespace).into_iter().flatten()
    }

    /// ReplicaSets of a namespace that nobody manages, by name.
    pub fn orphan_sets(&self, namespace: &str) -> impl Iterator<Item = &SmolStr> {
        self.orphan_sets.get(namespace).into_iter().flatten()
    }

    pub fn unscheduled(&self) -> impl Iterator<Item = &ObjectKey> {
        self.unscheduled.iter()
    }

    /// Pods that wait for a node, from this one on.
    pub fn unscheduled_from(&self, key: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.unscheduled.range(key.clone()..)
    }

    /// Pods bound to a node and not finished.
    pub fn on_node(&self, node: &str) -> impl Iterator<Item = &ObjectKey> {
        self.on_node.get(node).into_iter().flatten()
    }

    pub fn count_on_node(&self, node: &str) -> usize {
        self.on_node.get(node).map_or(0, OrdSet::len)
    }

    /// Whether two versions of an object differ in a label that the selector of a Service of the namespace asks for.
    pub fn selectors_tell_apart(&self, old: &Object, new: &Object) -> bool {
        let (before, after) = (old.labels(), new.labels());
        if before == after {
            return false;
        }
        let namespace = &new.key.namespace;
        let differs = |(key, value): (&SmolStr, &Value), other: Option<&Value>| {
            other.and_then(|o| o.get(key)) != Some(value)
                && self.selector_keys.get(&(namespace.clone(), key.clone())).is_some_and(|count| *count > 0)
        };
        fn entries(labels: Option<&Value>) -> impl Iterator<Item = (&SmolStr, &Value)> {
            labels.and_then(Value::as_map).into_iter().flat_map(Map::iter)
        }
        entries(before).any(|entry| differs(entry, after)) || entries(after).any(|entry| differs(entry, before))
    }

    /// Pods that the scheduler has found no node for.
    pub fn refused(&self) -> impl Iterator<Item = &ObjectKey> {
        self.refused.iter()
    }

    /// What the pods of a node ask for together.
    pub(super) fn requested(&self, node: &str) -> Option<&Requests> {
        self.requested.get(node)
    }

    /// Pods on nodes that want certain others to keep away.
    pub fn averse(&self) -> impl Iterator<Item = &ObjectKey> {
        self.averse.iter()
    }

    /// How many pods of an owner a node has.
    pub fn spread(&self, owner: &SmolStr, node: &SmolStr) -> u32 {
        self.spread.get(&(node.clone(), owner.clone())).copied().unwrap_or(0)
    }

    /// The Services of the object's namespace whose selector could match its labels: those that have one of its label pairs
    /// first in their selector.
    pub fn services_of<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a SmolStr> + 'a {
        let labels = object.labels().and_then(Value::as_map);
        labels.into_iter().flat_map(|map| map.iter()).flat_map(move |(key, value)| {
            let value = value.as_smol().unwrap_or_default();
            self.selectors.get(&(object.key.namespace.clone(), key.clone(), value)).into_iter().flatten()
        })
    }

    /// PodDisruptionBudgets of a namespace, by name.
    pub fn budgets(&self, namespace: &str) -> impl Iterator<Item = &SmolStr> {
        self.budgets.get(namespace).into_iter().flatten()
    }

    pub fn services_revision(&self) -> u64 {
        self.services_revision
    }
}

/// Puts an item into a set of a map of sets, or takes it out; empty sets go.
fn toggle<K: Ord + Clone, T: Ord + Clone>(map: &mut OrdMap<K, OrdSet<T>>, key: K, item: &T, there: bool) {
    if there {
        map.entry(key).or_default().insert(item.clone());
    } else if let Some(set) = map.get_mut(&key) {
        set.remove(item);
        if set.is_empty() {
            map.remove(&key);
        }
    }
}
