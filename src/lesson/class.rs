//! A teacher's table over the results of a class: a row a pupil, figures a check, and where they get stuck. A file that is
//! spoilt has its row, which says so, and never spoils the rest.

use super::course::{Course, GUEST};
use super::result::{ResultFile, Spoilt};
use crate::arrange::Arrange;
use crate::locale::{Lang, Message};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// One file that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The file's name.
    pub file: String,
    pub result: Result<ResultFile, Spoilt>,
    /// Lessons whose results come from another version of them: their points count, their steps are not compared.
    pub old: Vec<SmolStr>,
}

/// The results of a class, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    pub rows: Vec<Row>,
}

/// The figures of one check (or, with an empty name, of a whole step).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    pub lesson: SmolStr,
    pub step: SmolStr,
    pub check: SmolStr,
    /// How many have it right.
    pub right: u32,
    /// How many handed it in.
    pub of: u32,
    /// For a step: how many stand at it, having passed all before and not it, in a lesson that they have begun or that is their
    /// next one.
    pub stuck: u32,
}

impl Class {
    /// Reads a file that was handed in. `course` says what the lessons are today.
    pub fn add(&mut self, file: &str, text: &str, course: &Course) {
        let result = ResultFile::read(text);
        // What somebody else wrote is in no course; it cannot be compared with anything.
        let ours = result.iter().flat_map(|r| &r.lessons).filter(|l| !l.lesson.starts_with(GUEST));
        let old = ours.filter(|l| course.lesson(&l.lesson).is_none_or(|today| !l.fits(today)));
        let old = old.map(|l| l.lesson.clone()).collect();
        self.rows.push(Row { file: file.to_string(), result, old });
    }

    /// The lessons that occur, in order of appearance.
    pub fn lessons(&self) -> Vec<SmolStr> {
        let mut lessons: Vec<SmolStr> = Vec::new();
        for lesson in self.good().flat_map(|r| &r.lessons) {
            if !lessons.contains(&lesson.lesson) {
                lessons.push(lesson.lesson.clone());
            }
        }
        lessons
    }

    fn good(&self) -> impl Iterator<Item = &ResultFile> {
        self.rows.iter().filter_map(|r| r.result.as_ref().ok())
    }

    /// The figures of every step and check, in the lessons' order.
    pub fn figures(&self) -> Vec<Figure> {
        let mut places: BTreeMap<(SmolStr, SmolStr, SmolStr), usize> = BTreeMap::new();
        let mut figures: Vec<Figure> = Vec::new();
        let mut count = |lesson: &SmolStr, step: &SmolStr, check: &str, right: bool, stuck: bool| {
            let key = (lesson.clone(), step.clone(), SmolStr::from(check));
            let at = *places.entry(key).or_insert_with(|| {
                figures.push(Figure {
                    lesson: lesson.clone(),
                    step: step.clone(),
                    check: check.into(),
                    ..Figure::default()
                });
                figures.len() - 1
            });
            figures[at].of += 1;
            figures[at].right += u32::from(right);
            figures[at].stuck += u32::from(stuck);
        };
        let compared = self.rows.iter().filter_map(|row| Some((row, row.result.as_ref().ok()?)));
        let compared = compared.flat_map(|(row, r)| {
            // Nobody is stuck in a lesson that they have not come to: of those that were not begun only the first one counts.
            let ahead = r.lessons.iter().position(|l| !l.is_begun());
            let lessons = r.lessons.iter().enumerate();
            lessons.filter(|(_, l)| !row.old.contains(&l.lesson)).map(move |(at, l)| (l, ahead == Some(at)))
        });
        for (lesson, is_next) in compared {
            let stands = lesson.stands_at().filter(|_| is_next || lesson.is_begun()).map(|s| s.step.clone());
            for step in &lesson.steps {
                count(&lesson.lesson, &step.step, "", step.passed, stands.as_ref() == Some(&step.step));
                for (check, holds) in &step.checks {
                    count(&lesson.lesson, &step.step, check, *holds, false);
                }
            }
        }
        figures
    }

    /// The steps at which most are stuck, the worst first.
    pub fn stuck_at(&self) -> Vec<Figure> {
        let mut steps: Vec<Figure> = self.figures().into_iter().filter(|f| f.check.is_empty() && f.stuck > 0).collect();
        steps.arrange_by_key(|f| std::cmp::Reverse(f.stuck));
        steps
    }

