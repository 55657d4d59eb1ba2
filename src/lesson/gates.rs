//! The gates that a lesson must pass: its start fails, its solutions pass, its foreseen wrong answers fail with the hint that
//! fits, and both languages have the same parts. The tests run them over the course, `giljabi lesson check` over a folder.

use super::check::normal;
use super::course::Course;
use super::draw;
use super::grade::{Report, Scope, StepState, TurnHint, grade};
use super::model::*;
use super::progress::{Progress, right_choices};
use super::scene::Scene;
use super::text::Words;
use super::walk::walk;
use crate::api::json;
use crate::api::parse::parse;
use crate::api::time::Duration;
use crate::arrange::Arrange;
use crate::locale::{self, Lang, Message};
use smol_str::SmolStr;

/// At least so many foreseen wrong answers a lesson.
pub const WRONG_ANSWERS: usize = 5;
/// An exam's draws that are tried.
const SEEDS: u64 = 4;

/// A gate that is shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// The step, solution or wrong answer that it is about; may be empty.
    pub part: SmolStr,
    pub why: Message,
}

fn shut(part: impl Into<SmolStr>, why: Message) -> Shut {
    Shut { part: part.into(), why }
}

/// Runs all gates. `desk` sets a lesson's desk up with the given files.
pub fn check<S: Scene>(lesson: &Lesson, ko: &Words, en: &Words, desk: &dyn Fn(&Lesson, &[File]) -> S) -> Vec<Shut> {
    let mut found = check_words(lesson, ko, en);
    let start = desk(lesson, &draw::start_files(lesson, lesson.cluster.seed));
    found.extend(start_fails(lesson, &start));
    found.extend(questions(lesson, &start, [ko, en]));
    found.extend(solutions(lesson, &start));
    found.extend(wrong_answers(lesson, &start));
    found.extend(draws(lesson, desk));
    found
}

/// Every solution solves, one of them within par, and two of them differ unless the lesson says why only one mend is right.
fn solutions<S: Scene>(lesson: &Lesson, start: &S) -> Vec<Shut> {
    let mut found = Vec::new();
    // What solves an exam is known: the files as they were before the faults went in.
    if lesson.solutions.is_empty() && lesson.draw.is_none() {
        found.push(shut("", Message::new("gate-no-solution")));
    }
    let mut deeds = Vec::new();
    let mut fewest = None;
    for solution in &lesson.solutions {
        let mut scene = start.clone();
        let mut progress = Progress::default();
        match walk(lesson, &solution.actions, &mut scene, &mut progress) {
            Err(stuck) => found.push(shut(solution.id.clone(), Message::new(stuck.why).with("at", stuck.at + 1))),
            Ok(report) if !report.solved => {
                found.push(shut(solution.id.clone(), Message::new("gate-solution-fails").with("where", open(&report))));
            }
            Ok(report) => {
                debug_assert_eq!(report.points, report.of);
                fewest = Some(fewest.unwrap_or(u32::MAX).min(progress.edits));
                deeds.push(deed(&scene, &solution.actions));
            }
        }
    }
    if lesson.par.zip(fewest).is_some_and(|(par, fewest)| fewest > par) {
        found.push(shut("", Message::new("gate-par")));
    }
    deeds.arrange();
    deeds.dedup();
    let another = lesson.draw.iter().flat_map(|d| &d.faults).filter(|f| f.also.is_some()).count();
    let ways = deeds.len() + another + usize::from(lesson.draw.is_some());
    // A question has one right choice by itself.
    let mends = lesson.steps.iter().any(|s| !s.checks.is_empty());
    if mends && ways == 1 && lesson.one_way.is_none() {
        found.push(shut("", Message::new("gate-one-solution")));
    }
    if ways > 1 && lesson.one_way.is_some() {
        found.push(shut("one-way", Message::new("gate-one-way").with("count", ways)));
    }
    found
}

/// What a way comes to: what the files say at its end (however they are written, and in whichever file), and what else was done.
/// Two solutions differ when this does.
fn deed<S: Scene>(scene: &S, actions: &[Action]) -> Vec<String> {
    let values = |file: &File| parse(&file.name, &file.text).0.into_iter().map(|m| json::to_string(&m.value)).collect();
    let mut done: Vec<String> = scene.files().iter().flat_map(|f| -> Vec<String> { values(f) }).collect();
    done.extend(scene.commands().iter().filter(|ran| ran.code == 0).map(|ran| format!("$ {}", normal(&ran.line))));
    done.extend(actions.iter().filter_map(|action| match action {
        Action::Power { node, up } => Some(format!("power {node} {up}")),
        _ => None,
    }));
    done.arrange();
    done.dedup();
    done
}

