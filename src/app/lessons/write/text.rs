//! The text of a draft's file, in the same editor as everywhere: coloured, with undo a file, what is wrong underlined where it
//! stands, and completion of manifests.

use giljabi::lesson::read::{FILE, Problem};
use giljabi::locale::Lang;
use giljabi::text::{byte_offset, utf16_offset};
use giljabi_editor::{Completion, Completions, Editor, KOREAN, Lint, Options, Severity};
use leptos::html::Div;
use leptos::prelude::*;

use super::{Table, Wish};
use crate::app::breath::breathe;
use crate::app::editor::assist;
use crate::app::erased::{Show, effect};
use crate::app::session::session;

/// The editor. `go` is a line that it is asked to show.
#[component]
pub fn Text(table: Table, go: Wish) -> impl IntoView {
    let s = session();
    let place = NodeRef::<Div>::new();
    let editor = StoredValue::new_local(None::<Editor>);
    let ready = RwSignal::new(false);
    let failure = RwSignal::new(None::<String>);
    effect(move || {
        let Some(place) = place.get() else { return };
        leptos::task::spawn_local(async move {
            let (name, lang) = (table.file.get_untracked(), s.lang.get_untracked());
            let (text, label) = (untrack(|| table.text()), giljabi::locale::text(lang, "lessons.draft_text", &[]));
            let options = Options {
                name: &name,
                text: &text,
                label: &label,
                phrases: if lang == Lang::Ko { &KOREAN } else { &[] },
                on_change: Box::new(move || {
                    // The editor may be read in its own update; the draft is written after it.
                    leptos::task::spawn_local(async move {
                        if let Some(text) = editor.try_with_value(|e| e.as_ref().map(Editor::text)).flatten() {
                            table.set_text(text);
                        }
                    });
                }),
                ..Options::default()
            };
            match Editor::open(&place, options, breathe).await {
                Ok(opened) => {
                    opened.set_completion(move |text, position, _| {
                        let file = table.file.get_untracked();
                        let lang = s.lang.get_untracked();
                        match file.as_str() {
                            FILE => completions(table, &text, position),
                            file if file.contains('/') => assist::completions(&text, position, lang),
                            _ => None,
                        }
                    });
                    // The page may have been left while the bundle was on its way.
                    if editor.try_set_value(Some(opened)).is_none() {
                        ready.set(true);
                    }
                }
                Err(why) => failure.set(Some(why)),
            }
        });
    });
    let with = move |act: &dyn Fn(&Editor)| {
        // Left with the page, the editor is gone.
        editor.try_with_value(|e| e.as_ref().map(act)).flatten().unwrap_or_default()
    };
    effect(move || {
        let file = table.file.get();
        if ready.get() {
            with(&|e| e.open_file(&file, &untrack(|| table.text())));
        }
    });
    // A tool or another draft changed the text under the editor.
    effect(move || {
        let text = table.text();
        if ready.get() {
            with(&|e| {
                if e.text() != text {
                    e.set_text(&text);
                }
            });
        }
    });
    effect(move || {
        let file = table.file.get();
        let lang = s.lang.get();
        let problems = table.read.read().as_ref().err().cloned().unwrap_or_default();
        if ready.get() {
            let text = untrack(|| table.text());
            let own = problems.iter().filter(|p| file == p.file.as_str() && p.line > 0);
            let lint: Vec<Lint> = own.map(|p| underline(&text, p, lang)).collect();
            with(&|e| e.set_lint(&lint));
        }
    });
    effect(move || {
        if let (Some((_, line, _)), true) = (go.get(), ready.get()) {
            // After the file that the line stands in has been opened.
            request_animation_frame(move || {
                with(&|e| {
                    e.reveal_line(line, true);
                    e.focus();
                });
            });
        }
    });
    view! {
        <div class="code draft-text" node_ref=place>
            <Show when=move || failure.read().is_some()>
                <p role="alert" class="editor-failure">{failure}</p>
            </Show>
        </div>
    }
}

/// What could be written into `lesson.yaml` at a position (in UTF-16 units).
fn completions(table: Table, text: &str, position: u32) -> Option<Completions> {
    // What is being written can seldom be read; what the lesson has is known from before.
    let lesson = table.last.get_value();
    let course = table.l.course.get_untracked().unwrap_or_default();
    let lang = table.l.s.lang.get_untracked();
    let found = giljabi::lesson::assist::complete(text, byte_offset(text, position as usize), &lesson, &course, lang);
    let options: Vec<Completion> = found
        .items
        .into_iter()
        .map(|item| Completion {
            apply: (item.insert != item.label).then_some(item.insert),
            label: item.label,
            detail: String::new(),
            info: item.about,
        })
        .collect();
    let from = utf16_offset(text, found.replaces.start) as u32;
    (!options.is_empty()).then_some(Completions { from, options })
}

/// A problem as an underline below its whole line.
fn underline(text: &str, problem: &Problem, lang: Lang) -> Lint {
    let line = problem.line.saturating_sub(1) as usize;
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let words = text.lines().nth(line).unwrap_or_default();
    let indent = words.len() - words.trim_start().len();
    let at = |bytes: usize| utf16_offset(text, bytes.min(text.len()));
    Lint {
        from: at(start + indent) as u32,
        to: at(start + words.len()) as u32,
        severity: Severity::Error,
        message: problem.message.text(lang),
        actions: Vec::new(),
    }
}
