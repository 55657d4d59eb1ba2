//! Which meaning colour a hop has. Colours carry meaning: DNS violet, the virtual IP blue, rules and NAT amber, pods green,
//! layer 7 and TLS pink, failure red.

use crate::trace::{Direction, Exchange, Hop, Step, StepKind};

/// A meaning that has a colour (and, wherever it is drawn, a shape or a word beside it).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tone {
    #[default]
    Plain,
    Dns,
    Vip,
    Nat,
    Pod,
    L7,
    Bad,
}

impl Tone {
    /// The end of the class names that colour it: `dns`, `vip` …
    pub fn name(self) -> &'static str {
        match self {
            Tone::Plain => "plain",
            Tone::Dns => "dns",
            Tone::Vip => "vip",
            Tone::Nat => "nat",
            Tone::Pod => "pod",
            Tone::L7 => "l7",
            Tone::Bad => "bad",
        }
    }
}

/// What part of the whole conversation a hop belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Turning the name into an address.
    Dns,
    /// The way there.
    Request,
    /// The way back.
    Reply,
}

/// The tone of one step.
pub fn of_step(step: &Step) -> Tone {
    use StepKind as K;
    match &step.kind {
        K::ResolverRead { .. }
        | K::HostsFile { .. }
        | K::DnsCached { .. }
        | K::DnsQuery { .. }
        | K::DnsAnswer { .. }
        | K::DnsForwarded { .. } => Tone::Dns,
        K::Connect { .. } | K::ConnectionReused { .. } | K::HttpRequest { .. } | K::Received { .. } => Tone::Vip,
        K::ConntrackHit { .. }
        | K::RuleMatched { .. }
        | K::Balanced { .. }
        | K::AffinityMatched { .. }
        | K::Marked { .. }
        | K::Dnat { .. }
        | K::Snat { .. }
        | K::Translated { .. }
        | K::LoadBalancerChose { .. } => Tone::Nat,
        K::Routed { .. } | K::Tunnelled { .. } => Tone::Plain,
        K::Tls { problem: None, .. } | K::HttpRouted { .. } | K::Mirrored { .. } => Tone::L7,
        K::Delivered { .. } | K::Answered { .. } => Tone::Pod,
        K::HttpResponse { status, .. } if *status < 400 => Tone::Pod,
        K::HttpResponse { .. }
        | K::Tls { .. }
        | K::Rejected { .. }
        | K::Dropped { .. }
        | K::Refused { .. }
        | K::Lost { .. }
        | K::Stray { .. }
        | K::TimedOut { .. } => Tone::Bad,
    }
}

/// The phase of a hop.
pub fn phase(hop: &Hop) -> Phase {
    match (hop.exchange, hop.direction) {
        (Exchange::Dns(_), _) => Phase::Dns,
        (_, Direction::Request) => Phase::Request,
        (_, Direction::Reply) => Phase::Reply,
    }
}

/// The tone of a hop: failure before all, DNS for all of the name's way, then what is most special about it.
pub fn of_hop(hop: &Hop) -> Tone {
    let tones = || hop.steps.iter().map(of_step);
    if tones().any(|t| t == Tone::Bad) {
        return Tone::Bad;
    }
    if phase(hop) == Phase::Dns {
        return Tone::Dns;
    }
    [Tone::L7, Tone::Nat, Tone::Pod, Tone::Vip]
        .into_iter()
        .find(|wanted| tones().any(|t| t == *wanted))
        .unwrap_or(Tone::Plain)
}
