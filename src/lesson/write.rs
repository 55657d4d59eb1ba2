//! A lesson as the text of its files, in the words that `read` and `text` read back: what the authoring page saves, and a
//! lesson's way into a link.

use super::course::Folder;
use super::model::*;
use super::read::FILE;
use super::text::Words;
use crate::api::json;
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::api::yaml::resolve_plain;
use smol_str::SmolStr;

/// The folder of a lesson. `shared` are the background manifests that any lesson may name; others go into its own `world/`.
pub fn folder(lesson: &Lesson, ko: Option<&Words>, en: Option<&Words>, shared: &[File]) -> Folder {
    let file = |name: &str, text: String| File { name: name.into(), text };
    let mut files = vec![file(FILE, lesson_yaml(lesson))];
    files.extend(ko.map(|words| file("ko.md", words_md(words))));
    files.extend(en.map(|words| file("en.md", words_md(words))));
    files.extend(lesson.start.iter().map(|f| file(&format!("start/{}", f.name), f.text.clone())));
    let own = lesson.world.iter().filter(|f| !shared.contains(f));
    files.extend(own.map(|f| file(&format!("world/{}", f.name), f.text.clone())));
    Folder { id: lesson.id.clone(), files }
}

/// `lesson.yaml`.
pub fn lesson_yaml(lesson: &Lesson) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("track: {}", scalar(&lesson.track)));
    line(format!("place: {}", lesson.place));
    for (key, list) in [("notes", &lesson.notes), ("errata", &lesson.errata), ("docs", &lesson.docs)] {
        if !list.is_empty() {
            line(format!("{key}: {}", flow_list(list.iter().map(|text| scalar(text)))));
        }
    }
    if lesson.cluster != ClusterSpec::default() {
        line(format!("cluster: {}", cluster(&lesson.cluster)));
    }
    if !lesson.world.is_empty() {
        line(format!("world: {}", flow_list(lesson.world.iter().map(|f| scalar(&f.name)))));
    }
    if !lesson.before.is_empty() {
        line("before:".to_string());
        lesson.before.iter().for_each(|action| line(format!("- {}", self::action(action))));
    }
    if let Some(par) = lesson.par {
        line(format!("par: {par}"));
    }
    if let Some(reason) = &lesson.one_way {
        line(format!("one-way: {}", scalar(reason)));
    }
    if let Some(draw) = &lesson.draw {
        line(format!("draw:\n  count: {}\n  faults:", draw.count));
        for fault in &draw.faults {
            let mut flow = Flow::default();
            for (key, text) in [("file", &fault.file), ("from", &fault.from), ("to", &fault.to), ("turn", &fault.turn)]
            {
                flow.put(key, scalar(text));
            }
            flow.text("also", &fault.also);
            line(format!("    {}: {}", scalar(&fault.id), flow.end()));
        }
    }
    line(if lesson.steps.is_empty() { "steps: []" } else { "steps:" }.to_string());
    for step in &lesson.steps {
        line(format!("- id: {}\n  kind: {}\n  points: {}", scalar(&step.id), step.kind.name(), step.points));
        if let Some(question) = &step.question {
            line(format!("  question: {}", self::question(question)));
        }
        if !step.checks.is_empty() {
            line("  checks:".to_string());
            step.checks.iter().for_each(|c| line(format!("    {}: {}", scalar(&c.id), check(&c.check))));
        }
        if !step.turns.is_empty() {
            line("  turns:".to_string());
            step.turns.iter().for_each(|t| line(format!("    {}: {}", scalar(&t.id), check(&t.when))));
        }
    }
    if !lesson.solutions.is_empty() {
        line("solutions:".to_string());
        for walk in &lesson.solutions {
            line(format!("  {}:{}", scalar(&walk.id), if walk.actions.is_empty() { " []" } else { "" }));
            walk.actions.iter().for_each(|action| line(format!("  - {}", self::action(action))));
        }
    }
    if !lesson.wrong.is_empty() {
        line("wrong:".to_string());
        for walk in &lesson.wrong {
            let (step, turn) = walk.fails.clone().unwrap_or_default();
            line(format!("  {}:\n    fails: {}\n    turn: {}", scalar(&walk.id), scalar(&step), scalar(&turn)));
            line(format!("    do:{}", if walk.actions.is_empty() { " []" } else { "" }));
            walk.actions.iter().for_each(|action| line(format!("    - {}", self::action(action))));
        }
    }
    out
}

