//! `cronjob-controller`: makes Jobs at the times of a schedule.
//!
//! Upstream: `pkg/controller/cronjob` (`syncCronJob`, `cleanupFinishedJobs`). The next run is a timer that nobody waits for.

mod schedule;

use super::{Context, Controller, Enqueue, Index, Reconcile, Settings, conditions};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::{self, Duration, Time};
use crate::api::value::Value;
use crate::apiserver::defaulting::workload::default_job;
use crate::apiserver::prepare::prepare_job;
use crate::apiserver::store::{Event, Store};
use crate::apiserver::write::controller_reference;
use crate::arrange::Arrange;
use crate::value;
use schedule::Schedule;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

const NAME: &str = "cronjob-controller";
const KIND: &str = "CronJob";
/// A look comes this much after the moment that it is for.
const LATE: Duration = Duration::millis(100);
/// So many missed runs are suspicious.
const MANY_MISSED: u32 = 100;
/// And nobody counts more than this.
const MOST_COUNTED: u32 = 100_000;
/// When a Job was due, as its annotation tells.
const SCHEDULED_AT: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

pub struct CronJobController;

impl Controller for CronJobController {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watch(&self, event: &Event, _: &Store, _: &Index, settings: &Settings, enqueue: Enqueue) {
        let after = settings.latencies.controller;
        match event.key.kind.as_str() {
            KIND if event.new.is_some() => enqueue(event.key.clone(), after),
            "Job" => {
                let owner = event.new.as_ref().or(event.old.as_ref()).and_then(|job| job.controller());
                if let Some((owner, _)) = owner.filter(|(owner, _)| owner.kind == KIND) {
                    enqueue(owner, after);
                }
            }
            _ => {}
        }
    }

    fn reconcile(&self, key: &ObjectKey, context: &mut Context) -> Reconcile {
        let mut result = Reconcile::default();
        let Some(cron) = context.store.get(key).cloned() else { return result };
        let is_its =
            |o: &&Arc<Object>| o.key.kind == "Job" && o.controller_ref().is_some_and(|(_, uid)| uid == cron.uid());
        let jobs: Vec<Arc<Object>> = context.store.owned_by(cron.uid()).filter(is_its).cloned().collect();
        result.looked += jobs.len();
        let mut look = Look { value: cron.value.clone(), cron, jobs, context, result };
        look.follow_jobs();
        if !look.cron.is_terminating() {
            look.start_next();
            look.forget_finished();
        }
        let Look { cron, value, mut result, .. } = look;
        if value != cron.value {
            result.update(&cron, value, cron.key.field("spec.schedule"));
        }
        result
    }
}

/// One look at a CronJob.
struct Look<'a, 'b> {
    cron: Arc<Object>,
    jobs: Vec<Arc<Object>>,
    /// What the CronJob shall be.
    value: Value,
    context: &'a mut Context<'b>,
    result: Reconcile,
}

/// How a Job ended; `None` while it has not.
fn end_of(job: &Object) -> Option<&'static str> {
    ["Complete", "Failed"]
        .into_iter()
        .find(|type_| conditions::find(&job.value, type_).is_some_and(|c| c.text("status") == "True"))
}

impl Look<'_, '_> {
    fn say(&mut self, warning: bool, reason: &'static str, message: impl Into<SmolStr>) {
        self.context.recorder.say(&self.cron, "", warning, reason, message, NAME, "", self.context.now);
    }

    fn spec(&self) -> &Value {
        self.cron.value.get("spec").unwrap_or(&Value::Null)
    }

    fn active(&self) -> Vec<Value> {
        self.value.items_at(&["status", "active"]).to_vec()
    }

    fn set_active(&mut self, list: Vec<Value>) {
        if list.is_empty() {
            self.value.remove_at(&["status", "active"]);
        } else {
            self.value.set_at(&["status", "active"], list);
        }
    }

    /// Takes the Jobs that have ended, or are gone, off the list of those that run.
    fn follow_jobs(&mut self) {
        let mut active = self.active();
        for job in self.jobs.clone() {
            let listed = active.iter().any(|a| a.text("uid") == job.uid());
            match end_of(&job) {
                None if !listed => {
                    let message = "Saw a job that the controller did not create or forgot:";
                    self.say(true, "UnexpectedJob", format_smolstr!("{message} {}", job.name()));
                }
                None => {}
                Some(end) => {
                    if listed {
                        active.retain(|a| a.text("uid") != job.uid());
                        let message = format_smolstr!("Saw completed job: {}, condition: {end}", job.name());
                        self.say(false, "SawCompletedJob", message);
                    }
                    let done = job.value.str_at(&["status", "completionTime"]);
                    let last = self.value.str_at(&["status", "lastSuccessfulTime"]);
                    if end == "Complete" && time::parse(done) > time::parse(last) {
                        self.value.set_at(&["status", "lastSuccessfulTime"], done);
                    }
                }
            }
        }
        let is_there = |a: &Value| self.jobs.iter().any(|job| a.text("uid") == job.uid());
        let (there, gone): (Vec<Value>, Vec<Value>) = active.into_iter().partition(is_there);
        for job in gone {
            self.say(false, "MissingJob", format_smolstr!("Active job went missing: {}", job.text("name")));
        }
        self.set_active(there);
    }

