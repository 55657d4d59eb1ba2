//! `kubectl set image`, `set resources`, `set selector`, `set env`.

use super::{Act, BEGINNER, DRY, FILES, PRINT, SELECT, Verb};
use crate::api::quantity::Quantity;
use crate::api::value::{Map, Value};
use crate::apiserver::request::{Body, PatchKind, Verb as Write};
use crate::kubectl::arguments::Target;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::run::DryRun;
use crate::kubectl::selector::{LabelSelector, Requirement};

const GROUP: &str = "Available Commands:";

pub const VERB: Verb = Verb {
    names: &["set"],
    group: BEGINNER,
    short: "Set specific features on objects",
    usage: "SUBCOMMAND",
    examples: "",
    flags: &[],
    act: Act::Parent(&[
        Verb {
            names: &["env"],
            group: GROUP,
            short: "Update environment variables on a pod template",
            usage: "RESOURCE/NAME KEY_1=VAL_1 ... KEY_N=VAL_N",
            examples: "# Set a variable\nkubectl set env deployment/web COLOR=blue\n\n# Take it away\nkubectl set env deployment/web COLOR-",
            flags: &[
                "env,e= list containers,c= from= keys= prefix= overwrite resolve local",
                SELECT,
                FILES,
                PRINT,
                DRY,
            ],
            act: Act::Run(env),
        },
        Verb {
            names: &["image"],
            group: GROUP,
            short: "Update the image of a pod template",
            usage: "(-f FILENAME | TYPE NAME) CONTAINER_NAME_1=CONTAINER_IMAGE_1 ... CONTAINER_NAME_N=CONTAINER_IMAGE_N",
            examples: "# A new version\nkubectl set image deployment/web nginx=nginx:1.29",
            flags: &["local", SELECT, FILES, PRINT, DRY],
            act: Act::Run(image),
        },
        Verb {
            names: &["resources"],
            group: GROUP,
            short: "Update resource requests/limits on objects with pod templates",
            usage: "(-f FILENAME | TYPE NAME) ([--limits=LIMITS & --requests=REQUESTS]",
            examples: "# Room that a container asks for, and the most it may take\nkubectl set resources deployment/web -c=web --requests=cpu=100m --limits=cpu=200m,memory=512Mi",
            flags: &["limits= requests= containers,c= local", SELECT, FILES, PRINT, DRY],
            act: Act::Run(resources),
        },
        Verb {
            names: &["selector"],
            group: GROUP,
            short: "Set the selector on a resource",
            usage: "(-f FILENAME | TYPE NAME) EXPRESSIONS [--resource-version=version]",
            examples: "# Let a service lead to other pods\nkubectl set selector svc web app=web,version=2",
            flags: &["resource-version= local", SELECT, FILES, PRINT, DRY],
            act: Act::Run(selector),
        },
    ]),
};

/// Where the pod spec of a kind lies.
fn pod_spec(kind: &str) -> Option<&'static [&'static str]> {
    match kind {
        "Pod" => Some(&["spec"]),
        "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet" | "DaemonSet" | "Job" => {
            Some(&["spec", "template", "spec"])
        }
        "CronJob" => Some(&["spec", "jobTemplate", "spec", "template", "spec"]),
        _ => None,
    }
}

/// Splits arguments into resources and changes.
fn split(call: &Call, word: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
    super::annotate::resources_and_pairs(&call.flags.args, word)
}

fn targets(call: &mut Call, resources: &[String]) -> Result<Vec<Target>, Failure> {
    if resources.is_empty() && !call.flags.has("filename") {
        return Err(own("one or more resources must be specified as <resource> <name> or <resource>/<name>"));
    }
    call.targets(resources, false)
}

