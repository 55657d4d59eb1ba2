//! What an ingress controller makes of Ingress objects: which rule takes a request, where it goes, which certificate is shown.
//!
//! The precedence is that of the documentation: the most specific host, then the longest path, then Exact before Prefix.
//! Annotations are those of ingress-nginx that change the way: `rewrite-target`, `use-regex`, `ssl-redirect`,
//! `force-ssl-redirect`, `ssl-passthrough`, `affinity`, `session-cookie-name`, `backend-protocol`, `service-upstream`,
//! `upstream-vhost`, and those of [`annotations`] and [`canary`]. Left out: authentication, limits.

mod annotations;
mod canary;

use super::http::{Act, Ask, Backend, BackendPort, Decision, has_path_prefix};
use super::pattern::Pattern;
use super::tls::{Certificate, matches_host};
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::value::Value;
use crate::apiserver::store::Store;
use annotations::{annotation, is_on};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

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
    let taken_on = store.list("Ingress").filter(|o| is_taken_on(store, o, controller));
    let (canaries, ingresses): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) = taken_on.partition(|o| canary::is_canary(o));
    // A host that any Ingress names has a server of its own; rules without host serve the other hosts.
    let host_fit = ingresses.iter().flat_map(|o| rules(o)).filter_map(|(_, rule)| fits_host(rule, ask.host));
    let aliased = || ingresses.iter().find(|o| annotations::is_alias(o, ask.host));
    let host_fit = match host_fit.max() {
        Some(2) => 2,
        found => match aliased() {
            // A server's other name is as good as its first one.
            Some(object) => {
                let rule = rules(object).map(|(_, rule)| rule.str_at(&["host"])).find(|host| !host.is_empty())?;
                return decide(store, controller, &Ask { host: rule, ..ask.clone() });
            }
            None => found?,
        },
    };
    // One regular expression makes all paths of the host such (`enforceRegexModifier`).
    let concerned = |object: &Object| rules(object).any(|(_, rule)| fits_host(rule, ask.host) == Some(host_fit));
    let regex = ingresses.iter().any(|o| uses_regex(o) && concerned(o));
    if let Some((object, act)) =
        ingresses.iter().filter(|o| concerned(o)).find_map(|o| Some((o, annotations::to_app_root(o, ask)?)))
    {
        let because = vec![annotations::field(object, "app-root")];
        return Some(Decision { route: object.key.clone(), rule: "app-root".into(), act, because });
    }
    let mut best: Option<(Fit, &Arc<Object>, usize, usize)> = None;
    for object in &ingresses {
        for (i, rule) in rules(object) {
            if fits_host(rule, ask.host) != Some(host_fit) {
                continue;
            }
            for (j, path) in rule.items_at(&["http", "paths"]).iter().enumerate() {
                let Some((length, exact)) = fits_path(regex, path, ask.path) else { continue };
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
        return Some(of_path(object, i, j, ask, &canaries));
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
                act: forward(object, vec![read_backend(object, backend, because.clone())], None, ask),
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
fn fits_path(regex: bool, rule: &Value, path: &str) -> Option<(usize, bool)> {
    let wanted = match rule.str_at(&["path"]) {
        "" => "/",
        text => text,
    };
    let fits = match rule.str_at(&["pathType"]) {
        // nginx looks for it at the beginning of the path, whatever the type says.
        _ if regex => Pattern::parse(wanted).is_some_and(|p| p.captures(path, false).is_some()),
        "Exact" => path == wanted,
        "Prefix" => has_path_prefix(path, wanted),
        // What nginx does with a plain location: a prefix letter by letter.
        _ => path.starts_with(wanted),
    };
    fits.then(|| (wanted.trim_end_matches('/').len(), rule.str_at(&["pathType"]) == "Exact"))
}

fn uses_regex(object: &Object) -> bool {
    is_on(object, "use-regex") || annotation(object, "rewrite-target").is_some()
}

fn of_path(object: &Arc<Object>, i: usize, j: usize, ask: &Ask<'_>, canaries: &[&Arc<Object>]) -> Decision {
    let rule = &object.value.items_at(&["spec", "rules"])[i];
    let path = &rule.items_at(&["http", "paths"])[j];
    let field = |rest: &str| object.key.field(format!("spec.rules[{i}].http.paths[{j}]{rest}").as_str());
    let host = rule.str_at(&["host"]);
    let shown = format_smolstr!("{host}{} ({})", path.str_at(&["path"]), path.str_at(&["pathType"]));
    let mut because = vec![field(".path")];
    if !host.is_empty() {
        because.push(object.key.field(format!("spec.rules[{i}].host").as_str()));
    }
    let at_once = annotations::answer(object, ask).or_else(|| redirect_to_tls(object, ask)).or_else(|| {
        let source = ask.source?;
        let because = annotations::keeps_out(object, source)?;
        Some((Act::Forbid { source, because: because.clone() }, because))
    });
    if let Some((act, because)) = at_once {
        return Decision { route: object.key.clone(), rule: shown, because: vec![because], act };
    }
    let backend = backend_of(object, i, j);
    let rewritten = rewrite(object, path, ask.path);
    if rewritten.is_some() {
        because.push(annotations::field(object, "rewrite-target"));
    }
    because.push(backend.because.clone());
    let mut backends = vec![backend];
    if let Some((other, i, j)) = canary::of_path(canaries, object, host, path) {
        let share = canary::share(other, object, ask);
        because.push(share.because);
        backends[0].weight = share.all - share.of;
        backends.push(Backend { weight: share.of, ..backend_of(other, i, j) });
    }
    Decision { route: object.key.clone(), rule: shown, act: forward(object, backends, rewritten, ask), because }
}

/// The backend of a path of an Ingress.
fn backend_of(object: &Object, i: usize, j: usize) -> Backend {
    let path = &object.value.items_at(&["spec", "rules"])[i].items_at(&["http", "paths"])[j];
    let rest = if path.at(&["backend", "service"]).is_some() { ".service.name" } else { "" };
    let field = object.key.field(format!("spec.rules[{i}].http.paths[{j}].backend{rest}").as_str());
    read_backend(object, path.get("backend").unwrap_or(&Value::Null), field)
}

/// With a certificate for the host, plain HTTP is sent to https with 308.
fn redirect_to_tls(object: &Object, ask: &Ask<'_>) -> Option<(Act, FieldRef)> {
    if ask.tls {
        return None;
    }
    let forced = is_on(object, "force-ssl-redirect");
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
        None => annotations::field(object, "force-ssl-redirect"),
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
        by_service: is_on(object, "service-upstream"),
        refused: value.get("service").is_none(),
        request: Vec::new(),
        response: Vec::new(),
        mirrors: Vec::new(),
        because,
    }
}

fn forward(object: &Object, backends: Vec<Backend>, path: Option<SmolStr>, ask: &Ask<'_>) -> Act {
    let cookie = (annotation(object, "affinity") == Some("cookie"))
        .then(|| annotation(object, "session-cookie-name").unwrap_or("INGRESSCOOKIE").into());
    let tls = annotation(object, "backend-protocol").is_some_and(|p| p.eq_ignore_ascii_case("https"));
    Act::Forward {
        backends,
        path,
        host: annotation(object, "upstream-vhost").map(SmolStr::from),
        request: Vec::new(),
        response: annotations::cors_changes(object, ask),
        mirrors: Vec::new(),
        cookie,
        tls,
        patience: annotations::patience(object),
    }
}

/// Where a TLS connection for a server name is passed on to as it is (`ssl-passthrough`); the controller has to be told to look
/// (`--enable-ssl-passthrough`). Paths do not count: they are inside the encryption.
pub fn passthrough(store: &Store, controller: &str, name: &str) -> Option<Decision> {
    store.list("Ingress").filter(|o| is_taken_on(store, o, controller) && is_on(o, "ssl-passthrough")).find_map(
        |object| {
            let (i, rule) = rules(object).find(|(_, rule)| rule.str_at(&["host"]).eq_ignore_ascii_case(name))?;
            let paths = rule.items_at(&["http", "paths"]);
            let j = paths.iter().position(|path| matches!(path.str_at(&["path"]), "" | "/"))?;
            let backend = Backend { by_service: true, ..backend_of(object, i, j) };
            let because = vec![annotations::field(object, "ssl-passthrough"), backend.because.clone()];
            let ask = Ask { host: name, tls: true, ..Ask::default() };
            let act = forward(object, vec![backend], None, &ask);
            Some(Decision {
                route: object.key.clone(),
                rule: format_smolstr!("{name} (TLS passthrough)"),
                act,
                because,
            })
        },
    )
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
