//! The diagnostics of the shown file, as a list under its text.

use giljabi::diagnostic::{Diagnostic, Severity};
use giljabi::locale::Message;
use giljabi::text::visible;
use leptos::prelude::*;

use crate::app::erased::Show;
use crate::app::focus::Target;
use crate::app::session::{Session, session};

/// What names a fix: where its diagnostic stands, and which of its fixes it is.
pub fn fix_id(diagnostic: &Diagnostic, fix: usize) -> String {
    format!("{} {} {fix}", diagnostic.span.start, diagnostic.span.end)
}

/// Carries out a fix in the shown file.
pub fn mend(s: Session, id: &str) {
    let (state, file) = (s.state.get_untracked(), s.file.get_untracked());
    let found = state
        .diagnostics
        .iter()
        .filter(|d| d.file == file)
        .flat_map(|d| d.fixes.iter().enumerate().map(move |(i, fix)| (fix_id(d, i), fix)))
        .find(|(own, _)| own == id);
    let Some((_, fix)) = found else { return };
    let mut text = s.text_of(&file);
    for (span, with) in fix.edits.iter().rev() {
        let range = span.start as usize..span.end as usize;
        if text.get(range.clone()).is_some() {
            text.replace_range(range, with);
        }
    }
    s.edit(&file, &text);
    s.texts.update(|n| *n += 1);
}

/// What is shown of a diagnostic.
#[derive(Clone, PartialEq)]
struct Problem {
    file: String,
    line: u32,
    severity: Severity,
    verbatim: String,
    explanation: Option<Message>,
    /// The fixes: what names each, and its title.
    mends: Vec<(String, Message)>,
}

/// The diagnostics of the shown file as a list: where, the API server's words, ours.
#[component]
pub fn Problems() -> impl IntoView {
    let s = session();
    // A key moves whatever stands below it by a byte and leaves what is shown of it as it was.
    let list = Memo::new(move |_| {
        let (state, file) = (s.painted.get(), s.file.get());
        let row = |d: &Diagnostic| Problem {
            line: s.line_at(&d.file, d.span.start),
            file: d.file.clone(),
            severity: d.severity,
            verbatim: d.verbatim.clone(),
            explanation: d.explanation.clone(),
            mends: d.fixes.iter().enumerate().map(|(i, fix)| (fix_id(d, i), fix.title.clone())).collect(),
        };
        state.diagnostics.iter().filter(|d| d.file == file).take(20).map(row).collect::<Vec<_>>()
    });
    let row = move |problem: Problem| {
        let Problem { file, line, severity, verbatim, explanation, mends } = problem;
        let class = match severity {
            Severity::Error => "problem problem-error",
            Severity::Warning => "problem problem-warning",
            Severity::Hint => "problem problem-hint",
        };
        view! {
            <li class=class>
                <button type="button" class="line-link" on:click=move |_| s.focus.held.set(Some(Target::Line(file.clone(), line)))>
                    {move || s.tx("editor.line", &[("line", &line.to_string())])}
                </button>
                {(!verbatim.is_empty()).then(|| view! { <code>{visible(&verbatim).into_owned()}</code> })}
                {explanation.map(|m| view! { <span>{move || m.text(s.lang.get())}</span> })}
                {mends
                    .into_iter()
                    .map(|(id, title)| {
                        view! {
                            <button type="button" class="mend" on:click=move |_| mend(s, &id)>
                                {move || title.text(s.lang.get())}
                            </button>
                        }
                    })
                    .collect_view()}
            </li>
        }
    };
    view! {
        <Show when=move || !list.read().is_empty()>
            <ul class="problems" aria-label=s.t("editor.problems")>
                {move || list.get().into_iter().map(row).collect_view()}
            </ul>
        </Show>
    }
    .into_any()
}
