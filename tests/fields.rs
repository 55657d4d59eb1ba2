//! The field reference: the table is well-formed, the schema that is read from it answers as the real one would, and the
//! sentences are in the language that they say they are in.

use std::collections::BTreeSet;
use std::fs;

use giljabi::api::schema::{Shape, Support, schema};

fn table() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/fields.tsv")).expect("the table is there")
}

/// Field rows as columns.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with(['#', '@'])).map(|line| line.split('\t').collect())
}

fn hangul(c: char) -> bool {
    ('가'..='힣').contains(&c)
}

#[test]
fn every_row_is_well_formed() {
    let text = table();
    let mut seen = BTreeSet::new();
    for row in rows(&text) {
        assert_eq!(row.len(), 8, "{row:?}");
        assert!(row.iter().all(|column| !column.is_empty() && column.trim() == *column), "{row:?}");
        assert!(seen.insert((row[0], row[1])), "{}.{} is there twice", row[0], row[1]);
        if row[5] != "-" {
            let minor = row[5].strip_prefix("1.").and_then(|minor| minor.parse::<u32>().ok());
            assert!(minor.is_some_and(|minor| minor <= 36), "since {} of {}.{}", row[5], row[0], row[1]);
        }
    }
}

#[test]
fn sentences_are_in_their_language() {
    let text = table();
    for row in rows(&text) {
        let (key, en, ko) = (format!("{}.{}", row[0], row[1]), row[6], row[7]);
        assert_eq!(en == "-", ko == "-", "{key} has one sentence of two");
        if en == "-" {
            continue;
        }
        assert!(ko.contains(hangul) && ko.ends_with('.'), "{key}: {ko}");
        assert!(!en.contains(hangul) && en.ends_with('.'), "{key}: {en}");
    }
}

#[test]
fn every_modelled_field_has_its_sentences() {
    let silent: Vec<String> = schema()
        .structs()
        .iter()
        .flat_map(|owner| owner.fields().iter().map(move |field| (owner, field)))
        .filter(|(_, field)| !field.unmodelled && (field.en().is_none() || field.ko().is_none()))
        .map(|(owner, field)| format!("{}.{}", owner.name, field.name))
        .collect();
    for kind in schema().kinds() {
        let (en, ko) = (kind.en().unwrap_or_default(), kind.ko().unwrap_or_default());
        assert!(en.ends_with('.') && ko.chars().any(hangul), "{}: {en} {ko}", kind.kind);
    }
    assert!(silent.is_empty(), "no sentence for {silent:?}");
}

#[test]
fn the_schema_holds_every_row_of_the_table() {
    let text = table();
    let mut count = 0;
    for row in rows(&text) {
        let owner = schema().struct_(row[0]).unwrap_or_else(|| panic!("no struct {}", row[0]));
        let field = owner.field(row[1]).unwrap_or_else(|| panic!("no field {}.{}", row[0], row[1]));
        assert_eq!(schema().at(field.owner).name, row[0]);
        assert_eq!(field.default, (row[4] != "-").then_some(row[4]), "{}.{}", row[0], row[1]);
        assert_eq!(field.en(), (row[6] != "-").then_some(row[6]), "{}.{}", row[0], row[1]);
        assert_eq!(field.ko(), (row[7] != "-").then_some(row[7]), "{}.{}", row[0], row[1]);
        count += 1;
    }
    let held: usize = schema().structs().iter().map(|s| s.fields().len()).sum();
    assert_eq!(held, count);
}

#[test]
fn every_named_value_type_with_constants_is_used_by_a_field() {
    let text = table();
    for line in text.lines().filter(|line| line.starts_with("@enum")) {
        let name = line.split('\t').nth(1).expect("a name");
        assert!(schema().values(name).is_some_and(|v| !v.values.is_empty()), "{name}");
        let field = name.rsplit_once('.').and_then(|(owner, field)| schema().struct_(owner)?.field(field));
        let used = text.contains(&format!("{name}=string"));
        assert!(used || field.is_some_and(|field| field.values().is_some()), "{name} is used nowhere");
    }
}

