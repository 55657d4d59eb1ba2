//! JUnit's XML, as CI systems read test results: a test case for every door, one for every finding about no door. It keeps to
//! the schema of Ant's JUnit task, the strictest of the dialects: one suite with its host, its time and its two outputs.

use super::super::{Finding, Report, Severity, Verdict};
use super::{object_name, sentences};
use crate::locale::Lang;
use crate::text::{visible, xml};
use std::fmt::Write;

/// The report as JUnit XML. `when` is the time of the examination, as `2026-11-28T19:00:00`, without a zone.
pub fn junit(report: &Report, lang: Lang, when: &str) -> String {
    let alone: Vec<&Finding> =
        report.findings.iter().filter(|f| f.door.is_empty() && f.severity != Severity::Info).collect();
    let of_door = |door: &crate::doctor::Door| -> Vec<&Finding> {
        report.findings.iter().filter(|f| f.object == door.object && f.door == door.address).collect()
    };
    let shut = report.doors.iter().filter(|d| matches!(d.verdict, Verdict::Shut | Verdict::Partly)).count();
    let skipped = report.doors.iter().filter(|d| matches!(d.verdict, Verdict::Unknown | Verdict::Asleep)).count();
    let (tests, failures) = (report.doors.len() + alone.len(), shut + alone.len());
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\"");
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    // Where it ran and how long each took says nothing here, but every suite and case has to tell. Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "  <testsuite name=\"giljabi doctor\" package=\"giljabi\" id=\"0\" hostname=\"localhost\" timestamp=\"{when}\" time=\"0\" {counts}>"
    );
    out.push_str("    <properties/>\n");
    for door in &report.doors {
        let words: Vec<String> = of_door(door).iter().map(|f| sentences(f, lang).join("\n")).collect();
        let words = escaped(&words.join("\n\n"));
        let name = escaped(&format!("{} {}", door.object, door.address));
        let class = escaped(&door.object.kind);
        let _ = write!(out, "    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"");
        let _ = match door.verdict {
            Verdict::Open => writeln!(out, "/>"),
            Verdict::Shut | Verdict::Partly => {
                writeln!(out, "><failure type=\"{}\">{words}</failure></testcase>", door.verdict.name())
            }
            Verdict::Unknown | Verdict::Asleep => {
                writeln!(out, "><skipped message=\"{}\"/></testcase>", door.verdict.name())
            }
        };
    }
    for finding in alone {
        let name = escaped(&format!("{} {}", object_name(finding), finding.rule));
        let place = finding.place.as_ref().map(|(f, l, _)| format!("{f}:{l}\n")).unwrap_or_default();
        let words = escaped(&format!("{place}{}", sentences(finding, lang).join("\n")));
        let class = escaped(&finding.object.kind);
        let kind = finding.severity.name();
        let _ = writeln!(
            out,
            "    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"><failure type=\"{kind}\">{words}</failure></testcase>"
        );
    }
    out.push_str("    <system-out/>\n    <system-err/>\n  </testsuite>\n</testsuites>\n");
    out
}

/// Text for XML, with what hides in it made visible.
fn escaped(text: &str) -> String {
    xml(&visible(text))
}
