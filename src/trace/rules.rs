//! The trail of a packet through the rules of a hook, told as steps.

use super::record::Recorder;
use super::step::{Candidate, StepKind};
use crate::api::object::FieldRef;
use crate::apiserver::store::Store;
use crate::network::netfilter::{Chain, ChainRef, Hit, Match, Program, RealServer, Rules, Target, What};
use crate::network::packet::Packet;
use crate::runtime::Runtime;
use smol_str::{SmolStr, format_smolstr};
use std::net::SocketAddr;

/// Records the rules that a packet matched at a hook, the choice among endpoints, and what they changed.
pub(super) fn record(
    log: &mut Recorder,
    store: &Store,
    runtime: &Runtime,
    program: &Program,
    trail: &[Hit<'_>],
    before: Packet,
    after: Packet,
) {
    let choices = choices(program, trail);
    for (i, hit) in trail.iter().enumerate().filter(|(_, h)| h.matched) {
        let because = vec![hit.because().field()];
        if let What::Rule(rule) = hit.what {
            let (index, text) = (program.place(hit) as u32, program.text(hit).into());
            log.step(|| {
                let (table, chain) = (hit.table.name(), hit.chain.clone());
                (StepKind::RuleMatched { table, chain, rule: text, index }, because.clone())
            });
            if let Target::OrMark(mark) = rule.target {
                // Who asked for the mark tells more than the chain that sets it.
                let asked = trail[..i].iter().rev().find(|h| h.matched && h.owner.is_some());
                let because = asked.map(|h| vec![h.because().field()]).unwrap_or(because.clone());
                log.step(|| (StepKind::Marked { mark }, because));
            }
        }
        for choice in choices.iter().filter(|c| c.at == i) {
            choice.record(log, runtime);
        }
        let changes = match hit.what {
            What::Rule(rule) => matches!(rule.target, Target::Dnat { .. }),
            What::Server { real, .. } => real.is_some(),
        };
        if changes && before.dst != after.dst {
            let mut because = because;
            because.extend(container_port(store, runtime, after.dst));
            log.step(|| (StepKind::Dnat { before, after }, because));
        }
    }
}

/// Whether [`record`] has a step for a hit.
pub(super) fn tells(hit: &Hit<'_>) -> bool {
    hit.matched && !matches!(hit.what, What::Server { real: None, .. })
}

/// The container port that a pod declares for a destination.
fn container_port(store: &Store, runtime: &Runtime, to: SocketAddr) -> Option<FieldRef> {
    let pod = runtime.pod_at(to.ip())?;
    let view = store.get(pod)?.view().pod()?;
    view.containers.iter().enumerate().find_map(|(i, container)| {
        let j = container.ports.iter().position(|p| p.number == to.port())?;
        Some(pod.field(format_smolstr!("spec.containers[{i}].ports[{j}].containerPort").as_str()))
    })
}

/// A choice among endpoints on a trail.
struct Choice {
    /// The hit that chose.
    at: usize,
    by: SmolStr,
    /// Addresses with their shares.
    candidates: Vec<(SocketAddr, f64)>,
    chosen: usize,
    draws: Vec<f64>,
    /// Seconds of affinity that sent the client here, when no lot did.
    remembered: Option<u32>,
    because: Vec<FieldRef>,
}

impl Choice {
    fn record(&self, log: &mut Recorder, runtime: &Runtime) {
        if let Some(seconds) = self.remembered {
            let to = self.candidates[self.chosen].0;
            log.step(|| (StepKind::AffinityMatched { to, seconds_left: seconds }, self.because.clone()));
            return;
        }
        log.step(|| {
            let candidate = |(address, probability): &(SocketAddr, f64)| Candidate {
                address: *address,
                pod: runtime.pod_at(address.ip()).cloned(),
                probability: *probability,
            };
            let kind = StepKind::Balanced {
                by: self.by.clone(),
                candidates: self.candidates.iter().map(candidate).collect(),
                chosen: self.chosen,
                draws: self.draws.clone(),
            };
            (kind, self.because.clone())
        });
    }
}

fn choices(program: &Program, trail: &[Hit<'_>]) -> Vec<Choice> {
    let mut choices = Vec::new();
    for (i, hit) in trail.iter().enumerate() {
        match hit.what {
            What::Server { server, real: Some(real), persistent } => {
                let share = 1.0 / server.real.iter().map(|r| f64::from(r.weight)).sum::<f64>().max(1.0);
                // A hash of the client leaves nothing to chance: this client always comes to this one.
                let share_of = |r: &RealServer| match server.scheduler.is_fixed() {
                    true => f64::from(u8::from(r.address() == real.address())),
                    false => f64::from(r.weight) * share,
                };
                choices.push(Choice {
                    at: i,
                    by: format_smolstr!("ipvs {}", server.scheduler.name()),
                    candidates: server.real.iter().map(|r| (r.address(), share_of(r))).collect(),
                    chosen: server.real.iter().position(|r| r.address() == real.address()).unwrap_or(0),
                    draws: Vec::new(),
                    remembered: server.persistent.filter(|_| persistent),
                    because: vec![server.because.field()],
                });
            }
            What::Rule(rule) => {
                let Target::Dnat { ip, port } = rule.target else { continue };
                choices.extend(choice_of(program, trail, i, SocketAddr::new(ip, port)));
            }
            What::Server { real: None, .. } => {}
        }
    }
    choices
}

/// The choice that led to the DNAT at `dnat`: the rule that sent the packet into that chain, and its sisters.
fn choice_of(program: &Program, trail: &[Hit<'_>], dnat: usize, to: SocketAddr) -> Option<Choice> {
    let hit = &trail[dnat];
    let owner = hit.owner?;
    let rules = program.get(owner)?.rules();
    let own = |chain: ChainRef| match chain {
        ChainRef::Own(i) => rules.chains.get(usize::from(i)),
        ChainRef::Fixed(_) => None,
    };
    let leads = |target: &Target| match target {
        Target::Jump(chain) | Target::Goto(chain) => own(*chain).is_some_and(|c| c.name == *hit.chain),
        Target::OneOf(chains) => chains.iter().any(|c| own(*c).is_some_and(|c| c.name == *hit.chain)),
        _ => false,
    };
    let at = trail[..dnat].iter().rposition(|h| h.matched && h.rule().is_some_and(|r| leads(&r.target)))?;
    let chooser = &trail[at];
    let rule = chooser.rule()?;
    let remembered = rule.matches.iter().find_map(|m| match m {
        Match::Remembered { seconds, .. } => Some(*seconds),
        _ => None,
    });
    let candidates = match &rule.target {
        Target::OneOf(chains) => {
            let targets: Vec<SocketAddr> = chains.iter().filter_map(|c| own(*c)).filter_map(dnat_of).collect();
            let share = 1.0 / targets.len().max(1) as f64;
            targets.into_iter().map(|t| (t, share)).collect()
        }
        _ => sisters(rules, chooser.chain, remembered.is_some()),
    };
    let chosen = candidates.iter().position(|(a, _)| *a == to)?;
    Some(Choice {
        at,
        by: chooser.chain.clone(),
        candidates,
        chosen,
        draws: trail[..=at].iter().filter(|h| h.chain == chooser.chain).filter_map(|h| h.draw).collect(),
        remembered,
        because: vec![chooser.because().field(), hit.because().field()],
    })
}

/// The endpoints that the rules of a chain lead to, with their shares: each rule takes its part of what the ones before left.
fn sisters(rules: &Rules, chain: &SmolStr, remembered: bool) -> Vec<(SocketAddr, f64)> {
    let Some(chain) = rules.chains.iter().find(|c| c.name == *chain) else { return Vec::new() };
    let mut left = 1.0;
    let mut found = Vec::new();
    for rule in &chain.rules {
        let (Target::Jump(ChainRef::Own(to)) | Target::Goto(ChainRef::Own(to))) = rule.target else { continue };
        let Some(address) = rules.chains.get(usize::from(to)).and_then(dnat_of) else { continue };
        if rule.matches.iter().any(|m| matches!(m, Match::Remembered { .. })) != remembered {
            continue;
        }
        let part = rule.matches.iter().find_map(|m| match m {
            Match::Random(probability) => Some(probability.value()),
            _ => None,
        });
        let share = left * part.unwrap_or(1.0);
        left -= share;
        found.push((address, share));
    }
    found
}

fn dnat_of(chain: &Chain) -> Option<SocketAddr> {
    chain.rules.iter().find_map(|r| match r.target {
        Target::Dnat { ip, port } => Some(SocketAddr::new(ip, port)),
        _ => None,
    })
}
