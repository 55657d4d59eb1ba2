//! `defaulting` and `update-fuzz`: steps in order, and after each what kubectl printed and the object as stored.

use super::tokens::Tokens;
use super::world::{World, from_json, manifest, to_json};
use crate::{Compare, Difference, Facts};
use giljabi::api::value::Value;
use giljabi::api::yaml;
use giljabi::apiserver::request::PatchKind;
use giljabi::apiserver::resource::{self, Resource};
use giljabi::cluster::{Cluster, Settings};
use giljabi::kubectl::apply::LAST_APPLIED;
use giljabi::kubectl::run::{Options, Output, Run};
use giljabi::kubectl::{apply, create, delete, patch, replace};
use giljabi::text::Span;
use serde_json::Value as Json;

pub fn run(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let (mut world, mut tokens) = (World::new(), Tokens::default());
    // Most facts were taken before a controller had looked; where its annotation shows, it had.
    let mut controllers = None;
    if case["expect"].to_string().contains("deployment.kubernetes.io/revision") {
        let settings = Settings { nodes: Vec::new(), run_pods: false, ..Settings::default() };
        controllers = Some(Cluster::new(settings));
    }
    let steps = case["input"]["steps"].as_array().cloned().unwrap_or_default();
    let mut seen: Vec<(String, Json)> = Vec::new();
    for (i, (step, expect)) in
        steps.iter().zip(case["expect"]["afterEachStep"].as_array().into_iter().flatten()).enumerate()
    {
        let output = match &mut controllers {
            None => act(&mut world, step),
            Some(cluster) => {
                let output = act_on(cluster, &world, step);
                cluster.run_until_settled();
                world.store = cluster.store().clone();
                output
            }
        };
        for (what, actual) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            let expected = expect[what].as_str().unwrap_or_default();
            if !tokens.text(expected, &settled(actual)) {
                compare.text(&format!("step {i} {what}"), expected, actual);
            }
        }
        compare.same(&format!("step {i} exit code"), &expect["exitCode"], &output.code.into());
        let Some((resource, namespace, name)) = target(&world, step) else { continue };
        let object = world.store.get(&resource.key(&namespace, &name)).map_or(Json::Null, |o| bare(&o.value));
        let id = format!("{}/{name}", resource.kind);
        if expect["unchanged"] == true {
            let before = seen.iter().rev().find(|(seen, _)| *seen == id).map_or(Json::Null, |(_, o)| o.clone());
            compare.same(&format!("step {i} object"), &before, &object);
        } else {
            let wanted = expect["object"].clone();
            if !tokens.matches(&wanted, &object) {
                compare.same(&format!("step {i} object"), &wanted, &object);
            }
        }
        seen.push((id, object));
    }
    compare.0
}

/// Generated names as the facts write them.
fn settled(text: &str) -> String {
    let mut parts = text.split("kube-api-access-");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        out.push_str("kube-api-access-xxxxx");
        out.push_str(part.get(5..).unwrap_or_default());
    }
    out
}

fn act(world: &mut World, step: &Json) -> Output {
    let target = target(world, step);
    world.kubectl(Options::default(), |run| act_in(run, step, target))
}

fn act_on(cluster: &mut Cluster, world: &World, step: &Json) -> Output {
    let target = target(world, step);
    let mut run = Run::new(cluster, Options::default());
    act_in(&mut run, step, target);
    run.finish()
}

fn act_in(run: &mut Run, step: &Json, target: Option<(Resource, String, String)>) {
    let text = step["manifest"].as_str().unwrap_or_default();
    let kind = step["do"].as_str().unwrap_or_default();
    match kind {
        "create" => create::create(run, &manifest(text)),
        "apply" => apply::apply(run, &manifest(text)),
        "replace" => replace::replace(run, &manifest(text), false),
        "merge" | "strategic" | "json" => {
            let Some((resource, _, name)) = target else { return };
            let how = match kind {
                "merge" => PatchKind::Merge,
                "json" => PatchKind::Json,
                _ => PatchKind::Strategic,
            };
            patch::patch(run, &resource, &name, how, &from_json(&step["patch"]));
        }
        "delete" => {
            let Some((resource, namespace, name)) = target else { return };
            let outcome = delete::delete_one(run, &resource, &namespace, &name, &Default::default(), None);
            if let Err(failure) = outcome {
                run.fail(failure);
            }
        }
        other => panic!("no step is called {other}"),
    }
}

/// What a step is about: resource, namespace, name.
fn target(world: &World, step: &Json) -> Option<(Resource, String, String)> {
    let (kind, name, api_version, namespace);
    if let Some(target) = step["target"].as_str() {
        let (k, n) = target.split_once('/')?;
        (kind, name, api_version, namespace) = (k.to_string(), n.to_string(), None, "default".to_string());
    } else {
        let text = step["manifest"].as_str()?;
        let part = yaml::split(text).into_iter().next().map_or(Span::new(0, text.len()), |p| p.span);
        let content: Value = yaml::read(text, part).ok()?.value;
        kind = content.text("kind").to_string();
        api_version = Some(content.text("apiVersion").to_string());
        name = content.str_at(&["metadata", "name"]).to_string();
        let given = content.str_at(&["metadata", "namespace"]).to_string();
        namespace = if given.is_empty() { "default".to_string() } else { given };
    }
    let fits =
        |r: &Resource| r.kind == kind.as_str() && api_version.as_ref().is_none_or(|v| r.group_version == v.as_str());
    let resource = resource::all(&world.store).find(fits)?;
    Some((resource, namespace, name))
}

/// The stored object without what the facts leave out.
fn bare(value: &Value) -> Json {
    let mut object = to_json(value);
    let kind = object["kind"].as_str().unwrap_or_default().to_string();
    if let Some(meta) = object["metadata"].as_object_mut() {
        for key in ["uid", "resourceVersion", "creationTimestamp"] {
            meta.remove(key);
        }
        if let Some(annotations) = meta.get_mut("annotations").and_then(Json::as_object_mut) {
            annotations.remove(LAST_APPLIED);
            if annotations.is_empty() {
                meta.remove("annotations");
            }
        }
    }
    let workload = ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController", "Job"];
    if (kind == "Namespace" || workload.contains(&kind.as_str()))
        && let Some(object) = object.as_object_mut()
    {
        object.remove("status");
    }
    let text = settled(&object.to_string());
    serde_json::from_str(&text).unwrap_or(object)
}
