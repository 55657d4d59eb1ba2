//! Pods: the STATUS column is worked out from the container statuses, and differs from the phase.

use super::{Columns, aged, name, or_none};
use crate::api::object::Object;
use crate::api::time::{self, Time};
use crate::api::value::Value;
use crate::kubectl::output::age::human_duration;

pub const COLUMNS: &[Columns] =
    &[Columns { kind: "Pod", headers: "Name,Ready,Status,Restarts,Age|IP,Node,Nominated Node,Readiness Gates", cells }];

/// What the STATUS column says, ready and all containers, restarts and when the last one was.
pub struct Status {
    pub reason: String,
    pub ready: usize,
    pub total: usize,
    pub restarts: i64,
    last_restart: Option<Time>,
}

fn is_sidecar(container: &Value) -> bool {
    container.text("restartPolicy") == "Always"
}

/// Works the status of a pod out (upstream `printPod`).
pub fn status(pod: &Value) -> Status {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let state = pod.get("status").unwrap_or(&Value::Null);
    let mut reason = state.text("phase").to_string();
    if !state.text("reason").is_empty() {
        reason = state.text("reason").to_string();
    }
    for condition in state.items("conditions") {
        if condition.text("type") == "PodScheduled" && condition.text("reason") == "SchedulingGated" {
            reason = "SchedulingGated".to_string();
        }
    }
    let inits = spec.items("initContainers");
    let sidecars = inits.iter().filter(|c| is_sidecar(c)).count();
    let mut total = spec.items("containers").len() + sidecars;
    let (mut ready, mut restarts, mut sidecar_restarts) = (0, 0, 0);
    let (mut last_restart, mut last_sidecar_restart) = (None, None);
    let mut initializing = false;
    let finished = |status: &Value| time::parse(status.str_at(&["lastState", "terminated", "finishedAt"]));
    for (i, status) in state.items("initContainerStatuses").iter().enumerate() {
        let container = inits.iter().find(|c| c.text("name") == status.text("name"));
        let sidecar = container.is_some_and(is_sidecar);
        restarts += status.int("restartCount");
        last_restart = last_restart.max(finished(status));
        if sidecar {
            sidecar_restarts += status.int("restartCount");
            last_sidecar_restart = last_sidecar_restart.max(finished(status));
        }
        let terminated = status.at(&["state", "terminated"]);
        if terminated.is_some_and(|t| t.int("exitCode") == 0) {
            continue;
        }
        if sidecar && status.flag("started") {
            if status.flag("ready") {
                ready += 1;
            }
            continue;
        }
        let waiting = status.str_at(&["state", "waiting", "reason"]);
        reason = match terminated {
            Some(t) => format!("Init:{}", ended(t)),
            None if !waiting.is_empty() && waiting != "PodInitializing" => format!("Init:{waiting}"),
            None => format!("Init:{i}/{}", inits.len()),
        };
        initializing = true;
        break;
    }
    if !initializing || is_initialized(state) {
        restarts = sidecar_restarts;
        last_restart = last_sidecar_restart;
        let mut running = false;
        for status in state.items("containerStatuses").iter().rev() {
            restarts += status.int("restartCount");
            last_restart = last_restart.max(finished(status));
            let waiting = status.str_at(&["state", "waiting", "reason"]);
            if !waiting.is_empty() {
                reason = waiting.to_string();
            } else if let Some(t) = status.at(&["state", "terminated"]) {
                reason = ended(t);
            } else if status.flag("ready") && status.at(&["state", "running"]).is_some() {
                running = true;
                ready += 1;
            }
        }
        if reason == "Completed" && running {
            let is_ready =
                state.items("conditions").iter().any(|c| c.text("type") == "Ready" && c.text("status") == "True");
            reason = if is_ready { "Running" } else { "NotReady" }.to_string();
        }
    }
    if pod.at(&["metadata", "deletionTimestamp"]).is_some() {
        if state.text("reason") == "NodeLost" {
            reason = "Unknown".to_string();
        } else if !matches!(state.text("phase"), "Succeeded" | "Failed") {
            reason = "Terminating".to_string();
        }
    }
    total = total.max(ready);
    Status { reason, ready, total, restarts, last_restart }
}

fn is_initialized(state: &Value) -> bool {
    state.items("conditions").iter().any(|c| c.text("type") == "Initialized" && c.text("status") == "True")
}

fn ended(terminated: &Value) -> String {
    let reason = terminated.text("reason");
    if !reason.is_empty() {
        return reason.to_string();
    }
    match terminated.int("signal") {
        0 => format!("ExitCode:{}", terminated.int("exitCode")),
        signal => format!("Signal:{signal}"),
    }
}

fn cells(object: &Object, now: Time) -> Vec<String> {
    let pod = &object.value;
    let status = status(pod);
    let restarts = match status.last_restart {
        Some(at) if status.restarts > 0 => {
            format!("{} ({} ago)", status.restarts, human_duration(now.since(at).as_secs()))
        }
        _ => status.restarts.to_string(),
    };
    let ip = pod.items_at(&["status", "podIPs"]).first().map_or("", |ip| ip.text("ip"));
    let gates = pod.items_at(&["spec", "readinessGates"]);
    let met = |gate: &Value| {
        pod.items_at(&["status", "conditions"])
            .iter()
            .any(|c| c.text("type") == gate.text("conditionType") && c.text("status") == "True")
    };
    let gates_text = if gates.is_empty() {
        "<none>".to_string()
    } else {
        format!("{}/{}", gates.iter().filter(|g| met(g)).count(), gates.len())
    };
    vec![
        name(object),
        format!("{}/{}", status.ready, status.total),
        status.reason,
        restarts,
        aged(object, now),
        or_none(ip),
        or_none(pod.str_at(&["spec", "nodeName"])),
        or_none(pod.str_at(&["status", "nominatedNodeName"])),
        gates_text,
    ]
}
