//! One way through a lesson, step by step: what a learner is shown who has used up the hints, and the goal that each step
//! leads to, as a desk of its own.

use super::draw;
use super::edits::changed_lines;
use super::grade::{Report, Scope, StepState, grade};
use super::model::*;
use super::progress::{Progress, right_choices};
use super::walk::act;
use super::{Desk, Scene};
use crate::api::parse::parse;
use crate::api::time::Duration;
use crate::api::yaml;
use smol_str::SmolStr;

/// One thing that is done on the way. For a change of a file also the lines that go and the lines that come.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    pub action: Action,
    pub old: Vec<String>,
    pub new: Vec<String>,
}

/// The part of a way that passes one step.
#[derive(Clone, Debug)]
pub struct Leg {
    pub step: SmolStr,
    /// What is done in it, in order.
    pub moves: Vec<Move>,
    /// The desk once the step is passed.
    pub goal: Desk,
}

/// The first solution from the lesson's start, cut where its steps are passed. An exam is mended fault by fault, as `seed` drew
/// them.
pub fn of(lesson: &Lesson, seed: u64) -> Vec<Leg> {
    let mut desk = Desk::start(lesson, seed);
    let mut progress = Progress::default();
    let mut report = grade(lesson, &desk, &mut progress, Scope::Open);
    let mut legs: Vec<Leg> = Vec::new();
    let mut moves: Vec<Move> = Vec::new();
    for action in planned(lesson, seed, &desk) {
        let (before, files) = (open_step(&report), desk.files());
        let action = readable(action);
        if act(lesson, &action, &mut desk, &mut progress).is_err() {
            break;
        }
        moves.push(shown(action, &files, &desk.files()));
        report = grade(lesson, &desk, &mut progress, Scope::Open);
        let after = open_step(&report);
        if before != after
            && let Some(step) = before
        {
            legs.push(Leg { step, moves: std::mem::take(&mut moves), goal: desk.clone() });
        }
    }
    legs
}

/// The leg of the lesson's step `at`: its own, or the one before, where one action passed both.
pub fn leg_of<'a>(legs: &'a [Leg], lesson: &Lesson, at: usize) -> Option<&'a Leg> {
    let place = |leg: &Leg| lesson.steps.iter().position(|s| s.id == leg.step);
    legs.iter().rev().find(|leg| place(leg).is_some_and(|own| own <= at))
}

/// Solutions may be noted in one line; a person reads a manifest in many.
fn readable(action: Action) -> Action {
    match action {
        Action::Write { file, text } if text.starts_with('{') => {
            let documents: Vec<String> = parse(&file, &text).0.iter().map(|m| yaml::print(&m.value)).collect();
            Action::Write { file, text: documents.join("---\n") }
        }
        action => action,
    }
}

/// The move with its lines: those of the file that an edit or a new text changes.
fn shown(action: Action, before: &[File], after: &[File]) -> Move {
    let text = |files: &[File], name: &str| files.iter().find(|f| f.name == name).map_or("", |f| &f.text).to_string();
    let (Action::Edit { file, .. } | Action::Write { file, .. }) = &action else {
        return Move { action, old: Vec::new(), new: Vec::new() };
    };
    let (before, after) = (text(before, file), text(after, file));
    let (old, new) = changed_lines(&before, &after);
    let lines = |text: &str, range: std::ops::Range<usize>| {
        text.split('\n').skip(range.start).take(range.len()).map(str::to_string).collect::<Vec<_>>()
    };
    let (old, new) = (lines(&before, old), lines(&after, new));
    Move { action, old, new }
}

fn open_step(report: &Report) -> Option<SmolStr> {
    report.steps.iter().find(|s| s.state == StepState::Open).map(|s| s.id.clone())
}

/// The actions of the way: the first solution's, or the drawn faults taken out again, then the right answers.
fn planned(lesson: &Lesson, seed: u64, start: &Desk) -> Vec<Action> {
    let (Some(draw), None) = (&lesson.draw, lesson.solutions.first()) else {
        return lesson.solutions.first().map(|s| s.actions.clone()).unwrap_or_default();
    };
    let mend =
        |fault: &Fault| Action::Edit { file: fault.file.clone(), from: fault.to.clone(), to: fault.from.clone() };
    let mut actions: Vec<Action> = draw::draw(draw, seed).into_iter().rev().map(mend).collect();
    // Pods that are made anew need their probes.
    actions.push(Action::Wait(Duration::secs(60)));
    for step in &lesson.steps {
        let right = step.question.iter().flat_map(|q| right_choices(q, start));
        actions.extend(right.map(|choice| Action::Answer { step: step.id.clone(), choice }));
    }
    actions
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::lesson::catalog;

    #[test]
    fn every_step_has_its_leg_and_its_goal() {
        for id in ["third-port", "named-ports", "exam-9-drawn", "gateway"] {
            let lesson = catalog().lesson(id).unwrap();
            let legs = of(lesson, 7);
            for (at, step) in lesson.steps.iter().enumerate() {
                let leg = leg_of(&legs, lesson, at).unwrap_or_else(|| panic!("{id}: no leg for {}", step.id));
                assert!(!leg.moves.is_empty(), "{id}: {}", step.id);
            }
            // The last goal is a solved lesson: its checks hold, whatever was passed on the way.
            let last = lesson.steps.iter().rfind(|s| !s.checks.is_empty());
            let Some(last) = last else { continue };
            let goal = &legs.last().unwrap().goal;
            let report = grade(lesson, goal, &mut Progress::default(), Scope::All);
            let step = report.steps.iter().find(|s| s.id == last.id).unwrap();
            assert!(step.checks.iter().all(|c| c.holds), "{id}: {:?}", step.checks);
        }
        let lesson = catalog().lesson("third-port").unwrap();
        let legs = of(lesson, 1);
        assert_eq!(legs.len(), 2);
        assert!(matches!(&legs[0].moves[..], [Move { action: Action::Answer { .. }, .. }]));
        let [Move { old, new, .. }] = &legs[1].moves[..] else { panic!("{:?}", legs[1].moves) };
        assert_eq!((old[0].trim(), new[0].trim()), ("targetPort: kimhotarget", "targetPort: http"));
        // What is noted in one line is shown as a person writes it.
        let one_line = of(catalog().lesson("why-ingress").unwrap(), 1);
        let written =
            one_line.iter().flat_map(|l| &l.moves).find(|m| matches!(m.action, Action::Write { .. })).unwrap();
        assert!(written.new.iter().any(|line| line == "  - host: kubia.example.com"), "{:?}", written.new);
        assert!(legs[1].goal.files().iter().any(|f| f.text.contains("targetPort: http\n")));
    }
}
