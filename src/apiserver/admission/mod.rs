//! Admission: plugins that look at a request between decoding and validation (`plugin/pkg/admission`), as far as they are on
//! by default: NamespaceLifecycle, ServiceAccount, DefaultTolerationSeconds, Priority, PodTopologyLabels, RuntimeClass,
//! DefaultIngressClass. Left out:
//! quotas, limit ranges, webhooks, pod security.

pub mod pod;

use crate::api::json;
use crate::api::object::Object;
use crate::api::value::Value;
use crate::apiserver::resource::Resource;
use crate::apiserver::server::Context;
use crate::apiserver::status::{Cause, CauseReason, Status};
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use smol_str::{SmolStr, ToSmolStr};
use std::sync::Arc;

const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// Lets a request pass, with what the plugins fill in, or refuses it. `old` is what an update replaces.
pub fn admit(
    context: &mut Context,
    resource: &Resource,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    if old.is_none() {
        namespace_lifecycle(context, resource, object)?;
    }
    match (resource.stored.as_str(), old) {
        ("Pod", None) => {
            service_account(context, resource, object)?;
            priority(context, resource, object)?;
            pod::tolerate(object.map_mut().entry("spec").map_mut());
            topology_labels(context, object);
            runtime_class(context, resource, object)?;
        }
        ("Pod", Some(old)) => {
            // What the plugin chose at creation stays when a change leaves it out.
            for key in ["priority", "preemptionPolicy"] {
                if let (None, Some(kept)) = (object.at(&["spec", key]), old.at(&["spec", key])) {
                    object.set_at(&["spec", key], kept.clone());
                }
            }
            pod::tolerate(object.map_mut().entry("spec").map_mut());
        }
        ("Ingress", None) => default_ingress_class(context, object),
        _ => {}
    }
    Ok(())
}

/// A pod that comes with its node bears that node's zone and region.
fn topology_labels(context: &Context, object: &mut Value) {
    let node = object.str_at(&["spec", "nodeName"]);
    let key = crate::api::object::ObjectKey::new("Node", "", node);
    let Some(node) = context.store.get(&key).cloned() else { return };
    for label in ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] {
        if let Some(value) = node.label(label) {
            object.set_at(&["metadata", "labels", label], value);
        }
    }
}

/// Nothing is created in a namespace that does not exist or is on its way out.
fn namespace_lifecycle(context: &Context, resource: &Resource, object: &Value) -> Result<(), Status> {
    if !resource.namespaced {
        return Ok(());
    }
    let namespace = object.str_at(&["metadata", "namespace"]);
    let key = crate::api::object::ObjectKey::new("Namespace", "", namespace);
    let Some(found) = context.store.get(&key) else {
        return Err(Status::not_found("", "namespaces", namespace));
    };
    if !found.is_terminating() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let name = object.str_at(&["metadata", "name"]);
    let mut status = Status::forbidden(resource.group(), &resource.plural, name, &why);
    status.causes.push(Cause {
        reason: CauseReason::Unnamed,
        field: crate::api::path::FieldPath::new("metadata.namespace"),
        message: format!("namespace {namespace} is being terminated"),
    });
    Err(status)
}

/// A pod runs as a service account, whose token it finds in a volume.
fn service_account(context: &mut Context, resource: &Resource, pod: &mut Value) -> Result<(), Status> {
    if pod.at(&["metadata", "annotations", "kubernetes.io/config.mirror"]).is_some() {
        return Ok(());
    }
    let namespace = pod.str_at(&["metadata", "namespace"]).to_smolstr();
    let pod_name = pod.str_at(&["metadata", "name"]).to_smolstr();
    let spec = pod.map_mut().entry("spec");
    if spec.text("serviceAccountName").is_empty() {
        spec.map_mut().insert("serviceAccountName", "default");
    }
    let account = spec.text("serviceAccountName").to_smolstr();
    spec.map_mut().insert("serviceAccount", account.clone());
    let found = account_of(context.store, &namespace, &account)
        .map_err(|why| Status::forbidden(resource.group(), &resource.plural, &pod_name, &why))?;
    let wanted =
        spec.field("automountServiceAccountToken").or_else(|| found.value.field("automountServiceAccountToken"));
    if wanted.and_then(Value::as_bool) == Some(false) {
        return Ok(());
    }
    pod::mount_token(spec.map_mut(), &context.random.suffix(5));
    Ok(())
}

/// The account that a pod is to run as, or why it may not.
fn account_of<'a>(store: &'a Store, namespace: &str, account: &str) -> Result<&'a Object, String> {
    let key = crate::api::object::ObjectKey::new("ServiceAccount", namespace, account);
    let why =
        || format!("error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found");
    store.get(&key).map(Arc::as_ref).ok_or_else(why)
}

/// Why a pod of this spec may not be made in the namespace, whoever makes it. The accounts of the cluster's own pods are taken
/// for granted: none of them is an object here.
pub fn objection(store: &Store, namespace: &str, spec: &Value) -> Option<String> {
    let account = match spec.text("serviceAccountName") {
        "" => "default",
        account => account,
    };
    let account = account_of(store, namespace, account).err().filter(|_| namespace != "kube-system");
    account.or_else(|| class_of(store, spec.text("priorityClassName")).err())
}

/// The priority that a class gives, whether it preempts, and its name; or why it does not.
fn class_of(store: &Store, class: &str) -> Result<(i64, SmolStr, SmolStr), String> {
    match class {
        "system-cluster-critical" => return Ok((2_000_000_000, "PreemptLowerPriority".into(), class.into())),
        "system-node-critical" => return Ok((2_000_001_000, "PreemptLowerPriority".into(), class.into())),
        _ => {}
    }
    let found = store
        .list("PriorityClass")
        .find(|c| if class.is_empty() { c.value.flag("globalDefault") } else { c.name() == class });
    match found {
        Some(found) => {
            let policy = match found.value.text("preemptionPolicy") {
                "" => "PreemptLowerPriority",
                policy => policy,
            };
            Ok((found.value.int("value"), policy.into(), found.name().clone()))
        }
        None if class.is_empty() => Ok((0, "PreemptLowerPriority".into(), SmolStr::default())),
        None => Err(format!("no PriorityClass with name {class} was found")),
    }
}

