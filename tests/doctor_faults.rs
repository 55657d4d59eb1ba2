//! Faults planted in manifests, and what looks like a fault and is none.

use giljabi::doctor::{self, Report, Severity, Verdict};
use giljabi::locale::Lang;
use giljabi::trace::Place;
use giljabi::workspace::File;

const WEB: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: example.org/web:1
        ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
"#;

fn examine(text: &str) -> Report {
    doctor::diagnose(vec![File { name: "all.yaml".into(), text: text.to_string() }]).1
}

fn of<'r>(report: &'r Report, rule: &str) -> &'r doctor::Finding {
    let found = report.findings.iter().find(|f| f.rule == rule);
    found.unwrap_or_else(|| panic!("no {rule} in\n{}", doctor::text(report, Lang::En)))
}

fn grave(report: &Report) -> Vec<&str> {
    report.findings.iter().filter(|f| f.severity < Severity::Info).map(|f| f.rule.as_str()).collect()
}

fn ingress(spec: &str) -> String {
    format!(
        "{WEB}---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: web, namespace: shop}}\nspec:\n{spec}  rules:\n  - host: web.example.com\n    http:\n      paths:\n      - {{path: /, pathType: Prefix, backend: {{service: {{name: web, port: {{name: http}}}}}}}}\n"
    )
}

#[test]
fn a_request_ends_where_it_was_turned_down() {
    let report = examine(&WEB.replace("targetPort: http", "targetPort: 8081"));
    let Some(Place::Pod { pod, .. }) = &of(&report, "port_not_declared").hop else { panic!("not in a pod") };
    assert!(pod.name.starts_with("web-"), "{pod:?}");
    let report = examine(&WEB.replace("selector: {app: web}\n  ports", "selector: {app: wbe}\n  ports"));
    assert!(matches!(of(&report, "selector_matches_nothing").hop, Some(Place::Kernel { .. })));
}

#[test]
fn a_service_in_another_namespace_than_its_pods_is_told_so() {
    let report =
        examine(&WEB.replace(
            "Service\nmetadata: {name: web, namespace: shop}",
            "Service\nmetadata: {name: web, namespace: shpo}",
        ));
    let finding = of(&report, "selector_matches_nothing");
    assert_eq!(finding.severity, Severity::Error);
    let words = finding.cause.text(Lang::En);
    assert!(words.contains("shpo") && words.contains("shop"), "{words}");
    // Where neither workload nor labels are among the files, nobody can know.
    let alone = "apiVersion: v1\nkind: Service\nmetadata: {name: exporter, namespace: gpu}\nspec: {selector: {app: exporter}, ports: [{port: 9400}]}\n";
    let report = examine(alone);
    assert_eq!(of(&report, "not_given").severity, Severity::Info);
    assert!(report.doors.iter().all(|d| d.verdict == Verdict::Unknown));
}

#[test]
fn what_is_not_simulated_is_said() {
    let policy = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: shop}\nspec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress]}\n";
    let report = examine(&format!("{WEB}{policy}"));
    assert!(grave(&report).is_empty());
    let finding = of(&report, "not_simulated");
    assert_eq!(finding.object.name, "deny");
    assert!(
        finding.cause.text(Lang::En).contains("not simulated")
            && finding.cause.text(Lang::En).contains("about 1 pod of")
    );
}

#[test]
fn pods_of_an_operator_are_unknown_and_no_fault() {
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: main, namespace: shop}\nspec: {selector: {app.kubernetes.io/instance: main, app.kubernetes.io/name: prometheus}, ports: [{port: 9090}]}\n";
    let custom = "---\napiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {name: main, namespace: shop}\nspec: {podMetadata: {labels: {app.kubernetes.io/instance: main}}}\n";
    let report = examine(&format!("{WEB}{service}{custom}"));
    assert_eq!(grave(&report), Vec::<&str>::new(), "{}", doctor::text(&report, Lang::En));
    assert_eq!(of(&report, "made_by_operator").object.name, "main");
    // Without the custom resource, or with a label that is not its own, it is a fault.
    assert_eq!(grave(&examine(&format!("{WEB}{service}"))), ["selector_matches_nothing"]);
    let other = service.replace("name: prometheus", "name: prometheos");
    assert_eq!(grave(&examine(&format!("{WEB}{other}{custom}"))), ["selector_matches_nothing"]);
}

