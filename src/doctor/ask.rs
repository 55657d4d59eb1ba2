//! Every Service: its ports by name from a pod of its namespace, each of its endpoints, and its outside addresses.

use super::judge::{self, Judged};
use super::probe::Probe;
use super::{Door, Finding, Report, Severity, Verdict};
use crate::api::object::{Object, ObjectKey};
use crate::api::view::{Protocol, Service, ServicePort, ServiceType};
use crate::arrange::Arrange;
use crate::locale::Message;
use crate::trace::{CauseOfFailure, Client, Place, Scheme, Trace, why};
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;
use std::sync::Arc;

/// So many endpoints of a port are dialled one by one.
const MOST_ENDPOINTS: usize = 200;

/// The Services to ask. The API server's own leads out of what is simulated; what the bootstrap brought was not pasted.
pub fn services(probe: &Probe) -> Vec<Arc<Object>> {
    let own = |object: &Object| object.name() == "kubernetes" && object.namespace() == "default";
    let all = probe.cluster.store().list("Service");
    all.filter(|object| !own(object) && is_given(probe, &object.key)).cloned().collect()
}

/// Asks one of them. `dns_told`: whether it has been said that DNS does not work.
pub fn service(probe: &mut Probe, report: &mut Report, object: &Arc<Object>, dns_told: &mut bool) {
    if let Some(view) = object.view().service() {
        Asker { probe, report, object, view, dns_told, unsteady: None }.service();
    }
}

/// Whether the object came with the files.
fn is_given(probe: &Probe, key: &ObjectKey) -> bool {
    probe.stand.workspace.describes(key)
}

struct Asker<'a> {
    probe: &'a mut Probe,
    report: &'a mut Report,
    object: &'a Arc<Object>,
    view: &'a Service,
    /// Whether it has been said that DNS does not work.
    dns_told: &'a mut bool,
    /// Why some endpoints of the port at hand do not answer while others do.
    unsteady: Option<SmolStr>,
}

