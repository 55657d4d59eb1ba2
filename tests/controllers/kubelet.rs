//! What a pod and its events say while it runs.

use super::{apply, get, is_ready, kubectl, reasons, settle, single};
use giljabi::api::object::ObjectKey;
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, Settings};

#[test]
fn a_readiness_gate_is_opened_through_the_status() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &single("gated", "readinessGates: [{conditionType: shop.example.com/warm}],"));
    settle(&mut cluster);
    let ready = |cluster: &Cluster| get(cluster, "Pod", "gated").is_some_and(|p| is_ready(&p));
    assert!(!ready(&cluster));
    let open = r#"{"status":{"conditions":[{"type":"shop.example.com/warm","status":"True"}]}}"#;
    let told = kubectl(&mut cluster, &format!("patch pod gated --subresource=status -p {open}"), "");
    assert_eq!(told, "pod/gated patched\n");
    settle(&mut cluster);
    assert!(ready(&cluster));
}

#[test]
fn a_probe_that_goes_on_failing_goes_on_being_told() {
    let mut cluster = Cluster::new(Settings::default());
    let probe = "image: nginx, readinessProbe: {periodSeconds: 5, exec: {command: [ls, /var/ready]}}";
    apply(&mut cluster, &single("slow", "").replace("image: nginx", probe));
    settle(&mut cluster);
    let told = |cluster: &Cluster| {
        let key = ObjectKey::new("Pod", "default", "slow");
        let events = cluster.events();
        let record = events.about(&key).find(|r| r.reason == "Unhealthy").expect("it is told").clone();
        (record.count, cluster.now().since(record.last))
    };
    let (before, _) = told(&cluster);
    cluster.run_for(Duration::secs(100));
    let (after, ago) = told(&cluster);
    assert_eq!(after, before + 20);
    assert!(ago < Duration::secs(5), "{ago:?}");
    assert!(kubectl(&mut cluster, "describe pod slow", "").contains(&format!("(x{after} over ")));
    // Nor is it forgotten while it goes on.
    cluster.run_for(Duration::secs(7_300));
    assert!(told(&cluster).0 > 1_400);
    // Once it passes, it is told no more.
    let pod = ObjectKey::new("Pod", "default", "slow");
    assert!(cluster.change_container(&pod, "a", |c| c.files.touch("/var/ready")));
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "slow").is_some_and(|p| is_ready(&p)));
    let (last, _) = told(&cluster);
    cluster.run_for(Duration::secs(100));
    assert_eq!(told(&cluster).0, last, "{pod}");
}

#[test]
fn what_happens_again_is_one_event_that_counts() {
    let mut cluster = Cluster::new(Settings::default());
    let crash = "image: busybox, imagePullPolicy: IfNotPresent, command: [sh, -c, 'sleep 1; exit 3']";
    apply(&mut cluster, &single("loop", "").replace("image: nginx", crash));
    cluster.run_for(Duration::secs(120));
    let told = kubectl(
        &mut cluster,
        "get events --field-selector involvedObject.name=loop -o custom-columns=R:.reason,N:.count",
        "",
    );
    let count = |reason: &str| -> Vec<u32> {
        let lines = told.lines().filter_map(|line| line.split_once(' ')).filter(|(r, _)| *r == reason);
        lines.map(|(_, n)| n.trim().parse().expect("a count")).collect()
    };
    let restarts =
        get(&cluster, "Pod", "loop").map(|p| p.value.items_at(&["status", "containerStatuses"])[0].int("restartCount"));
    let starts = restarts.expect("it runs") as u32 + 1;
    assert!(starts > 3);
    assert_eq!((count("Started"), count("Created")), (vec![starts], vec![starts]), "{told}");
    assert_eq!(count("Scheduled"), [1]);
}

fn container_status(cluster: &Cluster, name: &str) -> giljabi::api::value::Value {
    let pod = get(cluster, "Pod", name).expect("the pod");
    pod.value.items_at(&["status", "containerStatuses"])[0].clone()
}

#[test]
fn another_image_restarts_a_running_container() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &single("web", "restartPolicy: Never,"));
    settle(&mut cluster);
    kubectl(&mut cluster, "set image pod/web a=nginx:1.28", "");
    settle(&mut cluster);
    let status = container_status(&cluster, "web");
    assert_eq!((status.int("restartCount"), status.flag("ready")), (1, true));
    assert_eq!(status.str_at(&["image"]), "docker.io/library/nginx:1.28");
    assert_eq!(status.str_at(&["lastState", "terminated", "reason"]), "Completed");
    let told = reasons(&cluster, "Pod", "web");
    let place = |words: &str| told.iter().position(|r| r == words).unwrap_or_else(|| panic!("{words}: {told:?}"));
    let killed = place("Killing: Container a definition changed, will be restarted");
    assert!(killed < place("Pulling: Pulling image \"nginx:1.28\""));
    assert!(told.last().is_some_and(|r| r.starts_with("Started")), "{told:?}");
}

