//! The images that the runtime knows: what runs in them, on which ports it really listens, and which programs a shell in
//! them finds. One table for the container runtime and the terminal.
//!
//! A known image listens where its server listens, whatever the manifest declares. An image that is not in the table serves
//! its declared container ports and those that its probes leave no doubt about (see [`super::serve`]).

/// How a listener answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum App {
    /// A static page out of the container's files: nginx, httpd.
    Page,
    /// Says which pod it is: `You've hit <hostname>`.
    Kubia,
    /// Says which pod, port and client: this project's own demo server, and every unknown image.
    Echo,
    /// traefik/whoami: host name, addresses, the request's headers.
    Whoami,
    /// registry.k8s.io/echoserver: a report of the request as the server saw it.
    EchoServer,
    /// agnhost netexec: `/hostname`, `/clientip`, `/healthz` …
    Netexec,
    /// agnhost serve-hostname: the host name alone.
    HostName,
    /// hashicorp/http-echo: the text of `-text`.
    Text,
    /// gcr.io/google-samples/hello-app.
    Hello,
    /// The random numbers API of the `numbers` demo (a new number at every request).
    Numbers,
    /// The web page of the `numbers` demo.
    NumbersWeb,
    /// A page of one sentence that names the image.
    Greeting,
    /// CoreDNS on port 53.
    Dns,
    /// An ingress controller's data plane: it has rules instead of pages.
    Ingress,
    /// `/healthz`-like endpoints that say ok.
    Health,
    /// gRPC with the standard health service.
    Grpc,
    /// A protocol of its own over TCP: a database, a queue, a cache. The banner is what a bare connection shows.
    Tcp(&'static str),
    /// Sends back what it gets.
    UdpEcho,
}

/// How a port talks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    Http,
    Https,
    Grpc,
    Tcp,
    Udp,
}

/// One port on which an image's server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenPort {
    pub port: u16,
    pub wire: Wire,
    pub app: App,
}

/// What an image runs when nobody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Its server.
    Serve,
    /// Nothing but waiting (pause, the sleep image).
    Sleep,
    /// A shell without a terminal, or a tool without arguments: it ends at once with this code.
    Exit(i32),
    /// Its server, if one of these variables is set; otherwise it ends with 1.
    ServeIfEnv(&'static [&'static str]),
}

/// The programs that come with an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolbox {
    /// None, not even a shell.
    Scratch,
    /// BusyBox's, as in busybox and alpine.
    BusyBox,
    /// GNU coreutils with bash, as in debian and ubuntu.
    Gnu,
}

/// The C library of an image, whose resolver turns names into addresses for the programs in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Libc {
    #[default]
    Glibc,
    /// Alpine's.
    Musl,
}

/// A known image.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// The name without registry host, `library/` and tag.
    pub name: &'static str,
    pub ports: &'static [ListenPort],
    pub entry: Entry,
    /// Words of a command line that start the image's server after all: `nginx` in `sh -c "… && nginx -g …"`.
    pub server: &'static [&'static str],
    /// Whether its first process ends at SIGTERM. One that has no handler ignores it, being process 1, and is killed when the
    /// grace period is over.
    pub heeds_sigterm: bool,
    pub toolbox: Toolbox,
    /// Programs beyond the toolbox.
    pub extra: &'static [&'static str],
}

const BUSYBOX: &[&str] = &[
    "sh",
    "ash",
    "ls",
    "cat",
    "echo",
    "env",
    "printenv",
    "touch",
    "rm",
    "mkdir",
    "test",
    "[",
    "true",
    "false",
    "sleep",
    "grep",
    "head",
    "tail",
    "wc",
    "sort",
    "uniq",
    "cut",
    "tr",
    "sed",
    "awk",
    "seq",
    "date",
    "hostname",
    "id",
    "whoami",
    "ps",
    "kill",
    "wget",
    "nslookup",
    "ping",
    "nc",
    "telnet",
    "netstat",
    "ip",
    "ifconfig",
    "route",
    "traceroute",
    "vi",
    "which",
    "xargs",
    "pwd",
    "uname",
    "clear",
    "printf",
    "tee",
    "find",
    "df",
    "stat",
    "time",
    "watch",
];
const GNU: &[&str] = &[
    "sh", "bash", "dash", "ls", "cat", "echo", "env", "printenv", "touch", "rm", "mkdir", "test", "[", "true", "false",
    "sleep", "grep", "head", "tail", "wc", "sort", "uniq", "cut", "tr", "sed", "awk", "seq", "date", "hostname", "id",
    "whoami", "which", "xargs", "pwd", "uname", "clear", "printf", "tee", "find", "df", "stat", "getent",
];

