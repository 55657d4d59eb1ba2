//! The editor's pane: files in tabs, the text, what there is to say about it, and a status line.

use giljabi::diagnostic::{Diagnostic, Severity as How};
use giljabi::locale::Lang;
use giljabi::map::{Tone, of_hop};
use giljabi::text::{utf16_offset, visible};
use giljabi_editor::{
    Action, Editor, GutterLine, Highlight, HighlightPlace, KOREAN, Lint, Mark, Options, Severity, when_seen,
};
use leptos::html::Div;
use leptos::prelude::*;
use std::collections::BTreeMap;

use super::assist;
use super::draft::Drafts;
use super::problems::{Problems, fix_id, mend};
use crate::app::breath::breathe;
use crate::app::erased::{Show, effect};
use crate::app::focus::Target;
use crate::app::leave::Copy;
use crate::app::session::{Session, session};

/// While applying the text takes less than this (in milliseconds), it is applied at each key, before the next frame.
const QUICK: f64 = 25.0;
/// Otherwise only when no key has followed for so long.
const PATIENCE: u64 = 120;

#[component]
pub fn EditorPane() -> impl IntoView {
    let s = session();
    let place = NodeRef::<Div>::new();
    let editor = StoredValue::new_local(None::<Editor>);
    let ready = RwSignal::new(false);
    let failure = RwSignal::new(None::<String>);
    let drafts = expect_context::<Drafts>();
    effect(move || {
        let Some(place) = place.get() else { return };
        leptos::task::spawn_local(async move {
            when_seen(&place).await;
            open(s, drafts, place, editor, ready, failure).await;
        });
    });
    wire(s, drafts, editor, ready);
    view! {
        <section class="editor" aria-label=s.t("editor.label")>
            <Files/>
            // Who comes by the keyboard before the editor does waits here.
            <div class="code" node_ref=place tabindex=move || (!ready.get()).then_some("-1")>
                <Show when=move || failure.read().is_some()>
                    <p role="alert" class="editor-failure">{failure}</p>
                </Show>
            </div>
            <Problems/>
            <Status/>
        </section>
    }
    .into_any()
}

async fn open(
    s: Session,
    drafts: Drafts,
    place: web_sys::HtmlDivElement,
    editor: StoredValue<Option<Editor>, LocalStorage>,
    ready: RwSignal<bool>,
    failure: RwSignal<Option<String>>,
) {
    let name = s.file.get_untracked();
    let lang = s.lang.get_untracked();
    let label = giljabi::locale::text(lang, "editor.yaml", &[]);
    let text = drafts.text(s, &name);
    let pending = StoredValue::new(0_u32);
    let took = StoredValue::new(0.0_f64);
    let options = Options {
        name: &name,
        text: &text,
        label: &label,
        dark: false,
        phrases: phrases(lang),
        on_change: Box::new(move || {
            pending.update_value(|n| *n += 1);
            let mine = pending.get_value();
            let file = s.file.get_untracked();
            let text = move || editor.try_with_value(|e| e.as_ref().map(Editor::text)).flatten();
            if !drafts.at_once.get_untracked() {
                if let Some(text) = text() {
                    drafts.note(s, &file, text);
                }
                return;
            }
            // Another file may be shown by the time; what was typed into this one waits where it is found again.
            let quick = took.get_value() < QUICK;
            if let Some(text) = text().filter(|_| !quick) {
                drafts.note(s, &file, text);
            }
            let apply = move || {
                // Only the last of many keys applies the text.
                if pending.get_value() == mine {
                    let begun = now();
                    if !drafts.apply(s)
                        && let Some(text) = text()
                    {
                        s.edit(&file, &text);
                    }
                    took.set_value(now() - begun);
                }
            };
            if quick {
                // After the editor is done with the key, and still before the browser paints.
                leptos::task::spawn_local(async move { apply() });
            } else {
                set_timeout(apply, std::time::Duration::from_millis(PATIENCE));
            }
        }),
        on_cursor: Box::new(move |line, _| s.focus.stand(s.file.get_untracked(), line)),
        on_submit: Box::new(move || {
            set_timeout(
                move || {
                    if !drafts.apply(s) {
                        s.send();
                    }
                },
                std::time::Duration::ZERO,
            )
        }),
        on_action: Box::new(move |id| set_timeout(move || mend(s, &id), std::time::Duration::ZERO)),
        on_mark: Box::new(move |label, _| {
            let stage =
                label.parse::<usize>().ok().and_then(|n| s.stages.get_untracked().get(n.checked_sub(1)?).cloned());
            if let (Some(stage), Some(sent)) = (stage, s.sent.get_untracked()) {
                let hop = stage.telling(&sent.trace);
                s.player.seek(hop);
                s.focus.hold(Target::Hop(hop));
            }
        }),
        ..Options::default()
    };
    match Editor::open(&place, options, breathe).await {
        Ok(opened) => {
            opened
                .set_completion(move |text, position, _| assist::completions(&text, position, s.lang.get_untracked()));
            opened.set_hover(move |text, position| assist::card(&text, position, s.lang.get_untracked()));
            if document().active_element().is_some_and(|focused| focused == **place) {
                opened.focus();
            }
            editor.set_value(Some(opened));
            breathe().await;
            // It may have changed meanwhile.
            let now = s.lang.get_untracked();
            if now != lang {
                editor.with_value(|e| e.iter().for_each(|e| e.set_phrases(phrases(now))));
            }
            ready.set(true);
            assist::fetch_sentences().await;
        }
        Err(why) => failure.set(Some(why)),
    }
}

