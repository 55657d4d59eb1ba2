//! The members of a StatefulSet, one by one or all at once.

use super::{apply, get, is_ready, kubectl, pods, reasons, settle};
use giljabi::api::object::ObjectKey;
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::cluster::{Cluster, Settings};

fn stateful(management: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  podManagementPolicy: {management}
  replicas: 4
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec: {{containers: [{{name: db, image: nginx}}]}}
"
    )
}

#[test]
fn ordinals_come_one_by_one_or_all_at_once() {
    for (management, at_once) in [("OrderedReady", 1), ("Parallel", 4)] {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &stateful(management));
        let (mut starting, mut seen) = (0, Vec::new());
        while !cluster.queue().is_settled() {
            cluster.step();
            for pod in pods(&cluster, "db") {
                if !seen.contains(pod.name()) {
                    seen.push(pod.name().clone());
                }
            }
            starting = starting.max(pods(&cluster, "db").iter().filter(|p| !is_ready(p)).count());
        }
        assert_eq!(starting, at_once, "{management}");
        assert_eq!(seen, ["db-0", "db-1", "db-2", "db-3"], "{management}");
        kubectl(&mut cluster, "scale sts db --replicas=1", "");
        let mut ending = 0;
        while !cluster.queue().is_settled() {
            cluster.step();
            ending = ending.max(pods(&cluster, "db").iter().filter(|p| p.is_terminating()).count());
        }
        assert_eq!(ending, if at_once == 1 { 1 } else { 3 }, "{management}");
        assert_eq!(pods(&cluster, "db").iter().map(|p| p.name().to_string()).collect::<Vec<_>>(), ["db-0"]);
    }
}

#[test]
fn a_member_that_is_not_ready_holds_the_ones_behind_it() {
    let mut cluster = Cluster::new(Settings::default());
    let never = "{name: db, image: nginx, readinessProbe: {exec: {command: [ls, /var/ready]}, periodSeconds: 1}}";
    apply(&mut cluster, &stateful("OrderedReady").replace("{name: db, image: nginx}", never));
    cluster.run_for(Duration::secs(60));
    assert_eq!(pods(&cluster, "db").len(), 1, "db-0 never gets ready, so db-1 is not made");
    let key = ObjectKey::new("Pod", "default", "db-0");
    cluster.change_container(&key, "", |c| c.files.touch("/var/ready"));
    cluster.run_for(Duration::secs(10));
    assert_eq!(pods(&cluster, "db").len(), 2, "now it is db-1's turn");
}

#[test]
fn a_broken_member_gives_way_to_a_newer_template() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &stateful("Parallel"));
    settle(&mut cluster);
    // The lowest one breaks; those above it are replaced all the same, and then it is, too.
    kubectl(&mut cluster, "set image statefulset db db=nginx:1.27", "");
    let broken = ObjectKey::new("Pod", "default", "db-0");
    assert!(cluster.change_container(&broken, "db", |c| c.behavior.crash = Some((Duration::ZERO, 1))));
    settle(&mut cluster);
    let images: Vec<String> = pods(&cluster, "db")
        .iter()
        .map(|p| p.value.items_at(&["spec", "containers"])[0].text("image").to_string())
        .collect();
    assert_eq!(images, ["nginx:1.27"; 4]);
    assert!(pods(&cluster, "db").iter().all(|p| is_ready(p)));
    let set = get(&cluster, "StatefulSet", "db").expect("db");
    assert_eq!(set.value.at(&["status", "currentReplicas"]), Some(&Value::Int(4)));

    // A pod whose image cannot be had keeps the others from going, until the template is one that it can have.
    let bad = |image: &str| {
        stateful("OrderedReady")
            .replace("image: nginx", &format!("image: '{image}', readinessProbe: {{httpGet: {{path: /, port: 81}}}}"))
    };
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &stateful("OrderedReady"));
    settle(&mut cluster);
    apply(&mut cluster, &bad("nginx:1.28"));
    settle(&mut cluster);
    let old = |cluster: &Cluster| pods(cluster, "db").iter().filter(|p| is_ready(p)).count();
    assert_eq!(old(&cluster), 3, "one gave way, and the next ones wait for it");
}

#[test]
fn a_member_gets_the_label_of_its_name_back() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &stateful("OrderedReady"));
    settle(&mut cluster);
    let label = "statefulset.kubernetes.io/pod-name";
    kubectl(&mut cluster, &format!("label pod db-1 {label}-"), "");
    settle(&mut cluster);
    let pod = get(&cluster, "Pod", "db-1").expect("it stays");
    assert_eq!(pod.label(label), Some("db-1"));
    assert_eq!(
        reasons(&cluster, "StatefulSet", "db").last().map(String::as_str),
        Some("SuccessfulUpdate: update Pod db-1 in StatefulSet db successful")
    );
    // A pod whose name only looks like a member's is none of its own.
    apply(
        &mut cluster,
        "{apiVersion: v1, kind: Pod, metadata: {name: db--1, labels: {app: db}}, spec: {containers: [{name: db, image: nginx}]}}",
    );
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "db--1").is_some_and(|p| p.controller_ref().is_none()));
}
