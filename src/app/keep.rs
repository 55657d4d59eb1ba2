//! What stays in the browser: files, request, view, language and theme, written after every edit and read at the start.
//!
//! A browser that keeps nothing (a private window, a full disk) is no reason to fail, and nothing is overwritten that was not
//! read: what cannot be read is put aside, what another tab has written since is left alone, and what a newer version has
//! written is not touched. The person is told each time (see [`super::keeping`]).

use js_sys::{Array, JSON};
use leptos::prelude::{document, window};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Storage;

/// What stands before every name in the browser's store.
pub const PREFIX: &str = "giljabi.";

/// Where the version of what is kept stands, and the newest one that is understood here.
const VERSION_NAME: &str = "version";
const VERSION: u32 = 1;

/// What is kept with `.unread` behind its name: what stood there and could not be read.
const UNREAD: &str = ".unread";

/// Why something is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The browser has no store for this page (private mode, a frame of another site).
    Denied,
    /// There is no room left.
    Full,
    /// Another tab has written since.
    OtherTab,
    /// A newer version of the app has been here.
    Newer,
}

thread_local! {
    /// What is known to stand in the store, by name: what was read or written here last. `None`: nothing.
    static KNOWN: RefCell<HashMap<String, Option<String>>> = RefCell::default();
    static TROUBLE: Cell<Option<Trouble>> = const { Cell::new(None) };
}

/// The event by which [`super::keeping`] learns of trouble.
pub const CHANGED: &str = "giljabi:kept";

/// What was in the way last.
pub fn trouble() -> Option<Trouble> {
    TROUBLE.get()
}

fn set_trouble(trouble: Option<Trouble>) {
    if TROUBLE.replace(trouble) == trouble {
        return;
    }
    if let Some(root) = document().document_element() {
        // The notice of a new version reads this; without it it promises what it can.
        let _ = root.set_attribute("data-kept", if trouble.is_none() { "yes" } else { "no" });
    }
    if let Ok(event) = web_sys::CustomEvent::new(CHANGED) {
        // Nobody may be listening yet; whoever comes asks `trouble`.
        let _ = window().dispatch_event(&event);
    }
}

/// The browser's store, if it lets us.
fn store() -> Option<Storage> {
    let store = window().local_storage().ok().flatten();
    if store.is_none() {
        set_trouble(Some(Trouble::Denied));
    }
    store
}

/// Whether a newer version has written here. Then what is there is neither read nor overwritten.
fn is_newer(store: &Storage) -> bool {
    let version = store.get_item(&format!("{PREFIX}{VERSION_NAME}")).ok().flatten();
    let newer = version.and_then(|v| v.parse::<u32>().ok()).is_some_and(|v| v > VERSION);
    if newer {
        set_trouble(Some(Trouble::Newer));
    }
    newer
}

/// Names of which the last writer's text counts, or whose texts are merged: settings, records of lessons. The rest is files.
fn is_setting(name: &str) -> bool {
    !(name == "files" || name == "good" || name.starts_with("desk."))
}

/// The text kept under `name`.
pub fn read(name: &str) -> Option<String> {
    let store = store()?;
    if is_newer(&store) {
        return None;
    }
    let text = store.get_item(&format!("{PREFIX}{name}")).ok().flatten();
    KNOWN.with_borrow_mut(|known| known.insert(name.to_string(), text.clone()));
    text
}

