//! The shells behind the terminals: which are open, what runs in them, and how the cluster's time goes by for them.
//!
//! What runs is stepped a few milliseconds at a time, between two frames of the page, so that a loop without end never holds
//! the page and Ctrl-C always comes through. While everything waits, the cluster's time goes by as fast as the person's own.

use giljabi::api::time::{Duration, Time};
use giljabi::cluster::Settling;
use giljabi::locale::Message;
use giljabi::shell::links::{Hint, Index};
use giljabi::shell::terminal::{State, Terminal};
use giljabi::shell::{Event, Place};
use giljabi::trace::why;
use leptos::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

use super::log::Log;
use crate::app::keep;
use crate::app::leave;
use crate::app::player::now;
use crate::app::session::{Sent, Session, Typed};

/// How many terminals can be open side by side.
pub const MOST: usize = 4;
/// How long one slice of work may take, in milliseconds.
const SLICE: f64 = 8.0;
/// Milliseconds that the cluster may take at once to come to rest after a line.
const AT_ONCE: f64 = 100.0;
/// How many lines of history are kept in the browser.
const KEPT: usize = 500;

/// What one terminal is made of beside its signals.
pub struct Inner {
    pub terminal: Terminal,
    pub log: Log,
    /// Lines that were typed while something ran, or pasted.
    queue: VecDeque<String>,
    /// The line that runs, and the number of the last one.
    typed: String,
    number: usize,
    state: State,
}

/// One terminal.
#[derive(Clone, Copy)]
pub struct Shell {
    pub number: usize,
    pub inner: StoredValue<Inner, LocalStorage>,
    pub prompt: RwSignal<String>,
    pub running: RwSignal<bool>,
    /// It waits for the cluster's time to go by.
    pub waiting: RwSignal<bool>,
    pub place: RwSignal<Place>,
    /// Counts what was shown, for who scrolls.
    pub shown: RwSignal<usize>,
}

/// A text that `kubectl edit` has given out.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub shell: usize,
    pub file: String,
    pub title: String,
    pub text: String,
}

/// All terminals of the page.
#[derive(Clone, Copy)]
pub struct Shells {
    pub session: Session,
    all: [Shell; MOST],
    /// Which are open, in the order of the columns.
    pub open: RwSignal<Vec<usize>>,
    pub large: RwSignal<bool>,
    pub draft: RwSignal<Option<Draft>>,
    /// The lines of earlier visits and of this one, which all terminals share.
    history: StoredValue<Vec<String>>,
    index: StoredValue<(u64, Arc<Index>)>,
    /// The requests of each terminal's commands: terminal, command, request.
    sent: StoredValue<Vec<(usize, usize, Arc<Sent>)>>,
    /// Capture files that can be taken along.
    saved: StoredValue<Vec<(String, Vec<u8>)>>,
    scheduled: StoredValue<bool>,
    last_tick: StoredValue<f64>,
    shown_revision: StoredValue<(u64, f64)>,
    /// The cluster comes to rest after a line.
    settling: StoredValue<Option<(Shell, Settling)>>,
}

/// A message in the language of now, for what is written once and stays as it is.
fn said(session: Session, id: &str, args: &[(&str, &str)]) -> String {
    giljabi::locale::text(session.lang.get_untracked(), id, args)
}

/// Words of ours as a comment, in lines that a narrow screen has room for.
fn commented(words: &str) -> String {
    const COLUMNS: usize = 44;
    let width = |word: &str| word.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let (mut out, mut column) = (String::from("#"), 1);
    for word in words.split(' ') {
        if column > 1 && column + 1 + width(word) > COLUMNS {
            out.push_str("\n#");
            column = 1;
        }
        out.push(' ');
        out.push_str(word);
        column += 1 + width(word);
    }
    out.push('\n');
    out
}

