//! Many requests: counted by what became of them, against what the rules promise.
//!
//! They are sent in slices, so that a page stays alive and a person can stop them. Every one goes the way that it would go as
//! a single request; requests of one client are a [`Series`].

use super::outcome::{Failure, Outcome};
use super::request::{Client, Request};
use super::run::World;
use super::send::interpret;
use super::series::{Series, Went};
use super::step::{Exchange, StepKind};
use super::why::cause_name;
use crate::api::object::ObjectKey;
use crate::api::time::{Duration, Time};
use crate::locale::Message;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Who answered: a pod, or something that is none (a proxy's own page, a machine outside).
pub type Answerer = Option<ObjectKey>;

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Failures {
    pub count: u64,
    /// When the first and the last of them began.
    pub first: Time,
    pub last: Time,
    /// One of them.
    pub example: Failure,
}

/// What became of the requests so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub sent: u64,
    pub answered: u64,
    pub by_answerer: BTreeMap<Answerer, u64>,
    pub by_node: BTreeMap<SmolStr, u64>,
    pub by_status: BTreeMap<u16, u64>,
    /// By the name of the cause.
    pub failures: BTreeMap<&'static str, Failures>,
    /// The sum of all requests' times; with `sent` the mean.
    pub time: Duration,
    pub longest: Duration,
}

/// A run of many requests.
#[derive(Clone, Debug)]
pub struct Many {
    /// One a client; they take turns.
    series: Vec<Series>,
    pub wanted: u64,
    pub tally: Tally,
}

/// More would keep a person waiting for nothing new.
pub const MOST: u64 = 1_000_000;

impl Many {
    /// `count` requests (at most [`MOST`]) like `request` from `clients` in turn; from its own client when there are none.
    pub fn new(request: &Request, clients: &[Client], count: u64) -> Many {
        let of = |client: &Client| Series::new(Request { from: client.clone(), ..request.clone() });
        let mut series: Vec<Series> = clients.iter().map(of).collect();
        if series.is_empty() {
            series.push(Series::new(request.clone()));
        }
        Many { series, wanted: count.min(MOST), tally: Tally::default() }
    }

    pub fn is_done(&self) -> bool {
        self.tally.sent >= self.wanted
    }

    /// Sends up to `slice` further requests at the world's present moment.
    pub fn run(&mut self, world: &mut World<'_>, slice: u64) {
        let Many { series, tally, wanted } = self;
        let mut left = slice.min(wanted.saturating_sub(tally.sent));
        // How often each known way was taken: what its requests have in common is counted once for all of them.
        let mut taken: Vec<u64> = Vec::new();
        while left > 0 {
            let turn = (tally.sent % series.len() as u64) as usize;
            let now = if series.len() == 1 { left } else { 1 };
            left -= now;
            series[turn].run(world, now, |world, went| match went {
                Went::Known(leaf) => {
                    let leaf = leaf as usize;
                    if taken.len() <= leaf {
                        taken.resize(leaf + 1, 0);
                    }
                    taken[leaf] += 1;
                }
                Went::New(outcome, took) => tally.count(world, 1, &outcome, took),
            });
            for (leaf, times) in taken.drain(..).enumerate().filter(|(_, times)| *times > 0) {
                if let Some(leaf) = series[turn].leaf(leaf as u32) {
                    tally.count(world, times, leaf.outcome(), leaf.took);
                }
            }
        }
    }
}

impl Tally {
    /// Counts requests that ended alike.
    fn count(&mut self, world: &World<'_>, times: u64, outcome: &Outcome, took: Duration) {
        self.sent += times;
        self.time = self.time + Duration(took.0 * times);
        self.longest = self.longest.max(took);
        if let Outcome::Answered { response, .. } = outcome {
            self.answered += times;
            *self.by_status.entry(response.status).or_default() += times;
            match self.by_answerer.get_mut(&response.pod) {
                Some(count) => *count += times,
                None => drop(self.by_answerer.insert(response.pod.clone(), times)),
            }
            if let Some(sandbox) = response.pod.as_ref().and_then(|pod| world.runtime.get(pod)) {
                match self.by_node.get_mut(&sandbox.node) {
                    Some(count) => *count += times,
                    None => drop(self.by_node.insert(sandbox.node.clone(), times)),
                }
            }
        }
        if let Some(failure) = outcome.failure() {
            let now = world.now;
            let entry = self.failures.entry(cause_name(&failure.cause));
            let failures =
                entry.or_insert_with(|| Failures { count: 0, first: now, last: now, example: failure.clone() });
            failures.count += times;
            failures.last = now;
        }
    }
}

