//! The frame that shows a part of the drawing: its zoom, what it has scrolled to, and how it moves: by wheel and hand, after
//! the packet, and to what was searched.

use giljabi::map::{Point, Rect};
use leptos::html::Div;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

use crate::app::drawn::LARGEST;
use crate::app::erased::effect;
use crate::app::session::Session;

/// How far one may zoom.
const ZOOM: (f64, f64) = (0.12, 4.0);
/// Smaller than this no name can be read.
const READABLE: f64 = 0.35;

/// What the frame shows.
#[derive(Clone, Copy)]
pub struct View {
    pub frame: NodeRef<Div>,
    /// What the person chose; otherwise the drawing is as wide as the frame.
    chosen: RwSignal<Option<f64>>,
    /// Whether the frame goes where the packet goes.
    pub follow: RwSignal<bool>,
    /// The part that is seen, in pixels of the zoomed drawing: left, top, width, height.
    pub seen: RwSignal<(f64, f64, f64, f64)>,
    /// Whether a hand drags the drawing.
    pub grabbed: RwSignal<bool>,
    from: StoredValue<Option<(i32, i32, i32, i32)>>,
    /// How far two fingers were apart, and the point between them.
    fingers: StoredValue<Option<(f64, (f64, f64))>>,
}

impl View {
    pub fn new() -> View {
        View {
            frame: NodeRef::new(),
            chosen: RwSignal::new(None),
            follow: RwSignal::new(true),
            seen: RwSignal::new((0.0, 0.0, 0.0, 0.0)),
            grabbed: RwSignal::new(false),
            from: StoredValue::new(None),
            fingers: StoredValue::new(None),
        }
    }

    pub fn zoom(self, s: Session) -> f64 {
        let scene = s.scene.read();
        self.chosen.get().unwrap_or_else(|| (s.room.get().0 / scene.width).clamp(ZOOM.0, LARGEST))
    }

    /// Larger or smaller, around the middle of what is seen.
    pub fn scale(self, by: f64) {
        let (left, top, w, h) = self.seen.get_untracked();
        self.scale_around(by, (left + w / 2.0, top + h / 2.0), (w / 2.0, h / 2.0));
    }

    /// Zooms by a factor so that what is under `at` (in zoomed pixels) stays at `inside` the frame.
    fn scale_around(self, by: f64, at: (f64, f64), inside: (f64, f64)) {
        let Some(frame) = self.frame.get_untracked() else { return };
        let svg = frame.query_selector("svg").ok().flatten();
        let Some(svg) = svg else { return };
        let view = svg.get_attribute("viewBox").unwrap_or_default();
        let width: f64 = view.split(' ').nth(2).and_then(|w| w.parse().ok()).unwrap_or(1.0);
        let now = svg.get_bounding_client_rect().width() / width;
        let next = (now * by).clamp(ZOOM.0, ZOOM.1);
        self.chosen.set(Some(next));
        let real = next / now;
        let (left, top) = (at.0 * real - inside.0, at.1 * real - inside.1);
        // The drawing takes its new size before the frame can scroll that far.
        request_animation_frame(move || {
            frame.set_scroll_left(left as i32);
            frame.set_scroll_top(top as i32);
        });
    }

    /// The whole drawing. What was unfolded is folded again where nothing could be read otherwise.
    pub fn fit(self, s: Session) {
        let (w, h) = s.room.get_untracked();
        let whole = || {
            let scene = s.scene.get_untracked();
            (w / scene.width).min(h / scene.height).clamp(ZOOM.0, LARGEST)
        };
        if whole() < READABLE && !s.unfolded.read_untracked().is_empty() {
            s.unfolded.set(Default::default());
        }
        self.chosen.set(Some(whole()));
    }

    /// Notes what is seen.
    pub fn scrolled(self) {
        // Asked for the next frame, by which the map may be gone.
        if let Some(frame) = self.frame.try_get_untracked().flatten() {
            let (left, top) = (frame.scroll_left(), frame.scroll_top());
            let (w, h) = (frame.client_width(), frame.client_height());
            self.seen.set((f64::from(left), f64::from(top), f64::from(w), f64::from(h)));
        }
    }

    /// A wheel turned with Ctrl (or a pinch on a touchpad) zooms around the pointer.
    pub fn wheel(self, event: &web_sys::WheelEvent) {
        if !event.ctrl_key() {
            return;
        }
        event.prevent_default();
        let Some(frame) = self.frame.get_untracked() else { return };
        let rect = frame.get_bounding_client_rect();
        let inside = (f64::from(event.client_x()) - rect.left(), f64::from(event.client_y()) - rect.top());
        let at = (f64::from(frame.scroll_left()) + inside.0, f64::from(frame.scroll_top()) + inside.1);
        self.scale_around((-event.delta_y() / 240.0).exp().clamp(0.5, 2.0), at, inside);
    }

