//! Forgetting one lesson: its progress, its best result and its files. It is asked twice, for nothing brings them back.

use leptos::prelude::*;

use super::lessons;
use crate::app::erased::Show;
use crate::app::session::session;

/// The button, and the question behind it. `title` names the lesson to who does not see it beside the button; with `words` the
/// button says what it does, where there is room.
#[component]
pub fn Forget(
    #[prop(into)] id: String,
    #[prop(into)] title: Signal<String>,
    #[prop(optional)] words: bool,
) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let asked = RwSignal::new(false);
    let own = id.clone();
    let there = Memo::new(move |_| l.book.read().get(&own).is_some());
    let label = move || s.tx("lessons.forget_one", &[("lesson", &title.get())]);
    let sign = move || if words { s.tx("lessons.forget", &[]) } else { "↺".to_string() };
    // Words say it themselves.
    let spoken = move || (!words).then(label);
    let class = if words { "btn forget" } else { "tool forget" };
    let yes = move |_| {
        l.forget(Some(&id));
        asked.set(false);
    };
    let yes = StoredValue::new(yes);
    view! {
        <Show when=move || there.get()>
            <Show
                when=move || asked.get()
                fallback=move || view! {
                    <button type="button" class=class title=label aria-label=spoken on:click=move |_| asked.set(true)>{sign}</button>
                }
            >
                <span class="forget-ask" role="alert">
                    {s.t("lessons.forget_sure")}
                    " "
                    <button type="button" class="btn bad forget-yes" on:click=move |event| yes.with_value(|yes| yes(event))>{s.t("lessons.forget_yes")}</button>
                    " "
                    <button type="button" class="btn" on:click=move |_| asked.set(false)>{s.t("lessons.reset_no")}</button>
                </span>
            </Show>
        </Show>
    }
}
