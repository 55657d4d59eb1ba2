//! The language of the shell (bash, as far as people type it): lists, pipelines, redirections, `if`, `for`, `while`, `until`,
//! `case`, `[[ … ]]`, `((…))`, groups, functions, arrays. Words are read by [`super::lex`].

mod compound;
mod simple;
mod syntax;

use super::lex::{DEEPEST, Lexer, MOST, plain, too_deep};
pub use super::lex::{Part, Token, Word};
use std::cell::Cell;
use std::rc::Rc;
pub use syntax::{Assign, Assigned, Body, Command, Condition, Link, List, Pipeline, Problem, Redirect};

/// Reads a line (or several).
pub fn parse(text: &str) -> Result<List, Problem> {
    parse_at(text, 0, &Cell::new(MOST))
}

/// The same within a text: `room` is what all of it may still have.
pub fn parse_at(text: &str, depth: usize, room: &Cell<usize>) -> Result<List, Problem> {
    if depth > DEEPEST {
        return Err(too_deep());
    }
    let mut lexer = Lexer::new(text, depth, room);
    let (mut tokens, mut places) = (Vec::new(), Vec::new());
    // A here-document's text is known only at its line's end: its place is kept in the token stream.
    loop {
        lexer.blank();
        places.push(text.len() - lexer.rest.len());
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
    let here: Vec<Word> = lexer.texts.into_iter().rev().collect();
    let mut parser = Parser { text, tokens, places, at: 0, here, depth };
    let list = parser.list(&[])?;
    match parser.peek() {
        Token::End => Ok(list),
        other => Err(unexpected(other)),
    }
}

fn unexpected(token: &Token) -> Problem {
    let shown = match token {
        Token::Word(word) => plain(word),
        Token::Fd(number) => number.to_string(),
        Token::Operator(operator) => operator.to_string(),
        Token::Arithmetic(_) => "((".to_string(),
        Token::Newline => "newline".to_string(),
        Token::End => return Problem::Unfinished("syntax error: unexpected end of file".to_string()),
    };
    Problem::Syntax(format!("syntax error near unexpected token `{shown}'"))
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    /// Where each token begins.
    places: Vec<usize>,
    at: usize,
    /// The texts of here-documents, the first one last.
    here: Vec<Word>,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    /// The bare word that stands here, for keywords; the operators that close a list, too.
    fn keyword(&self) -> Option<&str> {
        match self.peek() {
            Token::Word(word) => match &word[..] {
                [Part::Text { text, quoted: false }] => Some(text),
                _ => None,
            },
            Token::Operator(operator @ (")" | ";;")) => Some(operator),
            _ => None,
        }
    }

    fn is(&self, operator: &str) -> bool {
        matches!(self.peek(), Token::Operator(o) if *o == operator)
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
        // Where the last `;` or `&` left off: a `&` sends all that is linked since then into the background.
        let mut since = 0;
        let mut first = self.at;
        loop {
            self.lines();
            if since == list.0.len() {
                first = self.at;
            }
            if *self.peek() == Token::End || self.keyword().is_some_and(|k| ends.contains(&k)) {
                if link != Link::Then || list.0.is_empty() && !ends.is_empty() && !ends.contains(&";;") {
                    return Err(unexpected(self.peek()));
                }
                return Ok(list);
            }
            let pipeline = self.pipeline()?;
            list.0.push((link, pipeline));
            link = match self.peek() {
                Token::Operator("&&") => Link::And,
                Token::Operator("||") => Link::Or,
                Token::Operator("&") => {
                    let mut sent = List(list.0.split_off(since));
                    if let Some((first, _)) = sent.0.first_mut() {
                        *first = Link::Then;
                    }
                    let body = Body::Group { body: sent, subshell: true };
                    let command = Command { body, redirects: Vec::new() };
                    list.0.push((
                        Link::Then,
                        Pipeline { not: false, stages: vec![Rc::new(self.background(first, command))] },
                    ));
                    Link::Then
                }
                Token::Operator(";") | Token::Newline => Link::Then,
                Token::End => return Ok(list),
                _ if self.keyword().is_some_and(|k| ends.contains(&k)) => return Ok(list),
                other => return Err(unexpected(other)),
            };
            if link == Link::Then {
                since = list.0.len();
            }
            self.at += 1;
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Problem> {
        let not = self.keyword() == Some("!");
        if not {
            self.at += 1;
        }
        let mut stages = vec![Rc::new(self.command()?)];
        while self.is("|") {
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
            return Err(too_deep());
        }
        let body = self.body()?;
        self.depth -= 1;
        let mut redirects = Vec::new();
        let body = match body {
            Some(body) => body,
            None => self.simple(&mut redirects)?,
        };
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect);
        }
        Ok(Command { body, redirects })
    }

    /// A body between two words.
    fn between(&mut self, open: &str, close: &str) -> Result<List, Problem> {
        self.expect(open)?;
        let body = self.list(&[close])?;
        self.expect(close)?;
        Ok(body)
    }

    /// A compound command; `None`: a simple one stands here.
    fn body(&mut self) -> Result<Option<Body>, Problem> {
        if self.is("(") {
            self.at += 1;
            let body = self.list(&[")"])?;
            self.expect(")")?;
            return Ok(Some(Body::Group { body, subshell: true }));
        }
        if let Token::Arithmetic(parts) = self.peek() {
            let body = Body::Arithmetic(parts.clone());
            self.at += 1;
            return Ok(Some(body));
        }
        Ok(Some(match self.keyword() {
            Some("{") => Body::Group { body: self.between("{", "}")?, subshell: false },
            Some("if") => self.conditional()?,
            Some(word @ ("while" | "until")) => {
                let until = word == "until";
                self.at += 1;
                let condition = self.list(&["do"])?;
                Body::While { until, condition, body: self.between("do", "done")? }
            }
            Some("for") => self.loop_over()?,
            Some("case") => self.case()?,
            Some("[[") => {
                self.at += 1;
                let condition = self.condition(0)?;
                self.expect("]]")?;
                Body::Test(condition)
            }
            Some("function") => {
                self.at += 1;
                let name = match self.next() {
                    Token::Word(word) => plain(&word),
                    other => return Err(unexpected(&other)),
                };
                if self.is("(") {
                    self.at += 1;
                    self.expect(")")?;
                }
                self.function(name)?
            }
            Some("then" | "fi" | "do" | "done" | "else" | "elif" | "}" | "esac" | ";;" | ")") => {
                return Err(unexpected(self.peek()));
            }
            Some(name)
                if matches!(
                    self.tokens.get(self.at + 1..self.at + 3),
                    Some([Token::Operator("("), Token::Operator(")")])
                ) =>
            {
                let name = name.to_string();
                self.at += 3;
                self.function(name)?
            }
            _ => return Ok(None),
        }))
    }

    /// A command that goes into the background, whose text begins at the token `first` and ends at the one of now.
    fn background(&self, first: usize, command: Command) -> Command {
        let place = |at: usize| self.places.get(at).copied().unwrap_or(self.text.len());
        let line = self.text.get(place(first)..place(self.at)).unwrap_or("").trim_end().into();
        Command { body: Body::Background { line, body: Rc::new(command) }, redirects: Vec::new() }
    }

    fn function(&mut self, name: String) -> Result<Body, Problem> {
        self.lines();
        Ok(Body::Function { name, body: Rc::new(self.command()?) })
    }
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
            "case $1 in a|b) echo x;; (*) ;; esac",
            "f() { echo; }; function g { :; }",
            "for ((i=0; i<3; i++)); do echo $i; done",
            "[[ -n $a && ( $b == x* || ! $c =~ ^(a|b)$ ) ]] && ((x++))",
            "a=(1 2 3); echo ${a[@]} ${#a[@]} ${a[1]/x/y} ${s:1:2} ${p##*/} ${q%.yaml}",
            "sleep 1 & wait; cat <<< \"$x\"",
            "((a); b)",
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
        assert_eq!(problem("case x in a) echo"), "syntax error: unexpected end of file");
        assert_eq!(problem(";;"), "syntax error near unexpected token `;;'");
        assert!(parse(&"(".repeat(5_000)).is_err());
        assert!(parse(&"$(".repeat(5_000)).is_err());
        assert!(parse(&"[[ ( ".repeat(5_000)).is_err());
        assert!(parse(&"${a:-".repeat(5_000)).is_err());
    }
}
