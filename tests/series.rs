//! A series of requests is to the byte what single requests are: traces, what is told of them at once, counts, and what the
//! world remembers afterwards, in worlds of every kind.

#[path = "trace_world/mod.rs"]
#[expect(dead_code, reason = "here time stands still between requests")]
mod world;

use giljabi::api::time::Duration;
use giljabi::cluster::addons::Addon;
use giljabi::cluster::{Cluster, LoadBalancerProvider, ProxyMode, Settings};
use giljabi::network::kube_proxy::Mode;
use giljabi::trace::many::Many;
use giljabi::trace::why::cause_name;
use giljabi::trace::{Client, Outcome, Request, Sent, Series, Trace, Url, World, send, send_quietly};
use giljabi::workspace::Workspace;
use std::collections::BTreeMap;
use world::{Small, from_pod};

const KIMHO: &str = include_str!("trace_world/kimho.yaml");

/// What a world remembers: the next lots, ports, flows and memories.
fn memory(world: &mut World<'_>) -> String {
    let mut out = format!("{:?} {:?}\n", world.random.clone().unit(), world.network.ports);
    let names: Vec<_> = world.network.routes.nodes().iter().map(|n| n.name.clone()).collect();
    for name in names {
        let kernel = world.network.kernel_mut(&name);
        out.push_str(&format!("{name} {:?}\n", kernel.memory));
        for flow in kernel.conntrack.iter(world.now) {
            out.push_str(&format!("{flow:?}\n"));
        }
    }
    out
}

/// What a request tells at once is what its trace says.
fn agrees(sent: &Sent, trace: &Trace) {
    let response = match &trace.outcome {
        Outcome::Answered { response, .. } => Some(response),
        Outcome::Failed(_) => None,
    };
    assert_eq!(sent.is_success(), trace.outcome.is_success());
    assert_eq!(sent.status(), response.map(|r| r.status));
    assert_eq!(sent.pod(), response.and_then(|r| r.pod.as_ref()));
    assert_eq!(sent.cause(), trace.outcome.failure().map(|f| cause_name(&f.cause)));
    assert_eq!(sent.took(), trace.ended.since(trace.started));
    let stops: Vec<_> = sent.stops().map(|s| (s.exchange, s.direction, s.at.clone(), s.packet)).collect();
    let hops: Vec<_> = trace.hops.iter().map(|h| (h.exchange, h.direction, h.at.clone(), h.packet)).collect();
    assert_eq!(stops, hops);
}

/// Sends `count` requests of a client both ways, in copies of a cluster; gives how many of the series were told at once.
fn compare(cluster: &Cluster, request: &Request, count: usize, what: &str) -> usize {
    let (mut single, mut series) = (cluster.clone(), cluster.clone());
    let mut of = Series::new(request.clone());
    let mut walked = 0;
    for i in 0..count {
        let trace = single.send(request);
        let sent = of.send(&mut series.world());
        walked += usize::from(sent.is_walked());
        agrees(&sent, &trace);
        assert_eq!(sent.trace(), trace, "{what}: request {i}");
    }
    assert_eq!(memory(&mut series.world()), memory(&mut single.world()), "{what}");
    // Counted, with a slice that does not divide the number.
    let mut counted = cluster.clone();
    let mut many = Many::new(request, &[], count as u64);
    while !many.is_done() {
        many.run(&mut counted.world(), 7);
    }
    let mut pods: BTreeMap<_, u64> = BTreeMap::new();
    let (mut again, mut time, mut failed) = (cluster.clone(), Duration::ZERO, 0);
    for _ in 0..count {
        let (outcome, took) = send_quietly(&mut again.world(), request);
        time = time + took;
        failed += u64::from(outcome.failure().is_some());
        if let Outcome::Answered { response, .. } = outcome {
            *pods.entry(response.pod).or_default() += 1;
        }
    }
    assert_eq!(many.tally.by_answerer, pods, "{what}");
    assert_eq!((many.tally.sent, many.tally.time), (count as u64, time), "{what}");
    assert_eq!(many.tally.failures.values().map(|f| f.count).sum::<u64>(), failed, "{what}");
    assert_eq!(memory(&mut counted.world()), memory(&mut again.world()), "{what}");
    walked
}

