//! What a gateway makes of Gateway, HTTPRoute and GRPCRoute objects (Gateway API v1, standard channel): which rule takes a
//! request and what it does with it.
//!
//! The precedence is the specification's: the most specific hostname, then Exact before prefix, the longest prefix, the method,
//! the most header matches, the most query matches, the oldest route, the first by name. Left out: TLS routes, CORS, listener
//! sets.

use super::http::{Act, Ask, Backend, BackendPort, Decision, HeaderChange, Mirror, Patience, has_path_prefix};
use super::pattern::Pattern;
use super::tls::{Certificate, of_secret};
use crate::api::object::{FieldRef, Object, ObjectKey};
use crate::api::time::Duration;
use crate::api::value::Value;
use crate::apiserver::store::Store;
use crate::arrange::Arrange;
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;

/// A listener of a Gateway that a request came to.
struct Listener<'s> {
    gateway: &'s Arc<Object>,
    index: usize,
    value: &'s Value,
}

/// Whether a controller with this name (`GatewayClass.spec.controllerName`) serves a Gateway.
pub fn is_served(store: &Store, gateway: &Object, controller: &str) -> bool {
    let class = ObjectKey::new("GatewayClass", "", gateway.value.str_at(&["spec", "gatewayClassName"]));
    store.get(&class).is_some_and(|o| o.value.str_at(&["spec", "controllerName"]) == controller)
}

