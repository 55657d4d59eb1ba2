//! What listens in a pod, and what the programs answer.

use super::Runtime;
use super::files::web_root;
use super::image::{self, App, ListenPort, Wire};
use super::nginx::{self, Verdict};
use super::sandbox::{ContainerState, PodSandbox, Program, RunningContainer};
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::api::value::Value;
use crate::api::view::Protocol;
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};
use std::net::SocketAddr;

/// Which of the pod's addresses a socket is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    /// 0.0.0.0 and ::.
    Any,
    /// 127.0.0.1: nobody else reaches it.
    Localhost,
}

/// A listening socket of a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    pub port: u16,
    pub protocol: Protocol,
    pub bind: Bind,
    pub wire: Wire,
    pub app: App,
    /// The container whose process listens.
    pub container: SmolStr,
    /// The process's name, as `ps` and `netstat` show it.
    pub process: SmolStr,
}

/// A request as it reaches a program.
#[derive(Clone, Debug)]
pub struct AppRequest<'a> {
    pub method: &'a str,
    /// The `Host` header.
    pub host: &'a str,
    /// With the query.
    pub path: &'a str,
    pub headers: &'a [(SmolStr, SmolStr)],
    /// The client's address as the program sees it.
    pub peer: SocketAddr,
    /// The address that was dialled, as the program sees it.
    pub local: SocketAddr,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    Complete,
    /// The connection stays open and nothing comes.
    Hang,
    /// The connection is closed without an answer.
    Close,
}

/// A program's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppReply {
    /// The HTTP status; 0 for protocols without one.
    pub status: u16,
    pub headers: Vec<(SmolStr, SmolStr)>,
    pub body: SmolStr,
    /// How long the program thinks.
    pub latency: Duration,
    pub ending: Ending,
}

impl AppReply {
    fn text(status: u16, server: &str, kind: &str, body: impl Into<SmolStr>) -> AppReply {
        let body = body.into();
        let mut headers = vec![(SmolStr::from("Content-Type"), SmolStr::from(kind))];
        if !server.is_empty() {
            headers.insert(0, ("Server".into(), server.into()));
        }
        headers.push(("Content-Length".into(), format_smolstr!("{}", body.len())));
        AppReply { status, headers, body, latency: Duration::millis(1), ending: Ending::Complete }
    }
}

impl Runtime {
    /// The listening sockets of a pod at `now`, by port. None when the pod does not run (or its node is down).
    pub fn listeners(&self, pod: &ObjectKey, now: Time) -> Vec<Listener> {
        let Some(sandbox) = self.get(pod).filter(|s| self.is_up(&s.node)) else { return Vec::new() };
        sandbox.listeners(now)
    }

    /// The socket of a pod that a connection to `port` reaches; on the pod's own address unless `localhost`.
    pub fn listener(
        &self,
        pod: &ObjectKey,
        port: u16,
        protocol: Protocol,
        localhost: bool,
        now: Time,
    ) -> Option<Listener> {
        self.get(pod).filter(|s| self.is_up(&s.node))?.listener(port, protocol, localhost, now)
    }

    /// Has the program behind `listener` answer. Some programs count their requests, hence the `&mut`.
    pub fn serve(&mut self, pod: &ObjectKey, listener: &Listener, request: &AppRequest) -> AppReply {
        let Some(sandbox) = self.get(pod).cloned() else {
            return AppReply { ending: Ending::Close, ..AppReply::default() };
        };
        let earlier = if sandbox.counts(listener) { self.count_request(pod) } else { 0 };
        sandbox.answer(listener, request, earlier)
    }
}

fn protocol(port: ListenPort) -> Protocol {
    if port.wire == Wire::Udp { Protocol::Udp } else { Protocol::Tcp }
}

fn listener(container: &RunningContainer, port: ListenPort) -> Listener {
    Listener {
        port: port.port,
        protocol: protocol(port),
        bind: if container.behavior.localhost { Bind::Localhost } else { Bind::Any },
        wire: port.wire,
        app: port.app,
        container: container.name.clone(),
        process: process(container),
    }
}

