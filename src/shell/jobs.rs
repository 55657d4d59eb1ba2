//! What runs in the background of a terminal (`command &`), and what is asked of it: `jobs`, `wait`, `kill %1`, `fg`.

use super::machine::{Io, Machine, Poll, Process, emit};
use super::world::{Computer, Event, World};
use crate::api::time::Time;
use crate::cluster::Cluster;
use std::rc::Rc;

/// How many may run at once; a fork bomb gets no further.
const MOST: usize = 32;

/// What a job is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Done(i32),
    Ended,
}

#[derive(Clone, Debug)]
struct Entry {
    /// `%1`.
    number: usize,
    pid: u32,
    line: Rc<str>,
    state: State,
}

/// The table that commands look at and write their wishes on.
#[derive(Default)]
pub struct Board {
    entries: Vec<Entry>,
    /// Sent into the background since the last look.
    sent: Vec<(u32, Machine)>,
    ended: Vec<u32>,
    brought_back: Option<u32>,
    /// How many were ever sent, for process numbers.
    count: u32,
}

impl Board {
    /// Sends a machine into the background, which runs what `line` says; its number and its process number.
    pub fn send(&mut self, machine: Machine, line: Rc<str>) -> Option<(usize, u32)> {
        if self.entries.iter().filter(|e| e.state == State::Running).count() >= MOST {
            return None;
        }
        self.count += 1;
        let pid = 4_242 + self.count;
        let number = self.entries.iter().map(|e| e.number).max().unwrap_or(0) + 1;
        self.entries.push(Entry { number, pid, line, state: State::Running });
        self.sent.push((pid, machine));
        Some((number, pid))
    }

    pub fn is_running(&self) -> bool {
        self.entries.iter().any(|e| e.state == State::Running)
    }

    /// What `jobs` prints.
    pub fn listing(&self) -> String {
        let last = self.entries.len();
        self.entries.iter().enumerate().map(|(i, e)| self.shown(e, last - i)).collect()
    }

    fn shown(&self, entry: &Entry, from_last: usize) -> String {
        let mark = match from_last {
            1 => '+',
            2 => '-',
            _ => ' ',
        };
        let (state, tail) = match entry.state {
            State::Running => ("Running".to_string(), " &"),
            State::Done(0) => ("Done".to_string(), ""),
            State::Done(code) => (format!("Exit {code}"), ""),
            State::Ended => ("Terminated".to_string(), ""),
        };
        format!("[{}]{mark}  {state:<24}{}{tail}\n", entry.number, entry.line)
    }

    /// A job by `%1`, `%+`, or its process number.
    pub fn find(&self, word: &str) -> Option<u32> {
        let running = |e: &&Entry| e.state == State::Running;
        let number = word.strip_prefix('%');
        let found = match number {
            Some("+" | "%" | "") => self.entries.iter().rev().find(running),
            Some(number) => self.entries.iter().filter(running).find(|e| e.number.to_string() == number),
            None => self.entries.iter().filter(running).find(|e| e.pid.to_string() == word),
        };
        found.map(|e| e.pid)
    }

    pub fn end(&mut self, pid: u32) {
        self.ended.push(pid);
    }

    /// Brings a job into the foreground; its line.
    pub fn bring_back(&mut self, pid: u32) -> String {
        self.brought_back = Some(pid);
        self.entries.iter().find(|e| e.pid == pid).map_or(String::new(), |e| e.line.to_string())
    }
}

struct Job {
    pid: u32,
    machine: Machine,
    io: Io,
    wait: Option<Time>,
}

/// The background of one terminal.
#[derive(Default)]
pub struct Jobs {
    pub board: Board,
    running: Vec<Job>,
}

impl Jobs {
    pub fn is_empty(&self) -> bool {
        self.running.is_empty() && self.board.sent.is_empty()
    }

    /// When something next happens here: at once, or at a moment.
    pub fn next(&self, now: Time) -> Time {
        let wait = self.running.iter().map(|j| j.wait.unwrap_or(now));
        wait.min().filter(|_| self.board.sent.is_empty() && self.board.ended.is_empty()).unwrap_or(now)
    }

    /// Which jobs somebody wants to end, taken out of what runs.
    fn leaving(&mut self) -> Vec<Job> {
        let ended = std::mem::take(&mut self.board.ended);
        for entry in self.board.entries.iter_mut().filter(|e| ended.contains(&e.pid)) {
            entry.state = State::Ended;
        }
        let (leaving, staying) = std::mem::take(&mut self.running).into_iter().partition(|j| ended.contains(&j.pid));
        self.running = staying;
        leaving
    }

    /// Ends all of them.
    pub fn hang_up(&mut self) {
        self.board.ended = self.running.iter().map(|j| j.pid).collect();
    }

    /// The job that somebody brings into the foreground.
    pub fn brought_back(&mut self) -> Option<(Machine, Io)> {
        let pid = self.board.brought_back.take()?;
        let at = self.running.iter().position(|j| j.pid == pid)?;
        let job = self.running.remove(at);
        self.board.entries.retain(|e| e.pid != pid);
        Some((job.machine, job.io))
    }

    /// What the shell tells before its next prompt: the jobs that are done.
    pub fn told(&mut self, events: &mut Vec<Event>) {
        let last = self.board.entries.len();
        let lines: String = (self.board.entries.iter().enumerate())
            .filter(|(_, e)| e.state != State::Running)
            .map(|(i, e)| self.board.shown(e, last - i))
            .collect();
        self.board.entries.retain(|e| e.state == State::Running);
        if !lines.is_empty() {
            events.push(Event::Out(lines));
        }
    }

    /// Lets every job go on a little.
    pub fn step(
        &mut self,
        cluster: &mut Cluster,
        computer: &mut Computer,
        tabs: &[(String, String)],
        events: &mut Vec<Event>,
    ) {
        for (pid, machine) in std::mem::take(&mut self.board.sent) {
            self.running.push(Job { pid, machine, io: Io { input_ended: true, ..Io::default() }, wait: None });
        }
        if self.running.is_empty() {
            return;
        }
        let leaving = self.leaving();
        let Jobs { board, running } = self;
        let now = cluster.now();
        let mut done = Vec::new();
        let mut world = World { cluster, computer, tabs, events, ended_session: None, jobs: board };
        for mut job in leaving {
            job.machine.interrupt(&mut world, &mut job.io);
            emit(&mut job.io, world.events);
        }
        for job in running.iter_mut().filter(|j| j.wait.is_none_or(|t| t <= now)) {
            job.wait = None;
            match job.machine.step(&mut world, &mut job.io) {
                Poll::Done(code) => done.push((job.pid, code)),
                Poll::Wait(until) => job.wait = Some(until),
                // A shell that nobody can type into.
                Poll::Session(..) => done.push((job.pid, 0)),
                Poll::More | Poll::Input => {}
            }
            emit(&mut job.io, world.events);
        }
        for (pid, code) in done {
            self.running.retain(|j| j.pid != pid);
            for entry in self.board.entries.iter_mut().filter(|e| e.pid == pid) {
                entry.state = State::Done(code);
            }
        }
    }
}
