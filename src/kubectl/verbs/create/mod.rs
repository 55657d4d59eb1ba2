//! `kubectl create`: from files, or by one of the generators.

mod access;
mod config;
mod ingress;
mod service;
mod workload;

use super::{Act, BEGINNER, DRY, FILES, PRINT, VALIDATE, Verb};
use crate::api::json;
use crate::api::value::Value;
use crate::apiserver::request::{Body, Verb as Write};
use crate::apiserver::resource::Resource;
use crate::kubectl::apply::with_last_applied;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::create;
use crate::kubectl::failure::Failure;
use crate::kubectl::run::DryRun;

pub const VERB: Verb = Verb {
    names: &["create"],
    group: BEGINNER,
    short: "Create a resource from a file or from stdin",
    usage: "-f FILENAME",
    examples: "# Create what a file describes\nkubectl create -f web.yaml\n\n# A deployment, made on the command line\nkubectl create deployment web --image=nginx --replicas=2",
    flags: &["edit raw= save-config selector,l= windows-line-endings", FILES, PRINT, DRY, VALIDATE],
    act: Act::Both(run, GENERATORS),
};

const GENERATORS: &[Verb] = &[
    access::CLUSTER_ROLE,
    access::CLUSTER_ROLE_BINDING,
    config::CONFIG_MAP,
    workload::CRON_JOB,
    workload::DEPLOYMENT,
    ingress::VERB,
    workload::JOB,
    config::NAMESPACE,
    workload::DISRUPTION_BUDGET,
    config::PRIORITY_CLASS,
    config::QUOTA,
    access::ROLE,
    access::ROLE_BINDING,
    config::SECRET,
    service::VERB,
    access::SERVICE_ACCOUNT,
    access::TOKEN,
];

/// The heading that generators stand under.
const GROUP: &str = "Available Commands:";
const GENERATE: &str = "save-config validate?strict";

fn run(call: &mut Call) -> Result<Next, Failure> {
    if !call.flags.has("filename") {
        let args = &call.flags.args;
        if !args.is_empty() {
            return Err(call.usage(format!("Unexpected args: [{}]", args.join(" "))));
        }
        return Err(own("must specify one of -f and -k"));
    }
    let files = call.filenames()?;
    let output = call.flags.text("output").to_string();
    if output.is_empty() {
        call.with_run(|run| create::create(run, &files))?;
        return Ok(Next::Done(0));
    }
    let options = call.options()?;
    for item in crate::kubectl::manifest::items(call.cluster.store(), &files, &options) {
        match item {
            Ok(item) => {
                let object = if options.dry_run == DryRun::Client {
                    Ok(item.object.clone())
                } else {
                    call.send(&item.resource, &item.namespace, "", Write::Create(Body::Content(item.object.clone())))
                        .map_err(|f| f.when("creating", &item.file))
                };
                match object {
                    Ok(object) => call.print_done(&item.resource, &object, "created")?,
                    Err(failure) => call.fail(failure),
                }
            }
            Err(failure) => call.fail(failure),
        }
    }
    Ok(Next::Done(0))
}

/// The one NAME that a generator takes.
fn name(call: &Call) -> Result<String, Failure> {
    let args = call.flags.before_dash();
    match args {
        [name] => Ok(name.clone()),
        _ => Err(call.usage(format!("exactly one NAME is required, got {}", args.len()))),
    }
}

/// Sends (or only prints) what a generator made. `doing` names it in an error: `failed to create ingress`.
pub(super) fn send(
    call: &mut Call,
    resource: &Resource,
    mut object: Value,
    operation: &str,
    doing: Option<&str>,
) -> Result<Next, Failure> {
    let dry_run = call.dry_run()?;
    let namespace = call.namespace();
    if resource.namespaced && call.flags.has("namespace") {
        object.set_at(&["metadata", "namespace"], namespace.as_str());
    }
    if call.flags.is_on("save-config") {
        object = with_last_applied(&object);
    }
    if dry_run == DryRun::Client {
        call.print_done(resource, &object, operation)?;
        return Ok(Next::Done(0));
    }
    object.remove_at(&["status"]);
    let created =
        call.send(resource, &namespace, "", Write::Create(Body::Content(object))).map_err(|failure| {
            match (failure, doing) {
                (Failure::Server(status), Some(doing)) => own(format!("{doing}: {}", status.message)),
                (failure, _) => failure,
            }
        })?;
    call.print_done(resource, &created, operation)?;
    Ok(Next::Done(0))
}

/// Makes and sends an object of a resource.
fn made(call: &mut Call, word: &str, object: Value, doing: &str) -> Result<Next, Failure> {
    let resource = crate::kubectl::arguments::resource(call.cluster.store(), word)?;
    send(call, &resource, object, "created", Some(doing))
}

/// An object with nothing but its name.
fn named(api_version: &str, kind: &str, name: &str) -> Value {
    let mut object = crate::value!({ "apiVersion": api_version, "kind": kind });
    object.set_at(&["metadata", "name"], name);
    object
}

/// The flag that must be given.
fn required(call: &Call, flags: &[&str]) -> Result<(), Failure> {
    let missing: Vec<String> = flags.iter().filter(|f| !call.flags.has(f)).map(|f| json::quote(f)).collect();
    if missing.is_empty() { Ok(()) } else { Err(own(format!("required flag(s) {} not set", missing.join(", ")))) }
}

/// Sends an object that a verb beside the generators made.
pub(super) fn send_object(
    call: &mut Call,
    resource: &Resource,
    object: Value,
    operation: &str,
) -> Result<Next, Failure> {
    send(call, resource, object, operation, None)
}
