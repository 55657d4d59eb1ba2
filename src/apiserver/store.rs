//! The store: what etcd and the watch cache are to a real cluster. Objects by key, one revision a write, watch events with
//! their causes, and the indexes that keep controllers' work in proportion to a change. Cloning it is cheap (its maps share
//! structure), so history and what-if cost little.

pub use crate::api::object::Cause;
use crate::api::object::{Object, ObjectKey, Origin};
use crate::api::time::Time;
use crate::api::value::Value;
use crate::later::{Later, Twin};
use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet, Vector};
use smol_str::SmolStr;
use std::sync::Arc;

/// A watch event: one write.
#[derive(Clone, Debug)]
pub struct Event {
    pub revision: u64,
    pub at: Time,
    pub cause: Cause,
    pub key: ObjectKey,
    /// `None`: it was created.
    pub old: Option<Arc<Object>>,
    /// `None`: it was deleted.
    pub new: Option<Arc<Object>>,
}

/// How an object differs between two states.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    Added(&'a Arc<Object>),
    Removed(&'a Arc<Object>),
    Changed(&'a Arc<Object>, &'a Arc<Object>),
}

/// A label of a kind in a namespace: value, key, namespace, kind, so that the first comparison mostly tells.
type LabelKey = (SmolStr, SmolStr, SmolStr, SmolStr);

/// All objects at one revision, and how they came about.
#[derive(Clone, Debug, Default)]
pub struct Store {
    objects: OrdMap<ObjectKey, Later<Arc<Object>>>,
    /// The Nodes among them by name: every look at a pod asks for its node.
    nodes: OrdMap<SmolStr, Arc<Object>>,
    labels: Later<Arc<OrdMap<LabelKey, OrdSet<SmolStr>>>>,
    /// From an owner's uid to what it owns.
    owned: Later<Arc<OrdMap<SmolStr, OrdSet<ObjectKey>>>>,
    events: Later<Arc<Vector<Event>>>,
    revision: u64,
}

