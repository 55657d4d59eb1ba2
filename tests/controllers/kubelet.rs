//! What a pod and its events say while it runs.

use super::{apply, get, is_ready, kubectl, settle, single};
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