/// The gates of a lesson's words alone.
pub fn check_words(lesson: &Lesson, ko: &Words, en: &Words) -> Vec<Shut> {
    let mut found = words(lesson, ko, "ko.md");
    found.extend(words(lesson, en, "en.md"));
    found.extend(same_parts(ko, en));
    found
}

/// The words for what is still open: step, checks that fail, what is seen.
fn open(report: &Report) -> String {
    let Some(step) = report.steps.iter().find(|s| s.state == StepState::Open) else { return String::new() };
    let failing = step.checks.iter().filter(|c| !c.holds);
    let shown: Vec<String> = failing.map(|c| format!("{}: {}", c.id, c.seen.text(Lang::En))).collect();
    let turn = step.turn.as_ref().map(|t| format!(" [{}]", t.id())).unwrap_or_default();
    format!("{} ({}){turn}", step.id, shown.join("; "))
}

fn start_fails<S: Scene>(lesson: &Lesson, start: &S) -> Vec<Shut> {
    let report = grade(lesson, start, &mut Progress::default(), Scope::All);
    let passing = report.steps.iter().filter(|s| s.state == StepState::Passed);
    passing.map(|s| shut(s.id.clone(), Message::new("gate-start-passes"))).collect()
}

/// Every question must have one right choice when it is asked (predictions in the state in which their step opens), and every
/// other choice must fail the step with words of its own in each language.
fn questions<S: Scene>(lesson: &Lesson, start: &S, languages: [&Words; 2]) -> Vec<Shut> {
    let mut found = Vec::new();
    for step in &lesson.steps {
        let Some(question) = &step.question else { continue };
        // A later prediction is judged on the way of the first solution, up to its answer.
        let mut scene = start.clone();
        let mut progress = Progress::default();
        if let Some(solution) = lesson.solutions.first() {
            let before: Vec<Action> = solution
                .actions
                .iter()
                .take_while(|a| !matches!(a, Action::Answer { step: s, .. } if *s == step.id))
                .cloned()
                .collect();
            // A walk that gets stuck is told of where solutions are tried.
            let _ = walk(lesson, &before, &mut scene, &mut progress);
        }
        let right = right_choices(question, &scene);
        if right.len() != 1 {
            let message = Message::new("gate-question").with("right", right.join(", "));
            found.push(shut(step.id.clone(), message));
            continue;
        }
        for choice in question.choices.iter().filter(|c| c.id != right[0]) {
            let mut progress = progress.clone();
            progress.answer(lesson, &scene, &step.id, &choice.id);
            let report = grade(lesson, &scene, &mut progress, Scope::All);
            let given = report.steps.iter().find(|s| s.id == step.id).filter(|s| s.state != StepState::Passed);
            let hint = given.and_then(|s| s.turn.as_ref()).is_some_and(|turn| turn.id() == choice.id);
            let told = |words: &&Words| words.step(&step.id).is_some_and(|w| w.turn(&choice.id).is_some());
            if !hint || !languages.iter().all(told) {
                let message = Message::new("gate-words-missing").with("part", format!("turn {}", choice.id));
                found.push(shut(step.id.clone(), message));
            }
        }
    }
    found
}

