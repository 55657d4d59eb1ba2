//! Properties of kube-proxy's rules over random clusters, in all three modes: what a walk may meet, that the quick way to
//! find rules is no other way, that following changes ends where starting anew begins, and that lots fall as they should.

mod balance;

use fastrand::Rng;
use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::time::{Duration, Time};
use giljabi::api::value::Value;
use giljabi::api::view::Protocol;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::network::conntrack::{Conntrack, FlowState, Tuple};
use giljabi::network::kube_proxy::{
    DetectLocal, Family, FamilyTables, KubeProxies, Mode, NodePortAddress, Settings, select,
};
use giljabi::network::netfilter::{
    Context, CtState, Hook, LocalAddresses, Memory, Passage, Possible, Program, Scheduler, Table, Verdict, ipvs_text,
    nft_text,
};
use giljabi::network::packet::{Packet, Segment};
use giljabi::value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const MODES: [Mode; 3] = [Mode::Iptables, Mode::Ipvs, Mode::Nftables];
const NODES: usize = 3;

/// A cluster that grows and changes at random.
struct Random {
    rng: Rng,
    store: Store,
}

impl Random {
    fn new(seed: u64) -> Random {
        let mut random = Random { rng: Rng::with_seed(seed), store: Store::default() };
        for node in 1..=NODES {
            random.put_node(node, &format!("zone-{}", (b'a' + node as u8 % 3) as char));
        }
        for service in 0..6 {
            random.put_service(service);
            random.put_slice(service);
        }
        random
    }

    fn put(&mut self, kind: &str, value: Value) {
        self.store.put(Object::new(kind, value), Cause::User, Time(0));
    }

