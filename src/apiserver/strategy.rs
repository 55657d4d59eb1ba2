//! What a kind does at each stage of a request: one row a kind (`pkg/registry/*/*/strategy.go`). A kind without a row has
//! its metadata checked and nothing else.

use crate::api::path::Path;
use crate::api::value::Value;
use crate::apiserver::defaulting::{autoscaling, core, networking, pod, rbac, service, workload};
use crate::apiserver::prepare;
use crate::apiserver::validation::names::{self, NameCheck};
use crate::apiserver::validation::object_meta::{
    validate_common_update, validate_object_meta, validate_object_meta_update,
};
use crate::apiserver::validation::{
    Errors, claim, config, endpoints, ingress, job, namespace, node, pod as pod_rules, pod_update, policy,
    service as service_rules, stateful_set, workload as workload_rules,
};
use crate::apiserver::warning::pod::warn_pod;
use crate::apiserver::warning::secret::warn_secret;
use crate::apiserver::warning::workload::{
    warn_cron_job, warn_ingress, warn_job, warn_replicated, warn_stateful_set, warn_template,
};
use crate::value;

/// The stages of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Strategy {
    /// The kind in the store.
    pub kind: &'static str,
    /// How a name is checked where nothing else does it.
    pub name: NameCheck,
    /// Fills in what is missing; runs on what was decoded.
    pub default: fn(&mut Value),
    /// Takes away what a creator may not say (`PrepareForCreate`).
    pub prepare_create: fn(&mut Value),
    /// Takes away what a change may not say; the old object comes second (`PrepareForUpdate`).
    pub prepare_update: fn(&mut Value, &Value),
    /// Errors of a new object beyond those of its metadata.
    pub validate: fn(&mut Errors, &Value),
    /// Errors of a changed object beyond those of its metadata; the old one comes last.
    pub validate_update: fn(&mut Errors, &Value, &Value),
    /// Warnings about a new or changed object; the old one, if any, comes last.
    pub warn: fn(&mut Vec<String>, &Value, Option<&Value>),
}

fn nothing(_: &mut Value) {}

fn keep_status(new: &mut Value, old: &Value) {
    keep(new, old, &["status"]);
}

/// Sets `keys` of the new object to what the old one has.
fn keep(new: &mut Value, old: &Value, keys: &[&str]) {
    match old.at(keys) {
        Some(value) => new.set_at(keys, value.clone()),
        None => drop(new.remove_at(keys)),
    }
}

fn drop_status(new: &mut Value) {
    new.remove_at(&["status"]);
}

/// What v1beta1 called topology cannot be written any more.
fn drop_topology(slice: &mut Value) {
    if slice.items("endpoints").iter().any(|e| e.get("deprecatedTopology").is_some()) {
        for endpoint in slice.map_mut().entry("endpoints").list_mut() {
            endpoint.map_mut().remove("deprecatedTopology");
        }
    }
}

fn no_warning(_: &mut Vec<String>, _: &Value, _: Option<&Value>) {}

/// A kind of which only metadata matters. Rows say what differs from it.
const PLAIN: Strategy = Strategy {
    kind: "",
    name: names::is_dns1123_subdomain,
    default: nothing,
    prepare_create: nothing,
    prepare_update: |_, _| {},
    validate: |_, _| {},
    validate_update: |_, _, _| {},
    warn: no_warning,
};

/// A kind whose status is written through its status subresource only.
const WITH_STATUS: Strategy = Strategy { prepare_create: drop_status, prepare_update: keep_status, ..PLAIN };

