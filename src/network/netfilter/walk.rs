//! The interpreter: a packet walks through the chains of a hook, rule by rule, as the kernel would take it.
//!
//! The walk changes the packet (marks, translated destination), asks and feeds the node's memory (affinity), draws lots from
//! the seeded source, and leaves a trail of the rules that matched. It allocates nothing but what the trail and the memory
//! keep, and both keep their room from packet to packet.

use super::ask::{Ask, Search};
use super::passage::{Context, Lot, Passage};
use super::program::{Chunk, Content, FixedChain, Hook, Part, PortName, Program, RealServer, VirtualServer};
use super::rule::{Because, Chain, ChainRef, CtState, CtStates, Match, Rule, Space, Table, Target};
use smol_str::SmolStr;
use std::net::SocketAddr;
use std::sync::Arc;

/// What becomes of a packet at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept,
    /// It is gone, silently.
    Drop,
    /// It is gone, and the sender is told "port unreachable".
    Reject,
}

/// A station of the trail.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit<'p> {
    pub table: Table,
    pub chain: &'p SmolStr,
    pub what: What<'p>,
    /// The service port whose rule it is; `None` for the rules that are always there.
    pub owner: Option<&'p PortName>,
    /// The lot that was drawn, in `[0, 1)`, when the rule draws one.
    pub draw: Option<f64>,
    /// Only a rule that draws a lot is noted when it does not match.
    pub matched: bool,
}

/// What was met.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What<'p> {
    Rule(&'p Rule),
    /// A virtual server of ipvs, and the real one that it chose; `None` when it has none.
    Server {
        server: &'p VirtualServer,
        real: Option<&'p RealServer>,
        persistent: bool,
    },
}

impl<'p> Hit<'p> {
    pub fn rule(&self) -> Option<&'p Rule> {
        match self.what {
            What::Rule(rule) => Some(rule),
            What::Server { .. } => None,
        }
    }

    pub fn because(&self) -> &'p Because {
        match self.what {
            What::Rule(rule) => &rule.because,
            What::Server { server, real, .. } => real.map_or(&server.because, |r| &r.because),
        }
    }
}

impl PartialEq for Chunk {
    fn eq(&self, other: &Chunk) -> bool {
        self.name == other.name && self.rules() == other.rules()
    }
}

impl Program {
    /// Runs a packet through the chains of a hook. The nat chains see only packets that begin a connection, as conntrack has
    /// it. At [`Hook::Input`] and [`Hook::Output`] ipvs takes its turn too, when the program has virtual servers.
    pub fn walk<'p>(
        &'p self,
        hook: Hook,
        passage: &mut Passage,
        context: &mut Context<'_>,
        trail: &mut Vec<Hit<'p>>,
    ) -> Verdict {
        self.search(Search::Indexed, hook, passage, context, trail)
    }

    /// The same by trying every rule of every service, one after the other. Slow; it is what [`Program::walk`] is held to.
    pub fn walk_linear<'p>(
        &'p self,
        hook: Hook,
        passage: &mut Passage,
        context: &mut Context<'_>,
        trail: &mut Vec<Hit<'p>>,
    ) -> Verdict {
        self.search(Search::Linear, hook, passage, context, trail)
    }

    fn search<'p>(
        &'p self,
        search: Search,
        hook: Hook,
        passage: &mut Passage,
        context: &mut Context<'_>,
        trail: &mut Vec<Hit<'p>>,
    ) -> Verdict {
        let ask = Ask { program: self, local: context.local, search };
        let mut walker = Walker { ask, context, trail };
        let mut asked_servers = hook != Hook::Output;
        for chain in self.frame.hooked(hook) {
            // ipvs takes the node's own packets between nat and filter.
            if !asked_servers && chain.table == Table::Filter {
                asked_servers = true;
                if let Some(verdict) = walker.servers(passage)
                    && verdict != Verdict::Accept
                {
                    return verdict;
                }
            }
            match walker.base(chain, passage) {
                Verdict::Accept => {}
                other => return other,
            }
        }
        if hook == Hook::Input
            && let Some(verdict) = walker.servers(passage)
        {
            if verdict != Verdict::Accept {
                return verdict;
            }
            // What ipvs sends on leaves through the filter's output chains.
            for chain in self.frame.hooked(Hook::Output).filter(|c| c.table == Table::Filter) {
                match walker.base(chain, passage) {
                    Verdict::Accept => {}
                    other => return other,
                }
            }
        }
        Verdict::Accept
    }
}

/// How a rule or a chain ends.
enum Flow {
    /// The next rule.
    Next,
    /// The end of this chain.
    Return,
    Done(Verdict),
}

/// Jumps may nest this deep; kube-proxy's reach five.
const DEPTH: u8 = 16;

