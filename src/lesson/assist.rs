//! Completion of `lesson.yaml`: what could be written at a position, by the keys that the reader knows and by what the lesson
//! and the course have.
//!
//! A file that is being written can seldom be read, so the place is found from its lines: blocks by their indentation, and
//! within the line of the cursor by its braces.

use super::course::Course;
use super::keys;
use super::model::{Lesson, Question, TaskKind};
use super::words;
use crate::locale::{self, Lang};
use std::ops::Range;

/// Something that could be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub label: String,
    /// What is written.
    pub insert: String,
    /// A sentence about it; may be empty.
    pub about: String,
}

/// What could be written at a byte of the text, and the bytes that it replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub replaces: Range<usize>,
    pub items: Vec<Item>,
}

/// A kind of place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Lesson,
    Cluster,
    Step,
    Question,
    Request,
    Expect,
    Check,
    Draw,
    Fault,
    Walk,
    Action,
    Edit,
    Write,
    /// Names of the author's own, each with such a thing behind it.
    Names(&'static Place),
    /// A step's name, and a choice of its question.
    Answer,
    /// A node's name, and whether it has power.
    Power,
    Unknown,
}

impl Place {
    fn inside(self, key: &str) -> Place {
        match (self, key) {
            (Place::Lesson, "cluster") => Place::Cluster,
            (Place::Lesson, "steps") => Place::Step,
            (Place::Lesson, "draw") => Place::Draw,
            (Place::Lesson, "solutions") => Place::Names(&Place::Action),
            (Place::Lesson, "wrong") => Place::Names(&Place::Walk),
            (Place::Lesson, "before") | (Place::Walk, "do") => Place::Action,
            (Place::Step, "checks" | "turns") => Place::Names(&Place::Check),
            (Place::Step, "question") => Place::Question,
            (Place::Question, "choices") => Place::Names(&Place::Expect),
            (Place::Question | Place::Check, "request") | (Place::Check, "distribution") => Place::Request,
            (Place::Check, "all" | "any" | "not" | "stays") => Place::Check,
            (Place::Draw, "faults") => Place::Names(&Place::Fault),
            (Place::Action, "edit") => Place::Edit,
            (Place::Action, "write") => Place::Write,
            (Place::Action, "answer") => Place::Answer,
            (Place::Action, "power") => Place::Power,
            (Place::Names(inner), _) => *inner,
            _ => Place::Unknown,
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Place::Lesson => keys::LESSON,
            Place::Cluster => keys::CLUSTER,
            Place::Step => keys::STEP,
            Place::Question => keys::QUESTION,
            Place::Request => keys::REQUEST,
            Place::Expect => keys::EXPECT,
            Place::Draw => keys::DRAW,
            Place::Fault => keys::FAULT,
            Place::Walk => keys::WALK,
            Place::Action => keys::ACTION,
            Place::Edit => keys::EDIT,
            Place::Write => keys::WRITE,
            Place::Check | Place::Names(_) | Place::Answer | Place::Power | Place::Unknown => &[],
        }
    }
}

/// What could be written at byte `at` of `text`. `lesson` is the draft as it could last be read.
pub fn complete(text: &str, at: usize, lesson: &Lesson, course: &Course, lang: Lang) -> Found {
    let head = text.get(..at).unwrap_or(text);
    let spot = spot(head);
    let typed = spot.typed.as_str();
    let place = spot.path.iter().fold(Place::Lesson, |place, key| place.inside(key));
    let items = match &spot.key {
        Some(key) => values(place, key, lesson, course, lang),
        None => names(place, &spot.beside, lesson),
    };
    let fits = |item: &Item| item.label.starts_with(typed) && item.label != typed;
    Found { replaces: head.len() - typed.len()..head.len(), items: items.into_iter().filter(fits).collect() }
}

fn plain(label: &str) -> Item {
    Item { label: label.into(), insert: label.into(), about: String::new() }
}

/// Keys that may be written. `beside` are those of the same map that stand there already.
fn names(place: Place, beside: &[String], lesson: &Lesson) -> Vec<Item> {
    let key = |name: &str| Item { label: name.into(), insert: format!("{name}: "), about: String::new() };
    let own: Vec<&str> = match place {
        Place::Check => match beside.iter().find_map(|name| keys::beside(name)) {
            Some(more) => more.to_vec(),
            None => keys::CHECKS.iter().map(|(kind, _)| *kind).collect(),
        },
        Place::Answer => lesson.steps.iter().filter(|s| s.question.is_some()).map(|s| s.id.as_str()).collect(),
        place => place.keys().to_vec(),
    };
    own.into_iter().filter(|name| !beside.iter().any(|b| b == name)).map(key).collect()
}

