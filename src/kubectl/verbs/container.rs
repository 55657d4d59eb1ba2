//! `kubectl exec`, `attach`, `logs`.

use super::{Act, FILES, TROUBLE, Verb};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::status::Status;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::arguments::resource;
use crate::kubectl::call::{Call, Exec, Follow, Next, Step, Streams, own};
use crate::kubectl::failure::Failure;
use crate::runtime::{ContainerState, Program, image};
use std::sync::Arc;

pub const EXEC: Verb = Verb {
    names: &["exec"],
    group: TROUBLE,
    short: "Execute a command in a container",
    usage: "(POD | TYPE/NAME) [-c CONTAINER] [flags] -- COMMAND [args...]",
    examples: "# One command\nkubectl exec web-1 -- env\n\n# A shell\nkubectl exec -it web-1 -- sh\n\n# In a certain container\nkubectl exec web-1 -c side -- ls /",
    flags: &["container,c= stdin,i tty,t quiet,q pod-running-timeout~", FILES],
    act: Act::Run(exec),
};

pub const ATTACH: Verb = Verb {
    names: &["attach"],
    group: TROUBLE,
    short: "Attach to a running container",
    usage: "(POD | TYPE/NAME) -c CONTAINER",
    examples: "",
    flags: &["container,c= stdin,i tty,t quiet,q pod-running-timeout~ detach-keys="],
    act: Act::Run(|_| {
        Err(own(
            "attaching to a process that runs already is not simulated here; kubectl exec -it POD -- sh opens a shell beside it, and kubectl logs shows what it prints",
        ))
    }),
};

pub const LOGS: Verb = Verb {
    names: &["logs", "log"],
    group: TROUBLE,
    short: "Print the logs for a container in a pod",
    usage: "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]",
    examples: "# What the pod printed\nkubectl logs web-1\n\n# And what it goes on to print\nkubectl logs -f web-1\n\n# Before it was restarted\nkubectl logs web-1 --previous",
    flags: &[
        "follow,f previous,p container,c= selector,l= since~ since-time= tail# timestamps prefix all-containers all-pods \
            ignore-errors limit-bytes# max-log-requests# pod-running-timeout~ insecure-skip-tls-verify-backend",
    ],
    act: Act::Run(logs),
};

/// The pod that `POD` or `TYPE/NAME` means: of a workload or Service, its first pod that runs.
pub(super) fn pod_of(call: &mut Call, word: &str) -> Result<Arc<Object>, Failure> {
    let namespace = call.namespace();
    let pods = resource(call.cluster.store(), "pods")?;
    let Some((kind, name)) = word.split_once('/') else {
        return call.get(&pods, &namespace, word).map_err(Failure::from);
    };
    let found = resource(call.cluster.store(), kind)?;
    let object = call.get(&found, &namespace, name)?;
    if found.stored == "Pod" {
        return Ok(object);
    }
    let mut candidates = pods_of(call.cluster, &object);
    if candidates.is_empty() {
        return Err(own(match found.stored.as_str() {
            "Service" if object.value.at(&["spec", "selector"]).is_none() => {
                format!("cannot attach to *v1.Service: invalid service '{name}': Service is defined without a selector")
            }
            _ => "timed out waiting for the condition".to_string(),
        }));
    }
    // Running and ready ones first, then the oldest.
    candidates.arrange_by_key(|p| {
        let running = p.value.str_at(&["status", "phase"]) == "Running";
        let ready = p.view().pod().is_some_and(|v| v.is_ready());
        (!running, !ready, p.value.str_at(&["metadata", "creationTimestamp"]).to_string(), p.name().clone())
    });
    Ok(candidates.remove(0))
}

/// The pods that a workload or Service selects.
fn pods_of(cluster: &Cluster, object: &Object) -> Vec<Arc<Object>> {
    let labels = match object.key.kind.as_str() {
        "Service" | "ReplicationController" => object.value.at(&["spec", "selector"]),
        _ => object.value.at(&["spec", "selector", "matchLabels"]),
    };
    let Some(labels) = labels.and_then(Value::as_map) else { return Vec::new() };
    let pairs: Vec<_> = labels.iter().filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))).collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    cluster.store().select("Pod", object.namespace(), &pairs).filter(|p| !p.is_terminating()).cloned().collect()
}