const SERVICES: &str = include_str!("trace_world/series.yaml");

fn client(text: &str) -> Client {
    match text.split('/').collect::<Vec<_>>()[..] {
        ["pod", name] => Client::Pod { namespace: "default".into(), name: name.into(), container: "".into() },
        ["node", name] => Client::Node { name: name.into() },
        ["computer"] => Client::Learner,
        ["outside", ip] => Client::Outside { ip: ip.parse().expect("an address") },
        _ => panic!("{text}"),
    }
}

/// Client, URL, and whether most requests have to be walked, if that is known for all modes.
const ASKED: [(&str, &str, Option<bool>); 30] = [
    ("pod/client", "http://10.96.7.1", Some(true)),
    ("pod/client", "http://plain", Some(true)),
    ("pod/client", "http://plain.default.svc.cluster.local", Some(true)),
    ("pod/client", "http://other.shop", Some(true)),
    ("pod/client", "http://10.96.7.2", Some(true)),
    ("pod/client", "http://sticky", Some(true)),
    ("pod/client", "http://192.168.49.2:31001", Some(true)),
    ("pod/client", "http://192.168.49.3:31001", Some(true)),
    ("node/node-1", "http://10.96.7.1", Some(true)),
    ("node/node-1", "http://127.0.0.1:31001", Some(true)),
    ("computer", "http://192.168.49.2:31001", Some(true)),
    ("computer", "http://192.168.49.3:31003", Some(true)),
    ("outside/198.51.100.7", "http://192.168.49.2:31003", Some(true)),
    ("outside/198.51.100.7", "http://198.18.0.1", Some(true)),
    ("computer", "http://plain", Some(false)),
    ("pod/client", "http://headless", Some(true)),
    ("pod/client", "http://outside-name", Some(true)),
    ("pod/client", "udp://datagrams:53", Some(true)),
    ("pod/client", "http://empty", Some(true)),
    ("pod/client", "http://plain:81", Some(true)),
    ("pod/client", "http://nowhere", Some(true)),
    ("pod/client", "http://leaving", Some(true)),
    ("pod/client", "http://10.244.9.9", Some(true)),
    ("pod/client", "ping://10.96.7.1", None),
    ("pod/client", "http://counting", Some(false)),
    ("pod/client", "http://hanging", Some(true)),
    ("pod/client", "http://refusing", Some(true)),
    ("pod/self", "http://alone", Some(true)),
    ("pod/client", "http://ingress-nginx-controller.ingress-nginx", Some(true)),
    ("pod/client", "grpc://plain", Some(false)),
];

#[test]
fn a_series_is_to_the_byte_what_single_requests_are() {
    for mode in [ProxyMode::Iptables, ProxyMode::Nftables, ProxyMode::Ipvs] {
        let settings = Settings { proxy_mode: mode, load_balancer: LoadBalancerProvider::Cloud, ..Settings::default() };
        let mut workspace = Workspace::new(settings);
        workspace.cluster_mut().install(Addon::IngressNginx).expect("the add-on");
        workspace.set_file("series.yaml", SERVICES);
        let refused: Vec<_> = workspace.diagnostics().iter().filter(|d| d.is_error()).collect();
        assert!(refused.is_empty(), "{refused:?}");
        let leaving = workspace.cluster().store().list("Pod").find(|p| p.name() == "leaving-pod").expect("a pod");
        let leaving = leaving.key.clone();
        let cluster = workspace.cluster_mut();
        cluster.write(giljabi::apiserver::store::Cause::User, |w| {
            w.delete(&leaving, Some(3_600));
        });
        cluster.run_for(Duration::secs(5));
        for (from, url, is_walked) in ASKED {
            let mut request = Request::get(client(from), Url::parse(url).expect("a URL"));
            if url.contains("ingress") {
                request.headers.push(("Host".into(), "plain.example.com".into()));
            }
            let what = format!("{} {from} {url}", mode.name());
            let walked = compare(cluster, &request, 60, &what);
            assert!(is_walked.is_none_or(|wanted| wanted == (walked > 25)), "{what}: {walked} of 60 were walked");
        }
    }
}

