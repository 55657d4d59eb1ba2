//! From the API server's refusals to places in the text, with an explanation and, where it is certain, a mend.

use crate::api::parse::Manifest;
use crate::api::path::{FieldPath, Segment};
use crate::api::schema::{Shape, Struct, schema};
use crate::apiserver::status::{CauseReason, Status};
use crate::diagnostic::{Diagnostic, Fix, Severity};
use crate::locale::Message;
use crate::text::Span;
use crate::workspace::lint::nearest;
use crate::workspace::{explain, unreadable};
use smol_str::SmolStr;

/// The diagnostics of one refusal: one a cause, or one a complaint of strict decoding.
pub fn refusal(manifest: &Manifest, text: &str, status: &Status) -> Vec<Diagnostic> {
    let about = about(manifest);
    // What an apply sends for an object that is there already is a patch, and the refusal prints all of it. Who edits a file
    // wrote no patch: the reason behind it is what counts.
    if let [cause] = &status.causes[..]
        && cause.field.as_str() == "patch"
    {
        let reason = reason_of_patch(&cause.message);
        return refusal(manifest, text, &Status { message: reason.into(), causes: Vec::new(), ..status.clone() });
    }
    let mut found: Vec<Diagnostic> = status
        .causes
        .iter()
        .map(|cause| {
            // An internal error names no field.
            let unnamed = cause.field.as_str().is_empty();
            let verbatim =
                if unnamed { cause.message.to_string() } else { format!("{}: {}", cause.field, cause.message) };
            let path = if unnamed && cause.message.contains("HealthCheck NodePort") {
                FieldPath::from("spec.healthCheckNodePort")
            } else {
                as_written(manifest, &cause.field)
            };
            let mut diagnostic = at(manifest, text, &path, verbatim, &about);
            let general = || explain_cause(cause.reason, &cause.field);
            diagnostic.explanation = Some(explain::cause(cause).unwrap_or_else(general));
            let found = manifest.node.find(&path);
            if found.exact {
                diagnostic.fixes.extend(explain::mend(cause, text, found.value));
            }
            diagnostic
        })
        .collect();
    if found.is_empty() {
        found = complaints(&status.message)
            .map(|complaint| complaint_diagnostic(manifest, text, &complaint, &about))
            .collect();
    }
    if found.is_empty() {
        // Nothing names a field: the value that cannot be read is the place, the kind when it is what is refused, or the name.
        let unreadable = unreadable::find(&manifest.value).filter(|_| status.message.contains("cannot be handled as"));
        let account = status.message.contains("error looking up service account");
        let printed = status.message.starts_with("resourceVersion should not be set");
        let path = if let Some((path, _)) = &unreadable {
            path.as_str()
        } else if printed {
            "metadata.resourceVersion"
        } else if account {
            "spec.serviceAccountName"
        } else if status.message.contains("no matches for kind") || status.message.contains("no kind ") {
            "kind"
        } else {
            "metadata.name"
        };
        let mut diagnostic = at(manifest, text, &FieldPath::from(path), status.message.clone(), &about);
        diagnostic.explanation = match unreadable {
            Some((_, message)) => Some(message),
            None if account => Some(Message::new("check-service-account")),
            None if printed => Some(Message::new("check-printed")),
            None => explain_status(manifest, status),
        };
        found.push(diagnostic);
    }
    found
}

/// `Invalid value: "…": strict decoding error: …` → what follows the patch. In the quoted patch every quote is escaped.
fn reason_of_patch(message: &str) -> &str {
    let Some((_, quoted)) = message.split_once(": \"") else { return message };
    let mut escaped = false;
    for (i, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return quoted[i + 1..].trim_start_matches(": "),
            _ => {}
        }
    }
    message
}

/// A warning header of the API server, at the field that it names (if it names one).
pub fn warning(manifest: &Manifest, text: &str, words: &str) -> Diagnostic {
    let head = words.split([':', ' ']).next().unwrap_or("");
    let path = if head.starts_with("spec") || head.starts_with("metadata") { head } else { "kind" };
    let mut diagnostic = at(manifest, text, &FieldPath::from(path), words.to_string(), &about(manifest));
    diagnostic.severity = Severity::Warning;
    diagnostic.explanation = explain::warning(words);
    diagnostic
}

