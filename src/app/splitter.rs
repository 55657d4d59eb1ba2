//! A bar between two panes: dragged with the pointer, moved with the arrow keys.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::session::session;

/// How far an arrow key moves it, in pixels.
const STEP: f64 = 24.0;

/// A splitter. `upright`: it stands between left and right. `size` is that of the pane at its `before` side or, where that is
/// false, of the pane behind it.
#[component]
pub fn Splitter(
    label: &'static str,
    upright: bool,
    before: bool,
    size: RwSignal<f64>,
    #[prop(into)] range: (f64, f64),
) -> impl IntoView {
    let s = session();
    let set = move |to: f64| size.set(to.clamp(range.0, range.1).round());
    let held = StoredValue::new(None::<(f64, f64)>);
    let at = move |event: &web_sys::PointerEvent| f64::from(if upright { event.client_x() } else { event.client_y() });
    let sign = if before { 1.0 } else { -1.0 };
    view! {
        <div
            class=if upright { "splitter splitter-upright" } else { "splitter" }
            role="separator"
            tabindex="0"
            aria-label=s.t(label)
            aria-orientation=if upright { "vertical" } else { "horizontal" }
            aria-valuenow=move || size.get().to_string()
            aria-valuemin=range.0.to_string()
            aria-valuemax=range.1.to_string()
            on:keydown=move |event| {
                let (less, more) = if upright { ("ArrowLeft", "ArrowRight") } else { ("ArrowUp", "ArrowDown") };
                let key = event.key();
                let to = match key.as_str() {
                    _ if key == less => size.get_untracked() - sign * STEP,
                    _ if key == more => size.get_untracked() + sign * STEP,
                    "Home" => range.0,
                    "End" => range.1,
                    _ => return,
                };
                event.prevent_default();
                event.stop_propagation();
                set(to);
            }
            on:pointerdown=move |event| {
                held.set_value(Some((at(&event), size.get_untracked())));
                let target = event.target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
                if let Some(target) = target {
                    // Without capture a fast drag is lost, and that is all.
                    let _ = target.set_pointer_capture(event.pointer_id());
                }
            }
            on:pointermove=move |event| {
                if let Some((from, was)) = held.get_value() {
                    set(was + sign * (at(&event) - from));
                }
            }
            on:pointerup=move |_| held.set_value(None)
            on:pointercancel=move |_| held.set_value(None)
        ></div>
    }
    .into_any()
}
