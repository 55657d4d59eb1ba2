//! The map as an ordered list, for screen readers and the keyboard: names and addresses, then each node with its pods. Arrow
//! keys walk it; what has the focus lights up on the drawing, Enter holds it.

use giljabi::api::object::ObjectKey;
use giljabi::locale::Lang;
use giljabi::map::{GroupKey, PodBox, PodState, Scene, node_key};
use giljabi::trace::Place;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::floor;
use crate::app::focus::Target;
use crate::app::said;
use crate::app::session::session;

#[component]
pub fn PlaceList() -> impl IntoView {
    let s = session();
    let at = RwSignal::new(0_usize);
    let rows = Memo::new(move |_| rows(&s.drawn.read(), s.lang.get()));
    let count = Memo::new(move |_| rows.read().len());
    let walk = move |event: web_sys::KeyboardEvent| {
        let last = rows.read_untracked().len().saturating_sub(1);
        let now = at.get_untracked();
        let to = match event.key().as_str() {
            "ArrowDown" | "ArrowRight" => (now + 1).min(last),
            "ArrowUp" | "ArrowLeft" => now.saturating_sub(1),
            "Home" => 0,
            "End" => last,
            _ => return,
        };
        event.prevent_default();
        event.stop_propagation();
        at.set(to);
        let list = event.current_target().and_then(|t| t.dyn_into::<web_sys::Element>().ok());
        let button = list.and_then(|l| l.query_selector_all("button").ok()).and_then(|all| all.get(to as u32));
        if let Some(button) = button.and_then(|b| b.dyn_into::<web_sys::HtmlElement>().ok()) {
            // A button that cannot take the focus stays unfocused; nothing else depends on it.
            let _ = button.focus();
        }
    };
    view! {
        <ol class="place-list" aria-label=s.t("map.list") on:keydown=walk>
            {move || {
                (0..count.get())
                    .map(|i| {
                        // An edit changes the words of a row, and seldom how many there are.
                        let row = Memo::new(move |_| rows.read().get(i).cloned());
                        let target = move || row.get_untracked().map(|(target, ..)| target);
                        view! {
                            <li>
                                <button
                                    type="button"
                                    tabindex=move || if at.get() == i { "0" } else { "-1" }
                                    on:focus=move |_| {
                                        at.set(i);
                                        target().into_iter().for_each(|target| s.focus.hover(target));
                                    }
                                    on:blur=move |_| s.focus.leave()
                                    on:click=move |_| match row.get_untracked() {
                                        // A group unfolds, and folds again.
                                        Some((.., Some(key))) => {
                                            s.unfolded
                                                .update(|u| {
                                                    if !u.remove(&key) {
                                                        u.insert(key);
                                                    }
                                                });
                                        }
                                        Some((target, ..)) => s.focus.hold(target),
                                        None => {}
                                    }
                                >
                                    {move || row.get().map(|(_, words, _)| words)}
                                </button>
                            </li>
                        }
                    })
                    .collect_view()
            }}
        </ol>
    }
    .into_any()
}

/// Target, words, and the group that a press unfolds or folds.
type Row = (Target, String, Option<GroupKey>);

fn rows(scene: &Scene, lang: Lang) -> Vec<Row> {
    let t = |id, args: &[(&str, &str)]| giljabi::locale::text(lang, id, args);
    let mut rows = Vec::new();
    if let Some(lane) = &scene.lane {
        let object = |key: &ObjectKey| Target::Object(key.clone());
        let answers: Vec<String> = lane.answers.iter().map(|(kind, data)| format!("{kind} {data}")).collect();
        let ports: Vec<String> = lane.vip.ports.iter().map(|p| p.port.to_string()).collect();
        rows.push((
            object(&lane.service),
            t("list.name", &[("name", &lane.name), ("answers", &answers.join(", "))]),
            None,
        ));
        rows.push((
            object(&lane.service),
            t(
                "list.service",
                &[("name", &lane.service.name), ("address", &lane.vip.address), ("ports", &ports.join(", "))],
            ),
            None,
        ));
        if let Some(card) = &lane.slices {
            let key = card.slices.first().unwrap_or(&lane.service);
            let (ready, total) = (card.ready.to_string(), card.total.to_string());
            rows.push((object(key), t("map.slices", &[("ready", &ready), ("total", &total)]), None));
        }
    }
    for node in &scene.nodes {
        let kernel = Place::Kernel { node: node.name.clone() };
        let folded = node.folded.as_ref().map(|f| f.pods.len());
        let pods = node.pods.len() + node.groups.iter().map(|g| g.pods.len()).sum::<usize>();
        let pods = (pods + folded.unwrap_or(0)).to_string();
        let words = t("list.node", &[("name", &node.name), ("address", &node.address), ("pods", &pods)]);
        // A folded node unfolds.
        rows.push((Target::Place(kernel), words, folded.map(|_| node_key(&node.name))));
        rows.extend(node.pods.iter().map(|p| (Target::Object(p.key.clone()), pod(p, &node.name, lang), None)));
        for group in &node.groups {
            let count = group.pods.len().to_string();
            let words = t("list.group", &[("name", &group.key.workload.name), ("pods", &count), ("node", &node.name)]);
            rows.push((Target::Object(group.key.workload.clone()), words, Some(group.key.clone())));
        }
        for fold in &node.folds {
            let words = t("list.fold", &[("name", &fold.key.workload.name), ("node", &node.name)]);
            rows.push((Target::Object(fold.key.workload.clone()), words, Some(fold.key.clone())));
        }
    }
    for outside in &scene.outside {
        if let Some(place) = floor::place_of(&outside.kind) {
            let words = said::place(&place, lang);
            rows.push((Target::Place(place), words, None));
        }
    }
    rows
}

fn pod(pod: &PodBox, node: &str, lang: Lang) -> String {
    let state = match pod.state {
        PodState::Ready => "pod.ready",
        PodState::NotReady => "pod.not_ready",
        PodState::Pending => "pod.pending",
        PodState::Terminating => "pod.terminating",
        PodState::Finished => "pod.finished",
    };
    let state = giljabi::locale::text(lang, state, &[]);
    let args = [("name", pod.key.name.as_str()), ("node", node), ("address", &pod.address), ("state", &state)];
    giljabi::locale::text(lang, "list.pod", &args)
}
