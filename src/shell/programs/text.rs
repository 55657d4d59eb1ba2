//! Text in, text out: cat, echo, grep, head, tail, sort, uniq, wc, cut, tr, seq, yes, sleep …

use super::{Ctx, Said};
use crate::api::time::Duration;
use crate::arrange::Arrange;
use crate::shell::env::Env;
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::pattern::Pattern;
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

pub fn echo(ctx: &mut Ctx) -> i32 {
    let args = ctx.args().to_vec();
    let mut at = 0;
    let (mut newline, mut escapes) = (true, false);
    while let Some(option) =
        args.get(at).filter(|a| a.len() > 1 && a.starts_with('-') && a[1..].chars().all(|c| "neE".contains(c)))
    {
        newline &= !option.contains('n');
        escapes |= option.contains('e');
        at += 1;
    }
    let text = args[at..].join(" ");
    ctx.out.push_str(&if escapes { unescape(&text) } else { text });
    if newline {
        ctx.out.push('\n');
    }
    0
}

/// Backslash escapes as `echo -e` and `printf` read them.
pub fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(kind) = chars.next() else {
            out.push('\\');
            break;
        };
        let mut number = |radix: u32, most: usize, first: Option<u32>| {
            let mut value = first;
            for _ in 0..most {
                let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
                value = Some(value.unwrap_or(0) * radix + digit);
                chars.next();
            }
            value.and_then(|v| char::from_u32(v & 0xff))
        };
        match kind {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'e' | 'E' => out.push('\u{1b}'),
            'f' => out.push('\u{c}'),
            'v' => out.push('\u{b}'),
            '\\' => out.push('\\'),
            '0' => out.extend(number(8, 3, Some(0))),
            digit @ '1'..='7' => out.extend(number(8, 2, digit.to_digit(8))),
            'x' => match number(16, 2, None) {
                Some(found) => out.push(found),
                None => out.push_str("\\x"),
            },
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    out
}

pub fn printf(ctx: &mut Ctx) -> i32 {
    let args = ctx.args().to_vec();
    let Some((format, rest)) = args.split_first() else {
        ctx.complain("printf: usage: printf format [arguments]");
        return 2;
    };
    let format = unescape(format);
    let mut values = rest.iter();
    loop {
        let mut chars = format.chars().peekable();
        let mut used = false;
        while let Some(c) = chars.next() {
            if c != '%' {
                ctx.out.push(c);
                continue;
            }
            let mut spec = String::new();
            while let Some(d) = chars.next_if(|c| c.is_ascii_digit() || "-+ 0.#".contains(*c)) {
                spec.push(d);
            }
            match chars.next() {
                Some('%') | None => ctx.out.push('%'),
                Some(kind) => {
                    used = true;
                    let value = values.next().map_or("", String::as_str);
                    let odd = "dioxXfeg".contains(kind) && !value.is_empty() && value.trim().parse::<f64>().is_err();
                    if odd {
                        ctx.complain(format!("bash: printf: {value}: invalid number"));
                    }
                    ctx.out.push_str(&format_one(&spec, kind, value));
                }
            }
        }
        if !used || values.len() == 0 || ctx.out.len() > 1 << 20 {
            return 0;
        }
    }
}

/// One value as `%-10s`, `%05d`, `%.2f` say.
pub fn format_one(spec: &str, kind: char, value: &str) -> String {
    let (left, zero, plus) = (spec.contains('-'), spec.starts_with('0'), spec.contains('+'));
    let digits = spec.trim_start_matches(['-', '+', ' ', '0', '#']);
    let (width, precision) = digits.split_once('.').map_or((digits, None), |(w, p)| (w, Some(p)));
    let precision = precision.or_else(|| spec.strip_prefix('.')).map(|p| p.parse::<usize>().unwrap_or(0).min(100));
    let width = width.parse::<usize>().unwrap_or(0).min(1_000);
    let number = value.trim().parse::<f64>().unwrap_or(0.0);
    let mut text = match kind {
        'd' | 'i' | 'u' => format!("{}", number as i64),
        'x' => format!("{:x}", number as i64),
        'X' => format!("{:X}", number as i64),
        'o' => format!("{:o}", number as i64),
        'f' | 'F' | 'g' | 'e' => format!("{number:.*}", precision.unwrap_or(6)),
        'c' => value.chars().take(1).collect(),
        'b' => unescape(value),
        'q' => crate::shell::builtins::quoted(value),
        _ => value.chars().take(precision.unwrap_or(usize::MAX)).collect(),
    };
    if plus && number >= 0.0 && "dif".contains(kind) {
        text.insert(0, '+');
    }
    match (left, zero && "diuxXof".contains(kind)) {
        (true, _) => format!("{text:<width$}"),
        (false, true) if text.starts_with('-') => format!("-{:0>1$}", &text[1..], width.saturating_sub(1)),
        (false, true) => format!("{text:0>width$}"),
        _ => format!("{text:>width$}"),
    }
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

pub fn seq(ctx: &mut Ctx) -> i32 {
    let numbers: Vec<i64> = ctx.args().iter().filter_map(|a| a.parse().ok()).collect();
    let (first, step, last) = match numbers[..] {
        [last] => (1, 1, last),
        [first, last] => (first, 1, last),
        [first, step, last] => (first, step, last),
        _ => {
            ctx.complain("seq: missing operand");
            return 1;
        }
    };
    if step == 0 {
        ctx.complain("seq: invalid Zero increment value: '0'");
        return 1;
    }
    let mut at = first;
    let mut lines = 0;
    while (step > 0 && at <= last || step < 0 && at >= last) && lines < 100_000 {
        ctx.say(at.to_string());
        at = at.saturating_add(step);
        lines += 1;
    }
    0
}

pub fn sleep(ctx: &mut Ctx) -> i32 {
    let mut total = 0.0;
    let args = ctx.args().to_vec();
    if args.is_empty() {
        ctx.complain("sleep: missing operand\nTry 'sleep --help' for more information.");
        return 1;
    }
    for arg in &args {
        let (digits, unit) = arg.split_at(arg.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(arg.len()));
        let scale = match unit {
            "" | "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ if arg == "infinity" => 0.0,
            _ => {
                ctx.complain(format!("sleep: invalid time interval '{arg}'"));
                return 1;
            }
        };
        match digits.parse::<f64>() {
            Ok(number) if number >= 0.0 => total += number * scale,
            _ if arg == "infinity" => total = 1e9,
            _ => {
                ctx.complain(format!("sleep: invalid time interval '{arg}'"));
                return 1;
            }
        }
    }
    ctx.took = Duration::micros((total.min(1e9) * 1e6) as u64);
    0
}

pub fn start_yes(_: &mut World, _: Env, words: Vec<String>) -> Box<dyn Process> {
    let text = if words.len() > 1 { words[1..].join(" ") } else { "y".to_string() };
    Box::new(Yes(format!("{text}\n")))
}

struct Yes(String);

impl Process for Yes {
    fn step(&mut self, world: &mut World, io: &mut Io) -> Poll {
        for _ in 0..64 {
            io.out.push_str(&self.0);
        }
        // It never ends by itself: time must go by, so that it can be stopped.
        Poll::Wait(world.cluster.now() + Duration::millis(1))
    }
}