#[test]
fn kinds_come_in_the_order_of_kubectl_api_resources() {
    let order: Vec<(&str, &str)> = schema().kinds().iter().map(|k| (k.group(), k.plural)).collect();
    assert!(order.is_sorted(), "{order:?}");
    let simulated: Vec<&str> =
        schema().kinds().iter().filter(|k| k.support == Support::Simulated).map(|k| k.kind).collect();
    for kind in ["Namespace", "Node", "Pod", "Service", "Endpoints", "EndpointSlice", "Deployment", "Ingress"] {
        assert!(simulated.contains(&kind), "{kind}");
    }
}

#[test]
fn review_kinds_can_only_be_created() {
    let verbs = |word: &str| schema().kind_by_resource(word).map(|k| k.verbs.join(",")).unwrap_or_default();
    assert_eq!(verbs("tokenreviews"), "create");
    assert_eq!(verbs("namespaces"), "create,delete,get,list,patch,update,watch");
    assert_eq!(verbs("services"), "create,delete,deletecollection,get,list,patch,update,watch");
}

#[test]
fn a_simulated_kind_has_a_struct_with_metadata() {
    for kind in schema().kinds().iter().filter(|k| k.support != Support::Accepted) {
        let root = schema().at(kind.root.unwrap_or_else(|| panic!("{} has no struct", kind.kind)));
        assert!(["apiVersion", "kind", "metadata"].iter().all(|name| root.field(name).is_some()), "{}", kind.kind);
    }
}

