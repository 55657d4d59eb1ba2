//! The session: the only owner of the workspace. Components read its signals and call its actions.

mod cluster;
mod desk;
mod files;
mod kept;
mod request;

use std::collections::BTreeSet;
use std::sync::Arc;

use giljabi::api::object::ObjectKey;
use giljabi::api::time::{Duration, Time};
use giljabi::apiserver::store::Store;
use giljabi::diagnostic::Diagnostic;
use giljabi::lesson::scene::Ran;
use giljabi::locale::{self, Lang, Message};
use giljabi::map::{GroupKey, Leg, Scene, Stage};
use giljabi::shell::Computer;
use giljabi::trace::{Client, Request};
use giljabi::workspace::{Texts, Workspace};
use leptos::prelude::*;

use super::drawn::{Asked, legs_of, scene_of, stages_of};
use super::focus::{Focus, Lit};
use super::keep;
use super::moments::History;
use super::player::{self, Player};
use super::scenario::{Opened, Play};
use super::sent::stops;
use crate::app::breath::after_paint;
use crate::app::erased::effect;

pub use super::sent::{LineRef, Sent, Typed};
pub use kept::{kept_files, kept_names, take_kept};

/// The cluster as the last good text made it, and what there is to say about the text of now.
#[derive(Clone)]
pub struct State {
    pub store: Store,
    pub diagnostics: Arc<[Diagnostic]>,
    /// False: the text of now is broken, and the cluster is the one before that edit.
    pub good: bool,
    /// The cluster's own clock.
    pub now: Time,
    /// Parsing, writing, settling: milliseconds of the last edit.
    pub took: f64,
}

/// The tabs below the map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    #[default]
    Journey,
    Packet,
    Rules,
    Reach,
    Spread,
    Objects,
    Events,
    History,
    Terminal,
}

/// The panes, of which a narrow screen shows one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    Task,
    Editor,
    #[default]
    Map,
    Journey,
}

/// Light, dark, or as the system has it; or more contrast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
    Contrast,
}

impl Theme {
    pub const ALL: [Theme; 4] = [Theme::System, Theme::Light, Theme::Dark, Theme::Contrast];

    pub fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Contrast => "contrast",
        }
    }
}

/// How many edits can be taken back.
const EDITS_KEPT: usize = 100;

#[derive(Clone, Copy)]
pub struct Session {
    workspace: StoredValue<Workspace, LocalStorage>,
    /// The learner's computer, which all terminals share.
    pub computer: StoredValue<Computer, LocalStorage>,
    /// Every line that a terminal ran to its end, in order: what checks over commands read.
    pub ran: RwSignal<Vec<Ran>>,
    /// Counts the desks that were sat down at: a new one has new terminals.
    pub seat: RwSignal<usize>,
    /// The request that a lesson's step is about; it may say more than the time bar can.
    pub prepared: StoredValue<Option<Request>>,
    /// Whose files are kept: "" in free play, else a lesson's id.
    desk: StoredValue<String>,
    /// Whether something is to be kept yet, and whether it is free of errors.
    unkept: StoredValue<Option<bool>>,
    /// The files before each edit, and those that undo took back.
    past: StoredValue<Vec<Texts>>,
    future: StoredValue<Vec<Texts>>,
    /// The scenario of free play and its cluster.
    pub play: Play,
    /// Moments of the cluster to go back to.
    pub moments: History,
    /// The cluster's own clock, also while nothing happens.
    pub clock: RwSignal<Time>,
    /// How much time the person has let go by in the cluster, for who writes down what was done.
    pub waited: RwSignal<Duration>,
    /// Counts the changes of texts that did not come from the editor.
    pub texts: RwSignal<usize>,
    /// Whether the browser keeps what is written.
    pub kept: RwSignal<bool>,
    pub lang: RwSignal<Lang>,
    pub theme: RwSignal<Theme>,
    /// The names of the files, in the order of their tabs.
    pub files: RwSignal<Vec<String>>,
    /// The file shown.
    pub file: RwSignal<String>,
    pub state: RwSignal<Arc<State>>,
    /// The same as soon as the map that shows it is painted: what lists, hints and the editor's marks are made of. Nothing that decides
    /// anything may read it: files, scenario and address of now do not belong to it.
    pub painted: RwSignal<Arc<State>>,
    /// Goes up when one of its nodes or pods changes.
    pub crowd: Memo<usize>,
    /// How many edits were applied.
    pub edits: RwSignal<usize>,
    pub client: RwSignal<Client>,
    pub url: RwSignal<String>,
    /// Whether the address typed cannot be read.
    pub bad_url: RwSignal<bool>,
    pub sent: RwSignal<Option<Arc<Sent>>>,
    pub history: RwSignal<Vec<Arc<Sent>>>,
    pub player: Player,
    pub focus: Focus,
    pub tab: RwSignal<Tab>,
    pub pane: RwSignal<Pane>,
    /// The Service whose lane is shown, if the person chose one.
    pub chosen: RwSignal<Option<ObjectKey>>,
    pub unfolded: RwSignal<BTreeSet<GroupKey>>,
    /// The size of the map's pane.
    pub room: RwSignal<(f64, f64)>,
    pub scene: Memo<Arc<Scene>>,
    /// The same as soon as it is painted: what lists of it and the small map are made of.
    pub drawn: Memo<Arc<Scene>>,
    /// What is lit because of what is looked at.
    pub lit: Memo<Arc<Lit>>,
    /// The ways of the shown trace over the map.
    pub legs: Memo<Arc<Vec<Leg>>>,
    /// The rows of the shown trace: a lookup is one, however many questions it takes.
    pub stages: Memo<Arc<Vec<Stage>>>,
    /// Whether the lookup shows its hops one by one.
    pub lookup_open: RwSignal<bool>,
    /// Whether the packet view shows bytes.
    pub bytes_open: RwSignal<bool>,
    pub help: RwSignal<bool>,
    pub palette: RwSignal<bool>,
    /// The map alone, large, for an audience.
    pub presenter: RwSignal<bool>,
    /// The request that is held beside the shown one.
    pub beside: RwSignal<Option<Arc<Sent>>>,
}

