//! Runs what was parsed, step by step, so that a loop without end or a command that goes on never holds the page: each
//! [`Machine::step`] does a little and says what it waits for.
//!
//! A line becomes a few instructions with jumps (see [`super::compile`]); a pipeline becomes processes with buffers between
//! them. A compound command in a pipeline, a subshell, a function and `$(…)` are machines of their own.

use super::builtins;
use super::compile::{self, Op};
use super::env::Env;
use super::expand::{self, Found};
use super::parse::{Body, List, Part, Pipeline, Redirect, Word};
use super::prepare::lend;
use super::world::{Event, World};
use crate::api::time::Time;
use std::collections::VecDeque;
use std::rc::Rc;

/// How much may stand in a pipe or be caught by `$(…)`.
const MOST_BYTES: usize = 4 << 20;
/// How deep machines may stand in machines.
pub(super) const DEEPEST: usize = 24;

/// What a process has to read and where it writes.
#[derive(Default)]
pub struct Io {
    pub input: String,
    /// Nothing more will come.
    pub input_ended: bool,
    pub out: String,
    pub err: String,
    /// Nobody reads what it writes.
    pub out_closed: bool,
    /// Its output goes to a terminal.
    pub tty: bool,
    /// Its input is a pipe or a file, not the terminal.
    pub piped: bool,
}

/// What a process says after a step.
pub enum Poll {
    Done(i32),
    /// It has more to do at once.
    More,
    /// Nothing to do before this moment.
    Wait(Time),
    /// It needs more input.
    Input,
    /// An inner shell is opened; it goes on when that ends.
    Session(Box<Env>, String),
}

/// How a shell was left before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// A word could not be expanded: the rest of the line is given up.
    Line,
    /// `return`.
    Function,
    /// `exit`.
    Shell,
}

/// Something that runs.
pub trait Process {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll;

    /// Ctrl-C: what it says last.
    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        let _ = (world, io);
    }

    /// What the shell that started it knows from now on, if it was no process of its own, and whether that shell is left.
    fn give_back(&mut self) -> Option<(Env, Option<Left>)> {
        None
    }
}

/// Whose the variables are that a machine changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A line, a script: the outermost.
    Shell,
    /// `( … )`, `$(…)`, a stage of a pipeline: what it changes is lost.
    Subshell,
    /// `{ … } > file`, `source`, `eval`: the caller's.
    Shared,
    /// The caller's, but for arguments and what is `local`.
    Function,
}

/// A shell at work on some lines.
pub struct Machine {
    pub env: Env,
    pub(super) kind: Kind,
    pub(super) ops: Rc<Vec<Op>>,
    pub(super) at: usize,
    pub(super) loops: Vec<VecDeque<String>>,
    pub(super) job: Option<Job>,
    finding: Option<Finding>,
    pub(super) depth: usize,
    pub(super) left: Option<Left>,
    /// How it was left, while what there is to do at its end runs.
    pub(super) leaving: Option<Left>,
    /// What `read -p` says has been said.
    pub(super) prompted: bool,
    pub(super) steps: u64,
    /// What the function's caller had: its arguments, and what it had shadowed.
    pub(super) caller: Option<(Vec<String>, Vec<super::env::Shadowed>)>,
}

/// Substitutions that must be known before the machine can go on.
struct Finding {
    purpose: Purpose,
    left: VecDeque<Rc<List>>,
    found: Vec<String>,
    inner: Option<(Box<Machine>, Io)>,
}

enum Purpose {
    Run(Pipeline, bool),
    For(Option<Vec<Word>>),
    Case(Word, Vec<(Vec<Word>, usize)>, usize),
}

pub(super) struct Job {
    pub(super) stages: Vec<Stage>,
    pub(super) not: bool,
    pub(super) checked: bool,
}

pub(super) struct Stage {
    pub(super) process: Option<Box<dyn Process>>,
    pub(super) io: Io,
    /// It reads what the shell itself reads: nothing stands before it in a pipe or was redirected into it.
    pub(super) inherits: bool,
    pub(super) code: i32,
    pub(super) outs: Vec<(u8, Target)>,
    pub(super) wait: Option<Time>,
}