#[test]
fn a_series_goes_on_when_tables_are_full_and_ports_come_round() {
    let request = from_pod("client", "http://kimho");
    let (mut single, mut series) = (Small::new(KIMHO), Small::new(KIMHO));
    let mut many = Many::new(&request, &[], 20_000);
    // Two flows a request; then ports that conntrack still knows, then the end of the range.
    for (from, count) in [(40_000, 2_400), (41_500, 200), (60_900, 200)] {
        for small in [&mut single, &mut series] {
            small.network.ports.set("10.244.0.3".parse().expect("the client's address"), from);
        }
        many.run(&mut series.world(), count);
        for _ in 0..count {
            send_quietly(&mut single.world(), &request);
        }
        assert_eq!(memory(&mut series.world()), memory(&mut single.world()), "after {from}");
    }
}

#[test]
fn ended_connections_of_the_same_sockets_make_way_without_the_interpreter() {
    // Every request is masqueraded twice: the drawn ports meet those of ended connections again and again.
    let request = from_pod("client", "http://192.168.49.3:30080");
    let (mut single, mut series) = (Small::new(KIMHO), Small::new(KIMHO));
    let mut of = Series::new(request.clone());
    let mut told = 0;
    for i in 0..9_000 {
        let sent = of.send(&mut series.world());
        told += usize::from(!sent.is_walked());
        let (outcome, took) = send_quietly(&mut single.world(), &request);
        let Outcome::Answered { response, .. } = outcome else { panic!("request {i}: {outcome:?}") };
        assert_eq!((sent.pod(), sent.took()), (response.pod.as_ref(), took), "request {i}");
    }
    assert_eq!(memory(&mut series.world()), memory(&mut single.world()));
    assert!(told < 30, "{told} of 9,000 went through the interpreter");
}

#[test]
fn affinity_and_turns_go_on_over_many_requests() {
    for mode in [Mode::Iptables, Mode::Nftables, Mode::Ipvs] {
        for url in ["http://kimho", "http://192.168.49.3:30080"] {
            let request = from_pod("client", url);
            let (mut single, mut series) = (Small::with_mode(KIMHO, mode), Small::with_mode(KIMHO, mode));
            let mut many = Many::new(&request, &[], 2_000);
            many.run(&mut series.world(), 2_000);
            for _ in 0..2_000 {
                send_quietly(&mut single.world(), &request);
            }
            assert_eq!(memory(&mut series.world()), memory(&mut single.world()), "{} {url}", mode.name());
        }
    }
}

#[test]
fn a_series_sees_every_change_of_the_world() {
    let request = from_pod("client", "http://kimho");
    let (mut single, mut series) = (Small::new(KIMHO), Small::new(KIMHO));
    let mut of = Series::new(request.clone());
    let mut check = |single: &mut Small, series: &mut Small| {
        for _ in 0..30 {
            let trace = send(&mut single.world(), &request);
            assert_eq!(of.send(&mut series.world()).trace(), trace);
        }
    };
    check(&mut single, &mut series);
    let slice = KIMHO.split("---\n").find(|d| d.contains("name: kimho-1,")).expect("a slice");
    for small in [&mut single, &mut series] {
        small.apply(&slice.replace("ready: true", "ready: false"));
    }
    check(&mut single, &mut series);
    for small in [&mut single, &mut series] {
        small.apply(slice);
        small.now = small.now + Duration::secs(100);
        small.network.computer.tunnel = true;
        small.runtime.set_power("node-3", false, small.now);
    }
    check(&mut single, &mut series);
    for small in [&mut single, &mut series] {
        small.runtime.set_power("node-3", true, small.now);
        small.network.kernel_mut("node-1").conntrack.clear();
    }
    check(&mut single, &mut series);
}
