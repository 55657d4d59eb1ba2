//! What the shell does itself: `cd`, `export`, `read`, `set`, `alias`, `source`, `trap`, jobs …

use super::arithmetic;
use super::env::Place;
use super::machine::{Io, Left, Machine, Poll, Process};
use super::parse;
use super::programs;
use super::world::World;
use crate::api::time::Duration;

const NAMES: [&str; 37] = [
    ".", ":", "alias", "bg", "break", "builtin", "cd", "command", "continue", "declare", "disown", "eval", "exec",
    "exit", "export", "fg", "hash", "jobs", "kill", "let", "local", "logout", "popd", "pushd", "read", "readonly",
    "return", "set", "shift", "shopt", "source", "trap", "type", "typeset", "unalias", "unset", "wait",
];

/// Whether the shell does this itself.
pub fn is_builtin(name: &str) -> bool {
    NAMES.contains(&name)
}

/// All of them, for completion.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter().filter(|n| n.len() > 1)
}

/// Whether the words behind it are assignments.
pub fn declares(name: &str) -> bool {
    matches!(name, "declare" | "typeset" | "local" | "readonly")
}

/// A word as `set -x` and `alias` show it: in quotes where it needs them.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Builtins that run lines, or wait; `None`: [`run`] does it at once.
pub fn start(machine: &Machine, world: &mut World, words: &[String]) -> Result<Option<Box<dyn Process>>, String> {
    let args = &words[1..];
    let lines = |text: &str, arguments: Option<Vec<String>>| -> Result<Option<Box<dyn Process>>, String> {
        if machine.is_deepest() {
            return Err(format!("{}: maximum source nesting level exceeded", words[0]));
        }
        match parse::parse(text) {
            Ok(list) => Ok(Some(machine.shared(&list, arguments))),
            Err(parse::Problem::Syntax(problem) | parse::Problem::Unfinished(problem)) => {
                Err(format!("{}: line 1: {problem}", args.first().map_or("eval", String::as_str)))
            }
        }
    };
    match words[0].as_str() {
        "eval" => lines(&args.join(" "), None),
        "source" | "." => {
            let Some(path) = args.first() else {
                return Err(format!("{}: filename argument required", words[0]));
            };
            let Some(text) = world.read(&machine.env, path) else {
                return Err(format!("{path}: No such file or directory"));
            };
            let arguments = if args.len() > 1 { args[1..].to_vec() } else { machine.env.arguments.clone() };
            lines(&text, Some(arguments))
        }
        "wait" => Ok(Some(Box::new(Wait))),
        "exec" | "builtin" | "command" if args.first().is_some_and(|a| !a.starts_with('-')) => {
            if is_builtin(&args[0]) {
                return start(machine, world, args).map(|found| {
                    found.or_else(|| Some(Box::new(Apart::new(machine.subshell(), args.to_vec())) as Box<dyn Process>))
                });
            }
            Ok(Some(programs::start(world, machine.env.clone(), args.to_vec())))
        }
        // In a container there is more than jobs to end.
        "kill"
            if matches!(machine.env.place, Place::Container { .. } | Place::Node { .. })
                && !args.iter().any(|a| a.starts_with('%')) =>
        {
            Ok(Some(programs::start(world, machine.env.clone(), words.to_vec())))
        }
        _ => Ok(None),
    }
}

/// A builtin as a stage of a pipeline: what it changes is lost.
pub struct Apart {
    machine: Machine,
    words: Vec<String>,
}

impl Apart {
    pub fn new(machine: Machine, words: Vec<String>) -> Apart {
        Apart { machine, words }
    }
}

impl Process for Apart {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        if self.words[0] == "read" && !io.input_ended && !io.input.contains('\n') {
            return Poll::Input;
        }
        Poll::Done(run(&mut self.machine, world, &self.words, io))
    }
}

/// `wait`: until nothing runs in the background.
struct Wait;

