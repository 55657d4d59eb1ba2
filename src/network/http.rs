//! What an HTTP proxy decides about a request, whatever wrote its rules: an Ingress or a route of the Gateway API.

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::Duration;
use smol_str::SmolStr;
use std::net::IpAddr;

/// A request as a proxy looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask<'a> {
    /// The `Host` header without the port.
    pub host: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// What follows the `?`; empty without one.
    pub query: &'a str,
    pub method: &'a str,
    pub headers: &'a [(SmolStr, SmolStr)],
    /// It came over TLS.
    pub tls: bool,
    /// It is a gRPC call: its path is `/package.Service/Method`.
    pub grpc: bool,
    /// The port of the proxy that it came to.
    pub port: u16,
    /// Whom the proxy sees as the client; `None` when nobody asks for it.
    pub source: Option<IpAddr>,
}

impl Ask<'_> {
    /// The value of a cookie that was sent.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let sent = self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("cookie"));
        sent.flat_map(|(_, v)| v.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
    }
}

/// How long a proxy waits for a backend's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Patience {
    pub wait: Duration,
    pub because: FieldRef,
}

/// A port of a backend Service, as rules name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendPort {
    Number(u16),
    Name(SmolStr),
}

impl std::fmt::Display for BackendPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BackendPort::Number(number) => number.fmt(f),
            BackendPort::Name(name) => name.fmt(f),
        }
    }
}

/// One of the Services that a rule sends to.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    pub service: ObjectKey,
    pub port: BackendPort,
    pub weight: u32,
    /// It is reached by the Service's own address, and not straight at its endpoints.
    pub by_service: bool,
    /// Why it cannot be used at all: another namespace without a ReferenceGrant, a kind that is no Service.
    pub refused: bool,
    /// What is changed of requests to this backend alone, after the changes of the rule.
    pub request: Vec<HeaderChange>,
    /// What is changed of its answers alone.
    pub response: Vec<HeaderChange>,
    /// Where copies of the requests to this backend go.
    pub mirrors: Vec<Mirror>,
    pub because: FieldRef,
}

/// A Service that gets copies of requests. Nobody waits for its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    pub to: Backend,
    /// The share of requests that is copied: so many of so many.
    pub share: (u32, u32),
}

/// A change of headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderChange {
    Set(SmolStr, SmolStr),
    Add(SmolStr, SmolStr),
    Remove(SmolStr),
}

/// Applies changes in their order.
pub fn change_headers(headers: &mut Vec<(SmolStr, SmolStr)>, changes: &[HeaderChange]) {
    for change in changes {
        match change {
            HeaderChange::Set(name, value) => {
                headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                headers.push((name.clone(), value.clone()));
            }
            HeaderChange::Add(name, value) => headers.push((name.clone(), value.clone())),
            HeaderChange::Remove(name) => headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name)),
        }
    }
}

/// What happens to the request.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    Forward {
        backends: Vec<Backend>,
        /// The path (without query) that the backend gets, if it is another one.
        path: Option<SmolStr>,
        /// The `Host` that the backend gets, if it is another one.
        host: Option<SmolStr>,
        request: Vec<HeaderChange>,
        response: Vec<HeaderChange>,
        mirrors: Vec<Mirror>,
        /// The cookie that ties a client to an endpoint.
        cookie: Option<SmolStr>,
        /// The backend is spoken to over TLS.
        tls: bool,
        /// `None`: as long as the proxy usually waits.
        patience: Option<Patience>,
    },
    /// An answer of the proxy's own, without a body.
    Answer {
        status: u16,
        headers: Vec<(SmolStr, SmolStr)>,
    },
    /// The source may not come.
    Forbid {
        source: IpAddr,
        because: FieldRef,
    },
    Redirect {
        status: u16,
        location: SmolStr,
    },
}

/// A rule that took a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The Ingress, HTTPRoute or GRPCRoute.
    pub route: ObjectKey,
    /// The rule in short: `kubia.example.com/foo (Prefix)`.
    pub rule: SmolStr,
    pub act: Act,
    pub because: Vec<FieldRef>,
}

/// Whether `prefix` is a prefix of `path`, element by element; a slash at the end of either does not matter.
pub fn has_path_prefix(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}
