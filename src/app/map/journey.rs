//! The ways of the shown trace, the numbers of its hops, and the packet with its label.

use giljabi::map::geometry::text_width;
use giljabi::map::{Leg, Phase, Point, Rect, Stage, Tone, of_hop, phase};
use giljabi::network::packet::{Packet, Segment};
use giljabi::trace::{Exchange, Hop, Outcome, StepKind, Symptom};
use leptos::prelude::*;
use std::ops::Range;

use crate::app::erased::Show;
use crate::app::focus::Target;
use crate::app::player::TRAVEL;
use crate::app::said;
use crate::app::session::{Sent, Session, session};

/// The trace on the map.
#[component]
pub fn JourneyLayer() -> impl IntoView {
    let s = session();
    view! {
        {move || s.legs.get().iter().map(|leg| way(s, leg)).collect_view()}
        {move || {
            let (legs, sent) = (s.legs.get(), s.sent.get());
            let stages = s.stages.get();
            // A lookup has one number, at who answered it.
            let shown = |stage: &Stage| Some((legs.get(stage.telling(&sent.as_ref()?.trace))?.clone(), stage.hops.clone()));
            stages.iter().enumerate().filter_map(|(n, stage)| shown(stage).map(|(leg, hops)| badge(s, n + 1, &leg, hops))).collect_view()
        }}
        <Show when=move || s.sent.read().is_some()>
            <VanishMark/>
            <PacketMark/>
            <EndMark/>
        </Show>
    }
    .into_any()
}

/// The exchange that the playhead is in.
fn exchange(s: Session) -> Option<Exchange> {
    let hop = s.player.hop.get()?;
    s.legs.read().get(hop).map(|l| l.exchange)
}

fn way(s: Session, leg: &Leg) -> Option<impl IntoView + use<>> {
    if !leg.moves {
        return None;
    }
    let (hop, own) = (leg.hop, leg.exchange);
    let class = format!("way way-{}{}", tone_of(leg).name(), if leg.phase == Phase::Reply { " way-back" } else { "" });
    // A way appears when the packet has gone it, and fades when another exchange begins.
    let hidden = move || s.player.hop.get().is_none_or(|now| now < hop);
    let past = move || exchange(s) != Some(own);
    let current = move || s.player.hop.get() == Some(hop);
    let lit = move || s.lit.read().hops.contains(&hop);
    Some(view! {
        <path class=class class:gone=hidden class:past=past class:here=current class:lit=lit d=leg.way.path(10.0) marker-end="url(#arrow)"></path>
    })
}

/// A way has the colour of what travels it: a name's question violet, a refusal red, the rest blue there and green back.
fn tone_of(leg: &Leg) -> Tone {
    match leg.phase {
        _ if leg.refusal => Tone::Bad,
        Phase::Dns => Tone::Dns,
        Phase::Reply => Tone::Pod,
        _ => Tone::Vip,
    }
}

fn badge(s: Session, number: usize, leg: &Leg, hops: Range<usize>) -> impl IntoView + use<> {
    let (hop, Point { x, y }) = (leg.hop, leg.badge);
    let (first, here, looked_at) = (hops.start, hops.clone(), hops);
    let lit = Memo::new(move |_| s.lit.read().hops.iter().any(|hop| looked_at.contains(hop)));
    let hidden = move || !(lit.get() || s.player.hop.get().is_some_and(|now| now >= first));
    let current = move || s.player.hop.get().is_some_and(|now| here.contains(&now));
    view! {
        <g
            class=format!("badge badge-{} pick", leg.tone.name())
            class:gone=hidden
            class:here=current
            class:lit=move || lit.get()
            on:mouseenter=move |_| s.focus.hover(Target::Hop(hop))
            on:mouseleave=move |_| s.focus.leave()
            on:click=move |event| {
                event.stop_propagation();
                s.player.seek(hop);
                s.focus.hold(Target::Hop(hop));
            }
        >
            <circle cx=x cy=y r="10.5"></circle>
            <text class="t11" text-anchor="middle" x=x y=y + 4.0>{number.to_string()}</text>
        </g>
    }
}

