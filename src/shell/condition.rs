//! Conditions: `test`, `[ … ]` and `[[ … ]]`.

use super::arithmetic;
use super::env::Env;
use super::expand::{self, Found};
use super::parse::Condition;
use super::pattern::Pattern;
use super::world::World;

/// Whether what stands in `[[ … ]]` holds; the error is the shell's words.
pub fn holds(world: &World, env: &mut Env, condition: &Condition, found: &mut Found) -> Result<bool, String> {
    Ok(match condition {
        Condition::Not(inner) => !holds(world, env, inner, found)?,
        // Both sides are expanded, since what they substitute has run already.
        Condition::And(a, b) => {
            let (a, b) = (holds(world, env, a, found)?, holds(world, env, b, found)?);
            a && b
        }
        Condition::Or(a, b) => {
            let (a, b) = (holds(world, env, a, found)?, holds(world, env, b, found)?);
            a || b
        }
        Condition::Unary(operator, word) => {
            let text = expand::text(world, env, word, found)?;
            unary(world, env, operator, &text).ok_or_else(|| format!("[[: {operator}: unary operator expected"))?
        }
        Condition::Binary(left, operator, right) => {
            let left = expand::text(world, env, left, found)?;
            match operator.as_str() {
                "=" | "==" | "!=" => {
                    let pattern = expand::pattern(world, env, right, found)?;
                    expand::glob_matches(&pattern, &left) == (operator != "!=")
                }
                "=~" => {
                    let pattern = expand::text(world, env, right, found)?;
                    let hit = Pattern::new(&pattern, true, false, false).find(&left);
                    let matched = hit.map(|(a, b)| left.chars().skip(a).take(b - a).collect::<String>());
                    env.arrays.remove("BASH_REMATCH");
                    if let Some(text) = &matched {
                        env.set_element("BASH_REMATCH", Some(0), text);
                    }
                    matched.is_some()
                }
                operator => {
                    let right = expand::text(world, env, right, found)?;
                    let mut number = |text: &str| arithmetic::value(env, text).map_err(|e| format!("[[: {e}"));
                    match operator {
                        "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge" => {
                            compare(number(&left)?, operator, number(&right)?)
                        }
                        _ => binary(&left, operator, &right)
                            .ok_or_else(|| format!("conditional binary operator expected: `{operator}'"))?,
                    }
                }
            }
        }
    })
}

fn compare(a: i64, operator: &str, b: i64) -> bool {
    match operator {
        "-eq" => a == b,
        "-ne" => a != b,
        "-lt" => a < b,
        "-le" => a <= b,
        "-gt" => a > b,
        _ => a >= b,
    }
}

/// `-f file`, `-z text`; `None` when there is no such operator.
fn unary(world: &World, env: &Env, operator: &str, text: &str) -> Option<bool> {
    Some(match operator {
        "-z" => text.is_empty(),
        "-n" => !text.is_empty(),
        "-f" | "-r" | "-w" => world.is_file(env, text),
        "-x" => world.is_executable(env, text),
        "-s" => world.read(env, text).is_some_and(|t| !t.is_empty()),
        "-e" | "-a" => world.is_file(env, text) || world.is_folder(env, text),
        "-d" => world.is_folder(env, text),
        "-L" | "-h" => false,
        _ => return None,
    })
}

fn binary(a: &str, operator: &str, b: &str) -> Option<bool> {
    Some(match operator {
        "=" | "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        ">" => a > b,
        _ => return None,
    })
}

/// Whether the words of `test` or `[` hold; the error is the shell's words.
pub fn test(world: &World, env: &Env, words: &[&str]) -> Result<bool, String> {
    if words.len() > 200 {
        return Err("too many arguments".to_string());
    }
    // `-o` binds looser than `-a`; both only stand between whole conditions.
    let joined =
        |mark: &str| words.iter().skip(1).position(|w| *w == mark).map(|at| at + 1).filter(|_| words.len() > 4);
    if let Some(at) = joined("-o") {
        return Ok(test(world, env, &words[..at])? || test(world, env, &words[at + 1..])?);
    }
    if let Some(at) = joined("-a") {
        return Ok(test(world, env, &words[..at])? && test(world, env, &words[at + 1..])?);
    }
    match words {
        [] => Ok(false),
        [a] => Ok(!a.is_empty()),
        ["(", inner @ .., ")"] => test(world, env, inner),
        ["!", rest @ ..] => test(world, env, rest).map(|truth| !truth),
        [operator, text] => {
            unary(world, env, operator, text).ok_or_else(|| format!("{operator}: unary operator expected"))
        }
        [a, operator @ ("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge"), b] => {
            let number = |t: &str| t.trim().parse::<i64>().map_err(|_| format!("{t}: integer expression expected"));
            Ok(compare(number(a)?, operator, number(b)?))
        }
        [a, operator, b] => binary(a, operator, b).ok_or_else(|| format!("{operator}: binary operator expected")),
        _ => Err("too many arguments".to_string()),
    }
}