/// Gives a pod that a controller makes the priority of its class.
pub fn prioritize(store: &Store, spec: &mut Value) {
    let Ok((number, policy, name)) = class_of(store, spec.text("priorityClassName")) else { return };
    let spec = spec.map_mut();
    spec.insert("priority", number);
    spec.insert("preemptionPolicy", policy);
    if !name.is_empty() {
        spec.insert("priorityClassName", name);
    }
}

/// A pod's priority comes from its class, or from the default one.
fn priority(context: &Context, resource: &Resource, pod: &mut Value) -> Result<(), Status> {
    let pod_name = pod.str_at(&["metadata", "name"]).to_smolstr();
    let spec = pod.map_mut().entry("spec");
    let class = spec.text("priorityClassName").to_smolstr();
    let (number, policy, name) = class_of(context.store, &class)
        .map_err(|why| Status::forbidden(resource.group(), &resource.plural, &pod_name, &why))?;
    if spec.field("priority").is_some_and(|p| p.as_i64() != Some(number)) {
        let why = format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed {number} from the given PriorityClass name",
            spec.int("priority")
        );
        return Err(Status::forbidden(resource.group(), &resource.plural, &pod_name, &why));
    }
    if spec.field("preemptionPolicy").is_some_and(|own| own.as_str() != Some(policy.as_str())) {
        let why = format!(
            "the string value of PreemptionPolicy ({}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name",
            spec.text("preemptionPolicy")
        );
        return Err(Status::forbidden(resource.group(), &resource.plural, &pod_name, &why));
    }
    spec.map_mut().insert("priority", number);
    spec.map_mut().insert("preemptionPolicy", policy);
    if !name.is_empty() {
        spec.map_mut().insert("priorityClassName", name);
    }
    Ok(())
}

/// The class that a pod wants to run as must exist; what it brings along becomes the pod's.
fn runtime_class(context: &Context, resource: &Resource, pod: &mut Value) -> Result<(), Status> {
    let name = pod.str_at(&["metadata", "name"]).to_smolstr();
    let refuse = |why: &str| {
        let why = format!("pod rejected: {why}");
        Err(Status::forbidden(resource.group(), &resource.plural, &name, &why))
    };
    let class = pod.at(&["spec", "runtimeClassName"]).and_then(Value::as_str).map(SmolStr::from);
    let found = class.as_ref().map(|class| {
        let key = crate::api::object::ObjectKey::new("RuntimeClass", "", class.clone());
        context.store.get(&key).cloned()
    });
    if let (Some(class), Some(None)) = (&class, &found) {
        return refuse(&format!("RuntimeClass {} not found", json::quote(class)));
    }
    let found = found.flatten();
    let overhead = found.as_ref().and_then(|f| f.value.at(&["overhead", "podFixed"])).cloned();
    match (overhead, pod.at(&["spec", "overhead"])) {
        (None, Some(_)) => return refuse("Pod Overhead set without corresponding RuntimeClass defined Overhead"),
        (Some(defined), Some(own)) if defined != *own => {
            return refuse("Pod's Overhead doesn't match RuntimeClass's defined Overhead");
        }
        (Some(defined), _) => pod.set_at(&["spec", "overhead"], defined),
        (None, None) => {}
    }
    let Some(found) = found else { return Ok(()) };
    let wanted = found.value.at(&["scheduling", "nodeSelector"]).and_then(Value::as_map).cloned().unwrap_or_default();
    for (key, value) in wanted.iter() {
        if let Some(own) = pod.at(&["spec", "nodeSelector", key]).filter(|own| *own != value) {
            let why = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; pod.spec.nodeSelector[{key}] = {}",
                value.as_str().unwrap_or(""),
                own.as_str().unwrap_or("")
            );
            return Err(Status::forbidden(resource.group(), &resource.plural, &name, &why));
        }
        pod.set_at(&["spec", "nodeSelector", key], value.clone());
    }
    let mut tolerations = pod.items_at(&["spec", "tolerations"]).to_vec();
    let more = found.value.items_at(&["scheduling", "tolerations"]);
    tolerations.extend(more.iter().filter(|t| !tolerations.contains(t)).cloned().collect::<Vec<_>>());
    if !tolerations.is_empty() {
        pod.set_at(&["spec", "tolerations"], Value::list(tolerations));
    }
    Ok(())
}

/// An Ingress without a class gets the default one: of several the newest, then the first by name.
fn default_ingress_class(context: &Context, ingress: &mut Value) {
    let named = ingress.at(&["spec", "ingressClassName"]).is_some_and(|c| !c.is_null());
    if named || ingress.at(&["metadata", "annotations", "kubernetes.io/ingress.class"]).is_some() {
        return;
    }
    let mut defaults: Vec<_> =
        context.store.list("IngressClass").filter(|c| c.annotation(DEFAULT_CLASS) == Some("true")).collect();
    defaults.arrange_by(|a, b| {
        let age = |o: &crate::api::object::Object| o.value.str_at(&["metadata", "creationTimestamp"]).to_smolstr();
        age(b).cmp(&age(a)).then_with(|| a.name().cmp(b.name()))
    });
    if let Some(class) = defaults.first() {
        ingress.set_at(&["spec", "ingressClassName"], class.name().clone());
    }
}
