//! CoreDNS' answers, glibc's walk through the search list, and the words of nslookup: `dns`.

use crate::{Compare, Difference, Facts};
use giljabi::api::object::ObjectKey;
use giljabi::api::parse::parse;
use giljabi::apiserver::store::{Cause, Store};
use giljabi::cluster::{Cluster, Settings};
use giljabi::network::dns::client::{busybox_nslookup, nslookup};
use giljabi::network::dns::corefile::{Corefile, ServerBlock};
use giljabi::network::dns::kubernetes::{Options, PodMode};
use giljabi::network::dns::resolver::look_up;
use giljabi::network::dns::server::LogLine;
use giljabi::network::dns::{DnsRecord, Lookup, Outside, Question, RecordType, ResolvConf, Server};
use serde_json::{Value as Json, json};
use std::sync::OnceLock;

/// The recorded cluster after its last step, made once: a pod is being deleted gracefully.
fn cluster(facts: &Facts) -> &'static Store {
    static CLUSTER: OnceLock<Store> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let text = facts.file["cluster"].as_str().expect("a cluster");
        let mut cluster = Cluster::new(Settings { run_pods: false, ..Settings::with_nodes(3) });
        let (manifests, problems) = parse("cluster.yaml", text);
        assert!(problems.is_empty(), "{problems:?}");
        for manifest in manifests {
            let mut value = manifest.value;
            let kind = value.str_at(&["kind"]).to_string();
            if kind != "Namespace" && value.str_at(&["metadata", "namespace"]).is_empty() {
                value.set_at(&["metadata", "namespace"], "default");
            }
            if !value.str_at(&["spec", "clusterIP"]).is_empty() {
                let ip = value.str_at(&["spec", "clusterIP"]).to_string();
                value.set_at(&["spec", "clusterIPs"], giljabi::value!([(ip.as_str())]));
            }
            cluster.write(Cause::User, |writer| drop(writer.create(&kind, value)));
        }
        cluster.run_until_settled();
        cluster.write(Cause::User, |writer| {
            writer.delete(&ObjectKey::new("Pod", "default", "term-1"), None);
        });
        cluster.run_until_settled();
        cluster.store().clone()
    })
}

/// The made-up upstream of the record.
fn upstream() -> &'static Outside {
    static UPSTREAM: OnceLock<Outside> = OnceLock::new();
    UPSTREAM.get_or_init(|| {
        let soa = "ns.upstream.example. root.upstream.example. 1 60 60 60 60";
        Outside::read(&format!(
            ".\tSOA\t60\t{soa}\nexample.com.\tSOA\t60\t{soa}\ndb.example.com.\tA\t60\t203.0.113.53\nwww.example.com.\tA\t60\t203.0.113.54\nwww.example.com.\tAAAA\t60\t2001:db8::54\n"
        ))
    })
}

fn corefile(input: &Json) -> Corefile {
    let pods = match input["pods"].as_str() {
        Some("disabled") => PodMode::Disabled,
        Some("verified") => PodMode::Verified,
        _ => PodMode::Insecure,
    };
    let options = Options {
        pods,
        endpoint_pod_names: input["endpointPodNames"] == true,
        ttl: if pods == PodMode::Insecure { 30 } else { 5 },
        ..Options::default()
    };
    Corefile {
        blocks: vec![ServerBlock {
            zones: vec![".".into()],
            kubernetes: Some(options),
            forward: vec![(".".into(), vec!["/etc/resolv.conf".into()])],
            ..ServerBlock::default()
        }],
    }
}

pub fn dns(facts: &Facts, case: &Json) -> Vec<Difference> {
    let input = &case["input"];
    let corefile = corefile(input);
    let server = Server { store: cluster(facts), corefile: &corefile, outside: upstream(), own: &[] };
    let mut compare = Compare::default();
    match case["kind"].as_str() {
        Some("search") => search(&mut compare, &server, input, &case["expect"]),
        Some("nslookup") => tool(&mut compare, &server, input, &case["expect"]),
        _ => query(&mut compare, &server, input, &case["expect"]),
    }
    compare.0
}

fn query(compare: &mut Compare, server: &Server<'_>, input: &Json, expect: &Json) {
    let text = |field: &str| input[field].as_str().unwrap_or("");
    let kind = RecordType::read(text("type")).unwrap_or(RecordType::Other);
    let answer = server.answer(&Question::new(text("query"), kind));
    compare.text("rcode", expect["rcode"].as_str().unwrap_or(""), answer.rcode.name());
    compare.same("authoritative", &expect["authoritative"], &json!(answer.authoritative));
    for (section, records) in
        [("answer", &answer.answer), ("additional", &answer.additional), ("authority", &answer.authority)]
    {
        compare.same(section, &sorted(expect[section].clone()), &sorted(records.iter().map(record).collect()));
    }
}

