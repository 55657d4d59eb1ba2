//! The control plane in simulated time: what controllers, scheduler and kubelets make of objects.

use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::parse::parse;
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::apiserver::admission::pod as pod_admission;
use giljabi::apiserver::defaulting;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::cluster::{Cluster, Settings};
use std::sync::Arc;

/// Creates what the text says, defaulted as far as the control plane reads it.
fn create(cluster: &mut Cluster, text: &str) {
    let (manifests, problems) = parse("test.yaml", text);
    assert!(problems.is_empty(), "{problems:?}");
    for manifest in manifests {
        let mut value = manifest.value;
        let kind = value.str_at(&["kind"]).to_string();
        if kind != "Namespace" && kind != "Node" && value.str_at(&["metadata", "namespace"]).is_empty() {
            value.set_at(&["metadata", "namespace"], "default");
        }
        match kind.as_str() {
            "Deployment" => defaulting::workload::default_deployment(&mut value),
            "ReplicationController" => defaulting::workload::default_replication_controller(&mut value),
            "StatefulSet" => defaulting::workload::default_stateful_set(&mut value),
            "DaemonSet" => defaulting::workload::default_daemon_set(&mut value),
            "Job" => defaulting::workload::default_job(&mut value),
            "Pod" => {
                defaulting::pod::default_pod(&mut value);
                pod_admission::admit(&Store::default(), value.map_mut().entry("spec"), "xxxxx");
                value.set_at(&["status", "phase"], "Pending");
            }
            "Service" => {
                let number = cluster.store().revision() % 200;
                if value.str_at(&["spec", "clusterIP"]).is_empty() {
                    value.set_at(&["spec", "clusterIP"], format!("10.96.88.{number}"));
                }
                value.set_at(&["spec", "ipFamilies"], vec![Value::from("IPv4")]);
            }
            _ => {}
        }
        cluster.write(Cause::User, |w| w.create(&kind, value));
    }
}

fn get(cluster: &Cluster, kind: &str, name: &str) -> Option<Arc<Object>> {
    cluster.store().get(&ObjectKey::new(kind, "default", name)).cloned()
}

fn change(cluster: &mut Cluster, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
    let old = get(cluster, kind, name).unwrap_or_else(|| panic!("no {kind} {name}"));
    let mut value = old.value.clone();
    change(&mut value);
    cluster.write(Cause::User, |w| w.update(&old, value));
}

fn pods(cluster: &Cluster, app: &str) -> Vec<Arc<Object>> {
    cluster.store().select("Pod", "default", &[("app".into(), app.into())]).cloned().collect()
}

fn ready(cluster: &Cluster, app: &str) -> usize {
    pods(cluster, app).iter().filter(|p| p.view().pod().is_some_and(|p| p.is_ready())).count()
}

/// Ready endpoints over all slices of a Service.
fn endpoints(cluster: &Cluster, service: &str) -> Vec<String> {
    let label = [("kubernetes.io/service-name".into(), service.into())];
    let mut addresses: Vec<String> = cluster
        .store()
        .select("EndpointSlice", "default", &label)
        .filter_map(|s| s.view().endpoint_slice())
        .flat_map(|s| s.endpoints.iter().filter(|e| e.ready).map(|e| e.addresses[0].to_string()))
        .collect();
    addresses.sort();
    addresses
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: luksa/kubia
        ports: [{containerPort: 8080, name: http}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: http, protocol: TCP}]
";

fn settle(cluster: &mut Cluster) {
    let settled = cluster.run_until_settled();
    assert_eq!(settled.busy, None, "after {settled:?}");
}

#[test]
fn a_new_cluster_rests_with_dns_running() {
    let cluster = Cluster::new(Settings::default());
    assert!(cluster.queue().is_settled());
    let label = [("k8s-app".into(), "kube-dns".into())];
    let dns: Vec<_> = cluster.store().select("Pod", "kube-system", &label).collect();
    assert_eq!(dns.len(), 1);
    assert!(dns[0].view().pod().is_some_and(|p| p.is_ready()), "{}", giljabi::api::yaml::print(&dns[0].value));
    let slices: Vec<_> = cluster.store().list_in("EndpointSlice", "kube-system").collect();
    assert_eq!(slices[0].view().endpoint_slice().map(|s| s.endpoints.len()), Some(1));
}

