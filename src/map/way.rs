//! The ways of a traced request over the map: one leg a hop, from where the packet was to where it is.

use crate::arrange::set_of;
use crate::map::geometry::{Point, Rect, Way};
use crate::map::scene::Scene;
use crate::map::stage::stages;
use crate::map::tone::{Phase, Tone, of_hop, phase};
use crate::network::packet::Segment;
use crate::trace::{Exchange, Place, Trace};
use std::collections::{BTreeMap, BTreeSet};

/// The way to one hop.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    /// The place of the hop in [`Trace::hops`].
    pub hop: usize,
    /// A single point when the hop happens where the last one did.
    pub way: Way,
    pub tone: Tone,
    pub phase: Phase,
    pub exchange: Exchange,
    /// The middle of the badge with the hop's number.
    pub badge: Point,
    /// Whether a packet moves along it.
    pub moves: bool,
    /// Whether that packet says no: a reset, or ICMP unreachable.
    pub refusal: bool,
}

/// The legs of a trace, one a hop, in order.
pub fn legs(scene: &Scene, trace: &Trace) -> Vec<Leg> {
    let mut used: BTreeMap<(Exchange, Place, Place), usize> = BTreeMap::new();
    let mut legs: Vec<Leg> = Vec::with_capacity(trace.hops.len());
    let fallback = Rect::new(scene.width / 2.0, scene.height / 2.0, 0.0, 0.0);
    let rect_of = |place: &Place| scene.place_rect(place).unwrap_or(fallback);
    for (i, hop) in trace.hops.iter().enumerate() {
        let tone = of_hop(hop);
        let refusal = hop
            .packet
            .is_some_and(|p| matches!(p.segment, Segment::Rst | Segment::PortUnreachable | Segment::HostUnreachable));
        let at = rect_of(&hop.at);
        let before = i.checked_sub(1).map(|j| &trace.hops[j].at);
        let (way, moves) = match before {
            Some(from) if *from != hop.at && hop.packet.is_some() => {
                let pair = if *from < hop.at {
                    (hop.exchange, from.clone(), hop.at.clone())
                } else {
                    (hop.exchange, hop.at.clone(), from.clone())
                };
                let turn = used.entry(pair).or_default();
                let shift = offset(*turn);
                *turn += 1;
                (route(scene, from, rect_of(from), &hop.at, at, shift), true)
            }
            _ => {
                let last = legs.last().and_then(|l: &Leg| l.way.points.last().copied());
                (Way::new(vec![last.filter(|_| before == Some(&hop.at)).unwrap_or_else(|| rest(&hop.at, at))]), false)
            }
        };
        legs.push(Leg {
            hop: i,
            way,
            tone,
            phase: phase(hop),
            exchange: hop.exchange,
            badge: Point::default(),
            moves,
            refusal,
        });
    }
    place_badges(scene, trace, &mut legs, fallback);
    legs
}

/// The sideways shift of the n-th leg between the same two places, so that ways do not lie on each other.
fn offset(turn: usize) -> f64 {
    let step = turn.div_ceil(2) as f64 * 13.0;
    if turn % 2 == 1 { step } else { -step }
}

fn is_kernel(place: &Place) -> bool {
    matches!(place, Place::Kernel { .. })
}

fn is_outside(place: &Place) -> bool {
    matches!(place, Place::Learner | Place::LoadBalancer { .. } | Place::Outside { .. })
}

fn node_of(place: &Place) -> Option<&str> {
    match place {
        Place::Pod { node, .. } | Place::Kernel { node } | Place::Node { node } => Some(node),
        _ => None,
    }
}

/// Where a packet rests in a place that it has not moved to.
fn rest(place: &Place, rect: Rect) -> Point {
    match place {
        Place::Pod { .. } => Point::new(rect.center().x, rect.bottom()),
        // At its edge, beside the words.
        _ => Point::new(rect.center().x, rect.y),
    }
}

/// The way from one place to another, `shift` aside of the straight one.
pub(super) fn route(scene: &Scene, from: &Place, a: Rect, to: &Place, b: Rect, shift: f64) -> Way {
    let same_node = node_of(from).is_some() && node_of(from) == node_of(to);
    match (is_kernel(from), is_kernel(to)) {
        (false, true) if same_node => Way::new(fall(scene, a, b, shift)),
        (true, false) if same_node => {
            let mut points = fall(scene, b, a, shift);
            points.reverse();
            Way::new(points)
        }
        _ => Way::new(over_the_bus(scene, from, a, to, b, shift)),
    }
}

