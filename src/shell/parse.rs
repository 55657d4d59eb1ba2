//! The language of the shell (POSIX `sh`, as far as people type it): words with quotes, variables, `$(…)` and backquotes,
//! pipes, `&&`, `||`, `;`, `&`, redirections, here-documents, `if`, `for`, `while`, `until`, groups, comments. Left out:
//! functions, `case`, arithmetic beyond whole numbers, arrays, job control.

use std::rc::Rc;

/// How deep constructs may nest.
const DEEPEST: usize = 64;

/// A part of a word.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text; quoted text is never divided nor a glob.
    Text { text: String, quoted: bool },
    /// `$NAME`, `${NAME}`, `${NAME:-word}`.
    Variable { name: String, default: Option<(char, Vec<Part>)>, quoted: bool },
    /// `$(…)`; the number counts the substitutions of a command line.
    Command { list: Rc<List>, quoted: bool },
    /// `$((…))`.
    Arithmetic { text: String },
}

pub type Word = Vec<Part>;

#[derive(Clone, Debug, PartialEq)]
pub enum Redirect {
    Out {
        fd: u8,
        file: Word,
        append: bool,
    },
    In(Word),
    /// A here-document; its text may be expanded.
    Here(Vec<Part>),
    /// `2>&1`, `>&2`.
    Copy {
        fd: u8,
        to: u8,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Simple {
        assigns: Vec<(String, Word)>,
        words: Vec<Word>,
        redirects: Vec<Redirect>,
    },
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
        redirects: Vec<Redirect>,
    },
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
        redirects: Vec<Redirect>,
    },
    While {
        until: bool,
        condition: List,
        body: List,
        redirects: Vec<Redirect>,
    },
    /// `{ …; }` and `( … )`.
    Group {
        body: List,
        subshell: bool,
        redirects: Vec<Redirect>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub not: bool,
    pub stages: Vec<Rc<Command>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// `;` or a line end.
    Then,
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// Pipelines, each with how it hangs on the one before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List(pub Vec<(Link, Pipeline)>);

/// Why a line cannot be run.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// More lines are needed: an open quote, an open `for`, a here-document.
    Unfinished(String),
    /// The shell's words.
    Syntax(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(Word),
    Operator(&'static str),
    Newline,
    End,
}

struct Lexer<'a> {
    rest: &'a str,
    /// Here-documents whose text begins at the next line: delimiter, quoted, strip tabs, place in `texts`.
    waiting: Vec<(String, bool, bool, usize)>,
    texts: Vec<Vec<Part>>,
    depth: usize,
}

const OPERATORS: [&str; 15] = ["&&", "||", ";;", "<<-", "<<", ">>", ">&", "<&", "&>", "|", ";", "&", "(", ")", "<"];

impl<'a> Lexer<'a> {
    fn blank(&mut self) {
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

    fn token(&mut self) -> Result<Token, Problem> {
        self.blank();
        if self.rest.is_empty() {
            if let Some((delimiter, ..)) = self.waiting.first() {
                return Err(Problem::Unfinished(format!(
                    "here-document delimited by end-of-file (wanted `{delimiter}')"
                )));
            }
            return Ok(Token::End);
        }
        if let Some(after) = self.rest.strip_prefix('\n') {
            self.rest = after;
            self.here_documents()?;
            return Ok(Token::Newline);
        }
        for operator in OPERATORS.iter().chain(&[">"]) {
            if let Some(after) = self.rest.strip_prefix(operator) {
                self.rest = after;
                return Ok(Token::Operator(operator));
            }
        }
        Ok(Token::Word(self.word()?))
    }

    fn here_documents(&mut self) -> Result<(), Problem> {
        for (delimiter, quoted, strip, at) in std::mem::take(&mut self.waiting) {
            let mut text = String::new();
            loop {
                if self.rest.is_empty() {
                    return Err(Problem::Unfinished(format!(
                        "here-document delimited by end-of-file (wanted `{delimiter}')"
                    )));
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
                let mut inner = Lexer { rest: &text, waiting: Vec::new(), texts: Vec::new(), depth: self.depth + 1 };
                inner.double_quoted(false)?
            };
        }
        Ok(())
    }

    fn word(&mut self) -> Result<Word, Problem> {
        let mut parts: Word = Vec::new();
        let mut text = String::new();
        let mut any = false;
        while let Some(c) = self.rest.chars().next() {
            match c {
                ' ' | '\t' | '\n' | '\r' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                '\'' => {
                    let inner = &self.rest[1..];
                    let end = inner.find('\'').ok_or_else(|| {
                        Problem::Unfinished("unexpected EOF while looking for matching `''".to_string())
                    })?;
                    flush(&mut parts, &mut text, false);
                    parts.push(Part::Text { text: inner[..end].to_string(), quoted: true });
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
                    let mut chars = self.rest.chars();
                    chars.next();
                    match chars.next() {
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
            any = true;
        }
        flush(&mut parts, &mut text, false);
        debug_assert!(any);
        Ok(parts)
    }

    /// What stands in double quotes (up to the closing one), or in a here-document (all of it).
    fn double_quoted(&mut self, closed: bool) -> Result<Vec<Part>, Problem> {
        let mut parts = Vec::new();
        let mut text = String::new();
        loop {
            let Some(c) = self.rest.chars().next() else {
                if closed {
                    return Err(Problem::Unfinished("unexpected EOF while looking for matching `\"'".to_string()));
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
                    let next = self.rest.chars().nth(1);
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
        if self.depth > DEEPEST {
            return Err(Problem::Syntax("nesting too deep".to_string()));
        }
        if let Some(inner) = self.rest.strip_prefix('`') {
            let end = inner
                .find('`')
                .ok_or_else(|| Problem::Unfinished("unexpected EOF while looking for matching ``'".to_string()))?;
            let list = parse_at(&inner[..end].replace("\\`", "`"), self.depth + 1)?;
            self.rest = &inner[end + 1..];
            return Ok(Some(Part::Command { list: Rc::new(list), quoted }));
        }
        let after = &self.rest[1..];
        if let Some(inner) = after.strip_prefix("((") {
            let end = inner
                .find("))")
                .ok_or_else(|| Problem::Unfinished("unexpected EOF while looking for matching `))'".to_string()))?;
            self.rest = &inner[end + 2..];
            return Ok(Some(Part::Arithmetic { text: inner[..end].to_string() }));
        }
        if let Some(inner) = after.strip_prefix('(') {
            let end = closing(inner)
                .ok_or_else(|| Problem::Unfinished("unexpected EOF while looking for matching `)'".to_string()))?;
            let list = parse_at(&inner[..end], self.depth + 1)?;
            self.rest = &inner[end + 1..];
            return Ok(Some(Part::Command { list: Rc::new(list), quoted }));
        }
        if let Some(inner) = after.strip_prefix('{') {
            let end = inner
                .find('}')
                .ok_or_else(|| Problem::Unfinished("unexpected EOF while looking for matching `}'".to_string()))?;
            let body = &inner[..end];
            let length =
                body.find(|c: char| !(c.is_ascii_alphanumeric() || "_?#@*!$-".contains(c))).unwrap_or(body.len());
            let length = if body.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(body.len())
            } else {
                length
            };
            let (name, tail) = body.split_at(length);
            let tail = tail.strip_prefix(':').unwrap_or(tail);
            let default = match tail.chars().next() {
                Some(kind @ ('-' | '=' | '+' | '?')) => {
                    let mut inner =
                        Lexer { rest: &tail[1..], waiting: Vec::new(), texts: Vec::new(), depth: self.depth + 1 };
                    Some((kind, inner.double_quoted(false)?))
                }
                Some(_) => return Err(Problem::Syntax(format!("${{{body}}}: bad substitution"))),
                None => None,
            };
            if name.is_empty() {
                return Err(Problem::Syntax(format!("${{{body}}}: bad substitution")));
            }
            self.rest = &inner[end + 1..];
            return Ok(Some(Part::Variable { name: name.to_string(), default, quoted }));
        }
        let length = match after.chars().next() {
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len())
            }
            Some(c) if "?#@*!$-0123456789".contains(c) => 1,
            _ => 0,
        };
        self.rest = &after[length..];
        if length == 0 {
            return Ok(None);
        }
        Ok(Some(Part::Variable { name: after[..length].to_string(), default: None, quoted }))
    }
}

fn flush(parts: &mut Vec<Part>, text: &mut String, quoted: bool) {
    if !text.is_empty() {
        parts.push(Part::Text { text: std::mem::take(text), quoted });
    }
}

/// Where the parenthesis closes that is open at the start.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('\''), '\'') => quote = None,
            (Some('\''), _) => {}
            (_, '\\') => escaped = true,
            (Some('"'), '"') => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return Some(at),
            (None, ')') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Reads a line (or several).
pub fn parse(text: &str) -> Result<List, Problem> {
    parse_at(text, 0)
}

fn parse_at(text: &str, depth: usize) -> Result<List, Problem> {
    if depth > DEEPEST {
        return Err(Problem::Syntax("nesting too deep".to_string()));
    }
    let mut lexer = Lexer { rest: text, waiting: Vec::new(), texts: Vec::new(), depth };
    let mut tokens = Vec::new();
    // A here-document's text is known only at its line's end: its place is kept in the token stream.
    loop {
        let token = lexer.token()?;
        if let Token::Operator(operator @ ("<<" | "<<-")) = token {
            lexer.blank();
            let Token::Word(word) = lexer.token()? else {
                return Err(Problem::Syntax("syntax error near unexpected token `newline'".to_string()));
            };
            let quoted = word.iter().any(|p| matches!(p, Part::Text { quoted: true, .. }));
            lexer.waiting.push((plain(&word), quoted, operator == "<<-", lexer.texts.len()));
            lexer.texts.push(Vec::new());
            tokens.push(Token::Operator("<<"));
            continue;
        }
        let end = token == Token::End;
        tokens.push(token);
        if end {
            break;
        }
    }
    let mut parser =
        Parser { tokens, at: 0, here: lexer.texts.into_iter().collect::<Vec<_>>().into_iter().rev().collect(), depth };
    let list = parser.list(&[])?;
    match parser.peek() {
        Token::End => Ok(list),
        other => Err(unexpected(other)),
    }
}

/// A word's text without regard to quotes.
fn plain(word: &[Part]) -> String {
    word.iter().map(|p| if let Part::Text { text, .. } = p { text.as_str() } else { "" }).collect()
}

fn unexpected(token: &Token) -> Problem {
    let shown = match token {
        Token::Word(word) => plain(word),
        Token::Operator(operator) => operator.to_string(),
        Token::Newline => "newline".to_string(),
        Token::End => return Problem::Unfinished("syntax error: unexpected end of file".to_string()),
    };
    Problem::Syntax(format!("syntax error near unexpected token `{shown}'"))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The texts of here-documents, the first one last.
    here: Vec<Vec<Part>>,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// The bare word that stands here, for keywords.
    fn keyword(&self) -> Option<&str> {
        match self.peek() {
            Token::Word(word) => match &word[..] {
                [Part::Text { text, quoted: false }] => Some(text),
                _ => None,
            },
            Token::Operator(")") => Some(")"),
            _ => None,
        }
    }

    fn lines(&mut self) {
        while matches!(self.peek(), Token::Newline) {
            self.at += 1;
        }
    }

    /// Pipelines up to one of `ends` (which is left).
    fn list(&mut self, ends: &[&str]) -> Result<List, Problem> {
        let mut list = List::default();
        let mut link = Link::Then;
        loop {
            self.lines();
            if *self.peek() == Token::End || self.keyword().is_some_and(|k| ends.contains(&k)) {
                if link != Link::Then {
                    return Err(unexpected(self.peek()));
                }
                if list.0.is_empty() && !ends.is_empty() {
                    return Err(unexpected(self.peek()));
                }
                return Ok(list);
            }
            let pipeline = self.pipeline()?;
            list.0.push((link, pipeline));
            link = match self.peek() {
                Token::Operator("&&") => Link::And,
                Token::Operator("||") => Link::Or,
                Token::Operator(";" | "&") | Token::Newline => Link::Then,
                Token::End => return Ok(list),
                _ if self.keyword().is_some_and(|k| ends.contains(&k)) => return Ok(list),
                other => return Err(unexpected(other)),
            };
            self.at += 1;
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Problem> {
        let not = self.keyword() == Some("!");
        if not {
            self.at += 1;
        }
        let mut stages = vec![Rc::new(self.command()?)];
        while matches!(self.peek(), Token::Operator("|")) {
            self.at += 1;
            self.lines();
            stages.push(Rc::new(self.command()?));
        }
        Ok(Pipeline { not, stages })
    }

    fn expect(&mut self, word: &str) -> Result<(), Problem> {
        if self.keyword() == Some(word) {
            self.at += 1;
            return Ok(());
        }
        Err(unexpected(self.peek()))
    }

    fn command(&mut self) -> Result<Command, Problem> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Problem::Syntax("nesting too deep".to_string()));
        }
        let command = self.command_here();
        self.depth -= 1;
        command
    }

    fn command_here(&mut self) -> Result<Command, Problem> {
        if matches!(self.peek(), Token::Operator("(")) {
            self.at += 1;
            let body = self.list(&[")"])?;
            if *self.peek() != Token::Operator(")") {
                return Err(unexpected(self.peek()));
            }
            self.at += 1;
            return Ok(Command::Group { body, subshell: true, redirects: self.redirects()? });
        }
        match self.keyword() {
            Some("{") => {
                self.at += 1;
                let body = self.list(&["}"])?;
                self.expect("}")?;
                Ok(Command::Group { body, subshell: false, redirects: self.redirects()? })
            }
            Some("if") => {
                self.at += 1;
                let mut branches = Vec::new();
                let mut otherwise = None;
                loop {
                    let condition = self.list(&["then"])?;
                    self.expect("then")?;
                    let body = self.list(&["elif", "else", "fi"])?;
                    branches.push((condition, body));
                    match self.keyword() {
                        Some("elif") => self.at += 1,
                        Some("else") => {
                            self.at += 1;
                            otherwise = Some(self.list(&["fi"])?);
                            break;
                        }
                        _ => break,
                    }
                }
                self.expect("fi")?;
                Ok(Command::If { branches, otherwise, redirects: self.redirects()? })
            }
            Some(word @ ("while" | "until")) => {
                let until = word == "until";
                self.at += 1;
                let condition = self.list(&["do"])?;
                self.expect("do")?;
                let body = self.list(&["done"])?;
                self.expect("done")?;
                Ok(Command::While { until, condition, body, redirects: self.redirects()? })
            }
            Some("for") => {
                self.at += 1;
                let name = match self.next() {
                    Token::Word(word) => plain(&word),
                    other => return Err(unexpected(&other)),
                };
                self.lines();
                let mut words = None;
                if self.keyword() == Some("in") {
                    self.at += 1;
                    let mut list = Vec::new();
                    while let Token::Word(word) = self.peek() {
                        list.push(word.clone());
                        self.at += 1;
                    }
                    words = Some(list);
                }
                if matches!(self.peek(), Token::Operator(";")) {
                    self.at += 1;
                }
                self.lines();
                self.expect("do")?;
                let body = self.list(&["done"])?;
                self.expect("done")?;
                Ok(Command::For { name, words, body, redirects: self.redirects()? })
            }
            Some("then" | "fi" | "do" | "done" | "else" | "elif" | "}") => Err(unexpected(self.peek())),
            Some("function" | "case") => Err(Problem::Syntax(
                "functions and case are not simulated here; if … elif … fi does the same".to_string(),
            )),
            _ => self.simple(),
        }
    }

    fn simple(&mut self) -> Result<Command, Problem> {
        let (mut assigns, mut words, mut redirects) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if let Some(redirect) = self.redirect(&mut words)? {
                redirects.push(redirect);
                continue;
            }
            let Token::Word(word) = self.peek().clone() else { break };
            self.at += 1;
            match assignment(&word).filter(|_| words.is_empty()) {
                Some((name, value)) => assigns.push((name, value)),
                None => words.push(word),
            }
        }
        if assigns.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(unexpected(self.peek()));
        }
        Ok(Command::Simple { assigns, words, redirects })
    }

    fn redirects(&mut self) -> Result<Vec<Redirect>, Problem> {
        let mut found = Vec::new();
        while let Some(redirect) = self.redirect(&mut Vec::new())? {
            found.push(redirect);
        }
        Ok(found)
    }

    /// A redirection, if one stands here. A number directly before it has been read as a word: it is taken back.
    fn redirect(&mut self, words: &mut Vec<Word>) -> Result<Option<Redirect>, Problem> {
        let operator = match self.peek() {
            Token::Operator(o @ (">" | ">>" | "<" | "<<" | ">&" | "&>" | "<&")) => *o,
            _ => {
                // `2>file`: the number is a word of its own only if a redirection follows at once.
                let digit = self.keyword().and_then(|k| if k == "1" || k == "2" { k.parse::<u8>().ok() } else { None });
                let next = self.tokens.get(self.at + 1);
                let (Some(fd), Some(Token::Operator(o @ (">" | ">>" | ">&")))) = (digit, next) else { return Ok(None) };
                let operator = *o;
                self.at += 2;
                return self.redirect_to(operator, fd).map(Some);
            }
        };
        let _ = &words;
        self.at += 1;
        let fd = if operator == "<" { 0 } else { 1 };
        self.redirect_to(operator, fd).map(Some)
    }

    fn redirect_to(&mut self, operator: &str, fd: u8) -> Result<Redirect, Problem> {
        if operator == "<<" {
            return Ok(Redirect::Here(self.here.pop().unwrap_or_default()));
        }
        let Token::Word(file) = self.next() else {
            self.at -= 1;
            return Err(match self.peek() {
                Token::End => Problem::Syntax("syntax error near unexpected token `newline'".to_string()),
                other => unexpected(other),
            });
        };
        Ok(match operator {
            ">" => Redirect::Out { fd, file, append: false },
            ">>" => Redirect::Out { fd, file, append: true },
            "&>" => Redirect::Out { fd: 3, file, append: false },
            ">&" | "<&" => match plain(&file).parse() {
                Ok(to) => Redirect::Copy { fd, to },
                Err(_) => Redirect::Out { fd: 3, file, append: false },
            },
            _ => Redirect::In(file),
        })
    }
}

/// `NAME=word`.
fn assignment(word: &[Part]) -> Option<(String, Word)> {
    let Some(Part::Text { text, quoted: false }) = word.first() else { return None };
    let (name, value) = text.split_once('=')?;
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return None;
    }
    let mut parts = Vec::new();
    if !value.is_empty() {
        parts.push(Part::Text { text: value.to_string(), quoted: false });
    }
    parts.extend_from_slice(&word[1..]);
    Some((name.to_string(), parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_or_refused_in_the_shells_words() {
        for good in [
            "echo a; echo b && c || d | e",
            "for i in `seq 1 10`; do curl -s $A:$B; done",
            "while true\ndo sleep 1\ndone",
            "if [ -f x ]; then echo y; elif z; then :; else q; fi > out 2>&1",
            "X=1 Y=\"a b\" env",
            "cat <<EOF | kubectl apply -f -\nkind: $KIND\nEOF\n",
            "(cd /tmp; ls) # comment",
            "echo $((1+2)) ${A:-x} 'a b' \"$(echo \"q\")\"",
            "{ echo a; }",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good));
        }
        let problem = |text: &str| match parse(text) {
            Err(Problem::Syntax(words) | Problem::Unfinished(words)) => words,
            Ok(_) => "fine".to_string(),
        };
        assert_eq!(problem("echo 'a"), "unexpected EOF while looking for matching `''");
        assert_eq!(problem("| x"), "syntax error near unexpected token `|'");
        assert_eq!(problem("for i in 1; do echo"), "syntax error: unexpected end of file");
        assert_eq!(problem("echo >"), "syntax error near unexpected token `newline'");
        assert_eq!(problem("done"), "syntax error near unexpected token `done'");
        assert!(parse(&"(".repeat(5_000)).is_err());
        assert!(parse(&"$(".repeat(5_000)).is_err());
    }
}
