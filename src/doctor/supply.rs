//! What the files leave out and what would hide everything else: it is put there, and told.

use super::{Finding, Severity};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::Cause;
use crate::arrange::set_of;
use crate::cluster::{Cluster, missing_claims};
use crate::locale::Message;
use crate::value;
use crate::workspace::{Prepared, key_of};
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// Puts the ServiceAccounts there that the pods of workloads run under and that no file has: without them there would be no pods
/// to say anything of. Each is told.
pub fn accounts(cluster: &mut Cluster, files: &[Prepared], notes: &mut Vec<Finding>) {
    let manifests = || files.iter().flat_map(|f| &f.manifests);
    let given: BTreeSet<ObjectKey> = set_of(manifests().map(key_of).filter(|key| key.kind == "ServiceAccount"));
    let used: BTreeSet<ObjectKey> = set_of(manifests().filter_map(|manifest| {
        let account = manifest.value.str_at(&["spec", "template", "spec", "serviceAccountName"]);
        let key = ObjectKey::new("ServiceAccount", key_of(manifest).namespace, account);
        (!matches!(account, "" | "default") && !given.contains(&key)).then_some(key)
    }));
    for key in used {
        let value = value!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": { "name": (&key.name), "namespace": (&key.namespace) }
        });
        cluster.write(Cause::User, |writer| drop(writer.create("ServiceAccount", value)));
        let message = Message::new("doctor-supplied").with("kind", &key.kind).with("name", &key.name);
        notes.push(Finding::new(Severity::Info, "supplied", key, message));
    }
}

/// So often what is found missing is put there: a pod may miss one thing after the other.
const MOST_ROUNDS: usize = 20;

/// Puts ConfigMaps, Secrets and claims there that pods wait for and that no file has: they are often made by hand or by another tool,
/// and without them nothing else could be said of those pods. Each is told.
pub fn configuration(cluster: &mut Cluster, notes: &mut Vec<Finding>) {
    let mut ours: BTreeSet<ObjectKey> = BTreeSet::new();
    for _ in 0..MOST_ROUNDS {
        // As things stand: the kubelet may not have looked since.
        let of_volumes = |pod: &Object| {
            let failures = cluster.waiting_volumes(pod).into_iter().filter_map(|(_, content)| content.err());
            failures.flat_map(|f| f.wants).map(|w| (w.object, w.key)).collect::<Vec<_>>()
        };
        let missing: BTreeSet<(ObjectKey, SmolStr)> = set_of(cluster.store().list("Pod").flat_map(|pod| {
            let claims = missing_claims(cluster.store(), pod).map(|claim| (claim, SmolStr::default()));
            claims.chain(of_volumes(pod)).chain(missing_of(pod)).collect::<Vec<_>>()
        }));
        if missing.is_empty() {
            return;
        }
        for (key, field) in missing {
            let old = cluster.store().get(&key).cloned();
            if old.is_none() {
                ours.insert(key.clone());
                let message = Message::new("doctor-supplied").with("kind", &key.kind).with("name", &key.name);
                notes.push(Finding::new(Severity::Warning, "supplied", key.clone(), message));
            } else if !ours.contains(&key) {
                let message = Message::new("doctor-key-supplied").with("kind", &key.kind).with("name", &key.name);
                notes.push(Finding::new(Severity::Warning, "key_supplied", key.clone(), message.with("key", &field)));
            }
            cluster.write(Cause::User, |writer| {
                let mut value = old.as_ref().map_or_else(
                    || {
                        value!({
                            "apiVersion": "v1",
                            "kind": (&key.kind),
                            "metadata": { "name": (&key.name), "namespace": (&key.namespace) }
                        })
                    },
                    |old| old.value.clone(),
                );
                if !field.is_empty() {
                    value.set_at(&["data", &field], "");
                }
                // A new object, so that the kubelet looks again.
                writer.purge(&key);
                drop(writer.create(&key.kind, value));
            });
        }
        cluster.run_until_settled();
    }
}

/// What a pod's containers wait for, in the kubelet's words: `secret "db" not found`, `couldn't find key a in Secret shop/db`.
fn missing_of(pod: &Object) -> Vec<(ObjectKey, SmolStr)> {
    let lists = ["containerStatuses", "initContainerStatuses"];
    let waiting =
        lists.iter().flat_map(|l| pod.value.items_at(&["status", l])).filter_map(|s| s.at(&["state", "waiting"]));
    let read = |state: &Value| {
        let words = state.text("message");
        if let Some(rest) = words.strip_suffix("\" not found") {
            let (kind, name) = rest.split_once(" \"")?;
            let kind = if kind == "secret" { "Secret" } else { "ConfigMap" };
            return Some((ObjectKey::new(kind, pod.namespace().clone(), name), SmolStr::default()));
        }
        let (field, rest) = words.strip_prefix("couldn't find key ")?.split_once(" in ")?;
        let (kind, whole) = rest.split_once(' ')?;
        let name = whole.rsplit('/').next()?;
        Some((ObjectKey::new(kind, pod.namespace().clone(), name), field.into()))
    };
    waiting.filter(|state| state.text("reason") == "CreateContainerConfigError").filter_map(read).collect()
}
