//! Assignments: which lessons, in which order, in which language, with or without hints, from which seed, and what the pupils
//! begin with. As a link it is short enough for a QR code, and no solution stands in it.

use super::check::normal;
use super::course::Course;
use super::keys::{BALANCERS, PROXIES};
use super::model::{Action, Draw, Fault, File, Lesson};
use super::read::is_file_name;
use super::record::Record;
use crate::arrange::Arrange;
use crate::locale::Lang;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
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
    /// What the pupils begin with, by lesson; a lesson that is not here begins as its author wrote it.
    pub starts: Vec<(SmolStr, Start)>,
}

/// A start of the teacher's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// How its files differ from the lesson's.
    pub changes: Vec<Change>,
    /// What was done in the terminal, in order.
    pub ran: Vec<SmolStr>,
    /// The nodes whose plug was pulled or put back, and whether they have power.
    pub power: Vec<(SmolStr, bool)>,
}

impl Start {
    /// Whether it is the lesson's own.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.ran.is_empty() && self.power.is_empty()
    }
}

/// What differs from a lesson's own cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    pub nodes: Option<usize>,
    pub proxy: Option<SmolStr>,
    pub load_balancer: Option<SmolStr>,
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
/// A code that also says the kind of load balancer, and what was done in the terminal.
const WITH_DEEDS: u8 = 3;
/// A code that also says which nodes have power.
const WITH_POWER: u8 = 4;
pub const MAX_LESSONS: usize = 100;
/// The longest code that is read, in characters. A QR code of that length can still be scanned from a projector.
pub const MAX_CODE: usize = 1_200;
const HINTS: u8 = 1;
const KOREAN: u8 = 2;
const ENGLISH: u8 = 4;
/// So many lines of the terminal belong to a start.
pub const MOST_RAN: usize = 20;
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
        let power = self.starts.iter().any(|(_, start)| !start.power.is_empty());
        let version = match plain {
            true => PLAIN,
            false if power => WITH_POWER,
            false => WITH_DEEDS,
        };
        let mut bytes = vec![version, language | if self.hints { HINTS } else { 0 }];
        put_number(&mut bytes, self.seed);
        let lessons = &self.lessons[..self.lessons.len().min(MAX_LESSONS)];
        if !plain {
            put_number(&mut bytes, lessons.len() as u64);
        }
        lessons.iter().for_each(|lesson| bytes.extend(mark(lesson)));
        if !plain {
            self.write_start(&mut bytes, lessons, version);
        }
        let sum = Sha256::digest(&bytes);
        bytes.push(sum[0]);
        BASE64URL_NOPAD.encode(&bytes)
    }

    fn write_start(&self, bytes: &mut Vec<u8>, lessons: &[SmolStr], version: u8) {
        let place = |own: &Option<SmolStr>, of: &[&str]| {
            own.as_ref().and_then(|own| of.iter().position(|p| own == p)).map_or(0, |at| at as u8 + 1)
        };
        bytes.push(self.cluster.nodes.unwrap_or(0).min(MOST_NODES) as u8);
        bytes.push(place(&self.cluster.proxy, PROXIES));
        bytes.push(place(&self.cluster.load_balancer, BALANCERS));
        for (lesson, Start { changes, ran, power }) in &self.starts {
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
            put_number(bytes, ran.len() as u64);
            ran.iter().for_each(|line| put_text(bytes, line));
            if version >= WITH_POWER {
                put_number(bytes, power.len() as u64);
                for (node, up) in power {
                    put_text(bytes, node);
                    bytes.push(u8::from(*up));
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
        if *version > WITH_POWER {
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
        if *version >= WITH_STARTS {
            assignment.read_start(&mut rest, *version).ok_or(BadCode::Broken)?;
        }
        Ok(assignment)
    }

    fn read_start(&mut self, rest: &mut Reader<'_>, version: u8) -> Option<()> {
        let [nodes, proxy] = rest.take(2)?.try_into().ok()?;
        let named = |number: u8, of: &[&'static str]| {
            usize::from(number).checked_sub(1).and_then(|at| of.get(at)).map(|name| SmolStr::new_static(name))
        };
        self.cluster.nodes = Some(usize::from(nodes)).filter(|n| (1..=MOST_NODES).contains(n));
        self.cluster.proxy = named(proxy, PROXIES);
        if version >= WITH_DEEDS {
            self.cluster.load_balancer = named(rest.take(1)?[0], BALANCERS);
        }
        while !rest.0.is_empty() {
            let lesson = self.lessons.get(rest.size(MAX_LESSONS)?)?.clone();
            let count = rest.size(50)?;
            let changes = (0..count).map(|_| rest.change()).collect::<Option<Vec<_>>>()?;
            let lines = if version >= WITH_DEEDS { rest.size(MOST_RAN)? } else { 0 };
            let ran = (0..lines).map(|_| rest.text().map(SmolStr::from)).collect::<Option<Vec<_>>>()?;
            let plugs = if version >= WITH_POWER { rest.size(MOST_NODES)? } else { 0 };
            let power = (0..plugs).map(|_| rest.plug()).collect::<Option<Vec<_>>>()?;
            self.starts.push((lesson, Start { changes, ran, power }));
        }
        Some(())
    }

    /// The lesson as it is in this assignment: with its cluster and its start. What no longer fits a lesson that has changed
    /// since is left out. An exam with files of the teacher's own is what they say: nothing is drawn into them.
    pub fn applied(&self, lesson: &Lesson) -> Lesson {
        let mut lesson = lesson.clone();
        if let Some(nodes) = self.cluster.nodes {
            lesson.cluster.nodes = nodes;
        }
        if let Some(proxy) = &self.cluster.proxy {
            lesson.cluster.proxy = proxy.clone();
        }
        if let Some(balancer) = &self.cluster.load_balancer {
            lesson.cluster.load_balancer = balancer.clone();
        }
        if let Some((_, Start { changes, ran, power })) = self.starts.iter().find(|(id, _)| *id == lesson.id) {
            let mut files = lesson.start.clone();
            changes.iter().for_each(|change| change.apply(&mut files));
            match &mut lesson.draw {
                Some(draw) if !changes.is_empty() => *draw = all_drawn(&mut lesson.start, files),
                Some(_) => {}
                None => lesson.start = files,
            }
            lesson.start.arrange_by(|a, b| a.name.cmp(&b.name));
            lesson.before.extend(ran.iter().map(|line| Action::Run { line: line.clone() }));
            lesson.before.extend(power.iter().map(|(node, up)| Action::Power { node: node.clone(), up: *up }));
        }
        lesson
    }

    /// Whether a lesson is another one in this assignment than by itself: then what was achieved in it elsewhere does not count.
    pub fn alters(&self, lesson: &Lesson) -> bool {
        self.applied(lesson) != *lesson
    }

    /// A few characters that tell this assignment from others.
    pub fn mark(&self) -> SmolStr {
        HEXLOWER.encode(&Sha256::digest(self.code())[..4]).into()
    }

    /// Whether a lesson begins otherwise than its author wrote it.
    pub fn has_start(&self, lesson: &str) -> bool {
        self.starts.iter().any(|(id, _)| id == lesson)
    }
}

/// A draw that breaks every file of an exam in the way the teacher did, whatever the seed; so that the way out of it is known.
fn all_drawn(start: &mut Vec<File>, files: Vec<File>) -> Draw {
    let broken = |own: &File| {
        let text = files.iter().find(|f| f.name == own.name).map_or("", |f| f.text.as_str());
        let fault =
            Fault { id: own.name.clone(), file: own.name.clone(), from: own.text.as_str().into(), ..Fault::default() };
        (own.text != text).then(|| Fault { to: text.into(), ..fault })
    };
    let faults: Vec<Fault> = start.iter().filter_map(broken).collect();
    let new = files.into_iter().filter(|f| !start.iter().any(|own| own.name == f.name)).collect::<Vec<_>>();
    start.extend(new);
    Draw { count: faults.len(), faults }
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

/// What a code carries of a teacher's desk: how its files differ from the lesson's start, the lines of the terminal that did more
/// than look, and which nodes have another power than the lesson gives them. `drawn` are the files as an exam was drawn for the teacher: where they are still so, pupils are drawn
/// exams of their own.
pub fn start(lesson: &Lesson, files: &[File], drawn: &[File], record: &Record) -> Start {
    let done = record.ran.iter().filter(|r| r.code == 0 && !only_looks(&r.line));
    Start {
        changes: if files == drawn { Vec::new() } else { changes(lesson, files) },
        ran: done.take(MOST_RAN).map(|r| SmolStr::from(r.line.trim())).collect(),
        power: record
            .plugs
            .iter()
            .filter(|(node, up)| *up != has_power(lesson, node))
            .take(MOST_NODES)
            .cloned()
            .collect(),
    }
}

/// Whether a node has power when the learner comes.
fn has_power(lesson: &Lesson, node: &str) -> bool {
    let told = lesson.before.iter().rev().find_map(|action| match action {
        Action::Power { node: own, up } if own == node => Some(*up),
        _ => None,
    });
    told.unwrap_or(true)
}

/// Whether a line of the terminal changes nothing: nobody needs it to begin.
fn only_looks(line: &str) -> bool {
    const LOOKS: [&str; 9] =
        ["get", "describe", "explain", "logs", "version", "cluster-info", "api-resources", "api-versions", "top"];
    let simple = !line.contains(['|', '>', ';', '&', '$', '`', '\n']);
    let line = normal(line);
    let mut words = line.split(' ');
    simple
        && match words.next() {
            Some("kubectl") => words.next().is_some_and(|verb| LOOKS.contains(&verb)),
            Some("curl" | "ls" | "cat" | "nslookup" | "dig" | "ping" | "clear" | "") => true,
            _ => false,
        }
}

/// How `files` differ from a lesson's start.
pub fn changes(lesson: &Lesson, files: &[File]) -> Vec<Change> {
    let start = &lesson.start;
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

    fn plug(&mut self) -> Option<(SmolStr, bool)> {
        let node = SmolStr::from(self.text()?);
        Some((node, self.take(1)? == [1]))
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
    use super::super::draw;
    use super::super::scene::Ran;
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
            let ran = [
                Ran { line: "kubectl  get pods".into(), code: 0 },
                Ran { line: "kubectl label pod kubia app=x".into(), code: 0 },
                Ran { line: "kubectl get pods -o name | kubectl delete -f -".into(), code: 1 },
                Ran { line: "kubectl get svc -o name | xargs kubectl delete".into(), code: 0 },
            ];
            let record = Record { ran: ran.to_vec(), ..Record::default() };
            let own = start(&lesson, &files, &lesson.start, &record);
            assert_eq!(own.ran, ["kubectl label pod kubia app=x", "kubectl get svc -o name | xargs kubectl delete"]);
            let mut set = Assignment { lessons: vec!["mine".into()], ..Assignment::default() };
            assert!(!set.alters(&lesson));
            set.starts.push(("mine".into(), own));
            assert!(set.alters(&lesson));
            set.cluster =
                Terms { nodes: Some(2), proxy: Some("nftables".into()), load_balancer: Some("metallb".into()) };
            let read = Assignment::read(&set.code(), &course).unwrap();
            assert_eq!(read, set);
            let applied = read.applied(&lesson);
            assert_eq!(applied.start, files);
            assert_eq!((applied.cluster.nodes, applied.cluster.proxy.as_str()), (2, "nftables"));
            assert_eq!(applied.cluster.load_balancer, "metallb");
            assert_eq!(applied.before.len(), 2);
        }
    }

    #[test]
    fn a_start_says_which_nodes_have_another_power() {
        let mut lesson = lesson();
        lesson.before = vec![Action::Power { node: "node-1".into(), up: false }];
        let mut record = Record::default();
        for (node, up) in [("node-1", true), ("node-2", true), ("node-3", true), ("node-3", false)] {
            record.plug(node, up);
        }
        assert_eq!(Record::load(&record.save()).plugs, record.plugs, "kept over a reload");
        let own = start(&lesson, &lesson.start, &lesson.start, &record);
        assert_eq!(own.power, [("node-1".into(), true), ("node-3".into(), false)], "what is as it was is not told");
        let set =
            Assignment { lessons: vec!["mine".into()], starts: vec![("mine".into(), own)], ..Assignment::default() };
        let read = Assignment::read(&set.code(), &Course::of(vec![lesson.clone()])).unwrap();
        assert_eq!(read, set);
        let before = read.applied(&lesson).before;
        assert_eq!(before.last(), Some(&Action::Power { node: "node-3".into(), up: false }));
        assert!(has_power(&read.applied(&lesson), "node-1") && !has_power(&read.applied(&lesson), "node-3"));
        record.start_over(0);
        assert!(record.plugs.is_empty());
    }

    #[test]
    fn an_exam_begins_with_the_teachers_files_only_where_the_teacher_changed_them() {
        let mut lesson = lesson();
        let fault = Fault { file: "b.yaml".into(), from: "x: 1".into(), to: "x: 9".into(), ..Fault::default() };
        lesson.draw = Some(Draw { count: 1, faults: vec![fault] });
        let drawn = draw::start_files(&lesson, 7);
        assert!(start(&lesson, &drawn, &drawn, &Record::default()).is_empty(), "as it was drawn");
        let mut mine = drawn.clone();
        mine[0].text = "mine: 1\n".into();
        let starts = vec![("mine".into(), start(&lesson, &mine, &drawn, &Record::default()))];
        let set = Assignment { lessons: vec!["mine".into()], starts, ..Assignment::default() };
        let read = Assignment::read(&set.code(), &Course::of(vec![lesson.clone()])).unwrap();
        let applied = read.applied(&lesson);
        assert_eq!(draw::start_files(&applied, 12), mine, "whatever the pupil's seed is");
        assert_eq!(applied.start, lesson.start, "the way back is known");
    }

    #[test]
    fn codes_of_earlier_versions_are_read() {
        let course = Course::of(vec![lesson()]);
        let mut bytes = vec![WITH_STARTS, HINTS, 0, 1];
        bytes.extend(mark("mine"));
        bytes.extend([2, 3, 0, 1]);
        put_text(&mut bytes, "c.yaml");
        [1, 0].iter().for_each(|n| put_number(&mut bytes, *n));
        put_text(&mut bytes, "z: 1\n");
        bytes.push(Sha256::digest(&bytes)[0]);
        let read = Assignment::read(&BASE64URL_NOPAD.encode(&bytes), &course).unwrap();
        assert_eq!(read.cluster, Terms { nodes: Some(2), proxy: Some("nftables".into()), load_balancer: None });
        assert_eq!(read.applied(&lesson()).start[2].text, "z: 1\n");
    }

    #[test]
    fn a_start_that_no_longer_fits_does_no_harm() {
        let put = |at, cut| Change::Put { file: "a.yaml".into(), at, cut, text: "!".into() };
        let with = |changes| vec![("mine".into(), Start { changes, ..Start::default() })];
        let starts = with(vec![put(900, 2), put(1, 1), Change::Gone { file: "q.yaml".into() }]);
        let set = Assignment { lessons: vec!["mine".into()], starts, ..Assignment::default() };
        assert_eq!(set.applied(&lesson()).start, lesson().start, "not there, and in the middle of a syllable");
        let course = Course::of(vec![lesson()]);
        let code = set.code();
        assert_eq!(Assignment::read(&code, &course), Ok(set));
        let bytes = BASE64URL_NOPAD.decode(code.as_bytes()).unwrap();
        for cut in 1..bytes.len() {
            assert!(Assignment::read(&BASE64URL_NOPAD.encode(&bytes[..cut]), &course).is_err(), "cut at {cut}");
        }
        let escape = with(vec![Change::Gone { file: "../../etc/passwd.yaml".into() }]);
        let set = Assignment { lessons: vec!["mine".into()], starts: escape, ..Assignment::default() };
        assert_eq!(Assignment::read(&set.code(), &course), Err(BadCode::Broken));
    }
}
