//! Claims for volumes: a pod whose claim is missing goes nowhere.
//!
//! Upstream: the plugin `volumebinding`. A claim that is there counts as bound: the cluster has storage for everybody.

use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::Store;

/// The claims that a pod's volumes name and that are not there.
pub fn missing_claims<'a>(store: &'a Store, pod: &'a Object) -> impl Iterator<Item = ObjectKey> + 'a {
    let volumes = pod.value.get("spec").map_or(&[][..], |spec| spec.items("volumes"));
    volumes.iter().filter_map(|volume| {
        let name = volume.get("persistentVolumeClaim")?.text("claimName");
        let key = ObjectKey::new("PersistentVolumeClaim", pod.key.namespace.clone(), name);
        store.get(&key).is_none_or(|claim| claim.is_terminating()).then_some(key)
    })
}

/// The scheduler's words for it.
pub(super) fn why_not(store: &Store, claim: &ObjectKey) -> String {
    let nodes = store.list("Node").count();
    if nodes == 0 {
        return "no nodes available to schedule pods".into();
    }
    let how = if store.get(claim).is_none() { "not found" } else { "is being deleted" };
    format!(
        "0/{nodes} nodes are available: persistentvolumeclaim \"{}\" {how}. no new claims to deallocate, preemption: 0/{nodes} nodes are available: {nodes} Preemption is not helpful for scheduling.",
        claim.name
    )
}
