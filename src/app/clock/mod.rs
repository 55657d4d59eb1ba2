//! The cluster's own clock: it runs, pauses, goes faster, and goes on to what comes next: the next thing that happens, the next
//! probe, or the moment from which nothing more happens.
//!
//! A clock that runs ticks four times a second, and only while the page is looked at.

use giljabi::api::time::Duration;
use giljabi::cluster::Cluster;
use giljabi::locale::Message;
use leptos::prelude::*;

use super::player::now;
use super::session::{Session, session};
use super::timebar::clock;

/// Milliseconds from tick to tick.
const TICK: u64 = 250;
const SPEEDS: [u64; 4] = [1, 5, 20, 60];

/// How the clock goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// Start or pause.
    Run,
    /// To the next thing that happens.
    Next,
    /// So many seconds.
    Secs(u64),
    /// To the next probe.
    Probe,
    /// Until nothing more happens.
    Rest,
}

/// The clock's state, given by context.
#[derive(Clone, Copy)]
pub struct Clock {
    running: RwSignal<bool>,
    speed: RwSignal<u64>,
    /// What the last jump came to.
    said: RwSignal<Option<Message>>,
    /// The number of the jump that is under way.
    number: StoredValue<u64>,
}

/// One look of a jump; something once it has come to its end.
type Step<R> = Box<dyn FnMut(&mut Cluster) -> Option<R>>;

/// Milliseconds that a jump may take at once, and those of a slice of one that takes longer.
const AT_ONCE: f64 = 300.0;
const SLICE: f64 = 30.0;
/// Looks between two looks at the clock.
const LOOKS: usize = 32;

impl Clock {
    pub fn new() -> Clock {
        Clock {
            running: RwSignal::new(false),
            speed: RwSignal::new(1),
            said: RwSignal::new(None),
            number: StoredValue::new(0),
        }
    }

    pub fn jump(self, s: Session, jump: Jump) {
        // Whatever is under way gives way.
        self.number.update_value(|n| *n += 1);
        match jump {
            Jump::Run => self.toggle(s),
            Jump::Next => self.next(s),
            Jump::Secs(secs) => self.advance(s, secs),
            Jump::Probe => self.next_probe(s),
            Jump::Rest => self.settle(s),
        }
    }

    /// Starts or pauses. A pause is a moment to come back to.
    fn toggle(self, s: Session) {
        self.running.update(|on| *on = !*on);
        match self.running.get_untracked() {
            true => self.tick(s),
            false => s.keep_moment(Message::new("moment.ran")),
        }
    }

    fn tick(self, s: Session) {
        set_timeout(
            move || {
                if !self.running.try_get_untracked().unwrap_or(false) {
                    return;
                }
                if !document().hidden() {
                    let time = Duration::millis(TICK * self.speed.get_untracked());
                    s.let_pass(|cluster| pass(cluster, time));
                }
                self.tick(s);
            },
            std::time::Duration::from_millis(TICK),
        );
    }

    /// Lets seconds go by at once.
    fn advance(self, s: Session, secs: u64) {
        let end = s.clock.get_untracked() + Duration::secs(secs);
        self.said.set(None);
        let run = move |cluster: &mut Cluster| {
            if cluster.queue().next_at().is_some_and(|at| at <= end) {
                cluster.step();
                return false;
            }
            cluster.run_for(end.since(cluster.now()));
            true
        };
        self.go_on(
            s,
            move |cluster| run(cluster).then_some(()),
            move |()| {
                s.keep_moment(Message::new("moment.secs").with("secs", secs));
                self.said.set(None);
            },
        );
    }

