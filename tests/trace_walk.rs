//! The interpreter over a world made by hand.

#[path = "trace_world/mod.rs"]
mod world;

use giljabi::trace::{CauseOfFailure, Client, Outcome, Request, Symptom, Url};
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
