//! Hops and their typed steps.

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::time::Duration;
use crate::network::dns::{DnsRecord, Rcode, RecordType};
use crate::network::packet::Packet;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};

/// Where something happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In a pod (its own network namespace).
    Pod { pod: ObjectKey, node: SmolStr },
    /// In the kernel of a node, where the kube-proxy rules live.
    Kernel { node: SmolStr },
    /// In a process on a node, in the host's network.
    Node { node: SmolStr },
    /// On the learner's computer.
    Learner,
    /// A load balancer before the cluster, made for a Service.
    LoadBalancer { service: ObjectKey },
    /// Any other address outside the cluster; `name` when DNS gave one.
    Outside { ip: IpAddr, name: SmolStr },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    Request,
    Reply,
}

/// Which conversation a hop belongs to. A request may take several, one inside the other: the client asks DNS, then opens a
/// connection; an ingress controller that it reaches opens another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exchange {
    /// The client's question number so many to its DNS server, from zero.
    Dns(u16),
    /// The client's own connection.
    #[default]
    Connection,
    /// What an HTTP proxy on the way opens to the next server, counted from zero.
    Backend(u16),
}

/// A stay at one place: one row of the journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Hop {
    pub exchange: Exchange,
    pub direction: Direction,
    pub at: Place,
    /// The packet as it arrives here (or as it is made here, for a first hop). `None` while there is none yet, as when a
    /// client reads its `resolv.conf`.
    pub packet: Option<Packet>,
    /// Never empty. The first step that changes something is the hop's headline.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Time since the request began.
    pub at: Duration,
    pub kind: StepKind,
    /// The fields that make it so, the most telling first.
    pub because: Vec<FieldRef>,
}

/// One of those that a balance chose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub address: SocketAddr,
    /// The pod behind the address, if any.
    pub pod: Option<ObjectKey>,
    /// Its share, 0 to 1.
    pub probability: f64,
}

/// What happens. A new variant makes the compiler list every renderer that must say something about it.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// The client looks at its resolver configuration.
    ResolverRead {
        name: SmolStr,
        server: Option<IpAddr>,
        search: Vec<SmolStr>,
        ndots: u8,
    },
    /// The name stands in `/etc/hosts`.
    HostsFile {
        name: SmolStr,
        address: IpAddr,
    },
    /// An earlier answer is still fresh in the client's cache.
    DnsCached {
        name: SmolStr,
        addresses: Vec<IpAddr>,
        seconds_left: u32,
    },
    DnsQuery {
        name: SmolStr,
        kind: RecordType,
        server: SocketAddr,
    },
    DnsAnswer {
        name: SmolStr,
        kind: RecordType,
        rcode: Rcode,
        records: Vec<DnsRecord>,
    },
    /// The DNS server asks another one.
    DnsForwarded {
        name: SmolStr,
        to: SocketAddr,
    },
    /// The client opens a connection (or sends a first datagram, or an echo request).
    Connect {
        packet: Packet,
    },
    /// An open connection is used again: conntrack has its decision already.
    ConnectionReused {
        packet: Packet,
    },
    /// Conntrack knows this flow; the nat table is not asked.
    ConntrackHit {
        packet: Packet,
    },
    /// A rule that the packet matched. `rule` is its text as `iptables-save` (or nft, ipvsadm) prints it.
    RuleMatched {
        table: &'static str,
        chain: SmolStr,
        rule: SmolStr,
        index: u32,
    },
    /// One of several was chosen by a chain, a virtual server, or a proxy. `draws` are the lots in `[0, 1)` from the seeded
    /// source: iptables draws one a rule until a rule takes the packet, nftables one in all, round robin none.
    Balanced {
        by: SmolStr,
        candidates: Vec<Candidate>,
        chosen: usize,
        draws: Vec<f64>,
    },
    /// `sessionAffinity` sent the client where it was before.
    AffinityMatched {
        to: SocketAddr,
        /// How long it would be remembered from now on (`timeoutSeconds`).
        seconds_left: u32,
    },
    /// Marked for masquerade.
    Marked {
        mark: u32,
    },
    Dnat {
        before: Packet,
        after: Packet,
    },
    Snat {
        before: Packet,
        after: Packet,
    },
    /// From one place's network to the next: `via` in words of the routing table (`10.244.1.0/24 via 192.168.49.3 dev eth0`).
    Routed {
        via: SmolStr,
        to: Place,
    },
    /// Carried inside another connection, past Services and rules: `kubectl port-forward` through API server and kubelet,
    /// `minikube tunnel`.
    Tunnelled {
        /// The tool.
        by: SmolStr,
        through: Vec<SmolStr>,
        to: SocketAddr,
    },
    /// A load balancer before the cluster chose a node.
    LoadBalancerChose {
        node: SmolStr,
        candidates: Vec<SmolStr>,
        draw: f64,
    },
    /// The server end of TLS. `problem`: why the client does not trust it.
    Tls {
        server_name: SmolStr,
        certificate: SmolStr,
        problem: Option<SmolStr>,
    },
    /// The request goes over the open connection.
    HttpRequest {
        method: SmolStr,
        host: SmolStr,
        path: SmolStr,
        headers: Vec<(SmolStr, SmolStr)>,
    },
    /// An ingress controller or gateway matched a rule and chose a backend.
    HttpRouted {
        route: ObjectKey,
        rule: SmolStr,
        backend: SmolStr,
        rewritten: Option<SmolStr>,
    },
    /// A copy of the request goes to a mirror as well.
    Mirrored {
        service: ObjectKey,
        to: SocketAddr,
    },
    /// The request reaches a process that listens.
    Delivered {
        pod: Option<ObjectKey>,
        process: SmolStr,
        local: SocketAddr,
        peer: SocketAddr,
    },
    /// The process answers.
    HttpResponse {
        status: u16,
        body: SmolStr,
        headers: Vec<(SmolStr, SmolStr)>,
    },
    /// Bytes of a protocol that is not HTTP.
    Answered {
        text: SmolStr,
    },
    /// The reply's addresses are put back to what the client dialled (or to the client's own).
    Translated {
        before: Packet,
        after: Packet,
    },
    /// The client has the answer.
    Received {
        packet: Packet,
    },
    /// An answer from another socket than the one that was dialled: it belongs to no connection of the client, which throws
    /// it away.
    Stray {
        packet: Packet,
    },
    /// A rule refuses with an ICMP answer.
    Rejected {
        with: Packet,
    },
    /// A rule drops the packet: silence.
    Dropped {
        packet: Packet,
    },
    /// Nobody listens on the port: the kernel of the target answers RST (or ICMP for UDP).
    Refused {
        with: Packet,
    },
    /// Nothing comes back from here: no such host, node down, hung process.
    Lost {
        packet: Packet,
    },
    /// The client gives up waiting.
    TimedOut {
        after: Duration,
    },
}

impl StepKind {
    /// A packet before and after, for the steps that change one.
    pub fn change(&self) -> Option<(&Packet, &Packet)> {
        match self {
            StepKind::Dnat { before, after }
            | StepKind::Snat { before, after }
            | StepKind::Translated { before, after } => Some((before, after)),
            _ => None,
        }
    }
}