impl Process for Wait {
    fn step(&mut self, world: &mut World, _: &mut Io) -> Poll {
        if world.jobs.is_running() { Poll::Wait(world.cluster.now() + Duration::millis(50)) } else { Poll::Done(0) }
    }
}

/// Does what a builtin does at once; its exit code.
pub fn run(machine: &mut Machine, world: &mut World, words: &[String], io: &mut Io) -> i32 {
    let args = &words[1..];
    let name = words[0].as_str();
    match name {
        "cd" | "pushd" => change_folder(machine, world, args, io),
        "export" | "declare" | "typeset" | "readonly" | "local" => declare(machine, name, args, io),
        "unset" => {
            for arg in args.iter().filter(|a| !a.starts_with('-')) {
                machine.env.unset(arg);
                machine.env.functions.remove(arg);
            }
            0
        }
        "set" => set(machine, args, io),
        "shift" => {
            let count = args.first().and_then(|a| a.parse().ok()).unwrap_or(1);
            if count > machine.env.arguments.len() {
                return 1;
            }
            machine.env.arguments.drain(..count);
            0
        }
        "alias" => alias(machine, args, io),
        "unalias" => {
            for arg in args {
                if arg == "-a" {
                    machine.env.aliases.clear();
                } else if machine.env.aliases.remove(arg).is_none() {
                    io.err.push_str(&format!("bash: unalias: {arg}: not found\n"));
                    return 1;
                }
            }
            0
        }
        "trap" => {
            match args {
                [] => {
                    if let Some(text) = &machine.env.at_exit {
                        io.out.push_str(&format!("trap -- {} EXIT\n", quoted(text)));
                    }
                }
                [text, signals @ ..] if signals.iter().any(|s| s == "EXIT" || s == "0") => {
                    machine.env.at_exit = Some(text.clone()).filter(|t| t != "-" && !t.is_empty());
                }
                _ => {}
            }
            0
        }
        "read" => read(machine, args, io),
        "let" => {
            let mut last = 0;
            for arg in args {
                match arithmetic::value(&mut machine.env, arg) {
                    Ok(value) => last = value,
                    Err(problem) => {
                        io.err.push_str(&format!("bash: let: {problem}\n"));
                        return 1;
                    }
                }
            }
            i32::from(last == 0)
        }
        "exit" | "logout" => {
            let code = args.first().and_then(|a| a.parse::<i32>().ok()).map_or(machine.env.status, |c| c & 255);
            machine.leave(Left::Shell, code);
            code
        }
        "return" => {
            if machine.env.function_depth == 0 {
                io.err.push_str("bash: return: can only `return' from a function or sourced script\n");
                return 1;
            }
            let code = args.first().and_then(|a| a.parse::<i32>().ok()).map_or(machine.env.status, |c| c & 255);
            machine.leave(Left::Function, code);
            code
        }
        "type" | "command" | "hash" => kinds(machine, world, name, args, io),
        "jobs" => {
            io.out.push_str(&world.jobs.listing());
            0
        }
        "kill" | "fg" | "bg" | "disown" => jobs(world, name, args, io),
        "break" | "continue" => {
            io.err.push_str(&format!("bash: {name}: only meaningful in a `for', `while', or `until' loop\n"));
            0
        }
        _ => 0,
    }
}

fn change_folder(machine: &mut Machine, world: &World, args: &[String], io: &mut Io) -> i32 {
    let env = &mut machine.env;
    let target = match args.first().map(String::as_str) {
        None => "~".to_string(),
        Some("-") => env.get("OLDPWD").unwrap_or("~").to_string(),
        Some(target) => target.to_string(),
    };
    let path = env.absolute(&target);
    if !world.is_folder(env, &path) {
        let why = if world.is_file(env, &path) { "Not a directory" } else { "No such file or directory" };
        io.err.push_str(&format!("bash: cd: {target}: {why}\n"));
        return 1;
    }
    let before = std::mem::replace(&mut env.folder, path);
    env.set("OLDPWD", &before);
    if args.first().is_some_and(|a| a == "-") {
        io.out.push_str(&format!("{}\n", env.folder));
    }
    0
}

