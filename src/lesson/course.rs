//! The course: every lesson with its words, the headings of the notes, the notes' errors, and the tracks.
//!
//! It travels as three texts made at build time from the folder `lessons/`: the lessons, and the words of each language. A
//! native build carries them; the browser fetches them when somebody opens a lesson. A text is a run of files, each behind a
//! line `=== path`.

use super::model::{File, Lesson};
use super::read::{self, MAX_BYTES, Problem};
use super::text::{self, Words};
use crate::arrange::Arrange;
use crate::locale::{Lang, Message};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// The files of a lesson's folder, by their path in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    pub id: SmolStr,
    pub files: Vec<File>,
}

/// A heading of the notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    pub id: SmolStr,
    /// The note's file and the line in it.
    pub file: SmolStr,
    pub line: u32,
    /// As the note has it.
    pub title: SmolStr,
    /// What it is called in English.
    pub english: SmolStr,
}

/// Something that the notes get wrong, leave open, or have outlived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erratum {
    pub id: SmolStr,
    /// Headings and lines, as `errata.tsv` names them.
    pub place: SmolStr,
    pub english: SmolStr,
    pub korean: SmolStr,
}

/// A row of lessons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub id: SmolStr,
    pub english: SmolStr,
    pub korean: SmolStr,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    pub tracks: Vec<Track>,
    /// By track, then place.
    pub lessons: Vec<Lesson>,
    pub headings: Vec<Heading>,
    pub errata: Vec<Erratum>,
    /// Background manifests that any lesson may name.
    pub shared: Vec<File>,
    words: BTreeMap<(Lang, SmolStr), Words>,
}

impl Folder {
    /// As one text, which [`folder_of`] reads.
    pub fn bundle(&self) -> String {
        let end = |text: &str| if text.ends_with('\n') { "" } else { "\n" };
        let file = |f: &File| format!("=== {}/{}\n{}{}", self.id, f.name, f.text, end(&f.text));
        self.files.iter().map(file).collect()
    }

    pub fn file(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|f| f.name == name)
    }
}

/// Reads a folder into a lesson. `shared` are the background manifests that any lesson may name in `world`.
pub fn read_folder(folder: &Folder, shared: &[File]) -> Result<Lesson, Vec<Problem>> {
    let whole = |message: Message| Problem { file: read::FILE.into(), line: 0, message };
    if folder.files.iter().map(|f| f.text.len()).sum::<usize>() > MAX_BYTES {
        return Err(vec![whole(Message::new("lesson-too-big").with("limit", MAX_BYTES >> 10))]);
    }
    let Some(file) = folder.file(read::FILE) else {
        return Err(vec![whole(Message::new("lesson-no-file"))]);
    };
    let (mut lesson, world) = read::lesson(&folder.id, &file.text)?;
    let mut problems = Vec::new();
    for name in world {
        let own = folder.file(&format!("world/{name}"));
        match own.or_else(|| shared.iter().find(|f| f.name == name)) {
            Some(found) => lesson.world.push(File { name, text: found.text.clone() }),
            None => problems.push(whole(Message::new("lesson-no-world").with("file", name))),
        }
    }
    lesson.start = folder
        .files
        .iter()
        .filter_map(|f| Some(File { name: f.name.strip_prefix("start/")?.into(), text: f.text.clone() }))
        .collect();
    lesson.start.arrange_by(|a, b| a.name.cmp(&b.name));
    for file in &folder.files {
        if !read::is_file_name(&file.name) {
            problems.push(whole(Message::new("lesson-file-name").with("file", &file.name)));
        }
    }
    if problems.is_empty() { Ok(lesson) } else { Err(problems) }
}

/// Reads a folder's words.
pub fn read_words(folder: &Folder, lang: Lang) -> Result<Words, Vec<Problem>> {
    let name = format!("{}.md", lang.tag());
    match folder.file(&name) {
        Some(file) => text::read(&name, &file.text),
        None => Err(vec![Problem { file: name, line: 0, message: Message::new("lesson-no-words") }]),
    }
}

/// What stands before the name of a lesson that somebody else wrote, so that it never takes the place of one of ours.
pub const GUEST: &str = "~";

/// The folder that a text of files holds: its first one. This is how a lesson travels in a link.
pub fn folder_of(bundle: &str) -> Option<Folder> {
    let is_name = |id: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !id.is_empty() && id.len() <= 60 && id.chars().all(known)
    };
    folders(bundle).into_iter().find(|f| is_name(&f.id))
}

/// Splits a text of files.
pub fn unpack(bundle: &str) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    for line in bundle.split_inclusive('\n') {
        match line.strip_prefix("=== ") {
            Some(name) => files.push(File { name: name.trim_end().into(), text: String::new() }),
            None => {
                if let Some(file) = files.last_mut() {
                    file.text.push_str(line);
                }
            }
        }
    }
    files
}

/// The files of a text, grouped by their first folder; files of no folder come under "".
fn folders(bundle: &str) -> Vec<Folder> {
    let mut folders: BTreeMap<SmolStr, Folder> = BTreeMap::new();
    for file in unpack(bundle) {
        let (id, name) = file.name.split_once('/').unwrap_or(("", file.name.as_str()));
        let folder = folders.entry(id.into()).or_insert_with(|| Folder { id: id.into(), files: Vec::new() });
        folder.files.push(File { name: name.into(), text: file.text });
    }
    folders.into_values().collect()
}

/// The folder of background manifests that lessons share.
pub const SHARED: &str = "shared";

