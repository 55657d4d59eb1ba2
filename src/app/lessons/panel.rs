//! The lesson panel above the editor, and what the header says of the lesson.

use giljabi::lesson::course::GUEST;
use giljabi::lesson::model::Action;
use giljabi::lesson::{Lesson, StepState};
use leptos::prelude::*;
use smol_str::SmolStr;

use super::forget::Forget;
use super::parts::{Done, name_of_track, stars};
use super::route::Route;
use super::step::{StepView, kind_id};
use super::write::tape::Recorder;
use super::{lessons, print, prose};
use crate::app::erased::Show;
use crate::app::scenario::settings;
use crate::app::session::session;

/// Track, lesson and a dot for each step, in the header; the scenario's name in free play.
#[component]
pub fn Crumb() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let in_lesson = move || {
        let lesson = l.lesson()?;
        let words = l.words(&lesson.id)?;
        let course = l.course.get()?;
        let track = name_of_track(&course, &lesson.track, s.lang.get());
        let track = if track.is_empty() { s.tx("lessons.guest", &[]) } else { track };
        Some(view! {
            <p class="crumb"><span class="crumb-track">{track}" › "</span><b>{words.title}</b></p>
            <Dots lesson/>
        })
    };
    move || match in_lesson() {
        Some(crumb) => crumb.into_any(),
        None => view! { <p class="crumb">{super::super::scenario::title(s)}</p> }.into_any(),
    }
}

#[component]
fn Dots(lesson: Lesson) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let id = lesson.id.clone();
    let dot = move |(at, step): (usize, giljabi::lesson::model::Step)| {
        let state = Memo::new(move |_| l.report.read().as_ref().and_then(|r| r.steps.get(at).map(|s| s.state)));
        let class = move || match state.get() {
            Some(StepState::Passed) => "dot dot-passed",
            Some(StepState::Open) => "dot dot-open",
            _ => "dot",
        };
        let (lesson, step) = (id.clone(), step.id);
        let title = move || l.words(&lesson).and_then(|w| w.step(&step).map(|s| s.title.clone())).unwrap_or_default();
        let label = move || {
            let said = match state.get() {
                Some(StepState::Passed) => "lessons.step_passed",
                Some(StepState::Open) => "lessons.step_open",
                _ => "lessons.step_later",
            };
            format!("{}. {} — {}", at + 1, title(), s.tx(said, &[]))
        };
        view! {
            <li>
                <button
                    type="button"
                    class=class
                    aria-current=move || (l.shown.get() == at).then_some("step")
                    aria-label=label.clone()
                    title=label
                    disabled=move || !s.presenter.get() && !matches!(state.get(), Some(StepState::Passed | StepState::Open))
                    on:click=move |_| l.show_step(at)
                ></button>
            </li>
        }
    };
    view! {
        <ol class="dots" aria-label=s.t("lessons.steps")>
            {lesson.steps.iter().cloned().enumerate().map(dot).collect_view()}
        </ol>
    }
}

/// The panel: nothing but the scenarios' one while no lesson is open.
#[component]
pub fn LessonPanel() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let lesson = Memo::new(move |_| l.lesson());
    move || match lesson.get().filter(|_| l.trouble.read().is_none()) {
        Some(lesson) => view! { <Panel lesson/> }.into_any(),
        None => view! {
            <section class="task" aria-labelledby="task-title">
                <h2 id="task-title">{s.t("lessons.lesson")}</h2>
                {move || match l.trouble.get() {
                    Some(why) => view! { <p class="bad" role="alert">{why}</p> }.into_any(),
                    None => view! { <p role="status">{s.t("lessons.loading")}</p> }.into_any(),
                }}
                <a class="btn" href="#/lessons">{s.t("lessons.map")}</a>
            </section>
        }
        .into_any(),
    }
}

