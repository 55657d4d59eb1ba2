//! Controllers one by one, against what theirs do upstream: what a rollout may never fall below or rise above, ordinals one by
//! one or all at once, evictions in time, what the garbage collector leaves, load balancers, mirrored Endpoints. Manifests go
//! the whole way, through the API server. Transcripts of the same subjects are in `tests/golden/shell`.

use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::{Cluster, LoadBalancerProvider, Settings};
use giljabi::kubectl::call::{Config, Files, Next, Step};
use giljabi::locale::Lang;
use giljabi::workspace::Workspace;
use std::sync::Arc;

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Option<String> {
        None
    }
    fn folder(&self, _: &str) -> Option<Vec<String>> {
        None
    }
}

/// Runs kubectl with `input` on its standard input, to its end.
fn kubectl(cluster: &mut Cluster, line: &str, input: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_string).collect();
    let started = giljabi::kubectl::start(cluster, &mut Config::default(), &NoFiles, input, &words);
    let (mut streams, mut next) = (started.streams, started.next);
    while let Next::Follow(mut follow) = next {
        next = match follow.step(cluster, &mut streams) {
            Step::Wait(until) => {
                let time = until.since(cluster.now());
                cluster.run_for(time.max(Duration::millis(1)));
                Next::Follow(follow)
            }
            Step::Next(after) => after,
        };
    }
    assert!(matches!(next, Next::Done(0)), "kubectl {line}: {}", streams.err);
    streams.out
}

fn apply(cluster: &mut Cluster, text: &str) {
    kubectl(cluster, "apply -f -", text);
}

fn settle(cluster: &mut Cluster) {
    let settled = cluster.run_until_settled();
    assert_eq!(settled.busy, None, "after {settled:?}");
}

fn get(cluster: &Cluster, kind: &str, name: &str) -> Option<Arc<Object>> {
    cluster.store().get(&ObjectKey::new(kind, "default", name)).cloned()
}

fn pods(cluster: &Cluster, app: &str) -> Vec<Arc<Object>> {
    cluster.store().select("Pod", "default", &[("app".into(), app.into())]).cloned().collect()
}

fn is_ready(pod: &Object) -> bool {
    !pod.is_terminating() && pod.view().pod().is_some_and(|p| p.is_ready())
}

fn reasons(cluster: &Cluster, kind: &str, name: &str) -> Vec<String> {
    let key = ObjectKey::new(kind, "default", name);
    cluster.recorder().about(&key).map(|r| format!("{}: {}", r.reason, r.message)).collect()
}

fn deployment(replicas: i64, surge: &str, unavailable: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  strategy: {{rollingUpdate: {{maxSurge: {surge}, maxUnavailable: {unavailable}}}}}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: 'nginx:1.28'}}]}}
"
    )
}

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
fn the_garbage_collector_orphans_waits_or_follows() {
    let make = || {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &deployment(2, "1", "0"));
        settle(&mut cluster);
        cluster
    };
    let sets = |cluster: &Cluster| cluster.store().list("ReplicaSet").filter(|s| s.namespace() == "default").count();
    let mut cluster = make();
    kubectl(&mut cluster, "delete deployment web --cascade=orphan", "");
    settle(&mut cluster);
    assert_eq!((sets(&cluster), pods(&cluster, "web").len()), (1, 2), "orphans stay");
    assert!(cluster.store().list("ReplicaSet").all(|s| s.controller_ref().is_none() || s.namespace() != "default"));
    // A Deployment with the same selector takes them in again.
    apply(&mut cluster, &deployment(2, "1", "0"));
    settle(&mut cluster);
    assert_eq!((sets(&cluster), pods(&cluster, "web").len()), (1, 2));
    assert!(
        cluster.store().list("ReplicaSet").filter(|s| s.namespace() == "default").all(|s| s.controller_ref().is_some())
    );

    let mut cluster = make();
    kubectl(&mut cluster, "delete deployment web --cascade=foreground --wait=false", "");
    let web = get(&cluster, "Deployment", "web").expect("it waits for what it owns");
    assert_eq!(web.value.items_at(&["metadata", "finalizers"]), [Value::from("foregroundDeletion")]);
    settle(&mut cluster);
    assert!(get(&cluster, "Deployment", "web").is_none() && sets(&cluster) == 0 && pods(&cluster, "web").is_empty());

    let mut cluster = make();
    kubectl(&mut cluster, "delete deployment web --wait=false", "");
    assert!(get(&cluster, "Deployment", "web").is_none() && sets(&cluster) == 1, "the owner goes first");
    settle(&mut cluster);
    assert!(sets(&cluster) == 0 && pods(&cluster, "web").is_empty());
}

