//! What the browser keeps of a lesson between two visits, and the file in which somebody carries all of it to another machine.
//!
//! A record is text, one line a fact, so that it survives new versions: what a version does not know it passes over.

use super::model::File;
use super::progress::Progress;
use super::result::LessonResult;
use super::scene::Ran;
use crate::locale::Message;
use smol_str::SmolStr;

/// How many lines of the terminal are kept.
const MOST_RAN: usize = 200;
/// Of so many nodes the power is kept; a lesson has twenty at most.
const MOST_PLUGS: usize = 40;
/// The largest file of progress that is read.
pub const MAX_BYTES: usize = 8 << 20;
const HEAD: &str = "giljabi-progress";
/// The newest version that is written and read.
const VERSION: u32 = 1;

/// One lesson of one learner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// How far this attempt has come.
    pub progress: Progress,
    /// The best result so far, of this attempt or an earlier one.
    pub best: Option<LessonResult>,
    /// The best result in the lesson as an assignment alters it, and the assignment's mark: what was achieved elsewhere does
    /// not count there.
    pub set: Option<(SmolStr, LessonResult)>,
    /// What an exam was drawn from.
    pub seed: u64,
    /// What was run in the terminal, to be run again when the lesson is opened again.
    pub ran: Vec<Ran>,
    /// The nodes whose plug was pulled or put back, and whether they have power since.
    pub plugs: Vec<(SmolStr, bool)>,
}

impl Record {
    /// Whether there is nothing worth keeping. What an exam was drawn from is: it must be the same exam after a reload.
    pub fn is_empty(&self) -> bool {
        *self == Record::default()
    }

    pub fn is_solved(&self) -> bool {
        self.best.as_ref().is_some_and(|b| b.solved)
    }

    pub fn stars(&self) -> u8 {
        self.best.as_ref().map_or(0, |b| b.stars)
    }

    /// Takes a result in, if it is better than the best one so far.
    pub fn achieve(&mut self, result: LessonResult) -> bool {
        let better = self.best.as_ref().is_none_or(|best| is_better(&result, best));
        if better {
            self.best = Some(result);
        }
        better
    }

    /// Takes a result in that was achieved in the lesson as the assignment with this mark alters it.
    pub fn achieve_set(&mut self, mark: &str, result: LessonResult) {
        if self.set.as_ref().is_none_or(|(own, best)| own != mark || is_better(&result, best)) {
            self.set = Some((mark.into(), result));
        }
    }

    /// The best result in the lesson as the assignment with this mark alters it.
    pub fn in_set(&self, mark: &str) -> Option<&LessonResult> {
        self.set.as_ref().filter(|(own, _)| own == mark).map(|(_, result)| result)
    }

    /// Writes down that a node lost its power, or has it back.
    pub fn plug(&mut self, node: &str, up: bool) {
        self.plugs.retain(|(name, _)| name != node);
        self.plugs.push((node.into(), up));
    }

    /// Begins anew; the best results stay.
    pub fn start_over(&mut self, seed: u64) {
        *self = Record { best: self.best.take(), set: self.set.take(), seed, ..Record::default() };
    }

    /// Takes from another record of the same lesson (a second tab, a loaded file) whatever is further along.
    pub fn merge(&mut self, other: &Record) {
        self.progress.merge(&other.progress);
        if let Some(best) = &other.best {
            self.achieve(best.clone());
        }
        if let Some((mark, result)) = &other.set {
            match &self.set {
                // Another assignment was begun there; which one is the later cannot be known, so each keeps its own.
                Some((own, _)) if own != mark => {}
                _ => self.achieve_set(mark, result.clone()),
            }
        }
        if self.ran.len() < other.ran.len() {
            self.ran = other.ran.clone();
        }
        if self.plugs.is_empty() {
            self.plugs = other.plugs.clone();
        }
        if self.seed == 0 {
            self.seed = other.seed;
        }
    }

    pub fn save(&self) -> String {
        let mut out = self.progress.save();
        if self.seed > 0 {
            out.push_str(&format!("seed {}\n", self.seed));
        }
        let skip = self.ran.len().saturating_sub(MOST_RAN);
        for ran in self.ran.iter().skip(skip).filter(|r| !r.line.contains('\n')) {
            out.push_str(&format!("ran {} {}\n", ran.code, ran.line));
        }
        for (node, up) in &self.plugs {
            out.push_str(&format!("power {} {node}\n", if *up { "up" } else { "down" }));
        }
        // The last result in the text is the best one, also for a version that knows no other.
        if let Some((mark, result)) = &self.set {
            out.push_str(&format!("set {mark}\n"));
            result.write_to(&mut out);
        }
        if let Some(best) = &self.best {
            best.write_to(&mut out);
        }
        out
    }

