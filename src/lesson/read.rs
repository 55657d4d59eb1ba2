//! `lesson.yaml` → [`Lesson`], through the project's own YAML reader, so that every complaint names file and line.
//!
//! A lesson may come from a stranger: every size is bounded, every key is known, and nothing in it runs.

mod checks;
mod parts;

use super::glob;
use super::model::*;
use crate::api::parse::{Content, Manifest, Node, parse};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::locale::Message;
use crate::text::LineIndex;
use smol_str::{SmolStr, format_smolstr};

/// The largest folder of a lesson, all files together.
pub const MAX_BYTES: usize = 256 << 10;
pub const MAX_STEPS: usize = 20;
pub const MAX_CHECKS: usize = 20;
pub const MAX_WALKS: usize = 40;
pub const MAX_ACTIONS: usize = 40;
/// Checks inside checks.
const MAX_DEPTH: usize = 6;
/// The longest `stays` and `wait`.
pub const MAX_TIME: Duration = Duration::secs(600);
pub const MAX_REQUESTS: i64 = 200;

/// Something wrong with a lesson's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From one; 0 when it is about the whole file.
    pub line: u32,
    pub message: Message,
}

/// Reads `lesson.yaml`. `id` is the folder's name. Files that it names are put in by [`super::folder`].
pub(super) fn lesson(id: &str, text: &str) -> Result<(Lesson, Vec<SmolStr>), Vec<Problem>> {
    let (manifests, diagnostics) = parse(FILE, text);
    let mut reader = Reader { index: LineIndex::new(text), text, problems: Vec::new() };
    for diagnostic in diagnostics {
        let message = diagnostic
            .explanation
            .unwrap_or_else(|| Message::new("lesson-yaml").with("words", diagnostic.verbatim.clone()));
        reader.problem(diagnostic.span.start, message);
    }
    let result = match &manifests[..] {
        [Manifest { value, node, .. }] => reader.lesson(id, At { value, node }),
        _ => {
            reader.problem(0, Message::new("lesson-one-document"));
            Default::default()
        }
    };
    if reader.problems.is_empty() { Ok(result) } else { Err(reader.problems) }
}

/// The file's name.
pub const FILE: &str = "lesson.yaml";

struct Reader<'a> {
    text: &'a str,
    index: LineIndex,
    problems: Vec<Problem>,
}

/// A value and where it stands.
#[derive(Clone, Copy)]
struct At<'a> {
    value: &'a Value,
    node: &'a Node,
}

impl<'a> At<'a> {
    /// The entries of a map, in the order in which they are written.
    fn entries(self) -> Vec<(&'a SmolStr, u32, At<'a>)> {
        let Content::Map(entries) = &self.node.content else { return Vec::new() };
        entries
            .iter()
            .filter_map(|e| Some((&e.key, e.key_span.start, At { value: self.value.get(&e.key)?, node: &e.value })))
            .collect()
    }

    fn get(self, key: &str) -> Option<At<'a>> {
        let Content::Map(entries) = &self.node.content else { return None };
        let entry = entries.iter().rev().find(|e| e.key == key)?;
        Some(At { value: self.value.get(key)?, node: &entry.value })
    }

    fn items(self) -> Option<Vec<At<'a>>> {
        let (Content::List(nodes), Value::List(values)) = (&self.node.content, self.value) else { return None };
        Some(values.iter().zip(nodes).map(|(value, node)| At { value, node }).collect())
    }
}

impl<'a> Reader<'a> {
    fn problem(&mut self, offset: u32, message: Message) {
        let line = self.index.line_column(offset as usize, self.text).line;
        // A file that is wrong everywhere need not be told so more often than anybody reads.
        if self.problems.len() < 50 {
            self.problems.push(Problem { file: FILE.into(), line, message });
        }
    }

    fn bad(&mut self, at: At, expected: &str) {
        self.problem(at.node.span.start, Message::new("lesson-expected").with("what", expected));
    }

    /// Complains about keys that are not known.
    fn keys(&mut self, at: At, known: &[&str]) {
        if at.value.as_map().is_none() {
            return self.bad(at, &format!("{{{}}}", known.join(", ")));
        }
        for (key, offset, _) in at.entries() {
            if !known.contains(&key.as_str()) {
                let message = Message::new("lesson-unknown-key").with("key", key).with("known", known.join(", "));
                self.problem(offset, message);
            }
        }
    }

    fn text(&mut self, at: At) -> SmolStr {
        match at.value {
            Value::String(s) => s.clone(),
            Value::Int(i) => format_smolstr!("{i}"),
            Value::Bool(b) => format_smolstr!("{b}"),
            _ => {
                self.bad(at, "text");
                SmolStr::default()
            }
        }
    }

    fn text_at(&mut self, at: At, key: &str) -> SmolStr {
        match at.get(key) {
            Some(found) => self.text(found),
            None => {
                self.problem(at.node.span.start, Message::new("lesson-missing-key").with("key", key));
                SmolStr::default()
            }
        }
    }

    fn optional(&mut self, at: At, key: &str) -> Option<SmolStr> {
        at.get(key).map(|found| self.text(found))
    }

    fn number(&mut self, at: At, low: i64, high: i64) -> i64 {
        match at.value.as_i64().filter(|n| (low..=high).contains(n)) {
            Some(n) => n,
            None => {
                self.bad(at, &format!("{low}–{high}"));
                low
            }
        }
    }

    fn bool(&mut self, at: At) -> bool {
        at.value.as_bool().unwrap_or_else(|| {
            self.bad(at, "true, false");
            false
        })
    }

    fn list(&mut self, at: At<'a>, most: usize) -> Vec<At<'a>> {
        let Some(mut items) = at.items() else {
            self.bad(at, "[…]");
            return Vec::new();
        };
        if items.len() > most {
            self.problem(at.node.span.start, Message::new("lesson-too-many").with("most", most));
            items.truncate(most);
        }
        items
    }

    fn texts(&mut self, at: At<'a>, key: &str) -> Vec<SmolStr> {
        let Some(found) = at.get(key) else { return Vec::new() };
        self.list(found, 100).into_iter().map(|item| self.text(item)).collect()
    }

    /// `30s`, `500ms`, `2m`.
    fn duration(&mut self, at: At) -> Duration {
        let text = self.text(at);
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let factor = match unit {
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            _ => 0,
        };
        let time = Duration(digits.parse::<u64>().unwrap_or(0).saturating_mul(factor));
        if time == Duration::ZERO || time > MAX_TIME {
            self.bad(at, "500ms, 30s, 2m (≤ 10m)");
        }
        Duration(time.0.min(MAX_TIME.0))
    }

    fn one_of(&mut self, at: At, known: &[&str]) -> SmolStr {
        let text = self.text(at);
        if !known.contains(&text.as_str()) {
            self.bad(at, &known.join(", "));
        }
        text
    }

    fn word(&mut self, at: At, is_known: impl Fn(&str) -> bool) -> SmolStr {
        let text = self.text(at);
        if !is_known(&text) {
            self.problem(at.node.span.start, Message::new("lesson-unknown-word").with("word", &text));
        }
        text
    }
}

/// Whether a name may be a file of a lesson: no folders above, no hidden files, a kind that is known.
pub fn is_file_name(name: &str) -> bool {
    let ending = ["*.yaml", "*.yml", "*.md", "*.tsv"].iter().any(|pattern| glob::matches(pattern, name));
    ending && name.len() <= 100 && !name.contains("..") && !name.starts_with(['.', '/']) && !name.contains('\\')
}
