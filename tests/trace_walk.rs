//! The interpreter over a world made by hand.

#[path = "trace_world/mod.rs"]
mod world;

use giljabi::export::trace_captures;
use giljabi::locale::Lang;
use giljabi::network::kube_proxy::Mode;
use giljabi::trace::compare::{compare, words};
use giljabi::trace::many::{Many, chi_square, predict};
use giljabi::trace::{CauseOfFailure, Client, Outcome, Request, StepKind, Symptom, Url};
use std::collections::BTreeSet;
use world::{Small, from_pod};

const KIMHO: &str = include_str!("trace_world/kimho.yaml");

#[test]
fn names_and_virtual_addresses_lead_to_all_pods_and_replies_come_from_what_was_dialled() {
    let mut small = Small::new(KIMHO);
    for url in [
        "http://kimho",
        "https://kimho",
        "http://kimho.default",
        "http://kimho.default.svc.cluster.local",
        "http://10.96.14.7",
        "http://192.168.49.3:30080",
    ] {
        let mut pods = BTreeSet::new();
        for _ in 0..30 {
            let trace = small.send(&from_pod("client", url));
            let Outcome::Answered { response, cause: None } = &trace.outcome else { panic!("{url}: {:#?}", trace) };
            assert_eq!(response.status, 200, "{url}");
            pods.extend(response.pod.clone());
        }
        assert_eq!(pods.len(), 3, "{url}");
    }
}

#[test]
fn a_port_that_no_pod_has_is_refused_and_the_field_to_mend_comes_first() {
    let mut small = Small::new(KIMHO);
    let trace = small.send(&from_pod("client", "http://kimho:406"));
    let failure = trace.outcome.failure().expect("a failure");
    assert_eq!(failure.symptom, Symptom::ConnectionRefused { host: "kimho".into(), port: 406 });
    assert!(
        matches!(&failure.cause, CauseOfFailure::NoPodHasPort { port, .. } if port == "kimhotarget"),
        "{failure:?}"
    );
    assert_eq!(failure.because[0].to_string(), "service/kimho spec.ports[2].targetPort");
}

#[test]
fn every_client_gets_through_by_the_doors_that_are_its_own() {
    let mut small = Small::new(KIMHO);
    for (from, url, works) in [
        (Client::Node { name: "node-2".into() }, "http://10.96.14.7", true),
        (Client::Node { name: "node-2".into() }, "http://127.0.0.1:30080", true),
        (Client::Learner, "http://192.168.49.2:30080", true),
        (Client::Outside { ip: "198.51.100.7".parse().unwrap() }, "http://192.168.49.2:30080", true),
        (Client::Learner, "http://10.96.14.7", false),
        (Client::Learner, "http://10.244.1.2:8080", false),
        (Client::Learner, "http://www.example.com", true),
        (Client::Node { name: "node-1".into() }, "http://kimho", false),
    ] {
        let trace = small.send(&Request::get(from.clone(), Url::parse(url).unwrap()));
        assert_eq!(trace.outcome.is_success(), works, "{from} {url}: {:#?}", trace);
    }
}

#[test]
fn the_quiet_interpreter_ends_as_the_telling_one_does() {
    let (mut loud, mut quiet) = (Small::new(KIMHO), Small::new(KIMHO));
    for i in 0..60 {
        let url =
            ["http://kimho", "http://kimho:406", "http://10.96.14.7", "http://nope", "http://10.244.1.2:81"][i % 5];
        let request = from_pod("client", url);
        assert_eq!(loud.send(&request).outcome, quiet.send_quietly(&request), "{url}");
    }
}

#[test]
fn many_requests_follow_the_shares_that_the_rules_promise() {
    for url in ["http://kimho", "http://192.168.49.2:30080"] {
        let mut small = Small::new(KIMHO);
        let request = from_pod("client", url);
        let shares = predict(&small.world(), &request).expect("shares");
        assert_eq!(shares.len(), 3);
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9);
        let mut many = Many::new(&request, &[], 3_000);
        while !many.is_done() {
            many.run(&mut small.world(), 500);
        }
        assert_eq!(many.tally.answered, 3_000, "{:?}", many.tally.failures);
        let chi = chi_square(&many.tally, &shares).expect("a verdict");
        assert!(chi.probability > 0.001, "{chi:?}");
        assert_ne!(chi.words().text(Lang::Ko), chi.words().text(Lang::En));
    }
}

