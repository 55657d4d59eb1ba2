//! The course or a track as a package for a learning platform: this very site, read again from where it came, with a manifest.

use giljabi::lesson::package::{self, Standard};
use leptos::prelude::*;
use wasm_bindgen::prelude::*;

use super::super::lessons;
use super::super::parts::track_name;
use crate::app::leave;
use crate::app::session::session;

#[wasm_bindgen(module = "/src/app/lessons/load.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = siteFiles)]
    async fn site_files() -> Result<JsValue, JsValue>;
}

/// The site's files: path and bytes.
async fn site() -> Result<Vec<(String, Vec<u8>)>, String> {
    let words = |why: JsValue| String::from(js_sys::Error::from(why).message());
    let files = site_files().await.map_err(words)?;
    let file = |pair: JsValue| {
        let pair = js_sys::Array::from(&pair);
        Some((pair.get(0).as_string()?, js_sys::Uint8Array::new(&pair.get(1)).to_vec()))
    };
    Ok(js_sys::Array::from(&files).iter().filter_map(file).collect())
}

#[component]
pub fn Packages() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let track = RwSignal::new(String::new());
    let standard = RwSignal::new(Standard::Scorm2004);
    let said = RwSignal::new(None::<String>);
    let make = move |_| {
        let Some(course) = l.course.get_untracked() else { return };
        let (lang, standard) = (s.lang.get_untracked(), standard.get_untracked());
        let track = Some(track.get_untracked()).filter(|t| !t.is_empty());
        let Some(content) = package::content(&course, track.as_deref(), lang) else { return };
        said.set(Some(l.say("lessons.packing", &[])));
        leptos::task::spawn_local(async move {
            match site().await {
                Ok(files) => {
                    let zip = package::build(standard, &content, lang, &files);
                    let bytes = js_sys::Uint8Array::from(zip.as_slice());
                    leave::save(&format!("{}-{}.zip", content.id, standard.name()), "application/zip", &bytes);
                    said.set(None);
                }
                Err(why) => said.set(Some(l.say("lessons.not_packed", &[("why", &why)]))),
            }
        });
    };
    let name = |standard: Standard| match standard {
        Standard::Scorm12 => "SCORM 1.2",
        Standard::Scorm2004 => "SCORM 2004",
        Standard::Xapi => "xAPI",
    };
    let choose = move |event| standard.set(Standard::read(&event_target_value(&event)).unwrap_or(Standard::Scorm2004));
    view! {
        <section class="box" aria-labelledby="package-title">
            <h3 id="package-title">{s.t("lessons.package")}</h3>
            <p class="t-soft">{s.t("lessons.package_text")}</p>
            <div class="row">
                <label>
                    {s.t("lessons.what")}
                    <select class="field package-what" on:change=move |event| track.set(event_target_value(&event))>
                        <option value="">{s.t("lessons.whole_course")}</option>
                        {move || {
                            let course = l.course.get().unwrap_or_default();
                            course.tracks.iter().map(|t| view! { <option value=t.id.to_string()>{track_name(t, s.lang.get())}</option> }).collect_view()
                        }}
                    </select>
                </label>
                <label>
                    {s.t("lessons.standard")}
                    <select class="field package-standard" on:change=choose prop:value=move || standard.get().name()>
                        {Standard::ALL.map(|each| view! { <option value=each.name() selected=each == Standard::Scorm2004>{name(each)}</option> }).collect_view()}
                    </select>
                </label>
                <button type="button" class="btn btn-primary make-package" on:click=make>{s.t("lessons.make_package")}</button>
                <span role="status">{said}</span>
            </div>
        </section>
    }
}
