//! kube-proxy's rules and what packets meet in them: `kubeproxy-iptables` and `kubeproxy-fuzz`.
//!
//! The order in which service ports stand is not fixed in the real one (it walks a map), so chains that collect their rules
//! are compared as sets, all others in order.

use crate::{Compare, Difference, Facts};
use giljabi::api::object::Object;
use giljabi::api::parse::parse;
use giljabi::api::time::Time;
use giljabi::api::value::Value;
use giljabi::api::view::Protocol;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::network::kube_proxy::{
    DetectLocal, Family, FamilyTables, KubeProxies, Mode, NodePortAddress, Settings, select,
};
use giljabi::network::netfilter::{LocalAddresses, Possible, Table};
use giljabi::network::packet::{Packet, Segment};
use giljabi::value;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
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

impl Case {
    /// What a mode does with a recorded flow: what iptables mode did, but for the documented differences.
    fn expected(&self, flow: &Json, mode: Mode) -> (Vec<String>, bool) {
        let texts = flow["result"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let mut result: Vec<String> = texts.map(String::from).collect();
        result.sort();
        let masquerade = flow["masquerade"] == true;
        let to: IpAddr = flow["to"].as_str().and_then(|t| t.parse().ok()).expect("an address");
        let is = |word: &str| result == [word];
        match mode {
            Mode::Iptables => {}
            Mode::Nftables => {
                // NodePorts are not served on loopback addresses.
                if to.is_loopback() {
                    return (vec![], false);
                }
                // A port that a ClusterIP does not have is refused; iptables leaves such packets alone.
                if result.is_empty() && self.is_cluster_ip(to) {
                    return (vec!["REJECT".to_string()], false);
                }
                // There is no rule that accepts health checks: nothing refuses them either.
                if is("ACCEPT") {
                    return (vec![], false);
                }
                // `nodePortAddresses` limits what is refused as well, not only what is served.
                let place = &self.tables().place;
                let refused = is("REJECT") || is("DROP");
                if refused && to == self.ip && !place.all_node_ports() && !place.node_port_ips().contains(&to) {
                    return (vec![], false);
                }
                // Source ranges come first, also when there is no endpoint; two chains do not drop one packet twice.
                let guarded = refused && !self.admitted(flow);
                if guarded || result == ["DROP", "DROP"] {
                    return (vec!["DROP".to_string()], masquerade);
                }
            }
            Mode::Ipvs => return self.expected_ipvs(flow, result, masquerade),
        }
        (result, masquerade)
    }

    /// ipvs mode differs where a Service has the policy Local (there is no short circuit: endpoints here if there are any,
    /// else all of them; nobody is masqueraded), where nothing is behind an address (it is refused, never dropped), and for
    /// ports that an address does not have (refused).
    fn expected_ipvs(&self, flow: &Json, result: Vec<String>, masquerade: bool) -> (Vec<String>, bool) {
        let ip = |field: &str| -> IpAddr { flow[field].as_str().and_then(|t| t.parse().ok()).expect("an address") };
        let (from, to) = (ip("from"), ip("to"));
        if to.is_loopback() {
            return (vec![], false);
        }
        let place = &self.tables().place;
        let tracker = self.proxies.tracker(Family::V4).expect("IPv4");
        let mut bound = false;
        for (_, state) in tracker.ports() {
            let port = &state.port;
            let outside = port.external_ips.iter().chain(&port.load_balancer_ips).any(|ip| ip.value == to);
            bound |= to != self.ip && (outside || port.cluster_ip.value == to);
            let by_node = to == self.ip && place.node_port_ips().contains(&to) && json!(port.node_port) == flow["port"];
            let by_ip = (outside || port.cluster_ip.value == to) && json!(port.port) == flow["port"];
            if !(by_node || by_ip) || port.name.protocol.lower() != flow["protocol"] {
                continue;
            }
            if !self.admitted(flow) {
                return (vec!["DROP".to_string()], false);
            }
            let local_only = if outside || by_node { port.external_local } else { port.internal_local };
            let selection = select(port, &state.endpoints, &place.node);
            let chosen = if local_only && !selection.local.is_empty() { &selection.local } else { &selection.cluster };
            let chosen: Vec<_> = chosen.iter().map(|i| &state.endpoints[usize::from(*i)]).collect();
            if chosen.is_empty() {
                return (vec!["REJECT".to_string()], false);
            }
            // Only endpoints on this node are known to call themselves.
            let hairpin =
                |here: bool| chosen.iter().any(|e| e.ip == from && (e.view().node_name == place.node.name) == here);
            if !local_only {
                let only_elsewhere =
                    hairpin(false) && !hairpin(true) && place.local_cidr().is_none_or(|c| c.contains(&from));
                let marked = outside || by_node || place.settings.masquerade_all;
                return (result, masquerade && (marked || !only_elsewhere));
            }
            let mut texts: Vec<String> = chosen.iter().map(|e| e.text.to_string()).collect();
            texts.sort();
            let from_elsewhere = place.local_cidr().is_some_and(|cidr| !cidr.contains(&from));
            let marked = !outside && !by_node && (place.settings.masquerade_all || from_elsewhere);
            return (texts, marked || hairpin(true));
        }
        match (bound, result.as_slice()) {
            (true, []) => (vec!["REJECT".to_string()], false),
            // Where NodePorts are limited to other addresses there is nothing to refuse.
            (false, [word]) if word != "ACCEPT" => (vec![], false),
            _ => (result, masquerade),
        }
    }

    /// Whether the source ranges of the load balancer address that a flow goes to, if any, let it in.
    fn admitted(&self, flow: &Json) -> bool {
        let ip = |field: &str| -> IpAddr { flow[field].as_str().and_then(|t| t.parse().ok()).expect("an address") };
        let (from, to) = (ip("from"), ip("to"));
        let tracker = self.proxies.tracker(Family::V4).expect("IPv4");
        tracker.ports().map(|(_, state)| &state.port).all(|port| {
            let guarded = port.load_balancer_ips.iter().any(|ip| ip.value == to)
                && json!(port.port) == flow["port"]
                && port.name.protocol.lower() == flow["protocol"]
                && !port.source_ranges.is_empty();
            !guarded || port.source_ranges.iter().any(|range| range.value.contains(&from))
        })
    }

    fn is_cluster_ip(&self, ip: IpAddr) -> bool {
        let tracker = self.proxies.tracker(Family::V4).expect("IPv4");
        tracker.ports().any(|(_, state)| state.port.cluster_ip.value == ip)
    }
}

/// Chains whose rules come from a map of all service ports.
const COLLECTING: [&str; 4] = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"];

fn chain_of(line: &str) -> &str {
    let word = line.split(' ').nth(1).unwrap_or("");
    if line.starts_with(':') { line[1..].split(' ').next().unwrap_or("") } else { word }
}

/// Lines by chain, those of collecting chains sorted. The jump to the NodePorts must stay last in nat KUBE-SERVICES.
fn by_chain<'a>(lines: impl Iterator<Item = &'a str>) -> Json {
    let mut chains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in lines {
        let line = line.strip_suffix(" [0:0]").unwrap_or(line);
        chains.entry(chain_of(line)).or_default().push(line);
    }
    for (name, lines) in &mut chains {
        if COLLECTING.contains(name) {
            lines.sort_by_key(|line| (line.contains("NOTE: this must be the last rule"), *line));
        }
    }
    json!(chains)
}

