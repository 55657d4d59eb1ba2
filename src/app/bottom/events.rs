//! The writes that made the cluster what it is, newest first, each with who made it and why.

use giljabi::apiserver::store::{Cause, Event};
use leptos::prelude::*;

use super::journey::line_button;
use crate::app::focus::Target;
use crate::app::session::{Session, session};

/// How many are shown.
const SHOWN: usize = 300;

#[component]
pub fn Events() -> impl IntoView {
    let s = session();
    view! {
        <table class="events">
            <thead>
                <tr>
                    <th scope="col">{s.t("events.at")}</th>
                    <th scope="col">{s.t("events.who")}</th>
                    <th scope="col">{s.t("events.did")}</th>
                    <th scope="col">{s.t("events.object")}</th>
                    <th scope="col">{s.t("events.saw")}</th>
                </tr>
            </thead>
            <tbody>
                {move || s.painted.read().store.events().iter().rev().take(SHOWN).map(|e| row(s, e)).collect_view()}
            </tbody>
        </table>
    }
    .into_any()
}

fn row(s: Session, event: &Event) -> impl IntoView + use<> {
    let secs = event.at.0 / 1_000_000;
    let at = format!("{:02}:{:02}.{:03}", secs / 60, secs % 60, event.at.0 / 1_000 % 1_000);
    let did = match (&event.old, &event.new) {
        (None, _) => "events.created",
        (_, None) => "events.deleted",
        _ => "events.changed",
    };
    let (who, saw) = match &event.cause {
        Cause::Bootstrap => (s.t("events.bootstrap")().into_any(), None),
        Cause::User => (s.t("events.you")().into_any(), None),
        Cause::Controller { name, saw } => (name.into_any(), Some(saw.clone())),
    };
    let line = saw.as_ref().and_then(|f| s.line_of(f));
    let target = Target::Object(event.key.clone());
    view! {
        <tr on:mouseenter=move |_| s.focus.hover(target.clone()) on:mouseleave=move |_| s.focus.leave()>
            <td class="mono">{at}</td>
            <td>{who}</td>
            <td>{s.t(did)}</td>
            <td class="mono">{event.key.to_string()}</td>
            <td class="mono">
                {saw.map(|f| f.to_string())}
                " "
                {line.map(|line| line_button(s, line))}
            </td>
        </tr>
    }
}
