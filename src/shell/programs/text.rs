//! Text in, text out: cat, head, tail, sort, uniq, wc, cut, tr, tee, base64.

use super::say::unescape;
use super::{Ctx, Said};
use crate::arrange::Arrange;
use crate::shell::env::Env;
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::world::World;
use data_encoding::BASE64;

fn split(args: &[String]) -> (Vec<String>, Vec<String>) {
    args.iter().cloned().partition(|a| a.starts_with('-') && a.len() > 1)
}

pub fn cat(ctx: &mut Ctx) -> i32 {
    let (options, files) = split(ctx.args());
    let (texts, good) = ctx.inputs(&files);
    let number = options.iter().any(|o| o.contains('n'));
    let mut line_number = 0;
    for (_, text) in texts {
        if number {
            for line in text.lines() {
                line_number += 1;
                ctx.say(format!("{line_number:>6}\t{line}"));
            }
        } else {
            ctx.out.push_str(&text);
        }
    }
    i32::from(!good)
}

pub fn wc(ctx: &mut Ctx) -> i32 {
    let (options, files) = split(ctx.args());
    let flags: String = options.concat();
    let (texts, good) = ctx.inputs(&files);
    let all = !flags.contains(['l', 'w', 'c', 'm']);
    let mut lines = Vec::new();
    for (name, text) in texts {
        let mut counts = Vec::new();
        if all || flags.contains('l') {
            counts.push(text.matches('\n').count());
        }
        if all || flags.contains('w') {
            counts.push(text.split_whitespace().count());
        }
        if all || flags.contains(['c', 'm']) {
            counts.push(if flags.contains('m') { text.chars().count() } else { text.len() });
        }
        let shown: Vec<String> = if counts.len() == 1 {
            vec![counts[0].to_string()]
        } else {
            counts.iter().map(|c| format!("{c:>7}")).collect()
        };
        lines.push(format!("{} {name}", shown.join(" ")).trim_end().to_string());
    }
    lines.iter().for_each(|l| ctx.say(l));
    i32::from(!good)
}

/// `-n 5`, `-n5`, `-5`.
fn count(args: &[String]) -> (i64, Vec<String>, bool) {
    let (mut number, mut files, mut plus) = (10, Vec::new(), false);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let text = match arg.strip_prefix("-n").or(arg.strip_prefix("--lines=")) {
            Some("") => rest.next().map_or("", String::as_str),
            Some(digits) => digits,
            None => match arg.strip_prefix('-') {
                Some(digits) if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) => digits,
                Some(_) if arg.len() > 1 => continue,
                _ => {
                    files.push(arg.clone());
                    continue;
                }
            },
        };
        plus = text.starts_with('+');
        number = text.trim_start_matches('+').parse().unwrap_or(10);
    }
    (number, files, plus)
}

pub fn tail(ctx: &mut Ctx) -> i32 {
    let (number, files, plus) = count(ctx.args());
    let (texts, good) = ctx.inputs(&files);
    for (_, text) in texts {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let skip = if plus { (number - 1).max(0) as usize } else { lines.len().saturating_sub(number.max(0) as usize) };
        ctx.out.push_str(&lines.get(skip..).unwrap_or(&[]).concat());
    }
    i32::from(!good)
}

pub fn start_head(world: &mut World, env: Env, words: Vec<String>) -> Box<dyn Process> {
    let (number, files, _) = count(&words[1..]);
    let mut text = None;
    for path in &files {
        match world.read(&env, path) {
            Some(found) => text.get_or_insert_with(String::new).push_str(&found),
            None => return Box::new(Said { err: format!("head: {path}: No such file or directory\n"), code: 1 }),
        }
    }
    Box::new(Head { left: number, text })
}

/// Ends as soon as it has enough, so that `yes | head` ends.
struct Head {
    left: i64,
    text: Option<String>,
}

impl Process for Head {
    fn step(&mut self, _: &mut World, io: &mut Io) -> Poll {
        if let Some(text) = self.text.take() {
            io.input = text;
            io.input_ended = true;
        }
        if self.left < 0 {
            if !io.input_ended {
                return Poll::Input;
            }
            let lines: Vec<&str> = io.input.split_inclusive('\n').collect();
            io.out.push_str(&lines[..lines.len().saturating_sub(self.left.unsigned_abs() as usize)].concat());
            return Poll::Done(0);
        }
        while self.left > 0 {
            let Some(end) = io
                .input
                .find('\n')
                .map(|i| i + 1)
                .or((io.input_ended && !io.input.is_empty()).then_some(io.input.len()))
            else {
                break;
            };
            io.out.push_str(&io.input[..end]);
            io.input.drain(..end);
            self.left -= 1;
        }
        if self.left == 0 || io.input_ended { Poll::Done(0) } else { Poll::Input }
    }
}