    pub fn load(text: &str) -> Record {
        let mut record = Record { progress: Progress::load(text), ..Record::default() };
        let mut results = Vec::new();
        let mut set = None;
        for line in text.lines().take(2_000) {
            if let Some(seed) = line.strip_prefix("seed ") {
                record.seed = seed.trim().parse().unwrap_or(0);
            } else if let Some(mark) = line.strip_prefix("set ") {
                set = Some(SmolStr::from(mark.trim()));
            } else if let Some((power, node)) = line.strip_prefix("power ").and_then(|rest| rest.split_once(' ')) {
                if record.plugs.len() < MOST_PLUGS && matches!(power, "up" | "down") {
                    record.plug(node, power == "up");
                }
            } else if let Some((code, line)) = line.strip_prefix("ran ").and_then(|rest| rest.split_once(' ')) {
                if record.ran.len() < MOST_RAN {
                    record.ran.push(Ran { line: line.to_string(), code: code.parse().unwrap_or(1) });
                }
            } else {
                LessonResult::take(&mut results, line);
            }
        }
        record.best = results.pop();
        record.set = set.zip(results.pop());
        record
    }
}

/// Whether a result is worth as much as another one, and is not the same.
fn is_better(result: &LessonResult, than: &LessonResult) -> bool {
    let worth = |r: &LessonResult| (r.solved, r.points, r.stars);
    worth(result) >= worth(than) && result != than
}

/// One lesson in a saved file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedLesson {
    pub id: SmolStr,
    pub record: Record,
    /// The learner's files.
    pub files: Vec<File>,
}

/// What is wrong with a file of progress, and in which line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub line: usize,
    pub message: Message,
}

/// All lessons as one text: behind `= LESSON` its record, behind `+ FILE` the lines of a file, each after `| `.
pub fn write(lessons: &[SavedLesson]) -> String {
    let mut out = format!("{HEAD} {VERSION}\n");
    for lesson in lessons {
        out.push_str(&format!("= {}\n{}", lesson.id, lesson.record.save()));
        for file in &lesson.files {
            out.push_str(&format!("+ {}\n", file.name));
            out.extend(file.text.split('\n').map(|line| format!("| {line}\n")));
        }
    }
    out
}

/// Reads what [`write`] wrote.
pub fn read(text: &str) -> Result<Vec<SavedLesson>, Unreadable> {
    let bad = |line: usize, id: &'static str| Unreadable { line, message: Message::new(id) };
    if text.len() > MAX_BYTES {
        return Err(bad(0, "progress-too-big"));
    }
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut lines = text.lines().enumerate();
    let version = lines.next().and_then(|(_, l)| l.strip_prefix(HEAD)).map(|v| v.trim().parse::<u32>());
    match version {
        Some(Ok(version)) if version > VERSION => return Err(bad(1, "progress-newer")),
        Some(Ok(_)) => {}
        _ => return Err(bad(1, "progress-not-one")),
    }
    let mut lessons: Vec<(SavedLesson, String)> = Vec::new();
    for (number, line) in lines {
        if let Some(id) = line.strip_prefix("= ") {
            let is_name = !id.is_empty() && id.len() <= 80 && !id.contains(char::is_whitespace);
            if !is_name || lessons.len() >= 500 {
                return Err(bad(number + 1, "progress-bad-lesson"));
            }
            lessons.push((SavedLesson { id: id.into(), ..SavedLesson::default() }, String::new()));
            continue;
        }
        let Some((lesson, record)) = lessons.last_mut() else {
            return Err(bad(number + 1, "progress-no-lesson"));
        };
        if let Some(name) = line.strip_prefix("+ ") {
            if name.len() > 100 || lesson.files.len() >= 50 {
                return Err(bad(number + 1, "progress-bad-file"));
            }
            lesson.files.push(File { name: name.into(), text: String::new() });
        } else if let Some(part) = line.strip_prefix("| ").or_else(|| line.strip_prefix('|')) {
            match lesson.files.last_mut() {
                Some(file) => {
                    file.text.push_str(part);
                    file.text.push('\n');
                }
                None => return Err(bad(number + 1, "progress-bad-file")),
            }
        } else {
            record.push_str(line);
            record.push('\n');
        }
    }
    let finish = |(mut lesson, record): (SavedLesson, String)| {
        lesson.record = Record::load(&record);
        for file in &mut lesson.files {
            // Each line got an end of its own; the last one had none.
            file.text.pop();
        }
        lesson
    };
    Ok(lessons.into_iter().map(finish).collect())
}

