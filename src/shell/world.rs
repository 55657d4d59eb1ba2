//! What programs act on: the cluster, the learner's computer, and what the terminal shows beside text.

use super::env::{Env, Place};
use super::jobs::Board;
use crate::api::object::ObjectKey;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::cluster::addons::Addon;
use crate::kubectl::call::{Config, Files};
use crate::runtime::image;
use crate::runtime::volumes::Entry;
use crate::trace::Trace;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What happens in a terminal beside its text.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Out(String),
    Err(String),
    /// A request that a program sent; the screen can show its way.
    Trace(Box<Trace>),
    /// `clear`.
    Clear,
    /// A text for the editor (`kubectl edit`); the command goes on when [`Computer::saved`] has the answer under this file's
    /// name.
    Edit {
        file: String,
        title: String,
        text: String,
    },
    /// A capture file was written: what it is called, and its bytes, for who can take it along.
    Saved {
        name: String,
        bytes: Vec<u8>,
    },
    /// The outermost shell was left.
    Exit,
}

/// How many requests the wire keeps.
const ON_WIRE: usize = 64;

/// The requests that were sent lately, from terminals and from the map: what a tcpdump that runs meanwhile sees.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    last: VecDeque<Arc<Trace>>,
    total: usize,
}

impl Wire {
    /// A request was sent.
    pub fn note(&mut self, trace: Trace) {
        self.last.push_back(Arc::new(trace));
        self.total += 1;
        if self.last.len() > ON_WIRE {
            self.last.pop_front();
        }
    }

    /// How many were sent so far.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Those sent after the first `count`, as far as they are still known.
    pub fn since(&self, count: usize) -> Vec<Arc<Trace>> {
        let fresh = self.total.saturating_sub(count).min(self.last.len());
        self.last.iter().skip(self.last.len() - fresh).cloned().collect()
    }
}

/// The learner's computer, and what its terminals share.
#[derive(Clone, Debug, Default)]
pub struct Computer {
    /// Files by absolute path.
    pub files: BTreeMap<String, String>,
    /// Files that may be run, by the machine's name and path.
    pub executable: BTreeSet<(String, String)>,
    /// Files that ssh sessions wrote on nodes, by node and path.
    pub node_files: BTreeMap<(String, String), String>,
    pub config: Config,
    /// Connections to forwarded ports so far: the local port of each.
    pub connections: Vec<u16>,
    /// What editors saved, by file; `None`: closed without saving.
    pub saved: BTreeMap<String, Option<String>>,
    pub wire: Wire,
    /// The lines of the terminal that ran last.
    pub history: Vec<String>,
}

/// How much all files together may hold.
const MOST_BYTES: usize = 8 << 20;

/// A step's surroundings.
pub struct World<'a> {
    pub cluster: &'a mut Cluster,
    pub computer: &'a mut Computer,
    /// The editor's tabs: name and text.
    pub tabs: &'a [(String, String)],
    pub events: &'a mut Vec<Event>,
    /// How an inner shell ended, for who opened it.
    pub ended_session: Option<i32>,
    /// What runs in the background.
    pub jobs: &'a mut Board,
}