#[test]
fn a_deployment_becomes_ready_endpoints() {
    let mut cluster = Cluster::new(Settings::default());
    create(&mut cluster, WEB);
    settle(&mut cluster);
    assert_eq!(ready(&cluster, "web"), 3);
    assert_eq!(endpoints(&cluster, "web").len(), 3);
    let nodes: std::collections::BTreeSet<_> =
        pods(&cluster, "web").iter().filter_map(|p| Some(p.view().pod()?.node_name.clone())).collect();
    assert_eq!(nodes.len(), 3, "spread over the nodes");
    let deployment = get(&cluster, "Deployment", "web").expect("web");
    assert_eq!(deployment.value.at(&["status", "availableReplicas"]), Some(&Value::Int(3)));
    // A relabelled pod leaves its set, which makes another.
    let pod = pods(&cluster, "web")[0].name().to_string();
    change(&mut cluster, "Pod", &pod, |p| p.set_at(&["metadata", "labels", "app"], "other"));
    settle(&mut cluster);
    assert_eq!((ready(&cluster, "web"), endpoints(&cluster, "web").len()), (3, 3));
    assert!(get(&cluster, "Pod", &pod).is_some_and(|p| p.controller().is_none()));
    // And joins it again, which deletes one.
    change(&mut cluster, "Pod", &pod, |p| p.set_at(&["metadata", "labels", "app"], "web"));
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "web").len(), 3);
    change(&mut cluster, "Deployment", "web", |d| d.set_at(&["spec", "replicas"], 5));
    settle(&mut cluster);
    assert_eq!(endpoints(&cluster, "web").len(), 5);
    cluster.write(Cause::User, |w| w.delete(&ObjectKey::new("Deployment", "default", "web"), None));
    settle(&mut cluster);
    assert_eq!((pods(&cluster, "web").len(), endpoints(&cluster, "web").len()), (0, 0));
}

#[test]
fn a_rollout_never_has_fewer_than_it_may() {
    let mut cluster = Cluster::new(Settings::default());
    create(&mut cluster, WEB);
    settle(&mut cluster);
    change(&mut cluster, "Deployment", "web", |d| {
        let mut containers = d.items_at(&["spec", "template", "spec", "containers"]).to_vec();
        containers[0].set_at(&["image"], "luksa/kubia:v2");
        d.set_at(&["spec", "template", "spec", "containers"], containers);
    });
    let (mut least, mut most) = (usize::MAX, 0);
    while !cluster.queue().is_settled() {
        cluster.step();
        least = least.min(ready(&cluster, "web"));
        most = most.max(pods(&cluster, "web").iter().filter(|p| !p.is_terminating()).count());
    }
    assert_eq!((least, most), (3, 4), "25% of 3: no pod fewer, one more");
    assert!(
        pods(&cluster, "web").iter().all(|p| p.view().pod().is_some_and(|p| p.containers[0].image.ends_with("v2")))
    );
    let sets: Vec<_> = cluster.store().list_in("ReplicaSet", "default").collect();
    assert_eq!(sets.len(), 2);
}

#[test]
fn readiness_follows_a_file() {
    let mut cluster = Cluster::new(Settings::default());
    create(
        &mut cluster,
        "
apiVersion: v1
kind: ReplicationController
metadata: {name: kubia}
spec:
  replicas: 2
  selector: {app: kubia}
  template:
    metadata: {labels: {app: kubia}}
    spec:
      containers:
      - name: kubia
        image: luksa/kubia
        readinessProbe: {exec: {command: [ls, /var/ready]}}
---
apiVersion: v1
kind: Service
metadata: {name: kubia}
spec:
  selector: {app: kubia}
  ports: [{port: 80, targetPort: 8080, protocol: TCP}]
",
    );
    settle(&mut cluster);
    assert_eq!((pods(&cluster, "kubia").len(), endpoints(&cluster, "kubia").len()), (2, 0));
    let pod = pods(&cluster, "kubia")[0].key.clone();
    assert!(cluster.change_container(&pod, "", |c| c.files.touch("/var/ready")));
    assert_eq!(endpoints(&cluster, "kubia").len(), 0, "not before the next probe");
    settle(&mut cluster);
    assert_eq!(endpoints(&cluster, "kubia").len(), 1);
    cluster.change_container(&pod, "", |c| c.files.remove("/var/ready"));
    settle(&mut cluster);
    assert_eq!(endpoints(&cluster, "kubia").len(), 0);
}

