//! Volumes: pods that wait for them, and what containers find in them.

use super::{apply, get, is_ready, kubectl, pods, settle};
use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::time::Duration;
use giljabi::cluster::{Cluster, Settings};
use giljabi::locale::Lang;

/// A pod of busybox that waits, with these volumes and mounts.
fn pod(volumes: &str, mounts: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: p, labels: {{app: p, tier: b}}, annotations: {{note: one}}}}
spec:
  containers:
  - name: c
    image: busybox
    command: [sleep, infinity]
    resources: {{limits: {{cpu: 1500m, memory: 64Mi}}}}
    volumeMounts: [{mounts}]
  - name: d
    image: busybox
    command: [sleep, infinity]
    volumeMounts: [{mounts}]
  volumes: [{volumes}]
"
    )
}

const CONFIG: &str = "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {a: one, b.txt: two}\n";

fn key() -> ObjectKey {
    ObjectKey::new("Pod", "default", "p")
}

fn read(cluster: &Cluster, path: &str) -> Option<String> {
    let sandbox = cluster.runtime().get(&key())?;
    sandbox.read_file(sandbox.container("c")?, path, "").map(|text| text.to_string())
}

fn list(cluster: &Cluster, path: &str) -> Vec<String> {
    let sandbox = cluster.runtime().get(&key()).expect("it is there");
    let names = sandbox.list_folder(sandbox.container("c").expect("the container"), path).unwrap_or_default();
    names.iter().filter(|n| !n.starts_with('.')).map(ToString::to_string).collect()
}

/// How often, and in which words, the pod was told that a volume cannot be mounted.
fn failures(cluster: &Cluster) -> Vec<(u32, String)> {
    let events = cluster.events();
    events.about(&key()).filter(|r| r.reason == "FailedMount").map(|r| (r.count, r.message.to_string())).collect()
}

fn condition(pod: &Object, type_: &str) -> (String, String) {
    let all = pod.value.items_at(&["status", "conditions"]);
    let found = all.iter().find(|c| c.text("type") == type_).expect("the condition");
    (found.text("status").into(), found.text("reason").into())
}

#[test]
fn a_pod_waits_for_what_its_volumes_name_and_then_goes_on() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &pod("{name: v, configMap: {name: conf}}", "{name: v, mountPath: /etc/conf}"));
    settle(&mut cluster);
    let waiting = get(&cluster, "Pod", "p").expect("the pod");
    assert_eq!(waiting.value.str_at(&["status", "phase"]), "Pending");
    let status = &waiting.value.items_at(&["status", "containerStatuses"])[0];
    assert_eq!(status.str_at(&["state", "waiting", "reason"]), "ContainerCreating");
    for (type_, expected) in [
        ("PodReadyToStartContainers", ("False", "")),
        ("Initialized", ("True", "")),
        ("Ready", ("False", "ContainersNotReady")),
        ("ContainersReady", ("False", "ContainersNotReady")),
        ("PodScheduled", ("True", "")),
    ] {
        assert_eq!(condition(&waiting, type_), (expected.0.to_string(), expected.1.to_string()), "{type_}");
    }
    // After half a second, one, two, four …, two minutes at most.
    cluster.run_for(Duration::secs(70));
    let told = "MountVolume.SetUp failed for volume \"v\" : configmap \"conf\" not found";
    assert_eq!(failures(&cluster), [(8, told.to_string())]);
    cluster.run_for(Duration::secs(360));
    assert_eq!(failures(&cluster)[0].0, 11);
    assert!(kubectl(&mut cluster, "get pod p", "").contains("0/2     ContainerCreating   0"));
    apply(&mut cluster, CONFIG);
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "p").is_some_and(|p| is_ready(&p)));
    assert_eq!(read(&cluster, "/etc/conf/a").as_deref(), Some("one"));
}

