//! kubectl (`k8s.io/kubectl`, `k8s.io/cli-runtime`): its verbs, its printers, its words on both streams.
//!
//! [`start`] reads a command line and does what can be done at once; what goes on (a watch, a wait, a program in a
//! container) comes back as [`call::Next`] for the shell to carry on with as simulated time goes by.

pub mod apply;
pub mod arguments;
pub mod call;
pub mod create;
pub mod delete;
pub mod describe;
pub mod failure;
pub mod flags;
pub mod help;
pub mod manifest;
pub mod output;
pub mod patch;
pub mod printed;
pub mod replace;
pub mod run;
pub mod selector;
pub mod verbs;

use crate::cluster::Cluster;
use call::{Call, Config, Files, Next, Streams, own};
use flags::{Flags, GLOBAL};
use output::check_printed;
use verbs::{Act, Verb};

/// What a command line came to: what it printed at once, and what comes next.
pub struct Started {
    pub streams: Streams,
    pub next: Next,
}

impl Started {
    fn said(out: String) -> Started {
        Started { streams: Streams { out, err: String::new() }, next: Next::Done(0) }
    }

    fn failed(err: String) -> Started {
        Started { streams: Streams { out: String::new(), err }, next: Next::Done(1) }
    }
}

/// Runs a command line (without the word `kubectl`).
pub fn start(cluster: &mut Cluster, config: &mut Config, files: &dyn Files, stdin: &str, words: &[String]) -> Started {
    let (at, early) = match first_word(words) {
        Ok(found) => found,
        Err(problem) => return Started::failed(format!("error: {problem}\nSee 'kubectl --help' for usage.\n")),
    };
    let Some(at) = at else {
        return if early.iter().any(|w| w == "--version") {
            Started::failed("error: unknown flag: --version\nSee 'kubectl --help' for usage.\n".to_string())
        } else {
            Started::said(help::overview())
        };
    };
    let name = words[at].as_str();
    let mut rest: Vec<String> = early.to_vec();
    rest.extend_from_slice(&words[at + 1..]);
    if name == "help" {
        return help_of(&words[at + 1..]);
    }
    let Some(mut verb) = verbs::find(name) else { return unknown(name) };
    let mut path = format!("kubectl {}", verb.name());
    // Words of the verb's own table follow: `create service clusterip`.
    while let Some(place) = first_argument(&rest, verb) {
        let Some(child) = verb.child(&rest[place]) else { break };
        rest.remove(place);
        verb = child;
        path = format!("{path} {}", verb.name());
    }
    let mut tables: Vec<&'static str> = verb.flags.to_vec();
    tables.push(GLOBAL);
    let interspersed = path != "kubectl exec";
    let flags = match Flags::parse(&rest, &tables, interspersed) {
        Ok(flags) => flags,
        Err(problem) => return Started::failed(format!("error: {problem}\nSee '{path} --help' for usage.\n")),
    };
    if flags.is_on("help") {
        return Started::said(help::of(&path, verb));
    }
    let act = match &verb.act {
        Act::Run(act) | Act::Both(act, _) => *act,
        Act::Parent(_) => {
            return match flags.args.first() {
                Some(_) => Started::failed(format!(
                    "error: unknown command {:?}\nSee '{path} -h' for help and examples\n",
                    flags.args.join(" ")
                )),
                // Its help, as an error: something was left out.
                None => Started::failed(help::of(&path, verb)),
            };
        }
    };
    if let Some(context) = flags.get("context").filter(|c| !config.contexts.iter().any(|(n, _)| n == c)) {
        return Started::failed(format!("error: context {context:?} does not exist\n"));
    }
    let mut call = Call::new(cluster, config, files, stdin, flags, path);
    let known = if verb.flags.contains(&verbs::PRINT) { check_printed(call.flags.text("output")) } else { Ok(()) };
    let result = known.map_err(own).and_then(|()| act(&mut call));
    let (streams, next) = call.finish(result);
    Started { streams, next }
}

/// Where the first word stands that is no flag and no flag's value.
fn first_argument(words: &[String], verb: &Verb) -> Option<usize> {
    let mut value = false;
    words.iter().take_while(|w| *w != "--").position(|word| {
        let is_flag = word.starts_with('-') && word.len() > 1;
        let found = !is_flag && !value;
        value = is_flag && takes_value(word, verb);
        found
    })
}

/// Whether a flag that stands alone takes the next word.
fn takes_value(word: &str, verb: &Verb) -> bool {
    if !word.starts_with('-') || word.contains('=') || word == "--" {
        return false;
    }
    let name = word.trim_start_matches('-');
    let tables = verb.flags.iter().copied().chain([GLOBAL]);
    let mut flags = tables.flat_map(flags::table);
    let long = word.starts_with("--");
    let found = flags.find(|f| if long { f.name == name } else { f.short.is_some() && f.short == name.chars().last() });
    found.is_some_and(|f| f.takes_value())
}

/// Where the verb stands, and the global flags in front of it.
fn first_word(words: &[String]) -> Result<(Option<usize>, &[String]), String> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if !word.starts_with('-') {
            return Ok((Some(at), &words[..at]));
        }
        let name = word.trim_start_matches('-').split('=').next().unwrap_or("");
        let long = word.starts_with("--");
        let known = flags::table(GLOBAL).find(|f| if long { f.name == name } else { f.short == name.chars().next() });
        let Some(flag) = known else {
            return Err(if long || name.is_empty() {
                format!("unknown flag: {word}")
            } else {
                format!("unknown shorthand flag: '{}' in {word}", name.chars().next().unwrap_or('-'))
            });
        };
        let joined = word.contains('=') || (!long && name.chars().count() > 1);
        if flag.takes_value() && !joined && at + 1 >= words.len() {
            return Err(match long {
                true => format!("flag needs an argument: --{name}"),
                false => format!("flag needs an argument: '{name}' in {word}"),
            });
        }
        at += if flag.takes_value() && !joined { 2 } else { 1 };
    }
    Ok((None, words))
}

fn help_of(words: &[String]) -> Started {
    let mut path = String::from("kubectl");
    let mut found: Option<&'static Verb> = None;
    for word in words.iter().filter(|w| !w.starts_with('-')) {
        let next = match found {
            None => verbs::find(word),
            Some(verb) => verb.child(word),
        };
        let Some(verb) = next else {
            return Started::failed(format!("Unknown help topic [`{}`]\n", words.join("` `")));
        };
        path = format!("{path} {}", verb.name());
        found = Some(verb);
    }
    Started::said(found.map_or_else(help::overview, |verb| help::of(&path, verb)))
}

/// The error of a verb that there is not, with what it may have meant.
fn unknown(name: &str) -> Started {
    let mut text = format!("error: unknown command {name:?} for \"kubectl\"\n");
    let near: Vec<&str> = verbs::VERBS
        .iter()
        .map(Verb::name)
        .filter(|v| distance(v, name) <= 2 || v.to_ascii_lowercase().starts_with(&name.to_ascii_lowercase()))
        .collect();
    if !near.is_empty() {
        text.push_str("\nDid you mean this?\n");
        for verb in near {
            text.push_str(&format!("\t{verb}\n"));
        }
    }
    Started::failed(text)
}

/// How many characters must change to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
