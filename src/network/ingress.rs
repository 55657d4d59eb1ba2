//! What an ingress controller makes of Ingress objects: which rule takes a request, where it goes, which certificate is shown.
//!
//! The precedence is that of the documentation: the most specific host, then the longest path, then Exact before Prefix.
//! Annotations are those of ingress-nginx that change the way: `rewrite-target`, `use-regex`, `ssl-redirect`,
//! `force-ssl-redirect`, `affinity`, `session-cookie-name`, `backend-protocol`. Left out: canaries, authentication, limits.

use super::http::{Act, Ask, Backend, BackendPort, Decision, has_path_prefix};
use super::pattern::Pattern;
use super::tls::{Certificate, matches_host};
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::Store;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

const ANNOTATIONS: &str = "nginx.ingress.kubernetes.io/";

/// Whether a controller with this name (`IngressClass.spec.controller`) takes an Ingress on.
pub fn is_taken_on(store: &Store, ingress: &Object, controller: &str) -> bool {
    let class = match ingress.value.at(&["spec", "ingressClassName"]).and_then(Value::as_str) {
        Some(class) => class,
        None => match ingress.annotation("kubernetes.io/ingress.class") {
            Some(class) => class,
            None => return false,
        },
    };
    let object = store.get(&ObjectKey::new("IngressClass", "", class));
    object.is_some_and(|o| o.value.str_at(&["spec", "controller"]) == controller)
}

/// How well a rule fits, the best greatest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    /// Exact host, wildcard, none.
    host: u8,
    path: usize,
    exact: bool,
}

/// The rule that takes a request; `None`: the controller's own 404.
pub fn decide(store: &Store, controller: &str, ask: &Ask<'_>) -> Option<Decision> {
    let ingresses: Vec<&Arc<Object>> = store.list("Ingress").filter(|o| is_taken_on(store, o, controller)).collect();
    // A host that any Ingress names has a server of its own; rules without host serve the other hosts.
    let host_fit = ingresses.iter().flat_map(|o| rules(o)).filter_map(|(_, rule)| fits_host(rule, ask.host)).max()?;
    let mut best: Option<(Fit, &Arc<Object>, usize, usize)> = None;
    for object in &ingresses {
        for (i, rule) in rules(object) {
            if fits_host(rule, ask.host) != Some(host_fit) {
                continue;
            }
            for (j, path) in rule.items_at(&["http", "paths"]).iter().enumerate() {
                let Some((length, exact)) = fits_path(object, path, ask.path) else { continue };
                let fit = Fit { host: host_fit, path: length, exact };
                // Of equals the older Ingress wins; they come ordered by name, so age is compared.
                let wins = best
                    .as_ref()
                    .is_none_or(|(other, by, ..)| fit > *other || (fit == *other && age(object) < age(by)));
                if wins {
                    best = Some((fit, object, i, j));
                }
            }
        }
    }
    if let Some((_, object, i, j)) = best {
        return Some(of_path(object, i, j, ask));
    }
    default_backend(&ingresses, ask, host_fit)
}

/// The default backend of an Ingress for requests that none of its paths takes, or of one without rules.
fn default_backend(ingresses: &[&Arc<Object>], ask: &Ask<'_>, host_fit: u8) -> Option<Decision> {
    ingresses.iter().find_map(|object| {
        let backend = object.value.at(&["spec", "defaultBackend"])?;
        let concerned = host_fit == 0 || rules(object).any(|(_, rule)| fits_host(rule, ask.host) == Some(host_fit));
        concerned.then(|| {
            let because = object.key.field("spec.defaultBackend");
            Decision {
                route: object.key.clone(),
                rule: "defaultBackend".into(),
                act: forward(object, vec![read_backend(object, backend, because.clone())], None),
                because: vec![because],
            }
        })
    })
}

fn rules(object: &Object) -> impl Iterator<Item = (usize, &Value)> {
    object.value.items_at(&["spec", "rules"]).iter().enumerate()
}