fn compare_table(compare: &mut Compare, what: &str, expected: &Json, actual: &str) {
    if expected.is_null() {
        return;
    }
    let lines = expected.as_array().into_iter().flatten().filter_map(Json::as_str);
    let (expected, actual) = (by_chain(lines), by_chain(actual.lines()));
    let empty = serde_json::Map::new();
    let (e, a) = (expected.as_object().unwrap_or(&empty), actual.as_object().unwrap_or(&empty));
    for chain in e.keys().chain(a.keys().filter(|k| !e.contains_key(*k))) {
        let nothing = Json::Null;
        compare.same(&format!("{what} {chain}"), e.get(chain).unwrap_or(&nothing), a.get(chain).unwrap_or(&nothing));
    }
}

/// What nftables and ipvs mode do with the recorded flows: the same, save where a real cluster differs too.
fn compare_mode(compare: &mut Compare, case: &Json, mode: Mode) {
    let mut cluster = Case::new(case, mode);
    if !case["input"]["thenManifests"].is_null() {
        cluster.apply(&case["input"]["thenManifests"]);
    }
    for flow in case["expect"]["flows"].as_array().into_iter().flatten() {
        let (expected, actual) = (cluster.expected(flow, mode), cluster.flow(flow));
        let what = format!("{} {} -> {}:{}/{}", mode.name(), flow["from"], flow["to"], flow["port"], flow["protocol"]);
        compare.same(&what, &json!(expected), &json!(actual));
    }
}