/// The shapes of packets, around their middle: a disc for a bare segment, a rhombus for DNS, a lock for TLS, a letter for HTTP, a
/// cross for a refusal. Nobody needs the colours to tell them apart.
const DOT: &str = "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0 -11 0z";
const RHOMBUS: &str = "M0 -7L7 0L0 7L-7 0z";
const LOCK: &str = "M-6 -1h1.5v-2a4.5 4.5 0 0 1 9 0v2h1.5v7.5h-12zM-2.2 -1h4.4v-2a2.2 2.2 0 0 0 -4.4 0z";
const LETTER: &str = "M-8 -5.5h16v11h-16zM-6 -4.2L0 0.6L6 -4.2z";
const CROSS: &str = "M-6.5 -4L-4 -6.5L0 -2.5L4 -6.5L6.5 -4L2.5 0L6.5 4L4 6.5L0 2.5L-4 6.5L-6.5 4L-2.5 0z";

/// The signs of packets and of endings, for who asks what they mean: class, path, message.
pub const SIGNS: [(&str, &str, &str); 10] = [
    ("sign-vip", DOT, "sign.segment"),
    ("sign-dns", RHOMBUS, "sign.dns"),
    ("sign-l7", LOCK, "sign.tls"),
    ("sign-vip", LETTER, "sign.http"),
    ("sign-bad", CROSS, "sign.refusal"),
    ("sign-end sign-good", YES, "sign.good"),
    ("sign-end sign-no", NO, "sign.refused"),
    ("sign-end sign-late", CLOCK, "sign.late"),
    ("sign-lost", RINGS, "sign.lost"),
    ("sign-end sign-unknown", ASK, "sign.unknown"),
];

/// What stands in the disc at the end, around its middle.
const YES: &str = "M-6 0L-2 5L6 -5";
const NO: &str = "M-5 -5L5 5M5 -5L-5 5";
const CLOCK: &str = "M0 -7V0L5 3";
const ASK: &str = "M-4 -4a4 4 0 1 1 5.5 3.7C0 0.4 0 1.2 0 2.4M0 6V6.5";
/// The rings that are left of what vanished.
const RINGS: &str = "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0M-12 0a12 12 0 1 0 24 0a12 12 0 1 0 -24 0";

/// The shape of what a hop's packet carries.
fn shape_of(hop: &Hop, packet: &Packet) -> &'static str {
    let does = |wanted: fn(&StepKind) -> bool| hop.steps.iter().any(|s| wanted(&s.kind));
    match packet.segment {
        _ if phase(hop) == Phase::Dns => RHOMBUS,
        Segment::Rst | Segment::PortUnreachable | Segment::HostUnreachable => CROSS,
        _ if does(|k| matches!(k, StepKind::Tls { .. })) => LOCK,
        Segment::Data => LETTER,
        _ if does(|k| matches!(k, StepKind::HttpRequest { .. } | StepKind::HttpResponse { .. })) => LETTER,
        _ => DOT,
    }
}

/// What stands on the packet's label.
#[derive(Clone, Debug, Default, PartialEq)]
struct Label {
    shape: &'static str,
    tone: &'static str,
    src: String,
    dst: String,
    /// What they were before the place changed them.
    old_src: Option<String>,
    old_dst: Option<String>,
    cargo: String,
}

