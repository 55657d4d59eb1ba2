//! The language of templates: texts, actions, blocks, pipelines.

use super::functions::FUNCTIONS;
use super::{Node, Pipeline, Term};
use crate::api::json;
use crate::api::value::Value;
use crate::kubectl::output::unescaped;

const DEEPEST: usize = 32;

enum Piece {
    Text(String),
    Action(String),
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim = false;
    while let Some(open) = rest.find("{{") {
        let mut before = &rest[..open];
        if trim {
            before = before.trim_start();
        }
        let mut inner = &rest[open + 2..];
        if inner.starts_with("- ") || inner.starts_with("-\n") {
            before = before.trim_end();
            inner = &inner[2..];
        }
        pieces.push(Piece::Text(before.to_string()));
        let close = closing(inner).ok_or("unclosed action")?;
        let mut body = &inner[..close];
        trim = body.ends_with(" -") || body.ends_with("\n-");
        if trim {
            body = &body[..body.len() - 2];
        }
        rest = &inner[close + 2..];
        if !body.trim().starts_with("/*") {
            pieces.push(Piece::Action(body.trim().to_string()));
        }
    }
    pieces.push(Piece::Text(if trim { rest.trim_start() } else { rest }.to_string()));
    Ok(pieces)
}

fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            (None, '}') if text[at..].starts_with("}}") => return Some(at),
            _ => {}
        }
    }
    None
}

pub enum End {
    Text,
    Closed,
    /// What stands behind `else`: `if …`, `with …` or nothing.
    Else(String),
}

pub struct Parser {
    pieces: Vec<Piece>,
    at: usize,
}

impl Parser {
    /// Takes a template apart into its texts and actions.
    pub fn new(text: &str) -> Result<Parser, String> {
        Ok(Parser { pieces: pieces(text)?, at: 0 })
    }

    /// The nodes up to the end of a block, and what ends it.
    pub fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, End), String> {
        if depth > DEEPEST {
            return Err("template nests too deep".to_string());
        }
        let mut nodes = Vec::new();
        while self.at < self.pieces.len() {
            let piece = &self.pieces[self.at];
            self.at += 1;
            let action = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    continue;
                }
                Piece::Action(action) => action.clone(),
            };
            let (word, tail) = match action.split_once(char::is_whitespace) {
                Some((word, tail)) => (word, tail.trim()),
                None => (action.as_str(), ""),
            };
            match word {
                "end" => return Ok((nodes, End::Closed)),
                "else" => return Ok((nodes, End::Else(tail.to_string()))),
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "if" | "with" | "range" => nodes.push(self.block(word, tail, depth)?),
                "define" | "template" | "block" => return Err(format!("{{{{{word}}}}} is not simulated")),
                _ => nodes.push(Node::Action(pipeline(&action)?)),
            }
        }
        Ok((nodes, End::Text))
    }

    fn block(&mut self, word: &str, tail: &str, depth: usize) -> Result<Node, String> {
        let (names, head) = if word == "range" { loop_names(tail) } else { (Vec::new(), tail) };
        let head = pipeline(head)?;
        if head.commands.is_empty() {
            return Err(format!("missing value for {word}"));
        }
        let (body, end) = self.nodes(depth + 1)?;
        let otherwise = match end {
            End::Text => return Err("unexpected EOF".to_string()),
            End::Closed => Vec::new(),
            End::Else(next) if next.is_empty() => match self.nodes(depth + 1)? {
                (nodes, End::Closed) => nodes,
                (_, End::Else(_)) => return Err("expected end; found {{else}}".to_string()),
                (_, End::Text) => return Err("unexpected EOF".to_string()),
            },
            End::Else(next) => {
                let (word, tail) = next.split_once(char::is_whitespace).unwrap_or((&next, ""));
                if !matches!(word, "if" | "with") {
                    return Err(format!("unexpected <{word}> in else"));
                }
                vec![self.block(word, tail.trim(), depth + 1)?]
            }
        };
        Ok(match word {
            "if" => Node::If(head, body, otherwise),
            "with" => Node::With(head, body, otherwise),
            _ => Node::Range { names, over: head, body, otherwise },
        })
    }
}

