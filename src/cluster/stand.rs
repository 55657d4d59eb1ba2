//! A cluster that stands as it stood elsewhere: objects with their status are taken over as they are, pods run where they ran
//! (or not), endpoints say what they said. From then on only endpoints and rules follow what changes; nothing is scheduled,
//! scaled or cleaned up, but what a person deletes goes, a namespace with all that is in it.
//!
//! Here, too: pods that are put there without a scheduler, to ask from or to stand in for a program.

use super::Cluster;
use crate::api::object::ObjectKey;
use crate::api::value::Value;
use crate::apiserver::store::Cause;
use crate::controller::{ACCOUNTS, OF_ENDPOINTS};
use crate::value;
use smol_str::{SmolStr, format_smolstr};

impl Cluster {
    /// Takes objects over: their kind in the store, and all that they are. What the cluster had under the same key is
    /// replaced. Many may come in several lots; [`Cluster::adopted`] ends it.
    pub fn adopt(&mut self, objects: impl Iterator<Item = (SmolStr, Value)>) {
        let settings = self.settings_mut();
        (settings.workloads, settings.run_pods) = (false, false);
        self.tell();
        let Cluster { store, random, now, .. } = self;
        let mut writer = crate::apiserver::write::Writer { store, random, now: *now, cause: Cause::Bootstrap };
        for (kind, value) in objects {
            writer.restore(&kind, value);
        }
        // The controllers are not told: what they would do has been done, or was not.
        for event in self.store.events_since(self.told) {
            self.index.make_mut().observe(event, &self.store);
        }
        self.told = self.store.revision();
    }

    /// Everything was taken over: pods run as they ran, nodes that were lost are, and rules follow from what there is.
    pub fn adopted(&mut self) {
        let domain = self.settings.cluster_domain.clone();
        let pods: Vec<_> = self.store.list("Pod").cloned().collect();
        for pod in &pods {
            if self.runtime.get(&pod.key).is_some_and(|s| s.pod.uid() == pod.uid()) {
                continue;
            }
            self.runtime.remove(&pod.key);
            self.runtime.adopt(pod, &domain, self.now);
        }
        let lost: Vec<SmolStr> =
            self.store.list("Node").filter(|n| is_lost(&n.value)).map(|n| n.name().clone()).collect();
        for node in lost {
            self.runtime.set_power(&node, false, self.now);
        }
        // Where the endpoints did not come along they follow from the pods.
        let services: Vec<ObjectKey> = self.store.list("Service").map(|s| s.key.clone()).collect();
        for service in services {
            if self.has_slices(&service) {
                continue;
            }
            for controller in OF_ENDPOINTS {
                self.wake(controller, service.clone());
            }
        }
        // A pod that a person adds runs under one, and what was taken over seldom holds them.
        let namespaces: Vec<ObjectKey> = self.store.list("Namespace").map(|n| n.key.clone()).collect();
        for namespace in namespaces {
            self.wake(ACCOUNTS, namespace);
        }
        self.run_until_settled();
        self.sync_network();
    }

    /// What a person puts there, or back, has the status that it brings: in a cluster that was taken over nobody else gives it one.
    pub fn bring_status(&mut self, key: &ObjectKey, status: &Value) {
        let Some(object) = self.store.get(key).cloned().filter(|_| !self.settings.workloads) else { return };
        let mut value = object.value.clone();
        value.set_at(&["status"], status.clone());
        self.write(Cause::User, |writer| writer.update(&object, value));
    }

    fn has_slices(&self, service: &ObjectKey) -> bool {
        let selector = [("kubernetes.io/service-name".into(), service.name.clone())];
        self.store.select("EndpointSlice", &service.namespace, &selector).next().is_some()
    }

    /// Takes objects away as if they had never been.
    pub fn forget(&mut self, keys: &[ObjectKey]) {
        for key in keys {
            self.runtime.remove(key);
        }
        self.write(Cause::Bootstrap, |writer| {
            for key in keys {
                writer.purge(key);
            }
        });
    }

    /// Puts a running pod there: from `template` (labels and spec), on the first node that has power and an address free.
    /// `None`: there is no such node.
    pub fn put_pod(&mut self, key: &ObjectKey, template: &Value) -> Option<ObjectKey> {
        let nodes: Vec<_> = self.store.list("Node").cloned().collect();
        let (node, host, ip) = nodes.iter().find_map(|node| {
            let view = node.view().node().filter(|_| self.runtime.is_up(node.name()))?;
            let ip = view.pod_cidrs.iter().find_map(|cidr| self.runtime.allocate(cidr, key))?;
            Some((node.name().clone(), view.ip()?, ip))
        })?;
        let mut spec = template.at(&["spec"]).cloned().unwrap_or_default();
        spec.set_at(&["nodeName"], node);
        if spec.str_at(&["dnsPolicy"]).is_empty() {
            spec.set_at(&["dnsPolicy"], "ClusterFirst");
        }
        let names: Vec<SmolStr> =
            spec.items_at(&["containers"]).iter().map(|c| SmolStr::from(c.text("name"))).collect();
        let statuses: Vec<Value> = names
            .into_iter()
            .map(|name| value!({ "name": name, "ready": true, "started": true, "state": { "running": {} } }))
            .collect();
        let pod = value!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": (&key.name),
                "namespace": (&key.namespace),
                "labels": (template.at(&["metadata", "labels"]).cloned().unwrap_or_else(Value::map))
            },
            "spec": spec,
            "status": {
                "phase": "Running",
                "hostIP": (format_smolstr!("{host}")),
                "podIP": (format_smolstr!("{ip}")),
                "podIPs": [{ "ip": (format_smolstr!("{ip}")) }],
                "conditions": [{ "type": "Ready", "status": "True" }],
                "containerStatuses": statuses
            }
        });
        let pod = self.write(Cause::User, |writer| writer.restore("Pod", pod));
        let domain = self.settings.cluster_domain.clone();
        self.runtime.adopt(&pod, &domain, self.now);
        Some(pod.key.clone())
    }

    /// A pod for each Deployment that nobody carries out, so that its program runs.
    pub fn stand_in(&mut self, deployment: &ObjectKey) {
        let Some(template) = self.store.get(deployment).and_then(|d| d.value.at(&["spec", "template"]).cloned()) else {
            return;
        };
        let key = ObjectKey::new("Pod", deployment.namespace.clone(), deployment.name.clone());
        self.put_pod(&key, &template);
    }
}

/// Whether the control plane has not heard from a node for a while.
fn is_lost(node: &Value) -> bool {
    let ready = |c: &&Value| c.text("type") == "Ready";
    node.items_at(&["status", "conditions"]).iter().find(ready).is_some_and(|c| c.text("status") == "Unknown")
}
