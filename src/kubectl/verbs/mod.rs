//! The table of kubectl's verbs. One file a verb; what several share stands in `call` and `arguments`.

mod annotate;
mod api;
mod cluster_info;
mod config;
mod container;
mod create;
mod delete;
mod describe;
mod diff;
pub mod edit;
mod events;
mod explain;
mod expose;
mod files;
mod forward;
mod get;
mod logs;
mod node;
mod patch;
mod refused;
mod rollout;
mod run;
mod scale;
mod set;
mod wait;

use crate::kubectl::call::{Call, Next};
use crate::kubectl::failure::Failure;

/// A verb and what belongs to it.
pub struct Verb {
    /// Its name, then other names that it answers to.
    pub names: &'static [&'static str],
    /// The heading of `kubectl help` that it stands under.
    pub group: &'static str,
    /// One line.
    pub short: &'static str,
    /// What follows its name in the usage line.
    pub usage: &'static str,
    /// Lines as somebody would type them, each with a comment above.
    pub examples: &'static str,
    /// Its flags (see [`crate::kubectl::flags::table`]).
    pub flags: &'static [&'static str],
    pub act: Act,
}

/// What a verb does.
pub enum Act {
    Run(fn(&mut Call) -> Result<Next, Failure>),
    /// It only has verbs below it.
    Parent(&'static [Verb]),
    /// It does something itself and has verbs below it.
    Both(fn(&mut Call) -> Result<Next, Failure>, &'static [Verb]),
}

impl Verb {
    pub fn name(&self) -> &'static str {
        self.names[0]
    }

    pub fn children(&self) -> &'static [Verb] {
        match &self.act {
            Act::Run(_) => &[],
            Act::Parent(children) | Act::Both(_, children) => children,
        }
    }

    pub fn child(&self, name: &str) -> Option<&'static Verb> {
        self.children().iter().find(|v| v.names.contains(&name))
    }
}

const BEGINNER: &str = "Basic Commands (Beginner):";
const INTERMEDIATE: &str = "Basic Commands (Intermediate):";
const DEPLOY: &str = "Deploy Commands:";
const CLUSTER: &str = "Cluster Management Commands:";
const TROUBLE: &str = "Troubleshooting and Debugging Commands:";
const ADVANCED: &str = "Advanced Commands:";
const SETTINGS: &str = "Settings Commands:";
const OTHER: &str = "Other Commands:";

/// The headings in the order of `kubectl help`.
pub const GROUPS: [&str; 8] = [BEGINNER, INTERMEDIATE, DEPLOY, CLUSTER, TROUBLE, ADVANCED, SETTINGS, OTHER];

/// Flags of commands that print what they made.
pub(super) const PRINT: &str = "output,o= template= show-managed-fields allow-missing-template-keys";
const DRY: &str = "dry-run?unchanged field-manager=";
/// Flags of commands that ask for strict fields unless told otherwise; the server only warns everybody else.
const VALIDATE: &str = "validate?strict";
const SELECT: &str = "selector,l= field-selector= all all-namespaces,A";
const FILES: &str = "filename,f= recursive,R kustomize,k=";

/// What is said to who names no object.
const NOTHING_NAMED: &str = "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'";

/// Every verb, in the order of `kubectl help`.
pub const VERBS: &[Verb] = &[
    create::VERB,
    expose::VERB,
    run::VERB,
    set::VERB,
    explain::VERB,
    get::VERB,
    edit::VERB,
    delete::VERB,
    rollout::VERB,
    scale::VERB,
    refused::AUTOSCALE,
    refused::CERTIFICATE,
    cluster_info::VERB,
    refused::TOP,
    node::CORDON,
    node::UNCORDON,
    node::DRAIN,
    node::TAINT,
    describe::VERB,
    logs::LOGS,
    container::ATTACH,
    container::EXEC,
    forward::VERB,
    refused::PROXY,
    refused::CP,
    refused::AUTH,
    refused::DEBUG,
    events::VERB,
    diff::VERB,
    files::APPLY,
    patch::VERB,
    files::REPLACE,
    wait::VERB,
    refused::KUSTOMIZE,
    annotate::LABEL,
    annotate::ANNOTATE,
    refused::COMPLETION,
    api::RESOURCES,
    api::VERSIONS,
    config::VERB,
    refused::PLUGIN,
    api::VERSION,
    api::OPTIONS,
];

/// A verb by name.
pub fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|v| v.names.contains(&name))
}
