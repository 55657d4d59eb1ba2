//! grep and those that behave like it: the lines in which a pattern is found, each as soon as it comes.

use super::Said;
use crate::shell::env::Env;
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::pattern::Pattern;
use crate::shell::world::World;

pub fn start_grep(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let name = words[0].as_str();
    let (mut flags, mut pattern, mut files) = (String::new(), None, Vec::new());
    let mut context = (0_usize, 0_usize);
    let mut rest = words[1..].iter();
    let mut plain = false;
    while let Some(word) = rest.next() {
        if plain || !word.starts_with('-') || word.len() == 1 {
            if pattern.is_none() { pattern = Some(word.clone()) } else { files.push(word.clone()) }
        } else if word == "--" {
            plain = true;
        } else if word == "-e" {
            pattern = rest.next().cloned();
        } else if let Some((kind, digits)) = ["-A", "-B", "-C"].iter().find_map(|k| Some((*k, word.strip_prefix(k)?))) {
            let text = if digits.is_empty() { rest.next().map_or("", String::as_str) } else { digits };
            let number = text.parse().unwrap_or(0);
            if kind != "-B" {
                context.1 = number;
            }
            if kind != "-A" {
                context.0 = number;
            }
        } else if !word.starts_with("--") {
            flags.push_str(&word[1..]);
        } else {
            match word.as_str() {
                "--ignore-case" => flags.push('i'),
                "--invert-match" => flags.push('v'),
                "--count" => flags.push('c'),
                "--color" | "--color=auto" | "--color=never" | "--color=always" | "--line-buffered" => {}
                other => {
                    return Box::new(Said {
                        err: format!(
                            "grep: unrecognized option '{other}'\nUsage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n"
                        ),
                        code: 2,
                    });
                }
            }
        }
    }
    let Some(pattern) = pattern else {
        return Box::new(Said {
            err: "Usage: grep [OPTION]... PATTERNS [FILE]...\nTry 'grep --help' for more information.\n".to_string(),
            code: 2,
        });
    };
    let ag = matches!(name, "ag" | "rg");
    let smart = ag && pattern.chars().all(|c| !c.is_uppercase());
    let extended = ag || name == "egrep" || flags.contains(['E', 'P']);
    let fixed = name == "fgrep" || flags.contains('F');
    let compiled = Pattern::new(&pattern, extended, fixed, flags.contains('i') || smart);
    let mut text = None;
    let mut err = String::new();
    let several = files.len() > 1;
    for path in &files {
        match world.read(&env, path) {
            Some(found) => {
                let all: &mut String = text.get_or_insert_with(String::new);
                if several {
                    found.lines().for_each(|l| all.push_str(&format!("{path}:{l}\n")));
                } else {
                    all.push_str(&found);
                }
            }
            None => {
                err.push_str(&format!("grep: {path}: No such file or directory\n"));
                text.get_or_insert_with(String::new);
            }
        }
    }
    Box::new(Grep { pattern: compiled, flags, text, err, line: 0, hits: 0, context, before: Vec::new(), after: 0 })
}

struct Grep {
    pattern: Pattern,
    flags: String,
    text: Option<String>,
    err: String,
    line: usize,
    hits: usize,
    context: (usize, usize),
    before: Vec<String>,
    after: usize,
}

impl Process for Grep {
    fn step(&mut self, _: &mut World, io: &mut Io) -> Poll {
        io.err.push_str(&std::mem::take(&mut self.err));
        if let Some(text) = self.text.take() {
            io.input = text;
            io.input_ended = true;
        }
        let mut done = 0;
        while let Some(end) = io.input[done..]
            .find('\n')
            .map(|i| done + i + 1)
            .or((io.input_ended && done < io.input.len()).then_some(io.input.len()))
        {
            let line = io.input[done..end].trim_end_matches('\n').to_string();
            done = end;
            self.line += 1;
            let found = self.pattern.find(&line);
            if found.is_some() == self.flags.contains('v') {
                if self.after > 0 {
                    self.after -= 1;
                    io.out.push_str(&format!("{line}\n"));
                } else if self.context.0 > 0 {
                    self.before.push(line);
                    if self.before.len() > self.context.0 {
                        self.before.remove(0);
                    }
                }
                continue;
            }
            self.hits += 1;
            if self.flags.contains(['q', 'c']) {
                continue;
            }
            for earlier in self.before.drain(..) {
                io.out.push_str(&format!("{earlier}\n"));
            }
            self.after = self.context.1;
            let shown = match found {
                Some((a, b)) if self.flags.contains('o') => line.chars().skip(a).take(b - a).collect(),
                _ => line,
            };
            let number = if self.flags.contains('n') { format!("{}:", self.line) } else { String::new() };
            io.out.push_str(&format!("{number}{shown}\n"));
        }
        io.input.drain(..done);
        if !io.input_ended {
            return Poll::Input;
        }
        if self.flags.contains('c') {
            io.out.push_str(&format!("{}\n", self.hits));
        }
        Poll::Done(i32::from(self.hits == 0))
    }
}
