//! Runs what was parsed, step by step, so that a loop without end or a command that goes on never holds the page: each
//! [`Machine::step`] does a little and says what it waits for.
//!
//! A line becomes a few instructions with jumps; a pipeline becomes processes with buffers between them. A compound command
//! in a pipeline, a subshell and `$(…)` are machines of their own.

use super::env::Env;
use super::expand;
use super::parse::{Command, Link, List, Part, Pipeline, Redirect, Word};
use super::programs;
use super::world::{Event, World};
use crate::api::time::Time;
use std::collections::VecDeque;
use std::rc::Rc;

/// How much may stand in a pipe or be caught by `$(…)`.
const MOST_BYTES: usize = 4 << 20;
/// How deep machines may stand in machines.
const DEEPEST: usize = 24;

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

/// Something that runs.
pub trait Process {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll;

    /// Ctrl-C: what it says last.
    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        let _ = (world, io);
    }
}

enum Op {
    Run(Pipeline),
    Jump(usize),
    /// Jumps when the last status is not 0 (or is 0).
    JumpUnless(usize),
    JumpIf(usize),
    ForBegin(Option<Vec<Word>>),
    ForNext(String, usize),
    ForEnd,
    Status(i32),
}

fn compile(list: &List, ops: &mut Vec<Op>, loops: &mut Vec<(usize, Vec<usize>, bool)>) {
    let mut pending: Vec<usize> = Vec::new();
    for (i, (link, pipeline)) in list.0.iter().enumerate() {
        match link {
            Link::Then => pending.clear(),
            Link::And => {
                pending.push(ops.len());
                ops.push(Op::JumpUnless(usize::MAX));
            }
            Link::Or => {
                pending.push(ops.len());
                ops.push(Op::JumpIf(usize::MAX));
            }
        }
        let guard = pending.last().copied().filter(|_| *link != Link::Then);
        compile_pipeline(pipeline, ops, loops);
        if let Some(at) = guard {
            let here = ops.len();
            match &mut ops[at] {
                Op::JumpUnless(to) | Op::JumpIf(to) => *to = here,
                _ => {}
            }
        }
        let _ = i;
    }
}

