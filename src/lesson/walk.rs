//! Going a way through a lesson as a learner would: one action after another, graded after each.

use super::grade::{Report, Scope, grade};
use super::model::*;
use super::progress::Progress;
use super::scene::Scene;

/// An action that could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Its place in the walk, from zero.
    pub at: usize,
    pub why: &'static str,
}

/// Does one action. Edits that change a file count.
pub fn act<S: Scene>(
    lesson: &Lesson,
    action: &Action,
    scene: &mut S,
    progress: &mut Progress,
) -> Result<(), &'static str> {
    match action {
        Action::Edit { file, from, to } => {
            let files = scene.files();
            let found = files.iter().find(|f| f.name == *file).ok_or("gate-no-file")?;
            if !found.text.contains(from.as_str()) {
                return Err("gate-no-text");
            }
            let text = found.text.replacen(from.as_str(), to, 1);
            scene.write(file, &text);
            progress.edits += 1;
        }
        Action::Write { file, text } => {
            scene.write(file, text);
            progress.edits += 1;
        }
        Action::Remove { file } => {
            scene.remove(file);
            progress.edits += 1;
        }
        Action::Run { line } => {
            scene.run(line);
        }
        Action::Answer { step, choice } => {
            let question = lesson.steps.iter().find(|s| s.id == *step).and_then(|s| s.question.as_ref());
            if !question.is_some_and(|q| q.choices.iter().any(|c| c.id == *choice)) {
                return Err("gate-no-choice");
            }
            progress.answer(lesson, scene, step, choice);
        }
        Action::Wait(time) => scene.run_for(*time),
        Action::Power { node, up } => {
            if !scene.power(node, *up) {
                return Err("gate-no-node");
            }
        }
    }
    // A learner sees the cluster come to rest before the next look.
    scene.settle();
    Ok(())
}

/// Goes a whole way; gives the last report.
pub fn walk<S: Scene>(
    lesson: &Lesson,
    actions: &[Action],
    scene: &mut S,
    progress: &mut Progress,
) -> Result<Report, Stuck> {
    let mut report = grade(lesson, scene, progress, Scope::Open);
    for (at, action) in actions.iter().enumerate() {
        act(lesson, action, scene, progress).map_err(|why| Stuck { at, why })?;
        report = grade(lesson, scene, progress, Scope::Open);
    }
    Ok(report)
}
