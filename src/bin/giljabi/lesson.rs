//! `giljabi lesson`: for authors and teachers. Lists the course, runs the gates over a folder, prints a sheet, codes an
//! assignment, makes a package for a learning platform.

use crate::arguments::{Arguments, Usage};
use giljabi::lesson::assignment::{self, Assignment};
use giljabi::lesson::package::{self, Standard};
use giljabi::lesson::read::is_file_name;
use giljabi::lesson::{Course, Desk, File, Folder, Lesson, catalog, course, gates, sheet};
use giljabi::locale::Lang;
use std::path::Path;

pub const HELP: &str =
    "  giljabi lesson list                            the lessons that come with the product, by track
  giljabi lesson check FOLDER…                   the gates of lesson folders (exit 1: one is shut)
  giljabi lesson sheet LESSON                    a lesson's print sheet, as Markdown
  giljabi lesson assign LESSON[=FOLDER]…         the code of an assignment, for a link or a QR code; with a FOLDER
                                                 the pupils begin with its files
  giljabi lesson package scorm12|scorm2004|xapi SITE FILE [TRACK]
                                                 the built site SITE as a package FILE, of the course or of a track
";

pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words[..] {
        ["list"] => list(lang),
        ["check", ref folders @ ..] if !folders.is_empty() => check(folders, lang),
        ["sheet", lesson] => {
            let (lesson, course) = (built_in(lesson)?, catalog());
            let words = course.words(lang, &lesson.id).ok_or_else(|| Usage("its words are missing".into()))?;
            print!("{}", sheet::sheet(lesson, words, course, lang));
            Ok(true)
        }
        ["assign", ref lessons @ ..] if !lessons.is_empty() => {
            let lang = arguments.lang.as_ref().map(|_| lang);
            let mut set = Assignment { lang, hints: true, seed: arguments.seed, ..Assignment::default() };
            for word in lessons {
                let (id, folder) = word.split_once('=').map_or((*word, None), |(id, folder)| (id, Some(folder)));
                let lesson = built_in(id)?;
                set.lessons.push(lesson.id.clone());
                if let Some(folder) = folder {
                    let files = read_folder(Path::new(folder))?.files;
                    let changes = assignment::changes(lesson, &files);
                    set.starts.push((lesson.id.clone(), assignment::Start { changes, ..Default::default() }));
                }
            }
            let code = set.code();
            if code.len() > assignment::MAX_CODE {
                return Err(Usage(format!(
                    "what the pupils begin with is too long for a link: {} characters",
                    code.len()
                )));
            }
            println!("{code}");
            Ok(true)
        }
        ["package", standard, site, file] => make_package(standard, site, file, None, lang),
        ["package", standard, site, file, track] => make_package(standard, site, file, Some(track), lang),
        _ => Err(Usage(format!("giljabi lesson takes one of:\n{HELP}"))),
    }
}

/// A lesson that comes with the product.
pub fn built_in(id: &str) -> Result<&'static Lesson, Usage> {
    catalog().lesson(id).ok_or_else(|| Usage(format!("there is no lesson {id:?} (giljabi lesson list names them)")))
}

fn list(lang: Lang) -> Result<bool, Usage> {
    let course = catalog();
    let mut out = String::new();
    for track in &course.tracks {
        let name = if lang == Lang::Ko { &track.korean } else { &track.english };
        out.push_str(&format!("{name}\n"));
        for lesson in course.of_track(&track.id) {
            let title = course.words(lang, &lesson.id).map_or("", |w| w.title.as_str());
            out.push_str(&format!("  {:24} {title}\n", lesson.id));
        }
    }
    print!("{out}");
    Ok(true)
}

fn check(folders: &[&str], lang: Lang) -> Result<bool, Usage> {
    let mut open = true;
    for path in folders {
        let found = check_one(Path::new(path), lang)?;
        for line in &found {
            println!("{path}: {line}");
        }
        if found.is_empty() {
            println!("{path}: {}", if lang == Lang::Ko { "모든 관문이 열렸어요" } else { "every gate is open" });
        }
        open &= found.is_empty();
    }
    Ok(open)
}

