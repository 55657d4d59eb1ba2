//! `kubectl apply -f`, as a client applies it: the three-way merge of what was applied last (it stands in an annotation),
//! what is to be, and what is. Left out: `--server-side`, `--prune`, apply sets.

use crate::api::json;
use crate::api::value::{Map, Value};
use crate::apiserver::patch::{merge_three_way, strategic_three_way};
use crate::apiserver::request::PatchKind;
use crate::apiserver::resource::Resource;
use crate::apiserver::status::Status;
use crate::kubectl::create::post;
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::{File, Item, items};
use crate::kubectl::run::{DryRun, Run, name_of};
use crate::text::Span;

/// Where the object that was applied last is kept.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Applies every object of the files. All files are read before anything is sent.
pub fn apply(run: &mut Run, files: &[File]) {
    let found = items(run.client.store(), files, &run.options);
    if found.is_empty() {
        return run.fail(Failure::Own("no objects passed to apply".into()));
    }
    let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(Result::is_ok);
    bad.into_iter().filter_map(Result::err).for_each(|failure| run.fail(failure));
    for item in good.into_iter().flatten() {
        if let Err(failure) = apply_item(run, &item) {
            run.fail(failure);
        }
    }
}

/// The object with itself written down in the annotation (`GetModifiedConfiguration`).
pub fn with_last_applied(object: &Value) -> Value {
    let mut bare = object.clone();
    bare.remove_at(&["metadata", "annotations", LAST_APPLIED]);
    if bare.at(&["metadata", "annotations"]).is_none() {
        bare.set_at(&["metadata", "annotations"], Value::map());
    }
    let text = json::to_string(&bare) + "\n";
    bare.set_at(&["metadata", "annotations", LAST_APPLIED], text);
    bare
}

/// An object's description in kubectl's errors.
fn describe(item: &Item) -> String {
    let resource = &item.resource;
    let gv = format!("{}/{}", resource.group(), resource.version());
    format!(
        "Resource: \"{gv}, Resource={}\", GroupVersionKind: \"{gv}, Kind={}\"\nName: {:?}, Namespace: {:?}",
        resource.plural,
        resource.kind,
        item.name.as_str(),
        item.namespace.as_str()
    )
}

fn apply_item(run: &mut Run, item: &Item) -> Result<(), Failure> {
    let retrieving = || format!("retrieving current configuration of:\n{}\nfrom server for:", describe(item));
    if item.name.is_empty() {
        let prefix = item.object.str_at(&["metadata", "generateName"]);
        if !prefix.is_empty() {
            return Err(Failure::Own(format!("from {prefix}: cannot use generate name with apply")));
        }
        return Err(Failure::Own("resource name may not be empty".into()).when(&retrieving(), &item.file));
    }
    if item.resource.group_version.is_empty() {
        return Err(Failure::from(Status::no_such_resource()).when(&retrieving(), &item.file));
    }
    let modified = with_last_applied(&item.object);
    let live = match run.get(&item.resource, &item.namespace, &item.name) {
        Ok(live) => live,
        Err(status) if status.reason != "NotFound" => {
            return Err(Failure::from(status).when(&retrieving(), &item.file));
        }
        Err(_) => {
            if run.options.dry_run == DryRun::Client {
                run.say_done(&item.resource, &item.name, "created");
                return Ok(());
            }
            let item = Item { object: modified.without_nulls(), ..item.clone() };
            let created = post(run, &item).map_err(|s| Failure::from(s).when("creating", &item.file))?;
            run.say_done(&item.resource, &name_of(&created), "created");
            return Ok(());
        }
    };
    let original = live.at(&["metadata", "annotations", LAST_APPLIED]).and_then(Value::as_str);
    let original = match original {
        Some(text) => crate::api::yaml::read(text, Span::new(0, text.len())).map(|r| r.value).unwrap_or_default(),
        None => {
            let resource = &item.resource;
            run.output.stderr.push_str(&format!(
                "Warning: resource {}/{} is missing the {LAST_APPLIED} annotation which is required by kubectl apply. \
                 kubectl apply should only be used on resources created declaratively by either kubectl create \
                 --save-config or kubectl apply. The missing annotation will be patched automatically.\n",
                resource.plural, item.name
            ));
            Value::Null
        }
    };
    let (kind, patch) = three_way(&item.resource, &original, &modified, &live)?;
    if patch.as_map().is_some_and(Map::is_empty) {
        run.say_done(&item.resource, &item.name, "unchanged");
        return Ok(());
    }
    if run.options.dry_run != DryRun::Client {
        let sent = run.send_patch(&item.resource, &item.namespace, &item.name, kind, patch.clone());
        sent.map_err(|status| {
            let doing = format!("applying patch:\n{}\nto:\n{}\nfor:", json::to_string(&patch), describe(item));
            Failure::from(status).when("patching", &item.file).when(&doing, &item.file)
        })?;
    }
    run.say_done(&item.resource, &item.name, "configured");
    Ok(())
}

/// The patch that apply sends. Custom resources without a schema get a JSON merge patch.
pub fn three_way(
    resource: &Resource,
    original: &Value,
    modified: &Value,
    live: &Value,
) -> Result<(PatchKind, Value), Failure> {
    let built_in = resource.root.filter(|_| !resource.group().contains("gateway."));
    match built_in {
        Some(root) => match strategic_three_way(root, original, modified, live) {
            Ok(patch) => Ok((PatchKind::Strategic, patch)),
            Err(error) => {
                let words = error.words();
                let (o, m, c) = (json::to_string(original), json::to_string(modified), json::to_string(live));
                Err(Failure::Own(format!(
                    "creating patch with:\noriginal:\n{o}\nmodified:\n{m}\ncurrent:\n{c}\nfor: {words}"
                )))
            }
        },
        None => Ok((PatchKind::Merge, merge_three_way(original, modified, live))),
    }
}
