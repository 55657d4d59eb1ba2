//! Menus that open over the page (`details.menu`): a press elsewhere, a choice, or Escape closes them, as everywhere. The browser
//! itself leaves an open `details` open.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

/// The menu that is open.
fn open() -> Option<web_sys::Element> {
    document().query_selector("details.menu[open]").ok().flatten()
}

fn close(menu: &web_sys::Element) {
    // It has just been seen open; nothing else depends on it.
    let _ = menu.remove_attribute("open");
}

/// Closes the menu that is open, and puts the keyboard back where it was opened from. False: none was open.
pub fn escape() -> bool {
    let Some(menu) = open() else { return false };
    let summary = menu.query_selector("summary").ok().flatten();
    if let Some(summary) = summary.and_then(|s| s.dyn_into::<web_sys::HtmlElement>().ok()) {
        // A summary that cannot take the focus leaves it where it is.
        let _ = summary.focus();
    }
    close(&menu);
    true
}

/// Listens to presses on the whole page.
pub fn listen() {
    let handle = window_event_listener(leptos::ev::click, move |event| {
        let (Some(menu), Some(target)) = (open(), event.target()) else { return };
        let Ok(target) = target.dyn_into::<web_sys::Element>() else { return };
        if !menu.contains(Some(&target)) {
            close(&menu);
        } else if target.closest("button").ok().flatten().is_some() {
            escape();
        }
    });
    on_cleanup(move || handle.remove());
}
