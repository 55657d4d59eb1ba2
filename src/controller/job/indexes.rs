//! The numbers of an Indexed Job's pods: which are done, which have failed for good, which come next.
//!
//! Upstream: `pkg/controller/job/indexed_job_utils.go`.

use super::failure::Failures;
use crate::api::object::Object;
use crate::api::value::Value;
use crate::arrange::set_of;
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// The annotation and the label that bear a pod's number.
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often the pods of a number have failed before this one.
const FAILURE_COUNT: &str = "batch.kubernetes.io/job-index-failure-count";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";

pub(super) struct Indexes {
    /// How many there are, from 0 on.
    pub count: i64,
    pub completed: BTreeSet<i64>,
    pub failed: BTreeSet<i64>,
    /// Whether a number may fail for itself.
    per_index: bool,
}

/// The number of a pod.
pub(super) fn index_of(pod: &Object) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok().filter(|n| *n >= 0)
}

impl Indexes {
    /// The numbers of a Job that gives some.
    pub fn of(job: &Object, succeeded: &[&Arc<Object>], failures: &Failures) -> Option<Indexes> {
        if job.value.str_at(&["spec", "completionMode"]) != "Indexed" {
            return None;
        }
        let count = job.value.at(&["spec", "completions"]).and_then(Value::as_i64)?;
        let known = |n: &i64| *n < count;
        let mut completed: BTreeSet<i64> = read(job.value.str_at(&["status", "completedIndexes"]), count);
        completed.extend(succeeded.iter().filter_map(|p| index_of(p)).filter(known));
        let limit = job.value.at(&["spec", "backoffLimitPerIndex"]).and_then(Value::as_i64);
        let mut failed = read(job.value.str_at(&["status", "failedIndexes"]), count);
        if let Some(limit) = limit {
            failed.extend(failures.beyond(limit).filter(known));
        }
        failed.retain(|n| !completed.contains(n));
        Some(Indexes { count, completed, failed, per_index: limit.is_some() })
    }

    /// The first rule of a success policy that what is done fulfils.
    pub fn satisfies(&self, policy: Option<&Value>) -> Option<usize> {
        policy?.items("rules").iter().position(|rule| {
            let wanted = rule.field("succeededIndexes").and_then(Value::as_str).map(|text| read(text, self.count));
            let done = match &wanted {
                Some(wanted) => wanted.intersection(&self.completed).count(),
                None => self.completed.len(),
            };
            match (rule.field("succeededCount").and_then(Value::as_i64), &wanted) {
                (Some(count), _) => done as i64 >= count,
                (None, Some(wanted)) => done == wanted.len(),
                (None, None) => false,
            }
        })
    }

    /// How many still have to succeed.
    pub fn open(&self) -> i64 {
        self.count - (self.completed.len() + self.failed.len()) as i64
    }

    fn is_open(&self, number: i64) -> bool {
        number < self.count && !self.completed.contains(&number) && !self.failed.contains(&number)
    }

    /// Pods that nobody needs (a number twice, beyond the last, or done), and the others.
    pub fn split<'a>(&self, active: &'a [Arc<Object>]) -> (Vec<&'a Arc<Object>>, Vec<&'a Arc<Object>>) {
        let mut seen = BTreeSet::new();
        active.iter().partition(|pod| !index_of(pod).is_some_and(|n| self.is_open(n) && seen.insert(n)))
    }

    /// The numbers that have no pod, lowest first.
    pub fn free(&self, active: &[&Arc<Object>]) -> impl Iterator<Item = i64> {
        let taken: BTreeSet<i64> = set_of(active.iter().filter_map(|p| index_of(p)));
        (0..self.count).filter(move |n| self.is_open(*n) && !taken.contains(n))
    }

    /// The numbers in the Job's status.
    pub fn write(&self, job: &Object, value: &mut Value) {
        let completed = print(&self.completed);
        match completed.as_str() {
            "" => drop(value.remove_at(&["status", "completedIndexes"])),
            text => value.set_at(&["status", "completedIndexes"], text),
        }
        if self.per_index || job.value.at(&["status", "failedIndexes"]).is_some() {
            value.set_at(&["status", "failedIndexes"], print(&self.failed).as_str());
        }
    }
}

/// `0,2-4`: two numbers in a row stand apart, more as a range.
fn print(numbers: &BTreeSet<i64>) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    let mut out = String::new();
    for (first, last) in ranges {
        let comma = if out.is_empty() { "" } else { "," };
        let _ = match last - first {
            0 => write!(out, "{comma}{first}"),
            1 => write!(out, "{comma}{first},{last}"),
            _ => write!(out, "{comma}{first}-{last}"),
        };
    }
    out
}

fn read(text: &str, count: i64) -> BTreeSet<i64> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.parse::<i64>().ok()?.max(0)..=last.parse::<i64>().ok()?.min(count - 1))
    };
    let mut all = BTreeSet::new();
    text.split(',').filter_map(range).for_each(|range| all.extend(range));
    all
}

/// Gives a new pod its number: by annotation, label, variable and host name.
pub(super) fn mark(pod: &mut Value, job: &Object, number: i64, failed: Option<i64>) {
    let text = format_smolstr!("{number}");
    pod.set_at(&["metadata", "annotations", INDEX], text.clone());
    if let Some(failed) = failed {
        pod.set_at(&["metadata", "annotations", FAILURE_COUNT], format_smolstr!("{failed}"));
    }
    pod.set_at(&["metadata", "labels", INDEX], text);
    pod.set_at(&["metadata", "generateName"], format_smolstr!("{}-{number}-", job.name()));
    let host: SmolStr = format_smolstr!("{}-{number}", job.name());
    pod.set_at(&["spec", "hostname"], host);
    let path = format_smolstr!("metadata.labels['{INDEX}']");
    for list in ["initContainers", "containers"] {
        if pod.items_at(&["spec", list]).is_empty() {
            continue;
        }
        for container in pod.map_mut().entry("spec").map_mut().entry(list).list_mut() {
            if container.items("env").iter().any(|v| v.text("name") == VARIABLE) {
                continue;
            }
            let source = value!({ "fieldRef": { "apiVersion": "v1", "fieldPath": (&path) } });
            let variable = value!({ "name": VARIABLE, "valueFrom": source });
            container.map_mut().entry("env").list_mut().push(variable);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_ranges_from_three_on() {
        let print_of = |numbers: &[i64]| print(&numbers.iter().copied().collect());
        assert_eq!(print_of(&[]), "");
        assert_eq!(print_of(&[0]), "0");
        assert_eq!(print_of(&[0, 1, 3, 4, 5, 9]), "0,1,3-5,9");
        assert_eq!(read("0,1,3-5,9", 6), [0, 1, 3, 4, 5].into_iter().collect());
        assert_eq!(read("x,4-2,-1", 6), BTreeSet::new());
    }
}
