//! The views below the map, one tab each.

mod because;
mod events;
mod history;
mod journey;
mod objects;
mod packet;
mod raw;
mod reach;
mod rules;
mod spread;
mod steady;

use leptos::prelude::*;

use super::session::{Session, Tab, session};
use crate::app::erased::Show;
pub use journey::line_button;

/// The views and their messages, in the order of their tabs.
pub const TABS: [(Tab, &str); 9] = [
    (Tab::Journey, "tab.journey"),
    (Tab::Terminal, "tab.terminal"),
    (Tab::Packet, "tab.packet"),
    (Tab::Rules, "tab.rules"),
    (Tab::Reach, "tab.reach"),
    (Tab::Spread, "tab.spread"),
    (Tab::Objects, "tab.objects"),
    (Tab::Events, "tab.events"),
    (Tab::History, "tab.history"),
];

#[component]
pub fn Bottom() -> impl IntoView {
    let s = session();
    // Another view begins at its top, however far the last one was scrolled.
    Effect::new(move |before: Option<Tab>| {
        let now = s.tab.get();
        if before.is_some_and(|before| before != now)
            && let Some(view) = document().get_element_by_id("view")
        {
            view.set_scroll_top(0);
        }
        now
    });
    view! {
            <div class="tabs-bar">
            <div class="tabs" role="tablist" aria-label=s.t("tab.label") on:keydown=move |event| walk(s, &event)>
                {TABS
                    .iter()
                    .map(|(tab, id)| {
                        let tab = *tab;
                        let selected = move || s.tab.get() == tab;
                        view! {
                            <button
                                type="button"
                                role="tab"
                                class="tab"
                                id=*id
                                aria-controls="view"
                                aria-selected=move || selected().to_string()
                                tabindex=move || if selected() { "0" } else { "-1" }
                                on:click=move |_| s.tab.set(tab)
                            >
                                {s.t(id)}
                            </button>
                        }
                    })
                    .collect_view()}
            </div>
            <Verdict/>
            </div>
            <div class="view" id="view" role="tabpanel" tabindex="0" aria-labelledby=move || TABS.iter().find(|(t, _)| *t == s.tab.get()).map(|(_, id)| *id)>
                {move || match s.tab.get() {
                    Tab::Journey => journey::Journey().into_any(),
                    Tab::Packet => packet::PacketView().into_any(),
                    Tab::Objects => objects::Objects().into_any(),
                    Tab::Rules => rules::RulesView().into_any(),
                    Tab::Reach => reach::Reach().into_any(),
                    Tab::Spread => spread::Spread().into_any(),
                    Tab::Terminal => super::terminal::Terminals().into_any(),
                    Tab::History => view! { <div class="both"><div>{history::History()}</div><div>{super::moments::Moments()}</div></div> }.into_any(),
                    Tab::Events => events::Events().into_any(),
                }}
            </div>
    }
    .into_any()
}

fn walk(s: Session, event: &web_sys::KeyboardEvent) {
    let now = TABS.iter().position(|(t, _)| *t == s.tab.get_untracked()).unwrap_or(0);
    let to = match event.key().as_str() {
        "ArrowRight" => (now + 1) % TABS.len(),
        "ArrowLeft" => (now + TABS.len() - 1) % TABS.len(),
        "Home" => 0,
        "End" => TABS.len() - 1,
        _ => return,
    };
    event.prevent_default();
    event.stop_propagation();
    s.tab.set(TABS[to].0);
    super::focus_on(TABS[to].1);
}

/// How the shown request ended, in a few words beside the tabs.
#[component]
fn Verdict() -> impl IntoView {
    let s = session();
    let words = move || {
        let sent = s.sent.get()?;
        let good = sent.trace.outcome.is_success();
        let text = giljabi::trace::why::symptom(&sent.trace.outcome, s.lang.get());
        let class = if good { "verdict-words good" } else { "verdict-words bad" };
        let mark = if good { "✓ " } else { "✕ " };
        Some(view! { <span class=class title=text.clone()><span aria-hidden="true">{mark}</span>{text.clone()}</span> })
    };
    view! { <Show when=move || s.player.seen.get()>{words}</Show> }.into_any()
}
