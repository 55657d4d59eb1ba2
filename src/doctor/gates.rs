//! Every Ingress and HTTPRoute: each host and path, asked through the controller that serves it, or, where that one is not
//! among what was pasted or is not simulated, through one that stands in for it.

use super::judge::{self, Judged};
use super::probe::Probe;
use super::{Door, Finding, Report, Severity, Verdict};
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::Cause;
use crate::arrange::{map_of, set_of};
use crate::cluster::addons::Addon;
use crate::locale::Message;
use crate::runtime::image::base_name;
use crate::trace::{Exchange, Outcome, Request, Scheme, Url};
use crate::value;
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

/// What stands in for controllers that are not simulated.
const NGINX: &str = "k8s.io/ingress-nginx";
const NGINX_GATEWAY: &str = "gateway.nginx.org/nginx-gateway-controller";

/// So often a gate is asked again whose backend did not answer.
const TRIES: usize = 12;

/// The annotation of the class that an Ingress without one gets.
const DEFAULT_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// Classes that well-known controllers and clouds bring with them, so that a manifest may name them without having them.
const WELL_KNOWN: &[&str] = &[
    "addon-http-application-routing",
    "alb",
    "ambassador",
    "apisix",
    "azure-application-gateway",
    "caddy",
    "cilium",
    "cloudflare-tunnel",
    "contour",
    "emissary",
    "f5",
    "gce",
    "gce-internal",
    "haproxy",
    "higress",
    "ibm-k8s-alb",
    "istio",
    "kong",
    "kourier",
    "ngrok",
    "openshift-default",
    "public",
    "skipper",
    "tailscale",
    "traefik",
    "tyk",
    "voyager",
    "webapprouting",
];

/// Whether a controller out there calls its class so, or a bit longer (`nginx-internal`, `webapprouting.kubernetes.azure.com`).
fn is_well_known(class: &str) -> bool {
    let begins = |known: &str| {
        class.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_']))
    };
    begins("nginx") || WELL_KNOWN.iter().any(|known| begins(known))
}

/// The questions to all gates, one after the other.
pub struct Walk {
    /// What is still to be prepared; `None`: it is.
    ingresses: Option<Vec<Arc<Object>>>,
    routes: Option<Vec<Arc<Object>>>,
    /// The controller's address, and what is asked there.
    through: Option<IpAddr>,
    asked: VecDeque<Asked>,
    addon: Addon,
}

impl Walk {
    pub fn new(probe: &Probe) -> Walk {
        let given = |kind: &str| -> Option<Vec<Arc<Object>>> {
            let all = probe.cluster.store().list(kind).filter(|o| probe.stand.workspace.describes(&o.key));
            Some(all.cloned().collect()).filter(|all: &Vec<_>| !all.is_empty())
        };
        let (ingresses, routes) = (given("Ingress"), given("HTTPRoute"));
        Walk { ingresses, routes, through: None, asked: VecDeque::new(), addon: Addon::IngressNginx }
    }

    /// Asks the next question, or makes a kind of gate ready for them. `true`: everything was asked.
    pub fn step(&mut self, probe: &mut Probe, report: &mut Report) -> bool {
        if let Some(asked) = self.asked.pop_front() {
            Gates { probe, report, addon: self.addon }.ask(self.through, &asked);
        } else if let Some(ingresses) = self.ingresses.take() {
            (self.through, self.asked) = Gates { probe, report, addon: self.addon }.ingresses(&ingresses);
        } else if let Some(routes) = self.routes.take() {
            self.addon = Addon::NginxGateway;
            (self.through, self.asked) = Gates { probe, report, addon: self.addon }.routes(&routes);
        } else {
            return true;
        }
        false
    }
}

struct Gates<'a> {
    probe: &'a mut Probe,
    report: &'a mut Report,
    addon: Addon,
}

/// A question to a gate.
struct Asked {
    object: ObjectKey,
    host: SmolStr,
    path: SmolStr,
    tls: bool,
    port: u16,
}

