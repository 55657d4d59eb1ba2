//! nc, telnet, ip, ifconfig, ss, netstat, hostname, ps.

use super::Ctx;
use crate::api::object::ObjectKey;
use crate::api::value::Value;
use crate::arrange::Arrange;
use crate::runtime::{Bind, Program};
use crate::shell::env::Place;
use crate::shell::world::Event;
use crate::trace::{Outcome, Request, Scheme, StepKind, Symptom, Trace, Url};

fn dial(ctx: &mut Ctx, host: &str, port: u16, udp: bool, timeout: Option<u32>) -> Trace {
    let scheme = if udp { Scheme::Udp } else { Scheme::Tcp };
    let url = Url { scheme, host: host.into(), port, path: "/".into() };
    let mut request = Request::get(ctx.env.place.client(), url);
    request.connect_timeout_secs = timeout;
    let trace = ctx.world.cluster.send(&request);
    ctx.took = ctx.took + trace.ended.since(trace.started);
    ctx.world.events.push(Event::Trace(Box::new(trace.clone())));
    trace
}

fn address(trace: &Trace) -> String {
    let found = trace.hops.iter().flat_map(|h| &h.steps).find_map(|s| match &s.kind {
        StepKind::Connect { packet } => Some(packet.dst.ip().to_string()),
        _ => None,
    });
    found.unwrap_or_else(|| trace.request.to.host.to_string())
}

/// Why nothing came back, as the C library says it.
fn why(symptom: &Symptom) -> &'static str {
    match symptom {
        Symptom::ConnectionRefused { .. } => "Connection refused",
        Symptom::NoRoute { .. } => "No route to host",
        _ => "Operation timed out",
    }
}

pub fn nc(ctx: &mut Ctx) -> i32 {
    let args = ctx.args().to_vec();
    let mut flags = String::new();
    let (mut operands, mut timeout) = (Vec::new(), None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.strip_prefix('-') {
            Some("w") => timeout = rest.next().and_then(|w| w.parse().ok()),
            Some(letters) => match letters.split_once('w') {
                Some((before, digits)) => {
                    flags.push_str(before);
                    timeout = digits.parse().ok().or_else(|| rest.next().and_then(|w| w.parse().ok()));
                }
                None => flags.push_str(letters),
            },
            None => operands.push(arg.clone()),
        }
    }
    if flags.contains('l') {
        ctx.complain("nc: listening is not simulated here; a pod with an image such as nginx listens");
        return 1;
    }
    let (Some(host), Some(port)) = (operands.first(), operands.get(1).and_then(|p| p.parse::<u16>().ok())) else {
        ctx.complain("usage: nc [-uvz] [-w timeout] destination port");
        return 1;
    };
    let busybox = ctx.env.place.is_busybox();
    let udp = flags.contains('u');
    let trace = dial(ctx, host, port, udp, timeout);
    let ip = address(&trace);
    match &trace.outcome {
        Outcome::Answered { response, .. } => {
            if flags.contains('v') {
                let protocol = if udp { "udp" } else { "tcp" };
                ctx.complain(if busybox {
                    format!("{host} ({ip}:{port}) open")
                } else {
                    format!("Connection to {host} ({ip}) {port} port [{protocol}/*] succeeded!")
                });
            }
            if !flags.contains('z') {
                let body = response.body.to_string();
                ctx.out.push_str(&body);
            }
            0
        }
        Outcome::Failed(failure) => {
            let words = match &failure.symptom {
                Symptom::CouldNotResolve { .. } | Symptom::ResolveTimedOut { .. } if busybox => {
                    format!("nc: bad address '{host}'")
                }
                Symptom::CouldNotResolve { .. } | Symptom::ResolveTimedOut { .. } => {
                    format!("nc: getaddrinfo for host \"{host}\" port {port}: Name or service not known")
                }
                symptom if busybox => format!("nc: {host} ({ip}:{port}): {}", why(symptom)),
                symptom => format!("nc: connect to {host} ({ip}) port {port} (tcp) failed: {}", why(symptom)),
            };
            if flags.contains('v') || busybox {
                ctx.complain(words);
            }
            1
        }
    }
}

