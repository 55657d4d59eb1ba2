//! Jobs and CronJobs (`pkg/apis/batch/validation`), without their metadata.
//!
//! Left out: the list of time zones (any name of the right form is taken).

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::validation::cron::parse_schedule;
use crate::apiserver::validation::job_policy::{validate_failure_policy, validate_success_policy};
use crate::apiserver::validation::label_selector::{as_selector, matches, validate_label_selector};
use crate::apiserver::validation::pod::validate_pod_template;
use crate::apiserver::validation::{Errors, internal, names};

const MOST_INDEXES: i64 = 100_000;
/// Most pods at once, and most failed indexes, of a Job of more indexes than that whose indexes fail each for itself.
const MOST_OF_MANY: i64 = 10_000;

pub fn validate_job(errors: &mut Errors, job: &Value) {
    let spec = job.get("spec").unwrap_or(&Value::Null);
    validate_generated_selector(errors, job, spec);
    validate_job_with_selector(errors, &Path::root("spec"), spec);
    let completions = spec.int("completions");
    if spec.text("completionMode") == "Indexed" && completions > 0 {
        let name = job.str_at(&["metadata", "name"]);
        let host = format!("{name}-{}", completions - 1);
        if !names::is_dns1123_label(&host).is_empty() {
            let meta = Path::root("metadata");
            let detail = format!("will not able to create pod with invalid DNS label: {host}");
            errors.invalid(&meta.child("name"), &Value::from(name), &detail);
        }
    }
}

/// Unless it is written by hand, the selector is made from the job's uid; the template must bear what was made.
fn validate_generated_selector(errors: &mut Errors, job: &Value, spec: &Value) {
    let Some(selector) = spec.field("selector").filter(|_| !spec.flag("manualSelector")) else { return };
    let (uid, name) = (job.str_at(&["metadata", "uid"]), job.str_at(&["metadata", "name"]));
    let spec_path = Path::root("spec");
    let template_path = spec_path.child("template");
    let meta_path = template_path.child("metadata");
    let labels_path = meta_path.child("labels");
    let mut expected = Value::map();
    for (label, value) in [
        ("controller-uid", uid),
        ("job-name", name),
        ("batch.kubernetes.io/controller-uid", uid),
        ("batch.kubernetes.io/job-name", name),
    ] {
        expected.map_mut().insert(label, value);
        let labels = spec.at(&["template", "metadata", "labels"]).unwrap_or(&Value::Null);
        match labels.get(label).and_then(Value::as_str) {
            None => {
                let detail = format!("must be '{value}'");
                errors.required(&labels_path.key(label), &detail);
            }
            Some(other) if other != value => {
                let detail = format!("must be '{value}'");
                errors.invalid(&labels_path.key(label), labels, &detail);
            }
            Some(_) => {}
        }
    }
    if as_selector(selector).is_ok() && !matches(Some(selector), Some(&expected)) {
        errors.invalid(&spec_path.child("selector"), selector, "`selector` not auto-generated");
    }
}

fn validate_job_with_selector(errors: &mut Errors, path: &Path, spec: &Value) {
    validate_job_spec(errors, path, spec);
    let selector = spec.field("selector");
    if selector.is_none() {
        errors.required(&path.child("selector"), "");
    }
    validate_label_selector(errors, &path.child("selector"), selector);
    let labels = spec.at(&["template", "metadata", "labels"]);
    if selector.is_none_or(|s| as_selector(s).is_ok()) && !matches(selector, labels) {
        let template = path.child("template");
        let meta = template.child("metadata");
        let detail = "`selector` does not match template `labels`";
        errors.invalid(&meta.child("labels"), labels.unwrap_or(&Value::Null), detail);
    }
}

