//! A cluster's history: moments to go back to, and what differs between two of them, in words.
//!
//! A moment is a clone of the whole cluster, which shares its structure with the present one. What lies between two moments is
//! played again from the earlier one: everything is seeded, so it comes out the same.

use super::Cluster;
use crate::api::object::{FieldRef, Object};
use crate::api::path::FieldPath;
use crate::api::time::Time;
use crate::api::value::Value;
use crate::apiserver::store::Change;
use crate::arrange::set_of;
use crate::locale::Message;
use std::sync::Arc;

/// A moment that was kept.
#[derive(Clone, Debug)]
pub struct Moment {
    pub revision: u64,
    pub at: Time,
    /// What had just been done, in the words of who kept it.
    pub title: String,
    cluster: Cluster,
}

/// The moments of one line of history, oldest first.
#[derive(Clone, Debug, Default)]
pub struct History {
    moments: Vec<Moment>,
}

/// Events that a kept moment remembers.
const EVENTS: usize = 64;

/// Flows of a node that a kept moment remembers.
const FLOWS: usize = 256;

impl Cluster {
    /// Makes a copy that is kept smaller: a table of flows is copied as a whole once a packet changes it, and of many thousand
    /// flows that have ended nobody asks later.
    pub fn slim(&mut self) {
        self.network.keep_latest_flows(FLOWS);
    }
}

/// More moments than this are thinned out: every second one of the older half goes.
const MOST: usize = 256;

impl History {
    /// Keeps the present moment. Keep one after every action of a person: actions are not played again, only what follows
    /// from them.
    pub fn keep(&mut self, cluster: &Cluster, title: impl Into<String>) {
        if self.moments.len() >= MOST {
            let half = self.moments.len() / 2;
            let mut i = 0;
            self.moments.retain(|_| {
                i += 1;
                i > half || i % 2 == 1
            });
        }
        let mut kept = cluster.clone();
        // What was long over at that moment need not be kept once more with each.
        kept.store.compact(EVENTS);
        kept.slim();
        self.moments.push(Moment {
            revision: cluster.store().revision(),
            at: cluster.now(),
            title: title.into(),
            cluster: kept,
        });
    }

    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    /// The cluster as it was when the store reached `revision` (or just after, where one look wrote several times). `None`:
    /// before the first moment.
    pub fn at_revision(&self, revision: u64) -> Option<Cluster> {
        let moment = self.moments.iter().rev().find(|m| m.revision <= revision)?;
        let mut cluster = moment.cluster.clone();
        while cluster.store().revision() < revision && cluster.step().is_some() {}
        Some(cluster)
    }

    /// The cluster as it was at a moment of simulated time. `None`: before the first moment.
    pub fn at_time(&self, time: Time) -> Option<Cluster> {
        let moment = self.moments.iter().rev().find(|m| m.at <= time)?;
        let mut cluster = moment.cluster.clone();
        cluster.run_for(time.since(cluster.now()));
        Some(cluster)
    }

    /// A new line of history that branches off at `revision`: the moments up to there, and the cluster to go on with.
    pub fn branch(&self, revision: u64) -> Option<(History, Cluster)> {
        let cluster = self.at_revision(revision)?;
        let moments = self.moments.iter().filter(|m| m.revision <= revision).cloned().collect();
        Some((History { moments }, cluster))
    }
}

/// One difference between two states.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub at: FieldRef,
    pub message: Message,
}

/// The most fields of one object that are told one by one.
const MOST_FIELDS: usize = 12;

/// What differs between two states: what no object says, then object by object. Bookkeeping (versions, times) does not count.
pub fn compare(before: &Cluster, after: &Cluster) -> Vec<Difference> {
    let mut list = beside_objects(before, after);
    let (before, after) = (before.store(), after.store());
    for change in before.changes_to(after) {
        match change {
            Change::Added(object) => list.push(tell("compare.added", object.key.field(""))),
            Change::Removed(object) => list.push(tell("compare.removed", object.key.field(""))),
            Change::Changed(old, new) => changed(old, new, &mut list),
        }
    }
    list
}

