//! `awk`, as far as people paste it: fields, patterns, `print` and `printf`, variables, arrays, loops, the usual functions.

mod parse;

use super::Ctx;
use super::say::format_one;
use crate::shell::pattern::Pattern;
use parse::{Expr, Rule, Statement, When};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How much a program may do before it is stopped.
const MOST_STEPS: usize = 400_000;
/// How much it may print.
const MOST_OUTPUT: usize = 8 << 20;

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Text(String),
    /// Out of the input: a number, if it looks like one.
    Input(String),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Value::Number(n) => shown(*n),
            Value::Text(t) | Value::Input(t) => t.clone(),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Value::Number(n) => *n,
            Value::Text(t) | Value::Input(t) => leading_number(t).0,
        }
    }

    /// Its number, if it counts as one in comparisons.
    fn numeric(&self) -> Option<f64> {
        match self {
            Value::Number(n) => Some(*n),
            Value::Text(_) => None,
            Value::Input(t) => {
                let (number, whole) = leading_number(t);
                whole.then_some(number)
            }
        }
    }

    fn is_true(&self) -> bool {
        match self.numeric() {
            Some(number) => number != 0.0,
            None => !self.text().is_empty(),
        }
    }
}

fn shown(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e16 {
        return format!("{}", number as i64);
    }
    let digits = format!("{number:.6e}");
    let exponent: i32 = digits.rsplit('e').next().and_then(|e| e.parse().ok()).unwrap_or(0);
    let places = usize::try_from(5 - exponent.clamp(-4, 5)).unwrap_or(0);
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

/// The number that a text begins with, and whether that is all of it.
fn leading_number(text: &str) -> (f64, bool) {
    let text = text.trim();
    let mut end = 0;
    let mut dot = false;
    for (at, c) in text.char_indices() {
        match c {
            '+' | '-' if at == 0 => {}
            '.' if !dot => dot = true,
            c if c.is_ascii_digit() => end = at + 1,
            _ => break,
        }
    }
    (text[..end].parse().unwrap_or(0.0), end > 0 && end == text.trim_end_matches('.').len())
}

/// What makes a program leave its way.
enum Flow {
    Next,
    Exit(i32),
    Break,
    Continue,
    Failed(String),
}

type Outcome<T> = Result<T, Flow>;

struct Awk {
    variables: BTreeMap<String, Value>,
    arrays: BTreeMap<String, BTreeMap<String, Value>>,
    line: String,
    fields: Vec<String>,
    out: String,
    steps: usize,
}

pub fn awk(ctx: &mut Ctx) -> i32 {
    let (mut files, mut program) = (Vec::new(), None);
    let mut awk = Awk {
        variables: BTreeMap::new(),
        arrays: BTreeMap::new(),
        line: String::new(),
        fields: Vec::new(),
        out: String::new(),
        steps: 0,
    };
    for (name, value) in [("FS", " "), ("OFS", " "), ("ORS", "\n"), ("SUBSEP", "\u{1c}")] {
        awk.variables.insert(name.to_string(), Value::Text(value.to_string()));
    }
    for (name, value) in ctx.env.exported() {
        awk.arrays.entry("ENVIRON".to_string()).or_default().insert(name.to_string(), Value::Input(value.to_string()));
    }
    let args = ctx.args().to_vec();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = |flag: &str| match arg.strip_prefix(flag) {
            Some("") => Some(rest.next().cloned().unwrap_or_default()),
            Some(text) => Some(text.to_string()),
            None => None,
        };
        if program.is_some() {
            files.push(arg.clone());
        } else if let Some(text) = value("-F") {
            let text = if text == "t" { "\t".to_string() } else { super::unescape(&text) };
            awk.variables.insert("FS".to_string(), Value::Text(text));
        } else if let Some(text) = value("-v") {
            let (name, value) = text.split_once('=').unwrap_or((&text, ""));
            awk.variables.insert(name.to_string(), Value::Input(super::unescape(value)));
        } else if let Some(path) = value("-f") {
            let Some(text) = ctx.world.read(ctx.env, &path) else {
                ctx.complain(format!("awk: cannot open \"{path}\" (No such file or directory)"));
                return 2;
            };
            program = Some(text);
        } else if arg != "--" {
            program = Some(arg.clone());
        }
    }
    let Some(program) = program else {
        ctx.complain("usage: awk [-F fs][-v var=value][prog | -f progfile][file ...]");
        return 2;
    };
    let rules = match parse::program(&program) {
        Ok(rules) => rules,
        Err(problem) => {
            ctx.complain(format!("awk: {problem}\n context is\n\t>>> {program} <<<"));
            return 2;
        }
    };
    let reads = rules.iter().any(|r| !matches!(r.when, When::Begin));
    let (texts, good) = if reads { ctx.inputs(&files) } else { (Vec::new(), true) };
    let code = match awk.run(&rules, &texts) {
        Ok(()) => i32::from(!good) * 2,
        Err(Flow::Exit(code)) => code,
        Err(Flow::Failed(problem)) => {
            ctx.complain(format!("awk: {problem}"));
            2
        }
        Err(_) => 0,
    };
    ctx.out.push_str(&awk.out);
    code
}