impl PodSandbox {
    /// The listening sockets, by port. Two containers cannot listen on one port; the first one has it.
    pub fn listeners(&self, now: Time) -> Vec<Listener> {
        let mut listeners: Vec<Listener> = Vec::new();
        for (container, port, protocol) in self.sockets(now) {
            if !listeners.iter().any(|l| l.port == port.port && l.protocol == protocol) {
                listeners.push(listener(container, port));
            }
        }
        listeners.arrange_by_key(|l| (l.port, l.protocol));
        listeners
    }

    /// The socket that a connection to `port` reaches; on the pod's own address unless `localhost`.
    pub fn listener(&self, port: u16, protocol: Protocol, localhost: bool, now: Time) -> Option<Listener> {
        self.sockets(now)
            .find(|(_, l, own)| l.port == port && *own == protocol)
            .map(|(container, port, _)| listener(container, port))
            .filter(|l| localhost || l.bind == Bind::Any)
    }

    /// The ports that containers listen on, the first container's first; two may have the same.
    fn sockets(&self, now: Time) -> impl Iterator<Item = (&RunningContainer, ListenPort, Protocol)> {
        let sidecars = self.init_containers.iter().filter(|c| c.is_sidecar());
        let listens = move |container: &&RunningContainer| match container.state {
            ContainerState::Running { since } => {
                container.program == Program::Server
                    && container.taken_port.is_none()
                    && now >= since + container.behavior.slow_start
            }
            _ => false,
        };
        self.containers.iter().chain(sidecars).filter(listens).flat_map(|container| {
            let ports = listen_ports(container, &self.containers).into_iter().filter(|port| port.port != 0);
            ports.map(move |port| (container, port, protocol(port)))
        })
    }

    /// The port that a container's server wants and another container has: all containers of a pod share its addresses. Only
    /// images whose ports are known are judged, both of them; what a manifest declares opens no port.
    pub fn taken_port(&self, container: &RunningContainer, now: Time) -> Option<u16> {
        let known = |container: &RunningContainer| image::find(&container.image).is_some_and(|i| !i.ports.is_empty());
        if self.containers.len() + self.init_containers.len() < 2
            || container.program != Program::Server
            || !known(container)
        {
            return None;
        }
        let wanted = listen_ports(container, &self.containers);
        let mut others = self.sockets(now).filter(|(other, ..)| other.name != container.name && known(other));
        let taken = others.find(|(_, port, own)| wanted.iter().any(|w| w.port == port.port && protocol(*w) == *own));
        taken.map(|(_, port, _)| port.port)
    }

    pub(crate) fn answer(&self, listener: &Listener, request: &AppRequest, earlier: u64) -> AppReply {
        let Some(container) = self.container(&listener.container) else { return AppReply::default() };
        let behavior = &container.behavior;
        let mut reply = if behavior.hang {
            AppReply { ending: Ending::Hang, ..AppReply::default() }
        } else if behavior.close {
            AppReply { ending: Ending::Close, ..AppReply::default() }
        } else if let Some(status) = behavior.status.filter(|_| matches!(listener.wire, Wire::Http | Wire::Https)) {
            AppReply::text(status, "", "text/plain", format!("{status} from {}\n", self.hostname))
        } else {
            self.page(container, listener, request, earlier)
        };
        reply.latency = reply.latency + behavior.delay;
        reply
    }

    /// Whether the program's answer depends on how many requests came before.
    pub(crate) fn counts(&self, listener: &Listener) -> bool {
        let Some(container) = self.container(&listener.container) else { return false };
        match listener.app {
            App::Kubia => {
                image::base_name(&container.image).ends_with("unhealthy") || image::tag(&container.image) == "v3"
            }
            App::Numbers => true,
            _ => false,
        }
    }

