//! What the API server and kubectl say and store, as data: `tests/golden/apiserver/*.txt`. The cluster is that of the recorded
//! facts: no nodes, no controllers.
//!
//! ```text
//! # words about the case that begins here
//! == create                    also: apply, replace, dry run, patch merge|strategic|json service/web
//! apiVersion: v1 …             the manifest, or the patch
//! == says
//! service/web created          stdout, then stderr
//! == stored service/web spec   JSON of that part of the stored object, where it matters
//! {"clusterIP": …}
//! ```
//!
//! Every `#` at the start of a line begins a new cluster. The answers were worked out from the source of Kubernetes, not from
//! what comes here.

#[allow(dead_code)]
#[path = "oracle_families/world.rs"]
mod world;

use giljabi::api::json;
use giljabi::api::value::Value;
use giljabi::api::yaml;
use giljabi::apiserver::request::PatchKind;
use giljabi::apiserver::resource::{self, Resource};
use giljabi::kubectl::run::{DryRun, Options};
use giljabi::kubectl::{apply, create, patch, replace};
use giljabi::text::Span;
use std::path::Path;
use world::{World, manifest};

/// A step or an expectation: the words behind `==`, and the text below them.
struct Part<'a> {
    head: &'a str,
    body: String,
}

struct Case<'a> {
    title: String,
    parts: Vec<Part<'a>>,
}

fn read(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        let words = line.strip_prefix("# ");
        let head = line.strip_prefix("== ");
        match (words, head, cases.last_mut()) {
            (Some(words), _, Some(case)) if case.parts.is_empty() => case.title = format!("{} {words}", case.title),
            (Some(words), ..) => cases.push(Case { title: words.to_string(), parts: Vec::new() }),
            (_, Some(head), Some(case)) => case.parts.push(Part { head, body: String::new() }),
            (_, None, Some(case)) => {
                if let Some(part) = case.parts.last_mut() {
                    part.body.push_str(line);
                    part.body.push('\n');
                }
            }
            _ => panic!("a case begins with a line `# words`: {line}"),
        }
    }
    cases
}

fn content(text: &str) -> Value {
    yaml::read(text, Span::new(0, text.len())).map(|r| r.value).unwrap_or_else(|e| panic!("{}: {text}", e.message))
}

/// `service/web` → the resource and the name.
fn target<'a>(world: &World, words: &'a str) -> (Resource, &'a str) {
    let (kind, name) = words.split_once('/').unwrap_or_else(|| panic!("kind/name, not {words}"));
    let found = resource::all(&world.store).find(|r| r.kind.eq_ignore_ascii_case(kind));
    (found.unwrap_or_else(|| panic!("no kind {kind}")), name)
}

fn step(world: &mut World, part: &Part) -> String {
    let words: Vec<&str> = part.head.split(' ').collect();
    let options =
        Options { dry_run: if words[0] == "dry" { DryRun::Server } else { DryRun::None }, ..Options::default() };
    let files = manifest(&part.body);
    let output = match &words[..] {
        ["create"] | ["dry", "run"] => world.kubectl(options, |run| create::create(run, &files)),
        ["apply"] => world.kubectl(options, |run| apply::apply(run, &files)),
        ["replace"] => world.kubectl(options, |run| replace::replace(run, &files, false)),
        ["patch", kind, about] => {
            let kind = match *kind {
                "merge" => PatchKind::Merge,
                "strategic" => PatchKind::Strategic,
                "json" => PatchKind::Json,
                other => panic!("no patch is {other}"),
            };
            let (resource, name) = target(world, about);
            world.kubectl(options, |run| patch::patch(run, &resource, name, kind, &content(&part.body)))
        }
        other => panic!("no step is {other:?}"),
    };
    assert_eq!(output.code == 0, !output.stderr.lines().any(|l| !l.starts_with("Warning: ")), "{}", output.stderr);
    output.stdout + &output.stderr
}

/// The part of the stored object that the head names.
fn stored(world: &World, head: &str) -> String {
    let mut words = head.split(' ').skip(1);
    let (resource, name) = target(world, words.next().unwrap_or(""));
    let path: Vec<&str> = words.flat_map(|w| w.split('.')).collect();
    let namespace = if resource.namespaced { "default" } else { "" };
    let object = world.store.get(&resource.key(namespace, name));
    let step = |value: &Value, key: &&str| match value.as_list() {
        Some(list) => key.parse().ok().and_then(|i: usize| list.get(i)).cloned(),
        None => value.get(key).cloned(),
    };
    let part =
        object.map(|o| path.iter().try_fold(o.value.clone(), |value, key| step(&value, key)).unwrap_or_default());
    part.map_or("nothing\n".into(), |part| json::to_string(&part) + "\n")
}

#[test]
fn answers_are_those_of_kubernetes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/apiserver");
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    let (mut count, mut differing) = (0, Vec::new());
    for path in &paths {
        let text = std::fs::read_to_string(path).expect("a text");
        for case in read(&text) {
            count += 1;
            let (mut world, mut said) = (World::new(), String::new());
            for part in &case.parts {
                let (expected, actual) = match part.head.split(' ').next() {
                    Some("says") => (part.body.clone(), std::mem::take(&mut said)),
                    Some("stored") => {
                        let expected = json::to_string(&content(&part.body)) + "\n";
                        (expected, stored(&world, part.head))
                    }
                    _ => {
                        said = step(&mut world, part);
                        continue;
                    }
                };
                // An empty line before the next case belongs to neither.
                if expected.trim_end() != actual.trim_end() {
                    let file = path.file_name().unwrap_or_default().to_string_lossy();
                    differing
                        .push(format!("{file}: {}\n{}\nexpected:\n{expected}came:\n{actual}", case.title, part.head));
                }
            }
        }
    }
    assert!(count > 0, "no case was found");
    assert!(differing.is_empty(), "{} of {count} cases differ\n\n{}", differing.len(), differing.join("\n"));
}
