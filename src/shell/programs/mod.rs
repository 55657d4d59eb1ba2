//! The table of programs. A program is a function over what it was given; what goes on as time goes by is a [`Process`].

mod awk;
mod computer;
mod curl;
mod files;
mod grep;
mod kubectl;
mod lookup;
mod network;
mod node;
mod openssl;
mod ping;
mod refused;
mod rules;
mod say;
mod sed;
mod tcpdump;
mod text;
mod wget;

pub use say::unescape;

use super::builtins;
use super::env::Env;
use super::machine::{Io, Machine, Poll, Process};
use super::parse;
use super::world::World;
use crate::api::time::{Duration, Time};
use crate::arrange::Arrange;

/// What a program works with.
pub struct Ctx<'a, 'w> {
    pub world: &'a mut World<'w>,
    pub env: &'a Env,
    /// The words, its own name first.
    pub words: &'a [String],
    input: String,
    /// All of the input has come.
    input_ended: bool,
    /// The program wanted input before all of it had come; it runs again when it has.
    early: bool,
    /// What is written goes to a terminal.
    pub tty: bool,
    pub out: String,
    pub err: String,
    /// How much simulated time it takes.
    pub took: Duration,
}

impl Ctx<'_, '_> {
    pub fn args(&self) -> &[String] {
        &self.words[1..]
    }

    pub fn name(&self) -> &str {
        self.words[0].rsplit('/').next().unwrap_or(&self.words[0])
    }

    /// All of the input.
    pub fn input(&mut self) -> String {
        self.early |= !self.input_ended;
        std::mem::take(&mut self.input)
    }

    pub fn say(&mut self, line: impl AsRef<str>) {
        self.out.push_str(line.as_ref());
        self.out.push('\n');
    }

    pub fn complain(&mut self, line: impl AsRef<str>) {
        self.err.push_str(line.as_ref());
        self.err.push('\n');
    }

    /// The text of each file that the operands name (or the input); an error line for each that is missing.
    pub fn inputs(&mut self, operands: &[String]) -> (Vec<(String, String)>, bool) {
        if operands.is_empty() {
            return (vec![(String::new(), self.input())], true);
        }
        let (mut found, mut good) = (Vec::new(), true);
        for path in operands {
            if path == "-" {
                let text = self.input();
                found.push((String::new(), text));
                continue;
            }
            match self.world.read(self.env, path) {
                Some(text) => found.push((path.clone(), text)),
                None => {
                    let why = if self.world.is_folder(self.env, path) {
                        "Is a directory"
                    } else {
                        "No such file or directory"
                    };
                    let name = self.name().to_string();
                    let line = match (name.as_str(), self.env.place.is_busybox()) {
                        ("cat", true) => format!("cat: can't open '{path}': {why}"),
                        ("sed", _) => format!("sed: can't read {path}: {why}"),
                        _ => format!("{name}: {path}: {why}"),
                    };
                    self.complain(line);
                    good = false;
                }
            }
        }
        (found, good)
    }
}

type Run = fn(&mut Ctx) -> i32;
type Begin = fn(&mut World, Env, Vec<String>) -> Box<dyn Process>;

enum Kind {
    /// Runs at once; reads its input if no file is named.
    Filter(Run),
    /// Runs at once and reads no input.
    Plain(Run),
    /// Goes on.
    Process(Begin),
}