impl Awk {
    fn run(&mut self, rules: &[Rule], texts: &[(String, String)]) -> Outcome<()> {
        let mut within = vec![false; rules.len()];
        let ended = self.lines(rules, texts, &mut within);
        let code = match ended {
            Ok(()) => None,
            Err(Flow::Exit(code)) => Some(code),
            Err(other) => return Err(other),
        };
        for rule in rules.iter().filter(|r| matches!(r.when, When::End)) {
            rule.action.iter().try_for_each(|a| self.statement(a))?;
        }
        code.map_or(Ok(()), |code| Err(Flow::Exit(code)))
    }

    fn lines(&mut self, rules: &[Rule], texts: &[(String, String)], within: &mut [bool]) -> Outcome<()> {
        for rule in rules.iter().filter(|r| matches!(r.when, When::Begin)) {
            rule.action.iter().try_for_each(|a| self.statement(a))?;
        }
        let mut number = 0;
        for (name, text) in texts {
            self.variables.insert("FILENAME".to_string(), Value::Input(name.clone()));
            for (i, line) in text.lines().enumerate() {
                number += 1;
                self.set("NR", Value::Number(f64::from(number)));
                self.set("FNR", Value::Number(i as f64 + 1.0));
                self.set_line(line);
                for (rule, open) in rules.iter().zip(within.iter_mut()) {
                    let applies = match &rule.when {
                        When::Begin | When::End => false,
                        When::Always => true,
                        When::If(condition) => self.value(condition)?.is_true(),
                        When::Range(from, to) => {
                            let begins = *open || self.value(from)?.is_true();
                            *open = begins && !self.value(to)?.is_true();
                            begins
                        }
                    };
                    if !applies {
                        continue;
                    }
                    let done = match &rule.action {
                        Some(action) => self.statement(action),
                        None => self.print(&[]),
                    };
                    match done {
                        Err(Flow::Next) => break,
                        other => other?,
                    }
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.variables.get_mut(name) {
            Some(known) => *known = value,
            None => drop(self.variables.insert(name.to_string(), value)),
        }
    }

    fn text_of(&self, name: &str) -> String {
        self.variables.get(name).map_or(String::new(), Value::text)
    }

    fn set_line(&mut self, line: &str) {
        self.line = line.to_string();
        self.fields = split(line, &self.text_of("FS"));
        self.set("NF", Value::Number(self.fields.len() as f64));
    }

    /// A field was changed: the line is put together anew.
    fn rejoin(&mut self) {
        self.line = self.fields.join(&self.text_of("OFS"));
        self.set("NF", Value::Number(self.fields.len() as f64));
    }

    fn print(&mut self, list: &[Expr]) -> Outcome<()> {
        let texts = list.iter().map(|e| self.value(e).map(|v| v.text())).collect::<Outcome<Vec<_>>>()?;
        let text = if list.is_empty() { self.line.clone() } else { texts.join(&self.text_of("OFS")) };
        let end = self.text_of("ORS");
        self.write(&(text + &end))
    }

    fn write(&mut self, text: &str) -> Outcome<()> {
        self.out.push_str(text);
        if self.out.len() > MOST_OUTPUT { Err(Flow::Failed("too much output".to_string())) } else { Ok(()) }
    }

    fn statement(&mut self, statement: &Statement) -> Outcome<()> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Flow::Failed("stopped: the program does not end".to_string()));
        }
        match statement {
            Statement::Expr(expr) => self.value(expr).map(drop),
            Statement::Print(list) => self.print(list),
            Statement::Printf(list) => {
                let values = list.iter().map(|e| self.value(e)).collect::<Outcome<Vec<_>>>()?;
                let text = format(&values);
                self.write(&text)
            }
            Statement::If(condition, yes, no) => {
                if self.value(condition)?.is_true() {
                    self.statement(yes)
                } else {
                    no.iter().try_for_each(|s| self.statement(s))
                }
            }
            Statement::While(condition, body) => {
                while self.value(condition)?.is_true() {
                    match self.statement(body) {
                        Err(Flow::Break) => break,
                        Err(Flow::Continue) | Ok(()) => {}
                        other => return other,
                    }
                }
                Ok(())
            }
            Statement::For(first, condition, step, body) => {
                first.iter().try_for_each(|s| self.statement(s))?;
                while condition.as_ref().map_or(Ok(true), |c| self.value(c).map(|v| v.is_true()))? {
                    match self.statement(body) {
                        Err(Flow::Break) => break,
                        Err(Flow::Continue) | Ok(()) => {}
                        other => return other,
                    }
                    step.iter().try_for_each(|s| self.statement(s))?;
                }
                Ok(())
            }
            Statement::Each(name, array, body) => {
                let keys: Vec<String> = self.arrays.get(array).map_or(Vec::new(), |a| a.keys().cloned().collect());
                for key in keys {
                    self.set(name, Value::Input(key));
                    match self.statement(body) {
                        Err(Flow::Break) => break,
                        Err(Flow::Continue) | Ok(()) => {}
                        other => return other,
                    }
                }
                Ok(())
            }
            Statement::Block(list) => list.iter().try_for_each(|s| self.statement(s)),
            Statement::Delete(array, index) => {
                if index.is_empty() {
                    self.arrays.remove(array);
                } else {
                    let key = self.key(index)?;
                    self.arrays.entry(array.clone()).or_default().remove(&key);
                }
                Ok(())
            }
            Statement::Next => Err(Flow::Next),
            Statement::Exit(code) => {
                let code = code.as_ref().map_or(Ok(0), |c| self.value(c).map(|v| v.number() as i32))?;
                Err(Flow::Exit(code))
            }
            Statement::Break => Err(Flow::Break),
            Statement::Continue => Err(Flow::Continue),
        }
    }

