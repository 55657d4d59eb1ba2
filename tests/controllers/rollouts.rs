//! What a rollout may never fall below or rise above, when it waits, and what a Deployment tells of its sets.

use super::{apply, condition, deployment, get, is_ready, kubectl, pods, reasons, settle};
use giljabi::api::object::Object;
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::cluster::{Cluster, Settings};
use std::sync::Arc;

#[test]
fn a_rollout_keeps_within_surge_and_unavailable() {
    for (replicas, surge, unavailable, most, least) in [
        (4, "1", "0", 5, 4),
        (4, "0", "1", 4, 3),
        (4, "2", "2", 6, 2),
        (10, "25%", "25%", 13, 8),
        (3, "0%", "1%", 3, 2),
        (5, "100%", "0", 10, 5),
        (1, "0", "100%", 1, 0),
    ] {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &deployment(replicas, surge, unavailable));
        settle(&mut cluster);
        kubectl(&mut cluster, "set image deployment/web web=nginx:1.29", "");
        let (mut highest, mut lowest) = (0, usize::MAX);
        while !cluster.queue().is_settled() {
            cluster.step();
            let all = pods(&cluster, "web");
            highest = highest.max(all.iter().filter(|p| !p.is_terminating()).count());
            lowest = lowest.min(all.iter().filter(|p| is_ready(p)).count());
        }
        let case = format!("{replicas} pods, {surge} and {unavailable}");
        assert!(highest <= most && lowest >= least, "{case}: {lowest} to {highest}");
        assert_eq!((highest, lowest), (most, least), "{case}: what is allowed is made use of");
        let images: Vec<String> = pods(&cluster, "web")
            .iter()
            .map(|p| p.value.items_at(&["spec", "containers"])[0].text("image").to_string())
            .collect();
        assert_eq!(images, vec!["nginx:1.29"; replicas as usize], "{case}");
    }
}

#[test]
fn a_paused_rollout_waits_and_still_scales() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &deployment(2, "1", "0"));
    settle(&mut cluster);
    kubectl(&mut cluster, "rollout pause deployment web", "");
    kubectl(&mut cluster, "set image deployment/web web=nginx:1.29", "");
    kubectl(&mut cluster, "scale deployment web --replicas=3", "");
    settle(&mut cluster);
    assert_eq!(cluster.store().list("ReplicaSet").filter(|s| s.namespace() == "default").count(), 1);
    assert_eq!(pods(&cluster, "web").len(), 3);
    let web = get(&cluster, "Deployment", "web").expect("web");
    let conditions = web.value.items_at(&["status", "conditions"]);
    let progressing = conditions.iter().find(|c| c.text("type") == "Progressing").expect("it progresses");
    assert_eq!((progressing.text("status"), progressing.text("reason")), ("Unknown", "DeploymentPaused"));
    kubectl(&mut cluster, "rollout resume deployment web", "");
    settle(&mut cluster);
    assert_eq!(cluster.store().list("ReplicaSet").filter(|s| s.namespace() == "default").count(), 2);
}

fn sets(cluster: &Cluster) -> Vec<Arc<Object>> {
    cluster.store().select("ReplicaSet", "default", &[("app".into(), "web".into())]).cloned().collect()
}

#[test]
fn pods_that_the_api_server_refuses_are_told_and_tried_again() {
    let mut cluster = Cluster::new(Settings::default());
    let account = "spec: {serviceAccountName: nosuch, containers";
    apply(&mut cluster, &deployment(2, "1", "1").replace("spec: {containers", account));
    settle(&mut cluster);
    assert!(pods(&cluster, "web").is_empty());
    let set = sets(&cluster)[0].clone();
    let why = "error looking up service account default/nosuch: serviceaccount \"nosuch\" not found";
    let answer = format!("pods \"{}-\" is forbidden: {why}", set.name());
    assert_eq!(reasons(&cluster, "ReplicaSet", set.name()), [format!("FailedCreate: Error creating: {answer}")]);
    for (kind, name) in [("ReplicaSet", set.name().as_str()), ("Deployment", "web")] {
        assert_eq!(condition(&cluster, kind, name, "ReplicaFailure"), Some(("FailedCreate".into(), answer.clone())));
    }
    kubectl(&mut cluster, "create serviceaccount nosuch", "");
    cluster.run_for(Duration::secs(60));
    assert_eq!(pods(&cluster, "web").iter().filter(|p| is_ready(p)).count(), 2);
    assert_eq!(condition(&cluster, "Deployment", "web", "ReplicaFailure"), None);
    // StatefulSets say it in their own words; a class gives its priority.
    let set = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {priorityClassName: high, containers: [{name: db, image: \"nginx:1.27\"}]}
";
    apply(&mut cluster, set);
    settle(&mut cluster);
    let why = "pods \"db-0\" is forbidden: no PriorityClass with name high was found";
    let said = format!("FailedCreate: create Pod db-0 in StatefulSet db failed error: {why}");
    assert_eq!(reasons(&cluster, "StatefulSet", "db"), [said]);
    apply(&mut cluster, "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}");
    cluster.run_for(Duration::secs(60));
    assert_eq!(pods(&cluster, "db")[0].value.at(&["spec", "priority"]).and_then(Value::as_i64), Some(1_000));
}

#[test]
fn a_deployment_is_scaled_before_its_new_template_comes() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &deployment(2, "1", "1"));
    settle(&mut cluster);
    let old = sets(&cluster)[0].name().clone();
    apply(&mut cluster, &deployment(4, "1", "1").replace("nginx:1.28", "nginx:1.27"));
    settle(&mut cluster);
    let said = reasons(&cluster, "Deployment", "web");
    assert_eq!(said[1], format!("ScalingReplicaSet: Scaled up replica set {old} from 2 to 4"));
    assert!(said[2].starts_with("ScalingReplicaSet: Scaled up replica set ") && said[2].ends_with(" from 0 to 1"));
}

#[test]
fn recreate_makes_the_new_set_when_the_old_pods_are_gone() {
    let mut cluster = Cluster::new(Settings::default());
    let recreate = |image: &str| {
        deployment(2, "1", "1")
            .replace("{rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}", "{type: Recreate}")
            .replace("nginx:1.28", image)
    };
    apply(&mut cluster, &recreate("nginx:1.27"));
    settle(&mut cluster);
    apply(&mut cluster, &recreate("nginx:1.28"));
    let image = |p: &Object| p.value.items_at(&["spec", "containers"])[0].str_at(&["image"]).to_string();
    while pods(&cluster, "web").iter().any(|p| image(p) == "nginx:1.27") {
        assert_eq!(sets(&cluster).len(), 1);
        cluster.run_for(Duration::millis(100));
    }
    settle(&mut cluster);
    assert_eq!(sets(&cluster).len(), 2);
}