/// Whether a program is one of the usual tools of a base image.
pub fn is_tool(program: &str) -> bool {
    BUSYBOX.contains(&program) || GNU.contains(&program)
}

impl Image {
    /// Whether a shell in the image finds `program`.
    pub fn has_program(&self, program: &str) -> bool {
        let toolbox = match self.toolbox {
            Toolbox::Scratch => &[],
            Toolbox::BusyBox => BUSYBOX,
            Toolbox::Gnu => GNU,
        };
        toolbox.contains(&program) || self.extra.contains(&program)
    }

    /// All programs of the image: the toolbox's, then its own.
    pub fn programs(&self) -> impl Iterator<Item = &'static str> {
        let toolbox: &[&str] = match self.toolbox {
            Toolbox::Scratch => &[],
            Toolbox::BusyBox => BUSYBOX,
            Toolbox::Gnu => GNU,
        };
        toolbox.iter().chain(self.extra).copied()
    }
}

const fn http(port: u16, app: App) -> ListenPort {
    ListenPort { port, wire: Wire::Http, app }
}
const fn https(port: u16, app: App) -> ListenPort {
    ListenPort { port, wire: Wire::Https, app }
}
const fn tcp(port: u16, banner: &'static str) -> ListenPort {
    ListenPort { port, wire: Wire::Tcp, app: App::Tcp(banner) }
}
const fn grpc(port: u16) -> ListenPort {
    ListenPort { port, wire: Wire::Grpc, app: App::Grpc }
}
const fn udp(port: u16, app: App) -> ListenPort {
    ListenPort { port, wire: Wire::Udp, app }
}

