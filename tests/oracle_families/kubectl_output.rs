//! `kubectl-output`: stdout, stderr and exit code of commands against the scenarios of the recordings. Nodes, scheduler and
//! kubelets do nothing; what the recordings did by hand (statuses, bindings) is done here.

use crate::{Compare, Difference, Facts};
use giljabi::api::object::ObjectKey;
use giljabi::api::parse::parse;
use giljabi::api::time::Duration;
use giljabi::api::value::Value;
use giljabi::apiserver::request::{Body, DeleteOptions, FieldValidation, Request, Subresource, Verb};
use giljabi::apiserver::resource;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::{Cluster, Settings};
use giljabi::kubectl::call::{Config, Files, Next, Step, Streams};
use serde_json::Value as Json;
use std::collections::BTreeMap;

struct Folder(BTreeMap<String, String>);

impl Files for Folder {
    fn read(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }
    fn folder(&self, path: &str) -> Option<Vec<String>> {
        (path == ".").then(|| self.0.keys().cloned().collect())
    }
}

struct Bench {
    cluster: Cluster,
    config: Config,
    files: Folder,
    /// The statuses of Services.
    services: Vec<(ObjectKey, Value)>,
}

pub fn run(facts: &Facts, case: &Json) -> Vec<Difference> {
    let input = &case["input"];
    let scenario = &facts.file["scenarios"][input["scenario"].as_str().unwrap_or("")];
    let files = scenario["files"].as_object().into_iter().flatten();
    let files = files.map(|(name, text)| (name.clone(), text.as_str().unwrap_or("").to_string())).collect();
    let mut bench = Bench::new(Folder(files));
    bench.install(scenario["manifests"].as_str().unwrap_or(""));
    if input["scenario"] == "workloads" {
        bench.bind_pods();
    }
    for before in input["before"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if before.starts_with('(') {
            bench.delete_slowly("deleting");
            continue;
        }
        bench.kubectl(before);
        bench.cluster.run_until_settled();
    }
    bench.cluster.run_for(Duration::secs(130));
    // No load balancer controller stood beside the recorded API server to take these away.
    for (key, status) in std::mem::take(&mut bench.services) {
        bench.set_status(&key, status);
    }
    let (streams, code) = bench.kubectl(input["command"].as_str().unwrap_or(""));
    let expect = &case["expect"];
    let mut compare = Compare::default();
    let unordered = case["unorderedAddresses"] == true;
    let explain = input["command"].as_str().is_some_and(|c| c.contains("explain"));
    let tidy = |text: &str, command_is_explain: bool| {
        let mut text = text.to_string();
        if command_is_explain {
            text = without_descriptions(&text);
        }
        if unordered { sorted_addresses(&text) } else { text }
    };
    for (name, actual) in [("stdout", &streams.out), ("stderr", &streams.err)] {
        let expected = tidy(expect[name].as_str().unwrap_or(""), false);
        let actual = tidy(actual, explain && name == "stdout");
        let actual = spaced(&actual, &expected);
        if !matches(&spaced(&expected, &expected), &actual) {
            compare.text(name, &expected, &actual);
        }
    }
    compare.same("exitCode", &expect["exitCode"], &Json::from(code));
    compare.0
}

impl Bench {
    fn new(files: Folder) -> Bench {
        let settings = Settings { run_pods: false, ..Settings::default() };
        let mut cluster = Cluster::new(settings);
        // The recorded API server stood alone, on its own port, without DNS.
        cluster.write(Cause::Bootstrap, |w| {
            for key in [
                ObjectKey::new("Service", "kube-system", "kube-dns"),
                ObjectKey::new("ConfigMap", "kube-system", "coredns"),
            ] {
                w.purge(&key);
            }
            let own = |kind: &str| ObjectKey::new(kind, "default", "kubernetes");
            let ports = || giljabi::value!([{ "name": "https", "port": 6443, "protocol": "TCP" }]);
            if let Some(old) = w.store.get(&own("Endpoints")).cloned() {
                let mut value = old.value.clone();
                let mut subsets = value.items_at(&["subsets"]).to_vec();
                subsets[0].set_at(&["ports"], ports());
                value.set_at(&["subsets"], subsets);
                w.update(&old, value);
            }
            if let Some(old) = w.store.get(&own("EndpointSlice")).cloned() {
                let mut value = old.value.clone();
                value.set_at(&["ports"], ports());
                w.update(&old, value);
            }
            if let Some(old) = w.store.get(&own("Service")).cloned() {
                let mut value = old.value.clone();
                let mut ports = value.items_at(&["spec", "ports"]).to_vec();
                ports[0].set_at(&["targetPort"], 6443);
                value.set_at(&["spec", "ports"], ports);
                w.update(&old, value);
            }
        });
        cluster.run_until_settled();
        Bench { cluster, config: Config::default(), files, services: Vec::new() }
    }

