//! The lowest layer of the API server: what `registry/generic` does to every write. It stamps metadata (uid, times,
//! resourceVersion, generation), honours finalizers and graceful deletion, and puts the object into the store. Controllers
//! write through it directly: what they write is valid by construction.

use crate::api::digits;
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::apiserver::store::{Cause, Store};
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// The source of everything random in a cluster: uids, generated names, addresses, draws. Seeded: same seed, same bytes.
#[derive(Clone, Debug)]
pub struct Random(fastrand::Rng);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(fastrand::Rng::with_seed(seed))
    }

    /// The generator itself, for who draws lots in bulk (the packet filters).
    pub fn generator(&mut self) -> &mut fastrand::Rng {
        &mut self.0
    }

    /// A number in `0..bound` (0 when `bound` is 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.u64(0..bound) }
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        self.0.f64()
    }

    /// Draws lots of 31 bits one after the other until one is below its threshold: 0 when none is, else how many were drawn.
    ///
    /// The same lots as those of [`Random::generator`], whose multiplication of 128 bits is a call of a function where
    /// WebAssembly has none. A Service with a thousand endpoints draws five hundred of them a connection.
    pub fn lots_until(&mut self, thresholds: &[u32]) -> usize {
        let mut state = self.0.get_seed();
        let drawn = thresholds.iter().position(|below| {
            state = state.wrapping_add(0x2d35_8dcc_aa6c_78a5);
            let (a, b) = (state, state ^ 0x8bb8_4b93_962e_acc9);
            let (a_low, a_high, b_low, b_high) = (a & 0xffff_ffff, a >> 32, b & 0xffff_ffff, b >> 32);
            let (low, one, other) = (a_low * b_low, a_low * b_high, a_high * b_low);
            let middle = (low >> 32) + (one & 0xffff_ffff) + (other & 0xffff_ffff);
            let high = (a_high * b_high).wrapping_add((one >> 32) + (other >> 32) + (middle >> 32));
            (low ^ high) as u32 & 0x7fff_ffff < *below
        });
        self.0.seed(state);
        drawn.map_or(0, |i| i + 1)
    }

    /// A random version-4 UUID.
    pub fn uid(&mut self) -> SmolStr {
        digits::uuid(self.0.u64(..), self.0.u64(..))
    }

    /// The random end of a generated name (apimachinery `util/rand`: no vowels, no look-alikes).
    pub fn suffix(&mut self, length: usize) -> SmolStr {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..length).map(|_| ALPHABET[self.0.usize(..ALPHABET.len())] as char).collect()
    }
}

/// A writer to the store at one moment, for one cause.
pub struct Writer<'a> {
    pub store: &'a mut Store,
    pub random: &'a mut Random,
    pub now: Time,
    pub cause: Cause,
}

/// What a deletion did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// There was nothing.
    Missing,
    /// It is gone.
    Gone,
    /// `deletionTimestamp` is set; finalizers or the kubelet finish it.
    Terminating,
}

