//! `sed`, as far as people paste it: addresses, `s`, `p`, `d`, `q`, `=`, `y`, `a`, `i`, `c`; `-n`, `-e`, `-E`, `-i`.

use super::Ctx;
use crate::shell::pattern::Pattern;

enum Address {
    Line(usize),
    Last,
    Match(Pattern),
}

enum Action {
    Substitute { pattern: Pattern, with: Vec<char>, all: bool, print: bool, which: usize },
    Print,
    Delete,
    Quit,
    Number,
    Turn(Vec<char>, Vec<char>),
    Append(String),
    Insert(String),
    Change(String),
}

struct Command {
    from: Option<Address>,
    to: Option<Address>,
    not: bool,
    action: Action,
    /// Within its range.
    open: bool,
}

pub fn sed(ctx: &mut Ctx) -> i32 {
    let (mut quiet, mut extended, mut in_place) = (false, false, false);
    let (mut scripts, mut files): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut given = false;
    let args = ctx.args().to_vec();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "-n" | "--quiet" => quiet = true,
            "-E" | "-r" => extended = true,
            "-e" => {
                scripts.extend(rest.next().cloned());
                given = true;
            }
            text if text.starts_with("-i") => in_place = true,
            text if text.starts_with('-') && text.len() > 1 => {
                let flags = &text[1..];
                if let Some(odd) = flags.chars().find(|c| !"nEres".contains(*c)) {
                    ctx.complain(format!("sed: invalid option -- '{odd}'"));
                    return 1;
                }
                quiet |= flags.contains('n');
                extended |= flags.contains(['E', 'r']);
                if flags.ends_with('e') {
                    scripts.extend(rest.next().cloned());
                    given = true;
                }
            }
            text if !given => {
                scripts.push(text.to_string());
                given = true;
            }
            text => files.push(text.to_string()),
        }
    }
    if scripts.is_empty() {
        ctx.complain("Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...");
        return 1;
    }
    let mut commands = Vec::new();
    for (i, script) in scripts.iter().enumerate() {
        match (Reader { chars: script.chars().collect(), at: 0, extended }).commands() {
            Ok(found) => commands.extend(found),
            Err((at, problem)) => {
                ctx.complain(format!("sed: -e expression #{}, char {at}: {problem}", i + 1));
                return 1;
            }
        }
    }
    let (texts, good) = ctx.inputs(&files);
    if in_place {
        for (name, text) in texts {
            let out = edit(&mut commands, &text, quiet);
            if let Err(why) = ctx.world.write(ctx.env, &name, &out) {
                ctx.complain(format!("sed: couldn't open file {name}: {why}"));
                return 4;
            }
        }
    } else {
        let joined: String = texts.into_iter().map(|(_, t)| t).collect();
        ctx.out.push_str(&edit(&mut commands, &joined, quiet));
    }
    if good { 0 } else { 2 }
}

fn edit(commands: &mut [Command], text: &str, quiet: bool) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for (i, line) in lines.iter().enumerate() {
        let mut space = line.to_string();
        let (mut after, mut deleted, mut quit) = (String::new(), false, false);
        for command in commands.iter_mut() {
            if !command.applies(i + 1, i + 1 == lines.len(), &space) {
                continue;
            }
            match &command.action {
                Action::Substitute { pattern, with, all, print, which } => {
                    if let Some(changed) = substitute(&space, pattern, with, *all, *which) {
                        space = changed;
                        if *print {
                            out.push_str(&format!("{space}\n"));
                        }
                    }
                }
                Action::Print => out.push_str(&format!("{space}\n")),
                Action::Number => out.push_str(&format!("{}\n", i + 1)),
                Action::Turn(from, to) => {
                    let turn =
                        |c: char| from.iter().position(|f| *f == c).and_then(|at| to.get(at)).copied().unwrap_or(c);
                    space = space.chars().map(turn).collect();
                }
                Action::Append(text) => after.push_str(&format!("{text}\n")),
                Action::Insert(text) => out.push_str(&format!("{text}\n")),
                Action::Change(text) => {
                    out.push_str(&format!("{text}\n"));
                    deleted = true;
                }
                Action::Delete => deleted = true,
                Action::Quit => quit = true,
            }
            if deleted || quit {
                break;
            }
        }
        if !deleted && !quiet {
            out.push_str(&space);
            out.push('\n');
        }
        out.push_str(&after);
        if quit || out.len() > 8 << 20 {
            break;
        }
    }
    if !text.ends_with('\n') && out.ends_with('\n') && !text.is_empty() {
        out.pop();
    }
    out
}

impl Command {
    fn applies(&mut self, number: usize, last: bool, line: &str) -> bool {
        let hit = |address: &Address| match address {
            Address::Line(n) => *n == number,
            Address::Last => last,
            Address::Match(pattern) => pattern.find(line).is_some(),
        };
        let inside = match (&self.from, &self.to) {
            (None, _) => true,
            (Some(from), None) => hit(from),
            (Some(_), Some(to)) if self.open => {
                self.open = !(hit(to) || matches!(to, Address::Line(n) if *n <= number));
                true
            }
            (Some(from), Some(to)) => {
                let begins = hit(from);
                self.open = begins && !matches!(to, Address::Line(n) if *n <= number);
                begins
            }
        };
        inside != self.not
    }
}

