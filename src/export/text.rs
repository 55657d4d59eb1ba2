//! A trace as text: the journey, row by row, and how it ended.

use super::Locate;
use crate::api::object::FieldRef;
use crate::locale::{self, Lang};
use crate::trace::curl::{CurlFlags, curl};
use crate::trace::{Direction, Hop, Outcome, Place, Scheme, Trace, why};
use std::fmt::Write;

/// The journey as a numbered list, the outcome as curl prints it, and after a failure what is wrong and what mends it.
pub fn trace(trace: &Trace, lang: Lang, locate: Locate) -> String {
    let mut out = format!("{} → {}\n", trace.request.from, trace.request.to);
    for (i, hop) in trace.hops.iter().enumerate() {
        write_hop(&mut out, i + 1, hop, lang, locate);
    }
    match (trace.request.to.scheme, &trace.outcome) {
        (Scheme::Http | Scheme::Https, _) => {
            let printed = curl(trace, CurlFlags::default());
            for line in printed.stdout.lines().chain(printed.stderr.lines()) {
                let _ = writeln!(out, "  {line}");
            }
        }
        // No curl speaks these.
        (_, Outcome::Answered { response, .. }) => {
            for line in response.body.lines() {
                let _ = writeln!(out, "  {line}");
            }
        }
        (_, Outcome::Failed(_)) => {}
    }
    let _ = writeln!(out, "{}: {}", locale::text(lang, "export.seen", &[]), why::symptom(&trace.outcome, lang));
    if let Some(failure) = trace.outcome.failure() {
        let _ = writeln!(out, "{}: {}", locale::text(lang, "export.cause", &[]), why::cause(failure, lang));
        let _ = writeln!(out, "{}: {}", locale::text(lang, "export.mend", &[]), why::mend(failure, lang));
        for field in &failure.because {
            let _ = writeln!(out, "{}: {}", locale::text(lang, "export.look", &[]), located(field, locate));
        }
    }
    if let Outcome::Answered { response, .. } = &trace.outcome
        && let Some(pod) = &response.pod
    {
        let _ = writeln!(out, "{}: {pod}", locale::text(lang, "export.pod", &[]));
    }
    out
}

fn write_hop(out: &mut String, number: usize, hop: &Hop, lang: Lang, locate: Locate) {
    let arrow = if hop.direction == Direction::Request { "→" } else { "←" };
    let _ = write!(out, "{number:>3} {arrow} {}", place_name(&hop.at, lang));
    if let Some(packet) = &hop.packet {
        let _ = write!(out, "  [{packet}]");
    }
    out.push('\n');
    for step in &hop.steps {
        let _ = write!(out, "      {}", why::step(step, lang));
        if let Some(field) = step.because.first() {
            let _ = write!(out, "  ({})", located(field, locate));
        }
        out.push('\n');
    }
}

/// `service.yaml:13:11 service/kimho spec.ports[2].port`, or the field alone when no file has it.
fn located(field: &FieldRef, locate: Locate) -> String {
    match locate(field) {
        Some(place) => format!("{place} {field}"),
        None => field.to_string(),
    }
}

/// A place as a row names it.
pub fn place_name(place: &Place, lang: Lang) -> String {
    match place {
        Place::Pod { pod, node } => {
            let namespace = if pod.namespace == "default" { String::new() } else { format!(" ({})", pod.namespace) };
            format!("{}{namespace} · {node}", pod.name)
        }
        Place::Kernel { node } => format!("{} · {node}", locale::text(lang, "place.kernel", &[])),
        Place::Node { node } => node.to_string(),
        Place::Learner => locale::text(lang, "place.computer", &[]),
        Place::LoadBalancer { service } => {
            format!("{} · {}", locale::text(lang, "place.load-balancer", &[]), service.name)
        }
        Place::Outside { ip, name } if name.is_empty() => ip.to_string(),
        Place::Outside { ip, name } => format!("{name} ({ip})"),
    }
}
