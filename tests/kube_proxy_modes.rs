//! nftables and ipvs mode against what iptables mode did on a real cluster: every recorded flow, the same but for the
//! differences that the modes are documented to have.

#[path = "oracle_families/kubeproxy_case.rs"]
mod kubeproxy_case;

use giljabi::network::kube_proxy::{Family, Mode, select};
use kubeproxy_case::Case;
use serde_json::{Value as Json, json};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

#[test]
fn nftables_mode_does_with_every_recorded_flow_what_iptables_mode_did() {
    run(Mode::Nftables);
}

#[test]
fn ipvs_mode_does_with_every_recorded_flow_what_iptables_mode_did() {
    run(Mode::Ipvs);
}

fn run(mode: Mode) {
    let folder = std::env::var_os("ORACLE_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle"), PathBuf::from);
    let (mut flows, mut differences) = (0, Vec::new());
    for family in ["kubeproxy-iptables", "kubeproxy-fuzz"] {
        let path = folder.join(format!("{family}.json"));
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let file: Json = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for case in file["cases"].as_array().into_iter().flatten() {
            let mut cluster = Case::new(case, mode);
            if !case["input"]["thenManifests"].is_null() {
                cluster.apply(&case["input"]["thenManifests"]);
            }
            for flow in case["expect"]["flows"].as_array().into_iter().flatten() {
                flows += 1;
                let (expected, actual) = (expected(&cluster, flow, mode), cluster.flow(flow));
                if expected != actual {
                    differences.push(format!("{}: {flow}\n  expected {expected:?}\n  actual   {actual:?}", case["id"]));
                }
            }
        }
    }
    println!("kubeproxy-{}-flows: {}/{flows}", mode.name(), flows - differences.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(flows > 0, "no flows in {}", folder.display());
}

/// What a mode does with a recorded flow: what iptables mode did, but for the documented differences.
fn expected(cluster: &Case, flow: &Json, mode: Mode) -> (Vec<String>, bool) {
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
            if result.is_empty() && is_cluster_ip(cluster, to) {
                return (vec!["REJECT".to_string()], false);
            }
            // There is no rule that accepts health checks: nothing refuses them either.
            if is("ACCEPT") {
                return (vec![], false);
            }
            // `nodePortAddresses` limits what is refused as well, not only what is served.
            let place = &cluster.tables().place;
            let refused = is("REJECT") || is("DROP");
            if refused && to == cluster.ip && !place.all_node_ports() && !place.node_port_ips().contains(&to) {
                return (vec![], false);
            }
            // Source ranges come first, also when there is no endpoint; two chains do not drop one packet twice.
            let guarded = refused && !admitted(cluster, flow);
            if guarded || result == ["DROP", "DROP"] {
                return (vec!["DROP".to_string()], masquerade);
            }
        }
        Mode::Ipvs => return expected_ipvs(cluster, flow, result, masquerade),
    }
    (result, masquerade)
}

/// ipvs mode differs where a Service has the policy Local (there is no short circuit: endpoints here if there are any,
/// else all of them; nobody is masqueraded), where nothing is behind an address (it is refused, never dropped), and for
/// ports that an address does not have (refused).
fn expected_ipvs(cluster: &Case, flow: &Json, result: Vec<String>, masquerade: bool) -> (Vec<String>, bool) {
    let ip = |field: &str| -> IpAddr { flow[field].as_str().and_then(|t| t.parse().ok()).expect("an address") };
    let (from, to) = (ip("from"), ip("to"));
    if to.is_loopback() {
        return (vec![], false);
    }
    let place = &cluster.tables().place;
    let tracker = cluster.proxies.tracker(Family::V4).expect("IPv4");
    let mut bound = false;
    for (_, state) in tracker.ports() {
        let port = &state.port;
        let outside = port.external_ips.iter().chain(&port.load_balancer_ips).any(|ip| ip.value == to);
        bound |= to != cluster.ip && (outside || port.cluster_ip == to);
        let by_node = to == cluster.ip && place.node_port_ips().contains(&to) && json!(port.node_port) == flow["port"];
        let by_ip = (outside || port.cluster_ip == to) && json!(port.port) == flow["port"];
        if !(by_node || by_ip) || port.name.protocol.lower() != flow["protocol"] {
            continue;
        }
        if !admitted(cluster, flow) {
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
fn admitted(cluster: &Case, flow: &Json) -> bool {
    let ip = |field: &str| -> IpAddr { flow[field].as_str().and_then(|t| t.parse().ok()).expect("an address") };
    let (from, to) = (ip("from"), ip("to"));
    let tracker = cluster.proxies.tracker(Family::V4).expect("IPv4");
    tracker.ports().map(|(_, state)| &state.port).all(|port| {
        let guarded = port.load_balancer_ips.iter().any(|ip| ip.value == to)
            && json!(port.port) == flow["port"]
            && port.name.protocol.lower() == flow["protocol"]
            && !port.source_ranges.is_empty();
        !guarded || port.source_ranges.iter().any(|range| range.value.contains(&from))
    })
}

fn is_cluster_ip(cluster: &Case, ip: IpAddr) -> bool {
    let tracker = cluster.proxies.tracker(Family::V4).expect("IPv4");
    tracker.ports().any(|(_, state)| state.port.cluster_ip == ip)
}
