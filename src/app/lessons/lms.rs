//! The learning platform that opened the page, if one did: `assets/lms/bridge.js` in the package talks to it. Progress goes
//! there after every step, and comes back from there at the next visit.

use giljabi::lesson::record::{self, SavedLesson};
use giljabi::lesson::{File, Lesson};
use js_sys::{Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::Lessons;
use super::route::Route;
use crate::app::session::kept_names;
use crate::app::{keep, leave};

/// A value of the page's address before the fragment: `?lms=first&lang=ko`.
fn parameter(name: &str) -> Option<String> {
    let search = window().location().search().ok()?;
    let pairs = search.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string())
}

/// The bridge, where a platform has opened the page.
fn bridge() -> Option<JsValue> {
    Reflect::get(&window(), &"giljabiLms".into()).ok().filter(|b| b.is_object())
}

/// The track that was packed; `all` is the whole course.
fn packed() -> Option<String> {
    parameter("lms")
}

/// Takes in what the platform knows of this learner, and opens what the package holds.
pub fn connect(l: Lessons) {
    let Some(track) = packed() else { return };
    if let Some(lang) = parameter("lang") {
        l.s.lang.set(giljabi::locale::Lang::from_tag(&lang));
    }
    if l.route.get_untracked() == Route::Free {
        l.route.set(Route::Lessons(Some(track).filter(|t| t != "all")));
    }
    let Some(bridge) = bridge() else { return };
    leptos::task::spawn_local(async move {
        // A record store on the network answers when it can.
        if let Some(ready) = Reflect::get(&bridge, &"ready".into()).ok().and_then(|r| r.dyn_into::<Promise>().ok()) {
            // Without an answer there is no state of an earlier visit.
            let _ = JsFuture::from(ready).await;
        }
        let state = Reflect::get(&bridge, &"state".into()).ok().and_then(|s| s.as_string()).unwrap_or_default();
        // The browser may be one that many pupils share: what counts is what the platform knows of this one.
        l.forget(None);
        if let Some(text) = leave::unpack(&state).await.ok().and_then(|t| t.as_string()) {
            // A state of a newer version says nothing to this one; the learner begins anew.
            let _ = l.book.try_update(|book| book.load(&text));
        }
        tell(l);
    });
}

/// Tells the platform how things stand.
pub fn tell(l: Lessons) {
    if bridge().is_none() {
        return;
    }
    leptos::task::spawn_local(async move { report(l).await });
}

async fn report(l: Lessons) {
    let (Some(bridge), Some(track), Some(course)) = (bridge(), packed(), l.course.get_untracked()) else { return };
    let own = |lesson: &&Lesson| lesson.track == track || (track == "all" && !lesson.id.starts_with('~'));
    let lessons: Vec<&Lesson> = course.lessons.iter().filter(own).collect();
    let book = l.book.get_untracked();
    let (mut points, mut of, mut solved) = (0, 0, true);
    for lesson in &lessons {
        points += book.get(&lesson.id).and_then(|r| r.best.as_ref()).map_or(0, |b| b.points);
        of += lesson.steps.iter().map(|s| s.points).sum::<u32>();
        solved &= book.is_solved(&lesson.id);
    }
    let saved = |with_files: bool| {
        let of_lesson = |lesson: &&Lesson| {
            let kept = keep::read(&kept_names(&lesson.id)[0]).as_deref().and_then(keep::pairs_from_json);
            let files = kept.filter(|_| with_files).unwrap_or_default().into_iter();
            Some(SavedLesson {
                id: lesson.id.clone(),
                record: book.get(&lesson.id)?.clone(),
                files: files.map(|(name, text)| File { name: name.into(), text }).collect(),
            })
        };
        record::write(&lessons.iter().filter_map(of_lesson).collect::<Vec<_>>())
    };
    // Platforms keep so many characters; the learner's files are left out where they do not fit.
    let most = Reflect::get(&bridge, &"most".into()).ok().and_then(|m| m.as_f64()).unwrap_or(4_096.0) as usize;
    let mut state = String::new();
    for with_files in [true, false] {
        let packed = leave::pack(&saved(with_files)).await.ok().and_then(|t| t.as_string()).unwrap_or_default();
        if packed.len() <= most {
            state = packed;
            break;
        }
    }
    let detail = Object::new();
    for (name, value) in [
        ("points", JsValue::from(points)),
        ("of", JsValue::from(of)),
        ("solved", JsValue::from(solved)),
        ("state", JsValue::from(state)),
    ] {
        // A fresh object takes any property.
        let _ = Reflect::set(&detail, &name.into(), &value);
    }
    if let Some(report) = Reflect::get(&bridge, &"report".into()).ok().and_then(|r| r.dyn_into::<Function>().ok()) {
        // What the platform refuses it will be told again after the next step.
        let _ = report.call1(&bridge, &detail);
    }
}
