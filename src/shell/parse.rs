//! The language of the shell (bash, as far as people type it): lists, pipelines, redirections, `if`, `for`, `while`, `until`,
//! `case`, `[[ … ]]`, `((…))`, groups, functions, arrays. Words are read by [`super::lex`].

use super::lex::{DEEPEST, Lexer, plain, too_deep};
pub use super::lex::{Part, Token, Word};
use std::rc::Rc;

#[derive(Clone, Debug, PartialEq)]
pub enum Redirect {
    Out {
        /// 1, 2, or 3 for both.
        fd: u8,
        file: Word,
        append: bool,
    },
    In(Word),
    /// A here-document, or a here-string with its line end; it is expanded.
    Here {
        text: Word,
        line_end: bool,
    },
    /// `2>&1`, `>&2`.
    Copy {
        fd: u8,
        to: u8,
    },
}

/// `NAME=word`, `NAME[1]=word`, `NAME+=word`, `NAME=(word word)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    pub name: String,
    pub index: Option<Word>,
    pub append: bool,
    pub value: Assigned,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Assigned {
    One(Word),
    List(Vec<Word>),
}

/// What stands in `[[ … ]]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Unary(String, Word),
    Binary(Word, String, Word),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Simple {
        assigns: Vec<Assign>,
        words: Vec<Word>,
    },
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    For {
        name: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    /// `for ((first; condition; step))`.
    Count {
        sums: [Word; 3],
        body: List,
    },
    While {
        until: bool,
        condition: List,
        body: List,
    },
    Case {
        word: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
    /// `{ …; }` and `( … )`.
    Group {
        body: List,
        subshell: bool,
    },
    Test(Condition),
    Arithmetic(Word),
    Function {
        name: String,
        body: Rc<Command>,
    },
}

/// A command and its redirections.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub body: Body,
    pub redirects: Vec<Redirect>,
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

/// Reads a line (or several).
pub fn parse(text: &str) -> Result<List, Problem> {
    parse_at(text, 0)
}

pub fn parse_at(text: &str, depth: usize) -> Result<List, Problem> {
    if depth > DEEPEST {
        return Err(too_deep());
    }
    let mut lexer = Lexer::new(text, depth);
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
    let here: Vec<Word> = lexer.texts.into_iter().rev().collect();
    let mut parser = Parser { tokens, at: 0, here, depth };
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

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The texts of here-documents, the first one last.
    here: Vec<Word>,
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
        loop {
            self.lines();
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
                    list.0.push((Link::Then, Pipeline { not: false, stages: vec![background(command)] }));
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

    fn function(&mut self, name: String) -> Result<Body, Problem> {
        self.lines();
        Ok(Body::Function { name, body: Rc::new(self.command()?) })
    }

    fn conditional(&mut self) -> Result<Body, Problem> {
        self.at += 1;
        let (mut branches, mut otherwise) = (Vec::new(), None);
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
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
        Ok(Body::If { branches, otherwise })
    }

    fn loop_over(&mut self) -> Result<Body, Problem> {
        self.at += 1;
        if let Token::Arithmetic(parts) = self.peek() {
            let sums = three(parts).ok_or_else(|| unexpected(self.peek()))?;
            self.at += 1;
            if self.is(";") {
                self.at += 1;
            }
            self.lines();
            return Ok(Body::Count { sums, body: self.between("do", "done")? });
        }
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
        if self.is(";") {
            self.at += 1;
        }
        self.lines();
        Ok(Body::For { name, words, body: self.between("do", "done")? })
    }

    fn case(&mut self) -> Result<Body, Problem> {
        self.at += 1;
        let Token::Word(word) = self.next() else {
            self.at -= 1;
            return Err(unexpected(self.peek()));
        };
        self.lines();
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.lines();
            if self.keyword() == Some("esac") {
                self.at += 1;
                return Ok(Body::Case { word, arms });
            }
            if self.is("(") {
                self.at += 1;
            }
            let mut patterns = Vec::new();
            loop {
                match self.next() {
                    Token::Word(pattern) => patterns.push(pattern),
                    other => return Err(unexpected(&other)),
                }
                if !self.is("|") {
                    break;
                }
                self.at += 1;
            }
            self.expect(")")?;
            arms.push((patterns, self.list(&[";;", "esac"])?));
            if self.is(";;") {
                self.at += 1;
            }
        }
    }

    /// `||`, then `&&`, then `!` and single conditions.
    fn condition(&mut self, level: usize) -> Result<Condition, Problem> {
        if level < 2 {
            let operator = ["||", "&&"][level];
            let mut left = self.condition(level + 1)?;
            while self.is(operator) {
                self.at += 1;
                self.lines();
                let right = Box::new(self.condition(level + 1)?);
                left = if level == 0 {
                    Condition::Or(Box::new(left), right)
                } else {
                    Condition::And(Box::new(left), right)
                };
            }
            return Ok(left);
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(too_deep());
        }
        let found = self.single();
        self.depth -= 1;
        found
    }

    fn single(&mut self) -> Result<Condition, Problem> {
        if self.is("(") {
            self.at += 1;
            let inner = self.condition(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.keyword() == Some("!") {
            self.at += 1;
            return Ok(Condition::Not(Box::new(self.condition(2)?)));
        }
        let mut operand = || match self.next() {
            Token::Word(word) if plain(&word) != "]]" => Ok(word),
            other => Err(unexpected(&other)),
        };
        let first = operand()?;
        let name = plain(&first);
        if name.len() == 2 && name.starts_with('-') && "zneffdrwxsLh".contains(&name[1..]) {
            return Ok(Condition::Unary(name, operand()?));
        }
        let operator = match self.peek() {
            Token::Operator(o @ ("<" | ">")) => o.to_string(),
            Token::Word(word) if plain(word) != "]]" => plain(word),
            _ => return Ok(Condition::Unary("-n".to_string(), first)),
        };
        self.at += 1;
        let mut second = match self.next() {
            Token::Word(word) if plain(&word) != "]]" => word,
            other => return Err(unexpected(&other)),
        };
        // A regular expression may hold what are operators elsewhere.
        let mut open = 0;
        while operator == "=~" && (self.is("(") || self.is("|") || open > 0 && self.is(")")) {
            if let Token::Operator(mark) = self.next() {
                open += i32::from(mark == "(") - i32::from(mark == ")");
                second.push(Part::Text { text: mark.to_string(), quoted: false });
            }
            if let Token::Word(more) = self.peek().clone()
                && plain(&more) != "]]"
            {
                second.extend(more);
                self.at += 1;
            }
        }
        Ok(Condition::Binary(first, operator, second))
    }

    fn simple(&mut self, redirects: &mut Vec<Redirect>) -> Result<Body, Problem> {
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
    fn redirect(&mut self) -> Result<Option<Redirect>, Problem> {
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

/// What the parser puts around a command that goes into the background: a word that nobody can type.
pub const BACKGROUND: &str = "\0background";

fn background(command: Command) -> Rc<Command> {
    Rc::new(Command {
        body: Body::Function { name: BACKGROUND.to_string(), body: Rc::new(command) },
        redirects: Vec::new(),
    })
}

/// The three sums of a counting loop.
fn three(parts: &[Part]) -> Option<[Word; 3]> {
    let mut sums: Vec<Word> = vec![Vec::new()];
    for part in parts {
        let Part::Text { text, quoted: false } = part else {
            sums.last_mut()?.push(part.clone());
            continue;
        };
        for (i, piece) in text.split(';').enumerate() {
            if i > 0 {
                sums.push(Vec::new());
            }
            sums.last_mut()?.push(Part::Text { text: piece.to_string(), quoted: false });
        }
    }
    sums.try_into().ok()
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
