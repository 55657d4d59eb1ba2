//! The files of the session: what is written, taken back, shared and shown of them.

use giljabi::api::object::FieldRef;
use giljabi::workspace::link::Link;
use giljabi::workspace::{File, Texts, Workspace};
use leptos::prelude::*;
use std::sync::Arc;

use super::{EDITS_KEPT, LineRef, Pane, Session, state_of};
use crate::app::focus::Target;
use crate::app::sent::line_in;
use crate::app::{moments, player, timebar};

impl Session {
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
        let known = self.files.get_untracked();
        let texts = texts.into_iter().filter(|(file, _)| known.contains(file)).collect();
        self.change(|w| {
            w.set_some(files_of(texts));
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

    pub(super) fn texts_of_now(self) -> Texts {
        self.workspace.with_value(Workspace::texts)
    }

    pub(super) fn change(self, act: impl FnOnce(&mut Workspace)) {
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
    pub(super) fn applied(self, began: f64) {
        let told = self.workspace.with_value(moments::of_edit);
        if told.id != "moment.nothing" {
            self.keep_moment(told);
        }
        self.shown(began);
    }

    pub(super) fn shown(self, began: f64) {
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

    /// The file to show first: one with a Service or an Ingress, if there is one; these are what it is about.
    pub(super) fn first_file(self) -> String {
        let pairs = self.pairs();
        let about = |text: &str| ["kind: Service", "kind: Ingress"].iter().any(|kind| text.contains(kind));
        let found = pairs.iter().find(|(_, text)| about(text)).or(pairs.first());
        found.map(|(name, _)| name.clone()).unwrap_or_default()
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
        let clients = timebar::clients(&self.state.read_untracked().store);
        if let Some(client) = clients.into_iter().find(|c| client == c.to_string().as_str()) {
            self.client.set(client);
        }
        let names = self.files.get_untracked();
        let shown = Some(shown.to_string()).filter(|f| names.contains(f)).or(names.first().cloned());
        self.file.set(shown.unwrap_or_default());
        self.texts.update(|n| *n += 1);
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

    /// The line that a field stands on, if somebody wrote it.
    pub fn line_of(self, field: &FieldRef) -> Option<LineRef> {
        self.workspace.with_value(|w| line_in(w, field))
    }

    /// The line of a place in a file.
    pub fn line_at(self, file: &str, offset: u32) -> u32 {
        self.workspace.with_value(|w| w.line(file, offset)).unwrap_or(1)
    }

    /// Goes to where a line is written.
    pub fn open_line(self, line: &LineRef) {
        self.show_file(&line.file);
        self.focus.held.set(Some(Target::Line(line.file.clone(), line.line)));
        self.pane.set(Pane::Editor);
    }
}

pub(super) fn files_of(pairs: Vec<(String, String)>) -> Vec<File> {
    pairs.into_iter().map(|(name, text)| File { name: name.into(), text }).collect()
}