    /// Goes on look by look until `step` has come to something, which `then` is told. Between two slices of it the page lives:
    /// who never comes to rest, or has very much to do, freezes nothing. Another jump takes its place.
    fn go_on<R: 'static>(
        self,
        s: Session,
        mut step: impl FnMut(&mut Cluster) -> Option<R> + 'static,
        then: impl FnOnce(R) + 'static,
    ) {
        self.slice(s, self.number.get_value(), AT_ONCE, Box::new(move |cluster| step(cluster)), Box::new(then));
    }

    fn slice<R: 'static>(self, s: Session, number: u64, most: f64, mut step: Step<R>, then: Box<dyn FnOnce(R)>) {
        let came = s.let_pass(|cluster| {
            let began = now();
            loop {
                for _ in 0..LOOKS {
                    let came = step(cluster);
                    if came.is_some() {
                        return came;
                    }
                }
                if now() - began > most {
                    return None;
                }
            }
        });
        if let Some(came) = came {
            return then(came);
        }
        self.said.set(Some(Message::new("clock.going").with("time", clock(s.clock.get_untracked()))));
        set_timeout(
            move || {
                if self.number.try_get_value() == Some(number) {
                    self.slice(s, number, SLICE, step, then);
                }
            },
            std::time::Duration::ZERO,
        );
    }

    /// On to the next thing that happens, whatever it is.
    fn next(self, s: Session) {
        let due = s.let_pass(|cluster| {
            let revision = cluster.store().revision();
            // Looks that change nothing are no events; a quiet cluster has probes and heartbeats at most.
            let mut last = None;
            for _ in 0..2_000 {
                let Some(due) = cluster.step() else { break };
                if cluster.store().revision() != revision {
                    last = Some((giljabi::cluster::controller_name(due.controller), due.key));
                    break;
                }
            }
            last
        });
        self.said.set(Some(match &due {
            Some((who, key)) => Message::new("clock.next").with("who", who).with("object", key),
            None => Message::new("clock.nothing"),
        }));
        s.keep_moment(Message::new("moment.next"));
    }

    /// On until the next probe has run.
    fn next_probe(self, s: Session) {
        let pod = s.let_pass(|cluster| cluster.run_until_next_probe("default"));
        self.said.set(Some(match &pod {
            Some(pod) => Message::new("clock.probe").with("pod", &pod.name),
            None => Message::new("clock.no_probe"),
        }));
        s.keep_moment(Message::new("moment.probe"));
    }

    /// On until nothing more happens.
    fn settle(self, s: Session) {
        let mut run = None;
        self.go_on(
            s,
            move |cluster| cluster.settle_on(run.get_or_insert_with(|| cluster.settling())),
            move |settled| {
                let secs = format!("{:.1}", settled.took.0 as f64 / 1e6);
                let restless = s.at_computer(|cluster, _| cluster.why_restless()).flatten();
                self.said.set(Some(match restless {
                    None => Message::new("clock.settled").with("secs", secs),
                    Some(restless) => restless.message,
                }));
                s.keep_moment(Message::new("moment.settled"));
            },
        );
    }
}

fn is_restless(message: &Message) -> bool {
    message.id.starts_with("restless-")
}

/// Lets time go by as far as a tick allows: where very much happens, it goes by more slowly.
fn pass(cluster: &mut Cluster, time: Duration) {
    let (began, end) = (now(), cluster.now() + time);
    while cluster.queue().next_at().is_some_and(|at| at <= end) {
        for _ in 0..LOOKS {
            if cluster.queue().next_at().is_some_and(|at| at <= end) {
                cluster.step();
            }
        }
        if now() - began > TICK as f64 / 2.0 {
            return;
        }
    }
    cluster.run_for(end.since(cluster.now()));
}

/// The clock with its buttons, on the map.
#[component]
pub fn ClockBar() -> impl IntoView {
    let s = session();
    let clock_state = expect_context::<Clock>();
    // However it came to that it never rests: by a jump, by an edit or by a line of the terminal.
    Effect::new(move |_| {
        s.state.track();
        let restless = s.at_computer(|cluster, _| cluster.why_restless()).flatten();
        match restless {
            Some(restless) => clock_state.said.set(Some(restless.message)),
            None if clock_state.said.read_untracked().as_ref().is_some_and(is_restless) => clock_state.said.set(None),
            None => {}
        }
    });
    let speed = move || format!("×{}", clock_state.speed.get());
    let faster = move |_| {
        clock_state.speed.update(|v| {
            let at = SPEEDS.iter().position(|s| s == v).unwrap_or(0);
            *v = SPEEDS[(at + 1) % SPEEDS.len()];
        });
    };
    let play = move || s.tx(if clock_state.running.get() { "clock.pause" } else { "clock.run" }, &[]);
    let jump = move |id: &'static str, to: Jump| {
        view! { <button type="button" on:click=move |_| clock_state.jump(s, to)>{s.t(id)}</button> }
    };
    view! {
        <div class="clock-bar" role="group" aria-label=s.t("time.clock_title")>
            <button type="button" class="btn btn-icon" aria-label=play title=play on:click=move |_| clock_state.jump(s, Jump::Run)>
                {move || if clock_state.running.get() { "❚❚" } else { "▶" }}
            </button>
            <span class="clock" title=s.t("time.clock_title")>{move || s.tx("time.clock", &[("time", &clock(s.clock.get()))])}</span>
            <button type="button" class="btn btn-icon" title=s.t("clock.speed") aria-label=move || format!("{} {}", s.tx("clock.speed", &[]), speed()) on:click=faster>
                {speed}
            </button>
            <details class="menu menu-up">
                <summary class="btn">{s.t("clock.jump")}</summary>
                <div class="menu-list">
                    {jump("clock.to_next", Jump::Next)}
                    {jump("clock.one", Jump::Secs(1))}
                    {jump("clock.ten", Jump::Secs(10))}
                    {jump("clock.to_probe", Jump::Probe)}
                    {jump("clock.to_rest", Jump::Rest)}
                </div>
            </details>
            <span class="clock-said" class:whole=move || clock_state.said.read().as_ref().is_some_and(is_restless) role="status">{move || clock_state.said.get().map(|m| m.text(s.lang.get()))}</span>
        </div>
    }
    .into_any()
}
