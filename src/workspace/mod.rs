//! The learner's files and the cluster that they make.
//!
//! A workspace does on every edit what `kubectl apply` does with the files: what is new is created, what changed is applied,
//! what left the files is deleted; then simulated time runs until the cluster is at rest. Text that cannot be read or an
//! object that is refused never spoils what stands: the last good state stays, and the diagnostics say what is wrong where.

mod apply;
mod applying;
mod assist;
mod diagnose;
mod explain;
pub mod link;
mod lint;
mod locate;
mod open;
mod unreadable;

pub use assist::{Card, Suggestion, Suggestions, complete, hover, sentences_ready};
pub use lint::{Finding, is_simulated, lint, nearest};
pub use locate::{Location, key_of, origin};

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::parse::Manifest;
use crate::api::value::Value;
use crate::apiserver::status::Status;
use crate::arrange::map_of;
use crate::cluster::{Cluster, Settings, Settled};
use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::later::{Later, Part, Twin};
use crate::locale::Message;
use crate::trace::{Request, Trace};
use apply::Accepted;
pub use applying::Applying;
use applying::Todo;
use locate::Written;
use open::Open;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One file: an editor tab, or a path on a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    pub name: SmolStr,
    pub text: String,
}

/// A file that was read elsewhere: its text, the manifests of it that count, and what there is to say about the rest.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    pub file: File,
    pub manifests: Vec<Manifest>,
    pub reading: Vec<Diagnostic>,
    /// Whether the manifests are all that the text says.
    pub whole: bool,
}

/// All files as they were at some time. They share what they have in common with those of now.
#[derive(Clone, Debug)]
pub struct Texts(Vec<Arc<Open>>);

impl<W: Twin<Workspace>> Twin<Cluster> for Part<W> {
    fn get() -> &'static Cluster {
        &W::get().cluster
    }
}

/// What the last application of the files did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    pub created: Vec<ObjectKey>,
    pub changed: Vec<ObjectKey>,
    pub deleted: Vec<ObjectKey>,
    /// Objects that the API server refused; what stood before stands.
    pub refused: Vec<ObjectKey>,
    /// `None`: nothing was tried, because a file could not be read.
    pub settled: Option<Settled>,
}

/// Files, the cluster that they make, and what there is to say about them. Cheap to clone: what is large is shared until it
/// changes, so that a page can keep many moments of ten thousand objects.
#[derive(Clone, Debug)]
pub struct Workspace {
    files: Vec<Arc<Open>>,
    cluster: Cluster,
    /// What was accepted from the files, by object.
    accepted: Later<Arc<BTreeMap<ObjectKey, Value>>>,
    /// Which manifest describes which object.
    written: Arc<Written>,
    /// Refusals and warnings of the last application, by file.
    answers: Arc<Vec<Diagnostic>>,
    diagnostics: Arc<[Diagnostic]>,
    stale: bool,
    last: Arc<Applied>,
}

impl Workspace {
    /// A new cluster without files.
    pub fn new(settings: Settings) -> Workspace {
        Workspace::over(Cluster::new(settings), Vec::new())
    }

    fn over(cluster: Cluster, files: Vec<Arc<Open>>) -> Workspace {
        Workspace {
            files,
            cluster,
            accepted: Later::default(),
            written: Arc::default(),
            answers: Arc::default(),
            diagnostics: Arc::default(),
            stale: false,
            last: Arc::default(),
        }
    }

    /// A workspace over a cluster without files that change it.
    pub fn of(cluster: Cluster) -> Workspace {
        let mut workspace = Workspace::over(cluster, Vec::new());
        workspace.refresh();
        workspace
    }

    /// Begins a workspace over a cluster and files that were read elsewhere; [`Workspace::go_on`] does the rest. With `apply` the
    /// manifests are applied, as after an edit; without it they describe what the cluster holds already.
    pub fn begin_over(cluster: Cluster, files: Vec<Prepared>, apply: bool) -> (Workspace, Applying) {
        let open = files.into_iter().map(|prepared| Arc::new(Open::of(prepared)));
        let mut workspace = Workspace::over(cluster, open.collect());
        let todo = if apply {
            workspace.prepare()
        } else {
            workspace.written = Arc::new(workspace.find_manifests());
            let described = workspace.files.iter().flat_map(|open| open.described());
            workspace.accepted = Arc::new(map_of(described.map(|(key, m)| (key.clone(), m.value.clone())))).into();
            Todo::Look(Box::new(workspace.look()))
        };
        (workspace, Applying { todo, waiting: Vec::new() })
    }

