//! Judging one check: whether it holds, and what is seen now.

use super::desk::INTERRUPTED;
use super::model::*;
use super::scene::{self, Ran, Scene};
use super::{glob, words};
use crate::api::object::Object;
use crate::api::path::{FieldPath, Segment};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::apiserver::store::Store;
use crate::arrange::{Arrange, set_of};
use crate::locale::Message;
use crate::trace::{Client, Direction, DnsRecord, Exchange, Outcome, Place, Rcode, StepKind, Trace, why};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What looking at a check gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub holds: bool,
    /// What is seen now, in words of the field.
    pub seen: Message,
}

/// The causes for which requests of a step's checks failed, gathered while they are judged: the cause's word, and what mends
/// it, in the order in which they were met.
pub type Causes = Vec<(SmolStr, Message)>;

fn found(holds: bool, seen: Message) -> Found {
    Found { holds, seen }
}

/// Judges a check. The scene is looked at, never changed: what must be tried is tried on clones.
pub fn judge<S: Scene>(check: &Check, scene: &S, causes: &mut Causes) -> Found {
    match check {
        Check::All(checks) => {
            let mut last = found(true, Message::new("seen-holds"));
            for check in checks {
                let this = judge(check, scene, causes);
                if !this.holds {
                    return this;
                }
                last = this;
            }
            last
        }
        Check::Any(checks) => {
            let mut last = found(false, Message::new("seen-nothing"));
            for check in checks {
                let this = judge(check, scene, causes);
                if this.holds {
                    return this;
                }
                last = this;
            }
            last
        }
        Check::Not(check) => {
            // What fails inside a `not` is as it should be; it names no cause.
            let inner = judge(check, scene, &mut Causes::new());
            found(!inner.holds, inner.seen)
        }
        Check::Stays { time, every, check } => stays(*time, *every, check, scene, causes),
        Check::Object(check) => object(check, scene.store()),
        Check::Endpoints { service, port, ready, bound } => {
            let count = endpoints(scene.store(), service, port.as_deref(), *ready);
            found(bound.holds(count), Message::new("seen-endpoints").with("count", count))
        }
        Check::Request { request, expect } => match send(request, scene) {
            Ok(trace) => {
                let holds = meets(expect, &trace);
                if let (false, Some(failure)) = (holds, trace.outcome.failure()) {
                    causes.push((words::cause(&failure.cause), why::cause_messages(&failure.cause).1));
                }
                found(holds, outcome_seen(&trace))
            }
            Err(what) => found(false, Message::new("seen-unsendable").with("what", what.what)),
        },
        Check::Distribution { request, requests, expect } => distribution(request, *requests, expect, scene),
        Check::Rules { node, contains, bound } => {
            let nodes = scene.store().list("Node").filter(|n| glob::matches(node, n.name()));
            let count = |n: &str| scene.rules(n).iter().filter(|line| line.contains(contains.as_str())).count() as u64;
            let counts: Vec<u64> = nodes.map(|n| count(n.name())).collect();
            let holds = !counts.is_empty() && counts.iter().all(|c| bound.holds(*c));
            let seen = counts.iter().min().copied().unwrap_or(0);
            found(holds, Message::new("seen-rules").with("count", seen))
        }
        Check::Command { line, bound } => {
            // What goes on until Ctrl-C (a port-forward, a watch) ends well that way.
            let well = |ran: &&Ran| ran.code == 0 || ran.code == INTERRUPTED;
            let ran = scene.commands().iter().filter(well).filter(|ran| glob::matches(line, &normal(&ran.line)));
            let count = ran.count() as u64;
            found(bound.holds(count), Message::new("seen-commands").with("count", count))
        }
        Check::Output { line, contains } => {
            let printed = scene.clone().run(line);
            let seen = printed.lines().find(|l| l.contains(contains.as_str())).or_else(|| printed.lines().last());
            found(printed.contains(contains.as_str()), value_seen(seen.unwrap_or("").trim()))
        }
        Check::Event { about, reason } => event(scene, about, reason),
        Check::Clean => {
            let errors = scene.errors();
            let seen = errors.first().map_or(Message::new("seen-no-errors"), |e| value_seen(e));
            found(errors.is_empty(), seen)
        }
        Check::Refused { words } => {
            let errors = scene.errors();
            let hit = errors.iter().find(|e| e.contains(words.as_str()));
            let seen = hit.or(errors.first()).map_or(Message::new("seen-no-errors"), |e| value_seen(e));
            found(hit.is_some(), seen)
        }
        Check::Cause(cause) => found(causes.iter().any(|(word, _)| word == cause), Message::new("seen-nothing")),
        Check::FileHas { file, contains } => {
            let files = scene.files();
            let mut texts = files.iter().filter(|f| glob::matches(file, &f.name));
            let holds = texts.any(|f| f.text.contains(contains.as_str()));
            found(holds, Message::new(if holds { "seen-holds" } else { "seen-nothing" }))
        }
    }
}

