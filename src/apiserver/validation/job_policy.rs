//! When a Job has failed or succeeded before all of its pods have (`pkg/apis/batch/validation`: `validatePodFailurePolicy`,
//! `validateSuccessPolicy`).

use crate::api::json;
use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::status::CauseReason;
use crate::apiserver::validation::{Errors, internal, names};

/// Most rules of a policy, conditions of a rule and exit codes of a rule; most bytes of a list of indexes.
const RULES_MAX: usize = 20;
const CONDITIONS_MAX: usize = 20;
const EXIT_CODES_MAX: usize = 255;
const INDEXES_MAX: usize = 64 * 1024;

/// One of a set of words that must be there; the set is told as Go prints it.
fn one_of(errors: &mut Errors, path: &Path, value: &str, values: &[&str]) {
    if value.is_empty() {
        let quoted: Vec<String> = values.iter().map(|v| json::quote(v)).collect();
        errors.required(path, &format!("valid values: [{}]", quoted.join(" ")));
    } else if !values.contains(&value) {
        errors.not_supported(path, &value.into(), values);
    }
}

pub(super) fn validate_failure_policy(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(policy) = spec.field("podFailurePolicy") else { return };
    let (path, rules) = (path.child("rules"), policy.items("rules"));
    errors.too_many(&path, rules.len(), RULES_MAX);
    for (i, rule) in rules.iter().enumerate() {
        validate_failure_rule(errors, &path.index(i), rule, spec);
    }
}

fn validate_failure_rule(errors: &mut Errors, path: &Path, rule: &Value, spec: &Value) {
    let (at, action) = (path.child("action"), rule.text("action"));
    if action == "FailIndex" {
        if spec.field("backoffLimitPerIndex").is_none() {
            errors.invalid(&at, &action.into(), "requires the backoffLimitPerIndex to be set");
        }
    } else {
        one_of(errors, &at, action, &["Count", "FailIndex", "FailJob", "Ignore"]);
    }
    let (codes, conditions) = (rule.field("onExitCodes"), rule.items("onPodConditions"));
    if let Some(codes) = codes {
        validate_exit_codes(errors, &path.child("onExitCodes"), codes, spec);
    }
    let at = path.child("onPodConditions");
    errors.too_many(&at, conditions.len(), CONDITIONS_MAX);
    for (i, pattern) in conditions.iter().enumerate() {
        let (at, kind) = (at.index(i), pattern.text("type"));
        errors.invalid_each(&at.child("type"), &kind.into(), names::is_qualified_name(kind));
        one_of(errors, &at.child("status"), pattern.text("status"), &["False", "True", "Unknown"]);
    }
    let what = match (codes.is_some(), !conditions.is_empty()) {
        (true, true) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (false, false) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    errors.push(CauseReason::Invalid, path, format!("Invalid value: {what}"));
}

fn validate_exit_codes(errors: &mut Errors, path: &Path, codes: &Value, spec: &Value) {
    let operator = codes.text("operator");
    one_of(errors, &path.child("operator"), operator, &["In", "NotIn"]);
    if let Some(name) = codes.field("containerName") {
        let named = |list: &&str| {
            let pod = spec.at(&["template", "spec"]).unwrap_or(&Value::Null);
            pod.items(list).iter().any(|c| c.get("name") == Some(name))
        };
        if !["containers", "initContainers"].iter().any(named) {
            let detail = "must be one of the container or initContainer names in the pod template";
            errors.invalid(&path.child("containerName"), name, detail);
        }
    }
    let (path, values) = (path.child("values"), codes.items("values"));
    let whole = || codes.get("values").unwrap_or(&Value::Null);
    if values.is_empty() {
        errors.invalid(&path, whole(), "at least one value is required");
    }
    errors.too_many(&path, values.len(), EXIT_CODES_MAX);
    for (i, code) in values.iter().enumerate() {
        if operator == "In" && code.as_i64() == Some(0) {
            errors.invalid(&path.index(i), code, "must not be 0 for the In operator");
        }
        if values[..i].contains(code) {
            errors.duplicate(&path.index(i), code);
        }
    }
    if !values.is_sorted_by_key(|v| v.as_i64()) {
        errors.invalid(&path, whole(), "must be ordered");
    }
}

pub(super) fn validate_success_policy(errors: &mut Errors, path: &Path, spec: &Value) {
    let Some(policy) = spec.field("successPolicy") else { return };
    if spec.text("completionMode") != "Indexed" {
        let shown = internal::compact("SuccessPolicy", policy);
        return errors.invalid_shown(path, &shown, "requires indexed completion mode");
    }
    let (path, rules) = (path.child("rules"), policy.items("rules"));
    if rules.is_empty() {
        errors.required(&path, "at least one rules must be specified when the successPolicy is specified");
    }
    errors.too_many(&path, rules.len(), RULES_MAX);
    for (i, rule) in rules.iter().enumerate() {
        validate_success_rule(errors, &path.index(i), rule, spec.int("completions"));
    }
}

fn validate_success_rule(errors: &mut Errors, path: &Path, rule: &Value, completions: i64) {
    let (indexes, count) = (rule.field("succeededIndexes"), rule.field("succeededCount"));
    if indexes.is_none() && count.is_none() {
        errors.required(path, "at least one of succeededCount or succeededIndexes must be specified");
    }
    let mut total = 0;
    if let Some(indexes) = indexes {
        let (at, text) = (path.child("succeededIndexes"), indexes.as_str().unwrap_or(""));
        if text.len() > INDEXES_MAX {
            errors.too_long(&at, INDEXES_MAX);
        }
        match count_indexes(text, completions) {
            Ok(count) => total = count,
            Err(problem) => errors.invalid(&at, indexes, &format!("error parsing succeededIndexes: {problem}")),
        }
    }
    if let Some(count) = count {
        let (at, number) = (path.child("succeededCount"), count.as_i64().unwrap_or(0));
        errors.non_negative(&at, number);
        let most = |most, what| format!("must be less than or equal to {most} (the number of {what})");
        if number > completions {
            errors.invalid(&at, count, &most(completions, "specified completions"));
        }
        if indexes.is_some() && number > total {
            errors.invalid(&at, count, &most(total, "indexes in the specified succeededIndexes field"));
        }
    }
}

/// How many indexes a list like `0,2-4` names (`validateIndexesFormat`).
fn count_indexes(text: &str, completions: i64) -> Result<i64, String> {
    let (mut total, mut last) = (0, None);
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let mut limits = part.split('-');
        let (first, second, more) = (limits.next().unwrap_or(""), limits.next(), limits.next());
        if more.is_some() {
            return Err(format!(
                "the fragment {} violates the requirement that an index interval can have at most two parts separated by '-'",
                json::quote(part)
            ));
        }
        let order = |previous, current| format!("non-increasing order, previous: {previous}, current: {current}");
        let low = read_index(first, completions)?;
        let high = second.map_or(Ok(low), |text| read_index(text, completions))?;
        if second.is_some() && low >= high {
            return Err(order(low, high));
        }
        if let Some(last) = last.filter(|last| *last >= low) {
            return Err(order(last, low));
        }
        total += high - low + 1;
        last = Some(high);
    }
    Ok(total)
}

fn read_index(text: &str, completions: i64) -> Result<i64, String> {
    let index: i64 =
        text.parse().map_err(|_| format!("cannot convert string to integer for index: {}", json::quote(text)))?;
    if index >= completions { Err(format!("too large index: {}", json::quote(text))) } else { Ok(index) }
}
