//! The map of the notes: every heading of the five notes, the lessons that cover it, and how far they are done.

use giljabi::lesson::Course;
use giljabi::lesson::course::Heading;
use giljabi::locale::Lang;
use leptos::prelude::*;
use smol_str::SmolStr;

use super::lessons;
use super::parts::{Done, Standing};
use super::route::{self, Route};
use crate::app::session::session;

/// The number of the note that a heading stands in: the part of its id before the hyphen.
fn note_of(heading: &Heading) -> String {
    heading.id.split('-').next().unwrap_or_default().to_string()
}

#[component]
pub fn Notes() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let course = move || l.course.get().unwrap_or_default();
    let all = move || course().headings.iter().map(|h| h.id.clone()).collect::<Vec<_>>();
    let done = move || all().iter().filter(|id| is_done(&course(), &l.book.read(), id)).count();
    // A heading that somebody came for is brought into view.
    if let Some(at) = route::query("at") {
        request_animation_frame(move || {
            if let Some(element) = document().get_element_by_id(&format!("heading-{at}")) {
                element.scroll_into_view();
            }
            crate::app::focus_on(&format!("heading-{at}"));
        });
    }
    let notes = move || {
        let course = course();
        let mut notes: Vec<(String, Vec<Heading>)> = Vec::new();
        for heading in &course.headings {
            let note = note_of(heading);
            match notes.last_mut() {
                Some((last, of)) if *last == note => of.push(heading.clone()),
                _ => notes.push((note, vec![heading.clone()])),
            }
        }
        notes
    };
    view! {
        <div class="page-head">
            <h2 class="page-title">{s.t("lessons.notes")}</h2>
            <Done done=Signal::derive(done) of=Signal::derive(move || all().len())/>
            <span class="push"></span>
            <a class="btn" href="#/lessons">{s.t("lessons.map")}</a>
        </div>
        <p class="t-soft">{s.t("lessons.notes_text")}</p>
        {move || notes().into_iter().map(|(note, headings)| view! { <Note note headings/> }).collect_view()}
    }
}

/// Whether every lesson that covers a heading is solved.
fn is_done(course: &Course, book: &super::book::Book, heading: &str) -> bool {
    let mut covering = course.covering(heading).peekable();
    covering.peek().is_some() && covering.all(|lesson| book.is_solved(&lesson.id))
}

#[component]
fn Note(note: String, headings: Vec<Heading>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let ids: Vec<SmolStr> = headings.iter().map(|h| h.id.clone()).collect();
    let count = ids.len();
    let done = Signal::derive(move || {
        let course = l.course.get().unwrap_or_default();
        ids.iter().filter(|id| is_done(&course, &l.book.read(), id)).count()
    });
    let title = format!("note-{note}");
    view! {
        <section class="note" aria-labelledby=title.clone()>
            <div class="track-head">
                <h3 id=title.clone()>{s.t("lessons.note")}" "{note}</h3>
                <Done done of=Signal::derive(move || count)/>
            </div>
            <ol class="headings">{headings.into_iter().map(|heading| view! { <Row heading/> }).collect_view()}</ol>
        </section>
    }
}

#[component]
fn Row(heading: Heading) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let id = heading.id.clone();
    let covering = move || {
        let course = l.course.get().unwrap_or_default();
        course.covering(&id).map(|lesson| lesson.id.clone()).collect::<Vec<_>>()
    };
    let own = heading.id.clone();
    let state = Memo::new(move |_| {
        let course = l.course.get().unwrap_or_default();
        let book = l.book.read();
        let solved = course.covering(&own).filter(|lesson| book.is_solved(&lesson.id)).count();
        match solved {
            0 => 0,
            n if n == course.covering(&own).count() => 2,
            _ => 1,
        }
    });
    let mark = move || ["○", "◐", "●"][state.get()];
    let words =
        move || s.tx(["lessons.heading_open", "lessons.heading_half", "lessons.heading_done"][state.get()], &[]);
    let id = heading.id.clone();
    let title = move || if s.lang.get() == Lang::Ko { heading.title.to_string() } else { heading.english.to_string() };
    let lesson = move |id: SmolStr| {
        let of = id.clone();
        let name = move || l.words(&of).map(|w| w.title).unwrap_or_else(|| of.to_string());
        view! { <li><a href=Route::Lesson(id.to_string()).hash()>{name}</a>" "<Standing id=id.to_string()/></li> }
    };
    view! {
        <li class="heading" id=format!("heading-{id}") tabindex="-1">
            <span class="heading-mark" class:good=move || state.get() == 2 role="img" aria-label=words title=words>{mark}</span>
            <span class="mono t-soft">{id.to_string()}</span>
            <span class="heading-title">{title}</span>
            <ul class="heading-lessons">{move || covering().into_iter().map(lesson).collect_view()}</ul>
        </li>
    }
}