#[test]
fn a_missing_key_keeps_a_pod_waiting_and_an_optional_one_does_not() {
    let missing = |volume: &str| {
        let mut cluster = Cluster::new(Settings::default());
        apply(&mut cluster, CONFIG);
        apply(&mut cluster, &pod(volume, "{name: v, mountPath: /v}"));
        settle(&mut cluster);
        (failures(&cluster).into_iter().map(|(_, told)| told).collect::<Vec<_>>(), list(&cluster, "/v"))
    };
    let told = |what: &str| vec![format!("MountVolume.SetUp failed for volume \"v\" : {what}")];
    let item = "items: [{key: a, path: x/y}, {key: z, path: z}]";
    let (words, names) = missing(&format!("{{name: v, configMap: {{name: conf, {item}}}}}"));
    assert_eq!((words, names), (told("configmap references non-existent config key: z"), vec![]));
    let (words, names) = missing(&format!("{{name: v, configMap: {{name: conf, optional: true, {item}}}}}"));
    assert_eq!((words, names), (vec![], vec!["x".to_string()]));
    let (words, _) = missing("{name: v, secret: {secretName: s}}");
    assert_eq!(words, told("secret \"s\" not found"));
    let (words, names) = missing("{name: v, secret: {secretName: s, optional: true}}");
    assert_eq!((words, names), (vec![], vec![]));
    let sources =
        "{configMap: {name: nope}}, {configMap: {name: conf}}, {secret: {name: s, items: [{key: k, path: k}]}}";
    let (words, _) = missing(&format!("{{name: v, projected: {{sources: [{sources}]}}}}"));
    assert_eq!(words, told("[configmap \"nope\" not found, secret \"s\" not found]"));
    // What no container mounts is not asked for.
    let (words, _) = missing("{name: v, emptyDir: {}}, {name: unused, configMap: {name: nope}}");
    assert_eq!(words, Vec::<String>::new());
}

#[test]
fn why_a_pod_waits_is_told_down_to_the_field() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, CONFIG);
    apply(
        &mut cluster,
        &pod("{name: v, configMap: {name: conf, items: [{key: z, path: z}]}}", "{name: v, mountPath: /v}"),
    );
    apply(
        &mut cluster,
        "\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: p}, ports: [{port: 80}]}\n",
    );
    settle(&mut cluster);
    let chain = cluster.why_not_endpoint(&key(), &ObjectKey::new("Service", "default", "s"));
    let at: Vec<String> = chain.iter().map(|link| link.at.path.to_string()).collect();
    assert_eq!(at, ["status.podIP", "spec.volumes[0]", "spec.volumes[0].configMap.items[0].key"]);
    let said = |lang| chain.iter().map(|link| link.message.text(lang)).collect::<Vec<_>>().join("\n");
    assert!(said(Lang::En).contains("configmap references non-existent config key: z"), "{}", said(Lang::En));
    assert!(said(Lang::En).contains("has no key z"), "{}", said(Lang::En));
    assert!(said(Lang::Ko).contains("키를 넣어 두면"), "{}", said(Lang::Ko));
    // The key comes.
    let patch = r#"{"data":{"z":"last"}}"#;
    kubectl(&mut cluster, &format!("patch configmap conf -p {patch}"), "");
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "p").is_some_and(|p| is_ready(&p)));
}

#[test]
fn a_pod_whose_claim_is_missing_finds_no_node() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &pod("{name: v, persistentVolumeClaim: {claimName: data}}", "{name: v, mountPath: /v}"));
    settle(&mut cluster);
    let events = cluster.events();
    let told = events.about(&key()).find(|r| r.reason == "FailedScheduling").expect("it is told").message.clone();
    assert_eq!(
        told,
        "0/3 nodes are available: persistentvolumeclaim \"data\" not found. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    );
    let claim = "\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
    apply(&mut cluster, claim);
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "p").is_some_and(|p| is_ready(&p)));
}

#[test]
fn a_stateful_sets_pods_have_claims_of_their_own() {
    let mut cluster = Cluster::new(Settings::default());
    let set = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: c, image: busybox, command: [sleep, infinity], volumeMounts: [{name: data, mountPath: /data}]}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
