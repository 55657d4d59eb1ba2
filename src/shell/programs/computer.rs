//! What is on the learner's computer beside kubectl: minikube, ssh; helm and docker are refused.

use super::{Ctx, Inner, Said};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::cluster::LoadBalancerProvider;
use crate::cluster::addons::Addon;
use crate::shell::env::{Env, Place};
use crate::shell::machine::{Io, Machine, Poll, Process};
use crate::shell::parse;
use crate::shell::world::World;

fn said(out: impl Into<String>) -> Box<dyn Process> {
    Box::new(Lines { out: out.into(), err: String::new(), code: 0 })
}

fn failed(err: impl Into<String>) -> Box<dyn Process> {
    Box::new(Said { err: err.into(), code: 1 })
}

struct Lines {
    out: String,
    err: String,
    code: i32,
}

impl Process for Lines {
    fn step(&mut self, _: &mut World, io: &mut Io) -> Poll {
        io.out.push_str(&std::mem::take(&mut self.out));
        io.err.push_str(&std::mem::take(&mut self.err));
        Poll::Done(self.code)
    }
}

pub fn minikube(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let operands: Vec<&str> = words[1..].iter().map(String::as_str).filter(|w| !w.starts_with('-')).collect();
    let ip = world.cluster.settings().nodes.first().map_or(String::new(), |n| n.ip.to_string());
    match operands.first().copied().unwrap_or("") {
        "ip" => said(format!("{ip}\n")),
        "status" => said(
            "minikube\ntype: Control Plane\nhost: Running\nkubelet: Running\napiserver: Running\nkubeconfig: Configured\n\n",
        ),
        "service" => service(world, &words, &ip),
        "tunnel" => Box::new(Tunnel { before: None, told: Vec::new() }),
        "ssh" => {
            let node = words.iter().position(|w| w == "-n" || w == "--node").and_then(|i| words.get(i + 1)).cloned();
            let node =
                node.or_else(|| world.cluster.settings().nodes.first().map(|n| n.name.to_string())).unwrap_or_default();
            enter_node(world, &node, &[])
        }
        "addons" => addons(world, &operands[1..]),
        "version" => said("minikube version: v1.37.0\n"),
        "kubectl" => {
            let rest: Vec<String> = words.iter().skip_while(|w| *w != "--").skip(1).cloned().collect();
            let mut all = vec!["kubectl".to_string()];
            all.extend(rest);
            super::start(world, env, all)
        }
        "start" | "stop" | "delete" | "dashboard" | "image" | "pause" | "node" => failed(format!(
            "minikube {} is not simulated here: the cluster runs already, and its nodes are set on the page\n",
            operands[0]
        )),
        _ => said(
            "minikube provisions and manages local Kubernetes clusters optimized for development workflows.\n\nHere: minikube ip | service NAME [--url] [-n NAMESPACE] | service list | tunnel | ssh | addons list | status\n",
        ),
    }
}

/// `minikube addons`: what can be switched on is installed from the manifests that come with the program.
fn addons(world: &mut World, operands: &[&str]) -> Box<dyn Process> {
    const KNOWN: [(&str, Addon, &str, &str, &str); 2] = [
        (
            "ingress",
            Addon::IngressNginx,
            "ingress-nginx",
            "Kubernetes",
            "registry.k8s.io/ingress-nginx/controller:v1.13.2",
        ),
        ("metallb", Addon::MetalLb, "metallb-system", "3rd party (MetalLB)", "quay.io/metallb/speaker:v0.15.2"),
    ];
    let on = |world: &World, namespace: &str| {
        world.cluster.store().get(&ObjectKey::new("Namespace", "", namespace)).is_some()
    };
    match (operands.first().copied(), operands.get(1).copied()) {
        (Some("list"), _) => {
            let mut rows = vec![("default-storageclass", true, "Kubernetes")];
            rows.extend(KNOWN.iter().map(|(name, _, namespace, who, _)| (*name, on(world, namespace), *who)));
            rows.push(("metrics-server", false, "Kubernetes"));
            rows.push(("storage-provisioner", true, "minikube"));
            let line = "|----------------------|----------|--------------|---------------------|\n";
            let mut text =
                format!("{line}|      ADDON NAME      | PROFILE  |    STATUS    |     MAINTAINER      |\n{line}");
            for (name, enabled, who) in rows {
                let status = if enabled { "enabled \u{2705}  " } else { "disabled    " };
                text.push_str(&format!("| {name:<20} | minikube | {status} | {who:<19} |\n"));
            }
            said(text + line)
        }
        (Some("enable"), Some(wanted)) => match KNOWN.iter().find(|(name, ..)| *name == wanted) {
            Some((name, addon, _, who, image)) => match world.cluster.install(*addon) {
                Ok(()) => said(format!(
                    "\u{1f4a1}  {name} is an addon maintained by {who}. For any concerns contact minikube on GitHub.\nYou can view the list of minikube maintainers at: https://github.com/kubernetes/minikube/blob/master/OWNERS\n    \u{25aa} Using image {image}\n\u{1f31f}  The '{name}' addon is enabled\n"
                )),
                Err(status) => {
                    failed(format!("\n\u{274c}  Exiting due to MK_ADDON_ENABLE: enable failed: {}\n", status.message))
                }
            },
            None => failed(format!("the addon {wanted} is not simulated here; ingress and metallb are\n")),
        },
        (Some("disable"), Some(wanted)) => match KNOWN.iter().find(|(name, ..)| *name == wanted) {
            Some((name, _, namespace, ..)) => {
                let _ = world.cluster.delete(&ObjectKey::new("Namespace", "", *namespace), None);
                said(format!("\u{1f311}  \"The '{name}' addon is disabled\n"))
            }
            None => failed(format!("the addon {wanted} is not simulated here; ingress and metallb are\n")),
        },
        _ => said(
            "addons modifies minikube addons files using subcommands like \"minikube addons enable dashboard\"\n\nHere: minikube addons list | enable ingress | enable metallb | disable NAME\n",
        ),
    }
}