/// Keeps `text` under `name`. False: the browser does not keep it, or it would take away what was not read.
pub fn write(name: &str, text: &str) -> bool {
    let Some(store) = store() else { return false };
    if is_newer(&store) {
        return false;
    }
    let key = format!("{PREFIX}{name}");
    let there = store.get_item(&key).ok().flatten();
    let known = KNOWN.with_borrow(|known| known.get(name).cloned());
    // What was never asked for is known to be what it is: the first write of a name reads it.
    let foreign = known.is_some_and(|known| known != there) && there.as_deref() != Some(text);
    if foreign && !is_setting(name) {
        set_trouble(Some(Trouble::OtherTab));
        return false;
    }
    let version = store.set_item(&format!("{PREFIX}{VERSION_NAME}"), &VERSION.to_string());
    if version.and_then(|()| store.set_item(&key, text)).is_err() {
        set_trouble(Some(Trouble::Full));
        return false;
    }
    KNOWN.with_borrow_mut(|known| known.insert(name.to_string(), Some(text.to_string())));
    if TROUBLE.get() == Some(Trouble::Full) {
        set_trouble(None);
    }
    true
}

/// Takes what this tab has as what counts, whatever another tab has written.
pub fn insist() {
    KNOWN.with_borrow_mut(HashMap::clear);
    set_trouble(None);
}

/// Another tab has written `name`. Unless it wrote what stands here, the person has to say which counts.
pub fn note_other_tab(name: &str, ours: &str) {
    let there = store().and_then(|s| s.get_item(&format!("{PREFIX}{name}")).ok().flatten());
    if there.as_deref() == Some(ours) {
        KNOWN.with_borrow_mut(|known| known.insert(name.to_string(), there));
    } else {
        set_trouble(Some(Trouble::OtherTab));
    }
}

/// The names of everything that is kept.
pub fn names() -> Vec<String> {
    let Some(store) = store() else { return Vec::new() };
    let keys = (0..store.length().unwrap_or(0)).filter_map(|i| store.key(i).ok().flatten());
    keys.filter_map(|key| key.strip_prefix(PREFIX).map(str::to_string)).collect()
}

/// Puts aside what stands under `name` and could not be read, so that it is not lost when something else is written there.
pub fn put_aside(name: &str) {
    let Some(store) = store() else { return };
    let aside = format!("{PREFIX}{name}{UNREAD}");
    let there = store.get_item(&format!("{PREFIX}{name}")).ok().flatten();
    // What was put aside first is the more precious; a full store loses nothing by this.
    if let (Some(text), Ok(None)) = (there, store.get_item(&aside)) {
        let _ = store.set_item(&aside, &text);
    }
}

/// Forgets what is kept under `name`.
pub fn remove(name: &str) {
    let Some(store) = store() else { return };
    KNOWN.with_borrow_mut(|known| known.insert(name.to_string(), None));
    // A store that cannot be written holds nothing to forget.
    let _ = store.remove_item(&format!("{PREFIX}{name}"));
}

/// Pairs of texts as JSON: `[["service.yaml", "apiVersion: …"], …]`.
pub fn pairs_to_json(pairs: &[(String, String)]) -> String {
    let list: Array = pairs.iter().map(|(a, b)| Array::of2(&a.as_str().into(), &b.as_str().into())).collect();
    JSON::stringify(&list).map(String::from).unwrap_or_default()
}

/// Reads what [`pairs_to_json`] wrote; `None` when it is anything else.
pub fn pairs_from_json(json: &str) -> Option<Vec<(String, String)>> {
    let list = JSON::parse(json).ok()?.dyn_into::<Array>().ok()?;
    list.iter()
        .map(|pair| {
            let pair: Array = pair.dyn_into().ok()?;
            let text = |value: JsValue| value.as_string();
            Some((text(pair.get(0))?, text(pair.get(1))?))
        })
        .collect()
}

/// Texts as JSON: `["kubectl get pods", …]`.
pub fn texts_to_json(texts: &[String]) -> String {
    let list: Array = texts.iter().map(|t| JsValue::from(t.as_str())).collect();
    JSON::stringify(&list).map(String::from).unwrap_or_default()
}

/// Reads what [`texts_to_json`] wrote; `None` when it is anything else.
pub fn texts_from_json(json: &str) -> Option<Vec<String>> {
    let list = JSON::parse(json).ok()?.dyn_into::<Array>().ok()?;
    list.iter().map(|text| text.as_string()).collect()
}