#[test]
fn a_crash_loop_backs_off_and_is_no_reason_to_wait() {
    let mut cluster = Cluster::new(Settings::default());
    create(
        &mut cluster,
        "
apiVersion: v1
kind: Pod
metadata: {name: bad, labels: {app: bad}}
spec: {containers: [{name: bad, image: busybox}]}
",
    );
    settle(&mut cluster);
    let pod = &pods(&cluster, "bad")[0];
    let state = |pod: &Object| {
        let statuses = pod.value.items_at(&["status", "containerStatuses"]);
        (statuses[0].str_at(&["state", "waiting", "reason"]).to_string(), statuses[0].get("restartCount").cloned())
    };
    assert_eq!(state(pod), ("CrashLoopBackOff".to_string(), Some(Value::Int(1))));
    cluster.run_for(Duration::secs(120));
    assert_eq!(state(&pods(&cluster, "bad")[0]).1, Some(Value::Int(4)), "after 10, 20 and 40 seconds");
}

#[test]
fn a_deleted_pod_serves_until_it_ends_but_leaves_the_endpoints_first() {
    let mut cluster = Cluster::new(Settings::default());
    create(&mut cluster, WEB);
    settle(&mut cluster);
    let pod = pods(&cluster, "web")[0].key.clone();
    cluster.write(Cause::User, |w| w.delete(&pod, None));
    cluster.run_for(Duration::millis(500));
    assert!(cluster.store().get(&pod).is_some_and(|p| p.is_terminating()));
    // Node as process 1 does not heed SIGTERM.
    assert_eq!(cluster.runtime().listeners(&pod, cluster.now()).len(), 1);
    assert_eq!(endpoints(&cluster, "web").len(), 2, "the replacement is still starting");
    settle(&mut cluster);
    assert!(cluster.store().get(&pod).is_none() && cluster.runtime().get(&pod).is_none());
    assert_eq!(endpoints(&cluster, "web").len(), 3);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || {
        let mut cluster = Cluster::new(Settings::default());
        create(&mut cluster, WEB);
        settle(&mut cluster);
        cluster.store().iter().map(|o| giljabi::api::json::to_string(&o.value)).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_stateful_set_counts_up_one_by_one_and_down_again() {
    let mut cluster = Cluster::new(Settings::default());
    create(
        &mut cluster,
        "
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432, targetPort: 5432, protocol: TCP}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: pg, image: 'postgres:17', env: [{name: POSTGRES_PASSWORD, value: x}]}
",
    );
    let mut starting = 0;
    while !cluster.queue().is_settled() {
        cluster.step();
        starting = starting.max(pods(&cluster, "db").len() - ready(&cluster, "db"));
    }
    assert_eq!(starting, 1, "ordered: the next one waits for the one before");
    assert_eq!(pods(&cluster, "db").iter().map(|p| p.name().to_string()).collect::<Vec<_>>(), ["db-0", "db-1", "db-2"]);
    assert_eq!(endpoints(&cluster, "db").len(), 3);
    let hosts = cluster.runtime().get(&ObjectKey::new("Pod", "default", "db-1")).map(|s| s.fqdn.to_string());
    assert_eq!(hosts.as_deref(), Some("db-1.db.default.svc.cluster.local"));
    change(&mut cluster, "StatefulSet", "db", |s| s.set_at(&["spec", "replicas"], 1));
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "db").len(), 1);
    assert_eq!(pods(&cluster, "db")[0].name(), "db-0");
}

#[test]
fn a_daemon_runs_on_every_node_and_a_job_runs_to_its_end() {
    let mut cluster = Cluster::new(Settings::default());
    create(
        &mut cluster,
        "
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: 'me/agent:1'}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: sum}
spec:
  completions: 3
  parallelism: 2
  template:
    metadata: {labels: {app: sum}}
    spec:
      restartPolicy: Never
      containers: [{name: sum, image: busybox, command: [sh, -c, 'sleep 3; exit 0']}]
",
    );
    settle(&mut cluster);
    assert_eq!(ready(&cluster, "agent"), 3);
    let job = get(&cluster, "Job", "sum").expect("sum");
    assert_eq!(job.value.at(&["status", "succeeded"]), Some(&Value::Int(3)));
    let types: Vec<_> = job.value.items_at(&["status", "conditions"]).iter().map(|c| c.str_at(&["type"])).collect();
    assert_eq!(types, ["SuccessCriteriaMet", "Complete"]);
}

