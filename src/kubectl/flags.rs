//! The command line: flags as `spf13/pflag` reads them, with its errors. Flags may stand anywhere before `--`.

/// What a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Nothing: it is a switch (`--flag=false` turns it off).
    Switch,
    Text,
    Number,
    /// A Go duration: `1m30s`.
    Duration,
    /// May stand alone; then it means this.
    Optional(&'static str),
}

/// A flag that a command knows.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    pub name: &'static str,
    pub short: Option<char>,
    takes: Takes,
}

impl Flag {
    pub fn is_duration(&self) -> bool {
        self.takes == Takes::Duration
    }

    /// Whether a value follows as the next word.
    pub fn takes_value(&self) -> bool {
        matches!(self.takes, Takes::Text | Takes::Number | Takes::Duration)
    }
}

/// Reads a table of flags: `output,o=` takes text, `replicas#` a number, `timeout~` a duration, `dry-run?unchanged` text or
/// nothing, and a bare name is a switch. The one-letter form stands behind a comma.
pub fn table(text: &'static str) -> impl Iterator<Item = Flag> {
    text.split_whitespace().map(|word| {
        let (head, takes) = if let Some((head, default)) = word.split_once('?') {
            (head, Takes::Optional(default))
        } else if let Some(head) = word.strip_suffix('=') {
            (head, Takes::Text)
        } else if let Some(head) = word.strip_suffix('#') {
            (head, Takes::Number)
        } else if let Some(head) = word.strip_suffix('~') {
            (head, Takes::Duration)
        } else {
            (word, Takes::Switch)
        };
        let (name, short) = head.split_once(',').map_or((head, None), |(name, short)| (name, short.chars().next()));
        Flag { name, short, takes }
    })
}

/// The flags of every command.
pub const GLOBAL: &str = "namespace,n= context= kubeconfig= cluster= user= server,s= token= as= as-group= as-uid= request-timeout= \
     insecure-skip-tls-verify certificate-authority= client-certificate= client-key= tls-server-name= cache-dir= \
     match-server-version v,v= vmodule= warnings-as-errors disable-compression log-flush-frequency= profile= profile-output= \
     username= password= help,h";

/// A command line that has been read.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    values: Vec<(&'static str, String)>,
    /// What is no flag.
    pub args: Vec<String>,
    /// How many of `args` stand before `--`; `None` without one.
    pub dash: Option<usize>,
    /// The tables that they were read by.
    tables: Vec<&'static str>,
}

impl Flags {
    /// Reads `words` by the flags of `tables`. With `interspersed` false everything from the first argument on is left
    /// alone, as `kubectl exec` does it.
    pub fn parse(words: &[String], tables: &[&'static str], interspersed: bool) -> Result<Flags, String> {
        let known: Vec<Flag> = tables.iter().flat_map(|t| table(t)).collect();
        let mut flags = Flags { tables: tables.to_vec(), ..Flags::default() };
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if word == "--" {
                flags.dash = Some(flags.args.len());
                flags.args.extend(rest.by_ref().cloned());
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
                if name.is_empty() || name.starts_with('-') || name.starts_with('=') {
                    return Err(format!("bad flag syntax: {word}"));
                }
                let Some(flag) = known.iter().find(|f| f.name == name) else {
                    return Err(format!("unknown flag: --{name}"));
                };
                let value = match (value, flag.takes) {
                    (Some(value), _) => value.to_string(),
                    (None, Takes::Switch) => "true".to_string(),
                    (None, Takes::Optional(default)) => default.to_string(),
                    (None, _) => rest.next().cloned().ok_or_else(|| format!("flag needs an argument: --{name}"))?,
                };
                flags.set(flag, value, &format!("--{name}"))?;
            } else if word.len() > 1 && word.starts_with('-') {
                for (at, letter) in word[1..].char_indices() {
                    let Some(flag) = known.iter().find(|f| f.short == Some(letter)) else {
                        return Err(format!("unknown shorthand flag: '{letter}' in {word}"));
                    };
                    let shown = format!("-{letter}, --{}", flag.name);
                    let tail = &word[1 + at + letter.len_utf8()..];
                    if let Some(value) = tail.strip_prefix('=') {
                        flags.set(flag, value.to_string(), &shown)?;
                        break;
                    }
                    match flag.takes {
                        Takes::Switch => flags.set(flag, "true".to_string(), &shown)?,
                        Takes::Optional(default) => flags.set(flag, default.to_string(), &shown)?,
                        _ if !tail.is_empty() => {
                            flags.set(flag, tail.to_string(), &shown)?;
                            break;
                        }
                        _ => {
                            let value = rest.next().cloned();
                            let value = value.ok_or_else(|| format!("flag needs an argument: '{letter}' in {word}"))?;
                            flags.set(flag, value, &shown)?;
                        }
                    }
                }
            } else {
                flags.args.push(word.clone());
                if !interspersed {
                    // A `--` among the rest still counts, as `kubectl exec pod -- ls` needs it.
                    let tail: Vec<String> = rest.by_ref().cloned().collect();
                    match tail.iter().position(|w| w == "--") {
                        Some(0) => {
                            flags.dash = Some(flags.args.len());
                            flags.args.extend(tail.into_iter().skip(1));
                        }
                        _ => {
                            let more = Flags::parse_tail(&tail, &known, &mut flags)?;
                            flags.args.extend(more);
                        }
                    }
                }
            }
        }
        Ok(flags)
    }

