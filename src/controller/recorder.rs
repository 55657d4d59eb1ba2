//! The events that `kubectl get events` shows (`v1.Event`), kept as records and made into objects when somebody asks.
//!
//! Upstream: `client-go/tools/record`. Repeated events are counted as its aggregator does. Left out: the hour after which a
//! real cluster forgets them, and rate limits.

use crate::api::object::{Object, ObjectKey};
use crate::api::time::Time;
use crate::value;
use imbl::{OrdMap, Vector};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// One event of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub about: ObjectKey,
    pub uid: SmolStr,
    /// `spec.containers{web}` for what happens to a container.
    pub field: SmolStr,
    pub warning: bool,
    pub reason: &'static str,
    pub message: SmolStr,
    /// Who says it: `kubelet`, `default-scheduler`, `replicaset-controller` …
    pub component: &'static str,
    /// The node, for kubelets.
    pub host: SmolStr,
    pub first: Time,
    pub last: Time,
    pub count: u32,
}

/// All events so far. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    records: Vector<Arc<Record>>,
    /// Where a repeatable event stands.
    repeated: OrdMap<(ObjectKey, &'static str, SmolStr), usize>,
}

impl Recorder {
    /// Writes an event down.
    pub fn record(&mut self, record: Record) {
        if record.warning {
            let key = (record.about.clone(), record.reason, record.message.clone());
            if let Some(at) = self.repeated.get(&key).copied() {
                if let Some(old) = self.records.get_mut(at).map(Arc::make_mut) {
                    old.last = record.last;
                    old.count += 1;
                }
                return;
            }
            self.repeated.insert(key, self.records.len());
        }
        self.records.push_back(Arc::new(record));
    }

    /// A normal or warning event about an object, now.
    #[allow(clippy::too_many_arguments)]
    pub fn say(
        &mut self,
        object: &Object,
        field: impl Into<SmolStr>,
        warning: bool,
        reason: &'static str,
        message: impl Into<SmolStr>,
        component: &'static str,
        host: impl Into<SmolStr>,
        now: Time,
    ) {
        self.record(Record {
            about: object.key.clone(),
            uid: object.uid().into(),
            field: field.into(),
            warning,
            reason,
            message: message.into(),
            component,
            host: host.into(),
            first: now,
            last: now,
            count: 1,
        });
    }

    /// Every event, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.records.iter()
    }

    /// The events about one object, oldest first.
    pub fn about<'a>(&'a self, object: &'a ObjectKey) -> impl Iterator<Item = &'a Arc<Record>> {
        self.records.iter().filter(move |r| r.about == *object)
    }

    /// The events as `v1.Event` objects; of one namespace, or of all when `namespace` is empty.
    pub fn objects(&self, namespace: &str) -> Vec<Arc<Object>> {
        let place = |about: &ObjectKey| -> SmolStr {
            if about.namespace.is_empty() { "default".into() } else { about.namespace.clone() }
        };
        let chosen =
            self.records.iter().enumerate().filter(|(_, r)| namespace.is_empty() || place(&r.about) == namespace);
        chosen.map(|(i, r)| r.object(i, place(&r.about))).collect()
    }
}

impl Record {
    fn object(&self, index: usize, namespace: SmolStr) -> Arc<Object> {
        // The real name ends in the nanoseconds of the first time; here the running number keeps names apart.
        let suffix = 0x1800_0000_0000_0000_u64 + self.first.0 * 1_000 + index as u64;
        let name = format_smolstr!("{}.{suffix:x}", self.about.name);
        let api_version = match self.about.kind.as_str() {
            "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => "apps/v1",
            "Job" | "CronJob" => "batch/v1",
            "Ingress" => "networking.k8s.io/v1",
            _ => "v1",
        };
        let mut involved = value!({
            "apiVersion": api_version,
            "kind": (&self.about.kind),
            "name": (&self.about.name),
            "uid": (&self.uid)
        });
        if !self.about.namespace.is_empty() {
            involved.set_at(&["namespace"], &self.about.namespace);
        }
        if !self.field.is_empty() {
            involved.set_at(&["fieldPath"], &self.field);
        }
        let mut source = value!({ "component": (self.component) });
        if !self.host.is_empty() {
            source.set_at(&["host"], &self.host);
        }
        let value = value!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "creationTimestamp": (self.first.to_string()),
                "resourceVersion": (format_smolstr!("{}", index + 1))
            },
            "involvedObject": involved,
            "reason": (self.reason),
            "message": (&self.message),
            "source": source,
            "firstTimestamp": (self.first.to_string()),
            "lastTimestamp": (self.last.to_string()),
            "count": (i64::from(self.count)),
            "type": (if self.warning { "Warning" } else { "Normal" }),
            "reportingComponent": (self.component),
            "reportingInstance": (&self.host)
        });
        Object::new("Event", value)
    }
}
