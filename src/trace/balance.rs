//! A packet at a load balancer before the cluster.

use super::kernel::Source;
use super::run::{Run, Spot};
use super::step::{Place, StepKind};
use super::tape::Mark;
use super::transit::{Fate, Next};
use super::transit::{Lost, wire};
use crate::api::object::ObjectKey;
use crate::api::time::Duration;
use crate::network::conntrack::{Tuple, Way, first_state};
use crate::network::load_balancer::{flow_hash, is_announced, nodes, service_at};
use crate::network::packet::Packet;
use crate::network::route::LEARNER;
use smol_str::{SmolStr, format_smolstr};
use std::net::SocketAddr;

/// How long a balancer takes over a packet.
const BALANCER: Duration = Duration::micros(90);

impl Run<'_, '_> {
    /// Passes a packet through the load balancer of a Service.
    pub(super) fn through_load_balancer(&mut self, service: &ObjectKey, packet: &mut Packet) -> Next {
        self.log.enter(|| Place::LoadBalancer { service: service.clone() }, Some(*packet));
        self.log.spend(BALANCER);
        self.notes.load_balancer = Some(service.clone());
        if let Some(next) = self.reply_through(service, packet) {
            return next;
        }
        match self.choose_node(service, packet) {
            Ok(node) => {
                self.log.spend(wire::LAN);
                Next::Kernel(node, Source::Wire)
            }
            Err(lost) => {
                let because = vec![service.field("spec.externalTrafficPolicy")];
                self.log.step(|| (StepKind::Lost { packet: *packet }, because));
                Next::Ended(Fate::Lost(lost))
            }
        }
    }

    /// An answer to a connection that the balancer itself opened (`ipMode: Proxy`).
    fn reply_through(&mut self, service: &ObjectKey, packet: &mut Packet) -> Option<Next> {
        let now = self.now();
        let name = memory(service);
        let own = self.world.network.kernel_mut(&name);
        let found = own.conntrack.find(packet, now);
        self.log.note(|tape| match &found {
            Some((flow, _)) => tape.spoiled |= !tape.began(&name, &flow.original),
            None => {
                tape.unknown.push((name.clone(), Tuple::of(packet)));
                tape.fixed.push(packet.dst);
            }
        });
        let (flow, way) = found?;
        if way != Way::Reply {
            return None;
        }
        own.conntrack.touch(&flow.original, packet.segment, way, now);
        let before = *packet;
        packet.src = flow.original.dst;
        packet.dst = flow.original.src;
        let after = *packet;
        self.log.step(|| (StepKind::Translated { before, after }, vec![service.field("status.loadBalancer")]));
        self.log.spend(wire::LAN);
        let ip = packet.dst.ip();
        Some(Next::Arrived(if ip == LEARNER { Spot::Learner } else { Spot::Outside(ip) }))
    }

    fn choose_node(&mut self, key: &ObjectKey, packet: &mut Packet) -> Result<SmolStr, Lost> {
        let world = &mut *self.world;
        let Some((_, service, point)) = service_at(world.store, packet.dst.ip()) else {
            return Err(Lost::NoListener(key.clone()));
        };
        let port = service.ports.iter().position(|p| p.port == packet.dst.port() && p.protocol == packet.protocol);
        let Some(port) = port else { return Err(Lost::NoListener(key.clone())) };
        let candidates = nodes(world.store, &world.network.routes, key, service, |n| world.runtime.is_up(n));
        if candidates.is_empty() {
            return Err(Lost::NoHealthyNode(key.clone()));
        }
        // One node announces an address; a cloud's balancer spreads connections.
        let announced = is_announced(packet.dst.ip());
        let draw = if announced {
            flow_hash(SocketAddr::new(packet.dst.ip(), 0), SocketAddr::new(packet.dst.ip(), 0))
        } else {
            flow_hash(packet.src, packet.dst)
        };
        let forced = self.through.as_ref().and_then(|name| candidates.iter().find(|n| n.name == *name));
        let place = share(draw, candidates.len());
        if !announced {
            let (src, dst, of, chosen) = (packet.src, packet.dst, candidates.len() as u32, place as u32);
            self.log.note(|tape| tape.marks.push(Mark::Hashed { src, dst, of, chosen }));
        }
        let drawn = candidates[place];
        let chosen = forced.copied().unwrap_or(drawn);
        let node = chosen.name.clone();
        self.log.step(|| {
            let kind = StepKind::LoadBalancerChose {
                node: node.clone(),
                candidates: candidates.iter().map(|n| n.name.clone()).collect(),
                draw,
            };
            let policy = if service.external_local { "spec.externalTrafficPolicy" } else { "spec.type" };
            (kind, vec![key.field(policy), key.field("status.loadBalancer")])
        });
        let node_port = service.ports[port].node_port;
        if point.ip_mode == "Proxy"
            && node_port != 0
            && let Some(address) = chosen.address(packet.dst.is_ipv4())
        {
            // The balancer's own socket has the client's port: a mixture that no mark tells.
            self.log.spoil();
            let before = *packet;
            packet.src.set_ip(before.dst.ip());
            packet.dst = SocketAddr::new(address, node_port);
            let after = *packet;
            let reply = Tuple { src: after.dst, dst: after.src, protocol: after.protocol };
            let now = world.now + self.log.clock;
            let own = world.network.kernel_mut(&memory(key));
            own.conntrack.confirm(Tuple::of(&before), reply, first_state(&before), now);
            let path = format!("spec.ports[{port}].nodePort");
            self.log.step(|| (StepKind::Dnat { before, after }, vec![key.field(path.as_str())]));
        }
        Ok(node)
    }
}

/// Which of so many a number below one means.
pub(super) fn share(draw: f64, of: usize) -> usize {
    ((draw * of as f64) as usize).min(of.saturating_sub(1))
}

/// Under which name the balancer's own connections are kept.
fn memory(service: &ObjectKey) -> SmolStr {
    format_smolstr!("load-balancer/{}/{}", service.namespace, service.name)
}
