//! A trace as a Mermaid sequence diagram.

use super::place_name;
use crate::locale::Lang;
use crate::trace::{Hop, Place, StepKind, Trace, why};
use std::fmt::Write;

/// The diagram's source.
pub fn trace(trace: &Trace, lang: Lang) -> String {
    let mut places: Vec<&Place> = Vec::new();
    for hop in &trace.hops {
        if !places.contains(&&hop.at) {
            places.push(&hop.at);
        }
    }
    let id = |place: &Place| places.iter().position(|p| *p == place).unwrap_or(0);
    let mut out = String::from("sequenceDiagram\n");
    for (i, place) in places.iter().enumerate() {
        let _ = writeln!(out, "    participant P{i} as {}", escape(&place_name(place, lang)));
    }
    let mut last: Option<&Hop> = None;
    for hop in &trace.hops {
        if let (Some(from), Some(packet)) = (last.filter(|l| l.at != hop.at), &hop.packet) {
            let arrow = if hop.direction == crate::trace::Direction::Request { "->>" } else { "-->>" };
            let _ = writeln!(out, "    P{}{arrow}P{}: {}", id(&from.at), id(&hop.at), escape(&packet.to_string()));
        }
        for step in hop.steps.iter().filter(|s| is_told(&s.kind)) {
            let _ = writeln!(out, "    Note over P{}: {}", id(&hop.at), escape(&why::step(step, lang)));
        }
        last = Some(hop);
    }
    if let Some(hop) = last {
        let _ = writeln!(out, "    Note over P{}: {}", id(&hop.at), escape(&why::symptom(&trace.outcome, lang)));
    }
    out
}

/// Steps that a diagram tells; each single rule and route would drown the rest.
pub(super) fn is_told(kind: &StepKind) -> bool {
    !matches!(
        kind,
        StepKind::RuleMatched { .. }
            | StepKind::Routed { .. }
            | StepKind::Connect { .. }
            | StepKind::Received { .. }
            | StepKind::Marked { .. }
    )
}

/// Mermaid ends a message at a semicolon or a line end, and reads `#` as the beginning of an entity.
fn escape(text: &str) -> String {
    text.replace('#', "#35;").replace(';', "#59;").replace(['\n', '\r'], " ")
}
