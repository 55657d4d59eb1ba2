//! Golden cases of the interpreter: manifests and a request in, hops in words, symptom, cause and field out, through the real
//! cluster. One file a case in `tests/golden/trace`; `UPDATE_GOLDEN=1` rewrites what is expected, and the diff is read.
//!
//! A case begins with what it shows, then says what is done and asked, then what is expected, then the manifests. Lines:
//! `set: mode=ipvs scheduler=sh load-balancer=cloud` · `do: send CLIENT URL [OPTION…]`, `do: power-off NODE`, `do: delete KIND/NAME`, `do: delete-unseen KIND/NAME` (before
//! anybody notices), `do: scale NAMESPACE/NAME N`, `do: label-unseen KIND/NAME NAME=VALUE` (before anybody notices), `do: run SECONDS`, `do: run-millis N`, `do: hosts ADDRESS NAME`, `do: forward PORT POD PORT` ·
//! `ask: CLIENT URL [OPTION…]` with `keep`, `max-time=S`, `connect-timeout=S`, `insecure`, `header=NAME:VALUE`.

use giljabi::api::object::ObjectKey;
use giljabi::api::time::Duration;
use giljabi::apiserver::store::Cause;
use giljabi::cluster::{LoadBalancerProvider, ProxyMode, Settings};
use giljabi::locale::Lang;
use giljabi::network::client::PortForward;
use giljabi::trace::many::Many;
use giljabi::trace::why::{cause, cause_name, mend, step, symptom};
use giljabi::trace::{Client, Direction, Outcome, Place, Request, Series, StepKind, Trace, Url, curl};
use giljabi::workspace::Workspace;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

struct Case {
    about: String,
    set: Vec<String>,
    doing: Vec<String>,
    ask: String,
    expected: String,
    manifests: String,
}

impl Case {
    fn read(text: &str) -> Case {
        let (head, manifests) = text.split_once("\n---\n").expect("a line of --- before the manifests");
        let mut case = Case {
            about: String::new(),
            set: Vec::new(),
            doing: Vec::new(),
            ask: String::new(),
            expected: String::new(),
            manifests: manifests.to_string(),
        };
        for line in head.lines() {
            if let Some(rest) = line.strip_prefix("# ") {
                let _ = writeln!(case.about, "# {rest}");
            } else if let Some(rest) = line.strip_prefix("set: ") {
                case.set.extend(rest.split(' ').map(String::from));
            } else if let Some(rest) = line.strip_prefix("do: ") {
                case.doing.push(rest.to_string());
            } else if let Some(rest) = line.strip_prefix("ask: ") {
                case.ask = rest.to_string();
            } else {
                case.expected.push_str(line);
                case.expected.push('\n');
            }
        }
        case
    }

    fn text(&self, expected: &str) -> String {
        let mut out = self.about.clone();
        if !self.set.is_empty() {
            let _ = writeln!(out, "set: {}", self.set.join(" "));
        }
        for line in &self.doing {
            let _ = writeln!(out, "do: {line}");
        }
        let _ = write!(out, "ask: {}\n{expected}---\n{}", self.ask, self.manifests);
        out
    }

    fn workspace(&self) -> Result<Workspace, String> {
        let mut settings = Settings::default();
        for setting in &self.set {
            match setting.as_str() {
                "mode=ipvs" => settings.proxy_mode = ProxyMode::Ipvs,
                "mode=nftables" => settings.proxy_mode = ProxyMode::Nftables,
                "load-balancer=cloud" => settings.load_balancer = LoadBalancerProvider::Cloud,
                "load-balancer=metallb" => settings.load_balancer = LoadBalancerProvider::MetalLb,
                "load-balancer=tunnel" => settings.load_balancer = LoadBalancerProvider::Tunnel,
                other => match other.split_once('=') {
                    Some(("scheduler", name)) => settings.ipvs_scheduler = name.into(),
                    _ => panic!("unknown setting {other}"),
                },
            }
        }
        let mut workspace = Workspace::new(settings);
        let client = include_str!("golden/trace/client.yaml");
        workspace.set_file("client.yaml", client);
        // As with kubectl, what a namespace or a definition holds comes after it.
        let first = |doc: &&str| doc.contains("kind: Namespace") || doc.contains("kind: CustomResourceDefinition");
        let documents: Vec<&str> = self.manifests.split("---\n").collect();
        let before: Vec<&str> = documents.iter().copied().filter(|d| first(d)).collect();
        workspace.set_file("before.yaml", &before.join("---\n"));
        let rest: Vec<&str> = documents.iter().copied().filter(|d| !first(d)).collect();
        workspace.set_file("case.yaml", &rest.join("---\n"));
        let refused: Vec<_> = workspace.diagnostics().iter().filter(|d| d.is_error()).collect();
        if let Some(first) = refused.first() {
            return Err(format!("the API server refuses: {} {}", first.verbatim, first.object));
        }
        Ok(workspace)
    }

    fn run(&self) -> Result<Trace, String> {
        let mut workspace = self.workspace()?;
        for action in &self.doing {
            act(&mut workspace, action);
        }
        Ok(workspace.send(&request(&self.ask)))
    }
}