    fn key(&mut self, index: &[Expr]) -> Outcome<String> {
        let texts = index.iter().map(|e| self.value(e).map(|v| v.text())).collect::<Outcome<Vec<_>>>()?;
        Ok(texts.join(&self.text_of("SUBSEP")))
    }

    fn assign(&mut self, place: &Expr, value: Value) -> Outcome<()> {
        match place {
            Expr::Variable(name) => {
                if name == "NF" {
                    self.fields.resize((value.number().max(0.0) as usize).min(10_000), String::new());
                    self.rejoin();
                } else {
                    self.set(name, value);
                }
            }
            Expr::Element(name, index) => {
                let key = self.key(index)?;
                self.arrays.entry(name.clone()).or_default().insert(key, value);
            }
            Expr::Field(index) => match self.value(index)?.number() as usize {
                0 => {
                    let line = value.text();
                    self.set_line(&line);
                }
                n if n > 10_000 => return Err(Flow::Failed(format!("trying to access out of range field {n}"))),
                n => {
                    if self.fields.len() < n {
                        self.fields.resize(n, String::new());
                    }
                    self.fields[n - 1] = value.text();
                    self.rejoin();
                }
            },
            _ => return Err(Flow::Failed("assignment to what is no variable".to_string())),
        }
        Ok(())
    }

