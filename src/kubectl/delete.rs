//! `kubectl delete`, of files or of what stands on the command line.

use crate::apiserver::request::{DeleteOptions, Verb};
use crate::apiserver::resource::Resource;
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::{File, items};
use crate::kubectl::run::{DryRun, Run};

/// `--ignore-not-found`, `--force` and what goes to the server.
#[derive(Clone, Debug, Default)]
pub struct Deletion {
    pub ignore_not_found: bool,
    pub force: bool,
    pub options: DeleteOptions,
}

/// Deletes every object of the files.
pub fn delete_files(run: &mut Run, files: &[File], deletion: &Deletion) {
    warn_force(run, deletion);
    for found in items(run.client.store(), files, &run.options) {
        let outcome = found.and_then(|i| delete_one(run, &i.resource, &i.namespace, &i.name, deletion, Some(&i.file)));
        if let Err(failure) = outcome {
            run.fail(failure);
        }
    }
}

/// `--force` gives a warning first.
pub fn warn_force(run: &mut Run, deletion: &Deletion) {
    if deletion.force && deletion.options.grace_period == Some(0) {
        run.warn(
            "Immediate deletion does not wait for confirmation that the running resource has been terminated. The \
             resource may continue to run on the cluster indefinitely.",
        );
    }
}

/// Deletes one object and says so.
pub fn delete_one(
    run: &mut Run,
    resource: &Resource,
    namespace: &str,
    name: &str,
    deletion: &Deletion,
    file: Option<&str>,
) -> Result<(), Failure> {
    if run.options.dry_run != DryRun::Client {
        match run.send(resource, namespace, name, Verb::Delete(deletion.options.clone())) {
            Ok(_) => {}
            Err(status) if status.reason == "NotFound" && deletion.ignore_not_found => return Ok(()),
            Err(status) => {
                let failure = Failure::from(status);
                return Err(file.map_or(failure.clone(), |file| failure.when("deleting", file)));
            }
        }
    }
    let forced = deletion.options.grace_period == Some(0);
    let line = deleted_line(resource, namespace, name, forced, run.options.dry_run);
    run.say(&line);
    Ok(())
}

/// `service "web" deleted from default namespace`.
pub(super) fn deleted_line(resource: &Resource, namespace: &str, name: &str, forced: bool, dry_run: DryRun) -> String {
    let operation = if forced { "force deleted" } else { "deleted" };
    let dry = match dry_run {
        DryRun::None => "",
        DryRun::Client => " (dry run)",
        DryRun::Server => " (server dry run)",
    };
    let place = if resource.namespaced { format!(" from {namespace} namespace") } else { String::new() };
    format!("{} {name:?} {operation}{dry}{place}", resource.kind_with_group())
}
