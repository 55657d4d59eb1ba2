//! The lesson map: every track with its lessons, what is done, stars; the assignment, if a teacher set one; and the way to
//! carry progress to another machine.

use giljabi::lesson::assignment::Assignment;
use giljabi::lesson::course::{GUEST, Track};
use giljabi::lesson::record::MAX_BYTES;
use giljabi::lesson::result::{LessonResult, ResultFile};
use giljabi::lesson::{Course, Lesson};
use leptos::prelude::*;
use smol_str::SmolStr;
use std::sync::Arc;
use wasm_bindgen::JsCast;

use super::forget::Forget;
use super::parts::{Done, Standing, track_name};
use super::route::Route;
use super::step::kind_id;
use super::{Lessons, lessons};
use crate::app::erased::Show;
use crate::app::leave;
use crate::app::session::session;

#[component]
pub fn LessonMap() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let only = match l.route.get_untracked() {
        Route::Lessons(track) => track,
        _ => None,
    };
    let course = move || l.course.get().unwrap_or_default();
    let ours = move || course().lessons.iter().filter(|lesson| !lesson.id.starts_with(GUEST)).count();
    let done = move || {
        let book = l.book.read();
        course().lessons.iter().filter(|lesson| !lesson.id.starts_with(GUEST) && book.is_solved(&lesson.id)).count()
    };
    view! {
        <div class="page-head">
            <h2 class="page-title">{s.t("lessons.map")}</h2>
            <Done done=Signal::derive(done) of=Signal::derive(ours)/>
            <span class="push"></span>
            <Show when=move || l.assignment.read().is_none()>
                <GoOn lessons=Signal::derive(move || {
                    let course = course();
                    course.lessons.iter().filter(|x| !x.id.starts_with(GUEST)).map(|x| x.id.clone()).collect()
                })/>
            </Show>
            <a class="btn" href="#/">{s.t("lessons.free")}</a>
            <a class="btn" href="#/notes">{s.t("lessons.notes")}</a>
        </div>
        <Show when=move || l.assignment.read().is_some()>
            <Set/>
        </Show>
        <div class="tracks">
            {move || {
                let course = course();
                let shown = course.tracks.iter().filter(|t| only.as_ref().is_none_or(|o| t.id == *o));
                shown.map(|track| view! { <TrackCard track=track.clone() course=course.clone()/> }).collect_view()
            }}
        </div>
        <Carry/>
    }
}

#[component]
fn TrackCard(track: Track, course: Arc<Course>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let own: Vec<Lesson> = course.of_track(&track.id).cloned().collect();
    let ids: Vec<SmolStr> = own.iter().map(|lesson| lesson.id.clone()).collect();
    let count = ids.len();
    let done = Signal::derive(move || ids.iter().filter(|id| l.book.read().is_solved(id)).count());
    let name = {
        let track = track.clone();
        move || track_name(&track, s.lang.get())
    };
    view! {
        <section class="track-card" aria-labelledby=format!("track-{}", track.id)>
            <div class="track-head">
                <h3 id=format!("track-{}", track.id)>{name}</h3>
                <Done done of=Signal::derive(move || count)/>
            </div>
            <LessonList lessons=own/>
        </section>
    }
}

/// Lessons in their order, each a link with how it stands: by itself, or in the assignment that is `set`.
#[component]
fn LessonList(lessons: Vec<Lesson>, #[prop(optional)] set: bool) -> impl IntoView {
    let (l, s) = (super::lessons(), session());
    let row = move |lesson: Lesson| {
        let id = lesson.id.clone();
        let title = move || l.words(&id).map(|w| w.title).unwrap_or_else(|| id.to_string());
        let name = title.clone();
        let solved = {
            let id = lesson.id.clone();
            move || if set { l.counts(&id).is_some_and(|r| r.solved) } else { l.book.read().is_solved(&id) }
        };
        let here = {
            let id = lesson.id.clone();
            move || l.open.get().is_some_and(|open| open == id)
        };
        let mut kinds: Vec<&'static str> = lesson.steps.iter().map(|step| kind_id(step.kind)).collect();
        kinds.dedup();
        let kinds = move || kinds.iter().map(|id| s.tx(id, &[])).collect::<Vec<_>>().join(" · ");
        view! {
            <li class:done-lesson=solved>
                <a href=Route::Lesson(lesson.id.to_string()).hash() aria-current=move || here().then_some("true")>
                    <span class="lesson-title">{title}</span>
                    <span class="lesson-kinds">{kinds}</span>
                </a>
                <Standing id=lesson.id.to_string() set/>
                <Forget id=lesson.id.to_string() title=Signal::derive(name)/>
            </li>
        }
    };
    view! { <ol class="lesson-list">{lessons.into_iter().map(row).collect_view()}</ol> }
}

/// The way to the first of these lessons that is not done yet, so that nobody has to look for it; nothing when all are.
#[component]
fn GoOn(lessons: Signal<Vec<SmolStr>>, #[prop(optional)] set: bool) -> impl IntoView {
    let (l, s) = (super::lessons(), session());
    let solved = move |id: &str| {
        if set { l.counts(id).is_some_and(|r| r.solved) } else { l.book.read().is_solved(id) }
    };
    move || {
        let ids = lessons.get();
        let next = ids.iter().position(|id| !solved(id))?;
        let title = l.words(&ids[next]).map_or_else(|| ids[next].to_string(), |w| w.title);
        let said = if next == 0 { "lessons.begin_with" } else { "lessons.go_on_with" };
        let to = Route::Lesson(ids[next].to_string()).hash();
        Some(view! { <a class="btn next-lesson" href=to>{s.tx(said, &[("title", &title)])}</a> })
    }
}

