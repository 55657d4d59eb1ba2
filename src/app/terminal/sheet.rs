//! The editor that `kubectl edit` opens: a sheet over the learner's files, with the object's YAML in it.

use giljabi::locale::Lang;
use giljabi_editor::{Editor, KOREAN, Options};
use leptos::html::Div;
use leptos::prelude::*;

use super::engine::{Draft, Shells};
use super::{focus_line, shells};
use crate::app::breath::breathe;
use crate::app::editor::assist;
use crate::app::erased::{Show, effect};
use crate::app::session::{Pane, Session, session};

/// The sheet, while something is edited.
#[component]
pub fn EditSheet() -> impl IntoView {
    let s = session();
    let t = shells();
    // On a narrow screen the editor's pane comes forward by itself.
    effect(move || {
        if t.draft.get().is_some() {
            s.pane.set(Pane::Editor);
        }
    });
    view! { {move || t.draft.get().map(|draft| view! { <Sheet draft/> })} }
}

#[component]
fn Sheet(draft: Draft) -> impl IntoView {
    let s = session();
    let t = shells();
    let place = NodeRef::<Div>::new();
    let editor = StoredValue::new_local(None::<Editor>);
    let failure = RwSignal::new(None::<String>);
    let text = StoredValue::new(draft.text);
    effect(move || {
        let Some(place) = place.get() else { return };
        leptos::task::spawn_local(async move {
            match open(s, t, &place, &text.get_value(), editor).await {
                Ok(opened) => {
                    opened.focus();
                    editor.set_value(Some(opened));
                }
                Err(why) => failure.set(Some(why)),
            }
        });
    });
    let shell = draft.shell;
    let close = move |saved: Option<String>| {
        t.edited(saved);
        s.pane.set(Pane::Journey);
        focus_line(shell);
    };
    let title = draft.title;
    let heading = move || s.tx("term.edit", &[("name", &title)]);
    view! {
        <section
            class="sheet"
            aria-label=heading.clone()
            on:keydown=move |event| {
                if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("s") {
                    event.prevent_default();
                    close(text_of(editor));
                }
            }
        >
            <header class="sheet-head">
                <h2>{heading.clone()}</h2>
                <button type="button" class="btn btn-primary" on:click=move |_| close(text_of(editor))>
                    {s.t("term.save")}
                    " "
                    <kbd aria-hidden="true">"Ctrl S"</kbd>
                </button>
                <button type="button" class="btn" on:click=move |_| close(None)>{s.t("term.cancel")}</button>
            </header>
            <div class="code" node_ref=place>
                <Show when=move || failure.read().is_some()>
                    <p role="alert" class="editor-failure">{failure}</p>
                </Show>
            </div>
        </section>
    }
}

/// What the editor holds; `None` when it never came.
fn text_of(editor: StoredValue<Option<Editor>, LocalStorage>) -> Option<String> {
    editor.with_value(|e| e.as_ref().map(Editor::text))
}

async fn open(
    s: Session,
    t: Shells,
    place: &web_sys::Element,
    text: &str,
    editor: StoredValue<Option<Editor>, LocalStorage>,
) -> Result<Editor, String> {
    let lang = s.lang.get_untracked();
    let label = giljabi::locale::text(lang, "editor.yaml", &[]);
    let options = Options {
        name: "edit.yaml",
        text,
        label: &label,
        phrases: if lang == Lang::Ko { &KOREAN } else { &[] },
        on_submit: Box::new(move || {
            set_timeout(
                move || t.edited(editor.try_with_value(|e| e.as_ref().map(Editor::text)).flatten()),
                std::time::Duration::ZERO,
            )
        }),
        ..Options::default()
    };
    let opened = Editor::open(place, options, breathe).await?;
    opened.set_completion(move |text, position, _| assist::completions(&text, position, s.lang.get_untracked()));
    opened.set_hover(move |text, position| assist::card(&text, position, s.lang.get_untracked()));
    Ok(opened)
}
