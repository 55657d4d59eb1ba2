//! The cluster that the API server's facts were recorded on: no nodes, no controllers, the four namespaces with their
//! default service accounts, and the Service `kubernetes`.

use giljabi::api::time::Time;
use giljabi::api::value::{Map, Value};
use giljabi::apiserver::client::{Client, Direct};
use giljabi::apiserver::request::{Request, Response};
use giljabi::apiserver::server::{ApiServer, Context};
use giljabi::apiserver::store::{Cause, Store};
use giljabi::apiserver::write::{Random, Writer};
use giljabi::kubectl::manifest::File;
use giljabi::kubectl::run::{Options, Output, Run};
use giljabi::value;
use serde_json::Value as Json;
use std::sync::OnceLock;

#[derive(Clone)]
pub struct World {
    pub server: ApiServer,
    pub store: Store,
    pub random: Random,
    now: Time,
}

impl World {
    pub fn new() -> World {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(World::install).clone()
    }

    fn install() -> World {
        let (mut store, mut random, now) = (Store::default(), Random::new(7), Time(0));
        let mut writer = Writer { store: &mut store, random: &mut random, now, cause: Cause::Bootstrap };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            let labels = value!({ "kubernetes.io/metadata.name": name });
            let namespace = value!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": { "name": name, "labels": labels },
                "spec": { "finalizers": ["kubernetes"] },
                "status": { "phase": "Active" }
            });
            writer.create("Namespace", namespace);
            let account = value!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": { "name": "default", "namespace": name }
            });
            writer.create("ServiceAccount", account);
        }
        let kubernetes = value!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "kubernetes", "namespace": "default" },
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.96.0.1",
                "clusterIPs": ["10.96.0.1"],
                "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443 }]
            }
        });
        writer.create("Service", kubernetes);
        World { server: ApiServer::default(), store, random, now }
    }

    fn client(&mut self) -> Direct<'_> {
        let context = Context { store: &mut self.store, random: &mut self.random, now: self.now, cause: Cause::User };
        Direct { server: &mut self.server, context }
    }

    pub fn request(&mut self, request: &Request) -> Response {
        self.client().handle(request)
    }

    pub fn kubectl(&mut self, options: Options, act: impl FnOnce(&mut Run)) -> Output {
        let mut client = self.client();
        let mut run = Run::new(&mut client, options);
        act(&mut run);
        run.finish()
    }
}

pub fn manifest(text: &str) -> Vec<File> {
    vec![File { name: "manifest.yaml".into(), text: text.to_string() }]
}

/// A value as the facts have it.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::Float(f) => (*f).into(),
        Value::String(s) => s.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect::<Vec<_>>().into(),
        Value::Map(map) => Json::Object(map.iter().map(|(k, v)| (k.to_string(), to_json(v))).collect()),
    }
}

pub fn from_json(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(b) => (*b).into(),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(0.0)), Value::Int),
        Json::String(s) => s.as_str().into(),
        Json::Array(items) => Value::list(items.iter().map(from_json).collect()),
        Json::Object(map) => map.iter().map(|(k, v)| (k.as_str().into(), from_json(v))).collect::<Map>().into(),
    }
}
