//! A pod's status as the kubelet writes it.
//!
//! Upstream: `kubelet_pods.go` (generateAPIPodStatus, getPhase) and `status/generate.go`.

use crate::api::digits;
use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::{Map, Value};
use crate::api::view::Pod;
use crate::controller::memory::{ImageNames, SharedCondition};
use crate::controller::{Context, Memory};
use crate::runtime::sandbox::{LOST, START_ERROR, Stop};
use crate::runtime::{ContainerState, PodSandbox, RunningContainer};
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

pub(super) fn build(
    pod: &Object,
    view: &Pod,
    sandbox: &PodSandbox,
    node_ip: Option<IpAddr>,
    context: &mut Context,
    now: Time,
) -> Value {
    let old = pod.value.get("status");
    let created = !sandbox.ips.is_empty();
    let phase = phase(pod, sandbox);
    let verdict = match &sandbox.stop {
        Some(Stop::Failed { reason, message }) if phase == "Failed" => Some((*reason, message)),
        _ => None,
    };
    let mut status = Map::with_capacity(11);
    status.push("conditions", conditions(pod, sandbox, phase, context.memory, now));
    let before = |field: &str| old.map_or(&[][..], |s| s.items_at(&[field]));
    let of_containers = statuses(pod, &sandbox.containers, before("containerStatuses"), false, context.memory);
    status.push("containerStatuses", of_containers);
    if let Some(ip) = node_ip {
        let ip = digits::address(&ip);
        let kept = old.filter(|s| s.str_at(&["hostIP"]) == ip).and_then(|s| s.get("hostIPs"));
        let list = kept.cloned().unwrap_or_else(|| Value::list(vec![one("ip", ip.clone())]));
        status.push("hostIP", ip);
        status.push("hostIPs", list);
    }
    if !sandbox.init_containers.is_empty() {
        let before = before("initContainerStatuses");
        let of_containers = statuses(pod, &sandbox.init_containers, before, true, context.memory);
        status.push("initContainerStatuses", of_containers);
    }
    if let Some((_, message)) = verdict {
        status.push("message", message);
    }
    status.push("observedGeneration", generation(pod));
    status.push("phase", phase);
    if created {
        let kept = old.filter(|_| view.ips == sandbox.ips).and_then(|s| Some((s.get("podIP")?, s.get("podIPs")?)));
        match kept {
            Some((ip, list)) => {
                status.push("podIP", ip.clone());
                status.push("podIPs", list.clone());
            }
            None => {
                let texts: Vec<SmolStr> = sandbox.ips.iter().map(digits::address).collect();
                status.push("podIP", &texts[0]);
                status.push("podIPs", Value::list(texts.into_iter().map(|ip| one("ip", ip)).collect()));
            }
        }
    }
    let qos = old.and_then(|s| s.get("qosClass")).filter(|q| q.as_str() != Some(""));
    status.push("qosClass", qos.cloned().unwrap_or_else(|| "BestEffort".into()));
    if let Some((reason, _)) = verdict {
        status.push("reason", SmolStr::new_static(reason));
    }
    let started = old.and_then(|s| s.get("startTime")).cloned();
    status.push("startTime", started.unwrap_or_else(|| now.text().into()));
    status.into()
}

fn one(key: &'static str, value: SmolStr) -> Value {
    let mut map = Map::with_capacity(1);
    map.push(key, value);
    map.into()
}

pub(super) fn generation(pod: &Object) -> Value {
    pod.value.at(&["metadata", "generation"]).cloned().unwrap_or(Value::Int(1))
}

/// The types of condition that the kubelet itself keeps.
const OWN: [&str; 5] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];

fn conditions(pod: &Object, sandbox: &PodSandbox, phase: &str, memory: &mut Memory, now: Time) -> Vec<Value> {
    let created = !sandbox.ips.is_empty();
    let ready = created && !finished(phase) && sandbox.containers.iter().all(RunningContainer::is_ready);
    let old = pod.value.items_at(&["status", "conditions"]);
    let generation = generation(pod);
    let mut list = Vec::with_capacity(OWN.len().max(old.len()));
    let mut add = |type_: &'static str, status: bool, reason: &str, message: &str| {
        list.push(condition(old, &generation, list.len(), type_, status, reason, message, memory, now));
    };
    add("PodReadyToStartContainers", created, "", "");
    let has_done_its_work = |c: &RunningContainer| {
        if c.is_sidecar() { c.is_started() } else { matches!(c.state, ContainerState::Terminated { exit_code: 0, .. }) }
    };
    // What has begun stays initialized, whatever becomes of its sidecars.
    let is_initialized = || created && (sandbox.has_begun() || sandbox.init_containers.iter().all(has_done_its_work));
    if sandbox.init_containers.is_empty() || is_initialized() {
        add("Initialized", true, if phase == "Succeeded" { "PodCompleted" } else { "" }, "");
    } else {
        let waits = sandbox.init_containers.iter().filter(|c| !has_done_its_work(c));
        let names: Vec<&str> = waits.map(|c| c.name.as_str()).collect();
        let message = format!("containers with incomplete status: [{}]", names.join(" "));
        add("Initialized", false, "ContainersNotInitialized", &message);
    }
    let (reason, message) = match (ready, phase) {
        (true, _) => ("", String::new()),
        (_, "Succeeded") => ("PodCompleted", String::new()),
        (_, "Failed") => ("PodFailed", String::new()),
        _ => {
            let names: Vec<&str> =
                sandbox.containers.iter().filter(|c| !c.is_ready()).map(|c| c.name.as_str()).collect();
            ("ContainersNotReady", format!("containers with unready status: [{}]", names.join(" ")))
        }
    };
    let shut = if ready { shut_gates(pod) } else { String::new() };
    if shut.is_empty() {
        add("Ready", ready, reason, &message);
    } else {
        add("Ready", false, "ReadinessGatesNotReady", &shut);
    }
    add("ContainersReady", ready, reason, &message);
    add("PodScheduled", true, "", "");
    // Conditions of others (readiness gates) stay.
    list.extend(old.iter().filter(|c| !OWN.contains(&c.str_at(&["type"]))).cloned());
    list
}

