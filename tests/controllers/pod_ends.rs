//! How pods end, and what they wait for before they begin.

use super::{apply, get, kubectl, pods, reasons, settle};
use giljabi::api::object::Object;
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::cluster::{Cluster, Settings};

/// A pod (or the spec of one) with two sidecars beside what runs `main`.
fn with_sidecars(policy: &str, main: &str) -> String {
    let sidecar = |name: &str, run: &str| format!("{{name: {name}, restartPolicy: Always, {run}}}");
    format!(
        "{{restartPolicy: {policy}, terminationGracePeriodSeconds: 5, initContainers: [{}, {}], \
         containers: [{{name: main, image: busybox, command: [sh, -c, '{main}']}}]}}",
        sidecar("deaf", "image: busybox, command: [sleep, '9999']"),
        sidecar("heeds", "image: nginx"),
    )
}

fn pod(name: &str, spec: &str) -> String {
    format!("{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {spec}}}")
}

fn phase(cluster: &Cluster, name: &str) -> String {
    get(cluster, "Pod", name).map(|p| p.value.str_at(&["status", "phase"]).to_string()).unwrap_or_default()
}

/// The state of a container: its word, and the map behind it.
fn state(pod: &Object, list: &str, name: &str) -> (String, Value) {
    let statuses = pod.value.items_at(&["status", list]);
    let status = statuses.iter().find(|s| s.str_at(&["name"]) == name).expect("a status");
    let (word, inner) = status.get("state").and_then(Value::as_map).and_then(|m| m.iter().next()).expect("a state");
    (word.to_string(), inner.clone())
}

#[test]
fn sidecars_end_one_by_one_when_the_work_is_done() {
    for (policy, main, end) in [
        ("Never", "sleep 3; exit 0", "Succeeded"),
        ("Never", "sleep 3; exit 2", "Failed"),
        ("OnFailure", "sleep 3; exit 0", "Succeeded"),
    ] {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &pod("side", &with_sidecars(policy, main)));
        let mut while_stopping = false;
        while phase(&cluster, "side") != end {
            assert!(cluster.now().0 < Duration::secs(60).0, "{policy} {main}: {}", phase(&cluster, "side"));
            let going = get(&cluster, "Pod", "side").filter(|p| p.value.str_at(&["status", "phase"]) == "Running");
            if let Some(pod) = going {
                let ended = |list, name| state(&pod, list, name).0 == "terminated";
                while_stopping |= ended("containerStatuses", "main") && !ended("initContainerStatuses", "deaf");
                // The last one goes first.
                assert!(!ended("initContainerStatuses", "deaf") || ended("initContainerStatuses", "heeds"));
            }
            cluster.run_for(Duration::millis(200));
        }
        assert!(while_stopping, "the phase came before the sidecars' end");
        let ended = get(&cluster, "Pod", "side").expect("it stays");
        let code = |name| state(&ended, "initContainerStatuses", name).1.int("exitCode");
        assert_eq!((code("deaf"), code("heeds")), (137, 0));
        assert!(kubectl(&mut cluster, "get pod side --no-headers", "").starts_with("side   0/3"));
        let told = reasons(&cluster, "Pod", "side");
        assert!(told.contains(&"Killing: Stopping container heeds".to_string()), "{told:?}");
        let initialized = super::condition(&cluster, "Pod", "side", "Initialized").expect("the condition");
        assert_eq!(initialized.0, if end == "Succeeded" { "PodCompleted" } else { "" });
    }
}

#[test]
fn a_pod_that_always_restarts_keeps_its_sidecars() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &pod("side", &with_sidecars("Always", "sleep 3; exit 0")));
    cluster.run_for(Duration::secs(120));
    assert_eq!(phase(&cluster, "side"), "Running");
    assert!(!reasons(&cluster, "Pod", "side").iter().any(|r| r.starts_with("Killing")));
}

#[test]
fn a_failed_init_container_ends_the_sidecars_before_it() {
    let mut cluster = Cluster::new(Settings::default());
    let fails = "{name: fails, image: busybox, command: [sh, -c, 'exit 3']}], containers";
    apply(
        &mut cluster,
        &pod("side", &with_sidecars("Never", "exit 0").replace("], containers", &format!(", {fails}"))),
    );
    settle(&mut cluster);
    assert_eq!(phase(&cluster, "side"), "Failed");
    let pod = get(&cluster, "Pod", "side").expect("it stays");
    assert_eq!(state(&pod, "initContainerStatuses", "deaf").0, "terminated");
    assert_eq!(state(&pod, "containerStatuses", "main").1.str_at(&["reason"]), "PodInitializing");
}

