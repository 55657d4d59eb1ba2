//! A terminal: the shells that stand in one another (the computer's, a container's, a node's), the line that runs, history
//! and completion. The host gives it lines and lets it step as simulated time goes by.

use super::env::{Env, Place};
use super::jobs::{Board, Jobs};
use super::lex::{TOO_LONG, end_of_document};
use super::machine::{Io, Machine, Poll, Process, emit};
use super::parse::{self, Problem};
use super::programs;
use super::world::{Computer, Event, World};
use crate::api::time::Time;
use crate::arrange::Arrange;
use crate::cluster::Cluster;
use crate::kubectl::{flags, verbs};

/// How long a history may grow.
const MOST_HISTORY: usize = 1_000;
/// How much a line may print before it is stopped.
const MOST_OUTPUT: usize = 16 << 20;
/// The longest line (or here-document) that is read.
const LONGEST_INPUT: usize = 1 << 20;
/// How long a line may become by what history puts into it. Nobody types so much, and a line of redirections weighs a thousand
/// times what its text does.
const LONGEST_RECALL: usize = 1 << 16;
/// How many bytes all lines of the history have together.
const LONGEST_HISTORY: usize = 4 << 20;

/// Whether something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// A prompt stands there.
    Prompt,
    /// It has more to do at once.
    Busy,
    /// Nothing to do before this moment of simulated time.
    Waiting(Time),
    /// It waits for a line ([`Terminal::give`]) or for the end of input.
    Reading,
}

struct Level {
    env: Env,
    /// What runs in this shell.
    job: Option<Machine>,
    io: Io,
    wait: Option<Time>,
    /// What this shell knew when a job of the background was brought into the foreground.
    kept: Option<Env>,
}

impl Level {
    fn new(env: Env) -> Level {
        Level { env, job: None, io: Io::default(), wait: None, kept: None }
    }
}

/// One terminal.
pub struct Terminal {
    levels: Vec<Level>,
    jobs: Jobs,
    /// Lines that are not finished yet.
    open: String,
    /// The line that ends the here-document in them.
    until: Option<String>,
    pub history: Vec<String>,
    printed: usize,
}

impl Default for Terminal {
    fn default() -> Terminal {
        Terminal::new()
    }
}

impl Terminal {
    /// A terminal on the learner's computer.
    pub fn new() -> Terminal {
        Terminal {
            levels: vec![Level::new(Env::new(Place::Computer))],
            jobs: Jobs::default(),
            open: String::new(),
            until: None,
            history: Vec::new(),
            printed: 0,
        }
    }

    /// Where the innermost shell stands.
    pub fn place(&self) -> &Place {
        self.levels.last().map_or(&Place::Computer, |l| &l.env.place)
    }

    /// What stands before the next line.
    pub fn prompt(&self) -> String {
        if self.is_running() {
            return String::new();
        }
        if !self.open.is_empty() {
            return "> ".to_string();
        }
        let Some(level) = self.levels.last() else { return String::new() };
        let env = &level.env;
        let folder = match env.folder.strip_prefix(env.place.home()) {
            Some("") => "~".to_string(),
            Some(rest) if env.place.home() != "/" => format!("~{rest}"),
            _ => env.folder.clone(),
        };
        match &env.place {
            Place::Computer if folder == "~" => "$ ".to_string(),
            Place::Computer => format!("{folder} $ "),
            Place::Node { name } => format!("root@{name}:{folder}# "),
            Place::Container { hostname, .. } if env.place.is_busybox() => {
                let _ = hostname;
                format!("{} # ", env.folder)
            }
            Place::Container { hostname, .. } => format!("root@{hostname}:{}# ", env.folder),
        }
    }

