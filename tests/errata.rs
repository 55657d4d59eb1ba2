//! Mistakes that learners' notes make, each in a file of `tests/golden/errata`: the manifest as the note has it, then what
//! `kubectl apply` prints and what the editor marks.
//!
//! `UPDATE=1 cargo test --test errata` writes the answers anew; the difference is then to be read.

use giljabi::cluster::{Cluster, Settings};
use giljabi::diagnostic::{Diagnostic, Severity};
use giljabi::kubectl::{apply, manifest, run};
use giljabi::text::LineIndex;
use giljabi::workspace::{File, Workspace};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const KUBECTL: &str = "#= kubectl apply -f manifest.yaml\n";
const EDITOR: &str = "#= editor\n";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/errata");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    paths
}

/// What is printed, every line as a comment.
fn quoted(text: &str) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        out.push_str(format!("#| {line}").trim_end());
        out.push('\n');
        out
    })
}

fn kubectl(text: &str) -> String {
    let mut cluster = Cluster::new(Settings::default());
    let files = [manifest::File { name: "manifest.yaml".into(), text: text.to_string() }];
    let mut running = run::Run::new(&mut cluster, run::Options::default());
    apply::apply(&mut running, &files);
    let output = running.finish();
    quoted(&(output.stdout + &output.stderr))
}

fn editor(text: &str) -> String {
    let mut workspace = Workspace::new(Settings::default());
    workspace.set_files(vec![File { name: "manifest.yaml".into(), text: text.to_string() }]);
    let index = LineIndex::new(text);
    let mut out = String::new();
    for Diagnostic { severity, span, verbatim, explanation, fixes, .. } in workspace.diagnostics() {
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "hint",
        };
        let marked = span.of(text).lines().next().unwrap_or("");
        let words = verbatim.lines().next().unwrap_or("");
        let _ = write!(out, "line {}, {marked:?}: {severity}", index.line_of(span.start as usize) + 1);
        if !words.is_empty() {
            let _ = write!(out, ": {words}");
        }
        if let Some(message) = explanation {
            let _ = write!(out, " [{}]", message.id);
        }
        if let Some((_, mended)) = fixes.first().and_then(|fix| fix.edits.first()) {
            let _ = write!(out, " → {mended:?}");
        }
        out.push('\n');
    }
    quoted(&out)
}

#[test]
fn every_mistake_is_answered_as_a_real_cluster_answers_it() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut differences = Vec::new();
    for path in cases() {
        let golden = std::fs::read_to_string(&path).expect("a readable case");
        let text = golden.split(KUBECTL).next().unwrap_or("");
        let actual = format!("{text}{KUBECTL}{}{EDITOR}{}", kubectl(text), editor(text));
        if update {
            std::fs::write(&path, &actual).expect("a writable case");
        } else if golden != actual {
            differences.push(format!("{}\nexpected:\n{golden}\nactual:\n{actual}", path.display()));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn no_mistake_goes_unsaid() {
    for path in cases() {
        let golden = std::fs::read_to_string(&path).expect("a readable case");
        let text = golden.split(KUBECTL).next().unwrap_or("");
        assert_ne!(editor(text), "", "{}: nothing is marked", path.display());
    }
}