/// The container that is meant: the one named, the default one, or the first (which is then said).
fn container(call: &mut Call, pod: &Object, quiet: bool) -> Result<String, Failure> {
    let names: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|f| pod.value.items_at(&["spec", f]))
        .map(|c| c.text("name"))
        .collect();
    let mains: Vec<&str> = pod.value.items_at(&["spec", "containers"]).iter().map(|c| c.text("name")).collect();
    if let Some(wanted) = call.flags.get("container").map(str::to_string) {
        if names.contains(&wanted.as_str()) {
            return Ok(wanted);
        }
        return Err(own(format!("container {wanted} not found in pod {}", pod.name())));
    }
    if let Some(default) = pod.annotation("kubectl.kubernetes.io/default-container").filter(|d| names.contains(d)) {
        return Ok(default.to_string());
    }
    let first = mains.first().copied().unwrap_or("").to_string();
    if names.len() > 1 && !quiet {
        let others: Vec<String> =
            names.iter().map(|n| if mains.contains(n) { n.to_string() } else { format!("{n} (init)") }).collect();
        call.complain(format!("Defaulted container {} out of: {}", crate::api::json::quote(&first), others.join(", ")));
    }
    Ok(first)
}

fn exec(call: &mut Call) -> Result<Next, Failure> {
    let (before, after) = (call.flags.before_dash().to_vec(), call.flags.after_dash().to_vec());
    let (target, words) = match (call.flags.dash, before.as_slice()) {
        (_, []) if !call.flags.has("filename") => {
            return Err(call.usage("pod, type/name or --filename must be specified"));
        }
        (Some(_), [pod]) => (pod.clone(), after),
        (Some(_), [_, ..]) => {
            return Err(own(
                "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl exec -h' for help and examples",
            ));
        }
        (None, [_]) => return Err(call.usage("you must specify at least one command for the container")),
        (None, _) => {
            return Err(
                call.usage("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead")
            );
        }
        (Some(_), []) => return Err(call.usage("pod, type/name or --filename must be specified")),
    };
    if words.is_empty() {
        return Err(call.usage("you must specify at least one command for the container"));
    }
    let pod = pod_of(call, &target)?;
    let phase = pod.value.str_at(&["status", "phase"]).to_string();
    if matches!(phase.as_str(), "Succeeded" | "Failed") {
        return Err(own(format!("cannot exec into a container in a completed pod; current phase is {phase}")));
    }
    let name = container(call, &pod, call.flags.is_on("quiet"))?;
    check_running(call, &pod, &name)?;
    let (stdin, mut tty) = (call.flags.is_on("stdin"), call.flags.is_on("tty"));
    tty = tty && stdin;
    Ok(Next::Exec(Exec {
        pod: pod.key.clone(),
        container: name.into(),
        words,
        stdin,
        tty,
        remove_after: false,
        attached: false,
        greeting: String::new(),
    }))
}

/// What the API server or the kubelet says when a container cannot be entered.
fn check_running(call: &Call, pod: &Object, container: &str) -> Result<(), Failure> {
    let node = pod.value.str_at(&["spec", "nodeName"]);
    if node.is_empty() {
        return Err(Status::bad_request(format!("pod {} does not have a host assigned", pod.name())).into());
    }
    let running =
        call.cluster.runtime().get(&pod.key).and_then(|s| s.container(container)).is_some_and(|c| c.is_running());
    if !call.cluster.runtime().is_up(node) {
        let ip = pod.value.str_at(&["status", "hostIP"]);
        return Err(Failure::from(Status::unknown(format!(
            "error dialing backend: dial tcp {ip}:10250: connect: no route to host"
        ))));
    }
    if running {
        return Ok(());
    }
    Err(own(format!(
        "Internal error occurred: unable to upgrade connection: container not found ({})",
        crate::api::json::quote(container)
    )))
}

fn logs(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let selected = !call.flags.text("selector").is_empty();
    let mut pods = Vec::new();
    // `logs POD CONTAINER` is the old form of `-c`.
    let mut named = None;
    match (&args[..], selected) {
        ([], false) => {
            return Err(call.usage("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command"));
        }
        ([], true) => {
            let resource = resource(call.cluster.store(), "pods")?;
            pods = call.matching(&resource)?;
            if pods.is_empty() {
                let namespace = call.namespace();
                call.complain(format!("No resources found in {namespace} namespace."));
                return Ok(Next::Done(0));
            }
        }
        ([_, ..], true) => return Err(own("only a selector (-l) or a POD name is allowed")),
        ([word], false) => pods.push(log_pod(call, word)?),
        ([word, container], false) => {
            pods.push(log_pod(call, word)?);
            named = Some(container.clone());
        }
        _ => return Err(call.usage("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command")),
    }
    let previous = call.flags.is_on("previous");
    let tail = call.flags.number("tail").filter(|t| *t >= 0).or(if selected { Some(10) } else { None });
    let mut followed = Vec::new();
    for pod in pods {
        let chosen: Vec<String> = if let Some(name) = &named {
            vec![name.clone()]
        } else if call.flags.is_on("all-containers") {
            pod.value.items_at(&["spec", "containers"]).iter().map(|c| c.text("name").to_string()).collect()
        } else {
            vec![container(call, &pod, false)?]
        };
        for name in chosen {
            let lines = lines_of(call.cluster, &pod, &name, previous)?;
            let skip = tail.map_or(0, |t| lines.len().saturating_sub(t as usize));
            for line in &lines[skip..] {
                let prefix =
                    if call.flags.is_on("prefix") { format!("[pod/{}/{name}] ", pod.name()) } else { String::new() };
                let stamp = if call.flags.is_on("timestamps") { format!("{} ", call.now()) } else { String::new() };
                call.say(format!("{prefix}{stamp}{line}"));
            }
            followed.push((pod.key.clone(), name, lines.len()));
        }
    }
    if call.flags.is_on("follow") && !previous {
        return Ok(Next::Follow(Box::new(Followed { containers: followed })));
    }
    Ok(Next::Done(0))
}