#[test]
fn a_namespace_waits_for_finalizers_and_takes_nothing_new() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
    settle(&mut cluster);
    apply(
        &mut cluster,
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, namespace: shop, finalizers: [example.com/wait]}}",
    );
    kubectl(&mut cluster, "delete namespace shop --wait=false", "");
    cluster.run_for(Duration::secs(30));
    let shop = cluster.store().get(&ObjectKey::new("Namespace", "", "shop")).expect("it cannot go").clone();
    assert_eq!(shop.value.str_at(&["status", "phase"]), "Terminating");
    assert_eq!(cluster.store().in_namespace("shop").map(|o| o.name().to_string()).collect::<Vec<_>>(), ["kept"]);
    let kept = ObjectKey::new("ConfigMap", "shop", "kept");
    let old = cluster.store().get(&kept).expect("kept").clone();
    let mut value = old.value.clone();
    value.remove_at(&["metadata", "finalizers"]);
    cluster.write(Cause::User, |w| w.update(&old, value));
    settle(&mut cluster);
    assert!(cluster.store().get(&ObjectKey::new("Namespace", "", "shop")).is_none());
}

#[test]
fn a_load_balancer_of_another_class_is_left_alone_and_an_address_comes_back() {
    let mut cluster = Cluster::new(Settings::default());
    cluster.set_load_balancer(LoadBalancerProvider::MetalLb);
    let balancer = |name: &str, more: &str| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{type: LoadBalancer, {more} selector: {{app: x}}, ports: [{{port: 80}}]}}}}"
        )
    };
    apply(&mut cluster, &balancer("a", ""));
    apply(&mut cluster, &balancer("b", "loadBalancerClass: example.com/other,"));
    settle(&mut cluster);
    let ip = |cluster: &Cluster, name: &str| {
        let service = get(cluster, "Service", name).expect("a Service");
        let points = service.value.items_at(&["status", "loadBalancer", "ingress"]);
        points.first().map(|p| p.text("ip").to_string())
    };
    assert_eq!((ip(&cluster, "a").as_deref(), ip(&cluster, "b")), (Some("192.168.49.100"), None));
    kubectl(&mut cluster, "patch svc a -p {\"spec\":{\"type\":\"ClusterIP\"}}", "");
    settle(&mut cluster);
    assert_eq!(ip(&cluster, "a"), None, "no balancer, no address");
    apply(&mut cluster, &balancer("c", ""));
    settle(&mut cluster);
    assert_eq!(ip(&cluster, "c").as_deref(), Some("192.168.49.100"), "what a had is free again");
}

#[test]
fn hand_written_endpoints_are_mirrored_up_to_a_thousand() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, "{apiVersion: v1, kind: Service, metadata: {name: far}, spec: {ports: [{port: 80}]}}");
    let addresses: String = (0..1_100).map(|i| format!("{{ip: 10.50.{}.{}}},", i / 250, i % 250 + 1)).collect();
    apply(
        &mut cluster,
        &format!(
            "{{apiVersion: v1, kind: Endpoints, metadata: {{name: far, labels: {{team: a}}}}, subsets: [{{addresses: [{addresses}], ports: [{{port: 80}}]}}]}}"
        ),
    );
    settle(&mut cluster);
    let label = [("kubernetes.io/service-name".into(), "far".into())];
    let slices: Vec<_> = cluster.store().select("EndpointSlice", "default", &label).cloned().collect();
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].value.items_at(&["endpoints"]).len(), 1_000);
    assert_eq!(slices[0].label("team"), Some("a"));
    assert_eq!(
        reasons(&cluster, "Endpoints", "far"),
        [
            "TooManyAddressesToMirror: A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 100 addresses were skipped"
        ]
    );
    kubectl(&mut cluster, "label endpoints far endpointslice.kubernetes.io/skip-mirror=true", "");
    settle(&mut cluster);
    assert_eq!(cluster.store().select("EndpointSlice", "default", &label).count(), 0);
}

fn daemons(strategy: &str, image: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: web}}
spec:
  updateStrategy: {{rollingUpdate: {strategy}}}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: \"{image}\"}}]}}
"
    )
}