    fn put_node(&mut self, node: usize, zone: &str) {
        let (v4, v6) = (format!("192.168.49.{}", node + 1), format!("fd00:49::{node}"));
        self.put(
            "Node",
            value!({
                "metadata": {
                    "name": (format!("node-{node}")),
                    "labels": { "topology.kubernetes.io/zone": zone },
                },
                "spec": { "podCIDRs": [(format!("10.244.{node}.0/24")), (format!("fd00:244:0:{node}::/64"))] },
                "status": { "addresses": [
                    { "type": "InternalIP", "address": (v4) },
                    { "type": "InternalIP", "address": (v6) },
                ] },
            }),
        );
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.rng.usize(..words.len())]
    }

    fn put_service(&mut self, service: usize) {
        let (v4, v6) = (format!("10.96.0.{}", service + 1), format!("fd00:96::{}", service + 1));
        let kind = self.pick(&["ClusterIP", "NodePort", "LoadBalancer", "ClusterIP", "ExternalName"]);
        let mut spec = value!({ "type": kind, "clusterIP": (v4.as_str()), "clusterIPs": [(v4.as_str())] });
        if self.chance(40) {
            spec.set_at(&["clusterIPs"], value!([(v4.as_str()), (v6)]));
        }
        if kind == "ClusterIP" && self.chance(10) {
            spec.set_at(&["clusterIP"], "None");
            spec.set_at(&["clusterIPs"], value!(["None"]));
        }
        let outside = matches!(kind, "NodePort" | "LoadBalancer");
        let mut ports = Vec::new();
        for (i, (name, protocol)) in [("http", "TCP"), ("dns", "UDP")].into_iter().enumerate() {
            if i > 0 && self.chance(60) {
                continue;
            }
            let mut port = value!({ "name": name, "protocol": protocol, "port": (80 + i as i64), "targetPort": 8080 });
            if outside {
                port.set_at(&["nodePort"], 30_000 + (service * 2 + i) as i64);
            }
            ports.push(port);
        }
        spec.set_at(&["ports"], Value::list(ports));
        if self.chance(30) {
            spec.set_at(&["externalIPs"], value!(["203.0.113.9", "2001:db8::9"]));
        }
        if self.chance(30) {
            spec.set_at(&["externalTrafficPolicy"], "Local");
        }
        if self.chance(30) {
            spec.set_at(&["internalTrafficPolicy"], "Local");
        }
        if self.chance(30) {
            spec.set_at(&["sessionAffinity"], "ClientIP");
            spec.set_at(&["sessionAffinityConfig", "clientIP", "timeoutSeconds"], 60);
        }
        let mut status = value!({});
        if kind == "LoadBalancer" {
            spec.set_at(&["healthCheckNodePort"], 31_000 + service as i64);
            if self.chance(80) {
                status =
                    value!({ "loadBalancer": { "ingress": [{ "ip": (format!("198.51.100.{}", service + 10)) }] } });
            }
            if self.chance(40) {
                let range = self.pick(&["203.0.113.0/24", "192.168.49.0/24", "10.0.0.0/8", "0.0.0.0/0"]);
                spec.set_at(&["loadBalancerSourceRanges"], value!([range]));
            }
        }
        let metadata = value!({ "name": (format!("s{service}")), "namespace": "default" });
        self.put("Service", value!({ "metadata": (metadata), "spec": (spec), "status": (status) }));
    }

    fn put_slice(&mut self, service: usize) {
        let v6 = self.chance(25);
        let mut endpoints = Vec::new();
        for _ in 0..self.rng.usize(..6) {
            let node = self.rng.usize(1..=NODES);
            let last = self.rng.u8(2..12);
            let ip = if v6 { format!("fd00:244:0:{node}::{last}") } else { format!("10.244.{node}.{last}") };
            let ready = self.chance(65);
            let mut endpoint = value!({
                "addresses": [(ip)],
                "conditions": {
                    "ready": ready,
                    "serving": (ready || self.chance(50)),
                    "terminating": (!ready && self.chance(50)),
                },
                "nodeName": (format!("node-{node}")),
            });
            if self.chance(50) {
                let zone = format!("zone-{}", (b'a' + self.rng.u8(..3)) as char);
                endpoint.set_at(&["hints", "forZones"], value!([{ "name": (zone) }]));
            }
            if self.chance(50) {
                endpoint.set_at(&["hints", "forNodes"], value!([{ "name": (format!("node-{node}")) }]));
            }
            endpoints.push(endpoint);
        }
        let part = self.rng.u8(..2);
        self.put(
            "EndpointSlice",
            value!({
                "metadata": {
                    "name": (format!("s{service}-{part}{}", if v6 { "six" } else { "" })),
                    "namespace": "default",
                    "labels": { "kubernetes.io/service-name": (format!("s{service}")) },
                },
                "addressType": (if v6 { "IPv6" } else { "IPv4" }),
                "ports": [
                    { "name": "http", "protocol": "TCP", "port": 8080 },
                    { "name": "dns", "protocol": "UDP", "port": 5353 },
                ],
                "endpoints": (Value::list(endpoints)),
            }),
        );
    }

    fn change(&mut self) {
        let service = self.rng.usize(..8);
        match self.rng.u8(..10) {
            0..=4 => self.put_slice(service),
            5..=6 => self.put_service(service),
            7 => {
                let key = ObjectKey::new("Service", "default", format!("s{service}"));
                self.store.remove(&key, Cause::User, Time(0));
            }
            8 => {
                let key = ObjectKey::new("EndpointSlice", "default", format!("s{service}-{}", self.rng.u8(..2)));
                self.store.remove(&key, Cause::User, Time(0));
            }
            _ => {
                let (node, zone) = (self.rng.usize(1..=NODES), self.pick(&["zone-a", "zone-b", "zone-c"]));
                self.put_node(node, zone);
            }
        }
    }

    fn packet(&mut self) -> Packet {
        let sources = ["10.244.1.5", "10.244.2.7", "192.168.49.2", "192.168.49.3", "203.0.113.200", "127.0.0.1"];
        let src: IpAddr = self.pick(&sources).parse().expect("an address");
        let dst: IpAddr = match self.rng.u8(..6) {
            0..=2 => IpAddr::from([10, 96, 0, self.rng.u8(1..10)]),
            3 => IpAddr::from([192, 168, 49, self.rng.u8(2..5)]),
            4 => IpAddr::from([198, 51, 100, self.rng.u8(10..18)]),
            _ => IpAddr::from([203, 0, 113, 9]),
        };
        let port = match self.rng.u8(..4) {
            0..=1 => 80 + u16::from(self.rng.bool()),
            2 => 30_000 + self.rng.u16(..18),
            _ => 31_000 + self.rng.u16(..8),
        };
        let udp = self.rng.bool();
        Packet {
            src: SocketAddr::new(src, self.rng.u16(1024..)),
            dst: SocketAddr::new(dst, port),
            protocol: if udp { Protocol::Udp } else { Protocol::Tcp },
            segment: if udp { Segment::Datagram } else { Segment::Syn },
            mark: 0,
            ttl: 64,
        }
    }
}