    /// Takes a line that was typed. Nothing has run yet when this returns: [`Terminal::step`] runs it.
    pub fn enter(&mut self, line: &str) -> Vec<Event> {
        if self.is_running() {
            return Vec::new();
        }
        let (line, recalled) = match self.recall(line) {
            Ok(Some(line)) => (line.clone(), vec![Event::Err(format!("{line}\n"))]),
            Ok(None) => (line.to_string(), Vec::new()),
            Err(problem) => return vec![Event::Err(format!("bash: {problem}\n"))],
        };
        let line = line.as_str();
        if self.open.len() + line.len() > LONGEST_INPUT {
            self.open.clear();
            return vec![Event::Err(format!("bash: {TOO_LONG}\n"))];
        }
        if self.open.is_empty() && !line.trim().is_empty() && self.history.last().map(String::as_str) != Some(line) {
            self.remember(line);
        }
        // A long here-document is not read again with each of its lines.
        let goes_on = |until: &String| !line.contains('\n') && line.trim_matches(['\t', '\r']) != until;
        if !self.open.is_empty() && self.until.as_ref().is_some_and(goes_on) {
            self.open.push('\n');
            self.open.push_str(line);
            return recalled;
        }
        let text = if self.open.is_empty() { line.to_string() } else { format!("{}\n{line}", self.open) };
        // The line's end closes a here-document that ends here.
        match parse::parse(&format!("{text}\n")) {
            Ok(list) => {
                self.open.clear();
                self.printed = 0;
                if let Some(level) = self.levels.last_mut() {
                    level.job = Some(Machine::new(level.env.clone(), &list, 0));
                    level.io = Io { tty: true, ..Io::default() };
                    level.wait = None;
                }
                recalled
            }
            Err(Problem::Unfinished(words)) => {
                self.until = end_of_document(&words).map(str::to_string);
                self.open = text;
                recalled
            }
            Err(Problem::Syntax(words)) => {
                self.open.clear();
                if let Some(level) = self.levels.last_mut() {
                    level.env.status = 2;
                }
                vec![Event::Err(format!("bash: {words}\n"))]
            }
        }
    }

    /// Puts a line into the history, from which the oldest go when there are too many or they are too long together.
    fn remember(&mut self, line: &str) {
        self.history.push(line.to_string());
        let mut bytes: usize = self.history.iter().map(String::len).sum();
        let mut over = |line: &String| {
            bytes -= line.len();
            bytes + line.len() > LONGEST_HISTORY
        };
        let many = self.history.len().saturating_sub(MOST_HISTORY);
        let long = self.history.iter().map_while(|l| over(l).then_some(())).count();
        self.history.drain(..many.max(long).min(self.history.len() - 1));
    }

    /// `!!`, `!$`, `!word`: the line with what history puts there; `None`: there is nothing to put.
    fn recall(&self, line: &str) -> Result<Option<String>, String> {
        if !line.contains('!') || line.contains('\'') || !self.open.is_empty() {
            return Ok(None);
        }
        let last = self.history.last().cloned();
        let missing = |event: &str| format!("{event}: event not found");
        if line.contains("!!") {
            return put(line, "!!", &last.ok_or_else(|| missing("!!"))?).map(Some);
        }
        if line.contains("!$") {
            let last = last.ok_or_else(|| missing("!$"))?;
            return put(line, "!$", last.split_whitespace().last().unwrap_or("")).map(Some);
        }
        let Some(word) = line.strip_prefix('!').filter(|w| w.starts_with(|c: char| c.is_ascii_alphanumeric())) else {
            return Ok(None);
        };
        let found = match word.parse::<usize>() {
            Ok(number) => number.checked_sub(1).and_then(|n| self.history.get(n)),
            Err(_) => self.history.iter().rev().find(|l| l.starts_with(word)),
        };
        found.cloned().map(Some).ok_or_else(|| missing(line))
    }

    /// A line for the program that runs.
    pub fn give(&mut self, line: &str) {
        if let Some(level) = self.levels.last_mut().filter(|l| l.io.input.len() + line.len() < LONGEST_INPUT) {
            level.io.input.push_str(line);
            level.io.input.push('\n');
        }
    }

