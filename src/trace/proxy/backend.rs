//! The backends of a rule: one by weight, one of its endpoints, and the proxy's own connection to that.

use super::ProxyStop;
use crate::api::object::ObjectKey;
use crate::api::view::ServiceType;
use crate::arrange::Arrange;
use crate::network::dns::message::reverse_name;
use crate::network::dns::{Outside, Question, RecordType, Server as DnsServer};
use crate::network::http::{Backend, BackendPort, Mirror, change_headers};
use crate::network::packet::{Packet, Segment};
use crate::trace::converse::{Line, Said, Stop};
use crate::trace::run::{Opened, Run, Spot};
use crate::trace::step::{Candidate, Direction, StepKind};
use crate::trace::tape::Mark;
use smol_str::{SmolStr, format_smolstr};
use std::net::SocketAddr;

impl Run<'_, '_> {
    /// Sends a copy of a request to a mirror. It costs the client no time, and what comes back is thrown away.
    pub(super) fn mirror(&mut self, spot: &Spot, packet: &Packet, route: &ObjectKey, mirror: &Mirror, line: &Line) {
        let (upper, lower) = mirror.share;
        if upper < lower && self.draw(f64::from(lower)).1 >= upper {
            return;
        }
        let Ok(endpoints) = self.endpoints(route, &mirror.to) else { return };
        let to = endpoints[self.below(endpoints.len() as u64) as usize];
        let clock = self.log.clock;
        self.log.direction = Direction::Request;
        self.stay(spot, Some(*packet));
        let service = mirror.to.service.clone();
        self.log.step(|| (StepKind::Mirrored { service, to }, vec![mirror.to.because.clone()]));
        let mut line = line.clone();
        change_headers(&mut line.headers, &mirror.to.request);
        self.ask_backend(spot, to, &line);
        self.log.clock = clock;
    }

    /// One backend by weight.
    pub(super) fn weighted(&mut self, backends: &[Backend]) -> Option<Backend> {
        let weights: Vec<u64> = backends.iter().map(|b| u64::from(b.weight)).collect();
        let lot = self.world.random.below(weights.iter().sum());
        let place = by_weight(&weights, lot)?;
        self.log.note(|tape| tape.marks.push(Mark::Weighted { weights, chosen: place as u32 }));
        backends.get(place).cloned()
    }

    /// The endpoints of a backend: the addresses of ready pods, not the Service's own.
    pub(super) fn endpoints(&mut self, route: &ObjectKey, backend: &Backend) -> Result<Vec<SocketAddr>, ProxyStop> {
        let key = &backend.service;
        let because = backend.because.clone();
        let service = self.world.store.get(key).and_then(|o| o.view().service()).filter(|_| !backend.refused);
        let Some(service) = service else {
            return Err(ProxyStop::NoService { route: route.clone(), service: key.name.clone(), because });
        };
        let place = service.ports.iter().position(|p| match &backend.port {
            BackendPort::Number(number) => p.port == *number,
            BackendPort::Name(name) => p.name == *name,
        });
        if service.type_ == ServiceType::ExternalName {
            let port = match (&backend.port, place) {
                (BackendPort::Number(number), _) => *number,
                (_, Some(i)) => service.ports[i].port,
                _ => 80,
            };
            let server = DnsServer {
                store: self.world.store,
                corefile: &self.world.network.corefile,
                outside: Outside::built_in(),
                own: &[],
            };
            let answer = server.answer(&Question::new(&service.external_name, RecordType::A));
            let found: Vec<SocketAddr> = answer.addresses().map(|ip| SocketAddr::new(ip, port)).collect();
            if found.is_empty() {
                return Err(ProxyStop::NoEndpoints { route: route.clone(), service: key.clone(), port: 0, because });
            }
            return Ok(found);
        }
        let Some(place) = place else {
            let port = format_smolstr!("{}", backend.port);
            return Err(ProxyStop::NoPort { route: route.clone(), service: key.clone(), port, because });
        };
        let port = &service.ports[place];
        if backend.by_service
            && let Some(ip) = service.cluster_ips.first()
        {
            return Ok(vec![SocketAddr::new(*ip, port.port)]);
        }
        let selector = [("kubernetes.io/service-name".into(), key.name.clone())];
        let mut found: Vec<SocketAddr> = Vec::new();
        for slice in self.world.store.select("EndpointSlice", &key.namespace, &selector) {
            let Some(slice) = slice.view().endpoint_slice() else { continue };
            let number =
                slice.ports.iter().find(|p| p.name == port.name && p.protocol == port.protocol).and_then(|p| p.port);
            let Some(number) = number else { continue };
            for endpoint in slice.endpoints.iter().filter(|e| e.ready) {
                found.extend(
                    endpoint.addresses.iter().filter_map(|a| a.parse().ok()).map(|ip| SocketAddr::new(ip, number)),
                );
            }
        }
        found.arrange();
        found.dedup();
        if found.is_empty() {
            return Err(ProxyStop::NoEndpoints { route: route.clone(), service: key.clone(), port: place, because });
        }
        Ok(found)
    }