fn settings(mode: Mode, seed: u64) -> Settings {
    let detect_local = match seed % 3 {
        0 => DetectLocal::Cluster(vec!["10.244.0.0/16".parse().unwrap(), "fd00:244::/48".parse().unwrap()]),
        1 => DetectLocal::Node,
        _ => DetectLocal::Off,
    };
    let node_port_addresses = if seed.is_multiple_of(4) { vec![NodePortAddress::Primary] } else { Vec::new() };
    Settings { mode, detect_local, node_port_addresses, masquerade_all: seed.is_multiple_of(5), ..Settings::default() }
}

fn synced(store: &Store, settings: Settings) -> KubeProxies {
    let mut proxies = KubeProxies::new(settings);
    proxies.sync(store);
    proxies
}

fn tables(proxies: &KubeProxies, node: usize, family: Family) -> &FamilyTables {
    proxies.node(&format!("node-{node}")).expect("the node").tables(family).expect("its rules")
}

fn local(node: usize) -> LocalAddresses {
    LocalAddresses::new([IpAddr::from([192, 168, 49, node as u8 + 1])])
}

/// Everything that can be printed of a node's rules.
fn texts(proxies: &KubeProxies) -> Vec<String> {
    let mut texts = Vec::new();
    for node in 1..=NODES {
        for family in [Family::V4, Family::V6] {
            let tables = tables(proxies, node, family);
            texts.push(match proxies.settings().mode {
                Mode::Iptables => tables.full_input().text(),
                Mode::Nftables => nft_text::list(&tables.program),
                Mode::Ipvs => ipvs_text::servers(&tables.program, None) + &ipvs_text::sets(&tables.program),
            });
            texts.extend(tables.iptables_save());
        }
    }
    texts
}

fn same_texts(one: &KubeProxies, other: &KubeProxies, when: &str) {
    for (one, other) in texts(one).iter().zip(&texts(other)) {
        // The first line that differs says enough.
        for (a, b) in one.lines().zip(other.lines()) {
            assert_eq!(a, b, "{when}");
        }
        assert_eq!(one.len(), other.len(), "{when}");
    }
}

/// A packet's way from the wire through a node: the hooks, one after the other.
fn pass<'p>(
    program: &'p Program,
    linear: bool,
    passage: &mut Passage,
    context: &mut Context<'_>,
    trail: &mut Vec<giljabi::network::netfilter::Hit<'p>>,
) -> Verdict {
    let entry = if context.local.contains(&passage.packet.src.ip()) { Hook::Output } else { Hook::Prerouting };
    let mut walk = |hook: Hook, passage: &mut Passage| {
        if linear {
            program.walk_linear(hook, passage, context, trail)
        } else {
            program.walk(hook, passage, context, trail)
        }
    };
    let mut verdict = walk(entry, passage);
    for hook in [Hook::Input, Hook::Forward, Hook::Postrouting] {
        if verdict == Verdict::Accept {
            verdict = walk(hook, passage);
        }
    }
    verdict
}

