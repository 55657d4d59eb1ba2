//! The gates of the course: every lesson can be read, says the same in both languages, fails at its start, is solved by its
//! solutions, and gives the hint that fits to every wrong answer that its author foresaw.

use giljabi::lesson::assignment::{self, Assignment, BadCode};
use giljabi::lesson::package::{self, Standard};
use giljabi::lesson::result::{LessonResult, ResultFile};
use giljabi::lesson::{Course, Desk, File, Folder, Lesson, Progress, Scene, Scope, course, gates, grade, write};
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
    let (Some(ko), Some(en)) = (course.words(Lang::Ko, &lesson.id), course.words(Lang::En, &lesson.id)) else {
        return vec![format!("{}: a language is missing", lesson.id)];
    };
    let found = gates::check(lesson, ko, en, &|lesson, files| Desk::set_up(lesson, files));
    found.iter().map(|s| format!("{} · {}: {}", lesson.id, s.part, s.why.text(Lang::En))).collect()
}

#[test]
fn assignments_are_short_and_survive_bad_codes() {
    let (course, _) = course();
    let all: Vec<_> = course.lessons.iter().map(|l| l.id.clone()).collect();
    let mut marks: Vec<_> = all.iter().map(|l| assignment::mark(l)).collect();
    marks.sort();
    marks.dedup();
    assert_eq!(marks.len(), all.len(), "two lessons have one mark: rename one");
    let whole = Assignment {
        lessons: all.clone(),
        lang: Some(Lang::Ko),
        hints: true,
        seed: 20_261_120,
        ..Assignment::default()
    };
    let code = whole.code();
    assert!(code.len() <= 200, "{} characters", code.len());
    assert_eq!(Assignment::read(&code, &course), Ok(whole));
    let few = Assignment { lessons: all[..3].to_vec(), lang: None, hints: false, seed: 0, ..Assignment::default() };
    assert_eq!(few.code().len(), 14);
    assert_eq!(Assignment::read(&few.code(), &course), Ok(few.clone()));
    for bad in ["", "AQ", "!!!!", &code[..code.len() - 3], &"A".repeat(2_000)] {
        assert_eq!(Assignment::read(bad, &course), Err(BadCode::Broken), "{bad}");
    }
    assert_eq!(Assignment::read(&few.code(), &Course::default()), Err(BadCode::UnknownLessons(3)));
}

/// Lesson files of strangers: each mistake is told with its line, and none does harm.
#[test]
fn bad_lesson_files_are_told_with_their_lines() {
    let problems = |yaml: &str| {
        let file = |name: &str, text: &str| File { name: name.into(), text: text.into() };
        let folder = Folder { id: "x".into(), files: vec![file("lesson.yaml", yaml), file("start/a.yaml", "a: 1\n")] };
        course::read_folder(&folder, &[]).err().unwrap_or_default()
    };
    let head = "track: first\n";
    for (yaml, line, words) in [
        (format!("{head}\tsteps: []\n"), 2, "tab"),
        (format!("{head}stepz: []\n"), 2, "unknown key stepz"),
        (format!("{head}steps:\n- id: a\n  kind: cook\n"), 3, "mend, build"),
        (format!("{head}steps:\n- id: a\n  kind: mend\n  checks:\n    b: {{wobble: 1}}\n"), 6, "expected"),
        (format!("{head}steps:\n- id: a\n  kind: mend\n  checks:\n    b: {{cause: nonsense}}\n"), 6, "no such word"),
        (format!("{head}cluster: {{nodes: 5000}}\nsteps: []\n"), 2, "1–20"),
        (format!("{head}world: [../../etc/passwd]\nsteps: []\n"), 0, "passwd"),
    ] {
        let found = problems(&yaml);
        let hit = found.iter().find(|p| p.message.text(Lang::En).contains(words));
        assert_eq!(hit.map(|p| p.line), Some(line), "{yaml}\n{found:?}");
    }
    let nested = format!("{}{{clean: }}{}", "{not: ".repeat(9), "}".repeat(9));
    let deep = format!("{head}steps:\n- id: a\n  kind: mend\n  checks:\n    b: {nested}\n");
    assert!(problems(&deep).iter().any(|p| p.message.id == "lesson-too-deep"), "{:?}", problems(&deep));
    assert_eq!(problems(&"x".repeat(300 << 10))[0].message.id, "lesson-too-big");
    let many = format!("{head}steps:\n{}", "- {id: a, kind: mend, checks: {c: {clean: }}}\n".repeat(5_000));
    assert!(problems(&many).iter().any(|p| p.message.id == "lesson-too-many"));
}