impl Gates<'_> {
    fn note(&mut self, rule: &str, object: ObjectKey, message: Message) {
        self.report.findings.push(Finding::new(Severity::Info, rule, object, message));
    }

    /// Makes a controller ready for them. Gives its address and what is asked there.
    fn ingresses(&mut self, ingresses: &[Arc<Object>]) -> (Option<IpAddr>, VecDeque<Asked>) {
        let store = self.probe.cluster.store();
        // Which class belongs to which controller, as far as the files say.
        let classes: BTreeMap<SmolStr, SmolStr> = map_of(
            store
                .list("IngressClass")
                .map(|c| (c.name().clone(), SmolStr::from(c.value.str_at(&["spec", "controller"])))),
        );
        let own = find_controller(self.probe, "controller");
        let mut asked: BTreeSet<SmolStr> = BTreeSet::new();
        let mut classless = Vec::new();
        let mut served: Vec<Arc<Object>> = Vec::new();
        for ingress in ingresses {
            self.certificates(ingress);
            if let Some(finding) = self.without_controller(ingress, &classes, own.is_some()) {
                for question in questions_of_ingress(ingress) {
                    let door = door(&question, Verdict::Shut);
                    self.report.findings.push(Finding { door: door.address.clone(), ..finding.clone() });
                    self.report.doors.push(door);
                }
                continue;
            }
            served.push(ingress.clone());
            match class_of(ingress) {
                Some(class) => drop(asked.insert(class)),
                None => classless.push(ingress.clone()),
            }
        }
        let foreign: Vec<SmolStr> = asked
            .iter()
            .filter(|class| classes.get(*class).is_none_or(|c| c != NGINX) || own.is_none())
            .cloned()
            .collect();
        let through = match own {
            Some(ip) => Some(ip),
            None => self.stand_in("ingress-nginx", "ingress-nginx-controller"),
        };
        for class in foreign {
            self.tell_stand_in(&class, classes.get(&class), ingresses);
            self.serve_class(&class);
        }
        if !classless.is_empty() {
            self.serve_class(&"nginx".into());
            for ingress in &classless {
                let mut value = ingress.value.clone();
                value.set_at(&["spec", "ingressClassName"], "nginx");
                self.probe.cluster.write(Cause::User, |writer| writer.update(ingress, value));
                self.note("no_ingress_class", ingress.key.clone(), Message::new("doctor-no-class"));
            }
        }
        self.probe.cluster.run_until_settled();
        (through, served.iter().flat_map(questions_of_ingress).collect())
    }

    /// Says that something stands in for the controller of a class.
    fn tell_stand_in(&mut self, class: &SmolStr, controller: Option<&SmolStr>, ingresses: &[Arc<Object>]) {
        let controller = controller.cloned().unwrap_or_default();
        // What is called nginx means the one that stands in.
        if controller == NGINX || (controller.is_empty() && class == "nginx") {
            return;
        }
        let key = ObjectKey::new("IngressClass", "", class.clone());
        if controller.is_empty() && !is_well_known(class) {
            let asks = |i: &&Arc<Object>| i.value.str_at(&["spec", "ingressClassName"]) == class;
            for ingress in ingresses.iter().filter(asks) {
                let message = Message::new("doctor-class-unknown").with("class", class);
                let mut finding =
                    Finding::new(Severity::Warning, "ingress_class_unknown", ingress.key.clone(), message);
                finding.because = vec![ingress.key.field("spec.ingressClassName")];
                self.report.findings.push(finding);
            }
            return;
        }
        let message = Message::new("doctor-gate-stand-in").with("class", class).with("controller", &controller);
        self.note("gate_stand_in", key, message);
    }

    /// Why no controller serves an Ingress, as far as the classes of the cluster are known.
    fn without_controller(
        &self,
        ingress: &Arc<Object>,
        classes: &BTreeMap<SmolStr, SmolStr>,
        own: bool,
    ) -> Option<Finding> {
        if classes.is_empty() {
            return None;
        }
        let asked = ingress.value.str_at(&["spec", "ingressClassName"]);
        let (rule, field, message) = if !asked.is_empty() {
            if classes.contains_key(asked) {
                return None;
            }
            let known = classes.keys().map(SmolStr::as_str).collect::<Vec<_>>().join(", ");
            let message = Message::new("doctor-class-missing").with("class", asked).with("classes", known);
            ("ingress_class_missing", "spec.ingressClassName", message)
        } else {
            let others = classes.values().any(|c| c != NGINX);
            if class_of(ingress).is_some() || others || !own || self.takes_classless() {
                return None;
            }
            ("ingress_ignored", "spec", Message::new("doctor-ingress-ignored"))
        };
        let mut finding = Finding::new(Severity::Error, rule, ingress.key.clone(), message);
        finding.because = vec![ingress.key.field(field)];
        Some(finding)
    }

    /// Whether the cluster's ingress-nginx was told to serve what names no class, or a class is the default one.
    fn takes_classless(&self) -> bool {
        let store = self.probe.cluster.store();
        let told = |pod: &Arc<Object>| {
            let containers = pod.value.items_at(&["spec", "containers"]);
            let words = containers.iter().flat_map(|c| c.items("args").iter().chain(c.items("command")));
            words
                .filter_map(Value::as_str)
                .any(|w| w.starts_with("--watch-ingress-without-class") && !w.ends_with("false"))
        };
        let default = |class: &Arc<Object>| class.annotation(DEFAULT_CLASS) == Some("true");
        store.list("Pod").any(told) || store.list("IngressClass").any(default)
    }

    /// Looks whether the Secrets with an Ingress's certificates are there. Their values were dropped; their keys tell enough.
    fn certificates(&mut self, ingress: &Arc<Object>) {
        let made = ["cert-manager.io/issuer", "cert-manager.io/cluster-issuer", "kubernetes.io/tls-acme"];
        if made.iter().any(|annotation| ingress.annotation(annotation).is_some()) {
            return;
        }
        for (i, tls) in ingress.value.items_at(&["spec", "tls"]).iter().enumerate() {
            let field = format_smolstr!("spec.tls[{i}].secretName");
            self.certificate(&ingress.key, ingress.namespace(), tls.text("secretName"), field);
        }
    }

    fn certificate(&mut self, of: &ObjectKey, namespace: &SmolStr, name: &str, field: SmolStr) {
        let Probe { stand, cluster, .. } = &*self.probe;
        let brought = || stand.custom.iter().any(|c| c.brings_secret(namespace, name));
        // `kubectl get all` prints no Secrets: then nobody knows.
        let given = !stand.snapshot || cluster.store().list("Secret").any(|s| stand.workspace.describes(&s.key));
        if name.is_empty() || !given || brought() {
            return;
        }
        let secret = cluster.store().get(&ObjectKey::new("Secret", namespace.clone(), name));
        let (rule, message) = match secret {
            None => ("tls_secret_missing", Message::new("doctor-tls-missing").with("secret", name)),
            Some(secret) => {
                let has = |key: &str| ["data", "stringData"].iter().any(|f| secret.value.at(&[f, key]).is_some());
                let lacking: Vec<&str> = ["tls.crt", "tls.key"].into_iter().filter(|key| !has(key)).collect();
                if lacking.is_empty() {
                    return;
                }
                let message = Message::new("doctor-tls-useless").with("secret", name).with("keys", lacking.join(", "));
                ("tls_secret_useless", message)
            }
        };
        let mut finding = Finding::new(Severity::Warning, rule, of.clone(), message);
        finding.because = vec![of.field(field.as_str())];
        self.report.findings.push(finding);
    }

    /// Makes a class the stand-in's.
    fn serve_class(&mut self, class: &SmolStr) {
        let key = ObjectKey::new("IngressClass", "", class.clone());
        let old = self.probe.cluster.store().get(&key).cloned();
        self.probe.cluster.write(Cause::User, |writer| match old {
            Some(old) => {
                let mut value = old.value.clone();
                value.set_at(&["spec", "controller"], NGINX);
                drop(writer.update(&old, value));
            }
            None => {
                let value = value!({
                    "apiVersion": "networking.k8s.io/v1",
                    "kind": "IngressClass",
                    "metadata": { "name": class },
                    "spec": { "controller": NGINX }
                });
                drop(writer.create("IngressClass", value));
            }
        });
    }

    /// The same for routes of gateways.
    fn routes(&mut self, routes: &[Arc<Object>]) -> (Option<IpAddr>, VecDeque<Asked>) {
        let through = match find_controller(self.probe, "nginx-gateway-fabric") {
            Some(ip) => Some(ip),
            None => self.stand_in("nginx-gateway", "nginx-gateway"),
        };
        let gateways: Vec<Arc<Object>> = self.probe.cluster.store().list("Gateway").cloned().collect();
        let classes: BTreeSet<SmolStr> =
            set_of(gateways.iter().map(|g| g.value.str_at(&["spec", "gatewayClassName"]).into()));
        for class in classes {
            let key = ObjectKey::new("GatewayClass", "", class.clone());
            let old = self.probe.cluster.store().get(&key).cloned();
            let controller = SmolStr::from(old.as_ref().map_or("", |o| o.value.str_at(&["spec", "controllerName"])));
            if controller == NGINX_GATEWAY {
                continue;
            }
            self.note(
                "gate_stand_in",
                key,
                Message::new("doctor-gate-stand-in").with("class", &class).with("controller", &controller),
            );
            self.probe.cluster.write(Cause::User, |writer| match old {
                Some(old) => {
                    let mut value = old.value.clone();
                    value.set_at(&["spec", "controllerName"], NGINX_GATEWAY);
                    drop(writer.update(&old, value));
                }
                None => {
                    let value = value!({
                        "apiVersion": "gateway.networking.k8s.io/v1",
                        "kind": "GatewayClass",
                        "metadata": { "name": (&class) },
                        "spec": { "controllerName": NGINX_GATEWAY }
                    });
                    drop(writer.create("GatewayClass", value));
                }
            });
        }
        self.probe.cluster.run_until_settled();
        let stand = self.probe.stand.clone();
        for gateway in gateways.iter().filter(|g| stand.workspace.describes(&g.key)) {
            for (i, listener) in gateway.value.items_at(&["spec", "listeners"]).iter().enumerate() {
                for (j, name) in listener.items_at(&["tls", "certificateRefs"]).iter().enumerate() {
                    let other = name.text("namespace");
                    let namespace = if other.is_empty() { gateway.namespace().clone() } else { other.into() };
                    let field = format_smolstr!("spec.listeners[{i}].tls.certificateRefs[{j}].name");
                    if matches!(name.text("kind"), "" | "Secret") {
                        self.certificate(&gateway.key, &namespace, name.text("name"), field);
                    }
                }
            }
        }
        let mut all = VecDeque::new();
        for route in routes {
            let parents = gateways_of(route, &gateways);
            if parents.is_empty() {
                let mut finding =
                    Finding::new(Severity::Error, "no_gateway", route.key.clone(), Message::new("doctor-no-gateway"));
                finding.because = vec![route.key.field("spec.parentRefs")];
                self.report.findings.push(finding);
                self.report.doors.push(Door {
                    object: route.key.clone(),
                    address: "http://?".into(),
                    front: true,
                    verdict: Verdict::Shut,
                });
                continue;
            }
            for question in questions_of_route(route, &parents) {
                if matches!(question.port, 80 | 443) {
                    all.push_back(question);
                } else {
                    self.note(
                        "listener_port",
                        route.key.clone(),
                        Message::new("doctor-listener-port").with("port", question.port),
                    );
                }
            }
        }
        (through, all)
    }

    /// Installs a controller and lets it run. Gives its address.
    fn stand_in(&mut self, namespace: &str, name: &str) -> Option<IpAddr> {
        self.probe.cluster.install(self.addon).ok()?;
        if !self.probe.cluster.settings().workloads {
            self.probe.cluster.stand_in(&ObjectKey::new("Deployment", namespace, name));
        }
        self.probe.cluster.run_until_settled();
        let service = self.probe.cluster.store().get(&ObjectKey::new("Service", namespace, name))?;
        service.view().service()?.cluster_ip()
    }

    fn ask(&mut self, through: Option<IpAddr>, asked: &Asked) {
        let Some(ip) = through else {
            self.report.doors.push(door(asked, Verdict::Unknown));
            return;
        };
        let from = self.probe.visitor(&asked.object.namespace);
        let request = |scheme, port| {
            let host = if asked.host.is_empty() { "any.example".into() } else { asked.host.clone() };
            let url = Url { scheme, host, port, path: asked.path.clone() };
            Request { resolve: Some(ip), insecure: true, ..Request::get(from.clone(), url) }
        };
        let first = if asked.tls { request(Scheme::Https, asked.port) } else { request(Scheme::Http, asked.port) };
        let mut trace = self.probe.cluster.send(&first);
        // A controller that sends everybody to HTTPS is asked there.
        if let Outcome::Answered { response, .. } = &trace.outcome
            && (300..400).contains(&response.status)
            && response.pod.is_none()
            && !asked.tls
        {
            trace = self.probe.cluster.send(&request(Scheme::Https, 443));
        }
        let Judged { mut verdict, mut finding } = judge::trace(self.probe, &asked.object, &trace);
        if verdict == Verdict::Shut && trace.hops.iter().any(|hop| matches!(hop.exchange, Exchange::Backend(_))) {
            // The controller took one endpoint by chance: others may answer.
            let again = if trace.request.to.scheme == Scheme::Https { request(Scheme::Https, 443) } else { first };
            let opens = (0..TRIES).any(|_| {
                let trace = self.probe.cluster.send(&again);
                judge::trace(self.probe, &asked.object, &trace).verdict == Verdict::Open
            });
            if opens {
                verdict = Verdict::Partly;
                if let Some(finding) = &mut finding {
                    finding.severity = Severity::Warning;
                }
            }
        }
        let door = door(asked, verdict);
        if let Some(mut finding) = finding {
            finding.door = door.address.clone();
            self.report.findings.push(finding);
        }
        self.report.doors.push(door);
    }
}

