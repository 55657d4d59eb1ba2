//! For other programs. Keys and `rule` are stable; words come in the language asked for.

use super::super::Report;
use super::{object_name, sentences};
use crate::api::value::Value;
use crate::export::place_name;
use crate::locale::Lang;
use crate::value;

/// The report as JSON.
pub fn json(report: &Report, lang: Lang) -> Value {
    let doors: Vec<Value> = report
        .doors
        .iter()
        .map(|d| {
            value!({
                "kind": (&d.object.kind),
                "namespace": (&d.object.namespace),
                "name": (&d.object.name),
                "address": (&d.address),
                "front": (d.front),
                "verdict": (d.verdict.name())
            })
        })
        .collect();
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|f| {
            let because: Vec<Value> = f.because.iter().map(|b| b.to_string().into()).collect();
            let mut out = value!({
                "severity": (f.severity.name()),
                "rule": (&f.rule),
                "object": (object_name(f)),
                "door": (&f.door),
                "message": (f.cause.text(lang)),
                "text": (sentences(f, lang).join("\n")),
                "because": because
            });
            let words = [("symptom", &f.symptom), ("mend", &f.mend)];
            for (key, message) in words.into_iter().filter_map(|(k, m)| Some((k, m.as_ref()?))) {
                out.set_at(&[key], message.text(lang));
            }
            if let Some(hop) = &f.hop {
                out.set_at(&["hop"], place_name(hop, lang));
            }
            if let Some((file, line, column)) = &f.place {
                out.set_at(&["file"], file.clone());
                out.set_at(&["line"], i64::from(*line));
                out.set_at(&["column"], i64::from(*column));
            }
            out
        })
        .collect();
    value!({
        "snapshot": (report.snapshot),
        "objects": (report.objects as i64),
        "doors": doors,
        "findings": findings
    })
}
