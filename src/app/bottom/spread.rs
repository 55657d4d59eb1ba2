//! Many requests, at once or steadily while the cluster goes on: to whom they went, against what the rules promise, and what
//! failed when. Sent in a copy of the cluster, so that nothing is disturbed, in slices, so that the page stays alive and one can
//! stop.

use giljabi::api::object::ObjectKey;
use giljabi::api::time::Time;
use giljabi::arrange::Arrange;
use giljabi::cluster::Cluster;
use giljabi::trace::many::{Answerer, MOST, Many, Tally, chi_square, predict};
use giljabi::trace::{Request, Url, why};
use leptos::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::steady::{Steady, SteadyFields};
use crate::app::map::Flow;
use crate::app::player;
use crate::app::session::{Session, session};

/// How long a slice may take, in milliseconds: half a frame is left for the page.
const SLICE: f64 = 8.0;
/// How long what is shown may be old while requests are sent, in milliseconds: drawing costs more than sending.
const OLD: f64 = 100.0;
/// As many rows as can be looked through; the rest is one.
const ROWS: usize = 60;

/// A run: the copy of the cluster that it goes through, and what it has come to.
#[derive(Clone, Copy)]
struct Run {
    many: StoredValue<Option<(Cluster, Many)>, LocalStorage>,
    /// The load that runs while the cluster goes on; none when all are sent at one moment.
    pace: StoredValue<Option<Steady>>,
    /// When the first was sent.
    began: StoredValue<Time>,
    /// Which run it is; an older one's slices find that they are not it any more.
    number: StoredValue<u32>,
    shares: RwSignal<BTreeMap<ObjectKey, f64>>,
    wanted: RwSignal<u64>,
    /// When what has come of it was last shown.
    shown: StoredValue<f64>,
    flow: Flow,
}

impl Run {
    /// Shows what has come of it so far.
    fn show(self) {
        let tally = self.many.with_value(|held| held.as_ref().map(|(_, many)| Arc::new(many.tally.clone())));
        self.shown.set_value(player::now());
        self.flow.tally.set(tally);
    }

    fn stop(self) {
        self.flow.running.set(false);
        self.show();
    }
}

