//! What was taken in and cannot be judged by a request: policies that nothing here enforces, probes that ask where nobody says
//! that something listens.

use super::{Finding, Severity, Stand};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::locale::Message;
use crate::runtime::image;
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn findings(stand: &Stand) -> Vec<Finding> {
    let store = stand.workspace.cluster().store();
    let mut all: Vec<Finding> = store
        .list("NetworkPolicy")
        .map(|policy| {
            let selected = |pod: &&Arc<Object>| selects(policy.value.at(&["spec", "podSelector"]), pod);
            let message = Message::new("doctor-policy")
                .with("name", policy.name())
                .with("namespace", policy.namespace())
                .with("count", store.list_in("Pod", policy.namespace()).filter(selected).count());
            let mut finding = Finding::new(Severity::Info, "not_simulated", policy.key.clone(), message);
            finding.because = vec![policy.key.field("spec.podSelector")];
            finding
        })
        .collect();
    if !stand.snapshot {
        for kind in ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController"] {
            let given = store.list(kind).filter(|o| stand.workspace.describes(&o.key));
            all.extend(given.flat_map(|workload| probe_ports(workload)));
        }
    }
    all
}

/// Whether a label selector takes a pod.
fn selects(selector: Option<&Value>, pod: &Object) -> bool {
    let Some(selector) = selector else { return true };
    let labels = selector.entries("matchLabels").all(|(key, value)| pod.label(key) == value.as_str());
    labels
        && selector.items("matchExpressions").iter().all(|expression| {
            let label = pod.label(expression.text("key"));
            let among = || expression.items("values").iter().any(|v| v.as_str() == label);
            match expression.text("operator") {
                "In" => label.is_some() && among(),
                "NotIn" => label.is_none() || !among(),
                "Exists" => label.is_some(),
                _ => label.is_none(),
            }
        })
}

/// Ports that all probes of a container ask and that it does not declare beside others that it does: they are believed, so it
/// must be said.
fn probe_ports(workload: &Object) -> Vec<Finding> {
    let mut found = Vec::new();
    for (i, container) in workload.value.items_at(&["spec", "template", "spec", "containers"]).iter().enumerate() {
        let declared: BTreeSet<i64> =
            crate::arrange::set_of(container.items("ports").iter().filter_map(|p| p.get("containerPort")?.as_i64()));
        if declared.is_empty() || image::find(container.text("image")).is_some() {
            continue;
        }
        let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
        let asked: Vec<(&str, i64)> = probes
            .into_iter()
            .filter_map(|probe| {
                let kinds = ["httpGet", "tcpSocket", "grpc"];
                let port = kinds.iter().find_map(|kind| container.at(&[probe, kind, "port"]))?;
                Some((probe, port.as_i64()?))
            })
            .collect();
        let Some((first, port)) = asked.first().copied() else { continue };
        if asked.len() < 2 || asked.iter().any(|(_, other)| *other != port) || declared.contains(&port) {
            continue;
        }
        let list: Vec<String> = declared.iter().map(i64::to_string).collect();
        let message = Message::new("doctor-probe-port")
            .with("container", container.text("name"))
            .with("port", port)
            .with("declared", list.join(", "));
        let key: ObjectKey = workload.key.clone();
        let path: SmolStr = format_smolstr!("spec.template.spec.containers[{i}].{first}");
        let mut finding = Finding::new(Severity::Warning, "probe_port_not_declared", key.clone(), message);
        finding.because = vec![key.field(path.as_str())];
        found.push(finding);
    }
    found
}
