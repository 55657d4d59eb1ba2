//! The Corefile: CoreDNS' configuration as the ConfigMap `coredns` of kube-system holds it.
//!
//! Read are the plugins that change an answer: `kubernetes`, `forward`, `hosts`, `rewrite name`. The rest (`errors`, `health`,
//! `ready`, `prometheus`, `cache`, `loop`, `reload`, `loadbalance`, `log`) change none here and are passed over; the `cache`
//! of kubeadm keeps out of the cluster's own domain anyway.

use super::kubernetes::{Options, PodMode};
use super::message::{fqdn, is_under};
use smol_str::SmolStr;
use std::net::IpAddr;

/// One server block: the zones it serves, and what it does for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerBlock {
    /// Fully qualified; `.` for everything.
    pub zones: Vec<SmolStr>,
    pub kubernetes: Option<Options>,
    /// From which name to which servers: `forward . 8.8.8.8`. The text as written: an address or `/etc/resolv.conf`.
    pub forward: Vec<(SmolStr, Vec<SmolStr>)>,
    /// The inline entries of `hosts`.
    pub hosts: Vec<(IpAddr, SmolStr)>,
    /// `rewrite name exact FROM TO`.
    pub rewrites: Vec<(SmolStr, SmolStr)>,
}

/// A whole Corefile.
#[derive(Clone, Debug, PartialEq)]
pub struct Corefile {
    pub blocks: Vec<ServerBlock>,
}

impl Default for Corefile {
    /// What kubeadm installs.
    fn default() -> Corefile {
        Corefile {
            blocks: vec![ServerBlock {
                zones: vec![".".into()],
                kubernetes: Some(Options::default()),
                forward: vec![(".".into(), vec!["/etc/resolv.conf".into()])],
                ..ServerBlock::default()
            }],
        }
    }
}

/// A directive with its arguments and, one level down, the directives of its block.
struct Directive {
    words: Vec<SmolStr>,
    block: Vec<Directive>,
}

impl Corefile {
    /// Reads a Corefile. Unknown directives are passed over; an unfinished block ends with the text.
    pub fn parse(text: &str) -> Corefile {
        let mut lines = text.lines().map(|l| l.split('#').next().unwrap_or("").trim()).filter(|l| !l.is_empty());
        let directives = read_block(&mut lines, 0);
        let blocks = directives.into_iter().filter(|d| !d.words.is_empty()).map(server_block).collect();
        Corefile { blocks }
    }

    /// The block whose zone fits `name` best.
    pub fn block_for(&self, name: &str) -> Option<&ServerBlock> {
        let fit = |b: &&ServerBlock| b.zones.iter().filter(|z| is_under(name, z)).map(|z| z.len()).max();
        // Of equally long zones the first block wins.
        self.blocks.iter().rev().filter(|b| fit(b).is_some()).max_by_key(fit)
    }
}

fn read_block<'a>(lines: &mut impl Iterator<Item = &'a str>, depth: usize) -> Vec<Directive> {
    let mut directives = Vec::new();
    while let Some(line) = lines.next() {
        if line == "}" {
            break;
        }
        let opens = line.ends_with('{');
        let words = line.trim_end_matches('{').split_whitespace().map(SmolStr::from).collect();
        // A Corefile nests two deep; what goes deeper is no Corefile.
        let block = if opens && depth < 4 { read_block(lines, depth + 1) } else { Vec::new() };
        directives.push(Directive { words, block });
    }
    directives
}

fn zone(word: &str) -> SmolStr {
    let word = word.trim_start_matches("dns://");
    let name = word.rsplit_once(':').map_or(word, |(name, _)| name);
    if name.is_empty() { ".".into() } else { fqdn(&name.to_ascii_lowercase()) }
}

fn server_block(directive: Directive) -> ServerBlock {
    let mut block = ServerBlock {
        zones: directive.words.iter().map(|w| zone(w.trim_end_matches(','))).collect(),
        ..ServerBlock::default()
    };
    for plugin in directive.block {
        let args = plugin.words.get(1..).unwrap_or(&[]);
        match plugin.words.first().map_or("", SmolStr::as_str) {
            "kubernetes" => block.kubernetes = Some(kubernetes(args, &plugin.block, &block.zones)),
            "forward" => {
                if let [from, to @ ..] = args {
                    block.forward.push((zone(from), to.to_vec()));
                }
            }
            "hosts" => {
                for entry in &plugin.block {
                    let Some(Ok(address)) = entry.words.first().map(|w| w.parse()) else { continue };
                    block.hosts.extend(entry.words[1..].iter().map(|name| (address, fqdn(&name.to_ascii_lowercase()))));
                }
            }
            "rewrite" => match args {
                [name, from, to] if name == "name" => block.rewrites.push((fqdn(from), fqdn(to))),
                [name, exact, from, to] if name == "name" && exact == "exact" => {
                    block.rewrites.push((fqdn(from), fqdn(to)))
                }
                _ => {}
            },
            _ => {}
        }
    }
    block
}

fn kubernetes(args: &[SmolStr], block: &[Directive], server_zones: &[SmolStr]) -> Options {
    let zones: Vec<SmolStr> = args.iter().map(|a| zone(a)).collect();
    let mut options = Options {
        zones: if zones.is_empty() { server_zones.to_vec() } else { zones },
        pods: PodMode::Disabled,
        endpoint_pod_names: false,
        ttl: 5,
        fallthrough: Vec::new(),
    };
    for directive in block {
        let argument = directive.words.get(1).map_or("", SmolStr::as_str);
        match directive.words.first().map_or("", SmolStr::as_str) {
            "pods" => {
                options.pods = match argument {
                    "insecure" => PodMode::Insecure,
                    "verified" => PodMode::Verified,
                    _ => PodMode::Disabled,
                }
            }
            "endpoint_pod_names" => options.endpoint_pod_names = true,
            "ttl" => options.ttl = argument.parse().unwrap_or(options.ttl).min(3_600),
            "fallthrough" => {
                let named: Vec<SmolStr> = directive.words[1..].iter().map(|w| zone(w)).collect();
                options.fallthrough = if named.is_empty() { vec![".".into()] } else { named };
            }
            _ => {}
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corefile_of_kubeadm_and_a_stub_domain_are_read() {
        let text = ".:53 {\n    errors\n    health {\n       lameduck 5s\n    }\n    ready\n    kubernetes cluster.local \
                    in-addr.arpa ip6.arpa {\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n       ttl 30\n    \
                    }\n    forward . /etc/resolv.conf {\n       max_concurrent 1000\n    }\n    cache 30\n}\n\
                    corp.example:53 {\n    forward . 10.150.0.1\n}\n";
        let corefile = Corefile::parse(text);
        assert_eq!(corefile.blocks[0], Corefile::default().blocks[0]);
        let stub = corefile.block_for("db.corp.example.").unwrap();
        assert_eq!(stub.forward, [(".".into(), vec!["10.150.0.1".into()])]);
        assert!(corefile.block_for("www.example.com.").unwrap().kubernetes.is_some());
    }
}
