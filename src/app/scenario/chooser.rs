//! The list of scenarios, as a dialog.

use leptos::html::Dialog;
use leptos::prelude::*;

use super::Play;
use super::table::{SCENARIOS, Scenario};
use crate::app::erased::effect;
use crate::app::session::session;

#[component]
pub fn Chooser() -> impl IntoView {
    let s = session();
    let play = expect_context::<Play>();
    let dialog = NodeRef::<Dialog>::new();
    effect(move || {
        let Some(dialog) = dialog.get() else { return };
        if play.choosing.get() {
            if !dialog.open() {
                // A dialog that is open already stays open.
                let _ = dialog.show_modal();
            }
        } else {
            dialog.close();
        }
    });
    let card = move |scenario: &'static Scenario| {
        view! {
            <li>
                <button
                    type="button"
                    aria-current=move || (play.scenario.get() == scenario.id).then_some("true")
                    on:click=move |_| {
                        play.choosing.set(false);
                        play.start(s, scenario);
                    }
                >
                    <b>{s.t(scenario.title)}</b>
                    <code>{scenario.about}</code>
                    <span>{s.t(scenario.text)}</span>
                </button>
            </li>
        }
    };
    view! {
        <dialog class="dialog scenarios" node_ref=dialog aria-labelledby="scenarios-title" on:close=move |_| play.choosing.set(false)>
            <h2 id="scenarios-title">{s.t("scenario.choose")}</h2>
            <p class="t-soft">{s.t("scenario.kept")}</p>
            <ul>{SCENARIOS.iter().map(card).collect_view()}</ul>
            <form method="dialog">
                <button class="btn">{s.t("help.close")}</button>
            </form>
        </dialog>
    }
    .into_any()
}