fn validate_job_spec(errors: &mut Errors, path: &Path, spec: &Value) {
    for field in [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ] {
        errors.non_negative(&path.child(field), spec.int(field));
    }
    let number = |field: &str| spec.field(field).and_then(Value::as_i64);
    let per_index = spec.field("backoffLimitPerIndex");
    if spec.field("maxFailedIndexes").is_some() && per_index.is_none() {
        errors.required(&path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
    }
    validate_managed_by(errors, &path.child("managedBy"), spec);
    let mode = spec.text("completionMode");
    if spec.field("completionMode").is_some() && !matches!(mode, "NonIndexed" | "Indexed") {
        errors.not_supported(&path.child("completionMode"), &Value::from(mode), &["NonIndexed", "Indexed"]);
    }
    if mode == "Indexed" {
        if spec.field("completions").is_none() {
            errors.required(&path.child("completions"), "when completion mode is Indexed");
        }
        if let Some(parallelism) = number("parallelism").filter(|n| *n > MOST_INDEXES) {
            let detail = format!("must be less than or equal to {MOST_INDEXES} when completion mode is Indexed");
            errors.invalid(&path.child("parallelism"), &Value::Int(parallelism), &detail);
        }
        if let Some(failed) = number("maxFailedIndexes") {
            let at = path.child("maxFailedIndexes");
            if number("completions").is_some_and(|c| failed > c) {
                errors.invalid(&at, &Value::Int(failed), "must be less than or equal to completions");
            }
            if failed > MOST_INDEXES {
                let detail = format!("must be less than or equal to {MOST_INDEXES}");
                errors.invalid(&at, &Value::Int(failed), &detail);
            }
        }
        if per_index.is_some() && number("completions").is_some_and(|c| c > MOST_INDEXES) {
            let at = path.child("maxFailedIndexes");
            if number("maxFailedIndexes").is_none() {
                errors.required(&at, &format!("must be specified when completions is above {MOST_INDEXES}"));
            }
            for field in ["parallelism", "maxFailedIndexes"] {
                if let Some(number) = number(field).filter(|n| *n > MOST_OF_MANY) {
                    let detail = format!(
                        "must be less than or equal to {MOST_OF_MANY} when completions are above {MOST_INDEXES} and used with \
                         backoff limit per index"
                    );
                    errors.invalid(&path.child(field), &Value::Int(number), &detail);
                }
            }
        }
    } else if matches!(mode, "" | "NonIndexed") {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(value) = spec.field(field) {
                errors.invalid(&path.child(field), value, "requires indexed completion mode");
            }
        }
    }
    validate_failure_policy(errors, &path.child("podFailurePolicy"), spec);
    validate_success_policy(errors, &path.child("successPolicy"), spec);
    validate_replacement(errors, &path.child("podReplacementPolicy"), spec);
    let template_path = path.child("template");
    let template = spec.get("template").unwrap_or(&Value::Null);
    validate_pod_template(errors, &template_path, template, &[]);
    let pod_path = template_path.child("spec");
    let at = pod_path.child("restartPolicy");
    let policy = template.str_at(&["spec", "restartPolicy"]);
    match policy {
        "Always" | "" => errors.required(&at, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" if spec.field("podFailurePolicy").is_some() => {
            let detail = "only \"Never\" is supported when podFailurePolicy is specified";
            errors.invalid(&at, &Value::from(policy), detail);
        }
        "OnFailure" | "Never" => {}
        _ => errors.not_supported(&at, &Value::from(policy), &["OnFailure", "Never"]),
    }
}

fn validate_managed_by(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(manager) = spec.field("managedBy").and_then(Value::as_str) else { return };
    let value = Value::from(manager);
    if manager.is_empty() {
        errors.required(path, "");
        return;
    }
    let Some((domain, rest)) = manager.split_once('/').filter(|(d, r)| !d.is_empty() && !r.is_empty()) else {
        errors.invalid(path, &value, "must be a domain-prefixed path (such as \"acme.io/foo\")");
        return;
    };
    errors.invalid_each(path, &Value::from(domain), names::is_dns1123_subdomain(domain));
    if !is_http_path(rest) {
        errors.invalid(path, &Value::from(rest), &http_path_error());
    }
    if manager.len() > 63 {
        errors.too_long(path, 63);
    }
}

/// Letters, digits and what else a path of an URL may have.
pub(super) fn is_http_path(path: &str) -> bool {
    path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b))
}

pub(super) fn http_path_error() -> String {
    r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')".to_string()
}

fn validate_replacement(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(policy) = spec.field("podReplacementPolicy") else { return };
    let values: &[&str] =
        if spec.field("podFailurePolicy").is_some() { &["Failed"] } else { &["Failed", "TerminatingOrFailed"] };
    if !values.contains(&policy.as_str().unwrap_or("")) {
        errors.not_supported(path, policy, values);
    }
}

pub fn validate_job_update(errors: &mut Errors, new: &Value, old: &Value) {
    let path = Path::root("spec");
    let (new, old) = (new.get("spec").unwrap_or(&Value::Null), old.get("spec").unwrap_or(&Value::Null));
    validate_job_with_selector(errors, &path, new);
    let value = |spec: &Value, field: &str| spec.field(field).cloned().unwrap_or(Value::Null);
    let immutable = |errors: &mut Errors, field: &str| {
        if value(new, field) != value(old, field) {
            errors.invalid(&path.child(field), &value(new, field), "field is immutable");
        }
    };
    if new.text("completionMode") != "Indexed" {
        immutable(errors, "completions");
    } else if new.field("completions").is_some_and(|c| Some(c) != old.field("completions"))
        && new.int("completions") != new.int("parallelism")
    {
        let detail = "can only be modified in tandem with spec.parallelism";
        errors.invalid(&path.child("completions"), &value(new, "completions"), detail);
    }
    immutable(errors, "selector");
    if !same_template(new, old) {
        let shown = internal::compact("PodTemplateSpec", new.get("template").unwrap_or(&Value::Null));
        errors.invalid_shown(&path.child("template"), &shown, "field is immutable");
    }
    for field in ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] {
        immutable(errors, field);
    }
}

