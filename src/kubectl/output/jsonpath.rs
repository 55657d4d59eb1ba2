//! JSONPath templates as kubectl understands them (`k8s.io/client-go/util/jsonpath`): text with expressions in braces,
//! fields, indices, slices, unions, filters, `..`, and `{range}` … `{end}`. Left out: arithmetic, which upstream lacks too.

use super::unescaped;
use crate::api::json;
use crate::api::value::Value;

/// How deep blocks may nest.
const DEEPEST: usize = 32;
/// How many values one expression may collect.
const MOST_VALUES: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Expression(Vec<Step>),
    Range(Vec<Step>, Vec<Node>),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// `$`: the root.
    Root,
    Field(String),
    Wildcard,
    Recursive,
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: Option<i64>,
        single: bool,
    },
    Union(Vec<Vec<Step>>),
    Filter {
        left: Operand,
        compare: Option<(String, Operand)>,
    },
    Literal(Value),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Path(Vec<Step>),
    Constant(Value),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
}

/// `x.y`, `.x.y`, `{x.y}` and `{.x.y}` all mean `{.x.y}` (kubectl's relaxed form). The error has kubectl's words.
pub fn relaxed(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
    if inner.contains(['{', '}']) {
        return Err(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"
                .to_string(),
        );
    }
    let inner = inner.strip_prefix('.').unwrap_or(inner);
    if inner.is_empty() {
        return Err(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"
                .to_string(),
        );
    }
    Ok(format!("{{.{inner}}}"))
}

impl Template {
    /// Reads a template. The error has the parser's words.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parser = Parser { rest: text };
        let nodes = parser.nodes(0)?;
        Ok(Template { nodes })
    }

    /// Runs the template. A missing field gives nothing, as kubectl's printers have it.
    pub fn print(&self, root: &Value) -> Result<String, String> {
        let mut out = String::new();
        run(&self.nodes, root, root, &mut out)?;
        Ok(out)
    }

    /// The values that the template finds, its texts left out.
    pub fn find(&self, root: &Value) -> Result<Vec<Value>, String> {
        let mut found = Vec::new();
        collect(&self.nodes, root, root, &mut found)?;
        Ok(found)
    }
}

fn run(nodes: &[Node], root: &Value, here: &Value, out: &mut String) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Expression(steps) => {
                let found = walk(steps, root, vec![here.clone()])?;
                let texts: Vec<String> = found.iter().map(to_text).collect();
                out.push_str(&texts.join(" "));
            }
            Node::Range(steps, body) => {
                for item in walk(steps, root, vec![here.clone()])? {
                    run(body, root, &item, out)?;
                }
            }
        }
    }
    Ok(())
}

fn collect(nodes: &[Node], root: &Value, here: &Value, found: &mut Vec<Value>) -> Result<(), String> {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Expression(steps) => found.extend(walk(steps, root, vec![here.clone()])?),
            Node::Range(steps, body) => {
                for item in walk(steps, root, vec![here.clone()])? {
                    collect(body, root, &item, found)?;
                }
            }
        }
    }
    Ok(())
}

/// A value as a template prints it: lists and maps as JSON, everything else bare.
pub fn to_text(value: &Value) -> String {
    match value {
        Value::String(s) => s.to_string(),
        other => json::to_string(other),
    }
}

fn walk(steps: &[Step], root: &Value, mut here: Vec<Value>) -> Result<Vec<Value>, String> {
    for step in steps {
        let mut next: Vec<Value> = Vec::new();
        match step {
            Step::Root => next.push(root.clone()),
            Step::Literal(value) => next.push(value.clone()),
            Step::Field(name) => {
                // A field of a list means the field of each item only after `[*]`: a list itself has none.
                next.extend(here.iter().filter_map(|v| v.field(name).cloned()));
            }
            Step::Wildcard => {
                for value in &here {
                    children(value, &mut next);
                }
            }
            Step::Recursive => {
                let mut stack: Vec<Value> = here.iter().rev().cloned().collect();
                while let Some(value) = stack.pop() {
                    let mut below = Vec::new();
                    children(&value, &mut below);
                    stack.extend(below.into_iter().rev());
                    next.push(value);
                    if next.len() > MOST_VALUES {
                        return Err("too many values".to_string());
                    }
                }
            }
            Step::Slice { from, to, step, single } => {
                for value in &here {
                    let Value::List(items) = value else {
                        if matches!(value, Value::Null) {
                            continue;
                        }
                        return Err(format!("{} is not array or slice", go_value(value)));
                    };
                    slice(items, *from, *to, *step, *single, &mut next)?;
                }
            }
            Step::Union(parts) => {
                for part in parts {
                    next.extend(walk(part, root, here.clone())?);
                }
            }
            Step::Filter { left, compare } => {
                for value in &here {
                    let mut items = Vec::new();
                    match value {
                        Value::List(list) => items.extend(list.iter().cloned()),
                        other => children(other, &mut items),
                    }
                    for item in items {
                        if keeps(left, compare.as_ref(), root, &item)? {
                            next.push(item);
                        }
                    }
                }
            }
        }
        if next.len() > MOST_VALUES {
            return Err("too many values".to_string());
        }
        here = next;
    }
    Ok(here)
}

