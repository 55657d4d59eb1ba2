//! The doctor: what is healthy is called healthy, what is planted is found, a cluster stands as it stood.

use giljabi::api::json;
use giljabi::cluster::Settings;
use giljabi::doctor::{self, At, Report, Severity, Verdict};
use giljabi::locale::Lang;
use giljabi::shell::script;
use giljabi::workspace::{File, Workspace};

/// A small shop of three tiers, as such demos are: a web front with an Ingress, a service behind it, a database.
const SHOP: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.org/shop/web:1.4
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /ready, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - name: server
        image: example.org/shop/cart:1.4
        ports: [{containerPort: 7070}]
        readinessProbe: {grpc: {port: 7070}}
        env:
        - {name: REDIS_ADDR, value: "redis:6379"}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports: [{name: grpc, port: 7070, targetPort: 7070}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: redis, namespace: shop}
spec:
  serviceName: redis
  selector: {matchLabels: {app: redis}}
  template:
    metadata: {labels: {app: redis}}
    spec:
      containers: [{name: redis, image: "redis:alpine", ports: [{containerPort: 6379}]}]
---
apiVersion: v1
kind: Service
metadata: {name: redis, namespace: shop}
spec:
  clusterIP: None
  selector: {app: redis}
  ports: [{port: 6379}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: web, port: {name: http}}}}
"#;

fn file(name: &str, text: &str) -> File {
    File { name: name.into(), text: text.to_string() }
}

fn examine(text: &str) -> Report {
    doctor::diagnose(vec![file("all.yaml", text)]).1
}

/// The rules of the findings that are graver than information, with the line that each points to.
fn found(report: &Report) -> Vec<(String, String)> {
    let grave = report.findings.iter().filter(|f| f.severity < Severity::Info);
    grave.map(|f| (f.rule.to_string(), f.object.name.to_string())).collect()
}

/// What `kubectl get … -o yaml` prints of the cluster that a text makes, after `script` has run in it.
fn printed(text: &str, lines: &str) -> String {
    let mut workspace = Workspace::new(Settings::default());
    workspace.set_files(vec![file("all.yaml", text)]);
    assert!(!workspace.is_stale(), "{:?}", workspace.diagnostics());
    let kinds = "namespaces,nodes,services,deployments,replicasets,statefulsets,pods,endpoints,endpointslices,ingresses,configmaps";
    let lines = format!("{lines}\nkubectl get {kinds} -A -o yaml");
    let transcript = script::run(workspace.cluster_mut(), &[], &lines).transcript;
    let at = transcript.rfind("apiVersion: v1\nitems:").expect("a list");
    transcript[at..].to_string()
}

#[test]
fn manifests_that_are_right_are_called_right() {
    let report = examine(SHOP);
    assert_eq!(found(&report), [], "{}", doctor::text(&report, Lang::En));
    assert!(!report.snapshot);
    assert!(report.doors.iter().all(|d| d.verdict == Verdict::Open), "{:?}", report.doors);
    let fronts: Vec<&str> = report.doors.iter().filter(|d| d.front).map(|d| d.address.as_str()).collect();
    assert!(fronts.contains(&"http://shop.example.com/"), "{fronts:?}");
    assert!(fronts.iter().any(|f| f.starts_with("tcp://203.0.113.")), "{fronts:?}");
}

