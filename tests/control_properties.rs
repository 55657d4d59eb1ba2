//! Random sequences of actions: whatever people do, the cluster comes to rest or says why not, and at rest the books agree.
//!
//! A few hundred sequences in the normal run; `LONG=1 cargo test --release --test control_properties` runs 10,000, `SEED=n`
//! one.

use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::api::view::{Pod, PodPhase, Subset, TargetPort};
use giljabi::apiserver::defaulting;
use giljabi::apiserver::store::Cause;
use giljabi::apiserver::write::Random;
use giljabi::cluster::history::History;
use giljabi::cluster::{Cluster, Settings};
use giljabi::value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const APPS: [&str; 3] = ["red", "green", "blue"];

/// One action of a person (or of fate).
#[derive(Clone, Copy, Debug)]
enum Action {
    Deploy {
        app: usize,
        replicas: i64,
        probe: bool,
        mounts: bool,
    },
    /// Writes the ConfigMap that pods mount, or takes it away.
    Configure {
        text: Option<u64>,
    },
    Serve {
        app: usize,
        named: bool,
    },
    /// Writes one part of a Service anew.
    Rewrite {
        app: usize,
        part: Part,
    },
    Unserve {
        app: usize,
    },
    Scale {
        app: usize,
        replicas: i64,
    },
    Roll {
        app: usize,
        tag: u64,
    },
    DeletePod {
        nth: u64,
        now: bool,
    },
    Relabel {
        nth: u64,
        app: usize,
    },
    Flip {
        nth: u64,
        fail: bool,
    },
    Power {
        node: usize,
        up: bool,
    },
    Undeploy {
        app: usize,
    },
    Wait {
        seconds: u64,
    },
}

/// What of a Service is written anew: some of it changes its endpoints, some nothing of theirs.
#[derive(Clone, Copy, Debug)]
enum Part {
    Port(u64),
    Target(u64),
    ByName,
    Selector(usize),
    Unready(bool),
    Label(u64),
}

fn part(random: &mut Random) -> Part {
    match random.below(6) {
        0 => Part::Port(80 + random.below(4)),
        1 => Part::Target(8080 + random.below(2)),
        2 => Part::ByName,
        3 => Part::Selector(random.below(3) as usize),
        4 => Part::Unready(random.below(2) == 0),
        _ => Part::Label(random.below(3)),
    }
}

fn draw(random: &mut Random) -> Action {
    let app = random.below(3) as usize;
    let (nth, replicas) = (random.below(1_000), random.below(6) as i64);
    match random.below(15) {
        0 | 1 => Action::Deploy { app, replicas, probe: random.below(2) == 0, mounts: random.below(3) == 0 },
        12 => Action::Configure { text: (random.below(3) > 0).then(|| random.below(9)) },
        13 | 14 => Action::Rewrite { app, part: part(random) },
        2 => Action::Serve { app, named: random.below(2) == 0 },
        3 => Action::Unserve { app },
        4 => Action::Scale { app, replicas },
        5 => Action::Roll { app, tag: random.below(4) },
        6 => Action::DeletePod { nth, now: random.below(3) == 0 },
        7 => Action::Relabel { nth, app },
        8 => Action::Flip { nth, fail: random.below(2) == 0 },
        9 => Action::Power { node: random.below(3) as usize, up: random.below(3) > 0 },
        10 => Action::Undeploy { app },
        _ => Action::Wait { seconds: random.below(40) },
    }
}

fn deployment(app: &str, replicas: i64, probe: bool, mounts: bool) -> Value {
    let mut container = value!({
        "name": "main", "image": "luksa/kubia",
        "ports": [{ "containerPort": 8080, "name": "http", "protocol": "TCP" }]
    });
    if probe {
        container
            .set_at(&["readinessProbe"], value!({ "httpGet": { "path": "/", "port": "http" }, "periodSeconds": 5 }));
    }
    let mut volumes = Vec::new();
    if mounts {
        container.set_at(&["volumeMounts"], value!([{ "name": "conf", "mountPath": "/conf" }]));
        volumes.push(value!({ "name": "conf", "configMap": { "name": "conf", "defaultMode": 420 } }));
    }
    let mut value = value!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": app, "namespace": "default" },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": app } },
            "template": { "metadata": { "labels": { "app": app } }, "spec": { "containers": [container], "volumes": volumes } }
        }
    });
    defaulting::workload::default_deployment(&mut value);
    value
}

