//! What the row of a hop says: one sentence about what matters there, in words that a beginner can follow. Everything that
//! happened at the hop, step by step and with every address, stands behind it.

use giljabi::api::object::ObjectKey;
use giljabi::locale::{Lang, Message};
use giljabi::map::{Stage, Tone, of_step};
use giljabi::network::packet::Segment;
use giljabi::trace::{Exchange, Hop, Rcode, Step, StepKind, Trace, why};
use std::net::SocketAddr;

use super::said;

/// The sentence of a hop.
pub fn hop(trace: &Trace, i: usize, lang: Lang) -> String {
    let Some(hop) = trace.hops.get(i) else { return String::new() };
    match message(trace, i, hop) {
        Some(message) => message.text(lang),
        None => said::headline(hop).map(|step| why::step(step, lang)).unwrap_or_default(),
    }
}

/// The sentence of a stage: of a lookup what came of it, otherwise its hop's.
pub fn stage(trace: &Trace, stage: &Stage, lang: Lang) -> String {
    if !stage.lookup {
        return hop(trace, stage.hops.start, lang);
    }
    let name = asked_name(trace, stage);
    let answers = answers(trace, stage);
    let questions = stage.questions(trace);
    let id = match (answers.is_empty(), questions) {
        (true, _) => "told.lookup_vain",
        (false, 1) => "told.lookup_one",
        (false, _) => "told.lookup",
    };
    let message = Message::new(id).with("name", name).with("n", questions).with("answer", answers.join(", "));
    message.text(lang)
}

/// The name that a lookup was about, as the client wrote it.
fn asked_name(trace: &Trace, stage: &Stage) -> String {
    let steps = || trace.hops[stage.hops.clone()].iter().flat_map(|h| &h.steps);
    let read = steps().find_map(|s| match &s.kind {
        StepKind::ResolverRead { name, .. } => Some(name.to_string()),
        _ => None,
    });
    let asked = || {
        steps().find_map(|s| match &s.kind {
            StepKind::DnsQuery { name, .. } => Some(name.trim_end_matches('.').to_string()),
            _ => None,
        })
    };
    read.or_else(asked).unwrap_or_else(|| trace.request.to.host.to_string())
}

/// The addresses (or names) that a lookup found.
fn answers(trace: &Trace, stage: &Stage) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for step in trace.hops[stage.hops.clone()].iter().flat_map(|h| &h.steps) {
        if let StepKind::DnsAnswer { rcode: Rcode::NoError, records, .. } = &step.kind {
            for record in records {
                if !found.iter().any(|f| *f == record.data.as_str()) {
                    found.push(record.data.to_string());
                }
            }
        }
    }
    found
}

/// Whether an address of the request is one that only rules know: it is translated or refused by them.
fn is_virtual(trace: &Trace, exchange: Exchange, address: SocketAddr) -> bool {
    let steps = || trace.hops.iter().filter(|h| h.exchange == exchange).flat_map(|h| &h.steps);
    // A load balancer's address and a node's are those of a machine, whatever rules do with them afterwards.
    let machine = |s: &Step| match &s.kind {
        StepKind::LoadBalancerChose { .. } => true,
        StepKind::Dnat { before, .. } => before.dst == address && before.dst.port() >= 30_000,
        _ => false,
    };
    !steps().any(machine)
        && steps().any(|s| match &s.kind {
            StepKind::Dnat { before, .. } => before.dst == address,
            StepKind::RuleMatched { rule, .. } => {
                rule.contains("has no endpoints") && rule.contains(&format!("{}/32", address.ip()))
            }
            _ => false,
        })
}

/// Who stands behind an address, in a word: the pod's name where the balance chose one.
fn chosen(hop: &Hop) -> Option<(ObjectKey, usize)> {
    hop.steps.iter().find_map(|s| match &s.kind {
        StepKind::Balanced { candidates, chosen, .. } => {
            Some((candidates.get(*chosen)?.pod.clone()?, candidates.len()))
        }
        _ => None,
    })
}

fn message(trace: &Trace, i: usize, hop: &Hop) -> Option<Message> {
    let step = headline(hop)?;
    let message = match &step.kind {
        StepKind::Connect { packet } if hop.exchange == Exchange::Connection => {
            let virtual_ = is_virtual(trace, hop.exchange, packet.dst);
            let id = match packet.segment {
                Segment::Syn if virtual_ => "told.connect_vip",
                Segment::Syn => "told.connect",
                _ => return None,
            };
            Message::new(id).with("ip", packet.dst.ip()).with("port", packet.dst.port())
        }
        StepKind::Dnat { before, after } => {
            let to = after.dst;
            let plain = !is_virtual(trace, hop.exchange, before.dst);
            match chosen(hop) {
                Some((pod, n)) if plain => Message::new("told.dnat_from")
                    .with("before", before.dst)
                    .with("pod", pod.name)
                    .with("to", to)
                    .with("n", n),
                Some((pod, 1)) => {
                    Message::new("told.dnat_only").with("vip", before.dst.ip()).with("pod", pod.name).with("to", to)
                }
                Some((pod, n)) => Message::new("told.dnat")
                    .with("vip", before.dst.ip())
                    .with("pod", pod.name)
                    .with("to", to)
                    .with("n", n),
                None => Message::new("told.dnat_plain").with("before", before.dst).with("to", to),
            }
        }
        StepKind::Translated { before, after } if before.src != after.src => {
            Message::new("told.back").with("before", before.src).with("after", after.src)
        }
        StepKind::Rejected { .. } => {
            let empty = hop
                .steps
                .iter()
                .any(|s| matches!(&s.kind, StepKind::RuleMatched { rule, .. } if rule.contains("has no endpoints")));
            Message::new(if empty { "told.rejected_empty" } else { "told.rejected" })
        }
        StepKind::Dropped { .. } => Message::new("told.dropped"),
        StepKind::Refused { .. } => Message::new("told.refused").with("port", hop.packet.map_or(0, |p| p.dst.port())),
        StepKind::Lost { .. } => Message::new("told.lost"),
        StepKind::Stray { .. } => Message::new("told.stray"),
        StepKind::HttpResponse { status, .. } => {
            let message = Message::new("told.answered").with("status", status);
            match delivered(hop) {
                Some((port, peer)) => Message { id: "told.taken", ..message }.with("port", port).with("peer", peer),
                None => message,
            }
        }
        StepKind::Received { packet } if hop.exchange == Exchange::Connection => match packet.segment {
            Segment::PortUnreachable | Segment::HostUnreachable | Segment::Rst => Message::new("told.received_no"),
            _ => Message::new("told.received"),
        },
        StepKind::Routed { .. } => {
            let next = trace.hops.get(i + 1).filter(|n| n.at != hop.at && n.exchange == hop.exchange)?;
            let place = said::short_place(&next.at)?;
            Message::new("told.passes_on").with("next", place)
        }
        _ => return None,
    };
    Some(message)
}

fn delivered(hop: &Hop) -> Option<(u16, std::net::IpAddr)> {
    hop.steps.iter().find_map(|s| match &s.kind {
        StepKind::Delivered { local, peer, .. } => Some((local.port(), peer.ip())),
        _ => None,
    })
}

/// The step that the sentence is about. It is the headline, but that a program's answer says more than that it was reached.
fn headline(hop: &Hop) -> Option<&Step> {
    let answer = hop.steps.iter().find(|s| matches!(s.kind, StepKind::HttpResponse { .. }) && of_step(s) != Tone::Bad);
    answer.or_else(|| said::headline(hop))
}
