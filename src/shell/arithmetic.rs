//! Whole-number arithmetic: `$((…))`, `((…))`, `let`, indices. Operators and their order are C's, as in bash.

use super::env::Env;

/// How deep parentheses and signs may nest.
const DEEPEST: usize = 64;
/// How long a sum may be.
const LONGEST: usize = 4_096;

/// Operators of two sides, the loosest first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

const SYMBOLS: [&str; 39] = [
    "<<=", ">>=", "**", "++", "--", "&&", "||", "==", "!=", "<=", ">=", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "+", "-", "*", "/", "%", "(", ")", "<", ">", "=", "!", "~", "&", "|", "^", "?", ":", ",",
];

const ASSIGNS: [&str; 11] = ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="];

/// The value of a sum; the error is the shell's words without its name.
pub fn value(env: &mut Env, text: &str) -> Result<i64, String> {
    value_at(env, text, 0, false)
}

fn value_at(env: &mut Env, text: &str, depth: usize, dry: bool) -> Result<i64, String> {
    if text.len() > LONGEST || depth > DEEPEST {
        return Err(format!("{}: expression recursion level exceeded", text.get(..40).unwrap_or(text)));
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(0);
    }
    let mut sum = Sum { env, text: text.trim(), tokens, at: 0, depth, dry };
    let value = sum.comma()?;
    match sum.peek() {
        None => Ok(value),
        Some(token) => Err(format!("{}: syntax error in expression (error token is \"{}\")", sum.text, token)),
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let word = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '#')).unwrap_or(rest.len());
        let length = if word > 0 {
            // An index belongs to its name.
            match rest[word..].starts_with('[').then(|| rest[word..].find(']')).flatten() {
                Some(end) => word + end + 1,
                None => word,
            }
        } else {
            let symbol = SYMBOLS.iter().find(|s| rest.starts_with(**s));
            let symbol = symbol.ok_or_else(|| {
                format!("{}: syntax error: invalid arithmetic operator (error token is \"{rest}\")", text.trim())
            })?;
            symbol.len()
        };
        tokens.push(rest[..length].to_string());
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Sum<'a> {
    env: &'a mut Env,
    text: &'a str,
    tokens: Vec<String>,
    at: usize,
    depth: usize,
    /// The side of `&&`, `||` or `?:` that does not count: nothing is assigned, nothing fails.
    dry: bool,
}

