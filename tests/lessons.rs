//! The gates of the course: every lesson can be read, says the same in both languages, fails at its start, is solved by its
//! solutions, and gives the hint that fits to every wrong answer that its author foresaw.

use giljabi::lesson::model::Action;
use giljabi::lesson::{Course, Desk, Lesson, gates};
use giljabi::locale::Lang;
use std::collections::BTreeMap;
use std::path::Path;

/// The folder `lessons/` as the three texts that the build makes of it: lessons, Korean, English.
fn pack(folder: &Path, prefix: &str, packs: &mut BTreeMap<&'static str, String>) {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            pack(&path, &format!("{prefix}{name}/"), packs);
            continue;
        }
        let to = match name {
            "README.md" => continue,
            "ko.md" => "ko",
            "en.md" => "en",
            _ => "course",
        };
        let text = std::fs::read_to_string(&path).unwrap();
        packs.entry(to).or_default().push_str(&format!("=== {prefix}{name}\n{}\n", text.trim_end()));
    }
}

fn course() -> (Course, Vec<String>) {
    let mut packs = BTreeMap::new();
    pack(&Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons"), "", &mut packs);
    let (mut course, mut problems) = Course::read(&packs["course"]);
    problems.extend(course.add_words(Lang::Ko, &packs["ko"]));
    problems.extend(course.add_words(Lang::En, &packs["en"]));
    let shown = problems
        .into_iter()
        .flat_map(|(id, found)| {
            found.into_iter().map(move |p| format!("{id}/{}:{}: {}", p.file, p.line, p.message.text(Lang::En)))
        })
        .collect();
    (course, shown)
}

#[test]
fn every_file_can_be_read() {
    let (course, problems) = course();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(course.lessons.len() >= 40, "only {} lessons", course.lessons.len());
    assert_eq!(course.headings.len(), 120);
}

#[test]
fn both_languages_have_every_part() {
    let (course, _) = course();
    let mut shut = Vec::new();
    for lesson in &course.lessons {
        let (Some(ko), Some(en)) = (course.words(Lang::Ko, &lesson.id), course.words(Lang::En, &lesson.id)) else {
            shut.push(format!("{}: a language is missing", lesson.id));
            continue;
        };
        let found = gates::check_words(lesson, ko, en);
        shut.extend(found.iter().map(|s| format!("{} · {}: {}", lesson.id, s.part, s.why.text(Lang::En))));
    }
    assert!(shut.is_empty(), "{}", shut.join("\n"));
}

#[test]
fn the_course_covers_the_notes_and_their_errors() {
    let (course, _) = course();
    let shut: Vec<String> =
        gates::check_course(&course).iter().map(|s| format!("{}: {}", s.part, s.why.text(Lang::En))).collect();
    assert!(shut.is_empty(), "{}", shut.join("\n"));
}

/// Runs the gates of all lessons (or of those that `GILJABI_LESSON` names, while one writes), on two threads.
#[test]
fn every_gate_is_open() {
    let (course, _) = course();
    let only = std::env::var("GILJABI_LESSON").unwrap_or_default();
    let lessons: Vec<&Lesson> =
        course.lessons.iter().filter(|l| only.is_empty() || only.split(',').any(|o| o == l.id)).collect();
    let half = lessons.len().div_ceil(2).max(1);
    let shut: Vec<String> = std::thread::scope(|scope| {
        let work: Vec<_> = lessons
            .chunks(half)
            .map(|chunk| scope.spawn(|| chunk.iter().flat_map(|lesson| gates_of(&course, lesson)).collect::<Vec<_>>()))
            .collect();
        work.into_iter().flat_map(|w| w.join().unwrap()).collect()
    });
    assert!(shut.is_empty(), "{}", shut.join("\n"));
}

fn gates_of(course: &Course, lesson: &Lesson) -> Vec<String> {
    if needs_terminal(lesson) {
        return Vec::new();
    }
    let (Some(ko), Some(en)) = (course.words(Lang::Ko, &lesson.id), course.words(Lang::En, &lesson.id)) else {
        return vec![format!("{}: a language is missing", lesson.id)];
    };
    let found = gates::check(lesson, ko, en, &|lesson, files| Desk::set_up(lesson, files));
    found.iter().map(|s| format!("{} · {}: {}", lesson.id, s.part, s.why.text(Lang::En))).collect()
}

/// Whether a walk or what came before runs commands.
fn needs_terminal(lesson: &Lesson) -> bool {
    let walks = lesson.solutions.iter().chain(&lesson.wrong).flat_map(|w| &w.actions);
    walks.chain(&lesson.before).any(|action| matches!(action, Action::Run { .. }))
}
