//! The file that a pupil hands in: who (if they like), and how far they came in each lesson, step by step.
//!
//! It ends with a seal, a SHA-256 over what stands before it. The seal shows that a file was cut or edited by accident. It is
//! no proof against somebody who is determined to cheat: whoever can read this source can write a seal.

use super::grade::{Report, StepState};
use super::model::{Lesson, Step};
use super::progress::Progress;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use std::fmt::Write;

/// The newest version that is written and read.
pub const VERSION: u32 = 1;
/// The largest file that is looked at.
pub const MAX_BYTES: usize = 256 << 10;
const HEAD: &str = "giljabi-result";

/// A result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultFile {
    /// A name or a number; may be empty.
    pub name: String,
    /// The assignment's code, if it was one.
    pub assignment: String,
    pub lessons: Vec<LessonResult>,
}

/// How far somebody came in one lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonResult {
    pub lesson: SmolStr,
    pub points: u32,
    pub of: u32,
    pub solved: bool,
    pub stars: u8,
    pub edits: u32,
    pub hints: u32,
    pub steps: Vec<StepResult>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepResult {
    pub step: SmolStr,
    pub passed: bool,
    pub points: u32,
    pub of: u32,
    /// Answers that were given to its question.
    pub tries: u32,
    pub checks: Vec<(SmolStr, bool)>,
}

/// What is wrong with a file that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoilt {
    /// Something else altogether.
    NotAResult,
    /// Its end is missing.
    Cut,
    /// Its seal does not fit: it was changed.
    Edited,
    /// It comes from a newer version.
    Newer,
    TooBig,
}

impl Spoilt {
    /// The row of the message table that says it.
    pub fn message(self) -> &'static str {
        match self {
            Spoilt::NotAResult => "result-not-a-result",
            Spoilt::Cut => "result-cut",
            Spoilt::Edited => "result-edited",
            Spoilt::Newer => "result-newer",
            Spoilt::TooBig => "result-too-big",
        }
    }
}

impl LessonResult {
    /// From a lesson's report.
    pub fn new(lesson: &str, report: &Report, progress: &Progress) -> LessonResult {
        LessonResult {
            lesson: lesson.into(),
            points: report.points,
            of: report.of,
            solved: report.solved,
            stars: report.stars,
            edits: progress.edits,
            hints: progress.hints(),
            steps: report
                .steps
                .iter()
                .map(|s| StepResult {
                    step: s.id.clone(),
                    passed: s.state == StepState::Passed,
                    points: s.points,
                    of: s.of,
                    tries: s.question.as_ref().map_or(0, |q| q.tries() as u32),
                    checks: s.checks.iter().map(|c| (c.id.clone(), c.holds)).collect(),
                })
                .collect(),
        }
    }

    /// Whether the learner has done anything in it.
    pub fn is_begun(&self) -> bool {
        self.solved || self.edits + self.hints > 0 || self.steps.iter().any(|s| s.passed || s.tries > 0)
    }

    /// The first step that is not passed: where somebody stands, or is stuck.
    pub fn stands_at(&self) -> Option<&StepResult> {
        self.steps.iter().find(|s| !s.passed)
    }

    /// The lines that say it: the lesson, its steps, their checks.
    pub(super) fn write_to(&self, out: &mut String) {
        let numbers = [self.points, self.of, yes(self.solved), u32::from(self.stars), self.edits, self.hints];
        let numbers = numbers.map(|n| n.to_string()).join(" ");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "lesson {} {numbers}", self.lesson);
        for s in &self.steps {
            let _ = writeln!(out, "step {} {} {} {} {}", s.step, yes(s.passed), s.points, s.of, s.tries);
            for (check, holds) in &s.checks {
                let _ = writeln!(out, "check {check} {}", yes(*holds));
            }
        }
    }

    /// Takes in a line that [`LessonResult::write_to`] wrote; a line of a kind that this version does not know is passed over.
    pub(super) fn take(lessons: &mut Vec<LessonResult>, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split(' ').collect();
        let number = |i: usize| words.get(i).and_then(|w| w.parse::<u32>().ok()).unwrap_or(0);
        let id = || SmolStr::from(words.first().copied().unwrap_or(""));
        match word {
            "lesson" => lessons.push(LessonResult {
                lesson: id(),
                points: number(1),
                of: number(2),
                solved: number(3) == 1,
                stars: number(4).min(3) as u8,
                edits: number(5),
                hints: number(6),
                steps: Vec::new(),
            }),
            "step" => {
                if let Some(lesson) = lessons.last_mut() {
                    lesson.steps.push(StepResult {
                        step: id(),
                        passed: number(1) == 1,
                        points: number(2),
                        of: number(3),
                        tries: number(4),
                        checks: Vec::new(),
                    });
                }
            }
            "check" => {
                if let Some(step) = lessons.last_mut().and_then(|l| l.steps.last_mut()) {
                    step.checks.push((id(), number(1) == 1));
                }
            }
            _ => {}
        }
    }

    /// Whether it was got in the lesson as it is today: the same steps, points and checks. Otherwise it comes from another
    /// version of the lesson.
    pub fn fits(&self, lesson: &Lesson) -> bool {
        let today = LessonResult::untouched(lesson);
        let ids = |s: &StepResult| s.checks.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
        let shape = |r: &LessonResult| r.steps.iter().map(|s| (s.step.clone(), s.of, ids(s))).collect::<Vec<_>>();
        self.of == today.of && shape(self) == shape(&today)
    }

    /// A lesson that has not been begun.
    pub fn untouched(lesson: &Lesson) -> LessonResult {
        let step = |step: &Step| StepResult {
            step: step.id.clone(),
            of: step.points,
            checks: step.checks.iter().map(|c| (c.id.clone(), false)).collect(),
            ..StepResult::default()
        };
        LessonResult {
            lesson: lesson.id.clone(),
            of: lesson.steps.iter().map(|s| s.points).sum(),
            steps: lesson.steps.iter().map(step).collect(),
            ..LessonResult::default()
        }
    }
}

