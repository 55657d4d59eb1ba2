//! The environment of a container and the three files that the kubelet writes for it.
//!
//! Upstream: `pkg/kubelet/envvars`, `kubelet_pods.go` (makeEnvironmentVariables, ensureHostsFile) and
//! `pkg/kubelet/network/dns`. Variables are fixed when a container starts: a Service that comes later is not in them.

use super::sandbox::PodSandbox;
use crate::api::object::{Object, ObjectKey};
use crate::api::value::Value;
use crate::api::view::Pod;
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use crate::later::Later;
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

type Pairs = Vec<(SmolStr, SmolStr)>;

/// The variables of a running container. Those of Services are shared by all containers that started between two changes of
/// the namespace's Services.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    /// `envFrom` and `env`, sorted out and expanded, in the manifest's order.
    pub own: Arc<Pairs>,
    /// The Services', sorted by name.
    pub services: Later<Arc<Pairs>>,
}

impl Environment {
    /// What `env` prints: the image's PATH, HOSTNAME, the manifest's variables, the Services', HOME.
    pub fn list(&self, hostname: &str) -> Pairs {
        let fixed = |name: &str, value: &str| {
            let set = self.own.iter().any(|(k, _)| k == name);
            (!set).then(|| (SmolStr::from(name), SmolStr::from(value)))
        };
        let mut list = Vec::with_capacity(self.own.len() + self.services.len() + 3);
        list.extend(fixed("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        list.extend(fixed("HOSTNAME", hostname));
        list.extend(self.own.iter().cloned());
        list.extend(self.services.iter().filter(|(k, _)| !self.own.iter().any(|(own, _)| own == k)).cloned());
        list.extend(fixed("HOME", "/root"));
        list
    }

    pub fn get(&self, name: &str) -> Option<&SmolStr> {
        if let Some((_, value)) = self.own.iter().find(|(k, _)| k == name) {
            return Some(value);
        }
        // A Service's is called `NAME_SERVICE_HOST`, `NAME_PORT` and so on: no other name wants a look.
        let at = name.contains('_').then(|| self.services.binary_search_by(|(k, _)| k.as_str().cmp(name)).ok())??;
        Some(&self.services[at].1)
    }
}

/// The Services' variables for pods of `namespace`, sorted by name: those of its own Services that have a ClusterIP (unless
/// `links` is off), and always those of `kubernetes` in default.
pub fn service_variables(store: &Store, namespace: &str, links: bool) -> Pairs {
    let mut services: Vec<&Arc<Object>> = Vec::new();
    if links {
        services.extend(store.list_in("Service", namespace).filter(|s| has_ip(s)));
    }
    let kubernetes = store.get(&ObjectKey::new("Service", "default", "kubernetes")).filter(|s| has_ip(s));
    if let Some(kubernetes) = kubernetes {
        // One of that name in the pod's own namespace takes its place.
        if !services.iter().any(|s| s.name() == "kubernetes") {
            services.push(kubernetes);
        }
    }
    let mut pairs = Vec::with_capacity(services.len() * 7);
    for service in services {
        add_service(&mut pairs, service);
    }
    pairs.arrange();
    // Of two Services whose names come to one variable the later in order stays.
    pairs.reverse();
    pairs.dedup_by(|a, b| a.0 == b.0);
    pairs.reverse();
    pairs
}

fn has_ip(service: &Object) -> bool {
    !matches!(service.value.str_at(&["spec", "clusterIP"]), "" | "None")
}

fn add_service(pairs: &mut Pairs, service: &Object) {
    let upper = |s: &str| s.replace('-', "_").to_uppercase();
    let prefix = upper(service.name());
    let ip = service.value.str_at(&["spec", "clusterIP"]);
    let mut add = |name: String, value: SmolStr| pairs.push((name.into(), value));
    add(format!("{prefix}_SERVICE_HOST"), ip.into());
    let Some(view) = service.view().service() else { return };
    for (i, port) in view.ports.iter().enumerate() {
        let number = format_smolstr!("{}", port.port);
        if i == 0 {
            add(format!("{prefix}_SERVICE_PORT"), number.clone());
        }
        if !port.name.is_empty() {
            add(format!("{prefix}_SERVICE_PORT_{}", upper(&port.name)), number.clone());
        }
        let protocol = port.protocol.lower();
        let address = match ip.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, port.port).to_string(),
            Err(_) => format!("{ip}:{}", port.port),
        };
        let url = format_smolstr!("{protocol}://{address}");
        if i == 0 {
            add(format!("{prefix}_PORT"), url.clone());
        }
        let link = format!("{prefix}_PORT_{}_{}", port.port, port.protocol.upper());
        add(format!("{link}_PROTO"), protocol.into());
        add(format!("{link}_PORT"), number);
        add(format!("{link}_ADDR"), ip.into());
        add(link, url);
    }
}