const fn image(name: &'static str, toolbox: Toolbox, ports: &'static [ListenPort]) -> Image {
    Image { name, ports, entry: Entry::Serve, server: &[], heeds_sigterm: true, toolbox, extra: &[] }
}
const fn tool(name: &'static str, toolbox: Toolbox, exit: i32, extra: &'static [&'static str]) -> Image {
    Image { name, ports: &[], entry: Entry::Exit(exit), server: &[], heeds_sigterm: false, toolbox, extra }
}

use Toolbox::{BusyBox, Gnu, Scratch};

/// The table, by name.
const IMAGES: &[Image] = &[
    Image { server: &["nginx"], extra: &["curl", "nginx"], ..image("nginx", Gnu, &[http(80, App::Page)]) },
    Image {
        server: &["nginx"],
        extra: &["nginx"],
        ..image("nginxinc/nginx-unprivileged", Gnu, &[http(8080, App::Page)])
    },
    Image { server: &["httpd", "apachectl"], ..image("httpd", Gnu, &[http(80, App::Page)]) },
    image("caddy", BusyBox, &[http(80, App::Page)]),
    image("nginxdemos/hello", BusyBox, &[http(80, App::Whoami)]),
    // Node without a handler for SIGTERM: as process 1 it ignores the signal.
    Image {
        server: &["node"],
        heeds_sigterm: false,
        extra: &["curl", "wget", "node", "ping"],
        ..image("luksa/kubia", Gnu, &[http(8080, App::Kubia)])
    },
    Image {
        server: &["node"],
        heeds_sigterm: false,
        extra: &["curl", "wget", "node"],
        ..image("luksa/kubia-unhealthy", Gnu, &[http(8080, App::Kubia)])
    },
    // This project's own: every port of PORTS (8080 and 8443 by default); ports that end in 443 speak TLS.
    Image {
        server: &["echo-server"],
        extra: &["curl", "nslookup", "dig"],
        ..image("giljabi/echo", BusyBox, &[http(8080, App::Echo), https(8443, App::Echo)])
    },
    Image {
        server: &["node", "java"],
        extra: &["curl"],
        ..image("yoonjeong/order", BusyBox, &[http(8080, App::Greeting)])
    },
    Image {
        server: &["node", "java"],
        extra: &["curl"],
        ..image("yoonjeong/payment", BusyBox, &[http(8080, App::Greeting)])
    },
    Image { server: &["dotnet"], extra: &["curl"], ..image("kiamol/ch03-numbers-api", Gnu, &[http(80, App::Numbers)]) },
    Image {
        server: &["dotnet"],
        extra: &["curl"],
        ..image("kiamol/ch03-numbers-web", Gnu, &[http(80, App::NumbersWeb)])
    },
    Image { entry: Entry::Sleep, heeds_sigterm: false, extra: &["curl"], ..image("kiamol/ch03-sleep", BusyBox, &[]) },
    image("kiamol/ch02-hello-kiamol", BusyBox, &[http(80, App::Page)]),
    tool("curlimages/curl", BusyBox, 2, &["curl"]),
    tool("busybox", BusyBox, 0, &[]),
    tool("alpine", BusyBox, 0, &[]),
    tool("alpine/curl", BusyBox, 2, &["curl"]),
    tool("debian", Gnu, 0, &[]),
    tool("ubuntu", Gnu, 0, &[]),
    tool("fedora", Gnu, 0, &["curl"]),
    tool("centos", Gnu, 0, &["curl"]),
    tool("bash", BusyBox, 0, &["bash"]),
    tool("tutum/dnsutils", Gnu, 0, &["nslookup", "dig", "host"]),
    tool("tutum/curl", Gnu, 0, &["curl"]),
    tool("jessie-dnsutils", Gnu, 0, &["nslookup", "dig", "host"]),
    Image {
        entry: Entry::Sleep,
        ..tool("e2e-test-images/jessie-dnsutils", Gnu, 0, &["nslookup", "dig", "host", "curl", "wget", "ping"])
    },
    tool(
        "nicolaka/netshoot",
        BusyBox,
        0,
        &["bash", "curl", "dig", "host", "tcpdump", "iptables", "conntrack", "ss", "nmap", "grpcurl"],
    ),
    tool("praqma/network-multitool", BusyBox, 0, &["bash", "curl", "dig", "host", "ss"]),
    Image { entry: Entry::Sleep, heeds_sigterm: true, ..image("pause", Scratch, &[]) },
    image("echoserver", Gnu, &[http(8080, App::EchoServer), https(8443, App::EchoServer)]),
    image("kicbase/echo-server", Scratch, &[http(8080, App::EchoServer)]),
    image("ealen/echo-server", BusyBox, &[http(80, App::EchoServer)]),
    image("jmalloc/echo-server", Scratch, &[http(8080, App::EchoServer)]),
    image("mendhak/http-https-echo", BusyBox, &[http(8080, App::EchoServer), https(8443, App::EchoServer)]),
    Image {
        entry: Entry::Sleep,
        server: &["netexec"],
        extra: &["curl", "dig", "agnhost"],
        ..image("agnhost", BusyBox, &[http(8080, App::Netexec), udp(8081, App::UdpEcho)])
    },
    image("serve_hostname", BusyBox, &[http(9376, App::HostName)]),
    image("hashicorp/http-echo", Scratch, &[http(5678, App::Text)]),
    image("traefik/whoami", Scratch, &[http(80, App::Whoami)]),
    image("containous/whoami", Scratch, &[http(80, App::Whoami)]),
    image("google-samples/hello-app", Scratch, &[http(8080, App::Hello)]),
    image("paulbouwer/hello-kubernetes", BusyBox, &[http(8080, App::Greeting)]),
    Image { extra: &["podcli"], ..image("stefanprodan/podinfo", BusyBox, &[http(9898, App::Greeting), grpc(9999)]) },
    image("tomcat", Gnu, &[http(8080, App::Greeting)]),
    image("jenkins/jenkins", Gnu, &[http(8080, App::Greeting), tcp(50000, "")]),
    image("wordpress", Gnu, &[http(80, App::Greeting)]),
    image("grafana/grafana", BusyBox, &[http(3000, App::Greeting)]),
    image("prom/prometheus", BusyBox, &[http(9090, App::Greeting)]),
    tool("node", Gnu, 0, &["node", "curl", "wget"]),
    Image { server: &["http.server"], ..tool("python", Gnu, 0, &["python", "python3"]) },
    Image { extra: &["redis-cli"], server: &["redis-server"], ..image("redis", Gnu, &[tcp(6379, "")]) },
    image("memcached", Gnu, &[tcp(11211, "")]),
    Image { extra: &["mongosh"], server: &["mongod"], ..image("mongo", Gnu, &[tcp(27017, "")]) },
    Image {
        entry: Entry::ServeIfEnv(&["MYSQL_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD"]),
        server: &["mysqld"],
        extra: &["mysql"],
        ..image("mysql", Gnu, &[tcp(3306, "mysql_native_password")])
    },
    Image {
        entry: Entry::ServeIfEnv(&[
            "MARIADB_ROOT_PASSWORD",
            "MYSQL_ROOT_PASSWORD",
            "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
            "MARIADB_RANDOM_ROOT_PASSWORD",
        ]),
        server: &["mariadbd"],
        extra: &["mariadb"],
        ..image("mariadb", Gnu, &[tcp(3306, "mysql_native_password")])
    },
    Image {
        entry: Entry::ServeIfEnv(&["POSTGRES_PASSWORD", "POSTGRES_HOST_AUTH_METHOD"]),
        server: &["postgres"],
        extra: &["psql"],
        ..image("postgres", Gnu, &[tcp(5432, "")])
    },
    image("rabbitmq", Gnu, &[tcp(5672, "AMQP")]),
    image(
        "coredns",
        Scratch,
        &[
            udp(53, App::Dns),
            ListenPort { port: 53, wire: Wire::Tcp, app: App::Dns },
            http(9153, App::Health),
            http(8080, App::Health),
            http(8181, App::Health),
        ],
    ),
    image(
        "ingress-nginx/controller",
        BusyBox,
        &[http(80, App::Ingress), https(443, App::Ingress), http(10254, App::Health)],
    ),
    image("traefik", BusyBox, &[http(80, App::Ingress), https(443, App::Ingress), http(8080, App::Health)]),
    image(
        "nginx-gateway-fabric",
        Scratch,
        &[http(80, App::Ingress), https(443, App::Ingress), http(8081, App::Health)],
    ),
    // Metrics, the webhook, and since 0.15 health on a port of its own.
    image(
        "metallb/controller",
        Scratch,
        &[http(7472, App::Health), https(9443, App::Health), http(17472, App::Health)],
    ),
    image("metallb/speaker", Scratch, &[http(7472, App::Health), tcp(7946, ""), http(17472, App::Health)]),
    // Queries, collectors of several protocols, the agent's, and health on its admin port.
    image(
        "jaegertracing/all-in-one",
        Scratch,
        &[
            http(16686, App::Greeting),
            grpc(16685),
            http(14268, App::Greeting),
            grpc(14250),
            tcp(14267, ""),
            http(9411, App::Greeting),
            grpc(4317),
            http(4318, App::Greeting),
            http(5778, App::Greeting),
            http(14269, App::Health),
            udp(5775, App::UdpEcho),
            udp(6831, App::UdpEcho),
            udp(6832, App::UdpEcho),
        ],
    ),
];

/// The name of an image reference without registry host, `library/`, tag and digest: `nginx` for
/// `docker.io/library/nginx:1.27@sha256:…`.
pub fn base_name(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    let name = match name.rsplit_once(':') {
        Some((head, tag)) if !tag.contains('/') => head,
        _ => name,
    };
    let name = match name.split_once('/') {
        // A first part with a dot, a port, or localhost is a registry host.
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => name,
    };
    name.strip_prefix("library/").unwrap_or(name)
}

/// The tag of an image reference; `latest` when it has none.
pub fn tag(reference: &str) -> &str {
    let name = reference.split('@').next().unwrap_or(reference);
    match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => tag,
        _ => "latest",
    }
}