impl ResultFile {
    /// As text, sealed.
    pub fn write(&self) -> String {
        let mut out = format!("{HEAD} {VERSION}\nname {}\nassignment {}\n", line(&self.name), line(&self.assignment));
        self.lessons.iter().for_each(|l| l.write_to(&mut out));
        let seal = seal(&out);
        out.push_str(&seal);
        out
    }

    /// Reads a file that was handed in.
    pub fn read(text: &str) -> Result<ResultFile, Spoilt> {
        if text.len() > MAX_BYTES {
            return Err(Spoilt::TooBig);
        }
        // Mail programs and editors change line ends and put a mark before the text.
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        let version = text.lines().next().and_then(|l| l.strip_prefix(HEAD)).ok_or(Spoilt::NotAResult)?;
        match version.trim().parse::<u32>() {
            Ok(version) if version > VERSION => return Err(Spoilt::Newer),
            Ok(_) => {}
            Err(_) => return Err(Spoilt::NotAResult),
        }
        let at = text.rfind("seal ").ok_or(Spoilt::Cut)?;
        let (body, given) = text.split_at(at);
        if given.trim_end().len() != seal(body).trim_end().len() {
            return Err(Spoilt::Cut);
        }
        if given.trim_end() != seal(body).trim_end() {
            return Err(Spoilt::Edited);
        }
        let mut file = ResultFile::default();
        for line in body.lines().skip(1) {
            file.take(line);
        }
        Ok(file)
    }

    fn take(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "name" => self.name = rest.to_string(),
            "assignment" => self.assignment = rest.to_string(),
            _ => LessonResult::take(&mut self.lessons, line),
        }
    }

    pub fn points(&self) -> (u32, u32) {
        self.lessons.iter().fold((0, 0), |(got, of), l| (got + l.points, of + l.of))
    }
}

fn yes(flag: bool) -> u32 {
    u32::from(flag)
}

/// A name on one line.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn seal(body: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"giljabi result seal\n");
    hash.update(body.as_bytes());
    format!("seal {}\n", HEXLOWER.encode(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> ResultFile {
        let steps = vec![StepResult {
            step: "mend".into(),
            passed: true,
            points: 10,
            of: 10,
            tries: 2,
            checks: vec![("ok".into(), true), ("other".into(), false)],
        }];
        let lesson =
            LessonResult { lesson: "a".into(), points: 10, of: 20, stars: 1, edits: 3, steps, ..Default::default() };
        ResultFile { name: "3반 길동".into(), assignment: "AQ".into(), lessons: vec![lesson] }
    }

    #[test]
    fn a_result_is_read_back() {
        let text = sample().write();
        assert_eq!(ResultFile::read(&text), Ok(sample()));
        assert_eq!(ResultFile::read(&format!("\u{feff}{}", text.replace('\n', "\r\n"))), Ok(sample()));
    }

    #[test]
    fn spoilt_files_are_told_apart() {
        let text = sample().write();
        assert_eq!(ResultFile::read("kind: Service\n"), Err(Spoilt::NotAResult));
        assert_eq!(ResultFile::read(&text[..text.len() / 2]), Err(Spoilt::Cut));
        assert_eq!(ResultFile::read(&text[..text.len() - 9]), Err(Spoilt::Cut));
        assert_eq!(ResultFile::read(&text.replace("a 10 20", "a 20 20")), Err(Spoilt::Edited));
        assert_eq!(ResultFile::read(&text.replace("result 1", "result 9")), Err(Spoilt::Newer));
        assert_eq!(ResultFile::read(&"x".repeat(MAX_BYTES + 1)), Err(Spoilt::TooBig));
    }
}
