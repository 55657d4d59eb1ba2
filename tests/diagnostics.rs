//! What the editor says about a text, at which line, in which words, and what mends it: manifests that carry it themselves.
//!
//! Behind the line that is wrong stand lines such as these; `tests/diagnostics/*.yaml` is checked against them. Every error and
//! every warning must be expected; hints that are not expected may stand.
//!
//! ```yaml
//! #^ error WORDS     an error on the line before, whose words of the real tool hold these
//! #^ warning WORDS   a warning: words of the real tool, or the id of our explanation
//! #^ hint ID         a hint with this explanation
//! #^ fix TEXT        the diagnostic before it brings a mend that writes this text; applied, the diagnostic is gone
//! ```

use giljabi::cluster::Settings;
use giljabi::diagnostic::{Diagnostic, Severity};
use giljabi::locale::Lang;
use giljabi::text::LineIndex;
use giljabi::workspace::Workspace;
use std::path::PathBuf;

#[derive(Debug)]
struct Expected {
    severity: Severity,
    /// The line, from zero.
    line: usize,
    words: String,
    fix: Option<String>,
}

fn expectations(text: &str) -> Vec<Expected> {
    let (mut found, mut last): (Vec<Expected>, _) = (Vec::new(), 0);
    for (number, line) in text.lines().enumerate() {
        let Some(note) = line.trim_start().strip_prefix("#^ ") else {
            last = number;
            continue;
        };
        let (kind, words) = note.split_once(' ').unwrap_or((note, ""));
        let severity = match kind {
            "error" => Severity::Error,
            "warning" => Severity::Warning,
            "hint" => Severity::Hint,
            "fix" => {
                found.last_mut().expect("a diagnostic before its fix").fix = Some(words.to_string());
                continue;
            }
            other => panic!("no expectation is called {other}"),
        };
        found.push(Expected { severity, line: last, words: words.to_string(), fix: None });
    }
    found
}

fn check(text: &str) -> Vec<Diagnostic> {
    let mut workspace = Workspace::new(Settings::default());
    workspace.set_file("manifest.yaml", text);
    workspace.diagnostics().to_vec()
}

fn fits(expected: &Expected, diagnostic: &Diagnostic, lines: &LineIndex) -> bool {
    let id = diagnostic.explanation.as_ref().is_some_and(|m| m.id == expected.words);
    let words = !diagnostic.verbatim.is_empty() && diagnostic.verbatim.contains(&expected.words);
    diagnostic.severity == expected.severity
        && lines.line_of(diagnostic.span.start as usize) == expected.line
        && (id || words)
}

#[test]
fn every_diagnostic_stands_where_the_manifest_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/diagnostics");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|e| e.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() >= 20, "the mistakes of the notes");
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
        let text = std::fs::read_to_string(&file).expect("text");
        let (lines, found, expected) = (LineIndex::new(&text), check(&text), expectations(&text));
        assert!(!expected.is_empty(), "{name} expects nothing");
        for e in &expected {
            let Some(diagnostic) = found.iter().find(|d| fits(e, d, &lines)) else {
                wrong.push(format!("{name}: missing {e:?}"));
                continue;
            };
            for lang in Lang::ALL {
                let said = diagnostic.explanation.as_ref().map(|m| m.text(lang)).unwrap_or_default();
                if said.is_empty() || said.contains('{') {
                    wrong.push(format!("{name}: no explanation ({lang:?}) for {:?}: {said}", diagnostic.verbatim));
                }
            }
            if let Some(fix) = &e.fix {
                let Some(mend) = diagnostic.fixes.iter().find(|f| f.edits.iter().any(|(_, t)| t == fix)) else {
                    wrong.push(format!("{name}: no mend writes {fix:?} but {:?}", diagnostic.fixes));
                    continue;
                };
                let mut mended = text.clone();
                for (span, new) in mend.edits.iter().rev() {
                    mended.replace_range(span.start as usize..span.end as usize, new);
                }
                // Made in a text that was right before, so that what is sent is a patch, the mistake is told the same way.
                let mut workspace = Workspace::new(Settings::default());
                workspace.set_file("manifest.yaml", &mended);
                workspace.set_file("manifest.yaml", &text);
                if !workspace.diagnostics().iter().any(|d| fits(e, d, &lines) && !d.fixes.is_empty()) {
                    let told: Vec<_> = workspace.diagnostics().iter().map(|d| (d.span, &d.verbatim)).collect();
                    wrong.push(format!("{name}: {:?} is told otherwise of an edited text: {told:?}", e.words));
                }
                let after = check(&mended);
                if after.iter().any(|d| fits(e, d, &LineIndex::new(&mended))) {
                    wrong.push(format!("{name}: {:?} is still said after the mend", e.words));
                }
            }
        }
        for d in found.iter().filter(|d| d.severity != Severity::Hint) {
            if !expected.iter().any(|e| fits(e, d, &lines)) {
                let line = lines.line_of(d.span.start as usize) + 1;
                let id = d.explanation.as_ref().map(|m| m.id);
                wrong.push(format!("{name}:{line}: not expected: {:?} {:?} {id:?}", d.severity, d.verbatim));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
