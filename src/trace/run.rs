//! One run of the interpreter: the world that it walks through, and what it notes on the way.

use super::diagnose::{Dialled, Door, Meant};
use super::record::Recorder;
use super::request::Client;
use super::step::{Direction, Place, StepKind};
use super::tape::Mark;
use super::transit::Fate;
use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::{Duration, Time};
use crate::api::view::Protocol;
use crate::apiserver::store::Store;
use crate::apiserver::write::Random;
use crate::network::Network;
use crate::network::conntrack::{Tuple, Way};
use crate::network::dns::Outside;
use crate::network::load_balancer;
use crate::network::netfilter::PortName;
use crate::network::packet::{Packet, Segment};
use crate::network::route::{LEARNER, node_key};
use crate::runtime::Runtime;
use smol_str::{SmolStr, format_smolstr};
use std::net::{IpAddr, SocketAddr};

/// All that a request meets. The store is only read; the rest remembers.
pub struct World<'a> {
    pub store: &'a Store,
    pub network: &'a mut Network,
    pub runtime: &'a mut Runtime,
    pub random: &'a mut Random,
    pub now: Time,
}

/// A machine with a network stack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    Pod(ObjectKey),
    /// The host's network of a node.
    Node(SmolStr),
    Learner,
    Outside(IpAddr),
}

/// What a run notes for the diagnosis and for the reply.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// The Service port whose rules took the packet first.
    pub owner: Option<PortName>,
    /// The load balancer that the packet went through.
    pub load_balancer: Option<ObjectKey>,
}

pub(super) struct Run<'r, 'w> {
    pub world: &'r mut World<'w>,
    pub log: Recorder,
    pub notes: Notes,
    /// Where the client is: packets to it arrive, whatever its address.
    pub home: Spot,
    pub home_ip: Option<IpAddr>,
    /// The container of the pod that the client is in; empty for its first.
    pub container: SmolStr,
    /// The flows that conntracks of nodes hold for the connection at hand.
    pub flows: Vec<(SmolStr, Tuple)>,
    /// The socket that was dialled in the conversation at hand: answers from elsewhere are nobody's.
    pub dialled: Option<SocketAddr>,
    /// When whoever asks gives up, since the request began; what is ready later comes to nobody.
    pub deadline: Option<Duration>,
    /// The ICMP answer of the rule that refused last.
    pub last_reject: Option<Packet>,
    /// The node that a load balancer is to choose.
    pub through: Option<SmolStr>,
}

/// How opening a connection (or sending a datagram) ends.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Opened {
    /// The packet is at a machine that listens: where, and how it looks there.
    At { spot: Spot, packet: Packet, socket: super::serve::Socket },
    /// It is at a machine where nobody listens on the port: the answer is a RST (or ICMP).
    Refused { spot: Spot, packet: Packet },
    /// It did not arrive anywhere.
    Ended(Fate),
}

impl<'r, 'w> Run<'r, 'w> {
    pub fn new(world: &'r mut World<'w>, client: &Client, record: bool) -> Run<'r, 'w> {
        let (home, home_ip) = match client {
            Client::Pod { namespace, name, .. } => {
                (Spot::Pod(ObjectKey::new("Pod", namespace.clone(), name.clone())), None)
            }
            Client::Node { name } => (Spot::Node(name.clone()), None),
            Client::Learner => (Spot::Learner, Some(LEARNER)),
            Client::Outside { ip } => (Spot::Outside(*ip), Some(*ip)),
        };
        Run {
            world,
            log: Recorder::new(record),
            notes: Notes::default(),
            home,
            home_ip,
            container: if let Client::Pod { container, .. } = client { container.clone() } else { SmolStr::default() },
            flows: Vec::new(),
            dialled: None,
            deadline: None,
            last_reject: None,
            through: None,
        }
    }

