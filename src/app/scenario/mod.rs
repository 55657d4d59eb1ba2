//! Free play: scenarios to start from, the requests that are worth a try, and what the cluster is made of.

mod chooser;
pub mod own;
mod prepared;
pub mod settings;
pub mod table;
pub mod world;

use giljabi::api::time::Duration;
use giljabi::lesson::Desk;
use giljabi::locale::Message;
use giljabi::shell::Computer;
use giljabi::workspace::{File, Workspace};
use leptos::prelude::*;

use super::breath::Breath;
use super::doctor;
use super::keep;
use super::page::when_asked;
use super::player::now;
use super::session::{Session, kept_files, session};
pub use prepared::recall;
use table::Scenario;
use world::World;

/// What free play has chosen.
#[derive(Clone, Copy)]
pub struct Play {
    pub scenario: RwSignal<&'static str>,
    pub world: RwSignal<World>,
    /// Whether the list of scenarios is open.
    pub choosing: RwSignal<bool>,
}

/// The names under which the browser keeps the choice.
const SCENARIO: &str = "scenario";
const WORLD: &str = "world";
/// Under which name the browser keeps the nodes that have no power.
pub const DARK: &str = "dark";

/// The scenario and the world of the last visit, or the first ones.
pub fn kept() -> (&'static Scenario, World) {
    let scenario = table::find(&keep::read(SCENARIO).unwrap_or_default());
    (scenario, keep::read(WORLD).map_or(scenario.world, |words| scenario.world.with_words(&words)))
}

/// What the session begins with.
pub struct Opened {
    pub scenario: &'static Scenario,
    pub world: World,
    pub workspace: Workspace,
    /// When that was begun, on the page's clock.
    pub began: f64,
}

/// Opens what the browser kept, or the first scenario, in small pieces.
pub async fn opened() -> Opened {
    let (began, mut breath) = (now(), Breath::new());
    let (scenario, world) = kept();
    let own = files(scenario);
    let kept = kept_files("");
    let sets = if kept.is_empty() { vec![own.clone()] } else { kept };
    let ahead = prepared::opened(scenario, world).filter(|_| sets.first() == Some(&own));
    let (mut workspace, done) = match ahead {
        Some(workspace) => (workspace, 1),
        None => (installed(world, &mut breath).await, 0),
    };
    for files in sets.into_iter().skip(done) {
        let mut work = workspace.begin(files);
        while !workspace.go_on(&mut work) {
            breath.take().await;
        }
    }
    world.finish(&mut workspace);
    pull_kept_plugs(&mut workspace);
    Opened { scenario, world, workspace, began }
}

/// The world with what is installed running, and no file yet.
async fn installed(world: World, breath: &mut Breath) -> Workspace {
    let mut workspace = world.installed();
    breath.take().await;
    settle(&mut workspace, breath).await;
    world.furnish(&mut workspace);
    settle(&mut workspace, breath).await;
    workspace
}

/// Takes the power from the nodes that had none at the last visit.
pub fn pull_kept_plugs(workspace: &mut Workspace) {
    for node in keep::read(DARK).unwrap_or_default().split_whitespace() {
        workspace.cluster_mut().set_power(node, false);
    }
}

/// Lets the cluster come to rest.
async fn settle(workspace: &mut Workspace, breath: &mut Breath) {
    let mut run = workspace.cluster().settling();
    while workspace.cluster_mut().settle_on(&mut run).is_none() {
        breath.take().await;
    }
}

/// Keeps a choice.
pub fn remember(scenario: &str, world: World) {
    keep::write(SCENARIO, scenario);
    keep::write(WORLD, &world.to_words());
}

/// The files of a scenario.
pub fn files(scenario: &Scenario) -> Vec<File> {
    scenario.files.iter().map(|(name, text)| File { name: (*name).into(), text: (*text).to_string() }).collect()
}

/// The title of the scenario of now, or of what is on the desk instead.
pub fn title(s: Session) -> impl Fn() -> String + Send + Sync {
    let play = expect_context::<Play>();
    let own = own::is_own(s, play);
    move || match (is_examined(s), own.get()) {
        (true, _) => s.tx("doctor.panel", &[]),
        (false, true) => s.tx("scenario.own", &[]),
        (false, false) => s.tx(table::find(play.scenario.get()).title, &[]),
    }
}

/// Whether the desk is a cluster that was examined.
fn is_examined(s: Session) -> bool {
    s.seat.track();
    s.desk_of() == doctor::DESK
}