#[test]
fn the_quick_way_to_find_rules_leaves_the_same_trail_as_trying_all() {
    for seed in 0..8 {
        let mut random = Random::new(seed);
        for mode in MODES {
            let proxies = synced(&random.store, settings(mode, seed));
            for node in 1..=NODES {
                let program = &tables(&proxies, node, Family::V4).program;
                let local = local(node);
                let (mut quick, mut linear) = (Memory::default(), Memory::default());
                let mut rngs = [Rng::with_seed(seed), Rng::with_seed(seed)];
                for i in 0..150 {
                    let mut passage = Passage::new(random.packet());
                    if random.chance(10) {
                        passage.state = CtState::Established;
                    }
                    let mut other = passage;
                    let now = Time(0) + Duration::secs(i);
                    let [a, b] = &mut rngs;
                    let (mut trail, mut other_trail) = (Vec::new(), Vec::new());
                    let mut context = Context {
                        local: &local,
                        flows: &Conntrack::default(),
                        memory: &mut quick,
                        rng: a,
                        now,
                        misses: true,
                        lots: None,
                    };
                    let verdict = pass(program, false, &mut passage, &mut context, &mut trail);
                    let mut context = Context {
                        local: &local,
                        flows: &Conntrack::default(),
                        memory: &mut linear,
                        rng: b,
                        now,
                        misses: true,
                        lots: None,
                    };
                    let other_verdict = pass(program, true, &mut other, &mut context, &mut other_trail);
                    assert_eq!((verdict, passage), (other_verdict, other), "{mode:?} seed {seed}");
                    assert_eq!(trail, other_trail, "{mode:?} seed {seed}");
                }
            }
        }
    }
}

#[test]
fn a_walk_ends_at_an_endpoint_that_policy_permits_and_that_can_be_foreseen() {
    let mut translated = 0;
    for seed in 20..36 {
        let mut random = Random::new(seed);
        for mode in MODES {
            let proxies = synced(&random.store, settings(mode, seed));
            let tracker = proxies.tracker(Family::V4).expect("IPv4");
            for node in 1..=NODES {
                let tables = tables(&proxies, node, Family::V4);
                let (local, mut memory, mut rng) = (local(node), Memory::default(), Rng::with_seed(seed));
                for i in 0..150 {
                    let packet = random.packet();
                    let mut passage = Passage::new(packet);
                    let now = Time(0) + Duration::secs(i);
                    let mut context = Context {
                        local: &local,
                        flows: &Conntrack::default(),
                        memory: &mut memory,
                        rng: &mut rng,
                        now,
                        misses: true,
                        lots: None,
                    };
                    let mut trail = Vec::new();
                    let verdict = pass(&tables.program, false, &mut passage, &mut context, &mut trail);
                    if passage.packet.dst == packet.dst || verdict != Verdict::Accept {
                        continue;
                    }
                    translated += 1;
                    let to = passage.packet.dst;
                    let owner = trail.iter().rev().find_map(|hit| hit.owner.filter(|_| hit.table == Table::Nat));
                    let state = tracker.get(owner.expect("a Service did it")).expect("the Service port");
                    let selection = select(&state.port, &state.endpoints, &tables.place.node);
                    let reachable: Vec<SocketAddr> = selection
                        .reachable
                        .iter()
                        .chain(&selection.cluster)
                        .map(|i| state.endpoints[usize::from(*i)].address())
                        .collect();
                    assert!(reachable.contains(&to), "{mode:?}: {packet} went to {to}, not one of {reachable:?}");
                    // What is foreseen is for packets that arrive: ipvs mode has no source ranges for the node's own.
                    let foreseen = tables.program.explore(packet, &local);
                    let own = mode == Mode::Ipvs && local.contains(&packet.src.ip());
                    assert!(
                        own || foreseen.possible.contains(&Possible::To(to)),
                        "{mode:?}: {packet} → {to}: {foreseen:?}"
                    );
                    // A rule names the field behind it, and that object is there.
                    for hit in &trail {
                        let because = hit.because();
                        assert!(because.object().is_none_or(|key| random.store.get(key).is_some()));
                    }
                }
            }
        }
    }
    assert!(translated > 800, "only {translated} packets met a Service");
}

#[test]
fn following_changes_ends_where_starting_anew_begins() {
    for seed in 50..58 {
        for mode in MODES {
            let mut random = Random::new(seed);
            let mut followed = synced(&random.store, settings(mode, seed));
            for step in 0..60 {
                for _ in 0..=random.rng.u8(..3) {
                    random.change();
                }
                followed.sync(&random.store);
                let anew = synced(&random.store, settings(mode, seed));
                same_texts(&followed, &anew, &format!("{mode:?} seed {seed} step {step}"));
            }
        }
    }
}