/// The kinds, in the order of their names.
const STRATEGIES: &[Strategy] = &[
    Strategy { kind: "ClusterRole", name: names::is_path_segment_name, ..PLAIN },
    Strategy {
        kind: "ClusterRoleBinding",
        name: names::is_path_segment_name,
        default: rbac::default_role_binding,
        ..PLAIN
    },
    Strategy {
        kind: "ConfigMap",
        validate: config::validate_config_map,
        validate_update: config::validate_config_map_update,
        ..PLAIN
    },
    Strategy {
        kind: "CronJob",
        default: workload::default_cron_job,
        validate: job::validate_cron_job,
        validate_update: job::validate_cron_job_update,
        warn: warn_cron_job,
        ..WITH_STATUS
    },
    Strategy {
        kind: "DaemonSet",
        default: workload::default_daemon_set,
        validate: workload_rules::validate_daemon_set,
        validate_update: workload_rules::validate_daemon_set_update,
        prepare_create: prepare::prepare_daemon_set,
        prepare_update: prepare::prepare_daemon_set_update,
        warn: warn_template,
        ..PLAIN
    },
    Strategy {
        kind: "Deployment",
        default: workload::default_deployment,
        validate: workload_rules::validate_deployment,
        validate_update: workload_rules::validate_deployment_update,
        warn: warn_replicated,
        ..WITH_STATUS
    },
    Strategy {
        kind: "EndpointSlice",
        prepare_create: drop_topology,
        prepare_update: |new, _| drop_topology(new),
        default: service::default_endpoint_slice,
        validate: endpoints::validate_endpoint_slice,
        validate_update: endpoints::validate_endpoint_slice_update,
        warn: |warnings, slice, _| endpoints::warn_endpoint_slice(warnings, slice),
        ..PLAIN
    },
    Strategy {
        kind: "Endpoints",
        default: service::default_endpoints,
        validate: endpoints::validate_endpoints,
        validate_update: endpoints::validate_endpoints_update,
        warn: |warnings, object, _| endpoints::warn_endpoints(warnings, object),
        ..PLAIN
    },
    Strategy {
        kind: "HorizontalPodAutoscaler",
        default: default_autoscaler,
        validate: policy::validate_autoscaler,
        validate_update: |errors, new, _| policy::validate_autoscaler(errors, new),
        ..WITH_STATUS
    },
    Strategy {
        kind: "Ingress",
        validate: ingress::validate_ingress,
        validate_update: ingress::validate_ingress_update,
        warn: warn_ingress,
        ..WITH_STATUS
    },
    Strategy {
        kind: "IngressClass",
        default: networking::default_ingress_class,
        validate: ingress::validate_ingress_class,
        validate_update: ingress::validate_ingress_class_update,
        ..PLAIN
    },
    Strategy {
        kind: "Job",
        default: workload::default_job,
        validate: job::validate_job,
        validate_update: job::validate_job_update,
        prepare_create: prepare::prepare_job,
        prepare_update: |new, old| {
            keep_status(new, old);
            prepare::label_like_template(new);
        },
        warn: warn_job,
        ..PLAIN
    },
    Strategy { kind: "LimitRange", default: core::default_limit_range, ..PLAIN },
    Strategy {
        kind: "Namespace",
        default: service::default_namespace,
        prepare_create: |namespace| {
            namespace.set_at(&["spec", "finalizers"], value!(["kubernetes"]));
            namespace.set_at(&["status"], value!({ "phase": "Active" }));
        },
        prepare_update: |new, old| {
            keep(new, old, &["spec", "finalizers"]);
            keep_status(new, old);
        },
        name: names::is_dns1123_label,
        validate: namespace::validate_namespace,
        ..PLAIN
    },
    Strategy {
        kind: "NetworkPolicy",
        default: networking::default_network_policy,
        validate: policy::validate_network_policy,
        validate_update: |errors, new, _| policy::validate_network_policy(errors, new),
        ..PLAIN
    },
    Strategy {
        kind: "Node",
        default: core::default_node,
        validate: node::validate_node,
        validate_update: node::validate_node_update,
        ..PLAIN
    },
    Strategy { kind: "PersistentVolume", default: core::default_persistent_volume, ..WITH_STATUS },
    Strategy {
        kind: "PersistentVolumeClaim",
        default: core::default_persistent_volume_claim,
        validate: claim::validate_claim,
        validate_update: claim::validate_claim_update,
        ..PLAIN
    },
    Strategy {
        kind: "Pod",
        default: pod::default_pod,
        prepare_update: keep_status,
        validate: pod_rules::validate_pod,
        validate_update: pod_update::validate_pod_update,
        prepare_create: prepare::prepare_pod,
        warn: warn_pod,
        ..PLAIN
    },
    Strategy {
        kind: "PodDisruptionBudget",
        validate: policy::validate_disruption_budget,
        validate_update: |errors, new, _| policy::validate_disruption_budget(errors, new),
        ..WITH_STATUS
    },
    Strategy { kind: "PodTemplate", default: workload::default_pod_template_object, ..PLAIN },
    Strategy { kind: "PriorityClass", default: core::default_priority_class, ..PLAIN },
    Strategy {
        kind: "ReplicaSet",
        default: workload::default_replica_set,
        validate: workload_rules::validate_replica_set,
        validate_update: workload_rules::validate_replica_set_update,
        warn: warn_replicated,
        ..WITH_STATUS
    },
    Strategy {
        kind: "ReplicationController",
        default: workload::default_replication_controller,
        validate: workload_rules::validate_replication_controller,
        validate_update: workload_rules::validate_replication_controller_update,
        warn: warn_replicated,
        ..WITH_STATUS
    },
    Strategy { kind: "Role", name: names::is_path_segment_name, ..PLAIN },
    Strategy { kind: "RoleBinding", name: names::is_path_segment_name, default: rbac::default_role_binding, ..PLAIN },
    Strategy {
        kind: "Secret",
        default: core::default_secret,
        validate: config::validate_secret,
        validate_update: config::validate_secret_update,
        warn: warn_secret,
        ..PLAIN
    },
    Strategy {
        kind: "Service",
        name: names::is_dns1123_label,
        default: service::default_service,
        prepare_create: |service| service.set_at(&["status"], value!({ "loadBalancer": {} })),
        prepare_update: prepare_service_update,
        validate: service_rules::validate_service,
        validate_update: service_rules::validate_service_update,
        warn: |warnings, service, _| service_rules::warn_service(warnings, service),
    },
    Strategy {
        kind: "StatefulSet",
        default: workload::default_stateful_set,
        validate: stateful_set::validate_stateful_set,
        validate_update: stateful_set::validate_stateful_set_update,
        name: names::is_dns1123_label,
        warn: warn_stateful_set,
        ..WITH_STATUS
    },
    Strategy { kind: "StorageClass", default: core::default_storage_class, ..PLAIN },
];

