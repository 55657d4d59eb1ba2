//! One call of kubectl: the command line that was read, the cluster it speaks to, what it has printed, and what comes next.

use crate::api::object::{Object, ObjectKey};
use crate::api::time::Time;
use crate::api::value::Value;
use crate::apiserver::request::{PatchKind, Subresource, Verb};
use crate::apiserver::resource::Resource;
use crate::apiserver::status::Status;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::failure::{Failure, tell};
use crate::kubectl::flags::Flags;
use crate::kubectl::manifest::File;
use crate::kubectl::run::{DryRun, Options, Run};
use crate::kubectl::verbs::edit::Edit;
use smol_str::SmolStr;
use std::sync::Arc;

/// The files that a command line may name.
pub trait Files {
    /// The text of a file; `None` when there is none.
    fn read(&self, path: &str) -> Option<String>;
    /// The files in a folder, sorted; `None` when it is no folder.
    fn folder(&self, path: &str) -> Option<Vec<String>>;
}

/// The kubeconfig: which contexts there are and which one counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Name and namespace of each context.
    pub contexts: Vec<(String, String)>,
    pub current: String,
}

impl Default for Config {
    fn default() -> Config {
        Config { contexts: vec![("minikube".to_string(), String::new())], current: "minikube".to_string() }
    }
}

impl Config {
    /// The namespace of a context; `default` where it names none.
    pub fn namespace(&self, context: &str) -> String {
        match self.contexts.iter().find(|(name, _)| name == context) {
            Some((_, namespace)) if !namespace.is_empty() => namespace.clone(),
            _ => "default".to_string(),
        }
    }
}

/// What a program prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    pub out: String,
    pub err: String,
}

/// What happens after the first look.
pub enum Next {
    /// It is over.
    Done(i32),
    /// It goes on as time goes by.
    Follow(Box<dyn Follow>),
    /// A program is run in a container, with what the terminal gives it.
    Exec(Exec),
    /// The text is to be edited, and applied when it is saved.
    Edit(Box<Edit>),
    /// A local port leads into the cluster until somebody ends it.
    Forward(Vec<Forward>),
}

/// What a command that goes on does at each look.
pub enum Step {
    /// Nothing more until this moment.
    Wait(Time),
    Next(Next),
}

/// A command that goes on: `get -w`, `wait`, `rollout status`, `logs -f`.
pub trait Follow {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step;
}

/// A program to run in a container.
#[derive(Clone, Debug, Default)]
pub struct Exec {
    pub pod: ObjectKey,
    pub container: SmolStr,
    pub words: Vec<String>,
    /// `-i`.
    pub stdin: bool,
    /// `-t`.
    pub tty: bool,
    /// Deleted when the program has ended (`kubectl run --rm`).
    pub remove_after: bool,
    /// The program is the container's own first process (`kubectl run -i`).
    pub attached: bool,
    /// Said before the program's own output, when a person is there.
    pub greeting: String,
}

/// A forwarded port.
#[derive(Clone, Debug, PartialEq)]
pub struct Forward {
    /// The address on the learner's computer.
    pub address: String,
    pub local: u16,
    pub pod: ObjectKey,
    pub remote: u16,
}

/// A call under way.
pub struct Call<'a> {
    pub cluster: &'a mut Cluster,
    pub config: &'a mut Config,
    pub files: &'a dyn Files,
    pub stdin: &'a str,
    pub flags: Flags,
    /// `kubectl create service clusterip`.
    pub path: String,
    pub streams: Streams,
    pub(super) failures: Vec<Failure>,
    warned: Vec<String>,
}