fn log_pod(call: &mut Call, word: &str) -> Result<Arc<Object>, Failure> {
    pod_of(call, word).map_err(|failure| match failure {
        Failure::Server(status) if status.reason == "NotFound" && !word.contains('/') => {
            let namespace = call.namespace();
            own(format!(
                "error from server (NotFound): {} in namespace {}",
                status.message,
                crate::api::json::quote(&namespace)
            ))
        }
        other => other,
    })
}

/// What a container has printed so far.
fn lines_of(cluster: &Cluster, pod: &Object, container: &str, previous: bool) -> Result<Vec<String>, Failure> {
    let waiting = |reason: &str| {
        let words = match reason {
            "" | "ContainerCreating" | "PodInitializing" => {
                let reason = if reason.is_empty() { "ContainerCreating" } else { reason };
                format!(
                    "container {} in pod {} is waiting to start: {reason}",
                    crate::api::json::quote(container),
                    crate::api::json::quote(pod.name())
                )
            }
            other => format!(
                "container {} in pod {} is waiting to start: {}",
                crate::api::json::quote(container),
                crate::api::json::quote(pod.name()),
                match other {
                    "ImagePullBackOff" | "ErrImagePull" => "trying and failing to pull image",
                    other => other,
                }
            ),
        };
        Failure::from(Status::bad_request(words))
    };
    let Some(sandbox) = cluster.runtime().get(&pod.key) else {
        if pod.value.str_at(&["spec", "nodeName"]).is_empty() {
            return Ok(Vec::new());
        }
        return Err(waiting(""));
    };
    let Some(running) = sandbox.container(container) else { return Err(waiting("")) };
    let state = if previous {
        match &running.last {
            Some(last) => last,
            None => {
                return Err(Status::bad_request(format!(
                    "previous terminated container {} in pod {} not found",
                    crate::api::json::quote(container),
                    crate::api::json::quote(pod.name())
                ))
                .into());
            }
        }
    } else {
        &running.state
    };
    if let ContainerState::Waiting { reason, .. } = state
        && running.last.is_none()
    {
        return Err(waiting(reason));
    }
    Ok(printed(running))
}

/// What the program of an image prints when it starts: the first lines that people look for.
fn printed(container: &crate::runtime::RunningContainer) -> Vec<String> {
    if container.program != Program::Server {
        return Vec::new();
    }
    let text: &[&str] = match image::base_name(&container.image) {
        "nginx" => &[
            "/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty, will attempt to perform configuration",
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
        ],
        "luksa/kubia" | "kubia" => &["Kubia server starting..."],
        "coredns/coredns" | "coredns" => &[".:53", "CoreDNS-1.13.1", "linux/amd64, go1.25.2, 1db4568"],
        "redis" => &["* Ready to accept connections tcp"],
        _ => &[],
    };
    text.iter().map(|l| l.to_string()).collect()
}

/// `logs -f`: ends when its containers have ended.
struct Followed {
    containers: Vec<(ObjectKey, String, usize)>,
}

impl Follow for Followed {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        let mut alive = false;
        for (key, name, shown) in &mut self.containers {
            let Some(sandbox) = cluster.runtime().get(key) else { continue };
            let Some(container) = sandbox.container(name) else { continue };
            alive |= container.is_running();
            let lines = printed(container);
            for line in lines.iter().skip(*shown) {
                streams.out.push_str(line);
                streams.out.push('\n');
            }
            *shown = (*shown).max(lines.len());
        }
        if alive { Step::Wait(super::get::next_look(cluster)) } else { Step::Next(Next::Done(0)) }
    }
}
