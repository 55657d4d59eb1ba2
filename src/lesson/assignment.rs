//! Assignments: which lessons, in which order, in which language, with or without hints, from which seed, and what the pupils
//! begin with. As a link it is short enough for a QR code, and no solution stands in it.

use super::course::Course;
use super::model::{File, Lesson};
use super::read::is_file_name;
use crate::arrange::Arrange;
use crate::locale::Lang;
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

/// What a teacher sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// In the order in which they are to be done.
    pub lessons: Vec<SmolStr>,
    /// `None`: the browser's.
    pub lang: Option<Lang>,
    pub hints: bool,
    /// The seed of exams.
    pub seed: u64,
    /// The cluster of all its lessons, where it is not each lesson's own.
    pub cluster: Terms,
    /// The files that the pupils begin with, by lesson; a lesson that is not here begins as its author wrote it.
    pub starts: Vec<(SmolStr, Vec<Change>)>,
}

/// What differs from a lesson's own cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    pub nodes: Option<usize>,
    pub proxy: Option<SmolStr>,
}

/// How a file of the start differs from the lesson's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// From byte `at` on, `cut` bytes give way to a text. A file that the lesson does not have is empty before.
    Put {
        file: SmolStr,
        at: usize,
        cut: usize,
        text: String,
    },
    Gone {
        file: SmolStr,
    },
}

/// Why a code cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadCode {
    /// It is no code of an assignment, or was cut.
    Broken,
    /// It was made by a newer version.
    Newer,
    /// It names lessons that this version does not have: so many.
    UnknownLessons(usize),
}

/// A code that says no more than lessons, language, hints and seed.
const PLAIN: u8 = 1;
/// A code that also says what the pupils begin with.
const WITH_STARTS: u8 = 2;
pub const MAX_LESSONS: usize = 100;
/// The longest code that is read, in characters. A QR code of that length can still be scanned from a projector.
pub const MAX_CODE: usize = 1_200;
const HINTS: u8 = 1;
const KOREAN: u8 = 2;
const ENGLISH: u8 = 4;
/// The kinds of kube-proxy in the order of their numbers in a code.
const PROXIES: [&str; 3] = ["iptables", "ipvs", "nftables"];
/// As many nodes as a lesson may have.
const MOST_NODES: usize = 20;

