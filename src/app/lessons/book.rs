//! What the learner has done so far, lesson by lesson: one entry of the browser's store each, so that two tabs can tell each
//! other of single lessons.

use giljabi::lesson::File;
use giljabi::lesson::record::{self, Record, SavedLesson, Unreadable};
use smol_str::SmolStr;
use std::collections::BTreeMap;

use crate::app::keep;
use crate::app::session::kept_names;

/// The records by lesson.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Book {
    records: BTreeMap<SmolStr, Record>,
}

/// What stands before a lesson's name in the store's keys.
const ENTRY: &str = "lesson.";

fn entry(id: &str) -> String {
    format!("{ENTRY}{id}")
}

/// The lesson whose record a key of the store holds.
pub fn lesson_of(key: &str) -> Option<&str> {
    key.strip_prefix(keep::PREFIX)?.strip_prefix(ENTRY)
}

impl Book {
    /// Everything that the browser kept.
    pub fn open() -> Book {
        let records = keep::names().into_iter().filter_map(|name| {
            let id = name.strip_prefix(ENTRY)?;
            Some((SmolStr::from(id), Record::load(&keep::read(&name)?)))
        });
        Book { records: giljabi::arrange::map_of(records) }
    }

    pub fn get(&self, id: &str) -> Option<&Record> {
        self.records.get(id)
    }

    pub fn is_solved(&self, id: &str) -> bool {
        self.get(id).is_some_and(Record::is_solved)
    }

    /// Writes a record down, here and in the browser.
    pub fn put(&mut self, id: &str, record: Record) {
        if record.is_empty() {
            self.records.remove(id);
            keep::remove(&entry(id));
        } else {
            keep::write(&entry(id), &record.save());
            self.records.insert(id.into(), record);
        }
    }

    /// Takes in what another tab wrote (`None`: it was reset there).
    pub fn told(&mut self, id: &str, text: Option<String>) {
        match text {
            Some(text) => self.records.entry(id.into()).or_default().merge(&Record::load(&text)),
            None => drop(self.records.remove(id)),
        }
    }

    /// Begins a lesson anew, without the files that were kept of it; its best result stays.
    pub fn begin_anew(&mut self, id: &str, seed: u64) {
        let mut record = self.get(id).cloned().unwrap_or_default();
        record.start_over(seed);
        self.put(id, record);
        kept_names(id).iter().for_each(|name| keep::remove(name));
    }

    /// Forgets a lesson and its files.
    pub fn forget(&mut self, id: &str) {
        self.put(id, Record::default());
        kept_names(id).iter().for_each(|name| keep::remove(name));
    }

    pub fn ids(&self) -> Vec<SmolStr> {
        self.records.keys().cloned().collect()
    }

    /// Records and files as a text to carry to another machine.
    pub fn save(&self) -> String {
        let files = |id: &str| -> Vec<File> {
            let kept = keep::read(&kept_names(id)[0]).as_deref().and_then(keep::pairs_from_json).unwrap_or_default();
            kept.into_iter().map(|(name, text)| File { name: name.into(), text }).collect()
        };
        let saved = |(id, record): (&SmolStr, &Record)| SavedLesson {
            id: id.clone(),
            record: record.clone(),
            files: files(id),
        };
        record::write(&self.records.iter().map(saved).collect::<Vec<_>>())
    }

    /// Takes such a text in: what is further along counts; files come where there were none. How many lessons it held.
    pub fn load(&mut self, text: &str) -> Result<usize, Unreadable> {
        let lessons = record::read(text)?;
        let count = lessons.len();
        for lesson in lessons {
            let mut record = self.records.get(&lesson.id).cloned().unwrap_or_default();
            record.merge(&lesson.record);
            self.put(&lesson.id, record);
            let [files, _] = kept_names(&lesson.id);
            if keep::read(&files).is_none() && !lesson.files.is_empty() {
                let pairs: Vec<(String, String)> =
                    lesson.files.into_iter().map(|f| (f.name.to_string(), f.text)).collect();
                keep::write(&files, &keep::pairs_to_json(&pairs));
            }
        }
        Ok(count)
    }
}