    /// Flags behind the first argument still count up to the first word that is none.
    fn parse_tail(tail: &[String], known: &[Flag], flags: &mut Flags) -> Result<Vec<String>, String> {
        let mut at = 0;
        while at < tail.len() {
            let word = &tail[at];
            if word == "--" {
                flags.dash = Some(flags.args.len());
                return Ok(tail[at + 1..].to_vec());
            }
            if !word.starts_with('-') || word.len() == 1 {
                break;
            }
            let name = word.trim_start_matches('-');
            let long = word.starts_with("--");
            let bare = name.split('=').next().unwrap_or(name);
            let flag = known.iter().find(|f| if long { f.name == bare } else { f.short == name.chars().next() });
            let Some(flag) = flag else {
                return Err(if long {
                    format!("unknown flag: --{bare}")
                } else {
                    format!("unknown shorthand flag: '{}' in {word}", name.chars().next().unwrap_or('-'))
                });
            };
            let separate = flag.takes_value() && !name.contains('=') && (long || name.chars().count() == 1);
            let take = if separate { 2 } else { 1 };
            let slice: Vec<String> = tail[at..(at + take).min(tail.len())].to_vec();
            let one = Flags::read_with(&slice, known)?;
            flags.values.extend(one.values);
            at += take;
        }
        Ok(tail[at..].to_vec())
    }