impl World<'_> {
    /// The text of a file.
    pub fn read(&self, env: &Env, path: &str) -> Option<String> {
        let path = env.absolute(path);
        if let Some((_, text)) = env.pipes.iter().find(|(known, _)| *known == path) {
            return Some(text.clone());
        }
        match &env.place {
            Place::Computer => {
                if path == "/etc/hosts" {
                    return Some(self.computer.files.get(&path).cloned().unwrap_or_else(|| HOSTS.to_string()));
                }
                if path == "/dev/null" {
                    return Some(String::new());
                }
                self.computer.files.get(&path).cloned().or_else(|| {
                    let tab = path.strip_prefix("/home/learner/")?;
                    self.tabs.iter().find(|(name, _)| name == tab).map(|(_, text)| text.clone())
                })
            }
            Place::Node { name } => match path.as_str() {
                "/etc/hosts" => Some(format!("127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n")),
                "/etc/hostname" => Some(format!("{name}\n")),
                "/etc/resolv.conf" => Some(format!("nameserver {}\n", self.cluster.settings().upstream_dns)),
                "/dev/null" => Some(String::new()),
                _ => self.computer.node_files.get(&(name.to_string(), path)).cloned(),
            },
            Place::Container { pod, container, .. } => {
                let sandbox = self.cluster.runtime().get(pod)?;
                let running = sandbox.container(container)?;
                let resolv = self.resolv_conf(pod);
                sandbox.read_file(running, &path, &resolv).map(|t| t.to_string())
            }
        }
    }

    /// A pod's `/etc/resolv.conf`.
    fn resolv_conf(&self, pod: &ObjectKey) -> String {
        let settings = self.cluster.settings();
        let Some(object) = self.cluster.store().get(pod) else { return String::new() };
        crate::runtime::env::Resolver::of(object, settings.dns_ip, settings.upstream_dns, &settings.cluster_domain)
            .file()
            .to_string()
    }

    /// Writes a file; the error is the system's words.
    pub fn write(&mut self, env: &Env, path: &str, text: &str) -> Result<(), &'static str> {
        let path = env.absolute(path);
        if path == "/dev/null" {
            return Ok(());
        }
        if self.is_folder(env, &path) {
            return Err("Is a directory");
        }
        match &env.place {
            Place::Computer => {
                let total: usize = self.computer.files.values().map(String::len).sum();
                if total + text.len() > MOST_BYTES {
                    return Err("No space left on device");
                }
                self.computer.files.insert(path.clone(), text.to_string());
                if path == "/etc/hosts" {
                    self.read_hosts(text);
                }
                Ok(())
            }
            Place::Node { name } => {
                let total: usize = self.computer.node_files.values().map(String::len).sum();
                if total + text.len() > MOST_BYTES {
                    return Err("No space left on device");
                }
                self.computer.node_files.insert((name.to_string(), path), text.to_string());
                Ok(())
            }
            Place::Container { pod, container, .. } => {
                if text.len() > MOST_BYTES {
                    return Err("No space left on device");
                }
                let (pod, container) = (pod.clone(), container.clone());
                self.cluster.write_file(&pod, &container, &path, Some(text))
            }
        }
    }

    /// Takes a file away; the error is the system's words.
    pub fn remove(&mut self, env: &Env, path: &str) -> Result<(), &'static str> {
        let path = env.absolute(path);
        match &env.place {
            Place::Computer => drop(self.computer.files.remove(&path)),
            Place::Node { name } => drop(self.computer.node_files.remove(&(name.to_string(), path))),
            Place::Container { pod, container, .. } => {
                let (pod, container) = (pod.clone(), container.clone());
                return self.cluster.write_file(&pod, &container, &path, None);
            }
        }
        Ok(())
    }

    /// What a volume of a pod has at a path, when the terminal is in one of its containers.
    pub fn mounted(&self, env: &Env, path: &str) -> Option<Entry> {
        let Place::Container { pod, container, .. } = &env.place else { return None };
        let sandbox = self.cluster.runtime().get(pod)?;
        sandbox.mounted_at(sandbox.container(container)?, &env.absolute(path))?
    }

    /// The names in a folder, sorted; `None` when it is none.
    pub fn list(&self, env: &Env, path: &str) -> Option<Vec<String>> {
        let path = env.absolute(path);
        let prefix = if path == "/" { path.clone() } else { format!("{path}/") };
        let first = |rest: &str| rest.split('/').next().unwrap_or("").to_string();
        let mut names: Vec<String> = match &env.place {
            Place::Computer => {
                let own = self.computer.files.keys().map(String::as_str);
                let tabs = self.tabs.iter().map(|(name, _)| format!("/home/learner/{name}"));
                let all: Vec<String> =
                    own.map(str::to_string).chain(tabs).chain(FOLDERS.iter().map(|f| f.to_string())).collect();
                all.iter().filter_map(|p| p.strip_prefix(&prefix)).map(first).collect()
            }
            Place::Node { name } => {
                let own = self.computer.node_files.keys().filter(|(n, _)| n == name).map(|(_, p)| p.as_str());
                let all = own.chain(FOLDERS.iter().copied()).chain(["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]);
                all.filter_map(|p| p.strip_prefix(&prefix)).map(first).collect()
            }
            Place::Container { pod, container, .. } => {
                let sandbox = self.cluster.runtime().get(pod)?;
                let running = sandbox.container(container)?;
                let names = sandbox.list_folder(running, &path)?;
                names.iter().map(ToString::to_string).collect()
            }
        };
        names.retain(|n| !n.is_empty());
        names.arrange();
        names.dedup();
        let known = path == "/" || path == "/home/learner" || FOLDERS.contains(&path.as_str());
        let container = matches!(env.place, Place::Container { .. });
        (container && !self.is_file(env, &path) || known || !names.is_empty()).then_some(names)
    }

    pub fn is_folder(&self, env: &Env, path: &str) -> bool {
        !self.is_file(env, path) && self.list(env, path).is_some()
    }

    pub fn is_file(&self, env: &Env, path: &str) -> bool {
        self.read(env, path).is_some()
    }

    /// Whether `chmod +x` was called for a file.
    pub fn is_executable(&self, env: &Env, path: &str) -> bool {
        self.computer.executable.contains(&(env.place.hostname().to_string(), env.absolute(path)))
    }

    /// Takes over the learner's `/etc/hosts`.
    fn read_hosts(&mut self, text: &str) {
        let mut hosts = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or("");
            let mut words = line.split_whitespace();
            let Some(ip) = words.next().and_then(|w| w.parse().ok()) else { continue };
            hosts.extend(words.map(|name| (ip, name.into())));
        }
        self.cluster.network_mut().computer.hosts = hosts;
    }

    /// Whether a program is found on the way that PATH names.
    pub fn has_program(&self, env: &Env, name: &str) -> bool {
        match &env.place {
            Place::Computer => !NODE_ONLY.contains(&name),
            Place::Node { .. } => !COMPUTER_ONLY.contains(&name),
            Place::Container { image: reference, .. } => match image::find(reference) {
                Some(known) => known.has_program(name) || ALWAYS.contains(&name) && known.has_program("sh"),
                None if image::surely_lacks(reference, name) => false,
                None => !NODE_ONLY.contains(&name) && !COMPUTER_ONLY.contains(&name) && !SPECIAL.contains(&name),
            },
        }
    }
}