    fn install(&mut self, text: &str) {
        let (manifests, problems) = parse("manifests.yaml", text);
        assert!(problems.is_empty(), "{problems:?}");
        for manifest in manifests {
            let mut value = manifest.value;
            let status = value.remove_at(&["status"]);
            let resource = resource::find(self.cluster.store(), value.str_at(&["apiVersion"]), value.str_at(&["kind"]));
            let resource = resource.expect("a served kind");
            let namespace = if resource.namespaced { "default" } else { "" };
            let request = Request {
                resource: resource.clone(),
                namespace: namespace.into(),
                name: "".into(),
                subresource: Subresource::None,
                verb: Verb::Create(Body::Content(value.clone())),
                dry_run: false,
                field_validation: FieldValidation::Strict,
            };
            let made = self.cluster.request(&request).result.expect("a valid manifest");
            let key = resource.key(namespace, made.str_at(&["metadata", "name"]));
            if let Some(status) = status {
                if key.kind == "Service" {
                    self.services.push((key.clone(), status.clone()));
                }
                self.set_status(&key, status);
            }
            self.cluster.run_until_settled();
        }
    }

    /// Writes a status as the API server keeps one that a kubelet sends.
    fn set_status(&mut self, key: &ObjectKey, status: Value) {
        let Some(old) = self.cluster.store().get(key).cloned() else { return };
        let mut value = old.value.clone();
        for (field, part) in status.as_map().into_iter().flat_map(|m| m.iter()) {
            value.set_at(&["status", field], part.clone());
        }
        if key.kind == "Pod" {
            let ip = value.str_at(&["status", "podIP"]).to_string();
            if !ip.is_empty() {
                value.set_at(&["status", "podIPs"], giljabi::value!([{ "ip": ip }]));
            }
            if !value.str_at(&["spec", "nodeName"]).is_empty() {
                value.set_at(&["status", "startTime"], "2026-01-01T00:00:00Z");
            }
            for field in ["conditions", "containerStatuses"] {
                let mut items = value.items_at(&["status", field]).to_vec();
                for item in &mut items {
                    if field == "conditions" {
                        item.set_at(&["lastProbeTime"], Value::Null);
                        item.set_at(&["lastTransitionTime"], Value::Null);
                    } else if item.get("lastState").is_none() {
                        item.set_at(&["lastState"], Value::map());
                    }
                }
                if !items.is_empty() {
                    value.set_at(&["status", field], items);
                }
            }
        } else if key.kind == "Service" {
            let mut points = value.items_at(&["status", "loadBalancer", "ingress"]).to_vec();
            for point in points.iter_mut().filter(|p| !p.text("ip").is_empty()) {
                point.set_at(&["ipMode"], "VIP");
            }
            value.set_at(&["status", "loadBalancer", "ingress"], points);
        }
        self.cluster.write(Cause::User, |w| w.update(&old, value));
    }

    /// Binds every pod to a node and makes it ready.
    fn bind_pods(&mut self) {
        let pods: Vec<_> = self.cluster.store().list("Pod").cloned().collect();
        for (i, pod) in pods.into_iter().enumerate() {
            let mut value = pod.value.clone();
            value.set_at(&["spec", "nodeName"], format!("node-{}", i % 3 + 1));
            self.cluster.write(Cause::User, |w| w.update(&pod, value));
            let container = pod.value.items_at(&["spec", "containers"])[0].clone();
            let status = giljabi::value!({
                "phase": "Running",
                "podIP": (format!("10.244.{}.{}", i % 3 + 1, 50 + i)),
                "hostIP": (format!("192.168.49.{}", i % 3 + 2)),
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
                "containerStatuses": [{
                    "name": (container.text("name")), "image": (container.text("image")), "imageID": "", "ready": true,
                    "restartCount": 0, "started": true, "state": { "running": { "startedAt": "2026-01-01T00:00:05Z" } }
                }]
            });
            let key = pod.key.clone();
            self.set_status(&key, status);
        }
        self.cluster.run_until_settled();
    }

    fn delete_slowly(&mut self, name: &str) {
        let resource = resource::find(self.cluster.store(), "v1", "Pod").expect("pods");
        let request = Request {
            resource,
            namespace: "default".into(),
            name: name.into(),
            subresource: Subresource::None,
            verb: Verb::Delete(DeleteOptions { grace_period: Some(600), ..DeleteOptions::default() }),
            dry_run: false,
            field_validation: FieldValidation::Strict,
        };
        self.cluster.request(&request).result.expect("a pod to delete");
    }

