//! The lower layer: nodes with their pods and kernels, and the world outside.

use giljabi::api::object::ObjectKey;
use giljabi::map::geometry::{fit, text_width};
use giljabi::map::{
    Fold, Folded, Group, NodeBox, OutsideBox, OutsideKind, Phase, PodBox, PodRole, PodState, Rect, Waiting, node_key,
    phase,
};
use giljabi::trace::{Place, StepKind};
use leptos::prelude::*;
use std::fmt::Write;

use super::cards::looks_at;
use super::marks::{Mark, Marks};
use crate::app::focus::Target;
use crate::app::said;
use crate::app::session::{Session, session};

/// What is somewhere.
#[component]
pub fn FloorLayer() -> impl IntoView {
    let s = session();
    let scene = s.scene;
    let marks = Marks::follow(s);
    let outside_top = move || scene.read().outside_top + 32.0;
    // An edit draws anew only what it changes: each node for itself, and what is around them.
    let count = Memo::new(move |_| scene.read().nodes.len());
    let nodes = move || {
        let one = |i: usize| {
            let own = Memo::new(move |_| scene.read().nodes.get(i).cloned());
            move || own.get().map(|n| node(s, marks, &n))
        };
        (0..count.get()).map(one).collect_view()
    };
    let waits = Memo::new(move |_| scene.read().waiting.clone());
    let beyond = Memo::new(move |_| scene.read().outside.clone());
    view! {
        {nodes}
        {move || waits.read().as_ref().map(|w| waiting(s, marks, w))}
        <text class="t12 t-soft" x="24" y=outside_top>{s.t("map.outside")}</text>
        {move || beyond.read().iter().map(|o| outside(s, o)).collect_view()}
    }
    .into_any()
}

fn looks_at_place(s: Session, place: Place) -> impl Fn(web_sys::MouseEvent) + Clone {
    move |event| {
        event.stop_propagation();
        match event.type_().as_str() {
            "mouseenter" => s.focus.hover(Target::Place(place.clone())),
            "click" => s.focus.hold(Target::Place(place.clone())),
            _ => s.focus.leave(),
        }
    }
}

fn node(s: Session, marks: Marks, node: &NodeBox) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = node.rect;
    let down = !node.ready;
    // The address gives way where there is no room for both.
    let name_width = text_width(&node.name, 14.0, false);
    let words = name_width + text_width(&node.address, 11.0, true);
    let status = match (down, node.cordoned) {
        (true, _) => Some("NotReady"),
        (_, true) => Some("SchedulingDisabled"),
        _ => None,
    };
    let status_width = status.map_or(0.0, |status| text_width(status, 12.0, false) + 14.0);
    // On a tile it stands beside the tally, where there is room for it.
    let status = status.map(|status| match &node.folded {
        None => {
            view! { <text class="t12 tone-bad" x=x + 16.0 + name_width + 12.0 y=y + 23.0>{status}</text> }.into_any()
        }
        Some(_) => {
            let words = fit(status, w - 52.0, 11.0, false);
            view! { <text class="t11 tone-bad" text-anchor="end" x=x + w - 9.0 y=y + 41.0>{words}</text> }.into_any()
        }
    });
    let roomy = words + status_width + 44.0 < w && node.folded.is_none();
    let left = if node.folded.is_some() { 10.0 } else { 16.0 };
    let name = fit(&node.name, w - left - 8.0, 14.0, false);
    view! {
        <g class="node" class:node-down=down data-tip=format!("{} {}", node.name, node.address)>
            <rect class="node-box" x=x y=y width=w height=h rx="14"></rect>
            <text class="t13 strong" x=x + left y=y + 23.0>{name}</text>
            {status}
            {roomy.then(|| view! { <text class="t11 mono t-soft" text-anchor="end" x=x + w - 16.0 y=y + 23.0>{node.address.to_string()}</text> })}
            {node.pods.iter().map(|p| pod(s, marks, p)).collect_view()}
            {node.groups.iter().map(|g| group(s, g)).collect_view()}
            {node.folds.iter().map(|f| fold(s, f)).collect_view()}
            {node.folded.as_ref().map(|f| tile(s, node, f))}
            {node.folded.is_none().then(|| kernel(s, node))}
        </g>
    }
}

