//! Label selectors of workloads (`metav1.LabelSelector`; apimachinery `pkg/labels`).

use crate::api::object::Object;
use crate::api::value::Value;
use smol_str::SmolStr;

/// A selector: every pair and every expression must hold. One without any matches nothing here: that is what a workload
/// without selector wants.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    pub pairs: Vec<(SmolStr, SmolStr)>,
    expressions: Vec<Value>,
}

impl Selector {
    /// Reads `spec.selector` of a workload: `matchLabels` and `matchExpressions`, or the plain map of a
    /// ReplicationController.
    pub fn of(workload: &Object) -> Selector {
        let Some(selector) = workload.value.at(&["spec", "selector"]) else { return Selector::default() };
        let plain = workload.key.kind == "ReplicationController";
        let labels = if plain { Some(selector) } else { selector.get("matchLabels") };
        let pairs = labels
            .and_then(Value::as_map)
            .map(|map| map.iter().filter_map(|(k, v)| Some((k.clone(), v.as_smol()?))).collect::<Vec<_>>());
        Selector {
            pairs: pairs.unwrap_or_default(),
            expressions: if plain { Vec::new() } else { selector.items_at(&["matchExpressions"]).to_vec() },
        }
    }

    pub fn matches(&self, object: &Object) -> bool {
        !(self.pairs.is_empty() && self.expressions.is_empty())
            && self.pairs.iter().all(|(k, v)| object.label(k) == Some(v))
            && self.expressions.iter().all(|e| holds(e, |key| object.label(key)))
    }
}

/// Whether one `{key, operator, values}` holds for labels. Gt and Lt are those of node selectors.
pub fn holds<'a>(expression: &Value, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let found = label(expression.str_at(&["key"]));
    let values = expression.items_at(&["values"]);
    let among = |text: &str| values.iter().any(|v| v.as_str() == Some(text));
    let number = |text: &str| text.parse::<i64>().ok();
    let bound = || number(values.first()?.as_str()?);
    match expression.str_at(&["operator"]) {
        "In" => found.is_some_and(among),
        "NotIn" => !found.is_some_and(among),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => matches!((found.and_then(number), bound()), (Some(a), Some(b)) if a > b),
        "Lt" => matches!((found.and_then(number), bound()), (Some(a), Some(b)) if a < b),
        _ => false,
    }
}
