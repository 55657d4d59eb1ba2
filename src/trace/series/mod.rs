//! Requests that are alike: the same client asks for the same thing, again and again.
//!
//! Most of what such requests meet is the same each time; what is not can be named: source ports, lots, memories of kernels,
//! tuples that a conntrack may know. The interpreter runs once for every way that a request can take, and keeps a tape of
//! those. The tapes make a tree (`tree`) that the following requests are walked down: they draw the same lots from the
//! same source in the same order, take the same ports, ask and feed the same memories, and leave the same flows behind. Where
//! the tree does not know, where a tuple is taken, or where anything else is not as it was, the interpreter runs itself. So a
//! series ends as single requests do, to the byte; that is tested.
//!
//! A request that was walked is a [`Sent`]: who answered, how it ended and by which places it went stand in it. Its whole trace
//! is told when somebody reads it, by the interpreter, from the lots and ports that were its own.

mod leaf;
mod tree;

pub use leaf::{Sent, Stop};

use super::Trace;
use super::outcome::Outcome;
use super::request::Request;
use super::run::World;
use super::send::{send, send_quietly, send_taped};
use super::tape::Tape;
use crate::api::time::{Duration, Time};
use crate::apiserver::store::Store;
use crate::network::Network;
use crate::runtime::Runtime;
use leaf::Leaf;
use std::sync::Arc;
use tree::{Came, Tree, Walked};

/// Requests of one client to one place.
#[derive(Clone, Debug)]
pub struct Series {
    request: Request,
    known: Option<Known>,
}

/// What has been learnt of a world.
#[derive(Clone, Debug)]
struct Known {
    still: Arc<Still>,
    tree: Tree,
    /// The last request that was walked; kept for its room.
    walked: Walked,
    /// Requests that taught nothing, in a row.
    in_vain: u32,
}

/// The world that a series goes through, as far as requests do not change it.
#[derive(Debug)]
struct Still {
    request: Request,
    store: Store,
    /// Without flows and memories.
    network: Network,
    runtime: Runtime,
    now: Time,
}

/// More requests than this that teach nothing, and tapes are no longer kept.
const PATIENCE: u32 = 64;

/// How a request of a series went.
pub(super) enum Went {
    /// By a way that is known: the place of its leaf.
    Known(u32),
    New(Outcome, Duration),
}

impl Series {
    pub fn new(request: Request) -> Series {
        Series { request, known: None }
    }

    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Sends the next request. What the world remembers afterwards is what [`send`] would have left behind.
    pub fn send(&mut self, world: &mut World<'_>) -> Sent {
        let known = self.look_at(world);
        let mut came = known.tree.walk(world, &mut known.walked);
        if came == Came::Astray && known.in_vain <= PATIENCE && known.explore(world) {
            came = known.tree.walk(world, &mut known.walked);
        }
        if came == Came::Through {
            known.tree.settle(&known.walked, world);
            return known.tree.sent(&known.walked, known.still.clone());
        }
        let still = known.still.clone();
        Sent::told(send(world, &still.request), world)
    }

    /// Makes sure that what is known is about this world. Nothing but the series may change the world before the next look.
    fn look_at(&mut self, world: &World<'_>) -> &mut Known {
        if self.known.as_ref().is_some_and(|known| !known.still.is_of(world)) {
            self.known = None;
        }
        let request = &self.request;
        self.known.get_or_insert_with(|| Known {
            still: Arc::new(Still::of(world, request)),
            tree: Tree::default(),
            walked: Walked::default(),
            in_vain: 0,
        })
    }

    /// Sends up to `count` requests one after the other, untold, and says of each how it went.
    pub(super) fn run(&mut self, world: &mut World<'_>, count: u64, mut each: impl FnMut(&World<'_>, Went)) {
        let known = self.look_at(world);
        for _ in 0..count {
            let went = known.next(world);
            each(world, went);
        }
    }

    /// The leaf of a way that is known.
    pub(super) fn leaf(&self, place: u32) -> Option<&Leaf> {
        self.known.as_ref()?.tree.leaf(place)
    }
}

impl Known {
    /// Tries where the next request would go, in a world without flows, and learns the way. False: it is none that could be
    /// walked down.
    fn explore(&mut self, world: &World<'_>) -> bool {
        let still = self.still.clone();
        let (mut network, mut runtime, mut random) =
            (still.network.clone(), still.runtime.clone(), world.random.clone());
        network.take_memories(world.network);
        let mut dry = World {
            store: &still.store,
            network: &mut network,
            runtime: &mut runtime,
            random: &mut random,
            now: world.now,
        };
        let (trace, tape) = send_taped(&mut dry, &still.request, true);
        self.learn(&trace, tape, &dry)
    }

    fn next(&mut self, world: &mut World<'_>) -> Went {
        let came = self.tree.walk(world, &mut self.walked);
        if came == Came::Through {
            self.tree.settle(&self.walked, world);
            return Went::Known(self.walked.leaf);
        }
        if came == Came::Blocked || self.in_vain > PATIENCE {
            let (outcome, took) = send_quietly(world, &self.still.request);
            return Went::New(outcome, took);
        }
        let (trace, tape) = send_taped(world, &self.still.request, false);
        self.learn(&trace, tape, world);
        let took = trace.ended.since(trace.started);
        Went::New(trace.outcome, took)
    }

    fn learn(&mut self, trace: &Trace, tape: Tape, world: &World<'_>) -> bool {
        let learnt = self.tree.learn(trace, tape, world);
        self.in_vain = if learnt { 0 } else { self.in_vain + 1 };
        learnt
    }
}

impl Still {
    fn of(world: &World<'_>, request: &Request) -> Still {
        let mut network = world.network.clone();
        network.forget_flows();
        Still {
            request: request.clone(),
            store: world.store.clone(),
            network,
            runtime: world.runtime.clone(),
            now: world.now,
        }
    }

    fn is_of(&self, world: &World<'_>) -> bool {
        self.now == world.now
            && self.store.is_same(world.store)
            && self.runtime.is_same(world.runtime)
            && self.network.is_derived_as(world.network)
    }
}
