//! The journey: the hops as a list, equal to the animation in every word.

use giljabi::map::{Stage, Tone, of_hop};
use giljabi::trace::{Client, Exchange, Place, Rcode, StepKind};
use leptos::prelude::*;
use std::sync::Arc;

use crate::app::erased::{Show, effect};
use crate::app::focus::Target;
use crate::app::said;
use crate::app::session::{LineRef, Sent, Session, Tab, Typed, session};
use crate::app::told;
use giljabi::trace::why;

#[component]
pub fn Journey() -> impl IntoView {
    let s = session();
    view! {
        {move || match s.sent.get() {
            // In a lesson the task says what is to be sent, and it may be made to fail.
            None if in_lesson(s) => view! { <p class="empty">{s.t("journey.empty")}</p> }.into_any(),
            None => view! { <Inviting/> }.into_any(),
            Some(sent) => table(s, sent).into_any(),
        }}
    }
    .into_any()
}

/// Whether the desk is a lesson's.
fn in_lesson(s: Session) -> bool {
    s.seat.track();
    !s.desk_of().is_empty()
}

/// Before anything has been sent: what there is to see, and the one button that shows it.
#[component]
fn Inviting() -> impl IntoView {
    let s = session();
    let client = move || match s.client.get() {
        Client::Pod { name, .. } => name.to_string(),
        Client::Learner => s.tx("at.learner", &[]),
        other => other.to_string(),
    };
    view! {
        <div class="inviting">
            <h2>{s.t("journey.first_title")}</h2>
            <p>{move || s.tx("journey.first", &[("client", &client()), ("url", &s.url.get())])}</p>
            <button type="button" class="btn btn-primary first-send" on:click=move |_| s.send()>
                <span aria-hidden="true">"▶ "</span>
                {s.t("journey.first_send")}
            </button>
            <p class="first-lesson">
                <a href="#/lesson/first-service">{s.t("journey.first_lesson")}</a>
            </p>
        </div>
    }
    .into_any()
}

fn table(s: Session, sent: Arc<Sent>) -> impl IntoView {
    // The row of the hop that is played stays in sight.
    effect(move || {
        let (Some(hop), false) = (s.player.hop.get(), s.player.ended.get()) else { return };
        let row = document().get_element_by_id(&format!("hop-{hop}"));
        let folded = || {
            let stage = giljabi::map::stage_of(&s.stages.read_untracked(), hop);
            document().get_element_by_id(&format!("stage-{}", stage + 1))
        };
        if let Some(row) = row.or_else(folded) {
            let how = web_sys::ScrollIntoViewOptions::new();
            how.set_block(web_sys::ScrollLogicalPosition::Nearest);
            row.scroll_into_view_with_scroll_into_view_options(&how);
        }
    });
    // And so does how it ended.
    effect(move || {
        if s.player.ended.get()
            && let Some(view) = document().get_element_by_id("view")
        {
            view.set_scroll_top(0);
        }
    });
    let rows = giljabi::map::stages(&sent.trace)
        .into_iter()
        .enumerate()
        .map(|(n, stage)| match stage.lookup {
            true => lookup(s, sent.clone(), n, stage).into_any(),
            false => row(s, sent.clone(), stage.hops.start, false).into_any(),
        })
        .collect_view();
    let ending = sent.clone();
    view! {
        <Show when=move || s.is_stale()>
            <p class="stale">{s.t("journey.stale")}</p>
        </Show>
        {sent.typed.clone().map(|typed| typed_line(s, typed))}
        {ending_of(s, ending)}
        <table class="journey">
            <thead>
                <tr>
                    <th scope="col">{s.t("journey.hop")}</th>
                    <th scope="col">{s.t("journey.where")}</th>
                    <th scope="col">{s.t("journey.what")}</th>
                    <th scope="col">{s.t("journey.packet")}</th>
                    <th scope="col">{s.t("journey.why")}</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
}

/// The line of a terminal that sent the request, and the way to it.
fn typed_line(s: Session, typed: Typed) -> impl IntoView {
    let target = Target::Command(typed.shell, typed.command);
    let (over, near) = (target.clone(), target.clone());
    let number = (typed.shell + 1).to_string();
    let go = move |_| {
        s.focus.held.set(Some(target.clone()));
        s.tab.set(Tab::Terminal);
    };
    view! {
        <p class="sent-by">
            {move || s.tx("term.number", &[("n", &number)])}
            " "
            <button
                type="button"
                class="line-link"
                on:mouseenter=move |_| s.focus.hover(over.clone())
                on:mouseleave=move |_| s.focus.leave()
                on:focus=move |_| s.focus.hover(near.clone())
                on:blur=move |_| s.focus.leave()
                on:click=go
            >
                {giljabi::text::visible(&typed.text).into_owned()}
            </button>
        </p>
    }
}

/// All hops of a lookup as one row that unfolds, question by question.
fn lookup(s: Session, sent: Arc<Sent>, n: usize, stage: Stage) -> impl IntoView {
    let hops = stage.hops.clone();
    let telling = stage.telling(&sent.trace);
    let place = sent.trace.hops[telling].at.clone();
    let mut lines: Vec<LineRef> = Vec::new();
    for line in hops.clone().flat_map(|i| sent.lines[i].iter()) {
        if !lines.iter().any(|l| l.file == line.file && l.line == line.line) {
            lines.push(line.clone());
        }
    }
    let current = {
        let hops = hops.clone();
        move || s.player.hop.get().is_some_and(|now| hops.contains(&now))
    };
    let lit = {
        let hops = hops.clone();
        move || s.lit.read().hops.iter().any(|hop| hops.contains(hop))
    };
    let first = hops.start;
    let reached = move || s.player.hop.get().is_some_and(|now| now >= first);
    let told = {
        let (sent, stage) = (sent.clone(), stage.clone());
        move || told::stage(&sent.trace, &stage, s.lang.get())
    };
    let packet = sent.trace.hops[telling].packet;
    let count = hops.len().to_string();
    let number = n + 1;
    let tone = match stage.hops.clone().any(|i| of_hop(&sent.trace.hops[i]) == Tone::Bad) {
        true => "bad",
        false => "dns",
    };
    let questions = stage.exchanges(&sent.trace);
    let inner = move || {
        questions
            .iter()
            .flat_map(|(exchange, hops)| {
                let vain = is_vain(&sent, *exchange);
                hops.clone().map(move |i| (i, vain)).collect::<Vec<_>>()
            })
            .map(|(i, vain)| row(s, sent.clone(), i, vain))
            .collect_view()
    };
    let open = s.lookup_open;
    view! {
        <tr
            id=format!("stage-{number}")
            class:cur=current.clone()
            class:lit=lit
            class:ahead=move || !reached()
            aria-current=move || current().then_some("step")
            on:mouseenter=move |_| s.focus.hover(Target::Hop(telling))
            on:mouseleave=move |_| s.focus.leave()
        >
            <td>
                <button
                    type="button"
                    class=format!("hop-number hop-{tone}")
                    aria-label=move || s.tx("journey.go", &[("hop", &number.to_string())])
                    on:focus=move |_| s.focus.hover(Target::Hop(telling))
                    on:blur=move |_| s.focus.leave()
                    on:click=move |_| {
                        s.player.seek(hops.end - 1);
                        s.focus.hold(Target::Hop(telling));
                    }
                >
                    {number}
                </button>
            </td>
            <td>{move || place_words(s, &place)}</td>
            <td class="wide">
                <span>{told}</span>
                <button type="button" class="more" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|o| *o = !*o)>
                    {move || s.tx(if open.get() { "journey.fold" } else { "journey.unfold" }, &[("n", &count)])}
                </button>
            </td>
            <td class="mono">
                {packet
                    .map(|packet| {
                        let (src, dst) = said::ends(&packet);
                        view! { <span>{format!("{src} → {dst} {}", packet.segment.label())}</span> }
                    })}
            </td>
            <td class="mono">{lines.into_iter().take(2).map(|line| line_button(s, line)).collect_view()}</td>
        </tr>
        {move || open.get().then(&inner)}
    }
}

