//! The stages of a trace: the rows that a person reads first. All that it takes to turn a name into an address is one stage,
//! however many questions the search list makes of it; every other hop is a stage of its own. Stages carry the numbers that
//! the screen shows.

use crate::arrange::set_of;
use crate::map::tone::{Phase, phase};
use crate::trace::{Exchange, StepKind, Trace};
use std::ops::Range;

/// One row: a hop, or all hops of a lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The hops, by their places in [`Trace::hops`]; never empty.
    pub hops: Range<usize>,
    /// Whether it is a lookup: then its hops fold into one row.
    pub lookup: bool,
}

impl Stage {
    /// The hop that tells what came of the stage: of a lookup the last answer, otherwise its only hop.
    pub fn telling(&self, trace: &Trace) -> usize {
        let answers = |i: &usize| {
            trace.hops[*i]
                .steps
                .iter()
                .any(|s| matches!(s.kind, StepKind::DnsAnswer { .. } | StepKind::DnsCached { .. }))
        };
        self.hops.clone().rev().find(answers).unwrap_or(self.hops.end - 1)
    }

    /// How many questions a lookup asked: exchanges with the DNS server, A and AAAA of one name counted once.
    pub fn questions(&self, trace: &Trace) -> usize {
        let names = trace.hops[self.hops.clone()].iter().flat_map(|h| &h.steps).filter_map(|s| match &s.kind {
            StepKind::DnsQuery { name, .. } => Some(name.trim_end_matches('.').to_string()),
            _ => None,
        });
        set_of(names).len()
    }

    /// The questions of a lookup one by one: the hops of each exchange. What comes before the first question is its own.
    pub fn exchanges(&self, trace: &Trace) -> Vec<(Exchange, Range<usize>)> {
        let mut list: Vec<(Exchange, Range<usize>)> = Vec::new();
        for i in self.hops.clone() {
            let exchange = trace.hops[i].exchange;
            match list.last_mut() {
                Some((last, range)) if *last == exchange => range.end = i + 1,
                _ => list.push((exchange, i..i + 1)),
            }
        }
        list
    }
}

/// The stages of a trace, in order; together they hold every hop once.
pub fn stages(trace: &Trace) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    for (i, hop) in trace.hops.iter().enumerate() {
        let lookup = phase(hop) == Phase::Dns;
        match stages.last_mut() {
            Some(last) if last.lookup && lookup => last.hops.end = i + 1,
            _ => stages.push(Stage { hops: i..i + 1, lookup }),
        }
    }
    // A lookup of a single hop (an address in /etc/hosts) has nothing to fold.
    for stage in &mut stages {
        stage.lookup &= stage.hops.len() > 1;
    }
    stages
}

/// The stage of a hop, by its place in the list.
pub fn stage_of(stages: &[Stage], hop: usize) -> usize {
    stages.partition_point(|s| s.hops.end <= hop).min(stages.len().saturating_sub(1))
}

/// The number of a hop as the screen shows it: that of its stage, and within a lookup its turn behind a point.
pub fn number(stages: &[Stage], hop: usize) -> String {
    let at = stage_of(stages, hop);
    match stages.get(at) {
        Some(stage) if stage.lookup => format!("{}.{}", at + 1, hop - stage.hops.start + 1),
        _ => (at + 1).to_string(),
    }
}