impl Shells {
    pub fn new(session: Session) -> Shells {
        let history = keep::read("terminal.history").as_deref().and_then(keep::texts_from_json).unwrap_or_default();
        let shell = |number: usize| {
            let label = said(session, "term.number", &[("n", &(number + 1).to_string())]);
            let terminal = Terminal::new();
            let prompt = RwSignal::new(terminal.prompt());
            let inner = Inner {
                terminal,
                log: Log::new(&label),
                queue: VecDeque::new(),
                typed: String::new(),
                number: 0,
                state: State::Prompt,
            };
            Shell {
                number,
                inner: StoredValue::new_local(inner),
                prompt,
                running: RwSignal::new(false),
                waiting: RwSignal::new(false),
                place: RwSignal::new(Place::Computer),
                shown: RwSignal::new(0),
            }
        };
        let shells = Shells {
            session,
            all: std::array::from_fn(shell),
            open: RwSignal::new(vec![0]),
            large: RwSignal::new(false),
            draft: RwSignal::new(None),
            history: StoredValue::new(history),
            index: StoredValue::new((u64::MAX, Arc::default())),
            sent: StoredValue::new(Vec::new()),
            saved: StoredValue::new(Vec::new()),
            scheduled: StoredValue::new(false),
            last_tick: StoredValue::new(0.0),
            shown_revision: StoredValue::new((0, 0.0)),
            settling: StoredValue::new(None),
        };
        // At another desk everything begins anew.
        Effect::new(move |before: Option<usize>| {
            let seat = session.seat.get();
            if before.is_some_and(|b| b != seat) {
                shells.all.iter().for_each(|shell| shells.reset(*shell));
                shells.open.set(vec![0]);
                shells.draft.set(None);
                shells.sent.update_value(Vec::clear);
            }
            seat
        });
        shells
    }

    pub fn shell(self, number: usize) -> Shell {
        self.all[number.min(MOST - 1)]
    }

    fn reset(self, shell: Shell) {
        shell.inner.update_value(|i| {
            i.terminal = Terminal::new();
            i.log.clear();
            i.queue.clear();
            i.state = State::Prompt;
        });
        self.settle_signals(shell);
    }

    /// Opens one more terminal, if there is room; its number.
    pub fn open_another(self) -> Option<usize> {
        let open = self.open.get_untracked();
        let free = (0..MOST).find(|n| !open.contains(n))?;
        self.open.update(|list| list.push(free));
        Some(free)
    }

    /// Ends what runs in a terminal and closes it; the last one stays open, as new.
    pub fn close(self, number: usize) {
        let shell = self.shell(number);
        self.interrupt(shell);
        let tabs = self.session.pairs();
        self.session.at_computer(|cluster, computer| {
            shell.inner.update_value(|i| i.terminal.hang_up(cluster, computer, &tabs));
        });
        self.reset(shell);
        self.open.update(|list| {
            if list.len() > 1 {
                list.retain(|n| *n != number);
            }
        });
    }

    /// The lines typed so far, oldest first.
    pub fn history(self) -> Vec<String> {
        self.history.get_value()
    }

    fn remember(self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        self.history.update_value(|history| {
            if history.last().map(String::as_str) != Some(line) {
                history.push(line.to_string());
            }
            if history.len() > KEPT {
                history.drain(..history.len() - KEPT);
            }
            keep::write("terminal.history", &keep::texts_to_json(history));
        });
    }

    /// Takes a line that was typed into a terminal.
    pub fn enter(self, shell: Shell, line: &str) {
        self.remember(line);
        shell.inner.update_value(|i| i.queue.push_back(line.to_string()));
        self.take_lines(shell);
        self.schedule();
    }

    /// Gives the waiting lines to who reads them now.
    fn take_lines(self, shell: Shell) {
        loop {
            let reading = shell.inner.with_value(|i| i.state == State::Reading);
            let running = shell.inner.with_value(|i| i.terminal.is_running());
            if running && !reading {
                return;
            }
            let mut next = None;
            shell.inner.update_value(|i| next = i.queue.pop_front());
            let Some(line) = next else { return };
            let store = self.session.state.get_untracked();
            let mut events = Vec::new();
            shell.inner.update_value(|i| {
                if running {
                    i.log.write(&format!("{line}\n"), false, &Index::default(), "");
                    i.terminal.give(&line);
                    i.state = State::Busy;
                    return;
                }
                i.number += 1;
                let hint = Hint::of(&store.store, &line);
                i.log.typed(&i.terminal.prompt(), &line, i.number, hint);
                i.typed = line.clone();
                i.terminal.history = self.history.get_value();
                events = i.terminal.enter(&line);
                i.state = if i.terminal.is_running() { State::Busy } else { State::Prompt };
            });
            self.show(shell, events);
            self.settle_signals(shell);
        }
    }

