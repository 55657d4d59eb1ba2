//! Whatever text comes, the reader and the API server answer: no panic, no end that never comes.
//!
//! Real manifests are mutated by characters, lines, indentation and values: 2,000 texts a run. The long profile has 100,000,
//! under two minutes on a quiet machine:
//!
//! ```text
//! LONG=1 cargo test --release --test mutated_manifests      SEED=<number> starts elsewhere
//! ```

#[allow(dead_code)]
#[path = "oracle_families/world.rs"]
mod world;

use giljabi::api::parse::parse;
use giljabi::api::yaml;
use giljabi::apiserver::request::{Body, PatchKind, Request, Subresource, Verb};
use giljabi::apiserver::resource;
use giljabi::kubectl::run::{DryRun, Options};
use giljabi::kubectl::{apply, create, delete, replace};
use giljabi::text::Span;
use world::{World, manifest};

fn seeds() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle");
    let mut seeds = Vec::new();
    for file in ["validation.json", "validation-fuzz.json"] {
        let text = std::fs::read_to_string(format!("{folder}/{file}")).expect("the recorded facts");
        let facts: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let cases = facts["cases"].as_array().cloned().unwrap_or_default();
        seeds.extend(cases.iter().filter_map(|c| c["input"]["manifests"].as_str().map(str::to_string)));
    }
    seeds
}

/// Pieces that have a meaning somewhere.
const PIECES: &[&str] = &[
    "null",
    "{}",
    "[]",
    "-1",
    "99999999999999999999",
    "0x50",
    "1e400",
    ".nan",
    "\"\"",
    "'",
    "\"",
    "\t",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "!!int ",
    "!!binary ",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "#",
    "%",
    "@",
    "`",
    "\u{feff}",
    "\r\n",
    "길잡이",
    "😀",
    "\u{2028}",
    "\0",
    "{{ .Values.x }}",
    "None",
    "10.96.0.1",
    "fd00::1",
    "ExternalName",
    "LoadBalancer",
    "spec",
    "metadata",
    "$patch: replace",
    "kubernetes.io/",
    "true",
    "~",
    "2147483648",
    "10.0.0.0/8",
];

fn mutate(random: &mut fastrand::Rng, seeds: &[String]) -> String {
    let mut text = seeds[random.usize(..seeds.len())].clone();
    for _ in 0..random.usize(1..6) {
        let mut places: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        places.push(text.len());
        let at = places[random.usize(..places.len())];
        match random.u8(0..8) {
            0 => text.insert_str(at, PIECES[random.usize(..PIECES.len())]),
            1 => {
                // A piece of at most forty characters goes.
                let from = places.partition_point(|&place| place < at);
                let to = places[random.usize(from..places.len().min(from + 41))];
                text.replace_range(at..to, "");
            }
            2 => text = text.replacen("  ", if random.bool() { " " } else { "\t" }, random.usize(1..4)),
            3 => {
                // A line's value becomes something else.
                let lines: Vec<&str> = text.lines().collect();
                let line = random.usize(..lines.len().max(1));
                let piece = PIECES[random.usize(..PIECES.len())];
                let changed = lines.iter().enumerate().map(|(i, l)| match l.split_once(": ") {
                    Some((key, _)) if i == line => format!("{key}: {piece}\n"),
                    _ => format!("{l}\n"),
                });
                text = changed.collect();
            }
            4 => {
                let other = &seeds[random.usize(..seeds.len())];
                text = format!("{text}---\n{other}");
            }
            5 => {
                let lines: Vec<&str> = text.lines().collect();
                let line = random.usize(..lines.len().max(1));
                let indent = " ".repeat(random.usize(0..9));
                let changed = lines.iter().enumerate().map(|(i, l)| match i == line {
                    true => format!("{indent}{}\n", l.trim_start()),
                    false => format!("{l}\n"),
                });
                text = changed.collect();
            }
            6 => {
                let lines: Vec<&str> = text.lines().collect();
                let line = random.usize(..lines.len().max(1));
                text = lines
                    .iter()
                    .enumerate()
                    .map(|(i, l)| if i == line { format!("{l}\n{l}\n") } else { format!("{l}\n") })
                    .collect();
            }
            _ => text.truncate(at),
        }
    }
    text
}

