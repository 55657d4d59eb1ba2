//! A list becomes a few instructions with jumps, so that it can be run step by step.

use super::lex::Change;
use super::parse::{Assigned, Body, Command, Condition, Link, List, Part, Pipeline, Redirect, Word};
use std::rc::Rc;

pub enum Op {
    /// A pipeline; `checked`: `set -e` looks at how it ended.
    Run {
        pipeline: Pipeline,
        checked: bool,
    },
    Jump(usize),
    /// Jumps when the last status is not 0 (or is 0).
    JumpUnless(usize),
    JumpIf(usize),
    ForBegin(Option<Vec<Word>>),
    ForNext(String, usize),
    ForEnd,
    /// Jumps to the arm whose pattern matches, or behind all of them.
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, usize)>,
        end: usize,
    },
    Status(i32),
}

#[derive(Default)]
struct Loop {
    breaks: Vec<usize>,
    continues: Vec<usize>,
    /// It keeps its words on the machine's stack.
    is_for: bool,
}

/// The instructions of a list.
pub fn compile(list: &List) -> Vec<Op> {
    let mut compiler = Compiler { ops: Vec::new(), loops: Vec::new(), unchecked: 0 };
    compiler.list(list);
    compiler.ops
}

struct Compiler {
    ops: Vec<Op>,
    loops: Vec<Loop>,
    /// Within conditions, where a failure is an answer.
    unchecked: usize,
}

impl Compiler {
    fn push(&mut self, op: Op) -> usize {
        self.ops.push(op);
        self.ops.len() - 1
    }

    fn land(&mut self, at: usize, target: usize) {
        match &mut self.ops[at] {
            Op::Jump(to) | Op::JumpUnless(to) | Op::JumpIf(to) => *to = target,
            _ => {}
        }
    }

    fn list(&mut self, list: &List) {
        for (i, (link, pipeline)) in list.0.iter().enumerate() {
            // Each link skips the one pipeline that hangs on it: `a && b || c` runs c when a or b fails.
            let guard = match link {
                Link::Then => None,
                Link::And => Some(self.push(Op::JumpUnless(usize::MAX))),
                Link::Or => Some(self.push(Op::JumpIf(usize::MAX))),
            };
            let linked = list.0.get(i + 1).is_some_and(|(next, _)| *next != Link::Then);
            self.unchecked += usize::from(linked);
            self.pipeline(pipeline);
            self.unchecked -= usize::from(linked);
            if let Some(at) = guard {
                self.land(at, self.ops.len());
            }
        }
    }

    fn condition(&mut self, list: &List) {
        self.unchecked += 1;
        self.list(list);
        self.unchecked -= 1;
    }

    fn run(&mut self, body: Body) {
        let command = Rc::new(Command { body, redirects: Vec::new() });
        self.push(Op::Run { pipeline: Pipeline { not: false, stages: vec![command] }, checked: false });
    }

    /// The body of a loop, and where `break` and `continue` go.
    fn body(&mut self, body: &List, is_for: bool) -> Loop {
        self.loops.push(Loop { is_for, ..Loop::default() });
        self.list(body);
        self.loops.pop().unwrap_or_default()
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        if let ([only], false) = (&pipeline.stages[..], pipeline.not)
            && only.redirects.is_empty()
            && self.inline(&only.body)
        {
            return;
        }
        let checked = self.unchecked == 0 && !pipeline.not;
        self.push(Op::Run { pipeline: pipeline.clone(), checked });
    }

