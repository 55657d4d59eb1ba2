//! From how a request ended to what is said of it: which ends are faults, which are nobody's fault, which cannot be known.

use super::probe::Probe;
use super::{Finding, Severity, Stand, Verdict};
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::{Endpoint, EndpointSlice, Pod, ServicePort};
use crate::apiserver::store::Store;
use crate::arrange::map_of;
use crate::diagnostic;
use crate::locale::Message;
use crate::runtime::image;
use crate::text::LineIndex;
use crate::trace::{CauseOfFailure, Direction, Failure, Trace, why};
use crate::workspace::Location;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What came of a question.
pub struct Judged {
    pub verdict: Verdict,
    pub finding: Option<Finding>,
}

impl Judged {
    pub fn open() -> Judged {
        Judged { verdict: Verdict::Open, finding: None }
    }

    pub fn unknown() -> Judged {
        Judged { verdict: Verdict::Unknown, finding: None }
    }
}

/// Judges a request that was sent for `object`.
pub fn trace(probe: &Probe, object: &ObjectKey, trace: &Trace) -> Judged {
    // Whoever reaches a program gets through, whatever it says; what a proxy says of its own has a cause.
    let failure = match trace.outcome.failure() {
        None | Some(Failure { cause: CauseOfFailure::ApplicationError { .. }, .. }) => return Judged::open(),
        Some(failure) => failure,
    };
    let store = probe.cluster.store();
    let (cause, mend) = why::cause_messages(&failure.cause);
    let mut finding = Finding::new(Severity::Error, why::cause_name(&failure.cause), object.clone(), cause);
    finding.mend = Some(mend);
    finding.symptom = Some(why::symptom_message(&trace.outcome));
    // The farthest that the request came; what follows is only the way back.
    let farthest = trace.hops.iter().rev().find(|hop| hop.direction == Direction::Request);
    finding.hop = farthest.or(trace.hops.last()).map(|hop| hop.at.clone());
    finding.because.clone_from(&failure.because);
    let mut verdict = Verdict::Shut;
    let said = |severity, message| (severity, Some(message));
    let (severity, instead) = match &failure.cause {
        CauseOfFailure::SelectorMatchesNothing { service } => match asleep(store, service) {
            Some(workload) => {
                verdict = Verdict::Asleep;
                finding.rule = "scaled_to_zero".into();
                finding.because.push(workload.field("spec.replicas"));
                said(Severity::Info, Message::new("doctor-asleep").with("workload", &workload))
            }
            None => match elsewhere(probe, service) {
                others if others.is_empty() => (Severity::Error, None),
                others => {
                    let message = Message::new("doctor-selector-elsewhere")
                        .with("service", &service.name)
                        .with("namespace", &service.namespace)
                        .with("others", others.join(", "));
                    finding.because.push(service.field("metadata.namespace"));
                    said(Severity::Error, message)
                }
            },
        },
        CauseOfFailure::NoReadyPod { service, not_ready } => {
            let ailments: Vec<String> =
                not_ready.iter().filter_map(|key| store.get(key)).take(5).map(|pod| ailment(probe, pod)).collect();
            finding.because.extend(not_ready.iter().map(|key| key.field("status")));
            let message = Message::new("doctor-none-ready")
                .with("service", &service.name)
                .with("count", not_ready.len())
                .with("pods", ailments.join("; "));
            said(Severity::Error, message)
        }
        CauseOfFailure::NothingListens { pod, port, .. } => match undeclared(store, pod) {
            Some(declared) if declared.is_empty() => {
                verdict = Verdict::Unknown;
                finding.rule = "ports_not_declared".into();
                finding.mend = None;
                finding.symptom = None;
                said(Severity::Info, Message::new("doctor-undeclared").with("pod", &pod.name).with("port", port))
            }
            Some(declared) => {
                finding.rule = "port_not_declared".into();
                let message = Message::new("doctor-other-ports")
                    .with("pod", &pod.name)
                    .with("port", port)
                    .with("declared", list(&declared));
                said(Severity::Error, message)
            }
            None => (Severity::Error, None),
        },
        CauseOfFailure::NobodyHasAddress { address } | CauseOfFailure::StaleEndpoint { address, .. }
            if probe.stand.snapshot && !is_of_cluster(probe, address.ip()) =>
        {
            verdict = Verdict::Unknown;
            finding.rule = "outside".into();
            finding.mend = None;
            said(Severity::Info, Message::new("doctor-outside").with("address", address.ip()))
        }
        CauseOfFailure::LoadBalancerPending { .. } => (Severity::Warning, None),
        _ => (Severity::Error, None),
    };
    finding.severity = severity;
    if let Some(message) = instead {
        finding.cause = message;
    }
    Judged { verdict, finding: Some(finding) }
}

