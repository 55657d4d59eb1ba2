//! `validation` and `validation-fuzz`: one manifest, sent to the API and given to kubectl.

use super::tokens::Tokens;
use super::world::{World, manifest, to_json};
use crate::{Compare, Difference, Facts};
use giljabi::api::value::Value;
use giljabi::api::yaml;
use giljabi::apiserver::request::{Body, PatchKind, Request, Response, Subresource, Verb};
use giljabi::apiserver::resource;
use giljabi::kubectl::apply::LAST_APPLIED;
use giljabi::kubectl::run::{DryRun, Options};
use giljabi::kubectl::{apply, create};
use giljabi::text::Span;
use serde_json::{Value as Json, json};

/// A hand-written case: perhaps something that exists before, then the command for real.
pub fn run(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let mut world = World::new();
    let (input, expect) = (&case["input"], &case["expect"]);
    let text = input["manifests"].as_str().unwrap_or_default();
    let command = input["command"].as_str().unwrap_or_default();
    if let Some(setup) = input["setup"].as_str() {
        let made = world.kubectl(Options::default(), |run| {
            if command.contains(" apply ") {
                apply::apply(run, &manifest(setup))
            } else {
                create::create(run, &manifest(setup))
            }
        });
        compare.text("setup's stderr", "", &without_warnings(&made.stderr));
    }
    compare_api(&mut compare, &mut world, case, text);
    let dry_run = if command.contains("--dry-run=server") { DryRun::Server } else { DryRun::None };
    let options = Options { dry_run, ..Options::default() };
    let output = world.kubectl(options, |run| {
        if command.contains(" apply ") {
            apply::apply(run, &manifest(text))
        } else {
            create::create(run, &manifest(text))
        }
    });
    compare_kubectl(&mut compare, &expect["kubectl"], &output.stdout, &output.stderr, output.code, false);
    if let Some(object) = expect.get("object").filter(|o| !o.is_null()) {
        let content = read(text);
        let found = stored(&world, &content);
        compare_object(&mut compare, object, found.as_ref(), &content);
    }
    compare.0
}

/// A random case: dry runs alone.
pub fn run_fuzz(_: &Facts, case: &Json) -> Vec<Difference> {
    let mut compare = Compare::default();
    let mut world = World::new();
    let (input, expect) = (&case["input"], &case["expect"]);
    let text = input["manifests"].as_str().unwrap_or_default();
    let response = compare_api(&mut compare, &mut world, case, text);
    let options = Options { dry_run: DryRun::Server, ..Options::default() };
    let output = world.kubectl(options, |run| create::create(run, &manifest(text)));
    let unordered = expect["orderVaries"] == true;
    compare_kubectl(&mut compare, &expect["kubectl"], &output.stdout, &output.stderr, output.code, unordered);
    if let Some(object) = expect.get("object").filter(|o| !o.is_null()) {
        let mut found = response.and_then(|r| r.result.ok());
        let content = read(text);
        if found.is_none() {
            // Accepted by kubectl though the same text sent raw is not: what kubectl sends is what it read.
            let sent = Verb::Create(Body::Content(content.clone()));
            found = request(&world, case, sent, &content).and_then(|r| world.request(&r).result.ok());
        }
        compare_object(&mut compare, object, found.as_ref(), &content);
    }
    compare.0
}

fn without_warnings(stderr: &str) -> String {
    stderr.lines().filter(|l| !l.starts_with("Warning: ")).collect::<Vec<_>>().join("\n")
}

/// What kubectl reads from the text; null when it cannot.
fn read(text: &str) -> Value {
    let part = yaml::split(text).into_iter().next().map_or(Span::new(0, text.len()), |p| p.span);
    yaml::read(text, part).map(|r| r.value).unwrap_or_default()
}

fn stored(world: &World, content: &Value) -> Option<Value> {
    let resource = resource::find(&world.store, content.text("apiVersion"), content.text("kind"))?;
    let namespace = match content.str_at(&["metadata", "namespace"]) {
        "" => "default",
        given => given,
    };
    let key = resource.key(namespace, content.str_at(&["metadata", "name"]));
    world.store.get(&key).map(|o| o.value.clone())
}

