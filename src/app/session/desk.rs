//! Desks and moments: whose files they are, going back to an earlier cluster, and a second one beside.

use std::sync::Arc;

use giljabi::apiserver::store::Store;
use giljabi::lesson::Desk;
use giljabi::lesson::scene::Ran;
use giljabi::locale::Message;
use giljabi::shell::Computer;
use giljabi::workspace::Workspace;
use leptos::prelude::*;

use super::kept::take_kept;
use super::{Sent, Session, State};
use crate::app::drawn::{Asked, legs_of, scene_of, stages_of};
use crate::app::focus::{Lit, Target};
use crate::app::moments::Stage;
use crate::app::player::{self, Player};
use crate::app::scenario;
use crate::app::sent::{beats, stops};

impl Session {
    /// Keeps the cluster of now as a moment to come back to.
    pub fn keep_moment(self, what: Message) {
        self.workspace.with_value(|w| self.moments.keep(w, self.stage(), what));
    }

    /// What the screen shows of the cluster besides what is in it.
    pub fn stage(self) -> Stage {
        Stage {
            scenario: self.play.scenario.get_untracked(),
            world: self.play.world.get_untracked(),
            client: self.client.get_untracked(),
            url: self.url.get_untracked(),
        }
    }

    /// Goes back to an earlier workspace and to what the screen showed of it. Its files come back too; undo knows the ones of
    /// now. A request of another cluster is put away.
    pub fn restore(self, workspace: Workspace, stage: Stage) {
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
    pub(super) fn put_away(self) {
        self.focus.release();
        self.player.load(Vec::new(), Vec::new());
        self.sent.set(None);
        self.beside.set(None);
        self.moments.beside.set(None);
        self.chosen.set(None);
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
        let (crowd, scene, drawn) = scene_of((state, state), sent, chosen, asked, room, unfolded, self.lang);
        let focus = self.focus;
        // Hops have other numbers here; lines, places and objects are the same.
        let lit = Memo::new(move |_| {
            let target = focus.target().filter(|t| !matches!(t, Target::Hop(_) | Target::Rule(..)));
            Arc::new(Lit::of(target, sent.get().as_deref()))
        });
        let (legs, stages) = (legs_of(scene, sent), stages_of(sent));
        Session { state, painted: state, drawn, crowd, player, sent, room, scene, lit, legs, stages, ..self }
    }
}
