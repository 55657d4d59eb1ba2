//! All that the tools of a node list, as they print it. A line that stands for a field leads to it, as the rules that were walked do.

use giljabi::network::kube_proxy::Listing;
use leptos::prelude::*;

use super::journey::line_button;
use super::rules::{Origin, lights, rule_words};
use crate::app::leave::Copy;
use crate::app::session::{Session, session};

/// Of a listing, at most so many lines are links; more of them are plain text.
const LINKED: usize = 600;

#[component]
pub fn RawList(node: Memo<Option<String>>, text: Memo<Option<Vec<Listing>>>) -> impl IntoView {
    let s = session();
    // What nobody looks at is not drawn.
    let open = RwSignal::new(false);
    view! {
        <details class="rules-all" on:toggle=move |_| open.update(|open| *open = !*open)>
            <summary>{s.t("rules.all")}</summary>
            {move || {
                let (node, listings) = open.get().then(|| (node.get(), text.get().unwrap_or_default()))?;
                let none = listings.is_empty().then(|| view! { <p>{s.t("rules.none")}</p> });
                let listed = listings.into_iter().map(|listing| one(s, node.as_deref().unwrap_or_default(), listing));
                Some(view! { {none}{listed.collect_view()} })
            }}
        </details>
    }
    .into_any()
}

fn one(s: Session, node: &str, listing: Listing) -> impl IntoView + use<> {
    let copied = listing.text.clone();
    let lines = listing.lines();
    let wanted = giljabi::arrange::set_of(lines.iter().take(LINKED).filter_map(|(_, key)| key.clone()));
    let origins = s.origins(node, &wanted);
    let line = |(line, key): &(&str, Option<String>)| {
        let origin = key.as_ref().and_then(|key| origins.get(key)).map(|field| Origin::of(s, field.clone()));
        let Some((origin, target)) = origin.and_then(|o| o.target().map(|target| (o, target))) else {
            return view! { <div>{line.to_string()}</div> }.into_any();
        };
        let (over, lit) = (target.clone(), target.clone());
        view! {
            <div
                class:lit=move || lights(s, &lit)
                on:mouseenter=move |_| s.focus.hover(over.clone())
                on:mouseleave=move |_| s.focus.leave()
            >
                {rule_words(s, line.to_string(), Some(target))}
                {origin.line.map(|line| line_button(s, line))}
            </div>
        }
        .into_any()
    };
    let shown = lines.iter().take(LINKED).map(line).collect_view();
    let rest: Vec<&str> = lines.iter().skip(LINKED).map(|(line, _)| *line).collect();
    let rest = (!rest.is_empty()).then(|| rest.join("\n"));
    view! {
        <h3><code>{listing.command}</code>" "<Copy text=move || copied.clone()/></h3>
        <pre class="raw" tabindex="0" role="group" aria-label=listing.command>{shown}{rest}</pre>
    }
}
