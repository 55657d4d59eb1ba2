//! `job-controller`: runs pods until enough of them have succeeded.
//!
//! Upstream: `pkg/controller/job`. A Job with `completionMode: Indexed` gives each of its pods a number (`indexes`), and rules
//! may say what a failure means (`failure`), or which numbers are success enough. What comes of it is told at once
//! (`FailureTarget`, `SuccessCriteriaMet`); the Job has failed or is complete when the last of its pods is gone. Left out:
//! finalizers that count pods.

mod failure;
mod indexes;

use super::conditions;
use super::pods::{self, PodMaker};
use super::{Context, Controller, Enqueue, Index, Reconcile, Settings};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{self, Duration, Time};
use crate::api::value::Value;
use crate::api::view::{Pod, PodPhase};
use crate::apiserver::store::{Event, Store};
use failure::Failures;
use indexes::Indexes;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

const NAME: &str = "job-controller";
/// Most pods that one look makes.
const BATCH: i64 = 500;

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
        if is_finished(&job) {
            forget_in_time(&job, context.now, &mut result);
            return result;
        }
        let run = Run::of(job, context);
        result.looked += run.pods.len();
        run.sync(context, &mut result);
        result
    }
}

/// A Job with what has become of its pods.
struct Run {
    job: Arc<Object>,
    pods: Vec<Arc<Object>>,
    active: Vec<Arc<Object>>,
    failures: Failures,
    indexes: Option<Indexes>,
    succeeded: i64,
}

/// Why a Job ends.
const REASONS: [&str; 7] = [
    "PodFailurePolicy",
    "BackoffLimitExceeded",
    "DeadlineExceeded",
    "MaxFailedIndexesExceeded",
    "FailedIndexes",
    "SuccessPolicy",
    "CompletionsReached",
];

/// How a Job ends.
struct Verdict {
    type_: &'static str,
    reason: &'static str,
    message: SmolStr,
}

fn verdict(type_: &'static str, reason: &'static str, message: &str) -> Option<Verdict> {
    Some(Verdict { type_, reason, message: message.into() })
}

impl Run {
    fn of(job: Arc<Object>, context: &Context) -> Run {
        let pods: Vec<Arc<Object>> = pods::owned(context.store, &job).into_iter().cloned().collect();
        let phase = |p: &Arc<Object>, wanted| p.view().pod().is_some_and(|p| p.phase == wanted);
        let active = pods.iter().filter(|p| p.view().pod().is_some_and(pods::is_active)).cloned().collect();
        let failures = Failures::of(&job, pods.iter().filter(|p| phase(p, PodPhase::Failed)));
        let succeeded: Vec<&Arc<Object>> = pods.iter().filter(|p| phase(p, PodPhase::Succeeded)).collect();
        let indexes = Indexes::of(&job, &succeeded, &failures);
        let succeeded = indexes.as_ref().map_or(succeeded.len(), |i| i.completed.len()) as i64;
        Run { job, pods, active, failures, indexes, succeeded }
    }

    fn number(&self, field: &str, default: i64) -> i64 {
        pods::number(&self.job, &["spec", field], default)
    }

    fn completions(&self) -> Option<i64> {
        self.job.value.at(&["spec", "completions"]).and_then(Value::as_i64)
    }

    /// What an earlier look has found the end to be, which waits for pods to go.
    fn target(&self) -> Option<Verdict> {
        [("FailureTarget", "Failed"), ("SuccessCriteriaMet", "Complete")].into_iter().find_map(|(target, type_)| {
            let found = conditions::find(&self.job.value, target).filter(|c| c.text("status") == "True")?;
            let reason = REASONS.into_iter().find(|r| *r == found.text("reason"))?;
            verdict(type_, reason, found.text("message"))
        })
    }

    /// How many pods are on their way out.
    fn terminating(&self) -> i64 {
        let leaves = |p: &Pod| p.terminating && !matches!(p.phase, PodPhase::Succeeded | PodPhase::Failed);
        self.pods.iter().filter(|p| p.view().pod().is_some_and(leaves)).count() as i64
    }