/// CodeMirror's words in a language: its own are English.
fn phrases(lang: Lang) -> &'static [(&'static str, &'static str)] {
    if lang == Lang::Ko { &KOREAN } else { &[] }
}

/// Milliseconds on the page's clock.
fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// Carries the session's signals into the editor.
fn wire(s: Session, drafts: Drafts, editor: StoredValue<Option<Editor>, LocalStorage>, ready: RwSignal<bool>) {
    let with = move |act: &dyn Fn(&Editor)| {
        editor.with_value(|e| {
            if let Some(e) = e {
                act(e);
            }
        })
    };
    Effect::new(move |before: Option<usize>| {
        let file = s.file.get();
        let came = s.texts.get();
        // Texts that came from elsewhere take the place of what waited.
        if before.is_some_and(|before| before != came) {
            drafts.drop_all(s);
        }
        if ready.get() {
            with(&|e| e.open_file(&file, &drafts.text(s, &file)));
        }
        came
    });
    Effect::new(move |before: Option<Lang>| {
        let lang = s.lang.get();
        // What has just been opened has the words of its language.
        if ready.get() && before.is_some_and(|before| before != lang) {
            with(&|e| e.set_phrases(phrases(lang)));
        }
        lang
    });
    // Nothing in the place of nothing is no news: most texts have no diagnostic, and most keys send no request. An editor that was
    // told nothing yet shows nothing.
    let news = move |told: StoredValue<Option<(String, bool)>>, file: &str, empty: bool| {
        let silent = empty && told.with_value(|told| told.as_ref().is_none_or(|(of, nothing)| of == file && *nothing));
        told.set_value(Some((file.to_string(), empty)));
        !silent
    };
    let [lints_told, marks_told, lights_told] = [(); 3].map(|()| StoredValue::new(None::<(String, bool)>));
    effect(move || {
        let (state, file, lang) = (s.painted.get(), s.file.get(), s.lang.get());
        // Places in the applied text are none in a text that waits.
        if ready.get() && !drafts.waits(s, &file) {
            let text = s.text_of(&file);
            let lint = |d: &Diagnostic| Lint {
                from: utf16_offset(&text, d.span.start as usize) as u32,
                to: utf16_offset(&text, d.span.end as usize) as u32,
                severity: match d.severity {
                    How::Error => Severity::Error,
                    How::Warning => Severity::Warning,
                    How::Hint => Severity::Info,
                },
                message: super::super::diagnostic_words(d, lang),
                actions: d
                    .fixes
                    .iter()
                    .enumerate()
                    .map(|(i, fix)| Action { name: fix.title.text(lang), id: fix_id(d, i) })
                    .collect(),
            };
            let lints: Vec<Lint> = state.diagnostics.iter().filter(|d| d.file == file).map(lint).collect();
            if news(lints_told, &file, lints.is_empty()) {
                with(&|e| e.set_lint(&lints));
            }
        }
    });
    effect(move || {
        let (file, sent) = (s.file.get(), s.sent.get());
        if !ready.get() {
            return;
        }
        let mut marks: BTreeMap<u32, Vec<Mark>> = BTreeMap::new();
        if let Some(sent) = sent.filter(|_| !s.is_stale()) {
            for (i, lines) in sent.lines.iter().enumerate() {
                for line in lines.iter().filter(|l| l.file == file) {
                    let kind = of_hop(&sent.trace.hops[i]).name().to_string();
                    let label = (giljabi::map::stage_of(&s.stages.read(), i) + 1).to_string();
                    let marks = marks.entry(line.line).or_default();
                    if marks.last().is_none_or(|last| last.label != label) {
                        marks.push(Mark { label, kind });
                    }
                }
            }
        }
        let lines: Vec<GutterLine> = marks
            .into_iter()
            .map(|(line, marks)| {
                // Two numbers fit: where it failed, and the way there before the way back.
                let bad = marks.iter().rposition(|mark| mark.kind == Tone::Bad.name()).filter(|bad| *bad > 1);
                let kept = bad.map_or([0, 1], |bad| [0, bad]);
                let marks = marks.into_iter().enumerate().filter(|(i, _)| kept.contains(i)).map(|(_, mark)| mark);
                GutterLine { line, marks: marks.collect() }
            })
            .collect();
        if news(marks_told, &file, lines.is_empty()) {
            with(&|e| e.set_gutter(&lines));
        }
    });
    effect(move || {
        let (file, lit, sent) = (s.file.get(), s.lit.get(), s.sent.get());
        if !ready.get() {
            return;
        }
        let mut lights: BTreeMap<u32, &str> = BTreeMap::new();
        if let Some(sent) = sent.filter(|_| !s.is_stale()) {
            for line in s.player.hop.get().and_then(|hop| sent.lines.get(hop)).into_iter().flatten() {
                if line.file == file {
                    lights.insert(line.line, "line-now");
                }
            }
            if s.player.ended.get() {
                for line in sent.to_mend.iter().filter(|l| l.file == file).take(1) {
                    lights.insert(line.line, "line-bad");
                }
            }
        }
        for (_, line) in lit.lines.iter().filter(|(f, _)| *f == file) {
            if s.focus.cursor.read().as_ref() != Some(&Target::Line(file.clone(), *line)) {
                lights.insert(*line, "line-lit");
            }
        }
        let place =
            |(line, class): (u32, &str)| Highlight { place: HighlightPlace::Line(line), class_name: class.to_string() };
        let lights: Vec<Highlight> = lights.into_iter().map(place).collect();
        if news(lights_told, &file, lights.is_empty()) {
            with(&|e| e.set_highlights(&lights));
        }
    });
    effect(move || {
        if let (Some(Target::Line(file, line)), true) = (s.focus.held.get(), ready.get())
            && file == s.file.get()
        {
            with(&|e| e.reveal_line(line, false));
        }
    });
}

