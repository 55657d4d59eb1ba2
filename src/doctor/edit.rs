//! What was read as files that a person can edit.

use super::Stand;
use super::stand::OBJECTS;
use crate::api::parse::{Manifest, parse};
use crate::api::yaml;
use crate::workspace::{Applying, File, Prepared, Workspace, key_of};
use smol_str::{SmolStr, format_smolstr};
use std::collections::BTreeMap;
use std::sync::Arc;

/// About so long a file of [`Editing`] gets.
const FILE_BYTES: usize = 256 << 10;

/// The making of a cluster with files that a person can edit: what was read, without the noise, a file a namespace (more where
/// there is much).
pub struct Editing {
    stand: Arc<Stand>,
    /// The manifest that is written next, by the places of its file and of itself.
    next: (usize, usize),
    texts: BTreeMap<SmolStr, Vec<String>>,
    files: std::vec::IntoIter<File>,
    read: Vec<Prepared>,
    work: Option<(Workspace, Applying)>,
}

impl Editing {
    pub fn new(stand: Arc<Stand>) -> Editing {
        let (texts, files, read) = (BTreeMap::new(), Vec::new().into_iter(), Vec::new());
        Editing { stand, next: (0, 0), texts, files, read, work: None }
    }

    /// Does the next piece. The workspace, once, when it is done.
    pub fn step(&mut self) -> Option<Workspace> {
        let stand = self.stand.clone();
        if let Some(file) = stand.workspace.files().nth(self.next.0) {
            let manifests = stand.workspace.manifests(&file.name);
            let until = (self.next.1 + OBJECTS).min(manifests.len());
            manifests[self.next.1..until].iter().for_each(|m| self.write(m));
            self.next = if until == manifests.len() { (self.next.0 + 1, 0) } else { (self.next.0, until) };
        } else if !self.texts.is_empty() {
            let texts = std::mem::take(&mut self.texts).into_iter();
            let files = texts.flat_map(|(group, parts)| {
                parts.into_iter().enumerate().map(move |(i, text)| File { name: name_of_part(&group, i), text })
            });
            self.files = files.collect::<Vec<_>>().into_iter();
        } else if let Some(file) = self.files.next() {
            let (manifests, reading) = parse(&file.name, &file.text);
            self.read.push(Prepared { file, manifests, reading, whole: true });
        } else {
            let (mut workspace, mut work) = match self.work.take() {
                Some(begun) => begun,
                None => {
                    let cluster = stand.workspace.cluster().clone();
                    Workspace::begin_over(cluster, std::mem::take(&mut self.read), false)
                }
            };
            if workspace.go_on(&mut work) {
                return Some(workspace);
            }
            self.work = Some((workspace, work));
        }
        None
    }

    fn write(&mut self, manifest: &Manifest) {
        let namespace = key_of(manifest).namespace;
        let parts = self.texts.entry(if namespace.is_empty() { "cluster".into() } else { namespace }).or_default();
        if parts.last().is_none_or(|text| text.len() > FILE_BYTES) {
            parts.push(String::new());
        }
        if let Some(text) = parts.last_mut() {
            if !text.is_empty() {
                text.push_str("---\n");
            }
            // With the version that the cluster printed, only the first edit of an object would be taken; every later one would be
            // refused as a change of what somebody else has changed meanwhile.
            let mut value = manifest.value.clone();
            value.remove_at(&["metadata", "resourceVersion"]);
            text.push_str(&yaml::print(&value));
        }
    }

    /// All of it at once.
    pub fn finish(mut self) -> Workspace {
        loop {
            if let Some(workspace) = self.step() {
                return workspace;
            }
        }
    }
}

/// The name of the `i`-th file of a namespace.
fn name_of_part(group: &SmolStr, i: usize) -> SmolStr {
    match i {
        0 => format_smolstr!("{group}.yaml"),
        i => format_smolstr!("{group}-{}.yaml", i + 1),
    }
}