#[test]
fn a_store_that_forgot_its_events_is_read_anew() {
    let mut random = Random::new(60);
    let mut followed = synced(&random.store, settings(Mode::Iptables, 60));
    (0..10).for_each(|_| random.change());
    random.store.compact(0);
    followed.sync(&random.store);
    same_texts(&followed, &synced(&random.store, settings(Mode::Iptables, 60)), "forgotten events");
}

/// Tables as `iptables-restore --noflush` keeps them: chains with their rules.
#[derive(Default, Debug, PartialEq)]
struct Kernel(BTreeMap<String, Vec<String>>);

impl Kernel {
    /// A chain line makes or empties a chain, `-A` appends, `-X` removes.
    fn restore(&mut self, lines: &str) {
        for line in lines.lines() {
            let mut words = line.split(' ');
            match words.next() {
                Some("-A") => {
                    let chain = words.next().expect("a chain");
                    self.0.get_mut(chain).expect("a chain that exists").push(line.to_string());
                }
                Some("-X") => {
                    let removed = self.0.remove(words.next().expect("a chain"));
                    assert_eq!(removed.map(|rules| rules.len()), Some(0), "only an empty chain can be removed");
                }
                Some(chain) => {
                    self.0.insert(chain.trim_start_matches(':').to_string(), Vec::new());
                }
                None => {}
            }
        }
    }

    /// Chains that rules lead to must exist, or iptables-restore would refuse the whole input.
    fn check(&self) {
        for rule in self.0.values().flatten() {
            let to = rule.rsplit(" -j ").next().and_then(|t| t.split(' ').next()).unwrap_or("");
            assert!(!to.starts_with("KUBE-") || self.0.contains_key(to), "{rule} leads nowhere");
        }
    }
}

#[test]
fn partial_restores_add_up_to_the_whole() {
    for seed in 70..78 {
        let mut random = Random::new(seed);
        let mut proxies = synced(&random.store, settings(Mode::Iptables, seed));
        let (mut filter, mut nat) = (Kernel::default(), Kernel::default());
        for step in 0..50 {
            let tables = tables(&proxies, 1, Family::V4);
            let input = tables.restore_input();
            filter.restore(&input.filter);
            nat.restore(&input.nat);
            nat.check();
            let (mut whole_filter, mut whole_nat) = (Kernel::default(), Kernel::default());
            let whole = synced(&random.store, settings(Mode::Iptables, seed));
            let whole = self::tables(&whole, 1, Family::V4).restore_input();
            whole_filter.restore(&whole.filter);
            whole_nat.restore(&whole.nat);
            assert_eq!(filter, whole_filter, "seed {seed} step {step}");
            assert_eq!(nat, whole_nat, "seed {seed} step {step}");
            random.change();
            proxies.sync(&random.store);
        }
    }
}

/// A Service of `endpoints` on one port, and nothing else.
fn plain(endpoints: usize, affinity: bool) -> Store {
    let mut random = Random { rng: Rng::with_seed(1), store: Store::default() };
    (1..=NODES).for_each(|node| random.put_node(node, "zone-a"));
    let endpoint = |i: usize| {
        value!({
            "addresses": [(format!("10.{}.{}.{}", 244 + i / 600, i % NODES + 1, i % 600 / NODES + 10))],
            "conditions": { "ready": true },
            "nodeName": (format!("node-{}", i % NODES + 1)),
        })
    };
    random.put(
        "Service",
        value!({
            "metadata": { "name": "web", "namespace": "default" },
            "spec": {
                "clusterIP": "10.96.0.1",
                "clusterIPs": ["10.96.0.1"],
                "sessionAffinity": (if affinity { "ClientIP" } else { "None" }),
                "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 100 } },
                "ports": [{ "name": "http", "port": 80, "protocol": "TCP" }],
            },
        }),
    );
    random.put(
        "EndpointSlice",
        value!({
            "metadata": {
                "name": "web-1",
                "namespace": "default",
                "labels": { "kubernetes.io/service-name": "web" },
            },
            "addressType": "IPv4",
            "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
            "endpoints": (Value::list((0..endpoints).map(endpoint).collect())),
        }),
    );
    random.store
}