impl Label {
    fn of(sent: &Sent, hop: usize, changed: bool) -> Option<Label> {
        let hop = sent.trace.hops.get(hop)?;
        let packet = hop.packet.or_else(|| {
            hop.steps.iter().find_map(|s| match &s.kind {
                StepKind::Connect { packet } => Some(*packet),
                _ => None,
            })
        })?;
        let secret = hop.steps.iter().any(|s| matches!(s.kind, StepKind::Tls { .. } | StepKind::HttpRouted { .. }));
        let tone = match (phase(hop), of_hop(hop), packet.is_icmp()) {
            (Phase::Dns, ..) => "dns",
            _ if secret => "l7",
            (_, Tone::Bad, _) | (_, _, true) => "bad",
            (Phase::Reply, ..) => "pod",
            _ => "vip",
        };
        let (src, dst) = said::ends(&packet);
        let cargo = said::cargo(hop, &packet);
        let mut label = Label { shape: shape_of(hop, &packet), tone, src, dst, old_src: None, old_dst: None, cargo };
        if changed && let Some((before, after)) = said::change(hop) {
            let ((old_src, old_dst), (src, dst)) = (said::ends(&before), said::ends(&after));
            label.old_src = (old_src != src).then_some(old_src);
            label.old_dst = (old_dst != dst).then_some(old_dst);
            (label.src, label.dst) = (src, dst);
        }
        Some(label)
    }

    /// The lines of the label: text, and whether it is struck through.
    fn lines(&self) -> Vec<(String, bool, bool)> {
        let mut lines = Vec::new();
        if let Some(old) = &self.old_src {
            lines.push((old.clone(), true, false));
        }
        lines.push((self.src.clone(), false, self.old_src.is_some()));
        if let Some(old) = &self.old_dst {
            lines.push((format!("→ {old}"), true, false));
        }
        let short = self.cargo.len() <= 12;
        let dst = if short { format!("→ {}  {}", self.dst, self.cargo) } else { format!("→ {}", self.dst) };
        lines.push((dst, false, self.old_dst.is_some()));
        if !short {
            lines.push((self.cargo.clone(), false, false));
        }
        lines
    }
}

/// Where the packet is.
fn position(s: Session) -> Option<Point> {
    let at = s.player.at.get();
    let legs = s.legs.read();
    let hop = (at as usize).min(legs.len().checked_sub(1)?);
    let leg = &legs[hop];
    let part = if at >= legs.len() as f64 { 1.0 } else { at.fract() };
    // Where things move as steps, the packet is only ever seen where it arrives.
    let part = if s.player.still.get() { 1.0 } else { (part / TRAVEL).min(1.0) };
    // Slow at both ends.
    let eased = part * part * (3.0 - 2.0 * part);
    Some(leg.way.at(eased))
}

#[component]
fn PacketMark() -> impl IntoView {
    let s = session();
    let label = Memo::new(move |_| {
        let sent = s.sent.get()?;
        Label::of(&sent, s.player.hop.get()?, s.player.changed.get())
    });
    let size = Memo::new(move |_| {
        let lines = label.get().map(|l| l.lines()).unwrap_or_default();
        let width = lines.iter().map(|(text, ..)| text_width(text, 11.0, true)).fold(60.0, f64::max) + 20.0;
        (width.min(330.0), lines.len() as f64 * 14.0 + 10.0)
    });
    let point = Memo::new(move |_| position(s).unwrap_or_default());
    let tag = Memo::new(move |_| {
        let (w, h) = size.get();
        let p = point.get();
        let scene = s.scene.read();
        // Beside the packet, and never outside the drawing.
        let right = p.x + 16.0 + w < scene.width - 6.0;
        let x = if right { p.x + 16.0 } else { (p.x - 16.0 - w).max(6.0) };
        let y = scene.quiet_top(p, (x, w, h)).clamp(6.0, (scene.height - h - 6.0).max(6.0));
        Rect::new(x, y, w, h)
    });
    // A label that had to go elsewhere is tied to its packet.
    let thread = move || {
        let (p, tag) = (point.get(), tag.get());
        let (x, y) = (p.x.clamp(tag.x + 8.0, tag.right() - 8.0), p.y.clamp(tag.y, tag.bottom()));
        ((p.y - y).abs() > 18.0).then(|| format!("M{:.1} {:.1}L{x:.1} {y:.1}", p.x, p.y))
    };
    view! {
        <g class=move || format!("packet packet-{}", label.read().as_ref().map_or("vip", |l| l.tone)) class:gone=move || label.read().is_none()>
            <path class="packet-thread" class:gone=move || thread().is_none() d=move || thread().unwrap_or_default()></path>
            <g transform=move || format!("translate({:.1} {:.1})", point.get().x, point.get().y)>
                <circle class="packet-ring" r="9"></circle>
                <path class="packet-dot" d=move || label.read().as_ref().map_or(DOT, |l| l.shape)></path>
            </g>
            <g transform=move || format!("translate({:.1} {:.1})", tag.get().x, tag.get().y)>
                <rect class="packet-tag" width=move || size.get().0 height=move || size.get().1 rx="8"></rect>
                {move || {
                    let lines = label.get().map(|l| l.lines()).unwrap_or_default();
                    lines
                        .into_iter()
                        .enumerate()
                        .map(|(i, (text, old, new))| {
                            let class = match (old, new) {
                                (true, _) => "t11 mono struck",
                                (_, true) => "t11 mono fresh",
                                _ => "t11 mono",
                            };
                            view! { <text class=class x="10" y=17.0 + i as f64 * 14.0>{giljabi::map::geometry::fit(&text, 312.0, 11.0, true)}</text> }
                        })
                        .collect_view()
                }}
            </g>
        </g>
    }
    .into_any()
}