#[test]
fn affinity_does_not_follow_the_shares_and_says_so() {
    let mut small = Small::new(KIMHO);
    small.apply(&kimho_service().replace("spec:\n", "spec:\n  sessionAffinity: ClientIP\n"));
    let request = from_pod("client", "http://kimho");
    let shares = predict(&small.world(), &request).expect("shares");
    let mut many = Many::new(&request, &[], 300);
    many.run(&mut small.world(), 300);
    assert_eq!(many.tally.by_answerer.len(), 1);
    let chi = chi_square(&many.tally, &shares).expect("a verdict");
    assert_eq!(chi.words().id, "many.differs");
}

/// The document of the Service in the world's text.
fn kimho_service() -> String {
    let found = KIMHO.split("---\n").find(|d| d.contains("kind: Service\n") && d.contains("name: kimho}"));
    found.expect("the Service").to_string()
}

#[test]
fn a_balancer_that_keeps_to_local_pods_is_uneven_as_predicted() {
    let mut small = Small::new(KIMHO);
    // Two pods on node-1, one on node-2, none on node-3.
    small
        .apply(&KIMHO.split("---\n").find(|d| d.contains("name: kimho-c")).expect("a pod").replace("node-3", "node-1"));
    let service = kimho_service().replace("type: NodePort", "type: LoadBalancer\n  externalTrafficPolicy: Local");
    small.apply(&(service + "status:\n  loadBalancer:\n    ingress: [{ip: 198.18.0.1, ipMode: VIP}]\n"));
    let slice = KIMHO.split("---\n").find(|d| d.contains("name: kimho-1,")).expect("a slice");
    small.apply(&slice.replace("nodeName: node-3", "nodeName: node-1"));
    let outside = Client::Outside { ip: "198.51.100.7".parse().unwrap() };
    let request = Request::get(outside, Url::parse("http://198.18.0.1").unwrap());
    let shares = predict(&small.world(), &request).expect("shares");
    let mut values: Vec<f64> = shares.values().copied().collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [0.25, 0.25, 0.5]);
}