#[test]
fn planted_faults_are_found_at_their_line() {
    for (from, to, rule, object, line) in [
        ("selector: {app: web}\n  ports", "selector: {app: wbe}\n  ports", "selector_matches_nothing", "web", "wbe"),
        ("targetPort: http}", "targetPort: htpp}", "no_pod_has_port", "web", "htpp"),
        ("port: 7070, targetPort: 7070", "port: 7070, targetPort: 7071", "port_not_declared", "cart", "7071"),
        ("path: /ready, port: http", "path: /ready, port: 8081", "no_ready_pod", "web", ""),
        ("name: web, port: {name: http}", "name: web, port: {name: htp}", "backend_port_missing", "shop", "htp"),
        ("backend: {service: {name: web,", "backend: {service: {name: wen,", "backend_missing", "shop", "wen"),
        (
            "image: \"redis:alpine\"",
            "image: \"redis:alpine\", command: [sleep, infinity]",
            "nothing_listens",
            "redis",
            "",
        ),
    ] {
        assert!(SHOP.contains(from), "{from}");
        let text = SHOP.replacen(from, to, 1);
        let report = examine(&text);
        let all = found(&report);
        assert!(all.contains(&(rule.into(), object.into())), "{to}: {all:?}\n{}", doctor::text(&report, Lang::En));
        assert_eq!(report.worst(), Some(Severity::Error));
        let finding = report.findings.iter().find(|f| f.rule == rule && f.object.name == object).unwrap();
        let (_, number, _) = finding.place.clone().expect("a place");
        let there = text.lines().nth(number as usize - 1).unwrap_or("");
        assert!(there.contains(line), "{to}: line {number} is {there:?}");
        assert!(finding.hop.is_some() && finding.symptom.is_some() && finding.mend.is_some(), "{finding:?}");
    }
}

#[test]
fn a_cluster_stands_as_it_stood() {
    let text = printed(SHOP, "");
    let (stand, report) = doctor::diagnose(vec![file("cluster.yaml", &text)]);
    assert!(report.snapshot);
    let before: Vec<&str> = text.lines().filter(|l| l.trim_start().starts_with("podIP: ")).collect();
    for line in before {
        let ip = line.trim().trim_start_matches("podIP: ");
        let has = |pod: &giljabi::api::view::Pod| pod.ips.iter().any(|i| i.to_string() == ip);
        let store = stand.workspace.cluster().store();
        assert!(store.list("Pod").filter_map(|p| p.view().pod()).any(has), "{ip} is gone");
    }
    // A bare cluster gives load balancers no address; everything inside works.
    assert_eq!(found(&report), [("load_balancer_pending".to_string(), "web".to_string())]);
    let shut: Vec<_> = report.doors.iter().filter(|d| d.verdict == Verdict::Shut).map(|d| &d.address).collect();
    assert_eq!(shut, ["tcp://<pending>:80"], "{}", doctor::text(&report, Lang::En));
    // Nothing moves that stood: no pod is made, none is taken away.
    let mut later = stand.workspace.cluster().clone();
    later.run_for(giljabi::api::time::Duration::secs(600));
    let pods = |c: &giljabi::cluster::Cluster| c.store().list("Pod").map(|p| p.key.clone()).collect::<Vec<_>>();
    assert_eq!(pods(&later), pods(stand.workspace.cluster()));
}

#[test]
fn a_status_is_believed() {
    let text = printed(SHOP, "");
    // What no controller would leave so: every endpoint says that it is not ready, though the pods say that they are.
    let pods = text.replace("      ready: true\n      serving: true", "      ready: false\n      serving: false");
    assert_ne!(pods, text);
    let report = examine(&pods);
    let rules: Vec<String> = found(&report).into_iter().map(|(rule, _)| rule).collect();
    assert!(!rules.is_empty());
    let of_shop = report.doors.iter().filter(|d| d.object.kind == "Service" && d.object.namespace == "shop");
    assert!(of_shop.clone().all(|d| d.verdict == Verdict::Shut), "{:?}", of_shop.collect::<Vec<_>>());
}

#[test]
fn what_is_scaled_to_zero_sleeps_and_is_no_fault() {
    let report = examine(&SHOP.replace("replicas: 3", "replicas: 0"));
    assert!(report.doors.iter().any(|d| d.object.name == "web" && d.verdict == Verdict::Asleep), "{:?}", report.doors);
    assert!(report.findings.iter().any(|f| f.rule == "scaled_to_zero" && f.severity == Severity::Info));
}