impl Assignment {
    /// The code for the link's fragment. A lesson is two bytes, the beginning of a hash of its name, so that a code outlives
    /// new lessons and new orders.
    pub fn code(&self) -> String {
        let language = match self.lang {
            Some(Lang::Ko) => KOREAN,
            Some(Lang::En) => ENGLISH,
            None => 0,
        };
        let plain = self.cluster == Terms::default() && self.starts.is_empty();
        let version = if plain { PLAIN } else { WITH_STARTS };
        let mut bytes = vec![version, language | if self.hints { HINTS } else { 0 }];
        put_number(&mut bytes, self.seed);
        let lessons = &self.lessons[..self.lessons.len().min(MAX_LESSONS)];
        if !plain {
            put_number(&mut bytes, lessons.len() as u64);
        }
        lessons.iter().for_each(|lesson| bytes.extend(mark(lesson)));
        if !plain {
            self.write_start(&mut bytes, lessons);
        }
        let sum = Sha256::digest(&bytes);
        bytes.push(sum[0]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    fn write_start(&self, bytes: &mut Vec<u8>, lessons: &[SmolStr]) {
        let proxy = self.cluster.proxy.as_ref().and_then(|own| PROXIES.iter().position(|p| own == p));
        bytes.push(self.cluster.nodes.unwrap_or(0).min(MOST_NODES) as u8);
        bytes.push(proxy.map_or(0, |at| at as u8 + 1));
        for (lesson, changes) in &self.starts {
            let Some(at) = lessons.iter().position(|l| l == lesson) else { continue };
            put_number(bytes, at as u64);
            put_number(bytes, changes.len() as u64);
            for change in changes {
                match change {
                    Change::Put { file, at, cut, text } => {
                        put_text(bytes, file);
                        put_number(bytes, *at as u64 + 1);
                        put_number(bytes, *cut as u64);
                        put_text(bytes, text);
                    }
                    Change::Gone { file } => {
                        put_text(bytes, file);
                        put_number(bytes, 0);
                    }
                }
            }
        }
    }

    /// Reads a code.
    pub fn read(code: &str, course: &Course) -> Result<Assignment, BadCode> {
        if code.len() > MAX_CODE {
            return Err(BadCode::Broken);
        }
        let bytes = BASE64URL_NOPAD.decode(code.trim().as_bytes()).map_err(|_| BadCode::Broken)?;
        let (sum, bytes) = bytes.split_last().ok_or(BadCode::Broken)?;
        if Sha256::digest(bytes)[0] != *sum {
            return Err(BadCode::Broken);
        }
        let [version, flags, rest @ ..] = bytes else { return Err(BadCode::Broken) };
        if *version > WITH_STARTS {
            return Err(BadCode::Newer);
        }
        let mut rest = Reader(rest);
        let seed = rest.number().ok_or(BadCode::Broken)?;
        let count = match *version {
            PLAIN if rest.0.len() % 2 == 0 => rest.0.len() / 2,
            PLAIN => return Err(BadCode::Broken),
            _ => rest.size(MAX_LESSONS).ok_or(BadCode::Broken)?,
        };
        if count == 0 || count > MAX_LESSONS {
            return Err(BadCode::Broken);
        }
        let marks = rest.take(2 * count).ok_or(BadCode::Broken)?;
        let named = |pair: &[u8]| course.lessons.iter().find(|l| mark(&l.id)[..] == *pair).map(|l| l.id.clone());
        let found: Vec<Option<SmolStr>> = marks.chunks(2).map(named).collect();
        let lessons: Vec<SmolStr> = found.iter().flatten().cloned().collect();
        if lessons.len() < count {
            return Err(BadCode::UnknownLessons(count - lessons.len()));
        }
        let lang = match flags & (KOREAN | ENGLISH) {
            KOREAN => Some(Lang::Ko),
            ENGLISH => Some(Lang::En),
            _ => None,
        };
        let mut assignment = Assignment { lessons, lang, hints: flags & HINTS != 0, seed, ..Assignment::default() };
        if *version == WITH_STARTS {
            assignment.read_start(&mut rest).ok_or(BadCode::Broken)?;
        }
        Ok(assignment)
    }

    fn read_start(&mut self, rest: &mut Reader<'_>) -> Option<()> {
        let [nodes, proxy] = rest.take(2)?.try_into().ok()?;
        self.cluster.nodes = Some(usize::from(nodes)).filter(|n| (1..=MOST_NODES).contains(n));
        self.cluster.proxy =
            usize::from(proxy).checked_sub(1).and_then(|at| PROXIES.get(at)).map(|p| SmolStr::from(*p));
        while !rest.0.is_empty() {
            let lesson = self.lessons.get(rest.size(MAX_LESSONS)?)?.clone();
            let count = rest.size(50)?;
            let changes = (0..count).map(|_| rest.change()).collect::<Option<Vec<_>>>()?;
            self.starts.push((lesson, changes));
        }
        Some(())
    }

    /// The lesson as it is in this assignment: with its cluster and its start. What no longer fits a lesson that has changed
    /// since is left out.
    pub fn applied(&self, lesson: &Lesson) -> Lesson {
        let mut lesson = lesson.clone();
        if let Some(nodes) = self.cluster.nodes {
            lesson.cluster.nodes = nodes;
        }
        if let Some(proxy) = &self.cluster.proxy {
            lesson.cluster.proxy = proxy.clone();
        }
        if let Some((_, changes)) = self.starts.iter().find(|(id, _)| *id == lesson.id) {
            changes.iter().for_each(|change| change.apply(&mut lesson.start));
            lesson.start.arrange_by(|a, b| a.name.cmp(&b.name));
        }
        lesson
    }

    /// Whether a lesson begins otherwise than its author wrote it.
    pub fn has_start(&self, lesson: &str) -> bool {
        self.starts.iter().any(|(id, _)| id == lesson)
    }
}

impl Change {
    fn apply(&self, files: &mut Vec<File>) {
        match self {
            Change::Gone { file } => files.retain(|f| f.name != *file),
            Change::Put { file, at, cut, text } => match files.iter_mut().find(|f| f.name == *file) {
                Some(own) if own.text.get(*at..at + cut).is_some() => own.text.replace_range(*at..at + cut, text),
                Some(_) => {}
                None => files.push(File { name: file.clone(), text: text.clone() }),
            },
        }
    }
}

/// How `files` differ from a lesson's start: what a code carries of them. An exam begins as its seed draws it.
pub fn changes(lesson: &Lesson, files: &[File]) -> Vec<Change> {
    let start = &lesson.start;
    if lesson.draw.is_some() {
        return Vec::new();
    }
    let gone = start.iter().filter(|s| !files.iter().any(|f| f.name == s.name));
    let mut changes: Vec<Change> = gone.map(|f| Change::Gone { file: f.name.clone() }).collect();
    for file in files {
        let before = start.iter().find(|s| s.name == file.name).map_or("", |s| s.text.as_str());
        if before == file.text && start.iter().any(|s| s.name == file.name) {
            continue;
        }
        let shorter = before.len().min(file.text.len());
        let differs = before.char_indices().zip(file.text.chars()).find(|((_, a), b)| a != b);
        let same = differs.map_or(shorter, |((at, _), _)| at);
        let (old, new) = (&before[same..], &file.text[same..]);
        let tail: usize =
            old.chars().rev().zip(new.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        changes.push(Change::Put {
            file: file.name.clone(),
            at: same,
            cut: old.len() - tail,
            text: new[..new.len() - tail].to_string(),
        });
    }
    changes
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        bytes.push(if number > 0 { low | 0x80 } else { low });
        if number == 0 {
            return;
        }
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

/// What is left to read of a code.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let length = self.0.iter().position(|b| b & 0x80 == 0)? + 1;
        if length > 10 {
            return None;
        }
        let bytes = self.take(length)?;
        Some(bytes.iter().rev().fold(0_u64, |number, b| (number << 7) | u64::from(b & 0x7f)))
    }

    /// A number that says how many, or which one.
    fn size(&mut self, most: usize) -> Option<usize> {
        self.number().and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= most)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.size(MAX_CODE)?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn change(&mut self) -> Option<Change> {
        let file = self.text()?;
        if !is_file_name(&format!("start/{file}")) {
            return None;
        }
        let file = SmolStr::from(file);
        let Some(at) = self.size(1 << 20)?.checked_sub(1) else { return Some(Change::Gone { file }) };
        Some(Change::Put { file, at, cut: self.size(1 << 20)?, text: self.text()?.to_string() })
    }
}

/// The two bytes of a lesson.
pub fn mark(lesson: &str) -> [u8; 2] {
    let hash = Sha256::digest(lesson.as_bytes());
    [hash[0], hash[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File { name: name.into(), text: text.into() }
    }

    fn lesson() -> Lesson {
        let start = vec![file("a.yaml", "이름: 가나다\nport: 80\n"), file("b.yaml", "x: 1\n"), file("c.yaml", "")];
        Lesson { id: "mine".into(), start, ..Lesson::default() }
    }

    #[test]
    fn a_start_travels_as_what_differs_from_the_lessons_own() {
        let lesson = lesson();
        let course = Course::of(vec![lesson.clone()]);
        for files in [
            lesson.start.clone(),
            vec![file("a.yaml", "이름: 가나라\nport: 80\n"), file("b.yaml", "x: 1\n"), file("c.yaml", "")],
            vec![file("a.yaml", "이름: 가나다\nport: 8080\n"), file("c.yaml", "y: 2\n"), file("d.yaml", "z: 3\n")],
            vec![file("a.yaml", ""), file("b.yaml", "x: 1\nx: 1\n"), file("c.yaml", "한\n")],
            vec![file("e.yaml", "")],
        ] {
            let changes = changes(&lesson, &files);
            let mut set = Assignment { lessons: vec!["mine".into()], ..Assignment::default() };
            if !changes.is_empty() {
                set.starts.push(("mine".into(), changes));
            }
            set.cluster = Terms { nodes: Some(2), proxy: Some("nftables".into()) };
            let read = Assignment::read(&set.code(), &course).unwrap();
            assert_eq!(read, set);
            let applied = read.applied(&lesson);
            assert_eq!(applied.start, files);
            assert_eq!((applied.cluster.nodes, applied.cluster.proxy.as_str()), (2, "nftables"));
        }
    }

    #[test]
    fn a_start_that_no_longer_fits_does_no_harm() {
        let put = |at, cut| Change::Put { file: "a.yaml".into(), at, cut, text: "!".into() };
        let starts = vec![("mine".into(), vec![put(900, 2), put(1, 1), Change::Gone { file: "q.yaml".into() }])];
        let set = Assignment { lessons: vec!["mine".into()], starts, ..Assignment::default() };
        assert_eq!(set.applied(&lesson()).start, lesson().start, "not there, and in the middle of a syllable");
        let course = Course::of(vec![lesson()]);
        let code = set.code();
        assert_eq!(Assignment::read(&code, &course), Ok(set));
        let bytes = BASE64URL_NOPAD.decode(code.as_bytes()).unwrap();
        for cut in 1..bytes.len() {
            assert!(Assignment::read(&BASE64URL_NOPAD.encode(&bytes[..cut]), &course).is_err(), "cut at {cut}");
        }
        let escape = vec![("mine".into(), vec![Change::Gone { file: "../../etc/passwd.yaml".into() }])];
        let set = Assignment { lessons: vec!["mine".into()], starts: escape, ..Assignment::default() };
        assert_eq!(Assignment::read(&set.code(), &course), Err(BadCode::Broken));
    }
}
