//! One step of a lesson: its task, its checks with what is seen now, its question, its hints.

use giljabi::lesson::grade::CheckReport;
use giljabi::lesson::model::{Step, TaskKind};
use giljabi::lesson::text::StepWords;
use giljabi::lesson::{Lesson, StepReport, StepState, TurnHint};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::way::{Goal, Way};
use super::{Lessons, lessons, prose};
use crate::app::erased::Show;
use crate::app::session::{Pane, Session, Tab, session};

/// The message that names a kind of task.
pub fn kind_id(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Mend => "lessons.kind_mend",
        TaskKind::Build => "lessons.kind_build",
        TaskKind::Predict => "lessons.kind_predict",
        TaskKind::Explain => "lessons.kind_explain",
        TaskKind::Race => "lessons.kind_race",
        TaskKind::Terminal => "lessons.kind_terminal",
    }
}

/// The step that is shown.
#[component]
pub fn StepView(lesson: Lesson, at: usize) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let Some(step) = lesson.steps.get(at).cloned() else { return ().into_any() };
    let words = {
        let (lesson, id) = (lesson.id.clone(), step.id.clone());
        Memo::new(move |_| l.words(&lesson).and_then(|w| w.step(&id).cloned()).unwrap_or_default())
    };
    let report = Memo::new(move |_| l.report.read().as_ref().and_then(|r| r.steps.get(at).cloned()));
    let passed = Memo::new(move |_| report.read().as_ref().is_some_and(|r| r.state == StepState::Passed));
    let par = lesson.par;
    let kind = step.kind;
    let checks = !step.checks.is_empty();
    let edits = {
        let id = lesson.id.clone();
        move || l.book.read().get(&id).map_or(0, |r| r.progress.edits)
    };
    let edits_words = move || {
        let (n, par) = (edits().to_string(), par.unwrap_or(0).to_string());
        s.tx(if par == "0" { "lessons.edits" } else { "lessons.edits_of" }, &[("n", &n), ("par", &par)])
    };
    view! {
        <div class="step-task">{move || prose::blocks(&words.read().task).into_any()}</div>
        {checks.then(|| view! { <Checks words report/> })}
        {step.question.is_some().then(|| view! { <Question step=step.clone() words report/> })}
        <Show when=move || kind == TaskKind::Terminal && !passed.get()>
            <button type="button" class="btn open-terminal" on:click=move |_| open_terminal(s)>{s.t("lessons.open_terminal")}</button>
        </Show>
        <Show when=move || kind == TaskKind::Race>
            <p class="t-soft race">{edits_words.clone()}</p>
        </Show>
        <Turn words/>
        <Show when=move || !passed.get()>
            <Hints lesson=lesson.clone() at words/>
        </Show>
    }
    .into_any()
}

/// Shows the terminal and puts the keyboard into it.
fn open_terminal(s: Session) {
    s.tab.set(Tab::Terminal);
    s.pane.set(Pane::Journey);
    request_animation_frame(|| {
        if let Ok(Some(input)) = document().query_selector(".term-input")
            && let Ok(input) = input.dyn_into::<web_sys::HtmlElement>()
        {
            // An input that cannot take the focus stays unfocused.
            let _ = input.focus();
        }
    });
}

/// The checks: whether each holds, what it asks for, and what is seen now.
#[component]
fn Checks(words: Memo<StepWords>, report: Memo<Option<StepReport>>) -> impl IntoView {
    let s = session();
    let row = move |check: CheckReport, later: bool| {
        let label = words.read().check(&check.id).unwrap_or(&check.id).to_string();
        let state = if check.holds { "lessons.holds" } else { "lessons.holds_not" };
        let mark = match (check.holds, later) {
            (true, _) => "✓",
            (false, true) => "",
            (false, false) => "✕",
        };
        let class = if check.holds {
            "check good"
        } else if later {
            "check"
        } else {
            "check bad"
        };
        let seen = (!check.holds && !later).then(|| check.seen.text(s.lang.get()));
        view! {
            <li class=class>
                <span class="check-mark" role="img" aria-label=s.tx(state, &[])>{mark}</span>
                <span class="check-words">
                    {prose::line(&label)}
                    {seen.map(|seen| view! { <span class="seen">" — "{seen}</span> })}
                </span>
            </li>
        }
    };
    view! {
        <ul class="checks" aria-label=s.t("lessons.checks") aria-live="polite">
            {move || {
                let later = report.read().as_ref().is_none_or(|r| r.state == StepState::Later);
                let checks = report.read().as_ref().map(|r| r.checks.clone()).unwrap_or_default();
                checks.into_iter().map(|check| row(check, later)).collect_view()
            }}
        </ul>
    }
}

