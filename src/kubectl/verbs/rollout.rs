//! `kubectl rollout`: history, pause, restart, resume, status, undo.

use super::{Act, DEPLOY, DRY, FILES, PRINT, SELECT, Verb};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::apiserver::request::PatchKind;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::arguments::Target;
use crate::kubectl::call::{Call, Follow, Next, Step, Streams, own};
use crate::kubectl::describe::{Sheet, pod_template};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::tabwriter;
use std::sync::Arc;

const GROUP: &str = "Available Commands:";

pub const VERB: Verb = Verb {
    names: &["rollout"],
    group: DEPLOY,
    short: "Manage the rollout of a resource",
    usage: "SUBCOMMAND",
    examples: "# How far is it?\nkubectl rollout status deployment/web\n\n# Go back to the version before\nkubectl rollout undo deployment/web",
    flags: &[],
    act: Act::Parent(&[
        Verb {
            names: &["history"],
            group: GROUP,
            short: "View rollout history",
            usage: "(TYPE NAME | TYPE/NAME) [flags]",
            examples: "# Every revision\nkubectl rollout history deployment/web",
            flags: &["revision#", SELECT, FILES, PRINT],
            act: Act::Run(history),
        },
        Verb {
            names: &["pause"],
            group: GROUP,
            short: "Mark the provided resource as paused",
            usage: "RESOURCE",
            examples: "# Changes wait from now on\nkubectl rollout pause deployment/web",
            flags: &[SELECT, FILES, PRINT, "field-manager="],
            act: Act::Run(|call| pause(call, true)),
        },
        Verb {
            names: &["restart"],
            group: GROUP,
            short: "Restart a resource",
            usage: "RESOURCE",
            examples: "# All pods anew, one after the other\nkubectl rollout restart deployment/web",
            flags: &[SELECT, FILES, PRINT, "field-manager="],
            act: Act::Run(restart),
        },
        Verb {
            names: &["resume"],
            group: GROUP,
            short: "Resume a paused resource",
            usage: "RESOURCE",
            examples: "# Changes go on\nkubectl rollout resume deployment/web",
            flags: &[SELECT, FILES, PRINT, "field-manager="],
            act: Act::Run(|call| pause(call, false)),
        },
        Verb {
            names: &["status"],
            group: GROUP,
            short: "Show the status of the rollout",
            usage: "(TYPE NAME | TYPE/NAME) [flags]",
            examples: "# Wait until it is done\nkubectl rollout status deployment/web",
            flags: &["revision# timeout~ watch,w", SELECT, FILES],
            act: Act::Run(status),
        },
        Verb {
            names: &["undo"],
            group: GROUP,
            short: "Undo a previous rollout",
            usage: "(TYPE NAME | TYPE/NAME) [flags]",
            examples: "# Back to the revision before\nkubectl rollout undo deployment/web\n\n# Back to a certain one\nkubectl rollout undo deployment/web --to-revision=3",
            flags: &["to-revision#", SELECT, FILES, PRINT, DRY],
            act: Act::Run(undo),
        },
    ]),
};

fn targets(call: &mut Call) -> Result<Vec<Target>, Failure> {
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own("required resource not specified"));
    }
    call.targets(&args, true)
}

/// Revisions of a workload, the newest last: number, and what holds the template. A Deployment's are its ReplicaSets.
fn revisions(cluster: &Cluster, workload: &Object) -> Vec<(i64, Arc<Object>)> {
    let number = |o: &Arc<Object>| match (workload.key.kind.as_str(), o.key.kind.as_str()) {
        ("Deployment", "ReplicaSet") => o.annotation("deployment.kubernetes.io/revision")?.parse().ok(),
        ("StatefulSet" | "DaemonSet", "ControllerRevision") => Some(o.value.int("revision")),
        _ => None,
    };
    let owned = cluster.store().owned_by(workload.uid());
    let mut sets: Vec<(i64, Arc<Object>)> = owned.filter_map(|o| Some((number(o)?, o.clone()))).collect();
    sets.arrange_by_key(|(revision, _)| *revision);
    sets
}