#[test]
fn a_job_is_complete_once_its_sidecars_have_ended() {
    let mut cluster = Cluster::new(Settings::default());
    let spec = with_sidecars("Never", "sleep 2; exit 0");
    let template = format!("{{metadata: {{labels: {{app: sum}}}}, spec: {spec}}}");
    let job = format!("{{apiVersion: batch/v1, kind: Job, metadata: {{name: sum}}, spec: {{template: {template}}}}}");
    apply(&mut cluster, &job);
    let complete = |cluster: &Cluster| super::condition(cluster, "Job", "sum", "Complete").is_some();
    while !complete(&cluster) {
        assert!(cluster.now().0 < Duration::secs(60).0);
        cluster.run_for(Duration::millis(200));
    }
    let pod = &pods(&cluster, "sum")[0];
    assert_eq!(state(pod, "initContainerStatuses", "deaf").0, "terminated");
}

#[test]
fn a_deleted_pod_ends_its_sidecars_last() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &pod("side", &with_sidecars("Always", "sleep 9999")));
    settle(&mut cluster);
    kubectl(&mut cluster, "delete pod side --wait=false", "");
    cluster.run_for(Duration::millis(4_900));
    let going = get(&cluster, "Pod", "side").expect("it is going");
    assert_eq!(state(&going, "initContainerStatuses", "heeds").0, "running");
    // The main container has had its five seconds; then each sidecar has at least two.
    cluster.run_for(Duration::secs(6));
    assert!(get(&cluster, "Pod", "side").is_none());
}

#[test]
fn what_waits_for_init_containers_says_so() {
    let mut cluster = Cluster::new(Settings::default());
    let init = |name: &str| format!("{{name: {name}, image: busybox, command: [sleep, '9999']}}");
    let spec =
        format!("{{initContainers: [{}, {}], containers: [{{name: main, image: nginx}}]}}", init("one"), init("two"));
    apply(&mut cluster, &pod("late", &spec));
    settle(&mut cluster);
    let pod = get(&cluster, "Pod", "late").expect("it waits");
    let waits = |list, name| state(&pod, list, name).1.str_at(&["reason"]).to_string();
    assert_eq!(waits("initContainerStatuses", "two"), "PodInitializing");
    assert_eq!(waits("containerStatuses", "main"), "PodInitializing");
    let one = &pod.value.items_at(&["status", "initContainerStatuses"])[0];
    assert_eq!((one.flag("started"), one.flag("ready")), (true, false));
    assert!(kubectl(&mut cluster, "get pod late --no-headers", "").contains("Init:0/2"));
}

#[test]
fn a_pod_past_its_deadline_has_failed() {
    let mut cluster = Cluster::new(Settings::default());
    let spec = |more: &str| {
        format!(
            "{{activeDeadlineSeconds: 20, terminationGracePeriodSeconds: 5, containers: [{{name: a, image: busybox, {more}}}]}}"
        )
    };
    apply(&mut cluster, &pod("runs", &spec("command: [sleep, '9999']")));
    apply(&mut cluster, &pod("waits", &spec("env: [{name: X, valueFrom: {configMapKeyRef: {name: none, key: x}}}]")));
    cluster.run_for(Duration::secs(22));
    // What runs has its grace period first.
    assert_eq!((phase(&cluster, "runs").as_str(), phase(&cluster, "waits").as_str()), ("Running", "Failed"));
    cluster.run_for(Duration::secs(5));
    for name in ["runs", "waits"] {
        let pod = get(&cluster, "Pod", name).expect("it stays");
        let told = |field| pod.value.str_at(&["status", field]).to_string();
        assert_eq!((told("phase").as_str(), told("reason").as_str()), ("Failed", "DeadlineExceeded"));
        assert_eq!(told("message"), "Pod was active on the node longer than the specified deadline");
        let events = reasons(&cluster, "Pod", name);
        let told =
            events.iter().filter(|e| e.starts_with("DeadlineExceeded: Pod was active on the node longer")).count();
        assert_eq!(told, 1, "{events:?}");
        let (word, inner) = state(&pod, "containerStatuses", "a");
        assert_eq!((word.as_str(), inner.int("exitCode")), ("terminated", 137));
        assert_eq!(inner.str_at(&["reason"]), if name == "runs" { "Error" } else { "ContainerStatusUnknown" });
    }
    assert!(reasons(&cluster, "Pod", "runs").contains(&"Killing: Stopping container a".to_string()));
}

#[test]
fn a_sidecar_takes_another_image_and_the_rest_runs_on() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &pod("side", &with_sidecars("Always", "sleep 9999")));
    settle(&mut cluster);
    kubectl(&mut cluster, "set image pod/side heeds=nginx:1.28", "");
    settle(&mut cluster);
    let side = get(&cluster, "Pod", "side").expect("it runs");
    let restarts = |list, name| {
        let statuses = side.value.items_at(&["status", list]);
        statuses.iter().find(|s| s.str_at(&["name"]) == name).map(|s| (s.int("restartCount"), s.flag("ready")))
    };
    assert_eq!(restarts("initContainerStatuses", "heeds"), Some((1, true)));
    assert_eq!(restarts("initContainerStatuses", "deaf"), Some((0, true)));
    assert_eq!(restarts("containerStatuses", "main"), Some((0, true)));
    let told = reasons(&cluster, "Pod", "side");
    assert!(told.contains(&"Killing: Init container heeds definition changed".to_string()), "{told:?}");
}
