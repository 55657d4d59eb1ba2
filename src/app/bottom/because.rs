//! Why an object is there, and why a pod gets the traffic of a Service or does not: chains of links, each with the field that it
//! rests on.

use giljabi::api::object::ObjectKey;
use giljabi::cluster::why::Link;
use leptos::prelude::*;

use super::journey::line_button;
use crate::app::session::{Session, session};

#[component]
pub fn Because(shown: RwSignal<Option<ObjectKey>>) -> impl IntoView {
    let s = session();
    // The last message of a chain's heading says about which Service it is.
    let chains = move || -> Vec<(&'static str, String, Vec<Link>)> {
        let Some(key) = shown.get() else { return Vec::new() };
        s.state.track();
        s.look(|cluster| {
            if cluster.store().get(&key).is_none() {
                return Vec::new();
            }
            let there = ("because.there", String::new(), cluster.why_exists(&key));
            let traffic = if key.kind == "Pod" { cluster.why_not_endpoints(&key) } else { Vec::new() };
            let traffic = traffic.into_iter().map(|(of, chain)| ("because.traffic", of.name.to_string(), chain));
            traffic.chain([there]).filter(|(.., chain)| !chain.is_empty()).collect()
        })
    };
    view! {
        <div class="because" role="group" tabindex="0" aria-label=s.t("because.there")>
            {move || chains().into_iter().map(|(id, of, links)| chain(s, id, of, links)).collect_view()}
        </div>
    }
    .into_any()
}

fn chain(s: Session, id: &'static str, of: String, links: Vec<Link>) -> impl IntoView {
    let links = links.into_iter().map(move |link| {
        let line = s.line_of(&link.at);
        // What no file says has its field told all the same.
        let field = line.is_none().then(|| link.at.to_string());
        view! {
            <li>
                {move || link.message.text(s.lang.get())}
                " "
                {field.map(|field| view! { <code>{field}</code> })}
                {line.map(|line| line_button(s, line))}
            </li>
        }
    });
    view! {
        <h3>{move || s.tx(id, &[("service", &of)])}</h3>
        <ol>{links.collect_view()}</ol>
    }
}
