//! Canaries of ingress-nginx: an Ingress that gets a part of another one's requests (`canary` and what belongs to it).
//!
//! Upstream: `mergeAlternativeBackends` of the controller and `route_to_alternative_balancer` of its balancer: a header decides,
//! then a cookie, then the weight. One canary for a path.

use super::annotations::{annotation, field, is_on};
use crate::api::object::{FieldRef, Object};
use crate::api::value::Value;
use crate::network::http::Ask;
use crate::network::pattern::Pattern;
use std::sync::Arc;

pub fn is_canary(object: &Object) -> bool {
    is_on(object, "canary")
}

/// Which share of the requests goes to the canary: so many of so many.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    pub of: u32,
    pub all: u32,
    pub because: FieldRef,
}

/// The canary for a path of a host: the Ingress, with the places of its rule and its path.
pub fn of_path<'o>(
    canaries: &[&'o Arc<Object>],
    main: &Object,
    host: &str,
    path: &Value,
) -> Option<(&'o Arc<Object>, usize, usize)> {
    canaries.iter().filter(|o| o.namespace() == main.namespace()).find_map(|object| {
        object.value.items_at(&["spec", "rules"]).iter().enumerate().find_map(|(i, rule)| {
            if !rule.str_at(&["host"]).eq_ignore_ascii_case(host) {
                return None;
            }
            let same = |p: &Value| {
                p.str_at(&["path"]) == path.str_at(&["path"]) && p.str_at(&["pathType"]) == path.str_at(&["pathType"])
            };
            let j = rule.items_at(&["http", "paths"]).iter().position(same)?;
            Some((*object, i, j))
        })
    })
}

/// Whether this request goes to a canary.
pub fn share(canary: &Object, main: &Object, ask: &Ask<'_>) -> Share {
    let decided =
        |to_canary: bool, name: &str| Share { of: u32::from(to_canary), all: 1, because: field(canary, name) };
    // Whom a cookie has tied to the main backend stays there.
    if annotation(main, "affinity") == Some("cookie")
        && ask.cookie(annotation(main, "session-cookie-name").unwrap_or("INGRESSCOOKIE")).is_some()
    {
        return Share { of: 0, all: 1, because: field(main, "affinity") };
    }
    if let Some(name) = annotation(canary, "canary-by-header")
        && let Some((_, sent)) = ask.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name))
    {
        let value = annotation(canary, "canary-by-header-value").filter(|v| !v.is_empty());
        let pattern = annotation(canary, "canary-by-header-pattern").filter(|p| !p.is_empty());
        match (value, pattern) {
            (Some(value), _) if value == sent => return decided(true, "canary-by-header-value"),
            (Some(_), _) => {}
            (None, Some(pattern)) => {
                // Anywhere in the value, as `ngx.re.match` looks.
                let found = Pattern::parse(pattern).is_some_and(|p| {
                    sent.char_indices()
                        .map(|(at, _)| at)
                        .chain([sent.len()])
                        .any(|at| p.captures(&sent[at..], false).is_some())
                });
                if found {
                    return decided(true, "canary-by-header-pattern");
                }
            }
            (None, None) if sent == "always" => return decided(true, "canary-by-header"),
            (None, None) if sent == "never" => return decided(false, "canary-by-header"),
            (None, None) => {}
        }
    }
    if let Some(name) = annotation(canary, "canary-by-cookie") {
        match ask.cookie(name) {
            Some("always") => return decided(true, "canary-by-cookie"),
            Some("never") => return decided(false, "canary-by-cookie"),
            _ => {}
        }
    }
    let number = |name: &str| annotation(canary, name).and_then(|text| text.parse::<u32>().ok());
    let all = number("canary-weight-total").unwrap_or(100).max(100);
    Share { of: number("canary-weight").unwrap_or(0).min(all), all, because: field(canary, "canary-weight") }
}