#[component]
fn Files() -> impl IntoView {
    let s = session();
    let drafts = expect_context::<Drafts>();
    let renaming = RwSignal::new(false);
    view! {
        <div class="files-bar">
            <div class="files" role="tablist" aria-label=s.t("editor.files")>
            {move || {
                s.files
                    .get()
                    .into_iter()
                    .map(|name| {
                        let (own, show, bad, late) = (name.clone(), name.clone(), name.clone(), name.clone());
                        let selected = move || s.file.get() == own;
                        let broken = move || s.painted.read().diagnostics.iter().any(|d| d.file == bad && d.is_error());
                        view! {
                            <button
                                type="button"
                                role="tab"
                                class="file"
                                class:broken=broken
                                class:waiting=move || !drafts.at_once.get() && drafts.waits(s, &late)
                                aria-selected=move || selected().to_string()
                                on:click=move |_| s.show_file(&show)
                                on:dblclick=move |_| renaming.set(true)
                            >
                                {visible(&name).into_owned()}
                            </button>
                        }
                    })
                    .collect_view()
            }}
            </div>
            <Show when=move || renaming.get()>
                <input
                    class="field rename"
                    type="text"
                    aria-label=s.t("editor.rename")
                    prop:value=s.file.get_untracked()
                    on:change=move |event| {
                        drafts.apply(s);
                        s.rename_file(&s.file.get_untracked(), &event_target_value(&event));
                        renaming.set(false);
                    }
                    on:keydown=move |event| if event.key() == "Escape" { renaming.set(false) }
                />
            </Show>
            <span class="file-tools">
                <Copy text=move || drafts.text(s, &s.file.get_untracked())/>
                <button type="button" class="tool" aria-label=s.t("editor.add") title=s.t("editor.add") on:click=move |_| s.add_file()>"+"</button>
                <button type="button" class="tool" aria-label=s.t("editor.rename") title=s.t("editor.rename") on:click=move |_| renaming.update(|r| *r = !*r)>"✎"</button>
                <button type="button" class="tool" aria-label=s.t("editor.remove") title=s.t("editor.remove") on:click=move |_| s.remove_file(&s.file.get_untracked())>"✕"</button>
                <button type="button" class="tool" aria-label=s.t("editor.undo") title=s.t("editor.undo") on:click=move |_| s.undo(false)>"↶"</button>
                <button type="button" class="tool" aria-label=s.t("editor.redo") title=s.t("editor.redo") on:click=move |_| s.undo(true)>"↷"</button>
            </span>
        </div>
    }
    .into_any()
}