#[test]
fn what_no_cluster_of_ours_can_hold_is_set_aside_in_words() {
    let more = format!(
        "{SHOP}---\napiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {{name: m, namespace: shop}}\n---\n\
         just: text\n---\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {{name: old, namespace: shop}}\n"
    );
    let report = examine(&more);
    let rules: Vec<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    for rule in ["set_aside", "no_object", "refused"] {
        assert!(rules.contains(&rule), "{rules:?}");
    }
    let template = doctor::diagnose(vec![file("t.yaml", "kind: {{ .Values.kind }}\n  a: {{ b }}\n")]).1;
    assert!(template.findings[0].cause.text(Lang::En).contains("helm template"), "{:?}", template.findings);
    let kustomization = doctor::diagnose(vec![file("x/kustomization.yaml", "resources: [a.yaml]\n")]).1;
    assert_eq!(kustomization.findings[0].rule, "other_file");
}

#[test]
fn every_form_of_a_report_is_well_formed() {
    let report = examine(&SHOP.replace("selector: {app: web}\n  ports", "selector: {app: wbe}\n  ports"));
    for lang in [Lang::Ko, Lang::En] {
        let parsed: serde_json::Value = serde_json::from_str(&json::to_string(&doctor::json(&report, lang))).unwrap();
        assert!(parsed["findings"].as_array().is_some_and(|f| !f.is_empty()));
        let sarif: serde_json::Value =
            serde_json::from_str(&json::to_string(&doctor::sarif(&report, lang, "1.0.0"))).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        let run = &sarif["runs"][0];
        let rules: Vec<_> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|r| &r["id"]).collect();
        assert!(run["results"].as_array().unwrap().iter().all(|r| rules.contains(&&r["ruleId"])));
        let junit = doctor::junit(&report, lang, "2026-11-28T19:00:00");
        assert!(junit.contains("<failure type=\"shut\">"), "{junit}");
        assert_eq!(junit.matches("<testcase").count(), report.doors.len());
    }
}

/// What the schemas of both forms ask for, looked at where names are as odd as they come.
#[test]
fn forms_for_other_programs_keep_to_their_schemas() {
    let odd = SHOP
        .replace("selector: {app: web}\n  ports", "selector: {app: wbe}\n  ports")
        .replace("name: web", "name: \"w]]>&\\\"\\u0001\\uFFFE\\U0001F600\\u202e\"");
    for (text, name) in [(SHOP, "shop.yaml"), (odd.as_str(), "dir with space/é#%20.yaml"), ("a: [b\n", "x.yaml")] {
        let report = doctor::diagnose(vec![file(name, text)]).1;
        let sarif: serde_json::Value =
            serde_json::from_str(&json::to_string(&doctor::sarif(&report, Lang::En, "1.0.0"))).unwrap();
        for result in sarif["runs"][0]["results"].as_array().unwrap() {
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
            assert!(result["message"]["text"].as_str().is_some_and(|t| !t.is_empty()));
            for location in result["locations"].as_array().unwrap() {
                let place = &location["physicalLocation"];
                let whole = |n: &serde_json::Value| n.is_null() || n.as_u64().is_some_and(|n| n > 0);
                assert!(whole(&place["region"]["startLine"]) && whole(&place["region"]["startColumn"]), "{place}");
                let uri = place["artifactLocation"]["uri"].as_str().unwrap_or("");
                assert!(uri.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"{}|\\^`#?".contains(&b)), "{uri}");
            }
        }
        let junit = doctor::junit(&report, Lang::Ko, "2026-11-28T19:00:00");
        let tags = |name: &str| -> Vec<&str> {
            let open = format!("<{name} ");
            junit.match_indices(&open).map(|(at, _)| &junit[at..at + junit[at..].find('>').unwrap()]).collect()
        };
        assert!(junit.contains("<testsuites>"), "the schema knows no attributes there: {junit}");
        let suites = tags("testsuite");
        assert_eq!(suites.len(), 1);
        let asked = ["name", "package", "id", "hostname", "timestamp", "time", "tests", "failures", "errors"];
        assert!(asked.iter().all(|a| suites[0].contains(&format!(" {a}=\""))), "{suites:?}");
        for case in tags("testcase") {
            assert!([" name=\"", " classname=\"", " time=\""].iter().all(|a| case.contains(a)), "{case}");
        }
        assert!(tags("failure").iter().all(|f| f.contains(" type=\"")));
        let order = ["<properties/>", "<system-out/>", "<system-err/>", "</testsuite>"].map(|tag| junit.find(tag));
        assert!(order.is_sorted() && order[0].is_some(), "{order:?}");
        let first = junit.find("<testcase").unwrap_or(usize::MAX);
        assert!(order[0] < Some(first) && (first == usize::MAX || Some(first) < order[1]));
        assert!(junit.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "a character that XML has not");
    }
}