fn door(asked: &Asked, verdict: Verdict) -> Door {
    let scheme = if asked.tls { "https" } else { "http" };
    let host = if asked.host.is_empty() { "*" } else { asked.host.as_str() };
    let address = format_smolstr!("{scheme}://{host}{}", asked.path);
    Door { object: asked.object.clone(), address, front: true, verdict }
}

/// The ClusterIP of a Service before ready pods that run this program.
fn find_controller(probe: &Probe, program: &str) -> Option<IpAddr> {
    let store = probe.cluster.store();
    let runs = |pod: &Arc<Object>| {
        pod.view().pod().is_some_and(|p| {
            p.is_ready()
                && p.containers.iter().any(|c| {
                    let image = base_name(&c.image);
                    image.rsplit('/').next() == Some(program)
                        && (program != "controller" || image.contains("ingress-nginx"))
                })
        })
    };
    store.list("Service").find_map(|service| {
        let view =
            service.view().service().filter(|s| !s.selector.is_empty() && s.ports.iter().any(|p| p.port == 80))?;
        let before = store.select("Pod", service.namespace(), &view.selector).any(runs);
        if before { view.cluster_ip() } else { None }
    })
}

fn class_of(ingress: &Object) -> Option<SmolStr> {
    let spec = ingress.value.str_at(&["spec", "ingressClassName"]);
    let class = if spec.is_empty() { ingress.annotation("kubernetes.io/ingress.class").unwrap_or("") } else { spec };
    (!class.is_empty()).then(|| class.into())
}

