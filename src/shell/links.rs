//! What a terminal's output speaks of: words that are objects' names or addresses, so that a click leads to them on the map.

use crate::api::object::{Object, ObjectKey};
use crate::apiserver::resource;
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use smol_str::SmolStr;
use std::collections::HashMap;
use std::ops::Range;

/// A word of a line that stands for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// In bytes of the line.
    pub span: Range<usize>,
    pub object: ObjectKey,
}

/// Kinds whose names are recognised where they stand alone, the likelier first. Other kinds are with their kind in front.
const ALONE: [&str; 9] = [
    "Service",
    "Pod",
    "Node",
    "Deployment",
    "Ingress",
    "StatefulSet",
    "DaemonSet",
    "ReplicationController",
    "ReplicaSet",
];

/// What the line that was typed says about what comes: kinds and a namespace.
#[derive(Clone, Debug, Default)]
pub struct Hint {
    kinds: Vec<SmolStr>,
    namespace: SmolStr,
}

impl Hint {
    /// Reads a line such as `kubectl get deploy,svc -n shop`.
    pub fn of(store: &Store, line: &str) -> Hint {
        let words: Vec<&str> = line.split_whitespace().collect();
        let named = |w: &&str| {
            let kind = w.split('/').next().unwrap_or(w);
            kind.split(',').filter_map(|k| resource::find_word(store, k)).map(|r| r.stored.clone()).collect::<Vec<_>>()
        };
        let at = words.iter().position(|w| *w == "-n" || *w == "--namespace");
        let namespace = at.and_then(|i| words.get(i + 1).copied()).or_else(|| {
            words.iter().find_map(|w| w.strip_prefix("--namespace=").or(w.strip_prefix("-n").filter(|n| !n.is_empty())))
        });
        Hint { kinds: words.iter().flat_map(named).collect(), namespace: namespace.unwrap_or("default").into() }
    }
}

/// The names and addresses of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Index {
    by_name: HashMap<SmolStr, Vec<ObjectKey>>,
    by_address: HashMap<String, ObjectKey>,
}

impl Index {
    pub fn new(store: &Store) -> Index {
        let mut index = Index::default();
        for object in store.iter() {
            index.by_name.entry(object.name().clone()).or_default().push(object.key.clone());
            for address in addresses(object) {
                // Host-network pods share their node's address: the node has it.
                let node = object.key.kind == "Node";
                if node || !index.by_address.contains_key(&address) {
                    index.by_address.insert(address, object.key.clone());
                }
            }
        }
        index
    }

    /// The links of a line of output.
    pub fn links(&self, line: &str, hint: &Hint) -> Vec<Link> {
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/' | ':' | '_');
        let mut links = Vec::new();
        let mut at = 0;
        while at < line.len() {
            let Some(start) = line[at..].find(inside).map(|i| at + i) else { break };
            let end = line[start..].find(|c: char| !inside(c)).map_or(line.len(), |i| start + i);
            links.extend(
                self.word(&line[start..end], hint)
                    .map(|(range, object)| Link { span: start + range.start..start + range.end, object }),
            );
            at = end;
        }
        links
    }

    /// What a word stands for, and which part of it says so.
    fn word(&self, word: &str, hint: &Hint) -> Option<(Range<usize>, ObjectKey)> {
        let scheme = word.find("://").map_or(0, |i| i + 3);
        let rest = &word[scheme..];
        if scheme == 0
            && let Some((kind, name)) = rest.split_once('/')
            && let Some(found) = self.of_kind(kind, name.trim_end_matches([':', '.']), hint)
        {
            return Some((0..kind.len() + 1 + name.trim_end_matches([':', '.']).len(), found));
        }
        let host = rest.split('/').next().unwrap_or(rest);
        // `10.0.0.1:80`, `web:80`, `pod:` before a message; an IPv6 address has several colons.
        let host = if host.matches(':').count() > 1 && self.by_address.contains_key(host.trim_end_matches(':')) {
            host.trim_end_matches(':')
        } else {
            host.split(':').next().unwrap_or(host)
        };
        let host = host.trim_end_matches(['.', '-']);
        if host.is_empty() {
            return None;
        }
        let span = scheme..scheme + host.len();
        if let Some(found) = self.by_address.get(host) {
            return Some((span, found.clone()));
        }
        self.named(host, hint).or_else(|| self.of_dns(host)).map(|found| (span, found))
    }