    /// Whether the Job is at its end. A container that restarts in place counts as a failure each time.
    fn verdict(&self, deadline: Option<Time>, now: Time) -> Option<Verdict> {
        let in_place = self.job.value.str_at(&["spec", "template", "spec", "restartPolicy"]) == "OnFailure";
        let statuses = self.active.iter().filter_map(|p| p.view().pod()).flat_map(|p| p.statuses());
        let restarts: i64 = statuses.map(|s| i64::from(s.restarts)).sum();
        let limit = self.number("backoffLimit", 6);
        if let Some(message) = &self.failures.fatal {
            return verdict("Failed", "PodFailurePolicy", message);
        }
        if self.failures.counted > limit || (in_place && restarts >= limit.max(1)) {
            return verdict("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit");
        }
        if deadline.is_some_and(|d| d <= now) {
            return verdict("Failed", "DeadlineExceeded", "Job was active longer than specified deadline");
        }
        if let Some(indexes) = &self.indexes {
            let most = self.job.value.at(&["spec", "maxFailedIndexes"]).and_then(Value::as_i64);
            if most.is_some_and(|most| indexes.failed.len() as i64 > most) {
                let message = "Job has exceeded the specified maximal number of failed indexes";
                return verdict("Failed", "MaxFailedIndexesExceeded", message);
            }
            if !indexes.failed.is_empty() && (indexes.failed.len() + indexes.completed.len()) as i64 >= indexes.count {
                return verdict("Failed", "FailedIndexes", "Job has failed indexes");
            }
            if let Some(rule) = indexes.satisfies(self.job.value.at(&["spec", "successPolicy"])) {
                return verdict("Complete", "SuccessPolicy", &format!("Matched rules at index {rule}"));
            }
        }
        let enough = match self.completions() {
            Some(wanted) => self.succeeded >= wanted,
            None => self.succeeded > 0 && self.active.is_empty(),
        };
        enough.then(|| verdict("Complete", "CompletionsReached", "Reached expected number of succeeded pods"))?
    }

    fn sync(&self, context: &mut Context, result: &mut Reconcile) {
        let (job, now) = (&self.job, context.now);
        let mut value = job.value.clone();
        if value.at(&["status", "startTime"]).is_none() {
            value.set_at(&["status", "startTime"], now.text());
        }
        let started = time::parse(value.str_at(&["status", "startTime"])).unwrap_or(now);
        let deadline = job.value.at(&["spec", "activeDeadlineSeconds"]).and_then(Value::as_i64);
        let deadline = deadline.map(|s| started + Duration::secs(s.max(0) as u64));
        let suspended = job.value.at(&["spec", "suspend"]).and_then(Value::as_bool) == Some(true);
        let target = self.target();
        let before = target.as_ref().map_or(0, |_| pods::number(job, &["status", "failed"], 0));
        let verdict = target.or_else(|| self.verdict(deadline, now));
        let mut terminating = self.terminating();
        let running = if let Some(verdict) = &verdict {
            self.delete(self.active.iter(), "spec", context, result);
            terminating += self.active.len() as i64;
            self.end(verdict, terminating == 0, &mut value, context);
            0
        } else {
            if let Some(deadline) = deadline {
                result.again(deadline);
            }
            if suspended {
                self.delete(self.active.iter(), "spec.suspend", context, result);
                0
            } else {
                self.keep_running(context, result)
            }
        };
        let ready = self.pods.iter().filter(|p| p.view().pod().is_some_and(|p| p.is_ready())).count() as i64;
        // What still runs when the Job fails has failed with it.
        let cut = if verdict.is_some_and(|v| v.type_ == "Failed") { self.active.len() as i64 } else { 0 };
        let failed = (self.failures.counted + cut).max(before);
        let counts = [("active", running), ("failed", failed), ("succeeded", self.succeeded)];
        pods::set_counts(&mut value, &counts);
        value.set_at(&["status", "ready"], ready.min(running));
        value.set_at(&["status", "terminating"], terminating);
        value.set_at(&["status", "uncountedTerminatedPods"], Value::map());
        if let Some(indexes) = &self.indexes {
            indexes.write(job, &mut value);
        }
        if value != job.value {
            result.update(job, value, job.key.field("spec"));
        }
    }