fn service(world: &mut World, words: &[String], ip: &str) -> Box<dyn Process> {
    let value =
        |flag: &[&str]| words.iter().position(|w| flag.contains(&w.as_str())).and_then(|i| words.get(i + 1)).cloned();
    let namespace = value(&["-n", "--namespace"]);
    let mut skip = false;
    let name = words[2..].iter().find(|w| {
        let taken = skip;
        skip = matches!(w.as_str(), "-n" | "--namespace" | "--format");
        !taken && !w.starts_with('-')
    });
    let Some(name) = name.cloned() else {
        return failed("\u{274c}  Exiting due to MK_USAGE: You must specify a service name\n");
    };
    if name == "list" {
        let services = world.cluster.store().list("Service");
        let wanted = services.filter(|s| namespace.as_ref().is_none_or(|n| s.namespace() == n));
        return said(table(&wanted.map(|s| row(s, ip)).collect::<Vec<_>>()));
    }
    let namespace = namespace.unwrap_or_else(|| "default".to_string());
    let Some(service) =
        world.cluster.store().get(&ObjectKey::new("Service", namespace.as_str(), name.as_str())).cloned()
    else {
        return failed(format!(
            "\n\u{274c}  Exiting due to SVC_NOT_FOUND: Service '{name}' was not found in '{namespace}' namespace.\nYou may select another namespace by using 'minikube service {name} -n <namespace>'. Or list out all the services using 'minikube service list'\n\n"
        ));
    };
    let row = row(&service, ip);
    if row[3].is_empty() {
        return failed(format!(
            "\u{1f63f}  service {namespace}/{name} has no node port\n\u{2757}  Services [{namespace}/{name}] have type \"{}\" not meant to be exposed, however for local development minikube allows you to access this !\n",
            service.value.str_at(&["spec", "type"])
        ));
    }
    if words.iter().any(|w| w == "--url") {
        return said(row[3].clone() + "\n");
    }
    said(table(&[row]) + "\u{1f389}  Opening service in default browser...\n")
}

/// What minikube says of a Service: namespace, name, ports and URLs, of each port that has a node port a line.
fn row(service: &Object, ip: &str) -> [String; 4] {
    let ports = service.value.items_at(&["spec", "ports"]).iter();
    let open = ports.filter_map(|p| Some((p, p.get("nodePort").and_then(Value::as_i64)?)));
    let (ports, urls): (Vec<String>, Vec<String>) = open
        .map(|(p, node_port)| {
            let (name, port) = (p.text("name"), p.int("port"));
            let shown = if name.is_empty() { port.to_string() } else { format!("{name}/{port}") };
            (shown, format!("http://{ip}:{node_port}"))
        })
        .unzip();
    let ports = if urls.is_empty() { "No node port".to_string() } else { ports.join("\n") };
    [service.namespace().to_string(), service.name().to_string(), ports, urls.join("\n")]
}

