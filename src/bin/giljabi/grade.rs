//! `giljabi grade`: the grade of work that was handed in, the same as in the browser: manifests (a file or a folder a pupil)
//! graded against a lesson, or result files gathered into a table.

use crate::arguments::{Arguments, Format, Usage};
use crate::lesson::{built_in, read_folder};
use giljabi::api::json::quote;
use giljabi::lesson::class::Class;
use giljabi::lesson::{Desk, File, Lesson, Progress, Report, Scope, StepState, catalog, course, draw, grade};
use giljabi::locale::{Lang, Message};
use std::path::Path;

pub const HELP: &str = "  giljabi grade LESSON FILE…                     grades each FILE (or folder of manifests) against a lesson (exit 1: not all solved)
                [--seed S] [--format text|json]
  giljabi grade results FILE…                    the table of result files as CSV, and where they get stuck
";

pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let Some((lesson, works)) = arguments.words.split_first() else {
        return Err(Usage(format!("giljabi grade takes:\n{HELP}")));
    };
    let works: Vec<&String> = works.iter().chain(&arguments.files).collect();
    if works.is_empty() {
        return Err(Usage("no work to grade: say which files".into()));
    }
    if lesson == "results" {
        return results(&works, lang);
    }
    let own;
    // A lesson's folder, or the name of one that comes with the product.
    let lesson: &Lesson = if Path::new(lesson).is_dir() {
        own = course::read_folder(&read_folder(Path::new(lesson))?, &shared_beside(Path::new(lesson))?)
            .map_err(|problems| Usage(problems.iter().map(|p| p.message.text(lang)).collect::<Vec<_>>().join("; ")))?;
        &own
    } else {
        built_in(lesson)?
    };
    let mut all_solved = true;
    for work in works {
        let report = grade_one(lesson, Path::new(work), arguments.seed)?;
        all_solved &= report.solved;
        match arguments.format {
            Format::Json => println!("{}", json(work, &report, lang)),
            _ => print_text(work, &report, lang),
        }
    }
    Ok(all_solved)
}

fn shared_beside(folder: &Path) -> Result<Vec<File>, Usage> {
    match folder.parent().map(|p| p.join(course::SHARED)).filter(|p| p.is_dir()) {
        Some(shared) => Ok(read_folder(&shared)?.files),
        None => Ok(Vec::new()),
    }
}

/// A pupil's files in place of the lesson's start files: by name; a single file of another name stands for the only one.
fn grade_one(lesson: &Lesson, work: &Path, seed: u64) -> Result<Report, Usage> {
    let mut files = draw::start_files(lesson, seed);
    let handed = if work.is_dir() {
        read_folder(work)?.files
    } else {
        let text = std::fs::read_to_string(work).map_err(|e| Usage(format!("{}: {e}", work.display())))?;
        let name = work.file_name().and_then(|n| n.to_str()).unwrap_or("work.yaml");
        vec![File { name: name.into(), text }]
    };
    let only = handed.len() == 1 && files.len() == 1;
    for file in handed {
        match files.iter_mut().find(|f| f.name == file.name) {
            Some(start) => start.text = file.text,
            None if only => files[0].text = file.text,
            None => files.push(file),
        }
    }
    let desk = Desk::set_up(lesson, &files);
    Ok(grade(lesson, &desk, &mut Progress::default(), Scope::All))
}

fn print_text(work: &str, report: &Report, lang: Lang) {
    println!("{work}: {}/{}", report.points, report.of);
    for step in &report.steps {
        let mark = if step.state == StepState::Passed { "✓" } else { "·" };
        println!("  {mark} {} {}/{}", step.id, step.points, step.of);
        for check in &step.checks {
            println!("    {} {}: {}", if check.holds { "✓" } else { "✗" }, check.id, check.seen.text(lang));
        }
    }
}

fn json(work: &str, report: &Report, lang: Lang) -> String {
    let steps: Vec<String> = report
        .steps
        .iter()
        .map(|s| {
            let checks: Vec<String> = s
                .checks
                .iter()
                .map(|c| {
                    let (id, seen) = (quote(&c.id), quote(&c.seen.text(lang)));
                    format!("{{\"id\":{id},\"holds\":{},\"seen\":{seen}}}", c.holds)
                })
                .collect();
            let passed = s.state == StepState::Passed;
            let (id, checks) = (quote(&s.id), checks.join(","));
            format!("{{\"id\":{id},\"passed\":{passed},\"points\":{},\"of\":{},\"checks\":[{checks}]}}", s.points, s.of)
        })
        .collect();
    format!(
        "{{\"work\":{},\"points\":{},\"of\":{},\"solved\":{},\"steps\":[{}]}}",
        quote(work),
        report.points,
        report.of,
        report.solved,
        steps.join(",")
    )
}

fn results(works: &[&String], lang: Lang) -> Result<bool, Usage> {
    let mut class = Class::default();
    for work in works {
        // A file that is no text is a spoilt one, not the end of the table.
        let bytes = std::fs::read(work).map_err(|e| Usage(format!("{work}: {e}")))?;
        class.add(work, &String::from_utf8_lossy(&bytes), catalog());
    }
    print!("{}", class.csv(lang));
    for figure in class.stuck_at().iter().take(10) {
        let words = Message::new("class-stuck").text(lang);
        eprintln!("{words}: {} / {}: {} / {}", figure.lesson, figure.step, figure.stuck, figure.of);
    }
    Ok(class.rows.iter().all(|row| row.result.is_ok()))
}