impl Store {
    /// The revision of the newest write.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether both are one state: the same objects, not only equal ones.
    pub fn is_same(&self, other: &Store) -> bool {
        self.revision == other.revision && self.objects.ptr_eq(&other.objects)
    }

    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.objects.get(key).map(|object| &**object)
    }

    pub fn has(&self, key: &ObjectKey) -> bool {
        self.objects.contains_key(key)
    }

    /// The Node of this name.
    pub fn node(&self, name: &str) -> Option<&Arc<Object>> {
        self.nodes.get(name)
    }

    /// Every object, ordered by kind, namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Object>> {
        self.objects.values().map(|object| &**object)
    }

    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// What is different in `later`, by kind, namespace and name. What both share is not looked at.
    pub fn changes_to<'a>(&'a self, later: &'a Store) -> impl Iterator<Item = Change<'a>> {
        self.objects.diff(&later.objects).map(|item| match item {
            DiffItem::Add(_, new) => Change::Added(new),
            DiffItem::Remove(_, old) => Change::Removed(old),
            DiffItem::Update { old: (_, old), new: (_, new) } => Change::Changed(old, new),
        })
    }

    /// The keys of what is different in `later`, in the same order; the objects themselves are not looked at.
    pub fn keys_changed_to<'a>(&'a self, later: &'a Store) -> impl Iterator<Item = &'a ObjectKey> {
        self.objects.diff(&later.objects).map(|item| match item {
            DiffItem::Add(key, _) | DiffItem::Remove(key, _) | DiffItem::Update { new: (key, _), .. } => key,
        })
    }

    /// The objects from `start` on, as long as `wanted` says so of their keys.
    fn from<'a>(
        &'a self,
        start: ObjectKey,
        wanted: impl Fn(&ObjectKey) -> bool + 'a,
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        self.objects.range(start..).take_while(move |(key, _)| wanted(key)).map(|(_, object)| &**object)
    }

    /// The objects of a kind in all namespaces, ordered by namespace and name.
    pub fn list<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        self.from(ObjectKey::new(kind, "", ""), move |key| key.kind == kind)
    }

    /// The objects of a kind in one namespace, ordered by name.
    pub fn list_in<'a>(&'a self, kind: &'a str, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        self.from(ObjectKey::new(kind, namespace, ""), move |key| key.kind == kind && key.namespace == namespace)
    }

    /// Every object of one namespace, ordered by kind and name.
    pub fn in_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
        self.kinds().into_iter().flat_map(move |kind| {
            let start = ObjectKey::new(kind.clone(), namespace, "");
            self.from(start, move |key| key.kind == kind && key.namespace == namespace)
        })
    }

    /// The kinds of which there are objects, sorted. Found by skipping from kind to kind.
    pub fn kinds(&self) -> Vec<SmolStr> {
        let mut kinds = Vec::new();
        let mut next = self.objects.get_min().map(|(key, _)| key.kind.clone());
        while let Some(kind) = next {
            // Nothing of this kind sorts behind a namespace of the greatest character.
            let end = ObjectKey::new(kind.clone(), "\u{10ffff}", "");
            next = self.objects.range(end..).next().map(|(key, _)| key.kind.clone());
            kinds.push(kind);
        }
        kinds
    }

    /// The objects of a kind in a namespace that bear every label of `selector`, ordered by name. An empty selector selects
    /// all of them; callers for whom it means none must ask first.
    pub fn select<'a>(
        &'a self,
        kind: &'a str,
        namespace: &'a str,
        selector: &'a [(SmolStr, SmolStr)],
    ) -> Box<dyn Iterator<Item = &'a Arc<Object>> + 'a> {
        // The rarest label decides how much is looked at.
        let set = |(k, v): &(SmolStr, SmolStr)| self.labels.get(&(v.clone(), k.clone(), namespace.into(), kind.into()));
        let mut sets = Vec::with_capacity(selector.len());
        for pair in selector {
            match set(pair) {
                Some(names) => sets.push(names),
                None => return Box::new(std::iter::empty()),
            }
        }
        let Some(smallest) = sets.iter().min_by_key(|s| s.len()).copied() else {
            return Box::new(self.list_in(kind, namespace));
        };
        Box::new(
            smallest
                .iter()
                .filter_map(move |name| self.get(&ObjectKey::new(kind, namespace, name.clone())))
                .filter(move |o| selector.iter().all(|(k, v)| o.label(k) == Some(v))),
        )
    }

    /// What the owner with this uid owns (through any owner reference).
    pub fn owned_by<'a>(&'a self, uid: &str) -> impl Iterator<Item = &'a Arc<Object>> + use<'a> {
        self.owned.get(uid).into_iter().flatten().filter_map(|key| self.get(key))
    }

    /// The events after `revision`, oldest first.
    pub fn events_since(&self, revision: u64) -> impl Iterator<Item = &Event> {
        // One event a revision: the position follows from the count.
        let newer = self.revision.saturating_sub(revision) as usize;
        let first = self.events.len().saturating_sub(newer);
        // By position: skipping through the iterator would walk over everything before.
        (first..self.events.len()).filter_map(|i| self.events.get(i))
    }

    /// The events that are remembered, oldest first.
    pub fn events(&self) -> &Vector<Event> {
        &self.events
    }

    /// Whether every event after `revision` is still remembered.
    pub fn remembers(&self, revision: u64) -> bool {
        self.revision.saturating_sub(revision) as usize <= self.events.len()
    }

    /// The same objects, to compare later ones with.
    pub fn without_events(&self) -> Store {
        Store { events: Later::default(), ..self.clone() }
    }

    /// Leaves what nobody reads who only looks at the network to the store's twin: all objects of kinds that are not `at_hand`, the
    /// text of the others, what was written when, and what is found by label or owner.
    pub fn leave<W: Twin<Store>>(&mut self, at_hand: &[&str]) {
        let kept = |place: usize, object: &Arc<Object>| match at_hand.contains(&object.key.kind.as_str()) {
            true => object.without_value(|place| &W::get().at(place).value, place).into(),
            false => Later::away(|place| W::get().at(place), place),
        };
        let objects = self.iter().enumerate();
        self.objects = objects.map(|(place, object)| (object.key.clone(), kept(place, object))).collect();
        self.nodes = self.list("Node").map(|node| (node.name().clone(), node.clone())).collect();
        self.labels = Later::away(|_| &W::get().labels, 0);
        self.owned = Later::away(|_| &W::get().owned, 0);
        self.events = Later::away(|_| &W::get().events, 0);
    }

    /// The object at a place in the order of [`Store::iter`].
    fn at(&self, place: usize) -> &Arc<Object> {
        self.iter().nth(place).expect("twins have the same objects")
    }

    /// Forgets all but the newest events; who still needs the others must list anew. Objects know their own origin, and
    /// history keeps whole snapshots.
    pub fn compact(&mut self, keep: usize) {
        if keep < self.events.len() {
            self.events = Arc::new(self.events.skip(self.events.len() - keep)).into();
        }
    }

    /// The revision that the next write gets; the API server writes it into `metadata.resourceVersion` beforehand.
    pub fn next_revision(&self) -> u64 {
        self.revision + 1
    }

    /// Writes an object (its `metadata.resourceVersion` set to [`Store::next_revision`]). The API server is the only caller.
    pub fn put(&mut self, object: Arc<Object>, cause: Cause, at: Time) -> u64 {
        let old = self.objects.insert(object.key.clone(), object.clone().into()).map(|old| Arc::clone(&old));
        if object.key.kind == "Node" {
            self.nodes.insert(object.key.name.clone(), object.clone());
        }
        // Most writes change neither labels nor owners.
        if old.as_ref().is_none_or(|old| old.labels() != object.labels()) {
            old.iter().for_each(|old| self.unindex_labels(old, Some(&object)));
            self.index_labels(&object, old.as_deref());
        }
        if old.as_ref().is_none_or(|old| old.owner_references() != object.owner_references()) {
            old.iter().for_each(|old| self.unindex_owners(old));
            self.index_owners(&object);
        }
        let origin = match old.as_ref().and_then(|o| o.origin.get()) {
            Some(origin) => origin.clone(),
            None => Arc::new(Origin { revision: self.revision + 1, at, cause: cause.clone() }),
        };
        // Already set when an object is put back as it was.
        let _ = object.origin.set(origin);
        self.record(object.key.clone(), old, Some(object), cause, at)
    }

    /// Removes an object; `None` when it was not there.
    pub fn remove(&mut self, key: &ObjectKey, cause: Cause, at: Time) -> Option<u64> {
        let old = Arc::clone(&*self.objects.remove(key)?);
        if key.kind == "Node" {
            self.nodes.remove(&key.name);
        }
        self.unindex_labels(&old, None);
        self.unindex_owners(&old);
        Some(self.record(key.clone(), Some(old), None, cause, at))
    }

    fn record(
        &mut self,
        key: ObjectKey,
        old: Option<Arc<Object>>,
        new: Option<Arc<Object>>,
        cause: Cause,
        at: Time,
    ) -> u64 {
        self.revision += 1;
        self.events.make_mut().push_back(Event { revision: self.revision, at, cause, key, old, new });
        self.revision
    }

    /// Takes in the labels that `old` did not have.
    fn index_labels(&mut self, object: &Object, old: Option<&Object>) {
        for key in label_keys(object).filter(|(v, k, ..)| old.is_none_or(|old| old.label(k) != Some(v))) {
            self.labels.make_mut().entry(key).or_default().insert(object.key.name.clone());
        }
    }

    /// Forgets the labels that `new` does not have.
    fn unindex_labels(&mut self, object: &Object, new: Option<&Object>) {
        let labels = self.labels.make_mut();
        for key in label_keys(object).filter(|(v, k, ..)| new.is_none_or(|new| new.label(k) != Some(v))) {
            if let Some(set) = labels.get_mut(&key) {
                set.remove(&object.key.name);
                if set.is_empty() {
                    labels.remove(&key);
                }
            }
        }
    }

    fn index_owners(&mut self, object: &Object) {
        for uid in owner_uids(object) {
            self.owned.make_mut().entry(uid).or_default().insert(object.key.clone());
        }
    }

    fn unindex_owners(&mut self, object: &Object) {
        let owned = self.owned.make_mut();
        for uid in owner_uids(object) {
            if let Some(set) = owned.get_mut(&uid) {
                set.remove(&object.key);
                if set.is_empty() {
                    owned.remove(&uid);
                }
            }
        }
    }
}

