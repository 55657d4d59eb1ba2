//! `kubectl edit`: the object goes to the editor, and is applied when it is saved.

use super::{Act, FILES, INTERMEDIATE, PRINT, Verb};
use crate::api::yaml;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::shown;

pub const VERB: Verb = Verb {
    names: &["edit"],
    group: INTERMEDIATE,
    short: "Edit a resource on the server",
    usage: "(RESOURCE/NAME | -f FILENAME)",
    examples: "# Change a service in the editor\nkubectl edit svc/web",
    flags: &["output-patch save-config subresource= validate?strict windows-line-endings field-manager=", FILES, PRINT],
    act: Act::Run(run),
};

/// The lines above the text, as kubectl writes them.
const HEAD: &str = "# Please edit the object below. Lines beginning with a '#' will be ignored,\n# and an empty file will abort the edit. If an error occurs while saving this file will be\n# reopened with the relevant failures.\n#\n";

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own(
            "You must provide one or more resources by argument or filename.\nExample resource specifications include:\n   '-f rsrc.yaml'\n   '--filename=rsrc.json'\n   '<resource> <name>'\n   '<resource>'",
        ));
    }
    let targets = call.targets(&args, true)?;
    let Some(target) = targets.into_iter().next() else {
        if call.failures.is_empty() {
            return Err(own("edit cancelled, no objects found"));
        }
        return Ok(Next::Done(1));
    };
    let text = format!("{HEAD}{}", yaml::print(&shown(&target.object.value)));
    let name = format!("edit-{}-{}.yaml", target.resource.singular, target.name());
    Ok(Next::Edit { key: target.object.key.clone(), name, text })
}