#[component]
fn Panel(lesson: Lesson) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let id = lesson.id.clone();
    let words = Memo::new(move |_| l.words(&id).unwrap_or_default());
    let count = lesson.steps.len();
    let at = move || l.shown.get().min(count.saturating_sub(1));
    let state = move || l.report.read().as_ref().and_then(|r| r.steps.get(at()).map(|s| s.state));
    let passed = Memo::new(move |_| state() == Some(StepState::Passed));
    let solved = Memo::new(move |_| l.report.read().as_ref().is_some_and(|r| r.solved));
    let last = Memo::new(move |_| at() + 1 == count);
    let steps = lesson.steps.clone();
    let title = move || {
        let id = steps.get(at()).map(|s| s.id.clone()).unwrap_or_default();
        words.read().step(&id).map(|w| w.title.clone()).unwrap_or_default()
    };
    // Steps whose checks send a request: now that it works, it can be watched.
    let asks: Vec<bool> = lesson.steps.iter().map(|s| s.checks.iter().any(|c| c.check.request().is_some())).collect();
    let asks = StoredValue::new(asks);
    let asks = move || asks.with_value(|asks| asks.get(at()).copied().unwrap_or(false));
    let kinds: Vec<_> = lesson.steps.iter().map(|s| s.kind).collect();
    let kind = move || kinds.get(at()).map(|k| s.tx(kind_id(*k), &[]));
    let number = move || s.tx("lessons.step_of", &[("n", &(at() + 1).to_string()), ("of", &count.to_string())]);
    let go_on = move |_| {
        l.show_step(at() + 1);
        crate::app::focus_on("task-title");
    };
    let (shown, ended, plugged, tail) = (lesson.clone(), lesson.clone(), lesson.clone(), lesson);
    view! {
        <section class="task lesson" aria-labelledby="task-title">
            <Recorder/>
            <p class="step-number"><span class="kind">{kind}</span>" "{number}</p>
            <h2 id="task-title" tabindex="-1">{title}</h2>
            <Show when=move || at() == 0>
                <div class="intro">{move || prose::blocks(&words.read().intro).into_any()}</div>
            </Show>
            {move || view! { <StepView lesson=shown.clone() at=at()/> }}
            <div role="status">
                <Show when=move || passed.get() && !(solved.get() && last.get())>
                    <p class="passed good"><span aria-hidden="true">"✓ "</span>{s.t("lessons.passed")}</p>
                </Show>
            </div>
            <p class="help-row">
                <Show when=move || (passed.get() || s.presenter.get()) && !last.get()>
                    <button type="button" id="go-on" class="btn btn-primary go-on" on:click=go_on>{s.t("lessons.go_on")}</button>
                </Show>
                <Show when=move || passed.get() && asks()>
                    <button type="button" class="btn watch" on:click=move |_| l.watch_it()>{s.t("lessons.watch")}</button>
                </Show>
            </p>
            <Show when=move || solved.get() && last.get()>
                <Solved lesson=ended.clone()/>
            </Show>
            <Plugs lesson=plugged/>
            <Tail lesson=tail/>
        </section>
    }
}

/// The nodes' plugs, in a lesson in which one is pulled, and for an author who records.
#[component]
fn Plugs(lesson: Lesson) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let pulls = |action: &Action| matches!(action, Action::Power { .. });
    let used = lesson.before.iter().any(pulls)
        || lesson.solutions.iter().chain(&lesson.wrong).any(|walk| walk.actions.iter().any(pulls));
    let nodes = Memo::new(move |_| {
        let state = s.painted.get();
        state.store.list("Node").map(|n| (n.name().to_string(), s.is_powered(n.name()))).collect::<Vec<_>>()
    });
    view! {
        <Show when=move || used || l.tape.read().is_some()>
            <fieldset class="plugs">
                <legend>{s.t("world.power")}</legend>
                {move || settings::power(nodes.get(), move |node, up| l.power(node, up))}
            </fieldset>
        </Show>
    }
}

/// Pieces of confetti over a lesson that has just been solved.
const CONFETTI: usize = 18;

