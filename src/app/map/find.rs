//! Searching the map: what bears the letters is ringed, Enter goes from one to the next, Escape lets go.

use giljabi::map::{Rect, Scene};
use leptos::html::Input;
use leptos::prelude::*;

use super::View;
use crate::app::session::session;

/// What is searched, and which of the finds is looked at.
#[derive(Clone, Copy)]
pub struct Search {
    wanted: RwSignal<String>,
    at: RwSignal<usize>,
}

impl Search {
    pub fn new() -> Search {
        Search { wanted: RwSignal::new(String::new()), at: RwSignal::new(0) }
    }
}

/// Everything whose name or address holds the letters, in the order of reading.
fn found(scene: &Scene, wanted: &str) -> Vec<Rect> {
    let wanted = wanted.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let holds = |text: &str| text.to_lowercase().contains(&wanted);
    let mut found = Vec::new();
    if let Some(lane) = &scene.lane {
        found.extend(holds(&lane.name).then_some(lane.dns));
        found.extend((holds(&lane.service.name) || holds(&lane.vip.address)).then_some(lane.vip.rect));
    }
    found.extend(scene.services.iter().filter(|c| holds(&c.label) || holds(&c.address)).map(|c| c.rect));
    for node in &scene.nodes {
        found.extend((holds(&node.name) || holds(&node.address)).then(|| node.header()));
        found.extend(node.pods.iter().filter(|p| holds(&p.key.to_string()) || holds(&p.address)).map(|p| p.rect));
        if node.folded.as_ref().is_some_and(|f| f.pods.iter().any(|(key, _)| holds(&key.name))) {
            found.push(node.rect);
        }
        for group in &node.groups {
            if holds(&group.key.workload.name) || holds(&group.key.workload.namespace) {
                found.push(group.rect);
            } else {
                found.extend(group.pods.iter().filter(|(k, _)| holds(&k.name)).filter_map(|(k, _)| group.dot_of(k)));
            }
        }
    }
    found
}

#[component]
pub fn Find() -> impl IntoView {
    let s = session();
    let view = expect_context::<View>();
    let search = expect_context::<Search>();
    let input = NodeRef::<Input>::new();
    let list = Memo::new(move |_| found(&s.drawn.read(), &search.wanted.read()));
    let show = move || {
        let list = list.read_untracked();
        if let Some(rect) = list.get(search.at.get_untracked()) {
            view.center(s, *rect);
        }
    };
    let tally = move || {
        let n = list.read().len();
        let at = if n == 0 { 0 } else { search.at.get() + 1 };
        (!search.wanted.read().trim().is_empty()).then(|| format!("{at}/{n}"))
    };
    view! {
        <div class="find" role="search">
            <input
                node_ref=input
                class="field"
                id="map-find"
                type="search"
                autocomplete="off"
                spellcheck="false"
                aria-label=s.t("map.find")
                placeholder=s.t("map.find")
                on:input=move |event| {
                    search.wanted.set(event_target_value(&event));
                    search.at.set(0);
                    show();
                }
                on:keydown=move |event| {
                    match event.key().as_str() {
                        "Enter" => {
                            let n = list.read_untracked().len().max(1);
                            let back = event.shift_key();
                            search.at.update(|at| *at = if back { (*at + n - 1) % n } else { (*at + 1) % n });
                            show();
                        }
                        "Escape" => {
                            search.wanted.set(String::new());
                            if let Some(input) = input.get_untracked() {
                                input.set_value("");
                            }
                        }
                        _ => return,
                    }
                    event.prevent_default();
                    event.stop_propagation();
                }
            />
            <span class="find-tally" role="status">{tally}</span>
        </div>
    }
    .into_any()
}

/// Rings around what was found.
#[component]
pub fn FoundLayer() -> impl IntoView {
    let s = session();
    let search = expect_context::<Search>();
    move || {
        let list = found(&s.scene.read(), &search.wanted.read());
        let at = search.at.get();
        let ring = |(i, Rect { x, y, w, h }): (usize, Rect)| {
            let class = if i == at { "found found-now" } else { "found" };
            view! { <rect class=class x=x - 4.0 y=y - 4.0 width=w + 8.0 height=h + 8.0 rx="12"></rect> }
        };
        list.into_iter().enumerate().map(ring).collect_view()
    }
}