impl Asker<'_> {
    fn door(&mut self, address: SmolStr, front: bool, verdict: Verdict) {
        self.report.doors.push(Door { object: self.object.key.clone(), address, front, verdict });
    }

    fn say(&mut self, severity: Severity, rule: &str, door: &SmolStr, message: Message) {
        let mut finding = Finding::new(severity, rule, self.object.key.clone(), message);
        finding.door = door.clone();
        finding.because = vec![self.object.key.field("spec")];
        self.report.findings.push(finding);
    }

    fn name(&self) -> SmolStr {
        format_smolstr!("{}.{}", self.object.name(), self.object.namespace())
    }

    fn service(&mut self) {
        if self.view.type_ == ServiceType::ExternalName {
            return self.external_name();
        }
        if let Some((rule, message)) = self.made_by_operator() {
            let door = self.name();
            self.say(Severity::Info, rule, &door, message);
            return self.door(door, false, Verdict::Unknown);
        }
        if let Some(message) = self.unknowable() {
            let door = self.name();
            self.say(Severity::Info, "not_given", &door, message);
            self.door(door, false, Verdict::Unknown);
            return;
        }
        let headless = self.view.cluster_ip().is_none();
        if self.view.ports.is_empty() {
            // A headless Service without ports exists for its names alone.
            self.door(self.name(), false, Verdict::Unknown);
            return;
        }
        for port in &self.view.ports {
            let inside = self.inside(port, headless);
            // Outside nobody gets farther than inside: what is shut there has been told.
            if matches!(inside, Verdict::Open | Verdict::Partly) {
                self.node_port(port);
                self.load_balancer(port);
            }
        }
        self.sick_pods();
    }

    /// Another name for something: outside, where nobody can ask, or for a Service of this cluster.
    fn external_name(&mut self) {
        let target = SmolStr::from(self.object.value.str_at(&["spec", "externalName"]));
        let door = self.name();
        let domain = format_smolstr!(".svc.{}", self.probe.cluster.settings().cluster_domain);
        let inside = target.trim_end_matches('.').strip_suffix(domain.as_str()).and_then(|head| head.rsplit_once('.'));
        let Some((name, namespace)) = inside else {
            let message = Message::new("doctor-external-name").with("target", target);
            self.say(Severity::Info, "external_name", &door, message);
            return self.door(door, false, Verdict::Unknown);
        };
        let store = self.probe.cluster.store();
        let key = ObjectKey::new("Service", namespace, name.rsplit('.').next().unwrap_or(name));
        if store.get(&key).is_some() {
            // It is asked by its own name.
            return;
        }
        // Of a namespace of which nothing was given nobody knows.
        let given = store.list_in("Service", namespace).any(|s| is_given(self.probe, &s.key));
        let id = if given { "doctor-external-missing" } else { "doctor-external-name" };
        let message =
            Message::new(id).with("target", &target).with("service", &key.name).with("namespace", &key.namespace);
        let (severity, rule, verdict) = match given {
            true => (Severity::Error, "external_name_missing", Verdict::Shut),
            false => (Severity::Info, "external_name", Verdict::Unknown),
        };
        self.say(severity, rule, &door, message);
        if let Some(finding) = self.report.findings.last_mut() {
            finding.because = vec![self.object.key.field("spec.externalName")];
        }
        self.door(door, false, verdict);
    }

    /// No pod is there because something makes them that is not simulated, or because no workload was given.
    fn made_by_operator(&self) -> Option<(&'static str, Message)> {
        let store = self.probe.cluster.store();
        let selector = &self.view.selector;
        let namespace = self.object.namespace();
        if self.probe.stand.snapshot || selector.is_empty() || store.select("Pod", namespace, selector).next().is_some()
        {
            return None;
        }
        let operator = self.probe.stand.custom.iter().find(|c| c.key.namespace == *namespace && c.may_bear(selector));
        if let Some(custom) = operator {
            let message =
                Message::new("doctor-made-by-operator").with("kind", &custom.key.kind).with("name", &custom.key.name);
            return Some(("made_by_operator", message));
        }
        let kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"];
        let any_workload = kinds.iter().any(|kind| store.list_in(kind, namespace).next().is_some())
            || store.list_in("Pod", namespace).any(|p| probe_is_not(p.name()));
        let mut namespaces = store.list("Namespace").map(|n| n.name());
        let mut anywhere = || namespaces.any(|n| store.select("Pod", n, selector).next().is_some());
        (!any_workload && !anywhere())
            .then(|| ("not_given", Message::new("doctor-no-workload-given").with("namespace", namespace)))
    }

    /// Why nothing can be said: a selector, and not one pod of the namespace in a snapshot; no selector, and endpoints that
    /// lie outside.
    fn unknowable(&self) -> Option<Message> {
        let store = self.probe.cluster.store();
        if self.view.selector.is_empty() {
            let outside = judge::endpoints(store, &self.object.key).iter().any(|(_, e)| e.target.is_none());
            return outside.then(|| Message::new("doctor-endpoints-by-hand"));
        }
        let any_pod = store.list_in("Pod", self.object.namespace()).any(|p| probe_is_not(p.name()));
        (self.probe.stand.snapshot && !any_pod)
            .then(|| Message::new("doctor-no-pods-given").with("namespace", self.object.namespace()))
    }

    /// A port of the Service by its name, as a pod beside it dials it.
    fn inside(&mut self, port: &ServicePort, headless: bool) -> Verdict {
        let number = if headless {
            judge::endpoint_port(self.probe.cluster.store(), &self.object.key, port).unwrap_or(port.port)
        } else {
            port.port
        };
        let scheme = match port.protocol {
            Protocol::Tcp => Scheme::Tcp,
            Protocol::Udp => Scheme::Udp,
            Protocol::Sctp => {
                let door = format_smolstr!("sctp://{}:{number}", self.name());
                self.say(Severity::Info, "sctp", &door, Message::new("doctor-sctp"));
                self.door(door, false, Verdict::Unknown);
                return Verdict::Unknown;
            }
        };
        let door = format_smolstr!("{}://{}:{number}", scheme.name(), self.name());
        let from = self.probe.visitor(self.object.namespace());
        let name = self.name();
        let mut trace = self.probe.connect(from.clone(), scheme, name, number);
        if is_about_dns(&trace) {
            self.tell_dns(&trace);
            let Some(ip) = self.view.cluster_ip() else {
                self.door(door, false, Verdict::Unknown);
                return Verdict::Unknown;
            };
            trace = self.probe.connect(from.clone(), scheme, format_smolstr!("{ip}"), number);
        }
        let mut judged = judge::trace(self.probe, &self.object.key, &trace);
        if matches!(judged.verdict, Verdict::Open | Verdict::Shut) && scheme == Scheme::Tcp {
            judged = self.each_endpoint(port, from, &door, judged);
        }
        let verdict = judged.verdict;
        self.unsteady = judged.finding.as_ref().filter(|_| verdict == Verdict::Partly).map(|f| f.rule.clone());
        self.take(judged, &door, false);
        verdict
    }

    /// What a door from outside comes to where some endpoints fail inside as well: it takes one by chance, and why has been told.
    fn by_chance(&self, judged: Judged) -> Judged {
        let known = |f: &Finding| Some(&f.rule) == self.unsteady.as_ref();
        match self.unsteady.is_some() && judged.finding.as_ref().is_none_or(known) {
            true => Judged { verdict: Verdict::Partly, finding: None },
            false => judged,
        }
    }

    fn take(&mut self, judged: Judged, door: &SmolStr, front: bool) {
        if let Some(mut finding) = judged.finding {
            finding.door = door.clone();
            self.report.findings.push(finding);
        }
        self.door(door.clone(), front, judged.verdict);
    }

    /// A request takes one endpoint by chance; does every endpoint answer?
    fn each_endpoint(&mut self, port: &ServicePort, from: Client, door: &SmolStr, whole: Judged) -> Judged {
        let targets: Vec<(IpAddr, u16)> = judge::targets(self.probe.cluster.store(), &self.object.key, port);
        let total = targets.len().min(MOST_ENDPOINTS);
        let mut worst: Option<Judged> = None;
        let mut failed = 0;
        for (ip, number) in targets.into_iter().take(MOST_ENDPOINTS) {
            let trace = self.probe.connect(from.clone(), Scheme::Tcp, format_smolstr!("{ip}"), number);
            let mut judged = judge::trace(self.probe, &self.object.key, &trace);
            if judged.verdict == Verdict::Shut {
                self.call_stale(&mut judged, ip, number);
                failed += 1;
                worst.get_or_insert(judged);
            }
        }
        let Some(Judged { finding: Some(mut finding), .. }) = worst else { return whole };
        if failed == total {
            return whole;
        }
        finding.severity = Severity::Warning;
        let message = Message::new("doctor-some-endpoints").with("failed", failed).with("total", total);
        finding.symptom = Some(message);
        finding.door = door.clone();
        Judged { verdict: Verdict::Partly, finding: Some(finding) }
    }

    /// An address that nobody has and that stands among the endpoints: of a pod that is gone.
    fn call_stale(&self, judged: &mut Judged, ip: IpAddr, number: u16) {
        let Some(finding) = judged.finding.as_mut().filter(|f| f.rule == "nobody_has_address") else { return };
        let endpoints = judge::endpoints(self.probe.cluster.store(), &self.object.key);
        let of = endpoints.iter().find(|(_, e)| e.addresses.iter().any(|a| a.parse() == Ok(ip)));
        let pod = of.and_then(|(_, e)| Some(e.target.as_ref()?.name.clone())).unwrap_or_default();
        let cause = CauseOfFailure::StaleEndpoint { pod, address: (ip, number).into() };
        let (words, mend) = why::cause_messages(&cause);
        finding.rule = why::cause_name(&cause).into();
        (finding.cause, finding.mend) = (words, Some(mend));
    }

    fn node_port(&mut self, port: &ServicePort) {
        if port.node_port == 0 || port.protocol != Protocol::Tcp {
            return;
        }
        let local = self.view.external_local;
        let store = self.probe.cluster.store();
        let here: Vec<SmolStr> =
            judge::endpoints(store, &self.object.key).iter().map(|(_, e)| e.node_name.clone()).collect();
        let node = store
            .list("Node")
            .find(|n| self.probe.cluster.runtime().is_up(n.name()) && (!local || here.contains(n.name())));
        let Some(ip) = node.and_then(|n| n.view().node()).and_then(|n| n.ip()) else { return };
        let door = format_smolstr!("tcp://{ip}:{}", port.node_port);
        let up = |n: &&Arc<Object>| self.probe.cluster.runtime().is_up(n.name());
        let others: Vec<SmolStr> =
            store.list("Node").filter(up).map(|n| n.name().clone()).filter(|n| !here.contains(n)).collect();
        let is_front = self.view.type_ == ServiceType::NodePort;
        let outsider = self.probe.outsider();
        let trace = self.probe.connect(outsider, Scheme::Tcp, format_smolstr!("{ip}"), port.node_port);
        let mut judged = judge::trace(self.probe, &self.object.key, &trace);
        if local && is_front && judged.verdict == Verdict::Open && !others.is_empty() {
            // Who dials a node by its address is sent to no other; a load balancer asks first where a pod is.
            let list = |nodes: &[SmolStr]| nodes.iter().take(5).map(SmolStr::as_str).collect::<Vec<_>>().join(", ");
            let mut nodes = here.clone();
            nodes.arrange();
            nodes.dedup();
            let message = Message::new("doctor-some-nodes").with("nodes", list(&nodes)).with("others", list(&others));
            let mut finding = Finding::new(Severity::Warning, "only_some_nodes", self.object.key.clone(), message);
            finding.because = vec![self.object.key.field("spec.externalTrafficPolicy")];
            finding.hop = Some(Place::Kernel { node: others[0].clone() });
            judged = Judged { verdict: Verdict::Partly, finding: Some(finding) };
        }
        let judged = self.by_chance(judged);
        self.take(judged, &door, is_front);
    }

    fn load_balancer(&mut self, port: &ServicePort) {
        if self.view.type_ != ServiceType::LoadBalancer || port.protocol != Protocol::Tcp {
            return;
        }
        let Some(point) = self.view.load_balancer.first() else {
            let door = format_smolstr!("tcp://<pending>:{}", port.port);
            self.say(Severity::Warning, "load_balancer_pending", &door, Message::new("doctor-pending"));
            self.door(door, true, Verdict::Shut);
            return;
        };
        let Some(ip) = point.ip else {
            let door = format_smolstr!("tcp://{}:{}", point.hostname, port.port);
            let message = Message::new("doctor-balancer-by-name").with("name", &point.hostname);
            self.say(Severity::Info, "balancer_by_name", &door, message);
            self.door(door, true, Verdict::Unknown);
            return;
        };
        let door = format_smolstr!("tcp://{ip}:{}", port.port);
        let outsider = self.probe.outsider();
        let trace = self.probe.connect(outsider, Scheme::Tcp, format_smolstr!("{ip}"), port.port);
        let judged = judge::trace(self.probe, &self.object.key, &trace);
        let judged = if self.is_mine_to_refuse(&trace) { Judged::unknown() } else { judged };
        let judged = self.by_chance(judged);
        self.take(judged, &door, true);
    }

    /// `loadBalancerSourceRanges` that admit somebody, though not the doctor's outsider, are no fault.
    fn is_mine_to_refuse(&self, trace: &Trace) -> bool {
        matches!(trace.outcome.failure().map(|f| &f.cause), Some(CauseOfFailure::SourceNotAllowed { .. }))
    }

    fn tell_dns(&mut self, trace: &Trace) {
        if std::mem::replace(self.dns_told, true) {
            return;
        }
        let key = ObjectKey::new("Service", "kube-system", "kube-dns");
        let judged = judge::trace(self.probe, &key, trace);
        self.report.findings.extend(judged.finding);
    }

    /// Pods that the Service means and that are not ready while others are.
    fn sick_pods(&mut self) {
        if self.view.selector.is_empty() {
            return;
        }
        let pods: Vec<Arc<Object>> =
            self.probe.cluster.store().select("Pod", self.object.namespace(), &self.view.selector).cloned().collect();
        let sick: Vec<&Arc<Object>> = pods.iter().filter(|p| judge::is_sick(p)).collect();
        if sick.is_empty() || sick.len() == pods.len() {
            return;
        }
        let reasons: Vec<String> = sick.iter().take(5).map(|pod| judge::ailment(self.probe, pod)).collect();
        let message = Message::new("doctor-some-not-ready")
            .with("count", sick.len())
            .with("total", pods.len())
            .with("pods", reasons.join("; "));
        let mut finding = Finding::new(Severity::Warning, "some_pods_not_ready", self.object.key.clone(), message);
        finding.because = sick.iter().map(|p| p.key.field("status")).collect();
        finding.because.push(self.object.key.field("spec.selector"));
        self.report.findings.push(finding);
    }
}

fn probe_is_not(name: &str) -> bool {
    !name.starts_with("giljabi-doctor-")
}

fn is_about_dns(trace: &Trace) -> bool {
    matches!(
        trace.outcome.failure().map(|f| &f.cause),
        Some(CauseOfFailure::DnsDown | CauseOfFailure::DnsServiceMissing | CauseOfFailure::NoSuchDnsServer { .. })
    )
}