/// Why it is right, the line to keep, and where to go on.
#[component]
fn Solved(lesson: Lesson) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let id = lesson.id.clone();
    let words = Memo::new(move |_| l.words(&id).unwrap_or_default());
    let report = move || l.report.get();
    let points = move || {
        report().map(|r| s.tx("lessons.points", &[("points", &r.points.to_string()), ("of", &r.of.to_string())]))
    };
    let why_fewer = {
        let par = lesson.par;
        let id = lesson.id.clone();
        move || {
            let book = l.book.read();
            let progress = &book.get(&id)?.progress;
            let said = if progress.hints() > 0 {
                Some("lessons.star_hints")
            } else if par.is_some_and(|par| progress.edits > par) {
                Some("lessons.star_edits")
            } else {
                None
            };
            said.map(|id| s.tx(id, &[("par", &par.unwrap_or(0).to_string())]))
        }
    };
    // How far the track is done with it.
    let track = lesson.track.clone();
    let ids: Vec<SmolStr> = l
        .course
        .get_untracked()
        .map_or(Vec::new(), |course| course.of_track(&track).map(|lesson| lesson.id.clone()).collect());
    let count = ids.len();
    let done = move || ids.iter().filter(|id| l.book.read().is_solved(id)).count();
    let all_done = done.clone();
    let track_words = move || {
        let course = l.course.get().unwrap_or_default();
        let name = name_of_track(&course, &track, s.lang.get());
        let whole = count > 0 && all_done() == count;
        let ours = |lesson: &&Lesson| !lesson.id.starts_with(GUEST);
        let course_done = whole && course.lessons.iter().filter(ours).all(|lesson| l.book.read().is_solved(&lesson.id));
        match (course_done, whole) {
            (true, _) => s.tx("lessons.course_done", &[]),
            (_, true) => s.tx("lessons.track_done", &[("track", &name)]),
            _ => name,
        }
    };
    let (next_id, own) = (lesson.id.clone(), lesson.id.clone());
    let of = next_id.clone();
    let is_last = Memo::new(move |_| l.next(&of).is_none());
    let next = move || {
        let next = l.next(&next_id)?;
        let title = l.words(&next).map(|w| w.title).unwrap_or_default();
        Some(
            view! { <a class="btn btn-primary" href=Route::Lesson(next.to_string()).hash()>{s.t("lessons.next")}": "{title}</a> },
        )
    };
    view! {
        <div class="solved" id="go-on" tabindex="-1" class:cheer=move || l.cheer.get() role="status">
            <Show when=move || l.cheer.get()>
                <span class="confetti" aria-hidden="true">{(0..CONFETTI).map(|_| view! { <i></i> }).collect_view()}</span>
            </Show>
            <p class="solved-head">
                <b class="good">{s.t("lessons.solved")}</b>
                {move || report().map(|r| stars(r.stars))}
                <span class="t-soft">{points}</span>
            </p>
            <div>{move || prose::blocks(&words.read().solved).into_any()}</div>
            <p class="t-soft">{why_fewer}</p>
            <p class="solved-track">
                <Done done=Signal::derive(done) of=Signal::derive(move || count)/>
                <span>{track_words}</span>
            </p>
            <p class="cheat"><b>{s.t("lessons.cheat")}</b>" "{move || prose::line(&words.read().cheat).into_any()}</p>
            <p class="solved-next">
                {next}
                <Show when=move || is_last.get()>
                    <a class="btn btn-primary" href=Route::Lessons(None).hash()>{s.t("lessons.to_map")}</a>
                </Show>
                <Show when=move || l.assignment.read().as_ref().is_some_and(|(_, a)| a.lessons.contains(&own))>
                    <a class="btn" href=move || l.assignment.read().as_ref().map(|(code, _)| Route::Assignment(code.clone()).hash())>{s.t("lessons.hand_in")}</a>
                </Show>
            </p>
        </div>
    }
}

/// Start over, the note heading that the lesson comes from, the documentation.
#[component]
fn Tail(lesson: Lesson) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let (notes, own) = (lesson.notes.clone(), lesson.id.to_string());
    let (forget_id, titled) = (lesson.id.to_string(), lesson.id.clone());
    let title = Signal::derive(move || l.words(&titled).map(|w| w.title).unwrap_or_default());
    let headings = move || {
        let Some(course) = l.course.get() else { return Vec::new() };
        let ko = s.lang.get() == giljabi::locale::Lang::Ko;
        let found = notes.iter().filter_map(|id| course.headings.iter().find(|h| h.id == *id));
        found.map(|h| (h.id.to_string(), if ko { h.title.to_string() } else { h.english.to_string() })).collect()
    };
    view! {
        <div class="tail">
            <button type="button" class="btn" on:click=move |_| l.start_over()>{s.t("task.start_over")}</button>
            <Show when=move || l.before.read().is_some()>
                <button type="button" class="btn" on:click=move |_| l.take_back()>{s.t("lessons.take_back")}</button>
            </Show>
            <Forget id=forget_id title words=true/>
            <button type="button" class="btn" on:click=move |_| print::print(l, vec![own.clone()])>{s.t("lessons.print")}</button>
            <span class="push"></span>
            <details class="sources">
                <summary>{s.t("lessons.sources")}</summary>
                <ul>
                    {move || {
                        let link = |(id, title): (String, String)| {
                            let to = format!("{}?at={id}", Route::Notes.hash());
                            view! { <li><a href=to>{s.t("lessons.note")}" "{id}" · "{title}</a></li> }
                        };
                        headings().into_iter().map(link).collect_view()
                    }}
                    {lesson
                        .docs
                        .iter()
                        .map(|path| {
                            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_string();
                            view! { <li><a href=format!("https://kubernetes.io/{path}") target="_blank" rel="noopener noreferrer">"kubernetes.io · "{name}</a></li> }
                        })
                        .collect_view()}
                </ul>
            </details>
        </div>
    }
}

/// The way to the lesson map, or out of it again.
#[component]
pub fn MapButton() -> impl IntoView {
    let (l, s) = (lessons(), session());
    let away = move || l.route.read().is_desk();
    let back = move || match l.open.get() {
        Some(id) => Route::Lesson(id.to_string()).hash(),
        None => Route::Free.hash(),
    };
    view! {
        <a class="btn" href=move || if away() { Route::Lessons(None).hash() } else { back() }>
            {move || s.tx(if away() { "lessons.map" } else { "lessons.back" }, &[])}
        </a>
    }
}