/// The line with what matched replaced; `None` when nothing did.
fn substitute(line: &str, pattern: &Pattern, with: &[char], all: bool, which: usize) -> Option<String> {
    let (chars, shown): (Vec<char>, Vec<char>) = (pattern.chars(line), line.chars().collect());
    let (mut out, mut at, mut count) = (String::new(), 0, 0);
    while at <= chars.len() {
        let Some(found) = pattern.find_from(&chars, at) else { break };
        let (start, end) = found[0].unwrap_or((at, at));
        out.extend(&shown[at..start]);
        count += 1;
        if count >= which {
            let mut rest = with.iter();
            while let Some(c) = rest.next() {
                let group = match c {
                    '&' => 0,
                    '\\' => match rest.next() {
                        Some(d) if d.is_ascii_digit() => *d as usize - '0' as usize,
                        Some('n') => {
                            out.push('\n');
                            continue;
                        }
                        Some('t') => {
                            out.push('\t');
                            continue;
                        }
                        other => {
                            out.extend(other);
                            continue;
                        }
                    },
                    c => {
                        out.push(*c);
                        continue;
                    }
                };
                if let Some((a, b)) = found.get(group).copied().flatten() {
                    out.extend(&shown[a..b]);
                }
            }
        } else {
            out.extend(&shown[start..end]);
        }
        at = end;
        if start == end {
            out.extend(shown.get(at));
            at += 1;
        }
        if count >= which && !all {
            break;
        }
    }
    out.extend(shown.get(at..).unwrap_or(&[]));
    (count >= which).then_some(out)
}

/// Reads a script; problems come with the place that sed names.
struct Reader {
    chars: Vec<char>,
    at: usize,
    extended: bool,
}

type Outcome<T> = Result<T, (usize, String)>;

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip(&mut self, any: &str) {
        while self.peek().is_some_and(|c| any.contains(c)) {
            self.at += 1;
        }
    }

    fn problem<T>(&self, words: &str) -> Outcome<T> {
        Err((self.at, words.to_string()))
    }

    fn commands(mut self) -> Outcome<Vec<Command>> {
        let mut commands = Vec::new();
        loop {
            self.skip(" \t\n;");
            if self.peek().is_none() {
                return Ok(commands);
            }
            let from = self.address()?;
            let mut to = None;
            if from.is_some() && self.peek() == Some(',') {
                self.at += 1;
                to = self.address()?;
                if to.is_none() {
                    self.at += 1;
                    return self.problem("unexpected `,'");
                }
            }
            self.skip(" ");
            let not = self.peek() == Some('!');
            self.at += usize::from(not);
            self.skip(" ");
            let action = self.action()?;
            commands.push(Command { from, to, not, action, open: false });
        }
    }

    fn address(&mut self) -> Outcome<Option<Address>> {
        Ok(match self.peek() {
            Some('$') => {
                self.at += 1;
                Some(Address::Last)
            }
            Some('/') => {
                self.at += 1;
                let text = self.until('/').ok_or((self.chars.len(), "unterminated address regex".to_string()))?;
                Some(Address::Match(Pattern::new(&text, self.extended, false, false)))
            }
            Some(c) if c.is_ascii_digit() => {
                let mut number = 0_usize;
                while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
                    number = number.saturating_mul(10).saturating_add(digit as usize);
                    self.at += 1;
                }
                Some(Address::Line(number))
            }
            _ => None,
        })
    }

    /// Text up to a mark that no backslash is before; a backslash before it goes.
    fn until(&mut self, mark: char) -> Option<String> {
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match (c, self.peek()) {
                (c, _) if c == mark => return Some(text),
                ('\\', Some(next)) => {
                    self.at += 1;
                    if next != mark {
                        text.push('\\');
                    }
                    text.push(next);
                }
                (c, _) => text.push(c),
            }
        }
        None
    }

    fn action(&mut self) -> Outcome<Action> {
        let Some(c) = self.peek() else { return self.problem("missing command") };
        self.at += 1;
        let action = match c {
            's' | 'y' => {
                let Some(mark) = self.peek() else { return self.problem(&format!("unterminated `{c}' command")) };
                self.at += 1;
                let end = self.chars.len();
                let open = || (end, format!("unterminated `{c}' command"));
                let from = self.until(mark).ok_or_else(open)?;
                let with = self.until(mark).ok_or_else(open)?;
                if c == 'y' {
                    Action::Turn(from.chars().collect(), with.chars().collect())
                } else {
                    let (mut all, mut print, mut ignore, mut which) = (false, false, false, 1);
                    while let Some(flag) = self.peek().filter(|f| !" ;\n}".contains(*f)) {
                        self.at += 1;
                        match flag {
                            'g' => all = true,
                            'p' => print = true,
                            'i' | 'I' => ignore = true,
                            digit if digit.is_ascii_digit() && digit != '0' => which = digit as usize - '0' as usize,
                            _ => return self.problem("unknown option to `s'"),
                        }
                    }
                    let pattern = Pattern::new(&from, self.extended, false, ignore);
                    Action::Substitute { pattern, with: with.chars().collect(), all, print, which }
                }
            }
            'p' => Action::Print,
            'd' => Action::Delete,
            'q' => Action::Quit,
            '=' => Action::Number,
            'a' | 'i' | 'c' => {
                self.skip(" \\");
                self.skip("\n");
                let text: String = self.chars[self.at..].iter().take_while(|c| **c != '\n').collect();
                self.at += text.chars().count();
                match c {
                    'a' => Action::Append(text),
                    'i' => Action::Insert(text),
                    _ => Action::Change(text),
                }
            }
            other => return self.problem(&format!("unknown command: `{other}'")),
        };
        self.skip(" ");
        match self.peek() {
            None | Some(';' | '\n') => Ok(action),
            Some(_) => {
                self.at += 1;
                self.problem("extra characters after command")
            }
        }
    }
}
