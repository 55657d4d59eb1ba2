//! The work of benchmarks and growth tests: small worlds of any size, and what is done in them.

use giljabi::api::object::Object;
use giljabi::api::parse::parse;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::cluster::Settings;
use giljabi::network::kube_proxy::{KubeProxies, Settings as ProxySettings};
use giljabi::trace::many::Many;
use giljabi::trace::{Client, Request, Series, Url};
use giljabi::value;
use giljabi::workspace::Workspace;
use std::hint::black_box;
use std::net::Ipv4Addr;

/// By which door requests come.
pub const DOORS: [&str; 3] = ["http://10.96.44.44", "http://web", "http://192.168.49.2:31000"];

/// A cluster for so many pods, at rest: three nodes at least, as many as hold them with kubelets' usual limit.
pub fn boot(pods: usize) -> Workspace {
    Workspace::new(Settings::with_nodes((pods + 10).div_ceil(110).max(3)))
}

/// A Service at `port`, a Deployment of so many pods, and a pod that sends requests.
pub fn manifests(pods: usize, port: u16) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  type: NodePort\n  clusterIP: 10.96.44.44\n  selector:\n    \
         app: web\n  ports:\n  - port: {port}\n    targetPort: 8080\n    nodePort: 31000\n---\napiVersion: apps/v1\nkind: \
         Deployment\nmetadata:\n  name: web\nspec:\n  replicas: {pods}\n  selector:\n    matchLabels:\n      app: web\n  template:\n    \
         metadata:\n      labels:\n        app: web\n    spec:\n      containers:\n      - name: web\n        image: luksa/kubia\n        \
         ports:\n        - containerPort: 8080\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: client\nspec:\n  containers:\n  - \
         name: client\n    image: nginx\n"
    )
}

/// Applies [`manifests`] and lets the cluster come to rest.
///
/// # Panics
///
/// When a pod is not a ready endpoint then.
pub fn deploy(workspace: &mut Workspace, pods: usize, port: u16) {
    workspace.set_file("web.yaml", &manifests(pods, port));
    let label = [("kubernetes.io/service-name".into(), "web".into())];
    let slices = workspace.cluster().store().select("EndpointSlice", "default", &label);
    let ready = slices.filter_map(|s| s.view().endpoint_slice()).flat_map(|s| &s.endpoints).filter(|e| e.ready).count();
    assert_eq!(ready, pods, "ready endpoints");
}

/// A request of the client pod.
pub fn request(url: &str) -> Request {
    let client = Client::Pod { namespace: "default".into(), name: "client".into(), container: "".into() };
    Request::get(client, Url::parse(url).expect("a URL"))
}

/// How much of a request somebody wants to know.
#[derive(Clone, Copy)]
pub enum How {
    /// Only what became of all of them.
    Counted,
    /// Who answered each, and by which places it went; its trace is at hand.
    Traced,
    /// Every step of each, in its order, at once.
    Told,
}

/// Requests one after the other.
///
/// # Panics
///
/// When one is not answered.
pub fn ask(workspace: &mut Workspace, url: &str, count: u64, how: How) {
    let request = request(url);
    match how {
        How::Counted => {
            let mut many = Many::new(&request, &[], count);
            many.run(&mut workspace.cluster_mut().world(), count);
            assert_eq!(many.tally.answered, count, "{url}");
        }
        How::Traced => {
            let (mut series, mut world) = (Series::new(request), workspace.cluster_mut().world());
            for _ in 0..count {
                let sent = series.send(&mut world);
                assert!(sent.is_success() && sent.pod().is_some() && sent.node().is_some(), "{url}");
                assert!(sent.stops().filter(|stop| stop.packet.is_some()).count() > 3, "{url}");
                black_box(&sent);
            }
        }
        How::Told => {
            for _ in 0..count {
                assert!(black_box(workspace.send(&request)).outcome.is_success(), "{url}");
            }
        }
    }
}

/// Every pod of the Service asks for it once.
pub fn matrix(workspace: &mut Workspace) {
    let store = workspace.cluster().store();
    let pods = store.list_in("Pod", "default").map(|pod| pod.name().clone()).collect::<Vec<_>>();
    for name in pods {
        let from = Client::Pod { namespace: "default".into(), name, container: "".into() };
        let outcome = workspace.cluster_mut().send_quietly(&Request { from, ..request(DOORS[0]) }).0;
        assert!(outcome.is_success());
    }
}

/// A file of so many Services.
pub fn services(count: usize) -> String {
    let one = |i: usize| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web-{i}\nspec:\n  selector:\n    app: web-{i}\n  ports:\n  - name: \
             http\n    port: 80\n    targetPort: http\n---\n"
        )
    };
    (0..count).map(one).collect()
}

/// Reads a file.
///
/// # Panics
///
/// When the reader finds something to say.
pub fn read(text: &str) {
    let (manifests, diagnostics) = parse("services.yaml", text);
    assert!(diagnostics.is_empty());
    black_box(manifests);
}

/// What a kube-proxy sees: so many Services of ten endpoints.
pub fn store(services: usize) -> Store {
    let mut store = Store::default();
    let mut put = |kind: &str, value: Value| store.put(Object::new(kind, value), Cause::Bootstrap, Time(0));
    put(
        "Node",
        value!({
            "metadata": { "name": "node-1" },
            "status": { "addresses": [{ "type": "InternalIP", "address": "192.168.49.2" }] },
        }),
    );
    for service in 0..services {
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 1)) + service as u32).to_string();
        put(
            "Service",
            value!({
                "metadata": { "name": (format!("web-{service}")), "namespace": "default" },
                "spec": {
                    "type": "ClusterIP", "clusterIP": (ip.as_str()), "clusterIPs": [(ip.as_str())],
                    "ports": [{ "name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080 }],
                },
            }),
        );
        put("EndpointSlice", slice(service, true));
    }
    store
}

fn slice(service: usize, ready: bool) -> Value {
    let endpoint = |i: usize| {
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 128, 0, 1)) + (service * 10 + i) as u32).to_string();
        value!({ "addresses": [(ip)], "conditions": { "ready": (ready || i > 0) }, "nodeName": "node-1" })
    };
    value!({
        "addressType": "IPv4",
        "metadata": {
            "name": (format!("web-{service}-abcde")), "namespace": "default",
            "labels": { "kubernetes.io/service-name": (format!("web-{service}")) },
        },
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        "endpoints": (Value::list((0..10).map(endpoint).collect())),
    })
}

/// All rules of a store, made.
pub fn rules(store: &Store) -> KubeProxies {
    let mut proxies = KubeProxies::new(ProxySettings::default());
    proxies.sync(store);
    make(&proxies);
    proxies
}

/// Rules are made when somebody looks at them.
fn make(proxies: &KubeProxies) {
    for program in
        proxies.node("node-1").into_iter().filter_map(|n| n.program(giljabi::network::kube_proxy::Family::V4))
    {
        for chunk in program.chunks() {
            black_box(chunk.rules());
        }
    }
}

/// One endpoint of the first Service turns, and the rules follow.
pub fn flip(store: &mut Store, proxies: &mut KubeProxies, ready: bool) {
    store.put(Object::new("EndpointSlice", slice(0, ready)), Cause::Bootstrap, Time(0));
    proxies.sync(store);
}