/// Where: of a pod with a generated name what tells it apart, and its node.
fn place_words(s: Session, place: &Place) -> String {
    let Place::Pod { pod, node } = place else { return said::place(place, s.lang.get()) };
    let scene = s.scene.read();
    let Some(own) = scene.pods().find(|p| p.key == *pod).filter(|p| !p.tail.is_empty()) else {
        return said::place(place, s.lang.get());
    };
    let alone = scene.pods().filter(|p| p.stem == own.stem && p.key.namespace == pod.namespace).count() == 1;
    match own.tail.rsplit('-').next() {
        Some(end) if !alone => format!("{}…{end} · {node}", own.stem),
        _ => format!("{} · {node}", own.stem),
    }
}

/// Questions to DNS that found nothing are many and alike: they are shown smaller.
fn is_vain(sent: &Sent, exchange: Exchange) -> bool {
    let answers = |h: &giljabi::trace::Hop| {
        h.steps.iter().any(|s| matches!(&s.kind, StepKind::DnsAnswer { rcode: Rcode::NxDomain, .. }))
    };
    sent.trace.hops.iter().any(|h| h.exchange == exchange && answers(h))
}

fn row(s: Session, sent: Arc<Sent>, i: usize, vain: bool) -> impl IntoView {
    let hop = &sent.trace.hops[i];
    let tone = of_hop(hop).name();
    let first = i == 0 || sent.trace.hops[i - 1].exchange != hop.exchange;
    let packet = hop.packet;
    let changed = said::change(hop);
    let lines = sent.lines[i].clone();
    let place = hop.at.clone();
    let (told, headline) = (sent.clone(), sent.clone());
    let what = move || told::hop(&headline.trace, i, s.lang.get());
    let more = move || {
        let hop = &told.trace.hops[i];
        hop.steps.iter().map(|step| view! { <li>{why::step(step, s.lang.get())}</li> }).collect_view()
    };
    let steps = hop.steps.len();
    let number = giljabi::map::number(&s.stages.read_untracked(), i);
    let label = number.clone();
    let inner = number.contains('.');
    let open = RwSignal::new(false);
    let current = move || s.player.hop.get() == Some(i);
    let lit = move || s.lit.read().hops.contains(&i);
    let reached = move || s.player.hop.get().is_some_and(|now| now >= i);
    view! {
        <tr
            id=format!("hop-{i}")
            class:cur=current
            class:lit=lit
            class:first=first
            class:vain=vain
            class:inner=inner
            class:ahead=move || !reached()
            aria-current=move || current().then_some("step")
            on:mouseenter=move |_| s.focus.hover(Target::Hop(i))
            on:mouseleave=move |_| s.focus.leave()
        >
            <td>
                <button
                    type="button"
                    class=format!("hop-number hop-{tone}")
                    aria-label=move || s.tx("journey.go", &[("hop", &label)])
                    on:focus=move |_| s.focus.hover(Target::Hop(i))
                    on:blur=move |_| s.focus.leave()
                    on:click=move |_| {
                        s.player.seek(i);
                        s.focus.hold(Target::Hop(i));
                    }
                >
                    {number}
                </button>
            </td>
            <td>{move || place_words(s, &place)}</td>
            <td class="wide">
                <span>{what}</span>
                <button type="button" class="more" aria-expanded=move || open.get().to_string() on:click=move |_| open.update(|o| *o = !*o)>
                    {move || s.tx(if open.get() { "journey.less" } else { "journey.steps" }, &[("n", &steps.to_string())])}
                </button>
                <Show when=move || open.get()>
                    <ol class="steps-list">{more()}</ol>
                </Show>
            </td>
            <td class="mono">
                {packet
                    .map(|packet| match changed {
                        Some((before, after)) => change_words(&before, &after).into_any(),
                        None => {
                            let (src, dst) = said::ends(&packet);
                            view! { <span>{format!("{src} → {dst} {}", packet.segment.label())}</span> }.into_any()
                        }
                    })}
            </td>
            <td class="mono">{lines.into_iter().take(2).map(|line| line_button(s, line)).collect_view()}</td>
        </tr>
    }
}

