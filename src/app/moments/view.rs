//! The list of moments, and what differs between the cluster of now and the one that is held beside it.

use giljabi::cluster::history::compare;
use leptos::prelude::*;

use super::{GOAL, History, Row};
use crate::app::bottom::line_button;
use crate::app::focus::Target;
use crate::app::session::{Session, session};
use crate::app::timebar::clock;

/// The most differences that are listed.
const LISTED: usize = 200;

#[component]
pub fn Moments() -> impl IntoView {
    let s = session();
    let history = s.moments;
    view! {
        <table class="moments">
            <caption>{s.t("moment.title")}</caption>
            <thead>
                <tr>
                    <th scope="col">"#"</th>
                    <th scope="col">{s.t("events.at")}</th>
                    <th scope="col">{s.t("moment.what")}</th>
                    <th scope="col">{s.t("history.compare")}</th>
                </tr>
            </thead>
            <tbody>
                {move || {
                    let rows = history.rows.get();
                    rows.iter().rev().map(|row| moment(s, history, &rows, row)).collect_view()
                }}
            </tbody>
        </table>
        {move || history.beside.get().filter(|n| *n != GOAL).map(|number| differences(s, history, number))}
    }
    .into_any()
}

/// How far a moment stands from the trunk: each branch one step to the right.
fn depth(rows: &[Row], row: &Row) -> usize {
    let mut depth = 0;
    let mut at = row;
    while let Some(from) = at.from.and_then(|n| rows.iter().find(|r| r.number == n)) {
        // The first that went on from a moment is the trunk; whoever came later is a branch.
        let first = rows.iter().find(|r| r.from == Some(from.number)).map(|r| r.number);
        depth += usize::from(first != Some(at.number));
        at = from;
    }
    depth.min(6)
}

fn moment(s: Session, history: History, rows: &[Row], row: &Row) -> impl IntoView + use<> {
    let number = row.number;
    let what = row.what.clone();
    let indent = depth(rows, row) as f64 * 14.0;
    let branch = indent > 0.0 && row.from != Some(number - 1);
    let from = row.from.unwrap_or(0).to_string();
    let now = move || history.now.get() == number;
    let held = move || history.beside.get() == Some(number);
    view! {
        <tr class:cur=now aria-current=move || now().then_some("true")>
            <td>
                <button
                    type="button"
                    class="line-link"
                    title=s.t("moment.go")
                    aria-label=move || s.tx("moment.go_to", &[("n", &number.to_string())])
                    on:click=move |_| history.go_to(s, number)
                >
                    {number}
                </button>
            </td>
            <td class="mono">{clock(row.at)}</td>
            <td class="wide" style:padding-left=format!("{}px", 10.0 + indent)>
                {branch.then(|| view! { <span class="t-soft" title=move || s.tx("moment.branch", &[("n", &from)])>"⑂ "</span> })}
                {move || what.text(s.lang.get())}
            </td>
            <td>
                <button
                    type="button"
                    class="btn"
                    aria-pressed=move || held().to_string()
                    disabled=move || now() && !held()
                    on:click=move |_| history.beside.set(if held() { None } else { Some(number) })
                >
                    {s.t("history.beside")}
                </button>
            </td>
        </tr>
    }
}

fn differences(s: Session, history: History, number: usize) -> Option<impl IntoView> {
    s.state.track();
    let list = compare(history.workspace(number)?.cluster(), &s.fork());
    let more = list.len().saturating_sub(LISTED);
    let none = list.is_empty();
    let rows = list
        .into_iter()
        .take(LISTED)
        .map(|difference| {
            let line = s.line_of(&difference.at);
            let target = Target::Object(difference.at.object.clone());
            let message = difference.message;
            view! {
                <li on:mouseenter=move |_| s.focus.hover(target.clone()) on:mouseleave=move |_| s.focus.leave()>
                    {move || message.text(s.lang.get())}
                    " "
                    {line.map(|line| line_button(s, line))}
                </li>
            }
        })
        .collect_view();
    Some(view! {
        <section class="differences" aria-labelledby="differences-title">
            <h2 id="differences-title">{move || s.tx("moment.differences", &[("n", &number.to_string())])}</h2>
            {none.then(|| view! { <p class="t-soft">{s.t("moment.no_difference")}</p> })}
            <ul>{rows}</ul>
            {(more > 0).then(|| view! { <p class="t-soft">{move || s.tx("journey.more", &[("n", &more.to_string())])}</p> })}
        </section>
    })
}