/// The listeners that take a request, the one with the most specific hostname first.
fn listeners<'s>(store: &'s Store, controller: &str, ask: &Ask<'_>) -> Vec<Listener<'s>> {
    let mut found: Vec<(usize, Listener<'s>)> = Vec::new();
    for gateway in store.list("Gateway").filter(|g| is_served(store, g, controller)) {
        for (index, value) in gateway.value.items_at(&["spec", "listeners"]).iter().enumerate() {
            let port = value.get("port").and_then(Value::as_i64) == Some(i64::from(ask.port));
            let tls = matches!(value.str_at(&["protocol"]), "HTTPS" | "TLS");
            let host = value.str_at(&["hostname"]);
            if port && tls == ask.tls && (host.is_empty() || covers(host, ask.host)) {
                found.push((specificity(host), Listener { gateway, index, value }));
            }
        }
    }
    found.arrange_by_key(|(specific, _)| std::cmp::Reverse(*specific));
    found.into_iter().map(|(_, listener)| listener).collect()
}

/// Hostnames of the Gateway API: a wildcard covers any number of labels.
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(rest) => host
            .len()
            .checked_sub(rest.len() + 1)
            .is_some_and(|at| at > 0 && host.as_bytes()[at] == b'.' && host[at + 1..].eq_ignore_ascii_case(rest)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// Exact names beat wildcards, longer ones shorter ones.
fn specificity(host: &str) -> usize {
    match host {
        "" => 0,
        wild if wild.starts_with("*.") => wild.len(),
        exact => 1_000 + exact.len(),
    }
}

/// Whether a route is attached to a listener and serves a host; gives how specific the hostname is that does.
fn attached(store: &Store, route: &Object, listener: &Listener<'_>, host: &str) -> Option<usize> {
    let named = route.value.items_at(&["spec", "parentRefs"]).iter().any(|parent| {
        let namespace = match parent.str_at(&["namespace"]) {
            "" => route.namespace().as_str(),
            other => other,
        };
        let section = parent.str_at(&["sectionName"]);
        let port = parent.get("port").and_then(Value::as_i64);
        matches!(parent.str_at(&["kind"]), "" | "Gateway")
            && parent.str_at(&["name"]) == listener.gateway.name()
            && namespace == listener.gateway.namespace()
            && (section.is_empty() || section == listener.value.str_at(&["name"]))
            && port.is_none_or(|p| listener.value.get("port").and_then(Value::as_i64) == Some(p))
    });
    if !named || !is_allowed(store, route, listener) {
        return None;
    }
    let own = listener.value.str_at(&["hostname"]);
    let hostnames = route.value.items_at(&["spec", "hostnames"]);
    if hostnames.is_empty() {
        return Some(specificity(own));
    }
    let fits = hostnames.iter().filter_map(Value::as_str).filter(|name| {
        let meets = own.is_empty() || covers(own, name) || covers(name, own) || own.eq_ignore_ascii_case(name);
        meets && covers(name, host)
    });
    fits.map(specificity).max()
}

/// `allowedRoutes.namespaces.from`: Same by default.
fn is_allowed(store: &Store, route: &Object, listener: &Listener<'_>) -> bool {
    match listener.value.str_at(&["allowedRoutes", "namespaces", "from"]) {
        "All" => true,
        "Selector" => {
            let wanted = listener.value.at(&["allowedRoutes", "namespaces", "selector", "matchLabels"]);
            let namespace = store.get(&ObjectKey::new("Namespace", "", route.namespace().clone()));
            let labels = wanted.and_then(Value::as_map);
            namespace.is_some_and(|ns| {
                labels.is_none_or(|map| map.iter().all(|(k, v)| ns.label(k).is_some_and(|l| Some(l) == v.as_str())))
            })
        }
        "None" => false,
        _ => route.namespace() == listener.gateway.namespace(),
    }
}

/// How well a match fits, the best greatest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    host: usize,
    exact: bool,
    path: usize,
    method: bool,
    headers: usize,
    query: usize,
}

/// The rule that takes a request; `None`: 404.
pub fn decide(store: &Store, controller: &str, ask: &Ask<'_>) -> Option<Decision> {
    // A gRPC call is an HTTP request as well.
    let kinds: &[&str] = if ask.grpc { &["GRPCRoute", "HTTPRoute"] } else { &["HTTPRoute"] };
    let listeners = listeners(store, controller, ask);
    listeners.iter().find_map(|listener| kinds.iter().find_map(|kind| best_rule(store, listener, kind, ask)))
}

/// The rule of a listener's routes of one kind that fits best.
fn best_rule(store: &Store, listener: &Listener<'_>, kind: &str, ask: &Ask<'_>) -> Option<Decision> {
    let mut best: Option<(Fit, &Arc<Object>, usize, usize)> = None;
    for route in store.list(kind) {
        let Some(host) = attached(store, route, listener, ask.host) else { continue };
        for (i, rule) in route.value.items_at(&["spec", "rules"]).iter().enumerate() {
            let always = [Value::map()];
            let matches = match rule.items_at(&["matches"]) {
                [] => &always[..],
                some => some,
            };
            for (j, wanted) in matches.iter().enumerate() {
                let fit = if kind == "GRPCRoute" { fits_call(wanted, ask) } else { fits(wanted, ask) };
                let Some(fit) = fit.map(|fit| Fit { host, ..fit }) else { continue };
                let wins = best.as_ref().is_none_or(|(other, by, ..)| {
                    fit > *other || (fit == *other && age(route) < age(by) && by.key != route.key)
                });
                if wins {
                    best = Some((fit, route, i, j));
                }
            }
        }
    }
    best.map(|(_, route, i, j)| of_rule(store, route, i, j, ask))
}

fn age(object: &Object) -> (&str, &SmolStr, &SmolStr) {
    (object.value.str_at(&["metadata", "creationTimestamp"]), object.namespace(), object.name())
}

fn fits(wanted: &Value, ask: &Ask<'_>) -> Option<Fit> {
    let mut fit = Fit::default();
    let path = wanted.at(&["path", "value"]).and_then(Value::as_str).unwrap_or("/");
    match wanted.str_at(&["path", "type"]) {
        "Exact" => {
            (path == ask.path).then_some(())?;
            fit.exact = true;
            fit.path = path.len();
        }
        "RegularExpression" => {
            Pattern::parse(path)?.captures(ask.path, false)?;
            fit.path = path.len();
        }
        _ => {
            has_path_prefix(ask.path, path).then_some(())?;
            fit.path = path.trim_end_matches('/').len();
        }
    }
    let method = wanted.str_at(&["method"]);
    if !method.is_empty() {
        (method == ask.method).then_some(())?;
        fit.method = true;
    }
    fit.headers = matching_headers(wanted, ask)?;
    for rule in wanted.items_at(&["queryParams"]) {
        let name = rule.str_at(&["name"]);
        let found = ask.query.split('&').find_map(|pair| {
            let (n, v) = pair.split_once('=').unwrap_or((pair, ""));
            (n == name).then_some(v)
        });
        agrees(rule.str_at(&["type"]), rule.str_at(&["value"]), found).then_some(())?;
        fit.query += 1;
    }
    Some(fit)
}

/// The match of a GRPCRoute: the longest service goes first, then the longest method, then the most headers.
fn fits_call(wanted: &Value, ask: &Ask<'_>) -> Option<Fit> {
    let mut fit = Fit::default();
    let (service, method) = ask.path.strip_prefix('/').and_then(|path| path.split_once('/')).unwrap_or(("", ""));
    let how = wanted.str_at(&["method", "type"]);
    let length = |field: &str, found: &str| {
        let value = wanted.str_at(&["method", field]);
        (value.is_empty() || agrees(how, value, Some(found))).then_some(value.len())
    };
    // No service or method has a name of a thousand letters.
    fit.path = length("service", service)?.min(999) * 1_000 + length("method", method)?.min(999);
    fit.headers = matching_headers(wanted, ask)?;
    Some(fit)
}

/// How many headers a match asks for; `None`: one is not as it asks.
fn matching_headers(wanted: &Value, ask: &Ask<'_>) -> Option<usize> {
    let rules = wanted.items_at(&["headers"]);
    let all = rules.iter().all(|rule| {
        let name = rule.str_at(&["name"]);
        let found = ask.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str());
        let found = if name.eq_ignore_ascii_case("host") { Some(ask.host) } else { found };
        agrees(rule.str_at(&["type"]), rule.str_at(&["value"]), found)
    });
    all.then_some(rules.len())
}

