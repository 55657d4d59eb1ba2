//! Grading: the live state of every check with what is seen now, points, stars, and the hint that fits a wrong turn.
//!
//! The same function grades in the browser, in the native command and in the gates. Work that is partly done counts partly;
//! nothing depends on how long somebody took.

use super::check::{self, Causes};
use super::model::*;
use super::progress::{Given, Progress};
use super::scene::Scene;
use crate::locale::Message;
use smol_str::SmolStr;

/// The state of a lesson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub steps: Vec<StepReport>,
    pub points: u32,
    pub of: u32,
    pub solved: bool,
    /// 0 to 3: solved, with few edits, without hints.
    pub stars: u8,
}

/// The state of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    pub id: SmolStr,
    pub state: StepState,
    pub checks: Vec<CheckReport>,
    pub question: Option<Given>,
    /// What to say to what went wrong, when it was foreseen.
    pub turn: Option<TurnHint>,
    pub points: u32,
    pub of: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Passed,
    /// The first that is not passed.
    Open,
    /// Comes later. Its checks have not been looked at, unless everything was asked for.
    Later,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CheckReport {
    pub id: SmolStr,
    pub holds: bool,
    /// What is seen now.
    pub seen: Message,
}

/// Where the words for a wrong turn are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnHint {
    /// In the lesson's own words, under this id.
    Own(SmolStr),
    /// Words that fit any lesson: by cause of failure, or about a refusal.
    General(Message),
}

impl TurnHint {
    /// The id by which a foreseen wrong answer names it.
    pub fn id(&self) -> &str {
        match self {
            TurnHint::Own(id) => id,
            TurnHint::General(message) => message.id,
        }
    }
}

/// How much is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The open step: what a learner needs after each edit.
    Open,
    /// Every step that is not passed, whatever its place: for work that was handed in.
    All,
}

/// Looks at a lesson. What is passed is written down in `progress` and stays passed.
pub fn grade<S: Scene>(lesson: &Lesson, scene: &S, progress: &mut Progress, scope: Scope) -> Report {
    let mut report = Report::default();
    let mut open = true;
    for step in &lesson.steps {
        let passed = progress.has_passed(&step.id);
        let looked = if passed || !(open || scope == Scope::All) {
            unseen(step, progress, passed)
        } else {
            let looked = look(step, scene, progress);
            if looked.state == StepState::Passed {
                progress.pass(&step.id, looked.points);
            } else if open {
                open = false;
            }
            looked
        };
        report.points += looked.points;
        report.of += looked.of;
        report.steps.push(looked);
    }
    // Of several unpassed steps only the first is open.
    let unpassed = report.steps.iter_mut().filter(|s| s.state == StepState::Open);
    unpassed.skip(1).for_each(|s| s.state = StepState::Later);
    report.solved = report.steps.iter().all(|s| s.state == StepState::Passed);
    report.stars = stars(lesson, progress, report.solved);
    report
}

/// Solved is one star; few edits and no hints are one each.
fn stars(lesson: &Lesson, progress: &Progress, solved: bool) -> u8 {
    if !solved {
        return 0;
    }
    let few = lesson.par.is_none_or(|par| progress.edits <= par);
    1 + u8::from(few) + u8::from(progress.hints() == 0)
}

/// A step that is not looked at: passed before, or still to come.
fn unseen(step: &Step, progress: &Progress, passed: bool) -> StepReport {
    let report = |check: &NamedCheck| CheckReport {
        id: check.id.clone(),
        holds: passed,
        seen: Message::new(if passed { "seen-passed" } else { "seen-not-yet" }),
    };
    StepReport {
        id: step.id.clone(),
        state: if passed { StepState::Passed } else { StepState::Later },
        checks: step.checks.iter().map(report).collect(),
        question: progress.given(&step.id).cloned(),
        turn: None,
        points: progress.points(&step.id),
        of: step.points,
    }
}

fn look<S: Scene>(step: &Step, scene: &S, progress: &Progress) -> StepReport {
    let mut causes = Causes::new();
    let mut checks = Vec::new();
    for named in &step.checks {
        let found = check::judge(&named.check, scene, &mut causes);
        checks.push(CheckReport { id: named.id.clone(), holds: found.holds, seen: found.seen });
    }
    let given = progress.given(&step.id).cloned();
    let answered = given.as_ref().is_some_and(Given::is_right);
    let mut parts = checks.len() as u32;
    let mut got = checks.iter().filter(|c| c.holds).count() as f64;
    if step.question.is_some() {
        parts += 1;
        if let Some(given) = given.as_ref().filter(|g| g.is_right()) {
            // The first try counts whole; who found it later has learned it too.
            got += if given.tries() == 1 { 1.0 } else { 0.5 };
        }
    }
    let passed = checks.iter().all(|c| c.holds) && (step.question.is_none() || answered);
    let points = (f64::from(step.points) * got / f64::from(parts.max(1))).round() as u32;
    StepReport {
        id: step.id.clone(),
        state: if passed { StepState::Passed } else { StepState::Open },
        turn: if passed { None } else { turn(step, scene, given.as_ref(), &mut causes) },
        checks,
        question: given,
        points,
        of: step.points,
    }
}

/// The hint that fits: the words of a wrong choice, the lesson's own foreseen turns in order, what the API server refused,
/// then what fits the cause of a failing request in any lesson.
fn turn<S: Scene>(step: &Step, scene: &S, given: Option<&Given>, causes: &mut Causes) -> Option<TurnHint> {
    if let Some(given) = given.filter(|g| !g.is_right()) {
        return Some(TurnHint::Own(given.last().clone()));
    }
    // While a file is refused the cluster is what it was before; only the refusal tells what the learner just did.
    let errors = scene.errors();
    for turn in step.turns.iter().filter(|t| errors.is_empty() || t.when.is_about_refusals()) {
        if check::judge(&turn.when, scene, causes).holds {
            return Some(TurnHint::Own(turn.id.clone()));
        }
    }
    if let Some(words) = errors.first() {
        return Some(TurnHint::General(refusal(words)));
    }
    causes.first().map(|(_, mend)| TurnHint::General(mend.clone()))
}

/// What to say to a refusal, by its words.
fn refusal(words: &str) -> Message {
    let id = if words.contains("unknown field") {
        "turn-unknown-field"
    } else if words.contains("cannot unmarshal") {
        "turn-wrong-type"
    } else if words.contains("no matches for kind") {
        "turn-unknown-kind"
    } else if words.contains("yaml:") || words.contains("converting YAML") {
        "turn-yaml"
    } else {
        "turn-refused"
    };
    Message::new(id).with("words", words)
}
