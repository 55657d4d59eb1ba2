//! Many requests over the map: not a dot each but streams, as wide as the share that takes each way.

use crate::api::object::ObjectKey;
use crate::map::geometry::{Rect, Way};
use crate::map::scene::Scene;
use crate::map::tone::{Phase, phase};
use crate::map::way::route;
use crate::trace::{Place, Trace};
use std::collections::BTreeMap;

/// A stretch that requests have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    pub way: Way,
    pub count: u64,
    /// Of those that failed on their way.
    pub bad: bool,
}

/// How many arrived where: at a pod, or at a group of pods.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    pub at: Rect,
    pub count: u64,
}

/// The streams of requests that all begin like `sample`, by what became of them: `answered` by pods, `failed` anywhere.
pub fn streams(
    scene: &Scene,
    sample: &Trace,
    answered: &[(ObjectKey, u64)],
    failed: u64,
) -> (Vec<Stream>, Vec<Arrival>) {
    let entry = entry(sample);
    let mut stretches: BTreeMap<(Place, Place, bool), u64> = BTreeMap::new();
    let mut add = |places: &[Place], count: u64, bad: bool| {
        for pair in places.windows(2) {
            *stretches.entry((pair[0].clone(), pair[1].clone(), bad)).or_default() += count;
        }
    };
    let mut arrivals: Vec<Arrival> = Vec::new();
    let mut last: BTreeMap<(Place, usize), (Rect, u64)> = BTreeMap::new();
    for (pod, count) in answered {
        let home = scene.nodes.iter().find_map(|n| Some((n, n.pod_rect(pod)?)));
        let Some((node, at)) = home else { continue };
        let kernel = Place::Kernel { node: node.name.clone() };
        let mut places = entry.clone();
        if places.last() != Some(&kernel) {
            places.push(kernel.clone());
        }
        add(&places, *count, false);
        // The dots of a group share a stream, and their number.
        let group = node.groups.iter().position(|g| g.pods.iter().any(|(key, _)| key == pod));
        let (turn, rect) = match group {
            Some(i) => (i, node.groups[i].rect),
            None => (1_000 + last.len(), at),
        };
        let stretch = last.entry((kernel, turn)).or_insert((rect, 0));
        stretch.1 += count;
        match arrivals.iter_mut().find(|a| a.at == rect) {
            Some(arrival) => arrival.count += count,
            None => arrivals.push(Arrival { at: rect, count: *count }),
        }
    }
    if failed > 0 {
        add(&entry, failed, true);
    }
    let rect = |place: &Place| scene.place_rect(place);
    let stream = |((from, to, bad), count): ((Place, Place, bool), u64)| {
        let (a, b) = (rect(&from)?, rect(&to)?);
        let shift = if bad { 18.0 } else { 0.0 };
        Some(Stream { way: route(scene, &from, a, &to, b, shift), count, bad })
    };
    let mut streams: Vec<Stream> = stretches.into_iter().filter_map(stream).collect();
    for ((kernel, _), (to, count)) in last {
        let Place::Kernel { node } = &kernel else { continue };
        // Any pod of the node stands for its place there: the way depends on the box alone.
        let pod = Place::Pod { pod: ObjectKey::default(), node: node.clone() };
        if let Some(from) = rect(&kernel) {
            streams.push(Stream { way: route(scene, &kernel, from, &pod, to, 0.0), count, bad: false });
        }
    }
    (streams, arrivals)
}

/// The places that every such request passes before its way depends on the lot: up to the first kernel that translates.
fn entry(sample: &Trace) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for hop in sample.hops.iter().filter(|h| phase(h) == Phase::Request) {
        if places.last() != Some(&hop.at) {
            places.push(hop.at.clone());
        }
        let kernel = matches!(hop.at, Place::Kernel { .. });
        if kernel && hop.steps.iter().any(|s| s.kind.change().is_some()) {
            break;
        }
        if kernel && places.len() > 2 {
            break;
        }
    }
    places
}

/// How wide a stream is drawn: a share of all.
pub fn stream_width(count: u64, all: u64) -> f64 {
    2.0 + 12.0 * count as f64 / all.max(1) as f64
}
