//! The report: what was found, the gravest first, and every door.

use giljabi::api::json;
use giljabi::doctor::{self, Door, Finding, Severity, Verdict};
use giljabi::export::place_name;
use giljabi::locale::{Lang, Message};
use giljabi::text::visible;
use leptos::prelude::*;
use std::sync::Arc;
use wasm_bindgen::JsValue;

use super::Examined;
use crate::app::leave::{copy, save};
use crate::app::session::{Session, session};

/// So many findings and doors are drawn; the files that can be saved have all.
const DRAWN: usize = 400;

fn severity_id(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "doctor.error",
        Severity::Warning => "doctor.warning",
        Severity::Info => "doctor.info",
    }
}

fn verdict_id(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Open => "doctor.open",
        Verdict::Partly => "doctor.partly",
        Verdict::Shut => "doctor.shut",
        Verdict::Asleep => "doctor.asleep",
        Verdict::Unknown => "doctor.unknown",
    }
}

/// The report in a sentence.
pub fn summary(s: Session, report: &doctor::Report) -> String {
    doctor::sum(report).text(s.lang.get())
}

#[component]
pub fn ReportView(examined: Arc<Examined>, on_map: impl Fn() + Copy + 'static) -> impl IntoView {
    let s = session();
    let kept = StoredValue::new_local(examined);
    let of = move |lang: Lang, form: &str| {
        // As JUnit has it: in UTC, without the part of a second and the zone.
        let now: String = js_sys::Date::new_0().to_iso_string().into();
        let now: String = now.chars().take(19).collect();
        kept.with_value(|e| match form {
            "json" => json::to_string_pretty(&doctor::json(&e.report, lang), 2),
            "sarif" => json::to_string_pretty(&doctor::sarif(&e.report, lang, env!("CARGO_PKG_VERSION")), 2),
            "xml" => doctor::junit(&e.report, lang, &now),
            _ => doctor::text(&e.report, lang),
        })
    };
    let save_as = move |name: &'static str, form: &'static str, kind: &'static str| {
        move |_| save(name, kind, &JsValue::from(of(s.lang.get_untracked(), form)))
    };
    let copy_text = move |_| {
        let text = of(s.lang.get_untracked(), "text");
        // Where the clipboard is closed the files below can still be saved.
        leptos::task::spawn_local(async move { drop(copy(&text).await) });
    };
    let sum = move || kept.with_value(|e| summary(s, &e.report));
    let left_out = move || {
        let count = kept.with_value(|e| e.left_out);
        (count > 0).then(|| s.tx("doctor.left_out", &[("count", &count.to_string())]))
    };
    let findings = move || {
        let lang = s.lang.get();
        kept.with_value(|e| {
            e.report
                .findings
                .iter()
                .take(DRAWN)
                .map(|f| finding(s.tx(severity_id(f.severity), &[]), f, lang))
                .collect_view()
        })
    };
    let doors = move || {
        let _ = s.lang.get();
        kept.with_value(|e| {
            e.report.doors.iter().take(DRAWN).map(|d| door(s.tx(verdict_id(d.verdict), &[]), d)).collect_view()
        })
    };
    let well = |r: &doctor::Report| !r.doors.is_empty() && r.worst().is_none_or(|w| w == Severity::Info);
    let no_faults = kept.with_value(|e| well(&e.report));
    view! {
        <section class="doctor-report" aria-labelledby="doctor-report-title">
            <h3 id="doctor-report-title" tabindex="-1">{s.t("doctor.report")}</h3>
            <p class="doctor-sum">{sum}</p>
            <p>{left_out}</p>
            <div class="doctor-acts">
                <button type="button" class="btn btn-primary" on:click=move |_| on_map()>{s.t("doctor.to_map")}</button>
                <button type="button" class="btn" on:click=copy_text>{s.t("doctor.copy")}</button>
                <button type="button" class="btn" on:click=save_as("doctor.json", "json", "application/json")>"JSON"</button>
                <button type="button" class="btn" on:click=save_as("doctor.sarif", "sarif", "application/sarif+json")>"SARIF"</button>
                <button type="button" class="btn" on:click=save_as("doctor.xml", "xml", "application/xml")>"JUnit"</button>
            </div>
            {no_faults.then(|| view! { <p class="doctor-well">{s.t("doctor.well")}</p> })}
            <ol class="doctor-findings">{findings}</ol>
            <h3>{s.t("doctor.doors")}</h3>
            <div class="doctor-doors" tabindex="0" role="region" aria-label=s.t("doctor.doors")>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">{s.t("doctor.verdict")}</th>
                            <th scope="col">{s.t("doctor.address")}</th>
                            <th scope="col">{s.t("doctor.object")}</th>
                        </tr>
                    </thead>
                    <tbody>{doors}</tbody>
                </table>
            </div>
        </section>
    }
}

fn finding(severity: String, f: &Finding, lang: Lang) -> impl IntoView + use<> {
    let about: Vec<String> =
        [&f.object.to_string(), f.door.as_str()].map(shown).into_iter().filter(|w| !w.is_empty() && w != "/").collect();
    let line = |id: &'static str, words: Option<String>| words.map(|w| Message::new(id).with("words", w).text(lang));
    let more: Vec<String> = [
        Some(shown(&f.verbatim)).filter(|v| !v.is_empty()),
        line("doctor-tell-seen", f.symptom.as_ref().map(|m| m.text(lang))),
        line("doctor-tell-hop", f.hop.as_ref().map(|p| place_name(p, lang))),
        line("doctor-tell-mend", f.mend.as_ref().map(|m| m.text(lang))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let place = f.place.as_ref().map(|(file, line, _)| format!("{}:{line}", shown(file)));
    let class = format!("doctor-finding doctor-{}", f.severity.name());
    view! {
        <li class=class>
            <p>
                <b class="doctor-severity">{severity}</b>
                " "
                <span class="mono">{about.join(" · ")}</span>
            </p>
            <p>{f.cause.text(lang)}</p>
            {more.into_iter().map(|words| view! { <p class="doctor-more">{words}</p> }).collect_view()}
            {place.map(|place| view! { <p class="mono doctor-place">{place}</p> })}
        </li>
    }
}

/// A stranger's name, with what hides in it.
fn shown(name: &str) -> String {
    visible(name).into_owned()
}

fn door(verdict: String, d: &Door) -> impl IntoView + use<> {
    let sign = match d.verdict {
        Verdict::Open => "✓",
        Verdict::Partly => "◐",
        Verdict::Shut => "✕",
        Verdict::Asleep => "☾",
        Verdict::Unknown => "?",
    };
    let class = format!("doctor-door doctor-door-{}", d.verdict.name());
    view! {
        <tr class=class>
            <td><span aria-hidden="true">{sign}</span>" "{verdict}</td>
            <td class="mono">{shown(&d.address)}</td>
            <td class="mono">{shown(&d.object.to_string())}</td>
        </tr>
    }
}
