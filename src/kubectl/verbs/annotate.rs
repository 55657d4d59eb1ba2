//! `kubectl label` and `kubectl annotate`.

use super::{ADVANCED, Act, DRY, FILES, PRINT, SELECT, SETTINGS, Verb};
use crate::api::value::{Map, Value};
use crate::apiserver::request::PatchKind;
use crate::apiserver::validation::names;
use crate::kubectl::call::{Call, Next, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::run::DryRun;
use smol_str::SmolStr;

const FLAGS: &str = "overwrite list local resource-version=";

pub const LABEL: Verb = Verb {
    names: &["label"],
    group: SETTINGS,
    short: "Update the labels on a resource",
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    examples: "# Put a label on a pod\nkubectl label pod web-1 tier=front\n\n# Change it\nkubectl label --overwrite pod web-1 tier=back\n\n# Take it off\nkubectl label pod web-1 tier-",
    flags: &[FLAGS, SELECT, FILES, PRINT, DRY],
    act: Act::Run(|call| run(call, &LABELS)),
};

pub const ANNOTATE: Verb = Verb {
    names: &["annotate"],
    group: ADVANCED,
    short: "Update the annotations on a resource",
    usage: "[--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N [--resource-version=version]",
    examples: "# Write something on a service\nkubectl annotate svc web note='the front door'\n\n# Take it off\nkubectl annotate svc web note-",
    flags: &[FLAGS, SELECT, FILES, PRINT, DRY],
    act: Act::Run(|call| run(call, &ANNOTATIONS)),
};

/// What the two verbs differ in.
struct Kind {
    /// `label`, `annotation`.
    word: &'static str,
    field: &'static str,
    done: &'static str,
    undone: &'static str,
    idle: &'static str,
}

const LABELS: Kind = Kind { word: "label", field: "labels", done: "labeled", undone: "unlabeled", idle: "not labeled" };
const ANNOTATIONS: Kind =
    Kind { word: "annotation", field: "annotations", done: "annotated", undone: "annotated", idle: "annotated" };

/// Arguments up to the first pair are resources (upstream `GetResourcesAndPairs`).
pub(super) fn resources_and_pairs(args: &[String], word: &str) -> Result<(Vec<String>, Vec<String>), Failure> {
    let is_pair = |a: &String| (a.contains('=') && !a.starts_with('=')) || a.ends_with('-');
    let at = args.iter().position(is_pair).unwrap_or(args.len());
    let (resources, pairs) = args.split_at(at);
    if let Some(odd) = pairs.iter().find(|p| !is_pair(p)) {
        return Err(own(format!("all resources must be specified before {word} changes: {odd}")));
    }
    Ok((resources.to_vec(), pairs.to_vec()))
}

fn run(call: &mut Call, kind: &Kind) -> Result<Next, Failure> {
    let args = call.flags.args.clone();
    let (resources, pairs) = resources_and_pairs(&args, kind.word)?;
    let (set, remove) = parse(&pairs, kind)?;
    let list = call.flags.is_on("list");
    if call.flags.is_on("all") && call.is_selected() {
        return Err(own("cannot set --all and --selector at the same time"));
    }
    if resources.is_empty() && !call.flags.has("filename") {
        return Err(own("one or more resources must be specified as <resource> <name> or <resource>/<name>"));
    }
    if set.is_empty() && remove.is_empty() && !list {
        return Err(own(format!("at least one {} update is required", kind.word)));
    }
    let overwrite = call.flags.is_on("overwrite");
    let targets = call.targets(&resources, false)?;
    let one = targets.len() == 1;
    let dry_run = call.dry_run()?;
    for target in targets {
        let mut value = target.object.value.clone();
        let has = |key: &str| {
            target.object.value.at(&["metadata", kind.field]).and_then(|m| m.get(key)).and_then(Value::as_str)
        };
        for key in remove.iter().filter(|k| has(k).is_none()) {
            if kind.word == "label" && !list {
                call.say(format!("label {} not found.", crate::api::json::quote(key)));
            }
        }
        if !overwrite {
            let clash: Vec<String> = set
                .iter()
                .filter_map(|(key, new)| {
                    let old = has(key).filter(|old| old != new)?;
                    Some(if kind.word == "label" {
                        format!("'{key}' already has a value ({old}), and --overwrite is false")
                    } else {
                        format!("--overwrite is false but found the following declared annotation(s): '{key}' already has a value ({old})")
                    })
                })
                .collect();
            if !clash.is_empty() {
                let text = if clash.len() == 1 { clash.concat() } else { format!("[{}]", clash.join(", ")) };
                call.fail(own(text));
                continue;
            }
        }
        let (mut added, mut removed) = (false, false);
        let mut change = Map::new();
        for (key, new) in &set {
            if has(key) != Some(new) {
                added = true;
                change.insert(key.as_str(), new.as_str());
            }
        }
        for key in remove.iter().filter(|k| has(k).is_some()) {
            removed = true;
            change.insert(key.as_str(), Value::Null);
        }
        for (key, new) in change.iter() {
            let map = value.map_mut().entry("metadata").map_mut().entry(kind.field).map_mut();
            match new {
                Value::Null => drop(map.remove(key)),
                new => drop(map.insert(key.clone(), new.clone())),
            }
        }
        if list {
            if !one {
                call.say(format!(
                    "Listing labels for {}.{}/{}:",
                    target.resource.kind,
                    target.resource.group(),
                    target.name()
                ));
            }
            let lines: Vec<String> = value
                .at(&["metadata"])
                .unwrap_or(&Value::Null)
                .entries(kind.field)
                .map(|(k, v)| format!("{}{k}={}", if one { "" } else { " " }, v.as_str().unwrap_or("")))
                .collect();
            lines.iter().for_each(|l| call.say(l));
            continue;
        }
        let operation = match (added, removed) {
            (true, true) => {
                if kind.word == "label" {
                    "modified"
                } else {
                    kind.done
                }
            }
            (true, false) => kind.done,
            (false, true) => kind.undone,
            (false, false) => kind.idle,
        };
        if (added || removed) && dry_run != DryRun::Client {
            let mut patch = Value::map();
            patch.set_at(&["metadata", kind.field], change);
            match call.patch(&target.resource, target.namespace(), target.name(), PatchKind::Merge, patch) {
                Ok(after) => value = after,
                Err(failure) => {
                    call.fail(failure);
                    continue;
                }
            }
        }
        call.print_done(&target.resource, &value, operation)?;
    }
    Ok(Next::Done(0))
}

type Changes = (Vec<(SmolStr, SmolStr)>, Vec<SmolStr>);

fn parse(pairs: &[String], kind: &Kind) -> Result<Changes, Failure> {
    let (mut set, mut remove): Changes = (Vec::new(), Vec::new());
    for pair in pairs {
        if let Some((key, value)) = pair.split_once('=') {
            if kind.word == "label" {
                if value.contains('=') {
                    return Err(own(format!("invalid label spec: {pair}")));
                }
                let problems = names::is_label_value(value);
                let problems: Vec<String> = problems.into_iter().map(|p| p.to_string()).collect();
                if !problems.is_empty() {
                    return Err(own(format!(
                        "invalid label value: {}: {}",
                        crate::api::json::quote(pair),
                        problems.join(";")
                    )));
                }
            }
            set.push((key.into(), value.into()));
        } else if let Some(key) = pair.strip_suffix('-') {
            remove.push(key.into());
        } else {
            return Err(own(format!("unknown {} spec: {pair}", kind.word)));
        }
    }
    if let Some(key) = remove.iter().find(|k| set.iter().any(|(s, _)| s == *k)) {
        return Err(own(if kind.word == "label" {
            "can not both modify and remove a label in the same command".to_string()
        } else {
            format!("can not both modify and remove the following annotation(s) in the same command: {key}")
        }));
    }
    Ok((set, remove))
}
