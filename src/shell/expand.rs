//! What words become: braces, variables, substitutions, sums, fields, globs.

use super::arithmetic;
use super::env::Env;
use super::lex::Change;
use super::parse::Part;
use super::world::World;
use std::collections::VecDeque;

/// How many words one word may become.
const MOST_WORDS: usize = 100_000;
/// How long a word may become.
const LONGEST: usize = 1 << 20;

/// What the substitutions of a command line came to, in their order.
pub type Found = VecDeque<String>;

/// A word's expansion may fail in the shell's words.
type Outcome<T> = Result<T, String>;

fn variable(env: &Env, name: &str) -> Option<String> {
    Some(match name {
        "?" => env.status.to_string(),
        "#" => env.arguments.len().to_string(),
        "@" | "*" if env.arguments.is_empty() => return None,
        "@" | "*" => env.arguments.join(" "),
        "$" => "4242".to_string(),
        "!" => env.last_background?.to_string(),
        "-" => "himBHs".to_string(),
        "PWD" => env.folder.clone(),
        "HOSTNAME" => env.get(name).unwrap_or(env.place.hostname()).to_string(),
        "RANDOM" => "4".to_string(),
        "0" => env.get("0").unwrap_or("bash").to_string(),
        digits if digits.chars().all(|c| c.is_ascii_digit()) => {
            env.arguments.get(digits.parse::<usize>().ok()?.checked_sub(1)?)?.clone()
        }
        _ => env.element(name, None)?,
    })
}

/// The values of `$@`, `${NAME[@]}`; `None` for what is one value.
fn several(env: &Env, name: &str, index: Option<&[Part]>) -> Option<Vec<String>> {
    match index {
        None => (name == "@" || name == "*").then(|| env.arguments.clone()),
        Some([Part::Text { text, .. }]) if text == "@" || text == "*" => Some(env.elements(name)),
        Some(_) => None,
    }
}

fn part_text(world: &World, env: &mut Env, part: &Part, found: &mut Found) -> Outcome<String> {
    match part {
        Part::Text { text, .. } => Ok(text.clone()),
        Part::Command { .. } => Ok(found.pop_front().unwrap_or_default()),
        Part::Pipe { .. } => {
            let path = format!("/dev/fd/{}", 63_usize.saturating_sub(env.pipes.len() % 60));
            env.pipes.retain(|(known, _)| *known != path);
            env.pipes.push((path.clone(), found.pop_front().unwrap_or_default() + "\n"));
            Ok(path)
        }
        Part::Arithmetic { parts, .. } => {
            let sum = text(world, env, parts, found)?;
            arithmetic::value(env, &sum).map(|n| n.to_string())
        }
        Part::Variable { .. } => Ok(values(world, env, part, found)?.join(" ")),
    }
}

