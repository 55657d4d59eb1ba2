//! Manifests: read alone, and sent to the API server.

use crate::seeds as files;
use crate::world::{World, manifest};
use giljabi::api::parse::{Manifest, parse};
use giljabi::api::yaml;
use giljabi::apiserver::request::{PatchKind, Request, Subresource, Verb};
use giljabi::apiserver::resource;
use giljabi::kubectl::run::{DryRun, Options};
use giljabi::kubectl::{apply, create, delete, replace};
use giljabi::locale::Lang;
use giljabi::text::Span;

pub const PIECES: &[&str] = &[
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: *a",
    "!!int ",
    "!!binary ",
    "!!set ",
    "|\n",
    ">-\n",
    "|2+\n",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "#",
    "\u{feff}",
    "\r\n",
    "\t",
    "{{ .Values.x }}",
    "apiVersion: v1\n",
    "kind: List\nitems:\n",
    "kind: Service\n",
    "kind: Pod\n",
    "metadata:\n",
    "spec:\n",
    "status:\n",
    "name: ",
    "namespace: ",
    "labels:\n",
    "annotations:\n",
    "selector:\n",
    "ports:\n",
    "- port: 80\n",
    "targetPort: ",
    "nodePort: 30080\n",
    "clusterIP: ",
    "type: ",
    "ExternalName",
    "LoadBalancer",
    "NodePort",
    "protocol: SCTP\n",
    "template:\n",
    "containers:\n",
    "image: ",
    "$patch: replace\n",
    "$setElementOrder/ports:\n",
    "kubernetes.io/",
    "generateName: a\n",
    "finalizers: [a/b]\n",
    "ownerReferences:\n",
    "deletionTimestamp: 2026-01-01T00:00:00Z\n",
    "uid: ",
    "resourceVersion: \"1\"\n",
];

pub fn seeds() -> Vec<Vec<u8>> {
    files::manifests()
}

/// Reads a text; what it says of it must lie inside it, and what was read must read back.
pub fn parse_alone(text: &str) {
    let (manifests, diagnostics) = parse("f.yaml", text);
    for diagnostic in &diagnostics {
        let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
        assert!(end <= text.len(), "a span beyond the text");
        assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "a span that cuts a character");
        for lang in [Lang::Ko, Lang::En] {
            if let Some(words) = &diagnostic.explanation {
                assert!(!words.text(lang).is_empty());
            }
        }
    }
    for m in &manifests {
        m.clone().items();
        if text.len() < 2_000 {
            reads_back(m);
        }
    }
}

fn reads_back(m: &Manifest) {
    let printed = yaml::print(&m.value);
    // What YAML cannot tell apart need not read back.
    if !printed.contains(".nan") {
        let again = yaml::read(&printed, Span::new(0, printed.len())).map(|r| r.value);
        assert_eq!(again.as_ref(), Ok(&m.value), "{printed}");
    }
}

/// Sends a text as kubectl does, by every verb that takes a file, and every manifest as a patch of the object that it made.
pub fn parse_then_apply(text: &str) {
    let (manifests, _) = parse("f.yaml", text);
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
            manifests.iter().for_each(|m| patches(&mut world, m));
        }
    }
}

fn patches(world: &mut World, m: &Manifest) {
    let Some(resource) = resource::find(&world.store, m.value.text("apiVersion"), m.value.text("kind")) else { return };
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
        // A refusal is an answer.
        let _ = world.request(&request);
    }
}
