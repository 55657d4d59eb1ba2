//! `kubectl replace -f`.

use crate::apiserver::request::{Body, DeleteOptions, Verb};
use crate::apiserver::status::Status;
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::{File, Item, items};
use crate::kubectl::run::{DryRun, Run};

/// Replaces every object of the files. With `force` it is deleted and created anew.
pub fn replace(run: &mut Run, files: &[File], force: bool) {
    let found = items(run.client.store(), files, &run.options);
    if found.is_empty() {
        return run.fail(Failure::Own("no objects passed to replace".into()));
    }
    for found in found {
        let outcome = found.and_then(|item| if force { recreate(run, &item) } else { replace_item(run, item) });
        if let Err(failure) = outcome {
            run.fail(failure);
        }
    }
}

fn replace_item(run: &mut Run, mut item: Item) -> Result<(), Failure> {
    if run.options.dry_run == DryRun::Client {
        run.say_done(&item.resource, &item.name, "replaced");
        return Ok(());
    }
    if item.name.is_empty() {
        return Err(Failure::Own("resource name may not be empty".into()).when("replacing", &item.file));
    }
    if item.resource.group_version.is_empty() {
        return Err(Failure::from(Status::no_such_resource()).when("replacing", &item.file));
    }
    // Without a version of its own the object takes the live one's: the write then overwrites whatever is there.
    if item.object.str_at(&["metadata", "resourceVersion"]).is_empty()
        && let Ok(live) = run.get(&item.resource, &item.namespace, &item.name)
    {
        let version = live.at(&["metadata", "resourceVersion"]).cloned().unwrap_or_default();
        item.object.set_at(&["metadata", "resourceVersion"], version);
    }
    let body = Verb::Update(Body::Content(item.object.clone()));
    run.send(&item.resource, &item.namespace, &item.name, body)
        .map_err(|s| Failure::from(s).when("replacing", &item.file))?;
    run.say_done(&item.resource, &item.name, "replaced");
    Ok(())
}

fn recreate(run: &mut Run, item: &Item) -> Result<(), Failure> {
    let options = DeleteOptions { grace_period: Some(0), ..DeleteOptions::default() };
    match run.send(&item.resource, &item.namespace, &item.name, Verb::Delete(options)) {
        Ok(_) => {
            let line =
                super::delete::deleted_line(&item.resource, &item.namespace, &item.name, true, run.options.dry_run);
            run.say(&line);
        }
        Err(status) if status.reason == "NotFound" => {}
        Err(status) => return Err(status.into()),
    }
    let mut item = item.clone();
    item.object.remove_at(&["metadata", "resourceVersion"]);
    let name = super::create::post(run, &item).map(|o| super::run::name_of(&o))?;
    run.say_done(&item.resource, &name, "replaced");
    Ok(())
}