/// Replaces the object, and says what was updated. `wrong` stands before what the server says when it refuses.
fn write(call: &mut Call, target: &Target, value: Value, operation: &str, wrong: &str) -> Result<(), Failure> {
    if value == target.object.value {
        return Ok(());
    }
    if call.dry_run()? == DryRun::Client {
        return call.print_done(&target.resource, &value, operation);
    }
    match call.send(&target.resource, target.namespace(), target.name(), Write::Update(Body::Content(value))) {
        Ok(after) => call.print_done(&target.resource, &after, operation),
        Err(Failure::Server(mut status)) => {
            status.message = format!("failed to patch {wrong} {}", status.message);
            call.fail(own(status.message));
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

fn image(call: &mut Call) -> Result<Next, Failure> {
    let (resources, pairs) = split(call, "image")?;
    if pairs.is_empty() {
        return Err(own("at least one image update is required"));
    }
    for target in targets(call, &resources)? {
        let Some(path) = pod_spec(&target.resource.stored) else {
            call.fail(own(format!(
                "{} {}: the object is not a pod or does not have a pod template",
                target.resource.kind.to_ascii_lowercase(),
                target.name()
            )));
            continue;
        };
        let mut value = target.object.value.clone();
        let mut spec = value.at(path).cloned().unwrap_or_default();
        for (name, image) in pairs.iter().filter_map(|p| p.split_once('=')) {
            let mut found = false;
            for field in ["initContainers", "containers"] {
                if spec.items(field).is_empty() {
                    continue;
                }
                for container in spec.map_mut().entry(field).list_mut() {
                    if name == "*" || container.text("name") == name {
                        container.set_at(&["image"], image);
                        found = true;
                    }
                }
            }
            if !found {
                call.fail(own(format!("unable to find container named {}", crate::api::json::quote(name))));
            }
        }
        value.set_at(path, spec);
        if call.failures.is_empty() {
            write(call, &target, value, "image updated", "image update to pod template:")?;
        }
    }
    Ok(Next::Done(0))
}

fn resources(call: &mut Call) -> Result<Next, Failure> {
    if call.flags.is_on("all") && call.flags.has("selector") {
        return Err(own("cannot set --all and --selector at the same time"));
    }
    let args = call.flags.args.clone();
    let targets = call.targets(&args, false)?;
    if call.flags.text("limits").is_empty() && call.flags.text("requests").is_empty() {
        return Err(own("you must specify an update to requests or limits (in the form of --requests/--limits)"));
    }
    let wanted =
        [("limits", quantities(call.flags.text("limits"))?), ("requests", quantities(call.flags.text("requests"))?)];
    let only = Some(call.flags.text("containers")).filter(|only| !only.is_empty()).unwrap_or("*").to_string();
    for target in targets {
        let Some(path) = pod_spec(&target.resource.stored) else {
            call.fail(own(format!("{} the object is not a pod or does not have a pod template", target.shown())));
            continue;
        };
        let mut value = target.object.value.clone();
        let mut spec = value.at(path).cloned().unwrap_or_default();
        let mut found = false;
        for container in spec.map_mut().entry("containers").list_mut() {
            if !matches(&only, container.text("name")) {
                continue;
            }
            found = true;
            for (kind, list) in &wanted {
                for (resource, quantity) in list {
                    container.set_at(&["resources", kind, resource], quantity.as_str());
                }
            }
        }
        if !found {
            call.fail(own(format!("unable to find container named {only}")));
            continue;
        }
        value.set_at(path, spec);
        write(call, &target, value, "resource requirements updated", "resources update to pod template")?;
    }
    Ok(Next::Done(0))
}

/// `cpu=100m,memory=256Mi`.
fn quantities(spec: &str) -> Result<Vec<(String, String)>, Failure> {
    let read = |statement: &str| match statement.split('=').collect::<Vec<_>>()[..] {
        [resource, quantity] => match Quantity::parse(quantity) {
            Ok(quantity) => Ok((resource.to_string(), quantity.canonical().to_string())),
            Err(problem) => Err(own(problem)),
        },
        _ => Err(own(format!("Invalid argument syntax {statement}, expected <resource>=<value>"))),
    };
    spec.split(',').filter(|_| !spec.is_empty()).map(read).collect()
}

/// Whether a name is meant by a pattern, in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = &parts[..] else { return pattern == name };
    let within = name
        .strip_prefix(first)
        .and_then(|rest| middle.iter().try_fold(rest, |rest, part| rest.find(part).map(|at| &rest[at + part.len()..])));
    within.is_some_and(|rest| rest.ends_with(last))
}

fn selector(call: &mut Call) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let Some((expression, resources)) = args.split_last() else { return Err(own("one selector is required")) };
    let parsed = LabelSelector::parse(expression)
        .map_err(|problem| own(format!("couldn't parse the selector string \"{expression}\": {problem}")))?;
    let mut wanted = Map::new();
    let mut expressions: Vec<String> = Vec::new();
    for (requirement, text) in parsed.0.iter().zip(parts(expression)) {
        let mut other = |key: &str, operator: &str, values: &[String]| {
            expressions.push(format!("{{{key} {operator} [{}]}}", values.join(" ")));
        };
        match requirement {
            Requirement::In(key, values) if !text.contains('(') => {
                wanted.insert(key.as_str(), values.first().map_or("", String::as_str));
            }
            Requirement::In(key, values) => other(key, "In", values),
            Requirement::NotIn(key, values) => other(key, "NotIn", values),
            Requirement::Exists(key) => other(key, "Exists", &[]),
            Requirement::DoesNotExist(key) => other(key, "DoesNotExist", &[]),
            Requirement::Greater(..) => return Err(own("\"gt\" isn't supported in label selectors")),
            Requirement::Less(..) => return Err(own("\"lt\" isn't supported in label selectors")),
        }
    }
    for target in call.targets(resources, false)? {
        if target.resource.stored != "Service" {
            call.fail(own("setting a selector is only supported for Services"));
            continue;
        }
        if !expressions.is_empty() {
            let shown = expressions.join(" ");
            call.fail(own(format!("match expression [{shown}] not supported on this object")));
            continue;
        }
        let mut patch = Value::map();
        // A merge patch keeps the labels that it does not name: those must go by themselves.
        let mut change = wanted.clone();
        for (key, _) in target.object.value.at(&["spec"]).unwrap_or(&Value::Null).entries("selector") {
            if !wanted.contains_key(key) {
                change.insert(key.clone(), Value::Null);
            }
        }
        patch.set_at(&["spec", "selector"], change);
        if call.dry_run()? == DryRun::Client {
            call.print_done(&target.resource, &target.object.value, "selector updated")?;
            continue;
        }
        match call.patch(&target.resource, target.namespace(), target.name(), PatchKind::Merge, patch) {
            Ok(after) => call.print_done(&target.resource, &after, "selector updated")?,
            Err(failure) => call.fail(failure),
        }
    }
    Ok(Next::Done(0))
}

/// The requirements of a selector as they are written: what stands between commas that are in no parentheses.
fn parts(expression: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    expression.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
}

fn env(call: &mut Call) -> Result<Next, Failure> {
    let (resources, mut pairs) = split(call, "environment variable")?;
    pairs.extend(call.flags.all("env").map(str::to_string).collect::<Vec<_>>());
    let list = call.flags.is_on("list");
    if call.flags.has("from") {
        return Err(own(
            "--from is not simulated here; write envFrom into the manifest, or name the variables one by one",
        ));
    }
    if pairs.is_empty() && !list {
        return Err(own("at least one environment variable must be provided"));
    }
    let only = call.flags.text("containers").to_string();
    for target in targets(call, &resources)? {
        let Some(path) = pod_spec(&target.resource.stored) else {
            call.fail(own(format!("{} is not a pod or does not have a pod template", target.shown())));
            continue;
        };
        let mut value = target.object.value.clone();
        let mut spec = value.at(path).cloned().unwrap_or_default();
        if list {
            for container in spec.items("containers") {
                call.say(format!(
                    "# {} {}, container {}",
                    target.resource.plural,
                    target.name(),
                    container.text("name")
                ));
                for variable in container.items("env") {
                    call.say(format!("{}={}", variable.text("name"), variable.text("value")));
                }
            }
            continue;
        }
        for container in spec.map_mut().entry("containers").list_mut() {
            if !only.is_empty() && only != "*" && container.text("name") != only {
                continue;
            }
            let mut variables: Vec<Value> = container.items("env").to_vec();
            for pair in &pairs {
                if let Some((name, text)) = pair.split_once('=') {
                    let entry = crate::value!({ "name": name, "value": text });
                    match variables.iter_mut().find(|v| v.text("name") == name) {
                        Some(old) => *old = entry,
                        None => variables.push(entry),
                    }
                } else if let Some(name) = pair.strip_suffix('-') {
                    variables.retain(|v| v.text("name") != name);
                }
            }
            if variables.is_empty() {
                container.remove_at(&["env"]);
            } else {
                container.set_at(&["env"], variables);
            }
        }
        value.set_at(path, spec);
        write(call, &target, value, "env updated", "env update to pod template:")?;
    }
    Ok(Next::Done(0))
}