/// Name, and what it does.
const PROGRAMS: &[(&str, Kind)] = &[
    ("kubectl", Kind::Process(kubectl::start)),
    ("k", Kind::Process(kubectl::start)),
    ("curl", Kind::Plain(curl::curl)),
    ("wget", Kind::Plain(wget::wget)),
    ("nslookup", Kind::Plain(lookup::nslookup)),
    ("dig", Kind::Plain(lookup::dig)),
    ("host", Kind::Plain(lookup::host)),
    ("getent", Kind::Plain(lookup::getent)),
    ("ping", Kind::Process(ping::start)),
    ("ping6", Kind::Process(ping::start)),
    ("nc", Kind::Plain(network::nc)),
    ("ncat", Kind::Plain(network::nc)),
    ("telnet", Kind::Plain(network::telnet)),
    ("ip", Kind::Plain(network::ip)),
    ("ifconfig", Kind::Plain(network::ifconfig)),
    ("ss", Kind::Plain(network::sockets)),
    ("netstat", Kind::Plain(network::sockets)),
    ("hostname", Kind::Plain(network::hostname)),
    ("env", Kind::Process(start_env)),
    ("printenv", Kind::Plain(files::printenv)),
    ("cat", Kind::Filter(text::cat)),
    ("ls", Kind::Plain(files::ls)),
    ("touch", Kind::Plain(files::touch)),
    ("rm", Kind::Plain(files::rm)),
    ("mkdir", Kind::Plain(files::mkdir)),
    ("cp", Kind::Plain(files::cp)),
    ("mv", Kind::Plain(files::mv)),
    ("chmod", Kind::Plain(files::chmod)),
    ("pwd", Kind::Plain(files::pwd)),
    ("echo", Kind::Plain(say::echo)),
    ("printf", Kind::Plain(say::printf)),
    ("grep", Kind::Process(grep::start_grep)),
    ("egrep", Kind::Process(grep::start_grep)),
    ("fgrep", Kind::Process(grep::start_grep)),
    ("ag", Kind::Process(grep::start_grep)),
    ("rg", Kind::Process(grep::start_grep)),
    ("wc", Kind::Filter(text::wc)),
    ("head", Kind::Process(text::start_head)),
    ("tail", Kind::Filter(text::tail)),
    ("sort", Kind::Filter(text::sort)),
    ("uniq", Kind::Filter(text::uniq)),
    ("cut", Kind::Filter(text::cut)),
    ("tr", Kind::Filter(text::tr)),
    ("sed", Kind::Filter(sed::sed)),
    ("awk", Kind::Filter(awk::awk)),
    ("tee", Kind::Filter(text::tee)),
    ("base64", Kind::Filter(text::base64)),
    ("xargs", Kind::Process(start_xargs)),
    ("seq", Kind::Plain(say::seq)),
    ("yes", Kind::Process(say::start_yes)),
    ("sleep", Kind::Plain(say::sleep)),
    ("date", Kind::Plain(files::date)),
    ("whoami", Kind::Plain(files::whoami)),
    ("id", Kind::Plain(files::id)),
    ("uname", Kind::Plain(files::uname)),
    ("ps", Kind::Plain(network::ps)),
    ("which", Kind::Plain(files::which)),
    ("true", Kind::Plain(|_| 0)),
    ("false", Kind::Plain(|_| 1)),
    ("test", Kind::Plain(files::test)),
    ("[", Kind::Plain(files::test)),
    ("clear", Kind::Plain(files::clear)),
    ("history", Kind::Plain(files::history)),
    ("sh", Kind::Process(start_shell)),
    ("bash", Kind::Process(start_shell)),
    ("ash", Kind::Process(start_shell)),
    ("sudo", Kind::Process(start_sudo)),
    ("time", Kind::Process(start_time)),
    ("nohup", Kind::Process(start_sudo)),
    ("iptables", Kind::Plain(rules::iptables)),
    ("iptables-save", Kind::Plain(rules::iptables_save)),
    ("ip6tables-save", Kind::Plain(rules::iptables_save)),
    ("ipvsadm", Kind::Plain(rules::ipvsadm)),
    ("ipset", Kind::Plain(rules::ipset)),
    ("nft", Kind::Plain(rules::nft)),
    ("conntrack", Kind::Plain(rules::conntrack)),
    ("tcpdump", Kind::Process(tcpdump::start)),
    ("crictl", Kind::Plain(node::crictl)),
    ("systemctl", Kind::Plain(node::systemctl)),
    ("minikube", Kind::Process(computer::minikube)),
    ("openssl", Kind::Process(openssl::start)),
    ("helm", Kind::Plain(computer::helm)),
    ("docker", Kind::Plain(computer::docker)),
    ("ssh", Kind::Process(computer::ssh)),
];

/// The names of all programs that are found from here, sorted.
pub fn names(world: &World, env: &Env) -> Vec<&'static str> {
    let mut names: Vec<&str> = PROGRAMS.iter().map(|(n, _)| *n).filter(|n| world.has_program(env, n)).collect();
    names.extend(builtins::names());
    names.arrange();
    names.dedup();
    names
}

/// Whether a program of this name is found from here.
pub fn is_found(world: &World, env: &Env, name: &str) -> bool {
    let known = PROGRAMS.iter().any(|(n, _)| *n == name) || refused::NEAREST.iter().any(|(n, _)| *n == name);
    known && world.has_program(env, name)
}