/// Values of a key.
fn values(place: Place, key: &str, lesson: &Lesson, course: &Course, lang: Lang) -> Vec<Item> {
    let plains = |of: &[&str]| of.iter().map(|word| plain(word)).collect::<Vec<_>>();
    let told = |rows: Vec<(String, &'static str)>| {
        let item = |(word, row): (String, &'static str)| Item {
            insert: word.clone(),
            label: word,
            about: locale::text(lang, row, &[]),
        };
        rows.into_iter().map(item).collect::<Vec<_>>()
    };
    let with = |id: &str, about: &str| Item { about: about.into(), ..plain(id) };
    let said = |ko: &str, en: &str| if lang == Lang::Ko { ko.to_string() } else { en.to_string() };
    match (place, key) {
        (Place::Lesson, "track") => course.tracks.iter().map(|t| with(&t.id, &said(&t.korean, &t.english))).collect(),
        (Place::Lesson, "notes") => course.headings.iter().map(|h| with(&h.id, &said(&h.title, &h.english))).collect(),
        (Place::Lesson, "errata") => course.errata.iter().map(|e| plain(&e.id)).collect(),
        (Place::Lesson, "world") => course.shared.iter().map(|f| plain(&f.name)).collect(),
        (Place::Cluster, "proxy") => plains(keys::PROXIES),
        (Place::Cluster, "load-balancer") => plains(keys::BALANCERS),
        (Place::Cluster, "latencies") => plains(keys::LATENCIES),
        (Place::Step, "kind") => TaskKind::ALL.iter().map(|(name, _)| plain(name)).collect(),
        (Place::Request, "from") => plains(&["pod/client", "computer", "node/node-1", "outside/198.51.100.7"]),
        (Place::Check | Place::Expect, "symptom") => told(words::symptoms()),
        (Place::Check | Place::Expect, "cause") => told(words::causes()),
        (Place::Check | Place::Expect, "rcode") => plains(keys::RCODES),
        (Place::Check | Place::Expect, "source") => plains(&["client", "changed"]),
        (Place::Check | Place::Expect | Place::Request, "ok" | "ready" | "exists" | "insecure") => {
            plains(&["true", "false"])
        }
        (Place::Edit | Place::Write | Place::Fault | Place::Check, "file") | (Place::Action, "remove") => {
            lesson.start.iter().map(|f| plain(&f.name)).collect()
        }
        (Place::Walk, "fails") => lesson.steps.iter().map(|s| plain(&s.id)).collect(),
        (Place::Walk | Place::Fault, "turn") => {
            let turns = lesson.steps.iter().flat_map(|s| &s.turns).map(|t| plain(&t.id));
            let general =
                locale::rows().map(|(_, id, _, _)| id).filter(|id| id.starts_with("turn-") || id.starts_with("mend."));
            turns.chain(general.map(plain)).collect()
        }
        (Place::Question, "right") => {
            let choices = lesson.steps.iter().filter_map(|s| s.question.as_ref()).filter(|q| q.request.is_none());
            choices.flat_map(choice_ids).collect()
        }
        (Place::Answer, step) => {
            let question = lesson.steps.iter().find(|s| s.id == step).and_then(|s| s.question.as_ref());
            question.into_iter().flat_map(choice_ids).collect()
        }
        (Place::Power, _) => plains(keys::POWER),
        _ => Vec::new(),
    }
}

fn choice_ids(question: &Question) -> impl Iterator<Item = Item> {
    question.choices.iter().map(|c| plain(&c.id))
}

/// Where the cursor stands.
#[derive(Debug, Default)]
struct Spot {
    /// The keys around it, from the file's first level on.
    path: Vec<String>,
    /// The key whose value is being written; none where a key is.
    key: Option<String>,
    /// The other keys of the same map that are known.
    beside: Vec<String>,
    /// What was typed of the word.
    typed: String,
}

/// A line's place: where its first word stands, where its dash (if it has one), its key and what comes behind it.
struct Line<'a> {
    column: usize,
    dash: Option<usize>,
    key: Option<&'a str>,
    rest: &'a str,
}