fn key(text: &str) -> ObjectKey {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        [kind, name] => ObjectKey::new(kind, "default", name),
        [kind, namespace, name] => ObjectKey::new(kind, namespace, name),
        _ => panic!("no key: {text}"),
    }
}

fn act(workspace: &mut Workspace, action: &str) {
    let words: Vec<&str> = action.split(' ').collect();
    if let Some(asked) = action.strip_prefix("send ") {
        drop(workspace.send(&request(asked)));
        return;
    }
    let cluster = workspace.cluster_mut();
    match words[..] {
        ["power-off", node] => cluster.set_power(node, false),
        ["delete", object] => {
            cluster.write(Cause::User, |w| {
                w.delete(&key(object), Some(0));
            });
            cluster.run_until_settled();
        }
        ["delete-unseen", object] => {
            cluster.write(Cause::User, |w| {
                w.purge(&key(object));
            });
            cluster.runtime_mut().remove(&key(object));
        }
        ["scale", object, count] => {
            let old = cluster.store().get(&key(object)).expect("an object to scale").clone();
            let mut value = old.value.clone();
            value.set_at(&["spec", "replicas"], count.parse::<i64>().expect("a number"));
            cluster.write(Cause::User, |w| drop(w.update(&old, value)));
            cluster.run_until_settled();
        }
        ["label-unseen", object, label] => {
            let (name, value) = label.split_once('=').expect("NAME=VALUE");
            let old = cluster.store().get(&key(object)).expect("an object to label").clone();
            let mut labelled = old.value.clone();
            labelled.set_at(&["metadata", "labels", name], value);
            cluster.write(Cause::User, |w| drop(w.update(&old, labelled)));
        }
        ["run-millis", millis] => cluster.run_for(Duration::millis(millis.parse().expect("milliseconds"))),
        ["run", seconds] => cluster.run_for(Duration::secs(seconds.parse().expect("seconds"))),
        ["hosts", address, name] => {
            let address = address.parse().expect("an address");
            cluster.network_mut().computer.hosts.push((address, name.into()));
        }
        ["forward", local_port, pod, pod_port] => {
            let forward = PortForward {
                local_port: local_port.parse().expect("a port"),
                named: key(&format!("Pod/{pod}")),
                pod: key(&format!("Pod/{pod}")),
                pod_port: pod_port.parse().expect("a port"),
            };
            cluster.network_mut().computer.forwards.push(forward);
        }
        ["ask", ..] => {
            let asked = request(action.strip_prefix("ask ").unwrap_or(""));
            workspace.send(&asked);
        }
        _ => panic!("unknown action {action}"),
    }
}

fn request(line: &str) -> Request {
    let mut words = line.split(' ');
    let from = words.next().unwrap_or("");
    let from = match from.split('/').collect::<Vec<_>>()[..] {
        ["pod", name] => Client::Pod { namespace: "default".into(), name: name.into(), container: "".into() },
        ["pod", namespace, name] => {
            Client::Pod { namespace: namespace.into(), name: name.into(), container: "".into() }
        }
        ["node", name] => Client::Node { name: name.into() },
        ["computer"] => Client::Learner,
        ["outside", ip] => Client::Outside { ip: ip.parse().expect("an address") },
        _ => panic!("unknown client {from}"),
    };
    let mut request = Request::get(from, Url::parse(words.next().unwrap_or("")).expect("a URL"));
    for option in words {
        match option.split_once('=').unwrap_or((option, "")) {
            ("keep", _) => request.keep_alive = true,
            ("insecure", _) => request.insecure = true,
            ("max-time", s) => request.max_time_secs = s.parse().ok(),
            ("connect-timeout", s) => request.connect_timeout_secs = s.parse().ok(),
            ("header", pair) => {
                let (name, value) = pair.split_once(':').expect("NAME:VALUE");
                request.headers.push((name.into(), value.into()));
            }
            _ => panic!("unknown option {option}"),
        }
    }
    request
}