pub fn telnet(ctx: &mut Ctx) -> i32 {
    let args: Vec<String> = ctx.args().iter().filter(|a| !a.starts_with('-')).cloned().collect();
    let Some(host) = args.first().cloned() else {
        ctx.complain("telnet: a host is needed: telnet HOST PORT");
        return 1;
    };
    let port = args.get(1).and_then(|p| p.parse().ok()).unwrap_or(23);
    let trace = dial(ctx, &host, port, false, None);
    let ip = address(&trace);
    match &trace.outcome {
        Outcome::Answered { response, .. } => {
            let body = response.body.to_string();
            ctx.say(format!("Trying {ip}...\nConnected to {host}.\nEscape character is '^]'."));
            ctx.out.push_str(&body);
            ctx.say("Connection closed by foreign host.");
            1
        }
        Outcome::Failed(failure) => {
            match &failure.symptom {
                Symptom::CouldNotResolve { .. } | Symptom::ResolveTimedOut { .. } => {
                    ctx.complain(format!("telnet: could not resolve {host}/{port}: Name or service not known"))
                }
                symptom => {
                    ctx.say(format!("Trying {ip}..."));
                    ctx.complain(format!("telnet: Unable to connect to remote host: {}", why(symptom)));
                }
            }
            1
        }
    }
}

/// The addresses of the place: interface, address with prefix.
fn interfaces(ctx: &Ctx) -> Vec<(String, String)> {
    let mut list = vec![("lo".to_string(), "127.0.0.1/8".to_string())];
    match &ctx.env.place {
        Place::Computer => list.push(("eth0".to_string(), "192.168.49.1/24".to_string())),
        Place::Node { name } => {
            if let Some(node) = ctx.world.cluster.settings().nodes.iter().find(|n| n.name == *name) {
                list.push(("eth0".to_string(), format!("{}/24", node.ip)));
                for cidr in node.pod_cidrs.iter().filter_map(|c| c.parse::<ipnet::Ipv4Net>().ok()) {
                    let gateway = std::net::Ipv4Addr::from(u32::from(cidr.network()) + 1);
                    list.push(("cni0".to_string(), format!("{gateway}/{}", cidr.prefix_len())));
                }
            }
        }
        Place::Container { pod, .. } => {
            if let Some(sandbox) = ctx.world.cluster.runtime().get(pod) {
                list.extend(
                    sandbox
                        .ips
                        .iter()
                        .map(|ip| ("eth0".to_string(), format!("{ip}/{}", if ip.is_ipv4() { 24 } else { 64 }))),
                );
            }
        }
    }
    list
}

pub fn ip(ctx: &mut Ctx) -> i32 {
    let words: Vec<String> = ctx.args().iter().filter(|a| !a.starts_with('-')).cloned().collect();
    let object = words.first().map_or("", String::as_str);
    let list = interfaces(ctx);
    if !object.is_empty() && ("address".starts_with(object) || "addr" == object) {
        for (i, (name, address)) in list.iter().enumerate() {
            let flags = if name == "lo" {
                "<LOOPBACK,UP,LOWER_UP> mtu 65536"
            } else {
                "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500"
            };
            let family = if address.contains(':') { "inet6" } else { "inet" };
            let scope = if name == "lo" { "host" } else { "global" };
            ctx.say(format!("{}: {name}: {flags} qdisc noqueue state UP group default\n    {family} {address} scope {scope} {name}\n       valid_lft forever preferred_lft forever", i + 1));
        }
        return 0;
    }
    if !object.is_empty() && "route".starts_with(object) {
        for (network, gateway, device) in routes(ctx) {
            ctx.say(match gateway {
                Some(gateway) => format!("{network} via {gateway} dev {device}"),
                None => format!("{network} dev {device} proto kernel scope link"),
            });
        }
        return 0;
    }
    ctx.complain("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\nwhere  OBJECT := { address | route }");
    255
}

pub fn ifconfig(ctx: &mut Ctx) -> i32 {
    for (name, address) in interfaces(ctx) {
        let bare = address.split('/').next().unwrap_or("").to_string();
        ctx.say(format!(
            "{name}      Link encap:Ethernet\n          inet addr:{bare}\n          UP RUNNING  MTU:1500  Metric:1\n"
        ));
    }
    0
}

