//! A request that was sent, with the lines behind what happened, and how long its animation takes.

use giljabi::api::object::FieldRef;
use giljabi::map::{Phase, Stage, Tone, of_hop, phase};
use giljabi::text::Span;
use giljabi::trace::Trace;
use giljabi::workspace::Workspace;
use std::collections::{BTreeMap, BTreeSet};

/// A line of a file that a field stands on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineRef {
    pub file: String,
    /// From one.
    pub line: u32,
    pub span: Span,
    pub field: FieldRef,
}

/// A line that was typed into a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub shell: usize,
    /// The number of the command in its terminal.
    pub command: usize,
    pub text: String,
}

/// A request that was sent.
pub struct Sent {
    pub trace: Trace,
    /// The line that sent it, if it came from a terminal.
    pub typed: Option<Typed>,
    /// The lines behind each hop.
    pub lines: Vec<Vec<LineRef>>,
    /// Where each field stands that is behind a step.
    pub written: BTreeMap<FieldRef, (String, u32)>,
    /// The lines to look at when it failed, the one to mend first.
    pub to_mend: Vec<LineRef>,
    /// Which edit it was sent after.
    pub edit: usize,
    /// Running number.
    pub number: usize,
}

impl Sent {
    /// A request that was sent through a workspace's cluster, with the lines behind what happened.
    pub fn of(workspace: &Workspace, trace: Trace, typed: Option<Typed>, edit: usize, number: usize) -> Sent {
        let line = |field: &FieldRef| line_in(workspace, field);
        let mut written = BTreeMap::new();
        for field in trace.hops.iter().flat_map(|hop| &hop.steps).flat_map(|step| &step.because) {
            if !written.contains_key(field)
                && let Some(at) = line(field)
            {
                written.insert(field.clone(), (at.file, at.line));
            }
        }
        let mut lines: Vec<Vec<LineRef>> = trace
            .hops
            .iter()
            .map(|hop| {
                let mut lines: Vec<LineRef> = hop.steps.iter().flat_map(|s| &s.because).filter_map(line).collect();
                let mut seen = BTreeSet::new();
                lines.retain(|l| seen.insert((l.file.clone(), l.line)));
                lines
            })
            .collect();
        let mut seen = BTreeSet::new();
        let to_mend: Vec<LineRef> = trace
            .outcome
            .failure()
            .map(|f| f.because.iter().filter_map(line).filter(|l| seen.insert((l.file.clone(), l.line))).collect())
            .unwrap_or_default();
        // The hop at which it fails is about the lines to mend before all others.
        if let Some(failing) = trace.hops.iter().position(|hop| of_hop(hop) == Tone::Bad) {
            let own = std::mem::replace(&mut lines[failing], to_mend.clone());
            lines[failing]
                .extend(own.into_iter().filter(|l| !to_mend.iter().any(|m| m.file == l.file && m.line == l.line)));
        }
        Sent { trace, typed, lines, written, to_mend, edit, number }
    }
}

/// The line of a workspace's files that a field stands on.
pub fn line_in(workspace: &Workspace, field: &FieldRef) -> Option<LineRef> {
    let at = workspace.locate(field)?;
    let line = workspace.line(&at.file, at.span.start)?;
    Some(LineRef { file: at.file.to_string(), line, span: at.span, field: field.clone() })
}

/// How long each hop is shown, in milliseconds: a name's many questions quickly, a change of addresses slowly enough to read.
/// A whole request is seen within ten seconds.
pub fn beats(trace: &Trace) -> Vec<f64> {
    let names = trace.hops.iter().filter(|h| phase(h) == Phase::Dns).count().max(1) as f64;
    let name_beat = (1_800.0 / names).clamp(60.0, 420.0);
    let last = trace.hops.len().saturating_sub(1);
    let beat = |(i, hop): (usize, &giljabi::trace::Hop)| {
        let changes = hop.steps.iter().any(|s| s.kind.change().is_some());
        match phase(hop) {
            Phase::Dns => name_beat,
            _ if i == last || of_hop(hop) == Tone::Bad => 1_000.0,
            Phase::Reply => 550.0,
            _ if changes => 1_300.0,
            _ => 700.0,
        }
    };
    let beats: Vec<f64> = trace.hops.iter().enumerate().map(beat).collect();
    let shrink = (9_000.0 / beats.iter().sum::<f64>().max(1.0)).min(1.0);
    beats.into_iter().map(|beat| beat * shrink).collect()
}

/// The last hop of each row; of every hop of a lookup that is unfolded.
pub fn stops(stages: &[Stage], open: bool) -> Vec<usize> {
    stages.iter().flat_map(|s| if open { s.hops.clone() } else { s.hops.end - 1..s.hops.end }).collect()
}
