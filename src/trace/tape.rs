//! What a request met that the next one like it may meet differently: lots, ports, memories of kernels, flows. A run that is
//! asked to keeps a tape of it, in order, and [`super::series`] learns from tapes.

use crate::api::time::Duration;
use crate::api::view::Protocol;
use crate::network::conntrack::Tuple;
use crate::network::netfilter::Lot;
use smol_str::SmolStr;
use std::net::{IpAddr, SocketAddr};

/// One thing met.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// An address took its next source port.
    Port { ip: IpAddr, got: u16 },
    /// Source ports of an address were drawn for masquerading what goes to `to`, until one was free. `begun`: the request had
    /// begun flows in this kernel before.
    Masked { kernel: SmolStr, ip: IpAddr, to: SocketAddr, protocol: Protocol, begun: bool, got: u16 },
    /// A whole number below `bound`.
    Below { bound: u64, got: u64 },
    /// One of several by weight.
    Weighted { weights: Vec<u64>, chosen: u32 },
    /// A number below one, times `of`, without its fraction.
    Share { of: f64, got: u32 },
    /// A load balancer hashed a connection's sockets into one of so many.
    Hashed { src: SocketAddr, dst: SocketAddr, of: u32, chosen: u32 },
    /// The rules of a node drew a lot or asked their memory, so long after the request began.
    Lot { kernel: SmolStr, at: Duration, lot: Lot },
}

/// What was met, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    pub marks: Vec<Mark>,
    /// Tuples that a conntrack did not know.
    pub unknown: Vec<(SmolStr, Tuple)>,
    /// Flows that began: their original and their reply tuples.
    pub flows: Vec<(SmolStr, Tuple, Tuple)>,
    /// Sockets that do not depend on what was drawn: what was dialled, by whoever.
    pub fixed: Vec<SocketAddr>,
    /// Something was met that marks cannot tell: an open connection, a client's cache, a program that counts.
    pub spoiled: bool,
}

impl Tape {
    /// A flow of the request itself.
    pub fn began(&self, kernel: &str, original: &Tuple) -> bool {
        self.flows.iter().any(|(k, tuple, _)| k == kernel && tuple == original)
    }
}