impl Sum<'_> {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn take(&mut self, any: &[&str]) -> Option<String> {
        let token = self.tokens.get(self.at).filter(|t| any.contains(&t.as_str()))?.clone();
        self.at += 1;
        Some(token)
    }

    fn operand_expected(&self) -> String {
        let rest = self.tokens[self.at.min(self.tokens.len())..].join(" ");
        let token = if rest.is_empty() { self.tokens.last().cloned().unwrap_or_default() } else { rest };
        format!("{}: syntax error: operand expected (error token is \"{token}\")", self.text)
    }

    fn comma(&mut self) -> Result<i64, String> {
        let mut value = self.assign()?;
        while self.take(&[","]).is_some() {
            value = self.assign()?;
        }
        Ok(value)
    }

    fn assign(&mut self) -> Result<i64, String> {
        let name = self.peek().filter(|t| is_name(t)).map(str::to_string);
        let operator = self.tokens.get(self.at + 1).filter(|t| ASSIGNS.contains(&t.as_str())).cloned();
        if let (Some(name), Some(operator)) = (name, operator) {
            self.at += 2;
            let right = self.nested(Sum::assign)?;
            let value = match operator.trim_end_matches('=') {
                "" => right,
                operator => {
                    let left = self.read(&name)?;
                    self.apply(operator, left, right)?
                }
            };
            self.write(&name, value);
            return Ok(value);
        }
        self.choice()
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<i64, String>) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("{}: expression recursion level exceeded", self.text));
        }
        let value = inner(self);
        self.depth -= 1;
        value
    }

    fn choice(&mut self) -> Result<i64, String> {
        let condition = self.binary(0)?;
        if self.take(&["?"]).is_none() {
            return Ok(condition);
        }
        let was = self.dry;
        self.dry = was || condition == 0;
        let yes = self.nested(Sum::assign)?;
        if self.take(&[":"]).is_none() {
            return Err(format!("{}: `:' expected for conditional expression", self.text));
        }
        self.dry = was || condition != 0;
        let no = self.nested(Sum::choice)?;
        self.dry = was;
        Ok(if condition != 0 { yes } else { no })
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.power() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.take(operators) {
            let was = self.dry;
            self.dry |= operator == "&&" && left == 0 || operator == "||" && left != 0;
            let right = self.binary(level + 1)?;
            self.dry = was;
            left = self.apply(&operator, left, right)?;
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<i64, String> {
        let base = self.unary()?;
        if self.take(&["**"]).is_none() {
            return Ok(base);
        }
        let exponent = self.nested(Sum::power)?;
        if exponent < 0 {
            return Err(format!("{}: exponent less than 0 (error token is \"{exponent}\")", self.text));
        }
        Ok(base.wrapping_pow(u32::try_from(exponent).unwrap_or(u32::MAX)))
    }

    fn unary(&mut self) -> Result<i64, String> {
        if let Some(operator) = self.take(&["-", "+", "!", "~"]) {
            let value = self.nested(Sum::unary)?;
            return Ok(match operator.as_str() {
                "-" => value.wrapping_neg(),
                "!" => i64::from(value == 0),
                "~" => !value,
                _ => value,
            });
        }
        if let Some(operator) = self.take(&["++", "--"]) {
            let Some(name) = self.peek().filter(|t| is_name(t)).map(str::to_string) else {
                return self.nested(Sum::unary);
            };
            self.at += 1;
            let value = self.read(&name)?.wrapping_add(if operator == "++" { 1 } else { -1 });
            self.write(&name, value);
            return Ok(value);
        }
        if self.take(&["("]).is_some() {
            let value = self.nested(Sum::comma)?;
            if self.take(&[")"]).is_none() {
                return Err(format!(
                    "{}: missing `)' (error token is \"{}\")",
                    self.text,
                    self.tokens.last().map_or("", String::as_str)
                ));
            }
            return Ok(value);
        }
        let Some(token) = self.peek().filter(|t| t.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')) else {
            return Err(self.operand_expected());
        };
        let token = token.to_string();
        self.at += 1;
        if !is_name(&token) {
            return number(&token)
                .ok_or_else(|| format!("{token}: value too great for base (error token is \"{token}\")"));
        }
        let value = self.read(&token)?;
        if let Some(operator) = self.take(&["++", "--"]) {
            self.write(&token, value.wrapping_add(if operator == "++" { 1 } else { -1 }));
        }
        Ok(value)
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Result<i64, String> {
        Ok(match operator {
            "||" => i64::from(left != 0 || right != 0),
            "&&" => i64::from(left != 0 && right != 0),
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            "<<" => left.wrapping_shl(right as u32),
            ">>" => left.wrapping_shr(right as u32),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            _ if right == 0 && self.dry => 0,
            _ if right == 0 => {
                return Err(format!("{}: division by 0 (error token is \"{right}\")", self.text));
            }
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    /// A variable's value, which may be a sum itself.
    fn read(&mut self, name: &str) -> Result<i64, String> {
        let (name, index) = self.place(name)?;
        let text = self.env.element(&name, index).unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(0);
        }
        if let Some(number) = number(text.trim()) {
            return Ok(number);
        }
        value_at(self.env, &text, self.depth + 8, self.dry)
    }

    fn place(&mut self, name: &str) -> Result<(String, Option<i64>), String> {
        match name.split_once('[') {
            None => Ok((name.to_string(), None)),
            Some((name, index)) => {
                let at = value_at(self.env, index.trim_end_matches(']'), self.depth + 8, self.dry)?;
                Ok((name.to_string(), Some(at)))
            }
        }
    }

    fn write(&mut self, name: &str, value: i64) {
        if self.dry {
            return;
        }
        if let Ok((name, index)) = self.place(name) {
            self.env.set_element(&name, index, &value.to_string());
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// `10`, `010` (octal), `0x1f`, `2#101`.
fn number(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok();
    }
    if let Some((base, digits)) = text.split_once('#') {
        let base = base.parse::<u32>().ok().filter(|b| (2..=36).contains(b))?;
        return i64::from_str_radix(digits, base).ok();
    }
    if text.len() > 1 && text.starts_with('0') {
        return i64::from_str_radix(text, 8).ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::env::Place;

    #[test]
    fn sums_are_bashs() {
        let mut env = Env::new(Place::Computer);
        env.set("x", "5");
        for (text, expected) in [
            ("1+2*3", Ok(7)),
            ("(1+2)*3", Ok(9)),
            ("2 > 1", Ok(1)),
            ("x++ + x", Ok(11)),
            ("x += 2, x * 2", Ok(16)),
            ("x > 3 ? 10 : 20", Ok(10)),
            ("0 && 1/0", Ok(0)),
            ("2**10 | 1", Ok(1025)),
            ("0x10 + 010", Ok(24)),
            ("!x || ~0", Ok(1)),
            ("", Ok(0)),
            ("7/0", Err("7/0: division by 0 (error token is \"0\")".to_string())),
            ("1 +", Err("1 +: syntax error: operand expected (error token is \"+\")".to_string())),
        ] {
            assert_eq!(value(&mut env, text), expected, "{text}");
        }
        env.set("a", "a");
        assert!(value(&mut env, "a").is_err(), "a variable that stands for itself");
        assert!(value(&mut env, &"(".repeat(4_000)).is_err());
    }
}