fn line(text: &str) -> Line<'_> {
    let mut at = text.len() - text.trim_start_matches(' ').len();
    let mut dash = None;
    while let Some(rest) = text[at..].strip_prefix("- ") {
        dash = Some(at);
        at += 2 + rest.len() - rest.trim_start_matches(' ').len();
    }
    let words = &text[at..];
    let end = words.find(": ").or_else(|| words.strip_suffix(':').map(str::len));
    let key = end.map(|end| &words[..end]).filter(|k| !k.is_empty() && !k.contains(['{', '[', '"', ' ']));
    let rest = key.map_or(words, |key| words[key.len() + 1..].trim_start());
    Line { column: at, dash, key, rest }
}

fn spot(head: &str) -> Spot {
    let mut lines = head.rsplit('\n');
    let own = line(lines.next().unwrap_or_default());
    let mut spot = Spot::default();
    // Outwards: a key belongs around what is further in; in a list, what stands at the dash does, too.
    let (mut column, mut in_list) = own.dash.map_or((own.column, false), |dash| (dash, true));
    let mut siblings = own.dash.is_none();
    for above in lines {
        if above.trim().is_empty() || above.trim_start().starts_with('#') {
            continue;
        }
        let above = line(above);
        let around = above.column < column || (in_list && above.column == column && above.dash.is_none());
        match (around, above.key) {
            (true, Some(key)) => {
                spot.path.push(key.into());
                (column, in_list) = above.dash.map_or((above.column, false), |dash| (dash, true));
                siblings = false;
            }
            (false, key) if above.column == column && !in_list => {
                if let Some(key) = key.filter(|_| siblings) {
                    spot.beside.push(key.into());
                }
                if let Some(dash) = above.dash {
                    (column, in_list) = (dash, true);
                    siblings = false;
                }
            }
            _ => {}
        }
    }
    spot.path.reverse();
    match own.key {
        Some(key) => within(&mut spot, key, own.rest),
        None if own.rest.starts_with(['{', '[']) => flow(&mut spot, None, own.rest),
        None => spot.typed = own.rest.into(),
    }
    spot
}

/// Behind a key of a block: its value, or a map or list in braces.
fn within(spot: &mut Spot, key: &str, rest: &str) {
    if rest.starts_with(['{', '[']) {
        flow(spot, Some(key), rest);
    } else {
        spot.key = Some(key.into());
        spot.typed = rest.into();
    }
}

