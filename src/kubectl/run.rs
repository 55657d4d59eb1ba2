//! One run of kubectl: the server it talks to, what it has printed, what went wrong.

use crate::api::json;
use crate::api::value::Value;
use crate::apiserver::client::Client;
use crate::apiserver::request::{FieldValidation, PatchKind, Request, Response, Subresource, Verb};
use crate::apiserver::resource::Resource;
use crate::apiserver::status::Status;
use crate::apiserver::validation::names;
use crate::kubectl::failure::{Failure, tell};
use smol_str::{SmolStr, ToSmolStr};
use std::fmt::Write;

/// `--dry-run`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DryRun {
    #[default]
    None,
    /// Nothing is sent.
    Client,
    /// The server does everything but the write.
    Server,
}

/// What the verbs have in common on the command line.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-n`, or the context's namespace.
    pub namespace: SmolStr,
    /// Whether `-n` was given: then manifests must not name another one.
    pub enforce_namespace: bool,
    pub dry_run: DryRun,
    /// `--validate`.
    pub validation: FieldValidation,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            namespace: "default".into(),
            enforce_namespace: false,
            dry_run: DryRun::None,
            validation: FieldValidation::Strict,
        }
    }
}

/// What a run leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// A run under way.
pub struct Run<'a> {
    pub client: &'a mut dyn Client,
    pub options: Options,
    pub output: Output,
    warned: Vec<String>,
    failures: Vec<Failure>,
}

impl<'a> Run<'a> {
    pub fn new(client: &'a mut dyn Client, options: Options) -> Run<'a> {
        Run { client, options, output: Output::default(), warned: Vec::new(), failures: Vec::new() }
    }

    /// Ends the run: tells the errors, sets the exit code.
    pub fn finish(mut self) -> Output {
        if !self.failures.is_empty() {
            self.output.stderr.push_str(&tell(&self.failures));
            self.output.code = 1;
        }
        self.output
    }

    /// Ends the run without telling the errors: who took them tells them.
    pub fn take(self) -> (Output, Vec<Failure>) {
        (self.output, self.failures)
    }

    pub fn fail(&mut self, failure: impl Into<Failure>) {
        self.failures.push(failure.into());
    }

    /// A line on stdout.
    pub fn say(&mut self, line: &str) {
        self.output.stdout.push_str(line);
        self.output.stdout.push('\n');
    }

    /// `service/web created`, with what a dry run adds.
    pub fn say_done(&mut self, resource: &Resource, name: &str, operation: &str) {
        let suffix = match self.options.dry_run {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        };
        let line = format!("{}/{name} {operation}{suffix}", resource.kind_with_group());
        self.say(&line);
    }

    /// A warning on stderr; each is told once a run.
    pub fn warn(&mut self, warning: &str) {
        if !self.warned.iter().any(|w| w == warning) {
            let _ = writeln!(self.output.stderr, "Warning: {warning}");
            self.warned.push(warning.to_string());
        }
    }

    /// Reads one object.
    pub fn get(&mut self, resource: &Resource, namespace: &str, name: &str) -> Result<Value, Status> {
        check_url(resource, namespace, name)?;
        if resource.group_version == "v1" && resource.kind == "Endpoints" {
            self.warn("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice");
        }
        let found = self.client.store().get(&resource.key(namespace, name));
        found
            .map(|object| object.value.clone())
            .ok_or_else(|| Status::not_found(resource.group(), &resource.plural, name))
    }

    /// Sends a write and tells its warnings.
    pub fn send(&mut self, resource: &Resource, namespace: &str, name: &str, verb: Verb) -> Result<Value, Status> {
        self.send_to(resource, namespace, name, Subresource::None, verb)
    }

    /// Sends a write to a part of an object.
    pub fn send_to(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        subresource: Subresource,
        verb: Verb,
    ) -> Result<Value, Status> {
        check_url(resource, namespace, name)?;
        let request = Request {
            resource: resource.clone(),
            namespace: namespace.into(),
            name: name.into(),
            subresource,
            verb,
            dry_run: self.options.dry_run == DryRun::Server,
            field_validation: self.options.validation,
        };
        let Response { result, warnings, .. } = self.client.handle(&request);
        warnings.iter().for_each(|w| self.warn(w));
        result
    }

    /// Sends a patch.
    pub fn send_patch(
        &mut self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        kind: PatchKind,
        patch: Value,
    ) -> Result<Value, Status> {
        self.send(resource, namespace, name, Verb::Patch(kind, patch))
    }
}

/// A namespace and a name become parts of an URL's path; what cannot is never sent (client-go's `rest.Request`).
fn check_url(resource: &Resource, namespace: &str, name: &str) -> Result<(), Status> {
    let parts = [(resource.namespaced, "namespace", namespace), (true, "resource name", name)];
    for (matters, what, part) in parts {
        let reasons = names::is_path_segment_name(part);
        if matters && !reasons.is_empty() {
            return Err(Status::unsent(format!("invalid {what} {}: [{}]", json::quote(part), reasons.join(" "))));
        }
    }
    Ok(())
}

/// An object's own name, which for a generated one only the server knows.
pub fn name_of(object: &Value) -> SmolStr {
    object.str_at(&["metadata", "name"]).to_smolstr()
}
