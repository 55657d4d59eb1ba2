//! What the failed pods of a Job mean: how many count, whether one of them ends the Job, when the next try may begin.
//!
//! Upstream: `pkg/controller/job/pod_failure_policy.go`, `backoff_utils.go`.

use super::indexes::index_of;
use crate::api::object::Object;
use crate::api::time::{self, Duration, Time};
use crate::api::value::Value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one failed pod leads to.
enum Outcome {
    Count,
    Ignore,
    FailIndex,
    FailJob(SmolStr),
}

/// Failures of one number, or of the whole Job.
#[derive(Clone, Copy, Default)]
struct Tally {
    count: i64,
    last: Option<Time>,
}

impl Tally {
    fn add(&mut self, pod: &Object) {
        self.count += 1;
        self.last = self.last.max(finished_at(pod));
    }

    /// After a failure the next try waits: 10 s, 20 s, 40 s …
    fn next_try(self) -> Option<Time> {
        let wait = Duration::secs(10_u64 << (self.count - 1).clamp(0, 5));
        self.last.map(|at| at + wait)
    }
}

#[derive(Default)]
pub(super) struct Failures {
    /// Those that count for `backoffLimit` and in the status.
    pub counted: i64,
    /// Why the Job ends at once.
    pub fatal: Option<SmolStr>,
    all: Tally,
    by_index: BTreeMap<i64, Tally>,
    /// Numbers that a rule gives up at once.
    given_up: BTreeSet<i64>,
}

impl Failures {
    pub fn of<'a>(job: &Object, failed: impl Iterator<Item = &'a Arc<Object>>) -> Failures {
        let mut found = Failures::default();
        for pod in failed {
            let outcome = judge(job, pod);
            if let Outcome::Ignore = outcome {
                continue;
            }
            found.counted += 1;
            found.all.add(pod);
            let Some(index) = index_of(pod) else {
                if let Outcome::FailJob(message) = outcome {
                    found.fatal.get_or_insert(message);
                }
                continue;
            };
            found.by_index.entry(index).or_default().add(pod);
            match outcome {
                Outcome::FailJob(message) => drop(found.fatal.get_or_insert(message)),
                Outcome::FailIndex => drop(found.given_up.insert(index)),
                Outcome::Count | Outcome::Ignore => {}
            }
        }
        found
    }

    /// When the next pod may begin, of the Job or of a number.
    pub fn next_try(&self, index: Option<i64>) -> Option<Time> {
        index.map_or(Some(self.all), |i| self.by_index.get(&i).copied())?.next_try()
    }

    /// How often a number has failed.
    pub fn of_index(&self, index: Option<i64>) -> i64 {
        index.and_then(|i| self.by_index.get(&i)).map_or(0, |t| t.count)
    }

    /// The numbers that have failed more often than they may.
    pub fn beyond(&self, limit: i64) -> impl Iterator<Item = i64> {
        let often = self.by_index.iter().filter(move |(_, t)| t.count > limit).map(|(i, _)| *i);
        often.chain(self.given_up.iter().copied())
    }
}

/// The first rule that matches says what a failed pod means.
fn judge(job: &Object, pod: &Object) -> Outcome {
    let rules = job.value.items_at(&["spec", "podFailurePolicy", "rules"]);
    for (i, rule) in rules.iter().enumerate() {
        let action = rule.str_at(&["action"]);
        let why = match (rule.get("onExitCodes"), rule.items_at(&["onPodConditions"])) {
            (Some(codes), _) => exit_code(pod, codes).map(|(container, code)| {
                let place = format_smolstr!("{}/{}", pod.namespace(), pod.name());
                format_smolstr!("Container {container} for pod {place} failed with exit code {code}")
            }),
            (None, patterns) => condition(pod, patterns)
                .map(|type_| format_smolstr!("Pod {}/{} has condition {type_}", pod.namespace(), pod.name())),
        };
        let Some(why) = why else { continue };
        return match action {
            "Ignore" => Outcome::Ignore,
            "FailIndex" => Outcome::FailIndex,
            "FailJob" => Outcome::FailJob(format_smolstr!("{why} matching {action} rule at index {i}")),
            _ => Outcome::Count,
        };
    }
    Outcome::Count
}

/// The container whose exit code a rule is about, with the code. Success is never a failure.
fn exit_code<'a>(pod: &'a Object, rule: &Value) -> Option<(&'a str, i64)> {
    let (name, wanted) = (rule.str_at(&["containerName"]), rule.items_at(&["values"]));
    let lists = ["initContainerStatuses", "containerStatuses"];
    let statuses = lists.iter().flat_map(|list| pod.value.items_at(&["status", list]));
    let codes = statuses.filter(|s| name.is_empty() || s.str_at(&["name"]) == name).filter_map(|s| {
        let code = s.at(&["state", "terminated", "exitCode"]).and_then(Value::as_i64).filter(|c| *c != 0)?;
        Some((s.str_at(&["name"]), code))
    });
    let inside = rule.str_at(&["operator"]) == "In";
    codes.into_iter().find(|(_, code)| wanted.iter().any(|v| v.as_i64() == Some(*code)) == inside)
}

/// The condition of a pod that a rule is about.
fn condition<'a>(pod: &Object, patterns: &'a [Value]) -> Option<&'a str> {
    let conditions = pod.value.items_at(&["status", "conditions"]);
    let holds = |pattern: &&Value| {
        let status = Some(pattern.str_at(&["status"])).filter(|s| !s.is_empty()).unwrap_or("True");
        conditions.iter().any(|c| c.str_at(&["type"]) == pattern.str_at(&["type"]) && c.str_at(&["status"]) == status)
    };
    patterns.iter().find(holds).map(|pattern| pattern.str_at(&["type"]))
}

fn finished_at(pod: &Object) -> Option<Time> {
    let statuses = pod.value.items_at(&["status", "containerStatuses"]);
    statuses.iter().filter_map(|s| time::parse(s.str_at(&["state", "terminated", "finishedAt"]))).max()
}