";
    apply(&mut cluster, set);
    settle(&mut cluster);
    assert_eq!(pods(&cluster, "db").iter().filter(|p| is_ready(p)).count(), 2);
    for number in [0, 1] {
        let claim = get(&cluster, "PersistentVolumeClaim", &format!("data-db-{number}")).expect("the claim");
        assert_eq!(claim.label("app"), Some("db"));
        let pod = get(&cluster, "Pod", &format!("db-{number}")).expect("the pod");
        let volume = &pod.value.items_at(&["spec", "volumes"])[0];
        assert_eq!(volume.str_at(&["persistentVolumeClaim", "claimName"]), claim.name());
    }
    // They outlive their pods.
    kubectl(&mut cluster, "scale statefulset db --replicas=0", "");
    settle(&mut cluster);
    assert!(pods(&cluster, "db").is_empty() && get(&cluster, "PersistentVolumeClaim", "data-db-1").is_some());
}

#[test]
fn volumes_hold_what_their_sources_say() {
    let mut cluster = Cluster::new(Settings::default());
    let secret = "\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {user: admin, pass: \"p w\"}\n";
    apply(&mut cluster, &format!("{CONFIG}---{secret}"));
    let downward = "{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: name, fieldRef: {fieldPath: metadata.name}}, {path: cpu, resourceFieldRef: {containerName: c, resource: limits.cpu}}, {path: mem, resourceFieldRef: {containerName: c, resource: limits.memory, divisor: 1Mi}}";
    let volumes = [
        "{name: conf, configMap: {name: conf, items: [{key: b.txt, path: deep/b, mode: 0400}]}}",
        "{name: secret, secret: {secretName: s}}",
        &format!("{{name: down, downwardAPI: {{items: [{downward}]}}}}"),
        "{name: all, projected: {sources: [{configMap: {name: conf}}, {secret: {name: s, items: [{key: user, path: who}]}}, {serviceAccountToken: {path: token}}]}}",
        "{name: one, configMap: {name: conf}}",
    ];
    let mounts = "{name: conf, mountPath: /conf/}, {name: secret, mountPath: /secret}, {name: down, mountPath: /down}, {name: all, mountPath: /all}, {name: one, mountPath: /etc/only.txt, subPath: b.txt}";
    apply(&mut cluster, &pod(&volumes.join(", "), mounts));
    settle(&mut cluster);
    let has = |path: &str| read(&cluster, path);
    assert_eq!(has("/conf/deep/b").as_deref(), Some("two"));
    assert_eq!(has("/conf/a"), None);
    assert_eq!(has("/secret/pass").as_deref(), Some("p w"));
    let labels = has("/down/labels").expect("its labels");
    assert_eq!(labels.lines().take(2).collect::<Vec<_>>(), ["app=\"p\"", "tier=\"b\""]);
    assert_eq!(has("/down/name").as_deref(), Some("p"));
    assert_eq!((has("/down/cpu").as_deref(), has("/down/mem").as_deref()), (Some("2"), Some("64")));
    assert_eq!(list(&cluster, "/all"), ["a", "b.txt", "token", "who"]);
    assert_eq!(has("/all/..data/a").as_deref(), Some("one"));
    assert_eq!(has("/etc/only.txt").as_deref(), Some("two"));
    assert!(
        list(&cluster, "/etc").contains(&"only.txt".to_string()) && list(&cluster, "/").contains(&"conf".to_string())
    );
    // Every pod finds the token of its account.
    assert_eq!(list(&cluster, "/var/run/secrets/kubernetes.io/serviceaccount"), ["ca.crt", "namespace", "token"]);
    assert_eq!(has("/var/run/secrets/kubernetes.io/serviceaccount/namespace").as_deref(), Some("default"));
    // What the kubelet writes can only be read.
    let mut cluster = cluster;
    for path in ["/conf/deep/b", "/etc/only.txt", "/secret/new"] {
        assert_eq!(cluster.write_file(&key(), "c", path, Some("x")), Err("Read-only file system"), "{path}");
    }
}

