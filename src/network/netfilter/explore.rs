//! All that can become of a packet that begins a connection, whatever the lots say: every possible destination, refusals,
//! and whether some way leads through masquerade.
//!
//! Upstream: the packet tracers in kube-proxy's own tests, with their simplifications: what depends on earlier packets
//! (affinity, marks) is taken not to match, one node is looked at, and after a translation the chains that follow see the
//! first possible address with the port that was dialled.

use super::ask::{Ask, Search};
use super::passage::{LocalAddresses, Passage};
use super::program::{Chunk, Content, FixedChain, Part, Program, Stage};
use super::rule::{Chain, ChainRef, CtStates, Match, Rule, Space, Table, Target};
use crate::network::packet::Packet;
use std::net::SocketAddr;

/// One thing that can become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Possible {
    /// Its destination becomes this.
    To(SocketAddr),
    Accept,
    Drop,
    Reject,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// In the order in which rules name them. Empty: the rules leave the packet alone.
    pub possible: Vec<Possible>,
    /// Whether at least one way gives the packet another source.
    pub masquerade: bool,
}

impl Program {
    /// What the rules can do to a packet that reaches the node (or starts on it).
    pub fn explore(&self, packet: Packet, local: &LocalAddresses) -> Outcomes {
        let ask = Ask { program: self, local, search: Search::Indexed };
        let passage = Passage::new(packet);
        let (outcomes, table) = (Outcomes::default(), Table::Nat);
        let mut explorer = Explorer { ask, passage, outcomes, table, leaving: false };
        for stage in &self.frame.survey {
            let before = explorer.outcomes.possible.len();
            match stage {
                Stage::Chain { chain, last } => {
                    let Some(chain) = self.frame.chains.get(usize::from(*chain)) else { continue };
                    let done = explorer.fixed(chain, 0);
                    if done && *last {
                        break;
                    }
                }
                Stage::Input { chain } => {
                    let Some(chain) = self.frame.chains.get(usize::from(*chain)) else { continue };
                    if ask.is_local(&explorer.passage.packet.dst.ip()) && explorer.fixed(chain, 0) {
                        break;
                    }
                }
                Stage::Servers => explorer.servers(),
                Stage::Leave { chain } => {
                    let Some(chain) = self.frame.chains.get(usize::from(*chain)) else { continue };
                    explorer.leave(chain);
                    continue;
                }
            }
            if let Some(Possible::To(to)) = explorer.outcomes.possible.get(before) {
                explorer.passage.packet.dst.set_ip(to.ip());
                explorer.passage.dnat = true;
            }
        }
        explorer.outcomes
    }
}

struct Explorer<'p, 'c> {
    ask: Ask<'p, 'c>,
    passage: Passage,
    outcomes: Outcomes,
    /// The table of the fixed chain at hand: ACCEPT decides something in filter alone.
    table: Table,
    /// Whether the packet leaves the node; only then the mark is looked at.
    leaving: bool,
}

const DEPTH: u8 = 16;

