//! `serviceaccount-controller` and `root-ca-certificate-publisher`: every namespace gets the ServiceAccount `default`, which
//! pods without another one use, and the ConfigMap `kube-root-ca.crt`, which their token volume mounts. Until the
//! ServiceAccount is there, the API server refuses pods.
//!
//! Upstream: `pkg/controller/serviceaccount`, `pkg/controller/certificates/rootcacertpublisher`.

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::ObjectKey;
use crate::apiserver::store::{Event, Store};
use crate::value;

pub struct ServiceAccountController;

/// What every namespace has: kind and name.
const WANTED: [(&str, &str); 2] = [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")];

impl Controller for ServiceAccountController {
    fn name(&self) -> &'static str {
        "serviceaccount-controller"
    }

    fn watch(&self, event: &Event, _: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let namespace = match event.key.kind.as_str() {
            "Namespace" if event.new.is_some() => event.key.name.clone(),
            kind if event.new.is_none() && WANTED.contains(&(kind, &event.key.name)) => event.key.namespace.clone(),
            _ => return,
        };
        enqueue(ObjectKey::new("Namespace", "", namespace), settings.latencies.controller);
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(namespace) = context.store.get(key).filter(|n| !n.is_terminating()) else { return result };
        for (kind, name) in WANTED {
            let wanted = ObjectKey::new(kind, namespace.name().clone(), name);
            if context.store.get(&wanted).is_some() {
                continue;
            }
            let mut value = value!({
                "apiVersion": "v1",
                "kind": kind,
                "metadata": { "name": name, "namespace": (namespace.name()) }
            });
            if kind == "ConfigMap" {
                value.set_at(
                    &["metadata", "annotations", "kubernetes.io/description"],
                    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
                     such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across \
                     distributions of Kubernetes clusters.",
                );
                value.set_at(&["data", "ca.crt"], "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
            }
            result.create(kind, value, key.field("metadata.name"));
        }
        result
    }
}
