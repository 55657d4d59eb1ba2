//! The panel above the editor: what there is to try.

use leptos::prelude::*;

use super::session::{Session, session};

/// A request that is ready to be sent.
fn try_button(s: Session, url: &'static str) -> impl IntoView {
    view! {
        <button
            type="button"
            class="btn try"
            on:click=move |_| {
                s.url.set(url.to_string());
                s.send();
            }
        >
            <span aria-hidden="true">"▶ "</span>
            <code>{url.trim_start_matches("http://")}</code>
        </button>
    }
}

#[component]
pub fn ScenarioPanel() -> impl IntoView {
    let s = session();
    view! {
        <section class="task" aria-labelledby="task-title">
            <h2 id="task-title">{s.t("kimho.title")}</h2>
            <p>{s.t("kimho.text")}</p>
            <div class="tries">
                {["http://kimho", "http://kimho:443", "http://kimho:406"].map(|url| try_button(s, url)).collect_view()}
                <span class="push"></span>
                <button type="button" class="btn" on:click=move |_| s.start_over()>{s.t("task.start_over")}</button>
            </div>
        </section>
    }
}
