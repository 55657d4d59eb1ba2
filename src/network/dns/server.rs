//! CoreDNS as a whole: the plugins of the Corefile in their order, over one state of the cluster.

use super::corefile::{Corefile, ServerBlock};
use super::kubernetes::Plugin;
use super::message::*;
use super::outside::Outside;
use crate::api::object::{Object, ObjectKey};
use crate::apiserver::store::Store;
use smol_str::SmolStr;
use std::net::IpAddr;
use std::sync::Arc;

/// One line of the query log, as the plugin `log` would write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub question: Question,
    pub rcode: Rcode,
}

/// A DNS server over one state of the cluster.
pub struct Server<'a> {
    pub store: &'a Store,
    pub corefile: &'a Corefile,
    pub outside: &'a Outside,
    /// The addresses of the pod that it runs in.
    pub own: &'a [IpAddr],
}

/// The ConfigMap `coredns`, which has the Corefile of the cluster.
pub fn corefile_map(store: &Store) -> Option<&Arc<Object>> {
    store.get(&ObjectKey::new("ConfigMap", "kube-system", "coredns"))
}

/// The Corefile of the cluster: that of its ConfigMap, or what kubeadm installs.
pub fn corefile(map: Option<&Arc<Object>>) -> Corefile {
    match map.map(|o| o.value.str_at(&["data", "Corefile"])) {
        Some(text) if !text.trim().is_empty() => Corefile::parse(text),
        _ => Corefile::default(),
    }
}

impl Server<'_> {
    pub fn answer(&self, question: &Question) -> Answer {
        self.answer_logged(question, &mut Vec::new())
    }

    /// Answers, and logs every question in the order in which it was answered (those of its own look-ups come first).
    pub fn answer_logged(&self, question: &Question, log: &mut Vec<LogLine>) -> Answer {
        self.serve(question, log, 0)
    }

    fn serve(&self, question: &Question, log: &mut Vec<LogLine>, depth: usize) -> Answer {
        let answer = match self.corefile.block_for(&question.name) {
            Some(block) if depth < 8 => self.through(block, question, log, depth),
            _ => Answer::failed(if depth < 8 { Rcode::Refused } else { Rcode::ServFail }),
        };
        log.push(LogLine { question: question.clone(), rcode: answer.rcode });
        answer
    }

    fn through(&self, block: &ServerBlock, question: &Question, log: &mut Vec<LogLine>, depth: usize) -> Answer {
        if let Some((from, to)) = block.rewrites.iter().find(|(from, _)| from.eq_ignore_ascii_case(&question.name)) {
            // The answer wears the name that was asked for.
            let inner = Question { name: to.clone(), kind: question.kind };
            let mut answer = self.plugins(block, &inner, log, depth);
            for record in answer.answer.iter_mut().filter(|r| r.name.eq_ignore_ascii_case(to)) {
                record.name = from.clone();
            }
            return answer;
        }
        self.plugins(block, question, log, depth)
    }

    fn plugins(&self, block: &ServerBlock, question: &Question, log: &mut Vec<LogLine>, depth: usize) -> Answer {
        let named = || block.hosts.iter().filter(|(_, name)| name.eq_ignore_ascii_case(&question.name));
        if matches!(question.kind, RecordType::A | RecordType::Aaaa) && named().next().is_some() {
            let family = |ip: &IpAddr| ip.is_ipv4() == (question.kind == RecordType::A);
            let records = named().filter(|(ip, _)| family(ip)).map(|(ip, _)| DnsRecord {
                name: question.name.clone(),
                kind: question.kind,
                ttl: 3_600,
                data: smol_str::format_smolstr!("{ip}"),
            });
            return Answer { authoritative: true, answer: records.collect(), ..Answer::default() };
        }
        let mut forwarded = Vec::new();
        if let Some(options) = &block.kubernetes {
            let mut lookup = |next: &Question| {
                forwarded.push(next.clone());
                self.serve(next, log, depth + 1)
            };
            let mut plugin = Plugin { store: self.store, options, own: self.own, lookup: &mut lookup };
            if let Some(answer) = plugin.answer(question) {
                return Answer { forwarded, ..answer };
            }
        }
        let best = block.forward.iter().filter(|(from, _)| is_under(&question.name, from));
        let Some((_, to)) = best.max_by_key(|(from, _)| from.len()) else { return Answer::failed(Rcode::Refused) };
        let mut answer = self.forward(to, question);
        answer.forwarded.push(question.clone());
        answer
    }

    /// An upstream answers when it is one of the outside world (`/etc/resolv.conf` of the node leads there).
    fn forward(&self, to: &[SmolStr], question: &Question) -> Answer {
        let reachable = to.iter().any(|server| {
            let server = server.trim_start_matches("dns://");
            server.starts_with('/') || PUBLIC_RESOLVERS.contains(&server.split(':').next().unwrap_or(server))
        });
        if reachable { self.outside.answer(question) } else { Answer::failed(Rcode::ServFail) }
    }
}

/// Resolvers of the outside world that a Corefile may name.
const PUBLIC_RESOLVERS: &[&str] = &["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "203.0.113.2"];
