//! Regular expressions as paths and header matches of routes use them: literals, `.`, classes, groups, `|`, `* + ?`, `^`, `$`.
//! A small backtracking matcher with a step limit, since a whole engine would weigh more than all the rest of the proxy. Left
//! out: counted repetition, look-around, lazy quantifiers, flags.

/// A parsed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    alternatives: Vec<Vec<Piece>>,
    groups: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Piece {
    atom: Atom,
    least: usize,
    most: usize,
}

#[derive(Clone, Debug, PartialEq)]
enum Atom {
    Char(char),
    Any,
    Class { ranges: Vec<(char, char)>, not: bool },
    Group { number: Option<usize>, alternatives: Vec<Vec<Piece>> },
    Start,
    End,
}

/// Matching gives up after so many steps; what takes longer does not match.
const STEPS: usize = 20_000;
/// Groups may nest this deep.
const DEPTH: usize = 12;

impl Pattern {
    /// `None`: not an expression that is understood.
    pub fn parse(text: &str) -> Option<Pattern> {
        let chars: Vec<char> = text.chars().collect();
        let mut parser = Parser { chars: &chars, at: 0, groups: 0 };
        let alternatives = parser.alternatives(0)?;
        (parser.at == chars.len()).then_some(Pattern { alternatives, groups: parser.groups })
    }

    /// Matches at the beginning of `text`, to its end if `whole`. Gives the groups, the whole match first.
    pub fn captures<'t>(&self, text: &'t str, whole: bool) -> Option<Vec<&'t str>> {
        let chars: Vec<(usize, char)> = text.char_indices().collect();
        let mut matcher = Matcher { chars: &chars, groups: vec![None; self.groups], steps: 0 };
        let mut end = None;
        let matched = matcher.alternatives(&self.alternatives, 0, &mut |_, at| {
            let fits = !whole || at == chars.len();
            if fits {
                end = Some(at);
            }
            fits
        });
        let byte = |at: usize| chars.get(at).map_or(text.len(), |(byte, _)| *byte);
        let end = end.filter(|_| matched)?;
        let mut captures = vec![&text[..byte(end)]];
        captures.extend(matcher.groups.iter().map(|g| g.map_or("", |(from, to)| &text[byte(from)..byte(to)])));
        Some(captures)
    }
}

struct Parser<'c> {
    chars: &'c [char],
    at: usize,
    groups: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn alternatives(&mut self, depth: usize) -> Option<Vec<Vec<Piece>>> {
        if depth > DEPTH {
            return None;
        }
        let mut alternatives = vec![Vec::new()];
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.at += 1;
                    alternatives.push(Vec::new());
                }
                _ => {
                    let piece = self.piece(depth)?;
                    alternatives.last_mut()?.push(piece);
                }
            }
        }
        Some(alternatives)
    }

    fn piece(&mut self, depth: usize) -> Option<Piece> {
        let atom = self.atom(depth)?;
        let (least, most) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            _ => return Some(Piece { atom, least: 1, most: 1 }),
        };
        self.at += 1;
        Some(Piece { atom, least, most })
    }

    fn atom(&mut self, depth: usize) -> Option<Atom> {
        let c = self.peek()?;
        self.at += 1;
        Some(match c {
            '.' => Atom::Any,
            '^' => Atom::Start,
            '$' => Atom::End,
            '(' => {
                let counted = !self.chars[self.at..].starts_with(&['?', ':']);
                if !counted {
                    self.at += 2;
                }
                let number = counted.then_some(self.groups);
                self.groups += usize::from(counted);
                let alternatives = self.alternatives(depth + 1)?;
                if self.peek() != Some(')') {
                    return None;
                }
                self.at += 1;
                Atom::Group { number, alternatives }
            }
            '[' => self.class()?,
            '\\' => {
                let escaped = self.peek()?;
                self.at += 1;
                match escaped {
                    'd' => Atom::Class { ranges: vec![('0', '9')], not: false },
                    'w' => Atom::Class { ranges: vec![('0', '9'), ('a', 'z'), ('A', 'Z'), ('_', '_')], not: false },
                    's' => Atom::Class { ranges: vec![(' ', ' '), ('\t', '\t')], not: false },
                    other => Atom::Char(other),
                }
            }
            '*' | '+' | '?' | ')' => return None,
            other => Atom::Char(other),
        })
    }

    fn class(&mut self) -> Option<Atom> {
        let not = self.peek() == Some('^');
        self.at += usize::from(not);
        let mut ranges = Vec::new();
        loop {
            let mut from = self.peek()?;
            self.at += 1;
            if from == ']' && !ranges.is_empty() {
                return Some(Atom::Class { ranges, not });
            }
            if from == '\\' {
                from = self.peek()?;
                self.at += 1;
            }
            let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
            if is_range {
                ranges.push((from, self.chars[self.at + 1]));
                self.at += 2;
            } else {
                ranges.push((from, from));
            }
        }
    }
}