/// Whether a value is as a match asks: equal, or fitting a regular expression.
fn agrees(how: &str, wanted: &str, found: Option<&str>) -> bool {
    match (how, found) {
        (_, None) => false,
        ("RegularExpression", Some(text)) => Pattern::parse(wanted).is_some_and(|p| p.captures(text, true).is_some()),
        (_, Some(text)) => text == wanted,
    }
}

fn of_rule(store: &Store, route: &Arc<Object>, i: usize, j: usize, ask: &Ask<'_>) -> Decision {
    let rule = &route.value.items_at(&["spec", "rules"])[i];
    let field = |rest: String| route.key.field(format!("spec.rules[{i}]{rest}").as_str());
    let wanted = rule.items_at(&["matches"]).get(j);
    let prefix = wanted.map_or("/", |m| m.at(&["path", "value"]).and_then(Value::as_str).unwrap_or("/"));
    let shown = match wanted {
        Some(m) if route.key.kind == "GRPCRoute" => {
            let part = |field| Some(m.str_at(&["method", field])).filter(|text| !text.is_empty()).unwrap_or("*");
            format_smolstr!("{}/{}", part("service"), part("method"))
        }
        None if route.key.kind == "GRPCRoute" => "*/*".into(),
        Some(m) => format_smolstr!(
            "{prefix} ({})",
            match m.str_at(&["path", "type"]) {
                "" => "PathPrefix",
                kind => kind,
            }
        ),
        None => "/ (PathPrefix)".into(),
    };
    let mut because = vec![if wanted.is_some() { field(format!(".matches[{j}]")) } else { field(String::new()) }];
    let (mut path, mut host) = (None, None);
    let (mut request, mut response, mut mirrors) = (Vec::new(), Vec::new(), Vec::new());
    for (f, filter) in rule.items_at(&["filters"]).iter().enumerate() {
        match filter.str_at(&["type"]) {
            "RequestRedirect" => {
                because.insert(0, field(format!(".filters[{f}].requestRedirect")));
                let act = redirect(filter.get("requestRedirect").unwrap_or(&Value::Null), prefix, ask);
                return Decision { route: route.key.clone(), rule: shown, act, because };
            }
            "URLRewrite" => {
                let rewrite = filter.get("urlRewrite").unwrap_or(&Value::Null);
                path = rewrite.get("path").and_then(|p| replaced(p, prefix, ask.path));
                host = rewrite.get("hostname").and_then(Value::as_smol);
                because.push(field(format!(".filters[{f}].urlRewrite")));
            }
            "RequestHeaderModifier" => {
                request.extend(changes(filter.get("requestHeaderModifier")));
                because.push(field(format!(".filters[{f}].requestHeaderModifier")));
            }
            "ResponseHeaderModifier" => {
                response.extend(changes(filter.get("responseHeaderModifier")));
                because.push(field(format!(".filters[{f}].responseHeaderModifier")));
            }
            "RequestMirror" => {
                let field = field(format!(".filters[{f}].requestMirror"));
                mirrors.extend(filter.get("requestMirror").map(|m| read_mirror(store, route, m, field)));
            }
            _ => {}
        }
    }
    let backends: Vec<Backend> = rule
        .items_at(&["backendRefs"])
        .iter()
        .enumerate()
        .map(|(b, value)| read_backend(store, route, value, field(format!(".backendRefs[{b}]"))))
        .collect();
    because.extend(backends.iter().map(|b| b.because.clone()));
    let act = Act::Forward {
        backends,
        path,
        host,
        request,
        response,
        mirrors,
        cookie: None,
        tls: false,
        patience: patience(rule, &field),
    };
    Decision { route: route.key.clone(), rule: shown, act, because }
}

