//! The map: both layers, the ways of the shown trace, and the packet on its way.
//!
//! The drawing is for the eye and the pointer; a screen reader and the keyboard get the same places as an ordered list.

mod cards;
mod find;
mod floor;
mod flow;
mod frame;
mod journey;
mod marks;
mod mini;
mod places;

use leptos::prelude::*;

use crate::app::erased::Show;

pub use flow::Flow;
pub use frame::{View, measure};
pub use journey::SIGNS;

use super::clock::ClockBar;
use super::moments::WhatIf;
use super::page::{in_turn, turn};
use super::session::{Pane, Tab, session};

/// The map with its tools; beside it a second one while something is compared.
#[component]
pub fn MapPane() -> impl IntoView {
    let s = session();
    let view = expect_context::<View>();
    provide_context(find::Search::new());
    view! {
        <div class="map" id="map">
            {in_turn(turn::MAP, || view! { <Drawing main=true/> }.into_any())}
            {in_turn(turn::TOOLS, || WhatIf().into_any())}
            {in_turn(turn::MINI, || mini::MiniMap().into_any())}
            // Its room is kept while it is empty.
            <div class="map-tools">{in_turn(turn::TOOLS, move || view! {
                <ClockBar/>
                <find::Find/>
                <div class="zoom" role="group" aria-label=s.t("map.zoom")>
                    <button
                        type="button"
                        class="btn btn-icon"
                        aria-pressed=move || view.follow.get().to_string()
                        title=s.t("map.follow")
                        aria-label=s.t("map.follow")
                        on:click=move |_| view.follow.update(|f| *f = !*f)
                    >
                        "◎"
                    </button>
                    <button type="button" class="btn btn-icon" title=s.t("map.zoom_in") aria-label=s.t("map.zoom_in") on:click=move |_| view.scale(1.25)>"+"</button>
                    <button type="button" class="btn btn-icon" title=s.t("map.zoom_out") aria-label=s.t("map.zoom_out") on:click=move |_| view.scale(1.0 / 1.25)>"−"</button>
                    <button type="button" class="btn btn-icon" title=s.t("map.fit") aria-label=s.t("map.fit") on:click=move |_| view.fit(s)>"⤢"</button>
                </div>
            }.into_any())}</div>
            {in_turn(turn::TOOLS, move || view! {
            <Show when=move || !s.state.read().good>
                <p class="map-notice">{s.t("map.before_edit")}</p>
            </Show>
            }.into_any())}
            {in_turn(turn::MINI, || Ended().into_any())}
            {in_turn(turn::TOOLS, || places::PlaceList().into_any())}
        </div>
    }
    .into_any()
}

/// Where the views are behind another tab: how the request ended, and the way to why.
#[component]
fn Ended() -> impl IntoView {
    let s = session();
    let words = move || {
        let sent = s.sent.get()?;
        let good = sent.trace.outcome.is_success();
        let text = giljabi::trace::why::symptom(&sent.trace.outcome, s.lang.get());
        let class = if good { "map-ended good" } else { "map-ended bad" };
        let show = move |_| {
            s.tab.set(Tab::Journey);
            s.pane.set(Pane::Journey);
        };
        Some(view! {
            <p class=class>
                <span aria-hidden="true">{if good { "✓ " } else { "✕ " }}</span>
                {text}
                " "
                {(!good).then(|| view! { <button type="button" class="line-link" on:click=show>{s.t("map.why")}</button> })}
            </p>
        })
    };
    view! { <Show when=move || s.player.ended.get()>{words}</Show> }.into_any()
}

/// The drawing of a session's cluster in a frame that scrolls. `main` is the one that tools and playhead move.
#[component]
pub fn Drawing(main: bool) -> impl IntoView {
    let s = session();
    let scene = s.scene;
    let width = move || scene.read().width;
    let height = move || scene.read().height;
    let view = if main { expect_context::<View>() } else { View::new() };
    let zoom = Memo::new(move |_| view.zoom(s));
    let tip = RwSignal::new(None::<(String, i32, i32)>);
    frame::watch_size(view.frame, s.room);
    if main {
        frame::follow(s, view, zoom);
    }
    let scrolled = move |_: web_sys::Event| view.scrolled();
    // While many requests flow, the one that was followed steps aside.
    let crowd = expect_context::<Flow>().tally;
    view! {
        <div
            class=if main { "map-frame" } else { "map-frame map-twin" }
            tabindex="0"
            role="group"
            aria-label=move || s.tx(if main { "map.label" } else { "map.label_beside" }, &[])
            node_ref=view.frame
            class:grabbing=move || view.grabbed.get()
            on:mousemove=move |event| tip.set(frame::tip_at(&event))
            on:mouseleave=move |_| tip.set(None)
            on:scroll=scrolled
            on:wheel=move |event| view.wheel(&event)
            on:touchstart=move |event| view.pinch(&event)
            on:touchmove=move |event| view.pinch(&event)
            on:touchend=move |event| view.pinch(&event)
            on:pointerdown=move |event| {
                // What is pressed may unfold, and something else is under the pointer then.
                tip.set(None);
                view.grab(&event);
            }
            on:pointermove=move |event| view.drag(&event)
            on:pointerup=move |_| view.release()
            on:pointercancel=move |_| view.release()
        >
            <svg
                class="map-svg"
                class:map-main=main
                aria-hidden="true"
                viewBox=move || format!("0 0 {:.0} {:.0}", width(), height())
                width=move || format!("{:.0}", width() * zoom.get())
                height=move || format!("{:.0}", height() * zoom.get())
                on:click=move |_| {
                    s.focus.release();
                }
            >
                <defs>
                    <marker
                        id=if main { "arrow" } else { "arrow-beside" }
                        class:arrowhead=true
                        viewBox="0 0 8 8"
                        refX="7"
                        refY="4"
                        markerWidth="9"
                        markerHeight="9"
                        markerUnits="userSpaceOnUse"
                        orient="auto"
                    >
                        <path d="M0 0L8 4L0 8z" class:arrowhead=true></path>
                    </marker>
                </defs>
                {in_turn(turn::LANES, || view! { <cards::LaneLayer/> }.into_any())}
                {in_turn(turn::FLOOR, || view! { <floor::FloorLayer/> }.into_any())}
                {in_turn(turn::WAYS, move || view! {
                {main.then(|| view! { <flow::FlowLayer/> })}
                <g class:gone=move || main && crowd.read().is_some()>
                    <journey::JourneyLayer/>
                </g>
                {main.then(|| view! { <find::FoundLayer/> })}
                }.into_any())}
            </svg>
            {move || {
                tip.get()
                    .map(|(text, x, y)| {
                        view! { <div class="tip" aria-hidden="true" style:left=format!("{x}px") style:top=format!("{y}px")>{text}</div> }
                    })
            }}
        </div>
    }
    .into_any()
}
