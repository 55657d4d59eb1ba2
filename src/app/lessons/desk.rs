//! The lesson on the desk: sitting down at it, looking at it after everything the learner does, starting over.

use giljabi::arrange::Arrange;
use giljabi::lesson::desk::INTERRUPTED;
use giljabi::lesson::model::TaskKind;
use giljabi::lesson::result::LessonResult;
use giljabi::lesson::scene::{self, Ran};
use giljabi::lesson::way::{self, Leg};
use giljabi::lesson::{Course, Desk, Lesson, Record, Scene, Scope, StepState, draw, grade};
use giljabi::trace::{Client, Request, Url};
use leptos::prelude::*;
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;

use super::Lessons;
use super::route::{self, Route};
use crate::app::erased::effect;
use crate::app::leave;
use crate::app::session::{Pane, Tab, take_kept};

/// What a start over can bring back.
#[derive(Clone)]
pub struct Before {
    record: Record,
    files: Vec<(String, String)>,
}

/// Soon enough to be felt as at once, late enough for many changes to be one.
const SOON: Duration = Duration::from_millis(40);
/// After so much quiet a hint for a wrong turn is shown: nobody wants it in the middle of a word.
const QUIET: Duration = Duration::from_millis(1_200);
/// So much of the cluster's time at once is let go by on purpose.
const PATIENT: giljabi::api::time::Duration = giljabi::api::time::Duration::secs(5);

impl Lessons {
    /// Looks after every edit, command and step of time, and counts edits.
    pub(super) fn watch(self) {
        let s = self.s;
        effect(move || {
            s.state.track();
            s.ran.track();
            untrack(|| {
                if !s.ran.read_untracked().is_empty() {
                    self.acted.set_value(true);
                    self.tape.update_untracked(|tape| {
                        if let Some(tape) = tape {
                            tape.ran(&s.ran.read_untracked());
                        }
                    });
                }
                self.look_soon();
            });
        });
        effect(move || {
            s.edits.track();
            untrack(|| self.count_edits());
        });
        Effect::new(move |before: Option<giljabi::api::time::Duration>| {
            let waited = s.waited.get();
            let passed = giljabi::api::time::Duration(waited.0.saturating_sub(before.map_or(0, |b| b.0)));
            // Who lets time go by, and not the clock that runs by itself, has done something.
            if passed >= PATIENT {
                self.acted.set_value(true);
                self.look_soon();
            }
            if passed.0 > 0 {
                self.tape.update_untracked(|tape| {
                    if let Some(tape) = tape {
                        tape.waited(passed);
                    }
                });
            }
            waited
        });
        // Who sends looks at what came of the edit.
        effect(move || {
            if s.sent.read().is_some() {
                self.edits.update_value(|e| e.look());
            }
        });
    }

    /// Sits down at a lesson, where it was left.
    pub(super) fn sit_down(self, id: &str) {
        if self.open.get_untracked().is_some_and(|open| open == id) && self.s.desk_of() == id {
            return;
        }
        self.before.set(None);
        self.set_up(id, true);
        if self.arrived.get_value() {
            crate::app::focus_if_lost("task-title");
        }
        self.arrived.set_value(true);
    }

    /// Free play again.
    pub(super) fn leave(self) {
        if self.s.desk_of().is_empty() {
            return;
        }
        self.open.set(None);
        self.report.set(None);
        self.turn.set(None);
        self.s.play_freely();
    }

