//! Why a name was not found.

use super::service::service_named;
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::view::ServiceType;
use crate::network::dns::message::bare;
use crate::network::dns::{Lookup, Rcode};
use crate::trace::outcome::{CauseOfFailure, Failure, Symptom};
use crate::trace::request::Request;
use crate::trace::resolve::DnsTrouble;
use crate::trace::run::{Run, Spot};
use smol_str::SmolStr;

/// What the client sees when its name has no address, and what is wrong.
pub fn diagnose_lookup(
    run: &Run<'_, '_>,
    request: &Request,
    lookup: Lookup,
    asked: &[(SmolStr, Rcode)],
    trouble: Option<DnsTrouble>,
) -> Failure {
    let host = request.to.host.clone();
    let symptom = match &trouble {
        Some(DnsTrouble::TimedOut(_)) => Symptom::ResolveTimedOut { host: host.clone() },
        _ => Symptom::CouldNotResolve { host: host.clone() },
    };
    let (cause, because) = match trouble {
        Some(trouble) => dns_trouble(run, trouble),
        None => unknown_name(run, &host, lookup, asked),
    };
    Failure { symptom, cause, because }
}

fn dns_trouble(run: &Run<'_, '_>, trouble: DnsTrouble) -> (CauseOfFailure, Vec<FieldRef>) {
    let service = ObjectKey::new("Service", "kube-system", "kube-dns");
    let client = match &run.home {
        Spot::Pod(pod) => Some(pod.clone()),
        _ => None,
    };
    let server = match trouble {
        DnsTrouble::Refused(ip) | DnsTrouble::TimedOut(ip) => Some(ip),
        DnsTrouble::NoServer => None,
    };
    let Some(view) = run.world.store.get(&service).and_then(|o| o.view().service()) else {
        let because = client.map(|c| c.field("spec.dnsPolicy")).into_iter().collect();
        return (CauseOfFailure::DnsServiceMissing, because);
    };
    if server.is_none_or(|ip| !view.cluster_ips.contains(&ip)) {
        let because = client.map(|c| c.field("spec.dnsConfig")).into_iter().collect();
        let server = server.map(|s| smol_str::format_smolstr!("{s}")).unwrap_or_default();
        return (CauseOfFailure::NoSuchDnsServer { server }, because);
    }
    let deployment = ObjectKey::new("Deployment", "kube-system", "coredns");
    let mut because = vec![service.field("spec.selector")];
    if run.world.store.get(&deployment).is_some() {
        because.insert(0, deployment.field("spec.replicas"));
    }
    (CauseOfFailure::DnsDown, because)
}

fn unknown_name(
    run: &Run<'_, '_>,
    host: &SmolStr,
    lookup: Lookup,
    asked: &[(SmolStr, Rcode)],
) -> (CauseOfFailure, Vec<FieldRef>) {
    let store = run.world.store;
    let meant = service_named(run, host);
    let service = meant.as_ref().and_then(|key| store.get(key)?.view().service());
    // Does the client ask the cluster's DNS at all?
    let (conf, because) = run.resolv_conf();
    let asks_cluster = conf.servers.iter().any(|s| run.world.network.config.cluster_dns.contains(s));
    if let (Some(key), Some(service)) = (&meant, service) {
        if !asks_cluster {
            return match &run.home {
                Spot::Pod(pod) => (CauseOfFailure::PodAsksOtherDns { pod: pod.clone() }, because),
                _ if service.type_ == ServiceType::LoadBalancer
                    && service.load_balancer.is_empty()
                    && !host.contains(".svc") =>
                {
                    (
                        CauseOfFailure::LoadBalancerPending { service: key.clone() },
                        vec![key.field("status.loadBalancer"), key.field("spec.type")],
                    )
                }
                _ => (CauseOfFailure::ClusterNameFromOutside { service: key.clone() }, vec![key.field("spec.type")]),
            };
        }
        if service.type_ == ServiceType::ExternalName {
            let target = service.external_name.clone();
            let because = vec![key.field("spec.externalName")];
            return (CauseOfFailure::ExternalNameUnresolved { service: key.clone(), target }, because);
        }
        if service.headless && lookup == Lookup::NotFound && is_own_name(host, &key.name) {
            let because = vec![key.field("spec.selector"), key.field("spec.publishNotReadyAddresses")];
            return (CauseOfFailure::HeadlessWithoutEndpoints { service: key.clone() }, because);
        }
        if lookup == Lookup::NoData {
            return (CauseOfFailure::NoAddressOfFamily { service: key.clone() }, vec![key.field("spec.ipFamilies")]);
        }
    }
    if !asks_cluster && let Some(ingress) = ingress_for(run, host) {
        return (CauseOfFailure::HostNotInDns { host: host.clone() }, vec![ingress]);
    }
    let labels: Vec<&str> = bare(host).split('.').collect();
    let (name, namespace) = (labels[0], labels.get(1).copied());
    let asked_from = match &run.home {
        Spot::Pod(pod) => pod.namespace.clone(),
        _ => "default".into(),
    };
    if namespace.is_none()
        && let Some(other) = store.list("Service").find(|o| o.name() == name && *o.namespace() != asked_from)
    {
        let service = other.key.clone();
        let because = vec![service.field("metadata.namespace")];
        return (CauseOfFailure::ServiceInOtherNamespace { service, asked_from }, because);
    }
    if let Some(namespace) = namespace
        && store.get(&ObjectKey::new("Namespace", "", namespace)).is_none()
        && store.list("Service").any(|o| o.name() == name)
    {
        let cause = CauseOfFailure::NoSuchNamespace { namespace: namespace.into() };
        return (cause, Vec::new());
    }
    if let Some(namespace) = namespace
        && let Some(other) = store.list("Service").find(|o| o.name() == name && o.namespace() != namespace)
        && store.get(&ObjectKey::new("Namespace", "", namespace)).is_some()
    {
        let service = other.key.clone();
        let because = vec![service.field("metadata.namespace")];
        return (CauseOfFailure::ServiceInOtherNamespace { service, asked_from: namespace.into() }, because);
    }
    let wanted = namespace.map_or(asked_from, SmolStr::from);
    let nearest = store
        .list("Service")
        .filter(|o| *o.namespace() == wanted)
        .map(|o| (distance(o.name(), name), o))
        .filter(|(d, _)| *d <= 2)
        .min_by_key(|(d, _)| *d)
        .map(|(_, o)| o.key.clone());
    let because = nearest.iter().map(|key| key.field("metadata.name")).collect();
    let _ = asked;
    (CauseOfFailure::NoSuchName { name: host.clone() }, because)
}

fn is_own_name(host: &str, service: &str) -> bool {
    host.split('.').next().is_some_and(|first| first.eq_ignore_ascii_case(service))
}

/// The Ingress or HTTPRoute that serves a host name.
pub fn ingress_for(run: &Run<'_, '_>, host: &str) -> Option<FieldRef> {
    run.world.store.list("Ingress").find_map(|object| {
        let rules = object.value.items_at(&["spec", "rules"]);
        let i = rules.iter().position(|r| {
            let name = r.str_at(&["host"]);
            !name.is_empty() && crate::network::tls::matches_host(name, host)
        })?;
        Some(object.key.field(smol_str::format_smolstr!("spec.rules[{i}].host").as_str()))
    })
}

/// How many letters must change, come or go to make one word of another (restricted Damerau-Levenshtein).
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
