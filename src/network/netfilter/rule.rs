//! A rule of a packet filter, as data: what it looks at, what it does, and the field of an object that it stands for.

use crate::api::object::{FieldRef, ObjectKey};
use crate::api::path::FieldPath;
use crate::api::view::Protocol;
use ipnet::IpNet;
use smallvec::SmallVec;
use smol_str::{SmolStr, format_smolstr};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The table that a chain belongs to. nftables keeps all chains in one table, but each of its base chains has one of these
/// types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Filter,
    Nat,
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Table::Filter => "filter",
            Table::Nat => "nat",
        }
    }
}

/// An address or a network that a rule compares with. They differ in how they are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Ip(IpAddr),
    Net(IpNet),
}

impl Peer {
    pub fn contains(&self, ip: &IpAddr) -> bool {
        match self {
            Peer::Ip(own) => own == ip,
            Peer::Net(net) => net.contains(ip),
        }
    }

    /// With its prefix length, as `iptables-save` prints single addresses too.
    pub fn net(&self) -> IpNet {
        match *self {
            Peer::Ip(ip) => IpNet::from(ip),
            Peer::Net(net) => net,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Ip(ip) => ip.fmt(f),
            Peer::Net(net) => net.fmt(f),
        }
    }
}

/// The state of a connection, as conntrack has it when the packet passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CtState {
    /// The first packet of a connection.
    #[default]
    New,
    Established,
    Related,
    /// Belongs to no connection and begins none.
    Invalid,
}

/// The set of connection states of a rule, and whether the destination was translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CtStates(u8);

impl CtStates {
    pub const INVALID: CtStates = CtStates(1);
    pub const NEW: CtStates = CtStates(2);
    pub const RELATED: CtStates = CtStates(4);
    pub const ESTABLISHED: CtStates = CtStates(8);
    /// A virtual state of iptables: the destination of the connection was translated.
    pub const DNAT: CtStates = CtStates(16);

    pub const fn or(self, other: CtStates) -> CtStates {
        CtStates(self.0 | other.0)
    }

    pub fn has(self, other: CtStates) -> bool {
        self.0 & other.0 != 0
    }

    /// The names in the order in which iptables prints them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(CtStates, &str); 5] = [
            (CtStates::INVALID, "INVALID"),
            (CtStates::NEW, "NEW"),
            (CtStates::RELATED, "RELATED"),
            (CtStates::ESTABLISHED, "ESTABLISHED"),
            (CtStates::DNAT, "DNAT"),
        ];
        NAMES.into_iter().filter(move |(state, _)| self.has(*state)).map(|(_, name)| name)
    }
}

impl From<CtState> for CtStates {
    fn from(state: CtState) -> CtStates {
        match state {
            CtState::New => CtStates::NEW,
            CtState::Established => CtStates::ESTABLISHED,
            CtState::Related => CtStates::RELATED,
            CtState::Invalid => CtStates::INVALID,
        }
    }
}

/// The chance that one of several equal candidates is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probability {
    among: u32,
    threshold: u32,
}

impl Probability {
    /// One of `among`.
    pub fn one_of(among: u32) -> Probability {
        let among = among.max(1);
        let written = (1e10 / f64::from(among)).round() / 1e10;
        Probability { among, threshold: (written * f64::from(0x8000_0000_u32)).round() as u32 }
    }

    /// As the kernel keeps it: below this, a draw of thirty-one bits matches (`xt_statistic`, from the ten decimals that
    /// kube-proxy writes).
    pub fn threshold(self) -> u32 {
        self.threshold
    }

    pub fn among(self) -> u32 {
        self.among
    }

    /// As a fraction of one.
    pub fn value(self) -> f64 {
        1.0 / f64::from(self.among)
    }
}

/// The side of a packet that a match looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    Destination,
}

/// How a set is asked: the fields of the packet, in the order of the set's own fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKey {
    /// The destination port (with the protocol of the set): `dst` of a `bitmap:port`.
    Port,
    /// Destination address: `dst` of a `hash:ip`.
    Ip,
    /// Destination address and port: `dst,dst`.
    IpPort,
    /// Source address and destination port: `src,dst`.
    SourceIpPort,
    /// Destination address and port, source address or network: `dst,dst,src`.
    IpPortSource,
}

impl SetKey {
    pub fn directions(self) -> &'static str {
        match self {
            SetKey::Port | SetKey::Ip => "dst",
            SetKey::IpPort => "dst,dst",
            SetKey::SourceIpPort => "src,dst",
            SetKey::IpPortSource => "dst,dst,src",
        }
    }
}

