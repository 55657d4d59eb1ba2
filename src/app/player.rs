//! The time of the animation: where in a trace the playhead stands. One beat a hop: the packet travels, arrives, changes.
//!
//! Frames are asked of the browser only while something plays, so a page that nobody looks at stands still.

use leptos::prelude::*;

/// The part of a beat in which the packet travels; what is left is its stay.
pub const TRAVEL: f64 = 0.6;
/// From here on in a beat the label shows what the place made of it.
pub const CHANGED: f64 = 0.74;
/// Where a beat that is over stands.
const SETTLED: f64 = 0.999;

#[derive(Clone, Copy)]
pub struct Player {
    /// Hop number plus the part of its beat that has passed.
    pub at: RwSignal<f64>,
    pub playing: RwSignal<bool>,
    pub speed: RwSignal<f64>,
    pub looping: RwSignal<bool>,
    /// How long each beat lasts at speed 1, in milliseconds.
    beats: StoredValue<Vec<f64>>,
    /// The last hops of the rows, where a step comes to rest.
    stops: StoredValue<Vec<usize>>,
    count: RwSignal<usize>,
    loaded: StoredValue<bool>,
    /// Where playing stops by itself.
    until: StoredValue<f64>,
    last_frame: StoredValue<Option<f64>>,
    /// Whether the end has been seen: then its sentences stay, however one goes back and forth.
    pub seen: RwSignal<bool>,
    /// Movement is replaced by steps.
    pub still: RwSignal<bool>,
    // What follows from the playhead is set when it changes, and not computed from it: thousands of pods look at the hop, and
    // whoever looks at something computed is asked to look again in every frame.
    /// The hop that the playhead is in.
    pub hop: RwSignal<Option<usize>>,
    /// Whether the hop's place has changed the packet already.
    pub changed: RwSignal<bool>,
    /// Whether the last hop is over.
    pub ended: RwSignal<bool>,
}

impl Player {
    pub fn new() -> Player {
        Player {
            at: RwSignal::new(0.0),
            playing: RwSignal::new(false),
            speed: RwSignal::new(1.0),
            looping: RwSignal::new(false),
            beats: StoredValue::new(Vec::new()),
            stops: StoredValue::new(Vec::new()),
            count: RwSignal::new(0),
            loaded: StoredValue::new(false),
            until: StoredValue::new(0.0),
            last_frame: StoredValue::new(None),
            still: RwSignal::new(prefers_stillness()),
            hop: RwSignal::new(None),
            changed: RwSignal::new(false),
            ended: RwSignal::new(false),
            seen: RwSignal::new(false),
        }
    }

    /// Puts the playhead there.
    fn stand_at(self, at: f64) {
        let count = self.count.get_untracked();
        let ended = self.loaded.get_value() && at >= count as f64 - (1.0 - SETTLED) * 2.0;
        self.at.set(at);
        put(self.hop, count.checked_sub(1).map(|last| (at as usize).min(last)));
        put(self.changed, at.fract() >= CHANGED || at >= count as f64);
        put(self.ended, ended);
        if ended {
            put(self.seen, true);
        }
    }

    /// Takes a new trace: as many beats as hops, and where steps come to rest; from the start.
    pub fn load(self, beats: Vec<f64>, stops: Vec<usize>) {
        self.stops.set_value(stops);
        self.seen.set(false);
        self.playing.set(false);
        self.count.set(beats.len());
        self.loaded.set_value(true);
        self.beats.set_value(beats);
        self.stand_at(0.0);
    }

    pub fn count(self) -> usize {
        self.count.get()
    }

    /// Plays to the end; from the start when it stands at the end.
    pub fn play(self) {
        let count = self.count.get_untracked();
        if count == 0 {
            return;
        }
        if self.ended.get_untracked() {
            self.stand_at(0.0);
        }
        self.run_until(count as f64 - (1.0 - SETTLED));
    }

    pub fn pause(self) {
        self.playing.set(false);
    }