/// Images of the table that are built from nothing in all their versions: a program of their own and no other.
const BARE: &[&str] = &[
    "pause",
    "coredns",
    "kicbase/echo-server",
    "jmalloc/echo-server",
    "hashicorp/http-echo",
    "traefik/whoami",
    "containous/whoami",
];

/// Whether an image certainly does not have one of the usual tools. Who does not know says no.
pub fn surely_lacks(reference: &str, program: &str) -> bool {
    let tag = tag(reference);
    if !is_tool(program) || ["alpine", "debug", "busybox", "shell"].iter().any(|word| tag.contains(word)) {
        return false;
    }
    base_name(reference).starts_with("distroless/") || find(reference).is_some_and(|image| BARE.contains(&image.name))
}

/// Images with BusyBox that are not made from Alpine.
const NOT_ALPINE: &[&str] = &["busybox", "giljabi/echo", "prom/prometheus"];

/// The C library of an image: a tag like `1.27-alpine` tells, else what the image is made from. Unknown images have glibc.
pub fn libc(reference: &str) -> Libc {
    let tag = tag(reference);
    if tag.contains("alpine") || tag.contains("musl") {
        return Libc::Musl;
    }
    match find(reference) {
        Some(image) if image.toolbox == BusyBox && !NOT_ALPINE.contains(&image.name) => Libc::Musl,
        _ => Libc::Glibc,
    }
}

