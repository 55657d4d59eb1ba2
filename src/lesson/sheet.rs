//! The print sheet of a lesson, as Markdown: tasks with boxes to tick, questions with their choices, the start files, and lines
//! for the one sentence to keep, which the learner writes. Hints and answers are not on it, nor the files of an exam, which are
//! broken only when it is drawn.

use super::course::Course;
use super::model::Lesson;
use super::text::Words;
use crate::locale::{Lang, Message};

/// The sheet of a lesson. `course` gives the notes' headings their titles.
pub fn sheet(lesson: &Lesson, words: &Words, course: &Course, lang: Lang) -> String {
    let say = |id: &'static str| Message::new(id).text(lang);
    let mut out = format!("# {}\n\n{}: ________________\n\n{}\n", words.title, say("sheet-name"), words.intro);
    for (i, step) in lesson.steps.iter().enumerate() {
        let Some(at) = words.step(&step.id) else { continue };
        out.push_str(&format!("\n## {}. {}\n\n{}\n", i + 1, at.title, at.task));
        if let Some(question) = &step.question {
            out.push_str(&format!("\n{}\n\n", at.ask));
            for choice in &question.choices {
                out.push_str(&format!("- ○ {}\n", at.choice(&choice.id).unwrap_or(&choice.id)));
            }
        }
        if !step.checks.is_empty() {
            out.push('\n');
        }
        for check in &step.checks {
            out.push_str(&format!("- ☐ {}\n", at.check(&check.id).unwrap_or(&check.id)));
        }
    }
    for file in lesson.start.iter().filter(|_| lesson.draw.is_none()) {
        out.push_str(&format!("\n## {}\n\n```yaml\n{}\n```\n", file.name, file.text.trim_end()));
    }
    let rule = "_".repeat(60);
    out.push_str(&format!("\n## {}\n\n{rule}\n\n{rule}\n\n## {}\n\n", say("sheet-cheat"), say("sheet-more")));
    for id in &lesson.notes {
        if let Some(heading) = course.headings.iter().find(|h| h.id == *id) {
            let title = if lang == Lang::Ko { &heading.title } else { &heading.english };
            out.push_str(&format!("- {id} {title}\n"));
        }
    }
    for path in &lesson.docs {
        out.push_str(&format!("- https://kubernetes.io/{path}\n"));
    }
    out
}