/// A program that has been found and waits to run.
pub fn start(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let name = words[0].rsplit('/').next().unwrap_or("").to_string();
    if builtins::is_builtin(&name) && !PROGRAMS.iter().any(|(n, _)| *n == name) && name != "kill" {
        return Box::new(Said { err: String::new(), code: 0 });
    }
    let known = PROGRAMS.iter().find(|(n, _)| *n == name);
    let found = known.filter(|_| world.has_program(&env, &name));
    if found.is_none() && world.has_program(&env, &name) && refused::NEAREST.iter().any(|(n, _)| *n == name) {
        return Box::new(Batch { env, words, run: refused::refused, reads: false, done: None });
    }
    let Some((_, kind)) = found else {
        if world.is_file(&env, &words[0]) && words[0].contains('/') {
            if world.is_executable(&env, &words[0]) {
                return run_script(world, env, &words[0].clone(), &words[0], words[1..].to_vec());
            }
            return Box::new(Said { err: format!("bash: {}: Permission denied\n", words[0]), code: 126 });
        }
        let shell = if env.place.is_busybox() { "sh" } else { "bash" };
        let words = if words[0].contains('/') {
            format!("{shell}: {}: No such file or directory\n", words[0])
        } else if shell == "sh" {
            format!("sh: {name}: not found\n")
        } else {
            format!("bash: {name}: command not found\n")
        };
        return Box::new(Said { err: words, code: 127 });
    };
    match kind {
        Kind::Process(begin) => begin(world, env, words),
        Kind::Filter(run) => Box::new(Batch { env, words, run: *run, reads: true, done: None }),
        Kind::Plain(run) => Box::new(Batch { env, words, run: *run, reads: false, done: None }),
    }
}

/// Says something and ends.
pub struct Said {
    pub err: String,
    pub code: i32,
}

impl Process for Said {
    fn step(&mut self, _: &mut World, io: &mut Io) -> Poll {
        io.err.push_str(&std::mem::take(&mut self.err));
        Poll::Done(self.code)
    }
}

/// A program that does everything at once.
fn at_once(env: Env, words: Vec<String>, run: Run) -> Box<dyn Process> {
    Box::new(Batch { env, words, run, reads: false, done: None })
}

/// A program that does everything at once, when its input is complete.
struct Batch {
    env: Env,
    words: Vec<String>,
    run: Run,
    reads: bool,
    done: Option<(Time, String, String, i32)>,
}

impl Process for Batch {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if let Some((at, out, err, code)) = self.done.take() {
            if world.cluster.now() < at {
                self.done = Some((at, out, err, code));
                return Poll::Wait(at);
            }
            io.out.push_str(&out);
            io.err.push_str(&err);
            return Poll::Done(code);
        }
        let input = if self.reads && io.input_ended { std::mem::take(&mut io.input) } else { String::new() };
        let mut ctx = Ctx {
            world,
            env: &self.env,
            words: &self.words,
            input,
            input_ended: !self.reads || io.input_ended,
            early: false,
            tty: io.tty,
            out: String::new(),
            err: String::new(),
            took: Duration::ZERO,
        };
        let code = (self.run)(&mut ctx);
        let Ctx { out, err, took, early, .. } = ctx;
        if early {
            return Poll::Input;
        }
        if took > Duration::ZERO {
            self.done = Some((world.cluster.now() + took, out, err, code));
            return Poll::More;
        }
        io.out.push_str(&out);
        io.err.push_str(&err);
        Poll::Done(code)
    }
}

/// `sh -c …`, `sh` alone (an inner shell), `sh FILE`.
fn start_shell(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let shell = words[0].clone();
    let mut at = 1;
    let mut options = Vec::new();
    while let Some(word) = words.get(at).filter(|w| w.len() > 1 && w.starts_with(['-', '+'])) {
        at += 1;
        if !word.starts_with("--") && word.ends_with('c') {
            let Some(text) = words.get(at) else {
                return Box::new(Said { err: format!("{shell}: -c: option requires an argument\n"), code: 2 });
            };
            let rest = words.get(at + 1..).unwrap_or(&[]);
            let named = rest.first().map_or(shell.as_str(), String::as_str);
            let arguments = rest.get(1..).unwrap_or(&[]).to_vec();
            return lines(env, &options, text, named, &format!("{shell}: -c"), arguments);
        }
        options.push(word.clone());
    }
    match words.get(at) {
        Some(path) => run_script(world, env, path, &shell, words[at + 1..].to_vec()),
        None => Box::new(Inner { env: Some(env), greeting: String::new(), script: None }),
    }
}

/// Runs the lines of a file.
fn run_script(world: &World, env: Env, path: &str, shell: &str, arguments: Vec<String>) -> Box<dyn Process> {
    match world.read(&env, path) {
        Some(text) => lines(env, &[], &text, path, path, arguments),
        None => Box::new(Said { err: format!("{shell}: {path}: No such file or directory\n"), code: 127 }),
    }
}

