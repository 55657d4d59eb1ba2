//! Go's `text/template` as far as `kubectl get -o go-template` is used: fields, variables, pipelines, `if`, `range`,
//! `with`, comments, trimmed blanks, and the functions that compare, print and index. Left out: `define`, `template`,
//! `block`, method calls.

use crate::api::json;
use crate::api::value::Value;
use data_encoding::BASE64;

const DEEPEST: usize = 32;
/// How much a template may print.
const LONGEST: usize = 4 << 20;

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Action(Pipeline),
    If(Pipeline, Vec<Node>, Vec<Node>),
    With(Pipeline, Vec<Node>, Vec<Node>),
    Range { names: Vec<String>, over: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
    Break,
    Continue,
}

#[derive(Clone, Debug, Default)]
struct Pipeline {
    /// `$x := …` or `$x = …`.
    assign: Option<String>,
    commands: Vec<Vec<Term>>,
}

#[derive(Clone, Debug)]
enum Term {
    Dot,
    /// `.a.b`, from dot.
    Field(Vec<String>),
    /// `$x.a`.
    Variable(String, Vec<String>),
    Constant(Value),
    Function(String),
    Group(Box<Pipeline>, Vec<String>),
}

#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
    text: String,
}

impl Template {
    /// Reads a template; the error names what is wrong as Go does.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parser = Parser { pieces: pieces(text)?, at: 0 };
        let (nodes, end) = parser.nodes(0)?;
        match end {
            End::Text => Ok(Template { nodes, text: text.to_string() }),
            End::Closed => Err("unexpected {{end}}".to_string()),
            End::Else(_) => Err("unexpected {{else}}".to_string()),
        }
    }

    pub fn print(&self, root: &Value) -> Result<String, String> {
        let (out, ended) = self.run(root);
        ended.map(|()| out)
    }

    /// What is printed up to the end or the first error.
    fn run(&self, root: &Value) -> (String, Result<(), String>) {
        let mut run = Run { variables: vec![("$".to_string(), root.clone())], out: String::new() };
        let ended = run.nodes(&self.nodes, root);
        (run.out, ended.map(drop).map_err(|problem| self.located(&problem)))
    }

    /// An error with its place in the template, as Go's `ExecError` tells it.
    fn located(&self, problem: &str) -> String {
        let inner = self.text.trim_start_matches("{{").trim_end_matches("}}");
        let (node, words) = problem.split_once('\0').unwrap_or((inner, problem));
        let begins = self.text.find(node).unwrap_or(0);
        // A chain of fields stands where its second one begins.
        let second = node[1.min(node.len())..].find('.').map_or(0, |at| at + 1);
        let at = begins + second;
        let (line, column) = match self.text[..at].rfind('\n') {
            Some(end) => (self.text[..at].matches('\n').count() + 1, at - end - 1),
            None => (1, at),
        };
        format!("template: output:{line}:{column}: executing \"output\" at <{node}>: {words}")
    }

    /// What kubectl prints on stdout when a template fails: what came so far, and what there was to work with.
    pub fn debug(&self, problem: &str, root: &Value) -> String {
        format!(
            "{}Error executing template: {problem}. Printing more information for debugging the template:\n\ttemplate was:\n\t\t{}\n\traw data was:\n\t\t{}\n\tobject given to template engine was:\n\t\t{}\n\n",
            self.run(root).0,
            self.text,
            json::to_string(root),
            show(root)
        )
    }
}

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

enum End {
    Text,
    Closed,
    /// What stands behind `else`: `if …`, `with …` or nothing.
    Else(String),
}

struct Parser {
    pieces: Vec<Piece>,
    at: usize,
}

impl Parser {
    fn nodes(&mut self, depth: usize) -> Result<(Vec<Node>, End), String> {
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
            out.push(match c {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            });
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else {
            out.push(c);
        }
    }
    out
}

const FUNCTIONS: [&str; 18] = [
    "and",
    "or",
    "not",
    "len",
    "index",
    "print",
    "printf",
    "println",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "exists",
    "base64decode",
    "html",
    "urlquery",
];

enum Flow {
    On,
    Break,
    Continue,
}

struct Run {
    variables: Vec<(String, Value)>,
    out: String,
}