fn compare_flows(compare: &mut Compare, cluster: &Case, flows: &Json) {
    for flow in flows.as_array().into_iter().flatten() {
        let (result, masquerade) = cluster.flow(flow);
        let mut expected: Vec<&str> =
            flow["result"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        expected.sort_unstable();
        let what = format!("{} -> {}:{}/{}", flow["from"], flow["to"], flow["port"], flow["protocol"]);
        compare.same(&what, &json!([expected, flow["masquerade"]]), &json!([result, masquerade]));
    }
}

pub fn iptables(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let mut cluster = Case::new(case, Mode::Iptables);
    let expect = &case["expect"];
    let first = cluster.tables().restore_input();
    compare_table(&mut compare, "restore filter", &expect["restoreInput"]["filter"], &first.filter);
    compare_table(&mut compare, "restore nat", &expect["restoreInput"]["nat"], &first.nat);
    if !case["input"]["thenManifests"].is_null() {
        cluster.apply(&case["input"]["thenManifests"]);
        let second = cluster.tables().restore_input();
        let expect = &expect["restoreInputSecondSync"];
        compare_table(&mut compare, "second filter", &expect["filter"], &second.filter);
        compare_table(&mut compare, "second nat", &expect["nat"], &second.nat);
    }
    for table in [Table::Filter, Table::Nat] {
        let name = table.name();
        compare_table(&mut compare, &format!("rules {name}"), &expect["rules"][name], &cluster.tables().dump(table));
        let save = cluster.tables().iptables_save().expect("iptables");
        let own = save.split("COMMIT\n").find_map(|t| t.strip_prefix(&format!("*{name}\n"))).unwrap_or("");
        compare_table(&mut compare, &format!("save {name}"), &expect["iptablesSave"][name], own);
    }
    compare_flows(&mut compare, &cluster, &expect["flows"]);
    compare_mode(&mut compare, case, Mode::Nftables);
    compare_mode(&mut compare, case, Mode::Ipvs);
    health(&mut compare, &cluster, expect);
    compare.0
}

fn health(compare: &mut Compare, cluster: &Case, expect: &Json) {
    let checks = cluster.proxies.health_checks(&cluster.store, &cluster.node, Family::V4);
    let name = |n: &(smol_str::SmolStr, smol_str::SmolStr)| format!("{}/{}", n.0, n.1);
    if !expect["healthCheckNodePorts"].is_null() {
        let ports: BTreeMap<String, u16> = checks.ports.iter().map(|(n, port)| (name(n), *port)).collect();
        compare.same("healthCheckNodePorts", &expect["healthCheckNodePorts"], &json!(ports));
    }
    if !expect["healthCheckLocalEndpoints"].is_null() {
        let local: BTreeMap<String, usize> = checks.local_endpoints.iter().map(|(n, c)| (name(n), *c)).collect();
        compare.same("healthCheckLocalEndpoints", &expect["healthCheckLocalEndpoints"], &json!(local));
    }
}

/// The rules of both tables as the recorded hashes take them: `-A` lines, without quotes, single spaces, with the table.
fn normal_lines(cluster: &Case) -> Vec<(&'static str, String)> {
    let input = cluster.tables().restore_input();
    let table = |name: &'static str, text: &str| -> Vec<(&'static str, String)> {
        let rules = text.lines().filter(|line| line.starts_with("-A "));
        rules.map(|l| (name, l.replace('"', "").split_whitespace().collect::<Vec<_>>().join(" "))).collect()
    };
    [table("filter", &input.filter), table("nat", &input.nat)].concat()
}

fn sha256(lines: &[String]) -> String {
    let mut hasher = Sha256::new();
    for line in lines {
        hasher.update(line);
        hasher.update("\n");
    }
    data_encoding::HEXLOWER.encode(&hasher.finalize())
}

pub fn fuzz(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let cluster = Case::new(case, Mode::Iptables);
    let expect = &case["expect"];
    let lines = normal_lines(&cluster);
    for table in ["filter", "nat"] {
        let count = lines.iter().filter(|(name, _)| *name == table).count();
        compare.same(&format!("rules of {table}"), &expect["ruleCount"][table], &json!(count));
    }
    let mut sorted: Vec<String> = lines.iter().map(|(table, line)| format!("{table} {line}")).collect();
    sorted.sort();
    compare.same("rulesSha256", &expect["rulesSha256"], &json!(sha256(&sorted)));
    let mut chains: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for (table, line) in &lines {
        chains.entry((table, chain_of(line).to_string())).or_default().push(format!("{table} {line}"));
    }
    for ((_, chain), lines) in &mut chains {
        if COLLECTING.contains(&chain.as_str()) {
            lines.sort();
        }
    }
    let ordered: Vec<String> = chains.into_values().flatten().collect();
    compare.same("orderedSha256", &expect["orderedSha256"], &json!(sha256(&ordered)));
    compare_flows(&mut compare, &cluster, &expect["flows"]);
    compare_mode(&mut compare, case, Mode::Nftables);
    compare_mode(&mut compare, case, Mode::Ipvs);
    health(&mut compare, &cluster, expect);
    compare.0
}
