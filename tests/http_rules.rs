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
