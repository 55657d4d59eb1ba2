//! The doctor on what kubectl prints of a real cluster: thousands of objects with status, healthy and with faults planted.

mod doctor_world;

use doctor_world::{Dump, SECRET};
use giljabi::api::json;
use giljabi::api::object::ObjectKey;
use giljabi::doctor::{self, Report, Severity, Stand, Verdict};
use giljabi::locale::Lang;
use giljabi::workspace::{File, Workspace};
use std::sync::Arc;

fn examine(text: String) -> (Arc<Stand>, Report) {
    doctor::diagnose(vec![File { name: "cluster.yaml".into(), text }])
}

const SMALL: Dump = Dump { apps: 12, pods_each: 2, nodes: 4 };

/// Rule, object and door verdicts of what is graver than information.
fn grave(report: &Report) -> Vec<(&str, &str)> {
    let grave = report.findings.iter().filter(|f| f.severity < Severity::Info);
    grave.map(|f| (f.rule.as_str(), f.object.name.as_str())).collect()
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in the dump");
    text.replacen(from, to, 1)
}

#[test]
fn a_healthy_cluster_of_thousands_of_objects_stands_as_it_stood() {
    let dump = Dump { apps: 400, pods_each: 3, nodes: 25 };
    let text = dump.list();
    let (stand, report) = examine(text.clone());
    assert!(dump.objects() > 4_000);
    assert_eq!(report.objects, dump.objects());
    assert!(report.snapshot);
    assert_eq!(grave(&report), [], "{}", doctor::text(&report, Lang::En).lines().take(5).collect::<String>());
    assert!(report.doors.iter().all(|d| d.verdict == Verdict::Open), "{:?}", report.doors.first());
    // A Service each, and forty Ingresses.
    assert_eq!(report.doors.len(), 400 + 40);
    let store = stand.workspace.cluster().store();
    let mut pods = 0;
    for line in text.lines().filter_map(|l| l.strip_prefix("    podIP: ")) {
        let has = |pod: &&std::sync::Arc<giljabi::api::object::Object>| pod.value.str_at(&["status", "podIP"]) == line;
        pods += usize::from(store.list("Pod").any(|p| has(&p)));
    }
    assert_eq!(pods, 1_200, "every pod has the address that it had");
    // Opened in the editor, what controllers made is nobody's mistake; what a person wrote is told of once.
    let workspace = doctor::Editing::new(stand).finish();
    let told: Vec<_> = workspace.diagnostics().iter().filter_map(|d| d.object.split_once('/')).collect();
    let made = |kind: &str| matches!(kind, "Pod" | "ReplicaSet" | "Endpoints" | "EndpointSlice");
    assert!(told.iter().all(|(kind, _)| !made(kind)), "{:?}", told.first());
    assert!(told.iter().filter(|(kind, name)| *kind == "Deployment" && *name == "app-7").count() <= 1);
}

/// Changes the document of an object in the file that has it.
fn edit(workspace: &mut Workspace, kind: &str, name: &str, from: &str, to: &str) {
    let is_it =
        |part: &&str| part.contains(&format!("\nkind: {kind}\n")) && part.contains(&format!("\n  name: {name}\n"));
    let found = workspace
        .files()
        .find_map(|f| Some((f.name.clone(), f.text.clone(), f.text.split("---\n").find(is_it)?.to_string())));
    let (file, text, part) = found.expect("the object is in a file");
    assert!(part.contains(from), "{part}");
    workspace.set_file(&file, &text.replace(&part, &part.replace(from, to)));
}

/// How many endpoints of a Service are ready.
fn ready(workspace: &Workspace) -> usize {
    let slices = workspace.cluster().store().list("EndpointSlice");
    let of_it = slices.filter(|s| s.label("kubernetes.io/service-name") == Some("app-3"));
    let is_ready =
        |e: &&giljabi::api::value::Value| e.at(&["conditions", "ready"]).and_then(|r| r.as_bool()) == Some(true);
    of_it.map(|s| s.value.items_at(&["endpoints"]).iter().filter(is_ready).count()).sum()
}

