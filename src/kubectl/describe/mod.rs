//! `kubectl describe`: one function a kind (upstream `k8s.io/kubectl/pkg/describe`). What has none of its own is printed
//! field by field, as upstream's generic describer does. Left out: kinds that nothing here makes (CSI nodes, resource
//! slices, certificate requests), which fall to the generic one.

mod cluster;
mod events;
mod generic;
mod network;
mod node;
mod pod;
mod policy;
mod sheet;
mod storage;
mod template;
mod workload;

pub use node::taint_text;
pub use sheet::Sheet;
pub use template::pod_template;

use crate::api::object::Object;
use crate::api::time::Time;
use crate::api::value::Value;
use crate::cluster::Cluster;
use std::sync::Arc;

/// What a describer may look at.
pub struct View<'a> {
    pub cluster: &'a Cluster,
    pub now: Time,
    pub show_events: bool,
}

impl View<'_> {
    pub fn store(&self) -> &crate::apiserver::store::Store {
        self.cluster.store()
    }
}

type Describer = fn(&mut Sheet, &Object, &View);

const DESCRIBERS: &[(&str, Describer)] = &[
    ("Service", network::service),
    ("Endpoints", network::endpoints),
    ("EndpointSlice", network::endpoint_slice),
    ("Ingress", network::ingress),
    ("IngressClass", network::ingress_class),
    ("NetworkPolicy", policy::network_policy),
    ("Pod", pod::pod),
    ("Node", node::node),
    ("Namespace", cluster::namespace),
    ("Secret", cluster::secret),
    ("ConfigMap", cluster::config_map),
    ("ServiceAccount", cluster::service_account),
    ("ResourceQuota", cluster::resource_quota),
    ("Role", cluster::role),
    ("ClusterRole", cluster::role),
    ("RoleBinding", cluster::role_binding),
    ("ClusterRoleBinding", cluster::role_binding),
    ("PriorityClass", cluster::priority_class),
    ("PersistentVolume", storage::volume),
    ("PersistentVolumeClaim", storage::claim),
    ("StorageClass", storage::class),
    ("Deployment", workload::deployment),
    ("ReplicaSet", workload::replica_set),
    ("ReplicationController", workload::replication_controller),
    ("StatefulSet", workload::stateful_set),
    ("DaemonSet", workload::daemon_set),
    ("Job", workload::job),
    ("CronJob", workload::cron_job),
    ("HorizontalPodAutoscaler", policy::autoscaler),
    ("PodDisruptionBudget", policy::disruption_budget),
];

/// The description of one object.
pub fn describe(object: &Object, view: &View) -> String {
    let mut sheet = Sheet::default();
    let describer =
        DESCRIBERS.iter().find(|(kind, _)| *kind == object.key.kind).map_or(generic::generic as Describer, |(_, d)| *d);
    describer(&mut sheet, object, view);
    sheet.finish()
}

/// `metadata`, for its labels and annotations.
fn metadata<'a>(object: &'a Object, field: &str) -> Option<&'a Value> {
    object.value.at(&["metadata", field])
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

fn capital(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// `Kind/name` of the controller that owns the object.
fn controlled_by(sheet: &mut Sheet, object: &Object) {
    if let Some((owner, _)) = object.controller() {
        sheet.field(0, "Controlled By", format!("{}/{}", owner.kind, owner.name));
    }
}

/// Objects of a kind in a namespace.
fn in_namespace<'a>(view: &'a View, kind: &'a str, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Object>> {
    view.store().list_in(kind, namespace)
}
