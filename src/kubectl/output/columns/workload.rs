//! Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets, Jobs, CronJobs and what scales them.

use super::{Columns, aged, containers, format_labels, format_selector, name, or_none};
use crate::api::object::Object;
use crate::api::time::{self, Time};
use crate::api::value::Value;
use crate::kubectl::output::age::{human_duration, since};

pub const COLUMNS: &[Columns] = &[
    Columns {
        kind: "Deployment",
        headers: "Name,Ready,Up-to-date,Available,Age|Containers,Images,Selector",
        cells: |o, now| {
            with_template(
                o,
                vec![
                    name(o),
                    format!("{}/{}", status(o, "readyReplicas"), desired(o)),
                    status(o, "updatedReplicas").to_string(),
                    status(o, "availableReplicas").to_string(),
                    aged(o, now),
                ],
            )
        },
    },
    Columns {
        kind: "ReplicaSet",
        headers: "Name,Desired,Current,Ready,Age|Containers,Images,Selector",
        cells: replicas,
    },
    Columns {
        kind: "ReplicationController",
        headers: "Name,Desired,Current,Ready,Age|Containers,Images,Selector",
        cells: replicas,
    },
    Columns {
        kind: "StatefulSet",
        headers: "Name,Ready,Age|Containers,Images",
        cells: |o, now| {
            let ready = format!("{}/{}", status(o, "readyReplicas"), desired(o));
            let mut cells = with_template(o, vec![name(o), ready, aged(o, now)]);
            cells.pop();
            cells
        },
    },
    Columns {
        kind: "DaemonSet",
        headers: "Name,Desired,Current,Ready,Up-to-date,Available,Node Selector,Age|Containers,Images,Selector",
        cells: |o, now| {
            let count = |field: &str| status(o, field).to_string();
            with_template(
                o,
                vec![
                    name(o),
                    count("desiredNumberScheduled"),
                    count("currentNumberScheduled"),
                    count("numberReady"),
                    count("updatedNumberScheduled"),
                    count("numberAvailable"),
                    format_labels(o.value.at(&["spec", "template", "spec", "nodeSelector"])),
                    aged(o, now),
                ],
            )
        },
    },
    Columns { kind: "Job", headers: "Name,Status,Completions,Duration,Age|Containers,Images,Selector", cells: job },
    Columns {
        kind: "CronJob",
        headers: "Name,Schedule,Timezone,Suspend,Active,Last Schedule,Age|Containers,Images,Selector",
        cells: |o, now| {
            let spec = o.value.get("spec").unwrap_or(&Value::Null);
            let last = o.value.str_at(&["status", "lastScheduleTime"]);
            let (names, images) = containers(spec.at(&["jobTemplate", "spec", "template", "spec"]));
            let capital = if spec.flag("suspend") { "True" } else { "False" };
            vec![
                name(o),
                spec.text("schedule").to_string(),
                or_none(spec.text("timeZone")),
                capital.to_string(),
                o.value.items_at(&["status", "active"]).len().to_string(),
                if last.is_empty() { "<none>".to_string() } else { since(last, now) },
                aged(o, now),
                names,
                images,
                or_none(&format_selector(spec.at(&["jobTemplate", "spec", "selector"]))),
            ]
        },
    },
    Columns {
        kind: "HorizontalPodAutoscaler",
        headers: "Name,Reference,Targets,MinPods,MaxPods,Replicas,Age",
        cells: |o, now| {
            let spec = o.value.get("spec").unwrap_or(&Value::Null);
            let target = spec.get("scaleTargetRef").unwrap_or(&Value::Null);
            let min = spec.field("minReplicas").and_then(Value::as_i64);
            vec![
                name(o),
                format!("{}/{}", target.text("kind"), target.text("name")),
                metrics(&o.value),
                min.map_or("<unset>".to_string(), |m| m.to_string()),
                spec.int("maxReplicas").to_string(),
                status(o, "currentReplicas").to_string(),
                aged(o, now),
            ]
        },
    },
    Columns {
        kind: "PodDisruptionBudget",
        headers: "Name,Min Available,Max Unavailable,Allowed Disruptions,Age",
        cells: |o, now| {
            let bound = |field: &str| o.value.at(&["spec", field]).map_or("N/A".to_string(), plain);
            vec![
                name(o),
                bound("minAvailable"),
                bound("maxUnavailable"),
                status(o, "disruptionsAllowed").to_string(),
                aged(o, now),
            ]
        },
    },
    Columns {
        kind: "ControllerRevision",
        headers: "Name,Controller,Revision,Age",
        cells: |o, now| {
            let owner = o.controller().map_or("<none>".to_string(), |(key, _)| {
                format!("{}.apps/{}", key.kind.to_ascii_lowercase(), key.name)
            });
            vec![name(o), owner, o.value.int("revision").to_string(), aged(o, now)]
        },
    },
    Columns {
        kind: "PodTemplate",
        headers: "Name,Containers,Images,Pod Labels",
        cells: |o, _| {
            let (names, images) = containers(o.value.at(&["template", "spec"]));
            vec![name(o), names, images, format_labels(o.value.at(&["template", "metadata", "labels"]))]
        },
    },
];