#[test]
fn a_cluster_that_was_opened_can_be_edited_again_and_again() {
    let (stand, _) = examine(SMALL.list());
    let mut workspace = doctor::Editing::new(stand).finish();
    assert_eq!(ready(&workspace), 2);
    for (kind, from, to, left) in [
        ("Service", "    app: app-3\n", "    app: app-x\n", 0),
        ("Service", "    app: app-x\n", "    app: app-3\n", 2),
        ("Service", "port: 80\n", "port: 81\n", 2),
        ("Service", "port: 81\n", "port: 82\n", 2),
        ("Deployment", "registry.example.com/app-3:1.0.3", "registry.example.com/app-3:1.0.4", 2),
        ("Deployment", "registry.example.com/app-3:1.0.4", "registry.example.com/app-3:1.0.5", 2),
    ] {
        edit(&mut workspace, kind, "app-3", from, to);
        let told: Vec<_> = workspace.diagnostics().iter().filter(|d| d.is_error()).collect();
        assert_eq!(told, Vec::<&giljabi::diagnostic::Diagnostic>::new(), "{kind} {to}");
        let changed: Vec<_> =
            workspace.last().changed.iter().map(|key| (key.kind.as_str(), key.name.as_str())).collect();
        assert_eq!(changed, [(kind, "app-3")]);
        assert_eq!(ready(&workspace), left, "{kind} {to}");
    }
}

#[test]
fn files_that_are_taken_out_of_a_cluster_that_was_opened_come_back() {
    let (stand, _) = examine(SMALL.list());
    let mut workspace = doctor::Editing::new(stand).finish();
    let keys = |workspace: &Workspace| workspace.cluster().store().iter().map(|o| o.key.clone()).collect::<Vec<_>>();
    let before = keys(&workspace);
    let mut back = |take: fn(&mut Workspace)| {
        let texts = workspace.texts();
        take(&mut workspace);
        assert_eq!(workspace.cluster().store().list_in("Pod", "team-0").count(), 0);
        workspace.put_back(texts);
        let told: Vec<_> = workspace.diagnostics().iter().filter(|d| d.is_error()).map(|d| &d.verbatim).collect();
        assert_eq!(told, Vec::<&String>::new());
        assert_eq!(ready(&workspace), 2, "pods run as they ran");
        // A slice that its controller had made meanwhile may stand in the place of one.
        let stays = |key: &&ObjectKey| key.kind == "EndpointSlice" || workspace.cluster().store().get(key).is_some();
        let gone: Vec<_> = before.iter().filter(|key| !stays(key)).collect();
        assert_eq!(gone, Vec::<&ObjectKey>::new());
    };
    back(|workspace| {
        workspace.remove_file("team-0.yaml");
    });
    // A namespace takes along what is in it.
    back(|workspace| edit(workspace, "Namespace", "team-0", "Namespace", "ConfigMap"));
}

#[test]
fn values_of_secrets_are_nowhere_afterwards() {
    let decoded = String::from_utf8(data_encoding::BASE64.decode(SECRET.as_bytes()).unwrap()).unwrap();
    let text = format!(
        "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: plain, namespace: team-0}}\nstringData:\n  quoted: \"{decoded}\"\n  \
         block: |\n    {decoded}\n    {decoded}\n  folded: >-\n    {decoded}\n    and {decoded}\n  plain: {decoded}\n  {decoded}: x\n\
         immutable: true\n",
        SMALL.list()
    );
    assert!(text.matches(SECRET).count() > 20);
    let (stand, report) = examine(text);
    let mut outputs = vec![format!("{stand:?}"), format!("{report:?}")];
    for lang in [Lang::Ko, Lang::En] {
        outputs.push(doctor::text(&report, lang));
        outputs.push(json::to_string(&doctor::json(&report, lang)));
        outputs.push(json::to_string(&doctor::sarif(&report, lang, "0")));
        outputs.push(doctor::junit(&report, lang, "2026-11-28T19:00:00"));
    }
    outputs.extend(doctor::Editing::new(stand.clone()).finish().files().map(|f| f.text.clone()));
    outputs.push(json::to_string(&giljabi::api::value::Value::list(
        stand.workspace.cluster().store().iter().map(|o| o.value.clone()).collect(),
    )));
    // The name of a key is no value: it stays, and it alone.
    for output in &outputs {
        assert!(!output.contains(SECRET), "a value of a Secret is left");
        for (at, _) in output.match_indices(&decoded) {
            let rest = &output[at + decoded.len()..];
            let is_key = [":", "\":", "\\\":", "=", "\", ", "\": "].iter().any(|end| rest.starts_with(end));
            assert!(is_key, "{:?}", &output[at.saturating_sub(60)..(at + 60).min(output.len())]);
        }
    }
}