/// The server spells one path of its own: source ranges begin with a capital letter in its errors. And it tells of the first
/// of `clusterIPs` where only `clusterIP` is written, from which it made the list.
fn as_written(manifest: &Manifest, path: &FieldPath) -> FieldPath {
    let single =
        manifest.value.at(&["spec", "clusterIPs"]).is_none() && !path.as_str().starts_with("spec.clusterIPs[1]");
    if single && path.as_str().starts_with("spec.clusterIPs") {
        return FieldPath::from("spec.clusterIP");
    }
    FieldPath::new(path.as_str().replace(".LoadBalancerSourceRanges", ".loadBalancerSourceRanges"))
}

/// `Service/kimho`: what a diagnostic is about.
pub fn about(manifest: &Manifest) -> String {
    format!("{}/{}", manifest.value.str_at(&["kind"]), manifest.value.str_at(&["metadata", "name"]))
}

fn at(manifest: &Manifest, text: &str, path: &FieldPath, verbatim: String, about: &str) -> Diagnostic {
    let span = manifest.node.find(path).mark(text);
    let span = if span.is_empty() { first_line(manifest, text) } else { span };
    Diagnostic::new(Severity::Error, &manifest.file, span, verbatim).about(about, path.as_str())
}

fn first_line(manifest: &Manifest, text: &str) -> Span {
    let start = manifest.node.span.start as usize;
    let length = text.get(start..).and_then(|t| t.find('\n')).unwrap_or(text.len() - start.min(text.len()));
    Span::new(start, start + length)
}

/// What strict decoding complains about.
#[derive(Debug, PartialEq)]
enum Complaint {
    UnknownField {
        path: SmolStr,
    },
    DuplicateField {
        path: SmolStr,
    },
    /// A value of the wrong JSON type: `json: cannot unmarshal … into Go struct field …`.
    WrongType {
        path: SmolStr,
        words: SmolStr,
    },
}

/// Reads the complaints out of `strict decoding error: unknown field "spec.prots", …` and of Go's type errors.
fn complaints(message: &str) -> impl Iterator<Item = Complaint> {
    let mut complaints = Vec::new();
    for (marker, make) in [
        ("unknown field \"", (|path| Complaint::UnknownField { path }) as fn(SmolStr) -> Complaint),
        ("duplicate field \"", |path| Complaint::DuplicateField { path }),
    ] {
        for part in message.split(marker).skip(1) {
            if let Some((path, _)) = part.split_once('"') {
                complaints.push(make(path.into()));
            }
        }
    }
    if let Some((_, rest)) = message.split_once("cannot unmarshal ")
        && let Some((_, field)) = rest.split_once("Go struct field ")
    {
        // `ServiceSpec.spec.selector of type string`: the struct's name, then the path.
        let path = field.split(" of type ").next().unwrap_or("").split_once('.').map_or("", |(_, path)| path);
        complaints.push(Complaint::WrongType { path: path.into(), words: message.into() });
    }
    complaints.into_iter()
}