    /// `service/web`, `deployment.apps/web`.
    fn of_kind(&self, kind: &str, name: &str, hint: &Hint) -> Option<ObjectKey> {
        let kind = kind.split('.').next().unwrap_or(kind);
        let of = |key: &&ObjectKey| {
            let own = key.kind.to_ascii_lowercase();
            own == kind || own == kind.trim_end_matches('s') || short(kind) == Some(key.kind.as_str())
        };
        let all = self.by_name.get(name)?;
        let mut found: Vec<&ObjectKey> = all.iter().filter(of).collect();
        found.arrange_by_key(|k| k.namespace != hint.namespace);
        found.first().map(|k| (*k).clone())
    }

    /// A bare name: of the kind that was asked for, else of a kind that is often spoken of.
    fn named(&self, name: &str, hint: &Hint) -> Option<ObjectKey> {
        let all = self.by_name.get(name)?;
        let rank = |key: &&ObjectKey| {
            let asked = hint.kinds.iter().position(|k| *k == key.kind);
            let usual = ALONE.iter().position(|k| *k == key.kind).map(|i| i + 100);
            asked.or(usual)
        };
        let mut found: Vec<(usize, bool, &ObjectKey)> =
            all.iter().filter_map(|k| Some((rank(&k)?, k.namespace != hint.namespace, k))).collect();
        found.arrange_by_key(|(rank, elsewhere, _)| (*elsewhere && *rank >= 100, *rank, *elsewhere));
        found.first().map(|(_, _, k)| (*k).clone())
    }

    /// `web.shop`, `web.shop.svc.cluster.local`.
    fn of_dns(&self, host: &str) -> Option<ObjectKey> {
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next()?, labels.next()?);
        if labels.next().is_some_and(|l| l != "svc") {
            return None;
        }
        let found = self.by_name.get(name)?;
        found.iter().find(|k| k.kind == "Service" && k.namespace == namespace).cloned()
    }
}

fn short(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "svc" => "Service",
        "po" => "Pod",
        "no" => "Node",
        "deploy" => "Deployment",
        "rs" => "ReplicaSet",
        "rc" => "ReplicationController",
        "sts" => "StatefulSet",
        "ds" => "DaemonSet",
        "ing" | "ingresses" => "Ingress",
        "ep" => "Endpoints",
        "ns" => "Namespace",
        "cm" => "ConfigMap",
        _ => return None,
    })
}

fn addresses(object: &Object) -> Vec<String> {
    let value = &object.value;
    let texts = |path: &[&str], field: &str| -> Vec<String> {
        value.items_at(path).iter().map(|i| i.text(field).to_string()).collect()
    };
    let mut found: Vec<String> = match object.key.kind.as_str() {
        "Service" => {
            let ips = value.items_at(&["spec", "clusterIPs"]).iter().filter_map(|i| i.as_str().map(str::to_string));
            ips.chain(texts(&["status", "loadBalancer", "ingress"], "ip")).collect()
        }
        "Pod" => texts(&["status", "podIPs"], "ip"),
        "Node" => texts(&["status", "addresses"], "address"),
        _ => Vec::new(),
    };
    found.retain(|a| a.contains(['.', ':']) && a != "None");
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Settings;
    use crate::workspace::{File, Workspace};

    fn named(line: &str, typed: &str) -> Vec<String> {
        let text = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, clusterIP: 10.96.7.7, ports: [{port: 80}]}
";
        let mut workspace = Workspace::new(Settings::default());
        workspace.set_files(vec![File { name: "web.yaml".into(), text: text.to_string() }]);
        let store = workspace.cluster().store();
        let links = Index::new(store).links(line, &Hint::of(store, typed));
        links.into_iter().map(|l| format!("{} = {}", &line[l.span], l.object)).collect()
    }

    #[test]
    fn names_addresses_and_hosts_are_found() {
        let service = |word: &str| vec![format!("{word} = service/web")];
        assert_eq!(named("web   ClusterIP   10.96.7.7", "kubectl get svc")[..1], service("web")[..]);
        assert_eq!(named("-d 10.96.7.7/32 -p tcp", ""), service("10.96.7.7"));
        assert_eq!(
            named("curl http://web.default.svc.cluster.local:80/x", ""),
            service("web.default.svc.cluster.local")
        );
        assert_eq!(named("service/web created", ""), service("service/web"));
        assert_eq!(named("pod \"web\" deleted", "kubectl delete pod web"), ["web = pod/web"]);
        assert_eq!(named("nothing here at 1.2.3.4: webby", ""), Vec::<String>::new());
    }
}
