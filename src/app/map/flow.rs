//! Many requests on the map: streams as wide as their share, and how many each pod answered.

use giljabi::api::object::ObjectKey;
use giljabi::map::geometry::text_width;
use giljabi::map::{Rect, stream_width, streams};
use giljabi::trace::Trace;
use giljabi::trace::many::Tally;
use leptos::prelude::*;
use std::sync::Arc;

use crate::app::erased::effect;
use crate::app::session::session;

/// What became of many requests, given by context: the distribution view fills it, the map draws it.
#[derive(Clone, Copy)]
pub struct Flow {
    pub tally: RwSignal<Option<Arc<Tally>>>,
    /// One of the requests, for the way that all of them begin with.
    pub sample: StoredValue<Option<Arc<Trace>>>,
    pub running: RwSignal<bool>,
}

impl Flow {
    pub fn new() -> Flow {
        Flow { tally: RwSignal::new(None), sample: StoredValue::new(None), running: RwSignal::new(false) }
    }

    /// Takes the streams off the map.
    pub fn clear(self) {
        self.running.set(false);
        self.tally.set(None);
    }
}

/// Pods with a number of their own; more would cover the drawing.
const NUMBERED: usize = 40;

#[component]
pub fn FlowLayer() -> impl IntoView {
    let s = session();
    let flow = expect_context::<Flow>();
    // A request that is sent alone takes the map back.
    effect(move || {
        s.sent.track();
        s.player.hop.track();
        flow.clear();
    });
    let drawn = move || {
        let tally = flow.tally.get()?;
        let sample = flow.sample.get_value()?;
        let answered: Vec<(ObjectKey, u64)> =
            tally.by_answerer.iter().filter_map(|(who, n)| Some((who.clone()?, *n))).collect();
        let failed = tally.sent - tally.answered;
        let (streams, arrivals) = streams(&s.scene.read(), &sample, &answered, failed);
        let all = tally.sent;
        let stream = move |stream: giljabi::map::Stream| {
            let class = if stream.bad { "stream stream-bad" } else { "stream" };
            let width = format!("{:.1}", stream_width(stream.count, all));
            view! { <path class=class d=stream.way.path(10.0) stroke-width=width></path> }
        };
        let numbered = arrivals.len() <= NUMBERED;
        let number = move |arrival: giljabi::map::Arrival| {
            let Rect { x, y, w, h } = arrival.at;
            let share = arrival.count as f64 / all.max(1) as f64;
            let words = format!("{} · {:.0} %", arrival.count, share * 100.0);
            let small = w < 40.0;
            // On the upper edge, where neither the pod's own words nor the streams are.
            let pill = text_width(&words, 11.0, false) + 18.0;
            view! {
                <g class="arrival">
                    <rect class="arrival-bar" x=x y=y + h - 4.0 width=w * share.min(1.0) height="4" rx="2"></rect>
                    {(!small)
                        .then(|| {
                            view! {
                                <rect class="arrival-pill" x=x + w - pill - 6.0 y=y - 10.0 width=pill height="19" rx="9.5"></rect>
                                <text class="t11 strong" text-anchor="middle" x=x + w - 6.0 - pill / 2.0 y=y + 3.5>{words}</text>
                            }
                        })}
                </g>
            }
        };
        let numbers = if numbered { arrivals } else { Vec::new() };
        Some(view! {
            {streams.into_iter().map(stream).collect_view()}
            {numbers.into_iter().map(number).collect_view()}
        })
    };
    view! { <g class="flow" class:flowing=move || flow.running.get()>{drawn}</g> }.into_any()
}
