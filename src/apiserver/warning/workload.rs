//! Warnings about workloads and Ingresses (the strategies under `pkg/registry/apps`, `…/batch`, `…/networking`).

use super::pod::warn_pod_template;
use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::ingress::CLASS_ANNOTATION;
use crate::apiserver::validation::names;

/// A Deployment, ReplicaSet or ReplicationController.
pub fn warn_replicated(warnings: &mut Vec<String>, object: &Value, old: Option<&Value>) {
    if old.is_none() {
        warn_name(warnings, object);
    }
    warn_template(warnings, object, old);
}

/// A DaemonSet.
pub fn warn_template(warnings: &mut Vec<String>, object: &Value, old: Option<&Value>) {
    let spec = |o: &Value| o.get("spec").cloned().unwrap_or(Value::Null);
    if old.is_none_or(|old| spec(old) != spec(object)) {
        let template = object.at(&["spec", "template"]).unwrap_or(&Value::Null);
        warn_pod_template(warnings, &Path::root("spec").child("template"), template);
    }
}

pub fn warn_stateful_set(warnings: &mut Vec<String>, set: &Value, old: Option<&Value>) {
    warn_template(warnings, set, old);
    let limit = set.at(&["spec", "revisionHistoryLimit"]).and_then(Value::as_i64).unwrap_or(0);
    if limit < 0 {
        warnings.push(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
                .to_string(),
        );
    }
}

pub fn warn_job(warnings: &mut Vec<String>, job: &Value, old: Option<&Value>) {
    if old.is_none() {
        warn_name(warnings, job);
        let template = job.at(&["spec", "template"]).unwrap_or(&Value::Null);
        warn_pod_template(warnings, &Path::root("spec").child("template"), template);
    }
}

pub fn warn_cron_job(warnings: &mut Vec<String>, job: &Value, old: Option<&Value>) {
    if old.is_none() {
        warn_name(warnings, job);
    }
    let template = job.at(&["spec", "jobTemplate", "spec", "template"]).unwrap_or(&Value::Null);
    let spec = Path::root("spec");
    let job_template = spec.child("jobTemplate");
    warn_pod_template(warnings, &job_template.child("spec").child("template"), template);
}

/// Names with dots make odd host names.
fn warn_name(warnings: &mut Vec<String>, object: &Value) {
    let reasons = names::is_dns1123_label(object.str_at(&["metadata", "name"]));
    if !reasons.is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label \
             is recommended: [{}]",
            reasons.join(" ")
        ));
    }
}

/// A new Ingress that names its class in the old way alone.
pub fn warn_ingress(warnings: &mut Vec<String>, ingress: &Value, old: Option<&Value>) {
    let annotated = ingress.at(&["metadata", "annotations"]).is_some_and(|a| a.get(CLASS_ANNOTATION).is_some());
    let named = ingress.at(&["spec", "ingressClassName"]).is_some_and(|c| !c.is_null());
    if old.is_none() && annotated && !named {
        warnings.push(format!(
            "annotation \"{CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"
        ));
    }
}