/// Nodes whose plug was pulled or put back: their status follows forty seconds later.
fn beside_objects(before: &Cluster, after: &Cluster) -> Vec<Difference> {
    let mut list = Vec::new();
    for node in after.store().list("Node") {
        let up = [before, after].map(|cluster| cluster.runtime().is_up(&node.key.name));
        match up {
            [true, false] => list.push(tell("compare.power_off", node.key.field(""))),
            [false, true] => list.push(tell("compare.power_on", node.key.field(""))),
            _ => {}
        }
    }
    list
}

fn tell(id: &'static str, at: FieldRef) -> Difference {
    Difference { message: Message::new(id).with("object", at.object.to_string()), at }
}

fn changed(old: &Arc<Object>, new: &Arc<Object>, list: &mut Vec<Difference>) {
    let key = &new.key;
    match key.kind.as_str() {
        "Pod" => {
            let ready = |o: &Object| o.view().pod().is_some_and(|p| p.is_ready());
            match (ready(old), ready(new)) {
                (false, true) => list.push(tell("compare.became_ready", key.field("status.conditions"))),
                (true, false) => list.push(tell("compare.became_unready", key.field("status.conditions"))),
                _ => {}
            }
        }
        "EndpointSlice" => {
            let count =
                |o: &Object| o.view().endpoint_slice().map_or(0, |s| s.endpoints.iter().filter(|e| e.ready).count());
            if count(old) != count(new) {
                let mut difference = tell("compare.endpoints", key.field("endpoints"));
                difference.message = difference.message.with("before", count(old)).with("after", count(new));
                list.push(difference);
            }
            return;
        }
        // The slices have told it.
        "Endpoints" => return,
        _ => {}
    }
    let mut fields = Vec::new();
    differ(&mut String::new(), &old.value, &new.value, &mut fields);
    for (path, before, after) in fields.into_iter().take(MOST_FIELDS) {
        let id = match (&before, &after) {
            (None, _) => "compare.field_added",
            (_, None) => "compare.field_removed",
            _ => "compare.changed",
        };
        let mut difference = tell(id, key.field(FieldPath::new(path.as_str())));
        difference.message = difference.message.with("field", path);
        for (name, value) in [("before", before), ("after", after)] {
            if let Some(value) = value {
                difference.message = difference.message.with(name, value);
            }
        }
        list.push(difference);
    }
}

/// Fields that change with every breath.
const BOOKKEEPING: &[&str] = &[
    "resourceVersion",
    "generation",
    "observedGeneration",
    "managedFields",
    "lastTransitionTime",
    "lastUpdateTime",
    "lastProbeTime",
    "lastHeartbeatTime",
    "conditions",
    "containerStatuses",
    "initContainerStatuses",
    "kubectl.kubernetes.io/last-applied-configuration",
];

type FieldChange = (String, Option<String>, Option<String>);

fn differ(path: &mut String, old: &Value, new: &Value, out: &mut Vec<FieldChange>) {
    if old == new || out.len() > MOST_FIELDS {
        return;
    }
    let length = path.len();
    match (old, new) {
        (Value::Map(a), Value::Map(b)) => {
            let keys: std::collections::BTreeSet<_> = set_of(a.keys().chain(b.keys()));
            for key in keys.into_iter().filter(|k| !BOOKKEEPING.contains(&k.as_str())) {
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric());
                match (plain, path.is_empty()) {
                    (true, true) => path.push_str(key),
                    (true, false) => *path = format!("{path}.{key}"),
                    (false, _) => *path = format!("{path}[{key}]"),
                }
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differ(path, a, b, out),
                    (a, b) => out.push((path.clone(), a.map(short), b.map(short))),
                }
                path.truncate(length);
            }
        }
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b.iter()).enumerate() {
                *path = format!("{path}[{i}]");
                differ(path, a, b, out);
                path.truncate(length);
            }
        }
        _ => out.push((path.clone(), Some(short(old)), Some(short(new)))),
    }
}

/// A value in a few words.
fn short(value: &Value) -> String {
    let text = match value {
        Value::String(s) => s.to_string(),
        other => crate::api::json::to_string(other),
    };
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