struct Walker<'p, 'w, 'c> {
    ask: Ask<'p, 'w>,
    context: &'w mut Context<'c>,
    trail: &'w mut Vec<Hit<'p>>,
}

/// The chain that a rule stands in.
#[derive(Clone, Copy)]
struct At<'p> {
    table: Table,
    chain: &'p SmolStr,
    chunk: Option<&'p Chunk>,
    depth: u8,
}

impl<'p> Walker<'p, '_, '_> {
    fn base(&mut self, chain: &'p FixedChain, passage: &mut Passage) -> Verdict {
        if chain.table == Table::Nat && passage.state != CtState::New {
            return Verdict::Accept;
        }
        match self.fixed(chain, passage, 0) {
            Flow::Done(verdict) => verdict,
            // The policy of the built-in chains is ACCEPT.
            Flow::Next | Flow::Return => Verdict::Accept,
        }
    }

    fn fixed(&mut self, chain: &'p FixedChain, passage: &mut Passage, depth: u8) -> Flow {
        let at = At { table: chain.table, chain: &chain.name, chunk: None, depth };
        for part in &chain.parts {
            let flow = match part {
                Part::Rule(rule) | Part::IfAny(_, rule) => self.rule(at, rule, passage),
                Part::Collected(space) => self.collected(at, *space, passage),
            };
            if !matches!(flow, Flow::Next) {
                return flow;
            }
        }
        Flow::Return
    }

    fn collected(&mut self, at: At<'p>, space: Space, passage: &mut Passage) -> Flow {
        for chunk in self.ask.candidates(space, passage) {
            for content in chunk.entries(space) {
                let Content::Rule(rule) = content else { continue };
                let flow = self.rule(At { chunk: Some(chunk), ..at }, rule, passage);
                if !matches!(flow, Flow::Next) {
                    return flow;
                }
            }
        }
        Flow::Next
    }

    fn own(&mut self, at: At<'p>, chain: &'p Chain, passage: &mut Passage) -> Flow {
        let at = At { chain: &chain.name, ..at };
        for rule in &chain.rules {
            let flow = self.rule(at, rule, passage);
            if !matches!(flow, Flow::Next) {
                return flow;
            }
        }
        Flow::Return
    }

    /// Runs the chain that a rule names; its end is [`Flow::Return`].
    fn enter(&mut self, at: At<'p>, to: ChainRef, passage: &mut Passage) -> Flow {
        if at.depth >= DEPTH {
            return Flow::Return;
        }
        let depth = at.depth + 1;
        match to {
            ChainRef::Fixed(i) => match self.ask.program.frame.chains.get(usize::from(i)) {
                Some(chain) => self.fixed(chain, passage, depth),
                None => Flow::Return,
            },
            ChainRef::Own(i) => match at.chunk.and_then(|c| c.rules().chains.get(usize::from(i))) {
                Some(chain) => self.own(At { depth, ..at }, chain, passage),
                None => Flow::Return,
            },
        }
    }

    fn rule(&mut self, at: At<'p>, rule: &'p Rule, passage: &mut Passage) -> Flow {
        let mut draw = None;
        let matched = rule.matches.iter().all(|m| self.holds(m, passage, &mut draw));
        let hit = Hit {
            table: at.table,
            chain: at.chain,
            what: What::Rule(rule),
            owner: at.chunk.map(|c| &c.name),
            draw,
            matched,
        };
        if !matched {
            if draw.is_some() && self.context.misses {
                self.trail.push(hit);
            }
            return Flow::Next;
        }
        // A verdict map or a numbered choice says more once it has been asked.
        let place = self.trail.len();
        self.trail.push(hit);
        match &rule.target {
            Target::Continue => Flow::Next,
            Target::Jump(to) => match self.enter(at, *to, passage) {
                Flow::Done(verdict) => Flow::Done(verdict),
                Flow::Next | Flow::Return => Flow::Next,
            },
            Target::Goto(to) => self.enter(at, *to, passage),
            Target::Return => Flow::Return,
            Target::Accept => Flow::Done(Verdict::Accept),
            Target::Drop => Flow::Done(Verdict::Drop),
            Target::Reject => Flow::Done(Verdict::Reject),
            Target::OrMark(mark) => {
                passage.packet.mark |= mark;
                Flow::Next
            }
            Target::XorMark(mark) => {
                passage.packet.mark ^= mark;
                Flow::Next
            }
            Target::Dnat { ip, port } => {
                passage.packet.dst = SocketAddr::new(*ip, *port);
                passage.dnat = true;
                Flow::Done(Verdict::Accept)
            }
            Target::Masquerade { .. } => {
                passage.masquerade = true;
                Flow::Done(Verdict::Accept)
            }
            Target::Verdicts { map } => {
                for chunk in self.ask.candidates(*map, passage) {
                    for content in chunk.entries(*map) {
                        let Content::Rule(element) = content else { continue };
                        if element.matches.iter().all(|m| self.ask.holds(m, passage) == Some(true)) {
                            return self.rule(At { chunk: Some(chunk), ..at }, element, passage);
                        }
                    }
                }
                // Without an element the statement says nothing.
                self.trail.truncate(place);
                Flow::Next
            }
            Target::OneOf(chains) => {
                let lot = self.context.rng.u32(..);
                self.trail[place].draw = Some(f64::from(lot) / 4_294_967_296.0);
                let chosen = (u64::from(lot) * chains.len() as u64) >> 32;
                self.note(|| Lot::OneOf { of: chains.len() as u32, chosen: chosen as u32 });
                match chains.get(chosen as usize) {
                    Some(to) => self.enter(at, *to, passage),
                    None => Flow::Next,
                }
            }
        }
    }

