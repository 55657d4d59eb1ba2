//! Packet filters of the Linux kernel as data, and the machine that runs packets through them: iptables' filter and nat
//! tables, nftables' chains with verdict maps, ipsets and ipvs' virtual servers, all by one interpreter.
//!
//! Upstream: netfilter, `xt_*` matches and targets, nf_tables, ip_set, ip_vs, as far as kube-proxy uses them. Left out: the
//! mangle and raw tables (kube-proxy leaves them empty), counters, matches by interface, and tables of other programs.

mod ask;
mod explore;
pub mod iptables_text;
pub mod ipvs_text;
pub mod nft_text;
mod passage;
mod program;
mod rule;
mod tell;
mod walk;

pub use explore::{Outcomes, Possible};
pub use passage::{Context, Load, LocalAddresses, Lot, Memory, Passage};
pub use program::{
    BaseHook, Chunk, Content, Entry, FixedChain, Frame, Hook, Key, Member, Part, PortName, Program, RealServer, Rules,
    Scheduler, SpaceInfo, SpaceKind, Stage, Syntax, VirtualServer,
};
pub use rule::{
    Because, Chain, ChainRef, CtState, CtStates, Match, Peer, Probability, Rule, SetKey, Side, Space, Table, Target,
};
pub use walk::{Hit, Verdict, What};
