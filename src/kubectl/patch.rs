//! `kubectl patch`.

use crate::api::value::Value;
use crate::apiserver::request::{FieldValidation, PatchKind};
use crate::apiserver::resource::Resource;
use crate::kubectl::failure::Failure;
use crate::kubectl::run::Run;

/// Patches one object and says whether that changed it. The command cannot be told how strict to be, so the server warns of
/// unknown fields and drops them.
pub fn patch(run: &mut Run, resource: &Resource, name: &str, kind: PatchKind, change: &Value) {
    run.options.validation = FieldValidation::Warn;
    if let Err(failure) = patch_one(run, resource, name, kind, change) {
        run.fail(failure);
    }
}

fn patch_one(run: &mut Run, resource: &Resource, name: &str, kind: PatchKind, change: &Value) -> Result<(), Failure> {
    let namespace = run.options.namespace.clone();
    let before = run.get(resource, &namespace, name)?;
    let after = run.send_patch(resource, &namespace, name, kind, change.clone()).map_err(|status| {
        if status.reason == "UnsupportedMediaType" {
            let gvk = format!("{}, Kind={}", gv(resource), resource.kind);
            let media = "application/strategic-merge-patch+json";
            return Failure::Own(format!("{media} is not supported by {gvk}: {}", status.message));
        }
        status.into()
    })?;
    let operation = if before == after { "patched (no change)" } else { "patched" };
    run.say_done(resource, name, operation);
    Ok(())
}

/// `/v1`, `apps/v1`: group and version as Go prints them.
fn gv(resource: &Resource) -> String {
    format!("{}/{}", resource.group(), resource.version())
}