impl Writer<'_> {
    /// Creates an object of `kind` (see [`ObjectKey::kind`]): fills in a generated name, a uid unless it has one, creation
    /// time and `generation: 1`. The name must be free.
    pub fn create(&mut self, kind: &str, mut value: Value) -> Arc<Object> {
        let prefix: SmolStr = value.str_at(&["metadata", "generateName"]).into();
        if value.str_at(&["metadata", "name"]).is_empty() && !prefix.is_empty() {
            let namespace = value.str_at(&["metadata", "namespace"]).to_string();
            let mut name = format_smolstr!("{prefix}{}", self.random.suffix(5));
            // Among ten thousand pods of one set two of fourteen million suffixes do meet.
            while self.store.get(&ObjectKey::new(kind, namespace.as_str(), name.clone())).is_some() {
                name = format_smolstr!("{prefix}{}", self.random.suffix(5));
            }
            value.set_at(&["metadata", "name"], name);
        }
        let revision = self.store.next_revision();
        let meta = value.map_mut().entry("metadata").map_mut();
        // The API server chooses it before it comes here where an object names its own.
        if meta.get("uid").is_none() {
            meta.insert("uid", self.random.uid());
        }
        meta.insert("creationTimestamp", self.now.text());
        meta.insert("resourceVersion", digits::decimal(revision));
        if has_generation(kind) {
            meta.insert("generation", 1);
        }
        let object = Object::new(kind, value);
        self.store.put(object.clone(), self.cause.clone(), self.now);
        object
    }

    /// Puts an object there that exists elsewhere: with the uid, the times and the status that it brings. What it lacks of
    /// these it gets.
    pub fn restore(&mut self, kind: &str, mut value: Value) -> Arc<Object> {
        let meta = value.map_mut().entry("metadata").map_mut();
        for (field, given) in [("uid", self.random.uid()), ("creationTimestamp", format_smolstr!("{}", self.now))] {
            if meta.get(field).and_then(Value::as_str).unwrap_or("").is_empty() {
                meta.insert(field, given);
            }
        }
        let revision = self.store.next_revision();
        value.set_at(&["metadata", "resourceVersion"], digits::decimal(revision));
        let object = Object::new(kind, value);
        self.store.put(object.clone(), self.cause.clone(), self.now);
        object
    }

    /// Replaces an object's content. A write that changes nothing is none: the old object comes back. `generation` goes up
    /// when anything but metadata and status changed. An object that is being deleted and has lost its last finalizer goes.
    pub fn update(&mut self, old: &Arc<Object>, value: Value) -> Arc<Object> {
        self.replace(old, value, false, false)
    }

    /// The same for a client's request. With `always` it is a write even if nothing changes: only the record of who owns
    /// which field does. A Deployment's annotations count as a generation here; its controller writes them with the status.
    pub fn update_for_client(&mut self, old: &Arc<Object>, value: Value, always: bool) -> Arc<Object> {
        let same = |key: &[&str]| old.value.at(key) == value.at(key);
        let counts = old.key.kind == "Deployment" && !same(&["metadata", "annotations"]);
        self.replace(old, value, always, counts)
    }

    fn replace(&mut self, old: &Arc<Object>, mut value: Value, always: bool, counts: bool) -> Arc<Object> {
        let before = old.value.get("metadata");
        let same = match (before, value.get("metadata")) {
            (Some(a), Some(b)) => a.is_same(b),
            (a, b) => a.is_none() && b.is_none(),
        };
        // Most writes leave the metadata as they are, and there is nothing to set right then.
        if !same {
            let system =
                ["uid", "creationTimestamp", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"];
            let meta = value.map_mut().entry("metadata").map_mut();
            for field in system {
                match before.and_then(|m| m.get(field)) {
                    Some(kept) => *meta.entry(field) = kept.clone(),
                    None => drop(meta.remove(field)),
                }
            }
        }
        let generation = before.and_then(|m| m.get("generation")).and_then(Value::as_i64);
        if let Some(earlier) = generation {
            let generation = earlier + i64::from(counts || !same_but_status(&old.key.kind, &old.value, &value));
            if !(same && generation == earlier)
                && value.at(&["metadata", "generation"]).and_then(Value::as_i64) != Some(generation)
            {
                value.set_at(&["metadata", "generation"], generation);
            }
        }
        if value == old.value && !always {
            return old.clone();
        }
        if old.is_terminating() && !has_finalizers(&value) && !waits_for_kubelet(&value) {
            self.store.remove(&old.key, self.cause.clone(), self.now);
            return Object::new(old.key.kind.clone(), value);
        }
        self.put(old, value, same)
    }

    /// Begins or carries out a deletion. Pods that run on a node get their grace period (seconds; `None`: their own); what
    /// has finalizers waits for them; the rest goes at once.
    pub fn delete(&mut self, key: &ObjectKey, grace_seconds: Option<i64>) -> Deleted {
        let Some(old) = self.store.get(key).cloned() else { return Deleted::Missing };
        let mut grace = 0;
        if key.kind == "Pod" {
            let pod = old.view().pod();
            let own = old.value.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or(30);
            let finished = matches!(old.value.str_at(&["status", "phase"]), "Succeeded" | "Failed");
            let unbound = pod.is_some_and(|p| p.node_name.is_empty());
            grace = if finished || unbound { 0 } else { grace_seconds.unwrap_or(own).max(0) };
        }
        let finalizers = has_finalizers(&old.value);
        if grace == 0 && !finalizers {
            self.store.remove(key, self.cause.clone(), self.now);
            return Deleted::Gone;
        }
        let shorter = old.value.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64);
        if old.is_terminating() && shorter.is_none_or(|s| s <= grace) {
            return Deleted::Terminating;
        }
        let mut value = old.value.clone();
        let meta = value.map_mut().entry("metadata").map_mut();
        meta.insert("deletionTimestamp", (self.now + Duration::secs(grace as u64)).text());
        meta.insert("deletionGracePeriodSeconds", grace);
        if let Some(Value::Int(generation)) = meta.get("generation").cloned() {
            meta.insert("generation", generation + 1);
        }
        if key.kind == "Namespace" {
            value.set_at(&["status", "phase"], "Terminating");
        }
        self.put(&old, value, false);
        Deleted::Terminating
    }

    /// Removes an object without asking finalizers or grace (the kubelet's last word on a pod, `--force`).
    pub fn purge(&mut self, key: &ObjectKey) -> bool {
        self.store.remove(key, self.cause.clone(), self.now).is_some()
    }

    fn put(&mut self, old: &Object, mut value: Value, same_meta: bool) -> Arc<Object> {
        let revision = self.store.next_revision();
        value.set_at(&["metadata", "resourceVersion"], digits::decimal(revision));
        let object = Object::next(old, value, revision, same_meta);
        self.store.put(object.clone(), self.cause.clone(), self.now);
        object
    }
}