fn request(world: &World, case: &Json, verb: Verb, content: &Value) -> Option<Request> {
    let kind = case["kind"].as_str().unwrap_or_default();
    let resource = resource::all(&world.store).find(|r| r.kind == kind)?;
    let namespace = match content.str_at(&["metadata", "namespace"]) {
        "" => "default",
        given => given,
    };
    let name = match verb {
        Verb::Patch(..) => content.str_at(&["metadata", "name"]),
        _ => "",
    };
    Some(Request {
        namespace: if resource.namespaced { namespace.into() } else { "".into() },
        name: name.into(),
        resource,
        subresource: Subresource::None,
        verb,
        dry_run: true,
        field_validation: Default::default(),
    })
}

fn compare_api(compare: &mut Compare, world: &mut World, case: &Json, text: &str) -> Option<Response> {
    let expect = case["expect"].get("api").filter(|api| !api.is_null())?;
    let content = read(text);
    let verb = match expect["verb"].as_str() {
        // A Service's manifest was sent as a merge patch, the others' as strategic ones: the answers tell.
        Some("PATCH") if case["kind"] == "Service" => Verb::Patch(PatchKind::Merge, content.clone()),
        Some("PATCH") => Verb::Patch(PatchKind::Strategic, content.clone()),
        _ => Verb::Create(Body::Yaml(text.to_string())),
    };
    let request = request(world, case, verb, &content)?;
    let response = world.request(&request);
    let unordered = case["expect"]["orderVaries"] == true;
    let mut got = json!({ "code": response.code, "warnings": response.warnings });
    let mut want = json!({ "code": expect["code"], "warnings": list(&expect["warnings"]) });
    if let Err(status) = &response.result {
        let causes: Vec<Json> = status
            .causes
            .iter()
            .map(|c| {
                let mut cause = json!({ "message": c.message });
                if !c.reason.name().is_empty() {
                    cause["reason"] = c.reason.name().into();
                }
                if !c.field.is_empty() {
                    cause["field"] = c.field.as_str().into();
                }
                cause
            })
            .collect();
        got["reason"] = status.reason.into();
        got["message"] = status.message.as_str().into();
        got["causes"] = causes.into();
    }
    if expect.get("reason").is_some() {
        want["reason"] = expect["reason"].clone();
        want["message"] = expect["message"].clone();
        want["causes"] = list(&expect["causes"]);
    }
    for side in [&mut got, &mut want] {
        if unordered {
            for key in ["causes", "warnings"] {
                if let Some(items) = side[key].as_array_mut() {
                    items.sort_by_key(Json::to_string);
                }
            }
            // The message holds the causes in the order that varies.
            side.as_object_mut().map(|o| o.remove("message"));
        }
    }
    if !Tokens::default().matches(&want, &got) {
        compare.same("api", &want, &got);
    }
    Some(response)
}

fn list(value: &Json) -> Json {
    value.as_array().cloned().unwrap_or_default().into()
}

pub fn compare_kubectl(compare: &mut Compare, expect: &Json, stdout: &str, stderr: &str, code: i32, unordered: bool) {
    let tokens = Tokens::default();
    let sorted = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    for (what, actual) in [("stdout", stdout), ("stderr", stderr)] {
        let expected = expect[what].as_str().unwrap_or_default();
        let same = if unordered { sorted(expected) == sorted(actual) } else { tokens.text(expected, actual) };
        if !same {
            compare.text(what, expected, actual);
        }
    }
    compare.same("exit code", &expect["exitCode"], &code.into());
}

/// The object without what the facts leave out. Labels and annotations are there only where they differ from the manifest.
fn compare_object(compare: &mut Compare, expected: &Json, actual: Option<&Value>, manifest: &Value) {
    let Some(actual) = actual else { return compare.text("object", &expected.to_string(), "none") };
    let mut actual = actual.clone();
    actual.remove_at(&["metadata", "annotations", LAST_APPLIED]);
    let mut got = to_json(&actual);
    let mut meta = json!({});
    for key in ["labels", "annotations"] {
        let as_made = to_json(&actual)["metadata"].get(key).cloned().unwrap_or(Json::Null);
        let as_written = manifest.at(&["metadata", key]).map_or(Json::Null, to_json);
        let empty = |v: &Json| v.is_null() || v.as_object().is_some_and(serde_json::Map::is_empty);
        if as_made != as_written && !(empty(&as_made) && empty(&as_written)) {
            meta[key] = as_made;
        }
    }
    if let Some(object) = got.as_object_mut() {
        for key in ["kind", "apiVersion", "metadata", "status"] {
            object.remove(key);
        }
        if meta.as_object().is_some_and(|m| !m.is_empty()) {
            object.insert("metadata".into(), meta);
        }
    }
    if !Tokens::default().matches(expected, &got) {
        compare.same("object", expected, &got);
    }
}
