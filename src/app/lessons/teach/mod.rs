//! The teacher's page: set an assignment, read what was handed in, print sheets, take the course to a learning platform. All
//! of it happens in this browser.

mod assign;
mod package;
mod results;

use giljabi::lesson::Course;
use giljabi::lesson::course::GUEST;
use giljabi::locale::Lang;
use leptos::prelude::*;
use smol_str::SmolStr;

use super::parts::track_name;
use super::{Lessons, lessons, print};
use crate::app::session::session;

#[component]
pub fn Teach() -> impl IntoView {
    let s = session();
    view! {
        <div class="page-head">
            <h2 class="page-title">{s.t("lessons.teach")}</h2>
            <span class="push"></span>
            <a class="btn" href="#/lessons">{s.t("lessons.map")}</a>
        </div>
        <p class="t-soft">{s.t("lessons.teach_text")}</p>
        <assign::Assign/>
        <results::Results/>
        <Sheets/>
        <package::Packages/>
    }
}

/// A lesson's title in the language of now.
fn title(l: Lessons, id: &str) -> String {
    l.words(id).map_or_else(|| id.to_string(), |w| w.title)
}

/// Every lesson as an option, by track; for a choice of one.
pub fn lesson_options(l: Lessons, course: &Course, lang: Lang) -> impl IntoView + use<> {
    let groups = course.tracks.iter().map(|track| {
        let own: Vec<SmolStr> =
            course.of_track(&track.id).filter(|x| !x.id.starts_with(GUEST)).map(|x| x.id.clone()).collect();
        let options = own.into_iter().map(|id| {
            let words = title(l, &id);
            view! { <option value=id.to_string()>{words}</option> }
        });
        view! { <optgroup label=track_name(track, lang)>{options.collect_view()}</optgroup> }
    });
    groups.collect_view()
}

/// Print sheets: of one lesson, or of a whole track.
#[component]
fn Sheets() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let lesson = RwSignal::new(String::new());
    let track = RwSignal::new(String::new());
    let course = move || l.course.get().unwrap_or_default();
    let first = move || course().lessons.first().map(|x| x.id.to_string()).unwrap_or_default();
    let print_one = move |_| {
        let chosen = lesson.get_untracked();
        print::print(l, vec![if chosen.is_empty() { first() } else { chosen }]);
    };
    let print_track = move |_| {
        let course = course();
        let chosen = track.get_untracked();
        let chosen = if chosen.is_empty() {
            course.tracks.first().map(|t| t.id.to_string()).unwrap_or_default()
        } else {
            chosen
        };
        print::print(l, course.of_track(&chosen).map(|x| x.id.to_string()).collect());
    };
    view! {
        <section class="box" aria-labelledby="sheets-title">
            <h3 id="sheets-title">{s.t("lessons.sheets")}</h3>
            <p class="t-soft">{s.t("lessons.sheets_text")}</p>
            <div class="row">
                <label>
                    {s.t("lessons.lesson")}
                    <select class="field" on:change=move |event| lesson.set(event_target_value(&event))>
                        {move || lesson_options(l, &course(), s.lang.get())}
                    </select>
                </label>
                <button type="button" class="btn" on:click=print_one>{s.t("lessons.print")}</button>
                <label>
                    {s.t("lessons.track")}
                    <select class="field" on:change=move |event| track.set(event_target_value(&event))>
                        {move || course().tracks.iter().map(|t| view! { <option value=t.id.to_string()>{track_name(t, s.lang.get())}</option> }).collect_view()}
                    </select>
                </label>
                <button type="button" class="btn" on:click=print_track>{s.t("lessons.print_track")}</button>
            </div>
        </section>
    }
}
