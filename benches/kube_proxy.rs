//! kube-proxy's rules: how long it takes to make all of them, to follow one endpoint's change, and to run packets through
//! them. `cargo bench --bench kube_proxy` prints one table; figures of the real proxier stand in `tests/oracle/timing.json`.

use giljabi::api::object::Object;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::network::kube_proxy::{DetectLocal, Family, KubeProxies, Mode, Settings};
use giljabi::network::netfilter::{Context, Hook, LocalAddresses, Memory, Passage};
use giljabi::network::packet::Packet;
use giljabi::value;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

fn main() {
    println!("{:<58}{:>10}{:>12}{:>12}", "what", "runs", "median ms", "best ms");
    for services in [1_000, 10_000] {
        let store = cluster(services, 10, 3);
        for mode in [Mode::Iptables, Mode::Nftables, Mode::Ipvs] {
            syncs(&store, services, mode);
        }
    }
    for endpoints in [10, 100, 1_000] {
        for mode in [Mode::Iptables, Mode::Nftables, Mode::Ipvs] {
            walks(endpoints, mode);
        }
    }
}

fn settings(mode: Mode) -> Settings {
    let pods = "10.128.0.0/9".parse().expect("a network");
    Settings { mode, detect_local: DetectLocal::Cluster(vec![pods]), ..Settings::default() }
}

fn service_ip(i: usize) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 0)) + 1 + i as u32).into()
}

fn pod_ip(i: usize) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 0)) + 1 + i as u32).into()
}

fn slice(service: usize, endpoints: usize, nodes: usize, ready: bool) -> Value {
    let endpoint = |i: usize| {
        let node = format!("node-{}", i % nodes + 1);
        value!({
            "addresses": [(pod_ip(service * endpoints + i).to_string())],
            "conditions": { "ready": (ready || i > 0) },
            "nodeName": (node),
        })
    };
    value!({
        "addressType": "IPv4",
        "metadata": {
            "name": (format!("web-{service}-abcde")),
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": (format!("web-{service}")) },
        },
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        "endpoints": (Value::list((0..endpoints).map(endpoint).collect())),
    })
}

/// ClusterIP Services of one port over some nodes.
fn cluster(services: usize, endpoints: usize, nodes: usize) -> Store {
    let mut store = Store::default();
    let mut put = |kind: &str, value: Value| store.put(Object::new(kind, value), Cause::Bootstrap, Time(0));
    for node in 1..=nodes {
        let address = format!("192.168.49.{}", node + 1);
        put(
            "Node",
            value!({
                "metadata": { "name": (format!("node-{node}")) },
                "status": { "addresses": [{ "type": "InternalIP", "address": (address) }] },
            }),
        );
    }
    for service in 0..services {
        let ip = service_ip(service).to_string();
        put(
            "Service",
            value!({
                "metadata": { "name": (format!("web-{service}")), "namespace": "default" },
                "spec": {
                    "type": "ClusterIP",
                    "clusterIP": (ip.as_str()),
                    "clusterIPs": [(ip.as_str())],
                    "ports": [{ "name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080 }],
                },
            }),
        );
        put("EndpointSlice", slice(service, endpoints, nodes, true));
    }
    store
}

fn syncs(store: &Store, services: usize, mode: Mode) {
    let name = |what: &str| format!("{}: {services} Services of 10, {what}", mode.name());
    measure(&name("first sync, rules made when asked for"), 5, || {
        let mut proxies = KubeProxies::new(settings(mode));
        proxies.sync(store);
        proxies
    });
    measure(&name("first sync, all rules made (one node)"), 5, || {
        let mut proxies = KubeProxies::new(settings(mode));
        proxies.sync(store);
        for chunk in proxies.node("node-1").and_then(|n| n.program(Family::V4)).into_iter().flat_map(|p| p.chunks()) {
            black_box(chunk.rules());
        }
        proxies
    });
    let mut proxies = KubeProxies::new(settings(mode));
    proxies.sync(store);
    if mode == Mode::Iptables {
        measure(&name("full restore input as text"), 5, || {
            proxies.node("node-1").and_then(|n| n.tables(Family::V4)).map(|t| t.full_input())
        });
    }
    let mut store = store.clone();
    let mut ready = true;
    measure(&name("one endpoint flips, three nodes"), 101, || {
        ready = !ready;
        store.put(Object::new("EndpointSlice", slice(services / 2, 10, 3, ready)), Cause::User, Time(0));
        proxies.sync(&store);
    });
}

fn walks(endpoints: usize, mode: Mode) {
    let store = cluster(1_000, endpoints.min(100), 3);
    let mut store = store;
    store.put(Object::new("EndpointSlice", slice(0, endpoints, 3, true)), Cause::User, Time(0));
    let mut proxies = KubeProxies::new(settings(mode));
    proxies.sync(&store);
    let program = proxies.node("node-1").and_then(|n| n.program(Family::V4)).expect("rules");
    let local = LocalAddresses::new([IpAddr::from([192, 168, 49, 2])]);
    let (mut memory, mut rng) = (Memory::default(), fastrand::Rng::with_seed(7));
    let mut trail = Vec::new();
    let count = 100_000;
    let started = Instant::now();
    for i in 0..count {
        let source = SocketAddr::new(IpAddr::from([10, 128, 200, 9]), 1024 + (i % 60_000) as u16);
        let mut passage = Passage::new(Packet::tcp_syn(source, SocketAddr::new(service_ip(0), 80)));
        let mut context = Context { local: &local, memory: &mut memory, rng: &mut rng, now: Time(i) };
        trail.clear();
        let entry = program.walk(Hook::Prerouting, &mut passage, &mut context, &mut trail);
        let hook = if mode == Mode::Ipvs { Hook::Input } else { Hook::Forward };
        let filter = program.walk(hook, &mut passage, &mut context, &mut trail);
        let out = program.walk(Hook::Postrouting, &mut passage, &mut context, &mut trail);
        black_box((entry, filter, out, passage, trail.len()));
    }
    let seconds = started.elapsed().as_secs_f64();
    let what = format!("{}: packets through a ClusterIP of {endpoints} endpoints", mode.name());
    println!("{what:<58}{:>10}{:>24.0} a second", count, count as f64 / seconds);
}

fn measure<T>(what: &str, runs: usize, mut work: impl FnMut() -> T) {
    let mut times: Vec<f64> = (0..runs)
        .map(|_| {
            let started = Instant::now();
            black_box(work());
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{what:<58}{runs:>10}{:>12.3}{:>12.3}", times[runs / 2], times[0]);
}