fn service(app: &str, named: bool, number: u64) -> Value {
    let target = if named { Value::from("http") } else { Value::from(8080) };
    value!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": app, "namespace": "default" },
        "spec": {
            "type": "ClusterIP", "clusterIP": (format!("10.97.{}.{}", number / 250 % 250, 1 + number % 250)), "ipFamilies": ["IPv4"],
            "selector": { "app": app },
            "ports": [{ "port": 80, "targetPort": target, "protocol": "TCP" }]
        }
    })
}

fn key(kind: &str, name: &str) -> ObjectKey {
    ObjectKey::new(kind, "default", name)
}

fn nth_pod(cluster: &Cluster, nth: u64) -> Option<Arc<Object>> {
    let pods: Vec<_> = cluster.store().list_in("Pod", "default").cloned().collect();
    pods.get(nth.checked_rem(pods.len() as u64)? as usize).cloned()
}

fn update(cluster: &mut Cluster, key: &ObjectKey, change: impl FnOnce(&mut Value)) {
    let Some(old) = cluster.store().get(key).cloned() else { return };
    let mut value = old.value.clone();
    change(&mut value);
    cluster.write(Cause::User, |w| w.update(&old, value));
}

fn act(cluster: &mut Cluster, action: Action) {
    match action {
        Action::Deploy { app, replicas, probe, mounts } => {
            if cluster.store().get(&key("Deployment", APPS[app])).is_none() {
                cluster.write(Cause::User, |w| w.create("Deployment", deployment(APPS[app], replicas, probe, mounts)));
            }
        }
        Action::Configure { text } => {
            let old = cluster.store().get(&key("ConfigMap", "conf")).cloned();
            let new = text.map(|text| {
                value!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": { "name": "conf", "namespace": "default" },
                    "data": { "text": (text.to_string()) }
                })
            });
            match (old, new) {
                (None, Some(new)) => drop(cluster.write(Cause::User, |w| w.create("ConfigMap", new))),
                (Some(_), Some(new)) => update(cluster, &key("ConfigMap", "conf"), |map| {
                    map.set_at(&["data"], new.get("data").cloned().unwrap_or_default());
                }),
                (Some(_), None) => drop(cluster.write(Cause::User, |w| w.delete(&key("ConfigMap", "conf"), None))),
                (None, None) => {}
            }
        }
        Action::Serve { app, named } => {
            if cluster.store().get(&key("Service", APPS[app])).is_none() {
                let number = cluster.store().revision();
                cluster.write(Cause::User, |w| w.create("Service", service(APPS[app], named, number)));
            }
        }
        Action::Rewrite { app, part } => update(cluster, &key("Service", APPS[app]), |service| {
            let mut port = service.items_at(&["spec", "ports"])[0].clone();
            match part {
                Part::Port(number) => port.set_at(&["port"], number as i64),
                Part::Target(number) => port.set_at(&["targetPort"], number as i64),
                Part::ByName => port.set_at(&["targetPort"], "http"),
                Part::Selector(app) => service.set_at(&["spec", "selector", "app"], APPS[app]),
                Part::Unready(too) => service.set_at(&["spec", "publishNotReadyAddresses"], too),
                Part::Label(number) => service.set_at(&["metadata", "labels", "tag"], number.to_string()),
            }
            service.set_at(&["spec", "ports"], vec![port]);
        }),
        Action::Unserve { app } => {
            cluster.write(Cause::User, |w| w.delete(&key("Service", APPS[app]), None));
        }
        Action::Scale { app, replicas } => {
            update(cluster, &key("Deployment", APPS[app]), |d| d.set_at(&["spec", "replicas"], replicas));
        }
        Action::Roll { app, tag } => update(cluster, &key("Deployment", APPS[app]), |d| {
            let mut containers = d.items_at(&["spec", "template", "spec", "containers"]).to_vec();
            containers[0].set_at(&["image"], format!("luksa/kubia:t{tag}"));
            d.set_at(&["spec", "template", "spec", "containers"], containers);
        }),
        Action::DeletePod { nth, now } => {
            if let Some(pod) = nth_pod(cluster, nth) {
                cluster.write(Cause::User, |w| w.delete(&pod.key, now.then_some(0)));
            }
        }
        Action::Relabel { nth, app } => {
            if let Some(pod) = nth_pod(cluster, nth) {
                update(cluster, &pod.key, |p| p.set_at(&["metadata", "labels", "app"], APPS[app]));
            }
        }
        Action::Flip { nth, fail } => {
            if let Some(pod) = nth_pod(cluster, nth) {
                cluster.change_container(&pod.key, "", |c| c.behavior.status = fail.then_some(500));
            }
        }
        Action::Power { node, up } => cluster.set_power(["node-1", "node-2", "node-3"][node], up),
        Action::Undeploy { app } => {
            cluster.write(Cause::User, |w| w.delete(&key("Deployment", APPS[app]), None));
        }
        Action::Wait { seconds } => cluster.run_for(Duration::secs(seconds)),
    }
}

