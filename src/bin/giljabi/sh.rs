//! `giljabi sh`: lines from standard input, typed into the terminal beside a cluster of the files; the transcript comes out.
//! What the API server refuses of the files and what nothing here acts on is told on standard error.

use crate::arguments::{Arguments, Usage};
use crate::check::Lines;
use crate::files;
use giljabi::diagnostic::Diagnostic;
use giljabi::locale::Lang;
use giljabi::shell::script;
use giljabi::workspace::Workspace;
use std::io::Read;

pub fn run(arguments: &Arguments, lang: Lang) -> Result<bool, Usage> {
    let settings = arguments.settings();
    let mut workspace = Workspace::new(settings);
    let files = if arguments.files.is_empty() { Vec::new() } else { files::read(&arguments.files)? };
    let tabs: Vec<(String, String)> = files.iter().map(|f| (f.name.to_string(), f.text.clone())).collect();
    workspace.set_files(files);
    let lines = Lines::new(&workspace);
    let idle = |d: &Diagnostic| d.explanation.as_ref().is_some_and(|m| m.id == "lint-not-simulated");
    for told in workspace.diagnostics().iter().filter(|d| d.is_error() || idle(d)) {
        eprint!("{}", lines.tell(told, lang));
    }
    let mut script = String::new();
    std::io::stdin().read_to_string(&mut script).map_err(|e| Usage(format!("standard input: {e}")))?;
    let ended = script::run(workspace.cluster_mut(), &tabs, &script);
    print!("{}", ended.transcript);
    Ok(ended.status == 0)
}
