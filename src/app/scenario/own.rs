//! Requests for whatever stands in the cluster: what the address bar offers, and what is worth a try once the files are no longer
//! those of the scenario.

use giljabi::api::object::{Object, ObjectKey};
use giljabi::api::view::Protocol;
use giljabi::apiserver::store::Store;
use giljabi::trace::Client;
use leptos::prelude::*;

use super::Play;
use super::table::{self, Scenario};
use crate::app::erased::effect;
use crate::app::session::{Session, session};
use crate::app::timebar::clients;

/// So many addresses are offered, and so many stand as buttons.
const OFFERED: usize = 200;
const BUTTONS: usize = 5;

/// Whether a Service is neither the system's nor the API server's.
fn is_somebodys(object: &Object) -> bool {
    object.namespace() != "kube-system" && object.name() != "kubernetes"
}

/// The address of every port of every Service that is not the system's, as this client would write it.
pub fn urls(store: &Store, client: &Client) -> Vec<String> {
    let home = match client {
        Client::Pod { namespace, .. } => Some(namespace),
        _ => None,
    };
    let one = |object: &std::sync::Arc<Object>| {
        let service = object.view().service()?;
        let host = match home {
            Some(own) if own == object.namespace() => object.name().to_string(),
            Some(_) => format!("{}.{}", object.name(), object.namespace()),
            // Cluster names mean something to pods alone.
            None => service.cluster_ip()?.to_string(),
        };
        let port = |port: &giljabi::api::view::ServicePort| {
            let speaks = |name: &str| port.name.starts_with(name) || port.app_protocol.ends_with(name);
            let (scheme, usual) = match () {
                () if port.protocol == Protocol::Udp => ("udp", 0),
                () if speaks("grpc") => ("grpc", 80),
                () if port.port == 443 || speaks("https") => ("https", 443),
                () => ("http", 80),
            };
            if port.port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{}", port.port) }
        };
        Some(service.ports.iter().map(port).collect::<Vec<_>>())
    };
    store.list("Service").filter(|o| is_somebodys(o)).filter_map(one).flatten().take(OFFERED).collect()
}

/// The names of the Services that a scenario brings.
fn services(scenario: &Scenario) -> Vec<&'static str> {
    let documents = scenario.files.iter().flat_map(|(_, text)| text.split("\n---"));
    let services = documents.filter(|text| text.lines().any(|line| line.trim() == "kind: Service"));
    services.filter_map(|text| text.lines().find_map(|line| line.strip_prefix("  name: "))).collect()
}

/// Whether nothing of what the scenario is about is left: somebody has put files of their own in the place of its files.
pub fn is_own(s: Session, play: Play) -> Memo<bool> {
    Memo::new(move |_| {
        let names = services(table::find(play.scenario.get()));
        let state = s.state.get();
        let mut there = state.store.list("Service").filter(|o| is_somebodys(o)).map(|o| o.name()).peekable();
        // While there is no Service at all, the next one may be the scenario's again.
        !names.is_empty() && there.peek().is_some() && !there.any(|own| names.contains(&own.as_str()))
    })
}

/// Who asks: who is chosen, if they are still there; else the first pod that could.
fn client(s: Session) -> Client {
    let (now, state) = (s.client.get(), s.state.get());
    let there = |client: &Client| match client {
        Client::Pod { namespace, name, .. } => {
            state.store.get(&ObjectKey::new("Pod", namespace.clone(), name.clone())).is_some()
        }
        _ => true,
    };
    if there(&now) { now } else { clients(&state.store).into_iter().next().unwrap_or(Client::Learner) }
}

/// The requests that one's own files are worth, as buttons.
#[component]
pub fn Tries() -> impl IntoView {
    let s = session();
    let play = expect_context::<Play>();
    let offered = Memo::new(move |_| {
        let client = client(s);
        (client.clone(), urls(&s.state.read().store, &client))
    });
    // The address that the scenario proposed leads nowhere any more.
    effect(move || {
        let (client, urls) = offered.get();
        let proposed = table::find(play.scenario.get_untracked()).tries;
        if let Some(first) = urls.first()
            && proposed.iter().any(|(_, to)| s.url.read_untracked().trim_end_matches('/') == to.trim_end_matches('/'))
        {
            s.url.set(first.clone());
            s.client.set(client);
        }
    });
    // A request that leads to another port stays the button that it is: only its words are written anew.
    let count = Memo::new(move |_| offered.read().1.len().min(BUTTONS));
    let url = move |place: usize| offered.read().1.get(place).cloned().unwrap_or_default();
    let button = move |place: usize| {
        // How it is spoken to stands in the address bar; here whom it goes to tells the buttons apart.
        let words = move || {
            let url = url(place);
            url.split_once("://").map_or(url.as_str(), |(_, to)| to).to_string()
        };
        let send = move |_| {
            let (client, urls) = offered.get_untracked();
            if let Some(url) = urls.into_iter().nth(place) {
                s.client.set(client);
                s.url.set(url);
                s.send();
            }
        };
        view! {
            <button type="button" class="btn try" title=move || url(place) on:click=send>
                <span aria-hidden="true">"▶ "</span>
                <code>{words}</code>
            </button>
        }
    };
    move || (0..count.get()).map(button).collect_view()
}