/// What a variable stands for: one value, or those of a list.
fn values(world: &World, env: &mut Env, part: &Part, found: &mut Found) -> Outcome<Vec<String>> {
    let Part::Variable { name, index, change, .. } = part else {
        return Ok(vec![part_text(world, env, part, found)?]);
    };
    let list = several(env, name, index.as_deref());
    let value = match (&list, index) {
        (Some(list), _) => (!list.is_empty()).then(|| list.join(" ")),
        (None, Some(index)) => {
            let sum = text(world, env, index, found)?;
            let at = arithmetic::value(env, &sum)?;
            env.element(name, Some(at))
        }
        (None, None) => variable(env, name),
    };
    let Some(change) = change.as_deref() else {
        if value.is_none() && env.options.nounset && list.is_none() {
            return Err(format!("{name}: unbound variable"));
        }
        return Ok(list.unwrap_or_else(|| vec![value.unwrap_or_default()]));
    };
    let each = list.clone().unwrap_or_else(|| vec![value.clone().unwrap_or_default()]);
    Ok(match change {
        Change::Length => vec![match list {
            Some(list) => list.len().to_string(),
            None => each.first().map_or(0, |v| v.chars().count()).to_string(),
        }],
        Change::Else { kind, colon, word } => {
            let other = text(world, env, word, found)?;
            let known = value.filter(|v| !(*colon && v.is_empty()));
            match (kind, known) {
                ('+', Some(_)) => vec![other],
                ('+', None) => Vec::new(),
                (_, Some(_)) => each,
                ('=', None) => {
                    env.set_element(name, None, &other);
                    vec![other]
                }
                ('?', None) => {
                    let why = if other.is_empty() { "parameter null or not set" } else { &other };
                    return Err(format!("{name}: {why}"));
                }
                _ => vec![other],
            }
        }
        Change::Slice { from, length } => {
            let sum = text(world, env, from, found)?;
            let from = arithmetic::value(env, &sum)?;
            let length = match length {
                Some(parts) => {
                    let sum = text(world, env, parts, found)?;
                    Some(arithmetic::value(env, &sum)?)
                }
                None => None,
            };
            match list {
                Some(list) => slice(&list, from, length).to_vec(),
                None => {
                    let chars: Vec<char> = value.unwrap_or_default().chars().collect();
                    vec![slice(&chars, from, length).iter().collect()]
                }
            }
        }
        Change::Trim { end, longest, pattern: parts } => {
            let pattern = pattern(world, env, parts, found)?;
            each.iter().map(|v| trim(v, &pattern, *end, *longest).to_string()).collect()
        }
        Change::Replace { kind, pattern: parts, with } => {
            let pattern = pattern(world, env, parts, found)?;
            let with = text(world, env, with, found)?;
            each.iter().map(|v| replace(v, &pattern, &with, *kind)).collect()
        }
        Change::Case { upper, all } => each.iter().map(|v| recase(v, *upper, *all)).collect(),
    })
}

fn slice<T>(items: &[T], from: i64, length: Option<i64>) -> &[T] {
    let count = items.len() as i64;
    let start = if from < 0 { count + from } else { from };
    let end = match length {
        Some(length) if length < 0 => count + length,
        Some(length) => start.saturating_add(length),
        None => count,
    };
    if start < 0 || start >= end.min(count) { &[] } else { &items[start as usize..end.min(count) as usize] }
}

/// The places between characters, both ends included.
fn places(text: &str) -> impl DoubleEndedIterator<Item = usize> + '_ {
    text.char_indices().map(|(at, _)| at).chain([text.len()])
}

fn trim<'a>(text: &'a str, pattern: &str, end: bool, longest: bool) -> &'a str {
    let hit = |at: &usize| glob_matches(pattern, if end { &text[*at..] } else { &text[..*at] });
    // The longest end begins at the first place, the longest beginning ends at the last one.
    let at = if end == longest { places(text).find(hit) } else { places(text).rev().find(hit) };
    match at {
        Some(at) if end => &text[..at],
        Some(at) => &text[at..],
        None => text,
    }
}

fn replace(text: &str, pattern: &str, with: &str, kind: char) -> String {
    if pattern.is_empty() {
        return text.to_string();
    }
    let longest =
        |from: usize| places(&text[from..]).rev().map(|e| from + e).find(|e| glob_matches(pattern, &text[from..*e]));
    let mut out = String::new();
    let mut at = 0;
    let mut tries = 0;
    while at < text.len() {
        let c = text[at..].chars().next().map_or(1, char::len_utf8);
        tries += text.len() - at;
        let hit = if tries > LONGEST { None } else { longest(at) };
        let hit = hit.filter(|e| *e > at && (kind != '%' || *e == text.len()));
        match hit {
            Some(end) => {
                out.push_str(with);
                at = end;
                if kind != '/' {
                    break;
                }
            }
            None if kind == '#' => break,
            None => {
                out.push_str(&text[at..at + c]);
                at += c;
            }
        }
    }
    out + &text[at..]
}

fn recase(text: &str, upper: bool, all: bool) -> String {
    let turn = |t: &str| if upper { t.to_uppercase() } else { t.to_lowercase() };
    let first = if all { text.len() } else { text.chars().next().map_or(0, char::len_utf8) };
    turn(&text[..first]) + &text[first..]
}