#[test]
fn a_daemon_set_that_surges_has_the_new_pod_before_the_old_one_goes() {
    let mut cluster = Cluster::new(Settings::default());
    let nodes = cluster.store().list("Node").count();
    apply(&mut cluster, &daemons("{maxSurge: 1, maxUnavailable: 0}", "nginx:1.27"));
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "web").len(), nodes);
    apply(&mut cluster, &daemons("{maxSurge: 1, maxUnavailable: 0}", "nginx:1.28"));
    let (mut most, mut least) = (0, nodes);
    for _ in 0..1_000 {
        cluster.run_for(Duration::millis(100));
        let live: Vec<_> = pods(&cluster, "web").into_iter().filter(|p| !p.is_terminating()).collect();
        most = most.max(live.len());
        least = least.min(live.iter().filter(|p| is_ready(p)).count());
    }
    assert_eq!((most, least), (nodes + 1, nodes));
    settle(&mut cluster);
    let images = pods(&cluster, "web");
    assert_eq!(images.len(), nodes);
    assert!(images.iter().all(|p| p.value.items_at(&["spec", "containers"])[0].str_at(&["image"]) == "nginx:1.28"));
    // Without a surge the old one goes first, on one node at a time.
    apply(&mut cluster, &daemons("{maxUnavailable: 1}", "nginx:1.29"));
    let (mut most, mut least) = (0, nodes);
    for _ in 0..1_000 {
        cluster.run_for(Duration::millis(100));
        let live: Vec<_> = pods(&cluster, "web").into_iter().filter(|p| !p.is_terminating()).collect();
        most = most.max(live.len());
        least = least.min(live.iter().filter(|p| is_ready(p)).count());
    }
    assert_eq!((most, least), (nodes, nodes - 1));
}

fn job(spec: &str, command: &str) -> String {
    format!(
        "
apiVersion: batch/v1
kind: Job
metadata: {{name: sum}}
spec:
  {spec}
  template:
    metadata: {{labels: {{app: sum}}}}
    spec: {{restartPolicy: Never, containers: [{{name: sum, image: \"busybox:1.37\", command: {command}}}]}}
"
    )
}

fn condition(cluster: &Cluster, kind: &str, name: &str, type_: &str) -> Option<(String, String)> {
    let object = get(cluster, kind, name)?;
    let found = object.value.items_at(&["status", "conditions"]).iter().find(|c| c.str_at(&["type"]) == type_)?;
    Some((found.str_at(&["reason"]).into(), found.str_at(&["message"]).into()))
}

#[test]
fn an_indexed_job_gives_each_pod_a_number() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job("completions: 3\n  parallelism: 2\n  completionMode: Indexed", "[sleep, '5']"));
    cluster.run_for(Duration::secs(3));
    let numbers = |cluster: &Cluster| {
        let key = "batch.kubernetes.io/job-completion-index";
        let mut all: Vec<String> =
            pods(cluster, "sum").iter().filter_map(|p| Some(p.label(key)?.to_string())).collect();
        all.sort();
        all
    };
    assert_eq!(numbers(&cluster), ["0", "1"]);
    let pod = &pods(&cluster, "sum")[0];
    assert!(pod.name().starts_with("sum-0-"), "{}", pod.name());
    assert_eq!(pod.value.str_at(&["spec", "hostname"]), "sum-0");
    let container = &pod.value.at(&["spec", "containers"]).and_then(Value::as_list).expect("containers")[0];
    let variable = &container.items_at(&["env"])[0];
    assert_eq!(variable.str_at(&["name"]), "JOB_COMPLETION_INDEX");
    let field = variable.str_at(&["valueFrom", "fieldRef", "fieldPath"]);
    assert_eq!(field, "metadata.labels['batch.kubernetes.io/job-completion-index']");
    settle(&mut cluster);
    assert_eq!(numbers(&cluster), ["0", "1", "2"]);
    let job = get(&cluster, "Job", "sum").expect("the Job");
    assert_eq!(job.value.str_at(&["status", "completedIndexes"]), "0-2");
    assert_eq!(condition(&cluster, "Job", "sum", "Complete").map(|c| c.0), Some("CompletionsReached".into()));
}

#[test]
fn a_jobs_failure_policy_says_what_a_failure_means() {
    let policy = |action: &str, more: &str| {
        format!(
            "{more}podFailurePolicy: {{rules: [{{action: {action}, onExitCodes: {{operator: In, values: [42]}}}}]}}\n  backoffLimit: 1"
        )
    };
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job(&policy("FailJob", ""), "[sh, -c, 'exit 42']"));
    settle(&mut cluster);
    let pod = pods(&cluster, "sum")[0].name().clone();
    let message =
        format!("Container sum for pod default/{pod} failed with exit code 42 matching FailJob rule at index 0");
    assert_eq!(condition(&cluster, "Job", "sum", "Failed"), Some(("PodFailurePolicy".into(), message)));
    assert_eq!(pods(&cluster, "sum").len(), 1);
    // What is ignored does not count: the Job tries on, past its limit.
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &job(&policy("Ignore", ""), "[sh, -c, 'sleep 2; exit 42']"));
    cluster.run_for(Duration::secs(60));
    assert!(pods(&cluster, "sum").len() > 2, "{}", pods(&cluster, "sum").len());
    assert_eq!(condition(&cluster, "Job", "sum", "Failed"), None);
    // Each number fails for itself, and none is tried again.
    let mut cluster = Cluster::new(Settings::default());
    let indexed = "completions: 3\n  parallelism: 3\n  completionMode: Indexed\n  backoffLimitPerIndex: 1\n  ";
    let policy = policy("FailIndex", indexed).replace("\n  backoffLimit: 1", "");
    apply(&mut cluster, &job(&policy, "[sh, -c, 'exit 42']"));
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "sum").len(), 3);
    let job = get(&cluster, "Job", "sum").expect("the Job");
    assert_eq!(job.value.str_at(&["status", "completedIndexes"]), "");
    assert_eq!(job.value.str_at(&["status", "failedIndexes"]), "0-2");
    assert_eq!(condition(&cluster, "Job", "sum", "Failed").map(|c| c.0), Some("FailedIndexes".into()));
}