#[test]
fn what_is_wrong_in_a_cluster_is_found_where_it_is() {
    let text = SMALL.list();
    let slice = text.find("name: app-3-k2x9d").expect("the slice of app-3");
    let stale = {
        let at = text[slice..].find("    - 10.10").map(|at| slice + at).unwrap();
        let end = text[at..].find('\n').unwrap() + at;
        format!("{}    - 10.100.77.77{}", &text[..at], &text[end..])
    };
    let unready = replaced(
        &text,
        "ready: true\n      restartCount: 0\n      started: true\n      state:\n        running:\n          startedAt: \"2026-03-01T08:00:04Z\"",
        "ready: false\n      restartCount: 17\n      started: false\n      state:\n        waiting:\n          message: back-off 5m0s restarting failed container=main\n          reason: CrashLoopBackOff",
    );
    let unready = replaced(
        &unready,
        "status: \"True\"\n      type: Ready\n    containerStatuses",
        "status: \"False\"\n      type: Ready\n    containerStatuses",
    );
    let unready =
        replaced(&unready, "      ready: true\n      serving: true", "      ready: false\n      serving: false");
    let pulling = unready.replace("reason: CrashLoopBackOff", "reason: ImagePullBackOff").replace(
        "message: back-off 5m0s restarting failed container=main",
        "message: Back-off pulling image \"registry.example.com/app-0:1.0.0\"",
    );
    let down = replaced(
        &text,
        "message: kubelet is posting ready status\n      reason: KubeletReady\n      status: \"True\"",
        "message: Kubelet stopped posting node status.\n      reason: NodeStatusUnknown\n      status: Unknown",
    );
    let secure = replaced(
        &text,
        "    ingressClassName: nginx\n    rules:\n    - host: app-0.example.com",
        "    ingressClassName: nginx\n    tls:\n    - hosts:\n      - app-0.example.com\n      secretName: SECRET\n    rules:\n    - host: app-0.example.com",
    );
    let balancer = |status: &str| {
        let text = replaced(
            &text,
            "    sessionAffinity: None\n    type: ClusterIP\n  status:\n    loadBalancer: {}\n",
            &format!(
                "    allocateLoadBalancerNodePorts: true\n    externalTrafficPolicy: Local\n    healthCheckNodePort: 31999\n    sessionAffinity: None\n    type: LoadBalancer\n  status:\n    loadBalancer: {status}\n"
            ),
        );
        replaced(
            &text,
            "    - name: http\n      port: 80\n",
            "    - name: http\n      nodePort: 30123\n      port: 80\n",
        )
    };
    let port = text.find("      targetPort: http\n").unwrap();
    for (case, planted, rule, object, verdict) in [
        (
            "selector",
            replaced(
                &text,
                "    selector:\n      app: app-0\n    sessionAffinity",
                "    selector:\n      app: app-zero\n    sessionAffinity",
            )
            .replace("kubernetes.io/service-name: app-0\n", "kubernetes.io/service-name: app-other\n")
            .replace("kind: Endpoints\n", "kind: ConfigMap\n"),
            "selector_matches_nothing",
            "app-0",
            Verdict::Shut,
        ),
        ("stale endpoint", stale, "stale_endpoint", "app-3", Verdict::Partly),
        ("crash loop", unready, "some_pods_not_ready", "app-0", Verdict::Open),
        ("image pull", pulling, "some_pods_not_ready", "app-0", Verdict::Open),
        ("node down", down, "node_down", "app-0", Verdict::Partly),
        (
            "class",
            replaced(&text, "ingressClassName: nginx", "ingressClassName: nginx-internal"),
            "ingress_class_missing",
            "app-0",
            Verdict::Shut,
        ),
        (
            "backend",
            replaced(&text, "              name: app-0\n", "              name: app-zero\n"),
            "backend_missing",
            "app-0",
            Verdict::Shut,
        ),
        (
            "no certificate",
            secure.replace("secretName: SECRET", "secretName: app-tls"),
            "tls_secret_missing",
            "app-0",
            Verdict::Open,
        ),
        (
            "no key in it",
            secure.replace("secretName: SECRET", "secretName: app-0"),
            "tls_secret_useless",
            "app-0",
            Verdict::Open,
        ),
        ("pending", balancer("{}"), "load_balancer_pending", "app-0", Verdict::Shut),
        (
            "port",
            format!("{}      targetPort: 8081\n{}", &text[..port], &text[port + "      targetPort: http\n".len()..])
                .replacen("    - name: http\n      port: 8080", "    - name: http\n      port: 8081", 1)
                .replacen("  - name: http\n    port: 8080", "  - name: http\n    port: 8081", 1),
            "port_not_declared",
            "app-0",
            Verdict::Shut,
        ),
    ] {
        let (_, report) = examine(planted);
        let all = grave(&report);
        assert!(all.contains(&(rule, object)), "{case}: {all:?}\n{}", doctor::text(&report, Lang::En));
        let finding = report.findings.iter().find(|f| f.rule == rule && f.object.name == object).unwrap();
        assert!(finding.place.is_some(), "{case}: no place");
        let worst = report.doors.iter().filter(|d| d.object == finding.object).map(|d| d.verdict).min();
        assert_eq!(worst, Some(verdict), "{case}: {}", doctor::text(&report, Lang::En));
        // Nothing else is blamed: what is healthy stays healthy.
        let others: Vec<_> =
            all.iter().filter(|(r, o)| *r != rule && *o != object && *r != "some_pods_not_ready").collect();
        assert!(others.is_empty() || case == "node down", "{case}: {others:?}");
    }
    // A balancer with an address lets everybody in.
    let (_, report) = examine(balancer("\n      ingress:\n      - ip: 203.0.113.90"));
    let front: Vec<_> =
        report.doors.iter().filter(|d| d.object.name == "app-0" && d.front).map(|d| d.verdict).collect();
    assert!(!front.is_empty() && front.iter().all(|v| *v == Verdict::Open), "{}", doctor::text(&report, Lang::En));
}

