//! The history of the cluster: a moment after everything that a person does. One goes back to any of them and on from there,
//! which begins a branch; and one holds any of them beside the cluster of now: what differs, and how the same request goes.

mod view;
mod what_if;

use giljabi::api::time::Time;
use giljabi::apiserver::store::Store;
use giljabi::locale::Message;
use giljabi::workspace::Workspace;
use leptos::prelude::*;

pub use view::Moments;
pub use what_if::WhatIf;

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

/// The history of this page's cluster. The whole workspace is kept, files and cluster: it shares its parts with the present.
#[derive(Clone, Copy)]
pub struct History {
    pub rows: RwSignal<Vec<Row>>,
    kept: StoredValue<Vec<(usize, Workspace)>, LocalStorage>,
    /// The number of the moment that the cluster of now came from.
    pub now: RwSignal<usize>,
    /// The number of the moment that is held beside the cluster of now.
    pub beside: RwSignal<Option<usize>>,
}

/// So many moments are kept; older ones go, but for the first.
const MOST: usize = 120;

impl History {
    pub fn new() -> History {
        History {
            rows: RwSignal::new(Vec::new()),
            kept: StoredValue::new_local(Vec::new()),
            now: RwSignal::new(0),
            beside: RwSignal::new(None),
        }
    }

    /// Keeps the present as a moment.
    pub fn keep(self, workspace: &Workspace, what: Message) {
        let number = self.rows.with_untracked(|rows| rows.last().map_or(1, |r| r.number + 1));
        let from = Some(self.now.get_untracked()).filter(|n| *n > 0);
        let at = workspace.cluster().now();
        self.kept.update_value(|kept| {
            kept.push((number, workspace.clone()));
            if kept.len() > MOST {
                kept.remove(1);
            }
        });
        let alive = self.kept.with_value(|kept| kept.iter().map(|(n, _)| *n).collect::<Vec<_>>());
        self.rows.update(|rows| {
            rows.push(Row { number, from, at, what });
            rows.retain(|row| alive.contains(&row.number));
        });
        self.now.set(number);
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
        self.kept.with_value(|kept| kept.last().map(|(_, w)| w.cluster().store().revision()))
    }

    /// Forgets everything: another desk.
    pub fn clear(self) {
        self.rows.set(Vec::new());
        self.kept.set_value(Vec::new());
        self.now.set(0);
        self.beside.set(None);
    }

    /// The workspace of a moment.
    pub fn workspace(self, number: usize) -> Option<Workspace> {
        self.kept.with_value(|kept| kept.iter().find(|(n, _)| *n == number).map(|(_, w)| w.clone()))
    }

    /// The state of a moment.
    pub fn store(self, number: usize) -> Option<Store> {
        self.kept.with_value(|kept| kept.iter().find(|(n, _)| *n == number).map(|(_, w)| w.cluster().store().clone()))
    }

    /// Goes back to a moment; what is done next begins a branch there.
    pub fn go_to(self, s: Session, number: usize) {
        let Some(workspace) = self.workspace(number) else { return };
        s.restore(workspace);
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
