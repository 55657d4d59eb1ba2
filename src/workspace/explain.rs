//! What the API server's words mean, and mends where they are certain.
//!
//! The words are matched by the part that stays the same from object to object; what no row knows keeps the general
//! explanation of its kind of error.

use crate::api::parse::{Content, Node};
use crate::api::path::{FieldPath, Segment};
use crate::api::yaml;
use crate::apiserver::status::{Cause, CauseReason};
use crate::diagnostic::Fix;
use crate::locale::Message;
use crate::text::Span;
use crate::workspace::lint::nearest;

/// A part of the server's words and what it means. The first row that fits counts.
const WORDS: &[(&str, &str)] = &[
    ("provided port is already allocated", "explain-port-taken"),
    ("provided port is not in the valid range", "explain-port-range"),
    ("may not be used when `type` is 'ClusterIP'", "explain-node-port-type"),
    ("provided IP is already allocated", "explain-ip-taken"),
    ("is not in the valid range. The range of valid IPs", "explain-ip-range"),
    ("the provided network does not match the current range", "explain-ip-range"),
    ("may not change once set", "explain-kept"),
    ("field is immutable", "explain-kept"),
    ("must contain at least one letter", "explain-port-quoted"),
    ("must be no more than 15 characters", "explain-port-name-length"),
    ("must be between 1 and 65535", "explain-port-number"),
    ("a lowercase RFC 1123 label must", "explain-name"),
    ("a lowercase RFC 1123 subdomain must", "explain-name"),
    ("must not contain dots", "explain-name-dots"),
    ("a valid label must", "explain-label-value"),
    ("may only be set for externally-accessible services", "explain-external-policy"),
    ("may only be used when `type` is 'LoadBalancer'", "explain-load-balancer-only"),
    ("may only be set when `type` is 'LoadBalancer'", "explain-load-balancer-only"),
    ("not configured on this cluster", "explain-families"),
    ("not configured for dual-stack", "explain-families"),
    ("may not be set for ExternalName services", "explain-external-name"),
    ("`selector` does not match template `labels`", "explain-template-labels"),
    ("must be a valid IP address", "explain-ip"),
    ("must be a valid CIDR value", "explain-cidr"),
    ("name or generateName is required", "explain-no-name"),
    ("must specify `addresses` or `notReadyAddresses`", "explain-no-address"),
    ("must contain at least 1 address", "explain-no-address"),
    ("may not be in the loopback range", "explain-odd-address"),
    ("may not be in the link-local", "explain-odd-address"),
    ("either `defaultBackend` or `rules` must be specified", "explain-ingress-empty"),
    ("must be an absolute path", "explain-ingress-path"),
    ("pathType must be specified", "explain-ingress-path-type"),
    ("pod updates may not change fields", "explain-pod-kept"),
    ("may not be more than 262144 bytes", "explain-annotations-long"),
];

/// Required fields whose absence has a meaning of its own.
const MISSING: &[(&str, &str)] = &[
    ("spec.ports", "explain-no-ports"),
    ("spec.selector", "explain-no-selector"),
    ("spec.externalName", "explain-no-external-name"),
    ("addressType", "explain-no-address-type"),
];

/// The server's warnings.
const WARNINGS: &[(&str, &str)] = &[
    ("v1 Endpoints is deprecated", "explain-endpoints-deprecated"),
    ("spec.externalIPs is deprecated", "explain-external-ips"),
    ("\"PreferClose\" is deprecated", "explain-prefer-close"),
    ("spec.externalName is ignored", "explain-external-name-ignored"),
    ("is ignored for headless services", "explain-headless-ignored"),
    ("kubernetes.io/ingress.class", "explain-class-annotation"),
    ("duplicate port definition", "explain-port-twice"),
    ("duplicate port name", "explain-port-name-twice"),
    ("FQDN endpoints are deprecated", "explain-fqdn"),
    ("topology-aware-hints is deprecated", "explain-topology"),
];