    fn read_with(words: &[String], known: &[Flag]) -> Result<Flags, String> {
        let mut flags = Flags::default();
        let first = words.first().map_or("", String::as_str);
        if let Some(long) = first.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_string())));
            if let Some(flag) = known.iter().find(|f| f.name == name) {
                let value = value.or_else(|| words.get(1).cloned());
                let value = match (value, flag.takes) {
                    (Some(value), _) => value,
                    (None, Takes::Switch) => "true".to_string(),
                    (None, Takes::Optional(default)) => default.to_string(),
                    (None, _) => return Err(format!("flag needs an argument: --{name}")),
                };
                flags.set(flag, value, &format!("--{name}"))?;
            }
            return Ok(flags);
        }
        for letter in first.trim_start_matches('-').chars() {
            let Some(flag) = known.iter().find(|f| f.short == Some(letter)) else {
                return Err(format!("unknown shorthand flag: '{letter}' in {first}"));
            };
            if flag.takes_value() {
                let tail = first.trim_start_matches('-').split_once(letter).map_or("", |(_, t)| t);
                let value = if tail.is_empty() {
                    words.get(1).cloned()
                } else {
                    Some(tail.trim_start_matches('=').to_string())
                };
                let value = value.ok_or_else(|| format!("flag needs an argument: '{letter}' in {first}"))?;
                flags.set(flag, value, &format!("-{letter}, --{}", flag.name))?;
                break;
            }
            flags.set(flag, "true".to_string(), &format!("-{letter}, --{}", flag.name))?;
        }
        Ok(flags)
    }

    fn set(&mut self, flag: &Flag, value: String, shown: &str) -> Result<(), String> {
        let quoted = crate::api::json::quote(&value);
        let invalid = |why: String| Err(format!("invalid argument {quoted} for \"{shown}\" flag: {why}"));
        match flag.takes {
            Takes::Switch if boolean(&value).is_none() => {
                return invalid(format!("strconv.ParseBool: parsing {quoted}: invalid syntax"));
            }
            Takes::Number if value.parse::<i64>().is_err() => {
                return invalid(format!("strconv.ParseInt: parsing {quoted}: invalid syntax"));
            }
            Takes::Duration if duration(&value).is_none() => {
                let why = if value.parse::<f64>().is_ok() {
                    format!("time: missing unit in duration {quoted}")
                } else {
                    format!("time: invalid duration {quoted}")
                };
                return invalid(why);
            }
            _ => {}
        }
        self.values.push((flag.name, value));
        Ok(())
    }

    /// The last value of a flag.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// The last value, or "".
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// Every value, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v.as_str())
    }

    /// Every value, each divided at commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(|v| v.split(',')).filter(|v| !v.is_empty()).map(str::to_string).collect()
    }

    /// A switch: on, off or not given.
    pub fn switch(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(boolean)
    }

    pub fn is_on(&self, name: &str) -> bool {
        self.switch(name) == Some(true)
    }

    /// Whether the command has such a flag at all.
    pub fn knows(&self, name: &str) -> bool {
        self.tables.iter().flat_map(|t| table(t)).any(|flag| flag.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(|v| v.parse().ok())
    }

    /// A duration in microseconds; negative durations too.
    pub fn duration(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(duration)
    }

    /// The arguments in front of `--`.
    pub fn before_dash(&self) -> &[String] {
        &self.args[..self.dash.unwrap_or(self.args.len())]
    }

    /// The arguments behind `--`.
    pub fn after_dash(&self) -> &[String] {
        self.dash.map_or(&[], |at| &self.args[at..])
    }
}

/// A switch's value as Go's `strconv.ParseBool` reads it.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A Go duration in microseconds: `1h2m3.5s`, `-1s`, `0`.
pub fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ns" => 1e-3,
                "us" | "µs" => 1.0,
                "ms" => 1e3,
                "s" => 1e6,
                "m" => 60e6,
                "h" => 3_600e6,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (total < 1e17).then_some((sign * total) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "output,o= all-namespaces,A watch,w replicas# timeout~ dry-run?unchanged";

    fn parse(line: &str) -> Result<Flags, String> {
        let words: Vec<String> = line.split(' ').map(str::to_string).collect();
        Flags::parse(&words, &[TABLE], true)
    }

    #[test]
    fn flags_are_read_as_pflag_reads_them() {
        let flags = parse("svc -Aw -oyaml --replicas 3 web --dry-run -- -x").unwrap();
        assert_eq!(
            (flags.text("output"), flags.number("replicas"), flags.text("dry-run")),
            ("yaml", Some(3), "unchanged")
        );
        assert!(flags.is_on("all-namespaces") && flags.is_on("watch"));
        assert_eq!(
            (flags.before_dash(), flags.after_dash()),
            (&["svc".to_string(), "web".to_string()][..], &["-x".to_string()][..])
        );
        for (line, error) in [
            ("--nope", "unknown flag: --nope"),
            ("-xA", "unknown shorthand flag: 'x' in -xA"),
            ("-o", "flag needs an argument: 'o' in -o"),
            ("--output", "flag needs an argument: --output"),
            (
                "--replicas=x",
                "invalid argument \"x\" for \"--replicas\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
            ),
            (
                "--watch=maybe",
                "invalid argument \"maybe\" for \"--watch\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            ("--timeout=5", "invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\""),
        ] {
            assert_eq!(parse(line).map(|_| ()), Err(error.to_string()), "{line}");
        }
        assert_eq!(duration("1m30s"), Some(90_000_000));
    }
}