/// A language's file.
pub fn words_md(words: &Words) -> String {
    let mut out = format!("# {}\n{}\n", words.title, words.intro);
    for step in &words.steps {
        out.push_str(&format!("\n## {} {}\n", step.id, step.title));
        if !step.task.is_empty() {
            out.push_str(&format!("{}\n", step.task));
        }
        if !step.ask.is_empty() {
            out.push_str(&format!("- ask: {}\n", step.ask));
        }
        for (word, rows) in [("check", &step.checks), ("choice", &step.choices)] {
            rows.iter().for_each(|(id, text)| out.push_str(&format!("- {word} {id}: {text}\n")));
        }
        step.hints.iter().for_each(|hint| out.push_str(&format!("- hint: {hint}\n")));
        step.turns.iter().for_each(|(id, text)| out.push_str(&format!("- turn {id}: {text}\n")));
    }
    out.push_str(&format!("\n## solved\n{}\n\n## cheat\n{}\n", words.solved, words.cheat));
    out
}

/// A text as YAML has it: plain where that is sure to be read as the same text.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ['_', '.', '/', '-'].contains(&c);
    let safe = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain);
    if safe && resolve_plain(text) == Value::String(text.into()) { text.to_string() } else { json::quote(text) }
}

fn flow_list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// The entries of a map in flow style, in their order.
#[derive(Default)]
struct Flow(Vec<String>);

impl Flow {
    fn put(&mut self, key: &str, value: String) {
        self.0.push(format!("{key}: {value}"));
    }

    fn text(&mut self, key: &str, value: &Option<SmolStr>) {
        if let Some(value) = value {
            self.put(key, scalar(value));
        }
    }

    fn end(self) -> String {
        format!("{{{}}}", self.0.join(", "))
    }

    /// `count`, `at-least`, `at-most`; nothing where "some" is meant.
    fn bound(&mut self, bound: Bound) {
        let Bound { at_least, at_most } = bound;
        if bound == Bound::SOME {
        } else if at_least == at_most {
            self.put("count", at_least.to_string());
        } else {
            if at_least > 0 {
                self.put("at-least", at_least.to_string());
            }
            if at_most < u64::MAX {
                self.put("at-most", at_most.to_string());
            }
        }
    }
}

fn bound_of(bound: Bound) -> String {
    if bound.at_least == bound.at_most {
        return bound.at_least.to_string();
    }
    let mut flow = Flow::default();
    flow.bound(bound);
    flow.end()
}

fn time(time: Duration) -> String {
    if time.0.is_multiple_of(1_000_000) { format!("{}s", time.0 / 1_000_000) } else { format!("{}ms", time.0 / 1_000) }
}

fn cluster(spec: &ClusterSpec) -> String {
    let usual = ClusterSpec::default();
    let mut flow = Flow::default();
    if spec.nodes != usual.nodes {
        flow.put("nodes", spec.nodes.to_string());
    }
    if spec.proxy != usual.proxy {
        flow.put("proxy", scalar(&spec.proxy));
    }
    if spec.load_balancer != usual.load_balancer {
        flow.put("load-balancer", scalar(&spec.load_balancer));
    }
    if spec.seed != usual.seed {
        flow.put("seed", spec.seed.to_string());
    }
    if spec.real_time != usual.real_time {
        flow.put("latencies", "none".to_string());
    }
    flow.end()
}

fn request(spec: &RequestSpec) -> String {
    let mut flow = Flow::default();
    flow.put("from", scalar(&spec.from));
    flow.put("to", scalar(&spec.to));
    flow.text("via", &spec.via);
    if spec.insecure {
        flow.put("insecure", "true".to_string());
    }
    flow.end()
}

fn expect(flow: &mut Flow, of: &Expect) {
    if let Some(ok) = of.ok {
        flow.put("ok", ok.to_string());
    }
    if let Some(status) = of.status {
        flow.put("status", status.to_string());
    }
    for (key, value) in [
        ("symptom", &of.symptom),
        ("cause", &of.cause),
        ("pod", &of.pod),
        ("source", &of.source),
        ("body", &of.body),
        ("rcode", &of.rcode),
        ("record", &of.record),
        ("rule", &of.rule),
    ] {
        flow.text(key, value);
    }
    for (key, bound) in [("kernels", of.kernels), ("queries", of.queries), ("addresses", of.addresses)] {
        if let Some(bound) = bound {
            flow.put(key, bound_of(bound));
        }
    }
}