fn wrong_answers<S: Scene>(lesson: &Lesson, start: &S) -> Vec<Shut> {
    let mut found = Vec::new();
    let mut count = 0;
    for wrong in &lesson.wrong {
        let Some((step, turn)) = &wrong.fails else {
            found.push(shut(wrong.id.clone(), Message::new("gate-wrong-names-nothing")));
            continue;
        };
        count += 1;
        let mut scene = start.clone();
        match walk(lesson, &wrong.actions, &mut scene, &mut Progress::default()) {
            Err(stuck) => found.push(shut(wrong.id.clone(), Message::new(stuck.why).with("at", stuck.at + 1))),
            Ok(report) => {
                let Some(at) = report.steps.iter().find(|s| s.id == *step) else {
                    found.push(shut(wrong.id.clone(), Message::new("gate-no-step").with("step", step)));
                    continue;
                };
                if at.state == StepState::Passed {
                    found.push(shut(wrong.id.clone(), Message::new("gate-wrong-passes").with("step", step)));
                } else if at.turn.as_ref().map(|t| t.id()) != Some(turn) {
                    let given = at.turn.as_ref().map_or("", |t| t.id());
                    let message = Message::new("gate-other-hint")
                        .with("expected", turn)
                        .with("given", given)
                        .with("where", open(&report));
                    found.push(shut(wrong.id.clone(), message));
                }
            }
        }
    }
    // Each wrong choice of a question is a wrong answer with words of its own (which the words' gate asks for).
    for question in lesson.steps.iter().filter_map(|s| s.question.as_ref()) {
        count += question.choices.len().saturating_sub(1);
    }
    // So is each fault of an exam (tried in `draws`).
    count += lesson.draw.as_ref().map_or(0, |draw| draw.faults.len());
    if count < WRONG_ANSWERS {
        let message = Message::new("gate-few-wrong").with("count", count).with("wanted", WRONG_ANSWERS);
        found.push(shut("", message));
    }
    found
}

/// An exam: each fault alone and some draws must fail, and putting the original files back must solve it.
fn draws<S: Scene>(lesson: &Lesson, desk: &dyn Fn(&Lesson, &[File]) -> S) -> Vec<Shut> {
    let Some(of) = &lesson.draw else { return Vec::new() };
    let mut found = Vec::new();
    for fault in &of.faults {
        let has = lesson.start.iter().any(|f| f.name == fault.file && f.text.contains(fault.from.as_str()));
        if !has {
            found.push(shut(fault.id.clone(), Message::new("gate-no-text").with("at", 1)));
        }
    }
    let broken = of.faults.iter().map(|fault| {
        let mut files = lesson.start.clone();
        draw::break_file(&mut files, fault);
        (fault.id.clone(), files, vec![fault])
    });
    let drawn = (1..=SEEDS)
        .map(|seed| (SmolStr::from(format!("seed {seed}")), draw::start_files(lesson, seed), draw::draw(of, seed)));
    for (part, files, faults) in broken.chain(drawn) {
        let scene = desk(lesson, &files);
        let mut progress = Progress::default();
        for step in &lesson.steps {
            for right in step.question.iter().flat_map(|q| right_choices(q, &scene)) {
                progress.answer(lesson, &scene, &step.id, &right);
            }
        }
        let report = grade(lesson, &scene, &mut progress, Scope::Open);
        if report.solved {
            found.push(shut(part.clone(), Message::new("gate-start-passes")));
        }
        // The hint is about something that is broken.
        let given = report.steps.iter().find_map(|s| s.turn.as_ref()).map_or("", TurnHint::id);
        if !faults.iter().any(|f| f.turn == given) {
            let expected: Vec<&str> = faults.iter().map(|f| f.turn.as_str()).collect();
            let message = Message::new("gate-other-hint")
                .with("expected", expected.join(", "))
                .with("given", given)
                .with("where", open(&report));
            found.push(shut(part.clone(), message));
        }
        let mends = std::iter::once(lesson.start.clone()).chain(match &faults[..] {
            [fault] => another_mend(lesson, fault),
            _ => None,
        });
        for files in mends {
            let (mut scene, mut progress) = (scene.clone(), progress.clone());
            files.iter().for_each(|file| scene.write(&file.name, &file.text));
            // Pods that are made anew need their probes.
            scene.run_for(Duration::secs(60));
            scene.settle();
            let report = grade(lesson, &scene, &mut progress, Scope::Open);
            if !report.solved {
                found.push(shut(part.clone(), Message::new("gate-solution-fails").with("where", open(&report))));
            }
        }
    }
    found
}

/// The files with the other mend of a fault in its place.
fn another_mend(lesson: &Lesson, fault: &Fault) -> Option<Vec<File>> {
    let mut files = lesson.start.clone();
    draw::break_file(&mut files, &Fault { to: fault.also.clone()?, ..fault.clone() });
    Some(files)
}

