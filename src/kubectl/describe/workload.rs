//! Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets, Jobs and CronJobs.

use super::events::events;
use super::template::pod_template;
use super::{Sheet, View, controlled_by, metadata};
use crate::api::object::Object;
use crate::api::time;
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::output::age::{human_duration, rfc1123};
use crate::kubectl::output::columns::format_labels;
use crate::kubectl::output::{format_selector, plain};
use std::sync::Arc;

fn count(object: &Object, field: &str) -> i64 {
    object.value.at(&["status", field]).and_then(Value::as_i64).unwrap_or(0)
}

fn desired(object: &Object) -> i64 {
    object.value.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0)
}

/// How many of a controller's pods are in which phase.
fn pod_counts(object: &Object, view: &View) -> String {
    let (mut running, mut waiting, mut succeeded, mut failed) = (0, 0, 0, 0);
    for pod in view.store().owned_by(object.uid()).filter(|o| o.key.kind == "Pod") {
        match pod.value.str_at(&["status", "phase"]) {
            "Running" => running += 1,
            "Pending" => waiting += 1,
            "Succeeded" => succeeded += 1,
            "Failed" => failed += 1,
            _ => {}
        }
    }
    format!("{running} Running / {waiting} Waiting / {succeeded} Succeeded / {failed} Failed")
}

fn conditions(sheet: &mut Sheet, object: &Object) {
    let conditions = object.value.items_at(&["status", "conditions"]);
    if conditions.is_empty() {
        return;
    }
    sheet.line(0, "Conditions:\n  Type\tStatus\tReason");
    sheet.line(1, "----\t------\t------");
    for c in conditions {
        sheet.line(1, format!("{} \t{}\t{}", c.text("type"), c.text("status"), c.text("reason")));
    }
}

fn head(sheet: &mut Sheet, object: &Object) {
    sheet.field(0, "Name", object.name());
    sheet.field(0, "Namespace", object.namespace());
}

fn labels(sheet: &mut Sheet, object: &Object) {
    sheet.pairs("Labels", metadata(object, "labels"));
    sheet.annotations("Annotations", metadata(object, "annotations"));
}

fn created(sheet: &mut Sheet, object: &Object) {
    sheet.field(0, "CreationTimestamp", rfc1123(object.value.str_at(&["metadata", "creationTimestamp"])));
}

pub fn deployment(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    head(sheet, object);
    created(sheet, object);
    labels(sheet, object);
    sheet.field(0, "Selector", format_selector(spec.get("selector")));
    sheet.field(
        0,
        "Replicas",
        format!(
            "{} desired | {} updated | {} total | {} available | {} unavailable",
            desired(object),
            count(object, "updatedReplicas"),
            count(object, "replicas"),
            count(object, "availableReplicas"),
            count(object, "unavailableReplicas")
        ),
    );
    sheet.field(0, "StrategyType", spec.str_at(&["strategy", "type"]));
    sheet.field(0, "MinReadySeconds", spec.int("minReadySeconds"));
    if let Some(rolling) = spec.at(&["strategy", "rollingUpdate"]) {
        let bound = |field: &str| rolling.get(field).map_or("0".to_string(), plain);
        sheet.field(
            0,
            "RollingUpdateStrategy",
            format!("{} max unavailable, {} max surge", bound("maxUnavailable"), bound("maxSurge")),
        );
    }
    pod_template(sheet, spec.get("template"));
    conditions(sheet, object);
    let (old, new) = replica_sets(object, view);
    if !old.is_empty() || new.is_some() {
        sheet.field(0, "OldReplicaSets", list_sets(&old));
        sheet.field(0, "NewReplicaSet", list_sets(&new.into_iter().collect::<Vec<_>>()));
    }
    events(sheet, object, view);
}

/// A Deployment's ReplicaSets: the older ones that still count, oldest first, and the one of the present template.
pub fn replica_sets<'a>(object: &Object, view: &'a View) -> (Vec<&'a Arc<Object>>, Option<&'a Arc<Object>>) {
    let strip = |set: &Object| {
        let mut template = set.value.at(&["spec", "template"]).cloned().unwrap_or_default();
        template.remove_at(&["metadata", "labels", "pod-template-hash"]);
        template
    };
    let own = object.value.at(&["spec", "template"]).cloned().unwrap_or_default();
    let mut sets: Vec<&Arc<Object>> =
        view.store().owned_by(object.uid()).filter(|o| o.key.kind == "ReplicaSet").collect();
    sets.arrange_by(|a, b| {
        let stamp = |o: &Object| o.value.str_at(&["metadata", "creationTimestamp"]).to_string();
        (stamp(a), a.name()).cmp(&(stamp(b), b.name()))
    });
    let new = sets.iter().position(|s| strip(s) == own).map(|at| sets.remove(at));
    (sets, new)
}

