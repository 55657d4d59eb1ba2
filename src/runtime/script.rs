//! What the scripts of manifests do to files: `sh -c "echo hi > /html/index.html; sleep 30; rm -f /tmp/healthy"`.
//!
//! This is no shell (the terminal has one): it follows a script as far as it is plain, command by command, and stops where it
//! is not sure any more. An endless loop is followed round by round if it sleeps in between; else its first round is. Programs
//! that it does not know are believed to work, and to write nothing. What is downloaded says where it is from.

use super::command::sleep_time;
use super::sandbox::RunningContainer;
use super::volumes::Volume;
use crate::api::time::{Duration, Time};
use smol_str::SmolStr;
use std::sync::Arc;

/// A script, as far as it is known, and how far it has come.
#[derive(Clone, Debug, Default)]
pub struct Script {
    steps: Option<Arc<Steps>>,
    done: usize,
    /// How long the rounds of its loop have taken that are over.
    rounds: Duration,
}

#[derive(Debug, Default)]
struct Steps {
    list: Vec<Step>,
    /// The first step of the loop that it ends with, and how long a round takes.
    again: Option<(usize, Duration)>,
    /// It may do more than is known.
    cut: bool,
}

/// Programs of which it is known what they write.
const KNOWN: [&str; 39] = [
    "", ":", "[", "cat", "cd", "chmod", "chown", "cp", "curl", "date", "echo", "env", "exit", "export", "false",
    "grep", "head", "hostname", "httpd", "id", "ls", "mkdir", "mv", "nginx", "nslookup", "ping", "printenv", "printf",
    "pwd", "rm", "set", "sleep", "tail", "tee", "test", "touch", "true", "wget", "whoami",
];

/// A command that does something to files.
#[derive(Debug)]
struct Step {
    /// From the start of the container.
    after: Duration,
    words: Vec<Word>,
    /// The file that its output goes to, and whether it is added there.
    into: Option<(Word, bool)>,
    /// Whether it gets the output of the step before.
    piped: bool,
    /// It runs only if the one before has worked (or not).
    only_if: Option<bool>,
}

/// A word before its variables are replaced: what is literal and what is not.
type Word = Vec<Piece>;

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Variable(String),
    /// `$(hostname)`.
    Output(String),
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(Word),
    Operator(&'static str),
}

/// What commands know beside the container.
pub struct Surroundings<'a> {
    pub hostname: &'a str,
    pub now: Time,
}

/// A script longer than this is not followed to its end.
const MOST_STEPS: usize = 200;
/// Rounds shorter than this are not followed.
const SHORTEST_ROUND: Duration = Duration::secs(1);
/// No file grows beyond this.
const LONGEST_FILE: usize = 1 << 20;

impl Script {
    /// Reads the script that a process of these words runs, if it is one.
    pub fn of(words: &[SmolStr]) -> Script {
        let shell = words.first().map(|w| w.rsplit('/').next().unwrap_or(w));
        if !matches!(shell, Some("sh" | "bash" | "ash" | "dash")) {
            // A command by itself.
            let words: Vec<Word> = words.iter().map(|w| vec![Piece::Text(w.to_string())]).collect();
            let step = Step { after: Duration::ZERO, words, into: None, piped: false, only_if: None };
            let cut = is_unknown(&step.words);
            let list = if writes(&step) { vec![step] } else { Vec::new() };
            return Script::following(Steps { list, again: None, cut });
        }
        let Some(at) = words.iter().position(|w| w.starts_with('-') && w.ends_with('c')) else {
            return Script::default();
        };
        Script::read(words.get(at + 1).map_or("", SmolStr::as_str))
    }

    fn read(text: &str) -> Script {
        Script::following(read(&tokens(text)))
    }

    fn following(steps: Steps) -> Script {
        let steps = (!steps.list.is_empty() || steps.cut).then(|| Arc::new(steps));
        Script { steps, ..Script::default() }
    }

    /// When the next step is due, for a container that runs since then.
    pub fn next(&self, since: Time) -> Option<Time> {
        Some(since + self.rounds + self.steps.as_ref()?.list.get(self.done)?.after)
    }

