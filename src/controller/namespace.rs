//! `namespace-controller`: empties a namespace that is being deleted, then lets it go; and what every namespace gets when it
//! is new (`serviceaccount-controller`, `root-ca-cert-publisher`).
//!
//! Upstream: `pkg/controller/namespace`, `pkg/controller/serviceaccount`, `pkg/controller/certificates/rootcacertpublisher`.

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::ObjectKey;
use crate::apiserver::store::{Event, Store};
use crate::value;

pub const NAME: &str = "namespace-controller";
/// Who gives every namespace its ServiceAccount.
pub const ACCOUNTS: &str = "serviceaccount-controller";

pub struct NamespaceController;

impl Controller for NamespaceController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        let namespace = if event.key.kind == "Namespace" {
            event.key.clone()
        } else if event.new.is_none() {
            ObjectKey::new("Namespace", "", event.key.namespace.clone())
        } else {
            return;
        };
        if store.get(&namespace).is_some_and(|n| n.is_terminating()) {
            enqueue(namespace, after);
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(namespace) = context.store.get(key).filter(|n| n.is_terminating()) else { return result };
        let mut left = false;
        for object in context.store.in_namespace(&key.name) {
            left = true;
            if !object.is_terminating() {
                result.delete(object.key.clone(), key.field("metadata.deletionTimestamp"));
            }
        }
        if !left {
            let mut value = namespace.value.clone();
            value.remove_at(&["spec", "finalizers"]);
            result.update(namespace, value, key.field("metadata.deletionTimestamp"));
        }
        result
    }
}

pub struct ServiceAccountController;

impl Controller for ServiceAccountController {
    fn name(&self) -> &'static str {
        ACCOUNTS
    }

    fn watch(&self, event: &Event, _: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        match event.key.kind.as_str() {
            "Namespace" if event.new.is_some() => enqueue(event.key.clone(), after),
            "ServiceAccount" | "ConfigMap"
                if event.new.is_none() && matches!(event.key.name.as_str(), "default" | "kube-root-ca.crt") =>
            {
                enqueue(ObjectKey::new("Namespace", "", event.key.namespace.clone()), after);
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(namespace) = context.store.get(key).filter(|n| !n.is_terminating()) else { return result };
        let has =
            |kind: &str, name: &str| context.store.get(&ObjectKey::new(kind, namespace.name().clone(), name)).is_some();
        let saw = key.field("metadata.name");
        if !has("ServiceAccount", "default") {
            let account = value!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": { "name": "default", "namespace": (namespace.name()) }
            });
            result.create("ServiceAccount", account, saw.clone());
        }
        if !has("ConfigMap", "kube-root-ca.crt") {
            let about = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";
            let map = value!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": "kube-root-ca.crt",
                    "namespace": (namespace.name()),
                    "annotations": { "kubernetes.io/description": about }
                },
                "data": { "ca.crt": (crate::runtime::token::CA) }
            });
            result.create("ConfigMap", map, saw);
        }
        result
    }
}
