//! Many requests at once: to whom they went. Sent one after the other in a copy of the cluster, so that nothing is disturbed.

use giljabi::trace::{Outcome, Request, Url};
use leptos::prelude::*;
use std::collections::BTreeMap;

use crate::app::session::session;
use giljabi::trace::why;

/// How many requests go in one breath.
const AT_ONCE: usize = 50;

#[component]
pub fn Spread() -> impl IntoView {
    let s = session();
    let count = RwSignal::new(60_usize);
    let answers = RwSignal::new(BTreeMap::<String, (usize, bool)>::new());
    let sent = RwSignal::new(0_usize);
    let running = RwSignal::new(false);
    let send = move || {
        let Some(to) = Url::parse(&s.url.get_untracked()) else {
            s.bad_url.set(true);
            return;
        };
        let request = Request::get(s.client.get_untracked(), to);
        answers.set(BTreeMap::new());
        sent.set(0);
        running.set(true);
        breathe(request, StoredValue::new_local(s.fork()), count.get_untracked(), answers, sent, running);
    };
    let row = move |(who, (n, good)): (String, (usize, bool))| {
        let share = move || n as f64 / sent.get().max(1) as f64 * 100.0;
        view! {
            <tr>
                <th scope="row" class=if good { "mono" } else { "mono bad" }>{who}</th>
                <td class="mono">{n}</td>
                <td class="wide">
                    <div class=if good { "bar" } else { "bar bar-bad" } style:width=move || format!("{:.1}%", share())></div>
                </td>
                <td class="mono">{move || format!("{:.1} %", share())}</td>
            </tr>
        }
    };
    view! {
        <div class="spread">
            <p class="rules-head">
                <label>
                    {s.t("spread.count")}
                    " "
                    <input
                        class="field"
                        type="number"
                        min="1"
                        max="10000"
                        prop:value=move || count.get().to_string()
                        on:input=move |event| {
                            if let Ok(n) = event_target_value(&event).parse::<usize>() {
                                count.set(n.clamp(1, 10_000));
                            }
                        }
                    />
                </label>
                <button type="button" class="btn btn-primary" on:click=move |_| if running.get_untracked() { running.set(false) } else { send() }>
                    {move || if running.get() { s.tx("spread.stop", &[]) } else { s.tx("spread.send", &[]) }}
                </button>
                <span class="t-soft" role="status">
                    {move || (sent.get() > 0).then(|| s.tx("spread.sent", &[("n", &sent.get().to_string()), ("url", &s.url.get())]))}
                </span>
            </p>
            <table>
                <tbody>{move || answers.get().into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// Sends some of what is left in the copy, then lets the page breathe.
fn breathe(
    request: Request,
    copy: StoredValue<giljabi::cluster::Cluster, LocalStorage>,
    left: usize,
    answers: RwSignal<BTreeMap<String, (usize, bool)>>,
    sent: RwSignal<usize>,
    running: RwSignal<bool>,
) {
    set_timeout(
        move || {
            if !running.try_get_untracked().unwrap_or(false) {
                return;
            }
            let now = left.min(AT_ONCE);
            let mut found = Vec::with_capacity(now);
            copy.update_value(|cluster| found.extend((0..now).map(|_| cluster.send_quietly(&request).0)));
            answers.update(|answers| {
                for outcome in found {
                    let who = match &outcome {
                        Outcome::Answered { response, .. } => match &response.pod {
                            Some(pod) => pod.name.to_string(),
                            None => format!("HTTP {}", response.status),
                        },
                        failed => why::symptom(failed, giljabi::locale::Lang::En),
                    };
                    let entry = answers.entry(who).or_insert((0, outcome.is_success()));
                    entry.0 += 1;
                }
            });
            sent.update(|n| *n += now);
            if left > now {
                breathe(request, copy, left - now, answers, sent, running);
            } else {
                running.set(false);
            }
        },
        std::time::Duration::ZERO,
    );
}