/// The template that a revision holds.
fn template_of(revision: &Object) -> Option<&Value> {
    revision.value.at(&["spec", "template"]).or_else(|| revision.value.at(&["data", "spec", "template"]))
}

/// Workloads that keep the templates they have had.
fn keeps_history(target: &Target) -> bool {
    matches!(target.resource.stored.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn history(call: &mut Call) -> Result<Next, Failure> {
    let wanted = call.flags.number("revision").unwrap_or(0);
    for target in targets(call)? {
        if !keeps_history(&target) {
            call.fail(own(format!(
                "no history viewer has been implemented for {}",
                crate::api::json::quote(&target.resource.kind)
            )));
            continue;
        }
        let all = revisions(call.cluster, &target.object);
        if wanted > 0 {
            let Some((_, set)) = all.iter().find(|(r, _)| *r == wanted) else {
                call.fail(own("unable to find the specified revision"));
                continue;
            };
            let mut sheet = Sheet::default();
            pod_template(&mut sheet, template_of(set));
            call.say(format!("{} with revision #{wanted}", target.shown()));
            let text = sheet.finish();
            call.streams.out.push_str(&text);
            continue;
        }
        let mut text = "REVISION\tCHANGE-CAUSE\n".to_string();
        for (revision, set) in &all {
            let cause = set.annotation("kubernetes.io/change-cause").unwrap_or("<none>");
            text.push_str(&format!("{revision}\t{cause}\n"));
        }
        call.say(format!("{} ", target.shown()));
        let table = tabwriter::align(&text, 0, 2);
        call.say(table);
    }
    Ok(Next::Done(0))
}

fn pause(call: &mut Call, paused: bool) -> Result<Next, Failure> {
    let (word, done) = if paused { ("pausing", "paused") } else { ("resuming", "resumed") };
    for target in targets(call)? {
        if target.resource.stored != "Deployment" {
            call.fail(own(format!(
                "{} {} {word} is not supported",
                target.resource.plural_with_group(),
                crate::api::json::quote(target.name())
            )));
            continue;
        }
        let now = target.object.value.at(&["spec", "paused"]).and_then(Value::as_bool) == Some(true);
        if now == paused {
            let state = if paused { "already paused" } else { "not paused" };
            call.fail(own(format!(
                "{} {} is {state}",
                target.resource.plural_with_group(),
                crate::api::json::quote(target.name())
            )));
            continue;
        }
        let mut patch = Value::map();
        patch.set_at(&["spec", "paused"], if paused { Value::Bool(true) } else { Value::Null });
        match call.patch(&target.resource, target.namespace(), target.name(), PatchKind::Merge, patch) {
            Ok(after) => call.print_done(&target.resource, &after, done)?,
            Err(failure) => call.fail(failure),
        }
    }
    Ok(Next::Done(0))
}

fn restart(call: &mut Call) -> Result<Next, Failure> {
    for target in targets(call)? {
        if !matches!(target.resource.stored.as_str(), "Deployment" | "StatefulSet" | "DaemonSet") {
            call.fail(own(format!(
                "{} {} restarting is not supported",
                target.resource.plural_with_group(),
                crate::api::json::quote(target.name())
            )));
            continue;
        }
        if target.object.value.at(&["spec", "paused"]).and_then(Value::as_bool) == Some(true) {
            call.fail(own("can't restart paused deployment (run rollout resume first)"));
            continue;
        }
        let mut patch = Value::map();
        let stamp = call.now().to_string();
        patch.set_at(&["spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"], stamp);
        match call.patch(&target.resource, target.namespace(), target.name(), PatchKind::Merge, patch) {
            Ok(after) => call.print_done(&target.resource, &after, "restarted")?,
            Err(failure) => call.fail(failure),
        }
    }
    Ok(Next::Done(0))
}

fn undo(call: &mut Call) -> Result<Next, Failure> {
    let wanted = call.flags.number("to-revision").unwrap_or(0);
    for target in targets(call)? {
        let applied = crate::kubectl::apply::LAST_APPLIED;
        if target.object.annotation(applied).is_some() {
            call.complain(format!(
                "Warning: resource {} was previously managed with 'kubectl apply'. Rolling back will not update the {applied} annotation, which may cause unexpected behavior on future 'kubectl apply' operations. Consider using 'kubectl apply' with your previous configuration file instead.",
                target.shown()
            ));
        }
        if !keeps_history(&target) {
            call.fail(own(format!(
                "no rollbacker has been implemented for {}",
                crate::api::json::quote(&target.resource.kind)
            )));
            continue;
        }
        if target.object.value.at(&["spec", "paused"]).and_then(Value::as_bool) == Some(true) {
            call.fail(own(format!(
                "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume deployment/{}' and try again",
                target.name()
            )));
            continue;
        }
        let all = revisions(call.cluster, &target.object);
        let found = match wanted {
            0 => all.len().checked_sub(2).and_then(|at| all.get(at)),
            number => all.iter().find(|(r, _)| *r == number),
        };
        let Some((_, set)) = found else {
            call.fail(own(if wanted == 0 && target.resource.stored == "Deployment" {
                format!("no rollout history found for deployment {}", crate::api::json::quote(target.name()))
            } else if wanted == 0 {
                "no last revision to roll back to".to_string()
            } else {
                format!("unable to find specified revision {wanted} in history")
            }));
            continue;
        };
        let mut template = template_of(set).cloned().unwrap_or_default();
        template.remove_at(&["metadata", "labels", "pod-template-hash"]);
        if Some(&template) == target.object.value.at(&["spec", "template"]) {
            call.print_done(
                &target.resource,
                &target.object.value,
                &format!("skipped rollback (current template already matches revision {wanted})"),
            )?;
            continue;
        }
        let patch = crate::value!([{ "op": "replace", "path": "/spec/template", "value": template }]);
        match call.patch(&target.resource, target.namespace(), target.name(), PatchKind::Json, patch) {
            Ok(after) => call.print_done(&target.resource, &after, "rolled back")?,
            Err(failure) => call.fail(failure),
        }
    }
    Ok(Next::Done(0))
}

fn status(call: &mut Call) -> Result<Next, Failure> {
    let targets = targets(call)?;
    if targets.is_empty() {
        if call.failures.is_empty() {
            let namespace = call.namespace();
            call.complain(format!("No resources found in {namespace} namespace."));
        }
        return Ok(Next::Done(0));
    }
    for target in &targets {
        if !matches!(target.resource.stored.as_str(), "Deployment" | "StatefulSet" | "DaemonSet") {
            return Err(own(format!("no status viewer has been implemented for {}", target.resource.kind)));
        }
    }
    let timeout = call.flags.duration("timeout").filter(|t| *t > 0);
    let until = timeout.map(|t| call.now() + Duration::micros(t.unsigned_abs()));
    let once = call.flags.switch("watch") == Some(false);
    let keys = targets.iter().map(super::get::key_of).collect();
    Ok(Next::Follow(Box::new(Status { keys, until, once, last: String::new() })))
}

/// Waits until rollouts are done, and says how far they are.
struct Status {
    keys: Vec<ObjectKey>,
    until: Option<Time>,
    once: bool,
    last: String,
}

impl Follow for Status {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        while let Some(key) = self.keys.first().cloned() {
            let Some(object) = cluster.store().get(&key) else {
                streams.err.push_str("error: object has been deleted\n");
                return Step::Next(Next::Done(1));
            };
            match progress(object) {
                Err(problem) => {
                    streams.err.push_str(&format!("error: {problem}\n"));
                    return Step::Next(Next::Done(1));
                }
                Ok((text, done)) => {
                    if text != self.last {
                        streams.out.push_str(&text);
                        self.last = text;
                    }
                    if !done && !self.once {
                        if self.until.is_some_and(|until| cluster.now() >= until) {
                            streams.err.push_str("error: timed out waiting for the condition\n");
                            return Step::Next(Next::Done(1));
                        }
                        return Step::Wait(super::get::next_look(cluster));
                    }
                    self.keys.remove(0);
                    self.last.clear();
                }
            }
        }
        Step::Next(Next::Done(0))
    }
}

/// What a rollout has come to: its line, and whether it is done (upstream `polymorphichelpers/rollout_status.go`).
fn progress(object: &Object) -> Result<(String, bool), String> {
    let name = object.name();
    let status = object.value.get("status").unwrap_or(&Value::Null);
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    let generation = object.value.at(&["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0);
    let observed = generation <= status.int("observedGeneration");
    let replicas = spec.get("replicas").and_then(Value::as_i64).unwrap_or(1);
    match object.key.kind.as_str() {
        "Deployment" if !observed => Ok(("Waiting for deployment spec update to be observed...\n".to_string(), false)),
        "Deployment" => {
            let late = status
                .items("conditions")
                .iter()
                .any(|c| c.text("type") == "Progressing" && c.text("reason") == "ProgressDeadlineExceeded");
            if late {
                return Err(format!("deployment {} exceeded its progress deadline", crate::api::json::quote(name)));
            }
            let waiting = |text: String| {
                Ok((
                    format!("Waiting for deployment {} rollout to finish: {text}\n", crate::api::json::quote(name)),
                    false,
                ))
            };
            let (updated, total, available) =
                (status.int("updatedReplicas"), status.int("replicas"), status.int("availableReplicas"));
            if updated < replicas {
                return waiting(format!("{updated} out of {replicas} new replicas have been updated..."));
            }
            if total > updated {
                return waiting(format!("{} old replicas are pending termination...", total - updated));
            }
            if available < updated {
                return waiting(format!("{available} of {updated} updated replicas are available..."));
            }
            Ok((format!("deployment {} successfully rolled out\n", crate::api::json::quote(name)), true))
        }
        "DaemonSet" | "StatefulSet" if spec.str_at(&["updateStrategy", "type"]) == "OnDelete" => {
            Err("rollout status is only available for RollingUpdate strategy type".to_string())
        }
        "DaemonSet" if !observed => Ok(("Waiting for daemon set spec update to be observed...\n".to_string(), false)),
        "DaemonSet" => {
            let (desired, updated, available) = (
                status.int("desiredNumberScheduled"),
                status.int("updatedNumberScheduled"),
                status.int("numberAvailable"),
            );
            let waiting = |text: String| {
                Ok((
                    format!("Waiting for daemon set {} rollout to finish: {text}\n", crate::api::json::quote(name)),
                    false,
                ))
            };
            if updated < desired {
                return waiting(format!("{updated} out of {desired} new pods have been updated..."));
            }
            if available < desired {
                return waiting(format!("{available} of {desired} updated pods are available..."));
            }
            Ok((format!("daemon set {} successfully rolled out\n", crate::api::json::quote(name)), true))
        }
        _ => {
            if status.int("observedGeneration") == 0 || !observed {
                return Ok(("Waiting for statefulset spec update to be observed...\n".to_string(), false));
            }
            let ready = status.int("readyReplicas");
            if ready < replicas {
                return Ok((format!("Waiting for {} pods to be ready...\n", replicas - ready), false));
            }
            let updated = status.int("updatedReplicas");
            // The API server writes a partition of 0 where nothing is said, so nearly every StatefulSet is told as partitioned.
            if let Some(rolling) = spec.at(&["updateStrategy", "rollingUpdate"]) {
                let wanted = rolling.get("partition").and_then(Value::as_i64).map(|from| replicas - from);
                return Ok(match wanted.filter(|wanted| updated < *wanted) {
                    Some(wanted) => (
                        format!(
                            "Waiting for partitioned roll out to finish: {updated} out of {wanted} new pods have been updated...\n"
                        ),
                        false,
                    ),
                    None => (format!("partitioned roll out complete: {updated} new pods have been updated...\n"), true),
                });
            }
            let (current, update) = (status.text("currentRevision"), status.text("updateRevision"));
            if current != update {
                return Ok((
                    format!(
                        "waiting for statefulset rolling update to complete {updated} pods at revision {update}...\n"
                    ),
                    false,
                ));
            }
            let shown = status.int("currentReplicas");
            Ok((format!("statefulset rolling update complete {shown} pods at revision {current}...\n"), true))
        }
    }
}