fn compile_pipeline(pipeline: &Pipeline, ops: &mut Vec<Op>, loops: &mut Vec<(usize, Vec<usize>, bool)>) {
    if let ([only], false) = (&pipeline.stages[..], pipeline.not) {
        match &**only {
            Command::If { branches, otherwise, redirects } if redirects.is_empty() => {
                let mut ends = Vec::new();
                for (condition, body) in branches {
                    compile(condition, ops, loops);
                    let skip = ops.len();
                    ops.push(Op::JumpUnless(usize::MAX));
                    compile(body, ops, loops);
                    ends.push(ops.len());
                    ops.push(Op::Jump(usize::MAX));
                    let here = ops.len();
                    ops[skip] = Op::JumpUnless(here);
                }
                match otherwise {
                    Some(body) => compile(body, ops, loops),
                    None => ops.push(Op::Status(0)),
                }
                let here = ops.len();
                for end in ends {
                    ops[end] = Op::Jump(here);
                }
                return;
            }
            Command::While { until, condition, body, redirects } if redirects.is_empty() => {
                let start = ops.len();
                compile(condition, ops, loops);
                let leave = ops.len();
                ops.push(Op::Status(0));
                loops.push((start, Vec::new(), false));
                compile(body, ops, loops);
                ops.push(Op::Jump(start));
                let here = ops.len();
                ops.push(Op::Status(0));
                ops[leave] = if *until { Op::JumpIf(here) } else { Op::JumpUnless(here) };
                let (_, breaks, _) = loops.pop().unwrap_or_default();
                for at in breaks {
                    ops[at] = Op::Jump(here);
                }
                return;
            }
            Command::For { name, words, body, redirects } if redirects.is_empty() => {
                ops.push(Op::ForBegin(words.clone()));
                let start = ops.len();
                ops.push(Op::ForNext(name.clone(), usize::MAX));
                loops.push((start, Vec::new(), true));
                compile(body, ops, loops);
                ops.push(Op::Jump(start));
                let here = ops.len();
                ops.push(Op::ForEnd);
                ops[start] = Op::ForNext(name.clone(), here);
                let (_, breaks, _) = loops.pop().unwrap_or_default();
                for at in breaks {
                    ops[at] = Op::Jump(here);
                }
                return;
            }
            Command::Group { body, subshell: false, redirects } if redirects.is_empty() => {
                return compile(body, ops, loops);
            }
            Command::Simple { assigns, words, redirects }
                if assigns.is_empty() && redirects.is_empty() && words.len() == 1 =>
            {
                if let [Part::Text { text, quoted: false }] = &words[0][..] {
                    match (text.as_str(), loops.last_mut()) {
                        ("break", Some((_, breaks, _))) => {
                            breaks.push(ops.len());
                            ops.push(Op::Jump(usize::MAX));
                            return;
                        }
                        ("continue", Some((start, _, _))) => {
                            let start = *start;
                            ops.push(Op::Jump(start));
                            return;
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    ops.push(Op::Run(pipeline.clone()));
}

/// A shell at work on some lines.
pub struct Machine {
    pub env: Env,
    ops: Rc<Vec<Op>>,
    at: usize,
    loops: Vec<VecDeque<String>>,
    job: Option<Job>,
    finding: Option<Finding>,
    depth: usize,
    exit: bool,
    steps: u64,
}

/// Substitutions that must be known before a pipeline can run.
struct Finding {
    purpose: Purpose,
    left: VecDeque<Rc<List>>,
    found: Vec<String>,
    inner: Option<(Box<Machine>, Io)>,
}

enum Purpose {
    Run(Pipeline),
    For(Vec<Word>),
}

/// Hands the shell's own input to a stage that inherits it; a second call hands back what is left.
fn lend(io: &mut Io, stage: &mut Stage) {
    if stage.inherits {
        std::mem::swap(&mut io.input, &mut stage.io.input);
        stage.io.input_ended = io.input_ended;
    }
}

struct Job {
    stages: Vec<Stage>,
    not: bool,
}

struct Stage {
    process: Option<Box<dyn Process>>,
    io: Io,
    /// It reads what the shell itself reads: nothing stands before it in a pipe or was redirected into it.
    inherits: bool,
    code: i32,
    outs: Vec<(u8, Target)>,
    wait: Option<Time>,
}

enum Target {
    File(String),
    Copy(u8),
}

impl Machine {
    pub fn new(env: Env, list: &List, depth: usize) -> Machine {
        let mut ops = Vec::new();
        compile(list, &mut ops, &mut Vec::new());
        Machine {
            env,
            ops: Rc::new(ops),
            at: 0,
            loops: Vec::new(),
            job: None,
            finding: None,
            depth,
            exit: false,
            steps: 0,
        }
    }

    /// Whether `exit` was called.
    pub fn has_exited(&self) -> bool {
        self.exit
    }

    fn run_pipeline(&mut self, world: &mut World, pipeline: Pipeline, found: &mut VecDeque<String>, io: &mut Io) {
        let single = pipeline.stages.len() == 1;
        let count = pipeline.stages.len();
        let mut stages = Vec::new();
        for (i, command) in pipeline.stages.iter().enumerate() {
            let mut stage = Stage {
                process: None,
                io: Io { tty: i + 1 == count && io.tty, ..Io::default() },
                inherits: i == 0,
                code: 0,
                outs: Vec::new(),
                wait: None,
            };
            let outcome = self.stage(world, command, found, &mut stage, single.then_some(&mut *io));
            if let Err(problem) = outcome {
                stage.io.err.push_str(&problem);
                stage.code = 1;
            }
            stages.push(stage);
        }
        self.job = Some(Job { stages, not: pipeline.not });
    }

    /// Prepares one command of a pipeline. `alone`: it is the only one, and this is the shell's own input.
    fn stage(
        &mut self,
        world: &mut World,
        command: &Rc<Command>,
        found: &mut VecDeque<String>,
        stage: &mut Stage,
        alone: Option<&mut Io>,
    ) -> Result<(), String> {
        let redirects = match &**command {
            Command::Simple { redirects, .. }
            | Command::If { redirects, .. }
            | Command::For { redirects, .. }
            | Command::While { redirects, .. }
            | Command::Group { redirects, .. } => redirects,
        };
        let Command::Simple { assigns, words, .. } = &**command else {
            self.redirect(world, redirects, found, stage)?;
            if self.depth >= DEEPEST {
                return Err("bash: too many nested shells\n".to_string());
            }
            let mut bare = (**command).clone();
            match &mut bare {
                Command::If { redirects, .. }
                | Command::For { redirects, .. }
                | Command::While { redirects, .. }
                | Command::Group { redirects, .. }
                | Command::Simple { redirects, .. } => redirects.clear(),
            }
            // A group in parentheses is the list in it.
            let list = match bare {
                Command::Group { body, .. } => body,
                other => List(vec![(Link::Then, Pipeline { not: false, stages: vec![Rc::new(other)] })]),
            };
            stage.process = Some(Box::new(Machine::new(self.env.clone(), &list, self.depth + 1)));
            return Ok(());
        };
        let values: Vec<(String, String)> =
            assigns.iter().map(|(n, w)| (n.clone(), expand::text(world, &self.env, w, found))).collect();
        let mut expanded = Vec::new();
        for word in words {
            expanded.extend(expand::word(world, &self.env, word, found)?);
        }
        self.redirect(world, redirects, found, stage)?;
        if expanded.is_empty() {
            for (name, value) in values {
                self.env.set(&name, &value);
            }
            stage.code = 0;
            return Ok(());
        }
        if let Some(io) = alone.filter(|_| programs::is_builtin(&expanded[0])) {
            lend(io, stage);
            stage.code = self.builtin(world, &expanded, &mut stage.io);
            lend(io, stage);
            return Ok(());
        }
        let mut env = self.env.clone();
        for (name, value) in values {
            env.export(&name, &value);
        }
        stage.process = Some(programs::start(world, env, expanded));
        Ok(())
    }

    fn redirect(
        &mut self,
        world: &mut World,
        redirects: &[Redirect],
        found: &mut VecDeque<String>,
        stage: &mut Stage,
    ) -> Result<(), String> {
        for redirect in redirects {
            match redirect {
                Redirect::Out { fd, file, append } => {
                    let path = expand::text(world, &self.env, file, found);
                    if world.is_folder(&self.env, &path) {
                        return Err(format!("bash: {path}: Is a directory\n"));
                    }
                    if !append || !world.is_file(&self.env, &path) {
                        world.write(&self.env, &path, "").map_err(|e| format!("bash: {path}: {e}\n"))?;
                    }
                    let fds: &[u8] = if *fd == 3 { &[1, 2] } else { std::slice::from_ref(fd) };
                    for fd in fds {
                        stage.outs.push((*fd, Target::File(path.clone())));
                    }
                }
                Redirect::In(file) => {
                    let path = expand::text(world, &self.env, file, found);
                    let text = world
                        .read(&self.env, &path)
                        .ok_or_else(|| format!("bash: {path}: No such file or directory\n"))?;
                    (stage.io.input, stage.io.input_ended, stage.inherits) = (text, true, false);
                }
                Redirect::Here(parts) => {
                    let text = expand::text(world, &self.env, parts, found);
                    (stage.io.input, stage.io.input_ended, stage.inherits) = (text, true, false);
                }
                Redirect::Copy { fd, to } => stage.outs.push((*fd, Target::Copy(*to))),
            }
        }
        Ok(())
    }

    fn builtin(&mut self, world: &mut World, words: &[String], io: &mut Io) -> i32 {
        let args = &words[1..];
        match words[0].as_str() {
            "cd" => {
                let target = args.first().map_or("~", String::as_str);
                let path = self.env.absolute(target);
                if !world.is_folder(&self.env, &path) {
                    let why =
                        if world.is_file(&self.env, &path) { "Not a directory" } else { "No such file or directory" };
                    io.err.push_str(&format!("bash: cd: {target}: {why}\n"));
                    return 1;
                }
                self.env.folder = path;
                0
            }
            "export" => {
                for arg in args {
                    match arg.split_once('=') {
                        Some((name, value)) => self.env.export(name, value),
                        None => {
                            let value = self.env.get(arg).unwrap_or("").to_string();
                            self.env.export(arg, &value);
                        }
                    }
                }
                0
            }
            "unset" => {
                for arg in args {
                    self.env.variables.remove(arg);
                }
                0
            }
            "set" | ":" | "alias" | "shift" | "trap" => 0,
            "read" => {
                let (line, rest) = match io.input.split_once('\n') {
                    Some((line, rest)) => (line.to_string(), rest.to_string()),
                    None => (io.input.clone(), String::new()),
                };
                let ended = io.input.is_empty();
                io.input = rest;
                let names: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
                let mut words = line.trim();
                for (i, name) in names.iter().enumerate() {
                    let (word, tail) = if i + 1 == names.len() {
                        (words, "")
                    } else {
                        words.split_once(char::is_whitespace).unwrap_or((words, ""))
                    };
                    self.env.set(name, word);
                    words = tail.trim_start();
                }
                i32::from(ended)
            }
            "exit" | "logout" => {
                self.exit = true;
                args.first().and_then(|a| a.parse::<i32>().ok()).map_or(self.env.status, |c| c & 255)
            }
            "source" | "." | "eval" => {
                io.err.push_str(&format!("bash: {}: not simulated here; type the lines themselves\n", words[0]));
                1
            }
            _ => 0,
        }
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
                        stage.process = None;
                        stage.code = code;
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
            let code = job.stages.last().map_or(0, |s| s.code);
            self.env.status = if job.not { i32::from(code == 0) } else { code };
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
            let machine = Machine::new(self.env.clone(), &list, self.depth + 1);
            finding.inner = Some((Box::new(machine), Io { input_ended: true, ..Io::default() }));
            return Some(Poll::More);
        }
        let finding = self.finding.take()?;
        let mut found: VecDeque<String> = finding.found.into();
        match finding.purpose {
            Purpose::Run(pipeline) => self.run_pipeline(world, pipeline, &mut found, io),
            Purpose::For(words) => {
                let mut items = VecDeque::new();
                for word in &words {
                    match expand::word(world, &self.env, word, &mut found) {
                        Ok(texts) => items.extend(texts),
                        Err(problem) => io.err.push_str(&problem),
                    }
                }
                self.loops.push(items);
            }
        }
        Some(Poll::More)
    }

    fn find(&mut self, words: Vec<Rc<List>>, purpose: Purpose) {
        self.finding = Some(Finding { purpose, left: words.into(), found: Vec::new(), inner: None });
    }
}

/// Whether a pipeline is `read` alone, which waits for a line of the shell's own input.
fn reads_a_line(pipeline: &Pipeline) -> bool {
    let [only] = &pipeline.stages[..] else { return false };
    let Command::Simple { words, redirects, .. } = &**only else { return false };
    let named = matches!(words.first().map(Vec::as_slice), Some([Part::Text { text, .. }]) if text == "read");
    named && redirects.is_empty()
}

/// The substitutions in a pipeline's words, in the order in which they are expanded.
fn substitutions(pipeline: &Pipeline) -> Vec<Rc<List>> {
    let mut found = Vec::new();
    for command in &pipeline.stages {
        let redirects = match &**command {
            Command::Simple { assigns, words, redirects } => {
                for (_, word) in assigns {
                    expand::commands(word, &mut found);
                }
                for word in words {
                    expand::commands(word, &mut found);
                }
                redirects
            }
            Command::If { redirects, .. }
            | Command::For { redirects, .. }
            | Command::While { redirects, .. }
            | Command::Group { redirects, .. } => redirects,
        };
        for redirect in redirects {
            match redirect {
                Redirect::Out { file, .. } | Redirect::In(file) | Redirect::Here(file) => {
                    expand::commands(file, &mut found)
                }
                Redirect::Copy { .. } => {}
            }
        }
    }
    found
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
                        if io.out.len() > 4_096 {
                            return Poll::More;
                        }
                        continue;
                    }
                    Some(other) => return other,
                    None => continue,
                }
            }
            if self.exit {
                return Poll::Done(self.env.status);
            }
            let ops = self.ops.clone();
            let Some(op) = ops.get(self.at) else { return Poll::Done(self.env.status) };
            self.at += 1;
            self.steps += 1;
            match op {
                Op::Run(pipeline) if reads_a_line(pipeline) && !io.input_ended && !io.input.contains('\n') => {
                    self.at -= 1;
                    return Poll::Input;
                }
                Op::Run(pipeline) => {
                    let lists = substitutions(pipeline);
                    self.find(lists, Purpose::Run(pipeline.clone()));
                }
                Op::Jump(to) => self.at = *to,
                Op::JumpUnless(to) if self.env.status != 0 => self.at = *to,
                Op::JumpIf(to) if self.env.status == 0 => self.at = *to,
                Op::JumpUnless(_) | Op::JumpIf(_) => {}
                Op::ForBegin(words) => {
                    let words = words.clone().unwrap_or_default();
                    let mut lists = Vec::new();
                    for word in &words {
                        expand::commands(word, &mut lists);
                    }
                    self.find(lists, Purpose::For(words));
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
    // kubectl tells the server's warnings before it prints what came with them.
    if io.err.starts_with("Warning: ") {
        events.push(Event::Err(std::mem::take(&mut io.err)));
    }
    if !io.out.is_empty() {
        events.push(Event::Out(std::mem::take(&mut io.out)));
    }
    if !io.err.is_empty() {
        events.push(Event::Err(std::mem::take(&mut io.err)));
    }
}