fn declare(machine: &mut Machine, name: &str, args: &[String], io: &mut Io) -> i32 {
    let env = &mut machine.env;
    if args.is_empty() || args.iter().all(|a| a == "-p") {
        if name == "export" {
            for (key, value) in env.exported() {
                io.out.push_str(&format!("declare -x {key}=\"{value}\"\n"));
            }
        }
        return 0;
    }
    for arg in args.iter().filter(|a| !a.starts_with('-')) {
        let (key, value) = arg.split_once('=').map_or((arg.as_str(), None), |(k, v)| (k, Some(v)));
        let valid = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            io.err.push_str(&format!("bash: {name}: `{arg}': not a valid identifier\n"));
            return 1;
        }
        if name == "local" {
            env.shadow(key);
        }
        match value {
            _ if name == "export" => {
                let value = value.map_or_else(|| env.get(key).unwrap_or("").to_string(), str::to_string);
                env.export(key, &value);
            }
            Some(value) => env.set(key, value),
            None => {}
        }
    }
    0
}

fn set(machine: &mut Machine, args: &[String], io: &mut Io) -> i32 {
    let env = &mut machine.env;
    if args.is_empty() {
        for (key, (value, _)) in &env.variables {
            io.out.push_str(&format!("{key}={}\n", quoted(value)));
        }
        return 0;
    }
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let on = arg.starts_with('-');
        if arg == "--" || !on && !arg.starts_with('+') {
            let first = if arg == "--" { None } else { Some(arg.clone()) };
            env.arguments = first.into_iter().chain(rest.cloned()).collect();
            return 0;
        }
        for letter in arg[1..].chars() {
            match letter {
                'e' => env.options.errexit = on,
                'x' => env.options.xtrace = on,
                'u' => env.options.nounset = on,
                'o' => match rest.next().map(String::as_str) {
                    Some("pipefail") => env.options.pipefail = on,
                    Some("errexit") => env.options.errexit = on,
                    Some("nounset") => env.options.nounset = on,
                    Some("xtrace") => env.options.xtrace = on,
                    _ => {}
                },
                'a' | 'b' | 'f' | 'h' | 'k' | 'm' | 'n' | 'p' | 't' | 'v' | 'B' | 'C' | 'E' | 'H' | 'P' | 'T' => {}
                other => {
                    io.err.push_str(&format!(
                        "bash: set: {}{other}: invalid option\nset: usage: set [-abefhkmnptuvxBCEHPT] [-o option-name] [--] [-] [arg ...]\n",
                        &arg[..1]
                    ));
                    return 2;
                }
            }
        }
    }
    0
}

fn alias(machine: &mut Machine, args: &[String], io: &mut Io) -> i32 {
    let aliases = &mut machine.env.aliases;
    let shown = |name: &str, value: &str| format!("alias {name}='{value}'\n");
    if args.is_empty() {
        aliases.iter().for_each(|(name, value)| io.out.push_str(&shown(name, value)));
        return 0;
    }
    let mut code = 0;
    for arg in args {
        match (arg.split_once('='), aliases.get(arg)) {
            (Some((name, value)), _) => drop(aliases.insert(name.to_string(), value.to_string())),
            (None, Some(value)) => io.out.push_str(&shown(arg, value)),
            (None, None) => {
                io.err.push_str(&format!("bash: alias: {arg}: not found\n"));
                code = 1;
            }
        }
    }
    code
}

/// What `read` waits with: the text behind `-p`.
pub fn read_prompt<'a>(words: &[&'a str]) -> Option<&'a str> {
    let at = words.iter().position(|w| *w == "-p")?;
    words.get(at + 1).copied()
}