fn check_one(path: &Path, lang: Lang) -> Result<Vec<String>, Usage> {
    let folder = read_folder(path)?;
    let shared = match path.parent().map(|p| p.join(course::SHARED)).filter(|p| p.is_dir()) {
        Some(shared) => read_folder(&shared)?.files,
        None => Vec::new(),
    };
    let mut lines = Vec::new();
    let mut tell = |problems: Vec<giljabi::lesson::read::Problem>| {
        lines.extend(problems.into_iter().map(|p| format!("{}:{}: {}", p.file, p.line, p.message.text(lang))));
    };
    let lesson = course::read_folder(&folder, &shared).map_err(&mut tell).ok();
    let ko = course::read_words(&folder, Lang::Ko).map_err(&mut tell).ok();
    let en = course::read_words(&folder, Lang::En).map_err(&mut tell).ok();
    if let (Some(lesson), Some(ko), Some(en)) = (lesson, ko, en) {
        let shut = gates::check(&lesson, &ko, &en, &|lesson, files| Desk::set_up(lesson, files));
        lines.extend(shut.iter().map(|s| format!("{}: {}", s.part, s.why.text(lang))));
    }
    Ok(lines)
}

/// A folder's files, those of its own folders included.
pub fn read_folder(path: &Path) -> Result<Folder, Usage> {
    let id = path.file_name().and_then(|n| n.to_str()).unwrap_or("lesson");
    let mut folder = Folder { id: id.into(), files: Vec::new() };
    gather(path, "", &mut folder.files)?;
    Ok(folder)
}

fn gather(path: &Path, prefix: &str, files: &mut Vec<File>) -> Result<(), Usage> {
    let problem = |e: std::io::Error| Usage(format!("{}: {e}", path.display()));
    let mut paths = std::fs::read_dir(path)
        .map_err(problem)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(problem)?;
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { continue };
        let name = format!("{prefix}{name}");
        // One level of folders is all that a lesson has.
        if path.is_dir() && prefix.is_empty() {
            gather(&path, &format!("{name}/"), files)?;
        } else if is_file_name(&name) {
            let text = std::fs::read_to_string(&path).map_err(|e| Usage(format!("{}: {e}", path.display())))?;
            files.push(File { name: name.into(), text });
        }
    }
    Ok(())
}

fn make_package(standard: &str, site: &str, file: &str, track: Option<&str>, lang: Lang) -> Result<bool, Usage> {
    let standard = Standard::read(standard)
        .ok_or_else(|| Usage(format!("a package is scorm12, scorm2004 or xapi, not {standard:?}")))?;
    let course: &Course = catalog();
    let content = package::content(course, track, lang)
        .ok_or_else(|| Usage(format!("there is no track {:?}", track.unwrap_or_default())))?;
    let mut app = Vec::new();
    read_site(Path::new(site), "", &mut app)?;
    if !app.iter().any(|(name, _)| name == "index.html") {
        return Err(Usage(format!("{site} is no built site: it has no index.html")));
    }
    let bytes = package::build(standard, &content, lang, &app);
    std::fs::write(file, &bytes).map_err(|e| Usage(format!("{file}: {e}")))?;
    println!("{file}: {} KB, {} lessons", bytes.len() / 1_000, content.lessons.len());
    Ok(true)
}

fn read_site(path: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) -> Result<(), Usage> {
    let problem = |e: std::io::Error| Usage(format!("{}: {e}", path.display()));
    let mut entries: Vec<_> =
        std::fs::read_dir(path).map_err(problem)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
    entries.sort();
    for entry in entries {
        let Some(name) = entry.file_name().and_then(|n| n.to_str()) else { continue };
        let name = format!("{prefix}{name}");
        if entry.is_dir() {
            read_site(&entry, &format!("{name}/"), files)?;
        } else {
            let bytes = std::fs::read(&entry).map_err(|e| Usage(format!("{}: {e}", entry.display())))?;
            files.push((name, bytes));
        }
    }
    Ok(())
}
