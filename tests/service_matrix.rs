//! Every field of a Service that has to do with its type, under every type and every way to write; and every change of type:
//! `tests/golden/service/*.txt`, which say how they are read. The answers were worked out from the source of Kubernetes
//! (`ValidateService`, `dropTypeDependentFields`, `patchAllocatedValues`, the allocators), not from what comes here.

#[allow(dead_code)]
#[path = "oracle_families/world.rs"]
mod world;

use giljabi::api::json;
use giljabi::api::object::ObjectKey;
use giljabi::api::value::Value;
use giljabi::api::yaml;
use giljabi::apiserver::request::PatchKind;
use giljabi::apiserver::resource;
use giljabi::kubectl::run::{Options, Output};
use giljabi::kubectl::{apply, create, patch, replace};
use giljabi::text::Span;
use std::collections::BTreeMap;
use world::{World, manifest};

/// The kinds of Services, with the lines of spec that make them.
const KINDS: &[(&str, &str)] = &[
    ("ClusterIP", "type: ClusterIP"),
    ("headless", "type: ClusterIP\nclusterIP: None"),
    ("NodePort", "type: NodePort"),
    ("LoadBalancer", "type: LoadBalancer"),
    ("ExternalName", "type: ExternalName\nexternalName: db.example.com"),
    ("LocalBalancer", "type: LoadBalancer\nexternalTrafficPolicy: Local"),
];

fn spec_of(kind: &str) -> String {
    let made = KINDS.iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("no kind of Service is {kind}")).1;
    format!("{made}\nselector: {{app: web}}\nports: [{{port: 80}}]\n")
}

/// A manifest: the lines of a spec, of which a later one for the same field counts.
fn service(spec: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in spec.lines() {
        let field = line.split(':').next();
        lines.retain(|l| l.split(':').next() != field);
        lines.push(line);
    }
    let spec: String = lines.iter().map(|l| format!("  {l}\n")).collect();
    format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n{spec}")
}

fn content(text: &str) -> Value {
    yaml::read(text, Span::new(0, text.len())).map(|r| r.value).unwrap_or_else(|e| panic!("{}: {text}", e.message))
}

fn write(world: &mut World, method: &str, text: &str) -> Output {
    let files = manifest(text);
    world.kubectl(Options::default(), |run| match method {
        "create" => create::create(run, &files),
        "apply" => apply::apply(run, &files),
        "replace" => replace::replace(run, &files, false),
        other => panic!("no way to write is {other}"),
    })
}

fn merge(world: &mut World, spec: &str) -> Output {
    let resource = resource::all(&world.store).find(|r| r.kind == "Service").expect("Services");
    let body: String = spec.lines().map(|l| format!("  {l}\n")).collect();
    let body = content(&format!("spec:\n{body}"));
    world.kubectl(Options::default(), |run| patch::patch(run, &resource, "web", PatchKind::Merge, &body))
}

fn stored(world: &World) -> Value {
    let key = ObjectKey::new("Service", "default", "web");
    world.store.get(&key).map(|o| o.value.get("spec").cloned().unwrap_or_default()).unwrap_or_default()
}

/// The causes of a refusal, one after the other; `None` where there is none.
fn refusal(output: &Output) -> Option<String> {
    let words = output.stderr.lines().filter(|l| !l.starts_with("Warning: ")).collect::<Vec<_>>().join("\n");
    if output.code == 0 {
        assert_eq!(words, "");
        return None;
    }
    let causes = words.split_once("is invalid: ").unwrap_or_else(|| panic!("{words}")).1;
    Some(causes.trim().trim_start_matches("* ").replace("\n* ", " | "))
}

/// The lines of a file below each `== heading`, without comments.
fn sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        match (line.strip_prefix("== "), all.last_mut()) {
            (Some(heading), _) => all.push((heading, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => panic!("a line before the first heading: {line}"),
        }
    }
    all
}

