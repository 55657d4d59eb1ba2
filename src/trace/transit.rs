//! A packet's way from place to place: out of a pod, through the kernels of nodes, to a pod, a process on a node, the
//! learner's computer or the world outside.

use super::kernel::{self, Onward, Source};
use super::run::{Run, Spot};
use super::step::{Place, StepKind};
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::view::Protocol;
use crate::network::netfilter::PortName;
use crate::network::packet::{Packet, Segment};
use crate::network::route::{LEARNER, node_key};
use smol_str::{SmolStr, format_smolstr};

/// How a packet ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// At the network stack of the machine that has its address.
    Arrived { spot: Spot, packet: Packet },
    /// A rule refused it; the ICMP answer goes to its sender.
    Rejected { node: SmolStr, because: Option<FieldRef>, owner: Option<PortName> },
    /// A rule dropped it.
    Dropped { node: SmolStr, because: Option<FieldRef>, owner: Option<PortName> },
    /// Nobody has the address in a network that a node knows: ICMP host unreachable, after some seconds of ARP.
    HostUnreachable { node: SmolStr, packet: Packet },
    /// Silence.
    Lost(Lost),
}

/// Why a packet is lost without an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lost {
    NodeDown(SmolStr),
    /// The sender has no route but the default one, and nobody there knows the address.
    NoRoute(Packet),
    /// The load balancer of a Service has no healthy node.
    NoHealthyNode(ObjectKey),
    /// The load balancer does not listen on the port.
    NoListener(ObjectKey),
    /// The sender is gone.
    SenderGone,
}

/// Machines that a packet may pass; more means a loop.
const LONGEST_WAY: usize = 16;

/// How long wires take.
pub(super) mod wire {
    use crate::api::time::Duration;
    /// Between a pod and its node.
    pub const VETH: Duration = Duration::micros(14);
    /// Between two nodes, or a node and the learner's computer.
    pub const LAN: Duration = Duration::micros(210);
    /// To the world outside and back to it.
    pub const WAN: Duration = Duration::millis(9);
    /// Until a node gives up asking who has an address (three ARP requests).
    pub const ARP: Duration = Duration::millis(3_060);
}

/// The next machine of a packet.
pub(super) enum Next {
    Kernel(SmolStr, Source),
    Arrived(Spot),
    Ended(Fate),
}

impl Run<'_, '_> {
    /// Sends a packet on its way from `from`.
    pub fn transit(&mut self, from: &Spot, mut packet: Packet) -> Fate {
        let mut next = self.leave(from, &mut packet);
        for _ in 0..LONGEST_WAY {
            match next {
                Next::Arrived(spot) => return Fate::Arrived { spot, packet },
                Next::Ended(fate) => return fate,
                Next::Kernel(node, source) => next = self.through(node, source, &mut packet),
            }
        }
        Fate::Lost(Lost::NoRoute(packet))
    }

    fn through(&mut self, node: SmolStr, source: Source, packet: &mut Packet) -> Next {
        if !self.world.runtime.is_up(&node) {
            self.log.enter(|| Place::Kernel { node: node.clone() }, Some(*packet));
            self.log.step(|| (StepKind::Lost { packet: *packet }, vec![node_key(&node).field("status.conditions")]));
            return Next::Ended(Fate::Lost(Lost::NodeDown(node)));
        }
        self.log.enter(|| Place::Kernel { node: node.clone() }, Some(*packet));
        let world = &mut *self.world;
        let around = kernel::Surroundings {
            store: world.store,
            network: world.network,
            runtime: world.runtime,
            log: &mut self.log,
            rng: world.random.generator(),
            started: world.now,
        };
        let passed = kernel::pass(around, &node, *packet, source);
        let Some(passed) = passed else { return Next::Ended(Fate::Lost(Lost::NoRoute(*packet))) };
        *packet = passed.packet;
        if let Some(tuple) = passed.began.filter(|_| packet.protocol == Protocol::Tcp) {
            self.flows.push((node.clone(), tuple));
        }
        if self.notes.owner.is_none() {
            self.notes.owner = passed.owner.clone();
        }
        match passed.onward {
            Onward::Dropped => {
                let because = passed.because.clone();
                self.log.step(|| (StepKind::Dropped { packet: *packet }, because.into_iter().collect()));
                Next::Ended(Fate::Dropped { node, because: passed.because, owner: passed.owner })
            }
            Onward::Rejected => {
                let because = passed.because.clone();
                let with = self.reject(&node, packet);
                self.last_reject = Some(with);
                self.log.step(|| (StepKind::Rejected { with }, because.into_iter().collect()));
                Next::Ended(Fate::Rejected { node, because: passed.because, owner: passed.owner })
            }
            Onward::Own => Next::Arrived(Spot::Node(node)),
            Onward::LocalPods => match self.world.runtime.pod_at(packet.dst.ip()).cloned() {
                Some(pod) => {
                    self.routed(&node, packet, || Place::Pod { pod: pod.clone(), node: node.clone() });
                    self.log.spend(wire::VETH);
                    Next::Arrived(Spot::Pod(pod))
                }
                None => {
                    self.log.spend(wire::ARP);
                    self.log.step(|| (StepKind::Lost { packet: *packet }, vec![node_key(&node).field("spec.podCIDR")]));
                    Next::Ended(Fate::HostUnreachable { node, packet: *packet })
                }
            },
            Onward::Node(name) => {
                self.routed(&node, packet, || Place::Kernel { node: name.clone() });
                self.log.spend(wire::LAN);
                Next::Kernel(name, Source::Wire)
            }
            Onward::Neighbour => {
                self.routed(&node, packet, || Place::Learner);
                self.log.spend(wire::LAN);
                Next::Arrived(Spot::Learner)
            }
            Onward::Outside => self.outside(&node, packet),
        }
    }

