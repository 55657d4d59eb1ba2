//! kube-proxy's rules: how long it takes to make all of them, to follow one endpoint's change, and to run packets through
//! them. `cargo bench --bench kube_proxy [-- MODE]` prints one table; figures of the real proxier stand in
//! `tests/oracle/timing.json`. Beside the time on the clock stands the time on the processor, for machines that do other
//! work meanwhile.

use giljabi::api::object::Object;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::network::conntrack::Conntrack;
use giljabi::network::kube_proxy::{DetectLocal, Family, KubeProxies, Mode, Settings};
use giljabi::network::netfilter::{Context, Hook, LocalAddresses, Memory, Passage};
use giljabi::network::packet::Packet;
use giljabi::value;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

fn main() {
    println!("{:<66}{:>6}{:>12}{:>12}", "what", "runs", "median ms", "CPU ms");
    let only = std::env::args().skip(1).find_map(|word| Mode::read(&word));
    let modes = [Mode::Iptables, Mode::Nftables, Mode::Ipvs].into_iter().filter(|m| only.is_none_or(|o| o == *m));
    for services in [1_000, 10_000] {
        let store = cluster(services, 10, 1);
        modes.clone().for_each(|mode| syncs(&store, services, mode));
        let store = cluster(services, 10, 3);
        modes.clone().for_each(|mode| flips(&store, services, mode));
    }
    for endpoints in [10, 100, 1_000] {
        modes.clone().for_each(|mode| walks(endpoints, mode));
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

fn slice(service: usize, endpoints: usize, ready: bool) -> Value {
    let endpoint = |i: usize| {
        let node = format!("node-{}", i % 3 + 1);
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

fn node(number: usize, zone: usize) -> Value {
    value!({
        "metadata": {
            "name": (format!("node-{number}")),
            "labels": { "topology.kubernetes.io/zone": (format!("zone-{zone}")) },
        },
        "status": { "addresses": [{ "type": "InternalIP", "address": (format!("192.168.49.{}", number + 1)) }] },
    })
}

/// ClusterIP Services of one port, their endpoints over three nodes; kube-proxies on the first `nodes` of them.
fn cluster(services: usize, endpoints: usize, nodes: usize) -> Store {
    let mut store = Store::default();
    let mut put = |kind: &str, value: Value| store.put(Object::new(kind, value), Cause::Bootstrap, Time(0));
    for number in 1..=nodes {
        put("Node", node(number, 0));
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
        put("EndpointSlice", slice(service, endpoints, true));
    }
    store
}

fn syncs(store: &Store, services: usize, mode: Mode) {
    let name = |what: &str| format!("{}: {services} Services of 10, {what}", mode.name());
    measure(&name("first sync"), 5, || {
        let mut proxies = KubeProxies::new(settings(mode));
        proxies.sync(store);
        proxies
    });
    measure(&name("first sync, all rules made"), 5, || {
        let mut proxies = KubeProxies::new(settings(mode));
        proxies.sync(store);
        make_all(&proxies);
        proxies
    });
    let mut proxies = KubeProxies::new(settings(mode));
    proxies.sync(store);
    let mut store = store.clone();
    let mut zone = 0;
    measure(&name("all rules made again and listed"), 5, || {
        // Another zone: what is known of Services stays, the node's rules are made from scratch.
        zone += 1;
        store.put(Object::new("Node", node(1, zone)), Cause::User, Time(0));
        proxies.sync(&store);
        make_all(&proxies);
        let tables = proxies.node("node-1").and_then(|n| n.tables(Family::V4)).expect("rules");
        if mode == Mode::Iptables { tables.full_input().text().len() } else { tables.listings().len() }
    });
}

fn make_all(proxies: &KubeProxies) {
    for chunk in proxies.node("node-1").and_then(|n| n.program(Family::V4)).into_iter().flat_map(|p| p.chunks()) {
        black_box(chunk.rules());
    }
}

fn flips(store: &Store, services: usize, mode: Mode) {
    let mut proxies = KubeProxies::new(settings(mode));
    proxies.sync(store);
    let mut store = store.clone();
    let mut ready = true;
    let name = format!("{}: {services} Services of 10, one endpoint flips, three nodes", mode.name());
    measure(&name, 101, || {
        ready = !ready;
        store.put(Object::new("EndpointSlice", slice(services / 2, 10, ready)), Cause::User, Time(0));
        proxies.sync(&store)
    });
}

fn walks(endpoints: usize, mode: Mode) {
    let store = cluster(1_000, endpoints.min(100), 3);
    let mut store = store;
    store.put(Object::new("EndpointSlice", slice(0, endpoints, true)), Cause::User, Time(0));
    let mut proxies = KubeProxies::new(settings(mode));
    proxies.sync(&store);
    let program = proxies.node("node-1").and_then(|n| n.program(Family::V4)).expect("rules");
    let local = LocalAddresses::new([IpAddr::from([192, 168, 49, 2])]);
    let (mut memory, mut rng) = (Memory::default(), fastrand::Rng::with_seed(7));
    let mut trail = Vec::new();
    let count = 100_000;
    let (started, before) = (Instant::now(), on_processor());
    for i in 0..count {
        let source = SocketAddr::new(IpAddr::from([10, 128, 200, 9]), 1024 + (i % 60_000) as u16);
        let mut passage = Passage::new(Packet::tcp_syn(source, SocketAddr::new(service_ip(0), 80)));
        let mut context = Context {
            local: &local,
            flows: &Conntrack::default(),
            memory: &mut memory,
            rng: &mut rng,
            now: Time(i),
            misses: false,
            lots: None,
        };
        trail.clear();
        let entry = program.walk(Hook::Prerouting, &mut passage, &mut context, &mut trail);
        let hook = if mode == Mode::Ipvs { Hook::Input } else { Hook::Forward };
        let filter = program.walk(hook, &mut passage, &mut context, &mut trail);
        let out = program.walk(Hook::Postrouting, &mut passage, &mut context, &mut trail);
        black_box((entry, filter, out, passage, trail.len()));
    }
    let seconds = started.elapsed().as_secs_f64();
    let what = format!("{}: packets through a ClusterIP of {endpoints} endpoints", mode.name());
    let busy = (on_processor() - before) / 1e9;
    let per_second = |seconds: f64| count as f64 / seconds;
    println!("{what:<66}{count:>6}{:>12.0}{:>12.0} a second", per_second(seconds), per_second(busy));
}

/// Nanoseconds that this thread has been on a processor; 0 where the system does not tell.
fn on_processor() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

fn measure<T>(what: &str, runs: usize, mut work: impl FnMut() -> T) {
    let mut times: Vec<(f64, f64)> = (0..runs)
        .map(|_| {
            let (started, before) = (Instant::now(), on_processor());
            let made = black_box(work());
            let times = (started.elapsed().as_secs_f64() * 1e3, (on_processor() - before) / 1e6);
            // What was made is given back outside of the measured time.
            drop(made);
            times
        })
        .collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let clock = times[runs / 2].0;
    times.sort_by(|a, b| a.1.total_cmp(&b.1));
    println!("{what:<66}{runs:>6}{clock:>12.3}{:>12.3}", times[runs / 2].1);
}
