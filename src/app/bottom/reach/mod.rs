//! Who reaches what: every client against every Service port, each answer computed by sending a request in a copy of the
//! cluster. Recomputed after each edit while it is looked at; what the last edit changed is marked. Of many clients those of one
//! workload share a row that unfolds.

mod run;

use giljabi::trace::{Client, Url, why};
use leptos::prelude::*;
use std::collections::BTreeSet;

use self::run::{Answer, Plan, Row, Run, address_for};
use crate::app::erased::{Show, effect};
use crate::app::session::{Session, session};

/// As many columns at once, and as many rows of an unfolded workload, as can be looked through.
const COLUMNS: usize = 40;
/// As many rows at once: with all columns each has as many cells, and a cluster may have a thousand workloads.
const ROWS: usize = 60;
const MEMBERS: usize = 120;

#[component]
pub fn Reach() -> impl IntoView {
    let s = session();
    let run = Run::new();
    let open = RwSignal::new(BTreeSet::<usize>::new());
    // The first column that is shown: of many ports, so many at a time.
    let from = RwSignal::new(0_usize);
    let from_row = RwSignal::new(0_usize);
    effect(move || {
        s.state.track();
        run.begin(s);
    });
    on_cleanup(move || run.end());
    let size = move || run.plan.read().size();
    let pending = move |left: usize| s.tx("reach.pending", &[("n", &left.to_string())]);
    // A screen reader is told of quarters; nobody can follow every number.
    let heard = Memo::new(move |_| match size() / 4 {
        0 => run.left.get(),
        quarter => run.left.get().div_ceil(quarter) * quarter,
    });
    view! {
        <Show when=move || { run.left.get() > 0 }>
            <p class="rules-head reach-progress">
                <progress max=move || size().to_string() value=move || (size() - run.left.get().min(size())).to_string() aria-label=s.t("reach.progress")></progress>
                <span class="t-soft" aria-hidden="true">{move || pending(run.left.get())}</span>
                <span class="sr-only" role="status">{move || pending(heard.get())}</span>
                <button type="button" class="btn" on:click=move |_| if run.stopped.get_untracked() { run.resume(s) } else { run.stop() }>
                    {move || s.tx(if run.stopped.get() { "reach.go_on" } else { "spread.stop" }, &[])}
                </button>
            </p>
        </Show>
        {move || {
            let plan = run.plan.get();
            if plan.urls.is_empty() {
                return view! { <p class="empty">{s.t("reach.empty")}</p> }.into_any();
            }
            open.update_untracked(BTreeSet::clear);
            let (first, columns) = pages(s, from, plan.urls.len(), COLUMNS, PORTS);
            let (first_row, rows) = pages(s, from_row, plan.rows.len(), ROWS, CLIENTS);
            let urls = plan.urls.iter().skip(first).take(COLUMNS).cloned().collect();
            view! { {columns}{rows}{table(s, run, open, &plan, first_row, urls)} }.into_any()
        }}
    }
    .into_any()
}

/// The words of the pages: which are shown, the ones before, the ones after.
const PORTS: [&str; 3] = ["reach.columns", "reach.columns_before", "reach.columns_after"];
const CLIENTS: [&str; 3] = ["reach.rows", "reach.rows_before", "reach.rows_after"];

