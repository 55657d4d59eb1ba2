//! What words become: variables, substitutions, whole-number arithmetic, fields, globs.

use super::env::Env;
use super::parse::{List, Part};
use super::world::World;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many words one word may become.
const MOST_WORDS: usize = 100_000;

/// The substitutions in a word, in order.
pub fn commands(parts: &[Part], found: &mut Vec<Rc<List>>) {
    for part in parts {
        match part {
            Part::Command { list, .. } => found.push(list.clone()),
            Part::Variable { default: Some((_, inner)), .. } => commands(inner, found),
            _ => {}
        }
    }
}

fn variable(env: &Env, name: &str) -> Option<String> {
    Some(match name {
        "?" => env.status.to_string(),
        "#" => env.arguments.len().to_string(),
        "@" | "*" => env.arguments.join(" "),
        "$" => "4242".to_string(),
        "0" => "bash".to_string(),
        "!" | "-" => String::new(),
        "PWD" => env.folder.clone(),
        "HOSTNAME" => env.get(name).unwrap_or(env.place.hostname()).to_string(),
        "RANDOM" => "4".to_string(),
        digits if digits.chars().all(|c| c.is_ascii_digit()) => {
            env.arguments.get(digits.parse::<usize>().ok()?.checked_sub(1)?)?.clone()
        }
        _ => env.get(name)?.to_string(),
    })
}

fn part_text(world: &World, env: &Env, part: &Part, found: &mut VecDeque<String>) -> String {
    match part {
        Part::Text { text, .. } => text.clone(),
        Part::Command { .. } => found.pop_front().unwrap_or_default(),
        Part::Arithmetic { text } => arithmetic(env, text).map_or_else(|| "0".to_string(), |n| n.to_string()),
        Part::Variable { name, default, .. } => {
            let value = variable(env, name).filter(|v| !v.is_empty() || default.is_none());
            match default {
                None => value.unwrap_or_default(),
                Some((kind, inner)) => {
                    let mut skipped = Vec::new();
                    commands(inner, &mut skipped);
                    let other = text(world, env, inner, found);
                    match (kind, value) {
                        ('+', Some(_)) => other,
                        ('+', None) => String::new(),
                        (_, Some(value)) => value,
                        (_, None) => other,
                    }
                }
            }
        }
    }
}

/// A word as one text: assignments, file names, here-documents.
pub fn text(world: &World, env: &Env, parts: &[Part], found: &mut VecDeque<String>) -> String {
    parts.iter().map(|p| part_text(world, env, p, found)).collect()
}

