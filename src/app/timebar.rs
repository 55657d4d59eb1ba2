//! The time bar: who sends what to where, send, one hop, back, speed, and a scrubber over the hops.

use giljabi::map::Phase;
use giljabi::trace::Client;
use leptos::prelude::*;

use super::focus::Target;
use super::said;
use super::session::session;

/// Who can send: the pods that are not the system's, the nodes, the learner.
pub fn clients(store: &giljabi::apiserver::store::Store) -> Vec<Client> {
    let pods = store.list("Pod").filter(|p| p.namespace() != "kube-system").map(|p| Client::Pod {
        namespace: p.namespace().clone(),
        name: p.name().clone(),
        container: "".into(),
    });
    let nodes = store.list("Node").map(|n| Client::Node { name: n.name().clone() });
    pods.chain(nodes).chain([Client::Learner]).collect()
}

/// Minutes and seconds of the cluster's clock.
pub fn clock(now: giljabi::api::time::Time) -> String {
    let secs = now.0 / 1_000_000;
    format!("{:02}:{:02}", secs / 60, secs % 60)
}

#[component]
pub fn TimeBar() -> impl IntoView {
    let s = session();
    let p = s.player;
    let list = Memo::new(move |_| {
        let mut list = clients(&s.state.read().store);
        // Who has just left the cluster is still who is chosen.
        let now = s.client.get();
        if !list.contains(&now) {
            list.insert(0, now);
        }
        list
    });
    let choose = move |event| {
        let wanted = event_target_value(&event);
        if let Some(client) = list.get_untracked().into_iter().find(|c| c.to_string() == wanted) {
            s.client.set(client);
        }
    };
    let client_words = move |client: &Client| match client {
        Client::Learner => s.tx("at.learner", &[]),
        other => other.to_string(),
    };
    let speed_words = move || format!("×{}", p.speed.get());
    let faster = move |_| p.speed.update(|v| *v = if *v >= 4.0 { 0.25 } else { *v * 2.0 });
    view! {
        <section class="time" aria-label=s.t("time.label")>
            <form
                class="request"
                on:submit=move |event| {
                    event.prevent_default();
                    s.send();
                }
            >
                <button type="submit" class="btn btn-primary send">
                    <span aria-hidden="true">"▶ "</span>
                    {s.t("time.send")}
                </button>
                <select class="field client" aria-label=s.t("time.client") on:change=choose prop:value=move || s.client.get().to_string()>
                    {move || {
                        list.get()
                            .into_iter()
                            .map(|c| {
                                let value = c.to_string();
                                let chosen = s.client.read_untracked().to_string() == value;
                                view! { <option value=value selected=chosen>{client_words(&c)}</option> }
                            })
                            .collect_view()
                    }}
                </select>
                <span aria-hidden="true" class="t-soft">"→"</span>
                <input
                    class="field url"
                    type="text"
                    spellcheck="false"
                    autocomplete="off"
                    autocapitalize="off"
                    aria-label=s.t("time.url")
                    aria-invalid=move || s.bad_url.get().to_string()
                    title=move || if s.bad_url.get() { s.tx("time.bad_url", &[]) } else { String::new() }
                    prop:value=move || s.url.get()
                    on:input=move |event| {
                        s.url.set(event_target_value(&event));
                        s.bad_url.set(false);
                    }
                />
            </form>
            <div class="steps" role="group" aria-label=s.t("time.steps")>
                <button type="button" class="btn btn-icon" aria-label=s.t("time.rewind") title=s.t("time.rewind") on:click=move |_| p.rewind()>"|◀"</button>
                <button type="button" class="btn btn-icon" aria-label=s.t("time.back") title=s.t("time.back") on:click=move |_| p.back()>"◀"</button>
                <button
                    type="button"
                    class="btn btn-icon"
                    aria-label=move || s.tx(if p.playing.get() { "time.pause" } else { "time.play" }, &[])
                    title=move || s.tx(if p.playing.get() { "time.pause" } else { "time.play" }, &[])
                    on:click=move |_| p.toggle()
                >
                    {move || if p.playing.get() { "❚❚" } else { "▶" }}
                </button>
                <button type="button" class="btn one-hop" title=s.t("time.step_title") on:click=move |_| if s.sent.read_untracked().is_some() { p.step() } else { s.send_paused() }>
                    {s.t("time.step")}
                </button>
            </div>
            <Scrubber/>
            <button type="button" class="btn speed" aria-label=move || s.tx("time.speed", &[("speed", &speed_words())]) title=s.t("time.speed_title") on:click=faster>
                {speed_words}
            </button>
            <button
                type="button"
                class="btn btn-icon"
                aria-pressed=move || p.looping.get().to_string()
                aria-label=s.t("time.loop")
                title=s.t("time.loop")
                on:click=move |_| p.looping.update(|l| *l = !*l)
            >
                "↻"
            </button>
        </section>
    }
}

/// One dot a hop; those of a name's many questions are small.
#[component]
fn Scrubber() -> impl IntoView {
    let s = session();
    let p = s.player;
    let part = move |hop: usize| {
        let count = p.count().max(2) as f64 - 1.0;
        hop as f64 / count * 100.0
    };
    let done = move || {
        let count = p.count().max(2) as f64 - 1.0;
        // A beat's end is where its dot stands.
        ((p.at.get() - 0.999).max(0.0) / count * 100.0).min(100.0)
    };
    let words = move || {
        let sent = s.sent.get();
        let hop = p.hop.get();
        match sent.as_ref().zip(hop) {
            Some((sent, hop)) => {
                let place = said::place(&sent.trace.hops[hop].at, s.lang.get());
                s.tx(
                    "time.at",
                    &[
                        ("hop", &(hop + 1).to_string()),
                        ("count", &sent.trace.hops.len().to_string()),
                        ("place", &place),
                    ],
                )
            }
            None => s.tx("time.nothing", &[]),
        }
    };
    view! {
        <div class="track" class:empty=move || s.sent.read().is_none()>
            <input
                type="range"
                min="0"
                max=move || p.count().saturating_sub(1)
                step="1"
                aria-label=s.t("time.scrubber")
                aria-valuetext=words
                disabled=move || s.sent.read().is_none()
                prop:value=move || p.hop.get().unwrap_or(0).to_string()
                on:input=move |event| {
                    if let Ok(hop) = event_target_value(&event).parse() {
                        p.seek(hop);
                    }
                }
            />
            <div class="track-line" aria-hidden="true">
                <div class="track-done" style:width=move || format!("{:.2}%", done())></div>
                {move || {
                    s.legs
                        .get()
                        .iter()
                        .map(|leg| {
                            let hop = leg.hop;
                            let small = leg.phase == Phase::Dns && p.count() > 14;
                            view! {
                                <i
                                    class=format!("tick tick-{}", leg.tone.name())
                                    class:small=small
                                    class:here=move || p.hop.get() == Some(hop)
                                    class:lit=move || s.lit.read().hops.contains(&hop)
                                    style:left=move || format!("{:.2}%", part(hop))
                                    on:mouseenter=move |_| s.focus.hover(Target::Hop(hop))
                                    on:mouseleave=move |_| s.focus.leave()
                                    on:click=move |_| p.seek(hop)
                                ></i>
                            }
                        })
                        .collect_view()
                }}
            </div>
        </div>
    }
}
