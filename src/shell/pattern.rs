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
    Group(Vec<Vec<Node>>),
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
        let mut at = 0;
        let branches = branches(&chars, &mut at, extended, 0);
        Pattern { branches, ignore_case }
    }

    /// Where the pattern first matches: character positions.
    pub fn find(&self, line: &str) -> Option<(usize, usize)> {
        let line = if self.ignore_case { line.to_lowercase() } else { line.to_string() };
        let chars: Vec<char> = line.chars().collect();
        let mut steps = 0;
        for start in 0..=chars.len() {
            for branch in &self.branches {
                if let Some(end) = run(branch, &chars, start, &mut steps, 0, &|end| Some(end)) {
                    return Some((start, end));
                }
            }
            if steps > MOST_STEPS {
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

fn branches(chars: &[char], at: &mut usize, extended: bool, depth: usize) -> Vec<Vec<Node>> {
    let mut all = vec![Vec::new()];
    while *at < chars.len() {
        let escaped = chars[*at] == '\\' && *at + 1 < chars.len();
        let c = if escaped { chars[*at + 1] } else { chars[*at] };
        let operator = escaped != extended && "|()+?".contains(c) || !escaped && c == '*';
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
                let inner = branches(chars, at, extended, depth + 1);
                *at += if chars.get(*at) == Some(&'\\') { 2 } else { 1 };
                push(&mut all, Node::Group(inner));
                continue;
            }
            '*' | '+' | '?' if operator && current > 0 => {
                *at += width;
                let (low, high) = match c {
                    '*' => (0, usize::MAX),
                    '+' => (1, usize::MAX),
                    _ => (0, 1),
                };
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

fn set(chars: &[char], at: &mut usize) -> Option<Node> {
    let mut i = *at + 1;
    let not = chars.get(i) == Some(&'^');
    i += usize::from(not);
    let mut ranges = Vec::new();
    let first = i;
    while let Some(&c) = chars.get(i) {
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

fn run(
    nodes: &[Node],
    line: &[char],
    at: usize,
    steps: &mut usize,
    depth: usize,
    end: &dyn Fn(usize) -> Option<usize>,
) -> Option<usize> {
    *steps += 1;
    if *steps > MOST_STEPS || depth > 400 {
        return None;
    }
    let Some((first, rest)) = nodes.split_first() else { return end(at) };
    match first {
        Node::Group(branches) => {
            for branch in branches {
                let mut joined = branch.clone();
                joined.extend_from_slice(rest);
                if let Some(found) = run(&joined, line, at, steps, depth + 1, end) {
                    return Some(found);
                }
            }
            None
        }
        Node::Repeat(node, low, high) => {
            if let Node::Group(_) = **node {
                if *high > 0 {
                    let mut again = vec![
                        (**node).clone(),
                        Node::Repeat(node.clone(), low.saturating_sub(1), high - usize::from(*high != usize::MAX)),
                    ];
                    again.extend_from_slice(rest);
                    if let Some(found) = run(&again, line, at, steps, depth + 1, end).filter(|f| *f > at) {
                        return Some(found);
                    }
                }
                return if *low == 0 { run(rest, line, at, steps, depth + 1, end) } else { None };
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
                if let Some(found) = run(rest, line, here, steps, depth + 1, end) {
                    return Some(found);
                }
            }
            None
        }
        node => run(rest, line, one(node, line, at)?, steps, depth + 1, end),
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
        ] {
            assert_eq!(hit(pattern, extended, line), expected, "{pattern} {line}");
        }
        assert!(!hit("(a*)*b", true, &"a".repeat(60)));
    }
}
