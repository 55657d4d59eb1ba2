//! The mini map: all of the drawing in a corner, and the part that the frame shows. It is there when there is more than the
//! frame shows; in a narrow frame it stands beside it, where it hides nothing.

use giljabi::map::{Point, Rect};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::View;
use crate::app::erased::Show;
use crate::app::session::session;

/// Its largest size, in a corner and beside the frame.
const SIZE: (f64, f64) = (168.0, 132.0);
const STRIP: (f64, f64) = (44.0, 240.0);
/// A frame that is narrower has it beside.
const NARROW: f64 = 700.0;

#[component]
pub fn MiniMap() -> impl IntoView {
    let s = session();
    let view = expect_context::<View>();
    let zoom = Memo::new(move |_| view.zoom(s));
    let needed = Memo::new(move |_| {
        let scene = s.drawn.read();
        let (w, h) = s.room.get();
        let zoom = zoom.get();
        w > 0.0 && (scene.width * zoom > w + 40.0 || scene.height * zoom > h + 40.0)
    });
    // Beside it the frame is narrower still, so this never goes to and fro.
    let strip = Memo::new(move |_| s.room.get().0 < NARROW);
    let scale = move || {
        let scene = s.drawn.read();
        let (w, h) = if strip.get() { STRIP } else { SIZE };
        (w / scene.width).min(h / scene.height)
    };
    let go = move |event: &web_sys::PointerEvent| {
        let Some(target) = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok()) else { return };
        let (rect, scale) = (target.get_bounding_client_rect(), scale());
        let x = (f64::from(event.client_x()) - rect.left()) / scale;
        let y = (f64::from(event.client_y()) - rect.top()) / scale;
        let Some(frame) = view.frame.get_untracked() else { return };
        let (_, _, w, h) = view.seen.get_untracked();
        let Point { x, y } = Point::new(x * zoom.get_untracked() - w / 2.0, y * zoom.get_untracked() - h / 2.0);
        frame.set_scroll_left(x as i32);
        frame.set_scroll_top(y as i32);
    };
    // Hardly an edit moves one of them.
    let boxes = Memo::new(move |_| {
        let scene = s.drawn.read();
        let mut boxes: Vec<(Rect, &'static str)> = Vec::new();
        if let Some(lane) = &scene.lane {
            boxes.extend([(lane.dns, "mini-dns"), (lane.vip.rect, "mini-vip")]);
            boxes.extend(lane.slices.as_ref().map(|card| (card.rect, "mini-pod")));
        }
        boxes.extend(scene.nodes.iter().map(|n| (n.rect, if n.ready { "mini-node" } else { "mini-bad" })));
        boxes.extend(scene.outside.iter().map(|o| (o.rect, "mini-out")));
        boxes
    });
    let draw = |&(Rect { x, y, w, h }, class): &(Rect, &'static str)| {
        view! { <rect class=class x=x y=y width=w height=h rx="12"></rect> }
    };
    let seen = move || {
        let (left, top, w, h) = view.seen.get();
        let zoom = zoom.get();
        Rect::new(left / zoom, top / zoom, w / zoom, h / zoom)
    };
    let packet = move || {
        let hop = s.player.hop.get()?;
        s.legs.read().get(hop).map(|l| l.way.at(1.0))
    };
    view! {
        <Show when=move || needed.get()>
            <svg
                class="mini"
                class:strip=move || strip.get()
                aria-hidden="true"
                viewBox=move || format!("0 0 {:.0} {:.0}", s.drawn.read().width, s.drawn.read().height)
                width=move || format!("{:.0}", s.drawn.read().width * scale())
                height=move || format!("{:.0}", s.drawn.read().height * scale())
                on:pointerdown=move |event| go(&event)
                on:pointermove=move |event| if event.buttons() == 1 { go(&event) }
            >
                {move || boxes.read().iter().map(draw).collect_view()}
                {move || packet().map(|p| view! { <circle class="mini-packet" cx=p.x cy=p.y r="16"></circle> })}
                <rect class="mini-seen" x=move || seen().x y=move || seen().y width=move || seen().w height=move || seen().h rx="8"></rect>
            </svg>
        </Show>
    }
    .into_any()
}