impl Play {
    pub fn open(scenario: &'static str, world: World) -> Play {
        Play { scenario: RwSignal::new(scenario), world: RwSignal::new(world), choosing: RwSignal::new(false) }
    }

    /// Takes a choice and keeps it.
    pub fn take(self, scenario: &'static str, world: World) {
        self.scenario.set(scenario);
        self.world.set(world);
        remember(scenario, world);
    }

    /// Begins a scenario in a cluster of its own. What was there before stays in the history.
    pub fn start(self, s: Session, scenario: &'static Scenario) {
        self.take(scenario.id, scenario.world);
        let mut workspace = scenario.world.open();
        workspace.set_files(files(scenario));
        if let Some(workload) = scenario.anew {
            make_anew(&mut workspace, workload);
        }
        self.sit_down(s, workspace);
        s.moments.name(Message::new(scenario.title));
        if let Some((from, to)) = scenario.tries.first() {
            s.aim(from, to);
        }
        s.pane.set(super::session::Pane::Map);
    }

    /// Puts the files of now into another cluster.
    pub fn move_to(self, s: Session, world: World) {
        self.take(self.scenario.get_untracked(), world);
        let mut workspace = world.open();
        let file = |(name, text): (String, String)| File { name: name.into(), text };
        workspace.set_files(s.pairs().into_iter().map(file).collect());
        self.sit_down(s, workspace);
    }

    fn sit_down(self, s: Session, mut workspace: Workspace) {
        self.world.get_untracked().finish(&mut workspace);
        s.sit_down(Desk::new(workspace, Computer::default(), Vec::new()), Vec::new(), "");
    }
}

/// Deletes the pods of a workload, and lets just as much time go by as their successors need to run.
fn make_anew(workspace: &mut Workspace, workload: &str) {
    let cluster = workspace.cluster_mut();
    let own = |name: &str| name.strip_prefix(workload).is_some_and(|rest| rest.starts_with('-'));
    let pods: Vec<_> =
        cluster.store().list_in("Pod", "default").filter(|p| own(p.name())).map(|p| p.key.clone()).collect();
    for pod in pods {
        // A pod that is gone already needs no deleting.
        let _ = cluster.delete(&pod, Some(0));
    }
    cluster.run_for(Duration::secs(5));
    workspace.refresh();
}

/// A request that is ready to be sent.
fn try_button(s: Session, from: &'static str, to: &'static str) -> impl IntoView {
    let words = to.trim_start_matches("http://").trim_end_matches('/');
    let words = words.split("lb(").next().filter(|w| w.len() == words.len()).unwrap_or("EXTERNAL-IP");
    let words = words.replace("nodeport(web)", "nodePort");
    view! {
        <button
            type="button"
            class="btn try"
            title=format!("{from} → {to}")
            on:click=move |_| {
                s.aim(from, to);
                s.send();
            }
        >
            <span aria-hidden="true">"▶ "</span>
            <code>{words}</code>
        </button>
    }
}

/// The panel above the editor while no lesson is open.
#[component]
pub fn ScenarioPanel() -> impl IntoView {
    let s = session();
    let examined = Memo::new(move |_| is_examined(s));
    move || if examined.get() { doctor::ExaminedPanel().into_any() } else { playing().into_any() }
}

/// The scenario of now, and what it lets one try.
fn playing() -> impl IntoView {
    let s = session();
    let play = expect_context::<Play>();
    let now = move || table::find(play.scenario.get());
    let own = own::is_own(s, play);
    let tries = move || match own.get() {
        true => view! { <own::Tries/> }.into_any(),
        false => now().tries.iter().map(|(from, to)| try_button(s, from, to)).collect_view().into_any(),
    };
    view! {
        <section class="task" aria-labelledby="task-title">
            <h2 id="task-title">{move || s.tx(if own.get() { "scenario.own" } else { now().title }, &[])}</h2>
            <p>{move || s.tx(if own.get() { "scenario.own_text" } else { now().text }, &[])}</p>
            <div class="tries">
                {tries}
                <span class="push"></span>
                <button type="button" class="btn" on:click=move |_| play.start(s, now())>{s.t("task.start_over")}</button>
            </div>
            <div class="task-head">
                <settings::Holds/>
                <button type="button" class="btn" on:click=move |_| play.choosing.set(true)>{s.t("scenario.others")}</button>
            </div>
        </section>
        {when_asked(play.choosing, || chooser::Chooser().into_any())}
    }
    .into_any()
}
