//! `giljabi check`: what the API server says of manifests, at file, line and column.

use crate::arguments::{Arguments, Usage};
use crate::files;
use giljabi::cluster::Settings;
use giljabi::diagnostic::{Diagnostic, Severity};
use giljabi::locale::Lang;
use giljabi::text::{LineIndex, Span};
use giljabi::workspace::{File, Workspace};
use std::collections::BTreeMap;

/// True when nothing is refused.
pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let files = files::read(&arguments.files)?;
    let mut workspace = Workspace::new(Settings { seed: arguments.seed, ..Settings::default() });
    workspace.set_files(files);
    let lines = Lines::new(&workspace);
    for diagnostic in workspace.diagnostics() {
        print!("{}", lines.tell(diagnostic, lang));
    }
    let refused = workspace.diagnostics().iter().filter(|d| d.is_error()).count();
    let warned = workspace.diagnostics().iter().filter(|d| d.severity == Severity::Warning).count();
    let objects = workspace.files().map(|f| workspace.manifests(&f.name).len()).sum::<usize>();
    let told = [(objects, "object"), (refused, "error"), (warned, "warning")].map(counted);
    println!("{}", told.join(", "));
    Ok(refused == 0)
}

/// A number with its noun: `1 error`, `2 errors`.
fn counted((count, noun): (usize, &str)) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The lines of every file, counted once.
pub struct Lines<'w> {
    files: BTreeMap<&'w str, (&'w str, LineIndex)>,
}

impl<'w> Lines<'w> {
    pub fn new(workspace: &'w Workspace) -> Lines<'w> {
        let index = |f: &'w File| (f.name.as_str(), (f.text.as_str(), LineIndex::new(&f.text)));
        Lines { files: workspace.files().map(index).collect() }
    }

    /// `file:line:column` of a place in a file.
    pub fn place(&self, file: &str, span: Span) -> String {
        let at = self.files.get(file).map(|(text, lines)| lines.line_column(span.start as usize, text));
        let at = at.unwrap_or_default();
        format!("{file}:{}:{}", at.line, at.column)
    }

    /// `file:line:column: error: Service/kimho: words`, the explanation indented below.
    pub fn tell(&self, diagnostic: &Diagnostic, lang: Lang) -> String {
        let place = self.place(&diagnostic.file, diagnostic.span);
        line(&place, diagnostic, lang)
    }
}

fn line(place: &str, diagnostic: &Diagnostic, lang: Lang) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    };
    let mut out = format!("{place}: {severity}: ");
    if !diagnostic.object.is_empty() {
        out.push_str(&format!("{}: ", diagnostic.object));
    }
    let explanation = diagnostic.explanation.as_ref().map(|m| m.text(lang));
    match explanation {
        Some(words) if diagnostic.verbatim.is_empty() => {
            if !diagnostic.field.is_empty() {
                out.push_str(&format!("{}: ", diagnostic.field));
            }
            out.push_str(&format!("{words}\n"));
        }
        Some(words) => out.push_str(&format!("{}\n    {words}\n", diagnostic.verbatim)),
        None => out.push_str(&format!("{}\n", diagnostic.verbatim)),
    }
    out
}
