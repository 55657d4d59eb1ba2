//! The columns of `kubectl get`, kind by kind, as the API server fills them in (upstream
//! `pkg/printers/internalversion/printers.go`). A kind without a row here prints its name and age, and a custom resource
//! the columns that its definition asks for.

mod cluster;
mod network;
mod pod;
mod storage;
mod workload;

use crate::arrange::Arrange;
pub use cluster::event_times as cluster_event_times;
pub use cluster::roles as node_roles;
pub use network::{host_port, load_balancer};
pub use pod::status as pod_status;
pub use workload::plain;

use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::Value;
use crate::kubectl::output::age::age;

/// How one kind is printed.
pub struct Columns {
    /// The kind in the store.
    pub kind: &'static str,
    /// Headers divided by commas; those behind `|` only with `-o wide`.
    pub headers: &'static str,
    /// The cells of one object, the wide ones too.
    pub cells: fn(&Object, Time) -> Vec<String>,
}

/// A header of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub name: String,
    /// Only with `-o wide`.
    pub wide: bool,
}

const TABLES: [&[Columns]; 5] = [pod::COLUMNS, network::COLUMNS, workload::COLUMNS, cluster::COLUMNS, storage::COLUMNS];

/// How a kind is printed, if it has columns of its own.
pub fn find(kind: &str) -> Option<&'static Columns> {
    TABLES.iter().flat_map(|t| t.iter()).find(|c| c.kind == kind)
}

impl Columns {
    pub fn headers(&self) -> Vec<Header> {
        let (narrow, wide) = self.headers.split_once('|').unwrap_or((self.headers, ""));
        let split = |text: &'static str, wide| {
            text.split(',').filter(|h| !h.is_empty()).map(move |h| Header { name: h.to_string(), wide })
        };
        split(narrow, false).chain(split(wide, true)).collect()
    }
}

/// The headers and cells of custom resources (`additionalPrinterColumns` of their definition), or name and age.
pub fn custom(definition: Option<&Value>, version: &str) -> (Vec<Header>, Vec<String>) {
    let version = definition.and_then(|d| d.items_at(&["spec", "versions"]).iter().find(|v| v.text("name") == version));
    let columns = version.map(|v| v.items("additionalPrinterColumns")).unwrap_or(&[]);
    let mut headers = vec![Header { name: "Name".to_string(), wide: false }];
    let mut paths = vec![".metadata.name".to_string()];
    for column in columns {
        headers.push(Header { name: column.text("name").to_string(), wide: column.int("priority") > 0 });
        let date = column.text("type") == "date";
        paths.push(format!("{}{}", if date { "@" } else { "" }, column.text("jsonPath")));
    }
    if columns.is_empty() {
        headers.push(Header { name: "Age".to_string(), wide: false });
        paths.push("@.metadata.creationTimestamp".to_string());
    }
    (headers, paths)
}

fn name(object: &Object) -> String {
    object.name().to_string()
}

fn aged(object: &Object, now: Time) -> String {
    age(&object.value, now)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "<none>".to_string() } else { text.to_string() }
}

/// `labels.FormatLabels`: `a=b,c=d`, or `<none>`.
pub fn format_labels(labels: Option<&Value>) -> String {
    let pairs: Vec<String> = labels
        .and_then(Value::as_map)
        .into_iter()
        .flat_map(|m| m.iter())
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or("")))
        .collect();
    if pairs.is_empty() { "<none>".to_string() } else { pairs.join(",") }
}

/// A `metav1.LabelSelector` as `LabelSelectorAsSelector(…).String()` prints it.
pub fn format_selector(selector: Option<&Value>) -> String {
    let Some(selector) = selector else { return String::new() };
    let mut parts: Vec<(String, String)> = selector
        .entries("matchLabels")
        .map(|(k, v)| (k.to_string(), format!("{k}={}", v.as_str().unwrap_or(""))))
        .collect();
    for expression in selector.items("matchExpressions") {
        let key = expression.text("key");
        let mut values: Vec<&str> = expression.items("values").iter().filter_map(Value::as_str).collect();
        values.arrange();
        let text = match expression.text("operator") {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_string(),
        };
        parts.push((key.to_string(), text));
    }
    parts.arrange();
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",")
}

/// Names and images of a pod template's containers.
fn containers(template_spec: Option<&Value>) -> (String, String) {
    let items = template_spec.map(|s| s.items("containers")).unwrap_or(&[]);
    let join = |key: &str| items.iter().map(|c| c.text(key)).collect::<Vec<_>>().join(",");
    (join("name"), join("image"))
}