#[test]
fn one_endpoint_flipping_renews_one_chunk_and_nodes_share_it() {
    let mut random = Random { rng: Rng::with_seed(3), store: plain(9, false) };
    for service in 0..200 {
        let (name, ip) = (format!("other-{service}"), format!("10.97.0.{}", service + 1));
        random.put(
            "Service",
            value!({
                "metadata": { "name": (name), "namespace": "default" },
                "spec": {
                    "clusterIP": (ip.as_str()),
                    "clusterIPs": [(ip.as_str())],
                    "ports": [{ "port": 80, "protocol": "TCP" }],
                },
            }),
        );
    }
    let mut proxies = synced(&random.store, settings(Mode::Iptables, 0));
    let chunks = |proxies: &KubeProxies, node| -> Vec<_> {
        tables(proxies, node, Family::V4).program.chunks().cloned().collect()
    };
    let before = chunks(&proxies, 1);
    let key = ObjectKey::new("EndpointSlice", "default", "web-1");
    let mut slice = random.store.get(&key).expect("the slice").value.clone();
    slice.map_mut().entry("endpoints").list_mut()[4].set_at(&["conditions", "ready"], false);
    random.put("EndpointSlice", slice);
    proxies.sync(&random.store);
    let after = chunks(&proxies, 1);
    let renewed = before.iter().zip(&after).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
    assert_eq!((before.len(), renewed), (201, 1));
    let shared = after.iter().zip(chunks(&proxies, 2)).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
    assert_eq!(shared, 201, "without anything local, nodes have the same rules");
}

#[test]
fn a_large_cluster_leaves_comments_of_endpoints_out() {
    let count = |endpoints: usize, part: &str| {
        let proxies = synced(&plain(endpoints, false), settings(Mode::Iptables, 0));
        let text = tables(&proxies, 1, Family::V4).full_input().nat;
        text.lines().filter(|line| line.contains(part)).count()
    };
    assert_eq!((count(1000, " -> "), count(1001, " -> ")), (1000, 0));
    assert_eq!((count(1000, "--comment default/web:http"), count(1001, "--comment default/web:http")), (2000, 0));
    assert_eq!((count(1001, "cluster IP"), count(1001, "-j DNAT")), (2, 1001), "the others stay");
}

#[test]
fn udp_flows_to_endpoints_that_serve_no_more_are_named() {
    let mut store = plain(3, false);
    for kind in ["Service", "EndpointSlice"] {
        let name = if kind == "Service" { "web" } else { "web-1" };
        let mut value = store.get(&ObjectKey::new(kind, "default", name)).expect("it").value.clone();
        let keys: &[&str] = if kind == "Service" { &["spec", "ports"] } else { &["ports"] };
        let number = if kind == "Service" { 80 } else { 8080 };
        value.set_at(keys, value!([{ "name": "http", "protocol": "UDP", "port": number, "nodePort": 30_080 }]));
        store.put(Object::new(kind, value), Cause::User, Time(0));
    }
    let mut proxies = KubeProxies::new(settings(Mode::Iptables, 0));
    proxies.sync(&store);
    assert!(proxies.sync(&store).is_empty(), "nothing changed");
    let key = ObjectKey::new("EndpointSlice", "default", "web-1");
    let mut slice = store.get(&key).expect("the slice").value.clone();
    let left = slice.items_at(&["endpoints"])[1..].to_vec();
    slice.set_at(&["endpoints"], Value::list(left));
    store.put(Object::new("EndpointSlice", slice), Cause::User, Time(0));
    let stale = proxies.sync(&store);
    let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
    assert!(stale.is_stale(&at("10.96.0.1:80"), &at("10.244.1.10:8080")), "its endpoint is gone");
    assert!(!stale.is_stale(&at("10.96.0.1:80"), &at("10.244.2.10:8080")), "its endpoint serves");
    assert!(stale.is_stale(&at("10.96.0.1:80"), &at("10.96.0.1:80")), "it was never translated");
    assert!(stale.is_stale(&at("192.168.49.2:30080"), &at("10.244.1.10:8080")), "by the NodePort");
    assert!(!stale.is_stale(&at("10.96.0.9:53"), &at("10.244.1.10:8080")), "another Service");
}

