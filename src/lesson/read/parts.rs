//! The parts of a lesson: its cluster, its steps, its question, what is drawn by chance, the ways through it.

use super::{At, MAX_CHECKS, MAX_STEPS, MAX_WALKS, Reader};
use crate::lesson::keys;
use crate::lesson::model::*;
use crate::locale::Message;
use smol_str::SmolStr;

impl<'a> Reader<'a> {
    pub(super) fn lesson(&mut self, id: &str, at: At<'a>) -> (Lesson, Vec<SmolStr>) {
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
}
