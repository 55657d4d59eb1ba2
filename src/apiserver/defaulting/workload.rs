//! Defaults of the workloads (`pkg/apis/apps/v1/defaults.go`, `pkg/apis/batch/v1/defaults.go` and
//! `SetDefaults_ReplicationController`).

use super::pod::default_pod_template;
use super::volume::default_claim_spec;
use super::{each, fill, fill_text, within};
use crate::api::value::{Map, Value};

fn template(spec: &mut Value) {
    default_pod_template(spec.map_mut().entry("template"));
}

pub fn default_deployment(deployment: &mut Value) {
    let spec = deployment.map_mut().entry("spec");
    template(spec);
    fill(spec, "replicas", 1);
    let strategy = spec.map_mut().entry("strategy");
    fill_text(strategy, "type", "RollingUpdate");
    if strategy.text("type") == "RollingUpdate" {
        let rolling = strategy.map_mut().entry("rollingUpdate");
        fill(rolling, "maxUnavailable", "25%");
        fill(rolling, "maxSurge", "25%");
    }
    fill(spec, "revisionHistoryLimit", 10);
    fill(spec, "progressDeadlineSeconds", 600);
}

pub fn default_replica_set(set: &mut Value) {
    let spec = set.map_mut().entry("spec");
    template(spec);
    fill(spec, "replicas", 1);
}

/// Without a selector it takes its template's labels; without labels of its own, too.
pub fn default_replication_controller(controller: &mut Value) {
    let labels = controller.at(&["spec", "template", "metadata", "labels"]).cloned();
    if let Some(labels) = labels.filter(|l| l.as_map().is_some_and(|m| !m.is_empty())) {
        for path in [["spec", "selector"], ["metadata", "labels"]] {
            if controller.at(&path).and_then(Value::as_map).is_none_or(Map::is_empty) {
                controller.set_at(&path, labels.clone());
            }
        }
    }
    let spec = controller.map_mut().entry("spec");
    fill(spec, "replicas", 1);
    within(spec, "template", default_pod_template);
}

pub fn default_stateful_set(set: &mut Value) {
    let spec = set.map_mut().entry("spec");
    template(spec);
    fill_text(spec, "podManagementPolicy", "OrderedReady");
    let strategy = spec.map_mut().entry("updateStrategy");
    // A strategy whose type is written keeps what else is written, be it nothing.
    if strategy.text("type").is_empty() {
        strategy.map_mut().insert("type", "RollingUpdate");
        fill(strategy, "rollingUpdate", Value::map());
    }
    if strategy.text("type") == "RollingUpdate" {
        within(strategy, "rollingUpdate", |rolling| fill(rolling, "partition", 0));
    }
    // The gate MaxUnavailableStatefulSet is off: what the field says is dropped.
    within(strategy, "rollingUpdate", |rolling| drop(rolling.map_mut().remove("maxUnavailable")));
    let retention = spec.map_mut().entry("persistentVolumeClaimRetentionPolicy");
    fill_text(retention, "whenDeleted", "Retain");
    fill_text(retention, "whenScaled", "Retain");
    fill(spec, "replicas", 1);
    fill(spec, "revisionHistoryLimit", 10);
    each(spec, "volumeClaimTemplates", |claim| {
        // The kind is written into each template, so that server-side apply can tell what it is.
        let map = claim.map_mut();
        map.insert("apiVersion", "v1");
        map.insert("kind", "PersistentVolumeClaim");
        default_claim_spec(map.entry("spec"));
        fill_text(map.entry("status"), "phase", "Pending");
    });
}

pub fn default_daemon_set(set: &mut Value) {
    let spec = set.map_mut().entry("spec");
    template(spec);
    let strategy = spec.map_mut().entry("updateStrategy");
    fill_text(strategy, "type", "RollingUpdate");
    if strategy.text("type") == "RollingUpdate" {
        let rolling = strategy.map_mut().entry("rollingUpdate");
        fill(rolling, "maxUnavailable", 1);
        fill(rolling, "maxSurge", 0);
    }
    fill(spec, "revisionHistoryLimit", 10);
}

/// The labels that a Job without any takes from its template come later, with those that tell whose pods they are
/// (`prepare_job`).
pub fn default_job(job: &mut Value) {
    let spec = job.map_mut().entry("spec");
    template(spec);
    if spec.field("parallelism").is_none() {
        fill(spec, "completions", 1);
    }
    fill(spec, "parallelism", 1);
    let per_index = spec.field("backoffLimitPerIndex").is_some();
    fill(spec, "backoffLimit", if per_index { i64::from(i32::MAX) } else { 6 });
    fill(spec, "completionMode", "NonIndexed");
    fill(spec, "suspend", false);
    fill(spec, "manualSelector", false);
    let policy = spec.field("podFailurePolicy").is_some();
    within(spec, "podFailurePolicy", |policy| {
        each(policy, "rules", |rule| each(rule, "onPodConditions", |pattern| fill_text(pattern, "status", "True")));
    });
    fill(spec, "podReplacementPolicy", if policy { "Failed" } else { "TerminatingOrFailed" });
}

pub fn default_cron_job(job: &mut Value) {
    let spec = job.map_mut().entry("spec");
    template(spec.map_mut().entry("jobTemplate").map_mut().entry("spec"));
    fill_text(spec, "concurrencyPolicy", "Allow");
    fill(spec, "suspend", false);
    fill(spec, "successfulJobsHistoryLimit", 3);
    fill(spec, "failedJobsHistoryLimit", 1);
}

/// A `PodTemplate` object.
pub fn default_pod_template_object(object: &mut Value) {
    template(object);
}