#[test]
fn another_image_need_not_wait_for_the_back_off_of_the_old_one() {
    let mut cluster = Cluster::new(Settings::default());
    let crash = "image: 'busybox:1', command: [sh, -c, 'exit 3']";
    apply(&mut cluster, &single("loop", "").replace("image: nginx", crash));
    cluster.run_for(Duration::secs(200));
    let before = container_status(&cluster, "loop");
    assert_eq!(before.str_at(&["state", "waiting", "reason"]), "CrashLoopBackOff");
    kubectl(&mut cluster, "set image pod/loop a=busybox:2", "");
    cluster.run_for(Duration::secs(5));
    let after = container_status(&cluster, "loop");
    assert!(after.int("restartCount") > before.int("restartCount"));
    assert_eq!(after.str_at(&["image"]), "docker.io/library/busybox:2");
}

#[test]
fn a_probe_of_a_port_that_nobody_has_named_has_no_result() {
    let mut cluster = Cluster::new(Settings::default());
    let probe = |kind: &str, port: &str| format!("{kind}Probe: {{periodSeconds: 5, {port}}}");
    let probes =
        [probe("readiness", "httpGet: {port: nosuch}"), probe("liveness", "tcpSocket: {port: nor}")].join(", ");
    apply(&mut cluster, &single("odd", "").replace("image: nginx", &format!("image: nginx, {probes}")));
    settle(&mut cluster);
    cluster.run_for(Duration::secs(60));
    // No threshold counts what has no result: it is not ready, and not restarted.
    let status = container_status(&cluster, "odd");
    assert_eq!((status.int("restartCount"), status.flag("started"), status.flag("ready")), (0, true, false));
    let events = cluster.events();
    let key = ObjectKey::new("Pod", "default", "odd");
    for (which, port) in [("Readiness", "nosuch"), ("Liveness", "nor")] {
        let words = format!(
            "{which} probe errored and resulted in unknown state: strconv.Atoi: parsing \"{port}\": invalid syntax"
        );
        let told = events.about(&key).find(|r| r.message == words.as_str()).expect("it is told");
        assert!(told.warning && told.reason == "Unhealthy" && told.count >= 12, "{told:?}");
    }
}

#[test]
fn a_grpc_probe_gives_up_on_who_does_not_speak_grpc() {
    for port in [80, 81] {
        let mut cluster = Cluster::new(Settings::default());
        let probe = format!("image: nginx, readinessProbe: {{timeoutSeconds: 61, grpc: {{port: {port}}}}}");
        apply(&mut cluster, &single("mute", "").replace("image: nginx", &probe));
        settle(&mut cluster);
        let told = reasons(&cluster, "Pod", "mute");
        let end = format!(":{port}\" within 1m1s: context deadline exceeded");
        let start = "Unhealthy: Readiness probe failed: timeout: failed to connect service \"";
        assert!(told.iter().any(|r| r.starts_with(start) && r.ends_with(&end)), "{told:?}");
    }
}

#[test]
fn an_image_that_does_not_come_is_tried_again_and_again() {
    let mut cluster = Cluster::new(Settings::default());
    let pod =
        single("pull", "").replace("labels: {", "annotations: {giljabi.dev/behavior: image-pull-error}, labels: {");
    apply(&mut cluster, &pod);
    let mut seen: Vec<String> = Vec::new();
    while cluster.now().0 < Duration::secs(90).0 {
        cluster.run_for(Duration::millis(500));
        let status = container_status(&cluster, "pull");
        let reason = status.str_at(&["state", "waiting", "reason"]).to_string();
        if seen.last() != Some(&reason) {
            seen.push(reason);
        }
    }
    let round = ["ErrImagePull", "ImagePullBackOff"];
    let expected: Vec<&str> =
        ["ContainerCreating"].into_iter().chain(round).chain(round).chain(round).chain(["ErrImagePull"]).collect();
    assert_eq!(seen[..seen.len().min(8)], expected[..seen.len().min(8)]);
    assert!(seen.len() >= 7, "{seen:?}");
    let events = cluster.events();
    let key = ObjectKey::new("Pod", "default", "pull");
    let count = |words: &str| events.about(&key).filter(|r| r.message.starts_with(words)).map(|r| r.count).sum::<u32>();
    let tries = seen.iter().filter(|r| *r == "ErrImagePull").count() as u32;
    for words in ["Pulling image", "Failed to pull image \"nginx\": rpc error: code = NotFound", "Error: ErrImagePull"]
    {
        assert_eq!(count(words), tries, "{words}");
    }
    // Told at every look, of which there are more than tries.
    assert!(count("Back-off pulling image \"nginx\"") > tries);
    assert_eq!(count("Back-off pulling image"), count("Error: ImagePullBackOff"));
    let back_off = events.about(&key).find(|r| r.reason == "BackOff").expect("it is told");
    assert!(!back_off.warning);
    // Nothing waits for what goes on for ever.
    let before = cluster.now();
    settle(&mut cluster);
    assert!(cluster.now().since(before) < Duration::secs(1));
}