fn complaint_diagnostic(manifest: &Manifest, text: &str, complaint: &Complaint, about: &str) -> Diagnostic {
    match complaint {
        Complaint::UnknownField { path } => {
            let path = FieldPath(path.clone());
            let mut diagnostic = at(manifest, text, &path, format!("unknown field \"{path}\""), about);
            // An unknown field is underlined at its key: the value is not what is wrong.
            let key = manifest.node.find(&path).key;
            if let Some(key) = key {
                diagnostic.span = key;
            }
            let (parent, name) = parent_and_name(&path);
            let near = nearest(&name, known_fields(manifest, &parent).into_iter());
            diagnostic.explanation = Some(match &near {
                Some(near) => Message::new("check-unknown-field-near").with("field", &name).with("near", near),
                None => match elsewhere(manifest, &parent, &name) {
                    Some((id, place)) => Message::new(id).with("field", &name).with("place", place),
                    None if parent.is_empty() => Message::new("check-unknown-field-top").with("field", &name),
                    None => Message::new("check-unknown-field").with("field", &name).with("parent", &parent),
                },
            });
            if let (Some(near), Some(key)) = (near, key) {
                let title = Message::new("fix-rename").with("from", &name).with("to", &near);
                diagnostic.fixes.push(Fix { title, edits: vec![(key, near.to_string())] });
            }
            diagnostic
        }
        Complaint::DuplicateField { path } => {
            at(manifest, text, &FieldPath(path.clone()), format!("duplicate field \"{path}\""), about)
                .explain(Message::new("check-duplicate-field"))
        }
        Complaint::WrongType { path, words } => {
            let path = FieldPath(path.clone());
            let expected = expected_type(manifest, &path);
            let (_, name) = parent_and_name(&path);
            let flat =
                about.starts_with("Service/") && path.as_str() == "spec.selector" && words.contains("unmarshal object");
            let message = match flat {
                true => Message::new("explain-flat-selector"),
                false => Message::new("check-wrong-type").with("field", name).with("expected", expected),
            };
            let mut diagnostic = at(manifest, text, &path, words.to_string(), about).explain(message);
            if let Some((span, fix)) = explain::wrong_type(&manifest.node, &path, text, words) {
                diagnostic.span = span;
                diagnostic.fixes.extend(fix);
            }
            diagnostic
        }
    }
}

/// The path without its last field, and that field.
fn parent_and_name(path: &FieldPath) -> (String, SmolStr) {
    let text = path.as_str();
    match text.rsplit_once('.') {
        Some((parent, name)) => (parent.to_string(), name.into()),
        None => (String::new(), text.into()),
    }
}

/// The names of a path's steps, as the schema walks them.
fn steps(path: &FieldPath) -> Vec<SmolStr> {
    path.segments()
        .into_iter()
        .map(|segment| match segment {
            Segment::Field(name) | Segment::Key(name) => name.into(),
            Segment::Index(i) => smol_str::format_smolstr!("{i}"),
        })
        .collect()
}

fn known_fields(manifest: &Manifest, parent: &str) -> Vec<&'static str> {
    owner(manifest, parent).map(|s| s.fields().iter().map(|f| f.name).collect()).unwrap_or_default()
}

/// What the schema says of the object at a path.
fn owner(manifest: &Manifest, path: &str) -> Option<&'static Struct> {
    let value = &manifest.value;
    let root = schema().kind(value.str_at(&["apiVersion"]), value.str_at(&["kind"]))?.root?;
    if path.is_empty() {
        return Some(schema().at(root));
    }
    let steps = steps(&FieldPath::from(path));
    schema().resolve(root, steps.iter().map(SmolStr::as_str))?.ty.element_struct()
}

/// Where a field that is unknown under `parent` is known: in the only field there that has one of this name, or one level up.
/// Then it is the indentation that is wrong.
fn elsewhere(manifest: &Manifest, parent: &str, name: &str) -> Option<(&'static str, String)> {
    let has = |of: Option<&'static Struct>| of.is_some_and(|s| s.field(name).is_some());
    let own = owner(manifest, parent)?;
    let mut inside = own.fields().iter().filter(|field| has(field.ty.element_struct()));
    if let (Some(field), None) = (inside.next(), inside.next()) {
        let place = if parent.is_empty() { field.name.to_string() } else { format!("{parent}.{}", field.name) };
        return Some(("check-unknown-field-inside", place));
    }
    let (above, last) = parent.rsplit_once('.').unwrap_or(("", parent));
    let beside = last.split('[').next().unwrap_or(last);
    (!parent.is_empty() && has(owner(manifest, above))).then(|| ("check-unknown-field-beside", beside.to_string()))
}

/// What the schema expects at a path, in words that a learner knows.
fn expected_type(manifest: &Manifest, path: &FieldPath) -> &'static str {
    let value = &manifest.value;
    let steps = steps(path);
    let resolved = schema()
        .kind(value.str_at(&["apiVersion"]), value.str_at(&["kind"]))
        .and_then(|k| k.root)
        .and_then(|root| schema().resolve(root, steps.iter().map(SmolStr::as_str)));
    match resolved.map(|r| &r.ty.shape) {
        Some(Shape::List(_)) => "list",
        Some(Shape::Map(_)) => "map",
        Some(Shape::Struct(_)) => "map",
        Some(Shape::Bool) => "true/false",
        Some(Shape::Int32 | Shape::Int64) => "number",
        _ => "string",
    }
}

