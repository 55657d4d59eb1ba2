//! `env`: the service variables of a container, and references to them in its own.

use super::endpoints::{Bench, from_json};
use crate::{Compare, Difference, Facts};
use giljabi::api::object::Object;
use giljabi::api::value::Value;
use giljabi::runtime::env;
use serde_json::{Map, Value as Json};

pub fn run(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let mut bench = Bench::new();
    let input = &case["input"];
    bench.apply(input["services"].as_str().unwrap_or(""));
    let namespace = input["podNamespace"].as_str().unwrap_or("default");
    let links = input["enableServiceLinks"].as_bool().unwrap_or(true);
    let store = bench.cluster.store();
    let services = env::service_variables(store, namespace, links);
    let mut container = Value::map();
    container.set_at(&["env"], from_json(&input["containerEnv"]));
    let pod = Object::new("Pod", giljabi::value!({ "metadata": { "name": "p", "namespace": namespace } }));
    let own = env::own_variables(store, &pod, &container, &[[10, 244, 1, 11].into()], None, &services);
    let own = own.expect("no reference to ConfigMaps in these cases");
    let mut all: Map<String, Json> = services.iter().map(|(k, v)| (k.to_string(), Json::from(v.as_str()))).collect();
    all.extend(own.iter().map(|(k, v)| (k.to_string(), Json::from(v.as_str()))));
    compare.same("env", &case["expect"]["env"], &Json::Object(all));
    compare.0
}