    /// The table as CSV (RFC 4180, with a byte order mark, which spreadsheets want for Korean).
    pub fn csv(&self, lang: Lang) -> String {
        let lessons = self.lessons();
        let mut out = String::from("\u{feff}");
        let mut head: Vec<String> =
            ["class-file", "class-name", "class-state", "class-points", "class-of", "class-hints", "class-edits"]
                .iter()
                .map(|id| Message::new(id).text(lang))
                .collect();
        head.extend(lessons.iter().map(SmolStr::to_string));
        push_row(&mut out, &head);
        for row in &self.rows {
            let mut cells = vec![row.file.clone()];
            match &row.result {
                Err(spoilt) => {
                    cells.push(String::new());
                    cells.push(Message::new(spoilt.message()).text(lang));
                }
                Ok(result) => {
                    let (got, of) = result.points();
                    let sum = |f: fn(&super::result::LessonResult) -> u32| result.lessons.iter().map(f).sum::<u32>();
                    cells.push(result.name.clone());
                    let state = if row.old.is_empty() { "class-good" } else { "result-older" };
                    cells.push(Message::new(state).text(lang));
                    cells.extend([got, of, sum(|l| l.hints), sum(|l| l.edits)].map(|n| n.to_string()));
                    for lesson in &lessons {
                        let found = result.lessons.iter().find(|l| l.lesson == *lesson);
                        cells.push(found.map_or(String::new(), |l| l.points.to_string()));
                    }
                }
            }
            cells.resize(head.len(), String::new());
            push_row(&mut out, &cells);
        }
        out
    }
}

fn push_row(out: &mut String, cells: &[String]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&field(cell));
    }
    out.push_str("\r\n");
}

/// A cell. What a spreadsheet would run as a formula is made text.
fn field(text: &str) -> String {
    let guarded =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_string() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Check, Lesson, NamedCheck, Step};
    use super::super::result::{LessonResult, StepResult};
    use super::*;

    #[test]
    fn nobody_is_stuck_in_a_lesson_that_they_have_not_come_to() {
        let step = |id: &str| Step { id: id.into(), points: 10, ..Step::default() };
        let lesson = |id: &str| Lesson { id: id.into(), steps: vec![step("only")], ..Lesson::default() };
        let course = Course::of(vec![lesson("one"), lesson("two"), lesson("three"), lesson("four")]);
        let result = |id: &str, passed: bool, edits: u32| LessonResult {
            lesson: id.into(),
            of: 10,
            solved: passed,
            edits,
            steps: vec![StepResult { step: "only".into(), passed, points: 0, of: 10, tries: 0, checks: Vec::new() }],
            ..LessonResult::default()
        };
        // The first is done, the second was not touched, the third was tried, the fourth is still ahead.
        let lessons =
            vec![result("one", true, 1), result("two", false, 0), result("three", false, 4), result("four", false, 0)];
        let text = ResultFile { name: "a".into(), assignment: String::new(), lessons }.write();
        let mut class = Class::default();
        class.add("a.txt", &text, &course);
        let stuck: Vec<String> = class.stuck_at().iter().map(|f| f.lesson.to_string()).collect();
        assert_eq!(stuck, ["two", "three"]);
        assert!(class.figures().iter().all(|f| f.of == 1), "what is ahead still counts as handed in");
    }

    #[test]
    fn two_hundred_files_make_a_table_and_spoilt_ones_do_no_harm() {
        let check = |id: &str| NamedCheck { id: id.into(), check: Check::Clean };
        let step = |id: &str| Step { id: id.into(), points: 10, checks: vec![check("ok")], ..Step::default() };
        let today =
            Lesson { id: "first-service".into(), steps: vec![step("guess"), step("build")], ..Lesson::default() };
        let course = Course::of(vec![today]);
        let mut class = Class::default();
        for pupil in 0..200_u32 {
            let step = |id: &str, passed: bool| StepResult {
                step: id.into(),
                passed,
                points: if passed { 10 } else { 4 },
                of: 10,
                tries: 0,
                checks: vec![("ok".into(), passed)],
            };
            let second = pupil % 4 == 0;
            let lesson = LessonResult {
                lesson: "first-service".into(),
                points: if second { 20 } else { 14 },
                of: 20,
                solved: second,
                // One pupil's page is from before the second step got its name of today.
                steps: vec![step("guess", true), step(if pupil == 13 { "make" } else { "build" }, second)],
                ..LessonResult::default()
            };
            let name = if pupil == 7 { "=HYPERLINK(\"x\")".to_string() } else { format!("{pupil}번, 반") };
            let text = ResultFile { name, assignment: String::new(), lessons: vec![lesson] }.write();
            let text = match pupil {
                10 => text.replace(" 20 ", " 99 "),
                11 => text[..60].to_string(),
                12 => "hello".to_string(),
                _ => text,
            };
            class.add(&format!("{pupil}.txt"), &text, &course);
        }
        let figures = class.figures();
        let build = figures.iter().find(|f| f.step == "build" && f.check.is_empty()).unwrap();
        assert_eq!((build.of, build.right, build.stuck), (196, 49, 147));
        assert!(figures.iter().all(|f| f.step != "make"), "steps of another version are not compared");
        assert_eq!(class.rows[13].old, ["first-service"]);
        assert!(class.csv(Lang::En).lines().nth(14).unwrap().contains("another version"));
        assert_eq!(class.stuck_at()[0].step, "build");
        let csv = class.csv(Lang::Ko);
        assert_eq!(csv.matches("\r\n").count(), 201);
        assert!(csv.contains("\"'=HYPERLINK(\"\"x\"\")\"") && csv.contains("\"8번, 반\""), "{csv}");
    }
}
