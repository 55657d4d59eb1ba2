//! Which rule of an Ingress or HTTPRoute takes a request: the tables of the documentation and of the Gateway API, as data.

use giljabi::api::object::Object;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::network::http::{Ask, Decision};
use giljabi::network::{gateway, ingress};
use giljabi::value;
use smol_str::SmolStr;

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| l.split('\t').collect())
}

fn put(store: &mut Store, kind: &str, value: Value) {
    store.put(Object::new(kind, value), Cause::User, Time(0));
}

#[test]
fn paths_and_hosts_of_an_ingress_match_as_documented() {
    let mut count = 0;
    for row in rows(include_str!("golden/http/ingress-paths.tsv")) {
        let [rules, host, path, expected] = row[..] else { panic!("a row of four columns: {row:?}") };
        let mut store = Store::default();
        put(
            &mut store,
            "IngressClass",
            value!({ "metadata": { "name": "nginx" }, "spec": { "controller": "k8s.io/ingress-nginx" } }),
        );
        let rules: Vec<Value> = rules
            .split("; ")
            .enumerate()
            .map(|(i, rule)| {
                let words: Vec<&str> = rule.split(' ').collect();
                let host = if words[0] == "-" { "" } else { words[0] };
                let name = format!("rule-{i}");
                value!({
                    "host": host,
                    "http": { "paths": [{
                        "pathType": (words[1]),
                        "path": (words[2]),
                        "backend": { "service": { "name": (name.as_str()), "port": { "number": 80 } } }
                    }] }
                })
            })
            .collect();
        let mut object =
            value!({ "metadata": { "name": "i", "namespace": "default" }, "spec": { "ingressClassName": "nginx" } });
        object.set_at(&["spec", "rules"], Value::list(rules));
        put(&mut store, "Ingress", object);
        let ask = Ask { host, path, method: "GET", port: 80, ..Ask::default() };
        let found = ingress::decide(&store, "k8s.io/ingress-nginx", &ask);
        assert_eq!(backend(found), expected.replace("-", "none"), "{row:?}");
        count += 1;
    }
    assert!(count > 30);
}

/// The number of the rule whose backend was chosen.
fn backend(decision: Option<Decision>) -> String {
    use giljabi::network::http::Act;
    match decision.map(|d| d.act) {
        Some(Act::Forward { backends, .. }) => backends[0].service.name.trim_start_matches("rule-").to_string(),
        _ => "none".to_string(),
    }
}

/// An Ingress of host a.com with one path that leads to a Service of its own name.
fn annotated(name: &str, path: &str, annotations: &str) -> Value {
    let mut object = value!({
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{
                "host": "a.com",
                "http": { "paths": [{
                    "pathType": "Prefix",
                    "path": path,
                    "backend": { "service": { "name": name, "port": { "number": 80 } } }
                }] }
            }]
        }
    });
    for (name, value) in annotations.split(';').filter_map(|pair| pair.split_once('=')) {
        object.set_at(&["metadata", "annotations", &format!("nginx.ingress.kubernetes.io/{name}")], value);
    }
    object
}

/// What becomes of a request, in short.
fn short(decision: Option<Decision>) -> String {
    use giljabi::network::http::{Act, HeaderChange};
    match decision.map(|d| d.act) {
        None => "none".into(),
        Some(Act::Redirect { status, location }) => format!("{status} {location}"),
        Some(Act::Answer { status, headers }) => {
            assert!(headers.iter().any(|(name, _)| name == "Access-Control-Allow-Methods"));
            format!("{status} {}", headers[0].1)
        }
        Some(Act::Forbid { .. }) => "403".into(),
        Some(Act::Forward { backends, host, response, .. }) => {
            let mut out = match &backends[..] {
                [one] => one.service.name.to_string(),
                some => {
                    let part = |b: &giljabi::network::http::Backend| format!("{} {}", b.service.name, b.weight);
                    some.iter().map(part).collect::<Vec<_>>().join(", ")
                }
            };
            if let Some(HeaderChange::Set(_, origin)) = response.first() {
                out.push_str(&format!(" cors {origin}"));
            }
            host.into_iter().for_each(|host| out.push_str(&format!(" as {host}")));
            out
        }
    }
}