    fn set_up(self, id: &str, kept: bool) {
        let Some(course) = self.course.get_untracked() else { return };
        let Some(lesson) = course.lesson(id) else { return };
        let lesson =
            &self.assignment.read_untracked().as_ref().map_or_else(|| lesson.clone(), |(_, a)| a.applied(lesson));
        let mut record = self.book.read_untracked().get(id).cloned().unwrap_or_default();
        if lesson.draw.is_some() && record.seed == 0 {
            let set = self.assignment.read_untracked().as_ref().map_or(0, |(_, a)| a.seed);
            record.seed = if set > 0 { set } else { 1 + (js_sys::Math::random() * 1e6) as u64 };
        }
        let mut desk = Desk::set_up(lesson, &draw::start_files(lesson, record.seed));
        if kept {
            take_kept(desk.workspace_mut(), id);
            // What was made in the terminal is in no file: it is made again.
            for ran in record.ran.iter().filter(|r| r.code != INTERRUPTED) {
                desk.run(&ran.line);
            }
            for (node, up) in &record.plugs {
                desk.power(node, *up);
                desk.settle();
            }
        }
        let ran: Vec<Ran> = record.ran.clone();
        let seed = record.seed;
        self.book.update(|book| {
            let mut now = book.get(id).cloned().unwrap_or_default();
            now.seed = seed;
            book.put(id, now);
        });
        self.report.set(None);
        self.turn.set(None);
        self.cheer.set(false);
        self.legs.set_value(None);
        self.open.set(Some(SmolStr::from(id)));
        self.s.sit_down(desk, ran, id);
        self.texts.set_value(self.s.pairs());
        self.edits.set_value(Default::default());
        self.look();
        let first_open = self.report.read_untracked().as_ref().map(|r| {
            r.steps.iter().position(|s| s.state != StepState::Passed).unwrap_or(r.steps.len().saturating_sub(1))
        });
        let at = first_open.unwrap_or(0);
        // A step without a request of its own keeps the one before it; the first ones show what comes later.
        let request = (0..lesson.steps.len()).find_map(|step| self.request_of(step));
        if let Some(request) = request.or_else(|| self.usual_request()) {
            self.prepare(request);
        }
        self.show_step(at);
        let terminal = lesson.steps.get(at).is_some_and(|s| s.kind == TaskKind::Terminal);
        self.s.tab.set(if terminal { Tab::Terminal } else { Tab::Journey });
        self.s.pane.set(Pane::Task);
    }

    /// Shows a step, and puts its request into the time bar.
    pub fn show_step(self, at: usize) {
        self.shown.set(at);
        self.s.moments.hold_goal(None);
        self.turn.set(None);
        self.waiting.set_value(None);
        self.acted.set_value(false);
        if let Some(request) = self.request_of(at) {
            self.prepare(request);
        }
    }

    /// Sends the request that the shown step is about, now that it works.
    pub fn watch_it(self) {
        if let Some(request) = self.request_of(self.shown.get_untracked()) {
            self.prepare(request);
            self.s.send();
        }
    }

    /// What the time bar holds in a lesson that is about no request: its first Service, called by a pod beside it.
    fn usual_request(self) -> Option<Request> {
        let state = self.s.state.get_untracked();
        let own = |o: &&Arc<giljabi::api::object::Object>| o.namespace() != "kube-system" && o.name() != "kubernetes";
        let service = state.store.list("Service").find(own)?;
        let named = |name: &str| scene::client(&state.store, &format!("pod/{name}"));
        let beside = format!("{}/*", service.namespace());
        let from = named("client").or_else(|| named(&beside))?;
        let host = match &from {
            Client::Pod { namespace, .. } if namespace != service.namespace() => {
                format!("{}.{}", service.name(), service.namespace())
            }
            _ => service.name().to_string(),
        };
        Some(Request::get(from, Url::parse(&format!("http://{host}"))?))
    }

    /// Looks the shown step's request up again: the pod or address that it names may be another one by now. What the learner
    /// has typed stays.
    fn prepare_again(self) {
        let prepared = self.s.prepared.get_value();
        let Some(before) = prepared.filter(|p| p.to.to_string() == self.s.url.get_untracked()) else { return };
        if let Some(now) = self.request_of(self.shown.get_untracked()).filter(|now| now.to != before.to) {
            self.prepare(now);
        }
    }