    /// The end of input (Ctrl-D): the program that runs gets no more lines; without one, what is open is given up, and the
    /// innermost shell is left.
    pub fn end_of_input(&mut self) -> Vec<Event> {
        if self.is_running() {
            if let Some(level) = self.levels.last_mut() {
                level.io.input_ended = true;
            }
            return Vec::new();
        }
        if !self.open.is_empty() {
            let text = std::mem::take(&mut self.open);
            let words = match parse::parse(&text) {
                Err(Problem::Unfinished(words) | Problem::Syntax(words)) => words,
                Ok(_) => String::new(),
            };
            return vec![Event::Err(format!("bash: {words}\n"))];
        }
        self.enter("exit")
    }

    /// Whether a line is running (and lines typed now would not be read).
    pub fn is_running(&self) -> bool {
        self.levels.last().is_some_and(|l| l.job.is_some())
    }

    /// When what runs in the background goes on; `None`: nothing does.
    pub fn background(&self, now: Time) -> Option<Time> {
        (!self.jobs.is_empty()).then(|| self.jobs.next(now))
    }

    /// Ends everything that runs: the terminal is closed.
    pub fn hang_up(&mut self, cluster: &mut Cluster, computer: &mut Computer, tabs: &[(String, String)]) {
        let mut events = Vec::new();
        while self.levels.len() > 1 || self.is_running() {
            self.interrupt(cluster, computer, tabs);
            if self.levels.len() > 1 {
                self.levels.pop();
            }
        }
        self.jobs.hang_up();
        self.jobs.step(cluster, computer, tabs, &mut events);
    }

    /// `$?` of the innermost shell.
    pub fn status(&self) -> i32 {
        self.levels.last().map_or(0, |l| l.env.status)
    }

    /// Lets what runs go on a little.
    pub fn step(
        &mut self,
        cluster: &mut Cluster,
        computer: &mut Computer,
        tabs: &[(String, String)],
    ) -> (State, Vec<Event>) {
        let mut events = Vec::new();
        self.jobs.step(cluster, computer, tabs, &mut events);
        let now = cluster.now();
        let Some(level) = self.levels.last_mut() else { return (State::Prompt, events) };
        let Some(job) = level.job.as_mut() else { return (State::Prompt, events) };
        if let Some(until) = level.wait.filter(|t| *t > now) {
            return (State::Waiting(until), events);
        }
        level.wait = None;
        if computer.history.last() != self.history.last() || computer.history.len() != self.history.len() {
            computer.history.clone_from(&self.history);
        }
        let mut world =
            World { cluster, computer, tabs, events: &mut events, ended_session: None, jobs: &mut self.jobs.board };
        let poll = job.step(&mut world, &mut level.io);
        for event in &events {
            if let Event::Trace(trace) = event {
                computer.wire.note((**trace).clone());
            }
        }
        self.printed += level.io.out.len() + level.io.err.len();
        emit(&mut level.io, &mut events);
        if self.printed > MOST_OUTPUT {
            events.extend(self.interrupt(cluster, computer, tabs));
            events.push(Event::Err("\nbash: stopped: too much output\n".to_string()));
            return (State::Prompt, events);
        }
        let state = match poll {
            Poll::More => State::Busy,
            Poll::Wait(until) => {
                level.wait = Some(until);
                State::Waiting(until)
            }
            Poll::Input if level.io.input_ended => State::Busy,
            Poll::Input => State::Reading,
            Poll::Session(env, greeting) => {
                if !greeting.is_empty() {
                    events.push(Event::Err(greeting));
                }
                if self.levels.len() >= 16 {
                    events.push(Event::Err("bash: too many nested shells\n".to_string()));
                } else {
                    self.levels.push(Level::new(*env));
                }
                State::Prompt
            }
            Poll::Done(code) => {
                let exited = job.has_exited() && level.kept.is_none();
                level.env = level.kept.take().unwrap_or_else(|| job.env.clone());
                level.env.status = code;
                level.job = None;
                if let Some((machine, io)) = self.jobs.brought_back() {
                    level.kept = Some(level.env.clone());
                    (level.job, level.io) = (Some(machine), Io { tty: true, input_ended: false, ..io });
                    return (State::Busy, events);
                }
                if !exited {
                    self.jobs.step(cluster, computer, tabs, &mut events);
                    self.jobs.told(&mut events);
                }
                if exited { self.leave(cluster, computer, tabs, code, &mut events) } else { State::Prompt }
            }
        };
        (state, events)
    }

