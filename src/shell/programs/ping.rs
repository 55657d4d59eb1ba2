//! ping: one echo request a second, until Ctrl-C or `-c`.

use super::Said;
use crate::api::time::{Duration, Time};
use crate::shell::env::Env;
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::world::{Event, World};
use crate::trace::{Outcome, Request, Scheme, StepKind, Symptom, Url};

pub fn start(_: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let (mut count, mut target, mut wait) = (None, None, Duration::secs(1));
    let mut rest = words[1..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-c" => count = rest.next().and_then(|w| w.parse::<u64>().ok()),
            "-i" => {
                wait = rest
                    .next()
                    .and_then(|w| w.parse::<f64>().ok())
                    .map_or(wait, |s| Duration::micros((s.clamp(0.2, 60.0) * 1e6) as u64))
            }
            "-W" | "-w" | "-s" | "-t" | "-I" => drop(rest.next()),
            other => match other.strip_prefix("-c") {
                Some(digits) => count = digits.parse().ok(),
                None if other.starts_with('-') => {}
                None => target = Some(other.to_string()),
            },
        }
    }
    let Some(target) = target else {
        return Box::new(Said { err: "ping: usage error: Destination address required\n".to_string(), code: 2 });
    };
    Box::new(Ping { env, target, count, wait, sent: 0, received: 0, began: None, address: String::new() })
}

struct Ping {
    env: Env,
    target: String,
    count: Option<u64>,
    wait: Duration,
    sent: u64,
    received: u64,
    began: Option<Time>,
    address: String,
}

impl Ping {
    fn statistics(&self, world: &World) -> String {
        let loss = (self.received * 100).checked_div(self.sent).map_or(0, |arrived| 100 - arrived);
        if self.env.place.is_busybox() {
            return format!(
                "\n--- {} ping statistics ---\n{} packets transmitted, {} packets received, {loss}% packet loss\n",
                self.target, self.sent, self.received
            );
        }
        let millis = self.began.map_or(0, |b| world.cluster.now().since(b).as_millis());
        format!(
            "\n--- {} ping statistics ---\n{} packets transmitted, {} received, {loss}% packet loss, time {millis}ms\n",
            self.target, self.sent, self.received
        )
    }
}

impl Process for Ping {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if self.count.is_some_and(|c| self.sent >= c) {
            io.out.push_str(&self.statistics(world));
            return Poll::Done(i32::from(self.received == 0));
        }
        let busybox = self.env.place.is_busybox();
        let Some(url) = Url::parse(&format!("ping://{}", self.target)) else {
            io.err.push_str(&format!("ping: bad address '{}'\n", self.target));
            return Poll::Done(1);
        };
        debug_assert!(url.scheme == Scheme::Ping);
        let trace = world.cluster.send(&Request::get(self.env.place.client(), url));
        if self.began.is_none() {
            if let Outcome::Failed(failure) = &trace.outcome
                && matches!(failure.symptom, Symptom::CouldNotResolve { .. } | Symptom::ResolveTimedOut { .. })
            {
                io.err.push_str(&if busybox {
                    format!("ping: bad address '{}'\n", self.target)
                } else {
                    format!("ping: {}: Name or service not known\n", self.target)
                });
                world.events.push(Event::Trace(Box::new(trace)));
                return Poll::Done(if busybox { 1 } else { 2 });
            }
            self.began = Some(world.cluster.now());
            let dialled = trace.hops.iter().flat_map(|h| &h.steps).find_map(|s| match &s.kind {
                StepKind::Connect { packet } => Some(packet.dst.ip().to_string()),
                _ => None,
            });
            self.address = dialled.unwrap_or_else(|| self.target.clone());
            io.out.push_str(&if busybox {
                format!("PING {} ({}): 56 data bytes\n", self.target, self.address)
            } else {
                format!("PING {} ({}) 56(84) bytes of data.\n", self.target, self.address)
            });
        }
        self.sent += 1;
        match &trace.outcome {
            Outcome::Answered { .. } => {
                self.received += 1;
                let millis = trace.ended.since(trace.started).0 as f64 / 1_000.0;
                let (word, number) = if busybox { ("seq", self.sent - 1) } else { ("icmp_seq", self.sent) };
                io.out
                    .push_str(&format!("64 bytes from {}: {word}={number} ttl=62 time={millis:.3} ms\n", self.address));
            }
            Outcome::Failed(failure)
                if matches!(failure.symptom, Symptom::NoRoute { .. } | Symptom::ConnectionRefused { .. }) =>
            {
                let from = world.cluster.settings().nodes.first().map_or(String::new(), |n| n.ip.to_string());
                io.out.push_str(&format!("From {from} icmp_seq={} Destination Port Unreachable\n", self.sent));
            }
            Outcome::Failed(_) => {}
        }
        world.events.push(Event::Trace(Box::new(trace)));
        Poll::Wait(world.cluster.now() + self.wait)
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        let text = self.statistics(world);
        io.out.push_str(&text);
    }
}
