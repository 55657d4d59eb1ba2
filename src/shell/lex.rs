//! The words of the shell's language: quotes, variables, `${…}`, `$(…)`, backquotes, `$((…))`, here-documents, operators.

use super::parse::{List, Problem, parse_at};
use std::cell::Cell;
use std::rc::Rc;

/// How deep constructs may nest.
pub const DEEPEST: usize = 64;
/// How many words, signs and values a text may have: each weighs a hundred times its letters, and nobody types as many.
pub const MOST: usize = 50_000;
/// What is said of an input that is too long.
pub const TOO_LONG: &str = "the input is too long";

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text; quoted text is never divided nor a glob.
    Text { text: String, quoted: bool },
    /// `$NAME`, `${NAME[1]}`, `${NAME:-word}`.
    Variable { name: String, index: Option<Vec<Part>>, change: Option<Box<Change>>, quoted: bool },
    /// `$(…)`.
    Command { list: Rc<List>, quoted: bool },
    /// `$((…))`.
    Arithmetic { parts: Vec<Part>, quoted: bool },
    /// `<(…)`: a file with what the commands print.
    Pipe { list: Rc<List> },
}

/// What `${NAME…}` does with the value.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// `-`, `=`, `+`, `?`; with a colon an empty value counts as none.
    Else { kind: char, colon: bool, word: Word },
    /// `${#NAME}`.
    Length,
    /// `${NAME:FROM:LENGTH}`.
    Slice { from: Word, length: Option<Word> },
    /// `#`, `##`, `%`, `%%`.
    Trim { end: bool, longest: bool, pattern: Word },
    /// `/`, `//`, `/#`, `/%`.
    Replace { kind: char, pattern: Word, with: Word },
    /// `^`, `^^`, `,`, `,,`.
    Case { upper: bool, all: bool },
}

pub type Word = Vec<Part>;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Word(Word),
    /// A number directly before a redirection: `2>`.
    Fd(u8),
    Operator(&'static str),
    /// `((…))`, where a command may stand.
    Arithmetic(Word),
    Newline,
    End,
}

const OPERATORS: [&str; 18] =
    ["<<<", "<<-", "&>>", "&&", "||", ";;", "<<", ">>", ">&", "<&", "&>", ">|", "|", ";", "&", "(", ")", "<"];

pub struct Lexer<'a> {
    pub rest: &'a str,
    /// Here-documents whose text begins at the next line: delimiter, quoted, strip tabs, place in `texts`.
    pub waiting: Vec<(String, bool, bool, usize)>,
    pub texts: Vec<Word>,
    pub depth: usize,
    /// How many more words and signs the whole text may have, with all that nests in it.
    room: &'a Cell<usize>,
    /// A command may stand here.
    fresh: bool,
    /// How often `((` was looked through in vain.
    failed: usize,
}