#[test]
fn a_lost_node_is_noticed_and_its_pods_move_in_time() {
    let mut cluster = Cluster::new(Settings::default());
    create(&mut cluster, WEB);
    settle(&mut cluster);
    cluster.set_power("node-2", false);
    cluster.run_for(Duration::secs(20));
    assert_eq!(endpoints(&cluster, "web").len(), 3, "nobody has noticed: traffic still goes there");
    cluster.run_for(Duration::secs(40));
    assert_eq!(endpoints(&cluster, "web").len(), 2, "unreachable, so not ready");
    assert_eq!(pods(&cluster, "web").len(), 3, "but not evicted yet");
    settle(&mut cluster);
    assert_eq!(endpoints(&cluster, "web").len(), 3, "after five minutes a new one runs elsewhere");
    cluster.set_power("node-2", true);
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "web").len(), 3, "the lost one has ended");
    let node = cluster.store().get(&ObjectKey::new("Node", "", "node-2")).expect("node-2");
    assert!(node.view().node().is_some_and(|n| n.is_ready() && n.taints.is_empty()));
}

#[test]
fn a_namespace_goes_with_all_that_it_holds() {
    let mut cluster = Cluster::new(Settings::default());
    let text = "{apiVersion: v1, kind: Namespace, metadata: {name: shop}, spec: {finalizers: [kubernetes]}}";
    create(&mut cluster, text);
    settle(&mut cluster);
    assert!(cluster.store().get(&ObjectKey::new("ServiceAccount", "shop", "default")).is_some());
    create(
        &mut cluster,
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop}, spec: {containers: [{name: a, image: nginx}]}}",
    );
    settle(&mut cluster);
    cluster.write(Cause::User, |w| w.delete(&ObjectKey::new("Namespace", "", "shop"), None));
    assert!(cluster.store().get(&ObjectKey::new("Namespace", "", "shop")).is_some());
    settle(&mut cluster);
    assert_eq!(cluster.store().in_namespace("shop").count(), 0);
    assert!(cluster.store().get(&ObjectKey::new("Namespace", "", "shop")).is_none());
}

#[test]
fn a_load_balancer_waits_until_somebody_gives_it_an_address() {
    let mut cluster = Cluster::new(Settings::default());
    create(
        &mut cluster,
        "{apiVersion: v1, kind: Service, metadata: {name: lb}, spec: {type: LoadBalancer, selector: {app: x}, ports: [{port: 80, targetPort: 80, protocol: TCP}]}}",
    );
    settle(&mut cluster);
    let ip = |cluster: &Cluster| {
        let service = get(cluster, "Service", "lb").expect("lb");
        service.view().service().and_then(|s| s.load_balancer.first().and_then(|p| p.ip)).map(|ip| ip.to_string())
    };
    assert_eq!(ip(&cluster), None);
    cluster.set_load_balancer(giljabi::cluster::LoadBalancerProvider::Cloud);
    settle(&mut cluster);
    assert_eq!(ip(&cluster).as_deref(), Some("203.0.113.10"));
    cluster.set_load_balancer(giljabi::cluster::LoadBalancerProvider::Tunnel);
    settle(&mut cluster);
    assert_eq!(
        ip(&cluster),
        get(&cluster, "Service", "lb").and_then(|s| s.view().service()?.cluster_ip()).map(|ip| ip.to_string())
    );
}

fn words(links: &[giljabi::cluster::why::Link]) -> Vec<String> {
    links.iter().map(|l| format!("{} | {}", l.message.text(giljabi::locale::Lang::En), l.at)).collect()
}

#[test]
fn every_pod_knows_why_it_exists_and_why_it_gets_no_traffic() {
    let mut cluster = Cluster::new(Settings::default());
    create(&mut cluster, WEB);
    settle(&mut cluster);
    let pod = pods(&cluster, "web")[0].key.clone();
    let service = ObjectKey::new("Service", "default", "web");
    let chain = words(&cluster.why_exists(&pod));
    assert_eq!(chain.len(), 3, "{chain:#?}");
    assert!(chain[0].contains("wants 3 pods; replicaset-controller made it") && chain[0].ends_with("spec.replicas"));
    assert!(chain[1].ends_with("deployment/web spec.template"), "{chain:#?}");
    assert!(chain[2].starts_with("deployment/web was written by you"), "{chain:#?}");
    assert!(words(&cluster.why_not_endpoint(&pod, &service))[0].contains("is a ready endpoint"));
    cluster.change_container(&pod, "", |c| c.behavior.crash = Some((Duration::ZERO, 1)));
    cluster.run_for(Duration::secs(5));
    let chain = words(&cluster.why_not_endpoint(&pod, &service));
    assert!(chain[0].contains("is not ready") && chain[1].contains("CrashLoopBackOff"), "{chain:#?}");
    change(&mut cluster, "Service", "web", |s| s.set_at(&["spec", "selector", "app"], "wbe"));
    let chain = words(&cluster.why_not_endpoint(&pod, &service));
    assert!(
        chain[0].contains("has the label app=web") && chain[1].contains("selects only what bears app=wbe"),
        "{chain:#?}"
    );
    create(
        &mut cluster,
        "{apiVersion: v1, kind: Pod, metadata: {name: far, labels: {app: wbe}}, spec: {nodeSelector: {disk: ssd}, containers: [{name: a, image: nginx}]}}",
    );
    settle(&mut cluster);
    let chain = words(&cluster.why_not_endpoint(&ObjectKey::new("Pod", "default", "far"), &service));
    assert!(chain[1].contains("3 node(s) didn't match Pod's node affinity/selector"), "{chain:#?}");
}