    fn delete<'a>(
        &self,
        pods: impl Iterator<Item = &'a Arc<Object>>,
        field: &str,
        context: &mut Context,
        result: &mut Reconcile,
    ) {
        for pod in pods {
            let message = format_smolstr!("Deleted pod: {}", pod.name());
            context.recorder.say(&self.job, "", false, "SuccessfulDelete", message, NAME, "", context.now);
            result.delete(pod.key.clone(), self.job.key.field(field));
        }
    }

    /// Says what the end will be, and that it has come once the pods are `gone`.
    fn end(&self, verdict: &Verdict, gone: bool, value: &mut Value, context: &mut Context) {
        let Verdict { type_, reason, message } = verdict;
        let target = if *type_ == "Complete" { "SuccessCriteriaMet" } else { "FailureTarget" };
        for type_ in [Some(target), gone.then_some(*type_)].into_iter().flatten() {
            if conditions::find(value, type_).is_none() {
                set_condition(value, type_, reason, message, &context.now.text());
            }
        }
        if !gone {
            return;
        }
        if *type_ == "Failed" {
            context.recorder.say(&self.job, "", true, reason, message.clone(), NAME, "", context.now);
        } else {
            value.set_at(&["status", "completionTime"], context.now.text());
            context.recorder.say(&self.job, "", false, "Completed", "Job completed", NAME, "", context.now);
        }
    }

    /// Another try is something to come; not so where a schedule makes the next Job meanwhile, and the next.
    fn wait_for_next_try(&self, at: Time, result: &mut Reconcile) {
        if self.job.controller_ref().is_some() { result.again_standing(at) } else { result.again(at) }
    }

    /// Makes the pods that are missing, takes away those that are too many, and says how many there were.
    fn keep_running(&self, context: &mut Context, result: &mut Reconcile) -> i64 {
        let (job, now) = (&self.job, context.now);
        let (extra, active): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) = match &self.indexes {
            Some(indexes) => indexes.split(&self.active),
            None => (Vec::new(), self.active.iter().collect()),
        };
        self.delete(extra.iter().copied(), "spec.completions", context, result);
        let (running, parallelism) = (active.len() as i64, self.number("parallelism", 1));
        let open = match (&self.indexes, self.completions()) {
            (Some(indexes), _) => parallelism.min(indexes.open()),
            (None, Some(completions)) => parallelism.min(completions - self.succeeded),
            // Once one has succeeded, a Job of the kind of a work queue begins no more.
            (None, None) if self.succeeded > 0 => parallelism.min(running),
            (None, None) => parallelism,
        };
        let wanted = open.max(0);
        if running > wanted {
            let mut spare = active.clone();
            pods::sort_for_deletion(&mut spare, job, context.index);
            self.delete(spare.into_iter().take((running - wanted) as usize), "spec.parallelism", context, result);
            return wanted;
        }
        // Some wait for a pod to be gone before they make another.
        let only_failed = job.value.str_at(&["spec", "podReplacementPolicy"]) == "Failed";
        let leaving = if only_failed { self.terminating() } else { 0 };
        let mut missing = (wanted - running - leaving).min(BATCH);
        if missing <= 0 {
            return running;
        }
        let per_index = job.value.at(&["spec", "backoffLimitPerIndex"]).is_some();
        if let Some(next) = self.failures.next_try(None).filter(|at| *at > now && !per_index) {
            self.wait_for_next_try(next, result);
            return running;
        }
        let Some(template) = job.value.at(&["spec", "template"]) else { return running };
        let maker = PodMaker::new(job, template, context);
        if maker.told_refusal(NAME, context, result).is_some() {
            return running;
        }
        let numbers: Vec<Option<i64>> = match &self.indexes {
            None => (0..missing).map(|_| None).collect(),
            Some(indexes) => {
                let mut free = Vec::new();
                for number in indexes.free(&active) {
                    match self.failures.next_try(Some(number)).filter(|at| per_index && *at > now) {
                        Some(next) => self.wait_for_next_try(next, result),
                        None => free.push(Some(number)),
                    }
                    if free.len() as i64 == missing {
                        break;
                    }
                }
                missing = free.len() as i64;
                free
            }
        };
        for number in numbers {
            let infix = number.map_or(SmolStr::default(), |n| format_smolstr!("-{n}"));
            let name = maker.free_name_after(&infix, context);
            let message = format_smolstr!("Created pod: {name}");
            context.recorder.say(job, "", false, "SuccessfulCreate", message, NAME, "", now);
            let failed = per_index.then(|| self.failures.of_index(number));
            let pod = maker.pod(&name, true, |pod| {
                if let Some(number) = number {
                    indexes::mark(pod, job, number, failed);
                }
            });
            result.create("Pod", pod, job.key.field("spec.parallelism"));
        }
        running + missing
    }
}

/// A finished Job goes after its `ttlSecondsAfterFinished`.
fn forget_in_time(job: &Object, now: Time, result: &mut Reconcile) {
    let Some(ttl) = job.value.at(&["spec", "ttlSecondsAfterFinished"]).and_then(Value::as_i64) else { return };
    let end = conditions::find(&job.value, "Complete").or(conditions::find(&job.value, "Failed"));
    let end = end.and_then(|c| time::parse(c.str_at(&["lastTransitionTime"]))).unwrap_or(now);
    let due = end + Duration::secs(ttl.max(0) as u64);
    if due <= now {
        result.delete(job.key.clone(), job.key.field("spec.ttlSecondsAfterFinished"));
    } else {
        result.again(due);
    }
}

fn is_finished(job: &Object) -> bool {
    ["Complete", "Failed"]
        .iter()
        .any(|type_| conditions::find(&job.value, type_).is_some_and(|c| c.str_at(&["status"]) == "True"))
}

fn set_condition(job: &mut Value, type_: &str, reason: &str, message: &str, now: &SmolStr) {
    let mut list = job.items_at(&["status", "conditions"]).to_vec();
    list.push(crate::value!({
        "lastProbeTime": now, "lastTransitionTime": now, "message": message, "reason": reason, "status": "True", "type": type_
    }));
    job.set_at(&["status", "conditions"], list);
}
