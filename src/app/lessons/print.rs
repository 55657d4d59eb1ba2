//! Print sheets: a lesson's tasks with boxes to tick, on paper. What is on the sheet is the library's.

use giljabi::lesson::qr;
use giljabi::lesson::sheet::sheet;
use leptos::prelude::*;

use super::route::{self, Route};
use super::{Lessons, lessons, prose};
use crate::app::session::session;

/// Prints the sheets of some lessons, each on a page of its own.
pub fn print(l: Lessons, ids: Vec<String>) {
    l.printing.set(ids);
    request_animation_frame(move || {
        // A browser that cannot print says so itself.
        let _ = window().print();
        l.printing.set(Vec::new());
    });
}

/// The sheets that are being printed; on the screen they are not seen.
#[component]
pub fn Sheets() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let one = move |id: String| {
        let course = l.course.get()?;
        let (lesson, words) = (course.lesson(&id)?, l.words(&id)?);
        let text = sheet(lesson, &words, &course, s.lang.get());
        // From paper back to the page, where the page has an address that others can reach.
        let link = route::address(&Route::Lesson(id));
        let code = qr::draw(&link).map(|drawn| {
            let size = format!("0 0 {0} {0}", drawn.side);
            view! { <svg viewBox=size shape-rendering="crispEdges"><path d=drawn.path></path></svg> }
        });
        Some(
            view! { <article class="paper"><div class="paper-link">{code}{link}</div>{prose::blocks(&text)}</article> },
        )
    };
    view! { <div class="sheets" aria-hidden="true">{move || l.printing.get().into_iter().filter_map(one).collect_view()}</div> }
}