fn children(value: &Value, out: &mut Vec<Value>) {
    match value {
        Value::List(items) => out.extend(items.iter().cloned()),
        Value::Map(map) => out.extend(map.iter().map(|(_, v)| v.clone())),
        _ => {}
    }
}

fn slice(
    items: &[Value],
    from: Option<i64>,
    to: Option<i64>,
    step: Option<i64>,
    single: bool,
    out: &mut Vec<Value>,
) -> Result<(), String> {
    let length = items.len() as i64;
    let bound = |n: i64| if n < 0 { n + length } else { n };
    let start = bound(from.unwrap_or(0));
    if single {
        let Some(item) = usize::try_from(start).ok().and_then(|i| items.get(i)) else {
            return Err(format!("array index out of bounds: index {}, length {length}", from.unwrap_or(0)));
        };
        out.push(item.clone());
        return Ok(());
    }
    let end = bound(to.unwrap_or(length)).min(length);
    let step = step.unwrap_or(1);
    if step <= 0 {
        return Err("step must be > 0".to_string());
    }
    let mut at = start.max(0);
    while at < end {
        out.push(items[at as usize].clone());
        at += step;
    }
    Ok(())
}

fn keeps(left: &Operand, compare: Option<&(String, Operand)>, root: &Value, item: &Value) -> Result<bool, String> {
    let value = |operand: &Operand| -> Result<Option<Value>, String> {
        match operand {
            Operand::Constant(value) => Ok(Some(value.clone())),
            Operand::Path(steps) => Ok(walk(steps, root, vec![item.clone()])?.into_iter().next()),
        }
    };
    let Some((operator, right)) = compare else { return Ok(value(left)?.is_some()) };
    let (Some(a), Some(b)) = (value(left)?, value(right)?) else { return Ok(false) };
    use std::cmp::Ordering;
    let order = match (&a, &b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => match (number(&a), number(&b)) {
            (Some(a), Some(b)) => a.partial_cmp(&b),
            _ if a == b => Some(Ordering::Equal),
            _ => return Ok(operator == "!="),
        },
    };
    Ok(match operator.as_str() {
        "==" => order == Some(Ordering::Equal),
        "!=" => order != Some(Ordering::Equal),
        "<" => order == Some(Ordering::Less),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">" => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::Float(f) => Some(*f),
        _ => None,
    }
}

/// A value as Go's `%#v` prints unstructured content, which kubectl shows when a template fails.
pub fn go_value(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_string(),
        Value::String(s) => json::quote(s),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(go_value).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Map(map) => {
            let items: Vec<String> = map.iter().map(|(k, v)| format!("{}:{}", json::quote(k), go_value(v))).collect();
            format!("map[string]interface {{}}{{{}}}", items.join(", "))
        }
        other => json::to_string(other),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn nodes(&mut self, depth: usize) -> Result<Vec<Node>, String> {
        if depth > DEEPEST {
            return Err("template nests too deep".to_string());
        }
        let mut nodes = Vec::new();
        while !self.rest.is_empty() {
            let Some(open) = self.rest.find('{') else {
                nodes.push(Node::Text(std::mem::take(&mut self.rest).to_string()));
                break;
            };
            if open > 0 {
                nodes.push(Node::Text(self.rest[..open].to_string()));
            }
            self.rest = &self.rest[open + 1..];
            let body = self.braced()?;
            let words = body.trim();
            if words == "end" {
                if depth == 0 {
                    return Err("not in range, nothing to end".to_string());
                }
                return Ok(nodes);
            }
            if let Some(path) = words.strip_prefix("range").filter(|p| p.starts_with([' ', '\t'])) {
                let steps = steps(path.trim())?;
                let inner = self.nodes(depth + 1)?;
                nodes.push(Node::Range(steps, inner));
                continue;
            }
            nodes.push(Node::Expression(steps(words)?));
        }
        if depth > 0 { Err("unterminated range".to_string()) } else { Ok(nodes) }
    }

    /// What stands before the closing brace; quotes may hold braces.
    fn braced(&mut self) -> Result<&'a str, String> {
        let mut quote = None;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match (quote, c) {
                _ if escaped => escaped = false,
                (Some(_), '\\') => escaped = true,
                (Some(q), c) if c == q => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None, '}') => {
                    let (body, rest) = (&self.rest[..at], &self.rest[at + 1..]);
                    self.rest = rest;
                    return Ok(body);
                }
                _ => {}
            }
        }
        Err("unclosed action".to_string())
    }
}