    /// What a packet meets that leaves a node by its default route.
    fn outside(&mut self, node: &SmolStr, packet: &mut Packet) -> Next {
        let ip = packet.dst.ip();
        if self.world.network.is_service_address(&ip) {
            // A virtual address that no rule took: the default route leads to where nobody knows it.
            self.routed(node, packet, || Place::Outside { ip, name: SmolStr::default() });
            self.log.step(|| (StepKind::Lost { packet: *packet }, Vec::new()));
            return Next::Ended(Fate::Lost(Lost::NoRoute(*packet)));
        }
        if let Some(service) = self.load_balancer_at(ip) {
            self.routed(node, packet, || Place::LoadBalancer { service: service.clone() });
            self.log.spend(wire::LAN);
            return self.through_load_balancer(&service, packet);
        }
        let name = self.outside_name(ip);
        self.routed(node, packet, || Place::Outside { ip, name });
        self.log.spend(wire::WAN);
        if self.is_known_outside(ip) {
            return Next::Arrived(Spot::Outside(ip));
        }
        self.log.enter(|| Place::Outside { ip, name: SmolStr::default() }, Some(*packet));
        self.log.step(|| (StepKind::Lost { packet: *packet }, Vec::new()));
        Next::Ended(Fate::Lost(Lost::NoRoute(*packet)))
    }

    fn routed(&mut self, node: &str, packet: &Packet, to: impl FnOnce() -> Place) {
        let routes = &self.world.network.routes;
        let Some(here) = routes.node(node) else { return };
        self.log.step(|| {
            let via = routes.line(here, &packet.dst.ip());
            (StepKind::Routed { via, to: to() }, vec![node_key(node).field("spec.podCIDR")])
        });
    }

    /// The ICMP answer of a rule that refuses.
    fn reject(&self, node: &str, packet: &Packet) -> Packet {
        let here = self.world.network.routes.node(node);
        let v4 = packet.src.is_ipv4();
        let from_pod = here.is_some_and(|h| h.has_pod_address(&packet.src.ip()));
        let own = here.and_then(|h| if from_pod { h.gateway(v4) } else { h.address(v4) });
        let mut with = packet.reply(Segment::PortUnreachable);
        with.src.set_ip(own.unwrap_or(packet.dst.ip()));
        with
    }