/// A question with its choices; a prediction is sent once it is made.
#[component]
fn Question(step: Step, words: Memo<StepWords>, report: Memo<Option<StepReport>>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let chosen = RwSignal::new(String::new());
    let group = format!("choice-{}", step.id);
    let predicts = step.question.as_ref().is_some_and(|q| q.request.is_some());
    let choices: Vec<String> = step.question.iter().flat_map(|q| &q.choices).map(|c| c.id.to_string()).collect();
    let given = Memo::new(move |_| report.read().as_ref().and_then(|r| r.question.clone()));
    let right = move || given.read().as_ref().is_some_and(|g| g.is_right());
    let last = move || given.read().as_ref().map(|g| g.last().to_string()).unwrap_or_default();
    let open = move || report.read().as_ref().is_some_and(|r| r.state == StepState::Open);
    let id = step.id.clone();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let choice = chosen.get_untracked();
        if !choice.is_empty() {
            l.answer(&id, &choice);
        }
    };
    view! {
        <form class="question" on:submit=submit>
            <fieldset disabled=move || right() || !open()>
                <legend>{move || prose::line(&words.read().ask).into_any()}</legend>
                {choices
                    .into_iter()
                    .map(|choice| {
                        let (own, value, label) = (choice.clone(), choice.clone(), choice.clone());
                        let is_last = Memo::new(move |_| last() == own);
                        let class = move || match (is_last.get(), right()) {
                            (true, true) => "choice good",
                            (true, false) => "choice bad",
                            _ => "choice",
                        };
                        let mark = move || is_last.get().then(|| if right() { "✓ " } else { "✕ " });
                        let spoken = move || is_last.get().then(|| s.tx(if right() { "lessons.right" } else { "lessons.wrong" }, &[]));
                        view! {
                            <label class=class>
                                <input type="radio" name=group.clone() value=value.clone() prop:checked=move || is_last.get() on:change=move |_| chosen.set(choice.clone())/>
                                <span>
                                    <span aria-hidden="true">{mark}</span>
                                    <span class="sr-only">{spoken}</span>
                                    {move || prose::line(words.read().choice(&label).unwrap_or(&label)).into_any()}
                                </span>
                            </label>
                        }
                    })
                    .collect_view()}
                <Show when=move || !right()>
                    <button type="submit" class="btn btn-primary" disabled=move || chosen.read().is_empty()>
                        {s.t(if predicts { "lessons.predict" } else { "lessons.choose" })}
                    </button>
                </Show>
            </fieldset>
        </form>
    }
}

/// What to say to a wrong turn.
#[component]
fn Turn(words: Memo<StepWords>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let text = move || {
        if !l.hints() {
            return None;
        }
        Some(match l.turn.get()? {
            TurnHint::Own(id) => words.read().turn(&id)?.to_string(),
            TurnHint::General(message) => message.text(s.lang.get()),
        })
    };
    view! {
        <div role="status">
            {move || text().map(|text| view! { <p class="turn"><span class="turn-mark" aria-hidden="true">"↪ "</span>{prose::line(&text)}</p> })}
        </div>
    }
}

/// Hints, one at a time; after the last one a way through the step. Beside them the goal.
#[component]
fn Hints(lesson: Lesson, at: usize, words: Memo<StepWords>) -> impl IntoView {
    let (l, s): (Lessons, Session) = (lessons(), session());
    let step = lesson.steps.get(at).map(|s| s.id.clone()).unwrap_or_default();
    let taken = {
        let (lesson, step) = (lesson.id.clone(), step.clone());
        Memo::new(move |_| l.book.read().get(&lesson).map_or(0, |r| r.progress.hints_of(&step)) as usize)
    };
    let step = StoredValue::new(step);
    let count = move || words.read().hints.len();
    let used_up = Memo::new(move |_| taken.get() >= count());
    let label = move || {
        if used_up.get() {
            return s.tx("lessons.show_way", &[]);
        }
        s.tx("lessons.hint", &[("n", &(taken.get() + 1).to_string()), ("of", &count().to_string())])
    };
    // Who presents may show the way without the hints before it, and without it costing anybody a star.
    let presented = RwSignal::new(false);
    let way = Memo::new(move |_| taken.get() > count() || (presented.get() && s.presenter.get()));
    let present = Memo::new(move |_| s.presenter.get() && !used_up.get() && !way.get());
    let lesson = StoredValue::new(lesson);
    view! {
        <Show when=move || l.hints() && count() != 0>
            <ol class="hints" aria-live="polite">
                {move || words.read().hints.iter().take(taken.get()).map(|hint| view! { <li>{prose::line(hint)}</li> }).collect_view()}
            </ol>
            <Show when=move || way.get()>
                <Way lesson=lesson.get_value() at words/>
            </Show>
            <p class="help-row">
                <button
                    type="button"
                    class="btn hint"
                    class:show-way=move || used_up.get()
                    hidden=move || way.get()
                    on:click=move |_| step.with_value(|step| l.take_hint(step, count() + 1))
                >
                    {label}
                </button>
                <Show when=move || present.get()>
                    <button type="button" class="btn" on:click=move |_| presented.set(true)>{s.t("lessons.show_way")}</button>
                </Show>
                <Goal lesson=lesson.get_value() at/>
            </p>
        </Show>
    }
}
