//! What a real cluster keeps silent about although it will not work: a selector that matches nothing, a port that no pod
//! has, an Ingress to nowhere. Each lint reads the store, so it sees what the controllers made of the text.

use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::path::FieldPath;
use crate::api::schema::{Support, schema};
use crate::api::value::Value;
use crate::api::view::{Pod, Service, ServiceType, TargetPort};
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use crate::diagnostic::Severity;
use crate::locale::Message;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// What Kubernetes before 1.11 read instead of `publishNotReadyAddresses`.
const OLD_UNREADY: &str = "service.alpha.kubernetes.io/tolerate-unready-endpoints";

/// One finding: at which field, how grave, in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub at: FieldRef,
    pub severity: Severity,
    pub message: Message,
    /// What the value should be, when that is certain.
    pub instead: Option<SmolStr>,
}

/// Whether a controller made what a manifest describes, as where a cluster has printed it. What there is to say of that is said of
/// what it was made from.
pub(super) fn is_made(value: &Value) -> bool {
    let printed =
        matches!(value.text("kind"), "Endpoints" | "EndpointSlice") && !value.str_at(&["metadata", "uid"]).is_empty();
    printed || value.items_at(&["metadata", "ownerReferences"]).iter().any(|owner| owner.flag("controller"))
}

/// Everything to say about one object.
pub fn lint(store: &Store, object: &Object) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !is_simulated(object) {
        let message = Message::new("lint-not-simulated").with("kind", object.value.text("kind"));
        findings.push(finding(object, "kind", Severity::Hint, message));
    }
    match object.key.kind.as_str() {
        "Service" => {
            if let Some(service) = object.view().service() {
                lint_service(store, object, service, &mut findings);
            }
        }
        "Ingress" => lint_ingress(store, object, &mut findings),
        "Endpoints" => lint_endpoints(store, object, &mut findings),
        "EndpointSlice" => lint_slice(store, object, &mut findings),
        "Pod" => lint_probes(store, object, &object.value, "", &mut findings),
        "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" | "DaemonSet" => {
            if let Some(template) = object.value.at(&["spec", "template"]) {
                lint_probes(store, object, template, "spec.template.", &mut findings);
            }
            findings.extend(unknown_account(store, object));
        }
        "Job" => findings.extend(unknown_account(store, object)),
        _ => {}
    }
    findings
}

/// Whether anything here acts on objects of this kind. The others are kept, listed and printed.
pub fn is_simulated(object: &Object) -> bool {
    let kind = schema().kind(object.value.text("apiVersion"), object.value.text("kind"));
    kind.is_some_and(|k| k.support != Support::Accepted)
}

fn finding(object: &Object, path: impl Into<SmolStr>, severity: Severity, message: Message) -> Finding {
    Finding { at: object.key.field(FieldPath::new(path)), severity, message, instead: None }
}

fn lint_service(store: &Store, object: &Object, service: &Service, findings: &mut Vec<Finding>) {
    let namespace = object.namespace();
    let hint = |path: String, id: &'static str| finding(object, path, Severity::Hint, Message::new(id));
    if object.annotation(OLD_UNREADY).is_some() {
        findings.push(hint(format!("metadata.annotations[{OLD_UNREADY}]"), "lint-unready-annotation"));
    }
    if service.type_ == ServiceType::ExternalName {
        lint_external_name(object, service, findings);
        return;
    }
    if service.selector.is_empty() {
        let by_hand = store.get(&ObjectKey::new("Endpoints", namespace.clone(), object.name().clone())).is_some()
            || store
                .list_in("EndpointSlice", namespace)
                .any(|s| s.label("kubernetes.io/service-name") == Some(object.name().as_str()));
        if !by_hand {
            findings.push(hint("spec".into(), "lint-no-selector"));
        }
        return;
    }
    // Of a thousand pods the first one mostly tells: it has the port.
    let pods = || store.select("Pod", namespace, &service.selector).filter_map(|p| p.view().pod());
    if pods().next().is_none() {
        findings.push(unmatched_selector(store, object, service));
        return;
    }
    for (i, port) in service.ports.iter().enumerate() {
        let TargetPort::Name(name) = &port.target_port else {
            findings.extend(undeclared_port(object, pods(), i, &port.target_port));
            continue;
        };
        if pods().any(|pod| pod.named_port(name, port.protocol).is_some()) {
            continue;
        }
        let mut names: Vec<SmolStr> = pods()
            .flat_map(|pod| pod.containers.iter())
            .flat_map(|c| &c.ports)
            .filter(|p| !p.name.is_empty())
            .map(|p| p.name.clone())
            .collect();
        names.arrange();
        names.dedup();
        let id = if names.is_empty() { "lint-target-port-no-names" } else { "lint-target-port" };
        let message = Message::new(id).with("port", name).with("count", pods().count()).with("names", names.join(", "));
        let mut found = finding(object, format_smolstr!("spec.ports[{i}].targetPort"), Severity::Warning, message);
        found.instead = nearest(name, names.iter().map(SmolStr::as_str));
        findings.push(found);
    }
}

