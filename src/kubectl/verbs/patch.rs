//! `kubectl patch`.

use super::{ADVANCED, Act, DRY, FILES, PRINT, Verb};
use crate::api::value::Value;
use crate::api::yaml;
use crate::apiserver::request::PatchKind;
use crate::apiserver::status::Status;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::text::Span;

pub const VERB: Verb = Verb {
    names: &["patch"],
    group: ADVANCED,
    short: "Update fields of a resource",
    usage: "(-f FILENAME | TYPE NAME) [-p PATCH|--patch-file FILE]",
    examples: "# Change one field\nkubectl patch svc web -p '{\"spec\":{\"type\":\"NodePort\"}}'\n\n# Change an item of a list by its place\nkubectl patch svc web --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/ports/0/port\",\"value\":81}]'",
    flags: &["patch,p= patch-file= type= local subresource=", FILES, PRINT, DRY],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let (inline, file) =
        (call.flags.get("patch").map(str::to_string), call.flags.get("patch-file").map(str::to_string));
    let text = match (inline, file) {
        (Some(_), Some(_)) => return Err(own("cannot specify --patch and --patch-file together")),
        (Some(text), None) if !text.is_empty() => text,
        (None, Some(path)) => match call.files.read(&path) {
            Some(text) => text,
            None => return Err(own(format!("unable to read patch file: open {path}: no such file or directory"))),
        },
        _ => return Err(own("must specify --patch or --patch-file containing the contents of the patch")),
    };
    let kind = match call.flags.get("type").unwrap_or("strategic").to_ascii_lowercase().as_str() {
        "strategic" => PatchKind::Strategic,
        "merge" => PatchKind::Merge,
        "json" => PatchKind::Json,
        other => {
            return Err(own(format!(
                "--type must be one of [json merge strategic], not {}",
                crate::api::json::quote(other)
            )));
        }
    };
    let patch = match yaml::read(&text, Span::new(0, text.len())) {
        Ok(reading) => reading.value,
        Err(error) => {
            return Err(own(format!("unable to parse {}: {}", crate::api::json::quote(&text), error.message)));
        }
    };
    let part = call.flags.text("subresource").to_string();
    match part.as_str() {
        "" | "status" => {}
        "scale" | "resize" => return Err(own(format!("patching the subresource {part} is not simulated here"))),
        _ => {
            return Err(own(format!(
                "invalid subresource value: {}. Must be one of [status scale resize]",
                crate::api::json::quote(&part)
            )));
        }
    }
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own(super::NOTHING_NAMED));
    }
    let targets = call.targets(&args, false)?;
    for target in targets {
        if let Err(status) = readable(kind, &patch) {
            call.fail(status);
            continue;
        }
        let before = target.object.value.clone();
        let send = if part == "status" { Call::patch_status } else { Call::patch };
        let result = send(call, &target.resource, target.namespace(), target.name(), kind, patch.clone());
        match result {
            Ok(after) => {
                let operation = if before == after { "patched (no change)" } else { "patched" };
                call.print_done(&target.resource, &after, operation)?;
            }
            Err(Failure::Server(status)) if status.reason == "UnsupportedMediaType" => {
                let gvk =
                    format!("{}/{}, Kind={}", target.resource.group(), target.resource.version(), target.resource.kind);
                call.fail(own(format!(
                    "application/strategic-merge-patch+json is not supported by {gvk}: {}",
                    status.message
                )));
            }
            Err(failure) => call.fail(failure),
        }
    }
    Ok(Next::Done(0))
}

/// A patch of the wrong JSON type never reaches the object.
fn readable(kind: PatchKind, patch: &Value) -> Result<(), Status> {
    // A strategic patch is told without the words in front.
    let (before, wanted) = match kind {
        PatchKind::Json => ("error decoding patch: ", "[]handlers.jsonPatchOp"),
        PatchKind::Merge => ("error decoding patch: ", "map[string]interface {}"),
        PatchKind::Strategic => ("", "map[string]interface {}"),
    };
    let fits = match kind {
        PatchKind::Json => matches!(patch, Value::List(_)),
        _ => matches!(patch, Value::Map(_) | Value::Null),
    };
    if fits {
        return Ok(());
    }
    let found = patch.json_type();
    Err(Status::bad_request(format!("{before}json: cannot unmarshal {found} into Go value of type {wanted}")))
}
