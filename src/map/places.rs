//! What keeps its place: the order of nodes and the slot of every pod on its node. An edit never reshuffles what it did not
//! change: a pod keeps its slot while it lives, a new one takes the first free slot.

use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::Store;
use crate::arrange::{Arrange, set_of};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The remembered order of nodes and pods. Made empty, brought up to date with each new state of the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places {
    nodes: Vec<SmolStr>,
    /// Pods by node; the key "" holds those that wait for a node. A hole is a slot whose pod is gone.
    slots: BTreeMap<SmolStr, Vec<Option<ObjectKey>>>,
    /// The nodes and pods of last time: most edits change none of them.
    seen: Vec<Arc<Object>>,
}

impl Places {
    /// Takes in a state of the cluster.
    pub fn update(&mut self, store: &Store) {
        let all = || store.list("Node").chain(store.list("Pod"));
        if self.seen.len() == all().count() && self.seen.iter().zip(all()).all(|(old, new)| Arc::ptr_eq(old, new)) {
            return;
        }
        self.seen = all().cloned().collect();
        let exists = |name: &SmolStr| store.node(name).is_some();
        self.nodes.retain(exists);
        let known = self.nodes.len();
        for node in store.list("Node") {
            if !self.nodes[..known].contains(node.name()) {
                self.nodes.push(node.name().clone());
            }
        }
        self.nodes[known..].arrange_by(|a, b| by_number(a).cmp(&by_number(b)));
        let home = |object: &Object| {
            let node = object.view().pod().map(|p| p.node_name.clone()).unwrap_or_default();
            if exists(&node) { node } else { SmolStr::default() }
        };
        for (node, slots) in &mut self.slots {
            for slot in slots.iter_mut() {
                let stays = slot.as_ref().is_some_and(|key| store.get(key).is_some_and(|pod| home(pod) == *node));
                if !stays {
                    *slot = None;
                }
            }
        }
        // The learner's own pods come before the system's.
        let mut pods: Vec<_> = store.list("Pod").collect();
        pods.arrange_by_key(|pod| (pod.namespace() == "kube-system", pod.namespace() != "default"));
        // Who has a slot has it where it runs; the others are gone by now.
        let placed: BTreeSet<ObjectKey> = set_of(self.slots.values().flatten().flatten().cloned());
        for pod in pods.into_iter().filter(|pod| !placed.contains(&pod.key)) {
            let slots = self.slots.entry(home(pod)).or_default();
            match slots.iter().position(Option::is_none) {
                Some(free) => slots[free] = Some(pod.key.clone()),
                None => slots.push(Some(pod.key.clone())),
            }
        }
        for slots in self.slots.values_mut() {
            while slots.last().is_some_and(Option::is_none) {
                slots.pop();
            }
        }
        self.slots.retain(|_, slots| !slots.is_empty());
    }

    pub fn nodes(&self) -> &[SmolStr] {
        &self.nodes
    }

    /// The slots of a node; of the waiting pods for "".
    pub fn slots(&self, node: &str) -> &[Option<ObjectKey>] {
        self.slots.get(node).map_or(&[], Vec::as_slice)
    }
}

/// What a pod belongs to: its Deployment behind the ReplicaSet, its StatefulSet, or itself.
pub fn workload(store: &Store, pod: &Object) -> ObjectKey {
    let mut at = pod.key.clone();
    let mut owner = pod.controller();
    // Pod, ReplicaSet, Deployment: no chain of owners is longer here, and a cycle must not hold us.
    for _ in 0..4 {
        let Some((key, _)) = owner else { break };
        owner = store.get(&key).and_then(|o| o.controller());
        at = key;
    }
    at
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
}