pub(super) enum Target {
    File(String),
    Copy(u8),
}

impl Machine {
    pub fn new(env: Env, list: &List, depth: usize) -> Machine {
        Machine::of(env, list, depth, Kind::Shell)
    }

    pub(super) fn of(mut env: Env, list: &List, depth: usize, kind: Kind) -> Machine {
        if kind == Kind::Subshell {
            env.at_exit = None;
        }
        Machine {
            env,
            kind,
            ops: Rc::new(compile::compile(list)),
            at: 0,
            loops: Vec::new(),
            job: None,
            finding: None,
            depth,
            left: None,
            leaving: None,
            prompted: false,
            steps: 0,
            caller: None,
        }
    }

    /// A machine for lines that run in this shell itself: `source`, `eval`. `arguments`: those of a script.
    pub fn shared(&self, list: &List, arguments: Option<Vec<String>>) -> Box<dyn Process> {
        let mut machine = Machine::of(self.env.clone(), list, self.depth + 1, Kind::Shared);
        if let Some(arguments) = arguments {
            let (own, shadowed) =
                (std::mem::replace(&mut machine.env.arguments, arguments), std::mem::take(&mut machine.env.shadowed));
            machine.caller = Some((own, shadowed));
            machine.env.function_depth += 1;
        }
        Box::new(machine)
    }

    /// Whether `exit` was called.
    pub fn has_exited(&self) -> bool {
        self.left == Some(Left::Shell)
    }

    /// Ends the shell, or the function that runs.
    pub fn leave(&mut self, how: Left, code: i32) {
        self.left = Some(how);
        self.env.status = code;
    }

    /// How deep it stands in other machines, and how deep it may.
    pub fn is_deepest(&self) -> bool {
        self.depth >= DEEPEST
    }

