//! The table of programs. A program is a function over what it was given; what goes on as time goes by is a [`Process`].

mod computer;
mod curl;
mod files;
mod kubectl;
mod lookup;
mod network;
mod node;
mod ping;
mod refused;
mod rules;
mod tcpdump;
mod text;
mod wget;

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
    ("pwd", Kind::Plain(files::pwd)),
    ("echo", Kind::Plain(text::echo)),
    ("printf", Kind::Plain(text::printf)),
    ("grep", Kind::Process(text::start_grep)),
    ("egrep", Kind::Process(text::start_grep)),
    ("fgrep", Kind::Process(text::start_grep)),
    ("ag", Kind::Process(text::start_grep)),
    ("rg", Kind::Process(text::start_grep)),
    ("wc", Kind::Filter(text::wc)),
    ("head", Kind::Process(text::start_head)),
    ("tail", Kind::Filter(text::tail)),
    ("sort", Kind::Filter(text::sort)),
    ("uniq", Kind::Filter(text::uniq)),
    ("cut", Kind::Filter(text::cut)),
    ("tr", Kind::Filter(text::tr)),
    ("tee", Kind::Filter(text::tee)),
    ("base64", Kind::Filter(text::base64)),
    ("xargs", Kind::Process(start_xargs)),
    ("seq", Kind::Plain(text::seq)),
    ("yes", Kind::Process(text::start_yes)),
    ("sleep", Kind::Plain(text::sleep)),
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
    ("time", Kind::Process(start_sudo)),
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
    ("openssl", Kind::Plain(computer::openssl)),
    ("helm", Kind::Plain(computer::helm)),
    ("docker", Kind::Plain(computer::docker)),
    ("ssh", Kind::Process(computer::ssh)),
];

/// The names of all programs that are found from here, sorted.
pub fn names(world: &World, env: &Env) -> Vec<&'static str> {
    let mut names: Vec<&str> = PROGRAMS.iter().map(|(n, _)| *n).filter(|n| world.has_program(env, n)).collect();
    names.extend(["cd", "export", "exit", "unset"]);
    names.arrange();
    names
}

/// What the shell itself does.
pub fn is_builtin(name: &str) -> bool {
    ["cd", "export", "unset", "set", ":", "alias", "shift", "trap", "read", "exit", "logout", "source", ".", "eval"]
        .contains(&name)
}

/// A program that has been found and waits to run.
pub fn start(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let name = words[0].rsplit('/').next().unwrap_or("").to_string();
    if is_builtin(&name) {
        return Box::new(Said { err: String::new(), code: 0 });
    }
    let known = PROGRAMS.iter().find(|(n, _)| *n == name);
    let found = known.filter(|_| world.has_program(&env, &name));
    if found.is_none() && world.has_program(&env, &name) && refused::NEAREST.iter().any(|(n, _)| *n == name) {
        return Box::new(Batch { env, words, run: refused::refused, reads: false, done: None });
    }
    let Some((_, kind)) = found else {
        if world.is_file(&env, &words[0]) && words[0].contains('/') {
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
    let flag = words.iter().position(|w| w.starts_with('-') && !w.starts_with("--") && w.ends_with('c'));
    let text = match flag {
        Some(at) => match words.get(at + 1) {
            Some(text) => text.clone(),
            None => return Box::new(Said { err: format!("{}: -c: option requires an argument\n", words[0]), code: 2 }),
        },
        None => match words.iter().skip(1).find(|w| !w.starts_with('-')) {
            Some(path) => match world.read(&env, path) {
                Some(text) => text,
                None => {
                    return Box::new(Said {
                        err: format!("{}: {path}: No such file or directory\n", words[0]),
                        code: 127,
                    });
                }
            },
            None => return Box::new(Inner { env: Some(env), greeting: String::new() }),
        },
    };
    match parse::parse(&text) {
        Ok(list) => {
            let mut inner = env;
            inner.arguments = flag.and_then(|at| words.get(at + 3..)).unwrap_or(&[]).to_vec();
            Box::new(Machine::new(inner, &list, 1))
        }
        Err(parse::Problem::Syntax(problem) | parse::Problem::Unfinished(problem)) => {
            Box::new(Said { err: format!("{}: -c: line 1: {problem}\n", words[0]), code: 2 })
        }
    }
}

/// An inner shell that a person types into. With an input of its own it runs that.
pub struct Inner {
    pub env: Option<Env>,
    pub greeting: String,
}

impl Process for Inner {
    fn step(&mut self, world: &mut World, _: &mut Io) -> Poll {
        match self.env.take() {
            Some(env) => Poll::Session(Box::new(env), std::mem::take(&mut self.greeting)),
            None => Poll::Done(world.ended_session.take().unwrap_or(0)),
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

/// `xargs`: the words of the input behind the command.
fn start_xargs(_: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    Box::new(Xargs { env, words, inner: None })
}

struct Xargs {
    env: Env,
    words: Vec<String>,
    inner: Option<Box<dyn Process>>,
}

impl Process for Xargs {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if let Some(inner) = self.inner.as_mut() {
            return inner.step(world, io);
        }
        if !io.input_ended {
            return Poll::Input;
        }
        let input = std::mem::take(&mut io.input);
        let mut words: Vec<String> = self.words.iter().skip(1).cloned().collect();
        if words.is_empty() {
            words.push("echo".to_string());
        }
        words.extend(input.split_whitespace().map(str::to_string));
        self.inner = Some(start(world, self.env.clone(), words));
        Poll::More
    }
}