#[test]
fn a_jobs_success_policy_says_what_is_enough() {
    let policy = |rules: &str| {
        let indexed = "completions: 4\n  parallelism: 4\n  completionMode: Indexed";
        job(&format!("{indexed}\n  successPolicy: {{rules: [{rules}]}}"), "[sh, -c, 'sleep 3600']")
    };
    let done = |rules: &str, finished: &[&str]| {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, &policy(rules));
        cluster.run_for(Duration::secs(10));
        for number in finished {
            let label = "batch.kubernetes.io/job-completion-index";
            let pod = pods(&cluster, "sum").into_iter().find(|p| p.label(label) == Some(number)).expect("its pod");
            cluster.change_container(&pod.key, "sum", |c| c.behavior.crash = Some((Duration::secs(1), 0)));
        }
        cluster.run_for(Duration::secs(60));
        let left = pods(&cluster, "sum").iter().filter(|p| p.value.str_at(&["status", "phase"]) == "Running").count();
        (condition(&cluster, "Job", "sum", "Complete"), left)
    };
    let matched = |rule: usize| Some(("SuccessPolicy".to_string(), format!("Matched rules at index {rule}")));
    assert_eq!(done("{succeededIndexes: '0'}", &["0"]), (matched(0), 0), "the others are taken away");
    assert_eq!(done("{succeededIndexes: '0'}", &["1", "2"]), (None, 2));
    assert_eq!(done("{succeededIndexes: '0-2', succeededCount: 2}", &["1", "2"]), (matched(0), 0));
    assert_eq!(done("{succeededIndexes: '0,3'}, {succeededCount: 1}", &["2"]), (matched(1), 0));
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

/// A ConfigMap that these own: API version, kind, name, uid.
fn owned(name: &str, owners: &[(&str, &str, &str, &str)]) -> String {
    let owners: Vec<String> = owners
        .iter()
        .map(|(version, kind, name, uid)| {
            format!("{{apiVersion: {version}, kind: {kind}, name: {name}, uid: '{uid}', blockOwnerDeletion: true}}")
        })
        .collect();
    format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, ownerReferences: [{}]}}}}", owners.join(", "))
}

