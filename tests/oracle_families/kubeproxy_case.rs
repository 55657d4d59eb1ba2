//! The cluster of a recorded kube-proxy case, put into the real code.

use giljabi::api::object::Object;
use giljabi::api::parse::parse;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::api::view::Protocol;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::network::kube_proxy::{DetectLocal, Family, FamilyTables, KubeProxies, Mode, NodePortAddress, Settings};
use giljabi::network::netfilter::{LocalAddresses, Possible};
use giljabi::network::packet::{Packet, Segment};
use giljabi::value;
use serde_json::Value as Json;
use std::net::{IpAddr, SocketAddr};

/// The cluster of a case: a node, and the objects of its manifests put into the store as they are.
pub struct Case {
    pub store: Store,
    pub proxies: KubeProxies,
    pub node: String,
    pub ip: IpAddr,
}

impl Case {
    pub fn new(case: &Json, mode: Mode) -> Case {
        let input = &case["input"];
        let node = input["node"].as_str().expect("a node").to_string();
        let ip: IpAddr = input["nodeIP"].as_str().expect("an address").parse().expect("an address");
        let net = |text: &str| text.parse().expect("a network");
        let settings = Settings {
            mode,
            masquerade_all: input["masqueradeAll"] == true,
            detect_local: match input["clusterCIDR"].as_str() {
                Some(cidr) => DetectLocal::Cluster(vec![net(cidr)]),
                None => DetectLocal::Off,
            },
            // The recorded ones ran in iptables mode, where no entry means all addresses.
            node_port_addresses: match input["nodePortAddresses"].as_array() {
                Some(list) => {
                    list.iter().filter_map(Json::as_str).map(|text| NodePortAddress::Net(net(text))).collect()
                }
                None => vec![NodePortAddress::Net(net("0.0.0.0/0"))],
            },
            unfiltered: true,
            ..Settings::default()
        };
        let mut made = Case { store: Store::default(), proxies: KubeProxies::new(settings), node, ip };
        let mut object = value!({ "metadata": { "name": (made.node.as_str()) } });
        object.set_at(
            &["status", "addresses"],
            Value::list(vec![value!({ "type": "InternalIP", "address": (ip.to_string()) })]),
        );
        if let Some(zone) = input["nodeZone"].as_str() {
            object.set_at(&["metadata", "labels", "topology.kubernetes.io/zone"], zone);
        }
        made.store.put(Object::new("Node", object), Cause::Bootstrap, Time(0));
        made.apply(&input["manifests"]);
        made
    }

    /// Puts the objects of a text into the store and syncs.
    pub fn apply(&mut self, manifests: &Json) {
        let (manifests, problems) = parse("manifests.yaml", manifests.as_str().unwrap_or(""));
        assert!(problems.is_empty(), "{problems:?}");
        for manifest in manifests {
            let kind = manifest.value.str_at(&["kind"]).to_string();
            self.store.put(Object::new(kind, manifest.value), Cause::User, Time(0));
        }
        self.proxies.sync(&self.store);
    }

    pub fn tables(&self) -> &FamilyTables {
        self.proxies.node(&self.node).expect("the node").tables(Family::V4).expect("IPv4 rules")
    }

    /// What can become of the packet of a recorded flow, as the record says it.
    pub fn flow(&self, flow: &Json) -> (Vec<String>, bool) {
        let ip = |field: &str| -> IpAddr { flow[field].as_str().and_then(|t| t.parse().ok()).expect("an address") };
        let port = flow["port"].as_u64().and_then(|p| u16::try_from(p).ok()).expect("a port");
        let protocol = Protocol::read(&flow["protocol"].as_str().unwrap_or("tcp").to_uppercase());
        let packet = Packet {
            src: SocketAddr::new(ip("from"), 40000),
            dst: SocketAddr::new(ip("to"), port),
            protocol,
            segment: if protocol == Protocol::Tcp { Segment::Syn } else { Segment::Datagram },
            mark: 0,
            ttl: 64,
        };
        let outcomes = self.tables().program.explore(packet, &LocalAddresses::new([self.ip]));
        let word = |possible: &Possible| match possible {
            Possible::To(to) => to.to_string(),
            Possible::Accept => "ACCEPT".to_string(),
            Possible::Drop => "DROP".to_string(),
            Possible::Reject => "REJECT".to_string(),
        };
        let mut result: Vec<String> = outcomes.possible.iter().map(word).collect();
        result.sort();
        let sent = outcomes.possible.iter().any(|p| matches!(p, Possible::To(_)));
        (result, outcomes.masquerade && (sent || self.proxies.settings().mode == Mode::Iptables))
    }
}