#[test]
fn a_node_that_is_full_refuses_what_is_put_on_it_by_hand() {
    let mut cluster = Cluster::new(Settings::default());
    let node = cluster.store().list("Node").last().expect("a node").name().to_string();
    let pod = |n: usize| single(&format!("p{n}"), &format!("nodeName: {node},"));
    let all: Vec<String> = (0..113).map(pod).collect();
    apply(&mut cluster, &all.join("\n---\n"));
    settle(&mut cluster);
    let pods: Vec<_> = (0..113).filter_map(|n| get(&cluster, "Pod", &format!("p{n}"))).collect();
    let phase = |p: &giljabi::api::object::Object| p.value.str_at(&["status", "phase"]).to_string();
    assert_eq!(pods.iter().filter(|p| phase(p) == "Running").count(), 110);
    let refused: Vec<_> = pods.iter().filter(|p| phase(p) == "Failed").collect();
    assert_eq!(refused.len(), 3);
    let why = "Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110";
    for pod in &refused {
        assert_eq!(pod.value.str_at(&["status", "reason"]), "OutOfpods");
        assert_eq!(pod.value.str_at(&["status", "message"]), format!("Pod was rejected: {why}"));
        assert_eq!(reasons(&cluster, "Pod", pod.name()), [format!("OutOfpods: {why}")]);
    }
    // There is room again once one of them has gone.
    kubectl(&mut cluster, "delete pod p0", "");
    apply(&mut cluster, &pod(200));
    settle(&mut cluster);
    assert_eq!(get(&cluster, "Pod", "p200").map(|p| phase(&p)).as_deref(), Some("Running"));
}

#[test]
fn a_failed_probe_kills_in_its_own_time_and_words() {
    let probe = |name: &str| {
        format!(
            "{name}: {{periodSeconds: 2, failureThreshold: 1, terminationGracePeriodSeconds: 4, exec: {{command: [ls, /none]}}}}"
        )
    };
    let sleeps = "image: busybox, command: [sleep, '9999']";
    for (policy, words) in [
        ("Never", "Killing: Container a failed liveness probe"),
        ("Always", "Killing: Container a failed liveness probe, will be restarted"),
    ] {
        let mut cluster = Cluster::new(Settings::default());
        let container = format!("{sleeps}, {}", probe("livenessProbe"));
        apply(&mut cluster, &single("a", &format!("restartPolicy: {policy},")).replace("image: nginx", &container));
        cluster.run_for(Duration::secs(20));
        let told = reasons(&cluster, "Pod", "a");
        assert!(told.iter().any(|r| r == words), "{told:?}");
        // Not the pod's thirty seconds.
        let status = container_status(&cluster, "a");
        let ended = ["state", "lastState"].map(|s| status.at(&[s, "terminated", "exitCode"]).and_then(|c| c.as_i64()));
        assert!(ended.contains(&Some(137)), "{status:?}");
    }
    let mut cluster = Cluster::new(Settings::default());
    let sidecar = format!("initContainers: [{{name: s, restartPolicy: Always, {sleeps}, {}}}],", probe("startupProbe"));
    apply(&mut cluster, &single("b", &sidecar));
    cluster.run_for(Duration::secs(20));
    let told = reasons(&cluster, "Pod", "b");
    assert!(told.iter().any(|r| r == "Killing: Init container s failed startup probe"), "{told:?}");
}