    fn kubectl(&mut self, line: &str) -> (Streams, i32) {
        let words = split(line);
        let started = giljabi::kubectl::start(&mut self.cluster, &mut self.config, &self.files, "", &words[1..]);
        let mut streams = started.streams;
        let mut next = started.next;
        for _ in 0..100_000 {
            match next {
                Next::Done(code) => return (streams, code),
                Next::Follow(mut follow) => match follow.step(&mut self.cluster, &mut streams) {
                    Step::Wait(until) => {
                        let time = until.since(self.cluster.now());
                        self.cluster.run_for(time.max(Duration::millis(1)));
                        next = Next::Follow(follow);
                    }
                    Step::Next(after) => next = after,
                },
                _ => return (streams, 0),
            }
        }
        (streams, -1)
    }
}

/// The words of a command line: single and double quotes.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut open) = (Vec::new(), String::new(), None, false);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), c) => word.push(c),
            (None, '"' | '\'') => (quote, open) = (Some(c), true),
            (None, ' ') => {
                if !word.is_empty() || open {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (None, c) => word.push(c),
        }
    }
    if !word.is_empty() || open {
        words.push(word);
    }
    words
}

/// A description is left out of the recordings: its place is `<description>`, and under a field nothing.
fn without_descriptions(text: &str) -> String {
    let (mut out, mut described, mut fields) = (String::new(), false, false);
    for line in text.lines() {
        if described && line.is_empty() {
            described = false;
        }
        if described
            || (fields && line.starts_with("    ") && !line.contains("\t<") && !line.trim_start().starts_with("enum:"))
        {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if line == "DESCRIPTION:" {
            out.push_str("    <description>\n");
            described = true;
        }
        fields |= line == "FIELDS:";
    }
    out
}

/// Lists of addresses in one order; where only some of them are shown, which ones is left open.
fn sorted_addresses(text: &str) -> String {
    let is_address = |t: &str| t.split(',').count() > 1 && t.split(',').all(|a| a.starts_with("10."));
    let line = |line: &str| {
        let clipped = line.contains(" more...");
        let words = line.split(' ').map(|word| {
            let inner = word.trim_matches(['(', ')']);
            if !is_address(inner) {
                return word.to_string();
            }
            let mut list: Vec<&str> = inner.split(',').collect();
            list.sort_unstable();
            let joined = if clipped { vec!["<address>"; list.len()].join(",") } else { list.join(",") };
            word.replace(inner, &joined)
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|l| line(l) + "\n").collect::<String>().trim_end_matches('\n').to_string()
        + if text.ends_with('\n') { "\n" } else { "" }
}

/// Columns behind an age are as wide as ages were: blanks behind the heading AGE, and in a row with an age, count as one.
fn spaced(text: &str, expected: &str) -> String {
    if !expected.contains("<age>") {
        return text.to_string();
    }
    let everything = expected.contains("(<age> ago)") || expected.contains("  Age   From");
    let squeeze = |part: &str| {
        let mut out = String::new();
        for c in part.chars() {
            if c != ' ' || !out.ends_with(' ') {
                out.push(c);
            }
        }
        out
    };
    let line = |l: &str| match l.find("AGE").filter(|_| !everything) {
        Some(at) => format!("{}{}", &l[..at], squeeze(&l[at..])),
        None => squeeze(l),
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

/// Whether `actual` is what `expected` says, with its tokens.
fn matches(expected: &str, actual: &str) -> bool {
    const TOKENS: [&str; 7] = ["<age>", "xxxxx", "<uid>", "<rv>", "<time>", "<clusterIP>", "<nodePort>"];
    let Some((at, token)) = TOKENS.iter().filter_map(|t| Some((expected.find(t)?, *t))).min() else {
        return expected == actual;
    };
    let Some(rest) = actual.strip_prefix(&expected[..at]) else { return false };
    let fits = |c: char| match token {
        "<age>" => c.is_ascii_digit() || "smhdy".contains(c),
        "<uid>" => c.is_ascii_hexdigit() || c == '-',
        "<rv>" | "<nodePort>" => c.is_ascii_digit(),
        "<time>" => c.is_ascii_alphanumeric() || "-:,+ .".contains(c),
        "<clusterIP>" => c.is_ascii_digit() || c == '.',
        _ => c.is_ascii_alphanumeric(),
    };
    let longest = rest.find(|c| !fits(c)).unwrap_or(rest.len());
    let lengths: Vec<usize> = if token == "xxxxx" { vec![5] } else { (1..=longest).rev().collect() };
    lengths.into_iter().filter(|l| *l <= longest).any(|l| matches(&expected[at + token.len()..], &rest[l..]))
}
