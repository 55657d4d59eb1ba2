//! What keeps its place: the order of nodes and the slot of every pod on its node. An edit never reshuffles what it did not
//! change: a pod keeps its slot while it lives, a new one takes the first free slot.

use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::Store;
use crate::arrange::{Arrange, set_of};
use crate::map::floor::{PodState, state_of};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Pods and how they are, in the order of their slots. Shared by every drawing until one of them changes.
pub type Crew = Arc<Vec<(ObjectKey, PodState)>>;

/// The pods of a node.
#[derive(Clone, Debug, Default)]
pub struct Stand {
    /// A hole is a slot whose pod is gone.
    slots: Vec<Option<ObjectKey>>,
    pub all: Crew,
    /// How many of them are ready.
    pub ready: usize,
    /// The same by workload; that of the first slot is the first.
    pub crews: Vec<(ObjectKey, Crew)>,
}

/// The remembered order of nodes and pods. Made empty, brought up to date with each new state of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Places {
    nodes: Vec<SmolStr>,
    /// By node; the key "" holds the pods that wait for one.
    stands: BTreeMap<SmolStr, Stand>,
    /// The controllers that pods and their controllers name, there or not: whose change may give a pod another workload.
    owners: BTreeSet<ObjectKey>,
    /// The state of last time: most edits change none of its nodes and pods.
    seen: Store,
    moves: usize,
}

/// The node of a pod, "" when it waits for one.
fn home(store: &Store, pod: &Object) -> SmolStr {
    let node = pod.view().pod().map(|p| p.node_name.clone()).unwrap_or_default();
    if store.node(&node).is_some() { node } else { SmolStr::default() }
}

impl Places {
    /// Takes in a state of the cluster.
    pub fn update(&mut self, store: &Store) {
        if self.has_moved(store) {
            self.moves += 1;
            self.arrange(store);
            self.owners.clear();
            for stand in self.stands.values_mut() {
                stand.look(store, &mut self.owners);
            }
        }
        self.seen = store.without_events();
    }

    /// Whether a node or a pod came, went or changed, or a pod may belong to another workload.
    fn has_moved(&self, store: &Store) -> bool {
        let owner = |store: &Store, key: &ObjectKey| store.get(key).and_then(|object| object.controller());
        let moves = |key: &ObjectKey| match key.kind.as_str() {
            "Node" | "Pod" => true,
            _ => self.owners.contains(key) && owner(&self.seen, key) != owner(store, key),
        };
        self.nodes.is_empty() || !self.seen.is_same(store) && self.seen.keys_changed_to(store).any(moves)
    }

    /// Gives everything its place.
    fn arrange(&mut self, store: &Store) {
        let exists = |name: &SmolStr| store.node(name).is_some();
        self.nodes.retain(exists);
        let known = self.nodes.len();
        for node in store.list("Node") {
            if !self.nodes[..known].contains(node.name()) {
                self.nodes.push(node.name().clone());
            }
        }
        self.nodes[known..].arrange_by(|a, b| by_number(a).cmp(&by_number(b)));
        for (node, stand) in &mut self.stands {
            for slot in &mut stand.slots {
                let stays =
                    slot.as_ref().is_some_and(|key| store.get(key).is_some_and(|pod| home(store, pod) == *node));
                if !stays {
                    *slot = None;
                }
            }
        }
        // The learner's own pods come before the system's.
        let mut pods: Vec<_> = store.list("Pod").collect();
        pods.arrange_by_key(|pod| (pod.namespace() == "kube-system", pod.namespace() != "default"));
        // Who has a slot has it where it runs; the others are gone by now.
        let placed: BTreeSet<ObjectKey> =
            set_of(self.stands.values().flat_map(|stand| &stand.slots).flatten().cloned());
        for pod in pods.into_iter().filter(|pod| !placed.contains(&pod.key)) {
            let slots = &mut self.stands.entry(home(store, pod)).or_default().slots;
            match slots.iter().position(Option::is_none) {
                Some(free) => slots[free] = Some(pod.key.clone()),
                None => slots.push(Some(pod.key.clone())),
            }
        }
        for Stand { slots, .. } in self.stands.values_mut() {
            while slots.last().is_some_and(Option::is_none) {
                slots.pop();
            }
        }
        self.stands.retain(|_, stand| !stand.slots.is_empty());
    }