#[test]
fn an_external_name_for_a_service_that_is_not_there_is_a_fault() {
    let named = |target: &str| {
        format!(
            "{WEB}---\napiVersion: v1\nkind: Service\nmetadata: {{name: db, namespace: shop}}\nspec: {{type: ExternalName, externalName: {target}}}\n"
        )
    };
    assert_eq!(of(&examine(&named("wbe.shop.svc.cluster.local")), "external_name_missing").severity, Severity::Error);
    assert_eq!(grave(&examine(&named("web.shop.svc.cluster.local"))), Vec::<&str>::new());
    assert_eq!(of(&examine(&named("db.example.com")), "external_name").severity, Severity::Info);
    // Of a namespace that is not among the files nobody knows.
    assert_eq!(grave(&examine(&named("db.elsewhere.svc.cluster.local"))), Vec::<&str>::new());
}

#[test]
fn a_local_node_port_answers_on_some_nodes_only() {
    let report = examine(&WEB.replace(
        "spec:\n  selector: {app: web}\n  ports",
        "spec:\n  type: NodePort\n  externalTrafficPolicy: Local\n  selector: {app: web}\n  ports",
    ));
    assert_eq!(of(&report, "only_some_nodes").severity, Severity::Warning);
    assert!(report.doors.iter().any(|d| d.front && d.verdict == Verdict::Partly));
}

#[test]
fn classes_and_certificates_of_an_ingress_are_looked_for() {
    let class = "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: edge}\nspec: {controller: k8s.io/ingress-nginx}\n";
    for (text, rule, severity) in [
        (ingress("  ingressClassName: nowhere\n"), "ingress_class_unknown", Severity::Warning),
        (format!("{}{class}", ingress("  ingressClassName: nowhere\n")), "ingress_class_missing", Severity::Error),
        (ingress("  ingressClassName: alb\n"), "gate_stand_in", Severity::Info),
        (
            ingress("  ingressClassName: nginx\n  tls: [{hosts: [web.example.com], secretName: t}]\n"),
            "tls_secret_missing",
            Severity::Warning,
        ),
        (
            format!(
                "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: t, namespace: shop}}\ntype: Opaque\nstringData: {{cert: x}}\n",
                ingress("  ingressClassName: nginx\n  tls: [{hosts: [web.example.com], secretName: t}]\n")
            ),
            "tls_secret_useless",
            Severity::Warning,
        ),
    ] {
        let report = examine(&text);
        let finding = of(&report, rule);
        assert_eq!(finding.severity, severity);
        let shut = report.doors.iter().any(|d| d.object.kind == "Ingress" && d.verdict == Verdict::Shut);
        assert_eq!(shut, severity == Severity::Error, "{rule}");
    }
    // A certificate that cert-manager makes is not missed.
    let made = "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c, namespace: shop}\nspec: {secretName: t, dnsNames: [web.example.com]}\n";
    let text = ingress("  ingressClassName: nginx\n  tls: [{hosts: [web.example.com], secretName: t}]\n");
    assert_eq!(grave(&examine(&format!("{text}{made}"))), Vec::<&str>::new());
}

