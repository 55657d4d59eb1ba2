//! `lesson.yaml` → [`Lesson`], through the project's own YAML reader, so that every complaint names file and line.
//!
//! A lesson may come from a stranger: every size is bounded, every key is known, and nothing in it runs.

use super::model::*;
use super::{glob, keys, words};
use crate::api::parse::{Content, Manifest, Node, parse};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::locale::Message;
use crate::text::LineIndex;
use smol_str::{SmolStr, format_smolstr};

/// The largest folder of a lesson, all files together.
pub const MAX_BYTES: usize = 256 << 10;
pub const MAX_STEPS: usize = 20;
pub const MAX_CHECKS: usize = 20;
pub const MAX_WALKS: usize = 40;
pub const MAX_ACTIONS: usize = 40;
/// Checks inside checks.
const MAX_DEPTH: usize = 6;
/// The longest `stays` and `wait`.
pub const MAX_TIME: Duration = Duration::secs(600);
pub const MAX_REQUESTS: i64 = 200;

/// Something wrong with a lesson's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From one; 0 when it is about the whole file.
    pub line: u32,
    pub message: Message,
}

/// Reads `lesson.yaml`. `id` is the folder's name. Files that it names are put in by [`super::folder`].
pub(super) fn lesson(id: &str, text: &str) -> Result<(Lesson, Vec<SmolStr>), Vec<Problem>> {
    let (manifests, diagnostics) = parse(FILE, text);
    let mut reader = Reader { index: LineIndex::new(text), text, problems: Vec::new() };
    for diagnostic in diagnostics {
        let message = diagnostic
            .explanation
            .unwrap_or_else(|| Message::new("lesson-yaml").with("words", diagnostic.verbatim.clone()));
        reader.problem(diagnostic.span.start, message);
    }
    let result = match &manifests[..] {
        [Manifest { value, node, .. }] => reader.lesson(id, At { value, node }),
        _ => {
            reader.problem(0, Message::new("lesson-one-document"));
            Default::default()
        }
    };
    if reader.problems.is_empty() { Ok(result) } else { Err(reader.problems) }
}

/// The file's name.
pub const FILE: &str = "lesson.yaml";

struct Reader<'a> {
    text: &'a str,
    index: LineIndex,
    problems: Vec<Problem>,
}

/// A value and where it stands.
#[derive(Clone, Copy)]
struct At<'a> {
    value: &'a Value,
    node: &'a Node,
}

impl<'a> At<'a> {
    /// The entries of a map, in the order in which they are written.
    fn entries(self) -> Vec<(&'a SmolStr, u32, At<'a>)> {
        let Content::Map(entries) = &self.node.content else { return Vec::new() };
        entries
            .iter()
            .filter_map(|e| Some((&e.key, e.key_span.start, At { value: self.value.get(&e.key)?, node: &e.value })))
            .collect()
    }

    fn get(self, key: &str) -> Option<At<'a>> {
        let Content::Map(entries) = &self.node.content else { return None };
        let entry = entries.iter().rev().find(|e| e.key == key)?;
        Some(At { value: self.value.get(key)?, node: &entry.value })
    }

    fn items(self) -> Option<Vec<At<'a>>> {
        let (Content::List(nodes), Value::List(values)) = (&self.node.content, self.value) else { return None };
        Some(values.iter().zip(nodes).map(|(value, node)| At { value, node }).collect())
    }
}

impl<'a> Reader<'a> {
    fn problem(&mut self, offset: u32, message: Message) {
        let line = self.index.line_column(offset as usize, self.text).line;
        // A file that is wrong everywhere need not be told so more often than anybody reads.
        if self.problems.len() < 50 {
            self.problems.push(Problem { file: FILE.into(), line, message });
        }
    }

    fn bad(&mut self, at: At, expected: &str) {
        self.problem(at.node.span.start, Message::new("lesson-expected").with("what", expected));
    }

    /// Complains about keys that are not known.
    fn keys(&mut self, at: At, known: &[&str]) {
        if at.value.as_map().is_none() {
            return self.bad(at, &format!("{{{}}}", known.join(", ")));
        }
        for (key, offset, _) in at.entries() {
            if !known.contains(&key.as_str()) {
                let message = Message::new("lesson-unknown-key").with("key", key).with("known", known.join(", "));
                self.problem(offset, message);
            }
        }
    }

    fn text(&mut self, at: At) -> SmolStr {
        match at.value {
            Value::String(s) => s.clone(),
            Value::Int(i) => format_smolstr!("{i}"),
            Value::Bool(b) => format_smolstr!("{b}"),
            _ => {
                self.bad(at, "text");
                SmolStr::default()
            }
        }
    }