/// A folded node: how many of its pods are ready. A click unfolds it.
fn tile(s: Session, node: &NodeBox, folded: &Folded) -> impl IntoView + use<> {
    let Rect { x, y, w, .. } = node.rect;
    let (ready, all) = (folded.ready, folded.pods.len());
    let room = w - 20.0;
    let part = room * ready as f64 / all.max(1) as f64;
    let key = node_key(&node.name);
    let look = looks_at_place(s, Place::Node { node: node.name.clone() });
    let (enter, leave) = (look.clone(), look);
    view! {
        <g
            class="tile pick"
            on:mouseenter=enter
            on:mouseleave=leave
            on:click=move |event| {
                event.stop_propagation();
                s.unfolded.update(|u| {
                    u.insert(key.clone());
                });
            }
        >
            <rect class="tile-hit" x=x y=y width=w height=node.rect.h rx="14"></rect>
            <text class="t11 mono t-soft" x=x + 10.0 y=y + 41.0>{format!("{ready}/{all}")}</text>
            <rect class="density-all" x=x + 10.0 y=y + 47.0 width=room height="6" rx="3"></rect>
            <rect class="density-ready" x=x + 10.0 y=y + 47.0 width=part height="6" rx="3"></rect>
        </g>
    }
}

fn pod(s: Session, marks: Marks, pod: &PodBox) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = pod.rect;
    let role = match pod.role {
        PodRole::Client => "pod pod-client pick",
        PodRole::Dns => "pod pod-dns pick",
        PodRole::Backend => "pod pod-backend pick",
        PodRole::Proxy => "pod pod-proxy pick",
        PodRole::Other => "pod pick",
    };
    let state = pod.state;
    let mark = match state {
        PodState::Ready => "●",
        PodState::NotReady => "○",
        PodState::Pending => "◔",
        PodState::Terminating => "◌",
        PodState::Finished => "■",
    };
    let mark_class = match state {
        PodState::Ready => "tone-pod",
        PodState::Finished => "t-soft",
        _ => "tone-nat",
    };
    let reason = pod.reason.clone();
    let address = pod.address.clone();
    let foreign = !matches!(pod.key.namespace.as_str(), "default" | "kube-system");
    let namespace = pod.key.namespace.clone();
    let second = move || {
        let words = match state {
            PodState::Ready if address.is_empty() => s.tx("pod.ready", &[]),
            PodState::Ready => address.to_string(),
            PodState::NotReady if reason.is_empty() => s.tx("pod.not_ready", &[]),
            PodState::Pending if reason.is_empty() => s.tx("pod.pending", &[]),
            PodState::Terminating => s.tx("pod.terminating", &[]),
            PodState::Finished => s.tx("pod.finished", &[]),
            _ => reason.to_string(),
        };
        fit(&words, w - 20.0, 11.5, true)
    };
    let look = looks_at(s, pod.key.clone());
    let (enter, leave) = (look.clone(), look.clone());
    let Mark { here, lit } = marks.of(s, &pod.key);
    let faded = state != PodState::Ready;
    let leaving = state == PodState::Terminating;
    // The lines of the box: name, generated end, address or state, namespace. What is not there leaves its room to the rest.
    let rows = match (pod.tail.is_empty(), foreign) {
        (true, false) => [27.0, 0.0, 48.0, 0.0],
        (true, true) => [20.0, 0.0, 38.0, 56.0],
        (false, false) => [20.0, 36.0, 55.0, 0.0],
        (false, true) => [17.0, 31.0, 46.0, 60.0],
    };
    view! {
        <g class=role data-tip=format!("{} {}", pod.key, pod.address) class:lit=move || lit.get() class:here=move || here.get() class:faded=faded class:leaving=leaving on:mouseenter=enter on:mouseleave=leave on:click=look>
            <rect x=x y=y width=w height=h rx="9"></rect>
            <text class="t13 strong" x=x + 11.0 y=y + rows[0]>{fit(&pod.stem, w - 34.0, 14.2, false)}</text>
            <text class=format!("t12 {mark_class}") text-anchor="end" x=x + w - 10.0 y=y + rows[0]>{mark}</text>
            {(!pod.tail.is_empty())
                .then(|| view! { <text class="t10 mono t-soft" x=x + 11.0 y=y + rows[1]>{fit(&pod.tail, w - 18.0, 10.0, true)}</text> })}
            <text class="t11 mono t-soft" x=x + 11.0 y=y + rows[2]>{second}</text>
            {foreign.then(|| view! { <text class="t10 tone-ns" x=x + 11.0 y=y + rows[3]>{fit(&format!("ns/{namespace}"), w - 18.0, 10.0, false)}</text> })}
        </g>
    }
}

