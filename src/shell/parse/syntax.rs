//! What a line means: lists of pipelines of commands, each with its redirections.

use super::Word;
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
    /// A command that goes into the background, as it was typed.
    Background {
        line: Rc<str>,
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
