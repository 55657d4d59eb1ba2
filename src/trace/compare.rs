//! Two traces side by side: where do they part, and which field makes them?

use super::outcome::Outcome;
use super::step::{Hop, Place, Step, StepKind};
use super::{Trace, why};
use crate::api::object::{FieldRef, ObjectKey};
use crate::locale::{Lang, Message};
use crate::network::packet::Packet;
use std::net::SocketAddr;

/// The first difference between two traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Parting {
    /// The hops that differ, by their places in the traces; `None`: that trace has ended.
    pub hops: (Option<usize>, Option<usize>),
    /// The step within the hop.
    pub step: usize,
    /// Nothing but the lot differs: the same candidates, another one chosen.
    pub by_chance: bool,
    /// The fields behind the difference: those that only one of the two names come first.
    pub because: Vec<FieldRef>,
}

/// The difference in a sentence.
pub fn words(left: &Trace, right: &Trace, parting: Option<&Parting>, lang: Lang) -> String {
    let Some(parting) = parting else { return Message::new("compare.same").text(lang) };
    if parting.by_chance {
        return Message::new("compare.chance").text(lang);
    }
    let hop = |trace: &Trace, at: Option<usize>| at.and_then(|i| trace.hops.get(i)).cloned();
    let (a, b) = (hop(left, parting.hops.0), hop(right, parting.hops.1));
    match (&a, &b) {
        (Some(a), Some(b)) if name(&a.at) != name(&b.at) => {
            return Message::new("compare.places").with("left", name(&a.at)).with("right", name(&b.at)).text(lang);
        }
        (Some(_), None) | (None, Some(_)) => {
            let last = left.hops.last().filter(|_| a.is_none()).or(right.hops.last());
            let at = last.map_or("-".to_string(), |h| name(&h.at));
            return Message::new("compare.ends").with("place", at).text(lang);
        }
        _ => {}
    }
    let step = |hop: &Option<Hop>| {
        let step = hop.as_ref().and_then(|h| h.steps.get(parting.step));
        step.map_or("-".to_string(), |s| why::step(s, lang))
    };
    let at = a.as_ref().or(b.as_ref()).map_or("-".to_string(), |h| name(&h.at));
    Message::new("compare.parts").with("place", at).with("left", step(&a)).with("right", step(&b)).text(lang)
}

fn name(place: &Place) -> String {
    match place {
        Place::Pod { pod, .. } => pod.name.to_string(),
        Place::Kernel { node } | Place::Node { node } => node.to_string(),
        Place::Learner => "localhost".to_string(),
        Place::LoadBalancer { service } => service.name.to_string(),
        Place::Outside { ip, .. } => ip.to_string(),
    }
}

/// Where two traces part. Times, ephemeral ports, lots and the address that a Service happened to be given are no differences.
/// `None`: they tell the same.
pub fn compare(left: &Trace, right: &Trace) -> Option<Parting> {
    let given = given(left, right);
    for i in 0..left.hops.len().max(right.hops.len()) {
        let (a, b) = (left.hops.get(i), right.hops.get(i));
        let (Some(hop_a), Some(hop_b)) = (a, b) else {
            let because = a.or(b).into_iter().flat_map(|h| h.steps.first()).flat_map(|s| s.because.clone()).collect();
            return Some(parting(i, a, b, 0, false, because));
        };
        if place(&hop_a.at) != place(&hop_b.at)
            || hop_a.exchange != hop_b.exchange
            || hop_a.direction != hop_b.direction
        {
            let because = differing(last_step(left, i), last_step(right, i));
            return Some(parting(i, a, b, 0, false, because));
        }
        for j in 0..hop_a.steps.len().max(hop_b.steps.len()) {
            let (x, y) = (hop_a.steps.get(j), hop_b.steps.get(j));
            if let (Some(x), Some(y)) = (x, y) {
                if is_same(x, y, &given) {
                    continue;
                }
                let chance = same_candidates(x, y);
                return Some(parting(i, a, b, j, chance, differing(Some(x), Some(y))));
            }
            return Some(parting(i, a, b, j, false, differing(x, y)));
        }
    }
    let ends = |t: &Trace| match &t.outcome {
        Outcome::Answered { response, .. } => Ok(response.status),
        Outcome::Failed(failure) => Err(why::cause_name(&failure.cause)),
    };
    if ends(left) == ends(right) {
        return None;
    }
    let failed = |t: &Trace| t.outcome.failure().map(|f| f.because.clone()).unwrap_or_default();
    let because = [failed(left), failed(right)].concat();
    let last = left.hops.len().checked_sub(1);
    Some(Parting { hops: (last, last), step: 0, by_chance: false, because })
}

fn parting(
    i: usize,
    left: Option<&Hop>,
    right: Option<&Hop>,
    step: usize,
    by_chance: bool,
    because: Vec<FieldRef>,
) -> Parting {
    Parting { hops: (left.map(|_| i), right.map(|_| i)), step, by_chance, because }
}

/// The step that led to a hop: the last one of the hop before it.
fn last_step(trace: &Trace, i: usize) -> Option<&Step> {
    trace.hops.get(i.checked_sub(1)?)?.steps.last()
}

/// The fields of two steps, those of only one of them first.
fn differing(left: Option<&Step>, right: Option<&Step>) -> Vec<FieldRef> {
    let of = |s: Option<&Step>| s.map(|s| s.because.clone()).unwrap_or_default();
    let (a, b) = (of(left), of(right));
    let mut out: Vec<FieldRef> =
        a.iter().filter(|f| !b.contains(f)).chain(b.iter().filter(|f| !a.contains(f))).cloned().collect();
    out.extend(a.into_iter().filter(|f| b.contains(f)));
    out
}

