//! What is looked at. Hop, YAML line, place, object, rule and terminal line are linked: looking at one lights the others.
//! Hovering previews, a click holds, Escape lets go; the cursor's line in the editor counts while nothing else is looked at.

use giljabi::api::object::{FieldRef, ObjectKey};
use giljabi::trace::{Hop, Place, StepKind};
use leptos::prelude::*;
use std::collections::BTreeSet;

use super::session::{LineRef, Sent};

/// One thing to look at.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// A hop of the shown trace.
    Hop(usize),
    Place(Place),
    Object(ObjectKey),
    /// A file's line, from one.
    Line(String, u32),
    /// A rule that a hop's packet matched, as its tool lists it.
    Rule(usize, String),
    /// A field that something stands for which no packet has met: the line it is written on, and the pod if it tells of one.
    Field {
        field: FieldRef,
        at: Option<(String, u32)>,
        pod: Option<ObjectKey>,
    },
    /// A line that was typed into a terminal: the terminal, and the number of the command in it.
    Command(usize, usize),
}

/// What is looked at now.
#[derive(Clone, Copy)]
pub struct Focus {
    pub hovered: RwSignal<Option<Target>>,
    pub held: RwSignal<Option<Target>>,
    pub cursor: RwSignal<Option<Target>>,
}

impl Focus {
    pub fn new() -> Focus {
        Focus { hovered: RwSignal::new(None), held: RwSignal::new(None), cursor: RwSignal::new(None) }
    }

    pub fn hover(self, target: Target) {
        self.hovered.set(Some(target));
    }

    pub fn leave(self) {
        self.hovered.set(None);
    }

    /// Holds a target; what is held already is let go.
    pub fn hold(self, target: Target) {
        self.held.update(|held| *held = if held.as_ref() == Some(&target) { None } else { Some(target) });
    }

    /// Lets go. False: nothing was held.
    pub fn release(self) -> bool {
        let held = self.held.get_untracked().is_some() || self.hovered.get_untracked().is_some();
        self.held.set(None);
        self.hovered.set(None);
        held
    }

    /// The editor's cursor stands in a line. Most keys leave it there, and that is no news for what is lit.
    pub fn stand(self, file: String, line: u32) {
        let target = Some(Target::Line(file, line));
        if self.cursor.with_untracked(|before| *before != target) {
            self.cursor.set(target);
        }
    }

    /// Hovered before held before the cursor.
    pub fn target(self) -> Option<Target> {
        self.hovered.get().or_else(|| self.held.get()).or_else(|| self.cursor.get())
    }
}

/// Everything that a target lights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lit {
    pub hops: BTreeSet<usize>,
    pub lines: BTreeSet<(String, u32)>,
    pub objects: BTreeSet<ObjectKey>,
    pub places: BTreeSet<Place>,
    /// Hops with the rules that their packets matched.
    pub rules: BTreeSet<(usize, String)>,
    /// Terminals with the commands that sent the request.
    pub commands: BTreeSet<(usize, usize)>,
}

impl Lit {
    /// What `target` lights, given the trace that is shown.
    pub fn of(target: Option<Target>, sent: Option<&Sent>) -> Lit {
        let mut lit = Lit::of_trace(target, sent);
        // What is about a hop is about the line that sent the request.
        if let Some(typed) = sent.and_then(|s| s.typed.as_ref()).filter(|_| !lit.hops.is_empty()) {
            lit.commands.insert((typed.shell, typed.command));
        }
        lit
    }

