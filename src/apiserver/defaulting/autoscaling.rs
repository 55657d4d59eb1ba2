//! Defaults of the HorizontalPodAutoscaler (`pkg/apis/autoscaling/v2/defaults.go`, `…/v1/defaults.go`).

use super::fill;
use crate::api::value::Value;
use crate::value;

/// `autoscaling/v2`: without metrics it watches the processor at 80 %.
pub fn default_horizontal_pod_autoscaler(autoscaler: &mut Value) {
    let spec = autoscaler.map_mut().entry("spec");
    fill(spec, "minReplicas", 1);
    if spec.items("metrics").is_empty() {
        let metric = value!({
            "type": "Resource",
            "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } }
        });
        spec.map_mut().insert("metrics", vec![metric]);
    }
    if let Some(behavior) = spec.field("behavior").cloned() {
        spec.map_mut().insert("behavior", with_rules(behavior));
    }
}

/// `autoscaling/v1`.
pub fn default_horizontal_pod_autoscaler_v1(autoscaler: &mut Value) {
    fill(autoscaler.map_mut().entry("spec"), "minReplicas", 1);
}

/// Scaling rules that say something say everything.
fn with_rules(mut behavior: Value) -> Value {
    let rules = [
        (
            "scaleUp",
            Some(0),
            vec![
                value!({ "type": "Pods", "value": 4, "periodSeconds": 15 }),
                value!({ "type": "Percent", "value": 100, "periodSeconds": 15 }),
            ],
        ),
        ("scaleDown", None, vec![value!({ "type": "Percent", "value": 100, "periodSeconds": 15 })]),
    ];
    for (direction, window, policies) in rules {
        let rule = behavior.map_mut().entry(direction);
        if let Some(window) = window {
            fill(rule, "stabilizationWindowSeconds", window);
        }
        fill(rule, "selectPolicy", "Max");
        if rule.items("policies").is_empty() {
            rule.map_mut().insert("policies", policies);
        }
    }
    behavior
}
