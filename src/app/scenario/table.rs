//! The scenarios: what stands in the files, which cluster they run in, and which requests are worth a try.

use giljabi::cluster::addons::Addon;
use giljabi::cluster::{LoadBalancerProvider, ProxyMode};

use super::world::World;

/// Something to start from in free play.
pub struct Scenario {
    /// Its name in what the browser keeps.
    pub id: &'static str,
    pub title: &'static str,
    pub text: &'static str,
    /// What it is about, in the words of the API: `NodePort`, `Ingress` …
    pub about: &'static str,
    pub files: &'static [(&'static str, &'static str)],
    /// Who sends what to where.
    pub tries: &'static [(&'static str, &'static str)],
    pub world: World,
    /// The workload whose pods have just been made anew when it begins: a roll-out that one can watch.
    pub anew: Option<&'static str>,
}

const PLAIN: World = World {
    nodes: 3,
    proxy: ProxyMode::Iptables,
    scheduler: "",
    balancer: LoadBalancerProvider::None,
    addons: [false; Addon::ALL.len()],
    host: None,
};

macro_rules! file {
    ($folder:literal, $name:literal) => {
        ($name, include_str!(concat!("../../../assets/scenarios/", $folder, "/", $name)))
    };
}

/// All of them, the first visit's first.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "kimho",
        title: "scenario.kimho",
        text: "scenario.kimho_text",
        about: "ClusterIP",
        files: &[file!("kimho", "service.yaml"), file!("kimho", "pods.yaml")],
        tries: &[
            ("pod/client", "http://kimho"),
            ("pod/client", "http://kimho:443"),
            ("pod/client", "http://kimho:406"),
        ],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "readiness",
        title: "scenario.readiness",
        text: "scenario.readiness_text",
        about: "readinessProbe",
        files: &[file!("readiness", "service.yaml"), file!("readiness", "pods.yaml")],
        tries: &[("pod/client", "http://web")],
        world: PLAIN,
        anew: Some("web"),
    },
    Scenario {
        id: "namespaces",
        title: "scenario.namespaces",
        text: "scenario.namespaces_text",
        about: "Namespace",
        files: &[file!("namespaces", "service.yaml"), file!("namespaces", "pods.yaml")],
        tries: &[("pod/client", "http://order"), ("pod/client", "http://order.shop")],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "node-port",
        title: "scenario.node_port",
        text: "scenario.node_port_text",
        about: "NodePort",
        files: &[file!("node-port", "service.yaml"), file!("node-port", "pods.yaml")],
        tries: &[
            ("computer", "http://192.168.49.2:30080"),
            ("computer", "http://192.168.49.4:30080"),
            ("pod/client", "http://web"),
        ],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "policy",
        title: "scenario.policy",
        text: "scenario.policy_text",
        about: "externalTrafficPolicy",
        files: &[file!("policy", "service.yaml"), file!("policy", "pods.yaml")],
        tries: &[
            ("computer", "http://192.168.49.2:30080"),
            ("computer", "http://192.168.49.3:30080"),
            ("computer", "http://192.168.49.4:30080"),
        ],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "load-balancer",
        title: "scenario.load_balancer",
        text: "scenario.load_balancer_text",
        about: "LoadBalancer",
        files: &[file!("load-balancer", "service.yaml"), file!("load-balancer", "pods.yaml")],
        tries: &[("computer", "http://lb(web)"), ("pod/client", "http://web")],
        world: World { balancer: LoadBalancerProvider::Cloud, ..PLAIN },
        anew: None,
    },
    Scenario {
        id: "pending",
        title: "scenario.pending",
        text: "scenario.pending_text",
        about: "LoadBalancer",
        files: &[file!("pending", "service.yaml"), file!("pending", "pods.yaml")],
        tries: &[("pod/client", "http://web"), ("computer", "http://192.168.49.2:nodeport(web)")],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "headless",
        title: "scenario.headless",
        text: "scenario.headless_text",
        about: "clusterIP: None",
        files: &[file!("headless", "service.yaml"), file!("headless", "pods.yaml")],
        tries: &[("pod/client", "http://db:8080"), ("pod/client", "http://db-1.db:8080")],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "external-name",
        title: "scenario.external_name",
        text: "scenario.external_name_text",
        about: "ExternalName",
        files: &[file!("external-name", "service.yaml"), file!("external-name", "pods.yaml")],
        tries: &[("pod/client", "http://api")],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "by-hand",
        title: "scenario.by_hand",
        text: "scenario.by_hand_text",
        about: "EndpointSlice",
        files: &[file!("by-hand", "service.yaml"), file!("by-hand", "endpoints.yaml"), file!("by-hand", "pods.yaml")],
        tries: &[("pod/client", "http://old-server")],
        world: PLAIN,
        anew: None,
    },
    Scenario {
        id: "ingress",
        title: "scenario.ingress",
        text: "scenario.ingress_text",
        about: "Ingress",
        files: &[file!("ingress", "ingress.yaml"), file!("ingress", "services.yaml"), file!("ingress", "pods.yaml")],
        tries: &[
            ("computer", "http://shop.example.com/order"),
            ("computer", "http://shop.example.com/payment"),
            ("computer", "http://shop.example.com/nothing"),
        ],
        world: World {
            balancer: LoadBalancerProvider::Cloud,
            addons: [true, false, false],
            host: Some("shop.example.com"),
            ..PLAIN
        },
        anew: None,
    },
    Scenario {
        id: "gateway",
        title: "scenario.gateway",
        text: "scenario.gateway_text",
        about: "Gateway · HTTPRoute",
        files: &[file!("gateway", "gateway.yaml"), file!("gateway", "services.yaml"), file!("gateway", "pods.yaml")],
        tries: &[("computer", "http://shop.example.com/order"), ("computer", "http://shop.example.com/payment")],
        world: World {
            balancer: LoadBalancerProvider::Cloud,
            addons: [false, false, true],
            host: Some("shop.example.com"),
            ..PLAIN
        },
        anew: None,
    },
    Scenario {
        id: "hundred",
        title: "scenario.hundred",
        text: "scenario.hundred_text",
        about: "replicas: 100",
        files: &[file!("hundred", "service.yaml"), file!("hundred", "pods.yaml")],
        tries: &[("pod/client", "http://web")],
        world: World { nodes: 5, ..PLAIN },
        anew: None,
    },
    Scenario {
        id: "thousand",
        title: "scenario.thousand",
        text: "scenario.thousand_text",
        about: "replicas: 1000",
        files: &[file!("thousand", "service.yaml"), file!("thousand", "pods.yaml")],
        tries: &[("pod/client", "http://web")],
        world: World { nodes: 20, ..PLAIN },
        anew: None,
    },
];

/// The scenario of that name, or the first one.
pub fn find(id: &str) -> &'static Scenario {
    SCENARIOS.iter().find(|s| s.id == id).unwrap_or(&SCENARIOS[0])
}