/// A table as minikube draws it: titles in the middle, numbers to the right.
fn table(rows: &[[String; 4]]) -> String {
    let titles = ["NAMESPACE", "NAME", "TARGET PORT", "URL"];
    let widths: [usize; 4] = std::array::from_fn(|i| {
        let lines = rows.iter().flat_map(|row| row[i].lines()).map(str::len);
        lines.chain([titles[i].len()]).max().unwrap_or(0)
    });
    let line = format!("|{}|\n", widths.map(|w| "-".repeat(w + 2)).join("|"));
    let drawn = |cells: [String; 4]| format!("| {} |\n", cells.join(" | "));
    let mut text = line.clone();
    text.push_str(&drawn(std::array::from_fn(|i| {
        let before = (widths[i] - titles[i].len()) / 2;
        format!("{:before$}{:rest$}", "", titles[i], rest = widths[i] - before)
    })));
    text.push_str(&line);
    for row in rows {
        for n in 0..row.iter().map(|cell| cell.lines().count()).max().unwrap_or(0) {
            text.push_str(&drawn(std::array::from_fn(|i| {
                let cell = row[i].lines().nth(n).unwrap_or("");
                let number = !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
                if number {
                    format!("{cell:>width$}", width = widths[i])
                } else {
                    format!("{cell:width$}", width = widths[i])
                }
            })));
        }
    }
    text + &line
}

/// `minikube tunnel`: as long as it runs, LoadBalancer Services have an address and their network is reached.
struct Tunnel {
    before: Option<LoadBalancerProvider>,
    /// The Services whose tunnel has been told.
    told: Vec<ObjectKey>,
}

impl Process for Tunnel {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if self.before.is_none() {
            self.before = Some(world.cluster.settings().load_balancer);
            world.cluster.set_load_balancer(LoadBalancerProvider::Tunnel);
            io.out.push_str("\u{2705}  Tunnel successfully started\n\n\u{1f4cc}  NOTE: Please do not close this terminal as this process must stay alive for the tunnel to be accessible ...\n\n");
        }
        let services = world.cluster.store().list("Service");
        let balanced = services.filter(|s| s.value.str_at(&["spec", "type"]) == "LoadBalancer");
        let fresh: Vec<ObjectKey> = balanced.map(|s| s.key.clone()).filter(|k| !self.told.contains(k)).collect();
        for key in fresh {
            io.out.push_str(&format!("\u{1f3c3}  Starting tunnel for service {}.\n", key.name));
            self.told.push(key);
        }
        Poll::Wait(world.cluster.now() + Duration::secs(1))
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        if let Some(before) = self.before {
            world.cluster.set_load_balancer(before);
        }
        for key in &self.told {
            io.out.push_str(&format!("\u{270b}  Stopped tunnel for service {}.\n", key.name));
        }
    }
}

pub fn ssh(world: &mut World, _: Env, words: Vec<String>) -> Box<dyn Process> {
    let mut target = None;
    let mut rest = Vec::new();
    let mut skip = false;
    for word in &words[1..] {
        if skip {
            skip = false;
        } else if target.is_some() {
            rest.push(word.clone());
        } else if word.starts_with('-') {
            skip = matches!(word.as_str(), "-i" | "-p" | "-l" | "-o" | "-F");
        } else {
            target = Some(word.clone());
        }
    }
    let Some(target) = target else {
        return failed("usage: ssh [-i identity_file] [-l login_name] [-p port] destination [command]\n");
    };
    let host = target.rsplit('@').next().unwrap_or(&target).to_string();
    enter_node(world, &host, &rest)
}

fn enter_node(world: &mut World, host: &str, command: &[String]) -> Box<dyn Process> {
    // `node1` means node-1, too, as people write it.
    let plain = |n: &str| n.replace('-', "");
    let nodes = world.cluster.settings().nodes.clone();
    let found = nodes.iter().find(|n| n.name == host || n.ip.to_string() == host || plain(&n.name) == plain(host));
    let Some(node) = found else {
        return Box::new(Said {
            err: format!("ssh: Could not resolve hostname {host}: Name or service not known\n"),
            code: 255,
        });
    };
    if !world.cluster.runtime().is_up(&node.name) {
        return Box::new(Said { err: format!("ssh: connect to host {host} port 22: No route to host\n"), code: 255 });
    }
    let env = Env::new(Place::Node { name: node.name.clone() });
    if command.is_empty() {
        return Box::new(Inner { env: Some(env), greeting: String::new(), script: None });
    }
    match parse::parse(&command.join(" ")) {
        Ok(list) => Box::new(Machine::new(env, &list, 1)),
        Err(parse::Problem::Syntax(words) | parse::Problem::Unfinished(words)) => {
            Box::new(Said { err: format!("bash: -c: line 1: {words}\n"), code: 2 })
        }
    }
}

pub fn helm(ctx: &mut Ctx) -> i32 {
    ctx.complain(
        "helm is not simulated here; apply the manifests that helm template would print, with kubectl apply -f",
    );
    1
}

pub fn docker(ctx: &mut Ctx) -> i32 {
    ctx.complain("docker is not simulated here; kubectl run NAME --image=IMAGE starts a container in the cluster");
    1
}