/// `k get svc` and `kubectl  get   svc` are one.
pub fn normal(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    if words.first() == Some(&"k") {
        words[0] = "kubectl";
    }
    words.join(" ")
}

fn value_seen(text: &str) -> Message {
    if text.is_empty() {
        return Message::new("seen-nothing");
    }
    let mut short: String = text.chars().take(120).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Message::new("seen-value").with("value", short)
}

fn stays<S: Scene>(time: Duration, every: Duration, check: &Check, scene: &S, causes: &mut Causes) -> Found {
    let mut ahead = scene.clone();
    let mut gone = Duration::ZERO;
    loop {
        let this = judge(check, &ahead, causes);
        if !this.holds || gone >= time {
            return this;
        }
        ahead.run_for(every);
        gone = gone + every;
    }
}

fn event<S: Scene>(scene: &S, about: &str, reason: &str) -> Found {
    let parts: Vec<&str> = about.split('/').collect();
    let (kind, namespace, name) = match parts[..] {
        [kind, name] => (kind, "default", name),
        [kind, namespace, name] => (kind, namespace, name),
        _ => ("", "", ""),
    };
    let events = scene.events();
    let mut fitting = events.iter().filter(|e| {
        e.kind == kind && e.namespace == namespace && glob::matches(name, e.name) && glob::matches(reason, e.reason)
    });
    match fitting.next() {
        Some(event) => found(true, value_seen(event.reason)),
        None => found(false, Message::new("seen-nothing")),
    }
}

fn object(check: &ObjectCheck, store: &Store) -> Found {
    let of_kind = store.list(&check.kind).filter(|o| {
        (o.namespace().is_empty() || glob::matches(&check.namespace, o.namespace()))
            && glob::matches(&check.name, o.name())
            && !o.is_terminating()
    });
    let objects: Vec<&Object> = of_kind.map(|o| &**o).collect();
    let Some(field) = &check.field else {
        let count = objects.len() as u64;
        return found(check.bound.holds(count), Message::new("seen-count").with("count", count));
    };
    let path = FieldPath::new(field.clone());
    let mut values = Vec::new();
    for object in &objects {
        select(&object.value, &path.segments(), &mut values);
    }
    let count = values.iter().filter(|v| passes(&check.test, v)).count() as u64;
    let shown: Vec<SmolStr> = values.iter().take(5).map(|v| show(v)).collect();
    // An object that is not there has no field either; for "no such value" that is not enough to hold.
    let holds = check.bound.holds(count) && (check.bound.at_most > 0 || !objects.is_empty());
    found(holds, if objects.is_empty() { Message::new("seen-nothing") } else { value_seen(&shown.join(", ")) })
}

fn passes(test: &ValueTest, value: &Value) -> bool {
    match test {
        ValueTest::Exists => !value.is_null(),
        ValueTest::Equals(wanted) => value == wanted,
        ValueTest::Matches(pattern) => glob::matches(pattern, &show(value)),
    }
}

fn show(value: &Value) -> SmolStr {
    match value {
        Value::String(s) => s.clone(),
        Value::Int(i) => i.to_smolstr(),
        Value::Bool(b) => b.to_smolstr(),
        Value::Float(f) => f.to_smolstr(),
        Value::Null => SmolStr::default(),
        Value::List(items) => items.iter().map(|i| show(i).to_string()).collect::<Vec<_>>().join(", ").into(),
        Value::Map(map) => map.iter().map(|(k, v)| format!("{k}={}", show(v))).collect::<Vec<_>>().join(",").into(),
    }
}