    /// Moves a pipeline on. `None`: it goes on.
    fn step_job(&mut self, world: &mut World, io: &mut Io) -> Option<Poll> {
        let job = self.job.as_mut()?;
        let mut progress = false;
        let mut wait: Option<Time> = None;
        let mut wants_input = false;
        let count = job.stages.len();
        for i in 0..count {
            let (before, after) = job.stages.split_at_mut(i);
            let stage = &mut after[0];
            // What the stage before has written comes in.
            if let Some(previous) = before.last_mut() {
                previous.io.out_closed = stage.process.is_none();
                if previous.io.out_closed {
                    if previous.process.is_some() && !previous.io.out.is_empty() {
                        // SIGPIPE.
                        previous.process = None;
                        previous.code = 141;
                        progress = true;
                    }
                    previous.io.out.clear();
                } else if !previous.io.out.is_empty() && stage.io.input.len() < MOST_BYTES {
                    stage.io.input.push_str(&std::mem::take(&mut previous.io.out));
                    progress = true;
                }
                stage.io.input_ended = previous.process.is_none();
            }
            let now = world.cluster.now();
            let full = stage.io.out.len() > MOST_BYTES / 4 && i + 1 < count;
            if stage.process.is_some() && !full && stage.wait.is_none_or(|t| t <= now) {
                stage.wait = None;
                let Some(mut process) = stage.process.take() else { continue };
                lend(io, stage);
                let poll = process.step(world, &mut stage.io);
                lend(io, stage);
                stage.process = Some(process);
                match poll {
                    Poll::Done(code) => {
                        let back = stage.process.take().and_then(|mut p| p.give_back());
                        stage.code = code;
                        if let Some((env, left)) = back {
                            self.env = env;
                            self.env.status = code;
                            self.left = self.left.or(left);
                        }
                        progress = true;
                    }
                    Poll::More => progress = true,
                    Poll::Wait(until) => stage.wait = Some(until),
                    Poll::Input => {
                        if i == 0 && !stage.io.input_ended {
                            wants_input = true;
                        } else if stage.io.input_ended {
                            // It will not wait for what never comes.
                            stage.process = None;
                            stage.code = 0;
                            progress = true;
                        }
                    }
                    Poll::Session(env, greeting) => return Some(Poll::Session(env, greeting)),
                }
            }
            if let Some(at) = stage.wait {
                wait = Some(wait.map_or(at, |w: Time| w.min(at)));
            }
            // Redirections.
            let text = std::mem::take(&mut stage.io.err);
            let (mut to_err, mut out_add) = (text, String::new());
            let own_out = if stage.outs.is_empty() { String::new() } else { std::mem::take(&mut stage.io.out) };
            if !stage.outs.is_empty() {
                let target =
                    |fd: u8| -> Option<&Target> { stage.outs.iter().rev().find(|(f, _)| *f == fd).map(|(_, t)| t) };
                let file_of = |fd: u8| match target(fd) {
                    Some(Target::File(path)) => Some(path.clone()),
                    Some(Target::Copy(to)) => match target(*to) {
                        Some(Target::File(path)) => Some(path.clone()),
                        _ => None,
                    },
                    None => None,
                };
                for (fd, text) in [(1_u8, own_out), (2, std::mem::take(&mut to_err))] {
                    if text.is_empty() {
                        continue;
                    }
                    match file_of(fd) {
                        Some(path) => {
                            let old = world.read(&self.env, &path).unwrap_or_default();
                            if old.len() + text.len() <= MOST_BYTES {
                                let _ = world.write(&self.env, &path, &format!("{old}{text}"));
                            }
                        }
                        None => match (fd, target(fd)) {
                            (2, Some(Target::Copy(1))) => out_add.push_str(&text),
                            (1, Some(Target::Copy(2))) => io.err.push_str(&text),
                            (1, _) => out_add.push_str(&text),
                            _ => io.err.push_str(&text),
                        },
                    }
                }
            }
            io.err.push_str(&to_err);
            stage.io.out.push_str(&out_add);
            if i + 1 == count {
                io.out.push_str(&std::mem::take(&mut stage.io.out));
            }
        }
        let drained = (0..count)
            .all(|i| i + 1 == count || job.stages[i].io.out.is_empty() || job.stages[i + 1].process.is_none());
        if job.stages.iter().all(|s| s.process.is_none()) && drained {
            let codes: Vec<i32> = job.stages.iter().map(|s| s.code).collect();
            let last = codes.last().copied().unwrap_or(0);
            let failed = codes.iter().rev().find(|c| **c != 0).filter(|_| self.env.options.pipefail);
            let code = failed.copied().unwrap_or(last);
            self.env.status = if job.not { i32::from(code == 0) } else { code };
            if code != 0 && job.checked && self.env.options.errexit && self.left.is_none() {
                self.left = Some(Left::Shell);
            }
            self.job = None;
            return Some(Poll::More);
        }
        if progress {
            return Some(Poll::More);
        }
        if wants_input {
            return Some(Poll::Input);
        }
        match wait {
            Some(at) => Some(Poll::Wait(at)),
            None => Some(Poll::More),
        }
    }