/// A new shell on some lines: of what the old one knows it gets what is exported.
fn lines(
    env: Env,
    options: &[String],
    text: &str,
    named: &str,
    blamed: &str,
    arguments: Vec<String>,
) -> Box<dyn Process> {
    match parse::parse(&format!("{text}\n")) {
        Ok(list) => {
            let mut inner = Env::new(env.place.clone());
            inner.variables = env.variables.into_iter().filter(|(_, (_, exported))| *exported).collect();
            inner.folder = env.folder;
            inner.arguments = arguments;
            inner.set("0", named);
            let has = |letter: char| options.iter().any(|o| o.starts_with('-') && o.contains(letter));
            (inner.options.errexit, inner.options.xtrace) = (has('e'), has('x'));
            Box::new(Machine::new(inner, &list, 1))
        }
        Err(parse::Problem::Syntax(problem) | parse::Problem::Unfinished(problem)) => {
            Box::new(Said { err: format!("{blamed}: line 1: {problem}\n"), code: 2 })
        }
    }
}

/// An inner shell that a person types into. What comes through a pipe is a script that it runs.
pub struct Inner {
    pub env: Option<Env>,
    pub greeting: String,
    pub script: Option<Box<dyn Process>>,
}

impl Process for Inner {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if let Some(script) = self.script.as_mut() {
            return script.step(world, io);
        }
        if io.piped {
            if !io.input_ended {
                return Poll::Input;
            }
            let Some(env) = self.env.take() else { return Poll::Done(0) };
            let text = std::mem::take(&mut io.input);
            self.script = Some(lines(env, &[], &text, "bash", "bash", Vec::new()));
            return Poll::More;
        }
        match self.env.take() {
            Some(env) => Poll::Session(Box::new(env), std::mem::take(&mut self.greeting)),
            None => Poll::Done(world.ended_session.take().unwrap_or(0)),
        }
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        if let Some(script) = self.script.as_mut() {
            script.interrupt(world, io);
        }
    }
}

/// `env` alone prints; `env A=b command` runs.
fn start_env(world: &mut World, mut env: Env, words: Vec<String>) -> Box<dyn Process> {
    let mut at = 1;
    while let Some((name, value)) = words.get(at).and_then(|w| w.split_once('=')) {
        env.export(name, value);
        at += 1;
    }
    if at < words.len() {
        return start(world, env, words[at..].to_vec());
    }
    Box::new(Batch { env, words: vec!["env".to_string()], run: files::printenv, reads: false, done: None })
}

/// Words that only change how the rest runs.
fn start_sudo(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let rest: Vec<String> = words.iter().skip(1).skip_while(|w| w.starts_with('-')).cloned().collect();
    if rest.is_empty() {
        return Box::new(Said { err: format!("usage: {} command\n", words[0]), code: 1 });
    }
    start(world, env, rest)
}

/// `time COMMAND`: how long it took, by the cluster's clock.
fn start_time(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let inner = start_sudo(world, env, words);
    Box::new(Timed { inner, began: world.cluster.now() })
}

struct Timed {
    inner: Box<dyn Process>,
    began: Time,
}

impl Process for Timed {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        let poll = self.inner.step(world, io);
        if let Poll::Done(_) = poll {
            let millis = world.cluster.now().since(self.began).as_millis();
            let (minutes, seconds) = (millis / 60_000, millis % 60_000);
            let real = format!("{minutes}m{}.{:03}s", seconds / 1_000, seconds % 1_000);
            io.err.push_str(&format!("\nreal\t{real}\nuser\t0m0.000s\nsys\t0m0.000s\n"));
        }
        poll
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        self.inner.interrupt(world, io);
    }
}