    fn value(&mut self, expr: &Expr) -> Outcome<Value> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err(Flow::Failed("stopped: the program does not end".to_string()));
        }
        let truth = |t: bool| Value::Number(f64::from(u8::from(t)));
        Ok(match expr {
            Expr::Number(n) => Value::Number(*n),
            Expr::Text(text) => Value::Text(text.clone()),
            Expr::Regex(pattern) => truth(pattern.find(&self.line).is_some()),
            Expr::Variable(name) => self.variables.get(name).cloned().unwrap_or(Value::Input(String::new())),
            Expr::Field(index) => match self.value(index)?.number() {
                0.0 => Value::Input(self.line.clone()),
                n if n < 0.0 => return Err(Flow::Failed(format!("trying to access out of range field {n}"))),
                n => Value::Input(self.fields.get(n as usize - 1).cloned().unwrap_or_default()),
            },
            Expr::Element(name, index) => {
                let key = self.key(index)?;
                let array = self.arrays.entry(name.clone()).or_default();
                array.entry(key).or_insert(Value::Input(String::new())).clone()
            }
            Expr::Assign(place, operator, right) => {
                let right = self.value(right)?;
                let value = if *operator == '=' {
                    right
                } else {
                    let left = self.value(place)?.number();
                    Value::Number(calculate(*operator, left, right.number())?)
                };
                self.assign(place, value.clone())?;
                value
            }
            Expr::Step(place, by, before) => {
                let old = self.value(place)?.number();
                self.assign(place, Value::Number(old + by))?;
                Value::Number(if *before { old + by } else { old })
            }
            Expr::Unary('(', inner) => self.value(inner)?,
            Expr::Unary('!', inner) => truth(!self.value(inner)?.is_true()),
            Expr::Unary(sign, inner) => {
                let number = self.value(inner)?.number();
                Value::Number(if *sign == '-' { -number } else { number })
            }
            Expr::Binary("&&", a, b) => truth(self.value(a)?.is_true() && self.value(b)?.is_true()),
            Expr::Binary("||", a, b) => truth(self.value(a)?.is_true() || self.value(b)?.is_true()),
            Expr::Binary("", a, b) => Value::Text(self.value(a)?.text() + &self.value(b)?.text()),
            Expr::Binary(operator @ ("<" | ">" | "<=" | ">=" | "==" | "!="), a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                let order = match (a.numeric(), b.numeric()) {
                    (Some(x), Some(y)) => x.total_cmp(&y),
                    _ => a.text().cmp(&b.text()),
                };
                truth(match *operator {
                    "<" => order.is_lt(),
                    ">" => order.is_gt(),
                    "<=" => order.is_le(),
                    ">=" => order.is_ge(),
                    "==" => order.is_eq(),
                    _ => order.is_ne(),
                })
            }
            Expr::Binary(operator, a, b) => {
                let (a, b) = (self.value(a)?.number(), self.value(b)?.number());
                Value::Number(calculate(operator.chars().next().unwrap_or('+'), a, b)?)
            }
            Expr::Match(text, pattern, wanted) => {
                let text = self.value(text)?.text();
                let pattern = self.pattern(pattern)?;
                truth(pattern.find(&text).is_some() == *wanted)
            }
            Expr::In(index, array) => {
                let key = self.key(index)?;
                truth(self.arrays.get(array).is_some_and(|a| a.contains_key(&key)))
            }
            Expr::Choice(condition, yes, no) => {
                let side = if self.value(condition)?.is_true() { yes } else { no };
                self.value(side)?
            }
            Expr::Call(name, arguments) => self.call(name, arguments)?,
        })
    }

    fn pattern(&mut self, expr: &Expr) -> Outcome<Rc<Pattern>> {
        match expr {
            Expr::Regex(pattern) => Ok(pattern.clone()),
            other => Ok(Rc::new(Pattern::new(&self.value(other)?.text(), true, false, false))),
        }
    }

    fn call(&mut self, name: &str, arguments: &[Expr]) -> Outcome<Value> {
        let number = |n: usize| Value::Number(n as f64);
        match (name, arguments) {
            ("length", [Expr::Variable(array)]) if self.arrays.contains_key(array) => {
                return Ok(number(self.arrays[array].len()));
            }
            ("split", [text, Expr::Variable(array), rest @ ..]) => {
                let text = self.value(text)?.text();
                let divider = match rest.first() {
                    Some(expr) => self.value(expr)?.text(),
                    None => self.text_of("FS"),
                };
                let parts = split(&text, &divider);
                let count = parts.len();
                let list = parts.into_iter().enumerate().map(|(i, t)| ((i + 1).to_string(), Value::Input(t)));
                self.arrays.insert(array.clone(), crate::arrange::map_of(list));
                return Ok(number(count));
            }
            ("sub" | "gsub", [pattern, with, rest @ ..]) => {
                let whole = Expr::Field(Box::new(Expr::Number(0.0)));
                let place = rest.first().unwrap_or(&whole).clone();
                let (pattern, with) = (self.pattern(pattern)?, self.value(with)?.text());
                let text = self.value(&place)?.text();
                let (changed, count) = replace(&text, &pattern, &with, name == "gsub");
                if count > 0 {
                    self.assign(&place, Value::Text(changed))?;
                }
                return Ok(number(count));
            }
            ("match", [text, pattern]) => {
                let (text, pattern) = (self.value(text)?.text(), self.pattern(pattern)?);
                let found = pattern.find(&text);
                self.set("RSTART", found.map_or(number(0), |(a, _)| number(a + 1)));
                self.set("RLENGTH", found.map_or(Value::Number(-1.0), |(a, b)| number(b - a)));
                return Ok(found.map_or(number(0), |(a, _)| number(a + 1)));
            }
            _ => {}
        }
        let values = arguments.iter().map(|a| self.value(a)).collect::<Outcome<Vec<_>>>()?;
        let text = |at: usize| values.get(at).map_or(String::new(), Value::text);
        let amount = |at: usize| values.get(at).map_or(0.0, Value::number);
        Ok(match name {
            "length" => number(if values.is_empty() { self.line.chars().count() } else { text(0).chars().count() }),
            "substr" => {
                let chars: Vec<char> = text(0).chars().collect();
                let from = amount(1).round();
                let end = if values.len() > 2 { from + amount(2).round() } else { f64::INFINITY };
                let taken =
                    chars.iter().enumerate().filter(|(i, _)| (*i as f64 + 1.0) >= from && (*i as f64 + 1.0) < end);
                Value::Text(taken.map(|(_, c)| *c).collect())
            }
            "index" => number(text(0).find(&text(1)).map_or(0, |at| text(0)[..at].chars().count() + 1)),
            "toupper" => Value::Text(text(0).to_uppercase()),
            "tolower" => Value::Text(text(0).to_lowercase()),
            "int" => Value::Number(amount(0).trunc()),
            "sqrt" => Value::Number(amount(0).sqrt()),
            "sprintf" => Value::Text(format(&values)),
            other => return Err(Flow::Failed(format!("calling undefined function {other}"))),
        })
    }
}