/// A word as one text: assignments, file names, here-documents.
pub fn text(world: &World, env: &mut Env, parts: &[Part], found: &mut Found) -> Outcome<String> {
    let mut out = String::new();
    for (i, part) in parts.iter().enumerate() {
        let value = part_text(world, env, part, found)?;
        if i == 0 && is_home(parts) {
            out.push_str(&value.replacen('~', env.place.home(), 1))
        } else {
            out.push_str(&value)
        }
        if out.len() > LONGEST {
            return Err("xrealloc: cannot allocate".to_string());
        }
    }
    Ok(out)
}

/// A word as a pattern: what is quoted in it stands for itself.
pub fn pattern(world: &World, env: &mut Env, parts: &[Part], found: &mut Found) -> Outcome<String> {
    let mut out = String::new();
    for part in parts {
        let value = part_text(world, env, part, found)?;
        if is_quoted(part) { out.push_str(&escape(&value)) } else { out.push_str(&value) }
    }
    Ok(out)
}

fn is_quoted(part: &Part) -> bool {
    match part {
        Part::Text { quoted, .. }
        | Part::Variable { quoted, .. }
        | Part::Command { quoted, .. }
        | Part::Arithmetic { quoted, .. } => *quoted,
        Part::Pipe { .. } => true,
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if "*?[]\\".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn is_home(parts: &[Part]) -> bool {
    matches!(parts.first(), Some(Part::Text { text, quoted: false }) if text == "~" || text.starts_with("~/"))
}

/// The words under way: what is open, and what of it is a pattern.
#[derive(Default)]
struct Fields {
    /// Text, the same as a pattern, and whether it may match files.
    words: Vec<(String, String, bool)>,
    current: (String, String, bool),
    open: bool,
}

impl Fields {
    fn add(&mut self, value: &str, quoted: bool) {
        self.current.0.push_str(value);
        if quoted {
            self.current.1.push_str(&escape(value));
        } else {
            self.current.1.push_str(value);
            self.current.2 |= value.contains(['*', '?', '[']);
        }
        self.open |= quoted || !value.is_empty();
    }

    fn close(&mut self) {
        if self.open {
            self.words.push(std::mem::take(&mut self.current));
            self.open = false;
        }
    }
}

/// A word as the words that a command gets: unquoted values are divided at blanks, globs become names.
pub fn word(world: &World, env: &mut Env, parts: &[Part], found: &mut Found) -> Outcome<Vec<String>> {
    // What a substitution gave stands in one alternative only; so words with both keep their braces.
    let mut inner = Vec::new();
    super::compile::in_word(parts, &mut inner);
    let braces = inner.is_empty() && !env.place.is_busybox();
    let alternatives = if braces { super::braces::expand(parts) } else { None };
    let mut out = Vec::new();
    match alternatives {
        Some(list) => {
            for parts in list {
                fields(world, env, &parts, found, &mut out)?;
            }
        }
        None => fields(world, env, parts, found, &mut out)?,
    }
    Ok(out)
}

fn fields(world: &World, env: &mut Env, parts: &[Part], found: &mut Found, out: &mut Vec<String>) -> Outcome<()> {
    let mut fields = Fields::default();
    let dividers: Vec<char> = env.get("IFS").unwrap_or(" \t\n").chars().collect();
    for (i, part) in parts.iter().enumerate() {
        let divided = matches!(part, Part::Variable { quoted: false, .. } | Part::Command { quoted: false, .. });
        let list = match part {
            Part::Variable { name, index, .. } => several(env, name, index.as_deref()).is_some(),
            _ => false,
        };
        let values = values(world, env, part, found)?;
        // Quoted, a list stays the words that it is made of; of `*` it becomes one.
        let star = matches!(part, Part::Variable { name, index, .. } if name == "*"
            || matches!(index.as_deref(), Some([Part::Text { text, .. }]) if text == "*"));
        if list && !divided && !star {
            for (n, value) in values.iter().enumerate() {
                if n > 0 {
                    fields.close();
                }
                fields.add(value, true);
            }
            continue;
        }
        let mut value = values.join(" ");
        if i == 0 && is_home(parts) {
            value = value.replacen('~', env.place.home(), 1);
        }
        if !divided {
            fields.add(&value, is_quoted(part));
            continue;
        }
        let mut pieces = value.split(&dividers[..]).peekable();
        while let Some(piece) = pieces.next() {
            fields.add(piece, false);
            if pieces.peek().is_some() {
                fields.close();
            }
            if fields.words.len() > MOST_WORDS {
                return Err("argument list too long".to_string());
            }
        }
    }
    fields.close();
    for (word, pattern, glob) in fields.words {
        let names = if glob { matching(world, env, &pattern) } else { Vec::new() };
        if names.is_empty() {
            out.push(word)
        } else {
            out.extend(names)
        }
        if out.len() > MOST_WORDS {
            return Err("argument list too long".to_string());
        }
    }
    Ok(())
}

/// The files that a glob matches, in its last part.
fn matching(world: &World, env: &Env, pattern: &str) -> Vec<String> {
    let (folder, last) = pattern.rsplit_once('/').map_or(("", pattern), |(f, l)| (f, l));
    let place = if folder.is_empty() && pattern.starts_with('/') {
        "/"
    } else if folder.is_empty() {
        "."
    } else {
        folder
    };
    let names = world.list(env, place).unwrap_or_default();
    let prefix = if pattern.contains('/') { format!("{folder}/") } else { String::new() };
    names
        .into_iter()
        .filter(|n| !n.starts_with('.') || last.starts_with('.'))
        .filter(|n| glob_matches(last, n))
        .map(|n| format!("{prefix}{n}"))
        .collect()
}

/// `*`, `?` and `[…]`; a backslash takes the meaning from what follows.
pub fn glob_matches(pattern: &str, name: &str) -> bool {
    let (p, n): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Positions of the last star, to go back to.
    let (mut i, mut j, mut star) = (0, 0, None);
    while j < n.len() {
        let step = match p.get(i) {
            Some('*') => {
                star = Some((i, j));
                i += 1;
                continue;
            }
            Some('?') => Some(i + 1),
            Some('\\') => (p.get(i + 1) == Some(&n[j])).then_some(i + 2),
            Some('[') => p[i..].iter().position(|c| *c == ']').filter(|e| *e > 1).and_then(|end| {
                let set = &p[i + 1..i + end];
                let (not, set) = if matches!(set.first(), Some('!' | '^')) { (true, &set[1..]) } else { (false, set) };
                let mut hit = false;
                let mut k = 0;
                while k < set.len() {
                    if k + 2 < set.len() && set[k + 1] == '-' {
                        hit |= (set[k]..=set[k + 2]).contains(&n[j]);
                        k += 3;
                    } else {
                        hit |= set[k] == n[j];
                        k += 1;
                    }
                }
                (hit != not).then_some(i + end + 1)
            }),
            Some(c) if *c == n[j] => Some(i + 1),
            _ => None,
        };
        match (step, star) {
            (Some(next), _) => (i, j) = (next, j + 1),
            (None, Some((si, sj))) => {
                star = Some((si, sj + 1));
                (i, j) = (si + 1, sj + 1);
            }
            (None, None) => return false,
        }
    }
    p[i..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_and_values_are_cut() {
        assert!(glob_matches("web-*.y?ml", "web-1.yaml") && !glob_matches("*.yaml", "a.yml"));
        assert!(glob_matches("[a-c]x", "bx") && !glob_matches("[!a-c]x", "bx"));
        assert!(glob_matches("a\\*", "a*") && !glob_matches("a\\*", "ab"));
        assert_eq!(trim("a/b/c.yaml", "*/", false, true), "c.yaml");
        assert_eq!(trim("a/b/c.yaml", "*/", false, false), "b/c.yaml");
        assert_eq!(trim("web.tar.gz", ".*", true, true), "web");
        assert_eq!(trim("web.tar.gz", ".*", true, false), "web.tar");
        assert_eq!(replace("hello", "l", "L", ' '), "heLlo");
        assert_eq!(replace("hello", "l", "L", '/'), "heLLo");
        assert_eq!(replace("hello", "h*l", "-", '#'), "-o");
        assert_eq!(replace("hello", "lo", "p", '%'), "help");
        assert_eq!(slice(&[1, 2, 3], -2, Some(1)), [2]);
    }
}
