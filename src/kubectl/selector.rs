//! Label selectors (`-l`) and field selectors (`--field-selector`), parsed as apimachinery's `labels` and `fields` do.

use crate::api::object::Object;
use crate::api::value::Value;
use crate::apiserver::validation::names;
use crate::arrange::Arrange;

/// One requirement of a label selector.
#[derive(Clone, Debug, PartialEq)]
pub enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    DoesNotExist(String),
    Greater(String, i64),
    Less(String, i64),
}

/// A label selector; empty, it matches everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSelector(pub Vec<Requirement>);

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Symbol(&'static str),
    End,
}

impl Token {
    fn shown(&self) -> &str {
        match self {
            Token::Word(w) => w,
            Token::Symbol(s) => s,
            Token::End => "",
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    const SYMBOLS: [&str; 10] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<", " "];
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            if *symbol != " " {
                tokens.push(Token::Symbol(symbol));
            }
            rest = &rest[symbol.len()..];
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=!(),<>".contains(c)).unwrap_or(rest.len());
        if end == 0 {
            // Other white space.
            rest = &rest[rest.chars().next().map_or(1, char::len_utf8)..];
            continue;
        }
        tokens.push(Token::Word(rest[..end].to_string()));
        rest = &rest[end..];
    }
    tokens.push(Token::End);
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
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

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{}' expected: '('", other.shown())),
        }
        let mut values = Vec::new();
        let mut word = String::new();
        loop {
            match self.next() {
                Token::Word(w) => word = w,
                Token::Symbol(",") => values.push(std::mem::take(&mut word)),
                Token::Symbol(")") => {
                    values.push(word);
                    values.arrange();
                    values.dedup();
                    return Ok(values);
                }
                other => return Err(format!("found '{}', expected: ',' or ')'", other.shown())),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = *self.peek() == Token::Symbol("!");
        if negated {
            self.at += 1;
        }
        let key = match self.next() {
            Token::Word(word) => word,
            other => return Err(format!("found '{}', expected: identifier", other.shown())),
        };
        check_key(&key)?;
        if negated {
            return Ok(Requirement::DoesNotExist(key));
        }
        match self.peek().clone() {
            Token::End | Token::Symbol(",") => Ok(Requirement::Exists(key)),
            Token::Word(word) if word == "in" || word == "notin" => {
                self.at += 1;
                let values = self.values()?;
                for value in &values {
                    check_value(&key, value)?;
                }
                Ok(if word == "in" { Requirement::In(key, values) } else { Requirement::NotIn(key, values) })
            }
            Token::Symbol(symbol @ ("=" | "==" | "!=" | ">" | "<")) => {
                self.at += 1;
                let value = match self.peek().clone() {
                    Token::Word(word) => {
                        self.at += 1;
                        word
                    }
                    _ => String::new(),
                };
                if matches!(symbol, ">" | "<") {
                    let number = value.parse().map_err(|_| {
                        format!("values[0][{key}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer")
                    })?;
                    return Ok(if symbol == ">" {
                        Requirement::Greater(key, number)
                    } else {
                        Requirement::Less(key, number)
                    });
                }
                check_value(&key, &value)?;
                Ok(if symbol == "!=" {
                    Requirement::NotIn(key, vec![value])
                } else {
                    Requirement::In(key, vec![value])
                })
            }
            other => Err(format!("found '{}', expected: in, notin, =, ==, !=, gt, lt", other.shown())),
        }
    }
}

fn check_key(key: &str) -> Result<(), String> {
    match names::is_qualified_name(key).into_iter().next() {
        Some(words) => Err(format!("key: Invalid value: \"{key}\": {words}")),
        None => Ok(()),
    }
}

fn check_value(key: &str, value: &str) -> Result<(), String> {
    match names::is_label_value(value).into_iter().next() {
        Some(words) => Err(format!("values[0][{key}]: Invalid value: \"{value}\": {words}")),
        None => Ok(()),
    }
}

impl LabelSelector {
    /// Reads a selector; the error has the parser's words.
    pub fn parse(text: &str) -> Result<LabelSelector, String> {
        let mut parser = Parser { tokens: tokens(text), at: 0 };
        let mut requirements = Vec::new();
        if *parser.peek() == Token::End {
            return Ok(LabelSelector::default());
        }
        loop {
            match parser.peek() {
                Token::Word(_) | Token::Symbol("!") => {}
                other => return Err(format!("found '{}', expected: !, identifier, or 'end of string'", other.shown())),
            }
            requirements.push(parser.requirement().map_err(|e| format!("unable to parse requirement: {e}"))?);
            match parser.next() {
                Token::End => return Ok(LabelSelector(requirements)),
                Token::Symbol(",") => match parser.peek() {
                    Token::Word(_) | Token::Symbol("!") => {}
                    other => return Err(format!("found '{}', expected: identifier after ','", other.shown())),
                },
                other => return Err(format!("found '{}', expected: ',' or 'end of string'", other.shown())),
            }
        }
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => object.label(key).is_some_and(|v| values.iter().any(|x| x == v)),
            Requirement::NotIn(key, values) => object.label(key).is_none_or(|v| values.iter().all(|x| x != v)),
            Requirement::Exists(key) => object.label(key).is_some(),
            Requirement::DoesNotExist(key) => object.label(key).is_none(),
            Requirement::Greater(key, n) => {
                object.label(key).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v > *n)
            }
            Requirement::Less(key, n) => object.label(key).and_then(|v| v.parse::<i64>().ok()).is_some_and(|v| v < *n),
        })
    }
}

