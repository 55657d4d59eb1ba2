//! `{a,b}` and `{1..9}`: one word becomes several before anything else happens to it.

use super::parse::{Part, Word};

/// How many words one word may become.
const MOST: usize = 10_000;

/// A word's characters and parts, so that braces can reach over variables.
#[derive(Clone)]
enum Item {
    /// Unquoted.
    Char(char),
    Part(Part),
}

/// The words that a word stands for; `None` when it has no braces that mean something.
pub fn expand(word: &[Part]) -> Option<Vec<Word>> {
    let brace = |p: &Part| matches!(p, Part::Text { text, quoted: false } if text.contains('{'));
    if !word.iter().any(brace) {
        return None;
    }
    let mut items = Vec::new();
    for part in word {
        match part {
            Part::Text { text, quoted: false } => items.extend(text.chars().map(Item::Char)),
            other => items.push(Item::Part(other.clone())),
        }
    }
    let mut all = vec![Vec::new()];
    let changed = alternatives(&items, &mut all, 0)?;
    changed.then(|| all.into_iter().map(join).collect())
}

fn join(items: Vec<Item>) -> Word {
    let mut word: Word = Vec::new();
    for item in items {
        match (item, word.last_mut()) {
            (Item::Char(c), Some(Part::Text { text, quoted: false })) => text.push(c),
            (Item::Char(c), _) => word.push(Part::Text { text: c.to_string(), quoted: false }),
            (Item::Part(part), _) => word.push(part),
        }
    }
    word
}

/// Puts what `items` stand for behind each of `all`. `None`: too much. Whether there was a brace.
fn alternatives(items: &[Item], all: &mut Vec<Vec<Item>>, depth: usize) -> Option<bool> {
    let mut changed = false;
    let mut at = 0;
    while at < items.len() {
        let group = matches!(items[at], Item::Char('{')).then(|| group(&items[at..])).flatten();
        let Some((choices, length)) = group.filter(|_| depth < 16) else {
            all.iter_mut().for_each(|word| word.push(items[at].clone()));
            at += 1;
            continue;
        };
        changed = true;
        let mut expanded: Vec<Vec<Item>> = Vec::new();
        for choice in &choices {
            let mut inner = vec![Vec::new()];
            alternatives(choice, &mut inner, depth + 1)?;
            expanded.extend(inner);
        }
        if all.len() * expanded.len() > MOST {
            return None;
        }
        *all = all.iter().flat_map(|w| expanded.iter().map(|e| [&w[..], &e[..]].concat())).collect();
        at += length;
    }
    Some(changed)
}

/// The choices of the brace that opens here, and how long it is.
fn group(items: &[Item]) -> Option<(Vec<Vec<Item>>, usize)> {
    let mut depth = 0;
    let mut choices = vec![Vec::new()];
    for (at, item) in items.iter().enumerate() {
        match item {
            Item::Char('{') => depth += 1,
            Item::Char('}') => depth -= 1,
            _ => {}
        }
        match item {
            Item::Char('}') if depth == 0 => {
                let choices = if choices.len() > 1 { choices } else { range(&choices[0])? };
                return Some((choices, at + 1));
            }
            Item::Char(',') if depth == 1 => choices.push(Vec::new()),
            _ if at > 0 => choices.last_mut()?.push(item.clone()),
            _ => {}
        }
    }
    None
}

/// `1..9`, `09..1`, `a..e`, `1..9..2`.
fn range(items: &[Item]) -> Option<Vec<Vec<Item>>> {
    let text: String =
        items.iter().map(|i| if let Item::Char(c) = i { Some(*c) } else { None }).collect::<Option<_>>()?;
    let mut ends = text.split("..");
    let (first, last, step) = (ends.next()?, ends.next()?, ends.next());
    let step = step.map_or(Some(1), |s| s.parse::<i64>().ok())?.unsigned_abs().max(1);
    let letter = |t: &str| t.chars().next().filter(|c| t.len() == 1 && c.is_ascii_alphabetic()).map(|c| c as i64);
    let (from, to, letters) = match (first.parse::<i64>(), last.parse::<i64>()) {
        (Ok(a), Ok(b)) => (a, b, false),
        _ => (letter(first)?, letter(last)?, true),
    };
    let count = from.abs_diff(to) / step + 1;
    if count > MOST as u64 {
        return None;
    }
    let padded = !letters
        && [first, last]
            .iter()
            .any(|t| t.trim_start_matches('-').len() > 1 && t.trim_start_matches('-').starts_with('0'));
    let width = if padded { first.len().max(last.len()) } else { 0 };
    let number = |n: u64| if from <= to { from + (n * step) as i64 } else { from - (n * step) as i64 };
    let shown = |n: i64| if letters { (n as u8 as char).to_string() } else { format!("{n:0width$}") };
    Some((0..count).map(|n| shown(number(n)).chars().map(Item::Char).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_become_words() {
        let of = |text: &str| {
            let word = vec![Part::Text { text: text.to_string(), quoted: false }];
            let plain = |w: &Word| {
                w.iter().map(|p| if let Part::Text { text, .. } = p { text.as_str() } else { "" }).collect::<String>()
            };
            expand(&word).map(|words| words.iter().map(plain).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of("{a,b}{1,2}").as_deref(), Some("a1 a2 b1 b2"));
        assert_eq!(of("web-{1..3}.yaml").as_deref(), Some("web-1.yaml web-2.yaml web-3.yaml"));
        assert_eq!(of("{08..10}").as_deref(), Some("08 09 10"));
        assert_eq!(of("{e..a..2}").as_deref(), Some("e c a"));
        assert_eq!(of("a{b,{c,d}}").as_deref(), Some("ab ac ad"));
        assert_eq!(of("{}"), None);
        assert_eq!(of("{a}"), None);
        assert_eq!(of("{1..99999999}"), None);
    }
}