fn list_sets(sets: &[&Arc<Object>]) -> String {
    if sets.is_empty() {
        return "<none>".to_string();
    }
    let one = |s: &&Arc<Object>| format!("{} ({}/{} replicas created)", s.name(), count(s, "replicas"), desired(s));
    sets.iter().map(one).collect::<Vec<_>>().join(", ")
}

pub fn replica_set(sheet: &mut Sheet, object: &Object, view: &View) {
    head(sheet, object);
    sheet.field(0, "Selector", format_selector(object.value.at(&["spec", "selector"])));
    labels(sheet, object);
    controlled_by(sheet, object);
    sheet.field(0, "Replicas", format!("{} current / {} desired", count(object, "replicas"), desired(object)));
    sheet.field(0, "Pods Status", pod_counts(object, view));
    pod_template(sheet, object.value.at(&["spec", "template"]));
    conditions(sheet, object);
    events(sheet, object, view);
}

pub fn replication_controller(sheet: &mut Sheet, object: &Object, view: &View) {
    head(sheet, object);
    sheet.field(0, "Selector", format_labels(object.value.at(&["spec", "selector"])));
    labels(sheet, object);
    sheet.field(0, "Replicas", format!("{} current / {} desired", count(object, "replicas"), desired(object)));
    sheet.field(0, "Pods Status", pod_counts(object, view));
    pod_template(sheet, object.value.at(&["spec", "template"]));
    conditions(sheet, object);
    events(sheet, object, view);
}

pub fn stateful_set(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    head(sheet, object);
    created(sheet, object);
    sheet.field(0, "Selector", format_selector(spec.get("selector")));
    labels(sheet, object);
    for (field, title) in [("serviceName", "Service Name"), ("podManagementPolicy", "Pod Management Policy")] {
        if !spec.text(field).is_empty() {
            sheet.field(0, title, spec.text(field));
        }
    }
    sheet.field(0, "Replicas", format!("{} desired | {} total", desired(object), count(object, "replicas")));
    sheet.field(0, "Update Strategy", spec.str_at(&["updateStrategy", "type"]));
    if let Some(partition) = spec.at(&["updateStrategy", "rollingUpdate", "partition"]) {
        sheet.field(1, "Partition", plain(partition));
    }
    if let Some(policy) = spec.field("persistentVolumeClaimRetentionPolicy") {
        sheet.line(0, "Persistent Volume Claim Retention Policy:");
        sheet.field(1, "WhenDeleted", policy.text("whenDeleted"));
        sheet.field(1, "WhenScaled", policy.text("whenScaled"));
    }
    sheet.field(0, "Pods Status", pod_counts(object, view));
    pod_template(sheet, spec.get("template"));
    claim_templates(sheet, spec.items("volumeClaimTemplates"));
    events(sheet, object, view);
}

fn claim_templates(sheet: &mut Sheet, templates: &[Value]) {
    if templates.is_empty() {
        sheet.field(0, "Volume Claims", "<none>");
        return;
    }
    sheet.line(0, "Volume Claims:");
    for template in templates {
        sheet.field(1, "Name", template.str_at(&["metadata", "name"]));
        sheet.field(1, "StorageClass", template.str_at(&["spec", "storageClassName"]));
        sheet.pairs("  Labels", template.at(&["metadata", "labels"]));
        sheet.annotations("  Annotations", template.at(&["metadata", "annotations"]));
        let size = template.at(&["spec", "resources", "requests", "storage"]).map_or("<default>".to_string(), plain);
        sheet.field(1, "Capacity", size);
        let modes: Vec<&str> = template.items_at(&["spec", "accessModes"]).iter().filter_map(Value::as_str).collect();
        sheet.field(1, "Access Modes", format!("[{}]", modes.join(" ")));
    }
}

pub fn daemon_set(sheet: &mut Sheet, object: &Object, view: &View) {
    head(sheet, object);
    sheet.field(0, "Selector", format_selector(object.value.at(&["spec", "selector"])));
    sheet.field(0, "Node-Selector", format_labels(object.value.at(&["spec", "template", "spec", "nodeSelector"])));
    labels(sheet, object);
    for (title, field) in [
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ] {
        sheet.line(0, format!("{title}: {}", count(object, field)));
    }
    sheet.field(0, "Pods Status", pod_counts(object, view));
    pod_template(sheet, object.value.at(&["spec", "template"]));
    events(sheet, object, view);
}