    /// The field that a machine stands for. The learner's computer and the world outside are no objects: they are named as
    /// such.
    pub fn machine_field(&self, spot: &Spot) -> FieldRef {
        match spot {
            Spot::Pod(pod) => pod.field("metadata.name"),
            Spot::Node(node) => node_key(node).field("metadata.name"),
            Spot::Learner => ObjectKey::new("Computer", "", "learner").field(""),
            Spot::Outside(ip) => ObjectKey::new("Outside", "", format_smolstr!("{ip}")).field(""),
        }
    }

    /// What a connection is about: the Service port that is dialled, or the client itself.
    pub fn about(&mut self, dialled: &Dialled) {
        self.log.translated.clear();
        if !self.log.on {
            return;
        }
        self.log.about = match Meant::find(self, dialled) {
            Some(meant) => {
                let address = match meant.door {
                    Door::ClusterIp => "spec.clusterIP",
                    Door::ExternalIp => "spec.externalIPs",
                    Door::LoadBalancer => "status.loadBalancer",
                    Door::NodePort => "spec.type",
                    Door::Headless => "metadata.name",
                };
                let port = meant.port.map(|i| match meant.door {
                    Door::NodePort => format_smolstr!("spec.ports[{i}].nodePort"),
                    _ => format_smolstr!("spec.ports[{i}].port"),
                });
                let port = port.unwrap_or_else(|| "spec.ports".into());
                vec![meant.key.field(port.as_str()), meant.key.field(address)]
            }
            None => vec![self.machine_field(&dialled.from)],
        };
    }

    /// The present moment of the run.
    pub fn now(&self) -> Time {
        self.world.now + self.log.clock
    }

    /// The place of a machine.
    pub fn place(&self, spot: &Spot) -> Place {
        match spot {
            Spot::Pod(pod) => {
                let node = self.world.runtime.get(pod).map(|s| s.node.clone()).unwrap_or_default();
                Place::Pod { pod: pod.clone(), node }
            }
            Spot::Node(node) => Place::Node { node: node.clone() },
            Spot::Learner => Place::Learner,
            Spot::Outside(ip) => Place::Outside { ip: *ip, name: self.outside_name(*ip) },
        }
    }

    /// Begins a stay at a machine.
    pub fn enter(&mut self, spot: &Spot, packet: Option<Packet>) {
        if self.log.places {
            let place = self.place(spot);
            self.log.enter(|| place, packet);
        }
    }

    /// Goes on at a machine, or begins a stay there.
    pub fn stay(&mut self, spot: &Spot, packet: Option<Packet>) {
        if self.log.places {
            let place = self.place(spot);
            self.log.stay(|| place, packet);
        }
    }

    /// The address that a machine sends from when it talks to `to`.
    pub fn source_address(&self, spot: &Spot, to: IpAddr) -> Option<IpAddr> {
        if to.is_loopback() {
            return Some(to);
        }
        let v4 = to.is_ipv4();
        let node_address = |node: &str| self.world.network.routes.node(node).and_then(|n| n.address(v4));
        match spot {
            Spot::Pod(pod) => {
                let sandbox = self.world.runtime.get(pod)?;
                if sandbox.host_network {
                    return node_address(&sandbox.node);
                }
                sandbox.ips.iter().copied().find(|ip| ip.is_ipv4() == v4)
            }
            Spot::Node(node) => node_address(node),
            Spot::Learner => Some(LEARNER).filter(|_| v4),
            Spot::Outside(ip) => Some(*ip).filter(|ip| ip.is_ipv4() == v4),
        }
    }

    /// A fresh source socket of a machine.
    pub fn source(&mut self, spot: &Spot, to: IpAddr) -> Option<SocketAddr> {
        let ip = self.source_address(spot, to)?;
        let random = &mut *self.world.random;
        let port = self.world.network.ports.take(ip, || random.unit());
        self.log.note(|tape| tape.marks.push(Mark::Port { ip, got: port }));
        Some(SocketAddr::new(ip, port))
    }

