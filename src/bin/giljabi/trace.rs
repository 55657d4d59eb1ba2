//! `giljabi trace`: one request hop by hop, or many counted.

use crate::arguments::{Arguments, Format, Usage};
use crate::check::Lines;
use crate::files;
use giljabi::api::json;
use giljabi::api::object::{FieldRef, ObjectKey};
use giljabi::api::value::Value;
use giljabi::export::{trace_captures, trace_json, trace_mermaid, trace_svg, trace_text};
use giljabi::locale::{self, Lang};
use giljabi::trace::many::{Tally, chi_square, predict};
use giljabi::trace::{Client, Request, Sent, Series, Trace, Url};
use giljabi::value;
use giljabi::workspace::Workspace;
use std::collections::BTreeMap;

/// True when every request succeeded.
pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let from = client(arguments.from.as_deref().ok_or_else(|| Usage("say who sends: --from pod/NAME".into()))?)?;
    let to = arguments.to.as_deref().ok_or_else(|| Usage("say where to: --to URL".into()))?;
    let to = Url::parse(to).ok_or_else(|| Usage(format!("--to {to:?} is not a URL that a request can be sent to")))?;
    let mut workspace = Workspace::new(arguments.settings());
    workspace.set_files(files::read(&arguments.files)?);
    // A refused object is worth knowing before its absence is traced.
    let lines = Lines::new(&workspace);
    for diagnostic in workspace.diagnostics().iter().filter(|d| d.is_error()) {
        eprint!("{}", lines.tell(diagnostic, lang));
    }
    is_there(&workspace, &from)?;
    let request = Request::get(from, to);
    let mut world = workspace.cluster_mut().world();
    let promised = if arguments.count > 1 { predict(&world, &request) } else { None };
    let mut counted = Counted { promised: promised.unwrap_or_default(), ..Counted::default() };
    let mut series = Series::new(request);
    // Every trace is wanted by some forms; the rest tell of the first, and count.
    let all = matches!(arguments.format, Format::Json | Format::Mermaid);
    let mut sent: Vec<Sent> = Vec::new();
    for _ in 0..arguments.count {
        let one = series.send(&mut world);
        counted.add(&one);
        if all || sent.is_empty() {
            sent.push(one);
        }
    }
    let first = sent.first().map(Sent::trace).ok_or_else(|| Usage("there is nothing to send".into()))?;
    let lines = Lines::new(&workspace);
    let locate = |field: &FieldRef| workspace.locate(field).map(|l| lines.place(&l.file, l.span));
    let single = arguments.count == 1;
    match arguments.format {
        Format::Text if single => print!("{}", trace_text(&first, lang, &locate)),
        Format::Text => print!("{}", counted.text(lang, &locate)),
        Format::Json if single => println!("{}", json::to_string_pretty(&trace_json(&first, lang, &locate), 2)),
        Format::Json => {
            print!("{}", counted.json_before_traces());
            for (i, one) in sent.iter().enumerate() {
                let text = json::to_string_pretty(&trace_json(&one.trace(), lang, &locate), 2);
                let comma = if i == 0 { "" } else { "," };
                print!("{comma}\n    {}", text.replace('\n', "\n    "));
            }
            println!("\n  ]\n}}");
        }
        Format::Mermaid => sent.iter().for_each(|one| print!("{}", trace_mermaid(&one.trace(), lang))),
        Format::Svg => print!("{}", trace_svg(&first, lang)),
        Format::Pcap => save_captures(&first, arguments.out.as_deref().unwrap_or("."))?,
        other => return Err(Usage(format!("trace prints text, json, mermaid, svg or pcap, not {}", other.name()))),
    }
    Ok(counted.answered == counted.count)
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