fn record(record: &DnsRecord) -> Json {
    let mut data = record.data.to_string();
    if record.kind == RecordType::Soa && record.name != "." && !data.contains("upstream") {
        let mut fields: Vec<&str> = data.split(' ').collect();
        fields[2] = "<serial>";
        data = fields.join(" ");
    }
    json!({ "name": record.name.as_str(), "ttl": record.ttl, "type": record.kind.name(), "data": data })
}

fn sorted(list: Json) -> Json {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.sort_by_key(Json::to_string);
    Json::Array(items)
}

/// Queries as the server logged them: in lower case, in the order in which it answered.
fn logged(log: &[LogLine]) -> Json {
    log.iter()
        .map(|line| {
            json!({
                "name": line.question.name.to_ascii_lowercase(),
                "type": line.question.kind.name(),
                "rcode": line.rcode.name()
            })
        })
        .collect()
}

fn search(compare: &mut Compare, server: &Server<'_>, input: &Json, expect: &Json) {
    let conf = ResolvConf::parse(input["resolvConf"].as_str().unwrap_or(""));
    let kind = if input["family"] == "IPv6" { RecordType::Aaaa } else { RecordType::A };
    let mut log = Vec::new();
    let name = input["lookup"].as_str().unwrap_or("");
    let result = look_up(&conf, name, kind, |question| Some(server.answer_logged(question, &mut log)));
    compare.same("queries", &expect["queries"], &logged(&log));
    let addresses: Json = match &result {
        Lookup::Found(addresses) => addresses.iter().map(|a| json!(a.to_string())).collect(),
        _ => json!([]),
    };
    compare.same("addresses", &sorted(expect["addresses"].clone()), &sorted(addresses));
    let error = result.error().map_or(Json::Null, |(code, words)| json!(format!("[Errno {code}] {words}")));
    compare.same("error", &expect["error"], &error);
}

fn tool(compare: &mut Compare, server: &Server<'_>, input: &Json, expect: &Json) {
    let conf = ResolvConf::parse(input["resolvConf"].as_str().unwrap_or(""));
    let words: Vec<&str> = input["command"].as_str().unwrap_or("").split_whitespace().collect();
    let mut log = Vec::new();
    let mut ask = |_, question: &Question| Ok(server.answer_logged(question, &mut log));
    let busybox = words[0] == "busybox";
    let printed =
        if busybox { busybox_nslookup(&conf, &words[2..], &mut ask) } else { nslookup(&conf, &words[1..], &mut ask) };
    compare.same("exit code", &expect["exitCode"], &json!(printed.exit_code));
    compare.text("stderr", expect["stderr"].as_str().unwrap_or(""), &printed.stderr);
    let stdout = expect["stdout"].as_str().unwrap_or("");
    if busybox {
        // It asks everything at once, so answers come in any order: the paragraphs of either family are compared as sets.
        compare.same("stdout", &paragraphs(stdout), &paragraphs(&printed.stdout));
        compare.same("queries", &sorted(expect["queries"].clone()), &sorted(logged(&log)));
    } else {
        compare.same("stdout", &addresses_sorted(stdout), &addresses_sorted(&printed.stdout));
        compare.same("queries", &expect["queries"], &logged(&log));
    }
}

fn paragraphs(text: &str) -> Json {
    let mut blocks: Vec<Json> = text.split("\n\n").map(|b| addresses_sorted(b.trim_start_matches('\n'))).collect();
    blocks.sort_by_key(Json::to_string);
    json!({ "blocks": blocks, "length": text.len() })
}

/// The lines, with runs of `Name: … Address: …` pairs in order: how several addresses follow each other is not fixed.
fn addresses_sorted(text: &str) -> Json {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut out: Vec<String> = Vec::new();
    let mut pairs: Vec<String> = Vec::new();
    let mut i = 0;
    while i < lines.len() {
        if lines[i].starts_with("Name:") && i + 1 < lines.len() {
            pairs.push(format!("{}\n{}", lines[i], lines[i + 1]));
            i += 2;
            continue;
        }
        pairs.sort();
        out.append(&mut pairs);
        out.push(lines[i].to_string());
        i += 1;
    }
    pairs.sort();
    out.append(&mut pairs);
    json!(out)
}
