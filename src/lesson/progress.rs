//! How far a learner has come in one lesson: what is passed, what was answered, how many hints and edits it took. It is saved
//! as text (one line a fact), so that a saved file can be read, merged between two tabs, and survives new versions.

use super::check;
use super::model::*;
use super::scene::Scene;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Progress in one lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Points by passed step.
    passed: BTreeMap<SmolStr, u32>,
    answers: BTreeMap<SmolStr, Given>,
    /// Hints that were opened, by step.
    hints: BTreeMap<SmolStr, u32>,
    /// Edits that changed the cluster.
    pub edits: u32,
}

/// What was answered to a question, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    choices: Vec<SmolStr>,
    right: bool,
}

impl Given {
    pub fn is_right(&self) -> bool {
        self.right
    }

    /// How many answers were given.
    pub fn tries(&self) -> usize {
        self.choices.len()
    }

    /// The latest answer.
    pub fn last(&self) -> &SmolStr {
        static NONE: SmolStr = SmolStr::new_static("");
        self.choices.last().unwrap_or(&NONE)
    }
}

impl Progress {
    pub fn has_passed(&self, step: &str) -> bool {
        self.passed.contains_key(step)
    }

    pub(super) fn pass(&mut self, step: &str, points: u32) {
        self.passed.insert(step.into(), points);
    }

    pub fn points(&self, step: &str) -> u32 {
        self.passed.get(step).copied().unwrap_or(0)
    }

    pub fn given(&self, step: &str) -> Option<&Given> {
        self.answers.get(step)
    }

    /// Hints that were opened, in all steps.
    pub fn hints(&self) -> u32 {
        self.hints.values().sum()
    }

    pub fn hints_of(&self, step: &str) -> u32 {
        self.hints.get(step).copied().unwrap_or(0)
    }

    /// Opens the next hint of a step.
    pub fn take_hint(&mut self, step: &str, most: u32) -> u32 {
        let taken = self.hints.entry(step.into()).or_default();
        *taken = (*taken + 1).min(most);
        *taken
    }

    /// Answers a question. A prediction is judged by what the cluster does now.
    pub fn answer<S: Scene>(&mut self, lesson: &Lesson, scene: &S, step: &str, choice: &str) {
        let Some(question) = lesson.steps.iter().find(|s| s.id == step).and_then(|s| s.question.as_ref()) else {
            return;
        };
        let given = self.answers.entry(step.into()).or_default();
        // An answer that was right stays; nobody can type for ever.
        if given.right || given.choices.len() >= 20 || !question.choices.iter().any(|c| c.id == choice) {
            return;
        }
        given.choices.push(choice.into());
        given.right = right_choices(question, scene).contains(&SmolStr::from(choice));
    }

    /// Whether nothing has been done yet.
    pub fn is_empty(&self) -> bool {
        *self == Progress::default()
    }

    /// Takes from another record of the same lesson (a second tab, a loaded file) whatever is further along.
    pub fn merge(&mut self, other: &Progress) {
        for (step, points) in &other.passed {
            let mine = self.passed.entry(step.clone()).or_default();
            *mine = (*mine).max(*points);
        }
        for (step, theirs) in &other.answers {
            let mine = self.answers.entry(step.clone()).or_default();
            if (theirs.right, theirs.tries()) > (mine.right, mine.tries()) {
                *mine = theirs.clone();
            }
        }
        for (step, count) in &other.hints {
            let mine = self.hints.entry(step.clone()).or_default();
            *mine = (*mine).max(*count);
        }
        self.edits = self.edits.max(other.edits);
    }

    /// As text: `passed STEP POINTS`, `answered STEP right|wrong CHOICE …`, `hints STEP COUNT`, `edits COUNT`.
    pub fn save(&self) -> String {
        let mut out = String::new();
        for (step, points) in &self.passed {
            out.push_str(&format!("passed {step} {points}\n"));
        }
        for (step, given) in &self.answers {
            let word = if given.right { "right" } else { "wrong" };
            out.push_str(&format!("answered {step} {word} {}\n", given.choices.join(" ")));
        }
        for (step, count) in &self.hints {
            out.push_str(&format!("hints {step} {count}\n"));
        }
        if self.edits > 0 {
            out.push_str(&format!("edits {}\n", self.edits));
        }
        out
    }

    /// Reads what [`Progress::save`] wrote; lines that say nothing to this version are passed over.
    pub fn load(text: &str) -> Progress {
        let mut progress = Progress::default();
        for line in text.lines().take(1_000) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["passed", step, points] => {
                    progress.passed.insert(step.into(), points.parse::<u32>().unwrap_or(0).min(100));
                }
                ["answered", step, word, ref choices @ ..] if !choices.is_empty() => {
                    let choices = choices.iter().take(20).map(|c| SmolStr::from(*c)).collect();
                    progress.answers.insert(step.into(), Given { choices, right: word == "right" });
                }
                ["hints", step, count] => {
                    progress.hints.insert(step.into(), count.parse::<u32>().unwrap_or(0).min(100));
                }
                ["edits", count] => progress.edits = count.parse().unwrap_or(0),
                _ => {}
            }
        }
        progress
    }
}

/// The right choices of a question: those marked so, or, of a prediction, those whose expectation the cluster meets now.
pub fn right_choices<S: Scene>(question: &Question, scene: &S) -> Vec<SmolStr> {
    let right: Vec<&Choice> = match &question.request {
        None => question.choices.iter().filter(|c| c.right).collect(),
        Some(request) => match check::send(request, scene) {
            Ok(trace) => {
                let met = |c: &&Choice| c.expect.as_ref().is_some_and(|e| check::meets(e, &trace));
                question.choices.iter().filter(met).collect()
            }
            Err(_) => Vec::new(),
        },
    };
    right.into_iter().map(|c| c.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_saved_loaded_and_merged() {
        let text = "passed a 10\nanswered q right b a\nhints a 2\nedits 3\n";
        let progress = Progress::load(text);
        assert_eq!(progress.save(), text);
        assert_eq!(progress.given("q").map(|g| (g.tries(), g.is_right())), Some((2, true)));
        let mut other = Progress::load("passed a 4\npassed b 5\nanswered q wrong b\nwhatever\nedits x\n");
        other.merge(&progress);
        assert_eq!(other.save(), "passed a 10\npassed b 5\nanswered q right b a\nhints a 2\nedits 3\n");
    }
}
