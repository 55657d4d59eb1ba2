//! `giljabi trace`: one request hop by hop, or many counted.

use crate::arguments::{Arguments, Format, Usage};
use crate::check::Lines;
use crate::files;
use giljabi::api::json;
use giljabi::api::object::FieldRef;
use giljabi::api::value::Value;
use giljabi::cluster::Settings;
use giljabi::export::{trace_captures, trace_json, trace_mermaid, trace_svg, trace_text};
use giljabi::locale::{self, Lang};
use giljabi::trace::{Client, Outcome, Request, Trace, Url, why};
use giljabi::value;
use giljabi::workspace::Workspace;
use std::collections::BTreeMap;

/// True when every request succeeded.
pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let from = client(arguments.from.as_deref().ok_or_else(|| Usage("say who sends: --from pod/NAME".into()))?)?;
    let to = arguments.to.as_deref().ok_or_else(|| Usage("say where to: --to URL".into()))?;
    let to = Url::parse(to).ok_or_else(|| Usage(format!("--to {to:?} is not a URL that a request can be sent to")))?;
    let mut workspace =
        Workspace::new(Settings { seed: arguments.seed, proxy_mode: arguments.mode, ..Settings::default() });
    workspace.set_files(files::read(&arguments.files)?);
    // A refused object is worth knowing before its absence is traced.
    let lines = Lines::new(&workspace);
    for diagnostic in workspace.diagnostics().iter().filter(|d| d.is_error()) {
        eprint!("{}", lines.tell(diagnostic, lang));
    }
    let request = Request::get(from, to);
    let traces: Vec<Trace> = (0..arguments.count.max(1)).map(|_| workspace.send(&request)).collect();
    let answered = traces.iter().filter(|t| t.outcome.is_success()).count();
    let lines = Lines::new(&workspace);
    let locate = |field: &FieldRef| workspace.locate(field).map(|l| lines.place(&l.file, l.span));
    match arguments.format {
        Format::Text if traces.len() == 1 => print!("{}", trace_text(&traces[0], lang, &locate)),
        Format::Text => print!("{}", summary(&traces, lang, &locate)),
        Format::Json if traces.len() == 1 => {
            println!("{}", json::to_string_pretty(&trace_json(&traces[0], lang, &locate), 2));
        }
        Format::Mermaid => traces.iter().for_each(|t| print!("{}", trace_mermaid(t, lang))),
        Format::Svg => print!("{}", traces.first().map(|t| trace_svg(t, lang)).unwrap_or_default()),
        Format::Pcap => save_captures(&traces[0], arguments.out.as_deref().unwrap_or("."))?,
        Format::Json => println!("{}", json::to_string_pretty(&many_json(&traces, lang, &locate), 2)),
        other => return Err(Usage(format!("trace prints text, json, mermaid, svg or pcap, not {}", other.name()))),
    }
    Ok(answered == traces.len())
}

/// Writes one capture file a point, and says where.
fn save_captures(trace: &Trace, folder: &str) -> Result<(), Usage> {
    let failed = |path: &std::path::Path, e: std::io::Error| Usage(format!("{}: {e}", path.display()));
    let folder = std::path::Path::new(folder);
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, e))?;
    for capture in trace_captures(trace) {
        let path = folder.join(format!("{}.pcap", capture.point));
        std::fs::write(&path, &capture.bytes).map_err(|e| failed(&path, e))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Reads `pod/client`, `pod/shop/client` (namespace first), `node/node-1`, `outside`, `outside/198.51.100.7`, `computer`.
pub fn client(text: &str) -> Result<Client, Usage> {
    let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
    match (kind, rest) {
        ("pod", rest) if !rest.is_empty() => {
            let (namespace, name) = rest.split_once('/').unwrap_or(("default", rest));
            Ok(Client::Pod { namespace: namespace.into(), name: name.into(), container: "".into() })
        }
        ("node", name) if !name.is_empty() => Ok(Client::Node { name: name.into() }),
        ("computer", "") => Ok(Client::Learner),
        ("outside", "") => Ok(Client::Outside { ip: std::net::IpAddr::from([198, 51, 100, 7]) }),
        ("outside", ip) => {
            let ip = ip.parse().map_err(|_| Usage(format!("--from outside/IP takes an address, not {ip:?}")))?;
            Ok(Client::Outside { ip })
        }
        _ => Err(Usage(format!(
            "--from takes pod/NAME, pod/NAMESPACE/NAME, node/NAME, computer or outside[/IP], not {text:?}"
        ))),
    }
}

/// How many requests each pod answered, most first.
fn shares(traces: &[Trace]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for trace in traces {
        if let Outcome::Answered { response, .. } = &trace.outcome
            && let Some(pod) = &response.pod
        {
            *counts.entry(format!("{}/{}", pod.namespace, pod.name)).or_default() += 1;
        }
    }
    let mut shares: Vec<_> = counts.into_iter().collect();
    shares.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    shares
}

fn summary(traces: &[Trace], lang: Lang, locate: &dyn Fn(&FieldRef) -> Option<String>) -> String {
    let answered = traces.iter().filter(|t| t.outcome.is_success()).count();
    let count = traces.len();
    let mut out = locale::text(
        lang,
        "export.summary",
        &[
            ("count", &count.to_string()),
            ("answered", &answered.to_string()),
            ("failed", &(count - answered).to_string()),
        ],
    );
    out.push('\n');
    for (pod, requests) in shares(traces) {
        out.push_str(&format!("{requests:>8}  {:>5.1} %  pod/{pod}\n", requests as f64 * 100.0 / count as f64));
    }
    // The first of the failed ones tells what is wrong with them.
    if let Some(failed) = traces.iter().find(|t| !t.outcome.is_success()) {
        out.push_str(&trace_text(failed, lang, locate));
    }
    out
}

fn many_json(traces: &[Trace], lang: Lang, locate: &dyn Fn(&FieldRef) -> Option<String>) -> Value {
    let pods: Vec<Value> = shares(traces)
        .into_iter()
        .map(|(pod, requests)| value!({ "pod": pod, "requests": (requests as i64) }))
        .collect();
    let mut causes: BTreeMap<&'static str, i64> = BTreeMap::new();
    for failure in traces.iter().filter_map(|t| t.outcome.failure()) {
        *causes.entry(why::cause_name(&failure.cause)).or_default() += 1;
    }
    let causes: Vec<Value> =
        causes.into_iter().map(|(cause, requests)| value!({ "cause": cause, "requests": requests })).collect();
    let all: Vec<Value> = traces.iter().map(|t| trace_json(t, lang, locate)).collect();
    let answered = traces.iter().filter(|t| t.outcome.is_success()).count();
    value!({
        "count": (traces.len() as i64),
        "answered": (answered as i64),
        "pods": pods,
        "causes": causes,
        "traces": all
    })
}