impl Run {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            if self.out.len() > LONGEST {
                return Err("the template prints too much".to_string());
            }
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Action(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.assign.is_none() {
                        let text = value.map_or("<no value>".to_string(), |v| show(&v));
                        self.out.push_str(&text);
                    }
                }
                Node::If(head, body, otherwise) => {
                    let depth = self.variables.len();
                    let branch = if truth(&self.pipeline(head, dot)?) { body } else { otherwise };
                    let flow = self.nodes(branch, dot)?;
                    self.variables.truncate(depth);
                    if !matches!(flow, Flow::On) {
                        return Ok(flow);
                    }
                }
                Node::With(head, body, otherwise) => {
                    let depth = self.variables.len();
                    let value = self.pipeline(head, dot)?;
                    let flow = match value.filter(|v| truth(&Some(v.clone()))) {
                        Some(value) => self.nodes(body, &value)?,
                        None => self.nodes(otherwise, dot)?,
                    };
                    self.variables.truncate(depth);
                    if !matches!(flow, Flow::On) {
                        return Ok(flow);
                    }
                }
                Node::Range { names, over, body, otherwise } => self.range(names, over, body, otherwise, dot)?,
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        names: &[String],
        over: &Pipeline,
        body: &[Node],
        otherwise: &[Node],
        dot: &Value,
    ) -> Result<(), String> {
        let items: Vec<(Value, Value)> = match self.pipeline(over, dot)? {
            Some(Value::List(list)) => {
                list.iter().enumerate().map(|(i, v)| (Value::Int(i as i64), v.clone())).collect()
            }
            Some(Value::Map(map)) => map.iter().map(|(k, v)| (Value::from(k), v.clone())).collect(),
            Some(Value::Int(n)) => (0..n.clamp(0, 100_000)).map(|i| (Value::Int(i), Value::Int(i))).collect(),
            None | Some(Value::Null) => Vec::new(),
            Some(other) => return Err(format!("range can't iterate over {}", show(&other))),
        };
        if items.is_empty() {
            self.nodes(otherwise, dot)?;
            return Ok(());
        }
        for (key, item) in items {
            let depth = self.variables.len();
            match names {
                [only] => self.variables.push((only.clone(), item.clone())),
                [k, v, ..] => {
                    self.variables.push((k.clone(), key));
                    self.variables.push((v.clone(), item.clone()));
                }
                [] => {}
            }
            let flow = self.nodes(body, &item)?;
            self.variables.truncate(depth);
            if matches!(flow, Flow::Break) {
                break;
            }
        }
        Ok(())
    }

    /// `None`: a key that a map does not have.
    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Option<Value>, String> {
        let mut last: Option<Option<Value>> = None;
        for command in &pipeline.commands {
            last = Some(self.command(command, dot, last)?);
        }
        let value = last.flatten();
        if let Some(name) = &pipeline.assign {
            let kept = value.clone().unwrap_or(Value::Null);
            match self.variables.iter_mut().rev().find(|(n, _)| n == name) {
                Some((_, slot)) => *slot = kept,
                None => self.variables.push((name.clone(), kept)),
            }
        }
        Ok(value)
    }

    fn command(
        &mut self,
        command: &[Term],
        dot: &Value,
        piped: Option<Option<Value>>,
    ) -> Result<Option<Value>, String> {
        let Some((first, rest)) = command.split_first() else { return Err("missing value for command".to_string()) };
        let Term::Function(name) = first else {
            if !rest.is_empty() || piped.is_some() {
                return Err("can't give argument to non-function".to_string());
            }
            return self.value(first, dot);
        };
        let mut arguments = Vec::new();
        for term in rest {
            arguments.push(self.value(term, dot)?);
        }
        arguments.extend(piped);
        call(name, &arguments)
    }

    fn value(&mut self, term: &Term, dot: &Value) -> Result<Option<Value>, String> {
        match term {
            Term::Dot => Ok(Some(dot.clone())),
            Term::Field(path) => {
                get(Some(dot.clone()), path).map_err(|problem| format!(".{}\0{problem}", path.join(".")))
            }
            Term::Variable(name, path) => {
                let value = self.variables.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                match value {
                    Some(value) => {
                        get(Some(value), path).map_err(|problem| format!("{name}.{}\0{problem}", path.join(".")))
                    }
                    None => Err(format!("undefined variable {}", json::quote(name))),
                }
            }
            Term::Constant(value) => Ok(Some(value.clone())),
            Term::Function(name) => call(name, &[]),
            Term::Group(pipeline, path) => {
                let value = self.pipeline(pipeline, dot)?;
                get(value, path)
            }
        }
    }
}