/// The steps of one expression.
fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match c {
            ' ' | '\t' | '\n' => rest = &rest[1..],
            '$' => {
                steps.push(Step::Root);
                rest = &rest[1..];
            }
            '@' => rest = &rest[1..],
            '"' | '\'' => {
                let (value, after) = quoted(rest)?;
                steps.push(Step::Literal(Value::from(value)));
                rest = after;
            }
            '.' if rest.starts_with("..") => {
                steps.push(Step::Recursive);
                rest = &rest[2..];
                if !rest.starts_with(['[', '.']) {
                    let (name, after) = field(rest)?;
                    push_field(&mut steps, name);
                    rest = after;
                }
            }
            '.' => {
                rest = &rest[1..];
                if rest.is_empty() || rest.starts_with('[') {
                    continue;
                }
                let (name, after) = field(rest)?;
                push_field(&mut steps, name);
                rest = after;
            }
            '*' => {
                steps.push(Step::Wildcard);
                rest = &rest[1..];
            }
            '[' => {
                let (inner, after) = bracketed(rest)?;
                steps.push(bracket(inner)?);
                rest = after;
            }
            c if c.is_ascii_digit() || c == '-' || c == '+' => {
                let end = rest[1..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |i| i + 1);
                let (digits, after) = rest.split_at(end);
                steps.push(Step::Literal(constant(digits)?));
                rest = after;
            }
            c if c.is_alphabetic() || c == '_' => {
                let (name, after) = field(rest)?;
                match name.as_str() {
                    "true" | "false" => steps.push(Step::Literal(Value::Bool(name == "true"))),
                    _ if steps.is_empty() => return Err(format!("unrecognized identifier {name}")),
                    _ => push_field(&mut steps, name),
                }
                rest = after;
            }
            other => {
                return Err(format!("unrecognized character in action: U+{:04X} {}", other as u32, json_char(other)));
            }
        }
    }
    Ok(steps)
}

fn json_char(c: char) -> String {
    format!("'{c}'")
}

fn push_field(steps: &mut Vec<Step>, name: String) {
    steps.push(if name == "*" { Step::Wildcard } else { Step::Field(name) });
}

/// A field's name: up to a dot, a bracket or a blank; a backslash lets a dot belong to it.
fn field(text: &str) -> Result<(String, &str), String> {
    let mut name = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            name.push(c);
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '.' | '[' | ' ' | '\t' | '\n' | '|' | ']' | '(' | ')' | '=' | '!' | '<' | '>' | ',' => {
                return Ok((name, &text[at..]));
            }
            _ => name.push(c),
        }
    }
    Ok((name, ""))
}

/// A string in quotes, and what stands behind it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let quote = text.chars().next().unwrap_or('"');
    let mut out = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            out.push(unescaped(c));
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Ok((out, &text[at + 1..]));
        } else {
            out.push(c);
        }
    }
    Err("unterminated quoted string".to_string())
}

/// What stands in brackets, and what stands behind them.
fn bracketed(text: &str) -> Result<(&str, &str), String> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') => {
                depth -= 1;
                if depth == 0 {
                    return Ok((&text[1..at], &text[at + 1..]));
                }
            }
            _ => {}
        }
    }
    Err("unterminated array".to_string())
}

