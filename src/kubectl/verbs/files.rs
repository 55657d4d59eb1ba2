//! `kubectl apply` and `kubectl replace`: the command line around the verbs that take files.

use super::{ADVANCED, Act, DRY, FILES, PRINT, VALIDATE, Verb};
use crate::api::value::Value;
use crate::api::{json, yaml};
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::{apply, replace};
use crate::text::Span;

pub const APPLY: Verb = Verb {
    names: &["apply"],
    group: ADVANCED,
    short: "Apply a configuration to a resource by file name or stdin",
    usage: "(-f FILENAME | -k DIRECTORY)",
    examples: "# Apply a file\nkubectl apply -f web.yaml\n\n# Apply several, or a whole folder\nkubectl apply -f web.yaml -f db.yaml\nkubectl apply -f manifests/\n\n# Apply what is typed\ncat web.yaml | kubectl apply -f -",
    flags: &[
        "selector,l= all cascade?background force grace-period# overwrite openapi-patch prune prune-allowlist= \
            server-side force-conflicts timeout~ wait",
        FILES,
        PRINT,
        DRY,
        VALIDATE,
    ],
    act: Act::Both(apply, &[VIEW]),
};

const VIEW: Verb = Verb {
    names: &["view-last-applied"],
    group: ADVANCED,
    short: "View the latest last-applied-configuration annotations of a resource/object",
    usage: "(TYPE [NAME | -l label] | TYPE/NAME | -f FILENAME)",
    examples: "# What was applied last\nkubectl apply view-last-applied svc web",
    flags: &["selector,l= all output,o=", FILES],
    act: Act::Run(view),
};

/// Prints what was applied last; of an object that never was applied, nothing.
fn view(call: &mut Call) -> Result<Next, Failure> {
    let as_json = match call.flags.text("output") {
        "" | "yaml" => false,
        "json" => true,
        odd => {
            return Err(
                call.usage(format!("Unexpected -o output mode: {odd}, the flag 'output' must be one of yaml|json"))
            );
        }
    };
    if call.flags.args.is_empty() && !call.flags.has("filename") {
        return Err(own(super::NOTHING_NAMED));
    }
    for target in call.targets(&call.flags.args.clone(), false)? {
        let text = target.object.value.at(&["metadata", "annotations", apply::LAST_APPLIED]).and_then(Value::as_str);
        if let Some(read) = text.and_then(|text| yaml::read(text, Span::new(0, text.len())).ok()) {
            let printed =
                if as_json { json::to_string_pretty(&read.value, 2) + "\n" } else { yaml::print(&read.value) };
            call.streams.out.push_str(&printed);
        }
    }
    Ok(Next::Done(0))
}

pub const REPLACE: Verb = Verb {
    names: &["replace"],
    group: ADVANCED,
    short: "Replace a resource by file name or stdin",
    usage: "-f FILENAME",
    examples: "# Replace an object by what a file says\nkubectl replace -f web.yaml\n\n# Delete it first and create it anew\nkubectl replace --force -f web.yaml",
    flags: &[
        "cascade?background force grace-period# save-config timeout~ wait raw= subresource=",
        FILES,
        PRINT,
        DRY,
        VALIDATE,
    ],
    act: Act::Run(replace),
};

fn apply(call: &mut Call) -> Result<Next, Failure> {
    if !call.flags.args.is_empty() {
        let args = format!("{:?}", call.flags.args).replace(',', "");
        return Err(call.usage(format!("Unexpected args: {}", args.replace('"', ""))));
    }
    if call.flags.has("kustomize") {
        return Err(own("kustomize is not simulated here; apply the files that it would make, with -f"));
    }
    if call.flags.is_on("server-side") {
        return Err(own(
            "server-side apply is not simulated here; apply without --server-side works the same for one person",
        ));
    }
    if call.flags.is_on("prune") {
        return Err(own("--prune is not simulated here; delete what is no longer wanted with kubectl delete"));
    }
    if !call.flags.has("filename") {
        return Err(own("must specify one of -f and -k"));
    }
    let files = call.filenames()?;
    let output = call.flags.text("output").to_string();
    if output.is_empty() || output == "name" {
        call.with_run(|run| apply::apply(run, &files))?;
        if output == "name" {
            call.streams.out = names_only(&call.streams.out);
        }
        return Ok(Next::Done(0));
    }
    let before = call.streams.out.len();
    call.with_run(|run| apply::apply(run, &files))?;
    print_applied(call, &files, before)
}

/// `service/web created` → `service/web`.
fn names_only(text: &str) -> String {
    text.lines().map(|l| l.split(' ').next().unwrap_or("").to_string() + "\n").collect()
}

/// `-o yaml` and the like: the objects as they are now.
fn print_applied(call: &mut Call, files: &[crate::kubectl::manifest::File], from: usize) -> Result<Next, Failure> {
    call.streams.out.truncate(from);
    let options = call.options()?;
    let dry = options.dry_run == crate::kubectl::run::DryRun::Client;
    let items = crate::kubectl::manifest::items(call.cluster.store(), files, &options);
    let mut objects = Vec::new();
    for item in items.into_iter().flatten() {
        match call.get(&item.resource, &item.namespace, &item.name) {
            Ok(object) if !dry => objects.push(object.value.clone()),
            _ if dry => objects.push(apply::with_last_applied(&item.object)),
            _ => {}
        }
    }
    let own_files = call.files;
    let format =
        crate::kubectl::output::Format::parse(call.flags.text("output"), &|p| own_files.read(p)).map_err(own)?;
    if objects.is_empty() {
        return Ok(Next::Done(0));
    }
    let object = if objects.len() == 1 {
        objects.remove(0)
    } else {
        crate::value!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": objects })
    };
    let text = format.print(&crate::kubectl::output::shown(&object), "").map_err(own)?;
    call.streams.out.push_str(&text);
    Ok(Next::Done(0))
}

fn replace(call: &mut Call) -> Result<Next, Failure> {
    if !call.flags.has("filename") {
        return Err(call.usage("must specify --filename to replace"));
    }
    let files = call.filenames()?;
    let force = call.flags.is_on("force");
    call.with_run(|run| replace::replace(run, &files, force))?;
    Ok(Next::Done(0))
}
