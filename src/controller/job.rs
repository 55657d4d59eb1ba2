//! `job-controller`: runs pods until enough of them have succeeded.
//!
//! Upstream: `pkg/controller/job`. Left out: indexed completion, pod failure policies, finalizers that count pods.

use super::conditions;
use super::pods::{self, PodMaker};
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{self, Duration};
use crate::api::value::Value;
use crate::api::view::PodPhase;
use crate::apiserver::store::{Event, Store};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

const NAME: &str = "job-controller";

pub struct JobController;

impl Controller for JobController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, store: &Store, index: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        if event.key.kind == "Job" {
            enqueue(event.key.clone(), after);
        } else {
            pods::tell_owner(event, "Job", store, index, after, enqueue);
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(job) = context.store.get(key).cloned() else { return result };
        if job.is_terminating() {
            return result;
        }
        let number = |field: &str, default| pods::number(&job, &["spec", field], default);
        if is_finished(&job) {
            if let Some(ttl) = job.value.at(&["spec", "ttlSecondsAfterFinished"]).and_then(Value::as_i64) {
                let end = conditions::find(&job.value, "Complete").or(conditions::find(&job.value, "Failed"));
                let end = end.and_then(|c| time::parse(c.str_at(&["lastTransitionTime"]))).unwrap_or(context.now);
                let due = end + Duration::secs(ttl.max(0) as u64);
                if due <= context.now {
                    result.delete(key.clone(), key.field("spec.ttlSecondsAfterFinished"));
                } else {
                    result.again(due);
                }
            }
            return result;
        }
        let owned: Vec<Arc<Object>> = pods::owned(context.store, &job).into_iter().cloned().collect();
        result.looked += owned.len();
        let count = |wanted: PodPhase| {
            owned.iter().filter(|p| p.view().pod().is_some_and(|p| p.phase == wanted)).count() as i64
        };
        let (succeeded, failed) = (count(PodPhase::Succeeded), count(PodPhase::Failed));
        let active: Vec<&Arc<Object>> = owned.iter().filter(|p| p.view().pod().is_some_and(pods::is_active)).collect();
        let mut running = active.len() as i64;
        let parallelism = number("parallelism", 1);
        let completions = job.value.at(&["spec", "completions"]).and_then(Value::as_i64);
        let now = context.now;
        let mut value = job.value.clone();
        if value.at(&["status", "startTime"]).is_none() {
            value.set_at(&["status", "startTime"], now.text());
        }
        // A container that restarts in place counts as a failure each time.
        let in_place = job.value.str_at(&["spec", "template", "spec", "restartPolicy"]) == "OnFailure";
        let restarts: i64 = active
            .iter()
            .filter_map(|p| p.view().pod())
            .flat_map(|p| p.statuses())
            .map(|s| i64::from(s.restarts))
            .sum();
        let limit = number("backoffLimit", 6);
        let too_many = failed > limit || (in_place && restarts >= limit.max(1));
        let started = time::parse(value.str_at(&["status", "startTime"])).unwrap_or(now);
        let deadline = job.value.at(&["spec", "activeDeadlineSeconds"]).and_then(Value::as_i64);
        let deadline = deadline.map(|s| started + Duration::secs(s.max(0) as u64));
        let enough =
            completions.is_some_and(|c| succeeded >= c) || (completions.is_none() && succeeded > 0 && running == 0);
        let verdict = if enough {
            Some(("Complete", "CompletionsReached", "Reached expected number of succeeded pods"))
        } else if too_many {
            Some(("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
        } else if deadline.is_some_and(|d| d <= now) {
            Some(("Failed", "DeadlineExceeded", "Job was active longer than specified deadline"))
        } else {
            None
        };
        if let Some((type_, reason, message)) = verdict {
            for pod in active {
                result.delete(pod.key.clone(), key.field("spec"));
            }
            running = 0;
            let first = if type_ == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
            set_condition(&mut value, first, reason, message, &now.text());
            set_condition(&mut value, type_, reason, message, &now.text());
            let warning = type_ == "Failed";
            if warning {
                context.recorder.say(&job, "", true, reason, message, NAME, "", now);
            } else {
                value.set_at(&["status", "completionTime"], now.text());
                context.recorder.say(&job, "", false, "Completed", "Job completed", NAME, "", now);
            }
        } else {
            if let Some(deadline) = deadline {
                result.again(deadline);
            }
            let wanted = completions.map_or(parallelism, |c| parallelism.min(c - succeeded)).max(0);
            let suspended = job.value.at(&["spec", "suspend"]).and_then(Value::as_bool) == Some(true);
            // After a failure the next try waits: 10 s, 20 s, 40 s …
            let last_failure = owned
                .iter()
                .filter(|p| p.view().pod().is_some_and(|p| p.phase == PodPhase::Failed))
                .filter_map(|p| finished_at(p))
                .max();
            let wait = Duration::secs(10_u64 << (failed - 1).clamp(0, 5));
            let next = last_failure.map(|at| at + wait).filter(|at| *at > now);
            if suspended {
                for pod in active {
                    result.delete(pod.key.clone(), key.field("spec.suspend"));
                }
                running = 0;
            } else if let Some(next) = next.filter(|_| running < wanted) {
                result.again(next);
            } else if running < wanted {
                let Some(template) = job.value.at(&["spec", "template"]) else { return result };
                let maker = PodMaker::new(&job, template, context);
                for _ in running..wanted.min(running + 500) {
                    let name = maker.free_name(context);
                    let message = format_smolstr!("Created pod: {name}");
                    context.recorder.say(&job, "", false, "SuccessfulCreate", message, NAME, "", now);
                    result.create("Pod", maker.pod(&name, true, |_| {}), key.field("spec.parallelism"));
                }
            }
        }
        let ready = owned.iter().filter(|p| p.view().pod().is_some_and(|p| p.is_ready())).count() as i64;
        pods::set_counts(&mut value, &[("active", running), ("failed", failed), ("succeeded", succeeded)]);
        value.set_at(&["status", "ready"], ready.min(running));
        if value != job.value {
            result.update(&job, value, key.field("spec"));
        }
        result
    }
}

fn is_finished(job: &Object) -> bool {
    ["Complete", "Failed"]
        .iter()
        .any(|type_| conditions::find(&job.value, type_).is_some_and(|c| c.str_at(&["status"]) == "True"))
}

fn finished_at(pod: &Object) -> Option<time::Time> {
    let statuses = pod.value.items_at(&["status", "containerStatuses"]);
    statuses.iter().filter_map(|s| time::parse(s.str_at(&["state", "terminated", "finishedAt"]))).max()
}

fn set_condition(job: &mut Value, type_: &str, reason: &str, message: &str, now: &SmolStr) {
    let mut list = job.items_at(&["status", "conditions"]).to_vec();
    list.push(crate::value!({
        "lastProbeTime": now, "lastTransitionTime": now, "message": message, "reason": reason, "status": "True", "type": type_
    }));
    job.set_at(&["status", "conditions"], list);
}