    /// Whether it may write more than is known.
    pub fn is_cut(&self) -> bool {
        self.steps.as_ref().is_some_and(|steps| steps.cut)
    }

    /// Whether it goes on for ever.
    pub fn is_endless(&self) -> bool {
        self.steps.as_ref().is_some_and(|steps| steps.again.is_some())
    }
}

impl RunningContainer {
    /// Follows its script up to now; true if it did something that is more than another round.
    pub fn follow_script(&mut self, volumes: &mut [Volume], around: &Surroundings, since: Time) -> bool {
        let Some(steps) = self.script.steps.clone() else { return false };
        let (mut output, mut worked, mut news) = (String::new(), true, false);
        while let Some(at) = self.script.next(since).filter(|at| *at <= around.now) {
            let step = &steps.list[self.script.done];
            let around = &Surroundings { now: at, ..*around };
            news |= self.script.rounds == Duration::ZERO;
            self.script.done += 1;
            if let Some((first, round)) = steps.again.filter(|_| self.script.done == steps.list.len()) {
                self.script.done = first;
                self.script.rounds = self.script.rounds + round;
            }
            if step.only_if.is_some_and(|wanted| wanted != worked) {
                continue;
            }
            let input = if step.piped { std::mem::take(&mut output) } else { String::new() };
            (output, worked) = self.run_step(volumes, around, step, input);
        }
        news
    }

    /// Does at once what a script of a hook does to files.
    pub fn run_script(&mut self, words: &[SmolStr], volumes: &mut [Volume], around: &Surroundings) {
        let own = std::mem::replace(&mut self.script, Script::of(words));
        // A hook that goes on for ever writes nothing that anybody waits for.
        if !self.script.is_endless() {
            let end = Surroundings { now: around.now + Duration::secs(86_400), ..*around };
            self.follow_script(volumes, &end, around.now);
        }
        self.script = own;
    }

    fn run_step(
        &mut self,
        volumes: &mut [Volume],
        around: &Surroundings,
        step: &Step,
        input: String,
    ) -> (String, bool) {
        let words: Vec<String> = step.words.iter().map(|w| self.expanded(w, around)).collect();
        let Some((name, arguments)) = words.split_first() else { return (String::new(), true) };
        let operands: Vec<&String> = arguments.iter().filter(|w| !w.starts_with('-')).collect();
        let read = |container: &RunningContainer, volumes: &[Volume], path: &str| container.read(volumes, path);
        let (output, mut worked) = match name.rsplit('/').next().unwrap_or(name) {
            "echo" => (echo(arguments), true),
            "printf" => (arguments.first().map(|f| escaped(f)).unwrap_or_default(), true),
            "hostname" => (format!("{}\n", around.hostname), true),
            "date" => (format!("{}\n", around.now.as_date_says()), true),
            "cat" if operands.is_empty() => (input, true),
            "cat" => {
                let texts: Vec<Option<SmolStr>> = operands.iter().map(|path| read(self, volumes, path)).collect();
                (texts.iter().flatten().map(SmolStr::as_str).collect(), texts.iter().all(Option::is_some))
            }
            "tee" => {
                let append = arguments.iter().any(|a| a == "-a");
                let done = operands.iter().all(|path| self.put(volumes, path, &input, append));
                (input, done)
            }
            "touch" => {
                let missing: Vec<&&String> = operands.iter().filter(|f| !self.files.exists(self, volumes, f)).collect();
                (String::new(), missing.into_iter().all(|path| self.put(volumes, path, "", false)))
            }
            "rm" => {
                let gone = operands.iter().all(|path| self.write_file(volumes, path, None).is_ok());
                (String::new(), gone)
            }
            copy @ ("cp" | "mv") => {
                let [sources @ .., to] = &operands[..] else { return (String::new(), false) };
                let done = sources.iter().all(|from| {
                    let folder = sources.len() > 1
                        || to.ends_with('/')
                        || read(self, volumes, to).is_none() && self.files.exists(self, volumes, to);
                    let name = from.rsplit('/').next().unwrap_or(from);
                    let target = if folder { format!("{}/{name}", to.trim_end_matches('/')) } else { to.to_string() };
                    let text = read(self, volumes, from);
                    text.is_some_and(|text| self.put(volumes, &target, &text, false))
                        && (copy == "cp" || self.write_file(volumes, from, None).is_ok())
                });
                (String::new(), done)
            }
            "mkdir" => {
                let made = operands
                    .iter()
                    .all(|p| self.put(volumes, &format!("{}/.keep", p.trim_end_matches('/')), "", false));
                (String::new(), made)
            }
            program @ ("wget" | "curl") => {
                let flag = if program == "wget" { "-O" } else { "-o" };
                let file = arguments.iter().position(|a| a == flag).and_then(|at| arguments.get(at + 1)).cloned();
                let from = arguments.iter().find(|a| a.contains("://"));
                let text = from.map(|from| format!("downloaded from {from}\n")).unwrap_or_default();
                match file.filter(|file| file != "-") {
                    Some(file) => (String::new(), self.put(volumes, &file, &text, false)),
                    None if program == "curl" => (text, true),
                    None => (String::new(), true),
                }
            }
            "false" => (String::new(), false),
            _ => (String::new(), true),
        };
        if let Some((path, append)) = &step.into {
            let path = self.expanded(path, around);
            worked &= self.put(volumes, &path, &output, *append);
            return (String::new(), worked);
        }
        (output, worked)
    }