    fn page(&self, container: &RunningContainer, listener: &Listener, request: &AppRequest, earlier: u64) -> AppReply {
        let host = &self.hostname;
        let path = request.path.split('?').next().unwrap_or("/");
        let plain = |body: String| AppReply::text(200, "", "text/plain", body);
        let bare = |body: &str| AppReply { body: body.into(), latency: Duration::millis(1), ..AppReply::default() };
        match listener.app {
            App::Page => self.static_page(container, listener, request, path),
            App::Kubia if image::base_name(&container.image).ends_with("unhealthy") && earlier >= 5 => {
                AppReply::text(500, "", "", "I'm not well. Please restart me!\n")
            }
            App::Kubia => match image::tag(&container.image) {
                version @ ("v1" | "v2" | "v4") => {
                    AppReply::text(200, "", "", format!("This is {version} running in pod {host}\n"))
                }
                "v3" if earlier >= 4 => {
                    AppReply::text(500, "", "", format!("Some internal error has occurred! This is pod {host}\n"))
                }
                "v3" => AppReply::text(200, "", "", format!("This is v3 running in pod {host}\n")),
                _ => AppReply::text(200, "", "", format!("You've hit {host}\n")),
            },
            App::Echo => plain(format!("{host} answers on port {}, and saw you as {}\n", listener.port, request.peer)),
            App::Whoami => plain(self.whoami(request, path)),
            App::EchoServer => plain(self.echo_server(request)),
            App::Netexec => match path {
                "/hostname" | "/hostName" => plain(host.to_string()),
                "/clientip" => plain(request.peer.to_string()),
                "/healthz" => plain(String::new()),
                "/" => plain("NOW: 2026-01-01 00:00:00 +0000 UTC".to_string()),
                _ => AppReply::text(404, "", "text/plain", "404 page not found\n"),
            },
            App::HostName => plain(host.to_string()),
            App::Text => {
                let words = container.words();
                let flag = words.iter().find_map(|w| w.trim_start_matches('-').strip_prefix("text="));
                plain(format!("{}\n", flag.unwrap_or("hello-world").trim_matches('"')))
            }
            App::Hello => {
                let version = if image::tag(&container.image).starts_with('2') { "2.0.0" } else { "1.0.0" };
                plain(format!("Hello, world!\nVersion: {version}\nHostname: {host}\n"))
            }
            App::Numbers => match path {
                "/rng" | "/api/rng" | "/sixeyed/kiamol/master/ch03/numbers/rng" => {
                    // A number that looks random and is the same in every run.
                    plain(format!("{}", (earlier * 37 + host.bytes().map(u64::from).sum::<u64>()) % 100))
                }
                "/healthz" | "/" => plain("ok".to_string()),
                _ => AppReply::text(404, "", "text/plain", ""),
            },
            App::NumbersWeb => AppReply::text(
                200,
                "Kestrel",
                "text/html",
                "<html><body><h1>KIAMOL Random Number Generator</h1><button>Go</button></body></html>\n",
            ),
            App::Greeting => plain(format!("{} at {host}\n", image::base_name(&container.image))),
            App::Health => plain("OK".to_string()),
            App::Ingress => AppReply::text(
                404,
                "nginx",
                "text/html",
                "<html>\n<head><title>404 Not Found</title></head>\n<body>\n<center><h1>404 Not Found</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n",
            ),
            App::Grpc => AppReply {
                status: 200,
                headers: vec![("Content-Type".into(), "application/grpc".into()), ("Grpc-Status".into(), "0".into())],
                ..bare("SERVING")
            },
            App::Tcp(banner) => bare(banner),
            App::Dns => bare(""),
            App::UdpEcho => bare("hello"),
        }
    }

