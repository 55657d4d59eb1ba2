//! A pod's status as the kubelet writes it.
//!
//! Upstream: `kubelet_pods.go` (generateAPIPodStatus, getPhase) and `status/generate.go`.

use super::node_ip;
use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::{Map, Value};
use crate::api::view::Pod;
use crate::controller::Context;
use crate::runtime::{ContainerState, PodSandbox, RunningContainer};
use smol_str::{SmolStr, format_smolstr};

pub(super) fn build(pod: &Object, view: &Pod, sandbox: &PodSandbox, context: &Context, now: Time) -> Value {
    let now = SmolStr::from(now.to_string());
    let old = pod.value.get("status");
    let created = !sandbox.ips.is_empty();
    let phase = phase(pod, sandbox);
    let ready_containers = created && !finished(phase) && sandbox.containers.iter().all(RunningContainer::is_ready);
    let gates_open = pod.value.items_at(&["spec", "readinessGates"]).iter().all(|gate| {
        let type_ = gate.str_at(&["conditionType"]);
        view.conditions.iter().any(|c| c.type_ == type_ && c.status == "True")
    });
    let initialized = created
        && sandbox.init_containers.iter().all(|c| {
            if c.is_sidecar() {
                c.is_started()
            } else {
                matches!(c.state, ContainerState::Terminated { exit_code: 0, .. })
            }
        });
    let not_ready: Vec<&str> = sandbox.containers.iter().filter(|c| !c.is_ready()).map(|c| c.name.as_str()).collect();
    let unready = format!("containers with unready status: [{}]", not_ready.join(" "));
    let (reason, message) = match (ready_containers, phase) {
        (true, _) => ("", ""),
        (_, "Succeeded") => ("PodCompleted", ""),
        (_, "Failed") => ("PodFailed", ""),
        _ => ("ContainersNotReady", unready.as_str()),
    };
    let incomplete = || {
        let names: Vec<&str> = sandbox
            .init_containers
            .iter()
            .filter(|c| !matches!(c.state, ContainerState::Terminated { exit_code: 0, .. }))
            .map(|c| c.name.as_str())
            .collect();
        format!("containers with incomplete status: [{}]", names.join(" "))
    };
    let mut conditions = Vec::with_capacity(5);
    let mut add = |type_: &str, status: bool, reason: &str, message: &str| {
        conditions.push(condition(old, pod, type_, status, reason, message, &now));
    };
    add("PodReadyToStartContainers", created, "", "");
    if initialized || sandbox.init_containers.is_empty() {
        let done = if phase == "Succeeded" { "PodCompleted" } else { "" };
        add("Initialized", true, done, "");
    } else {
        add("Initialized", false, "ContainersNotInitialized", &incomplete());
    }
    if ready_containers && !gates_open {
        add("Ready", false, "ReadinessGatesNotReady", "corresponding condition of pod readiness gate does not exist.");
    } else {
        add("Ready", ready_containers, reason, message);
    }
    add("ContainersReady", ready_containers, reason, message);
    add("PodScheduled", true, "", "");
    // Conditions of others (readiness gates) stay.
    for condition in old.map_or(&[][..], |s| s.items_at(&["conditions"])) {
        let known = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
        if !known.contains(&condition.str_at(&["type"])) {
            conditions.push(condition.clone());
        }
    }
    let mut status = Map::new();
    status.insert("conditions", conditions);
    status.insert("containerStatuses", statuses(pod, &sandbox.containers, false));
    if !sandbox.init_containers.is_empty() {
        status.insert("initContainerStatuses", statuses(pod, &sandbox.init_containers, true));
    }
    if let Some(ip) = node_ip(context.store, &view.node_name) {
        let ip = format_smolstr!("{ip}");
        let mut map = Map::new();
        map.insert("ip", &ip);
        status.insert("hostIP", ip);
        status.insert("hostIPs", Value::list(vec![map.into()]));
    }
    status.insert("observedGeneration", pod.value.at(&["metadata", "generation"]).cloned().unwrap_or(Value::Int(1)));
    status.insert("phase", phase);
    if let Some(ip) = sandbox.ip() {
        status.insert("podIP", format_smolstr!("{ip}"));
        let ips = sandbox.ips.iter().map(|ip| {
            let mut map = Map::new();
            map.insert("ip", format_smolstr!("{ip}"));
            Value::from(map)
        });
        status.insert("podIPs", Value::list(ips.collect()));
    }
    let qos = old.map_or("", |s| s.str_at(&["qosClass"]));
    status.insert("qosClass", if qos.is_empty() { "BestEffort" } else { qos });
    let started = old.and_then(|s| s.get("startTime")).and_then(Value::as_smol).unwrap_or(now);
    status.insert("startTime", started);
    status.into()
}