fn list(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// Whether an address lies in a network of the cluster.
fn is_of_cluster(probe: &Probe, ip: IpAddr) -> bool {
    let network = probe.cluster.network();
    network.routes.is_pod_address(&ip) || network.routes.node_at(&ip).is_some() || network.is_service_address(&ip)
}

/// The ports that the containers of a pod declare, if nothing else is known of their programs. `None`: an image of the pod is
/// known, and so is where it listens.
fn undeclared(store: &Store, pod: &ObjectKey) -> Option<Vec<u16>> {
    let object = store.get(pod)?;
    let view = object.view().pod()?;
    if view.containers.iter().any(|c| image::find(&c.image).is_some()) && view.containers.len() == 1 {
        return None;
    }
    let unknown = view.containers.iter().filter(|c| image::find(&c.image).is_none());
    // One that declares nothing may listen anywhere.
    if unknown.clone().any(|c| c.ports.is_empty()) {
        return Some(Vec::new());
    }
    Some(unknown.flat_map(|c| c.ports.iter().map(|p| p.number)).collect())
}

/// Other namespaces whose pods bear the labels that a Service looks for.
fn elsewhere(probe: &Probe, service: &ObjectKey) -> Vec<SmolStr> {
    let store = probe.cluster.store();
    let selector = store.get(service).and_then(|o| Some(o.view().service()?.selector.clone())).unwrap_or_default();
    let namespaces = store.list("Namespace").map(|n| n.name()).filter(|n| **n != service.namespace);
    namespaces.filter(|n| store.select("Pod", n, &selector).next().is_some()).take(3).cloned().collect()
}

/// A workload whose pods the Service means and that is scaled to zero.
fn asleep(store: &Store, service: &ObjectKey) -> Option<ObjectKey> {
    let object = store.get(service)?;
    let selector = &object.view().service()?.selector;
    let kinds = ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"];
    kinds.iter().flat_map(|kind| store.list_in(kind, &service.namespace)).find_map(|workload| {
        let labels = workload.value.at(&["spec", "template", "metadata", "labels"])?;
        let meant = selector.iter().all(|(k, v)| labels.text(k) == v.as_str());
        let none = workload.value.at(&["spec", "replicas"]).and_then(Value::as_i64) == Some(0);
        (meant && none).then(|| workload.key.clone())
    })
}

/// Whether a pod is neither ready nor done.
pub fn is_sick(pod: &Arc<Object>) -> bool {
    pod.view().pod().is_some_and(|view| !view.is_ready())
        && !matches!(pod.value.str_at(&["status", "phase"]), "Succeeded")
        && !pod.is_terminating()
}

/// What is the matter with a pod, in the words of its status and of the last event that warns of it:
/// `web-1: CrashLoopBackOff (7 restarts)`.
pub fn ailment(probe: &Probe, pod: &Arc<Object>) -> String {
    let told = of_status(pod);
    let warned = last_warning(probe, pod).filter(|words| !told.contains(words.as_str()));
    match warned {
        Some(words) => format!("{}: {told}, {words}", pod.name()),
        None => format!("{}: {told}", pod.name()),
    }
}

fn of_status(pod: &Arc<Object>) -> String {
    let view = pod.view().pod();
    let waiting = view.and_then(|v: &Pod| v.statuses().find(|s| !s.reason.is_empty() && !s.ready));
    if let Some(status) = waiting {
        let restarts = if status.restarts > 0 { format!(", restarts: {}", status.restarts) } else { String::new() };
        let raw = pod.value.items_at(&["status", "containerStatuses"]).iter().find(|s| s.text("name") == status.name);
        let words = raw.and_then(|s| s.at(&["state", "waiting"])).map_or("", |w| w.text("message"));
        let words = if words.is_empty() { String::new() } else { format!(", {words}") };
        return format!("{}{restarts}{words}", status.reason);
    }
    let conditions = pod.value.items_at(&["status", "conditions"]);
    let false_one = |kind: &str| conditions.iter().find(|c| c.text("type") == kind && c.text("status") == "False");
    let told = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].iter().find_map(|kind| false_one(kind));
    let words = match told {
        Some(c) if !c.text("message").is_empty() => c.text("message"),
        Some(c) if !c.text("reason").is_empty() => c.text("reason"),
        _ => pod.value.str_at(&["status", "phase"]),
    };
    words.to_string()
}