fn calculate(operator: char, a: f64, b: f64) -> Outcome<f64> {
    Ok(match operator {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        '^' => a.powf(b),
        '/' | '%' if b == 0.0 => return Err(Flow::Failed("division by zero".to_string())),
        '/' => a / b,
        _ => a % b,
    })
}

fn split(text: &str, divider: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    if divider == " " {
        return text.split_whitespace().map(str::to_string).collect();
    }
    if divider.chars().count() == 1 && divider != "|" || divider == "\\|" {
        return text.split(divider.trim_start_matches('\\')).map(str::to_string).collect();
    }
    let pattern = Pattern::new(divider, divider != "|", divider == "|", false);
    let (chars, mut parts, mut at, mut from) = (text.chars().collect::<Vec<_>>(), Vec::new(), 0, 0);
    while let Some((start, end)) = pattern.find_from(&chars, at).and_then(|f| f[0]) {
        if end > start {
            parts.push(chars[from..start].iter().collect());
            from = end;
        }
        at = end.max(start + 1);
        if at > chars.len() {
            break;
        }
    }
    parts.push(chars[from..].iter().collect());
    parts
}

fn replace(text: &str, pattern: &Pattern, with: &str, all: bool) -> (String, usize) {
    let chars: Vec<char> = text.chars().collect();
    let (mut out, mut at, mut count) = (String::new(), 0, 0);
    while at <= chars.len() {
        let Some((start, end)) = pattern.find_from(&chars, at).and_then(|f| f[0]) else { break };
        out.extend(&chars[at..start]);
        let whole: String = chars[start..end].iter().collect();
        out.push_str(&with.replace("\\&", "\u{0}").replace('&', &whole).replace('\u{0}', "&"));
        count += 1;
        at = end;
        if start == end {
            out.extend(chars.get(at));
            at += 1;
        }
        if !all {
            break;
        }
    }
    out.extend(chars.get(at..).unwrap_or(&[]));
    (out, count)
}