/// The ready addresses that selectors and readiness say a Service must have.
fn expected(cluster: &Cluster, service: &Object) -> BTreeSet<String> {
    let view = service.view().service().expect("a Service");
    let pods = cluster.store().select("Pod", service.namespace(), &view.selector);
    pods.filter_map(|p| p.view().pod())
        .filter(|p| if view.publish_not_ready { !is_finished(p) } else { p.is_ready() && !p.terminating })
        .filter_map(|p| p.ip)
        .map(|ip| ip.to_string())
        .collect()
}

fn is_finished(pod: &Pod) -> bool {
    matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
}

/// The number at which a Service's pods are to be met.
fn target(service: &Object) -> u16 {
    match service.view().service().expect("a Service").ports[0].target_port {
        TargetPort::Number(number) => number,
        TargetPort::Name(_) => 8080,
    }
}

/// Every one of a Service's endpoints is met at what the Service's one port says, and bears its labels.
fn check_ports(service: &Object, slices: &[&Arc<Object>], subsets: &[Subset]) {
    let wanted = Some(target(service));
    for slice in slices {
        let view = slice.view().endpoint_slice().expect("a slice");
        let right = view.ports.iter().all(|port| port.port == wanted) && view.ports.len() <= 1;
        assert!(
            right && view.ports.is_empty() == view.endpoints.is_empty(),
            "ports of {}: {:?}",
            slice.key,
            view.ports
        );
        assert_eq!(slice.label("tag"), service.label("tag"), "labels of {}", slice.key);
    }
    for subset in subsets {
        let ports: Vec<Option<u16>> = subset.ports.iter().map(|port| port.port).collect();
        assert_eq!(ports, [wanted], "ports of the Endpoints of {}", service.key);
    }
}

fn check(cluster: &Cluster) {
    let store = cluster.store();
    for service in store.list("Service").filter(|s| s.view().service().is_some_and(|s| !s.selector.is_empty())) {
        let wanted = expected(cluster, service);
        let label = [("kubernetes.io/service-name".into(), service.name().clone())];
        let slices: Vec<_> = store.select("EndpointSlice", service.namespace(), &label).collect();
        assert!(!slices.is_empty(), "{} has a slice", service.key);
        let listed: Vec<String> = slices
            .iter()
            .filter_map(|s| s.view().endpoint_slice())
            .flat_map(|s| s.endpoints.iter().filter(|e| e.ready).map(|e| e.addresses[0].to_string()))
            .collect();
        assert_eq!(listed.len(), wanted.len(), "{}: no address stands twice", service.key);
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), wanted, "slices of {}", service.key);
        let endpoints = store.get(&ObjectKey::new("Endpoints", service.namespace().clone(), service.name().clone()));
        let endpoints = endpoints.and_then(|e| e.view().endpoints()).expect("Endpoints");
        let ready: BTreeSet<String> =
            endpoints.subsets.iter().flat_map(|s| &s.ready).map(|e| e.addresses[0].to_string()).collect();
        assert_eq!(ready, wanted, "Endpoints of {}", service.key);
        if service.namespace() == "default" {
            check_ports(service, &slices, &endpoints.subsets);
        }
    }
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for pod in store.list("Pod") {
        for ip in pod.view().pod().map(|p| p.ips.clone()).unwrap_or_default() {
            // A pod on a dead node keeps its address in its status until somebody can ask the node.
            if cluster.runtime().is_up(&pod.view().pod().expect("a pod").node_name) {
                let other = owners.insert(ip.to_string(), pod.key.to_string());
                assert_eq!(other, None, "{ip} is used twice, by {} too", pod.key);
            }
        }
    }
    for set in store.list("ReplicaSet") {
        let wanted = set.value.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1);
        let active = store.owned_by(set.uid()).filter(|p| {
            p.view().pod().is_some_and(giljabi::controller::pods::is_active)
                && p.controller().is_some_and(|(_, uid)| uid == *set.uid())
        });
        assert_eq!(active.count() as i64, wanted, "{} has what it wants", set.key);
    }
}