/// A page examines in pieces, each short, and says how far it is.
#[test]
fn an_examination_in_pieces_is_the_same() {
    let files =
        || vec![file("shop.yaml", SHOP), file("more.yaml", &SHOP.replace("namespace: shop", "namespace: other"))];
    let (_, whole) = doctor::diagnose(files());
    let mut pieces = doctor::Examination::new(files());
    let mut seen = vec![pieces.progress()];
    assert_eq!(seen[0].0, 0);
    let mut parts = vec![pieces.at()];
    let report = loop {
        pieces.step();
        seen.push(pieces.progress());
        parts.push(pieces.at());
        if let Some((_, report)) = pieces.take() {
            break report;
        }
    };
    assert_eq!(report, whole);
    assert!(pieces.take().is_none(), "there is one report");
    assert!(seen.iter().all(|far| far.1 == seen[0].1), "what is whole stays");
    assert_eq!(seen.last(), Some(&(seen[0].1, seen[0].1)));
    assert!(seen.is_sorted(), "{seen:?}");
    let most = seen.windows(2).map(|w| w[1].0 - w[0].0).max().unwrap_or(0);
    assert!(most <= seen[0].1 / 2, "it comes in pieces: {seen:?}");
    parts.dedup();
    let services = 2 * SHOP.matches("kind: Service").count();
    let asked = (0..=services).map(|asked| At::Asking(asked, services));
    let parts = &parts[..parts.len() - 1];
    assert!(parts.iter().copied().eq([At::Reading, At::Standing].into_iter().chain(asked)), "{parts:?}");
}

/// One long List holds a page no longer than many short files: it is read, stood up and written again some objects at a time.
#[test]
fn a_long_list_is_taken_in_pieces() {
    let mut text = String::from("apiVersion: v1\nkind: List\nitems:\n");
    for i in 0..1_000 {
        text.push_str(&format!(
            "- apiVersion: v1\n  kind: Pod\n  metadata: {{name: p{i}, namespace: n, labels: {{app: a, tier: b!, c: d}}}}\n  spec: {{nodeName: m, containers: [{{name: c, image: x}}]}}\n  status: {{phase: Running, podIP: 10.1.{}.{}}}\n",
            i / 250,
            i % 250 + 1
        ));
    }
    let mut pieces = doctor::Examination::new(vec![file("pods.yaml", &text)]);
    let mut far = vec![0];
    let mut steps = std::collections::BTreeMap::<&str, u32>::new();
    let (stand, report) = loop {
        let part = match pieces.at() {
            At::Reading => "reading",
            At::Standing => "standing",
            At::Asking(..) => "asking",
        };
        *steps.entry(part).or_default() += 1;
        pieces.step();
        far.push(pieces.progress().0);
        if let Some(result) = pieces.take() {
            break result;
        }
    };
    assert_eq!(report.objects, 1_000);
    assert!(steps["reading"] > 20 && steps["standing"] > 20, "{steps:?}");
    // Nobody is asked, so the end comes at once when the cluster stands.
    assert_eq!(far.pop(), Some(1_000));
    assert!(
        far.windows(2).all(|two| two[0] <= two[1] && two[1] - two[0] <= 50),
        "the bar moves little by little: {far:?}"
    );
    assert!(far.iter().collect::<std::collections::BTreeSet<_>>().len() > 40, "{far:?}");
    let mut editing = doctor::Editing::new(stand);
    let mut steps = 1;
    let workspace = loop {
        if let Some(workspace) = editing.step() {
            break workspace;
        }
        steps += 1;
    };
    assert!(steps > 20, "{steps}");
    assert_eq!(workspace.files().map(|f| f.text.matches("kind: Pod").count()).sum::<usize>(), 1_000);
}

