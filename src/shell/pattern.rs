//! Patterns of grep and ag: basic and extended expressions as far as people type them (`.`, `*`, `+`, `?`, sets, anchors,
//! `|`, groups). Bounded: a pattern that would search for ever does not match.

#[derive(Clone, Debug)]
enum Node {
    Char(char),
    Any,
    Set(Vec<(char, char)>, bool),
    Start,
    End,
    WordEdge,
    /// Its number, and its branches.
    Group(usize, Vec<Vec<Node>>),
    /// Where a group begins or ends.
    Mark(usize),
    Repeat(Box<Node>, usize, usize),
}

pub struct Pattern {
    branches: Vec<Vec<Node>>,
    ignore_case: bool,
}

const MOST_STEPS: usize = 200_000;

impl Pattern {
    /// Reads a pattern. `extended`: `+?|()` are operators; otherwise they are only behind a backslash.
    pub fn new(text: &str, extended: bool, fixed: bool, ignore_case: bool) -> Pattern {
        let text = if ignore_case { text.to_lowercase() } else { text.to_string() };
        if fixed {
            return Pattern { branches: vec![text.chars().map(Node::Char).collect()], ignore_case };
        }
        let chars: Vec<char> = text.chars().collect();
        let (mut at, mut groups) = (0, 0);
        let branches = branches(&chars, &mut at, extended, 0, &mut groups);
        Pattern { branches, ignore_case }
    }

    /// Where the pattern first matches: character positions.
    pub fn find(&self, line: &str) -> Option<(usize, usize)> {
        let chars = self.chars(line);
        self.find_from(&chars, 0).map(|found| found[0].unwrap_or_default())
    }

    /// A line as it is searched.
    pub fn chars(&self, line: &str) -> Vec<char> {
        if self.ignore_case { line.to_lowercase().chars().collect() } else { line.chars().collect() }
    }

    /// The first match from a place on, and what its groups matched.
    pub fn find_from(&self, chars: &[char], from: usize) -> Option<Vec<Option<(usize, usize)>>> {
        let mut search = Search::default();
        for start in from..=chars.len() {
            for branch in &self.branches {
                search.marks.clear();
                if let Some(end) = run(branch, chars, start, &mut search, 0) {
                    let mut found = vec![Some((start, end))];
                    let mark = |n: usize| search.marks.get(n).copied().flatten();
                    found.extend((1..=9).map(|n| Some((mark(n * 2)?, mark(n * 2 + 1)?))));
                    return Some(found);
                }
            }
            if search.steps > MOST_STEPS {
                return None;
            }
        }
        None
    }
}

fn push(all: &mut [Vec<Node>], node: Node) {
    if let Some(branch) = all.last_mut() {
        branch.push(node);
    }
}

fn branches(chars: &[char], at: &mut usize, extended: bool, depth: usize, groups: &mut usize) -> Vec<Vec<Node>> {
    let mut all = vec![Vec::new()];
    while *at < chars.len() {
        let escaped = chars[*at] == '\\' && *at + 1 < chars.len();
        let c = if escaped { chars[*at + 1] } else { chars[*at] };
        let operator = escaped != extended && "|()+?{".contains(c) || !escaped && c == '*';
        let width = if escaped { 2 } else { 1 };
        let current = all.last_mut().map_or(0, |b| b.len());
        match c {
            '|' if operator => {
                *at += width;
                all.push(Vec::new());
                continue;
            }
            ')' if operator && depth > 0 => return all,
            '(' if operator && depth < 16 => {
                *at += width;
                *groups += 1;
                let number = *groups;
                let inner = branches(chars, at, extended, depth + 1, groups);
                *at += if chars.get(*at) == Some(&'\\') { 2 } else { 1 };
                push(&mut all, Node::Group(number, inner));
                continue;
            }
            '*' | '+' | '?' | '{' if operator && current > 0 => {
                let counted = if c == '{' { counts(chars, *at + width) } else { None };
                let (low, high) = match (c, counted) {
                    ('*', _) => (0, usize::MAX),
                    ('+', _) => (1, usize::MAX),
                    ('?', _) => (0, 1),
                    (_, Some((low, high, end))) => {
                        *at = end - width;
                        (low, high)
                    }
                    _ => (1, 1),
                };
                *at += width;
                if let Some(branch) = all.last_mut()
                    && let Some(last) = branch.pop()
                {
                    branch.push(Node::Repeat(Box::new(last), low, high));
                }
                continue;
            }
            _ => {}
        }
        let node = if escaped {
            match c {
                'd' => Node::Set(vec![('0', '9')], false),
                'w' => Node::Set(vec![('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')], false),
                's' => Node::Set(vec![(' ', ' '), ('\t', '\t')], false),
                'b' => Node::WordEdge,
                c => Node::Char(c),
            }
        } else {
            match c {
                '.' => Node::Any,
                '^' if current == 0 => Node::Start,
                '$' if *at + 1 == chars.len() || matches!(chars.get(*at + 1), Some('|' | ')')) && extended => Node::End,
                '[' => match set(chars, at) {
                    Some(node) => {
                        push(&mut all, node);
                        continue;
                    }
                    None => Node::Char('['),
                },
                c => Node::Char(c),
            }
        };
        *at += width;
        push(&mut all, node);
    }
    all
}

/// `3}`, `1,3}`, `2,}`: how often, and where it ends.
fn counts(chars: &[char], at: usize) -> Option<(usize, usize, usize)> {
    let length = chars.get(at..)?.iter().position(|c| *c == '}')?;
    let text: String = chars[at..at + length].iter().filter(|c| **c != '\\').collect();
    let (low, high) = text.split_once(',').map_or((text.as_str(), text.as_str()), |(l, h)| (l, h));
    let low = low.parse().ok()?;
    let high = if high.is_empty() { usize::MAX } else { high.parse().ok()? };
    (low <= 255).then_some((low, high, at + length + 1))
}

