//! kube-proxy's rules and what packets meet in them: `kubeproxy-iptables` and `kubeproxy-fuzz`.
//!
//! The order in which service ports stand is not fixed in the real one (it walks a map), so chains that collect their rules
//! are compared as sets, all others in order.

use super::kubeproxy_case::Case;
use crate::{Compare, Difference, Facts};
use giljabi::network::kube_proxy::{Family, Mode};
use giljabi::network::netfilter::Table;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Chains whose rules come from a map of all service ports.
const COLLECTING: [&str; 4] = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"];

fn chain_of(line: &str) -> &str {
    let word = line.split(' ').nth(1).unwrap_or("");
    line.strip_prefix(':').map_or(word, |rest| rest.split(' ').next().unwrap_or(""))
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
    health(&mut compare, &cluster, expect);
    compare.0
}