/// The manifest's own variables of a container, with `$(NAME)` replaced by earlier ones and by the Services'.
///
/// # Errors
/// The kubelet's message when a ConfigMap, a Secret or one of their keys is missing (`CreateContainerConfigError`).
pub fn own_variables(
    store: &Store,
    pod: &Object,
    container: &Value,
    ips: &[IpAddr],
    node_ip: Option<IpAddr>,
    services: &[(SmolStr, SmolStr)],
) -> Result<Pairs, String> {
    let mut own: Pairs = Vec::new();
    let set = |own: &mut Pairs, name: SmolStr, value: SmolStr| match own.iter_mut().find(|(k, _)| *k == name) {
        Some(entry) => entry.1 = value,
        None => own.push((name, value)),
    };
    let namespace = &pod.key.namespace;
    for source in container.items_at(&["envFrom"]) {
        let prefix = source.str_at(&["prefix"]);
        for (kind, field) in [("ConfigMap", "configMapRef"), ("Secret", "secretRef")] {
            let Some(reference) = source.get(field) else { continue };
            let name = reference.str_at(&["name"]);
            match store.get(&ObjectKey::new(kind, namespace.clone(), name)) {
                Some(object) => {
                    let data = object.value.get("data").and_then(Value::as_map);
                    for (key, _) in data.into_iter().flat_map(|d| d.iter()) {
                        let value = data_of(object, key).unwrap_or_default();
                        set(&mut own, format_smolstr!("{prefix}{key}"), value);
                    }
                }
                None if is_optional(reference) => {}
                None => return Err(format!("{} \"{name}\" not found", kind.to_lowercase())),
            }
        }
    }
    for variable in container.items_at(&["env"]) {
        let name: SmolStr = variable.str_at(&["name"]).into();
        let text = variable.str_at(&["value"]);
        let value = if !text.is_empty() {
            expand(text, |name| own.iter().chain(services).find(|(k, _)| k == name).map(|(_, value)| value))
        } else if let Some(from) = variable.get("valueFrom") {
            match value_from(store, pod, container.text("name"), from, ips, node_ip)? {
                Some(value) => value,
                None => continue,
            }
        } else {
            SmolStr::default()
        };
        set(&mut own, name, value);
    }
    Ok(own)
}

fn is_optional(reference: &Value) -> bool {
    reference.get("optional").and_then(Value::as_bool) == Some(true)
}

/// The value of a key of a ConfigMap or (decoded) of a Secret.
fn data_of(object: &Object, key: &str) -> Option<SmolStr> {
    let text = object.value.get("data")?.get(key)?.as_smol()?;
    if object.key.kind != "Secret" {
        return Some(text);
    }
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
    String::from_utf8(bytes).ok().map(SmolStr::from)
}