#[test]
fn who_waits_for_a_restart_is_told_of_it_again_and_again() {
    let mut cluster = Cluster::new(Settings::default());
    let crash = "image: busybox, imagePullPolicy: IfNotPresent, command: [sh, -c, 'exit 3']";
    apply(&mut cluster, &single("loop", "").replace("image: nginx", crash));
    cluster.run_for(Duration::secs(400));
    let key = ObjectKey::new("Pod", "default", "loop");
    let told = |cluster: &Cluster| {
        let events = cluster.events();
        events.about(&key).find(|r| r.reason == "BackOff").map_or(0, |r| r.count)
    };
    let restarts = |cluster: &Cluster| cluster.runtime().get(&key).expect("it is there").containers[0].restarts;
    // The long waits have begun: the kubelet looks in at least once in a minute and a half.
    let (before, begun, looks) = (told(&cluster), restarts(&cluster), cluster.work().reconciles);
    cluster.run_for(Duration::secs(1_200));
    let (after, ended) = (told(&cluster), restarts(&cluster));
    assert!((after - before) as u64 >= 1_200 / 90, "{before} … {after}");
    assert!(after - before > 3 * (ended - begun), "{after} of {ended}");
    // Nobody takes a look for it.
    assert!(
        cluster.work().reconciles - looks < 10 * u64::from(ended - begun + 2),
        "{}",
        cluster.work().reconciles - looks
    );
}

#[test]
fn an_image_that_does_not_come_is_told_at_every_look() {
    let mut cluster = Cluster::new(Settings::default());
    let absent = "image: nginx, env: [{name: GILJABI_BEHAVIOR, value: image-pull-error}]";
    apply(&mut cluster, &single("absent", "").replace("image: nginx", absent));
    cluster.run_for(Duration::secs(600));
    let key = ObjectKey::new("Pod", "default", "absent");
    let count = |cluster: &Cluster, words: &str| {
        let events = cluster.events();
        events.about(&key).find(|r| r.message.starts_with(words)).map_or(0, |r| r.count)
    };
    let before = (count(&cluster, "Back-off pulling image"), count(&cluster, "Error: ImagePullBackOff"));
    cluster.run_for(Duration::secs(240));
    let after = (count(&cluster, "Back-off pulling image"), count(&cluster, "Error: ImagePullBackOff"));
    // Every ten to fifteen seconds, but for the looks that try again.
    assert!((14..=24).contains(&(after.0 - before.0)), "{before:?} {after:?}");
    assert_eq!(after.0, after.1);
}

#[test]
fn a_program_that_an_image_surely_lacks_is_not_started() {
    let mut cluster = Cluster::new(Settings::default());
    let bare = "image: 'registry.k8s.io/pause:3.10', command: [/bin/sh, -c, sleep 1]";
    apply(&mut cluster, &single("bare", "").replace("image: nginx", bare));
    cluster.run_for(Duration::secs(5));
    let words = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"/bin/sh\": stat /bin/sh: no such file or directory";
    let status = |cluster: &Cluster, name: &str| {
        let pod = get(cluster, "Pod", name).expect("the pod");
        (
            pod.value.str_at(&["status", "phase"]).to_string(),
            pod.value.items_at(&["status", "containerStatuses"])[0].clone(),
        )
    };
    let (_, container) = status(&cluster, "bare");
    assert_eq!(container.str_at(&["lastState", "terminated", "reason"]), "StartError");
    assert_eq!(container.str_at(&["lastState", "terminated", "message"]), words);
    assert_eq!(container.str_at(&["lastState", "terminated", "startedAt"]), "1970-01-01T00:00:00Z");
    assert!(matches!(container.str_at(&["state", "waiting", "reason"]), "RunContainerError" | "CrashLoopBackOff"));
    let told = reasons(&cluster, "Pod", "bare");
    assert!(told.contains(&format!("Failed: Error: {words}")), "{told:?}");
    assert!(!told.iter().any(|t| t.starts_with("Started")), "{told:?}");
    cluster.run_for(Duration::secs(60));
    assert_eq!(status(&cluster, "bare").1.str_at(&["state", "waiting", "reason"]), "CrashLoopBackOff");
    let described = kubectl(&mut cluster, "describe pod bare", "");
    assert!(described.contains("Exit Code:    128"), "{described}");
    assert!(described.contains("Started:      Thu, 01 Jan 1970 00:00:00 +0000"), "{described}");
    // Who is not to be tried again has failed.
    let once = "restartPolicy: Never,";
    let bare = "image: 'gcr.io/distroless/static', command: [sleep, '5']";
    apply(&mut cluster, &single("once", once).replace("image: nginx", bare));
    cluster.run_for(Duration::secs(10));
    let (phase, container) = status(&cluster, "once");
    assert_eq!((phase.as_str(), container.str_at(&["state", "terminated", "reason"])), ("Failed", "StartError"));
    assert!(kubectl(&mut cluster, "get pod once", "").contains("0/1     StartError   0"));
}