#[test]
fn five_thousand_objects_are_examined() {
    let mut text = String::new();
    for i in 0..1_250 {
        text.push_str(&format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{i}, namespace: n{n}, labels: {{app: a{i}}}, managedFields: [{{manager: x, fieldsV1: {{\"f:spec\": {{}}}}}}]}}\nspec: {{nodeName: node{node}, containers: [{{name: c, image: example.org/a, ports: [{{containerPort: 80}}]}}]}}\nstatus: {{phase: Running, hostIP: 10.0.0.{host}, podIP: 10.{a}.{b}.{c}, conditions: [{{type: Ready, status: \"True\"}}], containerStatuses: [{{name: c, ready: true, state: {{running: {{}}}}}}]}}\n\
             ---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{i}, namespace: n{n}}}\nspec: {{type: ClusterIP, clusterIP: 172.20.{x}.{y}, clusterIPs: [172.20.{x}.{y}], selector: {{app: a{i}}}, ports: [{{port: 80, protocol: TCP, targetPort: 80}}]}}\n\
             ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{i}, namespace: n{n}}}\ndata: {{a: b}}\n\
             ---\napiVersion: v1\nkind: Secret\nmetadata: {{name: x{i}, namespace: n{n}}}\ndata: {{a: YQ==}}\n",
            n = i % 20, node = i % 10, host = i % 10 + 1, a = 100 + i % 10, b = i / 250, c = i % 250 + 1, x = i / 250, y = i % 250 + 2,
        ));
    }
    let report = examine(&text);
    assert_eq!(report.objects, 5_000);
    assert_eq!(found(&report).len(), 0, "{:?}", report.findings.first());
    assert_eq!(report.doors_with(Verdict::Open), 1_250);
}

/// Which findings of a report are graver than information, by rule.
fn rules(report: &Report) -> Vec<&str> {
    report.findings.iter().filter(|f| f.severity < Severity::Info).map(|f| f.rule.as_str()).collect()
}

#[test]
fn pods_of_a_snapshot_say_what_is_the_matter_with_them() {
    let text = printed(SHOP, "kubectl set image deploy/cart server=busybox -n shop");
    let report = examine(&text);
    let cart = report.findings.iter().find(|f| f.object.name == "cart").expect("something about cart");
    let words = cart.cause.text(Lang::En);
    assert!(words.contains("CrashLoopBackOff") || words.contains("Completed"), "{words}");
}

#[test]
fn a_missing_secret_is_named_and_the_rest_is_examined() {
    let text = SHOP.replace(
        "- {name: REDIS_ADDR, value: \"redis:6379\"}",
        "- {name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}",
    );
    let report = examine(&text);
    assert_eq!(rules(&report), ["supplied"], "{}", doctor::text(&report, Lang::En));
    assert!(report.doors.iter().all(|d| d.verdict == Verdict::Open));
}

#[test]
fn what_volumes_miss_is_named_piece_by_piece_and_the_rest_is_examined() {
    let pod = "
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  containers:
  - {name: web, image: nginx, volumeMounts: [{name: tls, mountPath: /tls}, {name: conf, mountPath: /conf}, {name: data, mountPath: /data}]}
  volumes:
  - {name: tls, secret: {secretName: tls, items: [{key: a.crt, path: crt}, {key: a.key, path: key}]}}
  - {name: conf, projected: {sources: [{configMap: {name: conf, items: [{key: z, path: z}]}}]}}
  - {name: data, persistentVolumeClaim: {claimName: data}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {a: one}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";
    let report = examine(pod);
    let mut told = rules(&report);
    told.sort();
    assert_eq!(told, ["key_supplied", "supplied", "supplied"], "{}", doctor::text(&report, Lang::En));
    let named: Vec<String> = report.findings.iter().map(|f| f.object.to_string()).collect();
    for object in ["configmap/conf", "secret/tls", "persistentvolumeclaim/data"] {
        assert!(named.iter().any(|n| n == object), "{object} in {named:?}");
    }
    assert!(report.doors.iter().all(|d| d.verdict == Verdict::Open), "{}", doctor::text(&report, Lang::En));
}