fn look_up(table: &[(&str, &'static str)], words: &str) -> Option<Message> {
    table.iter().find(|(part, _)| words.contains(part)).map(|(_, id)| Message::new(id))
}

/// What a cause means, if it is one of the well-known ones.
pub fn cause(cause: &Cause) -> Option<Message> {
    if cause.reason == CauseReason::Required {
        let path = cause.field.as_str();
        if let Some((_, id)) = MISSING.iter().find(|(field, _)| *field == path) {
            return Some(Message::new(id));
        }
        if path.starts_with("spec.ports[") && path.ends_with("].name") {
            return Some(Message::new("explain-ports-unnamed"));
        }
    }
    if cause.reason == CauseReason::Duplicate && cause.field.as_str().starts_with("spec.ports[") {
        return Some(Message::new("explain-port-twice"));
    }
    look_up(WORDS, &cause.message)
}

/// What a warning means.
pub fn warning(words: &str) -> Option<Message> {
    look_up(WARNINGS, words)
}

/// The change that certainly mends a cause whose value stands at `span`.
pub fn mend(cause: &Cause, text: &str, span: Span) -> Option<Fix> {
    let written = span.of(text);
    let bare = written.trim_matches(['"', '\'']);
    let instead = match cause.reason {
        CauseReason::NotSupported => {
            let (_, listed) = cause.message.split_once("supported values: ")?;
            let values = listed.split(", ").map(|v| v.trim_matches('"'));
            nearest(bare, values)?.to_string()
        }
        // A number in quotes is a name to Kubernetes.
        _ if cause.message.contains("must contain at least one letter") && bare.parse::<u16>().is_ok() => {
            bare.to_string()
        }
        _ if cause.message.contains("a lowercase RFC 1123") => lower_case_name(bare)?,
        // Headless is one word in one spelling.
        _ if cause.field.as_str().starts_with("spec.clusterIP") && bare.eq_ignore_ascii_case("none") => "None".into(),
        _ => return None,
    };
    (instead != written).then(|| replace(span, instead))
}

/// A name in small letters, with dashes for what else may not stand there.
fn lower_case_name(name: &str) -> Option<String> {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let lower: String = name.chars().map(letter).collect();
    let lower = lower.trim_matches('-').to_string();
    // Anything but letters, underscores and spaces needs a person to decide.
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '));
    (plain && !lower.is_empty() && lower != name).then_some(lower)
}

fn replace(span: Span, text: String) -> Fix {
    Fix { title: Message::new("fix-value").with("to", &text), edits: vec![(span, text)] }
}

/// Where the value of the wrong type stands that the words are about, and its mend: a number in quotes where a number is
/// wanted, a bare number or a yes where text is wanted. The words name a path without indices and keys, so the first value
/// on that path that has the type they complain about is the one.
pub fn wrong_type(node: &Node, path: &FieldPath, text: &str, words: &str) -> Option<(Span, Option<Fix>)> {
    let wanted = words.rsplit(" of type ").next().unwrap_or("");
    let found = words.split("cannot unmarshal ").nth(1).and_then(|w| w.split(' ').next()).unwrap_or("");
    let mut all = Vec::new();
    collect(node, &path.segments(), &mut all);
    let fits = |node: &&Node| json_type(node, text) == found;
    // The path may stop at a map or list of which one value is wrong.
    let inner = all.iter().flat_map(|node| parts(node)).find(fits);
    let node = all.iter().copied().find(fits).or(inner)?;
    let (span, written) = (node.span, node.span.of(text));
    let bare = written.trim_matches(['"', '\'']);
    let instead = match found {
        "number" | "bool" if wanted == "string" => Some(format!("\"{written}\"")),
        "string" if wanted.starts_with("int") && bare.parse::<i64>().is_ok() => Some(bare.to_string()),
        "string" if wanted == "bool" && matches!(bare, "true" | "false") => Some(bare.to_string()),
        _ => None,
    };
    let simple = matches!(node.content, Content::Scalar) && !written.contains('\n');
    simple.then(|| (span, instead.map(|text| replace(span, text))))
}

/// The values of a map, the items of a list.
fn parts(node: &Node) -> Vec<&Node> {
    match &node.content {
        Content::Map(entries) => entries.iter().map(|e| &e.value).collect(),
        Content::List(items) => items.iter().collect(),
        Content::Scalar => Vec::new(),
    }
}

/// Every node on a path without indices: a list stands for all its items.
fn collect<'a>(node: &'a Node, path: &[Segment], found: &mut Vec<&'a Node>) {
    let Some((segment, rest)) = path.split_first() else { return found.push(node) };
    match (&node.content, segment) {
        (Content::Map(entries), Segment::Field(name) | Segment::Key(name)) => {
            entries.iter().filter(|e| e.key == *name).for_each(|e| collect(&e.value, rest, found));
        }
        (Content::List(items), Segment::Index(i)) => items.get(*i).into_iter().for_each(|n| collect(n, rest, found)),
        (Content::List(items), _) => items.iter().for_each(|n| collect(n, path, found)),
        _ => {}
    }
}

/// Go's word for a node's type.
fn json_type(node: &Node, text: &str) -> &'static str {
    match &node.content {
        Content::List(_) => "array",
        Content::Map(_) => "object",
        Content::Scalar => match node.span.of(text) {
            quoted if quoted.starts_with(['"', '\'', '|', '>']) => "string",
            plain => yaml::resolve_plain(plain).json_type(),
        },
    }
}