/// The shares that the rules promise to each pod, for a request of this kind. `None`: the way has no choice that shares could
/// follow from (it fails, or leads to no pod).
pub fn predict(world: &World<'_>, request: &Request) -> Option<BTreeMap<ObjectKey, f64>> {
    let (mut network, mut runtime, mut random) = (world.network.clone(), world.runtime.clone(), world.random.clone());
    let mut look = |node: Option<SmolStr>| {
        let mut copy = World {
            store: world.store,
            network: &mut network,
            runtime: &mut runtime,
            random: &mut random,
            now: world.now,
        };
        // A kept connection has no choice left; what is asked is what a new one would do.
        let fresh = Request { keep_alive: false, ..request.clone() };
        interpret(&mut copy, &fresh, true, node)
    };
    let (_, _, hops) = look(None);
    let steps = || hops.iter().filter(|h| !matches!(h.exchange, Exchange::Dns(_))).flat_map(|h| &h.steps);
    let nodes = steps().find_map(|s| match &s.kind {
        StepKind::LoadBalancerChose { candidates, node, draw } => Some((candidates.clone(), node.clone(), *draw)),
        _ => None,
    });
    let mut shares: BTreeMap<ObjectKey, f64> = BTreeMap::new();
    let mut add = |hops: &[super::Hop], weight: f64| {
        let chosen = hops
            .iter()
            .filter(|h| !matches!(h.exchange, Exchange::Dns(_)))
            .flat_map(|h| &h.steps)
            .filter_map(|s| if let StepKind::Balanced { candidates, .. } = &s.kind { Some(candidates) } else { None })
            .next_back();
        for candidate in chosen.into_iter().flatten() {
            if let Some(pod) = &candidate.pod {
                *shares.entry(pod.clone()).or_default() += weight * candidate.probability;
            }
        }
    };
    match nodes {
        Some((candidates, _, _)) if !crate::network::load_balancer::is_announced(request_ip(request)) => {
            let weight = 1.0 / candidates.len().max(1) as f64;
            for node in candidates {
                let (_, _, hops) = look(Some(node));
                add(&hops, weight);
            }
        }
        _ => add(&hops, 1.0),
    }
    (!shares.is_empty()).then_some(shares)
}

fn request_ip(request: &Request) -> std::net::IpAddr {
    request.to.host.parse().unwrap_or(std::net::IpAddr::from([0, 0, 0, 0]))
}

/// Whether counts follow shares: Pearson's chi-square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChiSquare {
    pub statistic: f64,
    pub degrees: usize,
    /// How often chance alone makes counts at least this uneven, 0 to 1.
    pub probability: f64,
}

/// Compares counts with promised shares. `None`: fewer than two shares, or too few requests for a verdict (five expected in
/// every cell).
pub fn chi_square(tally: &Tally, shares: &BTreeMap<ObjectKey, f64>) -> Option<ChiSquare> {
    let counted = |pod: &ObjectKey| tally.by_answerer.get(&Some(pod.clone())).copied().unwrap_or(0) as f64;
    let total: f64 = shares.keys().map(counted).sum();
    let least = shares.values().copied().fold(f64::INFINITY, f64::min);
    if shares.len() < 2 || total * least < 5.0 {
        return None;
    }
    let statistic = shares.iter().map(|(pod, share)| (counted(pod) - total * share).powi(2) / (total * share)).sum();
    let degrees = shares.len() - 1;
    Some(ChiSquare { statistic, degrees, probability: upper_gamma(degrees as f64 / 2.0, statistic / 2.0) })
}

impl ChiSquare {
    /// In plain words.
    pub fn words(&self) -> Message {
        let id = match self.probability {
            p if p >= 0.05 => "many.fits",
            p if p >= 0.001 => "many.unusual",
            _ => "many.differs",
        };
        Message::new(id)
            .with("statistic", format!("{:.2}", self.statistic))
            .with("degrees", self.degrees)
            .with("percent", format!("{:.1}", self.probability * 100.0))
    }
}

/// The regularised upper incomplete gamma function Q(a, x): a series for small x, a continued fraction for large.
fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..500 {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term.abs() < sum.abs() * 1e-14 {
                break;
            }
        }
        return (1.0 - sum * scale).clamp(0.0, 1.0);
    }
    let mut b = x + 1.0 - a;
    let mut c = 1e300;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..500 {
        let an = -f64::from(i) * (f64::from(i) - a);
        b += 2.0;
        d = 1.0 / (an * d + b);
        c = b + an / c;
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-14 {
            break;
        }
    }
    (scale * h).clamp(0.0, 1.0)
}

/// The logarithm of the gamma function (Lanczos).
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        76.180_091_729_471_46,
        -86.505_320_329_416_77,
        24.014_098_240_830_91,
        -1.231_739_572_450_155,
        0.001_208_650_973_866_179,
        -0.000_005_395_239_384_953,
    ];
    let t = x + 5.5 - (x + 0.5) * (x + 5.5).ln();
    let series =
        COEFFICIENTS.iter().enumerate().fold(1.000_000_000_190_015, |sum, (i, c)| sum + c / (x + 1.0 + i as f64));
    -t + (2.506_628_274_631_000_5 * series / x).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gamma_function_gives_the_tables_values() {
        // Critical values of the chi-square distribution at 5 % and 0.1 %.
        for (degrees, statistic, probability) in
            [(1.0, 3.841, 0.05), (2.0, 5.991, 0.05), (9.0, 16.919, 0.05), (2.0, 13.816, 0.001)]
        {
            let found = upper_gamma(degrees / 2.0, statistic / 2.0);
            assert!((found - probability).abs() < 1e-4, "{degrees}: {found}");
        }
    }
}