    /// How many of the states that it took in had other nodes or pods than the one before.
    pub fn moves(&self) -> usize {
        self.moves
    }

    pub fn nodes(&self) -> &[SmolStr] {
        &self.nodes
    }

    /// The slots of a node; of the waiting pods for "".
    pub fn slots(&self, node: &str) -> &[Option<ObjectKey>] {
        self.stand(node).map_or(&[], |stand| &stand.slots)
    }

    /// What stands in them; nothing when there are none.
    pub fn stand(&self, node: &str) -> Option<&Stand> {
        self.stands.get(node)
    }
}

impl Stand {
    /// Looks who stands in the slots, and what it belongs to.
    fn look(&mut self, store: &Store, owners: &mut BTreeSet<ObjectKey>) {
        let mut all = Vec::new();
        let mut crews: Vec<(ObjectKey, Vec<(ObjectKey, PodState)>)> = Vec::new();
        for object in self.slots.iter().flatten().filter_map(|key| store.get(key)) {
            let pod = (object.key.clone(), state_of(object));
            let mut workload = &object.key;
            for owner in owners_of(store, object) {
                if !owners.contains(owner) {
                    owners.insert(owner.clone());
                }
                workload = owner;
            }
            all.push(pod.clone());
            match crews.iter_mut().find(|(each, _)| each == workload) {
                Some((_, crew)) => crew.push(pod),
                None => crews.push((workload.clone(), vec![pod])),
            }
        }
        self.ready = all.iter().filter(|(_, state)| *state == PodState::Ready).count();
        self.all = Arc::new(all);
        self.crews = crews.into_iter().map(|(workload, crew)| (workload, Arc::new(crew))).collect();
    }
}

/// The controllers of a pod, each that of the one before. Pod, ReplicaSet, Deployment: no chain of owners is longer here, and a
/// cycle must not hold us.
fn owners_of<'a>(store: &'a Store, pod: &'a Object) -> impl Iterator<Item = &'a ObjectKey> {
    let of = |object: &'a Object| object.controller_ref().map(|(key, _)| key);
    std::iter::successors(of(pod), move |key| of(store.get(key)?)).take(4)
}

/// What a pod belongs to: its Deployment behind the ReplicaSet, its StatefulSet, or itself.
pub fn workload<'a>(store: &'a Store, pod: &'a Object) -> &'a ObjectKey {
    owners_of(store, pod).last().unwrap_or(&pod.key)
}

