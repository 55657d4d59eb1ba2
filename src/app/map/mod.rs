//! The map: both layers, the ways of the shown trace, and the packet on its way.
//!
//! The drawing is for the eye and the pointer; a screen reader and the keyboard get the same places as an ordered list.

mod cards;
mod floor;
mod journey;
mod places;

use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use super::session::{Session, session};
use super::timebar::clock;

/// The map with its zoom buttons.
#[component]
pub fn MapPane() -> impl IntoView {
    let s = session();
    let frame = NodeRef::<Div>::new();
    // What the person chose; otherwise the drawing shrinks a little to fit, as long as it can be read.
    let chosen = RwSignal::new(None::<f64>);
    let tip = RwSignal::new(None::<(String, i32, i32)>);
    watch_size(frame, s.room);
    let scene = s.scene;
    let width = move || scene.read().width;
    let height = move || scene.read().height;
    let zoom = Memo::new(move |_| {
        let fitting = (s.room.get().1 / height()).clamp(0.66, 1.0);
        chosen.get().unwrap_or(if width() < 640.0 { 1.0 } else { fitting })
    });
    let scale = move |by: f64| chosen.set(Some((zoom.get_untracked() * by).clamp(0.2, 4.0)));
    let fit = move || {
        let (w, h) = s.room.get_untracked();
        let scene = scene.get_untracked();
        chosen.set(Some((w / scene.width).min(h / scene.height).clamp(0.2, 1.0)));
    };
    follow(s, frame, zoom);
    view! {
        <div class="map" id="map">
            <div class="map-frame" tabindex="0" role="group" aria-label=s.t("map.label") node_ref=frame on:mousemove=move |event| tip.set(tip_at(&event)) on:mouseleave=move |_| tip.set(None)>
                <svg
                    class="map-svg"
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
                            id="arrow"
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
                    <cards::LaneLayer/>
                    <floor::FloorLayer/>
                    <journey::JourneyLayer/>
                </svg>
            </div>
            <div class="map-tools">
                <span class="clock" title=s.t("time.clock_title")>
                    {move || s.tx("time.clock", &[("time", &clock(s.state.read().now))])}
                </span>
                {[(1, "+1 s"), (10, "+10 s")]
                    .map(|(secs, words)| {
                        let label = move || s.tx("time.advance", &[("secs", &secs.to_string())]);
                        view! {
                            <button type="button" class="btn btn-icon" title=label aria-label=move || format!("{words} — {}", label()) on:click=move |_| s.advance(secs)>
                                {words}
                            </button>
                        }
                    })
                    .collect_view()}
                <span class="gap"></span>
                <button class="btn btn-icon" title=s.t("map.zoom_in") aria-label=s.t("map.zoom_in") on:click=move |_| scale(1.2)>"+"</button>
                <button class="btn btn-icon" title=s.t("map.zoom_out") aria-label=s.t("map.zoom_out") on:click=move |_| scale(1.0 / 1.2)>"−"</button>
                <button class="btn btn-icon" title=s.t("map.fit") aria-label=s.t("map.fit") on:click=move |_| fit()>"⤢"</button>
            </div>
            {move || {
                tip.get()
                    .map(|(text, x, y)| {
                        view! { <div class="tip" aria-hidden="true" style:left=format!("{x}px") style:top=format!("{y}px")>{text}</div> }
                    })
            }}
            <Show when=move || !s.state.read().good>
                <p class="map-notice">{s.t("map.before_edit")}</p>
            </Show>
            <places::PlaceList/>
        </div>
    }
}

/// Keeps the place of the current hop in sight.
fn follow(s: Session, frame: NodeRef<Div>, zoom: Memo<f64>) {
    Effect::new(move || {
        let (Some(hop), Some(frame)) = (s.player.hop.get(), frame.get()) else { return };
        let Some(point) = s.legs.read_untracked().get(hop).map(|l| l.way.at(1.0)) else { return };
        let zoom = zoom.get_untracked();
        let toward = |at: f64, seen_from: i32, seen: i32| {
            let (at, from, seen) = (at * zoom, f64::from(seen_from), f64::from(seen));
            // A margin around it, for the label and the place itself.
            let inside = at > from + 70.0 && at < from + seen - 90.0;
            if inside || seen < 1.0 { from } else { (at - seen / 2.0).max(0.0) }
        };
        let left = toward(point.x, frame.scroll_left(), frame.client_width());
        let top = toward(point.y, frame.scroll_top(), frame.client_height());
        let to = web_sys::ScrollToOptions::new();
        to.set_left(left);
        to.set_top(top);
        if !s.player.still.get_untracked() {
            to.set_behavior(web_sys::ScrollBehavior::Smooth);
        }
        frame.scroll_to_with_scroll_to_options(&to);
    });
}

/// What is under the pointer: its full name, which the drawing may have cut, and where to say it.
fn tip_at(event: &web_sys::MouseEvent) -> Option<(String, i32, i32)> {
    let element = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let tip = element.closest("[data-tip]").ok()??.get_attribute("data-tip")?;
    Some((tip, event.client_x() + 14, event.client_y() + 16))
}

/// Keeps `room` at the size of the frame.
fn watch_size(frame: NodeRef<Div>, room: RwSignal<(f64, f64)>) {
    Effect::new(move || {
        let Some(frame) = frame.get() else { return };
        let element: web_sys::Element = frame.unchecked_into();
        let measured = element.clone();
        let measure = move || {
            let size = (measured.client_width() as f64, measured.client_height() as f64);
            if size.0 > 0.0 && room.get_untracked() != size {
                room.set(size);
            }
        };
        measure();
        let callback = Closure::<dyn Fn()>::new(measure);
        if let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) {
            observer.observe(&element);
        }
        // The map lives as long as the page.
        callback.forget();
    });
}