fn bracket(inner: &str) -> Result<Step, String> {
    let inner = inner.trim();
    if inner == "*" {
        return Ok(Step::Wildcard);
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|f| f.strip_suffix(')')) {
        return parse_filter(filter);
    }
    let parts = split_outside_quotes(inner, ',');
    if parts.len() > 1 {
        let union: Result<Vec<Vec<Step>>, String> = parts.iter().map(|p| Ok(vec![bracket(p)?])).collect();
        return Ok(Step::Union(union?));
    }
    if inner.starts_with(['"', '\'']) {
        return Ok(Step::Field(quoted(inner)?.0));
    }
    let invalid = || format!("invalid array index {inner}");
    let number = |text: &str| match text.trim() {
        "" => Ok(None),
        digits => digits.parse::<i64>().map(Some).map_err(|_| invalid()),
    };
    let bounds: Vec<&str> = inner.split(':').collect();
    match bounds[..] {
        [one] => match number(one)? {
            Some(n) => Ok(Step::Slice { from: Some(n), to: None, step: None, single: true }),
            None => Err(invalid()),
        },
        [from, to] => Ok(Step::Slice { from: number(from)?, to: number(to)?, step: None, single: false }),
        [from, to, step] => {
            Ok(Step::Slice { from: number(from)?, to: number(to)?, step: number(step)?, single: false })
        }
        _ => Err(invalid()),
    }
}

fn split_outside_quotes(text: &str, divider: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut quote, mut start) = (None, 0);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c == divider => {
                parts.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

fn parse_filter(filter: &str) -> Result<Step, String> {
    let mut quote = None;
    for (at, c) in filter.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '=' | '!' | '<' | '>') => {
                let rest = &filter[at..];
                let operator = ["==", "!=", "<=", ">=", "<", ">"].into_iter().find(|o| rest.starts_with(o));
                let Some(operator) = operator else { return Err(format!("unrecognized filter operator {rest}")) };
                let right = operand(&rest[operator.len()..])?;
                return Ok(Step::Filter {
                    left: operand(&filter[..at])?,
                    compare: Some((operator.to_string(), right)),
                });
            }
            _ => {}
        }
    }
    Ok(Step::Filter { left: operand(filter)?, compare: None })
}

fn operand(text: &str) -> Result<Operand, String> {
    let text = text.trim();
    if text.starts_with(['"', '\'']) {
        return Ok(Operand::Constant(Value::from(quoted(text)?.0)));
    }
    if text.starts_with(['@', '$', '.']) {
        return Ok(Operand::Path(steps(text)?));
    }
    Ok(Operand::Constant(constant(text)?))
}

fn constant(text: &str) -> Result<Value, String> {
    match text {
        "true" | "false" => Ok(Value::Bool(text == "true")),
        _ => match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(i), _) => Ok(Value::Int(i)),
            (_, Ok(f)) => Ok(Value::Float(f)),
            _ => Err(format!("unrecognized identifier {text}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    fn print(template: &str) -> String {
        let root = value!({
            "kind": "List",
            "items": [
                { "metadata": { "name": "a", "labels": { "app.io/x": "1" } }, "ready": true, "n": 1 },
                { "metadata": { "name": "b" }, "ready": false, "n": 5 }
            ]
        });
        match Template::parse(template).and_then(|t| t.print(&root)) {
            Ok(text) | Err(text) => text,
        }
    }

    #[test]
    fn templates_print() {
        for (template, text) in [
            ("{.kind}: {.items[*].metadata.name}", "List: a b"),
            ("{range .items[*]}{.metadata.name}{\"\\t\"}{.n}{\"\\n\"}{end}", "a\t1\nb\t5\n"),
            ("{.items[?(@.n>2)].metadata.name}", "b"),
            ("{.items[?(@.metadata.name==\"a\")].ready}", "true"),
            ("{.items[0].metadata.labels.app\\.io/x}", "1"),
            ("{.items[0].metadata.labels['app.io/x']}", "1"),
            ("{.items[0]['metadata']}", "{\"labels\":{\"app.io/x\":\"1\"},\"name\":\"a\"}"),
            ("{.items[-1:].n}", "5"),
            ("{..name}", "a b"),
            ("{.items[0,1].n}", "1 5"),
            ("{.missing}", ""),
            ("{.items[7]}", "array index out of bounds: index 7, length 2"),
            ("{.items", "unclosed action"),
        ] {
            assert_eq!(print(template), text, "{template}");
        }
    }
}
