//! Nodes, namespaces, events, configuration, access rights and what else belongs to the whole cluster.

use super::{Columns, aged, name, or_none};
use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::kubectl::output::age::since;

pub const COLUMNS: &[Columns] = &[
    Columns {
        kind: "Node",
        headers: "Name,Status,Roles,Age,Version|Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime",
        cells: node,
    },
    Columns {
        kind: "Namespace",
        headers: "Name,Status,Age",
        cells: |o, now| vec![name(o), o.value.str_at(&["status", "phase"]).to_string(), aged(o, now)],
    },
    Columns {
        kind: "Event",
        headers: "Last Seen,Type,Reason,Object,Message|Subobject,Source,First Seen,Count,Name",
        cells: event,
    },
    Columns {
        kind: "Secret",
        headers: "Name,Type,Data,Age",
        cells: |o, now| {
            let data = o.value.entries("data").count();
            vec![name(o), o.value.text("type").to_string(), data.to_string(), aged(o, now)]
        },
    },
    Columns {
        kind: "ConfigMap",
        headers: "Name,Data,Age",
        cells: |o, now| {
            let data = o.value.entries("data").count() + o.value.entries("binaryData").count();
            vec![name(o), data.to_string(), aged(o, now)]
        },
    },
    Columns { kind: "ServiceAccount", headers: "Name,Age", cells: |o, now| vec![name(o), aged(o, now)] },
    Columns { kind: "Role", headers: "Name,Created At", cells: created },
    Columns { kind: "ClusterRole", headers: "Name,Created At", cells: created },
    Columns { kind: "CustomResourceDefinition", headers: "Name,Created At", cells: created },
    Columns { kind: "LimitRange", headers: "Name,Created At", cells: created },
    Columns { kind: "RoleBinding", headers: "Name,Role,Age|Users,Groups,ServiceAccounts", cells: binding },
    Columns { kind: "ClusterRoleBinding", headers: "Name,Role,Age|Users,Groups,ServiceAccounts", cells: binding },
    Columns {
        kind: "Lease",
        headers: "Name,Holder,Age",
        cells: |o, now| vec![name(o), o.value.str_at(&["spec", "holderIdentity"]).to_string(), aged(o, now)],
    },
    Columns {
        kind: "PriorityClass",
        headers: "Name,Value,Global-Default,Age,PreemptionPolicy",
        cells: |o, now| {
            let policy = o.value.text("preemptionPolicy");
            vec![
                name(o),
                o.value.int("value").to_string(),
                o.value.flag("globalDefault").to_string(),
                aged(o, now),
                if policy.is_empty() { "PreemptLowerPriority".to_string() } else { policy.to_string() },
            ]
        },
    },
    Columns {
        kind: "ResourceQuota",
        headers: "Name,Request,Limit,Age",
        cells: |o, now| {
            let (mut requests, mut limits) = (Vec::new(), Vec::new());
            for (resource, hard) in o.value.at(&["status"]).unwrap_or(&Value::Null).entries("hard") {
                let used = o.value.at(&["status", "used", resource]).and_then(Value::as_str).unwrap_or("0");
                let text = format!("{resource}: {used}/{}", hard.as_str().unwrap_or("0"));
                if resource.starts_with("limits") { limits.push(text) } else { requests.push(text) }
            }
            vec![name(o), requests.join(", "), limits.join(", "), aged(o, now)]
        },
    },
    Columns {
        kind: "RuntimeClass",
        headers: "Name,Handler,Age",
        cells: |o, now| vec![name(o), o.value.text("handler").to_string(), aged(o, now)],
    },
    Columns { kind: "ValidatingWebhookConfiguration", headers: "Name,Webhooks,Age", cells: webhooks },
    Columns { kind: "MutatingWebhookConfiguration", headers: "Name,Webhooks,Age", cells: webhooks },
];

fn created(object: &Object, _: Time) -> Vec<String> {
    vec![name(object), object.value.str_at(&["metadata", "creationTimestamp"]).to_string()]
}

fn webhooks(object: &Object, now: Time) -> Vec<String> {
    vec![name(object), object.value.items("webhooks").len().to_string(), aged(object, now)]
}