#[test]
fn annotations_of_ingress_nginx_do_what_its_template_does() {
    let mut count = 0;
    for row in rows(include_str!("golden/http/ingress-annotations.tsv")) {
        let [path, main, canary, method, url, headers, expected] = row[..] else { panic!("seven columns: {row:?}") };
        let mut store = Store::default();
        put(
            &mut store,
            "IngressClass",
            value!({ "metadata": { "name": "nginx" }, "spec": { "controller": "k8s.io/ingress-nginx" } }),
        );
        put(&mut store, "Ingress", annotated("main", path, main));
        if canary != "-" {
            put(&mut store, "Ingress", annotated("canary", "/", canary));
        }
        let headers: Vec<(SmolStr, SmolStr)> =
            headers.split(',').filter_map(|p| p.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect();
        let (host, path) = match url.strip_prefix("//").and_then(|rest| rest.split_once('/')) {
            Some((host, _)) => (host, &url[2 + host.len()..]),
            None => ("a.com", url),
        };
        let source = "192.0.2.9".parse().ok();
        let ask = Ask { host, path, method, headers: &headers, port: 80, source, ..Ask::default() };
        assert_eq!(short(ingress::decide(&store, "k8s.io/ingress-nginx", &ask)), expected, "{row:?}");
        count += 1;
    }
    assert!(count > 35);
}

fn route(name: &str, words: &[&str]) -> Value {
    let mut wanted = value!({});
    let mut headers = Vec::new();
    let mut query = Vec::new();
    for word in &words[1..] {
        let (kind, rest) = word.split_once(':').expect("kind:value");
        let path = |kind: &str| value!({ "type": kind, "value": rest });
        match kind {
            "exact" => wanted.set_at(&["path"], path("Exact")),
            "prefix" => wanted.set_at(&["path"], path("PathPrefix")),
            "regex" => wanted.set_at(&["path"], path("RegularExpression")),
            "method" => wanted.set_at(&["method"], rest),
            _ => {
                let (name, value) = rest.split_once('=').expect("name=value");
                let list = if kind == "header" { &mut headers } else { &mut query };
                list.push(value!({ "name": name, "value": value }));
            }
        }
    }
    wanted.set_at(&["headers"], Value::list(headers));
    wanted.set_at(&["queryParams"], Value::list(query));
    let mut object = value!({
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "parentRefs": [{ "name": "main" }],
            "rules": [{ "backendRefs": [{ "name": "s", "port": 80 }] }]
        }
    });
    if words[0] != "-" {
        object.set_at(&["spec", "hostnames"], value!([(words[0])]));
    }
    let mut rule = object.items_at(&["spec", "rules"])[0].clone();
    rule.set_at(&["matches"], Value::list(vec![wanted]));
    object.set_at(&["spec", "rules"], Value::list(vec![rule]));
    object
}

#[test]
fn matches_of_routes_go_by_the_precedence_of_the_gateway_api() {
    let mut count = 0;
    for row in rows(include_str!("golden/http/gateway-matches.tsv")) {
        let [routes, host, method, url, headers, expected] = row[..] else { panic!("a row of six columns: {row:?}") };
        let mut store = Store::default();
        put(&mut store, "GatewayClass", value!({ "metadata": { "name": "c" }, "spec": { "controllerName": "x/y" } }));
        put(
            &mut store,
            "Gateway",
            value!({
                "metadata": { "name": "main", "namespace": "default" },
                "spec": { "gatewayClassName": "c", "listeners": [{ "name": "http", "port": 80, "protocol": "HTTP" }] }
            }),
        );
        for text in routes.split("; ") {
            let words: Vec<&str> = text.split(' ').collect();
            put(&mut store, "HTTPRoute", route(words[0], &words[1..]));
        }
        let headers: Vec<(SmolStr, SmolStr)> =
            headers.split(',').filter_map(|p| p.split_once('=')).map(|(n, v)| (n.into(), v.into())).collect();
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let ask = Ask { host, path, query, method, headers: &headers, port: 80, ..Ask::default() };
        let found = gateway::decide(&store, "x/y", &ask).map_or("-".to_string(), |d| d.route.name.to_string());
        assert_eq!(found, expected, "{row:?}");
        count += 1;
    }
    assert!(count > 20);
}