const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
const FOLDERS: [&str; 8] = ["/bin", "/etc", "/home", "/home/learner", "/root", "/tmp", "/usr", "/var"];
const NODE_ONLY: [&str; 8] = ["crictl", "ipvsadm", "ipset", "nft", "conntrack", "iptables", "iptables-save", "tcpdump"];
const COMPUTER_ONLY: [&str; 6] = ["kubectl", "k", "minikube", "helm", "ssh", "docker"];
/// Programs that an image without a row in the table is not expected to have.
const SPECIAL: [&str; 7] = ["curl", "dig", "host", "telnet", "ag", "openssl", "ss"];
/// What a shell brings itself, or every image with a shell has.
const ALWAYS: [&str; 12] =
    ["[", "test", "echo", "true", "false", "printf", "env", "printenv", "pwd", "whoami", "clear", "cat"];

/// The files that kubectl may name.
pub struct HostFiles<'a> {
    pub files: &'a BTreeMap<String, String>,
    pub tabs: &'a [(String, String)],
    pub env: &'a Env,
}

impl Files for HostFiles<'_> {
    fn read(&self, path: &str) -> Option<String> {
        // The addresses of the installation manifests that tutorials name; nothing is fetched.
        if path.starts_with("http://") || path.starts_with("https://") {
            return Addon::of_address(path).map(|addon| addon.manifests().to_string());
        }
        let absolute = self.env.absolute(path);
        let piped = self.env.pipes.iter().find(|(known, _)| *known == absolute).map(|(_, text)| text.clone());
        piped.or_else(|| self.files.get(&absolute).cloned()).or_else(|| {
            let tab = absolute.strip_prefix("/home/learner/").unwrap_or(path);
            self.tabs.iter().find(|(name, _)| name == tab || name == path).map(|(_, text)| text.clone())
        })
    }

    fn folder(&self, path: &str) -> Option<Vec<String>> {
        let absolute = self.env.absolute(path);
        let prefix = if absolute == "/" { absolute.clone() } else { format!("{absolute}/") };
        let own = self.files.keys().cloned();
        let tabs = self
            .tabs
            .iter()
            .map(|(name, _)| if name.starts_with('/') { name.clone() } else { format!("/home/learner/{name}") });
        let mut names: Vec<String> =
            own.chain(tabs).filter_map(|p| p.strip_prefix(&prefix).map(str::to_string)).collect();
        names.arrange();
        names.dedup();
        (!names.is_empty() || absolute == "/home/learner").then_some(names)
    }
}
