//! How much work the control plane does, counted. `cargo bench --bench control` says how long it takes.

mod control_world;

use control_world::{deploy, flip, nodes_for, ready_endpoints, scale_by, settle};
use giljabi::cluster::{Cluster, Work};

/// What `act` costs in counted work.
fn cost(cluster: &mut Cluster, act: impl FnOnce(&mut Cluster)) -> Work {
    let before = cluster.work();
    act(cluster);
    cluster.work() - before
}

fn exponent(few: u64, many: u64, factor: f64) -> f64 {
    (many as f64 / few as f64).ln() / factor.ln()
}

fn counts(work: Work) -> [(&'static str, u64); 3] {
    [("reconciles", work.reconciles), ("writes", work.writes), ("objects looked at", work.looked)]
}

#[test]
fn work_grows_with_the_pods_and_not_faster() {
    let work = |pods: usize| {
        let mut cluster = nodes_for(pods);
        let work = cost(&mut cluster, |cluster| {
            deploy(cluster, "web", pods);
            settle(cluster);
        });
        assert_eq!(ready_endpoints(&cluster, "web"), pods);
        counts(work)
    };
    for ((name, few), (_, many)) in work(30).into_iter().zip(work(900)) {
        let exponent = exponent(few, many, 30.0);
        assert!(exponent <= 1.1, "{name}: {few} for 30 pods, {many} for 900: exponent {exponent:.2}");
    }
}

#[test]
fn a_pod_that_comes_up_is_looked_at_a_few_times() {
    const PODS: u64 = 900;
    let mut cluster = nodes_for(PODS as usize);
    let work = cost(&mut cluster, |cluster| {
        deploy(cluster, "web", PODS as usize);
        settle(cluster);
    });
    // Made, bound, begun and ready are four writes; scheduler and kubelet take three looks. The rest is its share of its set, its
    // Deployment and the slices.
    for ((name, count), most) in counts(work).into_iter().zip([4, 5, 10]) {
        assert!(count <= most * PODS, "{name}: {count} for {PODS} pods");
    }
}

#[test]
fn one_pod_that_flips_costs_the_same_among_few_and_many() {
    let work = |pods: usize| {
        let mut cluster = nodes_for(pods);
        deploy(&mut cluster, "web", pods);
        settle(&mut cluster);
        counts(cost(&mut cluster, |cluster| flip(cluster, true)))
    };
    for ((name, few), (_, many)) in work(30).into_iter().zip(work(900)) {
        assert!(many <= few + 2, "{name}: {few} among 30, {many} among 900");
    }
}

#[test]
fn one_more_pod_costs_the_same_among_few_and_many() {
    let work = |pods: usize| {
        let mut cluster = nodes_for(pods);
        deploy(&mut cluster, "web", pods);
        settle(&mut cluster);
        // The second one: what is made once (the addresses of a Service, say) is there by then.
        scale_by(&mut cluster, "web", 1);
        let nodes = cluster.store().list("Node").count() as u64;
        (nodes, counts(cost(&mut cluster, |cluster| scale_by(cluster, "web", 1))))
    };
    let ((few_nodes, few), (many_nodes, many)) = (work(30), work(900));
    for ((name, few), (_, many)) in few.into_iter().zip(many) {
        // The scheduler asks every node.
        let more = if name == "objects looked at" { 2 * (many_nodes - few_nodes) } else { 0 };
        assert!(many <= few + more + 2, "{name}: {few} among 30, {many} among 900");
    }
}

#[test]
fn an_edit_of_one_service_leaves_the_others_alone() {
    let work = |services: usize| {
        let mut cluster = nodes_for(services * 3);
        for number in 0..services {
            deploy(&mut cluster, &format!("web-{number}"), 3);
        }
        settle(&mut cluster);
        counts(cost(&mut cluster, |cluster| flip(cluster, true)))
    };
    for ((name, few), (_, many)) in work(5).into_iter().zip(work(100)) {
        assert!(many <= few + 2, "{name}: {few} among 5 Services, {many} among 100");
    }
}