/// The shorter one of `timeouts.request` and `timeouts.backendRequest`; zero means none.
fn patience(rule: &Value, field: &dyn Fn(String) -> FieldRef) -> Option<Patience> {
    let of = |name: &str| {
        let wait = go_duration(rule.str_at(&["timeouts", name]))?;
        (wait > Duration::ZERO).then(|| Patience { wait, because: field(format!(".timeouts.{name}")) })
    };
    ["request", "backendRequest"].into_iter().filter_map(of).min_by_key(|patience| patience.wait)
}

/// A duration as the Gateway API writes it (GEP-2257): `1h`, `10s`, `1m30s`, `500ms`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = [("ms", 1_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000)];
        let (unit, micros) = units.into_iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        total = total.saturating_add(number.saturating_mul(micros));
    }
    (!text.is_empty()).then_some(Duration(total))
}

fn read_backend(store: &Store, route: &Object, value: &Value, because: FieldRef) -> Backend {
    let namespace = match value.str_at(&["namespace"]) {
        "" => route.namespace().clone(),
        other => other.into(),
    };
    let kind = value.str_at(&["kind"]);
    let name = value.str_at(&["name"]);
    let port = value.get("port").and_then(Value::as_i64).and_then(|p| u16::try_from(p).ok());
    let weight = value.get("weight").and_then(Value::as_i64).map_or(1, |w| u32::try_from(w).unwrap_or(0));
    let foreign = namespace != *route.namespace() && !is_granted(store, route, &namespace, name);
    let (mut request, mut response, mut mirrors) = (Vec::new(), Vec::new(), Vec::new());
    for (f, filter) in value.items_at(&["filters"]).iter().enumerate() {
        match filter.str_at(&["type"]) {
            "RequestHeaderModifier" => request.extend(changes(filter.get("requestHeaderModifier"))),
            "ResponseHeaderModifier" => response.extend(changes(filter.get("responseHeaderModifier"))),
            "RequestMirror" => {
                let path = format!("{}.filters[{f}].requestMirror", because.path);
                let field = route.key.field(path.as_str());
                mirrors.extend(filter.get("requestMirror").map(|m| read_mirror(store, route, m, field)));
            }
            _ => {}
        }
    }
    Backend {
        service: ObjectKey::new("Service", namespace, name),
        port: BackendPort::Number(port.unwrap_or(0)),
        weight,
        by_service: false,
        refused: foreign || !matches!(kind, "" | "Service"),
        request,
        response,
        mirrors,
        because,
    }
}

/// Where copies go, and how many: all, so many in a hundred, or a fraction.
fn read_mirror(store: &Store, route: &Object, value: &Value, because: FieldRef) -> Mirror {
    let number = |path: &[&str]| value.at(path).and_then(Value::as_i64).and_then(|n| u32::try_from(n).ok());
    let share = match (number(&["percent"]), number(&["fraction", "numerator"])) {
        (Some(percent), _) => (percent, 100),
        (None, Some(upper)) => (upper, number(&["fraction", "denominator"]).unwrap_or(100)),
        (None, None) => (1, 1),
    };
    Mirror { to: read_backend(store, route, value.get("backendRef").unwrap_or(&Value::Null), because), share }
}

/// Whether a ReferenceGrant of the Service's namespace lets routes of this one refer to it.
fn is_granted(store: &Store, route: &Object, namespace: &str, service: &str) -> bool {
    store.list_in("ReferenceGrant", namespace).any(|grant| {
        let from =
            grant.value.items_at(&["spec", "from"]).iter().any(|f| {
                f.str_at(&["kind"]) == route.key.kind.as_str() && f.str_at(&["namespace"]) == route.namespace()
            });
        let to = grant.value.items_at(&["spec", "to"]).iter().any(|t| {
            t.str_at(&["kind"]) == "Service" && (t.str_at(&["name"]).is_empty() || t.str_at(&["name"]) == service)
        });
        from && to
    })
}

