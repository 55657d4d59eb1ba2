//! `kubectl describe`.

use super::{Act, FILES, SELECT, TROUBLE, Verb};
use crate::apiserver::resource::Resource;
use crate::kubectl::arguments::{Ask, Target, ask};
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::describe::{View, describe};
use crate::kubectl::failure::Failure;

pub const VERB: Verb = Verb {
    names: &["describe"],
    group: TROUBLE,
    short: "Show details of a specific resource or group of resources",
    usage: "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)",
    examples: "# What a service is and where it leads\nkubectl describe svc web\n\n# A pod, with its events\nkubectl describe pod/web-1\n\n# All pods with a label\nkubectl describe pods -l app=web",
    flags: &["show-events chunk-size#", SELECT, FILES],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own(
            "You must specify the type of resource to describe. Use \"kubectl api-resources\" for a complete list of supported resources.\n",
        ));
    }
    let targets = if call.flags.has("filename") { call.targets(&args, true)? } else { find(call, &args)? };
    if targets.is_empty() && call.failures.is_empty() {
        if call.flags.is_on("all-namespaces") {
            call.complain("No resources found");
        } else {
            let namespace = call.namespace();
            call.complain(format!("No resources found in {namespace} namespace."));
        }
        return Ok(Next::Done(0));
    }
    let show_events = call.flags.switch("show-events") != Some(false);
    let view = View { cluster: call.cluster, now: call.cluster.now(), show_events };
    let texts: Vec<String> = targets.iter().map(|t| describe(&t.object, &view)).collect();
    call.streams.out.push_str(&texts.join("\n\n"));
    Ok(Next::Done(0))
}

fn find(call: &mut Call, args: &[String]) -> Result<Vec<Target>, Failure> {
    let all = call.flags.is_on("all");
    let mut targets = Vec::new();
    match ask(call.cluster.store(), args, all, call.is_selected(), true)? {
        Ask::All(resources) => {
            for resource in resources {
                for object in call.matching(&resource)? {
                    targets.push(Target { resource: resource.clone(), object });
                }
            }
        }
        Ask::Named(named) => {
            let namespace = call.namespace();
            for (resource, name) in named {
                match call.get(&resource, &namespace, &name) {
                    Ok(object) => targets.push(Target { resource, object }),
                    Err(status) => {
                        let near = with_prefix(call, &resource, &namespace, &name);
                        if near.is_empty() {
                            call.fail(status);
                        }
                        targets.extend(near);
                    }
                }
            }
        }
    }
    Ok(targets)
}

/// What is not found by its name is sought by its beginning.
fn with_prefix(call: &mut Call, resource: &Resource, namespace: &str, prefix: &str) -> Vec<Target> {
    let objects = call.list(resource, namespace);
    objects
        .into_iter()
        .filter(|o| o.name().starts_with(prefix))
        .map(|object| Target { resource: resource.clone(), object })
        .collect()
}