    fn step_finding(&mut self, world: &mut World, io: &mut Io) -> Option<Poll> {
        let finding = self.finding.as_mut()?;
        if let Some((inner, inner_io)) = finding.inner.as_mut() {
            let poll = inner.step(world, inner_io);
            io.err.push_str(&std::mem::take(&mut inner_io.err));
            if inner_io.out.len() > MOST_BYTES {
                inner_io.out.truncate(0);
                finding.inner = None;
                finding.found.push(String::new());
                io.err.push_str("bash: the output of a command substitution is too long\n");
                return Some(Poll::More);
            }
            return match poll {
                Poll::Done(code) => {
                    self.env.status = code;
                    let text = std::mem::take(&mut inner_io.out);
                    finding.found.push(text.trim_end_matches('\n').to_string());
                    finding.inner = None;
                    Some(Poll::More)
                }
                other => Some(other),
            };
        }
        if let Some(list) = finding.left.pop_front() {
            if self.depth >= DEEPEST {
                finding.found.push(String::new());
                io.err.push_str("bash: too many nested shells\n");
                return Some(Poll::More);
            }
            let machine = Machine::of(self.env.clone(), &list, self.depth + 1, Kind::Subshell);
            finding.inner = Some((Box::new(machine), Io { input_ended: true, ..Io::default() }));
            return Some(Poll::More);
        }
        let finding = self.finding.take()?;
        let mut found: Found = finding.found.into();
        match finding.purpose {
            Purpose::Run(pipeline, checked) => self.run_pipeline(world, pipeline, checked, &mut found, io),
            Purpose::For(words) => {
                let mut items = VecDeque::new();
                match words {
                    None => items.extend(self.env.arguments.iter().cloned()),
                    Some(words) => {
                        for word in &words {
                            match expand::word(world, &mut self.env, word, &mut found) {
                                Ok(texts) => items.extend(texts),
                                Err(problem) => io.err.push_str(&format!("bash: {problem}\n")),
                            }
                        }
                    }
                }
                self.loops.push(items);
            }
            Purpose::Case(word, arms, end) => match self.arm(world, &word, &arms, &mut found) {
                Ok(at) => {
                    self.at = at.unwrap_or(end);
                    self.env.status = 0;
                }
                Err(problem) => {
                    io.err.push_str(&format!("bash: {problem}\n"));
                    (self.at, self.env.status) = (end, 1);
                }
            },
        }
        Some(Poll::More)
    }

    fn find(&mut self, words: Vec<Rc<List>>, purpose: Purpose) {
        self.finding = Some(Finding { purpose, left: words.into(), found: Vec::new(), inner: None });
    }

    /// Where the arm begins that matches.
    fn arm(
        &mut self,
        world: &World,
        word: &Word,
        arms: &[(Vec<Word>, usize)],
        found: &mut Found,
    ) -> Result<Option<usize>, String> {
        let text = expand::text(world, &mut self.env, word, found)?;
        for (patterns, at) in arms {
            for pattern in patterns {
                let pattern = expand::pattern(world, &mut self.env, pattern, found)?;
                if expand::glob_matches(&pattern, &text) {
                    return Ok(Some(*at));
                }
            }
        }
        Ok(None)
    }

    /// What there is to do at the shell's end; `true`: something is.
    fn at_exit(&mut self) -> bool {
        let ends = self.kind == Kind::Subshell || self.depth > 0 && self.kind == Kind::Shell || self.has_exited();
        let Some(text) = self.env.at_exit.take_if(|_| ends && matches!(self.kind, Kind::Shell | Kind::Subshell)) else {
            return false;
        };
        let Ok(list) = super::parse::parse(&text) else { return false };
        self.ops = Rc::new(compile::compile(&list));
        self.at = 0;
        true
    }
}

/// What a `read -p` shows.
fn waits_with(pipeline: &Pipeline) -> Option<String> {
    let Body::Simple { words, .. } = &pipeline.stages.first()?.body else { return None };
    let words: Vec<String> = words.iter().map(|w| super::lex::plain(w)).collect();
    builtins::read_prompt(&words.iter().map(String::as_str).collect::<Vec<_>>()).map(str::to_string)
}

/// Whether a pipeline is `read` alone, which waits for a line of the shell's own input.
fn reads_a_line(pipeline: &Pipeline) -> bool {
    let [only] = &pipeline.stages[..] else { return false };
    let Body::Simple { words, .. } = &only.body else { return false };
    let named = matches!(words.first().map(Vec::as_slice), Some([Part::Text { text, .. }]) if text == "read");
    named && !only.redirects.iter().any(|r| matches!(r, Redirect::In(_) | Redirect::Here { .. }))
}