/// What the last event says that warns of a pod: one of the dump's, or of this cluster's own.
fn last_warning(probe: &Probe, pod: &Arc<Object>) -> Option<SmolStr> {
    let own = probe.cluster.recorder().about(&pod.key).filter(|e| e.warning && e.reason == "Unhealthy").last();
    if let Some(event) = own {
        return Some(event.message.clone());
    }
    let about = |event: &&Arc<Object>| {
        let involved = event.value.get("involvedObject").or_else(|| event.value.get("regarding"));
        event.value.text("type") == "Warning"
            && involved.is_some_and(|o| o.text("kind") == "Pod" && o.text("name") == pod.name())
    };
    let time = |event: &&Arc<Object>| {
        let stamps = ["lastTimestamp", "deprecatedLastTimestamp", "eventTime"];
        stamps.iter().map(|f| event.value.text(f)).find(|t| !t.is_empty()).unwrap_or("").to_string()
    };
    let event = probe.cluster.store().list_in("Event", pod.namespace()).filter(about).max_by_key(time)?;
    let words = [event.value.text("message"), event.value.text("note")];
    words.into_iter().find(|w| !w.is_empty()).map(|w| SmolStr::from(w.trim()))
}

/// The ready endpoints of a Service, with the slice that has each.
pub fn endpoints<'s>(store: &'s Store, service: &ObjectKey) -> Vec<(&'s EndpointSlice, &'s Endpoint)> {
    let of_slice = |s: &'s EndpointSlice| s.endpoints.iter().filter(|e| e.ready).map(move |e| (s, &**e));
    slices(store, service).into_iter().flat_map(of_slice).collect()
}

fn slices<'s>(store: &'s Store, service: &ObjectKey) -> Vec<&'s EndpointSlice> {
    let selector = [("kubernetes.io/service-name".into(), service.name.clone())];
    let keys: Vec<ObjectKey> =
        store.select("EndpointSlice", &service.namespace, &selector).map(|o| o.key.clone()).collect();
    keys.iter().filter_map(|key| store.get(key)?.view().endpoint_slice()).collect()
}

/// The address and port of every ready endpoint of a port.
pub fn targets(store: &Store, service: &ObjectKey, port: &ServicePort) -> Vec<(IpAddr, u16)> {
    let of_port = |(slice, endpoint): (&EndpointSlice, &Endpoint)| {
        let number = slice.ports.iter().find(|p| p.name == port.name && p.protocol == port.protocol)?.port?;
        Some((endpoint.addresses.first()?.parse().ok()?, number))
    };
    endpoints(store, service).into_iter().filter_map(of_port).collect()
}

/// The port that the endpoints of a Service's port have: what a client of a headless Service dials.
pub fn endpoint_port(store: &Store, service: &ObjectKey, port: &ServicePort) -> Option<u16> {
    slices(store, service)
        .into_iter()
        .flat_map(|s| &s.ports)
        .find(|p| p.name == port.name && p.protocol == port.protocol)?
        .port
}

/// What the API server and the lints say of the files, as findings.
pub fn diagnostics(stand: &Stand) -> Vec<Finding> {
    let workspace = &stand.workspace;
    let lines: BTreeMap<&str, (&str, LineIndex)> =
        map_of(workspace.files().map(|f| (f.name.as_str(), (f.text.as_str(), LineIndex::new(&f.text)))));
    let told = workspace.diagnostics().iter().filter_map(|d| {
        // What is only a hint to a learner is no finding about a cluster.
        let severity = match d.severity {
            diagnostic::Severity::Error => Severity::Error,
            diagnostic::Severity::Warning if !d.verbatim.is_empty() => Severity::Info,
            _ => return None,
        };
        let rule = if severity == Severity::Error { "refused" } else { "warned" };
        let (kind, name) = d.object.split_once('/').unwrap_or((d.object.as_str(), ""));
        let cause = d.explanation.clone().unwrap_or_else(|| {
            Message::new(if severity == Severity::Error { "doctor-refused" } else { "doctor-warned" })
        });
        let mut finding = Finding::new(severity, rule, ObjectKey::new(kind, "", name), cause);
        finding.verbatim.clone_from(&d.verbatim);
        let at = lines.get(d.file.as_str()).map(|(text, index)| index.line_column(d.span.start as usize, text));
        finding.place = at.map(|at| (SmolStr::from(d.file.as_str()), at.line, at.column));
        Some(finding)
    });
    told.collect()
}

/// Finds the lines of findings: of the first of its fields that a file has, else of its object.
pub fn locate(stand: &Stand, findings: &mut [Finding]) {
    let workspace = &stand.workspace;
    let mut lines: BTreeMap<SmolStr, (&str, LineIndex)> = BTreeMap::new();
    for finding in findings.iter_mut().filter(|f| f.place.is_none() && !f.object.kind.is_empty()) {
        let whole: FieldRef = finding.object.field("metadata.name");
        let found: Option<Location> = finding.because.iter().chain([&whole]).find_map(|field| workspace.locate(field));
        let Some(at) = found else { continue };
        if !lines.contains_key(&at.file) {
            let text = workspace.file(&at.file).map_or("", |file| &file.text);
            lines.insert(at.file.clone(), (text, LineIndex::new(text)));
        }
        if let Some((text, index)) = lines.get(&at.file) {
            let place = index.line_column(at.span.start as usize, text);
            finding.place = Some((at.file, place.line, place.column));
        }
    }
}