    /// Ctrl-C.
    pub fn interrupt(self, shell: Shell) {
        let mut events = Vec::new();
        let ran = shell.inner.with_value(|i| i.terminal.is_running().then(|| i.typed.clone()));
        let tabs = self.session.pairs();
        self.session.at_computer(|cluster, computer| {
            shell.inner.update_value(|i| {
                i.queue.clear();
                events = i.terminal.interrupt(cluster, computer, &tabs);
                i.state = State::Prompt;
            });
        });
        if ran.is_some() {
            shell.inner.update_value(|i| i.log.write("^C\n", false, &Index::default(), ""));
        }
        self.show(shell, events);
        if let Some(line) = ran {
            self.session.note_ran(&line, giljabi::lesson::desk::INTERRUPTED);
        }
        if self.draft.with_untracked(|d| d.as_ref().is_some_and(|d| d.shell == shell.number)) {
            self.draft.set(None);
        }
        self.settle_signals(shell);
        self.session.show_changes();
    }

    /// Ctrl-D.
    pub fn end_of_input(self, shell: Shell) {
        let mut events = Vec::new();
        shell.inner.update_value(|i| {
            events = i.terminal.end_of_input();
            if i.terminal.is_running() {
                i.typed = "exit".to_string();
                i.state = State::Busy;
            }
        });
        self.show(shell, events);
        self.schedule();
    }

    /// What the word before the cursor may become: where it begins, and the candidates.
    pub fn complete(self, shell: Shell, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let tabs = self.session.pairs();
        let found = self.session.at_computer(|cluster, computer| {
            shell.inner.with_value(|i| i.terminal.complete(cluster, computer, &tabs, line, cursor))
        });
        found.unwrap_or_default()
    }

    /// Shows what a line could become, below it.
    pub fn show_candidates(self, shell: Shell, line: &str, candidates: &[String]) {
        let widest = candidates.iter().map(|c| c.chars().count()).max().unwrap_or(0) + 2;
        let columns = (96 / widest).max(1);
        let rows: Vec<String> = candidates
            .chunks(columns)
            .map(|row| row.iter().map(|c| format!("{c:<widest$}")).collect::<String>().trim_end().to_string())
            .collect();
        shell.inner.update_value(|i| {
            i.number += 1;
            i.log.typed(&i.terminal.prompt(), line, i.number, Hint::default());
            i.log.write(&format!("{}\n", rows.join("\n")), false, &Index::default(), "");
        });
        shell.shown.update(|n| *n += 1);
    }

    /// An editor was left: saved, or closed without saving.
    pub fn edited(self, text: Option<String>) {
        let Some(draft) = self.draft.get_untracked() else { return };
        self.draft.set(None);
        self.session.at_computer(|_, computer| computer.saved.insert(draft.file, text));
        self.session.at_computer(|cluster, _| cluster.run_for(Duration::millis(200)));
        self.schedule();
    }

    /// Lets the cluster's time run on to where the first of the waiting commands goes on.
    pub fn skip(self) {
        if let Some(until) = self.soonest() {
            self.session.at_computer(|cluster, _| {
                let left = until.since(cluster.now());
                cluster.run_for(left.max(Duration::micros(1)));
            });
        }
        self.schedule();
    }

    fn soonest(self) -> Option<Time> {
        let state = |shell: &Shell| shell.inner.with_value(|i| i.terminal.is_running().then_some(i.state));
        let until = |state| match state {
            State::Waiting(until) => Some(until),
            _ => None,
        };
        let waiting = self.all.iter().filter_map(state).filter_map(until);
        waiting.chain(self.all.iter().filter_map(|shell| self.background(*shell))).min()
    }

    /// When a terminal's background goes on, if it has one.
    fn background(self, shell: Shell) -> Option<Time> {
        let at = self.session.at_computer(|cluster, _| {
            let now = cluster.now();
            shell.inner.with_value(|i| i.terminal.background(now))
        });
        at.flatten()
    }

    /// Asks for a slice of work at the next frame.
    fn schedule(self) {
        if self.scheduled.get_value() {
            return;
        }
        self.scheduled.set_value(true);
        self.last_tick.set_value(now());
        self.next_slice();
    }

    fn next_slice(self) {
        request_animation_frame(move || {
            if self.slice() {
                self.next_slice();
            } else {
                self.scheduled.set_value(false);
            }
        });
    }

