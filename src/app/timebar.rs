//! The time bar: who sends what to where, send, one hop, back, speed, and a scrubber over the hops.

use giljabi::map::{Stage, Tone};
use giljabi::trace::Client;
use leptos::prelude::*;

use super::focus::Target;
use super::page::{in_turn, turn};
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
        s.crowd.get();
        let mut list = clients(&s.state.read_untracked().store);
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
    // Asked for when somebody comes to the field, not for every edit before.
    let near = RwSignal::new(false);
    let offered = Memo::new(move |_| match near.get() {
        true => super::scenario::own::urls(&s.painted.read().store, &s.client.read()),
        false => Vec::new(),
    });
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
                    list="own-urls"
                    on:focus=move |_| near.set(true)
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
                <datalist id="own-urls">
                    {move || offered.get().into_iter().map(|url| view! { <option value=url></option> }).collect_view()}
                </datalist>
            </form>
            {in_turn(turn::STEPS, move || view! {
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
            }.into_any())}
        </section>
    }
    .into_any()
}

/// One dot a row of the journey: a folded lookup is one, unfolded its hops are small ones.
#[component]
fn Scrubber() -> impl IntoView {
    let s = session();
    let p = s.player;
    // Where a hop's dot stands. The hops of a folded lookup share the way to its one dot.
    let spots = Memo::new(move |_| {
        let open = s.lookup_open.get();
        let stages = s.stages.read();
        let rows = stages.iter().map(|st| if open { st.hops.len() } else { 1 }).sum::<usize>().max(2) as f64 - 1.0;
        let mut spots = Vec::new();
        let mut row = 0.0;
        for stage in stages.iter() {
            let n = stage.hops.len();
            for k in 1..=n {
                let within = if open { k as f64 - 1.0 } else { k as f64 / n as f64 - 1.0 };
                spots.push(((row + within) / rows * 100.0_f64).max(0.0));
            }
            row += if open { n as f64 } else { 1.0 };
        }
        spots
    });
    let part = move |hop: usize| spots.read().get(hop).copied().unwrap_or(0.0);
    let done = move || {
        let at = p.at.get();
        let (hop, within) = (at as usize, (at.fract() / 0.999).min(1.0));
        let to = part(hop);
        let from = hop.checked_sub(1).map_or(0.0, part);
        from + (to - from) * within
    };
    let words = move || {
        let sent = s.sent.get();
        let hop = p.hop.get();
        match sent.as_ref().zip(hop) {
            Some((sent, hop)) => {
                let place = said::place(&sent.trace.hops[hop].at, s.lang.get());
                s.tx(
                    "time.at",
                    &[("hop", &s.number(hop)), ("count", &s.stages.read().len().to_string()), ("place", &place)],
                )
            }
            None => s.tx("time.nothing", &[]),
        }
    };
    view! {
        <div class="track" class:untouched=move || s.sent.read().is_none()>
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
                    let open = s.lookup_open.get();
                    let legs = s.legs.get();
                    let sent = s.sent.get();
                    let rows = |stage: &Stage| {
                        let folded = stage.lookup && !open;
                        if folded { vec![stage.clone()] } else { stage.hops.clone().map(|i| Stage { hops: i..i + 1, lookup: stage.lookup }).collect() }
                    };
                    s.stages
                        .read()
                        .iter()
                        .flat_map(rows)
                        .filter_map(|row| {
                            let last = row.hops.end - 1;
                            let small = row.lookup && row.hops.len() == 1;
                            let bad = row.hops.clone().any(|i| legs.get(i).is_some_and(|l| l.tone == Tone::Bad));
                            let tone = if bad { Tone::Bad } else { legs.get(last)?.tone };
                            let telling = row.telling(&sent.as_ref()?.trace);
                            let (here, lit) = (row.hops.clone(), row.hops);
                            Some(view! {
                                <i
                                    class=format!("tick tick-{}", tone.name())
                                    class:small=small
                                    class:here=move || p.hop.get().is_some_and(|now| here.contains(&now))
                                    class:lit=move || s.lit.read().hops.iter().any(|hop| lit.contains(hop))
                                    style:left=move || format!("{:.2}%", part(last))
                                    on:mouseenter=move |_| s.focus.hover(Target::Hop(telling))
                                    on:mouseleave=move |_| s.focus.leave()
                                    on:click=move |_| p.seek(last)
                                ></i>
                            })
                        })
                        .collect_view()
                }}
            </div>
        </div>
    }
    .into_any()
}
