//! Applying the files, step by step. An edit goes through all steps at once; a page that has just been opened draws itself in
//! between.

use super::locate::{Written, key_of};
use super::{Applied, File, Open, Workspace, diagnose};
use crate::api::object::ObjectKey;
use crate::apiserver::status::Status;
use crate::arrange::set_of;
use crate::cluster::Settling;
use std::collections::BTreeSet;

/// An application of the files on its way.
#[derive(Debug)]
pub struct Applying {
    pub(super) todo: Todo,
    /// The manifests that were refused at first, by their places.
    pub(super) waiting: Vec<(Place, Status)>,
}

/// A manifest by the numbers of its file and of itself there.
type Place = (usize, usize);

/// What comes next.
#[derive(Debug)]
pub(super) enum Todo {
    /// Reading these files.
    Read(std::vec::IntoIter<File>),
    /// Sending this manifest to the API server.
    Submit(Place),
    /// Letting time run until nothing more happens.
    Settle(Settling),
    Nothing,
}

impl Workspace {
    /// Begins to replace all files and to apply them; [`Workspace::go_on`] does it.
    pub fn begin(&mut self, files: Vec<File>) -> Applying {
        self.files.clear();
        Applying { todo: Todo::Read(files.into_iter()), waiting: Vec::new() }
    }

    /// Takes one step. `true`: everything is applied, and the cluster is at rest.
    pub fn go_on(&mut self, work: &mut Applying) -> bool {
        match &mut work.todo {
            Todo::Read(files) => match files.next() {
                Some(file) => self.files.push(Open::new(file)),
                None => work.todo = self.prepare(),
            },
            Todo::Submit(place) => {
                // Taken out while the cluster changes.
                let files = std::mem::take(&mut self.files);
                match files.get(place.0) {
                    Some(open) => match open.manifests.get(place.1) {
                        Some(manifest) => {
                            if let Err(status) = self.submit(&open.file.text, manifest) {
                                work.waiting.push((*place, status));
                            }
                            place.1 += 1;
                        }
                        None => *place = (place.0 + 1, 0),
                    },
                    None => {
                        self.submit_again(&files, std::mem::take(&mut work.waiting));
                        work.todo = Todo::Settle(self.cluster.settling());
                    }
                }
                self.files = files;
            }
            Todo::Settle(run) => {
                if let Some(settled) = self.cluster.settle_on(run) {
                    self.last.settled = Some(settled);
                    self.stale = !self.last.refused.is_empty();
                    self.refresh();
                    work.todo = Todo::Nothing;
                }
            }
            Todo::Nothing => return true,
        }
        matches!(work.todo, Todo::Nothing)
    }

    /// Takes all steps that are left.
    pub(super) fn finish(&mut self, mut work: Applying) -> &Applied {
        while !self.go_on(&mut work) {}
        &self.last
    }

    /// Deletes what left the files, unless they cannot be read.
    pub(super) fn prepare(&mut self) -> Todo {
        self.last = Applied::default();
        self.answers.clear();
        self.written = Written::new(self.files.iter().map(|open| (&open.file.name, open.manifests.as_slice())));
        if self.files.iter().any(Open::is_broken) {
            self.stale = true;
            self.refresh();
            return Todo::Nothing;
        }
        let wanted: BTreeSet<ObjectKey> = set_of(self.files.iter().flat_map(|open| open.manifests.iter().map(key_of)));
        // What goes must go first: a name or a node port may be taken up again by what comes.
        let gone: Vec<ObjectKey> = self.accepted.keys().filter(|key| !wanted.contains(key)).cloned().collect();
        for key in gone {
            self.accepted.remove(&key);
            if self.cluster.delete(&key, None).is_ok() {
                self.last.deleted.push(key);
            }
        }
        Todo::Submit((0, 0))
    }

    /// What was refused may have been waiting for something further down in the files.
    fn submit_again(&mut self, files: &[Open], waiting: Vec<(Place, Status)>) {
        // A namespace's service account comes a moment after it, and pods in the same file have to wait for that.
        let early = |status: &Status| status.message.contains("error looking up service account");
        if waiting.iter().any(|(_, status)| early(status)) {
            let moment = self.cluster.settings().latencies.controller;
            self.cluster.run_for(moment + moment);
        }
        for ((file, index), status) in waiting {
            let (text, manifest) = (files[file].file.text.as_str(), &files[file].manifests[index]);
            // A namespace further down may be there by now, as after typing the same apply once more.
            let again =
                if status.reason == "NotFound" || early(&status) { self.submit(text, manifest) } else { Err(status) };
            if let Err(status) = again {
                self.last.refused.push(key_of(manifest));
                self.answers.extend(diagnose::refusal(manifest, text, &status));
            }
        }
    }
}