    /// The endpoint for this request, and the cookie that is to keep it.
    pub(super) fn choose(
        &mut self,
        endpoints: &[SocketAddr],
        cookie: Option<&SmolStr>,
        line: &Line,
        backend: &Backend,
    ) -> (usize, Option<SmolStr>) {
        let tag = |to: &SocketAddr| {
            reverse_name(to.ip())
                .bytes()
                .fold(u64::from(to.port()), |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
        };
        if let Some(name) = cookie {
            let sent = line.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("cookie"));
            let kept = sent
                .flat_map(|(_, v)| v.split(';'))
                .find_map(|pair| pair.trim().strip_prefix(name.as_str())?.strip_prefix('='));
            let place = kept.and_then(|value| endpoints.iter().position(|to| format!("{:016x}", tag(to)) == value));
            if let Some(place) = place {
                let to = endpoints[place];
                self.log.step(|| (StepKind::AffinityMatched { to, seconds_left: 0 }, vec![backend.because.clone()]));
                return (place, None);
            }
        }
        let (draw, chosen) = self.draw(endpoints.len() as f64);
        let chosen = (chosen as usize).min(endpoints.len() - 1);
        self.log.step(|| {
            let share = 1.0 / endpoints.len() as f64;
            let candidate = |to: &SocketAddr| Candidate {
                address: *to,
                pod: self.world.runtime.pod_at(to.ip()).cloned(),
                probability: share,
            };
            let kind = StepKind::Balanced {
                by: "round robin".into(),
                candidates: endpoints.iter().map(candidate).collect(),
                chosen,
                draws: vec![draw],
            };
            (kind, vec![backend.because.clone(), backend.service.field("spec.selector")])
        });
        let cookie = cookie.map(|name| format_smolstr!("{name}={:016x}; Path=/; HttpOnly", tag(&endpoints[chosen])));
        (chosen, cookie)
    }

    /// A connection of the proxy's own to an endpoint.
    pub(super) fn ask_backend(&mut self, from: &Spot, to: SocketAddr, line: &Line) -> Said {
        let Some(src) = self.source(from, to.ip()) else { return Said::Nothing(Stop::ReplyLost) };
        let packet = Packet::tcp_syn(src, to);
        self.log.direction = Direction::Request;
        self.enter(from, Some(packet));
        self.log.step(|| (StepKind::Connect { packet }, Vec::new()));
        let outer = self.dialled;
        let said = match self.open(from, packet) {
            Opened::At { spot, packet, socket } => self.converse(&spot, &packet, &socket, line),
            Opened::Refused { spot, packet } => {
                self.back(&spot, &packet, Segment::Rst);
                Said::Nothing(Stop::Refused { spot, packet })
            }
            Opened::Ended(fate) => Said::Nothing(Stop::Way(fate)),
        };
        self.dialled = outer;
        said
    }
}

/// The place in a list of weights that a lot below their sum falls on. `None`: all are 0.
pub(in crate::trace) fn by_weight(weights: &[u64], mut lot: u64) -> Option<usize> {
    weights.iter().position(|weight| match lot.checked_sub(*weight) {
        Some(left) => {
            lot = left;
            false
        }
        None => true,
    })
}