/// A name for something outside has neither pods nor ports; the server takes both and nothing heeds them.
fn lint_external_name(object: &Object, service: &Service, findings: &mut Vec<Finding>) {
    if !service.selector.is_empty() {
        let message = Message::new("lint-external-name-selector").with("selector", shown(&service.selector));
        findings.push(finding(object, "spec.selector", Severity::Hint, message));
    }
    for (i, port) in service.ports.iter().enumerate().filter(|(_, port)| port.node_port != 0) {
        let message = Message::new("lint-external-name-node-port").with("port", port.node_port);
        findings.push(finding(object, format_smolstr!("spec.ports[{i}].nodePort"), Severity::Hint, message));
    }
}

/// A port number that no selected pod declares, though each declares some: nobody checks it, and yet it is rarely meant.
fn undeclared_port<'a>(
    object: &Object,
    pods: impl Iterator<Item = &'a Pod>,
    index: usize,
    target: &TargetPort,
) -> Option<Finding> {
    let TargetPort::Number(number) = target else { return None };
    let mut ports: Vec<u16> = Vec::new();
    for pod in pods {
        let mut declared = pod.containers.iter().flat_map(|c| &c.ports).map(|p| p.number).peekable();
        declared.peek()?;
        for port in declared {
            if port == *number {
                return None;
            }
            ports.push(port);
        }
    }
    ports.arrange();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let message = Message::new("lint-target-port-number").with("port", number).with("ports", ports.join(", "));
    let written = object.value.at(&["spec", "ports"]).and_then(Value::as_list).and_then(|l| l.get(index)).is_some();
    written.then(|| finding(object, format_smolstr!("spec.ports[{index}].targetPort"), Severity::Hint, message))
}

fn unmatched_selector(store: &Store, object: &Object, service: &Service) -> Finding {
    let selector = shown(&service.selector);
    let elsewhere = store.list("Pod").find(|p| service.selector.iter().all(|(k, v)| p.label(k) == Some(v)));
    if let Some(pod) = elsewhere {
        let message = Message::new("lint-selector-other-namespace")
            .with("selector", selector)
            .with("namespace", object.namespace())
            .with("other", pod.namespace());
        return finding(object, "spec.selector", Severity::Warning, message);
    }
    // A single label whose value is one slip away from one that pods do bear.
    for (key, value) in &service.selector {
        let borne: Vec<&str> = store.list_in("Pod", object.namespace()).filter_map(|p| p.label(key)).collect();
        if let Some(near) = nearest(value, borne.into_iter()) {
            let message = Message::new("lint-selector-near").with("selector", selector).with("near", &near);
            let mut found = finding(object, format_smolstr!("spec.selector[{key}]"), Severity::Warning, message);
            found.instead = Some(near);
            return found;
        }
    }
    finding(object, "spec.selector", Severity::Warning, Message::new("lint-selector").with("selector", selector))
}

fn lint_endpoints(store: &Store, object: &Object, findings: &mut Vec<Finding>) {
    // What a controller wrote is the controller's; only hand-written Endpoints are linted.
    if object.label("endpoints.kubernetes.io/managed-by").is_some() {
        return;
    }
    let key = ObjectKey::new("Service", object.namespace().clone(), object.name().clone());
    match store.get(&key).and_then(|s| s.view().service()) {
        None => findings.push(without_service(store, object, object.name(), "metadata.name", "lint-endpoints")),
        Some(service) if !service.selector.is_empty() => {
            let message = Message::new("lint-endpoints-overwritten").with("name", object.name());
            findings.push(finding(object, "metadata.name", Severity::Warning, message));
        }
        Some(_) => {}
    }
}