/// Writes listings for trying them on real tools: `GILJABI_LISTINGS=/tmp/x cargo test --test kube_proxy -- listings`.
#[test]
fn listings_of_every_mode_are_complete() {
    for seed in 80..90 {
        let random = Random::new(seed);
        for mode in MODES {
            let proxies = synced(&random.store, settings(mode, seed));
            for family in [Family::V4, Family::V6] {
                let listings = tables(&proxies, 1, family).listings();
                assert_eq!(listings.len(), if mode == Mode::Ipvs { 3 } else { 1 });
                for listing in listings {
                    assert!(listing.text.ends_with('\n'), "{}", listing.command);
                    if let Some(folder) = std::env::var_os("GILJABI_LISTINGS") {
                        let name = format!("{seed}-{mode:?}-{}{family:?}", listing.command.replace(' ', "_"));
                        std::fs::write(std::path::Path::new(&folder).join(name), &listing.text).expect("to write");
                    }
                }
            }
        }
    }
}

/// Every rule that a tool lists leads to the field that it stands for, whether a packet met it or not.
#[test]
fn every_listed_rule_has_an_origin() {
    for seed in 80..84 {
        let random = Random::new(seed);
        for mode in MODES {
            let proxies = synced(&random.store, settings(mode, seed));
            let tables = tables(&proxies, 1, Family::V4);
            let mut wanted = BTreeSet::new();
            for listing in tables.listings() {
                let (mut chain, mut server) = (false, String::new());
                for line in listing.text.lines() {
                    let bare = line.trim();
                    match listing.command {
                        "iptables-save" if line.starts_with("-A ") => drop(wanted.insert(line.to_string())),
                        "ipvsadm -Ln" if line.starts_with("  ->") && !server.is_empty() => {
                            wanted.insert(format!("{server}\n{line}"));
                        }
                        "ipvsadm -Ln" if ["TCP", "UDP", "SCTP"].iter().any(|p| line.starts_with(p)) => {
                            server = line.to_string();
                            wanted.insert(server.clone());
                        }
                        command if command.starts_with("nft") => {
                            let element = bare.strip_prefix("elements = {").unwrap_or(bare);
                            let element = element.trim().trim_end_matches('}').trim().trim_end_matches(',');
                            let is_rule =
                                !bare.is_empty() && !bare.starts_with("type ") && !bare.starts_with("comment ");
                            if bare.ends_with('{') || bare == "}" {
                                chain = bare.starts_with("chain ");
                            } else if chain && is_rule {
                                wanted.insert(bare.to_string());
                            } else if element.contains(" : ") && element.contains(" . ") && !bare.starts_with("type ") {
                                wanted.insert(element.to_string());
                            }
                        }
                        _ => {}
                    }
                }
            }
            assert!(wanted.len() > 10, "{mode:?} lists rules");
            // The listing itself knows these keys, and those of the members of ipset's sets besides.
            let listings = tables.listings();
            let keys: BTreeSet<String> = listings.iter().flat_map(|l| l.lines()).filter_map(|(_, key)| key).collect();
            let unknown: Vec<_> = wanted.difference(&keys).collect();
            assert!(unknown.is_empty(), "{mode:?}, seed {seed}: {unknown:#?}");
            let sets = listings.iter().filter(|l| l.command == "ipset list");
            let members: Vec<String> = sets.flat_map(|l| l.lines()).filter_map(|(_, key)| key).collect();
            let entries = |text: &str| -> usize {
                text.lines().filter_map(|l| l.strip_prefix("Number of entries: ")?.parse::<usize>().ok()).sum()
            };
            let counted: usize = listings.iter().map(|l| entries(&l.text)).sum();
            assert_eq!(members.len(), counted, "{mode:?}: each member of a set, and nothing else");
            wanted.extend(members);
            let origins = tables.origins(&wanted);
            let without: Vec<_> = wanted.iter().filter(|line| !origins.contains_key(*line)).collect();
            assert!(without.is_empty(), "{mode:?}, seed {seed}: {without:#?}");
            assert!(origins.values().any(|f| f.object.kind == "Service"), "{mode:?}: some stand for Services");
        }
    }
}
