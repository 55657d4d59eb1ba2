//! A lesson's words in one language (`ko.md`, `en.md`).
//!
//! The file is Markdown with a fixed skeleton, so that it reads well by itself and its parts can be found:
//!
//! ```text
//! # Title
//! What it is about.
//!
//! ## STEP Title of the step
//! The task.
//! - check ID: what must come true
//! - ask: the question
//! - choice ID: an answer
//! - hint: the first hint
//! - turn ID: what to say to a foreseen wrong turn (or wrong choice)
//!
//! ## solved
//! Why it is right.
//!
//! ## cheat
//! The line for the cheat sheet.
//! ```

use super::read::Problem;
use crate::locale::Message;
use smol_str::SmolStr;

/// The words of a lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub title: String,
    /// Markdown.
    pub intro: String,
    pub steps: Vec<StepWords>,
    /// Why the solution is right.
    pub solved: String,
    /// One line to keep.
    pub cheat: String,
}

/// The words of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepWords {
    pub id: SmolStr,
    pub title: String,
    /// Markdown.
    pub task: String,
    pub ask: String,
    pub checks: Vec<(SmolStr, String)>,
    pub choices: Vec<(SmolStr, String)>,
    pub hints: Vec<String>,
    pub turns: Vec<(SmolStr, String)>,
}

impl Words {
    pub fn step(&self, id: &str) -> Option<&StepWords> {
        self.steps.iter().find(|s| s.id == id)
    }
}

impl StepWords {
    pub fn check(&self, id: &str) -> Option<&str> {
        find(&self.checks, id)
    }

    pub fn choice(&self, id: &str) -> Option<&str> {
        find(&self.choices, id)
    }

    pub fn turn(&self, id: &str) -> Option<&str> {
        find(&self.turns, id)
    }
}

fn find<'a>(rows: &'a [(SmolStr, String)], id: &str) -> Option<&'a str> {
    rows.iter().find(|(name, _)| name == id).map(|(_, text)| text.as_str())
}

/// Where text goes while a file is read.
enum Part {
    Intro,
    Step,
    Solved,
    Cheat,
}

/// Reads a language's file.
pub fn read(file: &str, text: &str) -> Result<Words, Vec<Problem>> {
    let mut words = Words::default();
    let mut part = Part::Intro;
    let mut problems = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let problem =
            |id: &'static str| Problem { file: file.into(), line: number as u32 + 1, message: Message::new(id) };
        if let Some(title) = line.strip_prefix("# ") {
            words.title = title.trim().to_string();
        } else if let Some(heading) = line.strip_prefix("## ") {
            let (id, title) = heading.trim().split_once(' ').unwrap_or((heading.trim(), ""));
            part = match id {
                "solved" => Part::Solved,
                "cheat" => Part::Cheat,
                _ => {
                    words.steps.push(StepWords { id: id.into(), title: title.trim().into(), ..StepWords::default() });
                    Part::Step
                }
            };
        } else {
            match (&part, words.steps.last_mut()) {
                (Part::Intro, _) => push(&mut words.intro, line),
                (Part::Solved, _) => push(&mut words.solved, line),
                (Part::Cheat, _) => push(&mut words.cheat, line),
                (Part::Step, Some(step)) => {
                    if !step.take(line) {
                        push(&mut step.task, line);
                    }
                }
                (Part::Step, None) => problems.push(problem("lesson-words-place")),
            }
        }
    }
    for text in [&mut words.intro, &mut words.solved, &mut words.cheat] {
        *text = text.trim().to_string();
    }
    for step in &mut words.steps {
        step.task = step.task.trim().to_string();
    }
    if words.title.is_empty() {
        problems.push(Problem { file: file.into(), line: 1, message: Message::new("lesson-words-title") });
    }
    if problems.is_empty() { Ok(words) } else { Err(problems) }
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

impl StepWords {
    /// Takes a line of the skeleton; false for a line of the task.
    fn take(&mut self, line: &str) -> bool {
        let Some(rest) = line.strip_prefix("- ") else { return false };
        let Some((head, text)) = rest.split_once(": ") else { return false };
        let text = text.trim().to_string();
        match head.split_once(' ') {
            Some(("check", id)) => self.checks.push((id.into(), text)),
            Some(("choice", id)) => self.choices.push((id.into(), text)),
            Some(("turn", id)) => self.turns.push((id.into(), text)),
            None if head == "hint" => self.hints.push(text),
            None if head == "ask" => self.ask = text,
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_skeleton_is_found() {
        let words = read(
            "ko.md",
            "# 제목\n소개예요.\n\n## mend 고치기\n해 보세요.\n- 그냥 목록\n- check ok: 돼요\n- hint: 하나\n- hint: 둘\n- turn x: 아니에요\n\n## solved\n맞아요.\n## cheat\n`k get ep`\n",
        )
        .unwrap();
        assert_eq!(words.title, "제목");
        let step = words.step("mend").unwrap();
        assert_eq!(step.task, "해 보세요.\n- 그냥 목록");
        assert_eq!((step.check("ok"), step.hints.len(), step.turn("x")), (Some("돼요"), 2, Some("아니에요")));
        assert_eq!((words.solved.as_str(), words.cheat.as_str()), ("맞아요.", "`k get ep`"));
    }
}