/// An owner reference to `owner` that makes it the managing controller.
pub fn controller_reference(owner: &Object) -> Value {
    value!({
        "apiVersion": (owner.value.str_at(&["apiVersion"])),
        "kind": (owner.value.str_at(&["kind"])),
        "name": (owner.name()),
        "uid": (owner.uid()),
        "controller": true,
        "blockOwnerDeletion": true
    })
}

/// Kinds whose spec changes are counted in `metadata.generation`.
fn has_generation(kind: &str) -> bool {
    matches!(
        kind,
        "Pod"
            | "Deployment"
            | "ReplicaSet"
            | "ReplicationController"
            | "StatefulSet"
            | "DaemonSet"
            | "Job"
            | "CronJob"
            | "Ingress"
            | "IngressClass"
            | "EndpointSlice"
            | "PodDisruptionBudget"
            | "NetworkPolicy"
            | "CustomResourceDefinition"
            | "Gateway"
            | "GatewayClass"
            | "GRPCRoute"
            | "HTTPRoute"
    )
}

/// Whether a write leaves everything as it was that counts as a generation.
fn same_but_status(kind: &str, old: &Value, new: &Value) -> bool {
    // A slice's labels count, too: they say which Service it belongs to.
    if kind == "EndpointSlice" && old.at(&["metadata", "labels"]) != new.at(&["metadata", "labels"]) {
        return false;
    }
    let (Some(old), Some(new)) = (old.as_map(), new.as_map()) else { return old == new };
    let counts = |(k, _): &(&SmolStr, &Value)| !matches!(k.as_str(), "metadata" | "status");
    old.iter().filter(counts).eq(new.iter().filter(counts))
}

/// Finalizers hold an object back; a namespace has one of its own in its spec.
fn has_finalizers(value: &Value) -> bool {
    !value.items_at(&["metadata", "finalizers"]).is_empty()
        || (value.str_at(&["kind"]) == "Namespace" && !value.items_at(&["spec", "finalizers"]).is_empty())
}

/// A terminating pod with grace left goes only when the kubelet says so.
fn waits_for_kubelet(value: &Value) -> bool {
    value.str_at(&["kind"]) == "Pod"
        && value.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or(0) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_in_a_row_are_those_of_the_generator() {
        let rare = [1 << 20; 2_000];
        let never = [0; 500];
        for seed in 0..200 {
            for thresholds in [&rare[..], &never[..]] {
                let (mut at_once, mut single) = (Random::new(seed), Random::new(seed));
                let lots = single.generator();
                let place = thresholds.iter().position(|below| lots.u32(..) & 0x7fff_ffff < *below);
                assert_eq!(at_once.lots_until(thresholds), place.map_or(0, |i| i + 1));
                assert_eq!(at_once.below(u64::MAX), single.below(u64::MAX), "seed {seed}");
            }
        }
    }
}