/// Addresses that no Service of the namespace takes up. `about` begins the ids of the two messages.
fn without_service(store: &Store, object: &Object, name: &str, at: &str, about: &str) -> Finding {
    let elsewhere = store.list("Service").find(|s| s.name() == name);
    let message = match (elsewhere, about) {
        (Some(other), "lint-slice") => Message::new("lint-slice-other-namespace").with("other", other.namespace()),
        (Some(other), _) => Message::new("lint-endpoints-other-namespace").with("other", other.namespace()),
        (None, "lint-slice") => Message::new("lint-slice-without-service"),
        (None, _) => Message::new("lint-endpoints-without-service"),
    };
    let message = message.with("name", name).with("namespace", object.namespace());
    let mut found = finding(object, at, Severity::Warning, message);
    let services: Vec<&str> = store.list_in("Service", object.namespace()).map(|s| s.name().as_str()).collect();
    found.instead = nearest(name, services.into_iter());
    found
}

/// A slice belongs to the Service that its label names.
fn lint_slice(store: &Store, object: &Object, findings: &mut Vec<Finding>) {
    const SERVICE: &str = "kubernetes.io/service-name";
    const MANAGER: &str = "endpointslice.kubernetes.io/managed-by";
    // What a controller wrote is the controller's; only hand-written slices are linted.
    if object.label(MANAGER).is_some_and(|by| by.ends_with(".k8s.io")) {
        return;
    }
    let Some(name) = object.label(SERVICE) else {
        findings.push(finding(object, "metadata.name", Severity::Warning, Message::new("lint-slice-without-label")));
        return;
    };
    let (at, key) =
        (format_smolstr!("metadata.labels[{SERVICE}]"), ObjectKey::new("Service", object.namespace().clone(), name));
    match store.get(&key).and_then(|s| s.view().service()) {
        None => findings.push(without_service(store, object, name, &at, "lint-slice")),
        Some(service) if !service.selector.is_empty() => {
            let message = Message::new("lint-slice-beside-selector").with("name", name);
            findings.push(finding(object, at, Severity::Hint, message));
        }
        Some(_) => {}
    }
}

/// How annotations of ingress-nginx begin that change what becomes of a request and are not simulated.
const ONLY_KEPT: [&str; 13] = [
    "auth-",
    "configuration-snippet",
    "custom-http-errors",
    "default-backend",
    "enable-global-auth",
    "enable-modsecurity",
    "global-rate-limit",
    "limit-",
    "load-balance",
    "mirror-",
    "satisfy",
    "server-snippet",
    "upstream-hash-by",
];

fn lint_ingress(store: &Store, object: &Object, findings: &mut Vec<Finding>) {
    let annotations = object.value.at(&["metadata", "annotations"]).and_then(Value::as_map);
    for key in annotations.into_iter().flat_map(|map| map.keys()) {
        let name = key.strip_prefix("nginx.ingress.kubernetes.io/").unwrap_or("");
        if ONLY_KEPT.iter().any(|start| name.starts_with(start)) {
            let at = format_smolstr!("metadata.annotations[{key}]");
            findings.push(finding(object, at, Severity::Hint, Message::new("lint-ingress-annotation")));
        }
    }
    if let Some(backend) = object.value.at(&["spec", "defaultBackend", "service"]) {
        lint_backend(store, object, backend, "spec.defaultBackend.service", findings);
    }
    for (r, rule) in object.value.items_at(&["spec", "rules"]).iter().enumerate() {
        for (p, path) in rule.items_at(&["http", "paths"]).iter().enumerate() {
            if let Some(backend) = path.at(&["backend", "service"]) {
                let at = format!("spec.rules[{r}].http.paths[{p}].backend.service");
                lint_backend(store, object, backend, &at, findings);
            }
        }
    }
    for (i, tls) in object.value.items_at(&["spec", "tls"]).iter().enumerate() {
        let name = tls.str_at(&["secretName"]);
        let key = ObjectKey::new("Secret", object.namespace().clone(), name);
        if !name.is_empty() && store.get(&key).is_none() {
            let message = Message::new("lint-ingress-secret").with("secret", name);
            findings.push(finding(object, format_smolstr!("spec.tls[{i}].secretName"), Severity::Warning, message));
        }
    }
    let class = object.value.str_at(&["spec", "ingressClassName"]);
    let legacy = object.annotation("kubernetes.io/ingress.class").is_some();
    if !class.is_empty() && store.get(&ObjectKey::new("IngressClass", "", class)).is_none() {
        let message = Message::new("lint-ingress-class").with("class", class);
        findings.push(finding(object, "spec.ingressClassName", Severity::Warning, message));
    } else if class.is_empty() && !legacy {
        findings.push(finding(object, "spec", Severity::Warning, Message::new("lint-ingress-no-class")));
    }
}

