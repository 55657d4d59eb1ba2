//! How much work the control plane does, counted, and (printed, not asserted) how long it takes.
//!
//! `cargo test --release --test control_speed -- --nocapture --ignored` prints the times.

use giljabi::apiserver::store::Cause;
use giljabi::cluster::{Cluster, Settings};
use giljabi::value;
use std::time::Instant;

fn start(pods: usize) -> Cluster {
    let mut cluster = Cluster::new(Settings::with_nodes(pods.div_ceil(100) + 2));
    let mut spec = value!({
        "containers": [{
            "name": "web", "image": "luksa/kubia",
            "ports": [{ "containerPort": 8080, "name": "http", "protocol": "TCP" }],
            "readinessProbe": { "httpGet": { "path": "/", "port": 8080 } }
        }]
    });
    giljabi::apiserver::defaulting::pod::default_pod_spec(&mut spec);
    cluster.write(Cause::User, |w| {
        w.create(
            "Service",
            value!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": { "name": "web", "namespace": "default" },
                "spec": {
                    "type": "ClusterIP", "clusterIP": "10.96.44.44", "clusterIPs": ["10.96.44.44"], "ipFamilies": ["IPv4"],
                    "selector": { "app": "web" },
                    "ports": [{ "port": 80, "targetPort": "http", "protocol": "TCP" }]
                }
            }),
        );
        w.create(
            "Deployment",
            value!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": { "name": "web", "namespace": "default" },
                "spec": {
                    "replicas": (pods as i64),
                    "selector": { "matchLabels": { "app": "web" } },
                    "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": "25%", "maxUnavailable": "25%" } },
                    "template": { "metadata": { "labels": { "app": "web" } }, "spec": spec }
                }
            }),
        );
    });
    cluster
}

fn ready_endpoints(cluster: &Cluster) -> usize {
    let label = [("kubernetes.io/service-name".into(), "web".into())];
    let slices = cluster.store().select("EndpointSlice", "default", &label);
    slices.filter_map(|s| s.view().endpoint_slice()).flat_map(|s| &s.endpoints).filter(|e| e.ready).count()
}

#[test]
fn work_grows_with_the_pods_and_not_faster() {
    let work = |pods: usize| {
        let mut cluster = start(pods);
        let before = cluster.work();
        assert_eq!(cluster.run_until_settled().busy, None);
        assert_eq!(ready_endpoints(&cluster), pods);
        let after = cluster.work();
        ((after.reconciles - before.reconciles) as f64, (after.writes - before.writes) as f64)
    };
    let (few, many) = (work(30), work(600));
    for (name, few, many) in [("reconciles", few.0, many.0), ("writes", few.1, many.1)] {
        let exponent = (many / few).ln() / 20_f64.ln();
        assert!(exponent <= 1.1, "{name}: {few} for 30 pods, {many} for 600: exponent {exponent:.2}");
    }
}

#[test]
fn one_pod_that_flips_costs_the_same_among_few_and_many() {
    let work = |pods: usize| {
        let mut cluster = start(pods);
        cluster.run_until_settled();
        flip(&mut cluster)
    };
    let (few, many) = (work(30), work(600));
    assert!(many.0 <= few.0 + 2 && many.1 <= few.1 + 2, "{few:?} among 30, {many:?} among 600");
}

/// Makes one pod not ready; gives back reconciles and writes until rest.
fn flip(cluster: &mut Cluster) -> (u64, u64) {
    let pod = cluster.store().list_in("Pod", "default").next().map(|p| p.key.clone()).expect("a pod");
    let before = cluster.work();
    cluster.change_container(&pod, "", |c| c.behavior.status = Some(500));
    assert_eq!(cluster.run_until_settled().busy, None);
    let after = cluster.work();
    (after.reconciles - before.reconciles, after.writes - before.writes)
}

#[test]
#[ignore = "prints times; run it in release"]
fn times() {
    println!("pods  settle ms  us/pod  reconciles  writes  flip ms");
    for pods in [10, 100, 1_000, 10_000] {
        let mut best = f64::MAX;
        let mut cluster = start(pods);
        for _ in 0..if pods > 1_000 { 2 } else { 5 } {
            cluster = start(pods);
            let clock = Instant::now();
            cluster.run_until_settled();
            best = best.min(clock.elapsed().as_secs_f64() * 1e3);
        }
        assert_eq!(ready_endpoints(&cluster), pods);
        let work = cluster.work();
        let clock = Instant::now();
        flip(&mut cluster);
        let flipped = clock.elapsed().as_secs_f64() * 1e3;
        println!(
            "{pods:>5}  {best:>9.2}  {:>6.1}  {:>10}  {:>6}  {flipped:>7.3}",
            best * 1e3 / pods as f64,
            work.reconciles,
            work.writes
        );
    }
}

#[test]
#[ignore = "prints where time goes"]
fn where_time_goes() {
    let pods: usize = std::env::var("PODS").ok().and_then(|p| p.parse().ok()).unwrap_or(1000);
    let mut cluster = start(pods);
    let mut by: std::collections::BTreeMap<&str, (u64, f64)> = Default::default();
    let all = Instant::now();
    while !cluster.queue().is_settled() {
        let clock = Instant::now();
        let Some(due) = cluster.step() else { break };
        let entry = by.entry(giljabi::cluster::controller_name(due.controller)).or_default();
        entry.0 += 1;
        entry.1 += clock.elapsed().as_secs_f64() * 1e3;
    }
    println!("total {:.1} ms", all.elapsed().as_secs_f64() * 1e3);
    for (name, (count, ms)) in by {
        println!("{name:35} {count:>7} {ms:>10.2} ms {:>8.1} us", ms * 1e3 / count as f64);
    }
}