/// As people count: `node-2` stands before `node-10`.
fn by_number(name: &str) -> (&str, u64, &str) {
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (prefix, name[prefix.len()..].parse().unwrap_or(u64::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::time::Time;
    use crate::apiserver::store::Cause;
    use crate::value;

    fn put(store: &mut Store, kind: &str, name: &str, node: &str) {
        let namespace = if kind == "Node" { "" } else { "default" };
        let object = value!({ "metadata": { "name": name, "namespace": namespace }, "spec": { "nodeName": node } });
        store.put(Object::new(kind, object), Cause::User, Time(0));
    }

    #[test]
    fn a_pod_keeps_its_slot_when_others_come_and_go() {
        let mut store = Store::default();
        put(&mut store, "Node", "n1", "");
        for name in ["b", "c", "d"] {
            put(&mut store, "Pod", name, "n1");
        }
        let mut places = Places::default();
        places.update(&store);
        store.remove(&ObjectKey::new("Pod", "default", "c"), Cause::User, Time(0));
        places.update(&store);
        assert_eq!(places.slots("n1")[1], None, "the hole stays");
        put(&mut store, "Pod", "a", "n1");
        places.update(&store);
        let names: Vec<_> = places.slots("n1").iter().flatten().map(|k| k.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "d"], "a new pod fills the hole, whatever its name");
    }

    #[test]
    fn new_nodes_stand_as_people_count_and_behind_those_that_were_there() {
        let mut store = Store::default();
        let mut places = Places::default();
        for names in [["node-10", "node-2", "node-9"], ["node-1", "master", "node-11"]] {
            names.iter().for_each(|name| put(&mut store, "Node", name, ""));
            places.update(&store);
        }
        assert_eq!(places.nodes, ["node-2", "node-9", "node-10", "master", "node-1", "node-11"]);
    }

    fn own(store: &mut Store, kind: &str, name: &str, owner: Option<(&str, &str)>, node: &str, phase: &str) {
        let owners =
            owner.map(|(kind, name)| value!([{ "kind": kind, "name": name, "uid": name, "controller": true }]));
        let owners = owners.unwrap_or_else(|| value!([]));
        let object = value!({
            "metadata": { "name": name, "namespace": "default", "ownerReferences": owners },
            "spec": { "nodeName": node },
            "status": { "phase": phase, "conditions": [{ "type": "Ready", "status": "True" }] }
        });
        store.put(Object::new(kind, object), Cause::User, Time(0));
    }

    /// Whatever comes, goes or changes its owner: who stands where is what one finds who looks at every pod.
    #[test]
    fn following_changes_is_looking_anew() {
        let mut dice = 7_u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % sides
        };
        let (mut store, mut places) = (Store::default(), Places::default());
        let mut waited = 0;
        for _ in 0..400 {
            for _ in 0..=roll(3) {
                let (pod, set, node) = (format!("p{}", roll(12)), format!("r{}", roll(3)), format!("n{}", roll(3)));
                let owned = (roll(4) > 0).then_some(("ReplicaSet", set.as_str()));
                match roll(9) {
                    0 => put(&mut store, "Node", &node, ""),
                    1 => drop(store.remove(&ObjectKey::new("Node", "", node), Cause::User, Time(0))),
                    2 => drop(store.remove(&ObjectKey::new("Pod", "default", pod), Cause::User, Time(0))),
                    3 => drop(store.remove(&ObjectKey::new("ReplicaSet", "default", set), Cause::User, Time(0))),
                    4 | 5 => {
                        let above = owned.is_some().then_some(("Deployment", "web"));
                        own(&mut store, "ReplicaSet", &set, above, "", "");
                    }
                    roll => own(&mut store, "Pod", &pod, owned, &node, if roll == 6 { "Pending" } else { "Running" }),
                }
            }
            places.update(&store);
            let mut standing = 0;
            for (node, stand) in &places.stands {
                let pods: Vec<_> = stand.slots.iter().flatten().filter_map(|key| store.get(key)).collect();
                let all: Vec<_> = pods.iter().map(|pod| (pod.key.clone(), state_of(pod))).collect();
                assert_eq!(*stand.all, all, "{node}");
                assert_eq!(stand.ready, all.iter().filter(|(_, state)| *state == PodState::Ready).count(), "{node}");
                assert!(pods.iter().all(|pod| home(&store, pod) == *node), "{node}");
                for (owner, crew) in &stand.crews {
                    let own = pods.iter().filter(|pod| workload(&store, pod) == owner);
                    let own: Vec<_> = own.map(|pod| (pod.key.clone(), state_of(pod))).collect();
                    assert_eq!(**crew, own, "{owner} on {node}");
                }
                assert_eq!(stand.crews.iter().map(|(_, crew)| crew.len()).sum::<usize>(), all.len(), "{node}");
                standing += all.len();
            }
            assert_eq!(standing, store.list("Pod").count());
            waited += usize::from(places.stand("").is_some());
        }
        assert!((20..380).contains(&waited), "pods have waited for nodes: {waited} times");
    }
}
