//! The client's side of DNS: `/etc/resolv.conf` and the walk through the search list, as glibc (`getaddrinfo`, `res_search`)
//! and musl (`name_from_dns_search`) do it.
//!
//! Both ask for A and for AAAA of every name, from one socket, before they go on to the next. They part where a name has no
//! address: glibc goes on through the list, musl stops there; and musl leaves the list alone for a name with `ndots` dots.
//! Left out: `/etc/gai.conf`, musl's asking of all servers at once, DNS over TCP.

use super::message::*;
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::Store;
use smol_str::{SmolStr, format_smolstr};
use std::fmt::Write;
use std::net::IpAddr;

/// A resolver configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    pub servers: Vec<IpAddr>,
    pub search: Vec<SmolStr>,
    pub ndots: u8,
    /// Seconds before a server is asked again.
    pub timeout: u32,
    pub attempts: u32,
    /// Options as written, for the file's text.
    pub options: Vec<SmolStr>,
}

impl Default for ResolvConf {
    /// glibc's defaults.
    fn default() -> ResolvConf {
        ResolvConf { servers: Vec::new(), search: Vec::new(), ndots: 1, timeout: 5, attempts: 2, options: Vec::new() }
    }
}

impl ResolvConf {
    /// Reads the file's text as glibc does: the last `search` wins, `ndots` is at most 15.
    pub fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf::default();
        for line in text.lines() {
            let mut words = line.split(['#', ';']).next().unwrap_or("").split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(|w| w.parse::<IpAddr>().ok())),
                Some("search" | "domain") => conf.search = words.map(SmolStr::from).collect(),
                Some("options") => words.for_each(|w| conf.option(w)),
                _ => {}
            }
        }
        conf
    }

    fn option(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match name {
            "ndots" => self.ndots = value.parse().unwrap_or(1).min(15),
            "timeout" => self.timeout = value.parse().unwrap_or(5).min(30),
            "attempts" => self.attempts = value.parse().unwrap_or(2).min(5),
            _ => {}
        }
        self.options.retain(|o| o.split(':').next() != Some(name));
        self.options.push(option.into());
    }

    /// What the kubelet writes into a pod (`pkg/kubelet/network/dns`): `dnsPolicy`, then `dnsConfig` on top.
    ///
    /// `cluster_dns` is the kubelet's `--cluster-dns`, `domain` the cluster's domain, `node` the node's own resolv.conf.
    pub fn of_pod(pod: &Object, cluster_dns: &[IpAddr], domain: &str, node: &ResolvConf) -> ResolvConf {
        let view = pod.view().pod();
        let policy = view.map_or("", |p| &p.dns_policy);
        let host_network = view.is_some_and(|p| p.host_network);
        let cluster_first = match policy {
            "ClusterFirstWithHostNet" => true,
            "" | "ClusterFirst" => !host_network,
            _ => false,
        };
        let mut conf = if cluster_first && !cluster_dns.is_empty() {
            let domain = bare(domain);
            let namespace = pod.namespace();
            let mut conf = ResolvConf {
                servers: cluster_dns.to_vec(),
                search: vec![
                    format_smolstr!("{namespace}.svc.{domain}"),
                    format_smolstr!("svc.{domain}"),
                    domain.into(),
                ],
                ..ResolvConf::default()
            };
            conf.search.extend(node.search.iter().cloned());
            conf.option("ndots:5");
            conf
        } else if policy == "None" {
            ResolvConf::default()
        } else {
            node.clone()
        };
        let Some(config) = view.and_then(|p| p.dns_config()) else { return conf };
        let words = |field| config.items_at(&[field]).iter().filter_map(Value::as_str);
        for server in words("nameservers").filter_map(|s| s.parse().ok()) {
            if !conf.servers.contains(&server) {
                conf.servers.push(server);
            }
        }
        for domain in words("searches").map(SmolStr::from) {
            if !conf.search.contains(&domain) {
                conf.search.push(domain);
            }
        }
        for option in config.items_at(&["options"]) {
            let (name, value) = (option.str_at(&["name"]), option.str_at(&["value"]));
            if value.is_empty() { conf.option(name) } else { conf.option(&format!("{name}:{value}")) }
        }
        conf
    }

    /// The file's text, as the kubelet lays it out.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if !self.search.is_empty() {
            let _ = writeln!(text, "search {}", self.search.join(" "));
        }
        for server in &self.servers {
            let _ = writeln!(text, "nameserver {server}");
        }
        if !self.options.is_empty() {
            let _ = writeln!(text, "options {}", self.options.join(" "));
        }
        text
    }

    /// The names that `res_search` tries for `name`, in order, as long as none exists.
    pub fn candidates(&self, name: &str) -> Vec<SmolStr> {
        if name.ends_with('.') {
            return vec![name.into()];
        }
        let dots = name.matches('.').count();
        let as_is = fqdn(name);
        let as_is_first = dots >= usize::from(self.ndots);
        let mut names = Vec::with_capacity(self.search.len() + 1);
        if as_is_first {
            names.push(as_is.clone());
        }
        let mut root_searched = false;
        for domain in &self.search {
            root_searched |= bare(domain).is_empty() || domain == ".";
            names.push(if domain == "." { as_is.clone() } else { fqdn(&format!("{name}.{domain}")) });
        }
        if !as_is_first && !root_searched {
            names.push(as_is);
        }
        names.retain(|n| is_sendable(n));
        names
    }
}