    /// What needs no process of its own.
    fn inline(&mut self, body: &Body) -> bool {
        match body {
            Body::If { branches, otherwise } => {
                let mut ends = Vec::new();
                for (condition, body) in branches {
                    self.condition(condition);
                    let skip = self.push(Op::JumpUnless(usize::MAX));
                    self.list(body);
                    ends.push(self.push(Op::Jump(usize::MAX)));
                    self.land(skip, self.ops.len());
                }
                match otherwise {
                    Some(body) => self.list(body),
                    None => {
                        self.push(Op::Status(0));
                    }
                }
                let here = self.ops.len();
                ends.into_iter().for_each(|at| self.land(at, here));
            }
            Body::While { until, condition, body } => {
                let start = self.ops.len();
                self.condition(condition);
                let leave = self.push(if *until { Op::JumpIf(usize::MAX) } else { Op::JumpUnless(usize::MAX) });
                let inner = self.body(body, false);
                self.push(Op::Jump(start));
                let here = self.push(Op::Status(0));
                self.land(leave, here);
                self.close(inner, start, here);
            }
            Body::Count { sums: [first, condition, step], body } => {
                self.run(Body::Arithmetic(first.clone()));
                let start = self.ops.len();
                let endless = condition.iter().all(|p| matches!(p, Part::Text { text, .. } if text.trim().is_empty()));
                match endless {
                    true => {
                        self.push(Op::Status(0));
                    }
                    false => self.run(Body::Arithmetic(condition.clone())),
                }
                let leave = self.push(Op::JumpUnless(usize::MAX));
                let inner = self.body(body, false);
                let again = self.ops.len();
                self.run(Body::Arithmetic(step.clone()));
                self.push(Op::Jump(start));
                let here = self.push(Op::Status(0));
                self.land(leave, here);
                self.close(inner, again, here);
            }
            Body::For { name, words, body } => {
                self.push(Op::ForBegin(words.clone()));
                let start = self.push(Op::ForNext(name.clone(), usize::MAX));
                let inner = self.body(body, true);
                self.push(Op::Jump(start));
                let here = self.push(Op::ForEnd);
                self.ops[start] = Op::ForNext(name.clone(), here);
                self.close(inner, start, here);
            }
            Body::Case { word, arms } => {
                let at = self.push(Op::Status(0));
                let (mut starts, mut ends) = (Vec::new(), Vec::new());
                for (patterns, body) in arms {
                    starts.push((patterns.clone(), self.ops.len()));
                    if body.0.is_empty() {
                        self.push(Op::Status(0));
                    }
                    self.list(body);
                    ends.push(self.push(Op::Jump(usize::MAX)));
                }
                let end = self.ops.len();
                ends.into_iter().for_each(|at| self.land(at, end));
                self.ops[at] = Op::Case { word: word.clone(), arms: starts, end };
            }
            Body::Group { body, subshell: false } => self.list(body),
            Body::Simple { assigns, words } if assigns.is_empty() && (1..=2).contains(&words.len()) => {
                let text = |word: &Word| match &word[..] {
                    [Part::Text { text, quoted: false }] => Some(text.clone()),
                    _ => None,
                };
                let (Some(name), depth) = (text(&words[0]), words.get(1).map_or(Some(1), |w| text(w)?.parse().ok()))
                else {
                    return false;
                };
                return self.leave(&name, depth.unwrap_or(1));
            }
            _ => return false,
        }
        true
    }

    /// `break 2`, `continue`.
    fn leave(&mut self, name: &str, depth: usize) -> bool {
        if !matches!(name, "break" | "continue") || self.loops.is_empty() {
            return false;
        }
        let target = self.loops.len().saturating_sub(depth.max(1));
        let inner = self.loops[target + 1..].iter().filter(|l| l.is_for).count();
        for _ in 0..inner {
            self.push(Op::ForEnd);
        }
        self.push(Op::Status(0));
        let at = self.push(Op::Jump(usize::MAX));
        let list = &mut self.loops[target];
        if name == "break" {
            list.breaks.push(at)
        } else {
            list.continues.push(at)
        }
        true
    }

    fn close(&mut self, inner: Loop, again: usize, end: usize) {
        inner.breaks.into_iter().for_each(|at| self.land(at, end));
        inner.continues.into_iter().for_each(|at| self.land(at, again));
    }
}

/// The substitutions in a word, in the order in which they are expanded.
pub fn in_word(parts: &[Part], found: &mut Vec<Rc<List>>) {
    for part in parts {
        match part {
            Part::Command { list, .. } | Part::Pipe { list } => found.push(list.clone()),
            Part::Arithmetic { parts, .. } => in_word(parts, found),
            Part::Variable { index, change, .. } => {
                index.iter().for_each(|i| in_word(i, found));
                match change.as_deref() {
                    Some(Change::Else { word, .. } | Change::Trim { pattern: word, .. }) => in_word(word, found),
                    Some(Change::Slice { from, length }) => {
                        in_word(from, found);
                        length.iter().for_each(|l| in_word(l, found));
                    }
                    Some(Change::Replace { pattern, with, .. }) => {
                        in_word(pattern, found);
                        in_word(with, found);
                    }
                    Some(Change::Length | Change::Case { .. }) | None => {}
                }
            }
            Part::Text { .. } => {}
        }
    }
}

fn in_condition(condition: &Condition, found: &mut Vec<Rc<List>>) {
    match condition {
        Condition::Not(inner) => in_condition(inner, found),
        Condition::And(a, b) | Condition::Or(a, b) => {
            in_condition(a, found);
            in_condition(b, found);
        }
        Condition::Unary(_, word) => in_word(word, found),
        Condition::Binary(a, _, b) => {
            in_word(a, found);
            in_word(b, found);
        }
    }
}

/// The substitutions in a pipeline's own words.
pub fn in_pipeline(pipeline: &Pipeline) -> Vec<Rc<List>> {
    let mut found = Vec::new();
    for command in &pipeline.stages {
        match &command.body {
            Body::Simple { assigns, words } => {
                for assign in assigns {
                    match &assign.value {
                        Assigned::One(word) => in_word(word, &mut found),
                        Assigned::List(items) => items.iter().for_each(|w| in_word(w, &mut found)),
                    }
                }
                words.iter().for_each(|w| in_word(w, &mut found));
            }
            Body::Test(condition) => in_condition(condition, &mut found),
            Body::Arithmetic(parts) => in_word(parts, &mut found),
            _ => {}
        }
        for redirect in &command.redirects {
            match redirect {
                Redirect::Out { file, .. } | Redirect::In(file) | Redirect::Here { text: file, .. } => {
                    in_word(file, &mut found)
                }
                Redirect::Copy { .. } => {}
            }
        }
    }
    found
}
