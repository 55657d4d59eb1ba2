//! What the person is told when the browser does not keep what is written, and what can be done about it.

use gloo_events::EventListener;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::keep::{self, Trouble};
use super::session::{kept_names, session};
use crate::app::erased::Show;

/// The notice. It listens to the store, too: another tab may write the same files.
#[component]
pub fn Keeping() -> impl IntoView {
    let s = session();
    let trouble = RwSignal::new(keep::trouble());
    let put_away = RwSignal::new(false);
    let told = move || {
        trouble.set(keep::trouble());
        put_away.set(false);
    };
    EventListener::new(&window(), keep::CHANGED, move |_| told()).forget();
    EventListener::new(&window(), "storage", move |event| {
        let key = event.dyn_ref::<web_sys::StorageEvent>().and_then(web_sys::StorageEvent::key);
        let [files, _] = kept_names(&s.desk_of());
        if key.is_some_and(|key| key == format!("{}{files}", keep::PREFIX)) {
            keep::note_other_tab(&files, &s.kept_text());
        }
    })
    .forget();
    let words = move || {
        let id = match trouble.get()? {
            Trouble::Denied => "keep.denied",
            Trouble::Full => "keep.full",
            Trouble::OtherTab => "keep.other_tab",
            Trouble::Newer => "keep.newer",
        };
        Some(s.tx(id, &[]))
    };
    let other = move || trouble.get() == Some(Trouble::OtherTab);
    view! {
        <div role="status">
            <Show when=move || trouble.get().is_some() && !put_away.get()>
                <aside class="update">
                    <p>{words}</p>
                    <Show when=other>
                        <button
                            type="button"
                            class="btn btn-primary"
                            on:click=move |_| {
                                keep::insist();
                                s.keep_now();
                            }
                        >
                            {s.t("keep.mine")}
                        </button>
                        <button
                            type="button"
                            class="btn"
                            on:click=move |_| {
                                // A page that cannot be loaded again stays as it is.
                                let _ = window().location().reload();
                            }
                        >
                            {s.t("keep.theirs")}
                        </button>
                    </Show>
                    <button type="button" class="btn" on:click=move |_| put_away.set(true)>{s.t("keep.ok")}</button>
                </aside>
            </Show>
        </div>
    }
}
