//! What clients remember between requests: ephemeral ports, DNS answers, open connections; and what the learner's computer
//! has set up: `/etc/hosts`, port-forwards, the route of `minikube tunnel`.

use super::dns::{Question, RecordType};
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use imbl::OrdMap;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};

/// The range of `net.ipv4.ip_local_port_range`.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// Ephemeral ports by address: each connection takes the next one.
#[derive(Clone, Debug, Default)]
pub struct EphemeralPorts {
    last: OrdMap<IpAddr, u16>,
}

impl EphemeralPorts {
    /// The next port of an address; `first` in `[0, 1)` says where an address begins.
    pub fn take(&mut self, address: IpAddr, first: impl FnOnce() -> f64) -> u16 {
        let (low, high) = (*EPHEMERAL.start(), *EPHEMERAL.end());
        match self.last.get_mut(&address) {
            Some(last) => {
                *last = EphemeralPorts::after(*last);
                *last
            }
            None => {
                let port = low + (first() * f64::from(high - low)) as u16;
                self.last.insert(address, port);
                port
            }
        }
    }

    /// The port that an address took last. `None`: it has taken none yet.
    pub fn last(&self, address: &IpAddr) -> Option<u16> {
        self.last.get(address).copied()
    }

    /// The port that is taken after this one.
    pub fn after(port: u16) -> u16 {
        if port >= *EPHEMERAL.end() { *EPHEMERAL.start() } else { port + 1 }
    }

    /// The port after which this one is taken.
    pub fn before(port: u16) -> u16 {
        if port <= *EPHEMERAL.start() { *EPHEMERAL.end() } else { port - 1 }
    }

    /// Goes on after `port`.
    pub fn set(&mut self, address: IpAddr, port: u16) {
        match self.last.get_mut(&address) {
            Some(last) => *last = port,
            None => drop(self.last.insert(address, port)),
        }
    }
}

/// DNS answers that a client keeps as long as their TTL allows. Most programs in pods keep none; browsers, JVMs and the
/// stub resolvers of desktops do.
#[derive(Clone, Debug, Default)]
pub struct DnsCache {
    answers: OrdMap<(SmolStr, Question), (Vec<IpAddr>, Time)>,
}

impl DnsCache {
    /// What `client` still knows about a name, and until when.
    pub fn get(&self, client: &str, name: &str, kind: RecordType, now: Time) -> Option<(&[IpAddr], Time)> {
        let (addresses, until) = self.answers.get(&(client.into(), Question { name: name.into(), kind }))?;
        (*until > now).then_some((addresses, *until))
    }

    pub fn put(&mut self, client: &str, name: &str, kind: RecordType, addresses: Vec<IpAddr>, until: Time) {
        self.answers.insert((client.into(), Question { name: name.into(), kind }), (addresses, until));
    }

    pub fn clear(&mut self) {
        self.answers.clear();
    }
}

/// An open connection that a client keeps for its next request (`Connection: keep-alive`, HTTP/2).
#[derive(Clone, Debug, PartialEq)]
pub struct OpenConnection {
    pub local: SocketAddr,
    pub dialled: SocketAddr,
    pub idle_until: Time,
}

/// How long servers keep an idle connection (nginx' `keepalive_timeout`).
pub const KEEP_ALIVE: Duration = Duration::secs(75);

/// A running `kubectl port-forward`: a port of the learner's computer that leads into a pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PortForward {
    pub local_port: u16,
    /// What was named on the command line: a pod, deployment or service.
    pub named: ObjectKey,
    /// The pod that was chosen, once and for all.
    pub pod: ObjectKey,
    pub pod_port: u16,
}

/// The learner's computer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Computer {
    /// `/etc/hosts`, besides localhost.
    pub hosts: Vec<(IpAddr, SmolStr)>,
    pub forwards: Vec<PortForward>,
    /// `minikube tunnel` runs: the Service network is routed to a node.
    pub tunnel: bool,
}