    fn static_page(
        &self,
        container: &RunningContainer,
        listener: &Listener,
        request: &AppRequest,
        path: &str,
    ) -> AppReply {
        let apache = image::base_name(&container.image) == "httpd";
        let server = if apache { "Apache/2.4.65 (Unix)" } else { "nginx/1.29.3" };
        let root = web_root(&container.image);
        let told = match &container.site {
            Some(Ok(site)) => site.answer(listener.port, request.host, path),
            _ => None,
        };
        let (verdict, headers) = told.unwrap_or_else(|| {
            let index = if path.ends_with('/') { "index.html" } else { "" };
            (Verdict::Files { paths: vec![format_smolstr!("{root}{path}{index}")], otherwise: 404 }, &[])
        });
        let (paths, otherwise) = match verdict {
            Verdict::Text { status, text, type_, location } => {
                let mut reply = match status {
                    300.. if text.is_empty() => error_page(status, server),
                    _ => AppReply::text(status, server, &type_, text),
                };
                reply.headers.extend(location.map(|to| ("Location".into(), to)));
                reply.headers.extend(headers.iter().cloned());
                return reply;
            }
            Verdict::Files { paths, otherwise } => (paths, otherwise),
        };
        let found = paths.iter().find_map(|file| Some((file, self.read_file(container, file, "")?)));
        if let Some((file, body)) = found {
            let mut reply = AppReply::text(200, server, nginx::type_of(file), body);
            reply.headers.extend(headers.iter().cloned());
            return reply;
        }
        // A folder without an index: nobody may read what is in it.
        let folder = paths.first().and_then(|file| file.rsplit_once('/')).map_or("", |(folder, _)| folder);
        let is_folder = path.ends_with('/') && container.files.exists(container, &self.volumes, folder);
        error_page(if is_folder && otherwise == 404 { 403 } else { otherwise }, server)
    }

    fn whoami(&self, request: &AppRequest, path: &str) -> String {
        let mut out = format!("Hostname: {}\nIP: 127.0.0.1\nIP: ::1\n", self.hostname);
        for ip in &self.ips {
            out.push_str(&format!("IP: {ip}\n"));
        }
        out.push_str(&format!(
            "RemoteAddr: {}\n{} {path} HTTP/1.1\nHost: {}\n",
            request.peer, request.method, request.host
        ));
        let mut headers: Vec<_> = request.headers.iter().filter(|(k, _)| !k.eq_ignore_ascii_case("host")).collect();
        headers.arrange();
        for (name, value) in headers {
            out.push_str(&format!("{name}: {value}\n"));
        }
        out.push('\n');
        out
    }

    fn echo_server(&self, request: &AppRequest) -> String {
        let mut out = format!(
            "\n\nHostname: {}\n\nPod Information:\n\t-no pod information available-\n\nServer values:\n\tserver_version=nginx: 1.14.2 - lua: 10015\n\nRequest Information:\n\tclient_address={}\n\tmethod={}\n\treal path={}\n\tquery={}\n\trequest_version=1.1\n\trequest_scheme=http\n\trequest_uri=http://{}:{}{}\n\nRequest Headers:\n",
            self.hostname,
            request.peer.ip(),
            request.method,
            request.path,
            request.path.split_once('?').map_or("", |(_, q)| q),
            request.host,
            request.local.port(),
            request.path,
        );
        let mut headers: Vec<(String, &SmolStr)> =
            request.headers.iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect();
        headers.arrange();
        for (name, value) in headers {
            out.push_str(&format!("\t{name}={value}\n"));
        }
        out.push_str("\nRequest Body:\n\t-no body in request-\n\n");
        out
    }
}

/// The reason phrase of an HTTP status.
pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// A page about a status, as nginx makes it.
fn error_page(status: u16, server: &str) -> AppReply {
    // It has words of its own for these.
    let reason = match status {
        405 => "Not Allowed",
        408 => "Request Time-out",
        504 => "Gateway Time-out",
        _ => reason(status),
    };
    let title = format!("{status} {reason}");
    let title = title.trim_end();
    AppReply::text(
        status,
        server,
        "text/html",
        format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
        ),
    )
}