/// `printf`: the format, then its values.
fn format(values: &[Value]) -> String {
    let Some((first, rest)) = values.split_first() else { return String::new() };
    let (mut out, mut left) = (String::new(), rest.iter());
    let text = first.text();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut spec = String::new();
        while let Some(d) = chars.next_if(|c| c.is_ascii_digit() || "-+ 0.#".contains(*c)) {
            spec.push(d);
        }
        match chars.next() {
            Some('%') | None => out.push('%'),
            Some(kind) => {
                let value = left.next();
                out.push_str(&format_one(&spec, kind, &value.map_or(String::new(), Value::text)));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(program: &str, input: &str) -> String {
        let mut awk = Awk {
            variables: [("FS", " "), ("OFS", " "), ("ORS", "\n")]
                .map(|(n, v)| (n.to_string(), Value::Text(v.to_string())))
                .into(),
            arrays: BTreeMap::new(),
            line: String::new(),
            fields: Vec::new(),
            out: String::new(),
            steps: 0,
        };
        match parse::program(program).map(|rules| awk.run(&rules, &[(String::new(), input.to_string())])) {
            Ok(Ok(()) | Err(Flow::Exit(_))) => awk.out,
            Ok(Err(Flow::Failed(problem))) | Err(problem) => problem,
            Ok(Err(_)) => "left".to_string(),
        }
    }

    #[test]
    fn programs_that_people_paste() {
        let table = "NAME READY\nweb-1 1/1\nweb-2 0/1\n";
        for (program, expected) in [
            ("{print $1}", "NAME\nweb-1\nweb-2\n"),
            ("NR>1 {print $1, $NF}", "web-1 1/1\nweb-2 0/1\n"),
            ("/web/ && $2 == \"1/1\" {print $1}", "web-1\n"),
            ("$2 !~ /^1/ {print NR\":\"$1}", "1:NAME\n3:web-2\n"),
            ("{n[$2]++} END {for (k in n) print k, n[k]}", "0/1 1\n1/1 1\nREADY 1\n"),
            ("NR>1 {split($2, a, \"/\"); s += a[1]} END {printf \"%d of %d\\n\", s, NR-1}", "1 of 2\n"),
            ("BEGIN {for (i = 1; i <= 3; i++) if (i != 2) print i * 1.5}", "1.5\n4.5\n"),
            ("NR==2,NR==3", "web-1 1/1\nweb-2 0/1\n"),
            ("{gsub(/web/, \"x&\"); print} NR==2 {exit}", "NAME READY\nxweb-1 1/1\n"),
            ("NR==2 {$2 = \"ok\"; print toupper($0), length($1)}", "WEB-1 OK 5\n"),
            ("BEGIN {while (1) x++}", "stopped: the program does not end"),
            ("{print $1", "syntax error at or near end of program"),
        ] {
            assert_eq!(run(program, table), expected, "{program}");
        }
    }
}