/// Listening sockets: protocol, address, port, process.
fn listening(ctx: &Ctx) -> Vec<(String, String, u16, String)> {
    let now = ctx.world.cluster.now();
    match &ctx.env.place {
        Place::Computer => ctx
            .world
            .cluster
            .network()
            .computer
            .forwards
            .iter()
            .map(|f| ("tcp".to_string(), "127.0.0.1".to_string(), f.local_port, "5021/kubectl".to_string()))
            .collect(),
        Place::Container { pod, .. } => {
            let listeners = ctx.world.cluster.runtime().listeners(pod, now);
            listeners
                .into_iter()
                .map(|l| {
                    let address = if l.bind == Bind::Any { "0.0.0.0" } else { "127.0.0.1" };
                    (
                        l.protocol.to_string().to_ascii_lowercase(),
                        address.to_string(),
                        l.port,
                        format!("1/{}", l.process),
                    )
                })
                .collect()
        }
        Place::Node { name } => {
            let mut list = vec![
                ("tcp".to_string(), "0.0.0.0".to_string(), 22, "612/sshd".to_string()),
                ("tcp".to_string(), "0.0.0.0".to_string(), 10_250, "701/kubelet".to_string()),
                ("tcp".to_string(), "127.0.0.1".to_string(), 10_249, "933/kube-proxy".to_string()),
                ("tcp".to_string(), "0.0.0.0".to_string(), 10_256, "933/kube-proxy".to_string()),
            ];
            if ctx.world.cluster.settings().nodes.first().is_some_and(|n| n.name == *name) {
                list.push(("tcp".to_string(), "0.0.0.0".to_string(), 8_443, "655/kube-apiserver".to_string()));
            }
            // kube-proxy no longer opens node ports: only what its health checks need has a socket. Host-network pods have theirs.
            for service in ctx.world.cluster.store().list("Service") {
                let check = service.value.at(&["spec", "healthCheckNodePort"]).and_then(Value::as_i64).unwrap_or(0);
                if let Ok(port) = u16::try_from(check)
                    && port != 0
                {
                    list.push(("tcp".to_string(), "0.0.0.0".to_string(), port, "933/kube-proxy".to_string()));
                }
            }
            let pods: Vec<ObjectKey> = ctx.world.cluster.index().on_node(name).cloned().collect();
            for pod in pods {
                let host = ctx.world.cluster.runtime().get(&pod).is_some_and(|s| s.host_network);
                if host {
                    for l in ctx.world.cluster.runtime().listeners(&pod, now) {
                        list.push((
                            l.protocol.to_string().to_ascii_lowercase(),
                            "0.0.0.0".to_string(),
                            l.port,
                            format!("2001/{}", l.process),
                        ));
                    }
                }
            }
            list.arrange_by_key(|(_, _, port, _)| *port);
            list
        }
    }
}

/// `ss`, `netstat`: what listens. Connections are over before anybody could look at them.
pub fn sockets(ctx: &mut Ctx) -> i32 {
    let flags: String = ctx.args().iter().filter_map(|a| a.strip_prefix('-')).collect();
    let name = ctx.name().to_string();
    if name == "netstat" && flags.contains('r') {
        return routing_table(ctx);
    }
    let (any, listens) = (flags.contains('a'), flags.contains('l'));
    let wanted = |protocol: &str| match (flags.contains('t'), flags.contains('u')) {
        (false, false) => true,
        (tcp, udp) => protocol == "tcp" && tcp || protocol == "udp" && udp,
    };
    let mut list = listening(ctx);
    list.retain(|(protocol, ..)| (any || listens) && wanted(protocol));
    // Who runs as somebody else than root does not see whose sockets they are.
    let processes = flags.contains('p');
    if name == "ss" {
        ctx.say(ss_table(&list, flags.contains('t') != flags.contains('u'), processes));
        return 0;
    }
    ctx.say(match (any, listens) {
        (true, _) => "Active Internet connections (servers and established)",
        (_, true) => "Active Internet connections (only servers)",
        _ => "Active Internet connections (w/o servers)",
    });
    let heading = if processes { "State       PID/Program name    " } else { "State      " };
    ctx.say(format!("Proto Recv-Q Send-Q Local Address           Foreign Address         {heading}"));
    for (protocol, address, port, process) in list {
        let state = if protocol == "udp" { "" } else { "LISTEN" };
        let shown = if processes { format!(" {process:<20}") } else { String::new() };
        ctx.say(format!(
            "{protocol:<5}{:>7}{:>7} {:<23} {:<23} {state:<11}{shown}",
            0,
            0,
            format!("{address}:{port}"),
            "0.0.0.0:*"
        ));
    }
    0
}