fn set(chars: &[char], at: &mut usize) -> Option<Node> {
    let mut i = *at + 1;
    let not = chars.get(i) == Some(&'^');
    i += usize::from(not);
    let mut ranges = Vec::new();
    let first = i;
    while let Some(&c) = chars.get(i) {
        let class = chars[i..].starts_with(&['[', ':']).then(|| chars[i..].iter().position(|c| *c == ']')).flatten();
        if let Some(length) = class {
            let name: String = chars[i + 2..i + length].iter().filter(|c| **c != ':').collect();
            ranges.extend_from_slice(match name.as_str() {
                "digit" => &[('0', '9')][..],
                "alpha" => &[('a', 'z'), ('A', 'Z')],
                "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
                "upper" => &[('A', 'Z')],
                "lower" => &[('a', 'z')],
                "space" => &[(' ', ' '), ('\t', '\r')],
                "blank" => &[(' ', ' '), ('\t', '\t')],
                "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
                _ => return None,
            });
            i += length + 1;
            continue;
        }
        if c == ']' && i > first {
            *at = i + 1;
            return Some(Node::Set(ranges, not));
        }
        if chars.get(i + 1) == Some(&'-') && chars.get(i + 2).is_some_and(|e| *e != ']') {
            ranges.push((c, chars[i + 2]));
            i += 3;
        } else {
            ranges.push((c, c));
            i += 1;
        }
    }
    None
}

fn one(node: &Node, line: &[char], at: usize) -> Option<usize> {
    let c = line.get(at);
    let word = |i: Option<&char>| i.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let fits = match node {
        Node::Char(x) => c == Some(x),
        Node::Any => c.is_some(),
        Node::Set(ranges, not) => c.is_some_and(|c| ranges.iter().any(|(a, b)| (a..=b).contains(&c)) != *not),
        Node::Start => return (at == 0).then_some(at),
        Node::End => return (at == line.len()).then_some(at),
        Node::WordEdge => return (word(at.checked_sub(1).and_then(|i| line.get(i))) != word(c)).then_some(at),
        _ => false,
    };
    fits.then_some(at + 1)
}

/// What a search has tried, and where groups began and ended.
#[derive(Default)]
struct Search {
    steps: usize,
    marks: Vec<Option<usize>>,
}

fn run(nodes: &[Node], line: &[char], at: usize, search: &mut Search, depth: usize) -> Option<usize> {
    search.steps += 1;
    if search.steps > MOST_STEPS || depth > 400 {
        return None;
    }
    let Some((first, rest)) = nodes.split_first() else { return Some(at) };
    match first {
        Node::Mark(mark) => {
            if search.marks.len() <= *mark {
                search.marks.resize(mark + 1, None);
            }
            let before = search.marks[*mark].replace(at);
            let found = run(rest, line, at, search, depth + 1);
            if found.is_none() {
                search.marks[*mark] = before;
            }
            found
        }
        Node::Group(number, branches) => {
            for branch in branches {
                let mut joined = vec![Node::Mark(number * 2)];
                joined.extend_from_slice(branch);
                joined.push(Node::Mark(number * 2 + 1));
                joined.extend_from_slice(rest);
                if let Some(found) = run(&joined, line, at, search, depth + 1) {
                    return Some(found);
                }
            }
            None
        }
        Node::Repeat(node, low, high) => {
            if let Node::Group(..) = **node {
                if *high > 0 {
                    let mut again = vec![
                        (**node).clone(),
                        Node::Repeat(node.clone(), low.saturating_sub(1), high - usize::from(*high != usize::MAX)),
                    ];
                    again.extend_from_slice(rest);
                    if let Some(found) = run(&again, line, at, search, depth + 1).filter(|f| *f > at) {
                        return Some(found);
                    }
                }
                return if *low == 0 { run(rest, line, at, search, depth + 1) } else { None };
            }
            let mut reach = vec![at];
            while reach.len() <= *high
                && let Some(next) =
                    one(node, line, *reach.last().unwrap_or(&at)).filter(|n| n > reach.last().unwrap_or(&at))
            {
                reach.push(next);
            }
            while reach.len() > *low {
                let here = reach.pop()?;
                if let Some(found) = run(rest, line, here, search, depth + 1) {
                    return Some(found);
                }
            }
            None
        }
        node => run(rest, line, one(node, line, at)?, search, depth + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_match_as_greps_do() {
        let hit = |p: &str, extended: bool, line: &str| Pattern::new(p, extended, false, false).find(line).is_some();
        for (pattern, extended, line, expected) in [
            ("kube-dns", false, "service/kube-dns", true),
            ("^NAME", false, "x NAME", false),
            ("a.*z$", false, "abcz", true),
            ("web|api", true, "my api", true),
            ("web\\|api", false, "my api", true),
            ("[0-9]+:[0-9]+", true, "80:30080/TCP", true),
            ("(ab)+c", true, "ababc", true),
            ("a+b", false, "a+b", true),
            ("[^a]", false, "a", false),
            ("^[0-9]{1,3}(\\.[0-9]{1,3}){3}$", true, "10.244.1.11", true),
            ("^[[:alpha:]]\\{3\\}$", false, "web", true),
        ] {
            assert_eq!(hit(pattern, extended, line), expected, "{pattern} {line}");
        }
        assert!(!hit("(a*)*b", true, &"a".repeat(60)));
    }
}
