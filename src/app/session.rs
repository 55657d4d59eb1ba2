//! The session: the only owner of the workspace. Components read its signals and call its actions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use giljabi::api::object::{FieldRef, ObjectKey};
use giljabi::api::time::{Duration, Time};
use giljabi::apiserver::store::Store;
use giljabi::cluster::Cluster;
use giljabi::diagnostic::Diagnostic;
use giljabi::lesson::Desk;
use giljabi::lesson::model::RequestSpec;
use giljabi::lesson::scene::Ran;
use giljabi::locale::{self, Lang, Message};
use giljabi::map::{GroupKey, Leg, Scene, Stage};
use giljabi::network::kube_proxy::{Family, Listing};
use giljabi::shell::Computer;
use giljabi::trace::{Client, Outcome, Request, Trace, Url};
use giljabi::workspace::link::Link;
use giljabi::workspace::{File, Texts, Workspace};
use leptos::prelude::*;

use super::drawn::{Asked, legs_of, scene_of, stages_of};
use super::focus::{Focus, Lit, Target};
use super::keep;
use super::moments::{self, History, Stage as Shown};
use super::player::{self, Player};
use super::scenario::{self, Opened, Play};
use super::sent::{beats, line_in, stops};

pub use super::sent::{LineRef, Sent, Typed};

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
        let scene = scene_of(state, sent, chosen, asked, room, unfolded, lang);
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
        Effect::new(move || {
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

    /// The text of a file.
    pub fn text_of(self, file: &str) -> String {
        self.workspace.with_value(|w| w.file(file).map(|f| f.text.clone()).unwrap_or_default())
    }

    /// Applies a file's new text and keeps it.
    pub fn edit(self, file: &str, text: &str) {
        if self.text_of(file) == text {
            return;
        }
        self.change(|w| {
            w.set_file(file, text);
        });
    }

    /// Applies the new texts of several files as one edit.
    pub fn edit_all(self, texts: Vec<(String, String)>) {
        let mut files = self.pairs();
        for (file, text) in files.iter_mut() {
            if let Some((_, new)) = texts.iter().find(|(name, _)| name == file) {
                text.clone_from(new);
            }
        }
        self.change(|w| {
            w.set_files(files_of(files));
        });
    }

    /// Adds an empty file and shows it.
    pub fn add_file(self) {
        let taken = self.files.get_untracked();
        let free = (1..).map(|n| format!("file-{n}.yaml")).find(|name| !taken.contains(name)).unwrap_or_default();
        self.change(|w| {
            w.set_file(&free, "");
        });
        self.file.set(free);
    }

    /// Removes a file; what it described leaves the cluster. Undo brings it back.
    pub fn remove_file(self, file: &str) {
        self.change(|w| {
            w.remove_file(file);
        });
        if self.file.get_untracked() == file {
            self.file.set(self.files.get_untracked().first().cloned().unwrap_or_default());
        }
    }

    /// Gives a file another name.
    pub fn rename_file(self, from: &str, to: &str) {
        let to = to.trim();
        if to.is_empty() || to == from || self.files.read_untracked().iter().any(|f| f == to) {
            return;
        }
        let files: Vec<(String, String)> = self
            .pairs()
            .into_iter()
            .map(|(name, text)| (if name == from { to.to_string() } else { name }, text))
            .collect();
        self.change(|w| {
            w.set_files(files_of(files));
        });
        self.file.set(to.to_string());
    }

    /// Takes back the last applied edit, or does it again.
    pub fn undo(self, again: bool) {
        let (from, to) = if again { (self.future, self.past) } else { (self.past, self.future) };
        let mut found = None;
        from.update_value(|stack| found = stack.pop());
        let Some(files) = found else { return };
        let now = self.texts_of_now();
        to.update_value(|stack| stack.push(now));
        self.workspace.update_value(|w| {
            w.put_back(files);
        });
        self.applied(player::now());
        if !self.files.read_untracked().contains(&self.file.read_untracked()) {
            self.file.set(self.files.get_untracked().first().cloned().unwrap_or_default());
        }
        self.texts.update(|n| *n += 1);
    }

    fn texts_of_now(self) -> Texts {
        self.workspace.with_value(Workspace::texts)
    }

    fn change(self, act: impl FnOnce(&mut Workspace)) {
        let before = self.texts_of_now();
        self.past.update_value(|past| {
            past.push(before);
            if past.len() > EDITS_KEPT {
                past.remove(0);
            }
        });
        self.future.update_value(Vec::clear);
        let began = player::now();
        self.workspace.update_value(act);
        self.applied(began);
    }

    /// Shows and keeps what the workspace is now: another moment, unless the edit changed nothing in the cluster.
    fn applied(self, began: f64) {
        let told = self.workspace.with_value(moments::of_edit);
        if told.id != "moment.nothing" {
            self.keep_moment(told);
        }
        self.shown(began);
    }

    /// Keeps the cluster of now as a moment to come back to.
    pub fn keep_moment(self, what: Message) {
        self.workspace.with_value(|w| self.moments.keep(w, self.stage(), what));
    }

    /// What the screen shows of the cluster besides what is in it.
    pub fn stage(self) -> Shown {
        Shown {
            scenario: self.play.scenario.get_untracked(),
            world: self.play.world.get_untracked(),
            client: self.client.get_untracked(),
            url: self.url.get_untracked(),
        }
    }

    /// Goes back to an earlier workspace and to what the screen showed of it. Its files come back too; undo knows the ones of
    /// now. A request of another cluster is put away.
    pub fn restore(self, workspace: Workspace, stage: Shown) {
        let began = player::now();
        let now = self.stage();
        if (now.scenario, now.world) != (stage.scenario, stage.world) {
            self.play.take(stage.scenario, stage.world);
            self.put_away();
        }
        self.client.set(stage.client);
        self.url.set(stage.url);
        let before = self.texts_of_now();
        self.past.update_value(|past| past.push(before));
        self.workspace.set_value(workspace);
        self.shown(began);
        if !self.files.read_untracked().contains(&self.file.read_untracked()) {
            self.file.set(self.files.get_untracked().first().cloned().unwrap_or_default());
        }
        self.texts.update(|n| *n += 1);
    }

    fn shown(self, began: f64) {
        let state = self.workspace.with_value(|w| state_of(w, player::now() - began));
        let good = state.good;
        self.clock.set(state.now);
        self.state.set(Arc::new(state));
        let names: Vec<String> = self.workspace.with_value(|w| w.files().map(|f| f.name.to_string()).collect());
        if self.files.get_untracked() != names {
            self.files.set(names);
        }
        self.edits.update(|n| *n += 1);
        self.unkept.set_value(Some(good));
        // The store of the browser is slow: first the person sees what came of the edit, which takes a frame or two.
        set_timeout(move || self.keep_edits(), std::time::Duration::from_millis(40));
    }

    /// Keeps what is not kept yet.
    fn keep_edits(self) {
        let Some(good) = self.unkept.try_get_value().flatten() else { return };
        self.unkept.set_value(None);
        let json = keep::pairs_to_json(&self.pairs());
        let [files, last_good] = self.desk.with_value(|desk| kept_names(desk));
        self.kept.set(keep::write(&files, &json));
        if good {
            keep::write(&last_good, &json);
        }
        self.keep_power();
    }

    /// The desk as it is now: files, cluster, computer and what was run. A copy, cheap to make, to grade or to try things on.
    pub fn desk(self) -> Desk {
        let computer = self.computer.with_value(Computer::clone);
        Desk::new(self.workspace.with_value(Workspace::clone), computer, self.ran.get_untracked())
    }

    /// Whose desk this is: "" in free play, else a lesson's id.
    pub fn desk_of(self) -> String {
        self.desk.get_value()
    }

    /// Sits down at another desk, whose files are kept under `whose` from now on. What was sent at the last one is put away.
    pub fn sit_down(self, desk: Desk, ran: Vec<Ran>, whose: &str) {
        let (workspace, computer) = desk.into_parts();
        let began = player::now();
        self.keep_edits();
        if whose != self.desk.get_value() {
            self.moments.clear();
        }
        self.workspace.set_value(workspace);
        self.computer.set_value(computer);
        self.desk.set_value(whose.to_string());
        self.prepared.set_value(None);
        self.past.update_value(Vec::clear);
        self.future.update_value(Vec::clear);
        self.put_away();
        self.history.set(Vec::new());
        self.ran.set(ran);
        self.keep_moment(Message::new("moment.began"));
        self.shown(began);
        self.file.set(self.first_file());
        self.texts.update(|n| *n += 1);
        self.seat.update(|n| *n += 1);
    }

    /// Puts the shown request away.
    fn put_away(self) {
        self.focus.release();
        self.player.load(Vec::new(), Vec::new());
        self.sent.set(None);
        self.beside.set(None);
        self.moments.beside.set(None);
        self.chosen.set(None);
    }

    /// The file to show first: one with a Service or an Ingress, if there is one; these are what it is about.
    fn first_file(self) -> String {
        let pairs = self.pairs();
        let about = |text: &str| ["kind: Service", "kind: Ingress"].iter().any(|kind| text.contains(kind));
        let found = pairs.iter().find(|(_, text)| about(text)).or(pairs.first());
        found.map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Back to free play, with the files that were there.
    pub fn play_freely(self) {
        let (scenario, world) = scenario::kept();
        let mut workspace = world.open();
        if !take_kept(&mut workspace, "") {
            workspace.set_files(scenario::files(scenario));
        }
        world.finish(&mut workspace);
        scenario::pull_kept_plugs(&mut workspace);
        self.sit_down(Desk::new(workspace, Computer::default(), Vec::new()), Vec::new(), "");
    }

    /// Notes that a terminal ran a line to its end.
    pub fn note_ran(self, line: &str, code: i32) {
        self.ran.update(|ran| ran.push(Ran { line: line.to_string(), code }));
        // What only looked is no moment of the cluster.
        let changed = self.workspace.with_value(|w| self.moments.revision() != Some(w.cluster().store().revision()));
        if changed {
            self.keep_moment(Message::new("moment.command").with("line", line));
        }
    }

    /// What a link carries.
    pub fn to_share(self) -> String {
        let link = Link {
            files: files_of(self.pairs()),
            url: self.url.get_untracked().into(),
            client: self.client.get_untracked().to_string().into(),
            shown: self.file.get_untracked().into(),
        };
        link.write()
    }

    /// Takes in what a link carried. Undo brings back what was there before.
    pub fn take_shared(self, link: Link) {
        let Link { files, url, client, shown } = link;
        self.change(|w| {
            w.set_files(files);
        });
        if !url.is_empty() {
            self.url.set(url.to_string());
        }
        let clients = super::timebar::clients(&self.state.read_untracked().store);
        if let Some(client) = clients.into_iter().find(|c| client == c.to_string().as_str()) {
            self.client.set(client);
        }
        let names = self.files.get_untracked();
        let shown = Some(shown.to_string()).filter(|f| names.contains(f)).or(names.first().cloned());
        self.file.set(shown.unwrap_or_default());
        self.texts.update(|n| *n += 1);
    }

    /// Lets something happen in the cluster that is no edit: time goes by, a node loses its power.
    pub fn let_pass<R>(self, act: impl FnOnce(&mut Cluster) -> R) -> R {
        let began = player::now();
        let mut act = Some(act);
        let mut result = None;
        let shown = self.state.read_untracked().store.revision();
        let mut changed = false;
        let mut passed = Duration::ZERO;
        self.workspace.update_value(|w| {
            let before = w.cluster().now();
            result = act.take().map(|act| act(w.cluster_mut()));
            passed = w.cluster().now().since(before);
            changed = w.cluster().store().revision() != shown;
            if changed {
                w.refresh();
            }
        });
        self.clock.set(self.workspace.with_value(|w| w.cluster().now()));
        self.waited.update(|waited| waited.0 += passed.0);
        // A clock that only ticks changes nothing that is drawn.
        if changed {
            self.state.set(Arc::new(self.workspace.with_value(|w| state_of(w, player::now() - began))));
        }
        result.unwrap_or_else(|| unreachable!("the act runs once"))
    }

    /// Whether a node has power.
    pub fn is_powered(self, node: &str) -> bool {
        self.workspace.with_value(|w| w.cluster().runtime().is_up(node))
    }

    /// Keeps which nodes of free play have no power; a lesson's are in its record.
    fn keep_power(self) {
        if !self.desk.with_value(String::is_empty) {
            return;
        }
        let state = self.state.get_untracked();
        let dark = state.store.list("Node").map(|n| n.name().to_string()).filter(|name| !self.is_powered(name));
        match dark.collect::<Vec<_>>().join(" ") {
            none if none.is_empty() => keep::remove(scenario::DARK),
            dark => drop(keep::write(scenario::DARK, &dark)),
        }
    }

    /// Pulls a node's plug, or puts it back.
    pub fn set_power(self, node: &str, up: bool) {
        self.let_pass(|cluster| cluster.set_power(node, up));
        self.keep_power();
        let id = if up { "moment.power_on" } else { "moment.power_off" };
        self.keep_moment(Message::new(id).with("node", node));
    }

    /// Puts a client and an address into the time bar: `pod/client`, `computer`; `lb(web)` stands for an address.
    pub fn aim(self, from: &str, to: &str) {
        let spec = RequestSpec { from: from.into(), to: to.into(), ..RequestSpec::default() };
        match giljabi::lesson::scene::request(&self.state.read_untracked().store, &spec) {
            Ok(request) => {
                self.client.set(request.from);
                self.url.set(request.to.to_string());
            }
            // What is not there yet is shown as it was asked for; sending says the rest.
            Err(_) => self.url.set(to.to_string()),
        }
    }

    /// A session that shows another state, with another request, beside this one: same language, same focus, its own map.
    pub fn twin(self, store: Store, sent: Option<Arc<Sent>>) -> Session {
        let now = self.clock.get_untracked();
        let state = RwSignal::new(Arc::new(State { store, diagnostics: Arc::default(), good: true, now, took: 0.0 }));
        let player = Player::new();
        if let Some(sent) = &sent {
            player.load(beats(&sent.trace), stops(&giljabi::map::stages(&sent.trace), false));
            player.finish();
        }
        // Its own request says which Service the picture is about, whatever is being typed or has been chosen here.
        let asked = match &sent {
            Some(sent) => Asked {
                url: RwSignal::new(sent.trace.request.to.to_string()),
                client: RwSignal::new(sent.trace.request.from.clone()),
            },
            None => Asked { url: self.url, client: self.client },
        };
        let chosen = if sent.is_some() { RwSignal::new(None) } else { self.chosen };
        let sent = RwSignal::new(sent);
        let (room, unfolded) = (RwSignal::new(self.room.get_untracked()), self.unfolded);
        let scene = scene_of(state, sent, chosen, asked, room, unfolded, self.lang);
        let focus = self.focus;
        // Hops have other numbers here; lines, places and objects are the same.
        let lit = Memo::new(move |_| {
            let target = focus.target().filter(|t| !matches!(t, Target::Hop(_) | Target::Rule(..)));
            Arc::new(Lit::of(target, sent.get().as_deref()))
        });
        let (legs, stages) = (legs_of(scene, sent), stages_of(sent));
        Session { state, player, sent, room, scene, lit, legs, stages, ..self }
    }

    /// What is kept of the files as they are.
    pub fn kept_text(self) -> String {
        keep::pairs_to_json(&self.pairs())
    }

    /// Keeps the files as they are.
    pub fn keep_now(self) {
        let [files, _] = self.desk.with_value(|desk| kept_names(desk));
        self.kept.set(keep::write(&files, &self.kept_text()));
    }

    /// The files, name and text.
    pub fn pairs(self) -> Vec<(String, String)> {
        self.workspace.with_value(|w| w.files().map(|f| (f.name.to_string(), f.text.clone())).collect())
    }

    /// Shows a file, and a line of it.
    pub fn show_file(self, file: &str) {
        if self.file.get_untracked() != file {
            self.file.set(file.to_string());
        }
    }

    /// Sends the request of the time bar and plays its journey.
    pub fn send(self) {
        if self.ask() {
            self.player.play();
        }
    }

    /// Sends the request and shows its first hop.
    pub fn send_paused(self) {
        if self.ask() {
            self.player.step();
        }
    }

    fn ask(self) -> bool {
        let Some(to) = Url::parse(&self.url.get_untracked()) else {
            self.bad_url.set(true);
            return false;
        };
        self.bad_url.set(false);
        let request = Request::get(self.client.get_untracked(), to);
        let prepared = self.prepared.get_value().filter(|p| p.from == request.from && p.to == request.to);
        self.carry_out(&prepared.unwrap_or(request));
        true
    }

    fn carry_out(self, request: &Request) {
        let mut trace = None;
        self.workspace.update_value(|w| trace = Some(w.send(request)));
        let Some(trace) = trace else { return };
        self.computer.update_value(|computer| computer.wire.note(trace.clone()));
        self.take_trace(trace, None);
        self.pane.set(Pane::Map);
    }

    /// Takes a request that was sent, from here or by a line of a terminal, and makes it the one that is shown.
    pub fn take_trace(self, trace: Trace, typed: Option<Typed>) -> Arc<Sent> {
        let (edit, number) = (self.edits.get_untracked(), self.history.read_untracked().len() + 1);
        let (beats, stops) = (beats(&trace), stops(&giljabi::map::stages(&trace), false));
        let sent = Arc::new(self.workspace.with_value(|w| Sent::of(w, trace, typed, edit, number)));
        self.focus.release();
        self.history.update(|h| h.push(sent.clone()));
        self.show(sent.clone());
        self.player.load(beats, stops);
        sent
    }

    /// Lets a terminal act on the cluster and on the learner's computer. [`Session::show_changes`] shows what came of it.
    pub fn at_computer<R>(self, act: impl FnOnce(&mut Cluster, &mut Computer) -> R) -> Option<R> {
        let mut result = None;
        self.workspace.update_value(|w| {
            self.computer.update_value(|computer| result = Some(act(w.cluster_mut(), computer)));
        });
        result
    }

    /// Shows what was done to the cluster past the editor.
    pub fn show_changes(self) {
        let began = player::now();
        self.workspace.update_value(|w| w.refresh());
        let state = self.workspace.with_value(|w| state_of(w, player::now() - began));
        self.clock.set(state.now);
        self.state.set(Arc::new(state));
    }

    /// Shows an earlier request again, at its end.
    pub fn show_again(self, sent: Arc<Sent>) {
        let (beats, stops) = (beats(&sent.trace), stops(&giljabi::map::stages(&sent.trace), false));
        self.show(sent);
        self.player.load(beats, stops);
        self.player.finish();
    }

    fn show(self, sent: Arc<Sent>) {
        self.chosen.set(None);
        self.lookup_open.set(false);
        self.sent.set(Some(sent));
    }

    /// The number of a hop as it is shown everywhere.
    pub fn number(self, hop: usize) -> String {
        giljabi::map::number(&self.stages.read(), hop)
    }

    /// The line that a field stands on, if somebody wrote it.
    pub fn line_of(self, field: &FieldRef) -> Option<LineRef> {
        self.workspace.with_value(|w| line_in(w, field))
    }

    /// Whether the shown trace was sent before the last edit.
    pub fn is_stale(self) -> bool {
        self.sent.read().as_ref().is_some_and(|s| s.edit != self.edits.get())
    }

    /// The rules of a node as the tools of its kube-proxy's mode list them.
    pub fn listings(self, node: &str) -> Option<Vec<Listing>> {
        self.workspace.with_value(|w| Some(w.cluster().network().proxy.node(node)?.tables(Family::V4)?.listings()))
    }

    /// The fields that lines of a node's listings stand for, of those in `wanted`.
    pub fn origins(self, node: &str, wanted: &BTreeSet<String>) -> BTreeMap<String, FieldRef> {
        self.workspace.with_value(|w| {
            let tables = w.cluster().network().proxy.node(node).and_then(|node| node.tables(Family::V4));
            tables.map(|tables| tables.origins(wanted)).unwrap_or_default()
        })
    }

    /// A copy of the cluster, to try things in.
    pub fn fork(self) -> Cluster {
        self.workspace.with_value(|w| w.cluster().clone())
    }

    /// How a request would end, tried in a copy of the cluster.
    pub fn probe(self, request: &Request) -> Outcome {
        self.fork().send_quietly(request).0
    }

    /// Goes to where a line is written.
    pub fn open_line(self, line: &LineRef) {
        self.show_file(&line.file);
        self.focus.held.set(Some(Target::Line(line.file.clone(), line.line)));
        self.pane.set(Pane::Editor);
    }

    fn keep_settings(self) {
        Effect::new(move || {
            let lang = self.lang.get();
            keep::write("lang", lang.tag());
            if let Some(root) = document().document_element() {
                // The document is there, so its attributes can be set.
                let _ = root.set_attribute("lang", lang.tag());
            }
        });
        Effect::new(move || {
            let theme = self.theme.get();
            keep::write("theme", theme.name());
            if let Some(root) = document().document_element() {
                let _ = match theme {
                    Theme::System => root.remove_attribute("data-theme"),
                    other => root.set_attribute("data-theme", other.name()),
                };
            }
        });
        Effect::new(move || {
            let (url, file) = (self.url.get(), self.file.get());
            if self.desk.with_value(String::is_empty) {
                keep::write("url", &url);
                keep::write("file", &file);
            }
        });
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

/// Where the files of a desk are kept, and the last ones that had no error.
pub fn kept_names(desk: &str) -> [String; 2] {
    if desk.is_empty() {
        return ["files".to_string(), "good".to_string()];
    }
    [format!("desk.{desk}.files"), format!("desk.{desk}.good")]
}

/// Puts the files of a desk into its workspace, if the browser kept any.
pub fn take_kept(workspace: &mut Workspace, desk: &str) -> bool {
    let kept = kept_files(desk);
    let any = !kept.is_empty();
    for files in kept {
        workspace.set_files(files);
    }
    any
}

/// The files of a desk that the browser kept, to be applied one set after the other.
pub fn kept_files(desk: &str) -> Vec<Vec<File>> {
    let read = |name: &str| {
        let text = keep::read(name)?;
        let pairs = keep::pairs_from_json(&text);
        if pairs.is_none() {
            keep::put_aside(name);
        }
        pairs
    };
    let [files, last_good] = kept_names(desk);
    let Some(kept) = read(&files).filter(|files| !files.is_empty()) else { return Vec::new() };
    // Text that was broken when the page was left has no cluster of its own: the last good text makes it first.
    read(&last_good).into_iter().chain([kept]).map(files_of).collect()
}

fn files_of(pairs: Vec<(String, String)>) -> Vec<File> {
    pairs.into_iter().map(|(name, text)| File { name: name.into(), text }).collect()
}

fn browser_language() -> Lang {
    Lang::from_tag(&window().navigator().language().unwrap_or_else(|| "ko".to_string()))
}
