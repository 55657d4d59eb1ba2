//! awk's language: patterns, actions, expressions.

use crate::shell::pattern::Pattern;
use std::rc::Rc;

#[derive(Clone)]
pub enum Expr {
    Number(f64),
    Text(String),
    /// `/…/`, which alone asks the whole line.
    Regex(Rc<Pattern>),
    Variable(String),
    Field(Box<Expr>),
    Element(String, Vec<Expr>),
    Assign(Box<Expr>, char, Box<Expr>),
    /// `++x`, `x++`: what is added, and whether before the value is taken.
    Step(Box<Expr>, f64, bool),
    Unary(char, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Match(Box<Expr>, Box<Expr>, bool),
    In(Vec<Expr>, String),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Call(String, Vec<Expr>),
}

pub enum Statement {
    Expr(Expr),
    Print(Vec<Expr>),
    Printf(Vec<Expr>),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    While(Expr, Box<Statement>),
    For(Option<Box<Statement>>, Option<Expr>, Option<Box<Statement>>, Box<Statement>),
    Each(String, String, Box<Statement>),
    Block(Vec<Statement>),
    Delete(String, Vec<Expr>),
    Next,
    Exit(Option<Expr>),
    Break,
    Continue,
}

pub enum When {
    Begin,
    End,
    Always,
    If(Expr),
    /// From one line to another; whether it is within.
    Range(Expr, Expr),
}

pub struct Rule {
    pub when: When,
    pub action: Option<Statement>,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    Name(String),
    /// A name directly before a parenthesis.
    Function(String),
    Symbol(&'static str),
    Line,
    End,
}

const SYMBOLS: [&str; 38] = [
    "&&", "||", "==", "!=", "<=", ">=", "++", "--", "+=", "-=", "*=", "/=", "%=", "!~", "{", "}", "(", ")", "[", "]",
    ";", ",", "+", "-", "*", "/", "%", "^", "!", "~", "<", ">", "=", "?", ":", "$", "|", "&",
];

/// How deep constructs may nest.
const DEEPEST: usize = 60;

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        // A slash divides behind a value, and begins a regular expression elsewhere.
        let value = matches!(
            tokens.last(),
            Some(Token::Number(_) | Token::Text(_) | Token::Name(_) | Token::Symbol(")" | "]" | "$" | "++" | "--"))
        );
        if c == '\n' {
            tokens.push(Token::Line);
            rest = &rest[1..];
        } else if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if let Some(after) = rest.strip_prefix("\\\n") {
            rest = after;
        } else if c == '#' {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if c == '"' || c == '/' && !value {
            let mut escaped = false;
            let end = rest[1..].char_indices().find(|(_, d)| {
                let found = *d == c && !escaped;
                escaped = *d == '\\' && !escaped;
                found
            });
            let Some((end, _)) = end else {
                return Err(if c == '"' {
                    "unterminated string".to_string()
                } else {
                    "unterminated regexp".to_string()
                });
            };
            let inner = &rest[1..=end];
            tokens.push(if c == '"' {
                Token::Text(crate::shell::programs::unescape(&inner.replace("\\\"", "\"").replace("\\/", "/")))
            } else {
                Token::Regex(inner.replace("\\/", "/"))
            });
            rest = &rest[end + 2..];
        } else if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|d: char| d.is_ascii_digit()) {
            let end = rest.find(|d: char| !(d.is_ascii_digit() || d == '.')).unwrap_or(rest.len());
            tokens.push(Token::Number(rest[..end].parse().unwrap_or(0.0)));
            rest = &rest[end..];
        } else if c.is_ascii_alphabetic() || c == '_' {
            let end = rest.find(|d: char| !(d.is_ascii_alphanumeric() || d == '_')).unwrap_or(rest.len());
            let name = rest[..end].to_string();
            rest = &rest[end..];
            let keyword = ["if", "while", "for", "print", "printf", "return", "in"].contains(&name.as_str());
            tokens.push(if rest.starts_with('(') && !keyword { Token::Function(name) } else { Token::Name(name) });
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            return Err(format!("syntax error at source line 1: unexpected character '{c}'"));
        }
        if tokens.len() > 20_000 {
            return Err("program too long".to_string());
        }
    }
    tokens.push(Token::End);
    Ok(tokens)
}

