//! What a learner will see: the words of every step, and its checks as they stand at the start.

use giljabi::lesson::draft::Draft;
use giljabi::lesson::grade::CheckReport;
use giljabi::lesson::text::StepWords;
use giljabi::lesson::{Desk, Progress, Report, Scope, grade};
use giljabi::locale::Lang;
use leptos::prelude::*;

use super::super::prose;
use super::super::step::kind_id;
use super::Table;
use crate::app::session::session;

#[component]
pub fn Preview(table: Table) -> impl IntoView {
    let s = session();
    let draft = Memo::new(move |_| table.read.get().ok());
    // The start is graded when the lesson changed, not with every word.
    let lesson = Memo::new(move |_| draft.get().map(|d| d.lesson));
    let report = Memo::new(move |_| {
        let lesson = lesson.get()?;
        let desk = Desk::start(&lesson, lesson.cluster.seed);
        Some(grade(&lesson, &desk, &mut Progress::default(), Scope::All))
    });
    view! {
        <section class="box preview lesson" aria-labelledby="preview-title">
            <h3 id="preview-title">{s.t("lessons.preview")}</h3>
            {move || match draft.get() {
                Some(draft) => shown(draft, report.get().unwrap_or_default(), s.lang.get()).into_any(),
                None => view! { <p class="t-soft">{s.t("lessons.gates_wait")}</p> }.into_any(),
            }}
        </section>
    }
}

fn shown(draft: Draft, report: Report, lang: Lang) -> impl IntoView {
    let s = session();
    let words = if lang == Lang::Ko { draft.ko } else { draft.en };
    let steps = draft.lesson.steps.iter().enumerate().map(|(at, step)| {
        let own = words.step(&step.id).cloned().unwrap_or_default();
        let checks = report.steps.get(at).map(|r| r.checks.clone()).unwrap_or_default();
        let choices = step.question.iter().flat_map(|q| &q.choices);
        let choices: Vec<String> = choices.map(|c| own.choice(&c.id).unwrap_or(&c.id).to_string()).collect();
        view! {
            <section class="preview-step">
                <p class="step-number"><span class="kind">{s.tx(kind_id(step.kind), &[])}</span>" "<code>{step.id.to_string()}</code></p>
                <h4>{own.title.clone()}</h4>
                <div class="step-task">{prose::blocks(&own.task)}</div>
                <p><b>{prose::line(&own.ask)}</b></p>
                <ul class="checks">{choices.iter().map(|c| view! { <li class="check"><span aria-hidden="true">"○ "</span>{prose::line(c)}</li> }).collect_view()}</ul>
                <ul class="checks">{checks.into_iter().map(|check| row(&own, check, lang)).collect_view()}</ul>
                <ol class="hints">{own.hints.iter().map(|hint| view! { <li>{prose::line(hint)}</li> }).collect_view()}</ol>
            </section>
        }
    });
    view! {
        <h4 class="preview-title">{words.title.clone()}</h4>
        <div class="intro">{prose::blocks(&words.intro)}</div>
        {steps.collect_view()}
        <div class="solved">
            {prose::blocks(&words.solved)}
            <p><b>{s.t("lessons.cheat")}</b>" "{prose::line(&words.cheat)}</p>
        </div>
    }
}

fn row(words: &StepWords, check: CheckReport, lang: Lang) -> impl IntoView + use<> {
    let label = words.check(&check.id).unwrap_or(&check.id).to_string();
    let class = if check.holds { "check good" } else { "check bad" };
    let mark = if check.holds { "✓" } else { "✕" };
    let seen = check.seen.text(lang);
    view! {
        <li class=class>
            <span class="check-mark" aria-hidden="true">{mark}</span>
            <span class="check-words">{prose::line(&label)}<span class="seen">" — "{seen}</span></span>
        </li>
    }
}