/// `$i, $x := …` of a range.
fn loop_names(text: &str) -> (Vec<String>, &str) {
    match text.split_once(":=") {
        Some((names, rest)) if names.trim_start().starts_with('$') => {
            (names.split(',').map(|n| n.trim().to_string()).collect(), rest.trim())
        }
        _ => (Vec::new(), text),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let closes = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    closes
                });
                end.ok_or("unterminated quoted string")?.0 + 1
            }
            '`' => rest[1..].find('`').ok_or("unterminated raw quoted string")? + 2,
            '(' | ')' | '|' | ',' => 1,
            ':' if rest.starts_with(":=") => 2,
            '=' => 1,
            _ => rest
                .find(|c: char| c.is_whitespace() || "()|,\"`=".contains(c) || c == ':')
                .filter(|&i| i > 0)
                .unwrap_or(if rest.starts_with(':') { 1 } else { rest.len() }),
        };
        tokens.push(rest[..length].to_string());
        let after = &rest[length..];
        // A field right behind a parenthesis belongs to it.
        if c == ')' && after.starts_with('.') {
            let end = after.find(|c: char| c.is_whitespace() || "()|".contains(c)).unwrap_or(after.len());
            tokens.push(format!(")field{}", &after[..end]));
            rest = after[end..].trim_start();
            continue;
        }
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn pipeline(text: &str) -> Result<Pipeline, String> {
    let tokens = tokens(text)?;
    let mut at = 0;
    let pipeline = read_pipeline(&tokens, &mut at, 0)?;
    if at < tokens.len() { Err(format!("unexpected {} in command", json::quote(&tokens[at]))) } else { Ok(pipeline) }
}

fn read_pipeline(tokens: &[String], at: &mut usize, depth: usize) -> Result<Pipeline, String> {
    if depth > DEEPEST {
        return Err("template nests too deep".to_string());
    }
    let mut pipeline = Pipeline::default();
    if tokens.len() >= *at + 2 && tokens[*at].starts_with('$') && matches!(tokens[*at + 1].as_str(), ":=" | "=") {
        pipeline.assign = Some(tokens[*at].clone());
        *at += 2;
    }
    let mut command = Vec::new();
    while let Some(token) = tokens.get(*at) {
        if token == ")" {
            break;
        }
        *at += 1;
        match token.as_str() {
            "|" => pipeline.commands.push(std::mem::take(&mut command)),
            "(" => {
                let inner = read_pipeline(tokens, at, depth + 1)?;
                if tokens.get(*at).map(String::as_str) != Some(")") {
                    return Err("unclosed left paren".to_string());
                }
                *at += 1;
                let mut fields = Vec::new();
                if let Some(path) = tokens.get(*at).and_then(|t| t.strip_prefix(")field.")) {
                    fields = path.split('.').map(str::to_string).collect();
                    *at += 1;
                }
                command.push(Term::Group(Box::new(inner), fields));
            }
            word => command.push(term(word)?),
        }
    }
    if !command.is_empty() {
        pipeline.commands.push(command);
    }
    Ok(pipeline)
}

fn term(word: &str) -> Result<Term, String> {
    let fields = |path: &str| path.split('.').filter(|f| !f.is_empty()).map(str::to_string).collect::<Vec<_>>();
    if word == "." {
        return Ok(Term::Dot);
    }
    if let Some(path) = word.strip_prefix('.') {
        return Ok(Term::Field(fields(path)));
    }
    if word.starts_with('$') {
        let (name, path) = word.split_once('.').unwrap_or((word, ""));
        return Ok(Term::Variable(name.to_string(), fields(path)));
    }
    if let Some(raw) = word.strip_prefix('`') {
        return Ok(Term::Constant(Value::from(raw.trim_end_matches('`'))));
    }
    if word.starts_with('"') {
        return Ok(Term::Constant(Value::from(unquote(word))));
    }
    match word {
        "true" | "false" => return Ok(Term::Constant(Value::Bool(word == "true"))),
        "nil" => return Ok(Term::Constant(Value::Null)),
        _ => {}
    }
    if let Ok(i) = word.parse::<i64>() {
        return Ok(Term::Constant(Value::Int(i)));
    }
    if let Ok(f) = word.parse::<f64>() {
        return Ok(Term::Constant(Value::Float(f)));
    }
    if FUNCTIONS.contains(&word) {
        return Ok(Term::Function(word.to_string()));
    }
    Err(format!("function {} not defined", json::quote(word)))
}

fn unquote(word: &str) -> String {
    let inner = word.trim_matches('"');
    let mut out = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        if escaped {
            out.push(unescaped(c));
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else {
            out.push(c);
        }
    }
    out
}