/// A lesson that is written out again is the same lesson, for every lesson there is; and it travels in one text.
#[test]
fn a_written_lesson_is_read_back() {
    let (mut course, _) = course();
    for lesson in course.lessons.clone() {
        let words = |lang| course.words(lang, &lesson.id).unwrap().clone();
        let (ko, en) = (words(Lang::Ko), words(Lang::En));
        let folder = write::folder(&lesson, Some(&ko), Some(&en), &course.shared);
        assert_eq!(course::read_folder(&folder, &course.shared).as_ref(), Ok(&lesson), "{}", folder.bundle());
        assert_eq!(course::read_words(&folder, Lang::Ko), Ok(ko.clone()));
        assert_eq!(course::read_words(&folder, Lang::En), Ok(en));
        let carried = course::folder_of(&folder.bundle()).unwrap();
        let id = course.adopt(&carried).unwrap();
        assert_eq!(id, format!("~{}", lesson.id));
        assert_eq!(course.lesson(&id).unwrap().steps, lesson.steps);
        assert_eq!(course.words(Lang::Ko, &id), Some(&ko));
    }
    assert_eq!(course::folder_of("=== ../x/lesson.yaml\na: 1\n"), None);
    assert_eq!(course::folder_of("nothing"), None);
}

/// A package has its manifest first, and every file of the site is named in it.
#[test]
fn packages_hold_the_site_and_its_manifest() {
    let (course, _) = course();
    let site = vec![("index.html".to_string(), b"<html><head></head></html>".to_vec())];
    for standard in Standard::ALL {
        let content = package::content(&course, Some("first"), Lang::Ko).unwrap();
        assert!(content.lessons.len() > 5);
        let zip = package::build(standard, &content, Lang::Ko, &site);
        let text = String::from_utf8_lossy(&zip);
        assert!(zip.starts_with(b"PK") && text.contains("첫 서비스") && text.contains("bridge.js\"></script></head>"));
        assert_eq!(standard != Standard::Xapi, text.contains("<file href=\"index.html\"/>"));
    }
    assert!(package::content(&course, Some("nothing"), Lang::En).is_none());
}

/// Partial work counts, what is passed stays passed, a second try counts half, hints cost a star, and looking changes nothing.
#[test]
fn grades_are_fair_and_repeatable() {
    let (course, _) = course();
    let lesson = course.lesson("third-port").unwrap();
    let mut desk = Desk::start(lesson, 1);
    let mut progress = Progress::default();
    let first = grade(lesson, &desk, &mut progress, Scope::All);
    assert_eq!(first, grade(lesson, &desk, &mut progress, Scope::All), "looking changed something");
    // One of the two checks of `mend` holds from the start.
    assert_eq!((first.points, first.of, first.stars, first.solved), (5, 20, 0, false));
    progress.answer(lesson, &desk, "guess", "silence");
    let report = grade(lesson, &desk, &mut progress, Scope::Open);
    assert_eq!(report.steps[0].turn.as_ref().map(|t| t.id()), Some("silence"));
    progress.answer(lesson, &desk, "guess", "refused");
    progress.answer(lesson, &desk, "guess", "answer");
    assert_eq!(
        grade(lesson, &desk, &mut progress, Scope::Open).steps[0].points,
        5,
        "a second try counts half, and stays"
    );
    progress.take_hint("mend", 2);
    let text = desk.files().iter().find(|f| f.name == "service.yaml").unwrap().text.replace("kimhotarget", "http");
    desk.write("service.yaml", &text);
    progress.edits += 1;
    let solved = grade(lesson, &desk, &mut progress, Scope::Open);
    assert_eq!((solved.points, solved.solved, solved.stars), (15, true, 2));
    let result = ResultFile {
        name: "길동".into(),
        assignment: String::new(),
        lessons: vec![LessonResult::new(&lesson.id, &solved, &progress)],
    };
    assert_eq!(ResultFile::read(&result.write()), Ok(result));
    assert_eq!(Progress::load(&progress.save()), progress);
    // What is passed stays passed when the files break again.
    desk.write("service.yaml", "kind: [");
    assert!(grade(lesson, &desk, &mut progress, Scope::Open).solved);
}