#[test]
fn the_last_words_of_events_say_why_a_pod_is_not_ready() {
    let text = SMALL.list();
    let sick = text
        .replace(
            "      restartCount: 0\n      started: true",
            "      restartCount: 0\n      started: true\n      sick: true",
        )
        .replace("      ready: true\n      restartCount", "      ready: false\n      restartCount")
        .replace(
            "status: \"True\"\n      type: Ready\n    containerStatuses",
            "status: \"False\"\n      type: Ready\n    containerStatuses",
        )
        .replace("      ready: true\n      serving: true", "      ready: false\n      serving: false");
    let pod = sick.lines().find_map(|l| l.strip_prefix("    name: app-0-7d9f6c5b48-")).expect("a pod of app-0");
    let events = format!(
        "---\napiVersion: v1\nkind: Event\nmetadata: {{name: e1, namespace: team-0}}\ninvolvedObject: {{kind: Pod, name: app-0-7d9f6c5b48-{pod}, namespace: team-0}}\ntype: Warning\nreason: Unhealthy\nmessage: 'Readiness probe failed: HTTP probe failed with statuscode: 503'\nlastTimestamp: \"2026-03-01T09:00:00Z\"\n"
    );
    let (_, report) = examine(format!("{sick}{events}"));
    let finding = report.findings.iter().find(|f| f.rule == "no_ready_pod" && f.object.name == "app-0").expect("app-0");
    assert!(finding.cause.text(Lang::En).contains("statuscode: 503"), "{}", finding.cause.text(Lang::En));
}

#[test]
fn custom_resources_are_kept_or_set_aside_and_said_not_to_be_simulated() {
    let custom = "---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: team-0}\nspec: {size: 3}\nstatus: {phase: Ready}\n";
    let definition = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  names: {kind: Widget, listKind: WidgetList, plural: widgets, singular: widget}\n  scope: Namespaced\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n";
    for (text, rule) in [
        (format!("{}{custom}", SMALL.list()), "set_aside"),
        (format!("{}{definition}{custom}", SMALL.list()), "not_simulated"),
    ] {
        let (stand, report) = examine(text);
        assert_eq!(grave(&report), []);
        let told = report.findings.iter().find(|f| f.rule == rule).expect(rule);
        assert!(told.cause.text(Lang::En).contains("Widget") && told.cause.text(Lang::En).contains("not simulated"));
        let kept = stand.workspace.cluster().store().list("Widget").count();
        assert_eq!(kept, usize::from(rule == "not_simulated"));
    }
}