#[test]
fn a_changed_config_map_reaches_the_files_at_the_next_look() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, CONFIG);
    let mounts = "{name: v, mountPath: /v}, {name: v, mountPath: /part, subPath: a}, {name: l, mountPath: /l}";
    let labels =
        "{name: l, downwardAPI: {items: [{path: note, fieldRef: {fieldPath: 'metadata.annotations[''note'']'}}]}}";
    apply(&mut cluster, &pod(&format!("{{name: v, configMap: {{name: conf}}}}, {labels}"), mounts));
    settle(&mut cluster);
    kubectl(&mut cluster, r#"patch configmap conf -p {"data":{"a":"changed","b.txt":null}}"#, "");
    kubectl(&mut cluster, r#"patch pod p -p {"metadata":{"annotations":{"note":"two"}}}"#, "");
    let before = cluster.now();
    cluster.run_for(Duration::millis(100));
    assert_eq!(read(&cluster, "/v/a").as_deref(), Some("one"));
    settle(&mut cluster);
    let took = cluster.now().since(before);
    assert!(took <= Duration::secs(91), "{took:?}");
    assert_eq!(read(&cluster, "/v/a").as_deref(), Some("changed"));
    assert_eq!(list(&cluster, "/v"), ["a"]);
    assert_eq!(read(&cluster, "/l/note").as_deref(), Some("two"));
    // A part that is mounted by itself stays as it was until the container starts again.
    assert_eq!(read(&cluster, "/part").as_deref(), Some("one"));
    // What goes away is missed, and told, but the files stay.
    kubectl(&mut cluster, "delete configmap conf", "");
    cluster.run_for(Duration::secs(200));
    assert_eq!(failures(&cluster)[0].1, "MountVolume.SetUp failed for volume \"v\" : configmap \"conf\" not found");
    assert_eq!(read(&cluster, "/v/a").as_deref(), Some("changed"));
    apply(&mut cluster, CONFIG);
    settle(&mut cluster);
    assert_eq!(read(&cluster, "/v/a").as_deref(), Some("one"));
}

#[test]
fn an_empty_dir_is_shared_and_outlives_its_containers() {
    let mut cluster = Cluster::new(Settings::default());
    apply(&mut cluster, &pod("{name: v, emptyDir: {}}", "{name: v, mountPath: /v}"));
    settle(&mut cluster);
    assert_eq!(list(&cluster, "/v"), Vec::<String>::new());
    assert_eq!(cluster.write_file(&key(), "d", "/v/from-d", Some("hello")), Ok(()));
    assert_eq!(cluster.write_file(&key(), "d", "/own", Some("mine")), Ok(()));
    assert_eq!(read(&cluster, "/v/from-d").as_deref(), Some("hello"));
    assert_eq!(read(&cluster, "/own"), None);
    cluster.change_container(&key(), "c", |c| c.behavior.crash = Some((Duration::secs(1), 1)));
    cluster.run_for(Duration::secs(4));
    let restarts = |cluster: &Cluster| cluster.runtime().get(&key()).expect("it runs").containers[0].restarts;
    assert!(restarts(&cluster) > 0);
    cluster.change_container(&key(), "c", |c| c.behavior.crash = None);
    settle(&mut cluster);
    assert_eq!(read(&cluster, "/v/from-d").as_deref(), Some("hello"));
}

#[test]
fn what_scripts_write_is_there_when_they_have_written_it() {
    let mut cluster = Cluster::new(Settings::default());
    let text = "
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  initContainers:
  - name: first
    image: busybox
    command: [sh, -c, 'echo \"made by $WHO\" > /scratch/index.html']
    env: [{name: WHO, value: init}]
    volumeMounts: [{name: work, mountPath: /scratch}]
  containers:
  - name: c
    image: busybox
    command: [sh, -c, 'touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600']
    livenessProbe: {exec: {command: [cat, /tmp/healthy]}, initialDelaySeconds: 5, periodSeconds: 5}
    volumeMounts: [{name: work, mountPath: /html}]
  volumes: [{name: work, emptyDir: {}}]
";
    apply(&mut cluster, text);
    cluster.run_for(Duration::secs(20));
    assert_eq!(read(&cluster, "/html/index.html").as_deref(), Some("made by init\n"));
    assert_eq!(read(&cluster, "/tmp/healthy").as_deref(), Some(""));
    let unhealthy = |cluster: &Cluster| cluster.events().about(&key()).filter(|r| r.reason == "Unhealthy").count();
    assert_eq!(unhealthy(&cluster), 0);
    cluster.run_for(Duration::secs(30));
    assert!(read(&cluster, "/tmp/healthy").is_none() && unhealthy(&cluster) > 0);
    cluster.run_for(Duration::secs(60));
    assert!(cluster.runtime().get(&key()).is_some_and(|s| s.containers[0].restarts > 0));
}

#[test]
fn what_installers_make_for_themselves_is_not_waited_for() {
    let mut cluster = Cluster::new(Settings::default());
    let text = "
apiVersion: batch/v1
kind: Job
metadata: {name: admission-create}
spec:
  template:
    spec:
      restartPolicy: OnFailure
      containers:
      - name: create
        image: registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.6.1
        args: [create, --host=ingress-nginx-controller-admission, '--namespace=$(POD_NAMESPACE)', --secret-name=admission]
        env: [{name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}]
---
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: c, image: registry.k8s.io/ingress-nginx/controller:v1.13.0, volumeMounts: [{name: cert, mountPath: /cert}]}
  volumes: [{name: cert, secret: {secretName: admission}}]
";
    apply(&mut cluster, text);
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "p").is_some_and(|p| is_ready(&p)));
    assert_eq!(list(&cluster, "/cert"), ["ca", "cert", "key"]);
}