/// Where the server of a container listens: a known image where it really does, as its flags and variables say; an unknown one
/// on its declared ports and where its probes leave no doubt. `all`: the pod's containers.
fn listen_ports(container: &RunningContainer, all: &[RunningContainer]) -> Vec<ListenPort> {
    if let Some(Ok(site)) = &container.site {
        return site.ports();
    }
    let Some(image) = image::find(&container.image) else {
        let mut ports = declared_ports(&container.spec, all);
        ports.extend(probed_ports(container, all, &ports));
        return ports;
    };
    let variable = |name: &str| container.env.get(name).map(SmolStr::as_str);
    let words = container.words();
    let flag = |name: &str| {
        words.iter().enumerate().find_map(|(i, w)| {
            let rest = w.trim_start_matches('-').strip_prefix(name)?;
            match rest.strip_prefix('=') {
                Some(value) => Some(value.to_string()),
                None if rest.is_empty() => words.get(i + 1).map(ToString::to_string),
                None => None,
            }
        })
    };
    let number = |text: String| text.rsplit(':').next().and_then(|p| p.parse::<u16>().ok());
    let mut ports = image.ports.to_vec();
    match image.name {
        "giljabi/echo" => {
            if let Some(list) = variable("PORTS") {
                let wire = |port: u16| if port % 1000 == 443 || port == 443 { Wire::Https } else { Wire::Http };
                ports = list
                    .split(',')
                    .filter_map(|p| p.trim().parse().ok())
                    .map(|port| ListenPort { port, wire: wire(port), app: App::Echo })
                    .collect();
            }
        }
        "agnhost" if words.iter().any(|w| w == "serve-hostname") => {
            let port = flag("port").and_then(number).unwrap_or(9376);
            ports = vec![ListenPort { port, wire: Wire::Http, app: App::HostName }];
        }
        "agnhost" => {
            if let (Some(first), Some(port)) = (ports.first_mut(), flag("http-port").and_then(number)) {
                first.port = port;
            }
        }
        "hashicorp/http-echo" => {
            if let (Some(first), Some(port)) = (ports.first_mut(), flag("listen").and_then(number)) {
                first.port = port;
            }
        }
        "traefik/whoami" | "containous/whoami" => {
            let port = flag("port").and_then(number).or_else(|| variable("WHOAMI_PORT_NUMBER")?.parse().ok());
            if let (Some(first), Some(port)) = (ports.first_mut(), port) {
                first.port = port;
            }
        }
        "google-samples/hello-app"
        | "kicbase/echo-server"
        | "jmalloc/echo-server"
        | "ealen/echo-server"
        | "paulbouwer/hello-kubernetes" => {
            if let (Some(first), Some(port)) = (ports.first_mut(), variable("PORT").and_then(|p| p.parse().ok())) {
                first.port = port;
            }
        }
        "python" => {
            let at = words.iter().position(|w| w.contains("http.server"));
            let port = at.and_then(|i| words.get(i + 1)).and_then(|p| p.parse().ok()).unwrap_or(8000);
            ports = vec![ListenPort { port, wire: Wire::Http, app: App::Greeting }];
        }
        // The tag `-management` brings the web interface.
        "rabbitmq" if container.image.contains("management") => {
            ports.push(ListenPort { port: 15_672, wire: Wire::Http, app: App::Greeting });
        }
        "stefanprodan/podinfo" => {
            let mut set = |at: usize, name: &str| {
                if let (Some(listen), Some(port)) = (ports.get_mut(at), flag(name).and_then(number)) {
                    listen.port = port;
                }
            };
            set(0, "port");
            set(1, "grpc-port");
            let metrics = flag("port-metrics").and_then(number);
            ports.extend(metrics.map(|port| ListenPort { port, wire: Wire::Http, app: App::Health }));
        }
        "ingress-nginx/controller" => {
            let webhook = flag("validating-webhook").and_then(number);
            ports.extend(webhook.map(|port| ListenPort { port, wire: Wire::Https, app: App::Health }));
        }
        "redis" if words.iter().any(|w| w.contains("sentinel")) => {
            let port = flag("port").and_then(number).unwrap_or(26_379);
            ports = vec![ListenPort { port, wire: Wire::Tcp, app: App::Tcp("") }];
        }
        "metallb/controller" | "metallb/speaker" => {
            if let (Some(first), Some(port)) = (ports.first_mut(), flag("port").and_then(number)) {
                first.port = port;
            }
        }
        // A tool image whose command line is a server of its own: it listens where the manifest declares.
        _ if ports.is_empty() => ports = declared_ports(&container.spec, all),
        _ => {}
    }
    ports
}