impl<'a> Lexer<'a> {
    pub fn new(rest: &'a str, depth: usize, room: &'a Cell<usize>) -> Lexer<'a> {
        Lexer { rest, waiting: Vec::new(), texts: Vec::new(), depth, room, fresh: true, failed: 0 }
    }

    /// Takes room for one more word, sign or value in a word.
    fn take_room(&self) -> Result<(), Problem> {
        let left = self.room.get().checked_sub(1).ok_or_else(|| Problem::Syntax(TOO_LONG.to_string()))?;
        self.room.set(left);
        Ok(())
    }

    pub fn blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
            if let Some(after) = self.rest.strip_prefix("\\\n") {
                self.rest = after;
            } else if self.rest.starts_with('#') {
                self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
            } else {
                return;
            }
        }
    }

    pub fn token(&mut self) -> Result<Token, Problem> {
        self.take_room()?;
        self.blank();
        if self.rest.is_empty() {
            if let Some((delimiter, ..)) = self.waiting.first() {
                return Err(open_document(delimiter));
            }
            return Ok(Token::End);
        }
        if let Some(after) = self.rest.strip_prefix('\n') {
            self.rest = after;
            self.here_documents()?;
            self.fresh = true;
            return Ok(Token::Newline);
        }
        if let Some(inner) = self.rest.strip_prefix("((").filter(|_| self.fresh && self.failed < DEEPEST) {
            if let Some(end) = closing_sum(inner) {
                self.rest = &inner[end + 2..];
                self.fresh = false;
                return Ok(Token::Arithmetic(self.inside(&inner[..end])?));
            }
            self.failed += 1;
        }
        let digit = self.rest.as_bytes()[0];
        if digit.is_ascii_digit() && self.rest[1..].starts_with(['<', '>']) {
            self.rest = &self.rest[1..];
            self.fresh = false;
            return Ok(Token::Fd(digit - b'0'));
        }
        if self.rest.starts_with("<(") {
            self.fresh = false;
            return Ok(Token::Word(self.word()?));
        }
        for operator in OPERATORS.iter().chain(&[">"]) {
            if let Some(after) = self.rest.strip_prefix(operator) {
                self.rest = after;
                self.fresh = !operator.contains(['<', '>']);
                return Ok(Token::Operator(operator));
            }
        }
        let word = self.word()?;
        let plain = plain(&word);
        self.fresh = ["for", "if", "while", "until", "do", "then", "else", "elif", "!", "{"].contains(&plain.as_str());
        Ok(Token::Word(word))
    }

    fn here_documents(&mut self) -> Result<(), Problem> {
        for (delimiter, quoted, strip, at) in std::mem::take(&mut self.waiting) {
            let mut text = String::new();
            loop {
                if self.rest.is_empty() {
                    return Err(open_document(&delimiter));
                }
                let end = self.rest.find('\n').map_or(self.rest.len(), |i| i + 1);
                let (line, after) = self.rest.split_at(end);
                self.rest = after;
                let line = if strip { line.trim_start_matches('\t') } else { line };
                if line.trim_end_matches(['\n', '\r']) == delimiter {
                    break;
                }
                text.push_str(line);
            }
            self.texts[at] = if quoted {
                vec![Part::Text { text, quoted: true }]
            } else {
                Lexer::new(&text, self.depth + 1, self.room).double_quoted(false)?
            };
        }
        Ok(())
    }

    fn word(&mut self) -> Result<Word, Problem> {
        self.parts(|c| " \t\n\r;&|<>()".contains(c))
    }

    /// All of a text as a word: blanks and operators are text, quotes are quotes.
    pub fn inside(&self, text: &str) -> Result<Word, Problem> {
        if self.depth > DEEPEST {
            return Err(too_deep());
        }
        Lexer::new(text, self.depth + 1, self.room).parts(|_| false)
    }

    fn parts(&mut self, ends: impl Fn(char) -> bool) -> Result<Word, Problem> {
        let mut parts: Word = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.rest.chars().next() {
            match c {
                '<' if parts.is_empty() && text.is_empty() && self.rest[1..].starts_with('(') && ends('<') => {
                    let inner = &self.rest[2..];
                    let end = closing(inner, '(', ')').ok_or_else(|| open_quote(")"))?;
                    parts.push(Part::Pipe { list: Rc::new(parse_at(&inner[..end], self.depth + 1, self.room)?) });
                    self.rest = &inner[end + 1..];
                }
                c if ends(c) => break,
                '\'' => {
                    let inner = &self.rest[1..];
                    let end = inner.find('\'').ok_or_else(|| open_quote("'"))?;
                    flush(&mut parts, &mut text, false);
                    parts.push(Part::Text { text: inner[..end].to_string(), quoted: true });
                    self.rest = &inner[end + 1..];
                }
                '$' if self.rest[1..].starts_with('\'') => {
                    let inner = &self.rest[2..];
                    let end = unescaped(inner, '\'').ok_or_else(|| open_quote("'"))?;
                    flush(&mut parts, &mut text, false);
                    parts.push(Part::Text { text: super::programs::unescape(&inner[..end]), quoted: true });
                    self.rest = &inner[end + 1..];
                }
                '"' => {
                    self.rest = &self.rest[1..];
                    flush(&mut parts, &mut text, false);
                    let inner = self.double_quoted(true)?;
                    if inner.is_empty() {
                        parts.push(Part::Text { text: String::new(), quoted: true });
                    }
                    parts.extend(inner);
                }
                '\\' => {
                    let next = self.rest[1..].chars().next();
                    match next {
                        Some('\n') => self.rest = &self.rest[2..],
                        Some(next) => {
                            flush(&mut parts, &mut text, false);
                            parts.push(Part::Text { text: next.to_string(), quoted: true });
                            self.rest = &self.rest[1 + next.len_utf8()..];
                        }
                        None => {
                            text.push('\\');
                            self.rest = "";
                        }
                    }
                }
                '$' | '`' => {
                    flush(&mut parts, &mut text, false);
                    match self.dollar(false)? {
                        Some(part) => parts.push(part),
                        None => text.push('$'),
                    }
                }
                c => {
                    text.push(c);
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
        flush(&mut parts, &mut text, false);
        Ok(parts)
    }

    /// What stands in double quotes (up to the closing one), or in a here-document (all of it).
    fn double_quoted(&mut self, closed: bool) -> Result<Word, Problem> {
        let mut parts = Vec::new();
        let mut text = String::new();
        loop {
            let Some(c) = self.rest.chars().next() else {
                if closed {
                    return Err(open_quote("\""));
                }
                flush(&mut parts, &mut text, true);
                return Ok(parts);
            };
            match c {
                '"' if closed => {
                    self.rest = &self.rest[1..];
                    flush(&mut parts, &mut text, true);
                    return Ok(parts);
                }
                '\\' => {
                    let next = self.rest[1..].chars().next();
                    match next {
                        Some('\n') => self.rest = &self.rest[2..],
                        Some(next @ ('$' | '`' | '\\')) => {
                            text.push(next);
                            self.rest = &self.rest[2..];
                        }
                        Some('"') if closed => {
                            text.push('"');
                            self.rest = &self.rest[2..];
                        }
                        _ => {
                            text.push('\\');
                            self.rest = &self.rest[1..];
                        }
                    }
                }
                '$' | '`' => {
                    flush(&mut parts, &mut text, true);
                    match self.dollar(true)? {
                        Some(part) => parts.push(part),
                        None => text.push('$'),
                    }
                }
                c => {
                    text.push(c);
                    self.rest = &self.rest[c.len_utf8()..];
                }
            }
        }
    }

    /// `$…` or a backquote. `None`: a bare dollar sign (which has been read).
    fn dollar(&mut self, quoted: bool) -> Result<Option<Part>, Problem> {
        self.take_room()?;
        if self.depth > DEEPEST {
            return Err(too_deep());
        }
        if let Some(inner) = self.rest.strip_prefix('`') {
            let end = unescaped(inner, '`').ok_or_else(|| open_quote("`"))?;
            let list = parse_at(&inner[..end].replace("\\`", "`"), self.depth + 1, self.room)?;
            self.rest = &inner[end + 1..];
            return Ok(Some(Part::Command { list: Rc::new(list), quoted }));
        }
        let after = &self.rest[1..];
        if let Some(inner) = after.strip_prefix("((")
            && let Some(end) = closing_sum(inner)
        {
            self.rest = &inner[end + 2..];
            return Ok(Some(Part::Arithmetic { parts: self.inside(&inner[..end])?, quoted }));
        }
        if let Some(inner) = after.strip_prefix('(') {
            let end = closing(inner, '(', ')').ok_or_else(|| open_quote(")"))?;
            let list = parse_at(&inner[..end], self.depth + 1, self.room)?;
            self.rest = &inner[end + 1..];
            return Ok(Some(Part::Command { list: Rc::new(list), quoted }));
        }
        if let Some(inner) = after.strip_prefix('{') {
            let end = closing(inner, '{', '}').ok_or_else(|| open_quote("}"))?;
            let part = self.braced(&inner[..end], quoted)?;
            self.rest = &inner[end + 1..];
            return Ok(Some(part));
        }
        let length = match after.chars().next() {
            Some(c) if c.is_ascii_alphabetic() || c == '_' => name_length(after),
            Some(c) if "?#@*!$-0123456789".contains(c) => 1,
            _ => 0,
        };
        self.rest = &after[length..];
        if length == 0 {
            return Ok(None);
        }
        Ok(Some(Part::Variable { name: after[..length].to_string(), index: None, change: None, quoted }))
    }

    /// `${…}`.
    fn braced(&self, body: &str, quoted: bool) -> Result<Part, Problem> {
        let bad = || Problem::Syntax(format!("${{{body}}}: bad substitution"));
        let length_of =
            body.len() > 1 && body.starts_with('#') && !body[1..].starts_with(['-', '=', '+', '?', ':', '%']);
        let text = if length_of { &body[1..] } else { body };
        let length = match text.chars().next() {
            Some(c) if c.is_ascii_alphabetic() || c == '_' => name_length(text),
            Some(c) if c.is_ascii_digit() => text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()),
            Some(c) if "?#@*!$-".contains(c) => 1,
            _ => return Err(bad()),
        };
        let (name, mut tail) = text.split_at(length);
        let mut index = None;
        if let Some(inner) = tail.strip_prefix('[') {
            let end = inner.find(']').ok_or_else(bad)?;
            index = Some(self.inside(&inner[..end])?);
            tail = &inner[end + 1..];
        }
        let rest = |at: usize| &tail[at..];
        let change = if length_of {
            (if tail.is_empty() { Some(Change::Length) } else { return Err(bad()) }).map(Box::new)
        } else if tail.is_empty() {
            None
        } else {
            let colon = tail.starts_with(':');
            let first = tail[usize::from(colon)..].chars().next();
            let doubled = |c: char| tail[1..].starts_with(c);
            Some(Box::new(match first {
                Some(kind @ ('-' | '=' | '+' | '?')) => {
                    Change::Else { kind, colon, word: self.inside(rest(1 + usize::from(colon)))? }
                }
                _ if colon => {
                    let (from, length) = rest(1).split_once(':').map_or((rest(1), None), |(f, l)| (f, Some(l)));
                    Change::Slice { from: self.inside(from)?, length: length.map(|l| self.inside(l)).transpose()? }
                }
                Some(kind @ ('#' | '%')) => {
                    let longest = doubled(kind);
                    let pattern = self.inside(rest(1 + usize::from(longest)))?;
                    Change::Trim { end: kind == '%', longest, pattern }
                }
                Some('/') => {
                    let kind = tail[1..].chars().next().filter(|c| "/#%".contains(*c));
                    let text = rest(1 + usize::from(kind.is_some()));
                    let cut = unescaped(text, '/');
                    let (pattern, with) = cut.map_or((text, ""), |at| (&text[..at], &text[at + 1..]));
                    Change::Replace {
                        kind: kind.unwrap_or(' '),
                        pattern: self.inside(pattern)?,
                        with: self.inside(with)?,
                    }
                }
                Some(kind @ ('^' | ',')) => Change::Case { upper: kind == '^', all: doubled(kind) },
                _ => return Err(bad()),
            }))
        };
        Ok(Part::Variable { name: name.to_string(), index, change, quoted })
    }
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len())
}