#[test]
fn a_loop_that_writes_goes_round_and_lets_the_cluster_rest() {
    let mut cluster = Cluster::new(Settings::default());
    let text = "
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec:
  containers:
  - name: web
    image: nginx
    readinessProbe: {httpGet: {path: /, port: 80}}
    volumeMounts: [{name: html, mountPath: /usr/share/nginx/html, readOnly: true}]
  - name: c
    image: debian
    command: [sh, -c]
    args: ['while true; do date >> /html/index.html; sleep 5; done']
    volumeMounts: [{name: html, mountPath: /html}]
  volumes: [{name: html, emptyDir: {}}]
";
    apply(&mut cluster, text);
    settle(&mut cluster);
    assert!(get(&cluster, "Pod", "p").is_some_and(|p| is_ready(&p)));
    let lines = |cluster: &Cluster| read(cluster, "/html/index.html").expect("it is written").lines().count();
    let before = lines(&cluster);
    cluster.run_for(Duration::secs(50));
    assert_eq!(lines(&cluster), before + 10);
    let text = read(&cluster, "/html/index.html").expect("it is written");
    assert!(text.starts_with("Thu Jan  1 00:00:"), "{text}");
    assert_eq!(cluster.write_file(&key(), "web", "/usr/share/nginx/html/x", Some("")), Err("Read-only file system"));
}

#[test]
fn a_pod_that_was_put_on_a_node_waits_there_for_its_claim() {
    let mut cluster = Cluster::new(Settings::default());
    let text = pod("{name: v, persistentVolumeClaim: {claimName: data}}", "{name: v, mountPath: /v}");
    apply(&mut cluster, &text.replace("spec:\n", "spec:\n  nodeName: node-2\n"));
    settle(&mut cluster);
    let told = "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/data: failed to fetch PVC from API server: persistentvolumeclaims \"data\" not found";
    assert_eq!(failures(&cluster)[0].1, told);
    apply(
        &mut cluster,
        "\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n",
    );
    cluster.run_for(Duration::secs(30));
    assert!(get(&cluster, "Pod", "p").is_some_and(|p| is_ready(&p)));
}