fn value_from(
    store: &Store,
    pod: &Object,
    container: &str,
    from: &Value,
    ips: &[IpAddr],
    node_ip: Option<IpAddr>,
) -> Result<Option<SmolStr>, String> {
    if let Some(field) = from.get("fieldRef") {
        return Ok(Some(field_of(pod, field.str_at(&["fieldPath"]), ips, node_ip)));
    }
    if let Some(resource) = from.get("resourceFieldRef") {
        return Ok(Some(super::downward::resource(store, pod, container, resource)));
    }
    for (kind, field) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
        let Some(reference) = from.get(field) else { continue };
        let (name, key) = (reference.str_at(&["name"]), reference.str_at(&["key"]));
        let object = store.get(&ObjectKey::new(kind, pod.key.namespace.clone(), name));
        return match object.map(|o| data_of(o, key)) {
            Some(Some(value)) => Ok(Some(value)),
            _ if is_optional(reference) => Ok(None),
            None => Err(format!("{} \"{name}\" not found", kind.to_lowercase())),
            Some(None) => Err(format!("couldn't find key {key} in {kind} {}/{name}", pod.key.namespace)),
        };
    }
    Ok(Some(SmolStr::default()))
}

/// The downward API's fields.
pub(super) fn field_of(pod: &Object, path: &str, ips: &[IpAddr], node_ip: Option<IpAddr>) -> SmolStr {
    let address = |ip: Option<IpAddr>| ip.map(|ip| format_smolstr!("{ip}")).unwrap_or_default();
    match path {
        "status.podIP" => address(ips.first().copied()),
        "status.podIPs" => ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(",").into(),
        "status.hostIP" | "status.hostIPs" => address(node_ip),
        _ => {
            if let Some((field, rest)) = path.split_once("['") {
                let key = rest.trim_end_matches("']");
                let field = field.trim_start_matches("metadata.");
                return pod.value.str_at(&["metadata", field, key]).into();
            }
            let keys: Vec<&str> = path.split('.').collect();
            pod.value.str_at(&keys).into()
        }
    }
}

/// Replaces `$(NAME)` by its value; `$$` is a dollar sign; an unknown name stays as it is (`third_party/forked/golang/expansion`).
pub fn expand<'v>(text: &str, value_of: impl Fn(&str) -> Option<&'v SmolStr>) -> SmolStr {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match value_of(name) {
                Some(value) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out.into()
}

/// `/etc/hosts` as the kubelet writes it.
pub fn hosts_file(sandbox: &PodSandbox) -> SmolStr {
    let mut out = String::from(if sandbox.host_network {
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    } else {
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
    });
    if sandbox.host_network {
        out.push_str(&format!("127.0.1.1\t{}\n", sandbox.node));
    } else {
        for ip in &sandbox.ips {
            if sandbox.fqdn.is_empty() {
                out.push_str(&format!("{ip}\t{}\n", sandbox.short_hostname));
            } else {
                out.push_str(&format!("{ip}\t{}\t{}\n", sandbox.fqdn, sandbox.short_hostname));
            }
        }
    }
    let aliases = sandbox.pod.value.items_at(&["spec", "hostAliases"]);
    if !aliases.is_empty() {
        out.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            let names: Vec<&str> = alias.items_at(&["hostnames"]).iter().filter_map(Value::as_str).collect();
            out.push_str(&format!("{}\t{}\n", alias.str_at(&["ip"]), names.join("\t")));
        }
    }
    out.into()
}

/// The name that `subdomain` gives a pod: `web-0.web.default.svc.cluster.local`; empty without one.
pub fn fqdn(namespace: &str, view: &Pod, hostname: &str, cluster_domain: &str) -> SmolStr {
    if view.subdomain.is_empty() || view.host_network {
        return SmolStr::default();
    }
    format_smolstr!("{hostname}.{}.{namespace}.svc.{cluster_domain}", view.subdomain)
}

/// What a container's resolver is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolver {
    pub nameservers: Vec<SmolStr>,
    pub search: Vec<SmolStr>,
    /// `ndots:5`, `timeout:2` …
    pub options: Vec<SmolStr>,
}

/// As many name servers, search domains and characters of those has a `resolv.conf` that the kubelet writes.
const MOST_SERVERS: usize = 3;
const MOST_DOMAINS: usize = 32;
const MOST_CHARACTERS: usize = 2048;

