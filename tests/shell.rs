//! Golden transcripts of the terminal: `tests/golden/shell/*.txt`. Each holds the manifests that the cluster starts with
//! (`== NAME` begins a file; one of `== tab NAME` is open in the editor, but not applied) and, behind `== transcript`, what somebody types and what comes. `UPDATE_GOLDEN=1` writes down
//! what comes now; the difference is then read, not trusted.

use giljabi::api::time::Duration;
use giljabi::cluster::{ProxyMode, Settings};
use giljabi::shell::terminal::{State, Terminal};
use giljabi::shell::{Computer, Event, script};
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

/// Whether a line is a command whose `<…>` stand for anything.
fn is_typed(pattern: &str, line: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('<').filter(|(_, rest)| rest.contains('>')) else {
        return pattern == line;
    };
    let (_, after) = rest.split_once('>').expect("it was looked for");
    let Some(left) = line.strip_prefix(before) else { return false };
    (0..=left.len()).filter(|at| left.is_char_boundary(*at)).any(|at| is_typed(after, &left[at..]))
}

#[test]
fn every_command_of_the_notes_has_a_transcript() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let table = std::fs::read_to_string(folder.join("commands.tsv")).expect("the table");
    let mut places = std::collections::BTreeSet::new();
    let mut missing = Vec::new();
    for row in table.lines().filter(|l| !l.starts_with('#')) {
        let [place, command, file] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("three columns: {row}") };
        if place != "-" {
            assert!(places.insert(place.to_string()), "{place} stands twice");
        }
        let text = std::fs::read_to_string(folder.join(format!("shell/{file}.txt"))).expect("a transcript");
        let lines = typed(&read(&text).expected);
        let bare =
            |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches("$ ").to_string();
        if !lines.lines().any(|line| is_typed(command, &bare(line))) {
            missing.push(format!("{place} {command} ({file})"));
        }
    }
    assert!(missing.is_empty(), "not typed: {missing:#?}");
    // Lines 128 to 132 of note 004 are one entry of five commands.
    let entries = places.iter().filter(|p| !("004-129"..="004-132").contains(&p.as_str())).count();
    assert_eq!(entries, 56, "entries of the notes");
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
        ":(){ :|:& };:",
        "f() { f; }; f",
        "for ((;;)); do :; done",
        "while :; do sleep 1 & done",
        "a=a; echo $((a)); echo $((a[a[a]]))",
        "echo {1..999999999} {a,b}{c,d}{e,f}{g,h}{1..9999}",
        "yes | awk '{n++} END {print n}'",
        "awk 'BEGIN {while (1) print 1}' | tail -1",
        "yes | sed p | head -3",
        "yes | xargs -n1 echo | head -2",
        "printf '%99999999s' x | wc -c",
        "echo 'x' > x.sh; echo '. ./x.sh' > x.sh; . ./x.sh",
        "s=x; while :; do s=$s$s; done",
        "x='$x'; eval eval eval $x; alias l=l; l",
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

/// A terminal with somebody at it, who types while things run and saves what the editor shows.
struct Seat {
    workspace: Workspace,
    computer: Computer,
    terminal: Terminal,
    /// What the editor shows: file, text.
    editor: Option<(String, String)>,
    reading: bool,
}

impl Seat {
    fn new(manifest: &str) -> Seat {
        let mut workspace = Workspace::new(Settings::default());
        workspace.set_files(vec![File { name: "web.yaml".into(), text: manifest.to_string() }]);
        Seat { workspace, computer: Computer::default(), terminal: Terminal::new(), editor: None, reading: false }
    }

    /// Goes on until a prompt stands there, a line is wanted, or an editor is open; what was printed.
    fn go_on(&mut self) -> String {
        let mut printed = String::new();
        for _ in 0..10_000 {
            let cluster = self.workspace.cluster_mut();
            let (state, events) = self.terminal.step(cluster, &mut self.computer, &[]);
            for event in events {
                match event {
                    Event::Out(text) | Event::Err(text) => printed.push_str(&text),
                    Event::Edit { file, text, .. } => self.editor = Some((file, text)),
                    _ => {}
                }
            }
            self.reading = state == State::Reading;
            match state {
                State::Prompt | State::Reading => break,
                State::Waiting(_) if self.editor.is_some() => break,
                State::Waiting(until) => {
                    let left = until.since(cluster.now());
                    cluster.run_for(left);
                }
                State::Busy => {}
            }
        }
        printed
    }

    fn enter(&mut self, line: &str) -> String {
        let at_once = self.terminal.enter(line);
        let printed = at_once.into_iter().filter_map(|event| match event {
            Event::Out(text) | Event::Err(text) => Some(text),
            _ => None,
        });
        printed.collect::<String>() + &self.go_on()
    }

    fn save(&mut self, change: impl FnOnce(&str) -> String) -> String {
        let (file, text) = self.editor.take().expect("an editor is open");
        self.computer.saved.insert(file, Some(change(&text)));
        self.workspace.cluster_mut().run_for(Duration::secs(1));
        self.go_on()
    }
}

const WEB: &str = "
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

