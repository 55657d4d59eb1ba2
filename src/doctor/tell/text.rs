//! For the terminal: the findings, the gravest first, then the doors, then the count.

use super::super::{Report, Severity, Verdict};
use super::{object_name, sentences};
use crate::locale::{Lang, Message};
use crate::text::visible;
use std::fmt::Write;

/// The report as text.
pub fn text(report: &Report, lang: Lang) -> String {
    let mut out = String::new();
    let mut line = |words: std::fmt::Arguments| {
        // Names are a stranger's: nothing of them may hide. Writing to a string cannot fail.
        let _ = writeln!(out, "{}", visible(&words.to_string()));
    };
    for finding in &report.findings {
        let place = finding.place.as_ref().map(|(f, l, c)| format!("{}:{l}:{c}: ", flat(f))).unwrap_or_default();
        let about = [object_name(finding), flat(&finding.door)];
        let about: Vec<&str> = about.iter().map(String::as_str).filter(|w| !w.is_empty()).collect();
        let about = if about.is_empty() { String::new() } else { format!("{}: ", about.join(" ")) };
        let mut told = sentences(finding, lang).into_iter();
        line(format_args!("{place}{}: {about}{}", finding.severity.name(), told.next().unwrap_or_default()));
        for more in told {
            line(format_args!("    {}", more.replace('\n', "\n    ")));
        }
    }
    if !report.findings.is_empty() {
        line(format_args!(""));
    }
    for door in &report.doors {
        let sign = match door.verdict {
            Verdict::Open => "+",
            Verdict::Partly => "~",
            Verdict::Shut => "x",
            Verdict::Asleep => "z",
            Verdict::Unknown => "?",
        };
        let front = if door.front { "*" } else { " " };
        line(format_args!("{sign}{front} {:<8} {}  {}", door.verdict.name(), flat(&door.address), door.object));
    }
    line(format_args!("{}", sum(report).text(lang)));
    out
}

/// The report in a sentence.
pub fn sum(report: &Report) -> Message {
    Message::new(if report.snapshot { "doctor-sum-snapshot" } else { "doctor-sum-manifests" })
        .with("objects", report.objects)
        .with("doors", report.doors.len())
        .with("open", report.doors_with(Verdict::Open))
        .with("errors", report.count(Severity::Error))
        .with("warnings", report.count(Severity::Warning))
}

/// A name on one line.
fn flat(name: &str) -> String {
    name.replace(['\n', '\t'], " ")
}
