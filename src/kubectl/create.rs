//! `kubectl create -f`.

use crate::apiserver::request::{Body, Verb};
use crate::apiserver::status::Status;
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::{File, Item, items};
use crate::kubectl::run::{DryRun, Run, name_of};

/// Creates every object of the files; one that cannot be created does not keep the others from it.
pub fn create(run: &mut Run, files: &[File]) {
    let found = items(run.client.store(), files, &run.options);
    if found.is_empty() {
        return run.fail(Failure::Own("no objects passed to create".into()));
    }
    for found in found {
        // An object may bring the kind of the next one, so the server is asked again.
        let outcome = found.and_then(|item| create_item(run, &item, "creating"));
        if let Err(failure) = outcome {
            run.fail(failure);
        }
    }
}

/// Creates one object and says so.
pub(super) fn create_item(run: &mut Run, item: &Item, doing: &str) -> Result<(), Failure> {
    if run.options.dry_run == DryRun::Client {
        run.say_done(&item.resource, &item.name, "created");
        return Ok(());
    }
    let created = post(run, item).map_err(|s| Failure::from(s).when(doing, &item.file))?;
    run.say_done(&item.resource, &name_of(&created), "created");
    Ok(())
}

/// Posts an object to where its kind is served.
pub(super) fn post(run: &mut Run, item: &Item) -> Result<crate::api::value::Value, Status> {
    if item.resource.group_version.is_empty() {
        return Err(Status::no_such_resource());
    }
    run.send(&item.resource, &item.namespace, "", Verb::Create(Body::Content(item.object.clone())))
}