/// The first that is shown of many columns or rows, and the ways to the others.
fn pages(s: Session, from: RwSignal<usize>, all: usize, step: usize, words: [&'static str; 3]) -> (usize, AnyView) {
    let first = Some(from.get()).filter(|first| *first < all).unwrap_or(0);
    let last = (first + step).min(all);
    let shown = [(first + 1).to_string(), last.to_string(), all.to_string()];
    let [which, before, after] = words;
    let words = move || s.tx(which, &[("first", &shown[0]), ("last", &shown[1]), ("n", &shown[2])]);
    let view = (all > step).then(|| {
        view! {
            <p class="rules-head reach-pages">
                <button type="button" class="btn btn-icon" aria-label=s.t(before) title=s.t(before) disabled=first == 0 on:click=move |_| from.set(first.saturating_sub(step))>
                    "◀"
                </button>
                <span role="status">{words}</span>
                <button type="button" class="btn btn-icon" aria-label=s.t(after) title=s.t(after) disabled=last == all on:click=move |_| from.set(last)>
                    "▶"
                </button>
            </p>
        }
    });
    (first, view.into_any())
}

fn table(
    s: Session,
    run: Run,
    open: RwSignal<BTreeSet<usize>>,
    plan: &Plan,
    first: usize,
    urls: Vec<Url>,
) -> impl IntoView + use<> {
    let heads =
        urls.iter().cloned().map(|u| view! { <th scope="col" class="mono">{move || run.spoken(&u).to_string()}</th> });
    let heads = heads.collect_view();
    let shown = plan.rows.iter().enumerate().skip(first).take(ROWS);
    let rows = shown.map(|(i, row)| rows(s, run, open, &urls, i, row)).collect_view();
    view! {
        <table class="reach">
            <thead>
                <tr>
                    <th scope="col">{s.t("reach.from")}</th>
                    {heads}
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

fn rows(
    s: Session,
    run: Run,
    open: RwSignal<BTreeSet<usize>>,
    urls: &[Url],
    i: usize,
    row: &Row,
) -> impl IntoView + use<> {
    let urls = urls.to_vec();
    let cells = urls.iter().map(|url| cell(s, run, i, row.members.clone(), url.clone())).collect_view();
    let Some(group) = row.group.clone() else {
        let client = row.members.first().cloned();
        let words = move || match &client {
            Some(Client::Learner) => s.tx("at.learner", &[]),
            other => other.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        return view! { <tr><th scope="row" class="mono">{words}</th>{cells}</tr> }.into_any();
    };
    let members = row.members.clone();
    let count = members.len().to_string();
    let is_open = move || open.read().contains(&i);
    let toggle = move |_| {
        open.update(|open| {
            if !open.remove(&i) {
                open.insert(i);
            }
        })
    };
    let inner = move || {
        let more = members.len().saturating_sub(MEMBERS).to_string();
        let rows = members
            .iter()
            .take(MEMBERS)
            .map(|client| {
                let cells = urls.iter().map(|url| cell(s, run, i, vec![client.clone()], url.clone())).collect_view();
                view! { <tr class="inner"><th scope="row" class="mono">{client.to_string()}</th>{cells}</tr> }
            })
            .collect_view();
        let rest = (more != "0").then(|| {
            view! { <tr class="inner"><th scope="row" class="t-soft">{move || s.tx("journey.more", &[("n", &more)])}</th></tr> }
        });
        view! { {rows}{rest} }
    };
    view! {
        <tr>
            <th scope="row" class="mono">
                <button type="button" class="unfold" aria-expanded=move || is_open().to_string() on:click=toggle>
                    <span aria-hidden="true">{move || if is_open() { "▾ " } else { "▸ " }}</span>
                    {move || s.tx("reach.group", &[("name", &group), ("n", &count)])}
                </button>
            </th>
            {cells}
        </tr>
        {move || is_open().then(&inner)}
    }
    .into_any()
}

/// What a cell says: how many of its clients get through, and how the others fail.
#[derive(Clone, Default, PartialEq)]
struct Said {
    good: usize,
    bad: usize,
    changed: bool,
    /// How the first that fails ends, in a few words and whole; where none fails, the first of all.
    words: String,
    whole: String,
    /// That client.
    who: Option<Client>,
}

impl Said {
    fn of(s: Session, run: Run, members: &[Client], url: &Url) -> Said {
        let mut said = Said::default();
        let mut told: Option<(bool, Answer)> = None;
        for client in members {
            let Some(answer) = run.answer(client, url) else { continue };
            let good = answer.outcome.is_success();
            said.good += usize::from(good);
            said.bad += usize::from(!good);
            said.changed |= answer.changed;
            if told.as_ref().is_none_or(|(was_good, _)| *was_good && !good) {
                told = Some((good, answer));
                said.who = Some(client.clone());
            }
        }
        if let Some((_, answer)) = told {
            said.words = why::brief(&answer.outcome, s.lang.get());
            said.whole = why::symptom(&answer.outcome, s.lang.get());
        }
        said
    }
}

fn cell(s: Session, run: Run, row: usize, members: Vec<Client>, url: Url) -> impl IntoView {
    let (all, first, to) = (members.len(), members.first().cloned(), url.clone());
    let said = Memo::new(move |_| {
        run.track(row);
        Said::of(s, run, &members, &url)
    });
    let class = move || match said.read() {
        said if said.bad > 0 => "cell bad",
        said if said.good > 0 => "cell good",
        _ => "cell",
    };
    let send = move |_| {
        let Some(client) = said.read_untracked().who.clone().or(first.clone()) else { return };
        s.url.set(address_for(s, &client, &run.spoken(&to)).to_string());
        s.client.set(client);
        s.send();
    };
    let mark = move || match said.read() {
        said if said.bad > 0 => "✕ ",
        said if said.good > 0 => "✓ ",
        _ => "",
    };
    let words = move || {
        let said = said.read();
        let (good, bad) = (said.good.to_string(), said.bad.to_string());
        match (said.good, said.bad) {
            (0, 0) => "…".to_string(),
            _ if all == 1 => said.words.clone(),
            (0, _) | (_, 0) => {
                s.tx("reach.all_alike", &[("n", if said.bad > 0 { &bad } else { &good }), ("words", &said.words)])
            }
            _ => s.tx("reach.mixed", &[("good", &good), ("bad", &bad), ("words", &said.words)]),
        }
    };
    view! {
        <td class:changed=move || said.read().changed>
            <button type="button" class=class title=move || said.read().whole.clone() on:click=send>
                <span aria-hidden="true">{mark}</span>
                {words}
            </button>
            {move || said.read().changed.then(|| view! { <span class="tag tag-nat">{s.t("packet.changed")}</span> })}
        </td>
    }
}
