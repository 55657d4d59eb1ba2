//! The recorder of a run: it gathers hops and steps while the interpreter walks, and keeps the clock. Switched off, it keeps
//! the clock alone, so that counting a million requests runs the same interpreter.

use super::step::{Direction, Exchange, Hop, Place, Step, StepKind};
use super::tape::Tape;
use crate::api::object::FieldRef;
use crate::api::time::Duration;
use crate::network::packet::Packet;

pub(super) struct Recorder {
    pub on: bool,
    /// Whether the hops are kept even without their steps.
    pub places: bool,
    /// Whether anything has happened in the last hop.
    alive: bool,
    pub hops: Vec<Hop>,
    /// Time since the request began.
    pub clock: Duration,
    pub exchange: Exchange,
    pub direction: Direction,
    /// What the conversation at hand is about: the fields of steps that have no nearer ones.
    pub about: Vec<FieldRef>,
    /// The field behind the address translation of the conversation at hand.
    pub translated: Vec<FieldRef>,
    /// What the next request like this one may meet differently, when somebody wants to know.
    pub tape: Option<Box<Tape>>,
}

impl Recorder {
    pub fn new(on: bool) -> Recorder {
        Recorder {
            on,
            places: on,
            alive: false,
            hops: Vec::new(),
            clock: Duration::ZERO,
            exchange: Exchange::Connection,
            direction: Direction::Request,
            about: Vec::new(),
            translated: Vec::new(),
            tape: None,
        }
    }

    /// Begins a stay at a place. A stay in which nothing happens leaves no trace.
    pub fn enter(&mut self, at: impl FnOnce() -> Place, packet: Option<Packet>) {
        if !self.places {
            return;
        }
        let hop = Hop { exchange: self.exchange, direction: self.direction, at: at(), packet, steps: Vec::new() };
        match self.hops.last_mut() {
            Some(last) if !self.alive => *last = hop,
            _ => self.hops.push(hop),
        }
        self.alive = false;
    }

    /// Something happens, which only a full account tells.
    pub fn happens(&mut self) {
        self.alive = true;
    }

    /// Goes on at the place where the last hop was, if it is the same conversation; otherwise begins a stay there.
    pub fn stay(&mut self, at: impl FnOnce() -> Place, packet: Option<Packet>) {
        if !self.places {
            return;
        }
        let place = at();
        let same = self.hops.last().is_some_and(|h| {
            h.at == place && h.exchange == self.exchange && h.direction == self.direction && h.packet == packet
        });
        if !same {
            self.enter(|| place, packet);
        }
    }

    pub fn step(&mut self, make: impl FnOnce() -> (StepKind, Vec<FieldRef>)) {
        self.alive = true;
        if !self.on {
            return;
        }
        let (kind, mut because) = make();
        match kind {
            StepKind::Dnat { .. } | StepKind::Snat { .. } => self.translated.extend(because.first().cloned()),
            StepKind::Translated { .. } | StepKind::ConntrackHit { .. } if because.is_empty() => {
                because.clone_from(&self.translated);
            }
            _ => {}
        }
        if because.is_empty() {
            because.clone_from(&self.about);
        }
        if let Some(hop) = self.hops.last_mut() {
            hop.steps.push(Step { at: self.clock, kind, because });
        }
    }

    /// Takes something down on the tape.
    pub fn note(&mut self, note: impl FnOnce(&mut Tape)) {
        if let Some(tape) = &mut self.tape {
            note(tape);
        }
    }

    /// The next request may go another way for a reason that no mark tells.
    pub fn spoil(&mut self) {
        self.note(|tape| tape.spoiled = true);
    }

    pub fn spend(&mut self, time: Duration) {
        self.clock = self.clock + time;
    }

    /// The hops, without a last one in which nothing happened.
    pub fn finish(mut self) -> Vec<Hop> {
        if !self.alive {
            self.hops.pop();
        }
        self.hops
    }
}
