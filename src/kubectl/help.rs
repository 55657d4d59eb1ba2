//! `--help`: of kubectl itself, of every verb. The layout is upstream's (`k8s.io/kubectl/pkg/util/templates`), the sentences
//! are this project's own.

use crate::arrange::Arrange;
use crate::kubectl::flags::{Flag, table};
use crate::kubectl::verbs::{Act, GROUPS, VERBS, Verb};

/// `kubectl help`.
pub fn overview() -> String {
    let mut text = String::from("kubectl controls the Kubernetes cluster manager.\n\n");
    for group in GROUPS {
        let verbs: Vec<&Verb> = VERBS.iter().filter(|v| v.group == group && v.name() != "options").collect();
        text.push_str(&format!("{group}\n"));
        let width = verbs.iter().map(|v| v.name().len()).max().unwrap_or(0);
        for verb in verbs {
            text.push_str(&format!("  {:width$}  {}\n", verb.name(), verb.short));
        }
        text.push('\n');
    }
    text.push_str("Usage:\n  kubectl [flags] [options]\n\nUse \"kubectl <command> --help\" for more information about a given command.\nUse \"kubectl options\" for a list of global command-line options (applies to all commands).\n");
    text
}

/// A line a flag: its name, what it is when nobody says anything, what it is for.
const FLAGS: &str = include_str!("../../assets/kubectl/flags.tsv");
/// A line a verb: its path, and a paragraph or two about it.
const ABOUT: &str = include_str!("../../assets/kubectl/verbs.tsv");

/// What a flag is when nobody says anything, and what it is for.
fn about(flag: &Flag) -> (String, &'static str) {
    let known = FLAGS.lines().find_map(|line| line.strip_prefix(flag.name)?.strip_prefix('\t')?.split_once('\t'));
    let (default, words) = known.unwrap_or(("", ""));
    let plain = ["true", "false", "[]"].contains(&default) || default.ends_with(|c: char| c.is_ascii_digit());
    let shown = if plain || flag.is_duration() { default.to_string() } else { format!("'{default}'") };
    (shown, words)
}

/// The flags of every command, as `kubectl options` lists them.
pub fn options(tables: &[&'static str]) -> String {
    let mut flags: Vec<Flag> = tables.iter().flat_map(|t| table(t)).collect();
    flags.arrange_by_key(|f| f.name);
    let one = |flag: &Flag| {
        let (default, words) = about(flag);
        let short = flag.short.map_or("    ".to_string(), |s| format!("-{s}, "));
        format!("    {short}--{}={default}:\n\t{words}\n", flag.name)
    };
    flags.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// `--help` of a verb.
pub fn of(path: &str, verb: &Verb) -> String {
    let mut text = format!("{}.\n", verb.short.trim_end_matches('.'));
    let more = ABOUT.lines().find_map(|line| line.strip_prefix(path)?.strip_prefix('\t'));
    for paragraph in more.iter().flat_map(|m| m.split("\\n\\n")) {
        // Paragraphs behind the first line are set in by a blank.
        text.push_str(&format!("\n {paragraph}\n"));
    }
    if verb.names.len() > 1 {
        text.push_str(&format!("\nAliases:\n{}\n", verb.names.join(", ")));
    }
    if !verb.examples.is_empty() {
        text.push_str("\nExamples:\n");
        for line in verb.examples.lines() {
            text.push_str(&if line.is_empty() { "\n".to_string() } else { format!("  {line}\n") });
        }
    }
    if !verb.children().is_empty() {
        text.push_str("\nAvailable Commands:\n");
        let width = verb.children().iter().map(|v| v.name().len()).max().unwrap_or(0);
        for child in verb.children() {
            text.push_str(&format!("  {:width$}  {}\n", child.name(), child.short));
        }
    }
    if !verb.flags.is_empty() {
        text.push_str("\nOptions:\n");
        text.push_str(&options(verb.flags));
    }
    let usage = match verb.usage {
        "" if matches!(verb.act, Act::Parent(_)) => " [flags]".to_string(),
        "" => String::new(),
        words => format!(" {}", words.trim_end_matches(" [flags]")),
    };
    text.push_str(&format!("\nUsage:\n  {path}{usage} [options]\n"));
    if !verb.children().is_empty() {
        text.push_str(&format!("\nUse \"{path} <command> --help\" for more information about a given command.\n"));
    }
    if verb.children().is_empty() {
        text.push('\n');
    }
    text.push_str("Use \"kubectl options\" for a list of global command-line options (applies to all commands).\n");
    text
}