fn read(machine: &mut Machine, args: &[String], io: &mut Io) -> i32 {
    let (mut names, mut array, mut raw) = (Vec::new(), None, false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-p" | "-t" | "-n" | "-d" | "-u" => drop(rest.next()),
            "-a" => array = rest.next().cloned(),
            flag if flag.starts_with('-') => raw |= flag.contains('r'),
            name => names.push(name.to_string()),
        }
    }
    let (line, left) = match io.input.split_once('\n') {
        Some((line, left)) => (line.to_string(), left.to_string()),
        None => (io.input.clone(), String::new()),
    };
    let ended = io.input.is_empty() || !io.input.contains('\n');
    io.input = left;
    let line = if raw { line } else { line.replace('\\', "") };
    let dividers: Vec<char> = machine.env.get("IFS").unwrap_or(" \t\n").chars().collect();
    let blank = |c: char| dividers.contains(&c) && c.is_whitespace();
    let mut text = line.trim_matches(blank);
    if let Some(name) = array {
        let items = text.split(&dividers[..]).filter(|i| !i.is_empty()).map(str::to_string);
        machine.env.arrays.insert(name, crate::arrange::map_of(items.enumerate().map(|(i, t)| (i as i64, t))));
        return i32::from(ended);
    }
    if names.is_empty() {
        names.push("REPLY".to_string());
    }
    let last = names.len() - 1;
    for (i, name) in names.iter().enumerate() {
        let (word, tail) = if i == last { (text, "") } else { text.split_once(&dividers[..]).unwrap_or((text, "")) };
        machine.env.set_element(name, None, word);
        text = tail.trim_start_matches(blank);
    }
    i32::from(ended)
}

/// `type`, `command -v`: what a word stands for.
fn kinds(machine: &Machine, world: &World, name: &str, args: &[String], io: &mut Io) -> i32 {
    let brief = name == "command" && args.first().is_some_and(|a| a == "-v");
    let mut code = 0;
    for word in args.iter().filter(|a| !a.starts_with('-')) {
        let env = &machine.env;
        let path = format!("/usr/bin/{word}");
        let line = if let Some(value) = env.aliases.get(word) {
            if brief { format!("alias {word}='{value}'") } else { format!("{word} is aliased to `{value}'") }
        } else if env.functions.contains_key(word) {
            if brief { word.clone() } else { format!("{word} is a function") }
        } else if is_builtin(word) {
            if brief { word.clone() } else { format!("{word} is a shell builtin") }
        } else if programs::is_found(world, env, word) {
            if brief { path } else { format!("{word} is {path}") }
        } else {
            code = 1;
            if !brief {
                io.err.push_str(&format!("bash: {name}: {word}: not found\n"));
            }
            continue;
        };
        if name != "hash" {
            io.out.push_str(&format!("{line}\n"));
        }
    }
    code
}

/// `kill %1`, `kill PID`, `fg`.
fn jobs(world: &mut World, name: &str, args: &[String], io: &mut Io) -> i32 {
    let named: Vec<&String> = args.iter().filter(|a| !a.starts_with('-')).collect();
    if name == "kill" && named.is_empty() {
        io.err
            .push_str("kill: usage: kill [-s sigspec | -n signum | -sigspec] pid | jobspec ... or kill -l [sigspec]\n");
        return 2;
    }
    if name == "disown" || name == "bg" {
        return 0;
    }
    let list = if named.is_empty() { vec![String::from("%+")] } else { named.into_iter().cloned().collect() };
    let mut code = 0;
    for word in list {
        match world.jobs.find(&word) {
            Some(number) if name == "kill" => world.jobs.end(number),
            Some(number) => {
                io.out.push_str(&format!("{}\n", world.jobs.bring_back(number)));
            }
            None => {
                code = 1;
                io.err.push_str(&match word.starts_with('%') {
                    true if name == "fg" && word == "%+" => "bash: fg: current: no such job\n".to_string(),
                    true => format!("bash: {name}: {word}: no such job\n"),
                    false if word.parse::<u32>().is_ok() => format!("bash: {name}: ({word}) - No such process\n"),
                    false => format!("bash: {name}: {word}: arguments must be process or job IDs\n"),
                });
            }
        }
    }
    code
}
