//! Golden transcripts of the terminal: `tests/golden/shell/*.txt`. Each holds the manifests that the cluster starts with
//! (`== NAME` begins a file; one of `== tab NAME` is open in the editor, but not applied) and, behind `== transcript`, what somebody types and what comes. `UPDATE_GOLDEN=1` writes down
//! what comes now; the difference is then read, not trusted.

use giljabi::cluster::{ProxyMode, Settings};
use giljabi::shell::script;
use giljabi::workspace::{File, Workspace};
use std::path::Path;

/// A golden file, taken apart.
struct Golden {
    head: String,
    settings: Settings,
    files: Vec<File>,
    /// Files that are open in the editor, but not applied.
    tabs: Vec<File>,
    script: String,
    expected: String,
}

fn read(text: &str) -> Golden {
    let (head, expected) = text.split_once("== transcript\n").expect("a line `== transcript`");
    let mut settings = Settings { seed: 1, ..Settings::default() };
    let mut files: Vec<File> = Vec::new();
    let mut tabs: Vec<File> = Vec::new();
    let mut in_tab = false;
    for line in head.lines() {
        match line.strip_prefix("== ") {
            Some("mode ipvs") => settings.proxy_mode = ProxyMode::Ipvs,
            Some("mode nftables") => settings.proxy_mode = ProxyMode::Nftables,
            Some(name) => {
                in_tab = name.starts_with("tab ");
                let list = if in_tab { &mut tabs } else { &mut files };
                list.push(File { name: name.trim_start_matches("tab ").into(), text: String::new() });
            }
            None => {
                if let Some(file) = if in_tab { tabs.last_mut() } else { files.last_mut() } {
                    file.text.push_str(line);
                    file.text.push('\n');
                }
            }
        }
    }
    Golden { head: head.to_string(), settings, files, tabs, script: typed(expected), expected: expected.to_string() }
}

/// What is typed: everything behind a prompt, and `^C`.
fn typed(transcript: &str) -> String {
    let mut script = String::new();
    for line in transcript.lines() {
        let digits = line.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        let (number, rest) = line.split_at(digits);
        let prompt = ["$ ", "/ # ", "> "].iter().find_map(|p| rest.strip_prefix(p));
        let node = rest.strip_prefix("root@").and_then(|r| r.split_once("# ")).map(|(_, l)| l);
        if rest == "^C" {
            script.push_str(&format!("{number}^C\n"));
        } else if let Some(line) = prompt.or(node) {
            if number.is_empty() {
                script.push_str(line)
            } else {
                script.push_str(&format!("{number}$ {line}"))
            }
            script.push('\n');
        }
    }
    script
}

#[test]
fn transcripts_are_as_they_were_read_and_approved() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/shell");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no transcript was found");
    let mut differing = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a text");
        let golden = read(&text);
        let tabs: Vec<(String, String)> =
            golden.files.iter().chain(&golden.tabs).map(|f| (f.name.to_string(), f.text.clone())).collect();
        let mut workspace = Workspace::new(golden.settings);
        workspace.set_files(golden.files);
        assert!(workspace.last().refused.is_empty(), "{}: a manifest is refused", path.display());
        let ended = script::run(workspace.cluster_mut(), &tabs, &golden.script);
        if ended.transcript == golden.expected {
            continue;
        }
        if update {
            std::fs::write(&path, format!("{}== transcript\n{}", golden.head, ended.transcript))
                .expect("a file to write");
        }
        let line = golden.expected.lines().zip(ended.transcript.lines()).position(|(a, b)| a != b);
        let line = line.unwrap_or_else(|| golden.expected.lines().count().min(ended.transcript.lines().count()));
        let at = |text: &str| text.lines().nth(line).unwrap_or("(nothing)").to_string();
        differing.push(format!(
            "{} line {}:\n  expected {}\n  actual   {}",
            path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
            line + 1,
            at(&golden.expected),
            at(&ended.transcript)
        ));
    }
    assert!(differing.is_empty() || update, "{}", differing.join("\n"));
}

#[test]
fn endless_and_broken_lines_end() {
    let mut workspace = Workspace::new(Settings::default());
    for line in [
        "yes",
        "while true; do :; done",
        "while :; do yes | head -1; done",
        "echo $(echo $(echo $(yes | head -3)))",
        "seq 1 1000000 | wc -l",
        "((((((((((",
        "echo \u{1b}[31mred\u{7}",
        "cat /dev/null | | x",
        "kubectl get pods -w",
        "ping -c 1 10.96.0.1",
    ] {
        let ended = script::run(workspace.cluster_mut(), &[], &format!("{line}\n^C\necho alive\n"));
        assert!(
            ended.transcript.contains("alive"),
            "{line}: {}",
            ended.transcript.chars().take(400).collect::<String>()
        );
        assert!(ended.transcript.len() < 64 << 20, "{line}");
    }
}
