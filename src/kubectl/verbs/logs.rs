//! `kubectl logs`, after `pkg/cmd/logs` and `logsForObject`.

use super::container::{Prefer, container, first, known, pods_of};
use super::{Act, TROUBLE, Verb};
use crate::api::object::{Object, ObjectKey};
use crate::apiserver::status::Status;
use crate::cluster::Cluster;
use crate::kubectl::arguments::resource;
use crate::kubectl::call::{Call, Follow, Next, Step, Streams, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::printed;
use crate::runtime::ContainerState;
use std::sync::Arc;

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

fn logs(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let by_label = !call.flags.text("selector").is_empty();
    let mut quiet = call.flags.is_on("all-pods");
    // `logs POD CONTAINER` is the old form of `-c`.
    let mut named = None;
    let pods = match (&args[..], by_label) {
        ([], true) => {
            validate(call, None)?;
            let resource = resource(call.cluster.store(), "pods")?;
            let pods = call.matching(&resource)?;
            if pods.is_empty() {
                let namespace = call.namespace();
                call.complain(format!("No resources found in {namespace} namespace."));
            }
            pods
        }
        ([_], true) => return Err(call.usage("only a selector (-l) or a POD name is allowed")),
        ([word], false) => {
            validate(call, None)?;
            meant(call, word, &mut quiet)?
        }
        ([word, container], _) => {
            validate(call, Some(container))?;
            named = Some(container.clone());
            meant(call, word, &mut quiet)?
        }
        _ => {
            return Err(call.usage(
                "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command",
            ));
        }
    };
    let follow = call.flags.is_on("follow");
    let mut streams = Vec::new();
    for pod in pods {
        if let Some(name) = &named {
            known(&pod, name)?;
            streams.push((pod, name.clone()));
        } else if call.flags.is_on("all-containers") {
            let all = ["initContainers", "containers"].iter().flat_map(|f| pod.value.items_at(&["spec", f]));
            streams.extend(all.map(|c| (pod.clone(), c.text("name").to_string())));
        } else {
            let name = one(call, &pod, quiet)?;
            streams.push((pod, name));
        }
    }
    let most = call.flags.number("max-log-requests").unwrap_or(5);
    if follow && streams.len() > 1 && streams.len() as i64 > most {
        return Err(own(format!(
            "you are attempting to follow {} log streams, but maximum allowed concurrency is {most}, use --max-log-requests to increase the limit",
            streams.len()
        )));
    }
    let previous = call.flags.is_on("previous");
    let tail = call.flags.number("tail").filter(|t| *t >= 0).or(if by_label { Some(10) } else { None });
    let prefixed = call.flags.is_on("prefix") || call.flags.is_on("all-pods");
    let mut followed = Vec::new();
    for (pod, name) in streams {
        let lines = match lines_of(call.cluster, &pod, &name, previous) {
            Ok(lines) => lines,
            Err(failure) if call.flags.is_on("ignore-errors") => {
                let words = match failure {
                    Failure::Server(status) => status.message,
                    Failure::Own(words) => words,
                };
                call.say(format!("error: {words}"));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let prefix = if prefixed { format!("[pod/{}/{name}] ", pod.name()) } else { String::new() };
        let skip = tail.map_or(0, |t| lines.len().saturating_sub(t as usize));
        let mut left = call.flags.number("limit-bytes").filter(|n| *n > 0).map_or(usize::MAX, |n| n as usize);
        for line in &lines[skip..] {
            let stamp = if call.flags.is_on("timestamps") { format!("{} ", call.now()) } else { String::new() };
            let text = format!("{prefix}{stamp}{line}\n");
            let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= left).last();
            call.streams.out.push_str(&text[..end.unwrap_or(0)]);
            left -= end.unwrap_or(0);
        }
        followed.push((pod.key.clone(), name, lines.len()));
    }
    if follow && !previous {
        return Ok(Next::Follow(Box::new(Followed { containers: followed })));
    }
    Ok(Next::Done(0))
}

/// The container whose log is meant. Unlike for `exec`, a default that the pod lacks is only complained of.
fn one(call: &mut Call, pod: &Object, quiet: bool) -> Result<String, Failure> {
    let default = pod.annotation("kubectl.kubernetes.io/default-container").filter(|name| !name.is_empty());
    match default.filter(|name| call.flags.text("container").is_empty() && known(pod, name).is_err()) {
        Some(lacking) => {
            let name = crate::api::json::quote(lacking);
            call.complain(format!("Default container name {name} not found in pod {}", pod.name()));
            Ok(first(call, pod, quiet))
        }
        None => container(call, pod, quiet),
    }
}

/// What does not go together, in the order in which kubectl looks.
fn validate(call: &Call, inline: Option<&str>) -> Result<(), Failure> {
    let flags = &call.flags;
    let named = inline.or(flags.get("container").filter(|name| !name.is_empty()));
    if flags.has("since") && flags.has("since-time") {
        return Err(own("at most one of `sinceTime` or `sinceSeconds` may be specified"));
    }
    if let Some(name) = named.filter(|_| flags.is_on("all-containers")) {
        return Err(own(format!("--all-containers=true should not be specified with container name {name}")));
    }
    if inline.is_some() && flags.has("container") {
        return Err(own("only one of -c or an inline [CONTAINER] arg is allowed"));
    }
    if flags.number("limit-bytes").is_some_and(|n| n < 0) {
        return Err(own("--limit-bytes must be greater than 0"));
    }
    if flags.number("tail").is_some_and(|n| n < -1) {
        return Err(own("--tail must be greater than or equal to -1"));
    }
    Ok(())
}

/// The pods whose logs are meant: all of a workload's with `--all-pods`, else the one that tells most, which is then said.
fn meant(call: &mut Call, word: &str, quiet: &mut bool) -> Result<Vec<Arc<Object>>, Failure> {
    let mut pods = pods_of(call, word, Prefer::Logging).map_err(|failure| match failure {
        Failure::Server(status) if status.reason == "NotFound" => own(format!(
            "error from server (NotFound): {} in namespace {}",
            status.message,
            crate::api::json::quote(&call.namespace())
        )),
        other => other,
    })?;
    *quiet &= pods.len() > 1;
    if pods.len() > 1 && !call.flags.is_on("all-pods") {
        call.complain(format!("Found {} pods, using pod/{}", pods.len(), pods[0].name()));
        pods.truncate(1);
    }
    Ok(pods)
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
    // Who waits for a restart shows what the last run has printed.
    let state = match (state, &running.last) {
        (ContainerState::Waiting { reason, .. }, None) => return Err(waiting(reason)),
        (ContainerState::Waiting { .. }, Some(last)) => last,
        _ => state,
    };
    Ok(printed::lines(sandbox, running, state, cluster.now()))
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
            let lines = printed::lines(sandbox, container, &container.state, cluster.now());
            for line in lines.iter().skip(*shown) {
                streams.out.push_str(line);
                streams.out.push('\n');
            }
            *shown = (*shown).max(lines.len());
        }
        if alive { Step::Wait(super::get::next_look(cluster)) } else { Step::Next(Next::Done(0)) }
    }
}