#[component]
pub fn Spread() -> impl IntoView {
    let s = session();
    let flow = expect_context::<Flow>();
    let run = Run {
        many: StoredValue::new_local(None),
        pace: StoredValue::new(None),
        began: StoredValue::new(Time(0)),
        number: StoredValue::new(0),
        shares: RwSignal::new(BTreeMap::new()),
        wanted: RwSignal::new(1_000),
        shown: StoredValue::new(0.0),
        flow,
    };
    on_cleanup(move || flow.running.set(false));
    let (tally, running) = (flow.tally, flow.running);
    let steady = RwSignal::new(None::<Steady>);
    let sent = move || tally.read().as_ref().map_or(0, |t| t.sent);
    let all = move || steady.get().map_or(run.wanted.get(), |load| load.count());
    // A screen reader is told of quarters, and of the end; nobody can follow every number.
    let heard = Memo::new(move |_| match (running.get(), all() / 4) {
        (true, quarter) if quarter > 0 => sent() / quarter * quarter,
        _ => sent(),
    });
    let told_sent = move |n: u64| (n > 0).then(|| s.tx("spread.sent", &[("n", &n.to_string()), ("url", &s.url.get())]));
    view! {
        <div class="spread">
            <p class="rules-head">
                <SteadyFields steady=steady/>
                <label hidden=move || steady.read().is_some()>
                    {s.t("spread.count")}
                    " "
                    <input
                        class="field"
                        type="number"
                        min="1"
                        max="1000000"
                        prop:value=move || run.wanted.get().to_string()
                        on:input=move |event| {
                            if let Ok(n) = event_target_value(&event).parse::<u64>() {
                                run.wanted.set(n.clamp(1, MOST));
                            }
                        }
                    />
                </label>
                <button type="button" class="btn btn-primary" on:click=move |_| if running.get_untracked() { run.stop() } else { begin(s, run, steady.get_untracked()) }>
                    {move || if running.get() { s.tx("spread.stop", &[]) } else { s.tx("spread.send", &[]) }}
                </button>
                <progress max=move || all().to_string() value=move || sent().to_string() aria-label=s.t("spread.progress")></progress>
                <span class="t-soft" aria-hidden="true">{move || told_sent(sent())}</span>
                <span class="sr-only" role="status">{move || told_sent(heard.get())}</span>
            </p>
            {move || match tally.get() {
                Some(tally) => told(s, run, &tally).into_any(),
                None => view! { <p class="empty">{s.t("spread.empty")}</p> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

fn begin(s: Session, run: Run, pace: Option<Steady>) {
    let Some(to) = Url::parse(&s.url.get_untracked()) else {
        s.bad_url.set(true);
        return;
    };
    let request = Request::get(s.client.get_untracked(), to);
    let mut cluster = s.fork();
    // The way that all begin with, and the shares that the rules promise.
    let sample = cluster.clone().send(&request);
    // While pods come and go, no shares stand firm.
    let shares = if pace.is_some() { None } else { predict(&cluster.world(), &request) };
    run.shares.set(shares.unwrap_or_default());
    run.began.set_value(cluster.now());
    let wanted = pace.as_ref().map_or(run.wanted.get_untracked(), Steady::count);
    run.pace.set_value(pace);
    run.flow.sample.set_value(Some(Arc::new(sample)));
    run.flow.tally.set(Some(Arc::new(Tally::default())));
    run.flow.running.set(true);
    run.many.set_value(Some((cluster, Many::new(&request, &[], wanted))));
    run.number.update_value(|n| *n += 1);
    breathe(run, run.number.get_value());
}

/// Sends some of what is left in the copy, then lets the page breathe.
fn breathe(run: Run, mine: u32) {
    set_timeout(
        move || {
            let goes_on = run.flow.running.try_get_untracked().unwrap_or(false);
            if !goes_on || run.number.try_get_value() != Some(mine) {
                return;
            }
            let mut done = true;
            run.many.update_value(|held| {
                let Some((cluster, many)) = held else { return };
                let until = player::now() + SLICE;
                while !many.is_done() && player::now() < until {
                    match &mut *run.pace.write_value() {
                        Some(load) => load.go_on(cluster, many),
                        None => many.run(&mut cluster.world(), 64),
                    }
                }
                done = many.is_done();
            });
            if done {
                return run.stop();
            }
            if player::now() - run.shown.get_value() >= OLD {
                run.show();
            }
            breathe(run, mine);
        },
        std::time::Duration::ZERO,
    );
}

fn told(s: Session, run: Run, tally: &Arc<Tally>) -> impl IntoView + use<> {
    let all = tally.sent.max(1) as f64;
    let mut rows: Vec<(Answerer, u64)> = tally.by_answerer.iter().map(|(who, n)| (who.clone(), *n)).collect();
    // Pods that should answer and have not yet stand there too.
    let shares = run.shares.get();
    for pod in shares.keys() {
        if !tally.by_answerer.contains_key(&Some(pod.clone())) {
            rows.push((Some(pod.clone()), 0));
        }
    }
    rows.arrange_by(|a, b| a.0.cmp(&b.0));
    let more = rows.len().saturating_sub(ROWS);
    let rows = rows
        .into_iter()
        .take(ROWS)
        .map(|(who, n)| {
            let share = n as f64 / all * 100.0;
            let promised = who.as_ref().and_then(|pod| shares.get(pod)).map(|p| p * 100.0);
            let name = who.map(|pod| pod.name.to_string());
            view! {
                <tr>
                    <th scope="row" class="mono">{move || name.clone().unwrap_or_else(|| s.tx("spread.no_pod", &[]))}</th>
                    <td class="mono">{n}</td>
                    <td class="wide">
                        <div class="bar-room">
                            <div class="bar" style:width=format!("{share:.1}%")></div>
                            {promised.map(|p| view! { <i class="promised" style:left=format!("{p:.1}%") title=s.t("spread.promised")></i> })}
                        </div>
                    </td>
                    <td class="mono">{format!("{share:.1} %")}</td>
                    <td class="mono t-soft">{promised.map(|p| format!("{p:.1} %"))}</td>
                </tr>
            }
        })
        .collect_view();
    let steady = run.pace.with_value(Option::is_some);
    let rolling = run.pace.with_value(|pace| pace.as_ref().is_some_and(Steady::brings_pods));
    let all_well = move || steady && !run.flow.running.get();
    let none_failed = tally.failures.is_empty();
    let failures = tally
        .failures
        .values()
        .map(|failures| {
            let share = failures.count as f64 / all * 100.0;
            let example = failures.example.clone();
            let after = |moment: Time| format!("{:.2}", moment.since(run.began.get_value()).as_secs_f64());
            let (first, last) = (after(failures.first), after(failures.last));
            view! {
                <tr>
                    <th scope="row" class="bad wide">{move || why::cause(&example, s.lang.get())}</th>
                    <td class="mono">{failures.count}</td>
                    <td class="wide"><div class="bar-room"><div class="bar bar-bad" style:width=format!("{share:.1}%")></div></div></td>
                    <td class="mono">{format!("{share:.1} %")}</td>
                    <td class="t-soft">
                        {steady.then(|| view! { {move || s.tx("load.when", &[("first", &first), ("last", &last)])} })}
                    </td>
                </tr>
            }
        })
        .collect_view();
    let by_node = tally.by_node.iter().map(|(node, n)| format!("{node} {:.1} %", *n as f64 / all * 100.0));
    let by_node = by_node.collect::<Vec<_>>().join(" · ");
    let verdict = chi_square(tally, &shares).map(|chi| chi.words());
    let mean = tally.time.0 as f64 / all / 1_000.0;
    let longest = tally.longest.0 as f64 / 1_000.0;
    let times = [("mean", format!("{mean:.1}")), ("longest", format!("{longest:.1}"))];
    view! {
        <table>
            <thead>
                <tr>
                    <th scope="col">{s.t("spread.who")}</th>
                    <th scope="col">{s.t("spread.how_many")}</th>
                    <th scope="col"><span class="sr-only">{s.t("spread.share")}</span></th>
                    <th scope="col">{s.t("spread.share")}</th>
                    <th scope="col">{if steady { s.t("load.failed_when") } else { s.t("spread.promised") }}</th>
                </tr>
            </thead>
            <tbody>{rows}{failures}</tbody>
        </table>
        {(more > 0).then(|| view! { <p class="empty">{move || s.tx("journey.more", &[("n", &more.to_string())])}</p> })}
        <p class="spread-words">
            {move || (none_failed && all_well()).then(|| view! { <b class="good">{s.t("load.none_failed")}</b> })}
            {verdict.map(|words| view! { <span>{move || words.text(s.lang.get())}</span> })}
            {(!by_node.is_empty()).then(|| view! { <span class="t-soft">{by_node}</span> })}
            <span class="t-soft">{move || s.tx("spread.times", &[("mean", &times[0].1), ("longest", &times[1].1)])}</span>
        </p>
        {rolling.then(|| view! { <p class="spread-words t-soft">{s.t("load.in_copy")}</p> })}
    }
}