#[test]
fn replies_come_from_what_was_dialled_and_targets_are_endpoints() {
    for mode in [Mode::Iptables, Mode::Ipvs, Mode::Nftables] {
        let mut small = Small::with_mode(KIMHO, mode);
        let endpoints: BTreeSet<String> = ["10.244.0.4", "10.244.1.2", "10.244.2.2"]
            .iter()
            .flat_map(|ip| [format!("{ip}:8080"), format!("{ip}:8443")])
            .collect();
        for from in ["client", "kimho-a", "kimho-b", "kimho-c"] {
            for url in
                ["http://10.96.14.7", "https://10.96.14.7", "http://192.168.49.2:30080", "http://192.168.49.4:30080"]
            {
                for _ in 0..8 {
                    let trace = small.send(&from_pod(from, url));
                    assert!(trace.outcome.is_success(), "{mode:?} {from} {url}: {trace:#?}");
                    let steps = || trace.hops.iter().flat_map(|h| &h.steps);
                    let dialled = steps().find_map(|s| match &s.kind {
                        StepKind::Connect { packet } => Some(*packet),
                        _ => None,
                    });
                    let mut received = steps().filter_map(|s| match &s.kind {
                        StepKind::Received { packet } => Some(*packet),
                        _ => None,
                    });
                    let (dialled, received) = (dialled.expect("a SYN"), received.next_back().expect("an answer"));
                    assert_eq!((received.src, received.dst), (dialled.dst, dialled.src), "{mode:?} {from} {url}");
                    for step in steps() {
                        if let StepKind::Dnat { after, .. } = &step.kind {
                            assert!(endpoints.contains(&after.dst.to_string()), "{mode:?}: {after}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = || {
        let mut small = Small::new(KIMHO);
        (0..20).map(|_| small.send(&from_pod("client", "http://kimho"))).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn two_traces_part_at_the_field_that_differs() {
    let (mut left, mut right) = (Small::new(KIMHO), Small::new(KIMHO));
    let request = from_pod("client", "http://kimho:406");
    right.apply(&kimho_service().replace("targetPort: kimhotarget", "targetPort: http"));
    let slice = KIMHO.split("---\n").find(|d| d.contains("name: kimho-1,")).expect("a slice");
    right.apply(&slice.replace("ports: [", "ports: [{name: kimho-port, port: 8080, protocol: TCP}, "));
    let (a, b) = (left.send(&request), right.send(&request));
    assert!(!a.outcome.is_success() && b.outcome.is_success());
    let parting = compare(&a, &b).expect("a difference");
    assert!(!parting.by_chance);
    assert!(parting.because.iter().any(|f| f.object.name == "kimho"), "{parting:?}");
    assert!(words(&a, &b, Some(&parting), Lang::En).contains("node-1"), "{}", words(&a, &b, Some(&parting), Lang::En));
    let again = Small::new(KIMHO).send(&request);
    assert_eq!(compare(&a, &again), None);
    // The same Service with another address of its own is no difference; what follows from another field still is.
    let elsewhere = |text: &str| text.replace("10.96.14.7", "10.96.200.9");
    let mut moved = Small::new(&elsewhere(KIMHO));
    let c = moved.send(&request);
    assert_eq!(compare(&a, &c), None, "{:?}", compare(&a, &c).map(|p| words(&a, &c, Some(&p), Lang::En)));
    moved.apply(&elsewhere(&kimho_service()).replace("targetPort: kimhotarget", "targetPort: http"));
    moved.apply(&slice.replace("ports: [", "ports: [{name: kimho-port, port: 8080, protocol: TCP}, "));
    let d = moved.send(&request);
    let parting = compare(&a, &d).expect("a difference");
    assert!(words(&a, &d, Some(&parting), Lang::En).contains("node-1"), "{}", words(&a, &d, Some(&parting), Lang::En));
    let mut chance = Small::new(KIMHO);
    let first = chance.send(&from_pod("client", "http://10.96.14.7"));
    let parted = (0..20).find_map(|_| compare(&first, &chance.send(&from_pod("client", "http://10.96.14.7"))));
    assert!(parted.expect("another pod sooner or later").by_chance);
}

#[test]
fn captures_hold_valid_packets_at_every_point() {
    let mut small = Small::new(KIMHO);
    for url in [
        "http://kimho",
        "https://kimho",
        "http://kimho:406",
        "udp://kimho:81",
        "ping://10.244.1.2",
        "http://10.244.1.2:81",
    ] {
        let trace = small.send(&from_pod("client", url));
        let captures = trace_captures(&trace);
        let own = captures.iter().find(|c| c.point == "pod-default-client").expect(url);
        // What is asked of DNS is answered before the connection begins.
        let seen = giljabi::export::pcap::read(&own.bytes).expect("a capture");
        let protocols: Vec<u8> = seen.iter().map(|(_, packet)| packet[9]).collect();
        if url.starts_with("http") && protocols.contains(&17) {
            let first = protocols.iter().position(|p| *p == 6).expect("TCP");
            assert!(!protocols[first..].contains(&17), "{url}: {protocols:?}");
        }
        for capture in captures {
            assert_eq!(capture.bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1], "{url}");
            let mut at = 24;
            let mut last = 0_u64;
            while at < capture.bytes.len() {
                let word = |i: usize| u32::from_le_bytes(capture.bytes[at + i..at + i + 4].try_into().unwrap());
                let time = u64::from(word(0)) * 1_000_000 + u64::from(word(4));
                assert!(time >= last, "{url}: out of order");
                last = time;
                let length = word(8) as usize;
                let packet = &capture.bytes[at + 16..at + 16 + length];
                assert_eq!(packet[0], 0x45, "{url}");
                assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), length, "{url}");
                let sum: u32 = packet[..20].chunks(2).map(|p| u32::from(u16::from_be_bytes([p[0], p[1]]))).sum();
                assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff, "{url}: header checksum");
                at += 16 + length;
            }
        }
    }
}
