//! What was sent before: every request of this visit, any two of them side by side.

use giljabi::map::of_hop;
use giljabi::trace::why;
use leptos::prelude::*;
use std::sync::Arc;

use crate::app::said;
use crate::app::session::{Sent, Session, session};

#[component]
pub fn History() -> impl IntoView {
    let s = session();
    view! {
        {move || {
            let all = s.history.get();
            if all.is_empty() {
                return view! { <p class="empty">{s.t("journey.empty")}</p> }.into_any();
            }
            view! {
                <div class="history">
                    <table class="requests">
                        <thead>
                            <tr>
                                <th scope="col">"#"</th>
                                <th scope="col">{s.t("history.request")}</th>
                                <th scope="col">{s.t("history.outcome")}</th>
                                <th scope="col">{s.t("history.after")}</th>
                                <th scope="col">{s.t("history.compare")}</th>
                            </tr>
                        </thead>
                        <tbody>{all.iter().rev().map(|sent| row(s, sent.clone())).collect_view()}</tbody>
                    </table>
                    {move || {
                        let (one, other) = (s.sent.get()?, s.beside.get()?);
                        Some(side_by_side(s, one, other))
                    }}
                </div>
            }
                .into_any()
        }}
    }
    .into_any()
}

fn row(s: Session, sent: Arc<Sent>) -> impl IntoView {
    let (number, good) = (sent.number, sent.trace.outcome.is_success());
    let request = format!("{} → {}", sent.trace.request.from, sent.trace.request.to);
    let edit = sent.edit.to_string();
    let (told, show, beside) = (sent.clone(), sent.clone(), sent);
    let shown = move || s.sent.read().as_ref().is_some_and(|s| s.number == number);
    let held = move || s.beside.read().as_ref().is_some_and(|s| s.number == number);
    view! {
        <tr class:cur=shown>
            <td>
                <button type="button" class="line-link" aria-pressed=move || shown().to_string() on:click=move |_| s.show_again(show.clone())>
                    {number}
                </button>
            </td>
            <td class="mono">{request}</td>
            <td class=if good { "good" } else { "bad" }>{move || why::symptom(&told.trace.outcome, s.lang.get())}</td>
            <td>{move || s.tx("history.edits", &[("n", &edit)])}</td>
            <td>
                <button
                    type="button"
                    class="btn"
                    aria-pressed=move || held().to_string()
                    on:click=move |_| {
                        // Asked before it is written: a signal that is being written cannot be read.
                        let next = (!held()).then(|| beside.clone());
                        s.beside.set(next);
                    }
                >
                    {s.t("history.beside")}
                </button>
            </td>
        </tr>
    }
}

/// Hops of two traces, aligned where they happen at the same place in the same way: pairs of places in their hop lists.
fn align(one: &Sent, other: &Sent) -> Vec<(Option<usize>, Option<usize>)> {
    let (a, b) = (&one.trace.hops, &other.trace.hops);
    let same =
        |i: usize, j: usize| a[i].at == b[j].at && a[i].direction == b[j].direction && of_hop(&a[i]) == of_hop(&b[j]);
    // The longest common way, by dynamic programming: traces have some dozens of hops.
    let mut best = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            best[i][j] = if same(i, j) { best[i + 1][j + 1] + 1 } else { best[i + 1][j].max(best[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && same(i, j) {
            pairs.push((Some(i), Some(j)));
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len() || (i < a.len() && best[i + 1][j] >= best[i][j + 1]) {
            pairs.push((Some(i), None));
            i += 1;
        } else {
            pairs.push((None, Some(j)));
            j += 1;
        }
    }
    pairs
}

fn side_by_side(s: Session, one: Arc<Sent>, other: Arc<Sent>) -> impl IntoView {
    let title = |sent: &Sent| format!("#{} {}", sent.number, sent.trace.request.to);
    let rows = align(&one, &other)
        .into_iter()
        .map(|(i, j)| {
            let differs = i.is_none() || j.is_none();
            view! {
                <tr class:changed=differs>
                    {cell(s, &one, i)}
                    {cell(s, &other, j)}
                </tr>
            }
        })
        .collect_view();
    view! {
        <table class="beside">
            <caption>{s.t("history.side_by_side")}</caption>
            <thead>
                <tr>
                    <th scope="col">{title(&one)}</th>
                    <th scope="col">{title(&other)}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn cell(s: Session, sent: &Arc<Sent>, hop: Option<usize>) -> impl IntoView + use<> {
    let number = hop.map(|i| giljabi::map::number(&giljabi::map::stages(&sent.trace), i));
    let tone = hop.map(|i| of_hop(&sent.trace.hops[i]).name()).unwrap_or("plain");
    let sent = sent.clone();
    let words = move || {
        let hop = &sent.trace.hops[hop?];
        let lang = s.lang.get();
        let what = said::headline(hop).map(|step| why::step(step, lang)).unwrap_or_default();
        Some(format!("{} — {what}", said::place(&hop.at, lang)))
    };
    view! {
        <td class="wide">
            {number.map(|number| view! { <span class=format!("hop-number hop-{tone}")>{number}</span> })}
            " "
            {words}
        </td>
    }
}