impl Course {
    /// Reads the text of the lessons. What is wrong is told by folder; the other lessons still count.
    pub fn read(bundle: &str) -> (Course, Vec<(SmolStr, Vec<Problem>)>) {
        let mut course = Course::default();
        let mut problems = Vec::new();
        let folders = folders(bundle);
        let shared = folders.iter().find(|f| f.id == SHARED).map_or(&[][..], |f| &f.files);
        for folder in folders.iter().filter(|f| f.id != SHARED) {
            if folder.id.is_empty() {
                for file in &folder.files {
                    course.table(file);
                }
                continue;
            }
            match read_folder(folder, shared) {
                Ok(lesson) => course.lessons.push(lesson),
                Err(found) => problems.push((folder.id.clone(), found)),
            }
        }
        course.shared = shared.to_vec();
        let place = |track: &str| course.tracks.iter().position(|t| t.id == track).unwrap_or(usize::MAX);
        course.lessons.arrange_by_key(|l| (place(&l.track), l.place, l.id.clone()));
        (course, problems)
    }

    fn table(&mut self, file: &File) {
        let rows = file.text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
        let rows = rows.map(|l| l.split('\t').collect::<Vec<_>>());
        for row in rows {
            match (file.name.as_str(), &row[..]) {
                ("headings.tsv", [id, file, line, title, english]) => self.headings.push(Heading {
                    id: (*id).into(),
                    file: (*file).into(),
                    line: line.parse().unwrap_or(0),
                    title: (*title).into(),
                    english: (*english).into(),
                }),
                ("errata.tsv", [id, place, english, korean]) => self.errata.push(Erratum {
                    id: (*id).into(),
                    place: (*place).into(),
                    english: (*english).into(),
                    korean: (*korean).into(),
                }),
                ("tracks.tsv", [id, english, korean]) => {
                    self.tracks.push(Track { id: (*id).into(), english: (*english).into(), korean: (*korean).into() })
                }
                _ => {}
            }
        }
    }

    /// A course of some lessons and nothing else.
    #[cfg(test)]
    pub(super) fn of(lessons: Vec<Lesson>) -> Course {
        Course { lessons, ..Course::default() }
    }

    /// Adds the words of a language.
    pub fn add_words(&mut self, lang: Lang, bundle: &str) -> Vec<(SmolStr, Vec<Problem>)> {
        let mut problems = Vec::new();
        for folder in folders(bundle).iter().filter(|f| !f.id.is_empty()) {
            match read_words(folder, lang) {
                Ok(words) => drop(self.words.insert((lang, folder.id.clone()), words)),
                Err(found) => problems.push((folder.id.clone(), found)),
            }
        }
        problems
    }

    /// Takes in a lesson from elsewhere under a marked name, in place of an earlier one of that name. Words in one language
    /// serve for both.
    pub fn adopt(&mut self, folder: &Folder) -> Result<SmolStr, Vec<Problem>> {
        let mut lesson = read_folder(folder, &self.shared)?;
        let (ko, en) = (read_words(folder, Lang::Ko), read_words(folder, Lang::En));
        let has = |lang: Lang| folder.files.iter().any(|f| f.name == format!("{}.md", lang.tag()));
        let (ko, en) = match (ko, en) {
            (Ok(ko), Ok(en)) => (ko, en),
            (Ok(one), Err(_)) if !has(Lang::En) => (one.clone(), one),
            (Err(_), Ok(one)) if !has(Lang::Ko) => (one.clone(), one),
            (ko, en) => return Err([ko.err(), en.err()].into_iter().flatten().flatten().collect()),
        };
        let id = SmolStr::from(format!("{GUEST}{}", folder.id));
        lesson.id = id.clone();
        lesson.track = GUEST.into();
        self.lessons.retain(|l| l.id != id);
        self.lessons.push(lesson);
        self.words.insert((Lang::Ko, id.clone()), ko);
        self.words.insert((Lang::En, id.clone()), en);
        Ok(id)
    }

    pub fn lesson(&self, id: &str) -> Option<&Lesson> {
        self.lessons.iter().find(|l| l.id == id)
    }

    /// A lesson's words; `None` while the language has not been loaded.
    pub fn words(&self, lang: Lang, id: &str) -> Option<&Words> {
        self.words.get(&(lang, id.into()))
    }

    pub fn has_words(&self, lang: Lang) -> bool {
        self.words.keys().any(|(l, id)| *l == lang && !id.starts_with(GUEST))
    }

    /// The lessons of a track, in order.
    pub fn of_track<'a>(&'a self, track: &'a str) -> impl Iterator<Item = &'a Lesson> {
        self.lessons.iter().filter(move |l| l.track == track)
    }

    /// The lessons that cover a heading of the notes.
    pub fn covering<'a>(&'a self, heading: &'a str) -> impl Iterator<Item = &'a Lesson> {
        self.lessons.iter().filter(move |l| l.notes.iter().any(|n| n == heading))
    }
}

/// The course that comes with the product, with both languages. A browser build does not carry it: it fetches the same three
/// texts and gives them to [`Course::read`] and [`Course::add_words`].
#[cfg(not(target_arch = "wasm32"))]
pub fn catalog() -> &'static Course {
    static COURSE: std::sync::OnceLock<Course> = std::sync::OnceLock::new();
    COURSE.get_or_init(|| {
        let (mut course, _) = Course::read(include_str!(concat!(env!("OUT_DIR"), "/lessons.course.txt")));
        course.add_words(Lang::Ko, include_str!(concat!(env!("OUT_DIR"), "/lessons.ko.txt")));
        course.add_words(Lang::En, include_str!(concat!(env!("OUT_DIR"), "/lessons.en.txt")));
        course
    })
}