    /// A file that is no file of the kubelet's own.
    fn read(&self, volumes: &[Volume], path: &str) -> Option<SmolStr> {
        super::files::own_text(self, volumes, path)
    }

    fn put(&mut self, volumes: &mut [Volume], path: &str, text: &str, append: bool) -> bool {
        if !path.starts_with('/') || path.starts_with("/dev/") || path.starts_with("/proc/") {
            return true;
        }
        let before = if append { self.read(volumes, path).unwrap_or_default() } else { SmolStr::default() };
        if before.len() + text.len() > LONGEST_FILE {
            return false;
        }
        self.write_file(volumes, path, Some(&format!("{before}{text}"))).is_ok()
    }

    fn expanded(&self, word: &Word, around: &Surroundings) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(name) if name == "HOSTNAME" => around.hostname.to_string(),
            Piece::Variable(name) => self.env.get(name).map(ToString::to_string).unwrap_or_default(),
            Piece::Output(command) => match command.split_whitespace().next() {
                Some("hostname") => around.hostname.to_string(),
                Some("date") => around.now.as_date_says(),
                _ => String::new(),
            },
        };
        word.iter().map(piece).collect()
    }
}

fn echo(arguments: &[String]) -> String {
    let flags = arguments.iter().take_while(|a| matches!(a.as_str(), "-n" | "-e" | "-ne" | "-en" | "-E")).count();
    let has = |flag: char| arguments[..flags].iter().any(|a| a.contains(flag));
    let text = arguments[flags..].join(" ");
    let text = if has('e') { escaped(&text) } else { text };
    if has('n') { text } else { format!("{text}\n") }
}

fn escaped(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("%%", "%")
}

/// Reads the steps of a script.
fn read(tokens: &[Token]) -> Steps {
    let mut steps = Vec::new();
    let mut after = Duration::ZERO;
    let (mut piped, mut only_if) = (false, None);
    // The loop that has begun: its first step, and when; and whether it has come round.
    let (mut looping, mut again) = (None, None);
    let mut cut = false;
    for part in tokens.split_inclusive(|t| matches!(t, Token::Operator(";" | "&&" | "||" | "|" | "&"))) {
        let end = match part.last() {
            Some(Token::Operator(end)) if !matches!(*end, ">" | ">>" | "<") => *end,
            _ => ";",
        };
        let Some((words, into)) = command(part) else {
            cut = true;
            break;
        };
        let first = words.first().map(plain).unwrap_or_default();
        match first.as_str() {
            "" => {}
            // The condition of a loop without end; its body follows once.
            "while" if matches!(words.get(1).map(plain).as_deref(), Some("true" | ":")) && looping.is_none() => {
                looping = Some((steps.len(), after));
            }
            "done" => {
                again = looping.map(|(first, begun)| (first, Duration(after.0 - begun.0)));
                break;
            }
            "while" | "until" | "for" | "if" | "case" | "function" | "exit" | "exec" | "return" | "(" | "{" => break,
            "sleep" => match words.get(1).and_then(|w| sleep_time(&plain(w))) {
                Some(time) if end != "&" => after = after + time,
                _ => break,
            },
            "nginx" | "httpd" | "tail" if end != "&" => break,
            _ => {
                cut |= is_unknown(&words);
                steps.push(Step { after, words, into, piped, only_if });
            }
        }
        piped = end == "|";
        only_if = match end {
            "&&" => Some(true),
            "||" => Some(false),
            _ => None,
        };
        if steps.len() >= MOST_STEPS {
            break;
        }
    }
    let last = steps.iter().rposition(writes).map_or(0, |at| at + 1);
    steps.truncate(last);
    let again = again.filter(|(first, round)| *first < last && *round >= SHORTEST_ROUND);
    Steps { list: steps, again, cut }
}