    /// The innermost shell ends.
    fn leave(
        &mut self,
        cluster: &mut Cluster,
        computer: &mut Computer,
        tabs: &[(String, String)],
        code: i32,
        events: &mut Vec<Event>,
    ) -> State {
        if self.levels.len() == 1 {
            events.push(Event::Exit);
            return State::Prompt;
        }
        self.levels.pop();
        let Some(level) = self.levels.last_mut() else { return State::Prompt };
        if let Some(job) = level.job.as_mut() {
            let mut world =
                World { cluster, computer, tabs, events, ended_session: Some(code), jobs: &mut self.jobs.board };
            let poll = job.step(&mut world, &mut level.io);
            emit(&mut level.io, events);
            if let Poll::Done(code) = poll {
                level.env = job.env.clone();
                level.env.status = code;
                level.job = None;
                return State::Prompt;
            }
            return State::Busy;
        }
        State::Prompt
    }

    /// Ctrl-C.
    pub fn interrupt(
        &mut self,
        cluster: &mut Cluster,
        computer: &mut Computer,
        tabs: &[(String, String)],
    ) -> Vec<Event> {
        let mut events = Vec::new();
        self.open.clear();
        let Some(level) = self.levels.last_mut() else { return events };
        if let Some(mut job) = level.job.take() {
            let mut world =
                World { cluster, computer, tabs, events: &mut events, ended_session: None, jobs: &mut self.jobs.board };
            job.interrupt(&mut world, &mut level.io);
            emit(&mut level.io, &mut events);
            level.env = level.kept.take().unwrap_or(job.env);
            level.env.status = 130;
            level.wait = None;
        }
        events
    }

    /// What the word at `cursor` (in bytes) may become: where it begins, and the candidates.
    pub fn complete(
        &self,
        cluster: &mut Cluster,
        computer: &mut Computer,
        tabs: &[(String, String)],
        line: &str,
        cursor: usize,
    ) -> (usize, Vec<String>) {
        let Some(level) = self.levels.last() else { return (0, Vec::new()) };
        let env = &level.env;
        let before = line.get(..cursor).unwrap_or(line);
        let command_start = before.rfind(['|', ';', '&', '(']).map_or(0, |i| i + 1);
        let start = before
            .char_indices()
            .rfind(|(_, c)| c.is_whitespace() || "|;&(,=".contains(*c))
            .map_or(0, |(i, c)| i + c.len_utf8());
        let part = &before[start..];
        let mut events = Vec::new();
        let mut board = Board::default();
        let world = World { cluster, computer, tabs, events: &mut events, ended_session: None, jobs: &mut board };
        let words: Vec<&str> = before[command_start..start].split_whitespace().collect();
        let mut found: Vec<String> = match words.first().copied() {
            None => programs::names(&world, env).into_iter().map(str::to_string).collect(),
            Some("kubectl" | "k") if env.place == Place::Computer => kubectl_words(&world, &words[1..], part),
            Some("ssh") => world.cluster.settings().nodes.iter().map(|n| n.name.to_string()).collect(),
            Some("minikube") if words.len() == 1 => {
                ["addons", "ip", "service", "ssh", "status", "tunnel"].map(str::to_string).to_vec()
            }
            _ => Vec::new(),
        };
        let (folder, prefix) = part.rsplit_once('/').map_or((".", ""), |(f, _)| {
            (if f.is_empty() { "/" } else { f }, &part[..part.rfind('/').map_or(0, |i| i + 1)])
        });
        if !words.is_empty() && (found.is_empty() || matches!(words.last(), Some(&"-f" | &"--filename"))) {
            found = world.list(env, folder).unwrap_or_default().into_iter().map(|n| format!("{prefix}{n}")).collect();
        }
        found.retain(|f| f.starts_with(part));
        found.arrange();
        found.dedup();
        found.truncate(200);
        (start, found)
    }
}

