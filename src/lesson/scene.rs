//! What a lesson needs of the learner's desk: the cluster's state, requests on the side, the files and the terminal.
//!
//! Grading looks; it never touches. It clones the scene (a cluster is cheap to clone) and sends, waits and runs on the clone.

use super::glob;
use super::model::{File, RequestSpec};
use crate::api::object::{Object, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use crate::trace::{Client, Request, Trace, Url};
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

/// A command line that was run in the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    pub line: String,
    /// The exit code.
    pub code: i32,
}

/// An event of the cluster: about what, and its reason (`Unhealthy`, `Scheduled` …).
pub struct Happened<'a> {
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub reason: &'a str,
}

/// The learner's desk.
pub trait Scene: Clone {
    fn store(&self) -> &Store;
    /// Events so far, oldest first.
    fn events(&self) -> Vec<Happened<'_>>;
    /// The verbatim words of every error in the files, and of every refusal.
    fn errors(&self) -> Vec<String>;
    fn files(&self) -> Vec<File>;
    fn commands(&self) -> &[Ran];
    /// The packet filter of a node, a line a rule, as its tool prints it. Empty for a node that does not exist.
    fn rules(&self, node: &str) -> Vec<String>;

    fn send(&mut self, request: &Request) -> Trace;
    fn run_for(&mut self, time: Duration);
    /// Lets the cluster come to rest.
    fn settle(&mut self);
    /// Runs a line in the terminal and gives what it prints.
    fn run(&mut self, line: &str) -> String;
    /// Writes a file, whose objects are then applied; what left the file leaves the cluster.
    fn write(&mut self, name: &str, text: &str);
    fn remove(&mut self, name: &str);
    /// Pulls a node's plug, or puts it back. False: there is no such node.
    fn power(&mut self, node: &str, up: bool) -> bool;
}

/// Why a request cannot be sent at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsendable {
    /// The word of the request that leads nowhere: `pod/client`, `lb(kimho)`.
    pub what: String,
}

/// Looks clients and addresses up.
pub fn request(store: &Store, spec: &RequestSpec) -> Result<Request, Unsendable> {
    let from = client(store, &spec.from).ok_or_else(|| Unsendable { what: spec.from.to_string() })?;
    let to = address(store, &spec.to)?;
    let url = Url::parse(&to).ok_or(Unsendable { what: to })?;
    let mut request = Request::get(from, url);
    request.insecure = spec.insecure;
    // Nobody waits for two minutes; five seconds tell silence from an answer.
    request.connect_timeout_secs = Some(5);
    if let Some(via) = &spec.via {
        let found = service(store, via).and_then(external).and_then(|ip| ip.parse().ok());
        request.resolve = Some(found.ok_or_else(|| Unsendable { what: via.to_string() })?);
    }
    Ok(request)
}

/// The client that `pod/client`, `pod/shop/web-*`, `node/node-1`, `computer` or `outside/198.51.100.7` means.
pub fn client(store: &Store, text: &str) -> Option<Client> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        ["computer"] => Some(Client::Learner),
        ["outside", ip] => Some(Client::Outside { ip: ip.parse().ok()? }),
        ["node", name] => Some(Client::Node { name: name.into() }),
        ["pod", name] => pod_client(store, "default", name),
        ["pod", namespace, name] => pod_client(store, namespace, name),
        _ => None,
    }
}

fn pod_client(store: &Store, namespace: &str, name: &str) -> Option<Client> {
    let pod = pod(store, namespace, name)?;
    Some(Client::Pod { namespace: namespace.into(), name: pod.name().clone(), container: SmolStr::default() })
}

/// The first running pod whose name matches.
fn pod<'a>(store: &'a Store, namespace: &'a str, name: &str) -> Option<&'a Arc<Object>> {
    let pods = store.list_in("Pod", namespace).filter(|p| glob::matches(name, p.name()) && !p.is_terminating());
    let mut pods: Vec<_> = pods.collect();
    // Running ones first; the order by name stays.
    pods.arrange_by_key(|p| p.value.str_at(&["status", "phase"]) != "Running");
    pods.first().copied()
}

/// A Service written `NAME` or `NAMESPACE/NAME`.
pub fn service<'a>(store: &'a Store, text: &str) -> Option<&'a Arc<Object>> {
    let (namespace, name) = text.split_once('/').unwrap_or(("default", text));
    store.get(&ObjectKey::new("Service", namespace, name))
}

fn external(service: &Arc<Object>) -> Option<&str> {
    let ingress = service.value.items_at(&["status", "loadBalancer", "ingress"]).first()?;
    Some(ingress.text("ip")).filter(|ip| !ip.is_empty())
}

/// Puts addresses in place of `vip(…)`, `lb(…)`, `nodeport(…)`, `pod(…)` and `node(…)`.
fn address(store: &Store, text: &str) -> Result<String, Unsendable> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('(') {
        let Some(close) = rest[open..].find(')').map(|i| open + i) else { break };
        let start = rest[..open].rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |i| i + 1);
        let (what, name) = (&rest[start..open], &rest[open + 1..close]);
        let found = look_up(store, what, name).ok_or_else(|| Unsendable { what: format!("{what}({name})") })?;
        out.push_str(&rest[..start]);
        out.push_str(&found);
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn look_up(store: &Store, what: &str, name: &str) -> Option<String> {
    let bracketed = |ip: &str| match ip.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => Some(format!("[{ip}]")),
        Ok(ip) => Some(ip.to_string()),
        Err(_) => None,
    };
    match what {
        "vip" => bracketed(service(store, name)?.value.str_at(&["spec", "clusterIP"])),
        "lb" => bracketed(external(service(store, name)?)?),
        "nodeport" => {
            let (name, port) = name.split_once(':').unwrap_or((name, ""));
            let ports = service(store, name)?.value.items_at(&["spec", "ports"]);
            let port = ports.iter().find(|p| port.is_empty() || p.text("name") == port)?;
            port.get("nodePort").and_then(Value::as_i64).map(|n| n.to_string())
        }
        "pod" => {
            let (namespace, name) = name.split_once('/').unwrap_or(("default", name));
            bracketed(pod(store, namespace, name)?.value.str_at(&["status", "podIP"]))
        }
        "node" => {
            let node = store.list("Node").find(|n| n.name() == name)?;
            let addresses = node.value.items_at(&["status", "addresses"]);
            bracketed(addresses.iter().find(|a| a.text("type") == "InternalIP")?.text("address"))
        }
        _ => None,
    }
}