#[test]
fn the_garbage_collector_takes_lost_owners_from_the_list_while_others_are_left() {
    let owners = |cluster: &Cluster, name: &str| -> Option<Vec<String>> {
        let map = get(cluster, "ConfigMap", name)?;
        Some(map.value.items_at(&["metadata", "ownerReferences"]).iter().map(|o| o.text("name").to_string()).collect())
    };
    let mut cluster = Cluster::new(Settings::default());
    for name in ["one", "two"] {
        apply(&mut cluster, &format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}"));
    }
    let uid = |cluster: &Cluster, name: &str| get(cluster, "ConfigMap", name).expect("there").uid().to_string();
    let (one, two) = (uid(&cluster, "one"), uid(&cluster, "two"));
    let pair = [("v1", "ConfigMap", "one", one.as_str()), ("v1", "ConfigMap", "two", two.as_str())];
    apply(&mut cluster, &owned("child", &pair));
    // One that never was goes at once; of another's name, too.
    let strange = [pair[0], ("v1", "Secret", "never", "u-1"), ("v1", "ConfigMap", "two", "u-2")];
    apply(&mut cluster, &owned("lucky", &strange));
    apply(&mut cluster, &owned("lost", &strange[1..]));
    // Nobody knows whether an owner of an unknown kind is there.
    apply(&mut cluster, &owned("kept", &[("argoproj.io/v1alpha1", "Rollout", "web", "u-3")]));
    settle(&mut cluster);
    assert_eq!(owners(&cluster, "child"), Some(vec!["one".into(), "two".into()]));
    assert_eq!(owners(&cluster, "lucky"), Some(vec!["one".into()]));
    assert_eq!(owners(&cluster, "lost"), None);
    assert_eq!(owners(&cluster, "kept"), Some(vec!["web".into()]));

    kubectl(&mut cluster, "delete configmap two --wait=false", "");
    settle(&mut cluster);
    assert_eq!(owners(&cluster, "child"), Some(vec!["one".into()]));
    // An owner that waits for its dependents gets those that others own, too, off its back.
    apply(&mut cluster, "{apiVersion: v1, kind: ConfigMap, metadata: {name: three}}");
    let three = uid(&cluster, "three");
    let both = [("v1", "ConfigMap", "one", one.as_str()), ("v1", "ConfigMap", "three", three.as_str())];
    apply(&mut cluster, &owned("shared", &both));
    settle(&mut cluster);
    kubectl(&mut cluster, "delete configmap three --cascade=foreground --wait=false", "");
    settle(&mut cluster);
    assert!(get(&cluster, "ConfigMap", "three").is_none());
    assert_eq!(owners(&cluster, "shared"), Some(vec!["one".into()]));
    kubectl(&mut cluster, "delete configmap one --cascade=foreground --wait=false", "");
    settle(&mut cluster);
    assert!(["one", "shared", "child", "lucky"].iter().all(|name| get(&cluster, "ConfigMap", name).is_none()));
}

/// A pod of one container with these lines in its spec.
fn single(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{app: {name}}}}}, spec: {{{spec} containers: [{{name: a, image: nginx}}]}}}}"
    )
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
fn endpoints_keep_the_zone_of_their_node_until_something_of_theirs_changes() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &deployment(2, "1", "0"));
    kubectl(&mut cluster, "expose deployment web --port=80", "");
    settle(&mut cluster);
    let zones = |cluster: &Cluster| -> Vec<String> {
        let own = [("kubernetes.io/service-name".into(), "web".into())];
        let slices = cluster.store().select("EndpointSlice", "default", &own);
        slices.flat_map(|s| s.value.items_at(&["endpoints"])).map(|e| e.text("zone").to_string()).collect()
    };
    let before = zones(&cluster);
    kubectl(&mut cluster, "label nodes --all --overwrite topology.kubernetes.io/zone=moon", "");
    settle(&mut cluster);
    assert_eq!(zones(&cluster), before);
    kubectl(&mut cluster, "scale deployment web --replicas=3", "");
    settle(&mut cluster);
    assert_eq!(zones(&cluster), ["moon"; 3]);
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
fn a_pod_on_a_node_that_nobody_knows_is_left_out_with_a_word() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &single("lost", "nodeName: nowhere,"));
    kubectl(&mut cluster, "expose pod lost --port=80", "");
    cluster.run_for(Duration::secs(1));
    let status = r#"{"status":{"phase":"Running","podIP":"10.9.9.9","podIPs":[{"ip":"10.9.9.9"}],"conditions":[{"type":"Ready","status":"True"}]}}"#;
    kubectl(&mut cluster, &format!("patch pod lost --subresource=status --type=merge -p {status}"), "");
    cluster.run_for(Duration::secs(1));
    let addresses = |cluster: &Cluster| {
        let own = [("kubernetes.io/service-name".into(), "lost".into())];
        let slices = cluster.store().select("EndpointSlice", "default", &own);
        slices.map(|s| s.value.items_at(&["endpoints"]).len()).sum::<usize>()
    };
    assert_eq!(addresses(&cluster), 0);
    assert_eq!(
        reasons(&cluster, "Service", "lost"),
        [
            "FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service default/lost: skipping Pod lost for Service default/lost: Node nowhere Not Found"
        ]
    );
    // Nobody ever comes: it is cleared up after a while, not at once.
    assert!(get(&cluster, "Pod", "lost").is_some());
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "lost").is_none());
}

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