fn ss_table(list: &[(String, String, u16, String)], one_kind: bool, processes: bool) -> String {
    let local = list.iter().map(|(_, address, ..)| address.len()).max().unwrap_or(0).max("Local Address".len());
    let port = list.iter().map(|(_, _, port, _)| port.to_string().len()).max().unwrap_or(0).max(4);
    let kind = |text: &str| if one_kind { String::new() } else { format!("{text:<5} ") };
    let mut lines = vec![format!(
        "{}State  Recv-Q Send-Q {:>local$}:{:<port$} Peer Address:{:<port$}Process",
        kind("Netid"),
        "Local Address",
        "Port",
        "Port"
    )];
    for (protocol, address, number, process) in list {
        let state = if protocol == "udp" { "UNCONN" } else { "LISTEN" };
        let queue = if protocol == "udp" { 0 } else { 4_096 };
        let (pid, program) = process.split_once('/').unwrap_or(("", ""));
        let who = if processes { format!("users:((\"{program}\",pid={pid},fd=3))") } else { " ".repeat(7) };
        lines.push(format!(
            "{}{state} {:<6} {queue:<6} {address:>local$}:{number:<port$} {:>12}:{:<port$}{who}",
            kind(protocol),
            0,
            "0.0.0.0",
            "*"
        ));
    }
    lines.join("\n")
}

/// The routes of this place: network, gateway, device.
fn routes(ctx: &Ctx) -> Vec<(String, Option<String>, &'static str)> {
    let mut list = Vec::new();
    let gateway = match &ctx.env.place {
        Place::Container { pod, .. } => match ctx.world.cluster.runtime().get(pod).and_then(|s| s.ip()) {
            Some(std::net::IpAddr::V4(ip)) => {
                let o = ip.octets();
                format!("{}.{}.{}.1", o[0], o[1], o[2])
            }
            _ => "10.244.0.1".to_string(),
        },
        _ => "192.168.49.1".to_string(),
    };
    list.push(("default".to_string(), Some(gateway), "eth0"));
    if let Place::Node { name } = &ctx.env.place {
        for node in &ctx.world.cluster.settings().nodes {
            for cidr in &node.pod_cidrs {
                if node.name == *name {
                    list.push((cidr.to_string(), None, "cni0"));
                } else {
                    list.push((cidr.to_string(), Some(node.ip.to_string()), "eth0"));
                }
            }
        }
    }
    for (device, address) in interfaces(ctx).iter().filter(|(device, _)| device == "eth0") {
        if let Ok(net) = address.parse::<ipnet::IpNet>() {
            list.push((net.trunc().to_string(), None, if device == "eth0" { "eth0" } else { "cni0" }));
        }
    }
    list
}

/// `netstat -rn`.
fn routing_table(ctx: &mut Ctx) -> i32 {
    ctx.say("Kernel IP routing table");
    ctx.say("Destination     Gateway         Genmask         Flags   MSS Window  irtt Iface");
    for (network, gateway, device) in routes(ctx) {
        let net = network.parse::<ipnet::Ipv4Net>();
        let (destination, mask) = match &net {
            Ok(net) => (net.network().to_string(), net.netmask().to_string()),
            Err(_) if network == "default" => ("0.0.0.0".to_string(), "0.0.0.0".to_string()),
            Err(_) => continue,
        };
        let flags = if gateway.is_some() { "UG" } else { "U" };
        let gateway = gateway.unwrap_or_else(|| "0.0.0.0".to_string());
        ctx.say(format!("{destination:<15} {gateway:<15} {mask:<15} {flags:<5} {:>5} 0 {:>10} {device}", 0, 0));
    }
    0
}