    fn of_trace(target: Option<Target>, sent: Option<&Sent>) -> Lit {
        let mut lit = Lit::default();
        let Some(target) = target else { return lit };
        let hops = || sent.map_or(&[][..], |s| &s.trace.hops).iter().enumerate();
        match &target {
            Target::Hop(hop) => {
                lit.hops.insert(*hop);
            }
            Target::Place(place) => {
                lit.places.insert(place.clone());
                lit.hops.extend(hops().filter(|(_, h)| h.at == *place).map(|(i, _)| i));
            }
            Target::Object(key) => {
                lit.objects.insert(key.clone());
                let about = |h: &Hop| {
                    let here = matches!(&h.at, Place::Pod { pod, .. } if pod == key);
                    here || h.steps.iter().flat_map(|s| &s.because).any(|f| f.object == *key)
                };
                lit.hops.extend(hops().filter(|(_, h)| about(h)).map(|(i, _)| i));
            }
            Target::Line(file, line) => {
                lit.lines.insert((file.clone(), *line));
                let lines = sent.map_or(&[][..], |s| &s.lines);
                let caused = |of: &[LineRef]| of.iter().any(|l| l.file == *file && l.line == *line);
                lit.hops.extend(lines.iter().enumerate().filter(|(_, of)| caused(of)).map(|(i, _)| i));
            }
            Target::Field { field, at, pod } => {
                lit.objects.insert(field.object.clone());
                lit.objects.extend(pod.clone());
                lit.lines.extend(at.clone());
                let about = |h: &Hop| h.steps.iter().any(|s| s.because.contains(field));
                lit.hops.extend(hops().filter(|(_, h)| about(h)).map(|(i, _)| i));
                return lit;
            }
            Target::Command(shell, command) => {
                lit.commands.insert((*shell, *command));
                let sends = |s: &Sent| s.typed.as_ref().is_some_and(|t| (t.shell, t.command) == (*shell, *command));
                if sent.is_some_and(sends) {
                    lit.hops.extend(hops().map(|(i, _)| i));
                }
            }
            // Told below, by the trace.
            Target::Rule(..) => {}
        }
        let Some(sent) = sent else { return lit };
        if let Target::Rule(hop, rule) = &target {
            // A rule lights its hop and what it was written for, not everything that the hop is about.
            let Some(of) = sent.trace.hops.get(*hop) else { return lit };
            lit.hops.insert(*hop);
            lit.places.insert(of.at.clone());
            lit.rules.insert((*hop, rule.clone()));
            let fields = of.steps.iter().filter(|s| rule_of(&s.kind) == Some(rule)).flat_map(|s| &s.because);
            lit.objects.extend(fields.clone().map(|f| f.object.clone()));
            lit.lines.extend(fields.filter_map(|f| sent.written.get(f).cloned()));
            return lit;
        }
        // A line or a hop lights what its hops touch; an object or a place only its own hops.
        if matches!(target, Target::Hop(_) | Target::Line(..) | Target::Command(..)) {
            for hop in &lit.hops {
                let Some(of) = sent.trace.hops.get(*hop) else { continue };
                lit.places.insert(of.at.clone());
                lit.objects.extend(of.steps.iter().flat_map(|s| &s.because).map(|f| f.object.clone()));
            }
        }
        for (hop, of) in sent.trace.hops.iter().enumerate().filter(|(hop, _)| lit.hops.contains(hop)) {
            let about = |because: &[FieldRef]| match &target {
                Target::Object(key) => because.iter().any(|f| f.object == *key),
                Target::Line(file, line) => {
                    because.iter().filter_map(|f| sent.written.get(f)).any(|(of, at)| of == file && at == line)
                }
                _ => true,
            };
            let rules = of.steps.iter().filter(|s| about(&s.because)).filter_map(|s| rule_of(&s.kind));
            lit.rules.extend(rules.map(|rule| (hop, rule.to_string())));
        }
        for hop in &lit.hops {
            lit.lines.extend(sent.lines.get(*hop).into_iter().flatten().map(|l| (l.file.clone(), l.line)));
        }
        lit
    }
}

/// The rule that a step matched.
fn rule_of(kind: &StepKind) -> Option<&str> {
    match kind {
        StepKind::RuleMatched { rule, .. } => Some(rule),
        _ => None,
    }
}