/// One condition of a rule. A rule matches when all of them do; they stand in the order in which kube-proxy writes them.
#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    /// Always true.
    Comment(SmolStr),
    /// A comment that large clusters leave out.
    EndpointComment(SmolStr),
    /// With the protocol's own match (`-m tcp -p tcp`).
    Protocol(Protocol),
    /// The protocol alone (`-p tcp`).
    Layer4(Protocol),
    Source {
        peer: Peer,
        not: bool,
    },
    Destination {
        peer: Peer,
        not: bool,
    },
    /// The source is in one of several networks, or in none of them (nftables' anonymous sets).
    SourceIn {
        peers: Vec<Peer>,
        not: bool,
    },
    /// The destination is in one of several networks.
    DestinationIn {
        peers: Vec<Peer>,
    },
    DestinationPort(u16),
    /// The address is one of the node's own (`addrtype … LOCAL`, `fib … type local`).
    Local {
        side: Side,
        not: bool,
    },
    /// `mark & mask == mask`, or not.
    Mark {
        mask: u32,
        not: bool,
    },
    Ct {
        states: CtStates,
        not: bool,
    },
    Random(Probability),
    /// The source has been put into `list` within `seconds` (`recent --rcheck`, a set with timeouts).
    Remembered {
        list: SmolStr,
        seconds: u32,
    },
    /// Puts the source into `list`; always true (`recent --set`, `update @set`).
    Remember {
        list: SmolStr,
        seconds: u32,
    },
    /// The packet is in a set of the program.
    InSet {
        set: Space,
        key: SetKey,
    },
    /// The packet goes to a real server of this virtual server of ipvs (`ipvs --vaddr …`).
    Virtual {
        ip: IpAddr,
        protocol: Protocol,
        port: u16,
    },
    /// The packet did not come in through a port of a bridge (`physdev ! --physdev-is-in`). Pods hang on routed interfaces of
    /// their own here, so this is always true.
    NotBridged,
}

/// A place that services fill: a chain that collects one rule or more a service port, a map or a set of nftables, an ipset,
/// the table of virtual servers. What it is called is up to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(pub u8);

/// A chain, seen from a rule: one of the program's fixed chains, or one of the same service port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChainRef {
    Fixed(u8),
    Own(u16),
}

/// What a rule that matches does.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Nothing: a rule without `-j`.
    Continue,
    Jump(ChainRef),
    /// Like a jump, but the end of that chain is the end of this one too.
    Goto(ChainRef),
    Return,
    Accept,
    Drop,
    /// Answers with "port unreachable" (a TCP client sees a refused connection).
    Reject,
    OrMark(u32),
    XorMark(u32),
    /// Changes the destination.
    Dnat {
        ip: IpAddr,
        port: u16,
    },
    /// Changes the source to the address of the outgoing interface.
    Masquerade {
        random_fully: bool,
    },
    /// Looks the destination up in a verdict map (nftables).
    Verdicts {
        map: Space,
    },
    /// Takes one of several chains with equal chance (nftables' `numgen random mod N vmap`).
    OneOf(Vec<ChainRef>),
}

/// The conditions of a rule. Most rules are those of endpoints, and have two: these take no memory of their own.
pub type Matches = SmallVec<[Match; 2]>;

/// One rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub matches: Matches,
    pub target: Target,
    pub because: Because,
}

impl Rule {
    pub fn new(matches: impl IntoIterator<Item = Match>, target: Target, because: Because) -> Rule {
        Rule { matches: matches.into_iter().collect(), target, because }
    }

    pub fn comment(&self) -> Option<&SmolStr> {
        self.matches.iter().find_map(|m| match m {
            Match::Comment(text) | Match::EndpointComment(text) => Some(text),
            _ => None,
        })
    }
}

/// A chain and its rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    pub name: SmolStr,
    pub rules: Vec<Rule>,
}

/// The field that a rule stands for. Compact and cheap to clone; [`Because::field`] spells it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Because {
    object: Option<Arc<ObjectKey>>,
    list: &'static str,
    index: u16,
    rest: &'static str,
}

/// In place of an index: the path is no list item.
const NO_INDEX: u16 = u16::MAX;

impl Because {
    /// A field of an object: `spec.sessionAffinity`.
    pub fn field_of(object: &Arc<ObjectKey>, path: &'static str) -> Because {
        Because { object: Some(object.clone()), list: path, index: NO_INDEX, rest: "" }
    }

    /// An item of a list, or a field in it: `spec.ports[1].targetPort`, `endpoints[2]`.
    pub fn item_of(object: &Arc<ObjectKey>, list: &'static str, index: usize, rest: &'static str) -> Because {
        let index = u16::try_from(index).unwrap_or(NO_INDEX);
        Because { object: Some(object.clone()), list, index, rest }
    }

    /// The list that an item stands in: `endpoints`.
    pub fn whole_list(self) -> Because {
        Because { index: NO_INDEX, rest: "", ..self }
    }

    /// A setting of kube-proxy itself: a field of its configuration.
    pub fn setting(path: &'static str) -> Because {
        Because { object: None, list: path, index: NO_INDEX, rest: "" }
    }

    /// The object and the path. Rules that kube-proxy writes whatever the Services say name its configuration.
    pub fn field(&self) -> FieldRef {
        let path = match (self.index, self.rest) {
            (NO_INDEX, _) => SmolStr::new_static(self.list),
            (index, "") => format_smolstr!("{}[{index}]", self.list),
            (index, rest) => format_smolstr!("{}[{index}].{rest}", self.list),
        };
        let object = match &self.object {
            Some(object) => (**object).clone(),
            None => ObjectKey::new("KubeProxyConfiguration", "", "kube-proxy"),
        };
        FieldRef { object, path: FieldPath(path) }
    }

    /// The object, unless it is kube-proxy's own configuration.
    pub fn object(&self) -> Option<&ObjectKey> {
        self.object.as_deref()
    }
}
