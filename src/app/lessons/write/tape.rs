//! Recording a way through a lesson by going it: edits, commands and answers become the actions of a solution, or of a wrong
//! answer with the hint that it got.

use giljabi::api::time::Duration;
use giljabi::arrange::Arrange;
use giljabi::lesson::course::folder_of;
use giljabi::lesson::draft::Draft;
use giljabi::lesson::edits::as_action;
use giljabi::lesson::model::Action;
use giljabi::lesson::read::{MAX_ACTIONS, MAX_TIME};
use giljabi::lesson::{StepState, course::GUEST};
use leptos::prelude::*;
use smol_str::SmolStr;
use std::sync::Arc;

use super::{KEPT, Table, shared};
use crate::app::erased::Show;
use crate::app::keep;
use crate::app::lessons::route::{self, Route};
use crate::app::lessons::{Lessons, lessons};
use crate::app::session::session;

/// Files, name and text.
type Files = Vec<(String, String)>;

/// Something that the author did.
#[derive(Clone, Debug)]
enum Done {
    /// One edit, however long it went on.
    Edit(Files, Files),
    Other(Action),
    /// The cluster's time went by, by the clock's buttons.
    Waited(Duration),
}

/// What was done since the recording began.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    done: Vec<Done>,
    /// How many lines had been run in the terminal when last looked at.
    ran: usize,
}

impl Tape {
    /// Files changed; `begun` says whether another edit began with it.
    pub fn edit(&mut self, before: &Files, after: &Files, begun: bool) {
        match self.done.last_mut() {
            Some(Done::Edit(_, to)) if !begun => *to = after.clone(),
            _ => self.done.push(Done::Edit(before.clone(), after.clone())),
        }
    }

    /// The terminal's log as it is now.
    pub fn ran(&mut self, lines: &[giljabi::lesson::scene::Ran]) {
        for ran in lines.iter().skip(self.ran) {
            self.done.push(Done::Other(Action::Run { line: ran.line.as_str().into() }));
        }
        self.ran = lines.len();
    }

    /// Time went by; in many small steps while the clock runs.
    pub fn waited(&mut self, time: Duration) {
        match self.done.last_mut() {
            Some(Done::Waited(so_far)) => so_far.0 += time.0,
            _ => self.done.push(Done::Waited(time)),
        }
    }

    pub fn power(&mut self, node: &str, up: bool) {
        self.done.push(Done::Other(Action::Power { node: node.into(), up }));
    }

    pub fn answer(&mut self, step: &str, choice: &str) {
        self.done.push(Done::Other(Action::Answer { step: step.into(), choice: choice.into() }));
    }

    /// As actions of a lesson.
    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for done in &self.done {
            match done {
                Done::Other(action) => actions.push(action.clone()),
                // Less than half a second is the cluster coming to rest, which a walk lets it do anyway.
                Done::Waited(time) if time.as_millis() < 500 => {}
                Done::Waited(time) => {
                    actions.push(Action::Wait(Duration::secs(time.as_secs_f64().ceil() as u64).min(MAX_TIME)));
                }
                Done::Edit(before, after) => {
                    let text =
                        |files: &Files, name: &str| files.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
                    let mut names: Vec<&String> = before.iter().chain(after).map(|(n, _)| n).collect();
                    names.arrange();
                    names.dedup();
                    let of =
                        |name: &&String| as_action(name, text(before, name).as_deref(), text(after, name).as_deref());
                    actions.extend(names.iter().filter_map(of));
                }
            }
        }
        actions.truncate(MAX_ACTIONS);
        actions
    }
}

/// Opens the draft as a learner meets it; with a tape that runs, if it is to be recorded.
pub fn attempt(table: Table, record: bool) {
    let l = table.l;
    let Some(mut course) = l.course.get_untracked() else { return };
    match Arc::make_mut(&mut course).adopt(&table.folder.get_untracked()) {
        Ok(id) => {
            l.course.set(Some(course));
            l.open.set(None);
            l.forget(Some(&id));
            l.tape.set(record.then(Tape::default));
            route::go(&Route::Lesson(id.to_string()));
        }
        Err(_) => table.said.set(Some(l.say("lessons.mend_first", &[]))),
    }
}

/// Ends the recording and puts what was done into the draft.
fn stop(l: Lessons, keep_it: bool) {
    let Some(tape) = l.tape.get_untracked() else { return };
    l.tape.set(None);
    if let Some(draft) = keep::read(KEPT).as_deref().and_then(folder_of).filter(|_| keep_it)
        && let Ok(mut draft) = Draft::read(&draft, &shared(l))
    {
        let report = l.report.get_untracked();
        let open = report.as_ref().and_then(|r| r.steps.iter().find(|s| s.state == StepState::Open));
        let fails =
            open.map(|step| (step.id.clone(), step.turn.as_ref().map_or(SmolStr::default(), |t| t.id().into())));
        draft.add_walk(tape.actions(), fails);
        keep::write(KEPT, &draft.folder(&shared(l)).bundle());
    }
    route::go(&Route::Write);
}

/// The bar over the lesson while a way is recorded, and the way back to the draft.
#[component]
pub fn Recorder() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let own = move || l.open.read().as_ref().is_some_and(|id| id.starts_with(GUEST));
    let solved = Memo::new(move |_| l.report.read().as_ref().is_some_and(|r| r.solved));
    view! {
        <Show when=move || own() && l.tape.read().is_some()>
            <div class="recorder" role="group" aria-label=s.t("lessons.recording")>
                <p><span class="bad" aria-hidden="true">"● "</span>{move || s.tx(if solved.get() { "lessons.recorded_solution" } else { "lessons.recording" }, &[])}</p>
                <button type="button" class="btn btn-primary keep-tape" on:click=move |_| stop(l, true)>
                    {move || s.tx(if solved.get() { "lessons.keep_solution" } else { "lessons.keep_wrong" }, &[])}
                </button>
                <button type="button" class="btn" on:click=move |_| stop(l, false)>{s.t("lessons.drop_tape")}</button>
            </div>
        </Show>
    }
}