    fn holds(&mut self, condition: &Match, passage: &Passage, draw: &mut Option<f64>) -> bool {
        match condition {
            Match::Mark { mask, not } => (passage.packet.mark & mask == *mask) != *not,
            Match::Ct { states, not } => {
                let has = states.has(CtStates::from(passage.state)) || (passage.dnat && states.has(CtStates::DNAT));
                has != *not
            }
            Match::Random(probability) => {
                let lot = self.context.rng.u32(..) & 0x7fff_ffff;
                *draw = Some(f64::from(lot) / 2_147_483_648.0);
                let threshold = probability.threshold();
                self.note_chance(probability.among(), lot < threshold);
                lot < threshold
            }
            Match::Remembered { list, seconds } => {
                let (source, seconds) = (passage.packet.src.ip(), *seconds);
                let found = self.context.memory.remembers(list, &source, seconds, self.context.now);
                self.note(|| Lot::Recalled { list: list.clone(), source, seconds, found });
                found
            }
            Match::Remember { list, .. } => {
                let source = passage.packet.src.ip();
                self.context.memory.remember(list, source, self.context.now);
                self.note(|| Lot::Listed { list: list.clone(), source });
                true
            }
            condition => self.ask.holds(condition, passage) == Some(true),
        }
    }

    /// Asks the virtual servers of ipvs. `None`: there is none for this destination.
    fn servers(&mut self, passage: &mut Passage) -> Option<Verdict> {
        let space = self.ask.program.frame.servers()?;
        // An open connection has its real server already.
        if passage.state != CtState::New || passage.virtual_server.is_some() || passage.packet.is_icmp() {
            return None;
        }
        let to = passage.packet.dst;
        let (chunk, server) = self.ask.candidates(space, passage).find_map(|chunk| {
            chunk.entries(space).find_map(|content| match content {
                Content::Server(s) if s.at(&to, passage.packet.protocol) => Some((chunk, s)),
                _ => None,
            })
        })?;
        let (real, persistent) = self.schedule(server, passage.packet.src);
        self.trail.push(Hit {
            table: Table::Nat,
            chain: &IPVS,
            what: What::Server { server, real, persistent },
            owner: Some(&chunk.name),
            draw: None,
            matched: true,
        });
        let Some(real) = real else { return Some(Verdict::Reject) };
        passage.virtual_server = Some(to);
        passage.packet.dst = SocketAddr::new(real.ip, real.port);
        passage.dnat = true;
        Some(Verdict::Accept)
    }

    fn schedule(&mut self, server: &'p VirtualServer, client: SocketAddr) -> (Option<&'p RealServer>, bool) {
        if server.real.is_empty() {
            return (None, false);
        }
        let (memory, now) = (&mut *self.context.memory, self.context.now);
        let (place, persistent) = memory.pick(server, client, 0, self.context.flows, now);
        if !persistent && server.scheduler.by_locality() {
            memory.keep(server, place, self.context.flows, now);
        }
        let client = client.ip();
        memory.give(server, client, (place, persistent), now);
        self.note(|| Lot::Given { server: Arc::new(server.clone()), client, place, persistent });
        (server.real.get(place), persistent)
    }

    fn note_chance(&mut self, among: u32, matches: bool) {
        let Some(lots) = &mut self.context.lots else { return };
        match lots.last_mut() {
            Some(Lot::Chances { first, drawn, taken: taken @ false }) if *first == among + *drawn => {
                *drawn += 1;
                *taken = matches;
            }
            _ => lots.push(Lot::Chances { first: among, drawn: 1, taken: matches }),
        }
    }

    fn note(&mut self, lot: impl FnOnce() -> Lot) {
        if let Some(lots) = &mut self.context.lots {
            lots.push(lot());
        }
    }
}

/// What stands for the chain of a virtual server.
static IPVS: SmolStr = SmolStr::new_static("ipvs");