fn get(value: Option<Value>, path: &[String]) -> Result<Option<Value>, String> {
    let mut at = value;
    for field in path {
        at = match at {
            Some(Value::Map(map)) => map.get(field).cloned(),
            None | Some(Value::Null) => {
                return Err(format!("nil pointer evaluating interface {{}}.{field}"));
            }
            Some(other) => {
                return Err(format!("can't evaluate field {field} in type {}", go_type(&other)));
            }
        };
    }
    Ok(at)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::Float(_) => "float64",
        Value::String(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}

fn truth(value: &Option<Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(b)) => *b,
        Some(Value::Int(i)) => *i != 0,
        Some(Value::Float(f)) => *f != 0.0,
        Some(Value::String(s)) => !s.is_empty(),
        Some(Value::List(l)) => !l.is_empty(),
        Some(Value::Map(m)) => !m.is_empty(),
    }
}

/// A value as Go's `%v` prints it: `map[a:1 b:2]`, `[a b]`.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_string(),
        Value::String(s) => s.to_string(),
        Value::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Map(map) => {
            let items: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{}", show(v))).collect();
            format!("map[{}]", items.join(" "))
        }
        other => json::to_string(other),
    }
}

fn call(name: &str, arguments: &[Option<Value>]) -> Result<Option<Value>, String> {
    let first = arguments.first().cloned().flatten();
    let missing = || format!("wrong number of args for {name}: want at least 1 got 0");
    let value = match name {
        "and" => arguments.iter().find(|a| !truth(a)).or(arguments.last()).ok_or_else(missing)?.clone(),
        "or" => arguments.iter().find(|a| truth(a)).or(arguments.last()).ok_or_else(missing)?.clone(),
        "not" => Some(Value::Bool(!truth(&first))),
        "len" => match first {
            Some(Value::String(s)) => Some(Value::Int(s.len() as i64)),
            Some(Value::List(l)) => Some(Value::Int(l.len() as i64)),
            Some(Value::Map(m)) => Some(Value::Int(m.len() as i64)),
            _ => return Err("error calling len: len of nil pointer".to_string()),
        },
        "index" => {
            let mut at = first;
            for key in arguments.get(1..).unwrap_or(&[]) {
                at = match (at, key) {
                    (Some(Value::Map(map)), Some(Value::String(key))) => map.get(key).cloned(),
                    (Some(Value::List(list)), Some(Value::Int(i))) => {
                        let item = usize::try_from(*i).ok().and_then(|i| list.get(i)).cloned();
                        if item.is_none() {
                            return Err(format!("error calling index: index out of range: {i}"));
                        }
                        item
                    }
                    (None | Some(Value::Null), _) => {
                        return Err("error calling index: index of untyped nil".to_string());
                    }
                    (Some(other), _) => {
                        return Err(format!("error calling index: can't index item of type {}", go_type(&other)));
                    }
                };
            }
            at
        }
        "exists" => {
            let mut at = first;
            for key in arguments.get(1..).unwrap_or(&[]) {
                at = match (at, key) {
                    (Some(Value::Map(map)), Some(Value::String(key))) => map.get(key).cloned(),
                    (Some(Value::List(list)), Some(Value::Int(i))) => {
                        usize::try_from(*i).ok().and_then(|i| list.get(i)).cloned()
                    }
                    _ => None,
                };
            }
            Some(Value::Bool(at.is_some()))
        }
        "print" | "println" => {
            let texts: Vec<String> = arguments.iter().map(|a| a.as_ref().map_or("<nil>".to_string(), show)).collect();
            let text = if name == "println" { texts.join(" ") + "\n" } else { texts.concat() };
            Some(Value::from(text))
        }
        "printf" => {
            Some(Value::from(format_go(&first.map_or(String::new(), |f| show(&f)), arguments.get(1..).unwrap_or(&[]))))
        }
        "base64decode" => {
            let text = first.map_or(String::new(), |f| show(&f));
            let bytes = BASE64
                .decode(text.as_bytes())
                .map_err(|_| "error calling base64decode: illegal base64 data".to_string())?;
            Some(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "html" => Some(Value::from(
            show(&first.unwrap_or(Value::Null)).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        )),
        "urlquery" => {
            let text = show(&first.unwrap_or(Value::Null));
            let quoted: String = text
                .bytes()
                .map(|b| match b {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => (b as char).to_string(),
                    b' ' => "+".to_string(),
                    b => format!("%{b:02X}"),
                })
                .collect();
            Some(Value::from(quoted))
        }
        _ => Some(Value::Bool(compare(name, arguments)?)),
    };
    Ok(value)
}

fn compare(name: &str, arguments: &[Option<Value>]) -> Result<bool, String> {
    use std::cmp::Ordering;
    let (Some(a), Some(_)) = (arguments.first(), arguments.get(1)) else {
        return Err(format!("error calling {name}: missing argument for comparison"));
    };
    let order = |a: &Option<Value>, b: &Option<Value>| -> Result<Option<Ordering>, String> {
        Ok(match (a, b) {
            (Some(Value::String(a)), Some(Value::String(b))) => Some(a.cmp(b)),
            (Some(Value::Bool(a)), Some(Value::Bool(b))) => Some(a.cmp(b)),
            (Some(Value::Int(a)), Some(Value::Int(b))) => Some(a.cmp(b)),
            (Some(Value::Float(a)), Some(Value::Float(b))) => a.partial_cmp(b),
            (None | Some(Value::Null), None | Some(Value::Null)) => Some(Ordering::Equal),
            (None | Some(Value::Null), _) | (_, None | Some(Value::Null)) if matches!(name, "eq" | "ne") => None,
            _ => return Err(format!("error calling {name}: incompatible types for comparison")),
        })
    };
    if name == "eq" {
        for b in &arguments[1..] {
            if order(a, b)? == Some(Ordering::Equal) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let order = order(a, &arguments[1])?;
    Ok(match name {
        "ne" => order != Some(Ordering::Equal),
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "gt" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// Go's `Sprintf` with `%s %d %v %q %t %%` and widths.
fn format_go(format: &str, arguments: &[Option<Value>]) -> String {
    let mut out = String::new();
    let mut next = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut width = String::new();
        while let Some(&d) = chars.peek() {
            if d.is_ascii_digit() || d == '-' {
                width.push(d);
                chars.next();
            } else {
                break;
            }
        }
        let verb = chars.next().unwrap_or('%');
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(argument) = next.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let value = argument.clone().unwrap_or(Value::Null);
        let text = match verb {
            'q' => json::quote(&show(&value)),
            _ => show(&value),
        };
        // A width is bounded: a template of the learner's cannot ask for gigabytes.
        let size = width.trim_start_matches('-').parse::<usize>().unwrap_or(0).min(1_000);
        let padded = if width.starts_with('-') { format!("{text:<size$}") } else { format!("{text:>size$}") };
        out.push_str(&padded);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn templates_print() {
        let root = value!({
            "spec": { "type": "ClusterIP", "ports": [{ "port": 80, "name": "http" }, { "port": 443, "name": "https" }] },
            "labels": { "app": "web" }
        });
        let print = |text: &str| match Template::parse(text).and_then(|t| t.print(&root)) {
            Ok(text) | Err(text) => text,
        };
        for (template, text) in [
            ("{{.spec.type}}", "ClusterIP"),
            ("{{range .spec.ports}}{{.name}}={{.port}};{{end}}", "http=80;https=443;"),
            ("{{range $i, $p := .spec.ports}}{{if $i}}, {{end}}{{$p.port}}{{end}}", "80, 443"),
            ("{{with .missing}}x{{else}}none{{end}}", "none"),
            ("{{.nope}}", "<no value>"),
            ("{{index .labels \"app\" | printf \"%s!\"}}", "web!"),
            ("{{if eq .spec.type \"NodePort\"}}n{{else if gt (len .spec.ports) 1}}many{{end}}", "many"),
            ("a {{- /* no */ -}} b {{.labels}}", "ab map[app:web]"),
            ("{{(index .spec.ports 0).name}}", "http"),
            ("{{.spec", "unclosed action"),
            ("{{foo}}", "function \"foo\" not defined"),
        ] {
            assert_eq!(print(template), text, "{template}");
        }
    }
}
