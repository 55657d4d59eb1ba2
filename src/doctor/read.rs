//! Files → manifests: Lists of any kind taken apart, `managedFields` and the schemas of definitions left out, the values of
//! Secrets dropped from the objects and from the text, and what is no Kubernetes object set aside with a word on what it is.

use super::{Finding, Severity};
use crate::api::object::ObjectKey;
use crate::api::parse::{Content, Manifest, Node, Parsing};
use crate::api::value::Value;
use crate::diagnostic::Diagnostic;
use crate::locale::Message;
use crate::text::LineIndex;
use crate::value;
use crate::workspace::{File, Prepared};
use smol_str::SmolStr;

/// The longest file that is read. A cluster of some thousand objects prints about a tenth of it.
pub const MOST_BYTES: usize = 128 << 20;

/// Where kubectl keeps a copy of what was applied: in a Secret, with its values.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub files: Vec<Prepared>,
    pub notes: Vec<Finding>,
}

impl Read {
    fn note(&mut self, severity: Severity, rule: &str, file: &SmolStr, line: u32, cause: Message) {
        let mut finding = Finding::new(severity, rule, ObjectKey::default(), cause);
        finding.place = Some((file.clone(), line.max(1), 1));
        self.notes.push(finding);
    }

    /// Begins with a file; `None`: it is for another program.
    pub(super) fn begin(&mut self, file: File) -> Option<Reading> {
        if let Some(id) = other_tool(&file.name) {
            self.note(Severity::Info, "other_file", &file.name, 1, Message::new(id).with("file", &file.name));
            return None;
        }
        let parsing = Parsing::new(MOST_BYTES, &file.name, &file.text);
        Some(Reading { file, stage: Stage::Parse(parsing), kept: Vec::new(), secrets: Vec::new() })
    }

    /// Reads a file on. `true`: it is done.
    pub(super) fn go_on(&mut self, reading: &mut Reading) -> bool {
        let Reading { file, stage, kept, secrets } = reading;
        match stage {
            Stage::Parse(parsing) => {
                if parsing.go_on(&file.text, EVENTS) {
                    let manifests = std::mem::take(&mut parsing.manifests);
                    let lines = LineIndex::new(&file.text);
                    self.complain(file, &parsing.diagnostics, &lines);
                    *stage =
                        Stage::Sift(manifests.into_iter().flat_map(take_apart).collect::<Vec<_>>().into_iter(), lines);
                }
                false
            }
            Stage::Sift(manifests, lines) => {
                for manifest in manifests.by_ref().take(OBJECTS) {
                    let line = lines.line_of(manifest.span.start as usize) as u32 + 1;
                    if manifest.value.str_at(&["kind"]).is_empty() || manifest.value.str_at(&["apiVersion"]).is_empty()
                    {
                        let message = Message::new("doctor-read-no-object");
                        self.note(Severity::Info, "no_object", &file.name, line, message);
                        continue;
                    }
                    kept.push(stripped(manifest, secrets));
                }
                if manifests.len() > 0 {
                    return false;
                }
                let (mut file, manifests) = (std::mem::take(file), std::mem::take(kept));
                redact(&mut file.text, secrets);
                self.files.push(Prepared { file, manifests, ..Prepared::default() });
                true
            }
        }
    }

    /// Notes what the YAML reader could not read.
    fn complain(&mut self, file: &File, diagnostics: &[Diagnostic], lines: &LineIndex) {
        let template = file.text.contains("{{") && diagnostics.iter().any(Diagnostic::is_error);
        for diagnostic in diagnostics.iter().filter(|d| d.is_error()) {
            let line = lines.line_of(diagnostic.span.start as usize) as u32 + 1;
            let message = match &diagnostic.explanation {
                _ if template => Message::new("doctor-read-template"),
                Some(explained) => explained.clone(),
                None => Message::new("doctor-read-broken"),
            };
            self.note(Severity::Error, "unreadable", &file.name, line, message);
            if let Some(last) = self.notes.last_mut() {
                last.verbatim.clone_from(&diagnostic.verbatim);
            }
        }
    }
}