impl Process for Machine {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        for _ in 0..64 {
            if let Some(poll) = self.step_finding(world, io) {
                match poll {
                    Poll::More => continue,
                    other => return other,
                }
            }
            if self.job.is_some() {
                match self.step_job(world, io) {
                    Some(Poll::More) => {
                        // What was written is shown before more is done.
                        if !io.err.is_empty() || io.out.len() > 4_096 {
                            return Poll::More;
                        }
                        continue;
                    }
                    Some(other) => return other,
                    None => continue,
                }
            }
            let ops = self.ops.clone();
            let Some(op) = ops.get(self.at).filter(|_| self.left.is_none()) else {
                let code = self.env.status;
                if self.at_exit() {
                    self.leaving = self.left.take();
                    continue;
                }
                self.left = self.left.or(self.leaving);
                return Poll::Done(code);
            };
            self.at += 1;
            self.steps += 1;
            match op {
                Op::Run { pipeline, .. } if reads_a_line(pipeline) && !io.input_ended && !io.input.contains('\n') => {
                    self.at -= 1;
                    if let Some(text) = waits_with(pipeline).filter(|_| !std::mem::replace(&mut self.prompted, true)) {
                        io.out.push_str(&text);
                    }
                    return Poll::Input;
                }
                Op::Run { pipeline, checked } => {
                    self.prompted = false;
                    let lists = compile::in_pipeline(pipeline);
                    self.find(lists, Purpose::Run(pipeline.clone(), *checked));
                }
                Op::Case { word, arms, end } => {
                    let mut lists = Vec::new();
                    compile::in_word(word, &mut lists);
                    arms.iter().flat_map(|(patterns, _)| patterns).for_each(|p| compile::in_word(p, &mut lists));
                    self.find(lists, Purpose::Case(word.clone(), arms.clone(), *end));
                }
                Op::Jump(to) => self.at = *to,
                Op::JumpUnless(to) if self.env.status != 0 => self.at = *to,
                Op::JumpIf(to) if self.env.status == 0 => self.at = *to,
                Op::JumpUnless(_) | Op::JumpIf(_) => {}
                Op::ForBegin(words) => {
                    let mut lists = Vec::new();
                    words.iter().flatten().for_each(|word| compile::in_word(word, &mut lists));
                    self.find(lists, Purpose::For(words.clone()));
                }
                Op::ForNext(name, end) => match self.loops.last_mut().and_then(VecDeque::pop_front) {
                    Some(value) => self.env.set(name, &value),
                    None => self.at = *end,
                },
                Op::ForEnd => drop(self.loops.pop()),
                Op::Status(code) => self.env.status = *code,
            }
            // A loop without commands that take time still lets the clock go on, so that it can be watched and stopped.
            if self.steps.is_multiple_of(256) {
                return Poll::Wait(world.cluster.now() + crate::api::time::Duration::millis(10));
            }
        }
        Poll::More
    }

    fn give_back(&mut self) -> Option<(Env, Option<Left>)> {
        if !matches!(self.kind, Kind::Shared | Kind::Function) {
            return None;
        }
        let mut env = self.env.clone();
        let mut left = self.left;
        if let Some((arguments, shadowed)) = self.caller.take() {
            env.unshadow();
            (env.arguments, env.shadowed) = (arguments, shadowed);
            env.function_depth -= 1;
            left = left.filter(|l| *l != Left::Function);
        }
        Some((env, left))
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        if let Some(finding) = self.finding.as_mut()
            && let Some((inner, inner_io)) = finding.inner.as_mut()
        {
            inner.interrupt(world, inner_io);
        }
        for stage in self.job.iter_mut().flat_map(|j| &mut j.stages) {
            if let Some(process) = stage.process.as_mut() {
                process.interrupt(world, &mut stage.io);
                io.out.push_str(&std::mem::take(&mut stage.io.out));
                io.err.push_str(&std::mem::take(&mut stage.io.err));
            }
        }
    }
}

/// Moves what a machine wrote into events.
pub fn emit(io: &mut Io, events: &mut Vec<Event>) {
    // kubectl tells the server's warnings before it prints what came with them, and `set -x` what will run.
    if io.err.starts_with("Warning: ") || io.err.starts_with("+ ") {
        events.push(Event::Err(std::mem::take(&mut io.err)));
    }
    if !io.out.is_empty() {
        events.push(Event::Out(std::mem::take(&mut io.out)));
    }
    if !io.err.is_empty() {
        events.push(Event::Err(std::mem::take(&mut io.err)));
    }
}