/// The readiness gates that keep a pod from being ready, in the kubelet's words; empty when all are open.
fn shut_gates(pod: &Object) -> String {
    let conditions = pod.value.items_at(&["status", "conditions"]);
    let gates = pod.value.items_at(&["spec", "readinessGates"]).iter();
    let words = gates.filter_map(|gate| {
        let type_ = gate.str_at(&["conditionType"]);
        match conditions.iter().find(|c| c.text("type") == type_).map(|c| c.text("status")) {
            None => Some(format!("corresponding condition of pod readiness gate \"{type_}\" does not exist.")),
            Some(status) if status != "True" => {
                Some(format!("the status of pod readiness gate \"{type_}\" is not \"True\", but {status}"))
            }
            Some(_) => None,
        }
    });
    words.collect::<Vec<_>>().join(", ")
}

fn finished(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed")
}

/// The pod's phase: no pod is over while something in it runs.
fn phase(pod: &Object, sandbox: &PodSandbox) -> &'static str {
    let from_containers = phase_of_containers(pod, sandbox);
    let failed = matches!(sandbox.stop, Some(Stop::Failed { .. }));
    if !failed && !finished(from_containers) {
        return from_containers;
    }
    match sandbox.all().any(RunningContainer::is_running) {
        true if sandbox.has_begun() => "Running",
        true => "Pending",
        false if failed => "Failed",
        false => from_containers,
    }
}

/// The phase that the pod's containers make, its sidecars aside.
fn phase_of_containers(pod: &Object, sandbox: &PodSandbox) -> &'static str {
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

/// A condition; the old one itself when it says the same, or one that another pod got of late: pods of one template that start
/// together say the same.
#[allow(clippy::too_many_arguments)]
fn condition(
    old: &[Value],
    generation: &Value,
    place: usize,
    type_: &'static str,
    status: bool,
    reason: &str,
    message: &str,
    memory: &mut Memory,
    now: Time,
) -> Value {
    let word = if status { "True" } else { "False" };
    // They stand in the same order each time, mostly.
    let is_it = |c: &&Value| c.text("type") == type_;
    let before = old.get(place).filter(is_it).or_else(|| old.iter().find(is_it)).filter(|c| c.text("status") == word);
    if let Some(before) = before
        && before.text("reason") == reason
        && before.text("message") == message
        && before.get("observedGeneration") == Some(generation)
    {
        return before.clone();
    }
    let since = before.and_then(|c| c.get("lastTransitionTime"));
    let second = now.since(Time::default()).as_secs();
    let says_so = |known: &SharedCondition, shared: &Value| {
        known.status == status
            && known.type_ == type_
            && since.map_or(known.since == Some(second), |since| shared.get("lastTransitionTime") == Some(since))
            && known.reason == reason
            && known.message == message
            && known.generation == *generation
    };
    if let Some((_, shared)) = memory.conditions.iter().find(|(known, shared)| says_so(known, shared)) {
        return shared.clone();
    }
    let mut map = Map::with_capacity(7);
    map.push("lastProbeTime", Value::Null);
    map.push("lastTransitionTime", since.cloned().unwrap_or_else(|| now.text().into()));
    if !message.is_empty() {
        map.push("message", message);
    }
    map.push("observedGeneration", generation.clone());
    if !reason.is_empty() {
        map.push("reason", reason);
    }
    map.push("status", SmolStr::new_static(word));
    map.push("type", SmolStr::new_static(type_));
    let new = SharedCondition {
        type_,
        status,
        since: since.is_none().then_some(second),
        reason: reason.into(),
        message: message.into(),
        generation: generation.clone(),
    };
    memory.share_condition(new, map.into())
}