/// From a pod down into the kernel of its node, through the gutter when other pods are in the way.
fn fall(scene: &Scene, pod: Rect, kernel: Rect, shift: f64) -> Vec<Point> {
    let inside = |x: f64| x.clamp(kernel.x + 10.0, kernel.right() - 10.0);
    let half = (pod.w / 2.0 - 8.0).max(0.0);
    let x = inside(pod.center().x + shift.clamp(-half, half));
    let straight = Rect::new(x - 2.0, pod.bottom() + 1.0, 4.0, (kernel.y - pod.bottom() - 2.0).max(0.0));
    let groups = || scene.nodes.iter().flat_map(|n| &n.groups).map(|g| g.rect);
    if groups().any(|g| g != pod && g.overlaps(straight)) {
        // A group is as wide as its node: the way runs down beside it and enters the kernel from the side.
        let side = kernel.x - 6.0 + shift.clamp(-13.0, 13.0) / 5.0;
        let turn = pod.bottom() + 6.0 + shift.clamp(-26.0, 26.0) / 8.0;
        let entry = kernel.y + 22.0 + shift / 2.0;
        let corners = [(x, pod.bottom()), (x, turn), (side, turn), (side, entry), (kernel.x, entry)];
        return corners.map(|(x, y)| Point::new(x, y)).to_vec();
    }
    if !scene.pods().any(|p| p.rect != pod && p.rect.overlaps(straight)) {
        return vec![Point::new(x, pod.bottom()), Point::new(x, kernel.y)];
    }
    let gutter = inside(pod.right() + 7.0 + shift / 8.0);
    let turn = pod.bottom() + 7.0 + shift / 8.0;
    vec![Point::new(x, pod.bottom()), Point::new(x, turn), Point::new(gutter, turn), Point::new(gutter, kernel.y)]
}

/// Along the network between the nodes, which runs below each row of them.
fn over_the_bus(scene: &Scene, from: &Place, a: Rect, to: &Place, b: Rect, shift: f64) -> Vec<Point> {
    if is_outside(from) && is_outside(to) && (a.y - b.y).abs() < 1.0 {
        let y = a.center().y + shift / 2.0;
        let (x1, x2) = if a.x < b.x { (a.right(), b.x) } else { (a.x, b.right()) };
        return vec![Point::new(x1, y), Point::new(x2, y)];
    }
    let bus = |place: &Place| {
        let node = node_of(place).and_then(|n| scene.node(n)).or(scene.nodes.last().map(AsRef::as_ref));
        node.map_or(scene.height - 40.0, |n| n.bus) + shift / 4.0
    };
    let exit = |place: &Place, rect: Rect| {
        let half = (rect.w / 2.0 - 8.0).max(0.0);
        let x = rect.center().x + shift.clamp(-half, half);
        Point::new(x, if is_outside(place) { rect.y } else { rect.bottom() })
    };
    let (start, end) = (exit(from, a), exit(to, b));
    let (bus_a, bus_b) = (bus(from), bus(to));
    let mut points = vec![start, Point::new(start.x, bus_a)];
    if (bus_a - bus_b).abs() > 8.0 {
        // Between rows the way runs along the left edge.
        let side = 10.0 + shift / 4.0;
        points.extend([Point::new(side, bus_a), Point::new(side, bus_b)]);
    }
    points.extend([Point::new(end.x, bus_b), end]);
    points.dedup_by(|p, q| p.distance(*q) < 0.5);
    points
}

/// Badges stand in a row on the edge of their place, one for each row of the journey.
fn place_badges(scene: &Scene, trace: &Trace, legs: &mut [Leg], fallback: Rect) {
    let told: BTreeSet<usize> = set_of(stages(trace).iter().map(|stage| stage.telling(trace)));
    let mut by_place: BTreeMap<&Place, Vec<usize>> = BTreeMap::new();
    for (i, hop) in trace.hops.iter().enumerate().filter(|(i, _)| told.contains(i)) {
        by_place.entry(&hop.at).or_default().push(i);
    }
    for (place, hops) in by_place {
        let rect = scene.place_rect(place).unwrap_or(fallback);
        // A dot's badges stand at the edge of its group, where they hide neither the dots nor the words.
        let group = scene.groups().filter(|_| rect.w < 20.0).find(|g| g.rect.contains(rect.center())).map(|g| g.rect);
        let room = group.map_or(rect.w - 28.0, |g| (g.right() - 14.0 - rect.center().x).max(g.w / 2.0)).max(1.0);
        let pitch = if hops.len() > 1 { (room / (hops.len() - 1) as f64).min(24.0) } else { 0.0 };
        for (n, hop) in hops.iter().enumerate() {
            let along = n as f64 * pitch;
            legs[*hop].badge = match place {
                // Ways fall into the kernel from above, so its badges begin at the right.
                Place::Kernel { .. } => {
                    Point::new(rect.right() - 14.0 - (hops.len() - 1 - n) as f64 * pitch, rect.bottom())
                }
                _ if rect.w < 20.0 => {
                    let edge = group.unwrap_or(rect);
                    let last = edge.right() - 14.0 - (hops.len() - 1) as f64 * pitch;
                    let x = rect.center().x.min(last).max(edge.x + 14.0) + along;
                    Point::new(if group.is_some() { x } else { rect.center().x }, edge.y - 4.0)
                }
                _ => Point::new(rect.x + 14.0 + along, rect.y - 4.0),
            };
        }
    }
}