    /// Works for some milliseconds. True: there is more to do.
    fn slice(self) -> bool {
        let began = now();
        let elapsed = (began - self.last_tick.get_value()).clamp(0.0, 250.0);
        self.last_tick.set_value(began);
        if self.soonest().is_some() {
            self.session.at_computer(|cluster, _| cluster.run_for(Duration::micros((elapsed * 1_000.0) as u64)));
        }
        let tabs = self.session.pairs();
        let mut busy = false;
        for shell in self.all {
            while shell.inner.with_value(|i| i.terminal.is_running() && i.state != State::Reading) {
                let mut events = Vec::new();
                let mut state = State::Prompt;
                self.session.at_computer(|cluster, computer| {
                    shell.inner.update_value(|i| {
                        (state, events) = i.terminal.step(cluster, computer, &tabs);
                        i.state = state;
                    });
                });
                let silent = events.is_empty();
                self.show(shell, events);
                if !shell.inner.with_value(|i| i.terminal.is_running()) {
                    self.finished(shell);
                }
                if matches!(state, State::Waiting(_)) {
                    break;
                }
                // A flood is shown once a frame.
                if now() - began > SLICE || !silent && now() - began > SLICE / 2.0 {
                    busy = true;
                    break;
                }
            }
            // What runs in the background goes on while the person types; beside a line that runs, with every step of that.
            if !shell.inner.with_value(|i| i.terminal.is_running()) && self.background(shell).is_some() {
                let mut events = Vec::new();
                self.session.at_computer(|cluster, computer| {
                    shell.inner.update_value(|i| (_, events) = i.terminal.step(cluster, computer, &tabs));
                });
                self.show(shell, events);
            }
            self.settle_signals(shell);
            self.take_lines(shell);
            busy |= shell.inner.with_value(|i| i.state == State::Busy && i.terminal.is_running());
        }
        busy |= self.settle();
        self.show_cluster(!busy && self.soonest().is_none());
        busy || self.soonest().is_some()
    }

    /// A line has run to its end (or has opened an inner shell).
    fn finished(self, shell: Shell) {
        let (line, status) = shell.inner.with_value(|i| (i.typed.clone(), i.terminal.status()));
        shell.inner.update_value(|i| i.state = State::Prompt);
        self.session.note_ran(&line, status);
        // As after an edit, the cluster comes to rest; but not while another terminal watches it.
        if self.all.iter().all(|other| other.inner.with_value(|i| !i.terminal.is_running())) {
            let settling = self.session.at_computer(|cluster, _| cluster.settling());
            self.settling.set_value(settling.map(|settling| (shell, settling)));
        }
    }

    /// Lets the cluster go on to its rest: at once, unless it takes so long that the page would stand still. True: it is not
    /// there yet. A new line finds it where it is.
    fn settle(self) -> bool {
        let began = now();
        let Some((shell, mut run)) = self.settling.try_update_value(Option::take).flatten() else { return false };
        if self.all.iter().any(|shell| shell.inner.with_value(|i| i.terminal.is_running())) {
            return false;
        }
        loop {
            let rests = self.session.at_computer(|cluster, _| (0..32).any(|_| cluster.settle_on(&mut run).is_some()));
            if rests != Some(false) {
                let restless = self.session.at_computer(|cluster, _| cluster.why_restless()).flatten();
                if let Some(restless) = restless {
                    let words = restless.message.text(self.session.lang.get_untracked());
                    shell.inner.update_value(|i| i.log.write(&commented(&words), false, &Index::default(), ""));
                    shell.shown.update(|n| *n += 1);
                }
                return false;
            }
            if now() - began > AT_ONCE {
                self.settling.set_value(Some((shell, run)));
                return true;
            }
        }
    }

    /// Shows the cluster when it has changed; not at every frame, because the whole page follows.
    fn show_cluster(self, last: bool) {
        let revision = self.session.at_computer(|cluster, _| cluster.store().revision()).unwrap_or(0);
        let (shown, at) = self.shown_revision.get_value();
        let old = now() - at;
        if last || (revision != shown && old > 150.0) || old > 1_000.0 {
            self.shown_revision.set_value((revision, now()));
            self.session.show_changes();
        }
    }

    /// The names that lead somewhere, as the cluster is now.
    fn index(self) -> Arc<Index> {
        let found = self.session.at_computer(|cluster, _| {
            let revision = cluster.store().revision();
            let (known, index) = self.index.get_value();
            if known == revision {
                return index;
            }
            let index = Arc::new(Index::new(cluster.store()));
            self.index.set_value((revision, index.clone()));
            index
        });
        found.unwrap_or_default()
    }

