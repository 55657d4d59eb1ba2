//! What a stranger hands over for class: a lesson, its words, a course, an assignment's code, a result, kept progress.

use crate::seeds as files;
use giljabi::lesson::assignment::{Assignment, Change, Start, Terms};
use giljabi::lesson::class::Class;
use giljabi::lesson::course::{Folder, read_folder, read_words};
use giljabi::lesson::result::ResultFile;
use giljabi::lesson::{Course, File, Progress, catalog, markdown};
use giljabi::locale::Lang;

pub const PIECES: &[&str] = &[
    "=== a/lesson.yaml\n",
    "=== a/ko.md\n",
    "id: ",
    "track: ",
    "steps:\n",
    "checks:\n",
    "- request:\n",
    "all:\n",
    "any:\n",
    "not:\n",
    "stays: 600s\n",
    "expect:\n",
    "hints:\n",
    "solutions:\n",
    "draw:\n",
    "faults:\n",
    "world: [x]\n",
    "exam: true\n",
    "# ",
    "## ",
    "```yaml\n",
    "```\n",
    "[a](javascript:alert(1))",
    "![x](y)",
    "**",
    "`",
    "- ",
    "| a | b |\n",
    "seal ",
    "step a 1 1 1 1\n",
    "lesson a 1 1 1 1 1 1\n",
    "giljabi-result 1\n",
    "{{",
    "$",
    "\\",
];

pub fn seeds() -> Vec<Vec<u8>> {
    let tagged = |kind: u8, bytes: Vec<u8>| [vec![kind], bytes].concat();
    let mut all: Vec<Vec<u8>> = Vec::new();
    all.extend(files::under("lessons", "lesson.yaml").into_iter().map(|b| tagged(b'0', b)));
    all.extend(files::under("lessons", "ko.md").into_iter().step_by(4).map(|b| tagged(b'1', b)));
    all.extend(files::under("lessons", "en.md").into_iter().step_by(4).map(|b| tagged(b'1', b)));
    let bundle: Vec<u8> = files::under("lessons", "lesson.yaml").into_iter().take(2).fold(Vec::new(), |mut all, b| {
        all.extend(format!("=== folder-{}/lesson.yaml\n", all.len()).into_bytes());
        all.extend(b);
        all
    });
    all.push(tagged(b'2', bundle));
    let lessons = catalog().lessons.iter().take(3).map(|l| l.id.clone()).collect();
    let plain = Assignment { lessons, lang: Some(Lang::Ko), hints: true, seed: 7, ..Assignment::default() };
    let cluster = Terms { nodes: Some(2), proxy: Some("ipvs".into()), load_balancer: Some("metallb".into()) };
    let put = Change::Put { file: "a.yaml".into(), at: 3, cut: 2, text: "한: 1\n".into() };
    let changes = vec![put, Change::Gone { file: "b.yaml".into() }];
    let start = Start { changes, ran: vec!["kubectl get pods".into()], power: vec![("node-2".into(), false)] };
    let starts = plain.lessons.iter().take(1).map(|l| (l.clone(), start.clone())).collect();
    let begun = Assignment { cluster, starts, ..plain.clone() };
    all.extend([plain, begun].map(|set| tagged(b'3', set.code().into_bytes())));
    all.push(tagged(b'4', ResultFile { name: "길동".into(), ..ResultFile::default() }.write().into_bytes()));
    all.push(tagged(b'5', Progress::default().save().into_bytes()));
    all
}

/// The first character says which of them the rest is.
pub fn any(text: &str) {
    let mut chars = text.chars();
    let kind = chars.next();
    let rest = chars.as_str();
    match kind {
        Some('0') => {
            let start = File { name: "start/a.yaml".into(), text: "a: b\n".into() };
            let file = File { name: "lesson.yaml".into(), text: rest.to_string() };
            let folder = Folder { id: "stranger".into(), files: vec![file, start] };
            if let Err(problems) = read_folder(&folder, &[]) {
                assert!(!problems.is_empty());
                assert!(problems.iter().all(|p| !p.message.text(Lang::Ko).is_empty()));
            }
        }
        Some('1') => {
            markdown::read(rest);
            let folder =
                Folder { id: "stranger".into(), files: vec![File { name: "ko.md".into(), text: rest.to_string() }] };
            // A refusal is an answer.
            let _ = read_words(&folder, Lang::Ko);
        }
        Some('2') => {
            let (mut course, _) = Course::read(rest);
            course.add_words(Lang::En, rest);
        }
        Some('3') => {
            if let Ok(set) = Assignment::read(rest, catalog()) {
                catalog().lessons.iter().for_each(|lesson| drop(set.applied(lesson)));
            }
        }
        Some('4') => {
            let mut class = Class::default();
            class.add("a.txt", rest, catalog());
            class.csv(Lang::Ko);
            if let Ok(result) = ResultFile::read(rest) {
                assert!(ResultFile::read(&result.write()).is_ok());
            }
        }
        _ => {
            let progress = Progress::load(rest);
            assert_eq!(Progress::load(&progress.save()), progress, "progress that does not read back");
        }
    }
}