/// Whether a language has every part that the lesson needs, and none that it does not.
fn words(lesson: &Lesson, words: &Words, file: &str) -> Vec<Shut> {
    let mut found = Vec::new();
    let mut missing = |part: String| found.push(shut(file, Message::new("gate-words-missing").with("part", part)));
    for (part, text) in
        [("#", &words.title), ("intro", &words.intro), ("solved", &words.solved), ("cheat", &words.cheat)]
    {
        if text.is_empty() {
            missing(part.to_string());
        }
    }
    let ids: Vec<&SmolStr> = lesson.steps.iter().map(|s| &s.id).collect();
    if words.steps.iter().map(|s| &s.id).ne(ids.iter().copied()) {
        missing(format!("steps {ids:?}"));
    }
    for step in &lesson.steps {
        let Some(at) = words.step(&step.id) else { continue };
        // A question says what to do by itself.
        if at.title.is_empty() || (at.task.is_empty() && step.question.is_none()) {
            missing(format!("{}: task", step.id));
        }
        if at.hints.is_empty() {
            missing(format!("{}: hint", step.id));
        }
        for check in step.checks.iter().filter(|c| at.check(&c.id).is_none()) {
            missing(format!("{}: check {}", step.id, check.id));
        }
        for turn in step.turns.iter().filter(|t| at.turn(&t.id).is_none()) {
            missing(format!("{}: turn {}", step.id, turn.id));
        }
        let Some(question) = &step.question else { continue };
        if at.ask.is_empty() {
            missing(format!("{}: ask", step.id));
        }
        for choice in &question.choices {
            if at.choice(&choice.id).is_none() {
                missing(format!("{}: choice {}", step.id, choice.id));
            }
        }
        // All choices but the right one; for a prediction, which one is right is not known here.
        let without = question.choices.iter().filter(|c| !c.right && at.turn(&c.id).is_none()).count();
        if without > usize::from(question.request.is_some()) {
            missing(format!("{}: turn of a choice", step.id));
        }
    }
    let faults = lesson.draw.iter().flat_map(|d| &d.faults).map(|f| &f.turn);
    for id in lesson.wrong.iter().filter_map(|w| w.fails.as_ref()).map(|(_, turn)| turn).chain(faults) {
        let own = lesson.steps.iter().any(|s| words.step(&s.id).is_some_and(|w| w.turn(id).is_some()));
        let general = || locale::rows().any(|(_, row, _, _)| row == id);
        if !own && !general() {
            found.push(shut(file, Message::new("gate-words-missing").with("part", format!("turn {id}"))));
        }
    }
    found
}

/// Whether both languages have the same parts in the same order.
fn same_parts(ko: &Words, en: &Words) -> Vec<Shut> {
    let parts = |words: &Words| -> Vec<(SmolStr, Vec<SmolStr>)> {
        let ids = |rows: &[(SmolStr, String)]| rows.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        words
            .steps
            .iter()
            .map(|s| {
                let mut all = ids(&s.checks);
                all.extend(ids(&s.choices));
                all.extend(ids(&s.turns));
                all.push(s.hints.len().to_string().into());
                (s.id.clone(), all)
            })
            .collect()
    };
    if parts(ko) == parts(en) { Vec::new() } else { vec![shut("ko.md, en.md", Message::new("gate-other-parts"))] }
}

/// The gates of the whole course: every heading and every erratum is covered, every id exists, names are known.
pub fn check_course(course: &Course) -> Vec<Shut> {
    let mut found = Vec::new();
    for heading in &course.headings {
        if course.covering(&heading.id).next().is_none() {
            found.push(shut(heading.id.clone(), Message::new("gate-heading-uncovered")));
        }
    }
    for erratum in &course.errata {
        if !course.lessons.iter().any(|l| l.errata.contains(&erratum.id)) {
            found.push(shut(erratum.id.clone(), Message::new("gate-erratum-uncovered")));
        }
    }
    for lesson in &course.lessons {
        let unknown = lesson.notes.iter().filter(|n| !course.headings.iter().any(|h| h.id == **n));
        let unknown = unknown.chain(lesson.errata.iter().filter(|e| !course.errata.iter().any(|x| x.id == **e)));
        for id in unknown {
            found.push(shut(lesson.id.clone(), Message::new("gate-unknown-id").with("id", id)));
        }
        if !course.tracks.iter().any(|t| t.id == lesson.track) {
            found.push(shut(lesson.id.clone(), Message::new("gate-unknown-id").with("id", &lesson.track)));
        }
        if lesson.notes.is_empty() || lesson.docs.is_empty() {
            found.push(shut(lesson.id.clone(), Message::new("gate-no-links")));
        }
    }
    found
}