/// A line with something in place of each mark, unless that makes it too long: a line of marks after a line of marks grows as
/// powers do.
fn put(line: &str, mark: &str, with: &str) -> Result<String, String> {
    let grown = line.len() + line.matches(mark).count() * with.len();
    if grown > LONGEST_RECALL { Err(TOO_LONG.to_string()) } else { Ok(line.replace(mark, with)) }
}

/// Verbs, kinds, names, namespaces, flags: what may follow on kubectl's command line.
fn kubectl_words(world: &World, words: &[&str], part: &str) -> Vec<String> {
    let cluster = &*world.cluster;
    let names = |kind: &str, namespace: &str| -> Vec<String> {
        let Some(resource) = crate::apiserver::resource::find_word(cluster.store(), kind) else { return Vec::new() };
        crate::kubectl::call::list(cluster, &resource, if resource.namespaced { namespace } else { "" })
            .iter()
            .map(|o| o.name().to_string())
            .collect()
    };
    let at = words.iter().position(|w| *w == "-n" || *w == "--namespace");
    let namespace = at
        .and_then(|i| words.get(i + 1))
        .map_or(world.computer.config.namespace(&world.computer.config.current), |n| n.to_string());
    match words.last().copied() {
        Some("-n" | "--namespace") => return names("namespaces", ""),
        Some("-f" | "--filename") => return Vec::new(),
        Some("-o" | "--output") => {
            return ["json", "name", "wide", "yaml", "jsonpath=", "custom-columns=", "go-template="]
                .map(str::to_string)
                .to_vec();
        }
        _ => {}
    }
    let plain: Vec<&str> = words
        .iter()
        .copied()
        .filter(|w| !w.starts_with('-'))
        .filter(|w| at.and_then(|i| words.get(i + 1)) != Some(w))
        .collect();
    let Some(verb) = plain.first().and_then(|w| verbs::find(w)) else {
        return verbs::VERBS.iter().map(|v| v.name().to_string()).collect();
    };
    if part.starts_with('-') {
        let tables = verb.flags.iter().copied().chain([flags::GLOBAL]);
        return tables.flat_map(flags::table).map(|f| format!("--{}", f.name)).collect();
    }
    if !verb.children().is_empty() && plain.len() == 1 {
        let mut found: Vec<String> = verb.children().iter().map(|v| v.name().to_string()).collect();
        found.arrange();
        return found;
    }
    match (verb.name(), plain.len()) {
        ("exec" | "logs" | "attach" | "port-forward", 1) => names("pods", &namespace),
        ("cordon" | "uncordon" | "drain", 1) => names("nodes", ""),
        (_, 1) => {
            let mut kinds: Vec<String> = crate::apiserver::resource::all(cluster.store())
                .flat_map(|r| std::iter::once(r.plural.clone()).chain(r.short_names.clone()).collect::<Vec<_>>())
                .map(|w| w.to_string())
                .collect();
            kinds.push("all".to_string());
            kinds
        }
        (_, _) => {
            let kind = if verb.children().is_empty() { plain[1] } else { plain.get(2).copied().unwrap_or("") };
            names(kind, &namespace)
        }
    }
}