/// Reads a program.
pub fn program(text: &str) -> Result<Vec<Rule>, String> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, no_in: false, no_greater: false };
    let mut rules = Vec::new();
    loop {
        parser.ends();
        if parser.peek() == &Token::End {
            return Ok(rules);
        }
        rules.push(parser.rule()?);
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    no_in: bool,
    no_greater: bool,
}

type Outcome<T> = Result<T, String>;

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn is(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(s) if *s == symbol)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at += usize::from(found);
        found
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(n) if n == name);
        self.at += usize::from(found);
        found
    }

    fn lines(&mut self) {
        while self.peek() == &Token::Line {
            self.at += 1;
        }
    }

    fn ends(&mut self) {
        while self.peek() == &Token::Line || self.is(";") {
            self.at += 1;
        }
    }

    fn expect(&mut self, symbol: &str) -> Outcome<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.odd()) }
    }

    fn odd(&self) -> String {
        let shown = match self.peek() {
            Token::Number(n) => n.to_string(),
            Token::Text(t) | Token::Regex(t) | Token::Name(t) | Token::Function(t) => t.clone(),
            Token::Symbol(s) => s.to_string(),
            Token::Line => "newline".to_string(),
            Token::End => "end of program".to_string(),
        };
        format!("syntax error at or near {shown}")
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("program nests too deep".to_string());
        }
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn rule(&mut self) -> Outcome<Rule> {
        let when = if self.take_name("BEGIN") {
            When::Begin
        } else if self.take_name("END") {
            When::End
        } else if self.is("{") {
            When::Always
        } else {
            let first = self.expr()?;
            if self.take(",") {
                self.lines();
                When::Range(first, self.expr()?)
            } else {
                When::If(first)
            }
        };
        let action = if self.is("{") { Some(self.block()?) } else { None };
        if action.is_none() && matches!(when, When::Begin | When::End) {
            return Err(self.odd());
        }
        Ok(Rule { when, action })
    }

    fn block(&mut self) -> Outcome<Statement> {
        self.expect("{")?;
        let mut list = Vec::new();
        loop {
            self.ends();
            if self.take("}") {
                return Ok(Statement::Block(list));
            }
            list.push(self.deeper(Parser::statement)?);
            let closed = matches!(
                list.last(),
                Some(
                    Statement::Block(_)
                        | Statement::If(..)
                        | Statement::While(..)
                        | Statement::For(..)
                        | Statement::Each(..)
                )
            );
            if !closed && !self.is("}") && !self.is(";") && self.peek() != &Token::Line {
                return Err(self.odd());
            }
        }
    }

    fn body(&mut self) -> Outcome<Box<Statement>> {
        self.lines();
        if self.take(";") {
            return Ok(Box::new(Statement::Block(Vec::new())));
        }
        self.deeper(Parser::statement).map(Box::new)
    }

    fn statement(&mut self) -> Outcome<Statement> {
        if self.is("{") {
            return self.block();
        }
        let Token::Name(name) = self.peek().clone() else { return self.expr().map(Statement::Expr) };
        let before = self.at;
        self.at += 1;
        Ok(match name.as_str() {
            "print" | "printf" => {
                let list = self.printed()?;
                if name == "print" { Statement::Print(list) } else { Statement::Printf(list) }
            }
            "if" => {
                self.expect("(")?;
                let condition = self.expr()?;
                self.expect(")")?;
                let yes = self.body()?;
                let here = self.at;
                self.ends();
                if self.take_name("else") {
                    Statement::If(condition, yes, Some(self.body()?))
                } else {
                    self.at = here;
                    Statement::If(condition, yes, None)
                }
            }
            "while" => {
                self.expect("(")?;
                let condition = self.expr()?;
                self.expect(")")?;
                Statement::While(condition, self.body()?)
            }
            "for" => self.loop_over()?,
            "next" => Statement::Next,
            "break" => Statement::Break,
            "continue" => Statement::Continue,
            "exit" => {
                let bare = self.is("}") || self.is(";") || matches!(self.peek(), Token::Line | Token::End);
                Statement::Exit(if bare { None } else { Some(self.expr()?) })
            }
            "delete" => {
                let Token::Name(array) = self.peek().clone() else { return Err(self.odd()) };
                self.at += 1;
                let index = if self.take("[") {
                    let list = self.list("]")?;
                    self.expect("]")?;
                    list
                } else {
                    Vec::new()
                };
                Statement::Delete(array, index)
            }
            _ => {
                self.at = before;
                Statement::Expr(self.expr()?)
            }
        })
    }

    fn printed(&mut self) -> Outcome<Vec<Expr>> {
        let ends = |p: &Parser| p.is("}") || p.is(";") || matches!(p.peek(), Token::Line | Token::End);
        if ends(self) {
            return Ok(Vec::new());
        }
        // `print (a, b)`: the parentheses are the list's, if nothing follows.
        let start = self.at;
        if self.take("(")
            && let Ok(list) = self.list(")")
            && self.take(")")
            && ends(self)
        {
            return Ok(list);
        }
        self.at = start;
        self.no_greater = true;
        let mut list = vec![self.expr()?];
        while self.take(",") {
            self.lines();
            list.push(self.expr()?);
        }
        self.no_greater = false;
        if self.is(">") || self.is("|") {
            return Err("output of print into files and pipes is not simulated here; redirect awk itself".to_string());
        }
        Ok(list)
    }

    fn loop_over(&mut self) -> Outcome<Statement> {
        self.expect("(")?;
        if let [Token::Name(name), Token::Name(within), Token::Name(array), Token::Symbol(")")] =
            &self.tokens[self.at..(self.at + 4).min(self.tokens.len())]
            && within == "in"
        {
            let (name, array) = (name.clone(), array.clone());
            self.at += 4;
            return Ok(Statement::Each(name, array, self.body()?));
        }
        let first = if self.is(";") { None } else { Some(Box::new(self.statement()?)) };
        self.expect(";")?;
        let condition = if self.is(";") { None } else { Some(self.expr()?) };
        self.expect(";")?;
        let step = if self.is(")") { None } else { Some(Box::new(self.statement()?)) };
        self.expect(")")?;
        Ok(Statement::For(first, condition, step, self.body()?))
    }

    fn list(&mut self, end: &str) -> Outcome<Vec<Expr>> {
        let mut list = Vec::new();
        let (within, greater) = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
        while !self.is(end) {
            list.push(self.expr()?);
            if !self.take(",") {
                break;
            }
            self.lines();
        }
        (self.no_in, self.no_greater) = (within, greater);
        Ok(list)
    }

    fn expr(&mut self) -> Outcome<Expr> {
        self.deeper(Parser::assignment)
    }

    fn assignment(&mut self) -> Outcome<Expr> {
        let left = self.choice()?;
        if !matches!(left, Expr::Variable(_) | Expr::Field(_) | Expr::Element(..)) {
            return Ok(left);
        }
        for symbol in ["=", "+=", "-=", "*=", "/=", "%="] {
            if self.take(symbol) {
                self.lines();
                let right = self.expr()?;
                return Ok(Expr::Assign(Box::new(left), symbol.chars().next().unwrap_or('='), Box::new(right)));
            }
        }
        Ok(left)
    }

    fn choice(&mut self) -> Outcome<Expr> {
        let condition = self.binary(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.expr()?;
        self.expect(":")?;
        let no = self.expr()?;
        Ok(Expr::Choice(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    /// `||`, `&&`, `in`, `~`, comparisons, joining, `+ -`, `* / %`.
    fn binary(&mut self, level: usize) -> Outcome<Expr> {
        let mut left = match level {
            7 => return self.unary(),
            _ => self.binary(level + 1)?,
        };
        loop {
            let symbols: &[&'static str] = match level {
                0 => &["||"],
                1 => &["&&"],
                2 => &["!~", "~"],
                3 => &["<=", ">=", "==", "!=", "<", ">"],
                5 => &["+", "-"],
                6 => &["*", "/", "%"],
                _ => &[],
            };
            if level == 2 && !self.no_in && matches!(self.peek(), Token::Name(n) if n == "in") {
                self.at += 1;
                let Token::Name(array) = self.peek().clone() else { return Err(self.odd()) };
                self.at += 1;
                left = Expr::In(vec![left], array);
                continue;
            }
            if level == 4 {
                // What stands beside it is joined to it.
                let joins = match self.peek() {
                    Token::Number(_)
                    | Token::Text(_)
                    | Token::Function(_)
                    | Token::Symbol("(" | "$" | "!" | "-" | "++" | "--") => !self.is("-"),
                    Token::Name(name) => name != "in",
                    _ => false,
                };
                if !joins {
                    return Ok(left);
                }
                let right = self.binary(5)?;
                left = Expr::Binary("", Box::new(left), Box::new(right));
                continue;
            }
            let Some(symbol) = symbols.iter().find(|s| self.is(s) && !(**s == ">" && self.no_greater)) else {
                return Ok(left);
            };
            self.at += 1;
            self.lines();
            let right = Box::new(self.binary(level + 1)?);
            left = match level {
                2 => Expr::Match(Box::new(left), right, *symbol == "~"),
                _ => Expr::Binary(symbol, Box::new(left), right),
            };
        }
    }

    fn unary(&mut self) -> Outcome<Expr> {
        for symbol in ['!', '-', '+'] {
            if self.take(&symbol.to_string()) {
                let inner = self.deeper(Parser::unary)?;
                return Ok(Expr::Unary(symbol, Box::new(inner)));
            }
        }
        let base = self.postfix()?;
        if self.take("^") {
            let power = self.deeper(Parser::unary)?;
            return Ok(Expr::Binary("^", Box::new(base), Box::new(power)));
        }
        Ok(base)
    }

    fn postfix(&mut self) -> Outcome<Expr> {
        for (symbol, by) in [("++", 1.0), ("--", -1.0)] {
            if self.take(symbol) {
                let inner = self.primary()?;
                return Ok(Expr::Step(Box::new(inner), by, true));
            }
        }
        let value = self.primary()?;
        if matches!(value, Expr::Variable(_) | Expr::Field(_) | Expr::Element(..)) {
            for (symbol, by) in [("++", 1.0), ("--", -1.0)] {
                if self.take(symbol) {
                    return Ok(Expr::Step(Box::new(value), by, false));
                }
            }
        }
        Ok(value)
    }

    fn primary(&mut self) -> Outcome<Expr> {
        let token = self.peek().clone();
        self.at += 1;
        Ok(match token {
            Token::Number(number) => Expr::Number(number),
            Token::Text(text) => Expr::Text(text),
            Token::Regex(text) => Expr::Regex(Rc::new(Pattern::new(&text, true, false, false))),
            Token::Symbol("$") => {
                let inner = self.deeper(Parser::postfix_of_field)?;
                Expr::Field(Box::new(inner))
            }
            Token::Symbol("(") => {
                let mut list = self.list(")")?;
                self.expect(")")?;
                if self.take_name("in") {
                    let Token::Name(array) = self.peek().clone() else { return Err(self.odd()) };
                    self.at += 1;
                    return Ok(Expr::In(list, array));
                }
                if list.len() != 1 {
                    self.at -= 1;
                    return Err(self.odd());
                }
                // Parentheses end what may be assigned to.
                Expr::Unary('(', Box::new(list.remove(0)))
            }
            Token::Function(name) => {
                self.expect("(")?;
                let arguments = self.list(")")?;
                self.expect(")")?;
                Expr::Call(name, arguments)
            }
            Token::Name(name) if name == "length" => Expr::Call(name, Vec::new()),
            Token::Name(name) if self.is("[") => {
                self.at += 1;
                let index = self.list("]")?;
                self.expect("]")?;
                Expr::Element(name, index)
            }
            Token::Name(name) => Expr::Variable(name),
            _ => {
                self.at -= 1;
                return Err(self.odd());
            }
        })
    }

    fn postfix_of_field(&mut self) -> Outcome<Expr> {
        if self.take("-") {
            return Ok(Expr::Unary('-', Box::new(self.primary()?)));
        }
        self.primary()
    }
}