fn ways<'a>(word: &'a str, all: &[&'a str]) -> Vec<&'a str> {
    if word == "write" { all.to_vec() } else { vec![word] }
}

/// Node ports that were chosen by the server, as `old` or `new`.
fn with_chosen(mut field: Value, before: &Value) -> Value {
    if let Some(ports) = field.as_list().map(<[Value]>::to_vec) {
        let had = |n: i64| before.items("ports").iter().any(|p| p.int("nodePort") == n);
        let ports = ports.into_iter().map(|mut port| {
            let number = port.int("nodePort");
            // Chosen ones come from above the band that is kept for wishes.
            if number > 30_100 {
                port.map_mut().insert("nodePort", if had(number) { "old" } else { "new" });
            }
            port
        });
        field = Value::list(ports.collect());
    }
    field
}

#[test]
fn fields_of_a_service_under_every_type() {
    let text = include_str!("golden/service/fields.txt");
    let (mut count, mut differing) = (0, Vec::new());
    for (line, rows) in sections(text) {
        let mut cells: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for row in rows {
            let (method, rest) = row.split_once(' ').expect("a method");
            let (kinds, wanted) = rest.trim_start().split_once(' ').expect("a kind and what comes");
            for (kind, _) in KINDS.iter().filter(|(k, _)| *k != "LocalBalancer") {
                let meant = match kinds {
                    "any" => true,
                    "clustered" => *kind != "ExternalName" && !(*kind == "headless" && line.starts_with("clusterIP:")),
                    named => named == *kind,
                };
                for method in ways(method, &["create", "replace", "apply"]).into_iter().filter(|_| meant) {
                    cells.insert((method, kind), wanted.trim());
                }
            }
        }
        for ((method, kind), wanted) in cells {
            count += 1;
            let mut world = World::new();
            let base = spec_of(kind);
            if method != "create" {
                let first = if method == "apply" { "apply" } else { "create" };
                assert_eq!(write(&mut world, first, &service(&base)).code, 0, "{kind}");
            }
            let before = stored(&world);
            let came = write(&mut world, method, &service(&format!("{base}{line}\n")));
            let (field, written) = line.split_once(": ").expect("a field");
            let after = with_chosen(stored(&world).get(field).cloned().unwrap_or_default(), &before);
            let with_old = |words: String| match before.text("clusterIP") {
                "" | "None" => words,
                ip => words.replace(ip, "old"),
            };
            let came = refusal(&came).map(with_old).unwrap_or_else(|| match &after {
                Value::Null => "dropped".into(),
                value if *value == content(written) => "kept".into(),
                value => format!("= {}", json::to_string(value)),
            });
            let wanted = match wanted.strip_prefix("= ") {
                Some(value) => format!("= {}", json::to_string(&content(value))),
                None => wanted.to_string(),
            };
            if came != wanted {
                differing.push(format!("{line}\n  {method} {kind}\n  expected: {wanted}\n  came:     {came}"));
            }
        }
    }
    assert!(count > 300, "{count} cells");
    assert!(differing.is_empty(), "{} of {count} cells differ\n\n{}", differing.len(), differing.join("\n"));
}

/// The fields that belong to types, in words.
fn told(spec: &Value, before: &Value) -> String {
    let chosen = |now: String, had: bool| {
        if had {
            "old".to_string()
        } else if now.is_empty() {
            "-".into()
        } else {
            now
        }
    };
    let text =
        |key: &str| spec.field(key).map_or("-".into(), |v| v.as_str().map_or(json::to_string(v), str::to_string));
    let ip = spec.text("clusterIP");
    let ip = match ip {
        "" | "None" => chosen(ip.into(), false),
        _ => chosen("new".into(), before.text("clusterIP") == ip),
    };
    let number = |now: i64, was: i64| if now == 0 { "-".into() } else { chosen("new".into(), now == was) };
    let node_port = |spec: &Value| spec.items("ports").first().map_or(0, |p| p.int("nodePort"));
    format!(
        "clusterIP={ip} nodePort={} externalTrafficPolicy={} internalTrafficPolicy={} allocate={} health={} ipFamilyPolicy={}",
        number(node_port(spec), node_port(before)),
        text("externalTrafficPolicy"),
        text("internalTrafficPolicy"),
        text("allocateLoadBalancerNodePorts"),
        number(spec.int("healthCheckNodePort"), before.int("healthCheckNodePort")),
        text("ipFamilyPolicy"),
    )
}

#[test]
fn services_that_change_their_type() {
    let text = include_str!("golden/service/types.txt");
    let (mut count, mut differing) = (0, Vec::new());
    for (heading, rows) in sections(text) {
        let (from, to) = heading.split_once(" → ").expect("from and to");
        for row in rows {
            let (method, wanted) = row.split_once(' ').expect("a method");
            for method in ways(method, &["replace", "apply", "merge"]) {
                count += 1;
                let mut world = World::new();
                let first = if method == "apply" { "apply" } else { "create" };
                assert_eq!(write(&mut world, first, &service(&spec_of(from))).code, 0, "{from}");
                let before = stored(&world);
                let made = KINDS.iter().find(|(name, _)| *name == to).expect("a kind").1;
                let came = match method {
                    "merge" => merge(&mut world, made),
                    method => write(&mut world, method, &service(&spec_of(to))),
                };
                let came = refusal(&came).unwrap_or_else(|| told(&stored(&world), &before));
                if came != wanted.trim() {
                    differing.push(format!("{heading} by {method}\n  expected: {}\n  came:     {came}", wanted.trim()));
                }
            }
        }
    }
    assert!(count > 70, "{count} changes");
    assert!(differing.is_empty(), "{} of {count} changes differ\n\n{}", differing.len(), differing.join("\n"));
}