/// A name that a rule's host takes: a wildcard takes any label.
fn sample_host(host: &str) -> SmolStr {
    host.strip_prefix('*').map_or_else(|| host.into(), |rest| format_smolstr!("any{rest}"))
}

/// A path that a rule takes: of a regular expression what stands before its first sign.
fn sample_path(path: &str) -> SmolStr {
    let plain = path.split(['(', '[', '*', '?', '$', '^', '\\', '|', '+']).next().unwrap_or("");
    if plain.starts_with('/') { plain.into() } else { "/".into() }
}

fn questions_of_ingress(ingress: &Arc<Object>) -> Vec<Asked> {
    let tls: Vec<&str> = ingress
        .value
        .items_at(&["spec", "tls"])
        .iter()
        .flat_map(|t| t.items("hosts"))
        .filter_map(Value::as_str)
        .collect();
    let question = |host: &str, path: &str| {
        let secure = tls.contains(&host);
        Asked {
            object: ingress.key.clone(),
            host: sample_host(host),
            path: sample_path(path),
            tls: secure,
            port: if secure { 443 } else { 80 },
        }
    };
    let mut all: Vec<Asked> = Vec::new();
    for rule in ingress.value.items_at(&["spec", "rules"]) {
        let host = rule.text("host");
        all.extend(rule.items_at(&["http", "paths"]).iter().map(|p| question(host, p.text("path"))));
    }
    if ingress.value.at(&["spec", "defaultBackend"]).is_some() && all.is_empty() {
        all.push(question("", "/"));
    }
    all
}