#[test]
fn kinds_are_found_by_every_word_that_kubectl_takes() {
    let found = |word: &str| schema().kind_by_resource(word).map(|k| (k.group_version, k.kind));
    for (word, group_version, kind) in [
        ("svc", "v1", "Service"),
        ("services", "v1", "Service"),
        ("Service", "v1", "Service"),
        ("services.v1", "v1", "Service"),
        ("services.v1.", "v1", "Service"),
        ("deploy.apps", "apps/v1", "Deployment"),
        ("deployments.v1.apps", "apps/v1", "Deployment"),
        ("ev", "v1", "Event"),
        ("events.events.k8s.io", "events.k8s.io/v1", "Event"),
        ("hpa", "autoscaling/v2", "HorizontalPodAutoscaler"),
        ("hpa.v1.autoscaling", "autoscaling/v1", "HorizontalPodAutoscaler"),
        ("crds", "apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ] {
        assert_eq!(found(word), Some((group_version, kind)), "{word}");
    }
    for word in ["", "servicez", "deploy.batch", "services.v2", "svc.", "."] {
        if word == "svc." {
            assert_eq!(found(word), Some(("v1", "Service")), "an empty group is the core group");
        } else {
            assert_eq!(found(word), None, "{word}");
        }
    }
}

#[test]
fn paths_lead_to_fields_through_lists_and_maps() {
    let service = schema().kind("v1", "Service").and_then(|k| k.root).expect("Service");
    let go = |path: &[&str]| {
        schema().resolve(service, path.iter().copied()).map(|r| (r.owner.name, r.field.name, r.ty.go_type()))
    };
    assert_eq!(go(&["spec", "ports"]), Some(("ServiceSpec", "ports", "[]v1.ServicePort".to_owned())));
    assert_eq!(go(&["spec", "ports", "0"]), Some(("ServiceSpec", "ports", "v1.ServicePort".to_owned())));
    for path in [&["spec", "ports", "0", "targetPort"][..], &["spec", "ports", "targetPort"]] {
        assert_eq!(go(path), Some(("ServicePort", "targetPort", "int32".to_owned())));
    }
    assert_eq!(
        go(&["metadata", "labels", "app.kubernetes.io/name"]),
        Some(("ObjectMeta", "labels", "string".to_owned()))
    );
    assert_eq!(go(&["spec", "type"]), Some(("ServiceSpec", "type", "v1.ServiceType".to_owned())));
    for path in [&[][..], &["spec", "prots"], &["Spec"], &["spec", "type", "x"], &["metadata", "labels", "a", "b"]] {
        assert_eq!(go(path), None, "{path:?}");
    }
}

#[test]
fn the_go_facts_that_the_rest_relies_on() {
    let field = |owner: &str, name: &str| schema().struct_(owner).and_then(|s| s.field(name)).expect("the field");
    let ports = field("ServiceSpec", "ports");
    assert_eq!((ports.patch.merge, ports.patch.merge_key), (true, Some("port")));
    assert!(field("ServicePort", "port").required && !field("ServicePort", "port").omit_empty);
    assert_eq!(field("Probe", "httpGet").embedded_from, Some("ProbeHandler"));
    assert!(field("DeploymentSpec", "strategy").patch.retain_keys);
    assert!(field("DeploymentSpec", "replicas").ty.pointer);
    assert!(field("ServiceSpec", "type").listed_values().is_some());
    assert!(field("ServiceSpec", "ipFamilies").listed_values().is_none(), "a list shows no values in explain");
    assert!(field("ServiceSpec", "ipFamilies").values().is_some(), "but completion offers them");
    let limits = field("ResourceRequirements", "limits");
    assert_eq!(limits.ty.go_type(), "v1.ResourceList");
    assert_eq!(limits.ty.explain_name(), "map[string]Quantity");
    assert!(matches!(&limits.ty.shape, Shape::Map(value) if matches!(value.shape, Shape::Quantity)));
    assert_eq!(ports.ty.explain_name(), "[]ServicePort");
    let protocol = field("ServicePort", "protocol").values().expect("protocols");
    assert!(protocol.listed);
    assert_eq!(protocol.values, ["SCTP", "TCP", "UDP"]);
    // Upstream writes these constants as conversions.
    let listed = |owner: &str, name: &str| field(owner, name).listed_values().map(|v| v.values.clone());
    assert_eq!(listed("HTTPIngressPath", "pathType"), Some(vec!["Exact", "ImplementationSpecific", "Prefix"]));
    assert_eq!(listed("EndpointSlice", "addressType"), Some(vec!["FQDN", "IPv4", "IPv6"]));
    let port = schema().struct_("discovery.k8s.io/v1.EndpointPort").expect("the slice's port");
    assert_eq!((port.short_name(), port.go_name().as_str()), ("EndpointPort", "v1.EndpointPort"));
    let metrics = field("autoscaling/v2.HorizontalPodAutoscalerSpec", "metrics");
    assert_eq!(metrics.ty.go_type(), "[]v2.MetricSpec");
}

/// The recorded type errors of a real API server name structs, fields, embedded structs and Go types; the table must know
/// them all under these names.
#[test]
fn recorded_type_errors_agree_with_the_table() {
    const MARK: &str = " into Go struct field ";
    let mut checked = BTreeSet::new();
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle")).expect("the recorded facts") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("readable");
        for (at, _) in text.match_indices(MARK) {
            let rest = &text[at + MARK.len()..];
            let (path, rest) = rest.split_once(" of type ").expect("a type follows");
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"[]._*".contains(c)).unwrap_or(rest.len());
            // kubectl's own type, not one of the API.
            if !path.starts_with("metadataOnlyObject.") {
                checked.insert((path.to_owned(), rest[..end].trim_end_matches('.').to_owned()));
            }
        }
    }
    assert!(checked.len() > 50, "only {} recorded type errors", checked.len());
    for (path, go_type) in checked {
        let segments: Vec<&str> = path.split('.').collect();
        let (owner, name) = (segments[0], segments[segments.len() - 1]);
        let known = schema().structs().iter().filter(|s| s.short_name() == owner).any(|s| {
            s.field(name).is_some_and(|field| {
                let mut types = vec![field.ty.go_type()];
                let mut ty = &field.ty;
                while let Shape::List(inner) | Shape::Map(inner) = &ty.shape {
                    types.push(inner.go_type());
                    ty = inner;
                }
                let before = segments[segments.len() - 2];
                let embedded = before.starts_with(|c: char| c.is_ascii_uppercase()) && segments.len() > 2;
                types.contains(&go_type) && (!embedded || field.embedded_from == Some(before))
            })
        });
        assert!(known, "{path} of type {go_type}");
    }
}

/// Parsing happens once, before the first keystroke is answered; a slow table would be felt.
#[test]
fn reading_the_schema_is_quick() {
    let start = std::time::Instant::now();
    let structs = schema().structs().len();
    let took = start.elapsed();
    println!("{structs} structs in {took:?}");
    assert!(took.as_millis() < 250, "{took:?} in a debug build");
}