    /// Two fingers zoom around the point between them and take it along; one finger scrolls by itself.
    pub fn pinch(self, event: &web_sys::TouchEvent) {
        let touches = event.touches();
        let (2, Some(a), Some(b), Some(frame)) =
            (touches.length(), touches.item(0), touches.item(1), self.frame.get_untracked())
        else {
            self.fingers.set_value(None);
            return;
        };
        event.prevent_default();
        let rect = frame.get_bounding_client_rect();
        let (dx, dy) = (f64::from(a.client_x() - b.client_x()), f64::from(a.client_y() - b.client_y()));
        let apart = dx.hypot(dy).max(1.0);
        let middle = (
            f64::from(a.client_x() + b.client_x()) / 2.0 - rect.left(),
            f64::from(a.client_y() + b.client_y()) / 2.0 - rect.top(),
        );
        if let Some((before, from)) = self.fingers.get_value() {
            let at = (f64::from(frame.scroll_left()) + from.0, f64::from(frame.scroll_top()) + from.1);
            self.scale_around(apart / before, at, middle);
        }
        self.fingers.set_value(Some((apart, middle)));
    }

    /// A mouse that is pressed on empty ground takes the drawing along; fingers scroll it by themselves.
    pub fn grab(self, event: &web_sys::PointerEvent) {
        let on_something = event
            .target()
            .and_then(|t| t.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|e| e.closest(".pick").ok().flatten().is_some());
        if event.pointer_type() != "mouse" || event.button() != 0 || on_something {
            return;
        }
        if let Some(frame) = self.frame.get_untracked() {
            let start = (event.client_x(), event.client_y(), frame.scroll_left(), frame.scroll_top());
            self.from.set_value(Some(start));
        }
    }

    pub fn drag(self, event: &web_sys::PointerEvent) {
        let (Some((x, y, left, top)), Some(frame)) = (self.from.get_value(), self.frame.get_untracked()) else {
            return;
        };
        self.grabbed.set(true);
        frame.set_scroll_left(left - (event.client_x() - x));
        frame.set_scroll_top(top - (event.client_y() - y));
    }

    pub fn release(self) {
        self.from.set_value(None);
        self.grabbed.set(false);
    }

    /// Scrolls so that a point of the drawing is seen, with room around it; not at all when it is.
    pub fn show(self, point: Point, zoom: f64, still: bool) {
        let Some(frame) = self.frame.get_untracked() else { return };
        let toward = |at: f64, seen_from: i32, seen: i32| {
            let (at, from, seen) = (at * zoom, f64::from(seen_from), f64::from(seen));
            let inside = at > from + 70.0 && at < from + seen - 90.0;
            if inside || seen < 1.0 { from } else { (at - seen / 2.0).max(0.0) }
        };
        let to = web_sys::ScrollToOptions::new();
        to.set_left(toward(point.x, frame.scroll_left(), frame.client_width()));
        to.set_top(toward(point.y, frame.scroll_top(), frame.client_height()));
        if !still {
            to.set_behavior(web_sys::ScrollBehavior::Smooth);
        }
        frame.scroll_to_with_scroll_to_options(&to);
    }

    /// Scrolls a box of the drawing into the middle.
    pub fn center(self, s: Session, rect: Rect) {
        let zoom = self.zoom(s);
        self.show(rect.center(), zoom, s.player.still.get_untracked());
    }
}

/// Keeps the place of the current hop in sight.
pub fn follow(s: Session, view: View, zoom: Memo<f64>) {
    effect(move || {
        let Some(hop) = s.player.hop.get() else { return };
        let point = s.legs.read_untracked().get(hop).map(|l| l.way.at(1.0));
        if let Some(point) = point.filter(|_| view.follow.get_untracked()) {
            view.show(point, zoom.get_untracked(), s.player.still.get_untracked());
        }
    });
    // Another desk is looked at from its top.
    Effect::new(move |before: Option<usize>| {
        let seat = s.seat.get();
        if before.is_none() {
            return seat;
        }
        // On a narrow screen its pane is only being shown, and what is hidden cannot be scrolled.
        request_animation_frame(move || {
            if let Some(frame) = view.frame.try_get_untracked().flatten() {
                frame.set_scroll_left(0);
                frame.set_scroll_top(0);
            }
        });
        seat
    });
    effect(move || {
        s.room.track();
        zoom.track();
        s.scene.track();
        request_animation_frame(move || view.scrolled());
    });
}

/// What is under the pointer: its full name, which the drawing may have cut, and where to say it.
pub fn tip_at(event: &web_sys::MouseEvent) -> Option<(String, i32, i32)> {
    let element = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let tip = element.closest("[data-tip]").ok()??.get_attribute("data-tip")?;
    Some((tip, event.client_x() + 14, event.client_y() + 16))
}

/// Takes the size of the frame.
pub fn measure(frame: &web_sys::Element, room: RwSignal<(f64, f64)>) {
    let size = (f64::from(frame.client_width()), f64::from(frame.client_height()));
    // The frame of a comparison is gone before its observer.
    if size.0 > 0.0 && room.try_get_untracked().is_some_and(|now| now != size) {
        room.set(size);
    }
}

/// Keeps `room` at the size of the frame.
pub fn watch_size(frame: NodeRef<Div>, room: RwSignal<(f64, f64)>) {
    effect(move || {
        let Some(frame) = frame.get() else { return };
        let element: web_sys::Element = frame.unchecked_into();
        let measured = element.clone();
        let callback = Closure::<dyn Fn()>::new(move || measure(&measured, room));
        let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) else { return };
        observer.observe(&element);
        let kept = StoredValue::new_local((observer, callback));
        on_cleanup(move || {
            kept.try_with_value(|(observer, _)| observer.disconnect());
        });
    });
}