/// The values at a path: `[*]` is every item (or every value of a map), `[name=http]` the items with that field.
fn select<'a>(value: &'a Value, path: &[Segment<'_>], out: &mut Vec<&'a Value>) {
    let Some((first, rest)) = path.split_first() else {
        out.push(value);
        return;
    };
    match (first, value) {
        (Segment::Key("*"), Value::List(items)) => items.iter().for_each(|item| select(item, rest, out)),
        (Segment::Key("*"), Value::Map(map)) => map.iter().for_each(|(_, item)| select(item, rest, out)),
        (Segment::Key(key), Value::List(items)) => {
            let Some((field, wanted)) = key.split_once('=') else { return };
            for item in items.iter().filter(|i| i.get(field).is_some_and(|v| show(v) == wanted)) {
                select(item, rest, out);
            }
        }
        (Segment::Index(i), Value::List(items)) => {
            if let Some(item) = items.get(*i) {
                select(item, rest, out);
            }
        }
        (Segment::Field(name) | Segment::Key(name), Value::Map(map)) => {
            if let Some(item) = map.get(name) {
                select(item, rest, out);
            }
        }
        _ => {}
    }
}

/// How many addresses the slices of a Service list (under the port of that name, if one is named).
pub fn endpoints(store: &Store, service: &str, port: Option<&str>, ready: bool) -> u64 {
    let (namespace, name) = service.split_once('/').unwrap_or(("default", service));
    let selector = [("kubernetes.io/service-name".into(), name.into())];
    let mut addresses = BTreeSet::new();
    for slice in store.select("EndpointSlice", namespace, &selector) {
        let has_port = match port {
            Some(port) => slice.value.items_at(&["ports"]).iter().any(|p| p.text("name") == port),
            None => !slice.value.items_at(&["ports"]).is_empty(),
        };
        if !has_port {
            continue;
        }
        for endpoint in slice.value.items_at(&["endpoints"]) {
            // A missing condition counts as ready.
            let is_ready = endpoint.at(&["conditions", "ready"]).and_then(Value::as_bool) != Some(false);
            if is_ready == ready {
                addresses.extend(endpoint.items("addresses").iter().filter_map(Value::as_str));
            }
        }
    }
    addresses.len() as u64
}

/// Sends a request on a clone.
pub fn send<S: Scene>(spec: &RequestSpec, scene: &S) -> Result<Trace, scene::Unsendable> {
    let request = scene::request(scene.store(), spec)?;
    Ok(scene.clone().send(&request))
}

/// Whether a trace is what was expected.
pub fn meets(expect: &Expect, trace: &Trace) -> bool {
    let outcome = &trace.outcome;
    let response = match outcome {
        Outcome::Answered { response, .. } => Some(response),
        Outcome::Failed(_) => None,
    };
    let dns = Dns::of(trace);
    let is = |wanted: &Option<SmolStr>, actual: Option<&str>| {
        wanted.as_ref().is_none_or(|w| actual.is_some_and(|a| glob::matches(w, a)))
    };
    let within = |bound: &Option<Bound>, count: usize| bound.is_none_or(|b| b.holds(count as u64));
    expect.ok.is_none_or(|ok| outcome.is_success() == ok)
        && expect.status.is_none_or(|s| response.is_some_and(|r| r.status == s))
        && is(&expect.symptom, Some(&words::symptom(outcome)))
        && is(&expect.cause, outcome.failure().map(|f| words::cause(&f.cause)).as_deref())
        && is(&expect.pod, response.and_then(|r| r.pod.as_ref()).map(|p| p.name.as_str()))
        && expect.body.as_ref().is_none_or(|b| response.is_some_and(|r| r.body.contains(b.as_str())))
        && expect.source.as_ref().is_none_or(|wanted| source_is(wanted, trace))
        && within(&expect.kernels, kernels(trace))
        && within(&expect.queries, dns.queries)
        && within(&expect.addresses, dns.records.iter().filter(|r| r.address().is_some()).count())
        && is(&expect.rcode, dns.rcode.map(Rcode::name))
        && expect.record.as_ref().is_none_or(|w| dns.all.iter().any(|r| glob::matches(w, &r.data)))
        && expect.rule.as_ref().is_none_or(|wanted| {
            steps(trace).any(|k| matches!(k, StepKind::RuleMatched { rule, .. } if rule.contains(wanted.as_str())))
        })
}

fn steps(trace: &Trace) -> impl Iterator<Item = &StepKind> {
    trace.hops.iter().flat_map(|hop| &hop.steps).map(|step| &step.kind)
}