fn open_quote(mark: &str) -> Problem {
    Problem::Unfinished(format!("unexpected EOF while looking for matching `{mark}'"))
}

fn open_document(delimiter: &str) -> Problem {
    Problem::Unfinished(format!("here-document delimited by end-of-file (wanted `{delimiter}')"))
}

/// The line that ends the here-document which a text breaks off in, by the words of the problem.
pub fn end_of_document(words: &str) -> Option<&str> {
    words.strip_prefix("here-document delimited by end-of-file (wanted `")?.strip_suffix('\'')
}

pub fn too_deep() -> Problem {
    Problem::Syntax("nesting too deep".to_string())
}

fn flush(parts: &mut Word, text: &mut String, quoted: bool) {
    if !text.is_empty() {
        parts.push(Part::Text { text: std::mem::take(text), quoted });
    }
}

/// A word's text without regard to quotes.
pub fn plain(word: &[Part]) -> String {
    word.iter().map(|p| if let Part::Text { text, .. } = p { text.as_str() } else { "" }).collect()
}

/// Where a mark stands that no backslash is before.
fn unescaped(text: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return Some(at),
            _ => {}
        }
    }
    None
}

/// Where the parenthesis or brace closes that is open at the start.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('\''), '\'') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (Some('"'), '"') => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c == open => depth += 1,
            (None, c) if c == close && depth == 0 => return Some(at),
            (None, c) if c == close => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Where `))` closes a sum, if what is open is one: `((a); b)` is none.
fn closing_sum(text: &str) -> Option<usize> {
    let end = closing(text, '(', ')')?;
    text[end + 1..].starts_with(')').then_some(end)
}
