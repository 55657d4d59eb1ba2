//! Words for what a trace says: each step, each symptom, each cause and what mends it, in the product's languages. What a real
//! tool prints instead is in `trace::curl`.

use super::outcome::{CauseOfFailure, Failure, Outcome, Symptom};
use super::step::{Step, StepKind};
use crate::api::object::ObjectKey;
use crate::api::time::Duration;
use crate::locale::{Lang, Message};
use smol_str::{SmolStr, format_smolstr};

macro_rules! message {
    ($id:literal $(, $name:ident = $value:expr)* $(,)?) => { Message::new($id)$(.with(stringify!($name), $value))* };
}

/// What a step does, in one sentence.
pub fn step(step: &Step, lang: Lang) -> String {
    step_message(&step.kind).text(lang)
}

/// What the client sees at the end.
pub fn symptom(outcome: &Outcome, lang: Lang) -> String {
    symptom_message(outcome).text(lang)
}

/// The same in two or three words, without whom it was about: for a cell of a table.
pub fn brief(outcome: &Outcome, lang: Lang) -> String {
    let id = match outcome {
        Outcome::Answered { response, .. } if response.status == 0 => "brief.ok_plain",
        Outcome::Answered { response, .. } => return message!("symptom.ok", status = response.status).text(lang),
        Outcome::Failed(failure) => match &failure.symptom {
            Symptom::CouldNotResolve { .. } => "brief.could_not_resolve",
            Symptom::ResolveTimedOut { .. } => "brief.resolve_timed_out",
            Symptom::ConnectionRefused { .. } => "brief.refused",
            Symptom::ConnectTimedOut { .. } => "brief.connect_timed_out",
            Symptom::NoRoute { .. } => "brief.no_route",
            Symptom::NoAnswer { .. } => "brief.no_answer",
            Symptom::NoDatagram { .. } => "brief.no_datagram",
            Symptom::EmptyReply => "brief.empty_reply",
            Symptom::Tls { .. } => "brief.tls",
            Symptom::HttpError { status } => return message!("symptom.ok", status = status).text(lang),
            Symptom::NoEcho => "brief.no_echo",
            Symptom::NotHttp => "brief.not_http",
            Symptom::ClientCannotRun { .. } => "brief.client_cannot_run",
        },
    };
    Message::new(id).text(lang)
}

/// What is wrong.
pub fn cause(failure: &Failure, lang: Lang) -> String {
    cause_messages(&failure.cause).0.text(lang)
}

/// What mends it.
pub fn mend(failure: &Failure, lang: Lang) -> String {
    cause_messages(&failure.cause).1.text(lang)
}

/// The name of a cause: what its rows in the message table are called.
pub fn cause_name(cause: &CauseOfFailure) -> &'static str {
    if matches!(cause, CauseOfFailure::NothingListens { .. }) {
        // Told in other words where nothing listens at all.
        return "nothing_listens";
    }
    let id = cause_messages(cause).0.id;
    id.strip_prefix("cause.").unwrap_or(id)
}

/// An object as a sentence names it: its name, with the namespace unless it is the default one.
fn named(key: &ObjectKey) -> SmolStr {
    match key.namespace.as_str() {
        "" | "default" => key.name.clone(),
        namespace => format_smolstr!("{} ({namespace})", key.name),
    }
}

fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    if items.is_empty() { "-".to_string() } else { items.join(", ") }
}

