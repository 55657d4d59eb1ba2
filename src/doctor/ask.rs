//! Every Service: its ports by name from a pod of its namespace, each of its endpoints, and its outside addresses.

use super::judge::{self, Judged};
use super::probe::Probe;
use super::{Door, Finding, Report, Severity, Verdict};
use crate::api::object::{Object, ObjectKey};
use crate::api::view::{Protocol, Service, ServicePort, ServiceType};
use crate::locale::Message;
use crate::trace::{CauseOfFailure, Client, Scheme, Trace};
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;
use std::sync::Arc;

/// So many endpoints of a port are dialled one by one.
const MOST_ENDPOINTS: usize = 200;

pub fn services(probe: &mut Probe, report: &mut Report) {
    let services: Vec<Arc<Object>> = probe.cluster.store().list("Service").cloned().collect();
    let mut dns_told = false;
    for object in services {
        // The API server's own Service leads out of what is simulated; what the bootstrap brought was not pasted.
        if object.name() == "kubernetes" && object.namespace() == "default" || !is_given(probe, &object.key) {
            continue;
        }
        if let Some(view) = object.view().service() {
            Asker { probe, report, object: &object, view, dns_told: &mut dns_told }.service();
        }
    }
}

/// Whether the object came with the files.
fn is_given(probe: &Probe, key: &ObjectKey) -> bool {
    probe.stand.workspace.describes(key)
}

struct Asker<'a, 's> {
    probe: &'a mut Probe<'s>,
    report: &'a mut Report,
    object: &'a Arc<Object>,
    view: &'a Service,
    /// Whether it has been said that DNS does not work.
    dns_told: &'a mut bool,
}

impl Asker<'_, '_> {
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
            let target = self.object.value.str_at(&["spec", "externalName"]).to_string();
            let door = self.name();
            self.say(
                Severity::Info,
                "external_name",
                &door,
                Message::new("doctor-external-name").with("target", target),
            );
            self.door(door, false, Verdict::Unknown);
            return;
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
        if judged.verdict == Verdict::Open && scheme == Scheme::Tcp {
            judged = self.each_endpoint(port, from, &door, judged);
        }
        let verdict = judged.verdict;
        self.take(judged, &door, false);
        verdict
    }

    fn take(&mut self, judged: Judged, door: &SmolStr, front: bool) {
        if let Some(mut finding) = judged.finding {
            finding.door = door.clone();
            self.report.findings.push(finding);
        }
        self.door(door.clone(), front, judged.verdict);
    }

    /// The port answers; does every endpoint of it?
    fn each_endpoint(&mut self, port: &ServicePort, from: Client, door: &SmolStr, whole: Judged) -> Judged {
        let targets: Vec<(IpAddr, u16)> = judge::targets(self.probe.cluster.store(), &self.object.key, port);
        let total = targets.len().min(MOST_ENDPOINTS);
        let mut worst: Option<Judged> = None;
        let mut failed = 0;
        for (ip, number) in targets.into_iter().take(MOST_ENDPOINTS) {
            let trace = self.probe.connect(from.clone(), Scheme::Tcp, format_smolstr!("{ip}"), number);
            let judged = judge::trace(self.probe, &self.object.key, &trace);
            if judged.verdict == Verdict::Shut {
                failed += 1;
                worst.get_or_insert(judged);
            }
        }
        let Some(Judged { finding: Some(mut finding), .. }) = worst else { return whole };
        finding.severity = Severity::Warning;
        let message = Message::new("doctor-some-endpoints").with("failed", failed).with("total", total);
        finding.symptom = Some(message);
        finding.door = door.clone();
        Judged { verdict: Verdict::Partly, finding: Some(finding) }
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
        let outsider = self.probe.outsider();
        let trace = self.probe.connect(outsider, Scheme::Tcp, format_smolstr!("{ip}"), port.node_port);
        let judged = judge::trace(self.probe, &self.object.key, &trace);
        self.take(judged, &door, self.view.type_ == ServiceType::NodePort);
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
        let reasons: Vec<String> = sick.iter().take(5).map(|pod| judge::ailment(pod)).collect();
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
