//! What stands above the editor while a cluster that was examined is on the desk.

use leptos::prelude::*;

use super::Surgery;
use super::report::summary;
use crate::app::erased::Show;
use crate::app::session::session;

/// What the examination said, the report, and the way back.
#[component]
pub fn ExaminedPanel() -> impl IntoView {
    let s = session();
    let surgery = expect_context::<Surgery>();
    let said = move || surgery.examined.read().as_ref().map(|examined| summary(s, &examined.report));
    view! {
        <section class="task" aria-labelledby="task-title">
            <h2 id="task-title">{s.t("doctor.panel")}</h2>
            <p>{said}</p>
            <div class="tries">
                <Show when=move || surgery.examined.read().is_some()>
                    <button type="button" class="btn" on:click=move |_| surgery.open.set(true)>{s.t("doctor.report")}</button>
                </Show>
                <span class="push"></span>
                <button type="button" class="btn" on:click=move |_| s.play_freely()>{s.t("doctor.back")}</button>
            </div>
        </section>
    }
    .into_any()
}