/// Many pods of one workload: a dot each, one path a state.
fn group(s: Session, group: &Group) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = group.rect;
    let (mut ready, mut other) = (String::new(), String::new());
    let mut count = 0;
    for (i, (_, state)) in group.pods.iter().enumerate() {
        let at = group.dot(i);
        let path = if *state == PodState::Ready { &mut ready } else { &mut other };
        count += usize::from(*state == PodState::Ready);
        // A circle of radius 3.5, as two arcs.
        let _ = write!(path, "M{:.1} {:.1}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0", at.x - 3.5, at.y);
    }
    let label = format!("{} ×{}", group_name(&group.key.workload), group.pods.len());
    let tally = format!("{count}/{}", group.pods.len());
    let tip = format!("{} — {tally}", group.key.workload);
    let key = group.key.clone();
    let look = looks_at(s, group.key.workload.clone());
    let (enter, leave) = (look.clone(), look);
    let class = match group.role {
        PodRole::Backend => "pod pod-backend pick",
        PodRole::Dns => "pod pod-dns pick",
        _ => "pod pick",
    };
    view! {
        <g
            class=class
            data-tip=tip
            on:mouseenter=enter
            on:mouseleave=leave
            on:click=move |event| {
                event.stop_propagation();
                s.unfolded.update(|u| {
                    u.insert(key.clone());
                });
            }
        >
            <rect x=x y=y width=w height=h rx="9"></rect>
            <text class="t12 strong" x=x + 12.0 y=y + 18.0>{fit(&label, w - 70.0, 12.0, false)}</text>
            <text class="t11 mono t-soft" text-anchor="end" x=x + w - 10.0 y=y + 18.0>{tally}</text>
            <path class="dots-ready" d=ready></path>
            <path class="dots-other" d=other></path>
        </g>
    }
}

/// What a group is called: a workload's name, `ns/shop` for a namespace.
fn group_name(key: &ObjectKey) -> String {
    match key.namespace.as_str() {
        _ if key.kind == "Namespace" => format!("ns/{}", key.name),
        "default" | "kube-system" | "" => key.name.to_string(),
        // As the pods of such a group say it.
        namespace => format!("{namespace}/{}", key.name),
    }
}

/// The line above an unfolded group.
fn fold(s: Session, fold: &Fold) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = fold.rect;
    let label = format!("▾ {} ×{}", group_name(&fold.key.workload), fold.count);
    let key = fold.key.clone();
    view! {
        <g
            class="fold pick"
            on:click=move |event| {
                event.stop_propagation();
                s.unfolded.update(|u| {
                    u.remove(&key);
                });
            }
        >
            <rect x=x y=y width=w height=h rx="7"></rect>
            <text class="t12 strong" x=x + 10.0 y=y + 16.5>{fit(&label, w - 70.0, 12.0, false)}</text>
            <text class="t11 t-soft" text-anchor="end" x=x + w - 10.0 y=y + 16.5>{s.t("journey.fold")}</text>
        </g>
    }
}

fn kernel(s: Session, node: &NodeBox) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = node.kernel;
    let place = Place::Kernel { node: node.name.clone() };
    let look = looks_at_place(s, place.clone());
    let (enter, leave) = (look.clone(), look.clone());
    let lit_place = place.clone();
    let lit = move || s.lit.read().places.contains(&lit_place);
    let open = node.open;
    // The newest hop here that the playhead has reached.
    let shown = Memo::new(move |_| {
        let hop = s.player.hop.get()?;
        let sent = s.sent.get()?;
        let hops = &sent.trace.hops;
        let hop = hop.min(hops.len().checked_sub(1)?);
        // A name's questions are told while they run; afterwards the strip is the request's.
        let names = phase(&hops[hop]) == Phase::Dns;
        let here = |i: &usize| hops[*i].at == place && (phase(&hops[*i]) == Phase::Dns) == names;
        let mut met = (0..=hop).rev().filter(here);
        // Afterwards, what decided; while it runs, what is newest.
        let decided = |i: &usize| {
            hops[*i]
                .steps
                .iter()
                .any(|s| matches!(s.kind, StepKind::Dnat { .. } | StepKind::Rejected { .. } | StepKind::Dropped { .. }))
        };
        let i = if s.player.ended.get() { met.clone().find(decided).or_else(|| met.next()) } else { met.next() }?;
        let now = i < hop || s.player.changed.get();
        Some(said::kernel_lines(&sent.trace.hops[i], now, s.lang.get()))
    });
    let active = {
        let place = Place::Kernel { node: node.name.clone() };
        move || {
            let hop = s.player.hop.get();
            s.sent.read().as_ref().zip(hop).is_some_and(|(sent, hop)| sent.trace.hops[hop].at == place)
        }
    };
    let quiet_id = match (node.ready, open) {
        (false, _) => "map.kernel_unheard",
        (true, true) => "map.kernel_waiting",
        (true, false) => "map.kernel_same",
    };
    let quiet = move || s.tx(quiet_id, &[]);
    view! {
        <g class="kernel pick" class:open=open class:here=active class:lit=lit on:mouseenter=enter on:mouseleave=leave on:click=look>
            <rect class="kernel-box" x=x y=y width=w height=h rx="10"></rect>
            <text class="t12 kernel-title" x=x + 14.0 y=y + 20.0>{move || title(&s.tx("map.kernel", &[]), w - 22.0)}</text>
            {move || match shown.get() {
                None => {
                    view! { <text class="t12 t-soft" x=x + 14.0 y=y + 39.0>{move || Some(quiet()).filter(|words| text_width(words, 12.0, false) < w - 20.0)}</text> }
                        .into_any()
                }
                Some(lines) => {
                    let class = if lines.bad { "verdict verdict-bad" } else { "verdict" };
                    view! {
                        <text class="t11 mono t-soft" x=x + 14.0 y=y + 40.0>{fit(&lines.chains, w - 26.0, 11.0, true)}</text>
                        <g class=class>
                            <rect x=x + 8.0 y=y + 50.0 width=w - 16.0 height="28" rx="6"></rect>
                            <text class="t11 mono" x=x + 17.0 y=y + 68.5>{fit(&lines.verdict, w - 34.0, 11.5, true)}</text>
                        </g>
                    }
                        .into_any()
                }
            }}
        </g>
    }
}

