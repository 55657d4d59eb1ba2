//! The list of shortcuts and signs, as a dialog.

use leptos::html::{Dialog, H2};
use leptos::prelude::*;

use super::keys::SHORTCUTS;
use super::map::SIGNS;
use super::session::session;
use crate::app::erased::effect;

/// The meanings of colours: the end of the class name, message.
const COLOURS: [(&str, &str); 6] = [
    ("dns", "legend.dns"),
    ("vip", "legend.vip"),
    ("nat", "legend.nat"),
    ("pod", "legend.pod"),
    ("l7", "legend.l7"),
    ("bad", "legend.bad"),
];

/// How pods stand: the sign on their box, message.
const PODS: [(&str, &str); 5] =
    [("●", "pod.ready"), ("○", "pod.not_ready"), ("◔", "pod.pending"), ("◌", "pod.terminating"), ("■", "pod.finished")];

/// The version that the page names.
fn version() -> String {
    let named = document().query_selector("meta[name=\"giljabi-version\"]").ok().flatten();
    named.and_then(|meta| meta.get_attribute("content")).unwrap_or_default()
}

#[component]
pub fn Help() -> impl IntoView {
    let s = session();
    let (dialog, title) = (NodeRef::<Dialog>::new(), NodeRef::<H2>::new());
    effect(move || {
        let Some(dialog) = dialog.get() else { return };
        if s.help.get() {
            if !dialog.open() {
                // A dialog that is open already stays open.
                let _ = dialog.show_modal();
                // By hand: an attribute would ask for the focus as soon as the page is built, which browsers refuse in a frame.
                if let Some(title) = title.get_untracked() {
                    let _ = title.focus();
                }
            }
        } else {
            dialog.close();
        }
    });
    view! {
        <dialog class="dialog help" node_ref=dialog aria-labelledby="help-title" on:close=move |_| s.help.set(false)>
            <h2 id="help-title" tabindex="-1" node_ref=title>{s.t("help.title")}</h2>
            <p>{s.t("help.text")}</p>
            <h3>{s.t("help.keys")}</h3>
            <dl class="keys">
                {SHORTCUTS.map(|(keys, id)| view! { <div><dt><kbd>{keys}</kbd></dt><dd>{s.t(id)}</dd></div> }).collect_view()}
            </dl>
            <h3>{s.t("help.colours")}</h3>
            <ul class="legend">
                {COLOURS
                    .map(|(tone, id)| view! { <li><span class=format!("hop-number hop-{tone}") aria-hidden="true">"1"</span>{s.t(id)}</li> })
                    .collect_view()}
            </ul>
            <h3>{s.t("help.signs")}</h3>
            <ul class="legend">
                {SIGNS
                    .map(|(class, path, id)| {
                        view! {
                            <li>
                                <svg class=format!("sign {class}") aria-hidden="true" viewBox="-15 -15 30 30" width="24" height="24">
                                    {class.starts_with("sign-end").then(|| view! { <circle r="14"></circle> })}
                                    <path d=path></path>
                                </svg>
                                {s.t(id)}
                            </li>
                        }
                    })
                    .collect_view()}
                {PODS.map(|(sign, id)| view! { <li><span class="sign" aria-hidden="true">{sign}</span>{s.t(id)}</li> }).collect_view()}
            </ul>
            <p class="help-about">
                {s.t("help.version")}" "{version()}" · "
                <a href="changelog.txt" target="_blank" rel="noopener">{s.t("help.changes")}</a>" · "
                <a href="licences.txt" target="_blank" rel="noopener">{s.t("help.licences")}</a>
            </p>
            <form method="dialog">
                <button class="btn btn-primary">{s.t("help.close")}</button>
            </form>
        </dialog>
    }
    .into_any()
}
