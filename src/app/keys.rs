//! The keyboard: one table of shortcuts, which the help shows and this carries out. Single letters count only while nothing
//! is being typed.

use giljabi::locale::Lang;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::lessons::Lessons;
use super::menu;
use super::session::{Pane, Session, Tab};

/// The shortcuts that the help lists: keys, message.
pub const SHORTCUTS: [(&str, &str); 26] = [
    ("Ctrl/⌘ Enter", "keys.send"),
    ("Ctrl/⌘ K", "keys.palette"),
    ("Space", "keys.play"),
    ("→ / .", "keys.step"),
    ("← / ,", "keys.back"),
    ("Home", "keys.rewind"),
    ("End", "keys.finish"),
    ("E", "keys.editor"),
    ("Ctrl Space", "keys.complete"),
    ("Ctrl/⌘ I", "keys.card"),
    ("Ctrl/⌘ ⇧ M", "keys.problems"),
    ("Ctrl/⌘ .", "keys.mend"),
    ("M", "keys.map"),
    ("↑ ↓ ← →", "keys.walk"),
    ("F", "map.find"),
    ("Ctrl + wheel", "keys.zoom"),
    ("J", "keys.journey"),
    ("T", "keys.terminal"),
    ("Tab ↑↓ Ctrl C/R", "keys.shell"),
    ("L", "keys.lang"),
    ("P", "palette.presenter"),
    ("PgUp / PgDn", "lessons.turn_page"),
    ("Ctrl/⌘ Z", "editor.undo"),
    ("Ctrl/⌘ ⇧ Z", "editor.redo"),
    ("Esc", "keys.escape"),
    ("?", "keys.help"),
];

/// Listens to the whole page.
pub fn listen(s: Session, l: Lessons) {
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        let typing = event
            .target()
            .and_then(|t| t.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|e| e.closest("input, select, textarea, .cm-editor").ok().flatten().is_some());
        if (event.ctrl_key() || event.meta_key()) && event.key() == "Enter" && !typing {
            s.send();
            event.prevent_default();
            return;
        }
        if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("k") {
            s.palette.update(|p| *p = !*p);
            event.prevent_default();
            return;
        }
        // In the editor this is the editor's own; elsewhere it goes back over applied edits.
        if (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("z") && !typing {
            s.undo(event.shift_key());
            event.prevent_default();
            return;
        }
        let in_dialog = || document().query_selector("dialog[open]").ok().flatten().is_some();
        if event.key() == "Escape" {
            if !in_dialog() && !menu::escape() && !s.focus.release() {
                s.presenter.set(false);
            }
            return;
        }
        if typing || event.ctrl_key() || event.meta_key() || event.alt_key() || in_dialog() {
            return;
        }
        // Space on a button presses the button.
        let on_button = event
            .target()
            .and_then(|t| t.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|e| e.closest("button, a, summary, [role=tab], [role=separator]").ok().flatten().is_some());
        // Arrows scroll a map that has the focus and is larger than its frame.
        let scrolls = event
            .target()
            .and_then(|t| t.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|e| e.class_list().contains("map-frame") && e.scroll_width() > e.client_width());
        match event.key().as_str() {
            "ArrowRight" | "ArrowLeft" if scrolls => return,
            " " if !on_button => s.player.toggle(),
            "ArrowRight" | "." => s.player.step(),
            "ArrowLeft" | "," => s.player.back(),
            "Home" => s.player.rewind(),
            "End" => s.player.finish(),
            "e" | "E" => go(s, Pane::Editor, ".cm-content|.code"),
            "m" | "M" => go(s, Pane::Map, ".place-list button[tabindex='0']"),
            "f" | "F" => go(s, Pane::Map, "#map-find"),
            "j" | "J" => go(s, Pane::Journey, "#view"),
            "t" | "T" => {
                s.tab.set(Tab::Terminal);
                go(s, Pane::Journey, ".term-input");
            }
            "l" | "L" => s.lang.update(|l| *l = if *l == Lang::Ko { Lang::En } else { Lang::Ko }),
            "PageDown" | "PageUp" if s.presenter.get_untracked() => l.turn_page(event.key() == "PageDown"),
            "p" | "P" => s.presenter.update(|p| *p = !*p),
            "?" => s.help.set(true),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}

/// Shows a pane and puts the focus into it: into the first of some places that is there. At once where it can be, so that who
/// types on is not heard as pressing more shortcuts.
fn go(s: Session, pane: Pane, selector: &'static str) {
    s.pane.set(pane);
    leptos::task::spawn_local(async move {
        leptos::task::tick().await;
        if !take_focus(selector) {
            request_animation_frame(move || {
                take_focus(selector);
            });
        }
    });
}

/// False: none of the places is there.
fn take_focus(selector: &str) -> bool {
    let element = selector.split('|').find_map(|place| document().query_selector(place).ok().flatten());
    let Some(element) = element.and_then(|e| e.dyn_into::<web_sys::HtmlElement>().ok()) else { return false };
    // An element that cannot take the focus stays unfocused; nothing else depends on it.
    let _ = element.focus();
    true
}