#[test]
fn unknown_programs_are_believed_where_nothing_speaks_against_it() {
    let with = |container: &str| {
        WEB.replace("ports: [{name: http, containerPort: 8080}]", container)
            .replace("targetPort: http", "targetPort: 8080")
    };
    // Declaring ports is optional.
    let report = examine(&with(
        "readinessProbe: {httpGet: {path: /ready, port: 8080}}\n        livenessProbe: {tcpSocket: {port: 8080}}",
    ));
    assert_eq!(grave(&report), Vec::<&str>::new(), "{}", doctor::text(&report, Lang::En));
    assert!(report.doors.iter().all(|d| d.verdict == Verdict::Open));
    // Probes that agree on an undeclared port are believed, and it is said.
    let report = examine(&with(
        "ports: [{containerPort: 8080}]\n        readinessProbe: {httpGet: {path: /, port: 9000}}\n        livenessProbe: {httpGet: {path: /, port: 9000}}",
    ));
    assert_eq!(grave(&report), ["probe_port_not_declared"]);
    // One that asks another port than all else is a slip.
    let report = examine(&with(
        "ports: [{containerPort: 8080}]\n        readinessProbe: {httpGet: {path: /, port: 8088}}\n        livenessProbe: {httpGet: {path: /, port: 8080}}",
    ));
    let finding = of(&report, "no_ready_pod");
    assert!(finding.cause.text(Lang::En).contains("Readiness probe failed"), "{}", finding.cause.text(Lang::En));
    // A probe by the port's name asks as its scheme says; an unknown init container does its work and ends.
    let report = examine(&with(
        "ports: [{name: webhook, containerPort: 8080}]\n        readinessProbe: {httpGet: {path: /, port: webhook, scheme: HTTPS}}\n      initContainers: [{name: init, image: example.org/tool, command: [prepare]}]",
    ));
    assert_eq!(grave(&report), Vec::<&str>::new(), "{}", doctor::text(&report, Lang::En));
}

#[test]
fn helm_and_kustomize_print_what_is_read() {
    let helm = format!(
        "\u{feff}---\r\n# Source: shop/templates/empty.yaml\r\n---\r\n# Source: shop/templates/web.yaml{}---\r\n# Source: shop/templates/tests/none.yaml\r\n---\r\n",
        WEB.replace('\n', "\r\n")
    );
    let report = examine(&helm);
    assert_eq!(report.objects, 2);
    assert_eq!(grave(&report), Vec::<&str>::new(), "{}", doctor::text(&report, Lang::En));
    // A definition that is longer than an annotation may be.
    let schema = "              description: words words words words words words words\n".repeat(6_000);
    let definition = format!(
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: widgets.example.com}}\nspec:\n  group: example.com\n  names: {{kind: Widget, plural: widgets}}\n  scope: Namespaced\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      openAPIV3Schema:\n        type: object\n        description: |\n{schema}"
    );
    assert!(definition.len() > 262_144);
    let report = examine(&format!(
        "{WEB}{definition}---\napiVersion: example.com/v1\nkind: Widget\nmetadata: {{name: w, namespace: shop}}\n"
    ));
    assert_eq!(grave(&report), Vec::<&str>::new(), "{}", doctor::text(&report, Lang::En));
    assert_eq!(report.objects, 4);
}

#[test]
fn names_of_strangers_cannot_forge_a_report() {
    let host = "a\u{202e}b\\nerror: forged";
    let snapshot = format!(
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {{name: p, namespace: shop, labels: {{app: web}}}}\n  spec: {{nodeName: n, containers: [{{name: c, image: x, ports: [{{containerPort: 80}}]}}]}}\n  status: {{phase: Running, podIP: 10.0.0.5, hostIP: 1.2.3.4, conditions: [{{type: Ready, status: \"True\"}}]}}\n- apiVersion: networking.k8s.io/v1\n  kind: Ingress\n  metadata: {{name: i, namespace: shop}}\n  spec: {{ingressClassName: nginx, rules: [{{host: \"{host}\", http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: gone, port: {{number: 80}}}}}}}}]}}}}]}}\n"
    );
    let report = examine(&snapshot);
    let text = doctor::text(&report, Lang::En);
    assert!(report.doors.iter().any(|d| d.address.contains('\u{202e}')), "{text}");
    assert!(!text.contains('\u{202e}') && !text.lines().any(|l| l.starts_with("error: forged")), "{text}");
    assert!(!doctor::junit(&report, Lang::En, "2026-11-28T19:00:00").contains('\u{202e}'));
}