#[test]
fn an_edit_is_sent_and_comes_back_with_the_servers_reasons() {
    let mut seat = Seat::new(WEB);
    assert_eq!(seat.enter("kubectl edit svc web"), "");
    let refused = seat.save(|text| text.replace("port: 80", "port: 0"));
    assert_eq!(refused, "error: services \"web\" is invalid\n");
    let (_, again) = seat.editor.clone().expect("the editor opens again");
    assert!(again.contains("# services \"web\" was not valid:\n# * spec.ports[0].port: Invalid value: 0"), "{again}");
    assert!(again.contains("port: 0"), "nothing that was written is lost");
    assert_eq!(seat.save(|text| text.replace("port: 0", "port: 81")), "service/web edited\n");
    assert_eq!(seat.enter("kubectl get svc web -o jsonpath='{.spec.ports[0].port}'"), "81");
    // Saved as it was, saved twice with the same mistake, and no YAML at all.
    seat.enter("kubectl edit svc web");
    assert_eq!(seat.save(str::to_string), "Edit cancelled, no changes made.\n");
    seat.enter("kubectl edit svc web");
    seat.save(|text| text.replace("port: 81", "port: 0"));
    let kept = seat.save(str::to_string);
    assert!(kept.ends_with("error: Edit cancelled, no valid changes were saved.\n"), "{kept}");
    let name = kept.split('"').nth(1).expect("the name of the copy").to_string();
    assert!(seat.enter(&format!("cat {name}")).contains("port: 0"));
    seat.enter("kubectl edit svc web");
    seat.save(|text| text.replace("spec:", "spec: ["));
    assert!(seat.editor.take().is_some_and(|(_, text)| text.contains("# The edited file had a syntax error")));
    let cluster = seat.workspace.cluster_mut();
    seat.terminal.interrupt(cluster, &mut seat.computer, &[]);
    assert_eq!(seat.enter("echo alive"), "alive\n");
}

#[test]
fn programs_read_what_is_typed_until_the_end_of_input() {
    let mut seat = Seat::new(WEB);
    seat.enter("kubectl apply -f -");
    assert!(seat.reading);
    for line in ["apiVersion: v1", "kind: ConfigMap", "metadata: {name: typed}"] {
        seat.terminal.give(line);
        seat.go_on();
    }
    seat.terminal.end_of_input();
    assert_eq!(seat.go_on(), "configmap/typed created\n");
    seat.enter("read a b && echo \"$b $a\"");
    seat.terminal.give("one two");
    assert_eq!(seat.go_on(), "two one\n");
    seat.enter("grep -n x");
    seat.terminal.give("axb");
    assert_eq!(seat.go_on(), "1:axb\n");
}

#[test]
fn history_put_into_lines_grows_no_farther_than_a_line_may() {
    let mut seat = Seat::new(WEB);
    seat.enter(&format!(": {}", "x".repeat(1_000)));
    let mut refused = 0;
    for _ in 0..40 {
        let printed = seat.enter(": !! !! !! !!");
        assert!(printed.len() <= (1 << 20) + 1);
        refused += u32::from(printed == "bash: the input is too long\n");
    }
    assert!(refused >= 30, "only the first few fit");
    assert_eq!(seat.enter(&format!("echo {}", "!$".repeat(2_000))), "bash: the input is too long\n");
    assert_eq!(seat.enter("echo alive"), "alive\n");
}

/// What a terminal prints for lines that are typed one after the other.
fn printed(lines: impl IntoIterator<Item = String>) -> String {
    let (mut workspace, mut computer) = (Workspace::new(Settings::default()), Computer::default());
    let mut terminal = Terminal::new();
    let mut out = String::new();
    let mut show = |events: Vec<Event>| {
        for event in events {
            if let Event::Out(text) | Event::Err(text) = event {
                out.push_str(&text);
            }
        }
    };
    for line in lines {
        show(terminal.enter(&line));
        while terminal.is_running() {
            let (state, events) = terminal.step(workspace.cluster_mut(), &mut computer, &[]);
            show(events);
            if let State::Waiting(until) = state {
                let time = until.since(workspace.cluster().now());
                workspace.cluster_mut().run_for(time);
            }
        }
    }
    out
}

#[test]
fn what_is_pasted_is_bounded_by_what_it_weighs() {
    for word in ["> a ", ">a", "a& ", "a|", ":;", "a=1 ", "$a", "$(a)", "<(a) ", "a&&", "`a`", "\"$a\" ", "<<<a "] {
        let line = format!("echo {}", word.repeat(260_000 / word.len()));
        assert_eq!(printed([line]), "bash: the input is too long\n", "{word}");
    }
    // Text weighs what it is long.
    let lines = (0..6_000).map(|i| format!("line {i} of many $a"));
    let document = ["wc -l <<EOF".to_string()].into_iter().chain(lines).chain(["EOF".to_string()]);
    assert_eq!(printed(document), "6000\n");
    assert_eq!(printed([format!("echo {} | wc -c", "a".repeat(900_000))]), "900001\n");
}

#[test]
fn a_job_is_called_by_its_own_command() {
    let typed = ["sleep 50 & sleep 60 | cat & true && sleep 70 &", "jobs"].map(str::to_string);
    let out = printed(typed);
    let jobs: Vec<&str> = out.lines().filter(|line| line.contains("Running")).collect();
    assert_eq!(jobs.len(), 3, "{out}");
    for (line, command) in jobs.iter().zip(["sleep 50 &", "sleep 60 | cat &", "true && sleep 70 &"]) {
        assert!(line.ends_with(&format!(" {command}")), "{out}");
    }
}
