//! What a cluster must be made of so that pasted objects can stand in it as they stood: its nodes with their pod networks, its
//! Service network, its DNS.

use crate::api::object::ObjectKey;
use crate::api::value::Value;
use crate::arrange::map_of;
use crate::cluster::{Cluster, NodeSettings, Settings};
use ipnet::{IpNet, Ipv4Net};
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// More nodes than the link-local network has small networks for.
const MOST_NODES: usize = 4_096;

/// Builds a cluster that the objects fit into. `objects`: kind in the store, and content; nodes get the pod networks that they
/// have in it.
pub fn fitting(objects: &mut [(SmolStr, Value)]) -> Cluster {
    let settings = settings(objects);
    let networks: BTreeMap<SmolStr, Vec<SmolStr>> =
        map_of(settings.nodes.iter().map(|n| (n.name.clone(), n.pod_cidrs.clone())));
    let brings_dns = objects.iter().any(|(kind, v)| kind == "Pod" && is_dns_pod(v));
    let mut cluster = Cluster::new(settings);
    if brings_dns {
        forget_own_dns(&mut cluster);
    }
    for (_, value) in objects.iter_mut().filter(|(kind, _)| kind == "Node") {
        // Its own pod network, and a route to every pod of it that lies elsewhere.
        let cidrs = networks.get(value.str_at(&["metadata", "name"])).cloned().unwrap_or_default();
        value.set_at(&["spec", "podCIDR"], cidrs.first().cloned().unwrap_or_default());
        value.set_at(&["spec", "podCIDRs"], Value::list(cidrs.iter().map(Value::from).collect()));
    }
    cluster
}

fn is_dns_pod(value: &Value) -> bool {
    value.str_at(&["metadata", "namespace"]) == "kube-system"
        && value.str_at(&["metadata", "labels", "k8s-app"]) == "kube-dns"
}

/// A new cluster brings a CoreDNS of its own; here the pasted one counts.
fn forget_own_dns(cluster: &mut Cluster) {
    let own: Vec<ObjectKey> = cluster
        .store()
        .iter()
        .filter(|o| {
            o.namespace() == "kube-system"
                && matches!(o.key.kind.as_str(), "Deployment" | "ReplicaSet" | "Pod" | "Endpoints" | "EndpointSlice")
        })
        .map(|o| o.key.clone())
        .collect();
    cluster.forget(&own);
}

