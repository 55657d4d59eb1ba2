//! What admission adds to every pod, whoever makes it (the plugins ServiceAccount, DefaultTolerationSeconds and Priority).
//!
//! [`admit`] is for pods that controllers make. Whether they may be made at all says [`objection`](super::objection).

use crate::api::value::{Map, Value};
use crate::apiserver::store::Store;
use crate::value;
use smol_str::{SmolStr, format_smolstr};

/// Adds to a pod's spec what admission adds. `suffix` ends the token volume's name.
pub fn admit(store: &Store, spec: &mut Value, suffix: &str) {
    super::prioritize(store, spec);
    let spec = spec.map_mut();
    let account = spec.get("serviceAccountName").and_then(Value::as_smol).filter(|s| !s.is_empty());
    let account = account.unwrap_or_else(|| "default".into());
    spec.insert("serviceAccountName", &account);
    spec.insert("serviceAccount", &account);
    if spec.get("enableServiceLinks").is_none() {
        spec.insert("enableServiceLinks", true);
    }
    tolerate(spec);
    if spec.get("automountServiceAccountToken").and_then(Value::as_bool) != Some(false) {
        mount_token(spec, suffix);
    }
}

/// Five minutes' patience with a node that is not ready or cannot be reached.
pub(super) fn tolerate(spec: &mut Map) {
    let mut tolerations = spec.get("tolerations").and_then(Value::as_list).unwrap_or(&[]).to_vec();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerated = tolerations.iter().any(|t| {
            let effect = t.str_at(&["effect"]);
            matches!(t.str_at(&["key"]), "" | "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
                && (t.str_at(&["key"]) == key || t.str_at(&["key"]).is_empty())
                && (effect.is_empty() || effect == "NoExecute")
        });
        if !tolerated {
            tolerations
                .push(value!({ "effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300 }));
        }
    }
    spec.insert("tolerations", tolerations);
}

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The token of the service account, in a volume that every container finds at the same path.
pub(super) fn mount_token(spec: &mut Map, suffix: &str) {
    let name: SmolStr = format_smolstr!("kube-api-access-{suffix}");
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        let Some(containers) = spec.get_mut(list).filter(|c| c.as_list().is_some()) else { continue };
        for container in containers.list_mut() {
            let mounts = container.items_at(&["volumeMounts"]);
            if mounts.iter().any(|m| m.str_at(&["mountPath"]) == TOKEN_PATH) {
                continue;
            }
            let mut mounts = mounts.to_vec();
            mounts.push(value!({ "mountPath": TOKEN_PATH, "name": (&name), "readOnly": true }));
            container.set_at(&["volumeMounts"], mounts);
            mounted = true;
        }
    }
    if !mounted {
        return;
    }
    let mut volumes = spec.get("volumes").and_then(Value::as_list).unwrap_or(&[]).to_vec();
    volumes.push(value!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": { "items": [{ "key": "ca.crt", "path": "ca.crt" }], "name": "kube-root-ca.crt" } },
                { "downwardAPI": { "items": [
                    { "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" }, "path": "namespace" }
                ] } }
            ]
        }
    }));
    spec.insert("volumes", volumes);
}
