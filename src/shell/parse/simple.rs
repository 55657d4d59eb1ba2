//! Simple commands: assignments, words, redirections.

use super::{Assign, Assigned, Body, Parser, Part, Problem, Redirect, Token, Word, unexpected};
use crate::shell::lex::plain;

impl Parser<'_> {
    pub(super) fn simple(&mut self, redirects: &mut Vec<Redirect>) -> Result<Body, Problem> {
        let (mut assigns, mut words) = (Vec::new(), Vec::new());
        loop {
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            let Token::Word(word) = self.peek().clone() else { break };
            self.at += 1;
            let declares = words
                .first()
                .is_some_and(|w: &Word| matches!(plain(w).as_str(), "declare" | "local" | "readonly" | "typeset"));
            match assignment(&word).filter(|a| words.is_empty() || declares && self.opens_list(a)) {
                Some(mut assign) => {
                    if self.opens_list(&assign) {
                        self.at += 1;
                        let mut items = Vec::new();
                        loop {
                            self.lines();
                            match self.next() {
                                Token::Word(item) => items.push(item),
                                Token::Operator(")") => break,
                                other => return Err(unexpected(&other)),
                            }
                        }
                        assign.value = Assigned::List(items);
                    }
                    assigns.push(assign);
                }
                None => words.push(word),
            }
        }
        if assigns.is_empty() && words.is_empty() && redirects.is_empty() {
            return Err(unexpected(self.peek()));
        }
        Ok(Body::Simple { assigns, words })
    }

    /// `NAME=(`.
    fn opens_list(&self, assign: &Assign) -> bool {
        matches!(&assign.value, Assigned::One(word) if word.is_empty()) && self.is("(")
    }

    /// A redirection, if one stands here.
    pub(super) fn redirect(&mut self) -> Result<Option<Redirect>, Problem> {
        let mut given = None;
        if let Token::Fd(number) = self.peek() {
            given = Some(*number);
            self.at += 1;
        }
        let Token::Operator(operator @ (">" | ">>" | ">|" | "<" | "<<" | "<<<" | ">&" | "&>" | "&>>" | "<&")) =
            *self.peek()
        else {
            return Ok(None);
        };
        self.at += 1;
        if operator == "<<" {
            return Ok(Some(Redirect::Here { text: self.here.pop().unwrap_or_default(), line_end: false }));
        }
        let Token::Word(file) = self.next() else {
            self.at -= 1;
            return Err(match self.peek() {
                Token::End => Problem::Syntax("syntax error near unexpected token `newline'".to_string()),
                other => unexpected(other),
            });
        };
        let fd = given.unwrap_or(u8::from(!operator.starts_with('<')));
        Ok(Some(match operator {
            ">" | ">|" => Redirect::Out { fd, file, append: false },
            ">>" => Redirect::Out { fd, file, append: true },
            "&>" | "&>>" => Redirect::Out { fd: 3, file, append: operator == "&>>" },
            "<<<" => Redirect::Here { text: file, line_end: true },
            ">&" | "<&" => match plain(&file).parse() {
                Ok(to) => Redirect::Copy { fd, to },
                Err(_) => Redirect::Out { fd: 3, file, append: false },
            },
            _ => Redirect::In(file),
        }))
    }
}

/// `NAME=word`.
fn assignment(word: &[Part]) -> Option<Assign> {
    let Some(Part::Text { text, quoted: false }) = word.first() else { return None };
    let length = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, mut tail) = text.split_at(length);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut index = None;
    if let Some(inner) = tail.strip_prefix('[') {
        let end = inner.find(']')?;
        index = Some(vec![Part::Text { text: inner[..end].to_string(), quoted: false }]);
        tail = &inner[end + 1..];
    }
    let append = tail.starts_with("+=");
    let value = tail.strip_prefix("+=").or_else(|| tail.strip_prefix('='))?;
    let mut parts = Vec::new();
    if !value.is_empty() {
        parts.push(Part::Text { text: value.to_string(), quoted: false });
    }
    parts.extend_from_slice(&word[1..]);
    Some(Assign { name: name.to_string(), index, append, value: Assigned::One(parts) })
}