fn settings(objects: &[(SmolStr, Value)]) -> Settings {
    let of_kind = |kind: &'static str| objects.iter().filter(move |(k, _)| k == kind).map(|(_, v)| v);
    let mut nodes: BTreeMap<SmolStr, Option<IpAddr>> = BTreeMap::new();
    for node in of_kind("Node") {
        let internal = node.items_at(&["status", "addresses"]).iter().find(|a| a.text("type") == "InternalIP");
        let ip = internal.and_then(|a| a.text("address").parse().ok());
        nodes.insert(node.str_at(&["metadata", "name"]).into(), ip);
    }
    let mut pods: BTreeMap<SmolStr, Vec<IpAddr>> = BTreeMap::new();
    for pod in of_kind("Pod") {
        let node = pod.str_at(&["spec", "nodeName"]);
        if node.is_empty() {
            continue;
        }
        let host = pod.str_at(&["status", "hostIP"]).parse().ok();
        let known = nodes.entry(node.into()).or_insert(host);
        *known = known.or(host);
        if !pod.at(&["spec"]).is_some_and(|s| s.flag("hostNetwork")) {
            pods.entry(node.into()).or_default().extend(addresses(pod));
        }
    }
    let mut given: BTreeMap<SmolStr, Vec<SmolStr>> = BTreeMap::new();
    for node in of_kind("Node") {
        let list = node.items_at(&["spec", "podCIDRs"]).iter().filter_map(Value::as_smol).collect();
        given.insert(node.str_at(&["metadata", "name"]).into(), list);
    }
    let mut made: Vec<NodeSettings> = Vec::new();
    for (i, (name, ip)) in nodes.into_iter().take(MOST_NODES).enumerate() {
        let own = given.remove(&name).unwrap_or_default();
        let nets: Vec<IpNet> = own.iter().filter_map(|c| c.parse().ok()).collect();
        // What the doctor itself puts there must not take an address that somebody has.
        let mut pod_cidrs = vec![guests(i)];
        pod_cidrs.extend(own);
        let elsewhere =
            pods.remove(&name).unwrap_or_default().into_iter().filter(|ip| !nets.iter().any(|n| n.contains(ip)));
        pod_cidrs.extend(elsewhere.map(|ip| format_smolstr!("{}", IpNet::from(ip))));
        made.push(NodeSettings {
            ip: ip.unwrap_or(NodeSettings::numbered(i).ip),
            name,
            pod_cidrs,
            ..NodeSettings::numbered(i)
        });
    }
    let service = |namespace: &str, name: &str| {
        of_kind("Service")
            .find(|s| s.str_at(&["metadata", "namespace"]) == namespace && s.str_at(&["metadata", "name"]) == name)
            .and_then(|s| s.str_at(&["spec", "clusterIP"]).parse::<IpAddr>().ok())
    };
    let ips: Vec<IpAddr> = of_kind("Service").filter_map(|s| s.str_at(&["spec", "clusterIP"]).parse().ok()).collect();
    let mut settings = Settings::default();
    if !made.is_empty() {
        settings.nodes = made;
    }
    if let Some(cidr) = covering(&ips) {
        settings.service_cidr = format_smolstr!("{cidr}");
        settings.dns_ip = service("kube-system", "kube-dns")
            .or_else(|| ips_of_labelled_dns(objects))
            .unwrap_or_else(|| free_address(&cidr, &ips));
    }
    settings
}

/// A cluster's DNS Service by another name (`rke2-coredns`, `dns-default`…).
fn ips_of_labelled_dns(objects: &[(SmolStr, Value)]) -> Option<IpAddr> {
    let dns = objects
        .iter()
        .find(|(kind, v)| kind == "Service" && v.str_at(&["metadata", "labels", "k8s-app"]) == "kube-dns");
    dns.and_then(|(_, v)| v.str_at(&["spec", "clusterIP"]).parse().ok())
}

fn addresses(pod: &Value) -> Vec<IpAddr> {
    let listed = pod.items_at(&["status", "podIPs"]).iter().filter_map(|p| p.text("ip").parse().ok());
    let all: Vec<IpAddr> = listed.collect();
    if all.is_empty() { pod.str_at(&["status", "podIP"]).parse().into_iter().collect() } else { all }
}

/// The small network on the `index`-th node that the doctor's own pods live in.
fn guests(index: usize) -> SmolStr {
    let start = u32::from(Ipv4Addr::new(169, 254, 0, 0)) + (index as u32 % MOST_NODES as u32) * 16;
    format_smolstr!("{}/28", Ipv4Addr::from(start))
}

/// The smallest network, /16 or wider, that holds every IPv4 ClusterIP.
fn covering(ips: &[IpAddr]) -> Option<IpNet> {
    let v4: Vec<Ipv4Addr> =
        ips.iter().filter_map(|ip| if let IpAddr::V4(v4) = ip { Some(*v4) } else { None }).collect();
    let mut net = Ipv4Net::new(*v4.first()?, 16).ok()?.trunc();
    while !v4.iter().all(|ip| net.contains(ip)) {
        net = net.supernet()?;
    }
    Some(IpNet::V4(net))
}

/// An address of the network that no Service has.
fn free_address(net: &IpNet, taken: &[IpAddr]) -> IpAddr {
    net.hosts().skip(9).find(|ip| !taken.contains(ip)).unwrap_or(IpAddr::from([10, 96, 0, 10]))
}