fn question(of: &Question) -> String {
    let mut flow = Flow::default();
    if let Some(spec) = &of.request {
        flow.put("request", request(spec));
        let mut choices = Flow::default();
        for choice in &of.choices {
            let mut expected = Flow::default();
            expect(&mut expected, choice.expect.as_ref().unwrap_or(&Expect::default()));
            choices.put(&scalar(&choice.id), expected.end());
        }
        flow.put("choices", choices.end());
    } else {
        flow.put("right", of.choices.iter().find(|c| c.right).map_or(String::new(), |c| scalar(&c.id)));
        flow.put("choices", flow_list(of.choices.iter().map(|c| scalar(&c.id))));
    }
    flow.end()
}

/// A check in flow style, as it stands behind its name.
pub fn check(of: &Check) -> String {
    let mut flow = Flow::default();
    match of {
        Check::All(checks) => flow.put("all", flow_list(checks.iter().map(check))),
        Check::Any(checks) => flow.put("any", flow_list(checks.iter().map(check))),
        Check::Not(inner) => flow.put("not", check(inner)),
        Check::Stays { time: long, every, check: inner } => {
            flow.put("stays", check(inner));
            flow.put("for", time(*long));
            flow.put("every", time(*every));
        }
        Check::Object(of) => object(&mut flow, of),
        Check::Endpoints { service, port, ready, bound } => {
            flow.put("endpoints", scalar(service));
            flow.text("port", port);
            if !ready {
                flow.put("ready", "false".to_string());
            }
            flow.bound(*bound);
        }
        Check::Request { request: spec, expect: expected } => {
            flow.put("request", request(spec));
            expect(&mut flow, expected);
        }
        Check::Distribution { request: spec, requests, expect: spread } => {
            flow.put("distribution", request(spec));
            flow.put("requests", requests.to_string());
            if let Some(pods) = spread.pods {
                flow.put("pods", bound_of(pods));
            }
            if !spread.shares.is_empty() {
                flow.put("shares", flow_list(spread.shares.iter().map(f64::to_string)));
            }
            flow.put("tolerance", spread.tolerance.to_string());
        }
        Check::Rules { node, contains, bound } => {
            flow.put("rules", scalar(contains));
            if node != "*" {
                flow.put("node", scalar(node));
            }
            flow.bound(*bound);
        }
        Check::Command { line, bound } => {
            flow.put("command", scalar(line));
            flow.bound(*bound);
        }
        Check::Output { line, contains } => {
            flow.put("output", scalar(line));
            flow.put("contains", scalar(contains));
        }
        Check::Event { about, reason } => {
            flow.put("event", scalar(about));
            flow.put("reason", scalar(reason));
        }
        Check::Clean => flow.put("clean", String::new()),
        Check::Refused { words } => flow.put("refused", scalar(words)),
        Check::Cause(cause) => flow.put("cause", scalar(cause)),
        Check::FileHas { file, contains } => {
            flow.put("file", scalar(file));
            flow.put("contains", scalar(contains));
        }
    }
    flow.end()
}

fn object(flow: &mut Flow, of: &ObjectCheck) {
    let name = if of.namespace == "default" {
        format!("{}/{}", of.kind, of.name)
    } else {
        format!("{}/{}/{}", of.kind, of.namespace, of.name)
    };
    flow.put("object", scalar(&name));
    flow.text("field", &of.field);
    match &of.test {
        ValueTest::Exists => {}
        ValueTest::Equals(value) => flow.put("equals", json::to_string(value)),
        ValueTest::Matches(pattern) => flow.put("matches", scalar(pattern)),
    }
    if of.bound == (Bound { at_least: 0, at_most: 0 }) {
        flow.put("exists", "false".to_string());
    } else {
        flow.bound(of.bound);
    }
}

/// An action, as it stands in a list.
fn action(of: &Action) -> String {
    let mut flow = Flow::default();
    match of {
        Action::Edit { file, from, to } => {
            for (key, text) in [("file", file), ("from", from), ("to", to)] {
                flow.put(key, scalar(text));
            }
            format!("edit: {}", flow.end())
        }
        Action::Write { file, text } => {
            flow.put("file", scalar(file));
            flow.put("text", scalar(text));
            format!("write: {}", flow.end())
        }
        Action::Remove { file } => format!("remove: {}", scalar(file)),
        Action::Run { line } => format!("run: {}", scalar(line)),
        Action::Answer { step, choice } => format!("answer: {{{}: {}}}", scalar(step), scalar(choice)),
        Action::Wait(long) => format!("wait: {}", time(*long)),
        Action::Power { node, up } => {
            format!("power: {{{}: {}}}", scalar(node), if *up { "up" } else { "down" })
        }
    }
}
