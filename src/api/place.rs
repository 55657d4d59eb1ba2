//! Kind and namespace of a key as a number, where both are well known.
//!
//! Keys are compared some hundred times for every pod that comes up, and neighbours in a map mostly have kind and namespace in
//! common: two numbers tell that, and which is less, without a letter being read.

use std::cmp::Ordering;

/// Kinds that clusters have many objects of, sorted. No two have both length and first letter in common.
const KINDS: [&str; 32] = [
    "ConfigMap",
    "ControllerRevision",
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "EndpointSlice",
    "Endpoints",
    "GRPCRoute",
    "Gateway",
    "GatewayClass",
    "HTTPRoute",
    "Ingress",
    "IngressClass",
    "Job",
    "Lease",
    "LimitRange",
    "Namespace",
    "NetworkPolicy",
    "Node",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PriorityClass",
    "ReplicaSet",
    "ReplicationController",
    "ResourceQuota",
    "Secret",
    "Service",
    "ServiceAccount",
    "StatefulSet",
    "StorageClass",
];

/// Namespaces that every cluster has, sorted; the first is that of what has none.
const NAMESPACES: [&str; 5] = ["", "default", "kube-node-lease", "kube-public", "kube-system"];

const NONE: u8 = 0;

/// From a kind's slot to its number, which is its place in [`KINDS`] and one.
const SLOTS: [u8; 128] = {
    let mut slots = [NONE; 128];
    let mut i = 0;
    while i < KINDS.len() {
        let slot = slot(KINDS[i]);
        assert!(slots[slot] == NONE, "two kinds share a slot");
        i += 1;
        slots[slot] = i as u8;
    }
    slots
};

const fn slot(kind: &str) -> usize {
    let first = if kind.is_empty() { 0 } else { kind.as_bytes()[0] as usize };
    (kind.len() + first * 12) % 128
}

/// The number of a kind and a namespace; 0 unless both are well known. Numbers of two keys are in the order of the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Place(u8);

impl Place {
    pub fn of(kind: &str, namespace: &str) -> Place {
        let number = SLOTS[slot(kind)];
        if number == NONE || KINDS[usize::from(number) - 1] != kind {
            return Place(NONE);
        }
        let namespace = NAMESPACES.iter().position(|known| *known == namespace);
        Place(namespace.map_or(NONE, |place| (number - 1) * NAMESPACES.len() as u8 + place as u8 + 1))
    }

    /// How two keys stand to each other without their names; `None`: their letters must tell.
    #[inline(always)]
    pub fn order(self, other: Place) -> Option<Ordering> {
        (self.0 != NONE && other.0 != NONE).then(|| self.0.cmp(&other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_of_the_letters_and_strangers_have_none() {
        let kinds = KINDS.into_iter().chain(["", "Pods", "Role", "Widget"]);
        let namespaces = NAMESPACES.into_iter().chain(["a", "shop", "zoo"]);
        let all: Vec<_> = kinds.flat_map(|kind| namespaces.clone().map(move |namespace| (kind, namespace))).collect();
        let is_known = |(kind, namespace): &(&str, &str)| KINDS.contains(kind) && NAMESPACES.contains(namespace);
        for one in &all {
            for other in &all {
                let known = is_known(one) && is_known(other);
                let order = Place::of(one.0, one.1).order(Place::of(other.0, other.1));
                assert_eq!(order, known.then(|| one.cmp(other)), "{one:?} {other:?}");
            }
        }
        assert_eq!(Place::of("", ""), Place::default());
    }
}
