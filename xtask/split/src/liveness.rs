//! Which locals are still read after a point of a function.

use std::collections::{BTreeSet, HashMap};

use wasmparser::Operator;

use crate::body::{Body, Node, Seq};

pub type Locals = BTreeSet<u32>;

#[derive(Default)]
pub struct Liveness {
    /// The locals read later, before each node's first instruction and before each `end` and `else`.
    pub before: HashMap<usize, Locals>,
    /// The locals read later where a branch to a block (by its first instruction) arrives.
    pub arriving: HashMap<usize, Locals>,
}

/// Works backwards through a function; loops are gone through until nothing changes.
pub fn liveness(body: &Body) -> Liveness {
    let mut liveness = Liveness::default();
    let end = body.ops.len() - 1;
    liveness.before.insert(end, Locals::new());
    liveness.sequence(body, &body.tree, Locals::new(), &mut Vec::new());
    liveness
}

impl Liveness {
    /// `labels` are the blocks around, the innermost last. Returns what is live before the sequence.
    fn sequence(&mut self, body: &Body, seq: &Seq, after: Locals, labels: &mut Vec<usize>) -> Locals {
        let mut live = after;
        for node in seq.iter().rev() {
            match node {
                Node::Op(op) => self.op(body, *op, &mut live, labels),
                Node::Block { start, body: inner, other, end } => {
                    self.before.insert(*end, live.clone());
                    live = match body.ops[*start].operator {
                        Operator::Loop { .. } => self.looping(body, *start, inner, live, labels),
                        Operator::If { .. } => {
                            self.arriving.insert(*start, live.clone());
                            labels.push(*start);
                            let mut before = match other {
                                Some((otherwise, seq)) => {
                                    self.before.insert(*otherwise, live.clone());
                                    self.sequence(body, seq, live.clone(), labels)
                                }
                                None => live.clone(),
                            };
                            before.extend(self.sequence(body, inner, live, labels));
                            labels.pop();
                            before
                        }
                        _ => {
                            self.arriving.insert(*start, live.clone());
                            labels.push(*start);
                            let before = self.sequence(body, inner, live, labels);
                            labels.pop();
                            before
                        }
                    };
                }
            }
            self.before.insert(node.first(), live.clone());
        }
        live
    }

    fn looping(&mut self, body: &Body, start: usize, inner: &Seq, after: Locals, labels: &mut Vec<usize>) -> Locals {
        self.arriving.entry(start).or_default();
        labels.push(start);
        loop {
            let before = self.sequence(body, inner, after.clone(), labels);
            let known = self.arriving.get_mut(&start).expect("it was put there above");
            let size = known.len();
            known.extend(&before);
            if known.len() == size {
                labels.pop();
                return before;
            }
        }
    }

    fn op(&self, body: &Body, op: usize, live: &mut Locals, labels: &[usize]) {
        let label = |depth: u32| -> Option<&Locals> {
            let block = labels.len().checked_sub(1 + depth as usize)?;
            self.arriving.get(&labels[block])
        };
        match &body.ops[op].operator {
            Operator::LocalGet { local_index } => {
                live.insert(*local_index);
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                live.remove(local_index);
            }
            Operator::Br { relative_depth } => *live = label(*relative_depth).cloned().unwrap_or_default(),
            Operator::BrIf { relative_depth } => live.extend(label(*relative_depth).into_iter().flatten()),
            Operator::BrTable { targets } => {
                live.clear();
                for depth in targets.targets().flatten().chain([targets.default()]) {
                    live.extend(label(depth).into_iter().flatten());
                }
            }
            Operator::Return | Operator::Unreachable => live.clear(),
            _ => {}
        }
    }
}
