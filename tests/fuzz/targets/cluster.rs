//! Files in the editor with a living cluster behind them, and requests through it.

use crate::seeds as files;
use giljabi::cluster::Settings;
use giljabi::export::{trace_captures, trace_json, trace_mermaid, trace_svg, trace_text};
use giljabi::locale::Lang;
use giljabi::trace::{Client, Request, Trace, Url};
use giljabi::workspace::{File, Workspace, complete, hover};
use std::sync::OnceLock;

pub const PIECES: &[&str] = &[
    "http://",
    "https://",
    "grpc://",
    "tcp://",
    "udp://",
    "ping://",
    "kimho",
    ":80",
    ":406",
    ".default.svc.cluster.local",
    "10.96.0.10",
    "[::1]",
    "@",
    "/",
    "?",
    "#",
    "%00",
    "pod/client",
    "node/node-1",
    "computer",
    "outside",
    "GET",
    "CONNECT",
    "Host: kimho",
    "Transfer-Encoding: chunked",
    "kubernetes.default",
    "localhost",
    "-",
    "\n",
];

fn booted() -> Workspace {
    static BOOTED: OnceLock<Workspace> = OnceLock::new();
    BOOTED.get_or_init(|| Workspace::new(Settings::default())).clone()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut all = files::under("assets/scenarios", ".yaml");
    all.extend(files::under("tests/golden", ".yaml"));
    all.extend(files::under("lessons", ".yaml").into_iter().filter(|f| f.starts_with(b"apiVersion")).step_by(3));
    all.extend(files::recorded(20));
    all
}

/// Applies a file, lets the cluster come to rest, asks every Service, completes and explains in the middle of the text.
pub fn files(text: &str) {
    let mut workspace = booted();
    workspace.set_files(vec![File { name: "f.yaml".into(), text: text.to_string() }]);
    for diagnostic in workspace.diagnostics() {
        assert!(diagnostic.span.end as usize <= text.len(), "a span beyond the text");
    }
    let services: Vec<_> = workspace.cluster().store().list("Service").map(|s| s.key.clone()).take(4).collect();
    let pod = workspace.cluster().store().list("Pod").next().map(|p| p.key.clone());
    for service in services {
        let url = Url::parse(&format!("{}.{}", service.name, service.namespace));
        let from = pod.as_ref().map_or(Client::Learner, |p| Client::Pod {
            namespace: p.namespace.clone(),
            name: p.name.clone(),
            container: "".into(),
        });
        if let Some(to) = url {
            export(&workspace.send(&Request::get(from, to)));
        }
    }
    let middle = (text.len() / 2..=text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len());
    complete(text, middle, Lang::En);
    hover(text, middle, Lang::Ko);
    // What leaves the file leaves the cluster.
    workspace.set_file("f.yaml", "");
}

pub fn request_seeds() -> Vec<Vec<u8>> {
    let given = [
        "pod/client\nhttp://kimho\nGET\nAccept: */*",
        "pod/client\nhttp://kimho:406/a/b?c=d\nPOST\nHost: other\nX: y",
        "computer\nhttps://192.168.49.2:30080\nGET",
        "node/node-1\nhttp://10.96.0.10:53",
        "outside\ngrpc://kimho.default.svc.cluster.local:80",
        "pod/client\nudp://10.96.0.10:53",
        "pod/client\nping://kimho",
        "pod/client\ntcp://kubernetes.default:443",
    ];
    given.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Sends a request and takes its trace along in every form.
pub fn request(text: &str) {
    if let Some(trace) = answered(text) {
        export(&trace);
    }
}

/// What became of a request: who, where to, method and headers, a line each.
pub fn answered(text: &str) -> Option<Trace> {
    static FURNISHED: OnceLock<Workspace> = OnceLock::new();
    let mut workspace = FURNISHED
        .get_or_init(|| {
            let mut workspace = booted();
            let scenario = files::under("assets/scenarios/kimho", ".yaml");
            let named = |(i, bytes): (usize, Vec<u8>)| File {
                name: format!("{i}.yaml").into(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            };
            workspace.set_files(scenario.into_iter().enumerate().map(named).collect());
            workspace
        })
        .clone();
    let mut lines = text.lines();
    let from = match lines.next().unwrap_or("").split_once('/') {
        Some(("pod", name)) => Client::Pod { namespace: "default".into(), name: name.into(), container: "".into() },
        Some(("node", name)) => Client::Node { name: name.into() },
        _ => Client::Learner,
    };
    let to = lines.next().and_then(Url::parse)?;
    let mut request = Request::get(from, to);
    if let Some(method) = lines.next() {
        request.method = method.into();
    }
    request.headers =
        lines.filter_map(|l| l.split_once(':')).map(|(k, v)| (k.trim().into(), v.trim().into())).collect();
    Some(workspace.send(&request))
}

/// Every form in which a trace leaves the page.
fn export(trace: &Trace) {
    for lang in [Lang::Ko, Lang::En] {
        trace_text(trace, lang, &|_| None);
    }
    trace_json(trace, Lang::En, &|_| None);
    trace_mermaid(trace, Lang::Ko);
    let svg = trace_svg(trace, Lang::En);
    assert!(!svg.contains("<script"), "a script in the drawing");
    for capture in trace_captures(trace) {
        let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!(capture.point.chars().all(fit), "a name that is no file's: {:?}", capture.point);
        packets(&capture.bytes);
    }
}

/// Walks a capture file: what each record says of its length must be there.
fn packets(bytes: &[u8]) {
    let word = |at: usize| bytes.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    assert_eq!(word(0), Some(0xa1b2_c3d4));
    let mut at = 24;
    while at < bytes.len() {
        let length = word(at + 8).expect("a record's length");
        assert_eq!(word(at + 12), Some(length));
        assert!(length <= 65_535, "a packet longer than the file says that packets are");
        at += 16 + length;
    }
    assert_eq!(at, bytes.len(), "the last record is cut");
}
