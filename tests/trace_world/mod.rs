//! A small world made by hand: objects with their status as the manifests have it, nothing that controllers would add. It lets
//! the interpreter be tested without them.

use giljabi::api::object::Object;
use giljabi::api::parse::parse;
use giljabi::api::time::{Duration, Time};
use giljabi::apiserver::store::{Cause, Store};
use giljabi::apiserver::write::Random;
use giljabi::network::kube_proxy::{self, Mode};
use giljabi::network::{Config, Network};
use giljabi::runtime::Runtime;
use giljabi::trace::{Client, Outcome, Request, Trace, Url, World, send, send_quietly};

pub struct Small {
    pub store: Store,
    pub network: Network,
    pub runtime: Runtime,
    pub random: Random,
    pub now: Time,
}

impl Small {
    /// A world of the documents of `text`.
    pub fn new(text: &str) -> Small {
        Small::with_mode(text, Mode::Iptables)
    }

    pub fn with_mode(text: &str, mode: Mode) -> Small {
        let proxy = kube_proxy::Settings { mode, ..kube_proxy::Settings::default() };
        let mut small = Small {
            store: Store::default(),
            network: Network::new(Config { proxy, ..Config::default() }),
            runtime: Runtime::default(),
            random: Random::new(7),
            now: Time(0),
        };
        small.apply(text);
        small
    }

    pub fn apply(&mut self, text: &str) {
        let (manifests, diagnostics) = parse("world.yaml", text);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        for manifest in manifests {
            let mut value = manifest.value;
            let kind = value.str_at(&["kind"]).to_string();
            if !matches!(kind.as_str(), "Node" | "Namespace") && value.str_at(&["metadata", "namespace"]).is_empty() {
                value.set_at(&["metadata", "namespace"], "default");
            }
            let object = Object::new(kind.as_str(), value);
            self.store.put(object.clone(), Cause::User, self.now);
            if kind == "Pod" {
                self.runtime.adopt(&object, "cluster.local", self.now);
            }
        }
        self.network.sync(&self.store);
    }

    pub fn world(&mut self) -> World<'_> {
        World {
            store: &self.store,
            network: &mut self.network,
            runtime: &mut self.runtime,
            random: &mut self.random,
            now: self.now,
        }
    }

    pub fn send(&mut self, request: &Request) -> Trace {
        let trace = send(&mut self.world(), request);
        self.now = trace.ended + Duration::millis(1);
        trace
    }

    pub fn send_quietly(&mut self, request: &Request) -> Outcome {
        let (outcome, took) = send_quietly(&mut self.world(), request);
        self.now = self.now + took + Duration::millis(1);
        outcome
    }
}

pub fn from_pod(name: &str, url: &str) -> Request {
    let from = Client::Pod { namespace: "default".into(), name: name.into(), container: "".into() };
    Request::get(from, Url::parse(url).expect("a URL"))
}
