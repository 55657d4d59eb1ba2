//! What stays in the browser: files, request, view, language and theme, written after every edit and read at the start.
//! A browser that keeps nothing (a private window, a full disk) is no reason to fail.

use gloo_storage::{LocalStorage, Storage};
use js_sys::{Array, JSON};
use wasm_bindgen::{JsCast, JsValue};

/// What stands before every name in the browser's store.
pub const PREFIX: &str = "giljabi.";

/// The text kept under `name`.
pub fn read(name: &str) -> Option<String> {
    LocalStorage::raw().get_item(&format!("{PREFIX}{name}")).ok().flatten()
}

/// Keeps `text` under `name`. False: the browser does not keep it.
pub fn write(name: &str, text: &str) -> bool {
    LocalStorage::raw().set_item(&format!("{PREFIX}{name}"), text).is_ok()
}

/// Forgets what is kept under `name`.
pub fn remove(name: &str) {
    // A store that cannot be written holds nothing to forget.
    let _ = LocalStorage::raw().remove_item(&format!("{PREFIX}{name}"));
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
