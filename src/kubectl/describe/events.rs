//! The events at the end of a description.

use super::{Sheet, View};
use crate::api::object::Object;
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::output::columns_event_times;

/// The events about an object, oldest first (upstream `DescribeEvents`).
pub fn events(sheet: &mut Sheet, object: &Object, view: &View) {
    if !view.show_events {
        return;
    }
    let about = |event: &Value| {
        let involved = event.get("involvedObject").unwrap_or(&Value::Null);
        involved.text("name") == object.name()
            && involved.text("kind") == object.key.kind
            && (involved.text("namespace").is_empty() || involved.text("namespace") == object.namespace().as_str())
            && (involved.text("uid").is_empty() || involved.text("uid") == object.uid())
    };
    let namespace = if object.namespace().is_empty() { "default" } else { object.namespace() };
    let mut events: Vec<Value> = crate::kubectl::call::events(view.cluster, namespace)
        .into_iter()
        .filter(|e| about(&e.value))
        .map(|e| e.value.clone())
        .collect();
    if events.is_empty() {
        sheet.field(0, "Events", "<none>");
        return;
    }
    sheet.flush();
    events.arrange_by(|a, b| a.text("lastTimestamp").cmp(b.text("lastTimestamp")));
    sheet.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage");
    sheet.line(1, "----\t------\t----\t----\t-------");
    for event in &events {
        let (first, last, count) = columns_event_times(event, view.now);
        let interval = if count > 1 { format!("{last} (x{count} over {first})") } else { first };
        let source = match event.str_at(&["source", "component"]) {
            "" => event.text("reportingComponent"),
            component => component,
        };
        let message = event.text("message").trim();
        let message = match event.str_at(&["involvedObject", "fieldPath"]) {
            "" => message.to_string(),
            field => format!("{field}: {message}"),
        };
        sheet.line(1, format!("{}\t{}\t{interval}\t{source}\t{message}", event.text("type"), event.text("reason")));
    }
}