/// So many events of YAML, and so many objects, are a piece of the work: some milliseconds.
const EVENTS: usize = 2_000;
const OBJECTS: usize = 200;

/// A file on its way.
pub(super) struct Reading {
    file: File,
    stage: Stage,
    kept: Vec<Manifest>,
    /// Where values of Secrets stand in the text.
    secrets: Vec<std::ops::Range<usize>>,
}

enum Stage {
    Parse(Parsing),
    /// The manifests that are still to be looked at, and where lines begin.
    Sift(std::vec::IntoIter<Manifest>, LineIndex),
}

impl Reading {
    /// How many hundredths of the file are read.
    pub fn percent(&self) -> usize {
        match &self.stage {
            // In the browser a length times a hundred may be more than a number holds.
            Stage::Parse(parsing) => parsing.at() / (self.file.text.len() / 100).max(1),
            Stage::Sift(..) => 100,
        }
    }
}

/// Files that lie beside manifests and are for other programs.
fn other_tool(path: &str) -> Option<&'static str> {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name {
        "kustomization.yaml" | "kustomization.yml" | "Kustomization" => Some("doctor-read-kustomization"),
        "Chart.yaml" | "Chart.lock" | "values.yaml" | "values.schema.json" => Some("doctor-read-chart"),
        "docker-compose.yaml" | "docker-compose.yml" | "compose.yaml" | "skaffold.yaml" => Some("doctor-read-other"),
        _ => None,
    }
}

/// A list (`List`, `PodList`…) is its items.
fn take_apart(manifest: Manifest) -> Vec<Manifest> {
    let kind = manifest.value.str_at(&["kind"]);
    let Some(of) =
        kind.strip_suffix("List").filter(|_| manifest.value.at(&["items"]).is_some_and(|i| i.as_list().is_some()))
    else {
        return vec![manifest];
    };
    // The items of a typed list do not repeat what they are.
    let (of, version) = (SmolStr::from(of), SmolStr::from(manifest.value.str_at(&["apiVersion"])));
    let mut items = manifest.items();
    for item in items.iter_mut().filter(|i| i.value.as_map().is_some() && !of.is_empty()) {
        for (key, given) in [("kind", &of), ("apiVersion", &version)] {
            if item.value.str_at(&[key]).is_empty() {
                item.value.set_at(&[key], given.clone());
            }
        }
    }
    items
}

/// The manifest without what only the API server needs and without what is nobody's business; the places of the latter in the
/// text go to `secrets`.
fn stripped(mut manifest: Manifest, secrets: &mut Vec<std::ops::Range<usize>>) -> Manifest {
    manifest.value.remove_at(&["metadata", "managedFields"]);
    match manifest.value.str_at(&["kind"]) {
        "Secret" => {}
        "CustomResourceDefinition" => {
            without_schemas(&mut manifest.value);
            return manifest;
        }
        _ => return manifest,
    }
    for field in ["data", "stringData"] {
        if let Some(values) = manifest.node.entry(field) {
            inside(&values.value, secrets);
        }
        if manifest.value.at(&[field]).is_some_and(|v| v.as_map().is_some()) {
            let keys: Vec<SmolStr> = manifest.value.entries(field).map(|(k, _)| k.clone()).collect();
            for key in keys {
                manifest.value.set_at(&[field, &key], "");
            }
        }
    }
    if manifest.value.at(&["metadata", "annotations", LAST_APPLIED]).is_some() {
        manifest.value.remove_at(&["metadata", "annotations", LAST_APPLIED]);
        let annotations = manifest.node.entry("metadata").and_then(|m| m.value.entry("annotations"));
        if let Some(copy) = annotations.and_then(|a| a.value.entry(LAST_APPLIED)) {
            secrets.push(copy.value.span.start as usize..copy.value.span.end as usize);
        }
    }
    manifest
}