/// The session of this page.
pub fn session() -> Session {
    expect_context()
}

impl Session {
    /// Begins with what the browser kept, or the first scenario.
    pub fn open(opened: Opened) -> Session {
        let Opened { scenario, world, workspace, began } = opened;
        let files: Vec<String> = workspace.files().map(|f| f.name.to_string()).collect();
        let state = RwSignal::new(Arc::new(state_of(&workspace, player::now() - began)));
        let first = files.first().cloned().unwrap_or_default();
        let shown = keep::read("file").filter(|name| files.contains(name)).unwrap_or(first);
        let lang = keep::read("lang").map_or_else(browser_language, |tag| Lang::from_tag(&tag));
        let theme = keep::read("theme").and_then(|name| Theme::ALL.into_iter().find(|t| t.name() == name));
        let client = Client::Pod { namespace: "default".into(), name: "client".into(), container: "".into() };
        let client = RwSignal::new(client);
        let sent = RwSignal::new(None::<Arc<Sent>>);
        let chosen = RwSignal::new(None);
        let unfolded = RwSignal::new(BTreeSet::new());
        let room = RwSignal::new((992.0, 516.0));
        let url = RwSignal::new(keep::read("url").unwrap_or_else(|| "http://kimho".to_string()));
        let asked = Asked { url, client };
        let lang = RwSignal::new(lang);
        let painted = painted_of(state);
        let (crowd, scene, drawn) = scene_of((state, painted), sent, chosen, asked, room, unfolded, lang);
        let focus = Focus::new();
        let lit = Memo::new(move |_| Arc::new(Lit::of(focus.target(), sent.get().as_deref())));
        let legs = legs_of(scene, sent);
        let stages = stages_of(sent);
        let moments = History::new();
        let play = Play::open(scenario.id, world);
        let session = Session {
            play,
            moments,
            clock: RwSignal::new(workspace.cluster().now()),
            waited: RwSignal::new(Duration::ZERO),
            workspace: StoredValue::new_local(workspace),
            computer: StoredValue::new_local(Computer::default()),
            ran: RwSignal::new(Vec::new()),
            seat: RwSignal::new(0),
            prepared: StoredValue::new(None),
            desk: StoredValue::new(String::new()),
            unkept: StoredValue::new(None),
            past: StoredValue::new(Vec::new()),
            future: StoredValue::new(Vec::new()),
            texts: RwSignal::new(0),
            kept: RwSignal::new(true),
            lang,
            theme: RwSignal::new(theme.unwrap_or_default()),
            files: RwSignal::new(files),
            file: RwSignal::new(shown),
            state,
            painted,
            crowd,
            edits: RwSignal::new(0),
            client,
            url,
            bad_url: RwSignal::new(false),
            sent,
            history: RwSignal::new(Vec::new()),
            player: Player::new(),
            focus,
            tab: RwSignal::new(Tab::default()),
            pane: RwSignal::new(Pane::default()),
            chosen,
            unfolded,
            room,
            scene,
            drawn,
            lit,
            legs,
            stages,
            lookup_open: RwSignal::new(false),
            bytes_open: RwSignal::new(false),
            help: RwSignal::new(false),
            palette: RwSignal::new(false),
            presenter: RwSignal::new(false),
            beside: RwSignal::new(None),
        };
        session.keep_moment(Message::new(scenario.title));
        session.keep_settings();
        let leaving = window_event_listener(leptos::ev::pagehide, move |_| session.keep_edits());
        on_cleanup(move || leaving.remove());
        // One press goes on by one row: over a folded lookup as a whole.
        effect(move || {
            session.player.set_stops(stops(&session.stages.read(), session.lookup_open.get()));
        });
        session
    }

    /// The message `id` in the language of now.
    pub fn t(self, id: &'static str) -> impl Fn() -> String + Copy + Send + Sync + 'static {
        move || locale::text(self.lang.get(), id, &[])
    }

    /// The message `id` with its arguments, in the language of now.
    pub fn tx(self, id: &'static str, args: &[(&str, &str)]) -> String {
        locale::text(self.lang.try_get().unwrap_or_default(), id, args)
    }
}

fn state_of(workspace: &Workspace, took: f64) -> State {
    State {
        store: workspace.cluster().store().clone(),
        diagnostics: workspace.shared_diagnostics(),
        good: !workspace.is_stale(),
        now: workspace.cluster().now(),
        took,
    }
}

/// What follows a state, but lets the map that shows it be painted first: whoever types waits for the map.
fn painted_of(state: RwSignal<Arc<State>>) -> RwSignal<Arc<State>> {
    let painted = RwSignal::new(state.get_untracked());
    let coming = StoredValue::new(false);
    effect(move || {
        if Arc::ptr_eq(&state.read(), &painted.read_untracked()) || coming.get_value() {
            return;
        }
        coming.set_value(true);
        after_paint(move || {
            coming.set_value(false);
            painted.set(state.get_untracked());
        });
    });
    painted
}

fn browser_language() -> Lang {
    Lang::from_tag(&window().navigator().language().unwrap_or_else(|| "ko".to_string()))
}
