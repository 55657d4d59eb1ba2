//! What a client asks of the API server, and what comes back.

use crate::api::value::Value;
use crate::apiserver::resource::Resource;
use crate::apiserver::status::Status;
use smol_str::SmolStr;

/// What is done.
#[derive(Clone, Debug)]
pub enum Verb {
    Create(Body),
    /// Replaces an object (PUT).
    Update(Body),
    Patch(PatchKind, Value),
    Delete(DeleteOptions),
    /// A pod's deletion that a disruption budget may refuse (POST to its `eviction`).
    Evict(DeleteOptions),
}

/// How a patch is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 7386: null removes, lists are replaced.
    Merge,
    /// Lists are merged by the keys of the schema.
    Strategic,
    /// RFC 6902: a list of operations.
    Json,
}

/// A request's body.
#[derive(Clone, Debug)]
pub enum Body {
    /// JSON content, as kubectl sends it.
    Content(Value),
    /// YAML text that the server reads itself.
    Yaml(String),
}

/// What happens to fields that no type has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    #[default]
    Strict,
    Warn,
    Ignore,
}

/// `metav1.DeleteOptions`, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// In seconds; `None`: the object's own.
    pub grace_period: Option<i64>,
    /// What becomes of dependents.
    pub propagation: Propagation,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    /// The garbage collector removes them afterwards.
    #[default]
    Background,
    /// They lose their owner and stay.
    Orphan,
    /// The owner waits for them.
    Foreground,
}

/// A part of an object that is written by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subresource {
    #[default]
    None,
    Status,
    Scale,
}

/// A request to one resource.
#[derive(Clone, Debug)]
pub struct Request {
    pub resource: Resource,
    /// Of the URL; empty for resources of the whole cluster.
    pub namespace: SmolStr,
    /// Of the URL; empty when something is created.
    pub name: SmolStr,
    pub subresource: Subresource,
    pub verb: Verb,
    /// `dryRun=All`: everything but the write.
    pub dry_run: bool,
    pub field_validation: FieldValidation,
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub struct Response {
    /// The object as it is now (for a dry run: as it would be), or the refusal.
    pub result: Result<Value, Status>,
    /// Warnings come with refusals, too.
    pub warnings: Vec<String>,
    /// The HTTP code.
    pub code: u16,
}