/// How a program that nobody knows talks on a port: as a probe asks it, its own or that of a container beside it.
fn talks(all: &[RunningContainer], port: u16) -> Option<(Wire, App)> {
    all.iter().find_map(|container| {
        let asks = |probe: &Value| {
            let of = |kind: &str| probe.at(&[kind, "port"]).and_then(|p| probed_port(&container.spec, p)) == Some(port);
            let by_tool = || {
                let words = probe.items_at(&["exec", "command"]).iter().filter_map(Value::as_str);
                let words = words.collect::<Vec<_>>().join(" ");
                words.contains("grpc_health_probe") && words.contains(&format!(":{port}"))
            };
            if of("grpc") || by_tool() {
                Some((Wire::Grpc, App::Grpc))
            } else if of("httpGet") {
                let https = probe.str_at(&["httpGet", "scheme"]) == "HTTPS";
                Some((if https { Wire::Https } else { Wire::Http }, App::Echo))
            } else {
                None
            }
        };
        probes(&container.spec).find_map(asks)
    })
}

fn probes(container: &Value) -> impl Iterator<Item = &Value> {
    ["startupProbe", "readinessProbe", "livenessProbe"].into_iter().filter_map(|p| container.get(p))
}

/// The number of a probe's port, which may be the name of one of the container's ports.
fn probed_port(container: &Value, port: &Value) -> Option<u16> {
    let number = match port {
        Value::String(name) => {
            let named = container.items("ports").iter().find(|p| p.text("name") == name.as_str());
            named.and_then(|p| p.get("containerPort")?.as_i64()).or_else(|| name.parse().ok())?
        }
        other => other.as_i64()?,
    };
    u16::try_from(number).ok()
}

/// Ports that a manifest does not declare and that an unknown program is believed to listen on: declaring is optional, so one
/// that declares nothing listens where it is probed; beside declared ports a number counts when several probes agree on it,
/// because one alone may as well be a slip. What a container beside it declares is that one's.
fn probed_ports(container: &RunningContainer, all: &[RunningContainer], declared: &[ListenPort]) -> Vec<ListenPort> {
    let number = |probe: &Value| {
        let port = ["httpGet", "tcpSocket", "grpc"].iter().find_map(|kind| probe.at(&[kind, "port"]))?;
        probed_port(&container.spec, port)
    };
    let asked: Vec<u16> = probes(&container.spec).filter_map(number).collect();
    let declares = |port: u16, of: &RunningContainer| {
        of.spec.items("ports").iter().any(|p| p.get("containerPort").and_then(Value::as_i64) == Some(i64::from(port)))
    };
    let mut ports: Vec<ListenPort> = Vec::new();
    for port in &asked {
        let agreed = asked.len() > 1 && asked.iter().all(|other| other == port);
        let new = ports.iter().all(|p| p.port != *port) && !all.iter().any(|c| declares(*port, c));
        if new && (agreed || declared.is_empty()) {
            let (wire, app) = talks(all, *port).unwrap_or((Wire::Http, App::Echo));
            ports.push(ListenPort { port: *port, wire, app });
        }
    }
    ports
}

fn declared_ports(container: &Value, all: &[RunningContainer]) -> Vec<ListenPort> {
    let read = |p: &Value| {
        let port = u16::try_from(p.get("containerPort")?.as_i64()?).ok()?;
        let name = p.str_at(&["name"]);
        let (wire, app) = match (p.str_at(&["protocol"]), port) {
            ("UDP", 53) => (Wire::Udp, App::Dns),
            ("UDP", _) => (Wire::Udp, App::UdpEcho),
            ("SCTP", _) => return None,
            _ if let Some(talks) = talks(all, port) => talks,
            _ if name.starts_with("grpc") => (Wire::Grpc, App::Grpc),
            (_, 443 | 8443 | 9443 | 6443) => (Wire::Https, App::Echo),
            _ if name.starts_with("https") => (Wire::Https, App::Echo),
            _ => (Wire::Http, App::Echo),
        };
        Some(ListenPort { port, wire, app })
    };
    container.items_at(&["ports"]).iter().filter_map(read).collect()
}

/// The name of the process that listens.
fn process(container: &RunningContainer) -> SmolStr {
    match image::find(&container.image) {
        Some(image) => {
            image.server.first().copied().unwrap_or_else(|| image.name.rsplit('/').next().unwrap_or(image.name))
        }
        None => image::base_name(&container.image).rsplit('/').next().unwrap_or("server"),
    }
    .into()
}