/// Refuses a client that the cluster does not have, and names those that it has.
pub fn is_there(workspace: &Workspace, client: &Client) -> Result<(), Usage> {
    let cluster = workspace.cluster();
    let (what, names): (String, Vec<&str>) = match client {
        Client::Pod { namespace, name, .. } => {
            if cluster.store().get(&ObjectKey::new("Pod", namespace.clone(), name.clone())).is_some() {
                return Ok(());
            }
            let pods = cluster.store().list_in("Pod", namespace).map(|pod| pod.name().as_str());
            (format!("pod {name:?} in namespace {namespace:?}; its pods are"), pods.collect())
        }
        Client::Node { name } => {
            if cluster.network().routes.node(name).is_some() {
                return Ok(());
            }
            (
                format!("node {name:?}; the nodes are"),
                cluster.network().routes.nodes().iter().map(|n| n.name.as_str()).collect(),
            )
        }
        Client::Learner | Client::Outside { .. } => return Ok(()),
    };
    let names = if names.is_empty() { "none".to_string() } else { names.join(", ") };
    Err(Usage(format!("there is no {what} {names}")))
}

/// What became of all requests.
#[derive(Default)]
struct Counted {
    count: u64,
    answered: u64,
    pods: BTreeMap<ObjectKey, u64>,
    /// The shares that the rules promise; empty where no lot decides.
    promised: BTreeMap<ObjectKey, f64>,
    causes: BTreeMap<&'static str, i64>,
    /// The first of the failed ones tells what is wrong with them.
    failed: Option<Sent>,
}

impl Counted {
    fn add(&mut self, sent: &Sent) {
        self.count += 1;
        self.answered += u64::from(sent.is_success());
        if let Some(pod) = sent.pod() {
            *self.pods.entry(pod.clone()).or_default() += 1;
        }
        if let Some(cause) = sent.cause() {
            *self.causes.entry(cause).or_default() += 1;
        }
        if self.failed.is_none() && !sent.is_success() {
            self.failed = Some(sent.clone());
        }
    }

    /// How many requests each pod answered, most first.
    fn shares(&self) -> Vec<(String, u64, Option<f64>)> {
        let named = |pod: &ObjectKey| format!("{}/{}", pod.namespace, pod.name);
        let unmet = self.promised.keys().filter(|pod| !self.pods.contains_key(*pod)).map(|pod| (pod, 0));
        let met = self.pods.iter().map(|(pod, requests)| (pod, *requests));
        let mut shares: Vec<_> =
            met.chain(unmet).map(|(pod, n)| (named(pod), n, self.promised.get(pod).copied())).collect();
        shares.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        shares
    }

    fn text(&self, lang: Lang, locate: &dyn Fn(&FieldRef) -> Option<String>) -> String {
        let mut out = locale::text(
            lang,
            "export.summary",
            &[
                ("count", &self.count.to_string()),
                ("answered", &self.answered.to_string()),
                ("failed", &(self.count - self.answered).to_string()),
            ],
        );
        out.push('\n');
        for (pod, requests, promised) in self.shares() {
            let percent = requests as f64 * 100.0 / self.count as f64;
            out.push_str(&format!("{requests:>8}  {percent:>5.1} %  pod/{pod}"));
            if let Some(share) = promised {
                let share = format!("{:.1}", share * 100.0);
                out.push_str(&format!("  ({})", locale::text(lang, "export.promised", &[("percent", &share)])));
            }
            out.push('\n');
        }
        let by_answerer = self.pods.iter().map(|(pod, requests)| (Some(pod.clone()), *requests)).collect();
        if let Some(verdict) = chi_square(&Tally { by_answerer, ..Tally::default() }, &self.promised) {
            out.push_str(&verdict.words().text(lang));
            out.push('\n');
        }
        if let Some(failed) = &self.failed {
            out.push_str(&trace_text(&failed.trace(), lang, locate));
        }
        out
    }

    /// The JSON of a count up to where its traces begin, which are too many to be held at once.
    fn json_before_traces(&self) -> String {
        let pods: Vec<Value> = self
            .shares()
            .into_iter()
            .map(|(pod, requests, _)| value!({ "pod": (pod.as_str()), "requests": (requests as i64) }))
            .collect();
        let causes: Vec<Value> =
            self.causes.iter().map(|(cause, n)| value!({ "cause": (*cause), "requests": (*n) })).collect();
        let head = value!({
            "count": (self.count as i64),
            "answered": (self.answered as i64),
            "pods": pods,
            "causes": causes,
        });
        let text = json::to_string_pretty(&head, 2);
        format!("{},\n  \"traces\": [", text.trim_end_matches('}').trim_end())
    }
}