/// Addresses with what they were struck through.
fn change_words(before: &giljabi::network::packet::Packet, after: &giljabi::network::packet::Packet) -> impl IntoView {
    let ((old_src, old_dst), (src, dst)) = (said::ends(before), said::ends(after));
    let old = |old: String, new: &str| (old != new).then(|| view! { <del>{old}</del>" " });
    view! {
        <span>{old(old_src, &src)}{src.clone()}" → "{old(old_dst, &dst)}{dst.clone()}" "{after.segment.label()}</span>
    }
}

/// A line that one can go to.
pub fn line_button(s: Session, line: LineRef) -> impl IntoView {
    let words = format!("{}:{}", line.file, line.line);
    let title = line.field.to_string();
    let target = Target::Line(line.file.clone(), line.line);
    let (over, focus) = (target.clone(), target);
    view! {
        <button
            type="button"
            class="line-link"
            title=title
            on:mouseenter=move |_| s.focus.hover(over.clone())
            on:mouseleave=move |_| s.focus.leave()
            on:focus=move |_| s.focus.hover(focus.clone())
            on:blur=move |_| s.focus.leave()
            on:click=move |_| s.open_line(&line)
        >
            {words}
        </button>
    }
}

/// So many letters of a long answer are shown before it is unfolded.
const GLANCE: usize = 100;

/// Two sentences at the end: what the client sees, and what is wrong, with the line to look at.
fn ending_of(s: Session, sent: Arc<Sent>) -> impl IntoView {
    let told = sent.clone();
    let good = sent.trace.outcome.is_success();
    let words = move || why::symptom(&told.trace.outcome, s.lang.get());
    let body = match &sent.trace.outcome {
        giljabi::trace::Outcome::Answered { response, .. } => response.body.clone(),
        giljabi::trace::Outcome::Failed(_) => Default::default(),
    };
    let long = body.chars().count() > 2 * GLANCE;
    let lines = sent.to_mend.clone();
    let caused = sent.clone();
    let cause = move || {
        let lang = s.lang.get();
        caused.trace.outcome.failure().map(|f| (why::cause(f, lang), why::mend(f, lang)))
    };
    view! {
        <Show when=move || s.player.seen.get()>
            <div class=if good { "ending good" } else { "ending bad" }>
                <p>
                    <b>{s.t("journey.client_sees")}" "</b>
                    {words.clone()}
                    {(!body.is_empty() && !long).then(|| view! { <code class="body">{body.trim_end().to_string()}</code> })}
                </p>
                {long.then(|| {
                    let first: String = body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(GLANCE).collect();
                    view! {
                        <details class="body">
                            <summary><code>{first}"…"</code></summary>
                            <pre>{body.trim_end().to_string()}</pre>
                        </details>
                    }
                })}
                {cause
                    .clone()()
                    .map(|(cause, mend)| {
                        view! {
                            <p>
                                <b>{s.t("journey.what_is_wrong")}" "</b>
                                {cause}
                                " "
                                {mend}
                                " "
                                {lines.clone().into_iter().map(|line| line_button(s, line)).collect_view()}
                            </p>
                        }
                    })}
            </div>
        </Show>
    }
}