#[component]
fn Status() -> impl IntoView {
    let s = session();
    let applied = move || if s.painted.read().good { s.tx("status.applied", &[]) } else { s.tx("status.broken", &[]) };
    let objects = move || s.tx("status.objects", &[("n", &s.painted.read().store.len().to_string())]);
    let warnings = move || {
        let n = s.painted.read().diagnostics.len();
        (n > 0).then(|| s.tx("status.problems", &[("n", &n.to_string())]))
    };
    let drafts = expect_context::<Drafts>();
    let waits = move || !drafts.at_once.get() && drafts.any(s);
    let took = move || s.tx("status.took", &[("ms", &format!("{:.1}", s.painted.read().took))]);
    view! {
        <div class="status">
            <span role="status" class:good=move || s.painted.read().good class:bad=move || !s.painted.read().good>
                <span aria-hidden="true">{move || if s.painted.read().good { "● " } else { "▲ " }}</span>
                {applied}
            </span>
            <Show when=waits>
                <button type="button" class="btn btn-primary apply" on:click=move |_| {
                    drafts.apply(s);
                }>
                    {s.t("status.apply")}
                    " "
                    <kbd aria-hidden="true">"Ctrl ⏎"</kbd>
                </button>
            </Show>
            <span>{objects}</span>
            <span>{warnings}</span>
            <Show when=move || !s.kept.get()>
                <span class="bad">{s.t("status.not_kept")}</span>
            </Show>
            <span class="push"></span>
            <Show when=move || { s.painted.read().took > 0.0 }>
                <span title=s.t("status.took_title")>{took}</span>
            </Show>
            <label class="at-once" title=s.t("status.at_once_title")>
                <input
                    type="checkbox"
                    prop:checked=move || drafts.at_once.get()
                    on:change=move |event| {
                        let at_once = event_target_checked(&event);
                        drafts.at_once.set(at_once);
                        if at_once {
                            drafts.apply(s);
                        }
                    }
                />
                {s.t("status.at_once")}
            </label>
        </div>
    }
    .into_any()
}
