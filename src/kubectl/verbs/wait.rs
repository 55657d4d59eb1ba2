//! `kubectl wait`.

use super::{ADVANCED, Act, FILES, SELECT, Verb};
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::apiserver::resource::Resource;
use crate::cluster::Cluster;
use crate::kubectl::arguments::{Ask, Target, ask};
use crate::kubectl::call::{Call, Follow, Next, Step, Streams, own};
use crate::kubectl::failure::Failure;
use crate::kubectl::output::jsonpath::{Template, relaxed, to_text};

pub const VERB: Verb = Verb {
    names: &["wait"],
    group: ADVANCED,
    short: "Experimental: Wait for a specific condition on one or many resources",
    usage: "([-f FILENAME] | resource.group/resource.name | resource.group [(-l label | --all)]) [--for=create|--for=delete|--for condition=available|--for=jsonpath='{}'[=value]]",
    examples: "# Until a pod is ready\nkubectl wait --for=condition=Ready pod/web-1\n\n# Until a service has an address\nkubectl wait --for=jsonpath='{.status.loadBalancer.ingress[0].ip}' svc/web\n\n# Until it is gone\nkubectl wait --for=delete pod/web-1 --timeout=60s",
    flags: &["for= timeout~ output,o= local template=", SELECT, FILES],
    act: Act::Run(run),
};

#[derive(Clone)]
enum Condition {
    Create,
    Delete,
    Holds { type_: String, status: String },
    Path { template: Template, value: Option<String> },
}

fn condition(text: &str) -> Result<Condition, Failure> {
    let lower = text.to_ascii_lowercase();
    if lower == "delete" {
        return Ok(Condition::Delete);
    }
    if lower == "create" {
        return Ok(Condition::Create);
    }
    if let Some(rest) = text.strip_prefix("condition=") {
        let (type_, status) = rest.split_once('=').unwrap_or((rest, "true"));
        return Ok(Condition::Holds { type_: type_.to_string(), status: status.to_string() });
    }
    if let Some(rest) = text.strip_prefix("jsonpath=") {
        let close = rest.rfind('}').map_or(rest.len(), |at| at + 1);
        let (path, value) = rest.split_at(close);
        let value = value.strip_prefix('=').map(|v| v.trim_matches(['"', '\'']).to_string());
        if value.as_deref() == Some("") {
            return Err(own(
                "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3",
            ));
        }
        let template = relaxed(path).and_then(|p| Template::parse(&p)).map_err(own)?;
        return Ok(Condition::Path { template, value });
    }
    Err(own(format!("unrecognized condition: {}", crate::api::json::quote(text))))
}

fn run(call: &mut Call) -> Result<Next, Failure> {
    let wanted = condition(call.flags.text("for"))?;
    let args = call.flags.args.clone();
    if args.is_empty() && !call.flags.has("filename") {
        return Err(own("You must provide one or more resources by argument or filename."));
    }
    let timeout = call.flags.duration("timeout").unwrap_or(30_000_000);
    let until = match timeout {
        0 => call.now(),
        t if t < 0 => call.now() + Duration::secs(7 * 86_400),
        t => call.now() + Duration::micros(t.unsigned_abs()),
    };
    let mut waiting: Vec<(Resource, ObjectKey)> = Vec::new();
    if matches!(wanted, Condition::Create | Condition::Delete) && !call.flags.has("filename") {
        let all = call.flags.is_on("all");
        match ask(call.cluster.store(), &args, all, call.is_selected(), true)? {
            Ask::Named(named) => {
                let namespace = call.namespace();
                for (resource, name) in named {
                    let key = resource.key(&namespace, &name);
                    let there = call.cluster.store().get(&key).is_some();
                    if there || matches!(wanted, Condition::Create) {
                        waiting.push((resource, key));
                    }
                }
            }
            Ask::All(resources) => {
                for resource in resources {
                    for object in call.matching(&resource)? {
                        waiting.push((resource.clone(), object.key.clone()));
                    }
                }
            }
        }
        if waiting.is_empty() {
            return Ok(Next::Done(0));
        }
    } else {
        let targets: Vec<Target> = call.targets(&args, true)?;
        if let Some(failure) = call.failures.pop() {
            return Err(failure);
        }
        waiting.extend(targets.into_iter().map(|t| (t.resource, t.object.key.clone())));
        if waiting.is_empty() {
            return Err(own("no matching resources found"));
        }
    }
    let output = call.flags.text("output").to_string();
    Ok(Next::Follow(Box::new(Wait { wanted, waiting, until, names: output == "name", failed: false })))
}

struct Wait {
    wanted: Condition,
    waiting: Vec<(Resource, ObjectKey)>,
    until: Time,
    names: bool,
    failed: bool,
}

impl Wait {
    fn is_met(&self, cluster: &Cluster, key: &ObjectKey) -> bool {
        let object = cluster.store().get(key);
        match (&self.wanted, object) {
            (Condition::Delete, object) => object.is_none(),
            (Condition::Create, object) => object.is_some(),
            (_, None) => false,
            (Condition::Holds { type_, status }, Some(object)) => {
                let conditions = object.value.items_at(&["status", "conditions"]);
                let found = conditions.iter().find(|c| c.text("type").eq_ignore_ascii_case(type_));
                // A condition from before the last change of the spec does not count.
                let generation = object.value.at(&["metadata", "generation"]).and_then(|g| g.as_i64()).unwrap_or(0);
                found.is_some_and(|c| {
                    let observed = c.get("observedGeneration").and_then(|g| g.as_i64());
                    let observed =
                        observed.or(object.value.at(&["status", "observedGeneration"]).and_then(|g| g.as_i64()));
                    observed.is_none_or(|o| o >= generation) && c.text("status").eq_ignore_ascii_case(status)
                })
            }
            (Condition::Path { template, value }, Some(object)) => {
                let found = template.find(&object.value).unwrap_or_default();
                match value {
                    Some(value) => found.first().is_some_and(|f| to_text(f) == *value),
                    None => !found.is_empty(),
                }
            }
        }
    }
}

impl Follow for Wait {
    fn step(&mut self, cluster: &mut Cluster, streams: &mut Streams) -> Step {
        while let Some((resource, key)) = self.waiting.first().cloned() {
            let shown = format!("{}/{}", resource.kind_with_group(), key.name);
            if self.is_met(cluster, &key) {
                streams.out.push_str(&if self.names {
                    format!("{shown}\n")
                } else {
                    match self.wanted {
                        Condition::Delete => format!("{shown} deleted\n"),
                        _ => format!("{shown} condition met\n"),
                    }
                });
            } else if cluster.now() >= self.until {
                streams.err.push_str(&format!(
                    "error: timed out waiting for the condition on {}/{}\n",
                    resource.plural_with_group(),
                    key.name
                ));
                self.failed = true;
            } else {
                return Step::Wait(super::get::next_look(cluster).min(self.until));
            }
            self.waiting.remove(0);
        }
        Step::Next(Next::Done(i32::from(self.failed)))
    }
}