fn age(object: &Object) -> (&str, &SmolStr, &SmolStr) {
    (object.value.str_at(&["metadata", "creationTimestamp"]), object.namespace(), object.name())
}

/// 2: the host itself; 1: by a wildcard; 0: the rule names none.
fn fits_host(rule: &Value, host: &str) -> Option<u8> {
    match rule.str_at(&["host"]) {
        "" => Some(0),
        name if name.starts_with("*.") => matches_host(name, host).then_some(1),
        name => name.eq_ignore_ascii_case(host).then_some(2),
    }
}

/// How long the path that fits is, and whether it fits exactly.
fn fits_path(object: &Object, rule: &Value, path: &str) -> Option<(usize, bool)> {
    let wanted = match rule.str_at(&["path"]) {
        "" => "/",
        text => text,
    };
    let fits = match rule.str_at(&["pathType"]) {
        "Exact" => path == wanted,
        "Prefix" => has_path_prefix(path, wanted),
        _ if uses_regex(object) => Pattern::parse(wanted).is_some_and(|p| p.captures(path, false).is_some()),
        // What nginx does with a plain location: a prefix letter by letter.
        _ => path.starts_with(wanted),
    };
    fits.then(|| (wanted.trim_end_matches('/').len(), rule.str_at(&["pathType"]) == "Exact"))
}

fn annotation<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.annotation(&format!("{ANNOTATIONS}{name}"))
}

fn uses_regex(object: &Object) -> bool {
    annotation(object, "use-regex") == Some("true") || annotation(object, "rewrite-target").is_some()
}

fn of_path(object: &Arc<Object>, i: usize, j: usize, ask: &Ask<'_>) -> Decision {
    let rule = &object.value.items_at(&["spec", "rules"])[i];
    let path = &rule.items_at(&["http", "paths"])[j];
    let field = |rest: &str| object.key.field(format!("spec.rules[{i}].http.paths[{j}]{rest}").as_str());
    let host = rule.str_at(&["host"]);
    let shown = format_smolstr!("{host}{} ({})", path.str_at(&["path"]), path.str_at(&["pathType"]));
    let mut because = vec![field(".path")];
    if !host.is_empty() {
        because.push(object.key.field(format!("spec.rules[{i}].host").as_str()));
    }
    if let Some(redirect) = redirect_to_tls(object, ask) {
        return Decision { route: object.key.clone(), rule: shown, because: vec![redirect.1], act: redirect.0 };
    }
    let service = path.at(&["backend", "service"]).map(|_| field(".backend.service.name"));
    let backend =
        read_backend(object, path.get("backend").unwrap_or(&Value::Null), service.unwrap_or(field(".backend")));
    let rewritten = rewrite(object, path, ask.path);
    if rewritten.is_some() {
        because.push(object.key.field("metadata.annotations[nginx.ingress.kubernetes.io/rewrite-target]"));
    }
    because.push(backend.because.clone());
    Decision { route: object.key.clone(), rule: shown, act: forward(object, vec![backend], rewritten), because }
}

/// With a certificate for the host, plain HTTP is sent to https with 308.
fn redirect_to_tls(object: &Object, ask: &Ask<'_>) -> Option<(Act, FieldRef)> {
    if ask.tls {
        return None;
    }
    let forced = annotation(object, "force-ssl-redirect") == Some("true");
    let tls = object.value.items_at(&["spec", "tls"]);
    let covered = tls.iter().position(|entry| {
        entry.items_at(&["hosts"]).iter().filter_map(Value::as_str).any(|h| matches_host(h, ask.host))
    });
    let off = annotation(object, "ssl-redirect") == Some("false");
    if !forced && (covered.is_none() || off) {
        return None;
    }
    let because = match covered {
        Some(i) => object.key.field(format!("spec.tls[{i}].hosts").as_str()),
        None => object.key.field("metadata.annotations[nginx.ingress.kubernetes.io/force-ssl-redirect]"),
    };
    let query = if ask.query.is_empty() { String::new() } else { format!("?{}", ask.query) };
    let location = format_smolstr!("https://{}{}{query}", ask.host, ask.path);
    Some((Act::Redirect { status: 308, location }, because))
}

