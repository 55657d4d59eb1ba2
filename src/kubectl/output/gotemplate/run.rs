//! A template at work on a value.

use super::functions::call;
use super::{Node, Pipeline, Term};
use crate::api::json;
use crate::api::value::Value;

/// How much a template may print.
const LONGEST: usize = 4 << 20;

pub enum Flow {
    On,
    Break,
    Continue,
}

pub struct Run {
    variables: Vec<(String, Value)>,
    pub out: String,
}

impl Run {
    pub fn new(root: &Value) -> Run {
        Run { variables: vec![("$".to_string(), root.clone())], out: String::new() }
    }

    pub fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
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

pub fn go_type(value: &Value) -> &'static str {
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

pub fn truth(value: &Option<Value>) -> bool {
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