impl<'a> Call<'a> {
    pub fn new(
        cluster: &'a mut Cluster,
        config: &'a mut Config,
        files: &'a dyn Files,
        stdin: &'a str,
        flags: Flags,
        path: String,
    ) -> Call<'a> {
        Call {
            cluster,
            config,
            files,
            stdin,
            flags,
            path,
            streams: Streams::default(),
            failures: Vec::new(),
            warned: Vec::new(),
        }
    }

    pub fn now(&self) -> Time {
        self.cluster.now()
    }

    /// A line on stdout.
    pub fn say(&mut self, line: impl AsRef<str>) {
        self.streams.out.push_str(line.as_ref());
        self.streams.out.push('\n');
    }

    /// A line on stderr.
    pub fn complain(&mut self, line: impl AsRef<str>) {
        self.streams.err.push_str(line.as_ref());
        self.streams.err.push('\n');
    }

    /// A warning; each is told once.
    pub fn warn(&mut self, warning: &str) {
        if !self.warned.iter().any(|w| w == warning) {
            self.complain(format!("Warning: {warning}"));
            self.warned.push(warning.to_string());
        }
    }

    /// An error that does not end the call at once.
    pub fn fail(&mut self, failure: impl Into<Failure>) {
        self.failures.push(failure.into());
    }

    /// The end: tells the errors that were kept.
    pub fn finish(mut self, result: Result<Next, Failure>) -> (Streams, Next) {
        let next = match result {
            Ok(next) => next,
            Err(failure) => {
                self.failures.push(failure);
                Next::Done(1)
            }
        };
        if self.failures.is_empty() {
            return (self.streams, next);
        }
        self.streams.err.push_str(&tell(&self.failures));
        let code = match next {
            Next::Done(code) if code > 1 => code,
            _ => 1,
        };
        (self.streams, Next::Done(code))
    }

    /// `-n`, or the context's namespace.
    pub fn namespace(&self) -> String {
        match self.flags.get("namespace") {
            Some(namespace) if !namespace.is_empty() => namespace.to_string(),
            _ => self.config.namespace(self.flags.get("context").unwrap_or(&self.config.current)),
        }
    }

    /// `--dry-run`.
    pub fn dry_run(&mut self) -> Result<DryRun, Failure> {
        match self.flags.get("dry-run") {
            None | Some("none" | "false" | "False") => Ok(DryRun::None),
            Some("client") => Ok(DryRun::Client),
            Some("server") => Ok(DryRun::Server),
            Some("unchanged") => {
                self.complain("W0101 00:00:00.000000       1 helpers.go:731] --dry-run is deprecated and can be replaced with --dry-run=client.");
                Ok(DryRun::Client)
            }
            Some("true" | "True") => Ok(DryRun::Client),
            Some(other) => {
                Err(own(format!("Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\".")))
            }
        }
    }

    pub fn options(&mut self) -> Result<Options, Failure> {
        let dry_run = self.dry_run()?;
        let validation = match self.flags.text("validate") {
            "ignore" | "false" => crate::apiserver::request::FieldValidation::Ignore,
            "warn" => crate::apiserver::request::FieldValidation::Warn,
            // Who cannot be told how strict to be says nothing of it, and the server's own way is to warn.
            "" if !self.flags.knows("validate") => crate::apiserver::request::FieldValidation::Warn,
            _ => crate::apiserver::request::FieldValidation::Strict,
        };
        Ok(Options {
            namespace: self.namespace().into(),
            enforce_namespace: !self.flags.text("namespace").is_empty(),
            dry_run,
            validation,
        })
    }

    /// Does something with the file verbs' run; what it prints and how it fails becomes this call's.
    pub fn with_run<R>(&mut self, act: impl FnOnce(&mut Run) -> R) -> Result<R, Failure> {
        let options = self.options()?;
        let mut run = Run::new(self.cluster, options);
        let result = act(&mut run);
        let (output, failures) = run.take();
        self.streams.out.push_str(&output.stdout);
        for line in output.stderr.lines() {
            match line.strip_prefix("Warning: ") {
                Some(warning) => self.warn(warning),
                None => self.complain(line),
            }
        }
        self.failures.extend(failures);
        Ok(result)
    }

    /// Sends one write.
    pub fn send(&mut self, resource: &Resource, namespace: &str, name: &str, verb: Verb) -> Result<Value, Failure> {
        self.with_run(|run| run.send(resource, namespace, name, verb))?.map_err(Failure::from)
    }

    /// Sends a patch.
    pub fn patch(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        kind: PatchKind,
        patch: Value,
    ) -> Result<Value, Failure> {
        self.send(resource, namespace, name, Verb::Patch(kind, patch))
    }

    /// Sends a patch of an object's status.
    pub fn patch_status(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        kind: PatchKind,
        patch: Value,
    ) -> Result<Value, Failure> {
        let verb = Verb::Patch(kind, patch);
        self.with_run(|run| run.send_to(resource, namespace, name, Subresource::Status, verb))?.map_err(Failure::from)
    }

    /// Reads one object.
    pub fn get(&mut self, resource: &Resource, namespace: &str, name: &str) -> Result<Arc<Object>, Status> {
        self.warn_deprecated(resource);
        if resource.stored == "Event" {
            let found = events(self.cluster, namespace).into_iter().find(|e| e.name() == name);
            return found.ok_or_else(|| Status::not_found(resource.group(), &resource.plural, name));
        }
        let store = self.cluster.store();
        if let Some(object) = store.get(&resource.key(namespace, name)) {
            return Ok(object.clone());
        }
        if resource.namespaced && store.get(&ObjectKey::new("Namespace", "", namespace)).is_none() {
            return Err(Status::not_found("", "namespaces", namespace));
        }
        Err(Status::not_found(resource.group(), &resource.plural, name))
    }

    /// Lists the objects of a resource; in all namespaces when `namespace` is empty.
    pub fn list(&mut self, resource: &Resource, namespace: &str) -> Vec<Arc<Object>> {
        self.warn_deprecated(resource);
        list(self.cluster, resource, namespace)
    }

    fn warn_deprecated(&mut self, resource: &Resource) {
        if resource.stored == "Endpoints" {
            self.warn("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
        } else if resource.stored == "ComponentStatus" {
            self.warn("v1 ComponentStatus is deprecated in v1.19+");
        }
    }

    /// The files that `-f` names, read.
    pub fn filenames(&mut self) -> Result<Vec<File>, Failure> {
        let mut found = Vec::new();
        let names: Vec<String> = self.flags.all("filename").flat_map(|v| v.split(',')).map(str::to_string).collect();
        let deep = self.flags.is_on("recursive");
        for name in names {
            if name == "-" {
                found.push(File { name: "STDIN".into(), text: self.stdin.to_string() });
                continue;
            }
            if name.starts_with("http://") || name.starts_with("https://") {
                match self.files.read(&name) {
                    Some(text) => found.push(File { name: name.into(), text }),
                    None => {
                        let host = name.split('/').nth(2).unwrap_or("");
                        return Err(own(format!(
                            "unable to read URL {}: Get {}: dial tcp: lookup {host}: no such host",
                            crate::api::json::quote(&name),
                            crate::api::json::quote(&name)
                        )));
                    }
                }
                continue;
            }
            if let Some(names) = self.files.folder(&name) {
                let ending = |n: &str| [".json", ".yaml", ".yml"].iter().any(|e| n.ends_with(e));
                let base = name.trim_end_matches('/');
                for inner in names.iter().filter(|n| ending(n) && (deep || !n.contains('/'))) {
                    let path = if base.is_empty() || base == "." { inner.clone() } else { format!("{base}/{inner}") };
                    if let Some(text) = self.files.read(&path) {
                        found.push(File { name: path.into(), text });
                    }
                }
                continue;
            }
            match self.files.read(&name) {
                Some(text) => found.push(File { name: name.into(), text }),
                None => return Err(own(format!("the path {} does not exist", crate::api::json::quote(&name)))),
            }
        }
        Ok(found)
    }

    /// The error of a wrong use: its words, then where help is.
    pub fn usage(&self, message: impl AsRef<str>) -> Failure {
        own(format!("{}\nSee '{} -h' for help and examples", message.as_ref(), self.path))
    }
}

/// An error of kubectl's own.
pub fn own(message: impl Into<String>) -> Failure {
    Failure::Own(message.into())
}

/// The objects of a resource, ordered by namespace and name.
pub fn list(cluster: &Cluster, resource: &Resource, namespace: &str) -> Vec<Arc<Object>> {
    if resource.stored == "Event" {
        return events(cluster, namespace);
    }
    let store = cluster.store();
    if resource.namespaced && !namespace.is_empty() {
        store.list_in(&resource.stored, namespace).cloned().collect()
    } else {
        store.list(&resource.stored).cloned().collect()
    }
}

/// The events of a namespace (of all when empty): those that the controllers recorded, and those in the store, in the order of
/// their keys as the API server lists them. Those of one object stand together.
pub fn events(cluster: &Cluster, namespace: &str) -> Vec<Arc<Object>> {
    let mut events = cluster.events().objects(namespace);
    let stored = cluster.store().list("Event").filter(|e| namespace.is_empty() || e.namespace() == namespace);
    events.extend(stored.cloned());
    events.arrange_by_key(|e| (e.namespace().clone(), e.name().clone()));
    events
}