/// The path that `rewrite-target` makes, with `$1` and so on from the path's groups.
fn rewrite(object: &Object, rule: &Value, path: &str) -> Option<SmolStr> {
    let target = annotation(object, "rewrite-target")?;
    let captures = Pattern::parse(rule.str_at(&["path"])).and_then(|p| {
        let found = p.captures(path, false)?;
        Some(found.into_iter().map(String::from).collect::<Vec<_>>())
    });
    let captures = captures.unwrap_or_default();
    let mut out = String::new();
    let mut chars = target.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek().and_then(|d| d.to_digit(10)).filter(|_| c == '$') {
            Some(digit) => {
                chars.next();
                out.push_str(captures.get(digit as usize).map_or("", String::as_str));
            }
            None => out.push(c),
        }
    }
    if !out.starts_with('/') {
        out.insert(0, '/');
    }
    Some(out.into())
}

fn read_backend(object: &Object, value: &Value, because: FieldRef) -> Backend {
    let port = value.at(&["service", "port"]);
    let number = port.and_then(|p| p.get("number")).and_then(Value::as_i64).and_then(|n| u16::try_from(n).ok());
    Backend {
        service: ObjectKey::new("Service", object.namespace().clone(), value.str_at(&["service", "name"])),
        port: match number {
            Some(number) => BackendPort::Number(number),
            None => BackendPort::Name(port.map_or("", |p| p.str_at(&["name"])).into()),
        },
        weight: 1,
        refused: value.get("service").is_none(),
        request: Vec::new(),
        response: Vec::new(),
        mirrors: Vec::new(),
        because,
    }
}

fn forward(object: &Object, backends: Vec<Backend>, path: Option<SmolStr>) -> Act {
    let cookie = (annotation(object, "affinity") == Some("cookie"))
        .then(|| annotation(object, "session-cookie-name").unwrap_or("INGRESSCOOKIE").into());
    let tls = annotation(object, "backend-protocol").is_some_and(|p| p.eq_ignore_ascii_case("https"));
    Act::Forward {
        backends,
        path,
        host: None,
        request: Vec::new(),
        response: Vec::new(),
        mirrors: Vec::new(),
        cookie,
        tls,
    }
}

/// The certificate for a server name, and the Ingress and Secret that should have given one when the controller has to show
/// its own.
pub fn certificate(
    store: &Store,
    controller: &str,
    name: &str,
) -> (Certificate, Vec<FieldRef>, Option<(ObjectKey, SmolStr)>) {
    let mut missing = None;
    for object in store.list("Ingress").filter(|o| is_taken_on(store, o, controller)) {
        for (i, entry) in object.value.items_at(&["spec", "tls"]).iter().enumerate() {
            let hosts = entry.items_at(&["hosts"]);
            let concerned = hosts.is_empty() || hosts.iter().filter_map(Value::as_str).any(|h| matches_host(h, name));
            let secret = entry.str_at(&["secretName"]);
            if !concerned || secret.is_empty() {
                continue;
            }
            let key = ObjectKey::new("Secret", object.namespace().clone(), secret);
            let field = object.key.field(format!("spec.tls[{i}].secretName").as_str());
            match store.get(&key).and_then(|s| super::tls::of_secret(s)) {
                Some(certificate) => {
                    let because = vec![field, key.field("data[tls.crt]")];
                    return (certificate, because, None);
                }
                None => missing = Some((object.key.clone(), secret.into(), field)),
            }
        }
    }
    let because = missing.iter().map(|(_, _, field)| field.clone()).collect();
    (Certificate::of_controller(), because, missing.map(|(ingress, secret, _)| (ingress, secret)))
}