/// Kinds that hold the metadata of a change to the rules of a new object as well.
const META_AS_NEW: &[&str] = &["ConfigMap", "EndpointSlice", "Endpoints", "Ingress", "IngressClass", "Pod", "Secret"];

/// The row of a stored kind.
pub fn of(kind: &str) -> &'static Strategy {
    STRATEGIES.binary_search_by(|s| s.kind.cmp(kind)).map_or(&PLAIN, |i| &STRATEGIES[i])
}

impl Strategy {
    /// The errors of a new object.
    pub fn errors(&self, object: &Value, namespaced: bool) -> Errors {
        let mut errors = Errors::default();
        let meta = object.get("metadata").unwrap_or(&Value::Null);
        validate_object_meta(&mut errors, meta, namespaced, self.name, &Path::root("metadata"));
        (self.validate)(&mut errors, object);
        errors
    }

    /// The errors of a change. The server looks at the metadata of every kind, and the kinds do so again, some of them even
    /// twice: a bad label is several causes, as it is upstream, and told once.
    pub fn update_errors(&self, new: &Value, old: &Value, namespaced: bool) -> Errors {
        let (mut errors, null) = (Errors::default(), Value::Null);
        let path = Path::root("metadata");
        let (after, before) = (new.get("metadata").unwrap_or(&null), old.get("metadata").unwrap_or(&null));
        validate_common_update(&mut errors, after, before, &path);
        if self.kind != "EndpointSlice" {
            validate_object_meta_update(&mut errors, after, before, &path);
        }
        if META_AS_NEW.contains(&self.kind) {
            validate_object_meta(&mut errors, after, namespaced, self.name, &path);
        }
        (self.validate_update)(&mut errors, new, old);
        errors
    }
}

fn default_autoscaler(autoscaler: &mut Value) {
    match autoscaler.text("apiVersion") {
        "autoscaling/v1" => autoscaling::default_horizontal_pod_autoscaler_v1(autoscaler),
        _ => autoscaling::default_horizontal_pod_autoscaler(autoscaler),
    }
}

/// Fields that the new type has no use for go, unless the change touched them: then validation refuses it
/// (`dropTypeDependentFields`).
fn prepare_service_update(new: &mut Value, old: &Value) {
    keep_status(new, old);
    let null = Value::Null;
    let before = old.get("spec").unwrap_or(&null);
    let after = new.map_mut().entry("spec");
    let type_of = |spec: &Value| spec.text("type").to_string();
    let (was, is) = (type_of(before), type_of(after));
    let same = |after: &Value, key: &str| before.field(key) == after.field(key);
    if was != "ExternalName" && is == "ExternalName" {
        if same(after, "clusterIP") && same(after, "clusterIPs") {
            after.map_mut().remove("clusterIPs");
            after.map_mut().remove("clusterIP");
        }
        for key in ["ipFamilies", "ipFamilyPolicy"] {
            if same(after, key) {
                after.map_mut().remove(key);
            }
        }
    }
    let with_node_ports = |t: &str| matches!(t, "NodePort" | "LoadBalancer");
    if with_node_ports(&was) && !with_node_ports(&is) && adds_no_node_port(before, after) {
        service::each_port(after, |port| drop(port.map_mut().remove("nodePort")));
    }
    let checked = service_rules::needs_health_check;
    if checked(before) && !checked(after) && same(after, "healthCheckNodePort") {
        after.map_mut().remove("healthCheckNodePort");
    }
    if was == "LoadBalancer" && is != "LoadBalancer" {
        for key in ["allocateLoadBalancerNodePorts", "loadBalancerClass"] {
            if same(after, key) {
                after.map_mut().remove(key);
            }
        }
    }
    let accessible = service::is_externally_accessible;
    if accessible(before) && !accessible(after) && same(after, "externalTrafficPolicy") {
        after.map_mut().remove("externalTrafficPolicy");
    }
    if is != "LoadBalancer" {
        new.set_at(&["status", "loadBalancer"], Value::map());
    }
}

/// Whether every node port of the new ports was already there: ports may go, or change otherwise.
fn adds_no_node_port(old: &Value, new: &Value) -> bool {
    let had = |number: i64| number == 0 || old.items("ports").iter().any(|p| p.int("nodePort") == number);
    new.items("ports").iter().all(|p| had(p.int("nodePort")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_so_that_they_are_found() {
        assert!(STRATEGIES.is_sorted_by(|a, b| a.kind < b.kind));
        assert_eq!(of("Service").kind, "Service");
        assert_eq!(of("Widget").kind, "");
    }
}