    /// Leaves what only a change needs to the workspace's twin.
    pub fn leave<W: Twin<Workspace>>(&mut self) {
        self.cluster.leave::<Part<W>>();
        self.accepted = Later::away(|_| &W::get().accepted, 0);
    }

    fn find_manifests(&self) -> Written {
        Written::new(self.files.iter().map(|open| (&open.file.name, open.keys.as_slice())))
    }

    pub fn files(&self) -> impl ExactSizeIterator<Item = &File> + DoubleEndedIterator {
        self.files.iter().map(|open| &open.file)
    }

    pub fn file(&self, name: &str) -> Option<&File> {
        self.files().find(|f| f.name == name)
    }

    /// The line of a place in a file, from one.
    pub fn line(&self, name: &str, offset: u32) -> Option<u32> {
        let open = self.files.iter().find(|open| open.file.name == name)?;
        Some(open.lines().line_of(offset as usize) as u32 + 1)
    }

    /// The manifests read from a file.
    pub fn manifests(&self, name: &str) -> &[Manifest] {
        self.files.iter().find(|open| open.file.name == name).map_or(&[], |open| &open.manifests)
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The cluster, for commands and the clock. What a file describes and a command changes differs from then on, as after
    /// a `kubectl edit`; the next edit of that object's text applies it again.
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// The same, to keep: of ten thousand objects there may be many.
    pub fn shared_diagnostics(&self) -> Arc<[Diagnostic]> {
        self.diagnostics.clone()
    }

    /// The cluster is from before the last edit, because the text cannot be read or was refused.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// What the last application did.
    pub fn last(&self) -> &Applied {
        &self.last
    }

    /// Replaces all files and applies them.
    pub fn set_files(&mut self, files: Vec<File>) -> &Applied {
        let work = self.begin(files);
        self.finish(work)
    }

    /// Applies files that are to be the cluster's background: their objects stay, but no file describes them afterwards, so no
    /// later edit takes them away.
    pub fn furnish(&mut self, files: &[File]) {
        self.set_files(files.to_vec());
        self.files.clear();
        self.accepted = Later::default();
        self.answers = Arc::default();
        self.refresh();
    }

    /// Sets one file's text (a new file when there is none of that name) and applies.
    pub fn set_file(&mut self, name: &str, text: &str) -> &Applied {
        if self.file(name).is_some_and(|file| file.text == text) {
            return &self.last;
        }
        self.set_some(vec![File { name: name.into(), text: text.to_string() }])
    }

    /// Sets the texts of some files (new ones where there is none of that name) and applies them as one edit.
    pub fn set_some(&mut self, files: Vec<File>) -> &Applied {
        for file in files {
            let place = self.files.iter().position(|open| open.file.name == file.name);
            let open = Open::after(&self.files, file);
            match place {
                Some(place) => self.files[place] = open,
                None => self.files.push(open),
            }
        }
        self.apply()
    }

    /// The files as they are, to put back later.
    pub fn texts(&self) -> Texts {
        Texts(self.files.clone())
    }

    /// Puts files back and applies them.
    pub fn put_back(&mut self, texts: Texts) -> &Applied {
        self.files = texts.0;
        self.apply()
    }

    /// Closes a file; its objects leave the cluster.
    pub fn remove_file(&mut self, name: &str) -> &Applied {
        self.files.retain(|open| open.file.name != name);
        self.apply()
    }

    /// Brings the cluster to what the files say, then lets time run until nothing more happens.
    pub fn apply(&mut self) -> &Applied {
        let todo = self.prepare();
        self.finish(Applying { todo, waiting: Vec::new() })
    }

    /// Applies one manifest, unless it says what was accepted before and the object still stands.
    fn submit(&mut self, text: &str, key: &ObjectKey, manifest: &Manifest) -> Result<(), Status> {
        let existed = self.cluster.store().get(key).is_some();
        if existed && self.accepted.get(key) == Some(&manifest.value) {
            return Ok(());
        }
        let key = key.clone();
        let accepted = match apply::apply(&mut self.cluster, &key, &manifest.value) {
            Err(status) if existed && cannot_change_a_pod(&key, &status) => {
                let accepted = self.recreate(&key, &manifest.value)?;
                let words = status.message.lines().next().unwrap_or("").to_string();
                let mut notice = diagnose::warning(manifest, text, &words);
                notice.explanation = Some(Message::new("check-pod-recreated"));
                Arc::make_mut(&mut self.answers).push(notice);
                accepted
            }
            other => other?,
        };
        if let Some(status) = manifest.value.get("status").filter(|_| !existed) {
            self.cluster.bring_status(&key, status);
        }
        let warnings = accepted.warnings.iter().map(|words| diagnose::warning(manifest, text, words));
        Arc::make_mut(&mut self.answers).extend(warnings);
        let last = Arc::make_mut(&mut self.last);
        let list = if existed { &mut last.changed } else { &mut last.created };
        list.push(key.clone());
        Arc::make_mut(&mut self.accepted).insert(key, manifest.value.clone());
        Ok(())
    }

    /// `kubectl replace --force`: gone at once, and made anew.
    fn recreate(&mut self, key: &ObjectKey, value: &Value) -> Result<Accepted, Status> {
        self.cluster.delete(key, Some(0))?;
        self.cluster.run_until_settled();
        apply::apply(&mut self.cluster, key, value)
    }

    /// Gathers anew what there is to say.
    pub fn refresh(&mut self) {
        let mut look = self.look();
        while !self.look_on(&mut look) {}
    }

    /// What keeps the cluster from resting, at the line behind it.
    fn restless(&self) -> Option<Diagnostic> {
        let restless = self.cluster.why_restless()?;
        let mut origins = restless.fields.iter().filter_map(|f| origin(&self.written, self.cluster.store(), f));
        let at = origins.find(|field| self.written.get(&field.object).is_some())?;
        let (file, index) = self.written.get(&at.object)?;
        let open = self.files.iter().find(|open| open.file.name == *file)?;
        let finding = Finding { at, severity: Severity::Warning, message: restless.message, instead: None };
        Some(shown(open, open.manifests.get(index)?, &finding))
    }

    /// Whether a file describes the object.
    pub fn describes(&self, key: &ObjectKey) -> bool {
        self.written.get(key).is_some()
    }

    /// Sends a request through the cluster as it is now.
    pub fn send(&mut self, request: &Request) -> Trace {
        self.cluster.send(request)
    }

    /// Where the files have the field, or the field that made it so.
    pub fn locate(&self, field: &FieldRef) -> Option<Location> {
        let origin = origin(&self.written, self.cluster.store(), field)?;
        let (file, index) = self.written.get(&origin.object)?;
        let open = self.files.iter().find(|open| open.file.name == *file)?;
        let found = open.manifests.get(index)?.node.find(&origin.path);
        Some(Location {
            file: file.clone(),
            span: found.mark(&open.file.text),
            object: origin.object,
            path: origin.path,
            exact: found.exact,
        })
    }
}

fn cannot_change_a_pod(key: &ObjectKey, status: &Status) -> bool {
    key.kind == "Pod" && status.code == 422 && status.message.contains("pod updates may not change fields other than")
}

fn shown(open: &Open, manifest: &Manifest, finding: &Finding) -> Diagnostic {
    let found = manifest.node.find(&finding.at.path);
    let span = found.mark(&open.file.text);
    let mut diagnostic = Diagnostic::new(finding.severity, &open.file.name, span, "")
        .about(diagnose::about(manifest), finding.at.path.as_str())
        .explain(finding.message.clone());
    if let Some(instead) = &finding.instead
        && found.exact
        && finding.severity != Severity::Hint
    {
        let title = Message::new("fix-value").with("to", instead);
        diagnostic.fixes.push(Fix { title, edits: vec![(found.value, instead.to_string())] });
    }
    diagnostic
}