fn label_keys(object: &Object) -> impl Iterator<Item = LabelKey> + '_ {
    let labels = object.labels().and_then(|l| l.as_map());
    labels
        .into_iter()
        .flat_map(|map| map.iter())
        .filter_map(|(k, v)| Some((v.as_smol()?, k.clone(), object.key.namespace.clone(), object.key.kind.clone())))
}

fn owner_uids(object: &Object) -> impl Iterator<Item = SmolStr> + '_ {
    let owners = object.owner_references().and_then(Value::as_list).unwrap_or(&[]);
    owners.iter().filter_map(|o| o.get("uid")?.as_smol())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn select_finds_what_bears_every_label_and_forgets_what_changed() {
        let mut store = Store::default();
        let pod = |name: &str, app: &str| {
            Object::new(
                "Pod",
                value!({ "metadata": { "name": name, "namespace": "default", "labels": { "app": app, "tier": "web" } } }),
            )
        };
        for (name, app) in [("a", "x"), ("b", "x"), ("c", "y")] {
            store.put(pod(name, app), Cause::User, Time(0));
        }
        let selector = [("app".into(), "x".into()), ("tier".into(), "web".into())];
        let names = |s: &Store| s.select("Pod", "default", &selector).map(|o| o.name().clone()).collect::<Vec<_>>();
        let before = store.clone();
        store.put(pod("b", "y"), Cause::User, Time(0));
        assert_eq!(names(&store), ["a"]);
        assert_eq!(names(&before), ["a", "b"], "a clone keeps its own state");
        assert_eq!(store.events_since(3).count(), 1);
    }
}