    /// The first step out of the sender's network stack.
    fn leave(&mut self, from: &Spot, packet: &mut Packet) -> Next {
        let ip = packet.dst.ip();
        match from {
            Spot::Pod(pod) => {
                let Some(sandbox) = self.world.runtime.get(pod).cloned() else {
                    return Next::Ended(Fate::Lost(Lost::SenderGone));
                };
                let node = sandbox.node.clone();
                if !self.world.runtime.is_up(&node) {
                    return Next::Ended(Fate::Lost(Lost::NodeDown(node)));
                }
                if sandbox.host_network {
                    return Next::Kernel(node, Source::Own);
                }
                if ip.is_loopback() || sandbox.ips.contains(&ip) {
                    return Next::Arrived(from.clone());
                }
                self.log.step(|| {
                    let here = self.world.network.routes.node(&node);
                    let gateway = here.and_then(|h| h.gateway(ip.is_ipv4()));
                    let via = match gateway {
                        Some(gateway) => format_smolstr!("default via {gateway} dev eth0"),
                        None => "default dev eth0".into(),
                    };
                    let to = Place::Kernel { node: node.clone() };
                    (StepKind::Routed { via, to }, vec![pod.field("spec.nodeName")])
                });
                self.log.spend(wire::VETH);
                Next::Kernel(node, Source::Wire)
            }
            Spot::Node(node) => Next::Kernel(node.clone(), Source::Own),
            Spot::Learner => self.leave_learner(packet),
            Spot::Outside(own) => {
                if ip == *own {
                    return Next::Arrived(from.clone());
                }
                self.log.spend(wire::WAN);
                if let Some(node) = self.world.network.routes.node_at(&ip).map(|n| n.name.clone()) {
                    self.log.step(|| {
                        let to = Place::Kernel { node: node.clone() };
                        (
                            StepKind::Routed { via: "internet".into(), to },
                            vec![node_key(&node).field("status.addresses")],
                        )
                    });
                    return Next::Kernel(node, Source::Wire);
                }
                if let Some(service) = self.load_balancer_at(ip) {
                    return self.through_load_balancer(&service, packet);
                }
                if self.is_known_outside(ip) {
                    return Next::Arrived(Spot::Outside(ip));
                }
                self.lose(packet)
            }
        }
    }

    fn leave_learner(&mut self, packet: &mut Packet) -> Next {
        let ip = packet.dst.ip();
        if ip.is_loopback() || ip == LEARNER {
            return Next::Arrived(Spot::Learner);
        }
        let to_node = |run: &mut Self, node: SmolStr, via: SmolStr| {
            run.log.step(|| {
                let to = Place::Kernel { node: node.clone() };
                (StepKind::Routed { via, to }, vec![node_key(&node).field("status.addresses")])
            });
            run.log.spend(wire::LAN);
            Next::Kernel(node, Source::Wire)
        };
        if let Some(node) = self.world.network.routes.node_at(&ip).map(|n| n.name.clone()) {
            let via = format_smolstr!("{ip} dev virbr0");
            return to_node(self, node, via);
        }
        if self.world.network.computer.tunnel && self.world.network.is_service_address(&ip) {
            let first = self.world.network.routes.nodes().first().map(|n| (n.name.clone(), n.address(ip.is_ipv4())));
            if let Some((node, Some(address))) = first {
                let network = self.world.network.config.service_networks.iter().find(|n| n.contains(&ip));
                let via = network.map_or_else(SmolStr::default, |n| format_smolstr!("{n} via {address}"));
                return to_node(self, node, via);
            }
        }
        if let Some(service) = self.load_balancer_at(ip) {
            self.log.step(|| {
                let to = Place::LoadBalancer { service: service.clone() };
                (StepKind::Routed { via: "default".into(), to }, vec![service.field("status.loadBalancer")])
            });
            self.log.spend(wire::LAN);
            return self.through_load_balancer(&service, packet);
        }
        let inside = self.world.network.is_service_address(&ip) || self.world.network.routes.is_pod_address(&ip);
        if !inside && self.is_known_outside(ip) {
            let name = self.outside_name(ip);
            self.log.step(|| (StepKind::Routed { via: "default".into(), to: Place::Outside { ip, name } }, Vec::new()));
            self.log.spend(wire::WAN);
            return Next::Arrived(Spot::Outside(ip));
        }
        self.lose(packet)
    }

    /// Out by the default route, never to be seen again.
    fn lose(&mut self, packet: &Packet) -> Next {
        let ip = packet.dst.ip();
        self.log.step(|| {
            (
                StepKind::Routed { via: "default".into(), to: Place::Outside { ip, name: SmolStr::default() } },
                Vec::new(),
            )
        });
        self.log.enter(|| Place::Outside { ip, name: SmolStr::default() }, Some(*packet));
        self.log.step(|| (StepKind::Lost { packet: *packet }, Vec::new()));
        Next::Ended(Fate::Lost(Lost::NoRoute(*packet)))
    }
}