struct Matcher<'c> {
    chars: &'c [(usize, char)],
    groups: Vec<Option<(usize, usize)>>,
    steps: usize,
}

/// What is still to match behind the piece at hand.
type Then<'a> = &'a mut dyn FnMut(&mut Matcher<'_>, usize) -> bool;

impl Matcher<'_> {
    fn alternatives(&mut self, alternatives: &[Vec<Piece>], at: usize, then: Then<'_>) -> bool {
        alternatives.iter().any(|pieces| self.sequence(pieces, at, then))
    }

    fn sequence(&mut self, pieces: &[Piece], at: usize, then: Then<'_>) -> bool {
        self.steps += 1;
        if self.steps > STEPS {
            return false;
        }
        match pieces.split_first() {
            None => then(self, at),
            Some((piece, rest)) => self.repeat(piece, rest, 0, at, then),
        }
    }

    /// Greedy: one more first, then what follows.
    fn repeat(&mut self, piece: &Piece, rest: &[Piece], done: usize, at: usize, then: Then<'_>) -> bool {
        self.steps += 1;
        if self.steps > STEPS {
            return false;
        }
        if let Atom::Group { number, alternatives } = &piece.atom {
            if done < piece.most {
                let kept = number.map(|n| self.groups[n]);
                let one_more = self.alternatives(alternatives, at, &mut |matcher, end| {
                    if let Some(n) = number {
                        matcher.groups[*n] = Some((at, end));
                    }
                    // A repetition that takes nothing would go on for ever.
                    if end == at && done >= piece.least {
                        return false;
                    }
                    matcher.repeat(piece, rest, done + 1, end, then)
                });
                if one_more {
                    return true;
                }
                if let (Some(n), Some(kept)) = (number, kept) {
                    self.groups[*n] = kept;
                }
            }
            return done >= piece.least && self.sequence(rest, at, then);
        }
        // Single characters: take as many as fit, then give back one by one.
        let mut count = 0;
        while count < piece.most && self.single(&piece.atom, at + count) {
            let anchored = matches!(piece.atom, Atom::Start | Atom::End);
            count += 1;
            if anchored {
                return self.sequence(rest, at, then);
            }
        }
        loop {
            if count < piece.least {
                return false;
            }
            if self.sequence(rest, at + count, then) {
                return true;
            }
            if count == 0 {
                return false;
            }
            count -= 1;
        }
    }

    fn single(&self, atom: &Atom, at: usize) -> bool {
        let c = self.chars.get(at).map(|(_, c)| *c);
        match (atom, c) {
            (Atom::Start, _) => at == 0,
            (Atom::End, c) => c.is_none(),
            (Atom::Char(wanted), Some(c)) => *wanted == c,
            (Atom::Any, Some(_)) => true,
            (Atom::Class { ranges, not }, Some(c)) => ranges.iter().any(|(a, b)| (*a..=*b).contains(&c)) != *not,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_rewrites_are_taken_apart() {
        let pattern = Pattern::parse("/something(/|$)(.*)").unwrap();
        assert_eq!(pattern.captures("/something/new/x", true), Some(vec!["/something/new/x", "/", "new/x"]));
        assert_eq!(pattern.captures("/something", true), Some(vec!["/something", "", ""]));
        assert_eq!(pattern.captures("/somethingelse", true), None);
        let version = Pattern::parse(r"/v[0-9]+/(?:a|b)c?\.html").unwrap();
        assert!(version.captures("/v12/bc.html", true).is_some());
        assert!(version.captures("/v/bc.html", true).is_none());
    }

    #[test]
    fn an_expression_that_would_take_for_ever_gives_up() {
        let pattern = Pattern::parse("(a*)*(a*)*b").unwrap();
        assert_eq!(pattern.captures(&"a".repeat(60), true), None);
        assert_eq!(Pattern::parse("(a"), None);
        assert_eq!(Pattern::parse("*"), None);
    }
}