    pub fn toggle(self) {
        if self.playing.get_untracked() { self.pause() } else { self.play() }
    }

    /// Where steps come to rest: the last hop of every row, in order.
    pub fn set_stops(self, stops: Vec<usize>) {
        self.stops.set_value(stops);
    }

    /// One row on, seen as it happens.
    pub fn step(self) {
        let (at, count) = (self.at.get_untracked(), self.count.get_untracked());
        if count == 0 {
            return;
        }
        let settled = at.fract() >= SETTLED - 1e-6 || at >= count as f64;
        let from = at as usize;
        let first = if at == 0.0 || !settled { from } else { from + 1 };
        let Some(stop) = self.stops.with_value(|s| s.iter().copied().find(|stop| *stop >= first)) else { return };
        if first >= count {
            return;
        }
        if self.still.get_untracked() {
            self.pause();
            self.stand_at(stop as f64 + SETTLED);
        } else {
            if settled {
                self.stand_at(first as f64);
            }
            self.run_until(stop as f64 + SETTLED);
        }
    }

    /// One row back.
    pub fn back(self) {
        self.pause();
        let hop = self.at.get_untracked() as usize;
        let before = self.stops.with_value(|s| {
            let row = s.partition_point(|stop| *stop < hop);
            row.checked_sub(1).and_then(|i| s.get(i).copied())
        });
        self.stand_at(before.map_or(0.0, |stop| stop as f64 + SETTLED));
    }

    /// To the very start.
    pub fn rewind(self) {
        self.pause();
        self.stand_at(0.0);
    }

    /// To the end of a hop.
    pub fn seek(self, hop: usize) {
        self.pause();
        let last = self.count.get_untracked().saturating_sub(1);
        self.stand_at(hop.min(last) as f64 + SETTLED);
    }

    /// To the end of everything.
    pub fn finish(self) {
        self.seek(self.count.get_untracked());
    }

    fn run_until(self, until: f64) {
        self.until.set_value(until);
        if !self.playing.get_untracked() {
            self.playing.set(true);
            self.last_frame.set_value(None);
            self.ask_for_frame();
        }
    }

    fn ask_for_frame(self) {
        request_animation_frame(move || {
            if !self.playing.try_get_untracked().unwrap_or(false) {
                return;
            }
            self.advance(now());
            if self.playing.get_untracked() {
                self.ask_for_frame();
            }
        });
    }

    fn advance(self, now: f64) {
        let last = self.last_frame.get_value().unwrap_or(now);
        self.last_frame.set_value(Some(now));
        // After a pause of the whole page (another tab), go on from where it stood.
        let mut left = (now - last).clamp(0.0, 100.0) * self.speed.get_untracked();
        let (mut at, until) = (self.at.get_untracked(), self.until.get_value());
        let still = self.still.get_untracked();
        while left > 0.0 && at < until {
            let beat = self.beats.with_value(|b| b.get(at as usize).copied().unwrap_or(500.0)).max(1.0);
            let room = (at.floor() + 1.0 - at) * beat;
            let step = left.min(room);
            at += step / beat;
            left -= step;
            if step <= 0.0 {
                break;
            }
        }
        let done = at >= until;
        let shown = if done { until } else { at };
        // Without movement the playhead is only ever seen at the end of a beat.
        if still && !done {
            self.last_frame.set_value(Some(now));
        }
        self.stand_at(shown);
        if done {
            if self.looping.get_untracked() && until >= self.count.get_untracked() as f64 - 0.5 {
                self.stand_at(0.0);
            } else {
                self.playing.set(false);
            }
        }
    }
}

/// Gives a signal another value, if it is another.
fn put<T: PartialEq + Clone + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.get_untracked() != value {
        signal.set(value);
    }
}

/// Milliseconds of the page's clock.
pub fn now() -> f64 {
    window().performance().map_or(0.0, |p| p.now())
}

fn prefers_stillness() -> bool {
    media("(prefers-reduced-motion: reduce)")
}

/// Whether a media query holds now.
pub fn media(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|m| m.matches())
}
