//! The events that `kubectl get events` shows (`v1.Event`), kept as records and made into objects when somebody asks.
//!
//! Upstream: `client-go/tools/record`. Repeated events are counted as its aggregator does, and an hour after it was last seen
//! an event is forgotten, as with the API server's `--event-ttl`. Left out: rate limits.

use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::value;
use imbl::OrdMap;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
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

/// How long an event is kept after it was last seen.
const KEPT: Duration = Duration::secs(3_600);

/// How often it is looked for what is over. A real etcd is no more exact: it lets events of a minute share a lease.
const LOOK_EVERY: Duration = Duration::secs(60);

/// The events of the last hour. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// By running number, from zero.
    records: OrdMap<u64, Arc<Record>>,
    /// The number of the next one.
    next: u64,
    /// Where a repeatable event stands.
    repeated: OrdMap<(ObjectKey, &'static str, SmolStr), u64>,
    /// When the oldest may have to go: no event's hour is over before.
    look_at: Time,
}

impl Recorder {
    /// Writes an event down.
    pub fn record(&mut self, record: Record) {
        if record.is_counted() {
            let key = (record.about.clone(), record.reason, record.message.clone());
            if let Some(at) = self.repeated.get(&key).copied() {
                if let Some(old) = self.records.get_mut(&at).map(Arc::make_mut) {
                    old.last = record.last;
                    old.count += 1;
                }
                return;
            }
            self.repeated.insert(key, self.next);
        }
        if self.records.is_empty() {
            self.look_at = record.last + KEPT;
        }
        self.records.insert(self.next, Arc::new(record));
        self.next += 1;
    }

    /// Counts what has gone on every `period` up to `now`, although nobody wrote it down each time.
    pub fn repeat(&mut self, about: &ObjectKey, reason: &'static str, message: SmolStr, period: Duration, now: Time) {
        let key = (about.clone(), reason, message);
        let Some(at) = self.repeated.get(&key).copied() else { return };
        let Some(record) = self.records.get(&at) else { return };
        let times = now.since(record.last).0 / period.0.max(1);
        if times > 0
            && let Some(record) = self.records.get_mut(&at).map(Arc::make_mut)
        {
            record.last = record.last + Duration(times * period.0);
            record.count = record.count.saturating_add(u32::try_from(times).unwrap_or(u32::MAX));
        }
    }

    /// Whether something may have to be forgotten.
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.look_at && !self.records.is_empty()
    }

    /// Forgets what was last seen an hour before `now`.
    pub fn forget(&mut self, now: Time) {
        if !self.is_due(now) {
            return;
        }
        let over: Vec<(u64, Arc<Record>)> = self
            .records
            .iter()
            .filter(|(_, r)| r.last + KEPT <= now)
            .map(|(number, record)| (*number, record.clone()))
            .collect();
        for (number, record) in over {
            self.records.remove(&number);
            if record.is_counted() {
                self.repeated.remove(&(record.about.clone(), record.reason, record.message.clone()));
            }
        }
        // Not at every step of time: all are looked through.
        let soonest = self.records.values().map(|r| r.last + KEPT).min().unwrap_or(now);
        self.look_at = soonest.max(now + LOOK_EVERY);
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
            uid: object.uid().clone(),
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
        self.records.values()
    }

    /// The events about one object, oldest first.
    pub fn about<'a>(&'a self, object: &'a ObjectKey) -> impl Iterator<Item = &'a Arc<Record>> {
        self.records.values().filter(move |r| r.about == *object)
    }

    /// The events as `v1.Event` objects; of one namespace, or of all when `namespace` is empty.
    pub fn objects(&self, namespace: &str) -> Vec<Arc<Object>> {
        let place = |about: &ObjectKey| -> SmolStr {
            if about.namespace.is_empty() { "default".into() } else { about.namespace.clone() }
        };
        let chosen = self.records.iter().filter(|(_, r)| namespace.is_empty() || place(&r.about) == namespace);
        let mut counted: Vec<(u64, Arc<Record>)> = Vec::new();
        let mut places: BTreeMap<_, usize> = BTreeMap::new();
        for (number, record) in chosen {
            // What says the same again is one event that counts. Warnings are counted as they come.
            let same = (&record.about, &record.uid, &record.field, record.reason, &record.message, record.component);
            match places.get(&same) {
                Some(place) => {
                    let first = Arc::make_mut(&mut counted[*place].1);
                    first.last = first.last.max(record.last);
                    first.count += record.count;
                }
                None => {
                    places.insert(same, counted.len());
                    counted.push((*number, record.clone()));
                }
            }
        }
        counted.iter().map(|(number, r)| r.object(*number, place(&r.about))).collect()
    }
}

impl Record {
    /// Whether it is counted as it comes: it may come for ever.
    fn is_counted(&self) -> bool {
        self.warning || self.reason == "BackOff"
    }

    fn object(&self, number: u64, namespace: SmolStr) -> Arc<Object> {
        // The real name ends in the nanoseconds of the first time; here the running number keeps names apart.
        let suffix = 0x1800_0000_0000_0000_u64 + self.first.0 * 1_000 + number;
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
                "resourceVersion": (format_smolstr!("{}", number + 1))
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