/// The words before the dot say what it is; those behind it give way where there is no room.
fn title(words: &str, room: f64) -> String {
    match words.split_once(" · ") {
        Some((short, _)) if text_width(words, 12.0, false) > room => fit(short, room, 12.0, false),
        _ => fit(words, room, 12.0, false),
    }
}

fn waiting(s: Session, marks: Marks, waiting: &Waiting) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = waiting.rect;
    view! {
        <g class="node node-waiting">
            <rect class="node-box" x=x y=y width=w height=h rx="14"></rect>
            <text class="t12 t-soft" x=x + 16.0 y=y + 20.0>{s.t("map.unscheduled")}</text>
            {waiting.pods.iter().map(|p| pod(s, marks, p)).collect_view()}
            {waiting.groups.iter().map(|g| group(s, g)).collect_view()}
            {waiting.folds.iter().map(|f| fold(s, f)).collect_view()}
        </g>
    }
}

/// The place of a trace that a box outside the cluster is.
pub fn place_of(kind: &OutsideKind) -> Option<Place> {
    match kind {
        OutsideKind::Learner => Some(Place::Learner),
        OutsideKind::LoadBalancer { service, .. } => Some(Place::LoadBalancer { service: service.clone() }),
        OutsideKind::Address { address, name } => {
            address.parse().ok().map(|ip| Place::Outside { ip, name: name.clone() })
        }
    }
}

fn outside(s: Session, outside: &OutsideBox) -> impl IntoView + use<> {
    let Rect { x, y, w, h } = outside.rect;
    let kind = outside.kind.clone();
    let place = place_of(&kind);
    let class = match &kind {
        OutsideKind::Learner => "outside pick",
        OutsideKind::LoadBalancer { addresses, .. } if addresses.is_empty() => "outside outside-pending pick",
        OutsideKind::LoadBalancer { .. } => "outside outside-lb pick",
        OutsideKind::Address { .. } => "outside pick",
    };
    let label = move || {
        let words = match &kind {
            OutsideKind::Learner => s.tx("at.learner", &[]),
            OutsideKind::LoadBalancer { service, addresses } if addresses.is_empty() => {
                s.tx("map.lb_pending", &[("service", &service.name)])
            }
            OutsideKind::LoadBalancer { addresses, .. } => s.tx("map.lb", &[("address", &addresses.join(", "))]),
            OutsideKind::Address { address, name } if name.is_empty() => address.to_string(),
            OutsideKind::Address { address, name } => format!("{name} {address}"),
        };
        fit(&words, w - 16.0, 12.0, false)
    };
    let target = place.clone();
    let act = move |event: web_sys::MouseEvent| {
        if let Some(place) = target.clone() {
            looks_at_place(s, place)(event);
        }
    };
    let (enter, leave) = (act.clone(), act.clone());
    let lit = move || place.as_ref().is_some_and(|p| s.lit.read().places.contains(p));
    view! {
        <g class=class class:lit=lit on:mouseenter=enter on:mouseleave=leave on:click=act>
            <rect x=x y=y width=w height=h rx="8"></rect>
            <text class="t12 t-soft" text-anchor="middle" x=x + w / 2.0 y=y + 26.0>{label}</text>
        </g>
    }
}