    /// Draws a whole number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let got = self.world.random.below(bound);
        self.log.note(|tape| tape.marks.push(Mark::Below { bound, got }));
        got
    }

    /// Draws a number below one; gives it, and it times `of` without the fraction.
    pub fn draw(&mut self, of: f64) -> (f64, u32) {
        let draw = self.world.random.unit();
        let got = (draw * of) as u32;
        self.log.note(|tape| tape.marks.push(Mark::Share { of, got }));
        (draw, got)
    }

    pub fn outside_name(&self, ip: IpAddr) -> SmolStr {
        Outside::built_in().name_of(ip).unwrap_or("").into()
    }

    pub fn is_known_outside(&self, ip: IpAddr) -> bool {
        self.home_ip == Some(ip) || Outside::built_in().host(ip).is_some()
    }

    pub fn load_balancer_at(&self, ip: IpAddr) -> Option<ObjectKey> {
        load_balancer::service_at(self.world.store, ip).map(|(o, ..)| o.key.clone())
    }

    /// Sends the first packet of a conversation and looks who listens where it arrives.
    pub fn open(&mut self, from: &Spot, packet: Packet) -> Opened {
        self.dialled = Some(packet.dst);
        match self.transit(from, packet) {
            Fate::Arrived { spot, packet } => {
                self.stay(&spot, Some(packet));
                match self.socket(&spot, &packet) {
                    Some(socket) => {
                        self.log.step(|| {
                            let kind = StepKind::Delivered {
                                pod: socket.pod.clone(),
                                process: socket.process.clone(),
                                local: packet.dst,
                                peer: packet.src,
                            };
                            (kind, socket.because.clone())
                        });
                        Opened::At { spot, packet, socket }
                    }
                    None => {
                        let segment = match packet.protocol {
                            Protocol::Tcp => Segment::Rst,
                            _ => Segment::PortUnreachable,
                        };
                        let because = self.why_nobody_listens(&spot, packet.dst.port());
                        self.log.step(|| (StepKind::Refused { with: packet.reply(segment) }, because));
                        Opened::Refused { spot, packet }
                    }
                }
            }
            fate => Opened::Ended(fate),
        }
    }

    /// Sends an answer back the way the packet came, and gives the packet that the client gets. `None`: it is lost on its
    /// way.
    pub fn back(&mut self, from: &Spot, arrived: &Packet, segment: Segment) -> Option<Packet> {
        let outward = self.log.direction;
        self.log.direction = Direction::Reply;
        let reply = arrived.reply(segment);
        self.enter(from, Some(reply));
        let fate = self.transit(from, reply);
        let received = match fate {
            Fate::Arrived { spot, packet } => {
                self.stay(&spot, Some(packet));
                // ICMP errors carry what they are about and may come from anybody.
                let is_error = matches!(packet.segment, Segment::PortUnreachable | Segment::HostUnreachable);
                let is_own = is_error || self.dialled.is_none_or(|dialled| dialled == packet.src);
                self.log.step(|| {
                    let kind = if is_own { StepKind::Received { packet } } else { StepKind::Stray { packet } };
                    (kind, Vec::new())
                });
                is_own.then_some(packet)
            }
            _ => None,
        };
        self.log.direction = outward;
        received
    }

    /// The ICMP answer of a node reaches the client.
    pub fn told_by_icmp(&mut self, to: &Spot, with: Packet) {
        let outward = self.log.direction;
        self.log.direction = Direction::Reply;
        self.enter(to, Some(with));
        self.log.step(|| (StepKind::Received { packet: with }, Vec::new()));
        self.log.direction = outward;
    }

    /// Waits without an answer.
    pub fn time_out(&mut self, at: &Spot, after: Duration, because: Vec<FieldRef>) {
        self.log.spend(after);
        let outward = self.log.direction;
        self.log.direction = Direction::Reply;
        self.enter(at, None);
        self.log.step(|| (StepKind::TimedOut { after }, because));
        self.log.direction = outward;
    }

    /// The connection at hand is closed: the nodes' conntracks see the FIN.
    pub fn close_flows(&mut self) {
        let now = self.now();
        for (node, tuple) in self.flows.drain(..) {
            self.world.network.kernel_mut(&node).conntrack.touch(&tuple, Segment::Fin, Way::Original, now);
        }
    }
}
