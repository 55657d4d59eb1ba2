//! `endpoints` and `endpoints-fuzz`: Endpoints and EndpointSlices after the manifests and after each step, as the real endpoint,
//! endpointslice and mirroring controllers left them. Pods are not run; their status is given.

use crate::{Compare, Difference, Facts};
use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::parse::parse;
use giljabi::api::value::Value;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::{Cluster, Settings};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A cluster whose scheduler and kubelets do nothing.
pub struct Bench {
    pub cluster: Cluster,
    next_ip: u8,
}

impl Bench {
    pub fn new() -> Bench {
        let settings = Settings { run_pods: false, ..Settings::default() };
        Bench { cluster: Cluster::new(settings), next_ip: 100 }
    }

    /// Creates every document in order, or replaces the fields given of what exists; the controllers rest in between.
    pub fn apply(&mut self, text: &str) {
        let (manifests, problems) = parse("manifests.yaml", text);
        assert!(problems.is_empty(), "{problems:?}");
        for manifest in manifests {
            self.apply_one(manifest.value);
            self.cluster.run_until_settled();
        }
    }

    fn apply_one(&mut self, mut value: Value) {
        let kind = value.str_at(&["kind"]).to_string();
        let cluster_wide = matches!(kind.as_str(), "Node" | "Namespace");
        if !cluster_wide && value.str_at(&["metadata", "namespace"]).is_empty() {
            value.set_at(&["metadata", "namespace"], "default");
        }
        let namespace = if cluster_wide { "" } else { value.str_at(&["metadata", "namespace"]) };
        let key = ObjectKey::new(kind.as_str(), namespace, value.str_at(&["metadata", "name"]));
        let existing = self.cluster.store().get(&key).cloned();
        if let Some(existing) = existing.clone().filter(|_| kind == "Endpoints") {
            self.default(&kind, &mut value);
            self.cluster.write(Cause::User, |w| w.update(&existing, value));
        } else if let Some(existing) = existing {
            let mut merged = existing.value.clone();
            for (field, part) in value.as_map().into_iter().flat_map(|m| m.iter()) {
                match field.as_str() {
                    "metadata" => merge(merged.map_mut().entry("metadata"), part),
                    "spec" => {
                        for (name, given) in part.as_map().into_iter().flat_map(|m| m.iter()) {
                            merged.set_at(&["spec", name], given.clone());
                        }
                    }
                    _ => drop(merged.map_mut().insert(field.clone(), part.clone())),
                }
            }
            self.default(&kind, &mut merged);
            self.cluster.write(Cause::User, |w| w.update(&existing, merged));
        } else if !self.is_refused(&kind, &value) {
            self.default(&kind, &mut value);
            self.cluster.write(Cause::User, |w| w.create(&kind, value));
        }
    }

    /// What the API server would refuse among these cases.
    fn is_refused(&self, kind: &str, value: &Value) -> bool {
        let spec = |field| value.str_at(&["spec", field]);
        kind == "Service"
            && value.items_at(&["spec", "ports"]).is_empty()
            && spec("clusterIP") != "None"
            && spec("type") != "ExternalName"
    }

    /// Fills in what the controllers read.
    fn default(&mut self, kind: &str, value: &mut Value) {
        match kind {
            "Service" => {
                let ports: Vec<Value> = value.items_at(&["spec", "ports"]).to_vec();
                let ports: Vec<Value> = ports
                    .into_iter()
                    .map(|mut port| {
                        default_to(&mut port, "protocol", Value::from("TCP"));
                        let number = port.get("port").cloned().unwrap_or_default();
                        default_to(&mut port, "targetPort", number);
                        port
                    })
                    .collect();
                if !ports.is_empty() {
                    value.set_at(&["spec", "ports"], ports);
                }
                if value.str_at(&["spec", "type"]) == "ExternalName" {
                    for field in ["clusterIP", "clusterIPs", "ipFamilies"] {
                        value.remove_at(&["spec", field]);
                    }
                    return;
                }
                if value.str_at(&["spec", "clusterIP"]).is_empty() {
                    self.next_ip += 1;
                    value.set_at(&["spec", "clusterIP"], format!("10.96.77.{}", self.next_ip));
                }
                if value.at(&["spec", "ipFamilies"]).is_none() {
                    value.set_at(&["spec", "ipFamilies"], vec![Value::from("IPv4")]);
                }
            }
            "Endpoints" => {
                let subsets: Vec<Value> = value.items_at(&["subsets"]).to_vec();
                let subsets: Vec<Value> = subsets
                    .into_iter()
                    .map(|mut subset| {
                        let ports: Vec<Value> = subset.items_at(&["ports"]).to_vec();
                        let ports: Vec<Value> = ports
                            .into_iter()
                            .map(|mut port| {
                                default_to(&mut port, "protocol", Value::from("TCP"));
                                port
                            })
                            .collect();
                        if !ports.is_empty() {
                            subset.set_at(&["ports"], ports);
                        }
                        subset
                    })
                    .collect();
                if subsets.is_empty() {
                    value.remove_at(&["subsets"]);
                } else {
                    value.set_at(&["subsets"], subsets);
                }
            }
            "EndpointSlice" => {
                let ports: Vec<Value> = value.items_at(&["ports"]).to_vec();
                let ports: Vec<Value> = ports
                    .into_iter()
                    .map(|mut port| {
                        default_to(&mut port, "protocol", Value::from("TCP"));
                        default_to(&mut port, "name", Value::from(""));
                        port
                    })
                    .collect();

                value.set_at(&["ports"], ports);
                let endpoints: Vec<Value> = value.items_at(&["endpoints"]).to_vec();
                let endpoints: Vec<Value> = endpoints
                    .into_iter()
                    .map(|mut endpoint| {
                        default_to(&mut endpoint, "conditions", Value::map());
                        endpoint
                    })
                    .collect();
                value.set_at(&["endpoints"], endpoints);
            }
            "Pod" => {
                giljabi::apiserver::defaulting::pod::default_pod(value);
                if value.at(&["status", "podIPs"]).is_none() {
                    let ip = value.str_at(&["status", "podIP"]).to_string();
                    if !ip.is_empty() {
                        value.set_at(&["status", "podIPs"], vec![giljabi::value!({ "ip": ip })]);
                    }
                }
            }
            "StatefulSet" => giljabi::apiserver::defaulting::workload::default_stateful_set(value),
            _ => {}
        }
    }

