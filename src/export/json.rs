//! A trace as JSON, for other programs. Keys are stable; words come in the language asked for.

use super::Locate;
use super::text::place_name;
use crate::api::object::FieldRef;
use crate::api::value::Value;
use crate::locale::Lang;
use crate::network::packet::Packet;
use crate::trace::curl::{CurlFlags, curl};
use crate::trace::{Direction, Hop, Outcome, Trace, why};
use crate::value;

/// One trace.
pub fn trace(trace: &Trace, lang: Lang, locate: Locate) -> Value {
    let hops: Vec<Value> = trace.hops.iter().enumerate().map(|(i, hop)| hop_json(i + 1, hop, lang, locate)).collect();
    value!({
        "request": {
            "from": (trace.request.from.to_string()),
            "to": (trace.request.to.to_string()),
            "method": (&trace.request.method)
        },
        "startedMicros": (trace.started.0 as i64),
        "tookMicros": (trace.ended.since(trace.started).0 as i64),
        "hops": hops,
        "outcome": (outcome(trace, lang, locate))
    })
}

fn outcome(trace: &Trace, lang: Lang, locate: Locate) -> Value {
    let printed = curl(trace, CurlFlags::default());
    let mut out = value!({
        "success": (trace.outcome.is_success()),
        "seen": (why::symptom(&trace.outcome, lang)),
        "curl": {
            "exitCode": (printed.exit_code),
            "stdout": (printed.stdout),
            "stderr": (printed.stderr)
        }
    });
    if let Outcome::Answered { response, .. } = &trace.outcome {
        out.set_at(&["status"], i64::from(response.status));
        out.set_at(&["body"], response.body.clone());
        if let Some(pod) = &response.pod {
            out.set_at(&["pod"], format!("{}/{}", pod.namespace, pod.name));
        }
        if let Some(source) = response.seen_source {
            out.set_at(&["seenSource"], source.to_string());
        }
    }
    if let Some(failure) = trace.outcome.failure() {
        let because: Vec<Value> = failure.because.iter().map(|f| field(f, locate)).collect();
        out.set_at(&["cause"], why::cause_name(&failure.cause));
        out.set_at(&["causeText"], why::cause(failure, lang));
        out.set_at(&["mend"], why::mend(failure, lang));
        out.set_at(&["because"], because);
    }
    out
}

fn hop_json(number: usize, hop: &Hop, lang: Lang, locate: Locate) -> Value {
    let steps: Vec<Value> = hop
        .steps
        .iter()
        .map(|step| {
            let because: Vec<Value> = step.because.iter().map(|f| field(f, locate)).collect();
            let mut out = value!({
                "atMicros": (step.at.0 as i64),
                "kind": (why::step_message(&step.kind).id),
                "words": (why::step(step, lang)),
                "because": because
            });
            if let Some((before, after)) = step.kind.change() {
                out.set_at(&["before"], packet(before));
                out.set_at(&["after"], packet(after));
            }
            out
        })
        .collect();
    let direction = if hop.direction == Direction::Request { "request" } else { "reply" };
    let mut out = value!({
        "number": (number as i64),
        "direction": direction,
        "place": (place_name(&hop.at, Lang::En)),
        "steps": steps
    });
    if let Some(p) = &hop.packet {
        out.set_at(&["packet"], packet(p));
    }
    out
}

fn packet(packet: &Packet) -> Value {
    value!({
        "source": (packet.src.to_string()),
        "destination": (packet.dst.to_string()),
        "protocol": (packet.protocol.upper()),
        "segment": (packet.segment.label())
    })
}

fn field(field: &FieldRef, locate: Locate) -> Value {
    let mut out = value!({
        "kind": (&field.object.kind),
        "namespace": (&field.object.namespace),
        "name": (&field.object.name),
        "field": (field.path.as_str())
    });
    if let Some(place) = locate(field) {
        out.set_at(&["at"], place);
    }
    out
}