/// The assignment: its lessons in order, and the file to hand in.
#[component]
fn Set() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let own = move || {
        let course = l.course.get().unwrap_or_default();
        let assignment = l.assignment.read();
        let ids = assignment.as_ref().map(|(_, a)| a.lessons.clone()).unwrap_or_default();
        ids.iter().filter_map(|id| course.lesson(id).cloned()).collect::<Vec<_>>()
    };
    let name = RwSignal::new(crate::app::keep::read("name").unwrap_or_default());
    let hand_in = move |_| {
        let Some((code, assignment)) = l.assignment.get_untracked() else { return };
        crate::app::keep::write("name", &name.read_untracked());
        let text = result_file(l, &name.get_untracked(), &code, &assignment).write();
        let who: String = name.read_untracked().chars().filter(|c| c.is_alphanumeric()).collect();
        let file = if who.is_empty() { "giljabi-result.txt".to_string() } else { format!("giljabi-result-{who}.txt") };
        leave::save(&file, "text/plain", &text.into());
    };
    view! {
        <section class="assignment" aria-labelledby="assignment-title">
            <h3 id="assignment-title">{s.t("lessons.assignment")}</h3>
            {move || view! { <LessonList lessons=own() set=true/> }}
            <p><GoOn lessons=Signal::derive(move || own().iter().map(|x| x.id.clone()).collect()) set=true/></p>
            <div class="hand-in">
                <label>
                    {s.t("lessons.name")}
                    <input
                        class="field"
                        type="text"
                        maxlength="60"
                        autocomplete="off"
                        prop:value=move || name.get()
                        on:input=move |event| name.set(event_target_value(&event))
                    />
                </label>
                <button type="button" class="btn btn-primary" on:click=hand_in>{s.t("lessons.hand_in")}</button>
                <button type="button" class="btn" on:click=move |_| l.end_assignment()>{s.t("lessons.end_assignment")}</button>
            </div>
            <p class="t-soft">{s.t("lessons.sealed")}</p>
        </section>
    }
}

/// What is handed in for an assignment.
fn result_file(l: Lessons, name: &str, code: &str, assignment: &Assignment) -> ResultFile {
    let course = l.course.get_untracked().unwrap_or_default();
    let of = |id: &SmolStr| untrack(|| l.counts(id)).or_else(|| course.lesson(id).map(LessonResult::untouched));
    ResultFile {
        name: name.to_string(),
        assignment: code.to_string(),
        lessons: assignment.lessons.iter().filter_map(of).collect(),
    }
}

/// Progress as a file, from a file, and away with it.
#[component]
fn Carry() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let said = RwSignal::new(None::<String>);
    let asked = RwSignal::new(false);
    let save = move |_| {
        leave::save("giljabi-progress.txt", "text/plain", &l.book.read_untracked().save().into());
    };
    let load = move |event: leptos::ev::Event| {
        let Some(input) = event.target().and_then(|t| t.dyn_into::<web_sys::HtmlInputElement>().ok()) else { return };
        leptos::task::spawn_local(async move {
            let files = picked(&input, MAX_BYTES).await;
            let Some((name, text)) = files.into_iter().next() else { return };
            let mut loaded = Ok(0);
            l.book.update(|book| loaded = book.load(&text));
            l.look_soon();
            super::lms::tell(l);
            said.set(Some(match loaded {
                Ok(count) => l.say("lessons.loaded", &[("n", &count.to_string())]),
                Err(bad) => format!("{name}:{}: {}", bad.line, bad.message.text(s.lang.get_untracked())),
            }));
        });
    };
    view! {
        <section class="carry" aria-label=s.t("lessons.carry")>
            <button type="button" class="btn" on:click=save>{s.t("lessons.save")}</button>
            <label class="btn pick-file">
                {s.t("lessons.load")}
                <input type="file" class="sr-only" accept=".txt,text/plain" on:change=load/>
            </label>
            <Show
                when=move || asked.get()
                fallback=move || view! { <button type="button" class="btn" on:click=move |_| asked.set(true)>{s.t("lessons.reset_all")}</button> }
            >
                <span role="alert">{s.t("lessons.reset_sure")}</span>
                <button
                    type="button"
                    class="btn bad"
                    on:click=move |_| {
                        l.forget(None);
                        asked.set(false);
                    }
                >
                    {s.t("lessons.reset_yes")}
                </button>
                <button type="button" class="btn" on:click=move |_| asked.set(false)>{s.t("lessons.reset_no")}</button>
            </Show>
            <p role="status">{said}</p>
            <span class="push"></span>
            <a class="btn" href="#/teach">{s.t("lessons.teach")}</a>
            <a class="btn" href="#/write">{s.t("lessons.write")}</a>
        </section>
    }
}

/// The files that somebody picked, and the input ready to be used again.
pub async fn picked(input: &web_sys::HtmlInputElement, most: usize) -> Vec<(String, String)> {
    let files = js_sys::Reflect::get(input, &"files".into()).unwrap_or_default();
    let texts = texts_of(&files, most).await;
    input.set_value("");
    texts
}

/// The texts of a list of files. A file that cannot be read is not among them.
pub async fn texts_of(files: &wasm_bindgen::JsValue, most: usize) -> Vec<(String, String)> {
    let Ok(read) = super::read_files(files, most as f64).await else { return Vec::new() };
    let pair = |pair: wasm_bindgen::JsValue| {
        let pair = js_sys::Array::from(&pair);
        Some((pair.get(0).as_string()?, pair.get(1).as_string()?))
    };
    js_sys::Array::from(&read).iter().filter_map(pair).collect()
}
