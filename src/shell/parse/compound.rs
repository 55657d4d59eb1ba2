//! Compound commands: `if`, loops, `case`, `[[ … ]]`.

use super::{Body, Condition, Parser, Part, Problem, Token, Word, unexpected};
use crate::shell::lex::{DEEPEST, plain, too_deep};

impl Parser<'_> {
    pub(super) fn conditional(&mut self) -> Result<Body, Problem> {
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

    pub(super) fn loop_over(&mut self) -> Result<Body, Problem> {
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

    pub(super) fn case(&mut self) -> Result<Body, Problem> {
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
    pub(super) fn condition(&mut self, level: usize) -> Result<Condition, Problem> {
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
