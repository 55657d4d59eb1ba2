//! What says something of its own, and what lets time pass: echo, printf, seq, yes, sleep.

use super::Ctx;
use crate::api::time::Duration;
use crate::shell::env::Env;
use crate::shell::machine::{Io, Poll, Process};
use crate::shell::world::World;

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
