//! `kubectl scale`.

use super::{Act, DEPLOY, DRY, FILES, PRINT, SELECT, Verb};
use crate::api::value::Value;
use crate::apiserver::request::PatchKind;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::run::DryRun;

pub const VERB: Verb = Verb {
    names: &["scale", "resize"],
    group: DEPLOY,
    short: "Set a new size for a deployment, replica set, or replication controller",
    usage: "[--resource-version=version] [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)",
    examples: "# Three pods\nkubectl scale deployment web --replicas=3\n\n# Only if there are two now\nkubectl scale --current-replicas=2 --replicas=3 deployment/web",
    flags: &["replicas# current-replicas# resource-version= timeout~", SELECT, FILES, PRINT, DRY],
    act: Act::Run(run),
};

/// The kinds that have a size.
const SCALABLE: [&str; 4] = ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"];

fn run(call: &mut Call) -> Result<Next, Failure> {
    let Some(replicas) = call.flags.number("replicas") else {
        return Err(own("required flag(s) \"replicas\" not set"));
    };
    if replicas < 0 {
        return Err(own("The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0"));
    }
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own(super::NOTHING_NAMED));
    }
    let current = call.flags.number("current-replicas").filter(|c| *c >= 0);
    let dry_run = call.dry_run()?;
    let targets = call.targets(&args, false)?;
    if targets.is_empty() && call.failures.is_empty() {
        return Err(own("no objects passed to scale"));
    }
    for target in targets {
        if !SCALABLE.contains(&target.resource.stored.as_str()) {
            call.fail(crate::apiserver::status::Status::no_such_resource());
            continue;
        }
        let now = target.object.value.at(&["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(1);
        if let Some(expected) = current.filter(|c| *c != now) {
            call.fail(own(format!("Expected replicas to be {expected}, was {now}")));
            continue;
        }
        if dry_run != DryRun::Client {
            let mut patch = Value::map();
            patch.set_at(&["spec", "replicas"], replicas);
            if let Err(failure) =
                call.patch(&target.resource, target.namespace(), target.name(), PatchKind::Merge, patch)
            {
                call.fail(failure);
                continue;
            }
        }
        call.print_done(&target.resource, &target.object.value, "scaled")?;
    }
    Ok(Next::Done(0))
}