fn finished(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

/// The pod's phase, from its containers.
fn phase(pod: &Object, sandbox: &PodSandbox) -> &'static str {
    let never = pod.value.str_at(&["spec", "restartPolicy"]) == "Never";
    let init = sandbox.init_containers.iter().filter(|c| !c.is_sidecar());
    for container in init {
        match container.state {
            ContainerState::Terminated { exit_code: 0, .. } => {}
            ContainerState::Terminated { .. } if never && container.start_at.is_none() => return "Failed",
            _ => return "Pending",
        }
    }
    let (mut running, mut failed, mut ended) = (false, false, 0);
    for container in &sandbox.containers {
        match &container.state {
            ContainerState::Running { .. } => running = true,
            ContainerState::Terminated { .. } if container.start_at.is_some() => running = true,
            ContainerState::Terminated { exit_code, .. } => {
                ended += 1;
                failed |= *exit_code != 0;
            }
            // It ran before, and waits to run again.
            ContainerState::Waiting { .. } if container.last.is_some() => running = true,
            ContainerState::Waiting { .. } => return if running { "Running" } else { "Pending" },
        }
    }
    if running {
        "Running"
    } else if ended == sandbox.containers.len() {
        if failed { "Failed" } else { "Succeeded" }
    } else {
        "Pending"
    }
}

fn condition(
    old: Option<&Value>,
    pod: &Object,
    type_: &str,
    status: bool,
    reason: &str,
    message: &str,
    now: &SmolStr,
) -> Value {
    let status = if status { "True" } else { "False" };
    let before = old.and_then(|s| s.items_at(&["conditions"]).iter().find(|c| c.str_at(&["type"]) == type_));
    let since = before
        .filter(|c| c.str_at(&["status"]) == status)
        .and_then(|c| c.get("lastTransitionTime")?.as_smol())
        .unwrap_or_else(|| now.clone());
    let mut map = Map::new();
    map.insert("lastProbeTime", Value::Null);
    map.insert("lastTransitionTime", since);
    if !message.is_empty() {
        map.insert("message", message);
    }
    map.insert("observedGeneration", pod.value.at(&["metadata", "generation"]).cloned().unwrap_or(Value::Int(1)));
    if !reason.is_empty() {
        map.insert("reason", reason);
    }
    map.insert("status", status);
    map.insert("type", type_);
    map.into()
}

fn statuses(pod: &Object, containers: &[RunningContainer], init: bool) -> Value {
    let list = containers.iter().map(|container| {
        let mut map = Map::new();
        let ran = !matches!(container.state, ContainerState::Waiting { .. }) || container.last.is_some();
        if ran {
            map.insert("containerID", container_id(pod, container));
        }
        map.insert("image", full_image(&container.image));
        map.insert("imageID", if ran { image_id(&container.image) } else { SmolStr::default() });
        map.insert("lastState", container.last.as_ref().map_or_else(Value::map, state));
        map.insert("name", &container.name);
        // An init container is ready once it has done its work.
        let done = init && matches!(container.state, ContainerState::Terminated { exit_code: 0, .. });
        map.insert("ready", done || container.is_ready());
        map.insert("restartCount", i64::from(container.restarts));
        map.insert("started", container.is_started());
        map.insert("state", state(&container.state));
        Value::from(map)
    });
    Value::list(list.collect())
}

fn state(state: &ContainerState) -> Value {
    let mut map = Map::new();
    let mut inner = Map::new();
    match state {
        ContainerState::Waiting { reason, message } => {
            if !message.is_empty() {
                inner.insert("message", message);
            }
            inner.insert("reason", if reason.is_empty() { "ContainerCreating" } else { reason.as_str() });
            map.insert("waiting", inner);
        }
        ContainerState::Running { since } => {
            inner.insert("startedAt", SmolStr::from(since.to_string()));
            map.insert("running", inner);
        }
        ContainerState::Terminated { exit_code, reason, started, finished } => {
            inner.insert("exitCode", i64::from(*exit_code));
            inner.insert("finishedAt", SmolStr::from(finished.to_string()));
            inner.insert("reason", reason);
            inner.insert("startedAt", SmolStr::from(started.to_string()));
            map.insert("terminated", inner);
        }
    }
    map.into()
}

/// 64 hexadecimal digits that belong to this run of this container.
fn container_id(pod: &Object, container: &RunningContainer) -> SmolStr {
    let seed = container.name.bytes().chain(pod.uid().bytes()).chain(container.restarts.to_le_bytes());
    let hash = seed.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let word = |n: u64| hash.wrapping_mul(n).rotate_left(29) ^ hash;
    format_smolstr!("containerd://{:016x}{:016x}{:016x}{:016x}", word(3), word(5), word(7), word(11))
}

fn image_id(image: &str) -> SmolStr {
    let hash = image.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let word = |n: u64| hash.wrapping_mul(n).rotate_left(23) ^ hash;
    let name = full_image(image);
    let name = name.rsplit_once(':').map_or(name.as_str(), |(head, _)| head);
    format_smolstr!("{name}@sha256:{:016x}{:016x}{:016x}{:016x}", word(3), word(5), word(7), word(11))
}

/// The image with registry and tag, as containerd names it.
fn full_image(image: &str) -> SmolStr {
    let tagged = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let tag = if tagged { "" } else { ":latest" };
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => format_smolstr!("{image}{tag}"),
        Some(_) => format_smolstr!("docker.io/{image}{tag}"),
        None => format_smolstr!("docker.io/library/{image}{tag}"),
    }
}