/// `xargs`: the words of the input behind the command.
fn start_xargs(_: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let mut xargs = Xargs {
        env,
        command: Vec::new(),
        place: None,
        most: usize::MAX,
        by_line: false,
        divider: None,
        lazy: false,
        shown: false,
        left: None,
        inner: None,
        code: 0,
    };
    let mut rest = words.into_iter().skip(1).peekable();
    while let Some(word) = rest.next_if(|w| w.len() > 1 && w.starts_with('-')) {
        let (flag, joined) = word.split_at(word.char_indices().nth(2).map_or(word.len(), |(i, _)| i));
        let mut value = || if joined.is_empty() { rest.next().unwrap_or_default() } else { joined.to_string() };
        match flag {
            "-n" => xargs.most = value().parse().unwrap_or(1).max(1),
            "-L" => (xargs.by_line, xargs.most) = (true, value().parse().unwrap_or(1).max(1)),
            "-I" | "-i" => {
                let place = if flag == "-i" && joined.is_empty() { "{}".to_string() } else { value() };
                (xargs.place, xargs.by_line, xargs.most) = (Some(place), true, 1);
            }
            "-d" => xargs.divider = Some(say::unescape(&value())),
            "-0" => xargs.divider = Some("\0".to_string()),
            "-P" | "-s" => drop(value()),
            "-r" => xargs.lazy = true,
            "-t" => xargs.shown = true,
            "--" if word == "--no-run-if-empty" => xargs.lazy = true,
            "--" if word == "--" => break,
            _ => {
                let odd = word.trim_start_matches('-').chars().next().unwrap_or('-');
                return Box::new(Said {
                    err: format!("xargs: invalid option -- '{odd}'\nTry 'xargs --help' for more information.\n"),
                    code: 1,
                });
            }
        }
    }
    xargs.command = rest.collect();
    if xargs.command.is_empty() {
        xargs.command.push("echo".to_string());
    }
    Box::new(xargs)
}

struct Xargs {
    env: Env,
    command: Vec<String>,
    /// `-I {}`.
    place: Option<String>,
    /// How many words (or lines) one command gets.
    most: usize,
    by_line: bool,
    divider: Option<String>,
    /// `-r`: without input nothing runs.
    lazy: bool,
    /// `-t`.
    shown: bool,
    left: Option<std::collections::VecDeque<String>>,
    inner: Option<Box<dyn Process>>,
    code: i32,
}

impl Xargs {
    fn items(&self, input: &str) -> std::collections::VecDeque<String> {
        let whole =
            |items: &mut dyn Iterator<Item = &str>| items.filter(|i| !i.is_empty()).map(str::to_string).collect();
        match &self.divider {
            Some(divider) => whole(&mut input.split(divider.as_str())),
            None if self.by_line => whole(&mut input.lines().map(str::trim)),
            // Quotes keep blanks together.
            None => {
                let (mut items, mut item, mut quote, mut open) =
                    (std::collections::VecDeque::new(), String::new(), None, false);
                for c in input.chars() {
                    match (quote, c) {
                        (Some(q), c) if c == q => quote = None,
                        (None, '"' | '\'') => (quote, open) = (Some(c), true),
                        (None, c) if c.is_whitespace() => {
                            if open {
                                items.push_back(std::mem::take(&mut item));
                            }
                            open = false;
                        }
                        (_, c) => {
                            item.push(c);
                            open = true;
                        }
                    }
                }
                if open {
                    items.push_back(item);
                }
                items
            }
        }
    }
}

impl Process for Xargs {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if let Some(inner) = self.inner.as_mut() {
            match inner.step(world, io) {
                Poll::Done(code) => {
                    self.inner = None;
                    if code != 0 {
                        self.code = if code > 125 { code } else { 123 };
                    }
                    return Poll::More;
                }
                other => return other,
            }
        }
        if self.left.is_none() {
            if !io.input_ended {
                return Poll::Input;
            }
            let items = self.items(&std::mem::take(&mut io.input));
            if items.is_empty() {
                if self.lazy || self.place.is_some() {
                    return Poll::Done(0);
                }
                self.inner = Some(start(world, self.env.clone(), self.command.clone()));
            }
            self.left = Some(items);
            return Poll::More;
        }
        let left = self.left.get_or_insert_default();
        if left.is_empty() || self.code > 125 {
            return Poll::Done(self.code);
        }
        let taken: Vec<String> = left.drain(..self.most.min(left.len())).collect();
        let words: Vec<String> = match &self.place {
            Some(place) => self.command.iter().map(|w| w.replace(place, &taken[0])).collect(),
            None => {
                let mut words = self.command.clone();
                match (self.by_line, &self.divider) {
                    (true, None) => words.extend(taken.iter().flat_map(|l| l.split_whitespace()).map(str::to_string)),
                    _ => words.extend(taken),
                }
                words
            }
        };
        if self.shown {
            io.err.push_str(&format!("{}\n", words.join(" ")));
        }
        self.inner = Some(start(world, self.env.clone(), words));
        Poll::More
    }

    fn interrupt(&mut self, world: &mut World, io: &mut Io) {
        if let Some(inner) = self.inner.as_mut() {
            inner.interrupt(world, io);
        }
    }
}
