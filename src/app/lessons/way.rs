//! For who is stuck: a way through the step, move by move, each of which the page can do for the learner; and for everybody
//! the goal of the step, beside the cluster of now.

use giljabi::lesson::model::{Action, Step};
use giljabi::lesson::text::StepWords;
use giljabi::lesson::way::{Move, leg_of};
use giljabi::lesson::{Lesson, StepState};
use leptos::prelude::*;

use super::{Lessons, lessons, prose};
use crate::app::erased::Show;
use crate::app::moments::GOAL;
use crate::app::session::{Pane, Session, Tab, session};
use crate::app::terminal::Shells;

/// The way through one step, once the learner (or who presents) has asked for it.
#[component]
pub fn Way(lesson: Lesson, at: usize, words: Memo<StepWords>) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let moves = move || {
        let legs = l.way()?;
        leg_of(&legs, &lesson, at).map(|leg| leg.moves.clone())
    };
    let row = move |each: Move| {
        let action = each.action.clone();
        let shells = expect_context::<Shells>();
        let (own, own_l) = (action.clone(), l);
        let possible = Memo::new(move |_| {
            s.state.track();
            own_l.report.track();
            is_possible(own_l, at, &own)
        });
        view! {
            <li>
                <div class="move">{told(s, words, &each)}</div>
                <button type="button" class="btn do-it" disabled=move || !possible.get() on:click=move |_| do_it(l, shells, &action)>
                    {s.t("lessons.do_it")}
                </button>
            </li>
        }
    };
    view! {
        <section class="step-way" aria-label=s.t("lessons.way")>
            <h3>{s.t("lessons.way")}</h3>
            <ol>{move || moves().unwrap_or_default().into_iter().map(row).collect_view()}</ol>
        </section>
    }
}

/// A move in words: what goes and what comes, the command, the choice.
fn told(s: Session, words: Memo<StepWords>, each: &Move) -> AnyView {
    match &each.action {
        Action::Edit { file, .. } | Action::Write { file, .. } => {
            let file = file.to_string();
            let line = |mark: &'static str, class: &'static str, text: &String| {
                view! { <span class=class>{format!("{mark} {text}")}</span> }
            };
            let gone = each.old.iter().filter(|t| !t.is_empty()).map(|t| line("−", "line-gone", t)).collect_view();
            let come = each.new.iter().filter(|t| !t.is_empty()).map(|t| line("+", "line-come", t)).collect_view();
            view! {
                <p>{move || prose::line(&s.tx("lessons.way_edit", &[("file", &file)])).into_any()}</p>
                <pre tabindex="0"><code>{gone}{come}</code></pre>
            }
            .into_any()
        }
        Action::Remove { file } => {
            let file = file.to_string();
            view! { <p>{move || prose::line(&s.tx("lessons.way_remove", &[("file", &file)])).into_any()}</p> }
                .into_any()
        }
        Action::Run { line } => {
            let line = line.to_string();
            view! { <p>{s.t("lessons.way_run")}</p><pre tabindex="0"><code>{line}</code></pre> }.into_any()
        }
        Action::Answer { choice, .. } => {
            let choice = choice.clone();
            let words = move || words.read().choice(&choice).unwrap_or(&choice).to_string();
            view! { <p>{s.t("lessons.way_choose")}" "<b>{move || prose::line(&words()).into_any()}</b></p> }.into_any()
        }
        Action::Wait(time) => {
            let secs = time.as_secs().to_string();
            view! { <p>{move || s.tx("lessons.way_wait", &[("secs", &secs)])}</p> }.into_any()
        }
        Action::Power { node, up } => {
            let (node, id) = (node.to_string(), if *up { "lessons.way_up" } else { "lessons.way_down" });
            view! { <p>{move || prose::line(&s.tx(id, &[("node", &node)])).into_any()}</p> }.into_any()
        }
    }
}

/// Whether the page can do it for the learner as things stand.
fn is_possible(l: Lessons, at: usize, action: &Action) -> bool {
    let open = l.report.read().as_ref().and_then(|r| r.steps.get(at).map(|s| s.state)) == Some(StepState::Open);
    let has = |file: &str| l.s.pairs().iter().any(|(name, _)| name == file);
    open && match action {
        Action::Edit { file, from, .. } => l.s.text_of(file).contains(from.as_str()),
        Action::Write { file, text } => l.s.text_of(file) != *text,
        Action::Remove { file } => has(file),
        Action::Power { node, up } => l.s.is_powered(node) != *up,
        Action::Run { .. } | Action::Answer { .. } | Action::Wait(_) => true,
    }
}

fn do_it(l: Lessons, shells: Shells, action: &Action) {
    let s = l.s;
    let write = |file: &str, text: &str| {
        s.edit(file, text);
        s.file.set(file.to_string());
        s.texts.update(|n| *n += 1);
    };
    match action {
        Action::Edit { file, from, to } => write(file, &s.text_of(file).replacen(from.as_str(), to, 1)),
        Action::Write { file, text } => write(file, text),
        Action::Remove { file } => s.remove_file(file),
        Action::Answer { step, choice } => l.answer(step, choice),
        Action::Wait(time) => s.let_pass(|cluster| cluster.run_for(*time)),
        Action::Power { node, up } => l.power(node, *up),
        Action::Run { line } => {
            s.tab.set(Tab::Terminal);
            s.pane.set(Pane::Journey);
            for typed in line.lines() {
                // What goes on beside another line has a terminal of its own.
                let (second, typed) = typed.strip_prefix("2$ ").map_or((false, typed), |rest| (true, rest));
                let number = if second { shells.open_another().unwrap_or(1) } else { 0 };
                shells.enter(shells.shell(number), typed);
            }
        }
    }
}

/// The switch that holds the goal of a step beside the cluster of now. Steps that are a question alone have none.
#[component]
pub fn Goal(lesson: Lesson, at: usize) -> impl IntoView {
    let (l, s) = (lessons(), session());
    let held = move || s.moments.beside.get() == Some(GOAL);
    let wanted = lesson.steps.get(at).is_some_and(|step: &Step| !step.checks.is_empty());
    let turn = move |_| {
        let legs = if s.moments.beside.get_untracked() == Some(GOAL) { None } else { l.way() };
        let goal = legs.as_ref().and_then(|legs| leg_of(legs, &lesson, at)).map(|leg| leg.goal.workspace().clone());
        s.moments.hold_goal(goal);
    };
    let turn = StoredValue::new_local(turn);
    view! {
        <Show when=move || wanted && l.hints()>
            <button type="button" class="btn goal" aria-pressed=move || held().to_string() on:click=move |event| turn.with_value(|turn| turn(event))>
                {s.t("lessons.goal")}
            </button>
        </Show>
    }
}