impl ResolvConf {
    /// The names that musl tries for `name`, in order.
    pub fn musl_candidates(&self, name: &str) -> Vec<SmolStr> {
        if name.ends_with('.') || name.matches('.').count() >= usize::from(self.ndots) {
            return vec![fqdn(name)];
        }
        let searched = self.search.iter().map(|domain| fqdn(&format!("{name}.{}", bare(domain))));
        searched.chain([fqdn(name)]).filter(|n| is_sendable(n)).collect()
    }
}

/// The address of the cluster's DNS: the ClusterIP of `kube-dns`, which the kubelets are told of when they are set up.
pub fn cluster_dns(store: &Store) -> Vec<IpAddr> {
    let service = store.get(&ObjectKey::new("Service", "kube-system", "kube-dns"));
    service.and_then(|o| o.view().service()).map(|s| s.cluster_ips.clone()).unwrap_or_default()
}

/// How a look-up ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    Found(Vec<IpAddr>),
    /// No such name (`EAI_NONAME`).
    NotFound,
    /// The name exists, but has no address of the family (`EAI_NODATA`).
    NoData,
    /// Nobody answers, or the server failed (`EAI_AGAIN`).
    TryAgain,
}

impl Lookup {
    /// What `gai_strerror` says.
    pub fn error(&self) -> Option<(i32, &'static str)> {
        match self {
            Lookup::Found(_) => None,
            Lookup::NotFound => Some((-2, "Name or service not known")),
            Lookup::NoData => Some((-5, "No address associated with hostname")),
            Lookup::TryAgain => Some((-3, "Temporary failure in name resolution")),
        }
    }
}

/// Walks the search list with one question a name; `ask` gives `None` when nobody answers in time.
pub fn look_up(
    conf: &ResolvConf,
    name: &str,
    kind: RecordType,
    mut ask: impl FnMut(&Question) -> Option<Answer>,
) -> Lookup {
    let (mut no_data, mut failed) = (false, false);
    for candidate in conf.candidates(name) {
        let question = Question { name: candidate, kind };
        let Some(answer) = ask(&question) else { return Lookup::TryAgain };
        let addresses: Vec<IpAddr> = answer.addresses().collect();
        match answer.rcode {
            Rcode::NoError if !addresses.is_empty() => return Lookup::Found(addresses),
            Rcode::NoError => no_data = true,
            Rcode::NxDomain => {}
            Rcode::ServFail => failed = true,
            Rcode::Refused => return Lookup::TryAgain,
        }
    }
    match (no_data, failed) {
        (true, _) => Lookup::NoData,
        (false, true) => Lookup::TryAgain,
        (false, false) => Lookup::NotFound,
    }
}