/// Each method says whether the packet's way certainly ends there.
impl<'p> Explorer<'p, '_> {
    fn fixed(&mut self, chain: &'p FixedChain, depth: u8) -> bool {
        self.table = chain.table;
        for part in &chain.parts {
            match part {
                Part::Rule(rule) | Part::IfAny(_, rule) => match self.rule(rule, None, depth) {
                    Some(done) => return done,
                    None => continue,
                },
                Part::Collected(space) => {
                    if let Some(done) = self.collected(*space, depth) {
                        return done;
                    }
                }
            }
        }
        false
    }

    fn collected(&mut self, space: Space, depth: u8) -> Option<bool> {
        for chunk in self.ask.candidates(space, &self.passage) {
            for content in chunk.entries(space) {
                let Content::Rule(rule) = content else { continue };
                if let Some(done) = self.rule(rule, Some(chunk), depth) {
                    return Some(done);
                }
            }
        }
        None
    }

    fn own(&mut self, chain: &'p Chain, chunk: &'p Chunk, depth: u8) -> bool {
        for rule in &chain.rules {
            if let Some(done) = self.rule(rule, Some(chunk), depth) {
                return done;
            }
        }
        false
    }

    fn enter(&mut self, to: ChainRef, chunk: Option<&'p Chunk>, depth: u8) -> bool {
        if depth >= DEPTH {
            return false;
        }
        match to {
            ChainRef::Fixed(i) => {
                self.ask.program.frame.chains.get(usize::from(i)).is_some_and(|chain| self.fixed(chain, depth + 1))
            }
            ChainRef::Own(i) => chunk.is_some_and(|chunk| {
                let chain = chunk.rules().chains.get(usize::from(i));
                chain.is_some_and(|chain| self.own(chain, chunk, depth + 1))
            }),
        }
    }

    /// `None`: on to the next rule. `Some(false)`: this chain ends, its caller goes on.
    fn rule(&mut self, rule: &'p Rule, chunk: Option<&'p Chunk>, depth: u8) -> Option<bool> {
        let mut by_lot = false;
        for condition in &rule.matches {
            match condition {
                Match::Random(_) => by_lot = true,
                Match::Remember { .. } => {}
                condition => {
                    if !self.holds(condition) {
                        return None;
                    }
                }
            }
        }
        let outcome = match &rule.target {
            Target::Continue | Target::XorMark(_) => return None,
            Target::OrMark(_) => {
                self.outcomes.masquerade = true;
                return None;
            }
            Target::Jump(to) => {
                let done = self.enter(*to, chunk, depth);
                // When it was a lot that led there, the others are possible too.
                return (done && !by_lot).then_some(true);
            }
            Target::Goto(to) => return Some(self.enter(*to, chunk, depth)),
            Target::Return => return Some(false),
            Target::Masquerade { .. } => {
                self.outcomes.masquerade = true;
                return Some(true);
            }
            Target::Verdicts { map } => {
                for chunk in self.ask.candidates(*map, &self.passage) {
                    for content in chunk.entries(*map) {
                        let Content::Rule(element) = content else { continue };
                        if element.matches.iter().all(|m| self.holds(m)) {
                            return self.rule(element, Some(chunk), depth);
                        }
                    }
                }
                return None;
            }
            Target::OneOf(chains) => {
                let mut done = !chains.is_empty();
                for to in chains {
                    done &= self.enter(*to, chunk, depth);
                }
                return Some(done);
            }
            Target::Dnat { ip, port } => Possible::To(SocketAddr::new(*ip, *port)),
            Target::Accept if self.table == Table::Nat => return Some(true),
            Target::Accept => Possible::Accept,
            Target::Drop => Possible::Drop,
            Target::Reject => Possible::Reject,
        };
        self.outcomes.possible.push(outcome);
        Some(true)
    }

    fn holds(&self, condition: &Match) -> bool {
        match condition {
            Match::Ct { states, not } => states.has(CtStates::NEW) != *not,
            Match::Mark { not, .. } if self.leaving => self.outcomes.masquerade != *not,
            Match::Mark { .. } | Match::Remembered { .. } | Match::Random(_) => false,
            Match::Remember { .. } => true,
            condition => self.ask.holds(condition, &self.passage) == Some(true),
        }
    }

    /// Every real server of the destination's virtual server.
    fn servers(&mut self) {
        let Some(space) = self.ask.program.frame.servers() else { return };
        let packet = self.passage.packet;
        for chunk in self.ask.candidates(space, &self.passage) {
            for content in chunk.entries(space) {
                let Content::Server(server) = content else { continue };
                if !server.at(&packet.dst, packet.protocol) {
                    continue;
                }
                self.passage.virtual_server = Some(packet.dst);
                if server.real.is_empty() {
                    self.outcomes.possible.push(Possible::Reject);
                }
                self.outcomes.possible.extend(server.real.iter().map(|r| Possible::To(r.address())));
                return;
            }
        }
    }

    /// Runs the chain by which packets leave once for every possible destination.
    fn leave(&mut self, chain: &'p FixedChain) {
        let before = self.passage.packet.dst;
        self.leaving = true;
        for possible in self.outcomes.possible.clone() {
            if let Possible::To(to) = possible {
                self.passage.packet.dst = to;
                self.fixed(chain, 0);
            }
        }
        self.leaving = false;
        self.passage.packet.dst = before;
    }
}