pub fn hostname(ctx: &mut Ctx) -> i32 {
    if ctx.args().iter().any(|a| a == "-i" || a == "-I") {
        let list = interfaces(ctx);
        let found = list
            .iter()
            .find(|(n, _)| n == "eth0")
            .map_or("127.0.0.1".to_string(), |(_, a)| a.split('/').next().unwrap_or("").to_string());
        ctx.say(found);
        return 0;
    }
    let name = ctx.env.place.hostname().to_string();
    let asked = |letter: &str, word: &str| ctx.args().iter().any(|a| a == letter || a == word);
    let shown = if asked("-f", "--fqdn") {
        // What /etc/hosts has in full for the own name.
        full_name(ctx).unwrap_or(name)
    } else if asked("-s", "--short") {
        name.split('.').next().unwrap_or("").to_string()
    } else {
        name
    };
    ctx.say(shown);
    0
}

/// The name that `hostname` and `subdomain` give to a pod; `None` for one without.
fn full_name(ctx: &Ctx) -> Option<String> {
    let Place::Container { pod, .. } = &ctx.env.place else { return None };
    let sandbox = ctx.world.cluster.runtime().get(pod)?;
    (!sandbox.fqdn.is_empty()).then(|| sandbox.fqdn.to_string())
}

/// What runs here: number, minutes and seconds that it has worked, command.
fn processes(ctx: &Ctx) -> Vec<(u32, u32, String)> {
    let mut found: Vec<(u32, u32, String)> = Vec::new();
    match &ctx.env.place {
        Place::Container { pod, container, .. } => {
            let running = ctx.world.cluster.runtime().get(pod).and_then(|s| s.container(container).cloned());
            if let Some(running) = running {
                let words = crate::runtime::command::words(&running.spec);
                let text = match (&running.program, words.is_empty()) {
                    (Program::Server, true) => crate::runtime::image::base_name(&running.image)
                        .rsplit('/')
                        .next()
                        .unwrap_or("server")
                        .to_string(),
                    _ => words.join(" "),
                };
                found.push((1, 0, text));
            }
        }
        Place::Node { name } => {
            let first = ctx.world.cluster.settings().nodes.first().is_some_and(|n| n.name == *name);
            found.push((1, 2, "/sbin/init".to_string()));
            if first {
                found.push((655, 41, "kube-apiserver".to_string()));
            }
            let rest = [(701, 30, "kubelet"), (720, 12, "containerd"), (933, 5, "kube-proxy")];
            found.extend(rest.map(|(pid, time, name)| (pid, time, name.to_string())));
        }
        Place::Computer => found.push((4_242, 0, "bash".to_string())),
    }
    found.push((4_250, 0, ctx.words.join(" ")));
    found
}

pub fn ps(ctx: &mut Ctx) -> i32 {
    let flags: String = ctx.args().iter().map(|a| a.trim_start_matches('-')).collect();
    let (user, found) = (ctx.env.place.user(), processes(ctx));
    let seconds = crate::api::time::EPOCH_SECS % 86_400;
    let began = format!("{:02}:{:02}", seconds / 3_600, seconds / 60 % 60);
    if ctx.env.place.is_busybox() {
        ctx.say("PID   USER     TIME  COMMAND");
        for (pid, time, command) in found {
            ctx.say(format!("{pid:>5} {user:<8} {:>2}:{:02} {command}", time / 60, time % 60));
        }
    } else if flags.contains('u') {
        ctx.say("USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND");
        for (pid, time, command) in found {
            let own = pid > 4_000;
            let (tty, state) = if own { ("pts/0", "R+") } else { ("?", "Ss") };
            ctx.say(format!(
                "{user:<8} {pid:>7}  0.0  0.1   8280  4096 {tty:<8} {state:<4} {began} {:>3}:{:02} {command}",
                time / 60,
                time % 60
            ));
        }
    } else if flags.contains('f') || flags.contains('e') || flags.contains('A') {
        ctx.say("UID          PID    PPID  C STIME TTY          TIME CMD");
        for (pid, time, command) in found {
            let tty = if pid > 4_000 { "pts/0" } else { "?" };
            let parent = u32::from(pid > 1);
            ctx.say(format!(
                "{user:<8} {pid:>7} {parent:>7}  0 {began} {tty:<8} 00:{:02}:{:02} {command}",
                time / 60,
                time % 60
            ));
        }
    } else {
        ctx.say("    PID TTY          TIME CMD");
        ctx.say("   4242 pts/0    00:00:00 bash");
        ctx.say("   4250 pts/0    00:00:00 ps");
    }
    0
}
