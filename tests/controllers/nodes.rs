//! Which node a pod comes to, and when it has to leave it.

use super::{
    Config, Next, NoFiles, Object, Step, apply, condition, deployment, get, is_ready, kubectl, pods, reasons, settle,
    single,
};
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, Settings};
use giljabi::locale::Lang;
use giljabi::workspace::Workspace;

#[test]
fn pods_leave_a_lost_node_when_their_tolerations_say() {
    let mut cluster = Cluster::new(Settings::default());
    let quick = "tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 10}], containers";
    apply(&mut cluster, &deployment(3, "1", "0").replace("containers", quick));
    settle(&mut cluster);
    cluster.set_power("node-2", false);
    cluster.run_for(Duration::secs(75));
    let there = pods(&cluster, "web");
    let gone: Vec<_> = there.iter().filter(|p| p.is_terminating()).collect();
    assert_eq!((there.len(), gone.len()), (4, 1), "40 s until it is noticed, ten more, and another pod runs elsewhere");
    assert!(reasons(&cluster, "Pod", gone[0].name()).iter().any(|r| r.starts_with("TaintManagerEviction: ")));
}

#[test]
fn a_pod_that_comes_to_a_tainted_node_has_its_own_time() {
    let mut cluster = Cluster::new(Settings::default());
    kubectl(&mut cluster, "taint node node-1 x=y:NoExecute", "");
    cluster.run_for(Duration::secs(600));
    let guest = "
apiVersion: v1
kind: Pod
metadata: {name: guest, labels: {app: guest}}
spec:
  nodeName: node-1
  tolerations: [{key: x, operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
  containers: [{name: guest, image: \"nginx:1.28\"}]
";
    apply(&mut cluster, guest);
    cluster.run_for(Duration::secs(55));
    assert!(is_ready(&pods(&cluster, "guest")[0]));
    cluster.run_for(Duration::secs(10));
    assert!(pods(&cluster, "guest").iter().all(|p| p.is_terminating()));
}

#[test]
fn what_never_rests_is_cut_off_with_a_message_at_its_line() {
    // Bound past the scheduler to a node whose taint drives it out: made, driven out, made …
    let text = deployment(2, "1", "0").replace("spec: {containers", "spec: {nodeName: node-1, containers");
    assert!(text.contains("nodeName"));
    let mut workspace = Workspace::new(Settings::default());
    kubectl(workspace.cluster_mut(), "taint nodes node-1 full=yes:NoExecute", "");
    workspace.set_file("web.yaml", &text);
    let settled = workspace.last().settled.clone().expect("it was applied");
    assert!(settled.busy.is_some(), "{settled:?}");
    let restless = workspace.cluster().why_restless().expect("it was cut off");
    let set = workspace.cluster().store().list("ReplicaSet").find(|s| s.namespace() == "default").expect("a set");
    assert_eq!(
        restless.message.text(Lang::En),
        format!(
            "This never comes to rest, so time was stopped: replicaset-controller makes a Pod again and again \
             (replicaset/{} spec.replicas), and node-lifecycle-controller takes it away again (node/node-1 spec.taints).",
            set.name()
        )
    );
    let told: Vec<_> =
        workspace.diagnostics().iter().filter(|d| d.explanation.as_ref() == Some(&restless.message)).collect();
    assert_eq!(told.len(), 1);
    assert!(text[..told[0].span.start as usize].ends_with("replicas: "), "{:?}", told[0]);
    // Once the taint has gone it rests, and nothing is said any more.
    kubectl(workspace.cluster_mut(), "taint nodes node-1 full-", "");
    workspace.cluster_mut().run_until_settled();
    workspace.refresh();
    assert_eq!(workspace.cluster().why_restless(), None);
    assert!(workspace.diagnostics().iter().all(|d| d.explanation.as_ref() != Some(&restless.message)));
    assert_eq!(pods(workspace.cluster(), "web").iter().filter(|p| is_ready(p)).count(), 2);
}

#[test]
fn the_scheduler_counts_all_that_a_node_lacks_and_waits_for_company() {
    let mut cluster = Cluster::new(Settings::default());
    let why = |cluster: &Cluster, name: &str| reasons(cluster, "Pod", name).last().cloned().unwrap_or_default();
    let affinity = "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: friend}}}]}},";
    apply(&mut cluster, &single("lonely", affinity));
    settle(&mut cluster);
    assert!(
        why(&cluster, "lonely").contains("3 node(s) didn't match pod affinity rules"),
        "{}",
        why(&cluster, "lonely")
    );
    apply(&mut cluster, &single("friend", "nodeName: node-2,"));
    settle(&mut cluster);
    let node = |name: &str| get(&cluster, "Pod", name).map(|p| p.value.str_at(&["spec", "nodeName"]).to_string());
    assert_eq!(node("lonely").as_deref(), Some("node-2"));

    let asks = |name: &str, requests: &str| {
        single(name, "").replace(
            "image: nginx",
            &format!("image: nginx, resources: {{requests: {{{requests}}}, limits: {{{requests}}}}}"),
        )
    };
    apply(&mut cluster, &asks("greedy", "cpu: '100', memory: 900Gi"));
    apply(&mut cluster, &asks("gpu", "nvidia.com/gpu: 1"));
    let init = "initContainers: [{name: i, image: busybox, command: [sh, -c, 'exit 0'], resources: {requests: {cpu: '100'}}}],";
    apply(&mut cluster, &single("beginner", init));
    settle(&mut cluster);
    let never = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.";
    let all =
        |what: &str| format!("FailedScheduling: 0/3 nodes are available: {what}. no new claims to deallocate, {never}");
    assert_eq!(why(&cluster, "greedy"), all("3 Insufficient cpu, 3 Insufficient memory"));
    assert_eq!(why(&cluster, "gpu"), all("3 Insufficient nvidia.com/gpu"));
    assert_eq!(why(&cluster, "beginner"), all("3 Insufficient cpu"));
}

#[test]
fn a_disruption_budget_lets_only_so_many_pods_be_evicted() {
    let mut cluster = Cluster::new(Settings::default());
    let budget = |bound: &str| {
        format!(
            "{{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {{name: web}}, spec: {{{bound}, selector: {{matchLabels: {{app: web}}}}}}}}"
        )
    };
    apply(&mut cluster, &deployment(4, "1", "0"));
    apply(&mut cluster, &budget("minAvailable: 4"));
    settle(&mut cluster);
    let shown = |cluster: &mut Cluster| {
        kubectl(cluster, "get pdb web --no-headers", "").split_whitespace().nth(3).map(str::to_string)
    };
    assert_eq!(shown(&mut cluster).as_deref(), Some("0"));
    // None may go: the eviction is tried every five seconds and given up at the end of the time.
    let (code, out, err) = outcome(&mut cluster, "drain node-1 --ignore-daemonsets --timeout=12s", 4);
    let pod = pods(&cluster, "web").into_iter().find(|p| p.value.str_at(&["spec", "nodeName"]) == "node-1").unwrap();
    let about = format!("error when evicting pods/\"{}\" -n \"default\"", pod.name());
    let refused =
        format!("{about} (will retry after 5s): Cannot evict pod as it would violate the pod's disruption budget.");
    assert_eq!(err.lines().filter(|line| **line == refused).count(), 3, "{err}");
    assert!(err.contains(&format!("{about}: global timeout reached: 12s")), "{err}");
    assert!(!out.contains("drained") && code == 1, "{out}");
    assert_eq!(pods(&cluster, "web").iter().filter(|p| is_ready(p)).count(), 4);
    // One at a time: each waits until the pod before it has one in its place.
    for bound in ["maxUnavailable: 1", "minAvailable: 75%"] {
        kubectl(&mut cluster, "delete pdb web", "");
        apply(&mut cluster, &budget(bound));
        kubectl(&mut cluster, "uncordon node-1", "");
        settle(&mut cluster);
        assert_eq!(shown(&mut cluster).as_deref(), Some("1"), "{bound}");
        let node_of = |p: &Object| p.value.str_at(&["spec", "nodeName"]).to_string();
        let nodes: Vec<String> = pods(&cluster, "web").iter().map(|p| node_of(p)).collect();
        let full = nodes.iter().find(|node| nodes.iter().filter(|n| n == node).count() > 1).expect("four on three");
        let (code, out, err) = outcome(&mut cluster, &format!("drain {full} --ignore-daemonsets"), 3);
        assert!(code == 0 && out.ends_with(&format!("node/{full} drained\n")), "{out}{err}");
        assert!(err.contains("(will retry after 5s)"), "{err}");
        kubectl(&mut cluster, &format!("uncordon {full}"), "");
    }
}

#[test]
fn an_evicted_pod_says_that_it_is_disrupted() {
    let mut cluster = Cluster::new(Settings::default());
    let slow = "{apiVersion: v1, kind: Pod, metadata: {name: slow}, spec: {nodeName: node-1, containers: [{name: a, image: busybox, command: [sleep, '1000']}]}}";
    apply(&mut cluster, slow);
    settle(&mut cluster);
    let (code, _, err) = outcome(&mut cluster, "drain node-1 --force --timeout=5s", 0);
    let stays = "error when waiting for pod \"slow\" in namespace \"default\" to terminate: global timeout reached: 5s";
    assert!(code == 1 && err.contains(stays), "{err}");
    let told = condition(&cluster, "Pod", "slow", "DisruptionTarget");
    assert_eq!(told, Some(("EvictionByEvictionAPI".into(), "Eviction API: evicting".into())));
}

/// Runs kubectl to its end, and sees to it that never fewer than `least` pods of `web` are ready meanwhile.
fn outcome(cluster: &mut Cluster, line: &str, least: usize) -> (i32, String, String) {
    let words: Vec<String> = line.split(' ').map(str::to_string).collect();
    let started = giljabi::kubectl::start(cluster, &mut Config::default(), &NoFiles, "", &words);
    let (mut streams, mut next) = (started.streams, started.next);
    loop {
        next = match next {
            Next::Done(code) => return (code, streams.out, streams.err),
            Next::Follow(mut follow) => match follow.step(cluster, &mut streams) {
                Step::Wait(until) => {
                    cluster.run_for(until.since(cluster.now()).max(Duration::millis(1)));
                    let ready = pods(cluster, "web").iter().filter(|p| is_ready(p)).count();
                    assert!(ready >= least, "{ready} are ready");
                    Next::Follow(follow)
                }
                Step::Next(after) => after,
            },
            _ => panic!("{line} ends or goes on"),
        };
    }
}
