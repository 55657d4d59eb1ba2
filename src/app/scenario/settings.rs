//! What the cluster holds and what it is made of: nodes (and their power), kube-proxy's mode, load balancers, add-ons.

use giljabi::cluster::ProxyMode;
use giljabi::cluster::addons::Addon;
use giljabi::network::netfilter::Scheduler;
use leptos::prelude::*;

use super::Play;
use super::world::{BALANCERS, MODES, MOST_NODES, World};
use crate::app::erased::Show;
use crate::app::session::{Pane, Tab, session};

/// One line of counts that unfolds into the choices.
#[component]
pub fn Holds() -> impl IntoView {
    let s = session();
    let count = move |kind: &'static str| s.state.read_untracked().store.list(kind).count();
    let crowd = move |kind: &'static str| {
        Memo::new(move |_| {
            s.crowd.get();
            count(kind)
        })
    };
    let (nodes, pods) = (crowd("Node"), crowd("Pod"));
    let words = move || {
        s.state.track();
        let [nodes, pods, services] = [nodes.get(), pods.get(), count("Service")].map(|count| count.to_string());
        s.tx("scenario.holds", &[("nodes", &nodes), ("pods", &pods), ("services", &services)])
    };
    view! {
        <details class="holds">
            <summary>{words}</summary>
            <Choices/>
            <button
                type="button"
                class="line-link"
                on:click=move |_| {
                    s.tab.set(Tab::Objects);
                    s.pane.set(Pane::Journey);
                }
            >
                {s.t("scenario.objects")}
            </button>
        </details>
    }
    .into_any()
}

#[component]
fn Choices() -> impl IntoView {
    let s = session();
    let play = expect_context::<Play>();
    let change = move |change: &dyn Fn(&mut World)| {
        let mut world = play.world.get_untracked();
        change(&mut world);
        if world != play.world.get_untracked() {
            play.move_to(s, world);
        }
    };
    let nodes = Memo::new(move |_| {
        let state = s.painted.get();
        state.store.list("Node").map(|n| (n.name().to_string(), s.is_powered(n.name()))).collect::<Vec<_>>()
    });
    view! {
        <div class="choices">
            <label>
                <span>{s.t("world.nodes")}</span>
                <input
                    class="field"
                    type="number"
                    min="1"
                    max=MOST_NODES.to_string()
                    prop:value=move || play.world.get().nodes.to_string()
                    on:change=move |event| {
                        if let Ok(nodes) = event_target_value(&event).parse::<usize>() {
                            change(&|w| w.nodes = nodes.clamp(1, MOST_NODES));
                        }
                    }
                />
            </label>
            <label>
                <span>{s.t("world.proxy")}</span>
                <select
                    class="field"
                    prop:value=move || play.world.get().proxy.name()
                    on:change=move |event| {
                        let wanted = event_target_value(&event);
                        if let Some(mode) = MODES.into_iter().find(|m| m.name() == wanted) {
                            change(&|w| w.proxy = mode);
                        }
                    }
                >
                    {MODES.map(|mode| view! { <option value=mode.name()>{mode.name()}</option> }).collect_view()}
                </select>
            </label>
            <Show when=move || play.world.read().proxy == ProxyMode::Ipvs>
                <label>
                    <span>{s.t("world.scheduler")}</span>
                    <select
                        class="field scheduler"
                        on:change=move |event| {
                            let wanted = event_target_value(&event);
                            if let Some((name, _)) = Scheduler::ALL.iter().find(|(name, _)| *name == wanted) {
                                change(&|w| w.scheduler = name);
                            }
                        }
                    >
                        {Scheduler::ALL.iter().map(|(name, _)| {
                            let chosen = move || match play.world.read().scheduler {
                                "" => *name == Scheduler::default().name(),
                                own => own == *name,
                            };
                            view! { <option value=*name prop:selected=chosen>{*name}</option> }
                        }).collect_view()}
                    </select>
                </label>
            </Show>
            <label>
                <span>{s.t("world.balancer")}</span>
                <select
                    class="field"
                    prop:value=move || {
                        let now = play.world.get().balancer;
                        BALANCERS.iter().find(|(b, _)| *b == now).map(|(_, word)| *word)
                    }
                    on:change=move |event| {
                        let wanted = event_target_value(&event);
                        if let Some((balancer, _)) = BALANCERS.into_iter().find(|(_, word)| *word == wanted) {
                            change(&|w| w.balancer = balancer);
                        }
                    }
                >
                    {[("none", "world.none"), ("cloud", "world.cloud"), ("metallb", "world.metallb"), ("tunnel", "world.tunnel")]
                        .map(|(word, id)| view! { <option value=word>{s.t(id)}</option> })
                        .collect_view()}
                </select>
            </label>
            <fieldset>
                <legend>{s.t("world.addons")}</legend>
                {Addon::ALL
                    .into_iter()
                    .enumerate()
                    .map(|(i, addon)| {
                        view! {
                            <label>
                                <input
                                    type="checkbox"
                                    prop:checked=move || play.world.get().addons[i]
                                    on:change=move |event| {
                                        let on = event_target_checked(&event);
                                        change(&|w| w.addons[i] = on);
                                    }
                                />
                                <code>{addon.name()}</code>
                            </label>
                        }
                    })
                    .collect_view()}
            </fieldset>
            <fieldset>
                <legend>{s.t("world.power")}</legend>
                {move || power(nodes.get(), move |node, up| s.set_power(node, up))}
            </fieldset>
        </div>
    }
    .into_any()
}

/// A switch for each node.
pub fn power(nodes: Vec<(String, bool)>, set: impl Fn(&str, bool) + Copy + 'static) -> impl IntoView {
    nodes
        .into_iter()
        .map(|(name, on)| {
            let node = name.clone();
            view! {
                <label>
                    <input
                        type="checkbox"
                        prop:checked=on
                        on:change=move |event| set(&node, event_target_checked(&event))
                    />
                    <code>{name}</code>
                </label>
            }
        })
        .collect_view()
}
