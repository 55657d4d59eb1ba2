//! Who reaches what: every client against every Service port, each answer computed by sending a request in a copy of the
//! cluster. Recomputed after each edit while it is looked at; what the last edit changed is marked.

use giljabi::trace::{Client, Outcome, Request, Url};
use leptos::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::app::session::{Session, session};
use crate::app::timebar::clients;
use giljabi::trace::why;

/// Client and address, as texts.
type Cell = (String, String);

/// A finished table.
#[derive(Clone, Default)]
struct Table {
    clients: Vec<Client>,
    urls: Vec<Url>,
    outcomes: BTreeMap<Cell, Arc<Outcome>>,
}

/// So many requests are sent at most, and so many in one go, so that the page stays alive.
const MOST: usize = 400;
const AT_ONCE: usize = 8;

fn urls(s: Session) -> Vec<Url> {
    let state = s.state.get_untracked();
    let mut urls = Vec::new();
    let own = |o: &&Arc<giljabi::api::object::Object>| o.namespace() != "kube-system" && o.name() != "kubernetes";
    for object in state.store.list("Service").filter(own) {
        let Some(service) = object.view().service() else { continue };
        for port in &service.ports {
            let scheme = if port.port == 443 || port.name == "https" { "https" } else { "http" };
            urls.extend(Url::parse(&format!("{scheme}://{}.{}:{}", object.name(), object.namespace(), port.port)));
        }
    }
    urls
}

#[component]
pub fn Reach() -> impl IntoView {
    let s = session();
    let table = RwSignal::new(Table::default());
    let before = RwSignal::new(BTreeMap::<Cell, bool>::new());
    let pending = RwSignal::new(0_usize);
    let run = StoredValue::new(0_u32);
    Effect::new(move || {
        s.state.track();
        run.update_value(|n| *n += 1);
        let mine = run.get_value();
        let old = table.with_untracked(|t| {
            t.outcomes.iter().map(|(cell, outcome)| (cell.clone(), outcome.is_success())).collect()
        });
        before.set(old);
        let clients = clients(&s.state.read_untracked().store);
        let urls = urls(s);
        let mut work: Vec<(Client, Url)> =
            clients.iter().flat_map(|c| urls.iter().map(|u| (c.clone(), u.clone()))).take(MOST).collect();
        work.reverse();
        pending.set(work.len());
        table.set(Table { clients, urls, outcomes: BTreeMap::new() });
        go_on(s, table, pending, run, mine, work);
    });
    on_cleanup(move || run.update_value(|n| *n += 1));
    view! {
        {move || {
            let now = table.get();
            if now.urls.is_empty() {
                return view! { <p class="empty">{s.t("reach.empty")}</p> }.into_any();
            }
            let heads = now.urls.iter().map(|u| view! { <th scope="col" class="mono">{u.to_string()}</th> }).collect_view();
            let rows = now
                .clients
                .iter()
                .map(|client| {
                    let cells = now.urls.iter().map(|url| cell(s, &now, &before.read(), client, url)).collect_view();
                    view! {
                        <tr>
                            <th scope="row" class="mono">{client.to_string()}</th>
                            {cells}
                        </tr>
                    }
                })
                .collect_view();
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
                .into_any()
        }}
        <Show when=move || { pending.get() > 0 }>
            <p class="empty" role="status">{move || s.tx("reach.pending", &[("n", &pending.get().to_string())])}</p>
        </Show>
    }
    .into_any()
}

/// The address that a client can use: cluster names mean something to pods alone, others are given the ClusterIP.
fn address_for(s: Session, client: &Client, url: &Url) -> Url {
    if matches!(client, Client::Pod { .. }) {
        return url.clone();
    }
    let (name, namespace) = url.host.split_once('.').unwrap_or((&url.host, "default"));
    let key = giljabi::api::object::ObjectKey::new("Service", namespace, name);
    let ip = s.state.read_untracked().store.get(&key).and_then(|o| o.view().service()?.cluster_ip());
    match ip {
        Some(ip) => Url { host: ip.to_string().into(), ..url.clone() },
        None => url.clone(),
    }
}

/// Sends some of the requests, then lets the page breathe.
fn go_on(
    s: Session,
    table: RwSignal<Table>,
    pending: RwSignal<usize>,
    run: StoredValue<u32>,
    mine: u32,
    mut work: Vec<(Client, Url)>,
) {
    set_timeout(
        move || {
            // A newer edit, or a view that is gone, ends this run.
            if run.try_get_value() != Some(mine) {
                return;
            }
            let at = work.len().saturating_sub(AT_ONCE);
            let now = work.split_off(at);
            let mut outcomes = Vec::new();
            for (client, url) in now.into_iter().rev() {
                let cell = (client.to_string(), url.to_string());
                let mut request = Request::get(client.clone(), address_for(s, &client, &url));
                request.insecure = true;
                outcomes.push((cell, Arc::new(s.probe(&request))));
            }
            table.update(|t| t.outcomes.extend(outcomes));
            pending.set(work.len());
            if !work.is_empty() {
                go_on(s, table, pending, run, mine, work);
            }
        },
        std::time::Duration::ZERO,
    );
}

fn cell(s: Session, table: &Table, before: &BTreeMap<Cell, bool>, client: &Client, url: &Url) -> impl IntoView + use<> {
    let key = (client.to_string(), url.to_string());
    let outcome = table.outcomes.get(&key).cloned();
    let good = outcome.as_ref().map(|o| o.is_success());
    let changed = good.is_some() && before.get(&key).is_some_and(|old| Some(*old) != good);
    let (client, url) = (client.clone(), url.clone());
    let class = match good {
        Some(true) => "cell good",
        Some(false) => "cell bad",
        None => "cell",
    };
    let told = outcome.clone();
    let full = move || told.as_ref().map(|o| why::symptom(o, s.lang.get()));
    let words = move || outcome.as_ref().map(|o| why::symptom(o, s.lang.get())).unwrap_or_else(|| "…".to_string());
    view! {
        <td class:changed=changed>
            <button
                type="button"
                class=class
                title=full
                on:click=move |_| {
                    s.client.set(client.clone());
                    s.url.set(address_for(s, &client, &url).to_string());
                    s.send();
                }
            >
                <span aria-hidden="true">
                    {match good {
                        Some(true) => "✓ ",
                        Some(false) => "✕ ",
                        None => "",
                    }}
                </span>
                {words}
            </button>
            {changed.then(|| view! { <span class="tag tag-nat">{s.t("packet.changed")}</span> })}
        </td>
    }
}