fn explain_cause(reason: CauseReason, field: &FieldPath) -> Message {
    let id = match reason {
        CauseReason::Required => "check-required",
        CauseReason::Duplicate => "check-duplicate",
        CauseReason::NotSupported => "check-not-supported",
        CauseReason::Forbidden => "check-forbidden",
        CauseReason::TooLong | CauseReason::TooMany => "check-too-long",
        CauseReason::NotFound => "check-not-found",
        CauseReason::Invalid | CauseReason::TypeInvalid | CauseReason::Internal | CauseReason::Unnamed => {
            "check-invalid"
        }
    };
    let name = parent_and_name(field).1;
    Message::new(id).with("field", name)
}

fn explain_status(manifest: &Manifest, status: &Status) -> Option<Message> {
    let kind = manifest.value.str_at(&["kind"]);
    let version = manifest.value.str_at(&["apiVersion"]);
    if status.message.contains("kind not set") || status.message.contains("apiVersion not set") {
        return Some(Message::new("check-no-object"));
    }
    if status.message.contains("no matches for kind") {
        return Some(unknown_kind(kind, version));
    }
    match status.reason {
        "AlreadyExists" => Some(Message::new("check-already-exists").with("name", &status.name)),
        "NotFound" => {
            let namespace = manifest.value.str_at(&["metadata", "namespace"]);
            Some(Message::new("check-namespace-missing").with("namespace", namespace))
        }
        "Conflict" => Some(Message::new("check-conflict")),
        _ => None,
    }
}

/// Why the cluster has no such kind in such a version.
fn unknown_kind(kind: &str, version: &str) -> Message {
    let group = |version: &'_ str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_string());
    let asked = group(version);
    if let Some(added) = schema().kind(version, kind) {
        // Served as soon as its definitions are there.
        return Message::new("check-add-on-kind").with("kind", kind).with("group", group(added.group_version));
    }
    if asked == "kustomize.config.k8s.io" {
        return Message::new("check-kustomization");
    }
    // Kubernetes' own groups, and those that its kinds once were in (`extensions`).
    let of_kubernetes = !asked.contains('.') || schema().kinds().iter().any(|k| group(k.group_version) == asked);
    let served = || schema().kinds().iter().find(|k| k.kind == kind);
    match of_kubernetes.then(served).flatten() {
        Some(k) => Message::new("check-other-version")
            .with("kind", kind)
            .with("version", version)
            .with("served", k.group_version),
        // A slip of the pen is only likely within Kubernetes' own groups.
        None => match of_kubernetes.then(|| nearest(kind, schema().kinds().iter().map(|k| k.kind))).flatten() {
            Some(near) => Message::new("check-unknown-kind-near").with("kind", kind).with("near", near),
            None => Message::new("check-unknown-kind").with("kind", kind),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_refused_patch_the_reason_counts() {
        // A patch whose value ends with a backslash before its quote: Go writes both escaped.
        let words =
            r#"Invalid value: "map[a:\"b\\\": strict decoding error: no]": strict decoding error: unknown field "x""#;
        assert_eq!(reason_of_patch(words), "strict decoding error: unknown field \"x\"");
        assert_eq!(reason_of_patch("no such words"), "no such words");
    }

    #[test]
    fn complaints_are_read_out_of_the_servers_words() {
        let words = "strict decoding error: unknown field \"spec.clusterIp\", unknown field \"spec.prots\"";
        let found: Vec<_> = complaints(words).collect();
        assert_eq!(
            found,
            [
                Complaint::UnknownField { path: "spec.clusterIp".into() },
                Complaint::UnknownField { path: "spec.prots".into() }
            ]
        );
        let words = "json: cannot unmarshal object into Go struct field ServiceSpec.spec.selector of type string";
        let Some(Complaint::WrongType { path, .. }) = complaints(words).next() else { panic!("a type error") };
        assert_eq!(path, "spec.selector");
    }
}