/// What is compared: hops in words, and how it ended.
fn told(trace: &Trace) -> String {
    let mut out = String::new();
    for hop in &trace.hops {
        let arrow = if hop.direction == Direction::Request { "->" } else { "<-" };
        let place = match &hop.at {
            Place::Pod { pod, node } => format!("pod {} on {node}", pod.name),
            Place::Kernel { node } => format!("kernel of {node}"),
            Place::Node { node } => format!("process on {node}"),
            Place::Learner => "the learner's computer".to_string(),
            Place::LoadBalancer { service } => format!("load balancer of {}", service.name),
            Place::Outside { ip, name } if name.is_empty() => format!("outside {ip}"),
            Place::Outside { ip, name } => format!("outside {name} ({ip})"),
        };
        let words: Vec<String> = hop
            .steps
            .iter()
            .filter_map(|s| match &s.kind {
                // Rules and routes are tested elsewhere; here they would hide the way.
                StepKind::RuleMatched { .. } | StepKind::Routed { .. } => None,
                _ => Some(step(s, Lang::En)),
            })
            .collect();
        let _ = writeln!(
            out,
            "hop: {arrow} {place}: {}",
            if words.is_empty() { "passes".into() } else { words.join("; ") }
        );
    }
    let _ = writeln!(out, "sees: {}", symptom(&trace.outcome, Lang::En));
    let printed = curl::curl(trace, curl::CurlFlags::default());
    let _ = writeln!(out, "curl: {} {}", printed.exit_code, printed.stderr.lines().next().unwrap_or(""));
    if let Outcome::Answered { response, .. } = &trace.outcome
        && let Some(pod) = &response.pod
    {
        let _ = writeln!(out, "pod: {}", pod.name);
    }
    if let Some(failure) = trace.outcome.failure() {
        let _ = writeln!(out, "cause: {}", cause_name(&failure.cause));
        let _ = writeln!(out, "says: {}", cause(failure, Lang::En));
        for field in &failure.because {
            let _ = writeln!(out, "field: {field}");
        }
    }
    out
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trace");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the golden cases")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|e| e == "case"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn every_case_ends_as_it_is_written() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let only = std::env::var("GOLDEN_ONLY").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut causes = BTreeSet::new();
    for path in cases() {
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_string();
        if !name.contains(&only) {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let case = Case::read(&text);
        let trace = match case.run() {
            Ok(trace) => trace,
            Err(why) => {
                wrong.push(format!("== {name}\n{why}"));
                continue;
            }
        };
        if let Some(failure) = trace.outcome.failure() {
            causes.insert(cause_name(&failure.cause));
            for lang in Lang::ALL {
                for words in [cause(failure, lang), mend(failure, lang), symptom(&trace.outcome, lang)] {
                    assert!(!words.contains(['{', '}']), "{name}: {words}");
                }
            }
        }
        for (hop, s) in trace.hops.iter().flat_map(|h| h.steps.iter().map(move |s| (h, s))) {
            assert!(!s.because.is_empty(), "{name}: {:?} at {:?} names no field", s.kind, hop.at);
        }
        let told = told(&trace);
        if told != case.expected {
            if update {
                std::fs::write(&path, case.text(&told)).expect("a writable case");
            } else {
                wrong.push(format!("== {name}\n-- expected\n{}-- came\n{told}", case.expected));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if only.is_empty() {
        assert!(causes.len() >= 30, "only {} causes are reached: {causes:?}", causes.len());
        // Whatever has a sentence happens in some case.
        let told = giljabi::locale::rows().filter_map(|(_, id, ..)| id.strip_prefix("cause."));
        let never: Vec<&str> = told.filter(|cause| !causes.contains(cause)).collect();
        assert!(never.is_empty(), "no case ends with {never:?}");
    }
}

/// A series of requests of each case goes as single ones do; `tests/series.rs` says more.
#[test]
fn every_case_is_the_same_in_a_series() {
    for path in cases() {
        let text = std::fs::read_to_string(&path).expect("a readable case");
        let case = Case::read(&text);
        let mut workspace = case.workspace().expect("an accepted world");
        for action in &case.doing {
            act(&mut workspace, action);
        }
        let request = request(&case.ask);
        let (mut single, mut together) = (workspace.cluster().clone(), workspace.cluster().clone());
        let mut series = Series::new(request.clone());
        for i in 0..8 {
            let trace = single.send(&request);
            let sent = series.send(&mut together.world());
            assert_eq!(sent.trace(), trace, "{}: request {i}", path.display());
            assert_eq!(sent.is_success(), trace.outcome.is_success());
        }
    }
}

#[test]
fn a_load_sees_the_moment_between_a_pods_death_and_the_rules() {
    let mut workspace = Workspace::new(Settings::default());
    workspace.set_file("client.yaml", include_str!("golden/trace/client.yaml"));
    for (name, text) in [
        ("pods.yaml", include_str!("../assets/scenarios/kimho/pods.yaml")),
        ("service.yaml", include_str!("../assets/scenarios/kimho/service.yaml")),
    ] {
        workspace.set_file(name, &text.replace("name: client", "name: another"));
    }
    let cluster = workspace.cluster_mut();
    let pod = cluster.store().list("Pod").find(|o| o.name().starts_with("kimho")).expect("a pod").key.clone();
    let mut many = Many::new(&request("pod/client http://kimho"), &[], 400);
    cluster.load(&mut many, Duration::millis(20), Duration::secs(1));
    assert_eq!(many.tally.answered, many.tally.sent, "{:?}", many.tally.failures);
    // Its containers are killed at once; nobody has told the rules.
    let died = cluster.now();
    cluster.write(Cause::User, |w| {
        w.purge(&pod);
    });
    cluster.runtime_mut().remove(&pod);
    cluster.load(&mut many, Duration::millis(20), Duration::secs(5));
    let stale = many.tally.failures.get("stale_endpoint").expect("requests to the dead pod");
    assert!(stale.last.since(died) < Duration::secs(3), "{stale:?}");
    assert!(many.tally.answered > many.tally.sent / 2);
    let failed: u64 = many.tally.failures.values().map(|f| f.count).sum();
    assert_eq!(many.tally.answered + failed, many.tally.sent);
}
