//! What is done in a lesson and what is asked of the cluster: actions, requests, checks.

use super::{At, MAX_ACTIONS, MAX_CHECKS, MAX_DEPTH, MAX_REQUESTS, Reader};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::lesson::model::*;
use crate::lesson::{keys, words};
use crate::locale::Message;

impl<'a> Reader<'a> {
    pub(super) fn actions(&mut self, at: At<'a>) -> Vec<Action> {
        self.list(at, MAX_ACTIONS).into_iter().filter_map(|action| self.action(action)).collect()
    }

    pub(super) fn action(&mut self, at: At<'a>) -> Option<Action> {
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

    pub(super) fn request(&mut self, at: At<'a>) -> RequestSpec {
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

    pub(super) fn bound(&mut self, at: At<'a>) -> Bound {
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
    pub(super) fn bound_of(&mut self, at: At<'a>) -> Bound {
        if at.value.as_i64().is_some() {
            let n = self.number(at, 0, 1_000_000) as u64;
            return Bound { at_least: n, at_most: n };
        }
        self.keys(at, keys::BOUND);
        self.bound(at)
    }

    /// The expectations of a request; `beside` are the other keys of the same map.
    pub(super) fn expect(&mut self, at: At<'a>, beside: &[&str]) -> Expect {
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

    pub(super) fn check(&mut self, at: At<'a>, depth: usize) -> Check {
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
    pub(super) fn object(&mut self, at: At<'a>, inner: At<'a>) -> Check {
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
