//! A trace as a drawing: one column a place, time going down, every packet an arrow. No scripts, no outside fonts: it can be
//! put anywhere as it is.

use super::mermaid::is_told;
use super::place_name;
use crate::locale::Lang;
use crate::text::xml;
use crate::trace::{Direction, Hop, Place, StepKind, Trace, why};
use std::fmt::Write;

const COLUMN: usize = 230;
const LEFT: usize = 20;
const TOP: usize = 64;
const ROW: usize = 26;
/// Characters of a note's line.
const NOTE: usize = 56;

/// The drawing. Colours follow the screen: violet for DNS, blue for packets, amber for translation, red for failure.
pub fn trace(trace: &Trace, lang: Lang) -> String {
    let mut places: Vec<&Place> = Vec::new();
    for hop in &trace.hops {
        if !places.contains(&&hop.at) {
            places.push(&hop.at);
        }
    }
    let x = |place: &Place| LEFT + places.iter().position(|p| *p == place).unwrap_or(0) * COLUMN + COLUMN / 2;
    let mut body = String::new();
    let mut y = TOP;
    let mut last: Option<&Hop> = None;
    for hop in &trace.hops {
        if let (Some(from), Some(packet)) = (last.filter(|l| l.at != hop.at), &hop.packet) {
            y += ROW;
            let (a, b) = (x(&from.at), x(&hop.at));
            let dash = if hop.direction == Direction::Reply { " stroke-dasharray=\"5 4\"" } else { "" };
            let _ = writeln!(
                body,
                "<path d=\"M{a} {y}H{b}\" stroke=\"#2563eb\" stroke-width=\"1.5\" fill=\"none\" \
                 marker-end=\"url(#a)\"{dash}/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#1d4ed8\">{}</text>",
                (a + b) / 2,
                y - 5,
                xml(&packet.to_string())
            );
        }
        for step in hop.steps.iter().filter(|s| is_told(&s.kind)) {
            for line in wrapped(&why::step(step, lang)) {
                y += ROW - 8;
                let _ = writeln!(
                    body,
                    "<text x=\"{}\" y=\"{y}\" text-anchor=\"middle\" fill=\"{}\">{}</text>",
                    x(&hop.at),
                    colour(&step.kind),
                    xml(&line)
                );
            }
        }
        last = Some(hop);
    }
    y += ROW;
    let ending = trace.outcome.is_success();
    for line in wrapped(&why::symptom(&trace.outcome, lang)) {
        y += ROW - 8;
        let (place, fill) = (last.map_or(LEFT, |h| x(&h.at)), if ending { "#15803d" } else { "#dc2626" });
        let _ = writeln!(
            body,
            "<text x=\"{place}\" y=\"{y}\" text-anchor=\"middle\" font-weight=\"bold\" fill=\"{fill}\">{}</text>",
            xml(&line)
        );
    }
    let (width, height) = (LEFT * 2 + places.len().max(1) * COLUMN, y + 40);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\"><defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#2563eb\"/></marker></defs><rect \
         width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
    );
    for place in &places {
        let at = x(place);
        let _ = writeln!(
            out,
            "<path d=\"M{at} {TOP}V{}\" stroke=\"#cbd5e1\"/><rect x=\"{}\" y=\"24\" width=\"{}\" height=\"26\" rx=\"6\" \
             fill=\"#f1f5f9\" stroke=\"#94a3b8\"/><text x=\"{at}\" y=\"41\" text-anchor=\"middle\" fill=\"#0f172a\">{}</text>",
            height - 20,
            at - COLUMN / 2 + 8,
            COLUMN - 16,
            xml(&place_name(place, lang))
        );
    }
    out + &body + "</svg>\n"
}

fn colour(kind: &StepKind) -> &'static str {
    match kind {
        StepKind::ResolverRead { .. }
        | StepKind::HostsFile { .. }
        | StepKind::DnsCached { .. }
        | StepKind::DnsQuery { .. }
        | StepKind::DnsAnswer { .. }
        | StepKind::DnsForwarded { .. } => "#7c3aed",
        StepKind::Dnat { .. } | StepKind::Snat { .. } | StepKind::Translated { .. } | StepKind::Balanced { .. } => {
            "#b45309"
        }
        StepKind::Rejected { .. }
        | StepKind::Dropped { .. }
        | StepKind::Refused { .. }
        | StepKind::Lost { .. }
        | StepKind::Stray { .. }
        | StepKind::TimedOut { .. } => "#dc2626",
        StepKind::Tls { .. } | StepKind::HttpRouted { .. } | StepKind::Mirrored { .. } => "#be185d",
        StepKind::Delivered { .. } | StepKind::HttpResponse { .. } | StepKind::Answered { .. } => "#15803d",
        _ => "#334155",
    }
}

/// Lines of at most [`NOTE`] characters, broken at spaces where there are any.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word = word;
        loop {
            let line = lines.last_mut().map_or(0, |l| l.chars().count());
            let length = word.chars().count();
            if line > 0 && line + 1 + length > NOTE {
                lines.push(String::new());
                continue;
            }
            let cut = word.char_indices().nth(NOTE).map_or(word.len(), |(i, _)| i);
            if let Some(last) = lines.last_mut() {
                if line > 0 {
                    last.push(' ');
                }
                last.push_str(&word[..cut]);
            }
            word = &word[cut..];
            if word.is_empty() {
                break;
            }
            lines.push(String::new());
        }
    }
    lines
}
