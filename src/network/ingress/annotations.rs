//! What the annotations of ingress-nginx say about a request before a backend is asked (`internal/ingress/annotations`): redirects,
//! CORS, lists of allowed sources; and how long a backend may take.
//!
//! nginx goes through them in the order of its phases: `app-root` of the server, then in the location CORS' preflight and the
//! redirects, the redirect to TLS, and last who may come at all.

use crate::api::object::{FieldRef, Object};
use crate::api::time::Duration;
use crate::network::http::{Act, Ask, HeaderChange, Patience};
use crate::network::tls::matches_host;
use ipnet::IpNet;
use smol_str::{SmolStr, format_smolstr};
use std::net::IpAddr;

const PREFIX: &str = "nginx.ingress.kubernetes.io/";

pub fn annotation<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.annotation(&format!("{PREFIX}{name}"))
}

pub fn is_on(object: &Object, name: &str) -> bool {
    annotation(object, name) == Some("true")
}

pub fn field(object: &Object, name: &str) -> FieldRef {
    object.key.field(format!("metadata.annotations[{PREFIX}{name}]").as_str())
}

/// Further names of the Ingress's hosts (`server-alias`).
pub fn is_alias(object: &Object, host: &str) -> bool {
    let aliases = annotation(object, "server-alias").unwrap_or("").split(',').map(str::trim);
    aliases.filter(|alias| !alias.is_empty()).any(|alias| matches_host(alias, host))
}

/// Where `app-root` sends a request for `/`.
pub fn to_app_root(object: &Object, ask: &Ask<'_>) -> Option<Act> {
    let root = annotation(object, "app-root").filter(|_| ask.path == "/")?;
    let scheme = if ask.tls { "https" } else { "http" };
    Some(Act::Redirect { status: 302, location: format_smolstr!("{scheme}://{}{root}", ask.host) })
}

/// The answer that needs no backend: of a preflight, or a redirect.
pub fn answer(object: &Object, ask: &Ask<'_>) -> Option<(Act, FieldRef)> {
    if ask.method == "OPTIONS"
        && let Some(headers) = cors(object, ask)
    {
        return Some((Act::Answer { status: 204, headers }, field(object, "enable-cors")));
    }
    for (name, usual, most) in [("temporal-redirect", 302, 307), ("permanent-redirect", 301, 308)] {
        let Some(target) = annotation(object, name).filter(|target| !target.is_empty()) else { continue };
        let asked = annotation(object, &format!("{name}-code")).and_then(|code| code.parse().ok());
        let status = asked.filter(|code| (300..=most).contains(code)).unwrap_or(usual);
        return Some((Act::Redirect { status, location: target.into() }, field(object, name)));
    }
    None
}

/// The headers that CORS adds for the origin of a request; `None`: none are.
fn cors(object: &Object, ask: &Ask<'_>) -> Option<Vec<(SmolStr, SmolStr)>> {
    if !is_on(object, "enable-cors") {
        return None;
    }
    let sent =
        ask.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("origin")).map(|(_, value)| value.as_str());
    let allowed = annotation(object, "cors-allow-origin").unwrap_or("*");
    let origin = if allowed == "*" {
        "*"
    } else {
        let sent = sent?;
        allowed.split(',').any(|pattern| is_origin(pattern.trim(), sent)).then_some(sent)?
    };
    let or = |name: &str, usual: &'static str| SmolStr::from(annotation(object, name).unwrap_or(usual));
    let mut headers = vec![("Access-Control-Allow-Origin".into(), origin.into())];
    if or("cors-allow-credentials", "true") == "true" {
        headers.push(("Access-Control-Allow-Credentials".into(), "true".into()));
    }
    headers.push((
        "Access-Control-Allow-Methods".into(),
        or("cors-allow-methods", "GET, PUT, POST, DELETE, PATCH, OPTIONS"),
    ));
    headers.push((
        "Access-Control-Allow-Headers".into(),
        or(
            "cors-allow-headers",
            "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization",
        ),
    ));
    if let Some(exposed) = annotation(object, "cors-expose-headers") {
        headers.push(("Access-Control-Expose-Headers".into(), exposed.into()));
    }
    headers.push(("Access-Control-Max-Age".into(), or("cors-max-age", "1728000")));
    Some(headers)
}

/// Whether an origin is one that is allowed: itself, or one label below `scheme://*.name`.
fn is_origin(pattern: &str, origin: &str) -> bool {
    match pattern.split_once("*.") {
        Some((scheme, name)) => origin
            .strip_prefix(scheme)
            .and_then(|host| host.split_once('.'))
            .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(name)),
        None => pattern.eq_ignore_ascii_case(origin),
    }
}

/// What CORS changes of an answer.
pub fn cors_changes(object: &Object, ask: &Ask<'_>) -> Vec<HeaderChange> {
    cors(object, ask).into_iter().flatten().map(|(name, value)| HeaderChange::Set(name, value)).collect()
}

/// The annotation that keeps a source out.
pub fn keeps_out(object: &Object, source: IpAddr) -> Option<FieldRef> {
    let nets = |name: &str| -> Vec<IpNet> {
        let list = annotation(object, name).unwrap_or("").split(',').map(str::trim).filter(|net| !net.is_empty());
        list.filter_map(|net| net.parse().ok().or_else(|| net.parse::<IpAddr>().ok().map(IpNet::from))).collect()
    };
    for name in ["denylist-source-range"] {
        if nets(name).iter().any(|net| net.contains(&source)) {
            return Some(field(object, name));
        }
    }
    for name in ["allowlist-source-range", "whitelist-source-range"] {
        let allowed = nets(name);
        if !allowed.is_empty() {
            return (!allowed.iter().any(|net| net.contains(&source))).then(|| field(object, name));
        }
    }
    None
}

/// How long a backend may take (`proxy-read-timeout`, in seconds).
pub fn patience(object: &Object) -> Option<Patience> {
    let seconds = annotation(object, "proxy-read-timeout")?.trim_end_matches('s').parse().ok()?;
    Some(Patience { wait: Duration::secs(seconds), because: field(object, "proxy-read-timeout") })
}
