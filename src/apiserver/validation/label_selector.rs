//! Labels and label selectors (apimachinery `meta/v1/validation`), and what a selector selects.

use crate::api::path::Path;
use crate::api::value::{Map, Value};
use crate::apiserver::validation::{Errors, names};

/// The map at `keys`; `None` when there is none.
fn map_at<'a>(value: &'a Value, key: &str) -> Option<&'a Map> {
    value.get(key)?.as_map()
}

/// A map of labels (upstream `ValidateLabels`). Both a bad key and a bad value are reported at the map itself.
pub fn validate_labels(errors: &mut Errors, path: &Path, labels: Option<&Value>) {
    let Some(labels) = labels.and_then(Value::as_map) else { return };
    for (key, value) in labels.iter() {
        validate_label_name(errors, path, key);
        errors.invalid_each(path, value, names::is_label_value(value.as_str().unwrap_or("")));
    }
}

/// A label's key.
pub fn validate_label_name(errors: &mut Errors, path: &Path, key: &str) {
    errors.invalid_each(path, &Value::from(key), names::is_qualified_name(key));
}

/// A `metav1.LabelSelector` (upstream `ValidateLabelSelector`).
pub fn validate_label_selector(errors: &mut Errors, path: &Path, selector: Option<&Value>) {
    let Some(selector) = selector else { return };
    validate_labels(errors, &path.child("matchLabels"), selector.get("matchLabels"));
    let path = path.child("matchExpressions");
    for (i, expression) in selector.items_at(&["matchExpressions"]).iter().enumerate() {
        validate_requirement(errors, &path.index(i), expression);
    }
}

fn validate_requirement(errors: &mut Errors, path: &Path, expression: &Value) {
    let values = expression.items_at(&["values"]);
    let values_path = path.child("values");
    match expression.str_at(&["operator"]) {
        "In" | "NotIn" if values.is_empty() => {
            errors.required(&values_path, "must be specified when `operator` is 'In' or 'NotIn'");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.forbidden(&values_path, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => errors.invalid(&path.child("operator"), &Value::from(other), "not a valid selector operator"),
    }
    validate_label_name(errors, &path.child("key"), expression.str_at(&["key"]));
    for (i, value) in values.iter().enumerate() {
        errors.invalid_each(&values_path.index(i), value, names::is_label_value(value.as_str().unwrap_or("")));
    }
}

/// Whether a selector has neither labels nor expressions. Such a selector selects everything.
pub fn is_empty(selector: &Value) -> bool {
    map_at(selector, "matchLabels").is_none_or(Map::is_empty) && selector.items_at(&["matchExpressions"]).is_empty()
}

/// Whether a `metav1.LabelSelector` can be used at all (upstream `LabelSelectorAsSelector` gives no error), and in which
/// words it cannot.
pub fn as_selector(selector: &Value) -> Result<(), String> {
    let labels = map_at(selector, "matchLabels").into_iter().flat_map(Map::iter);
    for (key, value) in labels {
        as_requirement(key, "In", std::slice::from_ref(value))?;
    }
    for expression in selector.items_at(&["matchExpressions"]) {
        let operator = expression.str_at(&["operator"]);
        if !matches!(operator, "In" | "NotIn" | "Exists" | "DoesNotExist") {
            return Err(format!("\"{operator}\" is not a valid label selector operator"));
        }
        as_requirement(expression.str_at(&["key"]), operator, expression.items_at(&["values"]))?;
    }
    Ok(())
}

/// One requirement as `labels.NewRequirement` checks it: the errors of key, values and their number, joined.
fn as_requirement(key: &str, operator: &str, values: &[Value]) -> Result<(), String> {
    let mut errors = Errors::default();
    errors.invalid_each(&Path::root("key"), &Value::from(key), names::is_qualified_name(key));
    let (root, shown) = (Path::root("values"), Value::list(values.to_vec()));
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            errors.invalid(&root, &shown, "for 'in', 'notin' operators, values set can't be empty");
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            errors.invalid(&root, &shown, "values set must be empty for exists and does not exist");
        }
        _ => {}
    }
    for (i, value) in values.iter().enumerate() {
        let path = root.index(i);
        let path = path.key(key);
        errors.invalid_each(&path, value, names::is_label_value(value.as_str().unwrap_or("")));
    }
    let messages: Vec<String> = errors.0.iter().map(|c| format!("{}: {}", c.field, c.message)).collect();
    match messages.as_slice() {
        [] => Ok(()),
        [only] => Err(only.clone()),
        several => Err(format!("[{}]", several.join(", "))),
    }
}

/// Whether labels satisfy a `metav1.LabelSelector`. An empty selector matches everything, `None` nothing.
pub fn matches(selector: Option<&Value>, labels: Option<&Value>) -> bool {
    let Some(selector) = selector.filter(|s| !s.is_null()) else { return false };
    let label = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
    let all_labels = map_at(selector, "matchLabels")
        .into_iter()
        .flat_map(Map::iter)
        .all(|(key, value)| label(key) == Some(value.as_str().unwrap_or("")));
    all_labels
        && selector.items_at(&["matchExpressions"]).iter().all(|expression| {
            let has = label(expression.str_at(&["key"]));
            let among = || expression.items_at(&["values"]).iter().any(|v| v.as_str() == has && has.is_some());
            match expression.str_at(&["operator"]) {
                "In" => among(),
                "NotIn" => !among(),
                "Exists" => has.is_some(),
                "DoesNotExist" => has.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn a_selector_matches_by_labels_and_expressions() {
        let labels = value!({ "app": "web", "tier": "front" });
        let matches_with = |selector: Value| matches(Some(&selector), Some(&labels));
        assert!(matches_with(value!({})));
        assert!(!matches(None, Some(&labels)));
        assert!(matches_with(value!({ "matchLabels": { "app": "web" } })));
        assert!(!matches_with(value!({ "matchLabels": { "app": "db" } })));
        let expression = |operator: &str, key: &str, values: Value| value!({ "matchExpressions": [{ "operator": operator, "key": key, "values": values }] });
        assert!(matches_with(expression("In", "tier", value!(["front", "back"]))));
        assert!(!matches_with(expression("NotIn", "tier", value!(["front"]))));
        assert!(matches_with(expression("NotIn", "other", value!(["front"]))));
        assert!(matches_with(expression("DoesNotExist", "other", value!([]))));
        assert!(!matches_with(expression("Exists", "other", value!([]))));
    }
}
