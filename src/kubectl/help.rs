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

/// What a flag is for, where it is the same everywhere.
fn about(flag: &str) -> &'static str {
    match flag {
        "all" => "All objects of the resource type in the namespace.",
        "all-namespaces" => "In all namespaces.",
        "cascade" => "What becomes of what the object owns: background, foreground or orphan.",
        "class" => "The ingress class.",
        "cluster-ip" | "clusterip" => "The ClusterIP; None makes the service headless.",
        "command" => "What stands behind -- is the command, not its arguments.",
        "container" => "The container.",
        "dry-run" => "none, server or client: what would be sent is not kept.",
        "env" => "A variable of the container, as NAME=VALUE.",
        "field-selector" => "Only objects whose fields are so, as in status.phase=Running.",
        "filename" => "A file, a folder or an address; - is what is typed.",
        "follow" => "Go on as new lines come.",
        "for" => "What to wait for, or whose events to show.",
        "force" => "Do it although something speaks against it.",
        "from-literal" => "A key and its value, as KEY=VALUE.",
        "grace-period" => "Seconds that a pod has to end.",
        "ignore-not-found" => "Say nothing when an object is missing.",
        "image" => "The image of the container.",
        "label-columns" => "Labels that become columns.",
        "labels" => "Labels of the new object, as KEY=VALUE,KEY=VALUE.",
        "namespace" => "The namespace.",
        "no-headers" => "Without the line of headings.",
        "output" => "How it is printed: wide, yaml, json, name, jsonpath=, custom-columns=, go-template=.",
        "overwrite" => "Change what has a value already.",
        "patch" => "The patch, as JSON or YAML.",
        "port" => "The port.",
        "previous" => "The container that ran before.",
        "recursive" => "Everything below, too.",
        "replicas" => "How many pods.",
        "restart" => "The pod's restart policy: Always, OnFailure, Never.",
        "rm" => "Delete the pod when the command in it is done.",
        "rule" => "host/path=service:port[,tls=secret]",
        "selector" => "Only objects with these labels: app=web, app!=web, app in (a,b), app, !app.",
        "show-labels" => "The labels as the last column.",
        "sort-by" => "The field to sort by, as in .metadata.name.",
        "stdin" => "Keep the input open.",
        "target-port" => "The port of the pods, by number or name.",
        "tcp" => "PORT or PORT:TARGETPORT.",
        "timeout" => "How long to wait, as in 30s.",
        "tty" => "A terminal for the program.",
        "type" => "The type.",
        "watch" => "Go on as objects change.",
        _ => "",
    }
}

/// `--help` of a verb.
pub fn of(path: &str, verb: &Verb) -> String {
    let mut text = format!("{}.\n", verb.short.trim_end_matches('.'));
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
    let mut flags: Vec<Flag> = verb.flags.iter().flat_map(|t| table(t)).collect();
    flags.arrange_by_key(|f| f.name);
    if !flags.is_empty() {
        text.push_str("\nOptions:\n");
        for flag in flags {
            let short = flag.short.map_or("    ".to_string(), |s| format!("-{s}, "));
            let value = if flag.takes_value() { "=''" } else { "" };
            text.push_str(&format!("    {short}--{}{value}:\n", flag.name));
            if !about(flag.name).is_empty() {
                text.push_str(&format!("\t{}\n", about(flag.name)));
            }
        }
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