#[test]
fn history_goes_back_branches_and_tells_what_differs() {
    use giljabi::cluster::history::{History, compare};
    let mut cluster = Cluster::new(Settings::default());
    let mut history = History::default();
    history.keep(&cluster, "new");
    create(&mut cluster, WEB);
    history.keep(&cluster, "web");
    settle(&mut cluster);
    let (full, middle) = (cluster.clone(), (cluster.store().revision() + history.moments()[1].revision) / 2);
    change(&mut cluster, "Deployment", "web", |d| d.set_at(&["spec", "replicas"], 1));
    history.keep(&cluster, "one");
    settle(&mut cluster);
    let mut back = history.at_revision(middle).expect("kept");
    assert!(back.store().revision() >= middle && back.store().revision() < full.store().revision());
    settle(&mut back);
    let bytes = |c: &Cluster| c.store().iter().map(|o| giljabi::api::json::to_string(&o.value)).collect::<Vec<_>>();
    assert_eq!(bytes(&back), bytes(&full), "played again, it comes out the same");
    let (line, _) = history.branch(middle).expect("a branch");
    assert_eq!(line.moments().len(), 2);
    let now = cluster.now();
    cluster.runtime_mut().set_power("node-3", false, now);
    let told: Vec<String> =
        compare(&full, &cluster).iter().map(|d| d.message.text(giljabi::locale::Lang::En)).collect();
    assert_eq!(told.first().map(String::as_str), Some("node/node-3 has no power"), "{told:#?}");
    assert!(told.iter().any(|t| t == "deployment/web spec.replicas: 3 → 1"), "{told:#?}");
    assert_eq!(told.iter().filter(|t| t.starts_with("pod/web") && t.ends_with("is gone")).count(), 2, "{told:#?}");
    assert!(told.iter().any(|t| t.contains("has 1 ready endpoint; it had 3")), "{told:#?}");
}

#[test]
fn add_ons_install_and_run() {
    use giljabi::cluster::addons::Addon;
    let mut cluster = Cluster::new(Settings::default());
    for addon in Addon::ALL {
        cluster.install(addon).unwrap_or_else(|status| panic!("{}: {status:?}", addon.name()));
    }
    settle(&mut cluster);
    let unready: Vec<_> = cluster
        .store()
        .list("Pod")
        .filter(|p| !p.view().pod().is_some_and(|p| p.is_ready()))
        .map(|p| words(&cluster.why_not_endpoints(&p.key).into_iter().flat_map(|(_, chain)| chain).collect::<Vec<_>>()))
        .collect();
    assert!(unready.is_empty(), "{unready:#?}");
    let service = cluster.store().get(&ObjectKey::new("Service", "ingress-nginx", "ingress-nginx-controller"));
    let service = service.and_then(|s| s.view().service()).expect("the controller's Service");
    assert!(service.load_balancer.first().and_then(|p| p.ip).is_some(), "MetalLB gives it an address");
    assert_eq!(
        Addon::of_address("https://raw.example/kubernetes/ingress-nginx/deploy.yaml"),
        Some(Addon::IngressNginx)
    );
}

#[test]
fn time_can_stop_at_the_next_probe() {
    let mut cluster = Cluster::new(Settings::default());
    let before = cluster.now();
    let pod = cluster.run_until_next_probe("").expect("CoreDNS has probes");
    assert_eq!(pod.namespace, "kube-system");
    assert!(cluster.now() > before && cluster.now().since(before) <= Duration::secs(10));
    assert_eq!(cluster.run_until_next_probe("default"), None);
}