#[cfg(test)]
mod tests {
    use super::super::result::StepResult;
    use super::*;

    fn result(points: u32, stars: u8) -> LessonResult {
        let step = StepResult {
            step: "mend".into(),
            passed: true,
            points,
            of: 10,
            tries: 0,
            checks: vec![("a".into(), true)],
        };
        LessonResult { lesson: "x".into(), points, of: 10, solved: true, stars, edits: 1, hints: 0, steps: vec![step] }
    }

    fn record() -> Record {
        Record {
            progress: Progress::load("passed mend 10\nhints mend 1\nedits 2\n"),
            best: Some(result(10, 2)),
            set: Some(("0a1b".into(), result(7, 1))),
            seed: 9,
            ran: vec![
                Ran { line: "kubectl get svc | wc -l".into(), code: 0 },
                Ran { line: "curl kimho".into(), code: 7 },
            ],
            plugs: vec![("node-2".into(), false)],
        }
    }

    #[test]
    fn a_record_is_read_back() {
        assert_eq!(Record::load(&record().save()), record());
        assert_eq!(Record::load("nonsense\nran\nseed x\n"), Record::default());
    }

    #[test]
    fn the_best_result_stays() {
        let mut record = record();
        assert!(!record.achieve(result(8, 3)), "fewer points");
        assert!(record.achieve(result(10, 3)));
        record.start_over(4);
        assert_eq!((record.stars(), record.is_solved(), record.seed), (3, true, 4));
        assert!(record.progress.is_empty());
    }

    #[test]
    fn what_was_achieved_elsewhere_does_not_count_in_an_assignment_that_alters_the_lesson() {
        let mut record = record();
        assert_eq!((record.in_set("0a1b").map(|r| r.points), record.in_set("ffff")), (Some(7), None));
        record.achieve_set("0a1b", result(5, 1));
        assert_eq!(record.in_set("0a1b").map(|r| r.points), Some(7));
        record.achieve_set("ffff", result(3, 0));
        assert_eq!((record.in_set("0a1b"), record.in_set("ffff").map(|r| r.points)), (None, Some(3)));
        assert_eq!(record.best.as_ref().map(|r| r.points), Some(10), "the learner's own book stays as it was");
        let mut other = Record::load(&record.save());
        other.achieve_set("ffff", result(9, 2));
        record.merge(&other);
        assert_eq!(record.in_set("ffff").map(|r| r.points), Some(9), "two tabs agree");
    }

    #[test]
    fn a_saved_file_is_read_back() {
        let files = vec![
            File { name: "a.yaml".into(), text: "kind: Service\n\n= no lesson\n".into() },
            File { name: "b.yaml".into(), text: "no end".into() },
            File { name: "c.yaml".into(), text: String::new() },
        ];
        let lessons = vec![
            SavedLesson { id: "third-port".into(), record: record(), files },
            SavedLesson { id: "other".into(), ..SavedLesson::default() },
        ];
        let text = write(&lessons);
        assert_eq!(read(&text), Ok(lessons.clone()));
        assert_eq!(read(&format!("\u{feff}{}", text.replace('\n', "\r\n"))), Ok(lessons));
    }

    #[test]
    fn bad_files_are_told_with_their_line() {
        let problem = |text: &str| read(text).map_err(|e| (e.line, e.message.id)).err();
        assert_eq!(problem("kind: Service"), Some((1, "progress-not-one")));
        assert_eq!(problem("giljabi-progress 9\n"), Some((1, "progress-newer")));
        assert_eq!(problem("giljabi-progress 1\nedits 3\n"), Some((2, "progress-no-lesson")));
        assert_eq!(problem("giljabi-progress 1\n= a\n| text\n"), Some((3, "progress-bad-file")));
        assert_eq!(problem("giljabi-progress 1\n= a b\n"), Some((2, "progress-bad-lesson")));
        assert_eq!(problem(&"x".repeat(MAX_BYTES + 1)), Some((0, "progress-too-big")));
    }
}