/// Braces that are open at the end of `rest`.
fn flow(spot: &mut Spot, key: Option<&str>, rest: &str) {
    struct Open {
        map: bool,
        key: Option<String>,
        beside: Vec<String>,
    }
    let mut open: Vec<Open> = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for c in rest.chars() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), c) => word.push(c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => {
                open.push(Open { map: c == '{', key: None, beside: Vec::new() });
                word.clear();
            }
            (None, '}' | ']') => {
                open.pop();
                word.clear();
            }
            (None, ',') => {
                if let Some(last) = open.last_mut() {
                    last.key = None;
                }
                word.clear();
            }
            (None, ' ') if word.ends_with(':') => {
                if let Some(last) = open.last_mut().filter(|l| l.map && l.key.is_none()) {
                    let name = word.trim_end_matches(':').to_string();
                    last.beside.push(name.clone());
                    last.key = Some(name);
                    word.clear();
                }
            }
            (None, ' ') if word.is_empty() => {}
            (None, c) => word.push(c),
        }
    }
    // After the last brace is closed there is nothing to write.
    let Some(last) = open.pop() else {
        spot.path.push(String::new());
        return;
    };
    spot.typed = word;
    let keys = key.map(str::to_string).into_iter().chain(open.into_iter().filter_map(|o| o.key));
    spot.path.extend(keys);
    spot.beside = last.beside;
    match last.key {
        Some(key) => spot.key = Some(key),
        // In a list stand values of the key before it.
        None if !last.map => spot.key = spot.path.pop(),
        None => {}
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::lesson::catalog;

    /// The labels that are offered at `|`, and the text that they replace.
    fn offered(text: &str) -> (Vec<String>, String) {
        let at = text.find('|').unwrap();
        let text = text.replacen('|', "", 1);
        let lesson = catalog().lesson("first-service").unwrap();
        let found = complete(&text, at, lesson, catalog(), Lang::En);
        (found.items.into_iter().map(|i| i.label).collect(), text[found.replaces].to_string())
    }

    fn has(text: &str, wanted: &[&str], unwanted: &[&str]) {
        let (found, _) = offered(text);
        wanted.iter().for_each(|w| assert!(found.iter().any(|f| f == w), "{text}\n{w} is not in {found:?}"));
        unwanted.iter().for_each(|w| assert!(!found.iter().any(|f| f == w), "{text}\n{w} is in {found:?}"));
    }

    #[test]
    fn keys_are_offered_where_the_reader_knows_them() {
        has("|", &["track", "steps", "one-way"], &["kind"]);
        has("track: first\nst|", &["steps"], &["track", "notes"]);
        has("steps:\n- |", &["id", "kind"], &["track"]);
        has("steps:\n- id: a\n  |", &["kind", "checks"], &["id", "track"]);
        has("steps:\n- id: a\n  kind: mend\n- id: b\n  |", &["kind"], &["id"]);
        has("steps:\n- id: a\n  checks:\n    x: {|", &["request", "object", "clean"], &["field", "id"]);
        has("steps:\n- id: a\n  checks:\n    x: {object: Pod/x, |", &["field", "at-least"], &["object", "request"]);
        has("steps:\n- id: a\n  checks:\n    x: {request: {from: pod/client, |", &["to", "via"], &["from", "ok"]);
        has(
            "steps:\n- id: a\n  checks:\n    x: {request: {from: pod/client, to: http://x}, |",
            &["ok", "symptom"],
            &["to"],
        );
        has("steps:\n- id: a\n  turns:\n    x: {all: [{clean: }, {not: {ob|", &["object"], &["clean"]);
        has("steps:\n- id: a\n  question:\n    |", &["request", "right"], &["id"]);
        has("solutions:\n  one:\n  - |", &["edit", "run", "power"], &["do"]);
        has("wrong:\n  one:\n    fails: x\n    |", &["turn", "do"], &["fails", "edit"]);
        has("wrong:\n  one:\n    do:\n    - edit: {file: a, |", &["from", "to"], &["file"]);
        has("wrong:\n  one:\n    do:\n    - edit:\n        |", &["file"], &["edit"]);
        has("cluster: {proxy: ipvs, |", &["nodes", "seed"], &["proxy"]);
        has("cluster: {nodes: 2}|", &[], &["proxy", "track"]);
        has("draw:\n  faults:\n    x: {|", &["file", "turn", "also"], &["count"]);
    }

    #[test]
    fn values_are_offered_from_the_lesson_and_the_course() {
        has("track: |", &["first", "exam"], &["track"]);
        has("notes: [000-0|", &["000-01"], &["001-01"]);
        has("notes: [000-01, |", &["001-01"], &[]);
        has("world: [cl|", &["client.yaml"], &["kimho.yaml"]);
        has("steps:\n- id: a\n  kind: |", &["mend", "predict"], &[]);
        has("steps:\n- id: a\n  checks:\n    x: {request: {from: |", &["pod/client", "computer"], &[]);
        has("steps:\n- id: a\n  checks:\n    x: {request: {from: c, to: d}, symptom: ref|", &["refused"], &["silence"]);
        has("steps:\n- id: a\n  turns:\n    x: {cause: sel|", &["selector-matches-nothing"], &[]);
        has("solutions:\n  one:\n  - answer: {|", &["guess"], &["build"]);
        has("solutions:\n  one:\n  - answer: {guess: |", &["name", "refused"], &[]);
        has("solutions:\n  one:\n  - edit: {file: |", &["service.yaml"], &[]);
        has("wrong:\n  one:\n    fails: |", &["guess", "build"], &[]);
        has("wrong:\n  one:\n    turn: |", &["port", "turn-yaml", "mend.selector_matches_nothing"], &[]);
        has("before:\n- power: {node-1: |", &["up", "down"], &[]);
        assert_eq!(offered("track: fi|").1, "fi");
    }

    #[test]
    fn every_place_of_every_lesson_is_known() {
        // At each line's beginning and end: nothing falls over, and keys that stand there are among those offered.
        for lesson in &catalog().lessons {
            let text = crate::lesson::write::lesson_yaml(lesson);
            for (at, _) in text.match_indices(['\n', ',', '{']) {
                complete(&text, at, lesson, catalog(), Lang::Ko);
            }
            for own in text.split_inclusive('\n').scan(0, |at, line| Some(std::mem::replace(at, *at + line.len()))) {
                let read = line(text[own..].lines().next().unwrap_or_default());
                // Further in, the author's own names may be the same words.
                let of_step = |key: &&str| read.column == 2 && keys::STEP.contains(key);
                let Some(key) = read.key.filter(of_step) else { continue };
                let found = complete(&text, own + read.column, lesson, catalog(), Lang::Ko);
                assert!(found.items.iter().any(|i| i.label == key), "{}: {key}: {:?}", lesson.id, found.items);
            }
        }
    }
}
