//! What the browser keeps of a session: the files of each desk, and how the person likes the page.

use giljabi::workspace::{File, Workspace};
use leptos::prelude::*;

use super::files::files_of;
use super::{Session, Theme};
use crate::app::erased::effect;
use crate::app::{keep, scenario};

impl Session {
    /// Keeps what is not kept yet.
    pub(super) fn keep_edits(self) {
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

    /// Keeps which nodes of free play have no power; a lesson's are in its record.
    pub(super) fn keep_power(self) {
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

    /// What is kept of the files as they are.
    pub fn kept_text(self) -> String {
        keep::pairs_to_json(&self.pairs())
    }

    /// Keeps the files as they are.
    pub fn keep_now(self) {
        let [files, _] = self.desk.with_value(|desk| kept_names(desk));
        self.kept.set(keep::write(&files, &self.kept_text()));
    }

    pub(super) fn keep_settings(self) {
        effect(move || {
            let lang = self.lang.get();
            keep::write("lang", lang.tag());
            if let Some(root) = document().document_element() {
                // The document is there, so its attributes can be set.
                let _ = root.set_attribute("lang", lang.tag());
            }
        });
        effect(move || {
            let theme = self.theme.get();
            keep::write("theme", theme.name());
            if let Some(root) = document().document_element() {
                let _ = match theme {
                    Theme::System => root.remove_attribute("data-theme"),
                    other => root.set_attribute("data-theme", other.name()),
                };
            }
        });
        effect(move || {
            let (url, file) = (self.url.get(), self.file.get());
            if self.desk.with_value(String::is_empty) {
                keep::write("url", &url);
                keep::write("file", &file);
            }
        });
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