fn seconds(time: Duration) -> String {
    let tenths = time.0 / 100_000;
    if tenths.is_multiple_of(10) { format!("{}", tenths / 10) } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// A step as a message.
pub fn step_message(kind: &StepKind) -> Message {
    match kind {
        StepKind::ResolverRead { name, server, search, ndots } => {
            let server = server.map_or("-".to_string(), |s| s.to_string());
            let search = if search.is_empty() { "-".to_string() } else { search.join(" ") };
            message!("step.resolver_read", name = name, server = server, search = search, ndots = ndots)
        }
        StepKind::HostsFile { name, address } => message!("step.hosts_file", name = name, address = address),
        StepKind::DnsCached { name, addresses, seconds_left } => {
            message!("step.dns_cached", name = name, addresses = list(addresses), seconds = seconds_left)
        }
        StepKind::DnsQuery { name, kind, server } => {
            message!("step.dns_query", name = name, kind = kind, server = server)
        }
        StepKind::DnsAnswer { name, kind, rcode, records } if records.is_empty() => {
            message!("step.dns_answer_empty", name = name, kind = kind, rcode = rcode)
        }
        StepKind::DnsAnswer { name, kind, rcode, records } => {
            let data = list(records.iter().map(|r| &r.data));
            message!("step.dns_answer", name = name, kind = kind, rcode = rcode, data = data)
        }
        StepKind::DnsForwarded { name, to } => message!("step.dns_forwarded", name = name, to = to),
        StepKind::Connect { packet } => message!("step.connect", packet = packet),
        StepKind::ConnectionReused { packet } => message!("step.connection_reused", packet = packet),
        StepKind::ConntrackHit { packet } => message!("step.conntrack_hit", packet = packet),
        StepKind::RuleMatched { table, chain, rule, .. } => {
            message!("step.rule_matched", table = table, chain = chain, rule = rule)
        }
        StepKind::Balanced { by, candidates, chosen, .. } => {
            let one = candidates.get(*chosen);
            let name = one.map_or_else(String::new, |c| match &c.pod {
                Some(pod) => format!("{} ({})", pod.name, c.address),
                None => c.address.to_string(),
            });
            if candidates.len() == 1 {
                return message!("step.balanced_one", by = by, chosen = name);
            }
            let share = format!("{:.1}%", one.map_or(0.0, |c| c.probability) * 100.0);
            message!("step.balanced", by = by, chosen = name, count = candidates.len(), share = share)
        }
        StepKind::AffinityMatched { to, seconds_left } => {
            message!("step.affinity_matched", to = to, seconds = seconds_left)
        }
        StepKind::Marked { mark } => message!("step.marked", mark = format!("{mark:#x}")),
        StepKind::Dnat { before, after } => message!("step.dnat", before = before.dst, after = after.dst),
        StepKind::Snat { before, after } => message!("step.snat", before = before.src, after = after.src),
        StepKind::Routed { via, .. } => message!("step.routed", via = via),
        StepKind::LoadBalancerChose { node, candidates, .. } => {
            message!("step.load_balancer_chose", node = node, count = candidates.len())
        }
        StepKind::Tunnelled { by, through, to } => {
            message!("step.tunnelled", by = by, through = through.join(" → "), to = to)
        }
        StepKind::Tls { server_name, certificate, problem: None } => {
            message!("step.tls", name = server_name, certificate = certificate)
        }
        StepKind::Tls { server_name, certificate, problem: Some(problem) } => {
            message!("step.tls_problem", name = server_name, certificate = certificate, problem = problem)
        }
        StepKind::HttpRequest { method, host, path, .. } => {
            message!("step.http_request", method = method, path = path, host = host)
        }
        StepKind::HttpRouted { route, rule, backend, rewritten: None } => {
            message!("step.http_routed", route = named(route), rule = rule, backend = backend)
        }
        StepKind::HttpRouted { route, rule, backend, rewritten: Some(path) } => {
            message!("step.http_rewritten", route = named(route), rule = rule, backend = backend, path = path)
        }
        StepKind::Mirrored { service, to } => message!("step.mirrored", service = &service.name, to = to),
        StepKind::Delivered { process, local, peer, .. } => {
            message!("step.delivered", process = process, local = local, peer = peer)
        }
        StepKind::HttpResponse { status, .. } => message!("step.http_response", status = status),
        StepKind::Answered { text } => message!("step.answered", text = text),
        StepKind::Translated { before, after } => message!("step.translated", before = before, after = after),
        StepKind::Received { packet } => message!("step.received", packet = packet),
        StepKind::Stray { packet } => message!("step.stray", packet = packet),
        StepKind::Rejected { with } => message!("step.rejected", with = with),
        StepKind::Dropped { packet } => message!("step.dropped", packet = packet),
        StepKind::Refused { with } => message!("step.refused", with = with.segment.label()),
        StepKind::Lost { packet } => message!("step.lost", packet = packet),
        StepKind::TimedOut { after } => message!("step.timed_out", seconds = seconds(*after)),
    }
}

/// An outcome as the client sees it.
pub fn symptom_message(outcome: &Outcome) -> Message {
    let symptom = match outcome {
        Outcome::Answered { response, .. } if response.status == 0 => return Message::new("symptom.ok_plain"),
        Outcome::Answered { response, .. } if response.status < 400 => {
            return message!("symptom.ok", status = response.status);
        }
        Outcome::Answered { response, .. } => return message!("symptom.http_error", status = response.status),
        Outcome::Failed(failure) => &failure.symptom,
    };
    match symptom {
        Symptom::CouldNotResolve { host } => message!("symptom.could_not_resolve", host = host),
        Symptom::ResolveTimedOut { host } => message!("symptom.resolve_timed_out", host = host),
        Symptom::ConnectionRefused { host, port } => message!("symptom.refused", host = host, port = port),
        Symptom::ConnectTimedOut { host, port, after } => {
            message!("symptom.connect_timed_out", host = host, port = port, seconds = seconds(*after))
        }
        Symptom::NoRoute { host, port } => message!("symptom.no_route", host = host, port = port),
        Symptom::NoAnswer { after } => message!("symptom.no_answer", seconds = seconds(*after)),
        Symptom::NoDatagram { after } => message!("symptom.no_datagram", seconds = seconds(*after)),
        Symptom::EmptyReply => Message::new("symptom.empty_reply"),
        Symptom::Tls { problem } => message!("symptom.tls", problem = problem),
        Symptom::HttpError { status } => message!("symptom.http_error", status = status),
        Symptom::NoEcho => Message::new("symptom.no_echo"),
        Symptom::NotHttp => Message::new("symptom.not_http"),
        Symptom::ClientCannotRun { client } => message!("symptom.client_cannot_run", client = client),
    }
}

/// The two rows of a cause, with the same arguments.
macro_rules! rows {
    ($name:literal $(, $arg:ident = $value:expr)* $(,)?) => {{
        let cause = Message::new(concat!("cause.", $name))$(.with(stringify!($arg), &$value))*;
        let mend = Message { id: concat!("mend.", $name), args: cause.args.clone() };
        (cause, mend)
    }};
}

/// What is wrong, and what mends it.
pub fn cause_messages(cause: &CauseOfFailure) -> (Message, Message) {
    use CauseOfFailure as C;
    match cause {
        C::NoSuchName { name } => rows!("no_such_name", name = name),
        C::ServiceInOtherNamespace { service, asked_from } => rows!(
            "service_in_other_namespace",
            service = service.name,
            namespace = service.namespace,
            asked = asked_from
        ),
        C::HeadlessWithoutEndpoints { service } => rows!("headless_without_endpoints", service = named(service)),
        C::DnsDown => rows!("dns_down"),
        C::ServiceLacksPort { service, port } => rows!("service_lacks_port", service = named(service), port = port),
        C::SelectorMatchesNothing { service } => rows!("selector_matches_nothing", service = named(service)),
        C::NoReadyPod { service, not_ready } => rows!(
            "no_ready_pod",
            service = named(service),
            count = not_ready.len(),
            pod = not_ready.first().map(|p| p.name.clone()).unwrap_or_default()
        ),
        C::NoPodHasPort { service, port, names, .. } => {
            rows!("no_pod_has_port", service = named(service), port = port, names = list(names))
        }
        C::NoManualEndpoints { service } => rows!("no_manual_endpoints", service = named(service)),
        C::EndpointPortNameMismatch { service, port } => {
            rows!("endpoint_port_name_mismatch", service = named(service), port = port)
        }
        C::NoLocalEndpoint { service, node, external } => {
            let policy = if *external { "externalTrafficPolicy" } else { "internalTrafficPolicy" };
            rows!("no_local_endpoint", service = named(service), node = node, policy = policy)
        }
        C::IngressKeepsOut { route, source } => rows!("ingress_keeps_out", route = named(route), source = source),
        C::AnswerTooLate { pod } => rows!("answer_too_late", pod = named(pod)),
        C::BackendTooSlow { route, service, wait } => {
            rows!("backend_too_slow", route = named(route), service = named(service), seconds = seconds(*wait))
        }
        C::ListensByOtherProtocol { pod, port, listening, asked } => {
            rows!("listens_by_other_protocol", pod = named(pod), port = port, listening = listening, asked = asked)
        }
        C::NothingListens { pod, port, listening } if listening.is_empty() => {
            (message!("silent.cause", pod = named(pod), port = port), Message::new("silent.mend"))
        }
        C::NothingListens { pod, port, listening } => {
            rows!("nothing_listens", pod = named(pod), port = port, listening = list(listening))
        }
        C::ListensOnLocalhostOnly { pod, port } => {
            rows!("listens_on_localhost_only", pod = named(pod), port = port)
        }
        C::DialledTargetPort { service, port, right } => {
            rows!("dialled_target_port", service = named(service), port = port, right = right)
        }
        C::NoSuchVip { address } => rows!("no_such_vip", address = address),
        C::VipFromOutside { service } => rows!("vip_from_outside", service = named(service)),
        C::PodFromOutside { pod } => {
            rows!("pod_from_outside", pod = pod.as_ref().map(named).unwrap_or_else(|| "-".into()))
        }
        C::PingToVip { service } => rows!("ping_to_vip", service = named(service)),
        C::NobodyHasAddress { address } => rows!("nobody_has_address", address = address.ip()),
        C::StaleEndpoint { pod, address } => rows!("stale_endpoint", pod = pod, address = address),
        C::NodeDown { node } => rows!("node_down", node = node),
        C::LoadBalancerPending { service } => rows!("load_balancer_pending", service = named(service)),
        C::SourceNotAllowed { service, source } => {
            rows!("source_not_allowed", service = named(service), source = source.ip())
        }
        C::NoHealthyNode { service } => rows!("no_healthy_node", service = named(service)),
        C::NoIngressController { ingress } => rows!("no_ingress_controller", ingress = named(ingress)),
        C::NoRouteMatches { host, path } => rows!("no_route_matches", host = host, path = path),
        C::BackendMissing { route, service } => rows!("backend_missing", route = named(route), service = service),
        C::BackendPortMissing { route, service, port } => {
            rows!("backend_port_missing", route = named(route), service = named(service), port = port)
        }
        C::BackendWithoutEndpoints { route, service } => {
            rows!("backend_without_endpoints", route = named(route), service = named(service))
        }
        C::TlsSecretMissing { ingress, secret } => {
            rows!("tls_secret_missing", ingress = named(ingress), secret = secret)
        }
        C::CertificateNotTrusted { names } => rows!("certificate_not_trusted", names = list(names)),
        C::WrongScheme { port, expects_tls: true, .. } => rows!("wrong_scheme_tls", port = port),
        C::WrongScheme { port, expects_tls: false, .. } => rows!("wrong_scheme_plain", port = port),
        C::ApplicationError { pod, status } => rows!("application_error", pod = named(pod), status = status),
        C::ApplicationHangs { pod } => rows!("application_hangs", pod = named(pod)),
        C::ExternalNameUnresolved { service, target } => {
            rows!("external_name_unresolved", service = named(service), target = target)
        }
        C::ExternalHostMismatch { service, target } => {
            rows!("external_host_mismatch", service = named(service), target = target)
        }
        C::ClientNotRunning { client } => rows!("client_not_running", client = client),
        C::WrongProtocol { service, port } => rows!("wrong_protocol", service = named(service), port = port),
        C::NoAddressOfFamily { service } => rows!("no_address_of_family", service = named(service)),
        C::NoSuchNamespace { namespace } => rows!("no_such_namespace", namespace = namespace),
        C::PodAsksOtherDns { pod } => rows!("pod_asks_other_dns", pod = named(pod)),
        C::DnsServiceMissing => rows!("dns_service_missing"),
        C::NoSuchDnsServer { server } => rows!("no_such_dns_server", server = server),
        C::ClusterNameFromOutside { service } => rows!("cluster_name_from_outside", service = named(service)),
        C::HostNotInDns { host } => rows!("host_not_in_dns", host = host),
        C::HeadlessPortNotTranslated { service, port, right } => {
            rows!("headless_port_not_translated", service = named(service), port = port, right = right)
        }
        C::NodePortClosed { node, port } => rows!("node_port_closed", node = node, port = port),
        C::NothingOnComputer { port } => rows!("nothing_on_computer", port = port),
        C::OutsideRefuses { address } => rows!("outside_refuses", address = address),
        C::OutsideError { host, status } => rows!("outside_error", host = host, status = status),
        C::ContainerNotRunning { pod, port } => rows!("container_not_running", pod = named(pod), port = port),
        C::EndpointsBehind { service } => rows!("endpoints_behind", service = named(service)),
        C::RulesBehind { service, .. } => rows!("rules_behind", service = named(service)),
        C::SchedulerFindsNone { service, scheduler } => {
            rows!("scheduler_finds_none", service = named(service), scheduler = scheduler)
        }
        C::NotHttp { port, .. } => rows!("not_http", port = port),
        C::ApplicationCloses { pod } => rows!("application_closes", pod = named(pod)),
        C::AnswerLost => rows!("answer_lost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::object::ObjectKey;
    use crate::locale;

    #[test]
    fn where_nothing_listens_at_all_the_same_cause_is_told_in_other_words() {
        let listens = |listening| CauseOfFailure::NothingListens {
            pod: ObjectKey::new("Pod", "default", "web"),
            port: 80,
            listening,
        };
        let told = |listening| cause_messages(&listens(listening)).0.text(Lang::En);
        assert_eq!(cause_name(&listens(Vec::new())), cause_name(&listens(vec![8080])));
        assert!(told(vec![8080]).contains("8080"));
        assert!(told(Vec::new()).contains("at all") && !told(Vec::new()).contains('-'), "{}", told(Vec::new()));
    }

    #[test]
    fn every_message_that_is_named_here_has_its_row_and_every_cause_its_mend() {
        let ids: Vec<&str> = locale::rows().filter(|(area, ..)| *area == "trace").map(|(_, id, ..)| id).collect();
        let source = include_str!("why.rs");
        let mut named = 0;
        for (marker, prefix) in [("message!(\"", ""), ("Message::new(\"", ""), ("rows!(", "cause.")] {
            for part in source.split(marker).skip(1) {
                let part = part.trim_start().trim_start_matches('"');
                let id = format!("{prefix}{}", part.split('"').next().unwrap_or(""));
                if id.contains(['{', '$', ')', ' ']) {
                    continue;
                }
                assert!(ids.contains(&id.as_str()), "{id} has no row");
                named += 1;
            }
        }
        assert!(named > 90, "only {named} ids were found");
        for id in ids.iter().filter_map(|id| id.strip_prefix("cause.")) {
            assert!(ids.iter().any(|other| other.strip_prefix("mend.") == Some(id)), "{id} has no mend");
        }
    }
}
