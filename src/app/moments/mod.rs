//! The history of the cluster: a moment after everything that a person does. One goes back to any of them and on from there,
//! which begins a branch; and one holds any of them beside the cluster of now: what differs, and how the same request goes.

mod view;
mod what_if;

use giljabi::api::time::Time;
use giljabi::apiserver::store::Store;
use giljabi::locale::Message;
use giljabi::trace::Client;
use giljabi::workspace::Workspace;
use leptos::prelude::*;

pub use view::Moments;
pub use what_if::WhatIf;

use super::scenario::world::World;
use super::session::Session;

/// A moment as the list shows it.
#[derive(Clone, PartialEq)]
pub struct Row {
    pub number: usize,
    /// The moment that it came from.
    pub from: Option<usize>,
    pub at: Time,
    pub what: Message,
}

/// What the screen shows of a cluster besides what is in it.
#[derive(Clone)]
pub struct Stage {
    pub scenario: &'static str,
    pub world: World,
    pub client: Client,
    pub url: String,
}

/// A moment: the whole workspace, files and cluster, which shares its parts with the present; and what the screen showed of it.
struct Kept {
    number: usize,
    workspace: Workspace,
    stage: Stage,
}

/// The history of this page's cluster.
#[derive(Clone, Copy)]
pub struct History {
    pub rows: RwSignal<Vec<Row>>,
    kept: StoredValue<Vec<Kept>, LocalStorage>,
    /// The number of the moment that the cluster of now came from.
    pub now: RwSignal<usize>,
    /// The number of the moment that is held beside the cluster of now.
    pub beside: RwSignal<Option<usize>>,
    /// Where a lesson's step leads, while it is held beside.
    goal: StoredValue<Option<Workspace>, LocalStorage>,
}

/// Stands for the goal of a lesson's step among the numbers of moments.
pub const GOAL: usize = usize::MAX;
/// So many moments are kept; older ones go, but for the first.
const MOST: usize = 120;

impl History {
    pub fn new() -> History {
        History {
            rows: RwSignal::new(Vec::new()),
            kept: StoredValue::new_local(Vec::new()),
            now: RwSignal::new(0),
            beside: RwSignal::new(None),
            goal: StoredValue::new_local(None),
        }
    }

    /// Holds the goal of a lesson's step beside the cluster of now, or nothing any more.
    pub fn hold_goal(self, goal: Option<Workspace>) {
        let held = self.beside.get_untracked() == Some(GOAL);
        let beside = goal.is_some().then_some(GOAL);
        self.goal.set_value(goal);
        if held || beside.is_some() {
            self.beside.set(beside);
        }
    }

    /// Keeps the present as a moment.
    pub fn keep(self, workspace: &Workspace, stage: Stage, what: Message) {
        let number = self.rows.with_untracked(|rows| rows.last().map_or(1, |r| r.number + 1));
        let from = Some(self.now.get_untracked()).filter(|n| *n > 0);
        let at = workspace.cluster().now();
        self.leave(&stage);
        self.kept.update_value(|kept| {
            let mut workspace = workspace.clone();
            workspace.cluster_mut().slim();
            kept.push(Kept { number, workspace, stage });
            if kept.len() > MOST {
                kept.remove(1);
            }
        });
        let alive = self.kept.with_value(|kept| kept.iter().map(|k| k.number).collect::<Vec<_>>());
        self.rows.update(|rows| {
            rows.push(Row { number, from, at, what });
            rows.retain(|row| alive.contains(&row.number));
        });
        self.now.set(number);
    }

    /// Notes what the time bar asks for when the moment of now is left: coming back, one finds it as one left it.
    fn leave(self, now: &Stage) {
        let number = self.now.get_untracked();
        self.kept.update_value(|kept| {
            if let Some(left) = kept.iter_mut().find(|k| k.number == number) {
                left.stage.client = now.client.clone();
                left.stage.url = now.url.clone();
            }
        });
    }

    /// Says better what the newest moment is.
    pub fn name(self, what: Message) {
        self.rows.update(|rows| {
            if let Some(last) = rows.last_mut() {
                last.what = what;
            }
        });
    }

    /// The store's revision at the newest moment.
    pub fn revision(self) -> Option<u64> {
        self.kept.with_value(|kept| kept.last().map(|k| k.workspace.cluster().store().revision()))
    }

    /// Forgets everything: another desk.
    pub fn clear(self) {
        self.rows.set(Vec::new());
        self.kept.set_value(Vec::new());
        self.now.set(0);
        self.beside.set(None);
        self.goal.set_value(None);
    }

    /// The workspace of a moment.
    pub fn workspace(self, number: usize) -> Option<Workspace> {
        if number == GOAL {
            return self.goal.get_value();
        }
        self.of(number, |k| k.workspace.clone())
    }

    fn of<R>(self, number: usize, read: impl FnOnce(&Kept) -> R) -> Option<R> {
        self.kept.with_value(|kept| kept.iter().find(|k| k.number == number).map(read))
    }

    /// The state of a moment.
    pub fn store(self, number: usize) -> Option<Store> {
        self.workspace(number).map(|w| w.cluster().store().clone())
    }

    /// Goes back to a moment; what is done next begins a branch there.
    pub fn go_to(self, s: Session, number: usize) {
        self.leave(&s.stage());
        let Some((workspace, stage)) = self.of(number, |k| (k.workspace.clone(), k.stage.clone())) else { return };
        s.restore(workspace, stage);
        self.now.set(number);
    }
}

/// What an edit did, in a few words.
pub fn of_edit(workspace: &Workspace) -> Message {
    let last = workspace.last();
    let lists = [
        ("moment.created", &last.created),
        ("moment.changed", &last.changed),
        ("moment.deleted", &last.deleted),
        ("moment.refused", &last.refused),
    ];
    let all: usize = lists.iter().map(|(_, list)| list.len()).sum();
    let first = lists.iter().find_map(|(id, list)| Some((*id, list.first()?)));
    match first {
        Some((id, key)) if all == 1 => Message::new(id).with("object", key),
        Some((_, key)) => Message::new("moment.several").with("object", key).with("n", all - 1),
        None => Message::new("moment.nothing"),
    }
}