/// Schemas are most of what a definition weighs, often more than an annotation may hold, and nothing here reads them.
fn without_schemas(definition: &mut Value) {
    let versions = definition.items_at(&["spec", "versions"]).iter().map(|version| {
        let mut version = version.clone();
        if version.get("schema").is_some() {
            let open = value!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            version.set_at(&["schema", "openAPIV3Schema"], open);
        }
        version
    });
    let versions: Vec<Value> = versions.collect();
    if !versions.is_empty() {
        definition.set_at(&["spec", "versions"], Value::list(versions));
    }
}

/// The ranges of the values of a map.
fn inside(node: &Node, ranges: &mut Vec<std::ops::Range<usize>>) {
    match &node.content {
        Content::Map(entries) => entries.iter().for_each(|e| inside(&e.value, ranges)),
        _ => ranges.push(node.span.start as usize..node.span.end as usize),
    }
}

/// Overwrites ranges of a text so that every other place stays where it is: a quoted value keeps its quotes and a block its
/// lines.
fn redact(text: &mut String, ranges: &[std::ops::Range<usize>]) {
    if ranges.is_empty() {
        return;
    }
    let mut bytes = std::mem::take(text).into_bytes();
    for range in ranges {
        let end = range.end.min(bytes.len());
        let Some(part) = bytes.get_mut(range.start.min(end)..end) else { continue };
        let quoted = matches!(part.first(), Some(b'"' | b'\'')) && part.len() >= 2;
        let block = matches!(part.first(), Some(b'|' | b'>'));
        let head =
            if block { part.iter().position(|b| *b == b'\n').unwrap_or(part.len()) } else { usize::from(quoted) };
        let tail = part.len() - usize::from(quoted);
        if let Some(hidden) = part.get_mut(head..tail) {
            hidden.iter_mut().filter(|b| !matches!(**b, b'\n' | b'\r' | b' ')).for_each(|b| *b = b'*');
        }
    }
    // Whole characters were overwritten, byte by byte.
    *text = String::from_utf8_lossy(&bytes).into_owned();
}

/// Whether an object brings a status that says how it stood.
pub(super) fn stood(value: &Value) -> bool {
    value.str_at(&["kind"]) == "Pod" && !value.str_at(&["status", "phase"]).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: File) -> Read {
        let mut read = Read::default();
        let mut reading = read.begin(file).expect("manifests");
        while !read.go_on(&mut reading) {}
        read
    }

    #[test]
    fn secrets_lose_their_values_in_the_object_and_in_the_text() {
        let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"data\":{\"a\":\"cGFzcw==\"}}\ndata:\n  a: cGFzcw==\n  b: \"c2VjcmV0\"\nstringData:\n  c: |\n    top\n    secret\n";
        let read = read(File { name: "s.yaml".into(), text: text.into() });
        let prepared = &read.files[0];
        assert_eq!(prepared.file.text.len(), text.len());
        for hidden in ["cGFzcw", "c2VjcmV0", "top", "secret\n"] {
            assert!(!prepared.file.text.contains(hidden), "{}", prepared.file.text);
        }
        assert!(!format!("{:?}", prepared.manifests[0].value).contains("cGFzcw"));
        assert_eq!(prepared.manifests[0].value.at(&["data"]).map(|d| d.as_map().map_or(0, |m| m.len())), Some(2));
    }

    #[test]
    fn lists_of_every_kind_are_their_items() {
        let text = "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n- metadata: {name: b, managedFields: [{x: y}]}\n";
        let read = read(File { name: "l.yaml".into(), text: text.into() });
        let kinds: Vec<_> = read.files[0].manifests.iter().map(|m| m.value.str_at(&["kind"])).collect();
        assert_eq!(kinds, ["Pod", "Pod"]);
        assert!(read.files[0].manifests[1].value.at(&["metadata", "managedFields"]).is_none());
    }
}