    fn show(self, shell: Shell, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let title = said(self.session, "term.explain", &[]);
        for event in events {
            match event {
                Event::Out(text) | Event::Err(text) if text.is_empty() => {}
                Event::Out(text) => {
                    let index = self.index();
                    shell.inner.update_value(|i| i.log.write(&text, false, &index, &title));
                }
                Event::Err(text) => {
                    let index = self.index();
                    shell.inner.update_value(|i| i.log.write(&text, true, &index, &title));
                }
                Event::Trace(trace) => {
                    let typed = shell.inner.with_value(|i| Typed {
                        shell: shell.number,
                        command: i.number,
                        text: i.typed.clone(),
                    });
                    let sent = self.session.take_trace(*trace, Some(typed));
                    self.session.player.play();
                    let outcome = why::symptom(&sent.trace.outcome, self.session.lang.get_untracked());
                    let number = sent.number.to_string();
                    let words = said(self.session, "term.request", &[("n", &number), ("outcome", &outcome)]);
                    let good = sent.trace.outcome.is_success();
                    let light = said(self.session, "term.light", &[]);
                    let command = shell.inner.with_value(|i| {
                        i.log.chip(i.number, sent.number, &words, good, &light);
                        i.number
                    });
                    self.sent.update_value(|all| all.push((shell.number, command, sent)));
                }
                Event::Clear => shell.inner.update_value(|i| i.log.clear()),
                Event::Saved { name, bytes } => {
                    let words = said(self.session, "term.save_file", &[("name", &name)]);
                    let number = self.saved.with_value(Vec::len);
                    self.saved.update_value(|all| all.push((name, bytes)));
                    shell.inner.update_value(|i| i.log.offer(&words, number));
                }
                Event::Edit { file, title, text } => {
                    self.draft.set(Some(Draft { shell: shell.number, file, title, text }));
                }
                Event::Exit => {
                    if self.open.read_untracked().len() > 1 {
                        let number = shell.number;
                        set_timeout(move || self.close(number), std::time::Duration::ZERO);
                    } else {
                        let words = said(self.session, "term.closed", &[]);
                        shell.inner.update_value(|i| {
                            i.terminal = Terminal::new();
                            i.log.note(&words);
                        });
                    }
                }
            }
        }
        shell.shown.update(|n| *n += 1);
    }

    fn settle_signals(self, shell: Shell) {
        let (prompt, running, state, place) = shell
            .inner
            .with_value(|i| (i.terminal.prompt(), i.terminal.is_running(), i.state, i.terminal.place().clone()));
        let waiting = running && matches!(state, State::Waiting(_));
        // Signals wake who reads them even when nothing changed, so they are set only when something did.
        if *shell.prompt.read_untracked() != prompt {
            shell.prompt.set(prompt);
        }
        if shell.running.get_untracked() != running {
            shell.running.set(running);
        }
        if shell.waiting.get_untracked() != waiting {
            shell.waiting.set(waiting);
        }
        if *shell.place.read_untracked() != place {
            shell.place.set(place);
        }
    }

    /// A request that a terminal sent, by its number.
    pub fn sent(self, number: usize) -> Option<Arc<Sent>> {
        self.sent.with_value(|all| all.iter().find(|(_, _, s)| s.number == number).map(|(_, _, s)| s.clone()))
    }

    /// The last request that a command sent.
    pub fn sent_by(self, shell: Shell, command: usize) -> Option<Arc<Sent>> {
        let own = |(s, c, _): &&(usize, usize, Arc<Sent>)| (*s, *c) == (shell.number, command);
        self.sent.with_value(|all| all.iter().rev().find(own).map(|(.., sent)| sent.clone()))
    }

    /// Hands a capture file to the browser, which keeps it wherever the person keeps files.
    pub fn take_along(self, number: usize) {
        if let Some((name, bytes)) = self.saved.with_value(|all| all.get(number).cloned()) {
            let bytes = js_sys::Uint8Array::from(bytes.as_slice());
            leave::save(&name, "application/vnd.tcpdump.pcap", &bytes);
        }
    }

    /// What there is to say about a line of a command's output: our words, and what went wrong with the request, if it sent one.
    pub fn explain(self, shell: Shell, command: usize, line: &str) -> Vec<String> {
        let lang = self.session.lang.get_untracked();
        let mut words: Vec<String> = giljabi::shell::explain::explain(line).map(|m| m.text(lang)).into_iter().collect();
        let failed = self.sent.with_value(|all| {
            let own = |(s, c, sent): &&(usize, usize, Arc<Sent>)| {
                *s == shell.number && *c == command && sent.trace.outcome.failure().is_some()
            };
            all.iter().rev().find(own).map(|(_, _, sent)| sent.clone())
        });
        if let Some(failure) = failed.as_ref().and_then(|sent| sent.trace.outcome.failure()) {
            let cause = Message::new("term.cause").with("cause", why::cause(failure, lang));
            let mend = Message::new("term.mend").with("mend", why::mend(failure, lang));
            words.extend([cause.text(lang), mend.text(lang)]);
        }
        words
    }
}
