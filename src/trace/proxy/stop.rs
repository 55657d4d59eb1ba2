//! Why a proxy has no answer of a backend, and the diagnosis of that.

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::Duration;
use crate::trace::converse::Stop;
use crate::trace::diagnose::{self, Verdict};
use crate::trace::outcome::CauseOfFailure;
use crate::trace::run::Run;
use smol_str::SmolStr;
use std::net::IpAddr;

/// Why a proxy has no answer of a backend.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::trace) enum ProxyStop {
    /// No rule takes the request.
    NoRoute {
        host: SmolStr,
        path: SmolStr,
    },
    /// The rule's Service does not exist (or may not be used).
    NoService {
        route: ObjectKey,
        service: SmolStr,
        because: FieldRef,
    },
    NoPort {
        route: ObjectKey,
        service: ObjectKey,
        port: SmolStr,
        because: FieldRef,
    },
    NoEndpoints {
        route: ObjectKey,
        service: ObjectKey,
        port: usize,
        because: FieldRef,
    },
    /// The source is not one of those that may come.
    Forbidden {
        route: ObjectKey,
        source: IpAddr,
        because: FieldRef,
    },
    /// The backend's answer takes longer than the rule gives it.
    TooSlow {
        route: ObjectKey,
        service: ObjectKey,
        wait: Duration,
        because: FieldRef,
    },
    /// No endpoint takes the connection, or none answers.
    Backend(Box<Stop>),
}

impl ProxyStop {
    pub fn diagnose(&self, run: &Run<'_, '_>) -> Verdict {
        match self {
            ProxyStop::NoRoute { host, path } => {
                let mut because: Vec<FieldRef> = Vec::new();
                for kind in ["Ingress", "HTTPRoute", "GRPCRoute"] {
                    because.extend(run.world.store.list(kind).map(|o| o.key.field("spec.rules")));
                }
                (CauseOfFailure::NoRouteMatches { host: host.clone(), path: path.clone() }, because)
            }
            ProxyStop::NoService { route, service, because } => {
                let cause = CauseOfFailure::BackendMissing { route: route.clone(), service: service.clone() };
                (cause, vec![because.clone()])
            }
            ProxyStop::NoPort { route, service, port, because } => {
                let cause = CauseOfFailure::BackendPortMissing {
                    route: route.clone(),
                    service: service.clone(),
                    port: port.clone(),
                };
                (cause, vec![because.clone(), service.field("spec.ports")])
            }
            ProxyStop::NoEndpoints { route, service, port, because } => {
                let cause = CauseOfFailure::BackendWithoutEndpoints { route: route.clone(), service: service.clone() };
                let mut fields = diagnose::why_no_endpoints(run, service, *port);
                fields.push(because.clone());
                (cause, fields)
            }
            ProxyStop::Forbidden { route, source, because } => {
                let cause = CauseOfFailure::IngressKeepsOut { route: route.clone(), source: *source };
                (cause, vec![because.clone()])
            }
            ProxyStop::TooSlow { route, service, wait, because } => {
                let (route, service) = (route.clone(), service.clone());
                (CauseOfFailure::BackendTooSlow { route, service, wait: *wait }, vec![because.clone()])
            }
            ProxyStop::Backend(stop) => diagnose::diagnose_backend(run, stop),
        }
    }
}