pub fn sort(ctx: &mut Ctx) -> i32 {
    let (options, files) = split(ctx.args());
    let flags: String = options.concat();
    let (texts, good) = ctx.inputs(&files);
    let joined: String = texts.into_iter().map(|(_, t)| t).collect();
    let mut lines: Vec<&str> = joined.lines().collect();
    let field = flags
        .split('k')
        .nth(1)
        .and_then(|k| k.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>().ok());
    let key = |l: &str| {
        field.map_or(l.to_string(), |f| l.split_whitespace().skip(f.saturating_sub(1)).collect::<Vec<_>>().join(" "))
    };
    if flags.contains('n') {
        let number = |l: &str| {
            key(l)
                .trim()
                .split(|c: char| !(c.is_ascii_digit() || c == '-' || c == '.'))
                .next()
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        lines.arrange_by(|a, b| number(a).total_cmp(&number(b)));
    } else {
        lines.arrange_by_key(|l| key(l));
    }
    if flags.contains('r') {
        lines.reverse();
    }
    if flags.contains('u') {
        lines.dedup();
    }
    lines.iter().for_each(|l| ctx.say(l));
    i32::from(!good)
}

pub fn uniq(ctx: &mut Ctx) -> i32 {
    let (options, files) = split(ctx.args());
    let (texts, good) = ctx.inputs(&files);
    let joined: String = texts.into_iter().map(|(_, t)| t).collect();
    let mut groups: Vec<(usize, &str)> = Vec::new();
    for line in joined.lines() {
        match groups.last_mut() {
            Some((count, last)) if *last == line => *count += 1,
            _ => groups.push((1, line)),
        }
    }
    let flags: String = options.concat();
    for (count, line) in groups {
        if flags.contains('d') && count < 2 {
            continue;
        }
        if flags.contains('c') { ctx.say(format!("{count:>7} {line}")) } else { ctx.say(line) }
    }
    i32::from(!good)
}

pub fn cut(ctx: &mut Ctx) -> i32 {
    let args = ctx.args().to_vec();
    let (mut divider, mut fields, mut chars, mut files) = ('\t', String::new(), String::new(), Vec::new());
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = |prefix: &str| match arg.strip_prefix(prefix) {
            Some("") => rest.next().cloned(),
            Some(text) => Some(text.to_string()),
            None => None,
        };
        if let Some(text) = value("-d") {
            divider = text.chars().next().unwrap_or('\t');
        } else if let Some(text) = value("-f") {
            fields = text;
        } else if let Some(text) = value("-c") {
            chars = text;
        } else {
            files.push(arg.clone());
        }
    }
    let wanted = |spec: &str, at: usize| {
        spec.split(',').any(|part| match part.split_once('-') {
            Some((a, b)) => a.parse().unwrap_or(1) <= at && at <= b.parse().unwrap_or(usize::MAX),
            None => part.parse() == Ok(at),
        })
    };
    let (texts, good) = ctx.inputs(&files);
    let mut out = String::new();
    for line in texts.iter().flat_map(|(_, t)| t.lines()) {
        if chars.is_empty() {
            let parts: Vec<&str> =
                line.split(divider).enumerate().filter(|(i, _)| wanted(&fields, i + 1)).map(|(_, p)| p).collect();
            out.push_str(&if line.contains(divider) { parts.join(&divider.to_string()) } else { line.to_string() });
        } else {
            out.extend(line.chars().enumerate().filter(|(i, _)| wanted(&chars, i + 1)).map(|(_, c)| c));
        }
        out.push('\n');
    }
    ctx.out.push_str(&out);
    i32::from(!good)
}

pub fn tr(ctx: &mut Ctx) -> i32 {
    let (options, sets) = split(ctx.args());
    let expand = |set: &str| -> Vec<char> {
        let chars: Vec<char> = unescape(set).chars().collect();
        let (mut out, mut i) = (Vec::new(), 0);
        while i < chars.len() {
            if i + 2 < chars.len() && chars[i + 1] == '-' {
                out.extend(chars[i]..=chars[i + 2]);
                i += 3;
            } else {
                out.push(chars[i]);
                i += 1;
            }
        }
        out
    };
    let flags: String = options.concat();
    let from = expand(sets.first().map_or("", String::as_str));
    let to = expand(sets.get(1).map_or("", String::as_str));
    let input = ctx.input();
    let mut out = String::new();
    for c in input.chars() {
        match from.iter().position(|f| *f == c) {
            Some(_) if flags.contains('d') => {}
            Some(i) => match to.get(i).or(to.last()) {
                Some(other) if !(flags.contains('s') && out.ends_with(*other)) => out.push(*other),
                Some(_) => {}
                None if flags.contains('s') && out.ends_with(c) => {}
                None => out.push(c),
            },
            None => out.push(c),
        }
    }
    ctx.out.push_str(&out);
    0
}

pub fn tee(ctx: &mut Ctx) -> i32 {
    let (options, files) = split(ctx.args());
    let append = options.iter().any(|o| o.contains('a'));
    let input = ctx.input();
    let mut code = 0;
    for path in files {
        let old = if append { ctx.world.read(ctx.env, &path).unwrap_or_default() } else { String::new() };
        if let Err(why) = ctx.world.write(ctx.env, &path, &format!("{old}{input}")) {
            ctx.complain(format!("tee: {path}: {why}"));
            code = 1;
        }
    }
    ctx.out.push_str(&input);
    code
}

pub fn base64(ctx: &mut Ctx) -> i32 {
    let (options, files) = split(ctx.args());
    let (texts, good) = ctx.inputs(&files);
    let joined: String = texts.into_iter().map(|(_, t)| t).collect();
    if options.iter().any(|o| o == "-d" || o == "-D" || o == "--decode") {
        let bare: String = joined.split_whitespace().collect();
        match BASE64.decode(bare.as_bytes()) {
            Ok(bytes) => ctx.out.push_str(&String::from_utf8_lossy(&bytes)),
            Err(_) => {
                ctx.complain("base64: invalid input");
                return 1;
            }
        }
    } else {
        ctx.say(BASE64.encode(joined.as_bytes()));
    }
    i32::from(!good)
}