    /// Makes the Job that is due, if one is, and asks for a look at the next one.
    fn start_next(&mut self) {
        let now = self.context.now;
        if self.spec().flag("suspend") {
            return;
        }
        let text = SmolStr::from(self.spec().text("schedule"));
        let Some(schedule) = Schedule::read(&text, self.spec().text("timeZone")) else { return };
        let last = time::parse(self.value.str_at(&["status", "lastScheduleTime"]));
        let made = time::parse(self.cron.value.str_at(&["metadata", "creationTimestamp"])).unwrap_or_default();
        let deadline = self.spec().field("startingDeadlineSeconds").and_then(Value::as_i64);
        let deadline = deadline.map(|seconds| Duration::secs(seconds.max(0) as u64));
        let earliest = last.unwrap_or(made).max(deadline.map_or(Time::default(), |d| Time(now.0.saturating_sub(d.0))));
        if let Some(next) = schedule.next(now) {
            self.result.again_standing(next + LATE);
        }
        let (mut due, mut missed, mut at) = (None, 0, earliest);
        while let Some(next) = schedule.next(at).filter(|next| *next <= now && missed < MOST_COUNTED) {
            (due, at) = (Some(next), next);
            missed += 1;
        }
        if missed > MANY_MISSED {
            let advice = "Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.say(true, "TooManyMissedTimes", format_smolstr!("too many missed start times. {advice}"));
        }
        let Some(due) = due.filter(|due| last != Some(*due)) else { return };
        let name = format_smolstr!("{}-{}", self.cron.name(), (time::EPOCH_SECS + due.0 / 1_000_000) / 60);
        let active = self.active();
        if active.iter().any(|a| a.text("name") == name) {
            return;
        }
        match self.spec().text("concurrencyPolicy") {
            "Forbid" if !active.is_empty() => {
                let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
                self.say(false, "JobAlreadyActive", message);
                return;
            }
            "Replace" => {
                for running in self.jobs.clone().iter().filter(|job| end_of(job).is_none()) {
                    self.delete(running, "spec.concurrencyPolicy");
                }
                self.set_active(Vec::new());
            }
            _ => {}
        }
        self.make(name, due);
    }

    fn make(&mut self, name: SmolStr, due: Time) {
        let namespace = self.cron.namespace().clone();
        let template = self.spec().field("jobTemplate").cloned().unwrap_or_default();
        let part = |field: &str| template.at(&["metadata", field]).cloned().unwrap_or_else(Value::map);
        let uid = self.context.random.uid();
        let mut job = value!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": (&name),
                "namespace": (&namespace),
                "uid": (&uid),
                "annotations": (part("annotations")),
                "labels": (part("labels")),
                "ownerReferences": [(controller_reference(&self.cron))]
            },
            "spec": (template.get("spec").cloned().unwrap_or_default())
        });
        job.set_at(&["metadata", "annotations", SCHEDULED_AT], due.text());
        default_job(&mut job);
        prepare_job(&mut job);
        let mut active = self.active();
        active.push(value!({
            "apiVersion": "batch/v1", "kind": "Job", "name": (&name), "namespace": namespace, "uid": uid
        }));
        self.set_active(active);
        self.value.set_at(&["status", "lastScheduleTime"], due.text());
        self.say(false, "SuccessfulCreate", format_smolstr!("Created job {name}"));
        self.result.create("Job", job, self.cron.key.field("spec.schedule"));
    }

    fn delete(&mut self, job: &Arc<Object>, saw: &str) {
        self.say(false, "SuccessfulDelete", format_smolstr!("Deleted job {}", job.name()));
        self.result.delete(job.key.clone(), self.cron.key.field(saw));
    }

    /// Keeps as many finished Jobs as the limits say, and lets the oldest go.
    fn forget_finished(&mut self) {
        for (end, field) in [("Failed", "failedJobsHistoryLimit"), ("Complete", "successfulJobsHistoryLimit")] {
            let Some(limit) = self.spec().field(field).and_then(Value::as_i64) else { continue };
            let ended = self.jobs.iter().filter(|job| !job.is_terminating() && end_of(job) == Some(end));
            let mut ended: Vec<Arc<Object>> = ended.cloned().collect();
            ended.arrange_by_key(|job| (SmolStr::from(job.value.str_at(&["status", "startTime"])), job.name().clone()));
            let surplus = ended.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
            for job in ended.into_iter().take(surplus) {
                self.delete(&job, &format!("spec.{field}"));
            }
        }
    }
}