    /// Puts a request into the time bar.
    fn prepare(self, request: Request) {
        self.s.client.set(request.from.clone());
        self.s.url.set(request.to.to_string());
        self.s.prepared.set_value(Some(request));
    }

    /// Shows the next step, or the one before, whether it is passed or not: for who presents a lesson.
    pub fn turn_page(self, on: bool) {
        let count = self.report.read_untracked().as_ref().map_or(0, |r| r.steps.len());
        let at = self.shown.get_untracked();
        let to = if on { (at + 1).min(count.saturating_sub(1)) } else { at.saturating_sub(1) };
        if to != at {
            self.show_step(to);
        }
    }

    /// The request that a step is about, if the cluster can send it already.
    fn request_of(self, at: usize) -> Option<Request> {
        let course = self.course.get_untracked()?;
        let lesson = course.lesson(&self.open.get_untracked()?)?;
        let spec = lesson.steps.get(at)?.request()?;
        scene::request(&self.s.state.read_untracked().store, spec).ok()
    }

    fn count_edits(self) {
        let Some(id) = self.open.get_untracked() else { return };
        if self.s.desk_of() != id {
            return;
        }
        let now = self.s.pairs();
        let before = self.texts.get_value();
        if now == before {
            return;
        }
        let text = |files: &[(String, String)], name: &str| {
            files.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone()).unwrap_or_default()
        };
        let mut names: Vec<String> = before.iter().chain(&now).map(|(n, _)| n.clone()).collect();
        names.arrange();
        names.dedup();
        let mut begun = 0;
        self.edits.update_value(|edits| {
            begun = names.iter().filter(|n| edits.change(n, &text(&before, n), &text(&now, n))).count() as u32;
        });
        self.tape.update_untracked(|tape| {
            if let Some(tape) = tape {
                tape.edit(&before, &now, begun > 0);
            }
        });
        self.texts.set_value(now);
        self.acted.set_value(true);
        self.change(&id, |record| record.progress.edits += begun);
        self.look_soon();
    }

    /// Changes a lesson's record, and keeps it if it is another one then.
    pub(super) fn change(self, id: &str, act: impl FnOnce(&mut Record)) {
        let before = self.book.read_untracked().get(id).cloned().unwrap_or_default();
        let mut record = before.clone();
        act(&mut record);
        if record != before {
            self.book.update(|book| book.put(id, record));
            super::lms::tell(self);
        }
    }

    pub(super) fn look_soon(self) {
        if self.open.read_untracked().is_none() {
            return;
        }
        self.due.update_value(|n| *n = n.wrapping_add(1));
        let mine = self.due.get_value();
        set_timeout(
            move || {
                if self.due.get_value() == mine {
                    self.look();
                }
            },
            SOON,
        );
    }

    /// Grades the open lesson as it is now.
    fn look(self) {
        let (Some(course), Some(id)) = (self.course.get_untracked(), self.open.get_untracked()) else { return };
        let Some(lesson) = course.lesson(&id) else { return };
        if self.s.desk_of() != id {
            return;
        }
        let desk = self.s.desk();
        let mut report = None;
        self.change(&id, |record| {
            let now = grade(lesson, &desk, &mut record.progress, Scope::Open);
            record.ran = desk.commands().to_vec();
            if !record.progress.is_empty() || !record.ran.is_empty() {
                let result = LessonResult::new(&id, &now, &record.progress);
                if let Some(mark) = untrack(|| self.altered_by(lesson)) {
                    record.achieve_set(&mark, result.clone());
                }
                record.achieve(result);
            }
            report = Some(now);
        });
        let Some(report) = report else { return };
        self.prepare_again();
        let turn = self.turn_of(&report);
        if turn.is_none() || self.turn.read_untracked().is_some() {
            self.turn.set(turn.clone());
        } else if self.waiting.get_value() != turn {
            let later = {
                let turn = turn.clone();
                move || {
                    // Shown if it is still what there is to say.
                    if self.waiting.get_value() == turn {
                        self.turn.set(turn);
                    }
                }
            };
            set_timeout(later, QUIET);
        }
        self.waiting.set_value(turn);
        let was_open = self.report.read_untracked().as_ref().is_some_and(|before| !before.solved);
        if was_open && report.solved {
            self.cheer.set(true);
        }
        if self.report.read_untracked().as_deref() != Some(&report) {
            self.report.set(Some(Arc::new(report)));
        }
    }

    /// What to say to a wrong turn, once the learner has taken one.
    fn turn_of(self, report: &giljabi::lesson::Report) -> Option<giljabi::lesson::TurnHint> {
        let step = report.steps.get(self.shown.get_untracked())?;
        step.turn.clone().filter(|_| self.acted.get_value() && step.state == StepState::Open)
    }

    /// Answers the question of a step; a prediction is then sent, to be seen.
    pub fn answer(self, step: &str, choice: &str) {
        let (Some(course), Some(id)) = (self.course.get_untracked(), self.open.get_untracked()) else { return };
        let Some(lesson) = course.lesson(&id) else { return };
        let desk = self.s.desk();
        self.acted.set_value(true);
        self.tape.update_untracked(|tape| {
            if let Some(tape) = tape {
                tape.answer(step, choice);
            }
        });
        self.change(&id, |record| record.progress.answer(lesson, &desk, step, choice));
        let predicts = |l: &Lesson| {
            let spec = l.steps.iter().find(|s| s.id == step)?.question.as_ref()?.request.clone()?;
            scene::request(desk.store(), &spec).ok()
        };
        if let Some(request) = predicts(lesson) {
            let pane = self.s.pane.get_untracked();
            self.prepare(request);
            self.s.send();
            // On a narrow screen the words about the answer come first; the map is a tap away.
            self.s.pane.set(pane);
        }
        self.due.update_value(|n| *n = n.wrapping_add(1));
        self.look();
        // Answered rightly, the question takes no more keys.
        crate::app::focus_if_lost("go-on");
        self.turn.set(self.report.get_untracked().and_then(|r| self.turn_of(&r)));
    }

    /// Opens the next hint of a step.
    pub fn take_hint(self, step: &str, most: usize) {
        if let Some(id) = self.open.get_untracked() {
            self.change(&id, |record| {
                record.progress.take_hint(step, most as u32);
            });
            self.look_soon();
        }
    }

    /// Begins the open lesson anew. It can be taken back.
    pub fn start_over(self) {
        let Some(id) = self.open.get_untracked() else { return };
        let record = self.book.read_untracked().get(&id).cloned().unwrap_or_default();
        let before = Before { record, files: self.s.pairs() };
        // An exam is drawn anew, unless a teacher set what is drawn.
        let set = self.assignment.read_untracked().as_ref().map_or(0, |(_, a)| a.seed);
        self.change(&id, |record| record.start_over(set));
        self.set_up(&id, false);
        self.before.set(Some(before));
    }

    /// Begins the lessons anew that a teacher's assignment alters. What was achieved in them before stays in the learner's own
    /// book, and does not count in the assignment.
    pub(super) fn begin_as_set(self, course: &Course) {
        let set = self.assignment.get_untracked();
        let Some((_, assignment)) = set else { return };
        for lesson in assignment.lessons.iter().filter_map(|id| course.lesson(id)).filter(|l| assignment.alters(l)) {
            self.book.update(|book| book.begin_anew(&lesson.id, assignment.seed));
            if self.open.get_untracked().is_some_and(|open| open == lesson.id) {
                self.set_up(&lesson.id, false);
            }
        }
    }

    /// The mark of the assignment that alters a lesson, if one does.
    pub(super) fn altered_by(self, lesson: &Lesson) -> Option<SmolStr> {
        let set = self.assignment.read();
        let (_, assignment) = set.as_ref()?;
        (assignment.lessons.contains(&lesson.id) && assignment.alters(lesson)).then(|| assignment.mark())
    }

    /// What counts of a lesson: the best result, in an assignment that alters it the best one there.
    pub(super) fn counts(self, id: &str) -> Option<LessonResult> {
        let course = self.course.get();
        let mark = course.as_ref().and_then(|c| c.lesson(id)).and_then(|lesson| self.altered_by(lesson));
        let book = self.book.read();
        let record = book.get(id)?;
        match mark {
            Some(mark) => record.in_set(&mark).cloned(),
            None => record.best.clone(),
        }
    }

    /// Pulls a node's plug, or puts it back.
    pub(super) fn power(self, node: &str, up: bool) {
        self.acted.set_value(true);
        self.tape.update_untracked(|tape| {
            if let Some(tape) = tape {
                tape.power(node, up);
            }
        });
        self.s.set_power(node, up);
        if let Some(id) = self.open.get_untracked() {
            self.change(&id, |record| record.plug(node, up));
        }
        self.look_soon();
    }

    /// A way through the open lesson, as it was drawn for this learner.
    pub(super) fn way(self) -> Option<Arc<Vec<Leg>>> {
        if self.legs.with_value(Option::is_none) {
            let course = self.course.get_untracked()?;
            let id = self.open.get_untracked()?;
            let lesson = course.lesson(&id)?;
            let set = self.assignment.get_untracked();
            let lesson = set.map_or_else(|| lesson.clone(), |(_, a)| a.applied(lesson));
            let seed = self.book.read_untracked().get(&id).map_or(0, |r| r.seed);
            self.legs.set_value(Some(Arc::new(way::of(&lesson, seed))));
        }
        self.legs.get_value()
    }

    /// Takes a start over back.
    pub fn take_back(self) {
        let (Some(id), Some(before)) = (self.open.get_untracked(), self.before.get_untracked()) else { return };
        self.book.update(|book| book.put(&id, before.record));
        let [files, _] = crate::app::session::kept_names(&id);
        crate::app::keep::write(&files, &crate::app::keep::pairs_to_json(&before.files));
        self.set_up(&id, true);
        self.before.set(None);
    }

    /// Forgets a lesson, or all of them. A lesson that is open begins anew.
    pub fn forget(self, one: Option<&str>) {
        let ids = one.map_or_else(|| self.book.read_untracked().ids(), |id| vec![id.into()]);
        self.book.update(|book| ids.iter().for_each(|id| book.forget(id)));
        if let Some(open) = self.open.get_untracked().filter(|open| ids.contains(open)) {
            self.set_up(&open, false);
        }
        super::lms::tell(self);
    }
}

/// Opens a lesson that a link carries.
pub(super) fn take_carried(l: Lessons, packed: String) {
    leptos::task::spawn_local(async move {
        let bundle = leave::unpack(&packed).await.ok().and_then(|text| text.as_string());
        let folder = bundle.as_deref().and_then(giljabi::lesson::course::folder_of);
        let Some(folder) = folder else {
            return l.trouble.set(Some(l.say("lessons.link_broken", &[])));
        };
        let mut course: Arc<Course> = l.course.get_untracked().unwrap_or_default();
        match Arc::make_mut(&mut course).adopt(&folder) {
            Ok(id) => {
                l.course.set(Some(course));
                let to = Route::Lesson(id.to_string());
                // The link stays in the address, so that a reload opens it again.
                if let Route::Carried(_) = l.route.get_untracked() {
                    l.sit_down(&id);
                } else {
                    route::go(&to);
                }
            }
            Err(problems) => {
                let lang = l.s.lang.get_untracked();
                let words = problems.iter().take(5).map(|p| format!("{}:{}: {}", p.file, p.line, p.message.text(lang)));
                let words: Vec<String> = words.collect();
                l.trouble.set(Some(l.say("lessons.link_wrong", &[("problems", &words.join("\n"))])));
            }
        }
    });
}
