//! `giljabi check`: what the API server says of manifests, at file, line and column.

use crate::arguments::{Arguments, Usage};
use crate::files;
use giljabi::cluster::Settings;
use giljabi::diagnostic::{Diagnostic, Severity};
use giljabi::locale::Lang;
use giljabi::text::LineIndex;
use giljabi::workspace::Workspace;

/// True when nothing is refused.
pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let files = files::read(&arguments.files)?;
    let mut workspace = Workspace::new(Settings { seed: arguments.seed, ..Settings::default() });
    workspace.set_files(files);
    for diagnostic in workspace.diagnostics() {
        print!("{}", line(&workspace, diagnostic, lang));
    }
    let refused = workspace.diagnostics().iter().filter(|d| d.is_error()).count();
    let warned = workspace.diagnostics().iter().filter(|d| d.severity == Severity::Warning).count();
    let objects = workspace.files().map(|f| workspace.manifests(&f.name).len()).sum::<usize>();
    println!("{objects} objects, {refused} errors, {warned} warnings");
    Ok(refused == 0)
}

/// `file:line:column: error: Service/kimho: words`, the explanation indented below.
pub fn line(workspace: &Workspace, diagnostic: &Diagnostic, lang: Lang) -> String {
    let text = workspace.file(&diagnostic.file).map_or("", |f| f.text.as_str());
    let place = LineIndex::new(text).line_column(diagnostic.span.start as usize, text);
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    };
    let mut out = format!("{}:{}:{}: {severity}: ", diagnostic.file, place.line, place.column);
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
