//! The doctor on the page: files are dropped, chosen or pasted; a report says who gets through and who does not; the cluster
//! can then be opened on the map. Nothing leaves the machine.

mod panel;
mod report;

use giljabi::doctor::{self, At, Editing, Examination, Stand};
use giljabi::lesson::Desk;
use giljabi::shell::Computer;
use giljabi::trace::Client;
use giljabi::workspace::{File, Workspace};
use js_sys::Array;
use leptos::html::{Dialog, Textarea};
use leptos::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use wasm_bindgen::prelude::*;

use super::breath::Breath;
use super::focus_on;
use super::lessons::lessons;
use super::lessons::route::{self, Route};
use super::player::now;
use super::session::{Session, session};
use crate::app::erased::{Show, effect};
pub use panel::ExaminedPanel;
use report::{ReportView, summary};

#[wasm_bindgen(module = "/src/app/doctor/take.js")]
extern "C" {
    fn listen(over: &Closure<dyn Fn(bool)>, take: &Closure<dyn Fn(Array, Array, u32)>);
    fn chosen(id: &str, take: &Closure<dyn Fn(Array, Array, u32)>);
}

/// So many milliseconds the page is held at a time.
const SLICE: f64 = 12.0;

/// How many bytes are taken from the text field: as many as from files (`take.js`).
const MOST_PASTED: usize = 64_000_000;

/// The file field's id.
const FIELD: &str = "doctor-files";

/// What the files of a cluster that was examined are kept under.
pub const DESK: &str = "cluster";

/// What was examined.
pub struct Examined {
    stand: Arc<Stand>,
    pub report: doctor::Report,
    /// Files that were of another kind, or too many.
    pub left_out: u32,
}

/// Something that takes a while.
#[derive(Clone, Copy, PartialEq)]
struct Busy {
    what: &'static str,
    /// How much is done, and of how much; `None`: nobody knows.
    far: Option<(usize, usize)>,
}

/// The doctor's state.
#[derive(Clone, Copy)]
pub struct Surgery {
    pub open: RwSignal<bool>,
    /// What is on its way.
    busy: RwSignal<Option<Busy>>,
    work: StoredValue<Option<Examination>, LocalStorage>,
    /// Which examination it is.
    number: StoredValue<u32>,
    /// Whether the last examination was stopped.
    stopped: RwSignal<bool>,
    /// How many files were handed in of which none could be taken.
    refused: RwSignal<u32>,
    /// Whether files hang over the page.
    over: RwSignal<bool>,
    examined: RwSignal<Option<Arc<Examined>>, LocalStorage>,
}

impl Surgery {
    pub fn new() -> Surgery {
        Surgery {
            open: RwSignal::new(false),
            busy: RwSignal::new(None),
            work: StoredValue::new_local(None),
            number: StoredValue::new(0),
            stopped: RwSignal::new(false),
            refused: RwSignal::new(0),
            over: RwSignal::new(false),
            examined: RwSignal::new_local(None),
        }
    }

    /// Takes files in, lets the page say that it works, and examines them.
    fn take(self, files: Vec<File>, left_out: u32) {
        self.open.set(true);
        self.refused.set(if files.is_empty() { left_out } else { 0 });
        if files.is_empty() {
            return;
        }
        self.busy.set(Some(Busy { what: "doctor.reading", far: Some((0, 1)) }));
        self.examined.set(None);
        self.stopped.set(false);
        self.number.update_value(|n| *n += 1);
        self.work.set_value(Some(Examination::new(files)));
        // Long enough for the page to be drawn.
        self.go_on(left_out, self.number.get_value(), Duration::from_millis(40));
    }

    /// Does some of the work, then lets the page breathe. Files that were dropped since begin another one.
    fn go_on(self, left_out: u32, mine: u32, pause: Duration) {
        let slice = move || {
            if self.number.get_value() != mine {
                return;
            }
            let Some(mut work) = self.work.try_update_value(Option::take).flatten() else { return };
            let until = now() + SLICE;
            loop {
                work.step();
                if let Some((stand, report)) = work.take() {
                    self.examined.set(Some(Arc::new(Examined { stand, report, left_out })));
                    return self.busy.set(None);
                }
                if now() >= until {
                    break;
                }
            }
            let what = match work.at() {
                At::Reading => "doctor.reading",
                At::Standing => "doctor.standing",
                At::Asking(..) => "doctor.asking",
            };
            self.busy.set(Some(Busy { what, far: Some(work.progress()) }));
            self.work.set_value(Some(work));
            self.go_on(left_out, mine, Duration::ZERO);
        };
        set_timeout(slice, pause);
    }

