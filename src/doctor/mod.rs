//! The doctor: reads what a real cluster, Helm or kustomize prints, stands it up, and says for every Service, Ingress and
//! HTTPRoute whether a client would get through, and if not at which hop and why.
//!
//! Two kinds of input. A *snapshot* (pods come with their status) stands as it stood: pods where they ran, ready or not,
//! endpoints as they were. *Manifests* are applied to an empty cluster whose nodes are large, and run until they rest. Either
//! way the answers come from requests that the same engine walks through the same rules as everywhere else; nothing here
//! decides by looking at YAML alone.
//!
//! What cannot be known is said to be unknown and is no fault: programs of unknown images serve the ports that they declare;
//! what lies outside the cluster, NetworkPolicies and service meshes are not simulated.

mod aside;
mod ask;
mod custom;
mod edit;
mod examination;
mod gates;
mod judge;
mod probe;
mod read;
mod snapshot;
mod stand;
mod supply;
mod tell;

pub use edit::Editing;
pub use examination::{At, Examination};
pub use read::MOST_BYTES;
pub use stand::Stand;
pub use tell::{json, junit, sarif, sum, text};

use crate::api::object::{FieldRef, ObjectKey};
use crate::locale::Message;
use crate::trace::Place;
use crate::workspace::File;
use smol_str::SmolStr;
use std::sync::Arc;

/// How grave a finding is; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A client does not get through.
    Error,
    /// Some do, or will not for long.
    Warning,
    /// Worth knowing: what was set aside, what cannot be known.
    Info,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// What a client meets at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nobody gets through.
    Shut,
    /// Some requests get through.
    Partly,
    /// It cannot be known from what was given.
    Unknown,
    /// Scaled to zero on purpose.
    Asleep,
    /// A client gets through.
    Open,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Shut => "shut",
            Verdict::Partly => "partly",
            Verdict::Unknown => "unknown",
            Verdict::Asleep => "asleep",
            Verdict::Open => "open",
        }
    }
}

/// A way into something: a port of a Service, a path of an Ingress, a match of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Door {
    pub object: ObjectKey,
    /// What a client dials.
    pub address: SmolStr,
    /// Whether it is meant for clients outside the cluster.
    pub front: bool,
    pub verdict: Verdict,
}

/// Something to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub severity: Severity,
    /// A stable name of what is wrong, for machines: `selector_matches_nothing`.
    pub rule: SmolStr,
    pub object: ObjectKey,
    /// The door that it is about; empty when it is about no door.
    pub door: SmolStr,
    /// What is wrong.
    pub cause: Message,
    /// What the client sees.
    pub symptom: Option<Message>,
    /// What mends it.
    pub mend: Option<Message>,
    /// Where the request ended.
    pub hop: Option<Place>,
    /// The fields to look at.
    pub because: Vec<FieldRef>,
    /// Words of a real tool, verbatim.
    pub verbatim: String,
    /// File, line and column, both from one.
    pub place: Option<(SmolStr, u32, u32)>,
}

impl Finding {
    fn new(severity: Severity, rule: &str, object: ObjectKey, cause: Message) -> Finding {
        Finding {
            severity,
            rule: rule.into(),
            object,
            door: SmolStr::default(),
            cause,
            symptom: None,
            mend: None,
            hop: None,
            because: Vec::new(),
            verbatim: String::new(),
            place: None,
        }
    }
}

/// Everything that there is to say, the gravest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Whether the files described a cluster as it stood.
    pub snapshot: bool,
    /// How many objects were taken in.
    pub objects: usize,
    /// By object; the shut ones first.
    pub doors: Vec<Door>,
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }

    pub fn doors_with(&self, verdict: Verdict) -> usize {
        self.doors.iter().filter(|d| d.verdict == verdict).count()
    }

    /// The gravest finding's severity.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).min()
    }
}

/// Reads files, stands the cluster up and examines it.
pub fn diagnose(files: Vec<File>) -> (Arc<Stand>, Report) {
    Examination::new(files).finish()
}
