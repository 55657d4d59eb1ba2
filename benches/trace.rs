//! How many requests a second the interpreter takes through a ClusterIP. `cargo bench --bench trace` prints one table:
//! counted (as for many requests) and traced (with every step told).

use giljabi::api::object::Object;
use giljabi::api::parse::parse;
use giljabi::api::time::Time;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::apiserver::write::Random;
use giljabi::network::kube_proxy::{self, Mode};
use giljabi::network::{Config, Network};
use giljabi::runtime::Runtime;
use giljabi::trace::many::Many;
use giljabi::trace::{Client, Request, Url, World, send};
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    println!("{:<56}{:>16}", "what", "requests/s");
    for mode in [Mode::Iptables, Mode::Nftables, Mode::Ipvs] {
        for endpoints in [10, 100, 1_000] {
            run(mode, endpoints);
        }
    }
}

fn run(mode: Mode, endpoints: usize) {
    let proxy = kube_proxy::Settings { mode, ..kube_proxy::Settings::default() };
    let (mut store, mut runtime) = (Store::default(), Runtime::default());
    for manifest in parse("world.yaml", &manifests(endpoints)).0 {
        let kind = manifest.value.str_at(&["kind"]).to_string();
        let object = Object::new(kind.as_str(), manifest.value);
        store.put(object.clone(), Cause::User, Time(0));
        if kind == "Pod" {
            runtime.adopt(&object, "cluster.local", Time(0));
        }
    }
    let mut network = Network::new(Config { proxy, ..Config::default() });
    network.sync(&store);
    let mut random = Random::new(1);
    let mut world =
        World { store: &store, network: &mut network, runtime: &mut runtime, random: &mut random, now: Time(0) };
    let client = Client::Pod { namespace: "default".into(), name: "client".into(), container: "".into() };
    let request = Request::get(client, Url::parse("http://10.96.0.80").expect("a URL"));
    let line = |what: &str, count: u64, took: f64| {
        let name = format!("{} ClusterIP, {endpoints} endpoints, {what}", mode.name());
        println!("{name:<56}{:>16.0}", count as f64 / took);
    };

    let mut many = Many::new(&request, &[], 200_000);
    many.run(&mut world, 5_000);
    let begun = Instant::now();
    while !many.is_done() && begun.elapsed().as_secs_f64() < 2.0 {
        many.run(&mut world, 5_000);
    }
    let took = begun.elapsed().as_secs_f64();
    assert_eq!(many.tally.answered, many.tally.sent);
    line("counted", many.tally.sent - 5_000, took);

    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed().as_secs_f64() < 0.5 {
        black_box(send(&mut world, &request));
        count += 1;
    }
    line("traced", count, begun.elapsed().as_secs_f64());
}

/// Three nodes, a client, a Service with so many pods.
fn manifests(endpoints: usize) -> String {
    let mut out = String::new();
    for node in 1..4 {
        let _ = write!(
            out,
            "apiVersion: v1\nkind: Node\nmetadata: {{name: node-{node}}}\nspec: {{podCIDRs: [10.{}.0.0/16]}}\nstatus:\n  \
             addresses: [{{type: InternalIP, address: 192.168.49.{}}}]\n---\n",
            100 + node,
            node + 1
        );
    }
    let pod = |name: &str, node: usize, ip: String| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: default, labels: {{app: web}}}}\nspec:\n  nodeName: \
             node-{node}\n  containers: [{{name: c, image: giljabi/echo, ports: [{{containerPort: 8080}}]}}]\nstatus: {{phase: \
             Running, podIP: {ip}}}\n---\n"
        )
    };
    out.push_str(&pod("client", 1, "10.101.0.2".into()));
    let mut list = String::new();
    for i in 0..endpoints {
        let node = i % 3 + 1;
        let ip = format!("10.{}.{}.{}", 100 + node, 1 + i / 200, 2 + i % 200);
        out.push_str(&pod(&format!("web-{i}"), node, ip.clone()));
        let _ = writeln!(list, "- {{addresses: [{ip}], conditions: {{ready: true}}, nodeName: node-{node}}}");
    }
    let _ = write!(
        out,
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: default}}\nspec:\n  clusterIP: 10.96.0.80\n  \
         clusterIPs: [10.96.0.80]\n  selector: {{app: web}}\n  ports: [{{port: 80, targetPort: 8080, protocol: TCP}}]\n---\napiVersion: \
         discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: web-1, namespace: default, labels: {{kubernetes.io/service-name: \
         web}}}}\naddressType: IPv4\nports: [{{name: \"\", port: 8080, protocol: TCP}}]\nendpoints:\n{list}"
    );
    out
}