/// The nodes whose kernels the request passes on its way there.
fn kernels(trace: &Trace) -> usize {
    let there = trace.hops.iter().filter(|h| h.direction == Direction::Request);
    let not_dns = there.filter(|h| !matches!(h.exchange, Exchange::Dns(_)));
    let nodes: BTreeSet<&SmolStr> = set_of(not_dns.filter_map(|h| match &h.at {
        Place::Kernel { node } | Place::Node { node } | Place::Pod { node, .. } => Some(node),
        _ => None,
    }));
    nodes.len()
}

/// What DNS said.
struct Dns<'a> {
    /// How many names were asked for.
    queries: usize,
    rcode: Option<Rcode>,
    /// Of the last answer.
    records: &'a [DnsRecord],
    all: Vec<&'a DnsRecord>,
}

impl Dns<'_> {
    fn of(trace: &Trace) -> Dns<'_> {
        let mut dns = Dns { queries: 0, rcode: None, records: &[], all: Vec::new() };
        let mut asked = None;
        for step in steps(trace) {
            match step {
                // Names that are asked for; A and AAAA of one name count once.
                StepKind::DnsQuery { name, .. } if asked != Some(name) => {
                    asked = Some(name);
                    dns.queries += 1;
                }
                StepKind::DnsAnswer { rcode, records, .. } => {
                    // Of the answers to one name the one with records tells (A before AAAA).
                    if dns.records.is_empty() || !records.is_empty() {
                        dns.rcode = Some(*rcode);
                        dns.records = records;
                    }
                    dns.all.extend(records);
                }
                _ => {}
            }
        }
        dns
    }
}

/// The address that the client itself has, as its first packet says.
fn own_address(trace: &Trace) -> Option<IpAddr> {
    if let Client::Outside { ip } = trace.request.from {
        return Some(ip);
    }
    steps(trace).find_map(|step| match step {
        StepKind::Connect { packet } => Some(packet.src.ip()),
        _ => None,
    })
}

fn source_is(wanted: &str, trace: &Trace) -> bool {
    let Outcome::Answered { response, .. } = &trace.outcome else { return false };
    let Some(seen) = response.seen_source.map(|s| s.ip()) else { return false };
    let own = own_address(trace);
    match wanted {
        "client" => own == Some(seen),
        "changed" => own.is_some_and(|own| own != seen),
        pattern => glob::matches(pattern, &seen.to_string()),
    }
}

fn outcome_seen(trace: &Trace) -> Message {
    match &trace.outcome {
        Outcome::Answered { response, .. } => {
            let pod = response.pod.as_ref().map(|p| p.to_string()).unwrap_or_default();
            match response.seen_source {
                Some(source) => Message::new("seen-answer-from")
                    .with("status", response.status)
                    .with("pod", pod)
                    .with("source", source.ip()),
                None => Message::new("seen-answer").with("status", response.status).with("pod", pod),
            }
        }
        Outcome::Failed(_) => why::symptom_message(&trace.outcome),
    }
}

fn distribution<S: Scene>(spec: &RequestSpec, requests: u32, expect: &Spread, scene: &S) -> Found {
    let request = match scene::request(scene.store(), spec) {
        Ok(request) => request,
        Err(what) => return found(false, Message::new("seen-unsendable").with("what", what.what)),
    };
    let mut ahead = scene.clone();
    let mut answers: BTreeMap<SmolStr, u32> = BTreeMap::new();
    for _ in 0..requests {
        let trace = ahead.send(&request);
        if let Outcome::Answered { response, .. } = &trace.outcome
            && trace.outcome.is_success()
            && let Some(pod) = &response.pod
        {
            *answers.entry(pod.name.clone()).or_default() += 1;
        }
    }
    let mut shares: Vec<f64> = answers.values().map(|n| f64::from(*n) / f64::from(requests.max(1))).collect();
    shares.arrange_by(|a, b| b.total_cmp(a));
    let near = expect.shares.len() <= shares.len()
        && shares.iter().zip(&expect.shares).all(|(is, wanted)| (is - wanted).abs() <= expect.tolerance)
        && (expect.shares.is_empty() || expect.shares.len() == shares.len());
    let holds = near && !shares.is_empty() && expect.pods.is_none_or(|b| b.holds(answers.len() as u64));
    let shown: Vec<String> = shares.iter().take(6).map(|s| format!("{:.0}%", s * 100.0)).collect();
    found(holds, Message::new("seen-shares").with("pods", answers.len()).with("shares", shown.join(", ")))
}
