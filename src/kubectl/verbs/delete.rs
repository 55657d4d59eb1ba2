//! `kubectl delete`: it waits until what it deleted is gone.

use super::{Act, DRY, FILES, INTERMEDIATE, SELECT, Verb};
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::apiserver::request::{DeleteOptions, Propagation, Verb as Write};
use crate::cluster::Cluster;
use crate::kubectl::arguments::{Ask, ask};
use crate::kubectl::call::{Call, Follow, Next, Step, Streams, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::manifest::items;
use crate::kubectl::run::DryRun;
use smol_str::SmolStr;

pub const VERB: Verb = Verb {
    names: &["delete"],
    group: INTERMEDIATE,
    short: "Delete resources by file names, stdin, resources and names, or by resources and label selector",
    usage: "([-f FILENAME] | [-k DIRECTORY] | TYPE [(NAME | -l label | --all)])",
    examples: "# Delete what a file describes\nkubectl delete -f web.yaml\n\n# Delete two services\nkubectl delete svc web api\n\n# Delete all pods with a label\nkubectl delete pods -l app=web\n\n# Delete a pod without waiting for its grace period\nkubectl delete pod web-1 --grace-period=0 --force",
    flags: &[
        "output,o= cascade?background force grace-period# ignore-not-found interactive,i now raw= timeout~ wait",
        SELECT,
        FILES,
        DRY,
    ],
    act: Act::Run(run),
};

fn run(call: &mut Call) -> Result<Next, Failure> {
    let output = call.flags.text("output").to_string();
    if !output.is_empty() && output != "name" {
        return Err(own(format!("unexpected -o output mode: {output}. We only support '-o name'")));
    }
    let args = call.flags.args.clone();
    let forced = call.flags.is_on("force");
    let grace = match (call.flags.number("grace-period").filter(|g| *g >= 0), call.flags.is_on("now")) {
        (Some(_), true) => return Err(own("--now and --grace-period cannot be specified together")),
        (None, true) => Some(1),
        (Some(0), _) if !forced => Some(1),
        (None, _) if forced => Some(0),
        (Some(given), _) if forced && given > 0 => {
            return Err(own("--force and --grace-period greater than 0 cannot be specified together"));
        }
        (given, _) => given,
    };
    let propagation = match call.flags.get("cascade") {
        None | Some("background" | "true") => Propagation::Background,
        Some("orphan" | "false") => Propagation::Orphan,
        Some("foreground") => Propagation::Foreground,
        Some(other) => {
            return Err(own(format!(
                "invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\""
            )));
        }
    };
    let ignore = call.flags.switch("ignore-not-found").unwrap_or(call.flags.is_on("all") || call.is_selected());
    let wanted = targets(call, &args)?;
    if call.flags.is_on("all") && call.is_selected() {
        return Err(own("cannot set --all and --selector at the same time"));
    }
    if forced && grace == Some(0) {
        call.warn("Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.");
    }
    let dry_run = call.dry_run()?;
    let scoped = call.flags.has("namespace") && !call.flags.is_on("all-namespaces");
    let mut deleted: Vec<(ObjectKey, SmolStr)> = Vec::new();
    let mut found = 0;
    let mut warned = false;
    for (resource, namespace, name, file) in wanted {
        let options = DeleteOptions { grace_period: grace, propagation };
        if dry_run != DryRun::Client {
            match call.get(&resource, &namespace, &name) {
                Ok(object) => deleted.push((object.key.clone(), object.uid().clone())),
                Err(status) if ignore && status.reason == "NotFound" => continue,
                Err(status) => {
                    let failure = Failure::from(status);
                    call.fail(file.map_or(failure.clone(), |file| failure.when("deleting", &file)));
                    continue;
                }
            }
            if scoped && !resource.namespaced && !warned {
                call.warn("deleting cluster-scoped resources, not scoped to the provided namespace");
                warned = true;
            }
            if let Err(failure) = call.send(&resource, &namespace, &name, Write::Delete(options)) {
                deleted.pop();
                call.fail(file.map_or(failure.clone(), |file| failure.when("deleting", &file)));
                continue;
            }
        }
        found += 1;
        if output == "name" {
            call.say(format!("{}/{name}", resource.kind_with_group()));
            continue;
        }
        let dry = match dry_run {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        };
        let operation = if grace == Some(0) { "force deleted" } else { "deleted" };
        let place = if resource.namespaced { format!(" from {namespace} namespace") } else { String::new() };
        call.say(format!("{} {} {operation}{dry}{place}", resource.kind_with_group(), crate::api::json::quote(&name)));
    }
    if found == 0 {
        if call.failures.is_empty() {
            call.say("No resources found");
        }
        return Ok(Next::Done(0));
    }
    let wait = call.flags.switch("wait") != Some(false) && dry_run == DryRun::None && grace != Some(0);
    deleted.retain(|(key, uid)| call.cluster.store().get(key).is_some_and(|o| o.uid() == uid));
    if !wait || deleted.is_empty() || !call.failures.is_empty() {
        return Ok(Next::Done(0));
    }
    let timeout = call.flags.duration("timeout").filter(|t| *t > 0);
    let until = timeout.map(|t| call.now() + Duration::micros(t.unsigned_abs()));
    Ok(Next::Follow(Box::new(Gone { keys: deleted, until })))
}

type Wanted = (crate::apiserver::resource::Resource, String, String, Option<String>);

fn targets(call: &mut Call, args: &[String]) -> Result<Vec<Wanted>, Failure> {
    let mut wanted = Vec::new();
    if call.flags.has("filename") {
        if !args.is_empty() {
            return Err(own(
                "when paths, URLs, or stdin is provided as input, you may not specify resource arguments as well",
            ));
        }
        let files = call.filenames()?;
        let options = call.options()?;
        for item in items(call.cluster.store(), &files, &options) {
            match item {
                Ok(i) => {
                    wanted.push((i.resource, i.namespace.to_string(), i.name.to_string(), Some(i.file.to_string())))
                }
                Err(failure) => call.fail(failure),
            }
        }
        return Ok(wanted);
    }
    if args.is_empty() {
        return Err(own(super::NOTHING_NAMED));
    }
    let all = call.flags.is_on("all");
    match ask(call.cluster.store(), args, all, call.is_selected(), false)? {
        Ask::Named(named) => {
            let namespace = call.namespace();
            for (resource, name) in named {
                let place = if resource.namespaced { namespace.clone() } else { String::new() };
                wanted.push((resource, place, name, None));
            }
        }
        Ask::All(resources) => {
            for resource in resources {
                for object in call.matching(&resource)? {
                    wanted.push((resource.clone(), object.namespace().to_string(), object.name().to_string(), None));
                }
            }
        }
    }
    Ok(wanted)
}

/// Waits until objects are gone.
struct Gone {
    keys: Vec<(ObjectKey, SmolStr)>,
    until: Option<Time>,
}

impl Follow for Gone {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        self.keys.retain(|(key, uid)| cluster.store().get(key).is_some_and(|o| o.uid() == uid));
        if self.keys.is_empty() {
            return Step::Next(Next::Done(0));
        }
        if self.until.is_some_and(|until| cluster.now() >= until) {
            for (key, _) in &self.keys {
                let resource = crate::apiserver::resource::of_stored(cluster.store(), &key.kind);
                let plural = resource.map_or(key.kind.clone(), |r| r.plural_with_group());
                streams.err.push_str(&format!("error: timed out waiting for the condition on {plural}/{}\n", key.name));
            }
            return Step::Next(Next::Done(1));
        }
        Step::Wait(super::get::next_look(cluster))
    }
}