impl Resolver {
    /// What the kubelet sets for a pod by its `dnsPolicy` and `dnsConfig`, and what it warns of: what does not fit is left out.
    pub fn formed(pod: &Object, cluster_dns: IpAddr, upstream: IpAddr, domain: &str) -> (Resolver, Vec<SmolStr>) {
        let mut resolver = Resolver::wanted(pod, cluster_dns, upstream, domain);
        let mut warnings = Vec::new();
        let fits = |domains: &[SmolStr]| domains.join(" ").len() <= MOST_CHARACTERS;
        let (servers, domains) = (resolver.nameservers.len(), resolver.search.len());
        resolver.nameservers.truncate(MOST_SERVERS);
        resolver.search.truncate(MOST_DOMAINS);
        while !fits(&resolver.search) {
            resolver.search.pop();
        }
        if resolver.search.len() < domains {
            warnings.push(format_smolstr!(
                "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {}",
                resolver.search.join(" ")
            ));
        }
        if resolver.nameservers.len() < servers {
            warnings.push(format_smolstr!(
                "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {}",
                resolver.nameservers.join(" ")
            ));
        }
        (resolver, warnings)
    }

    /// The same without the warnings.
    pub fn of(pod: &Object, cluster_dns: IpAddr, upstream: IpAddr, domain: &str) -> Resolver {
        Resolver::formed(pod, cluster_dns, upstream, domain).0
    }

    fn wanted(pod: &Object, cluster_dns: IpAddr, upstream: IpAddr, domain: &str) -> Resolver {
        let spec = |field| pod.value.str_at(&["spec", field]);
        let host_network = pod.value.at(&["spec", "hostNetwork"]).and_then(Value::as_bool) == Some(true);
        let mut resolver = match spec("dnsPolicy") {
            "None" => Resolver::default(),
            "Default" => Resolver { nameservers: vec![format_smolstr!("{upstream}")], ..Resolver::default() },
            // With the host's network, ClusterFirst means the node's resolver; ClusterFirstWithHostNet insists.
            "" | "ClusterFirst" if host_network => {
                Resolver { nameservers: vec![format_smolstr!("{upstream}")], ..Resolver::default() }
            }
            _ => Resolver {
                nameservers: vec![format_smolstr!("{cluster_dns}")],
                search: vec![
                    format_smolstr!("{}.svc.{domain}", pod.key.namespace),
                    format_smolstr!("svc.{domain}"),
                    domain.into(),
                ],
                options: vec!["ndots:5".into()],
            },
        };
        let Some(config) = pod.value.at(&["spec", "dnsConfig"]) else { return resolver };
        let add = |list: &mut Vec<SmolStr>, field: &str| {
            for item in config.items_at(&[field]).iter().filter_map(Value::as_smol) {
                if !list.contains(&item) {
                    list.push(item);
                }
            }
        };
        add(&mut resolver.nameservers, "nameservers");
        add(&mut resolver.search, "searches");
        for option in config.items_at(&["options"]) {
            let name = option.str_at(&["name"]);
            resolver.options.retain(|o| o.split(':').next() != Some(name));
            resolver.options.push(match option.get("value").and_then(Value::as_str) {
                Some(value) if !value.is_empty() => format_smolstr!("{name}:{value}"),
                _ => name.into(),
            });
        }
        resolver
    }

    /// `resolv.conf` as containerd writes it.
    pub fn file(&self) -> SmolStr {
        let mut out = String::new();
        if !self.search.is_empty() {
            out.push_str(&format!("search {}\n", self.search.join(" ")));
        }
        for server in &self.nameservers {
            out.push_str(&format!("nameserver {server}\n"));
        }
        if !self.options.is_empty() {
            out.push_str(&format!("options {}\n", self.options.join(" ")));
        }
        out.into()
    }

    /// The number of dots from which a name is first tried as it is (1 when no option says otherwise).
    pub fn ndots(&self) -> u8 {
        self.options.iter().find_map(|o| o.strip_prefix("ndots:")?.parse().ok()).unwrap_or(1)
    }
}
