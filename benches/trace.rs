//! How many requests a second go through a Service. `cargo bench --bench trace` prints one table: by ClusterIP, name and
//! NodePort; counted (as for many requests), traced as a series, and told with every step at once.

use giljabi::api::object::Object;
use giljabi::api::parse::parse;
use giljabi::api::time::Time;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::apiserver::write::Random;
use giljabi::network::kube_proxy::{self, DetectLocal, Mode};
use giljabi::network::{Config, Network};
use giljabi::runtime::Runtime;
use giljabi::trace::many::Many;
use giljabi::trace::{Client, Request, Series, Url, World, send};
use ipnet::IpNet;
use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    println!("{:<72}{:>12}", "what", "requests/s");
    for mode in [Mode::Iptables, Mode::Nftables, Mode::Ipvs] {
        for endpoints in [10, 100, 1_000] {
            for (door, url) in
                [("ClusterIP", "http://10.96.0.80"), ("name", "http://web"), ("NodePort", "http://192.168.49.3:30080")]
            {
                run(mode, endpoints, door, url);
            }
        }
    }
}

fn run(mode: Mode, endpoints: usize, door: &str, url: &str) {
    let pods: IpNet = "10.100.0.0/14".parse().expect("a network");
    let detect_local = DetectLocal::Cluster(vec![pods]);
    let proxy = kube_proxy::Settings { mode, detect_local, ..kube_proxy::Settings::default() };
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
    let request = Request::get(client, Url::parse(url).expect("a URL"));
    let name = format!("{} {door}, {endpoints} endpoints", mode.name());
    let mut line = |what: &str, enough: f64, work: &mut dyn FnMut(&mut World<'_>) -> u64| {
        // Once to get warm.
        let (mut count, mut begun) = (0, Instant::now());
        work(&mut world);
        while count == 0 || begun.elapsed().as_secs_f64() < enough {
            if count == 0 {
                begun = Instant::now();
            }
            count += work(&mut world);
        }
        println!("{:<72}{:>12.0}", format!("{name}, {what}"), count as f64 / begun.elapsed().as_secs_f64());
    };

    let mut many = Many::new(&request, &[], giljabi::trace::many::MOST);
    line("counted", 0.3, &mut |world| {
        if many.is_done() {
            many.tally = Default::default();
        }
        let before = many.tally.answered;
        many.run(world, 20_000);
        assert_eq!(many.tally.answered, many.tally.sent, "{name}: {:?}", many.tally.failures);
        many.tally.answered - before
    });
    let mut series = Series::new(request.clone());
    line("traced: outcome, pod, node, places at hand", 0.3, &mut |world| {
        for _ in 0..20_000 {
            let sent = series.send(world);
            assert!(sent.is_success() && sent.node().is_some());
            black_box((sent.pod(), sent.stops().filter(|stop| stop.packet.is_some()).count()));
        }
        20_000
    });
    line("traced, and every trace told from it", 0.2, &mut |world| {
        for _ in 0..50 {
            black_box(series.send(world).trace());
        }
        50
    });
    line("told by the interpreter", 0.2, &mut |world| {
        for _ in 0..50 {
            black_box(send(world, &request));
        }
        50
    });
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
    out.push_str(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: coredns, namespace: kube-system, labels: {k8s-app: kube-dns}}\nspec:\n  \
         nodeName: node-1\n  containers: [{name: coredns, image: registry.k8s.io/coredns/coredns:v1.13.1}]\nstatus: {phase: \
         Running, podIP: 10.101.0.3}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: \
         kube-system}\nspec:\n  clusterIP: 10.96.0.10\n  clusterIPs: [10.96.0.10]\n  selector: {k8s-app: kube-dns}\n  ports: \
         [{name: dns, port: 53, targetPort: 53, protocol: UDP}]\n---\napiVersion: discovery.k8s.io/v1\nkind: \
         EndpointSlice\nmetadata: {name: kube-dns-1, namespace: kube-system, labels: {kubernetes.io/service-name: \
         kube-dns}}\naddressType: IPv4\nports: [{name: dns, port: 53, protocol: UDP}]\nendpoints:\n- {addresses: [10.101.0.3], \
         conditions: {ready: true}, nodeName: node-1}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n---\n",
    );
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
         clusterIPs: [10.96.0.80]\n  selector: {{app: web}}\n  type: NodePort\n  ports: \
         [{{port: 80, targetPort: 8080, nodePort: 30080, protocol: TCP}}]\n---\napiVersion: \
         discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: web-1, namespace: default, labels: {{kubernetes.io/service-name: \
         web}}}}\naddressType: IPv4\nports: [{{name: \"\", port: 8080, protocol: TCP}}]\nendpoints:\n{list}"
    );
    out
}
