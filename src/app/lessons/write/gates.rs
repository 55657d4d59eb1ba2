//! The gates of the draft, run again a little after every change.

use giljabi::lesson::Desk;
use giljabi::lesson::gates::{self, Shut};
use leptos::prelude::*;
use std::time::Duration;

use super::Table;
use crate::app::erased::effect;
use crate::app::session::session;

/// So long nothing must have changed before the gates are run: they try every solution and every wrong answer.
const QUIET: Duration = Duration::from_millis(700);

#[component]
pub fn Gates(table: Table) -> impl IntoView {
    let s = session();
    let shut = RwSignal::new(None::<Vec<Shut>>);
    let due = StoredValue::new(0_u32);
    effect(move || {
        let draft = table.read.get();
        due.update_value(|n| *n += 1);
        let mine = due.get_value();
        let run = move || {
            // Only the last of many changes is tried.
            if due.try_get_value() != Some(mine) {
                return;
            }
            shut.set(
                draft.ok().map(|d| gates::check(&d.lesson, &d.ko, &d.en, &|lesson, files| Desk::set_up(lesson, files))),
            );
        };
        set_timeout(run, QUIET);
    });
    let row = move |gate: Shut| {
        let words = gate.why.text(s.lang.get());
        let part = (!gate.part.is_empty()).then(|| view! { <code>{gate.part.to_string()}</code>" " });
        view! { <li>{part}{words}</li> }
    };
    view! {
        <section class="box gates" aria-labelledby="gates-title">
            <h3 id="gates-title">{s.t("lessons.gates")}</h3>
            <div role="status">
                {move || match shut.get() {
                    None => view! { <p class="t-soft">{s.t("lessons.gates_wait")}</p> }.into_any(),
                    Some(shut) if shut.is_empty() => view! { <p class="good"><span aria-hidden="true">"✓ "</span>{s.t("lessons.gates_open")}</p> }.into_any(),
                    Some(shut) => view! { <ul class="shut">{shut.into_iter().take(20).map(row).collect_view()}</ul> }.into_any(),
                }}
            </div>
        </section>
    }
}