fn statuses(pod: &Object, containers: &[RunningContainer], old: &[Value], init: bool, memory: &mut Memory) -> Value {
    let list = containers.iter().map(|container| {
        let before = old.iter().find(|s| s.text("name") == container.name);
        let ran = !matches!(container.state, ContainerState::Waiting { .. }) || container.last.is_some();
        // Names of what has not been exchanged since the last status stand there.
        let same_run = before.filter(|s| s.int("restartCount") == i64::from(container.restarts));
        let kept = |field: &str| {
            same_run.filter(|_| ran).and_then(|s| s.get(field)).filter(|v| v.as_str() != Some("")).cloned()
        };
        let mut map = Map::with_capacity(10);
        if ran {
            map.push("containerID", kept("containerID").unwrap_or_else(|| container_id(pod, container).into()));
        }
        let names = names_of(&container.image, memory);
        map.push("image", kept("image").unwrap_or_else(|| names.full.into()));
        let id = if ran { kept("imageID").unwrap_or_else(|| names.id.into()) } else { "".into() };
        map.push("imageID", id);
        let problem = &container.start_error;
        map.push("lastState", container.last.as_ref().map_or_else(Value::map, |last| state(last, problem)));
        map.push("name", &container.name);
        // An init container is ready once it has done its work; a sidecar, while it runs.
        let ready = if init && !container.is_sidecar() {
            matches!(container.state, ContainerState::Terminated { exit_code: 0, .. })
        } else {
            container.is_ready()
        };
        map.push("ready", ready);
        map.push("restartCount", i64::from(container.restarts));
        map.push("started", container.is_started());
        map.push("state", state(&container.state, problem));
        Value::from(map)
    });
    Value::list(list.collect())
}

/// `problem`: why the process could not be started, if that is what the state tells of.
fn state(state: &ContainerState, problem: &str) -> Value {
    let mut map = Map::new();
    let mut inner = Map::new();
    match state {
        ContainerState::Waiting { reason, message } => {
            if !message.is_empty() {
                inner.push("message", message);
            }
            inner.push("reason", if reason.is_empty() { "ContainerCreating" } else { reason.as_str() });
            map.push("waiting", inner);
        }
        ContainerState::Running { since } => {
            inner.push("startedAt", since.text());
            map.push("running", inner);
        }
        ContainerState::Terminated { exit_code, reason, .. } if reason == LOST => {
            inner.push("exitCode", i64::from(*exit_code));
            inner.push("finishedAt", Value::Null);
            inner.push("message", "The container could not be located when the pod was terminated");
            inner.push("reason", reason);
            inner.push("startedAt", Value::Null);
            map.push("terminated", inner);
        }
        ContainerState::Terminated { exit_code, reason, started, finished } => {
            inner.push("exitCode", i64::from(*exit_code));
            let never_ran = reason == START_ERROR;
            inner.push("finishedAt", finished.text());
            if never_ran {
                inner.push("message", problem);
            }
            inner.push("reason", reason);
            inner.push("startedAt", if never_ran { "1970-01-01T00:00:00Z".into() } else { started.text() });
            map.push("terminated", inner);
        }
    }
    map.into()
}

/// What an image is called, worked out once for the pods of a template.
fn names_of(image: &SmolStr, memory: &mut Memory) -> ImageNames {
    const KNOWN: usize = 8;
    if let Some((_, names)) = memory.images.iter().find(|(known, _)| known == image) {
        return names.clone();
    }
    let names = ImageNames { full: full_image(image), id: image_id(image) };
    memory.images.truncate(KNOWN - 1);
    memory.images.insert(0, (image.clone(), names.clone()));
    names
}

/// 64 hexadecimal digits that belong to this run of this container.
fn container_id(pod: &Object, container: &RunningContainer) -> SmolStr {
    let seed = container.name.bytes().chain(pod.uid().bytes()).chain(container.restarts.to_le_bytes());
    let hash = fnv(seed);
    let word = |n: u64| hash.wrapping_mul(n).rotate_left(29) ^ hash;
    digest("containerd://", [word(3), word(5), word(7), word(11)])
}

fn image_id(image: &str) -> SmolStr {
    let hash = fnv(image.bytes());
    let word = |n: u64| hash.wrapping_mul(n).rotate_left(23) ^ hash;
    let name = full_image(image);
    let name = name.rsplit_once(':').map_or(name.as_str(), |(head, _)| head);
    digest(&format!("{name}@sha256:"), [word(3), word(5), word(7), word(11)])
}

fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// The hexadecimal digits of four words behind a prefix.
fn digest(prefix: &str, words: [u64; 4]) -> SmolStr {
    let mut digits = [0; 64];
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(words[place / 16] >> (60 - place % 16 * 4)) as usize & 0xf];
    }
    [prefix, str::from_utf8(&digits).unwrap_or_default()].concat().into()
}

/// The image with registry and tag, as containerd names it.
pub(super) fn full_image(image: &str) -> SmolStr {
    let tagged = image.rsplit('/').next().is_some_and(|last| last.contains([':', '@']));
    let tag = if tagged { "" } else { ":latest" };
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => format_smolstr!("{image}{tag}"),
        Some(_) => format_smolstr!("docker.io/{image}{tag}"),
        None => format_smolstr!("docker.io/library/{image}{tag}"),
    }
}
