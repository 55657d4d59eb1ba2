//! The doctor on the page: files are dropped, chosen or pasted; a report says who gets through and who does not; the cluster
//! can then be opened on the map. Nothing leaves the machine.

mod report;

use giljabi::doctor::{self, Stand};
use giljabi::lesson::Desk;
use giljabi::shell::Computer;
use giljabi::workspace::File;
use js_sys::Array;
use leptos::html::{Dialog, Textarea};
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use wasm_bindgen::prelude::*;

use super::lessons::lessons;
use super::lessons::route::{self, Route};
use super::session::{Session, session};
use report::ReportView;

#[wasm_bindgen(module = "/src/app/doctor/take.js")]
extern "C" {
    fn listen(over: &Closure<dyn Fn(bool)>, take: &Closure<dyn Fn(Array, Array, u32)>);
    fn chosen(id: &str, take: &Closure<dyn Fn(Array, Array, u32)>);
}

/// The file field's id.
const FIELD: &str = "doctor-files";

/// What was examined.
pub struct Examined {
    stand: Stand,
    pub report: doctor::Report,
    /// Files that were of another kind, or too many.
    pub left_out: u32,
}

/// The doctor's state.
#[derive(Clone, Copy)]
pub struct Surgery {
    pub open: RwSignal<bool>,
    busy: RwSignal<bool>,
    /// Whether files hang over the page.
    over: RwSignal<bool>,
    examined: RwSignal<Option<Arc<Examined>>, LocalStorage>,
}

impl Surgery {
    pub fn new() -> Surgery {
        Surgery {
            open: RwSignal::new(false),
            busy: RwSignal::new(false),
            over: RwSignal::new(false),
            examined: RwSignal::new_local(None),
        }
    }

    /// Takes files in, lets the page say that it works, and examines them.
    fn take(self, files: Vec<File>, left_out: u32) {
        self.open.set(true);
        self.busy.set(true);
        self.examined.set(None);
        set_timeout(
            move || {
                let (stand, report) = doctor::diagnose(files);
                self.examined.set(Some(Arc::new(Examined { stand, report, left_out })));
                self.busy.set(false);
            },
            // Long enough for the page to be drawn.
            Duration::from_millis(40),
        );
    }

    /// Sits down at the cluster that was examined.
    fn sit_down(self, s: Session) {
        let Some(examined) = self.examined.get_untracked() else { return };
        let workspace = doctor::to_edit(&examined.stand);
        s.sit_down(Desk::new(workspace, Computer::default(), Vec::new()), Vec::new(), "cluster");
        self.open.set(false);
    }
}

/// The button in the header.
#[component]
pub fn DoctorButton() -> impl IntoView {
    let s = session();
    let surgery = expect_context::<Surgery>();
    view! {
        <button type="button" class="btn" on:click=move |_| surgery.open.set(true)>{s.t("doctor.button")}</button>
    }
}

/// The dialog, and the page's ear for dropped files.
#[component]
pub fn Doctor() -> impl IntoView {
    let s = session();
    let surgery = expect_context::<Surgery>();
    let lessons = lessons();
    let dialog = NodeRef::<Dialog>::new();
    let pasted = NodeRef::<Textarea>::new();
    let over = Closure::<dyn Fn(bool)>::new(move |is_over| surgery.over.set(is_over));
    let take = Closure::<dyn Fn(Array, Array, u32)>::new(move |names: Array, texts: Array, left_out| {
        let files = names
            .iter()
            .zip(texts.iter())
            .filter_map(|(name, text)| Some(File { name: name.as_string()?.into(), text: text.as_string()? }));
        surgery.take(files.collect(), left_out);
    });
    listen(&over, &take);
    // The page listens as long as it is there.
    over.forget();
    let take = StoredValue::new_local(take);
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        if !surgery.open.get() {
            dialog.close();
        } else if !dialog.open() {
            // A dialog that is open already stays open.
            let _ = dialog.show_modal();
        }
    });
    let paste = move |_| {
        let text = pasted.get().map(|t| t.value()).unwrap_or_default();
        if !text.trim().is_empty() {
            surgery.take(vec![File { name: "pasted.yaml".into(), text }], 0);
        }
    };
    let on_map = move || {
        // Leaving a lesson sits down at one's own desk first.
        if lessons.route.get_untracked() != Route::Free {
            route::go(&Route::Free);
        }
        set_timeout(move || surgery.sit_down(s), Duration::from_millis(60));
    };
    view! {
        <div class="doctor-over" class:gone=move || !surgery.over.get() aria-hidden="true">{s.t("doctor.drop")}</div>
        <dialog class="dialog doctor" node_ref=dialog aria-labelledby="doctor-title" on:close=move |_| surgery.open.set(false)>
            <h2 id="doctor-title">{s.t("doctor.title")}</h2>
            <p>{s.t("doctor.text")}</p>
            <pre class="doctor-commands" tabindex="0">
                "kubectl get pods,services,endpointslices,ingresses,deployments,nodes -A -o yaml\n"
                "helm template ./chart\n"
                "kubectl kustomize ./overlay"
            </pre>
            <div class="doctor-in">
                <label class="btn btn-primary" for=FIELD>{s.t("doctor.choose")}</label>
                <input
                    id=FIELD
                    type="file"
                    multiple
                    class="doctor-field"
                    accept=".yaml,.yml,.json,.txt"
                    on:change=move |_| take.with_value(|take| chosen(FIELD, take))
                />
                <details class="doctor-paste">
                    <summary>{s.t("doctor.paste")}</summary>
                    <textarea node_ref=pasted class="field mono" rows="6" spellcheck="false" aria-label=s.t("doctor.paste")></textarea>
                    <button type="button" class="btn" on:click=paste>{s.t("doctor.examine")}</button>
                </details>
            </div>
            <div role="status" class="doctor-status">
                {move || surgery.busy.get().then(|| s.tx("doctor.busy", &[]))}
            </div>
            {move || surgery.examined.get().map(|examined| view! { <ReportView examined on_map/> })}
            <form method="dialog">
                {move || {
                    (s.seat.get() > 0 && s.desk_of() == "cluster")
                        .then(|| {
                            view! {
                                <button
                                    type="button"
                                    class="btn"
                                    on:click=move |_| {
                                        s.play_freely();
                                        surgery.open.set(false);
                                    }
                                >
                                    {s.t("doctor.back")}
                                </button>
                                " "
                            }
                        })
                }}
                <button class="btn">{s.t("help.close")}</button>
            </form>
        </dialog>
    }
}