    /// Leaves what is on its way.
    fn stop(self) {
        self.number.update_value(|n| *n += 1);
        self.work.set_value(None);
        self.busy.set(None);
        self.stopped.set(true);
        // The button that was pressed is gone.
        focus_on("doctor-title");
    }

    /// Sits down at the cluster that was examined, in pieces: ten thousand objects are written and read again.
    async fn sit_down(self, s: Session) {
        let Some(examined) = self.examined.get_untracked() else { return };
        self.busy.set(Some(Busy { what: "doctor.opening", far: None }));
        self.stopped.set(false);
        self.number.update_value(|n| *n += 1);
        let mine = self.number.get_value();
        let (mut editing, mut breath) = (Editing::new(examined.stand.clone()), Breath::new());
        let workspace = loop {
            if let Some(workspace) = editing.step() {
                break workspace;
            }
            breath.take().await;
            // The page may be gone, or the person thought better of it.
            if self.number.try_get_value() != Some(mine) {
                return;
            }
        };
        let (client, url) = first_request(&workspace, &examined.report);
        s.sit_down(Desk::new(workspace, Computer::default(), Vec::new()), Vec::new(), DESK);
        s.client.set(client);
        s.url.set(url);
        self.busy.set(None);
        self.open.set(false);
    }
}

/// A request worth a try: to the first Service of the report, which begins with those that are shut, from a pod beside it.
fn first_request(workspace: &Workspace, report: &doctor::Report) -> (Client, String) {
    let store = workspace.cluster().store();
    let Some(door) = report.doors.iter().find(|d| d.object.kind == "Service" && !d.address.is_empty()) else {
        return (Client::Learner, String::new());
    };
    let namespace = &door.object.namespace;
    let pods = || store.list_in("Pod", namespace).filter(|p| p.view().pod().is_some_and(|view| view.is_ready()));
    let client = pods().next().map_or(Client::Learner, |pod| Client::Pod {
        namespace: namespace.clone(),
        name: pod.name().clone(),
        container: "".into(),
    });
    (client, door.address.to_string())
}

/// The button in the header.
#[component]
pub fn DoctorButton() -> impl IntoView {
    let s = session();
    let surgery = expect_context::<Surgery>();
    view! {
        <button type="button" class="btn" on:click=move |_| surgery.open.set(true)>{s.t("top.doctor")}</button>
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
    effect(move || {
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
        if text.len() > MOST_PASTED {
            surgery.take(Vec::new(), 1);
        } else if !text.trim().is_empty() {
            surgery.take(vec![File { name: "pasted.yaml".into(), text }], 0);
        }
    };
    let on_map = move || {
        // Leaving a lesson sits down at one's own desk first.
        if lessons.route.get_untracked() != Route::Free {
            route::go(&Route::Free);
        }
        leptos::task::spawn_local(surgery.sit_down(s));
    };
    // Read out once for each thing that begins, not for every step of it.
    let what = Memo::new(move |_| surgery.busy.read().as_ref().map(|busy| busy.what));
    let far = move || surgery.busy.get().and_then(|busy| busy.far);
    view! {
        <div class="doctor-over" class:gone=move || !surgery.over.get() aria-hidden="true">{s.t("doctor.drop")}</div>
        <dialog class="dialog doctor" node_ref=dialog aria-labelledby="doctor-title" on:close=move |_| surgery.open.set(false)>
            <h2 id="doctor-title" tabindex="-1">{s.t("doctor.title")}</h2>
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
            <div role="status" class="doctor-status" class:sr-only=move || what.get().is_none() && !surgery.stopped.get() && surgery.refused.get() == 0>
                {move || match what.get() {
                    Some(id) => Some(s.tx(id, &[])),
                    None if surgery.stopped.get() => Some(s.tx("doctor.stopped", &[])),
                    None if surgery.refused.get() > 0 => {
                        Some(s.tx("doctor.left_out", &[("count", &surgery.refused.get().to_string())]))
                    }
                    // Who cannot see the report below hears that it is there.
                    None => surgery.examined.read().as_ref().map(|examined| summary(s, &examined.report)),
                }}
            </div>
            <Show when=move || what.get().is_some()>
                <div class="doctor-progress">
                    <progress
                        max=move || far().map(|far| far.1.to_string())
                        value=move || far().map(|far| far.0.to_string())
                        aria-label=s.t("doctor.progress")
                    ></progress>
                    <button type="button" class="btn" on:click=move |_| surgery.stop()>{s.t("doctor.stop")}</button>
                </div>
            </Show>
            {move || surgery.examined.get().map(|examined| view! { <ReportView examined on_map/> })}
            <form method="dialog">
                {move || {
                    (s.seat.get() > 0 && s.desk_of() == DESK)
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