/// Whether a command may write what nobody here knows of.
fn is_unknown(words: &[Word]) -> bool {
    let name = words.first().map(plain).unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    let whole_folders =
        matches!(name, "cp" | "mv") && words.iter().any(|w| matches!(plain(w).as_str(), "-r" | "-R" | "-a" | "-rf"));
    !KNOWN.contains(&name) || whole_folders
}

/// Whether a command may write a file: only those are worth a look.
fn writes(step: &Step) -> bool {
    const WRITERS: [&str; 8] = ["touch", "rm", "cp", "mv", "tee", "mkdir", "wget", "curl"];
    let name = step.words.first().map(plain).unwrap_or_default();
    step.into.is_some() || WRITERS.contains(&name.rsplit('/').next().unwrap_or_default())
}

/// The words of a command and where its output goes; `None`: nobody here knows how it is meant.
fn command(part: &[Token]) -> Option<(Vec<Word>, Option<(Word, bool)>)> {
    let (mut words, mut into) = (Vec::new(), None);
    let mut rest = part.iter().peekable();
    while let Some(token) = rest.next() {
        match token {
            Token::Word(word) => words.push(word.clone()),
            Token::Operator(arrow @ (">" | ">>")) => match rest.next() {
                Some(Token::Word(path)) => into = Some((path.clone(), *arrow == ">>")),
                _ => return None,
            },
            Token::Operator("<") => return None,
            Token::Operator(_) => {}
        }
    }
    // `do`, `then` and the like stand before a command.
    while words.first().is_some_and(|w: &Word| matches!(plain(w).as_str(), "do" | "then" | "else")) {
        words.remove(0);
    }
    Some((words, into))
}

/// A word as it stands.
fn plain(word: &Word) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Variable(name) => format!("${name}"),
        Piece::Output(command) => format!("$({command})"),
    };
    word.iter().map(text).collect()
}

/// Cuts a script into words and operators.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let operator = match c {
            '\n' | ';' => Some(";"),
            '&' | '|' | '>' => {
                let twice = chars.next_if_eq(&c).is_some();
                Some(match (c, twice) {
                    ('&', true) => "&&",
                    ('&', false) => "&",
                    ('|', true) => "||",
                    ('|', false) => "|",
                    (_, true) => ">>",
                    _ => ">",
                })
            }
            '<' => Some("<"),
            _ => None,
        };
        if let Some(operator) = operator {
            let number = word.as_ref().filter(|_| c == '>').map(plain);
            if number.as_deref() == Some("2") {
                // What a command complains of goes nowhere that counts: its file is passed over.
                word = None;
                skip_word(&mut chars);
                continue;
            }
            if number.as_deref() == Some("1") {
                word = None;
            }
            tokens.extend(word.take().map(Token::Word));
            tokens.push(Token::Operator(operator));
            continue;
        }
        match c {
            c if c.is_whitespace() => tokens.extend(word.take().map(Token::Word)),
            '#' if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            '\'' => {
                let inside: String = std::iter::from_fn(|| chars.next().filter(|c| *c != '\'')).collect();
                add(&mut word, inside);
            }
            '"' => {
                add(&mut word, String::new());
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match c {
                        '\\' if matches!(chars.peek(), Some('"' | '\\' | '$' | '`')) => {
                            add(&mut word, chars.next().map(String::from).unwrap_or_default());
                        }
                        '$' => word.get_or_insert_default().push(variable(&mut chars)),
                        c => add(&mut word, c.to_string()),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(c) => add(&mut word, c.to_string()),
            },
            '$' => word.get_or_insert_default().push(variable(&mut chars)),
            '`' => {
                let inside: String = std::iter::from_fn(|| chars.next().filter(|c| *c != '`')).collect();
                word.get_or_insert_default().push(Piece::Output(inside));
            }
            c => add(&mut word, c.to_string()),
        }
    }
    tokens.extend(word.map(Token::Word));
    tokens
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_word(chars: &mut Chars) {
    while chars.next_if(|c| matches!(c, ' ' | '&' | '>')).is_some() {}
    while chars.next_if(|c| !c.is_whitespace() && !matches!(c, ';' | '|' | '&')).is_some() {}
}