/// A place, without what a new pod of the same workload changes.
fn place(place: &Place) -> String {
    match place {
        Place::Pod { pod, node } => format!("pod {}/{} on {node}", pod.namespace, pod.name),
        other => format!("{other:?}"),
    }
}

fn same_candidates(left: &Step, right: &Step) -> bool {
    match (&left.kind, &right.kind) {
        (StepKind::Balanced { candidates: a, by: x, .. }, StepKind::Balanced { candidates: b, by: y, .. }) => {
            x == y && a == b
        }
        (StepKind::LoadBalancerChose { candidates: a, .. }, StepKind::LoadBalancerChose { candidates: b, .. }) => {
            a == b
        }
        // The chain that the lot chose.
        (StepKind::RuleMatched { chain: a, .. }, StepKind::RuleMatched { chain: b, .. }) => {
            a == b && a.starts_with("KUBE-SVC-")
        }
        _ => false,
    }
}

fn is_same(left: &Step, right: &Step, given: &[(String, String)]) -> bool {
    match (&left.kind, &right.kind) {
        (
            StepKind::Balanced { by, candidates, chosen, .. },
            StepKind::Balanced { by: other, candidates: others, chosen: theirs, .. },
        ) => by == other && candidates == others && chosen == theirs,
        (
            StepKind::LoadBalancerChose { node, candidates, .. },
            StepKind::LoadBalancerChose { node: other, candidates: others, .. },
        ) => node == other && candidates == others,
        // Another name is told where it is asked for.
        (
            StepKind::ResolverRead { server, search, ndots, .. },
            StepKind::ResolverRead { server: other, search: others, ndots: theirs, .. },
        ) => server == other && search == others && ndots == theirs,
        (a, b) => {
            let theirs = given.iter().fold(step_words(b), |text, (from, to)| with_address(&text, from, to));
            step_words(a) == theirs
        }
    }
}

/// The addresses that DNS gave for the same Services in both traces, where they differ: that of the right one, that of the left one.
fn given(left: &Trace, right: &Trace) -> Vec<(String, String)> {
    let answers = |trace: &Trace| -> Vec<(ObjectKey, String)> {
        let steps = trace.hops.iter().flat_map(|hop| &hop.steps);
        let one = |step: &Step| match &step.kind {
            StepKind::DnsAnswer { records, .. } if records.len() == 1 => {
                let service = step.because.iter().find(|f| f.object.kind == "Service")?;
                Some((service.object.clone(), records[0].data.to_string()))
            }
            _ => None,
        };
        steps.filter_map(one).collect()
    };
    let (left, right) = (answers(left), answers(right));
    let pairs = right.into_iter().filter_map(|(service, theirs)| {
        let (_, ours) = left.iter().find(|(own, _)| *own == service)?;
        (*ours != theirs).then(|| (theirs, ours.clone()))
    });
    pairs.collect()
}

/// A text with another address in the place of one; a longer address that begins or ends like it is left alone.
fn with_address(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let more = |c: char| c.is_ascii_hexdigit();
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        let alone = !before.ends_with(more) && !before.ends_with('.') && !after.starts_with(more);
        out.push_str(before);
        out.push_str(if alone { to } else { from });
        rest = after;
    }
    out + rest
}

/// A step in words without its ephemeral ports.
fn step_words(kind: &StepKind) -> String {
    let mut text = why::step_message(kind).text(Lang::En);
    for packet in packets(kind) {
        for side in [packet.src, packet.dst] {
            if side.port() >= 1_024 && is_ephemeral(side, kind) {
                text = text.replace(&side.to_string(), &format!("{}:*", side.ip()));
            }
        }
    }
    if let StepKind::Delivered { peer, .. } = kind {
        text = text.replace(&peer.to_string(), &format!("{}:*", peer.ip()));
    }
    text
}

/// Source ports on the way there, destination ports on the way back.
fn is_ephemeral(side: SocketAddr, kind: &StepKind) -> bool {
    use crate::network::packet::Segment;
    let back = |p: &Packet| {
        matches!(p.segment, Segment::Data | Segment::SynAck | Segment::Rst | Segment::Fin | Segment::EchoReply)
            && p.dst == side
            || matches!(p.segment, Segment::PortUnreachable | Segment::HostUnreachable)
    };
    packets(kind).any(|p| p.src == side && matches!(p.segment, Segment::Syn | Segment::Datagram) || back(&p))
        || matches!(kind, StepKind::Snat { .. })
        || packets(kind).any(|p| p.segment == Segment::Datagram && side.port() >= 32_768)
}

fn packets(kind: &StepKind) -> impl Iterator<Item = Packet> {
    let found: Vec<Packet> = match kind {
        StepKind::Connect { packet }
        | StepKind::ConnectionReused { packet }
        | StepKind::ConntrackHit { packet }
        | StepKind::Received { packet }
        | StepKind::Dropped { packet }
        | StepKind::Stray { packet }
        | StepKind::Lost { packet } => vec![*packet],
        StepKind::Rejected { with } | StepKind::Refused { with } => vec![*with],
        StepKind::Dnat { before, after }
        | StepKind::Snat { before, after }
        | StepKind::Translated { before, after } => vec![*before, *after],
        _ => Vec::new(),
    };
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_replaced_where_it_stands_alone() {
        let told = with_address("to 10.96.0.1:80, 10.96.0.10:80, 110.96.0.1 (10.96.0.1)", "10.96.0.1", "10.100.7.7");
        assert_eq!(told, "to 10.100.7.7:80, 10.96.0.10:80, 110.96.0.1 (10.100.7.7)");
    }
}
