//! Applying the files, step by step. An edit goes through all steps at once; a page that has just been opened draws itself in
//! between.

use super::lint::{is_made, lint};
use super::{Applied, File, Open, Workspace, diagnose, shown};
use crate::api::object::ObjectKey;
use crate::apiserver::status::Status;
use crate::arrange::{Arrange, set_of};
use crate::cluster::Settling;
use crate::diagnostic::Diagnostic;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many manifests are looked at in a step.
const LOOKS: usize = 100;

/// What there is to say, as far as it is gathered.
#[derive(Debug)]
pub(super) struct Look {
    /// The manifest that is looked at next.
    next: Place,
    refused: BTreeSet<ObjectKey>,
    all: Vec<Diagnostic>,
}

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
    /// Reading these files, after those that were open.
    Read(std::vec::IntoIter<File>, Vec<Arc<Open>>),
    /// Sending this manifest to the API server.
    Submit(Place),
    /// Letting time run until nothing more happens.
    Settle(Settling),
    /// Gathering what there is to say.
    Look(Box<Look>),
    Nothing,
}

impl Workspace {
    /// Begins to replace all files and to apply them; [`Workspace::go_on`] does it.
    pub fn begin(&mut self, files: Vec<File>) -> Applying {
        Applying { todo: Todo::Read(files.into_iter(), std::mem::take(&mut self.files)), waiting: Vec::new() }
    }

    /// Takes one step. `true`: everything is applied, and the cluster is at rest.
    pub fn go_on(&mut self, work: &mut Applying) -> bool {
        match &mut work.todo {
            Todo::Read(files, before) => match files.next() {
                Some(file) => self.files.push(Open::after(before, file)),
                None => work.todo = self.prepare(),
            },
            Todo::Submit(place) => {
                // Taken out while the cluster changes.
                let files = std::mem::take(&mut self.files);
                match files.get(place.0) {
                    Some(open) => match open.keys.get(place.1).zip(open.manifests.get(place.1)) {
                        Some((key, manifest)) => {
                            if let Err(status) = self.submit(&open.file.text, key, manifest) {
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
                    Arc::make_mut(&mut self.last).settled = Some(settled);
                    self.stale = !self.last.refused.is_empty();
                    work.todo = Todo::Look(Box::new(self.look()));
                }
            }
            Todo::Look(look) => {
                if self.look_on(look) {
                    work.todo = Todo::Nothing;
                }
            }
            Todo::Nothing => return true,
        }
        matches!(work.todo, Todo::Nothing)
    }

    /// Begins to gather what there is to say: the reader's words, the API server's, and the lints of what stands.
    pub(super) fn look(&self) -> Look {
        let mut all: Vec<Diagnostic> = self.files.iter().flat_map(|open| open.reading.iter().cloned()).collect();
        all.extend(self.answers.iter().cloned());
        Look { next: (0, 0), refused: set_of(self.last.refused.iter().cloned()), all }
    }

    /// Looks at some manifests. `true`: everything is gathered.
    pub(super) fn look_on(&mut self, look: &mut Look) -> bool {
        let Look { next: (file, from), refused, all } = look;
        let Some(open) = self.files.get(*file) else {
            let mut all = std::mem::take(all);
            all.extend(self.restless());
            all.arrange_by(|a, b| (&a.file, a.span, a.severity as u8).cmp(&(&b.file, b.span, b.severity as u8)));
            all.dedup();
            self.diagnostics = all.into();
            return true;
        };
        let until = (*from + LOOKS).min(open.manifests.len());
        for (key, manifest) in open.described().skip(*from).take(LOOKS) {
            if refused.contains(key) || is_made(&manifest.value) {
                continue;
            }
            let Some(object) = self.cluster.store().get(key) else { continue };
            all.extend(lint(self.cluster.store(), object).iter().map(|finding| shown(open, manifest, finding)));
        }
        (*file, *from) = if until == open.manifests.len() { (*file + 1, 0) } else { (*file, until) };
        false
    }

    /// Takes all steps that are left.
    pub(super) fn finish(&mut self, mut work: Applying) -> &Applied {
        while !self.go_on(&mut work) {}
        &self.last
    }

    /// Deletes what left the files, unless they cannot be read.
    pub(super) fn prepare(&mut self) -> Todo {
        self.last = Arc::default();
        self.answers = Arc::default();
        self.written = Arc::new(self.find_manifests());
        if self.files.iter().any(|open| open.is_broken()) {
            self.stale = true;
            self.refresh();
            return Todo::Nothing;
        }
        let wanted: BTreeSet<ObjectKey> = set_of(self.files.iter().flat_map(|open| open.keys.iter().cloned()));
        // What goes must go first: a name or a node port may be taken up again by what comes.
        let gone: Vec<ObjectKey> = self.accepted.keys().filter(|key| !wanted.contains(key)).cloned().collect();
        for key in gone {
            Arc::make_mut(&mut self.accepted).remove(&key);
            if self.cluster.delete(&key, None).is_ok() {
                Arc::make_mut(&mut self.last).deleted.push(key);
            }
        }
        Todo::Submit((0, 0))
    }

    /// What was refused may have been waiting for something further down in the files.
    fn submit_again(&mut self, files: &[Arc<Open>], waiting: Vec<(Place, Status)>) {
        // A namespace's service account comes a moment after it, and pods in the same file have to wait for that.
        let early = |status: &Status| status.message.contains("error looking up service account");
        if waiting.iter().any(|(_, status)| early(status)) {
            let moment = self.cluster.settings().latencies.controller;
            self.cluster.run_for(moment + moment);
        }
        for ((file, index), status) in waiting {
            let Open { file, manifests, keys, .. } = &*files[file];
            let (text, key, manifest) = (file.text.as_str(), &keys[index], &manifests[index]);
            // A namespace further down may be there by now, as after typing the same apply once more.
            let again = if status.reason == "NotFound" || early(&status) {
                self.submit(text, key, manifest)
            } else {
                Err(status)
            };
            if let Err(status) = again {
                Arc::make_mut(&mut self.last).refused.push(key.clone());
                Arc::make_mut(&mut self.answers).extend(diagnose::refusal(manifest, text, &status));
            }
        }
    }
}