/// What stands behind a dollar sign.
fn variable(chars: &mut Chars) -> Piece {
    let until = |chars: &mut Chars, end: char| -> String {
        chars.next();
        std::iter::from_fn(|| chars.next().filter(|c| *c != end)).collect()
    };
    match chars.peek() {
        Some('{') => Piece::Variable(until(chars, '}')),
        Some('(') => Piece::Output(until(chars, ')')),
        Some(c) if c.is_alphabetic() || *c == '_' => {
            Piece::Variable(std::iter::from_fn(|| chars.next_if(|c| c.is_alphanumeric() || *c == '_')).collect())
        }
        _ => Piece::Text("$".into()),
    }
}

fn add(word: &mut Option<Word>, text: String) {
    let word = word.get_or_insert_default();
    match word.last_mut() {
        Some(Piece::Text(before)) => before.push_str(&text),
        _ => word.push(Piece::Text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(u64, String, String)> {
        let told = |step: &Step| {
            let words: Vec<String> = step.words.iter().map(plain).collect();
            let into =
                step.into.as_ref().map(|(w, append)| format!("{}{}", if *append { ">>" } else { ">" }, plain(w)));
            (step.after.as_secs(), words.join(" "), into.unwrap_or_default())
        };
        read(&tokens(text)).list.iter().map(told).collect()
    }

    #[test]
    fn scripts_are_followed_as_far_as_they_are_plain() {
        let step = |after, words: &str, into: &str| (after, words.to_string(), into.to_string());
        for (script, expected) in [
            (
                "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600",
                vec![step(0, "touch /tmp/healthy", ""), step(30, "rm -f /tmp/healthy", "")],
            ),
            (
                "echo \"hi $NAME\" > /html/index.html && exec nginx -g 'daemon off;'",
                vec![step(0, "echo hi $NAME", ">/html/index.html")],
            ),
            (
                "while true; do date >> /log; sleep 5; rm /x; done",
                vec![step(0, "date", ">>/log"), step(5, "rm /x", "")],
            ),
            ("until nslookup db; do sleep 2; done; touch /x", vec![]),
            ("ls /nowhere 2>/dev/null; echo a >/b", vec![step(0, "ls /nowhere", ""), step(0, "echo a", ">/b")]),
            ("if true; then touch /x; fi", vec![]),
            ("sleep 3600", vec![]),
        ] {
            assert_eq!(told(script), expected, "{script}");
        }
        for (script, cut) in [
            ("echo a > /b; exec nginx -g 'daemon off;'", false),
            ("git clone http://x /html", true),
            ("cat > /html/index.html <<EOF\nhi\nEOF", true),
            ("cp -r /a /b", true),
            ("while true; do date >> /log; sleep 5; done", false),
        ] {
            assert_eq!(read(&tokens(script)).cut, cut, "{script}");
        }
        let again = |text: &str| read(&tokens(text)).again.map(|(first, round)| (first, round.as_secs()));
        assert_eq!(again("touch /a; sleep 3; while true; do date >> /log; sleep 5; done"), Some((1, 5)));
        assert_eq!(again("while true; do date >> /log; done"), None);
        assert_eq!(again("while true; do date; sleep 5; done"), None);
    }
}