    fn get(&self, kind: &str, name: &str) -> Option<Arc<Object>> {
        self.cluster.store().get(&ObjectKey::new(kind, "default", name)).cloned()
    }

    fn patch(&mut self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(old) = self.get(kind, name) else { return };
        let mut value = old.value.clone();
        change(&mut value);
        self.default(kind, &mut value);
        self.cluster.write(Cause::User, |w| w.update(&old, value));
    }

    pub fn step(&mut self, step: &Json) {
        let text = |field: &str| step[field].as_str().unwrap_or("").to_string();
        match step["do"].as_str().unwrap_or("") {
            "status" => self.patch("Pod", &text("pod"), |pod| {
                pod.set_at(
                    &["status", "conditions"],
                    vec![giljabi::value!({ "type": "Ready", "status": (text("ready")) })],
                );
                if step["ip"].is_string() {
                    pod.set_at(&["status", "podIP"], text("ip"));
                    pod.set_at(&["status", "podIPs"], vec![giljabi::value!({ "ip": (text("ip")) })]);
                }
            }),
            "bind" => self.patch("Pod", &text("pod"), |pod| {
                pod.set_at(&["spec", "nodeName"], text("node"));
                pod.set_at(&["status", "phase"], "Running");
                pod.set_at(&["status", "conditions"], vec![giljabi::value!({ "type": "Ready", "status": "True" })]);
                pod.set_at(&["status", "podIP"], text("ip"));
                pod.set_at(&["status", "podIPs"], vec![giljabi::value!({ "ip": (text("ip")) })]);
            }),
            "label-pod" => {
                let labels = from_json(&step["labels"]);
                self.patch("Pod", &text("pod"), |pod| {
                    merge(pod.map_mut().entry("metadata").map_mut().entry("labels"), &labels);
                });
            }
            "merge" => {
                let patch = from_json(&step["patch"]);
                self.patch(&text("kind"), &text("name"), |object| merge(object, &patch));
            }
            "delete-pod" => {
                let key = ObjectKey::new("Pod", "default", text("pod"));
                let grace = if step["graceful"].as_bool() == Some(true) { None } else { Some(0) };
                self.cluster.write(Cause::User, |w| w.delete(&key, grace));
            }
            "delete" => {
                let key = ObjectKey::new(text("kind"), "default", text("name"));
                self.cluster.write(Cause::User, |w| w.delete(&key, None));
            }
            "apply" => self.apply(&text("manifests")),
            other => panic!("unknown step {other}"),
        }
        self.cluster.run_until_settled();
    }

    /// The state in the words of the facts.
    fn state(&self) -> Json {
        let list = |kind: &str| -> Vec<Json> {
            let mut items: Vec<Json> = self
                .cluster
                .store()
                .list(kind)
                .filter(|o| o.namespace() != "kube-system" && o.name() != "kubernetes")
                .map(|o| normal(kind, &o.value))
                .collect();
            items.sort_by_key(ToString::to_string);
            items
        };
        json!({ "endpoints": list("Endpoints"), "endpointSlices": list("EndpointSlice") })
    }
}

fn default_to(value: &mut Value, field: &str, default: Value) {
    if value.get(field).is_none() {
        value.set_at(&[field], default);
    }
}

/// A JSON merge patch (RFC 7386).
fn merge(value: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_map() else {
        *value = patch.clone();
        return;
    };
    for (key, part) in patch.iter() {
        if part.is_null() {
            value.map_mut().remove(key);
        } else if part.as_map().is_some() {
            merge(value.map_mut().entry(key), part);
        } else {
            value.map_mut().insert(key.clone(), part.clone());
        }
    }
}

pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(0.0)), Value::Int),
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(map) => Value::from(
            map.iter().map(|(k, v)| (k.as_str().into(), from_json(v))).collect::<giljabi::api::value::Map>(),
        ),
    }
}

/// An object as the facts write it: no uids, versions and times, tokens for what varies, endpoints and ports in order.
fn normal(kind: &str, value: &Value) -> Json {
    let mut json: Json = serde_json::from_str(&giljabi::api::json::to_string(value)).expect("JSON");
    let map = json.as_object_mut().expect("an object");
    map.remove("apiVersion");
    map.remove("kind");
    let meta = map["metadata"].as_object_mut().expect("metadata");
    for field in ["uid", "creationTimestamp", "resourceVersion", "generation", "generateName"] {
        if field == "generateName" && meta.contains_key(field) {
            let prefix = meta[field].as_str().unwrap_or("").to_string();
            meta.insert("name".into(), Json::from(format!("{prefix}<suffix>")));
        }
        meta.remove(field);
    }
    if meta["namespace"] == "default" {
        meta.remove("namespace");
    }
    if let Some(time) =
        meta.get_mut("annotations").and_then(|a| a.get_mut("endpoints.kubernetes.io/last-change-trigger-time"))
    {
        *time = Json::from("<time>");
    }
    for owner in meta.get_mut("ownerReferences").and_then(Json::as_array_mut).into_iter().flatten() {
        owner.as_object_mut().expect("an owner").remove("uid");
    }
    let strip = |endpoint: &mut Json| {
        if let Some(target) = endpoint.get_mut("targetRef").and_then(Json::as_object_mut) {
            target.remove("uid");
        }
    };
    if kind == "EndpointSlice" {
        for (field, by) in [("endpoints", "addresses"), ("ports", "name")] {
            match map.get_mut(field).and_then(Json::as_array_mut) {
                Some(items) if items.is_empty() => drop(map.insert(field.into(), Json::Null)),
                Some(items) => {
                    items.iter_mut().for_each(strip);
                    items.sort_by_key(|i| i[by].to_string());
                }
                None => drop(map.insert(field.into(), Json::Null)),
            }
        }
    } else {
        for subset in map.get_mut("subsets").and_then(Json::as_array_mut).into_iter().flatten() {
            for field in ["addresses", "notReadyAddresses"] {
                subset.get_mut(field).and_then(Json::as_array_mut).into_iter().flatten().for_each(strip);
            }
        }
    }
    json
}

/// The recorded state in the same order as ours.
fn recorded(state: &Json, subsets_vary: bool) -> Json {
    let mut state = state.clone();
    for field in ["endpoints", "endpointSlices"] {
        let Some(items) = state[field].as_array_mut() else {
            state[field] = json!([]);
            continue;
        };
        for item in items.iter_mut() {
            if subsets_vary && let Some(subsets) = item.get_mut("subsets").and_then(Json::as_array_mut) {
                subsets.sort_by_key(ToString::to_string);
            }
        }
        items.sort_by_key(ToString::to_string);
    }
    state
}

pub fn run(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let mut bench = Bench::new();
    let (input, expect) = (&case["input"], &case["expect"]);
    let vary = case["unstable"].to_string().contains("order of the subsets");
    bench.apply(input["manifests"].as_str().unwrap_or(""));
    let compare_state = |compare: &mut Compare, bench: &Bench, what: &str, expected: &Json| {
        let (expected, actual) = (recorded(expected, vary), recorded(&bench.state(), vary));
        for field in ["endpoints", "endpointSlices"] {
            compare.same(&format!("{what} {field}"), &expected[field], &actual[field]);
        }
    };
    if expect["afterManifests"].is_object() {
        compare_state(&mut compare, &bench, "after the manifests", &expect["afterManifests"]);
    }
    for (i, step) in input["steps"].as_array().into_iter().flatten().enumerate() {
        bench.step(step);
        if let Some(after) = expect["afterEachStep"].get(i) {
            compare_state(&mut compare, &bench, &format!("after step {i}"), after);
        }
    }
    compare_state(&mut compare, &bench, "final", &expect["final"]);
    if let Some(events) = expect["events"].as_array() {
        let ours: Vec<Json> = bench
            .cluster
            .recorder()
            .iter()
            .map(|r| {
                json!({
                    "kind": r.about.kind.as_str(),
                    "type": if r.warning { "Warning" } else { "Normal" },
                    "reason": r.reason,
                    "message": r.message.as_str()
                })
            })
            .collect();
        let sorted = |mut list: Vec<Json>| {
            list.sort_by_key(ToString::to_string);
            list.dedup();
            Json::from(list)
        };
        compare.same("events", &sorted(events.clone()), &sorted(ours));
    }
    compare.0
}