/// A field selector: fields that must equal, or must not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSelector(Vec<(String, bool, String)>);

/// The fields that the API server can select by, besides `metadata.name` and `metadata.namespace`.
const FIELDS: &[(&str, &[&str])] = &[
    (
        "Pod",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
    ),
    ("Service", &["spec.clusterIP", "spec.type"]),
    ("Node", &["spec.unschedulable"]),
    ("Namespace", &["status.phase"]),
    ("Secret", &["type"]),
    ("ReplicaSet", &["status.replicas"]),
    ("ReplicationController", &["status.replicas"]),
    ("Job", &["status.successful"]),
    (
        "Event",
        &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
    ),
];

impl FieldSelector {
    pub fn parse(text: &str) -> Result<FieldSelector, String> {
        let mut parts = Vec::new();
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let (key, equal, value) = if let Some((k, v)) = part.split_once("!=") {
                (k, false, v)
            } else if let Some((k, v)) = part.split_once("==") {
                (k, true, v)
            } else if let Some((k, v)) = part.split_once('=') {
                (k, true, v)
            } else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            parts.push((key.to_string(), equal, value.to_string()));
        }
        Ok(FieldSelector(parts))
    }

    /// Whether a kind can be selected by these fields; the error is the API server's.
    pub fn check(&self, stored: &str) -> Result<(), String> {
        for (key, _, _) in &self.0 {
            let own = FIELDS.iter().find(|(kind, _)| *kind == stored).map_or(&[][..], |(_, f)| f);
            if !matches!(key.as_str(), "metadata.name" | "metadata.namespace") && !own.contains(&key.as_str()) {
                return Err(match own {
                    [] => format!(
                        "\"{key}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    ),
                    _ => format!("field label not supported: {key}"),
                });
            }
        }
        Ok(())
    }

    pub fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|(key, equal, value)| {
            let steps: Vec<&str> = key.split('.').collect();
            let found = match (object.key.kind.as_str(), key.as_str()) {
                ("Event", "source") => object.value.str_at(&["source", "component"]).to_string(),
                ("Job", "status.successful") => {
                    object.value.at(&["status", "succeeded"]).map_or("0".to_string(), crate::kubectl::output::plain)
                }
                ("Pod", "status.podIPs") => {
                    let ips: Vec<&str> =
                        object.value.items_at(&["status", "podIPs"]).iter().map(|i| i.text("ip")).collect();
                    return ips.contains(&value.as_str()) == *equal;
                }
                _ => match object.value.at(&steps) {
                    Some(Value::Null) | None => {
                        if matches!(key.as_str(), "spec.unschedulable" | "spec.hostNetwork") {
                            "false".to_string()
                        } else {
                            String::new()
                        }
                    }
                    Some(value) => crate::kubectl::output::plain(value),
                },
            };
            (found == *value) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn selectors_are_read_and_match() {
        let pod = Object::new(
            "Pod",
            value!({ "metadata": { "name": "a", "labels": { "app": "web", "tier": "front", "n": "5" } }, "status": { "phase": "Running" } }),
        );
        for (text, expected) in [
            ("app=web", true),
            ("app==web,tier in (front, back)", true),
            ("app!=web", false),
            ("app notin (x,y),tier", true),
            ("!missing", true),
            ("n>3", true),
            ("n < 3", false),
            ("", true),
        ] {
            assert_eq!(LabelSelector::parse(text).map(|s| s.matches(&pod)), Ok(expected), "{text}");
        }
        assert_eq!(
            LabelSelector::parse("app=web tier=x"),
            Err("found 'tier', expected: ',' or 'end of string'".to_string())
        );
        let open = "unable to parse requirement: found '', expected: ',' or ')'";
        assert_eq!(LabelSelector::parse("a in (x"), Err(open.to_string()));
        let odd = "found '=', expected: !, identifier, or 'end of string'";
        assert_eq!(LabelSelector::parse("=x"), Err(odd.to_string()));
        assert_eq!(FieldSelector::parse("status.phase!=Running").map(|s| s.matches(&pod)), Ok(false));
    }
}