/// How it ended, in a shape: a tick; a cross for a refusal; an empty ring for what vanished; a clock for a time-out.
#[component]
fn EndMark() -> impl IntoView {
    let s = session();
    let end = Memo::new(move |_| {
        let sent = s.sent.get()?;
        let last = s.legs.read().last()?.way.at(1.0);
        Some((last, shape(&sent.trace.outcome)))
    });
    view! {
        <Show when=move || s.player.ended.get()>
            {move || {
                end.get()
                    .map(|(Point { x, y }, (class, path))| {
                        view! {
                            <g class=format!("end {class}") transform=format!("translate({:.1} {:.1})", x, y)>
                                <circle r="14"></circle>
                                <path d=path></path>
                            </g>
                        }
                    })
            }}
        </Show>
    }
    .into_any()
}

fn shape(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Answered { .. } if outcome.is_success() => ("end-good", YES),
        Outcome::Answered { .. } => ("end-bad", "M0 -7V2M0 6V6.5"),
        Outcome::Failed(failure) => match failure.symptom {
            Symptom::ConnectTimedOut { .. }
            | Symptom::ResolveTimedOut { .. }
            | Symptom::NoAnswer { .. }
            | Symptom::NoDatagram { .. }
            | Symptom::NoEcho => ("end-bad end-late", CLOCK),
            Symptom::CouldNotResolve { .. } => ("end-bad end-unknown", ASK),
            _ => ("end-bad end-no", NO),
        },
    }
}

/// Where packets ended without a word: a rule dropped them, or nobody was there. The packet fades where it was; around it
/// nothing but rings that go out.
#[component]
fn VanishMark() -> impl IntoView {
    let s = session();
    let spot = Memo::new(move |_| {
        let sent = s.sent.get()?;
        let hop = sent.trace.hops.iter().rposition(|h| {
            h.steps.iter().any(|s| matches!(s.kind, StepKind::Dropped { .. } | StepKind::Lost { .. }))
        })?;
        let legs = s.legs.read();
        let way = &legs.get(hop)?.way;
        let (end, from) = (way.at(1.0), way.at(0.9));
        // A little before where it went, whose words stay free.
        let y = end.y + (from.y - end.y).clamp(-9.0, 9.0);
        Some((hop, Point::new(end.x, y)))
    });
    let there = move || spot.get().filter(|(hop, _)| s.player.hop.get().is_some_and(|now| now >= *hop));
    view! {
        {move || {
            there()
                .map(|(_, Point { x, y })| {
                    view! {
                        <g class="vanish" transform=format!("translate({x:.1} {y:.1})")>
                            <circle r="7"></circle>
                            <circle r="14"></circle>
                            <circle r="22"></circle>
                        </g>
                    }
                })
        }}
    }
}