fn status(object: &Object, field: &str) -> i64 {
    object.value.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0)
}

fn desired(object: &Object) -> i64 {
    object.value.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0)
}

/// A number or a text without its quotes.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.to_string(),
        other => crate::api::json::to_string(other),
    }
}

/// Adds the wide cells of a workload: containers, images, selector.
fn with_template(object: &Object, mut cells: Vec<String>) -> Vec<String> {
    let (names, images) = containers(object.value.at(&["spec", "template", "spec"]));
    let selector = object.value.at(&["spec", "selector"]);
    let labels_only = object.key.kind == "ReplicationController";
    cells.extend([names, images, if labels_only { format_labels(selector) } else { format_selector(selector) }]);
    cells
}

fn replicas(object: &Object, now: Time) -> Vec<String> {
    let cells = vec![
        name(object),
        desired(object).to_string(),
        status(object, "replicas").to_string(),
        status(object, "readyReplicas").to_string(),
        aged(object, now),
    ];
    with_template(object, cells)
}

fn job(object: &Object, now: Time) -> Vec<String> {
    let job = &object.value;
    let holds = |type_: &str| {
        job.items_at(&["status", "conditions"]).iter().any(|c| c.text("type") == type_ && c.text("status") == "True")
    };
    let state = if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if job.at(&["metadata", "deletionTimestamp"]).is_some() {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    };
    let succeeded = status(object, "succeeded");
    let parallelism = job.at(&["spec", "parallelism"]).and_then(Value::as_i64).unwrap_or(0);
    let completions = match job.at(&["spec", "completions"]).and_then(Value::as_i64) {
        Some(completions) => format!("{succeeded}/{completions}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    };
    let started = time::parse(job.str_at(&["status", "startTime"]));
    let ended = time::parse(job.str_at(&["status", "completionTime"]));
    let duration = started.map_or(String::new(), |s| human_duration(ended.unwrap_or(now).since(s).as_secs()));
    with_template(object, vec![name(object), state.to_string(), completions, duration, aged(object, now)])
}

fn metrics(autoscaler: &Value) -> String {
    let specs = autoscaler.items_at(&["spec", "metrics"]);
    if specs.is_empty() {
        return "<none>".to_string();
    }
    let current = autoscaler.items_at(&["status", "currentMetrics"]);
    let mut texts = Vec::new();
    for (i, spec) in specs.iter().enumerate() {
        let now = current.get(i).unwrap_or(&Value::Null);
        texts.push(match spec.text("type") {
            "Resource" => {
                let resource = spec.get("resource").unwrap_or(&Value::Null);
                let target = resource.get("target").unwrap_or(&Value::Null);
                let value = match target.field("averageUtilization").and_then(Value::as_i64) {
                    Some(percent) => {
                        let used = now.at(&["resource", "current", "averageUtilization"]).and_then(Value::as_i64);
                        let used = used.map_or("<unknown>".to_string(), |u| format!("{u}%"));
                        format!("{used}/{percent}%")
                    }
                    None => {
                        let used =
                            now.at(&["resource", "current", "averageValue"]).map_or("<unknown>".to_string(), plain);
                        format!("{used}/{}", target.get("averageValue").map_or("<auto>".to_string(), plain))
                    }
                };
                format!("{}: {value}", resource.text("name"))
            }
            other => {
                let key = other.to_ascii_lowercase();
                let target = spec.at(&[&key, "target", "averageValue"]).or_else(|| spec.at(&[&key, "target", "value"]));
                format!("<unknown>/{}", target.map_or("<auto>".to_string(), plain))
            }
        });
    }
    if texts.len() > 2 {
        let more = texts.len() - 2;
        return format!("{} + {more} more...", texts[..2].join(", "));
    }
    texts.join(", ")
}