    fn text_at(&mut self, at: At, key: &str) -> SmolStr {
        match at.get(key) {
            Some(found) => self.text(found),
            None => {
                self.problem(at.node.span.start, Message::new("lesson-missing-key").with("key", key));
                SmolStr::default()
            }
        }
    }

    fn optional(&mut self, at: At, key: &str) -> Option<SmolStr> {
        at.get(key).map(|found| self.text(found))
    }

    fn number(&mut self, at: At, low: i64, high: i64) -> i64 {
        match at.value.as_i64().filter(|n| (low..=high).contains(n)) {
            Some(n) => n,
            None => {
                self.bad(at, &format!("{low}–{high}"));
                low
            }
        }
    }

    fn bool(&mut self, at: At) -> bool {
        at.value.as_bool().unwrap_or_else(|| {
            self.bad(at, "true, false");
            false
        })
    }

    fn list(&mut self, at: At<'a>, most: usize) -> Vec<At<'a>> {
        let Some(mut items) = at.items() else {
            self.bad(at, "[…]");
            return Vec::new();
        };
        if items.len() > most {
            self.problem(at.node.span.start, Message::new("lesson-too-many").with("most", most));
            items.truncate(most);
        }
        items
    }

    fn texts(&mut self, at: At<'a>, key: &str) -> Vec<SmolStr> {
        let Some(found) = at.get(key) else { return Vec::new() };
        self.list(found, 100).into_iter().map(|item| self.text(item)).collect()
    }

    /// `30s`, `500ms`, `2m`.
    fn duration(&mut self, at: At) -> Duration {
        let text = self.text(at);
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let factor = match unit {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            _ => 0,
        };
        let time = Duration(digits.parse::<u64>().unwrap_or(0).saturating_mul(factor));
        if time == Duration::ZERO || time > MAX_TIME {
            self.bad(at, "500ms, 30s, 2m (≤ 10m)");
        }
        Duration(time.0.min(MAX_TIME.0))
    }

    fn one_of(&mut self, at: At, known: &[&str]) -> SmolStr {
        let text = self.text(at);
        if !known.contains(&text.as_str()) {
            self.bad(at, &known.join(", "));
        }
        text
    }

    fn word(&mut self, at: At, is_known: impl Fn(&str) -> bool) -> SmolStr {
        let text = self.text(at);
        if !is_known(&text) {
            self.problem(at.node.span.start, Message::new("lesson-unknown-word").with("word", &text));
        }
        text
    }

    fn lesson(&mut self, id: &str, at: At<'a>) -> (Lesson, Vec<SmolStr>) {
        self.keys(at, keys::LESSON);
        let mut lesson = Lesson {
            id: id.into(),
            track: self.text_at(at, "track"),
            notes: self.texts(at, "notes"),
            errata: self.texts(at, "errata"),
            docs: self.texts(at, "docs"),
            ..Lesson::default()
        };
        if let Some(place) = at.get("place") {
            lesson.place = self.number(place, 0, 1_000);
        }
        if let Some(par) = at.get("par") {
            lesson.par = Some(self.number(par, 1, 1_000) as u32);
        }
        lesson.one_way = self.optional(at, "one-way");
        if let Some(cluster) = at.get("cluster") {
            lesson.cluster = self.cluster(cluster);
        }
        if let Some(before) = at.get("before") {
            lesson.before = self.actions(before);
        }
        match at.get("steps") {
            Some(steps) => {
                lesson.steps = self.list(steps, MAX_STEPS).into_iter().map(|step| self.step(step)).collect();
            }
            None => self.problem(at.node.span.start, Message::new("lesson-missing-key").with("key", "steps")),
        }
        if let Some(draw) = at.get("draw") {
            lesson.draw = Some(self.draw(draw));
        }
        if let Some(walks) = at.get("solutions") {
            lesson.solutions = self.walks(walks);
        }
        if let Some(walks) = at.get("wrong") {
            lesson.wrong = self.walks(walks);
        }
        let world = self.texts(at, "world");
        (lesson, world)
    }

    fn cluster(&mut self, at: At<'a>) -> ClusterSpec {
        self.keys(at, keys::CLUSTER);
        let mut cluster = ClusterSpec::default();
        if let Some(nodes) = at.get("nodes") {
            cluster.nodes = self.number(nodes, 1, 20) as usize;
        }
        if let Some(proxy) = at.get("proxy") {
            cluster.proxy = self.one_of(proxy, keys::PROXIES);
        }
        if let Some(provider) = at.get("load-balancer") {
            cluster.load_balancer = self.one_of(provider, keys::BALANCERS);
        }
        if let Some(seed) = at.get("seed") {
            cluster.seed = self.number(seed, 0, i64::MAX) as u64;
        }
        if let Some(latencies) = at.get("latencies") {
            cluster.real_time = self.one_of(latencies, keys::LATENCIES) == "real";
        }
        cluster
    }

    fn step(&mut self, at: At<'a>) -> Step {
        self.keys(at, keys::STEP);
        let kind = self.text_at(at, "kind");
        let mut step = Step { id: self.text_at(at, "id"), points: 10, ..Step::default() };
        match TaskKind::ALL.iter().find(|(name, _)| *name == kind) {
            Some((_, kind)) => step.kind = *kind,
            None => self.bad(at, &TaskKind::ALL.map(|(name, _)| name).join(", ")),
        }
        if let Some(points) = at.get("points") {
            step.points = self.number(points, 1, 100) as u32;
        }
        if let Some(checks) = at.get("checks") {
            for (id, _, check) in checks.entries().into_iter().take(MAX_CHECKS) {
                step.checks.push(NamedCheck { id: id.clone(), check: self.check(check, 0) });
            }
        }
        if let Some(turns) = at.get("turns") {
            for (id, _, when) in turns.entries().into_iter().take(MAX_CHECKS) {
                step.turns.push(Turn { id: id.clone(), when: self.check(when, 0) });
            }
        }
        step.question = at.get("question").map(|question| self.question(question));
        if step.checks.is_empty() && step.question.is_none() {
            self.problem(at.node.span.start, Message::new("lesson-step-empty").with("step", &step.id));
        }
        step
    }

    fn question(&mut self, at: At<'a>) -> Question {
        self.keys(at, keys::QUESTION);
        let request = at.get("request").map(|request| self.request(request));
        let mut question = Question { request, choices: Vec::new() };
        let Some(choices) = at.get("choices") else {
            self.problem(at.node.span.start, Message::new("lesson-missing-key").with("key", "choices"));
            return question;
        };
        if question.request.is_some() {
            for (id, _, expect) in choices.entries().into_iter().take(8) {
                let expect = self.expect(expect, &[]);
                question.choices.push(Choice { id: id.clone(), right: false, expect: Some(expect) });
            }
        } else {
            let right = self.text_at(at, "right");
            for item in self.list(choices, 8) {
                let id = self.text(item);
                question.choices.push(Choice { right: id == right, id, expect: None });
            }
            if !question.choices.iter().any(|c| c.right) {
                self.bad(at, "right");
            }
        }
        if question.choices.len() < 2 {
            self.bad(choices, "2–8");
        }
        question
    }

    fn draw(&mut self, at: At<'a>) -> Draw {
        self.keys(at, keys::DRAW);
        let mut draw = Draw { count: 1, faults: Vec::new() };
        if let Some(count) = at.get("count") {
            draw.count = self.number(count, 1, 8) as usize;
        }
        let faults = at.get("faults").map(|f| f.entries()).unwrap_or_default();
        for (id, _, fault) in faults.into_iter().take(30) {
            self.keys(fault, keys::FAULT);
            draw.faults.push(Fault {
                id: id.clone(),
                file: self.text_at(fault, "file"),
                from: self.text_at(fault, "from"),
                to: self.text_at(fault, "to"),
                turn: self.text_at(fault, "turn"),
                also: self.optional(fault, "also"),
            });
        }
        if draw.faults.len() < draw.count {
            self.bad(at, "faults");
        }
        draw
    }

    fn walks(&mut self, at: At<'a>) -> Vec<Walk> {
        let mut walks = Vec::new();
        for (id, _, walk) in at.entries().into_iter().take(MAX_WALKS) {
            let mut read = Walk { id: id.clone(), ..Walk::default() };
            if walk.items().is_some() {
                read.actions = self.actions(walk);
            } else {
                self.keys(walk, keys::WALK);
                read.fails = Some((self.text_at(walk, "fails"), self.text_at(walk, "turn")));
                match walk.get("do") {
                    Some(actions) => read.actions = self.actions(actions),
                    None => self.problem(walk.node.span.start, Message::new("lesson-missing-key").with("key", "do")),
                }
            }
            walks.push(read);
        }
        walks
    }

    fn actions(&mut self, at: At<'a>) -> Vec<Action> {
        self.list(at, MAX_ACTIONS).into_iter().filter_map(|action| self.action(action)).collect()
    }

    fn action(&mut self, at: At<'a>) -> Option<Action> {
        let entries = at.entries();
        let [(key, _, inner)] = &entries[..] else {
            self.bad(at, &keys::ACTION.join(", "));
            return None;
        };
        let inner = *inner;
        Some(match key.as_str() {
            "edit" => {
                self.keys(inner, keys::EDIT);
                Action::Edit {
                    file: self.text_at(inner, "file"),
                    from: self.text_at(inner, "from"),
                    to: self.text_at(inner, "to"),
                }
            }
            "write" => {
                self.keys(inner, keys::WRITE);
                Action::Write { file: self.text_at(inner, "file"), text: self.text_at(inner, "text").to_string() }
            }
            "remove" => Action::Remove { file: self.text(inner) },
            "run" => Action::Run { line: self.text(inner) },
            "answer" => {
                let entries = inner.entries();
                let Some((step, _, choice)) = entries.first() else {
                    self.bad(inner, "STEP: CHOICE");
                    return None;
                };
                Action::Answer { step: (*step).clone(), choice: self.text(*choice) }
            }
            "wait" => Action::Wait(self.duration(inner)),
            "power" => {
                let entries = inner.entries();
                let [(node, _, power)] = &entries[..] else {
                    self.bad(inner, "NODE: up, NODE: down");
                    return None;
                };
                Action::Power { node: (*node).clone(), up: self.one_of(*power, keys::POWER) == "up" }
            }
            _ => {
                self.bad(at, &keys::ACTION.join(", "));
                return None;
            }
        })
    }

    fn request(&mut self, at: At<'a>) -> RequestSpec {
        self.keys(at, keys::REQUEST);
        let request = RequestSpec {
            from: self.text_at(at, "from"),
            to: self.text_at(at, "to"),
            via: self.optional(at, "via"),
            insecure: at.get("insecure").is_some_and(|i| self.bool(i)),
        };
        let kind = request.from.split('/').next().unwrap_or("");
        if !["pod", "node", "computer", "outside"].contains(&kind) {
            self.bad(at, "from: pod/…, node/…, computer, outside/…");
        }
        request
    }

    fn bound(&mut self, at: At<'a>) -> Bound {
        let mut bound = Bound::SOME;
        for (key, low, high) in [("count", true, true), ("at-least", true, false), ("at-most", false, true)] {
            let Some(found) = at.get(key) else { continue };
            let n = self.number(found, 0, 1_000_000) as u64;
            if low {
                bound.at_least = n;
            }
            if high {
                bound.at_most = n;
                // "At most three" may be none, unless it is also said how many at least.
                if !low && at.get("at-least").is_none() {
                    bound.at_least = 0;
                }
            }
        }
        bound
    }

    /// A number, or `{at-least, at-most}`.
    fn bound_of(&mut self, at: At<'a>) -> Bound {
        if at.value.as_i64().is_some() {
            let n = self.number(at, 0, 1_000_000) as u64;
            return Bound { at_least: n, at_most: n };
        }
        self.keys(at, keys::BOUND);
        self.bound(at)
    }

    /// The expectations of a request; `beside` are the other keys of the same map.
    fn expect(&mut self, at: At<'a>, beside: &[&str]) -> Expect {
        self.keys(at, &[beside, keys::EXPECT].concat());
        let mut expect = Expect {
            pod: self.optional(at, "pod"),
            source: self.optional(at, "source"),
            body: self.optional(at, "body"),
            record: self.optional(at, "record"),
            rule: self.optional(at, "rule"),
            ..Expect::default()
        };
        expect.ok = at.get("ok").map(|ok| self.bool(ok));
        expect.status = at.get("status").map(|s| self.number(s, 100, 599) as u16);
        expect.symptom = at.get("symptom").map(|s| self.word(s, words::is_symptom));
        expect.cause = at.get("cause").map(|s| self.word(s, words::is_cause));
        expect.kernels = at.get("kernels").map(|b| self.bound_of(b));
        expect.queries = at.get("queries").map(|b| self.bound_of(b));
        expect.addresses = at.get("addresses").map(|b| self.bound_of(b));
        expect.rcode = at.get("rcode").map(|r| self.one_of(r, keys::RCODES));
        expect
    }

    fn check(&mut self, at: At<'a>, depth: usize) -> Check {
        let nothing = Check::Any(Vec::new());
        if depth > MAX_DEPTH {
            self.problem(at.node.span.start, Message::new("lesson-too-deep"));
            return nothing;
        }
        let Some((kind, _, inner)) = at.entries().into_iter().find(|(k, _, _)| keys::beside(k).is_some()) else {
            self.bad(at, &keys::CHECKS.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(", "));
            return nothing;
        };
        let beside = keys::beside(kind).unwrap_or_default();
        self.keys(at, &[&[kind.as_str()], beside].concat());
        match kind.as_str() {
            "all" | "any" => {
                let checks = self.list(inner, MAX_CHECKS).into_iter().map(|c| self.check(c, depth + 1)).collect();
                if kind == "all" { Check::All(checks) } else { Check::Any(checks) }
            }
            "not" => Check::Not(Box::new(self.check(inner, depth + 1))),
            "stays" => {
                let time = at.get("for").map_or(Duration::secs(30), |t| self.duration(t));
                let every = at.get("every").map_or(Duration::secs(5), |t| self.duration(t));
                // At most a hundred looks.
                let every = Duration(every.0.max(time.0 / 100));
                Check::Stays { time, every, check: Box::new(self.check(inner, depth + 1)) }
            }
            "object" => self.object(at, inner),
            "endpoints" => Check::Endpoints {
                service: self.text(inner),
                port: self.optional(at, "port"),
                ready: at.get("ready").is_none_or(|r| self.bool(r)),
                bound: self.bound(at),
            },
            "request" => {
                let request = self.request(inner);
                let expect = self.expect(at, &["request"]);
                if expect == Expect::default() {
                    self.bad(at, "ok, status, symptom, …");
                }
                Check::Request { request, expect: Box::new(expect) }
            }
            "distribution" => {
                let requests = at.get("requests").map_or(60, |n| self.number(n, 2, MAX_REQUESTS)) as u32;
                let mut expect = Spread { tolerance: 0.12, ..Spread::default() };
                expect.pods = at.get("pods").map(|p| self.bound_of(p));
                let float = |value: &Value| match value {
                    Value::Float(f) => Some(*f),
                    Value::Int(i) => Some(*i as f64),
                    _ => None,
                };
                if let Some(shares) = at.get("shares") {
                    expect.shares = self.list(shares, 20).into_iter().filter_map(|s| float(s.value)).collect();
                }
                if let Some(tolerance) = at.get("tolerance").and_then(|t| float(t.value)) {
                    expect.tolerance = tolerance;
                }
                Check::Distribution { request: self.request(inner), requests, expect }
            }
            "rules" => {
                let node = self.optional(at, "node").unwrap_or_else(|| "*".into());
                Check::Rules { node, contains: self.text(inner), bound: self.bound(at) }
            }
            "command" => Check::Command { line: self.text(inner), bound: self.bound(at) },
            "output" => Check::Output { line: self.text(inner), contains: self.text_at(at, "contains") },
            "event" => Check::Event { about: self.text(inner), reason: self.text_at(at, "reason") },
            "clean" => Check::Clean,
            "refused" => Check::Refused { words: self.text(inner) },
            "cause" => Check::Cause(self.word(inner, words::is_cause)),
            _ => Check::FileHas { file: self.text(inner), contains: self.text_at(at, "contains") },
        }
    }

    /// `Kind/name` or `Kind/namespace/name`.
    fn object(&mut self, at: At<'a>, inner: At<'a>) -> Check {
        let text = self.text(inner);
        let parts: Vec<&str> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, "default", name),
            [kind, namespace, name] => (kind, namespace, name),
            _ => {
                self.bad(inner, "Kind/name, Kind/namespace/name");
                ("", "", "")
            }
        };
        let mut bound = self.bound(at);
        if at.get("exists").is_some_and(|e| !self.bool(e)) {
            bound = Bound { at_least: 0, at_most: 0 };
        }
        let test = match (at.get("equals"), self.optional(at, "matches")) {
            (Some(equals), _) => ValueTest::Equals(equals.value.clone()),
            (None, Some(pattern)) => ValueTest::Matches(pattern),
            (None, None) => ValueTest::Exists,
        };
        Check::Object(ObjectCheck {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            field: self.optional(at, "field"),
            test,
            bound,
        })
    }
}

/// Whether a name may be a file of a lesson: no folders above, no hidden files, a kind that is known.
pub fn is_file_name(name: &str) -> bool {
    let ending = ["*.yaml", "*.yml", "*.md", "*.tsv"].iter().any(|pattern| glob::matches(pattern, name));
    ending && name.len() <= 100 && !name.contains("..") && !name.starts_with(['.', '/']) && !name.contains('\\')
}
