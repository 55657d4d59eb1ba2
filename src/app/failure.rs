//! What happens when the program panics: the message goes to the console and, as the event `giljabi:panic`, to
//! `assets/boot.js`, which shows it to the person. After a panic the WASM is not called again, so the words come from there.
//! Whoever wants to see it happen dispatches `giljabi:provoke` on the window, as the browser tests do.

use leptos::prelude::window;
use wasm_bindgen::JsValue;

/// Makes every panic visible to the person at the screen.
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = JsValue::from_str(&info.to_string());
        web_sys::console::error_1(&message);
        let event = web_sys::CustomEventInit::new();
        event.set_detail(&message);
        if let Ok(event) = web_sys::CustomEvent::new_with_event_init_dict("giljabi:panic", &event) {
            // Nobody is left to be told if even this fails; the console has the message.
            let _ = window().dispatch_event(&event);
        }
    }));
    gloo_events::EventListener::new(&window(), "giljabi:provoke", |_| {
        // An error of the program's own, as an index beyond the end is one.
        let none = Vec::<u8>::new();
        let _ = std::hint::black_box(&none)[0];
    })
    .forget();
}