/// Whether the template is as it was. A suspended job that has not started may still be sent elsewhere.
fn same_template(new: &Value, old: &Value) -> bool {
    let template = |spec: &Value| spec.get("template").cloned().unwrap_or(Value::Null);
    let (mut new_template, mut old_template) = (template(new), template(old));
    if old.flag("suspend") {
        for template in [&mut new_template, &mut old_template] {
            for keys in [
                &["spec", "nodeSelector"][..],
                &["spec", "tolerations"],
                &["spec", "schedulingGates"],
                &["spec", "affinity", "nodeAffinity"],
                &["metadata", "annotations"],
                &["metadata", "labels"],
            ] {
                template.remove_at(keys);
            }
            if template.at(&["spec", "affinity"]).and_then(Value::as_map).is_some_and(|m| m.is_empty()) {
                template.remove_at(&["spec", "affinity"]);
            }
        }
    }
    new_template == old_template
}

pub fn validate_cron_job(errors: &mut Errors, job: &Value) {
    validate_cron_job_spec(errors, job, None);
    let name = job.str_at(&["metadata", "name"]);
    if name.len() > 52 {
        let meta = Path::root("metadata");
        errors.invalid(&meta.child("name"), &Value::from(name), "must be no more than 52 characters");
    }
}

pub fn validate_cron_job_update(errors: &mut Errors, new: &Value, old: &Value) {
    validate_cron_job_spec(errors, new, Some(old));
}

fn validate_cron_job_spec(errors: &mut Errors, job: &Value, old: Option<&Value>) {
    let path = Path::root("spec");
    let spec = job.get("spec").unwrap_or(&Value::Null);
    let schedule = spec.text("schedule");
    let at = path.child("schedule");
    if schedule.is_empty() {
        errors.required(&at, "");
    } else {
        if let Err(problem) = parse_schedule(schedule) {
            errors.invalid(&at, &Value::from(schedule), &problem);
        }
        // Who wrote the zone into the schedule before that was refused may leave it there.
        let kept = old.is_some_and(|o| o.str_at(&["spec", "schedule"]).contains("TZ"));
        if schedule.contains("TZ") && (!kept || spec.field("timeZone").is_some()) {
            let detail = if kept {
                "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            } else {
                "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            };
            errors.invalid(&at, &Value::from(schedule), detail);
        }
    }
    errors.non_negative(&path.child("startingDeadlineSeconds"), spec.int("startingDeadlineSeconds"));
    if old.is_none_or(|o| o.at(&["spec", "timeZone"]) != spec.get("timeZone")) {
        validate_time_zone(errors, &path.child("timeZone"), spec);
    }
    let policy = spec.text("concurrencyPolicy");
    let policies = ["Allow", "Forbid", "Replace"];
    if policy.is_empty() {
        errors.required(&path.child("concurrencyPolicy"), "");
    } else if !policies.contains(&policy) {
        errors.not_supported(&path.child("concurrencyPolicy"), &Value::from(policy), &policies);
    }
    let template_path = path.child("jobTemplate");
    let job_path = template_path.child("spec");
    let job_spec = spec.at(&["jobTemplate", "spec"]).unwrap_or(&Value::Null);
    validate_job_spec(errors, &job_path, job_spec);
    if let Some(selector) = job_spec.field("selector") {
        errors.invalid(&job_path.child("selector"), selector, "`selector` will be auto-generated");
    }
    if job_spec.flag("manualSelector") {
        errors.not_supported(&job_path.child("manualSelector"), &Value::Bool(true), &["nil", "false"]);
    }
    for field in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        errors.non_negative(&path.child(field), spec.int(field));
    }
}

fn validate_time_zone(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(zone) = spec.field("timeZone").and_then(Value::as_str) else { return };
    let value = Value::from(zone);
    if zone.is_empty() {
        errors.invalid(path, &value, "timeZone must be nil or non-empty string");
        return;
    }
    let is_part = |part: &str| {
        !matches!(part, "." | "..")
            && !part.starts_with('-')
            && (1..=14).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
    };
    if !zone.split('/').all(is_part) {
        errors.invalid(path, &value, &format!("unknown time zone {zone}"));
    } else if zone.eq_ignore_ascii_case("local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.invalid(path, &value, detail);
    }
}