fn lint_backend(store: &Store, object: &Object, backend: &Value, at: &str, findings: &mut Vec<Finding>) {
    let name = backend.str_at(&["name"]);
    let key = ObjectKey::new("Service", object.namespace().clone(), name);
    let Some(service) = store.get(&key).and_then(|s| s.view().service()) else {
        let elsewhere = store.list("Service").find(|s| s.name() == name);
        let message = match elsewhere {
            Some(other) => Message::new("lint-backend-other-namespace").with("other", other.namespace()),
            None => Message::new("lint-backend"),
        };
        let message = message.with("service", name).with("namespace", object.namespace());
        let mut found = finding(object, format_smolstr!("{at}.name"), Severity::Warning, message);
        let services: Vec<&str> = store.list_in("Service", object.namespace()).map(|s| s.name().as_str()).collect();
        found.instead = nearest(name, services.into_iter());
        findings.push(found);
        return;
    };
    let (known, asked, field) = match backend.at(&["port", "number"]).and_then(Value::as_i64) {
        Some(number) => (service.ports.iter().any(|p| i64::from(p.port) == number), number.to_string(), "number"),
        None => {
            let port = backend.str_at(&["port", "name"]);
            (service.ports.iter().any(|p| p.name == port), port.to_string(), "name")
        }
    };
    if !known {
        let ports: Vec<String> = service
            .ports
            .iter()
            .map(|p| if p.name.is_empty() { p.port.to_string() } else { format!("{} ({})", p.port, p.name) })
            .collect();
        let message =
            Message::new("lint-backend-port").with("service", name).with("port", asked).with("ports", ports.join(", "));
        findings.push(finding(object, format_smolstr!("{at}.port.{field}"), Severity::Warning, message));
    }
}

/// Pods behind a Service whose containers have no readiness probe get requests before they can answer them. `pod` is the
/// pod or its template, which stands at `prefix`.
fn lint_probes(store: &Store, object: &Object, pod: &Value, prefix: &str, findings: &mut Vec<Finding>) {
    let Some(labels) = pod.at(&["metadata", "labels"]) else { return };
    let selects = |s: &Arc<Object>| {
        s.view().service().is_some_and(|v| {
            !v.selector.is_empty()
                && v.selector.iter().all(|(k, want)| labels.get(k).and_then(Value::as_str) == Some(want))
        })
    };
    let Some(service) = store.list_in("Service", object.namespace()).find(|s| selects(s)) else { return };
    for (i, container) in pod.items_at(&["spec", "containers"]).iter().enumerate() {
        let serves = !container.items_at(&["ports"]).is_empty();
        if serves && container.get("readinessProbe").is_none() {
            let message = Message::new("lint-no-readiness-probe")
                .with("container", container.str_at(&["name"]))
                .with("service", service.name());
            let path = format_smolstr!("{prefix}spec.containers[{i}].name");
            findings.push(finding(object, path, Severity::Hint, message));
        }
    }
}

/// A workload whose pods are to run as a ServiceAccount that is not there: the server takes the workload and refuses each of
/// its pods.
fn unknown_account(store: &Store, object: &Object) -> Option<Finding> {
    let account = object.value.str_at(&["spec", "template", "spec", "serviceAccountName"]);
    let namespace = object.namespace();
    let known = account.is_empty()
        || namespace.as_str() == "kube-system"
        || store.get(&ObjectKey::new("ServiceAccount", namespace.clone(), account)).is_some();
    let message = || Message::new("lint-service-account").with("account", account).with("namespace", namespace);
    let at = "spec.template.spec.serviceAccountName";
    (!known).then(|| finding(object, at, Severity::Warning, message()))
}

fn shown(selector: &[(SmolStr, SmolStr)]) -> String {
    selector.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
}

/// The candidate that `word` was probably meant to be: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<SmolStr> {
    candidates
        .filter(|c| *c != word)
        .map(|c| (strsim::damerau_levenshtein(&word.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance * 3 <= c.chars().count().max(word.chars().count()))
        .min()
        .map(|(_, c)| c.into())
}