fn gateways_of<'g>(route: &Object, gateways: &'g [Arc<Object>]) -> Vec<&'g Arc<Object>> {
    let parents = route.value.items_at(&["spec", "parentRefs"]);
    let is_parent = |gateway: &&Arc<Object>| {
        parents.iter().any(|p| {
            let namespace =
                if p.text("namespace").is_empty() { route.namespace().as_str() } else { p.text("namespace") };
            matches!(p.text("kind"), "" | "Gateway")
                && p.text("name") == gateway.name()
                && namespace == gateway.namespace()
        })
    };
    gateways.iter().filter(is_parent).collect()
}

fn questions_of_route(route: &Arc<Object>, gateways: &[&Arc<Object>]) -> Vec<Asked> {
    let hosts: Vec<SmolStr> = route.value.items_at(&["spec", "hostnames"]).iter().filter_map(Value::as_smol).collect();
    let mut all = Vec::new();
    let Some(listener) = gateways.iter().flat_map(|g| g.value.items_at(&["spec", "listeners"])).next() else {
        return all;
    };
    let tls = matches!(listener.text("protocol"), "HTTPS" | "TLS");
    let port = listener.get("port").and_then(Value::as_i64).and_then(|p| u16::try_from(p).ok()).unwrap_or(80);
    let host = hosts.first().map(|h| sample_host(h)).unwrap_or_else(|| sample_host(listener.text("hostname")));
    for rule in route.value.items_at(&["spec", "rules"]) {
        let matches = rule.items("matches");
        let path = |m: &Value| sample_path(m.at(&["path"]).map_or("/", |p| p.text("value")));
        // A match on headers or query is another test's matter: its path alone would not be taken.
        let plain = |m: &&Value| {
            m.items("headers").is_empty() && m.items("queryParams").is_empty() && m.text("method").is_empty()
        };
        let mut paths: Vec<SmolStr> = matches.iter().filter(plain).map(path).collect();
        if matches.is_empty() {
            paths.push("/".into());
        }
        all.extend(paths.into_iter().map(|path| Asked {
            object: route.key.clone(),
            host: host.clone(),
            path,
            tls,
            port,
        }));
    }
    all
}