/// What a node's labels say about its role: `node-role.kubernetes.io/<role>` and `kubernetes.io/role`.
pub fn roles(node: &Object) -> Vec<String> {
    let mut roles = Vec::new();
    for (key, value) in node.value.at(&["metadata"]).unwrap_or(&Value::Null).entries("labels") {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/")
            && !role.is_empty()
        {
            roles.push(role.to_string());
        } else if key == "kubernetes.io/role" && value.as_str().is_some_and(|v| !v.is_empty()) {
            roles.push(value.as_str().unwrap_or("").to_string());
        }
    }
    roles.arrange();
    roles.dedup();
    roles
}

fn node(object: &Object, now: Time) -> Vec<String> {
    let node = &object.value;
    let ready = node.items_at(&["status", "conditions"]).iter().find(|c| c.text("type") == "Ready");
    let mut state = match ready.map(|c| c.text("status")) {
        Some("True") => "Ready".to_string(),
        Some(_) => "NotReady".to_string(),
        None => "Unknown".to_string(),
    };
    if node.at(&["spec", "unschedulable"]).and_then(Value::as_bool) == Some(true) {
        state.push_str(",SchedulingDisabled");
    }
    let address = |type_: &str| {
        let found = node.items_at(&["status", "addresses"]).iter().find(|a| a.text("type") == type_);
        found.map_or("<none>".to_string(), |a| a.text("address").to_string())
    };
    let info = |field: &str| match node.str_at(&["status", "nodeInfo", field]) {
        "" => "<unknown>".to_string(),
        text => text.to_string(),
    };
    let roles = roles(object).join(",");
    vec![
        name(object),
        state,
        or_none(&roles),
        aged(object, now),
        node.str_at(&["status", "nodeInfo", "kubeletVersion"]).to_string(),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

/// When an event was first and last seen, and how often.
pub fn event_times(event: &Value, now: Time) -> (String, String, i64) {
    let first = match event.text("firstTimestamp") {
        "" => event.text("eventTime"),
        stamp => stamp,
    };
    let last = match event.str_at(&["series", "lastObservedTime"]) {
        "" => match event.text("lastTimestamp") {
            "" => first,
            stamp => stamp,
        },
        stamp => stamp,
    };
    let count = match event.at(&["series", "count"]).and_then(Value::as_i64) {
        Some(count) => count,
        None => event.int("count").max(1),
    };
    (since(first, now), since(last, now), count)
}

fn event(object: &Object, now: Time) -> Vec<String> {
    let event = &object.value;
    let (first, last, count) = event_times(event, now);
    let about = event.get("involvedObject").unwrap_or(&Value::Null);
    let target = match about.text("name") {
        "" => about.text("kind").to_ascii_lowercase(),
        name => format!("{}/{name}", about.text("kind").to_ascii_lowercase()),
    };
    let component = match event.str_at(&["source", "component"]) {
        "" => event.text("reportingComponent"),
        component => component,
    };
    let source = match event.str_at(&["source", "host"]) {
        "" => component.to_string(),
        host => format!("{component}, {host}"),
    };
    vec![
        last,
        event.text("type").to_string(),
        event.text("reason").to_string(),
        target,
        event.text("message").trim().to_string(),
        about.text("fieldPath").to_string(),
        source,
        first,
        count.to_string(),
        name(object),
    ]
}

fn binding(object: &Object, now: Time) -> Vec<String> {
    let role = object.value.get("roleRef").unwrap_or(&Value::Null);
    let of = |kind: &str| {
        let one = |s: &Value| match s.text("namespace") {
            "" => s.text("name").to_string(),
            namespace => format!("{namespace}/{}", s.text("name")),
        };
        let subjects = object.value.items("subjects").iter().filter(|s| s.text("kind") == kind);
        subjects.map(one).collect::<Vec<_>>().join(", ")
    };
    vec![
        name(object),
        format!("{}/{}", role.text("kind"), role.text("name")),
        aged(object, now),
        of("User"),
        of("Group"),
        of("ServiceAccount"),
    ]
}
