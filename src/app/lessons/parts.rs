//! Small parts that several lesson screens share.

use giljabi::lesson::Course;
use giljabi::lesson::course::Track;
use giljabi::locale::Lang;
use leptos::prelude::*;

use super::lessons;
use crate::app::session::session;

/// A track's name.
pub fn track_name(track: &Track, lang: Lang) -> String {
    if lang == Lang::Ko { track.korean.to_string() } else { track.english.to_string() }
}

/// The name of the track with this id.
pub fn name_of_track(course: &Course, id: &str, lang: Lang) -> String {
    course.tracks.iter().find(|t| t.id == id).map(|t| track_name(t, lang)).unwrap_or_default()
}

/// Stars that were got, of three, as a picture with words.
pub fn stars(count: u8) -> impl IntoView {
    let s = session();
    let label = move || s.tx("lessons.stars", &[("n", &count.to_string())]);
    let got = "★".repeat(count.into());
    let rest = "☆".repeat(3_usize.saturating_sub(count.into()));
    view! { <span class="stars" role="img" aria-label=label title=label><b>{got}</b>{rest}</span> }
}

/// Where somebody stands with a lesson, in one mark with words; `set`: in the assignment.
#[component]
pub fn Standing(#[prop(into)] id: String, #[prop(optional)] set: bool) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let result = move || if set { l.counts(&id) } else { l.book.read().get(&id).and_then(|r| r.best.clone()) };
    move || match result() {
        Some(result) if result.solved => stars(result.stars).into_any(),
        Some(result) => {
            let (got, of) = (result.points.to_string(), result.of.to_string());
            let words = s.tx("lessons.begun", &[("points", &got), ("of", &of)]);
            view! { <span class="t-soft begun">{words}</span> }.into_any()
        }
        None => ().into_any(),
    }
}

/// How much of something is done, as a bar with words.
#[component]
pub fn Done(#[prop(into)] done: Signal<usize>, #[prop(into)] of: Signal<usize>) -> impl IntoView {
    let words = move || format!("{} / {}", done.get(), of.get());
    let share = move || format!("{:.1}%", done.get() as f64 * 100.0 / of.get().max(1) as f64);
    view! {
        <span class="done">
            <span class="done-bar" aria-hidden="true"><i style:width=share></i></span>
            <span class="done-words">{words}</span>
        </span>
    }
}