/// A word as the words that a command gets: unquoted values are divided at blanks, globs become names.
pub fn word(world: &World, env: &Env, parts: &[Part], found: &mut VecDeque<String>) -> Result<Vec<String>, String> {
    let mut words: Vec<(String, bool)> = Vec::new();
    let mut current = String::new();
    let (mut open, mut glob) = (false, false);
    let home =
        matches!(parts.first(), Some(Part::Text { text, quoted: false }) if text == "~" || text.starts_with("~/"));
    for (i, part) in parts.iter().enumerate() {
        let mut value = part_text(world, env, part, found);
        if i == 0 && home {
            value = value.replacen('~', env.place.home(), 1);
        }
        let (quoted, divided) = match part {
            Part::Text { quoted, .. } => (*quoted, false),
            Part::Variable { quoted, .. } | Part::Command { quoted, .. } => (*quoted, !*quoted),
            Part::Arithmetic { .. } => (false, false),
        };
        if !divided {
            glob |= !quoted && value.contains(['*', '?', '[']);
            open |= quoted || !value.is_empty();
            current.push_str(&value);
            continue;
        }
        let mut fields = value.split([' ', '\t', '\n']).peekable();
        while let Some(field) = fields.next() {
            if !field.is_empty() {
                current.push_str(field);
                open = true;
            }
            if fields.peek().is_some() && open {
                words.push((std::mem::take(&mut current), glob));
                (open, glob) = (false, false);
            }
            if words.len() > MOST_WORDS {
                return Err("bash: argument list too long\n".to_string());
            }
        }
    }
    if open {
        words.push((current, glob));
    }
    let mut out = Vec::new();
    for (word, glob) in words {
        if glob {
            let names = matching(world, env, &word);
            if names.is_empty() { out.push(word) } else { out.extend(names) }
        } else {
            out.push(word);
        }
    }
    Ok(out)
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

/// `*`, `?` and `[…]`.
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
            Some('[') => p[i..].iter().position(|c| *c == ']').filter(|e| *e > 1).and_then(|end| {
                let set = &p[i + 1..i + end];
                let (not, set) = if set.first() == Some(&'!') { (true, &set[1..]) } else { (false, set) };
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

/// Whole-number arithmetic: `+ - * / %`, comparisons, parentheses, variables.
fn arithmetic(env: &Env, text: &str) -> Option<i64> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c.is_whitespace() || c == '$' {
            chars.next();
        } else if c.is_ascii_alphanumeric() || c == '_' {
            let mut word = String::new();
            while let Some(&c) = chars.peek().filter(|c| c.is_ascii_alphanumeric() || **c == '_') {
                word.push(c);
                chars.next();
            }
            tokens.push(word);
        } else {
            chars.next();
            let mut op = c.to_string();
            if let Some(&next) = chars.peek()
                && matches!((c, next), ('=', '=') | ('!', '=') | ('<', '=') | ('>', '='))
            {
                op.push(next);
                chars.next();
            }
            tokens.push(op);
        }
        if tokens.len() > 1_000 {
            return None;
        }
    }
    let mut at = 0;
    let value = sum(env, &tokens, &mut at, 0, 0)?;
    (at == tokens.len()).then_some(value)
}

const LEVELS: [&[&str]; 3] = [&["==", "!=", "<", ">", "<=", ">="], &["+", "-"], &["*", "/", "%"]];

fn sum(env: &Env, tokens: &[String], at: &mut usize, level: usize, depth: usize) -> Option<i64> {
    if depth > 64 {
        return None;
    }
    if level == LEVELS.len() {
        let token = tokens.get(*at)?;
        *at += 1;
        return match token.as_str() {
            "-" => sum(env, tokens, at, level, depth + 1)?.checked_neg(),
            "+" => sum(env, tokens, at, level, depth + 1),
            "(" => {
                let value = sum(env, tokens, at, 0, depth + 1)?;
                (tokens.get(*at).map(String::as_str) == Some(")")).then(|| *at += 1)?;
                Some(value)
            }
            word => word.parse().ok().or_else(|| variable(env, word).map_or(Some(0), |v| v.trim().parse().ok())),
        };
    }
    let mut value = sum(env, tokens, at, level + 1, depth)?;
    while let Some(op) = tokens.get(*at).filter(|t| LEVELS[level].contains(&t.as_str())) {
        *at += 1;
        let other = sum(env, tokens, at, level + 1, depth)?;
        value = match op.as_str() {
            "+" => value.checked_add(other)?,
            "-" => value.checked_sub(other)?,
            "*" => value.checked_mul(other)?,
            "/" => value.checked_div(other)?,
            "%" => value.checked_rem(other)?,
            "==" => i64::from(value == other),
            "!=" => i64::from(value != other),
            "<" => i64::from(value < other),
            ">" => i64::from(value > other),
            "<=" => i64::from(value <= other),
            _ => i64::from(value >= other),
        };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::env::Place;

    #[test]
    fn globs_and_sums() {
        assert!(glob_matches("web-*.y?ml", "web-1.yaml") && !glob_matches("*.yaml", "a.yml"));
        assert!(glob_matches("[a-c]x", "bx") && !glob_matches("[!a-c]x", "bx"));
        let env = Env::new(Place::Computer);
        for (text, value) in
            [("1+2*3", Some(7)), ("(1+2)*3", Some(9)), ("7/0", None), ("2 > 1", Some(1)), ("1 +", None)]
        {
            assert_eq!(arithmetic(&env, text), value, "{text}");
        }
    }
}