/// The table's entry of an image reference; `None` for an unknown image.
pub fn find(reference: &str) -> Option<&'static Image> {
    let name = base_name(reference);
    let by_name = |name: &str| IMAGES.iter().find(|i| i.name == name);
    // Kubernetes' own images carry varying prefixes (coredns/coredns, e2e-test-images/agnhost).
    by_name(name).or_else(|| {
        let (prefix, last) = name.rsplit_once('/')?;
        matches!(
            prefix,
            "coredns"
                | "e2e-test-images"
                | "google_containers"
                | "google-containers"
                | "kubernetes-e2e-test-images"
                | "nginx-gateway-fabric"
                | "nginx"
        )
        .then(|| by_name(last))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_whatever_their_registry_and_tag() {
        for (reference, name) in [
            ("nginx", "nginx"),
            ("nginx:1.27-alpine", "nginx"),
            ("docker.io/library/nginx@sha256:abc", "nginx"),
            ("localhost:5000/luksa/kubia:v2", "luksa/kubia"),
            ("registry.k8s.io/coredns/coredns:v1.13.1", "coredns"),
            ("registry.k8s.io/e2e-test-images/agnhost:2.53", "agnhost"),
            ("registry.k8s.io/pause:3.10", "pause"),
        ] {
            assert_eq!(find(reference).map(|i| i.name), Some(name), "{reference}");
        }
        assert!(find("me/shop:1").is_none());
    }

    #[test]
    fn only_images_without_anything_surely_lack_a_shell() {
        for bare in
            ["registry.k8s.io/pause:3.10", "registry.k8s.io/coredns/coredns:v1.13.1", "gcr.io/distroless/static"]
        {
            assert!(surely_lacks(bare, "sh") && !surely_lacks(bare, "pause"), "{bare}");
        }
        for other in ["nginx", "busybox", "me/shop:1", "gcr.io/distroless/static:debug", "hashicorp/http-echo:alpine"] {
            assert!(!surely_lacks(other, "sh"), "{other}");
        }
    }
}