/// Reads and sends a text in every way.
fn exercise(text: &str) {
    let (manifests, diagnostics) = parse("f.yaml", text);
    for diagnostic in &diagnostics {
        assert!(diagnostic.span.end as usize <= text.len(), "a span beyond the text");
        assert!(
            text.is_char_boundary(diagnostic.span.start as usize)
                && text.is_char_boundary(diagnostic.span.end as usize)
        );
    }
    let mut world = World::new();
    for verb in 0..4 {
        let dry_run = if verb == 0 { DryRun::Server } else { DryRun::None };
        let output = world.kubectl(Options { dry_run, ..Options::default() }, |run| match verb {
            0 => create::create(run, &manifest(text)),
            1 => apply::apply(run, &manifest(text)),
            2 => replace::replace(run, &manifest(text), false),
            _ => delete::delete_files(run, &manifest(text), &Default::default()),
        });
        assert_eq!(output.code == 0, !output.stderr.lines().any(|l| !l.starts_with("Warning: ")), "{}", output.stderr);
        if verb == 1 {
            patches(&mut world, &manifests);
        }
    }
    for m in &manifests {
        let printed = yaml::print(&m.value);
        // What is printed reads back, except for what YAML cannot hold.
        if !printed.contains(".nan") {
            let again = yaml::read(&printed, Span::new(0, printed.len())).map(|r| r.value);
            assert_eq!(again.as_ref(), Ok(&m.value), "{printed}");
        }
    }
}

/// Every manifest as a patch of the object that it made, in the three ways.
fn patches(world: &mut World, manifests: &[giljabi::api::parse::Manifest]) {
    for m in manifests {
        let Some(resource) = resource::find(&world.store, m.value.text("apiVersion"), m.value.text("kind")) else {
            continue;
        };
        for kind in [PatchKind::Merge, PatchKind::Strategic, PatchKind::Json] {
            let request = Request {
                resource: resource.clone(),
                namespace: "default".into(),
                name: m.value.str_at(&["metadata", "name"]).into(),
                subresource: Subresource::None,
                verb: Verb::Patch(kind, m.value.clone()),
                dry_run: false,
                field_validation: Default::default(),
            };
            let _ = world.request(&request);
        }
    }
}

#[test]
fn mutated_manifests_are_always_answered() {
    let seeds = seeds();
    let long = std::env::var("LONG").is_ok_and(|v| v == "1");
    let count = if long { 100_000 } else { 2_000 };
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(20_261_120);
    let mut random = fastrand::Rng::with_seed(seed);
    for i in 0..count {
        let text = mutate(&mut random, &seeds);
        let outcome = std::panic::catch_unwind(|| exercise(&text));
        assert!(outcome.is_ok(), "text {i} of seed {seed}:\n{text}");
    }
}

#[test]
fn texts_that_are_meant_to_hurt_are_answered() {
    let deep_map = (0..3_000).fold(String::new(), |t, i| t + &" ".repeat(i % 900) + "a:\n");
    let wide = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  ports:\n{}",
        "  - port: 80\n".repeat(20_000)
    );
    let labels: String = (0..20_000).rev().map(|i| format!("    k{i}: v\n")).collect();
    let labels = format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n{labels}");
    let long = "a: b\n".repeat(1_000_000);
    let list =
        format!("apiVersion: v1\nkind: List\nitems:\n{}", "- {apiVersion: v1, kind: List, items: []}\n".repeat(5_000));
    for text in [
        "{".repeat(100_000),
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "? ".repeat(50_000),
        deep_map,
        labels,
        long,
        list,
        wide,
    ] {
        let _ = parse("f.yaml", &text);
        let mut world = World::new();
        let text = &text[..text.len().min(1 << 20)];
        world.kubectl(Options::default(), |run| create::create(run, &manifest(text)));
    }
    let mut world = World::new();
    let service = resource::find(&world.store, "v1", "Service").expect("a built-in kind");
    let bodies = ["", "42", "[]", "\"x\"", "kind: 3", "apiVersion: {}", "kind: Pod\napiVersion: v1", "\u{feff}", "\0"];
    for body in bodies {
        let request = Request {
            resource: service.clone(),
            namespace: "default".into(),
            name: "".into(),
            subresource: Subresource::None,
            verb: Verb::Create(Body::Yaml(body.to_string())),
            dry_run: false,
            field_validation: Default::default(),
        };
        assert!(world.request(&request).result.is_err(), "{body:?}");
    }
}