pub fn job(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    let status = object.value.get("status").unwrap_or(&Value::Null);
    head(sheet, object);
    sheet.field(0, "Selector", format_selector(spec.get("selector")));
    labels(sheet, object);
    controlled_by(sheet, object);
    if let Some(parallelism) = spec.field("parallelism") {
        sheet.field(0, "Parallelism", plain(parallelism));
    }
    sheet.field(0, "Completions", spec.field("completions").map_or("<unset>".to_string(), plain));
    for (field, title) in [
        ("completionMode", "Completion Mode"),
        ("suspend", "Suspend"),
        ("backoffLimit", "Backoff Limit"),
        ("ttlSecondsAfterFinished", "TTL Seconds After Finished"),
    ] {
        if let Some(value) = spec.field(field) {
            sheet.field(0, title, plain(value));
        }
    }
    let (start, end) = (status.text("startTime"), status.text("completionTime"));
    if !start.is_empty() {
        sheet.field(0, "Start Time", rfc1123(start));
    }
    if !end.is_empty() {
        sheet.field(0, "Completed At", rfc1123(end));
    }
    if let (Some(start), Some(end)) = (time::parse(start), time::parse(end)) {
        sheet.field(0, "Duration", human_duration(end.since(start).as_secs()));
    }
    if let Some(deadline) = spec.field("activeDeadlineSeconds").and_then(Value::as_i64) {
        sheet.field(0, "Active Deadline Seconds", format!("{deadline}s"));
    }
    let ready = status.field("ready").and_then(Value::as_i64);
    let active = status.int("active");
    let active = ready.map_or(format!("{active} Active"), |r| format!("{active} Active ({r} Ready)"));
    sheet.field(
        0,
        "Pods Statuses",
        format!("{active} / {} Succeeded / {} Failed", status.int("succeeded"), status.int("failed")),
    );
    if spec.text("completionMode") == "Indexed" {
        sheet.field(0, "Completed Indexes", capped(status.text("completedIndexes")));
    }
    pod_template(sheet, spec.get("template"));
    events(sheet, object, view);
}

/// A long list of numbers ends at the first comma after fifty characters.
fn capped(indexes: &str) -> String {
    const ENOUGH: usize = 50;
    match indexes.get(ENOUGH..).and_then(|rest| rest.find(',')) {
        _ if indexes.is_empty() => "<none>".to_string(),
        Some(comma) => format!("{}...", &indexes[..=ENOUGH + comma]),
        None => indexes.to_string(),
    }
}

pub fn cron_job(sheet: &mut Sheet, object: &Object, view: &View) {
    let spec = object.value.get("spec").unwrap_or(&Value::Null);
    head(sheet, object);
    labels(sheet, object);
    sheet.field(0, "Schedule", spec.text("schedule"));
    sheet.field(0, "Concurrency Policy", spec.text("concurrencyPolicy"));
    sheet.field(0, "Suspend", super::capital(spec.flag("suspend")));
    for (field, title) in [
        ("successfulJobsHistoryLimit", "Successful Job History Limit"),
        ("failedJobsHistoryLimit", "Failed Job History Limit"),
    ] {
        sheet.field(0, title, spec.field(field).map_or("<unset>".to_string(), plain));
    }
    let deadline = spec.field("startingDeadlineSeconds").and_then(Value::as_i64);
    sheet.field(0, "Starting Deadline Seconds", deadline.map_or("<unset>".to_string(), |d| format!("{d}s")));
    let template = spec.at(&["jobTemplate", "spec"]).unwrap_or(&Value::Null);
    sheet.field(
        0,
        "Selector",
        match format_selector(template.get("selector")) {
            text if text.is_empty() => "<unset>".to_string(),
            text => text,
        },
    );
    for (field, title) in [("parallelism", "Parallelism"), ("completions", "Completions")] {
        sheet.field(0, title, template.field(field).map_or("<unset>".to_string(), plain));
    }
    pod_template(sheet, template.get("template"));
    let last = object.value.str_at(&["status", "lastScheduleTime"]);
    sheet.field(0, "Last Schedule Time", if last.is_empty() { "<unset>".to_string() } else { rfc1123(last) });
    let active: Vec<&str> = object.value.items_at(&["status", "active"]).iter().map(|j| j.text("name")).collect();
    sheet.field(0, "Active Jobs", if active.is_empty() { "<none>".to_string() } else { active.join(", ") });
    events(sheet, object, view);
}