fn changes(modifier: Option<&Value>) -> Vec<HeaderChange> {
    let Some(modifier) = modifier else { return Vec::new() };
    let pair = |v: &Value| (SmolStr::from(v.str_at(&["name"])), SmolStr::from(v.str_at(&["value"])));
    let set = modifier.items_at(&["set"]).iter().map(pair).map(|(n, v)| HeaderChange::Set(n, v));
    let add = modifier.items_at(&["add"]).iter().map(pair).map(|(n, v)| HeaderChange::Add(n, v));
    let remove = modifier.items_at(&["remove"]).iter().filter_map(Value::as_smol).map(HeaderChange::Remove);
    set.chain(add).chain(remove).collect()
}

/// The path after `ReplaceFullPath` or `ReplacePrefixMatch`.
fn replaced(change: &Value, prefix: &str, path: &str) -> Option<SmolStr> {
    match change.str_at(&["type"]) {
        "ReplaceFullPath" => change.get("replaceFullPath").and_then(Value::as_smol),
        "ReplacePrefixMatch" => {
            let new = change.str_at(&["replacePrefixMatch"]).trim_end_matches('/');
            let rest = path.strip_prefix(prefix.trim_end_matches('/'))?;
            let joined =
                format_smolstr!("{new}{}{rest}", if rest.is_empty() || rest.starts_with('/') { "" } else { "/" });
            Some(if joined.is_empty() { "/".into() } else { joined })
        }
        _ => None,
    }
}

fn redirect(filter: &Value, prefix: &str, ask: &Ask<'_>) -> Act {
    let scheme = match filter.str_at(&["scheme"]) {
        "" => {
            if ask.tls {
                "https"
            } else {
                "http"
            }
        }
        scheme => scheme,
    };
    let host = match filter.str_at(&["hostname"]) {
        "" => ask.host,
        host => host,
    };
    let asked = filter.get("port").and_then(Value::as_i64);
    let own = filter.str_at(&["scheme"]).is_empty().then_some(i64::from(ask.port));
    let port = match asked.or(own) {
        Some(80) if scheme == "http" => String::new(),
        Some(443) if scheme == "https" => String::new(),
        Some(port) => format!(":{port}"),
        None => String::new(),
    };
    let path = filter.get("path").and_then(|p| replaced(p, prefix, ask.path));
    let path = path.as_deref().unwrap_or(ask.path);
    let query = if ask.query.is_empty() { String::new() } else { format!("?{}", ask.query) };
    let status = filter.get("statusCode").and_then(Value::as_i64).and_then(|s| u16::try_from(s).ok()).unwrap_or(302);
    Act::Redirect { status, location: format_smolstr!("{scheme}://{host}{port}{path}{query}") }
}

/// The certificate that a listener shows for a server name.
pub fn certificate(
    store: &Store,
    controller: &str,
    name: &str,
    port: u16,
) -> (Certificate, Vec<FieldRef>, Option<(ObjectKey, SmolStr)>) {
    let ask = Ask { host: name, tls: true, port, ..Ask::default() };
    for listener in listeners(store, controller, &ask) {
        let reference = listener.value.items_at(&["tls", "certificateRefs"]).first();
        let Some(reference) = reference else { continue };
        let namespace = match reference.str_at(&["namespace"]) {
            "" => listener.gateway.namespace().as_str(),
            other => other,
        };
        let secret = ObjectKey::new("Secret", namespace, reference.str_at(&["name"]));
        let path = format!("spec.listeners[{}].tls.certificateRefs[0]", listener.index);
        let field = listener.gateway.key.field(path.as_str());
        return match store.get(&secret).and_then(|s| of_secret(s)) {
            Some(certificate) => (certificate, vec![field, secret.field("data[tls.crt]")], None),
            None => {
                let missing = Some((listener.gateway.key.clone(), secret.name.clone()));
                (Certificate::of_controller(), vec![field], missing)
            }
        };
    }
    (Certificate::of_controller(), Vec::new(), None)
}

/// Whether any listener of a served Gateway is open at a port.
pub fn is_open(store: &Store, controller: &str, port: u16) -> bool {
    store.list("Gateway").filter(|g| is_served(store, g, controller)).any(|g| {
        g.value
            .items_at(&["spec", "listeners"])
            .iter()
            .any(|l| l.get("port").and_then(Value::as_i64) == Some(i64::from(port)))
    })
}