/// Who mounts the ConfigMap waits as long as it is missing, and no longer, and has in its files what it says.
fn check_volumes(cluster: &Cluster) {
    let conf = cluster.store().get(&key("ConfigMap", "conf"));
    let text = conf.map(|map| map.value.str_at(&["data", "text"]));
    for (pod, sandbox) in cluster.runtime().iter().filter(|(_, s)| cluster.runtime().is_up(&s.node)) {
        for volume in sandbox.volumes.iter() {
            assert!(volume.mounted || conf.is_none(), "{pod} waits for what is there");
        }
        if let (Some(text), Some(volume)) = (text, sandbox.volumes.first()) {
            assert_eq!(volume.files.get("text").map(|file| file.text.as_str()), Some(text), "{pod}");
        }
    }
}

fn run(seed: u64) -> (Cluster, Vec<Action>) {
    let mut random = Random::new(seed);
    let mut cluster = Cluster::new(Settings { seed, ..Settings::default() });
    let actions: Vec<Action> = (0..4 + random.below(12)).map(|_| draw(&mut random)).collect();
    for action in &actions {
        act(&mut cluster, *action);
        // Sometimes the next action comes before the cluster has come to rest.
        match random.below(3) {
            0 => drop(cluster.run_until_settled()),
            1 => cluster.run_for(Duration::millis(random.below(1_500))),
            _ => {}
        }
    }
    let settled = cluster.run_until_settled();
    assert_eq!(settled.busy, None, "seed {seed}: {actions:?} never rests: {:?}", cluster.why_restless());
    (cluster, actions)
}

#[test]
fn the_books_agree_at_rest_whatever_happened() {
    let seeds: Vec<u64> = match std::env::var("SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => vec![seed],
        None => (0..if std::env::var_os("LONG").is_some() { 10_000 } else { 200 }).collect(),
    };
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| {
            let (cluster, _) = run(seed);
            check(&cluster);
            check_volumes(&cluster);
        });
        assert!(outcome.is_ok(), "seed {seed}; SEED={seed} runs it alone");
    }
}

#[test]
fn the_same_actions_replay_to_the_same_state() {
    let bytes = |cluster: &Cluster| -> Vec<String> {
        cluster.store().iter().map(|o| giljabi::api::json::to_string(&o.value)).collect()
    };
    for seed in 0..20 {
        assert_eq!(bytes(&run(seed).0), bytes(&run(seed).0), "seed {seed}");
    }
}

#[test]
fn history_replays_to_the_same_state() {
    let bytes = |cluster: &Cluster| -> Vec<String> {
        cluster.store().iter().map(|o| giljabi::api::json::to_string(&o.value)).collect()
    };
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut cluster = Cluster::new(Settings { seed, ..Settings::default() });
        for _ in 0..4 {
            act(&mut cluster, draw(&mut random));
            cluster.run_until_settled();
        }
        // A moment forgets most events: what follows from it must not depend on them.
        let mut history = History::default();
        act(&mut cluster, draw(&mut random));
        history.keep(&cluster, "an action");
        cluster.run_until_settled();
        let replayed = history.at_revision(cluster.store().revision()).expect("the moment");
        assert_eq!(bytes(&replayed), bytes(&cluster), "seed {seed}");
    }
}
