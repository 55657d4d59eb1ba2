//! Go's `text/template` as far as `kubectl get -o go-template` is used: fields, variables, pipelines, `if`, `range`,
//! `with`, comments, trimmed blanks, and the functions that compare, print and index. Left out: `define`, `template`,
//! `block`, method calls.

mod functions;
mod parse;
mod run;

use crate::api::json;
use crate::api::value::Value;
use parse::{End, Parser};
use run::Run;
pub use run::show;

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
        let mut parser = Parser::new(text)?;
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
        let mut run = Run::new(root);
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
